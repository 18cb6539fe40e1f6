#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Branch coverage that the fuzz corpora reach in hw/ and chips/, and what they do not reach.

Without an option it prints a table. --check compares with the list in docs/fuzzing.md, where every
branch that is not reached stands with a reason, and speaks TAP. --update rewrites that list,
keeping reasons; a new entry gets the reason "?", which --check refuses.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
HERE = SOURCE / "tests/fuzz"
LIST = SOURCE / "docs" / "fuzzing.md"
LIST_HEAD = """| file | function | condition | never | reason |
| --- | --- | --- | --- | --- |
"""
BAR = 85.0
SOURCES = ["hw/*/*.c", "chips/*.c"]
HARNESS = ["ops.c", "harness.c", "harness-world.c", "harness-print.c", "mutator.c",
           "harness-main.c", "qtest-*.c", "device-*.c"]
NOT_HERE = "device-pc.c"  # links more; what it reaches, the devices' own targets reach
# Files that are one device together.
DEVICES = [("ide", r"hw/ide/"), ("vga", r"hw/vga/"), ("fdc", r"hw/floppy/"),
           ("i8042", r"hw/input/(i8042|ps2|keymap)"), ("port92", r"hw/input/port92"),
           ("i8237", r"hw/dma/"), ("ns16550", r"hw/char/ns16550"),
           ("debug ports", r"hw/char/debug"),
           ("piix4-pm", r"hw/acpi/"), ("cmos", r"hw/nvram/cmos"), ("fw_cfg", r"hw/nvram/fw_cfg"),
           ("pci", r"hw/pci/pci\."), ("i440fx", r"hw/pci/i440fx"), ("piix3", r"hw/pci/piix3"),
           ("bus, memory map, clock", r"hw/core/(bus|memmap|clock|dma|device)\."),
           ("pvpanic", r"hw/misc/pvpanic"), ("pc-testdev", r"hw/misc/pc_testdev"),
           ("ib700", r"hw/watchdog/"), ("xen-platform", r"hw/xen/"),
           ("rtc", r"chips/mc146818"), ("hpet", r"chips/hpet"),
           ("pmtimer", r"chips/acpipm"), ("i8259", r"chips/i8259"), ("i8254", r"chips/i8254"),
           ("ioapic", r"chips/ioapic")]


def files(patterns, base):
    """Paths that match, relative to the source folder."""
    return sorted(str(p.relative_to(SOURCE)) for pattern in patterns for p in base.glob(pattern))


