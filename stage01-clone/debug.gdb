# SPDX-License-Identifier: MIT
#
# make gdb1: each stop prints what the kernel says of the process. Type
# "continue" to go on, "list" for the source, "quit" to end.
source tools/gdb/start.gdb

tbreak stage01.c:leave_session
commands
  silent
  echo \n--- leave_session: the child is still in the caller's session\n
  session
end

tbreak exec_command
commands
  silent
  echo \n--- exec_command: a session of its own\n
  session
end

run
