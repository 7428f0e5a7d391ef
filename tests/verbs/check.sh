#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Checks what can be checked without running a container: layout, warnings of
# two compilers, two static analyzers, and the rules that make each stage a
# small step from the one before. Prints a line a check and counts them.
set -u
cd "$(dirname "$0")/../.." || exit 1

passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check NAME COMMAND...: runs COMMAND, shows what it prints if it fails.
check() {
    title=$1
    shift
    if "$@" >"$work/output" 2>&1; then
        echo "ok      $title"
        passed=$((passed + 1))
    else
        echo "FAILED  $title"
        sed 's/^/        /' "$work/output" | head -n 40
        failed=$((failed + 1))
    fi
}

# --- layout, warnings, analyzers ----------------------------------------------

formatted() {
    clang-format --dry-run -Werror common/*.[ch] stage*/*.c tests/*/*.[ch] tools/*/*.[ch]
}

builds_with() {
    make -j2 BUILD="build/check-$1" CC="$1" stages test-programs \
        "build/check-$1/floor" "build/check-$1/bench"
}

tidy() {
    # xargs: two processes at a time, since each file takes a while. LAST: the fuzzer
    # is given the number of the last stage; here any number will do.
    printf '%s\n' common/*.c stage*/*.c tests/*/*.c tools/*/*.c |
        xargs -P 2 -n 4 clang-tidy --quiet --extra-arg=-std=gnu11 \
            --extra-arg=-isystem/usr/include/libnl3 --extra-arg=-DLAST=1 \
            2>/dev/null
}

analyzed() {
    cppcheck --quiet -j2 --std=c11 --error-exitcode=1 --inline-suppr \
        --enable=warning,performance,portability,style \
        --suppress=missingIncludeSystem --suppress=unassignedVariable \
        --suppress='*:tests/*' common stage* tools
}

# --- the rules for stages -------------------------------------------------------

# A stage without the comment at its head.
without_header() {
    awk 'body { print } /\*\// { body = 1 }' "$1"
}

# functions FILE: each function of a stage as one line, "name<TAB>lines<TAB>text", where
# the text's lines are joined by \001. A definition begins in the first column
# and ends with a brace there.
functions() {
    awk '
        /^[a-z].*\(/ && !/;$/ && !/=/ { text = ""; open = 1
            name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
        open { text = text $0 "\001"; lines++ }
        open && /^}/ { printf "%s\t%d\t%s\n", name, lines, text }
        /^}/ || /;$/ && !/^ / { open = 0; lines = 0 }
    ' "$1"
}

same_functions() {
    functions "$1" >"$work/old"
    functions "$2" >"$work/new"
    awk -F'\t' '
        NR == FNR { old[$1] = $3; next }
        { new[$1] = $3 }
        END {
            for (name in old)
                if (name != "main" && name != "container_main" &&
                    old[name] != new[name]) {
                    print name (name in new ? " changed" : " is gone")
                    bad = 1
                }
            exit bad
        }' "$work/old" "$work/new"
}

# small_step OLD NEW REMOVED ADDED: at most that many lines.
small_step() {
    without_header "$1" >"$work/old.c"
    without_header "$2" >"$work/new.c"
    git diff --no-index --numstat "$work/old.c" "$work/new.c" >"$work/numstat"
    awk -v removed="$3" -v added="$4" '
        { print $1 " added (" added "), " $2 " removed (" removed ")"
          exit $1 > added || $2 > removed }' "$work/numstat"
}

