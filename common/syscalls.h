/* SPDX-License-Identifier: MIT
 *
 * The headers of the calls that change what a process sees, and declarations of
 * those calls and constants that older C libraries do not declare (glibc
 * before 2.36, musl). They take and return what their man pages say: -1 with
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

/* pivot_root(2): no C library declares it. */
int pivot_root(const char *new_root, const char *put_old);

/* open_tree(2), Linux 5.2: a descriptor of the mount at PATH; with
 * OPEN_TREE_CLONE of a copy of it that is attached nowhere yet. */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE   1
#define OPEN_TREE_CLOEXEC O_CLOEXEC
int open_tree(int dfd, const char *filename, unsigned int flags);
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* move_mount(2), Linux 5.2: attaches such a mount to the file system. */
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#define MOVE_MOUNT_T_SYMLINKS   0x00000010
int move_mount(int from_dfd, const char *from_pathname, int to_dfd,
               const char *to_pathname, unsigned int flags);
#endif

/* mount_setattr(2), Linux 5.12: changes the flags of one mount, or with
 * AT_RECURSIVE of the whole tree below it. */
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

/* keyctl(2) with the arguments of KEYCTL_JOIN_SESSION_KEYRING; NULL: a new
 * keyring without a name. */
#ifndef KEYCTL_JOIN_SESSION_KEYRING
#define KEYCTL_JOIN_SESSION_KEYRING 1
#endif
long keyctl(int operation, const char *name);

/* close_range(2), Linux 5.9: closes the descriptors FD to MAX_FD. */
int close_range(unsigned int fd, unsigned int max_fd, int flags);

/* clone3(2), Linux 5.3; CLONE_INTO_CGROUP, 5.7. Without a stack of its own the
 * child goes on where the parent does, with the result 0. */
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
struct clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
    uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
pid_t clone3(struct clone_args *args, size_t size);

#endif
