# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device model costs: memory, start-up time, wake-ups; lines "measure DM NAME VALUE"."""

import pathlib
import re
import subprocess
import time

from domain import LOGS

TRACING = pathlib.Path("/sys/kernel/tracing")


def private_dirty(pid):
    """KiB of the process's own written pages. The kernel counts no guest page here: those are
    mapped by frame number, without a struct page."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Private_Dirty:\s+(\d+)", text).group(1))


def resident(pid):
    """KiB of the process that are resident."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Rss:\s+(\d+)", text).group(1))


def execs_watch():
    """The kernel notes from now on when processes exec."""
    if not (TRACING / "trace").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=False)
    (TRACING / "trace_clock").write_text("mono")
    (TRACING / "events/sched/sched_process_exec/enable").write_text("1")


def exec_time(pid):
    """When the process exec'd (the first time), in seconds of the clock of day; None: not seen."""
    found = re.search(rf"-{pid} .* (\d+\.\d+): sched_process_exec:", (TRACING / "trace").read_text())
    return time.time() - time.monotonic() + float(found.group(1)) if found else None


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
    """Times per second that a thread of the process was woken; threads that end meanwhile are left
    out."""
    def counts():
        found = {}
        for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
            text = status.read_text()
            found[status.parent.name] = int(
                re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M).group(1))
        return found

    start, before = time.monotonic(), counts()
    time.sleep(seconds)
    woken = sum(n - before.get(thread, 0) for thread, n in counts().items())
    return woken / (time.monotonic() - start)


def start_report(guest):
    """Prints the time from exec to `running` of the guest's device model."""
    running, started = running_time(guest.domid), exec_time(guest.pid)
    if running is not None and started is not None:
        print(f"measure {guest.dm} start_ms {1000 * (running - started):.0f}", flush=True)


def idle_report(guest):
    """Prints memory and wake-ups of the device model of an idle guest."""
    pid = guest.pid
    print(f"measure {guest.dm} wakeups_per_s {wakeups(pid):.1f}")
    print(f"measure {guest.dm} private_dirty_kib {private_dirty(pid)}")
    print(f"measure {guest.dm} resident_kib {resident(pid)}", flush=True)
