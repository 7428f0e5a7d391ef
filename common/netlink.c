/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "netlink.h"

#include "error.h"
#include "files.h"
#include "narrate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The kernel's limit for a bridge. */
enum { MOST_PORTS = 1023 };

/* IF_OPER_UP of <linux/if.h>. With some C libraries, that header cannot be
 * included beside <net/if.h>. */
enum { OPERATIONAL = 6 };

/* Holds one request, then the answer to it. */
static char buffer[32768];

/* 0x02 in the first byte marks a locally administered address. */
static const unsigned char bridge_address[6] = {0x02, 'm', 'i', 'n', 'i', '0'};
static unsigned int sequence;

const char *address_text(uint32_t address)
{
    static char text[INET_ADDRSTRLEN];

    if (address == 0)
        return "127.0.1.1";
    snprintf(text, sizeof(text), "%u.%u.%u.%u", address >> 24,
             address >> 16 & 255, address >> 8 & 255, address & 255);
    return text;
}

/* Begins a request in the buffer. */
static struct nlmsghdr *new_request(int type, int flags)
{
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

    request->nlmsg_type = (uint16_t)type;
    request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    request->nlmsg_seq = ++sequence;
    return request;
}

/* Begins a request about the link NAME. */
static struct nlmsghdr *link_request(int type, int flags, const char *name)
{
    struct nlmsghdr *request = new_request(type, flags | NLM_F_ACK);
    struct ifinfomsg *info =
        mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));

    info->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(request, IFLA_IFNAME, name);
    return request;
}

/* Sends the request and passes each message of the answer to CALLBACK. Returns
 * -1 with errno if the kernel refuses the request. Opens a new socket each
 * time, because a socket belongs to the network namespace it was opened in. */
static int exchange(struct nlmsghdr *request, mnl_cb_t callback, void *data)
{
    struct mnl_socket *sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    int result = MNL_CB_OK;

    if (!sock || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) == -1)
        die("netlink");
    unsigned int port = mnl_socket_get_portid(sock);
    if (mnl_socket_sendto(sock, request, request->nlmsg_len) == -1)
        result = -1;
    while (result > MNL_CB_STOP) {
        ssize_t n = mnl_socket_recvfrom(sock, buffer, sizeof(buffer));
        result = n == -1 ? -1
                         : mnl_cb_run(buffer, (size_t)n, sequence, port,
                                      callback, data);
    }
    int error = errno;
    mnl_socket_close(sock);
    errno = error;
    return result;
}

/* Requests all addresses or routes. EINTR means that some changed during the
 * dump: repeat it. */
static int dump_ipv4(int type, size_t header_size, mnl_cb_t callback,
                     void *data)
{
    int result;

    do {
        struct nlmsghdr *request = new_request(type, NLM_F_DUMP);
        unsigned char *header =
            mnl_nlmsg_put_extra_header(request, header_size);

        header[0] = AF_INET;
        result = exchange(request, callback, data);
    } while (result == -1 && errno == EINTR);
    return result;
}

/* Sends the request, narrates it as COMMAND and frees COMMAND. */
static void perform(struct nlmsghdr *request, char *command)
{
    if (exchange(request, NULL, NULL) == -1)
        die("netlink %s", command);
    narrate_note("%s", command);
    free(command);
}

/* Returns the index of the link NAME. Dies if there is none. See
 * if_nametoindex(3). */
static unsigned int link_index(const char *name)
{
    unsigned int index = if_nametoindex(name);

    if (index == 0)
        die("netlink %s", name);
    return index;
}

static int read_link_attribute(const struct nlattr *attribute, void *data)
{
    struct link *link = data;

    switch (mnl_attr_get_type(attribute)) {
    case IFLA_ADDRESS:
        link->ours = memcmp(mnl_attr_get_payload(attribute), bridge_address,
                            sizeof(bridge_address)) == 0;
        break;
    case IFLA_OPERSTATE:
        link->active = mnl_attr_get_u8(attribute) == OPERATIONAL;
        break;
    case IFLA_LINK_NETNSID:
        link->has_peer = true;
        link->peer_namespace = (int)mnl_attr_get_u32(attribute);
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *message, void *data)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
    struct link *link = data;

    *link = (struct link){.index = (unsigned int)info->ifi_index,
                          .up = info->ifi_flags & IFF_UP};
    return mnl_attr_parse(message, sizeof(*info), read_link_attribute, link);
}

