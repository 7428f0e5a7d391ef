/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "cgroups.h"

#include "../../common/names.h"
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MOST = 16, RMDIR_TRIES = 100 };

/* An attribute of version 2's top directory: the controllers we enabled. */
static const char mark[] = "trusted.container-test";

/* For a whole test program. apart.c ends a test that has half as many
 * processes. */
static const struct {
    const char *v1_file, *v2_file;
    long long most;
} bounds[] = {
    {"pids.max", "pids.max", 2000},
    {"memory.limit_in_bytes", "memory.max", 2LL << 30},
};

static struct hierarchy all[MOST]; /* those with a controller of stage 6 */
static size_t count;
static size_t mounted;  /* how many there are, with other controllers too */
static int locks[MOST]; /* held until we end */

/* The path in hierarchy H by TEXT, a /proc/PID/cgroup; NULL: none. */
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

/* Sets DIRECTORY to the directory of the cgroup PATH. MOUNT shows the hierarchy
 * from ROOT on. */
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

/* Adds the hierarchy of LINE of mountinfo, if any. */
static void take_mount(const char *line, const char *own, const char *name)
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
    /* Version 2: only the top may have processes and enable controllers. */
    directory_of(h.base, sizeof(h.base), h.mount, root,
                 h.version == 2 ? root : path);
    size_t length = strlen(h.base);
    snprintf(h.base + length, sizeof(h.base) - length, "/%s", name);
    snprintf(h.own, sizeof(h.own), "%s%s", h.base,
             h.version == 2 ? "/self" : "");
    all[count++] = h;
}

/* "0" is the writer. Version 1: cgroup.procs takes much longer than tasks. */
static bool enter(const struct hierarchy *h, const char *directory)
{
    char *path =
        format("%s/%s", directory, h->version == 1 ? "tasks" : "cgroup.procs");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool joined = fd != -1 && write(fd, "0", 1) == 1;

    if (fd != -1)
        close(fd);
    return joined;
}

/* Removes cgroups below PATH but EXCEPT, deepest first. */
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

/* Returns whether BASE is gone. A process counts for a moment after its end. */
static bool remove_base(const char *base)
{
    for (int tries = 0; tries < RMDIR_TRIES; tries++) {
        remove_below(base, "");
        if (rmdir(base) == 0 || errno == ENOENT)
            return true;
        poll(NULL, 0, 10);
    }
    return false;
}

/* The directory above ours, where those of other runs are too. */
static char *parent_of(const struct hierarchy *h)
{
    char *parent = format("%s", h->base);

    *strrchr(parent, '/') = '\0';
    return parent;
}

static int lock_path(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd != -1 && flock(fd, LOCK_EX | flags) == -1) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Hold this lock to make or remove directories in PARENT. */
static int lock_parent(const char *parent)
{
    return lock_path(parent, 0);
}

/* A run holds this lock as long as it lives: on a file, because a run inside it
 * takes lock_parent() on the directory. Returns -1 if the lock is held. */
static int lock_run(const char *base)
{
    return lock_path(format("%s/cgroup.procs", base), LOCK_NB);
}

/* Removes the directories of runs that are dead: nobody holds their locks.
 * Returns how many are left, of living runs or because they cannot be removed
 * yet. */
static int remove_stale(const char *parent)
{
    DIR *directory = opendir(parent);
    struct dirent *entry;
    int left = 0;

    while (directory && (entry = readdir(directory))) {
        if (strncmp(entry->d_name, "container-test-", 15) != 0)
            continue;
        char *path = format("%s/%s", parent, entry->d_name);
        int fd = lock_run(path);
        if (fd == -1 || !remove_base(path))
            left++;
        if (fd != -1)
            close(fd);
    }
    if (directory)
        closedir(directory);
    return left;
}

