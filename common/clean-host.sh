#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Undoes what containers left on the host whose parents were killed as well:
# cgroups, and the bridge. common/clean-host.sh STAGE07
#
# Only what is ours and in nobody's use: a cgroup of ours whose name is the PID
# of no process, and in which no process is; a bridge of which no container has
# an address.
set -eu

[ "$(id -u)" -eq 0 ] || { echo "clean-host: needs root" >&2; exit 1; }
undone=0

# The container may have made cgroups in its own.
is_empty() {
    [ -z "$(find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null)" ]
}

# Field 5 of a cgroup mount is where it is mounted.
for mount in $(awk '/ - cgroup2? / { print $5 }' /proc/self/mountinfo); do
    for directory in $(find "$mount" -path '*/mini-container/[0-9]*' -prune); do
        pid=${directory##*/}
        [ ! -e "/proc/${pid%%.*}" ] && is_empty "$directory" || continue
        find "$directory" -depth -type d -exec rmdir {} +
        echo "removed $directory"
        undone=1
    done
    find "$mount" -type d -name mini-container -prune \
        -exec rmdir {} + 2>/dev/null || :
done

# A start mends the network, and its end removes it. The host's own root will do.
has_bridge() {
    grep -q '^ *mini0:' /proc/net/dev
}
bridge=$(has_bridge && echo yes || echo no)
"$1" --quiet --chroot --rootfs / true
if [ "$bridge" = yes ] && ! has_bridge; then
    echo "removed the bridge mini0 and its rules"
    undone=1
fi
[ $undone -eq 1 ] || echo "nothing to undo"
