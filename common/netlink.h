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

/* "10.88.0.1", until the next call; the host itself, 127.0.1.1, for 0. */
const char *address_text(uint32_t address);

/* Whether there is a link of this name; then *UP, *OURS (it has the hardware
 * address that add_bridge() gives), and its alias, cut to SIZE, in ALIAS. See
 * ip-link(8). */
bool get_link(const char *name, bool *up, bool *ours, char *alias, size_t size);

/* A bridge without ports, down. */
void add_bridge(const char *name);

/* Stores a text with a link: nobody but ip link reads it. */
void set_alias(const char *name, const char *alias);

/* A pair of links: one here, up, a port of the bridge MASTER, with a name that
 * the kernel chooses, so that it is never in use; the other one, called PEER,
 * in the network namespace of the process PID, down. Nothing happens if PID has
 * ended. See veth(4). */
void add_veth(const char *master, const char *peer, pid_t pid);

void set_link_up(const char *name);
void delete_link(const char *name);

/* Gives a link the address ADDRESS in a subnet of PREFIX bits. */
void add_address(const char *name, uint32_t address, int prefix);

void add_default_route(uint32_t gateway);

/* Whether a route of the host, other than the default route, leads into the
 * subnet, or an address of the host is in it. */
bool is_subnet_in_use(uint32_t subnet, int prefix);

#endif
