/* SPDX-License-Identifier: MIT
 *
 * A container on a terminal: prompt, keys, job control, and afterwards the
 * terminal as it was before. The tests type what a user would type and wait for
 * what the user would see.
 *
 * On the terminal they start a shell that runs the stage and then says
 * "status is N", so that there is somebody to whom the terminal comes back.
 */
#define _GNU_SOURCE
#include "../lib/apart.h"
#include "../lib/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Wider than any command that is typed, with the path of the tree in it: if a
 * command fills the line exactly, bash echoes it differently. */
enum { ROWS = 33, COLUMNS = 301 };

#define CONTROL(letter) ((char[]){(letter) - '@', '\0'})

/* The terminal of the current test. */
static struct terminal {
    int master;
    pid_t leader;         /* the shell that runs the stage */
    struct termios modes; /* before the stage was started */
    char text[1 << 16];   /* all that was printed so far */
    size_t used, seen;    /* bytes in text; those that expect() has passed */
} terminal = {.master = -1};

/* --- typing and seeing ---------------------------------------------------- */

static void type(const char *keys)
{
    assert_int_equal(write(terminal.master, keys, strlen(keys)), strlen(keys));
}

static void type_line(const char *line)
{
    type(format("%s\n", line));
}

/* Waits until TEXT appears after what was expected before. */
static void expect(const char *text)
{
    time_t deadline = time(NULL) + patience + 1;
    struct terminal *t = &terminal;
    struct pollfd fd = {.fd = t->master, .events = POLLIN};
    char *found;

    while (!(found = strstr(t->text + t->seen, text))) {
        size_t room = sizeof(t->text) - t->used - 1;
        ssize_t n = 0;
        if (poll(&fd, 1, 100) > 0 &&
            (n = read(t->master, t->text + t->used, room)) <= 0)
            fail_msg("%s before '%s' came:\n%.2000s",
                     room ? "terminal closed" : "too much was printed", text,
                     t->text);
        t->used += (size_t)n;
        if (why_stopped() || time(NULL) > deadline)
            fail_msg("'%s' does not come after:\n%.2000s", text, t->text);
    }
    t->seen = (size_t)(found - t->text) + strlen(text);
}

/* The same for a process that prints very much: forgets what it has passed.
 * Reads slowly, as a terminal does. */
static void expect_after_flood(const char *text)
{
    struct terminal *t = &terminal;
    size_t kept = strlen(text);

    while (!strstr(t->text, text)) {
        if (t->used > kept) {
            memmove(t->text, t->text + t->used - kept, kept);
            t->used = kept;
        }
        poll(NULL, 0, 1);
        ssize_t n = read(t->master, t->text + t->used, 100);
        if (n <= 0 || why_stopped())
            fail_msg("'%s' does not come", text);
        t->used += (size_t)n;
        t->text[t->used] = '\0';
    }
}

/* From stage 5 on the root's /etc/profile sets the prompt, before that our
 * environment. */
static const char *prompt(void)
{
    return has(NEW_ROOT) ? "root@container:/# " : "in-container> ";
}

/* --- a stage on a terminal ------------------------------------------------ */

/* In the child. */
static _Noreturn void lead_session(char *const args[])
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("PS1", "in-container> ", 1);
    setenv("TERM", "vt100", 1);
    unsetenv("ENV");
    unsetenv("PROMPT_COMMAND");
    execvp(args[0], args);
    _exit(99);
}

static void open_terminal(char *const args[])
{
    struct winsize size = {.ws_row = ROWS, .ws_col = COLUMNS};
    struct terminal *t = &terminal;

    *t = (struct terminal){.master = -1};
    t->leader = forkpty(&t->master, NULL, NULL, &size);
    assert_int_not_equal(t->leader, -1);
    if (t->leader == 0)
        lead_session(args);
    assert_return_code(fcntl(t->master, F_SETFD, FD_CLOEXEC), errno);
    assert_return_code(tcgetattr(t->master, &t->modes), errno);
}

/* The leader survives Ctrl-C as an interactive shell would, and waits before
 * it ends the session. */
static void start_on_terminal(char *const args[])
{
    const char *script = "trap : INT QUIT; \"$0\" -q \"$@\"; "
                         "echo \"status is $?\"; read line";
    char *command[16] = {"sh", "-c", (char *)script, stage_program()};

    for (size_t i = 0; args[i]; i++)
        command[i + 4] = args[i];
    open_terminal(command);
}
#define on_terminal(...) start_on_terminal((char *const[]){__VA_ARGS__, NULL})

