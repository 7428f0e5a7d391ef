#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Begins lab N: labs/lab.sh N [FILE]
#
# Writes FILE, by default lab/stageNN.c: the program of the stage before, with the
# task as a comment and the stage's number changed. Never overwrites. SEED=WORD (a
# student's name) puts a mark of WORD into the names of some functions, so that
# make grades shows, in its column "seed", whose copy was handed in.
# No SEED for lab 1, which begins with main alone.
set -eu
cd "$(dirname "$0")/.."
number=$1
stage=$(printf 'stage%02d' "$number")
before=$(printf 'stage%02d' $((number - 1)))
to=${2:-lab/$stage.c}

if [ -e "$to" ]; then
    echo "$to exists already" >&2
    echo "  hint: go on with it, or move it away and type make lab$number again" >&2
    exit 1
fi
source=$(echo "$before"-*/"$before.c")
[ "$number" -gt 1 ] || source=labs/skeleton.c
[ -f "$source" ] || source=lab/$before.c
if [ ! -f "$source" ]; then
    echo "lab $number starts from stage $((number - 1)), which is not here" >&2
    exit 1
fi
if [ "$number" -eq 1 ] && [ -n "${SEED:-}" ]; then
    echo "lab 1 takes no SEED: the file that it begins with has no function but main" >&2
    exit 1
fi
mark=
[ -z "${SEED:-}" ] || mark=_$(printf %s "$SEED" | sha256sum | cut -c 1-6)

mkdir -p "$(dirname "$to")"
# In a handout, the file is the only program of the stage.
run="make stage$number builds this file, sudo ./run runs it"
if [ -f "$(echo "$stage"-*/"$stage.c")" ]; then
    run="To run it: cp $to $(echo "$stage"-*/"$stage.c"), make stage$number, sudo ./run"
    # A marked file is for a student, who has a handout.
    [ -z "$mark" ] || run="make stage$number builds lab/$stage.c, sudo ./run runs it"
fi
{
    jq -Rn --argjson n "$number" -f labs/lab.jq labs/labs.txt | jq -r --arg run "$run" '"/* Lab \(.lab), \(.title). Version \(.version) of the handout.\n *",
        (.task[] | " * " + .), " *",
        " * \($run).",
        " * make grade\(.lab) grades it, and make hint\(.lab) helps. */"'
    # Without the comment at the top.
    awk 'begun { print; next } /\*\// { begun = 1 }' "$source" |
        sed "s/prepare_container($((number - 1)), /prepare_container($number, /" |
        sed -E "s/\\b(container_main|make_mounts_private|die_with_parent|leave_session)\\b/\\1$mark/g"
} >"$to"
if [ "$to" = "lab/$stage.c" ]; then
    echo "$to is yours to complete; its top says what to do. Then: make setup grade$number"
else
    echo "$to is begun. Whoever completes it saves it as lab/$stage.c"
fi
