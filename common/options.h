/* SPDX-License-Identifier: MIT
 *
 * The command line, the same for every stage. One table in options.c knows
 * each option and the stage from which it exists; their names are Docker's.
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* --volume SOURCE:TARGET[:ro] */
struct volume {
    const char
        *source; /* on the host, relative to the caller's directory or not */
    const char *target; /* absolute, in the container */
    bool read_only;
    int tree; /* the stage's: descriptor of the mount, see open_tree(2) */
};

/* --network */
enum network_mode { NETWORK_BRIDGE, NETWORK_NONE, NETWORK_HOST };

struct options {
    const char *hostname;   /* --hostname; 1 to 64 characters */
    const char *rootfs;     /* --rootfs; the one that make rootfs built */
    struct volume *volumes; /* --volume, in order; the last has no target */
    size_t volume_count;
    char **env; /* --env, "K=V", in the order given */
    size_t env_count;
    const char *workdir;     /* --workdir; NULL: "/" */
    bool read_only;          /* --read-only */
    bool chroot;             /* --chroot */
    const char *memory_text; /* --memory as it was given; NULL: no limit */
    long long memory;        /* the same in bytes; 0: no limit */
    long long pids_limit;    /* --pids-limit; 0: no limit */
    long long cpu_quota; /* --cpus in microseconds every 100 ms; 0: no limit */
    enum network_mode network; /* --network; bridge */
    char **command;            /* COMMAND and its arguments, ended by NULL */
};

/* Reads the command line of stage STAGE (1 to 7), sets program_name to the
 * stage's name and narrating to false for --quiet. Returns the options; what
 * they point to is argv's or lives as long as the process. Ends the process
 * with status 0 after --help, and with 125 and a message when an option is
 * wrong or belongs to a later stage. See getopt_long(3). */
struct options parse_options(int stage, int argc, char *argv[]);

/* The number that limits CONTROLLER ("memory", "pids", "cpu"): one of the three
 * above, or 0. */
long long option_number(const struct options *options, const char *controller);

#endif
