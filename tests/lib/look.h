/* SPDX-License-Identifier: MIT
 *
 * Looks at processes from outside, and at their namespaces.
 */
#ifndef TESTS_LOOK_H
#define TESTS_LOOK_H

#include <stdbool.h>
#include <sys/types.h>

/* A process that lives this long after its parent will live on. */
enum { ABANDONED_MS = 1000 };

/* When a wait that begins now must end, by now_ms(). The test's own limit comes
 * first, except with test_limit. */
long long wait_deadline(void);

/* Calls DONE with ARGUMENT until it returns true. After `patience`, fails the
 * test with "waited in vain until WHAT". */
void wait_until(bool (*done)(const void *), const void *argument,
                const char *what);

/* Returns whether a process with this PID exists (and is no zombie). */
bool exists(pid_t pid);

/* Waits until PID is gone, then calls wait_for_dying_ports(). Fails the test
 * after `patience`, or if PID lives on without its parent. */
void wait_until_gone(pid_t pid);

/* For wait_until(): the process *PID sleeps and has no pending signal. */
bool has_no_signal(const void *pid);

/* For wait_until(): asleep, and not stopped, so blocked in a call. */
bool is_blocked(const void *pid);

/* The PIDs of all processes whose command line contains TEXT; ended by 0. */
pid_t *processes_with(const char *text);

/* The children of a process, found in /proc; ended by 0. */
pid_t *children_of(pid_t pid);

/* "pid:[4026531836]" of a process: what /proc/PID/ns/NAME links to. */
char *namespace_of(pid_t pid, const char *name);

/* The line NAME ("NSpid") of /proc/PID/status; NULL if PID is gone. */
char *status_of(pid_t pid, const char *name);

#endif
