/* SPDX-License-Identifier: MIT
 *
 * The harness of the expectation tests: runs the tests of one file. Its headers
 * have what a test needs: running a stage (run.h), looking at it from outside
 * (look.h, mounts.h), and judging (expect.h, host.h).
 *
 * Everything happens in PID, mount, UTS and IPC namespaces and cgroups of the
 * test program's own, see apart.h. "The host" means what these show. Every
 * mount there is shared, as systemd makes them on most hosts, so that a
 * container that forgets to make its mounts private fails.
 * From stage 7 on, each test has a new network namespace as well.
 *
 * Every test comes to an end. One that lasts too long, or that has too many
 * processes, loses all its processes and fails.
 *
 * All functions assert in the process that runs cmocka. Strings and arrays
 * that they return are freed when the test program ends.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above before its own. */
#include <cmocka.h>

#include "expect.h"
#include "features.h"
#include "files.h"
#include "host.h"
#include "look.h"
#include "mounts.h"
#include "run.h"
#include "text.h"

/* Seconds that a test may last, and may wait for one thing: 30, or the value of
 * the environment variable PATIENCE. */
extern int patience;

/* Seconds that each test may last instead: for programs that try out many
 * things in one test. To be set before test_main(). */
extern int test_limit;

/* The initial state of tests that stand in the table of every stage. */
extern char shared_mark;

/* main() of every test file: `test_stage03` tests stage 3, `test_stage03 5`
 * does the same tests on the program of stage 5, less the shared
 * ones, which that stage has in its own table; `test_stage03 5 NAME...` does
 * the tests that are named, and fails if one does not exist. With SHARE=2/3 in
 * the environment it does the second third of the tests: run.sh shares them out
 * in this way. Returns the number of tests that failed. */
int test_main(int argc, char *argv[], int own_stage, const char *name,
              const struct CMUnitTest *tests, size_t count);

#endif
