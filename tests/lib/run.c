/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "run.h"

#include "apart.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_LIVE = 64, MOST_OUTPUT = 1 << 20 };

static struct live alive[MOST_LIVE]; /* started by the current test */
static size_t alive_count;

static int shell_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct pipes {
    int in[2], out[2], err[2];
};

static void open_pipes(struct pipes *pipes)
{
    assert_return_code(pipe2(pipes->in, O_CLOEXEC), errno);
    assert_return_code(pipe2(pipes->out, O_CLOEXEC), errno);
    assert_return_code(pipe2(pipes->err, O_CLOEXEC), errno);
}

/* A submission runs as root beside the test that judges it. Without these
 * rights, it can neither read nor change the test's memory, nor the machine's.
 * ARGS: of the submission, or of a program that executes it. */
static void drop_rights(char *const args[])
{
    static const int rights[] = {CAP_SYS_PTRACE, CAP_SYS_RAWIO, CAP_SYS_MODULE,
                                 CAP_SYS_BOOT};

    bool submission = false;

    for (; graded() && *args; args++)
        submission = submission || strstr(*args, stage_program());
    for (size_t i = 0; submission && i < COUNT(rights); i++)
        if (prctl(PR_CAPBSET_DROP, rights[i], 0, 0, 0) == -1)
            _exit(99);
    unsetenv("GRADED");
}

/* In the child: ends in execve(2) or in status 99. */
static _Noreturn void become(const struct pipes *pipes, bool input,
                             char *const args[], void (*prepare)(void *),
                             void *argument)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(input ? pipes->in[0] : null, STDIN_FILENO) == -1 ||
        dup2(pipes->out[1], STDOUT_FILENO) == -1 ||
        dup2(pipes->err[1], STDERR_FILENO) == -1)
        _exit(99);
    signal(SIGPIPE, SIG_DFL);
    drop_rights(args);
    if (prepare)
        prepare(argument);
    execvp(args[0], args);
    dprintf(STDERR_FILENO, "harness: %s: %s\n", args[0], strerror(errno));
    _exit(99);
}

/* Appends what can be read now. Returns false at the end of file. */
static bool append(int fd, char **text, size_t *used)
{
    *text = realloc(*text, *used + (1 << 16) + 1);
    assert_non_null(*text);
    ssize_t n = read(fd, *text + *used, 1 << 16);
    if (n > 0)
        *used += (size_t)n;
    (*text)[*used] = '\0';
    return n > 0;
}

/* Writes what the pipe takes; closes it after the last byte. */
static void feed(struct pollfd *fd, const char **input, size_t *left)
{
    ssize_t n = write(fd->fd, *input, *left > 4096 ? 4096 : *left);

    *left -= n > 0 ? (size_t)n : *left;
    *input += n > 0 ? n : 0;
    if (*left == 0) {
        close(fd->fd);
        fd->fd = -1;
    }
}

/* Fails the test if NAME runs too long or prints too much. */
static void bound(pid_t pid, const char *name, long long deadline,
                  const struct result *result)
{
    const char *why = why_stopped();

    if (!why && now_ms() > deadline)
        why = format("not ended after %d s", patience);
    if (!why && (strlen(result->out) > MOST_OUTPUT ||
                 strlen(result->err) > MOST_OUTPUT))
        why = "prints more than a megabyte, so it was killed";
    if (!why)
        return;
    kill(pid, SIGKILL);
    fail_msg("%s: %s\nstdout: %.2000s\nstderr: %.2000s", name, why, result->out,
             result->err);
}

/* The descriptors for poll(2) while a program runs. */
enum { OUT, ERR, IN, END, EVENTS };

/* Reads what is there; a pipe at its end is not asked any more. */
static void read_output(struct pollfd fds[], struct result *result,
                        size_t used[])
{
    char **texts[] = {&result->out, &result->err};

    for (int i = OUT; i <= ERR; i++)
        if (fds[i].revents && !append(fds[i].fd, texts[i], &used[i]))
            fds[i].fd = -1;
}

/* Feeds INPUT, collects output, ends when PID has ended. An orphan of the
 * container may keep the pipes open: its output is not waited for. */
