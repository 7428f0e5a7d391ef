/* SPDX-License-Identifier: MIT
 *
 * Stage 5: a root file system. The container sees BusyBox, or any root that it
 * is given, and not one file of the host.
 *
 *     make stage5 && sudo ./run
 *     sudo ./run --chroot -v build/escape:/tmp/escape /tmp/escape
 *
 * pivot_root(2) changes what / is in the whole mount namespace, and the old
 * root can be unmounted; chroot(2) changes where one process starts to look,
 * and root climbs out of it. Then everything is mounted that a program expects
 * of a system, at its final path, and a few things that it shall not touch are
 * covered. Nothing is mounted before the root is entered, except what has to
 * come in from the host: no symbolic link in a root that somebody else made
 * can lead a mount, or a file that we create, out of it.
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
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STACK_SIZE (256UL * 1024)
#define SECURE     (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define COVER      (MS_BIND | MS_RDONLY | SECURE)

/* What a program expects of a system, besides /proc and /tmp. */
static const struct mount_row system_mounts[] = {
    {"sysfs", "/sys", "sysfs", SECURE | MS_RDONLY, NULL},
    {"tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k"},
    {"devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
     "newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"},
    {0},
};

/* Much of /proc and /sys is the machine's: seen read-only, or not at all. */
static const struct mount_row covers[] = {
    {"/proc/bus", "/proc/bus", NULL, COVER, NULL},
    {"/proc/fs", "/proc/fs", NULL, COVER, NULL},
    {"/proc/irq", "/proc/irq", NULL, COVER, NULL},
    {"/proc/sys", "/proc/sys", NULL, COVER, NULL},
    {"/proc/sysrq-trigger", "/proc/sysrq-trigger", NULL, COVER, NULL},
    {"/dev/null", "/proc/kcore", NULL, MS_BIND, NULL},
    {"/dev/null", "/proc/keys", NULL, MS_BIND, NULL},
    {"/dev/null", "/proc/timer_list", NULL, MS_BIND, NULL},
    {"tmpfs", "/sys/firmware", "tmpfs", SECURE | MS_RDONLY, NULL},
    {0},
};

static const struct device_row devices[] = {
    {"/dev/null", 1, 3},
    {"/dev/zero", 1, 5},
    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8},
    {"/dev/urandom", 1, 9},
    {"/dev/tty", 5, 0},
    {0},
};

static const char *const device_links[][2] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
    {"/dev/ptmx", "pts/ptmx"},          {NULL, NULL},
};

/* If the parent dies, the kernel sends this process SIGKILL. Asking for that
 * comes too late if the parent is dead already, so ask first, then wait for
 * the parent: whichever way it dies, one of the two ends this process. */
static void die_with_parent(struct container *container)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
        die("prctl PR_SET_PDEATHSIG");
    wait_for_parent(container);
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

/* The namespace began with the host's name; from here on they differ. */
static void set_hostname(const char *name)
{
    if (sethostname(name, strlen(name)) == -1)
        die("sethostname %s", name);
}

/* System V objects are reached by keys, and CLONE_NEWIPC alone hides them.
 * POSIX queues are files as well: this file system shows those of the IPC
 * namespace of the process that mounted it. Not every host has the directory
 * or the file system; without them there is nothing to hide. */
static void mount_mqueue(void)
{
    if (mount("mqueue", "/dev/mqueue", "mqueue",
              MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == -1 &&
        errno != ENOENT && errno != ENODEV)
        die("mount /dev/mqueue");
}

/* POSIX shared memory and named semaphores are files here and nothing more: no
 * namespace is about them. */
static void mount_shm(void)
{
    if (mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=1777,size=64m") == -1 &&
        errno != ENOENT)
        die("mount /dev/shm");
}

/* One open directory of the host leads out of the new root. Not left to
 * execve(2): --workdir /proc/self/fd/9 comes before it (CVE-2024-21626). */
static void close_inherited_files(void)
{
    if (close_range(STDERR_FILENO + 1, ~0U, 0) == -1)
        die("close_range");
}

static void make_read_only(int dirfd, const char *path, unsigned int flags)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

    if (mount_setattr(dirfd, path, flags, &attr, sizeof(attr)) == -1)
        die("mount_setattr %s", path);
}

/* Copies the mount at each source. A copy is attached nowhere yet; through its
 * descriptor it reaches into a root in which the source has no name. */
