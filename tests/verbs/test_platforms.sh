#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tests labs/platforms on grades made by hand: tests/verbs/test_platforms.sh [NAME]
#
# Each writer's output is read by a program that reads the format elsewhere. The
# packages are unpacked and run as their platform would, around a grader that only
# copies a grade. Works in build/platforms-test; needs no root and no network.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2034 # for tests/lib/named.sh
only=${1:-}
platforms=$PWD/labs/platforms
work=$PWD/build/platforms-test

# --- what is needed ---------------------------------------------------------------

python=/usr/bin/python3 # Debian's, which has the packages of Debian
missing=
need() {
    "${@:2}" >/dev/null 2>&1 || missing="$missing $1"
}
need jq jq --version
need libxml2-utils xmllint --version
need perl prove --version
need python3-yaml $python -c 'import yaml'
need python3-junitparser $python -c 'import junitparser'
need yamllint yamllint --version
need shellcheck shellcheck --version
need zip zip -v
need unzip unzip -v
if [ -n "$missing" ]; then
    echo "FAILED  what this test needs is not installed"
    echo "    hint: apt-get install$missing"
    echo "0 passed, 1 failed"
    exit 1
fi

# expect WHAT SEEN EXPECTED: notes a difference, and goes on.
expect() {
    [ "$2" = "$3" ] || printf '    %s\n      seen:     %s\n      expected: %s\n' \
        "$1" "${2:-nothing}" "${3:-nothing}" >>"$work/differences"
}

# succeeds WHAT COMMAND...
succeeds() {
    "${@:2}" >"$work/log" 2>&1 || expect "$1" "$(head -c 1000 "$work/log")" success
}

# --- grades -----------------------------------------------------------------------

# case_of NAME FILTER: writes the grade NAME, of three requirements changed by FILTER.
# shellcheck disable=SC2016 # jq's
case_of() {
    jq -n 'def r($id; $max; $result): {$id, name: "requirement \($id)", $max,
            points: (if $result == "passed" then $max else 0 end), $result,
            why: null, seen: null, facts: {}, hint: null, read: null, seconds: 1.25};
        def total: .points = ([.requirements[].points] | add) | .max =
            ([.requirements[] | select(.result != "cannot") | .max] | add);
        def failed: .result = "failed" | .points = 0;
        def not_run: .result = "not run" | .points = 0;
        {lab: 3, title: "pid-ns", version: "1", submission: {file: "stage03.c",
            sha256: "5f1c2ab000"}, where: "machine", cgroups: "v2", kernel: "6.1.0",
         state: "graded", note: null, requirements: [r("build"; 5; "passed"),
            r("pid"; 35; "passed"), r("ps"; 60; "passed")]} | total | '"$2" \
        >"$cases/$1.json" || exit 1
}

# Everything that a format could take for its own.
# shellcheck disable=SC2016 # jq's
nasty='("q\u0022 \u0027 <b>&amp; ]]> <![CDATA[ \\ # TODO `x` $(id) %s ${{ x }} é 漢 😀 "
    + "\u0000\u0001\u0008\u001b[31m\u007f\u009b\ufffe\uffff \r\nnot ok 7\n...\n---\n"
    + "Bail out!\n1..9\n{\"scores\":{\"Total\":100}}\n\ttab")'

