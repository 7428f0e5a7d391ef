/* SPDX-License-Identifier: MIT
 *
 * Stage 1: clone(2). A second process, started the way a container is started,
 * and not isolated at all.
 *
 *     make stage1 && ./run sh -c 'echo I am $$; exit 7'; echo $?
 *
 * Every namespace of the child is still the host's. The stage has what a
 * container needs besides isolation: the child waits until its parent is ready
 * and does not outlive it, and the parent exits with the child's status.
 *
 * clone(2), prctl(2) PR_SET_PDEATHSIG, socketpair(2), waitpid(2), signal(7)
 */
#define _GNU_SOURCE
#include "../common/container.h"
#include "../common/error.h"
#include "../common/syscalls.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#define STACK_SIZE (256UL * 1024)

/* If the parent dies, the kernel sends this process SIGKILL. Request the signal
 * first, then check that the parent is still alive. In the other order, a
 * parent that died in between would go unnoticed. */
static void die_with_parent(struct container *container)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
        die("prctl", "PR_SET_PDEATHSIG");
    wait_for_parent(container);
}

/* Leave the caller's session, terminal and process group: a signal to the
 * container's group then reaches nobody outside. Also drop what would outlive
 * execve(2): ignored signals, groups (only root can drop them) and keys. */
static void leave_session(void)
{
    if (setsid() == -1)
        die("setsid", NULL);
    reset_signals();
    if (setgroups(0, NULL) == -1 && errno != EPERM)
        die("setgroups", NULL);
    if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL) == -1 && errno != ENOSYS &&
        errno != EPERM)
        die("keyctl", NULL);
}

/* The first process of the container sets it up, then becomes COMMAND. */
static int container_main(void *argument)
{
    struct container *container = enter_container(argument);

    die_with_parent(container);
    leave_session();
    open_terminal(container);
    exec_command(container->options.command);
}

int main(int argc, char *argv[])
{
    /* The C library's clone() calls a function on a stack that we provide. The
     * stack grows downwards: pass its upper end. */
    static char stack[STACK_SIZE] __attribute__((aligned(16)));
    struct container *container = prepare_container(1, argc, argv);

    /* SIGCHLD tells the parent that the child has ended, as after fork(2).
     * Without CLONE_VM, the child works on a copy of the parent's memory. */
    int flags = SIGCHLD;

    container->pid =
        clone(container_main, stack + STACK_SIZE, flags, container);
    if (container->pid == -1)
        die("clone", NULL);

    release_container(container);
    return wait_for_container(container);
}
