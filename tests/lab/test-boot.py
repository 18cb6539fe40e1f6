#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot tests again, on a KVM with nested paging inside the emulated machine; speaks TAP.

A machine per topic: emulated processors can lock each other up, and then only that topic is done
once more. Arguments choose topics.
"""

import re
import sys
import time

import tap

TOPICS = ["errors", "own", "guests", "media", "control", "kill", "idle", "memory", "golden"]
LINE = re.compile(r"(not )?ok \d+ - (.*?)(?: # SKIP (.*))?$")
TIMEOUT = 400  # seconds a topic; the longest takes about half of it
BUDGET = 1500  # seconds after which no further topic begins


def topic_run(topic):
    """Runs one topic: its lines, or None where the machine did not get to the end of it."""
    one = tap.machine()
    one.add_python()
    one.add_tests()
    command = f"python3 tests/boot/test-{topic}.py; echo topic end"
    status, lines = tap.output_of(one, command, TIMEOUT)
    if status is not None and "topic end" in lines:
        return lines[:lines.index("topic end")]
    for line in lines:
        print(f"# {line}")
    return None


def topic_report(report, topic, lines):
    """Passes the lines of a topic on; all that were planned must be there."""
    seen, planned = 0, None
    for line in lines:
        found = LINE.match(line)
        if line.startswith("1.."):
            planned = int(line[3:].split()[0])
        elif found:
            seen += 1
            report.line(not found.group(1), f"lab: {topic}: {found.group(2)}", found.group(3))
        else:
            print(line if line.startswith("#") else f"# {line}")
    if seen != planned:
        report.line(False, f"lab: {topic}: {seen} of {planned} tests were run")


def main():
    """Runs the topics one after the other, as long as there is time."""
    report = tap.Report()
    start = time.monotonic()
    for topic in sys.argv[1:] or TOPICS:
        if time.monotonic() - start > BUDGET:
            report.line(True, f"lab: {topic}", f"the topics before took over {BUDGET} s: this host "
                        "is busy; tests/lab/test-boot.py TOPIC runs it")
            continue
        lines = topic_run(topic)
        if lines is None:
            report.line(True, f"lab: {topic}", "the emulated machine itself (QEMU's TCG) locked up "
                        f"twice or did not end within {TIMEOUT} s: this host is busy")
        else:
            topic_report(report, topic, lines)
    report.end()


main()
