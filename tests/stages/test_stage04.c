/* SPDX-License-Identifier: MIT
 *
 * Stage 4: a hostname and IPC objects of the container's own.
 */
#define _GNU_SOURCE
#include "../lib/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    HOST_KEY = 0x51a9e4,  /* of the System V objects made on the host */
    INNER_KEY = 0x51a9e5, /* and of those made in the container */
    LONGEST = 64          /* characters of a hostname */
};

static const char *const sysv_files[] = {
    "/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"};

/* --- the host ------------------------------------------------------------- */

/* How each kind of object was reached: its id (queue: 0), or minus errno. */
struct objects {
    int shm, sem, msg, queue;
};

static int id_or_error(int id)
{
    return id == -1 ? -errno : id;
}

/* Opens the objects with KEY and the queue NAME; FLAGS may say IPC_CREAT. */
static struct objects open_objects(key_t key, const char *name, int flags)
{
    int queue_flags = O_RDONLY | O_CLOEXEC;
    struct objects found = {
        .shm = id_or_error(shmget(key, 4096, flags | 0600)),
        .sem = id_or_error(semget(key, 1, flags | 0600)),
        .msg = id_or_error(msgget(key, flags | 0600)),
    };

    if (flags & IPC_CREAT)
        queue_flags |= O_CREAT | O_EXCL;
    mqd_t queue = mq_open(name, queue_flags, 0600, NULL);
    found.queue = queue == (mqd_t)-1 ? -errno : 0;
    if (queue != (mqd_t)-1)
        mq_close(queue);
    return found;
}

static void assert_all_found(struct objects objects)
{
    assert_in_range(objects.shm, 0, INT_MAX);
    assert_in_range(objects.sem, 0, INT_MAX);
    assert_in_range(objects.msg, 0, INT_MAX);
    assert_int_equal(objects.queue, 0);
}

static void assert_none_found(struct objects objects)
{
    assert_int_equal(objects.shm, -ENOENT);
    assert_int_equal(objects.sem, -ENOENT);
    assert_int_equal(objects.msg, -ENOENT);
    assert_int_equal(objects.queue, -ENOENT);
}

static char *queue_name(const char *word)
{
    return format("/container-test-%s-%d", word, getpid());
}

static struct objects make_host_objects(void)
{
    struct objects made =
        open_objects(HOST_KEY, queue_name("host"), IPC_CREAT | IPC_EXCL);

    assert_all_found(made);
    return made;
}

static void remove_host_objects(struct objects made)
{
    assert_return_code(shmctl(made.shm, IPC_RMID, NULL), errno);
    assert_return_code(semctl(made.sem, 0, IPC_RMID), errno);
    assert_return_code(msgctl(made.msg, IPC_RMID, NULL), errno);
    assert_return_code(mq_unlink(queue_name("host")), errno);
}

/* open_objects() by a child of ours that enters the IPC namespace of PID. */
static struct objects open_objects_in(pid_t pid, key_t key, const char *name,
                                      int flags)
{
    char *path = format("/proc/%d/ns/ipc", pid);
    struct objects found;
    int fds[2], status;

    assert_return_code(pipe2(fds, O_CLOEXEC), errno);
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        int ns = open(path, O_RDONLY | O_CLOEXEC);
        if (ns == -1 || setns(ns, CLONE_NEWIPC) == -1)
            _exit(1);
        found = open_objects(key, name, flags);
        _exit(write(fds[1], &found, sizeof(found)) != sizeof(found));
    }
    close(fds[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(fds[0], &found, sizeof(found)), sizeof(found));
    close(fds[0]);
    return found;
}

/* A /dev on a tmpfs, with what the tests need of the host's. It is attached to
 * /dev in this program's own mount namespace. */
