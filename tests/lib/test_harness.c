/* SPDX-License-Identifier: MIT
 *
 * The harness itself: what it says of stages that are wrong, that its tests end
 * whatever a stage does, and that nothing is left of tests that were killed.
 *
 * A wrong stage is a script in place of build/stage01 in a small tree, with a
 * copy of the program test_stage01. The tests of that tree run inside this
 * test, as they would on a host.
 */
#define _GNU_SOURCE
#include "cgroups.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* One test that runs the stage to its end, one that talks to it while it runs,
 * one that follows its start, one that follows it call by call. */
#define RUNS   "missing_command_gives_127"
#define TALKS  "the_pid_inside_is_1_from_stage_3_on"
#define TRACES "clone_comes_first_even_when_the_container_is_faster"
#define STEPS  "container_never_runs_on_without_its_parent"

/* Says that it runs, and does not end. */
#define HANGS  ": >\"$0.started\"; exec sleep 1000"

/* --- trees ---------------------------------------------------------------- */

/* A tree at PATH, whose stage 1 is the stage SOURCE. Returns its test program.
 */
static char *make_tree(const char *path, const char *source)
{
    on_host(format("rm -rf '%1$s' && mkdir -p '%1$s/build/tests' && cp '%2$s' "
                   "'%1$s/build/tests' && cp '%3$s' '%1$s/build/stage01'",
                   path, built("tests/test_stage01"), source));
    return format("%s/build/tests/test_stage01", path);
}

/* The same with a script. */
static char *make_wrong(const char *script)
{
    char *source = format("%s/script", scratch());

    create(source, format("#!/bin/sh\n%s\n", script), 0755);
    return make_tree(format("%s/tree", scratch()), source);
}

/* Runs one test on a stage 1 that is SCRIPT. PATIENCE: see harness.h. */
static struct result test_wrong(const char *script, char *test, int seconds)
{
    return run_program(NULL, WORDS("env", format("PATIENCE=%d", seconds),
                                   make_wrong(script), "1", test));
}

/* The test failed, with these words, and not by a crash of its own. */
static void assert_failed(struct result result, const char *words)
{
    assert_status(result, 1);
    assert_contains(result.out, "[  FAILED  ] ");
    assert_contains(format("%s%s", result.out, result.err), words);
    assert_lacks(result.err, "exception");
}

/* --- every test ends ------------------------------------------------------ */

static void a_stage_that_loops_fails_after_its_time(void **state)
{
    const char *loop = "while :; do :; done";

    (void)state;
    assert_failed(test_wrong(loop, RUNS, 1), "not ended after 1 s");
    assert_failed(test_wrong(loop, TALKS, 1), "not ended after 1 s");
    assert_failed(test_wrong(loop, TRACES, 1), "not ended after 1 s");
}

/* Makes calls without end, but not in the container that STEPS starts first. */
static void a_stage_whose_calls_have_no_end_fails_after_its_time(void **state)
{
    const char *script = "case $* in *ready*) (echo ready; read line); exit;; "
                         "esac; (while :; do : </dev/null; done)";

    (void)state;
    assert_failed(test_wrong(script, STEPS, 2), "call by call: not ended");
}

static void a_stage_that_does_not_end_by_a_signal_fails(void **state)
{
    const char *script = "sleep 1000 & trap '' INT TERM HUP; echo ready; "
                         "while :; do wait; done";

    (void)state;
    assert_failed(test_wrong(script, "nothing_is_left_after_sigterm", 1),
                  "not ended after 1 s");
}

static void a_stage_that_prints_without_end_fails(void **state)
{
    (void)state;
    assert_failed(test_wrong("exec yes", RUNS, 30), "more than a megabyte");
    assert_failed(test_wrong("exec yes", TALKS, 30),
                  "printed 'y', not 'ready'");
    assert_failed(test_wrong("yes >&2", RUNS, 30), "more than a megabyte");
}

