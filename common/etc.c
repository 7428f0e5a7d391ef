/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "etc.h"

#include "error.h"
#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct volume etc_files[] = {
    {.source = "/tmp/hosts", .target = "/etc/hosts"},
    {.source = "/tmp/hostname", .target = "/etc/hostname"},
    {.source = "/tmp/resolv.conf", .target = "/etc/resolv.conf"},
    {.target = NULL},
};

/* Returns whether LINE of resolv.conf names a server. *REACHABLE: whether a
 * container with its own network reaches that server. There, loopback is the
 * container itself, and IPv6 has no route. */
static bool is_nameserver(const char *line, bool *reachable)
{
    size_t word = strlen("nameserver");

    if (strncmp(line, "nameserver", word) != 0 || !isblank(line[word]))
        return false;
    line += word;
    line += strspn(line, " \t");
    *reachable = strncmp(line, "127.", 4) != 0 &&
                 !memchr(line, ':', strcspn(line, " \t\n"));
    return true;
}

/* Returns PATH's text without its unreachable servers; NULL if PATH is missing
 * or no server is left. Dies on other failures. */
static char *usable_servers(const char *path)
{
    char *text = read_file(path);
    char *to = text;
    bool usable = false, reachable;

    if (!text && errno != ENOENT)
        die("read", "%s", path);
    if (!text)
        return NULL;
    for (const char *line = text, *next; *line; line = next) {
        size_t length = strcspn(line, "\n");

        next = line + length + (line[length] == '\n');
        if (is_nameserver(line, &reachable)) {
            if (!reachable)
                continue;
            usable = true;
        }
        memmove(to, line, (size_t)(next - line));
        to += next - line;
    }
    *to = '\0';
    if (usable)
        return text;
    free(text);
    return NULL;
}

static char *resolv_conf_text(bool own_network)
{
    char *text = own_network ? usable_servers("/etc/resolv.conf")
                             : read_file("/etc/resolv.conf");

    if (!text && !own_network && errno != ENOENT)
        die("read", "/etc/resolv.conf");
    if (!text && !own_network)
        return xstrdup("");
    if (!text)
        text = usable_servers("/run/systemd/resolve/resolv.conf");
    if (!text)
        text = xstrdup("# No name server of the host can be reached from a "
                       "container.\n"
                       "nameserver 8.8.8.8\n"
                       "nameserver 8.8.4.4\n");
    return text;
}

void write_etc_files(const char *hostname, const char *address)
{
    char *texts[] = {
        xasprintf("127.0.0.1\tlocalhost\n"
                  "::1\tlocalhost ip6-localhost ip6-loopback\n"
                  "%s\t%s\n",
                  address, hostname),
        xasprintf("%s\n", hostname),
        resolv_conf_text(strncmp(address, "127.", 4) != 0),
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        write_file(etc_files[i].source, texts[i]);
        free(texts[i]);
    }
}

void replace_environment(const struct options *options)
{
    static const char *const variables[][2] = {
        {"PATH",
         "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        {"HOME", "/root"},
        {"ENV", "/etc/profile"},
    };
    char *term = isatty(STDIN_FILENO) ? getenv("TERM") : NULL;

    if (clearenv() != 0)
        die("clearenv", NULL);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        if (setenv(variables[i][0], variables[i][1], 1) == -1)
            die("setenv", "%s", variables[i][0]);
    if (setenv("HOSTNAME", options->hostname, 1) == -1 ||
        (term && setenv("TERM", term, 1) == -1))
        die("setenv", NULL);
    for (size_t i = 0; i < options->env_count; i++)
        if (putenv(options->env[i]) != 0)
            die("putenv", "%s", options->env[i]);
}
