/* SPDX-License-Identifier: MIT
 *
 * The container's terminal. Where standard input, output or error is a
 * terminal, the container gets a pseudoterminal of its own in its place, and
 * the parent, which holds the other end, passes on what is typed and what is
 * printed. No process of the container holds a descriptor of the caller's
 * terminal: nobody can put a keystroke into it (TIOCSTI) or change its modes.
 * See pty(7), tty_ioctl(4), termios(3), credentials(7) on sessions.
 */
#ifndef COMMON_TERMINAL_H
#define COMMON_TERMINAL_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

enum { TERMINAL_FDS = 3 };

/* In the container, which leads a session: opens a pseudoterminal of the devpts
 * that is mounted here, makes it the session's terminal, replaces by it those
 * of the descriptors 0 to 2 that are terminals, and sends its other end to the
 * parent through the socket CHANNEL. Returns false, and does nothing, if none
 * of them is a terminal. Dies on failure. */
bool give_terminal(int channel);

/* In the parent, all below. Takes that other end from CHANNEL, if it is there
 * already, and begins to relay. PID is the first process of the container. */
void receive_terminal(int channel, pid_t pid);

/* Fills in what poll(2) is to wait for, descriptors of -1 included. Returns the
 * milliseconds after which to call it again whatever happens; -1: forever. */
int watch_terminal(struct pollfd fds[TERMINAL_FDS]);

/* Relays what can be relayed after poll(2). Calls JUDGE for each key that means
 * SIGINT, SIGQUIT or SIGTSTP to the first process of the container: the key is
 * passed on only if it returns true. */
void relay_terminal(const struct pollfd fds[TERMINAL_FDS],
                    bool (*judge)(int signal));

/* Passes on all that was printed. While the caller's terminal takes nothing,
 * gives up if SIGNALS, a non-blocking signalfd(2), has one that means the end.
 */
void drain_terminal(int signals);

/* The process group in the foreground of the container's terminal; without a
 * terminal that of the container's first process PID. */
pid_t terminal_foreground(pid_t pid);

/* Gives the container's terminal the size of the caller's. If input and output
 * are the caller's terminal, and it is not in use by another job, makes it raw:
 * every key then goes to the container, whose terminal interprets it. */
void take_terminal(void);

/* Gives the caller's terminal the modes back that it had. */
void restore_terminal(void);

/* The container is about to end: restores the terminal, and whatever is typed
 * from now on is for whoever reads it next. */
void end_typing(void);

#endif
