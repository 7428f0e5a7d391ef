/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "isolation.h"

#include "apart.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NEVER = 99, NOBODY = 65534 };

/* --- small things --------------------------------------------------------- */

char *stage_program(void)
{
    return built(format("stage%02d", stage));
}

/* A array of the words of both, ended by NULL. */
static char **join(char *const first[], char *const second[])
{
    size_t a = 0, b = 0;

    while (first[a])
        a++;
    while (second[b])
        b++;
    char **both = calloc(a + b + 1, sizeof(*both));
    assert_non_null(both);
    memcpy(both, first, a * sizeof(*both));
    memcpy(both + a, second, b * sizeof(*both));
    return both;
}

struct result run_file(const char *file, char *const arguments[])
{
    char *inside = format("/tmp/%s", strrchr(file, '/') + 1);

    if (stage < 5)
        return run_with(NULL, join(WORDS("-q", (char *)file), arguments));
    return run_with(NULL, join(WORDS("-q", "-v", format("%s:%s", file, inside),
                                     "--", inside),
                               arguments));
}

void wait_until(bool (*done)(const void *), const void *argument,
                const char *what)
{
    time_t deadline = time(NULL) + patience + 1;

    while (!done(argument)) {
        if (why_stopped())
            fail_msg("waited in vain until %s: %s", what, why_stopped());
        if (time(NULL) > deadline)
            fail_msg("waited in vain until %s", what);
        poll(NULL, 0, 2);
    }
}

/* It is sleep(1) by now, and no more the shell before it, which may have had
 * handlers of its own: dash has one for SIGINT. */
static bool is_sleep(const void *pid)
{
    char *name = status_of(*(const pid_t *)pid, "Name");
    char *handled = status_of(*(const pid_t *)pid, "SigCgt");

    return name && handled && strcmp(name, "sleep") == 0 &&
           strtoull(handled, NULL, 16) == 0;
}

bool has_no_signal(const void *pid)
{
    char *text = status_of(*(const pid_t *)pid, "State");
    char *pending = status_of(*(const pid_t *)pid, "ShdPnd");

    return text && text[0] == 'S' && pending &&
           strtoull(pending, NULL, 16) == 0;
}

struct live start_sleep_with(char *const words[])
{
    struct live live = start_with(
        join(words, WORDS("sh", "-c", "echo ready; exec sleep 1000")));

    wait_until(is_sleep, &live.container, "the container sleeps");
    return live;
}

struct live start_sleep(void)
{
    return start_sleep_with(WORDS(NULL));
}

void keep_the_bridge(void)
{
    if (stage >= 7)
        start(READY("read line"));
}

/* Splits TEXT, which is changed, into its lines; the last is NULL. */
static char **lines_of(char *text)
{
    char **lines = calloc(strlen(text) + 1, sizeof(*lines));
    size_t count = 0;

    assert_non_null(lines);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        lines[count++] = line;
    return lines;
}

/* The mount point is the fifth word of a line of mountinfo, see proc(5). */
static char *mount_point(const char *line)
{
    char point[4096] = "";

    assert_int_equal(sscanf(line, "%*s %*s %*s %*s %4095s", point), 1);
    return format("%s", point);
}

