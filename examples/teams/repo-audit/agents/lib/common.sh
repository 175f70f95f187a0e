# What all agents share: entering the folder, finding its files, failing in the agreed words.
#
# Expects `lib` to be the absolute path of the folder this file lies in.
# File names travel between programs as one line each: `\` is written `\\`, a newline `\n`, a tab `\t`.
# shellcheck shell=sh disable=SC2034  # the variables are for those who read this file in

LC_ALL=C # names and texts are bytes until they become JSON
export LC_ALL lib
unset CDPATH GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

tab=$(printf '\t')
nl='
'

# json_awk PROGRAM [ARGUMENT..]: awk with the functions of json.awk at hand.
json_awk() {
    program=$1
    shift
    awk "$(cat "$lib/json.awk")$nl$program" "$@"
}

# fail MESSAGE: declares an error that another attempt cannot mend.
fail() {
    MESSAGE=$1 json_awk 'BEGIN {
        printf "{\"error\":{\"message\":%s,\"retryable\":false}}\n", json_string(ENVIRON["MESSAGE"])
    }'
    exit 0
}

# enter FOLDER: makes it the working folder.
enter() {
    [ -n "$1" ] || fail 'no folder was given'
    [ -d "$1" ] || fail "not a folder: $1"
    { cd -- "$1" && [ -r . ]; } 2>/dev/null || fail "not a readable folder: $1"
}

# A repository's own settings must not start programs.
git() {
    command git -c core.fsmonitor= -c log.showSignature=false "$@"
}

# look_for_checkout: sets `checkout` to yes, no or unknown, and `reason` to why it is not yes.
look_for_checkout() {
    checkout=unknown reason=''
    if ! git --version >/dev/null 2>&1; then
        reason='git is not installed'
    elif said=$(git rev-parse --is-inside-work-tree 2>&1); then
        case $said in
            *true) checkout=yes ;;
            *) checkout=no reason='not a git checkout: it has no work tree' ;;
        esac
        if [ -n "$(git rev-parse --show-prefix 2>/dev/null)" ] && git check-ignore -q . 2>/dev/null; then
            checkout=no reason='not a git checkout: the one around it ignores this folder'
        fi
    elif [ ! -e .git ] && case $said in *'not a git repository'*) true ;; *) false ;; esac; then
        checkout=no reason='not a git checkout'
    else
        reason="git refuses: ${said%%"$nl"*}"
    fi
}

# choose_listing: sets `listing` to git (which honours .gitignore) or find, and counts `unreadable_folders`.
choose_listing() {
    look_for_checkout
    listing='find'
    if [ "$checkout" = yes ] &&
        said=$(git ls-files --cached --others --exclude-standard 2>&1 >/dev/null); then
        listing='git'
        unreadable_folders=$(printf '%s\n' "$said" | grep -c 'could not open directory')
    else
        # shellcheck disable=SC2016  # expanded by the inner shell
        unreadable_folders=$(find . -name .git -prune -o -type d -exec sh -c '
            for folder do [ -r "$folder" ] && [ -x "$folder" ] || echo; done' sh {} + 2>/dev/null | grep -c '')
    fi
}

# over_files VERB: hands all files to a verb of batch.sh, some hundreds at a time.
over_files() {
    case $listing in
        git) git ls-files -z --cached --others --exclude-standard ;;
        find) find . -name .git -prune -o -type f -print0 ;;
    esac 2>/dev/null | xargs -0 -n 256 sh "$lib/batch.sh" "$1"
}
