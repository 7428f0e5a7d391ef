/* SPDX-License-Identifier: MIT
 *
 * Stage 3: a PID namespace. The container counts its processes from 1 and sees
 * no other.
 *
 *     make stage3 && sudo ./run sh -c 'echo $$; ps'
 *
 * COMMAND is PID 1 here, and the kernel treats PID 1 unlike any other process:
 * a signal without a handler is dropped (but not SIGKILL and SIGSTOP from
 * outside), orphans become its children, and when PID 1 ends, the kernel kills
 * all other processes of the namespace. If the kernel would drop a signal that
 * the user sends to ./run, wait_for_container() sends SIGKILL in its place.
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

/* Propagation is a property of each mount, not of the namespace. MS_REC changes
 * every mount, not only the one at /. The kernel ignores source and type. */
static void make_mounts_private(void)
{
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
        die("mount", "/ private");
}

/* Mount an empty file system in memory on /tmp, over what is there. Unless it
 * is unmounted before, it ends with the mount namespace. */
static void mount_tmp(void)
{
    int flags = MS_NOSUID | MS_NODEV;

    if (mount("tmpfs", "/tmp", "tmpfs", flags, "mode=1777") == -1)
        die("mount", "/tmp");
}

/* A proc file system shows the PID namespace of the process that mounts it. The
 * host's /proc would list the host's processes, under PIDs that mean nothing
 * here. The new one is mounted in this mount namespace alone. */
static void mount_proc(void)
{
    int flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

    if (mount("proc", "/proc", "proc", flags, NULL) == -1)
        die("mount", "/proc");
}

/* The first process of the container sets it up, then becomes COMMAND. */
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
    /* The C library's clone() calls a function on a stack that we provide. The
     * stack grows downwards: pass its upper end. */
    static char stack[STACK_SIZE] __attribute__((aligned(16)));
    struct container *container = prepare_container(3, argc, argv);

    /* SIGCHLD tells the parent that the child has ended, as after fork(2).
     * Without CLONE_VM, the child works on a copy of the parent's memory. */
    int flags = SIGCHLD | CLONE_NEWNS | CLONE_NEWPID;

    container->pid =
        clone(container_main, stack + STACK_SIZE, flags, container);
    if (container->pid == -1)
        die("clone", NULL);

    release_container(container);
    return wait_for_container(container);
}
