/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "cgroups.h"

#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 16 };

static struct hierarchy all[MOST]; /* those with a controller of stage 6 */
static size_t count;
static size_t mounted; /* all that have controllers, and version 2 */

/* Whether WORD is one of LIST, which commas, spaces or newlines divide. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at++)
        if ((at == list || strchr(", \n", at[-1])) &&
            strchr(", \n", at[length])) /* or the end */
            return true;
    return false;
}

/* Our path in a hierarchy, from TEXT, a /proc/PID/cgroup; see cgroups(7). */
static char *path_in(const char *text, const struct hierarchy *h)
{
    char *copy = format("%s", text), *next, *found = NULL;

    for (char *line = strtok_r(copy, "\n", &next); line && !found;
         line = strtok_r(NULL, "\n", &next)) {
        char *list = strchr(line, ':') + 1, *path = strchr(list, ':');
        *path++ = '\0';
        if (h->version == 2 ? strncmp(line, "0:", 2) == 0
                            : strcmp(list, h->controllers) == 0)
            found = format("%s", path);
    }
    free(copy);
    return found;
}

/* The directory of PATH: below the mount, whose root may be no "/" itself. */
static void directory_of(char *directory, size_t size, const char *mount,
                         const char *root, const char *path)
{
    size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);

    snprintf(directory, size, "%s%s", mount,
             strncmp(path, root, skip) == 0 ? path + skip : "");
    while (directory[strlen(directory) - 1] == '/')
        directory[strlen(directory) - 1] = '\0';
}

static bool is_wanted(const struct hierarchy *h)
{
    return h->version == 2 || has_word(h->controllers, "memory") ||
           has_word(h->controllers, "pids") || has_word(h->controllers, "cpu");
}

/* One line of mountinfo, see proc_pid_mountinfo(5). */
static void take_mount(const char *line, const char *own)
{
    struct hierarchy h = {0};
    char root[256], type[16], options[256], *comma;
    const char *rest = strstr(line, " - ");

    if (!rest || sscanf(line, "%*s %*s %*s %255s %255s", root, h.mount) != 2 ||
        sscanf(rest, " - %15s %*s %255s", type, options) != 2 ||
        strncmp(type, "cgroup", 6) != 0 || strstr(options, "name="))
        return;
    mounted++;
    h.version = strcmp(type, "cgroup2") == 0 ? 2 : 1;
    if (h.version == 1 && (comma = strchr(options, ',')))
        snprintf(h.controllers, sizeof(h.controllers), "%s", comma + 1);
    char *path = path_in(own, &h);
    if (!path || !is_wanted(&h) || count == MOST)
        return;
    directory_of(h.before, sizeof(h.before), h.mount, root, path);
    char *parent = format("%s", h.before);
    if (h.version == 2 && strlen(parent) > strlen(h.mount))
        *strrchr(parent, '/') = '\0'; /* where no process is in the way */
    snprintf(h.base, sizeof(h.base), "%s/%s", parent, basename(scratch()));
    snprintf(h.own, sizeof(h.own), "%s%s", h.base,
             h.version == 2 ? "/self" : "");
    all[count++] = h;
}

/* "0" is the writer: a process of one thread moves itself at no cost. */
static bool join(const struct hierarchy *h, const char *directory)
{
    char *path =
        format("%s/%s", directory, h->version == 1 ? "tasks" : "cgroup.procs");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool joined = fd != -1 && write(fd, "0", 1) == 1;

    if (fd != -1)
        close(fd);
    return joined;
}

bool enter_test_cgroups(void)
{
    char *mounts = contents("/proc/self/mountinfo"), *next;
    char *own = contents("/proc/self/cgroup");

    for (char *line = strtok_r(mounts, "\n", &next); line;
         line = strtok_r(NULL, "\n", &next))
        take_mount(line, own);
    for (size_t i = 0; i < count; i++)
        if (mkdir(all[i].base, 0755) == -1 ||
            (all[i].version == 2 && mkdir(all[i].own, 0755) == -1) ||
            !join(&all[i], all[i].own))
            return false;
    return true;
}

/* Removes the directories below PATH, from the bottom up. */
static void remove_below(const char *path, const char *except)
{
    DIR *directory = opendir(path);
    struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        char *below = format("%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
            strcmp(below, except) != 0) {
            remove_below(below, except);
            rmdir(below);
        }
        free(below);
    }
    if (directory)
        closedir(directory);
}

void clear_test_cgroups(void)
{
    for (size_t i = 0; i < count; i++)
        remove_below(all[i].base, all[i].own);
}

void leave_test_cgroups(void)
{
    clear_test_cgroups();
    for (size_t i = 0; i < count; i++) {
        join(&all[i], all[i].before);
        if (all[i].version == 2)
            rmdir(all[i].own);
        if (rmdir(all[i].base) == -1)
            print_error("cannot remove %s: %s\n", all[i].base, strerror(errno));
    }
}

const struct hierarchy *hierarchy_of(const char *controller)
{
    for (size_t i = 0; i < count; i++) {
        const struct hierarchy *h = &all[i];
        if (has_word(h->version == 1
                         ? h->controllers
                         : contents(format("%s/cgroup.controllers", h->mount)),
                     controller))
            return h;
    }
    fail_msg("no cgroup hierarchy with the controller %s", controller);
    return NULL;
}

bool several_hierarchies(void)
{
    return mounted > 1;
}

char *cgroup_of(pid_t pid, const char *controller)
{
    const struct hierarchy *h = hierarchy_of(controller);
    char *path = path_in(contents(format("/proc/%d/cgroup", pid)), h);
    char *own = path_in(contents("/proc/self/cgroup"), h);
    size_t length = strlen(own);

    assert_non_null(path);
    /* Both begin with the same unseen root; our own directory is known. */
    if (h->version == 2) /* one up: ours is a sister of the container's */
        while (length > 0 && own[length - 1] != '/')
            length--;
    assert_int_equal(strncmp(path, own, length), 0);
    return format("%s%s%s", h->version == 2 ? h->base : h->own,
                  h->version == 2 ? "/" : "", path + length);
}

char *cgroup_value(pid_t pid, const char *controller, const char *v1,
                   const char *v2)
{
    const char *file = hierarchy_of(controller)->version == 1 ? v1 : v2;
    char *text = contents(format("%s/%s", cgroup_of(pid, controller), file));

    text[strcspn(text, "\n")] = '\0';
    return text;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the directories in PATH, sorted, one a line. */
static char *directories_in(const char *path)
{
    DIR *directory = opendir(path);
    char *names[256], *text = format("%s:", path);
    size_t used = 0;
    struct dirent *entry;

    while (directory && used < 256 && (entry = readdir(directory)))
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            names[used++] = format("%s", entry->d_name);
    if (directory)
        closedir(directory);
    qsort(names, used, sizeof(*names), compare_names);
    for (size_t i = 0; i < used; i++)
        text = format("%s %s", text, names[i]);
    return format("%s\n", text);
}

char *cgroups_state(void)
{
    char *state = format("%s", "");

    for (size_t i = 0; i < count; i++) {
        const struct hierarchy *h = &all[i];
        state = format("%s%s", state, directories_in(h->base));
        char *path = format("%s", h->base);
        while (h->version == 2 && strlen(path) >= strlen(h->mount)) {
            char *file = format("%s/cgroup.subtree_control", path);
            state = format("%s%s: %s\n", state, file, contents(file));
            *strrchr(path, '/') = '\0';
        }
    }
    return state;
}
