/* SPDX-License-Identifier: MIT
 *
 * rootfs/build.sh: builds the BusyBox root, whoever runs it and in whatever
 * directory, and says what is wrong with a BusyBox that would not work in it.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_busybox(void *path)
{
    umask(077); /* what is built does not depend on it */
    if (path)
        setenv("BUSYBOX", path, 1);
    else
        unsetenv("BUSYBOX");
}

static struct result build(char *directory, char *busybox)
{
    return run_prepared(
        NULL, (char *const[]){built("../rootfs/build.sh"), directory, NULL},
        set_busybox, busybox);
}

static char *build_fresh(const char *name)
{
    char *root = fresh(name);

    assert_status(build(root, NULL), 0);
    return root;
}

static char *in_root(char *root, char *script)
{
    struct result result = run_quiet("--rootfs", root, "sh", "-c", script);

    assert_status(result, 0);
    return result.out;
}

static ino_t inode_of(const char *path)
{
    struct stat st;

    assert_return_code(stat(path, &st), errno);
    return st.st_ino;
}

/* A copy of the BusyBox that the root was built from. */
static char *copy_busybox(const char *name)
{
    char *path = fresh(name);

    on_host(format("cp '%s' '%s'", built("private/rootfs/bin/busybox"), path));
    return path;
}

/* --- the root ------------------------------------------------------------- */

/* A set-uid file in it would serve every user of the host. */
static void a_directory_that_is_made_for_the_root_is_closed(void **state)
{
    (void)state;
    char *open = fresh("open");

    assert_text(
        on_host(format("mkdir -m 755 '%1$s' && rootfs/build.sh "
                       "'%1$s/closed/rootfs' >/dev/null && rootfs/build.sh "
                       "'%1$s/rootfs' >/dev/null && stat -c %%a '%1$s' "
                       "'%1$s/closed' '%1$s/closed/rootfs'",
                       open)),
        "755\n700\n755\n");
    assert_text(on_host(format("stat -c %%a '%s'", built("private"))), "700\n");
}

static void the_root_has_the_usual_directories_and_modes(void **state)
{
    (void)state;
    char *root = build_fresh("root");

    assert_text(on_host(format("cd '%s' && stat -c '%%n %%a' *", root)),
                "bin 755\ndev 755\netc 755\nhome 755\nmnt 755\nproc 755\n"
                "root 700\nrun 755\nsbin 755\nsys 755\ntmp 1777\nusr 755\n"
                "var 755\n");
    assert_text(
        on_host(format("cd '%s' && stat -c '%%n %%a' var/tmp "
                       "bin/busybox etc/* && ls -A proc sys dev tmp run "
                       "| tr -d '\\n'",
                       root)),
        "var/tmp 1777\nbin/busybox 755\netc/group 644\n"
        "etc/hostname 644\netc/hosts 644\netc/passwd 644\n"
        "etc/profile 644\netc/resolv.conf 644\n"
        "dev:proc:run:sys:tmp:");
}

/* Each applet but BusyBox itself and linuxrc, which is for an initrd. */
static void every_applet_is_a_link_that_resolves_inside(void **state)
{
    (void)state;
    char *root = build_fresh("root");
    char *inside =
        in_root(root, "for f in $(busybox --list-full); do case $f in "
                      "linuxrc | bin/busybox) continue;; esac; [ -L /$f ] "
                      "&& [ \"$(readlink -f /$f)\" = /bin/busybox ] && "
                      "echo good || echo $f; done | sort | uniq -c");
    int count = 0;

    assert_int_equal(sscanf(inside, " %d good\n", &count), 1);
    assert_text(strchr(inside, '\n'), "\n");
    assert_in_range(count, 100, 1000);
    /* Seen from outside, they do not lead into the host's files. */
    assert_text(
        on_host(format("cd '%s' && find . -type l ! -lname 'busybox' "
                       "! -lname '../bin/busybox' "
                       "! -lname '../../bin/busybox'; find -L . -type l",
                       root)),
        "");
}

static void a_path_may_have_spaces(void **state)
{
    (void)state;
    char *root = build_fresh("a new directory/a root");

    assert_text(in_root(root, "ls /bin/sh; /usr/bin/id -un"),
                "/bin/sh\nroot\n");
    assert_text(on_host(format("ls -A '%s/a new directory'", scratch())),
                "a root\n");
}

static void a_relative_path_is_below_the_callers_directory(void **state)
{
    (void)state;
    char *directory = fresh("relative");

    on_host(format("mkdir '%1$s' && cd '%1$s' && '%2$s' sub/root", directory,
                   built("../rootfs/build.sh")));
    assert_return_code(access(format("%s/sub/root/bin/sh", directory), X_OK),
                       errno);
}

static void without_a_directory_it_says_how_it_is_used(void **state)
{
    (void)state;
    struct result result =
        run_program(NULL, (char *const[]){built("../rootfs/build.sh"), NULL});

    assert_int_not_equal(result.status, 0);
    assert_contains(result.err, "usage: ");
}

