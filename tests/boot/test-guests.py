#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The guests of firmware/guests that test one thing each and say so: exit status 33."""

import contextlib
import re
import shutil

from harness import (GUESTS, MODES, QUICK, Guest, Skip, equal, guest_run, kvm_interprets, test_each,
                     tests_main, wait_for, work_dir)

PASS = 33
FLOPPY_LATE = "could not read the boot disk"

# name -> (what its serial output must hold, further options)
CASES = {
    "bmdma": ("read ok.*write ok.*back ok",),
    "e820": (r"e820 0000000000000000 \S+ 1\n",),
    "int13-read": ("lba ok.*chs ok",),
    "level": ("again ok.*quiet ok",),
    "smp": ("processors 00000004|processors 4", "--vcpus", "4"),
    "timer": ("irq0 ok.*update ok.*alarm ok",),
}


@test_each(case=list(CASES) if not QUICK else ["int13-read", "bmdma", "smp"])
def guest(case):
    """a guest that tests itself passes"""
    pattern, *more = CASES[case]
    for mode in MODES:
        with work_dir() as work:
            disk = work / f"{case}.img"
            shutil.copy(GUESTS / disk.name, disk)
            status, serial, error = guest_run("--debug-exit", *more, disk, mode=mode, seconds=120)
            equal(status, PASS, f"exit status in mode {mode} ({serial!r} {error!r})")
            assert re.search(pattern, serial, re.S), f"{pattern!r} is not in {serial!r}"


@test_each(mode=MODES[QUICK:])
def cdrom(mode):
    """an El Torito disc starts and reads itself back"""
    status, serial, error = guest_run("--debug-exit", "--cdrom", GUESTS / "cdrom.iso", "--boot",
                                      "d", mode=mode, seconds=120)
    equal(status, PASS, f"exit status ({serial!r} {error!r})")
    assert "cdrom ok" in serial, serial


def floppy_skip(machine):
    """A KVM that interprets starves IRQ6 now and then; QEMU fails there in the same way."""
    if kvm_interprets() and any(FLOPPY_LATE in line for line in machine.screen()):
        raise Skip("this KVM delivered the floppy's interrupt after SeaBIOS's timeout; the lab "
                   "runs this test")


@test_each(mode=MODES[QUICK:])
def floppy(mode):
    """a floppy disk starts and reads itself back by DMA"""
    with Guest("--debug-exit", "--floppy", f"{GUESTS / 'floppy.img'},readonly", "--boot", "a",
               mode=mode) as machine:
        def ended():
            with contextlib.suppress(OSError):  # it may end while it is asked
                floppy_skip(machine)
            return machine.process.poll() is not None
        wait_for(ended, 120, "end of the guest")
        status = machine.wait()
        equal(status, PASS, f"exit status ({machine.out.text!r})")
        assert "floppy ok" in machine.out.text, machine.out.text


@test_each(mode=MODES[QUICK:])
def written_data(mode):
    """what the guest wrote and flushed is in the image"""
    with work_dir() as work:
        disk = work / "disk.img"
        shutil.copy(GUESTS / "int13-write.img", disk)
        status, serial, error = guest_run("--debug-exit", disk, mode=mode, seconds=120)
        equal(status, PASS, f"exit status ({serial!r} {error!r})")
        data = disk.read_bytes()
        for first, count in ((2048, 127), (2304, 16)):
            for sector in range(first, first + count):
                want = ((sector ^ 0xa5a5a5a5).to_bytes(4, "little")) * 128
                assert data[sector * 512:(sector + 1) * 512] == want, f"sector {sector}"


if __name__ == "__main__":
    tests_main()
