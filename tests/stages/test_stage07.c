/* SPDX-License-Identifier: MIT
 *
 * Stage 7: a network of the container's own, behind a bridge of the host.
 *
 * The "host" is a network namespace that the harness makes for each test; what
 * is "outside" is another one, which a test connects to it. Nothing of the
 * machine's own network is seen or changed.
 */
#define _GNU_SOURCE
#include "../../common/names.h"
#include "../lib/network.h"
#include "../lib/shared.h"
#include "../lib/strace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GATEWAY      "10.77.0.1"
#define HOST_OUTSIDE "198.51.100.1" /* the host's address to the outside */
#define OUTSIDE      "198.51.100.2"

/* Prints the container's own address. */
#define ADDRESS      "ip -4 -o addr show dev eth0 | awk '{print $4}' | cut -d/ -f1;"

enum { AT_ONCE = 20 };

/* --- the host ------------------------------------------------------------- */

static bool has_link(const char *name)
{
    struct result result = run_program(
        NULL, WORDS("ip", "-o", "link", "show", "dev", (char *)name));

    return result.status == 0;
}

static char *sysctl_value(const char *name)
{
    char *text = contents(format("/proc/sys/net/%s", name));

    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void set_sysctl(const char *name, const char *value)
{
    on_host(format("echo %s >/proc/sys/net/%s", value, name));
}

static void go_on(const struct live *live)
{
    assert_int_equal(write(live->in, "\n", 1), 1);
}

static struct result end(struct live *live)
{
    go_on(live);
    return finish(live);
}

/* --- servers and clients -------------------------------------------------- */

/* A child of ours that waits in a network namespace. */
struct child {
    pid_t pid;
    int out; /* what it has to say, line by line */
};

static char *line_of(const struct child *child)
{
    struct live live = {.out = child->out};

    return next_line(&live);
}

/* Answers one request for a page, and says from where it came. */
static _Noreturn void serve(int out, const char *address)
{
    static const char page[] = "HTTP/1.0 200 OK\r\n\r\nhello\n";
    struct sockaddr_in own = {.sin_family = AF_INET}, peer = own;
    socklen_t size = sizeof(own);
    char request[4096];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, address, &own.sin_addr);
    if (bind(fd, (struct sockaddr *)&own, sizeof(own)) == -1 ||
        listen(fd, 1) == -1 ||
        getsockname(fd, (struct sockaddr *)&own, &size) == -1)
        _exit(1);
    dprintf(out, "%d\n", ntohs(own.sin_port));
    int client = accept(fd, (struct sockaddr *)&peer, &size);
    while (client != -1 && read(client, request, sizeof(request)) > 0 &&
           !strstr(request, "\r\n\r\n"))
        ;
    dprintf(out, "%s\n", inet_ntoa(peer.sin_addr));
    if (client == -1 || write(client, page, strlen(page)) == -1)
        _exit(1);
    _exit(0);
}

/* A server at ADDRESS, in the network namespace of the process NEIGHBOUR, or
 * with 0 in ours. Its port is in *PORT. */
static struct child start_server(pid_t neighbour, const char *address,
                                 int *port)
{
    char *path = format("/proc/%d/ns/net", neighbour ? neighbour : getpid());
    int fds[2];

    assert_return_code(pipe2(fds, O_CLOEXEC), errno);
    struct child child = {.pid = fork(), .out = fds[0]};
    assert_int_not_equal(child.pid, -1);
    if (child.pid == 0) {
        int ns = open(path, O_RDONLY | O_CLOEXEC);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ns == -1 || setns(ns, CLONE_NEWNET) == -1)
            _exit(1);
        serve(fds[1], address);
    }
    close(fds[1]);
    *port = atoi(line_of(&child));
    return child;
}

/* The address that its client had, after which the server ends. */
static char *client_of(struct child *server)
{
    char *address = line_of(server);
    int status;

    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
    assert_int_equal(status, 0);
    close(server->out);
    return address;
}

/* A process that waits in a network namespace of its own. */
static pid_t make_namespace(void)
{
    int fds[2];

    assert_return_code(pipe2(fds, O_CLOEXEC), errno);
    struct child child = {.pid = fork(), .out = fds[0]};
    assert_int_not_equal(child.pid, -1);
    if (child.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) == -1)
            _exit(1);
        dprintf(fds[1], "there\n");
        for (;;)
            pause();
    }
    close(fds[1]);
    assert_text(line_of(&child), "there");
    close(child.out);
    return child.pid;
}

/* The "outside": a network namespace, connected by a veth pair to ours. It has
 * no route to the containers: it does not know of them. */
static pid_t make_outside(void)
{
    pid_t pid = make_namespace();

    on_host(format("set -e; ip link add out0 type veth peer in0 netns %1$d;"
                   "echo 1 >/proc/sys/net/ipv6/conf/out0/disable_ipv6;"
                   "ip address add " HOST_OUTSIDE "/24 dev out0;"
                   "ip link set out0 up; in='nsenter --net=/proc/%1$d/ns/net';"
                   "$in ip address add " OUTSIDE "/24 dev in0;"
                   "$in ip link set in0 up; $in ip link set lo up",
                   pid));
    return pid;
}

/* Fetches the server's page by a container's wget. */
static struct result fetch_in_container(const char *address, int port)
{
    return run_quiet("wget", "-q", "-O", "-",
                     format("http://%s:%d/", address, port));
}

static const char *web_address;
static char web_page[4096];

/* One attempt of a client on the host; the server may not be up yet. */
static bool is_page_there(const void *request)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct timeval limit = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t used = 0;
    ssize_t n = -1;

    inet_pton(AF_INET, web_address, &server.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&server, sizeof(server)) == 0)
        n = write(fd, request, strlen(request));
    while (n > 0 &&
           (n = read(fd, web_page + used, sizeof(web_page) - 1 - used)) > 0)
        used += (size_t)n;
    web_page[used] = '\0';
    close(fd);
    return used > 0;
}

/* --- none and host -------------------------------------------------------- */

static void none_has_a_loopback_that_is_up_and_nothing_else(void **state)
{
    (void)state;
    struct result result =
        run_quiet("--network", "none", "sh", "-c",
                  "ls /sys/class/net; ip -o link; ip -4 -o addr; ip route; "
                  "ping -c 1 -W 10 127.0.0.1 | grep received");

    assert_status(result, 0);
    assert_int_equal(strncmp(result.out, "lo\n1: lo: ", 10), 0);
    assert_contains(result.out, "UP");
    assert_contains(result.out, "127.0.0.1/8");
    assert_contains(result.out, " 1 packets received");
    assert_lacks(result.out, "eth0");
    assert_lacks(result.out, "default");
    assert_lacks(result.out, "2: ");
}

static void none_makes_nothing_on_the_host(void **state)
{
    (void)state;
    char *before = network_state();
    struct live live = start("--network", "none", READY("read line"));

    assert_string_not_equal(namespace_of(live.container, "net"),
                            namespace_of(getpid(), "net"));
    assert_text(network_state(), before);
    assert_status(end(&live), 0);
    assert_lacks(run("--network", "none", "true").err, BRIDGE);
}

static void none_reaches_nobody(void **state)
{
    (void)state;
    struct live other = start(READY(ADDRESS "read line"));
    char *address = next_line(&other);
    struct result result =
        run_quiet("--network", "none", "ping", "-c", "1", "-W", "1", address);

    assert_int_not_equal(result.status, 0);
    assert_contains(result.err, "unreachable");
}

static void host_is_the_hosts_network(void **state)
{
    (void)state;
    char *before = network_state();
    struct live live = start("--network", "host",
                             READY("ls /sys/class/net | wc -l; read line"));

    assert_text(namespace_of(live.container, "net"),
                namespace_of(getpid(), "net"));
    assert_text(next_line(&live), "1");
    assert_text(network_state(), before);
    assert_status(end(&live), 0);
}

static void host_shares_ports_and_links_with_the_host(void **state)
{
    (void)state;
    on_host("ip link add seen0 type veth peer seen1");
    struct live live =
        start("--network", "host",
              READY("ls /sys/class/net | tr '\\n' ' '; echo; exec httpd -f "
                    "-p 80"));

    assert_contains(next_line(&live), "seen0 seen1 ");
    web_address = "127.0.0.1";
    wait_until(is_page_there, "GET /no HTTP/1.0\r\n\r\n", "httpd answers");
    assert_contains(web_page, " 404 ");
}

