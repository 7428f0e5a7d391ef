# SPDX-License-Identifier: MIT
#
# Makes the JSON of a grade from the lines that labs/judge.sh printed.
# Input (raw): those lines, without the nonce. $lab: labs/lab.jq's. $base: what is
# known of the submission. See labs/grade.sh.

[inputs | [scan("^(\\S+) ?(\\S*) ?(.*)$")[]]] as $events
| def seen($id): [$events[] | select(.[0] == "seen" and .[1] == $id) | .[2]]
      | if length > 0 then join("\n") else null end;
  ([$events[] | select(.[0] == "fact") | .[1] | capture("^(?<key>[^=]*)=(?<value>.*)$")]
      | from_entries) as $facts
| [$lab.requirements[] as $r
   | ([$events[] | select(.[0] == "result" and .[1] == $r.id)][0]) as $e
   | ($e[2] // "" | [scan("\\S+")]) as $w
   | (if $e then $w[0] | sub("-"; " ") else "not run" end) as $result
   | ([$r.hints[] | select(.facts | to_entries | all($facts[.key] == .value))][0])
         as $hint
   | {id: $r.id, name: $r.name, max: $r.max,
      points: (if $result == "passed" then $r.max else 0 end), result: $result,
      why: (if $result != "not run" then null
            elif $e and ($w[2:] | length) > 0 then
                "needs: " + ([$lab.requirements[] | select(.id == $w[2]) | .name][0]
                    // $w[2])
            else "the grading ended before" end),
      seen: (if $result == "failed" then seen($r.id) else null end),
      facts: (if $result == "failed" then $hint.facts // {} else {} end),
      hint: (if $result == "failed" then $hint.text else null end),
      read: (if $result == "failed" then $r.read else null end),
      seconds: ($w[1] // "0" | tonumber)}] as $requirements
| ([$events[] | select(.[0] == "system")][0]) as $system
| $base + {kernel: $system[1], cgroups: $system[2], lab: $lab.lab, title: $lab.title, version: $lab.version,
    state: (if any($events[]; .[0] == "end") then "graded" else "grading" end),
    facts: $facts, requirements: $requirements,
    points: (if any($requirements[]; .result == "skipped") then null
             else [$requirements[].points] | add end),
    max: ([$requirements[] | select(.result != "cannot") | .max] | add)}
