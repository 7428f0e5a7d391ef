#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Undoes what containers left on the host whose parents were killed as well:
# cgroups, and the bridge. tools/clean-host.sh STAGE07
#
# Only what is ours and in nobody's use: a cgroup with our name that no process
# has locked and none is in, a bridge of which no container has an address.
set -eu

[ "$(id -u)" -eq 0 ] || { echo "clean-host: needs root" >&2; exit 1; }
undone=0

# Field 5 of a cgroup mount is where it is mounted.
for mount in $(awk '/ - cgroup2? / { print $5 }' /proc/self/mountinfo); do
    for directory in $(find "$mount" -type d -name 'mini-container.*'); do
        if flock --nonblock "$directory" rmdir "$directory" 2>/dev/null; then
            echo "removed $directory"
            undone=1
        fi
    done
done

# A start mends the network, and its end removes it; version 2 controllers that
# were enabled for containers are disabled. The host's own root will do.
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
