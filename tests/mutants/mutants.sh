#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Proves that the tests notice what is missing: makes each edit of
# tests/mutants/mutants.txt alone, and runs the test that is named beside it.
#
#     tests/mutants/mutants.sh [STAGE|WORDS]    all, one stage's, or those with WORDS in
#                                       their line
#     tests/mutants/mutants.sh --fits           only says which edits fit no longer
#     tests/mutants/mutants.sh --write N DIR    only writes the mutants of stage N's
#                                       own program to DIR: ID.c, and the list DIR/all
#
# A mutant is killed if the edited program builds and the test fails on it; on
# the program as it is, the test passes. Anything else fails the run: a mutant
# that survives, that does not build, or whose edit fits no longer.
#
# An edited program may do anything to its host, and root runs it: tests/lib/apart.h
# says what is done about that. Several are tried at a time, each in a copy of
# the tree, in build/mutants; what a test said of mutant N is in N.log there.
set -eu
cd "$(dirname "$0")/../.."
work=$PWD/build/mutants
export PATIENCE="${PATIENCE:-20}" # seconds for one test: see tests/lib/harness.h

# passes COPY PROGRAM STAGE TEST: 0 if the test passes, 1 if it fails, 2 if it
# is not known. The output is in COPY/log.
passes() {
    "$1/build/tests/$2" "$3" "$4" >"$1/log" 2>&1 </dev/null || :
    grep -q "^\[       OK \] $4$" "$1/log" && return
    ! grep -q "^\[  FAILED  \] $4$" "$1/log" || return 1
    return 2
}

# --- the table ----------------------------------------------------------------

# One line a mutant, divided by tabs: number, stage, file, test program, test,
# what it needs, name. The texts are in NUMBER.old and NUMBER.new.
read_table() {
    awk -v to="$work/" -v OFS='\t' '
        function put() {
            if (name)
                print id, stage, file, program, test, needs, name
            name = ""
        }
        /^stage / { put(); stage = $2 + 0 }
        /^file / { put(); file = $2 }
        /^mutant / {
            put()
            id = sprintf("%03d", ++count)
            name = substr($0, 8)
            needs = "/"
            printf "" >(to id ".old")
            printf "" >(to id ".new")
        }
        /^test / { test = $2; program = $4 ? $4 : \
            sprintf("test_stage%02d", stage) }
        /^needs / { needs = $2 }
        /^-/ { print substr($0, 2) >(to id ".old") }
        /^\+/ { print substr($0, 2) >(to id ".new") }
        END { put() }' tests/mutants/mutants.txt
}

# edit FILE OLD NEW: prints FILE with the text of OLD, which is in it once,
# replaced by that of NEW.
edit() {
    awk '
        function text(file,    line, all, between) {
            while ((getline line <file) > 0) {
                all = all between line
                between = "\n"
            }
            return all
        }
        BEGIN {
            all = text(ARGV[1])
            old = text(ARGV[2])
            at = index(all, old)
            if (!at || index(substr(all, at + 1), old))
                exit 1
            print substr(all, 1, at - 1) text(ARGV[3]) \
                substr(all, at + length(old))
        }' "$@"
}

# --- the work in one copy ------------------------------------------------

