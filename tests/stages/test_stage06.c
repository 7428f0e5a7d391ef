/* SPDX-License-Identifier: MIT
 *
 * Stage 6: limits on memory, processes and processor time, which hold from the
 * first instruction and leave nothing behind. The same tests run on version 1
 * and on version 2 of the cgroups, whichever has the controller.
 */
#define _GNU_SOURCE
#include "../../common/names.h"
#include "../lib/cgroups.h"
#include "../lib/shared.h"
#include "../lib/strace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMITS      "--memory", "64M", "--pids-limit", "20", "--cpus", "0.5"
#define OOM_MESSAGE "killed by the kernel: out of memory (limit "

/* 200 MB at once, each page of them written to. */
#define HOG         "dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"

static const char *const controllers[] = {"memory", "pids", "cpu"};

/* The contents of the files with LIMITS. Some kernels lack the optional ones.
 */
static const struct limit_row {
    const char *controller, *v1_file, *v1_text, *v2_file, *v2_text;
    bool optional;
} limits[] = {
    {"memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864",
     false},
    {"memory", "memory.memsw.limit_in_bytes", "67108864", "memory.swap.max",
     "0", true},
    {"memory", "memory.swappiness", "0", "memory.swap.max", "0", true},
    {"pids", "pids.max", "20", "pids.max", "20", false},
    {"cpu", "cpu.cfs_quota_us", "50000", "cpu.max", "50000 100000", false},
    {"cpu", "cpu.cfs_period_us", "100000", "cpu.max", "50000 100000", false},
};

static bool is_v1(const char *controller)
{
    return hierarchy_of(controller)->version == 1;
}

/* --- the limits are set --------------------------------------------------- */

static void limits_are_in_their_files_seen_from_outside(void **state)
{
    (void)state;
    struct live live = start(LIMITS, READY("read line"));

    for (size_t i = 0; i < COUNT(limits); i++) {
        const struct limit_row *l = &limits[i];
        char *path = format("%s/%s", cgroup_of(live.container, l->controller),
                            is_v1(l->controller) ? l->v1_file : l->v2_file);
        if (l->optional && access(path, F_OK) == -1)
            continue;
        assert_text(
            contents(path),
            format("%s\n", is_v1(l->controller) ? l->v1_text : l->v2_text));
    }
}

/* Where the container sees a controller. One hierarchy is at /sys/fs/cgroup
 * itself; of several, each has a directory below it. */
static char *inner_directory(const char *controller)
{
    const struct hierarchy *h = hierarchy_of(controller);

    if (!several_hierarchies())
        return format("/sys/fs/cgroup");
    return format("/sys/fs/cgroup/%s",
                  h->version == 1 ? h->controllers : "unified");
}

static void limits_are_in_their_files_seen_from_inside(void **state)
{
    (void)state;
    keep_the_bridge();
    for (size_t i = 0; i < COUNT(limits); i++) {
        const struct limit_row *l = &limits[i];
        char *path = format("%s/%s", inner_directory(l->controller),
                            is_v1(l->controller) ? l->v1_file : l->v2_file);
        struct result result = run_quiet(LIMITS, "cat", path);
        if (l->optional && result.status == 1)
            continue;
        assert_status(result, 0);
        assert_text(
            result.out,
            format("%s\n", is_v1(l->controller) ? l->v1_text : l->v2_text));
    }
}

/* One option and its value, and what is in the file of its controller. */
static void expect_limit(char *option, char *value, const char *controller,
                         const char *v1_file, const char *v1_text,
                         const char *v2_file, const char *v2_text)
{
    char *file = format("%s/%s", inner_directory(controller),
                        is_v1(controller) ? v1_file : v2_file);
    struct result result = run_quiet(option, value, "cat", file);

    assert_status(result, 0);
    assert_text(result.out,
                format("%s\n", is_v1(controller) ? v1_text : v2_text));
    result = run_quiet(format("%s=%s", option, value), "cat", file);
    assert_status(result, 0);
}

static void sizes_are_read_as_docker_reads_them(void **state)
{
    static char *const sizes[][2] = {
        {"67108864", "67108864"}, {"67108864b", "67108864"},
        {"65536k", "67108864"},   {"65536K", "67108864"},
        {"64m", "67108864"},      {"64M", "67108864"},
        {"1g", "1073741824"},     {"1G", "1073741824"},
        {"064M", "67108864"},     {"6M", "6291456"},
    };

    (void)state;
    keep_the_bridge();
    for (size_t i = 0; i < COUNT(sizes); i++)
        expect_limit("--memory", sizes[i][0], "memory", "memory.limit_in_bytes",
                     sizes[i][1], "memory.max", sizes[i][1]);
}

static void memory_has_a_letter_of_its_own(void **state)
{
    char *file =
        format("%s/%s", inner_directory("memory"),
               is_v1("memory") ? "memory.limit_in_bytes" : "memory.max");

    (void)state;
    assert_text(run_quiet("-m", "64M", "cat", file).out, "67108864\n");
    assert_text(run_quiet("-m64M", "cat", file).out, "67108864\n");
    assert_text(run("-qm", "64M", "cat", file).out, "67108864\n");
}

static void the_last_of_several_values_counts(void **state)
{
    char *file = format("%s/pids.max", inner_directory("pids"));

    (void)state;
    struct result result =
        run_quiet("--pids-limit", "30", "--pids-limit", "20", "cat", file);
    assert_status(result, 0);
    assert_text(result.out, "20\n");
}

static void processors_become_a_quota_of_100_ms(void **state)
{
    static char *const rows[][2] = {{"1", "100000"},   {"0.5", "50000"},
                                    {".5", "50000"},   {"1.", "100000"},
                                    {"0.01", "1000"},  {"0.25", "25000"},
                                    {"00.1", "10000"}, {"0.12345", "12345"}};

    (void)state;
    keep_the_bridge();
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_limit("--cpus", rows[i][0], "cpu", "cpu.cfs_quota_us",
                     rows[i][1], "cpu.max", format("%s 100000", rows[i][1]));
    expect_limit("--cpus", format("%d", get_nprocs()), "cpu",
                 "cpu.cfs_quota_us", format("%d", get_nprocs() * 100000),
                 "cpu.max", format("%d 100000", get_nprocs() * 100000));
}

/* --- where the container is ----------------------------------------------- */

static void the_container_is_alone_in_a_cgroup_below_ours(void **state)
{
    (void)state;
    struct live live = start(LIMITS, READY("read line"));

    for (size_t i = 0; i < COUNT(controllers); i++) {
        char *path = cgroup_of(live.container, controllers[i]);
        char *base = format("%s/", hierarchy_of(controllers[i])->base);
        assert_int_equal(strncmp(path, base, strlen(base)), 0);
        assert_text(path + strlen(base), format(OURS "/%d", live.parent));
        assert_text(contents(format("%s/cgroup.procs", path)),
                    format("%d\n", live.container));
        assert_text(cgroup_of(live.parent, controllers[i]),
                    cgroup_of(getpid(), controllers[i]));
    }
}

