/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "files.h"

#include "apart.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char build_directory[PATH_MAX];

char *built(const char *name)
{
    return format("%s/%s", build_directory, name);
}

int last_stage(void)
{
    int last = 0;

    for (int n = 1; n < 100; n++)
        if (access(built(format("stage%02d", n)), X_OK) == 0)
            last = n;
    return last;
}

char *scratch(void)
{
    static char path[64];

    snprintf(path, sizeof(path), "/var/tmp/%s", run_name());
    return path;
}

char *drain(int fd)
{
    size_t size = 1 << 16, used = 0;
    char *text = malloc(size);
    ssize_t n;

    assert_non_null(text);
    while ((n = read(fd, text + used, size - used - 1)) > 0) {
        used += (size_t)n;
        if (size - used < 2) {
            text = realloc(text, size *= 2);
            assert_non_null(text);
        }
    }
    text[used] = '\0';
    return realloc(text, used + 1);
}

char *try_contents(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd == -1)
        return NULL;
    char *text = drain(fd);
    close(fd);
    return text;
}

char *contents(const char *path)
{
    char *text = try_contents(path);

    if (!text)
        fail_msg("%s: %s", path, strerror(errno));
    return text;
}

void create(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd == -1)
        fail_msg("%s: %s", path, strerror(errno));
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_return_code(fchmod(fd, mode), errno);
    close(fd);
}

const char *graded(void)
{
    return getenv("GRADED");
}

char *directory_of_the_test(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    path[length == -1 ? 0 : length] = '\0';
    return format("%s", dirname(path));
}

const char *find_build_directory(void)
{
    /* From build/tests to build. A submission is built elsewhere. */
    snprintf(build_directory, sizeof(build_directory), "%s",
             graded() ? graded() : dirname(directory_of_the_test()));
    return build_directory;
}

char *fresh(const char *name)
{
    char *path = format("%s/%s", scratch(), name);

    on_host(format("rm -rf '%s'", path));
    return path;
}

char *fresh_directory(const char *name)
{
    char *path = fresh(name);

    assert_return_code(mkdir(path, 0755), errno);
    return path;
}

char *copy_root(const char *name)
{
    char *path = fresh(name);

    on_host(format("cp -a '%s' '%s'", built("private/rootfs"), path));
    return path;
}

void assert_no_file(const char *path)
{
    if (access(path, F_OK) == 0)
        fail_msg("a file is there\nseen:     %s\nexpected: no such file", path);
    assert_int_equal(errno, ENOENT);
}
