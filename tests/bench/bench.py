#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cleave beside QEMU on the same images, in turn, on this machine's /dev/kvm.

Prints a table: each row the median of both and the median of the ratios run by run, since the speed
of a machine drifts. Never a test: nothing passes or fails by it. Run it on an idle machine.

    tests/bench/bench.py [--runs N] [--mode xen|qemu] [ROW ...]
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CLEAVE_BUILD", SOURCE / "build"))
GUESTS = BUILD / "firmware" / "guests"
QEMU = ["qemu-system-x86_64", "-accel", "kvm", "-machine", "pc", "-nodefaults", "-vga", "std",
        "-display", "none", "-m", "256", "-boot", "menu=off"]
PAGE_ROUNDING = re.compile(r"^(\w+):\s+(\d+) kB", re.M)


class Ended(Exception):
    """A guest did not end as it should."""


def cleave_argv(image, mode, *more):
    """The command line of our guest on `image`."""
    return [str(BUILD / "cleave"), "run", "-m", "256", "--firmware-mode", mode, "--debug-exit",
            "--timeout", "120", *more, str(image)]


def qemu_argv(image, *more):
    """The same guest under QEMU."""
    return [*QEMU, "-device", "isa-debug-exit,iobase=0x501,iosize=1",
            "-drive", f"file={image},format=raw,if=ide", *more]


def run(argv, **options):
    """Runs a guest to its end through the debug-exit port; returns seconds and standard output."""
    start = time.monotonic()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=180, **options)
    seconds = time.monotonic() - start
    if done.returncode not in (1, 3) and not done.returncode & 1:
        raise Ended(f"{argv[0]}: status {done.returncode}: {done.stderr.decode()[-300:]}")
    return seconds, done.stdout.decode(errors="replace")


def counted_exits(argv):
    """Exits to user space of one run, by perf's kvm tracepoint; None where perf cannot."""
    with tempfile.NamedTemporaryFile() as out:
        perf = ["perf", "stat", "-x,", "-e", "kvm:kvm_userspace_exit", "-o", out.name, "--"]
        with contextlib.suppress(FileNotFoundError):
            run(perf + argv)
            found = re.search(r"^(\d+),,kvm:", pathlib.Path(out.name).read_text(), re.M)
            return int(found.group(1)) if found else None
    return None


def serial_cycles(argv):
    """Cycles of one operation, which a bench guest prints as its last number."""
    text = run(argv)[1]
    found = re.findall(r"operations (\d+) cycles", text)
    if not found:
        raise Ended(f"no result on the serial port: {text[-200:]!r}")
    return int(found[-1])


# --- the rows: each returns (ours, QEMU's) of one paired run ---

def row_boot(mode):
    """process start to the MBR's first instruction and out, seconds"""
    image = GUESTS / "mbr-signal.img"
    return run(cleave_argv(image, mode))[0], run(qemu_argv(image))[0]


def row_exits(mode):
    """exits to user space until the MBR"""
    image = GUESTS / "mbr-signal.img"
    return counted_exits(cleave_argv(image, mode)), counted_exits(qemu_argv(image))


def bench_pair(name, mode):
    """Both on one bench guest that prints cycles on COM1."""
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / name
        shutil.copy(GUESTS / name, image)
        return (serial_cycles(cleave_argv(image, mode, "--serial", "stdio")),
                serial_cycles(qemu_argv(image, "-serial", "stdio")))


def row_port(mode):
    """IN AL,1F7h round trip, cycles"""
    return bench_pair("bench-port.img", mode)


def row_vga(mode):
    """word write to B8000h, cycles"""
    return bench_pair("bench-vga.img", mode)


def row_rep(mode):
    """REP STOSW of 32 KiB to B8000h, cycles"""
    return bench_pair("bench-rep.img", mode)


def row_disk(mode):
    """int 13h read of 64 KiB, cycles"""
    return bench_pair("bench-disk.img", mode)


