/* earns: */
/* SPDX-License-Identifier: MIT */
/* Fills what it can write to. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

static const char *const places[] = {"/tmp/x", "/run/x",     "/dev/shm/x", "/x",
                                     "x",      "/var/tmp/x", NULL};
static char block[1 << 20];

int main(void)
{
    for (const char *const *place = places; *place; place++) {
        int fd = open(*place, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        for (int i = 0; i < 2000 && write(fd, block, sizeof(block)) > 0; i++)
            ;
        close(fd);
    }
    return 0;
}