static void a_stage_that_forks_without_end_fails(void **state)
{
    (void)state;
    setenv("PROCESSES", "100", 1); /* below the 1000 of this test itself */
    struct result result =
        test_wrong("while :; do sleep 1000 & done", RUNS, 30);
    unsetenv("PROCESSES");
    assert_failed(result, "more than 100 processes");
}

/* Each one after the second is cut short. */
static void tests_after_two_that_hang_have_less_time(void **state)
{
    (void)state;
    struct result result = run_program(
        NULL, WORDS("env", "PATIENCE=2", "SHARE=1/18", make_wrong(HANGS), "1"));
    char *said = format("%s%s", result.out, result.err);

    int count = 0;
    assert_non_null(strstr(result.out, "Running "));
    sscanf(strstr(result.out, "Running "), "Running %d", &count);
    assert_in_range(count, 3, 8);
    assert_status(result, count); /* all tests of the share fail */
    assert_contains(said, "2 tests did not end: each of the others has less "
                          "time, 1 s");
    assert_contains(said, "not ended after 2 s");
    assert_contains(said, "not ended after 1 s");
}

/* --- what is said --------------------------------------------------------- */

static void a_stage_that_crashes_is_called_that(void **state)
{
    (void)state;
    assert_failed(test_wrong("kill -SEGV $$", RUNS, 30), "status 139");
    assert_failed(test_wrong("kill -SEGV $$", TALKS, 30),
                  "the stage was killed by signal 11");
    assert_failed(test_wrong("kill -SEGV $$", TRACES, 30), "crashed: ");
}

static void a_stage_that_ends_at_once_is_called_that(void **state)
{
    (void)state;
    assert_failed(test_wrong("exit 3", TALKS, 30),
                  "the stage ended with status 3");
    assert_failed(test_wrong("echo no >&2; exit 3", TALKS, 30), "stderr: no");
}

/* Not one test of the whole program ends in a crash of the test program. */
static void no_test_crashes_when_the_stage_says_nothing(void **state)
{
    (void)state;
    struct result result = run_program(NULL, WORDS(make_wrong("exit 0")));

    assert_contains(result.out, "[  FAILED  ] " TALKS);
    assert_contains(result.out, " test(s) run.");
    assert_lacks(result.err, "exception");
    assert_lacks(result.err, "harness: ");
}

/* --- nothing is left ------------------------------------------------------ */

/* All that tests of this tree could leave. */
static char *traces(void)
{
    return format("%s%s", cgroups_state(), on_host("ls -A /tmp /var/tmp"));
}

static bool is_there(const void *path)
{
    return access(path, F_OK) == 0;
}

static bool no_process_hangs(const void *unused)
{
    (void)unused;
    return !processes_with("sleep")[0] && !processes_with("test_stage01")[0];
}

/* Starts a command whose stage hangs, and returns when it does. */
static pid_t start_hanging(char *const args[])
{
    char *started = format("%s/tree/build/stage01.started", scratch());

    unlink(started);
    pid_t pid = fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execvp(args[0], args);
        _exit(99);
    }
    wait_until(is_there, started, "the stage hangs");
    return pid;
}

/* Returns how it ended, as a wait status. */
static int signal_and_wait(pid_t pid, int number)
{
    int status;

    kill(pid, number);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    wait_until(no_process_hangs, NULL, "all processes of the tests have ended");
    return status;
}

static void a_test_program_that_gets_a_signal_leaves_nothing(void **state)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    char *const args[] = {make_wrong(HANGS), NULL};
    char *before = traces();

    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        pid_t pid = start_hanging(args);
        assert_string_not_equal(traces(), before);
        int status = signal_and_wait(pid, numbers[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), numbers[i]);
        assert_text(traces(), before);
    }
}

/* A process that is ending may still be in a cgroup. */
static bool next_run_removes_all(const void *before)
{
    test_wrong("exit 0", RUNS, 30);
    return strcmp(traces(), before) == 0;
}

