/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "netlink.h"

#include "error.h"
#include "files.h"
#include "narrate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The size of the largest message that the kernel sends. */
enum { MESSAGE_SIZE = 32768 };

/* IF_OPER_UP of <linux/if.h>. With some C libraries, that header cannot be
 * included beside <net/if.h>. */
enum { OPERATIONAL = 6 };

/* 0x02 in the first byte marks a locally administered address. */
static const unsigned char bridge_address[6] = {0x02, 'm', 'i', 'n', 'i', '0'};

const char *address_text(uint32_t address)
{
    static char text[INET_ADDRSTRLEN];

    snprintf(text, sizeof(text), "%u.%u.%u.%u", address >> 24,
             address >> 16 & 255, address >> 8 & 255, address & 255);
    return text;
}

/* Returns OBJECT, or dies: libnl returns NULL only if memory runs out. */
static void *not_null(void *object)
{
    if (!object)
        fail(EXIT_SETUP, NULL, "netlink: out of memory");
    return object;
}

/* Returns a request with HEADER, which has SIZE bytes. */
static struct nl_msg *new_request(int type, int flags, void *header,
                                  size_t size)
{
    struct nl_msg *request = not_null(nlmsg_alloc_simple(type, flags));

    nlmsg_append(request, header, size, NLMSG_ALIGNTO);
    return request;
}

/* libnl has fewer error numbers than the kernel. Keep the kernel's. */
static int keep_error(struct sockaddr_nl *from, struct nlmsgerr *answer,
                      void *error)
{
    (void)from;
    *(int *)error = -answer->error;
    return NL_STOP;
}

/* Sends the request and frees it. Passes each message of the answer to
 * CALLBACK. Returns false with errno if the kernel refuses the request. Opens a
 * new socket each time, because a socket belongs to the network namespace it
 * was opened in. */
static bool exchange(struct nl_msg *request, nl_recvmsg_msg_cb_t callback,
                     void *data)
{
    struct nl_sock *sock = not_null(nl_socket_alloc());
    int error = 0;

    if (callback)
        nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, callback, data);
    nl_socket_modify_err_cb(sock, NL_CB_CUSTOM, keep_error, &error);
    errno = 0;
    int result = nl_connect(sock, NETLINK_ROUTE);
    if (result >= 0)
        result = nl_socket_set_msg_buf_size(sock, MESSAGE_SIZE);
    if (result >= 0)
        result = nl_send_auto(sock, not_null(request));
    if (result >= 0)
        result = nl_recvmsgs_default(sock);
    if (result < 0 && error == 0)
        error = result == -NLE_DUMP_INTR ? EINTR : errno;
    nl_socket_free(sock);
    nlmsg_free(request);
    errno = error;
    return result >= 0;
}

/* Requests all addresses or routes. EINTR means that some changed during the
 * dump: repeat it. */
static void dump_ipv4(int type, size_t size, nl_recvmsg_msg_cb_t callback,
                      void *data)
{
    struct rtmsg header = {.rtm_family = AF_INET};

    while (
        !exchange(new_request(type, NLM_F_DUMP, &header, size), callback, data))
        if (errno != EINTR)
            die("netlink", "dump");
}

/* Sends the request, or dies. Narrates and frees COMMAND. */
static void perform(struct nl_msg *request, char *command)
{
    if (!exchange(request, NULL, NULL))
        die("netlink", "%s", command);
    narrate_note("%s", command);
    free(command);
}

/* Returns the index of the link NAME. Dies if there is none. See
 * if_nametoindex(3). */
static int link_index(const char *name)
{
    unsigned int index = if_nametoindex(name);

    if (index == 0)
        die("netlink", "%s", name);
    return (int)index;
}

static struct rtnl_link *named(struct rtnl_link *link, const char *name)
{
    rtnl_link_set_name(not_null(link), name);
    return link;
}

/* Returns the request that makes LINK, or, with the flags 0, changes it. Frees
 * LINK. */
static struct nl_msg *link_request(struct rtnl_link *link, int flags)
{
    struct nl_msg *request = NULL;

    rtnl_link_build_add_request(link, flags, &request);
    rtnl_link_put(link);
    return request;
}

static int read_link(struct nl_msg *message, void *data)
{
    struct nlmsghdr *header = nlmsg_hdr(message);
    const struct ifinfomsg *info = nlmsg_data(header);
    const struct nlattr *address =
        nlmsg_find_attr(header, sizeof(*info), IFLA_ADDRESS);
    const struct nlattr *state =
        nlmsg_find_attr(header, sizeof(*info), IFLA_OPERSTATE);
    const struct nlattr *peer =
        nlmsg_find_attr(header, sizeof(*info), IFLA_LINK_NETNSID);
    struct link *link = data;

    link->index = (unsigned int)info->ifi_index;
    link->active = state && nla_get_u8(state) == OPERATIONAL;
    link->ours = address && nla_memcmp(address, bridge_address,
                                       sizeof(bridge_address)) == 0;
    link->has_peer = peer != NULL;
    link->peer_namespace = peer ? nla_get_s32(peer) : -1;
    return NL_OK;
}

