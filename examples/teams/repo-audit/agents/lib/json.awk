# Reads JSON into awk arrays, writes strings as JSON, and turns names into lines and back.
#
# Reading: set RS to a double quote, hand every record to json_take and call json_end once. Then
# json_type[P] and json_value[P] hold what stands at the JSON pointer P ("" is the whole), json_size[P]
# how many members or items it has, json_error what was wrong. U+0000 and lone surrogates become U+FFFD.

# ---- reading ----

# A record is what stands between two quotes, so every record but the first begins behind one.
function json_take(record) {
    if (json_begun++) json_quote()
    if (json_in_string) json_text = json_text record
    else json_between(record)
}

function json_end() {
    if (json_in_string || json_depth || json_want != "end") json_fail("it ends too early")
    return json_error
}

function json_fail(what) {
    if (json_error == "") json_error = "malformed JSON: " what
}

function json_quote() {
    if (!json_in_string) {
        json_in_string = 1
        json_text = ""
    } else if (match(json_text, /\\+$/) && RLENGTH % 2) {
        json_text = json_text "\""
    } else {
        json_in_string = 0
        json_text = json_unescape(json_text)
        if (json_want == "key" || json_want == "key or end") {
            json_key[json_depth] = json_text
            json_want = "colon"
        } else json_leaf("string", json_text)
    }
}

function json_between(part,    at, character, word) {
    for (at = 1; at <= length(part); at++) {
        character = substr(part, at, 1)
        if (index(" \t\r\n", character)) continue
        if (character == "{") json_open("object", "key or end")
        else if (character == "[") json_open("array", "value or end")
        else if (character == "}") json_close("object", "key or end")
        else if (character == "]") json_close("array", "value or end")
        else if (character == "," && json_want == "comma")
            json_want = json_kind[json_depth] == "object" ? "key" : "value"
        else if (character == ":" && json_want == "colon") json_want = "value"
        else if (index(",:", character)) json_fail("unexpected " character)
        else {
            word = character
            while (at < length(part) && !index(" \t\r\n{}[],:", substr(part, at + 1, 1)))
                word = word substr(part, ++at, 1)
            if (word == "null") json_leaf("null", "")
            else if (word == "true" || word == "false") json_leaf("boolean", word)
            else if (word ~ /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/) json_leaf("number", word)
            else json_fail("unexpected " word)
        }
    }
}

function json_leaf(type, value,    path) {
    path = json_place(type)
    json_value[path] = value
    json_want = json_depth ? "comma" : "end"
}

function json_open(type, want,    path) {
    path = json_place(type)
    json_path[++json_depth] = path
    json_kind[json_depth] = type
    json_want = want
}

function json_close(type, want) {
    if (!json_depth || json_kind[json_depth] != type || (json_want != "comma" && json_want != want))
        json_fail("unexpected end of " type)
    else json_want = --json_depth ? "comma" : "end"
}

# Returns the pointer of the value that begins here.
function json_place(type,    path, key) {
    if (json_want != "" && json_want != "value" && json_want != "value or end") json_fail("unexpected " type)
    path = ""
    if (json_depth) {
        key = json_kind[json_depth] == "array" ? json_size[json_path[json_depth]] + 0 : json_key[json_depth]
        json_size[json_path[json_depth]]++
        path = json_path[json_depth] "/" replace_all(replace_all(key, "~", "~0"), "/", "~1")
    }
    json_type[path] = type
    json_size[path] = 0
    return path
}

function json_unescape(text,    done, at, mark, code, low) {
    done = ""
    while (at = index(text, "\\")) {
        mark = substr(text, at + 1, 1)
        done = done substr(text, 1, at - 1)
        text = substr(text, at + 2)
        if (mark == "u") {
            code = json_hex(text)
            text = substr(text, 5)
            if (code >= 55296 && code < 56320 && substr(text, 1, 2) == "\\u") {
                low = json_hex(substr(text, 3))
                if (low >= 56320 && low < 57344) {
                    code = 65536 + (code - 55296) * 1024 + low - 56320
                    text = substr(text, 7)
                }
            }
            done = done utf8_of(code)
        } else if (index("\"\\/", mark) && mark != "") done = done mark
        else if (index("bfnrt", mark) && mark != "") done = done substr("\b\f\n\r\t", index("bfnrt", mark), 1)
        else json_fail("unknown escape \\" mark)
    }
    return done text
}

