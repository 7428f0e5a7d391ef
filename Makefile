# SPDX-License-Identifier: MIT
# `make` alone lists the goals.

CFLAGS   ?= -O2 -g
BUILD    := build
# The stages' numbers, 1 2 3 ...; $(call two,N) prints N with two digits.
STAGES   := $(patsubst stage%,%,$(patsubst stage0%,%,$(sort $(foreach directory,\
             $(wildcard stage[0-9][0-9]-*/.),$(firstword $(subst -, ,$(directory)))))))
LAST     := $(lastword $(STAGES))
# The number N, if stage N has a root, or a network.
has-root    = $(filter-out 1 2 3 4,$(1))
has-network = $(filter-out 1 2 3 4 5 6,$(1))
two       = $(if $(filter 1 2 3 4 5 6 7 8 9,$(1)),0$(1),$(1))
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion \
            -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef
ALL_CFLAGS = -std=gnu11 -MMD -MP $(WARNINGS) $(CFLAGS)

# The calls that common/calls.c narrates, see common/narrate.h.
CALLS := clone clone3 unshare prctl mount umount2 pivot_root open_tree move_mount \
         mount_setattr close_range sethostname setdomainname setsid setgroups \
         keyctl chdir chroot mknod symlink kill waitpid execve
WRAP  := $(CALLS:%=-Wl,--wrap=%)

# Link libnl and the files for the network from stage 7 on only.
NETWORK := $(addprefix $(BUILD)/common/,lock.o netlink.o network.o)
# gcc replaces = by the directory of --sysroot, if there is one.
LIBNL   := -isystem =/usr/include/libnl3 -isystem /usr/include/libnl3
COMMON  := $(filter-out $(NETWORK), \
             $(patsubst %.c,$(BUILD)/%.o,$(wildcard common/*.c)))
# A lab's program may not be there yet.
PROGRAMS := $(foreach n,$(STAGES),$(if $(wildcard \
    $(foreach d,stage$(call two,$(n))-* lab,$(d)/stage$(call two,$(n)).c)),\
    $(BUILD)/stage$(call two,$(n))))
ESCAPE   := $(if $(wildcard stage05-*/escape.c),$(BUILD)/escape)

LAST_PROGRAM := $(BUILD)/stage$(call two,$(LAST))

# Make goals that build wait for setup: `make -j setup stage7` installs first.
SETUP := $(filter setup,$(MAKECMDGOALS))

# The word to type before ./run.
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo )

# A line that begins with "#:+" is not shown in the handout of a lab.
.PHONY: help
help:
	@sed -n $(if $(wildcard tests/mutants),-e 's/^#:+ \?//p') -e 's/^#: //p' Makefile

#: make doctor    check this machine; print the commands that mend it
#: make setup     install missing packages (compiler, static BusyBox, ...)
#: make stageN    build stage N (1, 2, ...) and its root; ./run runs it
#: make stages    build all stages
#: make rootfs    build the BusyBox root file system
#:+ make demoN     show lesson N in two terminals (tmux), a command for each
#:+                press of Enter; AUTO=1 needs no press, CAST=FILE records it
#:+ make gdbN      run stage N in gdb, with its breakpoints; AUTO=1 goes on by
#:+                itself
#: make look      show the running containers, as the host sees them
#:+ make diffN     show what stage N adds to stage N-1
#: make test      prove that each stage isolates what it says, and no more
#: make testN     the same for stage N alone
#: make labN      begin lab N: write stage N yourself, in lab/stageNN.c;
#:                SEED=NAME lets a teacher see whose it is, FILE=PATH begins
#:                the lab in PATH instead
#: make gradeN    grade it in a virtual machine, without root; HOST=1: on this
#:                host, as root; TEST=ID: that requirement alone
#: make hintN     print the first requirement that failed, and its hint
#: make vm        open a root shell on this tree in a virtual machine with
#:                cgroup v2; needs no root. CMD='make test6' runs one command,
#:                ARCH=arm64 selects another architecture
#:+ make vm-test   run make test in that machine (10 minutes)
#:+ make mutants   prove that the tests notice each missing part of a stage
#:+ make lessons   run the lessons' commands and compare their output
#:+ make check     check format, warnings, static analysis, rules for stages
#:+ make faults    make each kernel call fail, and kill the parent at each
#:+ make builds    two compilers, musl, arm64, sanitizers, valgrind (5 minutes)
#:+ make fuzz      try generated command lines (4 minutes)
#:+ make bench     measure a start, and compare it with other runtimes
#:+ make handoutN  pack lab N for students, without the solution
#:+ make grades    grade a class: DIR=submissions LAB=3; JOBS=4 at a time
#:+ make calibrate prove that the grades of labs are right; LAB=3 for one
#: make clean     remove the build directory
#:+ make clean-host  remove what killed parents left on the host; KILL=1 also
#:+                kills containers that survived their parent
#:+
#:+ make setup stage7 && sudo ./run   is all it takes. With a second goal, setup
#:+ installs only what that goal needs: make setup test, make setup check.

