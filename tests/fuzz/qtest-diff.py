#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a qtest script on two machines and tells where their answers differ.

    qtest-diff.py [--ours CLEAVE-DM] [--other QEMU] [--known FILE] SCRIPT...

Scripts come from `cleave-fuzz TARGET --to-qtest FILE`. The other machine is Debian's
qemu-system-i386 on its own CPU emulation, stopped: it answers qtest, but not the clock requests, so
those are left out on both sides. Differences that are known and explained (qtest-known.txt) are
counted only. Exit status: 0 when nothing else differs, 1 when something does, 2 when it cannot run.
"""

import argparse
import collections
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MEMORY_MIB = 64
SKIPPED = ("clock_step", "clock_set")
SHOWN = 10
TIMEOUT = 20.0
CHUNK = 256  # requests on their way at once


def arguments(disk, cdrom):
    """What both machines are given: the devices of the whole-PC target."""
    return ["-machine", "pc", "-m", str(MEMORY_MIB), "-nodefaults", "-display", "none", "-vga", "std",
            "-drive", f"if=ide,index=0,media=disk,format=raw,file={disk}",
            "-drive", f"if=ide,index=2,media=cdrom,format=raw,file={cdrom}",
            "-serial", "null", "-qtest", "stdio", "-qtest-log", "/dev/null"]


class Gone(Exception):
    """The machine ended, or does not answer."""


class Machine:
    """A process that speaks qtest on its standard input and output."""

    def __init__(self, argv):
        self.name = os.path.basename(argv[0])
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.rest = b""
        self.lines = collections.deque()

    def ask(self, requests):
        """The answers to some requests, in order."""
        data = "".join(r + "\n" for r in requests).encode()
        answers = []
        end = time.monotonic() + TIMEOUT
        out, back = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(out, False)
        while len(answers) < len(requests):
            ready, free, _ = select.select([back], [out] if data else [], [], 1.0)
            if free:
                try:
                    data = data[os.write(out, data[:65536]):]
                except BrokenPipeError as err:
                    raise Gone(self.epitaph()) from err
            if ready:
                self.read_lines(back)
                while self.lines and len(answers) < len(requests):
                    answers.append(self.lines.popleft())
            if time.monotonic() > end:
                raise Gone(f"{self.name} does not answer: {requests[len(answers)]}")
        return answers

    def read_lines(self, back):
        """Takes what came; changes of lines and the log are no answers."""
        data = os.read(back, 1 << 16)
        if not data:
            raise Gone(self.epitaph())
        *whole, self.rest = (self.rest + data).split(b"\n")
        self.lines += [line.decode(errors="replace").strip() for line in whole
                       if line.startswith((b"OK", b"FAIL", b"ERR"))]

    def epitaph(self):
        """Why it ended, as far as it said."""
        self.process.wait(TIMEOUT)
        self.errors.seek(0)
        last = self.errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return f"{self.name} ended with status {self.process.returncode}: {' '.join(last)}"

    def close(self):
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()


class Known:
    """Differences that are explained: what, where, which bits, why."""

    LINE = re.compile(r"(port|memory|config)\s+(\S+)\s+(0x[0-9a-fA-F]+)\s+(\S.*)")

    def __init__(self, path):
        self.rows = []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = self.LINE.fullmatch(line.strip())
            if not found:
                sys.exit(f"{path}:{number}: not SPACE FIRST[-LAST] MASK REASON")
            space, where, mask, reason = found.groups()
            function, _, where = where.rpartition(":") if space == "config" else ("", "", where)
            first, _, last = where.partition("-")
            self.rows.append((space, function, int(first, 16), int(last or first, 16),
                              int(mask, 16), reason))

    def reason(self, space, function, address, size, bits):
        """Why these bits may differ; None when they may not."""
        why = None
        for byte in range(size):
            part = (bits >> (8 * byte)) & 0xff
            for row_space, row_function, first, last, mask, reason in self.rows:
                at = address + byte
                if row_space == space and row_function in (function, "*") and first <= at <= last:
                    lane = (mask >> (8 * ((at - first) % 4))) & 0xff if mask > 0xff else mask
                    if part & lane:
                        why = reason
                    part &= ~lane
            if part:
                return None
        return why


SIZES = {"b": 1, "w": 2, "l": 4, "q": 8}


class Place:
    """Where a request reads, with configuration space told apart from its ports."""

    def __init__(self):
        self.latch = 0

    def follow(self, request):
        """(space, function, address, size) of a read; None for anything else."""
        words = request.split()
        found = re.fullmatch(r"(in|out|read|write)([bwlq])", words[0])
        if not found:
            return None
        verb, size = found.group(1), SIZES[found.group(2)]
        address = int(words[1], 0)
        if verb == "out":
            if address == 0xcf8 and size == 4:
                self.latch = int(words[2], 0)
            return None
        if verb == "write":
            return None
        if verb == "in" and 0xcfc <= address <= 0xcff and self.latch & 0x80000000:
            function = f"{self.latch >> 16 & 0xff:02x}.{self.latch >> 11 & 31:x}." \
                       f"{self.latch >> 8 & 7}"
            return "config", function[3:], (self.latch & 0xfc) + address - 0xcfc, size
        return ("port" if verb == "in" else "memory"), "", address, size


def requests_of(path):
    """The script without comments and what the other side cannot do."""
    for line in path.read_text().splitlines():
        if line and not line.startswith("#") and not line.startswith(SKIPPED):
            yield line


def value(answer):
    """The number of an answer, or its text."""
    words = answer.split()
    return int(words[1], 16) if len(words) == 2 and words[0] == "OK" else answer


def compare(path, ours, other, known):
    """(differences, explained) of one script: lists of lines."""
    place, differences, explained = Place(), [], collections.Counter()
    script = list(requests_of(path))
    for at in range(0, len(script), CHUNK):
        part = script[at:at + CHUNK]
        for request, a, b in zip(part, ours.ask(part), other.ask(part)):
            where = place.follow(request)
            a, b = value(a), value(b)
            if a == b or where is None:
                if a != b:
                    differences.append(f"{request}: {a} there {b}")
                continue
            reason = None
            if isinstance(a, int) and isinstance(b, int):
                reason = known.reason(*where, a ^ b)
            if reason:
                explained[reason] += 1
            else:
                text = [f"{v:#x}" if isinstance(v, int) else v for v in (a, b)]
                differences.append(f"{request} ({where[0]} {where[1]} {where[2]:#x}): "
                                   f"{text[0]} there {text[1]}")
    return differences, explained


def image(folder, name, size):
    """A disk whose sectors differ."""
    path = pathlib.Path(folder) / name
    path.write_bytes(bytes(((i >> 9) * 7 + i) & 0xff for i in range(65536)))
    os.truncate(path, size)
    return path


def run(options, path, known, folder):
    """Compares one script; True when all is well."""
    machines = []
    try:
        for program, *accel in ((options.ours, "-accel", "qtest"),
                                (options.other, "-accel", "tcg", "-S")):
            own = tempfile.mkdtemp(dir=folder)
            disk, cdrom = image(own, "disk", 16 << 20), image(own, "cdrom", 4 << 20)
            machines.append(Machine([program, *arguments(disk, cdrom), *accel]))
        differences, explained = compare(path, machines[0], machines[1], known)
    except Gone as err:
        print(f"{path}: {err}")
        return False
    finally:
        for machine in machines:
            machine.close()
    for line in differences[:SHOWN]:
        print(f"{path}: {line}")
    print(f"{path}: {len(differences)} differences, {sum(explained.values())} explained")
    for reason, count in explained.items():
        print(f"  {count} x {reason}")
    return not differences


def main():
    """Compares the scripts, each on new machines."""
    parser = argparse.ArgumentParser(description="Compares two machines by a qtest script.")
    parser.add_argument("--ours", default=str(HERE.parents[1] / "build" / "cleave-dm"))
    parser.add_argument("--other", default="qemu-system-i386")
    parser.add_argument("--known", type=pathlib.Path, default=HERE / "qtest-known.txt")
    parser.add_argument("script", type=pathlib.Path, nargs="+")
    options = parser.parse_args()
    for program in (options.ours, options.other):
        if not shutil.which(program):
            print(f"qtest-diff: {program}: not found")
            return 2
    known = Known(options.known)
    with tempfile.TemporaryDirectory() as folder:
        good = [run(options, path, known, folder) for path in options.script]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
