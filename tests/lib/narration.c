/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "narration.h"

#include "strace.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void standard_output_belongs_to_command_alone(void **state)
{
    (void)state;
    struct result result = run("echo", "hello");
    assert_status(result, 0);
    assert_text(result.out, "hello\n");
    assert_contains(result.err, "]   clone"); /* clone3 in version 2 cgroups */
}

void quiet_means_not_one_word(void **state)
{
    (void)state;
    assert_text(run("-q", "true").err, "");
    assert_text(run("--quiet", "true").err, "");
}

void check_form(char *const lines[], pid_t *host, pid_t *container)
{
    const char *form = "^\\[(host|container) ([0-9]+)\\] "
                       "([a-z0-9_]+|  /\\*.*\\*/|  execve\\(.*\\)|"
                       "  [a-z0-9_]+\\(.*\\) = (-1 E.*\\)|[0-9]+)|"
                       "(stages? [0-9 andto]+:|more of the same:|  )?"
                       "[a-z0-9_, ]*"
                       "(\\([0-9]+ calls?\\))?)$";
    regex_t regex;

    *host = *container = 0;
    assert_int_equal(regcomp(&regex, form, REG_EXTENDED), 0);
    for (; *lines; lines++) {
        regmatch_t parts[3];
        if (regexec(&regex, *lines, COUNT(parts), parts, 0) != 0)
            fail_msg("not a line of narration: %s", *lines);
        pid_t *pid = (*lines)[1] == 'h' ? host : container;
        pid_t number = atoi(*lines + parts[2].rm_so);
        if (*pid && *pid != number)
            fail_msg("not the PID of the lines before, %d: %s", *pid, *lines);
        *pid = number;
    }
    regfree(&regex);
    assert_int_not_equal(*host, 0);
    assert_int_not_equal(*container, 0);
}

char *find_clone(char *const lines[])
{
    for (int i = 0; lines[i]; i++)
        if (strstr(lines[i], "]   clone(") || strstr(lines[i], "]   clone3("))
            return lines[i];
    fail_msg("clone is not narrated, but: %s", lines[0] ? lines[0] : "nothing");
    return NULL;
}

char *clone_line(char *const lines[])
{
    char *line = find_clone(lines);

    for (int i = 0; i == 0 || lines[i - 1] != line; i++)
        if (strncmp(lines[i], "[host ", 6) != 0 || (!has(NEW_CGROUPS) && i > 1))
            fail_msg("clone does not come first, but: %s", lines[0]);
    return line;
}

void narration_has_one_form_and_clone_comes_first(void **state)
{
    pid_t host, container, child;

    (void)state;
    struct result result = run("true");
    assert_status(result, 0);
    char **lines = lines_of(result.err);
    check_form(lines, &host, &container);
    char *line = clone_line(lines);
    assert_contains(line, format("[host %d]   clone", host));
    assert_int_equal(sscanf(strrchr(line, '=') + 1, "%d", &child), 1);
    assert_int_equal(container, has(NEW_PIDS) ? 1 : child);
}

/* --- side by side with strace --------------------------------------------- */

/* Returns whether the narration has LINE as well: one of CALLS or a write of a
 * setting, but not if it found no child (wait4) or no file (execve). */
static bool is_narrated(const char *line)
{
    static const char *const calls[] = {
        "clone(",       "prctl(",       "mount(",         "umount2(",
        "pivot_root(",  "open_tree(",   "move_mount(",    "mount_setattr(",
        "close_range(", "sethostname(", "chdir(",         "chroot(",
        "mknod",        "symlink",      "kill(",          "wait4(",
        "execve(",      "clone3(",      "unshare(",       "setsid(",
        "setgroups(",   "keyctl(",      "setdomainname(",
    };
    const char *result = strrchr(line, '='), *path = strchr(line, '<');

    if (strstr(line, "= ? ERESTART")) /* the kernel makes it once more */
        return false;
    if (strncmp(line, "write(", 6) == 0) /* a limit, or a sysctl */
        return path && (strncmp(path, "</sys/fs/cgroup", 15) == 0 ||
                        strncmp(path, "</proc/sys/", 11) == 0);
    /* fork(2) for nft(8), and the wait for its end. */
    if (strncmp(line, "clone(child_stack=NULL", 22) == 0 ||
        (strncmp(line, "wait4(", 6) == 0 && strstr(line, "}], 0, NULL)")))
        return false;

    if (!result || (strncmp(line, "wait4(", 6) == 0 && atoi(result + 1) <= 0) ||
        (strncmp(line, "execve(", 7) == 0 && strstr(result, "ENOENT")))
        return false;
    for (size_t i = 0; i < COUNT(calls); i++)
        if (strncmp(line, calls[i], strlen(calls[i])) == 0)
            return true;
    return false;
}

