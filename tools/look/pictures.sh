#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Draws the picture of each lesson: tools/look/pictures.sh [DIRECTORY]
#
# Starts the container of each stage and lets build/look draw its namespaces,
# into stageNN-*/namespaces.svg or DIRECTORY/stageNN.svg. Needs root, and that no
# other container is running.
set -eu
build=$(cd "$(dirname "$0")/../../build" && pwd)
cd "$build/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program in "$build"/stage[0-9][0-9]; do
    name=${program##*/}
    to=${1:+$1/$name.svg}
    mkfifo "$work/$name"
    # The container lives until its input ends.
    : >"$work/$name.out"
    "$program" -q cat <"$work/$name" >"$work/$name.out" &
    exec 3>"$work/$name"
    echo ready >&3
    until grep -q ready "$work/$name.out"; do
        kill -0 $! || exit 1
        sleep 0.01
    done
    "$build/look" --svg "${to:-$(echo "$name"-*/)namespaces.svg}" || exit
    exec 3>&-
    wait $!
done
