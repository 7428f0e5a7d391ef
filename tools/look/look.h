/* SPDX-License-Identifier: MIT
 *
 * The data that look reads of the processes of this machine, and their output.
 */
#ifndef TOOLS_LOOK_LOOK_H
#define TOOLS_LOOK_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

enum { NAMESPACES = 8, MOST_LEVELS = 32 };

/* The names in /proc/PID/ns, in the order of the stages: "mnt", "pid", ... */
extern const char *const namespace_names[NAMESPACES];

struct process {
    pid_t pid, parent;
    int stage;                 /* of the program that it runs; 0: another one */
    int levels;                /* of PID namespaces that it has a PID in */
    pid_t inside[MOST_LEVELS]; /* these PIDs, the host's first */
    char *command;             /* command line, or a kernel thread's name */
    unsigned long namespaces[NAMESPACES]; /* numbers; 0: cannot be read */
    struct container *container;          /* that it runs in, or NULL */
};

struct container {
    struct process *first, *parent;
    char *name; /* its hostname; "stage02" if that is the host's */
    struct container *next;
};

/* Everything that was read, by read_machine(). */
struct machine {
    struct process
        *processes; /* in the order of the PIDs; the last has PID 0 */
    size_t count;
    struct container *containers;
    unsigned long host[NAMESPACES]; /* those of this process */
};

/* Reads all of /proc. Dies if memory runs out or /proc cannot be read. */
struct machine *read_machine(void);
void free_machine(struct machine *machine);

/* Return the process or container with that PID or first process, or NULL. */
struct process *find_process(const struct machine *machine, pid_t pid);
struct container *find_container(const struct machine *machine,
                                 const struct process *first);

/* Replaces control characters in TEXT by '?': a container chose the text, and a
 * terminal would obey them. Returns TEXT. */
char *printable(char *text);

/* Returns the stage of the program that PID runs, or 0. */
int stage_of(pid_t pid);

/* Returns the command line of PID, or its name in brackets; to be freed. */
char *command_of(pid_t pid);

/* Returns whose namespace KIND of PROCESS is, to be freed: "own", "the host's",
 * "NAME's", "another", or "?" if it cannot be read. */
char *owner(const struct machine *machine, const struct process *process,
            int kind);

/* Prints the containers; one process; or the members of one namespace, given as
 * pid:[4026531836]. The latter two return false if there is none. */
void print_containers(const struct machine *machine);
bool print_process(const struct machine *machine, pid_t pid);
bool print_namespace(const struct machine *machine, const char *name);

/* Prints the mounts that PID sees, one a line. */
void print_mounts(pid_t pid);

/* Prints limits and use of the cgroup that PID is in, if it is a container's
 * own. */
void print_limits(pid_t pid);

/* Prints the IPv4 addresses of PID's network namespace but 127.0.0.0/8. */
void print_addresses(pid_t pid);

/* Writes a picture of the namespaces to FILE, in SVG. Dies on failure. */
void draw(const struct machine *machine, const char *file);

/* Prints what the processes of containers do, until a signal ends look. */
_Noreturn void watch(void);

#endif
