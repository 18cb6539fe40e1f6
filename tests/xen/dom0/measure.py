# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device model costs: memory, start-up time, wake-ups; lines "measure DM NAME VALUE"."""

import os
import pathlib
import re
import time

from domain import LOGS


def private_dirty(pid):
    """KiB of the process's own written pages. The kernel counts no guest page here: those are
    mapped by frame number, without a struct page."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Private_Dirty:\s+(\d+)", text).group(1))


def resident(pid):
    """KiB of the process that are resident."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Rss:\s+(\d+)", text).group(1))


def exec_time(pid):
    """When the process was started, in seconds of the clock of day (to 10 ms)."""
    ticks = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def running_time(domid):
    """When the device model wrote `running`, from xenstored's log of accesses."""
    pattern = re.compile(r"\[(\d+)T(\d+):(\d+):([\d.]+)Z\].*write +"
                         rf"\S*device-model/{domid}/state running")
    found = None
    for line in (LOGS / "xenstored-access.log").read_text(errors="replace").splitlines():
        match = pattern.match(line)
        if match:
            found = match
    if found is None:
        return None
    day = time.mktime(time.strptime(found.group(1), "%Y%m%d")) - time.timezone
    return day + int(found.group(2)) * 3600 + int(found.group(3)) * 60 + float(found.group(4))


def wakeups(pid, seconds=10):
    """Times per second that a thread of the process was woken."""
    def count():
        total = 0
        for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
            found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.M)
            total += int(found.group(1))
        return total

    start, before = time.monotonic(), count()
    time.sleep(seconds)
    return (count() - before) / (time.monotonic() - start)


def start_report(guest):
    """Prints the time from exec to `running` of the guest's device model."""
    running = running_time(guest.domid)
    if running is not None:
        print(f"measure {guest.dm} start_ms {1000 * (running - exec_time(guest.pid)):.0f}",
              flush=True)


def idle_report(guest):
    """Prints memory and wake-ups of the device model of an idle guest."""
    pid = guest.pid
    print(f"measure {guest.dm} wakeups_per_s {wakeups(pid):.1f}")
    print(f"measure {guest.dm} private_dirty_kib {private_dirty(pid)}")
    print(f"measure {guest.dm} resident_kib {resident(pid)}", flush=True)
