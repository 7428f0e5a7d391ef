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
    int pipe[2];            /* the container waits at [0] for a byte from [1] */
    pid_t pid;              /* in the parent: its first process; 0: none */
};

/* Parses the command line of stage STAGE (see options.h), from stage 6 on finds
 * the cgroups and removes what a killed run left of them, opens the pipe and
 * holds back the signals that the parent will forward, so that none is lost
 * between clone(2) and wait_for_container(). Dies on failure. */
struct container *prepare_container(int stage, int argc, char *argv[]);

/* In the container, first of all: returns ARGUMENT, which was given to
 * clone(2). From here on, a failure ends this process and not its parent. */
struct container *enter_container(void *argument);

/* In the container: blocks until the parent calls release_container(). Ends
 * the process if the parent died before that. See pipe(7). */
void wait_for_parent(struct container *container);

/* In the parent: the container, whose first process is .pid, may go on. It gets
 * the terminal, if there is one. */
void release_container(struct container *container);

/* In the parent, when it fails: kills the container, if there is one, and waits
 * until it is gone, so that its cgroup can be removed. */
void end_container(void);

/* In the parent: forwards signals to PID and waits for its end. SIGTERM means
 * stop: it is followed by SIGKILL after a grace time. A signal that PID 1 of a
 * PID namespace neither handles nor ignores is dropped by the kernel; the
 * container is then killed as the signal's default action would have done.
 * Returns the exit status for the parent: COMMAND's own, or 128 + N if signal
 * N killed it. See sigwaitinfo(2), waitpid(2), pid_namespaces(7). */
int wait_for_container(struct container *container);

/* In the container: gives COMMAND the caller's umask and becomes COMMAND, see
 * execute(). */
_Noreturn void exec_command(char *command[]);

#endif
