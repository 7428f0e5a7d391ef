/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "files.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_FILE = 1 << 20, MOST_LINKS = 40 };

char *read_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 4096, used = 0;
    char *text = xmalloc(size);
    ssize_t n = -1;

    /* Files of /proc have no size that could be asked for: read to the end. */
    while (fd != -1 && (n = read(fd, text + used, size - used - 1)) > 0) {
        used += (size_t)n;
        if (used + 1 < size)
            continue;
        size *= 2;
        if (size > LARGEST_FILE)
            fail(EXIT_SETUP, NULL, "read %s: too large", path);
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

void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t left = strlen(text);

    if (fd == -1)
        die("open %s", path);
    while (left > 0) {
        ssize_t n = write(fd, text, left);
        if (n == -1)
            die("write %s", path);
        text += n;
        left -= (size_t)n;
    }
    close(fd);
}

/* mkdir -p of everything before the last slash of PATH. */
static void make_parents(const char *path)
{
    char *copy = xstrdup(path);

    for (char *slash = copy + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (mkdir(copy, 0755) == -1 && errno != EEXIST)
            die("mkdir %s", copy);
        *slash = '/';
    }
    free(copy);
}

/* A symbolic link to nothing (Ubuntu's /etc/resolv.conf, say) can be mounted
 * on once what it names exists. Returns that path, to be freed; NULL if PATH
 * is no symbolic link. */
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

static void make_directory(const char *path)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return;
    make_parents(path);
    if (mkdir(path, 0755) == -1 && errno != EEXIST)
        die("mkdir %s", path);
}

static void make_file(const char *path)
{
    char *current = xstrdup(path), *target;

    for (int links = 0; access(current, F_OK) == -1; links++) {
        if (links == MOST_LINKS || !(target = follow_link(current))) {
            make_parents(current);
            int fd = open(current, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
            if (fd == -1)
                die("open %s", current);
            close(fd);
            break;
        }
        free(current);
        current = target;
    }
    free(current);
}

void make_mount_point(const char *path, bool directory)
{
    if (directory)
        make_directory(path);
    else
        make_file(path);
}

bool is_directory(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == -1)
        die("fstat");
    return S_ISDIR(st.st_mode);
}

void *xmalloc(size_t size)
{
    void *memory = malloc(size);

    if (!memory)
        die("malloc");
    return memory;
}

void *xrealloc(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (!memory)
        die("realloc");
    return memory;
}

char *xstrdup(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        die("strdup");
    return copy;
}

char *xasprintf(const char *format, ...)
{
    char *text;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) == -1)
        die("vasprintf");
    va_end(args);
    return text;
}
