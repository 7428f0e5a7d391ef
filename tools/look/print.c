/* SPDX-License-Identifier: MIT
 *
 * Prints containers, processes and namespaces. See proc(5), cgroups(7).
 */
#define _GNU_SOURCE
#include "look.h"

#include "../../common/error.h"
#include "../../common/files.h"
#include "../../common/names.h"

#include <limits.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- limits and use ------------------------------------------------------- */

/* Returns the first number in FILE, or -1 if there is no file or no limit
 * ("max", or version 1's largest number of pages). */
static long long number_in(const char *directory, const char *file)
{
    char *text = read_in(directory, file), *end;
    const char *start = text ? text + strcspn(text, "0123456789-m") : "";
    long long number = strtoll(start, &end, 10);

    if (!text || (end == start || number > LLONG_MAX / 2))
        number = -1;
    free(text);
    return number;
}

/* Returns where the cgroup PATH of the hierarchy with CONTROLLERS ("": version
 * 2) is mounted, to be freed, or NULL. */
static char *mounted_cgroup(const char *controllers, const char *path)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    const char *type = *controllers ? "cgroup" : "cgroup2";
    char *found = NULL;

    if (!mounts)
        die("open", "/proc/self/mounts");
    for (struct mntent *m; !found && (m = getmntent(mounts));) {
        if (strcmp(m->mnt_type, type) != 0 ||
            (*controllers && !hasmntopt(m, controllers)))
            continue;
        found = xasprintf("%s%s", m->mnt_dir, path);
        if (access(found, F_OK) == 0)
            continue;
        free(found);
        found = NULL;
    }
    endmntent(mounts);
    return found;
}

static void print_size(long long bytes)
{
    if (bytes >= 1 << 20)
        printf("%.1f MiB", (double)bytes / (1 << 20));
    else
        printf("%lld KiB", bytes >> 10);
}

static void print_use(const char *directory, bool v1)
{
    long long memory =
        number_in(directory, v1 ? "memory.usage_in_bytes" : "memory.current");
    long long most =
        number_in(directory, v1 ? "memory.limit_in_bytes" : "memory.max");
    long long pids = number_in(directory, "pids.current");
    long long most_pids = number_in(directory, "pids.max");
    char *cpu = read_in(directory, v1 ? "cpu.cfs_quota_us" : "cpu.max");
    long long used = number_in(directory, v1 ? "cpuacct.usage" : "cpu.stat");
    long long quota = cpu && *cpu != 'm' ? strtoll(cpu, NULL, 10) : -1;

    if (memory >= 0) {
        printf("  memory      ");
        print_size(memory);
        printf(most < 0 ? ", no limit\n" : " of ");
        if (most >= 0) {
            print_size(most);
            printf("\n");
        }
    }
    if (pids >= 0 && most_pids >= 0)
        printf("  pids        %lld of %lld\n", pids, most_pids);
    else if (pids >= 0)
        printf("  pids        %lld, no limit\n", pids);
    if (cpu || used >= 0)
        printf("  cpu        ");
    if (used >= 0)
        printf(" %.2f s used%s", (double)used / (v1 ? 1e9 : 1e6),
               cpu ? "," : "");
    if (cpu && quota > 0)
        printf(" at most %.2f processors", (double)quota / 100000);
    else if (cpu)
        printf(" no limit");
    if (cpu || used >= 0)
        printf("\n");
    free(cpu);
}

/* A line of /proc/PID/cgroup is NUMBER:CONTROLLERS:PATH. */
void print_limits(pid_t pid)
{
    char *file = xasprintf("/proc/%d/cgroup", pid), *text = read_file(file);
    char *next;
    bool own = false;

    for (char *line = text ? strtok_r(text, "\n", &next) : NULL; line;
         line = strtok_r(NULL, "\n", &next)) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path || !strstr(path, "/" OURS "/"))
            continue;
        *path++ = '\0';
        char *directory = mounted_cgroup(controllers + 1, path);
        if (!directory)
            continue;
        own = true;
        printf("  cgroup      %s\n", directory);
        print_use(directory, controllers[1] != '\0');
        free(directory);
    }
    if (!own)
        printf("  cgroup      not a container's own\n");
    free(text);
    free(file);
}

