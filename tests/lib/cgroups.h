/* SPDX-License-Identifier: MIT
 *
 * The test program's own control groups. What a container makes and leaves
 * there is found, and nothing else on the machine is touched. They also bound
 * what a wrong program can take of the machine. Finds the hierarchies by
 * itself, so that it judges common/cgroup.c and does not repeat it. See
 * cgroups(7).
 *
 * Their directories are called container-test-XXXXXX, like scratch(). Who made
 * them holds a lock on a file in each, flock(2). A directory with such a name
 * and no lock belongs to a dead run: the next one removes it.
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
    char base[512];       /* ours: the one in which containers are made */
    char own[528];        /* the one in which this program is */
};

/* Makes the cgroups with this name. Version 2 passes memory, pids and cpu on to
 * them. Returns false with errno if that fails. Called by a
 * process that stays outside, and that calls remove_test_cgroups() at the end.
 */
bool make_test_cgroups(const char *name);
void remove_test_cgroups(void);

/* Moves this process into them. Where version 2 is the only one, it becomes
 * the root of what this process sees. Returns false with errno. */
bool enter_test_cgroups(void);

/* Where version 2 is the only one: passes memory, pids and cpu on to what is at
 * the top. This has been done when a test begins. */
void pass_on_controllers(void);

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