/* Before any set-up: in version 1 the single-threaded process moves itself,
 * which costs nothing; no PID is ever written. In version 2 the container is
 * created in its cgroup. */
static void the_container_is_in_its_cgroup_before_it_is_set_up(void **state)
{
    (void)state;
    struct result result = run("-V", LIMITS, "true");
    char *set_up = strstr(result.err, "]   close_range(");
    char *mounted = strstr(result.err, "]   mount(");

    assert_status(result, 0);
    assert_lacks(result.err, "cgroup.procs");
    assert_non_null(set_up);
    assert_non_null(mounted);
    set_up = mounted < set_up ? mounted : set_up;
    for (size_t i = 0; i < COUNT(controllers); i++) {
        if (!is_v1(controllers[i])) {
            assert_contains(result.err, "CLONE_INTO_CGROUP");
            continue;
        }
        char *line = result.err;
        while ((line = strstr(line, "/tasks>, \"0\", 1) = 1\n"))) {
            char *begin = line;
            while (begin > result.err && begin[-1] != '\n')
                begin--;
            if (strncmp(begin, "[container ", 11) == 0 && line < set_up &&
                memmem(begin, (size_t)(line - begin),
                       hierarchy_of(controllers[i])->base,
                       strlen(hierarchy_of(controllers[i])->base)))
                break;
            line++;
        }
        if (!line)
            fail_msg("%s: not joined before the set-up:\n%s", controllers[i],
                     result.err);
    }
}

static void the_first_instructions_of_command_are_limited(void **state)
{
    (void)state;
    struct result result =
        run_quiet("--pids-limit", "1", "sh", "-c", "echo one; (true); echo no");

    assert_int_not_equal(result.status, 0);
    assert_text(result.out, "one\n");
    assert_contains(result.err, "fork");
    assert_status(run_quiet("--memory", "32M", HOG), 128 + SIGKILL);
}

static void the_cgroup_is_the_root_of_what_the_container_sees(void **state)
{
    (void)state;
    struct result result = run_quiet(LIMITS, "cat", "/proc/self/cgroup");
    char *next;

    assert_status(result, 0);
    assert_contains(result.out, ":/\n");
    for (char *line = strtok_r(result.out, "\n", &next); line;
         line = strtok_r(NULL, "\n", &next))
        assert_text(strrchr(line, ':'), ":/");
    result = run_quiet(LIMITS, "sh", "-c",
                       "cut -d' ' -f4,5 /proc/self/mountinfo | grep cgroup");
    assert_status(result, 0);
    for (size_t i = 0; i < COUNT(controllers); i++)
        assert_contains(result.out,
                        format("/ %s\n", inner_directory(controllers[i])));
}

static void the_cgroups_are_read_only_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(controllers); i++) {
        char *path = inner_directory(controllers[i]);
        char *script = format("cd %s; mkdir x; echo max >pids.max;"
                              "echo 1 >cgroup.procs; rmdir . ; touch y; "
                              "chmod 777 cgroup.procs; mkdir /sys/fs/cgroup/z;"
                              "ls -d x y /sys/fs/cgroup/z",
                              path);
        struct result result = run_quiet(LIMITS, "sh", "-c", script);
        int refused = 0;
        assert_int_not_equal(result.status, 0);
        assert_text(result.out, "");
        for (char *at = result.err; (at = strstr(at, "Read-only")); at++)
            refused++;
        if (refused < 5)
            fail_msg("only %d refused:\n%s", refused, result.err);
    }
}

static void the_container_sees_no_cgroup_but_its_own(void **state)
{
    (void)state;
    struct live other = start(LIMITS, READY("read line"));
    struct result result =
        run_quiet(LIMITS, "sh", "-c",
                  "find /sys/fs/cgroup -type d; cat "
                  "/sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs");

    assert_lacks(result.out, OURS);
    assert_lacks(result.out, "container-test");
    assert_lacks(result.out, "\n0\n"); /* a process that it cannot see */
    assert_contains(result.out, "\n1\n");
    assert_true(exists(other.container));
}

static void only_the_controllers_that_are_needed_are_used(void **state)
{
    static char *const options[][2] = {
        {"--memory", "64M"}, {"--pids-limit", "20"}, {"--cpus", "0.5"}};

    (void)state;
    for (size_t i = 0; i < COUNT(options); i++) {
        struct live live =
            start(options[i][0], options[i][1], READY("read line"));
        for (size_t j = 0; j < COUNT(controllers); j++) {
            char *path = cgroup_of(live.container, controllers[j]);
            bool limited = strstr(path, "/" OURS "/") != NULL;
            if (is_v1(controllers[j])) {
                assert_int_equal(limited, i == j);
                continue;
            }
            char *file = j == 0   ? "memory.max"
                         : j == 1 ? "pids.max"
                                  : "cpu.max";
            char *text = format("%s/%s", path, file);
            if (i != j && access(text, F_OK) == 0)
                assert_int_equal(strncmp(contents(text), "max", 3), 0);
        }
        assert_int_equal(write(live.in, "\n", 1), 1);
        assert_status(finish(&live), 0);
    }
}

static void without_limits_there_is_no_cgroup_in_version_1(void **state)
{
    (void)state;
    char *before = cgroups_state();
    struct live live = start(READY("read line"));

    for (size_t i = 0; i < COUNT(controllers); i++)
        if (is_v1(controllers[i]))
            assert_text(cgroup_of(live.container, controllers[i]),
                        cgroup_of(getpid(), controllers[i]));
    if (is_v1("memory") && is_v1("pids") && is_v1("cpu"))
        assert_text(cgroups_state(), before);
}

static void the_network_is_still_the_hosts(void **state)
{
    (void)state;
    char *const with[] = {"--network", "host", NULL}, *const without[] = {NULL};
    char *const command[] = {"sh", "-c", "echo ready; read line", NULL};
    char *words[8] = {NULL};
    size_t used = 0;

    for (char *const *w = has(NEW_NETWORK) ? with : without; *w; w++)
        words[used++] = *w;
    memcpy(words + used, command, sizeof(command));
    struct live live = start_with(words);
    assert_text(namespace_of(live.container, "net"),
                namespace_of(getpid(), "net"));
}

/* --- memory --------------------------------------------------------------- */

static void more_memory_than_the_limit_is_killed_and_reported(void **state)
{
    (void)state;
    struct result result = run("--memory", "32M", HOG);

    assert_status(result, 128 + SIGKILL);
    assert_contains(result.err, format("\nstage%02d: COMMAND was %s32M)\n",
                                       stage, OOM_MESSAGE));
    assert_contains(result.err, " OOM kills");
    assert_lacks(result.err, " 0 OOM kills");
}

