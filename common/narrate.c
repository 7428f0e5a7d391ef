/* SPDX-License-Identifier: MIT
 *
 * The narration, see narrate.h: finds the stage's function that is running,
 * decides which calls fold into one line, and prints the lines.
 */
#define _GNU_SOURCE
#include "narrate.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DEEPEST_CALL = 32,
    MOST_NAMES = 64,
    MOST_ALIKE = 2,
    COLUMNS = 100,
    LONGEST_LINE = 2048
};

enum narration narration = NARRATE_NEW;

/* --- the stage's function that is running --------------------------------- */

/* The symbols of this program's file, and the distance between an address in
 * the file and the address in memory. See elf(5). */
static const ElfW(Sym) * symbols;
static size_t symbol_count;
static const char *symbol_names;
static uintptr_t load_offset;

static void find_symbols(const char *file)
{
    const ElfW(Ehdr) *header = (const void *)file;
    const ElfW(Shdr) *section = (const void *)(file + header->e_shoff);

    for (int i = 0; i < header->e_shnum; i++)
        if (section[i].sh_type == SHT_SYMTAB) {
            symbols = (const void *)(file + section[i].sh_offset);
            symbol_count = section[i].sh_size / sizeof(*symbols);
            symbol_names = file + section[section[i].sh_link].sh_offset;
        }
    if (header->e_type == ET_DYN)
        load_offset = getauxval(AT_PHDR) - header->e_phoff;
}

void narrate_names(void)
{
    static bool loaded;
    int error = errno;
    struct stat st;

    if (loaded || narration == NARRATE_NOTHING)
        return;
    loaded = true;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd != -1 && fstat(fd, &st) == 0) {
        void *file =
            mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file != MAP_FAILED)
            find_symbols(file);
    }
    if (fd != -1)
        close(fd);
    errno = error;
}

static const char *name_of(const void *function)
{
    narrate_names();
    for (size_t i = 0; i < symbol_count; i++)
        if (ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC &&
            symbols[i].st_value + load_offset == (uintptr_t)function)
            return symbol_names + symbols[i].st_name;
    return "main"; /* a program without symbols */
}

/* The functions of the stage that are running, the innermost last. */
static const void *calls[DEEPEST_CALL];
static size_t depth;

/* The compiler inserts calls of these two at the beginning and the end of each
 * function of a stage. See gcc(1), -finstrument-functions. */
void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);

void __cyg_profile_func_enter(void *function, void *caller)
{
    (void)caller;
    if (depth < DEEPEST_CALL)
        calls[depth] = function;
    depth++;
}

void __cyg_profile_func_exit(void *function, void *caller)
{
    (void)function, (void)caller;
    depth--;
}

static const char *current_function(void)
{
    if (depth == 0 || depth > DEEPEST_CALL)
        return "main";
    return name_of(calls[depth - 1]);
}

/* Returns whether an earlier stage has the function NAME as well. main and
 * container_main do not count: they change with each stage. */
static bool is_earlier(const char *name)
{
    if (strcmp(name, "main") == 0 || strcmp(name, "container_main") == 0)
        return false;
    for (int i = 0; earlier_functions[i]; i++)
        if (strcmp(earlier_functions[i], name) == 0)
            return true;
    return false;
}

/* --- printing ------------------------------------------------------------- */

/* Hold the container's first lines back until the parent has printed clone(2),
 * so that the order is the same in each run. */
static char held[4 * LONGEST_LINE];
static size_t held_length;
static bool holding;

static const char *heading; /* the function whose name was printed last */

static const char *who(void)
{
    return in_container ? "container" : "host";
}

static void print(const char *indent, const char *text)
{
    char line[LONGEST_LINE + 64];
    int length = snprintf(line, sizeof(line), "[%s %d] %s%s%s", who(), getpid(),
                          indent, text, line_end);

    if (holding && held_length + (size_t)length < sizeof(held)) {
        memcpy(held + held_length, line, (size_t)length);
        held_length += (size_t)length;
    } else {
        (void)!write(STDERR_FILENO, line, (size_t)length);
    }
}

/* The functions whose calls were not printed: functions of earlier stages, or
 * (alike) functions that repeat one call. */
static struct {
    bool alike;
    const char *names[MOST_NAMES];
    size_t count;
    int lines;
    char failure[LONGEST_LINE]; /* the last call's line, if it failed */
} folded;

