/* SPDX-License-Identifier: MIT
 *
 * The caller's terminal, which the container uses while it runs. A shell in the
 * container controls jobs with it, so it has to see, under a PID of its own,
 * the process group that is in the foreground when it starts: the container
 * gets a group, and the parent becomes a member of it, so that Ctrl-C reaches
 * both. Nothing of this happens where standard input or output is no terminal.
 * See setpgid(2), tcsetpgrp(3), termios(3).
 */
#ifndef COMMON_TERMINAL_H
#define COMMON_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

/* Remembers modes and foreground group of the terminal on standard input. If
 * the caller is in the background, standard input becomes /dev/null. */
void save_terminal(void);

/* Puts the container's first process PID into a group of its own, with this
 * process, in the foreground. Returns whether it did. */
bool lend_terminal(pid_t pid);

/* For Ctrl-Z: stops this process in the group in which its shell knows it, and
 * goes on with the container's group in the foreground once it is continued. */
void stop_with_terminal(void);

/* At the end: gives the terminal back as it was. A shell that was killed left
 * its own modes, and a foreground group that has nobody in it any more. */
void restore_terminal(void);

#endif
