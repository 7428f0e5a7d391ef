#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tests the machine of make vm from outside: tests/verbs/test_vm.sh [NAME]
#
# Runs as any user, in a copy of the tree whose path has a space and a comma.
# `make vm-test` calls this before it runs the suite in the machine.
set -u
cd "$(dirname "$0")/../.." || exit 1
only=${1:-}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# run WORDS...: the machine of the copy; output in $out, errors in $err.
run() {
    tools/vm/vm.sh "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
    out=$(cat "$work/out") err=$(cat "$work/err")
}

# expect WHAT SEEN EXPECTED: notes a difference, and goes on.
expect() {
    [ "$2" = "$3" ] || printf '    %s\n      seen:     %s\n      expected: %s\n' \
        "$1" "${2:-nothing}" "${3:-nothing}" >>"$work/differences"
}

# The machines of this copy: processes of QEMU that name its path.
machines() {
    cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' |
        grep -c "^local,id=tree,path=${PWD//,/,,}," || true
}

until_true() {
    for _ in $(seq 300); do
        ! "$@" 2>/dev/null || return 0
        sleep 0.1
    done
    expect "within 30 s: $*" no yes
}

no_machine() {
    [ "$(machines)" -eq 0 ]
}

# A command on a terminal with 33 rows and 77 columns; its output is in $out.
on_terminal() {
    # shellcheck disable=SC2024
    script -qec "stty rows 33 columns 77; $1" /dev/null >"$work/out" 2>&1 \
        </dev/null
    status=$?
    out=$(sed 's/\r//g; s/^^@//' "$work/out")
}

# --- what is promised -----------------------------------------------------------

the_exit_status_arrives() {
    run 'exit 7'
    expect status "$status" 7
    run 'kill -9 $$'
    expect "status of a killed command" "$status" 137
}

output_and_errors_arrive_apart_and_whole() {
    run 'seq 200000; echo problem >&2'
    expect "checksum of the output" "$(cksum <"$work/out")" \
        "$(seq 200000 | cksum)"
    expect errors "$err" problem
}

a_command_without_a_terminal_sees_none() {
    run 'test -t 1 || echo pipe; test -t 2 || echo pipe; wc -c'
    expect output "$out" "pipe
pipe
0"
}

the_words_of_the_command_stay_as_they_are() {
    run "printf '%s\n' \"it's\" '\$HOME' 'two  blanks' '\\\\'
echo second line"
    expect output "$out" "it's
\$HOME
two  blanks
\\
second line"
}

standard_input_is_the_command_if_there_is_none() {
    out=$(echo 'echo read; exit 3' | tools/vm/vm.sh 2>&1)
    expect "status, output" "$? $out" "3 read"
}

what_a_command_left_running_does_not_keep_the_machine() {
    run 'sleep 1000 & echo done'
    expect "status, output" "$status $out" "0 done"
}

root_inside_is_the_user_outside() {
    run 'id -u; echo text >made; chmod 600 made; stat -c %u /proc/1'
    expect output "$out" "0
0"
    expect "owner and text of a file in the tree" \
        "$(stat -c %u made) $(cat made)" "$(id -u) text"
    rm -f made
}

only_the_tree_can_be_written() {
    run 'for d in / /etc /usr /usr/share; do touch "$d/made" && echo "$d"; done
        echo ephemeral >/tmp/made && cat /tmp/made'
    expect "directories that could be written" "$out" ephemeral
    [ "$(id -u)" -eq 0 ] && return
    run 'cat /etc/shadow'
    expect "status of reading what the user must not read" "$status" 1
}

the_machine_is_furnished_as_by_systemd() {
    run 'cat /sys/fs/cgroup/cgroup.controllers
        cat /proc/self/cgroup
        awk "\$5 == \"/\" { sub(\":.*\", \"\", \$7); print \$7 }" /proc/self/mountinfo
        nft add table ip probe && nft list tables; ls /sys/class/net
        readlink /proc/self/ns/time | cut -d: -f1; uname -n'
    expect "controllers, cgroup, propagation, tables, links, namespace, name" \
        "$out" "cpuset cpu io memory hugetlb pids rdma misc
0::/user/session
shared
table ip probe
lo
time
vm"
}

