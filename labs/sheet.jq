# SPDX-License-Identifier: MIT
#
# Prints a grade for a reader: jq -r -f labs/sheet.jq build/grade3.json

def padded($width): . + " " * ([$width - length, 1] | max);
def right($width): " " * ([$width - length, 0] | max) + .;
def indent: gsub("."; " ");
# The words after $before, in lines of at most 96 characters.
def wrapped($before): reduce split(" ")[] as $word
    ({done: [], now: $before, empty: true};
     if .empty then .now += $word | .empty = false
     elif .now + " " + $word | length <= 96 then .now += " " + $word
     else .done += [.now] | .now = ($before | indent) + $word end)
    | .done + [.now] | join("\n");
def lines($before): split("\n") | map(select(. != "")) | .[0:12]
    | to_entries | map(if .key == 0 then $before + .value
                       else ($before | indent) + .value end) | join("\n");

. as $grade
| ([.requirements[].name | length] | (max // 0) + 2) as $width
| ([.requirements[] | select(.id == "build" and .result == "failed") | .name][0]) as $build
| ($build and all(.requirements[]; .id == "build" or .why == "needs: \($build)")) as $unbuilt
| def line: "  " + (.name | padded($width)) +
      (if .result == "cannot" then "  -/\(.max)" else "\(.points)/\(.max)" end | right(6));
  "lab \(.lab) \(.title)    version \(.version), \(.submission.file)"
    + (if .submission.sha256 then " \(.submission.sha256[0:7]), cgroups \(.cgroups // "?"), "
           + (if .where == "host" then "this host" else "machine" end) else "" end),
  (.note // empty | wrapped("  ")),
  (.requirements[]
   | if .result == "passed" then line
     elif .result == "failed" then
         line + (.facts | to_entries | map("  \(.key)=\(.value)") | join("")),
         (.seen // empty | lines("      seen:  ")),
         (.hint // empty | wrapped("      hint:  ")),
         (.read // empty | wrapped("      read:  ")),
         (if .id == "build" then empty
          else "      again: make grade\($grade.lab) TEST=\(.id)" end)
     elif .result == "skipped" or $unbuilt then empty
     elif .result == "cannot" then line + "  this machine cannot test it"
     elif .id == "build" then
         line + "  it does; not counted yet, " + (.why // "")
     else line, ("not tested, " + (.why // "") | wrapped("      "))
     end),
  (if $unbuilt then "  It was not compiled to a program, so nothing else was tested."
   else empty end),
  (if any(.requirements[]; .result == "skipped") then empty
   elif .points == null then "no score"
   else "total \(.points)/\(.max)" end)
