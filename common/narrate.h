/* SPDX-License-Identifier: MIT
 *
 * The narration: prints each call that calls.c names on one line to standard
 * error, with the process that made the call and its PID as it sees it. The
 * lines stand under the name of the stage's function that made the call:
 *
 *   [container 812] mount_tmp
 *   [container 812]   mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID|..., ...) = 0
 *
 * Each line has the form of strace(1), so that both can be compared. A stage
 * contains no code for the narration and works without it. The Makefile adds
 * the narration to a stage in two ways:
 *
 *  - The compiler inserts a call of a function of narrate.c at the beginning
 *    and the end of each function of the stage (gcc -finstrument-functions).
 *    narrate.c thus knows which function of the stage is running.
 *  - The linker (ld --wrap) redirects each call named in calls.c to a function
 *    there, which makes the call, prints it, and returns its result and errno.
 */
#ifndef COMMON_NARRATE_H
#define COMMON_NARRATE_H

#include <stdbool.h>

/* How much to print: nothing (--quiet), everything (--verbose), or, in each new
 * function of this stage, the first two calls of the same name. One line counts
 * the others, and one stands for successive functions of earlier stages. */
enum narration { NARRATE_NOTHING, NARRATE_NEW, NARRATE_ALL };
extern enum narration narration;

/* The names of the previous stage's functions, ended by NULL, and the previous
 * stage's number; 0 in stage 1. The Makefile generates both from its source. */
extern const char *const earlier_functions[];
extern const int earlier_stages;

/* Maps this program's file, which has the names of its functions. Call it
 * before clone(2), so that the container has the map as well. If it fails, all
 * lines stand under "main". Keeps errno. See elf(5). */
void narrate_names(void);

/* Prints LINE, a call, under the name of the stage's function that made it, or
 * only counts it for a folded line: "stages 1 to 4: ... (9 calls)". FAILED: the
 * call failed. ALWAYS: do not fold. */
void narrate_line(const char *line, bool failed, bool always);

/* Prints a line that is not a call, as a comment. */
void narrate_note(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Prints a write(2) of TEXT to FD, which is open on PATH, and its RESULT, as
 * strace -y does. Keeps errno. */
void narrate_write(int fd, const char *path, const char *text, long result);

/* In the container, first of all: holds its lines back until narrate_held(). */
void narrate_container(void);

/* In the container, once the parent has printed its clone(2): prints the lines
 * held back. */
void narrate_held(void);

#endif
