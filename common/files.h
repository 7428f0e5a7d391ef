/* SPDX-License-Identifier: MIT
 *
 * Reads and writes small files whole, and makes mount points.
 */
#ifndef COMMON_FILES_H
#define COMMON_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Returns the contents of PATH, at most 1 MiB, with a NUL byte at the end. The
 * caller frees it. Returns NULL with errno on failure; dies if the file is too
 * large. See open(2), read(2). */
char *read_file(const char *path);

/* The same for FILE in DIRECTORY. */
char *read_in(const char *directory, const char *file);

/* Writes TEXT to PATH, which is created (mode 0644 less the umask) or truncated
 * first. Dies on failure. See open(2), write(2). */
void write_file(const char *path, const char *text);

/* Creates PATH if it is missing: a directory (mode 0755) or, if DIRECTORY is
 * false, an empty file, with all missing parents. Follows symbolic links, also
 * dangling ones, from the caller's root, so that after pivot_root(2) or
 * chroot(2) nothing is created outside of it. Dies on failure, and if PATH is a
 * file instead of a directory or the reverse, or if more than 256 directories
 * are missing. See mkdir(2), open(2). */
void make_mount_point(const char *path, bool directory);

/* The same for DIRECTORIES, absolute paths separated by spaces. */
void make_mount_points(const char *directories);

/* Returns those of NAMES, absolute paths separated by spaces, that exist, as an
 * array that ends with NULL. The first * of a path matches the rest of its
 * component. Dies on failure, and if the parent directory of that component
 * (without a *: of the last component) is missing. */
char **existing_paths(const char *names);

/* Dies if standard input, output or error is a directory: /proc/self/fd/0 would
 * lead to it, out of the root. See CVE-2024-21626 for other descriptors. */
void refuse_directories(void);

/* Makes PATH the working directory (NULL: keeps the present one). Dies on
 * failure. See chdir(2). */
void enter_workdir(const char *path);

/* Returns whether FD is open on a directory. Dies on failure. See fstat(2). */
bool is_directory(int fd);

/* malloc(3), realloc(3), strdup(3) and asprintf(3). They die when memory is
 * exhausted. The caller frees the result. */
void *xmalloc(size_t size);
void *xrealloc(void *memory, size_t size);
char *xstrdup(const char *text);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
