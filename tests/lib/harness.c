/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "harness.h"

#include "apart.h"
#include "cgroups.h"
#include "network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_LIVE = 64, MOST_FILES = 1 << 16, MOST_OUTPUT = 1 << 20 };

/* After so many tests that ran out of time, the others get less of it. */
enum { MOST_HANGS = 2, SHORTER = 5 };

/* After that, a process that lost its parent will not be killed for it. */
enum { ABANDONED_MS = 1000 };

int stage;
int patience = 30;
int test_limit;
char shared_mark;

static char build_directory[PATH_MAX];
static char own_name[64];
static struct live alive[MOST_LIVE]; /* started by the current test */
static size_t alive_count;
static int mountinfo = -1; /* ours, even when /proc has been mounted over */
static char *own_mounts;   /* and what it said at the start */

/* --- small things --------------------------------------------------------- */

char *format(const char *text, ...)
{
    char *result;
    va_list args;

    va_start(args, text);
    assert_int_not_equal(vasprintf(&result, text, args), -1);
    va_end(args);
    return result;
}

char *built(const char *name)
{
    return format("%s/%s", build_directory, name);
}

char *scratch(void)
{
    static char path[64];

    snprintf(path, sizeof(path), "/var/tmp/%s", run_name());
    return path;
}

/* Reads FD to its end: a file, or a pipe from which no more is expected. */
static char *drain(int fd)
{
    size_t size = 1 << 16, used = 0;
    char *text = malloc(size);
    ssize_t n;

    assert_non_null(text);
    while ((n = read(fd, text + used, size - used - 1)) > 0) {
        used += (size_t)n;
        if (size - used < 2) {
            text = realloc(text, size *= 2);
            assert_non_null(text);
        }
    }
    text[used] = '\0';
    return realloc(text, used + 1);
}

/* NULL if the file cannot be read: a process may end while we look. */
static char *try_contents(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd == -1)
        return NULL;
    char *text = drain(fd);
    close(fd);
    return text;
}

char *contents(const char *path)
{
    char *text = try_contents(path);

    if (!text)
        fail_msg("%s: %s", path, strerror(errno));
    return text;
}

void create(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd == -1)
        fail_msg("%s: %s", path, strerror(errno));
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_return_code(fchmod(fd, mode), errno);
    close(fd);
}

/* --- running -------------------------------------------------------------- */

static int shell_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The end of a wait. The test's own limit comes first, except in one that may
 * last longer than others. */
static long long wait_deadline(void)
{
    return now_ms() + patience * 1000LL + 1000;
}

struct pipes {
    int in[2], out[2], err[2];
};

static void open_pipes(struct pipes *pipes)
{
    assert_return_code(pipe2(pipes->in, O_CLOEXEC), errno);
    assert_return_code(pipe2(pipes->out, O_CLOEXEC), errno);
    assert_return_code(pipe2(pipes->err, O_CLOEXEC), errno);
}

/* In the child: ends in execve(2) or in status 99. */
static _Noreturn void become(const struct pipes *pipes, bool input,
                             char *const args[], void (*prepare)(void *),
                             void *argument)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(input ? pipes->in[0] : null, STDIN_FILENO) == -1 ||
        dup2(pipes->out[1], STDOUT_FILENO) == -1 ||
        dup2(pipes->err[1], STDERR_FILENO) == -1)
        _exit(99);
    signal(SIGPIPE, SIG_DFL);
    if (prepare)
        prepare(argument);
    execvp(args[0], args);
    dprintf(STDERR_FILENO, "harness: %s: %s\n", args[0], strerror(errno));
    _exit(99);
}

/* Appends what can be read now. Returns false at the end of file. */
static bool append(int fd, char **text, size_t *used)
{
    *text = realloc(*text, *used + (1 << 16) + 1);
    assert_non_null(*text);
    ssize_t n = read(fd, *text + *used, 1 << 16);
    if (n > 0)
        *used += (size_t)n;
    (*text)[*used] = '\0';
    return n > 0;
}

