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
#include <unistd.h>

static const char *reason_hint(const char *path, int error)
{
    struct stat st;

    switch (error) {
    case ENOEXEC:
        return "a program for another architecture, or a script without #!";
    case ENOENT:
        return "the interpreter it names, in its first line or as its dynamic "
               "linker, does not exist in the container";
    case EACCES:
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            return "that is a directory";
        if (access(path, X_OK) == 0)
            return "its file system is mounted noexec";
        return "chmod +x makes a file executable";
    case E2BIG:
        return "arguments and environment are too long: getconf ARG_MAX";
    default:
        return NULL;
    }
}

/* PATH exists, but the kernel would not execute it. */
static _Noreturn void report_cannot_run(const char *path, int error)
{
    fail(EXIT_CANNOT_RUN, reason_hint(path, error), "exec %s: %s", path,
         strerror(error));
}

/* Returns if there is no such file. */
static void try_exec(const char *path, char *command[], int *denied)
{
    execve(path, command, environ);
    int error = errno;
    if (error == EACCES && access(path, F_OK) == -1)
        return;
    if (error == EACCES && strchr(command[0], '/') == NULL) {
        *denied = error; /* a later directory of PATH may have a better one */
        return;
    }
    if ((error == ENOENT || error == ENOTDIR) && access(path, F_OK) == -1)
        return;
    report_cannot_run(path, error);
}

void execute(char *command[])
{
    const char *path = getenv("PATH");
    char file[PATH_MAX];
    int denied = 0;

    if (strchr(command[0], '/')) {
        try_exec(command[0], command, &denied);
    } else if (command[0][0]) {
        for (path = path ? path : "/bin:/usr/bin"; path; path++) {
            int length = (int)strcspn(path, ":");
            if (snprintf(file, sizeof(file), "%.*s%s%s", length, path,
                         length ? "/" : "", command[0]) < (int)sizeof(file))
                try_exec(file, command, &denied);
            if (!path[length])
                break;
            path += length;
        }
    }
    if (denied)
        fail(EXIT_CANNOT_RUN, "chmod +x makes a file executable", "exec %s: %s",
             command[0], strerror(denied));
    fail(EXIT_NOT_FOUND,
         "COMMAND is looked up inside the container: ls /bin shows what it has",
         "exec %s: command not found", command[0]);
}
