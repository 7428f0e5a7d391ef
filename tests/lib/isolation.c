/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "shared.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void check_namespace(const char *name, enum feature since)
{
    struct live live = start(READY("read line"));
    char *inside = namespace_of(live.container, name);
    char *outside = namespace_of(getpid(), name);

    if (has(since) && strcmp(inside, outside) == 0)
        fail_msg("stage %d should isolate it, but the container is in the "
                 "host's %s",
                 stage, outside);
    if (!has(since) && strcmp(inside, outside) != 0)
        fail_msg("stage %d should not isolate it yet, but the container is "
                 "in %s, the host in %s",
                 stage, inside, outside);
}

#define NAMESPACE_TEST(name, kind, since) \
    void name(void **state)               \
    {                                     \
        (void)state;                      \
        check_namespace(#kind, since);    \
    }

NAMESPACE_TEST(the_mnt_namespace_is_isolated_from_stage_2_on, mnt, NEW_MOUNTS)
NAMESPACE_TEST(the_pid_namespace_is_isolated_from_stage_3_on, pid, NEW_PIDS)
NAMESPACE_TEST(the_uts_namespace_is_isolated_from_stage_4_on, uts, NEW_HOSTNAME)
NAMESPACE_TEST(the_ipc_namespace_is_isolated_from_stage_4_on, ipc, NEW_IPC)
NAMESPACE_TEST(the_cgroup_namespace_is_isolated_from_stage_6_on, cgroup,
               NEW_CGROUPS)
NAMESPACE_TEST(the_net_namespace_is_isolated_from_stage_7_on, net, NEW_NETWORK)
NAMESPACE_TEST(the_time_namespace_is_never_isolated, time, NEVER)
NAMESPACE_TEST(the_user_namespace_is_never_isolated, user, NEVER)

void the_hostname_is_the_hosts_before_stage_4(void **state)
{
    struct utsname host;

    (void)state;
    assert_return_code(uname(&host), errno);
    struct result result = run_quiet("uname", "-n");
    assert_status(result, 0);
    assert_text(result.out, has(NEW_HOSTNAME) ? "container\n"
                                              : format("%s\n", host.nodename));
}

void the_pid_inside_is_1_from_stage_3_on(void **state)
{
    (void)state;
    struct live live = start("sh", "-c", "echo ready; echo $$; read line");
    assert_text(next_line(&live),
                has(NEW_PIDS) ? "1" : format("%d", live.container));
}

void the_mount_points_are_the_hosts_before_stage_2(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    char *inside = mount_points(mounts_of(live.container));
    char *outside = mount_points(mounts_of(getpid()));

    if (!has(NEW_MOUNTS))
        assert_text(inside, outside);
    else
        assert_string_not_equal(inside, outside);
}
