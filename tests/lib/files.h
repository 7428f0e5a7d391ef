/* SPDX-License-Identifier: MIT
 *
 * Files: where the programs and the tests' own directory are, reading, writing.
 */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include <sys/types.h>

/* Path of what make built: "stage03", "escape", "private/rootfs". */
char *built(const char *name);

/* For a grade, the environment variable GRADED is the build directory of the
 * submission. NULL: this is no grade. */
const char *graded(void);

/* The directory of the test program, from /proc/self/exe. */
char *directory_of_the_test(void);

/* Finds and returns the build directory: the one above build/tests, where the
 * test program is, or that of the submission. Call it before all others. */
const char *find_build_directory(void);

/* The number of the last stage that make built. */
int last_stage(void);

/* A directory on a tmpfs, empty at the start of the program. It is not below
 * /tmp, which stages 2 to 4 cover. */
char *scratch(void);

/* A path below scratch(): nothing is there, a directory is there, or a copy of
 * the BusyBox root that a test may change. */
char *fresh(const char *name);
char *fresh_directory(const char *name);
char *copy_root(const char *name);

/* Reads FD to its end: a file, or a pipe from which no more is expected. */
char *drain(int fd);

/* The whole of a file; fails the test if it cannot be read. */
char *contents(const char *path);

/* NULL if the file cannot be read: a process may end while we look. */
char *try_contents(const char *path);

/* Creates a file with this text and mode. */
void create(const char *path, const char *text, mode_t mode);

/* Fails if there is a file PATH. */
void assert_no_file(const char *path);

#endif
