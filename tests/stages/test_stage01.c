/* SPDX-License-Identifier: MIT
 *
 * Stage 1: a second process that ends with its parent, and nothing that is
 * isolated.
 */
#define _GNU_SOURCE
#include "../lib/apart.h"
#include "../lib/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE_MS = 3000 }; /* from SIGTERM to SIGKILL */

/* --- the process ---------------------------------------------------------- */

static void command_is_a_child_of_the_parent_with_a_pid_of_its_own(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    assert_int_not_equal(live.container, live.parent);
    assert_int_not_equal(live.container, 1);
    assert_text(status_of(live.container, "PPid"), format("%d", live.parent));
}

/* From stage 2 on, this user, who is not root, may not even make namespaces. */
static void file_that_this_user_may_not_execute_gives_126(void **state)
{
    char *file = format("%s/root's", scratch());
    char *copy = format("%s/stage%02d", scratch(), stage);

    (void)state;
    create(file, "#!/bin/sh\necho run\n", 0700);
    assert_status(run_program(NULL, WORDS("cp", stage_program(), copy)), 0);
    struct result result =
        run_prepared(NULL, WORDS(copy, "-q", file), become_nobody, NULL);
    if (has(NEW_MOUNTS))
        assert_status(result, 125);
    else
        assert_not_run(result, 126, "Permission denied",
                       "its mode does not let this user execute it");
}

static void status_of_command_is_returned(void **state)
{
    (void)state;
    assert_status(run_quiet("sh", "-c", "exit 0"), 0);
    assert_status(run_quiet("sh", "-c", "exit 7"), 7);
    assert_status(run_quiet("sh", "-c", "exit 255"), 255);
}

/* From outside, SIGKILL alone can kill PID 1 of a PID namespace. */
static void status_is_128_plus_the_signal_that_killed_command(void **state)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGINT,  SIGHUP,
                                  SIGUSR1, SIGSEGV, SIGABRT, SIGALRM};
    size_t count = has(NEW_PIDS) ? 1 : sizeof(signals) / sizeof(signals[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct live live = start_sleep();
        kill(live.container, signals[i]);
        assert_status(finish(&live), 128 + signals[i]);
    }
}

static void status_is_128_plus_n_when_command_kills_itself(void **state)
{
    (void)state;
    if (has(NEW_PIDS)) { /* PID 1 cannot kill itself: it goes on */
        const char *script = "kill -TERM $$; kill -KILL $$; exit 5";
        assert_status(run_quiet("sh", "-c", (char *)script), 5);
        return;
    }
    assert_status(run_quiet("sh", "-c", "kill -TERM $$"), 128 + SIGTERM);
    assert_status(run_quiet("sh", "-c", "kill -KILL $$"), 128 + SIGKILL);
    assert_status(run_quiet("sh", "-c", "kill -USR2 $$"), 128 + SIGUSR2);
}

static void standard_input_reaches_command(void **state)
{
    (void)state;
    struct result result =
        run_with("one\ntwo\n", (char *const[]){"-q", "cat", NULL});
    assert_status(result, 0);
    assert_text(result.out, "one\ntwo\n");
}

static void standard_error_of_command_is_the_callers(void **state)
{
    (void)state;
    struct result result = run_quiet("sh", "-c", "echo problem >&2");
    assert_text(result.out, "");
    assert_text(result.err, "problem\n");
}

static void command_leads_a_session_without_terminal(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    assert_int_equal(getsid(live.container), live.container);
    assert_int_equal(getpgid(live.container), live.container);
    assert_int_not_equal(run_quiet("sh", "-c", ": </dev/tty").status, 0);
}

static void lead_session(void *argument)
{
    (void)argument;
    setsid();
}

static void a_signal_to_all_of_its_group_stays_inside(void **state)
{
    char *const args[] = {"sh", "-c", "\"$0\" -q sh -c 'kill -9 0'; echo alive",
                          stage_program(), NULL};

    (void)state;
    struct result result = run_prepared(NULL, args, lead_session, NULL);
    assert_status(result, 0);
    assert_text(result.out, "alive\n");
}

