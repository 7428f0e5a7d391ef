/* SPDX-License-Identifier: MIT
 *
 * Reads the narration of a stage.
 */
#ifndef TESTS_NARRATION_H
#define TESTS_NARRATION_H

#include "shared.h"

/* Fails the test unless each of LINES has the form of narration: [host PID] or
 * [container PID], then the name of a function; a call(...) = n, an execve(...)
 * or a comment, indented; or the functions of earlier stages. Returns the PIDs.
 */
void check_form(char *const lines[], pid_t *host, pid_t *container);

/* The line about the container's clone(2). Fails the test if there is none. */
char *find_clone(char *const lines[]);

/* The line about the container's clone(2). Fails the test if a line of the
 * container comes before it, or, up to stage 5, another call of the parent. */
char *clone_line(char *const lines[]);

#endif
