#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Types the commands of the lessons and compares what is printed with what the
# lessons show: tests/verbs/lessons.sh [FILE]...
#
# Typed are the lines that begin with "$ " in the console blocks, and those
# that begin with "> " after one of them, in a copy of the tree, by root and so
# without sudo, in namespaces of their own. An HTML comment before a block, which
# the reader does not see, says what the block needs:
#
#     <!-- beside: ./run -q sleep 60 -->   run this meanwhile; P is the PID of its
#                                          container
#     <!-- edit: s/MS_REC | // -->         edit the stage by sed(1) and build it
#
# Left out: strace (the lessons show the lines that matter) and, where the host has
# no /dev/mqueue, what is about it.
# Compared is every line, with numbers and the copy's path made equal,
# because PIDs, addresses and sizes differ from run to run.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "lessons: needs root" >&2; exit 1; }
[ $# -gt 0 ] || set -- README.md stage*/README.md stage*/ANSWERS.md
if [ -z "${LESSONS_APART:-}" ]; then
    LESSONS_APART=1 exec unshare --mount --uts --ipc --net "$0" "$@"
fi
build/private/rootfs/bin/busybox ip link set lo up
build/private/rootfs/bin/busybox hostname vm
# As on a host, the mounted queues are those of this IPC namespace.
[ ! -d /dev/mqueue ] || mount -t mqueue mqueue /dev/mqueue

# The lessons call make themselves, and not as a part of make lessons.
unset MAKEFLAGS MFLAGS MAKELEVEL
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
    xargs -0 cp --parents -t "$work" 2>/dev/null || true
cp -a build "$work"
passed=0
failed=0
. tools/lesson.sh

# Prints the PID of the container of the parent $1, once COMMAND runs in it.
container_of() {
    "$work/build/look" | awk -v parent="parent $1," '
        /PID here  command$/ { ours = index(before, parent); first = 1; next }
        first && ours && $3 !~ /(run|stage[0-9][0-9]|setpriv)$/ && $4 != "-c" { print $2 }
        { first = 0; before = $0 }'
}

# Runs each line of FILE in the background, and sets P for the last. Their input
# stays open.
start_beside() {
    [ -s "$1" ] || return 0
    mkfifo "$work/.input"
    exec 8<>"$work/.input"
    while read -r line; do
        (cd "$work" && eval "exec $line") <&8 >"$work/.beside" 2>&1 8<&- &
        besides="$besides $!"
        P=
        for _ in $(seq 500); do
            P=$(container_of $!)
            [ -z "$P" ] || break
            sleep 0.02
        done
    done <"$1"
    export P
}

end_beside() {
    # shellcheck disable=SC2086 # a word a process
    [ -z "$besides" ] || { kill $besides; wait $besides; } 2>/dev/null || :
    besides=
    rm -f "$work/.input"
}

# edit FILE: edits the stage of $readme by the lines of FILE and builds it.
edit_stage() {
    [ -s "$1" ] || return 0
    stage=${readme%%-*}
    source=$(echo "$work/$stage"-*/"$stage.c")
    cp -p "$source" "$work/.source"
    sed -i -f "$1" "$source"
    ! cmp -s "$source" "$work/.source" || echo "an edit changes nothing"
    build_stage
}

build_stage() {
    number=${stage#stage}
    make -s -C "$work" CFLAGS='-O2 -w' "stage${number#0}" 2>&1 | grep -i error || :
}

restore_stage() {
    [ -e "$work/.source" ] || return 0
    cp "$work/.source" "$source"
    rm "$work/.source"
    build_stage
}

sudo() {
    "$@"
}

besides=
for readme in "$@"; do
    extract "$readme"
    block=
    for command in "$work"/.lesson/*.command; do
        if [ ! -e "$command" ] || left_out "$command"; then
            continue
        fi
        base=${command%.command}
        if [ "$(cat "$base.block")" != "$block" ]; then
            block=$(cat "$base.block")
            end_beside
            restore_stage
            edit_stage "$base.edit"
            start_beside "$base.beside"
        fi
        (cd "$work" && set +eu && . "$command") >"$work/.output" 2>&1 </dev/null || true
        normalize <"$base.shown" >"$work/.expected"
        normalize <"$work/.output" >"$work/.got"
        if diff "$work/.expected" "$work/.got" >"$work/.diff"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAILED  $readme: $(cat "$command")"
            sed 's/^/        /' "$work/.diff" | head -n 12
        fi
    done
    end_beside
    restore_stage
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