/* --- what it gets from its caller ----------------------------------------- */

/* PREPARE gets "/" as its argument. */
static struct result run_with_prepare(void (*prepare)(void *), char *command)
{
    char *const args[] = {stage_program(), "-q", "sh", "-c", command, NULL};

    return run_prepared(NULL, args, prepare, "/");
}

static void ignore_sigchld(void *argument)
{
    (void)argument;
    signal(SIGCHLD, SIG_IGN);
}

static void status_is_returned_even_if_the_caller_ignores_sigchld(void **state)
{
    (void)state;
    assert_status(run_with_prepare(ignore_sigchld, "exit 7"), 7);
}

static void block_signals(void *argument)
{
    sigset_t set;

    (void)argument;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_SETMASK, &set, NULL);
}

static void ignore_signals(void *argument)
{
    long action[8] = {(long)SIG_IGN};

    (void)argument;
    for (int number = 1; number < NSIG; number++) /* libc reserves 32, 33 */
        syscall(SYS_rt_sigaction, number, action, NULL, (NSIG - 1) / 8);
}

static void command_blocks_and_ignores_no_signal(void **state)
{
    char *show = "exec grep -E 'SigBlk|SigIgn' /proc/self/status";
    char *none = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";

    (void)state;
    assert_text(run_with_prepare(block_signals, show).out, none);
    assert_text(run_with_prepare(ignore_signals, show).out, none);
}

static void join_groups(void *argument)
{
    gid_t groups[] = {1, 5, 100};

    (void)argument;
    if (setgroups(COUNT(groups), groups) == -1)
        _exit(98);
}

static void command_is_in_no_group_of_the_caller(void **state)
{
    char *const caller[] = {"id", "-G", NULL};

    (void)state;
    assert_text(run_prepared(NULL, caller, join_groups, NULL).out,
                "0 1 5 100\n");
    assert_text(run_with_prepare(join_groups, "id -G").out, "0\n");
}

static void join_keyring(void *argument)
{
    (void)argument;
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "callers") == -1)
        _exit(98);
}

/* The words with which COMMAND becomes tests/lib/probe.c, ended by NULL. Copies
 * it: the tree may lie below /tmp, which stages 2 to 4 hide. */
static char **probe_words(char *first, char *second)
{
    char **words = calloc(7, sizeof(*words)), **end = words;
    char *copy = format("%s/probe", scratch());
    char *const cp[] = {"cp", built("probe"), copy, NULL};

    assert_non_null(words);
    assert_status(run_program(NULL, cp), 0);
    *end++ = "-q";
    if (has(NEW_ROOT)) {
        *end++ = "-v";
        *end++ = format("%s:/tmp/probe", copy);
    }
    *end++ = has(NEW_ROOT) ? "/tmp/probe" : copy;
    *end++ = first;
    *end = second;
    return words;
}

static void session_keyring_is_a_new_one(void **state)
{
    char *const caller[] = {built("probe"), "keyring", NULL};
    char **words = probe_words("keyring", NULL);
    char *args[8] = {stage_program()};

    (void)state;
    memcpy(args + 1, words, 6 * sizeof(*words));
    assert_contains(run_prepared(NULL, caller, join_keyring, NULL).out,
                    ";callers\n");
    struct result result = run_prepared(NULL, args, join_keyring, NULL);
    if (!strstr(result.out, ";_ses\n"))
        fail_msg("seen:     the session keyring %s\nexpected: a new one, which "
                 "is called _ses",
                 result.out);
    free(words);
}

static void mask_group_and_others(void *argument)
{
    (void)argument;
    umask(0137);
}

static void umask_of_command_is_the_callers(void **state)
{
    (void)state;
    assert_text(run_with_prepare(mask_group_and_others, "umask").out, "0137\n");
}

/* None of ours, such as the socket. The caller's are closed from stage 5 on. */
static void command_inherits_the_callers_descriptors_alone(void **state)
{
    char *show = "ls /proc/$$/fd; true";
    char *const caller[] = {"sh", "-c", show, NULL};
    struct result outside =
        run_prepared(NULL, caller, leave_directory_open, "/");

    (void)state;
    assert_contains(outside.out, "\n9\n");
    assert_text(run_with_prepare(leave_directory_open, show).out,
                has(NEW_ROOT) ? "0\n1\n2\n" : outside.out);
}

