/* SPDX-License-Identifier: MIT
 *
 * make look: what it says of running containers, compared with lsns(8), /proc
 * and the files of the cgroups.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include "../lib/cgroups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kinds[] = {"mnt",    "pid", "uts",  "ipc",
                                    "cgroup", "net", "user", "time"};

static struct result look_at(const char *word)
{
    return run_program(NULL, WORDS(built("look"), (char *)word));
}

static char *look(const char *word)
{
    struct result result = look_at(word);

    assert_status(result, 0);
    assert_text(result.err, "");
    return result.out;
}

static char *number(pid_t pid)
{
    return format("%d", pid);
}

static void without_a_container_it_says_so(void **state)
{
    (void)state;
    assert_text(look(NULL), "no container is running\n");
}

static void a_container_has_its_name_and_both_pids(void **state)
{
    (void)state;
    struct live live =
        start("--hostname", "web", READY("sleep 1000 & echo; read line; true"));
    next_line(&live);
    pid_t child = children_of(live.container)[0];
    on_host(format("until '%s' %d | grep -q 'sleep 1000$'; do sleep .01; done",
                   built("look"), child));
    char *out = look(NULL);

    assert_contains(
        out, format("web: stage %d, parent %d, ", last_stage(), live.parent));
    assert_contains(out, format("          1 %9d  sh -c echo ready; sleep",
                                live.container));
    assert_contains(out, format(" %9d    sleep 1000\n", child));
    out = look(number(child));
    assert_contains(out, "  container   web\n");
    assert_contains(out, format("  PIDs        %d here ", child));
    for (char *word = strtok(status_of(child, "NSpid"), "\t"); word;
         word = strtok(NULL, "\t"))
        assert_true(has_word(strstr(out, "PIDs"), word));
    assert_status(finish(&live), 0);
}

static void namespaces_are_those_of_proc(void **state)
{
    (void)state;
    struct live live = start(READY("read line; true"));
    char *out = look(number(live.container));

    for (size_t i = 0; i < COUNT(kinds); i++) {
        char *own = namespace_of(live.container, kinds[i]);
        bool same = strcmp(own, namespace_of(getpid(), kinds[i])) == 0;
        assert_contains(out, format("  %-11s %-12s %s\n", kinds[i],
                                    same ? "the host's" : "own", own));
    }
    assert_contains(look(NULL), "  own         mnt pid uts ipc cgroup net\n"
                                "  the host's  user time\n");
    assert_status(finish(&live), 0);
}

/* lsns(8) lists the processes of a PID namespace as well. */
static void members_of_a_namespace_are_those_of_lsns(void **state)
{
    (void)state;
    struct live live =
        start("sh", "-c", "sleep 1000 & echo ready; read line; true");
    char *name = namespace_of(live.container, "pid");
    char *inode =
        format("%.*s", (int)strspn(strchr(name, '[') + 1, "0123456789"),
               strchr(name, '[') + 1);
    char *of_lsns = on_host(format("lsns -n -o PID %s | sort -n", inode));
    char *ours =
        on_host(format("'%s' '%s' | awk 'NR > 1 { print $1 }' | sort -n",
                       built("look"), name));

    assert_contains(look(name), format("%s: not the host's\n", name));
    assert_int_equal(strtol(of_lsns, NULL, 10), strtol(ours, NULL, 10));
    assert_text(on_host(format("echo '%s' | wc -w", ours)),
                on_host(format("echo '%s' | wc -w", of_lsns)));
    assert_contains(look(namespace_of(1, "user")), "the host's\n");
    assert_status(finish(&live), 0);
}

static void limits_and_use_are_those_of_the_cgroups(void **state)
{
    (void)state;
    /* sleep runs before COMMAND is ready. */
    struct live live =
        start("-m", "64M", "--pids-limit", "20", "--cpus", ".5", "sh", "-c",
              "sleep 1000 & echo ready; read line; true");
    char *out = look(NULL);

    assert_contains(out, " of 64.0 MiB\n");
    assert_contains(out, "  pids        2 of 20\n");
    assert_contains(out, "at most 0.50 processors\n");
    /* The directory that it names has the container in it. */
    char *directory = on_host(
        format("'%s' | sed -n 's/^  cgroup *//p' | head -n 1 | tr -d '\\n'",
               built("look")));
    assert_true(has_word(contents(format("%s/cgroup.procs", directory)),
                         number(live.container)));
    assert_status(finish(&live), 0);
}

static void addresses_are_those_of_ip(void **state)
{
    (void)state;
    struct live live = start(READY("read line; true"));
    char *address =
        on_host(format("nsenter -t %d -n ip -o -4 address show dev eth0 | "
                       "sed 's/.*inet \\([0-9.]*\\).*/\\1/' | tr -d '\\n'",
                       live.container));

    assert_contains(look(NULL), format("  addresses   %s\n", address));
    assert_status(finish(&live), 0);
}

static void root_and_mounts_are_those_of_mountinfo(void **state)
{
    (void)state;
    struct live live = start("-v", format("%s:/mnt:ro", built("tests")),
                             READY("read line; true"));
    char *out = look(number(live.container));
    char *count = on_host(
        format("wc -l </proc/%d/mountinfo | tr -d '\\n'", live.container));

    assert_contains(out, format("  mounts      %s\n", count));
    assert_contains(out, "    /mnt  ");
    assert_contains(out, "/private/rootfs of a file system of type ");
    assert_status(finish(&live), 0);
}

