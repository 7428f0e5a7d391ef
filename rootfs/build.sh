#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds a BusyBox root file system:
#
#     rootfs/build.sh DIR       builds it in DIR
#     rootfs/build.sh --check   only checks that a usable BusyBox is installed
#     rootfs/build.sh --print   the same, and prints its path
#
# Needs no root. Uses the distribution's static BusyBox, or the one that
# BUSYBOX=/path names. Does nothing if DIR was built from that BusyBox and is
# newer than BusyBox and this script.
set -eu

die() {
    echo "rootfs: $1" >&2
    [ $# -lt 2 ] || echo "  hint: $2" >&2
    exit 1
}

[ $# -eq 1 ] || die "usage: rootfs/build.sh DIR | --check | --print"
root=$1

tools=$(cd "$(dirname "$0")/.." && pwd)/tools

find_busybox() {
    if [ -n "${BUSYBOX:-}" ]; then
        echo "$BUSYBOX"
        return
    fi
    # Some distributions give the static BusyBox another name: Alpine, openSUSE.
    for name in busybox.static busybox-static busybox; do
        for dir in /bin /usr/bin /sbin /usr/sbin /usr/lib/initcpio; do
            [ -x "$dir/$name" ] && echo "$dir/$name" && return
        done
    done
    return 1
}

has() {
    command -v "$1" >/dev/null
}

install_hint() {
    . "$tools/packages.sh"
    case $(package_manager) in
    apt-get) echo "make setup, or: apt-get install busybox-static" ;;
    apk) echo "make setup, or: apk add busybox-static" ;;
    dnf) echo "make setup, or: dnf install busybox" ;;
    pacman) echo "make setup, or: pacman -S busybox" ;;
    *) echo "install a statically linked BusyBox, or set BUSYBOX=/path" ;;
    esac
}

# bytes FILE OFFSET COUNT: prints the bytes in hexadecimal.
bytes() {
    od -An -tx1 -j"$2" -N"$3" "$1" | tr -d ' \n'
}

# A dynamically linked program has a program header PT_INTERP (type 3), the path
# of its dynamic linker. The new root has no dynamic linker.
check_busybox() {
    [ -e "$1" ] || die "$1: no such file" "BUSYBOX=/path must name a BusyBox"
    [ -x "$1" ] || die "$1: not executable" "chmod +x $1"
    [ "$(bytes "$1" 0 4)" = 7f454c46 ] || die "$1: not an ELF program" "$(install_hint)"
    # Compare with od itself, a program of this machine. Bytes 4, 5 and 18, 19
    # of an ELF header are the word size, the byte order and the architecture.
    [ "$(bytes "$1" 4 2) $(bytes "$1" 18 2)" = \
      "$(bytes /proc/self/exe 4 2) $(bytes /proc/self/exe 18 2)" ] ||
        die "$1: expected a program for $(uname -m)" "$(install_hint)"
    case $(bytes "$1" 4 1) in
    01) table=28 size=42 count=44 width=4 ;;
    *) table=32 size=54 count=56 width=8 ;;
    esac
    offset=$(number "$1" $table $width)
    size=$(number "$1" $size 2)
    count=$(number "$1" $count 2)
    while [ "$count" -gt 0 ]; do
        [ "$(number "$1" "$offset" 4)" -ne 3 ] ||
            die "$1: dynamically linked: expected a static program" "$(install_hint)"
        offset=$((offset + size))
        count=$((count - 1))
    done
}

# number FILE OFFSET COUNT: prints the number, read in this machine's byte
# order.
number() {
    od -An -tu"$3" -j"$2" -N"$3" "$1" | tr -d ' \n'
}

busybox=$(find_busybox) || die "no static BusyBox found" "$(install_hint)"
case $busybox in /*) ;; *) busybox=$PWD/$busybox ;; esac
case $root in
--check | --print)
    check_busybox "$busybox"
    [ "$root" = --check ] || echo "$busybox"
    exit 0
    ;;
esac
stamp=$root/.built
if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$busybox" ] &&
    [ -z "$(find "$busybox" "$0" -newer "$stamp")" ]; then
    exit 0
fi
check_busybox "$busybox"

# Build beside DIR and move the result there whole, so that an interrupted build
# leaves no incomplete root.
umask 022
# If DIR's parent does not exist, create it closed to other users, who could
# otherwise execute a set-uid file that root made in the container.
parent=$(dirname "$root")
mkdir -p "$(dirname "$parent")"
[ -d "$parent" ] || mkdir -m 0700 "$parent"
root=$(cd "$(dirname "$root")" && pwd)/$(basename "$root")
stamp=$root/.built
new=$root.new
rm -rf "$new"
trap 'rm -rf "$new"' EXIT
mkdir "$new"
cd "$new"
mkdir -p bin sbin usr/bin usr/sbin etc root home mnt proc sys dev tmp run var/tmp
chmod 0700 root
chmod 1777 tmp var/tmp

cp "$busybox" bin/busybox
chmod 0755 bin/busybox
# Make relative links, which also work outside the container. Make them in
# BusyBox's shell, where ln is built in: executing ln 300 times is slow.
# shellcheck disable=SC2016 # $applet is for BusyBox's shell
./bin/busybox --list-full | ./bin/busybox sh -c 'while read -r applet; do
    case $applet in
    bin/busybox | linuxrc) ;;
    bin/*) ln -s busybox "$applet" ;;
    sbin/*) ln -s ../bin/busybox "$applet" ;;
    *) ln -s ../../bin/busybox "$applet" ;;
    esac
done'
[ -L bin/sh ] || die "$busybox: has no sh" "$(install_hint)"

# The user who builds the root owns its files: give that user a name.
user=$(id -u)
group=$(id -g)
{
    echo 'root:x:0:0:root:/root:/bin/sh'
    [ "$user" -eq 0 ] || echo "builder:x:$user:$group:builder:/:/bin/sh"
    [ "$user" -eq 65534 ] || echo 'nobody:x:65534:65534:nobody:/:/bin/false'
} >etc/passwd
{
    echo 'root:x:0:'
    echo 'tty:x:5:'
    [ "$group" -eq 0 ] || [ "$group" -eq 5 ] || echo "builder:x:$group:"
    [ "$group" -eq 65534 ] || echo 'nogroup:x:65534:'
} >etc/group
# Every interactive shell in the container reads this, see ENV in ash's manual.
cat >etc/profile <<'END'
PS1='\u@\h:\w\$ '
END
# The container mounts its own files over these three.
echo container >etc/hostname
: >etc/hosts
: >etc/resolv.conf
echo "$busybox" >.built

cd /
rm -rf "$root.old" || die "$root.old: has files of root" "sudo rm -rf $root.old"
[ ! -e "$root" ] || mv "$root" "$root.old"
mv "$new" "$root"
rm -rf "$root.old" || echo "  hint: sudo rm -rf $root.old" >&2
echo "rootfs: built from $busybox"