.PHONY: setup
setup:
	@ARCH="$(ARCH)" HOST="$(HOST)" sh tools/setup.sh $(filter-out setup,$(MAKECMDGOALS))

# --- problems that stop a build, and their hints ------------------------------

# The first directory that this user cannot write to, as OWNER:DIRECTORY. `sudo
# make` leaves such directories, owned by root.
UNWRITABLE := $(firstword $(shell for d in $(BUILD)/ $(BUILD)/*/ ./; do \
    [ ! -d "$$d" ] || [ -w "$$d" ] || stat -c '%U:%n' "$$d"; done))
ifneq ($(UNWRITABLE),)
ifneq ($(filter-out help doctor diff% vm-check,$(or $(MAKECMDGOALS),help)),)
ifeq ($(filter root:$(BUILD)%,$(UNWRITABLE)),)
$(error $(lastword $(subst :, ,$(UNWRITABLE))) belongs to another user. Copy \
    this tree: cp -R . ~/containers)
else
$(error $(lastword $(subst :, ,$(UNWRITABLE))) belongs to root, because make \
    was run with sudo. Type: sudo make clean)
endif
endif
endif

# $(call hint,PROBLEM,COMMAND): prints both and fails.
hint = { printf '%s\n  hint: %s\n' $(1) $(2) >&2; exit 1; }

.PHONY: has-cmocka has-libnl can-execute
has-cmocka: | $(SETUP)
	@for name in stdarg stddef stdint setjmp cmocka; do \
	    echo "#include <$$name.h>"; done | \
	    $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1 || \
	    $(call hint,'cmocka.h not found: the tests need it','make setup test')

has-libnl: | $(SETUP)
	@echo '#include <netlink/route/link.h>' | \
	    $(CC) $(CPPFLAGS) $(LIBNL) -E - >/dev/null 2>&1 || \
	    $(call hint,'libnl-route-3 not found: stage 7 needs it','make setup stage7')

# /tmp and USB sticks are often mounted noexec.
can-execute: | $(SETUP)
	@command -v $(firstword $(CC)) >/dev/null || \
	    $(call hint,'$(firstword $(CC)) not found','make setup')
	@[ -x doctor ] || [ -z "$$(find doctor -perm -100 2>/dev/null)" ] || $(call hint,\
	    'this file system is mounted noexec: no program of this tree can run',\
	    'copy the tree to another one: cp -R . ~/containers')

# --- building -----------------------------------------------------------------

.SECONDARY:
.DELETE_ON_ERROR:

# Remove build/run when a build fails: otherwise ./run would run the program of
# the previous build.
failed = { rm -f $(BUILD)/run; exit 1; }

$(BUILD)/%.o: $(BUILD)/%.c
	@$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -I. -c -o $@ $<

$(BUILD)/%.o: %.c Makefile | $(SETUP) can-execute
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -c -o $@ $< || $(failed)

$(NETWORK): | has-libnl
$(NETWORK): ALL_CFLAGS += $(LIBNL)

$(BUILD)/libcommon.a: $(COMMON)
	@rm -f $@
	@$(AR) rcs $@ $^

# Link statically: strace then shows the stage's calls and no loading, and the
# start takes half the time. Link dynamically if that fails, or with STATIC=.
STATIC := -static
LINK = $(CC) $(CFLAGS) $(LDFLAGS) $(STATIC) -o $@ $(filter %.o %.a,$^) $(1) \
	2>/dev/null || $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(1)

# $(call earlier,STAGE,SOURCE): prints a C file with the names of the functions
# in SOURCE, that of the previous stage. See common/narrate.h.
earlier = { echo '\#include "common/narrate.h"'; \
    echo 'const int earlier_stages = $(1);'; \
    echo 'const char *const earlier_functions[] = {'; \
    sed -n 's/^static [^=;]*[ *]\([a-z_0-9]*\)(.*[^;]$$/    "\1",/p' /dev/null $(2); \
    echo '    0};'; }

# $(1): a stage's number; $(2): the same with two digits; $(3): the number of
# the previous stage.
define STAGE_RULES
SOURCE$(1) := $$(or $$(wildcard stage$(2)-*/stage$(2).c),lab/stage$(2).c)
EARLIER$(1) := $(if $(3),$$(wildcard stage$(call two,$(3))-*/stage$(call two,$(3)).c))
$$(SOURCE$(1):%.c=$$(BUILD)/%.o): ALL_CFLAGS += -finstrument-functions
$$(BUILD)/earlier$(2).c: $$(EARLIER$(1)) Makefile | $$(SETUP)
	@mkdir -p $$(@D)
	@$$(call earlier,$(or $(3),0),$$(EARLIER$(1))) >$$@

