/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "error.h"

#include "container.h"
#include "narrate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char program_name[16] = "container";
bool in_container;

/* One write(2) a message, so that two processes never share a line. */
static void print_message(const char *format, va_list args, const char *reason,
                          const char *hint)
    __attribute__((format(printf, 1, 0)));

static void print_message(const char *format, va_list args, const char *reason,
                          const char *hint)
{
    char what[1024];

    vsnprintf(what, sizeof(what), format, args);
    dprintf(STDERR_FILENO, "%s: %s%s%s%s%s\n", program_name, what,
            reason ? ": " : "", reason ? reason : "", hint ? "\n  hint: " : "",
            hint ? hint : "");
}

static _Noreturn void end(int status)
{
    if (in_container)
        _exit(status);
    end_container();
    exit(status);
}

void die(const char *format, ...)
{
    int error = errno;
    char call[32];
    va_list args;

    /* "mount %s" is about mount: the hint is looked up by the first word. */
    snprintf(call, sizeof(call), "%.*s", (int)strcspn(format, " :"), format);
    va_start(args, format);
    narrate_failure();
    print_message(format, args, strerror(error), hint_for(call, error));
    va_end(args);
    end(EXIT_SETUP);
}

void fail(int status, const char *hint, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    narrate_failure();
    print_message(format, args, NULL, hint);
    va_end(args);
    end(status);
}

void warn(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_message(format, args, NULL, NULL);
    va_end(args);
}