static void open_volumes(struct volume *v)
{
    for (; v->target; v++) {
        v->tree = open_tree(AT_FDCWD, v->source,
                            OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE);
        if (v->tree == -1)
            die("open_tree %s", v->source);
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
            die("move_mount %s", v->target);
        close(v->tree);
    }
}

/* Files about this one container. The tmpfs goes, copies of them remain. */
static void prepare_etc(const char *hostname, const char *address)
{
    mount_tmp();
    write_etc_files(hostname, address);
    open_volumes(etc_files);
    if (umount2("/tmp", MNT_DETACH) == -1)
        die("umount2 /tmp");
}

static void enter_rootfs(const char *rootfs, bool plain_chroot)
{
    /* pivot_root wants a mount point. Bound to itself, a directory is one. The
     * working directory stays where it then is: in the new root. */
    if (mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) == -1)
        die("mount %s", rootfs);
    if (chdir(rootfs) == -1)
        die("chdir %s", rootfs);
    if (plain_chroot && chroot(".") == -1)
        die("chroot %s", rootfs);
    /* The old root needs no directory of its own: put at ".", it lies on top
     * of the new one, and to unmount "." is to unmount the old. */
    if (!plain_chroot && pivot_root(".", ".") == -1)
        die("pivot_root %s", rootfs);
    if (!plain_chroot && umount2(".", MNT_DETACH) == -1)
        die("umount2 the old root");
    make_mount_point("/proc", true);
    make_mount_point("/tmp", true);
}

static void furnish_rootfs(void)
{
    for (const struct mount_row *m = system_mounts; m->target; m++) {
        make_mount_point(m->target, true);
        if (mount(m->source, m->target, m->type, m->flags, m->data) == -1)
            die("mount %s", m->target);
    }
    make_mount_point("/dev/mqueue", true);
    make_mount_point("/dev/shm", true);
    for (const struct device_row *d = devices; d->path; d++)
        if (mknod(d->path, S_IFCHR | 0666, makedev(d->major, d->minor)) == -1)
            die("mknod %s", d->path);
    for (int i = 0; device_links[i][0]; i++)
        if (symlink(device_links[i][1], device_links[i][0]) == -1)
            die("symlink %s", device_links[i][0]);
}

/* MS_BIND takes the flags of the mount that it copies and ignores the others:
 * MS_RDONLY needs a second call. Not every kernel has every path. */
static void cover_kernel_files(void)
{
    for (const struct mount_row *m = covers; m->target; m++) {
        int result = mount(m->source, m->target, m->type, m->flags, NULL);
        if (result == 0 && m->flags & MS_BIND && m->flags & MS_RDONLY)
            result = mount(NULL, m->target, NULL, MS_REMOUNT | m->flags, NULL);
        if (result == -1 && errno != ENOENT)
            die("mount %s", m->target);
    }
}

/* The first process of the container: sets it up, then becomes COMMAND. */
static int container_main(void *argument)
{
    struct container *container = enter_container(argument);

    die_with_parent(container);
    close_inherited_files();
    make_mounts_private();
    prepare_etc(container->options.hostname, "127.0.1.1");
    open_volumes(container->options.volumes);
    enter_rootfs(container->options.rootfs, container->options.chroot);
    mount_proc();
    mount_tmp();
    furnish_rootfs();
    set_hostname(container->options.hostname);
    mount_mqueue();
    mount_shm();
    cover_kernel_files();
    attach_volumes(etc_files);
    attach_volumes(container->options.volumes);
    if (container->options.read_only)
        make_read_only(AT_FDCWD, "/", 0);
    replace_environment(&container->options);
    if (container->options.workdir && chdir(container->options.workdir) == -1)
        die("chdir %s", container->options.workdir);
    exec_command(container->options.command);
}

int main(int argc, char *argv[])
{
    /* Unlike fork(2), clone(2) calls a function, on a stack of its own. The
     * stack grows downwards, so the child is given the end of it. */
    static char stack[STACK_SIZE] __attribute__((aligned(16)));
    struct container *container = prepare_container(5, argc, argv);

    /* SIGCHLD is what the parent gets when the child ends, as after fork(2).
     * Without CLONE_VM the child works on a copy of the parent's memory. */
    int flags =
        SIGCHLD | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;

    container->pid =
        clone(container_main, stack + STACK_SIZE, flags, container);
    if (container->pid == -1)
        die("clone");

    release_container(container);
    return wait_for_container(container);
}
