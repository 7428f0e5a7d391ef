/* SPDX-License-Identifier: MIT
 *
 * Looks at a stage's program from outside: `build/tests/facts 3` runs
 * build/stage03 a few times and prints lines "fact KEY=VALUE". The hints of
 * labs/labs.txt are keyed to these facts.
 *
 * It judges nothing and asserts nothing, so it also describes a program that
 * hangs, crashes, prints rubbish, or mounts over the host's /proc. It omits
 * what it cannot find out.
 */
#define _GNU_SOURCE
#include "../common/names.h"
#include "../tests/lib/apart.h"
#include "../tests/lib/cgroups.h"
#include "../tests/lib/harness.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LIMIT_MS = 10000,    /* for a run to get ready, and to end */
    SHORTER_MS = 5000,   /* the same, after a run that hung */
    MOST_TEXT = 1 << 18, /* that a run may print */
    MOST_FILE = 1 << 17, /* that is read of a file */
    STATUS = 7           /* of COMMAND */
};

static int proc = -1;  /* the host's, even if another one is mounted over it */
static char token[32]; /* a word of COMMAND, to find its process by */
static char *host_mounts;
static int limit_ms = LIMIT_MS;

static void fact(const char *key, const char *value)
{
    printf("fact %s=%s\n", key, value);
}

static void fact_if(const char *key, bool condition, const char *yes,
                    const char *no)
{
    fact(key, condition ? yes : no);
}

/* --- files of a process --------------------------------------------------- */

/* The text of a file below DIRECTORY, its NUL bytes as newlines; NULL if there
 * is none. */