/* With the default COMMAND. */
static void start_shell(void)
{
    start_on_terminal((char *const[]){NULL});
    expect(prompt());
}

static int close_terminal(void **state)
{
    (void)state;
    if (terminal.master != -1)
        close(terminal.master);
    terminal.master = -1;
    return 0;
}

/* The first process of the container, by its PID on the host. */
static pid_t first_process(void)
{
    pid_t parent = children_of(terminal.leader)[0];

    assert_int_not_equal(parent, 0);
    pid_t container = children_of(parent)[0];
    assert_int_not_equal(container, 0);
    return container;
}

/* Field N of /proc/PID/stat: 6 is the session, 7 the terminal, 8 the process
 * group in the foreground of that. */
static int stat_field(pid_t pid, int n)
{
    const char *at = strrchr(contents(format("/proc/%d/stat", pid)), ')');

    for (assert_non_null(at); n > 2 && at; n--)
        at = strchr(at + 1, ' ');
    assert_non_null(at);
    return atoi(at);
}

/* The process group in the foreground of the container's own terminal. */
static pid_t foreground(void)
{
    return stat_field(first_process(), 8);
}

/* Returns whether a program of that name leads the foreground group. */
static bool is_foreground(const void *name)
{
    pid_t group = foreground();
    char *program = group > 0 ? status_of(group, "Name") : NULL;

    return program && strcmp(program, name) == 0;
}

static pid_t wait_for_foreground(const char *name)
{
    wait_until(is_foreground, name, format("%s is in the foreground", name));
    return foreground();
}

/* The container reads every key: the caller's terminal is raw. */
static bool is_raw(const void *unused)
{
    struct termios now;

    (void)unused;
    assert_return_code(tcgetattr(terminal.master, &now), errno);
    return !(now.c_lflag & (ICANON | ISIG | ECHO)) && !(now.c_oflag & OPOST);
}

static bool is_stopped(const void *pid)
{
    char *text = status_of(*(const pid_t *)pid, "State");

    return text && text[0] == 'T';
}

static bool is_running(const void *pid)
{
    char *text = status_of(*(const pid_t *)pid, "State");

    return text && (text[0] == 'S' || text[0] == 'R');
}

/* Fails where the terminal differs from what it was. */
static void assert_terminal_restored(void)
{
    struct termios now;

    assert_return_code(tcgetattr(terminal.master, &now), errno);
    assert_int_equal(now.c_iflag, terminal.modes.c_iflag);
    assert_int_equal(now.c_oflag, terminal.modes.c_oflag);
    assert_int_equal(now.c_cflag, terminal.modes.c_cflag);
    assert_int_equal(now.c_lflag, terminal.modes.c_lflag);
    assert_memory_equal(now.c_cc, terminal.modes.c_cc, sizeof(now.c_cc));
    assert_int_equal(tcgetpgrp(terminal.master), terminal.leader);
}

/* --- the shell ------------------------------------------------------------ */

static void shell_prompts_and_does_not_complain(void **state)
{
    (void)state;
    start_shell();
    type_line("echo answer$((40+2))");
    expect("answer42");
    expect(prompt());
    assert_lacks(terminal.text, "job control");
    assert_lacks(terminal.text, "access tty");
    assert_lacks(terminal.text, format("stage%02d: ", stage));
}

static void status_of_the_shell_is_returned(void **state)
{
    (void)state;
    start_shell();
    type_line("exit 7");
    expect("status is 7\r\n");
    assert_terminal_restored();
}

static void end_of_input_ends_the_shell(void **state)
{
    (void)state;
    start_shell();
    type(CONTROL('D'));
    expect("status is 0\r\n");
    assert_terminal_restored();
}

static void ctrl_c_interrupts_the_command_and_not_the_container(void **state)
{
    (void)state;
    start_shell();
    type_line("sleep 1000");
    pid_t sleeper = wait_for_foreground("sleep");
    type(CONTROL('C'));
    expect(prompt());
    assert_false(exists(sleeper));
    type_line("echo alive$((40+2))");
    expect("alive42");
    type_line("exit 3");
    expect("status is 3\r\n");
}

static void ctrl_c_at_the_prompt_gives_a_new_prompt(void **state)
{
    (void)state;
    start_shell();
    type("echo never");
    expect("echo never");
    type(CONTROL('C'));
    expect(prompt());
    type_line("echo alive$((40+2))");
    expect("alive42");
    assert_lacks(terminal.text, "\nnever");
}

