/* earns: */
/* SPDX-License-Identifier: MIT */
/* Does not pass the preprocessor. */
#define _GNU_SOURCE

#error not today