static void a_quiet_run_reports_it_as_well_and_says_no_more(void **state)
{
    (void)state;
    struct result result = run_quiet("-m", "33554432", HOG);

    assert_status(result, 128 + SIGKILL);
    assert_text(result.err, format("stage%02d: COMMAND was %s33554432)\n",
                                   stage, OOM_MESSAGE));
}

static void a_child_that_is_killed_is_reported_as_well(void **state)
{
    (void)state;
    struct result result =
        run_quiet("--memory", "32M", "sh", "-c",
                  "dd if=/dev/zero of=/dev/null bs=200M count=1; echo $?");

    assert_status(result, 0);
    assert_text(result.out, "137\n");
    assert_contains(result.err,
                    "COMMAND survived, another process was " OOM_MESSAGE
                    "32M)");
    result = run_quiet("--memory", "32M", "sh", "-c",
                       "dd if=/dev/zero of=/dev/null bs=200M count=1; exit $?");
    assert_status(result, 128 + SIGKILL);
    assert_contains(result.err, "COMMAND survived, another process was ");
}

/* In version 2, a container without --memory has a cgroup that others can
 * limit. */
static void a_limit_that_is_not_ours_is_not_named(void **state)
{
    (void)state;
    if (is_v1("memory"))
        return;
    /* As long as this one lives, each container's cgroup has the controller. */
    struct live first = start("--memory", "32M", READY("read line"));
    struct live live =
        start(READY("read line; dd if=/dev/zero of=/dev/null bs=99M count=1"));

    create(format("%s/memory.max", cgroup_of(live.container, "memory")),
           "33554432", 0644);
    assert_int_equal(write(live.in, "\n", 1), 1);
    struct result result = finish(&live);
    assert_text(result.err,
                format("stage%02d: COMMAND was killed by the kernel: out of "
                       "memory\n",
                       stage));
    assert_int_equal(write(first.in, "\n", 1), 1);
    assert_status(finish(&first), 0);
}

static void other_deaths_are_not_taken_for_it(void **state)
{
    (void)state;
    struct result result =
        run_quiet("--memory", "32M", "sh", "-c", "kill -KILL $$; kill -9 -1");

    assert_lacks(result.err, "out of memory");
    result = run_quiet("--memory", "32M", "sh", "-c",
                       "sleep 1000 & kill -9 $!; wait $!; exit $?");
    assert_status(result, 128 + SIGKILL);
    assert_lacks(result.err, "out of memory");
    result = run("--memory", "32M", "true");
    assert_status(result, 0);
    assert_lacks(result.err, "killed by the kernel");
    assert_contains(result.err, " 0 OOM kills");
    assert_text(run_quiet(LIMITS, "true").err, "");
}

static void files_in_memory_are_limited_too(void **state)
{
    static char *const places[] = {"/tmp", "/run", "/dev/shm"};

    (void)state;
    for (size_t i = 0; i < COUNT(places); i++) {
        struct result result =
            run_quiet("--memory", "32M", "dd", "if=/dev/zero",
                      format("of=%s/file", places[i]), "bs=1M", "count=60");
        assert_status(result, 128 + SIGKILL);
        assert_contains(result.err, OOM_MESSAGE "32M)");
    }
}

static void less_memory_than_the_limit_is_granted(void **state)
{
    (void)state;
    assert_status(run_quiet("--memory", "64M", "dd", "if=/dev/zero",
                            "of=/dev/null", "bs=32M", "count=1"),
                  0);
    assert_status(run_quiet("--memory", "6M", "true"), 0);
}

/* The number in front of WHAT in the closing line of the narration. */
static long long reported(struct result result, const char *what)
{
    char *line = strstr(result.err, "/* cgroup: ");

    if (!line)
        fail_msg("no closing line in:\n%s", result.err);
    char *at = strstr(line, format(" %s", what));
    if (!at)
        fail_msg("no '%s' in: %s", what, line);
    assert_contains(line, " */\n");
    while (at > line && at[-1] >= '0' && at[-1] <= '9')
        at--;
    return atoll(at);
}

static void the_closing_line_tells_the_peak_of_memory(void **state)
{
    (void)state;
    struct result small = run("--memory", "64M", "true");
    struct result large = run("--memory", "64M", "dd", "if=/dev/zero",
                              "of=/dev/null", "bs=32M", "count=1");

    assert_in_range(reported(small, "peak bytes"), 1, 16 << 20);
    assert_in_range(reported(large, "peak bytes"), 32 << 20, 64 << 20);
    assert_lacks(small.err, "forks refused"); /* no limit, no number */
    assert_lacks(small.err, "throttled");
}

static void the_closing_line_has_all_numbers_and_comes_last(void **state)
{
    static const char *const what[] = {"peak bytes", "OOM kills",
                                       "forks refused", "periods", "throttled"};

    (void)state;
    struct result result = run("-V", LIMITS, "true");
    assert_status(result, 0);
    for (size_t i = 0; i < COUNT(what); i++)
        assert_in_range(reported(result, what[i]), 0, 64 << 20);
    char *line = strstr(result.err, "/* cgroup: ");
    assert_true(line > strstr(result.err, "WIFEXITED"));
}

/* --- processes ------------------------------------------------------------ */

static const struct live *bomb;
static int most_pids;

/* Returns the text of a file of the bomb's pids cgroup. */
static char *pids_file(const char *name)
{
    return contents(format("%s/%s", cgroup_of(bomb->container, "pids"), name));
}

/* As many as allowed are alive, and one more was refused. */
static bool is_full(const void *limit)
{
    int now = atoi(pids_file("pids.current")), listed = 0;

    for (char *at = pids_file("cgroup.procs"); (at = strchr(at, '\n')); at++)
        listed++;
    most_pids = now > most_pids ? now : most_pids;
    most_pids = listed > most_pids ? listed : most_pids;
    return now == *(const int *)limit && listed == now &&
           !strstr(format("\n%s", pids_file("pids.events")), "\nmax 0\n");
}

static void expect_exactly(int limit)
{
    /* The inner shell forks until it is refused, and dies of it. The outer one
     * then forks the last sleep(1). All sleep until they are killed. */
    struct live live =
        start("--pids-limit", format("%d", limit),
              READY("sh -c 'while :; do sleep 1000 & done' 2>/dev/null; "
                    "sleep 1000; exit 3"));
    char *peak = format("%s/pids.peak", cgroup_of(live.container, "pids"));

    bomb = &live;
    most_pids = 0;
    wait_until(is_full, &limit, "the container is full");
    assert_int_equal(most_pids, limit);
    if (access(peak, F_OK) == 0) /* since Linux 6.1 */
        assert_int_equal(atoi(contents(peak)), limit);
    /* Kill the container, not the parent, which then cleans up as usual. */
    kill(live.container, SIGKILL);
    assert_status(finish(&live), 128 + SIGKILL);
}