static void host_leaves_links_of_the_host_as_they_are(void **state)
{
    (void)state;
    on_host("ip link set lo down");
    char *before = network_state();
    struct live live = start("--network", "host", READY("read line"));

    assert_text(network_state(), before);
    assert_status(end(&live), 0);
}

static void a_container_without_address_knows_its_own_name(void **state)
{
    static char *const networks[] = {"none", "host"};

    (void)state;
    for (size_t i = 0; i < COUNT(networks); i++) {
        struct result result =
            run_quiet("--network", networks[i], "--hostname", "web", "sh", "-c",
                      "grep web /etc/hosts; ping -c 1 -W 10 web >/dev/null");
        assert_status(result, 0);
        assert_text(result.out, "127.0.1.1\tweb\n");
    }
}

static void unknown_networks_are_refused(void **state)
{
    static char *const names[] = {"",     "Bridge",      "bridge ", " none",
                                  "nat",  "none,host",   "0",       BRIDGE,
                                  "br",   "container:x", "bridged", "hosts",
                                  "NONE", "default"};

    (void)state;
    char *before = host_state();
    for (size_t i = 0; i < COUNT(names); i++) {
        struct result result = run("--network", names[i], "echo", "run");
        assert_status(result, 125);
        assert_text(result.out, "");
        assert_message(
            result,
            format("--network %s: expected bridge, none or host", names[i]),
            NULL);
    }
    assert_host_unchanged(before);
}

/* Returns the calls by which PROGRAM mounts and makes, in alphabetical order.
 * The floor makes its covers read-only by MS_REMOUNT. Left out: cgroups, which
 * the floor is told of, and what there is for each processor. */
static char *made_by(const char *program)
{
    char *trace = format("%s/trace", scratch());
    char *script =
        format("strace -f -qq -s 100 -o %1$s -e "
               "trace=mount,mknodat,symlink,symlinkat %2$s /bin/true || exit; "
               "sed -n '/ = 0$/s/^[0-9]* *//p' %1$s | "
               "sed 's/symlinkat(\\(.*\\), AT_FDCWD, /symlink(\\1, /; "
               "s/, MS_RDONLY[^,]*MS_BIND, /, MS_BIND, /; s/ *= 0//' | "
               "grep -v -e '(NULL' -e /sys/fs/cgroup -e throttle | sort -u",
               trace, program);
    struct result result = run_program(NULL, WORDS("sh", "-c", script));

    assert_status(result, 0);
    return result.out;
}

static void the_floor_of_the_benchmark_makes_the_same_calls(void **state)
{
    (void)state;
    char *root = built("private/rootfs");
    char *floor = made_by(format("%s %s - -", built("floor"), root));

    assert_contains(floor, "mount(\"tmpfs\", \"/dev\", \"tmpfs\", MS_NOSUID");
    assert_text(made_by(format("%s -q --network none", stage_program())),
                floor);
}

/* --- bridge --------------------------------------------------------------- */

static void the_container_has_lo_and_eth0_and_both_are_up(void **state)
{
    (void)state;
    assert_text(inside("ls /sys/class/net | tr '\\n' ' '"), "eth0 lo ");
    char *links = inside("ip -o link");
    char *eth0 = strstr(links, ": eth0@");
    assert_non_null(strstr(links, ": lo: <LOOPBACK,UP,LOWER_UP>"));
    assert_non_null(eth0);
    assert_contains(eth0, ",UP,LOWER_UP");
    assert_contains(inside("ip -4 -o addr show lo"), " 127.0.0.1/8 ");
    inside("ping -c 1 -W 10 127.0.0.1");
}

static void bridge_is_the_default(void **state)
{
    (void)state;
    assert_contains(run("true").err, "add " BRIDGE " up type bridge");
    assert_contains(run("--network=bridge", "true").err,
                    "add " BRIDGE " up type bridge");
    assert_status(run_quiet("--network", "none", "--network", "bridge", "ip",
                            "link", "show", "eth0"),
                  0);
}

static void the_address_is_of_the_subnet_and_the_route_leads_there(void **state)
{
    unsigned int third, fourth;

    (void)state;
    char *text = inside("ip -4 -o addr show eth0");
    char *at = strstr(text, "inet 10.77.");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "inet 10.77.%u.%u/20", &third, &fourth), 2);
    assert_in_range(third, 0, 15);
    assert_in_range(fourth + 256 * third, 2, 4094);
    assert_contains(text, "/20 brd 10.77.15.255");
    text = inside("ip route");
    assert_contains(text, "default via " GATEWAY " dev eth0");
    assert_contains(text, "10.77.0.0/20 dev eth0");
    assert_lacks(inside("ip -6 -o addr"), "scope global");
}

static void the_host_has_a_bridge_with_one_port_a_container(void **state)
{
    (void)state;
    struct live one = start(READY("read line"));
    assert_contains(on_host("ip -4 -o address show dev " BRIDGE),
                    " " GATEWAY "/20 ");
    assert_contains(on_host("ip -o link show dev " BRIDGE), "LOWER_UP");
    assert_text(on_host("ip -o link show master " BRIDGE " | wc -l"), "1\n");
    struct live two = start(READY("read line"));
    assert_text(on_host("ip -o link show master " BRIDGE " | wc -l"), "2\n");
    assert_text(sysctl_value("ipv4/conf/" BRIDGE "/forwarding"), "1");
    assert_status(end(&one), 0);
    assert_status(end(&two), 0);
}

static void the_host_takes_no_router_advertisement(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));

    assert_text(sysctl_value("ipv6/conf/" BRIDGE "/accept_ra"), "0");
    assert_status(end(&live), 0);
}

static void etc_hosts_has_the_address_and_the_name(void **state)
{
    (void)state;
    struct live live =
        start("--hostname", "web",
              READY(ADDRESS "grep web /etc/hosts; ping -c 1 -W 10 web | grep "
                            "-c ' 0% packet loss'; read line"));
    char *address = next_line(&live);

    assert_int_equal(strncmp(address, "10.77.", 6), 0);
    assert_text(next_line(&live), format("%s\tweb", address));
    assert_text(next_line(&live), "1");
    assert_status(end(&live), 0);
}

static void the_gateway_answers(void **state)
{
    (void)state;
    assert_contains(inside("ping -c 1 -W 10 " GATEWAY), " 0% packet loss");
}

static void containers_reach_each_other(void **state)
{
    (void)state;
    struct live one = start(READY(ADDRESS "read line"));
    struct live two = start(READY(ADDRESS "read line"));
    char *first = next_line(&one), *second = next_line(&two);

    assert_string_not_equal(first, second);
    inside(format("ping -c 1 -W 10 %s && ping -c 1 -W 10 %s", first, second));
    assert_status(end(&one), 0);
    assert_status(end(&two), 0);
}

static void containers_have_ports_of_their_own(void **state)
{
    (void)state;
    char *script = "echo ready; " ADDRESS "echo page of $1 >/tmp/page; "
                   "exec httpd -f -p 80 -h /tmp";
    struct live one = start("sh", "-c", script, "", "one");
    struct live two = start("sh", "-c", script, "", "two");

    web_address = next_line(&one);
    wait_until(is_page_there, "GET /page HTTP/1.0\r\n\r\n", "httpd answers");
    assert_contains(web_page, "page of one\n");
    char *other = next_line(&two);
    web_address = other;
    wait_until(is_page_there, "GET /page HTTP/1.0\r\n\r\n", "httpd answers");
    assert_contains(web_page, "page of two\n");
    assert_text(inside(format("wget -q -O - http://%s/page", other)),
                "page of two\n");
}

static void a_server_of_the_host_sees_the_containers_own_address(void **state)
{
    (void)state;
    struct live first = start(READY("read line")); /* makes the bridge */
    int port;
    struct child server = start_server(0, GATEWAY, &port);
    struct result result =
        run_quiet("sh", "-c",
                  format(ADDRESS "wget -q -O - http://" GATEWAY ":%d/", port));

    assert_status(result, 0);
    char *client = client_of(&server);
    assert_text(result.out, format("%s\nhello\n", client));
    assert_int_equal(strncmp(client, "10.77.", 6), 0);
    assert_string_not_equal(client, GATEWAY);
    assert_status(end(&first), 0);
}

/* A bridge that is down passes no packets: the parent asks 200 times. */
static void command_waits_until_the_bridge_passes_packets(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    char *trace = format("%s/trace", scratch());

    assert_contains(on_host("ip -d -o link show master " BRIDGE),
                    " state forwarding ");
    assert_contains(on_host("ip -o link show " BRIDGE), " state UP ");
    on_host("ip link set " BRIDGE " down");
    on_host(format("strace -o %s -e trace=nanosleep,clock_nanosleep '%s' -q "
                   "true",
                   trace, stage_program()));
    int asked = 0;
    for (char *at = contents(trace); (at = strstr(at, "nanosleep(")); at++)
        asked++;
    assert_in_range(asked, 200, 400);
    unlink(trace);
    assert_status(end(&live), 0);
}

