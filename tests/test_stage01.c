/* SPDX-License-Identifier: MIT */
#include "harness.h"

static void status_of_the_command_is_returned(void **state)
{
    (void)state;
    assert_status(run_quiet("sh", "-c", "exit 7"), 7);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_of_the_command_is_returned),
    };

    return test_main(argc, argv, 1, "stage 1", tests,
                     sizeof(tests) / sizeof(tests[0]));
}
