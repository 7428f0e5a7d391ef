/* SPDX-License-Identifier: MIT
 *
 * One lock for all containers of a host: a directory that only root can open,
 * so that no other user can hold it. Files in it say what is to be undone.
 */
#ifndef COMMON_LOCK_H
#define COMMON_LOCK_H

#define RUN_DIRECTORY "/run/mini-container"

/* Takes the lock, if this process does not hold it. If one process holds it for
 * a second, says what it waits for, and fails after 30. A signal that asks this
 * process to end ends the wait too, with status 128 + N. Dies if the directory
 * is not root's alone. See flock(2). */
void lock_host(void);

/* Frees the lock, which a child of clone(2) may have inherited, and removes the
 * directory if it is empty. Done by exit(3) as well. */
void unlock_host(void);

#endif
