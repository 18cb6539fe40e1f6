#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds Cleave, runs its tests with meson, and adds them up; called by ./run-tests.

The last line is "N passed, N failed, N skipped". A test that speaks TAP counts once per line.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[1]
# Seconds after which the lab begins nothing more, so that all takes less than 40 minutes.
LAB_END = 1740
# Seconds after which the scenarios under Xen end: alone (meson ends the suite at 3000), and as the
# last part of all.
XEN_ALONE_END = 2700
XEN_END = 2280
QUICK = ["unit", "qtest", "layers", "sandbox", "boot"]
SLOW = ["fuzz", "fuzz-coverage", "lab"]
SANITIZED = ["unit", "qtest", "fuzz"]
TAP_LINE = re.compile(r"^(not )?ok\b *\d* *-? *(.*?)(?: *# *(SKIP|TODO)\b *(.*))?$", re.I)


def build_configure(build, options):
    """Sets the build directory up, or changes only those options that differ."""
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", build, *(f"-D{k}={v}" for k, v in options.items())],
                       cwd=SOURCE, check=True)
        return
    out = subprocess.run(["meson", "introspect", "--buildoptions", build], capture_output=True,
                         text=True, check=True).stdout
    now = {entry["name"]: entry["value"] for entry in json.loads(out)}

    def value_text(value):
        return str(value).lower() if isinstance(value, bool) else str(value)

    change = [f"-D{k}={v}" for k, v in options.items() if value_text(now.get(k)) != v]
    if change:
        subprocess.run(["meson", "configure", build, *change], check=True)


def patience_of(options):
    """How many times their time suites get: a comparison runs everything with QEMU, too."""
    return 3 if options.compare else 1


def suites_chosen(options):
    """The suites to run, and their environment."""
    if options.xen:
        end = time.monotonic() + XEN_ALONE_END * patience_of(options)
        return ["xen"], {"CLEAVE_DEADLINE": str(end),
                         **({"CLEAVE_XEN_COMPARE": "1"} if options.compare else {})}
    if options.quick:
        return QUICK, {"CLEAVE_QUICK": "1"}
    return QUICK + SLOW, {"CLEAVE_DEADLINE": str(time.monotonic() + LAB_END)}


def suite_run(build, suites, env=None, patience=1):
    """Runs suites of tests, each with `patience` times its time; the rows of meson's log."""
    log = build / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    argv = ["meson", "test", "-C", str(build), "--no-stdsplit", "--print-errorlogs",
            "--timeout-multiplier", str(patience)]
    for suite in suites:
        argv += ["--suite", suite]
    status = subprocess.run(argv, env=dict(os.environ, **(env or {})), check=False).returncode
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    good = all(row["result"] in ("OK", "SKIP", "EXPECTEDFAIL") for row in rows)
    if not rows or (status and good):  # it did not get to its end
        rows.append({"name": f"meson test --suite {','.join(suites)} (status {status})",
                     "result": "FAIL", "stdout": ""})
    return rows


def tap_rows(text):
    """(passed, name, reason of a skip or None) for each TAP line."""
    for line in text.splitlines():
        found = TAP_LINE.match(line.strip("\r"))
        if found:
            skip = (found.group(4) or "no reason given") if (found.group(3) or "").upper() == \
                "SKIP" else None
            yield not found.group(1), found.group(2), skip
        elif re.match(r"1\.\.0\b", line):
            yield True, "all of it", line.partition("#")[2].strip() or "no reason given"


class Sum:
    """What passed, failed and was skipped."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.notes = []

    def skip(self, name, reason):
        """Counts a skipped test; its reason is printed at the end."""
        self.skipped += 1
        self.notes.append(f"skipped: {name}: {reason}")

    def fail(self, name):
        """Counts a failed test."""
        self.failed += 1
        self.notes.append(f"FAILED: {name}")

    def row_add(self, row, where):
        """Counts one row of meson's log."""
        name = f"{where}{row['name']}"
        rows = list(tap_rows(row.get("stdout") or ""))
        failed = False
        for passed, what, reason in rows:
            if reason is not None:
                reason = re.sub(r"^skip\S*:?\s*", "", reason, flags=re.I)
                self.skip(f"{name}: {what}", reason)
            elif passed:
                self.passed += 1
            else:
                failed = True
                self.fail(f"{name}: {what}")
        result = row["result"]
        if result in ("OK", "EXPECTEDFAIL"):
            self.passed += not rows
        elif result == "SKIP":
            if not rows:
                text = (row.get("stdout") or "").strip().splitlines()
                self.skip(name, text[-1] if text else "no reason given")
        elif not failed:
            self.fail(f"{name} ({result.lower()})")


def sanitized_run(total):
    """Units, qtest and corpora under ASan and UBSan, the three old bugs among them."""
    build = SOURCE / "build-asan"
    build_configure(build, {"werror": "true", "b_sanitize": "address,undefined",
                            "b_lundef": "false", "fuzz_bugs": "true"})
    # A program that ends with one line does not free what it had.
    env = {"UBSAN_OPTIONS": "halt_on_error=1", "ASAN_OPTIONS": "detect_leaks=0"}
    for row in suite_run(build, SANITIZED, env):
        total.row_add(row, "sanitized: ")


def attacks_run(total):
    """Attacks on the sandbox, from within the device model."""
    build = SOURCE / "build-backdoor"
    build_configure(build, {"werror": "true", "test_backdoor": "true"})
    for row in suite_run(build, ["sandbox"]):
        total.row_add(row, "backdoor: ")


def xen_run(total, build, end):
    """The scenarios under Xen, in the time that is left."""
    for row in suite_run(build, ["xen"], {"CLEAVE_DEADLINE": str(end)}):
        total.row_add(row, "")


def main():
    """Configures, builds, runs, adds up."""
    parser = argparse.ArgumentParser(description="Builds Cleave and runs its tests.")
    parser.add_argument("--quick", action="store_true",
                        help="unit, qtest, layering, sandbox and boot tests alone, with a choice of cases")
    parser.add_argument("--xen", action="store_true",
                        help="the scenarios under Debian's Xen alone")
    parser.add_argument("--compare", action="store_true",
                        help="with --xen: each scenario with QEMU, too, and what differs")
    options = parser.parse_args()
    if options.compare and not options.xen:
        parser.error("--compare goes with --xen")
    start = time.monotonic()
    total = Sum()
    build = SOURCE / "build"
    (build / "xen-compare.txt").unlink(missing_ok=True)
    build_configure(build, {"werror": "true"})
    if subprocess.run(["ninja", "-C", build, "--quiet"], check=False).returncode:
        total.fail("the build")
    else:
        suites, env = suites_chosen(options)
        for row in suite_run(build, suites, env, patience_of(options)):
            total.row_add(row, "")
        if not options.quick and not options.xen:
            sanitized_run(total)
            attacks_run(total)
            xen_run(total, build, start + XEN_END)
    table = build / "xen-compare.txt"
    if options.compare and table.exists():
        print(table.read_text(encoding="utf-8"))
    for note in total.notes:
        print(note)
    print(f"run-tests: {time.monotonic() - start:.0f} s")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
