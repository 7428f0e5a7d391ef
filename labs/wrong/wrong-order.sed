# earns:build kept
# SPDX-License-Identifier: MIT
# Mounts /proc first and makes the mounts private afterwards.
s/^    make_mounts_private();$/    mount_proc();\n    make_mounts_private();/
