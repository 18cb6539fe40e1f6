#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the fuzzer find bugs? Three historical ones are in the program given (built with
-Dfuzz_bugs=true); each must be found in time, starting from nothing: by libFuzzer (./fuzz
--selftest), or with --driver by made inputs without an engine. Speaks TAP."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

LIMIT = 300  # seconds
BUGS = [("fdc", "floppy FIFO overflow (CVE-2015-3456)"),
        ("vga", "VGA bank overflow (CVE-2016-3710)"),
        ("ide-cd", "ATAPI buffer overrun (CVE-2015-5154)")]


def search(program, target, where):
    """(what was found or None, seconds)."""
    start = time.monotonic()
    env = dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
               ASAN_OPTIONS="detect_leaks=0:symbolize=1")
    if "--driver" in sys.argv:
        argv = [program, target, "--random", str(LIMIT), "1"]
    else:
        argv = [program, f"--target={target}", f"-max_total_time={LIMIT}", "-timeout=20",
                "-max_len=3072", f"-artifact_prefix={where}/{target}-"]
    run = subprocess.run(argv, env=env, capture_output=True, text=True, errors="replace",
                         check=False)
    found = re.search(r"FINDING.*|.*runtime error.*|^SUMMARY.*", run.stderr, re.M)
    return found.group(0) if run.returncode and found else None, time.monotonic() - start


def main():
    """One test per bug."""
    program = pathlib.Path(sys.argv[1]).resolve()
    bad = 0
    print(f"1..{len(BUGS)}")
    with tempfile.TemporaryDirectory() as where:
        for number, (target, what) in enumerate(BUGS, 1):
            found, seconds = search(program, target, where)
            bad += not found
            print(f"{'' if found else 'not '}ok {number} - {what}: "
                  f"{'found' if found else 'not found'} in {seconds:.0f} s", flush=True)
            print(f"# {found or 'nothing'}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
