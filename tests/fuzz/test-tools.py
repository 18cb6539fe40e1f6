#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The tools around the fuzzers: traces replayed, inputs as qtest scripts, the other machine.

    test-tools.py CLEAVE-DM CLEAVE-FUZZ CORPUS-DIR
"""

import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
DM, FUZZ, CORPUS = sys.argv[1:4]
TARGETS = ["cmos", "fdc", "i8042", "i8237", "ide-hd", "ns16550", "pci", "vga"]
READ, PIO, CONFIG = 1, 0, 2
SECOND = 10**9


def record(at, address, size, data, direction, kind=PIO, vcpu=0, count=1):
    """One request of a trace: see hypervisor/trace.h and xen/hvm/ioreq.h."""
    return struct.pack("<QIIQQIIIHBB", at, vcpu, 0, address, data, count, size, 0, 0,
                       3 | direction << 5, kind)


def run(*argv, timeout=60):
    """Status, output, errors of a program."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False,
                          errors="replace")
    return done.returncode, done.stdout, done.stderr


def replay(folder, trace):
    """What the device model makes of a trace."""
    path = pathlib.Path(folder) / "trace"
    path.write_bytes(trace)
    return run(DM, "-machine", "cleave-1", "-m", "64", "-vga", "std", "-replay-trace", str(path))


def test_replay(folder):
    """Answers that are as recorded, and one that is not."""
    trace = b"".join([
        record(1 * SECOND, (1 << 32), 4, 0, READ, CONFIG),  # nobody at 00.0 function 1
        record(1 * SECOND, (1 << 35), 4, 0x70008086, READ, CONFIG),
        record(1 * SECOND, 0x3ff, 1, 0x5a, 0),
        record(2 * SECOND, 0x3ff, 1, 0x5a, READ, vcpu=1),
        record(2 * SECOND, 0x2222, 2, 0xffff, READ),
        record(9 * SECOND, 0x3ff, 1, 0x5b, READ)])
    status, out, err = replay(folder, trace)
    assert status == 0, err
    assert "6 requests, 0 malformed; 5 reads, 2 answered otherwise" in out, out
    assert "reads port 0x3ff, 1 bytes: 0x5b recorded, 0x5a now" in out, out


def test_replay_cut_off(folder):
    """A part of a record is refused in one line."""
    status, _, err = replay(folder, record(0, 0x3ff, 1, 0, 0)[:47])
    assert status == 2 and len(err.splitlines()) == 1 and "-replay-trace" in err, (status, err)


def test_replay_noise(folder):
    """Records of any content."""
    status, out, err = replay(folder, random.Random(1).randbytes(48 * 2000))
    assert status == 0 and "2000 requests" in out, (status, err)


def script(folder, target, path):
    """An input as a qtest script."""
    status, out, err = run(FUZZ, target, "--to-qtest", str(path))
    assert status == 0, err
    to = pathlib.Path(folder) / f"{target}-{path.name}.qtest"
    to.write_text(out)
    return to


def inputs(target, count):
    """A few inputs of the corpus, always the same."""
    found = sorted(p for p in (pathlib.Path(CORPUS) / target).iterdir() if p.name[0] != ".")
    return random.Random(target).sample(found, min(count, len(found)))


def test_to_qtest(folder):
    """Every line of a script is a request that is understood."""
    for target in TARGETS:
        for path in inputs(target, 1):
            text = script(folder, target, path).read_text()
            lines = [x for x in text.splitlines() if x and not x.startswith(("#", "clock_"))]
            done = subprocess.run([DM, "-machine", "pc,accel=qtest", "-qtest", "stdio",
                                   "-qtest-log", "none"], input="\n".join(lines) + "\n", text=True,
                                  capture_output=True, timeout=60, check=False)
            answers = [x for x in done.stdout.splitlines() if not x.startswith("IRQ")]
            assert len(answers) == len(lines), (path, len(lines), len(answers), done.stderr)
            assert all(x.startswith("OK") for x in answers), path


def test_differential(folder):
    """Scripts made from inputs, on another machine: no difference that is not explained."""
    other = shutil.which("qemu-system-i386")
    if not other:
        return "no qemu-system-i386 (Debian: apt-get install qemu-system-x86)"
    scripts = sorted((HERE / "qtest").glob("*.qtest"))
    status, out, err = run(sys.executable, str(HERE / "qtest-diff.py"), "--ours", DM, "--other", other,
                           *map(str, scripts), timeout=240)
    assert status == 0 and len(scripts) >= 10, out + err
    return None


def main():
    """Runs the tests, as TAP."""
    tests = [test_replay, test_replay_cut_off, test_replay_noise, test_to_qtest, test_differential]
    print(f"1..{len(tests)}")
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__.removeprefix("test_").replace("_", "-")
        with tempfile.TemporaryDirectory() as folder:
            try:
                reason = test(folder)
                print(f"ok {number} - {name}" + (f" # SKIP {reason}" if reason else ""))
            except (AssertionError, subprocess.TimeoutExpired) as err:
                failed += 1
                print("\n".join(f"# {line}" for line in str(err).splitlines()))
                print(f"not ok {number} - {name}")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0")
    sys.exit(main())
