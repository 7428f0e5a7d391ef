# earns:; fires:run=silent
# SPDX-License-Identifier: MIT
# Starts nothing.
/^    container->pid =$/,/^    release_container/d; s/^    return wait_for_container(container);$/    (void)stack, (void)flags, (void)container, (void)container_main;\n    return 0;/
