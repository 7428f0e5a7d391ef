/* SPDX-License-Identifier: MIT
 *
 * Stage 7: a network. The container has its own interfaces, addresses, routes
 * and ports, and reaches the world through the host. With this it is complete.
 *
 *     make stage7 && sudo ./run
 *     sudo ./run httpd -f -h /etc    on the host: wget ADDRESS/hostname
 *
 * A new network namespace has a loopback interface that is down, and nothing
 * else. A veth pair is the cable: one end is eth0 in the container, the other
 * is plugged into a bridge of the host, to which all containers are connected.
 * Packets that leave the host carry the host's address (masquerading).
 *
 * network_namespaces(7), veth(4), rtnetlink(7), nft(8)
 */
#define _GNU_SOURCE
#include "../common/cgroup.h"
#include "../common/container.h"
#include "../common/error.h"
#include "../common/etc.h"
#include "../common/files.h"
#include "../common/names.h" /* BRIDGE is "mini0", OURS "mini-container" */
#include "../common/network.h"
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

/* File and text for version 1, then for version 2. N stands for the limit, in
 * bytes, processes or microseconds per 100000. Last column: 1 if optional. */
static const struct limit limits[] = {
    {"memory", "memory.limit_in_bytes", "N", "memory.max", "N", 0},
    {"memory", "memory.memsw.limit_in_bytes", "N", "memory.swap.max", "0", 1},
    {"memory", "memory.swappiness", "0", NULL, NULL, 1},
    {"pids", "pids.max", "N", "pids.max", "N", 0},
    {"cpu", "cpu.cfs_quota_us", "N", "cpu.max", "N 100000", 0},
    {0},
};

#define PREFIX 20 /* 4093 addresses, enough for a bridge's 1023 ports */
static const char *const subnets[] = {"10.77.0.0", "172.16.80.0", "198.18.80.0",
                                      NULL};
/* Masquerade; drop new connections to BRIDGE and from links in @opened. */
static const char nat_rules[] =
    "table ip " OURS " {\n  set opened { type ifname; }\n"
    "  chain " BRIDGE "-nat {\n    type nat hook postrouting priority srcnat;\n"
    "    ip saddr %s/%d oifname != " BRIDGE " masquerade\n  }\n"
    "  chain " BRIDGE "-forward {\n"
    "    type filter hook forward priority filter;\n"
    "    oifname " BRIDGE " iifname != " BRIDGE " ct state new,invalid drop\n"
    "    iifname @opened oifname != " BRIDGE " ct state new,invalid drop\n"
    "  }\n}\n";

static struct network network;

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

/* --- limit what it uses --------------------------------------------------- */
/* In the parent. The limits marked optional keep memory out of swap. Some
 * kernels lack their files. */
static void limit_resources(struct container *container)
{
    container->cgroups = find_cgroups();
    make_cgroup(container->cgroups, NULL);
    for (const struct limit *l = limits; l->controller; l++) {
        long long n = option_number(&container->options, l->controller);
        if (n > 0)
            write_limit(make_cgroup(container->cgroups, l->controller), l, n);
    }
}

/* Version 1. "0" in tasks moves the calling thread at once. A PID there, or in
 * cgroup.procs, makes the kernel wait for all processors: RCU grace period. */
static void join_cgroups(const struct cgroup *c)
{
    for (; c; c = c->next)
        if (c->directory && c->version == 1)
            write_cgroup(c, "tasks", "0");
}

/* A new cgroup namespace is rooted at the cgroup of the process that creates
 * it, so join the cgroup first. In version 1, a flag of clone(2) would root the
 * namespace at the parent's cgroup. */
static void enter_cgroup_namespace(void)
{
    if (unshare(CLONE_NEWCGROUP) == -1)
        die("unshare", "CLONE_NEWCGROUP");
}

static void mount_cgroups(const struct cgroup *all)
{
    /* Version 2 is one hierarchy. Several hierarchies need a directory each. */
    if (has_several_hierarchies(all) &&
        mount("tmpfs", "/sys/fs/cgroup", "tmpfs", SECURE, "mode=755") == -1)
        die("mount", "/sys/fs/cgroup");
    for (const struct cgroup *c = all; c; c = c->next) {
        const char *target = make_cgroup_mount_point(all, c);
        const char *type = c->version == 1 ? "cgroup" : "cgroup2";
        if (target && mount(type, target, type, SECURE | MS_RDONLY,
                            c->version == 1 ? c->controllers : NULL) == -1)
            die("mount", "%s", target);
    }
    if (has_several_hierarchies(all))
        make_read_only(AT_FDCWD, "/sys/fs/cgroup", 0);
}

