#!/bin/sh
# Answers: where do TODO and FIXME stand, by file and line?
#
# A line counts once for TODO if it holds that word in capitals, and once for FIXME likewise: "TODO(ada):" counts,
# "TODOs" does not. Letters, digits and underscores make words. Binary files are not searched. The counts
# are exact; of a very long list only the beginning is handed on, and `omitted` says how much is missing.

lib=$(cd "$(dirname "$0")/lib" && pwd) && . "$lib/common.sh" || exit 1
exec </dev/null

enter "${1-}"
choose_listing

# shellcheck disable=SC2016  # awk
over_files todos | sort -t "$tab" -k1,1 -k2,2n -k3,3 | json_awk '
BEGIN {
    FS = "\t"
    printf "{\"output\":{\"items\":["
}
$2 == "unreadable" { unreadable++ }
$3 == "TODO" || $3 == "FIXME" {
    count[$3]++
    if ($1 != last) files++
    last = $1
    if (listed < 500 && room < 1000000) {
        item = sprintf("{\"file\":%s,\"line\":%d,\"kind\":\"%s\"", json_string(name_of_line($1)), $2, $3)
        sub(/^[^\t]*\t[^\t]*\t[^\t]*\t/, "")
        item = item ",\"text\":" json_string($0) "}"
        room += length(item)
        printf "%s%s", (listed++ ? "," : ""), item
    }
}
END {
    all = count["TODO"] + count["FIXME"]
    printf "],\"todo\":%d,\"fixme\":%d,\"total\":%d", count["TODO"], count["FIXME"], all
    printf ",\"files\":%d,\"omitted\":%d,\"unreadable\":%d},\"format\":\"json\"}\n", files, all - listed, unreadable
}
'
