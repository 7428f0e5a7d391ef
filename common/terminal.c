/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "terminal.h"

#include "error.h"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

static struct termios modes;
static pid_t foreground = -1; /* its group before; -1: not ours to lend */
static pid_t own_group;       /* the group in which the caller's shell put us */
static pid_t lent_to = -1;    /* the container's group */

void save_terminal(void)
{
    pid_t group = tcgetpgrp(STDIN_FILENO);

    own_group = getpgrp();
    if (group == -1)
        return;
    if (group == own_group) {
        if (tcgetattr(STDIN_FILENO, &modes) == 0)
            foreground = group;
        return;
    }
    /* In the background. A shell in a PID namespace cannot see that: process
     * groups from outside look to it like 0, the terminal's and its own. It
     * would take the terminal away from the caller's shell. So do as sh does
     * for its own background jobs. */
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null == -1 || dup2(null, STDIN_FILENO) == -1)
        die("open /dev/null");
    close(null);
}

/* A process in the background is stopped (SIGTTOU) when it changes a terminal,
 * unless it blocks that. */
static void set_foreground(pid_t group)
{
    sigset_t output, before;

    sigemptyset(&output);
    sigaddset(&output, SIGTTOU);
    sigprocmask(SIG_BLOCK, &output, &before);
    tcsetpgrp(STDIN_FILENO, group);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

bool lend_terminal(pid_t pid)
{
    /* With output into a pipe, the reader of it may need the terminal. */
    if (foreground == -1 || !isatty(STDOUT_FILENO) || setpgid(pid, pid) == -1)
        return false;
    lent_to = pid;
    set_foreground(lent_to);
    /* Refused to the leader of a session: then Ctrl-C reaches COMMAND alone. */
    setpgid(0, lent_to);
    return true;
}

void stop_with_terminal(void)
{
    setpgid(0, own_group);
    kill(getpid(), SIGSTOP);
    set_foreground(lent_to);
    setpgid(0, lent_to);
    killpg(lent_to, SIGCONT);
}

void restore_terminal(void)
{
    pid_t group = tcgetpgrp(STDIN_FILENO);

    if (lent_to != -1)
        setpgid(0, own_group);
    if (foreground == -1 || group == -1)
        return;
    if (group != foreground && group != lent_to && killpg(group, 0) == 0)
        return; /* somebody else's by now: we were sent to the background */
    set_foreground(foreground);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
}