static void a_fork_bomb_gets_exactly_as_many_processes_as_allowed(void **state)
{
    (void)state;
    expect_exactly(3);
    expect_exactly(10);
    expect_exactly(50);
}

/* A bomb that never stops: at no time are there more. */
static bool has_been_refused(const void *limit)
{
    int now = atoi(pids_file("pids.current"));

    if (now > *(const int *)limit)
        fail_msg("%d processes, only %d are allowed", now, *(const int *)limit);
    return !strstr(format("\n%s", pids_file("pids.events")), "\nmax 0\n");
}

static void a_fork_bomb_that_goes_on_is_bounded(void **state)
{
    (void)state;
    int limit = 20;
    char *before = host_state();
    struct live live = start("--pids-limit", "20", "sh", "-c",
                             "b() { b | b & wait; }; echo ready; "
                             "(b) 2>/dev/null; exec sleep 1000");

    bomb = &live;
    wait_until(has_been_refused, &limit, "a fork was refused");
    kill(live.parent, SIGTERM);
    assert_status(finish(&live), 128 + SIGKILL);
    assert_host_unchanged(before);
}

static void refused_forks_are_counted_in_the_closing_line(void **state)
{
    (void)state;
    struct result result =
        run("--pids-limit", "3", "sh", "-c",
            "for i in 1 2 3; do (sh -c 'true & true & true & wait; true') "
            "2>/dev/null; done; exit 0");

    assert_status(result, 0);
    assert_in_range(reported(result, "forks refused"), 1, 100);
    result = run("--pids-limit", "3", "sh", "-c", "(true); exit 0");
    assert_status(result, 0);
    assert_int_equal(reported(result, "forks refused"), 0);
}

/* --- processor time ------------------------------------------------------- */

static void too_much_processor_time_is_seen_as_throttling(void **state)
{
    /* Busy for two seconds, on whatever processor. */
    char *work = "read now _ </proc/uptime; end=$((${now%.*} + 2)); "
                 "while [ ${now%.*} -lt $end ]; do "
                 "read now _ </proc/uptime; done";

    (void)state;
    struct result result = run("--cpus", "0.1", "sh", "-c", work);
    assert_status(result, 0);
    long long periods = reported(result, "periods of 100 ms");
    assert_in_range(reported(result, "throttled"), 1, periods);
    /* All processors: as much as there is. */
    result = run("--cpus", format("%d", get_nprocs()), "true");
    assert_status(result, 0);
    assert_int_equal(reported(result, "throttled"), 0);
}

static bool is_throttled(const void *pid)
{
    char *text =
        contents(format("%s/cpu.stat", cgroup_of(*(const pid_t *)pid, "cpu")));
    char *at = strstr(text, "nr_throttled ");

    return at && atoi(at + 13) >= 3;
}

static void throttling_is_seen_from_outside(void **state)
{
    (void)state;
    struct live live =
        start("--cpus", "0.05", READY("while :; do :; done & wait"));

    wait_until(is_throttled, &live.container, "the container is throttled");
    kill(live.parent, SIGTERM);
    assert_status(finish(&live), 128 + SIGKILL);
}

/* --- bad input ------------------------------------------------------------ */

static const struct bad_row {
    char *option;
    char *values[24];
    const char *message, *hint; /* the value is part of the message */
} bad[] = {
    {"--memory",
     {"", "M", "12Q", "-1", "-64M", "+64M", " 64M", "64M ", "1.5M", "64MB",
      "64MM", "64 M", "0x40000000", "x", "unlimited", "64,0M"},
     ": expected a size such as 64M",
     NULL},
    {"--memory",
     {"0", "1", "0M", "5M", "6291455", "1024k"},
     ": expected 6M or more",
     NULL},
    {"--memory",
     {"9223372036854775808", "18446744073709551616",
      "99999999999999999999999999", "8388608T", "9007199254740992k",
      "18014398509481984K", "17179869184g"},
     ": expected less than 8388608T",
     NULL},
    {"--pids-limit",
     {"", "0", "00", "-1", "+1", " 1", "1 ", "x", "1x", "1.5", "1k", "0x10"},
     ": expected a number of processes, 1 or more",
     NULL},
    {"--pids-limit",
     {"4194305", "18446744073709551616", "99999999999999999999999"},
     ": expected at most 4194304",
     NULL},
    {"--cpus",
     {"",    "nan", "NaN",   "inf", "infinity", "-inf",  "1e9",
      "1e0", "0x1", "0x1p0", ".",   "..",       "1.2.3", "-1",
      "+1",  " 1",  "1 ",    "x",   "1,5",      "1cpu"},
     ": expected a number of processors such as 2 or 0.5",
     NULL},
    {"--cpus",
     {"0", "0.0", ".0", "0.009", "99999", "1000000000000000000000"},
     ": expected 0.01 to ",
     NULL},
};

/* Nothing is made, and COMMAND does not run. */
static void refuses(char *option, char *value, const char *message,
                    const char *hint)
{
    struct result result = run(option, value, "echo", "run");

    if (result.status != 125)
        fail_msg("%s '%s' is not refused, but status %d: %s", option, value,
                 result.status, result.err);
    assert_text(result.out, "");
    assert_message(result, message, hint);
    assert_contains(result.err, format("%s ", option));
    assert_contains(result.err, value);
    assert_lacks(result.err, "]   clone");
}

static void values_that_mean_nothing_are_refused(void **state)
{
    (void)state;
    char *before = host_state();

    for (size_t i = 0; i < COUNT(bad); i++)
        for (char *const *value = bad[i].values; *value; value++)
            refuses(bad[i].option, *value, bad[i].message, bad[i].hint);
    assert_host_unchanged(before);
}

static void more_processors_than_there_are_are_refused(void **state)
{
    (void)state;
    int there_are = get_nprocs();

    refuses("--cpus", format("%d", there_are + 1),
            format(": expected 0.01 to %d, ", there_are), NULL);
    refuses("--cpus", format("%d.01", there_are),
            format(": expected 0.01 to %d, ", there_are), NULL);
}

/* --- nothing stays -------------------------------------------------------- */

static void the_cgroup_is_removed_whatever_command_did(void **state)
{
    (void)state;
    char *before = host_state();

    assert_status(run_quiet(LIMITS, "true"), 0);
    assert_host_unchanged(before);
    assert_status(run_quiet(LIMITS, "sh", "-c", "exit 7"), 7);
    assert_host_unchanged(before);
    assert_status(run_quiet(LIMITS, "no-such-command"), 127);
    assert_host_unchanged(before);
    assert_status(run_quiet(LIMITS, "/tmp"), 126);
    assert_host_unchanged(before);
    assert_status(run_quiet("--memory", "32M", "--pids-limit", "9", HOG), 137);
    assert_host_unchanged(before);
    assert_status(run_quiet(LIMITS, "sh", "-c", "sleep 1000 & sleep 1000 &"),
                  0);
    assert_host_unchanged(before);
}