/* Cuts the paths that strace -y adds to the numbers of descriptors; only with
 * write(2) does the narration have them too. */
static char *without_paths(char *line)
{
    char *to = line;

    for (char *from = line; *from; from++) {
        bool fd = from > line && (isdigit((unsigned char)from[-1]) ||
                                  strncmp(from - 1, "D<", 2) == 0);
        if (*from == '<' && fd && strncmp(line, "write(", 6) != 0 &&
            strncmp(line, "execve(", 7) != 0 && strchr(from, '>'))
            from = strchr(from, '>');
        else
            *to++ = *from;
    }
    *to = '\0';
    return line;
}

/* Cuts what must differ: the stack of clone(2), which the C library moves by a
 * few words, and of execve(2) the address of the environment and the result,
 * which the narration does not know yet. */
static char *normal(const char *line)
{
    char *copy = without_paths(format("%s", line)), *at;

    if (strncmp(copy, "clone(child_stack=0x", 20) == 0 &&
        (at = strchr(copy, ',')))
        return format("clone(child_stack=STACK%s", at);
    if (strncmp(copy, "execve(", 7) == 0 && (at = strstr(copy, "], 0x"))) {
        char *comment = strstr(at, "/*"), *end = strrchr(copy, ')');
        assert_non_null(comment);
        assert_non_null(end);
        at[3] = end[1] = '\0';
        return format("%s%s", copy, comment);
    }
    /* strace 6.1 prints this behind propagation=0, which changes nothing. */
    if ((at = strstr(copy, " /* MS_??? */")))
        memmove(at, at + 13, strlen(at + 13) + 1);
    return copy;
}

/* The lines of one process in strace's file, in the form of the narration.
 * CONTAINER: the lines end where COMMAND begins. */
static char *strace_lines(pid_t pid, bool container)
{
    char **lines = lines_of(contents(format("%s/trace.%d", scratch(), pid)));
    char *text = format("%s", "");

    if (!container)
        lines++; /* strace's own execve(2) of the stage */
    for (bool command = false; *lines && !command; lines++) {
        const char *result = strrchr(*lines, '=');
        command = container && strncmp(*lines, "execve(", 7) == 0 && result &&
                  strcmp(result, "= 0") == 0;
        if (is_narrated(*lines))
            text = format("%s%s\n", text, normal(*lines));
    }
    return text;
}

/* The calls of WHO, less "[WHO PID] " and less the comments. */
static char *narrated_lines(char *const lines[], const char *who)
{
    char *text = format("%s", ""), *start = format("[%s ", who);

    for (; *lines; lines++) {
        const char *line = strchr(*lines, ']') + 2;
        if (strncmp(*lines, start, strlen(start)) == 0 &&
            strncmp(line, "  ", 2) == 0 && strncmp(line, "  /*", 4) != 0)
            text = format("%s%s\n", text, normal(line + 2));
    }
    return text;
}

/* Shows the first line that differs: all of them are too many to read. */
static void assert_same_lines(char *narrated, char *traced)
{
    char **ours = lines_of(narrated), **theirs = lines_of(traced);

    for (; *ours || *theirs; ours++, theirs++)
        if (!*ours || !*theirs || strcmp(*ours, *theirs) != 0)
            fail_msg("narrated:\n%s\nstrace:\n%s", *ours ? *ours : "nothing",
                     *theirs ? *theirs : "nothing");
}

static void compare_with_strace(char *const args[])
{
    pid_t host, container;
    struct result result = run_strace(args, &host, &container);

    assert_status(result, 7);
    char **lines = lines_of(format("%s", result.err));
    assert_same_lines(narrated_lines(lines, "container"),
                      strace_lines(container, true));
    assert_same_lines(narrated_lines(lines, "host"), strace_lines(host, false));
}

/* No line is missing, none is too many, and all are the same. */
void narration_is_what_strace_prints(void **state)
{
    char *volume = format("%s:/mnt:ro", scratch());

    (void)state;
    compare_with_strace(WORDS("sh", "-c", "exit 7"));
    if (has(NEW_HOSTNAME))
        compare_with_strace(WORDS("--hostname", "web", "sh", "-c", "exit 7"));
    if (!has(NEW_ROOT))
        return;
    compare_with_strace(
        WORDS("-v", volume, "-w", "/mnt", "--read-only", "sh", "-c", "exit 7"));
    compare_with_strace(WORDS("--chroot", "sh", "-c", "exit 7"));
    if (has(NEW_CGROUPS))
        compare_with_strace(WORDS("--memory", "64M", "--pids-limit", "20",
                                  "--cpus", "0.5", "sh", "-c", "exit 7"));
    if (has(NEW_NETWORK))
        compare_with_strace(WORDS("--network", "none", "sh", "-c", "exit 7"));
}