static void ctrl_z_fg_and_bg_control_jobs(void **state)
{
    (void)state;
    start_shell();
    type_line("sleep 1000");
    pid_t sleeper = wait_for_foreground("sleep");
    type(CONTROL('Z'));
    expect(prompt());
    assert_true(is_stopped(&sleeper));
    type_line("jobs");
    expect("Stopped");
    expect(prompt());
    type_line("fg");
    assert_int_equal(wait_for_foreground("sleep"), sleeper);
    wait_until(is_running, &sleeper, "fg has continued the job");
    type(CONTROL('Z'));
    expect(prompt());
    wait_until(is_stopped, &sleeper, "Ctrl-Z has stopped it once more");
    type_line("bg");
    expect(prompt());
    wait_until(is_running, &sleeper, "bg has continued the job");
    assert_int_not_equal(foreground(), sleeper);
    type_line("kill %1; wait; exit 5");
    expect("status is 5\r\n");
    assert_false(exists(sleeper));
}

static void window_size_arrives(void **state)
{
    struct winsize larger = {.ws_row = 44, .ws_col = 132};

    (void)state;
    start_shell();
    type_line("stty size");
    expect(format("%d %d\r\n", ROWS, COLUMNS));
    assert_return_code(ioctl(terminal.master, TIOCSWINSZ, &larger), errno);
    type_line("stty size");
    expect("44 132\r\n");
}

static void tty_names_a_terminal_of_the_container(void **state)
{
    (void)state;
    start_shell();
    type_line("echo on $(tty) && test -c $(tty) && echo there$((1+1))");
    expect("on /dev/pts/");
    expect("there2");
    if (!has(NEW_ROOT))
        return;
    type_line("echo seen$((2+1)) >/dev/console");
    expect("seen3\r\n");
}

/* Through any descriptor of that terminal, root could put a keystroke into it
 * (TIOCSTI). */
static void no_descriptor_leads_to_the_callers_terminal(void **state)
{
    struct stat callers, ours;

    (void)state;
    start_shell();
    pid_t container = first_process();
    assert_return_code(stat(ptsname(terminal.master), &callers), errno);
    for (int fd = 0; fd <= 2; fd++) {
        char *path = format("/proc/%d/fd/%d", container, fd);
        assert_return_code(stat(path, &ours), errno);
        assert_true(S_ISCHR(ours.st_mode));
        assert_false(ours.st_dev == callers.st_dev &&
                     ours.st_ino == callers.st_ino);
    }
    assert_int_equal(stat_field(container, 6), container);
    type_line("echo mine$((1+1)) >/dev/tty");
    expect("mine2\r\n");
}

/* --- the terminal afterwards ---------------------------------------------- */

static void terminal_comes_back_after_a_shell_killed_while_editing(void **state)
{
    struct termios editing;

    (void)state;
    start_shell();
    type("echo unfinish");
    expect("echo unfinish");
    assert_return_code(tcgetattr(terminal.master, &editing), errno);
    /* BusyBox edits lines itself, not every host's sh does. */
    if (has(NEW_ROOT))
        assert_int_not_equal(editing.c_lflag, terminal.modes.c_lflag);
    kill(first_process(), SIGKILL);
    expect("status is 137\r\n");
    assert_terminal_restored();
}

static void terminal_modes_come_back_after_a_killed_program(void **state)
{
    struct termios changed;

    (void)state;
    on_terminal("sh", "-c", "stty raw -echo; echo is raw; exec sleep 1000");
    expect("is raw");
    assert_return_code(tcgetattr(terminal.master, &changed), errno);
    assert_int_not_equal(changed.c_lflag, terminal.modes.c_lflag);
    kill(first_process(), SIGKILL);
    expect("status is 137");
    assert_terminal_restored();
}

static void ctrl_c_ends_a_command_without_handler(void **state)
{
    (void)state;
    on_terminal("sh", "-c", "echo asleep; exec sleep 1000");
    expect("asleep");
    pid_t container = first_process();
    wait_until(is_sleep, &container, "the container sleeps");
    type(CONTROL('C'));
    expect(
        format("status is %d\r\n", 128 + (has(NEW_PIDS) ? SIGKILL : SIGINT)));
    assert_false(exists(container));
    assert_terminal_restored();
}