static void end_by(int number)
{
    char *before = host_state();
    struct live live = start_sleep_with(WORDS(LIMITS));

    assert_string_not_equal(host_state(), before);
    kill(live.parent, number);
    assert_status(finish(&live), 128 + SIGKILL);
    assert_host_unchanged(before);
}

static void the_cgroup_is_removed_after_a_signal(void **state)
{
    (void)state;
    end_by(SIGTERM);
    end_by(SIGINT);
    end_by(SIGHUP);
}

static void the_cgroup_is_removed_when_the_container_is_killed(void **state)
{
    (void)state;
    char *before = host_state();
    struct live live = start_sleep_with(WORDS(LIMITS));

    kill(live.container, SIGKILL);
    assert_status(finish(&live), 128 + SIGKILL);
    assert_host_unchanged(before);
}

/* The container is a copy of its parent, with the parent's exit handlers. It
 * must not run them. */
static void a_failing_set_up_says_one_thing(void **state)
{
    (void)state;
    struct result result = run_quiet(LIMITS, "-w", "/no/such", "true");

    assert_status(result, 125);
    assert_text(result.err,
                format("stage%02d: chdir /no/such: No such file or directory\n",
                       stage));
    /* This one fails while it still sees the cgroups of the host. */
    result = run_quiet(LIMITS, "-v", "/no/such:/tmp/x", "true");
    assert_status(result, 125);
    assert_message(result, "open_tree /no/such: No such file", "--volume");
}

static void a_failing_set_up_leaves_no_cgroup(void **state)
{
    (void)state;
    char *before = host_state();

    assert_status(run_quiet(LIMITS, "--rootfs", "/no/such", "true"), 125);
    assert_host_unchanged(before);
    assert_status(run_quiet(LIMITS, "-v", "/no/such:/mnt", "true"), 125);
    assert_host_unchanged(before);
    assert_status(run_quiet(LIMITS, "-w", "/no/such", "true"), 125);
    assert_host_unchanged(before);
    assert_status(run_quiet(LIMITS, "--rootfs", "/", "true"), 125);
    assert_host_unchanged(before);
    assert_status(run_quiet(LIMITS, "--cpus", "nan", "true"), 125);
    assert_host_unchanged(before);
}

static void a_failure_of_any_call_leaves_no_cgroup(void **state)
{
    static const char *const calls[] = {"mkdir", "write", "clone",   "clone3",
                                        "prctl", "mount", "unshare", NULL};

    (void)state;
    char *const limits_alone[] = {LIMITS, NULL};
    char *const no_network[] = {LIMITS, "--network", "none", NULL};
    assert_true(fail_each_call(calls, has(NEW_NETWORK) ? no_network
                                                       : limits_alone) >= 10);
}

/* The last write releases the container, which exists by then, and with version
 * 2 is in its cgroup. */
static void a_failing_write_of_the_parent_leaves_no_cgroup(void **state)
{
    char *before = host_state(),
         *off = has(NEW_NETWORK) ? "--network=none" : "-q";
    int failed = 0;

    (void)state;
    for (int n = 1; n <= 20; n++) {
        struct result result =
            run_failing(format("write:error=EIO:when=%d", n), false,
                        WORDS("-q", off, LIMITS, "true"));
        assert_host_unchanged(before);
        if (result.status == 0)
            continue;
        assert_status(result, 125);
        assert_text(strchr(result.err, '\n'), "\n"); /* one message */
        failed++;
    }
    /* Three limits at least, and the byte for the container. */
    assert_in_range(failed, 4, 19);
}

/* strace makes one open(2) of the parent after the other fail, as for a missing
 * file. A limit that was asked for holds, or there is no container. */
static void a_limit_that_the_kernel_lacks_is_refused(void **state)
{
    static char script[] = "cat /sys/fs/cgroup/cpu*/cpu.cfs_quota_us "
                           "/sys/fs/cgroup/cpu.max 2>/dev/null";
    int refused = 0;

    (void)state;
    keep_the_bridge();
    for (int n = 1; n <= 30; n++) {
        /* Remove what the last one left: it would be opened as well. */
        assert_status(run_quiet("--cpus", "0.5", "true"), 0);
        struct result result =
            run_failing(format("?open,openat:error=ENOENT:when=%d", n), false,
                        WORDS("-q", "--cpus", "0.5", "sh", "-c", script));
        if ((result.status != 125 || *result.out) &&
            strncmp(result.out, "50000", 5) != 0)
            fail_msg("openat number %d: status %d, a quota of %s", n,
                     result.status, result.out);
        refused += strstr(result.err, ": no file cpu.") != NULL;
    }
    assert_int_equal(refused, 1);
}

/* The container's cgroup for each controller; version 2 has one for all. */
static char *directories[COUNT(controllers)];

static void remember_directories(pid_t container)
{
    for (size_t i = 0; i < COUNT(controllers); i++)
        directories[i] = cgroup_of(container, controllers[i]);
}

static int directories_left(void)
{
    int left = 0;

    for (size_t i = 0; i < COUNT(controllers); i++)
        left += access(directories[i], F_OK) == 0;
    return left;
}

static void kill_parent(void)
{
    struct live live = start_sleep_with(WORDS(LIMITS));

    remember_directories(live.container);
    kill(live.parent, SIGKILL);
    pid_t container = live.container;
    assert_status(finish(&live), 128 + SIGKILL);
    wait_until_gone(container); /* and all of its PID namespace with it */
}

static void the_next_run_removes_what_a_killed_parent_left(void **state)
{
    (void)state;
    char *before = host_state();

    kill_parent();
    assert_int_equal(directories_left(), COUNT(directories));
    assert_status(run_quiet("true"), 0);
    assert_int_equal(directories_left(), 0);
    assert_host_unchanged(before);
}

/* A PID that no process has, of a parent that is dead. */
#define DEAD_PID "99999999"

/* Makes the cgroup NAME below our base in the hierarchy of pids. */
static char *make_directory(const char *name)
{
    const char *base = hierarchy_of("pids")->base;
    char *path = format("%s/%s", base, name);

    mkdir(format("%s/" OURS, base), 0755);
    assert_return_code(mkdir(path, 0755), errno);
    return path;
}

static pid_t start_process_in(const char *cgroup)
{
    char *const sleep[] = {"sleep", "1000", NULL};
    pid_t child = fork();

    assert_int_not_equal(child, -1);
    if (child == 0) {
        execvp(sleep[0], sleep);
        _exit(1);
    }
    create(format("%s/cgroup.procs", cgroup), format("%d", child), 0644);
    return child;
}

