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

/* All options of all stages. */
static const struct option_row {
    int stage; /* the first stage that has the option */
    char letter;
    const char *name;
    const char *value; /* the name of its value in --help; NULL: no value */
    void (*set)(struct options *options, const char *value);
    const char *help;
} table[] = {
    {1, 'q', "quiet", NULL, set_quiet, "narrate nothing"},
    {1, 'V', "verbose", NULL, set_verbose, "narrate every call in full"},
    {1, 'h', "help", NULL, set_help, "print this help"},
    {4, 0, "hostname", "NAME", set_hostname,
     "set the hostname (default: container)"},
    {5, 0, "rootfs", "DIR", set_rootfs,
     "set the root (default: built by make rootfs)"},
    {5, 'v', "volume", "SRC:DST[:ro]", add_volume,
     "mount SRC of the host at DST; repeatable"},
    {5, 'e', "env", "K=V", add_env, "set a variable of COMMAND; repeatable"},
    {5, 'w', "workdir", "DIR", set_workdir,
     "start COMMAND in DIR (default: /)"},
    {5, 0, "read-only", NULL, set_read_only, "make the root read-only"},
    {5, 0, "chroot", NULL, set_chroot, "use chroot(2), to show the escape"},
    {6, 'm', "memory", "SIZE", set_memory, "limit memory: 64M, 1G, bytes"},
    {6, 0, "pids-limit", "N", set_pids_limit, "limit the number of processes"},
    {6, 0, "cpus", "X", set_cpus, "limit processor time: 0.5 is half a CPU"},
    {7, 0, "network", "bridge|none|host", set_network,
     "choose the network (default: bridge)"},
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
        fail(EXIT_SETUP, NULL,
             "--hostname: expected 1 to %d characters, not %zu",
             LONGEST_HOSTNAME, length);
    for (const char *c = value; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
            fail(EXIT_SETUP, NULL,
                 "--hostname %s: expected letters, digits, '-', '.' and '_'",
                 value);
    options->hostname = value;
}

static void set_rootfs(struct options *options, const char *value)
{
    options->rootfs = value;
}

static void set_workdir(struct options *options, const char *value)
{
    if (value[0] != '/')
        fail(EXIT_SETUP, NULL,
             "--workdir %s: expected a path that begins with /", value);
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
    char *source = xstrdup(value), *target, *mode = NULL;

    if ((target = strchr(source, ':'))) {
        *target++ = '\0';
        if ((mode = strchr(target, ':')))
            *mode++ = '\0';
    }
    if (!target || !source[0] || target[0] != '/')
        fail(EXIT_SETUP, "DST is an absolute path in the container",
             "--volume %s: expected SRC:DST[:ro]", value);
    if (target[strspn(target, "/.")] == '\0')
        fail(EXIT_SETUP, "--rootfs DIR replaces the root directory",
             "--volume %s: DST must not be the root directory", value);
    if (strstr(target, "/../") || strcmp(strrchr(target, '/'), "/..") == 0)
        fail(EXIT_SETUP, NULL, "--volume %s: DST must not contain ..", value);
    if (mode && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)
        fail(EXIT_SETUP, NULL, "--volume %s: expected mode ro or rw, not '%s'",
             value, mode);
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
        fail(EXIT_SETUP, NULL, "--env %s: expected NAME=VALUE or NAME", value);
    /* As in docker run, --env NAME passes the caller's value on. */
    const char *caller = strchr(value, '=') ? NULL : getenv(value);
    if (!strchr(value, '=') && !caller)
        return;
    size_t size = (options->env_count + 1) * sizeof(*options->env);
    options->env = xrealloc(options->env, size);
    options->env[options->env_count++] =
        caller ? xasprintf("%s=%s", value, caller) : xstrdup(value);
}

/* Docker's minimum: it leaves room for what starting a container needs. */
enum { SMALLEST_MEMORY = 6 << 20 };

/* PID_MAX_LIMIT of a 64-bit kernel, the most that pids.max accepts. */
enum { MOST_PIDS = 1 << 22 };

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
        fail(EXIT_SETUP, NULL,
             "--memory %s: expected a size such as 64M, 1G or 67108864", value);
    int shift = 10 * (int)(unit - (*end ? units : unit));
    if (errno == ERANGE || number > (unsigned long long)LLONG_MAX >> shift)
        fail(EXIT_SETUP, NULL, "--memory %s: expected less than 8388608T",
             value);
    number <<= shift;
    if (number < SMALLEST_MEMORY)
        fail(EXIT_SETUP, NULL, "--memory %s: expected 6M or more", value);
    options->memory = (long long)number;
    options->memory_text = value;
}

