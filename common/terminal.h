/* SPDX-License-Identifier: MIT
 *
 * The container's terminal. If standard input, output or error is a terminal,
 * the container gets a pseudoterminal of its own in place of it. The parent
 * holds the master end and relays input and output. The container gets no
 * descriptor of the caller's terminal, with which it could inject keystrokes
 * (TIOCSTI) or change its modes. (Before stage 5, root in the container can
 * open any terminal of the host.) See pty(7), tty_ioctl(4), termios(3),
 * credentials(7) on sessions.
 */
#ifndef COMMON_TERMINAL_H
#define COMMON_TERMINAL_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

enum { TERMINAL_FDS = 3 };

/* In the container, which leads a session: opens a pseudoterminal of the devpts
 * mounted here, makes it the session's controlling terminal and puts it in
 * place of those descriptors 0 to 2 that are terminals. Sends both ends to
 * the parent through the socket CHANNEL. Returns false, and does nothing, if
 * none of the three is a terminal. Dies on failure. */
bool give_terminal(int channel);

/* The functions below are for the parent. */

/* Receives both ends from CHANNEL, if they were sent, and starts relaying.
 * PID is the container's first process. Dies on failure. */
void receive_terminal(int channel, pid_t pid);

/* Sets FDS for poll(2) and returns its timeout in milliseconds, -1 for none.
 * Takes or restores the terminal if this job's foreground state has changed. */
int watch_terminal(struct pollfd fds[TERMINAL_FDS]);

/* Relays input and output after poll(2). Calls JUDGE for each key that sends
 * SIGINT, SIGQUIT or SIGTSTP to the container's first process, and passes the
 * key on only if JUDGE returns true. */
void relay_terminal(const struct pollfd fds[TERMINAL_FDS],
                    bool (*judge)(int signal));

/* Passes on the output that is left. Waits while the caller's terminal accepts
 * none, but gives up when SIGNALS, a non-blocking signalfd(2), reports SIGHUP,
 * SIGINT, SIGQUIT or SIGTERM. */
void drain_terminal(int signals);

/* Returns the foreground process group of the container's terminal. Without a
 * terminal, returns PID, the container's first process. */
pid_t terminal_foreground(pid_t pid);

/* Gives the container's terminal the caller's window size. If standard input
 * and output are the caller's terminal and this job is in its foreground, also
 * makes that terminal raw: every key then reaches the container, whose terminal
 * interprets it. */
void take_terminal(void);

/* Restores the modes of the caller's terminal. */
void restore_terminal(void);

/* Restores the terminal and stops reading keys, because the container is about
 * to end. Later keys are for the program that reads the terminal next. */
void end_typing(void);

#endif
