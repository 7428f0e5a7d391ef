# SPDX-License-Identifier: MIT
#
# make gdb6: each stop prints what the kernel says of the process. Type
# "continue" to go on, "list" for the source, "quit" to end.
source tools/gdb/start.gdb

tbreak stage06.c:join_cgroups
commands
  silent
  echo \n--- before join_cgroups (version 2: the child was made in its cgroup)\n
  cgroups
end

tbreak stage06.c:close_inherited_files
commands
  silent
  echo \n--- after join_cgroups\n
  cgroups
end

tbreak stage06.c:enter_cgroup_namespace
commands
  silent
  echo \n--- before enter_cgroup_namespace\n
  namespaces
end

tbreak stage06.c:mount_cgroups
commands
  silent
  echo \n--- after enter_cgroup_namespace\n
  namespaces
end

run
