/* SPDX-License-Identifier: MIT
 *
 * The parent on the host and the container's first process: how they start,
 * wait for each other, exchange signals and end.
 */
#ifndef COMMON_CONTAINER_H
#define COMMON_CONTAINER_H

#include "options.h"

#include <sys/types.h>

/* clone(2) gives the child a copy of this. */
struct container {
    struct options options;
    struct cgroup *cgroups; /* from stage 6: all mounted hierarchies */
    int channel[2];         /* sockets: [0] the container's, [1] the parent's */
    pid_t pid; /* in the parent: the container's first process; 0: none */
};

/* Parses the command line of stage STAGE (see options.h), opens the sockets and
 * blocks all signals except those that the caller ignores. Blocked signals wait
 * for lock_host() or wait_for_container(). Sets the umask to 0. Returns a
 * static object. Dies on failure. */
struct container *prepare_container(int stage, int argc, char *argv[]);

/* In the container, first of all: marks this process as the container, so that
 * a failure ends it by _exit(2). Returns ARGUMENT, the last argument of
 * clone(2). */
struct container *enter_container(void *argument);

/* In the container: unblocks all signals, then waits until the parent calls
 * release_container(). Ends the process if the parent has died. Dies on
 * failure. See socketpair(2). */
void wait_for_parent(struct container *container);

/* In the container: gives every signal its default action, because an ignored
 * signal stays ignored across execve(2). Dies on failure. See signal(7). */
void reset_signals(void);

/* In the container: moves its socket to descriptor 3 and returns that number.
 * The stage can then close all descriptors above it. Dies on failure. */
unsigned int keep_channel(struct container *container);

/* In the container: gives COMMAND a terminal of its own if the caller has one,
 * see give_terminal(). Returns whether it did. */
bool open_terminal(const struct container *container);

/* In the parent: ends the container's wait_for_parent(). Dies on failure. */
void release_container(const struct container *container);

/* In the parent: relays the terminal and forwards signals until the container
 * ends. Returns the exit status for the parent: COMMAND's own, or 128 + N if
 * signal N killed it. Dies on failure.
 *
 * The kernel drops a signal that PID 1 of a PID namespace neither handles,
 * ignores nor blocks; the parent then kills the container. SIGTERM asks it
 * to end: SIGKILL follows after a grace time. See signalfd(2), waitpid(2),
 * pid_namespaces(7). */
int wait_for_container(struct container *container);

/* In the container: restores the caller's umask and executes COMMAND, see
 * execute(). */
_Noreturn void exec_command(char *command[]);

#endif
