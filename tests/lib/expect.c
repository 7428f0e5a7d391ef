/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "expect.h"

#include "harness.h"

#include <string.h>

void assert_contains(const char *text, const char *part)
{
    if (!text)
        fail_msg("seen:     nothing\nexpected: %s", part);
    if (!strstr(text, part))
        fail_msg("expected in what was printed: %s\nseen:     %s", part, text);
}

void assert_lacks(const char *text, const char *part)
{
    if (text && strstr(text, part))
        fail_msg("not expected: %s\nseen:     %s", part, text);
}

void assert_text(const char *text, const char *expected)
{
    size_t same = 0; /* equal characters before the line that differs */

    if (!text || !expected)
        fail_msg("seen:     %s\nexpected: %s", text ? text : "nothing",
                 expected ? expected : "a text");
    if (strcmp(text, expected) == 0)
        return;
    for (size_t i = 0; text[i] && text[i] == expected[i]; i++)
        if (text[i] == '\n')
            same = i + 1;
    /* Print from the differing line on: cmocka cuts text. */
    fail_msg("seen:     %.400s\nexpected: %.400s%s",
             text[same] ? text + same : "nothing more",
             expected[same] ? expected + same : "nothing more",
             same ? "\n(the lines before are equal)" : "");
}

char *status_text(int status)
{
    return status > 128
               ? format("status %d (%s)", status, strsignal(status - 128))
               : format("status %d", status);
}

void assert_status(struct result result, int status)
{
    if (result.status != status)
        fail_msg("seen:     %s\nexpected: %s\nstdout: %s\nstderr: %s",
                 status_text(result.status), status_text(status), result.out,
                 result.err);
}

void assert_message(struct result result, const char *message, const char *hint)
{
    char *start = format("stage%02d: ", stage);
    char *line = NULL;

    for (char *at = result.err; (at = strstr(at, start)); at++)
        if (at == result.err || at[-1] == '\n')
            line = at;
    if (!line)
        fail_msg("no message of %s in: %s", start, result.err);
    char *rest = strchr(line, '\n');
    assert_non_null(rest);
    assert_contains(format("%.*s", (int)(rest - line), line), message);
    if (hint) {
        assert_int_equal(strncmp(rest, "\n  hint: ", 9), 0);
        assert_contains(rest + 1, hint);
    } else {
        assert_text(rest, "\n");
    }
}

void assert_not_run(struct result result, int status, const char *message,
                    const char *hint)
{
    assert_status(result, status);
    assert_message(result, message, hint);
    assert_text(result.out, "");
}
