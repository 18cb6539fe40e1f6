#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a qtest script on two machines and tells where their answers differ.

    qtest-diff.py [--ours CLEAVE-DM] [--other QEMU] [--known FILE] SCRIPT...

Scripts come from `cleave-fuzz TARGET --to-qtest FILE`. The other machine is Debian's
qemu-system-i386 on its own CPU emulation, stopped: it answers qtest, but not the clock requests, so
those are left out on both sides; so are wide accesses to ports that take bytes only, which a PC's bus
cuts into bytes and the other machine sometimes does not. A script ends at its first reset, which the
other machine does at a time of its own. Differences that are known and explained (qtest-known.txt)
are counted only; a script that ends the other machine is compared up to there.

After a difference the two may be in different states: the first one of a script tells most. Exit
status: 0 when nothing else differs, 1 when something does, 2 when it cannot run.
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
# Ports below 0x1000 that take more than a byte: IDE data, DISPI, configuration, fw_cfg.
WIDE = {0x170, 0x1f0, 0x1ce, 0x1cf, 0x1d0, 0x510, 0x514, 0x518, 0xcf8, *range(0xcfc, 0xd00)}
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

    LINE = re.compile(r"(port|memory|config)\s+(\S+)\s+(0x[0-9a-fA-F]+|ones)\s+(\S.*)")

    def __init__(self, path):
        self.rows = []  # a mask of None: all ones here, zeros there
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
                              None if mask == "ones" else int(mask, 16), reason))

    def byte_reason(self, place, ours, theirs):
        """Why this byte may differ; None when it may not."""
        for space, function, first, last, mask, reason in self.rows:
            if space != place[0] or function not in (place[1], "*", "") or \
                    not first <= place[2] <= last:
                continue
            if (ours == 0xff and theirs == 0) if mask is None else not (ours ^ theirs) & ~mask:
                return reason
        return None

    def reason(self, place, ours, theirs):
        """Why these values may differ; None when they may not."""
        space, function, address, size = place
        why = None
        for byte in range(size):
            a, b = (v >> (8 * byte) & 0xff for v in (ours, theirs))
            if a != b:
                why = self.byte_reason((space, function, address + byte), a, b)
                if why is None:
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
        if line.startswith(("#reset", "# power")):
            return
        if not line or line.startswith("#") or line.startswith(SKIPPED):
            continue
        found = re.match(r"(?:in|out)[wl] (\S+)", line)
        if not found or int(found.group(1), 0) in WIDE or int(found.group(1), 0) >= 0x1000:
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
        mine = ours.ask(part)
        try:
            theirs = other.ask(part)
        except Gone as err:
            explained[f"not compared further: {err}"] += 1
            break
        for request, a, b in zip(part, mine, theirs):
            where = place.follow(request)
            a, b = value(a), value(b)
            if a == b or where is None:
                if a != b:
                    differences.append(f"{request}: {a} there {b}")
                continue
            reason = None
            if isinstance(a, int) and isinstance(b, int):
                reason = known.reason(where, a, b)
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
