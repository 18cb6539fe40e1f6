# SPDX-License-Identifier: GPL-2.0-or-later
"""Composes an IDE disk on which GRUB starts Debian's kernel with an ext4 root.

Without loop mounts and without root: mke2fs fills the file system from a directory, GRUB's core
image lies in the gap between the partition table and the first partition.
"""

import gzip
import pathlib
import struct
import subprocess
import tempfile

from lab import Initramfs

SECTOR = 512
FIRST_SECTOR = 2048
GRUB_DIR = pathlib.Path("/usr/lib/grub/i386-pc")
GRUB_MODULES = ["biosdisk", "part_msdos", "ext2", "linux16", "serial", "terminal", "reboot", "echo"]
ROOT_MODULES = ["ata_piix", "sd_mod", "crc32c_generic", "ext4"]
# Debian's GRUB does not read the two newest features that mke2fs would choose.
EXT4_FEATURES = "^metadata_csum_seed,^orphan_file"

# The 16-bit way: the other one lets GRUB move 46 MiB byte by byte, which takes minutes in the lab.
GRUB_CONFIG = """serial --unit=0
terminal_output serial
set root=(hd0,msdos1)
echo GRUB reads the kernel
linux16 /boot/vmlinuz root=/dev/sda1 console=ttyS0 panic=-1 loglevel=5 @APPEND@
initrd16 /boot/initrd
boot
"""

INITRD_INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
while read module; do
    /bin/busybox insmod $module
done < /modules/order
n=0
while [ ! -b /dev/sda1 ] && [ $n -lt 100 ]; do
    /bin/busybox sleep 0.1
    n=$((n + 1))
done
/bin/busybox mkdir -p /newroot
/bin/busybox mount -t ext4 /dev/sda1 /newroot
exec /bin/busybox switch_root /newroot /sbin/init
"""

# What runs in the guest. The first start writes 64 MiB and reboots, the second one checks them
# again and powers off. Every line that the tests look for begins with "guest:".
GUEST_INIT = """#!/bin/busybox sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
say() { echo "guest: $*" >/dev/ttyS0; }
check() {
    echo 3 >/proc/sys/vm/drop_caches
    if [ "$(md5sum </data)" = "$(cat /data.md5)" ]; then say "data good"; else say "data BAD"; fi
}
say "user space, $(grep -c ^processor /proc/cpuinfo) cpus, kernel $(uname -r)"
say "disk transfers by $(cat /sys/class/ata_device/dev1.0/dma_mode)"
dmesg | grep -E 'exception Emask|failed command|Oops|BUG:|WARNING: CPU|inconsistent.*MTRR' \\
    | while read line; do
    say "kernel complains: $line"
done
if [ -e /data.md5 ]; then
    check
    dmesg | grep -E 'recovery|orphan' | while read line; do say "second start: $line"; done
    say "power off"
    sync
    mount -o remount,ro /
    poweroff -f
else
    dd if=/dev/urandom of=/data bs=1M count=64 2>/dev/null
    md5sum </data >/data.md5
    sync
    check
    say "reboot"
    mount -o remount,ro /
    reboot -f
fi
sleep 60
"""


def grub_write(image, append):
    """Puts GRUB's boot sector and core image in front of the first partition."""
    with tempfile.TemporaryDirectory() as work:
        config = pathlib.Path(work) / "grub.cfg"
        core = pathlib.Path(work) / "core.img"
        config.write_text(GRUB_CONFIG.replace("@APPEND@", append), encoding="ascii")
        subprocess.run(["grub-mkimage", "-O", "i386-pc", "-d", GRUB_DIR, "-c", config, "-o", core,
                        "-p", "(hd0,msdos1)/boot/grub", *GRUB_MODULES], check=True)
        boot = (GRUB_DIR / "boot.img").read_bytes()[:440]
        data = core.read_bytes()
    assert len(data) <= (FIRST_SECTOR - 1) * SECTOR
    with open(image, "r+b") as disk:
        disk.write(boot)
        disk.seek(SECTOR)
        disk.write(data)


def partition_write(image, size):
    """One Linux partition, active, from FIRST_SECTOR to the end."""
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", FIRST_SECTOR,
                        size // SECTOR - FIRST_SECTOR)
    with open(image, "r+b") as disk:
        disk.seek(446)
        disk.write(entry + bytes(48) + b"\x55\xaa")


def initrd_write(path, kernel):
    """The guest's initramfs: the modules of the disk and of ext4."""
    archive = Initramfs(path)
    archive.device("dev/console", 5, 1)
    archive.file("/bin/busybox")
    archive.symlink("bin/sh", "busybox")
    order = kernel.closure(ROOT_MODULES)
    for module in order:
        archive.file(module, f"modules/{module.name}")
    archive.data("modules/order", "".join(f"/modules/{m.name}\n" for m in order).encode())
    archive.data("init", INITRD_INIT.encode(), 0o755)
    archive.close()


def root_fill(root, kernel, init):
    """The directory that becomes the guest's root file system."""
    for name in ("bin", "sbin", "boot", "dev", "proc", "sys", "tmp"):
        (root / name).mkdir()
    (root / "bin/busybox").write_bytes(pathlib.Path("/bin/busybox").read_bytes())
    (root / "bin/busybox").chmod(0o755)
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True,
                             check=True).stdout.split()
    for applet in set(applets) - {"busybox"}:
        (root / "bin" / applet).symlink_to("busybox")
    (root / "sbin/init").write_text(init, encoding="ascii")
    (root / "sbin/init").chmod(0o755)
    (root / "boot/vmlinuz").write_bytes(kernel.image.read_bytes())
    initrd_write(root / "boot/initrd", kernel)
    packed = gzip.compress((root / "boot/initrd").read_bytes(), 6)
    (root / "boot/initrd").write_bytes(packed)


def disk_make(image, kernel, megabytes=128, append="", init=GUEST_INIT):
    """Writes the whole disk into the file `image`.

    `append` goes to the kernel's command line, `init` is the script that runs in the guest.
    """
    image = pathlib.Path(image)
    size = megabytes << 20
    with open(image, "wb") as disk:
        disk.truncate(size)
    with tempfile.TemporaryDirectory() as work:
        root = pathlib.Path(work)
        root_fill(root, kernel, init)
        kib = (size - FIRST_SECTOR * SECTOR) >> 10
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", EXT4_FEATURES, "-d", root,
                        "-E", f"offset={FIRST_SECTOR * SECTOR},root_owner=0:0", "-F", image,
                        f"{kib}k"], check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    partition_write(image, size)
    grub_write(image, append)
