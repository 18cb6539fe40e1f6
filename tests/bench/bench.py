#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cleave beside QEMU, paired: same image, same devices, in turns. Prints a table with ratios.

    tests/bench/bench.py [--build BUILD] [--rounds N] [--no-perf]
    tests/bench/bench.py --lab          the same in the emulated machine (nested paging)

Rows: time from start to the first instruction of the MBR; exits to user space on that way (perf's
kvm:kvm_userspace_exit); a read of port 1F7h; a byte written to B8000; int 13h in requests of
64 KiB; private memory of the device model; wake-ups per second of an idle guest's process. This is
no test: nothing fails by being slow.
"""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MEMORY_MIB = 256
SILENCE = 60  # seconds without a sign of life from the emulated machine


def disk_make(directory, build, name):
    """A disk of 20 MiB with one of the boot tests' sectors."""
    path = pathlib.Path(directory) / f"{name}.img"
    with open(path, "wb") as disk:
        disk.write((build / "tests" / "boot" / "guests" / f"{name}.img").read_bytes())
        disk.truncate(20 << 20)
    return path


def cleave_argv(build, disk, mode="xen"):
    """How Cleave runs a disk."""
    return [str(build / "cleave"), "run", "--name", f"bench-{os.getpid()}", "-m", str(MEMORY_MIB),
            "--debug-exit", "--firmware-mode", mode, "--serial", "stdio", str(disk)]


def qemu_argv(_, disk):
    """How QEMU runs the same disk, with the same devices."""
    return ["qemu-system-x86_64", "-accel", "kvm", "-machine", "pc", "-nodefaults", "-vga", "std",
            "-display", "none", "-m", str(MEMORY_MIB), "-serial", "stdio",
            "-drive", f"if=ide,index=0,format=raw,file={disk}",
            "-device", "isa-debug-exit,iobase=0x501,iosize=1"]


SUBJECTS = {
    "cleave": cleave_argv,
    "cleave (qemu mode)": lambda build, disk: cleave_argv(build, disk, "qemu"),
    "qemu": qemu_argv,
}


def run(argv, timeout=60):
    """Runs a guest to its end: (seconds, output); (None, "") where it did not come to one."""
    start = time.monotonic()
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        print(f"{argv[0]}: not done within {timeout} s; left out", file=sys.stderr)
        return None, ""
    seconds = time.monotonic() - start
    if not done.returncode & 1:
        raise RuntimeError(f"{argv[0]}: status {done.returncode}: {done.stderr.decode()[-300:]}")
    return seconds, done.stdout.decode(errors="replace")


def exits_count(argv):
    """Exits to user space until the guest's end, by perf; None where perf cannot count them."""
    with tempfile.NamedTemporaryFile() as result:
        done = subprocess.run(["perf", "stat", "-a", "-x,", "-e", "kvm:kvm_userspace_exit", "-o",
                               result.name, "--", *argv], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=300, check=False)
        found = re.search(r"^(\d+),", pathlib.Path(result.name).read_text(), re.M)
    return int(found.group(1)) if found and done.returncode & 1 else None


def children(pid):
    """pid and all that it has started."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = pathlib.Path(f"/proc/{entry}/stat").read_text(encoding="latin1")
            except OSError:
                continue
            name = text.partition("(")[2].rpartition(")")[0]
            table[int(entry)] = (int(text.rpartition(")")[2].split()[1]), name)
    found, todo = {}, [pid]
    while todo:
        one = todo.pop()
        found[one] = table[one][1] if one in table else ""
        todo += [child for child, (parent, _) in table.items() if parent == one]
    return found


def private_dirty(pid, writable_only=False):
    """KiB that only this process has written, guest memory and video memory excluded.

    All of a program that lies in an initial ramdisk counts as written, as in the lab; to leave that
    out, look at what is writable alone.
    """
    total, counts = 0, False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(encoding="latin1").splitlines():
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) .(.)\S* \S+ \S+ \S+ *(.*)", line)
        if head:
            size = int(head.group(2), 16) - int(head.group(1), 16)
            counts = ("memfd:" not in head.group(4) and size < 16 << 20
                      and (head.group(3) == "w" or not writable_only))
        elif line.startswith("Private_Dirty:") and counts:
            total += int(line.split()[1])
    return total


def switches(pids):
    """Voluntary context switches of all threads of these processes."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            text = pathlib.Path(f"/proc/{pid}/task/{task}/status").read_text(encoding="ascii")
            total += int(re.search(r"\nvoluntary_ctxt_switches:\t(\d+)", text).group(1))
    return total


