/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "cgroup.h"

#include "error.h"
#include "files.h"
#include "narrate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Directories of ours begin with this, and each is locked by its owner: what
 * has the name and no lock was left behind. */
static const char prefix[] = "mini-container.";

/* On a version 2 directory: the controllers that we enabled below it. */
static const char mark[] = "trusted.mini-container";

static struct cgroup *made; /* all hierarchies, once a cgroup is made */
static int lock = -1;       /* of the hierarchy that is being changed */

/* Whether WORD is one of LIST, which SEPARATOR divides. */
static bool has_word(const char *list, const char *word, char separator)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at++)
        if ((at == list || at[-1] == separator) &&
            (!at[length] || at[length] == separator || at[length] == '\n'))
            return true;
    return false;
}

/* A path in /proc/self/mountinfo has its spaces written as \040. */
static void unescape(char *path)
{
    char *to = path;

    for (const char *from = path; *from; to++) {
        if (from[0] == '\\' && strlen(from) > 3) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + from[3] -
                         '0');
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* Finds a hierarchy in /proc/self/cgroup, "4:cpu,cpuacct:/a/b" for version 1,
 * "0::/a/b" for version 2: returns the path of this process in it, to be freed,
 * and leaves the controllers in *NAMES, to be freed. */
static char *own_path(const char *text, int version, const char *options,
                      char **names)
{
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        const char *list = strchr(line, ':') + 1;
        const char *path = strchr(list, ':') + 1;
        char *first = xasprintf("%.*s", (int)strcspn(list, ",:"), list);
        bool found = version == 2 ? strncmp(line, "0::", 3) == 0
                                  : *first && has_word(options, first, ',');

        free(first);
        if (!found)
            continue;
        *names = xasprintf("%.*s", (int)strcspn(list, ":"), list);
        return xasprintf("%.*s", (int)strcspn(path, "\n"), path);
    }
    return NULL;
}

/* The directory that may hold the container's: version 1 allows processes and
 * directories side by side, so it is our own. Version 2 does not, except at
 * the very top: it is the one above ours. */
static char *parent_directory(const struct cgroup *cgroup, const char *root,
                              const char *own)
{
    size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
    char *path = xasprintf("%s%s", cgroup->mount,
                           strncmp(own, root, skip) == 0 ? own + skip : "");

    while (path[strlen(path) - 1] == '/')
        path[strlen(path) - 1] = '\0';
    if (cgroup->version == 2 && strlen(path) > strlen(cgroup->mount))
        *strrchr(path, '/') = '\0';
    return path;
}

/* Takes one line of mountinfo; returns NULL unless it is a cgroup mount that
 * has controllers. */
static struct cgroup *read_mount(char *line, const char *own)
{
    char *rest = strstr(line, " - ");
    char root[PATH_MAX], mount[PATH_MAX], type[16], options[256];

    if (!rest || sscanf(line, "%*d %*d %*s %4095s %4095s", root, mount) != 2 ||
        sscanf(rest, " - %15s %*s %255s", type, options) != 2 ||
        (strcmp(type, "cgroup") != 0 && strcmp(type, "cgroup2") != 0) ||
        strstr(options, "name="))
        return NULL;
    unescape(mount);
    int version = strcmp(type, "cgroup2") == 0 ? 2 : 1;
    char *names, *path = own_path(own, version, options, &names);
    if (!path)
        return NULL;
    struct cgroup *cgroup = xmalloc(sizeof(*cgroup));
    *cgroup = (struct cgroup){.version = version,
                              .mount = xstrdup(mount),
                              .controllers = names,
                              .fd = -1};
    cgroup->parent = parent_directory(cgroup, root, path);
    free(path);
    return cgroup;
}

/* Opens a directory and locks it; the lock ends with the descriptor. FLAGS can
 * be LOCK_NB: not to wait for it. Returns -1 on failure. See flock(2). */
