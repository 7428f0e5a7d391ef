/* SPDX-License-Identifier: MIT
 *
 * The network that the containers of a host share: one bridge, and one subnet
 * from which each container takes an address. The ports of the bridge record
 * which addresses are taken, because the kernel removes a port when its
 * container ends, even if it is killed. Call these functions with the lock of
 * lock.h held.
 */
#ifndef COMMON_NETWORK_H
#define COMMON_NETWORK_H

#include "lock.h"
#include "netlink.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

enum bridge_state { BRIDGE_MISSING, BRIDGE_UNUSED, BRIDGE_USED };

/* Addresses are IPv4, in host byte order. */
struct network {
    enum bridge_state state; /* set by find_network() */
    uint32_t subnet;         /* the bridge has its first address */
    uint32_t address;        /* the container's; 0 without a bridge */
    char port[IF_NAMESIZE];  /* the host's end of the container's veth pair */
    unsigned int port_index; /* 0 until the port exists */
};

/* Looks for BRIDGE and sets NETWORK's state and, if it exists, the subnet (0:
 * it has no address). The bridge is in use if a port other than NETWORK's own
 * leads to a living network namespace. Returns the state. Dies if BRIDGE is a
 * link that this program did not make. */
enum bridge_state find_network(const char *bridge, struct network *network);

/* Chooses an address that no other container has, and names the port after it:
 * veth15-254 for the last address of 10.77.0.0/20. Dies if none is free. */
void choose_address(struct network *network, int prefix);

/* Removes the container's port from the bridge if its network namespace
 * outlives the container, kept by an open connection or by a process that
 * entered it. */
void unplug_port(const struct network *network);

/* Returns the first of SUBNETS ("10.77.0.0", ended by NULL) that the host has
 * no route into. Dies if all are in use. */
uint32_t choose_subnet(const char *const *subnets, int prefix);

/* Writes VALUE to the file NAME below /proc/sys, "net/ipv4/ip_forward". Does
 * nothing if this kernel lacks the file. Dies on other failures. */
void write_sysctl(const char *name, int value);

/* Loads RULES, a printf format, into the table ip mini-container by nft(8). The
 * chain BRIDGE-nat marks the table as ours; a table without it is left alone.
 * Warns of forward chains of the host that drop the packets of BRIDGE. Warns if
 * nft is missing or fails: forwarding is not enabled then, and containers reach
 * only each other and the host. */
void load_nft_rules(const char *bridge, const char *rules, ...)
    __attribute__((format(printf, 2, 3)));

/* Enables IPv4 forwarding, if load_nft_rules() succeeded. If the host does not
 * forward (net.ipv4.ip_forward is 0), switches it on for each link that has an
 * address and whose own setting is 0. Adds all of these but BRIDGE to the set
 * "opened" of the rules, and records them in a file. Warns if nft fails, and
 * dies on other failures. See ip-sysctl in the kernel's documentation. */
void enable_forwarding(const char *bridge);

/* Switches forwarding off again for the recorded links, unless ip_forward is 1
 * by now: somebody else needs forwarding then. Dies on failure. */
void restore_forwarding(void);

/* Removes the table ip mini-container by nft(8), if it is ours. Warns if nft
 * fails. Does nothing if load_nft_rules() did not succeed. */
void unload_nft_rules(const char *bridge);

#endif
