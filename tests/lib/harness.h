/* SPDX-License-Identifier: MIT
 *
 * The harness of the expectation tests: starts a stage, with arguments,
 * standard input and a time limit, collects what it printed and how it ended,
 * and looks at a running container from outside.
 *
 * Everything happens in PID, mount, UTS and IPC namespaces and in cgroups of
 * the test program's own, see apart.h: what is called "the host" here is what
 * they show. Every mount in there is shared, as systemd makes them on most
 * hosts: a container that forgets to make its mounts private is caught by that.
 * From stage 7 on, each test has a new network namespace as well.
 *
 * Every test comes to an end. One that lasts too long, or that has too many
 * processes, loses all its processes and fails.
 *
 * All functions assert in the process that runs cmocka. Strings and arrays
 * that they return are freed when the test program ends.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above before its own. */
#include <cmocka.h>
#include <sys/types.h>

/* The stage whose program is tested. A test of stage 3 run on stage 5's
 * program proves that stage 5 keeps what stage 3 proved. */
extern int stage;

/* Seconds that a test may last, and wait for what has to come: 30, or what the
 * variable PATIENCE says. */
extern int patience;

/* Seconds that each test may last instead: for programs that try out many
 * things in one test. To be set before test_main(). */
extern int test_limit;

/* The initial state of tests that stand in the table of every stage. */
extern char shared_mark;

/* main() of every test file: `test_stage03` tests stage 3, `test_stage03 5`
 * does the same tests on the program of stage 5, less the shared
 * ones, which that stage has in its own table; `test_stage03 5 NAME` does one
 * test of them. With SHARE=2/3 in the environment it does the second third of
 * the tests: run.sh does all three at the same time. Returns the number of
 * tests that failed. */
int test_main(int argc, char *argv[], int own_stage, const char *name,
              const struct CMUnitTest *tests, size_t count);

/* Path of a program that make built: "stage03", "escape",
 * "private/rootfs". */
char *built(const char *name);

/* A directory on a tmpfs, empty at the start of the program. It is not below
 * /tmp: the stages from 2 to 4 show it as well. */
char *scratch(void);

/* An array of words as execvp(3) wants it; how long an array is. */
#define WORDS(...)   ((char *const[]){__VA_ARGS__, NULL})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* printf into a fresh string. */
char *format(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* The whole of a file; fails the test if it cannot be read. */
char *contents(const char *path);

/* Creates a file with this text and mode. */
void create(const char *path, const char *text, mode_t mode);

/* How a stage (or another program) ended. */
struct result {
    int status; /* as a shell's $?: 0 to 255, 128+N when signal N killed it */
    char *out;  /* standard output */
    char *err;  /* standard error: the narration, or messages with --quiet */
};

/* Runs the program of the stage under test to its end. ARGS are the words
 * after ./run, ended by NULL. INPUT is its standard input (NULL: /dev/null).
 * A run that lasts longer than `patience`, or prints more than a megabyte, is
 * killed and fails the test. */
struct result run_with(const char *input, char *const args[]);
#define run(...)       run_with(NULL, (char *const[]){__VA_ARGS__, NULL})

/* The same quietly: run_quiet(X) is run("-q", X). */
#define run_quiet(...) run_with(NULL, (char *const[]){"-q", __VA_ARGS__, NULL})

/* The same for any program, named by args[0]. */
struct result run_program(const char *input, char *const args[]);

/* The same, but before it executes the program, the child calls PREPARE with
 * ARGUMENT: to drop root, set a umask, leave a descriptor open, ... */
struct result run_prepared(const char *input, char *const args[],
                           void (*prepare)(void *), void *argument);

/* A stage that is running: the parent on the host and the container's first
 * process. It is killed when the test ends, if it has not ended. */
struct live {
    pid_t parent;
    pid_t container; /* its PID on the host */
    int in;          /* writing end of its standard input */
    int out;         /* reading end of its standard output */
    int err;         /* reading end of its standard error */
};

/* Starts the stage with --quiet and ARGS, and returns when COMMAND has printed
 * a line that begins with "ready". */
struct live start_with(char *const args[]);
#define start(...)    start_with((char *const[]){__VA_ARGS__, NULL})

/* A sh -c script that the harness waits for: prints "ready", then SCRIPT. */
#define READY(script) "sh", "-c", "echo ready; " script

/* The next line that COMMAND prints, without its newline. Fails the test when
 * none comes. */
char *next_line(const struct live *live);

/* Waits for the end of the parent and returns its status as $? would show it,
 * with what was printed after the "ready" line. */
struct result finish(struct live *live);

/* Whether a process with this PID exists (and is no zombie). */
bool exists(pid_t pid);

/* Waits until it is gone, or fails the test when it is not after `patience`. */
void wait_until_gone(pid_t pid);

/* The PIDs of all processes whose command line contains TEXT; ended by 0. */
pid_t *processes_with(const char *text);

/* The children of a process, found in /proc; ended by 0. */
pid_t *children_of(pid_t pid);

/* "pid:[4026531836]" of a process: what /proc/PID/ns/NAME links to. */
char *namespace_of(pid_t pid, const char *name);

/* The value of a line of /proc/PID/status: status_of(pid, "NSpid"). */
char *status_of(pid_t pid, const char *name);

/* The mounts that a process sees, one a line: /proc/PID/mountinfo whole. */
char *mounts_of(pid_t pid);

/* Everything of "the host" that a stage could change and must not: mounts,
 * hostname, System V and POSIX IPC objects, the files of the rootfs and of
 * /run, /tmp and /dev/shm, this process's children; from stage 6 on the cgroups
 * and from stage 7 on the network. The children include every orphan of a
 * container: the test program is their reaper, see PR_SET_CHILD_SUBREAPER in
 * prctl(2). To be taken before and after; compare with
 * assert_host_unchanged(). */
char *host_state(void);
void assert_host_unchanged(const char *before);

/* Assertions on text that print all of it when they fail. */
void assert_contains(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);
void assert_text(const char *text, const char *expected);
void assert_status(struct result result, int status);

/* A message of ours: "stageNN: MESSAGE" with HINT in the line after it. NULL:
 * no hint. MESSAGE and HINT are parts of the lines. */
void assert_message(struct result result, const char *message,
                    const char *hint);

#endif
