# earns:ns proc; fires:status=0
# SPDX-License-Identifier: MIT
# Does not pass the status of COMMAND on.
s/^    return wait_for_container(container);$/    wait_for_container(container);\n    return 0;/
