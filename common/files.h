/* SPDX-License-Identifier: MIT
 *
 * Small files, whole: read, write, and the mount points that files and
 * directories are mounted on.
 */
#ifndef COMMON_FILES_H
#define COMMON_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a file of at most 1 MiB. Returns its bytes, ended by a NUL byte, to be
 * freed by the caller; NULL with errno on failure. See open(2), read(2). */
char *read_file(const char *path);

/* Writes TEXT to PATH, which is created (mode 0644 less the umask) or emptied
 * first. Dies on failure. See open(2), write(2). */
void write_file(const char *path, const char *text);

/* Makes sure that PATH can be mounted on: creates a missing directory (mode
 * 0755) or, if DIRECTORY is false, a missing empty file, with its parents.
 * Symbolic links are followed, also to what does not exist yet, as the kernel
 * follows them from the caller's own root, so that after pivot_root(2) or
 * chroot(2) nothing is created outside of it. Dies on failure, and if PATH is a
 * file instead of a directory or the reverse. See mkdir(2), open(2). */
void make_mount_point(const char *path, bool directory);

/* Those of NAMES, divided by spaces, that exist: an array that ends with NULL.
 * A * stands for the rest of the name of a directory, of which there may be
 * several. Dies if the directory in which a name should be does not exist. */
char **existing_paths(const char *names);

/* Makes PATH the working directory (NULL: leaves it). Dies on failure, and if
 * the working directory is not below the root: /proc/self/fd/0 leads out where
 * standard input is a directory of the host. See chdir(2), getcwd(2). */
void enter_workdir(const char *path);

/* Whether the descriptor FD is that of a directory. Dies on failure. See
 * fstat(2). */
bool is_directory(int fd);

/* malloc(3), realloc(3), strdup(3) and asprintf(3) that die when there is no
 * memory. */
void *xmalloc(size_t size);
void *xrealloc(void *memory, size_t size);
char *xstrdup(const char *text);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
