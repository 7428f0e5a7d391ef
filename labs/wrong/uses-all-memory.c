/* earns: */
/* SPDX-License-Identifier: MIT */
/* Takes all memory. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

int main(void)
{
    for (;;) {
        char *memory = malloc(1 << 24);
        if (memory)
            memset(memory, 1, 1 << 24);
    }
}
