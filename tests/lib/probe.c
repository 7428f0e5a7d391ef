/* SPDX-License-Identifier: MIT
 *
 * COMMAND of some tests, linked statically, so that it runs in every root:
 *
 *     probe block N    blocks signal N, says "ready", and waits
 *     probe wait N     the same, and ends when sigwaitinfo(2) returns N
 *     probe keyring    prints the description of its session keyring
 */
#define _GNU_SOURCE
#include <linux/keyctl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Noreturn void block(int number, bool wait)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_SETMASK, &set, NULL);
    puts("ready");
    fflush(stdout);
    while (!wait || sigwaitinfo(&set, NULL) != number)
        if (!wait)
            pause();
    exit(0);
}

static int show_keyring(void)
{
    char text[256] = "";

    if (syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text,
                sizeof(text)) == -1) {
        perror("keyctl");
        return 1;
    }
    puts(text);
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc == 3 && strcmp(argv[1], "block") == 0)
        block(atoi(argv[2]), false);
    if (argc == 3 && strcmp(argv[1], "wait") == 0)
        block(atoi(argv[2]), true);
    if (argc == 2 && strcmp(argv[1], "keyring") == 0)
        return show_keyring();
    return 2;
}
