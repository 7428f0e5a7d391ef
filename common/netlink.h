/* SPDX-License-Identifier: MIT
 *
 * Makes and reads links, addresses and routes of the network namespace that
 * this process is in, by rtnetlink(7) messages built with libnl-route-3. The
 * functions die if the kernel refuses a request. Each change is narrated as the
 * ip(8) command that comes closest, because the messages are not readable.
 * Addresses are IPv4, in host byte order.
 */
#ifndef COMMON_NETLINK_H
#define COMMON_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Returns "10.77.0.1", valid until the next call. */
const char *address_text(uint32_t address);

/* The state of a link. */
struct link {
    unsigned int index; /* the kernel gives it to no later link */
    bool active;        /* up, and packets pass */
    bool ours;          /* has the hardware address of add_bridge() */
    bool has_peer;      /* its other end is in another network namespace */
    int peer_namespace; /* that namespace's number in this one */
};

/* Returns whether the link NAME exists, and its state in *LINK. See ip-link(8).
 */
bool get_link(const char *name, struct link *link);

/* Returns whether the namespace of LINK's other end is alive, or LINK has no
 * such end. Processes, open sockets and open or mounted ns files keep it alive.
 * The kernel removes the link a little after the namespace has ended. */
bool leads_somewhere(const struct link *link);

/* Returns whether the bridge NAME has a port that leads somewhere. Ignores the
 * port with the index EXCEPT. */
bool has_live_port(const char *name, unsigned int except);

/* Makes the bridge NAME, up and without ports. */
void add_bridge(const char *name);

/* Makes a veth pair: NAME here, up, as a port of the bridge MASTER; PEER in the
 * network namespace of the process PID, down. Returns the index of NAME; 0,
 * without a pair, if PID has ended. See veth(4). */
unsigned int add_veth(const char *master, const char *name, const char *peer,
                      pid_t pid);

/* Sets the link NAME up in the network namespace of the process PID. Does
 * nothing if PID has ended. See setns(2). */
void set_link_up_in(pid_t pid, const char *name);

/* Waits until PORT and BRIDGE pass packets, which is a little after the other
 * end of PORT is up. Gives up on each after 200 ms. */
void wait_for_bridge(const char *bridge, const char *port);

/* Removes the port NAME from its bridge. Does nothing if NAME is gone. */
void remove_from_bridge(const char *name);

/* Set the link NAME up; delete the link NAME. Both die if there is none. */
void set_link_up(const char *name);
void delete_link(const char *name);

/* Gives the link NAME the address ADDRESS in a subnet of PREFIX bits. */
void add_address(const char *name, uint32_t address, int prefix);

/* Calls CALL with the link's index and the address, for each address of each
 * link. If an address changes meanwhile, any may be passed twice. */
void for_each_address(void (*call)(unsigned int index, uint32_t address,
                                   void *data),
                      void *data);

/* Routes everything outside of the subnet through GATEWAY. */
void add_default_route(uint32_t gateway);

/* Returns whether the subnet overlaps the destination of a route, in any table,
 * with a prefix of 8 or more bits. The table local has the host's addresses. */
bool is_subnet_in_use(uint32_t subnet, int prefix);

#endif