/* Writes what the pipe takes; closes it after the last byte. */
static void feed(struct pollfd *fd, const char **input, size_t *left)
{
    ssize_t n = write(fd->fd, *input, *left > 4096 ? 4096 : *left);

    *left -= n > 0 ? (size_t)n : *left;
    *input += n > 0 ? n : 0;
    if (*left == 0) {
        close(fd->fd);
        fd->fd = -1;
    }
}

/* Fails the test if PID, of a program NAME, must not go on. */
static void bound(pid_t pid, const char *name, long long deadline,
                  const struct result *result)
{
    const char *why = why_stopped();

    if (!why && now_ms() > deadline)
        why = format("not ended after %d s", patience);
    if (!why && (strlen(result->out) > MOST_OUTPUT ||
                 strlen(result->err) > MOST_OUTPUT))
        why = "prints more than a megabyte, so it was killed";
    if (!why)
        return;
    kill(pid, SIGKILL);
    fail_msg("%s: %s\nstdout: %.2000s\nstderr: %.2000s", name, why, result->out,
             result->err);
}

/* What poll(2) waits for while a program runs. */
enum { OUT, ERR, IN, END, EVENTS };

/* Reads what is there; a pipe at its end is not asked any more. */
static void read_output(struct pollfd fds[], struct result *result,
                        size_t used[])
{
    char **texts[] = {&result->out, &result->err};

    for (int i = OUT; i <= ERR; i++)
        if (fds[i].revents && !append(fds[i].fd, texts[i], &used[i]))
            fds[i].fd = -1;
}

/* Feeds INPUT, collects output, ends when PID has ended. An orphan of the
 * container may keep the pipes open: its output is not waited for. */
static struct result collect(pid_t pid, struct pipes *pipes, const char *input,
                             const char *name)
{
    struct result result = {.out = calloc(1, 1), .err = calloc(1, 1)};
    size_t used[2] = {0, 0}, left = input ? strlen(input) : 0;
    long long deadline = wait_deadline();
    int ready, status = 0, end = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd fds[EVENTS] = {
        [OUT] = {.fd = pipes->out[0], .events = POLLIN},
        [ERR] = {.fd = pipes->err[0], .events = POLLIN},
        [IN] = {.fd = left ? pipes->in[1] : -1, .events = POLLOUT},
        [END] = {.fd = end, .events = POLLIN}};
    bool ended = false;

    if (!left)
        close(pipes->in[1]);
    do {
        if (!ended && waitpid(pid, &status, WNOHANG) == pid) {
            ended = true;
            fds[END].fd = -1;
        }
        ready = poll(fds, EVENTS, ended ? 0 : 100);
        if (ready > 0)
            read_output(fds, &result, used);
        if (ready > 0 && fds[IN].revents)
            feed(&fds[IN], &input, &left);
        bound(pid, name, deadline, &result);
    } while (!ended ||
             (ready != 0 && (fds[OUT].fd != -1 || fds[ERR].fd != -1)));
    if (fds[IN].fd != -1)
        close(pipes->in[1]);
    close(pipes->out[0]);
    close(pipes->err[0]);
    close(end);
    result.status = shell_status(status);
    return result;
}

struct result run_prepared(const char *input, char *const args[],
                           void (*prepare)(void *), void *argument)
{
    struct pipes pipes;

    open_pipes(&pipes);
    pid_t pid = fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0)
        become(&pipes, input != NULL, args, prepare, argument);
    close(pipes.in[0]);
    close(pipes.out[1]);
    close(pipes.err[1]);
    return collect(pid, &pipes, input, args[0]);
}

struct result run_program(const char *input, char *const args[])
{
    return run_prepared(input, args, NULL, NULL);
}

