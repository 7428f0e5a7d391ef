#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# PID 1 of the machine that tools/vm/vm.sh starts. tools/vm/kernel.sh packs it
# into the initrd, with BusyBox and the modules.
#
# Loads the modules and mounts the host's files: / read-only, the tree writable
# (with SEALED: / is a tmpfs; the tree and the system's directories read-only).
# Then sets the machine up as systemd would, runs the shell or the command,
# passes its exit status to the host and powers off.
#
# The kernel's command line sets vm_run, the directory of this run below build/vm,
# and vm_sealed. The file "start" there sets what else is needed: see vm.sh.
set -eu

# Power off when a command fails. vm.sh shows its message, from the log.
trap '$busybox poweroff -f' EXIT

busybox=/bin/busybox
[ "${1:-}" = furnished ] || PATH=/bin

mount_files() {
    $busybox mkdir -p /proc /sys /dev /root /tree
    $busybox mount -t proc proc /proc
    $busybox mount -t sysfs sysfs /sys
    $busybox mount -t devtmpfs devtmpfs /dev
    for module in /modules/*.ko; do
        $busybox insmod "$module"
    done
    options=trans=virtio,version=9p2000.L,msize=262144,cache=loose
    $busybox mount -t 9p -o $options tree /tree
    if [ -z "${vm_sealed:-}" ]; then
        $busybox mount -t 9p -o $options,ro root /root
        # shellcheck disable=SC2154 # the kernel puts it into the environment
        $busybox cp "/tree/build/vm/$vm_run/start" /start
    else
        seal
    fi
}

# Fills /root with the input and the host's system directories; furnish() mounts the
# tree. The directory of this run is unmounted once its files are copied.
seal() {
    $busybox mount -t tmpfs -o mode=755 tmpfs /root
    $busybox mkdir /run
    $busybox mount -t 9p -o $options,ro run /run
    $busybox cp /run/start /start
    $busybox cp /run/input /root/input
    $busybox umount /run
    . /start
    $busybox mkdir -p "/root$tree" /root/proc /root/sys /root/dev /root/run \
        /root/tmp /root/var/tmp /root/root /root/mnt /root/home /root/srv /root/opt
    for directory in $system; do
        $busybox mkdir -p /root/$directory
        $busybox mount -t 9p -o $options,ro $directory /root/$directory
    done
    for link in $links; do
        $busybox ln -s "${link#*:}" "/root/${link%%:*}"
    done
}

# Mount the tree last: it can lie below one of the other directories.
furnish() {
    for directory in run tmp var/tmp; do
        $busybox mount -t tmpfs -o mode=1777 tmpfs /root/$directory
    done
    $busybox mount -o move /proc /root/proc
    $busybox mount -o move /sys /root/sys
    $busybox mount -o move /dev /root/dev
    $busybox mkdir -p /root/dev/pts /root/dev/shm /root/dev/mqueue \
        /root/run/vm "/root$tree"
    $busybox mount -t devpts -o mode=620,ptmxmode=666 devpts /root/dev/pts
    $busybox mount -t tmpfs -o mode=1777 tmpfs /root/dev/shm
    $busybox mount -t mqueue mqueue /root/dev/mqueue
    $busybox mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
    $busybox ln -s /proc/self/fd /root/dev/fd
    $busybox ln -s /proc/self/fd/0 /root/dev/stdin
    $busybox ln -s /proc/self/fd/1 /root/dev/stdout
    $busybox ln -s /proc/self/fd/2 /root/dev/stderr
    $busybox mount -o move /tree "/root$tree"
    # A machine of another architecture uses build/ARCH as its build directory.
    # Only build/vm is that of the host: tests/lib/vm.sh shares files in it.
    if [ -n "$foreign" ]; then
        $busybox mkdir -p "/root$tree/build/$foreign/vm"
        $busybox mount -o bind "/root$tree/build/vm" \
            "/root$tree/build/$foreign/vm"
        $busybox mount -o rbind "/root$tree/build/$foreign" "/root$tree/build"
    fi
    $busybox cp $busybox /init /start /root/run/vm
}

if [ "${1:-}" != furnished ]; then
    mount_files
    . /start
    furnish
    exec $busybox switch_root /root /run/vm/busybox sh /run/vm/init furnished
fi

busybox=/run/vm/busybox
. /run/vm/start
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/tmp TERM
# Give each test more time: without KVM, the machine is ten times slower.
export PATIENCE=200
cd "$tree"

# As under systemd, / is shared, and no process is in the root cgroup.
$busybox mount --make-rshared /
$busybox mkdir -p /sys/fs/cgroup/user/session
echo $$ >/sys/fs/cgroup/user/session/cgroup.procs
$busybox hostname vm
$busybox ip link set lo up

# port NAME: prints the device of the serial port that vm.sh calls NAME.
port() {
    for directory in /sys/class/virtio-ports/*; do
        read -r name <"$directory/name" || continue
        [ "$name" != "$1" ] || echo "/dev/${directory##*/}"
    done
}

# Kill every process but PID 1 and the two that relay the output. A process that
# COMMAND left behind may keep the output open, and the two would wait for it.
finish_output() {
    for directory in /proc/[0-9]*; do
        case " 1 $out $err " in
        *" ${directory#/proc/} "*) ;;
        *) kill -s KILL "${directory#/proc/}" 2>/dev/null || : ;;
        esac
    done
    wait "$out" "$err" || :
}

# The host cannot build the root of another architecture, so build it here.
[ -z "$foreign" ] || sh rootfs/build.sh build/private/rootfs

set -- sh -c "$command"
[ -n "$command" ] || set -- "$(command -v bash || echo sh)"
status=$(port status)
exec 4>"$status"
echo up >&4
result=0
if [ "$terminal" = yes ]; then
    # Keep hvc0 open: its window size is lost with the last close.
    exec 3<>/dev/hvc0
    [ "$rows" -eq 0 ] ||
        $busybox stty -F /dev/hvc0 rows "$rows" columns "$columns"
    while read -r rows columns; do
        $busybox stty -F /dev/hvc0 rows "$rows" columns "$columns"
    done <"$(port size)" 3<&- 4>&- &
    $busybox setsid -c "$@" <&3 >&3 2>&3 3<&- 4>&- || result=$?
else
    $busybox mkfifo /run/vm/out /run/vm/err
    $busybox cat /run/vm/out >"$(port out)" 4>&- &
    out=$!
    $busybox cat /run/vm/err >"$(port err)" 4>&- &
    err=$!
    "$@" </dev/null >/run/vm/out 2>/run/vm/err 4>&- || result=$?
    finish_output
fi
echo "$result" >&4
$busybox sync
$busybox poweroff -f
