/* SPDX-License-Identifier: MIT
 *
 * Shows the running containers, as the host sees them.
 *
 *     make look                                all containers
 *     sudo build/look PID                      one process
 *     sudo build/look pid:[4026531836]         who is in a namespace
 *     sudo build/look --watch                  what happens from now on
 *     sudo build/look --svg FILE               a picture of the namespaces
 *
 * There is no state file: all of this is in /proc and /sys/fs/cgroup, where
 * ps(1), lsns(8) and docker top read it as well.
 */
#define _GNU_SOURCE
#include "look.h"

#include "../../common/error.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: look [PID | KIND:[NUMBER] | --watch | --svg FILE]\n"
    "\n"
    "  (no argument)      all running containers\n"
    "  PID                one process: its PIDs, namespaces, mounts, limits\n"
    "  KIND:[NUMBER]      who is in this namespace, such as "
    "'pid:[4026531836]'\n"
    "  --watch            print starts, programs and ends as they happen (a "
    "short\n"
    "                     program has ended before its name can be read)\n"
    "  --svg FILE         draw host, containers and namespaces\n";

enum { MOST_PIDS = 1 << 22 }; /* of the kernel */

/* Returns the PID in WORD; 0 if it is no number; one that no process has if it
 * is out of range. */
static pid_t to_pid(const char *word)
{
    size_t digits = strspn(word, "0123456789");
    long pid = strtol(word, NULL, 10);

    if (digits == 0 || word[digits])
        return 0;
    return pid > 0 && pid <= MOST_PIDS ? (pid_t)pid : MOST_PIDS + 1;
}

int main(int argc, char *argv[])
{
    const char *word = argc > 1 ? argv[1] : "";
    bool svg = strcmp(word, "--svg") == 0;

    snprintf(program_name, sizeof(program_name), "look");
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return fputs(usage, stdout) == EOF;
    if (argc > (svg ? 3 : 2) || (svg && argc < 3))
        fail(EXIT_SETUP, "build/look --help",
             "expected one word, or --svg FILE");
    if (strcmp(word, "--watch") == 0)
        watch();
    if (!svg && *word && !to_pid(word) && !strchr(word, ':'))
        fail(EXIT_SETUP, "build/look --help",
             "%s: expected a PID, a namespace such as pid:[4026531836], "
             "--watch or --svg",
             word);

    struct machine *machine = read_machine();
    if (svg)
        draw(machine, argv[2]);
    else if (to_pid(word) && !print_process(machine, to_pid(word)))
        fail(1, "ps -e lists the processes", "%s: no such process", word);
    else if (strchr(word, ':') && !print_namespace(machine, word))
        fail(1, geteuid() ? "only root sees all: sudo build/look" : "lsns",
             "%s: no process is in it", word);
    else if (!*word)
        print_containers(machine);
    if (fflush(stdout) == EOF)
        die("write", "standard output");
    return 0;
}
