/* SPDX-License-Identifier: MIT
 *
 * The floor of make bench: the kernel calls by which stage 7 isolates and
 * nothing besides. No options, no narration, no checks, no lookups, no signals,
 * no terminal: what it cannot know is given to it on the command line. The time
 * that a stage takes beyond this is the cost of our code.
 *
 *     floor ROOTFS LIMITS NET COMMAND [ARG]...
 *
 * `make check` compares its tables with those of stage 7, and a test the calls.
 *
 * LIMITS: - for none; or the directories of version 1 in which the container's
 * are made, MEMORY:PIDS:CPU; or the one of version 2. NET: - for a bare network
 * namespace; or an address in the subnet of the bridge mini0, which must exist;
 * with a + before it, COMMAND waits until the bridge passes packets, as stage 7
 * does it: the difference is the duration of that wait.
 */
#define _GNU_SOURCE
#include "../../common/names.h"
#include "../../common/syscalls.h"

#include <arpa/inet.h>
#include <grp.h>
#include <linux/if_link.h>
#include <linux/keyctl.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

/* IF_OPER_UP of <linux/if.h>, which cannot be included beside <net/if.h>. */
enum { OPER_UP = 6 };

#define SECURE (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define COVER  (MS_BIND | MS_RDONLY | SECURE)

static const struct mount_row mounts[] = {
    {"proc", "/proc", "proc", SECURE, NULL},
    {"tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"sysfs", "/sys", "sysfs", SECURE | MS_RDONLY, NULL},
    {"tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k"},
    {"devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
     "newinstance,ptmxmode=0666,mode=0620"},
    {"shm", "/dev/shm", "tmpfs", SECURE, "mode=1777,size=64m"},
    {"tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"},
    {"mqueue", "/dev/mqueue", "mqueue", SECURE, NULL},
    {0},
};

/* All that stage 7 covers but thermal_throttle of each processor. Stage 7 looks
 * first whether a path exists; here, mounting on a missing one fails. */
static const struct mount_row covers[] = {
    {"/proc/bus", "/proc/bus", NULL, COVER, NULL},
    {"/proc/fs", "/proc/fs", NULL, COVER, NULL},
    {"/proc/irq", "/proc/irq", NULL, COVER, NULL},
    {"/proc/sys", "/proc/sys", NULL, COVER, NULL},
    {"/proc/sysrq-trigger", "/proc/sysrq-trigger", NULL, COVER, NULL},
    {"tmpfs", "/proc/acpi", "tmpfs", SECURE | MS_RDONLY, NULL},
    {"tmpfs", "/proc/asound", "tmpfs", SECURE | MS_RDONLY, NULL},
    {"/dev/null", "/proc/interrupts", NULL, MS_BIND, NULL},
    {"/dev/null", "/proc/kcore", NULL, MS_BIND, NULL},
    {"/dev/null", "/proc/keys", NULL, MS_BIND, NULL},
    {"/dev/null", "/proc/latency_stats", NULL, MS_BIND, NULL},
    {"/dev/null", "/proc/sched_debug", NULL, MS_BIND, NULL},
    {"tmpfs", "/proc/scsi", "tmpfs", SECURE | MS_RDONLY, NULL},
    {"/dev/null", "/proc/timer_list", NULL, MS_BIND, NULL},
    {"tmpfs", "/sys/devices/virtual/powercap", "tmpfs", SECURE | MS_RDONLY,
     NULL},
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

static const char *const links[][2] = {
    {"/dev/fd", "/proc/self/fd"},
    {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"},
    {"/dev/ptmx", "pts/ptmx"},
    {"/dev/console", "pts/0"},
    {NULL, NULL},
};

/* file, text, and in which of the three directories */
static const struct {
    const char *file, *text;
    int directory;
} v1_limits[] = {
    {"memory.limit_in_bytes", "268435456", 0},
    {"memory.memsw.limit_in_bytes", "268435456", 0},
    {"memory.swappiness", "0", 0},
    {"pids.max", "100", 1},
    {"cpu.cfs_quota_us", "100000", 2},
};

static const struct {
    const char *file, *text;
} v2_limits[] = {
    {"memory.max", "268435456"},
    {"memory.swap.max", "0"},
    {"pids.max", "100"},
    {"cpu.max", "100000 100000"},
};

static const char *const names[] = {"memory", "pids", "cpu"};

static char *rootfs, *address, **command;
static char port[IFNAMSIZ];      /* our end of the cable */
static char directories[3][256]; /* the container's */
static int directory_count;
static bool awaited; /* the bridge passes packets before COMMAND runs */
static int gate[2], unified = -1;
static unsigned char buffer[1024];
static size_t length;

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    (void)!write(fd, text, strlen(text));
    close(fd);
}

static void write_in(const char *directory, const char *file, const char *text)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", directory, file);
    write_text(path, text);
}

/* --- rtnetlink, by hand --------------------------------------------------- */

static void *put(const void *data, size_t size)
{
    void *place = buffer + length;

    if (data)
        memcpy(place, data, size);
    else
        memset(place, 0, size);
    length += (size + 3) & ~3UL;
    return place;
}

static struct rtattr *attribute(int type, const void *data, size_t size)
{
    struct rtattr *head = put(NULL, sizeof(*head));

    head->rta_type = (unsigned short)type;
    head->rta_len = (unsigned short)(sizeof(*head) + size);
    if (data)
        put(data, size);
    return head;
}

static void end(struct rtattr *nest)
{
    nest->rta_len = (unsigned short)(buffer + length - (unsigned char *)nest);
}

static void begin(int type, int flags)
{
    struct nlmsghdr *head;

    length = 0;
    head = put(NULL, sizeof(*head));
    head->nlmsg_type = (unsigned short)type;
    head->nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
}

/* Returns the length of the answer, which is in BUFFER. */
static ssize_t exchange(int fd)
{
    ((struct nlmsghdr *)buffer)->nlmsg_len = (unsigned int)length;
    (void)!send(fd, buffer, length, 0);
    return recv(fd, buffer, sizeof(buffer), 0);
}

static int netlink(void)
{
    struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    (void)!bind(fd, (struct sockaddr *)&name, sizeof(name));
    return fd;
}

static void make_veth(pid_t pid)
{
    struct ifinfomsg up = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct ifinfomsg none = {0};
    unsigned int bridge = if_nametoindex(BRIDGE);

    snprintf(port, sizeof(port), "floor%d", pid);
    begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    put(&up, sizeof(up));
    attribute(IFLA_IFNAME, port, strlen(port) + 1);
    attribute(IFLA_MASTER, &bridge, 4);
    struct rtattr *info = attribute(IFLA_LINKINFO, NULL, 0);
    attribute(IFLA_INFO_KIND, "veth", 5);
    struct rtattr *data = attribute(IFLA_INFO_DATA, NULL, 0);
    struct rtattr *peer = attribute(VETH_INFO_PEER, NULL, 0);
    put(&none, sizeof(none));
    attribute(IFLA_IFNAME, "eth0", 5);
    attribute(IFLA_NET_NS_PID, &pid, 4);
    end(peer);
    end(data);
    end(info);
    exchange(netlink());
}

static void set_up(int fd, const char *name)
{
    struct ifinfomsg up = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};

    begin(RTM_NEWLINK, 0);
    put(&up, sizeof(up));
    attribute(IFLA_IFNAME, name, strlen(name) + 1);
    exchange(fd);
}