/* Its processes end with it. The next run removes its cgroups. */
static void the_next_run_removes_what_a_killed_test_program_left(void **state)
{
    char *const args[] = {make_wrong(HANGS), NULL};
    char *before = traces();

    (void)state;
    signal_and_wait(start_hanging(args), SIGKILL);
    assert_string_not_equal(traces(), before);
    wait_until(next_run_removes_all, before, "the next run removes all");
}

static void what_a_living_test_program_has_is_left_alone(void **state)
{
    char *const args[] = {make_wrong(HANGS), NULL};

    (void)state;
    pid_t pid = start_hanging(args);
    char *before = traces();
    assert_status(
        run_program(
            NULL, WORDS(make_tree("/run/other", built("stage01")), "1", RUNS)),
        0);
    assert_text(traces(), before);
    signal_and_wait(pid, SIGTERM);
}

/* The command by which make(1) runs tests: run.sh and PROGRAM. */
static char **run_sh(char *program)
{
    char **words = calloc(3, sizeof(*words));

    assert_non_null(words);
    words[0] = built("../tests/lib/run.sh");
    words[1] = program;
    return words;
}

static void a_run_that_gets_a_signal_leaves_nothing(void **state)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    char **args = run_sh(make_wrong(HANGS)), *before = traces();

    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        int status = signal_and_wait(start_hanging(args), numbers[i]);
        assert_int_equal(WEXITSTATUS(status), 128 + numbers[i]);
        assert_text(traces(), before);
    }
}

static const char *right; /* the program of a good tree */

static bool next_run_sh_removes_all(const void *before)
{
    struct result result =
        run_program(NULL, run_sh(format("%s 1 %s", right, RUNS)));

    assert_status(result, 0);
    assert_contains(result.out, "1 passed, 0 failed\n");
    return strcmp(traces(), before) == 0;
}

static void the_next_run_removes_what_a_killed_run_left(void **state)
{
    char *program = make_wrong(HANGS), *before = traces();

    (void)state;
    signal_and_wait(start_hanging(run_sh(program)), SIGKILL);
    assert_string_not_equal(traces(), before);
    right = make_tree(format("%s/tree", scratch()), built("stage01"));
    wait_until(next_run_sh_removes_all, before, "the next run removes all");
}

static void what_a_living_run_has_is_left_alone(void **state)
{
    char **args = run_sh(make_wrong(HANGS));

    (void)state;
    pid_t pid = start_hanging(args);
    char *before = on_host("ls -d /tmp/container-run.*");
    run_program(NULL, run_sh("/no/such/program"));
    assert_text(on_host("ls -d /tmp/container-run.*"), before);
    signal_and_wait(pid, SIGTERM);
}

/* --- the host ------------------------------------------------------------- */

/* Other programs of the host use what the tests compare. */
static void other_programs_of_the_host_do_not_disturb(void **state)
{
    char *noise = "while :; do i=$((i + 1)); for d in /dev/shm /tmp /run "
                  "/var/tmp; do : >$d/noise$i; done; hostname noise$i; done";
    char *program = make_tree(format("%s/tree", scratch()), built("stage01"));

    (void)state;
    pid_t pid = fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        execlp("sh", "sh", "-c", noise, NULL);
        _exit(99);
    }
    wait_until(is_there, "/dev/shm/noise9", "there is noise");
    struct result result = run_program(
        NULL, WORDS(program, "1", "nothing_is_left_after_bad_input"));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    on_host("rm -f /dev/shm/noise* /tmp/noise* /run/noise* /var/tmp/noise*; "
            "hostname test-host");
    assert_status(result, 0);
}

static void a_tree_may_lie_where_the_tests_put_a_tmpfs(void **state)
{
    static char *const places[] = {"/tmp/tree", "/var/tmp/a/tree", "/run/tree",
                                   "/dev/shm/tree"};

    (void)state;
    for (size_t i = 0; i < COUNT(places); i++) {
        char *program = make_tree(places[i], built("stage01"));
        struct result result = run_program(NULL, WORDS(program, "1", RUNS));
        on_host(format("rm -rf '%s'", places[i]));
        assert_status(result, 0);
    }
}

