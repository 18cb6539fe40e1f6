#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests under Debian's Xen, started by xl with Cleave as their device model; speaks TAP.

    test-xen.py [--dm cleave|qemu] [--compare] [SCENARIO...]

With --compare (or CLEAVE_XEN_COMPARE=1) each scenario runs with QEMU, too, and tables of what
differs come at the end and go to xen-compare.txt in the build directory.
"""

import argparse
import os
import pathlib
import re
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
# pylint: disable=wrong-import-position
import guests
import image
import package
import xenlab

sys.path.insert(0, str(xenlab.HERE.parent / "lab"))
import lab
import tap

# Two emulated hosts at a time, of one processor's work each. Those of the Linux guest need it in
# the state in which the one before left it, or make it anew. xl's process behind a guest ends at its
# checkpoint, and nobody would act on a reboot; a restored guest has another one.
GROUPS = [["linux-boot", "linux-pause", "linux-checkpoint", "linux-save", "linux-reboot",
           "linux-commands", "linux-poweroff", "two-guests", "altered", "killed"],
          ["linux-smp", "boot-hda", "boot-stdvga", "boot-cdrom", "boot-second", "boot-order",
           "leaks"]]
SCENARIOS = [name for group in GROUPS for name in group]
TIMEOUT = 2400  # seconds for one start of an emulated host
WORTH = 240  # seconds without which a host is not started
STARTS = 9  # of each device model, to be compared
TOO_LATE = "no time left: this machine is too slow; ./run-tests --xen has more"
NO_XEN = ("this cleave-dm was built without Xen's libraries (libxendevicemodel): run ./setup "
          "(Debian package libxen-dev) and build again")


def host_make(package_file=None, **options):
    """An emulated host with what runs in its dom0, and what its command begins with: the project's
    package is installed where there is one."""
    host = xenlab.Host(**options)
    guests.add_all(host, tap.BUILD)
    host.add(xenlab.HERE / "dom0", "dom0")
    if not package_file:
        return host, ""
    host.add(package_file, "cleave.deb")
    return host, ("dpkg --no-triggers -i cleave.deb >/tmp/dpkg 2>&1 || cat /tmp/dpkg\n"
                  "ls -lL /usr/libexec/cleave-dm >/dev/null && ")


class Part:
    """Scenarios that follow each other on one emulated host; its lines of TAP."""

    def __init__(self, run, number, names):
        self.run = run
        self.keep = tap.BUILD / "xen-logs" / f"{run.dm}-{number}"
        self.names = names
        self.done = {}
        self.failures = {}  # of the first start: name -> its line

    def line(self, text):
        """One line of the scenarios' report."""
        words = text.split()
        found = re.match(rf"(not )?ok {self.run.dm}: (\S+): (.*)", text)
        if found:
            self.scenario_line(found.group(2), not found.group(1), found.group(3))
        elif not self.run.line(words):
            found = re.match(rf"# {self.run.dm} (\S+): (\d+) s$", text)
            if found:
                self.run.seconds[found.group(1)] = int(found.group(2))
            print(text if text.startswith("#") else f"# {text}", flush=True)

    def scenario_line(self, name, good, what):
        """A scenario's end. One that fails is tried again, and its first end is told, too."""
        name_text = f"xen: {self.run.dm}: {name}: {what}"
        if not good and name not in self.failures:
            self.failures[name] = what
            print(f"# not ok: {name_text}", flush=True)
            return
        self.done[name] = good
        self.run.report.line(good, name_text)
        if good and name in self.failures:
            self.run.report.line(True, f"xen: {self.run.dm}: {name}: the first time",
                                 "it failed; see the lines above, and what came of the second time")

    def host_run(self, names, attempt):
        """One start of an emulated host for the scenarios `names`."""
        dm = self.run.dm
        host, prefix = host_make(self.run.package)
        host.run(f"{prefix}python3 dom0/scenarios.py {dm} {' '.join(names)}", self.line,
                 max(1, min(TIMEOUT, tap.time_left())), self.keep / str(attempt))

    def all(self):
        """Runs the scenarios; further hosts run those that failed or did not get their turn."""
        why = "never run to its end"
        for attempt in (1, 2, 3):
            left = [name for name in self.names if name not in self.done]
            if not left or tap.time_left() < WORTH:
                break
            try:
                self.host_run(left, attempt)
            except xenlab.XenLabError as error:
                why = str(error)
                print(f"# {error}", flush=True)
                self.run.report.line(True, f"xen: {self.run.dm}: an emulated host", why)
        for name in self.names:
            if name not in self.done:
                late = tap.time_left() < WORTH and name not in self.failures
                self.run.report.line(late, f"xen: {self.run.dm}: {name}: "
                                     f"{self.failures.get(name, why)}",
                                     TOO_LATE if late else None)


