#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel with an ext4 root, from GRUB to power-off, on 1 and on 4 vCPUs; speaks TAP.

A run that fails is shown, told as a skipped test, and done again in a new machine.
"""

import pathlib
import tempfile

import debian
import disk
import tap

TIMEOUT = 600  # seconds a machine; a quiet host takes a quarter of it
WORTH = 200  # seconds that must be left to begin
ATTEMPTS = 3


def run(image, vcpus):
    """The guest's lines from one machine, or None where it did not get to its end; all lines."""
    one = tap.machine()
    one.add(image, f"cleave/{debian.DISK}")
    one.add_program("e2fsck")
    status, lines = tap.output_of(one, debian.command(vcpus), TIMEOUT)
    return (None if status is None else dict(debian.runs(lines)).get(vcpus, [])), lines


def guest(report, image, vcpus):
    """Runs the guest, again where it fails, and reports."""
    facts, wrong = None, []
    for _ in range(ATTEMPTS):
        if tap.time_left() < WORTH:
            break
        if wrong:
            report.line(True, f"lab: a run with {vcpus} vCPUs: {'; '.join(wrong)}",
                        "it failed; see the lines above, and what came of a further run")
        found, lines = run(image, vcpus)
        if found is None:
            wrong = ["the emulated machine did not get to its end"]
        else:
            facts = debian.judge(vcpus, found)
            wrong = [name for name, right in facts if not right]
        if not wrong:
            break
        print(*(f"# {line}" for line in lines), sep="\n")
    for name, right in facts or []:
        report.line(right, f"lab: {vcpus} vCPUs: {name}")
    if facts is None:
        report.line(True, f"lab: Debian on {vcpus} vCPUs", "all before took too long, or no emulated "
                    "machine got to its end: this host is busy; tests/lab/test-debian.py runs it")


def main():
    """Both numbers of vCPUs, side by side."""
    report = tap.Report()
    with tempfile.TemporaryDirectory() as work:
        image = pathlib.Path(work) / debian.DISK
        disk.disk_make(image, tap.machine().kernel)
        tap.side_by_side(lambda vcpus: guest(report, image, vcpus), debian.VCPUS)
    report.end()


main()
