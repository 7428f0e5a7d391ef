/* SPDX-License-Identifier: MIT
 *
 * The verbs of the Makefile and ./run, as somebody meets them who has not built
 * yet, whose build fails, or who works where programs cannot be executed. They
 * run in a copy of the tree, in which tests/lib/run.sh only says what it was
 * given.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct result shell(const char *script)
{
    return run_program(
        NULL,
        WORDS("sh", "-c", format("cd '%s/tree' && %s", scratch(), script)));
}

/* The copy has what make built, with the same times, less build/run. */
static int copy_tree(void **state)
{
    (void)state;
    char *script =
        format("rm -rf '%1$s/tree' && mkdir -p '%1$s/tree/build' && "
               "cd '%2$s' && cp -a Makefile doctor run rootfs stage* common "
               "labs tests tools '%1$s/tree' && cd build && "
               "cp -a common stage* earlier* libcommon.a escape probe private "
               "'%1$s/tree/build' "
               "&& "
               "cp -a tests '%1$s/tree/build' && "
               "cd '%1$s/tree' && chown -R 0:0 . && "
               "printf '#!/bin/sh\\necho ran $*\\n' >tests/lib/run.sh",
               scratch(), built(".."));

    assert_status(run_program(NULL, WORDS("sh", "-c", script)), 0);
    return 0;
}

/* MAKE_WORDS must end in an error with this message and this hint. */
static void refused(const char *make_words, const char *message,
                    const char *hint)
{
    struct result result = shell(format("make -s %s 2>&1", make_words));

    assert_int_not_equal(result.status, 0);
    assert_contains(result.out, message);
    assert_contains(result.out, hint);
}

static void the_tests_of_a_stage_need_no_later_stage(void **state)
{
    (void)state;
    struct result result = shell("ls -d stage* | sed 1,3d | xargs rm -r && "
                                 "make -s test3 && make -s stage3 && "
                                 "./run -q echo run");
    assert_status(result, 0);
    assert_contains(result.out, "ran build/tests/test_stage03\n");
    assert_contains(result.out, "/run\nrun\n");
}

static void a_later_stage_may_be_broken(void **state)
{
    (void)state;
    struct result result =
        shell("echo garbage >stage05-rootfs-chroot/stage05.c && make -s test3");
    assert_status(result, 0);
    assert_text(result.out, "ran build/tests/test_stage03\n");
}

/* The compiler that does not find the header HIDDEN. */
static char *compiler_without(const char *hidden)
{
    char *path = format("%s/cc", scratch());

    create(path,
           format("#!/bin/sh\ncase $* in\n*-E*) ! grep -q '%s';;\n"
                  "*) cc \"$@\";;\nesac\n",
                  hidden),
           0755);
    return path;
}

static void without_cmocka_the_message_says_what_to_type(void **state)
{
    (void)state;
    shell("rm build/tests/*/*.o");
    refused(format("test1 CC='%s'", compiler_without("cmocka")),
            "cmocka.h not found: the tests need it\n",
            "  hint: make setup test\n");
}

static void without_libnl_the_message_says_what_to_type(void **state)
{
    (void)state;
    shell("rm build/common/net*.o");
    refused(format("stage7 CC='%s'", compiler_without("netlink")),
            "libnl-route-3 not found: stage 7 needs it\n",
            "  hint: make setup stage7\n");
    assert_status(shell("make -s stage6"), 0);
}

static void without_a_compiler_the_message_says_what_to_type(void **state)
{
    (void)state;
    shell("rm build/stage01");
    refused("-W stage01-clone/stage01.c stage1 CC=no-such-cc",
            "no-such-cc not found\n", "  hint: make setup\n");
}

