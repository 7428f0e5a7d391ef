# SPDX-License-Identifier: MIT
#
# Makes TAP of a grade:
#     jq -r -f labs/platforms/tap.jq build/grade3.json
#
# Format: testanything.org, "TAP 13 specification". A reader of TAP 14 takes it too.

# Control characters and what YAML forbids become U+FFFD, CR LF becomes LF.
def clean: explode | map(select(. != 13)
    | if (. < 32 and . != 9 and . != 10) or (. > 126 and . < 160)
          or . == 65534 or . == 65535 then 65533
      else . end) | implode;
def short($n): if length > $n
    then .[:$n] + "\n[\(length - $n) more characters]" else . end | clean;
# Nothing tested is no zero: there is no score then.
def scored: .points != null and .max > 0 and
    any(.requirements[]; .result == "passed" or .result == "failed");
def line: short(400) | split("\n") | join(" ") | split("\t") | join(" ");
def description: line | split("\\") | join("\\\\") | split("#") | join("\\#");
# A string of JSON is one of YAML.
def yaml($key): select(. != null) | "  \($key): \(if type == "string"
    then short(4000) else . end | tojson)";

# Skipped tests count as passed. So one more test fails if nothing was graded, or if
# the grading ended before a requirement was tested.
(if scored | not then .note // "not graded"
 elif .state == "grading" or any(.requirements[];
     .result == "not run" and (.why // "" | startswith("needs") | not))
 then .note // "the grading ended early" else null end) as $error
| (.requirements | length) as $count
| "TAP version 13",
  "1..\($count + if $error then 1 else 0 end)",
  "# \("lab \(.lab) \(.title), \(.submission.file), \(if .points
      then "\(.points)/\(.max) points" else "no score" end)" | line)",
  (.note | select(.) | "# \(line)"),
  (.requirements | to_entries[] | (.key + 1) as $number | .value
   | (.name | description) as $name
   | if .result == "cannot" then
         "ok \($number) - \($name) # SKIP this machine cannot test it"
     elif .result == "not run" then
         "ok \($number) - \($name) # SKIP \("not run, \(.why // "" )" | line)"
     else
         "\(if .result == "passed" then "" else "not " end)ok \($number) - \($name)",
         "  ---",
         (.points | yaml("points")),
         (.max | yaml("max")),
         (.facts // {} | to_entries | map("\(.key)=\(.value)") | join("  ")
             | select(. != "") | yaml("facts")),
         (.seen | yaml("seen")),
         (.hint | yaml("hint")),
         (.read | yaml("read")),
         "  ..."
     end),
  ($error | select(.) | "not ok \($count + 1) - the grading: \(description)")
