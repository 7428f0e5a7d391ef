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
 * When one of them dies, those below it die too. In the last one,
 * kill(-1, SIGKILL) kills the processes of the current test and no other.
 */
#ifndef TESTS_APART_H
#define TESTS_APART_H

/* Returns in the process that runs cmocka; the other two end with its status,
 * or with 1 on failure. BUILD is the directory with the programs. If the
 * environment has RUNNER, the starter's PID, ends if that process has ended. */
void leave_the_host(const char *build);

/* The name of this run's scratch directory and cgroups. */
const char *run_name(void);

/* Milliseconds of CLOCK_MONOTONIC. */
long long now_ms(void);

/* Begins to watch a test, until end_watch(). After SECONDS, or if there are too
 * many processes, kills all its processes, so that whatever the test waits for
 * comes to an end. */
void watch_test(int seconds);
void end_watch(void);

/* Why the processes of the current test were killed: "not ended after 30 s".
 * NULL if they were not. */
const char *why_stopped(void);

#endif