static void a_stage_that_is_not_there_is_named(void **state)
{
    static const char *const verbs[] = {"stage99", "stage", "test99", "diff1",
                                        "diff99",  "gdb99", "demo99", NULL};
    char *numbers = format("%s", "");

    (void)state;
    for (int n = 1; n <= last_stage(); n++)
        numbers = format("%s %d", numbers, n);
    for (const char *const *verb = verbs; *verb; verb++)
        refused(*verb, format("make %s: there is no such stage here\n", *verb),
                format("  hint: the stages are%s: make %.*s%d\n", numbers,
                       (int)strcspn(*verb, "0123456789"), *verb, last_stage()));
}

static void run_before_a_build_says_what_to_type(void **state)
{
    (void)state;
    struct result result = shell("./run echo run");
    assert_status(result, 125);
    assert_text(result.err,
                "./run: no stage is built, or the last build "
                "failed\n  hint: make stageN, where N is the stage to run; "
                "read its messages\n");
}

static void run_works_from_another_directory(void **state)
{
    (void)state;
    struct result result =
        shell("make -s stage1 && cd / && "
              "\"$OLDPWD/run\" -q echo run && cd \"$OLDPWD\" && sh run -q pwd");
    assert_status(result, 0);
    assert_contains(result.out, format("run\n%s/tree\n", scratch()));
}

static void a_failed_build_leaves_no_program_to_run(void **state)
{
    (void)state;
    assert_status(shell("make -s stage2 && ./run -q true"), 0);
    assert_status(shell("echo garbage >>stage02-mount-ns/stage02.c && "
                        "make -s stage2 || ./run -q true"),
                  125);
    assert_status(shell("make -s stage1 && ./run -q true"), 0);
    assert_status(shell("echo garbage >>common/exec.c && "
                        "make -s stage1 || ./run -q true"),
                  125);
}

static void a_file_system_without_execution_is_named(void **state)
{
    (void)state;
    assert_status(shell("mkdir '../noexec' && "
                        "mount -t tmpfs -o noexec none ../noexec && "
                        "cp -R . ../noexec"),
                  0);
    refused("-C ../noexec -B stage1", "is mounted noexec",
            "  hint: copy the tree to another one: cp -R . ~/containers\n");
}

#define AS_NOBODY "setpriv --reuid 65534 --regid 65534 --clear-groups "

/* After sudo make, directories below build belong to root. */
static void what_root_built_is_named(void **state)
{
    (void)state;
    shell("chown -R 65534 . && chown -R 0 build/common");
    struct result result = shell(AS_NOBODY "make -s stage1 2>&1");
    assert_status(result, 2);
    assert_contains(result.out, "build/common/ belongs to root, because make "
                                "was run with sudo. Type: sudo make clean.");
    result = shell(AS_NOBODY "make -s clean 2>&1");
    assert_status(result, 2);
    assert_contains(result.out, "Type: sudo make clean.");
    assert_status(shell("make -s clean && " AS_NOBODY "make -s stage1"), 0);
}

static void the_tree_of_another_user_is_named(void **state)
{
    (void)state;
    shell("chown -R 1234 .");
    struct result result = shell(AS_NOBODY "make -s stage1 2>&1");
    assert_status(result, 2);
    assert_contains(result.out, "belongs to another user. Copy this tree: "
                                "cp -R . ~/containers.");
    assert_status(shell(AS_NOBODY "make -s"), 0);
}

/* A student may add this to stage 1. Each call but clone(2) fails. */
static const char added[] =
    "#include \"../common/syscalls.h\"\n"
    "#include <sys/wait.h>\n"
    "static int end_at_once(void *argument)\n"
    "{\n"
    "    _exit(argument != NULL);\n"
    "}\n"
    "static void try_calls(char *stack)\n"
    "{\n"
    "    pid_t told = -1;\n"
    "    void *volatile none = NULL;\n"
    "    sethostname(none, 3);\n"
    "    clone3(NULL, 0);\n"
    "    mount_setattr(AT_FDCWD, \"/\", 0, NULL, 0);\n"
    "    execve(\"/proc/version\", none, none);\n"
    "    pid_t pid = clone(end_at_once, stack, CLONE_PARENT_SETTID | SIGCHLD,\n"
    "                      NULL, &told, NULL, NULL);\n"
    "    waitpid(pid, NULL, 0);\n"
    "    if (told != pid)\n"
    "        die(\"clone\", \"told %d, not %d\", told, pid);\n"
    "}\n";

