/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "strace.h"

#include "narration.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct result run_strace(char *const args[], pid_t *host, pid_t *child)
{
    char *const strace[] = {
        "strace",        "-ff", "-y",
        "-a1",           "-o",  format("%s/trace", scratch()),
        stage_program(), "-V",  NULL};
    struct result result = run_program(NULL, join(strace, args));
    pid_t inside;

    assert_lacks(result.err, "harness: strace"); /* missing: make setup test */
    char **lines = lines_of(format("%s", result.err));
    check_form(lines, host, &inside);
    char *line = find_clone(lines);
    assert_int_equal(sscanf(strrchr(line, '=') + 1, "%d", child), 1);
    return result;
}

struct result run_failing(const char *inject, bool everywhere,
                          char *const words[])
{
    char **strace = join(WORDS("strace", "-o", "/dev/null", "-e",
                               format("inject=%s", inject),
                               everywhere ? "-f" : "-q", stage_program()),
                         words);

    return run_program(NULL, strace);
}

/* How often one process makes a call, by strace's file: the container until it
 * becomes COMMAND, the parent until it has made the container. */
static int count_calls(const char *call, pid_t pid, bool container)
{
    char **lines = lines_of(contents(format("%s/trace.%d", scratch(), pid)));
    int count = 0;

    for (; *lines; lines++) {
        if (container && strncmp(*lines, "execve(", 7) == 0)
            break;
        count += strncmp(*lines, call, strlen(call)) == 0 &&
                 (*lines)[strlen(call)] == '(' &&
                 strncmp(*lines, "write(2<", 8) != 0; /* the narration */
        if (!container && (strncmp(*lines, "clone(child_stack=0x", 20) == 0 ||
                           strncmp(*lines, "clone3(", 7) == 0))
            break;
    }
    return count;
}

/* strace makes the Nth CALL fail in each process. */
static void fail_call(const char *call, int n, char *const words[])
{
    struct result result =
        run_failing(format("%s:error=EIO:when=%d", call, n), true,
                    join(WORDS("-q"), join(words, WORDS("echo", "run"))));

    if (result.status != 125 || *result.out ||
        !(strstr(result.err, ": Input/output error") ||
          strstr(result.err, ": I/O error"))) /* glibc's words, musl's */
        fail_msg("%s number %d failed: status %d, stdout '%s', stderr: %s",
                 call, n, result.status, result.out, result.err);
}

int fail_each_call(const char *const calls[], char *const words[])
{
    pid_t host, container;
    int failures = 0;

    assert_status(run_strace(join(words, WORDS("true")), &host, &container), 0);
    char *before = host_state();
    for (; *calls; calls++) {
        int in_host = count_calls(*calls, host, false);
        int inside = count_calls(*calls, container, true);
        /* The call fails in the first process that makes it N times. */
        for (int n = 1; n <= (in_host > inside ? in_host : inside); n++) {
            fail_call(*calls, n, words);
            failures++;
        }
    }
    assert_host_unchanged(before);
    return failures;
}
