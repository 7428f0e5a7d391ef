# earns:build kept ns proc end errors
# SPDX-License-Identifier: MIT
# Not wrong: asks for the PID namespace by unshare(2) before clone(2).
s/^    int flags = SIGCHLD | CLONE_NEWNS | CLONE_NEWPID;$/    int flags = SIGCHLD | CLONE_NEWNS;\n    if (unshare(CLONE_NEWPID) == -1)\n        die("unshare", NULL);/
