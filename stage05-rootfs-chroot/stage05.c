/* SPDX-License-Identifier: MIT
 *
 * Stage 5: a root file system. The container sees BusyBox, or any root that it
 * is given, and not one file of the host.
 *
 *     make stage5 && sudo ./run
 *     sudo ./run --chroot -v build/escape:/tmp/escape /tmp/escape
 *
 * pivot_root(2) changes the root of the whole mount namespace, and the old root
 * can be unmounted. chroot(2) changes the root directory of a process and its
 * children; a privileged process can get out. Once inside, the stage mounts the
 * file systems that a program expects and covers the files that it must not
 * touch. It mounts nothing in the new root before entering it. Otherwise a
 * symbolic link in a root that somebody else made could lead a mount, or a file
 * that the stage creates, out of that root.
 *
 * pivot_root(2), chroot(2), open_tree(2), mount_setattr(2), path_resolution(7)
 */
#define _GNU_SOURCE
#include "../common/container.h"
#include "../common/error.h"
#include "../common/etc.h"
#include "../common/files.h"
#include "../common/syscalls.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define STACK_SIZE (256UL * 1024)
#define SECURE     (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct mount_row mounts[] = {
    {"sysfs", "/sys", "sysfs", SECURE | MS_RDONLY, NULL},
    {"tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k"},
    {"devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
     "newinstance,ptmxmode=0666,mode=0620"},
    {"tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"},
};
static const char read_only_paths[] =
    "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger";
static const char masked_paths[] =
    "/proc/acpi /proc/asound /proc/interrupts /proc/keys /proc/latency_stats "
    "/proc/scsi /proc/timer_list /sys/devices/system/cpu/cpu*/thermal_throttle "
    "/proc/kcore /proc/sched_debug /sys/devices/virtual/powercap /sys/firmware";
static const struct device_row nodes[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};
static const char *const device_links[][2] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
    {"/dev/ptmx", "pts/ptmx"},          {"/dev/console", "pts/0"},
};

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

/* --- enter a root --------------------------------------------------------- */
/* An open directory of the host leads out of the new root. Close-on-exec would
 * be too late: --workdir /proc/self/fd/9 is entered before (CVE-2024-21626). */
static void close_inherited_files(struct container *container)
{
    refuse_directories();
    if (close_range(keep_channel(container) + 1, ~0U, 0) == -1)
        die("close_range", NULL);
}

static void enter_rootfs(const char *rootfs, bool plain_chroot)
{
    /* pivot_root needs a mount point: bind the directory to itself. */
    if (mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) == -1)
        die("mount", "%s", rootfs);
    if (chdir(rootfs) == -1)
        die("chdir", "%s", rootfs);
    if (plain_chroot) {
        if (chroot(".") == -1)
            die("chroot", "%s", rootfs);
    } else {
        /* Stack the old root on top of the new one, then unmount it. */
        if (pivot_root(".", ".") == -1)
            die("pivot_root", "%s", rootfs);
        if (umount2(".", MNT_DETACH) == -1)
            die("umount2", "the old root");
    }
    make_mount_points("/proc /tmp");
}

/* --- furnish it ----------------------------------------------------------- */
static void mount_system(void)
{
    for (const struct mount_row *m = mounts; m < mounts + COUNT(mounts); m++) {
        make_mount_point(m->target, true);
        if (mount(m->source, m->target, m->type, m->flags, m->data) == -1)
            die("mount", "%s", m->target);
    }
    make_mount_points("/dev/mqueue /dev/shm");
}

static void make_devices(void)
{
    for (const struct device_row *d = nodes; d < nodes + COUNT(nodes); d++)
        if (mknod(d->path, S_IFCHR | 0666, makedev(d->major, d->minor)) == -1)
            die("mknod", "%s", d->path);
    for (size_t i = 0; i < COUNT(device_links); i++)
        if (symlink(device_links[i][1], device_links[i][0]) == -1)
            die("symlink", "%s", device_links[i][0]);
}

static void make_read_only(int dirfd, const char *path, unsigned int flags)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

    if (mount_setattr(dirfd, path, flags, &attr, sizeof(attr)) == -1)
        die("mount_setattr", "%s", path);
}

/* Much of /proc and /sys belongs to the machine. mount(2) ignores MS_RDONLY for
 * a new bind mount: set it by mount_setattr(2). Mask directories by a tmpfs. */
static void cover_kernel_files(void)
{
    for (char **path = existing_paths(read_only_paths); *path; path++) {
        if (mount(*path, *path, NULL, MS_BIND, NULL) == -1)
            die("mount", "%s", *path);
        make_read_only(AT_FDCWD, *path, 0);
    }
    for (char **path = existing_paths(masked_paths); *path; path++)
        if (mount("/dev/null", *path, NULL, MS_BIND, NULL) == -1 &&
            (errno != ENOTDIR ||
             mount("tmpfs", *path, "tmpfs", SECURE | MS_RDONLY, NULL) == -1))
            die("mount", "%s", *path);
}

/* --- bring things in from the host ---------------------------------------- */
/* Clone the mount at each source. The clone is not attached yet. Its descriptor
 * still works after pivot_root, when the source's path is gone. */
static void open_volumes(struct volume *v)
{
    for (; v->target; v++) {
        v->tree = open_tree(AT_FDCWD, v->source,
                            OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE);
        if (v->tree == -1)
            die("open_tree", "%s", v->source);
        if (v->read_only)
            make_read_only(v->tree, "", AT_EMPTY_PATH | AT_RECURSIVE);
    }
}

static void attach_volumes(const struct volume *v)
{
    for (; v->target; v++) {
        make_mount_point(v->target, is_directory(v->tree));
        if (move_mount(v->tree, "", AT_FDCWD, v->target,
                       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) == -1)
            die("move_mount", "%s", v->target);
        close(v->tree);
    }
}

/* hosts, hostname, resolv.conf. Their cloned mounts keep this tmpfs alive. */
static void prepare_etc(const char *hostname, const char *address)
{
    mount_tmp();
    write_etc_files(hostname, address);
    open_volumes(etc_files);
    if (umount2("/tmp", MNT_DETACH) == -1)
        die("umount2", "/tmp");
}

/* --- start ---------------------------------------------------------------- */
/* COMMAND's environment: PATH, HOME, HOSTNAME, ENV, --env; on a tty, TERM. */
static _Noreturn void become_command(struct container *container)
{
    replace_environment(&container->options);
    enter_workdir(container->options.workdir);
    open_terminal(container);
    exec_command(container->options.command); /* restores the umask, 0 before */
}

/* The first process of the container sets it up, then becomes COMMAND. */
static int container_main(void *argument)
{
    struct container *container = enter_container(argument);

    die_with_parent(container);
    leave_session();
    close_inherited_files(container);
    make_mounts_private();
    prepare_etc(container->options.hostname, "127.0.1.1");
    open_volumes(container->options.volumes);
    enter_rootfs(container->options.rootfs, container->options.chroot);
    mount_proc();
    mount_tmp();
    mount_system();
    make_devices();
    set_hostname(container->options.hostname);
    mount_mqueue();
    mount_shm();
    cover_kernel_files();
    attach_volumes(etc_files);
    attach_volumes(container->options.volumes);
    if (container->options.read_only)
        make_read_only(AT_FDCWD, "/", 0);
    become_command(container);
}

int main(int argc, char *argv[])
{
    /* The C library's clone() calls a function on a stack that we provide. The
     * stack grows downwards: pass its upper end. */
    static char stack[STACK_SIZE] __attribute__((aligned(16)));
    struct container *container = prepare_container(5, argc, argv);

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