char *mount_at(const char *mounts, const char *point)
{
    char *found = NULL;

    for (char **line = lines_of(format("%s", mounts)); *line; line++)
        if (strcmp(mount_point(*line), point) == 0)
            found = *line;
    return found;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *mount_points(const char *mounts)
{
    char **lines = lines_of(format("%s", mounts)), *points = format("%s", "");
    size_t count = 0;

    for (; lines[count]; count++)
        lines[count] = mount_point(lines[count]);
    qsort(lines, count, sizeof(*lines), compare_words);
    for (size_t i = 0; i < count; i++)
        points = format("%s%s\n", points, lines[i]);
    return points;
}

/* --- what is isolated, and what is not yet -------------------------------- */

static void check_namespace(const char *name, int since)
{
    struct live live = start(READY("read line"));
    char *inside = namespace_of(live.container, name);
    char *outside = namespace_of(getpid(), name);

    if (stage >= since && strcmp(inside, outside) == 0)
        fail_msg("stage %d should isolate it, but the container is in the "
                 "host's %s",
                 stage, outside);
    if (stage < since && strcmp(inside, outside) != 0)
        fail_msg("stage %d should not isolate it yet, but the container is "
                 "in %s, the host in %s",
                 stage, inside, outside);
}

#define NAMESPACE_TEST(name, kind, since) \
    void name(void **state)               \
    {                                     \
        (void)state;                      \
        check_namespace(#kind, since);    \
    }

NAMESPACE_TEST(the_mnt_namespace_is_isolated_from_stage_2_on, mnt, 2)
NAMESPACE_TEST(the_pid_namespace_is_isolated_from_stage_3_on, pid, 3)
NAMESPACE_TEST(the_uts_namespace_is_isolated_from_stage_4_on, uts, 4)
NAMESPACE_TEST(the_ipc_namespace_is_isolated_from_stage_4_on, ipc, 4)
NAMESPACE_TEST(the_cgroup_namespace_is_isolated_from_stage_6_on, cgroup, 6)
NAMESPACE_TEST(the_net_namespace_is_isolated_from_stage_7_on, net, 7)
NAMESPACE_TEST(the_time_namespace_is_never_isolated, time, NEVER)
NAMESPACE_TEST(the_user_namespace_is_never_isolated, user, NEVER)

void the_hostname_is_the_hosts_before_stage_4(void **state)
{
    struct utsname host;

    (void)state;
    assert_return_code(uname(&host), errno);
    struct result result = run_quiet("uname", "-n");
    assert_status(result, 0);
    assert_text(result.out,
                stage < 4 ? format("%s\n", host.nodename) : "container\n");
}

void the_pid_inside_is_1_from_stage_3_on(void **state)
{
    (void)state;
    struct live live = start("sh", "-c", "echo ready; echo $$; read line");
    assert_text(next_line(&live),
                stage < 3 ? format("%d", live.container) : "1");
}

void the_mount_points_are_the_hosts_before_stage_2(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    char *inside = mount_points(mounts_of(live.container));
    char *outside = mount_points(mounts_of(getpid()));

    if (stage < 2)
        assert_text(inside, outside);
    else
        assert_string_not_equal(inside, outside);
}

/* --- COMMAND -------------------------------------------------------------- */

static void assert_not_run(struct result result, int status,
                           const char *message, const char *hint)
{
    assert_status(result, status);
    assert_message(result, message, hint);
    assert_text(result.out, "");
}

void missing_command_gives_127(void **state)
{
    (void)state;
    assert_not_run(run_quiet("no-such-command"), 127,
                   "exec no-such-command: No such file",
                   "looked up inside the container");
}

void missing_path_gives_127(void **state)
{
    (void)state;
    assert_not_run(run_quiet("/no/such/command"), 127,
                   "/no/such/command: ", "looked up inside the container");
}

void empty_command_gives_127(void **state)
{
    (void)state;
    assert_not_run(run_quiet(""), 127,
                   "exec : ", "looked up inside the container");
}

static char *script(const char *name, const char *text, mode_t mode)
{
    char *path = format("%s/%s", scratch(), name);

    create(path, text, mode);
    return path;
}

void file_that_is_not_executable_gives_126(void **state)
{
    char *file = script("plain", "#!/bin/sh\necho run\n", 0644);

    (void)state;
    assert_not_run(run_file(file, WORDS(NULL)), 126, "Permission denied",
                   "chmod +x");
}

void directory_gives_126(void **state)
{
    (void)state;
    assert_not_run(run_quiet("/tmp"), 126, "exec /tmp: Permission denied",
                   "it is a directory");
}

void program_of_another_architecture_gives_126(void **state)
{
    char *file = format("%s/vax", scratch());
    char *busybox = built("private/rootfs/bin/busybox");
    const unsigned char vax[] = {75, 75}; /* EM_VAX is 75; e_machine at 18 */

    (void)state;
    assert_status(run_program(NULL, WORDS("cp", busybox, file)), 0);
    assert_status(run_file(file, WORDS("vax", "true")), 127); /* no applet */
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    assert_return_code(fd, errno);
    assert_int_equal(pwrite(fd, vax, sizeof(vax), 18), sizeof(vax));
    close(fd);
    assert_not_run(run_file(file, WORDS("true")), 126, "Exec format error",
                   "another architecture");
}

void missing_interpreter_gives_126(void **state)
{
    char *file = script("orphan", "#!/no/such/interpreter\necho run\n", 0755);

    (void)state;
    assert_not_run(run_file(file, WORDS(NULL)), 126,
                   "No such file or directory", "interpreter");
}

void interpreter_that_cannot_be_executed_gives_126(void **state)
{
    static const char *const rows[][2] = {
        {"/etc", "Permission denied"},        /* a directory */
        {"/etc/passwd", "Permission denied"}, /* not executable */
        {"/etc/passwd/sh", "Not a directory"}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *file =
            script("bad", format("#!%s\necho run\n", rows[i][0]), 0755);
        struct result result = run_file(file, WORDS(NULL));
        assert_not_run(result, 126, rows[i][1], "its interpreter");
        assert_lacks(result.err, "noexec");
    }
}

void noexec_mount_gives_126(void **state)
{
    char *place = format("%s/noexec", scratch());

    (void)state;
    assert_return_code(mkdir(place, 0755), errno);
    assert_return_code(mount("none", place, "tmpfs", MS_NOEXEC, NULL), errno);
    char *file = script("noexec/file", "#!/bin/sh\necho run\n", 0755);
    struct result result = run_file(file, WORDS(NULL));
    assert_return_code(umount2(place, MNT_DETACH), errno);
    assert_return_code(rmdir(place), errno);
    assert_not_run(result, 126, "Permission denied", "mounted noexec");
}

void text_without_interpreter_gives_126(void **state)
{
    char *file = script("text", "echo run\n", 0755);

    (void)state;
    assert_not_run(run_file(file, WORDS(NULL)), 126, "Exec format error",
                   "a script without #!");
}

void path_with_spaces_is_executed(void **state)
{
    char *file = script("with two spaces", "#!/bin/sh\necho run $1\n", 0755);

    (void)state;
    struct result result = run_file(file, WORDS("once"));
    assert_status(result, 0);
    assert_text(result.out, "run once\n");
}

void all_of_1000_arguments_arrive(void **state)
{
    char *numbers[1001] = {NULL};

    (void)state;
    for (int i = 0; i < 1000; i++)
        numbers[i] = format("%d", i);
    struct result result = run_with(
        NULL, join(WORDS("-q", "sh", "-c", "echo $#; shift 999; echo $1", "sh"),
                   numbers));
    assert_status(result, 0);
    assert_text(result.out, "1000\n999\n");
}

void argument_of_100_kb_arrives(void **state)
{
    (void)state;
    struct result result =
        run_quiet("sh", "-c", "echo ${#1}", "sh", format("%0102400d", 7));
    assert_status(result, 0);
    assert_text(result.out, "102400\n");
}

/* --- options -------------------------------------------------------------- */

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
    int since;
    char *name;  /* as it is typed */
    char *full;  /* as --help and messages call it */
    char *value; /* NULL: it takes none */
} options[] = {
    {1, "-q", "--quiet", NULL},
    {1, "-h", "--help", NULL},
    {4, "--hostname", "--hostname", "web"},
    {5, "--rootfs", "--rootfs", "/"},
    {5, "-v", "--volume", "/etc:/mnt"},
    {5, "--volume", "--volume", "/etc:/mnt"},
    {5, "-e", "--env", "A=B"},
    {5, "--env", "--env", "A=B"},
    {5, "-w", "--workdir", "/"},
    {5, "--workdir", "--workdir", "/"},
    {5, "--read-only", "--read-only", NULL},
    {5, "--chroot", "--chroot", NULL},
    {6, "-m", "--memory", "64M"},
    {6, "--memory", "--memory", "64M"},
    {6, "--pids-limit", "--pids-limit", "100"},
    {6, "--cpus", "--cpus", "1"},
    {7, "--network", "--network", "host"},
};

void option_without_its_value_gives_125(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(options); i++)
        if (options[i].value && options[i].since <= stage)
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
                  option->since, option->since);
}