stage_7_runs_in_it() {
    run './run -q -m 64M --pids-limit 20 --cpus 0.5 sh -c "hostname; echo \$\$"'
    expect "status, output" "$status $out" "0 container
1"
}

two_machines_run_at_once() {
    tools/vm/vm.sh 'echo one >one; until [ -e /proc/sys ]; do :; done; sleep 3
        echo one' >"$work/one" 2>&1 &
    run 'echo two'
    wait $!
    expect outputs "$out $(cat "$work/one")" "two one"
    rm -f one
}

# --- terminals ------------------------------------------------------------------

a_shell_gets_the_terminal_and_its_size() {
    on_terminal "stty -g >'$work/before'
        tools/vm/vm.sh 'tty; stty size; exit 4'; echo status \$?
        stty -g >'$work/after'"
    expect output "$out" "/dev/hvc0
33 77
status 4"
    expect "modes of the terminal afterwards" "$(cat "$work/after")" \
        "$(cat "$work/before")"
}

the_size_follows_the_window() {
    on_terminal "(until [ -e resize ]; do sleep 0.1; done
        stty rows 44 columns 88 </dev/tty) &
        tools/vm/vm.sh 'touch resize
            for i in \$(seq 300); do
                [ \"\$(stty size)\" != \"44 88\" ] || break; sleep 0.1
            done; stty size'"
    expect output "$out" "44 88"
    rm -f resize
}

# Ctrl-Z goes to the machine as a byte; the machine's terminal stops the job.
job_control_works() {
    rm -f "$work/out"
    (
        until_true grep -q 'root@vm' "$work/out"
        echo 'sh -c "echo asleep | tr a-z A-Z; sleep 1000"'
        until_true grep -q ASLEEP "$work/out"
        sleep 0.3
        printf '\032'
        until_true grep -q Stopped "$work/out"
        echo 'echo went on | tr a-z A-Z; kill -9 %1; wait; exit 5; exit 5'
        until_true grep -q 'WENT ON' "$work/out"
        until_true no_machine
    ) | timeout 60 script -qefc tools/vm/vm.sh /dev/null >"$work/out" 2>&1
    expect status "$?" 5
    expect "last words" "$(grep -o 'WENT ON' "$work/out" | head -n 1)" "WENT ON"
}

# --- ends and errors --------------------------------------------------------------

sigterm_to_the_script_ends_the_machine() {
    tools/vm/vm.sh 'echo ready; sleep 1000' >"$work/out" 2>&1 &
    pid=$!
    until_true grep -q ready "$work/out"
    kill -TERM $pid
    wait $pid
    expect status $? 143
    expect machines "$(machines)" 0
    expect directories "$(echo build/vm/run.*)" "build/vm/run.*"
}

sigkill_to_the_script_leaves_nothing_after_the_next_run() {
    tools/vm/vm.sh 'echo ready; sleep 1000' >"$work/out" 2>&1 &
    pid=$!
    until_true grep -q ready "$work/out"
    kill -KILL $pid
    wait $pid 2>/dev/null
    until_true no_machine
    run true
    expect "status of the next run" "$status" 0
    expect directories "$(echo build/vm/run.*)" "build/vm/run.*"
}

a_kernel_that_does_not_start_is_told() {
    # shellcheck disable=SC2154 # set by tools/vm/arch.sh
    mv "$files/kernel" "$work/kernel"
    echo garbage >"$files/kernel"
    run true
    mv "$work/kernel" "$files/kernel"
    expect "status, message" "$status $(head -n 1 <<<"$err")" \
        "125 vm: the machine ended before COMMAND did; the end of its log:"
}

without_a_kernel_the_message_says_what_to_type() {
    mv build/vm "$work/vm"
    HOST_MODULES=$work/none run true
    rm -rf build/vm
    mv "$work/vm" build/vm
    expect "status, message" "$status $err" "125 vm: no kernel found for the machine
  hint: make setup vm"
}

