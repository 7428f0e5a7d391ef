/* SPDX-License-Identifier: MIT
 *
 * doctor: what it says of machines that are not this one, and that it changes
 * nothing. A faked machine is a directory with the files of /proc and /sys that
 * doctor reads, and with /bin, its whole PATH. It is a good one at first, and
 * each test spoils something.
 */
#define _GNU_SOURCE
#include "../../common/names.h"
#include "../lib/harness.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT_MOUNT "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
#define V1(name)                                                               \
    "31 22 0:9 / /sys/fs/cgroup/" name " rw shared:7 - cgroup cgroup rw," name \
    "\n"
#define V2(point, mode) \
    "30 22 0:8 / " point " " mode ",nosuid shared:4 - cgroup2 cgroup2 rw\n"

/* The verdict on a good machine, then BETTER. */
static char *all_run(const char *better)
{
    return format("Stages 1 to %d will run.%s", last_stage(), better);
}

/* The header that the compiler does not find, and the BusyBox that exists. */
static char *absent, *busybox;

/* --- the machine ---------------------------------------------------------- */

static char *on_machine(const char *path)
{
    return format("%s/machine%s", scratch(), path);
}

/* A file of the machine; its directory is there or is made. */
static void set(const char *path, const char *text)
{
    char *file = on_machine(path);

    for (char *slash = file; (slash = strchr(slash + 1, '/')); *slash = '/') {
        *slash = '\0';
        if (mkdir(file, 0755) == -1)
            assert_int_equal(errno, EEXIST);
    }
    create(file, text, 0644);
}

static void lose(const char *path)
{
    assert_return_code(unlink(on_machine(path)), errno);
}

static void set_command(const char *name, const char *script)
{
    create(on_machine(format("/bin/%s", name)),
           format("#!/bin/sh\n%s\n", script), 0755);
}

static void set_user(int user, const char *groups)
{
    set_command("id",
                format("[ $1 = -u ] && echo %d || echo '%s'", user, groups));
    set("/proc/self/status", user == 0 ? "CapEff:\t000001ffffffffff\n"
                                       : "CapEff:\t0000000000000000\n");
}

static void set_commands(void)
{
    static const char *const empty[] = {
        "make",    "git", "ar", "sudo", "strace", "qemu-system-x86_64",
        "apt-get", NULL};

    on_host(
        format("mkdir '%1$s'; for name in sh cat awk sed grep tr dirname head "
               "od find; do ln -s \"$(command -v $name)\" '%1$s'; done",
               on_machine("/bin")));
    for (const char *const *name = empty; *name; name++)
        set_command(*name, "exit 0");
    set_command("uname", "echo x86_64");
    set_command("cc", "[ $1 != --version ] || { echo cc 12.2; exit; }\n"
                      "case $(cat) in *\"$ABSENT\"*) exit 1;; esac");
    set_command("nft", "exit 0");
}