static char *text_at(int directory, const char *path)
{
    static char text[MOST_FILE];
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t used = 0;
    ssize_t n;

    if (fd == -1)
        return NULL;
    while (used < sizeof(text) - 1 &&
           (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
        used += (size_t)n;
    close(fd);
    for (size_t i = 0; i < used; i++)
        if (text[i] == '\0')
            text[i] = '\n';
    text[used] = '\0';
    return format("%s", text);
}

/* The text of /proc/PID/NAME; "" if there is none. */
static char *file_of(pid_t pid, const char *name)
{
    char *text = text_at(proc, format("%d/%s", pid, name));

    return text ? text : format("%s", "");
}

static char *link_of(pid_t pid, const char *name)
{
    char target[256] = "";
    ssize_t n = readlinkat(proc, format("%d/%s", pid, name), target,
                           sizeof(target) - 1);

    return format("%.*s", n > 0 ? (int)n : 0, target);
}

/* The line NAME of /proc/PID/status, "" if there is none. */
static char *line_of(pid_t pid, const char *name)
{
    char *at = strstr(file_of(pid, "status"), format("\n%s:", name));

    if (!at)
        return format("%s", "");
    at += strlen(name) + 2;
    at += strspn(at, "\t ");
    return format("%.*s", (int)strcspn(at, "\n"), at);
}

static bool is_alive(pid_t pid)
{
    char *state = line_of(pid, "State");

    return *state && *state != 'Z' && *state != 'X';
}

/* stat(2) of PATH as the process PID sees it. */
static bool stat_inside(pid_t pid, const char *path, struct stat *st)
{
    return fstatat(proc, format("%d/root%s", pid, path), st, 0) == 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Runs SCRIPT in namespace NAME of process PID; returns what it prints. */
static char *told_in(pid_t pid, const char *name, const char *script)
{
    int fds[2],
        ns = openat(proc, format("%d/ns/%s", pid, name), O_RDONLY | O_CLOEXEC);
    char *text = NULL;

    if (ns == -1 || pipe2(fds, O_CLOEXEC) == -1)
        return format("%s", "");
    pid_t child = fork();
    if (child == 0) {
        if (setns(ns, 0) == -1 || dup2(fds[1], STDOUT_FILENO) == -1)
            _exit(1);
        execlp("sh", "sh", "-c", script, NULL);
        _exit(1);
    }
    close(fds[1]);
    close(ns);
    text = drain(fds[0]);
    close(fds[0]);
    waitpid(child, NULL, 0);
    return text;
}

/* --- a run of the stage --------------------------------------------------- */

struct look {
    pid_t parent;  /* -1: it could not be started */
    pid_t command; /* the process that is COMMAND now; 0: none is */
    int in, status;
    bool ended, full;
    bool may_end; /* false: COMMAND never got ready: do not wait */
    int fds[2];   /* its standard output and standard error */
    char *text[2];
    size_t used[2];
};

/* For the child of run_prepared(). */
struct start {
    int in, out, err, report;
    void (*prepare)(void *);
    void *argument;
};

/* run_prepared() waits for its child and may fail the test. Therefore the child
 * ends at once. Its own child, an orphan that becomes ours, executes the stage.
 */
static void detach(void *argument)
{
    struct start *start = argument;
    pid_t pid = fork();

    if (pid != 0)
        _exit(pid == -1);
    pid = getpid();
    if (write(start->report, &pid, sizeof(pid)) != sizeof(pid) ||
        dup2(start->in, STDIN_FILENO) == -1 ||
        dup2(start->out, STDOUT_FILENO) == -1 ||
        dup2(start->err, STDERR_FILENO) == -1)
        _exit(99);
    if (start->prepare)
        start->prepare(start->argument);
}

/* Starts ARGS[0]; see run_prepared() for PREPARE. */
static struct look begin(char *const args[], void (*prepare)(void *),
                         void *argument)
{
    struct look look = {.parent = -1};
    int in[2], out[2], err[2], report[2];

    if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1 ||
        pipe2(err, O_CLOEXEC) == -1 || pipe2(report, O_CLOEXEC) == -1)
        return look;
    struct start start = {in[0], out[1], err[1], report[1], prepare, argument};
    run_prepared(NULL, args, detach, &start);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    close(report[1]);
    if (read(report[0], &look.parent, sizeof(pid_t)) != sizeof(pid_t))
        look.parent = -1;
    close(report[0]);
    look.in = in[1];
    look.fds[0] = out[0];
    look.fds[1] = err[0];
    for (int i = 0; i < 2; i++)
        look.text[i] = calloc(1, MOST_TEXT + 1);
    return look;
}

/* Reads what is there, for at most 20 ms. */
static void pump(struct look *look)
{
    struct pollfd fds[2] = {{.fd = look->fds[0], .events = POLLIN},
                            {.fd = look->fds[1], .events = POLLIN}};

    if (!look->ended &&
        waitpid(look->parent, &look->status, WNOHANG) == look->parent)
        look->ended = true;
    if (poll(fds, 2, look->ended ? 0 : 20) <= 0)
        return;
    for (int i = 0; i < 2; i++) {
        if (!fds[i].revents)
            continue;
        ssize_t n = read(look->fds[i], look->text[i] + look->used[i],
                         MOST_TEXT - look->used[i]);
        if (n > 0)
            look->used[i] += (size_t)n;
        else if (look->used[i] == MOST_TEXT)
            look->full = true;
        else {
            close(look->fds[i]);
            look->fds[i] = -1;
        }
    }
}

static bool is_ready(const struct look *look)
{
    return look->text[0] && strstr(look->text[0], "ready\n");
}

/* Returns whether PID runs another program than the stage's, with the token as
 * one of its words. */
static bool is_command(pid_t pid)
{
    char *words = file_of(pid, "cmdline"), *program = stage_program();

    return strstr(words, token) && is_alive(pid) &&
           strncmp(words, program, strlen(program)) != 0;
}

static pid_t find_command(void)
{
    DIR *directory = fdopendir(openat(proc, ".", O_RDONLY | O_CLOEXEC));
    struct dirent *entry;
    pid_t found = 0;

    while (directory && !found && (entry = readdir(directory))) {
        pid_t pid = atoi(entry->d_name);
        if (pid > 0 && pid != getpid() && is_command(pid))
            found = pid;
    }
    if (directory)
        closedir(directory);
    return found;
}

/* Returns true while the run goes on and has not printed too much. */
static bool goes_on(const struct look *look, long long deadline)
{
    return !look->full && now_ms() < deadline && !why_stopped() &&
           !(look->ended && look->fds[0] == -1 && look->fds[1] == -1);
}

/* Starts the stage with the options WORDS. COMMAND says "ready", reads a line
 * and ends with STATUS. Returns when it is ready, has ended or is too slow. */
static struct look start_look(char *const words[], void (*prepare)(void *),
                              void *argument)
{
    static unsigned int number;
    static char script[] = "trap '' TERM; echo ready; read line; exit 7";

    snprintf(token, sizeof(token), "facts-%d-%u", getpid(), ++number);
    struct look look =
        begin(stage_command(join(join(WORDS("-q"), words),
                                 WORDS("sh", "-c", script, token))),
              prepare, argument);
    long long deadline = now_ms() + limit_ms;
    while (look.parent != -1 && !is_ready(&look) && goes_on(&look, deadline)) {
        pump(&look);
        if (look.ended && poll(NULL, 0, 5) == 0 && look.used[0] == 0)
            break;
    }
    look.may_end = is_ready(&look);
    if (look.may_end)
        look.command = find_command();
    return look;
}

/* "ok" if COMMAND runs, otherwise what became of the program. */
static char *outcome(const struct look *look)
{
    if (look->command)
        return format("ok");
    if (look->full)
        return format("rubbish");
    if (!look->ended)
        return format(is_ready(look) ? "no-command" : "hangs");
    if (WIFSIGNALED(look->status))
        return format("signal-%d", WTERMSIG(look->status));
    if (WEXITSTATUS(look->status) == 0)
        return format(is_ready(look) ? "no-command" : "silent");
    return format("status-%d", WEXITSTATUS(look->status));
}

static void release(struct look *look)
{
    for (int i = 0; i < 2; i++) {
        if (look->fds[i] != -1)
            close(look->fds[i]);
        free(look->text[i]);
    }
}

/* Lets COMMAND end, and the stage with it. Returns the status of the stage, -1
 * if a signal ended it or it had to be killed. */
static int end_look(struct look *look)
{
    long long deadline = now_ms() + limit_ms;

    if (look->parent == -1)
        return -1;
    if (look->in != -1)
        close(look->in);
    while (look->may_end && goes_on(look, deadline) && !look->ended)
        pump(look);
    bool ended = look->ended;
    if (look->command && !ended)
        kill(look->command, SIGKILL);
    if (!ended) {
        limit_ms = SHORTER_MS;
        kill(look->parent, SIGKILL);
        waitpid(look->parent, &look->status, 0);
    }
    return ended && WIFEXITED(look->status) ? WEXITSTATUS(look->status) : -1;
}

/* Runs a program to its end; LOOK's text is what it printed. Call release(). */
static int run_to_end(char *const args[], void (*prepare)(void *),
                      void *argument, struct look *look)
{
    *look = begin(args, prepare, argument);
    look->may_end = true;
    int status = end_look(look);
    long long deadline = now_ms() + 100;
    while (look->parent != -1 && goes_on(look, deadline))
        pump(look);
    return status;
}

/* --- namespaces and processes --------------------------------------------- */

static void tell_namespaces(pid_t pid)
{
    static const char *const names[] = {"mnt",    "pid", "uts", "ipc",
                                        "cgroup", "net", "user"};

    for (size_t i = 0; i < COUNT(names); i++) {
        char *name = format("ns/%s", names[i]);
        fact_if(format("ns.%s", names[i]),
                strcmp(link_of(pid, name), link_of(getpid(), name)) == 0,
                "host", "own");
    }
}

static void tell_process(pid_t pid, pid_t parent)
{
    char *numbers = line_of(pid, "NSpid"), *last = strrchr(numbers, '\t');

    fact_if("pid", last && strcmp(last, "\t1") == 0, "1", "other");
    fact("command", pid == parent                          ? "parent"
                    : atoi(line_of(pid, "PPid")) == parent ? "child"
                                                           : "descendant");
    fact_if("session", getsid(pid) == pid, "own", "caller");
}

/* In a /proc of another PID namespace, this process is not there: "self" leads
 * nowhere. */
static void tell_proc(pid_t pid)
{
    struct stat st;
    char own[16];
    ssize_t n = readlink("/proc/self", own, sizeof(own));

    if (*link_of(pid, "root/proc/self"))
        fact("proc", "host");
    else
        fact_if("proc", stat_inside(pid, "/proc/1", &st), "own", "none");
    fact_if("proc.host", n > 0 && atoi(own) == getpid(), "intact", "covered");
}

/* --- mounts --------------------------------------------------------------- */

static const struct place {
    const char *path;
    enum feature since;
    bool mode, size; /* are told as well */
} places[] = {
    {"/tmp", NEW_MOUNTS, true, false},      {"/proc", NEW_PIDS, false, false},
    {"/dev/mqueue", NEW_IPC, false, false}, {"/dev/shm", NEW_IPC, true, true},
    {"/sys", NEW_ROOT, false, false},       {"/dev", NEW_ROOT, false, true},
    {"/dev/pts", NEW_ROOT, false, false},   {"/run", NEW_ROOT, true, false},
};

/* How often a mount point is in MOUNTS. */
static int count_mounts(const char *mounts, const char *point)
{
    char *word = format(" %s ", point);
    int count = 0;

    for (char **line = lines_of(format("%s", mounts)); *line; line++) {
        char *at = strstr(*line, word);
        count += at && at < strstr(*line, " - ");
    }
    return count;
}

/* The Nth word of a line, from 1. */
static char *word_of(const char *line, int n)
{
    while (line && --n > 0)
        line = (line = strchr(line, ' ')) ? line + 1 : NULL;
    return line ? format("%.*s", (int)strcspn(line, " \n"), line)
                : format("%s", "");
}

static const char *propagation(const char *text)
{
    return strstr(text, " shared:")   ? "shared"
           : strstr(text, " master:") ? "slave"
                                      : "private";
}

/* own: not the file system that the host has there; copy: the same, mounted
 * again; host: no new mount; none: no mount at all, in a root of its own. */
static const char *kind_of_mount(const char *mounts, const char *point,
                                 bool own_root)
{
    char *inside = mount_at(mounts, point);
    char *outside = mount_at(host_mounts, point);

    if (!inside)
        return own_root ? "none" : "host";
    if (own_root || !outside ||
        strcmp(word_of(inside, 3), word_of(outside, 3)) != 0)
        return "own";
    return count_mounts(mounts, point) > count_mounts(host_mounts, point)
               ? "copy"
               : "host";
}

/* "rw+nosuid+nodev" of a line of mountinfo. */
static char *flags_of(const char *line)
{
    static const char *const flags[] = {"rw", "ro", "nosuid", "nodev",
                                        "noexec"};
    char *options = word_of(line, 6), *found = format("%s", "");

    for (size_t i = 0; i < COUNT(flags); i++)
        if (has_word(options, flags[i]))
            found = format("%s%s%s", found, *found ? "+" : "", flags[i]);
    return found;
}

static char *size_of(const char *line)
{
    char *at = strstr(line, ",size=");

    return at ? format("%.*s", (int)strcspn(at + 6, ",\n"), at + 6)
              : format("none");
}

static void tell_place(pid_t pid, const struct place *place, const char *mounts,
                       bool own_root)
{
    char *line = mount_at(mounts, place->path);
    const char *kind = kind_of_mount(mounts, place->path, own_root);
    struct stat st;

    fact(format("mount.%s", place->path), kind);
    if (strcmp(kind, "own") != 0)
        return;
    fact(format("flags.%s", place->path), flags_of(line));
    if (place->mode && stat_inside(pid, place->path, &st))
        fact(format("mode.%s", place->path), format("%o", st.st_mode & 07777));
    if (place->size)
        fact(format("size.%s", place->path), size_of(line));
}

/* A mount point that MOUNTS has twice; "none". */
static char *place_of_two(const char *mounts)
{
    for (size_t i = 0; i < COUNT(places); i++)
        if (has(places[i].since) && count_mounts(mounts, places[i].path) > 1)
            return format("%s", places[i].path);
    return format("none");
}

static void tell_mounts(pid_t pid)
{
    char *mounts = file_of(pid, "mountinfo"), *top = mount_at(mounts, "/");
    struct stat inside, outside;
    bool own_root = stat_inside(pid, "/", &inside) &&
                    stat("/", &outside) == 0 && !is_same(&inside, &outside);

    fact("mount./", propagation(top ? top : ""));
    fact("mount.all", propagation(mounts));
    fact_if("leak", strcmp(file_of(getpid(), "mountinfo"), host_mounts) == 0,
            "no", "yes");
    if (own_root && !has(NEW_CGROUPS))
        fact("twice", place_of_two(mounts));
    for (size_t i = 0; i < COUNT(places); i++)
        if (has(places[i].since) && !has(NEW_CGROUPS))
            tell_place(pid, &places[i], mounts, own_root);
}

/* --- names ---------------------------------------------------------------- */

/* GIVEN: the argument of --hostname. */
static void tell_names(pid_t pid, const char *given)
{
    static char show[] = "uname -n; cat /proc/sys/kernel/domainname";
    char **inside = lines_of(told_in(pid, "uts", show));
    char **outside = lines_of(told_in(getpid(), "uts", show));

    if (!inside[0] || !inside[1] || !outside[0] || !outside[1])
        return;
    bool cut = strncmp(given, inside[0], strlen(inside[0])) == 0;
    fact("hostname", strcmp(inside[0], given) == 0         ? "given"
                     : cut                                 ? "cut"
                     : strcmp(inside[0], "container") == 0 ? "default"
                     : strcmp(inside[0], "test-host") == 0 ? "host"
                                                           : "other");
    fact_if("hostname.host", strcmp(outside[0], "test-host") == 0, "kept",
            "changed");
    fact_if("domain", strcmp(inside[1], "(none)") == 0, "none", "callers");
}

/* --- cgroups and what COMMAND gets from the caller ------------------------ */

/* Returns whether the container's cgroup, OURS/PARENT, exists. */
static bool has_cgroup(pid_t parent)
{
    static const char *const controllers[] = {"memory", "pids", "cpu"};
    bool there = false;

    for (size_t i = 0; i < COUNT(controllers); i++)
        there |= access(format("%s/" OURS "/%d",
                               hierarchy_of(controllers[i])->base, parent),
                        F_OK) == 0;
    return there;
}

static void leave_things(void *unused)
{
    long action[8] = {(long)SIG_IGN};
    gid_t groups[] = {1, 5, 100};
    sigset_t set;

    (void)unused;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_SETMASK, &set, NULL);
    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, action, NULL, (NSIG - 1) / 8);
    if (setgroups(COUNT(groups), groups) == -1)
        _exit(98);
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "callers");
    setenv("CALLER", "leaked", 1);
    int fd = open("/", O_RDONLY | O_DIRECTORY);
    if (dup2(fd, 9) == -1 || dup2(fd, 4) == -1)
        _exit(98);
    if (fd != 4)
        close(fd);
}

