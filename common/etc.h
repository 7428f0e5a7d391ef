/* SPDX-License-Identifier: MIT
 *
 * Tells a container about itself: three files in /etc, and the environment.
 */
#ifndef COMMON_ETC_H
#define COMMON_ETC_H

#include "options.h"

/* The files of write_etc_files() and their targets in the container. A row with
 * a NULL target ends the list. */
extern struct volume etc_files[];

/* Writes the sources of etc_files:
 *
 *   hosts        localhost, and HOSTNAME at ADDRESS; see hosts(5)
 *   hostname     HOSTNAME; see hostname(5)
 *   resolv.conf  the host's; see resolv.conf(5)
 *
 * With a loopback ADDRESS (no bridge), resolv.conf is copied as it is.
 * Otherwise its loopback and IPv6 name servers are out of reach and are left
 * out. If no name server remains, takes those of systemd-resolved or else, as
 * Docker does, Google's. Call this while the host's /etc is readable. Dies on
 * failure. */
void write_etc_files(const char *hostname, const char *address);

/* Replaces the whole environment by PATH, HOME, HOSTNAME, ENV (the file that an
 * interactive sh reads; it sets the prompt), TERM if standard input is a
 * terminal, and the variables of --env. Dies on failure. See environ(7). */
void replace_environment(const struct options *options);

#endif
