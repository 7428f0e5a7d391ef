#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Demonstrates lesson N in tmux: tools/demo/demo.sh N
#
# The upper pane is the first terminal of the lesson, the middle one the second.
# The lowest shows the next command; Enter types it. The commands are those
# of the lesson, in a copy of the tree that is removed at the end.
#
#     AUTO=1      play it alone, without a terminal, and compare the output
#     CAST=FILE   record an asciicast (needs asciinema)
#     PACE=2      with AUTO: seconds between two steps; default 0, with CAST 2
#
# A pane tells tmux that a command has ended (tmux wait-for), so nothing sleeps
# for a fixed time or looks for a prompt. For a container that keeps running,
# build/look tells when COMMAND has started.
set -u
cd "$(dirname "$0")/../.." || exit 1

fail() {
    printf '%s\n  hint: %s\n' "$1" "$2" >&2
    exit 1
}

# --- the steps ------------------------------------------------------------------

. tools/lesson.sh

# A step N has the files NNN.* of tools/lesson.sh. steps: those that can be typed.
find_steps() {
    extract "$readme"
    steps=()
    for file in "$work"/.lesson/*.command; do
        left_out "$file" || steps+=("${file%.command}")
    done
}

# Prints the command to type: without sudo for root; P= gets the PID of the container.
words_of() {
    if [ "$(id -u)" -eq 0 ]; then
        sed 's/sudo //g' "$1.command"
    else
        cat "$1.command"
    fi | sed "s/^P=[0-9]*\$/P=${P:-}/"
}

# --- the panes ------------------------------------------------------------------

tmux() {
    command tmux -S "$work/.tmux" -f /dev/null "$@"
}

# The pane "left" (first terminal), "right" (second terminal) or "extra".
pane() {
    tmux show-options -gqv "@$1"
}

# At its next prompt, the shell of pane $1 will tell tmux so, once.
expect_prompt() {
    signals=$((signals + 1))
    echo "$1-$$-$signals" >"$work/.$1.signal"
}

wait_for_prompt() {
    tmux wait-for "$1-$$-$signals"
}
signals=0

# Starts the shell of pane $1. The shell prints invisible marks before and after
# the output of each command; printed_in finds them in the log of the pane.
open_pane() {
    local signal=$work/.$1.signal

    cat >"$work/.$1.prompt" <<-END
	printf '\e]7777;end\a'
	if [ -e '$signal' ]; then
	    command tmux -S '$work/.tmux' wait-for -S \$(cat '$signal'; rm '$signal')
	fi
	END
    : >"$work/.$1.log"
    expect_prompt "$1"
    tmux respawn-pane -k -t "$(pane "$1")" -c "$work" -e 'PS1=$ ' \
        -e PS0=$'\e]7777;start\a' -e "PROMPT_COMMAND=. '$work/.$1.prompt'" \
        bash --norc --noprofile
    tmux pipe-pane -t "$(pane "$1")" "cat >>'$work/.$1.log'"
    wait_for_prompt "$1"
}

open_panes() {
    open_pane left
    open_pane right
    running=
    P=
    block=
}

# type_into PANE TEXT [WORD]: types TEXT, and waits until it has ended unless WORD
# is given.
# Meanwhile PANE has the keyboard focus, if sudo may ask there for a password.
type_into() {
    [ -z "$sudo" ] || tmux select-pane -t "$(pane "$1")"
    : >"$work/.$1.log"
    [ -n "${3:-}" ] || expect_prompt "$1"
    while IFS= read -r line; do
        tmux send-keys -t "$(pane "$1")" -l "$line"
        tmux send-keys -t "$(pane "$1")" Enter
    done <<<"$2"
    [ -n "${3:-}" ] || wait_for_prompt "$1"
}

# Prints the output of the last command of pane $1. tmux writes the log later.
printed_in() {
    until grep -q $'7777;start.*' "$work/.$1.log" &&
        sed '1,/7777;start/d' "$work/.$1.log" | cat - <(grep '7777;start.*7777;end' "$work/.$1.log") |
        grep -q '7777;end'; do
        read -rt 0.02 <>"$work/.never" || :
    done
    tr -d '\r' <"$work/.$1.log" |
        awk -v RS='\033\\]7777;(start|end)\a' 'NR == 2' |
        sed -e '/^\[sudo\] /d' -e '$ { /^$/d }'
}

# Succeeds if process $1 descends from the shell of one of the panes.
is_ours() {
    local pid=$1 shells
    shells=" $(tmux list-panes -s -F '#{pane_pid}' | tr '\n' ' ')"
    while [ "${pid:-0}" -gt 1 ]; do
        [[ $shells != *" $pid "* ]] || return 0
        pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
    done
    return 1
}

# Prints the PID of the newest container of these panes in which COMMAND runs.
newest_container() {
    ${sudo}build/look | awk '
        /PID here  command$/ { first = 1; next }
        first && $3 !~ /(run|stage[0-9][0-9]|setpriv)$/ && $4 != "-c" { print $2 }
        { first = 0 }' | sort -rn | while read -r pid; do
        if is_ours "$pid"; then
            echo "$pid"
            break
        fi
    done
}

# --- one step -------------------------------------------------------------------

# Ends what runs beside the previous block, by closing its terminal.
end_beside() {
    [ -n "$running" ] || return 0
    [ -z "$(pane extra)" ] || tmux kill-pane -t "$(pane extra)"
    tmux set-option -gu @extra
    open_pane left
    running=
}

build_stage() {
    type_into left "make -s ${name/stage0/stage}" >/dev/null
}

# Before the first command of a block: its edit, and what runs beside it.
begin_block() {
    new_block=
    [ "$(cat "$1.block")" != "$block" ] || return 0
    new_block=yes
    block=$(cat "$1.block")
    end_beside
    if [ -e "$work/.source" ]; then
        mv "$work/.source" "$source"
        touch "$source"
        build_stage
    fi
    if [ -s "$1.edit" ]; then
        cp "$source" "$work/.source"
        sed -i -f "$1.edit" "$source"
        type_into left "diff .source ${source#"$work"/}"
        build_stage
    fi
    local where=left before
    if [ -n "${TMUX_PANE:-}" ] && [ -n "$sudo" ]; then
        tmux select-pane -t "$TMUX_PANE"
        sudo -v || exit # its ticket may have ended
    fi
    while IFS= read -r line; do
        before=$(newest_container)
        if [ $where = extra ]; then
            tmux set-option -g @extra \
                "$(tmux split-window -d -P -F '#{pane_id}' -t "$(pane left)")"
            open_pane extra
        fi
        type_into $where "$sudo$line" beside
        running=yes where=extra
        until P=$(newest_container) && [ -n "$P" ] && [ "$P" != "$before" ]; do
            read -rt 0.05 <>"$work/.never" || :
        done
    done <"$1.beside"
}

# Types step $1; 0 if it printed what the lesson shows.
do_step() {
    local pane=left
    begin_block "$1"
    [ ! -s "$1.beside" ] || pane=right
    # After a jump into a block, the line with P= has not been typed.
    if [ -n "$new_block" ] && [ $pane = right ] && ! grep -q '^P=' "$1.command"; then
        type_into right "P=$P"
    fi
    type_into $pane "$(words_of "$1")"
    printed_in $pane >"$work/.output"
    normalize <"$1.shown" >"$work/.expected"
    normalize <"$work/.output" >"$work/.got"
    diff "$work/.expected" "$work/.got" >"$work/.diff"
}

# --- the presenter --------------------------------------------------------------

# Shows step number $1 in the pane below.
announce() {
    tmux select-pane -t "$TMUX_PANE"
    clear
    if [ "$1" -ge ${#steps[@]} ]; then
        printf 'The end of %s.\n' "$readme"
    else
        printf '\e[1m%d of %d\e[0m  next: \e[1m%s\e[0m\n' $(($1 + 1)) ${#steps[@]} \
            "$(words_of "${steps[$1]}")"
        [ ! -s "${steps[$1]}.edit" ] ||
            printf 'This block edits %s first and shows the difference.\n' "$name.c"
    fi
    printf 'Enter next   b back   r redo   s skip   g go to   q quit '
}

# After a step that printed something else: asks until the demo goes on or quits.
recover() {
    while :; do
        tmux select-pane -t "$TMUX_PANE"
        clear
        printf '\e[1mDiffers from the lesson:\e[0m (< lesson, > here)\n'
        grep '^[<>]' "$work/.diff" | head -n 3
        printf 'r retry   o start over up to here   l show the recorded output   Enter go on   q quit '
        read -rsn 1 key || exit
        case $key in
        q)
            quit=yes
            return
            ;;
        r) do_step "${steps[$1]}" && return ;;
        o)
            open_panes
            for ((i = 0; i <= $1; i++)); do do_step "${steps[i]}" || :; done
            [ -s "$work/.diff" ] || return
            ;;
        l)
            clear
            printf '\e[1mRecorded, from the lesson:\e[0m\n'
            cat "${steps[$1]}.shown"
            read -rsn 1 || exit
            ;;
        '') return ;;
        esac
    done
}

present() {
    local at=0 key
    quit=
    trap '' INT # Ctrl-C belongs to the panes above
    open_panes
    while [ -z "$quit" ]; do
        announce $at
        read -rsn 1 key || return
        case $key in
        '') [ $at -ge ${#steps[@]} ] || { do_step "${steps[at]}" || recover $at; at=$((at + 1)); } ;;
        b) [ $at -eq 0 ] || at=$((at - 1)) ;;
        r) [ $at -eq 0 ] || do_step "${steps[at - 1]}" || recover $((at - 1)) ;;
        s) [ $at -ge ${#steps[@]} ] || at=$((at + 1)) ;;
        g)
            printf '\nstep: '
            read -r key
            [[ $key =~ ^[0-9]+$ ]] && [ "$key" -ge 1 ] && [ "$key" -le ${#steps[@]} ] &&
                at=$((key - 1))
            ;;
        q) return ;;
        esac
    done
}

play() {
    local failed=0
    open_panes
    for step in "${steps[@]}"; do
        if do_step "$step"; then
            echo "ok       $(head -n 1 "$step.command")"
        else
            failed=$((failed + 1))
            echo "DIFFERS  $(head -n 1 "$step.command")"
            sed 's/^/    /' "$work/.diff"
        fi
        [ "$pace" = 0 ] || read -rt "$pace" <>"$work/.never" || :
    done
    echo "$((${#steps[@]} - failed)) passed, $failed failed"
    [ $failed -eq 0 ] && [ ${#steps[@]} -gt 0 ]
}

# --- all ------------------------------------------------------------------------

set_names() {
    name=$(printf 'stage%02d' "$1")
    readme=$(echo "$name"-*/README.md)
    source=$work/$(echo "$name"-*/"$name.c")
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo='sudo '
}

