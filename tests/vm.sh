#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A root shell, or one command, on this very tree in a machine of its own:
#
#     tests/vm.sh [COMMAND]
#     tests/vm.sh --check     only says whether this computer can
#
# Needs no root. The machine is User-Mode Linux, a kernel that is an ordinary
# process of whoever starts it, and its disk is this one, read-only except for
# the tree. The host checks each access as one of that user, so that root inside
# can change what the user could change, and no more. tests/vm-init.sh is the
# first process inside.
#
# The exit status is that of the shell or of COMMAND; make, which calls this as
# `make vm CMD='COMMAND'`, turns each but 0 into 2. Without a terminal, COMMAND
# gets no input, and standard output and error stay apart; if no COMMAND is
# given, standard input is it.
set -eu
cd "$(dirname "$0")/.."

memory=1024 # MB; the host gives a page when it is written to

if ! command -v linux.uml >/dev/null; then
    {
        echo "vm: User-Mode Linux (linux.uml) is not installed"
        if command -v apt-get >/dev/null && [ "$(uname -m)" = x86_64 ]; then
            echo "  hint: make setup vm"
        else
            echo "  hint: only Debian and Ubuntu have it, only for x86-64." \
                "On other Linux: make test, with sudo. Elsewhere, a Mac for" \
                "one: a virtual machine with Debian, as of Lima (limactl" \
                "start template://debian), Multipass, UTM or qemu"
        fi
    } >&2
    exit 125
fi
case ${1:-} in
--check) exit 0 ;;
-*)
    echo "usage: tests/vm.sh [COMMAND]" >&2
    exit 125
    ;;
esac
if ! [ -x build/rootfs/bin/busybox ]; then
    echo "vm: build/rootfs is not built" >&2
    echo "  hint: make vm, which builds first" >&2
    exit 125
fi

# In memory where that is large enough and programs may be mapped from there.
memory_directory() {
    free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
    if [ "${free:-0}" -gt $((memory * 1024)) ] &&
        ! grep -q '^[^ ]* /dev/shm [^ ]* [^ ]*noexec' /proc/mounts; then
        echo /dev/shm
    else
        echo /tmp
    fi
}

# What the machine has to know is in a directory, which its first process reads
# and removes: should we be killed after that, nothing stays. The status comes back through
# a file that has no name by then.
work=$(mktemp -d /tmp/vm.XXXXXX)
machine=
saved=
# shellcheck disable=SC2317 # it is called, by the trap
leave() {
    # It ends its helpers then; after SIGKILL they would stay.
    [ -z "$machine" ] || kill -TERM "$machine" 2>/dev/null || :
    wait
    rm -rf "$work"
    [ -z "$saved" ] || stty "$saved"
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The machine makes what it is given non-blocking: it gets descriptors that it
# shares with nobody.
if [ -t 0 ] && [ -t 1 ]; then
    terminal=yes
    consoles="con0=fd:0,fd:1"
    saved=$(stty -g)
    exec 5<>/dev/tty 6>&5 7>&5
else
    terminal=no
    consoles="con0=null,fd:1 con2=null,fd:2"
    [ $# -gt 0 ] || set -- "$(cat)"
    mkfifo "$work/out" "$work/err"
    cat "$work/out" &
    cat "$work/err" >&2 &
    exec 5</dev/null 6>"$work/out" 7>"$work/err"
fi

ln -s "$PWD" "$work/tree"
printf '%s\n' "$*" >"$work/command"
# shellcheck disable=SC2094 # two descriptors, each with its own place in it
exec 3>"$work/status" 4<"$work/status"

# On one processor: the kernel inside and its programs take turns, and to wake
# each other across two takes longer than what they do.
pin="taskset -c $(($$ % $(nproc)))"
$pin true 2>/dev/null || pin=

# In the background, because a shell handles no signal while it waits for a
# command in the foreground.
# shellcheck disable=SC2086 # $consoles and $pin are several words
TMPDIR=$(memory_directory) $pin setpriv --pdeathsig TERM \
    linux.uml mem=${memory}M rootfstype=hostfs rootflags=/ rw \
    init="$work/tree/tests/vm-init.sh" uml_dir="$work/" \
    con=null $consoles con1=null,fd:3 quiet loglevel=0 \
    terminal=$terminal TERM="${TERM:-dumb}" <&5 >&6 2>&7 &
machine=$!
exec 6>&- 7>&-
wait $machine || :
machine=
wait # until all that it printed has been passed on
if ! read -r status <&4; then
    echo "vm: the machine ended before COMMAND did" >&2
    exit 125
fi
exit "$status"
