/* SPDX-License-Identifier: MIT
 *
 * System calls for which some C libraries have no function. Each returns the
 * result of syscall(2).
 */
#define _GNU_SOURCE
#include "syscalls.h"

#include <sys/syscall.h>

int pivot_root(const char *new_root, const char *put_old)
{
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}

int open_tree(int dfd, const char *filename, unsigned int flags)
{
    return (int)syscall(SYS_open_tree, dfd, filename, flags);
}

int move_mount(int from_dfd, const char *from_pathname, int to_dfd,
               const char *to_pathname, unsigned int flags)
{
    return (int)syscall(SYS_move_mount, from_dfd, from_pathname, to_dfd,
                        to_pathname, flags);
}

int mount_setattr(int dfd, const char *path, unsigned int flags,
                  struct mount_attr *attr, size_t size)
{
    return (int)syscall(SYS_mount_setattr, dfd, path, flags, attr, size);
}

int close_range(unsigned int fd, unsigned int max_fd, int flags)
{
    return (int)syscall(SYS_close_range, fd, max_fd, flags);
}

pid_t clone3(struct clone_args *args, size_t size)
{
    return (pid_t)syscall(SYS_clone3, args, size);
}

long keyctl(int operation, const char *name)
{
    return syscall(SYS_keyctl, operation, name);
}
