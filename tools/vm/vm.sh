#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs a root shell, or one command, on this tree in a virtual machine:
#
#     tools/vm/vm.sh [COMMAND]
#     tools/vm/vm.sh --check     makes the kernel if it is missing, and starts no machine
#
# ARCH=arm64 selects a machine of that architecture, see tools/vm/kernel.sh.
#
# Needs no root: QEMU runs as an ordinary process, with KVM if the user may use
# it. Without KVM, QEMU translates the machine's instructions. The machine sees
# the host's files read-only and the tree writable. QEMU opens each file as the
# user, so root inside can change only files that the user can change. The
# machine has no network.
#
# SEALED=DIRECTORY and INPUT=FILE, with a COMMAND, are for programs that are not
# trusted. The machine sees DIRECTORY in place of this tree, and of the host's
# files only the system's (/usr, /etc), all of this read-only. /input is a copy
# of FILE, and writable. The machine has half the memory.
#
# The exit status is that of the shell or of COMMAND, or 125 if the machine
# cannot be started. (`make vm CMD='COMMAND'` turns all but 0 into 2.) Without a
# terminal, COMMAND gets no input, and standard output and error stay apart.
# Without a terminal and without a COMMAND, standard input is the COMMAND.
set -eu
cd "$(dirname "$0")/../.."
. tools/names.sh
. tools/vm/arch.sh

die() {
    echo "vm: $1" >&2
    echo "  hint: $2" >&2
    exit 125
}

case ${1:-} in
--check) ;;
-*)
    echo "usage: tools/vm/vm.sh [--check | COMMAND]" >&2
    exit 125
    ;;
esac
command -v "$qemu" >/dev/null ||
    die "$qemu is not installed" "$setup"
tools/vm/kernel.sh
[ "${1:-}" != --check ] || exit 0

# --- the directory of this run ------------------------------------------------

# quoted TEXT: prints TEXT as one word of the shell.
quoted() {
    printf '%s' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"
    [ -n "$1" ] || printf "''"
}

# escaped TEXT: prints TEXT with commas doubled. A single comma ends an option
# of QEMU.
escaped() {
    printf '%s' "$1" | sed 's/,/,,/g'
}

# Makes the directory of this run. Its script and its machine hold the lock in
# it, so a directory with a free lock is stale: remove it. The outer lock keeps
# other scripts from removing a directory before its lock is taken.
make_directory() {
    exec 8>build/vm/lock
    flock 8
    for left in build/vm/run.*; do
        if [ -d "$left" ] && flock -n "$left/lock" true; then
            rm -rf "$left"
        fi
    done
    run=$(mktemp -d build/vm/run.XXXXXX) || return
    exec 9>"$run/lock" || return
    flock 9
    exec 8>&-
}

# Opens and closes the pipes, in case QEMU never opened them: the readers would
# wait for ever.
let_readers_end() {
    for pipe in "$run/out" "$run/err"; do
        if [ -p "$pipe" ]; then
            exec 3<>"$pipe"
            exec 3>&-
        fi
    done
}

