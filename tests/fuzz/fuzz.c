/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the command line: libFuzzer invents inputs, and each is judged by what
 * is computed here in another way. FUZZ names what the input is: "options", a
 * whole command line, a word a line, after a digit for the stage; or the
 * value of one option: "size", "cpus" or "volume". See `make fuzz`.
 *
 *     FUZZ=size build/fuzz build/crash-...    repeats what was found
 *
 * The cases it starts from are the lines of size.txt and so on, here beside
 * this file: | stands for a newline.
 *
 * An option that is refused ends a stage; here, it ends one call. That is why
 * this file stands in for common/error.c, and for exit(3), which the Makefile
 * renames. The memory that options.c allocates is freed after each call.
 */
#define _GNU_SOURCE
#include "../../common/error.h"
#include "../../common/files.h"
#include "../../common/narrate.h"
#include "../../common/options.h"
#include "../lib/features.h"

#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BLOCKS = 4096, MOST_WORDS = 64 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

char program_name[16];
bool in_container;
enum narration narration;
int stage; /* of the options: 1 to LAST, which the Makefile defines */

static jmp_buf refused;
static void *blocks[MOST_BLOCKS]; /* what is to be freed after this call */
static size_t block_count;

/* Unless CONDITION holds, ends the fuzzer, which then keeps the input. */
#define expect(condition)                                                   \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

/* --- in place of common/error.c and common/files.c ------------------------ */

void exit(int status) /* renamed by the Makefile */
{
    longjmp(refused, 1 + status);
}

void fail(int status, const char *hint, const char *format, ...)
{
    char text[1024];
    va_list args;

    (void)hint;
    va_start(args, format);
    expect(vsnprintf(text, sizeof(text), format, args) > 0);
    va_end(args);
    expect(status == EXIT_SETUP);
    exit(status);
}

void die(const char *call, const char *object, ...)
{
    (void)object;
    fail(EXIT_SETUP, NULL, "%s", call);
}

static void *keep(void *block)
{
    expect(block && block_count < MOST_BLOCKS);
    blocks[block_count++] = block;
    return block;
}

void *xrealloc(void *memory, size_t size)
{
    for (size_t i = 0; memory && i < block_count; i++)
        if (blocks[i] == memory)
            blocks[i] = blocks[--block_count];
    return keep(realloc(memory, size));
}

char *xstrdup(const char *text)
{
    return keep(strdup(text));
}

char *xasprintf(const char *format, ...)
{
    char *text;
    va_list args;

    va_start(args, format);
    expect(vasprintf(&text, format, args) != -1);
    va_end(args);
    return keep(text);
}

/* --- what is expected ----------------------------------------------------- */

/* Returns whether the words are accepted; then *OPTIONS is set. */
static bool parse(int count, char *words[], struct options *options)
{
    optind = 0; /* getopt(3) is to begin anew */
    if (setjmp(refused) != 0)
        return false;
    *options = parse_options(stage, count, words);
    return true;
}

static bool parse_value(const char *option, char *value,
                        struct options *options)
{
    char *words[] = {"stage", "--rootfs", "/", (char *)option, value, NULL};

    stage = LAST;
    return parse(5, words, options);
}

/* Reads digits into a number of at most 2 to the 87: a unit still fits. */
static const char *read_digits(const char *text, unsigned __int128 *number)
{
    const unsigned __int128 most = (unsigned __int128)1 << 87;

    for (*number = 0; isdigit((unsigned char)*text); text++) {
        *number = *number * 10 + (unsigned)(*text - '0');
        if (*number > most)
            *number = most;
    }
    return text;
}

/* Digits and perhaps a letter: accepted from 6M up to LLONG_MAX bytes. */
static void fuzz_size(char *text)
{
    static const char units[] = "bkmgt";
    unsigned __int128 number;
    const char *end = read_digits(text, &number);
    const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : "";
    struct options options;
    bool good = end != text && unit && (!*end || !end[1]);

    for (long i = good && *end ? unit - units : 0; i > 0; i--)
        number *= 1024;
    good = good && number >= 6291456 && number <= LLONG_MAX;
    expect(parse_value("--memory", text, &options) == good);
    if (good) {
        expect((unsigned __int128)options.memory == number);
        expect(options.memory_text == text);
        expect(option_number(&options, "memory") == options.memory);
    }
    /* The same text as a number of processes. */
    good = end != text && !*end && number >= 1 && number <= 4194304;
    expect(parse_value("--pids-limit", text, &options) == good);
    expect(!good || (unsigned __int128)options.pids_limit == number);
}

/* Digits with at most one point between or around them. Binary fractions are
 * not exact: at the limits either answer is good; the quota may differ by 1. */
static void fuzz_cpus(char *text)
{
    const char *point = strchr(text, '.');
    bool good = strspn(text, "0123456789.") == strlen(text) &&
                strpbrk(text, "0123456789") &&
                (!point || !strchr(point + 1, '.'));
    long double number = 0, digit = 1, most = sysconf(_SC_NPROCESSORS_ONLN);
    struct options options;
    bool accepted = parse_value("--cpus", text, &options);

    for (const char *c = text; good && *c; c++) {
        if (*c == '.')
            continue;
        if (!point || c < point)
            number = number * 10 + (*c - '0');
        else
            number += (digit /= 10) * (*c - '0');
    }
    if (accepted) {
        expect(good && number > 0.009999L && number < most + 0.00001L);
        expect(options.cpu_quota >= 1000);
        expect(options.cpu_quota <= (long long)(most * 100000));
        expect(options.cpu_quota >= (long long)(number * 100000) - 1);
        expect(options.cpu_quota <= (long long)(number * 100000) + 1);
    } else {
        expect(!good || number < 0.010001L || number > most - 0.00001L);
    }
}

