/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "shared.h"

#include "strace.h"

#include <signal.h>

void nothing_is_left_after_success(void **state)
{
    char *before = host_state();

    (void)state;
    assert_status(run("sh", "-c", "exit 0"), 0);
    assert_host_unchanged(before);
    assert_status(run_quiet("sh", "-c", "exit 3"), 3);
    assert_host_unchanged(before);
}

void nothing_is_left_after_bad_input(void **state)
{
    char *before = host_state();

    (void)state;
    assert_status(run("no-such-command"), 127);
    assert_status(run("/tmp"), 126);
    assert_status(run("--no-such-option"), 125);
    assert_host_unchanged(before);
}

void any_call_that_fails_ends_the_start_and_leaves_nothing(void **state)
{
    static const char *const calls[] = {
        "socketpair",  "clone",         "prctl",     "mount",
        "setsid",      "setgroups",     "keyctl",    "setdomainname",
        "umount2",     "pivot_root",    "open_tree", "move_mount",
        "close_range", "mount_setattr", "mknodat",   "symlink",
        "mknod",       "symlinkat",     "chroot",    "chdir",
        "sethostname", "unshare",       "clone3",    NULL,
    };

    (void)state;
    /* socketpair, clone, prctl, setsid, setgroups, keyctl */
    assert_true(fail_each_call(calls, WORDS(NULL)) >= 6);
}

/* COMMAND has no handler: what ends an ordinary process by default has to end
 * PID 1 as well, for which the kernel drops the signal. */
static void end_by(int number, int status)
{
    char *before = host_state();
    struct live live = start_sleep();

    kill(live.parent, number);
    pid_t container = live.container;
    assert_status(finish(&live), status);
    wait_until_gone(container); /* at once, except after SIGKILL */
    if (number == SIGKILL)
        mend_host();
    assert_host_unchanged(before);
}

void nothing_is_left_after_sigint(void **state)
{
    (void)state;
    end_by(SIGINT, has(NEW_PIDS) ? 128 + SIGKILL : 128 + SIGINT);
}

void nothing_is_left_after_sigterm(void **state)
{
    (void)state;
    end_by(SIGTERM, has(NEW_PIDS) ? 128 + SIGKILL : 128 + SIGTERM);
}

void nothing_is_left_after_sigkill(void **state)
{
    (void)state;
    end_by(SIGKILL, 128 + SIGKILL);
}

void command_that_handles_sigterm_returns_its_own_status(void **state)
{
    (void)state;
    struct live live = start("sh", "-c",
                             "trap 'kill $!; exit 9' TERM; sleep 1000 & "
                             "echo ready; while :; do wait $!; done");
    kill(live.parent, SIGTERM);
    assert_status(finish(&live), 9);
}

void command_that_ignores_sigterm_is_killed_in_the_end(void **state)
{
    char *before = host_state();

    (void)state;
    struct live live =
        start("sh", "-c", "trap '' TERM; echo ready; exec sleep 1000");
    kill(live.parent, SIGTERM);
    assert_status(finish(&live), 128 + SIGKILL);
    assert_host_unchanged(before);
}
