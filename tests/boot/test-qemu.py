#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compared with QEMU on the same image: the same pixels, the same int 13h."""

import shutil

from harness import (GUESTS, MODES, QUICK, Guest, Qemu, equal, guest_disk, guest_image,
                     test_each, tests_main, work_dir)
import pixels

CELL = (9, 16)  # a character of the 720 x 400 text screen
CURSOR = (79 * CELL[0], 24 * CELL[1], *CELL)
PICTURES = ("text", "12h", "13h", "vbe")
# MiB, on both sides of each limit of translation.
SIZES = (504, 8500) if QUICK else (20, 504, 1100, 8500, 140000)


def qemu_drive(path):
    """QEMU's arguments for the same disk."""
    return ("-drive", f"if=ide,index=0,format=raw,snapshot=on,file={path}",
            "-device", "isa-debug-exit,iobase=0x501,iosize=1")


def pixels_compare(disk, mode, ready, masked=()):
    """The picture under QEMU and under Cleave once the guest has said `ready`."""
    with work_dir() as work:
        disk = shutil.copy(disk, work)
        with Qemu(*qemu_drive(disk)) as qemu:
            qemu.wait_serial(ready)
            qemu.screenshot(work / "qemu.ppm")
        with Guest(disk, mode=mode) as guest:
            guest.wait_serial(ready, 60)
            guest.screenshot(work / "cleave.png")
        found = pixels.differences(pixels.ppm_read(work / "qemu.ppm"),
                                   pixels.png_read(work / "cleave.png"), masked)
        assert not found, f"{len(found)} pixels differ, the first at {found[:5]}"


@test_each(mode=MODES)
def text_pixels(mode):
    """the text screen is QEMU's, pixel by pixel (but for the cursor's cell)"""
    pixels_compare(guest_image("text"), mode, "screen ready", [CURSOR])


@test_each(picture=() if QUICK else PICTURES)
def graphics_pixels(picture):
    """pictures in planar, 256 colour and linear frame buffer modes, and all of text, are QEMU's"""
    pixels_compare(GUESTS / f"vga-{picture}.img",
                   MODES[PICTURES.index(picture) % 2], "ready")


@test_each(megabytes=SIZES)
def int13(megabytes):
    """int 13h says the same of a disk (MiB) as under QEMU"""
    with work_dir() as work:
        disk = guest_disk(work, "geometry", megabytes)
        with Qemu(*qemu_drive(disk)) as qemu:
            qemu.wait_serial("done +\r?\n")
            wanted = qemu.out.text.replace("\r", "").splitlines()
        with Guest(disk, mode=MODES[megabytes % 8 // 4]) as guest:
            guest.wait_serial("done +\r?\n", 60)
            equal(guest.out.text.replace("\r", "").splitlines(), wanted, "lines")


if __name__ == "__main__":
    tests_main()
