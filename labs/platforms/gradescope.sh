#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Writes build/gradescopeN.zip: labs/platforms/gradescope.sh N
#
# Upload it at "Configure Autograder", with base image Ubuntu and as many points as
# the lab has (100). Needs build/handoutN.tar.gz, of make handoutN.
#
# Format: gradescope-autograders.readthedocs.io, "Autograder Specifications".
set -eu
cd "$(dirname "$0")/../.."
number=${1:-}
[ -n "$number" ] || { echo "usage: labs/platforms/gradescope.sh N" >&2; exit 1; }
handout=build/handout$number.tar.gz

die() {
    printf 'gradescope: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 1
}
[ -f "$handout" ] || die "$handout not found" "make handout$number"
command -v zip >/dev/null || die "zip not found" "apt-get install zip"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# How many directories of the archive the Makefile is in.
depth=$(tar -tzf "$handout" | awk -F/ '$NF == "Makefile" && (!n || NF < n) { n = NF }
    END { print n - 1 }')
cp "$handout" "$work/handout.tar.gz"

# Gradescope runs setup.sh once, as root, when it builds the image.
cat >"$work/setup.sh" <<END
#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Installs what the grader needs, and tries it with the program of the stage before.
set -eu
cd "\${AUTOGRADER:-/autograder}/source"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y --no-install-recommends jq make
mkdir -p tree
tar -xzf handout.tar.gz -C tree --strip-components=$depth
cd tree
sh tools/setup.sh grade$number
make lab$number
make grade$number
rm -rf lab build/grade$number.json
END

# Gradescope runs run_autograder for each submission. Its format requires a score or
# tests; a result with neither is no grade. How Gradescope shows it is not documented.
# Gradescope's own limit is 10 minutes, and then it gives 0: run.sh ends first.
cat >"$work/run_autograder" <<END
#!/bin/bash
# SPDX-License-Identifier: MIT
set -u
cd "\${AUTOGRADER:-/autograder}" || exit 1
mkdir -p results
echo '{"output": "The grader was ended from outside. No score."}' >results/results.json
bash source/tree/labs/platforms/run.sh $number submission gradescope \\
    >results/new && jq -e .output results/new >/dev/null &&
    mv results/new results/results.json
exit 0
END
chmod 755 "$work/setup.sh" "$work/run_autograder"

# With a fixed time, the same handout makes the same archive.
find "$work" -exec touch -d '2000-01-01 UTC' {} +
rm -f "build/gradescope$number.zip"
zip="$PWD/build/gradescope$number.zip"
(cd "$work" && TZ=UTC zip -qX "$zip" handout.tar.gz run_autograder setup.sh)
echo "build/gradescope$number.zip"