# README.md's table has for each stage the lines that it adds, for the first its
# length.
readme_counts_lines() {
    wrong=
    : >"$work/old.c"
    for source in stage*/stage*.c; do
        number=$(basename "$source" .c | sed 's/stage0*//')
        without_header "$source" >"$work/new.c"
        added=$(git diff --no-index --numstat "$work/old.c" "$work/new.c" | cut -f 1)
        mv "$work/new.c" "$work/old.c"
        grep -q "^| \[$number .* | $added |\$" README.md || {
            echo "stage $number: $added lines"
            wrong=yes
        }
    done
    lengths=$(wc -l stage*/stage*.c | sed '$d' | sort -n | awk '{ print $1 }')
    common=$(cat common/*.[ch] | wc -l)
    for text in "of $(echo "$lengths" | sed -n 1p) to $(echo "$lengths" | sed -n '$p') lines" \
        "larger ($(((common + 50) / 1000)),$(((common + 50) % 1000 / 100))00 lines)"; do
        grep -qF "$text" README.md || { echo "not in README.md: $text" && wrong=yes; }
    done
    [ -z "${wrong:-}" ]
}

short_file() {
    lines=$(wc -l <"$1")
    echo "$lines lines, $2 allowed"
    [ "$lines" -lt "$2" ]
}

short_functions() {
    for file in common/*.c stage*/*.c tests/*/*.c tools/*/*.c labs/*.c; do
        functions "$file" | awk -F'\t' -v file="$file" '
            $2 - 3 > 40 { print file ": " $1 " has " $2 - 3 " lines"; bad = 1 }
            END { exit bad }' || bad=1
    done
    [ -z "${bad:-}" ]
}

# A lesson's 'now fails in "a name"' and the like name tests.
failing_tests_exist() {
    for readme in stage*/README.md; do
        tr '\n' ' ' <"$readme" |
            grep -oE '(now fails?|test that fails)[^.]*"[^"]*"' | grep -o '"[^"]*"' |
            tr ' ' '_' | tr -d '"'
    done | sort -u >"$work/named"
    while read -r name; do
        grep -rqw "$name" tests/stages tests/lib/*.h || {
            echo "no test is called $name"
            bad=1
        }
    done <"$work/named"
    [ -s "$work/named" ] && [ -z "${bad:-}" ]
}

# The calls that the Makefile redirects (CALLS) are exactly those that
# common/calls.c defines.
calls_are_narrated() {
    sed -n 's/^WRAP([^,]*, \([a-z_0-9]*\).*/\1/p' \
        common/calls.c | sort >"$work/defined"
    make -s print-calls | tr ' ' '\n' | sort >"$work/redirected"
    diff "$work/redirected" "$work/defined"
}

# A module depends on another whose header its two files include.
no_circle_in_common() {
    for module in common/*.c; do
        name=$(basename "$module" .c)
        sed -n 's/^#include "\(.*\)\.h".*/\1/p' common/"$name".[ch] |
            grep -vx "$name" | sed "s/^/$name /"
    done | tsort
}

# floor_table FILE: the paths in its strings that a container is given (mount
# points, device nodes with their numbers, links, what is masked) and the files
# of cgroups that it writes. Less patterns and the files of /etc, which floor.c
# and stage07.c prepare in different ways. A test of stage 7 compares the calls.
floor_table() {
    {
        grep -oE '"/dev/[a-z]+", [0-9]+, [0-9]+' "$1"
        grep -oE '"[^"]*"' "$1" | tr -s '" ' '\n\n' |
            grep -E '^(/(proc|sys|dev|run)|(memory|pids|cpu)\.)' | grep -v '[*%]'
    } | sort -u
}

floor_has_the_tables_of_stage_7() {
    floor_table tests/bench/floor.c >"$work/floor"
    floor_table stage07-*/stage07.c >"$work/stage07"
    [ -s "$work/floor" ] && diff "$work/floor" "$work/stage07"
}

# Each stage, compiled and linked without the narration, prints its help.
works_silently() {
    for source in stage*/stage*.c; do
        cc -std=gnu11 -w -isystem /usr/include/libnl3 -o "$work/stage" "$source" tests/verbs/silent.c \
            $(ls common/*.c | grep -v -e /narrate.c -e /calls.c) -lnl-route-3 -lnl-3 &&
            "$work/stage" --help >/dev/null || return
    done
}

check "clang-format changes nothing" formatted
check "gcc compiles without a warning" builds_with gcc
check "clang compiles without a warning" builds_with clang
check "clang-tidy finds nothing" tidy
check "cppcheck finds nothing" analyzed
check "the tests that the lessons name exist" failing_tests_exist
check "the edits of tests/mutants/mutants.txt fit" tests/mutants/mutants.sh --fits
check "the command lines in tests/fuzz are judged well" make fuzz-cases
check "narrated calls are those of the Makefile" calls_are_narrated
check "no function has more than 40 lines" short_functions
check "stages work without the narration" works_silently
check "no files of common/ depend on each other in a circle" no_circle_in_common
check "tests/bench/floor.c has the tables of stage 7" \
    floor_has_the_tables_of_stage_7

previous=
for source in stage*/stage*.c; do
    stage=$(basename "$source" .c)
    most_added=90 most_lines=500
    case $stage in
    stage0[1-4]) most_lines=150 ;;
    stage05) most_added=160 ;;
    stage0[89] | stage[1-9]?) most_lines=800 ;;
    esac
    check "$stage has fewer than $most_lines lines" \
        short_file "$source" $most_lines
    if [ -n "$previous" ]; then
        check "$stage keeps the functions of $(basename "$previous" .c)" \
            same_functions "$previous" "$source"
        check "$stage adds at most $most_added lines, removes at most 8" \
            small_step "$previous" "$source" 8 $most_added
    fi
    previous=$source
