# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lab's test programs share: a machine whose output is kept, and TAP."""

import concurrent.futures
import os
import pathlib
import sys
import tempfile
import threading
import time

import lab

BUILD = pathlib.Path(os.environ.get("CLEAVE_BUILD", lab.SOURCE / "build")).resolve()


def skip_all(reason):
    """Ends the program: none of its tests can run here."""
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def machine(**options):
    """An emulated machine with our programs in it; skips all where there can be none."""
    reason = lab.missing()
    if reason:
        skip_all(reason)
    one = lab.Lab(BUILD, **options)
    one.add_cleave()
    return one


def time_left():
    """Seconds until ./run-tests wants the lab to be done; without limit when run by hand."""
    return float(os.environ.get("CLEAVE_DEADLINE", "inf")) - time.monotonic()


SILENCE = 60  # seconds without a sign of life, after which a machine has stopped


def output_of(one, command, timeout):
    """Runs a command in the machine: (status or None where the machine failed, its lines)."""
    with tempfile.TemporaryFile() as out:
        try:
            status = one.run(command, stdout=out, timeout=max(1, min(timeout, time_left())),
                             silence=SILENCE)
        except lab.LabError as error:
            print(f"# {error}")
            status = None
        out.seek(0)
        text = out.read().decode(errors="replace").replace("\r", "")
    return status, text.splitlines()


def side_by_side(function, items):
    """Calls function(item) for each, begun in this order, as many at a time as there are processors
    to be had here: a machine keeps one busy."""
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(function, items))


class Report:
    """Counts and prints TAP lines; the plan comes last."""

    def __init__(self):
        self.count = 0
        self.failed = False
        self.lock = threading.Lock()

    def line(self, good, name, skip=None):
        """One test's result; any thread may tell it."""
        with self.lock:
            self.count += 1
            self.failed |= not good
            print(f"{'ok' if good else 'not ok'} {self.count} - {name}"
                  + (f" # SKIP {skip}" if skip else ""), flush=True)

    def end(self):
        """Prints the plan and ends the program."""
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)
