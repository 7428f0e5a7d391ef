#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs stage N in gdb with the commands of its debug.gdb: tools/gdb/gdb.sh N
#
# With AUTO=1, goes on at each stop by itself and prints the stops alone. unshare
# cuts the stage's mounts off from the host's. They are then made shared among
# themselves, as under systemd. make gdbN builds build/gdb first.
set -eu
cd "$(dirname "$0")/../.."
name=$(printf 'stage%02d' "$1")

command -v gdb >/dev/null || {
    echo "gdb not found" >&2
    echo "  hint: make setup gdb$1" >&2
    exit 1
}
gdb -nx -batch -ex 'python print("works")' 2>&1 | grep -q works || {
    echo "this gdb has no Python: tools/gdb/container.py needs it" >&2
    echo "  hint: make setup gdb$1" >&2
    exit 1
}
set -- "build/gdb/$name" -q
number=${name#stage}
[ "${number#0}" -lt 5 ] || set -- "$@" --rootfs build/private/rootfs
[ "${number#0}" -lt 6 ] || set -- "$@" -m 64M
commands=$(echo "$name"-*/)debug.gdb
# Make all mounts shared, then execute the words.
shared='mount --make-rshared / && exec "$@"'
if [ -z "${AUTO:-}" ]; then
    # shellcheck disable=SC2086 # CMD has words
    exec unshare --mount sh -c "$shared" sh gdb -q -nx -x "$commands" \
        --args "$@" ${CMD:-true}
fi
# shellcheck disable=SC2086 # CMD has words
unshare --mount sh -c "$shared" sh gdb -nx -batch -x "$commands" \
    -ex 'python while gdb.selected_inferior().pid: gdb.execute("continue")' \
    --args "$@" ${CMD:-true} 2>&1 </dev/null |
    sed -n '/^---/,$p' | grep -v -e '^\[' -e '^warning: Target and' \
        -e '^Using host libthread' -e 'executing new program' | cat -s
