/* SPDX-License-Identifier: MIT
 *
 * Finds the cgroup hierarchies of this machine, version 1 or 2, makes the
 * container's cgroup in them and removes it again. The stage decides which
 * limits to write into it. See cgroups(7).
 */
#ifndef COMMON_CGROUP_H
#define COMMON_CGROUP_H

#include <stdbool.h>

struct container;

/* One limit, as a row of a table: its controller, and for each version the file
 * and the text to write. N in the text stands for the limit that the user set,
 * in the unit of the file. A NULL file: that version has no such limit.
 * Optional: some kernels lack the file. */
struct limit {
    const char *controller, *v1_file, *v1_text, *v2_file, *v2_text;
    bool optional;
};

/* One hierarchy, and the container's cgroup in it. */
struct cgroup {
    int version;       /* of the hierarchy: 1 or 2 */
    char *controllers; /* version 1: its controllers, "cpu,cpuacct" */
    char *path;        /* the caller's cgroup, from /proc/self/cgroup */
    char *mount;       /* the hierarchy's mount point */
    char *parent;      /* the directory mini-container */
    char *directory;   /* PARENT/PID, or PARENT/PID.N; NULL: not made */
    int fd;            /* of that directory, close-on-exec; -1: not made */
    struct cgroup *next;
};

/* Returns the list of the mounted hierarchies, each once. Leaves out those of
 * version 1 without controllers. NULL: there are none. Dies on failure. See
 * getmntent(3). */
struct cgroup *find_cgroups(void);

/* Removes stale cgroups, which killed runs left in the mini-container
 * directories of ALL (version 1: in the caller's cgroup): those that are named
 * after the PID of an ended process, have no process in or below them, and
 * whose lock nobody holds. */
void remove_stale_cgroups(const struct cgroup *all);

/* Makes the container's cgroup in the hierarchy of CONTROLLER ("memory"; NULL:
 * in version 2, without a controller), unless it exists, and returns it.
 * Version 2: mini-container/PID at the top, with CONTROLLER enabled on the way
 * down. Version 1: mini-container/PID below the caller's cgroup. exit(3)
 * removes it. Returns NULL if CONTROLLER is NULL and version 2 is not the only
 * mounted hierarchy. Dies if no hierarchy has CONTROLLER or the kernel refuses.
 */
struct cgroup *make_cgroup(struct cgroup *all, const char *controller);

/* Returns the container's cgroup in the hierarchy of CONTROLLER (NULL: in
 * version 2), or NULL if none was made there. */
struct cgroup *own_cgroup(struct cgroup *all, const char *controller);

/* Writes LIMIT with NUMBER in place of N. Does nothing if this version has no
 * such limit, or if LIMIT is optional and this kernel lacks the file. Dies on
 * other failures. */
void write_limit(const struct cgroup *cgroup, const struct limit *limit,
                 long long number);

/* Writes TEXT to FILE of the container's cgroup. Dies on failure. */
void write_cgroup(const struct cgroup *cgroup, const char *file,
                  const char *text);

/* Returns whether ALL has more than one hierarchy. Version 2 alone is one. */
bool has_several_hierarchies(const struct cgroup *all);

/* In the container: returns the mount point for the hierarchy. If that is the
 * only one: /sys/fs/cgroup, which exists. Otherwise: a new directory in it, or
 * NULL if the container has no cgroup in that hierarchy. Dies on failure. */
const char *make_cgroup_mount_point(const struct cgroup *all,
                                    const struct cgroup *cgroup);

/* Narrates the kernel's counters on one line, after COMMAND has ended. Warns if
 * the kernel killed a process because memory ran out. */
void report_cgroups(const struct container *container);

/* Kills every process in the container's cgroups, then removes them with all
 * cgroups below. Warns on failure, and if a cgroup is still busy after a
 * second. */
void remove_cgroups(void);

#endif
