/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "shared.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define HELP "./run --help"

void unknown_option_gives_125(void **state)
{
    (void)state;
    assert_not_run(run("--no-such-option", "echo", "run"), 125,
                   "unknown option --no-such-option", HELP);
    assert_not_run(run("--quiet", "--no-such-option=3", "echo", "run"), 125,
                   "unknown option --no-such-option=3", HELP);
}

void unknown_letter_gives_125(void **state)
{
    (void)state;
    assert_not_run(run("-x", "echo", "run"), 125, "unknown option -x", HELP);
    assert_not_run(run("-qxq", "echo", "run"), 125, "unknown option -x", HELP);
}

/* Every option with its first stage; a value where it takes one. */
static const struct option_row {
    enum feature since;
    char *name;  /* as it is typed */
    char *full;  /* as --help and messages call it */
    char *value; /* NULL: it takes none */
} options[] = {
    {BASICS, "-q", "--quiet", NULL},
    {BASICS, "-V", "--verbose", NULL},
    {BASICS, "-h", "--help", NULL},
    {NEW_HOSTNAME, "--hostname", "--hostname", "web"},
    {NEW_ROOT, "--rootfs", "--rootfs", "/"},
    {NEW_ROOT, "-v", "--volume", "/etc:/mnt"},
    {NEW_ROOT, "--volume", "--volume", "/etc:/mnt"},
    {NEW_ROOT, "-e", "--env", "A=B"},
    {NEW_ROOT, "--env", "--env", "A=B"},
    {NEW_ROOT, "-w", "--workdir", "/"},
    {NEW_ROOT, "--workdir", "--workdir", "/"},
    {NEW_ROOT, "--read-only", "--read-only", NULL},
    {NEW_ROOT, "--chroot", "--chroot", NULL},
    {NEW_CGROUPS, "-m", "--memory", "64M"},
    {NEW_CGROUPS, "--memory", "--memory", "64M"},
    {NEW_CGROUPS, "--pids-limit", "--pids-limit", "100"},
    {NEW_CGROUPS, "--cpus", "--cpus", "1"},
    {NEW_NETWORK, "--network", "--network", "host"},
};

void option_without_its_value_gives_125(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(options); i++)
        if (options[i].value && has(options[i].since))
            assert_not_run(run(options[i].name), 125,
                           format("option %s needs a value", options[i].name),
                           HELP);
}

void value_for_an_option_without_one_gives_125(void **state)
{
    (void)state;
    assert_not_run(run("--quiet=yes", "echo", "run"), 125,
                   "option --quiet=yes takes no value", HELP);
}

static char *refusal(const struct option_row *option)
{
    return format("%s arrives in stage %d (make stage%d)", option->full,
                  (int)option->since, (int)option->since);
}

void options_of_later_stages_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(options); i++) {
        char *const without[] = {options[i].name, "echo", "run", NULL};
        char *const with[] = {options[i].name, options[i].value, "echo", "run",
                              NULL};
        if (!has(options[i].since))
            assert_not_run(run_with(NULL, options[i].value ? with : without),
                           125, refusal(&options[i]), NULL);
    }
}

void options_of_later_stages_are_refused_without_value_as_well(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(options); i++)
        if (!has(options[i].since))
            assert_not_run(run(options[i].name), 125, refusal(&options[i]),
                           NULL);
}

void options_end_at_the_first_word(void **state)
{
    (void)state;
    struct result result = run_quiet("echo", "-q", "--help", "--", "-x");
    assert_status(result, 0);
    assert_text(result.out, "-q --help -- -x\n");
    assert_contains(run("echo", "-q").err, "]   clone"); /* -q is not for us */
}

void double_dash_ends_options(void **state)
{
    (void)state;
    struct result result = run_quiet("--", "echo", "--", "-q");
    assert_status(result, 0);
    assert_text(result.out, "-- -q\n");
    assert_not_run(run_quiet("--", "-h"), 127, "exec -h: No such file",
                   "looked up");
}

void help_lists_the_options_of_this_stage_alone(void **state)
{
    (void)state;
    struct result result = run("--help");
    assert_status(result, 0);
    assert_text(result.err, "");
    assert_text(run("-h").out, result.out);
    for (size_t i = 0; i < COUNT(options); i++) {
        if (has(options[i].since))
            assert_contains(result.out, options[i].full);
        else
            assert_lacks(result.out, options[i].full);
    }
}

