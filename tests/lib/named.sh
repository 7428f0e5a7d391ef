# SPDX-License-Identifier: MIT
#
# For tests in bash: run_named NAME... runs these functions, or only
# the one that $only names. A test notes in $work/differences what is wrong.
# shellcheck shell=bash disable=SC2154 # the test sets work and only
run_named() {
    local name passed=0 failed=0
    for name in "$@"; do
        [ -z "$only" ] || [ "$only" = "$name" ] || continue
        : >"$work/differences"
        "$name"
        if [ -s "$work/differences" ]; then
            echo "FAILED  $name"
            cat "$work/differences"
            failed=$((failed + 1))
        else
            echo "ok      $name"
            passed=$((passed + 1))
        fi
    done
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
