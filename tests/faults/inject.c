/* SPDX-License-Identifier: MIT
 *
 * Makes one system call of a stage fail, or kills its parent there.
 *
 *     inject list FILE PROGRAM [ARG]...
 *     inject ROLE CALL N ERRNO PROGRAM [ARG]...
 *
 * The first writes to FILE, one a line, what the parent ("host") and the first
 * process of the container call: "host openat 3", the third openat of the
 * host's process. A line "exec" stands where the container becomes COMMAND.
 * The second runs PROGRAM once more, and that call does not happen: it returns
 * ERRNO, a number. With "kill" as ERRNO the parent is sent SIGKILL before it.
 * Ends as the parent ends, once all traced processes have; 98: the call was not
 * made, 99: not ended after 20 seconds, or PATIENCE if that is longer.
 *
 * strace(1) can inject too, but into each process alike. See ptrace(2).
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BROKEN = 97, NOT_REACHED, HUNG, TIME_LIMIT_S = 20 };
enum { MOST_PROCESSES = 64, MOST_CALLS = 512 };

/* Internal to the kernel: it restarts the call, here because another task holds
 * a lock. The process does not see it. */
#define ERESTARTNOINTR 513

#define CALL(name)        \
    {                     \
        SYS_##name, #name \
    }

/* The calls that may fail. Left out: those that cannot (getpid), report it in
 * another way (brk) or take effect all the same (close), those by which the C
 * library starts (set_robust_list), and those that end the process. */
static const struct {
    long number;
    const char *name;
} names[] = {
    CALL(bind),          CALL(chdir),          CALL(chroot),
    CALL(clone),         CALL(clone3),         CALL(close_range),
    CALL(execve),        CALL(faccessat),      CALL(faccessat2),
    CALL(fchdir),        CALL(fcntl),          CALL(flock),
    CALL(fstat),         CALL(getdents64),     CALL(getsockname),
    CALL(getxattr),      CALL(dup3),           CALL(ioctl),
    CALL(keyctl),        CALL(kill),           CALL(lseek),
    CALL(memfd_create),  CALL(mkdirat),        CALL(mknodat),
    CALL(mmap),          CALL(mount),          CALL(mount_setattr),
    CALL(move_mount),    CALL(munmap),         CALL(newfstatat),
    CALL(open_tree),     CALL(openat),         CALL(pipe2),
    CALL(pivot_root),    CALL(ppoll),          CALL(prctl),
    CALL(pread64),       CALL(read),           CALL(readlinkat),
    CALL(recvfrom),      CALL(recvmsg),        CALL(removexattr),
    CALL(rt_sigaction),  CALL(rt_sigprocmask), CALL(sendmsg),
    CALL(setdomainname), CALL(setgroups),      CALL(sethostname),
    CALL(setsid),        CALL(setxattr),       CALL(signalfd4),
    CALL(socket),        CALL(socketpair),     CALL(symlinkat),
    CALL(umount2),       CALL(unlinkat),       CALL(unshare),
    CALL(wait4),         CALL(waitid),         CALL(write),
#ifdef SYS_open /* younger architectures have newer forms of these */
    CALL(access),        CALL(dup2),           CALL(mkdir),
    CALL(mknod),         CALL(open),           CALL(poll),
    CALL(readlink),      CALL(rmdir),          CALL(stat),
    CALL(symlink),
#endif
};

enum role { NEW, HOST, CONTAINER };

static const char *const roles[] = {"new", "host", "container"};

static struct process {
    pid_t pid;
    enum role role;
    int counts[MOST_CALLS]; /* how often each call was made */
    bool begun;             /* the C library has started */
    bool failing;           /* its present call was skipped: set the result */
    bool restarting;        /* the kernel restarts the last call */
} processes[MOST_PROCESSES];

static struct {
    const char *role, *call;
    int n, error;
    bool kill, reached;
} fault;

static FILE *list;
static pid_t host;

static _Noreturn void stop(const char *what)
{
    fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
    exit(BROKEN);
}

static struct process *process_of(pid_t pid)
{
    for (struct process *p = processes; p < processes + MOST_PROCESSES; p++)
        if (p->pid == pid)
            return p;
    for (struct process *p = processes; p < processes + MOST_PROCESSES; p++)
        if (p->pid == 0) {
            *p = (struct process){.pid = pid};
            return p;
        }
    errno = EAGAIN;
    stop("too many processes");
}

static const char *name_of(unsigned long long number)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if ((unsigned long long)names[i].number == number)
            return names[i].name;
    return NULL;
}

static bool is_name(const char *name)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].name, name) == 0)
            return true;
    return false;
}

/* --- registers ------------------------------------------------------------ */

/* On entry: there is no call of the number -1, so that none is made. */
static void skip_call(pid_t pid)
{
#ifdef __x86_64__
    ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax),
           -1L);
#elif defined(__aarch64__)
    int number = -1;
    struct iovec data = {&number, sizeof(number)};
    ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &data);
#else
#error "set the number of a call here, and its result in set_result()"
#endif
}

static void set_result(pid_t pid, long result)
{
    struct user_regs_struct registers;
    struct iovec data = {&registers, sizeof(registers)};

    ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &data);
#ifdef __x86_64__
    registers.rax = (unsigned long long)result;