static void tell_signals(pid_t pid)
{
    unsigned long long blocked = strtoull(line_of(pid, "SigBlk"), NULL, 16);
    unsigned long long ignored = strtoull(line_of(pid, "SigIgn"), NULL, 16);

    ignored &= ~(1ULL << (SIGTERM - 1)); /* COMMAND ignores it */
    fact("signals", blocked ? "blocked" : ignored ? "ignored" : "default");
}

static void tell_descriptors(pid_t pid)
{
    DIR *directory = fdopendir(
        openat(proc, format("%d/fd", pid), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *entry;
    int most = -1;

    while (directory && (entry = readdir(directory)))
        if (isdigit((unsigned char)entry->d_name[0]) &&
            atoi(entry->d_name) > most)
            most = atoi(entry->d_name);
    if (directory)
        closedir(directory);
    if (most >= 0)
        fact_if("fds", most > 2, "more", "3");
}

static void tell_inherited(void)
{
    struct look look = start_look(WORDS(NULL), leave_things, NULL);
    pid_t pid = look.command;

    if (has(NEW_NETWORK))
        fact("second", outcome(&look));
    if (has(NEW_CGROUPS) && hierarchy_of("pids")->version == 1)
        fact_if("unasked", has_cgroup(look.parent), "made", "none");
    if (pid) {
        fact_if("groups", *line_of(pid, "Groups"), "callers", "none");
        if (!has(NEW_ROOT)) {
            tell_signals(pid);
        } else {
            tell_descriptors(pid);
            fact_if("env", strstr(file_of(pid, "environ"), "CALLER=") != NULL,
                    "callers", "clean");
        }
        if (has(NEW_HOSTNAME))
            fact_if("hostname.default",
                    strcmp(told_in(pid, "uts", "uname -n"), "container\n") == 0,
                    "container", "other");
    }
    end_look(&look);
    release(&look);
}

/* The session keyring is seen from inside alone: see tests/lib/probe.c. */
static void tell_keyring(void)
{
    struct look look;
    char *const words[] = {"-q", built("probe"), "keyring", NULL};

    run_to_end(stage_command(words), leave_things, NULL, &look);
    if (look.parent != -1 && strchr(look.text[0], ';'))
        fact_if("keyring", strstr(look.text[0], ";callers\n") != NULL, "caller",
                "own");
    release(&look);
}

static void log_in(void *terminal)
{
    int fd = *(int *)terminal;

    setsid();
    if (ioctl(fd, TIOCSCTTY, 0) == -1 || dup2(fd, STDIN_FILENO) == -1)
        _exit(98);
}

/* Standard input is a terminal; the others are pipes, as usual here. */
static void tell_terminal(void)
{
    int master, slave;
    struct stat callers, ours;

    if (openpty(&master, &slave, NULL, NULL, NULL) == -1)
        return;
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    struct look look = start_look(WORDS(NULL), log_in, &slave);
    if (look.command && fstat(slave, &callers) == 0 &&
        fstatat(proc, format("%d/fd/0", look.command), &ours, 0) == 0)
        fact_if("terminal", is_same(&ours, &callers), "caller", "own");
    if (look.command)
        kill(look.command, SIGKILL);
    end_look(&look);
    release(&look);
    close(master);
    close(slave);
}

/* --- calls ---------------------------------------------------------------- */

static const struct {
    const char *name;
    enum feature since;
} calls[] = {{"clone", BASICS},         {"prctl", BASICS},
             {"setsid", BASICS},        {"setgroups", BASICS},
             {"keyctl", BASICS},        {"mount", NEW_MOUNTS},
             {"unshare", NEW_MOUNTS},   {"sethostname", NEW_HOSTNAME},
             {"mknod", NEW_ROOT},       {"pivot_root", NEW_ROOT},
             {"chroot", NEW_ROOT},      {"umount2", NEW_ROOT},
             {"close_range", NEW_ROOT}, {"open_tree", NEW_ROOT},
             {"move_mount", NEW_ROOT},  {"mount_setattr", NEW_ROOT}};

/* "failed" if the last call of that name failed. */
static void tell_calls(const char *narration)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        const char *last = NULL, *at = narration;
        if (!has(calls[i].since) || (has(NEW_ROOT) && calls[i].since == BASICS))
            continue;
        while ((at = strstr(at, format("]   %s", calls[i].name)))) {
            at += 4 + strlen(calls[i].name);
            at += strncmp(at, "at(", 3) == 0 ? 2 : *at == '3';
            last = *at == '(' ? at : last;
        }
        bool bad = last && memmem(last, strcspn(last, "\n"), " = -1 ", 6);
        fact(format("call.%s", calls[i].name), bad    ? "failed"
                                               : last ? "yes"
                                                      : "no");
    }
}