make_cases() {
    case_of all .
    case_of zero '.requirements[0] |= failed | .requirements[0].seen = "stage03.c:1: error"
        | .requirements[1:] |= map(not_run | .why = "needs: build") | total'
    case_of mixed '.requirements[1] |= (failed | .facts = {proc: "host", "ns.pid": "own"}
        | .hint = "Who mounted it?" | .read = "proc(5)" | .seen = "one\ntwo")
        | .requirements[2] |= (not_run | .why = "needs: pid") | total'
    case_of cannot '.requirements[0] |= failed | .requirements[2].points = 0
        | .requirements[2].result = "cannot" | total'
    case_of nothing_possible '.requirements[] |= (.points = 0 | .result = "cannot") | total'
    case_of grading '.requirements[2] |= (not_run | .why = "the grading ended before")
        | .state = "grading" | total'
    case_of stopped '.requirements[2] |= (not_run | .why = "the grading ended before")
        | .note = "The grading was stopped." | total'
    case_of nothing_tested '.requirements[] |= (not_run | .why = "the grading ended before")
        | .state = "grading" | total'
    case_of refused '.requirements = [] | .points = null | .max = 100 | .note = "It is empty."
        | .where = null | .cgroups = null | .kernel = null | .submission.sha256 = null'
    case_of nasty '.note = '"$nasty"' | .submission.file = '"$nasty"' | .title = '"$nasty"'
        | .requirements[1] |= (failed | .name = '"$nasty"' | .seen = '"$nasty"'
            | .hint = '"$nasty"' | .read = '"$nasty"' | .facts = {"a\"<b": '"$nasty"'})
        | .requirements[2] |= (not_run | .why = "needs: " + '"$nasty"') | total'
    case_of long '.requirements[1] |= (failed | .seen = "x" * 100000)
        | .requirements[2] |= (failed | .seen = "<&\n" * 33000) | total'
}

# write WRITER CASE: into the file $out, which stays set for the checks after it.
write() {
    out=$work/$2.$1
    jq -r -f "$platforms/$1.jq" "$cases/$2.json" >"$out" 2>"$work/log" ||
        expect "jq -f $1.jq $2.json" "$(cat "$work/log")" success
}

# holds WHAT FILTER [FILE]: the filter says true of all that the file has.
holds() {
    expect "$1" "$(jq -s "all($2)" "${3:-$out}" 2>&1)" true
}

every='all zero mixed cannot nothing_possible grading stopped nothing_tested refused nasty long'
without_score='nothing_possible nothing_tested refused'

# --- the writers ------------------------------------------------------------------

