#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Writes build/autolabN.tar: labs/platforms/autolab.sh N
#
# Upload it at "Install Assessment", "Import from tarball". Needs
# build/handoutN.tar.gz, of make handoutN.
#
# Autolab grades in a Docker image, which needs the grader's packages. Add these lines
# to the Dockerfile of Tango's autograding_image, for lab 3, and call the image
# container-lab. Extract lab3/autograde.tar from build/autolab3.tar, and save it beside
# the Dockerfile as handout.tar:
#
#     COPY handout.tar /
#     RUN mkdir /lab && tar -xf /handout.tar -C /lab && cd /lab && \
#         apt-get update && apt-get install -y jq make && \
#         sh tools/setup.sh grade3 && chmod -R a+rX /lab
#
# Format: docs.autolabproject.com, "Guide for Lab Authors".
set -eu
cd "$(dirname "$0")/../.."
number=${1:-}
[ -n "$number" ] || { echo "usage: labs/platforms/autolab.sh N" >&2; exit 1; }
stage=$(printf 'stage%02d' "$number")
handout=build/handout$number.tar.gz

[ -f "$handout" ] || {
    printf 'autolab: %s not found\n  hint: make handout%s\n' "$handout" "$number" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
lab=$work/lab$number
mkdir "$lab" "$work/tree"

# pack FILE DIRECTORY NAME...: the same files make the same archive.
pack() {
    tar --sort=name --mtime='2000-01-01 UTC' --owner=0 --group=0 --numeric-owner \
        -cf "$1" -C "${@:2}"
}

# How many directories of the archive the Makefile is in.
depth=$(tar -tzf "$handout" | awk -F/ '$NF == "Makefile" && (!n || NF < n) { n = NF }
    END { print n - 1 }')
tar -xzf "$handout" -C "$work/tree" --strip-components="$depth"
pack "$lab/autograde.tar" "$work/tree" .
cp "$handout" "$lab/handout$number.tar.gz"

# Autolab makes a 0 of a last line that it cannot read, but not of null.
cat >"$lab/autograde-Makefile" <<END
# SPDX-License-Identifier: MIT
#
# Autolab runs make in a directory with this file, autograde.tar and $stage.c. The
# image has the kernel of the machine, in /lab.
VM := /lab/build/vm
all:
	@{ mkdir -p tree/build submission && mv $stage.c submission && \\
	tar -xf autograde.tar -C tree && \\
	{ [ ! -d \$(VM) ] || cp -R \$(VM) tree/build; } && \\
	rm -f tree/build/vm/*/initrd && \\
	bash tree/labs/platforms/run.sh $number submission autolab; } || \\
	{ echo; echo '{"scores":{"Total":null}}'; }
END

cat >"$lab/lab$number.yml" <<END
# SPDX-License-Identifier: MIT
---
general:
  name: lab$number
  description: ""
  display_name: Lab $number
  handin_filename: $stage.c
  handin_directory: handin
  max_grace_days: 0
  handout: handout$number.tar.gz
  max_submissions: -1
  disable_handins: false
  max_size: 2
  category_name: Lab
problems:
  - name: Total
    description: ""
    max_score: 100.0
    optional: false
autograder:
  autograde_timeout: 600
  autograde_image: container-lab
  release_score: true
END

pack "build/autolab$number.tar" "$work" "lab$number"
echo "build/autolab$number.tar"
