# earns:; fires:run=status-125
# SPDX-License-Identifier: MIT
# Mounts a /proc of a type that the kernel does not have.
s/mount("proc", "\/proc", "proc", flags/mount("proc", "\/proc", "process", flags/
