/* SPDX-License-Identifier: MIT
 *
 * Includes the headers of the system calls that the stages use, and declares
 * the calls and constants that some C libraries (glibc before 2.36, musl) or
 * all of them lack. Arguments and results are those of the man pages: -1 with
 * errno on failure. The definitions are in syscalls.c.
 */
#ifndef COMMON_SYSCALLS_H
#define COMMON_SYSCALLS_H

#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>

/* The number of elements of ARRAY. */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The arguments of mount(2), as the rows of a table. */
struct mount_row {
    const char *source, *target, *type;
    unsigned long flags;
    const char *data;
};

/* A device node for mknod(2). */
struct device_row {
    const char *path;
    unsigned int major, minor;
};

/* pivot_root(2). Neither glibc nor musl declares it. */
int pivot_root(const char *new_root, const char *put_old);

/* open_tree(2), Linux 5.2. Returns a descriptor of the mount at FILENAME, or
 * with OPEN_TREE_CLONE of a clone of that mount that is not attached yet. */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE   1
#define OPEN_TREE_CLOEXEC O_CLOEXEC
int open_tree(int dfd, const char *filename, unsigned int flags);
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* move_mount(2), Linux 5.2. Attaches such a clone at a path. */
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#define MOVE_MOUNT_T_SYMLINKS   0x00000010
int move_mount(int from_dfd, const char *from_pathname, int to_dfd,
               const char *to_pathname, unsigned int flags);
#endif

/* mount_setattr(2), Linux 5.12. Changes the flags of one mount, or with
 * AT_RECURSIVE those of all mounts below it as well. */
#ifndef MOUNT_ATTR_RDONLY
#define MOUNT_ATTR_RDONLY 0x00000001
struct mount_attr {
    uint64_t attr_set;
    uint64_t attr_clr;
    uint64_t propagation;
    uint64_t userns_fd;
};
int mount_setattr(int dfd, const char *path, unsigned int flags,
                  struct mount_attr *attr, size_t size);
#endif

/* keyctl(2) with the arguments of KEYCTL_JOIN_SESSION_KEYRING. With a NULL NAME
 * it joins a new session keyring without a name. */
#ifndef KEYCTL_JOIN_SESSION_KEYRING
#define KEYCTL_JOIN_SESSION_KEYRING 1
#endif
long keyctl(int operation, const char *name);

/* close_range(2), Linux 5.9. Closes the descriptors FD to MAX_FD. */
int close_range(unsigned int fd, unsigned int max_fd, int flags);

/* clone3(2), Linux 5.3; CLONE_INTO_CGROUP, 5.7. With no stack given, the child
 * returns from the call as after fork(2), with the result 0. */
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
struct clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
    uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
pid_t clone3(struct clone_args *args, size_t size);

#endif
