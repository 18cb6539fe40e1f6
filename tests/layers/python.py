#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that a Python program uses but does not have, before the test that needs them; speaks TAP."""

import pathlib
import shutil
import subprocess
import sys


def programs(root):
    """Python files of the tree, those without a suffix too."""
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root).parts[0]
        if inside.startswith((".", "build")) or not path.is_file():
            continue
        if path.suffix == ".py" or not path.suffix and \
                path.open("rb").readline().startswith(b"#!/usr/bin/env python3"):
            yield path


def main():
    """One test for all of them."""
    root = pathlib.Path(sys.argv[1])
    if not shutil.which("pyflakes3"):
        print("1..0 # SKIP no pyflakes3: run ./setup")
        return 0
    done = subprocess.run(["pyflakes3", *programs(root)], capture_output=True, text=True,
                          check=False)
    for line in (done.stdout + done.stderr).splitlines():
        print(f"# {line}")
    print(f"{'not ok' if done.returncode else 'ok'} 1 - every name is imported or defined, and used")
    print("1..1")
    return 1 if done.returncode else 0


sys.exit(main())
