#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest memory uses reserved 2 MiB pages, and says so."""

import contextlib
import pathlib
import re
import sys

from harness import Guest, Skip, equal, guest_disk, test, tests_main, work_dir

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import bench  # pylint: disable=wrong-import-position

RESERVE = pathlib.Path("/proc/sys/vm/nr_hugepages")
GUEST_MIB = 64
PAGES = GUEST_MIB // 2 + 16
MODEL_KIB = 1024


def meminfo(name):
    """A number of /proc/meminfo."""
    return int(re.search(rf"{name}:\s+(\d+)",
                         pathlib.Path("/proc/meminfo").read_text(encoding="ascii")).group(1))


@contextlib.contextmanager
def reservation(pages):
    """Reserves 2 MiB pages beside those that are reserved, and restores the setting."""
    try:
        before = int(RESERVE.read_text(encoding="ascii"))
        if meminfo("Hugepagesize") != 2048:
            raise Skip("this machine's huge pages are not of 2 MiB")
        RESERVE.write_text(str(before + pages), encoding="ascii")
    except OSError as error:
        raise Skip(f"2 MiB pages cannot be reserved ({error.strerror})") from None
    try:
        if int(RESERVE.read_text(encoding="ascii")) < before + pages:
            raise Skip("this machine has not enough free memory in 2 MiB pieces")
        yield
    finally:
        RESERVE.write_text(str(before), encoding="ascii")


@test
def reserved_pages():
    """reserved 2 MiB pages are used and reported; the setting is restored"""
    before = RESERVE.read_text(encoding="ascii")
    with reservation(PAGES), work_dir() as work:
        free = meminfo("HugePages_Free")
        with Guest("-v", "--log", work / "log", "-m", GUEST_MIB, guest_disk(work, "idle")) as guest:
            guest.wait_serial("idle")
            taken = free - meminfo("HugePages_Free") + meminfo("HugePages_Rsvd")
            assert taken >= GUEST_MIB // 2 - 2, f"{taken} pages of 2 MiB taken"
            log = (work / "log").read_text(errors="replace")
            assert re.search(r"pages of 2 MiB", log), log
        equal(meminfo("HugePages_Free"), free, "pages free afterwards")
    equal(RESERVE.read_text(encoding="ascii"), before, "the setting")


@test
def small_pages():
    """without a reservation the guest runs on 4 KiB pages, and the log says so"""
    if meminfo("HugePages_Free"):
        raise Skip("this machine has 2 MiB pages reserved")
    with work_dir() as work:
        with Guest("-v", "--log", work / "log", "-m", GUEST_MIB, guest_disk(work, "idle")) as guest:
            guest.wait_serial("idle")
            assert re.search(r"pages of 4 KiB", (work / "log").read_text(errors="replace"))


@test
def small_device_model():
    """the device model writes less than 1 MiB of memory of its own"""
    with work_dir() as work, Guest(guest_disk(work, "idle")) as guest:
        guest.wait_serial("idle")
        kib = bench.private_dirty(guest.halves()[1], writable_only=True)
        assert 0 < kib < MODEL_KIB, f"{kib} KiB"


if __name__ == "__main__":
    tests_main()