static void a_bridge_without_a_free_port_has_its_hint(void **state)
{
    (void)state;
    assert_message(
        run_failing("sendmsg:error=EXFULL:when=1", false, WORDS("-q", "true")),
        "Exchange full", "1023 ports");
}

/* --- the outside ---------------------------------------------------------- */

static void the_rules_are_there_until_the_last_container_ends(void **state)
{
    (void)state;
    struct live one = start(READY("read line"));
    struct live two = start(READY("read line"));

    assert_status(end(&one), 0);
    assert_contains(on_host("nft list ruleset"), "table ip " OURS);
    assert_contains(on_host("nft list ruleset"), "masquerade");
    assert_status(end(&two), 0);
    assert_text(on_host("nft list ruleset"), "");
}

static void the_outside_sees_the_hosts_address(void **state)
{
    (void)state;
    pid_t outside = make_outside();
    char *before = host_state();
    int port;
    struct child server = start_server(outside, OUTSIDE, &port);
    struct result result = fetch_in_container(OUTSIDE, port);

    assert_status(result, 0);
    assert_text(result.out, "hello\n");
    assert_text(client_of(&server), HOST_OUTSIDE);
    assert_host_unchanged(before);
}

/* The outside is told a way back, so that the container's own address would
 * work as well: what the server sees then depends on the rule alone. */
static void the_masquerade_rule_is_what_hides_the_container(void **state)
{
    (void)state;
    pid_t outside = make_outside();
    int port;

    on_host(format("nsenter --net=/proc/%d/ns/net ip route add 10.77.0.0/20 "
                   "via " HOST_OUTSIDE,
                   outside));
    struct live first = start(READY("read line"));
    struct child server = start_server(outside, OUTSIDE, &port);
    assert_text(fetch_in_container(OUTSIDE, port).out, "hello\n");
    assert_text(client_of(&server), HOST_OUTSIDE);
    on_host("nft flush chain ip " OURS " " BRIDGE "-nat");
    server = start_server(outside, OUTSIDE, &port);
    assert_text(fetch_in_container(OUTSIDE, port).out, "hello\n");
    assert_int_equal(strncmp(client_of(&server), "10.77.", 6), 0);
    assert_status(end(&first), 0);
}

/* The rule is for what leaves the bridge's network, not for what the host sends
 * back into it. */
static void containers_met_at_the_gateway_keep_their_addresses(void **state)
{
    (void)state;
    struct live other = start(READY(ADDRESS "read line"));
    char *address = next_line(&other);
    int port;
    struct child server = start_server(other.container, address, &port);
    struct result result =
        run_quiet("sh", "-c",
                  format(ADDRESS "ip route add %1$s via " GATEWAY
                                 "; wget -q -O - http://%1$s:%2$d/",
                         address, port));

    assert_status(result, 0);
    assert_text(result.out, format("%s\nhello\n", client_of(&server)));
    assert_status(end(&other), 0);
}

/* Returns a process in the network namespace of a neighbour (a virtual machine,
 * say), 203.0.113.2 on vm0, with a route to OUTSIDE by way of the host. */
static pid_t make_neighbour(pid_t outside)
{
    pid_t neighbour = make_namespace();

    on_host(format(
        "set -e; ip link add vm0 type veth peer eth0 netns %1$d;"
        "ip address add 203.0.113.1/24 dev vm0; ip link set vm0 up;"
        "in='nsenter --net=/proc/%1$d/ns/net';"
        "$in ip address add 203.0.113.2/24 dev eth0; $in ip link set eth0 up;"
        "$in ip route add default via 203.0.113.1;"
        "nsenter --net=/proc/%2$d/ns/net ip route add 203.0.113.0/24 "
        "via " HOST_OUTSIDE,
        neighbour, outside));
    return neighbour;
}

static struct result fetch_by_way_of_the_host(pid_t neighbour, int port)
{
    return run_program(
        NULL, WORDS("nsenter", format("--net=/proc/%d/ns/net", neighbour),
                    "timeout", "2", built("private/rootfs/bin/busybox"), "wget",
                    "-q", "-O", "-", format("http://" OUTSIDE ":%d/", port)));
}

/* The host forwards for a virtual machine on vm0, by a setting of its own. */
static void others_behind_the_host_keep_their_addresses(void **state)
{
    (void)state;
    pid_t outside = make_outside(), neighbour = make_neighbour(outside);
    int port;

    on_host("echo 1 >/proc/sys/net/ipv4/conf/vm0/forwarding");
    struct live live = start(READY("read line"));
    struct child server = start_server(outside, OUTSIDE, &port);
    assert_text(fetch_by_way_of_the_host(neighbour, port).out, "hello\n");
    assert_text(client_of(&server), "203.0.113.2");
    assert_status(end(&live), 0);
}

/* The stage has switched forwarding on for vm0. */
static void the_host_becomes_no_router_for_its_neighbours(void **state)
{
    (void)state;
    pid_t outside = make_outside(), neighbour = make_neighbour(outside);
    int port;

    struct live live = start(READY("read line"));
    assert_text(contents("/proc/sys/net/ipv4/conf/vm0/forwarding"), "1\n");
    struct child server = start_server(outside, OUTSIDE, &port);
    assert_status(fetch_by_way_of_the_host(neighbour, port), 124);
    kill(server.pid, SIGKILL);
    assert_status(end(&live), 0);
}

static void the_outside_answers_a_ping(void **state)
{
    (void)state;
    make_outside();
    assert_contains(inside("ping -c 1 -W 10 " OUTSIDE), " 0% packet loss");
}

static void hide_nft(void *unused)
{
    (void)unused;
    setenv("PATH", "/no/such/directory", 1);
    if (unshare(CLONE_NEWNS) == -1 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
        mount("tmpfs", "/usr/sbin", "tmpfs", 0, NULL) == -1)
        _exit(99);
}

static void set_path_of_users(void *unused)
{
    (void)unused;
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
}

static void nft_is_found_without_sbin_in_path(void **state)
{
    (void)state;
    char *before = host_state();
    struct result result = run_prepared(
        NULL, WORDS(stage_program(), "-q", "true"), set_path_of_users, NULL);

    assert_status(result, 0);
    assert_text(result.err, "");
    assert_host_unchanged(before);
}

static void without_nft_the_host_is_reached_and_a_hint_given(void **state)
{
    (void)state;
    char *before = host_state();
    struct result result = run_prepared(
        NULL,
        WORDS(stage_program(), "-q", "ping", "-c", "1", "-W", "10", GATEWAY),
        hide_nft, NULL);

    assert_status(result, 0);
    assert_contains(result.out, " 0% packet loss");
    assert_message(result, "no NAT: nft: No such file or directory",
                   "make setup stage7");
    assert_host_unchanged(before);
}

/* The rules are in a file in memory before nft starts, so an nft that cannot be
 * executed ends nobody by SIGPIPE. */
static void an_nft_that_reads_nothing_is_only_a_warning(void **state)
{
    (void)state;
    char *before = host_state(), *strace = on_host("command -v strace");
    struct result result = run_prepared(
        NULL,
        WORDS(format("%.*s", (int)strcspn(strace, "\n"), strace), "-o",
              "/dev/null", "-e", "inject=write:delay_enter=200000",
              stage_program(), "-q", "true"),
        hide_nft, NULL);

    assert_status(result, 0);
    assert_contains(result.err, "no NAT: nft: No such file or directory");
    assert_host_unchanged(before);
}

static void put_first_in_path(void *directory)
{
    setenv("PATH", format("%s:%s", (char *)directory, getenv("PATH")), 1);
}

static void an_nft_that_is_killed_at_the_end_is_reported(void **state)
{
    (void)state;
    char *before = host_state(), *directory = fresh_directory("bin");
    char *nft = on_host("PATH=$PATH:/usr/sbin command -v nft");
    create(format("%s/nft", directory),
           format("#!/bin/sh\nrules=$(cat)\ncase $rules in flush*) kill -KILL "
                  "$$ ;; esac\nprintf '%%s\\n' \"$rules\" | %.*s -f -\n",
                  (int)strcspn(nft, "\n"), nft),
           0755);
    struct result result =
        run_prepared(NULL, WORDS(stage_program(), "-q", "true"),
                     put_first_in_path, directory);

    assert_status(result, 0);
    assert_contains(result.err, "cannot remove table ip " OURS);
    on_host(format("rm -r %s", directory));
    assert_status(run_quiet("true"), 0);
    assert_host_unchanged(before);
}