if [ "${1:-}" = --present ]; then
    work=$3
    trap 'command tmux -S "$work/.tmux" detach-client 2>/dev/null' EXIT
    set_names "$2"
    find_steps
    if [ -n "$AUTO" ]; then
        pace=$PACE
        play
    else
        present
    fi
    exit
fi

command -v tmux >/dev/null || fail "tmux not found" "make setup demo$1"
[ -z "${CAST:-}" ] || command -v asciinema >/dev/null ||
    fail "CAST needs asciinema" "make setup demo$1"
if [ -z "${AUTO:-}" ]; then
    [ -t 0 ] || fail "not a terminal" "AUTO=1 make demo$1"
    read -r rows columns < <(stty size)
    [ "$columns" -ge 100 ] && [ "$rows" -ge 30 ] ||
        fail "this terminal has $columns columns and $rows rows; a demo needs 100 and 30" \
            "use a larger window or a smaller font"
fi

# Each terminal has its own ticket of sudo, the panes too.
if [ "$(id -u)" -ne 0 ] && [ -z "${AUTO:-}" ]; then
    sudo -v || exit 1
elif [ "$(id -u)" -ne 0 ] && ! setsid -w sudo -n true 2>/dev/null; then
    fail "AUTO=1 cannot type a password for sudo" "sudo make demo$1 AUTO=1"
