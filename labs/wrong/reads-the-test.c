/* earns: */
/* SPDX-License-Identifier: MIT */
/* Reads the test's program and memory, and tries to change them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static void change(pid_t pid)
{
    char path[64], text[4096];

    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd != -1 && pwrite(fd, "\xc3", 1, 0x400000) == 1)
        puts("changed");
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd != -1 && write(fd, "#!/bin/true\n", 12) == 12)
        puts("replaced");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd != -1 && read(fd, text, sizeof(text)) > 0)
        if (memmem(text, sizeof(text), "ready", 5))
            puts("ready");
    if (ptrace(PTRACE_ATTACH, pid, 0, 0) == 0) {
        waitpid(pid, NULL, __WALL);
        struct user_regs_struct registers;
        struct iovec data = {&registers, sizeof(registers)};
        ptrace(PTRACE_GETREGSET, pid, 1, &data);
        /* exit_group(0) in place of what the test was about to do */
#ifdef __x86_64__
        registers.rax = SYS_exit_group;
        registers.orig_rax = SYS_exit_group;
        registers.rdi = 0;
#endif
        ptrace(PTRACE_SETREGSET, pid, 1, &data);
        ptrace(PTRACE_DETACH, pid, 0, 0);
    }
}

int main(void)
{
    for (pid_t pid = getppid(); pid > 0; pid--)
        change(pid);
    return 0;
}