/* The output of nft's list is then longer than a pipe holds. */
static void a_host_with_many_chains_is_no_obstacle(void **state)
{
    (void)state;
    on_host("{ echo 'table ip many {'; for i in $(seq 4000); do echo "
            "\"chain chain-number-$i { }\"; done; echo '}'; } | nft -f -");
    struct result result = run_quiet("true");
    assert_status(result, 0);
    assert_text(result.err, "");
}

static void a_forward_policy_of_drop_is_reported_and_opened(void **state)
{
    (void)state;
    pid_t outside = make_outside();
    int port;

    on_host("nft add table ip filter; nft add chain ip filter FORWARD "
            "'{ type filter hook forward priority 0; policy drop; }'");
    struct result result = run_quiet("ping", "-c", "1", "-W", "1", OUTSIDE);
    assert_status(result, 1);
    assert_message(result,
                   "chain FORWARD of table ip filter has the policy "
                   "drop",
                   "nft insert rule ip filter FORWARD ");
    char *command = strstr(result.err, "  hint: ") + strlen("  hint: ");
    on_host(command);
    struct child server = start_server(outside, OUTSIDE, &port);
    result = fetch_in_container(OUTSIDE, port);
    assert_status(result, 0);
    assert_text(result.out, "hello\n");
    assert_text(result.err, ""); /* not reported again */
    assert_text(client_of(&server), HOST_OUTSIDE);
}

/* A neighbour of the host that knows the way. */
static void the_outside_reaches_no_port_of_a_container(void **state)
{
    (void)state;
    pid_t outside = make_outside();
    struct live live = start("sh", "-c",
                             "echo ready; " ADDRESS "echo page >/tmp/page; "
                             "exec httpd -f -p 80 -h /tmp");
    char *address = next_line(&live);
    char *fetch =
        format("nsenter --net=/proc/%d/ns/net timeout 2 '%s' wget -q -O - "
               "http://%s:80/page "
               "2>/dev/null || echo none",
               outside, built("private/rootfs/bin/busybox"), address);

    on_host(format("nsenter --net=/proc/%d/ns/net ip route add 10.77.0.0/20 "
                   "via " HOST_OUTSIDE,
                   outside));
    web_address = address;
    wait_until(is_page_there, "GET /page HTTP/1.0\r\n\r\n", "httpd answers");
    assert_text(on_host(fetch), "none\n");
    on_host("nft flush chain ip " OURS " " BRIDGE "-forward");
    assert_text(on_host(fetch), "page\n");
}

/* firewalld's table, and that of a distribution with iptables-nft. */
static void a_chain_that_ends_by_refusing_all_is_reported(void **state)
{
    static const struct {
        const char *table, *chain, *rule, *hint;
    } rows[] = {
        {"inet firewalld", "filter_FORWARD",
         "reject with icmpx type admin-prohibited",
         "firewall-cmd --zone=trusted"},
        {"ip filter", "FORWARD", "counter drop",
         "nft insert rule ip filter FORWARD iifname " BRIDGE " accept"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        on_host(format(
            "nft add table %1$s; nft add chain %1$s %2$s '{ type filter hook "
            "forward priority 10; policy accept; }';"
            "nft add rule %1$s %2$s ct state established accept;"
            "nft add rule %1$s %2$s %3$s",
            rows[i].table, rows[i].chain, rows[i].rule));
        struct result result = run_quiet("true");
        assert_status(result, 0);
        assert_message(result,
                       format("chain %s of table %s has the last rule ",
                              rows[i].chain, rows[i].table),
                       rows[i].hint);
        on_host(format("nft add chain %1$s other; nft add rule %1$s other "
                       "iifname " BRIDGE " accept",
                       rows[i].table));
        assert_text(run_quiet("true").err, "");
        on_host(format("nft delete table %s", rows[i].table));
    }
}

static void other_policies_are_not_reported(void **state)
{
    (void)state;
    on_host("set -e; nft add table ip filter; nft add chain ip filter FORWARD "
            "'{ type filter hook forward priority 0; policy accept; }';"
            "nft add rule ip filter FORWARD ip daddr 192.0.2.1 drop;"
            "nft add rule ip filter FORWARD iifname x reject;"
            "nft add chain ip filter INPUT "
            "'{ type filter hook input priority 0; policy accept; }';"
            "nft add chain ip filter OUT "
            "'{ type filter hook output priority 0; policy drop; }';"
            "nft add rule ip filter OUT drop;"
            "nft add table ip6 filter; nft add chain ip6 filter FORWARD "
            "'{ type filter hook forward priority 0; policy drop; }'");
    struct result result = run_quiet("true");
    assert_status(result, 0);
    assert_text(result.err, "");
}

/* --- the subnet ----------------------------------------------------------- */

static void expect_subnet(const char *beginning)
{
    char *address = inside(ADDRESS);

    if (strncmp(address, beginning, strlen(beginning)) != 0)
        fail_msg("%s is not in %s", address, beginning);
    inside("ping -c 1 -W 10 $(ip route | awk '/default/ {print $3}')");
}

static void a_subnet_that_the_host_uses_is_avoided(void **state)
{
    (void)state;
    on_host("ip link add t0 type veth peer t1;"
            "echo 1 >/proc/sys/net/ipv6/conf/t0/disable_ipv6;"
            "ip link set t0 up; ip link set t1 up");
    expect_subnet("10.77.");
    on_host("ip address add 10.77.3.4/24 dev t0");
    expect_subnet("172.16.");
    on_host("ip address del 10.77.3.4/24 dev t0; ip route add 10.0.0.0/8 dev "
            "t0");
    expect_subnet("172.16.");
    on_host("ip route add 172.16.95.255 dev t0");
    expect_subnet("198.18.");
    on_host("ip route del 10.0.0.0/8 dev t0");
    expect_subnet("10.77.");
    on_host("ip route add 10.76.0.0/16 dev t0; ip route add 10.77.16.0/20 dev "
            "t0; ip route add default dev t0; ip route add 0.0.0.0/1 dev t0");
    expect_subnet("10.77.");
}

static void no_free_subnet_is_an_error(void **state)
{
    (void)state;
    on_host("ip link add t0 type veth peer t1;"
            "echo 1 >/proc/sys/net/ipv6/conf/t0/disable_ipv6;"
            "echo 1 >/proc/sys/net/ipv6/conf/t1/disable_ipv6;"
            "ip link set t1 up; ip link set t0 up;"
            "ip route add 10.77.0.0/16 dev t0; ip address "
            "add 172.16.81.1/32 dev t0; ip route add 198.18.0.0/15 dev t0");
    char *before = host_state();
    struct result result = run("echo", "run");
    assert_status(result, 125);
    assert_text(result.out, "");
    assert_message(result, "routes into every subnet", "--network none");
    assert_host_unchanged(before);
    assert_status(run_quiet("--network", "none", "true"), 0);
    assert_status(run_quiet("--network", "host", "true"), 0);
}

/* --- many ----------------------------------------------------------------- */

/* Starts one; all share standard input and output. Each parent is PID 1 of a
 * PID namespace, so all begin their search for an address at the same one. */
static pid_t start_one(int in, int out)
{
    char *program = stage_program();
    pid_t pid = fork();

    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        execlp("unshare", "unshare", "--pid", "--fork", program, "-q", "sh",
               "-c", ADDRESS "read line; exit 7", NULL);
        _exit(99);
    }
    return pid;
}

static void containers_started_at_once_have_distinct_addresses(void **state)
{
    (void)state;
    char *before = host_state(), *addresses[AT_ONCE];
    pid_t pids[AT_ONCE];
    int in[2], out[2], status;

    assert_return_code(pipe2(in, O_CLOEXEC), errno);
    assert_return_code(pipe2(out, O_CLOEXEC), errno);
    for (int i = 0; i < AT_ONCE; i++)
        pids[i] = start_one(in[0], out[1]);
    close(in[0]);
    close(out[1]);
    struct live all = {.out = out[0]};
    for (int i = 0; i < AT_ONCE; i++) { /* all of them are alive */
        addresses[i] = next_line(&all);
        assert_int_equal(strncmp(addresses[i], "10.77.", 6), 0);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(addresses[i], addresses[j]);
    }
    assert_text(on_host("ip -o link show master " BRIDGE " | wc -l"),
                format("%d\n", AT_ONCE));
    close(in[1]);
    for (int i = 0; i < AT_ONCE; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(WEXITSTATUS(status), 7);
    }
    close(out[0]);
    assert_host_unchanged(before);
}

