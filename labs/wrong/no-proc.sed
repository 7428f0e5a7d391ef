# earns:build kept ns end
# SPDX-License-Identifier: MIT
# Mounts no /proc.
s/if (mount("proc", /if (flags == 0 \&\& mount("proc", /