/* --- run.sh --------------------------------------------------------------- */

/* run.sh prints names with spaces in place of underscores: undo that. */
static char *names_of(const char *output)
{
    return run_program(output,
                       WORDS("sed", "-n", "-e", "s/^\\[ RUN      \\] //p", "-e",
                             "s/ /_/g", "-e", "s/^ok______//p", "-e",
                             "s/^FAILED__//p"))
        .out;
}

static void the_shares_of_a_program_are_all_its_tests_in_order(void **state)
{
    char *program = make_wrong("exit 0");

    (void)state;
    struct result whole = run_program(NULL, WORDS(program));
    struct result shares = run_program(NULL, run_sh(program));
    assert_contains(names_of(whole.out), RUNS "\n");
    assert_text(names_of(shares.out), names_of(whole.out));
    assert_status(shares, 1);
}

static void a_failure_says_what_was_seen_and_where_to_read(void **state)
{
    char *program = make_wrong("echo wrong; exit 3");

    (void)state;
    struct result result = run_program(NULL, run_sh(program));
    assert_status(result, 1);
    assert_contains(result.out, "\nFAILED  status of command is returned\n"
                                "        seen:     status 3\n"
                                "        expected: status 0\n");
    assert_contains(result.out, "        read:     stage01-clone/README.md; "
                                "tests/stages/test_stage01.c:");
    assert_lacks(result.out, "[   LINE   ]");
    assert_lacks(result.out, "[  FAILED  ]");
}

static void a_program_that_cannot_be_run_is_a_failure(void **state)
{
    (void)state;
    struct result result = run_program(NULL, run_sh("/no/such/program"));

    assert_status(result, 1);
    assert_contains(result.out, "/no/such/program: ended with status 127 "
                                "after 0 tests\n");
    assert_contains(result.out, "\n0 passed, 1 failed\n");
    result = run_program(NULL, run_sh(NULL));
    assert_status(result, 1);
    assert_contains(result.out, "\n0 passed, 0 failed\n");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_stage_that_loops_fails_after_its_time),
    cmocka_unit_test(a_stage_whose_calls_have_no_end_fails_after_its_time),
    cmocka_unit_test(a_stage_that_does_not_end_by_a_signal_fails),
    cmocka_unit_test(a_stage_that_prints_without_end_fails),
    cmocka_unit_test(a_stage_that_forks_without_end_fails),
    cmocka_unit_test(tests_after_two_that_hang_have_less_time),
    cmocka_unit_test(a_stage_that_crashes_is_called_that),
    cmocka_unit_test(a_stage_that_ends_at_once_is_called_that),
    cmocka_unit_test(no_test_crashes_when_the_stage_says_nothing),
    cmocka_unit_test(a_test_program_that_gets_a_signal_leaves_nothing),
    cmocka_unit_test(the_next_run_removes_what_a_killed_test_program_left),
    cmocka_unit_test(what_a_living_test_program_has_is_left_alone),
    cmocka_unit_test(a_run_that_gets_a_signal_leaves_nothing),
    cmocka_unit_test(the_next_run_removes_what_a_killed_run_left),
    cmocka_unit_test(what_a_living_run_has_is_left_alone),
    cmocka_unit_test(other_programs_of_the_host_do_not_disturb),
    cmocka_unit_test(a_tree_may_lie_where_the_tests_put_a_tmpfs),
    cmocka_unit_test(the_shares_of_a_program_are_all_its_tests_in_order),
    cmocka_unit_test(a_failure_says_what_was_seen_and_where_to_read),
    cmocka_unit_test(a_program_that_cannot_be_run_is_a_failure),
};

int main(int argc, char *argv[])
{
    return test_main(argc, argv, 1, "harness", tests, COUNT(tests));
}
