/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

void missing_command_gives_127(void **state)
{
    (void)state;
    assert_not_run(run_quiet("no-such-command"), 127,
                   "exec no-such-command: No such file",
                   "looked up inside the container");
}

void missing_path_gives_127(void **state)
{
    (void)state;
    assert_not_run(run_quiet("/no/such/command"), 127,
                   "/no/such/command: ", "looked up inside the container");
}

void empty_command_gives_127(void **state)
{
    (void)state;
    assert_not_run(run_quiet(""), 127,
                   "exec : ", "looked up inside the container");
}

static char *script(const char *name, const char *text, mode_t mode)
{
    char *path = format("%s/%s", scratch(), name);

    create(path, text, mode);
    return path;
}

void file_that_is_not_executable_gives_126(void **state)
{
    char *file = script("plain", "#!/bin/sh\necho run\n", 0644);

    (void)state;
    assert_not_run(run_file(file, WORDS(NULL)), 126, "Permission denied",
                   "chmod +x");
}

void directory_gives_126(void **state)
{
    (void)state;
    assert_not_run(run_quiet("/tmp"), 126, "exec /tmp: Permission denied",
                   "it is a directory");
}

void name_that_is_too_long_gives_126(void **state)
{
    char name[302] = "/";

    (void)state;
    memset(name + 1, 'a', 300);
    assert_not_run(run_quiet(name), 126, ": File name too long", NULL);
}

void program_of_another_architecture_gives_126(void **state)
{
    char *file = format("%s/vax", scratch());
    char *busybox = built("private/rootfs/bin/busybox");
    /* e_machine, at offset 18: 0x4b4b in both byte orders, no known machine. */
    const unsigned char vax[] = {75, 75};

    (void)state;
    assert_status(run_program(NULL, WORDS("cp", busybox, file)), 0);
    assert_status(run_file(file, WORDS("vax", "true")), 127); /* no applet */
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    assert_return_code(fd, errno);
    assert_int_equal(pwrite(fd, vax, sizeof(vax), 18), sizeof(vax));
    close(fd);
    assert_not_run(run_file(file, WORDS("true")), 126, "Exec format error",
                   "another architecture");
}

void missing_interpreter_gives_126(void **state)
{
    char *file = script("orphan", "#!/no/such/interpreter\necho run\n", 0755);

    (void)state;
    assert_not_run(run_file(file, WORDS(NULL)), 126,
                   "No such file or directory", "interpreter");
}

void interpreter_that_cannot_be_executed_gives_126(void **state)
{
    static const char *const rows[][2] = {
        {"/etc", "Permission denied"},        /* a directory */
        {"/etc/passwd", "Permission denied"}, /* not executable */
        {"/etc/passwd/sh", "Not a directory"}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *file =
            script("bad", format("#!%s\necho run\n", rows[i][0]), 0755);
        struct result result = run_file(file, WORDS(NULL));
        assert_not_run(result, 126, rows[i][1], "its interpreter");
        assert_lacks(result.err, "noexec");
    }
}

void noexec_mount_gives_126(void **state)
{
    char *place = format("%s/noexec", scratch());

    (void)state;
    assert_return_code(mkdir(place, 0755), errno);
    assert_return_code(mount("none", place, "tmpfs", MS_NOEXEC, NULL), errno);
    char *file = script("noexec/file", "#!/bin/sh\necho run\n", 0755);
    struct result result = run_file(file, WORDS(NULL));
    assert_return_code(umount2(place, MNT_DETACH), errno);
    assert_return_code(rmdir(place), errno);
    assert_not_run(result, 126, "Permission denied", "mounted noexec");
}

void text_without_interpreter_gives_126(void **state)
{
    char *file = script("text", "echo run\n", 0755);

    (void)state;
    assert_not_run(run_file(file, WORDS(NULL)), 126, "Exec format error",
                   "a script without #!");
}

void path_with_spaces_is_executed(void **state)
{
    char *file = script("with two spaces", "#!/bin/sh\necho run $1\n", 0755);

    (void)state;
    struct result result = run_file(file, WORDS("once"));
    assert_status(result, 0);
    assert_text(result.out, "run once\n");
}

void all_of_1000_arguments_arrive(void **state)
{
    char *numbers[1001] = {NULL};

    (void)state;
    for (int i = 0; i < 1000; i++)
        numbers[i] = format("%d", i);
    struct result result = run_with(
        NULL, join(WORDS("-q", "sh", "-c", "echo $#; shift 999; echo $1", "sh"),
                   numbers));
    assert_status(result, 0);
    assert_text(result.out, "1000\n999\n");
}

void argument_of_100_kb_arrives(void **state)
{
    (void)state;
    struct result result =
        run_quiet("sh", "-c", "echo ${#1}", "sh", format("%0102400d", 7));
    assert_status(result, 0);
    assert_text(result.out, "102400\n");
}
