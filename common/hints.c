/* SPDX-License-Identifier: MIT
 *
 * The hints for failed calls, one row for each known cause. A hint tells the
 * usual cause of that errno and the command to type.
 */
#define _GNU_SOURCE
#include "error.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool not_root(void)
{
    return geteuid() != 0;
}

static bool inside_docker(void)
{
    return access("/.dockerenv", F_OK) == 0 ||
           access("/run/.containerenv", F_OK) == 0;
}

/* Root of a user namespace has capabilities only over the namespaces that this
 * user namespace owns. The host's user namespace maps all 2^32 - 1 IDs. */
static bool in_user_namespace(void)
{
    FILE *file = fopen("/proc/self/uid_map", "re");
    unsigned int inside = 0, outside = 0, count = ~0U;
    int found = 0;

    if (file) {
        found = fscanf(file, "%u %u %u", &inside, &outside, &count);
        fclose(file);
    }
    return found == 3 && count != ~0U;
}

/* An unprivileged process that makes a user namespace becomes root in it. On
 * Ubuntu 24.04 and later, AppArmor takes this root's capabilities away. */
static bool apparmor_restricts(void)
{
    FILE *file =
        fopen("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "re");
    bool restricts = file && getc(file) == '1' && in_user_namespace();

    if (file)
        fclose(file);
    return restricts;
}

#define REAL_ROOT                                                              \
    "this needs root of the host, not root of a user namespace (unshare -r): " \
    "run as the real root, sudo ./run"

static const struct hint {
    const char *call;
    int error;
    bool (*applies)(void); /* NULL: always */
    const char *text;
} hints[] = {
    {"clone", EPERM, not_root, "creating namespaces needs root: sudo ./run"},
    {"clone", EPERM, inside_docker,
     "Docker and Podman drop CAP_SYS_ADMIN: use docker run --privileged"},
    {"clone", EPERM, apparmor_restricts,
     "AppArmor restricts root in a user namespace (Ubuntu 24.04): run as the "
     "real root, sudo ./run"},
    {"clone", EPERM, in_user_namespace, REAL_ROOT},
    {"clone", EPERM, NULL,
     "root lacks CAP_SYS_ADMIN here (see capsh --print): run where root is "
     "not restricted"},
    {"clone", EINVAL, NULL,
     "this kernel lacks a namespace (ls /proc/self/ns), clone() got no stack, "
     "or clone3() has a signal in its flags"},
    {"clone", ENOSPC, NULL,
     "a limit on namespaces is reached: see sysctl user | grep namespaces"},
    {"clone", EAGAIN, NULL,
     "too many processes: see ulimit -u (for root: pids.max of its cgroup and "
     "of those above)"},
    {"clone", ENOMEM, NULL,
     "out of memory, or PID 1 of this PID namespace has ended"},
    {"mount", EPERM, inside_docker,
     "Docker or Podman forbids mount: use docker run --privileged"},
    {"mount", EACCES, inside_docker,
     "the AppArmor profile of Docker or Podman forbids mount: use docker run "
     "--privileged"},
    {"mount", EPERM, apparmor_restricts,
     "AppArmor restricts root in a user namespace (Ubuntu 24.04): run as the "
     "real root, sudo ./run"},
    /* Unconditional: after pivot_root, uid_map cannot be read any more. */
    {"mount", EPERM, NULL, REAL_ROOT},
    {"mknod", EPERM, NULL, REAL_ROOT},
    {"mount", ENODEV, NULL,
     "this kernel lacks that file system: see cat /proc/filesystems"},
    {"mount", ENOSPC, NULL,
     "too many mounts, not a full disk: see sysctl fs.mount-max"},
    {"pivot_root", EINVAL, NULL,
     "the current root is an initramfs, or a mount above the new root is "
     "shared (see findmnt -o TARGET,PROPAGATION): make mounts private first, "
     "or use --chroot; or the new root is not a mount point"},
    {"pivot_root", ENOSYS, NULL, "this kernel lacks pivot_root: use --chroot"},
    {"pivot_root", EBUSY, NULL,
     "the new root is the current one (--rootfs /), or is not a mount point"},
    {"open_tree", ENOENT, NULL,
     "--volume expects SRC to exist, in the root that this process has now"},
    {"open_tree", ENOSYS, NULL, "this needs Linux 5.2 or later: uname -r"},
    {"mount_setattr", ENOSYS, NULL, "this needs Linux 5.12 or later: uname -r"},
    {"netlink", EPERM, not_root,
     "creating namespaces and links needs root: sudo ./run"},
    {"netlink", EPERM, in_user_namespace, REAL_ROOT},
    {"netlink", EPERM, NULL,
     "root lacks CAP_NET_ADMIN here: use --network host"},
    {"netlink", EOPNOTSUPP, NULL,
     "bridge or veth is missing: modprobe -a bridge veth, or use --network "
     "none"},
    {"netlink", EXFULL, NULL,
     "a bridge has 1023 ports, one for each container: use --network none"},
    {"lock", EACCES, not_root,
     "creating namespaces and links needs root: sudo ./run"},
    {"lock", EACCES, in_user_namespace, REAL_ROOT},
    {"sysctl", EROFS, NULL,
     "/proc/sys is read-only, as in a container: use --network none or host"},
    {"cgroup", EROFS, NULL,
     "cgroups are read-only here, as in a container: run on the host itself, "
     "or docker run --privileged"},
    {"cgroup", EACCES, not_root, "making cgroups needs root: sudo ./run"},
    {"cgroup", EACCES, in_user_namespace, REAL_ROOT},
    {"cgroup", EACCES, NULL, "no write access to the cgroup file system"},
    {"cgroup", EBUSY, NULL,
     "that cgroup contains processes, so version 2 limits no cgroup in it: "
     "inside Docker, use docker run --cgroupns=host; elsewhere, move the "
     "processes into a cgroup below it"},
    {"cgroup", ENOENT, NULL,
     "that cgroup lacks the controller (see its cgroup.controllers), or its "
     "path is not in the root that this process has now"},
    {"cgroup", EINVAL, NULL,
     "the kernel does not accept that value: a cgroup above allows less "
     "(cpu.cfs_quota_us), or a real-time process is outside the root cgroup"},
    {"cgroup", EAGAIN, NULL,
     "a cgroup above allows no more cgroups: see its cgroup.max.descendants "
     "and cgroup.max.depth"},
    {"close_range", ENOSYS, NULL, "this needs Linux 5.9 or later: uname -r"},
};

const char *hint_for(const char *call, int error)
{
    size_t count = sizeof(hints) / sizeof(hints[0]);

    for (const struct hint *h = hints; h < hints + count; h++)
        if (strcmp(h->call, call) == 0 && h->error == error &&
            (!h->applies || h->applies()))
            return h->text;
    return NULL;
}