/* The program of the stage under test, then ARGS. */
static char **stage_command(bool quiet, char *const args[])
{
    size_t count = 0, used = 0;

    while (args[count])
        count++;
    char **command = calloc(count + 3, sizeof(*command));
    assert_non_null(command);
    command[used++] = built(format("stage%02d", stage));
    if (quiet)
        command[used++] = "--quiet";
    memcpy(command + used, args, count * sizeof(*args));
    return command;
}

struct result run_with(const char *input, char *const args[])
{
    return run_program(input, stage_command(false, args));
}

/* --- running containers --------------------------------------------------- */

/* Reads a line without its newline, one byte at a time: what follows it stays
 * in the pipe. Returns false at the end of file and after the time limit. */
static bool read_line(int fd, char *line, size_t size)
{
    long long deadline = wait_deadline();
    size_t used = 0;

    for (line[0] = '\0'; used < size - 1; line[++used] = '\0') {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        long long left = deadline - now_ms();
        if (left < 0 || poll(&poll_fd, 1, (int)left) <= 0 ||
            read(fd, line + used, 1) != 1)
            return false;
        if (line[used] == '\n')
            break;
    }
    line[used] = '\0';
    return true;
}

/* What can be read from a pipe at once, or the beginning of it. */
static char *what_is_in(int fd)
{
    char text[2048];

    fcntl(fd, F_SETFL, O_NONBLOCK);
    ssize_t n = read(fd, text, sizeof(text));
    return format("%.*s", n > 0 ? (int)n : 0, text);
}

char *next_line(const struct live *live)
{
    char line[4096];

    if (!read_line(live->out, line, sizeof(line)))
        fail_msg("no further line of COMMAND, only '%s': %s", line,
                 why_stopped() ? why_stopped() : "it has ended, or waits");
    return format("%s", line);
}

/* What became of a program that was expected to go on, in words. */
static const char *how_it_is(pid_t pid)
{
    siginfo_t info = {0};

    if (why_stopped())
        return why_stopped();
    for (int ms = 0; ms < ABANDONED_MS && info.si_pid == 0; ms += 5) {
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
        if (info.si_pid == 0)
            poll(NULL, 0, 5);
    }
    if (info.si_pid == 0)
        return "although the stage goes on";
    if (info.si_code == CLD_EXITED)
        return format("the stage ended with status %d", info.si_status);
    return format("the stage was killed by signal %d (%s)", info.si_status,
                  strsignal(info.si_status));
}

struct live start_with(char *const args[])
{
    char **command = stage_command(true, args);
    struct pipes pipes;
    struct live live;
    char line[64] = "";

    open_pipes(&pipes);
    live.parent = fork();
    assert_int_not_equal(live.parent, -1);
    if (live.parent == 0)
        become(&pipes, true, command, NULL, NULL);
    close(pipes.in[0]);
    close(pipes.out[1]);
    close(pipes.err[1]);
    live.in = pipes.in[1];
    live.out = pipes.out[0];
    live.err = pipes.err[0];
    live.container = 0;
    assert_true(alive_count < MOST_LIVE);
    alive[alive_count++] = live;

    if (!read_line(live.out, line, sizeof(line)))
        fail_msg("%s: COMMAND does not get ready, %s\nstderr: %s", command[0],
                 how_it_is(live.parent), what_is_in(live.err));
    if (strncmp(line, "ready", 5) != 0)
        fail_msg("%s: printed '%s', not 'ready'", command[0], line);
    pid_t *children = children_of(live.parent);
    if (!children[0] || children[1])
        fail_msg("%s: has %s child, while COMMAND runs", command[0],
                 children[0] ? "more than one" : "no");
    live.container = children[0];
    alive[alive_count - 1] = live;
    return live;
}

struct result finish(struct live *live)
{
    struct pipes pipes = {{-1, live->in}, {live->out, -1}, {live->err, -1}};
    struct result result =
        collect(live->parent, &pipes, NULL, "a started container");

