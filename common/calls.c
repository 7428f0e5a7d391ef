/* SPDX-License-Identifier: MIT
 *
 * The narrated calls, see narrate.h. For a call NAME, the linker binds NAME in
 * other files to __wrap_NAME here, and __real_NAME here to the function of the
 * C library or of syscalls.c.
 */
#define _GNU_SOURCE
#include "narrate.h"

#include "syscalls.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

/* Cut long strings and arrays where strace does. */
enum { LONGEST_STRING = 32, LONGEST_ARRAY = 32 };

struct line {
    char text[2048];
    size_t length;
};

struct flag {
    unsigned long value;
    const char *name;
};

#define FLAG(name)  \
    {               \
        name, #name \
    }

/* The head of the function that replaces the call NAME. */
#define WRAP(type, name, ...)        \
    type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__)

static const struct flag clone_flags[] = {
    FLAG(CLONE_NEWNS),  FLAG(CLONE_NEWCGROUP),   FLAG(CLONE_NEWUTS),
    FLAG(CLONE_NEWIPC), FLAG(CLONE_NEWUSER),     FLAG(CLONE_NEWPID),
    FLAG(CLONE_NEWNET), FLAG(CLONE_INTO_CGROUP), {0, NULL},
};
static const struct flag mount_flags[] = {
    FLAG(MS_RDONLY),
    FLAG(MS_NOSUID),
    FLAG(MS_NODEV),
    FLAG(MS_NOEXEC),
    FLAG(MS_SYNCHRONOUS),
    FLAG(MS_REMOUNT),
    FLAG(MS_NOSYMFOLLOW),
    FLAG(MS_NOATIME),
    FLAG(MS_NODIRATIME),
    FLAG(MS_BIND),
    FLAG(MS_MOVE),
    FLAG(MS_REC),
    FLAG(MS_UNBINDABLE),
    FLAG(MS_PRIVATE),
    FLAG(MS_SLAVE),
    FLAG(MS_SHARED),
    FLAG(MS_RELATIME),
    FLAG(MS_STRICTATIME),
    {0, NULL},
};
static const struct flag umount_flags[] = {
    FLAG(MNT_FORCE),       FLAG(MNT_DETACH), FLAG(MNT_EXPIRE),
    FLAG(UMOUNT_NOFOLLOW), {0, NULL},
};
static const struct flag open_tree_flags[] = {
    FLAG(OPEN_TREE_CLONE), FLAG(OPEN_TREE_CLOEXEC),   FLAG(AT_EMPTY_PATH),
    FLAG(AT_RECURSIVE),    FLAG(AT_SYMLINK_NOFOLLOW), {0, NULL},
};
static const struct flag move_mount_flags[] = {
    FLAG(MOVE_MOUNT_F_EMPTY_PATH),
    FLAG(MOVE_MOUNT_T_SYMLINKS),
    {0, NULL},
};
static const struct flag setattr_flags[] = {
    FLAG(AT_EMPTY_PATH),
    FLAG(AT_RECURSIVE),
    FLAG(AT_SYMLINK_NOFOLLOW),
    {0, NULL},
};
static const struct flag mount_attrs[] = {
    FLAG(MOUNT_ATTR_RDONLY),
    {0, NULL},
};
static const struct flag file_types[] = {
    FLAG(S_IFCHR),
    FLAG(S_IFIFO),
    FLAG(S_IFREG),
    {0, NULL},
};
static const struct flag signals[] = {
    FLAG(SIGHUP),  FLAG(SIGINT),  FLAG(SIGQUIT), FLAG(SIGILL),  FLAG(SIGTRAP),
    FLAG(SIGABRT), FLAG(SIGBUS),  FLAG(SIGFPE),  FLAG(SIGKILL), FLAG(SIGUSR1),
    FLAG(SIGSEGV), FLAG(SIGUSR2), FLAG(SIGPIPE), FLAG(SIGALRM), FLAG(SIGTERM),
    FLAG(SIGCHLD), FLAG(SIGCONT), FLAG(SIGSTOP), FLAG(SIGTSTP), FLAG(SIGXCPU),
    FLAG(SIGSYS),  {0, NULL},
};

