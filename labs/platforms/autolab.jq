# SPDX-License-Identifier: MIT
#
# Makes Autolab's output of a grade: the sheet, and the scores on the last line.
#     jq -r -f labs/platforms/autolab.jq build/grade3.json
#
# Format: docs.autolabproject.com, "Guide for Lab Authors".

# Control characters become U+FFFD, CR LF becomes LF.
def clean: explode | map(select(. != 13)
    | if (. < 32 and . != 9 and . != 10) or (. > 126 and . < 160) then 65533
      else . end) | implode;
def short($n): if length > $n
    then .[:$n] + "\n[\(length - $n) more characters]" else . end | clean;
# Nothing tested is no zero: there is no score then.
def scored: .points != null and .max > 0 and
    any(.requirements[]; .result == "passed" or .result == "failed");
# named("seen"): the text below its requirement, later lines under the first.
def named($word): short(4000) | sub("\n+$"; "") | split("\n")
    | "      \($word): " + join("\n" + " " * ($word | length + 8));
def padded($n): . + " " * ([$n - length, 1] | max);

(.max // 0) as $max
| ([.requirements[].max] | add // 0) as $full
| scored as $scored
| ("lab \(.lab) \(.title), version \(.version) of the handout, \(.submission.file
    ) \(.submission.sha256 // "" | .[:7])" | short(400)),
  (.note // empty | short(2000)),
  (if .state == "grading" then
      "The grading ended early. A requirement that was not tested before has 0 points."
   else empty end),
  (.requirements[]
   | "  " + (.name | short(200) | padded(52)) + if .result == "cannot"
         then "-/\(.max)  this machine cannot test it" else "\(.points)/\(.max)" end,
     (if .result == "not run" then .why // "no reason given" | named("not run")
      else empty end),
     (.facts // {} | to_entries | map("\(.key)=\(.value)") | join("  ")
         | select(. != "") | named("facts")),
     (.seen // empty | named("seen")),
     (.hint // empty | named("hint")),
     (.read // empty | named("read"))),
  # The problem has 100 points on Autolab, so what this machine cannot test leaves
  # the sum, and the rest counts for more. null leaves the problem without a score;
  # a last line that Autolab cannot read would be a 0.
  if $scored then
      "total \(.points)/\($max)",
      ({scores: {Total: (.points * $full / $max * 100 | round / 100)}} | tojson)
  else "no score", ({scores: {Total: null}} | tojson) end
