/* SPDX-License-Identifier: MIT
 *
 * Finds the control groups of this machine, whichever version it mounts, makes
 * one for the container and removes it again. What is written into it is the
 * stage's business. See cgroups(7).
 */
#ifndef COMMON_CGROUP_H
#define COMMON_CGROUP_H

#include <stdbool.h>

struct container;

/* A limit, as a row of a table: the file of its controller in version 1 and in
 * version 2, and the text to write, in which N stands for the number that was
 * asked for. No file: nothing to write. Optional: not every kernel has it. */
struct limit {
    const char *controller, *v1_file, *v1_text, *v2_file, *v2_text;
    bool optional;
};

/* The container's directory in one hierarchy. */
struct cgroup {
    int version;       /* of the hierarchy: 1 or 2 */
    char *controllers; /* version 1: its controllers, "cpu,cpuacct" */
    char *path;        /* the caller's cgroup, as /proc/self/cgroup has it */
    char *mount;       /* where the hierarchy is mounted */
    char *parent;      /* mini-container, the directory in which ours is made */
    char *directory;   /* ours; NULL until it is made */
    int fd;            /* of ours, close-on-exec; -1 */
    struct cgroup *next;
};

/* All hierarchies that this machine mounts, each once, the first of a list;
 * NULL if none. Dies on failure. See getmntent(3). */
struct cgroup *find_cgroups(void);

/* Removes what earlier runs left in any hierarchy, beside which ours would be
 * made: directories whose name is the PID of no process, if no process is in
 * them or below them. */
void remove_stale_cgroups(const struct cgroup *all);

/* Makes the container's cgroup in the hierarchy that has CONTROLLER ("memory";
 * NULL: in the version 2 hierarchy, without a controller), and returns it. In
 * version 2 it is mini-container/PID at the top, which passes CONTROLLER on
 * from then on; in version 1 the same below the caller's own. Returns NULL if
 * CONTROLLER is NULL and version 2 is not the only one that is mounted. A
 * second call for the same hierarchy makes no second one. It is removed when
 * the process ends by exit(3). Dies, with nothing left behind, if no hierarchy
 * has the controller or it cannot be enabled. */
struct cgroup *make_cgroup(struct cgroup *all, const char *controller);

/* Returns the container's cgroup in the hierarchy that has CONTROLLER (NULL:
 * in the version 2 hierarchy), or NULL if none was made there. */
struct cgroup *own_cgroup(struct cgroup *all, const char *controller);

/* Writes the limit, with NUMBER in place of its N. Nothing happens if the
 * version of the hierarchy has no such file, or the limit is optional and this
 * kernel lacks it. Dies on other failures. */
void write_limit(const struct cgroup *cgroup, const struct limit *limit,
                 long long number);

/* Writes TEXT to a file of the container's cgroup. Dies on failure. */
void write_cgroup(const struct cgroup *cgroup, const char *file,
                  const char *text);

/* In the container: where the hierarchy is to be mounted below /sys/fs/cgroup,
 * a directory made for it where several are mounted. NULL if the container has
 * no cgroup in it. Dies on failure. */
const char *cgroup_mount_point(const struct cgroup *all,
                               const struct cgroup *cgroup);

/* At the end: narrates in one line the numbers that the kernel has counted, and
 * warns if it has killed a process because memory ran out. */
void report_cgroups(const struct container *container);

/* Removes the container's cgroups and those that were made in them, and kills
 * what still lives there. Gives up after a second. Warns on failure. */
void remove_cgroups(void);

#endif
