/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "cgroup.h"

#include "container.h"
#include "error.h"
#include "files.h"
#include "names.h"
#include "narrate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_PLACE "/sys/fs/cgroup"

enum { TRIES = 100, TRY_MS = 10, OPEN_DIRECTORIES = 8 };

static struct cgroup *made; /* the list of hierarchies; NULL: no cgroup made */

/* Returns whether the comma- or space-separated LIST has WORD. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at++)
        if ((at == list || strchr(", ", at[-1])) && strchr(", \n", at[length]))
            return true;
    return false;
}

/* Parses a line of /proc/self/cgroup: "4:cpu,cpuacct:/a/b" in version 1,
 * "0::/a/b" in version 2. Returns NULL for a named hierarchy of version 1,
 * which has no controllers. */
static struct cgroup *read_hierarchy(char *line)
{
    char *controllers = strchr(line, ':') + 1;
    char *path = strchr(controllers, ':');
    struct cgroup *c;

    *path++ = '\0';
    if (strncmp(controllers, "name=", 5) == 0)
        return NULL;
    c = xmalloc(sizeof(*c));
    *c = (struct cgroup){.version = *controllers ? 1 : 2,
                         .controllers = xstrdup(controllers),
                         .path = xstrdup(path),
                         .fd = -1};
    return c;
}

/* Takes M as C's mount if M mounts that hierarchy. A hierarchy can be mounted
 * twice (Cilium mounts cgroup2 in /run): prefer the last mount in
 * /sys/fs/cgroup. If none is there, take the first. */
static void take_mount(struct cgroup *c, const struct mntent *m)
{
    bool v1 = c->version == 1;

    if (strcmp(m->mnt_type, v1 ? "cgroup" : "cgroup2") != 0 ||
        (v1 && !has_word(m->mnt_opts, c->controllers)) ||
        (c->mount &&
         strncmp(m->mnt_dir, USUAL_PLACE, strlen(USUAL_PLACE)) != 0))
        return;
    free(c->mount);
    c->mount = xstrdup(m->mnt_dir);
}

/* Sets C's parent. Version 1: below the caller's cgroup, or at the top if C's
 * mount does not show that cgroup. Version 2: at the top, because the caller's
 * cgroup has processes, see refuse_internal_processes(), and other programs
 * manage the cgroups in between. */
static void choose_parent(struct cgroup *c)
{
    char *own = xasprintf("%s%s", c->mount, c->path);
    const char *above = c->mount;

    if (c->version == 1 && strcmp(c->path, "/") != 0 && access(own, F_OK) == 0)
        above = own;
    c->parent = xasprintf("%s/" OURS, above);
    free(own);
}

struct cgroup *find_cgroups(void)
{
    char *text = read_file("/proc/self/cgroup"), *next;
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct cgroup *all = NULL, *known[64] = {NULL};
    int count = 0;

    if (!text || !mounts)
        die("open", "/proc/self/cgroup and mounts");
    for (char *line = strtok_r(text, "\n", &next); line && count < 64;
         line = strtok_r(NULL, "\n", &next))
        if ((known[count] = read_hierarchy(line)))
            count++;
    for (struct mntent *m; (m = getmntent(mounts));)
        for (int i = 0; i < count; i++)
            take_mount(known[i], m);
    while (count-- > 0) {
        struct cgroup *c = known[count];
        if (!c->mount) {
            free(c->controllers);
            free(c->path);
            free(c);
            continue;
        }
        choose_parent(c);
        c->next = all;
        all = c;
    }
    endmntent(mounts);
    free(text);
    return all;
}

