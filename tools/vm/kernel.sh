#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes the kernel and the initrd for tools/vm/vm.sh:
#
#     tools/vm/kernel.sh           makes build/vm/ARCH/kernel and initrd,
#                                  if they are missing
#     tools/vm/kernel.sh --fetch   the same, and may fetch packages
#
# Uses this computer's kernel if the user can read it and it has the modules.
# Otherwise, with --fetch, fetches the distribution's package (apt, dnf or apk)
# and unpacks it below build/vm. This needs no root and installs nothing.
#
# For another architecture (ARCH=arm64), fetches a small Debian system in the
# same way: the root of the machine and the sysroot of the cross compiler.
set -eu
cd "$(dirname "$0")/../.."
. tools/vm/arch.sh

packages=$files/packages # unpacked: a kernel and its modules
apt=$PWD/$files/apt      # lists and archives of the other architecture

# For the console, 9p, the network of the stages, and overlay.
modules="virtio_pci virtio_console 9pnet_virtio 9p overlay veth bridge
    nf_tables nft_chain_nat nft_masq nft_nat nft_ct
    nft_reject nft_reject_ipv4 nft_reject_inet"

# nf_tables needs them on older kernels: nft_counter before Linux 5.17, the other
# two before 6.15. It does not name crc32c_generic as a dependency.
older_modules="crc32c_generic libcrc32c nft_counter"

# The packages of the foreign system: a shell, and the programs that tests run.
foreign_packages="busybox-static bash coreutils findutils grep sed mawk
    diffutils dash procps util-linux mount hostname strace iproute2 nftables make
    libcmocka-dev libnl-route-3-dev libc6-dev linux-image-arm64"

has() {
    command -v "$1" >/dev/null
}
. tools/packages.sh
manager=$(package_manager)

die() {
    echo "vm: $1" >&2
    echo "  hint: $2" >&2
    exit 125
}

# --- finding a kernel ---------------------------------------------------------

# module_file DIRECTORY NAME: prints the file of the module NAME, if there is
# one.
module_file() {
    pattern=$(echo "$2" | sed 's/[-_]/[-_]/g')
    find "$1" -name "$pattern.ko" -o -name "$pattern.ko.*" | head -n 1
}

is_builtin() {
    pattern=$(echo "$2" | sed 's/[-_]/[-_]/g')
    grep -q "/$pattern\.ko\$" "$1/modules.builtin" 2>/dev/null
}

has_modules() {
    for module in $modules; do
        is_builtin "$1" "$module" || [ -n "$(module_file "$1" "$module")" ] ||
            return
    done
}

# Sets image and module_directory. Returns 1 if no kernel is found.
find_kernel() {
    version=$(uname -r)
    module_directory=${HOST_MODULES:-/lib/modules}/$version
    if [ -z "$foreign" ] && [ -d "$module_directory" ] &&
        has_modules "$module_directory"; then
        for image in "$module_directory/vmlinuz" "/boot/vmlinuz-$version"; do
            [ ! -r "$image" ] || return 0
        done
    fi
    for image in "$packages"/boot/vmlinuz-* "$packages"/boot/vmlinux-* \
        "$packages"/lib/modules/*/vmlinuz "$packages"/boot/vmlinuz-virt; do
        [ -r "$image" ] || continue
        for module_directory in "$packages"/lib/modules/*; do
            return 0
        done
    done
    return 1
}

# --- fetching -----------------------------------------------------------------

# Debian's name of the package, then Ubuntu's. Debian's cloud kernel lacks 9p.
fetch_debian_kernel() {
    package=linux-image-$arch
    apt-cache show "$package" >/dev/null 2>&1 || package=linux-image-generic
    image=$(apt-cache depends "$package" |
        sed -n 's/.*Depends: \(linux-image-[^ ]*\).*/\1/p' | head -n 1)
    [ -n "$image" ] || return
    version=${image#linux-image-}
    for package in "linux-modules-$version" "linux-modules-extra-$version"; do
        apt-cache show "$package" >/dev/null 2>&1 && image="$image $package"
    done
    # shellcheck disable=SC2086 # several packages
    (cd "$packages" && apt-get -o APT::Sandbox::User= download -qq $image) || return
    for archive in "$packages"/*.deb; do
        dpkg-deb -x "$archive" "$packages"
        rm "$archive"
    done
}

fetch_fedora_kernel() {
    dnf download -q --destdir "$packages" kernel-core kernel-modules-core \
        kernel-modules
    for archive in "$packages"/*.rpm; do
        (cd "$packages" && rpm2cpio "${archive##*/}" |
            "$(busybox_of /)" cpio -id 2>/dev/null)
        rm "$archive"
    done
}

