/* SPDX-License-Identifier: MIT
 *
 * Strings and arrays of words.
 */
#ifndef TESTS_TEXT_H
#define TESTS_TEXT_H

#include <stdbool.h>

/* An array of words as execvp(3) wants it; how long an array is. */
#define WORDS(...)   ((char *const[]){__VA_ARGS__, NULL})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* printf into a fresh string. */
char *format(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* Appends PART to *TEXT, and frees both. A test may do this some thousand
 * times: what it does not free would fill a small machine. */
void extend(char **text, char *part);

/* An array of the words of both, ended by NULL. */
char **join(char *const first[], char *const second[]);

/* Splits TEXT, which is changed, into non-empty lines, then NULL. */
char **lines_of(char *text);

/* Returns whether LIST, separated by commas, spaces or newlines, has WORD. */
bool has_word(const char *list, const char *word);

/* For qsort(3): two elements of an array of strings. */
int compare_words(const void *a, const void *b);

#endif