static bool write_in(const char *directory, const char *file, const char *text)
{
    char *path = xasprintf("%s/%s", directory, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t written = -1;

    if (fd != -1) {
        written = write(fd, text, strlen(text));
        narrate_write(fd, path, text, written);
    }
    int error = errno;
    if (fd != -1)
        close(fd);
    free(path);
    errno = error;
    return written != -1;
}

static enum task { FIND_PROCESS, REMOVE, KILL_AND_REMOVE } task;

/* nftw(3) calls this for each file of a cgroup and then for its directory.
 * Returns 1, which ends the walk, if FIND_PROCESS has found a process; else 0.
 * In version 2, cgroup.procs shows a process of another PID namespace as 0. */
static int visit(const char *path, const struct stat *st, int type,
                 struct FTW *at)
{
    bool list = strcmp(path + at->base, "cgroup.procs") == 0;
    char *pids = list && task != REMOVE ? read_file(path) : NULL, *end = pids;
    bool found = pids && *pids;

    (void)st;
    while (task == KILL_AND_REMOVE && end && *end) {
        pid_t pid = (pid_t)strtol(end, &end, 10);
        if (pid > 0)
            kill(pid, SIGKILL);
        end += strspn(end, "\n");
    }
    free(pids);
    if (type == FTW_DP && task != FIND_PROCESS)
        rmdir(path);
    return task == FIND_PROCESS && found;
}

/* Does WHAT to DIRECTORY and all cgroups below it. Returns 1 if FIND_PROCESS
 * found a process, 0 if not, -1 on failure. */
static int walk(const char *directory, enum task what)
{
    task = what;
    return nftw(directory, visit, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS);
}

/* Returns whether the directory NAME is in use: NAME begins with the PID of a
 * living process other than this one, or with no PID at all. */
static bool has_owner(const char *name)
{
    pid_t pid = (pid_t)strtol(name, NULL, 10);

    return pid <= 0 ||
           (pid != getpid() && (kill(pid, 0) == 0 || errno != ESRCH));
}

/* Takes the lock of the cgroup in DIRECTORY and returns its descriptor, or -1
 * with errno if it is held or the cgroup is gone. A parent holds the lock of
 * its cgroup as long as it lives, and locks a stale cgroup before it removes
 * it. The PID in the name alone proves nothing: it may be one of another PID
 * namespace. Only root can take the lock, because a write lock needs a
 * descriptor for writing. Nobody waits for it. See fcntl(2). */
static int lock_cgroup(const char *directory)
{
    char *path = xasprintf("%s/cgroup.procs", directory), byte;
    struct flock lock = {.l_type = F_WRLCK};
    int fd = open(path, O_RDWR | O_CLOEXEC);

    /* A cgroup that was removed since open() cannot be read: ENODEV. */
    if (fd != -1 &&
        (fcntl(fd, F_OFD_SETLK, &lock) == -1 || read(fd, &byte, 1) == -1)) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    free(path);
    return fd;
}

void remove_stale_cgroups(const struct cgroup *all)
{
    for (const struct cgroup *c = all; c; c = c->next) {
        DIR *directory = opendir(c->parent);
        struct dirent *entry;

        if (!directory)
            continue;
        while ((entry = readdir(directory))) {
            if (entry->d_type != DT_DIR || has_owner(entry->d_name))
                continue;
            char *path = xasprintf("%s/%s", c->parent, entry->d_name);
            int lock = lock_cgroup(path);
            if (lock != -1) {
                if (walk(path, FIND_PROCESS) == 0)
                    walk(path, REMOVE);
                close(lock);
            }
            free(path);
        }
        closedir(directory);
        rmdir(c->parent);
    }
}

static bool has_controller(const struct cgroup *c, const char *controller)
{
    if (c->version == 1)
        return has_word(c->controllers, controller);
    char *list = read_in(c->mount, "cgroup.controllers");
    bool has = list && has_word(list, controller);
    free(list);
    return has;
}

/* Without CONTROLLER: the hierarchy of version 2. */
static struct cgroup *hierarchy_of(struct cgroup *all, const char *controller)
{
    for (struct cgroup *c = all; c; c = c->next)
        if (controller ? has_controller(c, controller) : c->version == 2)
            return c;
    return NULL;
}

/* Makes the directory. Returns false with errno EEXIST, ENOENT or ENODEV; dies
 * of any other failure, such as EAGAIN: cgroup.max.descendants is reached. */
static bool make_one(const char *path)
{
    if (mkdir(path, 0755) == 0)
        return true;
    if (errno != EEXIST && errno != ENOENT && errno != ENODEV)
        die("cgroup", "%s", path);
    return false;
}

/* Another parent removes mini-container when it is empty. mkdir then fails with
 * ENOENT (removed) or ENODEV (being removed), so make mini-container again. A
 * directory of this PID may be stale, or of a process of another PID namespace,
 * or of a container that survived its parent: append a number to the name. If
 * another parent removes the directory before it is locked, try again. */
static void make_directory(struct cgroup *c)
{
    char *path = xasprintf("%s/%d", c->parent, getpid());

    for (int n = 1; !make_one(path) || lock_cgroup(path) == -1;) {
        if ((errno == ENOENT || errno == ENODEV) &&
            (make_one(c->parent) || errno == EEXIST))
            continue;
        if (errno != EEXIST && errno != EAGAIN)
            die("cgroup", "%s", path);
        free(path);
        path = xasprintf("%s/%d.%d", c->parent, getpid(), n++);
    }
    c->directory = path;
    c->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->fd == -1)
        die("cgroup", "%s", path);
}