/* Asks every millisecond, as stage 7 does, and for 200 at most. */
static void wait_until_up(int fd, const char *name)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    const struct ifinfomsg none = {0};

    for (int i = 0; i < 200; i++, nanosleep(&pause, NULL)) {
        begin(RTM_GETLINK, 0);
        ((struct nlmsghdr *)buffer)->nlmsg_flags = NLM_F_REQUEST;
        put(&none, sizeof(none));
        attribute(IFLA_IFNAME, name, strlen(name) + 1);
        ssize_t left = exchange(fd) - NLMSG_LENGTH(sizeof(none));
        struct rtattr *at =
            (void *)(buffer + NLMSG_ALIGN(NLMSG_LENGTH(sizeof(none))));
        for (; RTA_OK(at, left); at = RTA_NEXT(at, left))
            if (at->rta_type == IFLA_OPERSTATE &&
                *(unsigned char *)RTA_DATA(at) == OPER_UP)
                return;
    }
}

static void wait_for_bridge(pid_t pid)
{
    int other = (int)syscall(SYS_pidfd_open, pid, 0), fd = netlink();
    int own = (int)syscall(SYS_pidfd_open, getpid(), 0);

    setns(other, CLONE_NEWNET);
    set_up(netlink(), "eth0");
    setns(own, CLONE_NEWNET);
    wait_until_up(fd, port);
    wait_until_up(fd, BRIDGE);
}

static void configure_network(void)
{
    int fd = netlink();
    in_addr_t own = inet_addr(address);
    in_addr_t gateway = htonl((ntohl(own) & 0xfffff000U) + 1);
    struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = 20};
    struct rtmsg route = {.rtm_family = AF_INET,
                          .rtm_table = RT_TABLE_MAIN,
                          .rtm_protocol = RTPROT_BOOT,
                          .rtm_type = RTN_UNICAST};

    set_up(fd, "lo");
    if (*address == '-')
        return;
    header.ifa_index = if_nametoindex("eth0");
    begin(RTM_NEWADDR, NLM_F_CREATE);
    put(&header, sizeof(header));
    attribute(IFA_LOCAL, &own, 4);
    attribute(IFA_ADDRESS, &own, 4);
    exchange(fd);
    set_up(fd, "eth0");
    begin(RTM_NEWROUTE, NLM_F_CREATE);
    put(&route, sizeof(route));
    attribute(RTA_GATEWAY, &gateway, 4);
    exchange(fd);
}

/* --- the container -------------------------------------------------------- */

