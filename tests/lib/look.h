/* SPDX-License-Identifier: MIT
 *
 * Looks at processes from outside, and at their namespaces.
 */
#ifndef TESTS_LOOK_H
#define TESTS_LOOK_H

#include <stdbool.h>
#include <sys/types.h>

/* After that, a process that lost its parent will not be killed for it. */
enum { ABANDONED_MS = 1000 };

/* The end of a wait. The test's own limit comes first, except in one that may
 * last longer than others. */
long long wait_deadline(void);

/* Calls DONE with ARGUMENT until it returns true; fails the test when it has
 * not in the time of `patience`. */
void wait_until(bool (*done)(const void *), const void *argument,
                const char *what);

/* Whether a process with this PID exists (and is no zombie). */
bool exists(pid_t pid);

/* Waits until it is gone, or fails the test when it is not after `patience`.
 * Waits for the ports of ended containers as well, see network.h. */
void wait_until_gone(pid_t pid);

/* For wait_until(): the process whose PID this is sleeps, and has no signal
 * left to take. */
bool has_no_signal(const void *pid);

/* For wait_until(): asleep, and not stopped, so blocked in a call. */
bool is_blocked(const void *pid);

/* The PIDs of all processes whose command line contains TEXT; ended by 0. */
pid_t *processes_with(const char *text);

/* The children of a process, found in /proc; ended by 0. */
pid_t *children_of(pid_t pid);

/* "pid:[4026531836]" of a process: what /proc/PID/ns/NAME links to. */
char *namespace_of(pid_t pid, const char *name);

/* The value of a line of /proc/PID/status: status_of(pid, "NSpid"). */
char *status_of(pid_t pid, const char *name);

#endif
