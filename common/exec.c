/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "exec.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Returns the hint for one of five causes of EACCES; NULL if stat(2) fails.
 * access(2) also fails on a noexec mount: look for that first. */
static const char *access_hint(const char *path)
{
    struct stat st;
    struct statvfs fs;

    if (stat(path, &st) == -1 || statvfs(path, &fs) == -1)
        return NULL;
    if (S_ISDIR(st.st_mode))
        return "it is a directory";
    if (fs.f_flag & ST_NOEXEC)
        return "its file system is mounted noexec";
    if (!(st.st_mode & 0111))
        return "chmod +x makes a file executable";
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == -1)
        return "its mode does not let this user execute it: see ls -l";
    return "its interpreter (first line, or dynamic linker) cannot be executed";
}

static const char *reason_hint(const char *path, int error)
{
    switch (error) {
    case ENOEXEC:
        return "it is a program for another architecture, or a script without "
               "#!";
    case ENOENT:
    case ENOTDIR:
        return "its interpreter (first line, or dynamic linker) does not exist "
               "in the container";
    case EACCES:
        return access_hint(path);
    case E2BIG:
        return "one string is over 128 KiB, or all are over getconf ARG_MAX";
    default:
        return NULL;
    }
}

/* The file to report: the first that exists but cannot be executed (a later
 * entry of PATH may still have one that can), or the one whose error ended the
 * search. */
static char blocked[PATH_MAX];
static int blocked_error;

static _Noreturn void report_blocked(void)
{
    fail(EXIT_CANNOT_RUN, reason_hint(blocked, blocked_error), "exec %s: %s",
         blocked, strerror(blocked_error));
}

/* Executes FILE. If that fails and FILE exists, notes FILE as blocked. COMMAND
 * with a slash counts as existing if its path cannot be followed (EACCES,
 * ELOOP). Returns if a later entry of PATH may have COMMAND. */
static void try_exec(const char *file, char *command[])
{
    execve(file, command, environ);
    int error = errno;
    bool missing = error == ENOENT || error == ENOTDIR;
    bool go_on = missing || error == EACCES;
    bool exists = access(file, F_OK) == 0 || (!missing && file == command[0]);

    if ((!*blocked || !go_on) && exists) {
        snprintf(blocked, sizeof(blocked), "%s", file);
        blocked_error = error;
    }
    if (!go_on && *blocked)
        report_blocked();
}

/* Calls try_exec() with each path of COMMAND: one for each entry of PATH, in
 * order, or its name itself if that contains a slash. */
static void try_each_path(char *command[])
{
    const char *name = command[0], *path = getenv("PATH");
    char file[PATH_MAX];

    if (strchr(name, '/')) {
        try_exec(name, command);
        return;
    }
    for (path = path ? path : "/bin:/usr/bin"; *name && path; path++) {
        int length = (int)strcspn(path, ":");

        /* An empty entry is the current directory. */
        if (snprintf(file, sizeof(file), "%.*s%s%s", length, path,
                     length ? "/" : "", name) < (int)sizeof(file))
            try_exec(file, command);
        if (!path[length])
            break;
        path += length;
    }
}

void execute(char *command[])
{
    try_each_path(command);
    if (*blocked)
        report_blocked();
    fail(EXIT_NOT_FOUND,
         "COMMAND is looked up inside the container, in its root and its PATH",
         "exec %s: %s", command[0], strerror(ENOENT));
}
