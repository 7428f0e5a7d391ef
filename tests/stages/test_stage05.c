/* SPDX-License-Identifier: MIT
 *
 * Stage 5: a root file system of the container's own, all that a program
 * expects of a system in it, and nothing of the host.
 */
#define _GNU_SOURCE
#include "../lib/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The stage, called in a particular way: see run_prepared(). */
#define RUN_AS(prepare, argument, ...)                                   \
    run_prepared(NULL, stage_command(WORDS("-q", __VA_ARGS__)), prepare, \
                 argument)

/* Files below DIRECTORY, and what is in them. */
static char *snapshot_of(const char *directory)
{
    return on_host(format("cd '%s' && find . -printf '%%p %%M %%s %%T@\\n' | "
                          "sort && find . -type f | sort | xargs cat",
                          directory));
}

static void change_directory(void *path)
{
    if (chdir(path) == -1)
        _exit(98);
}

/* --- mounts --------------------------------------------------------------- */

/* FLAGS are all of ro, rw, nosuid, nodev, noexec that the mount has. DATA are
 * some of the options of its file system. With NEEDS, the mount is there on
 * hosts that have that path, and on no other. */
struct expected_mount {
    const char *target, *type, *flags, *data, *needs;
};

/* The kernel shows a 64 MiB tmpfs as size=65536k. It does not show a mode of
 * 1777: see temporary_directories_are_open_to_everybody. */
static const struct expected_mount mounts[] = {
    {"/proc", "proc", "rw,nosuid,nodev,noexec", "", NULL},
    {"/tmp", "tmpfs", "rw,nosuid,nodev", "", NULL},
    {"/sys", "sysfs", "ro,nosuid,nodev,noexec", "", NULL},
    {"/dev", "tmpfs", "rw,nosuid,noexec", "mode=755,size=64k", NULL},
    {"/dev/pts", "devpts", "rw,nosuid,noexec", "mode=620,ptmxmode=666", NULL},
    {"/dev/shm", "tmpfs", "rw,nosuid,nodev,noexec", "size=65536k", NULL},
    {"/run", "tmpfs", "rw,nosuid,nodev", "mode=755", NULL},
    {"/dev/mqueue", "mqueue", "rw,nosuid,nodev,noexec", "",
     "/proc/sys/fs/mqueue"},
    {"/proc/bus", "proc", "ro,nosuid,nodev,noexec", "", "/proc/bus"},
    {"/proc/fs", "proc", "ro,nosuid,nodev,noexec", "", "/proc/fs"},
    {"/proc/irq", "proc", "ro,nosuid,nodev,noexec", "", "/proc/irq"},
    {"/proc/sys", "proc", "ro,nosuid,nodev,noexec", "", "/proc/sys"},
    {"/proc/sysrq-trigger", "proc", "ro,nosuid,nodev,noexec", "",
     "/proc/sysrq-trigger"},
    {"/proc/kcore", "tmpfs", "rw,nosuid,noexec", "mode=755", "/proc/kcore"},
    {"/proc/keys", "tmpfs", "rw,nosuid,noexec", "mode=755", "/proc/keys"},
    {"/proc/timer_list", "tmpfs", "rw,nosuid,noexec", "mode=755",
     "/proc/timer_list"},
    {"/proc/interrupts", "tmpfs", "rw,nosuid,noexec", "mode=755",
     "/proc/interrupts"},
    {"/proc/latency_stats", "tmpfs", "rw,nosuid,noexec", "mode=755",
     "/proc/latency_stats"},
    {"/proc/sched_debug", "tmpfs", "rw,nosuid,noexec", "mode=755",
     "/proc/sched_debug"},
    {"/proc/acpi", "tmpfs", "ro,nosuid,nodev,noexec", "", "/proc/acpi"},
    {"/proc/asound", "tmpfs", "ro,nosuid,nodev,noexec", "", "/proc/asound"},
    {"/proc/scsi", "tmpfs", "ro,nosuid,nodev,noexec", "", "/proc/scsi"},
    {"/sys/devices/virtual/powercap", "tmpfs", "ro,nosuid,nodev,noexec", "",
     "/sys/devices/virtual/powercap"},
    {"/sys/firmware", "tmpfs", "ro,nosuid,nodev,noexec", "", "/sys/firmware"},
    {"/etc/hosts", "tmpfs", "rw,nosuid,nodev", "", NULL},
    {"/etc/hostname", "tmpfs", "rw,nosuid,nodev", "", NULL},
    {"/etc/resolv.conf", "tmpfs", "rw,nosuid,nodev", "", NULL},
};

/* Mounts of later stages: which controllers there are is the host's matter,
 * test_stage06 looks at them. */
static bool is_of_later_stage(const char *target)
{
    return has(NEW_CGROUPS) && strncmp(target, "/sys/fs/cgroup", 14) == 0;
}

/* A row for thermal_throttle of each processor, on hardware that has it. */
static size_t add_thermal_rows(struct expected_mount rows[], size_t most)
{
    char *paths = on_host("ls -d /sys/devices/system/cpu/cpu*/"
                          "thermal_throttle 2>/dev/null || true");
    size_t count = 0;
    char *next;

    for (char *path = strtok_r(paths, "\n", &next); path && count < most;
         path = strtok_r(NULL, "\n", &next))
        rows[count++] = (struct expected_mount){
            path, "tmpfs", "ro,nosuid,nodev,noexec", "", NULL};
    return count;
}

/* The row of the root: the flags that its directory has on the host. */
static struct expected_mount root_row(const char *root, bool read_only)
{
    struct statvfs fs;

    assert_return_code(statvfs(root, &fs), errno);
    return (struct expected_mount){
        "/", NULL,
        format("%s%s%s%s", read_only || fs.f_flag & ST_RDONLY ? "ro" : "rw",
               fs.f_flag & ST_NOSUID ? ",nosuid" : "",
               fs.f_flag & ST_NODEV ? ",nodev" : "",
               fs.f_flag & ST_NOEXEC ? ",noexec" : ""),
        "", NULL};
}

static char *only_flags(const char *options)
{
    static const char *const words[] = {"rw", "ro", "nosuid", "nodev",
                                        "noexec"};
    char *found = format("%s", "");

    for (size_t i = 0; i < COUNT(words); i++)
        if (has_word(options, words[i]))
            found = format("%s%s%s", found, *found ? "," : "", words[i]);
    return found;
}

/* A line of mountinfo, see proc_pid_mountinfo(5), against its row. */
static void assert_mount(const char *line, const struct expected_mount *row)
{
    char options[256], separator[256], type[64], data[1024];

    assert_int_equal(sscanf(line,
                            "%*d %*d %*s %*s %*s %255s %255s %63s %*s "
                            "%1023s",
                            options, separator, type, data),
                     4);
    if (strcmp(separator, "-") != 0)
        fail_msg("seen:     %s\nexpected: a private mount", line);
    if (row->type && strcmp(type, row->type) != 0)
        fail_msg("not of type %s: %s", row->type, line);
    if (strcmp(only_flags(options), row->flags) != 0)
        fail_msg("seen:     flags %s, in %s\nexpected: flags %s", options, line,
                 row->flags);
    char *wanted = format("%s", row->data);
    for (char *word = strtok(wanted, ","); word; word = strtok(NULL, ","))
        if (!has_word(data, word))
            fail_msg("%s is not an option of: %s", word, line);
}

