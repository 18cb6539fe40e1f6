#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Media that others made, from Debian's packages, for the boot tests.

    media.py DIRECTORY     composes them all there

Composed without root and without loop mounts. A medium whose tools are missing is left out, and
the tests that want it skip with that reason.
"""

import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

GRUB_RESCUE = pathlib.Path("/usr/lib/grub-rescue")
ISOLINUX = pathlib.Path("/usr/lib/ISOLINUX/isolinux.bin")
SYSLINUX = pathlib.Path("/usr/lib/syslinux")
MODULES = SYSLINUX / "modules" / "bios"
MEMTEST = pathlib.Path("/boot/memtest86+x64.bin")
SECTOR = 512
FAT_START = 63

SYSLINUX_CONFIG = """SERIAL 0 115200
DEFAULT hello
PROMPT 1
TIMEOUT 0
SAY Cleave test medium says hello
LABEL hello
  COM32 reboot.c32
LABEL mem
  LINUX /memtest
"""


def tool_check(*names):
    """Raises FileNotFoundError where a tool or a file is missing."""
    for name in names:
        if not shutil.which(str(name)) and not pathlib.Path(name).exists():
            raise FileNotFoundError(f"{name} is missing (run ./setup)")


def run(*argv):
    """Runs a tool, quietly."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{argv[0]}: {done.stderr.strip()[-300:]}")


def copy(source, target):
    """A copy that can be written."""
    shutil.copyfile(source, target)


def grub_floppy(target):
    """GRUB's rescue floppy, filled up to 1.44 MB."""
    data = (GRUB_RESCUE / "grub-rescue-floppy.img").read_bytes()
    target.write_bytes(data.ljust(2880 * SECTOR, b"\0"))


def grub_cd(target):
    """GRUB's rescue CD."""
    copy(GRUB_RESCUE / "grub-rescue-cdrom.iso", target)


def grub_usb(target):
    """GRUB's rescue image for USB sticks, as a disk: whole sectors."""
    data = (GRUB_RESCUE / "grub-rescue-usb.img").read_bytes()
    target.write_bytes(data + bytes(-len(data) % SECTOR))


def isolinux_cd(target):
    """A CD with isolinux by El Torito, no emulation."""
    tool_check("xorriso", ISOLINUX, MODULES)
    with tempfile.TemporaryDirectory() as work:
        root = pathlib.Path(work)
        (root / "isolinux").mkdir()
        copy(ISOLINUX, root / "isolinux/isolinux.bin")
        for name in ("ldlinux.c32", "reboot.c32", "libcom32.c32"):
            copy(MODULES / name, root / "isolinux" / name)
        (root / "isolinux/isolinux.cfg").write_text(SYSLINUX_CONFIG, encoding="ascii")
        if MEMTEST.exists():
            copy(MEMTEST, root / "memtest")
        run("xorriso", "-as", "mkisofs", "-quiet", "-o", target, "-b", "isolinux/isolinux.bin",
            "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4",
            "-boot-info-table", root)


def syslinux_disk(target):
    """A disk: MBR, one active FAT partition with syslinux."""
    tool_check("syslinux", "mkfs.fat", "mcopy", MODULES, SYSLINUX / "mbr/mbr.bin")
    sectors = 20160 * 2  # 40 cylinders of 16 heads and 63 sectors
    offset = FAT_START * SECTOR
    with tempfile.TemporaryDirectory() as work:
        part = pathlib.Path(work) / "part.img"
        config = pathlib.Path(work) / "syslinux.cfg"
        config.write_text(SYSLINUX_CONFIG, encoding="ascii")
        with open(part, "wb") as image:
            image.truncate((sectors - FAT_START) * SECTOR)
        run("mkfs.fat", "-F", "16", "-h", FAT_START, "-g", "16/63", part)
        run("mcopy", "-i", part, config, "::syslinux.cfg")
        for name in ("reboot.c32", "libcom32.c32"):
            run("mcopy", "-i", part, MODULES / name, f"::{name}")
        if MEMTEST.exists():
            run("mcopy", "-i", part, MEMTEST, "::memtest")
        run("syslinux", "--install", part)
        entry = struct.pack("<B3sB3sII", 0x80, bytes([1, 1, 0]), 0x06, b"\xfe\xff\xff", FAT_START,
                            sectors - FAT_START)
        mbr = (SYSLINUX / "mbr/mbr.bin").read_bytes()[:440].ljust(446, b"\0")
        with open(target, "wb") as disk:
            disk.write(mbr + entry + bytes(48) + b"\x55\xaa")
            disk.seek(offset)
            disk.write(part.read_bytes())


MEDIA = {
    "grub-floppy.img": grub_floppy,
    "grub-cd.iso": grub_cd,
    "grub-usb.img": grub_usb,
    "isolinux.iso": isolinux_cd,
    "syslinux.img": syslinux_disk,
}


def media_get(directory, name):
    """The path of a medium, composed now if it is not there; FileNotFoundError with a reason."""
    path = pathlib.Path(directory) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{name}.new")
        MEDIA[name](fresh)
        fresh.rename(path)
    return path


if __name__ == "__main__":
    for medium in MEDIA:
        try:
            print(media_get(sys.argv[1], medium))
        except (FileNotFoundError, RuntimeError) as problem:
            print(f"{medium}: left out: {problem}")
