#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot tests again, on a KVM with nested paging inside the emulated machine; speaks TAP."""

import re

import tap

TOPICS = ["errors", "own", "guests", "media", "control", "kill", "idle", "memory", "golden"]
LINE = re.compile(r"(not )?ok \d+ - (.*?)(?: # SKIP (.*))?$")
TIMEOUT = 1300


def main():
    """Runs all topics in one machine and passes their lines on."""
    one = tap.machine()
    one.add_python()
    one.add_tests()
    command = "for topic in {}; do echo topic $topic; python3 tests/boot/test-$topic.py; done; " \
              "echo topic end"
    status, lines = tap.output_of(one, command.format(" ".join(TOPICS)), TIMEOUT)
    report = tap.Report()
    topic, seen, planned = None, 0, None
    for line in lines:
        found = LINE.match(line)
        if line.startswith("topic "):
            if topic and planned != seen:
                report.line(False, f"lab: {topic}: {seen} of {planned} tests were run")
            topic, seen, planned = line.split()[1], 0, None
        elif line.startswith("1.."):
            planned = int(line[3:].split()[0])
        elif found:
            seen += 1
            report.line(not found.group(1), f"lab: {topic}: {found.group(2)}", found.group(3))
        else:
            print(line if line.startswith("#") else f"# {line}")
    report.line(status is not None and topic == "end", "lab: all topics were run")
    report.end()


main()
