/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "options.h"

#include "error.h"
#include "files.h"
#include "narrate.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HELP_HINT "the options of this stage: ./run --help"

enum { LONGEST_HOSTNAME = 64 }; /* __NEW_UTS_LEN of the kernel */

static void set_quiet(struct options *options, const char *value);
static void set_verbose(struct options *options, const char *value);
static void set_help(struct options *options, const char *value);
static void set_hostname(struct options *options, const char *value);
static void set_rootfs(struct options *options, const char *value);
static void add_volume(struct options *options, const char *value);
static void add_env(struct options *options, const char *value);
static void set_workdir(struct options *options, const char *value);
static void set_read_only(struct options *options, const char *value);
static void set_chroot(struct options *options, const char *value);
static void set_memory(struct options *options, const char *value);
static void set_pids_limit(struct options *options, const char *value);
static void set_cpus(struct options *options, const char *value);
static void set_network(struct options *options, const char *value);

/* Every option of the seven stages; .set is NULL where it is not built yet. */
static const struct option_row {
    int stage; /* the first that has it */
    char letter;
    const char *name;
    const char *value; /* what --help calls its value; NULL: it has none */
    void (*set)(struct options *options, const char *value);
    const char *help;
} table[] = {
    {1, 'q', "quiet", NULL, set_quiet, "no narration"},
    {1, 'V', "verbose", NULL, set_verbose, "narration of all that is done"},
    {1, 'h', "help", NULL, set_help, "this text"},
    {4, 0, "hostname", "NAME", set_hostname,
     "the container's hostname (container)"},
    {5, 0, "rootfs", "DIR", set_rootfs,
     "its root directory (built by make rootfs)"},
    {5, 'v', "volume", "SRC:DST[:ro]", add_volume,
     "show SRC of the host as DST; repeatable"},
    {5, 'e', "env", "K=V", add_env, "set a variable of COMMAND; repeatable"},
    {5, 'w', "workdir", "DIR", set_workdir, "start COMMAND in DIR (/)"},
    {5, 0, "read-only", NULL, set_read_only, "make the root read-only"},
    {5, 0, "chroot", NULL, set_chroot, "use chroot(2), to show the escape"},
    {6, 'm', "memory", "SIZE", set_memory, "limit memory: bytes, 64M, 1G"},
    {6, 0, "pids-limit", "N", set_pids_limit, "limit the number of processes"},
    {6, 0, "cpus", "X", set_cpus, "limit processor time: 0.5 is half a CPU"},
    {7, 0, "network", "bridge|none|host", set_network, "the network (bridge)"},
};

enum { OPTIONS = sizeof(table) / sizeof(table[0]) };

static int current_stage;

static void set_quiet(struct options *options, const char *value)
{
    (void)options, (void)value;
    narration = NARRATE_NOTHING;
}

static void set_verbose(struct options *options, const char *value)
{
    (void)options, (void)value;
    narration = NARRATE_ALL;
}

static void set_help(struct options *options, const char *value)
{
    (void)options, (void)value;
    printf("usage: ./run [OPTION]... [--] [COMMAND [ARG]...]\n"
           "Runs COMMAND (/bin/sh) in the container of stage %d.\n\n",
           current_stage);
    for (const struct option_row *row = table; row < table + OPTIONS; row++) {
        char name[40];

        if (row->stage > current_stage)
            continue;
        snprintf(name, sizeof(name), "--%s%s%s", row->name,
                 row->value ? " " : "", row->value ? row->value : "");
        printf("  %c%c%c %-24s %s\n", row->letter ? '-' : ' ',
               row->letter ? row->letter : ' ', row->letter ? ',' : ' ', name,
               row->help);
    }
    printf("\nExit status: COMMAND's; 128+N if signal N killed it; 125 if the "
           "container\ncould not be set up; 126 if COMMAND cannot be executed; "
           "127 if it is not found.\n");
    exit(ferror(stdout) || fclose(stdout) != 0 ? EXIT_SETUP : 0);
}