static int try_lock(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd == -1 || flock(fd, LOCK_EX | flags) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int lock_directory(const char *path)
{
    int fd = try_lock(path, 0);

    if (fd == -1)
        die("lock cgroup %s", path);
    return fd;
}

/* Whoever makes or removes directories of ours has this lock. */
static void lock_hierarchy(const struct cgroup *cgroup)
{
    lock = lock_directory(cgroup->mount);
}

static void unlock_hierarchy(void)
{
    close(lock);
    lock = -1;
}

/* Removes directories of ours that nobody holds. Returns whether one is left.
 * A directory in which a process still lives is refused by rmdir(2). */
static bool remove_stale(const char *parent)
{
    DIR *directory = opendir(parent);
    struct dirent *entry;
    bool left = false;

    while (directory && (entry = readdir(directory))) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        char *path = xasprintf("%s/%s", parent, entry->d_name);
        int fd = try_lock(path, LOCK_NB);
        if (fd == -1 || rmdir(path) == -1)
            left = true;
        if (fd != -1)
            close(fd);
        free(path);
    }
    if (directory)
        closedir(directory);
    return left;
}

struct cgroup *find_cgroups(void)
{
    char *mounts = read_file("/proc/self/mountinfo");
    char *own = read_file("/proc/self/cgroup");
    struct cgroup *all = NULL, *cgroup;
    char *next;

    if (!mounts || !own)
        die("read /proc/self/mountinfo and cgroup");
    for (char *line = strtok_r(mounts, "\n", &next); line;
         line = strtok_r(NULL, "\n", &next)) {
        if (!(cgroup = read_mount(line, own)))
            continue;
        cgroup->next = all;
        all = cgroup;
    }
    free(mounts);
    free(own);
    return all;
}

/* A directory's link count is two and one for each directory in it: mostly
 * there is nothing to look at. */
void remove_stale_cgroups(const struct cgroup *all)
{
    struct stat st;

    for (const struct cgroup *c = all; c; c = c->next) {
        if (stat(c->parent, &st) == -1 || st.st_nlink <= 2)
            continue;
        lock_hierarchy(c);
        remove_stale(c->parent);
        unlock_hierarchy();
    }
}

