/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "network.h"

#include "error.h"
#include "files.h"
#include "narrate.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* An address is claimed by binding a socket to a name that contains it. These
 * names are no files: they belong to the network namespace, and go with the
 * socket. See unix(7), "abstract". */
static const char claim[] = "mini-container ";
static int claimed = -1;

static int lock = -1;

void lock_network(void)
{
    if (lock != -1)
        return; /* a failure under the lock ends in here again, by exit(3) */
    lock = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (lock == -1 || flock(lock, LOCK_EX) == -1)
        die("flock /proc/self/ns/net");
}

void unlock_network(void)
{
    close(lock);
    lock = -1;
}

bool find_network(const char *bridge, struct network *network)
{
    char alias[256], text[32];
    bool up, ours;
    int rest = 0;

    if (!get_link(bridge, &up, &ours, alias, sizeof(alias)))
        return false;
    if (sscanf(alias, "mini-container %31s %n", text, &rest) == 1 && rest) {
        network->subnet = ntohl(inet_addr(text));
        snprintf(network->forwarding, sizeof(network->forwarding), "%.*s",
                 LONGEST_FORWARDING - 1, alias + rest);
        return true;
    }
    if (*alias || up || !ours)
        fail(EXIT_SETUP, "ip link set NAME name OTHER, or --network none",
             "network: link %s exists and is not ours", bridge);
    /* Killed before it could write: then nothing was changed yet. */
    save_forwarding(network);
    return true;
}

void mark_network(const char *bridge, const struct network *network)
{
    char *alias = xasprintf("mini-container %s %s",
                            address_text(network->subnet), network->forwarding);

    set_alias(bridge, alias);
    free(alias);
}

static bool try_claim(uint32_t address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "%s%s",
                          claim, address_text(address));

    if (bind(claimed, (struct sockaddr *)&name,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                         (size_t)length)) == 0)
        return true;
    if (errno != EADDRINUSE)
        die("bind");
    return false;
}

void claim_address(struct network *network, int prefix)
{
    /* Not the subnet's own address, the bridge's and the broadcast address. */
    uint32_t count = (UINT32_MAX >> prefix) - 2;
    uint32_t first = (uint32_t)getpid() % count;

    claimed = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (claimed == -1)
        die("socket");
    /* From a place that differs from run to run: the one who had an address
     * before may still be remembered by others under its link address. */
    for (uint32_t i = 0; i < count; i++) {
        network->address = network->subnet + 2 + (first + i) % count;
        if (try_claim(network->address))
            return;
    }
    fail(EXIT_SETUP, NULL, "network: no free address in the subnet");
}

bool is_network_used(void)
{
    char line[256];
    bool found = false;
    FILE *sockets = fopen("/proc/net/unix", "re");

    if (!sockets)
        die("open /proc/net/unix");
    while (!found && fgets(line, sizeof(line), sockets)) {
        const char *at = strchr(line, '@');
        found = at && strncmp(at + 1, claim, strlen(claim)) == 0;
    }
    fclose(sockets);
    return found;
}

bool release_address(void)
{
    close(claimed);
    claimed = -1;
    return is_network_used();
}

uint32_t choose_subnet(const char *const *subnets, int prefix)
{
    for (; *subnets; subnets++) {
        uint32_t subnet = ntohl(inet_addr(*subnets));
        if (!is_subnet_in_use(subnet, prefix))
            return subnet;
    }
    fail(EXIT_SETUP, "ip route shows them; --network none does without",
         "network: the host has routes into every subnet that could be used");
}

static int read_sysctl(const char *name)
{
    char *path = xasprintf("/proc/sys/%s", name), *text = read_file(path);
    int value = text ? (int)strtol(text, NULL, 10) : -1;

    if (!text && errno != ENOENT)
        die("sysctl %s", name);
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
        die("sysctl %s", name);
    if (fd != -1)
        close(fd);
    free(path);
    free(text);
}

/* The text is "1" if the host forwarded already. Otherwise "0", whether it
 * accepted redirects, and the links that forwarded on their own. */
void save_forwarding(struct network *network)
{
    size_t size = sizeof(network->forwarding), used;
    DIR *links;
    struct dirent *link;

    snprintf(network->forwarding, size, "1");
    if (read_sysctl("net/ipv4/ip_forward") == 1)
        return;
    used = (size_t)snprintf(network->forwarding, size, "0 %d",
                            read_sysctl("net/ipv4/conf/all/accept_redirects"));
    links = opendir("/proc/sys/net/ipv4/conf");
    while (links && (link = readdir(links)) && used < size) {
        char *name = xasprintf("net/ipv4/conf/%s/forwarding", link->d_name);
        if (link->d_name[0] != '.' && strcmp(link->d_name, "all") != 0 &&
            read_sysctl(name) == 1)
            used += (size_t)snprintf(network->forwarding + used, size - used,
                                     " %s", link->d_name);
        free(name);
    }
    if (links)
        closedir(links);
    if (used >= size)
        fail(EXIT_SETUP, "sysctl net.ipv4.ip_forward=1",
             "network: more links forward on their own than can be remembered");
}

