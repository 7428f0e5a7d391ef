/* SPDX-License-Identifier: MIT
 *
 * Runs the stage in strace: to list its calls, and to make them fail.
 */
#ifndef TESTS_STRACE_H
#define TESTS_STRACE_H

#include "harness.h"

/* Runs the stage with -V and ARGS in strace, which writes the calls of each
 * process into trace.PID in scratch(). Returns the PIDs on the host. */
struct result run_strace(char *const args[], pid_t *host, pid_t *child);

/* Runs the stage with WORDS (ended by NULL) in strace, which makes calls fail
 * as INJECT says: "mount:error=EIO:when=2", counted for each process. With
 * EVERYWHERE in the container as well, otherwise in the parent alone. */
struct result run_failing(const char *inject, bool everywhere,
                          char *const words[]);

/* For each of CALLS, and each time that the stage makes it before COMMAND runs:
 * runs the stage with the options WORDS (ended by NULL), and that call fails.
 * Each run must end with status 125, and all together leave nothing. Returns
 * the number of runs. */
int fail_each_call(const char *const calls[], char *const words[]);

#endif
