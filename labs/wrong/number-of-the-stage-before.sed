# earns:ns proc end errors; fires:number=other
# SPDX-License-Identifier: MIT
# Keeps the number of the stage before, as a copy of its program does.
s/prepare_container(3, /prepare_container(2, /
