# SPDX-License-Identifier: MIT
#
# Prints a grade for a reader: jq -r -f labs/sheet.jq build/grade3.json

def padded($width): . + " " * ([$width - length, 1] | max);
def right($width): " " * ([$width - length, 0] | max) + .;
def lines($before): split("\n") | map(select(. != "")) | .[0:12]
    | to_entries | map(if .key == 0 then $before + .value
                       else ($before | gsub("."; " ")) + .value end) | join("\n");
def line: "  " + (.name | padded(52)) +
    (if .result == "cannot" then "  -/\(.max)" else "\(.points)/\(.max)" | right(6) end);

. as $grade
| "lab \(.lab) \(.title)    version \(.version), \(.submission.file) "
    + "\(.submission.sha256 // "" | .[0:7]), cgroups \(.cgroups // "?")"
    + ", \(if .where == "host" then "this host" else "machine" end)",
  (if .note then "  " + .note else empty end),
  (.requirements[]
   | if .result == "passed" then line
     elif .result == "failed" then
         line + (.facts | to_entries | map("  \(.key)=\(.value)") | join("")),
         (if .seen then .seen | lines("      seen: ") else empty end),
         (if .hint then "      hint: " + .hint else empty end),
         (if .read then "      read: " + .read else empty end),
         (if .id != "build" then "      again: make grade\($grade.lab) TEST=\(.id)"
          else empty end)
     elif .result == "skipped" then empty
     elif .result == "cannot" then line + "  this machine cannot test it"
     else line + "  not run: " + (.why // "") end),
  (if any(.requirements[]; .result == "skipped") then empty
   elif .points == null then "no score"
   else "total \(.points)/\(.max)" end)
