#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Single qtest requests per second, paired with QEMU on one CPU.

    tests/bench/qtest.py [--build BUILD] [--rounds N] [--seconds S] [--request LINE]

The rows are medians; the ratio is the median of the rounds' ratios. Client and program share one
CPU, which is what a socket does best on; the bare socket is the bound. This is no test.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SUBJECTS = {
    "cleave-dm": lambda build: [build / "cleave-dm", "-machine", "pc", "-accel", "qtest"],
    "qemu": lambda _: ["qemu-system-x86_64", "-machine", "pc", "-accel", "tcg", "-S"],
}


def rate(client, request, seconds, argv=None):
    """Requests per second of one program, or of the bare socket."""
    with tempfile.TemporaryDirectory() as work:
        path = f"{work}/q" if argv else "echo"
        with subprocess.Popen([client, path, str(seconds), request],
                              stdout=subprocess.PIPE) as asker:
            if argv:
                while not os.path.exists(path):
                    pass
                with subprocess.Popen([*argv, "-display", "none", "-nodefaults", "-qtest",
                                       f"unix:{path}", "-qtest-log", "none"]) as program:
                    out = asker.communicate()[0]
                    program.terminate()
            else:
                out = asker.communicate()[0]
        return float(out)


def main():
    """Measures in turns and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=SOURCE / "build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--request", default="inb 0x1f7")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    build = options.build.resolve()
    client = build / "tests" / "bench" / "qtest_client"
    names = [n for n in SUBJECTS if n != "qemu" or shutil.which("qemu-system-x86_64")]
    rows = {name: [] for name in ["bare socket", *names]}
    for _ in range(options.rounds):
        rows["bare socket"].append(rate(client, options.request, options.seconds))
        for name in names:
            rows[name].append(rate(client, options.request, options.seconds,
                                   SUBJECTS[name](build)))
    for name, values in rows.items():
        print(f"{name:12} {statistics.median(values):10.0f} requests/s")
    if "qemu" in rows:
        ratios = [a / b for a, b in zip(rows["cleave-dm"], rows["qemu"])]
        print(f"cleave-dm / qemu: {statistics.median(ratios):.2f} "
              f"({min(ratios):.2f} to {max(ratios):.2f})")


main()
