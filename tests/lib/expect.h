/* SPDX-License-Identifier: MIT
 *
 * Assertions on text that print it, or the part that differs, when they fail.
 */
#ifndef TESTS_EXPECT_H
#define TESTS_EXPECT_H

#include "run.h"

void assert_contains(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);
void assert_text(const char *text, const char *expected);
void assert_status(struct result result, int status);

/* The last message, "stageNN: ...", contains MESSAGE, and the line after it
 * HINT. NULL: that line is missing. */
void assert_message(struct result result, const char *message,
                    const char *hint);

/* The same, and COMMAND did not run: STATUS, and not one word of output. */
void assert_not_run(struct result result, int status, const char *message,
                    const char *hint);

/* "status 139 (Segmentation fault)": what $? says of a signal, in words. */
char *status_text(int status);

#endif