/* Several loops at once: a container starts in one loop while another ends. */
static void many_starting_and_ending_at_once_leave_nothing(void **state)
{
    (void)state;
    char *before = host_state();
    char *script = format("for i in 1 2 3 4 5; do for j in 1 2 3 4 5 6; do "
                          "'%s' -q ping -c 1 -W 10 " GATEWAY " >/dev/null || "
                          "echo failed; done & done; wait",
                          stage_program());
    struct result result = run_program(NULL, WORDS("sh", "-c", script));

    assert_status(result, 0);
    assert_text(result.out, "");
    assert_text(result.err, "");
    assert_host_unchanged(before);
}

static void links_of_the_host_called_veth_are_no_obstacle(void **state)
{
    (void)state;
    on_host("ip link add veth0 type veth peer veth1");
    struct live one = start(READY("read line"));
    struct live two = start(READY("read line"));

    assert_text(on_host("ip -o link show master " BRIDGE " | wc -l"), "2\n");
    assert_status(end(&one), 0);
    assert_status(end(&two), 0);
    assert_true(has_link("veth0"));
    on_host("ip link delete veth0");
}

/* --- the lock ------------------------------------------------------------- */

/* Any user may open and lock /proc/self/ns/net, so it cannot be our lock. */
static void a_lock_that_any_user_can_take_stops_nobody(void **state)
{
    (void)state;
    assert_text(on_host(format("exec 9</proc/self/ns/net; flock 9; "
                               "'%s' -q echo run 9<&-",
                               stage_program())),
                "run\n");
}

/* The lock is held by somebody who is root. */
static void a_wait_for_the_lock_has_a_message_and_an_end(void **state)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"TERM", SIGTERM}, {"HUP", SIGHUP}};

    (void)state;
    for (size_t i = 0; i < COUNT(signals); i++) {
        char *before = host_state(), *errors = format("%s/errors", scratch());
        char *out = on_host(
            format("mkdir -p -m 700 /run/" OURS "; exec 9</run/" OURS ";"
                   "flock 9; : >%1$s; '%2$s' -q true 2>%1$s "
                   "9<&- & until grep -q waiting %1$s; do sleep 0.02; done;"
                   "kill -%3$s $!; wait $!; echo $?; rmdir /run/" OURS " "
                   "2>/dev/null || :",
                   errors, stage_program(), signals[i].name));
        assert_text(out, format("%d\n", 128 + signals[i].number));
        assert_contains(contents(errors), "holds /run/" OURS "\n  hint: ");
        unlink(errors);
        assert_host_unchanged(before);
    }
}

/* If thirty starts asked for the lock every few milliseconds, they would take
 * the processor from its holder. Counts one start's calls before the message.
 */
static void a_wait_for_the_lock_asks_less_and_less_often(void **state)
{
    (void)state;
    char *calls = format("%s/calls", scratch());
    char *errors = format("%s/errors", scratch());
    char *out = on_host(
        format("mkdir -m 700 /run/" OURS "; exec 9</run/" OURS "; flock 9;"
               "strace -q -e trace=flock -o %2$s '%3$s' -q true 2>%1$s 9<&- &"
               "until grep -qs waiting %1$s; do sleep 0.02; done;"
               "grep -c EAGAIN %2$s; flock -u 9; wait $!; echo $?",
               errors, calls, stage_program()));
    char *status;
    long asked = strtol(out, &status, 10);

    assert_text(status, "\n0\n");
    assert_in_range(asked, 10, 300);
}

static void a_lock_that_others_could_hold_is_refused(void **state)
{
    static const char *const ways[] = {
        "mkdir -m 755 /run/" OURS, "mkdir -m 770 /run/" OURS,
        "mkdir -m 700 /run/" OURS "; chown 65534 /run/" OURS,
        "mkdir -m 700 /run/other; ln -s other /run/" OURS, ": >/run/" OURS};

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        on_host("rm -rf /run/" OURS);
        on_host(ways[i]);
        char *before = host_state();
        struct result result = run("echo", "run");
        assert_status(result, 125);
        assert_text(result.out, "");
        assert_contains(result.err, "lock /run/" OURS ": ");
        assert_host_unchanged(before);
        on_host("rm -rf /run/" OURS " /run/other");
    }
}

static void a_lock_that_fails_is_reported_and_mended(void **state)
{
    (void)state;
    char *before = host_state();
    struct result result =
        run_program(NULL, WORDS("strace", "-q", "-o", "/dev/null", "-P",
                                "/run/" OURS, "-e", "inject=flock:error=ENOLCK",
                                stage_program(), "-q", "echo", "run"));

    assert_status(result, 125);
    assert_text(result.out, "");
    assert_contains(result.err, "lock /run/" OURS ": ");
    assert_status(run_quiet("true"), 0);
    assert_host_unchanged(before);
}

/* --- the end -------------------------------------------------------------- */

static void a_bridge_without_alias_is_ours(void **state)
{
    (void)state;
    char *before = host_state();
    struct live live = start(READY("read line; exit 7"));

    on_host("ip link set " BRIDGE " alias ''");
    struct result result = end(&live);
    assert_status(result, 7);
    assert_text(result.err, "");
    assert_host_unchanged(before);
}

static void a_failure_while_leaving_keeps_the_status(void **state)
{
    (void)state;
    char *before = host_state();
    struct live live = start(READY("read line; exit 7"));

    on_host("ip link set " BRIDGE " address 02:00:00:00:00:01");
    struct result result = end(&live);
    assert_status(result, 7);
    assert_contains(result.err,
                    "link " BRIDGE " exists and is not a bridge of ours");
    on_host("ip link set " BRIDGE " address 02:6d:69:6e:69:30");
    network_state(); /* waits until the kernel has removed the port */
    assert_contains(inside("ping -c 1 -W 10 " GATEWAY), " 0% packet loss");
    assert_host_unchanged(before);
}

/* A server that becomes UID 65534. Look up the name: it is "nobody", or
 * "builder" if that user built the root file system (rootfs/build.sh). */
#define SURVIVOR                                                          \
    "exec su -s /bin/sh $(awk -F: '$3 == 65534 {print $1}' /etc/passwd) " \
    "-c 'echo ready; exec sleep 1000'"

/* The kernel clears PR_SET_PDEATHSIG when a process changes its user. */
static void a_container_that_survives_its_parent_keeps_its_network(void **state)
{
    (void)state;
    char *before = host_state();
    struct live live = start("sh", "-c", SURVIVOR);
    pid_t container = live.container;
    char *ports = on_host("ip -o link show master " BRIDGE);

    kill(live.parent, SIGKILL);
    wait_until_gone(live.parent);
    assert_true(exists(container));
    assert_status(run_quiet("ping", "-c", "1", "-W", "10", GATEWAY), 0);
    network_state(); /* waits until the second one's port has gone */
    assert_text(on_host("ip -o link show master " BRIDGE), ports);
    kill(container, SIGKILL);
    wait_until_gone(container);
    assert_status(finish(&live), 128 + SIGKILL);
    assert_status(run_quiet("true"), 0);
    assert_host_unchanged(before);
}

/* Returns the output of clean-host, which sees no cgroup of the machine. */
static char *clean_host(const char *setting)
{
    /* mount(8) would leave /run/mount. */
    return on_host(format(
        "unshare --mount --propagation private sh -c '%1$s umount -l /sys; "
        "%1$s mount -t sysfs sysfs /sys && %2$s %3$s %4$s'",
        built("private/rootfs/bin/busybox"), setting,
        built("../tools/clean-host.sh"), stage_program()));
}

/* The number of the socket that the parent opens in the container's network
 * namespace, after its first setns(2). */
static int socket_after_setns(void)
{
    pid_t host, child;
    int count = 1;

    assert_status(run_strace(WORDS("true"), &host, &child), 0);
    char *trace = contents(format("%s/trace.%d", scratch(), host));
    char *end = strstr(trace, "setns(");
    assert_non_null(end);
    for (char *at = trace; (at = strstr(at, "socket(")) && at < end; at++)
        count++;
    return count;
}