function json_hex(text,    at, code) {
    text = tolower(substr(text, 1, 4))
    if (text !~ /^[0-9a-f][0-9a-f][0-9a-f][0-9a-f]$/) json_fail("bad escape \\u" text)
    for (at = 1; at <= 4; at++) code = code * 16 + index("0123456789abcdef", substr(text, at, 1)) - 1
    return code
}

function utf8_of(code) {
    if (code == 0 || (code >= 55296 && code < 57344)) code = 65533
    if (code < 128) return sprintf("%c", code)
    if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
    if (code < 65536) return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
    return sprintf("%c%c%c%c", 240 + int(code / 262144), 128 + int(code / 4096) % 64, 128 + int(code / 64) % 64, 128 + code % 64)
}

# ---- writing ----

# Returns any bytes as a JSON string that is valid UTF-8: a byte that is not becomes U+FFFD.
function json_string(text,    at, done, part, wide) {
    if (text !~ /[^] !#-[^-~]/) return "\"" text "\""
    done = ""
    for (at = 1; at <= length(text); at += wide) {
        wide = utf8_width(text, at)
        part = substr(text, at, wide ? wide : 1)
        if (!wide) {
            part = utf8_of(65533)
            wide = 1
        } else if (part == "\"" || part == "\\") part = "\\" part
        else if (part == "\n") part = "\\n"
        else if (part == "\t") part = "\\t"
        else if (part == "\r") part = "\\r"
        else if (wide == 1 && byte_of(part) < 32) part = sprintf("\\u%04x", byte_of(part))
        done = done part
    }
    return "\"" done "\""
}

# Numbers beyond 2^31 are not safe with %d everywhere.
function json_number(n) {
    return sprintf("%.0f", n)
}

# Returns how many bytes the character at this place has, 0 if it is not UTF-8.
function utf8_width(text, at,    lead, second, wide, more) {
    lead = byte_of(substr(text, at, 1))
    if (lead < 128) return 1
    if (lead < 194 || lead > 244) return 0
    wide = lead < 224 ? 2 : lead < 240 ? 3 : 4
    second = byte_of(substr(text, at + 1, 1))
    if (second < (lead == 224 ? 160 : lead == 240 ? 144 : 128)) return 0
    if (second > (lead == 237 ? 159 : lead == 244 ? 143 : 191)) return 0
    for (more = 2; more < wide; more++)
        if (byte_of(substr(text, at + more, 1)) < 128 || byte_of(substr(text, at + more, 1)) > 191) return 0
    return wide
}

# Returns 0 for nothing at all: no awk is sure to keep NUL bytes.
function byte_of(character,    n) {
    if (!byte_count)
        for (byte_count = 1; byte_count < 256; byte_count++) byte_table[sprintf("%c", byte_count)] = byte_count
    return character in byte_table ? byte_table[character] : 0
}

# ---- names and texts ----

function replace_all(text, old, new,    done, at) {
    done = ""
    while (at = index(text, old)) {
        done = done substr(text, 1, at - 1) new
        text = substr(text, at + length(old))
    }
    return done text
}

function line_of_name(name) {
    return replace_all(replace_all(replace_all(name, "\\", "\\\\"), "\n", "\\n"), "\t", "\\t")
}

# Returns the name that a line stands for, without the leading "./".
function name_of_line(line,    done, at, mark) {
    done = ""
    sub(/^\.\//, "", line)
    while (at = index(line, "\\")) {
        mark = substr(line, at + 1, 1)
        done = done substr(line, 1, at - 1) (mark == "n" ? "\n" : mark == "t" ? "\t" : mark)
        line = substr(line, at + 2)
    }
    return done line
}

# Returns at most `most` characters, and says so if there were more.
function clip(text, most,    at, wide, count) {
    if (length(text) <= most) return text
    for (at = 1; at <= length(text); at += wide) {
        if (++count > most) return substr(text, 1, at - 1) "..."
        wide = utf8_width(text, at)
        if (!wide) wide = 1
    }
    return text
}