# The kernel of the machine, laid out as this computer's own. Modules that are no
# files are built in, but newer kernels have no nft_counter at all.
this_computers_kernel_is_used_if_it_has_the_modules() {
    local host name
    host=$work/host/$(uname -r)
    mkdir -p "$host"
    cp "$files/kernel" "$host/vmlinuz"
    for name in $(sed -n '/^modules=/,/"$/p' tools/vm/kernel.sh | tr '="' '  ' | sed 1s/modules//); do
        ls "$files"/modules/*-"$name".ko >/dev/null 2>&1 || [ "$name" = nft_counter ] ||
            echo "kernel/$name.ko" >>"$host/modules.builtin"
    done
    for name in "$files"/modules/*.ko; do
        cp "$name" "$host/$(basename "$name" | sed 's/^[0-9]*-//')"
    done
    rm -f "$host/nft_counter.ko"
    mv build/vm "$work/vm"
    HOST_MODULES=$work/host run "echo $((6 * 7))"
    expect "status, output" "$status $out" "0 42"
    rm -rf build/vm
    mv "$work/vm" build/vm
}

without_qemu_the_message_says_what_to_type() {
    mkdir "$work/bin"
    for directory in /usr/bin /bin /usr/sbin /sbin; do
        for file in "$directory"/*; do
            case $file in
            */qemu-system-*) ;;
            *) ln -sf "$file" "$work/bin" ;;
            esac
        done
    done
    PATH=$work/bin run true
    expect status "$status" 125
    expect hint "$(sed -n 's/.*hint: //p' <<<"$err")" "make setup vm"
}

a_full_disk_is_told() {
    # shellcheck disable=SC2016 # it is for that shell
    out=$(unshare --user --map-root-user --mount sh -c '
        cp -a build/vm "$1/vm" && mount -t tmpfs -o size=100M none build/vm &&
        cp -a "$1"/vm/* build/vm && rm -rf "$1/vm" &&
        { cat /dev/zero >build/vm/fill 2>/dev/null
          tools/vm/vm.sh true; }' sh "$work" 2>&1)
    expect "status, message" "$? $out" "125 vm: cannot write to $PWD/build/vm
  hint: is the disk full?"
}

# The kernel reports forks, execs and exits in the first PID namespace only.
look_watches_a_container_start_and_end() {
    # shellcheck disable=SC2016 # it is for the machine
    run sh -c '
        build/look --watch >/tmp/watch &
        until grep -q watched /tmp/watch; do sleep .1; done
        build/stage07 -q --network none sh -c "ls /; true" >/dev/null
        until grep -q "exec .* sh -c ls" /tmp/watch; do sleep .1; done
        until tail -n 1 /tmp/watch | grep -q "exit .* status 0"; do sleep .1; done
        grep -c "fork .* PID 1 in " /tmp/watch
        kill $!'
    expect "status, forks of a first process" "$status $out" "0 1"
}

an_unknown_architecture_is_refused() {
    ARCH=vax run true
    expect "status, message" "$status $err" \
        "125 vm: ARCH=vax: expected x86_64 or arm64"
}

# --- all --------------------------------------------------------------------------

tree="$work/a tree, copied"
mkdir -p "$tree/build/vm"
cp -R run Makefile rootfs stage* tools common tests "$tree"
cp -a build/private build/look build/stage* "$tree/build"
unset ARCH
. tools/vm/arch.sh
cp -a "$files" "$tree/build/vm"
touch "$tree/$files/initrd"
cd "$tree" || exit 1
last=$(printf '%s\n' build/stage[0-9][0-9] | tail -n 1)
ln -sfn "${last##*/}" build/run

. tests/lib/named.sh
# shellcheck disable=SC2046 # a word a test
run_named $(sed -n 's/^\([a-z0-9_]*_[a-z0-9_]*\)() {$/\1/p' tests/verbs/test_vm.sh |
    grep -vxE 'until_true|no_machine|on_terminal')