/* --- addresses and mounts ------------------------------------------------- */

/* /proc/PID/net shows the network namespace of PID. In fib_trie, an address of
 * the namespace itself is the line before "host LOCAL". */
void print_addresses(pid_t pid)
{
    char *path = xasprintf("/proc/%d/net/fib_trie", pid);
    char *text = read_file(path), *next, first[32] = "", address[32] = "";

    printf("  addresses  ");
    if (!text)
        printf(" ?");
    for (char *line = text ? strtok_r(text, "\n", &next) : NULL; line;
         line = strtok_r(NULL, "\n", &next)) {
        const char *leaf = strstr(line, "|-- ");
        if (leaf)
            snprintf(address, sizeof(address), " %s", leaf + 4);
        if (!strstr(line, "host LOCAL") || strncmp(address, " 127.", 5) == 0)
            continue;
        /* The file has the addresses twice, in two tables. */
        if (*first && strcmp(first, address) == 0)
            break;
        if (!*first)
            snprintf(first, sizeof(first), "%s", address);
        printf("%s", address);
    }
    printf("%s\n", text && !*first ? " none but 127.0.0.1" : "");
    free(path);
    free(text);
}

/* A line of mountinfo: the directory ROOT of a file system of TYPE is mounted
 * at TARGET with OPTIONS. */
struct mount {
    char root[PATH_MAX], target[PATH_MAX], options[256], type[64];
};

static bool read_mount(const char *line, struct mount *mount)
{
    const char *rest = strstr(line, " - ");

    return rest &&
           sscanf(line, "%*d %*d %*s %4095s %4095s %255s", mount->root,
                  mount->target, mount->options) == 3 &&
           sscanf(rest, " - %63s", mount->type) == 1;
}

static void for_each_mount(pid_t pid,
                           void (*call)(const struct mount *mount, void *data),
                           void *data)
{
    char *path = xasprintf("/proc/%d/mountinfo", pid), *text = read_file(path);
    char *next;
    struct mount *mount = xmalloc(sizeof(*mount));

    for (char *line = text ? strtok_r(text, "\n", &next) : NULL; line;
         line = strtok_r(NULL, "\n", &next))
        if (read_mount(printable(line), mount))
            call(mount, data);
    free(mount);
    free(path);
    free(text);
}

struct root {
    int mounts;
    char *directory;
};

static void note_root(const struct mount *mount, void *data)
{
    struct root *root = data;

    root->mounts++;
    if (strcmp(mount->target, "/") == 0) {
        free(root->directory);
        root->directory = xasprintf("%s of a file system of type %s",
                                    mount->root, mount->type);
    }
}

static void print_root(pid_t pid)
{
    struct root root = {.directory = NULL};

    for_each_mount(pid, note_root, &root);
    if (root.directory)
        printf("  root        %s\n  mounts      %d\n", root.directory,
               root.mounts);
    else
        printf("  root        ?\n");
    free(root.directory);
}

static void print_mount(const struct mount *mount, void *data)
{
    (void)data;
    printf("    %-30s %-8s %s\n", mount->target, mount->type, mount->options);
}

void print_mounts(pid_t pid)
{
    for_each_mount(pid, print_mount, NULL);
}

/* --- processes ------------------------------------------------------------ */

static void print_command(const char *command, int room)
{
    printf("%.*s%s\n", room, command, (int)strlen(command) > room ? "..." : "");
}

static pid_t innermost(const struct process *process)
{
    return process->levels ? process->inside[process->levels - 1]
                           : process->pid;
}

/* Prints PROCESS and, below it, its children of the same container. */
static void print_tree(const struct machine *machine,
                       const struct process *process, int depth)
{
    printf("  %9d %9d  %*s", innermost(process), process->pid, 2 * depth, "");
    print_command(process->command, 50 - 2 * depth);
    for (struct process *p = machine->processes; p->pid && depth < 20; p++)
        if (p->parent == process->pid && p->container == process->container)
            print_tree(machine, p, depth + 1);
}

