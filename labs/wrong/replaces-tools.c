/* earns: */
/* SPDX-License-Identifier: MIT */
/* Mounts /bin/true over the shell, make, cc and others, and sets PATH to a
 * directory with a false timeout. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

static const char *const tools[] = {
    "/bin/sh",          "/usr/bin/make", "/usr/bin/cc", "/usr/bin/gcc",
    "/usr/bin/timeout", "/usr/bin/env",  NULL};

int main(void)
{
    mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL);
    mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL);
    setenv("PATH", "/tmp", 1);
    symlink("/bin/true", "/tmp/timeout");
    for (const char *const *tool = tools; *tool; tool++)
        mount("/bin/true", *tool, NULL, MS_BIND, NULL);
    return 0;
}
