# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian kernel with an ext4 root in Cleave, in the emulated machine: command and judgement."""

import re

VCPUS = (1, 4)
DISK = "debian.img"
# Runs the guest once: it writes 64 MiB and reboots, checks them and powers off. The file system
# is checked afterwards with e2fsck.
COMMAND = """cp {disk} run.img
echo "run vcpus={vcpus}"
cleave run --name debian -m 512 --vcpus {vcpus} --serial stdio --timeout {timeout} {options} \
run.img </dev/null
echo "run status=$?"
e2fsck -fn 'run.img?offset=1048576' >/tmp/fsck 2>&1
echo "run fsck=$?"
[ -z "$(ls /run/cleave 2>/dev/null)" ] && echo "run clean"
rm -f run.img
"""


def command(vcpus, timeout=300, options=""):
    """The shell command that runs the guest once."""
    return COMMAND.format(disk=DISK, vcpus=vcpus, timeout=timeout, options=options)


def runs(lines):
    """The lines of each run: (vcpus, lines)."""
    found = []
    for line in lines:
        start = re.match(r"run vcpus=(\d+)", line)
        if start:
            found.append((int(start.group(1)), []))
        elif found:
            found[-1][1].append(line)
    return found


def judge(vcpus, lines):
    """(name, good) of each fact that one run must show."""
    text = "\n".join(lines)
    said = re.findall(r"guest: (.*)", text)
    complaints = [s for s in said if s.startswith("kernel complains")]

    def count(pattern):
        return sum(bool(re.match(pattern, s)) for s in said)

    return [
        ("GRUB starts the kernel twice", text.count("GRUB reads the kernel") == 2),
        (f"user space on {vcpus} vCPUs, twice", count(rf"user space, {vcpus} cpus, kernel ") == 2),
        ("the disk works by DMA", count(r"disk transfers by XFER_(UDMA|MW_DMA)_") == 2),
        ("64 MiB written are right, before and after the reboot", count("data good") == 2),
        ("the kernel does not complain", not complaints and "Call Trace" not in text),
        ("reboot, then power-off with status 0",
         said[-1:] == ["power off"] and "reboot" in said and "run status=0" in text),
        ("the file system is clean", "run fsck=0" in text),
        ("nothing is left in the run directory", "run clean" in text),
    ]