void options_of_later_stages_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(options); i++) {
        char *const without[] = {options[i].name, "echo", "run", NULL};
        char *const with[] = {options[i].name, options[i].value, "echo", "run",
                              NULL};
        if (options[i].since > stage)
            assert_not_run(run_with(NULL, options[i].value ? with : without),
                           125, refusal(&options[i]), NULL);
    }
}

void options_of_later_stages_are_refused_without_value_as_well(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(options); i++)
        if (options[i].since > stage)
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
        if (options[i].since <= stage)
            assert_contains(result.out, options[i].full);
        else
            assert_lacks(result.out, options[i].full);
    }
}

static void drop_root(void *argument)
{
    (void)argument;
    if (setgroups(0, NULL) == -1 || setgid(NOBODY) == -1 ||
        setuid(NOBODY) == -1)
        _exit(98);
}

/* The program is copied to where everybody may execute it. */
void namespaces_need_root_and_the_message_says_so(void **state)
{
    char *copy = format("%s/stage%02d", scratch(), stage);
    char *const rootfs[] = {"--rootfs", scratch(), NULL};

    (void)state;
    assert_status(run_program(NULL, WORDS("cp", stage_program(), copy)), 0);
    char **args = join(WORDS(copy, "-q"), stage < 5 ? WORDS(NULL) : rootfs);
    args = join(args, WORDS("id", "-u"));
    struct result result = run_prepared(NULL, args, drop_root, NULL);
    if (stage < 2) {
        assert_status(result, 0);
        assert_text(result.out, "65534\n");
        return;
    }
    /* Stage 6 may be refused a cgroup, stage 7 a bridge, before its clone. */
    assert_not_run(result, 125,
                   stage < 6 ? "clone: Operation not permitted"
                   : strstr(result.err, ": Permiss")
                       ? ": Permission denied"
                       : ": Operation not permitted",
                   "sudo ./run");
}

/* What Docker does to its containers, and many a restricted root has. */
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
    if (stage < 2)
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

    drop_root(argument);
    /* Who has changed the user may not write to the own files of /proc. */
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
    char *root = format("%s/root", scratch());
    char *const own_root[] = {"--rootfs", root, NULL};

    (void)state;
    assert_status(run_program(NULL, WORDS("cp", stage_program(), copy)), 0);
    if (stage >= 5)
        assert_status(
            run_program(NULL, WORDS("cp", "-a", built("private/rootfs"), root)),
            0);
    char **args = join(WORDS(copy, "-q"), stage < 5 ? WORDS(NULL) : own_root);
    args = join(args, WORDS("echo", "run"));
    struct result result = run_prepared(NULL, args, enter_user_namespace, NULL);
    if (stage < 5) {
        assert_status(result, 0);
        assert_text(result.out, "run\n");
        return;
    }
    assert_not_run(result, 125, "ermi", "sudo ./run"); /* denied or permitted */
    assert_contains(result.err, "root of a user namespace");
}

