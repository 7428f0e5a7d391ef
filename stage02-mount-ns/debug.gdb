# SPDX-License-Identifier: MIT
#
# make gdb2: each stop prints what the kernel says of the process. Type
# "continue" to go on, "list" for the source, "quit" to end.
source tools/gdb/start.gdb

tbreak stage02.c:make_mounts_private
commands
  silent
  echo \n--- before make_mounts_private: a copy of the list\n
  mounts /
end

tbreak stage02.c:mount_tmp
commands
  silent
  echo \n--- after make_mounts_private\n
  mounts /
end

tbreak exec_command
commands
  silent
  echo \n--- after mount_tmp\n
  mounts /tmp
end

run
