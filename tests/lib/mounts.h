/* SPDX-License-Identifier: MIT
 *
 * Looks at the mounts that a process sees, and removes what a test mounted.
 */
#ifndef TESTS_MOUNTS_H
#define TESTS_MOUNTS_H

#include <sys/types.h>

/* The mounts that a process sees, one a line: /proc/PID/mountinfo whole. */
char *mounts_of(pid_t pid);

/* The last line of MOUNTS (see mounts_of) with the mount point POINT, which is
 * the mount seen there; NULL if there is none. */
char *mount_at(const char *mounts, const char *point);

/* The mount points of MOUNTS, sorted, one a line. */
char *mount_points(const char *mounts);

/* Remembers the mounts of this process; undo_mounts() later removes every
 * other. */
void remember_mounts(void);
void undo_mounts(void);

#endif
