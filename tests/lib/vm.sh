#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs test programs in machines of make vm, one machine a processor, and counts
# their tests: tests/lib/vm.sh "PROGRAM [STAGE]"...
#
# The words are those of tests/lib/run.sh. Each machine runs it with all of them, and
# takes from the others what they have not begun. A machine without KVM is slow,
# so each test may take ten minutes.
set -eu
cd "$(dirname "$0")/../.."

# Make the directory as tools/vm/vm.sh does. If this script is killed, the next
# tools/vm/vm.sh removes the directory.
mkdir -p build/vm
exec 8>build/vm/lock
flock 8
work=$(mktemp -d build/vm/run.XXXXXX)
exec 9>"$work/lock"
flock 9
exec 8>&-
machines=
# shellcheck disable=SC2317 # the traps call it
leave() {
    # shellcheck disable=SC2086 # a number a machine
    [ -z "$machines" ] || kill $machines 2>/dev/null || :
    wait
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

words=
for word in "$@"; do
    words="$words '$word'"
done
for machine in $(seq "$(nproc)"); do
    tools/vm/vm.sh "CLAIMS=$work PATIENCE=600 tests/lib/run.sh $words" \
        >"$work/$machine.log" 2>&1 </dev/null &
    machines="$machines $!"
done
for machine in $machines; do
    wait "$machine" || failed=yes
done
machines=

grep -hv '^[0-9]* passed, [0-9]* failed$' "$work"/*.log
cat "$work"/*.log | awk '
    /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
    END { print passed + 0 " passed, " failed + 0 " failed" }'
[ -z "${failed:-}" ] && grep -q '^[1-9][0-9]* passed' "$work"/*.log
