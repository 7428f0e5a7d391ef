#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs missing packages: tools/setup.sh [GOAL]...
#
# GOAL is a goal of the Makefile (stage7, test, check) and decides which
# packages are needed; without a GOAL, those of `make test`. Prints each command
# before running it. Installs nothing if no package is missing. For vm, grade,
# hint and calibrate, also gets a kernel for the virtual machine of tools/vm.
set -eu

cd "$(dirname "$0")/.."
missing=
machine=

has() {
    command -v "$1" >/dev/null
}
. tools/packages.sh
manager=$(package_manager)

# need TEST APT DNF PACMAN APK: packages to install if TEST fails.
need() {
    if sh -c "$1" >/dev/null 2>&1; then
        return
    fi
    case $manager in
    dnf) missing="$missing $3" ;;
    pacman) missing="$missing $4" ;;
    apk) missing="$missing $5" ;;
    *) missing="$missing $2" ;; # apt-get; for an unknown manager, Debian's names are listed
    esac
}

has_header="cc -E - </dev/null -include"

need_for_building() {
    need "command -v cc && $has_header stdio.h" \
        "gcc libc6-dev" "gcc glibc-devel" "gcc" "gcc musl-dev"
    need "command -v ar" binutils binutils binutils binutils
    # strace of a static program shows the stage's calls and no loading.
    need "echo 'int main(void){return 0;}' | cc -static -x c -o /dev/null -" \
        libc6-dev glibc-static glibc musl-dev
    need "sh rootfs/build.sh --check" \
        busybox-static busybox busybox busybox-static
}

need_for_network() {
    need "$has_header netlink/route/link.h -isystem /usr/include/libnl3" \
        libnl-route-3-dev libnl3-devel libnl "libnl3-dev libnl3-static"
    need "PATH=$PATH:/usr/sbin:/sbin command -v nft" \
        nftables nftables nftables nftables
}

need_for_testing() {
    need "$has_header stdarg.h -include stddef.h -include stdint.h \
        -include setjmp.h -include cmocka.h" \
        libcmocka-dev libcmocka-devel cmocka cmocka-dev
    need "command -v strace" strace strace strace strace
    need "command -v bash" bash bash bash bash
    need "PATH=$PATH:/usr/sbin:/sbin command -v ip" \
        iproute2 iproute iproute2 iproute2
    need "find /dev/null -printf x" findutils findutils findutils findutils
}

# QEMU and what vm.sh and kernel.sh execute. kernel.sh fetches the kernel later.
need_for_machine() {
    . tools/vm/arch.sh
    case $qemu in
    *x86_64)
        need "command -v $qemu" qemu-system-x86 qemu-system-x86-core \
            qemu-system-x86 qemu-system-x86_64
        ;;
    *)
        need "command -v $qemu" qemu-system-arm qemu-system-aarch64-core \
            qemu-system-aarch64 qemu-system-aarch64
        ;;
    esac
    need "command -v flock && command -v setpriv" util-linux util-linux \
        util-linux "flock setpriv"
    need "command -v xz" xz-utils xz xz xz
    need "command -v zstd" zstd zstd zstd zstd
    [ -z "$foreign" ] || need_for_crossing
}

need_for_crossing() {
    need "echo '#include <stdio.h>' | aarch64-linux-gnu-gcc -E -" \
        "gcc-aarch64-linux-gnu libc6-dev-arm64-cross" "" \
        aarch64-linux-gnu-gcc ""
}

need_for_debugging() {
    need "gdb -nx -batch -ex 'python print(1)' | grep 1" gdb gdb gdb gdb
    need "command -v nsenter" util-linux util-linux util-linux util-linux
}

need_for_showing() {
    need "command -v tmux" tmux tmux tmux tmux
    need "command -v asciinema" asciinema asciinema asciinema asciinema
    need "command -v bash" bash bash bash bash
    need "command -v strace" strace strace strace strace
    need "PATH=$PATH:/usr/sbin:/sbin command -v ip" \
        iproute2 iproute iproute2 iproute2
}

need_for_grading() {
    need "command -v jq" jq jq jq jq
    need "command -v parallel" parallel parallel parallel parallel
    need "command -v setpriv" util-linux util-linux util-linux setpriv
}