# The fields and values of "Autograder Specifications".
gradescope_gets_the_published_fields() {
    local name visibility='["hidden", "after_due_date", "after_published", "visible"]'
    local format='["text", "html", "simple_format", "md", "ansi"]'
    for name in $every; do
        write gradescope "$name"
        holds "$name: fields" 'keys - ["score", "execution_time", "output",
            "output_format", "test_output_format", "test_name_format", "visibility",
            "stdout_visibility", "extra_data", "tests"] == []'
        holds "$name: output" '(.output | type) == "string" and .output != ""'
        holds "$name: values" "(.visibility, .stdout_visibility |
            IN(${visibility}[])), (.output_format | IN(${format}[]))"
        holds "$name: time, data" '(.execution_time | type) == "number" and
            (.extra_data | type) == "object"'
        case " $without_score " in
        *" $name "*) holds "$name: no score" 'has("score") or has("tests") | not' ;;
        *)
            holds "$name: tests" ".tests[] | (keys - [\"name\", \"score\",
                \"max_score\", \"status\", \"output\", \"visibility\"] == [])
                and ([.name, .output | type] | unique == [\"string\"])
                and ([.score, .max_score | type] | unique == [\"number\"])
                and .score <= .max_score and (.status | IN(\"passed\", \"failed\"))
                and (.visibility | IN(${visibility}[]))"
            holds "$name: sum" '(.score - ([.tests[].score] | add) | fabs) < 0.02
                and (100 - ([.tests[].max_score] | add) | fabs) < 0.02'
            ;;
        esac
    done
}

gradescope_gets_the_points() {
    local name expected
    while read -r name expected; do
        write gradescope "$name"
        expect "$name" "$(jq -c '[.score, (.tests[]? | .status)]' "$out")" "$expected"
    done <<'END'
all [100,"passed","passed","passed"]
zero [0,"failed","failed","failed"]
mixed [5,"passed","failed","failed"]
cannot [87.5,"failed","passed"]
grading [40,"passed","passed","failed"]
refused [null]
END
}

autolab_gets_its_last_line() {
    local name expected
    while read -r name expected; do
        write autolab "$name"
        expect "$name" "$(tail -n 1 "$out")" "{\"scores\":{\"Total\":$expected}}"
        # Autolab does this to the line before it reads it (parseAutoresult).
        expect "$name, read" "$(tail -n 1 "$out" | perl -pe \
            's/([a-zA-Z0-9]+):/"$1":/g' | jq -c .scores.Total)" "$expected"
    done <<'END'
all 100
zero 0
mixed 5
cannot 87.5
nothing_possible null
grading 40
nothing_tested null
refused null
nasty 5
long 5
END
    write autolab mixed
    expect sheet "$(head -n -1 "$out")" "lab 3 pid-ns, version 1 of the handout, stage03.c 5f1c2ab
  requirement build                                   5/5
  requirement pid                                     0/35
      facts: proc=host  ns.pid=own
      seen: one
            two
      hint: Who mounted it?
      read: proc(5)
  requirement ps                                      0/60
      not run: needs: pid
total 5/100"
    write autolab nasty
    expect "control characters" "$(tr -d '\t\n' <"$out" | grep -c '[[:cntrl:]]')" 0
}

# The fields of "External Grading", and what processGradingResult refuses. A results
# file may have 1 MB; two long requirements must not take a tenth of it.
prairielearn_gets_the_published_fields() {
    local name
    for name in $every; do
        write prairielearn "$name"
        expect "$name: size" "$(($(wc -c <"$out") < 100000))" 1
        case " $without_score " in
        *" $name "*)
            holds "$name" '.gradable == false and (has("score") | not) and
                ([.format_errors[] | type] | unique == ["string"])'
            continue
            ;;
        esac
        holds "$name: fields" 'keys - ["gradable", "score", "message", "output",
            "images", "tests"] == []'
        holds "$name: score" '.gradable == true and (.score | type) == "number" and
            .score >= 0 and .score <= 1 and (.message | type) == "string"'
        holds "$name: tests" '.tests[] | (keys - ["name", "description", "points",
            "max_points", "message", "output", "images"] == []) and
            ([.name, .message, .output | type] | unique == ["string"]) and
            ([.points, .max_points | type] | unique == ["number"])'
        holds "$name: sum" '([.tests[].points] | add) / ([.tests[].max_points] | add)
            - .score | fabs < 0.001'
    done
    write prairielearn cannot
    holds "a score without what cannot be tested" '.score == 0.875'
    holds "it is neither right nor wrong" '.tests[2].max_points == 0'
}

junit_is_read_by_three_readers() {
    local name expected
    while read -r name expected; do
        write junit "$name"
        succeeds "$name: xmllint" xmllint --noout "$out"
        # tests, passed, failures, errors, skipped: as counted and as written.
        expect "$name" "$($python - "$out" 2>&1 <<'END'
import sys, xml.etree.ElementTree as tree, junitparser
suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
cases = suite.findall("testcase")
def count(tag):
    return len([c for c in cases if c.find(tag) is not None])
counted = [len(cases), len([c for c in cases if len(c) == 0]), count("failure"),
           count("error"), count("skipped")]
written = [int(suite.get(n)) for n in ("tests", "failures", "errors", "skipped")]
assert written == [counted[0]] + counted[2:], written
assert all(len(c) <= 1 and c.get("name") and c.get("classname") for c in cases)
assert all(e.text and e.get("message") for c in cases for e in c)
assert len(set(c.get("classname") for c in cases)) == len(cases)
for read in junitparser.JUnitXml.fromfile(sys.argv[1]):
    read.update_statistics()
    assert [read.tests, read.failures, read.errors, read.skipped] == written
    kinds = [type(r).__name__ for c in read for r in c.result]
    assert len(kinds) == sum(written[1:]), kinds
print(*counted)
END
        )" "$expected"
    done <<'END'
all 3 3 0 0 0
zero 3 0 1 0 2
mixed 3 1 1 0 1
cannot 3 1 1 0 1
nothing_possible 4 0 0 1 3
grading 4 2 0 1 1
stopped 4 2 0 1 1
nothing_tested 4 0 0 1 3
refused 1 0 0 1 0
nasty 3 1 1 0 1
long 3 1 2 0 0
END
    write junit mixed
    expect "failure" "$(xmllint --xpath 'string(//failure/@message)' "$out")" \
        "Who mounted it?"
    write junit long
    expect "less than 100 kB" "$(($(wc -c <"$out") < 100000))" 1
}