bool get_link(const char *name, struct link *link)
{
    if (exchange(link_request(RTM_GETLINK, 0, name), read_link, link) != -1)
        return true;
    if (errno != ENODEV)
        die("netlink get %s", name);
    return false;
}

bool leads_somewhere(const struct link *link)
{
    struct nlmsghdr *request = new_request(RTM_GETNSID, NLM_F_ACK);

    if (!link->has_peer)
        return true;
    mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
    mnl_attr_put_u32(request, NETNSA_NSID, (uint32_t)link->peer_namespace);
    if (exchange(request, NULL, NULL) != -1)
        return true;
    if (errno != ENOENT)
        die("netlink get namespace");
    return false;
}

struct ports {
    size_t count;
    struct link links[MOST_PORTS];
};

static int read_port(const struct nlmsghdr *message, void *data)
{
    struct ports *ports = data;

    if (ports->count == MOST_PORTS)
        return MNL_CB_OK;
    return read_link(message, &ports->links[ports->count++]);
}

bool has_live_port(const char *name, unsigned int except)
{
    static struct ports ports;
    unsigned int index = link_index(name);
    int result;

    do {
        struct nlmsghdr *request = new_request(RTM_GETLINK, NLM_F_DUMP);

        ports.count = 0;
        mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
        mnl_attr_put_u32(request, IFLA_MASTER, index);
        mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        result = exchange(request, read_port, &ports);
    } while (result == -1 && errno == EINTR); /* as in dump_ipv4() */
    if (result == -1)
        die("netlink get ports");
    for (size_t i = 0; i < ports.count; i++)
        if (ports.links[i].index != except && leads_somewhere(&ports.links[i]))
            return true;
    return false;
}

void add_bridge(const char *name)
{
    struct nlmsghdr *request =
        link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name);
    struct ifinfomsg *header = mnl_nlmsg_get_payload(request);

    /* Set an address: otherwise the bridge takes that of a port, and changes it
     * whenever a port comes or goes. */
    mnl_attr_put(request, IFLA_ADDRESS, sizeof(bridge_address), bridge_address);
    header->ifi_flags = header->ifi_change = IFF_UP;
    struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO);
    mnl_attr_put_strz(request, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(request, info);
    perform(request, xasprintf("ip link add %s up type bridge", name));
}

unsigned int add_veth(const char *master, const char *name, const char *peer,
                      pid_t pid)
{
    struct nlmsghdr *request =
        link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name);
    struct ifinfomsg *header = mnl_nlmsg_get_payload(request);

    header->ifi_flags = header->ifi_change = IFF_UP;
    mnl_attr_put_u32(request, IFLA_MASTER, link_index(master));
    struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO);
    mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
    struct nlattr *end = mnl_attr_nest_start(request, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(request, IFLA_IFNAME, peer);
    mnl_attr_put_u32(request, IFLA_NET_NS_PID, (uint32_t)pid);
    mnl_attr_nest_end(request, end);
    mnl_attr_nest_end(request, data);
    mnl_attr_nest_end(request, info);
    char *command =
        xasprintf("ip link add %s master %s up type veth peer name %s "
                  "netns %d",
                  name, master, peer, pid);
    if (exchange(request, NULL, NULL) != -1)
        narrate_note("%s", command);
    else if (errno != ESRCH) /* PID has ended; the container said why */
        die("netlink %s", command);
    free(command);
    return if_nametoindex(name);
}

void remove_from_bridge(const char *name)
{
    struct nlmsghdr *request = link_request(RTM_NEWLINK, 0, name);

    mnl_attr_put_u32(request, IFLA_MASTER, 0);
    if (exchange(request, NULL, NULL) != -1)
        narrate_note("ip link set %s nomaster", name);
    else if (errno != ENODEV)
        die("netlink ip link set %s nomaster", name);
}

static struct nlmsghdr *up_request(const char *name)
{
    struct nlmsghdr *request = link_request(RTM_NEWLINK, 0, name);
    struct ifinfomsg *header = mnl_nlmsg_get_payload(request);

    header->ifi_flags = header->ifi_change = IFF_UP;
    return request;
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
        die("setns %d", pid);
    int result = setns(other, CLONE_NEWNET);
    if (result == 0) {
        result = exchange(up_request(name), NULL, NULL);
        int error = errno;
        if (setns(own, CLONE_NEWNET) == -1)
            die("setns /proc/self/ns/net");
        errno = error;
    }
    if (result != -1)
        narrate_note("%s", command);
    else if (errno != ESRCH)
        die("netlink %s", command);
    close(other);
    close(own);
    free(command);
}

