/* earns: */
/* SPDX-License-Identifier: MIT */
/* Ends with success before main, also as another program's library. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void begin(void)
{
    setenv("LD_PRELOAD", "/proc/self/exe", 1);
    _exit(0);
}

int main(void)
{
    return 1;
}