# A copy of what make and the tests need; times stay, so that make does not
# build everything again.
copy_tree() {
    mkdir -p "$1/build/tests"
    cp -a Makefile common stage[0-9]* "$1"
    cp -a --parents tests/tests.mk labs/labs.mk tools/*.sh tools/look "$1"
    cp -a build/common build/stage* build/earlier* build/libcommon.a build/escape \
        build/probe build/private build/look build/tools "$1/build"
    cp -a build/tests/test_* "$1/build/tests"
}

# The tests that are named, on the programs as they are.
check_tests() {
    while IFS='	' read -r program stage test; do
        passes "$1" "$program" "$stage" "$test" && continue
        echo "$program $stage: $test does not pass without an edit"
        tail -n 20 "$1/log"
    done
}

# judge COPY STAGE PROGRAM TEST FILE: what became of one mutant, which is in COPY.
judge() {
    case $5 in
    tools/look/*) goal=build/look ;;
    *) goal=build/stage$(printf %02d "$2") ;;
    esac
    if ! make -s -C "$1" CFLAGS='-O2 -w' "$goal" >"$1/log" 2>&1; then
        echo "DOES NOT BUILD"
    elif passes "$1" "$3" "$2" "$4"; then
        echo "SURVIVED"
    elif [ $? -eq 1 ]; then
        echo "killed"
    else
        echo "NO RESULT"
    fi
}

try_mutants() {
    while IFS='	' read -r id stage file program test needs name; do
        if ! [ -e "$needs" ]; then
            verdict="left out"
        elif edit "$file" "$work/$id.old" "$work/$id.new" >"$1/$file"; then
            verdict=$(judge "$1" "$stage" "$program" "$test" "$file")
        else
            verdict="NO LONGER FITS"
        fi
        cp "$1/log" "$work/$id.log"
        cp "$file" "$1/$file" # newer than what was built of the mutant
        printf '%-14s  %2s  %-50s %s\n' "$verdict" "$stage" "$name" "$test" |
            tee -a "$1/results"
        case $verdict in
        NO\ RESULT | DOES*) tail -n 20 "$1/log" ;;
        esac
    done
}

# in_parallel FUNCTION LIST: each copy gets its share of the lines of LIST.
in_parallel() {
    for copy in "$work"/copy*; do
        awk -v all="$copies" -v mine="${copy##*copy}" \
            'NR % all == mine' "$2" | "$1" "$copy" &
    done
    wait
}

# --- all ----------------------------------------------------------------------

if [ "${1:-}" = --fits ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    read_table >"$work/all"
    while IFS='	' read -r id stage file rest; do
        edit "$file" "$work/$id.old" "$work/$id.new" >/dev/null ||
            echo "fits no longer: stage $stage, $file: ${rest##*	}"
    done <"$work/all" >"$work/bad"
    cat "$work/bad"
    [ ! -s "$work/bad" ]
    exit
fi

if [ "${1:-}" = --write ]; then
    work=$3
    read_table | awk -F'\t' -v n="$2" '$2 == n && $3 ~ /^stage/' >"$work/all"
    while IFS='	' read -r id stage file rest; do
        edit "$file" "$work/$id.old" "$work/$id.new" >"$work/$id.c"
    done <"$work/all"
    rm -f "$work"/*.old "$work"/*.new
    exit
fi

if [ "$(id -u)" -ne 0 ]; then
    echo "mutants: needs root" >&2
    echo "  hint: sudo tests/mutants/mutants.sh" >&2
    exit 1
fi
if ! [ -e build/tests/test_harness ]; then
    echo "mutants: the tests are not built" >&2
    echo "  hint: make test-needs" >&2
    exit 1
fi

copies=$(($(nproc) * 2)) # they mostly wait
unset MAKEFLAGS MFLAGS MAKELEVEL # the copies call make themselves
rm -rf "$work"
mkdir -p "$work"
trap 'chown -R --reference=build "$work"' EXIT # so that make clean can remove it
read_table >"$work/all"
case ${1:-} in
[1-9] | [1-9][0-9]) awk -F '\t' -v stage="$1" '$2 == stage' "$work/all" >"$work/list" ;;
*) grep -F -e "${1:-}" "$work/all" >"$work/list" || : ;;
esac
if ! [ -s "$work/list" ]; then
    echo "mutants: nothing matches '$1': expected the number of a stage, or words of an entry" >&2
    exit 1
fi
for n in $(seq 0 $((copies - 1))); do
    copy_tree "$work/copy$n"
done

cut -f 2,4,5 "$work/list" | awk -F '\t' -v OFS='\t' '{ print $2, $1, $3 }' |
    sort -u >"$work/tests"
echo "$(grep -c . "$work/tests") tests, on the programs as they are"
in_parallel check_tests "$work/tests" | tee "$work/failed"
[ ! -s "$work/failed" ] || exit 1

in_parallel try_mutants "$work/list"
echo
awk '
    /^left out/ { left_out++; next }
    { stage = substr($0, 17, 2) + 0; all[stage]++; n++ }
    /^killed/ { killed[stage]++; k++ }
    END {
        for (stage = 1; stage <= 99; stage++)
            if (all[stage])
                printf "stage %d: %d of %d killed\n", stage, killed[stage],
                    all[stage]
        if (left_out)
            printf "%d left out: this machine lacks what they are about\n",
                left_out
        printf "%d mutants, %d killed, %d not killed\n", n, k, n - k
        exit n == 0 || k < n
    }' "$work"/copy*/results
