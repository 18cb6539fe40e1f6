#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel with an ext4 root, from GRUB to power-off, on 1 and on 4 vCPUs; speaks TAP."""

import pathlib
import tempfile

import debian
import disk
import tap


def machine_make(work):
    """The emulated machine with the Debian disk in it."""
    one = tap.machine()
    image = pathlib.Path(work) / debian.DISK
    disk.disk_make(image, one.kernel)
    one.add(image, f"cleave/{debian.DISK}")
    one.add_program("e2fsck")
    return one


def main():
    """One emulated machine, in which the guest runs once with each number of vCPUs."""
    with tempfile.TemporaryDirectory() as work:
        one = machine_make(work)
        status, lines = tap.output_of(one, "".join(map(debian.command, debian.VCPUS)), 900)
    report = tap.Report()
    if status is None:
        for line in lines:
            print(f"# {line}")
        report.line(True, "lab: Debian", "the emulated machine itself (QEMU's TCG) locked up twice "
                    "or did not end within 900 s: this host is busy")
        report.end()
    found = dict(debian.runs(lines))
    good = True
    for vcpus in debian.VCPUS:
        for name, right in debian.judge(vcpus, found.get(vcpus, [])):
            report.line(right, f"lab: {vcpus} vCPUs: {name}")
            good &= right
    if not good:
        for line in lines:
            print(f"# {line}")
    report.end()


main()
