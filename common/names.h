/* SPDX-License-Identifier: MIT
 *
 * The names of what stages 6 and 7 make on the host, for C. Scripts have them
 * from tools/names.sh.
 */
#ifndef COMMON_NAMES_H
#define COMMON_NAMES_H

/* The bridge. */
#define BRIDGE "mini0"

/* The cgroups' directory, the nft table and the lock's directory. */
#define OURS   "mini-container"

#endif
