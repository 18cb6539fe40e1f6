#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An idle guest costs nothing: nobody wakes up but its vCPU, in the kernel."""

import os
import pathlib
import re
import time

from harness import (MODES, Guest, Skip, cleave, equal, guest_disk, test_each, tests_main,
                     work_dir)

SECONDS = 5
IOCTL, KVM_RUN = 16, 0xAE80


def switches(pid):
    """thread -> (name, voluntary context switches), without KVM's own worker threads."""
    table = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        text = pathlib.Path(f"/proc/{pid}/task/{task}/status").read_text(encoding="ascii")
        name = re.search(r"Name:\t(.*)", text).group(1)
        if name.startswith("kvm-"):
            continue
        table[int(task)] = (name, int(re.search(r"\nvoluntary_ctxt_switches:\t(\d+)",
                                                text).group(1)))
    return table


def is_vcpu(pid, task):
    """Whether a thread is inside KVM_RUN."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/task/{task}/syscall").read_text().split()
    except OSError as error:
        raise Skip(f"threads cannot be told apart ({error.strerror})") from None
    return fields[0] == str(IOCTL) and int(fields[2], 16) == KVM_RUN


@test_each(mode=MODES)
def idle(mode):
    """no voluntary context switch in 5 s outside the vCPU threads, which stay in the kernel"""
    with work_dir() as work:
        with Guest(guest_disk(work, "idle"), "--vcpus", 2, mode=mode) as guest:
            guest.wait_serial("idle")
            hv, dm = guest.halves()
            time.sleep(2)
            vcpus = [task for task in switches(hv) if is_vcpu(hv, task)]
            equal(len(vcpus), 2, "threads inside KVM_RUN")
            exits = cleave("stats", guest.name, "--json")[1]
            time.sleep(1)
            before = {**switches(hv), **switches(dm)}
            time.sleep(SECONDS)
            after = {**switches(hv), **switches(dm)}
            woken = {f"{task} ({name})": count - before.get(task, (name, 0))[1]
                     for task, (name, count) in after.items()
                     if task not in vcpus and count != before.get(task, (name, 0))[1]}
            equal(woken, {}, f"voluntary context switches in {SECONDS} s")
            now = cleave("stats", guest.name, "--json")[1]
            equal(re.search(r'"exits".*?}', now, re.S).group(0),
                  re.search(r'"exits".*?}', exits, re.S).group(0), "exits to user space")


if __name__ == "__main__":
    tests_main()
