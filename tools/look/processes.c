/* SPDX-License-Identifier: MIT
 *
 * Reads the processes of this machine from /proc and finds the containers among
 * them. See proc(5), namespaces(7).
 */
#define _GNU_SOURCE
#include "look.h"

#include "../../common/error.h"
#include "../../common/files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const namespace_names[NAMESPACES] = {
    "mnt", "pid", "uts", "ipc", "cgroup", "net", "user", "time"};

static char *read_of(pid_t pid, const char *file)
{
    char *path = xasprintf("/proc/%d/%s", pid, file);
    char *text = read_file(path);

    free(path);
    return text;
}

/* Returns the number in "pid:[4026531836]", to which the link leads, or 0. */
static unsigned long namespace_number(pid_t pid, const char *kind)
{
    char path[64], link[64];

    snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
    ssize_t length = readlink(path, link, sizeof(link) - 1);
    if (length == -1)
        return 0;
    link[length] = '\0';
    const char *bracket = strchr(link, '[');
    return bracket ? strtoul(bracket + 1, NULL, 10) : 0;
}

int stage_of(pid_t pid)
{
    char path[64], link[PATH_MAX];

    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    ssize_t length = readlink(path, link, sizeof(link) - 1);
    if (length == -1)
        return 0;
    link[length] = '\0';
    /* The link ends in " (deleted)" after a new build. */
    const char *name = strrchr(link, '/');
    int stage = 0, end = 0;
    if (name && sscanf(name, "/stage%2d%n", &stage, &end) == 1 &&
        (name[end] == '\0' || name[end] == ' '))
        return stage;
    return 0;
}

/* /proc/PID/exe of another user's process cannot be read. Then judge by the
 * first word, ./run or stageNN. The caller also requires a child one PID
 * namespace below. */
static bool may_be_ours(const struct process *parent)
{
    const char *end = strchrnul(parent->command, ' ');
    const char *name =
        memrchr(parent->command, '/', (size_t)(end - parent->command));
    int stage;

    name = name ? name + 1 : parent->command;
    return strncmp(name, "run ", 4) == 0 || strcmp(name, "run") == 0 ||
           sscanf(name, "stage%2d", &stage) == 1;
}

char *printable(char *text)
{
    /* U+0080 to U+009F are control characters too: 0xc2, then 0x80 to 0x9f. */
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (iscntrl(*c))
            *c = '?';
        else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
            c[0] = c[1] = '?';
    return text;
}

char *command_of(pid_t pid)
{
    char *path = xasprintf("/proc/%d/cmdline", pid), text[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd != -1)
        close(fd);
    free(path);
    if (size > 0) {
        /* Each word ends with a NUL byte. */
        for (ssize_t i = 0; i < size; i++)
            if (text[i] == '\0')
                text[i] = ' ';
        while (size > 1 && text[size - 1] == ' ')
            size--;
        text[size] = '\0';
        return printable(xstrdup(text));
    }
    char *name = read_of(pid, "comm");
    char *command =
        xasprintf("[%.*s]", name ? (int)strcspn(name, "\n") : 0, name);
    free(name);
    return printable(command);
}

/* Fills in PROCESS. Returns false if the process has ended. */
static bool read_process(pid_t pid, struct process *process)
{
    char *status = read_of(pid, "status");
    const char *line = status ? strstr(status, "\nPPid:") : NULL;

    if (!line) {
        free(status);
        return false;
    }
    *process = (struct process){.pid = pid,
                                .parent = (pid_t)strtol(line + 6, NULL, 10),
                                .stage = stage_of(pid),
                                .command = command_of(pid)};
    line = strstr(status, "\nNSpid:");
    for (const char *at = line ? line + 7 : ""; *at == '\t';) {
        char *end;
        pid_t inside = (pid_t)strtol(at, &end, 10);
        if (process->levels < MOST_LEVELS)
            process->inside[process->levels++] = inside;
        at = end;
    }
    for (int i = 0; i < NAMESPACES; i++)
        process->namespaces[i] = namespace_number(pid, namespace_names[i]);
    free(status);
    return true;
}

static int by_pid(const void *a, const void *b)
{
    pid_t one = ((const struct process *)a)->pid;
    pid_t two = ((const struct process *)b)->pid;

    return (one > two) - (one < two);
}

static void read_processes(struct machine *machine)
{
    size_t count = 0, room = 256;
    struct process *all = xmalloc(room * sizeof(*all));
    DIR *proc = opendir("/proc");

    if (!proc)
        die("open", "/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && read_process(pid, &all[count]))
            count++;
        if (count + 1 == room)
            all = xrealloc(all, (room *= 2) * sizeof(*all));
    }
    closedir(proc);
    qsort(all, count, sizeof(*all), by_pid);
    all[count].pid = 0;
    machine->processes = all;
    machine->count = count;
}

struct process *find_process(const struct machine *machine, pid_t pid)
{
    struct process key = {.pid = pid};