static struct result collect(pid_t pid, struct pipes *pipes, const char *input,
                             const char *name)
{
    struct result result = {.out = calloc(1, 1), .err = calloc(1, 1)};
    size_t used[2] = {0, 0}, left = input ? strlen(input) : 0;
    long long deadline = wait_deadline();
    int ready, status = 0, end = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd fds[EVENTS] = {
        [OUT] = {.fd = pipes->out[0], .events = POLLIN},
        [ERR] = {.fd = pipes->err[0], .events = POLLIN},
        [IN] = {.fd = left ? pipes->in[1] : -1, .events = POLLOUT},
        [END] = {.fd = end, .events = POLLIN}};
    bool ended = false;

    if (!left)
        close(pipes->in[1]);
    do {
        if (!ended && waitpid(pid, &status, WNOHANG) == pid) {
            ended = true;
            fds[END].fd = -1;
        }
        ready = poll(fds, EVENTS, ended ? 0 : 100);
        if (ready > 0)
            read_output(fds, &result, used);
        if (ready > 0 && fds[IN].revents)
            feed(&fds[IN], &input, &left);
        bound(pid, name, deadline, &result);
    } while (!ended ||
             (ready != 0 && (fds[OUT].fd != -1 || fds[ERR].fd != -1)));
    if (fds[IN].fd != -1)
        close(pipes->in[1]);
    close(pipes->out[0]);
    close(pipes->err[0]);
    close(end);
    result.status = shell_status(status);
    return result;
}

struct result run_prepared(const char *input, char *const args[],
                           void (*prepare)(void *), void *argument)
{
    struct pipes pipes;

    open_pipes(&pipes);
    pid_t pid = fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0)
        become(&pipes, input != NULL, args, prepare, argument);
    close(pipes.in[0]);
    close(pipes.out[1]);
    close(pipes.err[1]);
    return collect(pid, &pipes, input, args[0]);
}

struct result run_program(const char *input, char *const args[])
{
    return run_prepared(input, args, NULL, NULL);
}

char *stage_program(void)
{
    return built(format("stage%02d", stage));
}

char **stage_command(char *const args[])
{
    return join(WORDS(stage_program()), args);
}

struct result run_with(const char *input, char *const args[])
{
    return run_program(input, stage_command(args));
}

struct result run_file(const char *file, char *const arguments[])
{
    char *inside = format("/tmp/%s", strrchr(file, '/') + 1);

    if (!has(NEW_ROOT))
        return run_with(NULL, join(WORDS("-q", (char *)file), arguments));
    return run_with(NULL, join(WORDS("-q", "-v", format("%s:%s", file, inside),
                                     "--", inside),
                               arguments));
}

char *on_host(const char *script)
{
    struct result result = run_program(NULL, WORDS("sh", "-c", (char *)script));

    assert_status(result, 0);
    return result.out;
}

char *inside(const char *script)
{
    struct result result = run_quiet("sh", "-c", (char *)script);

    assert_status(result, 0);
    return result.out;
}

/* --- running containers --------------------------------------------------- */

/* Reads a line without its newline, one byte at a time: what follows it stays
 * in the pipe. Returns false at the end of file and after the time limit. */
static bool read_line(int fd, char *line, size_t size)
{
    long long deadline = wait_deadline();
    size_t used = 0;

    for (line[0] = '\0'; used < size - 1; line[++used] = '\0') {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        long long left = deadline - now_ms();
        if (left < 0 || poll(&poll_fd, 1, (int)left) <= 0 ||
            read(fd, line + used, 1) != 1)
            return false;
        if (line[used] == '\n')
            break;
    }
    line[used] = '\0';
    return true;
}

/* Returns the text that can be read from a pipe at once, or its beginning. */
static char *what_is_in(int fd)
{
    char text[2048];

    fcntl(fd, F_SETFL, O_NONBLOCK);
    ssize_t n = read(fd, text, sizeof(text));
    return format("%.*s", n > 0 ? (int)n : 0, text);
}

char *next_line(const struct live *live)
{
    char line[4096];

    if (!read_line(live->out, line, sizeof(line)))
        fail_msg("no further line of COMMAND, only '%s': %s", line,
                 why_stopped() ? why_stopped() : "it has ended, or waits");
    return format("%s", line);
}

