/* SPDX-License-Identifier: MIT
 *
 * A container on a terminal: prompt, keys, job control, and the terminal as it
 * was afterwards. The tests type what a user would type and wait for what the
 * user would see.
 *
 * What is started on the terminal is a shell that runs the stage and then says
 * "status is N", so that there is somebody to whom the terminal comes back.
 */
#define _GNU_SOURCE
#include "../lib/apart.h"
#include "../lib/isolation.h"

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
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 33, COLUMNS = 101 };

#define CONTROL(letter) ((char[]){(letter) - '@', '\0'})

/* The terminal of the current test. */
static struct terminal {
    int master;
    pid_t leader;         /* the shell that runs the stage */
    struct termios modes; /* before the stage was started */
    char text[1 << 16];   /* all that was printed so far */
    size_t used, seen;    /* what expect() has passed already */
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

/* From stage 5 on the root's /etc/profile sets the prompt, before that our
 * environment. */
static const char *prompt(void)
{
    return stage < 5 ? "in-container> " : "root@container:/# ";
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

/* Whether the terminal's foreground process group is led by a program. */
static bool is_foreground(const void *name)
{
    pid_t group = tcgetpgrp(terminal.master);
    char *program = group > 0 ? status_of(group, "Name") : NULL;

    return program && strcmp(program, name) == 0;
}

static pid_t wait_for_foreground(const char *name)
{
    wait_until(is_foreground, name, format("%s is in the foreground", name));
    return tcgetpgrp(terminal.master);
}

static bool is_sleep(const void *pid)
{
    char *name = status_of(*(const pid_t *)pid, "Name");

    return name && strcmp(name, "sleep") == 0;
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
    assert_lacks(terminal.text, "stage0");
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
    assert_int_not_equal(tcgetpgrp(terminal.master), sleeper);
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

/* --- the terminal afterwards ---------------------------------------------- */

static void terminal_comes_back_after_a_shell_killed_while_editing(void **state)
{
    struct termios editing;

    (void)state;
    start_shell();
    type("echo unfinish");
    expect("echo unfinish");
    assert_return_code(tcgetattr(terminal.master, &editing), errno);
    if (stage >= 5) /* BusyBox edits lines itself, not every host's sh does */
        assert_int_not_equal(editing.c_lflag, terminal.modes.c_lflag);
    assert_int_equal(tcgetpgrp(terminal.master), first_process());
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
    expect(format("status is %d\r\n", 128 + (stage < 3 ? SIGINT : SIGKILL)));
    assert_false(exists(container));
    assert_terminal_restored();
}

/* The terminal sends it to the parent and to the container. The parent is
 * stopped until COMMAND has handled it; one more from there would be seen. */
static void ctrl_c_arrives_once_in_a_command_with_handler(void **state)
{
    (void)state;
    on_terminal("sh", "-c",
                "n=0; trap 'n=$((n+1)); echo got $n' INT; trap 'end=1' USR1; "
                "sleep 1000 & echo asleep; while [ -z \"$end\" ]; do "
                "wait $!; done; kill $!; exit $n");
    expect("asleep");
    pid_t parent = children_of(terminal.leader)[0];
    kill(parent, SIGSTOP);
    wait_until(is_stopped, &parent, "the parent is stopped");
    type(CONTROL('C'));
    expect("got 1");
    kill(parent, SIGCONT);
    wait_until(has_no_signal, &parent, "the parent has taken its signal");
    kill(first_process(), SIGUSR1);
    expect("status is 1\r\n");
    assert_lacks(terminal.text, "got 2");
}

/* --- in the background ---------------------------------------------------- */

static void start_bash(void)
{
    open_terminal((char *const[]){"bash", "--norc", "--noprofile", "-i", NULL});
    expect("in-container> "); /* the prompt of bash, here */
}

/* Its shell would take the terminal: from inside a PID namespace all process
 * groups outside look alike. */
static void container_in_the_background_leaves_the_terminal_alone(void **state)
{
    (void)state;
    start_bash();
    type_line(format("'%s' -q &", stage_program()));
    type_line("wait; echo still$((1+1))");
    expect("still2");
    expect("in-container> ");
    assert_int_equal(tcgetpgrp(terminal.master), terminal.leader);
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
    expect(format("status is %d\r\n", 128 + (stage < 3 ? SIGTERM : SIGKILL)));
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

/* The keys reach the parent as well: it stops, so that its shell goes on. */
static void ctrl_z_gives_the_terminal_back_until_fg(void **state)
{
    (void)state;
    start_bash();
    type_line(format("'%s' -q sh -c 'echo as''leep; exec sleep 1000'",
                     stage_program()));
    expect("asleep\r\n");
    wait_for_foreground("sleep");
    type(CONTROL('Z'));
    expect("Stopped");
    expect("in-container> ");
    assert_int_equal(tcgetpgrp(terminal.master), terminal.leader);
    type_line("fg");
    wait_for_foreground("sleep");
    type(CONTROL('C'));
    type_line("echo status is $?");
    expect(format("status is %d\r\n", 128 + (stage < 3 ? SIGINT : SIGKILL)));
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
        INTERACTIVE(terminal_comes_back_after_a_shell_killed_while_editing),
        INTERACTIVE(terminal_modes_come_back_after_a_killed_program),
        INTERACTIVE(ctrl_c_ends_a_command_without_handler),
        INTERACTIVE(ctrl_c_arrives_once_in_a_command_with_handler),
        INTERACTIVE(container_in_the_background_leaves_the_terminal_alone),
        INTERACTIVE(container_goes_on_in_the_background),
        INTERACTIVE(the_reader_of_a_pipe_keeps_the_terminal),
        INTERACTIVE(ctrl_z_gives_the_terminal_back_until_fg),
    };

    return test_main(argc, argv, 5, "interactive", tests,
                     sizeof(tests) / sizeof(tests[0]));
}
