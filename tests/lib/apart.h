/* SPDX-License-Identifier: MIT
 *
 * Keeps a test program apart from the host, and sees to it that each test ends.
 *
 * The program divides into three processes:
 *
 *  - the keeper, which was started. It stays outside, makes the cgroups, waits,
 *    and removes them, also when it gets SIGINT, SIGTERM or SIGHUP, or when the
 *    process that started it dies.
 *  - PID 1 of new PID, mount, UTS and IPC namespaces. It prepares them and then
 *    watches the tests.
 *  - the one that runs cmocka. All that the tests start is below it.
 *
 * When one of them dies, so do those below it: kill(-1, SIGKILL) in the last
 * one hits the processes of the current test and no other.
 */
#ifndef TESTS_APART_H
#define TESTS_APART_H

/* Returns in the process that runs cmocka; the other two end with its status.
 * BUILD is the directory with the programs. The variable RUNNER may name the
 * process that started this one: if that has ended, so does this one. */
void leave_the_host(const char *build);

/* The name of this run's scratch directory and cgroups. */
const char *run_name(void);

/* Milliseconds on a clock that only goes forward. */
long long now_ms(void);

/* A test begins, which may last so many seconds. After that all its processes
 * are killed, so that whatever it waits for comes to an end. The same happens
 * to a test with too many processes. */
void watch_test(int seconds);
void end_watch(void);

/* Why the processes of the current test were killed: "not ended after 30 s".
 * NULL if they were not. */
const char *why_stopped(void);

#endif