static void replace_dev(void)
{
    static const char *const nodes[] = {"null", "zero", "urandom", "tty"};
    static const unsigned int minors[] = {3, 5, 9, 0};
    char *dev = format("%s/dev", scratch());

    assert_return_code(mkdir(dev, 0755), errno);
    assert_return_code(mount("dev", dev, "tmpfs", 0, "mode=755"), errno);
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        dev_t device = makedev(minors[i] ? 1 : 5, minors[i]);
        char *path = format("%s/%s", dev, nodes[i]);
        assert_return_code(mknod(path, S_IFCHR | 0666, device), errno);
        assert_return_code(chmod(path, 0666), errno);
    }
    assert_return_code(mkdir(format("%s/shm", dev), 01777), errno);
    assert_return_code(mkdir(format("%s/pts", dev), 0755), errno);
    assert_return_code(
        mount("/dev/pts", format("%s/pts", dev), NULL, MS_BIND | MS_REC, NULL),
        errno);
    assert_return_code(mount(dev, "/dev", NULL, MS_BIND | MS_REC, NULL), errno);
    assert_return_code(umount2(dev, MNT_DETACH), errno);
    assert_return_code(rmdir(dev), errno);
}

/* /dev/mqueue as systemd mounts it: the host's queues are files there. Where
 * the machine has it, it is there already: see tests/lib/apart.c. */
static bool mqueue_given;

static void give_host_mqueue(void)
{
    mqueue_given = access("/dev/mqueue", F_OK) == -1;
    if (!mqueue_given)
        return;
    replace_dev();
    assert_return_code(mkdir("/dev/mqueue", 01777), errno);
    assert_return_code(mount("mqueue", "/dev/mqueue", "mqueue", 0, NULL),
                       errno);
}

static void take_host_mqueue(void)
{
    if (mqueue_given)
        assert_return_code(umount("/dev/mqueue"), errno);
}

/* --- hostname ------------------------------------------------------------- */

static char *own_hostname(void)
{
    char name[LONGEST + 1] = "";

    assert_return_code(gethostname(name, sizeof(name)), errno);
    return format("%s", name);
}

#define SHOW_NAME "hostname; uname -n; cat /proc/sys/kernel/hostname"

static void assert_name(struct result result, const char *name)
{
    assert_status(result, 0);
    assert_text(result.out, format("%s\n%s\n%s\n", name, name, name));
}

static void the_hostname_is_container_without_an_option(void **state)
{
    (void)state;
    assert_name(run_quiet("sh", "-c", SHOW_NAME), "container");
}

static void the_nis_domain_is_not_the_callers(void **state)
{
    char before[65];

    (void)state;
    assert_return_code(getdomainname(before, sizeof(before)), errno);
    assert_return_code(setdomainname("callers", 7), errno);
    struct result result = run_quiet("cat", "/proc/sys/kernel/domainname");
    struct result outside =
        run_program(NULL, WORDS("cat", "/proc/sys/kernel/domainname"));
    assert_return_code(setdomainname(before, strlen(before)), errno);
    assert_text(result.out, "(none)\n");
    assert_text(outside.out, "callers\n");
}

static void hostname_option_names_the_container(void **state)
{
    (void)state;
    assert_name(run_quiet("--hostname", "web", "sh", "-c", SHOW_NAME), "web");
    assert_name(run_quiet("--hostname=Web-1.example_2", "sh", "-c", SHOW_NAME),
                "Web-1.example_2");
    assert_name(
        run_quiet("--hostname", "x", "--hostname", "y", "sh", "-c", SHOW_NAME),
        "y");
}

static void the_host_keeps_its_name_while_the_container_runs(void **state)
{
    (void)state;
    char *name = own_hostname(), *before = host_state();
    struct live live = start("--hostname", "web", READY("read go; hostname"));

    assert_string_not_equal(name, "web");
    assert_text(own_hostname(), name);
    assert_int_equal(write(live.in, "\n", 1), 1);
    struct result result = finish(&live);
    assert_status(result, 0);
    assert_text(result.out, "web\n");
    assert_text(own_hostname(), name);
    assert_host_unchanged(before);
}