static void set_path(void *path)
{
    setenv("PATH", path, 1);
}

/* As in a shell: the search goes on after a file that is not executable. */
static void a_plain_file_does_not_hide_a_command_behind_it(void **state)
{
    char *first = format("%s/first", scratch());
    char *path =
        format("%s:/usr/bin:/bin", has(NEW_ROOT) ? "/tmp/first" : first);

    (void)state;
    assert_return_code(mkdir(first, 0755), errno);
    create(format("%s/true", first), "", 0644);
    char *const before[] = {stage_program(), "-q", "true", NULL};
    char *const since[] = {stage_program(),
                           "-q",
                           "-v",
                           format("%s:/tmp/first", first),
                           "-e",
                           format("PATH=%s", path),
                           "true",
                           NULL};
    assert_status(
        run_prepared(NULL, has(NEW_ROOT) ? since : before, set_path, path), 0);
}

static void close_standard(void *fd)
{
    close(*(int *)fd);
}

static void closed_standard_input_is_refused(void **state)
{
    char *const args[] = {stage_program(), "-q", "echo", "run", NULL};
    int fd = STDIN_FILENO;

    (void)state;
    struct result result = run_prepared(NULL, args, close_standard, &fd);
    assert_status(result, 125);
    assert_message(result, "standard input, output and error must be open",
                   "</dev/null");
    assert_text(result.out, "");
    fd = STDOUT_FILENO;
    result = run_prepared(NULL, args, close_standard, &fd);
    assert_status(result, 125);
    assert_message(result, "standard input, output and error must be open",
                   "</dev/null");
    fd = STDERR_FILENO;
    assert_status(run_prepared(NULL, args, close_standard, &fd), 125);
}

/* --- signals -------------------------------------------------------------- */

/* Returns whether the run ended by SIGKILL because this machine did not run
 * COMMAND in the grace time after the SIGTERM that came at SINCE: try again. */
static bool was_too_slow(struct result result, long long since)
{
    return result.status == 128 + SIGKILL && now_ms() - since >= GRACE_MS;
}

/* COMMAND prints the name of each signal that it gets. A second, other one
 * tells it to end; whatever came twice has been printed twice by then. */
static void check_forwarding(int number, const char *name)
{
    bool usr1 = number == SIGUSR1;
    /* Let the trap end the shell. If it only set a variable for the loop, a
     * signal between the loop's look at it and wait would be seen too late. */
    char *const args[] = {
        "sh", "-c",
        format("for s in INT TERM HUP QUIT ALRM XCPU USR1 USR2; do trap \"echo "
               "$s\" $s; "
               "done; trap 'kill $!; echo end; exit 42' %s; sleep 1000 & "
               "echo ready; while :; do wait $!; done",
               usr1 ? "USR2" : "USR1"),
        NULL};
    struct result result;
    long long since;

    do {
        struct live live = start_with(args);
        since = now_ms();
        kill(live.parent, number);
        assert_text(next_line(&live), name);
        kill(live.parent, usr1 ? SIGUSR2 : SIGUSR1);
        result = finish(&live);
    } while (number == SIGTERM && was_too_slow(result, since));
    assert_status(result, 42);
    assert_text(result.out, "end\n");
}

