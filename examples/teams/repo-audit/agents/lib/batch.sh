# Looks at a batch of files: batch.sh VERB FILE.. prints one line for each finding, its name first.
#
# Only regular files count, and none is reached through a symbolic link. Names that need escapes cannot
# stand in the output of wc or grep, so such a file is looked at alone; all others share their processes.
# shellcheck disable=SC2317  # the verbs are called by name

. "${lib:?}/common.sh"

# say VALUE..: one finding about the one file that is looked at alone.
say() {
    printf '%s' "$name"
    printf '\t%s' "$@"
    echo
}

# NAME bytes N
sizes() {
    if [ -n "$name" ]; then
        say bytes "$(wc -c <"$1")"
    else
        wc -c "$@" 2>/dev/null | sed -n "s/^ *\([0-9][0-9]*\) \(\.\/.*\)\$/\2${tab}bytes$tab\1/p"
    fi
}

# NAME bytes N, and then either NAME lines N or NAME binary. A last line needs no newline to count.
kinds() {
    sizes "$@"
    over_text lines "$@"
}

lines() {
    if [ -n "$name" ]; then
        say lines "$(grep -c '' <"$1")"
    else
        grep -c '' "$@" /dev/null 2>/dev/null | sed -n "s/^\(\.\/.*\):\([0-9]*\)\$/\1${tab}lines$tab\2/p"
    fi
}

# NAME LINE TODO|FIXME TEXT
todos() {
    if [ -n "$name" ]; then
        grep -q -e TODO -e FIXME <"$1" && over_text todo_lines "$1"
    else
        grep -l -e TODO -e FIXME "$@" /dev/null 2>/dev/null | {
            set --
            while IFS= read -r file; do
                set -- "$@" "$file"
            done
            [ $# -eq 0 ] || over_text todo_lines "$@"
        }
    fi
}

todo_lines() {
    json_awk '
        function found(kind) {
            if (index($0, kind) && match($0, "(^|[^A-Za-z0-9_])" kind "([^A-Za-z0-9_]|$)")) {
                text = length($0) > 160 ? substr($0, RSTART) : $0
                gsub(/^[ \t]+|[ \t\r]+$/, "", text)
                printf "%s\t%d\t%s\t%s\n", line_of_name(FILENAME), FNR, kind, clip(text, 160)
            }
        }
        { found("TODO"); found("FIXME") }
    ' "$@"
}

# NAME bytes N for every licence file, and NAME text TEXT with the start of what it says, in small letters.
licences() {
    for file do
        shift
        is_licence "$file" && set -- "$@" "$file"
    done
    [ $# -gt 0 ] || return 0
    sizes "$@"
    over_text licence_texts "$@"
}

licence_texts() {
    json_awk '
        FNR == 1 { start[FILENAME] = "" }
        length(start[FILENAME]) < 8000 { start[FILENAME] = start[FILENAME] " " tolower(substr($0, 1, 8000)) }
        END {
            for (file in start) {
                text = start[file]
                gsub(/[^a-z0-9.,:;()+-]+/, " ", text)
                print line_of_name(file) "\ttext\t" text
            }
        }
    ' "$@"
}

# LICENSE, LICENCE.md, COPYING.LESSER, NOTICE, LICENSES/MIT.txt: but not licence.rs.
is_licence() {
    case $1 in
        *.[ch] | *.cc | *.cpp | *.cs | *.css | *.go | *.html | *.java | *.js | *.json | *.jsx | *.kt | *.php | *.png | *.py | \
        *.rb | *.rs | *.sh | *.svg | *.swift | *.toml | *.ts | *.tsx | *.xml | *.yaml | *.yml) return 1 ;;
        */LICENSES/*) return 0 ;;
    esac
    case ${1##*/} in
        [Ll][Ii][Cc][Ee][Nn][CcSs][Ee] | [Ll][Ii][Cc][Ee][Nn][CcSs][Ee][-._]*) ;;
        [Uu][Nn][Ll][Ii][Cc][Ee][Nn][CcSs][Ee] | [Uu][Nn][Ll][Ii][Cc][Ee][Nn][CcSs][Ee].*) ;;
        *[-_][Ll][Ii][Cc][Ee][Nn][CcSs][Ee] | *[-_][Ll][Ii][Cc][Ee][Nn][CcSs][Ee].*) ;;
        [Cc][Oo][Pp][Yy][Ii][Nn][Gg] | [Cc][Oo][Pp][Yy][Ii][Nn][Gg][-._]*) ;;
        [Nn][Oo][Tt][Ii][Cc][Ee] | [Nn][Oo][Tt][Ii][Cc][Ee][-._]*) ;;
        *) return 1 ;;
    esac
}

