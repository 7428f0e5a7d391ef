#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Removes the cgroups and the bridge that containers left on the host because
# their parents were killed: tools/clean-host.sh PROGRAM, that of the last stage
#
# Removes only what nobody uses: cgroups that are named after the PID of an
# ended process and contain no process, and a bridge without ports. Names the
# containers that survived their parent because COMMAND changed its user, and
# kills them if KILL=1 is in the environment.
set -eu

[ "$(id -u)" -eq 0 ] || { echo "clean-host: needs root" >&2; exit 1; }
# shellcheck source=tools/names.sh
. "$(dirname "$0")/names.sh"
undone=0

# is_empty CGROUP: neither it nor a cgroup below it contains a process.
is_empty() {
    [ -z "$(find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null)" ]
}

# is_survivor PROCESS: it is PID 1 of a PID namespace, its parent is no stage,
# and it is in a cgroup of mini-container or its eth0 is connected to mini0.
is_survivor() {
    awk '/^NSpid:/ { exit !(NF == 3 && $3 == 1) }' "$1/status" || return 1
    parent=$(awk '/^PPid:/ { print $2 }' "$1/status")
    case $(readlink "/proc/$parent/exe") in
    */stage[0-9][0-9] | */stage[0-9][0-9]" (deleted)") return 1 ;;
    esac
    ! grep -q "/$ours/" "$1/cgroup" || return 0
    index=$(cat "$1/root/sys/class/net/eth0/iflink") || return 1
    port=$(grep -lx "$index" /sys/class/net/$bridge/brif/*/../ifindex) || return 1
    # The index may belong to another namespace, and by chance be that of a port
    # here. So compare addresses: veth6-100 is 10.77.6.100, or N.N.86.100 in a
    # subnet N.N.80.0/20.
    port=${port%/../ifindex}
    port=${port##*/veth}
    third=${port%-*}
    grep -Eq "\.($third|$((third + 80)))\.${port#*-}\$" "$1/net/fib_trie"
}

for process in /proc/[0-9]*; do
    is_survivor "$process" 2>/dev/null || continue
    pid=${process#/proc/}
    name=$(tr '\0' ' ' <"$process/cmdline")
    undone=1
    if [ "${KILL:-}" = 1 ]; then
        kill -s KILL "$pid"
        echo "killed container $pid: $name"
        # A zombie (Z) has ended, with all processes of its namespace.
        while grep -qs '^State:.[^ZX]' "$process/status"; do sleep 0.1; done
    else
        echo "container $pid survived its parent: $name"
        echo "  hint: make clean-host KILL=1 kills it"
    fi
done

# Field 5 of a line of mountinfo is the mount point.
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

# Run a container once: its start replaces a stale bridge, and its end removes
# the bridge. Its root is an empty directory and its COMMAND a directory there,
# which ends with status 126 (cannot be executed).
has_bridge() {
    grep -q "^ *$bridge:" /proc/net/dev
}
there=$(has_bridge && echo yes || echo no)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
message=$("$1" --quiet --chroot --rootfs "$root" /proc 2>&1) || [ $? -eq 126 ] || {
    echo "$message" >&2
    exit 1
}
if [ "$there" = yes ] && ! has_bridge; then
    echo "removed the bridge $bridge and its rules"
    undone=1
fi
[ $undone -eq 1 ] || echo "nothing to undo"
