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

#define LOCK_FILE RUN_DIRECTORY "/lock"

enum { SHORT_MS = 2, LONG_MS = 50, MESSAGE_MS = 1000, LIMIT_MS = 30000 };

static int lock = -1;

static void check_owner(int fd, const char *path)
{
    struct stat st;

    if (fstat(fd, &st) == -1)
        die("lock %s", path);
    if (st.st_uid != 0 || st.st_mode & (S_IRWXG | S_IRWXO))
        fail(EXIT_SETUP, "remove it: nobody but root may hold the lock",
             "lock %s: not accessible to root alone", path);
}

/* Returns -1 if the holder removed the file or the directory meanwhile. */
static int open_lock(void)
{
    if (mkdir(RUN_DIRECTORY, S_IRWXU) == -1 && errno != EEXIST)
        die("lock %s", RUN_DIRECTORY);
    int directory =
        open(RUN_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory == -1 && errno != ENOENT)
        die("lock %s", RUN_DIRECTORY);
    if (directory == -1)
        return -1;
    check_owner(directory, RUN_DIRECTORY);
    int fd =
        openat(directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
               S_IRUSR | S_IWUSR);
    if (fd == -1 && errno != ENOENT)
        die("lock %s", LOCK_FILE);
    close(directory);
    if (fd != -1)
        check_owner(fd, LOCK_FILE);
    return fd;
}

/* Opens the file again each time: the one that was locked may be removed by
 * now, and another process may hold a new one. */
static bool try_lock(void)
{
    struct stat st;
    int fd = open_lock();

    if (fd == -1)
        return false;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (fstat(fd, &st) == 0 && st.st_nlink > 0) {
            lock = fd;
            return true;
        }
    } else if (errno != EWOULDBLOCK) {
        die("flock %s", LOCK_FILE);
    }
    close(fd);
    return false;
}

/* The parent holds these signals back, so that they wait to be fetched. */
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
             LOCK_FILE, signal);
}

void lock_host(void)
{
    int waited = 0;

    while (lock == -1 && !try_lock()) {
        int ms = waited < 2 * LONG_MS ? SHORT_MS : LONG_MS;
        if (waited < MESSAGE_MS && waited + ms >= MESSAGE_MS)
            warn("waiting for another container that holds %s\n"
                 "  hint: fuser -v %s names its process",
                 LOCK_FILE, LOCK_FILE);
        if (waited >= LIMIT_MS)
            fail(EXIT_SETUP, "fuser -v " LOCK_FILE " names its process",
                 "lock %s: still held after %d seconds", LOCK_FILE,
                 LIMIT_MS / 1000);
        wait_or_end(ms);
        waited += ms;
    }
}

void unlock_host(void)
{
    unlink(LOCK_FILE);
    rmdir(RUN_DIRECTORY);
    flock(lock, LOCK_UN);
    close(lock);
    lock = -1;
}
