# SPDX-License-Identifier: MIT
#
# The tests, and the tests of the tests. The Makefile includes this file.

HARNESS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/lib/test_% \
             tests/lib/probe.c,$(wildcard tests/lib/*.c)))
TEST_SOURCES := $(wildcard tests/*/test_*.c)
TESTS    := $(patsubst test_%.c,%,$(notdir $(TEST_SOURCES)))

$(BUILD)/tests/%.o: tests/%.c Makefile tests/tests.mk | \
    $(SETUP) can-execute has-cmocka
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -c -o $@ $<

# The program of tests/DIRECTORY/test_NAME.c is build/tests/test_NAME.
define TEST_RULE
$$(BUILD)/tests/$(basename $(notdir $(1))): $$(BUILD)/$(1:.c=.o) $$(HARNESS)
	@echo "  LINK  $$@"
	@$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ -lcmocka
endef
$(foreach source,$(TEST_SOURCES),$(eval $(call TEST_RULE,$(source))))

# sudo drops the environment.
PATIENT := $(if $(PATIENCE),env PATIENCE="$(PATIENCE)" )

# Build only the stages up to the tested one: a later one may be missing or
# broken. $(1): a stage's number; $(2): the same with two digits; $(3): all
# numbers up to it.
define STAGE_TEST_RULE
.PHONY: test$(1)
test$(1): $$(BUILD)/tests/test_stage$(2) $(3:%=$$(BUILD)/stage%) \
    $(if $(call has-root,$(1)),$$(BUILD)/escape) $$(BUILD)/probe rootfs
	@$(SUDO)$(PATIENT)tests/lib/run.sh $$<
endef
UP_TO :=
$(foreach n,$(STAGES),\
    $(eval UP_TO += $(call two,$(n)))\
    $(eval $(call STAGE_TEST_RULE,$(n),$(call two,$(n)),$(UP_TO))))

# The tests of a stage are also run on the next one and on the last.
LATER := $(filter-out stage$(call two,$(LAST)),\
             $(patsubst tests/stages/test_%.c,%,$(wildcard tests/stages/test_*.c)))
NEXT  :=
BEFORE :=
$(foreach n,$(filter-out $(LAST),$(STAGES)),\
    $(if $(BEFORE),$(eval NEXT += "$(BUILD)/tests/test_stage$(BEFORE) $(n)"))\
    $(eval BEFORE := $(call two,$(n))))
SUITE = $(TESTS:%=$(BUILD)/tests/test_%) $(NEXT) \
    $(LATER:%="$(BUILD)/tests/test_% $(LAST)")

.PHONY: test-programs test-needs test
test-programs: $(TESTS:%=$(BUILD)/tests/test_%) $(BUILD)/probe
test-needs: test-programs $(PROGRAMS) $(ESCAPE) $(BUILD)/look $(BUILD)/floor rootfs

test: test-needs
	@$(SUDO)$(PATIENT)tests/lib/run.sh $(SUITE)

# For a machine of another architecture, build with the cross compiler and its
# sysroot, in a build directory of its own.
FOREIGN := $(filter arm64,$(ARCH))
ifneq ($(FOREIGN),)
vm vm-test: cross = BUILD=$(BUILD)/$(FOREIGN) CC=aarch64-linux-gnu-gcc \
    CPPFLAGS=--sysroot="$(CURDIR)/build/vm/$(FOREIGN)/root" \
    LDFLAGS=--sysroot="$(CURDIR)/build/vm/$(FOREIGN)/root" SETUP=
endif

# tools/vm/vm.sh returns the status of CMD; make turns all but 0 into 2.
.PHONY: vm vm-test vm-check vm-programs
vm-check: | $(SETUP)
	@ARCH="$(ARCH)" tools/vm/vm.sh --check

vm: export VM_COMMAND := $(value CMD)
vm: vm-check $(if $(FOREIGN),,stages rootfs)
	@$(if $(FOREIGN),$(MAKE) --no-print-directory $(cross) stages test-programs)
	@[ -e $(BUILD)/$(FOREIGN)/run ] || \
	    ln -sfn stage$(call two,$(LAST)) $(BUILD)/$(FOREIGN)/run
	@ARCH="$(ARCH)" tools/vm/vm.sh \
	    $(if $(value CMD),"$$VM_COMMAND",|| :)

