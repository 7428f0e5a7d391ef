#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Grades one submission: labs/grade.sh N [FILE [JSON]]
#
# FILE is lab/stageNN.c unless given. Writes the grade to JSON (build/gradeN.json)
# after each requirement, and prints the sheet. TEST=ID tries that requirement
# alone, whatever it needs, and gives no points (build/gradeN-ID.json).
# make grades sets MISSING=SENTENCE: why there is no FILE. Only FILE is the
# submission's: the tests, common/ and the grader come from a clean copy of this
# tree, build/grade/N.
#
# The tests run in the machine of make vm, which sees that copy and FILE and
# nothing else of this computer's users. HOST=1: here, as root, in namespaces of
# their own; for a program that you trust as much as your own.
#
# Exit status: 0: graded, whatever the points. 1: FILE cannot be graded; the JSON
# has no score, and a note says why. 125: the grader broke; no score is written.
set -u
cd "$(dirname "$0")/.." || exit 125
number=$1
stage=$(printf 'stage%02d' "$number")
file=${2:-lab/$stage.c}
: "${TEST:=}"
json=${3:-build/grade$number${TEST:+-$TEST}.json}
notes=()
tree=$PWD/build/grade/$number
where=machine
[ -z "${HOST:-}" ] || where=host
: "${TOTAL:=$([ $where = host ] && echo 120 || echo 600)}" # seconds for it all
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo

broken() {
    printf 'grade: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 125
}

[ $where = machine ] || command -v ${sudo:-true} >/dev/null ||
    broken "HOST=1 needs root, and sudo is not installed" "make grade$number"
mkdir -p build/grade 2>/dev/null
# A directory of a grade that was killed has a free lock: remove it.
make_directory() {
    exec 8>build/grade/lock && flock 8 || return
    for old in build/grade/run.*; do
        [ ! -d "$old" ] || flock -n "$old" ${sudo:-} rm -rf "$old"
    done
    work=$(mktemp -d "$PWD/build/grade/run.XXXXXX") && exec 9<"$work" && flock 9 &&
        exec 8>&-
}
make_directory 2>/dev/null ||
    broken "cannot write to $PWD/build/grade" "is the disk full, or does the directory belong to another user?"
# shellcheck disable=SC2317 # the trap calls it
leave() {
    [ -z "${running:-}" ] || kill "$running" 2>/dev/null
    wait
    rm -rf "$work" 2>/dev/null || $sudo rm -rf "$work"
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# put FILTER...: writes the JSON in one step.
put() {
    jq "$@" >"$json.new" && mv "$json.new" "$json"
}

# --- the submission -------------------------------------------------------------

mkdir -p "$(dirname "$json")"
rm -f "$json"
command -v jq >/dev/null || broken "jq not found" "make setup grade$number"
jq -Rn --argjson n "$number" -f labs/lab.jq labs/labs.txt >"$work/lab" 2>/dev/null ||
    broken "there is no lab $number" "labs/labs.txt lists the labs"

if [ -n "$TEST" ]; then
    jq -e --arg id "$TEST" 'any(.requirements[]; .id == $id and .tests != [])' "$work/lab" >/dev/null ||
        broken "lab $number has no requirement $TEST that can be tried alone" "TEST= takes one of: $(
            jq -r '[.requirements[] | select(.tests != []) | .id] | join(" ")' "$work/lab")"
    notes=("Only one requirement was tried: no points.")
fi

# refuse SENTENCE: FILE gets no score.
refuse() {
    # shellcheck disable=SC2016 # jq's
    put -n --slurpfile lab "$work/lab" --arg note "$1" --arg file "${file##*/}" \
        '$lab[0] | {lab, title, version, submission: {file: $file, sha256: null},
            where: null, cgroups: null, kernel: null, state: "graded", note: $note,
            requirements: [], points: null, max: 100}'
    echo "$file: $1" >&2
    exit 1
}

# The version of the handout stands in the comment at the top.
check_version() {
    local line
    line=$(head -n 5 "$work/$stage.c" | grep -ao 'Lab [0-9]*, .* Version [^ ]* of the handout')
    [ -n "$line" ] || return 0
    case $line in
    "Lab $number, "*) ;;
    *) refuse "this is the file of another lab (${line%%.*}); hand in that of lab $number" ;;
    esac
    case $line in
    *"Version $(jq -r .version "$work/lab") of the handout") ;;
    *) refuse "made for another version of the handout (${line##*. }); the grader has version $(jq -r .version "$work/lab"): ask for that one" ;;
    esac
}

if [ -L "$file" ]; then
    refuse "it is a symbolic link; hand in the file itself"
elif [ -d "$file" ]; then
    refuse "it is a directory; hand in $stage.c alone"
elif [ ! -e "$file" ]; then
    refuse "${MISSING:-there is no such file; make lab$number begins one, FILE= names another}"
elif [ ! -f "$file" ]; then
    refuse "it is not a file"