fi

# A copy of the tree, locked while we live. The next demo removes what a killed
# one left, its panes included.
exec 8</tmp
flock 8
for old in /tmp/container-demo.??????; do
    [ -O "$old" ] && flock -n "$old" true || continue
    command tmux -S "$old/.tmux" kill-server 2>/dev/null
    rm -rf "$old"
done
work=$(mktemp -d /tmp/container-demo.XXXXXX) || exit 1
exec 9<"$work"
flock 9
exec 8<&-
# Ends the processes whose working directory is $1, the copy of the tree: what
# the panes started. A container may outlive its pane: lesson 1 shows how.
end_started() {
    for signal in TERM TERM TERM TERM TERM TERM TERM TERM KILL; do
        left=
        for process in /proc/[0-9]*; do
            [ "$(readlink "$process/cwd")" != "$1" ] || left="$left ${process#/proc/}"
        done
        [ -n "$left" ] || return 0
        # shellcheck disable=SC2086 # a word a process
        kill -$signal $left
        sleep 0.5
    done 2>/dev/null
}

leave() {
    command tmux -S "$work/.tmux" kill-server 2>/dev/null
    ${sudo}bash -c "$(declare -f end_started); end_started '$work'"
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
    xargs -0 cp --parents -t "$work" 2>/dev/null
mkdir "$work/build"
(cd build && cp -a common stage* earlier* libcommon.a escape look private tools "$work/build")
ln -s "stage$(printf %02d "$1")" "$work/build/run"
mkfifo "$work/.never"
set_names "$1"
find_steps
unset TMUX TMUX_PANE MAKEFLAGS MFLAGS MAKELEVEL
pace=${PACE:-${CAST:+2}}
pace=${pace:-0}

tmux new-session -d -x "${columns:-100}" -y "${rows:-30}" 'sleep infinity' 9<&-
tmux set-option -g status-left " $readme " \; set-option -g status-left-length 60 \; \
    set-option -g status-right '' \; set-option -g window-status-current-format '' \; \
    set-option -g pane-border-status top \; set-option -g pane-border-format ' #{@title} ' \; \
    set-option -g history-limit 5000
tmux set-option -g @left "$(tmux display-message -p '#{pane_id}')"
tmux set-option -g @right "$(tmux split-window -v -P -F '#{pane_id}' -t "$(pane left)" 'sleep infinity')"
tmux set-option -p -t "$(pane left)" @title 'first terminal'
tmux set-option -p -t "$(pane right)" @title 'second terminal'

if [ -n "${AUTO:-}" ] && [ -z "${CAST:-}" ]; then
    play
    exit
fi
steer=$(tmux split-window -f -l 5 -P -F '#{pane_id}' -t "$(pane left)" \
    -e AUTO="${AUTO:-}" -e PACE="$pace" "'$PWD/tools/demo/demo.sh' --present $1 '$work'")
tmux set-option -p -t "$steer" @title 'next'
tmux select-pane -t "$steer"
if [ -n "${CAST:-}" ]; then
    asciinema rec -q --overwrite ${AUTO:+--cols 100 --rows 30} \
        -c "tmux -S '$work/.tmux' attach" "$CAST" || fail "asciinema failed" "see above"
else
    # If we are killed, the client is ended, and with it the panes.
    setpriv --pdeathsig TERM tmux -S "$work/.tmux" attach \; \
        set-option -g exit-unattached on
fi
exit 0
