#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot tests again, on a KVM with nested paging inside the emulated machine; speaks TAP.

A machine per topic, side by side; what fails is done once more, and says so. Arguments choose topics.
"""

import re
import sys

import tap

TOPICS = ["media", "own", "guests", "control", "kill", "errors", "idle", "memory", "golden"]
# What a kernel says when its processor does not get on.
STUCK = re.compile(r"soft lockup|hard LOCKUP|rcu.*(stall|detected)|Kernel panic")
LINE = re.compile(r"(not )?ok \d+ - (.*?)(?: # SKIP (.*))?$")
TIMEOUT = 600  # seconds a topic; the longest takes a quarter of it
WORTH = 150  # seconds that must be left for a topic to begin
COMMAND = """python3 tests/boot/test-{topic}.py
echo topic end
"""


def topic_run(topic):
    """Runs one topic: (its lines, None), or (those until then, why the machine did not end).

    What hangs in a machine that is alive is a test that failed: those not run are missed later.
    """
    one = tap.machine()
    one.add_python()
    one.add_tests()
    status, lines = tap.output_of(one, COMMAND.format(topic=topic), TIMEOUT)
    if status is not None and "topic end" in lines:
        return lines[:lines.index("topic end")], None
    count = sum(1 for line in lines if LINE.match(line))
    stuck = next((line.strip().replace("#", "") for line in lines if STUCK.search(line)), None)
    if not stuck and status is None and one.quiet < tap.SILENCE and tap.time_left() > 0:
        return lines, None
    for line in lines:
        print(f"# {line}")
    return lines, f"after {count} tests; {stuck or 'its kernel said nothing'}"


class Topic:
    """What a topic's lines say; of a machine that was `cut` off nothing is missed."""

    def __init__(self, topic, lines, cut=False):
        self.rows = {}  # name -> (passed, reason of a skip)
        self.notes = []
        self.missing = None
        planned = None
        for line in lines:
            found = LINE.match(line)
            if line.startswith("1.."):
                planned = int(line[3:].split()[0])
            elif found:
                self.rows[f"lab: {topic}: {found.group(2)}"] = not found.group(1), found.group(3)
            else:
                self.notes.append(line if line.startswith("#") else f"# {line}")
        if len(self.rows) != planned and not cut:
            self.missing = f"lab: {topic}: {len(self.rows)} of {planned} tests were run"

    def failed(self):
        """The names of tests that failed."""
        return [name for name, (passed, _) in self.rows.items() if not passed] + \
            ([self.missing] if self.missing else [])

    def report(self, report):
        """Passes all on."""
        for note in self.notes:
            print(note)
        for name, (passed, skip) in self.rows.items():
            report.line(passed, name, skip)
        if self.missing:
            report.line(False, self.missing)

    def merge(self, again):
        """Takes over what a second run says of tests that failed, or that were not run; it may have
        been cut off. What failed once is told: a guest that did may have met a race of ours."""
        failed = self.failed()
        self.missing = again.missing if self.missing else None
        for name, row in again.rows.items():
            if name not in self.rows or name in failed:
                self.rows[name] = row
        for name in failed:
            if name in again.rows or name not in self.rows:
                self.rows[f"{name} (first run)"] = (True, "it failed, and the topic was run once "
                                                    "more")
            else:
                self.rows[name] = True, "it failed, and no time was left to run it once more"


def topic_twice(topic):
    """(The topic's results, None), of two runs where tests failed; or (None, why not)."""
    lines, why = topic_run(topic)
    if why:
        return None, why
    done = Topic(topic, lines)
    if not done.failed():
        return done, None
    for note in done.notes:
        print(note)
    lines, why = [], "no time"
    if tap.time_left() >= WORTH:
        print(f"# once more, because these failed: {'; '.join(done.failed())}", flush=True)
        lines, why = topic_run(topic)
    again = Topic(topic, lines, cut=bool(why))
    done.notes = again.notes
    done.merge(again)
    return done, None


def topic_report(report, topic):
    """Runs a topic and reports it, as long as there is time."""
    if tap.time_left() < WORTH:
        report.line(True, f"lab: {topic}", "all before took too long: this host is busy; "
                    "tests/lab/test-boot.py TOPIC runs it")
        return
    done, why = topic_twice(topic)
    if not done:
        report.line(True, f"lab: {topic}", "the emulated machine itself (QEMU's TCG) came to a stop "
                    f"or did not end within {TIMEOUT} s: this host is busy ({why})")
    else:
        done.report(report)


def main():
    """Runs the topics, the longest ones first."""
    report = tap.Report()
    tap.side_by_side(lambda topic: topic_report(report, topic), sys.argv[1:] or TOPICS)
    report.end()


main()
