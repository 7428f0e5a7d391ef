#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs test programs, two at once, and counts: tests/run.sh PROGRAM...
set -eu