    for (size_t i = 0; i < alive_count; i++)
        if (alive[i].parent == live->parent)
            alive[i] = alive[--alive_count];
    return result;
}

static char *mounts_now(void)
{
    lseek(mountinfo, 0, SEEK_SET);
    return drain(mountinfo);
}

/* A mount that was not there at the start, by its ID, which a line begins
 * with; NULL if there is none. See proc(5). */
static char *foreign_mount(void)
{
    char *now = mounts_now(), *found = NULL, point[PATH_MAX];
    char *known = format("\n%s", own_mounts);

    for (char *line = strtok(now, "\n"); line && !found;
         line = strtok(NULL, "\n"))
        if (!strstr(known, format("\n%.*s ", (int)strcspn(line, " "), line)) &&
            sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1)
            found = format("%s", point);
    free(now);
    free(known);
    return found;
}

/* A stage that mounts where it should not, or that makes our mounts private,
 * fails its test; the tests after that begin as if nothing had happened. */
static void undo_mounts(void)
{
    char *point;

    for (int tries = 0; tries < 100 && (point = foreign_mount()); tries++)
        umount2(point, MNT_DETACH);
    if (strcmp(mounts_now(), own_mounts) == 0)
        return;
    mount("none", "/", NULL, MS_REC | MS_SHARED, NULL);
    own_mounts = mounts_now();
}

/* Ends a container that the test left. Its parent is given the time to remove
 * what outlives it: on version 2, the controllers that it enabled. */
static void end_live(const struct live *live)
{
    long long deadline = now_ms() + 5000;

    if (live->container) {
        kill(live->container, SIGKILL);
        while (exists(live->parent) && now_ms() < deadline)
            poll(NULL, 0, 5);
    }
    kill(live->parent, SIGKILL);
    waitpid(live->parent, NULL, 0);
    close(live->in);
    close(live->out);
    close(live->err);
}

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
static int hangs;                      /* and how many ran out of time */

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

    if (why_stopped() && ++hangs == MOST_HANGS)
        print_message("%d tests did not end: each of the others has less "
                      "time, %d s\n",
                      hangs, patience < SHORTER ? 1 : patience / SHORTER);
    undo_mounts();
    while (alive_count > 0)
        end_live(&alive[--alive_count]);
    end_processes();
    clear_test_cgroups();
    if (stage >= 7 && !enter_test_network())
        bad = -1;
    end_watch();
    return bad;
}

/* --- looking from outside ------------------------------------------------- */

char *status_of(pid_t pid, const char *name)
{
    char *path = format("/proc/%d/status", pid), *text = try_contents(path);
    char *value = NULL;
    size_t length = strlen(name);

    for (char *line = text; line && *line && !value;) {
        char *next = line + strcspn(line, "\n");
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " \t");
            value = format("%.*s", (int)(next - line), line);
        }
        line = next + (*next == '\n');
    }
    free(path); /* called often, while waiting: keep no more than the value */
    free(text);
    return value;
}

bool exists(pid_t pid)
{
    char *state = status_of(pid, "State");

    return state && state[0] != 'Z' && state[0] != 'X';
}

/* Whether its parent is gone, the kernel sent it no signal for that, and it
 * sleeps. One that is about to end has no memory any more: no line VmSize. */
static bool is_abandoned(pid_t pid)
{
    char *parent = status_of(pid, "PPid"), *text = status_of(pid, "State");
    char *own = status_of(pid, "SigPnd"), *all = status_of(pid, "ShdPnd");

    return parent && text && own && all && atoi(parent) == getpid() &&
           text[0] == 'S' && strtoull(own, NULL, 16) == 0 &&
           strtoull(all, NULL, 16) == 0 && status_of(pid, "VmSize");
}

