/* SPDX-License-Identifier: MIT
 *
 * Stage 4: UTS and IPC namespaces. The container has a hostname of its own, and
 * no message queue, semaphore or shared memory in common with the host.
 *
 *     make stage4 && sudo ./run --hostname web sh -c 'hostname; ipcs'; hostname
 *
 * uts_namespaces(7), ipc_namespaces(7), sethostname(2), mq_overview(7),
 * shm_overview(7)
 */
#define _GNU_SOURCE
#include "../common/container.h"
#include "../common/error.h"
#include "../common/syscalls.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
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

/* A new UTS namespace begins with a copy of the host's two names. Set the
 * hostname, and the NIS domain name to the kernel's default. */
static void set_hostname(const char *name)
{
    if (sethostname(name, strlen(name)) == -1)
        die("sethostname", "%s", name);
    if (setdomainname("(none)", strlen("(none)")) == -1)
        die("setdomainname", NULL);
}

/* CLONE_NEWIPC separates all message queues. POSIX queues are files as well, in
 * a mount of type mqueue, which shows the queues of the IPC namespace in which
 * it was made. So mount a new one. Without the directory (ENOENT) or the file
 * system (ENODEV), no queue of the host shows. */
static void mount_mqueue(void)
{
    if (mount("mqueue", "/dev/mqueue", "mqueue",
              MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == -1 &&
        errno != ENOENT && errno != ENODEV)
        die("mount", "/dev/mqueue");
}

/* POSIX shared memory and named semaphores are plain files in /dev/shm, which
 * CLONE_NEWIPC does not separate: mount a new file system there. */
static void mount_shm(void)
{
    if (mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=1777,size=64m") == -1 &&
        errno != ENOENT)
        die("mount", "/dev/shm");
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
    set_hostname(container->options.hostname);
    mount_mqueue();
    mount_shm();
    open_terminal(container);
    exec_command(container->options.command);
}

int main(int argc, char *argv[])
{
    /* The C library's clone() calls a function on a stack that we provide. The
     * stack grows downwards: pass its upper end. */
    static char stack[STACK_SIZE] __attribute__((aligned(16)));
    struct container *container = prepare_container(4, argc, argv);

    /* SIGCHLD tells the parent that the child has ended, as after fork(2).
     * Without CLONE_VM, the child works on a copy of the parent's memory. */
    int flags =
        SIGCHLD | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;

    container->pid =
        clone(container_main, stack + STACK_SIZE, flags, container);
    if (container->pid == -1)
        die("clone", NULL);

    release_container(container);
    return wait_for_container(container);
}