#define SIGNAL_TEST(name, signal)               \
    static void name(void **state)              \
    {                                           \
        (void)state;                            \
        check_forwarding(SIG##signal, #signal); \
    }

SIGNAL_TEST(sigint_arrives_in_command_once, INT)
SIGNAL_TEST(sigterm_arrives_in_command_once, TERM)
SIGNAL_TEST(sighup_arrives_in_command_once, HUP)
SIGNAL_TEST(sigquit_arrives_in_command_once, QUIT)
SIGNAL_TEST(sigusr1_arrives_in_command_once, USR1)
SIGNAL_TEST(sigusr2_arrives_in_command_once, USR2)
SIGNAL_TEST(sigalrm_arrives_in_command_once, ALRM)
SIGNAL_TEST(sigxcpu_arrives_in_command_once, XCPU)

/* COMMAND prints a line if it gets signal NUMBER. */
static void check_ignored(int number)
{
    struct live live =
        start("sh", "-c",
              "trap 'echo got it' HUP PIPE; trap 'kill $!; exit 42' USR1; "
              "sleep 1000 & echo ready; while :; do wait $!; done");

    kill(live.parent, number);
    /* Of two pending signals, the parent would read the lower number first. */
    wait_until(has_no_signal, &live.parent, "the parent has read the signal");
    wait_until(has_no_signal, &live.container, "COMMAND has taken what came");
    kill(live.parent, SIGUSR1);
    struct result result = finish(&live);
    assert_status(result, 42);
    assert_text(result.out, "");
}

static void sigpipe_does_not_end_the_parent(void **state)
{
    (void)state;
    check_ignored(SIGPIPE);
}

/* As under nohup(1), or for a background job of a shell without job control. */
static void what_the_caller_ignores_is_not_forwarded(void **state)
{
    (void)state;
    signal(SIGHUP, SIG_IGN);
    check_ignored(SIGHUP);
    signal(SIGHUP, SIG_DFL);
}

/* PID 1 keeps a blocked signal pending, for sigwait(3): it is not dropped. */
static bool is_pending(const void *pid)
{
    char *text = status_of(*(const pid_t *)pid, "ShdPnd");

    return text && strtoull(text, NULL, 16) == 1ULL << (SIGUSR1 - 1);
}

static void a_signal_that_command_blocks_does_not_end_it(void **state)
{
    char **words = probe_words("block", format("%d", SIGUSR1));
    struct live live = start_with(words + 1);

    (void)state;
    free(words);
    kill(live.parent, SIGUSR1);
    wait_until(is_pending, &live.container, "the signal is pending");
    assert_true(exists(live.container));
}

/* Asleep in sigwait(3). */
static bool is_waiting(const void *pid)
{
    char *text = contents(format("/proc/%d/syscall", *(const pid_t *)pid));

    return atoi(text) == SYS_rt_sigtimedwait;
}

static void a_signal_that_command_waits_for_arrives(void **state)
{
    char **words = probe_words("wait", format("%d", SIGTERM));
    struct result result;
    long long since;

    (void)state;
    do {
        struct live live = start_with(words + 1);
        wait_until(is_waiting, &live.container, "COMMAND waits");
        since = now_ms();
        kill(live.parent, SIGTERM);
        result = finish(&live);
    } while (was_too_slow(result, since));
    free(words);
    assert_status(result, 0);
}

/* A second signal does not make the time until SIGKILL longer. */
static void other_signals_do_not_stretch_the_grace_time(void **state)
{
    (void)state;
    struct live live =
        start("sh", "-c", "trap '' TERM HUP; echo ready; exec sleep 1000");

    kill(live.parent, SIGTERM);
    while (exists(live.container)) {
        kill(live.parent, SIGHUP);
        usleep(100000);
    }
    assert_status(finish(&live), 128 + SIGKILL);
}

/* The first one is handled and leads to nothing. The second one does not
 * arrive: SIGKILL comes instead. */
static void a_second_sigterm_ends_the_wait(void **state)
{
    (void)state;
    struct live live = start("sh", "-c",
                             "trap 'echo TERM' TERM; sleep 1000 & echo ready; "
                             "while :; do wait $!; done");

    kill(live.parent, SIGTERM);
    assert_text(next_line(&live), "TERM");
    kill(live.parent, SIGTERM);
    struct result result = finish(&live);
    assert_status(result, 128 + SIGKILL);
    assert_text(result.out, "");
}

static void first_process_dies_with_a_killed_parent(void **state)
{
    (void)state;
    struct live live =
        start("sh", "-c", "trap '' TERM HUP; echo ready; exec sleep 1000");
    kill(live.parent, SIGKILL);
    wait_until_gone(live.container);
    assert_status(finish(&live), 128 + SIGKILL);
}

/* --- what is not isolated ------------------------------------------------- */

static void only_before_stage_2_a_file_in_tmp_is_seen_outside(void **state)
{
    char *path = format("/tmp/made-by-container-%d", getpid());

    (void)state;
    assert_status(run_quiet("touch", path), 0);
    bool seen = access(path, F_OK) == 0;
    unlink(path);
    assert_int_equal(seen, !has(NEW_MOUNTS));
}

static void from_stage_3_on_proc_has_no_process_of_the_host(void **state)
{
    (void)state;
    char *script = format("[ -e /proc/%d ] || printf 'no '; "
                          "echo process of the host is in /proc",
                          getpid());
    assert_text(run_quiet("sh", "-c", script).out,
                has(NEW_PIDS) ? "no process of the host is in /proc\n"
                              : "process of the host is in /proc\n");
}

static void
only_before_stage_3_a_background_process_outlives_the_parent(void **state)
{
    (void)state;
    struct live live = start("sh", "-c", "sleep 1000 & echo ready; wait");
    pid_t background = children_of(live.container)[0];
    assert_int_not_equal(background, 0);
    kill(live.parent, SIGKILL);
    wait_until_gone(live.container);
    bool survives = exists(background);
    kill(background, SIGKILL);
    assert_int_equal(survives, !has(NEW_PIDS));
}

static const struct CMUnitTest tests[] = {
    SHARED_TESTS,
    cmocka_unit_test(command_is_a_child_of_the_parent_with_a_pid_of_its_own),
    cmocka_unit_test(file_that_this_user_may_not_execute_gives_126),
    cmocka_unit_test(status_of_command_is_returned),
    cmocka_unit_test(status_is_128_plus_the_signal_that_killed_command),
    cmocka_unit_test(status_is_128_plus_n_when_command_kills_itself),
    cmocka_unit_test(standard_input_reaches_command),
    cmocka_unit_test(standard_error_of_command_is_the_callers),
    cmocka_unit_test(status_is_returned_even_if_the_caller_ignores_sigchld),
    cmocka_unit_test(command_leads_a_session_without_terminal),
    cmocka_unit_test(a_signal_to_all_of_its_group_stays_inside),
    cmocka_unit_test(command_blocks_and_ignores_no_signal),
    cmocka_unit_test(command_is_in_no_group_of_the_caller),
    cmocka_unit_test(session_keyring_is_a_new_one),
    cmocka_unit_test(umask_of_command_is_the_callers),
    cmocka_unit_test(command_inherits_the_callers_descriptors_alone),
    cmocka_unit_test(a_plain_file_does_not_hide_a_command_behind_it),
    cmocka_unit_test(closed_standard_input_is_refused),
    cmocka_unit_test(sigint_arrives_in_command_once),
    cmocka_unit_test(sigterm_arrives_in_command_once),
    cmocka_unit_test(sighup_arrives_in_command_once),
    cmocka_unit_test(sigquit_arrives_in_command_once),
    cmocka_unit_test(sigusr1_arrives_in_command_once),
    cmocka_unit_test(sigusr2_arrives_in_command_once),
    cmocka_unit_test(sigalrm_arrives_in_command_once),
    cmocka_unit_test(sigxcpu_arrives_in_command_once),
    cmocka_unit_test(sigpipe_does_not_end_the_parent),
    cmocka_unit_test(what_the_caller_ignores_is_not_forwarded),
    cmocka_unit_test(a_signal_that_command_blocks_does_not_end_it),
    cmocka_unit_test(a_signal_that_command_waits_for_arrives),
    cmocka_unit_test(other_signals_do_not_stretch_the_grace_time),
    cmocka_unit_test(a_second_sigterm_ends_the_wait),
    cmocka_unit_test(first_process_dies_with_a_killed_parent),
    cmocka_unit_test(only_before_stage_2_a_file_in_tmp_is_seen_outside),
    cmocka_unit_test(from_stage_3_on_proc_has_no_process_of_the_host),
    cmocka_unit_test(
        only_before_stage_3_a_background_process_outlives_the_parent),
};

int main(int argc, char *argv[])
{
    return test_main(argc, argv, 1, "stage 1", tests, COUNT(tests));
}
