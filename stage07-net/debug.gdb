# SPDX-License-Identifier: MIT
#
# make gdb7: each stop prints what the kernel says of the process. Type
# "continue" to go on, "list" for the source, "quit" to end.
source tools/gdb/start.gdb

tbreak stage07.c:configure_network
commands
  silent
  echo \n--- before configure_network: the parent has made eth0\n
  network
end

tbreak replace_environment
commands
  silent
  echo \n--- after configure_network\n
  network
end

run