elif [ "${file##*/}" != "$stage.c" ]; then
    refuse "it is not called $stage.c (make grades, for a class, takes NAME.c)"
elif [ ! -s "$file" ]; then
    refuse "it is empty"
elif [ "$(stat -c %s "$file")" -gt 1000000 ]; then
    refuse "it has more than a million bytes"
fi
cp "$file" "$work/$stage.c" || broken "cannot read $file" "see above"
[ "$(LC_ALL=C tr -d '[:space:]\000' <"$work/$stage.c" | wc -c)" -gt 0 ] || refuse "it is empty"
[ "$(tr -d '\000' <"$work/$stage.c" | wc -c)" -eq "$(wc -c <"$work/$stage.c")" ] ||
    refuse "it has NUL bytes (bytes of 0): is it a C file in UTF-8?"
iconv -f utf-8 -t utf-8 "$work/$stage.c" >/dev/null 2>&1 || notes+=("It is not in UTF-8.")
if grep -q $'\r' "$work/$stage.c"; then
    notes+=("Its lines end in CR LF; it was graded without the CR.")
    sed -i 's/\r$//' "$work/$stage.c"
fi
check_version

# --- the clean copy -------------------------------------------------------------

# build/grade/N is shared by all grades of this lab: one makes it at a time, and only
# if a file has changed.
grader=$(labs/grader.sh "$number")
prepare() {
    exec 8>"build/grade/$number.lock" && flock 8 || return
    [ "$grader" != "$(cat "$tree.stamp" 2>/dev/null)" ] || return 0
    rm -f "$tree.stamp"
    labs/tree.sh "$number" "$tree" &&
        env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
            make -s -C "$tree" "grade-needs$number" >"$work/prepare" 2>&1 &&
        echo "$grader" >"$tree.stamp"
}
prepare || {
    cat "$work/prepare" >&2
    broken "cannot prepare $tree" "make setup grade$number"
}
[ $where = machine ] || cp -a "$tree" "$work/tree" || broken "cannot copy $tree" "is the disk full?"
exec 8>&-

# --- judging --------------------------------------------------------------------

judge() {
    if [ $where = host ]; then
        cd "$work/tree" &&
            exec $sudo timeout -k 10 "$TOTAL" setpriv --pdeathsig TERM \
                env PATIENCE=10 LIMIT=30 FACTS="${FACTS:-}" TEST="$TEST" \
                /bin/sh labs/judge.sh "$number" "$work/$stage.c"
    else
        SEALED=$tree INPUT=$work/$stage.c \
            exec timeout -k 10 "$TOTAL" tools/vm/vm.sh \
            "PATIENCE=60 LIMIT=150 TEST=$TEST /bin/sh labs/judge.sh $number /input"
    fi
}

# collect: reads the judge's events from a pipe and writes the JSON after each result.
# The submission could change events in a file.
collect() {
    local nonce line events="" count
    count=$(jq '.requirements | length' "$work/lab")
    read -r _ nonce || return 0
    while IFS= read -r line; do
        [ "${line%% *}" = "$nonce" ] || continue
        line=${line#* }
        events+=$line$'\n'
        case $line in
        result* | end)
            [ -z "$progress" ] || printf '\r\033[K%s of %s requirements' \
                "$(grep -c ^result <<<"$events")" "$count" >&2
            # shellcheck disable=SC2016 # jq's
            put -Rn -f labs/grade.jq --argjson lab "$lab" --argjson base "$base" <<<"$events"
            ;;
        esac
    done
}

lab=$(cat "$work/lab")
# shellcheck disable=SC2016 # jq's
base=$(jq -n --arg file "${file##*/}" --arg where $where --arg note "${notes[*]:-}" \
    --arg sha "$(sha256sum <"$file" | cut -c 1-64)" --arg grader "$grader" \
    '{grader: $grader, submission: {file: $file, sha256: $sha}, where: $where, note: (if $note == "" then null else $note end)}')
progress=
[ ! -t 2 ] || [ -n "${QUIET:-}" ] || progress=yes
[ -z "$progress" ] || [ $where = host ] ||
    printf 'starting the machine; without KVM a grade takes up to two minutes' >&2
mkfifo "$work/pipe"
judge >"$work/pipe" 2>"$work/errors" </dev/null &
running=$!
collect <"$work/pipe"
status=0
wait "$running" || status=$?
running=
[ -z "$progress" ] || printf '\r\033[K' >&2
[ -s "$json" ] || {
    tail -n 5 "$work/errors" >&2
    broken "the grading ended with status $status and no result" "make setup grade$number"
}
if [ "$(jq -r .state "$json")" != graded ]; then
    put '.state = "graded" | .note = ((.note // "" | if . == "" then . else . + " " end) + "The grading was stopped (status " +
        $status + "). A requirement that was not tested before has 0 points.")' --arg status "$status" "$json"
fi
[ -n "${QUIET:-}" ] || jq -r -f labs/sheet.jq "$json"
exit 0
