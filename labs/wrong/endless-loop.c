/* earns: */
/* SPDX-License-Identifier: MIT */
/* Never ends. */
#define _GNU_SOURCE
#include <unistd.h>

int main(void)
{
    for (;;)
        getppid();
}
