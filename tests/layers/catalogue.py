#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the table of known bugs in docs/security.md against the tests that exist; speaks TAP.

    catalogue.py SOURCE-DIR BUILD-DIR

Every entry has a row; a row names its tests as `program`: name, name; ... and each of them is in the
program's own list (-l) as /catalogue/ENTRY/name (a name with a slash stands for itself). An entry
without a test says why, and stops being excused once the thing exists that it speaks of. Every test
named /catalogue/... is in the table.
"""

import pathlib
import re
import subprocess
import sys

# Entries per family, numbered from 1.
FAMILIES = {"IDE": 17, "VGA": 8, "CIR": 8, "RTL": 6, "E1K": 9, "NE": 4, "NET": 2, "KBD": 4, "SER": 4,
            "FDC": 4, "DMA": 2, "FW": 4, "PM": 7, "PCI": 5, "XEN": 10, "VNC": 10, "IMG": 8, "SLI": 7,
            "X": 7, "RES": 4, "ST": 1, "SB": 2}
PROPERTIES = ["LEAK"]

# What may stand without a test, for as long as none of these files exists.
EXCUSED = {"CIR": "hw/vga/cirrus*.c", "RTL": "hw/net/rtl8139*.c", "E1K": "hw/net/e1000*.c",
           "NE": "hw/net/ne2000*.c", "NET": "hw/net/*.c", "VNC": "ui/vnc*.c", "SLI": "net/slirp*.c",
           "IDE-17": "hw/ide/ahci*.c", "IMG-03": "block/nbd*.c", "IMG-04": "block/nbd*.c",
           "IMG-05": "block/nbd*.c", "IMG-06": "block/nbd*.c"}
# Left out of builds without Xen's libraries.
OPTIONAL = {"test-xen-catalogue"}

ROW = re.compile(r"^\| *([A-Z0-9]+(?:-\d\d)?(?: to [A-Z0-9]+-\d\d)?) *\|(.*)\|(.*)\|\s*$")
PROGRAM = re.compile(r"`([\w.-]+)`: ([^;]+)")
NAME = re.compile(r"\"?(/catalogue/[\w./-]+)")


def entries():
    """All ids."""
    return PROPERTIES + [f"{family}-{n:02}" for family, count in FAMILIES.items()
                         for n in range(1, count + 1)]


def expand(text):
    """The ids of a first column: one, or "A-01 to A-09"."""
    first, _, last = text.partition(" to ")
    if not last:
        return [first]
    family = first.rpartition("-")[0]
    return [f"{family}-{n:02}" for n in range(int(first[-2:]), int(last[-2:]) + 1)]


def table(source):
    """id -> (attack, tests column)."""
    rows = {}
    for line in (source / "docs" / "security.md").read_text(encoding="utf-8").splitlines():
        found = ROW.match(line)
        if found:
            for entry in expand(found.group(1)):
                rows[entry] = (found.group(2).strip(), found.group(3).strip())
    return rows


def listed(argv):
    """What a test program says about itself, or None."""
    try:
        done = subprocess.run([*argv, "-l"], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return None
    return set(NAME.findall(done.stdout)) if done.returncode == 0 else None


def programs(source, build):
    """program -> its tests of the catalogue."""
    found = {}
    for path in sorted((source / "tests").rglob("test-*")):
        if path.suffix not in (".c", ".py"):
            continue
        text = path.read_text(encoding="utf-8")
        if '"/catalogue/' not in text:
            continue
        if path.suffix == ".py":
            names = listed([sys.executable, str(path)])
        else:
            built = build / path.relative_to(source).with_suffix("")
            names = listed([str(built)]) or listed(["setarch", "-R", str(built)])
            # A sanitizer that does not start here: what its source adds.
            names = set(NAME.findall(text)) if names is None and built.exists() else names
        found[path.stem if path.suffix == ".c" else path.name] = names
    return found


def entry_error(source, entry, rows, tests):
    """What is wrong with an entry, or None."""
    if entry not in rows:
        return "has no row"
    attack, column = rows[entry]
    if len(attack) < 10:
        return "does not say what the attack is"
    named = PROGRAM.findall(column)
    if not named:
        family = entry.partition("-")[0]
        pattern = EXCUSED.get(entry) or EXCUSED.get(family)
        if not pattern:
            return "names no test"
        there = sorted(p.name for p in source.glob(pattern))
        return f"names no test, but there is {there[0]}" if there else None
    for program, names in named:
        if program not in tests:
            return f"names {program}, which has no such tests"
        if tests[program] is None and program in OPTIONAL:
            continue
        if tests[program] is None:
            return f"names {program}, which cannot be asked for its tests"
        for name in names.split(","):
            path = "/catalogue/" + (name.strip() if "/" in name else f"{entry}/{name.strip()}")
            if path not in tests[program]:
                return f"names {path}, which {program} does not have"
    return None


def unlisted(rows, tests):
    """Tests that the table does not name."""
    named = set()
    for entry, (_, column) in rows.items():
        for program, names in PROGRAM.findall(column):
            for name in names.split(","):
                path = name.strip() if "/" in name else f"{entry}/{name.strip()}"
                named.add((program, "/catalogue/" + path))
    return sorted(f"{program} {path}" for program, paths in tests.items() for path in paths or ()
                  if (program, path) not in named)


def main():
    """Checks and reports."""
    source, build = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    rows, tests = table(source), programs(source, build)
    known = entries()
    failed = False
    print(f"1..{len(known) + 2}")
    for number, entry in enumerate(known, 1):
        error = entry_error(source, entry, rows, tests)
        failed |= error is not None
        print(f"{'not ' if error else ''}ok {number} {entry}{' ' + error if error else ''}")
    for number, (what, wrong) in enumerate((
            ("every row is an entry", sorted(set(rows) - set(known))),
            ("every test of the catalogue is in the table", unlisted(rows, tests))), len(known) + 1):
        failed |= bool(wrong)
        for one in wrong:
            print(f"# {one}")
        print(f"{'not ' if wrong else ''}ok {number} {what}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
