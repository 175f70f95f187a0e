#!/bin/sh
# Answers: how many files, bytes and lines are here, by language? Binary and unreadable files are counted apart.
#
# The language is told by the name alone. A file with a NUL byte is binary. In a git checkout, what
# .gitignore leaves out is left out here.

lib=$(cd "$(dirname "$0")/lib" && pwd) && . "$lib/common.sh" || exit 1
exec </dev/null

enter "${1-}"
choose_listing
name=$(pwd -P && echo .) # the dot saves newlines at the end
name=${name%"$nl."}
NAME=${name##*/}
export NAME

# shellcheck disable=SC2016  # awk
over_files kinds | json_awk '
BEGIN {
    FS = "\t"
    table = "Rust:rs;C:c h;C++:cc cpp cxx hh hpp hxx;C#:cs;Objective-C:m mm;Go:go;Zig:zig;Java:java;Kotlin:kt kts;" \
        "Scala:scala sc;Groovy:groovy gradle;Clojure:clj cljs cljc edn;Swift:swift;Dart:dart;Python:py pyi;" \
        "Ruby:rb rake gemspec;PHP:php;Perl:pl pm;Lua:lua;R:r;Julia:jl;Haskell:hs lhs;OCaml:ml mli;F#:fs fsi fsx;" \
        "Erlang:erl hrl;Elixir:ex exs;Elm:elm;Lisp:lisp el scm;Fortran:f f90 f95;Pascal:pas;Assembly:s asm;" \
        "JavaScript:js mjs cjs jsx;TypeScript:ts mts cts tsx;Vue:vue;Svelte:svelte;HTML:html htm xhtml;" \
        "CSS:css scss sass less;SVG:svg;Shell:sh bash zsh fish;PowerShell:ps1;Batch:bat cmd;awk:awk;SQL:sql;" \
        "Protocol Buffers:proto;GraphQL:graphql gql;Terraform:tf tfvars;Nix:nix;Make:mk;CMake:cmake;TLA+:tla;" \
        "JSON:json jsonl json5;TOML:toml;YAML:yaml yml;XML:xml xsd xsl;INI:ini cfg conf properties;CSV:csv tsv;" \
        "Lock file:lock;Markdown:md markdown;reStructuredText:rst;AsciiDoc:adoc;TeX:tex bib sty;Text:txt text;" \
        "Notebook:ipynb;Patch:patch diff"
    count = split(table, groups, ";")
    for (i = 1; i <= count; i++) {
        split(groups[i], pair, ":")
        endings = split(pair[2], ending, " ")
        for (j = 1; j <= endings; j++) by_ending[ending[j]] = pair[1]
    }
    table = "makefile:Make;gnumakefile:Make;cmakelists.txt:CMake;dockerfile:Dockerfile;containerfile:Dockerfile;" \
        "gemfile:Ruby;rakefile:Ruby;.gitignore:Git settings;.gitattributes:Git settings;.gitmodules:Git settings;" \
        ".editorconfig:INI;go.mod:Go;go.sum:Lock file;package-lock.json:Lock file;pnpm-lock.yaml:Lock file;" \
        "license:Text;licence:Text;copying:Text;notice:Text;unlicense:Text;readme:Text;authors:Text;changelog:Text"
    count = split(table, groups, ";")
    for (i = 1; i <= count; i++) {
        split(groups[i], pair, ":")
        by_name[pair[1]] = pair[2]
    }
}

$2 == "bytes" { bytes[$1] = $3 + 0 }
$2 == "lines" { lines[$1] = $3 + 0 }
$2 == "binary" { binary[$1] }
$2 == "unreadable" { unreadable++ }
$2 == "nested" { nested++ }

END {
    # What vanished or was locked while we looked has one finding without the other.
    for (name in bytes) {
        all_bytes += bytes[name]
        if (name in binary) {
            binaries++
            binary_bytes += bytes[name]
        } else if (name in lines) {
            language = language_of(name)
            language_files[language]++
            language_bytes[language] += bytes[name]
            language_lines[language] += lines[name]
            texts++
            all_lines += lines[name]
        } else {
            unreadable++
            all_bytes -= bytes[name]
        }
    }
    count = 0
    for (language in language_files) {
        for (i = ++count; i > 1 && before(language, sorted[i - 1]); i--) sorted[i] = sorted[i - 1]
        sorted[i] = language
    }

    printf "{\"output\":{\"name\":%s,\"listing\":\"%s\"", json_string(ENVIRON["NAME"] == "" ? "/" : ENVIRON["NAME"]), listing
    printf ",\"files\":%s", json_number(texts + binaries + unreadable)
    printf ",\"bytes\":%s,\"lines\":%s,\"languages\":[", json_number(all_bytes), json_number(all_lines)
    for (i = 1; i <= count; i++) {
        language = sorted[i]
        printf "%s{\"language\":\"%s\",\"files\":%s", (i > 1 ? "," : ""), language, json_number(language_files[language])
        printf ",\"bytes\":%s,\"lines\":%s}", json_number(language_bytes[language]), json_number(language_lines[language])
    }
    printf "],\"binary\":{\"files\":%s,\"bytes\":%s}", json_number(binaries), json_number(binary_bytes)
    printf ",\"unreadable\":{\"files\":%s,\"folders\":%s}", json_number(unreadable), json_number(folders)
    printf ",\"nested_checkouts\":%s},\"format\":\"json\"}\n", json_number(nested)
}

function language_of(name) {
    sub(/.*\//, "", name)
    name = tolower(name)
    if (name in by_name) return by_name[name]
    sub(/^\.+/, "", name)
    if (!sub(/.*\./, "", name)) return "Other"
    return name in by_ending ? by_ending[name] : "Other"
}

function before(one, other) {
    if (language_lines[one] != language_lines[other]) return language_lines[one] > language_lines[other]
    return one < other
}
' listing="$listing" folders="$unreadable_folders" -