bool get_link(const char *name, struct link *link)
{
    struct nl_msg *request = NULL;

    rtnl_link_build_get_request(0, name, &request);
    if (exchange(request, read_link, link))
        return true;
    if (errno != ENODEV)
        die("netlink", "get %s", name);
    return false;
}

bool leads_somewhere(const struct link *link)
{
    struct rtgenmsg header = {.rtgen_family = AF_UNSPEC};

    if (!link->has_peer)
        return true;
    struct nl_msg *request =
        new_request(RTM_GETNSID, 0, &header, sizeof(header));
    nla_put_s32(request, NETNSA_NSID, link->peer_namespace);
    if (exchange(request, NULL, NULL))
        return true;
    if (errno != ENOENT)
        die("netlink", "get namespace");
    return false;
}

struct port_search {
    unsigned int except;
    bool found;
};

static int check_port(struct nl_msg *message, void *data)
{
    struct port_search *search = data;
    struct link port;

    read_link(message, &port);
    if (port.index != search->except && leads_somewhere(&port))
        search->found = true;
    return search->found ? NL_STOP : NL_OK; /* one is enough */
}

bool has_live_port(const char *name, unsigned int except)
{
    struct port_search search = {.except = except};
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
    int index = link_index(name);
    bool read;

    do {
        struct nl_msg *request =
            new_request(RTM_GETLINK, NLM_F_DUMP, &header, sizeof(header));

        search.found = false;
        nla_put_s32(request, IFLA_MASTER, index);
        nla_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        read = exchange(request, check_port, &search);
    } while (!read && errno == EINTR); /* as in dump_ipv4() */
    if (!read)
        die("netlink", "get ports");
    return search.found;
}

/* Returns ADDRESS for libnl. */
static struct nl_addr *ipv4(uint32_t address, int prefix)
{
    uint32_t bytes = htonl(address);
    struct nl_addr *new = not_null(nl_addr_build(AF_INET, &bytes, 4));

    nl_addr_set_prefixlen(new, prefix);
    return new;
}

void add_bridge(const char *name)
{
    struct rtnl_link *bridge = named(rtnl_link_alloc(), name);
    struct nl_addr *address =
        not_null(nl_addr_build(AF_LLC, bridge_address, sizeof(bridge_address)));

    /* Set an address: otherwise the bridge takes that of a port, and may change
     * it when a port comes or goes. */
    rtnl_link_set_addr(bridge, address);
    nl_addr_put(address);
    rtnl_link_set_type(bridge, "bridge");
    rtnl_link_set_flags(bridge, IFF_UP);
    perform(link_request(bridge, NLM_F_CREATE | NLM_F_EXCL),
            xasprintf("ip link add %s up type bridge", name));
}

unsigned int add_veth(const char *master, const char *name, const char *peer,
                      pid_t pid)
{
    struct rtnl_link *veth = named(rtnl_link_veth_alloc(), name);
    struct rtnl_link *end = named(rtnl_link_veth_get_peer(veth), peer);

    rtnl_link_set_master(veth, link_index(master));
    rtnl_link_set_flags(veth, IFF_UP);
    rtnl_link_set_ns_pid(end, pid);
    rtnl_link_put(end);
    char *command =
        xasprintf("ip link add %s master %s up type veth peer name %s "
                  "netns %d",
                  name, master, peer, pid);
    if (exchange(link_request(veth, NLM_F_CREATE | NLM_F_EXCL), NULL, NULL))
        narrate_note("%s", command);
    else if (errno != ESRCH) /* PID has ended; the container said why */
        die("netlink", "%s", command);
    free(command);
    return if_nametoindex(name);
}

void remove_from_bridge(const char *name)
{
    struct rtnl_link *port = named(rtnl_link_alloc(), name);

    rtnl_link_set_master(port, 0);
    if (exchange(link_request(port, 0), NULL, NULL))
        narrate_note("ip link set %s nomaster", name);
    else if (errno != ENODEV)
        die("netlink", "ip link set %s nomaster", name);
}

static struct nl_msg *up_request(const char *name)
{
    struct rtnl_link *link = named(rtnl_link_alloc(), name);

    rtnl_link_set_flags(link, IFF_UP);
    return link_request(link, 0);
}

void set_link_up(const char *name)
{
    perform(up_request(name), xasprintf("ip link set %s up", name));
}

void set_link_up_in(pid_t pid, const char *name)
{
    char *command = xasprintf("nsenter -t %d -n ip link set %s up", pid, name);
    /* Use a pidfd: /proc may show another PID namespace, with other PIDs. */
    int other = (int)syscall(SYS_pidfd_open, pid, 0);
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    if (own == -1 || other == -1)
        die("setns", "%d", pid);
    bool done = setns(other, CLONE_NEWNET) == 0;
    if (done) {
        done = exchange(up_request(name), NULL, NULL);
        int error = errno;
        if (setns(own, CLONE_NEWNET) == -1)
            die("setns", "/proc/self/ns/net");
        errno = error;
    }
    if (done)
        narrate_note("%s", command);
    else if (errno != ESRCH)
        die("netlink", "%s", command);
    close(other);
    close(own);
    free(command);
}

