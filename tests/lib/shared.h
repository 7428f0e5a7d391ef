/* SPDX-License-Identifier: MIT
 *
 * The tests that every stage has to pass: which namespaces are the container's
 * own by now, the command line, the narration, and that nothing is left behind.
 * A test file puts SHARED_TESTS into its table, beside its own tests:
 *
 *     const struct CMUnitTest tests[] = {
 *         SHARED_TESTS,
 *         cmocka_unit_test(shell_is_pid_1),
 *     };
 *
 * Their expectations depend on `stage`, the stage of the program under test.
 */
#ifndef TESTS_SHARED_H
#define TESTS_SHARED_H

#include "harness.h"

#define ISOLATION_TESTS(TEST)                                   \
    TEST(the_mnt_namespace_is_isolated_from_stage_2_on),        \
        TEST(the_pid_namespace_is_isolated_from_stage_3_on),    \
        TEST(the_uts_namespace_is_isolated_from_stage_4_on),    \
        TEST(the_ipc_namespace_is_isolated_from_stage_4_on),    \
        TEST(the_cgroup_namespace_is_isolated_from_stage_6_on), \
        TEST(the_net_namespace_is_isolated_from_stage_7_on),    \
        TEST(the_time_namespace_is_never_isolated),             \
        TEST(the_user_namespace_is_never_isolated),             \
        TEST(the_hostname_is_the_hosts_before_stage_4),         \
        TEST(the_pid_inside_is_1_from_stage_3_on),              \
        TEST(the_mount_points_are_the_hosts_before_stage_2)

#define COMMAND_TESTS(TEST)                                               \
    TEST(missing_command_gives_127), TEST(missing_path_gives_127),        \
        TEST(empty_command_gives_127),                                    \
        TEST(file_that_is_not_executable_gives_126),                      \
        TEST(directory_gives_126), TEST(name_that_is_too_long_gives_126), \
        TEST(program_of_another_architecture_gives_126),                  \
        TEST(missing_interpreter_gives_126),                              \
        TEST(interpreter_that_cannot_be_executed_gives_126),              \
        TEST(noexec_mount_gives_126),                                     \
        TEST(text_without_interpreter_gives_126),                         \
        TEST(path_with_spaces_is_executed),                               \
        TEST(all_of_1000_arguments_arrive), TEST(argument_of_100_kb_arrives)

#define OPTION_TESTS(TEST)                                                   \
    TEST(unknown_option_gives_125), TEST(unknown_letter_gives_125),          \
        TEST(option_without_its_value_gives_125),                            \
        TEST(value_for_an_option_without_one_gives_125),                     \
        TEST(options_of_later_stages_are_refused_by_name),                   \
        TEST(options_of_later_stages_are_refused_without_value_as_well),     \
        TEST(options_end_at_the_first_word), TEST(double_dash_ends_options), \
        TEST(help_lists_the_options_of_this_stage_alone),                    \
        TEST(namespaces_need_root_and_the_message_says_so),                  \
        TEST(a_root_without_capabilities_is_told_what_it_lacks),             \
        TEST(root_of_a_user_namespace_is_told_what_it_lacks),                \
        TEST(too_few_descriptors_are_one_message)

#define OUTPUT_TESTS(TEST)                                         \
    TEST(standard_output_belongs_to_command_alone),                \
        TEST(quiet_means_not_one_word),                            \
        TEST(narration_has_one_form_and_clone_comes_first),        \
        TEST(clone_comes_first_even_when_the_container_is_faster), \
        TEST(narration_of_a_short_run_fits_a_screen),              \
        TEST(narration_is_what_strace_prints),                     \
        TEST(functions_of_earlier_stages_fold_into_one_line),      \
        TEST(a_failing_call_of_an_earlier_stage_is_shown),         \
        TEST(a_failing_call_is_narrated_with_its_error),           \
        TEST(a_parent_that_fails_narrates_to_its_end),             \
        TEST(narration_of_strings_is_what_strace_prints)

#define UNDO_TESTS(TEST)                                             \
    TEST(nothing_is_left_after_success),                             \
        TEST(nothing_is_left_after_bad_input),                       \
        TEST(any_call_that_fails_ends_the_start_and_leaves_nothing), \
        TEST(nothing_is_left_after_sigint),                          \
        TEST(nothing_is_left_after_sigterm),                         \
        TEST(nothing_is_left_after_sigkill),                         \
        TEST(container_never_runs_on_without_its_parent),            \
        TEST(command_that_handles_sigterm_returns_its_own_status),   \
        TEST(command_that_ignores_sigterm_is_killed_in_the_end)

#define SHARED_TEST_LIST(TEST)                                      \
    ISOLATION_TESTS(TEST), COMMAND_TESTS(TEST), OPTION_TESTS(TEST), \
        OUTPUT_TESTS(TEST), UNDO_TESTS(TEST)

/* The rows for a table of struct CMUnitTest. They are marked: see test_main().
 */
#define SHARED_TEST(name)  cmocka_unit_test_prestate(name, &shared_mark)
#define SHARED_TESTS       SHARED_TEST_LIST(SHARED_TEST)

/* Declares all of them, as void NAME(void **state). */
#define DECLARE_TEST(name) name(void **state)
void SHARED_TEST_LIST(DECLARE_TEST);

#endif