/* MOUNTINFO holds each mount of the table, those of ROWS, and no other. */
static void assert_mounts(const char *mountinfo,
                          const struct expected_mount rows[], size_t count)
{
    struct expected_mount all[COUNT(mounts) + 16 + 512];
    size_t used = 0, seen[COUNT(all)] = {0};

    for (size_t i = 0; i < COUNT(mounts); i++)
        if (!mounts[i].needs || access(mounts[i].needs, F_OK) == 0)
            all[used++] = mounts[i];
    used += add_thermal_rows(all + used, 512);
    assert_true(used + count <= COUNT(all));
    for (size_t i = 0; i < count; i++)
        all[used++] = rows[i];
    char *copy = format("%s", mountinfo), *rest = copy, *line;
    while ((line = strsep(&rest, "\n")) && *line) {
        char target[PATH_MAX];
        size_t i = 0;
        assert_int_equal(sscanf(line, "%*d %*d %*s %*s %4095s", target), 1);
        if (is_of_later_stage(target))
            continue;
        while (i < used && strcmp(all[i].target, target) != 0)
            i++;
        if (i == used)
            fail_msg("seen:     %s\nexpected: no such mount", line);
        if (seen[i]++)
            fail_msg("a second mount at the same place: %s", line);
        assert_mount(line, &all[i]);
    }
    for (size_t i = 0; i < used; i++)
        if (!seen[i])
            fail_msg("no mount at %s in:\n%s", all[i].target, mountinfo);
}

static void assert_mounts_of_run(struct result result, const char *root)
{
    struct expected_mount row = root_row(root, false);

    assert_status(result, 0);
    assert_mounts(result.out, &row, 1);
}

static void exactly_these_mounts_are_there_all_private(void **state)
{
    (void)state;
    assert_mounts_of_run(run_quiet("cat", "/proc/self/mountinfo"),
                         built("private/rootfs"));
}

static void the_mounts_seen_under_chroot_are_the_same(void **state)
{
    (void)state;
    assert_mounts_of_run(run_quiet("--chroot", "cat", "/proc/self/mountinfo"),
                         built("private/rootfs"));
}

static void temporary_directories_are_open_to_everybody(void **state)
{
    (void)state;
    mode_t mask = 077;
    struct result result = RUN_AS(set_umask, &mask, "stat", "-c", "%n %a",
                                  "/tmp", "/dev/shm", "/run", "/dev");

    assert_status(result, 0);
    assert_text(result.out, "/tmp 1777\n/dev/shm 1777\n/run 755\n/dev 755\n");
}

static void mounts_below_the_rootfs_come_along(void **state)
{
    (void)state;
    char *root = copy_root("root"), *below = format("%s/mnt", root);
    struct expected_mount rows[] = {root_row(root, false),
                                    {"/mnt", "tmpfs", "rw,noexec", "", NULL}};

    assert_return_code(mount("below", below, "tmpfs", MS_NOEXEC, NULL), errno);
    create(format("%s/file", below), "below\n", 0644);
    struct result result =
        run_quiet("--rootfs", root, "cat", "/mnt/file", "/proc/self/mountinfo");
    assert_return_code(umount(below), errno);
    assert_status(result, 0);
    assert_int_equal(strncmp(result.out, "below\n", 6), 0);
    assert_mounts(result.out + 6, rows, 2);
}

/* --- the root, and no way out of it --------------------------------------- */

static void the_root_is_the_rootfs(void **state)
{
    (void)state;
    struct stat st;

    assert_return_code(stat(built("private/rootfs"), &st), errno);
    assert_text(inside("stat -c %d:%i / /.. /proc/1/root/"),
                format("%1$lu:%2$lu\n%1$lu:%2$lu\n%1$lu:%2$lu\n", st.st_dev,
                       st.st_ino));
}

/* A file of the host with a word in it that is found nowhere else. */
static char *make_secret(void)
{
    char *directory = fresh_directory("host");
    char *path = format("%s/secret-%d", directory, getpid());

    create(path, "the host's secret\n", 0644);
    return path;
}

static void no_path_leads_to_a_file_of_the_host(void **state)
{
    (void)state;
    char *secret = make_secret();
    char *script =
        format("for way in '' /proc/[0-9]*/root /proc/[0-9]*/cwd /.. . "
               "/proc/[0-9]*/fd/*; do for up in '' /.. /../../../../../..; do "
               "cat $way$up%s; done; done 2>/dev/null; cd ../../..; cat .%s; "
               "find / -name %s; true",
               secret, secret, strrchr(secret, '/') + 1);

    assert_text(inside(script), "");
    /* The same words do find it where it is. */
    assert_contains(on_host(format("cd /; cat .%s", secret)), "secret");
}

static void a_path_of_the_host_is_no_command(void **state)
{
    (void)state;
    char *tool = format("%s/tool", fresh_directory("host"));

    on_host(format("cp '%s' '%s'", built("private/rootfs/bin/busybox"), tool));
    struct result result = run_quiet(tool);
    assert_status(result, 127);
    assert_message(result, format("exec %s: No such file", tool),
                   "looked up inside the container");
    result = run_quiet("no-such-command");
    assert_status(result, 127);
    assert_message(result, "exec no-such-command: No such file",
                   "looked up inside the container");
}

static struct result escape(char *option, char *secret)
{
    char *volume = format("%s:/tmp/escape", built("escape"));

    return run_quiet(option, "-v", volume, "/tmp/escape", "/bin/cat", secret);
}

static void the_escape_from_a_chroot_succeeds(void **state)
{
    (void)state;
    char *secret = make_secret(), *before = host_state();
    struct result result = escape("--chroot", secret);

    assert_status(result, 0);
    assert_text(result.out, "the host's secret\n");
    assert_host_unchanged(before);
}

static void the_same_escape_fails_after_pivot_root(void **state)
{
    (void)state;
    char *secret = make_secret(), *before = host_state();
    /* A second -q changes nothing: without --chroot. */
    struct result result = escape("-q", secret);

    assert_status(result, 1);
    assert_text(result.out, "");
    assert_contains(result.err, "no way out");
    assert_host_unchanged(before);
}

/* --- descriptors, CVE-2024-21626 ------------------------------------------ */

static void command_inherits_descriptors_0_1_2_only(void **state)
{
    (void)state;
    struct result result =
        RUN_AS(leave_directory_open, "/", "sh", "-c", "ls /proc/$$/fd; true");

    assert_status(result, 0);
    assert_text(result.out, "0\n1\n2\n");
}

static void workdir_through_a_descriptor_of_the_host_fails(void **state)
{
    (void)state;
    char *volume = format("%s:/tmp/v", fresh_directory("volume"));

    keep_the_bridge();
    for (int fd = 3; fd < 20; fd++) {
        char *path = format("/proc/self/fd/%d", fd);
        struct result result = RUN_AS(leave_directory_open, scratch(), "-v",
                                      volume, "-w", path, "pwd");
        assert_status(result, 125);
        /* Descriptor 3 is the container's own socket. */
        bool own = fd == 3 && strstr(result.err, ": Not a directory");
        assert_message(result,
                       format("chdir %s: %s", path,
                              own ? "Not a directory" : "No such file"),
                       NULL);
    }
}

/* Standard input stays open. If it is a directory, a link in a root made by
 * somebody else, or --workdir /proc/self/fd/0, could lead to it. */
static void a_directory_as_standard_input_is_refused(void **state)
{
    (void)state;
    char *root = copy_root("root");
    char *const directories[] = {"/", scratch(), root};
    char *const kinds[] = {"-q", "--chroot"};

    for (size_t i = 0; i < COUNT(directories); i++)
        for (size_t j = 0; j < COUNT(kinds); j++) {
            char *script =
                format("exec '%s' -q %s --rootfs '%s' echo run <'%s'",
                       stage_program(), kinds[j], root, directories[i]);
            struct result result = run_program(NULL, WORDS("sh", "-c", script));
            assert_status(result, 125);
            assert_text(result.out, "");
            assert_message(result,
                           "standard input, output or error is a directory",
                           "</dev/null");
        }
}

static void a_workdir_below_proc_may_be_in_the_container(void **state)
{
    (void)state;
    struct result result = run_quiet("-w", "/proc/self/root/bin", "pwd");

    assert_status(result, 0);
    assert_text(result.out, "/bin\n");
}

/* --- /dev ----------------------------------------------------------------- */

