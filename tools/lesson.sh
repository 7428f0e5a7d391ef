# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# The commands of a lesson, for the scripts that type them and source this file:
# tests/verbs/lessons.sh and tools/demo/demo.sh. $work is a copy of the tree.

# Files in $work/.lesson for command NNN: NNN.command; NNN.shown, its output;
# NNN.block, the number of its block; NNN.beside and NNN.edit, a line
# for each comment <!-- beside: ... --> or <!-- edit: ... --> above the block.
extract() {
    rm -rf "$work/.lesson"
    mkdir "$work/.lesson"
    awk -v to="$work/.lesson" '
        function comment() { sub(/^<!-- [a-z]*: /, ""); sub(/ -->$/, ""); return $0 "\n" }
        /^<!-- beside: / { beside = beside comment() }
        /^<!-- edit: / { edit = edit comment() }
        /^```console/ { inside = 1; block++; next }
        /^```/ && inside { inside = 0; beside = edit = ""; next }
        !inside { next }
        /^\$ / {
            file = sprintf("%s/%03d", to, ++n)
            print substr($0, 3) >(file ".command")
            print block >(file ".block")
            printf "%s", beside >(file ".beside")
            printf "%s", edit >(file ".edit")
            printf "" >(file ".shown")
            more = 1
            next
        }
        /^> / && more { print substr($0, 3) >(file ".command"); next }
        n { more = 0; print >(file ".shown") }' "$1"
}

left_out() {
    case $(cat "$1" "${1%.command}.shown") in
    strace*) return 0 ;;
    *mqueue* | *"--hostname web"*) [ ! -d /dev/mqueue ] ;;
    *) return 1 ;;
    esac
}

# Numbers and addresses become N, blanks one blank, the path of the copy /copy, the
# name of this host that of the lessons, vm.
normalize() {
    sed -e "s/\\<$(cat /proc/sys/kernel/hostname)\\>/vm/g" -e '/^Killed/d' -e '/^  \(CC\|LINK\)  /d' -e '/^rootfs: built/d' -e 's/sudo //g' \
        -e "s|$work|/copy|g" -e "s|/${work##*/}/|/copy/|g" -e 's|/home/student/containers|/copy|g' \
        -e 's/0x[0-9a-f]*/N/g' -e 's/[0-9][0-9]*/N/g' \
        -e 's/[[:space:]][[:space:]]*/ /g' -e 's/^ //' -e 's/ $//' \
        -e 's,pts/N,?,' -e 's/ ? \([SR]s*\)+ / ? \1 /'
}
