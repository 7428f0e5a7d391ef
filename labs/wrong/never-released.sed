# earns:; fires:run=hangs
# SPDX-License-Identifier: MIT
# Does not tell the container to go on.
/^    release_container(container);$/d