static void dev_has_the_standard_entries_and_no_other(void **state)
{
    (void)state;
    assert_text(inside("ls -A /dev | sort | tr '\\n' ' '"),
                "console fd full mqueue null ptmx pts random shm stderr stdin "
                "stdout tty urandom zero ");
}

static void device_nodes_are_right_whatever_the_umask(void **state)
{
    (void)state;
    mode_t masks[] = {0, 022, 077};

    for (size_t i = 0; i < COUNT(masks); i++) {
        struct result result =
            RUN_AS(set_umask, &masks[i], "sh", "-c",
                   "cd /dev && for f in *; do [ -c $f -a ! -L $f ] && "
                   "stat -c '%n %t:%T %a %u:%g' $f; done; true");
        assert_status(result, 0);
        assert_text(result.out, "full 1:7 666 0:0\n"
                                "null 1:3 666 0:0\n"
                                "random 1:8 666 0:0\n"
                                "tty 5:0 666 0:0\n"
                                "urandom 1:9 666 0:0\n"
                                "zero 1:5 666 0:0\n");
    }
}

static void device_nodes_can_be_used(void **state)
{
    (void)state;
    assert_text(inside("echo lost >/dev/null && cat /dev/null"), "");
    assert_text(inside("head -c 3 /dev/zero | od -An -tx1"), " 00 00 00\n");
    assert_text(inside("head -c 9 /dev/urandom | wc -c"), "9\n");
    assert_text(inside("head -c 9 /dev/random | wc -c"), "9\n");
    struct result result = run_quiet("sh", "-c", "echo x >/dev/full");
    assert_int_not_equal(result.status, 0);
    assert_contains(result.err, "No space left on device");
}

static void device_links_are_right(void **state)
{
    (void)state;
    assert_text(
        inside("cd /dev && for f in fd stdin stdout stderr ptmx console; "
               "do readlink $f; done"),
        "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n"
        "/proc/self/fd/2\npts/ptmx\npts/0\n");
    struct result result =
        run_with("in\n", (char *const[]){"-q", "sh", "-c",
                                         "cat /dev/stdin /dev/fd/0; "
                                         "echo out >/dev/stdout; "
                                         "echo err >/dev/stderr",
                                         NULL});
    assert_status(result, 0);
    assert_text(result.out, "in\nout\n");
    assert_text(result.err, "err\n");
}

/* A pseudoterminal of the host. Returns its master end. */
static int open_terminal(char **name)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    assert_return_code(master, errno);
    assert_return_code(grantpt(master), errno);
    assert_return_code(unlockpt(master), errno);
    *name = format("%s", ptsname(master));
    return master;
}

static void leave_terminal(void *unused)
{
    (void)unused;
    setsid();
}

/* Standard input and controlling terminal. */
static void log_in_on_terminal(void *name)
{
    setsid();
    int fd = open(name, O_RDWR);
    if (fd == -1 || ioctl(fd, TIOCSCTTY, 0) == -1 || dup2(fd, 0) == -1)
        _exit(98);
    setenv("TERM", "vt99", 1);
}

static void dev_tty_leads_to_the_callers_terminal(void **state)
{
    (void)state;
    char *name, text[64] = "";
    int master = open_terminal(&name);
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);

    assert_return_code(slave, errno);
    struct result result = RUN_AS(log_in_on_terminal, name, "sh", "-c",
                                  "echo to the terminal >/dev/tty");
    struct pollfd fd = {.fd = master, .events = POLLIN};
    int ready = poll(&fd, 1, 1000);
    if (ready > 0)
        assert_return_code(read(master, text, sizeof(text) - 1), errno);
    close(slave);
    close(master);
    assert_status(result, 0);
    assert_text(result.out, "");
    assert_contains(text, "to the terminal");
    /* Without a terminal there is none to open. */
    result = RUN_AS(leave_terminal, NULL, "sh", "-c", ": </dev/tty");
    assert_int_not_equal(result.status, 0);
    assert_contains(result.err, "No such device or address");
}

static void devpts_is_a_new_instance(void **state)
{
    (void)state;
    char *name;
    int master = open_terminal(&name); /* the host has one at least */
    char *hosts = on_host("ls /dev/pts");
    char *script = "ls /dev/pts; exec 3<>/dev/ptmx && ls /dev/pts && "
                   "stat -c '%a %g' /dev/pts/0 /dev/pts/ptmx; echo end; "
                   "read go";
    struct live live = start("sh", "-c", format("echo ready; %s", script));
    const char *lines[] = {"ptmx", "0", "ptmx", "620 0", "666 0", "end"};

    for (size_t i = 0; i < COUNT(lines); i++)
        assert_text(next_line(&live), lines[i]);
    char *now = on_host("ls /dev/pts");
    close(master);
    assert_text(now, hosts);
}

/* --- what was covered ----------------------------------------------------- */

/* Opens for writing and writes nothing: harmless where it succeeds. */
static void assert_cannot_be_written(const char *path)
{
    if (access(path, F_OK) == -1)
        return;
    struct result result = run_quiet(
        "sh", "-c", "dd of=\"$0\" conv=notrunc </dev/null", (char *)path);
    if (result.status == 0)
        fail_msg("%s can be opened for writing", path);
    assert_contains(result.err, "Read-only file system");
}

static void what_configures_the_machine_is_read_only(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/proc/sys/kernel/panic",         "/proc/sys/vm/swappiness",
        "/proc/sys/fs/file-max",          "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity", "/sys/kernel/profiling",
        "/sys/kernel/mm/ksm/run",         "/sys/power/state"};
    int there = 0;

    for (size_t i = 0; i < COUNT(paths); i++) {
        there += access(paths[i], F_OK) == 0;
        assert_cannot_be_written(paths[i]);
    }
    assert_in_range(there, 3, COUNT(paths));
    char *irq = on_host("find /proc/irq -name smp_affinity | head -n 1");
    irq[strcspn(irq, "\n")] = '\0';
    assert_cannot_be_written(irq);
    char *sys = on_host("find /sys/kernel /sys/class -type f -perm -200 | "
                        "head -n 1");
    sys[strcspn(sys, "\n")] = '\0';
    assert_int_not_equal(*sys, '\0');
    assert_cannot_be_written(sys);
}

static void masked_files_read_as_empty(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/proc/interrupts", "/proc/kcore",         "/proc/keys",
        "/proc/timer_list", "/proc/latency_stats", "/proc/sched_debug"};
    static const char *const directories[] = {
        "/sys/firmware", "/sys/devices/virtual/powercap", "/proc/acpi",
        "/proc/asound", "/proc/scsi"};

    for (size_t i = 0; i < COUNT(paths); i++) {
        if (access(paths[i], F_OK) == -1)
            continue;
        assert_text(inside(format("head -c 1 %1$s | wc -c; stat -c %%t:%%T "
                                  "%1$s",
                                  paths[i])),
                    "0\n1:3\n");
    }
    for (size_t i = 0; i < COUNT(directories); i++)
        if (access(directories[i], F_OK) == 0)
            assert_text(
                inside(format("ls -A %s; ls -d /sys/kernel", directories[i])),
                "/sys/kernel\n");
}

/* --- /etc ----------------------------------------------------------------- */

static void etc_files_are_about_this_container(void **state)
{
    (void)state;
    struct result result = run_quiet("--hostname", "web", "sh", "-c",
                                     "cat /etc/hostname /etc/hosts");

    assert_status(result, 0);
    assert_int_equal(strncmp(result.out, "web\n", 4), 0);
    assert_contains(result.out, "\n127.0.0.1\tlocalhost\n");
    assert_contains(result.out, "\n::1\tlocalhost");
    if (!has(NEW_NETWORK))
        assert_contains(result.out, "\n127.0.1.1\tweb\n");
    else
        assert_contains(result.out, "\tweb\n");
}