static const struct flag prctl_options[] = {
    FLAG(PR_SET_PDEATHSIG),    FLAG(PR_SET_DUMPABLE),
    FLAG(PR_SET_NAME),         FLAG(PR_SET_CHILD_SUBREAPER),
    FLAG(PR_SET_NO_NEW_PRIVS), FLAG(PR_CAPBSET_DROP),
    FLAG(PR_CAP_AMBIENT),      FLAG(PR_SET_SECUREBITS),
    FLAG(PR_SET_KEEPCAPS),     {0, NULL},
};

static const struct flag errors[] = {
    FLAG(EPERM),  FLAG(ENOENT),  FLAG(ESRCH),        FLAG(EINTR),
    FLAG(EIO),    FLAG(ENOEXEC), FLAG(EBADF),        FLAG(EAGAIN),
    FLAG(ENOMEM), FLAG(EACCES),  FLAG(EFAULT),       FLAG(EBUSY),
    FLAG(EEXIST), FLAG(EXDEV),   FLAG(ENODEV),       FLAG(ENOTDIR),
    FLAG(EISDIR), FLAG(EINVAL),  FLAG(ENFILE),       FLAG(EMFILE),
    FLAG(ENOSPC), FLAG(EROFS),   FLAG(ENAMETOOLONG), FLAG(ENOSYS),
    FLAG(ELOOP),  FLAG(EUSERS),  FLAG(EOPNOTSUPP),   {0, NULL},
};

static bool is_narrating(void)
{
    return narration != NARRATE_NOTHING;
}