static void limit_descriptors(void *count)
{
    struct rlimit limit = {*(rlim_t *)count, *(rlim_t *)count};

    if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
        _exit(98);
}

/* What fails may fail again while the parent cleans up. */
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

/* --- standard output and the narration ------------------------------------ */

void standard_output_belongs_to_command_alone(void **state)
{
    (void)state;
    struct result result = run("echo", "hello");
    assert_status(result, 0);
    assert_text(result.out, "hello\n");
    assert_contains(result.err, "]   clone"); /* clone3 in version 2 cgroups */
}

void quiet_means_not_one_word(void **state)
{
    (void)state;
    assert_text(run("-q", "true").err, "");
    assert_text(run("--quiet", "true").err, "");
}

/* After [host PID] or [container PID]: the name of a function; a call(...) = n,
 * an execve(...) or a comment, indented; or the functions of earlier stages.
 * Returns the PIDs. */
static void check_form(char *const lines[], pid_t *host, pid_t *container)
{
    const char *form = "^\\[(host|container) ([0-9]+)\\] "
                       "([a-z0-9_]+|  /\\*.*\\*/|  execve\\(.*\\)|"
                       "  [a-z0-9_]+\\(.*\\) = (-1 E.*\\)|[0-9]+)|"
                       "(stages? [1 and to2-9]+:|more of the same:|  )?"
                       "[a-z0-9_, ]*"
                       "(\\([0-9]+ calls?\\))?)$";
    regex_t regex;

    *host = *container = 0;
    assert_int_equal(regcomp(&regex, form, REG_EXTENDED), 0);
    for (; *lines; lines++) {
        regmatch_t parts[3];
        if (regexec(&regex, *lines, COUNT(parts), parts, 0) != 0)
            fail_msg("not a line of narration: %s", *lines);
        pid_t *pid = (*lines)[1] == 'h' ? host : container;
        pid_t number = atoi(*lines + parts[2].rm_so);
        if (*pid && *pid != number)
            fail_msg("not the PID of the lines before, %d: %s", *pid, *lines);
        *pid = number;
    }
    regfree(&regex);
    assert_int_not_equal(*host, 0);
    assert_int_not_equal(*container, 0);
}

/* The line about the container's clone(2). From stage 6 on, the parent sets
 * limits before that, from stage 7 on a bridge; nothing of the container comes
 * before it. */
static char *clone_line(char *const lines[])
{
    for (int i = 0; lines[i]; i++) {
        if (strncmp(lines[i], "[host ", 6) != 0 || (stage < 6 && i > 1))
            break;
        if (strstr(lines[i], "]   clone(") || strstr(lines[i], "]   clone3("))
            return lines[i];
    }
    fail_msg("clone does not come first, but: %s",
             lines[0] ? lines[0] : "nothing");
    return NULL;
}

void narration_has_one_form_and_clone_comes_first(void **state)
{
    pid_t host, container, child;

    (void)state;
    struct result result = run("true");
    assert_status(result, 0);
    char **lines = lines_of(result.err);
    check_form(lines, &host, &container);
    char *line = clone_line(lines);
    assert_contains(line, format("[host %d]   clone", host));
    assert_int_equal(sscanf(strrchr(line, '=') + 1, "%d", &child), 1);
    assert_int_equal(container, stage < 3 ? child : 1);
}

/* --- holding a container at any of its calls ------------------------------ */

/* A stage whose parent and container are stopped right after clone(2), before
 * the container's first instruction. See ptrace(2). */
struct traced {
    pid_t parent, container;
    int out, err;
};

/* Signals that a process gets for an error of its own. */
static bool is_crash(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGILL ||
           number == SIGFPE || number == SIGABRT;
}

/* Waits for a change of a traced process: its wait status. One that crashes
 * would be stopped there again and again. */
static int wait_for(pid_t pid)
{
    int status;
    pid_t got = waitpid(pid, &status, __WALL);

    if (why_stopped())
        fail_msg("process %d, followed call by call: %s", pid, why_stopped());
    if (got != pid)
        fail_msg("process %d did not go on: %s", pid, strerror(errno));
    if (WIFSTOPPED(status) && is_crash(WSTOPSIG(status)))
        fail_msg("process %d of the stage crashed: %s", pid,
                 strsignal(WSTOPSIG(status)));
    return status;
}

static bool is_event(int status, int event)
{
    return WIFSTOPPED(status) && status >> 8 == (SIGTRAP | event << 8);
}

static _Noreturn void be_traced(char *const args[], int out, int err)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(null, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
        dup2(err, STDERR_FILENO) == -1 ||
        ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
        _exit(99);
    execv(args[0], args);
    _exit(99);
}

/* Lets PARENT go on until it has made a child, which is stopped. Returns 0 for
 * one that is no container: stage 7 executes nft(8). */
