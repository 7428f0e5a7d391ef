/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "exec.h"

#include "error.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Tells apart the four causes of EACCES. access(2) cannot: it also fails on a
 * noexec mount. */
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
    if (st.st_mode & 0111)
        return "its interpreter (first line, or dynamic linker) cannot be "
               "executed";
    return "chmod +x makes a file executable";
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
        return "arguments and environment are too long: see getconf ARG_MAX";
    default:
        return NULL;
    }
}

/* Reports that PATH exists and cannot be executed. Returns if it does not
 * exist. */
static void report_existing(const char *path, int error)
{
    if (access(path, F_OK) == -1)
        return;
    fail(EXIT_CANNOT_RUN, reason_hint(path, error), "exec %s: %s", path,
         strerror(error));
}

/* Calls TRY with each path of NAME: one for each entry of PATH, in order, or
 * NAME itself if it contains a slash. */
static void for_each_path(const char *name, char *command[],
                          void (*try)(const char *path, char *command[]))
{
    const char *path = getenv("PATH");
    char file[PATH_MAX];

    if (strchr(name, '/')) {
        try(name, command);
        return;
    }
    for (path = path ? path : "/bin:/usr/bin"; *name && path; path++) {
        int length = (int)strcspn(path, ":");

        /* An empty entry is the current directory. */
        if (snprintf(file, sizeof(file), "%.*s%s%s", length, path,
                     length ? "/" : "", name) < (int)sizeof(file))
            try(file, command);
        if (!path[length])
            break;
        path += length;
    }
}

/* Executes PATH. Returns if a later entry of PATH may have the command. */
static void try_exec(const char *path, char *command[])
{
    execve(path, command, environ);
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
        report_existing(path, errno);
}

/* Executes PATH once more, after all entries failed, and reports why. */
static void try_explain(const char *path, char *command[])
{
    execve(path, command, environ);
    report_existing(path, errno);
}

void execute(char *command[])
{
    for_each_path(command[0], command, try_exec);
    for_each_path(command[0], command, try_explain);
    fail(EXIT_NOT_FOUND,
         "COMMAND is looked up inside the container: ls /bin shows what it has",
         "exec %s: %s", command[0], strerror(ENOENT));
}
