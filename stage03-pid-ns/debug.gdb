# SPDX-License-Identifier: MIT
#
# make gdb3: each stop prints what the kernel says of the process. Type
# "continue" to go on, "list" for the source, "quit" to end.
source tools/gdb/start.gdb

tbreak stage03.c:mount_proc
commands
  silent
  echo \n--- before mount_proc: the host's /proc\n
  pids
  processes
end

tbreak stage03.c:mount_tmp
commands
  silent
  echo \n--- after mount_proc\n
  pids
  processes
end

run
