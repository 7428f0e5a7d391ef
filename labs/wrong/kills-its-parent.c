/* earns: */
/* SPDX-License-Identifier: MIT */
/* Kills the test that started it. */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

int main(void)
{
    kill(getppid(), SIGKILL);
    return 0;
}