/* Version 2: the "no internal processes" rule of cgroups(7). In a cgroup that
 * has processes, the kernel refuses to enable memory. It enables pids and cpu,
 * but the cgroup becomes "domain threaded", and no process can join a cgroup in
 * it, ours included. So refuse all three. The root, which has no cgroup.type,
 * is exempt. */
static void refuse_internal_processes(const char *directory,
                                      const char *controller)
{
    char *type = read_in(directory, "cgroup.type");
    char *processes = type ? read_in(directory, "cgroup.procs") : NULL;

    if (processes && *processes) {
        errno = EBUSY;
        die("cgroup", "%s: enable %s", directory, controller);
    }
    free(processes);
    free(type);
}

/* Version 2: enables CONTROLLER for the cgroups in DIRECTORY. Write even if it
 * is enabled already: while another parent enables it, the write waits until
 * the controller's files exist. */
static void enable_controller(const char *directory, const char *controller)
{
    char *plus = xasprintf("+%s", controller);

    if (!write_in(directory, "cgroup.subtree_control", plus))
        die("cgroup", "%s: enable %s", directory, controller);
    free(plus);
}

struct cgroup *make_cgroup(struct cgroup *all, const char *controller)
{
    static const char *enabled = ""; /* the last controller */
    struct cgroup *cgroup = hierarchy_of(all, controller);

    if (!cgroup && controller)
        fail(EXIT_SETUP,
             "see cat /proc/cgroups and mount -t cgroup,cgroup2; on WSL2, add "
             "kernelCommandLine=cgroup_no_v1=all to .wslconfig",
             "cgroup controller %s: no mounted hierarchy has it", controller);
    if (!cgroup || (!controller && all->next))
        return NULL;
    if (!made) {
        made = all;
        at_exit(remove_cgroups);
    }
    if (!cgroup->directory)
        make_directory(cgroup);
    if (cgroup->version == 2 && controller &&
        strcmp(controller, enabled) != 0) {
        refuse_internal_processes(cgroup->mount, controller);
        enable_controller(cgroup->mount, controller);
        enable_controller(cgroup->parent, controller);
        enabled = controller;
    }
    return cgroup;
}

struct cgroup *own_cgroup(struct cgroup *all, const char *controller)
{
    struct cgroup *cgroup = hierarchy_of(all, controller);

    return cgroup && cgroup->directory ? cgroup : NULL;
}

void write_limit(const struct cgroup *cgroup, const struct limit *limit,
                 long long number)
{
    bool first = cgroup->version == 1;
    const char *file = first ? limit->v1_file : limit->v2_file;
    const char *text = first ? limit->v1_text : limit->v2_text;

    if (!file)
        return;
    const char *letter = strchr(text, 'N');
    char *whole = letter ? xasprintf("%.*s%lld%s", (int)(letter - text), text,
                                     number, letter + 1)
                         : xstrdup(text);
    bool written = write_in(cgroup->directory, file, whole);
    if (!written && errno != ENOENT)
        die("cgroup", "%s/%s", cgroup->directory, file);
    if (!written && !limit->optional)
        fail(EXIT_SETUP,
             "this kernel lacks that limit; cpu needs CONFIG_CFS_BANDWIDTH",
             "cgroup %s: no file %s", cgroup->directory, file);
    free(whole);
}

