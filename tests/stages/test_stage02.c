/* SPDX-License-Identifier: MIT
 *
 * Stage 2: mounts of the container's own, on a host whose mounts are shared.
 */
#define _GNU_SOURCE
#include "../lib/shared.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Without shared mounts outside, the tests below would prove little. */
static void
mounts_of_the_host_are_shared_here_as_systemd_makes_them(void **state)
{
    (void)state;
    assert_contains(mount_at(mounts_of(getpid()), "/"), " shared:");
}

static void mounts_of_the_host_stay_as_they_are(void **state)
{
    char *before = mounts_of(getpid());

    (void)state;
    struct live live = start(READY("read line"));
    assert_text(mounts_of(getpid()), before);
    assert_status(finish(&live), 1); /* read met the end of its input */
    assert_text(mounts_of(getpid()), before);
}

static void every_mount_inside_is_private(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    char *mounts = mounts_of(live.container);
    assert_lacks(mounts, " shared:");
    assert_lacks(mounts, " master:");
}

static void tmp_is_a_tmpfs_without_setuid_programs_and_devices(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    char *line = mount_at(mounts_of(live.container), "/tmp");
    assert_non_null(line);
    assert_contains(line, " - tmpfs tmpfs rw");
    assert_contains(line, " rw,nosuid,nodev,");
    assert_lacks(line, "noexec"); /* scripts may run there, as on a host */
}

static void tmp_is_open_to_everybody_and_sticky(void **state)
{
    (void)state;
    assert_text(run_quiet("stat", "-c", "%a %U", "/tmp").out, "1777 root\n");
}

static void tmp_is_empty(void **state)
{
    char *path = format("/tmp/made-by-host-%d", getpid());

    (void)state;
    create(path, "", 0644);
    struct result result = run_quiet("ls", "-A", "/tmp");
    unlink(path);
    assert_status(result, 0);
    assert_text(result.out, "");
}

static void file_made_in_tmp_is_not_outside(void **state)
{
    char *path = format("/tmp/made-by-container-%d", getpid());
    char *const args[] = {
        "sh", "-c",
        format("touch %s && test -f %s && echo ready; read line", path, path),
        NULL};

    (void)state;
    start_with(args);
    assert_no_file(path);
}

static void mount_made_inside_is_not_seen_outside(void **state)
{
    char *before = mounts_of(getpid());

    (void)state;
    struct live live =
        start("sh", "-c", "mount -t tmpfs inner /mnt && echo ready; read line");
    assert_contains(mount_at(mounts_of(live.container), "/mnt"),
                    " - tmpfs inner ");
    assert_text(mounts_of(getpid()), before);
}

static void mount_made_outside_is_not_seen_inside(void **state)
{
    char *point = format("%s/outer", scratch());

    (void)state;
    assert_return_code(mkdir(point, 0755), errno);
    struct live live = start(READY("read line"));
    assert_return_code(mount("outer", point, "tmpfs", 0, NULL), errno);
    bool outside = mount_at(mounts_of(getpid()), point) != NULL;
    char *inside = mounts_of(live.container);
    umount2(point, MNT_DETACH);
    rmdir(point);
    assert_true(outside);
    assert_lacks(inside, point);
}

static void root_directory_is_the_hosts_before_stage_5(void **state)
{
    struct stat host;

    (void)state;
    assert_return_code(stat("/", &host), errno);
    char *expected =
        format("%ju %ju\n", (uintmax_t)host.st_dev, (uintmax_t)host.st_ino);
    char *inside = run_quiet("stat", "-c", "%d %i", "/").out;
    if (!has(NEW_ROOT))
        assert_text(inside, expected);
    else
        assert_string_not_equal(inside, expected);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        SHARED_TESTS,
        cmocka_unit_test(
            mounts_of_the_host_are_shared_here_as_systemd_makes_them),
        cmocka_unit_test(mounts_of_the_host_stay_as_they_are),
        cmocka_unit_test(every_mount_inside_is_private),
        cmocka_unit_test(tmp_is_a_tmpfs_without_setuid_programs_and_devices),
        cmocka_unit_test(tmp_is_open_to_everybody_and_sticky),
        cmocka_unit_test(tmp_is_empty),
        cmocka_unit_test(file_made_in_tmp_is_not_outside),
        cmocka_unit_test(mount_made_inside_is_not_seen_outside),
        cmocka_unit_test(mount_made_outside_is_not_seen_inside),
        cmocka_unit_test(root_directory_is_the_hosts_before_stage_5),
    };

    return test_main(argc, argv, 2, "stage 2", tests,
                     sizeof(tests) / sizeof(tests[0]));
}