static void set_hostname(struct options *options, const char *value)
{
    size_t length = strlen(value);

    if (length < 1 || length > LONGEST_HOSTNAME)
        fail(EXIT_SETUP, "the kernel allows 1 to 64 characters",
             "--hostname: a name of %zu characters", length);
    for (const char *c = value; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
            fail(EXIT_SETUP, "letters, digits, '-', '.' and '_' are allowed",
                 "--hostname %s: not a host name", value);
    options->hostname = value;
}

static void set_rootfs(struct options *options, const char *value)
{
    options->rootfs = value;
}

static void set_workdir(struct options *options, const char *value)
{
    if (value[0] != '/')
        fail(EXIT_SETUP, "a path in the container begins with /",
             "--workdir %s: not an absolute path", value);
    options->workdir = value;
}

static void set_read_only(struct options *options, const char *value)
{
    (void)value;
    options->read_only = true;
}

static void set_chroot(struct options *options, const char *value)
{
    (void)value;
    options->chroot = true;
}

static void add_volume(struct options *options, const char *value)
{
    const char *usage = "--volume SRC:DST or SRC:DST:ro; DST begins with /";
    char *source = xstrdup(value), *target, *mode = NULL;

    if ((target = strchr(source, ':'))) {
        *target++ = '\0';
        if ((mode = strchr(target, ':')))
            *mode++ = '\0';
    }
    if (!target || !source[0] || target[0] != '/')
        fail(EXIT_SETUP, usage, "--volume %s: not a source and a target",
             value);
    if (target[strspn(target, "/.")] == '\0')
        fail(EXIT_SETUP, "--rootfs DIR changes the root",
             "--volume %s: the root cannot be a volume", value);
    if (strstr(target, "/../") || strcmp(strrchr(target, '/'), "/..") == 0)
        fail(EXIT_SETUP, usage, "--volume %s: a target with ..", value);
    if (mode && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)
        fail(EXIT_SETUP, usage, "--volume %s: unknown mode '%s'", value, mode);
    struct volume volume = {.source = source, .target = target, .tree = -1};
    volume.read_only = mode && strcmp(mode, "ro") == 0;

    size_t size = (options->volume_count + 2) * sizeof(volume);
    options->volumes =
        xrealloc(options->volume_count ? options->volumes : NULL, size);
    options->volumes[options->volume_count++] = volume;
    options->volumes[options->volume_count] = (struct volume){.target = NULL};
}

static void add_env(struct options *options, const char *value)
{
    if (!value[0] || value[0] == '=')
        fail(EXIT_SETUP, "--env NAME=VALUE", "--env %s: a variable has a name",
             value);
    /* As docker run has it: --env NAME passes the caller's value on. */
    const char *caller = strchr(value, '=') ? NULL : getenv(value);
    if (!strchr(value, '=') && !caller)
        return;
    size_t size = (options->env_count + 1) * sizeof(*options->env);
    options->env = xrealloc(options->env, size);
    options->env[options->env_count++] =
        caller ? xasprintf("%s=%s", value, caller) : xstrdup(value);
}

/* Docker's smallest: less does not suffice for a container's own start. */
enum { SMALLEST_MEMORY = 6 << 20 };

static void set_memory(struct options *options, const char *value)
{
    static const char units[] = "bkmgt";
    const char *unit = "b";
    char *end;

    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (*end)
        unit = strchr(units, tolower((unsigned char)*end));
    if (!isdigit((unsigned char)value[0]) || !unit || (*end && end[1]))
        fail(EXIT_SETUP, "bytes, or a number with K, M or G: 64M",
             "--memory '%s': not a size", value);
    int shift = 10 * (int)(unit - (*end ? units : unit));
    if (errno == ERANGE || number > (unsigned long long)LLONG_MAX >> shift)
        fail(EXIT_SETUP, NULL, "--memory %s: too large", value);
    number <<= shift;
    if (number < SMALLEST_MEMORY)
        fail(EXIT_SETUP, "a container needs some to start: 6M or more",
             "--memory %s: too small", value);
    options->memory = (long long)number;
    options->memory_text = value;
}

static void set_pids_limit(struct options *options, const char *value)
{
    char *end;

    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end || number == 0)
        fail(EXIT_SETUP, "a number of processes, 1 or more",
             "--pids-limit '%s': not a number of processes", value);
    if (errno == ERANGE || number > INT_MAX)
        fail(EXIT_SETUP, NULL, "--pids-limit %s: too large", value);
    options->pids_limit = (long long)number;
}

static void set_cpus(struct options *options, const char *value)
{
    long available = sysconf(_SC_NPROCESSORS_ONLN);
    char *end;
    double number = strtod(value, &end);

    /* strtod also reads "nan", "inf" and "0x1p3": none of them a number here.
     */
    if (value[strspn(value, "0123456789.")] || !*value || *end)
        fail(EXIT_SETUP, "a number of processors: 2, 0.5",
             "--cpus '%s': not a number of processors", value);
    if (number < 0.01 || number > (double)available)
        fail(EXIT_SETUP, NULL, "--cpus %s: not between 0.01 and %ld", value,
             available);
    options->cpu_quota = (long long)(number * 100000 + 0.5);
}