static void print_namespaces(const struct machine *machine,
                             const struct process *process)
{
    for (int i = 0; i < NAMESPACES; i++) {
        char *whose = owner(machine, process, i);
        if (process->namespaces[i])
            printf("  %-11s %-12s %s:[%lu]\n", namespace_names[i], whose,
                   namespace_names[i], process->namespaces[i]);
        free(whose);
    }
    if (process->namespaces[0] == 0)
        printf("  namespaces  cannot be read%s\n",
               geteuid() ? ": sudo build/look" : ", not even by root here");
}

/* One line for each owner: "own   pid uts", "the host's   user time". */
static void print_summary(const struct machine *machine,
                          const struct process *process)
{
    char *whose[NAMESPACES];
    bool done[NAMESPACES] = {false};

    for (int i = 0; i < NAMESPACES; i++)
        whose[i] = owner(machine, process, i);
    for (int i = 0; i < NAMESPACES; i++) {
        if (done[i])
            continue;
        printf("  %-11s", whose[i]);
        for (int j = i; j < NAMESPACES; j++)
            if (!done[j] && strcmp(whose[i], whose[j]) == 0) {
                printf(" %s", namespace_names[j]);
                done[j] = true;
            }
        printf(strcmp(whose[i], "?") == 0 ? "  (sudo build/look)\n" : "\n");
    }
    for (int i = 0; i < NAMESPACES; i++)
        free(whose[i]);
}

static void print_container(const struct machine *machine,
                            const struct container *container)
{
    const struct process *first = container->first;

    printf("%s: ", container->name);
    if (container->parent->stage)
        printf("stage %d, ", container->parent->stage);
    printf("parent %d, started as ", container->parent->pid);
    print_command(container->parent->command, 40);
    printf(" PID inside  PID here  command\n");
    print_tree(machine, first, 0);
    print_summary(machine, first);
    print_limits(first->pid);
    print_addresses(first->pid);
    print_root(first->pid);
}

void print_containers(const struct machine *machine)
{
    if (!machine->containers)
        printf("no container is running\n");
    for (struct container *c = machine->containers; c; c = c->next) {
        print_container(machine, c);
        if (c->next)
            printf("\n");
    }
}

bool print_process(const struct machine *machine, pid_t pid)
{
    const struct process *process = find_process(machine, pid);

    if (!process)
        return false;
    printf("%d: ", pid);
    print_command(process->command, 60);
    printf("  container   %s\n",
           process->container ? process->container->name : "none");
    printf("  PIDs       ");
    for (int i = 0; i < process->levels; i++)
        printf(" %d%s", process->inside[i],
               i == 0                     ? " here"
               : i == process->levels - 1 ? " inside"
                                          : "");
    printf("\n");
    print_namespaces(machine, process);
    print_limits(pid);
    print_addresses(pid);
    print_root(pid);
    print_mounts(pid);
    return true;
}

bool print_namespace(const struct machine *machine, const char *name)
{
    const char *bracket = strchr(name, ':');
    unsigned long number =
        bracket && bracket[1] == '[' ? strtoul(bracket + 2, NULL, 10) : 0;
    bool found = false;
    int kind = 0;

    while (kind < NAMESPACES && (strncmp(name, namespace_names[kind],
                                         (size_t)(bracket - name)) != 0 ||
                                 namespace_names[kind][bracket - name]))
        kind++;
    if (kind == NAMESPACES || number == 0)
        fail(EXIT_SETUP, "readlink /proc/self/ns/pid shows the form",
             "%s: expected KIND:[NUMBER]", name);
    for (struct process *p = machine->processes; p->pid; p++) {
        if (p->namespaces[kind] != number)
            continue;
        if (!found)
            printf("%s: %s\n", name,
                   number == machine->host[kind] ? "the host's"
                                                 : "not the host's");
        found = true;
        printf("  %9d  %-12s ", p->pid, p->container ? p->container->name : "");
        print_command(p->command, 50);
    }
    return found;
}