# prove's verdict, and what its parser takes the lines for.
tap_is_read_by_prove() {
    local name verdict expected
    while read -r name verdict expected; do
        write tap "$name"
        prove --exec cat "$out" >"$work/log" 2>&1
        expect "$name: prove" "$(($? != 0))" "$verdict"
        expect "$name" "$(perl -MTAP::Parser -we 'use strict;
            my $p = TAP::Parser->new({source => $ARGV[0]});
            my %n = map { $_ => 0 } qw(passed failed skipped yaml bailout unknown);
            while (my $r = $p->next) {
                my $t = $r->type;
                $t = $r->has_skip ? "skipped" : $r->is_ok ? "passed" : "failed"
                    if $t eq "test";
                $n{$t}++;
                $r->data if $t eq "yaml";
            }
            print join " ", @n{qw(passed failed skipped yaml bailout unknown)},
                $p->parse_errors' "$out" 2>&1)" "$expected"
    done <<'END'
all 0 3 0 0 3 0 0
zero 1 0 1 2 1 0 0
mixed 1 1 1 1 2 0 0
cannot 1 1 1 1 2 0 0
nothing_possible 1 0 1 3 0 0 0
grading 1 2 1 1 2 0 0
stopped 1 2 1 1 2 0 0
nothing_tested 1 0 1 3 0 0 0
refused 1 0 1 0 0 0 0
nasty 1 1 1 1 2 0 0
long 1 1 2 0 3 0 0
END
}

# Each document of YAML in the stream, read by a complete reader of YAML.
tap_diagnostics_are_yaml() {
    local name
    for name in all mixed nasty long; do
        write tap "$name"
        expect "$name" "$($python - "$out" "$cases/$name.json" 2>&1 <<'END'
import json, re, sys, yaml
text = open(sys.argv[1], newline="").read()
read = [yaml.safe_load(y) for y in re.findall(r"(?ms)^  ---\n(.*?)^  \.\.\.$", text)]
run = [r for r in json.load(open(sys.argv[2]))["requirements"]
       if r["result"] in ("passed", "failed")]
assert [(y["points"], y["max"]) for y in read] == [(r["points"], r["max"]) for r in run]
assert all(("seen" in y) == (r["seen"] is not None) for y, r in zip(read, run))
print("ok")
END
        )" ok
    done
}

# --- the workflows ----------------------------------------------------------------