def idle_measure(argv):
    """An idle guest: (KiB private to the device model, wake-ups per second of all threads)."""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        try:
            text = b""
            while b"idle" not in text:
                chunk = os.read(process.stdout.fileno(), 4096)
                if not chunk:
                    raise RuntimeError(f"{argv[0]} ended early")
                text += chunk
            time.sleep(2)
            family = children(process.pid)
            model = [pid for pid, name in family.items()
                     if name.startswith(("cleave-dm", "qemu-system"))]
            before = switches(family)
            time.sleep(5)
            return private_dirty(model[0]), (switches(family) - before) / 5
        finally:
            process.terminate()
            process.wait()


class Table:
    """Values per row and subject; prints medians and ratios to QEMU."""

    def __init__(self):
        self.rows = {}

    def add(self, row, subject, value):
        """One measured value (None: could not be measured)."""
        self.rows.setdefault(row, {}).setdefault(subject, []).append(value)

    def print(self):
        """The table, in Markdown."""
        print(f"| | {' | '.join(SUBJECTS)} | " + " | ".join(
            f"{name} / qemu" for name in SUBJECTS if name != "qemu") + " |")
        print("|---" * (2 * len(SUBJECTS)) + "|")
        for row, values in self.rows.items():
            median = {}
            for subject, seen in values.items():
                seen = [v for v in seen if v is not None]
                median[subject] = statistics.median(seen) if seen else None
            cells = [f"{median[s]:,.2f}" if median.get(s) is not None else "-" for s in SUBJECTS]
            for subject in SUBJECTS:
                if subject != "qemu":
                    a, b = median.get(subject), median.get("qemu")
                    cells.append(f"{a / b:.2f}" if a is not None and b else "-")
            print(f"| {row} | {' | '.join(cells)} |")


def cycles(text, name, count):
    """Cycles per round that the bench guest has measured."""
    found = re.search(rf"{name} ([0-9a-f]+) ([0-9a-f]+)", text)
    return ((int(found.group(1), 16) << 32) + int(found.group(2), 16)) / count if found else None


def measure(build, rounds, with_perf):
    """All rows, in turns."""
    table = Table()
    with tempfile.TemporaryDirectory() as work:
        signal, bench, idle = (disk_make(work, build, n) for n in ("signal", "bench", "idle"))
        for number in range(rounds):
            for name, argv in SUBJECTS.items():
                seconds, _ = run(argv(build, signal))
                table.add("start to MBR, s", name, seconds)
            for name, argv in SUBJECTS.items():
                _, text = run(argv(build, bench))
                table.add("in al,1F7h, cycles", name, cycles(text, "status", 20000))
                table.add("write to B8000, cycles", name, cycles(text, "text", 20000))
                disk = cycles(text, "disk", 256 * 64)
                table.add("int 13h, cycles per KiB", name, disk)
            print(f"round {number + 1} of {rounds} done", file=sys.stderr)
        for name, argv in SUBJECTS.items():
            if with_perf:
                table.add("exits to user space to MBR", name, exits_count(argv(build, signal)))
            dirty, wakes = idle_measure(argv(build, idle))
            table.add("device model's Private_Dirty, KiB", name, dirty)
            table.add("wake-ups when idle, /s", name, wakes)
    table.print()


def in_lab(build, rounds):
    """The same in the emulated machine, with Python and QEMU in it."""
    sys.path.insert(0, str(HERE.parent / "lab"))
    import lab  # pylint: disable=import-outside-toplevel,import-error
    machine = lab.Lab(build, cpus=2)  # with one the two halves never spin
    machine.add_cleave()
    machine.add_python()
    machine.add_tests()
    machine.add_qemu()
    with tempfile.TemporaryFile() as text:
        try:
            # A machine of two processors comes to a stop now and then: it is started once more.
            return machine.run("python3 tests/bench/bench.py --build build --no-perf "
                               f"--rounds {rounds}", stdout=text, timeout=1800, silence=SILENCE)
        finally:
            text.seek(0)
            print(text.read().decode(errors="replace"))


def main():
    """Parses the options and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=HERE.parents[1] / "build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-perf", action="store_true", help="do not count exits")
    parser.add_argument("--lab", action="store_true", help="measure in the emulated machine")
    options = parser.parse_args()
    if options.lab:
        return in_lab(options.build, options.rounds)
    measure(options.build.resolve(), options.rounds,
            not options.no_perf and shutil.which("perf") is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
