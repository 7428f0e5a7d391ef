#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Judges one submission: labs/judge.sh N FILE
#
# labs/grade.sh runs it as root, in the clean tree of lab N that labs/tree.sh has
# made, in a machine that sees this tree, FILE and the system's directories alone,
# or on the host. It
# builds FILE, runs the tests of each requirement, and prints a line for each
# event as soon as it is known:
#
#     NONCE result ID passed|failed|not-run|skipped|cannot [SECONDS] [ID that it needs]
#     NONCE seen ID TEXT          NONCE fact KEY=VALUE          NONCE end
#     NONCE system KERNEL v1|v2   where it was judged; the first event
#
# NONCE is a random word that the first line gives. The submission runs later, in
# a PID namespace of the test and without the right to look into the memory of
# others, so it cannot write such a line. A verdict is the exit status of a test
# program; nothing that the submission prints is read as one. The test programs lie
# on a tmpfs. Each unmounts it in its own mount namespace, so that the submission
# does not see them.
set -u
[ "${PRIVATE:-}" ] || PRIVATE=yes exec unshare --mount /bin/sh "$0" "$@"

{ # Read this script to its end before anything else: the submission could change it.
number=$1 file=$2
stage=$(printf 'stage%02d' "$number")
: "${LIMIT:=60}" # seconds for each program: compiler, tests of a file, facts
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
# Seconds that a test may last (tests/lib/harness.h), processes that it may have
# (tests/lib/apart.c).
export PATIENCE="${PATIENCE:-15}" PROCESSES=300
read -r nonce </proc/sys/kernel/random/uuid
echo "nonce $nonce"
tell() {
    echo "$nonce $*"
}

case $(stat -fc %T /sys/fs/cgroup) in
cgroup2fs) tell "system $(uname -r) v2" ;;
*) tell "system $(uname -r) v1" ;;
esac

# Build and run the submission here, not in /tmp: if it mounts over /tmp, the test may
# see it too. In a machine the tree is read-only: use /judge there, which is in memory.
work=$PWD/build/judge
mkdir "$work" 2>/dev/null || { work=/judge && mkdir $work; } || exit 125
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP
export GRADED=$work/build
mkdir -p "$work/build" "$work/lab" && chmod 755 "$work" &&
    mount -t tmpfs -o mode=755 safe build/safe && mkdir build/safe/private &&
    cp -a build/tests/. tests/lib/report.awk build/safe &&
    cp -a build/probe build/private build/safe/private || exit 125
[ ! -e build/escape ] || cp -a build/escape build/safe/private
safe=$PWD/build/safe
plan=$(cat build/lab/plan)
cp -r common "$work"
cp "$file" "$work/lab/$stage.c" && chmod 644 "$work/lab/$stage.c" || exit 125
. build/lab/flags
mkdir "$work/parts"
# shellcheck disable=SC2154,SC2086 # several words, from build/lab/flags
cp $objects "$work/parts" && chmod -R a+rX "$work/common" "$work/parts" || exit 125

# shown ID FILE: what is worth reading of FILE, short.
shown() {
    head -c 4000 "$2" | tr -d '\000-\010\013-\037' | head -n 16 |
        while IFS= read -r line; do tell "seen $1 $line"; done
}

# --- building -------------------------------------------------------------------

