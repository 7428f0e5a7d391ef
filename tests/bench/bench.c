/* SPDX-License-Identifier: MIT
 *
 * make bench: how long a container takes from start to exit of `true`.
 *
 * Side by side in one run: a stage, the floor (tests/bench/floor.c: the kernel
 * calls of stage 7 and nothing else; "+ wait" is the floor that also waits
 * until the bridge passes packets), and whichever of crun, runc, bwrap and
 * unshare are installed: crun and runc with the same namespaces and limits and
 * fewer mounts, the other two with the namespaces and few mounts. In random
 * order, with 50 ms idle before each start: back to back, the
 * kernel would still be busy with the end of the last one.
 *
 *     STAGE=stage07 bench [RUNS]
 * STAGE is a program in the directory of this one; RUNS is 20 by default.
 *
 * Prints medians in milliseconds, ratios to the floor and peak memory; writes
 * them to build/bench.json, and the medians to build/bench.png with gnuplot.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_RUNS = 1000, MOST_WORDS = 64, IDLE_MS = 50 };

static const char *const variants[] = {"bare", "network", "limits", "all"};
enum { BARE, NETWORK, LIMITS, ALL, VARIANTS };

struct entry {
    const char *program;
    char *words[MOST_WORDS];
    double times[MOST_RUNS]; /* ms */
    long memory;             /* KiB, the largest of all runs */
    int variant;
    int runs;
    int mounts; /* the mount namespace to start it in; 0: this one */
};

static struct entry entries[32];
static int entry_count;
static char build[PATH_MAX], work[] = "/tmp/container-bench-XXXXXX";
static const char *stage; /* the name of its program */
static int own_mounts;    /* this process's mount namespace */
static int v1_mounts;     /* one without the hybrid's version 2; 0: none */
static FILE *json;