static void assert_is_there(const char *path)
{
    if (access(path, F_OK) == -1)
        fail_msg("%s is gone", path);
}

static void assert_is_gone(const char *path)
{
    if (access(path, F_OK) == 0)
        fail_msg("%s is still there", path);
}

static void directories_of_others_are_left_alone(void **state)
{
    (void)state;
    char *const names[] = {"mini-contained",
                           OURS ".1",
                           "other",
                           OURS "/other",
                           format(OURS "/%d", getpid()),
                           format(OURS "/%d.1", getpid())};
    char *paths[COUNT(names)];

    for (size_t i = 0; i < COUNT(names); i++)
        paths[i] = make_directory(names[i]);
    char *stale = make_directory(OURS "/" DEAD_PID);
    char *second = make_directory(OURS "/" DEAD_PID ".1");
    assert_status(run_quiet(LIMITS, "true"), 0);
    assert_is_gone(stale);
    assert_is_gone(second);
    for (size_t i = 0; i < COUNT(names); i++)
        if (rmdir(paths[i]) == -1)
            fail_msg("%s: %s", paths[i], strerror(errno));
}

/* Starts a stage in a PID namespace where strace stops it after its Nth CALL,
 * and says so in the file TRACE. CALL is as for -e inject of strace(1). Returns
 * the PID of unshare(1). */
static pid_t start_stopped_after(const char *call, int n, char *trace)
{
    char *inject = format("inject=%s:signal=SIGSTOP:when=%d", call, n);
    char *const words[] = {
        "unshare", "--pid",        "--fork", "--kill-child", "strace",
        "-o",      trace,          "-e",     inject,         stage_program(),
        "-q",      "--pids-limit", "20",     "true",         NULL};
    pid_t pid = fork();

    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        execvp(words[0], words);
        _exit(99);
    }
    return pid;
}

static bool has_stopped(const void *trace)
{
    return strstr(contents(trace), "--- stopped by SIGSTOP ---");
}

/* The number of the call in TRACE that opens the lock of the new cgroup. */
static int count_opens(char *trace)
{
    bool made = false;
    int count = 0;

    for (char **lines = lines_of(contents(trace)); *lines; lines++) {
        made = made || strncmp(*lines, "mkdir", 5) == 0;
        count += strncmp(*lines, "open", 4) == 0;
        if (made && strstr(*lines, "/cgroup.procs"))
            break;
    }
    return count;
}

/* In this PID namespace no process has the stopped parent's PID, so its cgroup
 * looks stale. If the parent has not locked it yet, the other run removes it
 * and the parent makes it again. A locked cgroup stays. */
static void parents_of_other_pid_namespaces_keep_their_cgroups(void **state)
{
    static const char *const calls[] = {"/^mkdir(at)?$", "/^open(at)?$",
                                        "write"};
    struct live other = start(LIMITS, READY("read line"));
    char *before = host_state(), *trace = format("%s/trace", scratch());
    int status, n = 1;

    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++) {
        create(trace, "", 0600);
        pid_t pid = start_stopped_after(calls[i], i == 1 ? n : 1, trace);
        wait_until(has_stopped, trace, "strace has stopped the stage");
        assert_status(run_quiet(LIMITS, "true"), 0);
        kill(*children_of(*children_of(pid)), SIGCONT);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        n = count_opens(trace);
        unlink(trace);
        assert_host_unchanged(before);
    }
    assert_int_equal(write(other.in, "\n", 1), 1);
    assert_status(finish(&other), 0);
}

