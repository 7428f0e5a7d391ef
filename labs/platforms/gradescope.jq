# SPDX-License-Identifier: MIT
#
# Makes Gradescope's results.json of a grade:
#     jq -f labs/platforms/gradescope.jq build/grade3.json
#
# Format: gradescope-autograders.readthedocs.io, "Autograder Specifications".

# Control characters become U+FFFD, CR LF becomes LF.
def clean: explode | map(select(. != 13)
    | if (. < 32 and . != 9 and . != 10) or (. > 126 and . < 160) then 65533
      else . end) | implode;
def short($n): if length > $n
    then .[:$n] + "\n[\(length - $n) more characters]" else . end | clean;
# Nothing tested is no zero: there is no score then.
def scored: .points != null and .max > 0 and
    any(.requirements[]; .result == "passed" or .result == "failed");
def details:
    if .result == "not run" then "not run: " + (.why // "no reason given")
    else [(.facts // {} | to_entries | map("\(.key)=\(.value)") | join("  ")
              | select(. != "")),
          (.seen // empty | "seen: " + short(4000)),
          (.hint // empty | "hint: " + .),
          (.read // empty | "read: " + .)] | join("\n")
    end | short(8000);

# The assignment's total on Gradescope is fixed. So what this machine cannot test
# leaves the sum, and the other requirements take over its points.
(.max // 0) as $max
| ([.requirements[].max] | add // 0) as $full
| def scaled: . * $full / $max * 100 | round / 100;
  [.requirements[] | select(.result == "cannot")] as $untested
| scored as $scored
| {
    output: ([
        "lab \(.lab) \(.title), version \(.version) of the handout, \(.submission.file
            ) \(.submission.sha256 // "" | .[:7])",
        (.note // empty),
        (if .state == "grading" then
            "The grading ended early. A requirement that was not tested before has 0 points."
         else empty end),
        ($untested[] | "This machine cannot test: \(.name)"),
        (if $scored | not then "No score."
         elif $untested == [] then "total \(.points)/\($max)"
         else "total \(.points)/\($max), which is \(.points | scaled)/\($full)" end)
    ] | join("\n") | short(8000)),
    output_format: "text",
    visibility: "visible",
    stdout_visibility: "hidden",
    execution_time: ([.requirements[].seconds // 0] | add // 0 | round),
    extra_data: {lab, version, submission, where, cgroups, kernel, state}
}
# Without a score and tests it is no grade, and so no 0.
+ if $scored | not then {} else {
    score: (.points | scaled),
    test_output_format: "text",
    test_name_format: "text",
    tests: [.requirements[] | select(.result != "cannot") | {
        name: (.name | short(200)),
        score: (.points | scaled),
        max_score: (.max | scaled),
        status: (if .result == "passed" then "passed" else "failed" end),
        output: details,
        visibility: "visible"
    }]
  } end