static void make_cgroups(char *parents)
{
    char *next, *parent = strtok_r(parents, ":", &next);

    for (; parent; parent = strtok_r(NULL, ":", &next)) {
        snprintf(directories[directory_count], sizeof(directories[0]),
                 "%s/floor.%d", parent, getpid());
        mkdir(directories[directory_count++], 0755);
    }
    if (directory_count == 1) {
        for (size_t i = 0; i < sizeof(v2_limits) / sizeof(v2_limits[0]); i++)
            write_in(directories[0], v2_limits[i].file, v2_limits[i].text);
        unified = open(directories[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return;
    }
    for (size_t i = 0; i < sizeof(v1_limits) / sizeof(v1_limits[0]); i++)
        write_in(directories[v1_limits[i].directory], v1_limits[i].file,
                 v1_limits[i].text);
}

static void mount_cgroups(void)
{
    unshare(CLONE_NEWCGROUP);
    if (unified != -1) {
        mount("cgroup2", "/sys/fs/cgroup", "cgroup2", SECURE | MS_RDONLY, NULL);
        return;
    }
    mount("tmpfs", "/sys/fs/cgroup", "tmpfs", SECURE, "mode=755");
    for (int i = 0; i < directory_count && i < 3; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", names[i]);
        mkdir(path, 0755);
        mount("cgroup", path, "cgroup", SECURE | MS_RDONLY, names[i]);
    }
    mount(NULL, "/sys/fs/cgroup", NULL,
          MS_REMOUNT | MS_BIND | MS_RDONLY | SECURE, NULL);
}

static void copy_etc(int trees[3])
{
    static const char *const files[] = {"/tmp/hosts", "/tmp/hostname",
                                        "/tmp/resolv.conf"};

    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
    for (int i = 0; i < 3; i++) {
        write_text(files[i], "127.0.0.1 localhost\n");
        trees[i] = (int)syscall(SYS_open_tree, AT_FDCWD, files[i],
                                OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE);
    }
    umount2("/tmp", MNT_DETACH);
}

static void furnish(void)
{
    for (const struct mount_row *m = mounts; m->target; m++) {
        mkdir(m->target, 0755);
        mount(m->source, m->target, m->type, m->flags, m->data);
    }
    for (const struct device_row *d = devices; d->path; d++)
        mknod(d->path, S_IFCHR | 0666, makedev(d->major, d->minor));
    for (int i = 0; links[i][0]; i++)
        (void)!symlink(links[i][1], links[i][0]);
    for (const struct mount_row *m = covers; m->target; m++)
        if (mount(m->source, m->target, m->type, m->flags, NULL) == 0 &&
            m->flags & MS_BIND && m->flags & MS_RDONLY)
            mount(NULL, m->target, NULL, MS_REMOUNT | m->flags, NULL);
}

static int container_main(void *argument)
{
    static const char *const targets[] = {"/etc/hosts", "/etc/hostname",
                                          "/etc/resolv.conf"};
    static char *environment[] = {"PATH=/bin", NULL};
    int trees[3];
    char byte;

    (void)argument;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    (void)!setgroups(0, NULL);
    (void)!read(gate[0], &byte, 1);
    for (int i = 0; unified == -1 && i < directory_count; i++)
        write_in(directories[i], "tasks", "0");
    syscall(SYS_close_range, 3, ~0U, 0);
    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    copy_etc(trees);
    mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL);
    (void)!chdir(rootfs);
    syscall(SYS_pivot_root, ".", ".");
    umount2(".", MNT_DETACH);
    (void)!chdir("/");
    furnish();
    (void)!sethostname("container", 9);
    (void)!setdomainname("(none)", 6);
    mount_cgroups();
    for (int i = 0; i < 3; i++) {
        syscall(SYS_move_mount, trees[i], "", AT_FDCWD, targets[i],
                MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
        close(trees[i]);
    }
    configure_network();
    execve(command[0], command, environment);
    _exit(127);
}

int main(int argc, char *argv[])
{
    static char stack[65536] __attribute__((aligned(16)));
    unsigned int flags =
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
    int status;
    pid_t pid;

    if (argc < 5)
        return 2;
    rootfs = argv[1];
    awaited = argv[3][0] == '+';
    address = argv[3] + awaited;
    command = argv + 4;
    if (argv[2][0] != '-')
        make_cgroups(argv[2]);
    (void)!pipe2(gate, O_CLOEXEC);
    if (unified != -1) {
        struct clone_args args = {.flags = flags | CLONE_INTO_CGROUP,
                                  .exit_signal = SIGCHLD,
                                  .cgroup = (unsigned int)unified};
        pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
        if (pid == 0)
            container_main(NULL);
    } else {
        pid = clone(container_main, stack + sizeof(stack), (int)flags | SIGCHLD,
                    NULL);
    }
    if (*address != '-')
        make_veth(pid);
    if (awaited)
        wait_for_bridge(pid);
    (void)!write(gate[1], "", 1);
    waitpid(pid, &status, 0);
    for (int i = 0; i < directory_count; i++)
        rmdir(directories[i]);
    return WEXITSTATUS(status);
}
