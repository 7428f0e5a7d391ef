#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds a BusyBox root file system: rootfs/build.sh DIR
# Only looks for a usable BusyBox:   rootfs/build.sh --check, or --print, which
#                                    prints its path
#
# Needs no root rights, only the distribution's static BusyBox, or the one that
# BUSYBOX=/path names. Run again, it does nothing unless that BusyBox or this
# script is newer than what it built.
set -eu

die() {
    echo "rootfs: $1" >&2
    [ $# -lt 2 ] || echo "  hint: $2" >&2
    exit 1
}

[ $# -eq 1 ] || die "usage: rootfs/build.sh DIR"
root=$1

find_busybox() {
    if [ -n "${BUSYBOX:-}" ]; then
        echo "$BUSYBOX"
        return
    fi
    # Alpine and Fedora give the static one a name of its own.
    for name in busybox.static busybox-static busybox; do
        for dir in /bin /usr/bin /sbin /usr/sbin /usr/lib/initcpio; do
            [ -x "$dir/$name" ] && echo "$dir/$name" && return
        done
    done
    return 1
}

install_hint() {
    if command -v apt-get >/dev/null; then
        echo "make setup, or: apt-get install busybox-static"
    elif command -v apk >/dev/null; then
        echo "make setup, or: apk add busybox-static"
    elif command -v dnf >/dev/null; then
        echo "make setup, or: dnf install busybox"
    elif command -v pacman >/dev/null; then
        echo "make setup, or: pacman -S busybox"
    else
        echo "install a statically linked BusyBox, or name one: BUSYBOX=/path"
    fi
}

# Byte N and the next C of FILE, in hexadecimal.
bytes() {
    od -An -tx1 -j"$2" -N"$3" "$1" | tr -d ' \n'
}

# A dynamically linked program has a program header of type PT_INTERP (3): the
# path of its dynamic linker, which the new root does not have.
check_busybox() {
    [ -e "$1" ] || die "$1: no such file" "BUSYBOX=/path names a BusyBox"
    [ -x "$1" ] || die "$1: not executable" "chmod +x"
    [ "$(bytes "$1" 0 4)" = 7f454c46 ] || die "$1: not an ELF program" "$(install_hint)"
    # /proc/self/exe is od itself, a program of this machine: bytes 4, 5 and 18, 19
    # of an ELF header tell the word size, the byte order and the architecture.
    [ "$(bytes "$1" 4 2) $(bytes "$1" 18 2)" = \
      "$(bytes /proc/self/exe 4 2) $(bytes /proc/self/exe 18 2)" ] ||
        die "$1: made for another architecture than $(uname -m)" "$(install_hint)"
    case $(bytes "$1" 4 1) in
    01) table=28 size=42 count=44 width=4 ;;
    *) table=32 size=54 count=56 width=8 ;;
    esac
    offset=$(number "$1" $table $width)
    size=$(number "$1" $size 2)
    count=$(number "$1" $count 2)
    while [ "$count" -gt 0 ]; do
        [ "$(number "$1" "$offset" 4)" -ne 3 ] ||
            die "$1: dynamically linked, needs libraries that the new root has not" "$(install_hint)"
        offset=$((offset + size))
        count=$((count - 1))
    done
}

# A number of C bytes at byte N of FILE, in this machine's byte order.
number() {
    od -An -tu"$3" -j"$2" -N"$3" "$1" | tr -d ' \n'
}

busybox=$(find_busybox) || die "no static BusyBox found" "$(install_hint)"
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

# Built beside its place and moved there whole: what is interrupted leaves no
# half of a root behind.
umask 022
# A directory made for it is closed to others: a set-uid file that root made in the
# container would serve every user of the host.
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
# Links, not copies, and relative ones: they also hold when seen from outside.
# By BusyBox's shell, for which ln is no program to execute, 300 times over.
# shellcheck disable=SC2016 # $applet is for that shell
./bin/busybox --list-full | ./bin/busybox sh -c 'while read -r applet; do
    case $applet in
    bin/busybox | linuxrc) ;;
    bin/*) ln -s busybox "$applet" ;;
    sbin/*) ln -s ../bin/busybox "$applet" ;;
    *) ln -s ../../bin/busybox "$applet" ;;
    esac
done'
[ -L bin/sh ] || die "$busybox: has no sh" "$(install_hint)"

# The files of this root belong to whoever builds it: give that user a name.
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
# Read by every interactive shell in the container, see ENV in ash's manual.
cat >etc/profile <<'END'
PS1='\u@\h:\w\$ '
END
# The container mounts its own over these three.
echo container >etc/hostname
: >etc/hosts
: >etc/resolv.conf
echo "$busybox" >.built

cd /
rm -rf "$root.old"
[ ! -e "$root" ] || mv "$root" "$root.old"
mv "$new" "$root"
rm -rf "$root.old"
echo "rootfs: built from $busybox"
