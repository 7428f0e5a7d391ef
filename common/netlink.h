/* SPDX-License-Identifier: MIT
 *
 * rtnetlink(7) messages, built with libmnl: links, addresses and routes of the
 * network namespace in which the process is. Each function is one request and
 * dies if the kernel refuses it. Each is narrated as the ip(8) command that
 * would do the same, since the messages themselves are not readable.
 * Addresses are IPv4, in host byte order.
 */
#ifndef COMMON_NETLINK_H
#define COMMON_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* "10.77.0.1", until the next call; the host itself, 127.0.1.1, for 0. */
const char *address_text(uint32_t address);

/* What the kernel tells about a link. */
struct link {
    unsigned int index; /* never given to another link */
    bool up;
    bool active;        /* up, and it passes packets */
    bool ours;          /* it has the hardware address of add_bridge() */
    bool has_peer;      /* its other end is in another network namespace, */
    int peer_namespace; /* which has this number here */
};

/* Whether there is a link of this name; then describes it in *LINK. See
 * ip-link(8). */
bool get_link(const char *name, struct link *link);

/* Whether LINK leads somewhere: false once the network namespace of its other
 * end has no process and no open socket any more, and the kernel is about to
 * remove both ends. */
bool leads_somewhere(const struct link *link);

/* Whether the bridge NAME has a port that leads somewhere, other than the one
 * whose index is EXCEPT. */
bool has_live_port(const char *name, unsigned int except);

/* A bridge without ports, up. */
void add_bridge(const char *name);

/* A pair of links: NAME here, up, a port of the bridge MASTER; the other one,
 * called PEER, in the network namespace of the process PID, down. Nothing
 * happens if PID has ended. Returns the index of NAME, then 0. See veth(4). */
unsigned int add_veth(const char *master, const char *name, const char *peer,
                      pid_t pid);

/* Sets a link up in the network namespace of the process PID. Nothing happens
 * if PID has ended. See setns(2). */
void set_link_up_in(pid_t pid, const char *name);

/* The kernel lets packets through a link and a bridge a little after the other
 * end of the link is up. Waits for that, a fifth of a second at most. */
void wait_for_bridge(const char *bridge, const char *port);

/* Nothing happens if there is no such link any more. */
void remove_from_bridge(const char *name);

void set_link_up(const char *name);
void delete_link(const char *name);

/* Gives a link the address ADDRESS in a subnet of PREFIX bits. */
void add_address(const char *name, uint32_t address, int prefix);

/* Calls CALL for each address of each link, for some of them twice if they
 * change meanwhile. */
void for_each_address(void (*call)(unsigned int index, uint32_t address,
                                   void *data),
                      void *data);

void add_default_route(uint32_t gateway);

/* Whether a route of the host, other than the default route, leads into the
 * subnet, or an address of the host is in it. */
bool is_subnet_in_use(uint32_t subnet, int prefix);

#endif
