/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "harness.h"

#include "apart.h"
#include "cgroups.h"
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* After so many tests that had to be stopped, the others get less time. */
enum { MOST_HANGS = 2, SHORTER = 5 };

int stage;
int patience = 30;
int test_limit;
char shared_mark;

static char own_name[64];

/* All processes of the test end: whatever lives in this PID namespace is a
 * child of ours or becomes one, see PR_SET_CHILD_SUBREAPER in prctl(2). */
static void end_processes(void)
{
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        ;
}

static const struct CMUnitTest *table; /* the tests that are run */
static size_t begun;                   /* how many of them have begun */
static int hangs;                      /* and how many had to be stopped */

static int begin_test(void **state)
{
    const struct CMUnitTest *test = &table[begun++];
    int seconds = test_limit ? test_limit : patience;

    if (hangs >= MOST_HANGS)
        seconds = seconds < SHORTER ? 1 : seconds / SHORTER;
    watch_test(seconds);
    return test->setup_func ? test->setup_func(state) : 0;
}

static void do_test(void **state)
{
    table[begun - 1].test_func(state);
    if (why_stopped()) /* the test did not notice */
        fail_msg("%s", why_stopped());
}

/* After every test, whether it passed or failed: nothing of it stays. */
static int end_test(void **state)
{
    const struct CMUnitTest *test = &table[begun - 1];
    int bad = test->teardown_func ? test->teardown_func(state) : 0;

    if (why_stopped() && graded())
        hangs = MOST_HANGS; /* a grade must end soon: one is enough */
    else if (why_stopped() && ++hangs == MOST_HANGS)
        print_message("%d tests did not end: each of the others has less "
                      "time, %d s\n",
                      hangs, patience < SHORTER ? 1 : patience / SHORTER);
    undo_mounts();
    end_containers();
    end_processes();
    clear_test_cgroups();
    if (has(NEW_NETWORK) && !enter_test_network())
        bad = -1;
    end_watch();
    return bad;
}

/* --- the test program ----------------------------------------------------- */

static int set_up_host(void **state)
{
    (void)state;
    if (has(NEW_NETWORK) && !enter_test_network()) {
        print_error("harness: a network namespace: %s\n", strerror(errno));
        return -1;
    }
    remember_mounts();
    return 0;
}

/* The shared tests are run with their own stage alone, see test_main(). */
static bool is_wanted(const struct CMUnitTest *test, int own_stage,
                      char *const names[])
{
    if (!*names)
        return stage == own_stage || test->initial_state != &shared_mark;
    while (*names && strcmp(test->name, *names) != 0)
        names++;
    return *names;
}

/* Keeps the part SHARE, "2/3", of the COUNT tests. Returns how many. */
static size_t take_share(struct CMUnitTest *tests, size_t count,
                         const char *share)
{
    size_t part = 1, of = 1;

    if (share &&
        (sscanf(share, "%zu/%zu", &part, &of) != 2 || part < 1 || part > of))
        part = of = 1;
    size_t first = count * (part - 1) / of, end = count * part / of;
    memmove(tests, tests + first, (end - first) * sizeof(*tests));
    return end - first;
}

int test_main(int argc, char *argv[], int own_stage, const char *name,
              const struct CMUnitTest *tests, size_t count)
{
    struct CMUnitTest *chosen = calloc(count + 1, sizeof(*chosen));
    struct CMUnitTest copies[count + 1];
    size_t used = 0;

    if (!chosen)
        return 1;
    stage = argc > 1 ? atoi(argv[1]) : own_stage;
    if (getenv("PATIENCE"))
        patience = atoi(getenv("PATIENCE"));
    snprintf(own_name, sizeof(own_name), "%s%s%s", name,
             argc > 1 ? " on stage " : "", argc > 1 ? argv[1] : "");
    for (size_t i = 0; i < count; i++)
        if (is_wanted(&tests[i], own_stage, argc > 2 ? argv + 2 : argv + argc))
            chosen[used++] = tests[i];
    if (argc > 2 && used != (size_t)argc - 2) {
        print_error("%s: not all of these tests exist\n", argv[0]);
        return 1;
    }
    used = take_share(chosen, used, getenv("SHARE"));
    unsetenv("SHARE"); /* not for the programs that we start */
    if (geteuid() != 0) {
        print_error("The tests need root: sudo make test%d\n", stage);
        return 1;
    }
    leave_the_host(find_build_directory());
    memcpy(copies, chosen, used * sizeof(*copies));
    for (size_t i = 0; i < used; i++) {
        copies[i].setup_func = begin_test;
        copies[i].test_func = do_test;
        copies[i].teardown_func = end_test;
    }
    table = chosen;
    setvbuf(stdout, NULL, _IOLBF, 0); /* what was printed stays, if killed */
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans of a container come to us */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0}); /* no core files */
    return _cmocka_run_group_tests(own_name, copies, used, set_up_host, NULL);
}
