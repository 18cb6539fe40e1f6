#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the layering of the folders; speaks TAP.

    layers.py SOURCE-DIR BUILD-DIR

Includes are resolved to the folder that holds the header, then looked up in ALLOWED. Objects of
hw/ and chips/ must have no data that changes and must call nothing but the C library's pure part.
"""

import pathlib
import re
import subprocess
import sys

C_PURE = {"assert.h", "ctype.h", "endian.h", "errno.h", "inttypes.h", "limits.h", "stdalign.h",
          "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h",
          "string.h", "time.h"}

# folder: (folders whose headers it may include, system headers it must not include)
KVM = r"linux/kvm\.h"
GLIB = r"(glib|gio|jansson).*"
ALLOWED = {
    "hw/core": ({"hw/core"}, None),
    "hw": ({"hw/core", "hw"}, None),
    "chips": ({"hw/core", "chips"}, None),
    "ioreq": ({"hw/core", "ioreq", "include"}, f"{KVM}|{GLIB}"),
    "block": ({"hw/core", "block", "util"}, f"{KVM}|xen/.*"),
    "ui": ({"hw/core", "ui", "util"}, f"{KVM}|xen/.*"),
    "hypervisor": ({"hw/core", "chips", "hypervisor", "include", "util"}, r"liburing\.h|png\.h"),
    "dm": ({"hw/core", "hw", "ioreq", "block", "ui", "dm", "include", "util", "chips"},
           rf"{KVM}|png\.h"),
    "toolstack": ({"toolstack", "include", "util"}, f"{KVM}|xen/.*|liburing.*"),
    "util": ({"util"}, f"{KVM}|xen/.*"),
    "include": ({"include"}, f"{KVM}|{GLIB}"),
}
# Include paths, in the order in which a quoted name is looked for after the file's own folder.
SEARCH = ["include", "util", "hw", "chips", "ioreq", "block", "ui", "hypervisor", "dm", "toolstack"]

PURE_CALLS = re.compile(
    r"_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__assert_fail|(__)?(mem(cpy|set|move|cmp|chr)"
    r"|str(len|n?cmp|n?cpy|chr|nlen)|v?snprintf)(_chk)?|gmtime_r|timegm|__u?divti3")  # the last: 128-bit division
# Sanitizers and coverage bring their own.
INSTRUMENT = re.compile(r"__(asan|ubsan|tsan|gcov|sanitizer|odr_asan)_.*|__gcov.*")

SPDX = re.compile(r"SPDX-License-Identifier: ")
SPDX_SUFFIXES = {".c", ".h", ".S", ".s", ".asm", ".py", ".sh", ".ld", ".lds", ".asl", ".build"}


def tracked(source):
    """The files of the project: git's list, or all files where there is no repository."""
    done = subprocess.run(["git", "-C", source, "ls-files", "-co", "--exclude-standard"],
                          capture_output=True, text=True, check=False)
    names = done.stdout.splitlines() if done.returncode == 0 else []
    if not names:
        names = [str(p.relative_to(source)) for p in source.rglob("*") if p.is_file()
                 and not p.relative_to(source).parts[0].startswith(("build", ".git", "obj-"))]
    return [source / name for name in sorted(names) if (source / name).is_file()]


def folder_of(source, path):
    """The entry of ALLOWED for this file, or None (firmware, tests: no rule)."""
    parts = path.relative_to(source).parts
    if parts[:2] == ("hw", "core"):
        return "hw/core"
    return parts[0] if len(parts) > 1 and parts[0] in ALLOWED else None


def resolve(source, path, name):
    """The file that a quoted include means, or None."""
    for folder in [path.parent] + [source / s for s in SEARCH]:
        if (folder / name).is_file():
            return (folder / name).resolve()
    return None


def include_error(source, path, form, name):
    """Why this include is forbidden, or None."""
    folder = folder_of(source, path)
    allowed, forbidden = ALLOWED[folder]
    if form == '"':
        target = resolve(source, path, name)
        if target is None:
            return None  # generated headers
        where = folder_of(source, target)
        if where not in allowed:
            return f"{folder}/ must not include {where}/"
        inside = target.relative_to(source / "hw").parts if where == "hw" else None
        if inside and len(inside) < 2:
            return "headers in hw/ lie in a folder"
        return None
    if forbidden is None:
        return None if name in C_PURE else f"{folder}/ includes the C library's pure part only"
    return f"{folder}/ must not include it" if re.fullmatch(forbidden, name) else None


def check_includes(source, files):
    """Every forbidden #include."""
    for path in files:
        if path.suffix not in (".c", ".h") or folder_of(source, path) is None:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if found:
                error = include_error(source, path, found.group(1), found.group(2))
                if error:
                    yield f"{path.relative_to(source)}:{number}: {found.group(2)}: {error}"


def objects(build):
    """The object files of hw/ and chips/."""
    for folder in ("hw", "chips"):
        yield from sorted((build / folder).rglob("*.o"))


def check_globals(build):
    """Objects with a name in a section that can be written."""
    for path in objects(build):
        out = subprocess.run(["objdump", "-t", path], capture_output=True, text=True, check=True)
        for line in out.stdout.splitlines():
            found = re.match(r"\S+ (.{7}) (\S+)\t(\S+)\s+(?:\.\w+ )?(\S+)$", line)
            if not found or "d" in found.group(1) or int(found.group(3), 16) == 0:
                continue
            section, name = found.group(2), found.group(4)
            writable = re.match(r"\.(data|bss|tdata|tbss)|\*COM\*", section)
            if writable and not section.startswith(".data.rel.ro") and \
                    not INSTRUMENT.fullmatch(name):
                yield f"{path.relative_to(build)}: {name} in {section} can change"


def symbols(path):
    """Names that an object defines, and names that it wants."""
    out = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    rows = [line.split()[-2:] for line in out.splitlines() if line]
    return ({name for kind, name in rows if kind not in "Uwv"},
            {name for kind, name in rows if kind == "U"})


def check_calls(build):
    """Objects that call what a device must not know: files, sockets, threads, the heap, exit."""
    table = {path: symbols(path) for path in objects(build)}
    own = set().union(*(defined for defined, _ in table.values())) if table else set()
    for path, (_, wanted) in table.items():
        for name in sorted(wanted - own):
            if not PURE_CALLS.fullmatch(name) and not INSTRUMENT.fullmatch(name):
                yield f"{path.relative_to(build)}: calls {name}"


def is_source(path):
    """Whether the file must name its licence: sources and scripts."""
    if path.suffix in SPDX_SUFFIXES or path.name == "meson.build":
        return True
    with open(path, "rb") as start:
        return start.read(2) == b"#!"


def check_spdx(source, files):
    """Sources without a licence line near their top."""
    for path in files:
        relative = path.relative_to(source)
        if relative.parts[0] == "debian" or not is_source(path):
            continue
        head = path.read_text(errors="replace").splitlines()[:4]
        if not any(SPDX.search(line) for line in head):
            yield f"{relative}: no SPDX-License-Identifier in the first lines"


def report(number, name, errors):
    """One TAP line, with the errors as comments before it."""
    errors = list(errors)
    for error in errors:
        print(f"# {error}")
    print(f"{'not ok' if errors else 'ok'} {number} - {name}")


def main():
    """Runs the four checks."""
    source, build = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    files = tracked(source)
    print("1..4")
    report(1, "includes stay inside their layer", check_includes(source, files))
    report(2, "devices and chips have no globals that change", check_globals(build))
    report(3, "devices and chips call only the pure C library", check_calls(build))
    report(4, "sources name their licence", check_spdx(source, files))


main()
