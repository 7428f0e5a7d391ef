#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Packs lab N for students: labs/handout.sh N
#
# Writes build/handoutN.tar.gz: what labs/tree.sh copies, with a README for
# students, and of NOTES.md the glossary. Packing twice gives the same bytes.
set -eu
cd "$(dirname "$0")/.."
number=$1
two=$(printf %02d "$number")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/container-lab$number
mkdir "$tree"
title=$(jq -Rnr --argjson n "$number" -f labs/lab.jq labs/labs.txt | jq -r .title)

labs/tree.sh "$number" "$tree"
sed -e "s/@NN@/$two/g; s/@N@/$number/g; s/@TITLE@/$title/g" labs/handout.md >"$tree/README.md"
{
    echo '# Notes'
    echo
    sed -n '/^## Glossary/,$p' NOTES.md
} >"$tree/NOTES.md"
# Append the section "Before stage 1" of README.md: the glossary refers to it.
echo >>"$tree/README.md"
sed -n '/^## Before stage 1/,/^## The stages/p' README.md | sed '$d' >>"$tree/README.md"
# Keep the lesson's beginning and its sections "What is new", "Predict" and "Observe".
lesson=$(echo "$tree/stage$two"-*/README.md)
awk '/^## / { on = /What is new|Predict|Observe/; begun = 1 } !begun || on' "$lesson" \
    >"$work/lesson"
mv "$work/lesson" "$lesson"
for lesson in "$tree"/stage*/README.md; do
    sed '/^## Answers$/,/^\[ANSWERS.md\]/d' "$lesson" | cat -s >"$work/lesson"
    mv "$work/lesson" "$lesson"
done
echo "lab $number" >"$tree/labs/handout"
chmod -R u+w,go-w,a+rX "$tree"
mkdir -p build
tar -C "$work" --sort=name --mtime='2020-01-01 00:00:00Z' --owner=0 --group=0 \
    --numeric-owner --format=ustar -cf - "container-lab$number" | gzip -9n \
    >"build/handout$number.tar.gz"
echo "build/handout$number.tar.gz"
