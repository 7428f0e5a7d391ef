/* SPDX-License-Identifier: MIT
 *
 * One lock for all containers of a host, and the directory for what they have
 * to remember. Only root can enter the directory, so no other user can hold the
 * lock.
 */
#ifndef COMMON_LOCK_H
#define COMMON_LOCK_H

#define RUN_DIRECTORY "/run/mini-container"

/* Takes the lock; returns at once if this process holds it. Names the holder
 * after a second and fails after 30. A signal that asks this process to end
 * ends the wait too, with status 128 + N. Dies if the directory or the file is
 * not root's alone. See flock(2). */
void lock_host(void);

/* Frees the lock, which a child of clone(2) may have inherited, and removes the
 * file, and the directory if it is empty. */
void unlock_host(void);

#endif
