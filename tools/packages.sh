# SPDX-License-Identifier: MIT
#
# Which package manager this machine has, for doctor, tools/setup.sh,
# tools/vm/kernel.sh and rootfs/build.sh. The script that sources this file
# defines `has PROGRAM`.
# shellcheck shell=sh

# Prints the name of the manager's command; nothing if it is none of these.
package_manager() {
    for program in apt-get dnf pacman apk; do
        if has $program; then
            echo $program
            return
        fi
    done
}