static void wait_until_active(const char *name)
{
    struct timespec pause = {.tv_nsec = 1000000};
    struct link link;

    /* Poll: before Linux 6.8, the kernel updates the state some time later;
     * since Linux 6.8, it does so when it is asked for the state. */
    for (int i = 0; i < 200 && get_link(name, &link) && !link.active; i++)
        nanosleep(&pause, NULL);
}

void wait_for_bridge(const char *bridge, const char *port)
{
    wait_until_active(port);
    wait_until_active(bridge);
}

void delete_link(const char *name)
{
    struct rtnl_link *link = named(rtnl_link_alloc(), name);
    struct nl_msg *request = NULL;

    rtnl_link_build_delete_request(link, &request);
    rtnl_link_put(link);
    perform(request, xasprintf("ip link delete %s", name));
}

void add_address(const char *name, uint32_t address, int prefix)
{
    struct rtnl_addr *new = not_null(rtnl_addr_alloc());
    struct nl_addr *local = ipv4(address, prefix);
    struct nl_addr *broadcast = ipv4(address | (UINT32_MAX >> prefix), 32);
    struct nl_msg *request = NULL;

    rtnl_addr_set_ifindex(new, link_index(name));
    rtnl_addr_set_local(new, local);
    rtnl_addr_set_broadcast(new, broadcast);
    rtnl_addr_build_add_request(new, NLM_F_EXCL, &request);
    rtnl_addr_put(new);
    nl_addr_put(local);
    nl_addr_put(broadcast);
    perform(request, xasprintf("ip address add %s/%d dev %s",
                               address_text(address), prefix, name));
}

struct found {
    void (*call)(unsigned int index, uint32_t address, void *data);
    void *data;
};

static int read_address(struct nl_msg *message, void *data)
{
    struct nlmsghdr *header = nlmsg_hdr(message);
    const struct ifaddrmsg *info = nlmsg_data(header);
    const struct nlattr *local =
        nlmsg_find_attr(header, sizeof(*info), IFA_LOCAL);
    const struct found *found = data;

    if (local)
        found->call(info->ifa_index, ntohl(nla_get_u32(local)), found->data);
    return NL_OK;
}

void for_each_address(void (*call)(unsigned int index, uint32_t address,
                                   void *data),
                      void *data)
{
    struct found found = {.call = call, .data = data};

    dump_ipv4(RTM_GETADDR, sizeof(struct ifaddrmsg), read_address, &found);
}

void add_default_route(uint32_t gateway)
{
    struct rtnl_route *route = not_null(rtnl_route_alloc());
    struct rtnl_nexthop *hop = not_null(rtnl_route_nh_alloc());
    struct nl_addr *everywhere = ipv4(0, 0), *via = ipv4(gateway, 32);
    struct nl_msg *request = NULL;

    rtnl_route_nh_set_gateway(hop, via);
    rtnl_route_add_nexthop(route, hop);
    rtnl_route_set_dst(route, everywhere);
    rtnl_route_set_protocol(route, RTPROT_BOOT);
    rtnl_route_build_add_request(route, NLM_F_EXCL, &request);
    rtnl_route_put(route);
    nl_addr_put(everywhere);
    nl_addr_put(via);
    perform(request,
            xasprintf("ip route add default via %s", address_text(gateway)));
}

struct subnet {
    uint32_t address;
    int prefix;
    bool in_use;
};

static int compare_route(struct nl_msg *message, void *data)
{
    struct nlmsghdr *header = nlmsg_hdr(message);
    const struct rtmsg *route = nlmsg_data(header);
    const struct nlattr *destination =
        nlmsg_find_attr(header, sizeof(*route), RTA_DST);
    struct subnet *subnet = data;

    /* A prefix below 8 bits is a default route, or half of one as VPNs set. */
    if (!destination || route->rtm_dst_len < 8)
        return NL_OK;
    /* Two subnets overlap if they are equal in the shorter prefix. */
    int bits = route->rtm_dst_len < subnet->prefix ? route->rtm_dst_len
                                                   : subnet->prefix;
    uint32_t other = ntohl(nla_get_u32(destination));
    if ((other ^ subnet->address) >> (32 - bits) == 0)
        subnet->in_use = true;
    return NL_OK;
}

bool is_subnet_in_use(uint32_t address, int prefix)
{
    struct subnet subnet = {.address = address, .prefix = prefix};

    /* Compare the routes of all tables. The table local has the addresses of
     * the host. */
    dump_ipv4(RTM_GETROUTE, sizeof(struct rtmsg), compare_route, &subnet);
    return subnet.in_use;
}