static void ctrl_c_arrives_once_in_a_command_with_handler(void **state)
{
    (void)state;
    on_terminal("sh", "-c",
                "n=0; trap 'n=$((n+1)); echo got $n' INT; "
                "trap 'kill $!; exit $n' USR1; "
                "sleep 1000 & echo asleep; while :; do wait $!; done");
    expect("asleep");
    wait_until(is_raw, NULL, "keys are the container's");
    type(CONTROL('C'));
    expect("got 1");
    kill(first_process(), SIGUSR1);
    expect("status is 1\r\n");
    assert_lacks(terminal.text, "got 2");
}

/* The parent receives the container's terminal late: COMMAND has ended, and so
 * has the mount namespace in which the terminal was opened. */
static void output_of_a_short_command_is_not_lost(void **state)
{
    const char *script = "strace -o /dev/null -e trace=recvmsg -e "
                         "inject=recvmsg:delay_enter=200000 \"$0\" -q echo "
                         "short; echo \"status is $?\"; read line";

    (void)state;
    open_terminal(
        (char *[]){"sh", "-c", (char *)script, built("stage03"), NULL});
    expect("short\r\n");
    expect("status is 0\r\n");
    assert_lacks(terminal.text, "stage");
}

static void check_end_by(int number, int status)
{
    on_terminal("sh", "-c", "echo asleep; exec sleep 1000");
    expect("asleep");
    pid_t container = first_process();
    wait_until(is_sleep, &container, "the container sleeps");
    wait_until(is_raw, NULL, "the terminal is raw");
    kill(children_of(terminal.leader)[0], number);
    expect(format("status is %d\r\n", has(NEW_PIDS) ? status : 128 + number));
    assert_false(exists(container));
    assert_terminal_restored();
}

static void terminal_modes_come_back_after_sigterm(void **state)
{
    (void)state;
    check_end_by(SIGTERM, 128 + SIGKILL);
}

static void terminal_modes_come_back_after_sighup(void **state)
{
    (void)state;
    check_end_by(SIGHUP, 128 + SIGKILL);
}

/* Each line of the parent begins in the first column. */
static void messages_end_lines_while_the_terminal_is_raw(void **state)
{
    (void)state;
    open_terminal((char *const[]){
        "sh", "-c",
        "\"$0\" sh -c 'trap \"\" USR1; echo as\"\"leep; read l'; read l",
        stage_program(), NULL});
    expect("asleep\r\n");
    wait_until(is_raw, NULL, "the terminal is raw");
    kill(children_of(terminal.leader)[0], SIGUSR1);
    expect("SIGUSR1) = 0\r\n");
}

/* The parent learns of the end before it has read what was printed. */
static void all_output_comes_before_the_end(void **state)
{
    (void)state;
    on_terminal("sh", "-c",
                "trap 'kill $!; seq 500; echo the last; exit 0' USR1; "
                "sleep 1000 & echo ready; while :; do wait $!; done");
    expect("ready\r\n");
    pid_t parent = children_of(terminal.leader)[0], container = first_process();
    kill(parent, SIGSTOP);
    wait_until(is_stopped, &parent, "the parent is stopped");
    kill(container, SIGUSR1);
    wait_until_gone(container);
    kill(parent, SIGCONT);
    expect("\r\n500\r\nthe last\r\nstatus is 0\r\n");
}

static void all_output_arrives_on_a_slow_terminal(void **state)
{
    (void)state;
    on_terminal("sh", "-c", "seq 8000; echo the last");
    expect_after_flood("\r\n8000\r\nthe last\r\nstatus is 0\r\n");
}

/* Without a PID namespace, that process survives COMMAND. */
static void
a_process_that_prints_for_ever_does_not_keep_the_terminal(void **state)
{
    (void)state;
    on_terminal("sh", "-c", "trap '' HUP; yes & exec sleep .1");
    expect_after_flood("status is 0\r\n");
    assert_terminal_restored();
}

/* The parent receives both ends of the container's terminal, or dies. With one
 * descriptor too few, there is room for the first of the two alone. */
static void without_a_descriptor_for_the_terminal_nothing_runs(void **state)
{
    (void)state;
    open_terminal(
        (char *const[]){"sh", "-c",
                        "cd \"$1\" && n=5 && until (ulimit -n $n && exec "
                        "\"$0\" -q true) 2>now; "
                        "do mv now last; n=$((n + 1)); done; cat last; read l",
                        built("stage01"), scratch(), NULL});
    expect("recvmsg the container's terminal: Too many open files\r\n");
}

