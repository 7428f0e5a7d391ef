/* SPDX-License-Identifier: MIT
 *
 * The narration: what a stage does, one line a kernel call, on standard error,
 * with who made the call and the PID that it has there, under the name of the
 * function of the stage that made it:
 *
 *   [container 1] mount_proc
 *   [container 1]   mount("proc", "/proc", "proc", 0, NULL) = 0
 *
 * The lines have the form that strace(1) gives them, so that both can be held
 * side by side. A stage does nothing for this, and is the same program without
 * it. The Makefile attaches the narration to a stage in two ways:
 *
 *  - The compiler calls a function of narrate.c at the beginning and the end of
 *    each function of the stage (gcc -finstrument-functions), so that it knows
 *    in which one a call is made.
 *  - The linker (ld --wrap) sends each call named in calls.c through a function
 *    there, which makes the call, prints it and returns what it returned, errno
 *    included.
 */
#ifndef COMMON_NARRATE_H
#define COMMON_NARRATE_H

#include <stdbool.h>

/* What is narrated: nothing with --quiet, everything with --verbose. Otherwise
 * the functions that this stage adds in full, and those of earlier stages in
 * one line for each run of them. */
enum narration { NARRATE_NOTHING, NARRATE_NEW, NARRATE_ALL };
extern enum narration narration;

/* The functions of the stage before this one, ended by NULL, and the number of
 * that stage; 0 in stage 1. The Makefile generates them from its source. */
extern const char *const earlier_functions[];
extern const int earlier_stages;

/* Maps this program's file to find the names of its functions. Called before
 * clone(2): the container cannot open the file any more. */
void narrate_names(void);

/* Prints LINE, a call, under the name of the function of the stage that makes
 * it, or counts it where it folds. FAILED: the call did. ALWAYS: never folds.
 */
void narrate_line(const char *line, bool failed, bool always);

/* The same for a line that is not a call, in the form of a comment. */
void narrate_note(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Prints that TEXT was written to PATH through FD, as strace -y does; errno
 * stays. */
void narrate_write(int fd, const char *path, const char *text, long result);

/* In the container, first of all: its lines are held back until narrate_held().
 */
void narrate_container(void);

/* Prints the lines that were held back until the parent had narrated its
 * clone(2). */
void narrate_held(void);

/* Before a message of failure: prints what is held back or folded, and the call
 * that failed; errno stays. */
void narrate_failure(void);

#endif
