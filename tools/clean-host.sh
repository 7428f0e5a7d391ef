#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Undoes what containers left on the host whose parents were killed as well:
# cgroups, and the bridge. tools/clean-host.sh PROGRAM, that of the last stage
#
# Only what is ours and in nobody's use: a cgroup of ours whose name is the PID
# of no process, and in which no process is; a bridge without a port. Names the
# containers that survived their parent, because COMMAND changed its user, and
# ends them if KILL=1 is in the environment.
set -eu

[ "$(id -u)" -eq 0 ] || { echo "clean-host: needs root" >&2; exit 1; }
# shellcheck source=tools/names.sh
. "$(dirname "$0")/names.sh"
undone=0

# The container may have made cgroups in its own.
is_empty() {
    [ -z "$(find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null)" ]
}

# The first process of a PID namespace, whose parent is none of our programs.
# Its link eth0 leads to a port of mini0, or it is in one of our cgroups.
is_survivor() {
    awk '/^NSpid:/ { exit !(NF == 3 && $3 == 1) }' "$1/status" || return 1
    parent=$(awk '/^PPid:/ { print $2 }' "$1/status")
    case $(readlink "/proc/$parent/exe") in
    */stage[0-9][0-9]) return 1 ;;
    esac
    ! grep -q "/$ours/" "$1/cgroup" || return 0
    index=$(cat "$1/root/sys/class/net/eth0/iflink") || return 1
    cat /sys/class/net/$bridge/brif/*/../ifindex | grep -qx "$index"
}

for process in /proc/[0-9]*; do
    is_survivor "$process" 2>/dev/null || continue
    pid=${process#/proc/}
    name=$(tr '\0' ' ' <"$process/cmdline")
    undone=1
    if [ "${KILL:-}" = 1 ]; then
        kill -s KILL "$pid"
        echo "ended container $pid: $name"
        while [ -e "$process/exe" ]; do sleep 0.1; done
    else
        echo "container $pid lives on without its parent: $name"
        echo "  hint: make clean-host KILL=1 ends it"
    fi
done

# Field 5 of a cgroup mount is where it is mounted.
for mount in $(awk '/ - cgroup2? / { print $5 }' /proc/self/mountinfo); do
    for directory in $(find "$mount" -path "*/$ours/[0-9]*" -prune); do
        pid=${directory##*/}
        [ ! -e "/proc/${pid%%.*}" ] && is_empty "$directory" || continue
        find "$directory" -depth -type d -exec rmdir {} +
        echo "removed $directory"
        undone=1
    done
    find "$mount" -type d -name "$ours" -prune \
        -exec rmdir {} + 2>/dev/null || :
done

# A start mends the network, and its end removes it. The host's own root will do.
has_bridge() {
    grep -q "^ *$bridge:" /proc/net/dev
}
there=$(has_bridge && echo yes || echo no)
"$1" --quiet --chroot --rootfs / true
if [ "$there" = yes ] && ! has_bridge; then
    echo "removed the bridge $bridge and its rules"
    undone=1
fi
[ $undone -eq 1 ] || echo "nothing to undo"