def program_build(where):
    """One compiler run over everything: no build directory to keep."""
    exe = where / "cleave-fuzz"
    objects = []
    sources = [s for s in files(SOURCES, SOURCE) + files(HARNESS, HERE) if NOT_HERE not in s]
    flags = ["-std=gnu17", "-O1", "-g", "-D_GNU_SOURCE", "-fno-strict-aliasing", "-w",
             "-fprofile-instr-generate", "-fcoverage-mapping", "-Ihw", "-Ichips",
             "-Itests/fuzz"]
    for source in sources:
        objects.append(str(where / (source.replace("/", "_") + ".o")))
    commands = [["clang", *flags, "-c", source, "-o", out] for source, out in zip(sources, objects)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for run in pool.map(lambda c: subprocess.run(c, cwd=SOURCE, check=False), commands):
            if run.returncode:
                sys.exit("coverage: a source cannot be compiled")
    subprocess.run(["clang", "-fprofile-instr-generate", *objects, "-o", exe], check=True)
    return exe


def corpora_run(exe, where, extra):
    """Every target replays its seeds, and what lies in extra/TARGET; one profile."""
    names = [line.split()[0] for line in subprocess.run(
        [exe, "--list"], capture_output=True, text=True, check=True,
        env=dict(os.environ, LLVM_PROFILE_FILE="/dev/null")).stdout.splitlines()]
    profiles = []
    for name in names:
        places = [HERE / "corpus" / name] + ([extra / name] if extra else [])
        places = [p for p in places if p.is_dir() and any(p.iterdir())]
        profile = where / f"{name}.profraw"
        run = subprocess.run([exe, name, *places], capture_output=True, text=True, check=False,
                             env=dict(os.environ, LLVM_PROFILE_FILE=str(profile)))
        if run.returncode:
            sys.exit(f"coverage: {name}: {run.stdout}{run.stderr}")
        profiles.append(profile)
    data = where / "all.profdata"
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", data, *profiles], check=True)
    return data


def branches_read(exe, data):
    """{file: {(line, column, end column): [true count, false count]}} of the device files."""
    out = subprocess.run(["llvm-cov", "export", "-format=text", f"-instr-profile={data}", exe],
                         capture_output=True, text=True, check=True, cwd=SOURCE).stdout
    found = collections.defaultdict(dict)
    for entry in json.loads(out)["data"][0]["files"]:
        name = os.path.relpath(os.path.join(SOURCE, entry["filename"]), SOURCE)
        if not device_of(name):
            continue
        for line, col, _, end, true, false, *_ in entry["branches"]:
            counts = found[name].setdefault((line, col, end), [0, 0])
            counts[0] += true
            counts[1] += false
    return found


def function_at(lines, line):
    """The function that a line lies in, by the house style: its name begins a line."""
    for text in reversed(lines[:line]):
        match = re.match(r"[a-z].*?(\w+)\([^;]*$", text)
        if match:
            return match.group(1)
    return "?"


def missing_list(found):
    """[(file, function, condition, outcome)] of branches never taken, in the order of the files."""
    rows = []
    for name in sorted(found):
        lines = (SOURCE / name).read_text(encoding="utf-8").splitlines()
        for (line, col, end), counts in sorted(found[name].items()):
            text = lines[line - 1][col - 1:end - 1] if end > col else lines[line - 1][col - 1:]
            text = re.sub(r"\s+", " ", text).replace("|", "¦").strip()
            for outcome, count in zip(("true", "false"), counts):
                if count == 0:
                    rows.append((name, function_at(lines, line), text, outcome))
    return rows


def device_of(name):
    """Which device a file belongs to, or None."""
    for device, pattern in DEVICES:
        if re.match(pattern, name):
            return device
    return None


def table(found):
    """{device: (branches taken, all)}."""
    sums = collections.defaultdict(lambda: [0, 0])
    for name, rows in found.items():
        device = device_of(name)
        for counts in rows.values() if device else ():
            sums[device][0] += (counts[0] > 0) + (counts[1] > 0)
            sums[device][1] += 2
    return sums


def list_split():
    """The page with the list: what is before its rows, the rows, what follows."""
    before, head, rest = LIST.read_text(encoding="utf-8").partition(LIST_HEAD)
    if not head:
        sys.exit(f"coverage: {LIST} has no table that begins with: {LIST_HEAD}")
    rows = re.match(r"(\|.*\n)*", rest).group(0)
    return before + head, rows, rest[len(rows):]


def reasons_read():
    """{row: reason} of the list."""
    rows = {}
    for line in list_split()[1].splitlines():
        name, function, text, outcome, reason = line.strip("| ").split(" | ", 4)
        rows[(name, function, text.strip("`"), outcome)] = reason
    return rows


def list_write(missing, reasons):
    """The list anew; somebody has to write the reason of what is new."""
    before, _, after = list_split()
    rows = (f"| {name} | {function} | `{text}` | {outcome} | "
            f"{reasons.get((name, function, text, outcome), '?')} |\n"
            for name, function, text, outcome in dict.fromkeys(missing))
    LIST.write_text(before + "".join(rows) + after, encoding="utf-8")


def check(found, missing):
    """TAP: the bar per device, and the list against what was measured."""
    reasons = reasons_read()
    rows = sorted(table(found).items())
    print(f"1..{len(rows) + 2}")
    bad = 0
    for i, (device, (taken, total)) in enumerate(rows, 1):
        good = taken * 100 >= BAR * total
        bad += not good
        print(f"{'' if good else 'not '}ok {i} - {device}: {taken} of {total} branches, "
              f"{100 * taken / max(total, 1):.1f} %")
    new = [row for row in dict.fromkeys(missing) if reasons.get(row, "?") == "?"]
    for row in new:
        print("# not explained:", " | ".join(row))
    print(f"{'not ' if new else ''}ok {len(rows) + 1} - every branch that is not reached is "
          "explained")
    stale = [row for row in reasons if row not in set(missing)]
    for row in stale:
        print("# reached, or gone:", " | ".join(row))
    print(f"{'not ' if stale else ''}ok {len(rows) + 2} - no branch is listed that is reached")
    return 1 if bad or new or stale else 0


def main():
    """Measures, then prints, checks or writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--corpus", type=pathlib.Path, help="further inputs: DIR/TARGET/*")
    options = parser.parse_args()
    for tool in ("clang", "llvm-cov", "llvm-profdata"):
        if not shutil.which(tool):
            print(f"1..0 # SKIP {tool} is not installed: run ./setup")
            return 0
    with tempfile.TemporaryDirectory() as name:
        where = pathlib.Path(name)
        exe = program_build(where)
        found = branches_read(exe, corpora_run(exe, where, options.corpus))
    missing = missing_list(found)
    if options.check:
        return check(found, missing)
    for device, (taken, total) in sorted(table(found).items()):
        print(f"{device:24} {taken:5} of {total:5} branches  {100 * taken / max(total, 1):5.1f} %")
    if options.update:
        list_write(missing, reasons_read())
    else:
        for row in missing:
            print(" | ".join(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
