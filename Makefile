# SPDX-License-Identifier: MIT
# `make` alone lists what there is to type.

CFLAGS   ?= -O2 -g
BUILD    := build
# The numbers of the stages that are here, 1 2 3 ..., and with two digits each.
STAGES   := $(patsubst stage%,%,$(patsubst stage0%,%,$(sort $(foreach directory,\
             $(wildcard stage[0-9][0-9]-*/.),$(firstword $(subst -, ,$(directory)))))))
LAST     := $(lastword $(STAGES))
two       = $(if $(filter 1 2 3 4 5 6 7 8 9,$(1)),0$(1),$(1))
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion \
            -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef
ALL_CFLAGS = -std=gnu11 -MMD -MP $(WARNINGS) $(CFLAGS)

# The calls that common/calls.c stands in for, see common/narrate.h.
CALLS := clone clone3 unshare prctl mount umount2 pivot_root open_tree move_mount \
         mount_setattr close_range sethostname setdomainname setsid setgroups \
         keyctl chdir chroot mknod symlink kill waitpid execve
WRAP  := $(CALLS:%=-Wl,--wrap=%)

# Stage 7 alone needs libmnl, and what is built on it.
NETWORK := $(addprefix $(BUILD)/common/,lock.o netlink.o network.o)
COMMON  := $(filter-out $(NETWORK), \
             $(patsubst %.c,$(BUILD)/%.o,$(wildcard common/*.c)))
PROGRAMS := $(foreach n,$(STAGES),$(BUILD)/stage$(call two,$(n)))

LAST_PROGRAM := $(BUILD)/stage$(call two,$(LAST))

# `make setup stage7` installs before it builds, under make -j as well, and
# installs no more than the other words on the command line need.
SETUP := $(filter setup,$(MAKECMDGOALS))

# What a reader has to type before ./run.
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo )

.PHONY: help
help:
	@sed -n 's/^#: //p' Makefile

#: make doctor    whether this machine will do, and what to type if not
#: make setup     install what is missing (compiler, static BusyBox, ...)
#: make stageN    build stage N (1, 2, ...) and its root; ./run runs it
#: make stages    build all of them
#: make rootfs    build the BusyBox root file system
#: make diffN     what stage N adds to stage N-1
#: make test      prove that every stage isolates what it says, and no more
#: make testN     the same for stage N alone
#: make vm        a root shell without root: a machine on this tree, cgroup v2;
#:                make vm CMD='make test6' runs one command in it;
#:                make vm ARCH=arm64 makes it one of another architecture
#: make vm-test   make test in that machine: 10 minutes
#: make mutants   prove that the tests notice what is missing from a stage
#: make lessons   type the lessons' commands, compare what they print
#: make check     format, warnings, static analysis, the rules for stages
#: make faults    let every kernel call fail, kill the parent at each of them
#: make builds    two compilers, musl, arm64, sanitizers, valgrind (5 minutes)
#: make fuzz      four minutes of invented command lines
#: make bench     what a start costs, beside the bare kernel calls and others
#: make clean     remove what was built
#: make clean-host  undo what a killed container may have left on the host;
#:                with KILL=1 also end containers that survived their parent
#:
#: make setup stage7 && sudo ./run   is all it takes; a second word installs
#: only what it needs itself: make setup test, make setup check.

.PHONY: setup
setup:
	@ARCH="$(ARCH)" sh tools/setup.sh $(filter-out setup,$(MAKECMDGOALS))

# --- what would stop a build, and what to type then -----------------------------

# A directory that belongs to root, after sudo make, or to somebody else.
UNWRITABLE := $(firstword $(shell for d in $(BUILD)/ $(BUILD)/*/ ./; do \
    [ ! -d "$$d" ] || [ -w "$$d" ] || stat -c '%U:%n' "$$d"; done))
ifneq ($(UNWRITABLE),)
ifneq ($(filter-out help doctor diff% vm-check,$(or $(MAKECMDGOALS),help)),)
ifeq ($(filter root:$(BUILD)%,$(UNWRITABLE)),)
$(error $(lastword $(subst :, ,$(UNWRITABLE))) belongs to another user. Make \
    yourself a copy of this tree: git clone . ~/containers)
else
$(error $(lastword $(subst :, ,$(UNWRITABLE))) belongs to root, because make \
    was run with sudo. Type: sudo make clean)
endif
endif
endif

# $(call hint,PROBLEM,WHAT TO TYPE): the end of a recipe.
hint = { printf '%s\n  hint: %s\n' $(1) $(2) >&2; exit 1; }

.PHONY: has-cmocka has-libmnl can-execute
has-cmocka: | $(SETUP)
	@for name in stdarg stddef stdint setjmp cmocka; do \
	    echo "#include <$$name.h>"; done | \
	    $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1 || \
	    $(call hint,'cmocka.h not found: the tests need it','make setup test')

has-libmnl: | $(SETUP)
	@echo '#include <libmnl/libmnl.h>' | \
	    $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1 || \
	    $(call hint,'libmnl.h not found: stage 7 needs it','make setup stage7')

# A file system may be mounted noexec, as /tmp and sticks often are.
can-execute: | $(SETUP)
	@command -v $(firstword $(CC)) >/dev/null || \
	    $(call hint,'$(firstword $(CC)) not found','make setup')
	@[ -x doctor ] || [ -z "$$(find doctor -perm -100 2>/dev/null)" ] || $(call hint,\
	    'this file system is mounted noexec: no program in it can be executed',\
	    'copy the tree to another one: cp -R . ~/containers')

# --- building ---------------------------------------------------------------

.SECONDARY:
.DELETE_ON_ERROR:

# ./run executes build/run. A build that fails takes that away, so that nobody
# tries out the program of before.
failed = { rm -f $(BUILD)/run; exit 1; }

$(BUILD)/%.o: $(BUILD)/%.c
	@$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -I. -c -o $@ $<

$(BUILD)/%.o: %.c Makefile | $(SETUP) can-execute
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -c -o $@ $< || $(failed)

$(NETWORK): | has-libmnl

$(BUILD)/libcommon.a: $(COMMON)
	@rm -f $@
	@$(AR) rcs $@ $^

# Static programs show their own calls in strace and nothing else, and start
# in half the time. Where the C library cannot be linked statically, they work
# as well when linked dynamically, which is what STATIC= asks for.
STATIC := -static
LINK = $(CC) $(CFLAGS) $(LDFLAGS) $(STATIC) -o $@ $(filter %.o %.a,$^) $(1) \
	2>/dev/null || $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(1)

# $(call earlier,STAGE,SOURCE): which functions STAGE, the one before, has; in
# the words of common/narrate.h.
earlier = { echo '\#include "common/narrate.h"'; \
    echo 'const int earlier_stages = $(1);'; \
    echo 'const char *const earlier_functions[] = {'; \
    sed -n 's/^static [^=;]*[ *]\([a-z_0-9]*\)(.*[^;]$$/    "\1",/p' /dev/null $(2); \
    echo '    0};'; }

# $(1): the number of a stage; $(2): with two digits; $(3): the number of the one
# before.
define STAGE_RULES
SOURCE$(1) := $$(wildcard stage$(2)-*/stage$(2).c)
EARLIER$(1) := $(if $(3),$$(wildcard stage$(call two,$(3))-*/stage$(call two,$(3)).c))
$$(SOURCE$(1):%.c=$$(BUILD)/%.o): ALL_CFLAGS += -finstrument-functions
$$(BUILD)/earlier$(2).c: $$(EARLIER$(1)) Makefile | $$(SETUP)
	@mkdir -p $$(@D)
	@$$(call earlier,$(or $(3),0),$$(EARLIER$(1))) >$$@

$$(BUILD)/stage$(2): $$(SOURCE$(1):%.c=$$(BUILD)/%.o) $$(BUILD)/earlier$(2).o \
    $(if $(filter-out 1 2 3 4 5 6,$(1)),$$(NETWORK)) $$(BUILD)/libcommon.a
	@echo "  LINK  $$@"
	@$$(call LINK,$$(WRAP) $(if $(filter-out 1 2 3 4 5 6,$(1)),-lmnl)) || \
	    $$(failed)

.PHONY: stage$(1)
stage$(1): $$(BUILD)/stage$(2) $(if $(filter-out 1 2 3 4,$(1)),rootfs)
	@ln -sfn stage$(2) $$(BUILD)/run
	@echo "Stage $(1) is built: $(if $(filter-out 1,$(1)),$(SUDO))./run"
endef
BEFORE :=
$(foreach n,$(STAGES),\
    $(eval $(call STAGE_RULES,$(n),$(call two,$(n)),$(BEFORE)))\
    $(eval BEFORE := $(n)))

# $(1), $(2): two stages, one after the other, with two digits; $(3): the number
# of the second.
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

# make stage9, make test, make diff1: a number that is not there.
UNKNOWN := $(filter-out stages test test-% $(STAGES:%=stage%) $(STAGES:%=test%) \
    $(addprefix diff,$(filter-out $(firstword $(STAGES)),$(STAGES))),\
    $(filter stage% test% diff%,$(MAKECMDGOALS)))
.PHONY: $(UNKNOWN)
$(UNKNOWN):
	@$(call hint,'make $@: there is no such stage here',\
	    'the stages are $(STAGES): make stage1$(comma) make test1$(comma) make diff2')
comma := ,

.PHONY: stages
stages: $(PROGRAMS) $(BUILD)/escape

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

include tests/tests.mk

# --- cleaning ---------------------------------------------------------------

.PHONY: clean
clean:
	rm -rf $(BUILD)

# What a container leaves whose parent was killed too: a cgroup, the bridge.
.PHONY: clean-host
clean-host: $(LAST_PROGRAM)
	@$(SUDO)env KILL="$(KILL)" tools/clean-host.sh $<

-include $(shell find $(BUILD) -path $(BUILD)/vm -prune -o -name '*.d' -print 2>/dev/null)
