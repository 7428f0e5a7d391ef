# SPDX-License-Identifier: MIT
#
# Prints lab $n of labs/labs.txt as JSON: jq -Rn --argjson n 3 -f labs/lab.jq

# "requirement build 5 warnings" | rest(3): what follows the first 3 words.
def rest($count): sub("^\\s*(\\S+\\s+){\($count)}"; "") | sub("\\s+$"; "");
def facts: split(" ") | map(select(. != "") | capture("^(?<key>[^=]*)=(?<value>.*)$"))
    | from_entries;
def hint: capture("^(?<facts>(\\S+=\\S+\\s*)*\\S+=[^\\s:]+):\\s*(?<text>.*)$")
    | {facts: (.facts | facts), text, mutants: []};

reduce (inputs | select(test("^\\s*(#|$)") | not)) as $line
    ({current: null, lab: null, always: []};
     ($line | [scan("\\S+")]) as $w
     | if $w[0] == "always" then .always += [$line | rest(1) | hint]
       elif $w[0] == "lab" then .current = ($w[1] | tonumber)
           | if .current == $n then .lab = {lab: $n, title: $w[2], version: "1",
                 task: [], requirements: []} else . end
       elif .current != $n then .
       elif $w[0] == "version" then .lab.version = $w[1]
       elif $w[0] == "task" then .lab.task += [$line | sub("^ *task ?"; "")]
       elif $w[0] == "requirement" then .lab.requirements += [{id: $w[1],
           max: ($w[2] | tonumber), name: ($line | rest(3)), tests: [],
           needs: [], exists: [], read: null, hints: []}]
       else (.lab.requirements | length - 1) as $r
           | if $w[0] == "test" then .lab.requirements[$r].tests +=
                 [{name: $w[1], program: ($w[2] //
                   ("test_stage" + (if $n < 10 then "0" else "" end) + "\($n)"))}]
             elif $w[0] == "needs" then .lab.requirements[$r].needs += $w[1:]
             elif $w[0] == "exists" then .lab.requirements[$r].exists += $w[1:]
             elif $w[0] == "read" then .lab.requirements[$r].read = ($line | rest(1))
             elif $w[0] == "hint" then
                 .lab.requirements[$r].hints += [$line | rest(1) | hint]
             elif $w[0] == "mutant" then
                 (.lab.requirements[$r].hints | length - 1) as $i
                 | .lab.requirements[$r].hints[$i].mutants += [$line | rest(1)]
             else error("labs.txt: \($line)") end
       end)
| if .lab then . else error("there is no lab \($n)") end
| .always as $always | .lab
| (.requirements[] | select(.id == "kept") | .hints) += ($always | map(. + {always: true}))