static char *text(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static char *text(const char *format, ...)
{
    char *result;
    va_list args;

    va_start(args, format);
    if (vasprintf(&result, format, args) == -1)
        abort();
    va_end(args);
    return result;
}

static _Noreturn void stop(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- one start ------------------------------------------------------------ */

static pid_t start(char *const words[],
                   const posix_spawn_file_actions_t *actions)
{
    pid_t pid;

    errno = posix_spawnp(&pid, words[0], actions, NULL, words, environ);
    if (errno != 0)
        stop(words[0]);
    return pid;
}

static void enter_mounts(int namespace)
{
    if (namespace && setns(namespace, CLONE_NEWNS) == -1)
        stop("setns");
}

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void measure(struct entry *entry)
{
    struct rusage usage;
    int status;

    enter_mounts(entry->mounts);
    usleep(IDLE_MS * 1000);
    double before = now_ms();
    pid_t pid = start(entry->words, NULL);
    if (wait4(pid, &status, 0, &usage) == -1)
        stop("wait4");
    entry->times[entry->runs++] = now_ms() - before;
    if (entry->mounts)
        enter_mounts(own_mounts);
    if (status != 0) {
        fprintf(stderr, "bench: %s (%s) failed, status %#x\n", entry->program,
                variants[entry->variant], (unsigned int)status);
        exit(1);
    }
    if (usage.ru_maxrss > entry->memory)
        entry->memory = usage.ru_maxrss;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(struct entry *entry)
{
    qsort(entry->times, (size_t)entry->runs, sizeof(double), compare_doubles);
    return entry->times[entry->runs / 2];
}

/* --- what is compared ----------------------------------------------------- */

/* Leaves out a peer that cannot run here, and prints the reason that it gives.
 */
static void drop_if_failing(void)
{
    struct entry *entry = &entries[entry_count - 1];
    int status, reason = memfd_create("reason", MFD_CLOEXEC);
    posix_spawn_file_actions_t actions;
    char line[256];

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, reason, STDERR_FILENO);
    enter_mounts(entry->mounts);
    if (waitpid(start(entry->words, &actions), &status, 0) == -1)
        stop("waitpid");
    enter_mounts(own_mounts);
    posix_spawn_file_actions_destroy(&actions);
    if (status != 0) {
        ssize_t length = pread(reason, line, sizeof(line) - 1, 0);
        line[length > 0 ? length : 0] = '\0';
        printf("%s, %s: left out: %.*s\n", entry->program,
               variants[entry->variant], (int)strcspn(line, "\n"), line);
        entry_count--;
    }
    close(reason);
}

/* WORDS: the command line, divided by single spaces. */
static void add(const char *program, int variant, char *words)
{
    struct entry *entry = &entries[entry_count++];
    int count = 0;
    char *next;

    entry->program = program;
    entry->variant = variant;
    for (char *word = strtok_r(words, " ", &next); word;
         word = strtok_r(NULL, " ", &next))
        entry->words[count++] = word;
}

static bool installed(const char *program)
{
    return system(text("command -v %s >/dev/null", program)) == 0;
}

static bool is_peer(const char *program)
{
    if (!installed(program))
        printf("%s: left out: not installed\n", program);
    return installed(program);
}

/* Our own cgroup directory in a version 1 hierarchy. */
static char *v1_directory(const char *controller)
{
    char line[PATH_MAX], *path = NULL;
    FILE *file = fopen("/proc/self/cgroup", "re");

    while (file && !path && fgets(line, sizeof(line), file)) {
        char *names = strchr(line, ':') + 1, *end = strchr(names, ':'), *next;
        *end = '\0';
        for (char *name = strtok_r(names, ",", &next); name && !path;
             name = strtok_r(NULL, ",", &next))
            if (strcmp(name, controller) == 0)
                path = end + 1;
    }
    if (file)
        fclose(file);
    if (!path)
        return NULL;
    path[strcspn(path, "\n")] = '\0';
    path = text("/sys/fs/cgroup/%s%s", controller, path);
    return access(path, W_OK) == 0 ? path : NULL;
}

/* For the floor: MEMORY:PIDS:CPU of version 1, the directory of version 2, or
 * NULL where it cannot tell. */
static char *limit_directories(void)
{
    char *memory = v1_directory("memory"), *pids = v1_directory("pids");
    char *cpu = v1_directory("cpu");

    if (memory && pids && cpu)
        return text("%s:%s:%s", memory, pids, cpu);
    if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
        return "/sys/fs/cgroup";
    return NULL;
}

/* Parts of a bundle's config.json, which runc and crun read. */
static const char namespaces[] =
    "[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"uts\"},"
    "{\"type\":\"ipc\"},{\"type\":\"network\"},{\"type\":\"cgroup\"}]";
static const char resources[] =
    "\"resources\":{\"memory\":{\"limit\":268435456,\"swap\":268435456},"
    "\"pids\":{\"limit\":100},"
    "\"cpu\":{\"quota\":100000,\"period\":100000}},";
static const char paths[] =
    "\"maskedPaths\":[\"/proc/acpi\",\"/proc/interrupts\",\"/proc/kcore\","
    "\"/proc/keys\",\"/proc/timer_list\",\"/sys/"
    "firmware\"],\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\","
    "\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]";
static const char *const mounts[][4] = {
    {"/proc", "proc", "proc", "\"nosuid\""},
    {"/tmp", "tmpfs", "tmpfs", "\"nosuid\""},
    {"/sys", "sysfs", "sysfs", "\"nosuid\",\"noexec\",\"nodev\",\"ro\""},
    {"/dev", "tmpfs", "tmpfs", "\"nosuid\""},
    {"/dev/pts", "devpts", "devpts", "\"newinstance\""},
    {"/dev/shm", "tmpfs", "shm", "\"nosuid\""},
    {"/dev/mqueue", "mqueue", "mqueue", "\"nosuid\""},
    {"/run", "tmpfs", "tmpfs", "\"nosuid\""},
    {"/etc/hosts", "none", "/etc/hosts", "\"bind\""},
    {"/etc/hostname", "none", "/etc/hosts", "\"bind\""},
    {"/etc/resolv.conf", "none", "/etc/hosts", "\"bind\""},
};

static void write_bundle(const char *name, bool limits)
{
    mkdir(text("%s/%s", work, name), 0755);
    FILE *file = fopen(text("%s/%s/config.json", work, name), "we");
    if (!file)
        stop("config.json");
    fprintf(
        file,
        "{\"ociVersion\":\"1.0.2\",\"process\":{\"terminal\":false,"
        "\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/bin/true\"],"
        "\"env\":[\"PATH=/bin\"],\"cwd\":\"/\"},"
        "\"root\":{\"path\":\"%s/private/rootfs\"},\"hostname\":\"container\","
        "\"mounts\":[",
        build);
    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
        fprintf(file,
                "%s{\"destination\":\"%s\",\"type\":\"%s\","
                "\"source\":\"%s\",\"options\":[%s]}",
                i ? "," : "", mounts[i][0], mounts[i][1], mounts[i][2],
                mounts[i][3]);
    fprintf(file,
            "],\"linux\":{%s\"cgroupsPath\":\"/%s\",\"namespaces\":%s,%s}}\n",
            limits ? resources : "", strrchr(work, '/') + 1, namespaces, paths);
    fclose(file);
}

static void add_runtime(const char *program)
{
    if (!is_peer(program))
        return;
    for (int v = BARE; v <= LIMITS; v += LIMITS - BARE) {
        add(program, v,
            text("%s --root %s/%s run --bundle %s/%s bench-%s", program, work,
                 program, work, variants[v], program));
        if (strcmp(program, "crun") == 0)
            entries[entry_count - 1].mounts = v1_mounts;
        drop_if_failing();
    }
}

static void add_peers(void)
{
    write_bundle("bare", false);
    write_bundle("limits", true);
    add_runtime("crun");
    add_runtime("runc");
    if (is_peer("bwrap")) {
        add("bwrap", BARE,
            text("bwrap --unshare-pid --unshare-uts --unshare-ipc "
                 "--unshare-net --unshare-cgroup --hostname container "
                 "--die-with-parent --bind %s/private/rootfs / --proc /proc "
                 "--tmpfs "
                 "/tmp --dev /dev --mqueue /dev/mqueue --tmpfs /run --bind "
                 "/sys /sys --clearenv /bin/true",
                 build));
        drop_if_failing();
    }
    if (is_peer("unshare")) {
        add("unshare", BARE,
            text("unshare --mount --pid --uts --ipc --net --cgroup --fork "
                 "--kill-child --root %s/private/rootfs --mount-proc /bin/true",
                 build));
        drop_if_failing();
    }
}

static void add_all(void)
{
    static const char *const options[] = {
        "--network none ", "",
        "--network none -m 256M --pids-limit 100 --cpus 1 ",
        "-m 256M --pids-limit 100 --cpus 1 "};
    char *directories = limit_directories();

    for (int v = 0; v < VARIANTS; v++) {
        bool limits = v == LIMITS || v == ALL;
        bool net = v == NETWORK || v == ALL;
        if (limits && !directories) {
            printf("%s: left out: no cgroups that this process can write\n",
                   variants[v]);
            continue;
        }
        add("floor", v,
            text("%s/floor %s/private/rootfs %s %s /bin/true", build, build,
                 limits ? directories : "-", net ? "10.77.15.250" : "-"));
        add(stage, v, text("%s/%s -q %s/bin/true", build, stage, options[v]));
        if (v == NETWORK)
            add("+ wait", v,
                text("%s/floor %s/private/rootfs - +10.77.15.250 /bin/true",
                     build, build));
    }
    add_peers();
}

/* --- part one: side by side ----------------------------------------------- */

static void measure_all(int runs)
{
    int order[32];

    for (int run = 0; run < runs + 1; run++) {
        for (int i = 0; i < entry_count; i++)
            order[i] = i;
        for (int i = entry_count - 1; i > 0; i--) {
            unsigned int number = 0;
            if (getrandom(&number, sizeof(number), 0) == -1)
                stop("getrandom");
            int j = (int)(number % (unsigned int)(i + 1)), swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
        for (int i = 0; i < entry_count; i++)
            measure(&entries[order[i]]);
        /* The first round fills caches and is not counted. */
        for (int i = 0; run == 0 && i < entry_count; i++)
            entries[i].runs = 0;
    }
}

static void report_all(void)
{
    double floor[VARIANTS] = {0};
    const char *comma = "";

    for (int i = 0; i < entry_count; i++)
        if (strcmp(entries[i].program, "floor") == 0)
            floor[entries[i].variant] = median(&entries[i]);
    printf("%-9s %-8s %9s %9s %11s\n", "variant", "program", "median ms",
           "to floor", "peak memory");
    fprintf(json, "{\"start_to_exit\":[");
    for (int v = 0; v < VARIANTS; v++)
        for (int i = 0; i < entry_count; i++) {
            struct entry *e = &entries[i];
            if (e->variant != v)
                continue;
            double m = median(e);
            printf("%-9s %-8s %9.2f %9.2f %7ld KiB\n", variants[v], e->program,
                   m, m / floor[v], e->memory);
            fprintf(json,
                    "%s\n {\"variant\":\"%s\",\"program\":\"%s\","
                    "\"median_ms\":%.3f,\"ratio_to_floor\":%.3f,"
                    "\"peak_kib\":%ld}",
                    comma, variants[v], e->program, m, m / floor[v], e->memory);
            comma = ",";
        }
}

/* --- part two: many ------------------------------------------------------- */

/* COUNT at once; returns ms for each of them. */
static double at_once(int count)
{
    char *words[] = {text("%s/%s", build, stage), "-q", "/bin/true", NULL};
    double before;
    int status;

    usleep(IDLE_MS * 1000);
    before = now_ms();
    for (int i = 0; i < count; i++)
        start(words, NULL);
    for (int i = 0; i < count; i++)
        if (wait(&status) == -1 || status != 0)
            errx(1, "one of %d at once failed, status %#x", count, status);
    return (now_ms() - before) / count;
}

static pid_t alive[512];
static int alive_count;

/* Containers that live until they are killed, up to COUNT of them. */
static void keep_alive(int count)
{
    char *words[] = {text("%s/%s", build, stage), "-q", "/bin/sleep", "1000",
                     NULL};

    for (; alive_count < count; alive_count++) {
        alive[alive_count] = start(words, NULL);
        usleep(20000);
    }
    usleep(1000000);
}

static void end_alive(void)
{
    while (alive_count > 0) {
        kill(alive[--alive_count], SIGTERM);
        waitpid(alive[alive_count], NULL, 0);
    }
}

/* Called by exit(3), also if a program failed. */
static void clean_up(void)
{
    end_alive();
    if (system(text("rm -rf '%s'", work)) != 0)
        fprintf(stderr, "bench: %s stays\n", work);
}

static struct entry *find(int variant)
{
    for (int i = 0; i < entry_count; i++)
        if (entries[i].variant == variant)
            return &entries[i];
    abort();
}

static void measure_growth(int runs)
{
    static const int counts[] = {1, 10, 100, 300}, lives[] = {1, 100, 300};
    const char *comma = "";

    printf("\nat once   ms for each\n");
    fprintf(json, "],\n\"at_once\":[");
    for (int i = 0; i < 4; i++) {
        double ms = at_once(counts[i]);
        printf("%-9d %9.2f\n", counts[i], ms);
        fprintf(json, "%s{\"count\":%d,\"ms_each\":%.3f}", comma, counts[i],
                ms);
        comma = ",";
    }
    printf("\nalive     one more, median ms     floor\n");
    fprintf(json, "],\n\"one_more\":[");
    for (int i = 0; i < 3; i++) {
        /* The first two of the variant NETWORK: the floor, and stage 7. */
        struct entry floor = *find(NETWORK), one = *(find(NETWORK) + 1);

        floor.runs = one.runs = 0;
        keep_alive(lives[i]);
        for (int run = 0; run < runs; run++) {
            measure(&floor);
            measure(&one);
        }
        printf("%-9d %19.2f %9.2f\n", lives[i], median(&one), median(&floor));
        fprintf(json, "%s{\"alive\":%d,\"median_ms\":%.3f,\"floor_ms\":%.3f}",
                i ? "," : "", lives[i], median(&one), median(&floor));
    }
    fprintf(json, "]}\n");
}

static void draw(void)
{
    FILE *data = fopen(text("%s/bench.dat", build), "we");
    FILE *gnuplot;

    if (!data || !installed("gnuplot"))
        return;
    for (int i = 0; i < entry_count; i++)
        fprintf(data, "\"%s %s\" %.3f\n", variants[entries[i].variant],
                entries[i].program, median(&entries[i]));
    fclose(data);
    gnuplot = popen("gnuplot", "we");
    if (!gnuplot)
        return;
    fprintf(gnuplot,
            "set terminal png size 1000,600\nset output '%s/bench.png'\n"
            "set style fill solid\nset boxwidth 0.8\nset yrange [0:*]\n"
            "set ylabel 'ms, median, start to exit of true'\n"
            "set xtics rotate by -45\nunset key\n"
            "plot '%s/bench.dat' using 0:2:xtic(1) with boxes, "
            "'' using 0:2:2 with labels offset 0,0.7\n",
            build, build);
    pclose(gnuplot);
    printf("\n%s/bench.json, %s/bench.png\n", build, build);
}

/* crun refuses a hybrid whose version 2 has controllers. In a mount namespace
 * without the mount of version 2, it sees version 1 alone, and runs. */
static void make_v1_mounts(void)
{
    own_mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (own_mounts == -1 || unshare(CLONE_NEWNS) == -1 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
        stop("mount namespace");
    if (umount2("/sys/fs/cgroup/unified", MNT_DETACH) == 0)
        v1_mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    enter_mounts(own_mounts);
}

/* Links of our own, in a namespace of our own. */
static void enter_namespace(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

    if (unshare(CLONE_NEWNET) == -1)
        stop("unshare (needs root)");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ioctl(fd, SIOCSIFFLAGS, &request) == -1)
        stop("lo");
    close(fd);
}

int main(int argc, char *argv[])
{
    int runs = argc > 1 ? atoi(argv[1]) : 20;

    stage = getenv("STAGE");
    if (!stage || runs < 1 || runs >= MOST_RUNS - 1)
        return 2;
    ssize_t length = readlink("/proc/self/exe", build, sizeof(build) - 1);
    if (length == -1 || !mkdtemp(work))
        stop(length == -1 ? "/proc/self/exe" : work);
    build[length] = '\0';
    *strrchr(build, '/') = '\0';
    atexit(clean_up);
    json = fopen(text("%s/bench.json", build), "we");
    if (!json)
        stop("bench.json");
    enter_namespace();
    make_v1_mounts();
    /* No bridge yet: this container makes it and removes it. Its time is
     * printed apart; keep_alive(1) keeps the bridge for all that follows. */
    double first = at_once(1);
    keep_alive(1);
    add_all();
    measure_all(runs);
    report_all();
    printf("\nfirst and last container on the host: %.1f ms\n", first);
    measure_growth(runs);
    end_alive();
    fclose(json);
    draw();
    return 0;
}