/* --- built again ---------------------------------------------------------- */

static void a_second_run_changes_and_says_nothing(void **state)
{
    (void)state;
    char *root = fresh("root");
    struct result result = build(root, NULL);

    assert_status(result, 0);
    assert_contains(result.out, "rootfs: built from ");
    ino_t inode = inode_of(root);
    create(format("%s/mark", root), "mine\n", 0644);
    result = build(root, NULL);
    assert_status(result, 0);
    assert_text(result.out, "");
    assert_text(result.err, "");
    assert_int_equal(inode_of(root), inode);
    assert_text(contents(format("%s/mark", root)), "mine\n");
}

static void another_busybox_means_another_root(void **state)
{
    (void)state;
    char *root = build_fresh("root"), *busybox = copy_busybox("busybox");
    struct result result;

    /* No newer than the root, but another path. */
    on_host(format("touch -d 2020-01-01 '%s'", busybox));
    create(format("%s/mark", root), "old\n", 0644);
    result = build(root, busybox);
    assert_status(result, 0);
    assert_text(result.out, format("rootfs: built from %s\n", busybox));
    assert_int_equal(access(format("%s/mark", root), F_OK), -1);
    assert_text(build(root, busybox).out, "");
    /* The same path, but a newer file. */
    create(format("%s/mark", root), "old\n", 0644);
    on_host(format("touch -d 'now + 10 seconds' '%s'", busybox));
    result = build(root, busybox);
    assert_status(result, 0);
    assert_text(result.out, format("rootfs: built from %s\n", busybox));
    assert_int_equal(access(format("%s/mark", root), F_OK), -1);
    assert_text(on_host(format("ls -d '%s'*", root)), format("%s\n", root));
}

static void what_an_interrupted_build_left_is_no_obstacle(void **state)
{
    (void)state;
    char *root = fresh("root");

    on_host(format("mkdir -p '%1$s' '%1$s.new/bin' '%1$s.old/bin'", root));
    assert_status(build(root, NULL), 0);
    assert_return_code(access(format("%s/bin/sh", root), X_OK), errno);
    assert_text(on_host(format("ls -d '%s'*", root)), format("%s\n", root));
}

/* --- a BusyBox that would not work ---------------------------------------- */

/* The root that is there stays. */
static void assert_refused(char *busybox, const char *message, const char *hint)
{
    char *root = build_fresh("root");
    ino_t inode = inode_of(root);
    struct result result = build(root, busybox);

    assert_int_not_equal(result.status, 0);
    assert_text(result.out, "");
    char *line = format("rootfs: %s: %s", busybox, message);
    assert_int_equal(strncmp(result.err, line, strlen(line)), 0);
    assert_contains(result.err, format("\n  hint: %s", hint));
    assert_int_equal(inode_of(root), inode);
    assert_return_code(access(format("%s/bin/sh", root), X_OK), errno);
    assert_text(on_host(format("ls -d '%s'*", root)), format("%s\n", root));
    /* Nor does a new one appear. */
    char *other = fresh("other");
    assert_int_not_equal(build(other, busybox).status, 0);
    assert_text(on_host(format("ls -d '%s'* 2>/dev/null || :", other)), "");
}

static void a_missing_busybox_is_refused(void **state)
{
    (void)state;
    assert_refused("/no/such/busybox", "no such file", "BUSYBOX=/path");
}

static void a_busybox_that_is_not_executable_is_refused(void **state)
{
    (void)state;
    char *busybox = copy_busybox("busybox");

    assert_return_code(chmod(busybox, 0644), errno);
    assert_refused(busybox, "not executable", "chmod +x");
}

static void a_text_file_is_refused_as_busybox(void **state)
{
    (void)state;
    char *file = fresh("script");

    create(file, "#!/bin/sh\necho applets\n", 0755);
    assert_refused(file, "not an ELF program", "");
    create(file, "", 0755);
    assert_refused(file, "not an ELF program", "");
}

/* This program itself is linked dynamically: it needs libcmocka. */
static void a_dynamically_linked_busybox_is_refused(void **state)
{
    (void)state;
    char *file = fresh("dynamic");

    on_host(format("cp /proc/%d/exe '%s'", getpid(), file));
    assert_refused(file, "dynamically linked", "");
}

static void overwrite(const char *path, off_t offset, unsigned char byte)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_return_code(fd, errno);
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

static void a_busybox_of_another_architecture_is_refused(void **state)
{
    (void)state;
    char *busybox = copy_busybox("busybox");

    overwrite(busybox, 18, 0xf3); /* e_machine: RISC-V */
    assert_refused(busybox, "expected a program for ", "");
    busybox = copy_busybox("busybox");
    overwrite(busybox, 5, 2); /* EI_DATA: most significant byte first */
    assert_refused(busybox, "expected a program for ", "");
}

