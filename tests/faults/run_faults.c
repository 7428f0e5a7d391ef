/* SPDX-License-Identifier: MIT
 *
 * make faults: whatever fails, and whenever the parent is killed, nothing stays
 * behind. Every system call that the parent and the container make is made to
 * fail once with each errno of a table, and then the parent is killed at each.
 * After a failure the stage must end with status 125 and one message, or go on
 * as if nothing had happened: COMMAND then finds the same container. The host
 * must be as before, or as before once the stage has run again.
 *
 *     build/tests/run_faults STAGE [TEST]...
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ERRORS = 6, MOST_WORDS = 64 };

/* How a call fails in practice. A call that is not here: EPERM, ENOMEM, EIO. */
static const struct {
    const char *call;
    int errors[MOST_ERRORS];
} plausible[] = {
    {"access", {EACCES, EIO}},
    {"bind", {ENOMEM, EACCES}},
    {"chdir", {EACCES, ENOENT}},
    {"chroot", {EPERM}},
    {"clone", {EPERM, EAGAIN, ENOMEM, ENOSPC, EINVAL}},
    {"clone3", {EPERM, EAGAIN, ENOMEM, ENOSPC, EBUSY}},
    {"close_range", {EPERM, ENOSYS}},
    {"execve", {ENOMEM, EIO, E2BIG}},
    {"flock", {ENOLCK}},
    {"getdents64", {EIO}},
    {"getsockname", {ENOBUFS}},
    {"getxattr", {EOPNOTSUPP, EIO}},
    {"ioctl", {EIO}},
    {"keyctl", {ENOSYS, EPERM, EDQUOT}},
    {"memfd_create", {EMFILE, ENOMEM}},
    {"mkdir", {EACCES, EROFS, ENOSPC}},
    {"mknodat", {EPERM, ENOSPC}},
    {"mmap", {ENOMEM}},
    {"mount", {EPERM, EINVAL, EBUSY, ENOMEM}},
    {"mount_setattr", {EPERM, EINVAL, ENOSYS}},
    {"move_mount", {EPERM, EINVAL, ENOSYS}},
    {"open", {EACCES, EMFILE}},
    {"open_tree", {EPERM, EMFILE, ENOSYS}},
    {"openat", {EACCES, EMFILE}},
    {"pipe2", {EMFILE, ENFILE}},
    {"pivot_root", {EPERM, EINVAL, EBUSY}},
    {"poll", {ENOMEM}},
    {"ppoll", {ENOMEM}},
    {"prctl", {EPERM, EINVAL}},
    {"read", {EIO}},
    {"recvmsg", {ENOBUFS, ENOMEM}},
    {"rmdir", {EBUSY}},
    {"sendmsg", {ENOBUFS, EPERM}},
    {"setdomainname", {EPERM}},
    {"setgroups", {EPERM, ENOMEM}},
    {"sethostname", {EPERM}},
    {"setsid", {EPERM}},
    {"setxattr", {EPERM, EOPNOTSUPP, ENOSPC}},
    {"signalfd4", {EMFILE, ENOMEM}},
    {"socket", {EMFILE, EAFNOSUPPORT, EPERM}},
    {"socketpair", {EMFILE, ENFILE}},
    {"symlinkat", {EPERM, ENOSPC}},
    {"umount2", {EPERM, EBUSY}},
    {"unshare", {EPERM, ENOSPC, EINVAL}},
    {"wait4", {ECHILD}},
    {"waitid", {ECHILD}},
    {"write", {EIO, ENOSPC}},
};

static const int others[MOST_ERRORS] = {EPERM, ENOMEM, EIO};

/* Prints what COMMAND finds, but no PID of the host: it differs in each run. */
static char probe[] =
    "exec 2>&1; hostname; [ $$ -gt 99 ] || echo $$; pwd; umask; env | sort;"
    "grep -E '^(Sig(Blk|Ign|Cgt)|Cap...|NoNewPrivs):' /proc/self/status;"
    "ls /proc/self/fd | wc -l; cat /proc/mounts";

static char probe_of_root[] =
    "stat -c '%n %F %a %t:%T' / /dev/* /etc/hosts; cat /etc/hosts"
    " /etc/hostname /etc/resolv.conf; ls /proc | grep '^[0-9]' | head -n 1";

static char probe_of_limits[] =
    "cd /sys/fs/cgroup; cat /proc/self/cgroup memory.max pids.max cpu.max"
    " */memory.limit_in_bytes */memory.memsw.limit_in_bytes"
    " */memory.swappiness */pids.max */cpu.cfs_quota_us";

static char probe_of_network[] = "ip -o link; ip -o address; ip route";

static char *without_differences(char *text)
{
    static char script[] =
        "sed -E -e 's/10\\.77\\.[0-9]+\\.[0-9]+/ADDRESS/g'"
        " -e 's/@if[0-9]+/@if/; s/^[0-9]+: eth0/eth0/; s/link-netnsid.*//'"
        " -e 's/(ether )[0-9a-f:]+/\\1MAC/; /fe80::/d'";

    return run_program(text, WORDS("sh", "-c", script)).out;
}

