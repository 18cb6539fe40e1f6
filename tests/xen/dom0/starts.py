#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts of device models, in turns, run in dom0:  starts.py TIMES DM...

Programs lie at the same addresses each time: the emulator translates code anew wherever it turns
up, and with other addresses at each start one would measure the translator.
"""

import pathlib
import sys

import measure
from domain import WORK, Domain, disk


def main():
    """Makes and ends guests; each prints what the start of its device model took."""
    WORK.mkdir(exist_ok=True)
    measure.execs_watch()
    pathlib.Path("/proc/sys/kernel/randomize_va_space").write_text("0")
    for number in range(int(sys.argv[1])):
        for dm in sys.argv[2:]:
            guest = Domain(f"start{number}-{dm}", dm, disk=[disk("mark-hda.img")[0]])
            guest.create(listen=False)
            measure.start_report(guest)
            guest.destroy()


main()
