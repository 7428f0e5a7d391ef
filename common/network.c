/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "network.h"

#include "error.h"
#include "files.h"
#include "lock.h"
#include "narrate.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char own_table[] = OURS;

struct first_address {
    unsigned int index; /* of the link */
    uint32_t address;   /* 0 until one is found */
};

static void keep_first(unsigned int index, uint32_t address, void *data)
{
    struct first_address *first = data;

    if (index == first->index && first->address == 0)
        first->address = address;
}

enum bridge_state find_network(const char *bridge, struct network *network)
{
    struct link link;

    network->state = BRIDGE_MISSING;
    if (!get_link(bridge, &link))
        return network->state;
    if (!link.ours)
        fail(EXIT_SETUP,
             "rename it: ip link set NAME name OTHER, or use --network none",
             "network: link %s exists and is not a bridge of ours", bridge);
    struct first_address first = {.index = link.index};
    for_each_address(keep_first, &first);
    network->subnet = first.address ? first.address - 1 : 0;
    network->state = has_live_port(bridge, network->port_index) ? BRIDGE_USED
                                                                : BRIDGE_UNUSED;
    return network->state;
}

void choose_address(struct network *network, int prefix)
{
    /* Leave out the subnet's, the bridge's and the broadcast address. */
    uint32_t count = (UINT32_MAX >> prefix) - 2;
    uint32_t first = (uint32_t)getpid() % count;

    if (network->subnet == 0)
        fail(EXIT_SETUP,
             "end the containers that use it, or use --network none",
             "network: the bridge has lost its address");
    /* Start at a different address in each run: other containers may still
     * cache the link address of an earlier owner. */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t host = 2 + (first + i) % count;
        snprintf(network->port, sizeof(network->port), "veth%u-%u",
                 host >> 8 & 255, host & 255);
        network->address = network->subnet + host;
        if (if_nametoindex(network->port) == 0)
            return;
    }
    fail(EXIT_SETUP, NULL, "network: no free address in the subnet");
}

void unplug_port(const struct network *network)
{
    struct link link;

    if (get_link(network->port, &link) && link.index == network->port_index &&
        leads_somewhere(&link))
        remove_from_bridge(network->port);
}

uint32_t choose_subnet(const char *const *subnets, int prefix)
{
    for (; *subnets; subnets++) {
        uint32_t subnet = ntohl(inet_addr(*subnets));
        if (!is_subnet_in_use(subnet, prefix))
            return subnet;
    }
    fail(EXIT_SETUP,
         "see ip route show table all and subnets[], or use --network none",
         "network: the host has routes into every subnet allowed");
}

/* Returns the value of a file below /proc/sys; -1 if this kernel lacks it. */
static int read_sysctl(const char *name)
{
    char *path = xasprintf("/proc/sys/%s", name), *text = read_file(path);
    int value = text ? (int)strtol(text, NULL, 10) : -1;

    if (!text && errno != ENOENT)
        die("sysctl", "%s", name);
    free(path);
    free(text);
    return value;
}

void write_sysctl(const char *name, int value)
{
    char *path = xasprintf("/proc/sys/%s", name);
    char *text = xasprintf("%d\n", value);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t written = fd == -1 ? -1 : write(fd, text, strlen(text));

    if (fd != -1)
        narrate_write(fd, path, text, written);
    if (written == -1 && errno != ENOENT)
        die("sysctl", "%s", name);
    if (fd != -1)
        close(fd);
    free(path);
    free(text);
}

/* Returns the path of the file that records links. Each network namespace has
 * its own: the name has the namespace's cookie, which the kernel never reuses.
 * Linux before 5.14 has no cookie, so one file serves all namespaces. */
static char *forwarding_file(void)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd == -1)
        die("socket", NULL);
    if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == -1)
        cookie = 0;
    close(fd);
    return xasprintf(RUN_DIRECTORY "/forwarding-%llu",
                     (unsigned long long)cookie);
}

