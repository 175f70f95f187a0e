#!/bin/sh
# Answers: what happened here lately, and who did it?
#
# `state` says what can be known: "history", "no_commits", "not_a_checkout", or "unavailable" when git is missing or
# refuses; `note` says it in words. Below the top of a checkout, only commits that touch the folder count. Authors are
# those of the newest 1000 commits.

lib=$(cd "$(dirname "$0")/lib" && pwd) && . "$lib/common.sh" || exit 1
exec </dev/null

# answer STATE NOTE: from the lines "commits N", "shallow", "author N NAME", and "commit" with four lines behind it.
answer() {
    # shellcheck disable=SC2016  # awk
    NOTE=$2 json_awk '
    BEGIN { shallow = "false" }
    behind > 0 { field[4 - --behind] = $0; if (!behind) commit(); next }
    $1 == "commit" { behind = 4; next }
    $1 == "commits" { commits = $2 }
    $1 == "shallow" { shallow = "true" }
    $1 == "author" {
        if (++authors > 20) next
        line = $0
        sub(/^ *author +[0-9]+[ \t]/, "", line)
        list = list (authors > 1 ? "," : "") "{\"name\":" json_string(clip(line, 80)) ",\"commits\":" $2 "}"
    }
    function commit() {
        recent = recent (recent == "" ? "" : ",") "{\"id\":" json_string(field[1]) ",\"date\":" json_string(field[2]) \
            ",\"author\":" json_string(clip(field[3], 80)) ",\"subject\":" json_string(clip(field[4], 160)) "}"
    }
    END {
        printf "{\"output\":{\"state\":\"%s\",\"note\":%s,\"commits\":%d", state, json_string(ENVIRON["NOTE"]), commits
        printf ",\"shallow\":%s,\"author_count\":%d,\"authors\":[%s]", shallow, authors, list
        printf ",\"recent\":[%s]},\"format\":\"json\"}\n", recent
    }
    ' state="$1" -
    exit 0
}

enter "${1-}"
look_for_checkout
case $checkout in
    no) answer not_a_checkout "$reason" </dev/null ;;
    unknown) answer unavailable "$reason" </dev/null ;;
esac

git rev-parse -q --verify HEAD >/dev/null 2>&1 || answer no_commits 'a git checkout without commits yet' </dev/null

# At the top nothing is limited by path, or git would leave out merges and empty commits.
if [ -n "$(git rev-parse --show-prefix)" ]; then
    where='the folder, inside a larger git checkout'
    set -- .
else
    where='a git checkout'
    set --
fi

commits=$(git rev-list --count HEAD -- "$@" 2>&1) || answer unavailable "git refuses: ${commits%%"$nl"*}" </dev/null
[ "$commits" -gt 0 ] || answer no_commits "$where: no commit touches it yet" </dev/null

{
    echo "commits $commits"
    [ "$(git rev-parse --is-shallow-repository)" = true ] && echo shallow
    git log -n 1000 --format=%aN -- "$@" | sort | uniq -c | sort -k1,1nr | sed 's/^/author /'
    git log -n 15 --date=short --format='commit%n%h%n%ad%n%aN%n%s' -- "$@"
} 2>/dev/null | answer history "$where"