void narration_of_strings_is_what_strace_prints(void **state)
{
    char *many[40];

    (void)state;
    compare_with_strace(WORDS("sh", "-c", "exit 7",
                              "thirty-two characters, "
                              "not one more",
                              "thirty-two characters, not one less"));
    compare_with_strace(WORDS("sh", "-c", "exit 7", "a\tb\nc\"d\\e'f", ""));
    compare_with_strace(WORDS("sh", "-c", "exit 7", "gr\303\274n", "\033[1m"));
    compare_with_strace(
        WORDS("sh", "-c", "exit 7", "\r\f\v\a\b", "\0011\3772"));
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = i + 1 < COUNT(many) ? "x" : NULL;
    compare_with_strace(join(WORDS("sh", "-c", "exit 7"), many));
}

/* The stage's own functions are narrated in full, those of earlier stages in
 * one line that names them, at most 100 columns wide. */
void functions_of_earlier_stages_fold_into_one_line(void **state)
{
    (void)state;
    char *all = run("-V", "true").err, *brief = run("true").err;
    assert_contains(all, "] die_with_parent\n");
    assert_contains(all, "]   prctl(PR_SET_PDEATHSIG");
    assert_lacks(all, " calls)");
    if (stage == 1) /* has no earlier one */
        return;
    assert_lacks(brief, "] die_with_parent\n");
    assert_lacks(brief, "prctl(");
    assert_contains(brief, "]   execve(\"");
    char *line = strstr(brief, stage == 2 ? "] stage 1: die_with_parent"
                                          : "] stages 1 ");
    assert_non_null(line);
    for (char **lines = lines_of(line); *lines; lines++)
        if (!strpbrk(*lines, "=\"*")) /* not a call */
            assert_true(strlen(*lines) <= 100);
}

/* Rows on a screen of 100 columns, if the host has no links. */
void narration_of_a_short_run_fits_a_screen(void **state)
{
    int most = has(NEW_NETWORK)                     ? 30
               : has(NEW_CGROUPS) || !has(NEW_ROOT) ? 24
                                                    : 60;
    size_t rows = 0;

    (void)state;
    for (char **lines = lines_of(run("true").err); *lines; lines++)
        rows += (strlen(*lines) + 99) / 100;
    if (rows > (size_t)most)
        fail_msg("%zu rows, at most %d fit", rows, most);
}

/* A folded call that fails is shown. */
void a_failing_call_of_an_earlier_stage_is_shown(void **state)
{
    struct result result =
        run_failing("prctl:error=EIO:when=1", true, WORDS("echo", "run"));

    (void)state;
    assert_status(result, 125);
    assert_contains(result.err, "] die_with_parent\n");
    assert_contains(result.err,
                    "]   prctl(PR_SET_PDEATHSIG, SIGKILL) = -1 EIO");
}

void a_failing_call_is_narrated_with_its_error(void **state)
{
    struct result result = run_failing(
        has(NEW_MOUNTS) ? "mount:error=EIO:when=1" : "clone:error=EIO:when=1",
        true, WORDS("echo", "run"));

    (void)state;
    assert_status(result, 125);
    assert_contains(result.err, ") = -1 EIO ("); /* musl: I/O error */
}

enum { MOST_WRITES = 60 }; /* of a parent, up to its release of the container */

/* Makes one write(2) of the parent after another fail, up to the one that
 * releases the container: the parent then ends a container that is there. Which
 * write that is can differ from run to run: begin again after the last. */
void a_parent_that_fails_narrates_to_its_end(void **state)
{
    struct result result = {0};
    int tries = 0;

    (void)state;
    do {
        result = run_failing(
            format("write:error=EIO:when=%d", tries++ % MOST_WRITES + 1), false,
            WORDS("echo", "run"));
        if (result.status != 0)
            assert_status(result, 125);
        assert_true(tries < 3 * MOST_WRITES);
    } while (!strstr(result.err, "write to the container's socket"));
    assert_contains(result.err, "]   kill(");
    assert_contains(result.err, "]   wait4(");
    assert_text(result.out, "");
}
