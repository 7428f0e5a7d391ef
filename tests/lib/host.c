/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "host.h"

#include "cgroups.h"
#include "harness.h"
#include "network.h"

#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILES = 1 << 16 };

static char *tree[MOST_FILES]; /* what tree_of has found so far */
static size_t tree_count;

static int add_file(const char *path, const struct stat *st, int type,
                    struct FTW *where)
{
    char target[PATH_MAX];
    ssize_t length = type == FTW_SL ? readlink(path, target, PATH_MAX) : 0;

    (void)where;
    if (type == FTW_NS) /* gone meanwhile */
        return 0;
    assert_true(tree_count < MOST_FILES);
    tree[tree_count++] = format(
        "%s %o %u %u %lld %.*s\n", path, st->st_mode, st->st_uid, st->st_gid,
        type == FTW_D ? 0LL : (long long)st->st_size, (int)length, target);
    return 0;
}

/* The paths of all files below a directory, on its own file system, sorted,
 * each with mode, owner and size. Without the size of directories: if that
 * differed first, the report would not name the new file. */
static char *tree_of(const char *path)
{
    size_t size = 1;

    tree_count = 0;
    nftw(path, add_file, 16, FTW_PHYS | FTW_MOUNT);
    qsort(tree, tree_count, sizeof(*tree), compare_words);
    for (size_t i = 0; i < tree_count; i++)
        size += strlen(tree[i]);
    char *sorted = calloc(1, size), *end = sorted;
    assert_non_null(sorted);
    for (size_t i = 0; i < tree_count; i++) {
        end = stpcpy(end, tree[i]);
        free(tree[i]);
    }
    return sorted;
}

char *host_state(void)
{
    static const char *const files[] = {"/proc/self/mountinfo",
                                        "/proc/sys/kernel/hostname",
                                        "/proc/sys/kernel/domainname",
                                        "/proc/sysvipc/shm",
                                        "/proc/sysvipc/sem",
                                        "/proc/sysvipc/msg",
                                        "/proc/sys/fs/mqueue/queues_max"};
    char *state = format("%s", "");

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char *text = try_contents(files[i]);
        extend(&state, format("== %s\n", files[i]));
        extend(&state, text ? text : format("-\n"));
    }
    const char *trees[] = {built("private/rootfs"), scratch(), "/dev/shm",
                           "/dev/mqueue", "/run"};
    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
        extend(&state, format("== %s\n", trees[i]));
        extend(&state, tree_of(trees[i]));
    }
    if (has(NEW_CGROUPS)) {
        extend(&state, format("== cgroups\n"));
        extend(&state, cgroups_state());
    }
    if (has(NEW_NETWORK)) {
        extend(&state, format("== network\n"));
        extend(&state, network_state());
    }
    extend(&state, format("== children\n"));
    for (pid_t *child = children_of(getpid()); *child; child++)
        if (exists(*child)) {
            extend(&state, format("%d ", *child));
            extend(&state, contents(format("/proc/%d/comm", *child)));
        }
    return state;
}

/* Says which line is the first to differ: the whole is often long. */
static void assert_same(const char *now, const char *before, const char *what)
{
    const char *a = now, *b = before, *heading = "";

    while (*a && *b) {
        int a_length = (int)strcspn(a, "\n"), b_length = (int)strcspn(b, "\n");
        if (a_length != b_length || strncmp(a, b, (size_t)a_length) != 0)
            break;
        if (strncmp(b, "==", 2) == 0)
            heading = b + 3;
        a += a_length + (a[a_length] == '\n');
        b += b_length + (b[b_length] == '\n');
    }
    if (*a || *b)
        fail_msg("%s, in %.*s\nseen:     %.*s\nexpected: %.*s", what,
                 (int)strcspn(heading, "\n"), heading, (int)strcspn(a, "\n"), a,
                 (int)strcspn(b, "\n"),
                 strncmp(b, "==", 2) == 0 ? "no such line" : b);
}

void assert_host_unchanged(const char *before)
{
    assert_same(host_state(), before, "the host is not as it was");
}

void mend_host(void)
{
    if (has(NEW_NETWORK))
        wait_for_dying_ports();
    if (has(NEW_CGROUPS))
        assert_status(run_quiet("true"), 0);
}
