#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Media that others made: GRUB's rescue images, isolinux, syslinux, memtest86+."""

import time

from harness import (IN_LAB, INTERNAL_ERROR, MODES, QUICK, Guest, Skip, equal, medium, test_each,
                     tests_main)
from media import MEMTEST

# Both modes; in a quick run one of them.
XEN_TOO, QEMU_TOO = (MODES[:1], MODES[1:]) if QUICK else (MODES, MODES)


def grub_ls(guest, wanted):
    """From GRUB's menu to its command line by `c`, then `ls` by the keyboard."""
    guest.wait_screen(r"GNU GRUB|grub>", 240)
    if not any("grub>" in line for line in guest.screen()):
        guest.wait_screen(r"executed automatically", 60)
        guest.keys("c")
    guest.wait_screen(r"(?m)^grub>\s*$", 40)
    guest.type_keys("ls\n")
    guest.wait_screen(r"grub> ls\s+.*" + wanted, 60)


@test_each(mode=XEN_TOO)
def grub_floppy(mode):
    """GRUB starts from a floppy disk; `ls` names it"""
    with Guest("--floppy", medium("grub-floppy.img"), "--boot", "a", mode=mode) as guest:
        grub_ls(guest, r"\(fd0\)")


@test_each(mode=QEMU_TOO)
def grub_cd(mode):
    """GRUB starts from a CD and shows its menu; `ls` names it"""
    with Guest("--cdrom", medium("grub-cd.iso"), "--boot", "d", mode=mode) as guest:
        grub_ls(guest, r"\(cd0\)|\(hd\d")


@test_each(mode=XEN_TOO)
def grub_disk(mode):
    """GRUB's image for USB sticks starts as a disk; `ls` names it"""
    image = medium("grub-usb.img")
    with Guest("--disk", f"{image},readonly", mode=mode) as guest:
        grub_ls(guest, r"\(hd0\)")


@test_each(mode=QEMU_TOO)
def isolinux(mode):
    """isolinux starts from a CD to its prompt, on screen and serial port"""
    with Guest("--cdrom", medium("isolinux.iso"), "--boot", "d", mode=mode) as guest:
        guest.wait_serial("boot: ?$", 90)
        guest.wait_screen(r"Cleave test medium says hello\n+boot:", 20)


@test_each(mode=XEN_TOO)
def syslinux(mode):
    """syslinux starts from a disk to its prompt and loads a module that resets the machine"""
    image = medium("syslinux.img")
    with Guest("--disk", f"{image},readonly", mode=mode) as guest:
        guest.wait_serial("boot: ?$", 90)
        guest.wait_screen(r"Cleave test medium says hello\n+boot:", 20)
        seen = guest.out.text.count("boot:")
        guest.type_keys("hello\n")
        guest.wait_serial("(?s)" + "boot:.*" * (seen + 1), 90)


@test_each(kind=("CD",) if QUICK else ("CD", "disk"))
def memtest(kind):
    """memtest86+ starts from a CD and from a disk"""
    if not MEMTEST.exists() and not IN_LAB:
        raise Skip("memtest86+ is not installed (run ./setup)")
    drive = ("--cdrom", medium("isolinux.iso")) if kind == "CD" else \
        ("--disk", f"{medium('syslinux.img')},readonly")
    with Guest(*drive, "-m", "64") as guest:
        guest.wait_serial("boot: ?$", 90)
        guest.type_keys("mem\n")
        end = time.monotonic() + 60
        while guest.process.poll() is None and time.monotonic() < end:
            try:
                if any("Memtest86+" in line for line in guest.screen()):
                    break
            except (ConnectionError, OSError):
                pass
            time.sleep(0.2)
        if guest.process.poll() is None:
            guest.wait_screen(r"Memtest86\+", 60)
            guest.wait_screen(r"Pass.*|Test.*#?\d", 60)
        if guest.process.poll() is not None:
            # A KVM without hardware support has to interpret memtest86+, and cannot.
            equal(guest.wait(), INTERNAL_ERROR, f"exit status ({guest.err.text})")
            equal(len(guest.err.text.strip().splitlines()), 1, "lines on standard error")
            raise Skip("this KVM cannot interpret memtest86+; it ended with its one line")


if __name__ == "__main__":
    tests_main()