static void etc_files_have_mode_0644_whatever_the_umask(void **state)
{
    (void)state;
    mode_t masks[] = {0, 077};

    for (size_t i = 0; i < COUNT(masks); i++) {
        struct result result =
            RUN_AS(set_umask, &masks[i], "stat", "-c", "%a %u:%g", "/etc/hosts",
                   "/etc/hostname", "/etc/resolv.conf");
        assert_status(result, 0);
        assert_text(result.out, "644 0:0\n644 0:0\n644 0:0\n");
    }
}

static void etc_files_of_the_root_stay_as_they_are(void **state)
{
    (void)state;
    char *root = copy_root("root");
    char *before = snapshot_of(format("%s/etc", root));
    struct result result =
        run_quiet("--rootfs", root, "--hostname", "web", "sh", "-c",
                  "echo 192.0.2.1 other >>/etc/hosts && tail -n 1 /etc/hosts");

    assert_status(result, 0);
    assert_text(result.out, "192.0.2.1 other\n");
    assert_text(snapshot_of(format("%s/etc", root)), before);
}

/* The host's resolvers, for one test: RESOLV_CONF for programs, and UPSTREAM,
 * if it is not NULL, for the servers that systemd-resolved asks. */
static char *resolv_conf_inside(const char *resolv_conf, const char *upstream,
                                char *network)
{
    char *file = fresh("resolv.conf");
    const char *systemd = "/run/systemd/resolve/resolv.conf";

    create(file, resolv_conf, 0644);
    /* /run first: /etc/resolv.conf is often a link into it. */
    assert_return_code(mount("run", "/run", "tmpfs", 0, "mode=755"), errno);
    on_host("mkdir -p /run/systemd/resolve; if [ -L /etc/resolv.conf ]; then "
            "f=$(readlink -m /etc/resolv.conf); mkdir -p ${f%/*} && : >>$f; "
            "fi");
    if (upstream)
        create(systemd, upstream, 0644);
    int bound = mount(file, "/etc/resolv.conf", NULL, MS_BIND, NULL);
    if (bound == -1)
        umount2("/run", MNT_DETACH);
    assert_return_code(bound, errno);
    struct result result =
        network ? run_quiet("--network", network, "cat", "/etc/resolv.conf")
                : run_quiet("cat", "/etc/resolv.conf");
    assert_return_code(umount("/etc/resolv.conf"), errno);
    assert_return_code(umount2("/run", MNT_DETACH), errno);
    assert_status(result, 0);
    return result.out;
}

static void resolv_conf_keeps_the_servers_that_can_be_reached(void **state)
{
    (void)state;
    const char *text = "# nameserver 127.0.0.1\n"
                       "nameserver 192.0.2.1\n"
                       "search example.test\n"
                       "options ndots:2";

    assert_text(resolv_conf_inside(text, NULL, NULL), text);
}

static const char mixed_servers[] = "nameserver 127.0.0.53\n"
                                    "nameserver 192.0.2.1\n"
                                    "search example.test\n"
                                    "nameserver ::1\n"
                                    "nameserver\t127.0.0.1\n"
                                    "nameserver 2001:db8::1\n"
                                    "nameserver 127.1.2.3";

/* Without a network of its own, a container reaches what the host reaches. */
static void resolv_conf_is_the_hosts_with_the_hosts_network(void **state)
{
    (void)state;
    assert_text(resolv_conf_inside(mixed_servers, "nameserver 192.0.2.99\n",
                                   has(NEW_NETWORK) ? "host" : NULL),
                mixed_servers);
    assert_text(resolv_conf_inside("nameserver ::1\n", NULL,
                                   has(NEW_NETWORK) ? "host" : NULL),
                "nameserver ::1\n");
}

static void resolv_conf_loses_servers_that_cannot_be_reached(void **state)
{
    (void)state;
    if (!has(NEW_NETWORK))
        return;
    assert_text(
        resolv_conf_inside(mixed_servers, "nameserver 192.0.2.99\n", NULL),
        "nameserver 192.0.2.1\nsearch example.test\n");
}

static void resolv_conf_asks_whom_systemd_resolved_asks(void **state)
{
    (void)state;
    if (!has(NEW_NETWORK))
        return;
    assert_text(resolv_conf_inside("nameserver 127.0.0.53\nsearch a.test\n",
                                   "nameserver 192.0.2.7\nsearch b.test\n",
                                   NULL),
                "nameserver 192.0.2.7\nsearch b.test\n");
}

static void resolv_conf_has_public_servers_if_no_other_are_left(void **state)
{
    (void)state;
    static const char *const texts[] = {"nameserver 127.0.0.53\n", "",
                                        "search example.test\n",
                                        "nameserver 2001:db8::1\n"};

    for (size_t i = 0; has(NEW_NETWORK) && i < COUNT(texts); i++) {
        char *text =
            resolv_conf_inside(texts[i], "nameserver 127.0.0.1\n", NULL);
        assert_contains(text, "\nnameserver 8.8.8.8\n");
        assert_contains(text, "\nnameserver 8.8.4.4\n");
        assert_lacks(text, "127.0.0.");
        assert_lacks(text, "2001:");
    }
}

/* --- umask, environment, working directory -------------------------------- */

static void command_has_the_callers_umask(void **state)
{
    (void)state;
    mode_t masks[] = {0, 022, 077, 0123};

    for (size_t i = 0; i < COUNT(masks); i++) {
        struct result result =
            RUN_AS(set_umask, &masks[i], "sh", "-c", "umask");
        assert_status(result, 0);
        assert_text(result.out, format("%04o\n", masks[i]));
    }
}

static void set_variables(void *unused)
{
    (void)unused;
    setenv("CALLER", "leaked", 1);
    setenv("LD_PRELOAD", "", 1);
    setenv("TERM", "vt99", 1);
    setenv("PATH", "/caller", 1);
}

/* The environment of COMMAND, sorted, a line for each variable. */
static void assert_environment(struct result result, const char *expected)
{
    assert_status(result, 0);
    char *file = fresh("environment");
    create(file, result.out, 0644);
    assert_text(on_host(format("LC_ALL=C sort %s", file)), expected);
}

#define DEFAULT_PATH                                          \
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:" \
    "/sbin:/bin\n"

static void the_environment_is_clean(void **state)
{
    (void)state;
    assert_environment(
        RUN_AS(set_variables, NULL, "--hostname", "web", "env"),
        "ENV=/etc/profile\nHOME=/root\nHOSTNAME=web\n" DEFAULT_PATH);
}

static void term_is_set_on_a_terminal(void **state)
{
    (void)state;
    char *name;
    int master = open_terminal(&name);
    struct result result = RUN_AS(log_in_on_terminal, name, "env");

    close(master);
    assert_environment(
        result,
        "ENV=/etc/profile\nHOME=/root\nHOSTNAME=container\n" DEFAULT_PATH
        "TERM=vt99\n");
}

static void env_sets_variables(void **state)
{
    (void)state;
    struct result result =
        RUN_AS(set_variables, NULL, "-e", "A=1", "--env", "B=x=y z", "-e",
               "EMPTY=", "-e", "A=2", "-e", "CALLER", "-e", "UNSET", "-e",
               "HOME=/tmp", "-e", "PATH=/bin:/usr/bin", "env");

    assert_environment(result, "A=2\nB=x=y z\nCALLER=leaked\nEMPTY=\n"
                               "ENV=/etc/profile\nHOME=/tmp\n"
                               "HOSTNAME=container\nPATH=/bin:/usr/bin\n");
}

static void env_path_is_where_command_is_looked_up(void **state)
{
    (void)state;
    assert_status(run_quiet("-e", "PATH=/sbin", "ls"), 127);
    assert_status(run_quiet("-e", "PATH=/sbin:/bin", "ls"), 0);
}

static void env_without_a_name_is_refused(void **state)
{
    (void)state;
    static char *const values[] = {"", "=", "=x"};

    for (size_t i = 0; i < COUNT(values); i++) {
        struct result result = run_quiet("-e", values[i], "echo", "started");
        assert_status(result, 125);
        assert_text(result.out, "");
        assert_message(
            result, format("--env %s: expected NAME=VALUE or NAME", values[i]),
            NULL);
    }
}

