# SPDX-License-Identifier: MIT
#
# The graded labs. The Makefile includes this file.

$(BUILD)/tests/facts: $(BUILD)/labs/facts.o $(HARNESS)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka

# $(1): a stage's number; $(2): the same with two digits; $(3): all numbers up to
# it.
define LAB_RULES
.PHONY: lab$(1) grade$(1) hint$(1) handout$(1) grade-needs$(1)
lab$(1):
	@SEED="$$(SEED)" labs/lab.sh $(1) $$(FILE)

grade$(1): $(if $(HOST),,vm-check)
	@HOST="$$(HOST)" TEST="$$(TEST)" labs/grade.sh $(1) $$(FILE)

hint$(1): | $$(SETUP)
	@HOST="$$(HOST)" labs/hint.sh $(1) $$(FILE)

handout$(1):
	@labs/handout.sh $(1)

# Builds all that labs/judge.sh needs, in the clean tree of lab $(1).
grade-needs$(1): $(3:%=$$(BUILD)/tests/test_stage%) $$(BUILD)/tests/test_interactive \
    $$(BUILD)/tests/facts \
    $(if $(call has-root,$(1)),$$(BUILD)/escape) $$(BUILD)/probe rootfs \
    $$(BUILD)/libcommon.a $$(BUILD)/earlier$(2).o \
    $(if $(call has-network,$(1)),$$(NETWORK))
	@mkdir -p $$(BUILD)/lab $$(BUILD)/safe
	@printf '%s=%s\n' cc "'$$(CC)'" \
	    cflags "'-std=gnu11 $$(filter-out -Werror,$$(WARNINGS)) $$(CFLAGS)'" \
	    ldflags "'$$(CFLAGS) $$(LDFLAGS) $$(STATIC)'" \
	    objects "'$$(filter %.o %.a,$$^)'" \
	    libraries "'$$(WRAP) $(if $(call has-network,$(1)),-lnl-route-3 -lnl-3)'" \
	    >$$(BUILD)/lab/flags
	@jq -Rnr --argjson n $(1) -f labs/lab.jq labs/labs.txt | jq -r \
	    '.requirements[] | def list: if . == [] then "-" else join(",") end; "\(.id) \(.needs | list) \(.exists | list) \([.tests[] | "\(.program):\(.name)"] | join(" "))"' \
	    >$$(BUILD)/lab/plan
endef
UP_TO :=
$(foreach n,$(STAGES),\
    $(eval UP_TO += $(call two,$(n)))\
    $(eval $(call LAB_RULES,$(n),$(call two,$(n)),$(UP_TO))))

.PHONY: grades calibrate
grades: $(if $(HOST),,vm-check)
	@HOST="$(HOST)" LAB="$(LAB)" SSHLOGINFILE="$(SSHLOGINFILE)" JOBS="$(JOBS)" \
	    labs/grades.sh "$(DIR)"

# The verbs of the labs, and what the platforms read.
.PHONY: test-labs
test-labs: stages rootfs
	@$(SUDO)tests/verbs/test_labs.sh
	@env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL tests/verbs/test_platforms.sh

# For one lab: make calibrate LAB=3
calibrate: test-needs
	@labs/calibrate.sh $(LAB)