static bool write_in(const char *directory, const char *file, const char *text)
{
    char *path = format("%s/%s", directory, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd != -1 && write(fd, text, strlen(text)) != -1;

    if (fd != -1)
        close(fd);
    free(path);
    return written;
}

/* The controllers that runs of tests enabled in TOP. */
static char *marked_controllers(const char *top)
{
    char text[64];
    ssize_t length = getxattr(top, mark, text, sizeof(text) - 1);

    return format("%.*s", length > 0 ? (int)length : 0, text);
}

static const char *const wanted[] = {"memory", "pids", "cpu"};

/* Several runs may need them at the same time: the last one to end disables
 * what the first one enabled. */
static void enable_controllers(const char *top)
{
    char *enabled = contents(format("%s/cgroup.subtree_control", top));
    char *ours = marked_controllers(top);

    for (size_t i = 0; i < COUNT(wanted); i++) {
        if (has_word(enabled, wanted[i]))
            continue;
        if (!has_word(ours, wanted[i]))
            ours = format("%s %s", ours, wanted[i]);
        setxattr(top, mark, ours, strlen(ours), 0);
        write_in(top, "cgroup.subtree_control", format("+%s", wanted[i]));
    }
}

static void disable_controllers(const char *top)
{
    char *words = marked_controllers(top), *next;

    for (char *word = strtok_r(words, " ", &next); word;
         word = strtok_r(NULL, " ", &next))
        write_in(top, "cgroup.subtree_control", format("-%s", word));
    removexattr(top, mark);
}

/* Of the memory of a small machine, at most three quarters. Files in a tmpfs
 * count, and a program that fills one must leave memory for the grader. */
static long long bound(size_t i)
{
    long long memory =
        (long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 4 * 3;
    bool is_memory = strcmp(bounds[i].v2_file, "memory.max") == 0;

    return is_memory && memory < bounds[i].most ? memory : bounds[i].most;
}

static bool make_base(const struct hierarchy *h, int *held)
{
    char *parent = parent_of(h);
    int lock = lock_parent(parent);

    if (lock == -1)
        return false;
    remove_stale(parent);
    if (h->version == 2 && mounted == 1)
        enable_controllers(parent);
    bool made = mkdir(h->base, 0755) == 0 &&
                (*held = lock_run(h->base)) != -1 &&
                (h->version == 1 || mkdir(h->own, 0755) == 0);
    int error = errno;
    close(lock);
    /* Ignore failures: a controller may be missing. */
    for (size_t i = 0; made && h->version == 2 && i < COUNT(wanted); i++)
        write_in(h->base, "cgroup.subtree_control", format("+%s", wanted[i]));
    for (size_t i = 0; made && i < COUNT(bounds); i++)
        write_in(h->base,
                 h->version == 1 ? bounds[i].v1_file : bounds[i].v2_file,
                 format("%lld", bound(i)));
    errno = error;
    return made;
}

bool make_test_cgroups(const char *name)
{
    char *mounts = contents("/proc/self/mountinfo"), *next;
    char *own = contents("/proc/self/cgroup");

    for (char *line = strtok_r(mounts, "\n", &next); line;
         line = strtok_r(NULL, "\n", &next))
        take_mount(line, own, name);
    for (size_t i = 0; i < count; i++)
        if (!make_base(&all[i], &locks[i]))
            return false;
    return true;
}

/* Makes our cgroup the root of the cgroup file system that we see. No cgroup of
 * others is in it, and nobody else enables controllers there. Returns false
 * with errno. */
static bool see_own_cgroup_alone(struct hierarchy *h)
{
    if (!enter(h, h->own) || unshare(CLONE_NEWCGROUP) == -1 ||
        umount2(h->mount, MNT_DETACH) == -1 ||
        mount("cgroup2", h->mount, "cgroup2", 0, NULL) == -1)
        return false;
    snprintf(h->base, sizeof(h->base), "%s", h->mount);
    snprintf(h->own, sizeof(h->own), "%s/self", h->mount);
    return mkdir(h->own, 0755) == 0;
}

bool enter_test_cgroups(void)
{
    if (mounted == 1 && all[0].version == 2 && !see_own_cgroup_alone(all))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!enter(&all[i], all[i].own))
            return false;
    if (mounted == 1)
        pass_on_controllers();
    return true;
}

void pass_on_controllers(void)
{
    for (size_t i = 0; i < COUNT(wanted) && all[0].version == 2; i++)
        write_in(all[0].base, "cgroup.subtree_control",
                 format("+%s", wanted[i]));
}

void clear_test_cgroups(void)
{
    for (size_t i = 0; i < count; i++)
        remove_below(all[i].base, all[i].own);
}

void remove_test_cgroups(void)
{
    for (size_t i = 0; i < count; i++) {
        const struct hierarchy *h = &all[i];
        char *parent = parent_of(h);
        int lock = lock_parent(parent);
        if (!remove_base(h->base))
            fprintf(stderr, "harness: cannot remove %s: %s\n", h->base,
                    strerror(errno));
        if (h->version == 2 && mounted == 1 && remove_stale(parent) == 0)
            disable_controllers(parent);
        if (lock != -1)
            close(lock);
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
    /* Replace the common beginning by base (version 2) or own (version 1). */
    if (h->version == 2) /* own is base/self: cut "self" */
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

/* PATH and its directories' names, sorted, on one line. */
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
    qsort(names, used, sizeof(*names), compare_words);
    for (size_t i = 0; i < used; i++) {
        extend(&text, format(" "));
        extend(&text, names[i]);
    }
    extend(&text, format("\n"));
    return text;
}

char *cgroups_state(void)
{
    char *state = format("%s", "");

    for (size_t i = 0; i < count; i++) {
        const struct hierarchy *h = &all[i];
        extend(&state, directories_in(h->base));
        extend(&state, directories_in(format("%s/" OURS, h->base)));
        char *path = format("%s", h->base);
        while (h->version == 2 && strlen(path) >= strlen(h->mount)) {
            char *file = format("%s/cgroup.subtree_control", path);
            extend(&state, format("%s: ", file));
            extend(&state, contents(file));
            extend(&state, format("\n"));
            *strrchr(path, '/') = '\0';
        }
    }
    return state;
}