/* Opens the file for appending, since a killed run may have left links in it.
 * Returns -1 if the file does not exist. Dies on other failures. */
static int open_forwarding_file(int flags)
{
    char *path = forwarding_file();
    int fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags,
                  S_IRUSR | S_IWUSR);

    if (fd == -1 && errno != ENOENT)
        die("open", "%s", path);
    free(path);
    return fd;
}

/* The file exists only if nft's rules are loaded. */
static void allow_forwarding(void)
{
    close(open_forwarding_file(O_CREAT));
}

void restore_forwarding(void)
{
    char *path = forwarding_file(), *text = read_file(path), *next;
    bool needed = text && *text && read_sysctl("net/ipv4/ip_forward") == 1;

    if (needed)
        narrate_note("ip_forward is 1 now: somebody else needs forwarding");
    for (char *link = text ? strtok_r(text, "\n", &next) : NULL;
         link && !needed; link = strtok_r(NULL, "\n", &next)) {
        char *name = xasprintf("net/ipv4/conf/%s/forwarding", link);
        write_sysctl(name, 0);
        free(name);
    }
    unlink(path);
    free(text);
    free(path);
}

/* In the child: executes nft, or exits. */
static _Noreturn void become_nft(int input, int output)
{
    if (dup2(input, STDIN_FILENO) != -1 && dup2(output, STDOUT_FILENO) != -1 &&
        dup2(output, STDERR_FILENO) != -1) {
        execlp("nft", "nft", "-f", "-", NULL);
        if (errno == ENOENT) /* PATH of su(1) without "-" lacks /usr/sbin */
            execl("/usr/sbin/nft", "nft", "-f", "-", NULL);
    }
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

/* Executes nft with RULES as its input. Returns its output, to be freed, and
 * its wait status in *STATUS. */
static char *run_nft(const char *rules, int *status)
{
    /* Use files in memory: writing to a pipe blocks if nobody reads. */
    int input = memfd_create("nft rules", MFD_CLOEXEC);
    int output = memfd_create("nft output", MFD_CLOEXEC);

    if (input == -1 || output == -1 ||
        write(input, rules, strlen(rules)) != (ssize_t)strlen(rules) ||
        lseek(input, 0, SEEK_SET) == -1)
        die("memfd_create", NULL);
    pid_t pid = fork();
    if (pid == -1)
        die("fork", NULL);
    if (pid == 0)
        become_nft(input, output);
    if (wait4(pid, status, 0, NULL) == -1) /* waitpid(2) is narrated */
        die("wait4", "nft");
    off_t size = lseek(output, 0, SEEK_END);
    char *text = xmalloc((size_t)size + 1);
    if (size == -1 || pread(output, text, (size_t)size, 0) != size)
        die("read", "nft's output");
    text[size] = '\0';
    close(input);
    close(output);
    return text;
}

/* Returns the line of nft's error message, from "Error: " on, or NULL. */
static char *nft_error(const char *output)
{
    const char *error = strstr(output, "Error: ");

    return error ? xasprintf("%.*s", (int)strcspn(error, "\n"), error) : NULL;
}

/* Returns the reason why nft failed, from nft_error() or from its output. */
static const char *reason_of(const char *error, const char *output)
{
    return error ? error : *output ? output : "it did not run to its end";
}

static bool succeeded(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Returns whether RULE refuses every packet: "counter packets 0 bytes 0 drop",
 * "reject with icmpx admin-prohibited". */
static bool refuses_all(const char *rule)
{
    unsigned long long packets, bytes;
    int length = 0;

    rule += strspn(rule, " \t");
    if (sscanf(rule, "counter packets %llu bytes %llu %n", &packets, &bytes,
               &length) == 2)
        rule += length;
    return strncmp(rule, "drop", 4) == 0 || strncmp(rule, "reject", 6) == 0;
}

/* A chain of the forward hook, which every forwarded packet passes. */
struct forward_chain {
    char table[80], name[64], last[256];
    bool open, drops;
};

static void report_chain(const struct forward_chain *chain, const char *bridge)
{
    const char *table = chain->table, *name = chain->name;
    bool refuses = refuses_all(chain->last);
    char *hint =
        xasprintf("nft insert rule %s %s iifname %s accept; nft insert rule %s "
                  "%s oifname %s accept",
                  table, name, bridge, table, name, bridge);

    if (strcmp(table, "inet firewalld") == 0) {
        free(hint);
        hint =
            xasprintf("firewall-cmd --zone=trusted --add-interface=%s", bridge);
    }
    if (chain->drops || refuses)
        warn(hint,
             "the host drops forwarded packets: chain %s of table %s has %s%s",
             name, table, chain->drops ? "the policy drop" : "the last rule ",
             chain->drops ? "" : chain->last + strspn(chain->last, " \t"));
    free(hint);
}

/* Reports the chains of one table that drop forwarded packets. RULES is the
 * output of "list table", here for a chain of Docker's:
 *   table ip filter {
 *       chain FORWARD {
 *           type filter hook forward priority filter; policy drop;
 *           (rules)
 *       } */
static void report_chains(char *rules, const char *bridge)
{
    struct forward_chain chain = {.open = false};
    char *next;

    for (char *line = strtok_r(rules, "\n", &next); line;
         line = strtok_r(NULL, "\n", &next)) {
        char family[16], name[64];

        if (sscanf(line, "table %15s %63s", family, name) == 2)
            snprintf(chain.table, sizeof(chain.table), "%s %s", family, name);
        sscanf(line, " chain %63s", chain.name);
        if (strstr(line, "hook forward")) {
            chain.open = true;
            chain.drops = strstr(line, "policy drop") != NULL;
            chain.last[0] = '\0';
        } else if (chain.open && strchr(line, '}') && !strchr(line, '{')) {
            report_chain(&chain, bridge);
            chain.open = false;
        } else {
            snprintf(chain.last, sizeof(chain.last), "%s", line);
        }
    }
}

/* The links on which to enable forwarding, and the nft(8) commands for them. */
struct opening {
    const char *bridge;
    char *links;  /* their names, each between two spaces */
    char *script; /* adds all but the bridge to the set "opened" */
};

static char *append(char *text, const char *more)
{
    char *all = xasprintf("%s%s", text, more);

    free(text);
    return all;
}

static void list_link(unsigned int index, uint32_t address, void *data)
{
    char link[IF_NAMESIZE];
    struct opening *o = data;

    if (address >> 24 == 127 || !if_indextoname(index, link))
        return;
    char *file = xasprintf("net/ipv4/conf/%s/forwarding", link);
    char *word = xasprintf(" %s ", link);
    char *line =
        xasprintf("add element ip %s opened { \"%s\" }\n", own_table, link);
    /* A link can have several addresses. */
    if (read_sysctl(file) == 0 && !strstr(o->links, word)) {
        o->links = append(o->links, word + 1);
        if (strcmp(link, o->bridge) != 0)
            o->script = append(o->script, line);
    }
    free(line);
    free(word);
    free(file);
}

/* Drop new connections from the links in SCRIPT to any link but the bridge:
 * this host did not route for the neighbours on these links before. */
static bool close_links(const char *script)
{
    int status;
    char *output = run_nft(script, &status), *error = nft_error(output);
    bool done = succeeded(status);

    if (done)
        narrate_note("new connections from @opened are dropped: nft -f -");
    else
        warn(NULL, "no forwarding: nft: %s", reason_of(error, output));
    free(output);
    free(error);
    return done;
}

void enable_forwarding(const char *bridge)
{
    int fd = open_forwarding_file(0);
    struct opening o = {bridge, xstrdup(" "), xstrdup("")};
    char *next;

    if (fd != -1 && read_sysctl("net/ipv4/ip_forward") == 0)
        for_each_address(list_link, &o);
    bool closed = !*o.script || close_links(o.script);
    for (char *link = strtok_r(o.links, " ", &next); link && closed;
         link = strtok_r(NULL, " ", &next)) {
        char *file = xasprintf("net/ipv4/conf/%s/forwarding", link);
        /* Record the link first: this process can be killed at any time. The
         * bridge's own setting is removed with the bridge. */
        if (strcmp(link, bridge) != 0 && dprintf(fd, "%s\n", link) < 0)
            die("write", "%s", RUN_DIRECTORY);
        write_sysctl(file, 1);
        free(file);
    }
    free(o.links);
    free(o.script);
    if (fd != -1)
        close(fd);
}

/* Lists the rules of each table that has a chain of the forward hook, and
 * reports the table unless its rules mention BRIDGE. CHAINS is the output of
 * "list chains". */
static void report_tables(char *chains, const char *bridge)
{
    char *next, *quoted = xasprintf("\"%s\"", bridge), family[16] = "",
                name[64] = "";
    char list[96] = "", done[96] = "";

    for (char *line = strtok_r(chains, "\n", &next); line;
         line = strtok_r(NULL, "\n", &next)) {
        int status;

        if (sscanf(line, "table %15s %63s", family, name) == 2)
            snprintf(list, sizeof(list), "list table %s %s\n", family, name);
        if (!strstr(line, "hook forward") || strcmp(list, done) == 0 ||
            strcmp(name, own_table) == 0 ||
            (strcmp(family, "ip") != 0 && strcmp(family, "inet") != 0))
            continue;
        snprintf(done, sizeof(done), "%s", list);
        char *text = run_nft(list, &status);
        if (!strstr(text, quoted))
            report_chains(text, bridge);
        free(text);
    }
    free(quoted);
}

/* Reports why nft failed, from its output and wait status. */
static void report_nft(const char *output, int status)
{
    char *error = nft_error(output);

    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_FOUND)
        warn("make setup stage7 installs nftables; until then, containers "
             "reach nothing beyond the host",
             "no NAT: nft: No such file or directory");
    else if (strstr(output, "File exists"))
        warn("see nft list table ip " OURS "; containers reach nothing beyond "
             "the host",
             "no NAT: table ip %s exists and is not ours", own_table);
    else
        warn("does this kernel have nf_tables? Containers reach nothing beyond "
             "the host",
             "no NAT: nft: %s", reason_of(error, output));
    free(error);
}

static void remove_table(const char *bridge)
{
    /* nft executes all lines or none: if the chain is missing, the table is
     * not ours and stays. */
    char *script = xasprintf("flush chain ip %s %s-nat\ndelete table ip %s\n",
                             own_table, bridge, own_table);
    int status;
    char *output = run_nft(script, &status), *error = nft_error(output);

    if (succeeded(status))
        narrate_note("nft -f - removes table ip %s", own_table);
    else if (!error || !strstr(error, "No such file or directory"))
        warn(NULL, "cannot remove table ip %s: nft: %s", own_table,
             reason_of(error, output));
    free(script);
    free(output);
    free(error);
}

void load_nft_rules(const char *bridge, const char *rules, ...)
{
    char *text;
    va_list args;
    int status = 0;

    va_start(args, rules);
    if (vasprintf(&text, rules, args) == -1)
        die("vasprintf", NULL);
    va_end(args);
    char *script =
        xasprintf("create table ip %s\n%slist chains\n", own_table, text);
    char *output = run_nft(script, &status);
    /* The table is left from a killed run, or is somebody else's. */
    if (!succeeded(status) && strstr(output, "File exists")) {
        remove_table(bridge);
        free(output);
        output = run_nft(script, &status);
    }
    if (succeeded(status)) {
        narrate_note("nft -f - loads the rules for %s", bridge);
        allow_forwarding();
        report_tables(output, bridge);
    } else {
        report_nft(output, status);
    }
    free(text);
    free(script);
    free(output);
}

void unload_nft_rules(const char *bridge)
{
    int fd = open_forwarding_file(0);

    if (fd == -1)
        return; /* no rules were loaded */
    close(fd);
    remove_table(bridge);
}
