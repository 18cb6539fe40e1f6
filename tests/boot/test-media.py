#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Media that others made: GRUB's rescue images, isolinux, syslinux, memtest86+."""

import time

from harness import (IN_LAB, INTERNAL_ERROR, MODES, QUICK, Guest, Skip, equal, kvm_interprets,
                     medium, test_each, tests_main)
from media import MEMTEST

# In a quick run one mode, or none where a KVM that interprets takes minutes.
XEN_TOO, QEMU_TOO, SLOW = (MODES[:1], MODES[1:], ()) if QUICK else (MODES, MODES, MODES)
PATIENT = {"timeout": 500}


def boot_prompt(guest):
    """Waits for syslinux's prompt; skips where this KVM cannot run it, after a look at how."""
    try:
        guest.wait_serial("boot: ?$", 90)
        guest.wait_screen(r"Cleave test medium says hello\n+boot:", 20)
    except (AssertionError, OSError):
        internal_error_skip(guest, "IRET in protected mode, which syslinux needs")
        raise


def internal_error_skip(guest, what):
    """A KVM without hardware support has to interpret, and cannot interpret everything.

    Then the guest must have ended with one line and the status of an internal error.
    """
    time.sleep(1)
    if kvm_interprets() and guest.process.poll() == INTERNAL_ERROR:
        guest.wait()
        lines = guest.err.text.strip().splitlines()
        equal(len(lines), 1, f"lines on standard error: {lines}")
        assert "bytes" in lines[0] and "rip=" in lines[0], lines[0]
        raise Skip(f"this KVM cannot interpret {what}; the guest ended with its one line")


def grub_ls(guest, wanted):
    """From GRUB's menu to its command line by `c`, then `ls` by the keyboard."""
    guest.wait_screen(r"GNU GRUB|grub>|could not read the boot disk", 240)
    if kvm_interprets() and any("could not read the boot disk" in line for line in guest.screen()):
        raise Skip("this KVM delivered a drive's interrupt after SeaBIOS's timeout, as it does "
                   "under QEMU; the lab runs this test")
    if not any("grub>" in line for line in guest.screen()):
        guest.wait_screen(r"executed automatically", 60)
        guest.keys("c")
    guest.wait_screen(r"(?m)^grub>\s*$", 120)
    guest.type_keys("ls\n")
    guest.wait_screen(r"grub> ls\s+.*" + wanted, 120)


@test_each(mode=SLOW)
def grub_floppy(mode):
    """GRUB starts from a floppy disk; `ls` names it"""
    with Guest("--floppy", medium("grub-floppy.img"), "--boot", "a", mode=mode, **PATIENT) as guest:
        guest.wait_screen(r"Booting from Floppy", 60)
        guest.wait_screen(r"GRUB|Boot failed", 60)
        if kvm_interprets() and any("Boot failed" in line or "Read Error" in line
                                    for line in guest.screen()):
            raise Skip("this KVM lets no interrupt through while SeaBIOS polls for the floppy's "
                       "(QEMU's guests fail here, too)")
        try:
            grub_ls(guest, r"\(fd0\)")
        except AssertionError as error:
            if kvm_interprets() and "GNU GRUB" in str(error):
                raise Skip("GRUB's reads of the floppy came to a stop on this KVM, which lets no "
                           "interrupt through while SeaBIOS polls; the lab runs this") from error
            raise


@test_each(mode=SLOW)
def grub_cd(mode):
    """GRUB starts from a CD and shows its menu; `ls` names it"""
    with Guest("--cdrom", medium("grub-cd.iso"), "--boot", "d", mode=mode, **PATIENT) as guest:
        grub_ls(guest, r"\(cd\d?\)")


@test_each(mode=XEN_TOO)
def grub_disk(mode):
    """GRUB's image for USB sticks starts as a disk; `ls` names it"""
    image = medium("grub-usb.img")
    with Guest("--disk", f"{image},readonly", mode=mode, **PATIENT) as guest:
        grub_ls(guest, r"\(hd0\)")


@test_each(mode=QEMU_TOO)
def isolinux(mode):
    """isolinux starts from a CD to its prompt, on screen and serial port"""
    with Guest("--cdrom", medium("isolinux.iso"), "--boot", "d", mode=mode) as guest:
        boot_prompt(guest)


@test_each(mode=XEN_TOO)
def syslinux(mode):
    """syslinux starts from a disk to its prompt and loads a module that resets the machine"""
    image = medium("syslinux.img")
    with Guest("--disk", f"{image},readonly", mode=mode) as guest:
        boot_prompt(guest)
        seen = guest.out.text.count("boot:")
        guest.type_keys("hello\n")
        guest.wait_serial("(?s)" + "boot:.*" * (seen + 1), 90)


@test_each(kind=() if QUICK else ("CD", "disk"))
def memtest(kind):
    """memtest86+ starts from a CD and from a disk"""
    if not MEMTEST.exists() and not IN_LAB:
        raise Skip("memtest86+ is not installed (run ./setup)")
    drive = ("--cdrom", medium("isolinux.iso")) if kind == "CD" else \
        ("--disk", f"{medium('syslinux.img')},readonly")
    with Guest(*drive, "-m", "64") as guest:
        boot_prompt(guest)
        guest.type_keys("mem\n")
        try:
            guest.wait_screen(r"Memtest86\+", 90)
            guest.wait_screen(r"Pass.*|Test.*#?\d", 60)
        except (AssertionError, OSError):
            internal_error_skip(guest, "memtest86+")
            raise


if __name__ == "__main__":
    tests_main()
