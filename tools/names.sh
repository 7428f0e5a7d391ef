# SPDX-License-Identifier: MIT
#
# The names of what stages 6 and 7 make on the host, for scripts. C programs have
# them from common/names.h.
# shellcheck shell=sh disable=SC2034 # read by whoever sources this file

bridge=mini0        # of stage 7
ours=mini-container # the cgroups of stage 6
