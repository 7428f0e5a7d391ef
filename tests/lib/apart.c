/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "apart.h"

#include "cgroups.h"
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 100,   /* between two looks at the tests */
    GRACE_MS = 5000, /* for a test that was told to end */
    FIRST_PID = 1000 /* as on a host; no container's PIDs get so far */
};

/* In place of a test's deadline. */
enum { NO_TEST = 0, OUT_OF_TIME = -1, TOO_MANY = -2 };

/* Shared by PID 1 and the process that runs cmocka. */
static struct watch {
    atomic_llong deadline; /* of the current test, or one of the above */
    atomic_bool give_up;   /* fail the test, which outlived its processes */
} * watch;

static char name[32];   /* of this run */
static int limit;       /* seconds that the current test has */
static int most = 1000; /* processes that a test may have */

static _Noreturn void stop(const char *what)
{
    fprintf(stderr, "harness: %s: %s\n", what, strerror(errno));
    exit(1);
}

const char *run_name(void)
{
    return name;
}

long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* --- the namespaces ------------------------------------------------------- */

/* A tmpfs covers these directories of the host. No other program of the machine
 * writes to that tmpfs, and the kernel removes its files with the mount. */
static const struct {
    const char *path, *options;
} covered[] = {
    {"/tmp", "mode=1777,size=512m"},
    {"/var/tmp", "mode=1777,size=512m"},
    {"/dev/shm", "mode=1777,size=512m"},
    {"/run", "mode=755,size=64m"},
};

static bool is_covered(const char *path)
{
    for (size_t i = 0; i < COUNT(covered); i++)
        if (strcmp(path, covered[i].path) == 0)
            return true;
    return false;
}

static void must_mount(const char *source, const char *target, const char *type,
                       unsigned long flags, const char *options)
{
    if (mount(source, target, type, flags, options) == -1)
        stop(format("mount %s", target));
}

static void cover_directories(void)
{
    struct stat st;

    for (size_t i = 0; i < COUNT(covered); i++)
        if (stat(covered[i].path, &st) == 0 && S_ISDIR(st.st_mode))
            must_mount("apart", covered[i].path, "tmpfs", MS_NOSUID | MS_NODEV,
                       covered[i].options);
    /* The queues of our own IPC namespace. */
    if (stat("/dev/mqueue", &st) == 0 && S_ISDIR(st.st_mode))
        must_mount("mqueue", "/dev/mqueue", "mqueue", 0, NULL);
}

/* mkdir -p; may fail. */
static void make_directories(const char *path)
{
    char *copy = format("%s", path);

    for (char *slash = copy; (slash = strchr(slash + 1, '/')); *slash = '/') {
        *slash = '\0';
        mkdir(copy, 0755);
    }
    mkdir(copy, 0755);
}

/* Mounts the directory FD at its PATH again, which a tmpfs may cover. */
static void show_again(int fd, const char *path)
{
    make_directories(path);
    must_mount(format("/proc/self/fd/%d", fd), path, NULL, MS_BIND | MS_REC,
               NULL);
}

static int open_path(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd == -1)
        stop(path);
    return fd;
}

/* A wrong program runs as root and may do anything. Let it write to the tree,
 * to tmpfs and to other disks, but not to the host's root. */
static void make_root_read_only(void)
{
    struct statvfs fs;

    if (statvfs("/", &fs) == -1)
        stop("statvfs /");
    must_mount(NULL, "/", NULL,
               MS_REMOUNT | MS_BIND | MS_RDONLY |
                   (fs.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC)),
               NULL);
}

/* Keeps the tree, BUILD's parent, in place and writable; only BUILD if that
 * parent is / or a covered directory. */
static void prepare_mounts(const char *build)
{
    char *tree = dirname(format("%s", build)), *here = getcwd(NULL, 0);
    int build_fd = open_path(build), tree_fd = open_path(tree);
    int here_fd = open_path(".");

    must_mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (graded() && umount2(directory_of_the_test(), MNT_DETACH) == -1)
        stop("hiding the tests from the submission");
    must_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    cover_directories();
    if (strcmp(tree, "/") != 0 && !is_covered(tree))
        show_again(tree_fd, tree);
    else
        show_again(build_fd, build);
    if (here && access(here, F_OK) == -1)
        show_again(here_fd, here);
    if (here && chdir(here) == -1)
        stop(here);
    close(build_fd);
    close(tree_fd);
    close(here_fd);
    make_root_read_only();
    make_directories(scratch());
    must_mount("scratch", scratch(), "tmpfs", 0, "mode=755,size=512m");
    /* Share all mounts, as systemd does at boot. */
    must_mount("none", "/", NULL, MS_REC | MS_SHARED, NULL);
}

/* Lets PIDs begin above those inside a container. Without effect if the kernel
 * lacks this file (CONFIG_CHECKPOINT_RESTORE). */
static void skip_pids(void)
{
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);

    if (fd == -1)
        return;
    dprintf(fd, "%d", FIRST_PID - 1);
    close(fd);
}

/* --- the process that runs cmocka ----------------------------------------- */

void watch_test(int seconds)
{
    limit = seconds;
    atomic_store(&watch->deadline, now_ms() + seconds * 1000LL);
}

void end_watch(void)
{
    atomic_store(&watch->deadline, NO_TEST);
}

const char *why_stopped(void)
{
    switch (atomic_load(&watch->deadline)) {
    case OUT_OF_TIME:
        return format("not ended after %d s, so all its processes were killed",
                      limit);
    case TOO_MANY:
        return format("more than %d processes, so all were killed", most);
    default:
        return NULL;
    }
}