$$(BUILD)/stage$(2): $$(SOURCE$(1):%.c=$$(BUILD)/%.o) $$(BUILD)/earlier$(2).o \
    $(if $(call has-network,$(1)),$$(NETWORK)) $$(BUILD)/libcommon.a
	@echo "  LINK  $$@"
	@$$(call LINK,$$(WRAP) $(if $(call has-network,$(1)),-lnl-route-3 -lnl-3)) || \
	    $$(failed)

.PHONY: stage$(1)
stage$(1): $$(BUILD)/stage$(2) $(if $(call has-root,$(1)),rootfs)
	@ln -sfn stage$(2) $$(BUILD)/run
	@echo "Stage $(1) is built: $(if $(filter-out 1,$(1)),$(SUDO))./run"
endef
BEFORE :=
$(foreach n,$(STAGES),\
    $(eval $(call STAGE_RULES,$(n),$(call two,$(n)),$(BEFORE)))\
    $(eval BEFORE := $(n)))

# $(1), $(2): a stage and the next one, with two digits; $(3): the next one's
# number.
define DIFF_RULE
.PHONY: diff$(3)
diff$(3):
	@git --no-pager diff --no-index stage$(1)-*/stage$(1).c \
	    stage$(2)-*/stage$(2).c || [ $$$$? -eq 1 ]
endef
BEFORE :=
$(foreach n,$(STAGES),$(if $(BEFORE),\
    $(eval $(call DIFF_RULE,$(call two,$(BEFORE)),$(call two,$(n)),$(n))))\
    $(eval BEFORE := $(n)))

# Goals of stages that do not exist: make stage99, make diff1.
VERBS := stage test diff gdb demo lab grade hint handout
UNKNOWN := $(filter-out stages test test-% grades $(STAGES:%=grade-needs%) \
    $(foreach verb,$(filter-out diff,$(VERBS)),$(STAGES:%=$(verb)%)) \
    $(addprefix diff,$(filter-out $(firstword $(STAGES)),$(STAGES))),\
    $(filter $(VERBS:%=%%),$(MAKECMDGOALS)))
.PHONY: $(UNKNOWN)
$(UNKNOWN):
	@$(call hint,'make $@: there is no such stage here',\
	    'the stages are $(STAGES): make $(addsuffix $(LAST),$(strip \
	    $(foreach verb,$(VERBS),$(if $(filter $(verb)%,$@),$(verb)))))')
comma := ,

.PHONY: stages
stages: $(PROGRAMS) $(ESCAPE)

.PHONY: rootfs
rootfs: | $(SETUP)
	@rootfs/build.sh $(BUILD)/private/rootfs

stage5: | $(BUILD)/escape
$(BUILD)/escape: $(BUILD)/stage05-rootfs-chroot/escape.o
	@echo "  LINK  $@"
	@$(call LINK,)

.PHONY: doctor
doctor:
	@sh doctor

# $(1): a stage's number; $(2): the same with two digits.
define SHOW_RULE
.PHONY: gdb$(1)
gdb$(1): $(if $(call has-root,$(1)),rootfs)
	@$$(MAKE) -s BUILD=$$(BUILD)/gdb CFLAGS='-Og -g' \
	    $$(BUILD)/gdb/stage$(2) >/dev/null
	@$$(SUDO)env AUTO="$$(AUTO)" CMD="$$(CMD)" tools/gdb/gdb.sh $(1)

.PHONY: demo$(1)
demo$(1): stages rootfs $$(BUILD)/look
	@AUTO="$$(AUTO)" CAST="$$(CAST)" PACE="$$(PACE)" tools/demo/demo.sh $(1)
endef
$(foreach n,$(STAGES),$(eval $(call SHOW_RULE,$(n),$(call two,$(n)))))

LOOK := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/look/*.c))
$(BUILD)/look: $(LOOK) $(BUILD)/libcommon.a
	@echo "  LINK  $@"
	@$(call LINK,)

# sudo build/look --help lists what it shows besides the containers.
.PHONY: look pictures
look: $(BUILD)/look
	@$(SUDO)$<

# The pictures of the lessons. tests/verbs/test_look.c compares them.
pictures: stages rootfs $(BUILD)/look
	@$(SUDO)tools/look/pictures.sh

include tests/tests.mk
include labs/labs.mk

# --- cleaning -----------------------------------------------------------------

.PHONY: clean
clean:
	rm -rf $(BUILD)

# A container whose parent was killed can leave a cgroup and the bridge.
.PHONY: clean-host
clean-host: $(LAST_PROGRAM)
	@$(SUDO)env KILL="$(KILL)" tools/clean-host.sh $<

-include $(shell find $(BUILD) -path $(BUILD)/vm -prune -o -name '*.d' -print 2>/dev/null)