static void workdir_is_where_command_starts(void **state)
{
    (void)state;
    char *volume = format("%s:/tmp/data", fresh_directory("volume"));
    struct result result = RUN_AS(change_directory, "/usr/bin", "pwd");

    assert_text(result.out, "/\n");
    assert_text(run_quiet("-w", "/usr/bin", "pwd").out, "/usr/bin\n");
    result = run_quiet("--workdir=/tmp/data", "-v", volume, "pwd");
    assert_status(result, 0);
    assert_text(result.out, "/tmp/data\n");
}

static void a_workdir_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    struct result result = run_quiet("-w", "/no/such", "echo", "started");

    assert_status(result, 125);
    assert_text(result.out, "");
    assert_message(result, "chdir /no/such: No such file or directory", NULL);
    result = run_quiet("-w", "/etc/passwd", "echo", "started");
    assert_status(result, 125);
    assert_message(result, "chdir /etc/passwd: Not a directory", NULL);
}

static void a_relative_workdir_is_refused(void **state)
{
    (void)state;
    static char *const values[] = {"", ".", "usr/bin"};

    for (size_t i = 0; i < COUNT(values); i++) {
        struct result result = run_quiet("-w", values[i], "echo", "started");
        assert_status(result, 125);
        assert_text(result.out, "");
        assert_message(
            result,
            format("--workdir %s: expected a path that begins with /",
                   values[i]),
            NULL);
    }
}

/* --- --read-only ---------------------------------------------------------- */

static void a_read_only_root_cannot_be_written(void **state)
{
    (void)state;
    char *root = copy_root("root"), *before;
    struct expected_mount row = root_row(root, true);
    struct result result = run_quiet("--rootfs", root, "true");

    assert_status(result, 0);
    before = snapshot_of(root);
    result = run_quiet("--rootfs", root, "--read-only", "sh", "-c",
                       "for f in /probe /etc/probe /bin/probe /root/probe "
                       "/etc/passwd; do "
                       "dd of=$f conv=notrunc </dev/null; done");
    assert_int_not_equal(result.status, 0);
    char *at = result.err;
    for (int i = 0; i < 5; i++, at++) {
        at = strstr(at, "Read-only file system");
        assert_non_null(at);
    }
    assert_text(snapshot_of(root), before);
    result = run_quiet("--rootfs", root, "--read-only", "cat",
                       "/proc/self/mountinfo");
    assert_mounts(result.out, &row, 1);
    /* It was the option that did it. */
    assert_status(run_quiet("--rootfs", root, "touch", "/probe", "/etc/probe"),
                  0);
    assert_return_code(access(format("%s/etc/probe", root), F_OK), errno);
}

static void a_read_only_root_leaves_what_is_temporary_writable(void **state)
{
    (void)state;
    char *directory = fresh_directory("volume");
    struct result result =
        run_quiet("--read-only", "-v", format("%s:/tmp/v", directory), "touch",
                  "/tmp/x", "/run/x", "/dev/shm/x", "/tmp/v/x");

    assert_status(result, 0);
    assert_return_code(access(format("%s/x", directory), F_OK), errno);
}

/* --- volumes -------------------------------------------------------------- */

static void a_directory_of_the_host_is_a_volume(void **state)
{
    (void)state;
    char *directory = fresh_directory("volume");
    char *volume = format("%s:/tmp/deep/data", directory);
    struct expected_mount rows[] = {
        root_row(built("private/rootfs"), false),
        {"/tmp/deep/data", "tmpfs", "rw", "mode=755", NULL}};

    create(format("%s/file", directory), "from the host\n", 0644);
    struct result result =
        run_quiet("-v", volume, "sh", "-c",
                  "cat /tmp/deep/data/file; echo back >/tmp/deep/data/new");
    assert_status(result, 0);
    assert_text(result.out, "from the host\n");
    assert_text(contents(format("%s/new", directory)), "back\n");
    result = run_quiet("-v", volume, "cat", "/proc/self/mountinfo");
    assert_status(result, 0);
    assert_mounts(result.out, rows, 2);
}

static void a_file_of_the_host_is_a_volume(void **state)
{
    (void)state;
    char *file = fresh("one file"), *other = fresh("other");

    create(file, "from the host\n", 0644);
    create(other, "other\n", 0644);
    struct result result =
        run_quiet("-v", format("%s:/tmp/file", file), "--volume",
                  format("%s:/etc/passwd:rw", other), "sh", "-c",
                  "cat /tmp/file /etc/passwd; echo back >/tmp/file");
    assert_status(result, 0);
    assert_text(result.out, "from the host\nother\n");
    assert_text(contents(file), "back\n");
}

/* A tmpfs lies over it while the files for /etc are written. */
static void a_source_in_the_hosts_tmp_is_found(void **state)
{
    (void)state;
    char *file = format("/tmp/made-by-host-%d", getpid());

    create(file, "from the host\n", 0644);
    struct result result =
        run_quiet("-v", format("%s:/tmp/file", file), "cat", "/tmp/file");
    unlink(file);
    assert_status(result, 0);
    assert_text(result.out, "from the host\n");
}

static void a_volume_lies_over_the_files_of_etc(void **state)
{
    (void)state;
    char *file = fresh("hosts");

    create(file, "192.0.2.1 other\n", 0644);
    struct result result =
        run_quiet("-v", format("%s:/etc/hosts", file), "cat", "/etc/hosts");
    assert_status(result, 0);
    assert_text(result.out, "192.0.2.1 other\n");
}

static void a_later_volume_lies_over_an_earlier_one(void **state)
{
    (void)state;
    char *one = fresh_directory("volume"), *two = fresh_directory("below");

    assert_return_code(mkdir(format("%s/two", one), 0755), errno);
    create(format("%s/file", one), "one\n", 0644);
    create(format("%s/file", two), "two\n", 0644);
    struct result result = run_quiet("-v", format("%s:/tmp/one", one), "-v",
                                     format("%s:/tmp/one/two", two), "cat",
                                     "/tmp/one/file", "/tmp/one/two/file");
    assert_status(result, 0);
    assert_text(result.out, "one\ntwo\n");
}

static void a_relative_source_is_below_the_callers_directory(void **state)
{
    (void)state;
    char *directory = fresh_directory("a b");

    create(format("%s/file", directory), "spaces\n", 0644);
    struct result result = RUN_AS(change_directory, scratch(), "-v",
                                  "a b:/tmp/v", "cat", "/tmp/v/file");
    assert_status(result, 0);
    assert_text(result.out, "spaces\n");
    result = RUN_AS(change_directory, directory, "-v", ".:/tmp/x y", "-v",
                    "./file:/tmp/f", "cat", "/tmp/x y/file", "/tmp/f");
    assert_status(result, 0);
    assert_text(result.out, "spaces\nspaces\n");
}

/* A directory with a tmpfs mounted below it: tree/ and tree/below/. */
static char *mount_tree(void)
{
    char *below = format("%s/tree/below", scratch());

    umount2(below, MNT_DETACH); /* left by a test that failed */
    char *directory = fresh_directory("tree");
    assert_return_code(mkdir(below, 0755), errno);
    assert_return_code(mount("below", below, "tmpfs", 0, NULL), errno);
    create(format("%s/file", below), "below\n", 0644);
    return directory;
}

static void a_volume_has_the_mounts_below_its_source(void **state)
{
    (void)state;
    char *tree = mount_tree(), *file = format("%s/below/x", tree);
    struct result result =
        run_quiet("-v", format("%s:/tmp/v:rw", tree), "sh", "-c",
                  "cat /tmp/v/below/file; echo x >/tmp/v/below/x");
    bool written = access(file, F_OK) == 0;

    assert_return_code(umount(format("%s/below", tree)), errno);
    assert_status(result, 0);
    assert_text(result.out, "below\n");
    assert_true(written);
}