# over_text VERB FILE..: hands the text files to a verb, and says NAME binary of the others.
over_text() {
    text_verb=$1
    shift
    if text "$@"; then
        "$text_verb" "$@"
        return
    fi
    early=$(early_nul "$@")
    for file do
        shift
        case $early in
            b*) printf '%s\tbinary\n' "${name:-$file}" ;;
            *) set -- "$@" "$file" ;;
        esac
        early=${early#?}
    done
    [ $# -eq 0 ] || sift "$@"
}

# text FILE..: none of them holds a NUL byte.
text() {
    cat "$@" 2>/dev/null | tr -dc '\000' | cmp -s - /dev/null
}

# Prints a "b" for each file with a NUL byte near its beginning, else a "-". Most binary files are found so, all at once.
# Prints nothing if this head has no -q and -c, or a file just changed: then sift finds them.
early_nul() {
    {
        wc -c "$@"
        head -q -c 4096 "$@" | tr -c '\000' x | tr '\000' 0
    } 2>/dev/null | awk -v files=$# '
        { map = $0 }
        NR <= files { all += size[NR] = $1 < 4096 ? $1 : 4096 }
        END {
            if (length(map) != all) exit
            for (i = 1; i <= files; i++) {
                printf "%s", index(substr(map, at + 1, size[i]), "0") ? "b" : "-"
                at += size[i]
            }
        }'
}

# Splits a mixed batch until its parts are all text, or one binary file.
sift() {
    if text "$@"; then
        "$text_verb" "$@"
    elif [ $# -eq 1 ]; then
        printf '%s\tbinary\n' "${name:-$1}"
    else
        part=$((($# + 7) / 8))
        while [ $# -gt 0 ]; do
            (sift_first "$part" "$@")
            [ $# -gt "$part" ] || break
            shift "$part"
        done
    fi
}

# sift_first N FILE..
sift_first() {
    left=$1
    shift
    for file do
        shift
        [ "$left" -gt 0 ] && set -- "$@" "$file"
        left=$((left - 1))
    done
    sift "$@"
}

# name_of FILE: sets `name` to its line if that differs from it, else to nothing.
name_of() {
    name='' rest=$1
    case $1 in
        *["$nl$tab\\"]*) ;;
        *) return ;;
    esac
    while [ -n "$rest" ]; do
        plain=${rest%%["$nl$tab\\"]*}
        rest=${rest#"$plain"}
        case $rest in
            "$nl"*) name="$name$plain\\n" ;;
            "$tab"*) name="$name$plain\\t" ;;
            ?*) name="$name$plain\\\\" ;;
            *) name=$name$plain ;;
        esac
        rest=${rest#?}
    done
}

# through_link FILE: a folder on the way to it is a symbolic link.
folder_seen='' folder_linked=1
through_link() {
    folder=${1%/*}
    [ "$folder" = "$folder_seen" ] && return "$folder_linked"
    folder_seen=$folder folder_linked=1
    while [ "$folder" != . ]; do
        if [ -L "$folder" ]; then
            folder_linked=0
            break
        fi
        folder=${folder%/*}
    done
    return "$folder_linked"
}

verb=$1
shift
last=''
for path do
    shift
    file=./${path#./}
    # A path in a merge conflict is listed several times.
    if [ "$file" = "$last" ] || [ -L "${file%/}" ] || through_link "$file"; then
        continue
    fi
    last=$file
    name_of "$file"
    if [ -d "$file" ]; then
        [ -e "$file/.git" ] && { name=${name:-$file} && say nested; }
    elif [ ! -f "$file" ]; then
        continue
    elif [ ! -r "$file" ]; then
        name=${name:-$file} && say unreadable
    elif [ -n "$name" ]; then
        "$verb" "$file"
    else
        set -- "$@" "$file"
    fi
done
name=''
[ $# -eq 0 ] || "$verb" "$@"
exit 0
