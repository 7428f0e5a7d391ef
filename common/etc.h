/* SPDX-License-Identifier: MIT
 *
 * What a container is told about itself: three files in /etc, and its
 * environment variables.
 */
#ifndef COMMON_ETC_H
#define COMMON_ETC_H

#include "options.h"

/* Three volumes: where write_etc_files() leaves its files, and where they
 * belong in the container. A row without a target is the last. */
extern struct volume etc_files[];

/* Writes their sources:
 *   hosts        localhost, and HOSTNAME at ADDRESS; see hosts(5)
 *   hostname     HOSTNAME; see hostname(5)
 *   resolv.conf  the host's. With an ADDRESS other than a loopback one, less
 * the name servers that a network of the container's own does not reach:
 * loopback and IPv6. If none is left, those that systemd-resolved asks are
 * taken, or else, as Docker does, Google's public ones; see resolv.conf(5) To
 * be called while the host's /etc can be read. Dies on failure. */
void write_etc_files(const char *hostname, const char *address);

/* Replaces the whole environment: PATH, HOME, HOSTNAME, ENV (the file that an
 * interactive sh reads, for its prompt), TERM if standard input is a terminal,
 * then the variables of --env. Dies on failure. See environ(7). */
void replace_environment(const struct options *options);

#endif