static void calls_of_a_student_keep_their_arguments_also_null(void **state)
{
    (void)state;
    create(format("%s/tree/added", scratch()), added, 0644);
    struct result result = shell(
        "sed -i -e '/^int main/{e cat added' -e '}' -e '/prepare_container/a"
        "try_calls(stack + STACK_SIZE);' stage01-clone/stage01.c && "
        "make -s stage1 && ./run true 2>&1");

    assert_status(result, 0);
    assert_contains(result.out, "] try_calls\n");
    assert_contains(result.out, "]   sethostname(NULL, 3) = -1 E");
    assert_contains(result.out, "]   clone3(NULL, 0) = -1 EINVAL");
    assert_contains(result.out,
                    "]   mount_setattr(AT_FDCWD, \"/\", 0, NULL, 0) "
                    "= -1 E");
    assert_contains(result.out, "]   execve(\"/proc/version\", NULL, NULL)\n");
}

/* Stages 8 to 10 are copies of stage 7. The compiler of setup finds no libnl.
 */
static void a_tenth_stage_is_found_by_its_directory(void **state)
{
    const char *compiler = "case $* in *netlink*) exit 1;; esac; /usr/bin/cc";

    (void)state;
    shell("for n in 08 09 10; do cp -R stage07-net stage$n-copy && "
          "mv stage$n-copy/stage07.c stage$n-copy/stage$n.c && "
          "sed -i \"s/prepare_container(7,/prepare_container(${n#0},/\" "
          "stage$n-copy/stage$n.c; done");
    struct result result =
        shell("make -s stage10 && ./run --help | sed -n 2p && "
              "make -s diff10");
    assert_status(result, 0);
    assert_contains(result.out, "in the container of stage 10.\n");
    assert_contains(result.out, "+    struct container *container = "
                                "prepare_container(10, argc");
    create(format("%s/tree/cc", scratch()),
           format("#!/bin/sh\n%s \"$@\"\n", compiler), 0755);
    create(format("%s/tree/apt-get", scratch()),
           "#!/bin/sh\necho \"asked $*\"\n", 0755);
    for (int n = 6; n <= 10; n++) {
        result = shell(format("PATH=.:$PATH tools/setup.sh stage%d 2>&1", n));
        if (n == 6)
            assert_lacks(result.out, "libnl");
        else
            assert_contains(result.out, "libnl-route-3-dev");
    }
}

#define IN_COPY(test) cmocka_unit_test_setup(test, copy_tree)

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        IN_COPY(the_tests_of_a_stage_need_no_later_stage),
        IN_COPY(calls_of_a_student_keep_their_arguments_also_null),
        IN_COPY(a_later_stage_may_be_broken),
        IN_COPY(a_tenth_stage_is_found_by_its_directory),
        IN_COPY(without_cmocka_the_message_says_what_to_type),
        IN_COPY(without_libnl_the_message_says_what_to_type),
        IN_COPY(without_a_compiler_the_message_says_what_to_type),
        IN_COPY(a_stage_that_is_not_there_is_named),
        IN_COPY(run_before_a_build_says_what_to_type),
        IN_COPY(run_works_from_another_directory),
        IN_COPY(a_failed_build_leaves_no_program_to_run),
        IN_COPY(a_file_system_without_execution_is_named),
        IN_COPY(what_root_built_is_named),
        IN_COPY(the_tree_of_another_user_is_named),
    };

    return test_main(argc, argv, 1, "verbs", tests, COUNT(tests));
}
