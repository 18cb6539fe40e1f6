#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot tests again, on a KVM with nested paging inside the emulated machine; speaks TAP.

A machine per topic: emulated processors can lock each other up, or fall far behind on a busy host;
then only that topic is done once more, and says so. Arguments choose topics.
"""

import re
import sys
import time

import tap

TOPICS = ["errors", "own", "guests", "media", "control", "kill", "idle", "memory", "golden"]
# What a kernel says when its processor does not get on.
STUCK = re.compile(r"soft lockup|hard LOCKUP|rcu.*(stall|detected)|Kernel panic")
LINE = re.compile(r"(not )?ok \d+ - (.*?)(?: # SKIP (.*))?$")
TIMEOUT = 600  # seconds a topic; the longest takes about a third of it
BUDGET = 1500  # seconds after which no further topic begins


def topic_run(topic):
    """Runs one topic: (its lines, None), or (None, how far the machine got)."""
    one = tap.machine()
    one.add_python()
    one.add_tests()
    command = f"python3 tests/boot/test-{topic}.py; echo topic end"
    status, lines = tap.output_of(one, command, TIMEOUT)
    if status is not None and "topic end" in lines:
        return lines[:lines.index("topic end")], None
    for line in lines:
        print(f"# {line}")
    count = sum(1 for line in lines if LINE.match(line))
    words = next((line.strip() for line in lines if STUCK.search(line)), "its kernel said nothing")
    return None, f"after {count} tests; {words.replace('#', '')}"


class Topic:
    """What a topic's lines say."""

    def __init__(self, topic, lines):
        self.rows = []  # (passed, name, reason of a skip)
        self.notes = []
        planned = None
        for line in lines:
            found = LINE.match(line)
            if line.startswith("1.."):
                planned = int(line[3:].split()[0])
            elif found:
                self.rows.append((not found.group(1), f"lab: {topic}: {found.group(2)}",
                                  found.group(3)))
            else:
                self.notes.append(line if line.startswith("#") else f"# {line}")
        if len(self.rows) != planned:
            self.rows.append((False, f"lab: {topic}: {len(self.rows)} of {planned} tests were run",
                              None))

    def failed(self):
        """The names of tests that failed."""
        return [name for passed, name, _ in self.rows if not passed]

    def report(self, report):
        """Passes all on."""
        for note in self.notes:
            print(note)
        for row in self.rows:
            report.line(*row)


def topic_twice(topic):
    """(The topic's results, None), of a second run where tests failed; or (None, why not)."""
    lines, why = topic_run(topic)
    if lines is None:
        return None, why
    done = Topic(topic, lines)
    if not done.failed():
        return done, None
    for note in done.notes:
        print(note)
    print(f"# once more, because these failed: {'; '.join(done.failed())}", flush=True)
    lines, _ = topic_run(topic)
    return (Topic(topic, lines) if lines is not None else done), None


def main():
    """Runs the topics one after the other, as long as there is time."""
    report = tap.Report()
    start = time.monotonic()
    for topic in sys.argv[1:] or TOPICS:
        if time.monotonic() - start > BUDGET:
            report.line(True, f"lab: {topic}", f"the topics before took over {BUDGET} s: this host "
                        "is busy; tests/lab/test-boot.py TOPIC runs it")
            continue
        done, why = topic_twice(topic)
        if not done:
            report.line(True, f"lab: {topic}", "the emulated machine itself (QEMU's TCG) locked up "
                        f"twice or did not end within {TIMEOUT} s: this host is busy ({why})")
        else:
            done.report(report)
    report.end()


main()