static void tell_order(const char *narration)
{
    const char *mount = strstr(narration, "]   mount(");
    const char *tasks = strstr(narration, "/tasks>, \"0\"");

    if (mount && has(NEW_MOUNTS)) {
        const char *role = memrchr(narration, '[', (size_t)(mount - narration));
        fact_if("order.private-first",
                memmem(mount, strcspn(mount, "\n"), "MS_PRIVATE", 10) != NULL,
                "yes", "no");
        fact_if("mount.by", role && strncmp(role, "[host", 5) == 0, "parent",
                "container");
    }
    if (!has(NEW_CGROUPS))
        return;
    fact("join", strstr(narration, "CLONE_INTO_CGROUP") ? "clone"
                 : strstr(narration, "cgroup.procs>")   ? "procs"
                 : !tasks                               ? "never"
                 : mount && mount < tasks               ? "late"
                                                        : "first");
    fact_if("report", strstr(narration, "/* cgroup: ") != NULL, "yes", "no");
}

static void tell_narration(void)
{
    struct look look;
    char *const *limits = has(NEW_CGROUPS)
                              ? WORDS("--memory", "32M", "--pids-limit", "20")
                              : WORDS("-V");

    run_to_end(stage_command(join(limits, WORDS("-V", "sh", "-c", "exit 7"))),
               NULL, NULL, &look);
    if (look.parent != -1) {
        tell_calls(look.text[1]);
        tell_order(look.text[1]);
    }
    release(&look);
}

/* Each message begins with "stageNN: ". */
static void tell_number(void)
{
    struct look look;
    int number;

    run_to_end(WORDS(stage_program(), "--no-such-option"), NULL, NULL, &look);
    if (look.parent != -1 && sscanf(look.text[1], "stage%d:", &number) == 1)
        fact_if("number", number == stage, "own", "other");
    release(&look);
}

/* The first line of TEXT, by strace -f, with this call of a process other than
 * PARENT; NULL: there is none. */
static char *call_of_child(char *text, int parent, const char *call)
{
    char *next;

    for (char *line = text; line && *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : NULL;
        char *name = line + strcspn(line, " ");
        if (atoi(line) != parent &&
            strncmp(name + strspn(name, " "), call, strlen(call)) == 0)
            return line;
    }
    return NULL;
}

/* How the container's process begins: see wait_for_parent(). */
static void tell_beginning(void)
{
    struct look look;
    char *file = format("%s/facts", scratch()), *text;

    run_to_end(WORDS("strace", "-f", "-o", file, "-e",
                     "trace=prctl,read,execve", "-e", "signal=none",
                     stage_program(), "-q", "true"),
               NULL, NULL, &look);
    release(&look);
    if (!(text = text_at(AT_FDCWD, file)))
        return;
    char *ready = call_of_child(text, atoi(text), "read(");
    char *signal = call_of_child(text, atoi(text), "prctl(PR_SET_PDEATHSIG");
    char *exec = call_of_child(text, atoi(text), "execve(");
    fact_if("waits", ready && (!exec || ready < exec), "yes", "no");
    fact("deathsig", !signal ? "none"
                     : memmem(signal, strcspn(signal, "\n"), "SIGKILL", 7)
                         ? "kill"
                         : "other");
    if (ready && signal)
        fact_if("order.deathsig-first", signal < ready, "yes", "no");
}