run=
machine=
readers=
saved=
# shellcheck disable=SC2317 # the trap calls it
leave() {
    trap '' HUP INT TERM
    # Kill the readers too: one whose own output is blocked blocks QEMU as well.
    # shellcheck disable=SC2086 # two numbers
    [ -z "$readers" ] || kill $readers 2>/dev/null || :
    [ -z "$machine" ] || kill -TERM "$machine" 2>/dev/null || :
    wait
    [ -z "$run" ] || rm -rf "$run"
    [ -z "$saved" ] || stty "$saved" <&5
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

make_directory 2>/dev/null ||
    die "cannot write to $PWD/build/vm" \
        "is the disk full, or does the directory belong to another user?"

# The machine mounts the tree at its own path, into a root that is read-only.
[ -z "$foreign" ] || mkdir -p "$root$PWD"

tree=${SEALED:-$PWD}
memory=1024
system=
links=
if [ -n "${SEALED:-}" ]; then
    memory=512
    cp "$INPUT" "$run/input" || die "cannot read $INPUT" "see above"
    for directory in bin sbin lib lib64 usr etc; do
        if [ -L "/$directory" ]; then
            links="$links $directory:$(readlink "/$directory")"
        elif [ -d "/$directory" ]; then
            system="$system $directory"
        fi
    done
fi

rows=24 columns=80
if [ -t 0 ] && [ -t 1 ]; then
    terminal=yes
    saved=$(stty -g)
    exec 5<>/dev/tty 6>&5
    size=$(stty size <&5)
    rows=${size% *} columns=${size#* }
    mkfifo "$run/size.in" "$run/size.out"
    exec 7<>"$run/size.in"
else
    terminal=no
    [ $# -gt 0 ] || set -- "$(cat)"
    mkfifo "$run/out" "$run/err"
    cat "$run/out" &
    readers=$!
    cat "$run/err" >&2 &
    readers="$readers $!"
    exec 5</dev/null 6>/dev/null
fi
start="tree=$(quoted "$tree")
system=$(quoted "$system") links=$(quoted "$links")
foreign=$foreign
terminal=$terminal
rows=$rows columns=$columns
TERM=$(quoted "${TERM:-dumb}")
command=$(quoted "$*")"
echo "$start" 2>/dev/null >"$run/start" && : >"$run/status" && : >"$run/log" ||
    die "cannot write to $PWD/build/vm" "is the disk full?"
exec 4<"$run/status"

# --- the machine --------------------------------------------------------------

# One processor: with two, QEMU translates no faster, and sometimes hangs.
# Fixed addresses (norandmaps): QEMU finds its translation of a program again by
# address.
set -- "$qemu" $machine_options -accel "$accelerator" -m $memory -smp 1 \
    -nodefaults -no-user-config -no-reboot -display none -name $ours \
    -kernel "$files/kernel" -initrd "$files/initrd" \
    -append "$kernel_words quiet loglevel=3 panic=-1 norandmaps \
mitigations=off audit=0 nowatchdog cryptomgr.notests=1 \
random.trust_cpu=on vm_run=${run##*/} vm_sealed=${SEALED:+yes}" \
    -chardev "file,id=log,path=$(escaped "$run/log")" -serial chardev:log \
    -device virtio-serial-pci \
    -chardev "file,id=status,path=$(escaped "$run/status")" \
    -device virtserialport,chardev=status,name=status

# share NAME PATH [OPTION]: prints QEMU's words that share PATH, a directory.
share() {
    echo "-fsdev"
    echo "local,id=$1,path=$(escaped "$2"),security_model=none,multidevs=remap$3"
    echo "-device"
    echo "virtio-9p-pci,fsdev=$1,mount_tag=$1"
}
if [ -n "${SEALED:-}" ]; then
    shares=$(share tree "$SEALED" ,readonly=on && share run "$PWD/$run" ,readonly=on &&
        for directory in $system; do share "$directory" "/$directory" ,readonly=on; done)
else
    shares=$(share root "$root" ,readonly=on && share tree "$PWD" "")
fi
IFS='
'
set -f
# shellcheck disable=SC2086 # a word a line
set -- "$@" $shares
set +f
unset IFS
if [ $terminal = yes ]; then
    set -- "$@" -chardev stdio,id=terminal,signal=off \
        -device virtconsole,chardev=terminal \
        -chardev "pipe,id=size,path=$(escaped "$run/size")" \
        -device virtserialport,chardev=size,name=size
else
    set -- "$@" -chardev "file,id=out,path=$(escaped "$run/out")" \
        -device virtserialport,chardev=out,name=out \
        -chardev "file,id=err,path=$(escaped "$run/err")" \
        -device virtserialport,chardev=err,name=err
fi

# Run QEMU in the background: a shell handles no signal while it waits for a
# command in the foreground. setpriv makes the kernel end QEMU when this script
# dies. If the script died before that, the shell in between starts no QEMU.
# shellcheck disable=SC2016 # the variables are for the shell in between
setpriv --pdeathsig TERM sh -c '
    read -r _ _ _ parent _ </proc/$$/stat
    [ "$parent" = "$1" ] || exit
    shift
    exec "$@"' sh $$ "$@" <&5 >&6 2>>"$run/log" 7>&- &
machine=$!

# Kill a machine that is not up after a minute.
(
    exec 9>&-
    for _ in $(seq 240); do
        sleep 0.25
        [ ! -s "$run/status" ] && kill -0 "$machine" 2>/dev/null || exit 0
    done
    echo "vm: the machine was not up after a minute" >>"$run/log"
    kill -TERM "$machine"
) 5<&- 6>&- 7>&- >/dev/null 2>&1 &

[ -z "$saved" ] || trap 'stty size <&5 >&7' WINCH
exec 6>&-
while kill -0 "$machine" 2>/dev/null; do
    wait "$machine" || :
done
machine=
let_readers_end
wait # until the readers have passed all output on
readers=
[ -z "$saved" ] || stty "$saved" <&5
read -r up <&4 && [ "$up" = up ] && read -r status <&4 && exit "$status"
echo "vm: the machine ended before COMMAND did; the end of its log:" >&2
tail -n 20 "$run/log" >&2
exit 125
