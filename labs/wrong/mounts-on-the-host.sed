# earns:build kept
# SPDX-License-Identifier: MIT
# Leaves the mounts shared with the host.
s/MS_REC | MS_PRIVATE/MS_REC | MS_SHARED/