static void wait_until_active(const char *name)
{
    struct timespec pause = {.tv_nsec = 1000000};
    struct link link;

    /* Ask again and again: Linux 6.8 and later update the state when asked. */
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
    perform(link_request(RTM_DELLINK, 0, name),
            xasprintf("ip link delete %s", name));
}

void add_address(const char *name, uint32_t address, int prefix)
{
    struct nlmsghdr *request =
        new_request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    struct ifaddrmsg *header =
        mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
    uint32_t broadcast = address | (UINT32_MAX >> prefix);

    header->ifa_family = AF_INET;
    header->ifa_prefixlen = (uint8_t)prefix;
    header->ifa_index = link_index(name);
    mnl_attr_put_u32(request, IFA_LOCAL, htonl(address));
    mnl_attr_put_u32(request, IFA_ADDRESS, htonl(address));
    mnl_attr_put_u32(request, IFA_BROADCAST, htonl(broadcast));
    perform(request, xasprintf("ip address add %s/%d dev %s",
                               address_text(address), prefix, name));
}

struct found {
    void (*call)(unsigned int index, uint32_t address, void *data);
    void *data;
};

static int read_address_attribute(const struct nlattr *attribute, void *data)
{
    if (mnl_attr_get_type(attribute) == IFA_LOCAL)
        *(uint32_t *)data = ntohl(mnl_attr_get_u32(attribute));
    return MNL_CB_OK;
}

static int read_address(const struct nlmsghdr *message, void *data)
{
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    const struct found *found = data;
    uint32_t address = 0;

    mnl_attr_parse(message, sizeof(*header), read_address_attribute, &address);
    found->call(header->ifa_index, address, found->data);
    return MNL_CB_OK;
}

void for_each_address(void (*call)(unsigned int index, uint32_t address,
                                   void *data),
                      void *data)
{
    struct found found = {.call = call, .data = data};

    if (dump_ipv4(RTM_GETADDR, sizeof(struct ifaddrmsg), read_address,
                  &found) == -1)
        die("netlink addresses");
}

void add_default_route(uint32_t gateway)
{
    struct nlmsghdr *request =
        new_request(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    struct rtmsg *header =
        mnl_nlmsg_put_extra_header(request, sizeof(struct rtmsg));

    header->rtm_family = AF_INET;
    header->rtm_table = RT_TABLE_MAIN;
    header->rtm_protocol = RTPROT_BOOT;
    header->rtm_scope = RT_SCOPE_UNIVERSE;
    header->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(request, RTA_GATEWAY, htonl(gateway));
    perform(request,
            xasprintf("ip route add default via %s", address_text(gateway)));
}

struct subnet {
    uint32_t address;
    int prefix;
    int route_prefix; /* of the route that is being compared */
    bool in_use;
};

static int compare_destination(const struct nlattr *attribute, void *data)
{
    struct subnet *subnet = data;

    /* A prefix below 8 bits is a default route, or half of one as VPNs set. */
    if (mnl_attr_get_type(attribute) != RTA_DST || subnet->route_prefix < 8)
        return MNL_CB_OK;
    /* Two subnets overlap if they are equal in the shorter prefix. */
    int bits = subnet->route_prefix < subnet->prefix ? subnet->route_prefix
                                                     : subnet->prefix;
    uint32_t other = ntohl(mnl_attr_get_u32(attribute));
    if ((other ^ subnet->address) >> (32 - bits) == 0)
        subnet->in_use = true;
    return MNL_CB_OK;
}

static int compare_route(const struct nlmsghdr *message, void *data)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(message);
    struct subnet *subnet = data;

    subnet->route_prefix = route->rtm_dst_len;
    return mnl_attr_parse(message, sizeof(*route), compare_destination, data);
}

bool is_subnet_in_use(uint32_t address, int prefix)
{
    struct subnet subnet = {.address = address, .prefix = prefix};

    /* Compare the routes of all tables. The table local has the addresses of
     * the host. */
    if (dump_ipv4(RTM_GETROUTE, sizeof(struct rtmsg), compare_route, &subnet) ==
        -1)
        die("netlink routes");
    return subnet.in_use;
}
