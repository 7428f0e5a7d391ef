# SPDX-License-Identifier: MIT
#
# The next hint alone: the first requirement that failed.

# A warning of the compiler comes last.
([.requirements[] | select(.result == "failed")] | (map(select(.id != "build")) + .)[0]) as $r
| if .points == null then .note // "not graded"
  elif $r == null then "nothing failed: \(.points)/\(.max)" + (if .note then ". \(.note)" else "" end)
  else $r.name,
      ($r.facts | to_entries | map("\(.key)=\(.value)")
          | if length > 0 then "  facts: " + join("  ") else empty end),
      (if $r.seen then ($r.seen | split("\n")) as $seen
          | "  seen:  " + ($seen[0:6] | join("\n         ")),
            (if $seen[6] then "         ... the sheet shows all: make grade\(.lab)" else empty end)
       else empty end),
      (if $r.hint then "  hint:  " + $r.hint else empty end),
      (if $r.read then "  read:  " + $r.read else empty end)
  end
