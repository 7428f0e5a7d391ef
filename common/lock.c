/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "lock.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHORT_MS = 1, LONG_MS = 50, MESSAGE_MS = 3000, LIMIT_MS = 30000 };

static int lock = -1;

/* Returns whether it took the lock. Sets *WAITED to 0 for a new holder. Opens
 * the directory each time: the holder may have removed and replaced it. */
static bool try_lock(int *waited)
{
    static time_t holder_s;
    static long holder_ns;
    struct stat st;

    if (mkdir(RUN_DIRECTORY, S_IRWXU) == -1 && errno != EEXIST)
        die("lock", "%s", RUN_DIRECTORY);
    int fd =
        open(RUN_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd == -1 && errno == ENOENT)
        return false;
    if (fd == -1 || fstat(fd, &st) == -1)
        die("lock", "%s", RUN_DIRECTORY);
    if (st.st_uid != 0 || st.st_mode & (S_IRWXG | S_IRWXO))
        fail(EXIT_SETUP, "remove it: another user could hold the lock",
             "lock %s: expected owner root and mode 0700", RUN_DIRECTORY);
    /* Each holder sets the directory's time stamp, and sets it again when it
     * makes a file there. A new stamp means progress: restart the wait. */
    if (st.st_mtim.tv_sec != holder_s || st.st_mtim.tv_nsec != holder_ns)
        *waited = 0;
    holder_s = st.st_mtim.tv_sec;
    holder_ns = st.st_mtim.tv_nsec;
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno != EWOULDBLOCK)
        die("lock", "%s", RUN_DIRECTORY);
    if (locked && futimens(fd, NULL) == 0 && fstat(fd, &st) == 0 &&
        st.st_nlink > 0)
        lock = fd;
    else
        close(fd);
    return lock == fd;
}

/* Sleeps, and ends the process if a signal asks for that. The parent blocks
 * these signals, so they stay pending until sigtimedwait(2) takes them. */
static void wait_or_end(int ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000L};
    sigset_t ending;

    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGHUP);
    sigaddset(&ending, SIGQUIT);
    int signal = sigtimedwait(&ending, NULL, &time);
    if (signal > 0)
        fail(EXIT_SIGNAL + signal, NULL, "lock %s: signal %d ended the wait",
             RUN_DIRECTORY, signal);
}

static void unlock_at_exit(void)
{
    if (lock != -1)
        unlock_host();
}

void lock_host(void)
{
    static const char holder[] = "fuser -v " RUN_DIRECTORY " names the process";
    static bool registered;
    int waited = 0, slept = 0;

    if (!registered)
        at_exit(unlock_at_exit);
    registered = true;

    while (lock == -1 && !try_lock(&waited)) {
        /* Ask less and less often: many waiting processes that ask often take
         * the processor from the holder. */
        int ms = SHORT_MS + slept / 8;
        ms = ms < LONG_MS ? ms : LONG_MS;
        if (waited < MESSAGE_MS && waited + ms >= MESSAGE_MS)
            warn(holder, "waiting for another container that holds %s",
                 RUN_DIRECTORY);
        if (waited >= LIMIT_MS)
            fail(EXIT_SETUP, holder, "lock %s: still held after %d seconds",
                 RUN_DIRECTORY, LIMIT_MS / 1000);
        wait_or_end(ms);
        waited += ms;
        slept += ms;
    }
}

void unlock_host(void)
{
    rmdir(RUN_DIRECTORY);
    flock(lock, LOCK_UN);
    close(lock);
    lock = -1;
}
