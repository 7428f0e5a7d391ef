/* earns: */
/* SPDX-License-Identifier: MIT */
/* Prints without end. */
#define _GNU_SOURCE
#include <stdio.h>

int main(void)
{
    for (;;)
        puts("1");
}
