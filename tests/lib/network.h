/* SPDX-License-Identifier: MIT
 *
 * The test program's own network namespace: the "host" of the containers of
 * stage 7. Nothing that they make there is seen by the machine.
 */
#ifndef TESTS_NETWORK_H
#define TESTS_NETWORK_H

#include <stdbool.h>

/* Enters a new network namespace, in which lo is up and nothing else is.
 * Returns false with errno if that fails. */
bool enter_test_network(void);

/* Waits until the kernel has removed the veth pairs of ended containers. That
 * takes some 20 ms. Until then, network_state() would still list them. */
void wait_for_dying_ports(void);

/* Links, addresses, routes, nft rules and sysctls of the namespace, after
 * wait_for_dying_ports(). */
char *network_state(void);

#endif
