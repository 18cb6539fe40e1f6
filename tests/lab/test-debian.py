#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel with an ext4 root, from GRUB to power-off, on 1 and on 4 vCPUs; speaks TAP.

The emulated processors now and then make nested guests fault or stand still, under QEMU's monitor
as under ours (about every second boot of QEMU's with 4 vCPUs on a busy host). A guest that did is
run again, in a machine of its own; each failure is shown and told as a skipped test.
"""

import pathlib
import tempfile

import debian
import disk
import tap

TIMEOUT = 900  # seconds for all in one machine; a quiet host takes a third of it
WORTH = 200  # seconds that must be left to repeat one
REPEATS = 2


def run(image, choice):
    """One machine, in which the guest runs with each number of vCPUs: {vcpus: its lines}, or None
    where the machine did not get to its end; and all lines."""
    one = tap.machine()
    one.add(image, f"cleave/{debian.DISK}")
    one.add_program("e2fsck")
    status, lines = tap.output_of(one, "".join(map(debian.command, choice)), TIMEOUT)
    return (None if status is None else dict(debian.runs(lines))), lines


def wrong(vcpus, found):
    """Which facts are missing."""
    return [name for name, right in debian.judge(vcpus, found.get(vcpus, [])) if not right]


def show(lines):
    """Output of a run, as a comment."""
    for line in lines:
        print(f"# {line}")


def main():
    """Runs, repeats what failed, reports."""
    report = tap.Report()
    if tap.time_left() < WORTH:
        tap.skip_all("all before took too long: this host is busy; tests/lab/test-debian.py runs it")
    failed = []
    with tempfile.TemporaryDirectory() as work:
        image = pathlib.Path(work) / debian.DISK
        disk.disk_make(image, tap.machine().kernel)
        found, lines = run(image, debian.VCPUS)
        if found is None:
            show(lines)
            report.line(True, "lab: Debian", "the emulated machine itself (QEMU's TCG) locked up "
                        f"twice or did not end within {TIMEOUT} s: this host is busy")
            report.end()
        for vcpus in debian.VCPUS:
            for _ in range(REPEATS):
                if not wrong(vcpus, found) or tap.time_left() < WORTH:
                    break
                failed.append(f"{vcpus} vCPUs: {'; '.join(wrong(vcpus, found))}")
                show(found.get(vcpus, []))
                print(f"# once more with {vcpus} vCPUs, because these failed: "
                      f"{'; '.join(wrong(vcpus, found))}", flush=True)
                again, lines = run(image, [vcpus])
                found.update(again or {})
                show(lines)
    for vcpus in debian.VCPUS:
        for name, right in debian.judge(vcpus, found.get(vcpus, [])):
            report.line(right, f"lab: {vcpus} vCPUs: {name}")
    for what in failed:
        report.line(True, f"lab: a run with {what}", "it failed, and was run again")
    report.end()


main()