void write_cgroup(const struct cgroup *cgroup, const char *file,
                  const char *text)
{
    if (!write_in(cgroup->directory, file, text))
        die("cgroup", "%s/%s", cgroup->directory, file);
}

bool has_several_hierarchies(const struct cgroup *all)
{
    return all && all->next;
}

const char *make_cgroup_mount_point(const struct cgroup *all,
                                    const struct cgroup *cgroup)
{
    char *path;

    if (!all->next)
        return "/sys/fs/cgroup";
    if (!cgroup->directory)
        return NULL;
    path = xasprintf("/sys/fs/cgroup/%s",
                     cgroup->version == 1 ? cgroup->controllers : "unified");
    make_mount_point(path, true);
    return path;
}

/* Returns the number in FILE, or with a KEY the number of its `KEY N` line; -1
 * if there is none. */
static long long read_cgroup(const struct cgroup *cgroup, const char *file,
                             const char *key)
{
    char *text = read_in(cgroup->directory, file), *at = text;
    long long number = -1;

    /* A key stands at the beginning of a line, before a space. */
    while (at && key && (at = strstr(at, key))) {
        if ((at == text || at[-1] == '\n') && at[strlen(key)] == ' ') {
            at += strlen(key);
            break;
        }
        at++;
    }
    if (at)
        number = strtoll(at, NULL, 10);
    free(text);
    return number;
}

/* Counters reported at exit. A keyed file holds `WORD N` lines, the others hold
 * a single number. */
static const struct counter {
    const char *controller, *v1_file, *v2_file, *word, *meaning;
} counters[] = {
    {"memory", "memory.max_usage_in_bytes", "memory.peak", NULL, "peak bytes"},
    {"memory", "memory.oom_control", "memory.events", "oom_kill", "OOM kills"},
    {"pids", "pids.events", "pids.events", "max", "forks refused"},
    {"cpu", "cpu.stat", "cpu.stat", "nr_periods", "periods of 100 ms"},
    {"cpu", "cpu.stat", "cpu.stat", "nr_throttled", "throttled"},
    {0},
};

/* LIMIT: --memory as given. NULL: there is none, and a limit that somebody else
 * set, or the machine's memory, was reached. */
static void report_oom(const char *limit)
{
    warn(NULL, "%s killed by the kernel: out of memory%s%s%s",
         killed_by_others ? "COMMAND was"
                          : "COMMAND survived, another process was",
         limit ? " (limit " : "", limit ? limit : "", limit ? ")" : "");
}

void report_cgroups(const struct container *container)
{
    char *line = xstrdup("cgroup:"), *longer;
    const char *comma = "";

    for (const struct counter *k = counters; k->controller; k++) {
        const struct cgroup *c = own_cgroup(container->cgroups, k->controller);
        bool oom = k->word && strcmp(k->word, "oom_kill") == 0;
        long long n = -1;

        if (c && (oom || narration != NARRATE_NOTHING))
            n = read_cgroup(c, c->version == 1 ? k->v1_file : k->v2_file,
                            k->word);
        if (n == -1)
            continue;
        longer = xasprintf("%s%s %lld %s", line, comma, n, k->meaning);
        free(line);
        line = longer;
        comma = ",";
        if (n > 0 && oom)
            report_oom(container->options.memory_text);
    }
    if (*comma)
        narrate_note("%s", line);
    free(line);
}

/* The container's processes have ended. Kill those that were moved into its
 * cgroup from outside. */
static void remove_own(const struct cgroup *c)
{
    for (int n = 0; rmdir(c->directory) == -1 && errno != ENOENT; n++) {
        if (errno != EBUSY || n == TRIES) {
            warn(NULL, "cgroup %s: %s", c->directory, strerror(errno));
            return;
        }
        if (n > 0)
            poll(NULL, 0, TRY_MS);
        write_in(c->directory, "cgroup.kill", "1"); /* Linux 5.14 */
        walk(c->directory, KILL_AND_REMOVE);
    }
}

void remove_cgroups(void)
{
    for (struct cgroup *c = made; c; c = c->next) {
        if (c->directory) {
            remove_own(c);
            close(c->fd);
            free(c->directory);
            c->directory = NULL;
        }
        rmdir(c->parent);
    }
}