vm-test: vm-check $(if $(FOREIGN),,test-needs)
	@$(if $(FOREIGN),$(MAKE) --no-print-directory $(cross) stages test-programs)
	@# Start one machine of another architecture first, which builds its root.
	@# Two would build it at the same time.
	@$(if $(FOREIGN),ARCH="$(ARCH)" tools/vm/vm.sh :,tests/verbs/test_vm.sh)
	@ARCH="$(ARCH)" tests/lib/vm.sh $(SUITE)

# Link it statically: the container's root has no libraries.
$(BUILD)/probe: $(BUILD)/tests/lib/probe.o
	@echo "  LINK  $@"
	@$(call LINK,)

$(BUILD)/tests/run_faults: $(BUILD)/tests/faults/run_faults.o $(HARNESS)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka

$(BUILD)/tests/inject: $(BUILD)/tests/faults/inject.o
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

.PHONY: faults
faults: $(BUILD)/tests/run_faults $(BUILD)/tests/inject test-needs
	@$(SUDO)tests/lib/run.sh $(STAGES:%="$(BUILD)/tests/run_faults %")

# For stage 3 alone, after make test-needs: sudo tests/mutants/mutants.sh 3
.PHONY: mutants
mutants: test-needs
	@$(SUDO)tests/mutants/mutants.sh

$(BUILD)/floor: $(BUILD)/tests/bench/floor.o
	@echo "  LINK  $@"
	@$(call LINK,)

$(BUILD)/bench: $(BUILD)/tests/bench/bench.o
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

.PHONY: bench
bench: $(BUILD)/bench $(BUILD)/floor $(LAST_PROGRAM) rootfs
	@$(SUDO)env STAGE=$(notdir $(LAST_PROGRAM)) $(BUILD)/bench

# Rename exit(3) and fclose(3), so that the option parser ends neither the
# fuzzer nor its standard output. See tests/fuzz/fuzz.c.
$(BUILD)/fuzz: tests/fuzz/fuzz.c common/options.c Makefile | rootfs
	@echo "  FUZZ  $@"
	@clang -std=gnu11 -g -O1 $(WARNINGS) -Dexit=leave -Dfclose=fflush -DLAST=$(LAST) \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    -o $@ $(filter %.c,$^)

# The cases of tests/fuzz/NAME.txt, a file each: a line is a case, and | in it a
# newline, the end of a word of a command line.
$(BUILD)/cases/%: tests/fuzz/%.txt tests/tests.mk
	@rm -rf $@ && mkdir -p $@
	@awk -v to=$@ '{ gsub(/\|/, "\n"); file = to "/" NR; printf "%s", $$0 >file; \
	    close(file) }' $<

FUZZ_TARGETS := $(patsubst tests/fuzz/%.txt,%,$(wildcard tests/fuzz/*.txt))
FUZZ_CASES := $(FUZZ_TARGETS:%=$(BUILD)/cases/%)

FUZZ_SECONDS ?= 60
.PHONY: fuzz fuzz-cases
fuzz: $(BUILD)/fuzz $(FUZZ_CASES)
	@for name in $(FUZZ_TARGETS); do \
	    mkdir -p $(BUILD)/corpus/$$name && \
	    FUZZ=$$name $(BUILD)/fuzz -max_total_time=$(FUZZ_SECONDS) \
	        -close_fd_mask=1 -print_final_stats=1 -verbosity=0 \
	        -artifact_prefix=$(BUILD)/ $(BUILD)/corpus/$$name \
	        $(BUILD)/cases/$$name || exit 1; \
	done

# Run each case of tests/fuzz once; generate no input.
fuzz-cases: $(BUILD)/fuzz $(FUZZ_CASES)
	@for name in $(FUZZ_TARGETS); do \
	    FUZZ=$$name $(BUILD)/fuzz -runs=0 $(BUILD)/cases/$$name || exit 1; \
	done

.PHONY: builds
builds: test-needs
	@SUDO="$(SUDO)" tests/verbs/builds.sh

.PHONY: lessons
lessons: stages rootfs $(BUILD)/look
	@$(SUDO)tests/verbs/lessons.sh

.PHONY: check
check: | $(SETUP)
	@tests/verbs/check.sh

.PHONY: print-calls
print-calls:
	@echo $(CALLS)