/* --- one run -------------------------------------------------------------- */

/* The command line that is tried: OPTIONS, and narration or not. */
static char **words_of_run(char *const options[], bool quiet)
{
    char **words = calloc(MOST_WORDS, sizeof(*words));
    size_t n = 0;

    assert_non_null(words);
    words[n++] = stage_program();
    if (quiet)
        words[n++] = "-q";
    while (*options)
        words[n++] = *options++;
    words[n++] = "sh";
    words[n++] = "-c";
    words[n++] =
        format("%s; %s; %s; %s", probe, has(NEW_ROOT) ? probe_of_root : ":",
               has(NEW_CGROUPS) ? probe_of_limits : ":",
               has(NEW_NETWORK) ? probe_of_network : ":");
    return words;
}

static struct result inject(char *const first[], char *const words[])
{
    char *all[MOST_WORDS + 8] = {built("tests/inject")};
    size_t n = 1;

    while (*first)
        all[n++] = *first++;
    while (*words)
        all[n++] = *words++;
    return run_program(NULL, all);
}

struct call {
    char role[16], name[32];
    int n;
    bool after; /* made when the container was COMMAND already */
};

/* All calls of one run, ended by one without a name. */
static struct call *list_calls(char *const words[], char **output)
{
    char *path = format("%s/calls", scratch()), *text;
    size_t count = 0;
    bool after = false;

    struct result result = inject(WORDS("list", path), words);
    assert_status(result, 0);
    *output = without_differences(result.out);
    text = contents(path);
    unlink(path);
    struct call *calls = calloc(strlen(text) + 1, sizeof(*calls));
    assert_non_null(calls);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        struct call *c = &calls[count];
        if (sscanf(line, "%15s %31s %d", c->role, c->name, &c->n) == 3) {
            c->after = after;
            count++;
        }
        after = after || strcmp(line, "exec") == 0;
    }
    return calls;
}

static const int *errors_of(const char *call)
{
    for (size_t i = 0; i < COUNT(plausible); i++)
        if (strcmp(plausible[i].call, call) == 0)
            return plausible[i].errors;
    return others;
}

/* --- judging -------------------------------------------------------------- */

static int failures; /* of the current test; each is printed */

static void report(const struct call *call, const char *how, const char *what,
                   struct result result)
{
    failures++;
    print_message("%s %s %d, %s: %s\n  status %d\n  stderr: %s\n", call->role,
                  call->name, call->n, how, what, result.status, result.err);
}

static int count_messages(const char *text)
{
    char *start = format("stage%02d: ", stage);
    int found = 0;

    for (const char *at = text; (at = strstr(at, start)); at++)
        found += at == text || at[-1] == '\n';
    return found;
}

/* Says where TEXT and EXPECTED differ: the rest of both lines from there on. */
static char *difference(const char *text, const char *expected)
{
    while (*text && *expected && *text == *expected)
        text++, expected++;
    return format("went on with another container: '%.*s' instead of '%.*s'",
                  (int)strcspn(text, "\n"), text, (int)strcspn(expected, "\n"),
                  expected);
}

/* NULL if the stage answered the failure as it should. */
static const char *judge(const struct call *call, struct result result,
                         const char *expected)
{
    bool exec = strcmp(call->name, "execve") == 0;

    if (result.status == 0) {
        char *found = without_differences(result.out);
        const char *wrong =
            strcmp(found, expected) ? difference(found, expected) : NULL;
        free(found);
        return wrong;
    }
    if (result.status != 125 && !(exec && result.status == 126))
        return "expected status 0 or 125 (126 for execve)";
    int messages = count_messages(result.err);
    if (messages == 0 || (messages > 1 && !call->after))
        return "expected exactly one message";
    if (!call->after && *result.out)
        return "COMMAND ran";
    return NULL;
}

static void wait_for_orphans(void)
{
    for (pid_t *child; *(child = children_of(getpid())); free(child)) {
        if (!exists(*child))
            waitpid(*child, NULL, __WALL);
        else
            poll(NULL, 0, 2);
    }
}

static bool is_as(const char *before)
{
    char *now = host_state();
    bool same = strcmp(now, before) == 0;

    free(now);
    return same;
}

static int mended; /* host states that needed the following run */

/* Returns whether the host is as before, if need be after another run. */
static bool is_mended(const char *before)
{
    wait_for_orphans();
    if (is_as(before))
        return true;
    mended++;
    assert_status(run_quiet("true"), 0);
    return is_as(before);
}

/* --- the tests ------------------------------------------------------------ */

/* Stage 7 asks until the bridge passes packets, so the number of some calls is
 * not the same in each run: repeat a run that did not make the call. */
static struct result inject_reached(char *const fault[], char *const words[])
{
    enum { NOT_REACHED = 98, TRIES = 10 };
    struct result result = inject(fault, words);

    for (int n = 1; n < TRIES && result.status == NOT_REACHED; n++)
        result = inject(fault, words);
    return result;
}

/* Makes each call fail with each errno; with KILL, kills the parent at each
 * call instead. Reports what is left on the host. */
