# shellcheck shell=sh disable=SC2034 # read by vm.sh and kernel.sh
# SPDX-License-Identifier: MIT
#
# Describes the virtual machine for ARCH=x86_64 or ARCH=arm64, by default for
# this computer's own architecture. Sets:
#
#     arch             Debian's name of the architecture: amd64, arm64
#     foreign          arch if it differs from this computer's, otherwise ""
#     qemu             the program of QEMU
#     machine_options  QEMU's options for the machine and the processor
#     accelerator      kvm if this user may use it and it works, otherwise tcg
#     kernel_words     the console, for the kernel's command line
#     files            the directory of the kernel and the initrd
#     root             the directory that becomes / of the machine
#     setup            the command that installs what is missing

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
    # /dev/kvm can be writable although the processor lacks virtualization.
    if [ $arch = arm64 ] || grep -qwE 'vmx|svm' /proc/cpuinfo; then
        accelerator=kvm
    fi
fi
files=build/vm/$arch

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
