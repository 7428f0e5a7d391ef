/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "network.h"

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 10000 };

/* Disables duplicate address detection: a new IPv6 address is "tentative" for a
 * second, and two states of the host would differ. Returns false with errno. */
static bool ask_for_no_duplicates(void)
{
    int fd = open("/proc/sys/net/ipv6/conf/default/accept_dad",
                  O_WRONLY | O_CLOEXEC);

    if (fd == -1)
        return errno == ENOENT; /* no IPv6 at all */
    bool written = write(fd, "0", 1) == 1;
    close(fd);
    return written;
}

bool enter_test_network(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};

    if (unshare(CLONE_NEWNET) == -1 || !ask_for_no_duplicates())
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return false;
    bool up = ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
    close(fd);
    return up;
}

/* The number that the network namespace of a process has here, -1 if it has
 * none: see NETNSA_NSID in linux/net_namespace.h. */
static int namespace_number(pid_t pid)
{
    struct {
        struct nlmsghdr header;
        struct rtgenmsg message;
        struct nlattr attribute __attribute__((aligned(NLA_ALIGNTO)));
        int pid;
    } request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_type = RTM_GETNSID,
                   .nlmsg_flags = NLM_F_REQUEST},
        .attribute = {.nla_len = sizeof(struct nlattr) + sizeof(int),
                      .nla_type = NETNSA_PID},
        .pid = pid,
    };
    struct {
        struct nlmsghdr header;
        struct rtgenmsg message;
        struct nlattr attribute __attribute__((aligned(NLA_ALIGNTO)));
        int number;
        char rest[4096];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    assert_return_code(fd, errno);
    assert_return_code(send(fd, &request, sizeof(request), 0), errno);
    assert_return_code(recv(fd, &answer, sizeof(answer), 0), errno);
    close(fd);
    return answer.header.nlmsg_type == RTM_NEWNSID ? answer.number : -1;
}

/* Returns whether the network namespace with this number still has a process.
 * After the last one, a closed socket can keep the namespace for a moment. */
static bool is_namespace_alive(int number)
{
    for (pid_t *pid = processes_with(""); *pid; pid++)
        if (namespace_number(*pid) == number)
            return true;
    return false;
}

/* Returns whether the kernel has yet to remove the veth pair of a container
 * that has ended. */
static bool is_any_port_dying(void)
{
    struct result result =
        run_program(NULL, WORDS("ip", "-o", "link", "show", "type", "veth"));
    bool dying = false;
    char *next;

    assert_status(result, 0);
    for (char *line = strtok_r(result.out, "\n", &next); line;
         line = strtok_r(NULL, "\n", &next)) {
        const char *at = strstr(line, " link-netnsid ");
        int third, fourth, number;

        if (sscanf(line, "%*d: veth%d-%d@", &third, &fourth) == 2 &&
            (!strstr(line, " master ") || !at ||
             sscanf(at, " link-netnsid %d", &number) != 1 ||
             !is_namespace_alive(number)))
            dying = true;
    }
    free(result.out);
    free(result.err);
    return dying;
}

void wait_for_dying_ports(void)
{
    for (int ms = 0; ms < WAIT_MS && is_any_port_dying(); ms += 5)
        poll(NULL, 0, 5);
}

/* Even without a search for duplicates, a new address is tentative (0x40) until
 * the kernel's next look, and has no route until then. */
static bool is_any_address_tentative(void)
{
    char *text = try_contents("/proc/net/if_inet6"), *next;
    bool found = false;

    for (char *line = text ? strtok_r(text, "\n", &next) : NULL; line;
         line = strtok_r(NULL, "\n", &next)) {
        unsigned int flags;
        if (sscanf(line, "%*s %*s %*s %*s %x", &flags) == 1 && flags & 0x40)
            found = true;
    }
    free(text);
    return found;
}

static char *read_network(void)
{
    static char script[] =
        "ip -o link; ip -o address; ip route show table all;"
        "ip -6 route show table all; nft list ruleset; cd /proc/sys/net;"
        "grep -rs . ipv4/ip_forward ipv4/conf ipv6/conf | sort";

    struct result result =
        run_program(NULL, (char *const[]){"sh", "-c", script, NULL});
    assert_text(result.err, "");
    free(result.err);
    return result.out;
}

/* While the kernel removes the files of a link in /proc/sys, a reader of the
 * directory may miss others. Read until two texts in a row are the same, or one
 * is the text that was returned last: the tests compare with that. */
char *network_state(void)
{
    static char *settled;
    char *now = NULL, *before = NULL;

    wait_for_dying_ports();
    for (int ms = 0; ms < WAIT_MS && is_any_address_tentative(); ms += 5)
        poll(NULL, 0, 5);
    do {
        free(before);
        before = now;
        now = read_network();
    } while ((!settled || strcmp(now, settled) != 0) &&
             (!before || strcmp(now, before) != 0));
    free(before);
    free(settled);
    settled = format("%s", now);
    return now;
}
