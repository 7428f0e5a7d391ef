/* earns: */
/* SPDX-License-Identifier: MIT */
/* Leaves processes behind in sessions of their own. */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

int main(void)
{
    for (int i = 0; i < 20; i++)
        if (fork() == 0) {
            setsid();
            if (fork() > 0)
                _exit(0);
            signal(SIGTERM, SIG_IGN);
            for (;;)
                pause();
        }
    return 7;
}
