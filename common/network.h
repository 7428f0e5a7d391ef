/* SPDX-License-Identifier: MIT
 *
 * What the containers of one host share: a bridge, a subnet of which each takes
 * an address, and a lock. None of it is a file. What a container holds while it
 * lives are sockets and locks of its network namespace, which the kernel frees
 * when their holder dies, however it dies.
 */
#ifndef COMMON_NETWORK_H
#define COMMON_NETWORK_H

#include "netlink.h"

#include <stdbool.h>
#include <stdint.h>

enum { LONGEST_FORWARDING = 160 };

/* Addresses are IPv4, in host byte order. */
struct network {
    uint32_t subnet;  /* its first address is the bridge's */
    uint32_t address; /* the container's; 0 without a bridge */
    char forwarding[LONGEST_FORWARDING]; /* the host's settings before us */
};

/* Waits for the lock that everybody takes who changes the bridge, and frees it.
 * It belongs to the network namespace. See flock(2). */
void lock_network(void);
void unlock_network(void);

/* Whether our bridge exists; then reads from its alias what mark_network() has
 * stored there. Dies if the name is taken by a link that is not ours. */
bool find_network(const char *bridge, struct network *network);

/* Stores with the bridge what the last container needs to know. */
void mark_network(const char *bridge, const struct network *network);

/* Takes an address of the subnet that no other container has; it is ours as
 * long as this process lives. To be called with the lock held. */
void claim_address(struct network *network, int prefix);

/* Gives it back. Returns whether some container still has one. */
bool release_address(void);

/* Whether some container has an address. */
bool is_network_used(void);

/* The first of SUBNETS ("10.88.0.0", ended by NULL) that the host has no route
 * into. Dies with a hint if all are taken. */
uint32_t choose_subnet(const char *const *subnets, int prefix);

/* Writes a file below /proc/sys, "net/ipv4/ip_forward"; one that does not exist
 * is passed over. Dies on other failures. */
void write_sysctl(const char *name, int value);

/* IPv4 forwarding: remembers what it was, switches it on unless it is, and puts
 * it back. The switch, net.ipv4.ip_forward, changes the setting of every link
 * and whether redirects are accepted; these come back as well. Dies on failure.
 * See ip-sysctl in the kernel's documentation. */
void save_forwarding(struct network *network);
void enable_forwarding(const struct network *network);
void restore_forwarding(const struct network *network);

/* Executes nft(8), which reads RULES, a printf format, and reports a policy of
 * DROP in the host's forward chains, which would stop the packets of BRIDGE.
 * Warns if nft is missing or refuses the rules: the containers then reach each
 * other and the host, and nothing else. */
void load_nft_rules(const char *bridge, const char *rules, ...)
    __attribute__((format(printf, 2, 3)));

/* Executes nft(8) once more to remove the table ip NAME, if there is one. */
void unload_nft_rules(const char *table);

#endif
