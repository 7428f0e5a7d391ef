/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "container.h"

#include "cgroup.h"
#include "error.h"
#include "exec.h"
#include "files.h"
#include "narrate.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_GRACE_SECONDS = 3 };

static const int forwarded[] = {SIGINT,  SIGTERM, SIGHUP,
                                SIGQUIT, SIGUSR1, SIGUSR2};

static sigset_t held;     /* the signals above and SIGCHLD */
static sigset_t original; /* the mask that COMMAND gets back */
static mode_t file_mask;  /* and its umask */

/* What it points to is needed to the end, and reachable to the end: a leak
 * checker looks when main has returned. */
static struct container prepared = {.pipe = {-1, -1}};

static void hold_signals(void)
{
    sigemptyset(&held);
    sigaddset(&held, SIGCHLD);
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
        sigaddset(&held, forwarded[i]);
    if (sigprocmask(SIG_BLOCK, &held, &original) == -1)
        die("sigprocmask");
    /* A caller that ignores SIGCHLD would leave nothing to wait for. */
    signal(SIGCHLD, SIG_DFL);
}

struct container *prepare_container(int stage, int argc, char *argv[])
{
    prepared.options = parse_options(stage, argc, argv);
    if (stage >= 6) {
        prepared.cgroups = find_cgroups();
        remove_stale_cgroups(prepared.cgroups);
    }
    if (pipe2(prepared.pipe, O_CLOEXEC) == -1)
        die("pipe2");
    if (prepared.pipe[0] <= STDERR_FILENO)
        fail(EXIT_SETUP, "./run </dev/null instead of <&-",
             "standard input, output and error must be open");
    save_terminal();
    hold_signals();
    file_mask = umask(0); /* modes are meant as they are written */
    return &prepared;
}

struct container *enter_container(void *argument)
{
    in_container = true;
    return argument;
}

void wait_for_parent(struct container *container)
{
    struct pollfd end = {.fd = container->pipe[0]};
    char byte;

    /* The parent keeps the writing end open as long as it lives. Once ours is
     * closed, a dead parent means end of file; and if it died after it had
     * sent the byte, the end is seen behind the byte. */
    close(container->pipe[1]);
    ssize_t n = read(container->pipe[0], &byte, 1);
    int ended = n == 1 ? poll(&end, 1, 0) : 1;
    if (n == -1 || ended == -1)
        die("wait for the parent");
    if (ended)
        _exit(EXIT_SETUP);
    narrate_held();
    if (sigprocmask(SIG_SETMASK, &original, NULL) == -1)
        die("sigprocmask");
}

void release_container(struct container *container)
{
    if (lend_terminal(container->pid)) {
        sigaddset(&held, SIGTSTP);
        if (sigprocmask(SIG_BLOCK, &held, NULL) == -1)
            die("sigprocmask");
    }
    if (write(container->pipe[1], "", 1) != 1)
        die("write to the container's pipe");
}

void end_container(void)
{
    pid_t pid = prepared.pid;

    prepared.pid = 0;
    if (pid > 0 && kill(pid, SIGKILL) == 0)
        waitpid(pid, NULL, 0);
}

/* Returns the mask in line NAME of a /proc/PID/status, bit N-1 for signal N.
 */
static unsigned long long signal_mask(const char *status, const char *name)
{
    const char *line = status ? strstr(status, name) : NULL;

    return line ? strtoull(line + strlen(name), NULL, 16) : 0;
}

/* Whether the kernel drops SIGNAL for PID: it is the first process of a PID
 * namespace (NSpid: has two numbers, the last of them 1) and has no handler. */
static bool is_dropped(pid_t pid, int signal)
{
    char *path = xasprintf("/proc/%d/status", pid);
    char *status = read_file(path);
    const char *line = status ? strstr(status, "\nNSpid:") : NULL;
    int outside = 0, inside = 0;
    bool first = line && sscanf(line, "\nNSpid: %d %d", &outside, &inside) == 2;
    unsigned long long wanted =
        signal_mask(status, "\nSigCgt:") | signal_mask(status, "\nSigIgn:");

    if (first) {
        const char *end = strchr(line + 1, '\n');
        first = end && end[-1] == '1' && (end[-2] == '\t' || end[-2] == ' ');
    }
    free(status);
    free(path);
    return first && !(wanted & 1ULL << (signal - 1));
}

/* Returns whether this was a request to stop that needs a grace time. */
static bool forward(pid_t pid, const siginfo_t *info, bool stopping)
{
    int signal = info->si_signo;

    if (stopping && (signal == SIGTERM || signal == SIGINT)) {
        narrate_note("told to stop once more: no more grace");
        kill(pid, SIGKILL);
        return true;
    }
    if (is_dropped(pid, signal)) {
        narrate_note("PID 1 has no handler for signal %d: the kernel drops it",
                     signal);
        kill(pid, SIGKILL);
        return stopping;
    }
    /* What a key of the terminal sent, the container has received as well:
     * it is in the same process group, or its shell has seen to that. */
    if (info->si_code != SI_KERNEL)
        kill(pid, signal);
    return stopping || signal == SIGTERM;
}

int wait_for_container(struct container *container)
{
    pid_t pid = container->pid;
    struct timespec grace = {.tv_sec = STOP_GRACE_SECONDS};
    bool stopping = false;
    int status;

    for (;;) {
        siginfo_t info;
        int signal = sigtimedwait(&held, &info, stopping ? &grace : NULL);

        if (signal == -1 && errno == EAGAIN) {
            narrate_note("still there after %d seconds", STOP_GRACE_SECONDS);
            kill(pid, SIGKILL);
        } else if (signal == SIGCHLD) {
            pid_t ended = waitpid(pid, &status, WNOHANG);
            if (ended == -1)
                die("waitpid %d", pid);
            if (ended == pid)
                break;
        } else if (signal == SIGTSTP) {
            stop_with_terminal();
        } else if (signal > 0) {
            stopping = forward(pid, &info, stopping);
        }
    }
    container->pid = 0;
    restore_terminal();
    if (WIFSIGNALED(status))
        return EXIT_SIGNAL + WTERMSIG(status);
    return WEXITSTATUS(status);
}

void exec_command(char *command[])
{
    umask(file_mask);
    execute(command);
}