# As a user without rights, in a directory of its own: the submission can include
# any file that this user can read. ulimit and timeout bound the compiler.
build() {
    mkdir "$work/objects" && chown 65534:65534 "$work/objects"
    # shellcheck disable=SC2086,SC2154 # several words, from build/lab/flags
    (
        ulimit -t 30 -f 40000 -v 2000000 2>/dev/null
        cd "$work/lab" &&
            timeout -k 1 "$LIMIT" setpriv --reuid 65534 --regid 65534 --clear-groups \
                --no-new-privs \
                sh -c "$cc $cflags -finstrument-functions -c -o ../objects/stage.o $stage.c &&
                    exec 2>../objects/linker && $cc $ldflags -o ../objects/stage ../objects/stage.o ../parts/*.o ../parts/*.a \
                        $libraries"
    ) >"$work/messages" 2>&1 </dev/null
    # The linker warns of static libraries; only its errors count.
    [ -s "$work/objects/stage" ] || cat "$work/objects/linker" >>"$work/messages" 2>/dev/null
    [ -f "$work/objects/stage" ] && [ ! -L "$work/objects/stage" ] &&
        cp "$work/objects/stage" "$work/build/$stage" && chmod 755 "$work/build/$stage"
}

failed=
warned=
begun=$(date +%s.%N)
# seconds: prints the seconds since $begun.
seconds() {
    now=$(date +%s.%N)
    echo "$begun $now" | awk '{ printf "%.1f", $2 - $1 }'
}

if ! build; then
    tell "result build failed $(seconds)"
    shown build "$work/messages"
    while read -r id _; do
        [ "$id" = build ] || tell "result $id not-run 0 build"
    done <<-END
$plan
END
    tell end
    exit
elif [ -s "$work/messages" ]; then
    tell "result build failed $(seconds)"
    shown build "$work/messages"
    warned=yes
fi
built=$(seconds)

# --- the requirements -----------------------------------------------------------

# try ID PROGRAM:TEST...: 0 if all tests passed.
try() {
    try=$1
    shift
    rm -rf "$work/build/private" "$work/build/probe" "$work/build/escape"
    cp -a "$safe/private/." "$work/build"
    for program in $(printf '%s\n' "$@" | sed 's/:.*//' | sort -u); do
        names=$(printf '%s\n' "$@" | sed -n "s/^$program://p")
        # shellcheck disable=SC2086 # a word a test
        timeout -k 10 "$LIMIT" "$safe/$program" "$number" $names \
            >"$work/log" 2>&1 </dev/null || {
            awk -v readme=/dev/null -f "$safe/report.awk" "$work/log" 2>/dev/null |
                sed -n '/^FAILED/,/^ok/p' | grep -v -e '^ok' -e ' read: ' |
                sed "s/^        //; s|$work/build/||g" >"$work/report"
            [ -s "$work/report" ] ||
                echo "the tests ended without a verdict (time limit: $LIMIT seconds)" \
                    >"$work/report"
            shown "$try" "$work/report"
            # A program that hung once hangs again: wait less.
            ! grep -q 'not ended after' "$work/log" || PATIENCE=5
            return 1
        }
    done
}

passed=' '
# lacks NEEDS: the first of them that did not pass.
lacks() {
    for need in $(echo "$1" | tr , ' '); do
        case $passed in
        *" $need "*) ;;
        *) [ "$need" = - ] || { echo "$need" && return; } ;;
        esac
    done
}
# has PATHS: whether this machine has all that a requirement is about.
has() {
    for path in $(echo "$1" | tr , ' '); do
        [ "$path" = - ] || [ -e "$path" ] || return 1
    done
}
# A file that builds and does nothing right earns nothing: "build" comes last.
while read -r id needs paths tests; do
    if [ "$id" = build ]; then
        build_needs=$needs
        continue
    fi
    if [ -n "${TEST:-}" ] && [ "$id" != "$TEST" ]; then
        tell "result $id skipped 0"
        passed="$passed$id "
        continue
    fi
    missing=$(lacks "$needs")
    begun=$(date +%s.%N)
    # shellcheck disable=SC2086 # a word a test
    if [ -n "$missing" ]; then
        tell "result $id not-run 0 $missing"
    elif ! has "$paths"; then
        tell "result $id cannot 0"
    elif try "$id" $tests; then
        tell "result $id passed $(seconds)"
        passed="$passed$id "
    else
        tell "result $id failed $(seconds)"
        failed=yes
    fi
done <<END
$plan
END
missing=$(lacks "$build_needs")
if [ -n "${TEST:-}" ]; then
    [ -n "$warned" ] || tell "result build skipped 0"
elif [ -n "$missing" ]; then
    [ -n "$warned" ] || tell "result build not-run $built $missing"
elif [ -z "$warned" ]; then
    tell "result build passed $built"
fi

# Facts are for the hints alone.
[ -z "$failed${FACTS:-}" ] || timeout -k 10 "$LIMIT" "$safe/facts" "$number" 2>/dev/null \
    </dev/null | sed -n 's/^fact \([a-zA-Z0-9./_-]*=[a-zA-Z0-9./_+-]*\)$/\1/p' |
    head -n 100 | while read -r fact; do tell "fact $fact"; done
tell end
exit
}