/* Returns whether COMMAND runs although CALL failed the Nth time. */
static bool is_unnoticed(const char *call, int n)
{
    struct look look;
    char *file = format("%s/facts", scratch());
    char *const words[] = {"strace",
                           "-f",
                           "-o",
                           file,
                           "-e",
                           format("trace=%s", call),
                           "-e",
                           format("inject=%s:error=EIO:when=%d", call, n),
                           stage_program(),
                           "-q",
                           "echo",
                           "run",
                           NULL};

    run_to_end(words, NULL, NULL, &look);
    char *text = text_at(AT_FDCWD, file);
    bool ran = look.parent != -1 && strcmp(look.text[0], "run\n") == 0;
    release(&look);
    return ran && text && strstr(text, "(INJECTED)");
}

static void tell_unnoticed(void)
{
    static const struct {
        const char *call;
        int most;
        enum feature since;
    } rows[] = {{"prctl", 1, BASICS},
                {"mount", 4, NEW_MOUNTS},
                {"sethostname", 1, NEW_HOSTNAME}};

    for (size_t i = 0; i < COUNT(rows); i++)
        for (int n = 1; has(rows[i].since) && n <= rows[i].most; n++)
            if (is_unnoticed(rows[i].call, n)) {
                fact("unnoticed", rows[i].call);
                return;
            }
    fact("unnoticed", "none");
}

/* Not every host has /dev/mqueue. Do not change the host's /dev: cover it by a
 * new one with that directory, in this test's mount namespace. */
static void give_host_queues(void)
{
    char *directory = format("%s/dev", scratch());
    char *script =
        format("mkdir '%1$s' && mount -t tmpfs dev '%1$s' && cd '%1$s' && cp "
               "-a /dev/null /dev/zero /dev/full /dev/random /dev/urandom "
               "/dev/tty . && mkdir pts shm mqueue && ln -s pts/ptmx ptmx && "
               "mount --bind /dev/pts pts && mount --bind /dev/shm shm && "
               "mount -t mqueue mqueue mqueue && mount --rbind . /dev && cd / "
               "&& umount -l '%1$s'",
               directory);

    run_program(NULL, WORDS("sh", "-c", script));
    host_mounts = file_of(getpid(), "mountinfo");
}

/* On a host whose /dev has only one of the two directories that may be missing.
 */
static void tell_lacking(void)
{
    static const char *const names[] = {"mqueue", "shm"};

    for (size_t i = 0; i < COUNT(names); i++) {
        struct look look;
        char *script = format("mount -t tmpfs dev /dev && mkdir /dev/%s && "
                              "mknod -m 666 /dev/null c 1 3 && exec '%s' -q "
                              "true",
                              names[1 - i], stage_program());
        int status = run_to_end(WORDS("unshare", "--mount", "sh", "-c", script),
                                NULL, NULL, &look);
        release(&look);
        fact(format("lacking./dev/%s", names[i]),
             status == 0 ? "ok" : format("status-%d", status));
    }
}

/* --- the root ------------------------------------------------------------- */

/* Returns whether the mount namespace of PID has the host's root at its top, as
 * after chroot(2): setns(2) leads there. */
static bool has_old_root(pid_t pid)
{
    int status,
        ns = openat(proc, format("%d/ns/mnt", pid), O_RDONLY | O_CLOEXEC);
    struct stat before, now;

    if (ns == -1 || stat("/", &before) == -1)
        return false;
    pid_t child = fork();
    if (child == 0)
        _exit(setns(ns, CLONE_NEWNS) == 0 && stat("/", &now) == 0 &&
              is_same(&before, &now));
    close(ns);
    return waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 1;
}

static void tell_root(pid_t pid)
{
    struct stat inside, host, given;

    if (!stat_inside(pid, "/", &inside) || stat("/", &host) == -1 ||
        stat(built("private/rootfs"), &given) == -1)
        return;
    fact("root", is_same(&inside, &host)    ? "host"
                 : is_same(&inside, &given) ? "own"
                                            : "other");
    fact_if("oldroot", has_old_root(pid), "there", "gone");
}

static const struct {
    const char *name;
    unsigned int major, minor;
} devices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
               {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
static const char *const links[][2] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
    {"ptmx", "pts/ptmx"},          {"console", "pts/0"}};

static const char *kind_of_device(pid_t pid, size_t i)
{
    struct stat st;

    if (!stat_inside(pid, format("/dev/%s", devices[i].name), &st))
        return "missing";
    if (!S_ISCHR(st.st_mode) ||
        st.st_rdev != makedev(devices[i].major, devices[i].minor))
        return "other-number";
    return (st.st_mode & 07777) == 0666 ? "ok" : "other-mode";
}

