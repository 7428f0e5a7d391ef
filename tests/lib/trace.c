/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "shared.h"

#include "apart.h"
#include "narration.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* A stage whose parent and container are stopped right after clone(2), before
 * the container's first instruction. See ptrace(2). */
struct traced {
    pid_t parent, container;
    int out, err;
};

/* Signals that a process gets for an error of its own. */
static bool is_crash(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGILL ||
           number == SIGFPE || number == SIGABRT;
}

/* Returns the wait status of the next change of a traced process. Fails the
 * test if it crashes: it would be stopped there again and again. */
static int wait_for(pid_t pid)
{
    int status;
    pid_t got = waitpid(pid, &status, __WALL);

    if (why_stopped())
        fail_msg("process %d, followed call by call: %s", pid, why_stopped());
    if (got != pid)
        fail_msg("process %d did not go on: %s", pid, strerror(errno));
    if (WIFSTOPPED(status) && is_crash(WSTOPSIG(status)))
        fail_msg("process %d of the stage crashed: %s", pid,
                 strsignal(WSTOPSIG(status)));
    return status;
}

static bool is_event(int status, int event)
{
    return WIFSTOPPED(status) && status >> 8 == (SIGTRAP | event << 8);
}

static _Noreturn void be_traced(char *const args[], int out, int err)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(null, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
        dup2(err, STDERR_FILENO) == -1 ||
        ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
        _exit(99);
    execv(args[0], args);
    _exit(99);
}

/* Lets PARENT go on until it has made a child, which is stopped. Returns 0 for
 * one that is no container: stage 7 executes nft(8). */
static pid_t next_child(pid_t parent)
{
    unsigned long child;
    int status;

    do {
        assert_return_code(ptrace(PTRACE_CONT, parent, 0, 0), errno);
        status = wait_for(parent);
        assert_true(WIFSTOPPED(status));
    } while (!is_event(status, PTRACE_EVENT_FORK) &&
             !is_event(status, PTRACE_EVENT_CLONE));
    assert_return_code(ptrace(PTRACE_GETEVENTMSG, parent, 0, &child), errno);
    assert_true(WIFSTOPPED(wait_for((pid_t)child)));
    if (!has(NEW_PIDS) || strcmp(namespace_of((pid_t)child, "pid"),
                                 namespace_of(parent, "pid")) != 0)
        return (pid_t)child;
    ptrace(PTRACE_DETACH, child, 0, 0);
    return 0;
}

static struct traced start_traced(char *const args[])
{
    const long wanted = PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE |
                        PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL |
                        PTRACE_O_TRACESYSGOOD;
    char **command = join(WORDS(stage_program()), args);
    int out[2], err[2];

