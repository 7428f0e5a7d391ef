# SPDX-License-Identifier: MIT
#
# make gdb4: each stop prints what the kernel says of the process. Type
# "continue" to go on, "list" for the source, "quit" to end.
source tools/gdb/start.gdb

tbreak stage04.c:set_hostname
commands
  silent
  echo \n--- before set_hostname: a copy of the host's name\n
  hostname
end

tbreak stage04.c:mount_mqueue
commands
  silent
  echo \n--- after set_hostname\n
  hostname
end

tbreak exec_command
commands
  silent
  echo \n--- after mount_shm\n
  mounts /dev/shm
end

run
