/* SPDX-License-Identifier: MIT
 *
 * The narration: what a stage does, one line a kernel call, on standard error,
 * with who made the call and the PID that it has there:
 *
 *   [container 1] mount("proc", "/proc", "proc", 0, NULL) = 0
 *
 * The lines have the form that strace(1) gives them, so that both can be held
 * side by side. A stage does nothing for this: the linker (ld --wrap, see the
 * Makefile) sends each call named in narrate.c through a function there, which
 * makes the call, prints it and returns what it returned, errno included.
 */
#ifndef COMMON_NARRATE_H
#define COMMON_NARRATE_H

#include <stdbool.h>

/* Whether to narrate; false with --quiet. */
extern bool narrating;

/* Prints one line that is not a call, in the form of a comment. */
void narrate_note(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Prints that TEXT was written to PATH through FD, as strace -y does; errno
 * stays. */
void narrate_write(int fd, const char *path, const char *text, long result);

/* In the container: prints the lines that were held back until the parent had
 * narrated its clone(2). */
void narrate_held(void);

#endif