/* --- connect it ----------------------------------------------------------- */
static void make_bridge(void)
{
    network.subnet = choose_subnet(subnets, PREFIX);
    add_bridge(BRIDGE);
    add_address(BRIDGE, network.subnet + 1, PREFIX);
    /* Keep containers from becoming the host's IPv6 router. */
    write_sysctl("net/ipv6/conf/" BRIDGE "/accept_ra", 0);
    load_nft_rules(BRIDGE, nat_rules, address_text(network.subnet), PREFIX);
}

static void remove_bridge(void)
{
    unload_nft_rules(BRIDGE);
    restore_forwarding(); /* net.ipv4.conf.LINK.forwarding = 0 */
    delete_link(BRIDGE);
}

/* The last parent removes the bridge. Others unplug their port if it exists. */
static void leave_network(void)
{
    lock_host();
    if (find_network(BRIDGE, &network) == BRIDGE_UNUSED)
        remove_bridge();
    else
        unplug_port(&network);
    unlock_host();
}

/* A bridge is unused if its last parent was killed or has yet to remove it. */
static void join_network(void)
{
    lock_host();
    if (find_network(BRIDGE, &network) == BRIDGE_UNUSED)
        remove_bridge();
    at_exit(leave_network);
    if (network.state != BRIDGE_USED)
        make_bridge();
    enable_forwarding(BRIDGE);        /* net.ipv4.conf.LINK.forwarding = 1 */
    choose_address(&network, PREFIX); /* its port: 10.77.6.100 has veth6-100 */
}

/* The bridge drops packets until the kernel has seen that both ends are up. */
static void connect_network(pid_t pid)
{
    network.port_index = add_veth(BRIDGE, network.port, "eth0", pid);
    unlock_host();
    set_link_up_in(pid, "eth0");
    wait_for_bridge(BRIDGE, network.port);
}

/* In the container. The parent has created eth0, and it is up. */
static void configure_network(enum network_mode mode)
{
    if (mode != NETWORK_HOST)
        set_link_up("lo");
    if (mode != NETWORK_BRIDGE)
        return;
    add_address("eth0", network.address, PREFIX);
    add_default_route(network.subnet + 1);
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
    join_cgroups(container->cgroups);
    close_inherited_files(container);
    make_mounts_private();
    prepare_etc(container->options.hostname,
                network.address ? address_text(network.address) : "127.0.1.1");
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
    enter_cgroup_namespace();
    mount_cgroups(container->cgroups);
    attach_volumes(etc_files);
    attach_volumes(container->options.volumes);
    if (container->options.read_only)
        make_read_only(AT_FDCWD, "/", 0);
    configure_network(container->options.network);
    become_command(container);
}

/* Version 2: create the child in its cgroup. clone3(2) returns twice, as
 * fork(2) does. Only the C library's clone() calls a function instead. */
static pid_t clone_into_cgroup(struct container *container, void *stack_end,
                               int flags)
{
    const struct cgroup *c = own_cgroup(container->cgroups, NULL);

    if (!c)
        return clone(container_main, stack_end, flags, container);
    struct clone_args args = {.flags = (flags & ~CSIGNAL) | CLONE_INTO_CGROUP,
                              .exit_signal = flags & CSIGNAL,
                              .cgroup = c->fd};
    pid_t pid = clone3(&args, sizeof(args));
    if (pid == 0)
        _exit(container_main(container));
    return pid;
}

int main(int argc, char *argv[])
{
    /* The C library's clone() calls a function on a stack that we provide. The
     * stack grows downwards: pass its upper end. */
    static char stack[STACK_SIZE] __attribute__((aligned(16)));
    struct container *container = prepare_container(7, argc, argv);

    /* SIGCHLD tells the parent that the child has ended, as after fork(2).
     * Without CLONE_VM, the child works on a copy of the parent's memory. */
    int flags =
        SIGCHLD | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;

    if (container->options.network != NETWORK_HOST)
        flags |= CLONE_NEWNET;
    limit_resources(container);
    if (container->options.network == NETWORK_BRIDGE)
        join_network();
    container->pid = clone_into_cgroup(container, stack + STACK_SIZE, flags);
    if (container->pid == -1)
        die("clone", NULL);
    if (container->options.network == NETWORK_BRIDGE)
        connect_network(container->pid);

    release_container(container);
    /* While the container starts, remove the cgroups that killed runs left. */
    remove_stale_cgroups(container->cgroups);
    int status = wait_for_container(container);
    report_cgroups(container);
    return status;
}
