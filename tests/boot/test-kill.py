#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of any process ends the guest and leaves nothing behind; flushed data stay."""

import os
import re
import signal
import time

from harness import (KILLED, Guest, equal, guest_disk, process_alive, run_base, shared_memory, test,
                     test_each, tests_main, wait_for, work_dir)


@test_each(victim=("cleave", "cleave-hv", "cleave-dm"))
def kill(victim):
    """kill -9 ends the guest, says so, and leaves no process, socket, lock or shared memory"""
    before = shared_memory()
    with work_dir() as work:
        disk = guest_disk(work, "idle")
        with Guest(disk) as guest:
            guest.wait_serial("idle")
            hv, dm = guest.halves()
            pids = {"cleave": guest.process.pid, "cleave-hv": hv, "cleave-dm": dm}
            os.kill(pids[victim], signal.SIGKILL)
            status = guest.wait(15)
            equal(status, -9 if victim == "cleave" else KILLED, "exit status")
            wait_for(lambda: not any(map(process_alive, pids.values())), 10,
                     lambda: f"end of {[n for n, p in pids.items() if process_alive(p)]}")
            wait_for(lambda: not (run_base() / guest.name).exists(), 10,
                     f"removal of the run directory of {guest.name}")
            wait_for(lambda: re.search("killed|signal 9|ended|died", guest.err.text), 5,
                     lambda: f"word of what happened in {guest.err.text!r}")
            equal(shared_memory() - before, set(), "shared memory left")
        with Guest(disk, name=guest.name) as again:
            again.wait_serial("idle")


@test
def terminate():
    """SIGTERM to cleave ends the guest and everything that belongs to it"""
    with work_dir() as work:
        with Guest(guest_disk(work, "idle")) as guest:
            guest.wait_serial("idle")
            pids = [guest.process.pid, *guest.halves()]
            guest.process.terminate()
            guest.wait(15)
            equal([pid for pid in pids if process_alive(pid)], [], "processes left")
            assert not (run_base() / guest.name).exists(), "the run directory was left"


@test
def flushed_data():
    """what the guest has flushed is in the file when cleave-dm is killed"""
    with work_dir() as work:
        disk = guest_disk(work, "flush")
        with Guest(disk) as guest:
            guest.wait_serial("flushed 00000100", 60)
            time.sleep(0.2)
            _, dm = guest.halves()
            os.kill(dm, signal.SIGKILL)
            guest.wait(15)
            numbers = [int(n, 16) for n in re.findall(r"flushed ([0-9a-f]{8}) \n", guest.out.text)]
        with open(disk, "rb") as image:
            for number in numbers:
                image.seek(number * 512)
                equal(image.read(512), (number & 0xffff).to_bytes(2, "little") * 256,
                      f"sector {number} of {numbers[-1]}")


if __name__ == "__main__":
    tests_main()
