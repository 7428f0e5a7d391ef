#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs test programs one after another and counts their tests:
#
#     tests/run.sh "PROGRAM [STAGE]"...
#
# One after another, because each compares the whole host before and after.
# Fails if a test failed, if a program ended early, or if there was no test.
set -eu

log=$(mktemp)
skips=$(mktemp)
trap 'rm -f "$log" "$skips"' EXIT
passed=0
failed=0
skipped=0

# cmocka names a test that failed or was skipped once more at the end.
count() {
    grep "^\[ *$1 *\] [^0-9]" "$log" | sort -u | grep -c . || :
}

# What was skipped and why; skip_test() in tests/harness.c says it before.
reasons() {
    awk -v program="${1##*/}" '
        { name = $0; sub(/^[^]]*] /, "", name) }
        /^\[ *REASON *]/ { reason = name }
        /^\[ *SKIPPED *] [^0-9]/ && !(name in seen) {
            print "  " program ", " name ":\n    " \
                (reason ? reason : "no reason given")
            seen[name] = 1
            reason = ""
        }' "$log"
}

for test in "$@"; do
    status=0
    # The exit status of the program, not that of tee.
    # shellcheck disable=SC2086 # a program and its argument
    { $test 2>&1 || echo "$?" >"$log.status"; } | tee "$log"
    if [ -s "$log.status" ]; then
        status=$(cat "$log.status")
        rm -f "$log.status"
    fi
    ran=$(count RUN)
    ok=$(count OK)
    skip=$(count SKIPPED)
    bad=$((ran - ok - skip))
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] || [ "$ran" -eq 0 ]; then
        echo "$test: ended with status $status after $ran tests"
        bad=$((bad + 1))
    fi
    reasons "$test" >>"$skips"
    passed=$((passed + ok))
    skipped=$((skipped + skip))
    failed=$((failed + bad))
done

echo
if [ "$skipped" -gt 0 ]; then
    echo "skipped, for what this kernel cannot do:"
    cat "$skips"
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
