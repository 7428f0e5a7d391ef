# SPDX-License-Identifier: MIT
#
# The beginning of each stageNN/debug.gdb: settings, and the stops that all
# stages share. NOTES.md, "The debugger in a container", gives the reasons.
set pagination off
set confirm off
set debuginfod enabled off
set startup-with-shell off
set print thread-events off
set print inferior-events off

# Look for files on the host, and not below the container's root. Load no
# libraries of COMMAND.
set sysroot /
set auto-solib-add off
set breakpoint pending on

# The parent waits for SIGCHLD. It must get the signal and gdb need not stop.
handle SIGCHLD nostop noprint pass
handle SIGPIPE nostop noprint pass
source tools/gdb/container.py

# Breakpoints are temporary: after the exec, no function of ours is left.
tbreak main
commands
  silent
  echo \n--- main: one process, on the host\n
  namespaces
end

tcatch syscall clone clone3
condition $bpnum $makes_container()
commands
  silent
  echo \n--- clone: the parent asks for the child. From here on, gdb holds the child\n
  flags
  set follow-fork-mode child
end

tbreak container_main
commands
  silent
  echo \n--- container_main: the child, before it changes anything\n
  pids
  namespaces
end

tcatch exec
commands
  silent
  echo \n--- exec: the process has become COMMAND\n
  namespaces
end