#else
    registers.regs[0] = (unsigned long long)result;
#endif
    ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &data);
}

/* --- stops ---------------------------------------------------------------- */

/* Returns whether the process is nft(8), which is of no interest. The parent's
 * only other child is the container, whose first call is prctl(2). */
static bool enter_call(struct process *p, unsigned long long number)
{
    const char *name = name_of(number);
    bool begun = p->begun;

    if (p->role == NEW && number != SYS_prctl)
        return true;
    if (p->role == NEW) {
        p->role = CONTAINER;
        begun = p->begun = true;
    }
    if (number == SYS_set_tid_address)
        p->begun = true;
    if (!name || number >= MOST_CALLS || p->restarting)
        return false;
    int n = ++p->counts[number];
    if (list && begun)
        fprintf(list, "%s %s %d\n", roles[p->role], name, n);
    if (!fault.call || strcmp(fault.role, roles[p->role]) != 0 ||
        strcmp(fault.call, name) != 0 || fault.n != n)
        return false;
    fault.reached = true;
    if (fault.kill)
        kill(host, SIGKILL);
    else
        skip_call(p->pid);
    p->failing = !fault.kill;
    return false;
}

static void on_call(struct process *p)
{
    struct __ptrace_syscall_info info;
    bool other = false;

    if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(info), &info) == -1) {
        if (errno == EIO) /* before Linux 5.3 */
            stop("this kernel has no PTRACE_GET_SYSCALL_INFO");
        return; /* killed meanwhile */
    }
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        other = enter_call(p, info.entry.nr);
    else if (p->failing)
        set_result(p->pid, -fault.error);
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        p->failing = false;
        p->restarting = info.exit.rval == -ERESTARTNOINTR;
        if (p->restarting)
            poll(NULL, 0, 1); /* leave the processor to who holds the lock */
    }
    ptrace(other ? PTRACE_DETACH : PTRACE_SYSCALL, p->pid, 0, 0);
    if (other)
        p->pid = 0;
}

/* Handles a stop of a traced process. */
static void on_stop(struct process *p, int status)
{
    int number = WSTOPSIG(status), event = status >> 16;

    if (number == (SIGTRAP | 0x80)) {
        on_call(p);
    } else if (event == PTRACE_EVENT_EXEC && p->role == CONTAINER) {
        if (list)
            fprintf(list, "exec\n");
        ptrace(PTRACE_DETACH, p->pid, 0, 0);
        p->pid = 0;
    } else {
        /* A new process begins with a SIGSTOP that is not meant for it. */
        bool ours = event != 0 || (p->role == NEW && number == SIGSTOP);
        ptrace(PTRACE_SYSCALL, p->pid, 0, ours ? 0 : number);
    }
}

/* The kernel kills the traced processes when we exit: PTRACE_O_EXITKILL. */
static void on_alarm(int number)
{
    (void)number;
    _exit(HUNG);
}

static int trace(void)
{
    int status, result = 0;
    pid_t pid;

    const char *patience = getenv("PATIENCE");
    unsigned int limit = patience ? (unsigned int)atoi(patience) : 0;

    signal(SIGALRM, on_alarm);
    alarm(limit > TIME_LIMIT_S ? limit : TIME_LIMIT_S);
    while ((pid = waitpid(-1, &status, __WALL)) > 0) {
        struct process *p = process_of(pid);
        if (WIFSTOPPED(status)) {
            on_stop(p, status);
            continue;
        }
        p->pid = 0;
        if (pid == host)
            result = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                         : WEXITSTATUS(status);
    }
    return fault.call && !fault.reached ? NOT_REACHED : result;
}

static void start(char *const words[])
{
    const long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE |
                         PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                         PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
    int status;

    host = fork();
    if (host == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execv(words[0], words);
        _exit(BROKEN);
    }
    if (host == -1 || waitpid(host, &status, 0) != host)
        stop(words[0]);
    if (!WIFSTOPPED(status)) {
        errno = ENOEXEC;
        stop(words[0]);
    }
    process_of(host)->role = HOST;
    ptrace(PTRACE_SETOPTIONS, host, 0, options);
    ptrace(PTRACE_SYSCALL, host, 0, 0);
}

int main(int argc, char *argv[])
{
    if (argc > 3 && strcmp(argv[1], "list") == 0) {
        list = fopen(argv[2], "we");
        if (!list)
            stop(argv[2]);
        start(argv + 3);
        return trace();
    }
    if (argc < 6 || !is_name(argv[2]) || atoi(argv[3]) < 1 ||
        (strcmp(argv[1], "host") != 0 && strcmp(argv[1], "container") != 0)) {
        fprintf(stderr,
                "usage: inject list FILE PROGRAM [ARG]...\n"
                "       inject host|container CALL N ERRNO|kill PROGRAM "
                "[ARG]...\n");
        return BROKEN;
    }
    fault.role = argv[1];
    fault.call = argv[2];
    fault.n = atoi(argv[3]);
    fault.kill = strcmp(argv[4], "kill") == 0;
    fault.error = atoi(argv[4]);
    start(argv + 5);
    int status = trace();
    if (status == NOT_REACHED)
        fprintf(stderr, "inject: %s made no %s number %d\n", fault.role,
                fault.call, fault.n);
    return status;
}
