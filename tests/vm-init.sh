#!/bin/sh
# SPDX-License-Identifier: MIT
#
# PID 1 of the machine that tests/vm.sh starts: furnishes it as systemd would,
# runs the shell or the command, hands its status out, and turns the machine
# off. The console tty0 is the terminal, or standard output, of tests/vm.sh;
# tty1 takes the status, tty2 is standard error where there is no terminal.
set -eu

work=${0%/tree/*}
cd -P "$work/tree"
tree=$(pwd)
command=$(cat "$work/command")
rm -rf "$work"

# The tree may be below a directory that is covered soon. And BusyBox, which is
# static, starts faster than the programs of the disk.
mount --bind "$tree" /mnt
rootfs=/mnt/build/rootfs
PATH=$rootfs/bin:$rootfs/sbin:$rootfs/usr/bin:$rootfs/usr/sbin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t mqueue mqueue /dev/mqueue

# Nothing is written to the disk, except in the tree.
for directory in /dev/shm /run /tmp /var/tmp; do
    mount -t tmpfs -o mode=1777 tmpfs $directory
done
cp $rootfs/bin/busybox /run # for the end: the tree may be cleaned until then
mkdir -p "$tree"
mount -o bind /mnt "$tree"
mount -o remount,bind,ro /
cd "$tree"

# In modules.dep, what a module needs stands behind it, the last first.
modules=/usr/lib/uml/modules/$(uname -r)
for module in veth bridge overlay nf_tables; do
    for file in $(sed -n "s,^\(.*/$module\.ko\):,\1,p" "$modules/modules.dep" |
        tr ' ' '\n' | tac); do
        insmod "$modules/$file" 2>/dev/null || : # there already
    done
done

# As under systemd, no process is in the root of the cgroups.
mkdir -p /sys/fs/cgroup/user/session
echo $$ >/sys/fs/cgroup/user/session/cgroup.procs
hostname vm
ip link set lo up
mount --make-rshared /
umount -l /mnt # lazily: umount itself is there

export HOME=/tmp
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
status=0
set -- sh -c "$command"
[ -n "$command" ] || set -- "$(command -v bash || echo sh)"
# shellcheck disable=SC2154 # a word of the kernel's command line
if [ "$terminal" = yes ]; then
    setsid -c -w "$@" <>/dev/tty0 >&0 2>&0 || status=$?
else
    # Open until the end, and without a carriage return before each newline.
    exec >/dev/tty0 2>/dev/tty2
    stty -F /dev/tty0 -opost
    stty -F /dev/tty2 -opost
    "$@" </dev/null || status=$?
fi
echo $status >/dev/tty1
/run/busybox halt -f
