#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Machine cleave-1 as a guest sees it must not change: compared with tests/boot/golden.

    test-golden.py --write     writes the files anew, after a change that is wanted
"""

import difflib
import pathlib
import re
import sys

from harness import MODES, Guest, equal, guest_disk, test_each, tests_main, work_dir

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"


# SeaBIOS puts the processor's own feature flags into its MP table (mode qemu), so that table's
# checksum is the host's and not the machine's.
HOST_DEPENDENT = re.compile(r"^(mp PCMP \S+ BOCHSCPU\S*\s+)[0-9a-f]+$")


def comparable(lines):
    """Lines without what depends on the host."""
    return [HOST_DEPENDENT.sub(r"\1(host)", line) for line in lines]


def dump(mode):
    """What a guest of machine cleave-1 with a disk of 20 MiB reads."""
    with work_dir() as work:
        with Guest("--machine", "cleave-1", "-m", 256, "--vcpus", 2, "--debug-exit",
                   guest_disk(work, "dump"), mode=mode) as guest:
            equal(guest.wait(60), 33, "exit status")
            return [line.rstrip() for line in guest.out.text.replace("\r", "").splitlines()]


@test_each(mode=MODES)
def golden(mode):
    """ids, slots, CPUID leaves, tables and CMOS of machine cleave-1 are as recorded"""
    wanted = comparable((GOLDEN / f"{mode}.txt").read_text(encoding="ascii").splitlines())
    got = comparable(dump(mode))
    assert got == wanted, "\n" + "\n".join(difflib.unified_diff(wanted, got, "recorded", "now",
                                                                lineterm="", n=0))


if __name__ == "__main__":
    if "--write" in sys.argv:
        GOLDEN.mkdir(exist_ok=True)
        for which in MODES:
            (GOLDEN / f"{which}.txt").write_text("\n".join(dump(which)) + "\n", encoding="ascii")
    else:
        tests_main()
