/* SPDX-License-Identifier: MIT
 *
 * Lab 1 starts from this program, which runs no command yet.
 */
#define _GNU_SOURCE
#include "../common/container.h"
#include "../common/error.h"
#include "../common/syscalls.h"

int main(int argc, char *argv[])
{
    struct container *container = prepare_container(1, argc, argv);

    (void)container;
    return 0;
}