static void a_program_that_is_no_busybox_is_refused(void **state)
{
    (void)state;
    char *root = fresh("root");
    struct result result = build(root, built("stage01"));

    assert_int_not_equal(result.status, 0);
    assert_contains(result.err, format("rootfs: %s: has no sh\n  hint: ",
                                       built("stage01")));
    assert_int_equal(access(root, F_OK), -1);
    /* The Makefile calls it by a relative path. */
    char *script = format("cd '%s' && BUSYBOX='%s' rootfs/build.sh '%s'",
                          built(".."), built("stage01"), root);
    result = run_program(NULL, WORDS("sh", "-c", script));
    assert_contains(result.err, "has no sh\n  hint: make setup, or: ");
}

/* --- built by an ordinary user -------------------------------------------- */

static void become_user(void *unused)
{
    set_busybox(unused);
    if (setgroups(0, NULL) == -1 || setgid(1234) == -1 || setuid(1235) == -1)
        _exit(98);
}

/* Built by somebody who may write to its parent directory alone. */
static char *build_as(void (*prepare)(void *), uid_t user)
{
    char *directory = fresh("of a user");
    char *root = format("%s/root", directory);
    char *script = format("%s/build.sh", scratch());

    /* The project's own directory may be closed to others. */
    on_host(format("cp '%s' '%s' && chmod 755 '%s'",
                   built("../rootfs/build.sh"), script, script));
    assert_return_code(mkdir(directory, 0755), errno);
    assert_return_code(chown(directory, user, (gid_t)-1), errno);
    assert_status(
        run_prepared(NULL, (char *const[]){script, root, NULL}, prepare, NULL),
        0);
    return root;
}

static void an_ordinary_user_can_build_it(void **state)
{
    (void)state;
    char *root = build_as(become_nobody, NOBODY);

    assert_text(
        in_root(root,
                "id -un; id -gn; stat -c '%U:%G' / /bin/busybox /etc/passwd"),
        "root\nroot\n"
        "builder:builder\nbuilder:builder\nbuilder:builder\n");
    root = build_as(become_user, 1235);
    assert_text(in_root(root, "stat -c '%U:%G' / /bin/busybox /etc/passwd"),
                "builder:builder\nbuilder:builder\nbuilder:builder\n");
}

static void owners_have_names_in_every_listing(void **state)
{
    (void)state;
    char *const listing = "ls -l / /bin /etc /dev /dev/pts /proc/self "
                          "| awk 'NF > 7 && ($3 ~ /^[0-9]/ || $4 ~ /^[0-9]/)'; "
                          "ps | awk 'NR == 2 { print $1, $2 }'";

    assert_text(in_root(build_as(become_nobody, NOBODY), listing), "1 root\n");
    assert_text(in_root(build_as(become_user, 1235), listing), "1 root\n");
    assert_text(in_root(build_fresh("root"), listing), "1 root\n");
}

static void the_prompt_names_user_host_and_directory(void **state)
{
    (void)state;
    char *root = build_fresh("root");
    struct result result =
        run_with("cd /usr/bin\nexit 3\n",
                 (char *const[]){"-q", "--hostname", "web", "--rootfs", root,
                                 "sh", "-i", NULL});

    assert_status(result, 3);
    assert_contains(format("%s%s", result.err, result.out), "root@web:/# ");
    assert_contains(format("%s%s", result.err, result.out),
                    "root@web:/usr/bin# ");
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_that_is_made_for_the_root_is_closed),
        cmocka_unit_test(the_root_has_the_usual_directories_and_modes),
        cmocka_unit_test(every_applet_is_a_link_that_resolves_inside),
        cmocka_unit_test(a_path_may_have_spaces),
        cmocka_unit_test(a_relative_path_is_below_the_callers_directory),
        cmocka_unit_test(without_a_directory_it_says_how_it_is_used),
        cmocka_unit_test(a_second_run_changes_and_says_nothing),
        cmocka_unit_test(another_busybox_means_another_root),
        cmocka_unit_test(what_an_interrupted_build_left_is_no_obstacle),
        cmocka_unit_test(a_missing_busybox_is_refused),
        cmocka_unit_test(a_busybox_that_is_not_executable_is_refused),
        cmocka_unit_test(a_text_file_is_refused_as_busybox),
        cmocka_unit_test(a_dynamically_linked_busybox_is_refused),
        cmocka_unit_test(a_busybox_of_another_architecture_is_refused),
        cmocka_unit_test(a_program_that_is_no_busybox_is_refused),
        cmocka_unit_test(an_ordinary_user_can_build_it),
        cmocka_unit_test(owners_have_names_in_every_listing),
        cmocka_unit_test(the_prompt_names_user_host_and_directory),
    };

    return test_main(argc, argv, 5, "rootfs", tests, COUNT(tests));
}
