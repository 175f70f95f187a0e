# The report itself: one function for each section, helpers for safe Markdown below.

BEGIN { RS = "\"" }
{ json_take($0) }
END {
    if (json_end() != "") {
        printf "{\"error\":{\"message\":%s,\"retryable\":false}}\n", json_string(json_error)
        exit
    }
    say("# Audit of " title(have("inventory") ? get("inventory", "name") : last_of_path(json_value["/params/path"])))
    summary()
    inventory()
    todos()
    largest()
    history()
    licences()
    printf "{\"output\":\""
    for (n = 1; n <= line_count; n++) {
        text = json_string(lines[n])
        printf "%s%s", (n > 1 ? "\\n" : ""), substr(text, 2, length(text) - 2)
    }
    printf "\",\"format\":\"markdown\"}\n"
}

function summary(    state, names) {
    section("Summary")
    if (have("inventory")) {
        say("- " plural(get("inventory", "files"), "file") ", " plural(get("inventory", "lines"), "line") " of text, " \
            weight(get("inventory", "bytes")) "; " get("inventory", "binary/files") " binary, " \
            get("inventory", "unreadable/files") " unreadable")
        if (number("inventory", "lines") > 0)
            say("- Most lines: " get("inventory", "languages/0/language") ", " \
                share(get("inventory", "languages/0/lines"), get("inventory", "lines")) " of all lines")
    }
    if (have("todos")) say("- " found_todos())
    if (have("largest")) {
        if (number("largest", "counted") > 0)
            say("- Largest file: " name_span(get("largest", "files/0/file")) ", " weight(get("largest", "files/0/bytes")) ", " \
                share(get("largest", "files/0/bytes"), get("largest", "total_bytes")) " of all bytes")
        else say("- Largest file: none, 0 bytes in all")
    }
    if (have("history")) {
        state = get("history", "state")
        if (state == "history")
            say("- " plural(get("history", "commits"), "commit") ", the last on " get("history", "recent/0/date"))
        else say("- " (state == "unavailable" ? "0 commits can be read" : "0 commits") ": " prose(get("history", "note")))
    }
    if (have("licences")) {
        names = joined("licences", "spdx")
        say("- " plural(get("licences", "count"), "licence file") (names == "" ? "" : ": " names))
    }
}

function inventory(    n, count, at) {
    if (!begin("Inventory", "inventory")) return
    say(plural(get("inventory", "files"), "file") ", listed by " \
        (get("inventory", "listing") == "git" ? "git, without what is ignored." : "walking the folder."))
    count = size_of("inventory", "languages")
    if (count) {
        say("")
        say("| Language | Files | Lines | Bytes |")
        say("|---|---:|---:|---:|")
        for (n = 0; n < count && n < 40; n++) {
            at = "languages/" n "/"
            say("| " get("inventory", at "language") " | " get("inventory", at "files") " | " \
                get("inventory", at "lines") " | " get("inventory", at "bytes") " |")
        }
        more(count - n, "language")
    }
    say("")
    say("- Binary: " plural(get("inventory", "binary/files"), "file") ", " weight(get("inventory", "binary/bytes")))
    if (number("inventory", "unreadable/files") + number("inventory", "unreadable/folders") > 0)
        say("- Not readable, without lines and bytes above: " plural(get("inventory", "unreadable/files"), "file") ", " \
            plural(get("inventory", "unreadable/folders"), "folder"))
    if (number("inventory", "nested_checkouts") > 0)
        say("- Not entered: " plural(get("inventory", "nested_checkouts"), "nested git checkout"))
}

function todos(    n, count, at) {
    if (!begin("To do", "todos")) return
    say(found_todos() ".")
    count = size_of("todos", "items")
    if (count) say("")
    for (n = 0; n < count && n < 100; n++) {
        at = "items/" n "/"
        say("- " name_span(get("todos", at "file")) " line " get("todos", at "line") ", " get("todos", at "kind") ": " \
            code_span(get("todos", at "text")))
    }
    more(get("todos", "total") - n, "finding")
    if (number("todos", "unreadable") > 0) {
        say("")
        say(plural(get("todos", "unreadable"), "file") " could not be read.")
    }
}

function largest(    n, count, at) {
    if (!begin("Largest files", "largest")) return
    say(plural(get("largest", "counted"), "file") ", " plural(get("largest", "total_bytes"), "byte") " in all.")
    count = size_of("largest", "files")
    if (count) say("")
    for (n = 0; n < count; n++) {
        at = "files/" n "/"
        say("- " name_span(get("largest", at "file")) ": " weight(get("largest", at "bytes")) ", " \
            share(get("largest", at "bytes"), get("largest", "total_bytes")))
    }
    more(get("largest", "counted") - n, "file")
}

function history(    n, count, at) {
    if (!begin("History", "history")) return
    if (get("history", "state") != "history") {
        say(sentence(prose(get("history", "note"))))
        return
    }
    say(plural(get("history", "commits"), "commit") " (" get("history", "note") \
        (get("history", "shallow") == "true" ? ", shallow: older ones are not here" : "") "), " \
        plural(get("history", "author_count"), "author") \
        (number("history", "commits") > 1000 ? " of the newest 1000" : "") ".")
    say("")
    count = size_of("history", "authors")
    for (n = 0; n < count; n++)
        say("- " prose(get("history", "authors/" n "/name")) ": " plural(get("history", "authors/" n "/commits"), "commit"))
    more(get("history", "author_count") - n, "author")
    say("")
    say("Newest first:")
    say("")
    count = size_of("history", "recent")
    for (n = 0; n < count; n++) {
        at = "recent/" n "/"
        say("- " code_span(get("history", at "id")) " " prose(get("history", at "date")) ", " \
            prose(get("history", at "author")) ": " prose(get("history", at "subject")))
    }
    more(get("history", "commits") - n, "commit")
}