static void try_all(char *const options[], bool kill, bool quiet)
{
    char **words = words_of_run(options, quiet), *expected;
    int tried = 0;

    assert_status(run_quiet("true"), 0);
    char *before = host_state();
    struct call *calls = list_calls(words, &expected);
    assert_host_unchanged(before);
    failures = mended = 0;
    for (struct call *c = calls; *c->name; c++) {
        const int *errors = errors_of(c->name);
        for (int i = 0; i < (kill ? 1 : MOST_ERRORS) && errors[i]; i++) {
            char *how = kill ? "kill" : format("%d", errors[i]);
            struct result result = inject_reached(
                WORDS(c->role, c->name, format("%d", c->n), how), words);
            const char *wrong = kill ? result.status == 128 + SIGKILL
                                           ? NULL
                                           : "the parent was not killed"
                                     : judge(c, result, expected);
            tried++;
            how = kill ? how : strerror(errors[i]);
            if (wrong)
                report(c, how, wrong, result);
            if (!is_mended(before)) {
                report(c, how, "the host is not as before", result);
                assert_host_unchanged(before);
            }
            free(result.out);
            free(result.err);
        }
    }
    print_message("stage %d: %d %s, %d left something to the next run\n", stage,
                  tried, kill ? "kills" : "failures", mended);
    assert_int_equal(failures, 0);
}

/* The options of the stage but --network; of --chroot and --read-only, one. */
static char **all_options(bool chroot)
{
    char **options = calloc(MOST_WORDS, sizeof(*options));
    size_t n = 0;

    assert_non_null(options);
    if (has(NEW_HOSTNAME)) {
        options[n++] = "--hostname";
        options[n++] = "web";
    }
    if (has(NEW_ROOT)) {
        options[n++] = chroot ? "--chroot" : "--read-only";
        options[n++] = "-v";
        options[n++] = format("%s:/mnt:ro", scratch());
        options[n++] = "-w";
        options[n++] = "/mnt";
        options[n++] = "-e";
        options[n++] = "NAME=value";
    }
    if (has(NEW_CGROUPS)) {
        options[n++] = "--memory=64M";
        options[n++] = "--pids-limit=50";
        options[n++] = "--cpus=0.5";
    }
    return options;
}

static void any_call_may_fail(void **state)
{
    (void)state;
    try_all(all_options(false), false, true);
}

static void any_call_may_fail_while_narrating(void **state)
{
    (void)state;
    try_all(all_options(false), false, false);
}

static void any_call_may_fail_with_chroot(void **state)
{
    (void)state;
    if (stage == NEW_ROOT) /* what it adds is the same later */
        try_all(all_options(true), false, true);
}

static void the_parent_may_be_killed_at_any_call(void **state)
{
    (void)state;
    try_all(all_options(false), true, true);
}

/* --- a thousand containers ------------------------------------------------ */

enum { CONTAINERS = 1000, AT_ONCE = 4, LONGEST_US = 150000 };

static pid_t spawn(void)
{
    char **words = words_of_run(all_options(false), true);
    posix_spawn_file_actions_t actions;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd <= 2; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    assert_int_equal(
        posix_spawn(&pid, words[0], &actions, NULL, words, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static void kill_at_random(pid_t pid)
{
    unsigned int number;

    assert_int_equal(getrandom(&number, sizeof(number), 0), sizeof(number));
    usleep(number % (LONGEST_US / AT_ONCE));
    kill(pid, SIGKILL);
}

static void a_thousand_killed_at_random_leave_nothing(void **state)
{
    char *before = host_state();
    int killed = 0, status;

    (void)state;
    for (int i = 0; i < CONTAINERS / AT_ONCE; i++) {
        pid_t pids[AT_ONCE];
        for (int k = 0; k < AT_ONCE; k++)
            pids[k] = spawn();
        for (int k = 0; k < AT_ONCE; k++)
            kill_at_random(pids[k]);
        for (int k = 0; k < AT_ONCE; k++) {
            assert_int_equal(waitpid(pids[k], &status, 0), pids[k]);
            killed += WIFSIGNALED(status);
            if (!WIFSIGNALED(status))
                assert_int_equal(WEXITSTATUS(status), 0);
        }
    }
    wait_for_orphans();
    assert_status(run_quiet("true"), 0);
    assert_host_unchanged(before);
    print_message("stage %d: %d containers, %d of them killed\n", stage,
                  CONTAINERS, killed);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_call_may_fail_while_narrating),
        cmocka_unit_test(any_call_may_fail_with_chroot),
        cmocka_unit_test(the_parent_may_be_killed_at_any_call),
        cmocka_unit_test(a_thousand_killed_at_random_leave_nothing),
    };
    int number = argc > 1 ? atoi(argv[1]) : 0;

    find_build_directory();
    int last = last_stage();
    if (number < 1 || number > last) {
        fprintf(stderr,
                "usage: run_faults STAGE [TEST]..., STAGE from 1 to %d\n",
                last);
        return 2;
    }
    /* Each tries out up to 1,500 runs, of 2 to 3 seconds without KVM. */
    test_limit = 4 * 3600;
    return test_main(argc, argv, last, "faults", tests,
                     COUNT(tests) - (number != last));
}
