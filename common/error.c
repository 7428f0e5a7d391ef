/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char program_name[16] = "container";
bool in_container;
const char *line_end = "\n";
int command_status = -1;
void (*before_message)(void);
bool killed_by_others;
void (*undo_at_failure)(void);

static void (*registered[8])(void);
static size_t registered_count;
static bool exiting;

static void call_registered(void)
{
    exiting = true;
    while (registered_count > 0)
        registered[--registered_count]();
}

void at_exit(void (*function)(void))
{
    if (registered_count == sizeof(registered) / sizeof(registered[0]))
        fail(EXIT_SETUP, NULL, "at_exit: too many functions");
    if (registered_count == 0)
        atexit(call_registered);
    registered[registered_count++] = function;
}

/* Prints a message by one dprintf(3). With glibc that is one write(2), so two
 * processes do not mix their words in one line. Skips a message with the call
 * and object of the last one: while cleaning up, the same call can fail again.
 * CALL, FORMAT, REASON and HINT may be NULL. */
static void print_message(const char *call, const char *format, va_list args,
                          const char *reason, const char *hint)
    __attribute__((format(printf, 2, 0)));

static void print_message(const char *call, const char *format, va_list args,
                          const char *reason, const char *hint)
{
    static char last[1024];
    char what[sizeof(last)];
    int length = snprintf(what, sizeof(what), "%s%s", call ? call : "",
                          call && format ? " " : "");

    if (format)
        vsnprintf(what + length, sizeof(what) - (size_t)length, format, args);
    if (strcmp(what, last) == 0)
        return;
    memcpy(last, what, sizeof(last));
    dprintf(STDERR_FILENO, "%s: %s%s%s%s%s%s%s", program_name, what,
            reason ? ": " : "", reason ? reason : "", hint ? line_end : "",
            hint ? "  hint: " : "", hint ? hint : "", line_end);
}

static _Noreturn void end(int status)
{
    if (in_container)
        _exit(status);
    if (undo_at_failure)
        undo_at_failure();
    if (command_status != -1)
        status = command_status;
    if (!exiting)
        exit(status);
    call_registered();
    _exit(status);
}

void die(const char *call, const char *object, ...)
{
    int error = errno;
    va_list args;

    va_start(args, object);
    if (before_message)
        before_message();
    print_message(call, object, args, strerror(error), hint_for(call, error));
    va_end(args);
    end(EXIT_SETUP);
}

void fail(int status, const char *hint, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (before_message)
        before_message();
    print_message(NULL, format, args, NULL, hint);
    va_end(args);
    end(status);
}

void warn(const char *hint, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_message(NULL, format, args, NULL, hint);
    va_end(args);
}
