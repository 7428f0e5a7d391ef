#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Copies what a student of lab N gets into a directory: labs/tree.sh N DIRECTORY
# Without DIRECTORY, prints the names of the files.
#
# The stages before N, common/, the tests of stages 1 to N, the lesson of stage N,
# and the grader; nothing of stage N's program, of later stages, of the mutants,
# of the answers, or of the history.
set -eu
cd "$(dirname "$0")/.."
number=$1 to=${2:-}

# Lists the files that git tracks. An unpacked handout may be no repository: there,
# lists all files.
list() {
    if [ -e labs/handout ]; then
        find . -name build -prune -o -name lab -prune -o -type f -print | sed 's|^\./||'
    else
        git -c safe.directory='*' ls-files
    fi
}

list_of_lab() {
    list | awk -v n="$number" '
    function stage_of(path) {
        return match(path, /stage[0-9][0-9]/) ? substr(path, RSTART + 5, 2) + 0 : 0
    }
    /^\.|\/\./ { next } # .ci, .github
    /^(tests\/(mutants|faults|fuzz|bench)\/|labs\/(wrong|calibrate|handout))/ { next }
    /^(NOTES|LICENSE)/ { print; next }
    /^tests\/verbs\// { next }
    /^stage/ {
        s = stage_of($0)
        if (s < n || (s == n && /README\.md$|\.svg$|escape\.c$/)) print
        next
    }
    /^tests\/stages\// { if (stage_of($0) <= n) print; next }
    { print }' | grep -v '/ANSWERS\.md$' |
    while IFS= read -r file; do [ ! -f "$file" ] || echo "$file"; done
}

if [ -z "$to" ]; then
    list_of_lab
    exit
fi
mkdir -p "$to"
list_of_lab | tr '\n' '\0' | xargs -0 cp -p --parents -t "$to"

# Of labs.txt, this lab alone, and not which mutant a hint is for.
awk -v n="$number" '/^lab / { on = $2 == n } /^#|^always/ || (on && $1 != "mutant")' \
    labs/labs.txt >"$to/labs/labs.txt.new"
mv "$to/labs/labs.txt.new" "$to/labs/labs.txt"