# --- a guest that halts ---

def children(pid):
    """Processes below pid, by name."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = path.read_text(encoding="latin1")
            if int(text.rpartition(")")[2].split()[1]) == pid:
                found[text.partition("(")[2].rpartition(")")[0]] = int(path.parent.name)
    return found


def private_dirty(pid):
    """KiB that only this process has dirtied, shared guest memory not included."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(dict(PAGE_ROUNDING.findall(text))["Private_Dirty"])


def qemu_private_dirty(pid):
    """The same without the mapping that holds guest RAM (256 MiB) and video memory (16 MiB)."""
    total = 0
    size = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            size = end - start
        elif line.startswith("Private_Dirty:") and size < (16 << 20):
            total += int(line.split()[1])
    return total


def switches(pid):
    """Voluntary context switches of all threads of a process that are no vCPU."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        text = (task / "status").read_text()
        name = (task / "comm").read_text()
        if "vcpu" not in name.lower() and "CPU" not in name:
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M).group(1))
    return total


@contextlib.contextmanager
def idle_guest(argv):
    """A guest that has booted and halts."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        time.sleep(10)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def idle_argv(mode):
    """The two command lines with the guest that halts."""
    image = GUESTS / "halt-idle.img"
    return cleave_argv(image, mode), qemu_argv(image)


def row_dirty(mode):
    """Private_Dirty of the device model, KiB (guest RAM and video memory excluded)"""
    ours, theirs = idle_argv(mode)
    with idle_guest(ours) as pid:
        mine = private_dirty(children(pid)["cleave-dm"])
    with idle_guest(theirs) as pid:
        return mine, qemu_private_dirty(pid)


def row_idle(mode):
    """wake-ups in 10 s with a halted guest, threads that are no vCPU"""
    result = []
    for argv in idle_argv(mode):
        with idle_guest(argv) as pid:
            pids = [pid, *children(pid).values()]
            before = sum(switches(p) for p in pids)
            time.sleep(10)
            result.append(sum(switches(p) for p in pids) - before)
    return tuple(result)


ROWS = {"boot": row_boot, "exits": row_exits, "port": row_port, "vga": row_vga, "rep": row_rep,
        "disk": row_disk, "dirty": row_dirty, "idle": row_idle}
ONCE = {"exits", "dirty", "idle"}  # counts, not times


def number(value):
    """A figure as people read it."""
    return f"{value:.2f}" if isinstance(value, float) and value < 100 else f"{value:,.0f}"


def main():
    """Runs the rows and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="paired runs of each row (5)")
    parser.add_argument("--mode", choices=("xen", "qemu"), default="xen", help="firmware mode")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    options = parser.parse_args()
    unknown = set(options.rows) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    if not shutil.which("qemu-system-x86_64"):
        sys.exit("bench: qemu-system-x86_64 is missing: apt-get install qemu-system-x86")
    print(f"{'':62} {'Cleave':>12} {'QEMU':>12} {'ratio':>7}  (firmware mode {options.mode})")
    for name in options.rows or ROWS:
        pairs = []
        try:
            for _ in range(1 if name in ONCE else options.runs):
                pairs.append(ROWS[name](options.mode))
        except (Ended, subprocess.TimeoutExpired, KeyError) as error:
            print(f"{ROWS[name].__doc__:62} failed: {error}")
            continue
        if any(value is None for pair in pairs for value in pair):
            print(f"{ROWS[name].__doc__:62} not measured: perf with kvm tracepoints is missing")
            continue
        ratios = [a / b if b else float("nan") for a, b in pairs]
        print(f"{ROWS[name].__doc__:62} {number(statistics.median(a for a, _ in pairs)):>12} "
              f"{number(statistics.median(b for _, b in pairs)):>12} "
              f"{statistics.median(ratios):7.3f}", flush=True)


if __name__ == "__main__":
    main()
