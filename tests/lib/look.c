/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "look.h"

#include "apart.h"
#include "harness.h"
#include "network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

long long wait_deadline(void)
{
    return now_ms() + patience * 1000LL + 1000;
}

void wait_until(bool (*done)(const void *), const void *argument,
                const char *what)
{
    time_t deadline = time(NULL) + patience + 1;

    while (!done(argument)) {
        if (why_stopped())
            fail_msg("waited in vain until %s: %s", what, why_stopped());
        if (time(NULL) > deadline)
            fail_msg("waited in vain until %s", what);
        poll(NULL, 0, 2);
    }
}

/* --- looking from outside ------------------------------------------------- */

char *status_of(pid_t pid, const char *name)
{
    char *path = format("/proc/%d/status", pid), *text = try_contents(path);
    char *value = NULL;
    size_t length = strlen(name);

    for (char *line = text; line && *line && !value;) {
        char *next = line + strcspn(line, "\n");
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " \t");
            value = format("%.*s", (int)(next - line), line);
        }
        line = next + (*next == '\n');
    }
    free(path); /* called often, while waiting: keep no more than the value */
    free(text);
    return value;
}

bool exists(pid_t pid)
{
    char *state = status_of(pid, "State");
    bool alive = state && state[0] != 'Z' && state[0] != 'X';

    free(state);
    return alive;
}

/* Returns whether the parent of PID is gone, the kernel sent PID no signal for
 * that, and PID sleeps. A process that is about to end has no line VmSize. */
static bool is_abandoned(pid_t pid)
{
    char *parent = status_of(pid, "PPid"), *text = status_of(pid, "State");
    char *own = status_of(pid, "SigPnd"), *all = status_of(pid, "ShdPnd");

    return parent && text && own && all && atoi(parent) == getpid() &&
           text[0] == 'S' && strtoull(own, NULL, 16) == 0 &&
           strtoull(all, NULL, 16) == 0 && status_of(pid, "VmSize");
}

void wait_until_gone(pid_t pid)
{
    long long deadline = wait_deadline();
    int abandoned = 0;

    while (exists(pid)) {
        if (now_ms() > deadline)
            fail_msg("process %d is still there", pid);
        if (is_abandoned(pid) && ++abandoned > ABANDONED_MS / 5)
            fail_msg("process %d lives on without its parent: it sleeps, and "
                     "no signal is pending",
                     pid);
        poll(NULL, 0, 5);
    }
    if (why_stopped())
        fail_msg("process %d did not end by itself: %s", pid, why_stopped());
    if (has(NEW_NETWORK))
        wait_for_dying_ports();
}

bool has_no_signal(const void *pid)
{
    char *text = status_of(*(const pid_t *)pid, "State");
    char *pending = status_of(*(const pid_t *)pid, "ShdPnd");

    return text && text[0] == 'S' && pending &&
           strtoull(pending, NULL, 16) == 0;
}

bool is_blocked(const void *pid)
{
    char *text = status_of(*(const pid_t *)pid, "State");

    return text && text[0] == 'S';
}

/* Calls WANTED for each process of /proc; returns those for which it is true.
 */
static pid_t *select_processes(bool (*wanted)(pid_t, const void *),
                               const void *argument)
{
    DIR *proc = opendir("/proc");
    size_t count = 0;
    pid_t *found = calloc(1, sizeof(*found));
    struct dirent *entry;

    assert_non_null(proc);
    while ((entry = readdir(proc))) {
        pid_t pid = atoi(entry->d_name);
        if (pid <= 0 || !wanted(pid, argument))
            continue;
        found = realloc(found, (count + 2) * sizeof(*found));
        assert_non_null(found);
        found[count++] = pid;
        found[count] = 0;
    }
    closedir(proc);
    return found;
}

static bool is_child_of(pid_t pid, const void *parent)
{
    char *text = status_of(pid, "PPid");
    bool child = text && atoi(text) == *(const pid_t *)parent;

    free(text);
    return child;
}

pid_t *children_of(pid_t pid)
{
    return select_processes(is_child_of, &pid);
}

static bool is_started_with(pid_t pid, const void *text)
{
    char *path = format("/proc/%d/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char words[8192];
    ssize_t n = fd == -1 ? -1 : read(fd, words, sizeof(words));

    if (fd != -1)
        close(fd);
    return n > 0 && pid != getpid() &&
           memmem(words, (size_t)n, text, strlen(text)) && exists(pid);
}

pid_t *processes_with(const char *text)
{
    return select_processes(is_started_with, text);
}

char *namespace_of(pid_t pid, const char *name)
{
    char *path = format("/proc/%d/ns/%s", pid, name);
    char link[64];
    ssize_t length = readlink(path, link, sizeof(link) - 1);

    if (length == -1)
        fail_msg("%s: %s", path, strerror(errno));
    link[length] = '\0';
    return format("%s", link);
}
