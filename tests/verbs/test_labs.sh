#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tests the verbs of the graded labs, as root and on this host:
# tests/verbs/test_labs.sh [TEST]
#
# labs/calibrate.sh proves that the grades are right.
set -u
cd "$(dirname "$0")/../.." || exit 1
if [ "$(id -u)" -ne 0 ]; then
    echo "test_labs: needs root" >&2
    exit 1
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0
export HOST=1

# Unpack a handout of lab 2 in a directory whose name has a space; not in /tmp,
# which stages 2 to 4 hide.
handout=$(mktemp -d "$PWD/build/test labs.XXXXXX") || exit 1
trap 'rm -rf "$work" "$handout"' EXIT
make -s handout2 >/dev/null && tar -xzf build/handout2.tar.gz -C "$handout" --strip-components=1
solution=$PWD/stage02-mount-ns/stage02.c

# bash ignores errexit in a condition, and for a command after "!": hence not().
not() {
    if "$@"; then return 1; fi
}

test() {
    (set -e; "$1") >"$work/output" 2>&1
    if [ $? -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok      ${1//_/ }"
    else
        failed=$((failed + 1))
        echo "FAILED  ${1//_/ }"
        tail -n 20 "$work/output" | sed 's/^/        /'
    fi
}

# grade FILE: grades it in the handout; its JSON is $work/json.
grade() {
    rm -f "$work/json"
    status=0
    (cd "$handout" && labs/grade.sh 2 "$1" "$work/json") >"$work/sheet" 2>&1 || status=$?
    cat "$work/sheet"
}

is() {
    [ "$(jq -r "$1" "$work/json")" = "$2" ] ||
        { echo "$1: $(jq -r "$1" "$work/json"), not $2" && return 1; }
}

# refused FILE TEXT: no score, a sentence, no zero.
refused() {
    grade "$1"
    [ "$status" -eq 1 ]
    is .points null
    grep -q "$2" <<<"$(jq -r .note "$work/json")"
    grep -q "$2" "$work/sheet"
}

a_lab_begins_with_the_stage_before_and_is_never_overwritten() {
    cd "$handout"
    make -s lab2
    grep -q 'prepare_container(2, argc' lab/stage02.c
    head -1 lab/stage02.c | grep -q 'Lab 2, .* Version .* of the handout'
    echo mine >lab/stage02.c
    not make -s lab2
    [ "$(cat lab/stage02.c)" = mine ]
    rm lab/stage02.c
}

a_seed_gives_functions_other_names() {
    cd "$handout"
    rm -f lab/stage02.c
    make -s lab2 SEED=alice
    grep -q 'container_main_[0-9a-f]\{6\}(' lab/stage02.c
    cp lab/stage02.c "$work/alice.c"
    rm lab/stage02.c
    make -s lab2 SEED=bob
    not cmp -s lab/stage02.c "$work/alice.c"
    make -s stage2 >/dev/null
    rm lab/stage02.c
}

the_solution_gets_100() {
    mkdir -p "$work/good"
    cp "$solution" "$work/good/stage02.c"
    grade "$work/good/stage02.c"
    [ $status -eq 0 ]
    is '"\(.points)/\(.max) \(.state)"' '100/100 graded'
}

one_requirement_can_be_tried_alone() {
    mkdir -p "$work/one"
    grep -v '^    make_mounts_private();' "$solution" >"$work/one/stage02.c"
    TEST=options grade "$work/one/stage02.c"
    is '[.requirements[] | select(.result == "passed") | .id] | join(" ")' options
    is .points null
    TEST=private grade "$work/one/stage02.c"
    is '[.requirements[] | select(.result == "failed") | .id] | join(" ")' \
        'build private'
    grep -q 'again: make grade2 TEST=private' "$work/sheet"
    TEST=nothing grade "$work/one/stage02.c"
    [ "$status" -eq 125 ]
    grep -q 'TEST= takes one of: kept ns private' "$work/sheet"
}

crlf_is_graded_with_a_note() {
    mkdir -p "$work/crlf"
    sed 's/$/\r/' "$solution" >"$work/crlf/stage02.c"
    grade "$work/crlf/stage02.c"
    is .points 100
    grep -q 'CR LF' "$work/sheet"
}

other_encodings_are_graded_with_a_note() {
    mkdir -p "$work/latin"
    { printf '/* \344 */\n'; cat "$solution"; } >"$work/latin/stage02.c"
    grade "$work/latin/stage02.c"
    is .points 100
    grep -q 'not in UTF-8' "$work/sheet"
}

what_is_no_program_is_refused_with_a_sentence() {
    mkdir -p "$work/a/stage02.c" "$work/b" "$work/c" "$work/d" "$work/e" "$work/f" "$work/g"
    refused "$work/a/stage02.c" "is a directory"
    : >"$work/b/stage02.c"
    refused "$work/b/stage02.c" "is empty"
    printf '\n \n' >"$work/b/stage02.c"
    refused "$work/b/stage02.c" "is empty"
    ln -s "$solution" "$work/c/stage02.c"
    refused "$work/c/stage02.c" "symbolic link"
    cp "$solution" "$work/d/main.c"
    refused "$work/d/main.c" "not called stage02.c"
    refused "$work/e/stage02.c" "no such file"
    truncate -s 1G "$work/f/stage02.c"
    refused "$work/f/stage02.c" "more than a million bytes"
    printf 'int\0main' >"$work/g/stage02.c"
    refused "$work/g/stage02.c" "bytes of 0"
}

a_file_of_another_version_or_lab_is_refused() {
    mkdir -p "$work/version"
    { echo '/* Lab 2, mount-ns. Version 0.1 of the handout. */'; cat "$solution"; } \
        >"$work/version/stage02.c"
    refused "$work/version/stage02.c" "another version"
    { echo '/* Lab 3, pid-ns. Version 1 of the handout. */'; cat "$solution"; } \
        >"$work/version/stage02.c"
    refused "$work/version/stage02.c" "another lab"
}

an_error_of_the_compiler_is_shown() {
    mkdir -p "$work/error"
    echo '#error not today' >"$work/error/stage02.c"
    grade "$work/error/stage02.c"
    [ $status -eq 0 ]
    is .points 0
    grep -q 'not today' "$work/sheet"
}

a_hint_is_of_the_file_as_it_is() {
    cd "$handout"
    rm -f lab/stage02.c
    make -s lab2
    make -s hint2 | tee "$work/hint"
    grep -q 'seen:' "$work/hint"
    cp "$solution" lab/stage02.c
    make -s hint2 | grep 'nothing failed: 100/100'
    rm lab/stage02.c
}

a_killed_grader_has_written_what_it_knew() {
    mkdir -p "$work/slow"
    sed 's/^    container->pid =/    if (argc > 99) return 1;\n&/' "$solution" >"$work/slow/stage02.c"
    rm -f "$work/json"
    (cd "$handout" && exec labs/grade.sh 2 "$work/slow/stage02.c" "$work/json") &
    until [ -s "$work/json" ]; do sleep 0.05; done
    kill $!
    wait $! || :
    is .state grading
    [ -z "$(find "$handout/build/grade" -maxdepth 1 -name 'run.*')" ]
}

what_a_killed_grader_left_is_removed_by_the_next_grade() {
    mkdir -p "$handout/build/grade/run.abcdef/tree"
    mkdir -p "$work/left"
    : >"$work/left/stage02.c"
    grade "$work/left/stage02.c"
    [ ! -e "$handout/build/grade/run.abcdef" ]
}

a_handout_is_the_same_twice_and_has_no_solution() {
    for n in 2 3; do
        make -s "handout$n" >/dev/null
        cp "build/handout$n.tar.gz" "$work/first"
        make -s "handout$n" >/dev/null
        cmp "$work/first" "build/handout$n.tar.gz"
        rm -rf "$work/tree"
        mkdir "$work/tree"
        tar -xzf "$work/first" -C "$work/tree"
        [ -z "$(find "$work/tree" -name "stage0$n.c" -o -name ANSWERS.md -o \
            -path '*/mutants*' -o -name .git)" ]
        # The lines that the stage adds, but no short ones: other files have those too.
        git diff --no-index --unified=0 stage0$((n - 1))-*/stage0$((n - 1)).c \
            stage0"$n"-*/stage0"$n".c | sed -n 's/^+    *//p' | awk 'length > 24' |
            while IFS= read -r line; do
                ! grep -rlF --include='*.[ch]' -- "$line" "$work/tree" ||
                    { echo "$line" && exit 1; }
            done
        not grep -rq '^ *mutant ' "$work/tree"/*/labs/labs.txt
    done
}

many_are_graded_and_a_stopped_run_goes_on() {
    mkdir -p "$work/all/dora" "$work/all/empty dir"
    cp "$solution" "$work/all/anna.c"
    cp "$solution" "$work/all/dora/stage02.c"
    : >"$work/all/emil.c"
    echo 'int main(void) { return 0; }' >"$work/all/o'neil, jr.c"
    make -s grades DIR="$work/all" LAB=2 >"$work/out"
    cat "$work/all-grades/grades.csv"
    grep -q '^"anna",100,100,' "$work/all-grades/grades.csv"
    grep -q '^"dora",100,100,' "$work/all-grades/grades.csv"
    grep -q "^\"o'neil, jr\",0,100," "$work/all-grades/grades.csv"
    grep -q '^"emil",,100,.*is empty' "$work/all-grades/grades.csv"
    rm "$work/all-grades/dora.json"
    make -s grades DIR="$work/all" LAB=2 >"$work/out"
    [ "$(grep -c ': 100/100' "$work/out")" -eq 1 ]
    [ "$(grep -c '^"' "$work/all-grades/grades.csv")" -eq 5 ]
    grep -q '^total 100/100' "$work/all-grades/anna.txt"
}

who_had_no_score_is_graded_again_and_another_lab_too() {
    mkdir -p "$work/again/fritz"
    : >"$work/again/emil.c"
    echo 'int main(void) { return 0; }' >"$work/again/fritz/lab2.c"
    make -s grades DIR="$work/again" LAB=2
    grep -q '^"emil",,100,"","it is empty",,,' "$work/again-grades/grades.csv"
    grep -q '^"fritz",,100,.*there is no stage02.c; found: lab2.c' \
        "$work/again-grades/grades.csv"
    cp "$solution" "$work/again/emil.c"
    rm -r "$work/again/fritz"
    make -s grades DIR="$work/again" LAB=2
    grep -q '^"emil",100,100,' "$work/again-grades/grades.csv"
    not make -s grades DIR="$work/again" LAB=99
    grep -q '^"emil",100,100,' "$work/again-grades/grades.csv"
    make -s grades DIR="$work/again" LAB=1
    not grep -q '^"emil",100,100,' "$work/again-grades/grades.csv"
}

what_is_no_submission_is_named() {
    mkdir -p "$work/odd/anna"
    : >"$work/odd/list.txt"
    : >"$work/odd/stage02.c"
    : >"$work/odd/emil.c"
    make -s grades DIR="$work/odd" LAB=2 2>"$work/named"
    grep -q 'list.txt is no submission' "$work/named"
    grep -q 'stage02.c is no submission' "$work/named"
    [ "$(grep -c '^"' "$work/odd-grades/grades.csv")" -eq 2 ]
    : >"$work/odd/anna.c"
    not make -s grades DIR="$work/odd" LAB=2 2>"$work/named"
    grep -q 'anna.c and anna/ are both there' "$work/named"
}

the_table_says_for_whom_a_file_was_begun() {
    mkdir -p "$work/seeds"
    for name in anna bob; do
        make -s lab2 SEED="$name" FILE="$work/seeds/$name.c"
    done
    cp "$work/seeds/anna.c" "$work/seeds/carl.c"
    make -s grades DIR="$work/seeds" LAB=2
    cut -d, -f1,4 "$work/seeds-grades/grades.csv" >"$work/column"
    [ "$(sed 1d "$work/column" | tr -d '"' | paste -sd' ')" = \
        "anna,anna bob,bob carl,anna" ]
}

if [ -n "${1:-}" ]; then
    test "$1"
else
    for name in $(sed -n 's/^\([a-z0-9_]*_[a-z0-9_]*\)() {$/\1/p' "$0"); do
        test "$name"
    done
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
