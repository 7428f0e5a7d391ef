/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "files.h"

#include "error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LARGEST_FILE = 1 << 20, MOST_LINKS = 40, MOST_LEVELS = 256 };

char *read_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 4096, used = 0;
    char *text = xmalloc(size);
    ssize_t n = -1;

    /* stat(2) shows no size for files of /proc, so read to the end. */
    while (fd != -1 && (n = read(fd, text + used, size - used - 1)) > 0) {
        used += (size_t)n;
        if (used + 1 < size)
            continue;
        size *= 2;
        if (size > LARGEST_FILE)
            fail(EXIT_SETUP, NULL, "read %s: expected less than 1 MiB", path);
        text = xrealloc(text, size);
    }
    int error = errno;
    if (fd != -1)
        close(fd);
    if (n == -1) {
        free(text);
        errno = error;
        return NULL;
    }
    text[used] = '\0';
    return text;
}

char *read_in(const char *directory, const char *file)
{
    char *path = xasprintf("%s/%s", directory, file);
    char *text = read_file(path);

    free(path);
    return text;
}

void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t left = strlen(text);

    if (fd == -1)
        die("open", "%s", path);
    while (left > 0) {
        ssize_t n = write(fd, text, left);
        if (n == -1)
            die("write", "%s", path);
        text += n;
        left -= (size_t)n;
    }
    close(fd);
}

/* Returns the target of the symbolic link PATH, to be freed, or NULL if PATH is
 * not a link. A dangling link (Ubuntu's /etc/resolv.conf) becomes a mount point
 * once its target exists. */
static char *follow_link(const char *path)
{
    char link[PATH_MAX];
    ssize_t length = readlink(path, link, sizeof(link) - 1);

    if (length == -1)
        return NULL;
    link[length] = '\0';
    if (link[0] == '/')
        return xstrdup(link);
    return xasprintf("%.*s/%s", (int)(strrchr(path, '/') - path), path, link);
}

static void make_missing(const char *path, bool directory)
{
    const char *slash = strrchr(path, '/');

    if (slash > path) {
        char *parent = xasprintf("%.*s", (int)(slash - path), path);
        make_mount_point(parent, true);
        free(parent);
    }
    if (directory) {
        if (mkdir(path, 0755) == -1 && errno != EEXIST)
            die("mkdir", "%s", path);
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd == -1)
        die("open", "%s", path);
    close(fd);
}

void make_mount_point(const char *path, bool directory)
{
    static int level;
    char *current = xstrdup(path), *target;
    struct stat st;
    int missing;

    if (++level > MOST_LEVELS)
        fail(EXIT_SETUP,
             "make the directories, or mend a symbolic link that leads to "
             "itself",
             "mount point: more than %d directories are missing", MOST_LEVELS);
    for (int n = 0; (missing = stat(current, &st)) == -1 && n < MOST_LINKS &&
                    (target = follow_link(current));
         n++) {
        free(current);
        current = target;
    }
    if (missing)
        make_missing(current, directory);
    else if (S_ISDIR(st.st_mode) != directory)
        fail(EXIT_SETUP,
             "mount a directory on a directory, and a file on a file",
             "mount point %s: %s", path,
             strerror(directory ? ENOTDIR : EISDIR));
    free(current);
    level--;
}

void make_mount_points(const char *directories)
{
    char *copy = xstrdup(directories), *next;

    for (char *path = strtok_r(copy, " ", &next); path;
         path = strtok_r(NULL, " ", &next))
        make_mount_point(path, true);
    free(copy);
}

/* Appends PATH to FOUND, which ends with NULL, or frees PATH if it does not
 * exist. Returns the array, which may have moved. Dies on other failures. */
static char **add_existing(char **found, char *path)
{
    size_t count = 0;

    if (access(path, F_OK) == -1) {
        if (errno != ENOENT && errno != ENOTDIR)
            die("access", "%s", path);
        free(path);
        return found;
    }
    while (found[count])
        count++;
    found = xrealloc(found, (count + 2) * sizeof(*found));
    found[count] = path;
    found[count + 1] = NULL;
    return found;
}

char **existing_paths(const char *names)
{
    char **found = xmalloc(sizeof(*found)), *copy = xstrdup(names), *next;

    *found = NULL;
    for (char *name = strtok_r(copy, " ", &next); name;
         name = strtok_r(NULL, " ", &next)) {
        const char *star = strchrnul(name, '*');
        const char *base =
            (char *)memrchr(name, '/', (size_t)(star - name)) + 1;
        char *parent = xasprintf("%.*s", (int)(base - name), name);
        DIR *directory = *star ? opendir(parent) : NULL;
        struct dirent *entry;

        if (*star ? !directory : access(parent, F_OK) == -1)
            die(*star ? "open" : "access", "%s", parent);
        if (!*star)
            found = add_existing(found, xstrdup(name));
        while (directory && (entry = readdir(directory)))
            if (strncmp(entry->d_name, base, (size_t)(star - base)) == 0)
                found = add_existing(found, xasprintf("%s%s%s", parent,
                                                      entry->d_name, star + 1));
        if (directory)
            closedir(directory);
        free(parent);
    }
    free(copy);
    return found;
}

void refuse_directories(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (is_directory(fd))
            fail(EXIT_SETUP, "redirect with </dev/null or >/dev/null",
                 "standard input, output or error is a directory, from which "
                 "paths lead out of the root");
}

void enter_workdir(const char *path)
{
    if (path && chdir(path) == -1)
        die("chdir", "%s", path);
}

bool is_directory(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == -1)
        die("fstat", NULL);
    return S_ISDIR(st.st_mode);
}

void *xmalloc(size_t size)
{
    void *memory = malloc(size);

    if (!memory)
        die("malloc", NULL);
    return memory;
}

void *xrealloc(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (!memory)
        die("realloc", NULL);
    return memory;
}

char *xstrdup(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        die("strdup", NULL);
    return copy;
}

char *xasprintf(const char *format, ...)
{
    char *text;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) == -1)
        die("vasprintf", NULL);
    va_end(args);
    return text;
}
