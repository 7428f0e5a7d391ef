/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "container.h"

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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STOP_GRACE_MS = 3000 };

static sigset_t held;      /* signals that the parent reads from a signalfd */
static mode_t file_mask;   /* the caller's umask, for COMMAND */
static long long deadline; /* of the grace time after SIGTERM, in ms; 0: none */
static bool killed;        /* by this process */

/* Static, so that a leak checker can still reach its data after main returns.
 */
static struct container prepared = {.channel = {-1, -1}};

/* Block signals, because the default action of most would kill a parent that
 * still has to clean up. Reset SIGCHLD first: with SIGCHLD ignored, the kernel
 * would reap the child and its status would be lost. */
static void hold_signals(void)
{
    struct sigaction child = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
    struct sigaction callers;

    sigaction(SIGCHLD, &child, NULL);
    sigfillset(&held);
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &callers) == 0 &&
            callers.sa_handler == SIG_IGN)
            sigdelset(&held, number);
    if (sigprocmask(SIG_SETMASK, &held, NULL) == -1)
        die("sigprocmask", NULL);
}

/* Kills the container before the parent exits, so that its cgroup is empty and
 * can be removed. */
static void end_container(void)
{
    pid_t pid = prepared.pid;

    prepared.pid = 0;
    if (pid > 0 && kill(pid, SIGKILL) == 0)
        waitpid(pid, NULL, 0);
}

struct container *prepare_container(int stage, int argc, char *argv[])
{
    prepared.options = parse_options(stage, argc, argv);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, prepared.channel))
        die("socketpair", NULL);
    if (prepared.channel[0] <= STDERR_FILENO)
        fail(EXIT_SETUP,
             "redirect with </dev/null and >/dev/null, not with <&- and >&-",
             "standard input, output and error must be open");
    hold_signals();
    file_mask = umask(0); /* later modes apply as written */
    undo_at_failure = end_container;
    return &prepared;
}

struct container *enter_container(void *argument)
{
    in_container = true;
    narrate_container();
    return argument;
}

void wait_for_parent(struct container *container)
{
    struct pollfd end = {.fd = container->channel[0]};
    sigset_t none;
    char byte;

    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
        die("sigprocmask", NULL);
    /* Close the container's copy of the parent's end. The parent then holds the
     * only one, and its death means end of file. If it dies after sending the
     * byte, end of file follows the byte: poll for that. */
    close(container->channel[1]);
    ssize_t n = read(container->channel[0], &byte, 1);
    int ended = n == 1 ? poll(&end, 1, 0) : 1;
    if (n == -1 || ended == -1)
        die("wait", "for the parent");
    if (ended)
        _exit(EXIT_SETUP);
    narrate_held();
}

/* hold_signals() left out the ignored signals, which would stay ignored after
 * execve(2), and those that the C library reserves. sigaction(2) of the library
 * refuses the latter: use the system call. An action of zeros is SIG_DFL. */
void reset_signals(void)
{
    const long action[8] = {0};

    for (int number = 1; number < NSIG; number++)
        if (!sigismember(&held, number) &&
            syscall(SYS_rt_sigaction, number, action, NULL, (NSIG - 1) / 8))
            die("rt_sigaction", "%d", number);
}

unsigned int keep_channel(struct container *container)
{
    const int kept = STDERR_FILENO + 1;

    if (container->channel[0] != kept &&
        dup3(container->channel[0], kept, O_CLOEXEC) == -1)
        die("dup3", NULL);
    return (unsigned int)(container->channel[0] = kept);
}

bool open_terminal(const struct container *container)
{
    return give_terminal(container->channel[0]);
}

void release_container(const struct container *container)
{
    if (write(container->channel[1], "", 1) != 1)
        die("write", "to the container's socket");
}

/* Returns the mask in line NAME of a /proc/PID/status: bit N-1 is signal N. */
static unsigned long long signal_mask(const char *status, const char *name)
{
    const char *line = status ? strstr(status, name) : NULL;

    return line ? strtoull(line + strlen(name), NULL, 16) : 0;
}