/* A laptop of today: cgroup version 2, / shared, a user who may use sudo. */
static int make_machine(void **state)
{
    (void)state;
    absent = "#include <nothing";
    busybox = built("private/rootfs/bin/busybox");
    on_host(format("rm -rf '%1$s'; mkdir -p '%1$s/proc/self/ns'; "
                   "cd '%1$s/proc/self/ns'; for name in mnt pid uts ipc cgroup "
                   "net; do ln -s \"$name:[4026531840]\" $name; done",
                   on_machine("")));
    set("/proc/sys/kernel/osrelease", "6.8.0-40-generic\n");
    set("/proc/self/uid_map", "         0          0 4294967295\n");
    set("/proc/self/mountinfo", ROOT_MOUNT V2("/sys/fs/cgroup", "rw"));
    set("/proc/self/cgroup", "0::/user.slice/session-2.scope\n");
    set("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
                         "cpu\t0\t90\t1\nmemory\t0\t90\t1\npids\t0\t90\t1\n");
    set("/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 quiet\n");
    set("/proc/sys/net/ipv4/ip_forward", "0\n");
    set("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
    set("/sys/fs/cgroup/cgroup.subtree_control", "cpu memory pids\n");
    set_commands();
    set_user(1000, "user adm sudo");
    return 0;
}

/* --- the diagnosis -------------------------------------------------------- */

/* COMMAND on that machine. */
static struct result examine_with(char *const command[])
{
    char *words[] = {"env",
                     format("DOCTOR_ROOT=%s", on_machine("")),
                     format("PATH=%s", on_machine("/bin")),
                     format("BUSYBOX=%s", busybox),
                     format("ABSENT=%s", absent),
                     command[0],
                     command[1],
                     NULL};
    struct result result = run_program(NULL, words);

    assert_text(result.err, "");
    return result;
}

static struct result examine(void)
{
    return examine_with(WORDS(built("../doctor")));
}

/* The lines that begin with WORD. */
static char *lines_with(const char *text, const char *word)
{
    char *found = format("%s", "");

    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        if (strncmp(line, word, strlen(word)) == 0)
            found = format("%s%.*s\n", found, (int)strcspn(line, "\n"), line);
    return found;
}

/* FIXES: all lines that begin with FIX; VERDICT: the last line of all. */
static struct result expect(const char *fixes, const char *verdict)
{
    struct result result = examine();
    char *end = strstr(result.out, "\n\n");

    assert_text(lines_with(result.out, "FIX"), fixes);
    assert_non_null(end);
    assert_text(end + 2, format("%s\n", verdict));
    assert_int_equal(result.status,
                     strncmp(verdict, all_run(""), strlen(all_run(""))) != 0);
    return result;
}

static void expect_line(const char *line)
{
    assert_contains(expect("", all_run("")).out, format("%s\n", line));
}

static void a_good_machine_has_a_line_for_everything(void **state)
{
    (void)state;
    assert_text(
        examine().out,
        format(
            "fine  root: by sudo\n"
            "fine  kernel: Linux 6.8.0-40-generic\n"
            "fine  architecture: x86_64\n"
            "fine  namespaces: mnt pid uts ipc cgroup net\n"
            "fine  propagation: / is shared, as systemd makes it\n"
            "fine  cgroups: version 2, at /sys/fs/cgroup\n"
            "fine  memory controller: version 2, at /sys/fs/cgroup\n"
            "fine  pids controller: version 2, at /sys/fs/cgroup\n"
            "fine  cpu controller: version 2, at /sys/fs/cgroup\n"
            "fine  forwarding: off; while a container runs, stage 7 turns it "
            "on for single interfaces\n"
            "fine  nft: found\n"
            "note  FORWARD: only root can see its policy: run doctor again "
            "as root\n"
            "fine  compiler: cc 12.2\n"
            "fine  static libc: found\n"
            "fine  libnl-route-3: found\n"
            "fine  cmocka: found\n"
            "fine  busybox: static, and for this architecture\n"
            "fine  strace: found\n"
            "fine  qemu-system-x86_64: found\n\n%s\n",
            all_run("")));
    expect("", all_run(""));
}

/* --- root ----------------------------------------------------------------- */

static void root_needs_no_sudo(void **state)
{
    (void)state;
    set_user(0, "root");
    lose("/bin/sudo");
    expect_line("fine  root: you are root");
}

static void a_user_without_sudo_gets_as_far_as_stage_1(void **state)
{
    (void)state;
    lose("/bin/sudo");
    expect("FIX   root: not root, and sudo is not installed: become root by "
           "su, or use make vm, which needs no root\n",
           "Stage 1 will run; stage 2 needs: root.");
}

static void a_user_of_no_known_group_is_told_how_to_ask(void **state)
{
    (void)state;
    set_user(1000, "user sudoku");
    expect_line(
        "note  root: sudo is installed; sudo -v tells whether you may use it");
}

static void docker_without_cap_sys_admin_is_seen(void **state)
{
    (void)state;
    set_user(0, "root");
    set("/.dockerenv", "");
    set("/proc/self/status", "CapEff:\t00000000a80435fb\n"); /* no SYS_ADMIN */
    struct result result =
        expect("FIX   root: Docker drops CAP_SYS_ADMIN: use docker run "
               "--privileged, or a virtual machine\n",
               "Stage 1 will run; stage 2 needs: root.");
    assert_contains(result.out,
                    "note  container: you are inside a container already\n");
}

static void a_root_without_cap_sys_admin_is_seen_elsewhere(void **state)
{
    (void)state;
    set_user(0, "root");
    set("/proc/self/status", "CapEff:\t000001ffffdfffff\n");
    expect("FIX   root: root lacks CAP_SYS_ADMIN here (see capsh --print): "
           "run where root is not restricted\n",
           "Stage 1 will run; stage 2 needs: root.");
}

static void a_root_without_cap_net_admin_has_no_network(void **state)
{
    (void)state;
    set_user(0, "root");
    set("/proc/self/status", "CapEff:\t000001ffffffefff\n");
    expect("FIX   network: root lacks CAP_NET_ADMIN here: use ./run --network "
           "host\n",
           "Stages 1 to 6 will run; stage 7 needs: network.");
}

static void the_root_of_a_user_namespace_makes_no_devices(void **state)
{
    (void)state;
    set_user(0, "root");
    set("/proc/self/uid_map", "         0       1000          1\n");
    expect("FIX   user namespace: its root is not root of the host: run as the "
           "real root, with sudo\n",
           "Stages 1 to 4 will run; stage 5 needs: user namespace.");
}

#define RESTRICTED "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"

static void apparmor_s_restriction_is_no_obstacle_to_sudo(void **state)
{
    (void)state;
    set(RESTRICTED, "1\n");
    expect_line("note  apparmor: restricts root in a user namespace (Ubuntu "
                "24.04): use sudo ./run, not unshare -r");
}

static void apparmor_s_restriction_stops_a_root_of_a_namespace(void **state)
{
    (void)state;
    set_user(0, "root");
    set(RESTRICTED, "1\n");
    set("/proc/self/uid_map", "         0       1000          1\n");
    expect("FIX   user namespace: AppArmor restricts its root (Ubuntu 24.04): "
           "run as the real root, with sudo\n",
           "Stage 1 will run; stage 2 needs: user namespace.");
}

/* --- kernel --------------------------------------------------------------- */

static void an_old_kernel_stops_before_stage_5(void **state)
{
    (void)state;
    set("/proc/sys/kernel/osrelease", "4.19.0-27-amd64\n");
    expect("FIX   kernel: Linux 4.19.0-27-amd64: stage 5 needs 5.12 or later\n",
           "Stages 1 to 4 will run; stage 5 needs: kernel.");
    set("/proc/sys/kernel/osrelease", "5.11.22\n");
    expect("FIX   kernel: Linux 5.11.22: stage 5 needs 5.12 or later\n",
           "Stages 1 to 4 will run; stage 5 needs: kernel.");
    set("/proc/sys/kernel/osrelease", "5.12-rc1\n");
    expect_line("fine  kernel: Linux 5.12-rc1");
    set("/proc/sys/kernel/osrelease", "10.0.1\n");
    expect_line("fine  kernel: Linux 10.0.1");
}

static void another_system_than_linux_is_none(void **state)
{
    (void)state;
    lose("/proc/sys/kernel/osrelease");
    expect("FIX   kernel: not Linux: use a virtual machine with Linux\n",
           "No stage will run; stage 1 needs: kernel.");
}

static void wsl_1_has_no_kernel(void **state)
{
    (void)state;
    set("/proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n");
    expect("FIX   kernel: WSL 1 has no Linux kernel: in PowerShell: wsl "
           "--set-version NAME 2 (NAME: wsl -l -v)\n",
           "No stage will run; stage 1 needs: kernel.");
}

static void wsl_2_needs_its_controllers_in_one_place(void **state)
{
    (void)state;
    set("/proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n");
    assert_contains(
        expect("", all_run("")).out,
        "fine  kernel: Linux 5.15.90.1-microsoft-standard-WSL2, in WSL 2\n");
    set("/proc/self/mountinfo",
        ROOT_MOUNT V1("cpu") V2("/sys/fs/cgroup/unified", "rw"));
    set("/sys/fs/cgroup/unified/cgroup.controllers", "memory\n");
    expect("FIX   pids controller: no mounted hierarchy has it: "
           "add kernelCommandLine=cgroup_no_v1=all below [wsl2] in .wslconfig, "
           "then type wsl --shutdown\n",
           "Stages 1 to 5 will run; stage 6 needs: pids controller.");
}

static void a_machine_that_nobody_tried_is_only_noted(void **state)
{
    (void)state;
    set_command("uname", "echo riscv64");
    expect_line("note  architecture: riscv64: not tested yet");
}

static void a_missing_namespace_stops_before_its_stage(void **state)
{
    (void)state;
    lose("/proc/self/ns/cgroup");
    expect(
        "FIX   cgroup namespace: this kernel lacks it: use another kernel (see "
        "ls /proc/self/ns)\n",
        "Stages 1 to 5 will run; stage 6 needs: cgroup namespace.");
    lose("/proc/self/ns/pid");
    assert_contains(examine().out, "Stages 1 to 2 will run; stage 3 needs: pid "
                                   "namespace.\n");
}

static void a_limit_of_no_namespaces_is_seen(void **state)
{
    (void)state;
    set("/proc/sys/user/max_ipc_namespaces", "0\n");
    set("/proc/sys/user/max_uts_namespaces", "0\n");
    set("/proc/sys/user/max_net_namespaces", "100\n");
    expect("FIX   uts namespace: none is allowed: sudo sysctl "
           "user.max_uts_namespaces=1000\n"
           "FIX   ipc namespace: none is allowed: sudo sysctl "
           "user.max_ipc_namespaces=1000\n",
           "Stages 1 to 3 will run; stage 4 needs: uts namespace, ipc "
           "namespace.");
}

static void user_namespaces_are_not_needed(void **state)
{
    (void)state;
    set("/proc/sys/user/max_user_namespaces", "0\n");
    expect_line(
        "note  user namespace: an ordinary user may make none; no stage "
        "needs one");
    set("/proc/sys/user/max_user_namespaces", "1000\n");
    set("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
    expect_line(
        "note  user namespace: an ordinary user may make none; no stage "
        "needs one");
}

static void a_private_root_is_as_good_as_a_shared_one(void **state)
{
    (void)state;
    set("/proc/self/mountinfo",
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" V2("/sys/fs/cgroup", "rw"));
    expect_line(
        "fine  propagation: / is not shared; systemd would make it shared");
}

/* --- cgroups -------------------------------------------------------------- */

static void version_1_is_found_where_it_is_mounted(void **state)
{
    (void)state;
    set("/proc/self/mountinfo",
        ROOT_MOUNT V1("cpu,cpuacct") V1("memory") V1("pids"));
    struct result result = expect("", all_run(""));
    assert_contains(result.out, "fine  cgroups: version 1, at /sys/fs/cgroup\n"
                                "fine  memory controller: version 1, at "
                                "/sys/fs/cgroup/memory\n"
                                "fine  pids controller: version 1, at "
                                "/sys/fs/cgroup/pids\n"
                                "fine  cpu controller: version 1, at "
                                "/sys/fs/cgroup/cpu,cpuacct\n");
}

/* The controllers of version 1 are not those that version 2 has. */
static void a_hybrid_has_both(void **state)
{
    (void)state;
    set("/proc/self/mountinfo", ROOT_MOUNT V1("cpu,cpuacct") V1("pids")
                                    V2("/sys/fs/cgroup/unified", "rw"));
    set("/sys/fs/cgroup/unified/cgroup.controllers", "memory\n");
    struct result result = expect("", all_run(""));
    assert_contains(result.out,
                    "fine  cgroups: hybrid, version 1 at /sys/fs/cgroup and "
                    "version 2 at /sys/fs/cgroup/unified\n"
                    "fine  memory controller: version 2, at "
                    "/sys/fs/cgroup/unified\n"
                    "fine  pids controller: version 1, at "
                    "/sys/fs/cgroup/pids\n");
}

/* cpuacct alone is not cpu, nor is systemd's hierarchy a controller. */
static void names_that_contain_a_controller_are_none(void **state)
{
    static const char fixes[] =
        "FIX   cpu controller: no mounted hierarchy has it: see cat "
        "/proc/cgroups and mount -t cgroup,cgroup2\n";
    static const char verdict[] =
        "Stages 1 to 5 will run; stage 6 needs: cpu controller.";

    (void)state;
    set("/sys/fs/cgroup/cgroup.controllers", "cpuset io memory pids\n");
    expect(fixes, verdict);
    set("/proc/self/mountinfo",
        ROOT_MOUNT V1("cpuacct") V1("memory") V1("pids") V1("name=systemd"));
    expect(fixes, verdict);
}

static void a_raspberry_pi_without_memory_controller_is_seen(void **state)
{
    static const char fixes[] =
        "FIX   memory controller: disabled when the kernel started: remove "
        "cgroup_disable=memory from the kernel's command line and reboot "
        "(Raspberry Pi: add cgroup_enable=memory to "
        "/boot/firmware/cmdline.txt)\n";
    static const char verdict[] =
        "Stages 1 to 5 will run; stage 6 needs: memory controller.";

    (void)state;
    set("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n");
    set("/proc/cmdline",
        "coherent_pool=1M cgroup_disable=memory root=/dev/a\n");
    expect(fixes, verdict);
    set("/proc/cmdline", "root=/dev/a\n");
    set("/proc/cgroups", "cpu\t0\t9\t1\nmemory\t0\t9\t0\npids\t0\t9\t1\n");
    expect(fixes, verdict);
}

static void no_cgroup_file_system_at_all(void **state)
{
    (void)state;
    set("/proc/self/mountinfo", ROOT_MOUNT);
    expect("FIX   cgroups: not mounted: sudo mount -t cgroup2 cgroup2 "
           "/sys/fs/cgroup\n",
           "Stages 1 to 5 will run; stage 6 needs: cgroups.");
}

static void cgroups_that_docker_made_read_only_are_seen(void **state)
{
    (void)state;
    set("/proc/self/mountinfo", ROOT_MOUNT V2("/sys/fs/cgroup", "ro"));
    expect("FIX   cgroups: /sys/fs/cgroup is read-only, as Docker makes it: "
           "use docker run --privileged\n",
           "Stages 1 to 5 will run; stage 6 needs: cgroups.");
}

static void dockers_cgroup_namespace_is_seen(void **state)
{
    (void)state;
    set_user(0, "root");
    set("/run/.containerenv", "");
    set("/sys/fs/cgroup/cgroup.procs", "1\n7\n");
    set("/sys/fs/cgroup/cgroup.type", "domain\n");
    assert_contains(expect("", all_run("")).out,
                    "note  container: you are inside a container already\n");
    set("/sys/fs/cgroup/cgroup.subtree_control", "cpu pids\n");
    expect("FIX   cgroups: /sys/fs/cgroup itself contains processes: use "
           "docker run "
           "--privileged --cgroupns=host\n",
           "Stages 1 to 5 will run; stage 6 needs: cgroups.");
    set("/sys/fs/cgroup/cgroup.procs", "");
    expect("", all_run(""));
    set("/sys/fs/cgroup/cgroup.procs", "1\n7\n");
    lose("/sys/fs/cgroup/cgroup.type");
    expect("", all_run(""));
    /* In a hybrid, version 1 has the controllers. */
    set("/proc/self/mountinfo", ROOT_MOUNT V1("cpu") V1("memory") V1("pids")
                                    V2("/sys/fs/cgroup/unified", "rw"));
    set("/sys/fs/cgroup/unified/cgroup.type", "domain\n");
    expect("", all_run(""));
}

/* --- network -------------------------------------------------------------- */

static void forwarding_may_be_on(void **state)
{
    (void)state;
    set("/proc/sys/net/ipv4/ip_forward", "1\n");
    expect_line("fine  forwarding: on");
}

static void a_read_only_proc_sys_has_no_forwarding(void **state)
{
    (void)state;
    set("/proc/self/mountinfo",
        ROOT_MOUNT V2(
            "/sys/fs/cgroup",
            "rw") "40 22 0:5 /sys /proc/sys ro,nosuid - proc proc rw\n");
    expect("FIX   forwarding: /proc/sys is read-only, as in a container: use "
           "./run --network none\n",
           "Stages 1 to 6 will run; stage 7 needs: forwarding.");
}

static void dockers_forward_policy_is_seen_by_root(void **state)
{
    static const char *const chains =
        "cat <<END\n"
        "table ip nat {\n\tchain POSTROUTING {\n"
        "\t\ttype nat hook postrouting priority srcnat; policy "
        "accept;\n\t}\n}\n"
        "table ip6 filter {\n\tchain FORWARD {\n"
        "\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n"
        "%s"
        "END";
    static const char drop[] =
        "table ip filter {\n\tchain FORWARD {\n"
        "\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";

    (void)state;
    set_command("nft", format(chains, ""));
    expect_line("note  FORWARD: only root can see its policy: run doctor again "
                "as root");
    set("/sys/class/net/docker0/ifindex", "3\n");
    expect_line("note  FORWARD: Docker may have set its policy to drop, which "
                "only root can see: run doctor again as root");
    set_user(0, "root");
    expect_line("fine  FORWARD: no policy drops forwarded packets");
    set_command("nft", format(chains, drop));
    expect("FIX   FORWARD: ip filter FORWARD has the policy drop: nft insert "
           "rule ip filter FORWARD iifname " BRIDGE
           " accept; nft insert rule ip "
           "filter FORWARD oifname " BRIDGE " accept\n",
           all_run(" Better with: FORWARD."));
    /* The command was typed and has its effect. */
    set_command("nft", format("[ $2 != table ] || { echo " BRIDGE "; exit; }\n"
                              "%s",
                              format(chains, drop)));
    expect_line("fine  FORWARD: no policy drops forwarded packets");
}

/* The policy is accept, and the last rule refuses the rest. */
static void firewallds_last_rule_is_seen_by_root(void **state)
{
    (void)state;
    set_user(0, "root");
    set_command("nft",
                "cat <<END\ntable inet firewalld {\n\tchain other {\n\t\tdrop\n"
                "\t}\n\tchain filter_FORWARD {\n"
                "\t\ttype filter hook forward priority filter + 10; policy "
                "accept;\n\t\ttcp dport { 22, 80 } accept\n"
                "\t\treject with icmpx admin-prohibited\n\t}\n}\nEND");
    expect("FIX   FORWARD: inet firewalld filter_FORWARD has the last rule "
           "reject with icmpx admin-prohibited: firewall-cmd --zone=trusted "
           "--add-interface=" BRIDGE "\n",
           all_run(" Better with: FORWARD."));
}

static void without_nft_there_is_no_nat(void **state)
{
    (void)state;
    lose("/bin/nft");
    expect("FIX   nft: not found, so stage 7 does no NAT: make setup stage7\n",
           all_run(" Better with: nft."));
    /* Not in everybody's PATH. */
    set("/usr/sbin/nft", "");
    assert_return_code(chmod(on_machine("/usr/sbin/nft"), 0755), errno);
    expect_line("fine  nft: found");
}

/* --- programs ------------------------------------------------------------- */

static void without_a_compiler_nothing_runs(void **state)
{
    (void)state;
    lose("/bin/cc");
    expect("FIX   compiler: not found, or without headers: make setup\n",
           "No stage will run; stage 1 needs: compiler.");
    set_command("cc", "exit 1");
    expect("FIX   compiler: not found, or without headers: make setup\n",
           "No stage will run; stage 1 needs: compiler.");
}

static void without_make_it_says_how_to_install_it(void **state)
{
    (void)state;
    lose("/bin/make");
    expect("FIX   make: not found: sudo apt-get install make\n",
           "No stage will run; stage 1 needs: make.");
}

static void without_libnl_stages_1_to_6_run(void **state)
{
    (void)state;
    absent = "route/link.h";
    expect("FIX   libnl-route-3: not found: make setup stage7\n",
           "Stages 1 to 6 will run; stage 7 needs: libnl-route-3.");
}

static void what_only_the_tests_need_stops_no_stage(void **state)
{
    (void)state;
    absent = "cmocka.h";
    lose("/bin/strace");
    lose("/bin/git");
    expect("FIX   git: not found; make diffN needs it: sudo apt-get install "
           "git\n"
           "FIX   cmocka: not found; the tests need it: make setup test\n"
           "FIX   strace: not found; the tests need it: make setup test\n",
           all_run(" Better with: git, cmocka, strace."));
}

static void without_a_static_libc_strace_shows_more(void **state)
{
    (void)state;
    absent = "int main";
    expect("FIX   static libc: not found, so strace also shows the "
           "loading of libraries: make setup\n",
           all_run(" Better with: static libc."));
}

static void qemu_is_only_noted(void **state)
{
    (void)state;
    lose("/bin/qemu-system-x86_64");
    expect_line(
        "note  qemu-system-x86_64: not found; make vm and make gradeN need it: "
        "make setup vm");
}

/* This copy of doctor is on a file system from which nothing is executed. */
static void a_tree_that_is_mounted_noexec_is_named(void **state)
{
    char *tree = format("%s/noexec", scratch());

    (void)state;
    on_host(format("mkdir '%1$s' && mount -t tmpfs -o noexec none '%1$s' && "
                   "cd '%2$s' && cp -R doctor tools stage* '%1$s'",
                   tree, built("..")));
    struct result result = examine_with(WORDS("sh", format("%s/doctor", tree)));
    assert_contains(result.out, "FIX   file system: mounted noexec, so no "
                                "program of this tree can run: cp -R ");
    assert_contains(result.out, "\nNo stage will run; stage 1 needs: file "
                                "system");
    assert_int_equal(result.status, 1);
}

static void without_a_busybox_stages_1_to_4_run(void **state)
{
    (void)state;
    busybox = "/no/such/busybox";
    expect("FIX   busybox: /no/such/busybox: no such file: BUSYBOX=/path must "
           "name a BusyBox\n",
           "Stages 1 to 4 will run; stage 5 needs: busybox.");
}

static void a_busybox_of_another_architecture_is_seen(void **state)
{
    (void)state;
    char *copy = on_machine("/busybox");

    /* Byte 18 is e_machine; 0363 is RISC-V. */
    on_host(format("cp '%s' '%s' && printf '\\363' | dd of='%s' bs=1 seek=18 "
                   "conv=notrunc 2>/dev/null",
                   busybox, copy, copy));
    busybox = copy;
    expect(format("FIX   busybox: %s: expected a program for x86_64: make "
                  "setup, or: apt-get install busybox-static\n",
                  copy),
           "Stages 1 to 4 will run; stage 5 needs: busybox.");
}

static void the_first_stage_that_lacks_something_is_named(void **state)
{
    (void)state;
    absent = "route/link.h";
    busybox = "/no/such/busybox";
    set("/proc/sys/kernel/osrelease", "5.4.0\n");
    lose("/proc/self/ns/cgroup");
    assert_contains(examine().out,
                    "\nStages 1 to 4 will run; stage 5 needs: kernel, "
                    "busybox.\n");
}

/* --- this machine --------------------------------------------------------- */

/* This machine runs the tests of all stages, so doctor must say that they run.
 */
static void on_this_machine_all_stages_run(void **state)
{
    (void)state;
    struct result result = run_program(NULL, WORDS(built("../doctor")));

    assert_text(result.err, "");
    assert_contains(result.out, "fine  root: you are root\n");
    assert_contains(result.out, format("\n%s", all_run("")));
    assert_int_equal(result.status, 0);
}

/* Whatever it says of sudo, the rest is what root is told. */
static void an_ordinary_user_is_told_the_same(void **state)
{
    static const char *const kinds[] = {"cgroups", "memory",     "kernel",
                                        "nft",     "namespaces", "busybox",
                                        "cmocka"};
    char *copy = format("%s/doctor", scratch());

    (void)state;
    /* The project's own directory may be closed to others. */
    on_host(format("mkdir '%1$s' && cd '%2$s' && "
                   "cp -R doctor tools rootfs stage* '%1$s' && "
                   "chmod -R a+rX '%1$s'",
                   copy, built("..")));
    char *const command[] = {format("%s/doctor", copy), NULL};
    struct result root = run_program(NULL, command);
    struct result user = run_prepared(NULL, command, become_nobody, NULL);
    assert_text(user.err, "");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        char *line = lines_with(root.out, format("fine  %s", kinds[i]));
        assert_true(*line);
        assert_contains(user.out, line);
    }
    assert_lacks(user.out, "root: you are root");
    assert_int_equal(user.status, !strstr(user.out, all_run("")));
}

/* Of the calls that could change something, doctor makes one: it opens
 * /dev/null for writing. No compiler runs: on the faked machine, cc is a
 * script. */
static void it_changes_nothing(void **state)
{
    char *trace = format("%s/trace", scratch());

    (void)state;
    set_user(0, "root");
    char *before = host_state();
    assert_status(
        run_program(
            NULL,
            WORDS("strace", "-f", "-qq", "-o", trace, "-e", "signal=none", "-e",
                  "trace=open,openat,creat,mkdir,mkdirat,unlink,unlinkat,"
                  "rename,renameat,renameat2,rmdir,chmod,fchmod,fchmodat,chown,"
                  "fchown,fchownat,truncate,ftruncate,utimensat,mount,umount2,"
                  "mknod,mknodat,link,linkat,symlink,symlinkat,sethostname,"
                  "unshare,setns,init_module,finit_module,socket,bpf",
                  "env", format("DOCTOR_ROOT=%s", on_machine("")),
                  format("PATH=%s", on_machine("/bin")),
                  format("BUSYBOX=%s", busybox), "ABSENT=#include <nothing",
                  built("../doctor"))),
        0);
    char *text = contents(trace);
    assert_contains(text, "/proc/self/mountinfo"); /* it was traced */
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (!strstr(line, "O_RDONLY") && !strstr(line, "\"/dev/null\"") &&
            !strstr(line, "resumed>") && !strstr(line, "+++"))
            fail_msg("not only a look: %s", line);
    unlink(trace);
    assert_host_unchanged(before);
}

#define ON_MACHINE(name) cmocka_unit_test_setup(name, make_machine)

static const struct CMUnitTest tests[] = {
    ON_MACHINE(a_good_machine_has_a_line_for_everything),
    ON_MACHINE(root_needs_no_sudo),
    ON_MACHINE(a_user_without_sudo_gets_as_far_as_stage_1),
    ON_MACHINE(a_user_of_no_known_group_is_told_how_to_ask),
    ON_MACHINE(docker_without_cap_sys_admin_is_seen),
    ON_MACHINE(a_root_without_cap_sys_admin_is_seen_elsewhere),
    ON_MACHINE(a_root_without_cap_net_admin_has_no_network),
    ON_MACHINE(the_root_of_a_user_namespace_makes_no_devices),
    ON_MACHINE(apparmor_s_restriction_is_no_obstacle_to_sudo),
    ON_MACHINE(apparmor_s_restriction_stops_a_root_of_a_namespace),
    ON_MACHINE(an_old_kernel_stops_before_stage_5),
    ON_MACHINE(another_system_than_linux_is_none),
    ON_MACHINE(wsl_1_has_no_kernel),
    ON_MACHINE(wsl_2_needs_its_controllers_in_one_place),
    ON_MACHINE(a_machine_that_nobody_tried_is_only_noted),
    ON_MACHINE(a_missing_namespace_stops_before_its_stage),
    ON_MACHINE(a_limit_of_no_namespaces_is_seen),
    ON_MACHINE(user_namespaces_are_not_needed),
    ON_MACHINE(a_private_root_is_as_good_as_a_shared_one),
    ON_MACHINE(version_1_is_found_where_it_is_mounted),
    ON_MACHINE(a_hybrid_has_both),
    ON_MACHINE(names_that_contain_a_controller_are_none),
    ON_MACHINE(a_raspberry_pi_without_memory_controller_is_seen),
    ON_MACHINE(no_cgroup_file_system_at_all),
    ON_MACHINE(cgroups_that_docker_made_read_only_are_seen),
    ON_MACHINE(dockers_cgroup_namespace_is_seen),
    ON_MACHINE(forwarding_may_be_on),
    ON_MACHINE(a_read_only_proc_sys_has_no_forwarding),
    ON_MACHINE(dockers_forward_policy_is_seen_by_root),
    ON_MACHINE(firewallds_last_rule_is_seen_by_root),
    ON_MACHINE(without_nft_there_is_no_nat),
    ON_MACHINE(without_a_compiler_nothing_runs),
    ON_MACHINE(without_make_it_says_how_to_install_it),
    ON_MACHINE(without_libnl_stages_1_to_6_run),
    ON_MACHINE(what_only_the_tests_need_stops_no_stage),
    ON_MACHINE(without_a_static_libc_strace_shows_more),
    ON_MACHINE(qemu_is_only_noted),
    ON_MACHINE(a_tree_that_is_mounted_noexec_is_named),
    ON_MACHINE(without_a_busybox_stages_1_to_4_run),
    ON_MACHINE(a_busybox_of_another_architecture_is_seen),
    ON_MACHINE(the_first_stage_that_lacks_something_is_named),
    ON_MACHINE(it_changes_nothing),
    cmocka_unit_test(on_this_machine_all_stages_run),
    cmocka_unit_test(an_ordinary_user_is_told_the_same),
};

int main(int argc, char *argv[])
{
    return test_main(argc, argv, 1, "doctor", tests, COUNT(tests));
}
