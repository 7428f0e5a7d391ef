# SPDX-License-Identifier: MIT
#
# Prints a test program's output for a learner: for each test its name in
# words, and for one that failed what was seen, what was expected and where to
# read. -v readme=FILE: the lesson of the stage.
#
# cmocka prints "[ RUN      ] NAME", then what the test prints, then
# "[       OK ] NAME" or "[  FAILED  ] NAME"; at the end it counts.

function words(name) {
    gsub(/_/, " ", name)
    return name
}

function indented(text,    count, lines, i) {
    count = split(text, lines, "\n")
    for (i = 1; i <= count; i++)
        if (lines[i] != "")
            print "        " lines[i]
}

# Prints the lines of ONE that OTHER does not have, at most twelve.
function only_in(one, other, title,    count, lines, others, has, i, shown) {
    split(other, others, "\n")
    for (i in others)
        has[others[i]] = 1
    count = split(one, lines, "\n")
    for (i = 1; i <= count; i++)
        if (!(lines[i] in has) && lines[i] != "" && shown++ < 12)
            indented((shown == 1 ? title : "          ") lines[i])
    return shown
}

# cmocka's "X != Y" and "X == Y": X is what was seen.
function comparison(text,    sign, at, seen, expected) {
    sub(/^\[  ERROR   \] --- /, "", text)
    sign = index(text, " != ") ? " != " : " == "
    at = index(text, sign)
    if (!at) {
        sub(/\n*$/, "", text)
        indented("expected to be true: " text)
        return
    }
    seen = substr(text, 1, at - 1)
    expected = substr(text, at + 4)
    gsub(/^"|"$/, "", seen)
    gsub(/^"|"$/, "", expected)
    if (sign == " == ") {
        if (seen ~ /\n/)
            indented("seen:     no change; a change was expected")
        else
            indented("seen:     " seen "\nexpected: anything else")
        return
    }
    if (seen !~ /\n/ && expected !~ /\n/) {
        indented("seen:     " seen "\nexpected: " expected)
        return
    }
    only_in(seen, expected, "seen:     ")
    only_in(expected, seen, "expected: ")
}

# Where the test stands: FILE:LINE.
function place(name,    command, line) {
    command = "grep -n 'void " name "(' tests/*/*.[ch] /dev/null 2>/dev/null"
    command | getline line
    close(command)
    if (line == "") { # a macro made the test
        command = "grep -nw " name " tests/*/*.[ch] /dev/null 2>/dev/null"
        command | getline line
        close(command)
        sub(/^[^:]*:[0-9]*/, "&:void", line)
    }
    sub(/:static.*|:void.*/, "", line)
    return line
}

# Prints the output of a failed test: our own messages, and cmocka's.
function explain(text,    count, parts, i, where) {
    gsub(/\[  ERROR   \] --- \[   LINE   \] --- [^\n]*\n?/, "", text)
    gsub(/\[   LINE   \] --- [^\n]*\n?/, "", text)
    count = split(text, parts, /\n\[  ERROR   \] --- /)
    sub(/^ERROR: /, "", parts[1])
    gsub(/\nERROR: /, "\n", parts[1])
    while (sub(/\n(stdout|stderr): *(\n|$)/, "\n", parts[1]))
        ;
    if (parts[1] ~ /^\[  ERROR   \] --- /)
        comparison(parts[1])
    else
        indented(parts[1])
    for (i = 2; i <= count; i++)
        comparison(parts[i])
    where = place(name)
    indented("read:     " readme (readme && where ? "; " : "") where)
}

/^\[ RUN      \] / { name = $4; text = ""; inside = 1; next }
/^\[       OK \] / && inside {
    print "ok      " words(name)
    indented(text)
    inside = 0
    next
}
/^\[  FAILED  \] / && inside {
    print "FAILED  " words(name)
    explain(text)
    inside = 0
    next
}
inside { text = text (text == "" ? "" : "\n") $0; next }
/^\[(==========|  PASSED  |  FAILED  )\]/ || /^ *[0-9]* FAILED TEST/ || /^$/ { next }
{ print }
END {
    if (inside) {
        print "FAILED  " words(name)
        indented(text)
        indented("the test program ended here")
    }
}