/* A fact for the devices (the first that is wrong), the links, and the rest. */
static void tell_devices(pid_t pid)
{
    static const char known[] = "console fd full mqueue null ptmx pts random "
                                "shm stderr stdin stdout tty urandom zero";
    const char *kind = "ok", *link = "ok";
    bool more = false;
    DIR *directory = fdopendir(openat(proc, format("%d/root/dev", pid),
                                      O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *entry;

    for (size_t i = 0; i < COUNT(devices) && strcmp(kind, "ok") == 0; i++)
        kind = kind_of_device(pid, i);
    for (size_t i = 0; i < COUNT(links); i++) {
        char *target = link_of(pid, format("root/dev/%s", links[i][0]));
        if (strcmp(target, links[i][1]) != 0)
            link = *target ? "elsewhere" : "missing";
    }
    while (directory && (entry = readdir(directory)))
        more |= entry->d_name[0] != '.' && !has_word(known, entry->d_name);
    if (directory)
        closedir(directory);
    fact("dev", kind);
    fact("dev.links", link);
    fact_if("dev.more", more, "yes", "no");
}

static void tell_terminals(pid_t pid)
{
    char *line = mount_at(file_of(pid, "mountinfo"), "/dev/pts");
    struct stat inside, outside;

    if (!line || !stat_inside(pid, "/dev/pts", &inside) ||
        stat("/dev/pts", &outside) == -1)
        return;
    fact_if("pts", is_same(&inside, &outside), "host", "own");
    fact_if("pts.mode", strstr(line, ",mode=620") != NULL, "620", "other");
    fact_if("pts.ptmxmode", strstr(line, ",ptmxmode=666") != NULL, "666",
            "other");
}

/* For those of PATHS that the host has: "all" if each is covered by a mount
 * with FLAG, "writable" if each is covered but not all have FLAG, "some" or
 * "none". */
static const char *kind_of_cover(const char *mounts, const char *paths,
                                 const char *flag)
{
    size_t there = 0, covered = 0, good = 0;

    for (char **word = lines_of(format("%s", paths)); *word; word++) {
        char *line = mount_at(mounts, *word);
        if (access(*word, F_OK) == -1)
            continue;
        there++;
        covered += line != NULL;
        good += line && strstr(line, flag);
    }
    return good == there      ? "all"
           : covered == there ? "writable"
           : covered > 0      ? "some"
                              : "none";
}

static void tell_covers(pid_t pid)
{
    char *mounts = file_of(pid, "mountinfo");
    char *sys = mount_at(mounts, "/proc/sys");

    fact("read-only", kind_of_cover(mounts,
                                    "/proc/bus\n/proc/fs\n/proc/irq\n"
                                    "/proc/sys\n/proc/sysrq-trigger\n",
                                    " ro,"));
    fact_if("proc.sys", sys && strstr(sys, " ro,"), "covered", "open");
    fact("masked.files",
         kind_of_cover(mounts,
                       "/proc/interrupts\n/proc/kcore\n/proc/keys\n"
                       "/proc/latency_stats\n/proc/sched_debug\n"
                       "/proc/timer_list\n",
                       " - tmpfs "));
    fact("masked.directories",
         kind_of_cover(mounts,
                       "/proc/acpi\n/proc/asound\n/proc/scsi\n"
                       "/sys/devices/virtual/powercap\n/sys/firmware\n",
                       " - tmpfs "));
}

/* Whose is /etc/hosts, and which address does it give the container's NAME? */
static void tell_etc(pid_t pid, const char *name)
{
    char *text = text_at(proc, format("%d/root/etc/hosts", pid));
    char *line = mount_at(file_of(pid, "mountinfo"), "/etc/hosts");

    fact("etc.hosts", !line                        ? "root"
                      : text && strstr(text, name) ? "own"
                                                   : "other");
    if (text && has(NEW_NETWORK))
        fact_if("etc.address", strstr(text, format("127.0.1.1\t%s", name)),
                "loopback", "other");
}

/* --- volumes and other options -------------------------------------------- */

/* A directory in the host's /tmp, with a tmpfs mounted below it. */
static char *make_source(void)
{
    char *path = format("/tmp/facts-%d", getpid());

    mkdir(path, 0755);
    mkdir(format("%s/below", path), 0755);
    mount("below", format("%s/below", path), "tmpfs", 0, NULL);
    close(creat(format("%s/below/file", path), 0644));
    return path;
}

static void tell_volume(pid_t pid)
{
    char *mounts = file_of(pid, "mountinfo"), *hosts;
    char *read_only = mount_at(mounts, "/tmp/ro");
    char *below = mount_at(mounts, "/tmp/ro/below");
    struct stat st;

    fact_if("volume", mount_at(mounts, "/tmp/deep/data") != NULL, "there",
            "none");
    fact_if("volume.below", stat_inside(pid, "/tmp/deep/data/below/file", &st),
            "there", "none");
    if (read_only)
        fact_if("volume.ro",
                strstr(read_only, " ro,") || strstr(read_only, " ro "), "yes",
                "no");
    if (below)
        fact_if("volume.ro-below",
                strstr(below, " ro,") || strstr(below, " ro "), "yes", "no");
    hosts = text_at(proc, format("%d/root/etc/hosts", pid));
    fact_if("volume.etc", hosts && strstr(hosts, "of the volume"), "over",
            "under");
}

static void tell_volumes(void)
{
    char *source = make_source(), *hosts = format("%s/hosts", scratch());

    create(hosts, "of the volume\n", 0644);
    struct look look =
        start_look(WORDS("-v", format("%s:/tmp/deep/data", source), "-v",
                         format("%s:/tmp/ro:ro", source), "-v",
                         format("%s:/etc/hosts", hosts)),
                   NULL, NULL);
    if (look.command)
        tell_volume(look.command);
    else
        fact("volume", outcome(&look));
    end_look(&look);
    release(&look);
    umount2(format("%s/below", source), MNT_DETACH);
}

static void tell_options(void)
{
    struct look look = start_look(
        WORDS("-w", "/usr/bin", "-e", "FACT=given", "--read-only"), NULL, NULL);
    pid_t pid = look.command;
    struct stat here, there;

    if (!pid) {
        fact("options", outcome(&look));
    } else {
        char *mounts = file_of(pid, "mountinfo");
        char *top = mount_at(mounts, "/"), *tmp = mount_at(mounts, "/tmp");
        fact_if("workdir",
                fstatat(proc, format("%d/cwd", pid), &here, 0) == 0 &&
                    stat_inside(pid, "/usr/bin", &there) &&
                    is_same(&here, &there),
                "given", "other");
        fact_if("env.given",
                strstr(file_of(pid, "environ"), "FACT=given") != NULL, "yes",
                "no");
        fact_if("root.ro", top && has_word(word_of(top, 6), "ro"), "yes", "no");
        fact_if("tmp.ro", tmp && has_word(word_of(tmp, 6), "ro"), "yes", "no");
    }
    end_look(&look);
    release(&look);
    look = start_look(WORDS("--chroot"), NULL, NULL);
    if (look.command)
        fact_if("option.chroot", has_old_root(look.command), "obeyed",
                "ignored");
    end_look(&look);
    release(&look);
}

/* A root with a shell, a tmpfs at /mnt, and /dev as a link to a directory of
 * the host: nothing may be made in that directory. */
static void tell_bare_root(void)
{
    char *root = fresh_directory("bare"), *victim = fresh_directory("victim");

    run_program(
        NULL, WORDS("sh", "-c",
                    format("mkdir '%1$s/bin' '%1$s/mnt' && cp '%2$s' "
                           "'%1$s/bin/sh' && ln -s '%3$s' '%1$s/dev' && mount "
                           "-t tmpfs below '%1$s/mnt'",
                           root, built("private/rootfs/bin/busybox"), victim)));
    struct look look = start_look(WORDS("--rootfs", root), NULL, NULL);
    fact("bare", outcome(&look));
    if (look.command)
        fact_if("bare.below",
                mount_at(file_of(look.command, "mountinfo"), "/mnt") != NULL,
                "there", "none");
    end_look(&look);
    release(&look);
    umount2(format("%s/mnt", root), MNT_DETACH);
    fact_if("trap", rmdir(victim) == 0, "safe", "escaped");
}

/* --- cgroups -------------------------------------------------------------- */

/* The path of PID's cgroup in the hierarchy with CONTROLLER; NULL: none. */
static char *cgroup_path(pid_t pid, const char *controller)
{
    char *found = NULL;

    for (char **line = lines_of(file_of(pid, "cgroup")); *line; line++) {
        char *list = strchr(*line, ':');
        char *path = list ? strchr(++list, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        if (has_word(list, controller) || (!found && !*list))
            found = path;
    }
    return found;
}

/* The first line of PID's cgroup file, V1 or V2 by the version, or "none". */
static char *limit_of(pid_t pid, const char *controller, const char *v1,
                      const char *v2)
{
    const struct hierarchy *h = hierarchy_of(controller);
    char *path = cgroup_path(pid, controller);
    char *own = cgroup_path(getpid(), controller);

    if (!path || !own || strcmp(path, own) == 0 || strlen(own) > strlen(h->own))
        return format("none");
    char *file = format("%.*s%s/%s", (int)(strlen(h->own) - strlen(own)),
                        h->own, path, h->version == 1 ? v1 : v2);
    char *text = text_at(AT_FDCWD, file);
    return text ? format("%.*s", (int)strcspn(text, "\n"), text)
                : format("none");
}

static void tell_limit(const char *key, const char *text, const char *v1,
                       const char *v2)
{
    long long number = strtoll(text, NULL, 10);

    fact(key, strcmp(text, v1) == 0 || strcmp(text, v2) == 0 ? "set"
              : number > 1LL << 60 || number <= 0            ? "none"
                                                             : "other");
}

static void tell_limits(pid_t pid)
{
    tell_limit("limit.memory",
               limit_of(pid, "memory", "memory.limit_in_bytes", "memory.max"),
               "33554432", "33554432");
    tell_limit("limit.swap",
               limit_of(pid, "memory", "memory.memsw.limit_in_bytes",
                        "memory.swap.max"),
               "33554432", "0");
    char *swappiness =
        limit_of(pid, "memory", "memory.swappiness", "memory.swappiness");
    if (hierarchy_of("memory")->version == 1)
        fact_if("swappiness", strcmp(swappiness, "0") == 0, "0", "other");
    tell_limit("limit.pids", limit_of(pid, "pids", "pids.max", "pids.max"),
               "20", "20");
    tell_limit("limit.cpu", limit_of(pid, "cpu", "cpu.cfs_quota_us", "cpu.max"),
               "50000", "50000 100000");
}

static void tell_cgroups(pid_t pid, pid_t parent)
{
    static const char *const controllers[] = {"memory", "pids", "cpu"};
    char *mounts = file_of(pid, "mountinfo"), *top, *line;
    const char *kind = "none";
    bool own = false;

    for (size_t i = 0; i < COUNT(controllers); i++) {
        char *path = cgroup_path(pid, controllers[i]);
        char *callers = cgroup_path(getpid(), controllers[i]);
        own |= path && callers && strcmp(path, callers) != 0;
    }
    fact_if("cgroup", own, "own", "callers");
    fact_if("cgroup.made", has_cgroup(parent), "yes", "no");
    tell_limits(pid);
    top = mount_at(mounts, "/sys/fs/cgroup");
    for (char **next = lines_of(mounts); (line = *next); next++)
        if (strstr(line, " - cgroup"))
            kind = has_word(word_of(line, 6), "ro") && strcmp(kind, "rw") != 0
                       ? "ro"
                       : "rw";
    fact("cgroup.mount", kind);
    if (top)
        fact_if("cgroup.top", has_word(word_of(top, 6), "ro"), "ro", "rw");
}

/* --- network -------------------------------------------------------------- */

#define SHOW_NETWORK \
    "ip -d -o link; ip -4 -o address; ip route; nft list ruleset 2>/dev/null"

/* Returns "up" or "down" for the link NAME of TEXT, "none" if it has none. */
static const char *state_of_link(const char *text, const char *name)
{
    const char *at = strstr(text, format(": %s: <", name));

    if (!at)
        at = strstr(text, format(": %s@", name));
    if (!at)
        return "none";
    return memmem(at, strcspn(at, ">"), ",UP", 3) ? "up" : "down";
}

static void tell_own_network(pid_t pid)
{
    char *text = told_in(pid, "net", SHOW_NETWORK);
    char *address = strstr(text, "eth0    inet ");
    char *route = strstr(text, "default via ");

    fact("eth0", state_of_link(text, "eth0"));
    fact("lo", state_of_link(text, "lo"));
    fact("address", !address ? "none"
                    : memmem(address, strcspn(address, "\n"), "/20 ", 4)
                        ? "subnet"
                        : "other");
    fact("route", !route                                       ? "none"
                  : strncmp(route + 12, "10.77.0.1 ", 10) == 0 ? "gateway"
                                                               : "other");
}

static void tell_rules(const char *text)
{
    const char *rule = strstr(text, "masquerade");
    /* Look only at the rule for packets to the bridge. */
    const char *in = strstr(text, "oifname \"" BRIDGE "\"");
    while (in && in > text && in[-1] != '\n')
        in--;
    char *line = format("%.*s", in ? (int)strcspn(in, "\n") : 0, in ? in : "");
    bool states = strstr(line, "ct state"), drops = strstr(line, " drop");

    fact("nat", !rule                                   ? "none"
                : strstr(text, "saddr != 10.77.0.0/20") ? "others"
                : strstr(text, "oifname != \"" BRIDGE "\" masquerade")
                    ? "outside"
                    : "all");
    fact("inward", !drops ? "all" : states ? "answers" : "none");
}

/* The host's side, while a container runs. */
static void tell_bridge(void)
{
    char *text = told_in(getpid(), "net", SHOW_NETWORK);
    char *port = strstr(text, " master " BRIDGE " ");
    char *path = "/proc/sys/net/ipv4/conf/" BRIDGE "/forwarding";
    char *value = text_at(AT_FDCWD, path);

    fact("bridge", state_of_link(text, BRIDGE));
    fact_if("bridge.address", strstr(text, "inet 10.77.0.1/") != NULL, "given",
            "none");
    fact("port", !port ? "none"
                 : memmem(port, strcspn(port, "\n"), "state forwarding", 16)
                     ? "forwarding"
                     : "blocked");
    fact_if("forwarding", value && *value == '1', "on", "off");
    value = text_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/" BRIDGE "/accept_ra");
    if (value)
        fact_if("accept_ra", *value == '0', "no", "yes");
    tell_rules(text);
}

static bool has_link(const char *name)
{
    return strcmp(state_of_link(told_in(getpid(), "net", "ip -o link"), name),
                  "none") != 0;
}

/* --network none, and host, whose lo is down for that time. */
static void tell_other_networks(void)
{
    struct look look = start_look(WORDS("--network", "none"), NULL, NULL);
    char *host = link_of(getpid(), "ns/net");

    if (look.command) {
        fact_if("none", strcmp(link_of(look.command, "ns/net"), host) == 0,
                "host", "own");
        fact("none.lo",
             state_of_link(told_in(look.command, "net", "ip -o link"), "lo"));
        fact_if("none.bridge", has_link(BRIDGE), "made", "none");
    }
    end_look(&look);
    release(&look);
    told_in(getpid(), "net", "ip link set lo down");
    look = start_look(WORDS("--network", "host"), NULL, NULL);
    if (look.command)
        fact_if("host", strcmp(link_of(look.command, "ns/net"), host) == 0,
                "host", "own");
    end_look(&look);
    release(&look);
    char *now = told_in(getpid(), "net", "ip -o link");
    fact_if("host.lo", strcmp(state_of_link(now, "lo"), "down") == 0, "kept",
            "changed");
    told_in(getpid(), "net", "ip link set lo up");
}

/* An unused bridge, as a killed parent leaves it. */
static void tell_stale_bridge(void)
{
    told_in(getpid(), "net",
            "ip link add " BRIDGE " address 02:6d:69:6e:69:30 type bridge");
    struct look look = start_look(WORDS(NULL), NULL, NULL);
    char *text = told_in(getpid(), "net", SHOW_NETWORK);

    fact_if("stale", look.command && strstr(text, "inet 10.77.0.1/"),
            "replaced", "used");
    end_look(&look);
    release(&look);
    told_in(getpid(), "net", "ip link delete " BRIDGE);
}

/* --- the end -------------------------------------------------------------- */

static void tell_left(pid_t parent)
{
    if (has(NEW_CGROUPS))
        fact_if("left.cgroup", has_cgroup(parent), "there", "gone");
    if (!has(NEW_NETWORK))
        return;
    fact_if("left.bridge", has_link(BRIDGE), "there", "gone");
    fact_if("left.rules",
            strstr(told_in(getpid(), "net", "nft list ruleset"), OURS) != NULL,
            "there", "gone");
    fact_if("left.run", access("/run/" OURS, F_OK) == 0, "there", "gone");
}

/* The parent is killed; COMMAND ignores SIGTERM. */
static void tell_orphan(void)
{
    struct look look = start_look(WORDS(NULL), NULL, NULL);
    long long deadline = now_ms() + ABANDONED_MS;

    if (look.command && look.command != look.parent) {
        kill(look.parent, SIGKILL);
        while (is_alive(look.command) && now_ms() < deadline)
            poll(NULL, 0, 5);
        fact_if("orphan", is_alive(look.command), "lives", "dies");
        kill(look.command, SIGKILL);
    }
    end_look(&look);
    release(&look);
    if (has(NEW_CGROUPS)) {
        pid_t parent = look.parent;
        look = start_look(WORDS(NULL), NULL, NULL);
        fact_if("stale.cgroup", has_cgroup(parent), "left", "removed");
        end_look(&look);
        release(&look);
    }
}

/* --- all ------------------------------------------------------------------ */

/* A random hostname, as long as one may be. */
static char *long_name(void)
{
    unsigned char bytes[64];
    char name[65] = "";

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return format("host");
    for (size_t i = 0; i < sizeof(bytes); i++)
        name[i] = (char)('a' + bytes[i] % 26);
    return format("%s", name);
}

static void tell_container(const struct look *look, const char *name)
{
    pid_t pid = look->command;

    tell_process(pid, look->parent);
    tell_namespaces(pid);
    tell_proc(pid);
    tell_mounts(pid);
    if (has(NEW_HOSTNAME))
        tell_names(pid, name);
    if (has(NEW_ROOT)) {
        tell_root(pid);
        tell_etc(pid, name);
    }
    if (has(NEW_ROOT) && !has(NEW_CGROUPS)) {
        tell_devices(pid);
        tell_terminals(pid);
        tell_covers(pid);
    }
    if (has(NEW_CGROUPS))
        tell_cgroups(pid, look->parent);
    if (has(NEW_NETWORK)) {
        tell_own_network(pid);
        tell_bridge();
    }
}

/* Facts that need a container which runs. */
static void tell_more(void)
{
    if (!has(NEW_MOUNTS)) {
        tell_keyring();
        tell_terminal();
        tell_beginning();
    }
    if (!has(NEW_ROOT))
        tell_unnoticed();
    if (has(NEW_IPC) && !has(NEW_ROOT))
        tell_lacking();
    if (has(NEW_ROOT) && !has(NEW_CGROUPS)) {
        tell_volumes();
        tell_options();
        tell_bare_root();
    }
    if (has(NEW_NETWORK)) {
        tell_other_networks();
        tell_stale_bridge();
    }
    tell_orphan();
}

/* If the host lacks /dev/mqueue, start once without it and, if COMMAND ran,
 * again with it. A program that fails without it fails in the first start. */
static struct look start_first(char *const words[])
{
    struct look look = start_look(words, NULL, NULL);

    if (!look.command || !has(NEW_IPC) || has(NEW_ROOT) ||
        access("/dev/mqueue", F_OK) == 0)
        return look;
    end_look(&look);
    release(&look);
    give_host_queues();
    return start_look(words, NULL, NULL);
}

static void facts(void **state)
{
    char *name = long_name();
    char *const *words = has(NEW_CGROUPS)
                             ? WORDS("--hostname", name, "--memory", "32M",
                                     "--pids-limit", "20", "--cpus", "0.5")
                         : has(NEW_HOSTNAME) ? WORDS("--hostname", name)
                                             : WORDS(NULL);

    (void)state;
    proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    host_mounts = file_of(getpid(), "mountinfo");
    if (has(NEW_HOSTNAME))
        setdomainname("callers", 7); /* the host has a name to keep */
    struct look look = start_first(words);
    char *run = outcome(&look);
    fact("run", run);
    if (look.command) {
        tell_container(&look, name);
        tell_inherited();
        if (has(NEW_NETWORK))
            fact_if("bridge.second", has_link(BRIDGE), "kept", "removed");
        pid_t parent = look.parent;
        int status = end_look(&look);
        fact("status", status == STATUS ? "returned" : format("%d", status));
        tell_left(parent);
    } else {
        end_look(&look);
    }
    release(&look);
    tell_number();
    tell_narration();
    if (strcmp(run, "ok") == 0)
        tell_more();
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(facts)};

    test_limit = 50;
    find_build_directory();
    return test_main(argc, argv, last_stage(), "facts", tests, COUNT(tests));
}