/* --- in the background ---------------------------------------------------- */

static void start_bash(void)
{
    open_terminal((char *const[]){"bash", "--norc", "--noprofile", "-i", NULL});
    expect("in-container> "); /* the prompt of bash, here */
}

static bool shell_runs_sleep(const void *unused)
{
    pid_t group = tcgetpgrp(terminal.master);
    char *name = group > 0 ? status_of(group, "Name") : NULL;

    (void)unused;
    return name && strcmp(name, "sleep") == 0;
}

/* Nobody tells a running job that it is in the foreground now. */
static void container_in_the_background_gets_the_terminal_with_fg(void **state)
{
    (void)state;
    start_bash();
    type_line(format("'%s' -q sh -c 'echo rea''dy; read l; echo got $l' & "
                     "sleep 1000",
                     stage_program()));
    expect("ready\r\n");
    assert_false(is_raw(NULL)); /* it is in use by sleep(1) */
    /* Between fork and exec, bash's handler would take the signal. */
    wait_until(shell_runs_sleep, NULL, "sleep runs in the foreground");
    type(CONTROL('C'));
    expect("in-container> ");
    assert_int_equal(tcgetpgrp(terminal.master), terminal.leader);
    type_line("fg");
    wait_until(is_raw, NULL, "the container has the terminal");
    type_line("a line");
    expect("got a line\r\n");
    expect("in-container> ");
}

static void container_goes_on_in_the_background(void **state)
{
    (void)state;
    start_bash();
    type_line(format("'%s' -q sh -c 'echo as''leep; exec sleep 1000' &",
                     stage_program()));
    expect("asleep\r\n");
    type_line("echo still$((1+1))");
    expect("still2");
    type_line("kill %1; wait %1; echo status is $?");
    expect(
        format("status is %d\r\n", 128 + (has(NEW_PIDS) ? SIGKILL : SIGTERM)));
}

/* The reader may be a pager, which wants the keys. */
static void the_reader_of_a_pipe_keeps_the_terminal(void **state)
{
    (void)state;
    start_bash();
    type_line(format("'%s' -q sh -c 'echo as''leep; exec sleep 1000' | cat",
                     stage_program()));
    expect("asleep\r\n");
    pid_t stage_itself = children_of(terminal.leader)[0];
    assert_int_equal(tcgetpgrp(terminal.master), stage_itself);
    pid_t container = children_of(stage_itself)[0];
    wait_until(is_sleep, &container, "the container sleeps");
    type(CONTROL('C'));
    expect("in-container> ");
}

/* Standard output is a pipe: lines are passed on, and the end of input. */
static void lines_are_passed_on_beside_a_pipe(void **state)
{
    (void)state;
    start_bash();
    type_line(format("'%s' -q sh -c 'echo rea''dy; while read l; do echo got "
                     "$l; done; echo e''nd' | cat",
                     stage_program()));
    expect("ready\r\n");
    type_line("one");
    expect("got one\r\n");
    type("t");
    type(CONTROL('D'));
    type_line("wo");
    expect("got two\r\n");
    type(CONTROL('D'));
    expect("end\r\n");
    expect("in-container> ");
    const char *echo = strstr(terminal.text, "one\r\n");
    const char *answer = strstr(echo + 1, "one\r\n");
    assert_null(strstr(answer + 1, "one\r\n")); /* one echo, one answer */
}

static bool is_still(const void *pid)
{
    return is_stopped(pid) && is_stopped(children_of(*(const pid_t *)pid));
}

/* COMMAND has no job control: it stops with the parent, PID 1 or not. */
static void ctrl_z_gives_the_terminal_back_until_fg(void **state)
{
    (void)state;
    start_bash();
    type_line(format("'%s' -q sh -c 'echo as''leep; exec sleep 1000'",
                     stage_program()));
    expect("asleep\r\n");
    wait_for_foreground("sleep");
    wait_until(is_raw, NULL, "keys are the container's");
    pid_t parent = children_of(terminal.leader)[0];
    type(CONTROL('Z'));
    expect("Stopped");
    expect("in-container> ");
    assert_int_equal(tcgetpgrp(terminal.master), terminal.leader);
    wait_until(is_still, &parent, "parent and container are stopped");
    type_line("bg; echo a$((1+1))");
    expect("a2");
    expect("in-container> ");
    pid_t container = first_process();
    wait_until(is_running, &container, "the container goes on");
    type_line("fg");
    wait_until(is_raw, NULL, "keys are the container's again");
    /* Before stage 3, the parent would also read the keys after Ctrl-C. */
    if (!has(NEW_PIDS)) {
        type(CONTROL('C'));
        expect("in-container> ");
        type_line("echo status is $?");
    } else {
        type("\003echo status is $?\n");
    }
    expect(
        format("status is %d\r\n", 128 + (has(NEW_PIDS) ? SIGKILL : SIGINT)));
}

