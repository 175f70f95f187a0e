#!/bin/sh
# Answers: what did the others find? Joins their answers, read from stdin, into one Markdown report.
#
# Looks at no file of the audited folder. Names and texts from there are shown so that they cannot act as Markdown or
# steer a terminal: in code spans, with \n for a newline. Long lists are cut, and say so.

lib=$(cd "$(dirname "$0")/lib" && pwd) && . "$lib/common.sh" || exit 1

json_awk "$(cat "$lib/report.awk")"
