/* SPDX-License-Identifier: MIT
 *
 * The names that the stages give to what they make on the host. Scripts have
 * them from tools/names.sh.
 */
#ifndef TESTS_NAMES_H
#define TESTS_NAMES_H

/* The bridge of stage 7. */
#define BRIDGE "mini0"

/* The cgroups of stage 6; the nft table of stage 7, and its lock in /run. */
#define OURS   "mini-container"

#endif