static void fold(const char *name, const char *line, bool failed)
{
    size_t n = 0;

    while (n < folded.count && strcmp(folded.names[n], name) != 0)
        n++;
    if (n == folded.count && n < MOST_NAMES)
        folded.names[folded.count++] = name;
    folded.lines++;
    snprintf(folded.failure, sizeof(folded.failure), "%s", failed ? line : "");
}

/* Appends WORD to TEXT. Prints TEXT first if the line would be too long. */
static void add_word(char *text, size_t size, const char *word, int *lines)
{
    size_t prefix = (size_t)snprintf(NULL, 0, "[%s %d]   ", who(), getpid());

    if (prefix + strlen(text) + 1 + strlen(word) > COLUMNS) {
        print(*lines ? "  " : "", text);
        (*lines)++;
        *text = '\0';
    }
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used ? " " : "", word);
}

static void print_folded(void)
{
    char text[256], word[128];
    int lines = 0;

    if (folded.count == 0)
        return;
    if (folded.alike)
        snprintf(text, sizeof(text), "more of the same:");
    else if (earlier_stages == 1)
        snprintf(text, sizeof(text), "stage 1:");
    else
        snprintf(text, sizeof(text),
                 "stages 1 %s %d:", earlier_stages == 2 ? "and" : "to",
                 earlier_stages);
    for (size_t i = 0; i < folded.count; i++) {
        snprintf(word, sizeof(word), "%s%s", folded.names[i],
                 i + 1 < folded.count ? "," : "");
        add_word(text, sizeof(text), word, &lines);
    }
    snprintf(word, sizeof(word), "(%d call%s)", folded.lines,
             folded.lines == 1 ? "" : "s");
    add_word(text, sizeof(text), word, &lines);
    print(lines ? "  " : "", text);
    folded.count = 0;
    folded.lines = 0;
    heading = NULL;
}

/* Counts the call in LINE. Returns whether FUNCTION has now made it more than
 * MOST_ALIKE times. */
static bool is_one_more(const char *function, const char *line)
{
    static struct {
        const char *function;
        char call[16];
        int count;
    } made[MOST_NAMES];
    size_t length = strcspn(line, "(");
    size_t n = 0;

    if (line[length] != '(' || length >= sizeof(made[0].call))
        return false;
    while (n < MOST_NAMES && made[n].function &&
           (strcmp(made[n].function, function) != 0 ||
            strncmp(made[n].call, line, length) != 0 || made[n].call[length]))
        n++;
    if (n == MOST_NAMES)
        return false;
    made[n].function = function;
    memcpy(made[n].call, line, length);
    return ++made[n].count > MOST_ALIKE;
}

static void print_under(const char *function, const char *line)
{
    if (!heading || strcmp(heading, function) != 0)
        print("", function);
    heading = function;
    print("  ", line);
}

void narrate_line(const char *line, bool failed, bool always)
{
    const char *function = current_function();

    bool earlier = is_earlier(function);
    if (narration == NARRATE_NEW && !always &&
        (earlier || is_one_more(function, line))) {
        if (folded.alike == earlier)
            print_folded();
        folded.alike = !earlier;
        fold(function, line, failed);
        return;
    }
    print_folded();
    print_under(function, line);
}

void narrate_note(const char *format, ...)
{
    char text[256], line[sizeof(text) + 8];
    va_list args;

    if (narration == NARRATE_NOTHING)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(line, sizeof(line), "/* %s */", text);
    narrate_line(line, false, false);
}

void narrate_container(void)
{
    /* Drop the copy of the parent's folded lines; the parent prints them. */
    folded.count = 0;
    folded.lines = 0;
    heading = NULL;
    holding = narration != NARRATE_NOTHING;
}

void narrate_held(void)
{
    holding = false;
    if (held_length > 0)
        (void)!write(STDERR_FILENO, held, held_length);
    held_length = 0;
}

/* Before a message of failure, prints the lines held back or folded, and the
 * call that failed. */
static void print_before_message(void)
{
    int error = errno;
    bool failed = folded.count > 0 && *folded.failure;

    if (narration == NARRATE_NOTHING)
        return;
    narrate_held();
    print_folded();
    if (failed)
        print_under(current_function(), folded.failure);
    errno = error;
}

__attribute__((constructor)) static void register_printing(void)
{
    before_message = print_before_message;
}

/* At the parent's end, after its exit handlers. */
__attribute__((destructor)) static void print_the_rest(void)
{
    if (narration != NARRATE_NOTHING)
        print_folded();
}
