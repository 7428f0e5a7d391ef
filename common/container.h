/* SPDX-License-Identifier: MIT
 *
 * What the parent on the host and the first process of the container share:
 * start, wait for each other, pass signals on, end.
 */
#ifndef COMMON_CONTAINER_H
#define COMMON_CONTAINER_H

#include "options.h"

#include <sys/types.h>

/* Handed to the child of clone(2), which gets a copy of it. */
struct container {
    struct options options;
    struct cgroup *cgroups; /* from stage 6: what this machine mounts */
    int channel[2]; /* sockets: [0] is the container's, [1] the parent's */
    pid_t pid;      /* in the parent: its first process; 0: there is none */
};

/* Parses the command line of stage STAGE (see options.h), from stage 6 on finds
 * the cgroups and removes what a killed run left of them, opens the sockets and
 * holds back all signals, so that none is lost between clone(2) and
 * wait_for_container(), and none kills a parent that has to clean up. Those
 * that the caller ignores stay ignored. Dies on failure. */
struct container *prepare_container(int stage, int argc, char *argv[]);

/* In the container, first of all: returns ARGUMENT, which clone(2) was given.
 * From here on, a failure ends this process and not its parent. */
struct container *enter_container(void *argument);

/* In the container: blocks until the parent calls release_container(). Ends
 * the process if the parent died before that. No signal is blocked from here
 * on. See socketpair(2). */
void wait_for_parent(struct container *container);

/* In the container: gives all signals their default action, whatever the caller
 * ignores. See execve(2) and signal(7). */
void reset_signals(void);

/* In the container: moves its socket to the descriptor behind the standard
 * ones, for a stage that closes all others, and returns that. */
unsigned int keep_channel(struct container *container);

/* In the container: where the caller has a terminal, gives COMMAND one of its
 * own, see give_terminal(). Returns whether it did. */
bool open_terminal(const struct container *container);

/* In the parent: the container may go on. */
void release_container(const struct container *container);

/* In the parent, when it fails: kills the container, if there is one, and waits
 * until it is gone, so that its cgroup can be removed. */
void end_container(void);

/* In the parent: relays the container's terminal, forwards signals to it
 * and waits for its end. SIGTERM means stop: it is followed by SIGKILL after a
 * grace time. A signal that PID 1 of a PID namespace neither handles, ignores
 * nor blocks is dropped by the kernel; the container is then killed as the
 * signal's default action would have done. Returns the exit status for the
 * parent: COMMAND's own, or 128 + N if signal N killed it. See signalfd(2),
 * waitpid(2), pid_namespaces(7). */
int wait_for_container(struct container *container);

/* In the container: gives COMMAND the caller's umask and becomes COMMAND, see
 * execute(). */
_Noreturn void exec_command(char *command[]);

#endif