fetch_alpine_kernel() {
    apk fetch -q -o "$packages" linux-virt
    for archive in "$packages"/*.apk; do
        tar -xzf "$archive" -C "$packages" 2>/dev/null
        rm "$archive"
    done
}

# Fetches the system with apt lists of its own, not the host's. Makes /bin, /lib and
# /sbin links into /usr, since newer packages have files in /usr only; the
# packages of Debian 12 replace the links by directories. No package's script is
# run, so make what these would make: sh, awk and the users.
fetch_foreign_system() {
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$root/usr/bin" \
        "$root/usr/sbin" "$root/usr/lib"
    : >"$apt/status"
    # shellcheck disable=SC2086 # several packages
    for words in update "install --download-only $foreign_packages"; do
        apt-get -qq -y --no-install-recommends -o Dir::State="$apt" \
            -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" \
            -o Dir::Cache::archives="$apt/archives" -o APT::Sandbox::User= \
            -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
            $words || return
    done
    for name in bin sbin lib; do
        [ -e "$root/$name" ] || ln -s usr/$name "$root/$name"
    done
    for archive in "$apt"/archives/*.deb; do
        case ${archive##*/} in
        linux-image*) dpkg-deb -x "$archive" "$packages" ;;
        *) dpkg-deb -x "$archive" "$root" ;;
        esac
    done
    rm -rf "$apt"
    mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp" \
        "$root/var/tmp"
    ln -sf dash "$root/bin/sh"
    ln -sf mawk "$root/usr/bin/awk"
    echo "root:x:0:0:root:/root:/bin/sh" >"$root/etc/passwd"
    echo "root:x:0:" >"$root/etc/group"
    echo "nameserver 192.0.2.53" >"$root/etc/resolv.conf"
    echo "127.0.0.1 localhost" >"$root/etc/hosts"
    echo vm >"$root/etc/hostname"
    # The files belong to this user: a set-user-ID program would lose root's rights.
    chmod -R ug-s "$root"
}

fetch() {
    echo "setup: fetching a kernel for the machine of make vm, into $files"
    rm -rf "$packages"
    mkdir -p "$packages"
    if [ -n "$foreign" ]; then
        [ "$manager" = apt-get ] ||
            die "a machine for $arch needs Debian's packages" \
                "use Debian"
        fetch_foreign_system
        return
    fi
    case $manager in
    apt-get) fetch_debian_kernel ;;
    dnf) fetch_fedora_kernel ;;
    apk) fetch_alpine_kernel ;;
    *) die "cannot fetch a kernel with ${manager:-this package manager}" \
        "is the running kernel still installed? After an update, reboot" ;;
    esac
}

# --- making kernel and initrd -------------------------------------------------

# unpacked FILE: prints FILE, uncompressed if gzip, xz or zstd compressed it.
unpacked() {
    case $(od -An -tx1 -N4 "$1" | tr -d ' ') in
    1f8b*) gzip -dc "$1" ;;
    fd377a58) xz -dc --single-stream "$1" ;;
    28b52ffd) zstd -dqc "$1" ;;
    *) cat "$1" ;;
    esac
}