workflows_pass_yamllint() {
    succeeds yamllint yamllint --strict "$platforms"/*.yml
}

workflows_have_the_parts_of_their_platform() {
    expect github "$($python - "$platforms/github.yml" 2>&1 <<'END'
import sys, yaml
flow = yaml.safe_load(open(sys.argv[1]))
assert set(flow) == {"name", "on", "permissions", "jobs"}, set(flow)
assert set(flow["on"]) <= {"push", "pull_request", "workflow_dispatch"}
assert flow["permissions"] == {"contents": "read"}
job, = flow["jobs"].values()
assert set(job) <= {"runs-on", "timeout-minutes", "env", "steps"}
assert all(("run" in s) != ("uses" in s) for s in job["steps"])
assert all(set(s) <= {"name", "if", "run", "uses", "with"} for s in job["steps"])
assert "secrets" not in open(sys.argv[1]).read()
print("ok")
END
    )" ok
    expect gitlab "$($python - "$platforms/gitlab-ci.yml" 2>&1 <<'END'
import sys, yaml
(name, job), = yaml.safe_load(open(sys.argv[1])).items()
assert set(job) <= {"image", "timeout", "variables", "before_script", "script",
                    "after_script", "artifacts"}
for script in ("before_script", "script", "after_script"):
    assert all(type(line) is str for line in job[script]), job[script]
assert job["artifacts"]["when"] == "always"
assert job["artifacts"]["reports"] == {"junit": "build/junit.xml"}
print("ok")
END
    )" ok
}

# scripts FILE: the lines that a workflow gives to the shell, a script each, into
# $work/step.NUMBER.
scripts() {
    rm -f "$work"/step.*
    $python - "$1" "$work/step" <<'END'
import sys, yaml
flow = yaml.safe_load(open(sys.argv[1]))
job, = flow["jobs"].values() if "jobs" in flow else flow.values()
runs = [s["run"] for s in job["steps"] if "run" in s] if "steps" in job else \
    [line for key in ("before_script", "script", "after_script") for line in job[key]]
for number, run in enumerate(runs):
    open("%s.%02d" % (sys.argv[2], number), "w").write("set -e\n" + run + "\n")
END
}

# Their commands, in the handout, with a grader that copies a grade.
workflows_run() {
    local file name status step
    for file in github gitlab-ci; do
        scripts "$platforms/$file.yml"
        # The variables are the workflow's.
        # shellcheck disable=SC2016,SC2086
        succeeds "$file: shellcheck" shellcheck -s bash -e SC2154 "$work"/step.*
        for name in all:0 nasty:1 zero:1; do
            handout_in "$work/repository"
            : >"$work/summary"
            echo "${name%:*}" >"$work/repository/lab/stage03.c"
            status=0
            for step in "$work"/step.*; do
                (cd "$work/repository" && LAB=3 HOST=1 PATH=$stubs:$PATH \
                    GITHUB_STEP_SUMMARY=$work/summary bash "$step") \
                    >"$work/log" 2>&1 || status=1
            done
            expect "$file, $name: status" "$status" "${name#*:}"
            succeeds "$file, $name: JUnit" xmllint --noout \
                "$work/repository/build/junit.xml"
            expect "$file, $name: what was called" \
                "$(sort -u "$work/repository/called")" "grade3 HOST=1
setup grade3"
        done
    done
}

# --- the packages -----------------------------------------------------------------

# A handout with a grader that does what the submission says.
make_handout() {
    local tree=$work/handout/container-lab3
    mkdir -p "$tree/labs" "$tree/tools" "$work/tree/build" "$work/tree/labs"
    cp -R "$platforms" "$tree/labs"
    cp -R "$platforms" "$work/tree/labs"
    ln -s "$cases" "$tree/cases"
    # shellcheck disable=SC2016 # the shell's that runs it
    echo 'echo "setup $*" >>called' >"$tree/tools/setup.sh"
    # Names of cases, or: broken, killed, slow.
    cat >"$tree/Makefile" <<'END'
lab3:
	@mkdir -p lab && echo all >lab/stage03.c
grade3:
	@echo "grade3 HOST=$$HOST" >>called; mkdir -p build; \
	word=$$(cat lab/stage03.c 2>/dev/null || echo refused); \
	case $$word in \
	broken) exit 125 ;; \
	killed) cp cases/grading.json build/grade3.json; exit 137 ;; \
	slow) cp cases/grading.json build/grade3.json; sleep 60 ;; \
	refused) cp cases/refused.json build/grade3.json; exit 1 ;; \
	*) cp cases/$$word.json build/grade3.json ;; \
	esac
END
    tar -C "$work/handout" -czf "$work/tree/build/handout3.tar.gz" container-lab3
}

# handout_in DIRECTORY: the unpacked handout, as a student has it.
handout_in() {
    rm -rf "$1"
    mkdir -p "$1/lab" "$1/build"
    cp -R "$work/handout/container-lab3/." "$1"
}

# submission WORD DIRECTORY: empties DIRECTORY and hands in WORD.
submission() {
    rm -rf "$2"
    mkdir -p "$2"
    case $1 in
    none) ;;
    several) echo all >"$2/a.c" && echo all >"$2/b.c" ;;
    renamed) mkdir "$2/__MACOSX" && echo x >"$2/__MACOSX/._my.c" && echo all >"$2/my file.c" ;;
    *) mkdir "$2/lab" && echo "$1" >"$2/lab/stage03.c" && echo x >"$2/other.c" ;;
    esac
}

# The files handed in, and their points, or null: no score.
handed_in='all 100
renamed 100
zero 0
nasty 5
cannot 87.5
slow 40
refused null
broken null
killed null
none null
several null'

limit() {
    [ "$1" = slow ] && echo 3 || echo 60
}

gradescope_zip_grades_as_on_gradescope() {
    local root=$work/autograder word expected
    export AUTOGRADER=$root
    succeeds gradescope.sh "$work/tree/labs/platforms/gradescope.sh" 3
    cp "$work/tree/build/gradescope3.zip" "$work/first.zip"
    sleep 2
    succeeds "gradescope.sh again" "$work/tree/labs/platforms/gradescope.sh" 3
    succeeds "the same bytes" cmp "$work/first.zip" "$work/tree/build/gradescope3.zip"
    rm -rf "$root"
    mkdir -p "$root/source"
    succeeds unzip unzip -q "$work/tree/build/gradescope3.zip" -d "$root/source"
    cp "$root/source/run_autograder" "$root"
    succeeds "run_autograder is executable" test -x "$root/run_autograder"
    succeeds shellcheck shellcheck "$root/run_autograder" "$root/source/setup.sh"
    succeeds setup.sh env PATH="$stubs:$PATH" bash "$root/source/setup.sh"
    expect "what setup.sh called" "$(cat "$root/source/tree/called")" "setup grade3
grade3 HOST="
    expect "what setup.sh left" "$(ls "$root/source/tree/lab" 2>/dev/null)" ""
    while read -r word expected; do
        submission "$word" "$root/submission"
        rm -rf "$root/results"
        (cd "$root" && LIMIT=$(limit "$word") ./run_autograder) >"$work/log" 2>&1
        expect "$word: status" $? 0
        expect "$word" "$(jq -c .score "$root/results/results.json" 2>&1)" "$expected"
        holds "$word: output, tests" '(.output | type) == "string" and
            has("tests") == has("score")' "$root/results/results.json"
    done <<<"$handed_in"
    # Nothing that the grader needs is there.
    rm -rf "$root/source/tree" "$root/results"
    (cd "$root" && ./run_autograder) >"$work/log" 2>&1
    expect "without the tree" "$(jq -c 'keys' "$root/results/results.json")" '["output"]'
    unset AUTOGRADER
}

autolab_tar_grades_as_on_autolab() {
    local root=$work/autolab word expected
    succeeds autolab.sh "$work/tree/labs/platforms/autolab.sh" 3
    cp "$work/tree/build/autolab3.tar" "$work/first.tar"
    sleep 1
    succeeds "autolab.sh again" "$work/tree/labs/platforms/autolab.sh" 3
    succeeds "the same bytes" cmp "$work/first.tar" "$work/tree/build/autolab3.tar"
    expect "names in the archive" "$(tar -tf "$work/first.tar")" "lab3/
lab3/autograde-Makefile
lab3/autograde.tar
lab3/handout3.tar.gz
lab3/lab3.yml"
    rm -rf "$root"
    mkdir "$root"
    tar -xf "$work/first.tar" -C "$root"
    succeeds yamllint yamllint --strict "$root/lab3/lab3.yml"
    expect lab3.yml "$($python - "$root/lab3/lab3.yml" 2>&1 <<'END'
import sys, yaml
lab = yaml.safe_load(open(sys.argv[1]))
assert set(lab) == {"general", "problems", "autograder"}
assert lab["general"]["name"] == "lab3"
print(lab["general"]["handin_filename"], *[p["name"] for p in lab["problems"]],
      lab["problems"][0]["max_score"])
END
    )" "stage03.c Total 100.0"
    while read -r word expected; do
        case $word in renamed | none | several) continue ;; esac
        rm -rf "$root/instance"
        mkdir "$root/instance"
        cp "$root/lab3/autograde.tar" "$root/instance"
        cp "$root/lab3/autograde-Makefile" "$root/instance/Makefile"
        echo "$word" >"$root/instance/stage03.c"
        (cd "$root/instance" && LIMIT=$(limit "$word") make) >"$work/log" 2>&1
        expect "$word: status" $? 0
        expect "$word" "$(tail -n 1 "$work/log" | jq -c .scores.Total 2>&1)" "$expected"
    done <<<"$handed_in"
    rm "$root/instance/autograde.tar"
    (cd "$root/instance" && make) >"$work/log" 2>/dev/null
    expect "without the tree" "$(tail -n 1 "$work/log")" '{"scores":{"Total":null}}'
}

prairielearn_grades_as_on_prairielearn() {
    local word expected
    handout_in "$work/lab"
    export GRADE=$work/grade
    while read -r word expected; do
        [ "$expected" = null ] || expected=$(jq -n "$expected / 100")
        submission "$word" "$GRADE/student"
        rm -rf "$GRADE/results"
        LIMIT=$(limit "$word") "$work/lab/labs/platforms/prairielearn.sh" 3 >"$work/log" 2>&1
        expect "$word: status" $? 0
        expect "$word" "$(jq -c .score "$GRADE/results/results.json" 2>&1)" "$expected"
        holds "$word: gradable" '.gradable == has("score")' "$GRADE/results/results.json"
    done <<<"$handed_in"
    unset GRADE
}

# The fields of externalGradingOptions in PrairieLearn's infoQuestion.json.
prairielearn_question_has_the_published_fields() {
    { echo '{' && sed -n 's/^#     \( *["}].*\)/\1/p' "$platforms/prairielearn.sh" &&
        echo '}'; } >"$work/info.json"
    holds "info.json" '.gradingMethod == "External" and (.externalGradingOptions |
        keys - ["enabled", "image", "entrypoint", "serverFilesCourse", "timeout",
            "enableNetworking", "environment"] == [] and .timeout <= 600)' \
        "$work/info.json"
}

packages_need_a_handout() {
    local name
    mkdir -p "$work/bare/labs" "$work/bare/build"
    cp -R "$platforms" "$work/bare/labs"
    for name in gradescope autolab; do
        expect "$name" "$("$work/bare/labs/platforms/$name.sh" 3 2>&1)" \
            "$name: build/handout3.tar.gz not found
  hint: make handout3"
    done
}

scripts_pass_shellcheck() {
    succeeds shellcheck shellcheck -x "$platforms"/*.sh tests/verbs/test_platforms.sh
}

# --- all --------------------------------------------------------------------------

rm -rf "$work"
cases=$work/cases
stubs=$work/stubs
mkdir -p "$cases" "$stubs"
printf '#!/bin/sh\n' >"$stubs/apt-get"
chmod 755 "$stubs/apt-get"
make_cases
make_handout

mapfile -t names < <(sed -n 's/^\([a-z0-9]*_[a-z0-9_]*\)() {$/\1/p' "$0" |
    grep -vxE 'case_of|make_cases|make_handout|handout_in')
# shellcheck source=tests/lib/named.sh
. tests/lib/named.sh
run_named "${names[@]}"
