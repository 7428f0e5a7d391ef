#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs test programs, several at a time, and counts their tests:
#
#     tests/lib/run.sh "PROGRAM [STAGE]"...
#
# Each program is run in four shares, twice as many at a time as there are
# processors: they mostly wait, and each sees a host of its own, tests/lib/apart.h.
# The output of a share appears when it has ended, in the order of the arguments.
# CLAIMS=DIRECTORY shares the work with others who were given the same words and
# the same directory: tests/lib/vm.sh does that. Fails if a test failed, if a
# program ended early or, without CLAIMS, if there was no test.
set -eu

shares=4
at_once=$(($(nproc) * 2))

# --- a worker -------------------------------------------------------------------

# run_share NUMBER "PROGRAM [STAGE]" SHARE, in the background of its worker, so
# that a signal to the worker is handled at once. The program ends if RUNNER is
# gone: see tests/lib/apart.h.
run_share() {
    status=0
    # shellcheck disable=SC2086 # a program and its argument
    RUNNER=$$ SHARE=$3 $2 >"$work/$1.log" 2>&1 </dev/null 3>&- &
    wait $! || status=$?
    echo "$status" >"$work/$1.new"
    mv "$work/$1.new" "$work/$1.status"
    echo "$1" >&3
}

# Between fork and exec, a process has the shell's handler and loses a signal:
# so repeat the signal until the program has ended.
# shellcheck disable=SC2317 # the trap calls it
stop_share() {
    program=${!:-}
    if [ -n "$program" ]; then
        (while kill "$program"; do sleep 1; done) >/dev/null 2>&1 3>&- &
        wait "$program" || :
    fi
    exit 143
}

# Takes a share that no other worker has taken, until all are taken.
# shellcheck disable=SC2317 # the trap calls it
work_on_shares() {
    trap stop_share TERM
    while kill -0 "$runner" 2>/dev/null && read -r number share test; do
        mkdir "$claims/$number.taken" 2>/dev/null || continue
        : >"$work/$number.begun"
        run_share "$number" "$test" "$share"
    done <"$work/list"
}

if [ "${1:-}" = --worker ]; then
    work=$2
    runner=$3
    claims=$4
    work_on_shares
    exit
fi

# --- the directory of this run --------------------------------------------------

# It is locked, flock(2), while this shell lives. One without a lock was left by
# a shell that was killed. The lock on /tmp keeps others out until ours is taken.
make_directory() {
    exec 8</tmp
    flock 8
    find /tmp -maxdepth 1 -type d -user "$(id -u)" \
        -name 'container-run.??????' |
        while read -r old; do
            flock -n "$old" rm -rf "$old" || :
        done
    work=$(mktemp -d /tmp/container-run.XXXXXX)
    exec 9<"$work"
    flock 9
    exec 8<&-
}

# --- counting -------------------------------------------------------------------

# At the end, cmocka lists each failed test a second time.
count() {
    grep "^\[ *$1 *\] [^0-9]" "$work/log" | sort -u | grep -c . || :
}

# print_share NUMBER "PROGRAM [STAGE]": prints a share that has ended.
print_share() {
    if ! [ -e "$work/$1.status" ]; then
        echo "harness: a share of these tests did not end" >"$work/$1.log"
        echo 1 >"$work/$1.status"
    fi
    # The lesson of test_stage03 is in stage03-*.
    name=${2%% *}
    name=${name##*/test_}
    readme=$(echo "$name"-*/README.md)
    [ -e "$readme" ] || readme=
    awk -v readme="$readme" -f "${0%/*}/report.awk" "$work/$1.log"
    cat "$work/$1.log" >>"$work/log"
    status=$(cat "$work/$1.status")
    [ "$status" -eq 0 ] || worst=$status
}

# count_program TEST: after its last share. TEST is empty before the first.
count_program() {
    [ -n "$1" ] || return 0
    ran=$(count RUN)
    ok=$(count OK)
    bad=$((ran - ok))
    if [ "$worst" -ne 0 ] && [ "$bad" -eq 0 ] || [ "$ran" -eq 0 ]; then
        echo "$1: ended with status $worst after $ran tests"
        bad=$((bad + 1))
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    : >"$work/log"
    worst=0
}

# --- all ------------------------------------------------------------------------

make_directory
claims=${CLAIMS:-$work}
[ -d "$claims" ] || {
    echo "harness: there is no directory $claims" >&2
    exit 1
}
unset CLAIMS # a test may run this script itself
workers=
# shellcheck disable=SC2317 # the traps call it
leave() {
    # $! is not in $workers yet if the signal came in between.
    # shellcheck disable=SC2086 # a word a worker
    kill $workers ${!-} 2>/dev/null || :
    wait
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

number=0
for test in "$@"; do
    for share in $(seq $shares); do
        number=$((number + 1))
        echo "$number $share/$shares $test"
    done
done >"$work/list"
: >"$work/log"
mkfifo "$work/ended"
exec 3<>"$work/ended"
for n in $(seq $at_once); do
    # It does not outlive this shell, and what it runs does not outlive it.
    setpriv --pdeathsig KILL "$0" --worker "$work" $$ "$claims" 9<&- &
    workers="$workers $!"
done
exec 4<"$work/ended" 3>&- # read fails when the workers are gone

passed=0
failed=0
worst=0
current=
while read -r number _ test; do
    while ! [ -e "$work/$number.status" ]; do
        read -r _ <&4 || break
    done
    # Somebody else has taken it.
    [ "$claims" = "$work" ] || [ -e "$work/$number.begun" ] || continue
    [ "$current" = "$test" ] || count_program "$current"
    current=$test
    print_share "$number" "$test"
done <"$work/list"
count_program "$current"
wait
workers=

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && { [ "$passed" -gt 0 ] || [ "$claims" != "$work" ]; }