/* The parent is back in its own namespace before it undoes anything. */
static void a_failure_in_the_containers_network_undoes_the_hosts(void **state)
{
    (void)state;
    char *inject = format("socket:error=ENOBUFS:when=%d", socket_after_setns());
    char *before = host_state();
    struct result result = run_failing(inject, false, WORDS("true"));

    assert_status(result, 125);
    assert_contains(result.err, "eth0 up: No buffer space available");
    assert_host_unchanged(before);
}

static bool runs_sleep(const void *parent)
{
    pid_t child = children_of(*(const pid_t *)parent)[0];
    char *name = child ? status_of(child, "Name") : NULL;

    return name && strcmp(name, "sleep") == 0;
}

/* /proc/PID/exe then ends in " (deleted)". */
static void clean_host_knows_a_program_that_was_built_again(void **state)
{
    char *copy = format("%s/stage07", scratch()), *before = host_state();
    char *root = built("private/rootfs");
    int status;

    (void)state;
    assert_status(run_program(NULL, WORDS("cp", stage_program(), copy)), 0);
    pid_t parent = fork();
    assert_int_not_equal(parent, -1);
    if (parent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(copy, copy, "-q", "--rootfs", root, "sleep", "1000", NULL);
        _exit(99);
    }
    wait_until(runs_sleep, &parent, "the container sleeps");
    assert_return_code(unlink(copy), errno);
    assert_text(clean_host(""), "nothing to undo\n");
    kill(parent, SIGTERM);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_host_unchanged(before);
}

/* Covers /etc with an empty tmpfs: clean-host must make no file in it. */
static void clean_host_makes_no_file_on_the_host(void **state)
{
    (void)state;
    char *busybox = built("private/rootfs/bin/busybox");

    assert_text(on_host(format("unshare --mount --propagation private sh -c "
                               "'%1$s mount -t tmpfs tmpfs /etc; %1$s umount "
                               "-l /sys; %1$s mount -t sysfs sysfs /sys; "
                               "%2$s %3$s; ls -A /etc'",
                               busybox, built("../tools/clean-host.sh"),
                               stage_program())),
                "nothing to undo\n");
}

/* The eth0 of another tool's container: its other end is in a namespace that is
 * not ours, and has there, by chance, the index of a port of our bridge. */
static void clean_host_takes_no_other_container_for_a_survivor(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    char *index = on_host("ip -o link show master " BRIDGE " | cut -d: -f1");
    char *pid = on_host(format(
        "exec 3>&1 >/dev/null; unshare --net sleep 1000 & O=$!; unshare --net "
        "--pid --mount --fork --kill-child sh -c '%2$s umount -l /sys; %2$s "
        "mount -t sysfs sysfs /sys; exec sleep 1000' & U=$!; "
        "until C=$(cat /proc/$U/task/$U/children) && nsenter -t $O -n ip link "
        "add other index %1$d type veth peer name eth0 netns $C; "
        "do sleep .1; done; echo $U >&3",
        atoi(index), built("private/rootfs/bin/busybox")));
    pid_t parent = atoi(pid);

    wait_until(runs_sleep, &parent, "the other container sleeps");
    assert_text(clean_host(""), "nothing to undo\n");
    assert_status(end(&live), 0);
}

static void clean_host_ends_a_survivor_only_when_told_to(void **state)
{
    (void)state;
    char *before = host_state();
    struct live live = start("sh", "-c", SURVIVOR);
    struct live other = start(READY("read line"));
    pid_t container = live.container;

    kill(live.parent, SIGKILL);
    wait_until_gone(live.parent);
    char *name = format("container %d survived its parent: sleep 1000 "
                        "\n  hint: make clean-host KILL=1 kills it\n",
                        container);
    assert_text(clean_host(""), name);
    assert_true(exists(container));
    assert_text(clean_host("KILL=1"),
                format("killed container %d: sleep 1000 \n", container));
    assert_false(exists(container));
    assert_true(has_link(BRIDGE));
    assert_status(end(&other), 0);
    assert_false(has_link(BRIDGE));
    assert_status(finish(&live), 128 + SIGKILL);
    assert_status(run_quiet("true"), 0); /* removes the survivor's cgroup */
    assert_host_unchanged(before);
}

/* Without a cgroup (version 1, no limit) its port alone tells that it is ours.
 */
static void clean_host_names_a_survivor_in_any_subnet(void **state)
{
    (void)state;
    on_host("ip link add t0 type veth peer t1; ip link set t1 up;"
            "ip link set t0 up; ip route add 10.77.0.0/16 dev t0");
    struct live live = start("sh", "-c", SURVIVOR);

    kill(live.parent, SIGKILL);
    wait_until_gone(live.parent);
    assert_contains(on_host(format("nsenter -t %d -n ip -4 address show eth0",
                                   live.container)),
                    "inet 172.16.");
    assert_contains(clean_host("KILL=1"),
                    format("killed container %d: ", live.container));
    assert_status(finish(&live), 128 + SIGKILL);
    assert_status(run_quiet("true"), 0); /* removes the survivor's cgroup */
}

/* Two parents that are PID 1 begin their search at the same address. */
static void an_address_is_not_given_away_while_its_link_is_there(void **state)
{
    (void)state;
    char *script = format("unshare --pid --fork '%s' -q ip -4 -o address show "
                          "dev eth0",
                          stage_program());
    unsigned int third, fourth;
    char *first = on_host(script);
    assert_non_null(strstr(first, "inet 10.77."));
    assert_int_equal(
        sscanf(strstr(first, "inet "), "inet 10.77.%u.%u", &third, &fourth), 2);
    network_state(); /* waits until that link has gone */
    assert_text(on_host(script), first);
    network_state();
    on_host(
        format("ip link add veth%u-%u type veth peer other", third, fourth));
    assert_string_not_equal(on_host(script), first);
    on_host(format("ip link delete veth%u-%u", third, fourth));
}

/* Somebody else in the network namespace keeps it, as an open connection may.
 */
static void a_namespace_that_outlives_its_container_is_unplugged(void **state)
{
    (void)state;
    struct live first = start(READY("read line"));
    struct live second = start(READY("read line"));
    int port;
    struct child server = start_server(second.container, "127.0.0.1", &port);

    assert_status(end(&second), 0);
    assert_text(on_host("ip -o link show master " BRIDGE " | wc -l"), "1\n");
    assert_status(end(&first), 0);
    assert_false(has_link(BRIDGE));
    kill(server.pid, SIGKILL);
}

/* --- nothing stays -------------------------------------------------------- */

static void the_last_container_removes_it_all(void **state)
{
    (void)state;
    char *before = host_state();
    struct live one = start(READY("read line"));
    struct live two = start(READY("read line; ping -c 1 -W 10 " GATEWAY));

    assert_status(end(&one), 0);
    assert_true(has_link(BRIDGE));
    assert_status(run_quiet("true"), 0);
    assert_true(has_link(BRIDGE));
    assert_text(sysctl_value("ipv4/conf/" BRIDGE "/forwarding"), "1");
    struct result result = end(&two);
    assert_status(result, 0);
    assert_contains(result.out, " 0% packet loss");
    assert_host_unchanged(before);
    assert_false(has_link(BRIDGE));
}

static void forwarding_is_as_it_was_before(void **state)
{
    static const char *const values[] = {"0", "1"};

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        set_sysctl("ipv4/ip_forward", values[i]);
        char *before = host_state();
        struct live one = start(READY("read line"));
        struct live two = start(READY("read line"));
        assert_text(sysctl_value("ipv4/ip_forward"), values[i]);
        assert_status(end(&one), 0);
        assert_text(sysctl_value("ipv4/conf/" BRIDGE "/forwarding"), "1");
        assert_status(end(&two), 0);
        assert_host_unchanged(before);
    }
}

/* The kernel changes other values with it: whoever writes ip_forward sets
 * forwarding for every link and accept_redirects to the opposite value, see
 * ip-sysctl.rst of the kernel. */
static void what_the_kernel_changes_with_forwarding_is_as_before(void **state)
{
    (void)state;
    set_sysctl("ipv4/conf/all/accept_redirects", "0");
    char *before = host_state();
    assert_status(run_quiet("true"), 0);
    assert_host_unchanged(before);
}

static void forwarding_that_others_need_by_now_stays(void **state)
{
    (void)state;
    make_outside();
    struct live live = start(READY("read line"));

    assert_text(sysctl_value("ipv4/ip_forward"), "0");
    assert_text(sysctl_value("ipv4/conf/out0/forwarding"), "1");
    set_sysctl("ipv4/ip_forward", "1");
    assert_status(end(&live), 0);
    assert_text(sysctl_value("ipv4/ip_forward"), "1");
    assert_text(sysctl_value("ipv4/conf/out0/forwarding"), "1");
}

