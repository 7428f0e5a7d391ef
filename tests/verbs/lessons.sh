#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Types the commands of the lessons and compares what is printed with what the
# lessons show: tests/verbs/lessons.sh [FILE]...
#
# What is typed: the lines that begin with "$ " in the console blocks, in a copy
# of the tree, by root and so without sudo, in mount, UTS, IPC and network namespaces
# of their own. Left out: blocks that need a second terminal, the sections that ask
# to break the code, strace (the lessons show the lines that matter), ipcrm (it
# takes a number) and, where the host has no /dev/mqueue, what is about it.
# What is compared: every line, with numbers and the copy's path made equal,
# because PIDs, addresses and sizes differ from run to run.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "lessons: needs root" >&2; exit 1; }
[ $# -gt 0 ] || set -- stage*/README.md stage*/ANSWERS.md
if [ -z "${LESSONS_APART:-}" ]; then
    LESSONS_APART=1 exec unshare --mount --uts --ipc --net "$0" "$@"
fi
build/private/rootfs/bin/busybox ip link set lo up

# The lessons call make themselves, and not as a part of make lessons.
unset MAKEFLAGS MFLAGS MAKELEVEL
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git ls-files -z --cached --others --exclude-standard |
    xargs -0 cp --parents -t "$work" 2>/dev/null || true
cp -a build "$work"
passed=0
failed=0

# One file a command in $work/.lesson: NNN.command, NNN.shown.
extract() {
    rm -rf "$work/.lesson"
    mkdir "$work/.lesson"
    awk -v to="$work/.lesson" '
        /^## / { skip = /Break it/ }
        /(second|third) terminal/ { second = 1 }
        /^```console/ { inside = 1; next }
        /^```/ && inside { inside = 0; second = 0; next }
        /^```/ { next }
        inside && !skip && !second {
            if (/^\$ /) {
                file = sprintf("%s/%03d", to, ++n)
                print substr($0, 3) >(file ".command")
                printf "" >(file ".shown")
            } else if (n)
                print >(file ".shown")
        }' "$1"
}

left_out() {
    case $(cat "$1") in
    strace* | ipcrm*) return 0 ;;
    *mqueue* | *"--hostname web"*) [ ! -d /dev/mqueue ] ;;
    *) return 1 ;;
    esac
}

# Numbers and addresses become N, runs of blanks one blank, the path /copy.
normalize() {
    sed -e '/^  \(CC\|LINK\)  /d' -e '/^rootfs: built/d' -e 's/sudo //g' \
        -e "s|$work|/copy|g" -e 's|/home/student/containers|/copy|g' \
        -e 's/0x[0-9a-f]*/N/g' -e 's/[0-9][0-9]*/N/g' \
        -e 's/[[:space:]][[:space:]]*/ /g' -e 's/ $//'
}

sudo() {
    "$@"
}

for readme in "$@"; do
    extract "$readme"
    for command in "$work"/.lesson/*.command; do
        if [ ! -e "$command" ] || left_out "$command"; then
            continue
        fi
        shown=${command%.command}.shown
        (cd "$work" && set +eu && . "$command") >"$work/.output" 2>&1 </dev/null || true
        normalize <"$shown" >"$work/.expected"
        normalize <"$work/.output" >"$work/.got"
        if diff "$work/.expected" "$work/.got" >"$work/.diff"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAILED  $readme: $(cat "$command")"
            sed 's/^/        /' "$work/.diff" | head -n 12
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
