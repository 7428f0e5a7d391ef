#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Proves that the grades are right: labs/calibrate.sh [N]
#
# For each lab:
#
# - The stage's own program gets all points, and no hint fires on it.
# - An empty program gets none.
# - The program that the lab starts from gets those of "build" and "kept" (lab 1:
#   none).
# - Each mutant of the stage (tests/mutants) loses the requirement that has its test
#   or a hint for it. Requirements that need that one are not run. No other is lost,
#   but a mutant that starts no COMMAND at all may lose everything.
# - Each hint fires on the mutants that it names.
#
# For lab 3, the programs of labs/wrong get what their first line says, and the hint
# that it names fires. Those in C, which want to do harm, are graded in the machine,
# all others on the host, as root.
set -u
cd "$(dirname "$0")/.." || exit 125
if [ "$(id -u)" -ne 0 ]; then
    echo "calibrate: needs root" >&2
    echo "  hint: sudo make calibrate" >&2
    exit 1
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/container-calibrate.XXXXXX") || exit 125
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cases=$work/cases
passed=0 failed=0

# expect WHAT JSON FILTER: FILTER of jq says what is wrong with the grade, or nothing.
expect() {
    local wrong
    wrong=$(jq -r --slurpfile lab "$work/lab" "${@:4}" "$3" "$2" 2>&1)
    if [ -z "$wrong" ]; then
        passed=$((passed + 1))
        echo "ok      lab $number: $1"
    else
        failed=$((failed + 1))
        echo "FAILED  lab $number: $1"
        sed 's/^/        /' <<<"$wrong" | head -n 20
    fi
}

# add NAME FILE: adds a case. All cases are graded later, several at a time.
add() {
    mkdir -p "$cases/$1"
    cp "$2" "$cases/$1/$stage.c"
}

grade_all() {
    export number stage
    # shellcheck disable=SC2016 # parallel's
    # Programs that want to do harm are run in the machine.
    ls "$cases" | PARALLEL_HOME=$work parallel --will-cite -j 100% \
        'case {} in wrong-*.c) HOST= ;; *) HOST=1 ;; esac; export HOST; FACTS=yes QUIET=1 TEST= labs/grade.sh $number '"$cases"'/{}/$stage.c '"$cases"'/{}/grade.json >'"$cases"'/{}/log 2>&1'
}

# Without "build": $lost did not pass; $failed are those of them that were tried.
lost='[.requirements[] | select(.result != "passed" and .id != "build") | .id] as $lost |
    [.requirements[] | select(.result == "failed" and .id != "build") | .id] as $failed |'

calibrate() {
    number=$1
    stage=$(printf 'stage%02d' "$number")
    before=$(printf 'stage%02d' $((number - 1)))
    source=$(echo "$stage"-*/"$stage.c")
    rm -rf "$cases"
    mkdir -p "$cases" "$work/mutants"
    jq -Rn --argjson n "$number" -f labs/lab.jq labs/labs.txt >"$work/lab" || exit 1

    add reference "$source"
    echo 'int main(void) { return 0; }' >"$work/empty.c"
    add empty "$work/empty.c"
    if [ "$number" -eq 1 ]; then
        add before labs/skeleton.c
    else
        sed "s/prepare_container($((number - 1)), /prepare_container($number, /" \
            "$before"-*/"$before.c" >"$work/before.c"
        add before "$work/before.c"
    fi
    tests/mutants/mutants.sh --write "$number" "$work/mutants"
    while IFS='	' read -r id _ _ program test needs name; do
        [ -e "$needs" ] && add "mutant-$id" "$work/mutants/$id.c"
    done <"$work/mutants/all"
    if [ "$number" -eq 3 ]; then
        for program in labs/wrong/*.c; do
            add "wrong-$(basename "$program")" "$program"
        done
        for edit in labs/wrong/*.sed; do
            sed -f "$edit" "$source" >"$work/edited.c"
            add "wrong-$(basename "$edit")" "$work/edited.c"
        done
    fi
    grade_all

    # shellcheck disable=SC2016 # jq's
    {
        expect "the stage's own program gets all points" "$cases/reference/grade.json" \
            'select(.points != 100 or .max != 100) |
                .points, (.requirements[] | select(.result != "passed") | .name, .seen)'
        expect "no hint fires on it" "$cases/reference/grade.json" \
            '.facts as $facts | $lab[0].requirements[].hints[] |
                select(.facts | to_entries | all($facts[.key] == .value)) | .text'
        expect "an empty program gets nothing" "$cases/empty/grade.json" \
            'select(.points != 0) | .requirements[] | select(.points > 0) | .name'
        expect "the program that the lab starts from gets build and kept" \
            "$cases/before/grade.json" \
            'any(.requirements[]; .id == "kept") as $kept | .requirements[] |
                select((.result == "passed") != ($kept and (.id == "build" or .id == "kept")))
                | "\(.id): \(.result)", .seen'
        expect "its hints fire" "$cases/before/grade.json" \
            '($lab[0].requirements[].hints[] | select(.mutants | index("start")) | .text) as $text
                | select(any(.requirements[]; .hint == $text) | not) | $text'
        while IFS='	' read -r id _ _ program test needs name; do
            [ -e "$needs" ] || continue
            expect "mutant: $name" "$cases/mutant-$id/grade.json" "$lost"'
                [$lab[0].requirements[] | select(any(.tests[]; .name == $test) or
                    any(.hints[].mutants[]; . == $name)) | .id] as $own |
                if $own == [] then "no requirement has the test \($test)"
                elif .facts.run != "ok" and ($lost - $own) != $lost then empty
                elif ($failed | length) != 1 or ($own | index($failed[0]) | not) then
                    "failed: \($failed), expected: \($own)",
                    (.requirements[] | select(.result == "failed") | .seen)
                else .requirements[] | select(.result == "not run" and .id != "build")
                    | .id as $i | $lab[0].requirements[] | select(.id == $i)
                    | select(.needs - $lost == .needs) | "\($i) was not run" end,
                ($lab[0].requirements[] | .id as $i | .hints[]
                    | select(.mutants | index($name)) | .text) as $text |
                select(any(.requirements[]; .hint == $text) | not)
                    | "this hint did not fire: \($text)", "facts: \(.facts)"' \
                --arg test "$test" --arg name "$name"
        done <"$work/mutants/all"
        [ "$number" -ne 3 ] || for program in labs/wrong/*; do
            name=$(basename "$program")
            expect "wrong: $name" "$cases/wrong-$name/grade.json" '
                (($lab[0].requirements[].hints[] | select(.always and .facts == $fires)
                    | .text) as $text
                    | select(any(.requirements[]; .hint == $text) | not)
                    | "this hint did not fire: \($text)", "facts: \(.facts)"),
                ((if .points == null then [] else
                    [.requirements[] | select(.result == "passed") | .id] end) as $got
                    | select($got != $ids)
                    | "got \($got), expected \($ids), note \(.note)")' \
                --argjson fires "$(sed -n '1s/^.*fires:\([a-z]*\)=\([^ ]*\).*$/{"\1":"\2"}/p' "$program" |
                    grep . || echo null)" \
                --argjson ids "$(sed -n '1s/^.*earns:\([a-z0-9 ]*\).*$/\1/p' "$program" |
                    jq -Rc 'split(" ") | map(select(. != ""))')"
        done
    }
}

for lab in ${1:-$(awk '/^lab / { print $2 }' labs/labs.txt)}; do
    calibrate "$lab"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
