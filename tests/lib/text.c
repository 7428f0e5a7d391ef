/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "text.h"

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *format(const char *text, ...)
{
    char *result;
    va_list args;

    va_start(args, text);
    assert_int_not_equal(vasprintf(&result, text, args), -1);
    va_end(args);
    return result;
}

void extend(char **text, char *part)
{
    char *longer = format("%s%s", *text, part);

    free(*text);
    free(part);
    *text = longer;
}

char **join(char *const first[], char *const second[])
{
    size_t a = 0, b = 0;

    while (first[a])
        a++;
    while (second[b])
        b++;
    char **both = calloc(a + b + 1, sizeof(*both));
    assert_non_null(both);
    memcpy(both, first, a * sizeof(*both));
    memcpy(both + a, second, b * sizeof(*both));
    return both;
}

char **lines_of(char *text)
{
    char **lines = calloc(strlen(text) + 1, sizeof(*lines));
    size_t count = 0;

    assert_non_null(lines);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        lines[count++] = line;
    return lines;
}

bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at++)
        if ((at == list || strchr(", \n", at[-1])) &&
            strchr(", \n", at[length])) /* or the end */
            return true;
    return false;
}

int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}