/* Says how PID ended, which was expected to go on. */
static const char *how_it_is(pid_t pid)
{
    siginfo_t info = {0};

    if (why_stopped())
        return why_stopped();
    for (int ms = 0; ms < ABANDONED_MS && info.si_pid == 0; ms += 5) {
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
        if (info.si_pid == 0)
            poll(NULL, 0, 5);
    }
    if (info.si_pid == 0)
        return "although the stage goes on";
    if (info.si_code == CLD_EXITED)
        return format("the stage ended with %s", status_text(info.si_status));
    return format("the stage was killed by signal %d (%s)", info.si_status,
                  strsignal(info.si_status));
}

struct live start_with(char *const args[])
{
    char **command = stage_command(join(WORDS("--quiet"), args));
    struct pipes pipes;
    struct live live;
    char line[64] = "";

    open_pipes(&pipes);
    live.parent = fork();
    assert_int_not_equal(live.parent, -1);
    if (live.parent == 0)
        become(&pipes, true, command, NULL, NULL);
    close(pipes.in[0]);
    close(pipes.out[1]);
    close(pipes.err[1]);
    live.in = pipes.in[1];
    live.out = pipes.out[0];
    live.err = pipes.err[0];
    live.container = 0;
    assert_true(alive_count < MOST_LIVE);
    alive[alive_count++] = live;

    if (!read_line(live.out, line, sizeof(line)))
        fail_msg("%s: COMMAND does not get ready, %s\nstderr: %s", command[0],
                 how_it_is(live.parent), what_is_in(live.err));
    if (strncmp(line, "ready", 5) != 0)
        fail_msg("%s: printed '%s', not 'ready'", command[0], line);
    pid_t *children = children_of(live.parent);
    if (!children[0] || children[1])
        fail_msg("%s: expected one child while COMMAND runs, found %s",
                 command[0], children[0] ? "more" : "none");
    live.container = children[0];
    alive[alive_count - 1] = live;
    return live;
}

struct result finish(struct live *live)
{
    struct pipes pipes = {{-1, live->in}, {live->out, -1}, {live->err, -1}};
    struct result result =
        collect(live->parent, &pipes, NULL, "a started container");

    for (size_t i = 0; i < alive_count; i++)
        if (alive[i].parent == live->parent)
            alive[i] = alive[--alive_count];
    return result;
}

/* Ends a container that the test left. Its parent is given the time to remove
 * what outlives it: its cgroup and the bridge. */
static void end_live(const struct live *live)
{
    long long deadline = now_ms() + 5000;

    if (live->container) {
        kill(live->container, SIGKILL);
        while (exists(live->parent) && now_ms() < deadline)
            poll(NULL, 0, 5);
    }
    kill(live->parent, SIGKILL);
    waitpid(live->parent, NULL, 0);
    close(live->in);
    close(live->out);
    close(live->err);
}

void end_containers(void)
{
    while (alive_count > 0)
        end_live(&alive[--alive_count]);
}

bool is_sleep(const void *pid)
{
    char *name = status_of(*(const pid_t *)pid, "Name");
    char *handled = status_of(*(const pid_t *)pid, "SigCgt");

    return name && handled && strcmp(name, "sleep") == 0 &&
           strtoull(handled, NULL, 16) == 0;
}

struct live start_sleep_with(char *const words[])
{
    struct live live = start_with(
        join(words, WORDS("sh", "-c", "echo ready; exec sleep 1000")));

    wait_until(is_sleep, &live.container, "the container sleeps");
    return live;
}

struct live start_sleep(void)
{
    return start_sleep_with(WORDS(NULL));
}

void keep_the_bridge(void)
{
    if (has(NEW_NETWORK))
        start(READY("read line"));
}

void become_nobody(void *unused)
{
    (void)unused;
    if (setgroups(0, NULL) == -1 || setgid(NOBODY) == -1 ||
        setuid(NOBODY) == -1)
        _exit(98);
}

void leave_directory_open(void *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY);

    if (fd == -1 || dup2(fd, 9) == -1 || dup2(fd, 4) == -1 ||
        (fd != 9 && fd != 4 && close(fd) == -1))
        _exit(98);
}

void set_umask(void *mask)
{
    umask(*(mode_t *)mask);
}
