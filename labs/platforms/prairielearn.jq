# SPDX-License-Identifier: MIT
#
# Makes PrairieLearn's results.json of a grade:
#     jq -f labs/platforms/prairielearn.jq build/grade3.json
#
# Format: prairielearn.readthedocs.io, "External Grading", "Grading results".

# Control characters become U+FFFD, CR LF becomes LF. PrairieLearn would read an
# escape sequence as a colour.
def clean: explode | map(select(. != 13)
    | if (. < 32 and . != 9 and . != 10) or (. > 126 and . < 160) then 65533
      else . end) | implode;
def short($n): if length > $n
    then .[:$n] + "\n[\(length - $n) more characters]" else . end | clean;
# Nothing tested is no zero: there is no score then.
def scored: .points != null and .max > 0 and
    any(.requirements[]; .result == "passed" or .result == "failed");
def message:
    if .result == "cannot" then "This machine cannot test it. It does not count."
    elif .result == "not run" then "not run: " + (.why // "no reason given")
    else [(.facts // {} | to_entries | map("\(.key)=\(.value)") | join("  ")
              | select(. != "")),
          (.hint // empty | "hint: " + .),
          (.read // empty | "read: " + .)] | join("\n")
    end | short(4000);

([
    "lab \(.lab) \(.title), version \(.version) of the handout",
    (.note // empty),
    (if .state == "grading" then
        "The grading ended early. A requirement that was not tested before has 0 points."
     else empty end),
    (if scored then "total \(.points)/\(.max)" else "No score." end)
] | join("\n") | short(8000)) as $message
| if scored | not then
    # An invalid submission: no points, and no attempt is used up.
    {gradable: false, format_errors: [$message], message: $message}
  else {
    gradable: true,
    score: ([.points / .max, 1] | min),
    message: $message,
    tests: [.requirements[] | (.result == "cannot") as $untested | {
        name: (.name | short(200)),
        points: (if $untested then 0 else .points end),
        max_points: (if $untested then 0 else .max end),
        message: message,
        output: (.seen // "" | short(4000))
    }]
  } end