void wait_until_gone(pid_t pid)
{
    long long deadline = wait_deadline();
    int abandoned = 0;

    while (exists(pid)) {
        if (now_ms() > deadline)
            fail_msg("process %d is still there", pid);
        if (is_abandoned(pid) && ++abandoned > ABANDONED_MS / 5)
            fail_msg("process %d lives on without its parent: it sleeps, and "
                     "no signal is on its way",
                     pid);
        poll(NULL, 0, 5);
    }
    if (why_stopped())
        fail_msg("process %d did not end by itself: %s", pid, why_stopped());
}

/* Calls WANTED for each process of /proc; returns those for which it is true.
 */
static pid_t *select_processes(bool (*wanted)(pid_t, const void *),
                               const void *argument)
{
    DIR *proc = opendir("/proc");
    size_t count = 0;
    pid_t *found = calloc(1, sizeof(*found));
    struct dirent *entry;

    assert_non_null(proc);
    while ((entry = readdir(proc))) {
        pid_t pid = atoi(entry->d_name);
        if (pid <= 0 || !wanted(pid, argument))
            continue;
        found = realloc(found, (count + 2) * sizeof(*found));
        assert_non_null(found);
        found[count++] = pid;
        found[count] = 0;
    }
    closedir(proc);
    return found;
}

static bool is_child_of(pid_t pid, const void *parent)
{
    char *text = status_of(pid, "PPid");

    return text && atoi(text) == *(const pid_t *)parent;
}

pid_t *children_of(pid_t pid)
{
    return select_processes(is_child_of, &pid);
}

static bool has_word(pid_t pid, const void *text)
{
    char *path = format("/proc/%d/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char words[8192];
    ssize_t n = fd == -1 ? -1 : read(fd, words, sizeof(words));

    if (fd != -1)
        close(fd);
    return n > 0 && pid != getpid() &&
           memmem(words, (size_t)n, text, strlen(text)) && exists(pid);
}

pid_t *processes_with(const char *text)
{
    return select_processes(has_word, text);
}

char *namespace_of(pid_t pid, const char *name)
{
    char *path = format("/proc/%d/ns/%s", pid, name);
    char link[64];
    ssize_t length = readlink(path, link, sizeof(link) - 1);

    if (length == -1)
        fail_msg("%s: %s", path, strerror(errno));
    link[length] = '\0';
    return format("%s", link);
}

char *mounts_of(pid_t pid)
{
    return contents(format("/proc/%d/mountinfo", pid));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

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
    tree[tree_count++] =
        format("%s %o %u %u %lld %.*s\n", path, st->st_mode, st->st_uid,
               st->st_gid, (long long)st->st_size, (int)length, target);
    return 0;
}

/* The paths of all files below a directory, on its own file system, sorted,
 * each with mode, owner and size. */
static char *tree_of(const char *path)
{
    size_t size = 1;

    tree_count = 0;
    nftw(path, add_file, 16, FTW_PHYS | FTW_MOUNT);
    qsort(tree, tree_count, sizeof(*tree), compare_names);
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
        state = format("%s== %s\n%s", state, files[i], text ? text : "-\n");
    }
    const char *trees[] = {built("private/rootfs"), scratch(), "/dev/shm",
                           "/dev/mqueue", "/run"};
    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
        state = format("%s== %s\n%s", state, trees[i], tree_of(trees[i]));
    if (stage >= 6)
        state = format("%s== cgroups\n%s", state, cgroups_state());
    if (stage >= 7)
        state = format("%s== network\n%s", state, network_state());
    state = format("%s== children\n", state);
    for (pid_t *child = children_of(getpid()); *child; child++)
        if (exists(*child))
            state = format("%s%d %s", state, *child,
                           contents(format("/proc/%d/comm", *child)));
    return state;
}

/* --- assertions ----------------------------------------------------------- */