static void
a_link_that_comes_later_forwards_for_the_next_container(void **state)
{
    (void)state;
    struct live live = start(READY("read line"));
    make_outside();

    assert_contains(inside("ping -c 1 -W 10 " OUTSIDE), " 0% packet loss");
    assert_text(sysctl_value("ipv4/conf/out0/forwarding"), "1");
    assert_status(end(&live), 0);
    assert_text(sysctl_value("ipv4/conf/out0/forwarding"), "0");
}

static void links_that_forwarded_alone_still_do(void **state)
{
    (void)state;
    make_outside();
    set_sysctl("ipv4/conf/out0/forwarding", "1");
    set_sysctl("ipv4/conf/lo/forwarding", "1");
    char *before = host_state();
    assert_status(run_quiet("true"), 0);
    assert_host_unchanged(before);
}

static void a_table_of_our_name_that_is_not_ours_is_left_alone(void **state)
{
    (void)state;
    on_host("nft add table ip " OURS "; nft add chain ip " OURS " "
            "own; nft add rule ip " OURS " own counter");
    char *before = host_state();
    struct live live = start(READY("read line; ping -c 1 -W 10 " GATEWAY));
    assert_text(sysctl_value("ipv4/conf/" BRIDGE "/forwarding"), "0");
    struct result result = end(&live);

    assert_status(result, 0);
    assert_message(result, "no NAT: table ip " OURS " exists",
                   "nft list table ip " OURS);
    assert_host_unchanged(before);
}

static void our_own_table_of_a_killed_run_is_replaced(void **state)
{
    (void)state;
    char *before = host_state();
    struct live live = start(READY("read line; exit 7"));

    kill(live.parent, SIGKILL);
    finish(&live);
    on_host("ip link delete " BRIDGE);
    struct result result = run_quiet("true");
    assert_status(result, 0);
    assert_text(result.err, "");
    assert_host_unchanged(before);
}

static void what_a_failing_nft_said_is_reported(void **state)
{
    (void)state;
    char *tool = format("%s/nft", scratch());

    create(tool,
           "#!/bin/sh\necho '/dev/stdin:1:1-5: Error: Out of order' >&2\n"
           "exit 1\n",
           0755);
    struct result result =
        run_program(NULL, WORDS("sh", "-c",
                                format("PATH=%s:$PATH; exec '%s' -q true",
                                       scratch(), stage_program())));
    unlink(tool);
    assert_status(result, 0);
    assert_message(result, "no NAT: nft: Error: Out of order", "nf_tables");
}

static void foreign_rules_are_left_alone(void **state)
{
    (void)state;
    on_host("nft add table ip nat; nft add chain ip nat post '{ type nat hook "
            "postrouting priority 100; }'; nft add rule ip nat post ip saddr "
            "10.99.0.0/16 masquerade; nft add table inet " OURS);
    char *before = host_state();
    assert_status(run_quiet("true"), 0);
    assert_host_unchanged(before);
}

static void the_network_is_removed_in_whatever_way_it_ended(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

    (void)state;
    char *before = host_state();
    for (size_t i = 0; i < COUNT(signals); i++) {
        struct live live = start_sleep();
        kill(live.parent, signals[i]);
        assert_status(finish(&live), 128 + SIGKILL);
        assert_host_unchanged(before);
    }
    assert_status(run_quiet("no-such-command"), 127);
    assert_host_unchanged(before);
    assert_status(run_quiet("-v", "/no/such:/mnt", "true"), 125);
    assert_host_unchanged(before);
    assert_status(run_quiet("-w", "/no/such", "true"), 125);
    assert_host_unchanged(before);
    assert_status(run_quiet("--memory", "32M", "dd", "if=/dev/zero",
                            "of=/dev/null", "bs=200M", "count=1"),
                  128 + SIGKILL);
    assert_host_unchanged(before);
}

static void kill_parent_of(struct live *live)
{
    pid_t container = live->container;

    kill(live->parent, SIGKILL);
    assert_status(finish(live), 128 + SIGKILL);
    wait_until_gone(container);
}

static void the_next_run_mends_what_a_killed_parent_left(void **state)
{
    (void)state;
    char *before = host_state();
    struct live live = start_sleep();

    kill_parent_of(&live);
    struct live next = start(READY("read line; ping -c 1 -W 10 " GATEWAY));
    struct result result = end(&next);
    assert_status(result, 0);
    assert_contains(result.out, " 0% packet loss");
    assert_host_unchanged(before);
}

static void another_container_lives_on_when_a_parent_is_killed(void **state)
{
    (void)state;
    char *before = host_state();
    struct live victim = start_sleep();
    struct live other = start(READY("read line; ping -c 1 -W 10 " GATEWAY));

    kill_parent_of(&victim);
    assert_status(run_quiet("true"), 0); /* finds a network that is in use */
    struct result result = end(&other);
    assert_status(result, 0);
    assert_contains(result.out, " 0% packet loss");
    assert_host_unchanged(before);
}

static void an_unfinished_bridge_is_replaced(void **state)
{
    (void)state;
    char *before = host_state();

    on_host("ip link add " BRIDGE " address 02:6d:69:6e:69:30 type bridge");
    assert_contains(inside("ping -c 1 -W 10 " GATEWAY), " 0% packet loss");
    assert_host_unchanged(before);
}

/* As in a container of Docker that was given CAP_SYS_ADMIN alone. */
static void drop_net_admin(void *argument)
{
    (void)argument;
    if (prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN) == -1)
        _exit(98);
}

static struct result run_without_net_admin(const char *mode)
{
    char *words[] = {stage_program(), "-q",  "--network", format("%s", mode),
                     "echo",          "run", NULL};

    return run_prepared(NULL, words, drop_net_admin, NULL);
}

static void the_hint_for_a_missing_cap_net_admin_helps(void **state)
{
    static const char *const modes[] = {"bridge", "none"};

    (void)state;
    char *before = host_state();
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct result result = run_without_net_admin(modes[i]);
        assert_status(result, 125);
        assert_text(result.out, "");
        assert_message(result, "netlink ", "CAP_NET_ADMIN");
        assert_contains(result.err, ": use --network host\n");
    }
    assert_text(run_without_net_admin("host").out, "run\n");
    assert_host_unchanged(before);
}

static void a_bridge_of_another_subnet_is_used_while_it_is_in_use(void **state)
{
    (void)state;
    on_host("ip link add t0 type veth peer t1; ip link set t1 up;"
            "ip link set t0 up; ip route add 10.77.0.0/16 dev t0");
    struct live first = start(READY("read line"));
    on_host("ip route del 10.77.0.0/16");
    expect_subnet("172.16.");
    assert_status(end(&first), 0);
    expect_subnet("10.77.");
}

