# SPDX-License-Identifier: MIT
# `make` alone lists what there is to type.

CFLAGS   ?= -O2 -g
BUILD    := build
STAGES   := 1 2 3 4 5 6 7
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion \
            -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef
ALL_CFLAGS = -std=gnu11 -MMD -MP $(WARNINGS) $(CFLAGS)

# The calls that common/narrate.c stands in for, see common/narrate.h.
CALLS := clone clone3 unshare prctl mount umount2 pivot_root open_tree move_mount \
         mount_setattr close_range sethostname chdir chroot mknod symlink \
         kill waitpid execve
WRAP  := $(CALLS:%=-Wl,--wrap=%)

# Stage 7 alone needs libmnl, and what is built on it.
NETWORK := $(BUILD)/common/netlink.o $(BUILD)/common/network.o
COMMON  := $(filter-out $(NETWORK), \
             $(patsubst %.c,$(BUILD)/%.o,$(wildcard common/*.c)))
HARNESS := $(addprefix $(BUILD)/tests/,harness.o apart.o isolation.o \
             cgroups.o network.o)
PROGRAMS := $(foreach n,$(STAGES),$(BUILD)/stage0$(n))
TESTS    := $(patsubst tests/test_%.c,%,$(wildcard tests/test_*.c))

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
#: make stageN    build stage N (1 to 7) and its root; ./run runs it
#: make stages    build all of them
#: make rootfs    build the BusyBox root file system
#: make diffN     what stage N adds to stage N-1
#: make test      prove that every stage isolates what it says, and no more
#: make testN     the same for stage N alone
#: make vm        a root shell without root: a machine on this tree, cgroup v2;
#:                make vm CMD='make test6' runs one command in it
#: make vm-test   make test in that machine, less the tests of scripts
#: make mutants   prove that the tests notice what is missing from a stage
#: make lessons   type the lessons' commands, compare what they print
#: make check     format, warnings, static analysis, the rules for stages
#: make faults    let every kernel call fail, kill the parent at each of them
#: make builds    two compilers, musl, arm64, sanitizers, valgrind (5 minutes)
#: make fuzz      four minutes of invented command lines
#: make bench     what a start costs, beside the bare kernel calls and others
#: make clean     remove what was built
#: make clean-host  undo what a killed container may have left on the host
#:
#: make setup stage7 && sudo ./run   is all it takes; a second word installs
#: only what it needs itself: make setup test, make setup check.

.PHONY: setup
setup:
	@./setup.sh $(filter-out setup,$(MAKECMDGOALS))

# --- building ---------------------------------------------------------------

.SECONDARY:
.DELETE_ON_ERROR:

$(BUILD)/%.o: %.c Makefile | $(SETUP)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -c -o $@ $<

$(BUILD)/libcommon.a: $(COMMON)
	@rm -f $@
	@$(AR) rcs $@ $^

# Static programs show their own calls in strace and nothing else, and start
# in half the time. Where the C library cannot be linked statically, they work
# as well when linked dynamically, which is what STATIC= asks for.
STATIC := -static
LINK = $(CC) $(CFLAGS) $(LDFLAGS) $(STATIC) -o $@ $(filter %.o %.a,$^) $(1) \
	2>/dev/null || $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(1)

define STAGE_RULES
SOURCE$(1) := $$(wildcard stage0$(1)-*/stage0$(1).c)
$$(BUILD)/stage0$(1): $$(SOURCE$(1):%.c=$$(BUILD)/%.o) \
    $(if $(filter 7,$(1)),$$(NETWORK)) $$(BUILD)/libcommon.a
	@echo "  LINK  $$@"
	@$$(call LINK,$$(WRAP) $(if $(filter 7,$(1)),-lmnl))

.PHONY: stage$(1) test$(1)
stage$(1): $$(BUILD)/stage0$(1) $(if $(filter-out 1 2 3 4,$(1)),rootfs)
	@ln -sfn $$(BUILD)/stage0$(1) run
	@echo "Stage $(1) is built: $(if $(filter-out 1,$(1)),$(SUDO))./run"

test$(1): test-needs
	@$(SUDO)tests/run.sh $$(BUILD)/tests/test_stage0$(1)
endef
$(foreach n,$(STAGES),$(eval $(call STAGE_RULES,$(n))))

define DIFF_RULE
.PHONY: diff$(2)
diff$(2):
	@git --no-pager diff --no-index stage0$(1)-*/stage0$(1).c \
	    stage0$(2)-*/stage0$(2).c || [ $$$$? -eq 1 ]
endef
$(foreach n,$(filter-out 1,$(STAGES)),\
    $(eval $(call DIFF_RULE,$(shell expr $(n) - 1),$(n))))

.PHONY: stages
stages: $(PROGRAMS) $(BUILD)/escape

.PHONY: rootfs
rootfs: | $(SETUP)
	@rootfs/build.sh $(BUILD)/rootfs

stage5: $(BUILD)/escape
$(BUILD)/escape: $(BUILD)/stage05-rootfs-chroot/escape.o
	@echo "  LINK  $@"
	@$(call LINK,)

# --- proving ----------------------------------------------------------------

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(HARNESS)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka

# What the earlier stages proved also holds for the last one.
LATER := $(filter-out stage07 rootfs doctor harness,$(TESTS))
SUITE = $(TESTS:%=$(BUILD)/tests/test_%) $(LATER:%="$(BUILD)/tests/test_% 7")

.PHONY: test-programs test-needs test
test-programs: $(TESTS:%=$(BUILD)/tests/test_%)
test-needs: test-programs $(PROGRAMS) $(BUILD)/escape rootfs

test: test-needs
	@$(SUDO)tests/run.sh $(SUITE)

# The status of tests/vm.sh is that of CMD; make turns all but 0 into 2.
.PHONY: vm vm-test vm-check
vm-check: | $(SETUP)
	@tests/vm.sh --check

vm: export VM_COMMAND := $(value CMD)
vm: vm-check stages rootfs
	@[ -e run ] || ln -sfn $(BUILD)/stage07 run
	@tests/vm.sh $(if $(value CMD),"$$VM_COMMAND",|| :)

# Those of doctor and rootfs try out scripts: another kernel changes nothing.
vm-test: TESTS := $(filter-out doctor rootfs,$(TESTS))
vm-test: vm-check test-needs
	@tests/vm.sh 'tests/run.sh $(SUITE)'

$(BUILD)/tests/faults: $(BUILD)/tests/faults.o $(HARNESS)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka

$(BUILD)/tests/inject: $(BUILD)/tests/inject.o
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

.PHONY: faults
faults: $(BUILD)/tests/faults $(BUILD)/tests/inject test-needs
	@$(SUDO)tests/run.sh $(STAGES:%="$(BUILD)/tests/faults %")

# `tests/mutants.sh 3` for those of stage 3 alone.
.PHONY: mutants
mutants: test-needs
	@$(SUDO)tests/mutants.sh

$(BUILD)/floor: $(BUILD)/tests/floor.o
	@echo "  LINK  $@"
	@$(call LINK,)

$(BUILD)/bench: $(BUILD)/tests/bench.o
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

.PHONY: bench
bench: $(BUILD)/bench $(BUILD)/floor $(BUILD)/stage07 rootfs
	@$(SUDO)$(BUILD)/bench

# exit(3) ends one call of the parser and not the fuzzer, which also keeps its
# standard output: see tests/fuzz.c.
$(BUILD)/fuzz: tests/fuzz.c common/options.c Makefile | rootfs
	@echo "  FUZZ  $@"
	@clang -std=gnu11 -g -O1 $(WARNINGS) -Dexit=leave -Dfclose=fflush \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    -o $@ $(filter %.c,$^)

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: $(BUILD)/fuzz
	@for name in options size cpus volume; do \
	    mkdir -p $(BUILD)/corpus/$$name && \
	    FUZZ=$$name $(BUILD)/fuzz -max_total_time=$(FUZZ_SECONDS) \
	        -close_fd_mask=1 -print_final_stats=1 -verbosity=0 \
	        -artifact_prefix=$(BUILD)/ $(BUILD)/corpus/$$name \
	        tests/corpus/$$name || exit 1; \
	done

.PHONY: builds
builds: test-needs
	@SUDO="$(SUDO)" tests/builds.sh

.PHONY: doctor
doctor:
	@./doctor

.PHONY: lessons
lessons: stages rootfs
	@$(SUDO)tests/lessons.sh

.PHONY: check
check: | $(SETUP)
	@tests/check.sh

.PHONY: print-calls
print-calls:
	@echo $(CALLS)

# --- cleaning ---------------------------------------------------------------

.PHONY: clean
clean:
	rm -rf $(BUILD) run

# What a container leaves whose parent was killed too: a cgroup, the bridge.
.PHONY: clean-host
clean-host: $(BUILD)/stage07
	@$(SUDO)common/clean-host.sh $(BUILD)/stage07

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