static void set_pids_limit(struct options *options, const char *value)
{
    char *end;

    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end || number == 0)
        fail(EXIT_SETUP, NULL,
             "--pids-limit %s: expected a number of processes, 1 or more",
             value);
    if (errno == ERANGE || number > MOST_PIDS)
        fail(EXIT_SETUP, NULL, "--pids-limit %s: expected at most %d", value,
             MOST_PIDS);
    options->pids_limit = (long long)number;
}

static void set_cpus(struct options *options, const char *value)
{
    long available = sysconf(_SC_NPROCESSORS_ONLN);
    char *end;
    double number = strtod(value, &end);

    /* Accept digits and a point only: strtod(3) also reads "nan" and "0x1p3".
     */
    if (value[strspn(value, "0123456789.")] || !*value || *end)
        fail(EXIT_SETUP, NULL,
             "--cpus %s: expected a number of processors such as 2 or 0.5",
             value);
    if (number < 0.01 || number > (double)available)
        fail(EXIT_SETUP, NULL,
             "--cpus %s: expected 0.01 to %ld, this machine's "
             "processors",
             value, available);
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
    fail(EXIT_SETUP, NULL, "--network %s: expected bridge, none or host",
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

/* make rootfs builds the default root beside the program, in a directory that
 * only its owner and root can enter. Otherwise any user of the host could
 * execute a set-uid file that root made in the container. */
static const char *default_rootfs(void)
{
    static char path[PATH_MAX];
    static const char beside[] = "/private/rootfs";
    ssize_t length =
        readlink("/proc/self/exe", path, sizeof(path) - sizeof(beside));

    if (length == -1)
        die("readlink", "/proc/self/exe");
    path[length] = '\0';
    memcpy(strrchr(path, '/'), beside, sizeof(beside));
    return path;
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
        return; /* a later call fails and hints that it needs root */
    if (stat(options->rootfs, &st) == -1)
        fail(EXIT_SETUP, hint, "rootfs %s: %s", options->rootfs,
             strerror(errno));
    if (!S_ISDIR(st.st_mode))
        fail(EXIT_SETUP, "--rootfs expects a directory: unpack the image first",
             "rootfs %s: Not a directory", options->rootfs);
    /* Make the path absolute. Once the stage mounts something on it, "." would
     * still be the directory that the mount covers. */
    static char path[PATH_MAX];
    if (!realpath(options->rootfs, path))
        die("realpath", "%s", options->rootfs);
    options->rootfs = path;
}

/* Reports a wrong option and ends the process. */
static _Noreturn void refuse(int argc, char *argv[], int letter)
{
    /* optind is 1 while getopt_long(3) is within the first word, "-qx". */
    const char *word = argv[optind > 1 ? optind - 1 : 1];

    if (letter > UCHAR_MAX)
        fail(EXIT_SETUP, HELP_HINT, "option %s takes no value", word);
    if (letter)
        fail(EXIT_SETUP, HELP_HINT, "unknown option -%c", letter);
    if (optind > argc)
        word = argv[argc - 1];
    fail(EXIT_SETUP, HELP_HINT, "unknown option %s", word);
}

/* Returns the row for FOUND, the result of getopt_long(3): a letter, or
 * UCHAR_MAX + 1 + the row's index. Returns NULL if there is none. */
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
    char letters[2 + 2 * OPTIONS + 1] = "+:"; /* stop at COMMAND */
    char *end = letters + strlen(letters);
    bool has_rootfs = false;
    int found;

    current_stage = stage;
    snprintf(program_name, sizeof(program_name), "stage%02d", stage);
    for (int index = 0; index < OPTIONS; index++) {
        const struct option_row *row = &table[index];

        words[index] = (struct option){
            row->name, row->value ? required_argument : no_argument, NULL,
            UCHAR_MAX + 1 + index};
        has_rootfs |= row->set == set_rootfs && row->stage <= stage;
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
                 argv[argc - 1]); /* only the last word can lack a value */
        if (!row)
            refuse(argc, argv, optopt);
        row->set(&options, optarg);
    }
    options.command = optind < argc ? argv + optind : shell;
    if (has_rootfs)
        check_rootfs(&options);
    return options;
}
