/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "network.h"

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 10000 };

/* The kernel asks a second long whether somebody has a new IPv6 address, which
 * is "tentative" until then: two looks at the host would differ by that. */
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

static int count_veths(void)
{
    struct if_nameindex *links = if_nameindex();
    int found = 0;

    assert_non_null(links);
    for (struct if_nameindex *link = links; link->if_index; link++)
        found += strncmp(link->if_name, "veth", 4) == 0;
    if_freenameindex(links);
    return found;
}

/* Each container with an address has a socket with a name of its own. */
static int count_claims(void)
{
    char *text = contents("/proc/self/net/unix"), *at = text;
    int found = 0;

    for (; (at = strstr(at, "@mini-container ")); at++)
        found++;
    return found;
}

char *network_state(void)
{
    static char script[] =
        "ip -o link; ip -o address; ip route show table all;"
        "ip -6 route show table all; nft list ruleset; cd /proc/sys/net;"
        "grep -rs . ipv4/ip_forward ipv4/conf ipv6/conf | sort";

    for (int ms = 0; ms < WAIT_MS && count_veths() > count_claims(); ms += 5)
        poll(NULL, 0, 5);
    struct result result =
        run_program(NULL, (char *const[]){"sh", "-c", script, NULL});
    assert_text(result.err, "");
    return result.out;
}