    assert_return_code(pipe2(out, O_CLOEXEC), errno);
    assert_return_code(pipe2(err, O_CLOEXEC), errno);
    struct traced traced = {.parent = fork(), .out = out[0], .err = err[0]};
    if (traced.parent == 0)
        be_traced(command, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    assert_true(WIFSTOPPED(wait_for(traced.parent)));
    assert_return_code(ptrace(PTRACE_SETOPTIONS, traced.parent, 0, wanted),
                       errno);
    while (!(traced.container = next_child(traced.parent)))
        ;
    return traced;
}

/* All that is in the pipe; whoever could write more has ended. */
static char *rest_of(int fd)
{
    char text[65536];
    ssize_t n = 0, used = 0;

    while ((n = read(fd, text + used, sizeof(text) - 1 - (size_t)used)) > 0)
        used += n;
    text[used] = '\0';
    close(fd);
    return format("%s", text);
}

/* The parent stands still right after clone(2), so the container runs until
 * it has to wait. Had it narrated until then, its lines would come first. */
void clone_comes_first_even_when_the_container_is_faster(void **state)
{
    struct traced traced = start_traced(WORDS("-V", "true"));
    char early[65536] = "";

    (void)state;
    ptrace(PTRACE_DETACH, traced.container, 0, 0);
    wait_until(is_blocked, &traced.container, "the container waits");
    struct pollfd fd = {.fd = traced.err, .events = POLLIN};
    if (poll(&fd, 1, 0) != 0 &&
        (!has(NEW_NETWORK) || read(traced.err, early, sizeof(early) - 1) == -1))
        fail_msg("%s", "the container narrates before its parent does");
    assert_lacks(early, "[container ");
    ptrace(PTRACE_DETACH, traced.parent, 0, 0);
    assert_int_equal(wait_for(traced.parent), 0);
    char *text = format("%s%s", early, rest_of(traced.err));
    assert_non_null(clone_line(lines_of(format("%s", text))));
    char *first = strstr(text, "[container ");
    if (!first)
        fail_msg("the container narrates nothing:\n%s", text);
    assert_contains(lines_of(first)[1], "]   prctl(");
    assert_text(rest_of(traced.out), "");
}

/* The parent is dead. Continues the container, which must end before it has
 * become COMMAND. */
static void expect_end(const struct traced *traced, int step)
{
    for (bool ended = false; !ended;) {
        ptrace(PTRACE_CONT, traced->container, 0, 0);
        int status = wait_for(traced->container);
        ended = !WIFSTOPPED(status);
        if (is_event(status, PTRACE_EVENT_EXEC))
            fail_msg("the parent was killed before call %d of the container, "
                     "and COMMAND runs",
                     step);
    }
    assert_text(rest_of(traced->out), "");
    close(traced->err);
}

static bool is_stopped_or_blocked(const void *pid)
{
    char *text = status_of(*(const pid_t *)pid, "State");

    return text && strchr("tSZ", text[0]);
}

/* Lets the container go on until it is about to make its STEPth system call.
 * Returns false if before that it has become COMMAND or, not RELEASED, waits
 * for its parent. */
static bool go_to_call(pid_t container, int step, bool released)
{
    for (int i = 0; i < 2 * step - 1; i++) { /* entry, exit, entry, ... */
        ptrace(PTRACE_SYSCALL, container, 0, 0);
        if (!released) {
            wait_until(is_stopped_or_blocked, &container, "the call is made");
            if (is_blocked(&container))
                return false;
        }
        int status = wait_for(container);
        assert_true(WIFSTOPPED(status));
        if (is_event(status, PTRACE_EVENT_EXEC))
            return false;
    }
    return true;
}

/* Kills the parent when the container is about to make its STEPth system call:
 * a parent that has not come further than clone(2), or one that has RELEASED
 * the container. Returns false if there is no such call. */
static bool kill_parent_at(int step, bool released)
{
    struct traced traced = start_traced(WORDS("-q", "echo", "run"));

    if (released) {
        ptrace(PTRACE_DETACH, traced.parent, 0, 0);
        wait_until(is_blocked, &traced.parent, "the parent waits");
    }
    bool set_up = go_to_call(traced.container, step, released);
    kill(traced.parent, SIGKILL);
    wait_for(traced.parent);
    if (set_up) {
        expect_end(&traced, step);
    } else {
        kill(traced.container, SIGKILL);
        wait_for(traced.container);
        close(traced.out);
        close(traced.err);
    }
    return set_up;
}

/* Kills the parent before the container's first instruction, first call, second
 * call, ... up to its execve(2). Another container keeps the bridge of stage 7,
 * which would be removed and made again each time. */
void container_never_runs_on_without_its_parent(void **state)
{
    char *before = host_state();
    struct live other = start(READY("read line"));
    int step = 0;

    (void)state;
    while (kill_parent_at(step, false))
        step++;
    assert_true(step > 1); /* prctl, close, read */
    for (step = 0; kill_parent_at(step, true);)
        step++;
    assert_true(step > 4); /* prctl, close, read, close, ..., execve */
    assert_status(finish(&other), 1); /* read met the end of its input */
    mend_host();
    assert_host_unchanged(before);
}
