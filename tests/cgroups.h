/* SPDX-License-Identifier: MIT
 *
 * The test program's own control groups: it lives below the cgroups in which
 * it was started, so that what a container makes and leaves there is found,
 * and nothing else on the machine is touched. Finds the hierarchies by itself,
 * so that it judges common/cgroup.c and does not repeat it. See cgroups(7).
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
    char before[512];     /* the directory in which we were started */
    char base[512];       /* ours: the one in which containers are made */
    char own[528];        /* the one in which this program is */
};

/* Makes cgroups for this program and moves it there. Returns false with errno
 * if that fails. */
bool enter_test_cgroups(void);

/* Back to where it was; removes them. */
void leave_test_cgroups(void);

/* Removes every directory that a test left. */
void clear_test_cgroups(void);

/* The hierarchy with a controller ("memory", "pids", "cpu"). */
const struct hierarchy *hierarchy_of(const char *controller);

/* Whether more than one hierarchy is mounted: the container then has a
 * directory for each. */
bool several_hierarchies(void);

/* The directory, as seen on the host, of the cgroup in which PID is. */
char *cgroup_of(pid_t pid, const char *controller);

/* A file of a container's cgroup, without its last newline: V1 or V2, as the
 * controller has it. */
char *cgroup_value(pid_t pid, const char *controller, const char *v1,
                   const char *v2);

/* All directories below ours, and what version 2 passes on to them. */
char *cgroups_state(void);

#endif
