/* SPDX-License-Identifier: MIT
 *
 * The table of features, each with the stage that introduces it. A test asks
 * has(NEW_ROOT), and not whether the stage under test is stage 5, because later
 * stages inherit the feature.
 */
#ifndef TESTS_FEATURES_H
#define TESTS_FEATURES_H

#include <stdbool.h>

/* The stage whose program is tested. A test of stage 3 run on stage 5's
 * program proves that stage 5 keeps what stage 3 proved. */
extern int stage;

enum feature {
    BASICS = 1, /* what every stage has */
    NEW_MOUNTS = 2,
    NEW_PIDS = 3,
    NEW_HOSTNAME = 4,
    NEW_IPC = 4,
    NEW_ROOT = 5,
    NEW_CGROUPS = 6,
    NEW_NETWORK = 7,
    NEVER = 1000, /* what no stage has */
};

/* Returns whether the stage under test has a feature. */
static inline bool has(enum feature feature)
{
    return stage >= (int)feature;
}

#endif
