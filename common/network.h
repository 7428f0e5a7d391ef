/* SPDX-License-Identifier: MIT
 *
 * What the containers of one host share: a bridge, and a subnet of which each
 * takes an address. Who has which is told by the ports of the bridge, which the
 * kernel removes when a container ends, however it ends. All of this is done
 * under the lock of lock.h.
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
    enum bridge_state state; /* as find_network() saw it */
    uint32_t subnet;         /* its first address is the bridge's */
    uint32_t address;        /* the container's; 0 without a bridge */
    char port[IF_NAMESIZE];  /* the host's end of the container's veth pair */
    unsigned int port_index; /* once it exists */
};

/* Looks for our bridge and reads its subnet, 0 if it has none yet. It is used
 * as long as another port than ours leads to a living network namespace. Dies
 * if the name is taken by a link that is not ours. */
enum bridge_state find_network(const char *bridge, struct network *network);

/* Chooses an address of the subnet that no other container has, and the name
 * of the port, which says so: veth15-254 for the last one of 10.77.0.0/20. */
void choose_address(struct network *network, int prefix);

/* The port is removed from the bridge if the network namespace outlives the
 * container: an open connection may keep it, or a process that entered it. */
void unplug_port(const struct network *network);

/* The first of SUBNETS ("10.77.0.0", ended by NULL) that the host has no route
 * into. Dies with a hint if all are taken. */
uint32_t choose_subnet(const char *const *subnets, int prefix);

/* Writes a file below /proc/sys, "net/ipv4/ip_forward"; one that does not exist
 * is passed over. Dies on other failures. */
void write_sysctl(const char *name, int value);

/* Executes nft(8), which reads RULES, a printf format, for the table ip
 * mini-container. The chain called BRIDGE-nat marks that table as ours: without
 * it the table is somebody else's and left alone. Warns of forward chains of
 * the host that would stop the packets of BRIDGE. Warns if nft is missing or
 * refuses: nothing is forwarded then, and the containers reach each other and
 * the host. */
void load_nft_rules(const char *bridge, const char *rules, ...)
    __attribute__((format(printf, 2, 3)));

/* IPv4 forwarding. Where the host does not forward (net.ipv4.ip_forward is 0),
 * enable_forwarding() switches it on for each link with an address that does
 * not forward alone, and remembers the link; it does nothing without nft rules.
 * restore_forwarding() switches these links off again, unless the host forwards
 * by now: then somebody else has come to need it. Dies on failure. See
 * ip-sysctl in the kernel's documentation. */
void enable_forwarding(void);
void restore_forwarding(void);

/* Executes nft(8) once more to remove the table, if there is one that is ours.
 * Warns if nft refuses. */
void unload_nft_rules(const char *bridge);

#endif
