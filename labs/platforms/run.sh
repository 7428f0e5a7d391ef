#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Grades what was handed in on a platform: labs/platforms/run.sh N DIRECTORY WRITER
#
# Looks in DIRECTORY for stageNN.c, or else for the only C file, runs `make gradeN`
# and prints what labs/platforms/WRITER.jq makes of the grade. If the grader broke,
# or if there is no such file, the grade has no points: the writers then give no
# score, never 0.
#
# LIMIT=SECONDS ends the grading (540): a platform that ends it itself gives 0.
set -u
number=$1 directory=$(realpath -m "$2") writer=$3
cd "$(dirname "$0")/../.." || exit 125
stage=$(printf 'stage%02d' "$number")
json=build/grade$number.json
: "${LIMIT:=540}"

# without_score SENTENCE: writes the result, and ends.
without_score() {
    echo "$1" >&2
    jq -n --arg note "$1" --arg file "$stage.c" --argjson lab "$number" \
        '{$lab, title: "", version: "?", submission: {$file, sha256: null},
          state: "graded", $note, requirements: [], points: null, max: 100}' |
        jq -r -f "labs/platforms/$writer.jq"
    exit
}

# Find a directory or a symbolic link too: make gradeN refuses it with a message.
# macOS puts files called ._NAME into archives.
for pattern in "$stage.c" '*.c'; do
    mapfile -d '' -t found < <(find "$directory/" -name "$pattern" ! -name '._*' \
        -print0 -prune)
    [ ${#found[@]} -eq 0 ] || break
done
case ${#found[@]} in
0) without_score "No C file was handed in. Hand in $stage.c." ;;
1) ;;
*) without_score "${#found[@]} C files were handed in. Hand in $stage.c alone." ;;
esac
mkdir -p lab build
rm -rf "lab/$stage.c" "$json"
cp -RP "${found[0]}" "lab/$stage.c"

# make turns each exit status but 0 into 2. TOTAL is the grader's own limit.
QUIET=1 TOTAL=$((LIMIT - LIMIT / 10)) timeout -k 10 "$LIMIT" \
    make -s "grade$number" >&2 </dev/null
status=$?
# Whole, or ended by the limit: then what was tested before counts.
case $status/$(jq -r .state "$json" 2>/dev/null) in
*/graded | 124/grading | 137/grading)
    jq -r -f "labs/platforms/$writer.jq" "$json" && exit
    ;;
esac
without_score "The grader broke (status $status). This is not the submission's \
fault. It has no score; the teacher can grade it again."