class Run:
    """What one device model did: lines of TAP, measurements, facts that the guest saw."""

    def __init__(self, dm, report, names, package_file=None):
        self.dm = dm
        self.report = report
        self.parts = [Part(self, number, [name for name in group if name in names])
                      for number, group in enumerate(GROUPS, 1)]
        self.package = package_file
        self.seconds = {}
        self.measured = {}
        self.facts = []

    @property
    def done(self):
        """Which scenarios passed, and which did not."""
        return {name: good for part in self.parts for name, good in part.done.items()}

    def line(self, words):
        """A line with what was measured or seen; False where it is none."""
        if words[:2] == ["measure", self.dm]:
            self.measured.setdefault(words[2], []).append(float(words[3]))
        elif words[:2] == [self.dm, "fact"]:
            self.facts.append(" ".join(words[2:]))
        else:
            return False
        return True

    def all(self):
        """Runs all parts at once."""
        start = time.monotonic()
        threads = [threading.Thread(target=part.all) for part in self.parts if part.names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for key, values in sorted(self.measured.items()):
            print(f"# {self.dm}: {key} {value_text(values)}")
        print(f"# {self.dm}: {time.monotonic() - start:.0f} s in all", flush=True)


def starts_compare(runs, package_file):
    """Starts in turns on a host of two processors, where few of them wait for others' work."""
    host, prefix = host_make(package_file, cpus=2)
    try:
        host.run(f"{prefix}python3 dom0/starts.py {STARTS} {' '.join(run.dm for run in runs)}",
                 lambda text: any(run.line(text.split()) for run in runs),
                 max(1, min(TIMEOUT, tap.time_left())), tap.BUILD / "xen-logs" / "starts")
    except xenlab.XenLabError as error:
        print(f"# starts: {error}", flush=True)


def value_text(values):
    """The median of several measurements."""
    if not values:
        return "-"
    return f"{sorted(values)[len(values) // 2]:g}"


def tables(runs):
    """Results, measurements and facts of the device models beside each other, as lines."""
    names = [run.dm for run in runs]
    lines = [f"{'scenario':24}" + "".join(f"{name:>18}" for name in names)]
    for scenario in SCENARIOS:
        cells = []
        for run in runs:
            result = {True: "ok", False: "NOT OK", None: "-"}[run.done.get(scenario)]
            cells.append(f"{result} {run.seconds.get(scenario, 0):4.0f} s")
        lines.append(f"{scenario:24}" + "".join(f"{cell:>18}" for cell in cells))
    lines += ["", f"{'measured':24}" + "".join(f"{name:>18}" for name in names)]
    for key in sorted({key for run in runs for key in run.measured}):
        lines.append(f"{key:24}" + "".join(f"{value_text(run.measured.get(key)):>18}"
                                           for run in runs))
    for run in runs:
        others = {fact for other in runs if other is not run for fact in other.facts}
        alone = [fact for fact in run.facts if fact not in others]
        lines += ["", f"the Linux guest saw with {run.dm} alone:"] if alone and others else []
        lines += [f"  {fact}" for fact in alone] if others else []
    return lines


def bar_check(report, runs):
    """The bar of the project: memory, time to start, wake-ups, beside QEMU's."""
    found = {run.dm: {key: float(value_text(values)) for key, values in run.measured.items()}
             for run in runs}
    ours, theirs = found.get("cleave", {}), found.get("qemu", {})
    for key, good, text in (
            ("private_dirty_kib", lambda: ours[key] <= 4096, "Private_Dirty is at most 4 MiB"),
            ("start_ms", lambda: ours[key] * 10 <= theirs[key],
             "from exec to running in a tenth of QEMU's time"),
            ("wakeups_per_s", lambda: ours[key] * 10 <= theirs[key],
             "a tenth of QEMU's wake-ups with an idle guest")):
        if key in ours and key in theirs:
            report.line(good(), f"xen: {text}: {ours[key]:g}, QEMU {theirs[key]:g}")
        else:
            report.line(True, f"xen: {text}", "this run did not measure it with both")


def main():
    """Chooses device models and scenarios, runs them, compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dm", choices=["cleave", "qemu"], default="cleave")
    parser.add_argument("--compare", action="store_true",
                        default=os.environ.get("CLEAVE_XEN_COMPARE") == "1")
    parser.add_argument("scenario", nargs="*", help=f"of: {' '.join(SCENARIOS)}")
    options = parser.parse_args()
    unknown = set(options.scenario) - set(SCENARIOS)
    if unknown:
        sys.exit(f"test-xen.py: no scenario {', '.join(sorted(unknown))}: "
                 f"there are {' '.join(SCENARIOS)}")
    names = [name for name in SCENARIOS if name in options.scenario or not options.scenario]
    models = ["cleave", "qemu"] if options.compare else [options.dm]
    if "cleave" in models and not package.speaks_xen(tap.BUILD):
        if not options.compare:
            tap.skip_all(NO_XEN)
        models.remove("cleave")
    reason = lab.programs_missing()
    if reason:
        tap.skip_all(reason)
    if tap.time_left() < WORTH:
        tap.skip_all(TOO_LATE)
    try:
        image.get()
    except image.ImageError as error:
        tap.skip_all(f"no disk for dom0: {error}")
    report = tap.Report()
    if options.compare and "cleave" not in models:
        report.line(True, "xen: cleave", NO_XEN)
    with tempfile.TemporaryDirectory() as work:
        ours = package.make(tap.BUILD, work) if "cleave" in models else None
        runs = [Run(model, report, names, ours if model == "cleave" else None) for model in models]
        for run in runs:
            run.all()
        if options.compare:
            starts_compare(runs, ours)
    if options.compare:
        bar_check(report, runs)
        lines = tables(runs)
        (tap.BUILD / "xen-compare.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for line in lines:
            print(f"# {line}")
    report.end()


main()
