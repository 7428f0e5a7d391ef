# SPDX-License-Identifier: MIT
#
# make gdb5: each stop prints what the kernel says of the process. Type
# "continue" to go on, "list" for the source, "quit" to end.
source tools/gdb/start.gdb

set $side = 0
catch syscall pivot_root
commands
  silent
  if $side == 0
    echo \n--- before pivot_root: the host's mounts, and the new root bound to itself\n
  else
    echo \n--- after pivot_root: the old root lies on top of the new one\n
  end
  mounts
  set $side = 1
end

tbreak stage05.c:mount_proc
commands
  silent
  echo \n--- after umount2: the old root is gone, with all mounts in it\n
  mounts
end

tbreak exec_command
commands
  silent
  echo \n--- exec_command: the root is furnished\n
  mounts
end

run
