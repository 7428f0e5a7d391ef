#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs test programs in machines of make vm, one machine a processor, and counts
# their tests: tests/vm.sh "PROGRAM [STAGE]"...
#
# The words are those of tests/run.sh, which each machine runs with a part of
# them. A machine without KVM is slow, so each test may take ten minutes.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
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
count=$(nproc)
for part in $(seq "$count"); do
    tools/vm/vm.sh "PART=$part/$count PATIENCE=600 tests/run.sh $words" \
        >"$work/$part" 2>&1 </dev/null &
    machines="$machines $!"
done
for machine in $machines; do
    wait "$machine" || failed=yes
done
machines=

grep -hv '^[0-9]* passed, [0-9]* failed$' "$work"/[0-9]*
cat "$work"/[0-9]* | awk '
    /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
    END { print passed + 0 " passed, " failed + 0 " failed" }'
[ -z "${failed:-}" ]
