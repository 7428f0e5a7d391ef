/* SPDX-License-Identifier: MIT
 *
 * The test program's own cgroups. Containers make theirs below, so tests see
 * what they leave and touch nothing else on the machine. These cgroups also
 * limit a wrong program. This file finds the hierarchies without
 * common/cgroup.c, which the tests are to judge. See cgroups(7).
 *
 * The directories are called container-test-XXXXXX, like scratch(). The
 * process that made them holds a lock on a file in each, see flock(2). Without
 * the lock, a directory belongs to a dead run, and the next run removes it.
 */
#ifndef TESTS_CGROUPS_H
#define TESTS_CGROUPS_H

#include <stdbool.h>
#include <sys/types.h>

/* One mounted hierarchy that a container of stage 6 may use. */
struct hierarchy {
    int version;          /* 1 or 2 */
    char mount[256];      /* where it is mounted */
    char controllers[64]; /* version 1: as its mount option says, "cpu,cpuacct";
                             version 2: "" */
    char base[512];       /* our cgroup, below which containers make theirs */
    char own[528];        /* the cgroup in which this program is */
};

/* Makes the cgroups NAME, and in version 2 enables memory, pids and cpu for
 * them. Returns false with errno on failure. Call it in a process that stays
 * outside and calls remove_test_cgroups() at the end. */
bool make_test_cgroups(const char *name);
void remove_test_cgroups(void);

/* Moves this process into them. If only version 2 is mounted, our cgroup
 * becomes the root that it sees. Returns false with errno on failure. */
bool enter_test_cgroups(void);

/* If version 2 is used: enables memory, pids and cpu in our cgroup again.
 * enter_test_cgroups() has enabled them once. */
void pass_on_controllers(void);

/* Removes every directory that a test left. */
void clear_test_cgroups(void);

/* The hierarchy with CONTROLLER ("pids"), or fails the test. */
const struct hierarchy *hierarchy_of(const char *controller);

/* Returns whether more than one hierarchy is mounted: the container then has a
 * directory for each. */
bool several_hierarchies(void);

/* The directory, as seen on the host, of the cgroup in which PID is. */
char *cgroup_of(pid_t pid, const char *controller);

/* The first line of a file of PID's cgroup: V1 or V2, by the version of the
 * controller's hierarchy. */
char *cgroup_value(pid_t pid, const char *controller, const char *v1,
                   const char *v2);

/* The cgroups below ours, two levels, and enabled controllers. */
char *cgroups_state(void);

#endif