/* PID 1 wants the test to end. The calls in which the test waits return. */
static void on_alarm(int number)
{
    (void)number;
    if (atomic_load(&watch->deadline) >= 0)
        return; /* the test ended meanwhile */
    kill(-1, SIGKILL);
    if (atomic_exchange(&watch->give_up, false))
        fail_msg("%s", why_stopped());
}

static void be_watched(void)
{
    /* No SA_RESTART, so calls return. SA_NODEFER: fail_msg() may jump out. */
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_NODEFER};

    sigset_t set;

    if (graded()) /* ptrace(2) and /proc/PID/mem then need CAP_SYS_PTRACE */
        prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* --- PID 1 ---------------------------------------------------------------- */

static int count_processes(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int found = 0;

    while (proc && (entry = readdir(proc)))
        found += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
    if (proc)
        closedir(proc);
    return found;
}

static void look_at(pid_t test)
{
    static long long since; /* when its processes were killed first */
    static bool told;       /* to give up */
    long long deadline = atomic_load(&watch->deadline), now = now_ms();
    long long verdict = NO_TEST;

    if (deadline > 0 && now > deadline)
        verdict = OUT_OF_TIME;
    else if (deadline > 0 && count_processes() > most)
        verdict = TOO_MANY;
    if (verdict != NO_TEST &&
        atomic_compare_exchange_strong(&watch->deadline, &deadline, verdict)) {
        since = now;
        told = false;
    }
    if (atomic_load(&watch->deadline) >= 0)
        return;
    if (now > since + GRACE_MS && !told)
        atomic_store(&watch->give_up, told = true);
    if (now > since + 2LL * GRACE_MS)
        fprintf(stderr, "harness: the test does not end; it was killed, and "
                        "the tests after it did not run\n");
    kill(test, now > since + 2LL * GRACE_MS ? SIGKILL : SIGALRM);
}

/* Returns the wait status of the process TEST. */
static int watch_over(pid_t test)
{
    struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    sigset_t set;
    int status;
    pid_t pid;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (;;) {
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == test)
                return status;
        look_at(test);
        sigtimedwait(&set, NULL, &tick);
    }
}

static int end_status(int status, const char *who)
{
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status);
    fprintf(stderr, "harness: %s was killed by signal %d (%s)\n", who,
            WTERMSIG(status), strsignal(WTERMSIG(status)));
    return 128 + WTERMSIG(status);
}

/* Returns in a child, which is to run cmocka, in a session without a terminal:
 * a stage that fails cannot disturb the user's. */
static void be_first_process(const char *build, int released,
                             const sigset_t *mask)
{
    char byte;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(released, &byte, 1) != 1) /* the keeper died before that */
        _exit(1);
    close(released);
    setsid();
    prepare_mounts(build);
    if (!enter_test_cgroups())
        stop("entering the cgroups of the tests");
    sethostname("test-host", 9);
    skip_pids();
    pid_t test = fork();
    if (test == -1)
        stop("fork");
    if (test > 0)
        _exit(end_status(watch_over(test), "the test program"));
    /* A shell starts background jobs with these two ignored. */
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    be_watched();
}

/* --- the keeper ----------------------------------------------------------- */

static void choose_name(void)
{
    unsigned int number;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        stop("getrandom");
    snprintf(name, sizeof(name), "container-test-%06x", number & 0xffffff);
}

/* Waits for PID 1, removes the cgroups, and ends with the status of PID 1, or
 * by the signal that ended the wait. */
static _Noreturn void keep(pid_t first, const sigset_t *set)
{
    int number, status = 0;

    while ((number = sigwaitinfo(set, NULL)) == SIGCHLD || number == -1)
        if (waitpid(first, &status, WNOHANG) == first)
            break;
    if (number != SIGCHLD) {
        kill(first, SIGKILL);
        waitpid(first, &status, 0);
    }
    remove_test_cgroups();
    if (number == SIGCHLD)
        exit(end_status(status, "PID 1 of the tests"));
    signal(number, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, set, NULL);
    raise(number);
    exit(128 + number);
}

static void block_signals(sigset_t *set, sigset_t *old)
{
    static const int numbers[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP};

    sigemptyset(set);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        sigaddset(set, numbers[i]);
        signal(numbers[i], SIG_DFL); /* an ignored one would not wake us */
    }
    sigprocmask(SIG_BLOCK, set, old);
}

/* Ends this process when the one that started it ends, or has ended before. */
static void end_with_parent(void)
{
    const char *runner = getenv("RUNNER");

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (runner && !exists(atoi(runner)))
        exit(1);
    unsetenv("RUNNER"); /* not for the programs that we start */
}

void leave_the_host(const char *build)
{
    const unsigned long flags =
        CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | SIGCHLD;
    sigset_t set, old;
    int released[2];

    if (getenv("PROCESSES"))
        most = atoi(getenv("PROCESSES"));
    end_with_parent();
    block_signals(&set, &old);
    choose_name();
    watch = mmap(NULL, sizeof(*watch), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (watch == MAP_FAILED || pipe2(released, O_CLOEXEC) == -1)
        stop("preparing");
    if (!make_test_cgroups(name)) {
        perror("harness: making the cgroups of the tests");
        remove_test_cgroups();
        exit(1);
    }
    pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        close(released[1]);
        be_first_process(build, released[0], &old);
        return;
    }
    if (pid == -1)
        perror("harness: clone");
    close(released[0]);
    if (pid == -1 || write(released[1], "", 1) != 1)
        remove_test_cgroups();
    if (pid == -1)
        exit(1);
    keep(pid, &set);
}