void enable_forwarding(const struct network *network)
{
    if (network->forwarding[0] == '0')
        write_sysctl("net/ipv4/ip_forward", 1);
}

void restore_forwarding(const struct network *network)
{
    char *text = xstrdup(network->forwarding), *next;
    char *word = strtok_r(text, " ", &next);

    /* Where it is not on, it was never switched on, or is off again. */
    if (word && strcmp(word, "0") == 0 &&
        read_sysctl("net/ipv4/ip_forward") == 1) {
        write_sysctl("net/ipv4/ip_forward", 0);
        word = strtok_r(NULL, " ", &next);
        if (word)
            write_sysctl("net/ipv4/conf/all/accept_redirects", atoi(word));
        while (word && (word = strtok_r(NULL, " ", &next))) {
            char *name = xasprintf("net/ipv4/conf/%s/forwarding", word);
            write_sysctl(name, 1);
            free(name);
        }
    }
    free(text);
}

/* In the child: becomes nft. */
static _Noreturn void become_nft(int input, int output)
{
    if (dup2(input, STDIN_FILENO) != -1 && dup2(output, STDOUT_FILENO) != -1 &&
        dup2(output, STDERR_FILENO) != -1)
        execlp("nft", "nft", "-f", "-", NULL);
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

/* Executes nft with RULES as its input; returns what it printed, to be freed,
 * and its status as waitpid(2) has it. */
static char *run_nft(const char *rules, int *status)
{
    /* Files in memory: unlike a pipe, they do not mind if nobody reads them. */
    int input = memfd_create("nft rules", MFD_CLOEXEC);
    int output = memfd_create("nft output", MFD_CLOEXEC);

    if (input == -1 || output == -1 ||
        write(input, rules, strlen(rules)) != (ssize_t)strlen(rules) ||
        lseek(input, 0, SEEK_SET) == -1)
        die("memfd_create");
    pid_t pid = fork();
    if (pid == -1)
        die("fork");
    if (pid == 0)
        become_nft(input, output);
    if (waitpid(pid, status, 0) == -1)
        die("waitpid nft");
    off_t size = lseek(output, 0, SEEK_END);
    char *text = xmalloc((size_t)size + 1);
    if (size == -1 || pread(output, text, (size_t)size, 0) != size)
        die("read what nft printed");
    text[size] = '\0';
    close(input);
    close(output);
    return text;
}

/* "list chains" prints, for a chain that Docker made:
 *   table ip filter {
 *       chain FORWARD {
 *           type filter hook forward priority filter; policy drop; */
static void report_drop_policy(char *chains, const char *bridge)
{
    char *next, table[64] = "", chain[64] = "";

    for (char *line = strtok_r(chains, "\n", &next); line;
         line = strtok_r(NULL, "\n", &next)) {
        char family[16], name[64];
        int status;

        if (sscanf(line, "table %15s %63s", family, name) == 2)
            snprintf(table, sizeof(table), "%.10s %.50s", family, name);
        sscanf(line, " chain %63s", chain);
        if (!strstr(line, "hook forward") || !strstr(line, "policy drop") ||
            strncmp(table, "ip6", 3) == 0)
            continue;
        char *list = xasprintf("list chain %s %s\n", table, chain);
        char *rules = run_nft(list, &status);
        if (!strstr(rules, bridge))
            warn("the host drops what is forwarded: chain %s of table %s has "
                 "the policy drop\n  hint: nft insert rule %s %s iifname %s "
                 "accept; nft insert rule %s %s oifname %s accept",
                 chain, table, table, chain, bridge, table, chain, bridge);
        free(list);
        free(rules);
    }
}

void load_nft_rules(const char *bridge, const char *rules, ...)
{
    char *text;
    va_list args;
    int status = 0;

    va_start(args, rules);
    if (vasprintf(&text, rules, args) == -1)
        die("vasprintf");
    va_end(args);
    char *script = xasprintf("%slist chains\n", text);
    char *output = run_nft(script, &status);
    const char *error = strstr(output, "Error: "); /* behind what it lists */

    narrate_note("nft -f - loads the rules for %s", bridge);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        report_drop_policy(output, bridge);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_FOUND)
        warn("no NAT: nft: No such file or directory\n"
             "  hint: make setup stage7 installs nftables; until then, nothing "
             "beyond the host can be reached");
    else
        warn("no NAT: nft: %.*s\n  hint: is nf_tables in this kernel? Nothing "
             "beyond the host can be reached",
             error ? (int)strcspn(error, "\n") : 0, error ? error : "");
    free(text);
    free(script);
    free(output);
}

void unload_nft_rules(const char *table)
{
    /* To delete what does not exist is an error; to add what does is none. */
    char *rules = xasprintf("table ip %s\ndelete table ip %s\n", table, table);
    int status;

    free(run_nft(rules, &status));
    narrate_note("nft -f - removes table ip %s", table);
    free(rules);
}
