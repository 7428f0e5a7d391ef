# SPDX-License-Identifier: MIT
#
# Makes JUnit XML of a grade:
#     jq -r -f labs/platforms/junit.jq build/grade3.json
#
# Format: docs.gitlab.com, "Unit test reports"; junit-10.xsd of Jenkins' xUnit plugin.

# Replaces characters that XML 1.0 forbids by U+FFFD, and CR LF by LF.
def clean: explode | map(select(. != 13)
    | if (. < 32 and . != 9 and . != 10) or (. > 126 and . < 160)
          or . == 65534 or . == 65535 then 65533
      else . end) | implode;
def short($n): if length > $n
    then .[:$n] + "\n[\(length - $n) more characters]" else . end | clean;
# Nothing tested is no zero: there is no score then.
def scored: .points != null and .max > 0 and
    any(.requirements[]; .result == "passed" or .result == "failed");
def text: short(8000) | @html;
# An attribute in which newlines and tabs survive.
def attribute: short(400) | @html
    | split("\n") | join("&#10;") | split("\t") | join("&#9;");
def seconds: . // 0 | . * 1000 | round / 1000;
def element($name): "    <\($name) message=\"\(.message | attribute)\" type=\"\(.type
    | attribute)\">\(.body | text)</\($name)>";

def outcome:
    if .result == "cannot" then "skipped" elif .result == "not run" then "skipped"
    elif .result == "failed" then "failure" else null end;
def message:
    if .result == "cannot" then "this machine cannot test it"
    elif .result == "not run" then "not run: " + (.why // "no reason given")
    else .hint // (.seen // "" | split("\n")[0] // "failed") end;
def body:
    [(if .result == "failed" and (.hint | not) then empty else message end), (.facts // {} | to_entries | map("\(.key)=\(.value)") | join("  ")
         | select(. != "")),
     (.seen // empty | "seen: " + short(4000)),
     (.read // empty | "read: " + .)]
    | if . == [] then "failed" else join("\n") end;

# A report without a failure reads as a full score. So an error says that nothing
# was graded, or that the grading ended before a requirement was tested.
(if scored | not then .note // "not graded"
 elif .state == "grading" or any(.requirements[];
     .result == "not run" and (.why // "" | startswith("needs") | not))
 then .note // "the grading ended early" else null end) as $error
| [.requirements[] | outcome] as $outcomes
| ("lab\(.lab)" | attribute) as $class
| ([.requirements[].seconds] | add | seconds) as $time
| "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
  "<testsuites time=\"\($time)\">",
  "<testsuite name=\"\("lab \(.lab) \(.title)" | attribute)\" tests=\"\($outcomes
      | length + if $error then 1 else 0 end)\" failures=\"\([$outcomes[]
      | select(. == "failure")] | length)\" errors=\"\(if $error then 1 else 0 end
      )\" skipped=\"\([$outcomes[] | select(. == "skipped")] | length
      )\" time=\"\($time)\">",
  "  <properties>",
  ({points, max, version, note, file: .submission.file, sha256: .submission.sha256}
   | to_entries[] | select(.value != null)
   | "    <property name=\"\(.key)\" value=\"\(.value | tostring | attribute)\"/>"),
  "  </properties>",
  (.requirements[]
   | "  <testcase classname=\"\($class).\(.id | attribute)\" name=\"\(.name
         | attribute)\" time=\"\(.seconds | seconds)\">",
     (outcome as $outcome | select($outcome)
      | {message: message, type: .result, body: body} | element($outcome)),
     "  </testcase>"),
  ($error | select(.)
   | "  <testcase classname=\"\($class)\" name=\"the grading\" time=\"0\">",
     ({message: ., type: "grading", body: .} | element("error")),
     "  </testcase>"),
  "</testsuite>",
  "</testsuites>"