/* Any user may lock a directory that can be read. */
static void a_lock_on_the_cgroups_hinders_nobody(void **state)
{
    (void)state;
    struct live live = start(LIMITS, READY("read line"));
    char *own = cgroup_of(live.container, "pids");
    char *stale = make_directory(OURS "/" DEAD_PID);
    char *const paths[] = {"/proc/self/ns/cgroup", stale, own,
                           format("%s/..", stale), format("%s/../..", stale)};
    int locks[COUNT(paths)];

    for (size_t i = 0; i < COUNT(paths); i++) {
        locks[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
        assert_return_code(locks[i], errno);
        assert_return_code(flock(locks[i], LOCK_EX | LOCK_NB), errno);
    }
    assert_status(run_quiet(LIMITS, "true"), 0);
    assert_is_gone(stale);
    assert_int_equal(write(live.in, "\n", 1), 1);
    assert_status(finish(&live), 0);
    assert_is_gone(own);
    for (size_t i = 0; i < COUNT(paths); i++)
        close(locks[i]);
}

/* A container that survived its parent, and made cgroups of its own. */
static void a_directory_with_a_process_below_it_is_left_alone(void **state)
{
    (void)state;
    char *path = make_directory(OURS "/" DEAD_PID);
    char *empty = make_directory(OURS "/" DEAD_PID "/a");
    char *used = make_directory(OURS "/" DEAD_PID "/b");
    pid_t child = start_process_in(used);

    assert_status(run_quiet(LIMITS, "true"), 0);
    assert_is_there(empty);
    assert_text(contents(format("%s/cgroup.procs", used)),
                format("%d\n", child));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_status(run_quiet(LIMITS, "true"), 0);
    assert_is_gone(path);
}

/* Runs the stage as a process whose PID already names a directory: the shell
 * makes one with its own PID and then becomes the stage. */
static struct result run_on_an_old_directory(const char *then)
{
    char *script =
        format("cd '%s' && mkdir -p " OURS "/$$/a && %s && exec '%s' -q "
               "--pids-limit 20 true",
               hierarchy_of("pids")->base, then, stage_program());

    return run_program(NULL, WORDS("sh", "-c", script));
}

static void an_old_directory_of_the_same_pid_is_no_obstacle(void **state)
{
    (void)state;
    char *before = host_state();

    struct result result = run_on_an_old_directory("true");
    assert_status(result, 0);
    assert_text(result.err, "");
    assert_host_unchanged(before);
    result = run_on_an_old_directory(
        "(sleep 1000 >/dev/null 2>&1 & echo $! >" OURS "/$$/a/"
        "cgroup.procs; echo $!; echo $$)");
    assert_status(result, 0);
    assert_text(result.err, "");
    int child = 0, parent = 0;
    assert_int_equal(sscanf(result.out, "%d %d", &child, &parent), 2);
    assert_text(contents(format("%s/" OURS "/%d/a/cgroup.procs",
                                hierarchy_of("pids")->base, parent)),
                format("%d\n", child));
    kill(child, SIGKILL);
    wait_until_gone(child);
    assert_status(run_quiet("true"), 0);
    assert_host_unchanged(before);
}

/* Root inside can mount its cgroups again, writable. */
static char *script_with_cgroups_inside(void)
{
    return format("mount -o remount,bind,rw %1$s && cd %1$s && mkdir -p a/b c "
                  "&& { sleep 1000 & echo $! >a/b/cgroup.procs; } && cd / && "
                  "echo ready && read line",
                  inner_directory("pids"));
}

static void cgroups_that_the_container_made_are_removed_as_well(void **state)
{
    (void)state;
    char *before = host_state(), *script = script_with_cgroups_inside();
    struct live live = start("--pids-limit", "20", "sh", "-c", script);
    char *path = cgroup_of(live.container, "pids");

    assert_is_there(format("%s/a/b", path));
    assert_is_there(format("%s/c", path));
    /* A process from outside does not end with the PID namespace. */
    pid_t child = start_process_in(format("%s/c", path));
    assert_int_equal(write(live.in, "\n", 1), 1);
    struct result result = finish(&live);
    assert_status(result, 0);
    assert_text(result.err, "");
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_host_unchanged(before);

    live = start("--pids-limit", "20", "sh", "-c", script);
    path = cgroup_of(live.container, "pids");
    pid_t container = live.container;
    kill(live.parent, SIGKILL);
    assert_status(finish(&live), 128 + SIGKILL);
    wait_until_gone(container);
    assert_is_there(format("%s/a/b", path));
    assert_status(run_quiet("true"), 0);
    assert_host_unchanged(before);
}

/* --- other machines ------------------------------------------------------- */

/* The stage, where the hierarchy of pids is mounted at AGAIN as well. PREPARE
 * is done after that. */
static struct result run_mounted_twice(const char *again, const char *prepare,
                                       const char *words)
{
    const struct hierarchy *h = hierarchy_of("pids");
    char *mount_it =
        format("mount -t %s none%s%s", h->version == 1 ? "cgroup" : "cgroup2",
               h->version == 1 ? " -o " : "", h->controllers);
    char *script = format(
        "mount_it() { %s \"$1\"; }; mkdir -p '%s' && mount_it '%s' && "
        "H=%s && %s && exec '%s' %s sh -c \"cut -d' ' -f5 "
        "/proc/self/mountinfo | grep cgroup\"",
        mount_it, again, again, h->mount, prepare, stage_program(), words);

    return run_program(NULL, WORDS("unshare", "--mount", "--propagation",
                                   "private", "sh", "-c", script));
}

/* Cilium mounts version 2 once more: it is no second hierarchy. */
static void a_second_mount_of_a_hierarchy_does_not_count(void **state)
{
    static const char *const words[] = {
        "-q", "-q --memory 64M --pids-limit 20 --cpus 0.5"};
    char *again = format("%s/again", scratch());
    char *list = "cut -d' ' -f5 /proc/self/mountinfo | grep cgroup";

    (void)state;
    keep_the_bridge();
    for (size_t i = 0; i < COUNT(words); i++) {
        struct result once = i == 0 ? run_quiet("sh", "-c", list)
                                    : run_quiet(LIMITS, "sh", "-c", list);
        struct result twice = run_mounted_twice(again, "true", words[i]);
        assert_status(twice, 0);
        assert_text(twice.out, once.out);
    }
    /* Now the usual place is the second in the list. */
    struct result result = run_mounted_twice(
        again, "umount -l $H && mount_it $H", "-V --pids-limit 20");
    assert_status(result, 0);
    assert_contains(result.err, format("<%s/", hierarchy_of("pids")->mount));
    assert_lacks(result.err, again);
}

static char *passed_on(const char *directory)
{
    return contents(format("%s/cgroup.subtree_control", directory));
}

/* Other directories have managers of their own, who alone change them. */
static void in_version_2_the_top_alone_changes_and_stays_so(void **state)
{
    (void)state;
    const struct hierarchy *h = hierarchy_of("pids");

    if (several_hierarchies()) {
        assert_int_equal(h->version, 1);
        return;
    }
    create(format("%s/cgroup.subtree_control", h->base), "-memory -pids -cpu",
           0644);
    assert_text(passed_on(h->base), "");
    struct live live = start("--pids-limit", "20", READY("read line"));
    assert_text(passed_on(h->base), "pids\n");
    assert_text(passed_on(format("%s/" OURS, h->base)), "pids\n");
    assert_text(passed_on(h->own), "");
    assert_int_equal(write(live.in, "\n", 1), 1);
    assert_status(finish(&live), 0);
    assert_text(passed_on(h->base), "pids\n");
    assert_is_gone(format("%s/" OURS, h->base));
    assert_status(run_quiet(LIMITS, "true"), 0);
    char *all = passed_on(h->base);
    for (size_t i = 0; i < COUNT(controllers); i++)
        assert_contains(all, controllers[i]);
    pass_on_controllers();
}

/* mkdir(2) fails with EAGAIN, as does a lock that another process holds: the
 * stage must tell them apart. */
static void in_version_2_a_limit_on_cgroups_ends_the_start(void **state)
{
    (void)state;
    const struct hierarchy *h = hierarchy_of("pids");
    char *ours = format("%s/" OURS, h->base);

    if (several_hierarchies()) {
        assert_int_equal(h->version, 1);
        return;
    }
    struct live live = start("--pids-limit", "20", READY("read line"));
    create(format("%s/cgroup.max.descendants", ours), "1", 0644);
    struct result result = run_quiet("--pids-limit", "20", "true");
    assert_status(result, 125);
    assert_message(result, ": Resource temporarily unavailable",
                   "cgroup.max.descendants");
    assert_int_equal(write(live.in, "\n", 1), 1);
    assert_status(finish(&live), 0);
    assert_is_gone(ours);
}

/* The stage in a container of its own, whose root is the host's. */
static struct result run_nested(const char *prepare, const char *options)
{
    char *root = format("%s/host", scratch()), *off = "-q";
    char *script =
        format("%s /tmp/stage -q --rootfs /tmp/rootfs %s %s echo in", prepare,
               has(NEW_NETWORK) ? "--network none" : "", options);

    if (has(NEW_NETWORK))
        off = "--network=none";
    mkdir(root, 0755);
    assert_return_code(mount("/", root, NULL, MS_BIND, NULL), errno);
    struct result result = run_quiet(
        off, LIMITS, "--rootfs", root, "-v",
        format("%s:/tmp/stage", stage_program()), "-v",
        format("%s:/tmp/rootfs", built("private/rootfs")), "sh", "-c", script);
    assert_return_code(umount2(root, MNT_DETACH), errno);
    assert_return_code(rmdir(root), errno);
    return result;
}

/* In version 2, the stage makes a cgroup even without a limit. */
static void a_container_in_a_container_has_limits_or_a_message(void **state)
{
    (void)state;
    char *before = host_state();
    char *writable =
        format("mount -o remount,bind,rw %s;", inner_directory("memory"));

    struct result result = run_nested("", "-m 32M");
    assert_status(result, 125);
    assert_text(result.out, "");
    assert_message(result, ": Read-only file system", "cgroups are read-only");
    result = run_nested(writable, "-m 32M");
    if (is_v1("memory")) {
        assert_status(result, 0);
        assert_text(result.out, "in\n");
    } else {
        assert_status(result, 125);
        assert_message(result, "enable memory: Device or resource busy",
                       "that cgroup contains processes");
        result = run_nested(writable, "--pids-limit 20");
        assert_status(result, 125);
        assert_message(result, "enable pids: Device or resource busy",
                       "that cgroup contains processes");
        writable = format("%s /tmp/stage -q --rootfs /tmp/rootfs %s "
                          "--pids-limit 20 true 2>/dev/null;",
                          writable, has(NEW_NETWORK) ? "--network none" : "");
    }
    result = run_nested(writable, "");
    assert_status(result, 0);
    assert_text(result.out, "in\n");
    assert_host_unchanged(before);
}

static void two_containers_leave_each_other_alone(void **state)
{
    (void)state;
    char *before = host_state();
    struct live one = start(LIMITS, READY("read line; exit 1"));

    remember_directories(one.container);
    struct live two = start(LIMITS, READY("read line; exit 2"));
    for (size_t i = 0; i < COUNT(controllers); i++)
        assert_string_not_equal(cgroup_of(two.container, controllers[i]),
                                directories[i]);
    assert_status(run_quiet(LIMITS, "true"), 0);
    assert_int_equal(write(two.in, "\n", 1), 1);
    assert_status(finish(&two), 2);
    assert_int_equal(directories_left(), COUNT(directories));
    kill_parent();
    remember_directories(one.container);
    assert_status(run_quiet(LIMITS, "true"), 0);
    assert_int_equal(directories_left(), COUNT(directories));
    assert_int_equal(write(one.in, "\n", 1), 1);
    assert_status(finish(&one), 1);
    assert_host_unchanged(before);
}

/* Eight loops at once on the host, so that one container's start meets the end
 * of another. */
static void many_at_once_do_not_disturb_each_other(void **state)
{
    (void)state;
    char *before = host_state();
    char *script =
        format("for i in 1 2 3 4 5 6 7 8; do for j in 1 2 3 4 5; do "
               "'%s' -q --memory 64M --pids-limit 20 --cpus 0.5 true "
               "|| echo failed; done & done; wait",
               stage_program());
    struct result result = run_program(NULL, WORDS("sh", "-c", script));

    assert_status(result, 0);
    assert_text(result.err, "");
    assert_text(result.out, "");
    assert_host_unchanged(before);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(limits_are_in_their_files_seen_from_outside),
    cmocka_unit_test(limits_are_in_their_files_seen_from_inside),
    cmocka_unit_test(sizes_are_read_as_docker_reads_them),
    cmocka_unit_test(memory_has_a_letter_of_its_own),
    cmocka_unit_test(the_last_of_several_values_counts),
    cmocka_unit_test(processors_become_a_quota_of_100_ms),
    cmocka_unit_test(the_container_is_alone_in_a_cgroup_below_ours),
    cmocka_unit_test(the_container_is_in_its_cgroup_before_it_is_set_up),
    cmocka_unit_test(the_first_instructions_of_command_are_limited),
    cmocka_unit_test(the_cgroup_is_the_root_of_what_the_container_sees),
    cmocka_unit_test(the_cgroups_are_read_only_inside),
    cmocka_unit_test(the_container_sees_no_cgroup_but_its_own),
    cmocka_unit_test(only_the_controllers_that_are_needed_are_used),
    cmocka_unit_test(without_limits_there_is_no_cgroup_in_version_1),
    cmocka_unit_test(the_network_is_still_the_hosts),
    cmocka_unit_test(more_memory_than_the_limit_is_killed_and_reported),
    cmocka_unit_test(a_quiet_run_reports_it_as_well_and_says_no_more),
    cmocka_unit_test(a_child_that_is_killed_is_reported_as_well),
    cmocka_unit_test(a_limit_that_is_not_ours_is_not_named),
    cmocka_unit_test(other_deaths_are_not_taken_for_it),
    cmocka_unit_test(files_in_memory_are_limited_too),
    cmocka_unit_test(less_memory_than_the_limit_is_granted),
    cmocka_unit_test(the_closing_line_tells_the_peak_of_memory),
    cmocka_unit_test(the_closing_line_has_all_numbers_and_comes_last),
    cmocka_unit_test(a_fork_bomb_gets_exactly_as_many_processes_as_allowed),
    cmocka_unit_test(a_fork_bomb_that_goes_on_is_bounded),
    cmocka_unit_test(refused_forks_are_counted_in_the_closing_line),
    cmocka_unit_test(too_much_processor_time_is_seen_as_throttling),
    cmocka_unit_test(throttling_is_seen_from_outside),
    cmocka_unit_test(values_that_mean_nothing_are_refused),
    cmocka_unit_test(more_processors_than_there_are_are_refused),
    cmocka_unit_test(the_cgroup_is_removed_whatever_command_did),
    cmocka_unit_test(the_cgroup_is_removed_after_a_signal),
    cmocka_unit_test(the_cgroup_is_removed_when_the_container_is_killed),
    cmocka_unit_test(a_failing_set_up_says_one_thing),
    cmocka_unit_test(a_failing_set_up_leaves_no_cgroup),
    cmocka_unit_test(a_failure_of_any_call_leaves_no_cgroup),
    cmocka_unit_test(a_limit_that_the_kernel_lacks_is_refused),
    cmocka_unit_test(a_failing_write_of_the_parent_leaves_no_cgroup),
    cmocka_unit_test(the_next_run_removes_what_a_killed_parent_left),
    cmocka_unit_test(directories_of_others_are_left_alone),
    cmocka_unit_test(parents_of_other_pid_namespaces_keep_their_cgroups),
    cmocka_unit_test(a_lock_on_the_cgroups_hinders_nobody),
    cmocka_unit_test(a_directory_with_a_process_below_it_is_left_alone),
    cmocka_unit_test(an_old_directory_of_the_same_pid_is_no_obstacle),
    cmocka_unit_test(cgroups_that_the_container_made_are_removed_as_well),
    cmocka_unit_test(a_second_mount_of_a_hierarchy_does_not_count),
    cmocka_unit_test(in_version_2_the_top_alone_changes_and_stays_so),
    cmocka_unit_test(in_version_2_a_limit_on_cgroups_ends_the_start),
    cmocka_unit_test(a_container_in_a_container_has_limits_or_a_message),
    cmocka_unit_test(two_containers_leave_each_other_alone),
    cmocka_unit_test(many_at_once_do_not_disturb_each_other),
    SHARED_TESTS,
};

int main(int argc, char *argv[])
{
    return test_main(argc, argv, 6, "stage 6", tests, COUNT(tests));
}