static pid_t next_child(pid_t parent)
{
    unsigned long child;
    int status;

    do {
        assert_return_code(ptrace(PTRACE_CONT, parent, 0, 0), errno);
        status = wait_for(parent);
        assert_true(WIFSTOPPED(status));
    } while (!is_event(status, PTRACE_EVENT_FORK) &&
             !is_event(status, PTRACE_EVENT_CLONE));
    assert_return_code(ptrace(PTRACE_GETEVENTMSG, parent, 0, &child), errno);
    assert_true(WIFSTOPPED(wait_for((pid_t)child)));
    if (stage < 3 || strcmp(namespace_of((pid_t)child, "pid"),
                            namespace_of(parent, "pid")) != 0)
        return (pid_t)child;
    ptrace(PTRACE_DETACH, child, 0, 0);
    return 0;
}

static struct traced start_traced(char *const args[])
{
    const long wanted = PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE |
                        PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL |
                        PTRACE_O_TRACESYSGOOD;
    char **command = join(WORDS(stage_program()), args);
    int out[2], err[2];

    assert_return_code(pipe2(out, O_CLOEXEC), errno);
    assert_return_code(pipe2(err, O_CLOEXEC), errno);
    struct traced traced = {.parent = fork(), .out = out[0], .err = err[0]};
    if (traced.parent == 0)
        be_traced(command, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    assert_true(WIFSTOPPED(wait_for(traced.parent)));
    assert_return_code(ptrace(PTRACE_SETOPTIONS, traced.parent, 0, wanted),
                       errno);
    while (!(traced.container = next_child(traced.parent)))
        ;
    return traced;
}

/* Asleep, and not stopped: blocked in a call. */
static bool is_blocked(const void *pid)
{
    char *text = status_of(*(const pid_t *)pid, "State");

    return text && text[0] == 'S';
}

/* All that is in the pipe; whoever could write more has ended. */
static char *rest_of(int fd)
{
    char text[65536];
    ssize_t n = 0, used = 0;

    while ((n = read(fd, text + used, sizeof(text) - 1 - (size_t)used)) > 0)
        used += n;
    text[used] = '\0';
    close(fd);
    return format("%s", text);
}

/* The parent stands still right after clone(2), so the container runs until
 * it has to wait. Had it narrated until then, its lines would come first. */
void clone_comes_first_even_when_the_container_is_faster(void **state)
{
    struct traced traced = start_traced(WORDS("-V", "true"));
    char early[65536] = "";

    (void)state;
    ptrace(PTRACE_DETACH, traced.container, 0, 0);
    wait_until(is_blocked, &traced.container, "the container waits");
    struct pollfd fd = {.fd = traced.err, .events = POLLIN};
    if (poll(&fd, 1, 0) != 0 &&
        (stage < 7 || read(traced.err, early, sizeof(early) - 1) == -1))
        fail_msg("%s", "the container narrates before its parent does");
    assert_lacks(early, "[container ");
    ptrace(PTRACE_DETACH, traced.parent, 0, 0);
    assert_int_equal(wait_for(traced.parent), 0);
    char *text = format("%s%s", early, rest_of(traced.err));
    assert_non_null(clone_line(lines_of(format("%s", text))));
    char *first = strstr(text, "[container ");
    if (!first)
        fail_msg("the container narrates nothing:\n%s", text);
    assert_contains(lines_of(first)[1], "]   prctl(");
    assert_text(rest_of(traced.out), "");
}

/* Lets the container go on, whose parent is dead: it must end before it has
 * become COMMAND. */
static void expect_end(const struct traced *traced, int step)
{
    for (bool ended = false; !ended;) {
        ptrace(PTRACE_CONT, traced->container, 0, 0);
        int status = wait_for(traced->container);
        ended = !WIFSTOPPED(status);
        if (is_event(status, PTRACE_EVENT_EXEC))
            fail_msg("the parent was killed before call %d of the container, "
                     "and COMMAND runs",
                     step);
    }
    assert_text(rest_of(traced->out), "");
    close(traced->err);
}

static bool is_stopped_or_blocked(const void *pid)
{
    char *text = status_of(*(const pid_t *)pid, "State");

    return text && strchr("tSZ", text[0]);
}

/* Lets the container go on until it is about to make its STEPth system call.
 * Returns false if before that it has become COMMAND or, not RELEASED, waits
 * for its parent. */
static bool go_to_call(pid_t container, int step, bool released)
{
    for (int i = 0; i < 2 * step - 1; i++) { /* entry, exit, entry, ... */
        ptrace(PTRACE_SYSCALL, container, 0, 0);
        if (!released) {
            wait_until(is_stopped_or_blocked, &container, "the call is made");
            if (is_blocked(&container))
                return false;
        }
        int status = wait_for(container);
        assert_true(WIFSTOPPED(status));
        if (is_event(status, PTRACE_EVENT_EXEC))
            return false;
    }
    return true;
}

/* Kills the parent when the container is about to make its STEPth system call:
 * a parent that has not come further than clone(2), or one that has RELEASED
 * the container. Returns false if there is no such call. */
static bool kill_parent_at(int step, bool released)
{
    struct traced traced = start_traced(WORDS("-q", "echo", "run"));

    if (released) {
        ptrace(PTRACE_DETACH, traced.parent, 0, 0);
        wait_until(is_blocked, &traced.parent, "the parent waits");
    }
    bool set_up = go_to_call(traced.container, step, released);
    kill(traced.parent, SIGKILL);
    wait_for(traced.parent);
    if (set_up) {
        expect_end(&traced, step);
    } else {
        kill(traced.container, SIGKILL);
        wait_for(traced.container);
        close(traced.out);
        close(traced.err);
    }
    return set_up;
}

/* What the kernel does not remove when the parent is killed, a bridge or a
 * cgroup, the next run does. */
static void mend_host(void)
{
    if (stage >= 6)
        assert_status(run_quiet("true"), 0);
}

/* Killed before the container's first instruction, its first call, its second,
 * ... up to its execve(2). Another container keeps the bridge of stage 7, which
 * would be removed and made again each time. */
void container_never_runs_on_without_its_parent(void **state)
{
    char *before = host_state();
    struct live other = start(READY("read line"));
    int step = 0;

    (void)state;
    while (kill_parent_at(step, false))
        step++;
    assert_true(step > 1); /* prctl, close, read */
    for (step = 0; kill_parent_at(step, true);)
        step++;
    assert_true(step > 4); /* prctl, close, read, close, ..., execve */
    assert_status(finish(&other), 1); /* read met the end of its input */
    mend_host();
    assert_host_unchanged(before);
}

/* --- side by side with strace --------------------------------------------- */

/* What strace may print and the narration does not: calls that it does not
 * tell, and the ones that it tells only if there is something to tell. */
static bool is_narrated(const char *line)
{
    static const char *const calls[] = {
        "clone(",       "prctl(",       "mount(",         "umount2(",
        "pivot_root(",  "open_tree(",   "move_mount(",    "mount_setattr(",
        "close_range(", "sethostname(", "chdir(",         "chroot(",
        "mknod",        "symlink",      "kill(",          "wait4(",
        "execve(",      "clone3(",      "unshare(",       "setsid(",
        "setgroups(",   "keyctl(",      "setdomainname(",
    };
    const char *result = strrchr(line, '='), *path = strchr(line, '<');

    if (strstr(line, "= ? ERESTART")) /* the kernel makes it once more */
        return false;
    if (strncmp(line, "write(", 6) == 0) /* a limit, or a sysctl */
        return path && (strncmp(path, "</sys/fs/cgroup", 15) == 0 ||
                        strncmp(path, "</proc/sys/", 11) == 0);
    /* fork(3) and its end, for nft. */
    if (strncmp(line, "clone(child_stack=NULL", 22) == 0 ||
        (strncmp(line, "wait4(", 6) == 0 && strstr(line, "}], 0, NULL)")))
        return false;

    if (!result || (strncmp(line, "wait4(", 6) == 0 && atoi(result + 1) <= 0) ||
        (strncmp(line, "execve(", 7) == 0 && strstr(result, "ENOENT")))
        return false;
    for (size_t i = 0; i < COUNT(calls); i++)
        if (strncmp(line, calls[i], strlen(calls[i])) == 0)
            return true;
    return false;
}

/* Cuts the paths that strace -y adds to the numbers of descriptors; only with
 * write(2) does the narration have them too. */
static char *without_paths(char *line)
{
    char *to = line;

    for (char *from = line; *from; from++) {
        bool fd = from > line && (isdigit((unsigned char)from[-1]) ||
                                  strncmp(from - 1, "D<", 2) == 0);
        if (*from == '<' && fd && strncmp(line, "write(", 6) != 0 &&
            strncmp(line, "execve(", 7) != 0 && strchr(from, '>'))
            from = strchr(from, '>');
        else
            *to++ = *from;
    }
    *to = '\0';
    return line;
}

/* Cuts what the two cannot have in common: the stack that is given to clone(2)
 * the C library moves by a few words; the address of the environment, and the
 * result of an execve(2) that has not been made yet. */
static char *normal(const char *line)
{
    char *copy = without_paths(format("%s", line)), *at;

    if (strncmp(copy, "clone(child_stack=0x", 20) == 0 &&
        (at = strchr(copy, ',')))
        return format("clone(child_stack=STACK%s", at);
    if (strncmp(copy, "execve(", 7) == 0 && (at = strstr(copy, "], 0x"))) {
        char *comment = strstr(at, "/*"), *end = strrchr(copy, ')');
        assert_non_null(comment);
        assert_non_null(end);
        at[3] = end[1] = '\0';
        return format("%s%s", copy, comment);
    }
    /* What strace 6.1 says about the propagation that is not to be changed. */
    if ((at = strstr(copy, " /* MS_??? */")))
        memmove(at, at + 13, strlen(at + 13) + 1);
    return copy;
}

/* The lines of one process in strace's file, in the form of the narration.
 * OF_COMMAND: the lines of the container end where COMMAND begins. */
static char *strace_lines(pid_t pid, bool container)
{
    char **lines = lines_of(contents(format("%s/trace.%d", scratch(), pid)));
    char *text = format("%s", "");

    if (!container)
        lines++; /* strace's own execve(2) of the stage */
    for (bool command = false; *lines && !command; lines++) {
        const char *result = strrchr(*lines, '=');
        command = container && strncmp(*lines, "execve(", 7) == 0 && result &&
                  strcmp(result, "= 0") == 0;
        if (is_narrated(*lines))
            text = format("%s%s\n", text, normal(*lines));
    }
    return text;
}

/* The calls of WHO, less "[WHO PID] " and less the comments. */
static char *narrated_lines(char *const lines[], const char *who)
{
    char *text = format("%s", ""), *start = format("[%s ", who);

    for (; *lines; lines++) {
        const char *line = strchr(*lines, ']') + 2;
        if (strncmp(*lines, start, strlen(start)) == 0 &&
            strncmp(line, "  ", 2) == 0 && strncmp(line, "  /*", 4) != 0)
            text = format("%s%s\n", text, normal(line + 2));
    }
    return text;
}

/* Runs the stage in strace, one file a process; returns the host PIDs. */
static struct result run_strace(char *const args[], pid_t *host, pid_t *child)
{
    char *const strace[] = {
        "strace",        "-ff", "-y",
        "-a1",           "-o",  format("%s/trace", scratch()),
        stage_program(), "-V",  NULL};
    struct result result = run_program(NULL, join(strace, args));
    pid_t inside;

