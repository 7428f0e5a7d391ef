#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Grades all submissions in a directory: LAB=3 labs/grades.sh DIR
#
# An entry of DIR is stageNN.c's text in a file NAME.c or NAME/stageNN.c, where NAME
# is the student. Writes to DIR/../NAME-OF-DIR-grades: a JSON and a sheet for each,
# grades.csv, and sheets.md with all sheets. Begins where it was stopped: what was
# graded, and has not changed, is not graded again.
#
# JOBS at a time (as many as there are processors), by GNU parallel.
# SSHLOGINFILE=FILE: on the machines of that file too (see parallel(1)), which have
# this tree at the same path, with make setup grades done. HOST=1: as for one.
set -u
cd "$(dirname "$0")/.." || exit 125
fail() {
    printf 'grades: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 125
}
[ -z "${SSHLOGINFILE:-}" ] || command -v rsync >/dev/null ||
    fail "rsync not found" "install rsync, here and on the other machines"
[ -d "${1:-}" ] || fail "no directory of submissions" "make grades DIR=submissions LAB=3"
[ -n "${LAB:-}" ] || fail "which lab?" "make grades DIR=$1 LAB=3"
command -v parallel >/dev/null || fail "GNU parallel not found" "make setup grades"
directory=$(cd "$1" && pwd)
results=$directory-grades
stage=$(printf 'stage%02d' "$LAB")
mkdir -p "$results" || exit 125

# The students' names, one a line.
names() {
    for entry in "$directory"/*; do
        entry=${entry##*/}
        case $entry in
        *.c) echo "${entry%.c}" ;;
        *) [ -e "$directory/$entry" ] && echo "$entry" ;;
        esac
    done
}

# Finds the file of student $1: a directory may hold it under the right name.
file_of() {
    if [ -d "$directory/$1" ] && [ ! -L "$directory/$1" ]; then
        set -- "$directory/$1/$stage.c" "$directory/$1"
    else
        set -- "$directory/$1.c" "$directory/$1"
    fi
    [ -e "$1" ] || [ -L "$1" ] || shift
    echo "$1"
}

is_graded() {
    local json=$results/$1.json file
    file=$(file_of "$1")
    [ -s "$json" ] && [ "$(jq -r .state "$json")" = graded ] &&
        { [ ! -f "$file" ] || [ -L "$file" ] ||
            [ "$(sha256sum <"$file" | cut -c 1-64)" = "$(jq -r '.submission.sha256 // ""' "$json")" ] ||
            [ "$(jq -r .points "$json")" = null ]; }
}

# A submission NAME.c is graded as stageNN.c. One by one, each gets a directory.
queue=$(mktemp -d "${TMPDIR:-/tmp}/container-grades.XXXXXX") || exit 125
trap 'rm -rf "$queue"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
names | while IFS= read -r name; do
    is_graded "$name" && continue
    file=$(file_of "$name")
    mkdir "$queue/$name"
    if [ -f "$file" ] && [ ! -L "$file" ]; then
        cp "$file" "$queue/$name/$stage.c"
    elif [ -L "$file" ]; then
        cp -P "$file" "$queue/$name/$stage.c"
    fi
    printf '%s\n' "$name"
done >"$queue/.names"

host=${HOST:-}
TREE=$PWD
export TREE queue LAB stage results host
grade() {
    cd "$TREE" || exit 125
    TEST= QUIET=1 HOST=$host labs/grade.sh "$LAB" "$queue/$1/$stage.c" \
        "$queue/$1/grade.json" 2>"$queue/$1/errors"
    case $? in
    0 | 1) echo "$1: $(jq -r 'if .points == null then .note else "\(.points)/\(.max)" end' "$queue/$1/grade.json")" ;;
    *) echo "$1: the grader broke: $(head -n 1 "$queue/$1/errors")" ;;
    esac
}
export -f grade
if [ -n "${SSHLOGINFILE:-}" ]; then
    remote=(--sshloginfile "$SSHLOGINFILE" --basefile "$queue/.names"
        --transferfile "$queue/{}" --return "$queue/{}/grade.json" --cleanup
        --env grade --env TREE --env queue --env LAB --env stage --env host)
fi
# Each result is taken over at once, so that a stopped run has lost nothing.
take() {
    for json in "$queue"/*/grade.json; do
        [ -s "$json" ] || continue
        name=$(basename "$(dirname "$json")")
        cmp -s "$json" "$results/$name.json" || cp "$json" "$results/$name.json"
    done
}
PARALLEL_HOME=$queue parallel --will-cite -j "${JOBS:-100%}" --line-buffer "${remote[@]}" grade {} \
    <"$queue/.names" | while IFS= read -r line; do
    take
    printf '%s\n' "$line"
done
take

# --- the table ------------------------------------------------------------------

{
    echo "student,points,max,seed,note,$(jq -Rnr --argjson n "$LAB" -f labs/lab.jq labs/labs.txt |
        jq -r '[.requirements[].id] | join(",")')"
    names | while IFS= read -r name; do
        [ -s "$results/$name.json" ] || continue
        seed=$(grep -ohE 'container_main_[0-9a-f]{6}' "$(file_of "$name")" 2>/dev/null |
            sort -u | sed 's/container_main_//' | paste -sd+ -)
        jq -r --arg name "$name" --arg seed "$seed" \
            '[$name, .points, .max, $seed, .note, (.requirements[].points)] | @csv' \
            "$results/$name.json"
    done
} >"$results/grades.csv"
names | while IFS= read -r name; do
    [ -s "$results/$name.json" ] || continue
    printf '## %s\n\n```\n' "$name"
    jq -r -f labs/sheet.jq "$results/$name.json" | sed 's/```/` ` `/g'
    printf '```\n\n'
done >"$results/sheets.md"
graded=$(($(wc -l <"$results/grades.csv") - 1))
echo "$graded graded: $results/grades.csv, $results/sheets.md"
[ "$graded" -eq "$(names | wc -l)" ]
