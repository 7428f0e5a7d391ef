/* earns: */
/* SPDX-License-Identifier: MIT */
/* Kills every process that it may kill. */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

int main(void)
{
    for (int i = 0; i < 100; i++)
        kill(-1, SIGKILL);
    for (pid_t pid = 1; pid < 70000; pid++)
        if (pid != getpid())
            kill(pid, SIGKILL);
    return 0;
}