done

# common/README.md says how many lines the files have, with their headers.
common_readme_counts_lines() {
    sed -n 's/^| \(`[^|]*\) | \([0-9]*\) |.*/\2 \1/p' common/README.md | tr -d '`,' |
        while read -r lines files; do
            actual=0
            for file in $files; do
                for file in common/"${file%.?}".[ch]; do
                    [ ! -e "$file" ] || actual=$((actual + $(wc -l <"$file")))
                done
            done
            [ "$actual" -eq "$lines" ] || echo "$files: $actual lines, not $lines"
        done | { ! grep .; }
}

# Points, tests, mutants, places to read.
labs_are_complete() {
    for number in $(awk '/^lab / { print $2 }' labs/labs.txt); do
        jq -Rn --argjson n "$number" -f labs/lab.jq labs/labs.txt >"$work/lab" || return
        # shellcheck disable=SC2016 # jq's
        jq -r '([.requirements[].max] | add) as $sum | select($sum != 100) |
                "lab \(.lab): \($sum) points"' "$work/lab"
        jq -r '.lab as $lab | .requirements[] | select(.id != "build") |
            (select(.tests == []) | "lab \($lab), \(.id): no test"),
            (select(.read == null) | "lab \($lab), \(.id): no place to read"),
            (.hints[] | select(.mutants == [] and (.always | not)) |
                "lab \($lab): a hint without a mutant: \(.text)")' "$work/lab"
        # Of the lab's own lesson, the handout has only the sections named below.
        jq -r '.lab as $lab | .requirements[] | ((.read // "" | split("; ")[0]) // "") as $first
            | select($first | startswith("stage\("0\($lab)"[-2:])-"))
            | $first | scan("\"([^\"]*)\"")[0]
            | select(test("^(What is new|Predict|Observe)") | not)
            | "lab \($lab) sends a student to \(.), which the handout lacks"' "$work/lab"
        jq -r '.requirements[].hints[] | select(.always) | .facts | to_entries[]
            | "\(.key)=\(.value)"' "$work/lab" | while read -r fact; do
            grep -qw "fires:$fact" labs/wrong/* ||
                echo "no program of labs/wrong is for the hint of $fact"
        done
        jq -r '[.requirements[].id] as $ids | .lab as $lab | .requirements[] | .needs[]
            | select(. as $need | $ids | index($need) | not)
            | "lab \($lab) needs \(.)"' "$work/lab"
        jq -r '.requirements[].tests[] | "\(.program) \(.name)"' "$work/lab" |
            while read -r program test; do
                grep -qw "$test" "tests/stages/$program.c" tests/lib/shared.h ||
                    echo "lab $number: $program has no test $test"
            done
        jq -r '.requirements[].hints[].mutants[] | select(. != "start")' "$work/lab" |
            while IFS= read -r mutant; do
                awk -v n="$number" -v name="mutant $mutant" '/^stage / { on = $2 + 0 == n }
                    on && $0 == name { found = 1 } END { exit !found }' \
                    tests/mutants/mutants.txt || echo "lab $number: no mutant \"$mutant\""
            done
    done >"$work/faults" 2>&1
    cat "$work/faults"
    [ ! -s "$work/faults" ]
}
check "labs/labs.txt is complete" labs_are_complete

# A reader's edit stays until the lesson says to take it back.
edits_are_taken_back() {
    bad=
    for lesson in stage*/README.md; do
        awk '/^<!-- edit: / { edited = 1 }
            /[Tt]ake (the edit|that) back/ { edited = 0 }
            END { exit edited }' "$lesson" ||
            { echo "$lesson leaves its last edit in the program" && bad=yes; }
    done
    [ -z "${bad:-}" ]
}
check "lessons take their edits back" edits_are_taken_back

check "README.md says how many lines each stage adds" readme_counts_lines
check "common/README.md says how many lines the files have" common_readme_counts_lines

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
