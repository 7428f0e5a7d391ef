# SPDX-License-Identifier: MIT
#
# Commands for a stageNN/debug.gdb: what the kernel says of the process that gdb
# holds. They read /proc and registers and call no function of the program, so
# that the program is not changed by being watched.
#
#     flags          the flags of clone(2) or clone3(2), at the call
#     namespaces     which are the process's own
#     pids           its PID on the host and in the container
#     session        whether it has a session of its own
#     mounts [/ ...] all its mounts, or those at these places
#     processes      whether its /proc shows one process or many
#     hostname       the name of its UTS namespace
#     cgroups        its cgroups below mini-container
#     network        links and addresses of its network namespace
#
# $makes_container() is true at the clone that makes the container, and not at
# that of fork(2), which passes CLONE_CHILD_SETTID.
import os
import re
import subprocess

import gdb

with open(os.path.join(os.path.dirname(__file__), "../names.sh")) as names:
    OURS = re.search(r"^ours=(\S+)", names.read(), re.M).group(1)

KINDS = ["mnt", "pid", "uts", "ipc", "cgroup", "net", "user", "time"]
FLAGS = [(0x00000100, "CLONE_VM"), (0x00020000, "CLONE_NEWNS"),
         (0x02000000, "CLONE_NEWCGROUP"), (0x04000000, "CLONE_NEWUTS"),
         (0x08000000, "CLONE_NEWIPC"), (0x10000000, "CLONE_NEWUSER"),
         (0x20000000, "CLONE_NEWPID"), (0x40000000, "CLONE_NEWNET"),
         (0x200000000, "CLONE_INTO_CGROUP")]


def pid():
    return gdb.selected_inferior().pid


def lines(name):
    with open("/proc/%d/%s" % (pid(), name)) as file:
        return file.read().splitlines()


def first_argument():
    for register in "$rdi", "$x0":
        value = gdb.parse_and_eval(register)
        if value.type.code != gdb.TYPE_CODE_VOID:
            return int(value) & (1 << 64) - 1
    raise gdb.GdbError("flags: unknown architecture")


class Command(gdb.Command):
    def __init__(self):
        super().__init__(type(self).__name__.lower(), gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        if not pid():
            raise gdb.GdbError("no process: type run")
        try:
            self.show(*argument.split())
        except OSError as error:
            raise gdb.GdbError("/proc: %s" % error.strerror)


class Flags(Command):
    def show(self):
        value = first_argument()
        if value >= 1 << 32:  # clone3: the address of struct clone_args
            memory = gdb.selected_inferior().read_memory(value, 40).tobytes()
            value = int.from_bytes(memory[:8], "little")
            value |= int.from_bytes(memory[32:40], "little")
        words = [name for bit, name in FLAGS if value & bit]
        if value & 0xff == 17:
            words.append("SIGCHLD")
        print("flags: " + " | ".join(words))


class Namespaces(Command):
    def show(self):
        own, shared = [], []
        for kind in KINDS:
            link = os.readlink("/proc/%d/ns/%s" % (pid(), kind))
            host = os.readlink("/proc/self/ns/" + kind)
            (own if link != host else shared).append(kind)
        print("own namespaces: " + (" ".join(own) or "none"))
        print("the host's:     " + (" ".join(shared) or "none"))


class Pids(Command):
    def show(self):
        for line in lines("status"):
            if line.startswith("NSpid:"):
                words = line.split()[1:]
                print("PID on the host %s, in the container %s"
                      % (words[0], words[-1]))


class Session(Command):
    def show(self):
        words = lines("stat")[0].rsplit(")", 1)[1].split()
        leads = int(words[3]) == pid()
        print("session: " + ("its own, and it leads it" if leads else "not its own"))


class Mounts(Command):
    def show(self, *places):
        rows = [line.split(" - ") for line in lines("mountinfo")]
        shown = {}  # the last mount at a place covers the others
        for number, (left, right) in enumerate(rows):
            words = left.split()
            kind = re.sub(":.*", "", words[6]) if len(words) > 6 else "private"
            if not places:
                shown[number] = "  %-24s %-8s %s" % (words[4],
                                                     right.split()[0], kind)
            elif words[4] in places:
                shown[words[4]] = "  %s is %s" % (words[4], kind)
        for line in shown.values():
            print(line)
        print("%d mount%s in all" % (len(rows), "s" if len(rows) > 1 else ""))


class Processes(Command):
    def show(self):
        names = os.listdir("/proc/%d/root/proc" % pid())
        count = len([name for name in names if name.isdigit()])
        print("processes in its /proc: " + ("1" if count == 1 else "many"))


class Hostname(Command):
    def show(self):
        words = ["nsenter", "-t", str(pid()), "-u", "hostname"]
        print("hostname: " + subprocess.check_output(words, text=True).strip())


class Cgroups(Command):
    def show(self):
        own = [line for line in lines("cgroup") if "/%s/" % OURS in line]
        for line in own:
            print("  %s: %s" % (line.split(":")[1] or "version 2",
                                re.sub(".*/" + OURS, OURS, line)))
        if not own:
            print("  no cgroup of its own")


class Network(Command):
    def show(self):
        words = ["nsenter", "-t", str(pid()), "-n", "ip", "-br", "-4", "address"]
        for line in subprocess.check_output(words, text=True).splitlines():
            name, state, *addresses = line.split()
            print("  %s %s" % (name, " ".join(addresses)))


class MakesContainer(gdb.Function):
    def __init__(self):
        super().__init__("makes_container")

    def invoke(self):
        value = first_argument()
        return value >= 1 << 32 or not value & 0x01000000


for command in (Flags, Namespaces, Pids, Session, Mounts, Processes, Hostname,
                Cgroups, Network):
    command()
MakesContainer()
