#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds that must stay good, each in build/NAME, and what is run on each:
#
#     tests/verbs/builds.sh [optimized|musl|arm64|sanitized|valgrind]...
#
# Without a name: all, in about five minutes. `make builds` has built the programs
# and tests before that. Prints a line for each build; status 0: all are good.
# SUDO is what stands before a command that needs root.
set -u
cd "$(dirname "$0")/../.." || exit 1

bad=0
log=build/builds.log # of the build that is being tried
# The programs run here make their bridge in a network namespace of their own.
apart="${SUDO:-} unshare --mount --net"
[ $# -gt 0 ] || set -- optimized musl arm64 sanitized valgrind

# The stages by their directories, with two digits; and those of them that need
# no library for the network.
all=
plain=
for source in stage[0-9][0-9]-*/stage[0-9][0-9].c; do
    number=${source#stage}
    number=${number%%-*}
    all="$all $number"
    grep -q 'include ".*network.h"' "$source" || plain="$plain $number"
done
all=${all# }
plain=${plain# }

# judge STATUS NAME WHAT: the line, and the end of the log if it is a bad one.
judge() {
    if [ "$1" -eq 0 ]; then
        echo "ok      $2: $3"
        return
    fi
    echo "FAILED  $2: $3"
    tail -n 30 "$log" | sed 's/^/        /'
    bad=$((bad + 1))
}

# make_stages NAME STAGES VARIABLE=VALUE...: builds them in build/NAME.
make_stages() {
    build=build/$1
    programs=$(for n in $2; do echo "$build/stage$n"; done)
    shift 2
    # shellcheck disable=SC2086 # a word a program
    make -j2 BUILD="$build" "$@" $programs >"$log" 2>&1 &&
        rootfs/build.sh "$build/private/rootfs" >>"$log"
}

# run_tests NAME STAGES COMMAND...: the tests of these stages on the programs in
# build/NAME, the directory above the tests. Copies the usual tests, and the usual
# build/escape: it must be static, for a root without libraries.
run_tests() {
    name=$1 stages=$2
    shift 2
    mkdir -p "build/$name/tests"
    cp build/escape "build/$name"
    # Append the tests to COMMAND: the words for run.sh.
    for n in $stages; do
        cp "build/tests/test_stage$n" "build/$name/tests"
        set -- "$@" "build/$name/tests/test_stage$n"
    done
    ${SUDO:-} "$@" >"$log" 2>&1
    status=$?
    judge $status "$name" "tests of stages $stages: $(tail -n 1 "$log")"
    grep 'FAILED  \] [a-z]' "$log" | sort -u
}

# The optimizer and two compilers: all warnings are errors, all stages run.
optimized() {
    for cc in gcc clang; do
        for level in 0 1 2; do
            make_stages "$cc-O$level" "$all" CC=$cc CFLAGS="-O$level -g"
            judge $? "$cc -O$level" "all stages build without a warning"
            for n in $all; do
                $apart "build/$cc-O$level/stage$n" sh -c 'exit 42' \
                    >"$log" 2>&1
                [ $? -eq 42 ] || judge 1 "$cc -O$level" "stage $n runs"
            done
        done
    done
}

# The C library of Alpine. There is no libnl for it outside of Alpine.
musl() {
    if make_stages musl "$plain" CC=musl-gcc; then
        run_tests musl "$plain" tests/lib/run.sh
    else
        judge 1 musl "musl-gcc builds stages $plain"
    fi
}

# qemu-user refuses clone(2) with the flags of stage 2 and later. The output and
# the status of stage 1 show that it ran.
arm64() {
    make_stages arm64 "$plain" CC=aarch64-linux-gnu-gcc
    judge $? arm64 "stages $plain build without a warning"
    qemu-aarch64 build/arm64/stage01 sh -c 'exit 42' >"$log" 2>&1
    [ $? -eq 42 ] && grep -q '] clone(.*SIGCHLD' "$log" &&
        grep -q 'WEXITSTATUS(s) == 42' "$log"
    judge $? arm64 "stage 1 runs in qemu-aarch64"
}

# Every finding ends a program, with a report on its standard error: a test that
# expects a status or a text fails. Leaks are looked for at the end of the
# parent alone: the container's process ends by execve(2) or _exit(2).
#
# Two checks are turned off. Before a call that does not return, AddressSanitizer
# cleans up the stack (for longjmp(3)), and warns of a stack that it does not know,
# such as that of clone(2). No stage calls longjmp, so an empty function replaces
# this step. LeakSanitizer cannot check a process that strace holds.
sanitized() {
    mkdir -p build/sanitized/bin
    echo 'void __wrap___asan_handle_no_return(void) {}' |
        gcc -c -x c -o build/sanitized/no_return.o -
    printf '#!/bin/sh\nASAN_OPTIONS=detect_leaks=0 exec %s "$@"\n' \
        "$(command -v strace)" >build/sanitized/bin/strace
    chmod +x build/sanitized/bin/strace
    make_stages sanitized "$all" CC=gcc STATIC= \
        CFLAGS="-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
            -fsanitize=address,undefined" \
        LDFLAGS="-Wl,--wrap=__asan_handle_no_return \
            build/sanitized/no_return.o"
    judge $? sanitized "address and undefined behaviour, all stages build"
    run_tests sanitized "$all" \
        env PATH="$PWD/build/sanitized/bin:$PATH" tests/lib/run.sh
}

# no_leak STAGE ARG...: memory that the parent has leaked at its end is an error, and
# so is the use of an uninitialized value. The child is not judged: valgrind 3.19 does
# not have its system calls, so from stage 5 on it ends before COMMAND.
no_leak() {
    program=build/valgrind/stage$1
    shift
    : >"$log"
    $apart valgrind --leak-check=full --child-silent-after-fork=yes \
        --log-file="$log" "$program" -q "$@" >/dev/null 2>&1
    grep -q 'ERROR SUMMARY: 0 errors' "$log" ||
        judge 1 valgrind "$program -q $*"
    runs=$((runs + 1))
}

# valgrind sees malloc(3) in a shared C library alone.
valgrind_parent() {
    make_stages valgrind "$all" STATIC=
    judge $? valgrind "all stages build, dynamically linked"
    before=$bad runs=0
    for n in $all; do
        no_leak $n true
        no_leak $n --no-such-option
    done
    no_leak 05 --help
    no_leak 06 -m 64M --cpus 0.5 --pids-limit 20 true
    no_leak 07 -m 64M -v /etc:/mnt:ro -v /usr:/opt -e A=b -e C=d -w /tmp true
    no_leak 07 -m 64M -v /etc:/mnt -e A=b --network wrong
    no_leak 07 --network none true
    [ $bad -gt "$before" ] ||
        judge 0 valgrind "no leak and no error in the parent, $runs runs"
}

for build in "$@"; do
    case $build in
    valgrind) valgrind_parent ;;
    optimized | musl | arm64 | sanitized) "$build" ;;
    *) echo "builds: $build: expected optimized, musl, arm64, sanitized or valgrind" >&2 && exit 2 ;;
    esac
done
if [ $bad -gt 0 ]; then
    echo "$bad builds are not good"
    exit 1
fi
echo "all builds are good"
