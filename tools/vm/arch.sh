# shellcheck shell=sh disable=SC2034 # read by vm.sh and kernel.sh
# SPDX-License-Identifier: MIT
#
# Machines by architecture. ARCH=x86_64 or ARCH=arm64; without it, the machine is
# like this computer. Sets:
#
#     arch             as the distribution's packages name it: amd64, arm64
#     foreign          the same if this computer cannot run its programs, or ""
#     qemu             the program
#     machine_options  its options for the machine and the processor
#     accelerator      kvm where the processor has it, otherwise tcg
#     kernel_words     what the kernel's command line needs there
#     files            the directory of kernel and initrd
#     root             what the machine sees as /
#     setup            what to type if something is missing

case $(uname -m) in
x86_64 | amd64) own=amd64 ;;
aarch64 | arm64) own=arm64 ;;
*) own=$(uname -m) ;;
esac
case ${ARCH:-$own} in
x86_64 | amd64) arch=amd64 ;;
aarch64 | arm64) arch=arm64 ;;
*)
    echo "vm: ARCH=${ARCH:-$own}: expected x86_64 or arm64" >&2
    exit 125
    ;;
esac

accelerator=tcg
foreign=
root=/
setup="make setup vm"
if [ "$arch" != "$own" ]; then
    foreign=$arch
    root=$PWD/build/vm/$arch/root
    setup="make setup vm ARCH=$arch"
elif [ -w /dev/kvm ]; then
    # /dev/kvm may open without a processor that can run a machine.
    if [ $arch = arm64 ] || grep -qwE 'vmx|svm' /proc/cpuinfo; then
        accelerator=kvm
    fi
fi
files=build/vm/$arch

# One processor: QEMU translates for two no faster, and hangs now and then. The
# same layout of all programs: QEMU finds translated code again by its address.
case $arch in
amd64)
    qemu=qemu-system-x86_64
    machine_options="-machine q35 -cpu max,-la57"
    kernel_words="console=ttyS0"
    ;;
arm64)
    qemu=qemu-system-aarch64
    machine_options="-machine virt,gic-version=max -cpu max"
    kernel_words="console=ttyAMA0"
    ;;
esac
[ $accelerator = tcg ] || machine_options=${machine_options%% -cpu*}\ -cpu\ host
