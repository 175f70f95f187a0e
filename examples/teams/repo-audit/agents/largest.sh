#!/bin/sh
# Answers: which files are the largest?
#
# This agent's habit is to weigh only what it shows, and its contract wants `total_bytes`, the weight of all files, too.
# It remembers nothing between attempts: it reads the `feedback` it is given, and mends what that names.

lib=$(cd "$(dirname "$0")/lib" && pwd) && . "$lib/common.sh" || exit 1

# Feedback is null, a verdict with its details, or a plain text: wherever it names the field counts.
asked=$(json_awk '
    BEGIN { RS = "\"" }
    { json_take($0) }
    END {
        json_end()
        for (place in json_value)
            if (place ~ /^\/feedback(\/|$)/ && index(json_value[place], "total_bytes")) asked = 1
        print asked + 0
    }')
exec </dev/null

enter "${1-}"
choose_listing

# shellcheck disable=SC2016  # awk
over_files sizes | sort -t "$tab" -k3,3nr -k1,1 | json_awk '
BEGIN {
    FS = "\t"
    printf "{\"output\":{\"files\":["
}
$2 == "bytes" {
    counted++
    all += $3
    if (counted <= 15)
        printf "%s{\"file\":%s,\"bytes\":%s}", (counted > 1 ? "," : ""), json_string(name_of_line($1)), json_number($3)
}
END {
    printf "],\"counted\":%d", counted
    if (asked) printf ",\"total_bytes\":%s", json_number(all)
    printf "},\"format\":\"json\"}\n"
}
' asked="$asked" -
