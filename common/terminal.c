/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "terminal.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 100, QUEUED_SIZE = 64 << 10 };

/* Bytes read from one side and not yet written to the other. */
struct flow {
    char bytes[4096];
    size_t length;
};

static struct flow typed, printed;
static pid_t first;                    /* the container's first process */
static int master = -1, slave = -1;    /* the container's terminal, both ends */
static int keyboard = -1, screen = -1; /* the caller's terminal; -1: not used */
static bool whole; /* standard input and output are the terminal: relay keys */
static bool raw;
static struct termios before; /* the caller's modes, while raw */

/* --- in the container ----------------------------------------------------- */

static int find_terminal(void)
{
    static const int order[] = {STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO};

    for (int i = 0; i < 3; i++)
        if (isatty(order[i]))
            return order[i];
    return -1;
}

/* Sets the modes and the size of TO like those of FROM. */
static void set_modes(int from, int to)
{
    struct winsize size;
    struct termios modes, callers;

    if (tcgetattr(to, &modes) == -1)
        die("tcgetattr", NULL);
    /* Copy the caller's modes, unless ICANON is off: then a program has changed
     * them for itself. */
    if (tcgetattr(from, &callers) == 0 && callers.c_lflag & ICANON)
        modes = callers;
    /* If the caller's terminal will not be made raw, it echoes by itself. */
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        modes.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(to, TCSANOW, &modes) == -1)
        die("tcsetattr", NULL);
    if (ioctl(from, TIOCGWINSZ, &size) == 0)
        ioctl(to, TIOCSWINSZ, &size);
}

/* Both ends of the container's terminal. */
struct ends {
    int master, slave;
};

/* Space for the two descriptors, sent with a message of one byte. See cmsg(3).
 */
union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(struct ends))];
};

static void send_ends(int channel, const struct ends *ends)
{
    union control control = {.header = {.cmsg_len = CMSG_LEN(sizeof(*ends)),
                                        .cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS}};
    struct iovec byte = {.iov_base = "", .iov_len = 1};
    struct msghdr message = {.msg_iov = &byte,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    memcpy(CMSG_DATA(&control.header), ends, sizeof(*ends));
    if (sendmsg(channel, &message, 0) == -1)
        die("sendmsg", "to the parent");
}

bool give_terminal(int channel)
{
    int callers = find_terminal(), locked = 0;

    if (callers == -1)
        return false;
    int ours = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ours == -1 || ioctl(ours, TIOCSPTLCK, &locked) == -1)
        die("open", "/dev/ptmx");
    /* Open by the descriptor: a path could lead to another devpts. */
    int terminal = ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal == -1 || ioctl(terminal, TIOCSCTTY, 0) == -1)
        die("open", "the container's terminal");
    set_modes(callers, terminal);
    send_ends(channel, &(struct ends){ours, terminal});
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (isatty(fd) && dup2(terminal, fd) == -1)
            die("dup2", NULL);
    return true;
}

/* --- in the parent: the caller's terminal --------------------------------- */

/* Returns whether this job is in the terminal's foreground. Returns true as
 * well if the terminal does not control this session (GROUP is -1). */
static bool in_foreground(void)
{
    pid_t group = tcgetpgrp(STDIN_FILENO);

    return group == -1 || group == getpgrp();
}

void take_terminal(void)
{
    struct winsize size;
    struct termios now;

    if (master == -1)
        return;
    if (ioctl(find_terminal(), TIOCGWINSZ, &size) == 0)
        ioctl(master, TIOCSWINSZ, &size);
    if (!whole || !in_foreground() || tcgetattr(STDIN_FILENO, &now) == -1)
        return;
    if (!raw || now.c_lflag & ICANON)
        before = now;
    now = before;
    cfmakeraw(&now);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &now) == -1)
        return;
    raw = true;
    if (isatty(STDERR_FILENO))
        line_end = "\r\n";
}

void restore_terminal(void)
{
    if (raw && in_foreground())
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    raw = false;
    line_end = "\n";
}

void end_typing(void)
{
    restore_terminal();
    whole = false;
    keyboard = -1;
}

/* Returns a new descriptor of FD's terminal, or FD if that fails. The shell
 * shares FD's open file description, which must not become O_NONBLOCK. */
static int open_again(int fd)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int again = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    return again == -1 ? fd : again;
}

void receive_terminal(int channel, pid_t pid)
{
    union control control;
    struct ends ends;
    char text;
    struct iovec byte = {.iov_base = &text, .iov_len = 1};
    struct msghdr message = {.msg_iov = &byte,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != 1)
        return;
    if (message.msg_flags & MSG_CTRUNC) { /* no free descriptor number */
        errno = EMFILE;
        die("recvmsg", "the container's terminal");
    }
    if (!CMSG_FIRSTHDR(&message))
        return;
    memcpy(&ends, CMSG_DATA(&control.header), sizeof(ends));
    /* Hold the slave open: otherwise reading the master fails while no process
     * of the container has the slave open. The parent cannot open the slave by
     * itself: if COMMAND has ended, its mount namespace is gone. */
    master = ends.master;
    slave = ends.slave;
    if (fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) == -1)
        die("fcntl", "the container's terminal");
    first = pid;
    whole = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    screen = open_again(find_terminal());
    if (isatty(STDIN_FILENO))
        keyboard = open_again(STDIN_FILENO);
    at_exit(restore_terminal);
    take_terminal();
}

/* --- in the parent: the relay --------------------------------------------- */

/* The caller's terminal has hung up: hang up the container's. */
static void hang_up(void)
{
    close(master);
    close(slave);
    master = slave = keyboard = -1;
    typed.length = printed.length = 0;
}

