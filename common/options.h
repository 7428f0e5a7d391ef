/* SPDX-License-Identifier: MIT
 *
 * Parses the command line, the same for every stage. One table in options.c
 * lists each option and the first stage that has it. If docker run has the same
 * option, its long name is the same there.
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* --volume SOURCE:TARGET[:ro] */
struct volume {
    const char *source; /* a path on the host */
    const char *target; /* an absolute path in the container; NULL: list end */
    bool read_only;
    int tree; /* for the stage: a descriptor of open_tree(2) */
};

/* --network */
enum network_mode { NETWORK_BRIDGE, NETWORK_NONE, NETWORK_HOST };

struct options {
    const char *hostname;   /* --hostname, 1 to 64 bytes; default: container */
    const char *rootfs;     /* --rootfs; default: build/private/rootfs */
    struct volume *volumes; /* --volume, in order, then one without target */
    size_t volume_count;
    char **env; /* --env, "K=V", in order */
    size_t env_count;
    const char *workdir;     /* --workdir; NULL: "/" */
    bool read_only;          /* --read-only */
    bool chroot;             /* --chroot */
    const char *memory_text; /* --memory as given; NULL: no limit */
    long long memory;        /* the same in bytes; 0: no limit */
    long long pids_limit;    /* --pids-limit; 0: no limit */
    long long cpu_quota; /* --cpus in microseconds every 100 ms; 0: no limit */
    enum network_mode network; /* --network; default: bridge */
    char **command;            /* COMMAND and its arguments, ended by NULL */
};

/* Parses the command line of stage STAGE. Sets program_name ("stage02") and, if
 * --quiet or --verbose is given, narration. Returns the options; their pointers
 * stay valid until the process ends. With --help, ends the process with status
 * 0, and if an option is wrong or belongs to a later stage, with 125 and a
 * message. See getopt_long(3). */
struct options parse_options(int stage, int argc, char *argv[]);

/* Returns the limit for CONTROLLER: memory ("memory"), pids_limit ("pids") or
 * cpu_quota ("cpu"). Returns 0 for any other controller. */
long long option_number(const struct options *options, const char *controller);

#endif
