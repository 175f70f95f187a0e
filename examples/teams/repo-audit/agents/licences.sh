#!/bin/sh
# Answers: which licence files are here, and what is the SPDX name of each?
#
# The name is told from the text, and is null where the text tells of none or of several. Names of the
# GNU licences stay without "-only" or "-or-later", which the licence text does not say.

lib=$(cd "$(dirname "$0")/lib" && pwd) && . "$lib/common.sh" || exit 1
exec </dev/null

enter "${1-}"
choose_listing

# shellcheck disable=SC2016  # awk
over_files licences | sort -t "$tab" -k1,1 -k2,2 | json_awk '
BEGIN {
    FS = "\t"
    printf "{\"output\":{\"files\":["
}
$2 == "bytes" { flush(); file = $1; bytes = $3 }
$2 == "text" && $1 == file { text = $3 }
END {
    flush()
    printf "],\"count\":%d,\"omitted\":%d,\"spdx\":[%s]},\"format\":\"json\"}\n", count, count - listed, names
}

function flush(    base, kind, spdx) {
    if (file == "") return
    base = tolower(file)
    sub(/.*\//, "", base)
    kind = base ~ /^notice/ ? "notice" : "licence"
    spdx = kind == "licence" ? spdx_of(text) : ""
    if (++count <= 100) {
        printf "%s{\"file\":%s,\"kind\":\"%s\"", (listed++ ? "," : ""), json_string(name_of_line(file)), kind
        printf ",\"bytes\":%s,\"spdx\":%s}", json_number(bytes), (spdx == "" ? "null" : json_string(spdx))
    }
    if (spdx != "" && !(spdx in known) && ++kinds <= 50) {
        known[spdx]
        names = names (names == "" ? "" : ",") json_string(spdx)
    }
    file = text = ""
}

function spdx_of(text,    gnu) {
    guess = ""
    guesses = 0
    gnu = title_of_gnu(substr(text, 1, 200))
    if (gnu != "") return gnu
    if (text ~ /apache license,? version 2\.0/) guessed("Apache-2.0")
    if (text ~ /permission is hereby granted,? free of charge,? to any person obtaining a copy of this software/) {
        if (text !~ /subject to the following conditions/) guessed("MIT-0")
        else guessed(text ~ /except as contained in this notice/ ? "X11" : "MIT")
    } else if (text ~ /(^|[^a-z0-9])mit license/) guessed("MIT")
    if (text ~ /redistribution and use in source and binary forms/) {
        if (text ~ /all advertising materials/) guessed("BSD-4-Clause")
        else guessed(text ~ /neither the name|names? of .* may not be used/ ? "BSD-3-Clause" : "BSD-2-Clause")
    }
    if (text ~ /permission to use, copy, modify,? and(\/| )?or distribute this software for any purpose/)
        guessed(text ~ /provided that the above copyright notice/ ? "ISC" : "0BSD")
    if (text ~ /mozilla public license,? (version|v\.) 2\.0/) guessed("MPL-2.0")
    if (text ~ /eclipse public license - v ?2\.0/) guessed("EPL-2.0")
    if (text ~ /european union public licen[cs]e v\. ?1\.2/) guessed("EUPL-1.2")
    if (text ~ /boost software license - version 1\.0/) guessed("BSL-1.0")
    if (text ~ /altered source versions must be plainly marked/) guessed("Zlib")
    if (text ~ /free and unencumbered software released into the public domain/) guessed("Unlicense")
    if (text ~ /cc0 1\.0 universal/) guessed("CC0-1.0")
    if (text ~ /attribution-sharealike 4\.0 international/) guessed("CC-BY-SA-4.0")
    else if (text ~ /attribution 4\.0 international/) guessed("CC-BY-4.0")
    if (text ~ /sil open font license version 1\.1/) guessed("OFL-1.1")
    if (text ~ /unicode license v3/) guessed("Unicode-3.0")
    if (text ~ /blue oak model license/) guessed("BlueOak-1.0.0")
    if (text ~ /do what the fuck you want to public license/) guessed("WTFPL")
    return guesses == 1 ? guess : ""
}

function guessed(spdx) {
    guess = spdx
    guesses++
}

function title_of_gnu(title,    family, version) {
    if (title ~ /gnu affero general public license/) family = "AGPL"
    else if (title ~ /gnu (lesser|library) general public license/) family = "LGPL"
    else if (title ~ /gnu general public license/) family = "GPL"
    else return ""
    if (!match(title, /version [0-9](\.[0-9])?/)) return ""
    version = substr(title, RSTART + 8, RLENGTH - 8)
    return family "-" version (version ~ /\./ ? "" : ".0")
}
'
