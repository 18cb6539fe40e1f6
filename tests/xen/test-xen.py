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

SCENARIOS = ["boot-hda", "boot-stdvga", "boot-cdrom", "boot-second", "boot-order", "two-guests",
             "altered", "killed", "linux-boot", "linux-pause", "linux-checkpoint", "linux-save",
             "linux-reboot", "linux-poweroff", "linux-smp", "leaks"]
# Those of the Linux guest need it in the state in which the one before left it, or make it anew.
# xl's process behind a guest ends at its checkpoint, and nobody would act on a reboot; a restored
# guest has another one.
TIMEOUT = 2400  # seconds for one start of the emulated host
BUDGET = 1500  # seconds after which it is not started again
NO_XEN = ("this cleave-dm was built without Xen's libraries (libxendevicemodel): run ./setup "
          "(Debian package libxen-dev) and build again")


class Run:
    """What one device model did: lines of TAP, measurements, facts that the guest saw."""

    def __init__(self, dm, report):
        self.dm = dm
        self.report = report
        self.done = {}
        self.seconds = {}
        self.measured = {}
        self.facts = []
        self.begun = None
        self.started = time.monotonic()

    def line(self, text):
        """One line of the scenarios' report."""
        words = text.split()
        found = re.match(rf"(not )?ok {self.dm}: (\S+): (.*)", text)
        if found:
            name = found.group(2)
            self.done[name] = not found.group(1)
            self.report.line(self.done[name], f"xen: {self.dm}: {name}: {found.group(3)}")
        elif words[:2] == ["begin", self.dm]:
            self.begun = words[2]
            self.started = time.monotonic()
        elif words[:2] == ["measure", self.dm]:
            self.measured.setdefault(words[2], []).append(float(words[3]))
        elif words[:2] == [self.dm, "fact"]:
            self.facts.append(" ".join(words[2:]))
        else:
            found = re.match(rf"# {self.dm} (\S+): (\d+) s$", text)
            if found:
                self.seconds[found.group(1)] = int(found.group(2))
                text += f" in the emulated host, {time.monotonic() - self.started:.0f} s here"
            print(text if text.startswith("#") else f"# {text}", flush=True)

    def host_run(self, names, keep):
        """One start of the emulated host for the scenarios `names`."""
        host = xenlab.Host()
        guests.add_all(host, tap.BUILD)
        host.add(xenlab.HERE / "dom0", "dom0")
        command = f"python3 dom0/scenarios.py {self.dm} {' '.join(names)}"
        if self.dm == "cleave":
            with tempfile.TemporaryDirectory() as work:
                host.add(package.make(tap.BUILD, work), "cleave.deb")
            command = ("dpkg --no-triggers -i cleave.deb >/tmp/dpkg 2>&1 || cat /tmp/dpkg\n"
                       "ls -lL /usr/libexec/cleave-dm >/dev/null && " + command)
        host.run(command, self.line, TIMEOUT, keep)

    def all(self, names):
        """Runs the scenarios; a host that ends early is started once more for the others."""
        start = time.monotonic()
        for attempt in (1, 2):
            left = [name for name in names if name not in self.done]
            if not left or time.monotonic() - start > BUDGET:
                break
            keep = tap.BUILD / "xen-logs" / f"{self.dm}-{attempt}"
            self.begun = None
            try:
                self.host_run(left, keep)
                why = f"not run (logs: {keep})"
            except (xenlab.XenLabError, package.PackageError) as error:
                why = str(error)
                print(f"# {error}", flush=True)
            if self.begun and self.begun not in self.done and attempt > 1:
                self.line(f"not ok {self.dm}: {self.begun}: {why}")
        for name in names:
            if name not in self.done:
                self.line(f"not ok {self.dm}: {name}: never run to its end")
        print(f"# {self.dm}: {time.monotonic() - start:.0f} s in all", flush=True)


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
            cells.append(f"{result} {run.seconds.get(scenario, 0):4} s")
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
    try:
        image.get()
    except image.ImageError as error:
        tap.skip_all(f"no disk for dom0: {error}")
    report = tap.Report()
    if options.compare and "cleave" not in models:
        report.line(True, "xen: cleave", NO_XEN)
    runs = []
    for model in models:
        runs.append(Run(model, report))
        runs[-1].all(names)
    if options.compare:
        bar_check(report, runs)
        lines = tables(runs)
        (tap.BUILD / "xen-compare.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for line in lines:
            print(f"# {line}")
    report.end()


main()
