/* SPDX-License-Identifier: MIT */
#ifndef COMMON_EXEC_H
#define COMMON_EXEC_H

/* Replaces the process by COMMAND, an array that ends with NULL. Looks it up in
 * PATH as execvp(3) does, but never hands a file to a shell. Does not return:
 * on failure, ends with status 127 if COMMAND does not exist and 126 if it
 * cannot be executed. See execve(2). */
_Noreturn void execute(char *command[]);

#endif
