#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Grades all submissions in a directory: LAB=3 labs/grades.sh DIR
#
# An entry of DIR is stageNN.c's text in a file NAME.c or NAME/stageNN.c, where NAME
# is the student. Writes to DIR-grades: NAME.json and the sheet NAME.txt for each,
# grades.csv, and sheets.md with all sheets. Begins where it was stopped: a file that
# has a score is graded again only if it, the lab, the grader or HOST has changed.
#
# JOBS at a time (as many as there are processors), by GNU parallel.
# SSHLOGINFILE=FILE: on the machines of that file instead (see parallel(1)). Each has
# this tree at the same path, and `sh tools/setup.sh grades` has been run there. HOST=1:
# as in labs/grade.sh.
set -u
cd "$(dirname "$0")/.." || exit 125
fail() {
    printf 'grades: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 125
}
[ -z "${SSHLOGINFILE:-}" ] || command -v rsync >/dev/null ||
    fail "rsync not found" "install rsync, here and on the other machines"
[ -d "${1:-}" ] || fail "DIR=${1:-}: expected a directory of submissions" "make grades DIR=submissions LAB=3"
[ -n "${LAB:-}" ] || fail "LAB= is missing: expected the number of a lab" "make grades DIR=$1 LAB=3"
command -v parallel >/dev/null || fail "GNU parallel not found" "make setup grades DIR=$1 LAB=$LAB"
command -v jq >/dev/null || fail "jq not found" "make setup grades DIR=$1 LAB=$LAB"
directory=$(cd "$1" && pwd)
results=$directory-grades
ids=$(jq -Rn --argjson n "$LAB" -f labs/lab.jq labs/labs.txt 2>/dev/null |
    jq -c '[.requirements[].id]')
[ -n "$ids" ] ||
    fail "there is no lab $LAB" "labs/labs.txt lists the labs"
stage=$(printf 'stage%02d' "$LAB")
host=${HOST:-}
where=machine
[ -z "$host" ] || where=host
grader=$(labs/grader.sh "$LAB")
mkdir -p "$results" || exit 125

# The students' names, one a line; on standard error, what is no submission.
names() {
    for entry in "$directory"/*; do
        entry=${entry##*/}
        case $entry in
        stage[0-9][0-9].c) ;;
        *.c) echo "${entry%.c}" && continue ;;
        *) [ ! -d "$directory/$entry" ] || { echo "$entry" && continue; } ;;
        esac
        [ ! -e "$directory/$entry" ] ||
            echo "grades: $entry is no submission: expected NAME.c or NAME/$stage.c" >&2
    done
}

names=$(names)
[ -n "$names" ] || fail "no submission in $1" "expected NAME.c or NAME/$stage.c"
twice=$(sort <<<"$names" | uniq -d | head -n 1)
[ -z "$twice" ] || fail "$twice.c and $twice/ are both there" "remove the one that does not count"

# Prints the file of student $1: NAME/stageNN.c, NAME.c, or else NAME.
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
    [ -s "$json" ] && [ -f "$file" ] && [ ! -L "$file" ] &&
        [ "$(jq -r '"\(.state) \(.where) \(.grader) \(.submission.sha256)"' "$json")" = \
            "graded $where $grader $(sha256sum <"$file" | cut -c 1-64)" ]
}

# Each submission gets a directory in the queue, where it is called stageNN.c.
queue=$(mktemp -d "${TMPDIR:-/tmp}/container-grades.XXXXXX") || exit 125
trap 'rm -rf "$queue"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
while IFS= read -r name; do
    is_graded "$name" && continue
    file=$(file_of "$name")
    mkdir "$queue/$name"
    if [ -f "$file" ] && [ ! -L "$file" ]; then
        cp "$file" "$queue/$name/$stage.c"
    elif [ -L "$file" ]; then
        cp -P "$file" "$queue/$name/$stage.c"
    elif [ -d "$file/$stage.c" ] || [ "${file##*/}" != "$name" ]; then
        mkdir "$queue/$name/$stage.c"
    else
        found=$(ls "$file" | head -n 3 | paste -sd' ' -)
        echo "there is no $stage.c; found: ${found:-nothing}" >"$queue/$name/missing"
    fi
    printf '%s\n' "$name"
done <<<"$names" >"$queue/.names"

TREE=$PWD
export TREE queue LAB stage results host
grade() {
    cd "$TREE" || exit 125
    MISSING=$(cat "$queue/$1/missing" 2>/dev/null)
    export MISSING
    TEST='' QUIET=1 HOST=$host labs/grade.sh "$LAB" "$queue/$1/$stage.c" \
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
# Each result is copied at once, so that a stopped run has lost nothing.
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

# seeds_of FILE: for whom it was begun, by SEED=NAME; or the mark itself.
while IFS= read -r name; do
    printf '%s %s\n' "$(printf %s "$name" | sha256sum | cut -c 1-6)" "$name"
done <<<"$names" >"$queue/.seeds"
seeds_of() {
    grep -ohE '(container_main|make_mounts_private|die_with_parent|leave_session)_[0-9a-f]{6}\b' "$1" 2>/dev/null |
        sed 's/.*_//' | sort -u | while IFS= read -r mark; do
        sed -n "s/^$mark //p" "$queue/.seeds" | grep . || echo "$mark"
    done | paste -sd+ -
}
# A requirement that was not tested has 0. A file without a score has empty fields.
{
    echo "student,points,max,seed,note,$(jq -r 'join(",")' <<<"$ids")"
    while IFS= read -r name; do
        [ -s "$results/$name.json" ] || continue
        # shellcheck disable=SC2016 # jq's
        jq -r --arg name "$name" --arg seed "$(seeds_of "$(file_of "$name")")" \
            --argjson ids "$ids" '.requirements as $all
            | [$name, .points, .max, $seed, .note,
               ($ids[] as $id | [$all[] | select(.id == $id) | .points][0])] | @csv' \
            "$results/$name.json"
    done <<<"$names"
} >"$results/grades.csv"
while IFS= read -r name; do
    [ -s "$results/$name.json" ] || continue
    jq -r -f labs/sheet.jq "$results/$name.json" >"$results/$name.txt"
    printf '## %s\n\n```\n' "$name"
    sed 's/```/` ` `/g' "$results/$name.txt"
    printf '```\n\n'
done <<<"$names" >"$results/sheets.md"
graded=$(($(wc -l <"$results/grades.csv") - 1))
echo "$graded graded: $results/grades.csv, $results/sheets.md"
[ "$graded" -eq "$(wc -l <<<"$names")" ]
