/* SPDX-License-Identifier: MIT
 *
 * Stage 3: a PID namespace. The container counts its processes from 1 and sees
 * no other.
 *
 *     make stage3 && sudo ./run sh -c 'echo $$; ps'
 *
 * COMMAND is PID 1 here, and the kernel treats PID 1 unlike any other process:
 * a signal for which it has no handler is dropped, orphans become its
 * children, and when it ends, all processes of the namespace are killed.
 *
 * pid_namespaces(7), proc(5)
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

/* If the parent dies, the kernel sends this process SIGKILL. Asking for that
 * comes too late if the parent is dead already, so ask first, then wait for
 * the parent: whichever way it dies, one of the two ends this process. */
static void die_with_parent(struct container *container)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
        die("prctl PR_SET_PDEATHSIG");
    wait_for_parent(container);
}

/* What execve(2) would keep of the caller: the session, with its terminal and
 * its process group, to which signals go as a whole; signals that it ignores;
 * its groups, which root alone can leave; its keys, unless nobody has any. */
static void leave_session(void)
{
    if (setsid() == -1)
        die("setsid");
    reset_signals();
    if (setgroups(0, NULL) == -1 && errno != EPERM)
        die("setgroups");
    if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL) == -1 && errno != ENOSYS &&
        errno != EPERM)
        die("keyctl");
}

/* Propagation belongs to each mount, not to the namespace: MS_REC changes all
 * of them, and not only the one at /. No source and no type are needed. */
static void make_mounts_private(void)
{
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
        die("mount / private");
}

/* An empty file system in memory hides the host's /tmp. It goes when the last
 * process of the mount namespace goes: there is nothing to unmount. */
static void mount_tmp(void)
{
    if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") ==
        -1)
        die("mount /tmp");
}

/* A proc file system shows the PID namespace of the process that mounted it:
 * the host's /proc would still list the host's processes, under PIDs that mean
 * nothing here. Our own goes on top of it, in our mount namespace alone. */
static void mount_proc(void)
{
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              NULL) == -1)
        die("mount /proc");
}

/* The first process of the container: sets it up, then becomes COMMAND. */
static int container_main(void *argument)
{
    struct container *container = enter_container(argument);

    die_with_parent(container);
    leave_session();
    make_mounts_private();
    mount_proc();
    mount_tmp();
    open_terminal(container);
    exec_command(container->options.command);
}

int main(int argc, char *argv[])
{
    /* Unlike fork(2), clone(2) calls a function, on a stack of its own. The
     * stack grows downwards, so the child is given the end of it. */
    static char stack[STACK_SIZE] __attribute__((aligned(16)));
    struct container *container = prepare_container(3, argc, argv);

    /* SIGCHLD is what the parent gets when the child ends, as after fork(2).
     * Without CLONE_VM the child works on a copy of the parent's memory. */
    int flags = SIGCHLD | CLONE_NEWNS | CLONE_NEWPID;

    container->pid =
        clone(container_main, stack + STACK_SIZE, flags, container);
    if (container->pid == -1)
        die("clone");

    release_container(container);
    return wait_for_container(container);
}