static void a_name_that_command_sets_stays_in_the_container(void **state)
{
    (void)state;
    char *name = own_hostname(), *before = host_state();
    struct live live =
        start(READY("hostname inner; echo set; read go; hostname"));

    assert_text(next_line(&live), "set");
    assert_text(own_hostname(), name);
    assert_int_equal(write(live.in, "\n", 1), 1);
    struct result result = finish(&live);
    assert_status(result, 0);
    assert_text(result.out, "inner\n");
    assert_host_unchanged(before);
}

static void two_containers_have_a_name_each(void **state)
{
    (void)state;
    struct live one = start("--hostname", "one", READY("read go; hostname"));
    struct live two = start("--hostname", "two", READY("read go; hostname"));

    assert_int_equal(write(one.in, "\n", 1), 1);
    assert_text(finish(&one).out, "one\n");
    assert_int_equal(write(two.in, "\n", 1), 1);
    assert_text(finish(&two).out, "two\n");
}

static void a_hostname_may_have_64_characters(void **state)
{
    (void)state;
    char name[LONGEST + 1] = "";

    memset(name, 'n', LONGEST);
    assert_name(run_quiet("--hostname", name, "sh", "-c", SHOW_NAME), name);
    assert_name(run_quiet("--hostname", "n", "sh", "-c", SHOW_NAME), "n");
}

static void assert_refused(char *name, const char *message, const char *hint)
{
    char *before = host_state();
    struct result result =
        run_quiet("--hostname", name, "sh", "-c", "echo started");

    assert_status(result, 125);
    assert_text(result.out, "");
    assert_message(result, message, hint);
    assert_host_unchanged(before);
}

static void a_hostname_of_65_characters_is_refused(void **state)
{
    (void)state;
    char name[LONGEST + 2] = "";

    memset(name, 'n', LONGEST + 1);
    assert_refused(name, "--hostname: expected 1 to 64 characters, not 65",
                   NULL);
}

static void an_empty_hostname_is_refused(void **state)
{
    (void)state;
    assert_refused("", "--hostname: expected 1 to 64 characters, not 0", NULL);
}

