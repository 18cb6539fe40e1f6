#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own boot sectors: the whole path from the reset vector to the MBR and back out."""

import pathlib
import re
import shutil

from harness import (DEMO, GUESTS, IN_LAB, INTERNAL_ERROR, MODES, QUICK, TIMEOUT, TRIPLE_FAULT,
                     Guest, Skip, equal, guest_disk, guest_run, test, test_each, tests_main,
                     work_dir)
import pixels

SLOW = () if QUICK else MODES


@test_each(mode=MODES)
def demo(mode):
    """the demo disk boots to its prompt on the serial port and on the screen"""
    assert DEMO.exists(), f"{DEMO} was not built"
    with Guest(DEMO, mode=mode) as guest:
        guest.wait_serial(r"(?m)^.*[>$#:] ?$", 60)
        guest.wait_screen(r"\S", 10)
        with work_dir() as work:
            guest.screenshot(work / "demo.png")
            picture = pixels.png_read(work / "demo.png")
            assert picture.width >= 640 and picture.colours() > 1


@test_each(mode=MODES[QUICK:])
def power_off(mode):
    """a guest that powers off by ACPI ends with status 0"""
    with work_dir() as work:
        status, serial, _ = guest_run(guest_disk(work, "off"), mode=mode)
        assert "off" in serial, serial
        equal(status, 0, "exit status")


@test_each(mode=SLOW)
def power_off_by_bios(mode):
    """a guest that asks the BIOS (APM), or enters ACPI mode by port B2h first, ends with status 0"""
    for name in ("off-apm", "off-acpi"):
        with work_dir() as work:
            disk = shutil.copy(GUESTS / f"{name}.img", work)
            status, serial, error = guest_run(disk, mode=mode)
            assert "off" in serial, f"{name}: {serial}"
            equal(status, 0, f"{name}: exit status ({error})")


@test
def bare_program():
    """--loader FILE: a 32-bit program runs without any BIOS, EBX at the start info"""
    status, serial, error = guest_run("--debug-exit", "--loader", GUESTS / "hello.elf")
    assert re.search(r"hello from 00\w{6}\s+start_info 336ec578", serial), f"{serial!r} {error!r}"
    equal(status, 33, "exit status")


@test_each(mode=MODES)
def debug_exit(mode):
    """a write of V to port 501h ends the guest with status 2 V + 1"""
    with work_dir() as work:
        status, serial, _ = guest_run("--debug-exit", guest_disk(work, "geometry"), mode=mode)
        assert "done" in serial, serial
        equal(status, 33, "exit status")


@test
def no_debug_exit():
    """without --debug-exit a write to port 501h does nothing"""
    with work_dir() as work:
        with Guest(guest_disk(work, "geometry")) as guest:
            guest.wait_serial("done", 60)
            guest.wait_screen("Booting from Hard Disk", 10)


@test_each(mode=SLOW)
def reset(mode):
    """8042, port 92h and CF9h (even posted) reset the machine; CMOS keeps its bytes"""
    with work_dir() as work:
        status, serial, _ = guest_run("--debug-exit", guest_disk(work, "reset"), mode=mode,
                                      seconds=150)  # five starts
        equal([line.strip() for line in serial.splitlines() if line.startswith("start")],
              [f"start {n:08x}" for n in range(5)], "starts")
        equal(status, 33, "exit status")


@test_each(mode=MODES[QUICK:])
def triple_fault(mode):
    """a triple fault is reported as such, with the guest's registers"""
    with work_dir() as work:
        status, _, error = guest_run(guest_disk(work, "triple"), mode=mode)
        equal(status, TRIPLE_FAULT, f"exit status ({error})")
        lines = [line for line in error.splitlines() if "triple fault" in line.lower()]
        equal(len(lines), 1, f"lines that tell of the triple fault in {error!r}")
        # Older kernels on AMD reset the vCPU before they tell of its end (SVM, SHUTDOWN).
        assert re.search("rax=12345678|rip=fff0", lines[0]), f"EAX is not in {lines[0]!r}"


@test
def internal_error():
    """what KVM cannot interpret ends the guest with one line, its bytes and registers"""
    with work_dir() as work:
        status, _, error = guest_run("--debug-exit", guest_disk(work, "fwait"))
        if status == 33:
            raise Skip("this KVM can run FWAIT in real mode")
        equal(status, INTERNAL_ERROR, f"exit status ({error})")
        lines = [line for line in error.splitlines() if line.strip()]
        equal(len(lines), 1, f"lines on standard error: {error!r}")
        assert "9b" in lines[0].lower(), f"the instruction's byte 9B is not in {lines[0]!r}"
        assert "ip" in lines[0].lower(), f"no registers in {lines[0]!r}"


@test
def timeout_and_screenshot():
    """--timeout ends the guest with status 124, after --screenshot was written"""
    with work_dir() as work:
        picture = work / "end.png"
        with Guest("--screenshot", picture, guest_disk(work, "text"),
                   timeout=10 if IN_LAB else 20) as guest:
            guest.wait_serial("screen ready", 20)
            equal(guest.wait(40), TIMEOUT, "exit status")
        shot = pixels.png_read(picture)
        equal((shot.width, shot.height), (720, 400), "size of the screen")
        assert shot.colours() == 16, f"{shot.colours()} colours"


@test
def serial_to_file():
    """--serial file: keeps what the guest says"""
    with work_dir() as work:
        path = work / "serial.txt"
        status, _, _ = guest_run(guest_disk(work, "off"), serial=f"file:{path}")
        equal(status, 0, "exit status")
        assert "off" in pathlib.Path(path).read_text(encoding="latin1")


@test_each(vcpus=(32,) if QUICK else (2, 32))
def many_vcpus(vcpus):
    """a guest with several vCPUs reaches its MBR"""
    with work_dir() as work:
        status, _, error = guest_run("--vcpus", vcpus, "-m", 512, guest_disk(work, "off"),
                                     seconds=120)
        equal(status, 0, f"exit status ({error})")


@test
def large_memory():
    """a guest with memory above 4 GiB reaches its MBR"""
    with work_dir() as work:
        status, _, error = guest_run("-m", 5120, guest_disk(work, "off"))
        if "host has only" in error:
            raise Skip("this machine has no 5 GiB free")
        equal(status, 0, f"exit status ({error})")


if __name__ == "__main__":
    tests_main()
