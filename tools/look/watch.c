/* SPDX-License-Identifier: MIT
 *
 * Prints what the processes of containers do. The kernel's process connector
 * tells of each fork, exec and exit of the machine. From Linux 6.6 on, any user
 * may listen; look always requires root. See linux/cn_proc.h, netlink(7).
 */
#define _GNU_SOURCE
#include "look.h"

#include "../../common/error.h"
#include "../../common/files.h"

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The processes that are watched: programs of ours and their descendants. */
static pid_t *watched;
static size_t count;

static bool is_watched(pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (watched[i] == pid)
            return true;
    return false;
}

static void add(pid_t pid)
{
    watched = xrealloc(watched, (count + 1) * sizeof(*watched));
    watched[count++] = pid;
}

static void forget(pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (watched[i] == pid)
            watched[i--] = watched[--count];
}

static void add_running(void)
{
    struct machine *machine = read_machine();

    for (struct process *p = machine->processes; p->pid; p++)
        if (p->stage || p->container)
            add(p->pid);
    free_machine(machine);
}

static char buffer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));

static struct cn_msg *message_of(struct nlmsghdr *header)
{
    return NLMSG_DATA(header);
}

static struct proc_event *event_of(struct nlmsghdr *header)
{
    return (struct proc_event *)message_of(header)->data;
}

/* The kernel acknowledges the request to listen, with 0 or an errno. Outside of
 * the first PID and user namespace there is no answer at all. */
static int answer(int sock)
{
    struct pollfd ready = {.fd = sock, .events = POLLIN};
    struct nlmsghdr *header = (struct nlmsghdr *)buffer;

    while (poll(&ready, 1, 1000) == 1 &&
           recv(sock, buffer, sizeof(buffer), 0) > 0)
        if (event_of(header)->what == PROC_EVENT_NONE)
            return (int)event_of(header)->event_data.ack.err;
    return ENOTSUP;
}

/* Returns a socket on which the kernel sends the events. */
static int listen_to_kernel(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                  .nl_groups = CN_IDX_PROC};
    enum proc_cn_mcast_op op = PROC_CN_MCAST_LISTEN;
    struct nlmsghdr *header = (struct nlmsghdr *)buffer;
    int sock = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);

    header->nlmsg_len = NLMSG_LENGTH(sizeof(struct cn_msg) + sizeof(op));
    header->nlmsg_type = NLMSG_DONE;
    *message_of(header) =
        (struct cn_msg){.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof(op)};
    memcpy(message_of(header)->data, &op, sizeof(op));
    if (geteuid() != 0)
        errno = EPERM;
    if (geteuid() != 0 || sock == -1 ||
        bind(sock, (struct sockaddr *)&address, sizeof(address)) == -1 ||
        send(sock, buffer, header->nlmsg_len, 0) == -1 ||
        (errno = answer(sock)) != 0)
        fail(EXIT_SETUP,
             geteuid() ? "sudo build/look --watch"
                       : "no answer: run on the host itself, on a kernel with "
                         "CONFIG_PROC_EVENTS",
             "--watch: %s", strerror(errno));
    return sock;
}

static void print_event(const char *what, pid_t pid, const char *more)
{
    char now[16];
    time_t seconds = time(NULL);

    strftime(now, sizeof(now), "%H:%M:%S", localtime(&seconds));
    printf("%s  %-5s %7d  %s\n", now, what, pid, more);
    fflush(stdout);
}

static void print_fork(pid_t parent, pid_t child)
{
    struct machine *machine = read_machine();
    struct process *process = find_process(machine, child);
    int levels = process ? process->levels : 0;
    char *text = xasprintf("by %d", parent);

    if (levels > 1) {
        free(text);
        text = xasprintf("by %d; PID %d in %s", parent,
                         process->inside[levels - 1],
                         process->inside[levels - 1] > 1 && process->container
                             ? process->container->name
                             : "a new namespace");
    }
    print_event("fork", child, text);
    free(text);
    free_machine(machine);
}

static void handle(const struct proc_event *event)
{
    char *text;

    switch (event->what) {
    case PROC_EVENT_FORK:
        if (event->event_data.fork.child_pid !=
                event->event_data.fork.child_tgid ||
            !is_watched(event->event_data.fork.parent_tgid))
            break; /* a thread, or not ours */
        add(event->event_data.fork.child_tgid);
        print_fork(event->event_data.fork.parent_tgid,
                   event->event_data.fork.child_tgid);
        break;
    case PROC_EVENT_EXEC:
        if (!is_watched(event->event_data.exec.process_tgid)) {
            if (!stage_of(event->event_data.exec.process_tgid))
                break;
            add(event->event_data.exec.process_tgid);
        }
        text = command_of(event->event_data.exec.process_tgid);
        print_event("exec", event->event_data.exec.process_tgid,
                    strcmp(text, "[]") == 0 ? "(has ended)" : text);
        free(text);
        break;
    case PROC_EVENT_EXIT:
        if (event->event_data.exit.process_pid !=
                event->event_data.exit.process_tgid ||
            !is_watched(event->event_data.exit.process_tgid))
            break;
        forget(event->event_data.exit.process_tgid);
        int status = (int)event->event_data.exit.exit_code;
        text = status & 127 ? xasprintf("killed by signal %d", status & 127)
                            : xasprintf("status %d", status >> 8 & 255);
        print_event("exit", event->event_data.exit.process_tgid, text);
        free(text);
        break;
    default:
        break;
    }
}

void watch(void)
{
    int sock = listen_to_kernel();

    add_running();
    printf("%zu processes are watched; Ctrl-C ends this\n", count);
    fflush(stdout);
    for (;;) {
        ssize_t size = recv(sock, buffer, sizeof(buffer), 0);
        if (size == -1 && errno == ENOBUFS) {
            warn(NULL, "the kernel dropped events: too many at a time");
            continue;
        }
        if (size == -1 && errno != EINTR)
            die("recv", NULL);
        for (struct nlmsghdr *h = (struct nlmsghdr *)buffer;
             size > 0 && NLMSG_OK(h, (size_t)size); h = NLMSG_NEXT(h, size)) {
            if (h->nlmsg_type == NLMSG_DONE)
                handle(event_of(h));
        }
    }
}