    assert_lacks(result.err, "harness: strace"); /* make setup test */
    char **lines = lines_of(format("%s", result.err));
    check_form(lines, host, &inside);
    char *line = clone_line(lines);
    assert_int_equal(sscanf(strrchr(line, '=') + 1, "%d", child), 1);
    return result;
}

/* Shows the first line that differs: all of them are too many to read. */
static void assert_same_lines(char *narrated, char *traced)
{
    char **ours = lines_of(narrated), **theirs = lines_of(traced);

    for (; *ours || *theirs; ours++, theirs++)
        if (!*ours || !*theirs || strcmp(*ours, *theirs) != 0)
            fail_msg("narrated:\n%s\nstrace:\n%s", *ours ? *ours : "nothing",
                     *theirs ? *theirs : "nothing");
}

static void compare_with_strace(char *const args[])
{
    pid_t host, container;
    struct result result = run_strace(args, &host, &container);

    assert_status(result, 7);
    char **lines = lines_of(format("%s", result.err));
    assert_same_lines(narrated_lines(lines, "container"),
                      strace_lines(container, true));
    assert_same_lines(narrated_lines(lines, "host"), strace_lines(host, false));
}

/* Neither line is missing, neither is one too many, and they are the same. */
void narration_is_what_strace_prints(void **state)
{
    char *volume = format("%s:/mnt:ro", scratch());

    (void)state;
    compare_with_strace(WORDS("sh", "-c", "exit 7"));
    if (stage >= 4)
        compare_with_strace(WORDS("--hostname", "web", "sh", "-c", "exit 7"));
    if (stage < 5)
        return;
    compare_with_strace(
        WORDS("-v", volume, "-w", "/mnt", "--read-only", "sh", "-c", "exit 7"));
    compare_with_strace(WORDS("--chroot", "sh", "-c", "exit 7"));
    if (stage >= 6)
        compare_with_strace(WORDS("--memory", "64M", "--pids-limit", "20",
                                  "--cpus", "0.5", "sh", "-c", "exit 7"));
    if (stage >= 7)
        compare_with_strace(WORDS("--network", "none", "sh", "-c", "exit 7"));
}

void narration_of_strings_is_what_strace_prints(void **state)
{
    char *many[40];

    (void)state;
    compare_with_strace(WORDS("sh", "-c", "exit 7",
                              "thirty-two characters, "
                              "not one more",
                              "thirty-two characters, not one less"));
    compare_with_strace(WORDS("sh", "-c", "exit 7", "a\tb\nc\"d\\e'f", ""));
    compare_with_strace(WORDS("sh", "-c", "exit 7", "gr\303\274n", "\033[1m"));
    compare_with_strace(
        WORDS("sh", "-c", "exit 7", "\r\f\v\a\b", "\0011\3772"));
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = i + 1 < COUNT(many) ? "x" : NULL;
    compare_with_strace(join(WORDS("sh", "-c", "exit 7"), many));
}

struct result run_failing(const char *inject, bool everywhere,
                          char *const words[])
{
    char **strace = join(WORDS("strace", "-o", "/dev/null", "-e",
                               format("inject=%s", inject),
                               everywhere ? "-f" : "-q", stage_program()),
                         words);

    return run_program(NULL, strace);
}

/* The stage's own functions are narrated in full, those of earlier stages in
 * one line that names them, at most 100 columns wide. */
void functions_of_earlier_stages_fold_into_one_line(void **state)
{
    (void)state;
    char *all = run("-V", "true").err, *brief = run("true").err;
    assert_contains(all, "] die_with_parent\n");
    assert_contains(all, "]   prctl(PR_SET_PDEATHSIG");
    assert_lacks(all, " calls)");
    if (stage == 1) /* has no earlier one */
        return;
    assert_lacks(brief, "] die_with_parent\n");
    assert_lacks(brief, "prctl(");
    char *line = strstr(brief, stage == 2 ? "] stage 1: die_with_parent"
                                          : "] stages 1 ");
    assert_non_null(line);
    for (char **lines = lines_of(line); *lines; lines++)
        if (!strpbrk(*lines, "=\"*")) /* not a call */
            assert_true(strlen(*lines) <= 100);
}

/* What folds is shown when it fails. */
void a_failing_call_of_an_earlier_stage_is_shown(void **state)
{
    struct result result =
        run_failing("prctl:error=EIO:when=1", true, WORDS("echo", "run"));

    (void)state;
    assert_status(result, 125);
    assert_contains(result.err, "] die_with_parent\n");
    assert_contains(result.err,
                    "]   prctl(PR_SET_PDEATHSIG, SIGKILL) = -1 EIO");
}

void a_failing_call_is_narrated_with_its_error(void **state)
{
    struct result result = run_failing(stage < 2 ? "clone:error=EIO:when=1"
                                                 : "mount:error=EIO:when=1",
                                       true, WORDS("echo", "run"));

    (void)state;
    assert_status(result, 125);
    assert_contains(result.err, ") = -1 EIO ("); /* musl: I/O error */
}

enum { MOST_WRITES = 60 }; /* of a parent, up to its release of the container */

/* Fails one write(2) of the parent after the other, up to the one that releases
 * the container: the parent then ends a container that is there already. Which
 * one that is can differ from run to run, so begin again after the last. */
void a_parent_that_fails_narrates_to_its_end(void **state)
{
    struct result result = {0};
    int tries = 0;

    (void)state;
    do {
        result = run_failing(
            format("write:error=EIO:when=%d", tries++ % MOST_WRITES + 1), false,
            WORDS("echo", "run"));
        if (result.status != 0)
            assert_status(result, 125);
        assert_true(tries < 3 * MOST_WRITES);
    } while (!strstr(result.err, "write to the container's socket"));
    assert_contains(result.err, "]   kill(");
    assert_contains(result.err, "]   wait4(");
    assert_text(result.out, "");
}

/* --- nothing stays -------------------------------------------------------- */

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

/* How often one process makes a call, by strace's file; the container's calls
 * until it is COMMAND, its parent's until it has made it. */
static int count_calls(const char *call, pid_t pid, bool container)
{
    char **lines = lines_of(contents(format("%s/trace.%d", scratch(), pid)));
    int count = 0;

    for (; *lines; lines++) {
        if (container && strncmp(*lines, "execve(", 7) == 0)
            break;
        count += strncmp(*lines, call, strlen(call)) == 0 &&
                 (*lines)[strlen(call)] == '(' &&
                 strncmp(*lines, "write(2<", 8) != 0; /* the narration */
        if (!container && (strncmp(*lines, "clone(child_stack=0x", 20) == 0 ||
                           strncmp(*lines, "clone3(", 7) == 0))
            break;
    }
    return count;
}

/* strace makes the Nth CALL fail in each process. */
static void fail_call(const char *call, int n, char *const words[])
{
    struct result result =
        run_failing(format("%s:error=EIO:when=%d", call, n), true,
                    join(WORDS("-q"), join(words, WORDS("echo", "run"))));

    if (result.status != 125 || *result.out ||
        !(strstr(result.err, ": Input/output error") ||
          strstr(result.err, ": I/O error"))) /* glibc's words, musl's */
        fail_msg("%s number %d failed: status %d, stdout '%s', stderr: %s",
                 call, n, result.status, result.out, result.err);
}

int fail_each_call(const char *const calls[], char *const words[])
{
    pid_t host, container;
    int failures = 0;

    assert_status(run_strace(join(words, WORDS("true")), &host, &container), 0);
    char *before = host_state();
    for (; *calls; calls++) {
        int in_host = count_calls(*calls, host, false);
        /* Most of the directories that the container makes exist already. */
        int inside = strcmp(*calls, "mkdir") == 0
                         ? 0
                         : count_calls(*calls, container, true);
        /* strace counts for each process: one run fails in the first. */
        for (int n = 1; n <= (in_host > inside ? in_host : inside); n++) {
            fail_call(*calls, n, words);
            failures++;
        }
    }
    assert_host_unchanged(before);
    return failures;
}

void nothing_is_left_after_a_failure_of_any_call(void **state)
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
    end_by(SIGINT, stage < 3 ? 128 + SIGINT : 128 + SIGKILL);
}

void nothing_is_left_after_sigterm(void **state)
{
    (void)state;
    end_by(SIGTERM, stage < 3 ? 128 + SIGTERM : 128 + SIGKILL);
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
