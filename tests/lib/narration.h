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

/* The line about the container's clone(2). From stage 6 on, the parent sets
 * limits before that, from stage 7 on a bridge; nothing of the container comes
 * before it. */
char *clone_line(char *const lines[]);

#endif