/* Returns the container's PID in /proc, which may show another PID namespace
 * (as under unshare --pid without --mount-proc), with other PIDs. */
static pid_t pid_in_proc(void)
{
    static const char key[] = "\nPid:";
    int fd = (int)syscall(SYS_pidfd_open, prepared.pid, 0); /* Linux 5.3 */
    char *path = xasprintf("/proc/self/fdinfo/%d", fd);
    char *text = fd == -1 ? NULL : read_file(path);
    const char *line = text ? strstr(text, key) : NULL;
    pid_t pid =
        line ? (pid_t)strtol(line + strlen(key), NULL, 10) : prepared.pid;

    if (fd != -1)
        close(fd);
    free(text);
    free(path);
    return pid;
}

/* Returns whether the process waits in sigwait(3). During the wait, the kernel
 * unblocks the signals waited for, so SigBlk in /proc does not have them. */
static bool is_in_sigwait(pid_t pid)
{
    char *path = xasprintf("/proc/%d/syscall", pid);
    char *text = read_file(path);
    bool found = text && strtol(text, NULL, 10) == SYS_rt_sigtimedwait;

    free(text);
    free(path);
    return found;
}

/* Returns whether the process handles SIGNAL, ignores it, or blocks it to read
 * it by sigwait(3) or signalfd(2). */
static bool is_wanted(const char *status, int signal)
{
    unsigned long long wanted = signal_mask(status, "\nSigCgt:") |
                                signal_mask(status, "\nSigIgn:") |
                                signal_mask(status, "\nSigBlk:");

    return wanted & 1ULL << (signal - 1);
}

/* Returns whether STATUS, a /proc/PID/status, is that of PID 1 in a PID
 * namespace: its line NSpid: has several PIDs, and the last is 1. */
static bool is_first(const char *status)
{
    const char *line = status ? strstr(status, "\nNSpid:") : NULL;
    int outside = 0, inside = 0;

    if (!line || sscanf(line, "\nNSpid: %d %d", &outside, &inside) != 2)
        return false;
    const char *end = strchr(line + 1, '\n');
    return end && end[-1] == '1' && (end[-2] == '\t' || end[-2] == ' ');
}

/* Returns whether the kernel drops SIGNAL: the first process does not want it,
 * and is PID 1 or, for SIGTSTP, in an orphaned process group. */
static bool is_dropped(int signal)
{
    pid_t pid = pid_in_proc();
    char *path = xasprintf("/proc/%d/status", pid);
    char *status = read_file(path);
    bool dropped = (signal == SIGTSTP || is_first(status)) &&
                   !is_wanted(status, signal) && !is_in_sigwait(pid);

    free(status);
    free(path);
    return dropped;
}

static void kill_container(void)
{
    killed = true;
    end_typing();
    kill(prepared.pid, SIGKILL);
}

static void kill_dropped(int signal)
{
    narrate_note("PID 1 has no handler for signal %d: the kernel drops it",
                 signal);
    kill_container();
}

/* Before its setsid(2) the process has no own group: signal it alone. */
static void kill_group(pid_t group, int signal)
{
    if (kill(-group, signal) == -1)
        kill(group, signal);
}

/* Handles Ctrl-Z. Stops the group of the container's first process by SIGSTOP,
 * which stops even PID 1 if it is sent from outside. Then stops JOB: a PID, or
 * 0 for this process's group. Continues the container's group when this process
 * is continued. If no shell controls the job, the kernel drops SIGTSTP and
 * nothing stays stopped. */
static void stop(pid_t job)
{
    sigset_t stops;

    kill_group(prepared.pid, SIGSTOP);
    restore_terminal();
    sigemptyset(&stops);
    sigaddset(&stops, SIGTSTP);
    kill(job, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stops, NULL);
    sigprocmask(SIG_SETMASK, &held, NULL);
    kill_group(prepared.pid, SIGCONT);
    take_terminal();
}

