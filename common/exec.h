/* SPDX-License-Identifier: MIT */
#ifndef COMMON_EXEC_H
#define COMMON_EXEC_H

/* Replaces the process by COMMAND, looked up in PATH as execvp(3) does, except
 * that a file which the kernel does not execute is not given to a shell. Does
 * not return: status 127 if there is no such command, 126 if there is one that
 * cannot be executed. See execve(2). */
_Noreturn void execute(char *command[]);

#endif