/* A container in a container: its network is the outer one's. */
static void a_nested_container_shares_what_it_did_not_make(void **state)
{
    (void)state;
    struct live live =
        start("--hostname", "outer", "--network", "none", "-v",
              format("%s:/mnt", built(".")),
              READY("/mnt/stage05 -q --rootfs /mnt/private/rootfs "
                    "--hostname inner sh -c 'echo; read line'; true"));
    next_line(&live);
    char *out = look(NULL);
    char *inner = strstr(out, "inner: stage 5");

    assert_contains(out, format("outer: stage %d", last_stage()));
    assert_non_null(inner);
    assert_contains(inner, "  own         mnt pid uts ipc\n");
    assert_contains(inner, "  outer's     cgroup net\n");
    assert_status(finish(&live), 0);
}

static void two_containers_of_one_name_are_told_apart(void **state)
{
    (void)state;
    struct live one = start(READY("read line; true"));
    struct live two = start(READY("read line; true"));
    char *out = look(NULL);

    assert_contains(out, format("container-%d: ", one.container));
    assert_contains(out, format("container-%d: ", two.container));
    assert_status(finish(&one), 0);
    assert_status(finish(&two), 0);
}

static void before_stage_3_the_child_is_the_container(void **state)
{
    (void)state;
    char *out =
        on_host(format("'%s' -q sleep 1000 & until pgrep -x sleep; do "
                       "sleep .01; done; '%s'; kill -9 $(pgrep -x stage02)",
                       built("stage02"), built("look")));

    assert_contains(out, "stage02: stage 2, parent ");
    assert_contains(out, "  own         mnt\n"
                         "  the host's  pid uts ipc cgroup net user time\n");
    assert_contains(out, "  cgroup      not a container's own\n");
}

/* A process of another user hides its program and its namespaces. */
static void without_root_it_says_what_it_cannot_read(void **state)
{
    (void)state;
    struct live live = start(READY("read line; true"));
    /* A copy: user nobody may not enter the directories above build. */
    char *copy = format("%s/look", scratch());
    on_host(format("cp '%s' '%s'", built("look"), copy));
    struct result result = run_prepared(NULL, WORDS(copy), become_nobody, NULL);

    assert_status(result, 0);
    assert_contains(result.out, format("parent %d, started as", live.parent));
    assert_contains(result.out, format("1 %9d  sh -c", live.container));
    assert_contains(result.out, "(sudo build/look)\n");
    assert_status(finish(&live), 0);
}

static void a_name_cannot_write_to_the_terminal(void **state)
{
    (void)state;
    struct live live = start(READY(
        "hostname \"$(printf 'a\033[2J\302\2332J')\"; echo; read line; true"));
    next_line(&live);

    assert_contains(look(NULL), "a?[2J?\?2J: ");
    assert_status(finish(&live), 0);
}

static void wrong_words_are_refused(void **state)
{
    static const char *const words[] = {"foo",     "-1",    "1x", "pid:[x]",
                                        "abc:[1]", "--svg", ""};

    (void)state;
    for (size_t i = 0; i + 1 < COUNT(words); i++) {
        struct result result = look_at(words[i]);
        assert_status(result, 125);
        assert_contains(result.err, "look: ");
        assert_contains(result.err, "expected ");
        assert_text(result.out, "");
    }
    assert_status(look_at("4194304"), 1);
    assert_status(look_at("pid:[1]"), 1);
    assert_status(look_at("--help"), 0);
}

/* The kernel's reports are about all processes of the machine, so root of a
 * container receives none. The tests have a PID namespace of their own:
 * test_vm.sh watches for real. */
static void watching_from_a_pid_namespace_is_refused(void **state)
{
    (void)state;
    struct result result = look_at("--watch");

    assert_status(result, 125);
    assert_contains(result.err, "look: --watch: ");
    assert_contains(result.err, "run on the host itself");
}

/* make pictures writes them. */
static void the_pictures_of_the_lessons_are_up_to_date(void **state)
{
    (void)state;
    char *directory = fresh_directory("pictures");
    on_host(format("'%s' '%s'", built("../tools/look/pictures.sh"), directory));
    for (int n = 1; n <= last_stage(); n++)
        on_host(
            format("diff '%s/stage%02d.svg' '%s'/stage%02d-*/namespaces.svg",
                   directory, n, built(".."), n));
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_container_it_says_so),
        cmocka_unit_test(a_container_has_its_name_and_both_pids),
        cmocka_unit_test(namespaces_are_those_of_proc),
        cmocka_unit_test(members_of_a_namespace_are_those_of_lsns),
        cmocka_unit_test(limits_and_use_are_those_of_the_cgroups),
        cmocka_unit_test(addresses_are_those_of_ip),
        cmocka_unit_test(root_and_mounts_are_those_of_mountinfo),
        cmocka_unit_test(a_nested_container_shares_what_it_did_not_make),
        cmocka_unit_test(two_containers_of_one_name_are_told_apart),
        cmocka_unit_test(before_stage_3_the_child_is_the_container),
        cmocka_unit_test(without_root_it_says_what_it_cannot_read),
        cmocka_unit_test(a_name_cannot_write_to_the_terminal),
        cmocka_unit_test(wrong_words_are_refused),
        cmocka_unit_test(watching_from_a_pid_namespace_is_refused),
        cmocka_unit_test(the_pictures_of_the_lessons_are_up_to_date),
    };

    find_build_directory();
    return test_main(argc, argv, last_stage(), "look", tests, COUNT(tests));
}