/* Says which line is the first to differ: the whole is often long. */
static void assert_same(const char *now, const char *before, const char *what)
{
    const char *a = now, *b = before, *heading = "";

    while (*a && *b) {
        int a_length = (int)strcspn(a, "\n"), b_length = (int)strcspn(b, "\n");
        if (strncmp(b, "==", 2) == 0)
            heading = b;
        if (a_length != b_length || strncmp(a, b, (size_t)a_length) != 0)
            break;
        a += a_length + (a[a_length] == '\n');
        b += b_length + (b[b_length] == '\n');
    }
    if (*a || *b)
        fail_msg("%s, in '%.*s'\n  is:  %.*s\n  was: %.*s", what,
                 (int)strcspn(heading, "\n"), heading, (int)strcspn(a, "\n"), a,
                 (int)strcspn(b, "\n"), b);
}

void assert_host_unchanged(const char *before)
{
    assert_same(host_state(), before, "the host is not as it was");
}

void assert_contains(const char *text, const char *part)
{
    if (!text)
        fail_msg("'%s' is in nothing: there is no text", part);
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

void assert_lacks(const char *text, const char *part)
{
    if (text && strstr(text, part))
        fail_msg("'%s' is in:\n%s", part, text);
}

void assert_text(const char *text, const char *expected)
{
    size_t same = 0; /* characters, to the beginning of a line */

    if (!text || !expected)
        fail_msg("there is no text; expected:\n%s",
                 expected ? expected : "another one");
    if (strcmp(text, expected) == 0)
        return;
    for (size_t i = 0; text[i] && text[i] == expected[i]; i++)
        if (text[i] == '\n')
            same = i + 1;
    /* The ends first that differ: cmocka cuts what is long. */
    fail_msg("after %zu equal characters, expected:\n%.400s\ngot:\n%s", same,
             expected + same, text + same);
}

void assert_status(struct result result, int status)
{
    if (result.status != status)
        fail_msg("status %d, expected %d\nstdout: %s\nstderr: %s",
                 result.status, status, result.out, result.err);
}

void assert_message(struct result result, const char *message, const char *hint)
{
    char *start = format("stage%02d: ", stage);
    char *line = NULL;

    for (char *at = result.err; (at = strstr(at, start)); at++)
        if (at == result.err || at[-1] == '\n')
            line = at;
    if (!line)
        fail_msg("no message of %s in: %s", start, result.err);
    char *rest = strchr(line, '\n');
    assert_non_null(rest);
    assert_contains(format("%.*s", (int)(rest - line), line), message);
    if (hint) {
        assert_int_equal(strncmp(rest, "\n  hint: ", 9), 0);
        assert_contains(rest + 1, hint);
    } else {
        assert_text(rest, "\n");
    }
}

/* --- the test program ----------------------------------------------------- */

static int set_up_host(void **state)
{
    (void)state;
    if (stage >= 7 && !enter_test_network()) {
        print_error("harness: a network namespace: %s\n", strerror(errno));
        return -1;
    }
    mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    own_mounts = mounts_now();
    return 0;
}

/* The shared tests are run with their own stage alone, see test_main(). */
static bool is_wanted(const struct CMUnitTest *test, int own_stage,
                      const char *only)
{
    if (stage != own_stage && test->initial_state == &shared_mark)
        return false;
    return !only || strcmp(test->name, only) == 0;
}

/* Leaves of the COUNT tests those of SHARE, as "2/3". Returns how many. */
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

static void find_build_directory(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    path[length == -1 ? 0 : length] = '\0';
    /* build/tests/test_stage03 lies two below build. */
    snprintf(build_directory, sizeof(build_directory), "%s",
             dirname(dirname(path)));
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
        if (is_wanted(&tests[i], own_stage, argc > 2 ? argv[2] : NULL))
            chosen[used++] = tests[i];
    used = take_share(chosen, used, getenv("SHARE"));
    unsetenv("SHARE"); /* it is ours, not that of a program we start */
    if (geteuid() != 0) {
        print_error("The tests need root: sudo make test%d\n", stage);
        return 1;
    }
    find_build_directory();
    leave_the_host(build_directory);
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