    return bsearch(&key, machine->processes, machine->count, sizeof(key),
                   by_pid);
}

struct container *find_container(const struct machine *machine,
                                 const struct process *first)
{
    struct container *container = machine->containers;

    while (container && container->first != first)
        container = container->next;
    return container;
}

/* Returns whether PROCESS is the first of a container, and PARENT its parent.
 * From stage 3 on, it is PID 1 of a PID namespace below its parent's; the
 * parent's other children are not, such as nft(8). */
static bool is_first(const struct process *process,
                     const struct process *parent)
{
    bool deeper = process->levels == parent->levels + 1 &&
                  process->inside[process->levels - 1] == 1;

    if (parent->stage == 1 || parent->stage == 2)
        return true;
    return deeper && (parent->stage >= 3 ||
                      (process->namespaces[0] == 0 && may_be_ours(parent)));
}

/* Returns the hostname in the UTS namespace of PID, to be freed, or NULL. Only
 * root can enter that namespace; name_of() names the container otherwise. */
static char *hostname_of(pid_t pid)
{
    char name[65] = "", *path = xasprintf("/proc/%d/ns/uts", pid);
    int own = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    int other = open(path, O_RDONLY | O_CLOEXEC);

    if (own != -1 && other != -1 && setns(other, CLONE_NEWUTS) == 0) {
        if (gethostname(name, sizeof(name) - 1) == -1)
            *name = '\0';
        if (setns(own, CLONE_NEWUTS) == -1)
            die("setns", "/proc/self/ns/uts");
    }
    close(own);
    close(other);
    free(path);
    return *name ? printable(xstrdup(name)) : NULL;
}

static char *name_of(const struct machine *machine, const struct process *first,
                     const struct process *parent)
{
    int uts = 2;
    char *name = NULL;

    if (first->namespaces[uts] != machine->host[uts])
        name = hostname_of(first->pid);
    if (name)
        return name;
    return parent->stage ? xasprintf("stage%02d", parent->stage)
                         : xstrdup("container");
}

static void add_pid(struct container *container)
{
    char *name = container->name;

    container->name = xasprintf("%s-%d", name, container->first->pid);
    free(name);
}

/* Adds the PID of the first process to each name that two containers share. */
static void make_unique(struct machine *machine)
{
    for (struct container *c = machine->containers; c; c = c->next) {
        bool twice = false;
        for (struct container *d = c->next; d; d = d->next)
            if (strcmp(c->name, d->name) == 0) {
                add_pid(d);
                twice = true;
            }
        if (twice)
            add_pid(c);
    }
}

/* A process belongs to the container whose first process is the process itself
 * or its nearest ancestor. Without one, as with nsenter(1), it belongs to the
 * container whose PID namespace it is in. */
static void assign(struct machine *machine, struct process *process)
{
    enum { PID = 1 };
    struct process *above = process;

    while (!process->container && above) {
        process->container = find_container(machine, above);
        above = find_process(machine, above->parent);
    }
    for (struct container *c = machine->containers;
         c && !process->container && process->namespaces[PID]; c = c->next)
        if (process->namespaces[PID] == c->first->namespaces[PID] &&
            c->first->namespaces[PID] != machine->host[PID])
            process->container = c;
}

struct machine *read_machine(void)
{
    struct machine *machine = xmalloc(sizeof(*machine));
    struct container **end = &machine->containers;

    *machine = (struct machine){.count = 0};
    read_processes(machine);
    for (int i = 0; i < NAMESPACES; i++)
        machine->host[i] = namespace_number(getpid(), namespace_names[i]);
    for (struct process *p = machine->processes; p->pid; p++) {
        struct process *parent = find_process(machine, p->parent);
        if (!parent || !is_first(p, parent))
            continue;
        *end = xmalloc(sizeof(**end));
        **end = (struct container){
            .first = p, .parent = parent, .name = name_of(machine, p, parent)};
        end = &(*end)->next;
    }
    make_unique(machine);
    for (struct process *p = machine->processes; p->pid; p++)
        assign(machine, p);
    return machine;
}

void free_machine(struct machine *machine)
{
    for (struct container *c = machine->containers, *next; c; c = next) {
        next = c->next;
        free(c->name);
        free(c);
    }
    for (struct process *p = machine->processes; p->pid; p++)
        free(p->command);
    free(machine->processes);
    free(machine);
}

/* The container whose first process has the lowest PID names the namespace. */
char *owner(const struct machine *machine, const struct process *process,
            int kind)
{
    unsigned long number = process->namespaces[kind];

    if (number == 0)
        return xstrdup("?");
    if (number == machine->host[kind])
        return xstrdup("the host's");
    for (struct container *c = machine->containers; c; c = c->next)
        if (c->first->namespaces[kind] == number)
            return c == process->container ? xstrdup("own")
                                           : xasprintf("%s's", c->name);
    return xstrdup(process->container ? "own" : "another");
}
