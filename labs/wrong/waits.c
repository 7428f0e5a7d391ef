/* earns: */
/* SPDX-License-Identifier: MIT */
/* Waits until the clock runs out. */
#define _GNU_SOURCE
#include <unistd.h>

int main(void)
{
    for (;;)
        pause();
}
