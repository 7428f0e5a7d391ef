/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "mounts.h"

#include "harness.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int mountinfo = -1; /* ours, even when /proc has been mounted over */
static char *own_mounts;   /* and what it said at the start */

char *mounts_of(pid_t pid)
{
    return contents(format("/proc/%d/mountinfo", pid));
}

/* The mount point is the fifth word of a line of mountinfo, see proc(5). */
static char *mount_point(const char *line)
{
    char point[4096] = "";

    assert_int_equal(sscanf(line, "%*s %*s %*s %*s %4095s", point), 1);
    return format("%s", point);
}

char *mount_at(const char *mounts, const char *point)
{
    char *found = NULL;

    for (char **line = lines_of(format("%s", mounts)); *line; line++)
        if (strcmp(mount_point(*line), point) == 0)
            found = *line;
    return found;
}

char *mount_points(const char *mounts)
{
    char **lines = lines_of(format("%s", mounts)), *points = format("%s", "");
    size_t count = 0;

    for (; lines[count]; count++)
        lines[count] = mount_point(lines[count]);
    qsort(lines, count, sizeof(*lines), compare_words);
    for (size_t i = 0; i < count; i++)
        points = format("%s%s\n", points, lines[i]);
    return points;
}

static char *mounts_now(void)
{
    lseek(mountinfo, 0, SEEK_SET);
    return drain(mountinfo);
}

void remember_mounts(void)
{
    mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    own_mounts = mounts_now();
}

/* The mount point of a mount whose ID, the first word of its line, is new since
 * the start; NULL if there is none. See proc(5). */
static char *foreign_mount(void)
{
    char *now = mounts_now(), *found = NULL, point[PATH_MAX];
    char *known = format("\n%s", own_mounts);

    for (char *line = strtok(now, "\n"); line && !found;
         line = strtok(NULL, "\n"))
        if (!strstr(known, format("\n%.*s ", (int)strcspn(line, " "), line)) &&
            sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1)
            found = format("%s", point);
    free(now);
    free(known);
    return found;
}

/* A stage that mounts where it should not, or that makes our mounts private,
 * fails its test; the tests after that begin as if nothing had happened. */
void undo_mounts(void)
{
    char *point;

    for (int tries = 0; tries < 100 && (point = foreign_mount()); tries++)
        umount2(point, MNT_DETACH);
    if (strcmp(mounts_now(), own_mounts) == 0)
        return;
    mount("none", "/", NULL, MS_REC | MS_SHARED, NULL);
    own_mounts = mounts_now();
}
