/* SPDX-License-Identifier: MIT
 *
 * One lock for all containers of a host, held on a directory. Only root can
 * open the directory, so no other user can hold the lock. Files in the
 * directory record what must be undone.
 */
#ifndef COMMON_LOCK_H
#define COMMON_LOCK_H

#include "names.h"

#define RUN_DIRECTORY "/run/" OURS

/* Takes the lock, unless this process holds it. Prints a message after 3
 * seconds of waiting for one holder and dies after 30 seconds. SIGTERM, SIGINT,
 * SIGHUP and SIGQUIT end the wait with status 128 + N, or COMMAND's if it has
 * ended. Dies if another user can open the directory. See flock(2). */
void lock_host(void);

/* Releases the lock, even if a child of clone(2) inherited it, and removes the
 * directory if it is empty. exit(3) does this as well. */
void unlock_host(void);

#endif
