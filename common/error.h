/* SPDX-License-Identifier: MIT
 *
 * Ends a stage when something fails: prints one message and, for known causes,
 * a hint, and exits with a status that says whose failure it was.
 */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include <stdbool.h>

/* Exit statuses, the same as those of docker run and the shells. */
enum {
    EXIT_SETUP = 125,      /* the container could not be set up */
    EXIT_CANNOT_RUN = 126, /* COMMAND exists, but cannot be executed */
    EXIT_NOT_FOUND = 127,  /* COMMAND does not exist */
    EXIT_SIGNAL = 128      /* + N: signal N killed COMMAND */
};

/* The first word of every message: "stage02". parse_options() sets it. */
extern char program_name[16];

/* True in the child of clone(2), from enter_container() on. */
extern bool in_container;

/* Ends a line on standard error: "\r\n" while the terminal is raw. */
extern const char *line_end;

/* COMMAND's exit status; -1 before it is known. Once it is known, the parent
 * exits with it, even if cleaning up fails. */
extern int command_status;

/* True if SIGKILL killed COMMAND and did not come from the parent. */
extern bool killed_by_others;

/* Functions that die() and fail() call, NULL for none. Other files register
 * them here, so that error.c depends on no file but hints.c. */
extern void (*before_message)(void);  /* in both processes */
extern void (*undo_at_failure)(void); /* before exit(3); only in the parent */

/* Calls FUNCTION when the parent exits, as atexit(3) does: in reverse order of
 * registration. Dies if there are more than 8. Unlike with atexit(3), FUNCTION
 * may call die(): the functions registered before it are still called. FUNCTION
 * must not call exit(3) itself. */
void at_exit(void (*function)(void));

/* Prints "stage02: CALL OBJECT: strerror(errno)" and the hint for this call and
 * errno, if hints.c has one, and ends the process with status 125. CALL is the
 * failed call or its subject ("cgroup"). OBJECT is a printf format or NULL. In
 * the container, ends the process by _exit(2): the child of clone(2) has copies
 * of its parent's exit handlers and must not run them. See errno(3). */
void die(const char *call, const char *object, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/* Prints "stage02: MESSAGE" and HINT (NULL: none), and ends the process as
 * die() does, with STATUS. */
void fail(int status, const char *hint, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/* Prints "stage02: MESSAGE" and HINT (NULL: none) to standard error, and
 * returns. */
void warn(const char *hint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns the hint for a failure of CALL with the errno ERROR; NULL if there is
 * none. The string is static. Defined in hints.c. */
const char *hint_for(const char *call, int error);

#endif