static void a_foreign_link_of_our_name_is_refused_and_untouched(void **state)
{
    static const char *const ways[] = {
        "ip link add " BRIDGE " type veth peer t1",
        "ip link add " BRIDGE " type bridge",
        "ip link add " BRIDGE " type bridge; ip link set " BRIDGE " up;"
        "ip address add 192.0.2.1/24 dev " BRIDGE,
        "ip link add " BRIDGE " type bridge; ip link set " BRIDGE
        " alias 'not ours'",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        on_host("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
        on_host(ways[i]);
        char *before = host_state();
        struct result result = run("echo", "run");
        assert_status(result, 125);
        assert_text(result.out, "");
        assert_message(result,
                       "link " BRIDGE " exists and is not a bridge of ours",
                       "--network none");
        char *first = strstr(result.err, "exists and is not a bridge of ours");
        assert_null(strstr(first + 1, "exists and is not a bridge of ours"));
        assert_host_unchanged(before);
        assert_status(run_quiet("--network", "none", "true"), 0);
        on_host("ip link delete " BRIDGE);
    }
}

/* Those of netlink, and setns(2). The calls of nft(8) are not counted. */
static void a_failure_of_any_call_leaves_no_network(void **state)
{
    static const char *const calls[] = {"sendmsg", "recvmsg", "bind", "setns",
                                        NULL};
    static const char *const inner[] = {"sendmsg", NULL};

    (void)state;
    assert_true(fail_each_call(calls, WORDS(NULL)) >= 10);
    assert_int_equal(fail_each_call(inner, WORDS("--network", "none")), 1);
    /* If the bridge exists, the parent makes fewer calls than without it. */
    struct live other = start(READY("read line"));
    assert_in_range(fail_each_call(inner, WORDS("--network", "bridge")), 3, 9);
    assert_status(end(&other), 0);
}

/* One request after the other fails, those of the cleanup too. */
static void an_error_while_leaving_keeps_the_status(void **state)
{
    int kept = 0;

    (void)state;
    for (int n = 1;; n++) {
        struct result result =
            run_failing(format("sendmsg:error=EIO:when=%d", n), false,
                        WORDS("-q", "sh", "-c", "echo run; exit 7"));
        if (!*result.out) {
            assert_status(result, 125);
            continue;
        }
        assert_status(result, 7);
        if (!strstr(result.err, format("stage%02d: ", stage)))
            break; /* there is no such request */
        kept++;
    }
    assert_true(kept > 0);
}

/* The parent is killed at each of its requests to the kernel, one after the
 * other: the next run finds a network that is made or removed by half. */
static void a_parent_killed_at_any_request_is_mended(void **state)
{
    static const char *const calls[] = {"sendmsg", "wait4"};

    (void)state;
    char *before = host_state();
    for (size_t i = 0; i < COUNT(calls); i++) {
        int n = 1;
        for (bool killed = true; killed && n < 30; n++) {
            struct result result =
                run_failing(format("%s:signal=KILL:when=%d", calls[i], n), true,
                            WORDS("-q", "true"));
            killed = result.status != 0;
            /* The kernel needs a moment to remove the container's network. */
            on_host("while ip -o link | grep -q ': veth'; do sleep 0.01; done");
            result = run_quiet("ping", "-c", "1", "-W", "10", GATEWAY);
            assert_status(result, 0);
            assert_host_unchanged(before);
        }
        assert_in_range(n, 3, 29);
    }
}

/* /proc/sys is read-only in a container of stage 5, for example. */
static void a_read_only_proc_sys_is_refused_and_leaves_no_bridge(void **state)
{
    (void)state;
    char *before = host_state();
    int bound = mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL);
    int sealed =
        mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    struct result result = run_quiet("true");

    assert_return_code(umount2("/proc/sys", MNT_DETACH), errno);
    assert_return_code(bound, errno);
    assert_return_code(sealed, errno);
    assert_status(result, 125);
    assert_message(result, "Read-only file system", "--network none");
    assert_host_unchanged(before);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(none_has_a_loopback_that_is_up_and_nothing_else),
    cmocka_unit_test(none_makes_nothing_on_the_host),
    cmocka_unit_test(the_floor_of_the_benchmark_makes_the_same_calls),
    cmocka_unit_test(none_reaches_nobody),
    cmocka_unit_test(host_is_the_hosts_network),
    cmocka_unit_test(host_shares_ports_and_links_with_the_host),
    cmocka_unit_test(host_leaves_links_of_the_host_as_they_are),
    cmocka_unit_test(a_container_without_address_knows_its_own_name),
    cmocka_unit_test(unknown_networks_are_refused),
    cmocka_unit_test(the_container_has_lo_and_eth0_and_both_are_up),
    cmocka_unit_test(bridge_is_the_default),
    cmocka_unit_test(the_address_is_of_the_subnet_and_the_route_leads_there),
    cmocka_unit_test(the_host_has_a_bridge_with_one_port_a_container),
    cmocka_unit_test(the_host_takes_no_router_advertisement),
    cmocka_unit_test(etc_hosts_has_the_address_and_the_name),
    cmocka_unit_test(the_gateway_answers),
    cmocka_unit_test(containers_reach_each_other),
    cmocka_unit_test(containers_have_ports_of_their_own),
    cmocka_unit_test(a_server_of_the_host_sees_the_containers_own_address),
    cmocka_unit_test(the_rules_are_there_until_the_last_container_ends),
    cmocka_unit_test(the_outside_sees_the_hosts_address),
    cmocka_unit_test(the_masquerade_rule_is_what_hides_the_container),
    cmocka_unit_test(containers_met_at_the_gateway_keep_their_addresses),
    cmocka_unit_test(others_behind_the_host_keep_their_addresses),
    cmocka_unit_test(the_host_becomes_no_router_for_its_neighbours),
    cmocka_unit_test(the_outside_answers_a_ping),
    cmocka_unit_test(without_nft_the_host_is_reached_and_a_hint_given),
    cmocka_unit_test(nft_is_found_without_sbin_in_path),
    cmocka_unit_test(an_nft_that_is_killed_at_the_end_is_reported),
    cmocka_unit_test(an_nft_that_reads_nothing_is_only_a_warning),
    cmocka_unit_test(a_host_with_many_chains_is_no_obstacle),
    cmocka_unit_test(a_forward_policy_of_drop_is_reported_and_opened),
    cmocka_unit_test(other_policies_are_not_reported),
    cmocka_unit_test(a_subnet_that_the_host_uses_is_avoided),
    cmocka_unit_test(no_free_subnet_is_an_error),
    cmocka_unit_test(containers_started_at_once_have_distinct_addresses),
    cmocka_unit_test(many_starting_and_ending_at_once_leave_nothing),
    cmocka_unit_test(links_of_the_host_called_veth_are_no_obstacle),
    cmocka_unit_test(the_last_container_removes_it_all),
    cmocka_unit_test(forwarding_is_as_it_was_before),
    cmocka_unit_test(what_the_kernel_changes_with_forwarding_is_as_before),
    cmocka_unit_test(links_that_forwarded_alone_still_do),
    cmocka_unit_test(foreign_rules_are_left_alone),
    cmocka_unit_test(the_network_is_removed_in_whatever_way_it_ended),
    cmocka_unit_test(the_next_run_mends_what_a_killed_parent_left),
    cmocka_unit_test(another_container_lives_on_when_a_parent_is_killed),
    cmocka_unit_test(an_unfinished_bridge_is_replaced),
    cmocka_unit_test(the_hint_for_a_missing_cap_net_admin_helps),
    cmocka_unit_test(a_bridge_of_another_subnet_is_used_while_it_is_in_use),
    cmocka_unit_test(a_foreign_link_of_our_name_is_refused_and_untouched),
    cmocka_unit_test(a_failure_of_any_call_leaves_no_network),
    cmocka_unit_test(an_error_while_leaving_keeps_the_status),
    cmocka_unit_test(a_parent_killed_at_any_request_is_mended),
    cmocka_unit_test(a_lock_that_any_user_can_take_stops_nobody),
    cmocka_unit_test(a_wait_for_the_lock_has_a_message_and_an_end),
    cmocka_unit_test(a_wait_for_the_lock_asks_less_and_less_often),
    cmocka_unit_test(a_lock_that_others_could_hold_is_refused),
    cmocka_unit_test(a_lock_that_fails_is_reported_and_mended),
    cmocka_unit_test(a_bridge_without_alias_is_ours),
    cmocka_unit_test(a_failure_while_leaving_keeps_the_status),
    cmocka_unit_test(a_container_that_survives_its_parent_keeps_its_network),
    cmocka_unit_test(a_failure_in_the_containers_network_undoes_the_hosts),
    cmocka_unit_test(clean_host_knows_a_program_that_was_built_again),
    cmocka_unit_test(clean_host_makes_no_file_on_the_host),
    cmocka_unit_test(clean_host_takes_no_other_container_for_a_survivor),
    cmocka_unit_test(clean_host_ends_a_survivor_only_when_told_to),
    cmocka_unit_test(clean_host_names_a_survivor_in_any_subnet),
    cmocka_unit_test(an_address_is_not_given_away_while_its_link_is_there),
    cmocka_unit_test(a_namespace_that_outlives_its_container_is_unplugged),
    cmocka_unit_test(forwarding_that_others_need_by_now_stays),
    cmocka_unit_test(a_link_that_comes_later_forwards_for_the_next_container),
    cmocka_unit_test(a_table_of_our_name_that_is_not_ours_is_left_alone),
    cmocka_unit_test(our_own_table_of_a_killed_run_is_replaced),
    cmocka_unit_test(what_a_failing_nft_said_is_reported),
    cmocka_unit_test(the_outside_reaches_no_port_of_a_container),
    cmocka_unit_test(a_chain_that_ends_by_refusing_all_is_reported),
    cmocka_unit_test(command_waits_until_the_bridge_passes_packets),
    cmocka_unit_test(a_bridge_without_a_free_port_has_its_hint),
    SHARED_TESTS,
    cmocka_unit_test(a_read_only_proc_sys_is_refused_and_leaves_no_bridge),
};

int main(int argc, char *argv[])
{
    return test_main(argc, argv, 7, "stage 7", tests, COUNT(tests));
}
