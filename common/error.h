/* SPDX-License-Identifier: MIT
 *
 * How a stage ends when something fails: one message, a hint where the reader
 * could be stuck, and the exit status that says whose failure it was.
 */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include <stdbool.h>

/* Exit statuses, the ones that docker run and the shells use. */
enum {
    EXIT_SETUP = 125,      /* the container could not be set up */
    EXIT_CANNOT_RUN = 126, /* COMMAND exists, but cannot be executed */
    EXIT_NOT_FOUND = 127,  /* COMMAND does not exist */
    EXIT_SIGNAL = 128      /* + N: signal N killed COMMAND */
};

/* The name that messages begin with: "stage02". parse_options() sets it. */
extern char program_name[16];

/* True in the cloned child, from its first instruction on. */
extern bool in_container;

/* The status of COMMAND once it has ended, -1 before. A failure after that is
 * reported and does not change the status of this process. */
extern int command_status;

/* Prints "stage02: MESSAGE: strerror(errno)", then a hint if hints.c knows one
 * for this call and errno, and ends the process with status 125. The first
 * word of MESSAGE is the call or option that failed, the rest its object.
 * In the container it ends by _exit(2): the child of clone(2) must not run the
 * exit handlers of its parent, of which it has a copy. See errno(3). */
void die(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/* The same with a status and hint (NULL: none) of the caller's choice, and
 * without errno. */
void fail(int status, const char *hint, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/* Prints "stage02: MESSAGE" to standard error and returns. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The hint for a failure: CALL is the first word of the message, ERROR the
 * errno. Returns a string that must not be freed, or NULL. */
const char *hint_for(const char *call, int error);

#endif