/* The shell that started the script has to see the script stop. */
static void ctrl_z_stops_a_script_that_runs_the_stage(void **state)
{
    (void)state;
    start_bash();
    type_line(format("sh -c '\"%s\" -q sh -c \"echo as\"\"leep; exec sleep "
                     "1000\"; echo script sees $?'",
                     stage_program()));
    expect("asleep\r\n");
    pid_t script = children_of(terminal.leader)[0];
    pid_t container = children_of(children_of(script)[0])[0];
    wait_until(is_sleep, &container, "the container sleeps");
    wait_until(is_raw, NULL, "keys are the container's");
    type(CONTROL('Z'));
    expect("Stopped");
    expect("in-container> ");
    type_line("fg");
    wait_until(is_raw, NULL, "keys are the container's again");
    type(CONTROL('C'));
    expect(format("sees %d\r\n", 128 + (has(NEW_PIDS) ? SIGKILL : SIGINT)));
}

/* Nobody could continue it: the kernel stops no orphaned process group. */
static void ctrl_z_without_a_shell_stops_nothing(void **state)
{
    (void)state;
    open_terminal((char *const[]){stage_program(), "-q", "sh", "-c",
                                  "echo asleep; read l; echo got $l; read l",
                                  NULL});
    expect("asleep\r\n");
    wait_until(is_raw, NULL, "keys are the container's");
    type(CONTROL('Z'));
    type_line("word");
    expect("got word\r\n");
}

#define INTERACTIVE(test) cmocka_unit_test_teardown(test, close_terminal)

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        INTERACTIVE(shell_prompts_and_does_not_complain),
        INTERACTIVE(status_of_the_shell_is_returned),
        INTERACTIVE(end_of_input_ends_the_shell),
        INTERACTIVE(ctrl_c_interrupts_the_command_and_not_the_container),
        INTERACTIVE(ctrl_c_at_the_prompt_gives_a_new_prompt),
        INTERACTIVE(ctrl_z_fg_and_bg_control_jobs),
        INTERACTIVE(window_size_arrives),
        INTERACTIVE(tty_names_a_terminal_of_the_container),
        INTERACTIVE(no_descriptor_leads_to_the_callers_terminal),
        INTERACTIVE(terminal_comes_back_after_a_shell_killed_while_editing),
        INTERACTIVE(terminal_modes_come_back_after_a_killed_program),
        INTERACTIVE(ctrl_c_ends_a_command_without_handler),
        INTERACTIVE(ctrl_c_arrives_once_in_a_command_with_handler),
        INTERACTIVE(output_of_a_short_command_is_not_lost),
        INTERACTIVE(container_in_the_background_gets_the_terminal_with_fg),
        INTERACTIVE(container_goes_on_in_the_background),
        INTERACTIVE(the_reader_of_a_pipe_keeps_the_terminal),
        INTERACTIVE(lines_are_passed_on_beside_a_pipe),
        INTERACTIVE(ctrl_z_gives_the_terminal_back_until_fg),
        INTERACTIVE(ctrl_z_stops_a_script_that_runs_the_stage),
        INTERACTIVE(ctrl_z_without_a_shell_stops_nothing),
        INTERACTIVE(terminal_modes_come_back_after_sigterm),
        INTERACTIVE(terminal_modes_come_back_after_sighup),
        INTERACTIVE(messages_end_lines_while_the_terminal_is_raw),
        INTERACTIVE(all_output_comes_before_the_end),
        INTERACTIVE(all_output_arrives_on_a_slow_terminal),
        INTERACTIVE(a_process_that_prints_for_ever_does_not_keep_the_terminal),
        INTERACTIVE(without_a_descriptor_for_the_terminal_nothing_runs),
    };

    return test_main(argc, argv, 5, "interactive", tests,
                     sizeof(tests) / sizeof(tests[0]));
}