# number FILE OFFSET BYTES: prints the number at OFFSET.
number() {
    od -An -tu"$3" -j"$2" -N"$3" "$1" | tr -d ' '
}

# Unpack the kernel here: without KVM, it would take seconds to unpack itself.
# The boot protocol tells where the packed kernel lies in the file, see
# x86/boot.rst.
unpack_kernel() {
    if [ $arch = amd64 ] && [ "$(od -An -c -j514 -N4 "$1" | tr -d ' ')" = HdrS ]
    then
        start=$((($(number "$1" 497 1) + 1) * 512 + $(number "$1" 584 4)))
        tail -c +$((start + 1)) "$1" | head -c "$(number "$1" 588 4)" \
            >"$files/packed"
        unpacked "$files/packed" >"$files/kernel.new" 2>/dev/null || :
        rm "$files/packed"
        [ "$(od -An -c -j1 -N3 "$files/kernel.new" | tr -d ' ')" != ELF ] ||
            return 0
    fi
    unpacked "$1" >"$files/kernel.new"
}

# with_needs MODULE...: prints each module after the modules that it depends on.
with_needs() {
    for module in "$@"; do
        file=$(module_file "$module_directory" "$module")
        [ -n "$file" ] || continue
        needs=$(unpacked "$file" | tr '\0' '\n' | sed -n 's/^depends=//p')
        # shellcheck disable=SC2046,SC2086 # several names
        (with_needs $(echo $needs | tr ',' ' '))
        echo "$module"
    done
}

busybox_of() {
    for busybox in "$1"/bin/busybox "$1"/usr/bin/busybox \
        "$1"/bin/busybox.static "$1"/usr/bin/busybox.static \
        "$1"/usr/sbin/busybox "$1"/usr/lib/initcpio/busybox; do
        [ ! -x "$busybox" ] || { echo "$busybox"; return; }
    done
}

# Numbers the modules' files in the order in which the machine loads them.
take_modules() {
    rm -rf "$files/modules"
    mkdir "$files/modules"
    count=100
    # shellcheck disable=SC2086 # several names
    for module in $(with_needs $older_modules $modules | awk '!seen[$0]++'); do
        count=$((count + 1))
        unpacked "$(module_file "$module_directory" "$module")" \
            >"$files/modules/$count-$module.ko"
    done
}

make_initrd() {
    own_busybox=$(sh rootfs/build.sh --print)
    busybox=$own_busybox
    [ -z "$foreign" ] || busybox=$(busybox_of "$root")
    rm -rf "$files/initrd.d"
    mkdir -p "$files/initrd.d/bin"
    cp "$busybox" "$files/initrd.d/bin/busybox"
    cp tools/vm/init.sh "$files/initrd.d/init"
    cp -R "$files/modules" "$files/initrd.d"
    chmod 755 "$files/initrd.d/init" "$files/initrd.d/bin/busybox"
    (cd "$files/initrd.d" && find . | "$own_busybox" cpio -o -H newc) \
        >"$files/initrd.new" 2>/dev/null
    rm -rf "$files/initrd.d"
    mv "$files/initrd.new" "$files/initrd"
}

mkdir -p "$files" 2>/dev/null && [ -w "$files" ] ||
    die "cannot write to $PWD/$files" \
        "does it belong to another user? Then use a copy of the tree"
if ! [ -e "$files/kernel" ]; then
    if ! find_kernel; then
        [ "${1:-}" = --fetch ] || die "no kernel found for the machine" "$setup"
        fetch || :
        find_kernel || die "cannot fetch a kernel" \
            "update the package lists (with apt: sudo apt-get update); is the disk full?"
    fi
    take_modules
    unpack_kernel "$image"
    rm -rf "$packages" "$files/initrd"
    mv "$files/kernel.new" "$files/kernel"
fi
if [ ! -e "$files/initrd" ] ||
    [ -n "$(find tools/vm/init.sh -newer "$files/initrd")" ]; then
    make_initrd
fi
