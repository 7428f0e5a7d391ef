/* SPDX-License-Identifier: MIT
 *
 * What to try when a call fails: one row a known cause, the first that fits
 * is printed. errno says what the kernel refused, the hint says why people
 * usually meet that and what to type.
 */
#define _GNU_SOURCE
#include "error.h"
#include "files.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Ubuntu 23.10 and later: a process that made a user namespace is root in it,
 * but AppArmor takes every capability away. */
static bool apparmor_restricts(void)
{
    char *text =
        read_file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    bool restricts = text && text[0] == '1';

    free(text);
    return restricts;
}

/* Its root has the capabilities of the namespaces that it made, and no others.
 */
static bool in_user_namespace(void)
{
    char *map = read_file("/proc/self/uid_map");
    unsigned int inside = 0, outside = 0, count = ~0U;
    int read = sscanf(map ? map : "", "%u %u %u", &inside, &outside, &count);

    free(map);
    return read == 3 && count != ~0U;
}

#define REAL_ROOT                                                          \
    "the root of a user namespace (unshare -r) is not the host's: run as " \
    "the real root, sudo ./run"

static const struct hint {
    const char *call;
    int error;
    bool (*applies)(void); /* NULL: always */
    const char *text;
} hints[] = {
    {"clone", EPERM, not_root, "creating namespaces needs root: sudo ./run"},
    {"clone", EPERM, inside_docker,
     "Docker took CAP_SYS_ADMIN away: start it with docker run --privileged"},
    {"clone", EPERM, apparmor_restricts,
     "AppArmor restricts root in a user namespace (Ubuntu 24.04): run as the "
     "real root, sudo ./run"},
    {"clone", EPERM, in_user_namespace, REAL_ROOT},
    {"clone", EPERM, NULL,
     "this root has no CAP_SYS_ADMIN (see capsh --print): run where root is "
     "not restricted"},
    {"clone", EINVAL, NULL,
     "this kernel is built without one of these namespaces: ls /proc/self/ns"},
    {"clone", ENOSPC, NULL,
     "a limit on namespaces is reached: sysctl user | grep namespaces"},
    {"clone", EAGAIN, NULL, "too many processes: ulimit -u"},
    {"clone", ENOMEM, NULL, "out of memory, or the PID namespace is gone"},
    {"mount", EPERM, inside_docker,
     "Docker forbids mount: start it with docker run --privileged"},
    {"mount", EACCES, inside_docker,
     "Docker's AppArmor profile forbids mount: start it with docker run "
     "--privileged"},
    {"mount", EPERM, apparmor_restricts,
     "AppArmor restricts root in a user namespace (Ubuntu 24.04): run as the "
     "real root, sudo ./run"},
    /* After pivot_root, there is no /proc that would tell. */
    {"mount", EPERM, NULL, REAL_ROOT},
    {"mknod", EPERM, NULL, REAL_ROOT},
    {"mount", ENODEV, NULL,
     "this kernel does not have that file system: cat /proc/filesystems"},
    {"mount", ENOSPC, NULL,
     "too many mounts, not a full disk: sysctl fs.mount-max"},
    {"pivot_root", EINVAL, NULL,
     "the current root is an initramfs, or a mount on the way is shared "
     "(findmnt -o TARGET,PROPAGATION): make mounts private first, or use "
     "--chroot"},
    {"pivot_root", ENOSYS, NULL, "use --chroot"},
    {"pivot_root", EBUSY, NULL,
     "the new root is the current one (--rootfs /), or it is no mount point"},
    {"open_tree", ENOENT, NULL, "--volume takes a path that exists here"},
    {"open_tree", ENOSYS, NULL, "this needs Linux 5.2 or later: uname -r"},
    {"mount_setattr", ENOSYS, NULL, "this needs Linux 5.12 or later: uname -r"},
    {"netlink", EPERM, not_root,
     "creating namespaces and links needs root: sudo ./run"},
    {"netlink", EPERM, in_user_namespace, REAL_ROOT},
    {"netlink", EPERM, NULL,
     "this root has no CAP_NET_ADMIN: --network none or host does without"},
    {"netlink", EOPNOTSUPP, NULL,
     "this kernel has no bridge or no veth: modprobe bridge veth; or --network "
     "none"},
    {"netlink", EXFULL, NULL,
     "a bridge has 1023 ports, one for each container: --network none does "
     "without"},
    {"lock", EACCES, not_root,
     "creating namespaces and links needs root: sudo ./run"},
    {"lock", EACCES, in_user_namespace, REAL_ROOT},
    {"sysctl", EROFS, NULL,
     "/proc/sys is read-only, as in a container: --network none or host does "
     "without"},
    {"cgroup", EROFS, NULL,
     "cgroups are read-only here, as in a container: run on the host itself, "
     "or docker run --privileged"},
    {"cgroup", EACCES, not_root, "making cgroups needs root: sudo ./run"},
    {"cgroup", EACCES, in_user_namespace, REAL_ROOT},
    {"cgroup", EACCES, NULL, "no write access to the cgroup file system"},
    {"cgroup", EBUSY, NULL,
     "processes live in that cgroup, and version 2 then allows no controller "
     "below it: inside Docker, docker run --cgroupns=host; or move them into a "
     "cgroup below it"},
    {"cgroup", ENOENT, NULL,
     "that controller is not passed on to this cgroup: see cgroup.controllers "
     "there"},
    {"cgroup", EINVAL, NULL, "the kernel does not accept that value"},
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