# The programs with which tests/verbs/test_platforms.sh reads the results.
need_for_platforms() {
    need "command -v xmllint" libxml2-utils libxml2 libxml2 libxml2-utils
    need "command -v prove" perl perl-Test-Harness perl perl-utils
    need "/usr/bin/python3 -c 'import yaml'" \
        python3-yaml python3-pyyaml python-yaml py3-yaml
    need "/usr/bin/python3 -c 'import junitparser'" \
        python3-junitparser python3-junitparser python-junitparser ""
    need "command -v yamllint" yamllint yamllint yamllint yamllint
    need "command -v shellcheck" shellcheck ShellCheck shellcheck shellcheck
    need "command -v zip && command -v unzip" \
        "zip unzip" "zip unzip" "zip unzip" "zip unzip"
    need "command -v git" git git git git
}

need_for_checking() {
    need "command -v gcc" gcc gcc gcc gcc
    need "command -v clang" clang clang clang clang
    need "command -v clang-format" \
        clang-format clang-tools-extra clang clang-extra-tools
    need "command -v clang-tidy" \
        clang-tidy clang-tools-extra clang clang-extra-tools
    need "command -v cppcheck" cppcheck cppcheck cppcheck cppcheck
    need "command -v git" git git git git
    need "command -v jq" jq jq jq jq
}

need_for_fuzzing() {
    need "command -v clang" clang clang clang clang
    need "echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -fsanitize=fuzzer,address,undefined -x c -o /dev/null -" \
        libclang-rt-dev compiler-rt compiler-rt compiler-rt
}

# An empty name means that the distribution has no such package.
need_for_builds() {
    need "command -v gcc" gcc gcc gcc gcc
    need "command -v clang" clang clang clang clang
    need "echo 'int main(void) { return 0; }' |
        gcc -fsanitize=address,undefined -x c -o /dev/null -" \
        libc6-dev "libasan libubsan" gcc ""
    need "command -v musl-gcc" musl-tools musl-gcc musl ""
    need "command -v valgrind" valgrind valgrind valgrind valgrind
    need_for_crossing
    need "command -v qemu-aarch64" \
        qemu-user qemu-user qemu-user qemu-aarch64
}

need_for_building
[ $# -gt 0 ] || set -- test
for goal in "$@"; do
    case $goal in
    stage[1-6]) ;;
    stage* | bench | clean-host) need_for_network ;;
    demo*) need_for_network && need_for_debugging && need_for_showing ;;
    gdb* | lessons) need_for_network && need_for_debugging ;;
    test-labs)
        need_for_network && need_for_testing && need_for_grading &&
            need_for_platforms
        ;;
    test* | mutants | faults) need_for_network && need_for_testing ;;
    vm*)
        need_for_network && need_for_testing && need_for_machine
        machine=yes
        ;;
    check*)
        need_for_network && need_for_testing && need_for_checking &&
            need_for_fuzzing
        ;;
    fuzz) need_for_fuzzing ;;
    builds) need_for_network && need_for_testing && need_for_builds ;;
    lab* | grade* | hint* | handout* | calibrate)
        need_for_grading && need_for_testing
        case $goal in *[!0-9][1-4]) ;; *) need_for_network ;; esac
        case $goal in
        grade* | hint* | calibrate)
            [ -n "${HOST:-}" ] || need_for_machine
            machine=${HOST:-yes}
            ;;
        esac
        ;;
    esac
done


# --- installing ---------------------------------------------------------------

install_missing() {
    case $manager in
    apt-get) install="apt-get install -y --no-install-recommends" ;;
    dnf) install="dnf install -y" ;;
    pacman) install="pacman -S --needed --noconfirm" ;;
    apk) install="apk add" ;;
    *)
        echo "setup: expected one of apt, dnf, pacman and apk" >&2
        echo "  hint: install these packages, by Debian's names: $missing" >&2
        exit 1
        ;;
    esac
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        sudo=sudo
        if ! command -v sudo >/dev/null; then
            echo "setup: installing needs root, and sudo is not installed" >&2
            echo "  hint: as root: $install $missing" >&2
            exit 1
        fi
    fi
    if [ "$manager" = apt-get ]; then
        echo "setup: apt-get update"
        $sudo apt-get update -qq
        sudo="$sudo env DEBIAN_FRONTEND=noninteractive"
    fi
    echo "setup: $install $missing"
    # shellcheck disable=SC2086 # several words are meant
    $sudo $install $missing
}

missing=$(echo "$missing" | tr ' ' '\n' | sort -u | tr '\n' ' ')
missing=${missing# }
if [ -z "${missing% }" ]; then
    echo "setup: nothing is missing"
else
    install_missing
fi
[ "$machine" != yes ] || tools/vm/kernel.sh --fetch