/* Checks a VOLUME that was accepted. */
static void judge_volume(const struct volume *volume, const char *text)
{
    const char *mode =
        text + strlen(volume->source) + 1 + strlen(volume->target);
    char *words = strdup(volume->target), *next;
    bool name = false;

    expect(volume->tree == -1);
    expect(volume->source[0] && volume->target[0] == '/');
    /* Nothing of the text is lost, and it is cut at the colons. */
    expect(!strchr(volume->source, ':') && !strchr(volume->target, ':'));
    expect(strncmp(text, volume->source, strlen(volume->source)) == 0);
    expect(strncmp(text + strlen(volume->source) + 1, volume->target,
                   strlen(volume->target)) == 0);
    expect(!*mode || strcmp(mode, ":ro") == 0 || strcmp(mode, ":rw") == 0);
    expect(volume->read_only == (strcmp(mode, ":ro") == 0));
    /* It leads to something below the root. */
    for (char *word = strtok_r(words, "/", &next); word;
         word = strtok_r(NULL, "/", &next)) {
        expect(strcmp(word, "..") != 0);
        name |= strcmp(word, ".") != 0;
    }
    expect(name);
    free(words);
}

static void fuzz_volume(char *text)
{
    struct options options;
    char *copy = xstrdup(text);
    char source[256] = "", target[256] = "", mode[4] = "";

    if (parse_value("--volume", text, &options)) {
        expect(options.volume_count == 1 && !options.volumes[1].target);
        judge_volume(&options.volumes[0], text);
    } else if (sscanf(text, "%255[a-z/]:/%255[a-z]:%3s", source, target,
                      mode) >= 2) {
        /* A volume that is plainly good is not refused. */
        const char *rest = text + strlen(source) + 2 + strlen(target);
        expect(*rest && strcmp(rest, ":ro") != 0 && strcmp(rest, ":rw") != 0);
    }
    expect(strcmp(text, copy) == 0);
}

static void judge_options(const struct options *options)
{
    size_t length = strlen(options->hostname);

    expect(length >= 1 && length <= 64);
    expect(has(NEW_HOSTNAME) || strcmp(options->hostname, "container") == 0);
    for (size_t i = 0; i < options->volume_count; i++)
        expect(options->volumes[i].source[0] &&
               options->volumes[i].target[0] == '/');
    expect(!options->volumes[options->volume_count].target);
    for (size_t i = 0; i < options->env_count; i++)
        expect(strchr(options->env[i], '=') > options->env[i]);
    expect(!options->workdir || options->workdir[0] == '/');
    if (!has(NEW_ROOT))
        expect(!options->volume_count && !options->env_count &&
               !options->workdir && !options->rootfs && !options->read_only &&
               !options->chroot);
    expect(options->memory == 0 || options->memory >= 6291456);
    expect(options->pids_limit >= 0 && options->pids_limit <= 4194304);
    expect(options->cpu_quota == 0 || options->cpu_quota >= 1000);
    if (!has(NEW_CGROUPS))
        expect(!options->memory && !options->pids_limit && !options->cpu_quota);
    expect(options->network <= NETWORK_HOST);
    expect(has(NEW_NETWORK) || options->network == NETWORK_BRIDGE);
    expect(options->command[0]);
}

/* The words after the last option are COMMAND's, all of them and in order. */
static void fuzz_options(char *text)
{
    char *words[MOST_WORDS + 1] = {"stage"}, *same[MOST_WORDS + 1], *next;
    struct options options;
    int count = 1;

    /* TEXT begins with the number of the stage; 0: the last. */
    unsigned long number = strtoul(text, &next, 10);
    stage = number == 0 ? LAST : 1 + (int)((number - 1) % LAST);
    for (char *word = next; word && count < MOST_WORDS; word = next) {
        next = strchr(word, '\n');
        if (next)
            *next++ = '\0';
        words[count++] = word;
    }
    memcpy(same, words, sizeof(same));
    if (!parse(count, words, &options))
        return;
    expect(memcmp(same, words, sizeof(same)) == 0);
    judge_options(&options);
    if (strcmp(options.command[0], "/bin/sh") != 0)
        expect(options.command > words && options.command < words + count);
}

/* --- libFuzzer ------------------------------------------------------------ */

static void (*target)(char *text);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const struct {
        const char *name;
        void (*function)(char *text);
    } targets[] = {{"options", fuzz_options},
                   {"size", fuzz_size},
                   {"cpus", fuzz_cpus},
                   {"volume", fuzz_volume}};
    const char *name = getenv("FUZZ");

    (void)argc, (void)argv;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        if (name && strcmp(name, targets[i].name) == 0)
            target = targets[i].function;
    if (!target) {
        fprintf(stderr, "FUZZ=options, size, cpus or volume\n");
        abort();
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Exactly as long as the text: one byte beyond it is an error. */
    char *text = strndup((const char *)data, size);

    expect(text);
    target(text);
    while (block_count > 0)
        free(blocks[--block_count]);
    free(text);
    return 0;
}
