# SPDX-License-Identifier: MIT
#
# The names that the stages give to what they make on the host, for scripts; C
# tests have them from tests/lib/names.h.
# shellcheck shell=sh disable=SC2034 # read by whoever sources this file

bridge=mini0        # of stage 7
ours=mini-container # the cgroups of stage 6