function licences(    n, count, at) {
    if (!begin("Licences", "licences")) return
    say(sentence(plural(get("licences", "count"), "licence file") " found"))
    count = size_of("licences", "files")
    if (count) say("")
    for (n = 0; n < count && n < 40; n++) {
        at = "files/" n "/"
        say("- " name_span(get("licences", at "file")) ": " \
            (json_type[place("licences", at "spdx")] == "string" ? prose(get("licences", at "spdx")) \
            : get("licences", at "kind") == "notice" ? "a notice" : "licence not recognised") \
            ", " weight(get("licences", at "bytes")))
    }
    more(get("licences", "count") - n, "licence file")
}

function found_todos() {
    return get("todos", "todo") " TODO and " get("todos", "fixme") " FIXME in " plural(get("todos", "files"), "file")
}

# ---- what the others said ----

function place(task, pointer) {
    return "/inputs/" task "/content/" pointer
}

function have(task) {
    return json_type["/inputs/" task "/content"] == "object"
}

function get(task, pointer) {
    return json_value[place(task, pointer)]
}

# What was read is text, and would be compared as text.
function number(task, pointer) {
    return get(task, pointer) + 0
}

function size_of(task, pointer) {
    return json_size[place(task, pointer)] + 0
}

function joined(task, pointer,    n, text) {
    for (n = 0; n < size_of(task, pointer) && n < 10; n++) text = text (n ? ", " : "") prose(get(task, pointer "/" n))
    return text (size_of(task, pointer) > n ? " and " (size_of(task, pointer) - n) " more" : "")
}

# ---- lines ----

function say(text) {
    lines[++line_count] = text
}

function section(name) {
    say("")
    say("## " name)
    say("")
}

function begin(name, task) {
    section(name)
    if (!have(task)) say("Not delivered: the task " code_span(task) " did not complete.")
    return have(task)
}

function more(count, noun) {
    if (count <= 0) return
    say("")
    say("... and " count " more " (count == 1 ? noun : noun "s") ".")
}

# ---- numbers and words ----

function plural(count, noun) {
    return count " " noun (count == 1 ? "" : "s")
}

function weight(bytes) {
    bytes += 0
    if (bytes < 1000) return plural(bytes, "byte")
    if (bytes < 1000000) return sprintf("%.1f kB", bytes / 1000)
    if (bytes < 1000000000) return sprintf("%.1f MB", bytes / 1000000)
    return sprintf("%.1f GB", bytes / 1000000000)
}

function share(part, whole) {
    return whole + 0 > 0 ? sprintf("%.1f %%", 100 * part / whole) : "0.0 %"
}

function sentence(text) {
    return toupper(substr(text, 1, 1)) substr(text, 2) "."
}

function last_of_path(path) {
    sub(/(\/\.?)*$/, "", path)
    sub(/.*\//, "", path)
    return path == "" ? "/" : path
}

# ---- foreign text as Markdown ----

function title(name) {
    return name ~ /[]\\`*_<>[#&|~]|^ | $/ || visible(name) != name ? name_span(name) : name
}

# Returns a name such that no two names look the same.
function name_span(name) {
    return code_span(replace_all(name, "\\", "\\\\"))
}

# Returns a code span that nothing in the text can end.
function code_span(text,    fence) {
    text = clip(visible(text), 240)
    fence = "`"
    while (index(text, fence)) fence = fence "`"
    if (text ~ /^`|`$|^ .* $|^ *$/) text = " " text " "
    return fence text fence
}

function prose(text,    done, at, character) {
    text = clip(visible(text), 240)
    if (text !~ /[]\\`*<>[]/) return text
    for (at = 1; at <= length(text); at++) {
        character = substr(text, at, 1)
        done = done (index("\\`*<>[]", character) ? "\\" : "") character
    }
    return done
}

# Returns the text with control characters, and those that turn or hide text, written as escapes.
function visible(text,    done, at, wide, part, byte) {
    if (text !~ /[^ -~]/) return text
    done = ""
    for (at = 1; at <= length(text); at += wide) {
        wide = utf8_width(text, at)
        if (!wide) wide = 1
        part = substr(text, at, wide)
        byte = byte_of(substr(part, 1, 1))
        if (part == "\n") part = "\\n"
        else if (part == "\t") part = "\\t"
        else if (part == "\r") part = "\\r"
        else if (byte < 32 || byte == 127) part = sprintf("\\x%02x", byte)
        else if (byte == 194 && byte_of(substr(part, 2, 1)) < 160) part = sprintf("\\u{%x}", byte_of(substr(part, 2, 1)))
        else if (hides(part)) part = sprintf("\\u{%x}", 8192 + (byte_of(substr(part, 2, 1)) - 128) * 64 + byte_of(substr(part, 3, 1)) - 128)
        done = done part
    }
    return done
}

# U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F.
function hides(part,    second, third) {
    if (length(part) != 3 || byte_of(substr(part, 1, 1)) != 226) return 0
    second = byte_of(substr(part, 2, 1))
    third = byte_of(substr(part, 3, 1))
    return (second == 128 && ((third >= 139 && third <= 143) || (third >= 168 && third <= 174))) || \
        (second == 129 && third >= 160 && third <= 175)
}