static void a_read_only_volume_cannot_be_written(void **state)
{
    (void)state;
    char *tree = mount_tree();
    char *before = host_state();
    struct result result = run_quiet(
        "-v", format("%s:/tmp/v:ro", tree), "sh", "-c",
        "cat /tmp/v/below/file; touch /tmp/v/x; touch /tmp/v/below/x");
    assert_host_unchanged(before);
    /* On the host, both can be written as before. */
    create(format("%s/file", tree), "", 0644);
    create(format("%s/below/other", tree), "", 0644);
    assert_return_code(umount(format("%s/below", tree)), errno);
    assert_text(result.out, "below\n");
    assert_contains(result.err, "/tmp/v/x: Read-only file system");
    assert_contains(result.err, "/tmp/v/below/x: Read-only file system");
}

static void a_missing_target_is_created(void **state)
{
    (void)state;
    char *root = copy_root("root"), *directory = fresh_directory("volume");
    mode_t mask = 077;

    create(format("%s/file", directory), "here\n", 0644);
    struct result result =
        RUN_AS(set_umask, &mask, "--rootfs", root, "-v",
               format("%s:/new/deep/directory", directory), "-v",
               format("%s/file:/new/empty/file", directory), "cat",
               "/new/deep/directory/file", "/new/empty/file");
    assert_status(result, 0);
    assert_text(result.out, "here\nhere\n");
    assert_text(on_host(format("cd '%s/new' && stat -c '%%A %%s %%n' . deep "
                               "deep/directory empty empty/file | grep -v "
                               "'^drwxr-xr-x'",
                               root)),
                "-rw-r--r-- 0 empty/file\n");
}

static void a_target_that_is_a_link_is_followed_inside(void **state)
{
    (void)state;
    char *root = copy_root("root"), *directory = fresh_directory("volume");

    create(format("%s/file", directory), "here\n", 0644);
    on_host(format("cd '%s' && mkdir srv && ln -s /srv link && ln -s "
                   "/srv/later file",
                   root));
    struct result result =
        run_quiet("--rootfs", root, "-v", format("%s:/link", directory), "-v",
                  format("%s/file:/link/below", directory), "cat", "/srv/file",
                  "/srv/below");
    assert_status(result, 0);
    assert_text(result.out, "here\nhere\n");
    result = run_quiet("--rootfs", root, "-v",
                       format("%s/file:/file", directory), "cat", "/srv/later");
    assert_status(result, 0);
    assert_text(result.out, "here\n");
}

/* Each level takes some of the stack that the stage gives to clone(2). */
static void
a_target_below_very_many_missing_directories_is_refused(void **state)
{
    char target[4001] = "";

    (void)state;
    for (int i = 0; i < 4000; i += 2)
        memcpy(target + i, "/d", 3);
    struct result result =
        run_quiet("--rootfs", copy_root("root"), "-v",
                  format("%s:%s", fresh_directory("volume"), target), "true");
    assert_status(result, 125);
    assert_message(result, "more than 256 directories are missing",
                   "make the directories");
}

/* /var/lock, a link to /run/lock, dangles in this way where /run is empty.
 * Nothing is made outside. */
static void a_target_that_is_a_dangling_link_is_made_inside(void **state)
{
    static const char *const links[] = {"/mini-test/later", "mini-test/later",
                                        "../../../mini-test/later"};

    (void)state;
    for (size_t i = 0; i < COUNT(links); i++) {
        char *root = copy_root("root"), *directory = fresh_directory("volume");
        create(format("%s/file", directory), "here\n", 0644);
        on_host(format("cd '%s' && ln -s %s link && ln -s link second", root,
                       links[i]));
        struct result result =
            run_quiet("--rootfs", root, "-v", format("%s:/second", directory),
                      "cat", "/mini-test/later/file", "/link/file");
        assert_status(result, 0);
        assert_text(result.out, "here\nhere\n");
        assert_no_file("/mini-test");
        /* The same for what is below such a link. */
        on_host(format("rm -r '%s/mini-test'", root));
        result = run_quiet("--rootfs", root, "-v",
                           format("%s/file:/second/a/b", directory), "cat",
                           "/mini-test/later/a/b");
        assert_status(result, 0);
        assert_text(result.out, "here\n");
        assert_no_file("/mini-test");
    }
}