static void add(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
    size_t room = sizeof(line->text) - line->length;
    va_list args;

    va_start(args, format);
    int n = vsnprintf(line->text + line->length, room, format, args);
    va_end(args);
    if (n > 0)
        line->length += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_flags(struct line *line, const struct flag *flags,
                      unsigned long value)
{
    const char *bar = "";

    for (; flags->name; flags++)
        if (value & flags->value) {
            add(line, "%s%s", bar, flags->name);
            value &= ~flags->value;
            bar = "|";
        }
    if (value || !*bar)
        add(line, value ? "%s%#lx" : "%s%lu", bar, value);
}

/* Adds the name of NUMBER, or NUMBER itself if NAMES has none. */
static void add_name(struct line *line, const struct flag *names, int number)
{
    while (names->name && names->value != (unsigned long)number)
        names++;
    if (names->name)
        add(line, "%s", names->name);
    else
        add(line, "%d", number);
}

static void add_signal(struct line *line, int number)
{
    add_name(line, signals, number);
}

static void add_byte(struct line *line, unsigned char byte, char next)
{
    static const char escaped[] = "\t\n\v\f\r\"\\", letters[] = "tnvfr\"\\";
    const char *at = byte ? strchr(escaped, byte) : NULL;

    if (at)
        add(line, "\\%c", letters[at - escaped]);
    else if (byte >= ' ' && byte <= '~')
        add(line, "%c", byte);
    else /* pad to three digits if a digit follows: it would join the escape */
        add(line, isdigit((unsigned char)next) ? "\\%03o" : "\\%o", byte);
}

static void add_bytes(struct line *line, const char *text, size_t length)
{
    bool cut = length > LONGEST_STRING;

    if (!text) {
        add(line, "NULL");
        return;
    }
    if (cut)
        length = LONGEST_STRING;
    add(line, "\"");
    for (size_t i = 0; i < length; i++)
        add_byte(line, (unsigned char)text[i],
                 i + 1 < length ? text[i + 1] : '\0');
    add(line, cut ? "\"..." : "\"");
}

static void add_string(struct line *line, const char *text)
{
    add_bytes(line, text, text ? strlen(text) : 0);
}

/* Unlike other strings, a path is never cut. */
static void add_path(struct line *line, const char *path)
{
    if (path)
        add(line, "\"%s\"", path);
    else
        add(line, "NULL");
}

static void add_directory(struct line *line, int fd)
{
    if (fd == AT_FDCWD)
        add(line, "AT_FDCWD");
    else
        add(line, "%d", fd);
}

/* Adds the call's result, or its errno, and prints the line. */
static void finish_line(struct line *line, long result, bool always)
{
    int error = errno;

    if (result == -1) {
        add(line, ") = -1 ");
        add_name(line, errors, error);
        add(line, " (%s)", strerror(error));
    } else {
        add(line, ") = %ld", result);
    }
    narrate_line(line->text, result == -1, always);
    errno = error;
}

static void finish(struct line *line, long result)
{
    finish_line(line, result, false);
}

void narrate_write(int fd, const char *path, const char *text, long result)
{
    struct line line = {.length = 0};

    if (!is_narrating())
        return;
    add(&line, "write(%d<%s>, ", fd, path);
    add_string(&line, text);
    add(&line, ", %zu", strlen(text));
    finish(&line, result);
}

/* clone and clone3 make the container: never fold them. Pass on all arguments
 * of clone, as the C library does. */
WRAP(int, clone, int (*function)(void *), void *stack, int flags, void *arg,
     ...)
{
    struct line line = {.length = 0};
    void *more[3]; /* parent_tid, tls, child_tid */
    va_list args;

    va_start(args, arg);
    for (int i = 0; i < 3; i++)
        more[i] = va_arg(args, void *);
    va_end(args);
    narrate_names();
    int result =
        __real_clone(function, stack, flags, arg, more[0], more[1], more[2]);

    if (is_narrating()) {
        add(&line, "clone(child_stack=%p, flags=", stack);
        if (flags & ~CSIGNAL) {
            add_flags(&line, clone_flags, (unsigned long)flags & ~CSIGNAL);
            add(&line, "|");
        }
        add_signal(&line, flags & CSIGNAL);
        finish_line(&line, result, true);
    }
    return result;
}

WRAP(pid_t, clone3, struct clone_args *args, size_t size)
{
    struct line line = {.length = 0};

    narrate_names();
    pid_t result = __real_clone3(args, size);

    if (is_narrating() && result != 0) {
        add(&line, "clone3(%s", args ? "{flags=" : "NULL");
        if (args) {
            add_flags(&line, clone_flags, (unsigned long)args->flags);
            add(&line, ", exit_signal=");
            add_signal(&line, (int)args->exit_signal);
            add(&line, ", stack=NULL, stack_size=0, cgroup=%d}",
                (int)args->cgroup);
        }
        add(&line, ", %zu", size);
        finish_line(&line, result, true);
    }
    return result;
}

WRAP(int, unshare, int flags)
{
    struct line line = {.length = 0};
    int result = __real_unshare(flags);

    if (is_narrating()) {
        add(&line, "unshare(");
        add_flags(&line, clone_flags, (unsigned long)flags);
        finish(&line, result);
    }
    return result;
}

/* Pass all five arguments on, as the C library does. Print those that strace
 * prints: a signal, or four numbers. */
WRAP(int, prctl, int option, ...)
{
    struct line line = {.length = 0};
    unsigned long words[4];
    va_list args;

    va_start(args, option);
    for (int i = 0; i < 4; i++)
        words[i] = va_arg(args, unsigned long);
    va_end(args);
    int result = __real_prctl(option, words[0], words[1], words[2], words[3]);
    if (is_narrating()) {
        add(&line, "prctl(");
        add_name(&line, prctl_options, option);
        add(&line, ", ");
        if (option == PR_SET_PDEATHSIG)
            add_signal(&line, (int)words[0]);
        else
            add(&line, "%lu, %lu, %lu, %lu", words[0], words[1], words[2],
                words[3]);
        finish(&line, result);
    }
    return result;
}

WRAP(int, mount, const char *source, const char *target, const char *type,
     unsigned long flags, const void *data)
{
    struct line line = {.length = 0};
    int result = __real_mount(source, target, type, flags, data);

    if (is_narrating()) {
        add(&line, "mount(");
        add_path(&line, source);
        add(&line, ", ");
        add_path(&line, target);
        add(&line, ", ");
        add_path(&line, type);
        add(&line, ", ");
        add_flags(&line, mount_flags, flags);
        add(&line, ", ");
        add_string(&line, data);
        finish(&line, result);
    }
    return result;
}

WRAP(int, umount2, const char *target, int flags)
{
    struct line line = {.length = 0};
    int result = __real_umount2(target, flags);

    if (is_narrating()) {
        add(&line, "umount2(");
        add_path(&line, target);
        add(&line, ", ");
        add_flags(&line, umount_flags, (unsigned long)flags);
        finish(&line, result);
    }
    return result;
}

WRAP(int, pivot_root, const char *new_root, const char *put_old)
{
    struct line line = {.length = 0};
    int result = __real_pivot_root(new_root, put_old);

    if (is_narrating()) {
        add(&line, "pivot_root(");
        add_path(&line, new_root);
        add(&line, ", ");
        add_path(&line, put_old);
        finish(&line, result);
    }
    return result;
}

WRAP(int, open_tree, int dirfd, const char *path, unsigned int flags)
{
    struct line line = {.length = 0};
    int result = __real_open_tree(dirfd, path, flags);

    if (is_narrating()) {
        add(&line, "open_tree(");
        add_directory(&line, dirfd);
        add(&line, ", ");
        add_path(&line, path);
        add(&line, ", ");
        add_flags(&line, open_tree_flags, flags);
        finish(&line, result);
    }
    return result;
}

WRAP(int, move_mount, int from_dirfd, const char *from_path, int to_dirfd,
     const char *to_path, unsigned int flags)
{
    struct line line = {.length = 0};
    int result =
        __real_move_mount(from_dirfd, from_path, to_dirfd, to_path, flags);

    if (is_narrating()) {
        add(&line, "move_mount(");
        add_directory(&line, from_dirfd);
        add(&line, ", ");
        add_path(&line, from_path);
        add(&line, ", ");
        add_directory(&line, to_dirfd);
        add(&line, ", ");
        add_path(&line, to_path);
        add(&line, ", ");
        add_flags(&line, move_mount_flags, flags);
        finish(&line, result);
    }
    return result;
}

WRAP(int, mount_setattr, int dirfd, const char *path, unsigned int flags,
     struct mount_attr *attr, size_t size)
{
    struct line line = {.length = 0};
    int result = __real_mount_setattr(dirfd, path, flags, attr, size);

    if (is_narrating()) {
        add(&line, "mount_setattr(");
        add_directory(&line, dirfd);
        add(&line, ", ");
        add_path(&line, path);
        add(&line, ", ");
        add_flags(&line, setattr_flags, flags);
        add(&line, attr ? ", {attr_set=" : ", NULL");
        if (attr) {
            add_flags(&line, mount_attrs, (unsigned long)attr->attr_set);
            /* strace has no name for a propagation of 0, "unchanged". */
            add(&line, ", attr_clr=%lu, propagation=%lu%s, userns_fd=%lu}",
                (unsigned long)attr->attr_clr, (unsigned long)attr->propagation,
                attr->propagation ? "" : " /* MS_??? */",
                (unsigned long)attr->userns_fd);
        }
        add(&line, ", %zu", size);
        finish(&line, result);
    }
    return result;
}

WRAP(int, close_range, unsigned int first, unsigned int last, int flags)
{
    struct line line = {.length = 0};
    int result = __real_close_range(first, last, flags);

    if (is_narrating()) {
        add(&line, "close_range(%u, %u, %d", first, last, flags);
        finish(&line, result);
    }
    return result;
}

WRAP(int, sethostname, const char *name, size_t length)
{
    struct line line = {.length = 0};
    int result = __real_sethostname(name, length);

    if (is_narrating()) {
        add(&line, "sethostname(");
        add_bytes(&line, name, length);
        add(&line, ", %zu", length);
        finish(&line, result);
    }
    return result;
}

WRAP(int, setdomainname, const char *name, size_t length)
{
    struct line line = {.length = 0};
    int result = __real_setdomainname(name, length);

    if (is_narrating()) {
        add(&line, "setdomainname(");
        add_bytes(&line, name, length);
        add(&line, ", %zu", length);
        finish(&line, result);
    }
    return result;
}

WRAP(pid_t, setsid, void)
{
    struct line line = {.length = 0};
    pid_t result = __real_setsid();

    if (is_narrating()) {
        add(&line, "setsid(");
        finish(&line, result);
    }
    return result;
}

/* This one and the next print only what the stages use: setgroups(2) with no
 * groups, keyctl(2) with a new keyring. */
WRAP(int, setgroups, size_t count, const gid_t *groups)
{
    struct line line = {.length = 0};
    int result = __real_setgroups(count, groups);

    if (is_narrating()) {
        add(&line, groups ? "setgroups(%zu, [...]" : "setgroups(%zu, NULL",
            count);
        finish(&line, result);
    }
    return result;
}

WRAP(long, keyctl, int operation, const char *name)
{
    struct line line = {.length = 0};
    long result = __real_keyctl(operation, name);

    if (is_narrating()) {
        add(&line,
            operation == KEYCTL_JOIN_SESSION_KEYRING
                ? "keyctl(KEYCTL_JOIN_SESSION_KEYRING, "
                : "keyctl(%d, ",
            operation);
        add_string(&line, name);
        finish(&line, result);
    }
    return result;
}

/* Narrates chdir(2) or chroot(2) and returns RESULT. */
static int narrate_path(const char *call, const char *path, int result)
{
    struct line line = {.length = 0};

    if (is_narrating()) {
        add(&line, "%s(", call);
        add_path(&line, path);
        finish(&line, result);
    }
    return result;
}

WRAP(int, chdir, const char *path)
{
    return narrate_path("chdir", path, __real_chdir(path));
}

WRAP(int, chroot, const char *path)
{
    return narrate_path("chroot", path, __real_chroot(path));
}

/* Make these two by the system call that every architecture has. C libraries
 * choose between mknod and mknodat, symlink and symlinkat. */
WRAP(int, mknod, const char *path, mode_t mode, dev_t device)
{
    struct line line = {.length = 0};
    int result = mknodat(AT_FDCWD, path, mode, device);

    if (is_narrating()) {
        add(&line, "mknodat(AT_FDCWD, ");
        add_path(&line, path);
        add(&line, ", ");
        add_flags(&line, file_types, mode & S_IFMT);
        add(&line, "|%#03o, makedev(%#x, %#x)", mode & ~(mode_t)S_IFMT,
            major(device), minor(device));
        finish(&line, result);
    }
    return result;
}

WRAP(int, symlink, const char *target, const char *path)
{
    struct line line = {.length = 0};
    int result = symlinkat(target, AT_FDCWD, path);

    if (is_narrating()) {
        add(&line, "symlinkat(");
        add_path(&line, target);
        add(&line, ", AT_FDCWD, ");
        add_path(&line, path);
        finish(&line, result);
    }
    return result;
}

WRAP(int, kill, pid_t pid, int number)
{
    struct line line = {.length = 0};
    int result = __real_kill(pid, number);

    if (is_narrating()) {
        add(&line, "kill(%d, ", pid);
        add_signal(&line, number);
        finish(&line, result);
    }
    return result;
}

static void add_wait_status(struct line *line, const int *status)
{
    if (!status) {
        add(line, "NULL");
    } else if (WIFSIGNALED(*status)) {
        add(line, "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
        add_signal(line, WTERMSIG(*status));
        add(line, WCOREDUMP(*status) ? " && WCOREDUMP(s)}]" : "}]");
    } else {
        add(line, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]",
            WEXITSTATUS(*status));
    }
}

/* Print the call only if it returns a child, not each poll with WNOHANG. */
WRAP(pid_t, waitpid, pid_t pid, int *status, int options)
{
    struct line line = {.length = 0};
    pid_t result = __real_waitpid(pid, status, options);

    if (is_narrating() && result > 0) {
        add(&line, "wait4(%d, ", pid);
        add_wait_status(&line, status);
        add(&line, ", %s, NULL", options & WNOHANG ? "WNOHANG" : "0");
        finish(&line, result);
    }
    return result;
}

/* Print the call before making it, without a result, because it does not return
 * if it succeeds; execute() reports a failure. Never fold it: the folded lines
 * would be lost with the program. */
WRAP(int, execve, const char *path, char *const argv[], char *const envp[])
{
    struct line line = {.length = 0};

    if (is_narrating() && path && access(path, F_OK) == 0) {
        add(&line, "execve(\"%s\", %s", path, argv ? "[" : "NULL");
        for (int i = 0; argv && i < LONGEST_ARRAY && argv[i]; i++) {
            add(&line, i ? ", " : "");
            add_string(&line, argv[i]);
            if (i + 1 == LONGEST_ARRAY && argv[i + 1])
                add(&line, ", ...");
        }
        int variables = 0;
        while (envp && envp[variables])
            variables++;
        add(&line, argv ? "], " : ", ");
        add(&line, envp ? "/* %d vars */)" : "NULL)", variables);
        narrate_line(line.text, false, true);
    }
    return __real_execve(path, argv, envp);
}
