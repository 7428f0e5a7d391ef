/* SPDX-License-Identifier: MIT
 *
 * Runs the stage under test, or another program: to its end, or as long as the
 * test wants to look at it.
 */
#ifndef TESTS_RUN_H
#define TESTS_RUN_H

#include <stdbool.h>
#include <sys/types.h>

/* How a stage (or another program) ended. */
struct result {
    int status; /* as a shell's $?: 0 to 255, 128+N when signal N killed it */
    char *out;  /* standard output */
    char *err;  /* standard error: the narration, or messages with --quiet */
};

/* The program of the stage under test. */
char *stage_program(void);

/* Its path, then ARGS: the words for run_prepared(). */
char **stage_command(char *const args[]);

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

/* For PREPARE: gives up root; sets the umask, a mode_t; leaves a path open as
 * descriptors 4 and 9, and keeps 3 free. */
enum { NOBODY = 65534 };
void become_nobody(void *unused);
void set_umask(void *mask);
void leave_directory_open(void *path);

/* Return the output of a script on the host, and in a container that is started
 * without options. The script must end with status 0. */
char *on_host(const char *script);
char *inside(const char *script);

/* Runs FILE of the host quietly as COMMAND, with ARGUMENTS (ended by NULL).
 * From stage 5 on it gets into the container as a volume. */
struct result run_file(const char *file, char *const arguments[]);

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

/* The words of sh -c that print "ready" and then run SCRIPT; for start(). */
#define READY(script) "sh", "-c", "echo ready; " script

/* For wait_until(): sleep(1) has replaced the shell, which may have handlers.
 * dash has one for SIGINT. */
bool is_sleep(const void *pid);

/* Starts a COMMAND that handles no signal; returns when it sleeps. */
struct live start_sleep(void);

/* The same, with options of the stage, ended by NULL. */
struct live start_sleep_with(char *const words[]);

/* From stage 7 on, starts a container that lives until the test ends, so that
 * the bridge stays: to make and remove a bridge takes longer than all else. For
 * tests that start many containers and are not about the bridge. */
void keep_the_bridge(void);

/* The next line that COMMAND prints, without its newline. Fails the test when
 * none comes. */
char *next_line(const struct live *live);

/* Waits for the end of the parent and returns its status as $? would show it,
 * with what was printed after the "ready" line. */
struct result finish(struct live *live);

/* Ends the containers that a test left. */
void end_containers(void);

#endif