static void a_directory_on_a_file_has_its_message(void **state)
{
    (void)state;
    char *directory = fresh_directory("volume");
    char *file = format("%s/file", directory);

    create(file, "", 0644);
    const struct {
        const char *source, *target, *reason;
    } rows[] = {{directory, "/etc/passwd", "Not a directory"},
                {file, "/tmp", "Is a directory"},
                {file, "/etc", "Is a directory"},
                {file, "/bin/busybox/x", "Not a directory"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *target = rows[i].target;
        struct result result = run_quiet(
            "-v", format("%s:%s", rows[i].source, target), "echo", "run");
        assert_status(result, 125);
        assert_text(result.out, "");
        assert_message(result,
                       format("mount point %.*s: %s",
                              (int)(strstr(target, "/x") ? strlen(target) - 2
                                                         : strlen(target)),
                              target, rows[i].reason),
                       "mount a directory on a directory");
    }
}

static const struct bad_volume {
    char *value;
    const char *message, *hint;
} bad_volumes[] = {
    {"/etc", "--volume /etc: expected SRC:DST[:ro]", "DST is an absolute"},
    {"", "--volume : expected SRC:DST[:ro]", "DST is an absolute"},
    {":/x", "--volume :/x: expected SRC:DST[:ro]", "DST is an absolute"},
    {"/etc:", "--volume /etc:: expected SRC:DST[:ro]", "DST is an absolute"},
    {"/etc:x", "--volume /etc:x: expected SRC:DST[:ro]", "DST is an absolute"},
    {"/etc:/", "--volume /etc:/: DST must not be the root", "--rootfs DIR"},
    {"/etc:/..", "--volume /etc:/..: DST must not be the root", "--rootfs DIR"},
    {"/etc://./", "--volume /etc://./: DST must not be the root",
     "--rootfs DIR"},
    {"/etc:/tmp/..", "--volume /etc:/tmp/..: DST must not contain ..", NULL},
    {"/etc:/tmp/../x", "--volume /etc:/tmp/../x: DST must not contain ..",
     NULL},
    {"/etc:/x:rx", "--volume /etc:/x:rx: expected mode ro or rw, not 'rx'",
     NULL},
    {"/etc:/x:", "--volume /etc:/x:: expected mode ro or rw, not ''", NULL},
    {"/etc:/x:ro:", "--volume /etc:/x:ro:: expected mode ro or rw, not 'ro:'",
     NULL},
    {"/no/such:/x", "open_tree /no/such: No such file", "SRC to exist"},
};

static void a_bad_volume_is_refused(void **state)
{
    (void)state;
    char *before = host_state();

    for (size_t i = 0; i < COUNT(bad_volumes); i++) {
        struct result result =
            run_quiet("-v", bad_volumes[i].value, "echo", "started");
        assert_status(result, 125);
        assert_text(result.out, "");
        assert_message(result, bad_volumes[i].message, bad_volumes[i].hint);
    }
    assert_host_unchanged(before);
}

/* --- which root ----------------------------------------------------------- */

static void assert_root_refused(char *root, const char *reason,
                                const char *hint)
{
    char *before = host_state();
    struct result result = run_quiet("--rootfs", root, "echo", "started");

    assert_status(result, 125);
    assert_text(result.out, "");
    assert_message(result, reason, hint);
    assert_host_unchanged(before);
}

static void a_root_that_is_no_directory_is_refused(void **state)
{
    (void)state;
    char *file = fresh("file");

    create(file, "an image\n", 0644);
    assert_root_refused("/no/such", "rootfs /no/such: No such file", NULL);
    assert_root_refused("", "rootfs : No such file", NULL);
    assert_root_refused(file, format("rootfs %s: Not a directory", file),
                        "expects a directory");
}

static void the_hosts_own_root_is_refused(void **state)
{
    (void)state;
    assert_root_refused("/",
                        "pivot_root /: ", "the new root is the current one");
}

static void a_root_without_a_shell_has_no_command(void **state)
{
    (void)state;
    struct result result = run_quiet("--rootfs", fresh_directory("empty"));

    assert_status(result, 127);
    assert_message(result, "exec /bin/sh: No such file",
                   "looked up inside the container");
}

static void a_root_that_was_not_built_yet_has_its_hint(void **state)
{
    (void)state;
    char *program = format("%s/stage", fresh_directory("not built"));

    on_host(format("cp '%s' '%s'", stage_program(), program));
    struct result result = run_program(
        NULL, (char *const[]){program, "-q", "echo", "started", NULL});
    assert_status(result, 125);
    assert_text(result.out, "");
    assert_message(result,
                   "/not built/private/rootfs: No such file or directory",
                   "make rootfs");
}

static void the_root_may_have_any_path(void **state)
{
    (void)state;
    char *root = copy_root("a root");

    create(format("%s/mark", root), "this one\n", 0644);
    assert_return_code(symlink("a root", fresh("link")), errno);
    struct result result = run_quiet("--rootfs", root, "cat", "/mark");
    assert_status(result, 0);
    assert_text(result.out, "this one\n");
    result = RUN_AS(change_directory, scratch(), "--rootfs", "a root", "cat",
                    "/mark");
    assert_status(result, 0);
    assert_text(result.out, "this one\n");
    result = RUN_AS(change_directory, scratch(), "--rootfs", "link/.", "cat",
                    "/mark");
    assert_status(result, 0);
    assert_text(result.out, "this one\n");
    static char *const here[] = {".", "./", "./.", "../a root", "bin/.."};
    for (size_t i = 0; i < COUNT(here); i++) {
        result =
            RUN_AS(change_directory, root, "--rootfs", here[i], "cat", "/mark");
        assert_status(result, 0);
        assert_text(result.out, "this one\n");
    }
}

static void the_default_root_is_found_from_everywhere(void **state)
{
    (void)state;
    char *directory = fresh_directory("elsewhere");
    struct stat st;

    assert_return_code(stat(built("private/rootfs"), &st), errno);
    assert_return_code(symlink(stage_program(), format("%s/run", directory)),
                       errno);
    struct result result = run_prepared(
        NULL, (char *const[]){"./run", "-q", "stat", "-c", "%d:%i", "/", NULL},
        change_directory, directory);
    assert_status(result, 0);
    assert_text(result.out, format("%lu:%lu\n", st.st_dev, st.st_ino));
}

static void a_root_without_any_mount_point_is_furnished(void **state)
{
    (void)state;
    char *root = copy_root("foreign");
    mode_t mask = 077;

    on_host(format("cd '%s' && rm -r proc sys dev tmp run etc var", root));
    struct result result = RUN_AS(set_umask, &mask, "--rootfs", root, "cat",
                                  "/proc/self/mountinfo");
    assert_mounts_of_run(result, root);
    assert_text(on_host(format("cd '%s' && stat -c %%a proc sys dev tmp run "
                               "etc | sort -u",
                               root)),
                "755\n");
}

/* As in an image of Ubuntu: what the link names is in /run, an empty tmpfs. */
static void a_resolv_conf_that_is_a_dangling_link_is_followed(void **state)
{
    (void)state;
    char *root = copy_root("foreign");

    on_host(format("cd '%s/etc' && ln -sf "
                   "../run/systemd/resolve/stub-resolv.conf resolv.conf",
                   root));
    struct result result = run_quiet(
        "--rootfs", root, "sh", "-c",
        "grep -c '^nameserver' /etc/resolv.conf && ls -A /etc && grep -c ' "
        "/run/systemd/resolve/stub-resolv.conf ' /proc/self/mountinfo");
    assert_status(result, 0);
    assert_contains(result.out, "resolv.conf\n1\n");
}

/* --- a root made by an attacker ------------------------------------------- */

/* Paths in the root at which a link could lead our mounts and files outside. */
static const char *const trapped[] = {"proc",
                                      "sys",
                                      "tmp",
                                      "run",
                                      "etc/hosts",
                                      "etc/hostname",
                                      "etc/resolv.conf",
                                      "etc",
                                      "data",
                                      NULL};
/* The same for a test of its own, short enough for lab 5: /dev, a volume. */
static const char *const trapped_first[] = {"dev", "data/below", NULL};

/* A root with a shell and no further applet: it is made many times. */
static char *small_root(const char *name)
{
    char *path = format("%s/%s", scratch(), name);

    on_host(format("rm -rf '%1$s' && mkdir -p '%1$s/data' && cd '%2$s' && "
                   "cp -a --parents bin/busybox bin/sh dev etc proc run sys "
                   "tmp '%1$s'",
                   path, built("private/rootfs")));
    return path;
}

/* A root in which NAME is a link, RELATIVE or not, to PATH of the host. */
static char *make_trap(const char *name, const char *path, bool relative,
                       bool decoy)
{
    char *root = small_root("trap"), *link = format("%s/%s", root, name);
    char *target = relative ? format("../../../../../../../../../..%s", path)
                            : format("%s", path);

    on_host(format("rm -rf '%s'", link));
    assert_return_code(symlink(target, link), errno);
    /* Inside, the same path may exist: then the container starts. */
    if (decoy)
        on_host(
            format("mkdir -p '%1$s%2$s' && rmdir '%1$s%2$s' && cp -a '%2$s' "
                   "'%1$s%2$s'",
                   root, path));
    return root;
}

/* Either empty, so that whatever is made there is seen, or complete, so that
 * nothing has to be made and no mount fails. */
static char *make_victim(bool empty)
{
    char *victim = fresh_directory("victim");

    if (empty)
        return victim;
    on_host(format("cd '%s' && mkdir shm pts mqueue bus fs irq firmware below "
                   "&& for f in file hosts hostname resolv.conf null; do echo "
                   "untouched >$f; done",
                   victim));
    return victim;
}

static void spring_trap(const char *name, bool relative, bool decoy, bool empty)
{
    char *victim = make_victim(empty), *volume = fresh_directory("volume");
    char *path = strchr(name, '/') && strncmp(name, "data", 4) != 0
                     ? format("%s/file", victim)
                     : victim;
    char *root = make_trap(name, path, relative, decoy);
    char *before = snapshot_of(victim);
    char *mounts_before = mounts_of(getpid());
    struct result result = run_quiet(
        "--rootfs", root, "-v", format("%s:/data/below", volume), "sh", "-c",
        format("echo started; for d in /proc /sys /dev /tmp /run /etc /data "
               "/data/below %s; do echo x >$d/x; done; for f in /etc/*; do "
               "echo x >$f; done; true",
               victim));

    if (decoy)
        assert_status(result, 0);
    assert_true(result.status == 0 || result.status == 125);
    assert_int_equal(result.status == 0, strstr(result.out, "started") != 0);
    assert_text(snapshot_of(victim), before);
    assert_text(mounts_of(getpid()), mounts_before);
}

static void spring_traps(const char *const names[])
{
    keep_the_bridge();
    for (; *names; names++)
        for (int relative = 0; relative < 2; relative++) {
            spring_trap(*names, relative, false, false);
            spring_trap(*names, relative, false, true);
            spring_trap(*names, relative, true, false);
        }
}

static void links_in_a_root_lead_nothing_out_of_it(void **state)
{
    (void)state;
    spring_traps(trapped);
}

static void a_link_at_dev_or_a_target_leads_nothing_out(void **state)
{
    (void)state;
    spring_traps(trapped_first);
}

/* --- side by side, and afterwards ----------------------------------------- */

static void two_containers_share_nothing_but_the_root(void **state)
{
    (void)state;
    char *script = "echo ready; read go; ls -A /tmp /run /dev/shm; cat "
                   "/etc/hostname; touch /tmp/$1 /run/$1 /dev/shm/$1; echo "
                   "touched; read go; ls -A /tmp /run /dev/shm; ls -d /proc/1; "
                   "grep -c . /proc/self/mountinfo";
    struct live one = start("--hostname", "one", "sh", "-c", script, "", "x1");
    struct live two = start("--hostname", "two", "sh", "-c", script, "", "x2");
    const char *before[] = {"/dev/shm:", "", "/run:", "", "/tmp:"};

    assert_int_equal(write(one.in, "\n", 1), 1);
    for (size_t i = 0; i < COUNT(before); i++)
        assert_text(next_line(&one), before[i]);
    assert_text(next_line(&one), "one");
    assert_text(next_line(&one), "touched");
    assert_int_equal(write(two.in, "\n", 1), 1);
    for (size_t i = 0; i < COUNT(before); i++)
        assert_text(next_line(&two), before[i]);
    assert_text(next_line(&two), "two");
    assert_int_equal(write(one.in, "\n", 1), 1);
    struct result first = finish(&one);
    assert_int_equal(write(two.in, "\n", 1), 1);
    struct result second = finish(&two);
    assert_status(first, 0);
    assert_status(second, 0);
    assert_contains(first.out, "/tmp:\nx1\n/proc/1\n");
    assert_contains(second.out, "/tmp:\nx2\n/proc/1\n");
    /* The end of the first has taken no mount from the second. */
    assert_text(strstr(second.out, "/proc/1"), strstr(first.out, "/proc/1"));
}

static void the_host_is_as_before_whatever_happened(void **state)
{
    (void)state;
    char *file = format("%s/file", fresh_directory("volume"));
    char *volume = format("%s:/tmp/v", file);

    create(file, "", 0644);
    assert_status(run_quiet("true"), 0); /* makes mount points in the root */
    char *before = host_state();
    const struct {
        int status;
        char *const words[10];
    } runs[] = {
        {0, {"-q", "-v", volume, "--read-only", "touch", "/tmp/x"}},
        {7, {"-q", "--chroot", "sh", "-c", "touch /run/x /dev/x; exit 7"}},
        {125, {"-q", "-v", volume, "-v", "/no/such:/tmp/w", "true"}},
        {125, {"-q", "-v", volume, "-w", "/no/such", "true"}},
        {125, {"-q", "-v", format("%s:/bin/busybox/x", file), "true"}},
        {125, {"-q", "-v", format("%s:/proc/x", file), "true"}},
        {125, {"-q", "-v", format("%s:/tmp", file), "true"}},
        {126, {"-q", "-v", volume, "/etc/passwd"}},
        {127, {"-q", "-v", volume, "--chroot", "no-such-command"}},
    };

    for (size_t i = 0; i < COUNT(runs); i++) {
        struct result result = run_with(NULL, runs[i].words);
        assert_status(result, runs[i].status);
        assert_host_unchanged(before);
    }
}

static const struct CMUnitTest tests[] = {
    SHARED_TESTS,
    cmocka_unit_test(exactly_these_mounts_are_there_all_private),
    cmocka_unit_test(the_mounts_seen_under_chroot_are_the_same),
    cmocka_unit_test(temporary_directories_are_open_to_everybody),
    cmocka_unit_test(mounts_below_the_rootfs_come_along),
    cmocka_unit_test(the_root_is_the_rootfs),
    cmocka_unit_test(no_path_leads_to_a_file_of_the_host),
    cmocka_unit_test(a_path_of_the_host_is_no_command),
    cmocka_unit_test(the_escape_from_a_chroot_succeeds),
    cmocka_unit_test(the_same_escape_fails_after_pivot_root),
    cmocka_unit_test(command_inherits_descriptors_0_1_2_only),
    cmocka_unit_test(workdir_through_a_descriptor_of_the_host_fails),
    cmocka_unit_test(a_directory_as_standard_input_is_refused),
    cmocka_unit_test(a_workdir_below_proc_may_be_in_the_container),
    cmocka_unit_test(dev_has_the_standard_entries_and_no_other),
    cmocka_unit_test(device_nodes_are_right_whatever_the_umask),
    cmocka_unit_test(device_nodes_can_be_used),
    cmocka_unit_test(device_links_are_right),
    cmocka_unit_test(dev_tty_leads_to_the_callers_terminal),
    cmocka_unit_test(devpts_is_a_new_instance),
    cmocka_unit_test(what_configures_the_machine_is_read_only),
    cmocka_unit_test(masked_files_read_as_empty),
    cmocka_unit_test(etc_files_are_about_this_container),
    cmocka_unit_test(etc_files_have_mode_0644_whatever_the_umask),
    cmocka_unit_test(etc_files_of_the_root_stay_as_they_are),
    cmocka_unit_test(resolv_conf_keeps_the_servers_that_can_be_reached),
    cmocka_unit_test(resolv_conf_is_the_hosts_with_the_hosts_network),
    cmocka_unit_test(resolv_conf_loses_servers_that_cannot_be_reached),
    cmocka_unit_test(resolv_conf_asks_whom_systemd_resolved_asks),
    cmocka_unit_test(resolv_conf_has_public_servers_if_no_other_are_left),
    cmocka_unit_test(command_has_the_callers_umask),
    cmocka_unit_test(the_environment_is_clean),
    cmocka_unit_test(term_is_set_on_a_terminal),
    cmocka_unit_test(env_sets_variables),
    cmocka_unit_test(env_path_is_where_command_is_looked_up),
    cmocka_unit_test(env_without_a_name_is_refused),
    cmocka_unit_test(workdir_is_where_command_starts),
    cmocka_unit_test(a_workdir_that_does_not_exist_is_refused),
    cmocka_unit_test(a_relative_workdir_is_refused),
    cmocka_unit_test(a_read_only_root_cannot_be_written),
    cmocka_unit_test(a_read_only_root_leaves_what_is_temporary_writable),
    cmocka_unit_test(a_directory_of_the_host_is_a_volume),
    cmocka_unit_test(a_file_of_the_host_is_a_volume),
    cmocka_unit_test(a_source_in_the_hosts_tmp_is_found),
    cmocka_unit_test(a_volume_lies_over_the_files_of_etc),
    cmocka_unit_test(a_later_volume_lies_over_an_earlier_one),
    cmocka_unit_test(a_relative_source_is_below_the_callers_directory),
    cmocka_unit_test(a_volume_has_the_mounts_below_its_source),
    cmocka_unit_test(a_read_only_volume_cannot_be_written),
    cmocka_unit_test(a_missing_target_is_created),
    cmocka_unit_test(a_target_that_is_a_link_is_followed_inside),
    cmocka_unit_test(a_target_below_very_many_missing_directories_is_refused),
    cmocka_unit_test(a_target_that_is_a_dangling_link_is_made_inside),
    cmocka_unit_test(a_directory_on_a_file_has_its_message),
    cmocka_unit_test(a_bad_volume_is_refused),
    cmocka_unit_test(a_root_that_is_no_directory_is_refused),
    cmocka_unit_test(the_hosts_own_root_is_refused),
    cmocka_unit_test(a_root_without_a_shell_has_no_command),
    cmocka_unit_test(a_root_that_was_not_built_yet_has_its_hint),
    cmocka_unit_test(the_root_may_have_any_path),
    cmocka_unit_test(the_default_root_is_found_from_everywhere),
    cmocka_unit_test(a_root_without_any_mount_point_is_furnished),
    cmocka_unit_test(a_resolv_conf_that_is_a_dangling_link_is_followed),
    cmocka_unit_test(links_in_a_root_lead_nothing_out_of_it),
    cmocka_unit_test(a_link_at_dev_or_a_target_leads_nothing_out),
    cmocka_unit_test(two_containers_share_nothing_but_the_root),
    cmocka_unit_test(the_host_is_as_before_whatever_happened),
};

int main(int argc, char *argv[])
{
    return test_main(argc, argv, 5, "stage 5", tests, COUNT(tests));
}