/* The program is copied to where everybody may execute it. */
void namespaces_need_root_and_the_message_says_so(void **state)
{
    char *copy = format("%s/stage%02d", scratch(), stage);
    char *const rootfs[] = {"--rootfs", scratch(), NULL};

    (void)state;
    assert_status(run_program(NULL, WORDS("cp", stage_program(), copy)), 0);
    char **args = join(WORDS(copy, "-q"), has(NEW_ROOT) ? rootfs : WORDS(NULL));
    args = join(args, WORDS("id", "-u"));
    struct result result = run_prepared(NULL, args, become_nobody, NULL);
    if (!has(NEW_MOUNTS)) {
        assert_status(result, 0);
        assert_text(result.out, "65534\n");
        return;
    }
    /* Stage 6 may be refused a cgroup, stage 7 a bridge, before its clone. */
    assert_not_run(result, 125,
                   strstr(result.err, ": Permiss") && has(NEW_CGROUPS)
                       ? ": Permission denied"
                   : has(NEW_CGROUPS) ? ": Operation not permitted"
                                      : "clone: Operation not permitted",
                   "sudo ./run");
}

/* Docker starts its containers without this capability. */
static void drop_sys_admin(void *argument)
{
    (void)argument;
    if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN) == -1)
        _exit(98);
}

void a_root_without_capabilities_is_told_what_it_lacks(void **state)
{
    char **args = join(WORDS(stage_program(), "-q"), WORDS("id", "-u"));
    char *before = host_state();

    (void)state;
    struct result result = run_prepared(NULL, args, drop_sys_admin, NULL);
    if (!has(NEW_MOUNTS))
        assert_status(result, 0);
    else
        assert_not_run(result, 125, "clone: Operation not permitted",
                       "CAP_SYS_ADMIN");
    assert_host_unchanged(before);
}

/* As unshare -Ur: root, but of a new user namespace alone. */
static void enter_user_namespace(void *argument)
{
    static const char *const files[][2] = {{"/proc/self/setgroups", "deny"},
                                           {"/proc/self/uid_map", "0 65534 1"},
                                           {"/proc/self/gid_map", "0 65534 1"}};

    become_nobody(argument);
    /* After a change of user, root owns a process's files in /proc. */
    if (prctl(PR_SET_DUMPABLE, 1) == -1 || unshare(CLONE_NEWUSER) == -1)
        _exit(98);
    for (size_t i = 0; i < COUNT(files); i++) {
        int fd = open(files[i][0], O_WRONLY | O_CLOEXEC);
        if (fd == -1 || write(fd, files[i][1], strlen(files[i][1])) == -1)
            _exit(98);
        close(fd);
    }
}

void root_of_a_user_namespace_is_told_what_it_lacks(void **state)
{
    char *copy = format("%s/stage%02d", scratch(), stage);
    char *const own_root[] = {"--rootfs",
                              has(NEW_ROOT) ? copy_root("root") : NULL, NULL};

    (void)state;
    assert_status(run_program(NULL, WORDS("cp", stage_program(), copy)), 0);
    char **args =
        join(WORDS(copy, "-q"), has(NEW_ROOT) ? own_root : WORDS(NULL));
    args = join(args, WORDS("echo", "run"));
    struct result result = run_prepared(NULL, args, enter_user_namespace, NULL);
    if (!has(NEW_ROOT)) {
        assert_status(result, 0);
        assert_text(result.out, "run\n");
        return;
    }
    assert_not_run(result, 125, "ermi", "sudo ./run"); /* denied or permitted */
    assert_contains(result.err, "not root of a user namespace");
}

static void limit_descriptors(void *count)
{
    struct rlimit limit = {*(rlim_t *)count, *(rlim_t *)count};

    if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
        _exit(98);
}

/* Two calls fail for the same reason: one message. */
void too_few_descriptors_are_one_message(void **state)
{
    char **args = join(WORDS(stage_program(), "-q"), WORDS("echo", "run"));

    (void)state;
    for (rlim_t count = 4; count < 8; count++) {
        struct result result =
            run_prepared(NULL, args, limit_descriptors, &count);
        char *next, *last = "";
        if (result.status == 0)
            continue;
        for (char *line = strtok_r(result.err, "\n", &next); line;
             line = strtok_r(NULL, "\n", &next)) {
            assert_string_not_equal(line, last);
            last = line;
        }
    }
}