static char *read_in(const char *directory, const char *file)
{
    char *path = xasprintf("%s/%s", directory, file);
    char *text = read_file(path);

    free(path);
    return text;
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

/* Remembers on the directory itself which controllers we enabled below it, so
 * that whoever is the last to leave can disable them, even another process. */
static void set_mark(const char *directory, const char *controllers)
{
    if (*controllers)
        setxattr(directory, mark, controllers, strlen(controllers), 0);
    else
        removexattr(directory, mark);
}

static char *get_mark(const char *directory)
{
    char text[256];
    ssize_t length = getxattr(directory, mark, text, sizeof(text) - 1);

    return xasprintf("%.*s", length > 0 ? (int)length : 0, text);
}

/* A controller reaches a version 2 directory when every directory above it has
 * enabled it for its children. */
static void enable_controller(const struct cgroup *cgroup,
                              const char *controller)
{
    char *path = xstrdup(cgroup->parent);
    size_t end = strlen(cgroup->mount);

    for (;;) {
        char kept = path[end];
        path[end] = '\0';
        char *enabled = read_in(path, "cgroup.subtree_control");
        if (!enabled)
            die("cgroup %s/cgroup.subtree_control", path);
        if (!has_word(enabled, controller, ' ')) {
            char *plus = xasprintf("+%s", controller), *old = get_mark(path);
            char *new = xasprintf("%s%s%s", old, *old ? " " : "", controller);
            set_mark(path, new); /* first: we may be killed in between */
            if (!write_in(path, "cgroup.subtree_control", plus))
                die("cgroup %s: enable %s", path, controller);
            free(plus);
            free(old);
            free(new);
        }
        free(enabled);
        path[end] = kept;
        if (!kept)
            break;
        end += 1 + strcspn(path + end + 1, "/");
    }
    free(path);
}

/* From the bottom up. The kernel refuses (EBUSY) where a directory below still
 * passes the controller on, so that the last to leave disables it. */
static void disable_controllers(const struct cgroup *cgroup)
{
    char *path = xstrdup(cgroup->parent), *next;

    for (;;) {
        char *marked = get_mark(path), *words = xstrdup(marked), *left;
        bool busy = remove_stale(path);

        left = xstrdup("");
        for (char *word = strtok_r(words, " ", &next); word;
             word = strtok_r(NULL, " ", &next)) {
            char *minus = xasprintf("-%s", word), *longer;
            if (busy || !write_in(path, "cgroup.subtree_control", minus)) {
                longer = xasprintf("%s%s%s", left, *left ? " " : "", word);
                free(left);
                left = longer;
            }
            free(minus);
        }
        if (strcmp(marked, left) != 0)
            set_mark(path, left);
        free(marked);
        free(words);
        free(left);
        if (strlen(path) <= strlen(cgroup->mount))
            break;
        *strrchr(path, '/') = '\0';
    }
    free(path);
}

static struct cgroup *hierarchy_of(struct cgroup *all, const char *controller)
{
    for (struct cgroup *c = all; c; c = c->next) {
        if (c->version == 1 && controller &&
            has_word(c->controllers, controller, ','))
            return c;
        if (c->version == 1)
            continue;
        char *text = read_in(c->mount, "cgroup.controllers");
        bool has = text && (!controller || has_word(text, controller, ' '));
        free(text);
        if (has)
            return c;
    }
    if (controller)
        fail(EXIT_SETUP,
             "see cat /proc/cgroups and mount -t cgroup,cgroup2; on WSL2, add "
             "kernelCommandLine=cgroup_no_v1=all to .wslconfig",
             "cgroup controller %s: not mounted on this machine", controller);
    return NULL;
}

static void make_directory(struct cgroup *cgroup)
{
    char *path = xasprintf("%s/%s%d", cgroup->parent, prefix, getpid());

    for (int n = 1; mkdir(path, 0755) == -1; n++) {
        if (errno != EEXIST)
            die("cgroup %s", path);
        free(path);
        path = xasprintf("%s/%s%d.%d", cgroup->parent, prefix, getpid(), n);
    }
    cgroup->directory = path;
    cgroup->fd = lock_directory(path);
}

struct cgroup *make_cgroup(struct cgroup *all, const char *controller)
{
    struct cgroup *cgroup = hierarchy_of(all, controller);

    if (!cgroup || (!controller && all->next))
        return NULL;
    if (cgroup->directory && cgroup->version == 1)
        return cgroup;
    if (!made) {
        made = all;
        atexit(remove_cgroups);
    }
    lock_hierarchy(cgroup);
    if (cgroup->version == 2 && controller)
        enable_controller(cgroup, controller);
    if (!cgroup->directory)
        make_directory(cgroup);
    unlock_hierarchy();
    return cgroup;
}

struct cgroup *own_cgroup(struct cgroup *all, const char *controller)
{
    for (struct cgroup *c = all; c; c = c->next)
        if (c->directory &&
            (c->version == 2 ||
             (controller && has_word(c->controllers, controller, ','))))
            return c;
    return NULL;
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
        die("cgroup %s/%s", cgroup->directory, file);
    if (!written && !limit->optional)
        fail(EXIT_SETUP,
             "this kernel was built without it; cpu needs CONFIG_CFS_BANDWIDTH",
             "cgroup %s: no file %s", cgroup->directory, file);
    free(whole);
}

void write_cgroup(const struct cgroup *cgroup, const char *file,
                  const char *text)
{
    if (!write_in(cgroup->directory, file, text))
        die("cgroup %s/%s", cgroup->directory, file);
}

const char *cgroup_mount_point(const struct cgroup *all,
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

static long long read_cgroup(const struct cgroup *cgroup, const char *file,
                             const char *key)
{
    char *text = read_in(cgroup->directory, file), *at = text;
    long long number = -1;

    /* "oom_kill 1": at the beginning of a line, with a space behind it. */
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

void report_cgroups(struct cgroup *all, const struct counter *counters,
                    const char *limit)
{
    char *line = xstrdup("cgroup:"), *longer;
    const char *comma = "";

    for (const struct counter *k = counters; k->controller; k++) {
        const struct cgroup *c = own_cgroup(all, k->controller);
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
            warn("killed by the kernel: out of memory (limit %s)", limit);
    }
    if (*comma)
        narrate_note("%s", line);
    free(line);
}

void remove_cgroups(void)
{
    if (lock != -1)
        unlock_hierarchy(); /* a failure under the lock ends in here */
    for (struct cgroup *c = made; c; c = c->next) {
        if (!c->directory && c->version == 1)
            continue;
        lock = try_lock(c->mount, 0); /* or without */
        if (c->directory) {
            if (rmdir(c->directory) == -1)
                warn("cgroup %s: %s", c->directory, strerror(errno));
            close(c->fd);
            free(c->directory);
            c->directory = NULL;
        }
        if (c->version == 2)
            disable_controllers(c);
        unlock_hierarchy();
    }
}