static void set_network(struct options *options, const char *value)
{
    static const char *const modes[] = {[NETWORK_BRIDGE] = "bridge",
                                        [NETWORK_NONE] = "none",
                                        [NETWORK_HOST] = "host"};

    for (int mode = NETWORK_BRIDGE; mode <= NETWORK_HOST; mode++)
        if (strcmp(value, modes[mode]) == 0) {
            options->network = (enum network_mode)mode;
            return;
        }
    fail(EXIT_SETUP, "bridge, none or host", "--network '%s': unknown network",
         value);
}

long long option_number(const struct options *options, const char *controller)
{
    if (strcmp(controller, "memory") == 0)
        return options->memory;
    if (strcmp(controller, "pids") == 0)
        return options->pids_limit;
    return strcmp(controller, "cpu") == 0 ? options->cpu_quota : 0;
}

/* The root file system that make rootfs built lies beside the program, below a
 * directory that only its owner and root enter: a set-uid file that root made
 * in the container would serve every user of the host. */
static const char *default_rootfs(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (length == -1)
        die("readlink /proc/self/exe");
    path[length] = '\0';
    *strrchr(path, '/') = '\0';
    return xasprintf("%s/private/rootfs", path);
}

static void check_rootfs(struct options *options)
{
    const char *hint = NULL;
    struct stat st;

    if (!options->rootfs) {
        options->rootfs = default_rootfs();
        hint = "build it first: make rootfs";
    }
    if (stat(options->rootfs, &st) == -1 && errno == EACCES && hint)
        return; /* clone(2) will say that it takes root */
    if (stat(options->rootfs, &st) == -1)
        fail(EXIT_SETUP, hint, "rootfs %s: %s", options->rootfs,
             strerror(errno));
    if (!S_ISDIR(st.st_mode))
        fail(EXIT_SETUP, "--rootfs takes a directory: unpack an image first",
             "rootfs %s: Not a directory", options->rootfs);
    /* A relative path could stop below the mount that is made on it: "." does.
     */
    char path[PATH_MAX];
    if (!realpath(options->rootfs, path))
        die("realpath %s", options->rootfs);
    options->rootfs = xstrdup(path);
}

/* getopt_long's answer for an option that it does not know. */
static _Noreturn void refuse(int argc, char *argv[], int letter)
{
    /* A word may hold several letters; then optind has not moved past it. */
    const char *word = argv[optind > 1 ? optind - 1 : 1];

    if (letter > UCHAR_MAX)
        fail(EXIT_SETUP, HELP_HINT, "option %s takes no value", word);
    if (letter)
        fail(EXIT_SETUP, HELP_HINT, "unknown option -%c", letter);
    if (optind > argc)
        word = argv[argc - 1];
    fail(EXIT_SETUP, HELP_HINT, "unknown option %s", word);
}

/* The option for which getopt_long(3) returned FOUND: its letter, or a number
 * that is no character. NULL if there is none. */
static const struct option_row *find_row(int found)
{
    for (int index = 0; index < OPTIONS; index++)
        if (found == UCHAR_MAX + 1 + index || found == table[index].letter)
            return &table[index];
    return NULL;
}

struct options parse_options(int stage, int argc, char *argv[])
{
    static char *shell[] = {"/bin/sh", NULL};
    static struct volume none;
    struct options options = {.hostname = "container", .volumes = &none};
    struct option words[OPTIONS + 1] = {{0}};
    char letters[2 + 2 * OPTIONS + 1] = "+:"; /* stop at the first word */
    char *end = letters + strlen(letters);
    int found;

    current_stage = stage;
    snprintf(program_name, sizeof(program_name), "stage%02d", stage);
    for (int index = 0; index < OPTIONS; index++) {
        const struct option_row *row = &table[index];

        words[index] = (struct option){
            row->name, row->value ? required_argument : no_argument, NULL,
            UCHAR_MAX + 1 + index};
        if (row->letter)
            end += sprintf(end, "%c%s", row->letter, row->value ? ":" : "");
    }
    opterr = 0;
    while ((found = getopt_long(argc, argv, letters, words, NULL)) != -1) {
        const struct option_row *row = find_row(found == ':' ? optopt : found);

        if (row && row->stage > stage)
            fail(EXIT_SETUP, NULL, "--%s arrives in stage %d (make stage%d)",
                 row->name, row->stage, row->stage);
        if (found == ':')
            fail(EXIT_SETUP, HELP_HINT, "option %s needs a value",
                 argv[argc - 1]); /* the last word, or it would have one */
        if (!row)
            refuse(argc, argv, optopt);
        row->set(&options, optarg);
    }
    options.command = optind < argc ? argv + optind : shell;
    if (stage >= 5)
        check_rootfs(&options);
    return options;
}