static void a_hostname_with_other_characters_is_refused(void **state)
{
    (void)state;
    static char *const names[] = {"a b", "a/b", "a\tb", "a;b", "m\303\274ller"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_refused(names[i],
                       format("--hostname %s: expected letters, digits, '-', "
                              "'.' and '_'",
                              names[i]),
                       NULL);
}

/* --- IPC ------------------------------------------------------------------ */

static void ipc_objects_of_the_host_cannot_be_opened_inside(void **state)
{
    (void)state;
    struct objects made = make_host_objects();
    struct live live = start(READY("read go"));
    struct objects inside =
        open_objects_in(live.container, HOST_KEY, queue_name("host"), 0);

    /* The same probe outside finds them: it would have found them inside. */
    assert_all_found(
        open_objects_in(getpid(), HOST_KEY, queue_name("host"), 0));
    remove_host_objects(made);
    assert_none_found(inside);
}

static void no_system_v_object_of_the_host_is_listed_inside(void **state)
{
    (void)state;
    struct objects made = make_host_objects();
    struct result result[3];

    for (int i = 0; i < 3; i++) {
        assert_contains(contents(sysv_files[i]), format("%d", HOST_KEY));
        result[i] = run_quiet("cat", (char *)sysv_files[i]);
    }
    remove_host_objects(made);
    for (int i = 0; i < 3; i++) {
        assert_status(result[i], 0);
        /* A line of headings, nothing else. */
        assert_ptr_equal(strchr(result[i].out, '\n'),
                         result[i].out + strlen(result[i].out) - 1);
        assert_contains(result[i].out, "key");
    }
}

static void ipc_objects_of_the_container_cannot_be_opened_outside(void **state)
{
    (void)state;
    char *before = host_state();
    char *name = queue_name("inner");
    struct live live = start(READY("read go; cat /proc/sysvipc/*"));

    assert_all_found(
        open_objects_in(live.container, INNER_KEY, name, IPC_CREAT | IPC_EXCL));
    assert_none_found(open_objects(INNER_KEY, name, 0));
    if (!has(NEW_CGROUPS)) /* stage 6 adds a cgroup, stage 7 a bridge */
        assert_host_unchanged(
            format("%s%d %s", before, live.parent,
                   contents(format("/proc/%d/comm", live.parent))));
    assert_int_equal(write(live.in, "\n", 1), 1);
    struct result result = finish(&live);
    assert_status(result, 0);
    /* COMMAND is in the namespace of the three System V objects. */
    char *at = result.out;
    for (int i = 0; i < 3; i++, at++) {
        at = strstr(at, format("%d", INNER_KEY));
        assert_non_null(at);
    }
    assert_host_unchanged(before);
}

static void two_containers_share_no_ipc_object(void **state)
{
    (void)state;
    char *name = queue_name("inner");
    struct live one = start(READY("read go"));
    struct live two = start(READY("read go"));

    assert_all_found(
        open_objects_in(one.container, INNER_KEY, name, IPC_CREAT | IPC_EXCL));
    assert_none_found(open_objects_in(two.container, INNER_KEY, name, 0));
    assert_all_found(open_objects_in(one.container, INNER_KEY, name, 0));
}

static void dev_mqueue_is_a_new_mqueue_mount(void **state)
{
    (void)state;
    give_host_mqueue();
    struct result result =
        run_quiet("sh", "-c",
                  "grep ' /dev/mqueue ' /proc/self/mountinfo | "
                  "tail -n 1; stat -c %a /dev/mqueue");
    take_host_mqueue();
    assert_status(result, 0);
    assert_contains(result.out, " / /dev/mqueue rw,nosuid,nodev,noexec");
    assert_contains(result.out, " - mqueue mqueue ");
    assert_contains(result.out, "\n1777\n");
}

static void dev_mqueue_does_not_list_the_hosts_queues(void **state)
{
    (void)state;
    struct objects made = make_host_objects();

    give_host_mqueue();
    bool listed =
        access(format("/dev/mqueue%s", queue_name("host")), F_OK) == 0;
    struct result result = run_quiet("ls", "-A", "/dev/mqueue");
    take_host_mqueue();
    remove_host_objects(made);
    assert_true(listed);
    assert_status(result, 0);
    assert_text(result.out, "");
}

static void a_queue_made_inside_is_not_on_the_host(void **state)
{
    (void)state;
    char *name = queue_name("touched");
    char *script = format("touch /dev/mqueue%s && ls /dev/mqueue", name);

    give_host_mqueue();
    struct result result = run_quiet("sh", "-c", script);
    bool on_host = mq_unlink(name) == 0;
    take_host_mqueue();
    assert_status(result, 0);
    assert_text(result.out, format("%s\n", name + 1));
    assert_false(on_host);
}

/* As in an initramfs, or where systemd does not run. */
static void a_host_without_dev_mqueue_is_no_failure(void **state)
{
    (void)state;
    replace_dev();
    assert_no_file("/dev/mqueue");
    char *before = host_state();
    struct result result = run_quiet("hostname");
    assert_host_unchanged(before);
    assert_status(result, 0);
    assert_text(result.out, "container\n");
}

/* --- POSIX shared memory and named semaphores: files ---------------------- */

static void dev_shm_does_not_list_the_hosts_objects(void **state)
{
    (void)state;
    char *name = format("/made-by-host-%d", getpid());
    int fd = shm_open(name, O_CREAT | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

    assert_return_code(fd, errno);
    struct result result = run_quiet("ls", "-A", "/dev/shm");
    assert_return_code(shm_unlink(name), errno);
    close(fd);
    assert_status(result, 0);
    assert_text(result.out, "");
}

static void dev_shm_is_a_tmpfs_open_to_everybody(void **state)
{
    (void)state;
    struct live live = start(READY("stat -c %a /dev/shm; read go"));
    char *line = mount_at(mounts_of(live.container), "/dev/shm");

    assert_non_null(line);
    assert_contains(line, " rw,nosuid,nodev,noexec,");
    assert_contains(line, " - tmpfs shm ");
    assert_contains(line, "size=65536k");
    assert_text(next_line(&live), "1777");
}

static void a_host_without_dev_shm_is_no_failure(void **state)
{
    (void)state;
    replace_dev();
    assert_return_code(rmdir("/dev/shm"), errno);
    struct result result = run_quiet("hostname");
    assert_status(result, 0);
    assert_text(result.out, "container\n");
}

static void a_shared_memory_object_made_inside_is_not_on_the_host(void **state)
{
    (void)state;
    char *name = format("made-by-container-%d", getpid());
    char *script = format("touch /dev/shm/%s; echo ready; read go", name);
    struct live live = start("sh", "-c", script);
    char *inside = format("/proc/%d/root/dev/shm/%s", live.container, name);

    assert_return_code(access(inside, F_OK), errno);
    assert_no_file(format("/dev/shm/%s", name));
}

/* --- not yet -------------------------------------------------------------- */

static void the_root_is_the_hosts_until_stage_5(void **state)
{
    (void)state;
    struct result result = run_quiet("stat", "-c", "%d:%i", "/");
    struct stat root;

    assert_return_code(stat("/", &root), errno);
    assert_status(result, 0);
    char *hosts = format("%lu:%lu\n", root.st_dev, root.st_ino);
    if (!has(NEW_ROOT))
        assert_text(result.out, hosts);
    else
        assert_string_not_equal(result.out, hosts);
}

static void the_network_is_the_hosts_until_stage_7(void **state)
{
    (void)state;
    struct live live = start(READY("read go"));
    char *own = namespace_of(getpid(), "net");

    if (!has(NEW_NETWORK))
        assert_text(namespace_of(live.container, "net"), own);
    else
        assert_string_not_equal(namespace_of(live.container, "net"), own);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        SHARED_TESTS,
        cmocka_unit_test(the_hostname_is_container_without_an_option),
        cmocka_unit_test(the_nis_domain_is_not_the_callers),
        cmocka_unit_test(hostname_option_names_the_container),
        cmocka_unit_test(the_host_keeps_its_name_while_the_container_runs),
        cmocka_unit_test(a_name_that_command_sets_stays_in_the_container),
        cmocka_unit_test(two_containers_have_a_name_each),
        cmocka_unit_test(a_hostname_may_have_64_characters),
        cmocka_unit_test(a_hostname_of_65_characters_is_refused),
        cmocka_unit_test(an_empty_hostname_is_refused),
        cmocka_unit_test(a_hostname_with_other_characters_is_refused),
        cmocka_unit_test(ipc_objects_of_the_host_cannot_be_opened_inside),
        cmocka_unit_test(no_system_v_object_of_the_host_is_listed_inside),
        cmocka_unit_test(ipc_objects_of_the_container_cannot_be_opened_outside),
        cmocka_unit_test(two_containers_share_no_ipc_object),
        cmocka_unit_test(dev_mqueue_is_a_new_mqueue_mount),
        cmocka_unit_test(dev_mqueue_does_not_list_the_hosts_queues),
        cmocka_unit_test(a_queue_made_inside_is_not_on_the_host),
        cmocka_unit_test(a_host_without_dev_mqueue_is_no_failure),
        cmocka_unit_test(dev_shm_does_not_list_the_hosts_objects),
        cmocka_unit_test(dev_shm_is_a_tmpfs_open_to_everybody),
        cmocka_unit_test(a_host_without_dev_shm_is_no_failure),
        cmocka_unit_test(a_shared_memory_object_made_inside_is_not_on_the_host),
        cmocka_unit_test(the_root_is_the_hosts_until_stage_5),
        cmocka_unit_test(the_network_is_the_hosts_until_stage_7),
    };

    return test_main(argc, argv, 4, "stage 4", tests,
                     sizeof(tests) / sizeof(tests[0]));
}
