#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Prints what identifies the grader of lab N: labs/grader.sh N
#
# It is a checksum of the files that take part, and stands in each grade.
set -eu
cd "$(dirname "$0")/.."
labs/tree.sh "$1" | grep -v '\.md$' | tr '\n' '\0' | xargs -0 sha256sum | sha256sum |
    cut -c 1-12