/* Decides about a key that sends SIGNAL: returns whether to pass it on. */
static bool judge_key(int signal)
{
    if (!is_dropped(signal))
        return true;
    if (signal == SIGTSTP)
        stop(0);
    else
        kill_dropped(signal);
    return false;
}

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void forward(int signal, int code)
{
    /* SI_KERNEL: a key sent the signal. It is for the whole foreground group.
     */
    bool key = code == SI_KERNEL && (signal == SIGINT || signal == SIGQUIT);
    pid_t group = key ? terminal_foreground(prepared.pid) : prepared.pid;

    if (deadline && (signal == SIGTERM || signal == SIGINT)) {
        narrate_note("second signal to stop: killing the container now");
        kill_container();
        return;
    }
    if (group == prepared.pid && is_dropped(signal))
        kill_dropped(signal);
    else if (key)
        kill_group(group, signal);
    else
        kill(group, signal);
    if (signal == SIGTERM && !deadline)
        deadline = now_ms() + STOP_GRACE_MS;
}

/* Returns whether the container has ended, and then its wait status in *STATUS.
 */
static bool take_signal(int signals, int *status)
{
    struct signalfd_siginfo info;
    siginfo_t ended = {.si_pid = 0};

    if (read(signals, &info, sizeof(info)) != sizeof(info))
        return false;
    switch (info.ssi_signo) {
    case SIGCHLD:
        if (waitid(P_PID, (id_t)prepared.pid, &ended,
                   WEXITED | WNOHANG | WNOWAIT) == -1)
            die("waitid", "%d", prepared.pid);
        if (ended.si_pid == 0)
            return false;
        drain_terminal(signals);
        if (waitpid(prepared.pid, status, WNOHANG) == -1)
            die("waitpid", "%d", prepared.pid);
        return true;
    case SIGTSTP:
        stop(getpid());
        return false;
    case SIGCONT:
    case SIGWINCH:
        take_terminal();
        return false;
    case SIGPIPE:
    case SIGURG:
    case SIGTTIN:
    case SIGTTOU:
        return false;
    default:
        forward((int)info.ssi_signo, info.ssi_code);
        return false;
    }
}

/* Returns the shorter of TIMEOUT (milliseconds, -1: none) and the time left
 * until AT (0: none). */
static int sooner(int timeout, long long at)
{
    long long left = at ? at - now_ms() : -1;

    if (!at || (timeout != -1 && timeout < left))
        return timeout;
    return left > 0 ? (int)left : 0;
}

int wait_for_container(struct container *container)
{
    pid_t pid = container->pid;
    int signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK), status;
    struct pollfd fds[2 + TERMINAL_FDS] = {
        {.fd = signals, .events = POLLIN},
        {.fd = prepared.channel[1], .events = POLLIN}};

    if (signals == -1)
        die("signalfd", NULL);
    do {
        relay_terminal(fds + 2, judge_key);
        if (deadline && now_ms() >= deadline) {
            narrate_note("still running after %d seconds: killing it",
                         STOP_GRACE_MS / 1000);
            kill_container();
            deadline = 0;
        }
        int timeout = watch_terminal(fds + 2);
        /* Ignore a failure for lack of memory: the container can go on. */
        if (poll(fds, 2 + TERMINAL_FDS, sooner(timeout, deadline)) > 0 &&
            fds[1].revents) {
            receive_terminal(prepared.channel[1], pid);
            fds[1].fd = -1;
        }
    } while (!take_signal(signals, &status));
    container->pid = 0;
    restore_terminal();
    command_status = WEXITSTATUS(status);
    if (WIFSIGNALED(status))
        command_status = EXIT_SIGNAL + WTERMSIG(status);
    killed_by_others =
        WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !killed;
    return command_status;
}

void exec_command(char *command[])
{
    umask(file_mask);
    execute(command);
}