/* Writes as much as FD accepts. Drops the bytes if FD cannot be written to any
 * more. */
static void write_flow(struct flow *flow, int fd)
{
    ssize_t n = flow->length ? write(fd, flow->bytes, flow->length) : 0;

    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == -1)
        n = (ssize_t)flow->length;
    flow->length -= (size_t)n;
    memmove(flow->bytes, flow->bytes + n, flow->length);
}

/* Reads output and returns whether there was any. The container's terminal adds
 * a carriage return to each line. Only a raw terminal needs it: remove it for
 * any other, which adds its own. */
static bool read_printed(void)
{
    char text[sizeof(printed.bytes)];
    ssize_t n = printed.length ? 0 : read(master, text, sizeof(text));

    for (ssize_t i = 0; i < n; i++)
        if (raw || text[i] != '\r' || i + 1 == n || text[i + 1] != '\n')
            printed.bytes[printed.length++] = text[i];
    return n > 0;
}

/* Returns the signal that KEY sends in the container's terminal; 0: none. */
static int signal_of_key(const struct termios *modes, char key)
{
    static const int keys[][2] = {
        {VINTR, SIGINT}, {VQUIT, SIGQUIT}, {VSUSP, SIGTSTP}};

    for (int i = 0; i < 3; i++)
        if (modes->c_lflag & ISIG && key &&
            (cc_t)key == modes->c_cc[keys[i][0]])
            return keys[i][1];
    return 0;
}

/* Read one key at a time. Keys after the one that ends the container are for
 * the caller's shell. */
static void read_keys(bool (*judge)(int signal))
{
    struct termios modes;
    ssize_t n = 0;
    char key;

    if (tcgetattr(master, &modes) == -1)
        return;
    while (keyboard != -1 && typed.length < sizeof(typed.bytes) &&
           (n = read(keyboard, &key, 1)) == 1) {
        int signal = signal_of_key(&modes, key);
        if (!signal || tcgetpgrp(master) != first || judge(signal))
            typed.bytes[typed.length++] = key;
        if (!raw || keyboard == STDIN_FILENO) /* a read could block */
            return;
    }
    if (n == 0 || (n == -1 && errno == EIO && in_foreground()))
        hang_up();
}

/* Reads a line. One that does not end with a newline was ended by Ctrl-D. */
static void read_line(void)
{
    ssize_t n = read(keyboard, typed.bytes, sizeof(typed.bytes) - 1);
    struct termios modes;

    if (n == -1 || tcgetattr(master, &modes) == -1)
        return;
    if (modes.c_lflag & ICANON && (n == 0 || typed.bytes[n - 1] != '\n'))
        typed.bytes[n++] = (char)modes.c_cc[VEOF];
    typed.length = (size_t)n;
}

/* Returns whether the keyboard's input is for the container. If standard output
 * is a pipe to a pager, the pager sets the terminal to single keys (no ICANON)
 * and reads them itself. */
static bool may_read_keys(void)
{
    struct termios now;

    if (keyboard == -1 || !in_foreground())
        return false;
    return whole ? raw
                 : tcgetattr(STDIN_FILENO, &now) == 0 && now.c_lflag & ICANON;
}

int watch_terminal(struct pollfd fds[TERMINAL_FDS])
{
    if (whole && raw != in_foreground())
        raw ? restore_terminal() : take_terminal();
    bool reading = may_read_keys();

    fds[0] = (struct pollfd){.fd = master,
                             .events = (short)((printed.length ? 0 : POLLIN) |
                                               (typed.length ? POLLOUT : 0))};
    fds[1] = (struct pollfd){.fd = reading && !typed.length ? keyboard : -1,
                             .events = POLLIN};
    fds[2] =
        (struct pollfd){.fd = printed.length ? screen : -1, .events = POLLOUT};
    /* Poll: no signal tells that this job is in the foreground again, or that a
     * pager has ended. */
    return keyboard != -1 && !reading ? LOOK_AGAIN_MS : -1;
}

void relay_terminal(const struct pollfd fds[TERMINAL_FDS],
                    bool (*judge)(int signal))
{
    if (fds[1].revents & POLLHUP)
        hang_up();
    else if (fds[1].revents && raw)
        read_keys(judge);
    else if (fds[1].revents)
        read_line();
    if (master == -1)
        return;
    if (fds[0].revents)
        read_printed();
    write_flow(&typed, master);
    write_flow(&printed, screen);
}

static bool is_told_to_end(int signals)
{
    struct signalfd_siginfo info;

    while (read(signals, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo == SIGHUP || info.ssi_signo == SIGINT ||
            info.ssi_signo == SIGQUIT || info.ssi_signo == SIGTERM)
            return true;
    return false;
}

/* The kernel and PRINTED hold some 16 KiB of what COMMAND wrote. A process that
 * COMMAND left behind may print for ever: stop after more than that. */
void drain_terminal(int signals)
{
    size_t written = 0;

    while (master != -1 && written < QUEUED_SIZE &&
           (printed.length || read_printed())) {
        struct pollfd fds[] = {{.fd = screen, .events = POLLOUT},
                               {.fd = signals, .events = POLLIN}};

        written += printed.length;
        write_flow(&printed, screen);
        written -= printed.length;
        if (printed.length &&
            (poll(fds, 2, -1) == -1 || is_told_to_end(signals)))
            return;
    }
}

pid_t terminal_foreground(pid_t pid)
{
    pid_t group = master == -1 ? -1 : tcgetpgrp(master);

    return group > 0 ? group : pid;
}
