/* SPDX-License-Identifier: MIT
 *
 * Stage 3: PIDs of the container's own, a /proc that shows them, and a PID 1 at
 * whose end all others end.
 */
#define _GNU_SOURCE
#include "../lib/shared.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void shell_is_pid_1(void **state)
{
    (void)state;
    assert_text(run_quiet("sh", "-c", "echo $$").out, "1\n");
}

static void parent_of_pid_1_is_outside_and_seen_as_0(void **state)
{
    (void)state;
    assert_text(run_quiet("grep", "PPid", "/proc/1/status").out, "PPid:\t0\n");
}

/* The shell expands the pattern itself: no further process is in the way. */
static void proc_lists_the_containers_processes_and_no_other(void **state)
{
    char *script = "sleep 1000 & sleep 1000 & echo /proc/[0-9]*; kill %1 %2";

    (void)state;
    assert_text(run_quiet("sh", "-c", script).out, "/proc/1 /proc/2 /proc/3\n");
}

static void nspid_shows_the_pid_outside_and_the_pid_inside(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    assert_text(status_of(live.container, "NSpid"),
                format("%d\t1", live.container));
}

static void proc_is_mounted_nosuid_nodev_noexec(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    char *line = mount_at(mounts_of(live.container), "/proc");
    assert_non_null(line);
    assert_contains(line, " rw,nosuid,nodev,noexec,");
    assert_contains(line, " - proc proc ");
}

static void proc_of_the_host_is_intact(void **state)
{
    char *mount = mount_at(mounts_of(getpid()), "/proc"), self[32];

    (void)state;
    struct live live = start(READY("read line"));
    assert_text(mount_at(mounts_of(getpid()), "/proc"), mount);
    ssize_t length = readlink("/proc/self", self, sizeof(self) - 1);
    assert_int_not_equal(length, -1);
    self[length] = '\0';
    assert_text(self, format("%d", getpid()));
    assert_true(exists(live.container));
    finish(&live);
    assert_text(mount_at(mounts_of(getpid()), "/proc"), mount);
}

/* --- PID 1 ---------------------------------------------------------------- */

/* One child, one orphan, one orphan in a session of its own. */
#define THREE_SLEEPERS                                                      \
    "sleep 1000 & (sleep 1000 &); (setsid sleep 1000 &); echo ready; read " \
    "line"

static bool has_three_sleepers(const void *container)
{
    pid_t *children = children_of(*(const pid_t *)container);
    size_t count = 0;

    for (; children[count]; count++) {
        char *command = status_of(children[count], "Name");
        if (!command || strcmp(command, "sleep") != 0)
            return false;
    }
    return count == 3;
}

static void orphans_become_children_of_pid_1(void **state)
{
    (void)state;
    struct live live = start("sh", "-c", THREE_SLEEPERS);
    wait_until(has_three_sleepers, &live.container,
               "PID 1 has its child and the two orphans");
}

static void all_processes_end_with_pid_1(void **state)
{
    (void)state;
    struct live live = start("sh", "-c", THREE_SLEEPERS);
    wait_until(has_three_sleepers, &live.container, "all are there");
    pid_t *sleepers = children_of(live.container);
    assert_status(finish(&live), 1); /* read met the end of its input */
    for (; *sleepers; sleepers++)
        assert_false(exists(*sleepers)); /* no waiting: PID 1 was the last */
}

static void all_processes_end_with_a_killed_parent(void **state)
{
    (void)state;
    struct live live = start("sh", "-c", THREE_SLEEPERS);
    wait_until(has_three_sleepers, &live.container, "all are there");
    pid_t *sleepers = children_of(live.container);
    kill(live.parent, SIGKILL);
    wait_until_gone(live.container);
    for (; *sleepers; sleepers++)
        assert_false(exists(*sleepers));
}

/* The first command keeps it harmless where PID 1 is the host's. */
static void signals_from_inside_do_nothing_to_pid_1(void **state)
{
    (void)state;
    struct result result =
        run_quiet("sh", "-c",
                  "[ $$ = 1 ] || exit 99; kill -TERM 1; kill -KILL 1; "
                  "kill -HUP 1; (kill -KILL 1); echo alive; exit 5");
    assert_status(result, 5);
    assert_text(result.out, "alive\n");
}

static void handler_of_pid_1_is_called(void **state)
{
    (void)state;
    struct result result = run_quiet("sh", "-c",
                                     "[ $$ = 1 ] || exit 99; trap 'echo "
                                     "handled; exit 6' TERM; kill -TERM 1");
    assert_status(result, 6);
    assert_text(result.out, "handled\n");
}

/* The parent must not take it for a dropped signal: it would send SIGKILL. */
static void a_signal_that_pid_1_ignores_does_not_end_it(void **state)
{
    (void)state;
    struct live live =
        start("sh", "-c", "trap '' INT; echo ready; read line; exit 5");

    kill(live.parent, SIGINT);
    wait_until(has_no_signal, &live.parent, "the parent has taken its signal");
    assert_int_equal(write(live.in, "\n", 1), 1);
    assert_status(finish(&live), 5);
}

/* The parent's PIDs are not those of the /proc that it reads. */
static void
a_dropped_signal_is_known_with_the_proc_of_another_namespace(void **state)
{
    char *narration = format("%s/narration", scratch());
    char *script =
        format("unshare --pid --fork '%1$s' -V sleep 1000 2>'%2$s' & P=$!; "
               "until grep -q execve '%2$s'; do sleep .05; done; "
               "kill -TERM $(cat /proc/$P/task/$P/children); wait $P; echo $?",
               stage_program(), narration);

    (void)state;
    assert_text(on_host(script), format("%d\n", 128 + SIGKILL));
    assert_contains(contents(narration),
                    "PID 1 has no handler for signal 15: the kernel drops it");
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        SHARED_TESTS,
        cmocka_unit_test(shell_is_pid_1),
        cmocka_unit_test(parent_of_pid_1_is_outside_and_seen_as_0),
        cmocka_unit_test(proc_lists_the_containers_processes_and_no_other),
        cmocka_unit_test(nspid_shows_the_pid_outside_and_the_pid_inside),
        cmocka_unit_test(proc_is_mounted_nosuid_nodev_noexec),
        cmocka_unit_test(proc_of_the_host_is_intact),
        cmocka_unit_test(orphans_become_children_of_pid_1),
        cmocka_unit_test(all_processes_end_with_pid_1),
        cmocka_unit_test(all_processes_end_with_a_killed_parent),
        cmocka_unit_test(signals_from_inside_do_nothing_to_pid_1),
        cmocka_unit_test(handler_of_pid_1_is_called),
        cmocka_unit_test(a_signal_that_pid_1_ignores_does_not_end_it),
        cmocka_unit_test(
            a_dropped_signal_is_known_with_the_proc_of_another_namespace),
    };

    return test_main(argc, argv, 3, "stage 3", tests,
                     sizeof(tests) / sizeof(tests[0]));
}
