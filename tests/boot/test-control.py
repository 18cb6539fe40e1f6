#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that act on a running guest."""

import json
import os
import pty
import re
import select
import subprocess
import time

from harness import (CLEAVE, PATIENCE, QUICK, SETTING, Guest, Qmp, cleave, equal, guest_disk,
                     run_base, test, tests_main, wait_for, work_dir)
import pixels


def ticks(guest):
    """The BIOS's tick counter, each time the guest showed it."""
    return [int(t, 16) for t in re.findall(r"tick ([0-9a-f]{8}) \n", guest.out.text)]


@test
def list_and_destroy():
    """cleave list shows the guest, cleave destroy ends it and frees its name"""
    with work_dir() as work:
        with Guest(guest_disk(work, "idle"), "--vcpus", 2, "-m", 128) as guest:
            guest.wait_serial("idle")
            status, out, _ = cleave("list")
            equal(status, 0, "exit status of list")
            rows = [line.split() for line in out.splitlines() if line.startswith(guest.name)]
            equal(len(rows), 1, f"rows of {guest.name} in {out!r}")
            equal(rows[0][1:], ["running", str(guest.process.pid), "128", "2"], "row")
            equal(cleave("destroy", guest.name)[0], 0, "exit status of destroy")
            assert not (run_base() / guest.name).exists(), "the run directory was left"
            guest.wait(10)
            assert guest.name not in cleave("list")[1]


@test
def unknown_guest():
    """commands for a guest that does not exist say so"""
    for command in (["pause"], ["unpause"], ["destroy"], ["stats"], ["sendkey", "a"],
                    ["screenshot", "/tmp/none.png"]):
        status, _, error = cleave(command[0], "no-such-guest", *command[1:])
        assert status != 0, f"{command} succeeded"
        equal(len(error.splitlines()), 1, f"lines of {command}: {error!r}")
        assert "no-such-guest" in error, error


@test
def pause():
    """a paused guest stands still; afterwards its clock goes on without a burst of ticks"""
    with work_dir() as work:
        with Guest(guest_disk(work, "tick")) as guest:
            wait_for(lambda: len(ticks(guest)) > 10, 40, "ticks")
            equal(cleave("pause", guest.name)[0], 0, "exit status of pause")
            assert "paused" in cleave("list")[1]
            time.sleep(0.3)
            before = ticks(guest)[-1]
            time.sleep(4)
            equal(ticks(guest)[-1], before, "tick while paused")
            equal(cleave("unpause", guest.name)[0], 0, "exit status of unpause")
            start = time.monotonic()
            wait_for(lambda: ticks(guest)[-1] > before + 5, 10, "ticks after the pause")
            gone = ticks(guest)[-1] - before
            most = (time.monotonic() - start) * 18.2 + 30
            assert gone <= most, f"{gone} ticks after a pause of 4 s, at most {most:.0f} expected"


@test
def pause_twice():
    """pausing a paused guest and unpausing a running one do no harm"""
    with work_dir() as work:
        with Guest(guest_disk(work, "tick")) as guest:
            wait_for(lambda: len(ticks(guest)) > 3, 40, "ticks")
            for command in ("unpause", "pause", "pause", "unpause", "unpause"):
                cleave(command, guest.name)
            now = ticks(guest)[-1]
            wait_for(lambda: ticks(guest)[-1] > now + 3, 10, "ticks")


def reads(guest):
    """How often the guest has read a port."""
    data = json.loads(cleave("stats", guest.name, "--json")[1])
    return data["exits"]["pio-in"]


@test
def pause_in_request():
    """pauses that come while a request is on its way lose neither it nor the vCPU"""
    with work_dir() as work:
        with Guest(guest_disk(work, "poll")) as guest:
            guest.wait_serial("poll", 40)
            for _ in range(3 if QUICK else 30):
                for _ in range(5):
                    guest.control().call("stop")
                    guest.control().call("cont")
                before = reads(guest)
                wait_for(lambda before=before: reads(guest) > before, 10, "progress")


@test
def reset_while_paused():
    """a guest that is reset while it is paused stays paused, and starts anew afterwards"""
    with work_dir() as work:
        with Guest(guest_disk(work, "poll")) as guest:
            guest.wait_serial("poll", 40)
            guest.control().call("stop")
            guest.control().call("system_reset")
            assert "paused" in cleave("list")[1]
            before = reads(guest)
            time.sleep(1)
            equal(reads(guest), before, "port reads of a paused guest")
            guest.control().call("cont")
            guest.wait_serial("(?s)poll.*poll", 40)


@test
def stats():
    """cleave stats counts exits and ioreqs by kind and port, and their latency"""
    with work_dir() as work:
        with Guest(guest_disk(work, "flush")) as guest:
            guest.wait_serial("flushed 00000060", 60)
            status, out, _ = cleave("stats", guest.name, "--json")
            equal(status, 0, "exit status")
            data = json.loads(out)
            assert data["exits"]["pio-in"] > 100 and data["exits"]["pio-out"] > 100, data["exits"]
            assert data["ioreqs"]["pio"] > 100, data["ioreqs"]
            text = json.dumps(data)
            assert "503" in text or "1f7" in text, "the drive's status port is not counted"
            assert sum(bucket["count"] for bucket in data["latency"]) > 100, data["latency"]
            status, out, _ = cleave("stats", guest.name)
            equal(status, 0, "exit status")
            assert "pio-in" in out and re.search(r"1f7", out), out


@test
def posted():
    """what a drive only keeps until a command (1F2h to 1F5h) does not stop the guest"""
    with work_dir() as work:
        with Guest(guest_disk(work, "flush")) as guest:
            guest.wait_serial("flushed 00000060", 60)
            data = json.loads(cleave("stats", guest.name, "--json")[1])
            count = {row["port"]: row["count"] for row in data["ports"]}
            assert count.get(0x1f7, 0) > 100, count
            for port in range(0x1f2, 0x1f6):
                assert count.get(port, 0) < 10, (hex(port), count)
            assert data["ioreqs"]["coalesced"] > 4 * 32, data["ioreqs"]


@test
def screenshot():
    """cleave screenshot writes a PNG; screen-text gives the same text"""
    with work_dir() as work:
        with Guest(guest_disk(work, "text")) as guest:
            guest.wait_serial("screen ready")
            guest.screenshot(work / "a.png")
            picture = pixels.png_read(work / "a.png")
            equal((picture.width, picture.height), (720, 400), "size")
            equal(picture.colours(), 16, "colours")
            lines = guest.screen()
            equal(len(lines), 25, "lines of text")
            assert "ABCDEFGHIJKLMNOPQRSTUVWXYZ" in "".join(lines), lines
            status, _, error = cleave("screenshot", guest.name, work / "none" / "a.png")
            assert status != 0 and len(error.splitlines()) == 1, error


@test
def wrong_key():
    """cleave sendkey refuses a key that no keyboard has, with status 2"""
    status, _, error = cleave("sendkey", "any", "frobnicate")
    equal(status, SETTING, "exit status")
    assert "frobnicate" in error, error


@test
def control_socket():
    """the control socket refuses what it does not know and takes bad lines"""
    with work_dir() as work:
        with Guest(guest_disk(work, "idle")) as guest:
            guest.wait_serial("idle")
            control = guest.control()
            for command in ("frobnicate", "human-monitor-command"):
                try:
                    control.call(command)
                    raise AssertionError(f"{command} was accepted")
                except RuntimeError:
                    pass
            equal(control.call("query-status")["status"], "running", "status")
            noise = Qmp(run_base() / guest.name / "control")
            noise.socket.sendall(b"{]\r\n\0\xff" + b"[" * 5000 + b"\r\n")
            time.sleep(0.3)
            noise.close()
            equal(control.call("query-status")["status"], "running", "status")


@test
def trace():
    """--trace records the ioreqs"""
    with work_dir() as work:
        with Guest("--trace", work / "trace", guest_disk(work, "off")) as guest:
            equal(guest.wait(), 0, "exit status")
        assert (work / "trace").stat().st_size > 1000, "the trace is nearly empty"


@test
def log_file():
    """--log keeps the messages of all processes"""
    with work_dir() as work:
        with Guest("-v", "--log", work / "log", guest_disk(work, "off")) as guest:
            equal(guest.wait(), 0, "exit status")
        text = (work / "log").read_text(errors="replace")
        assert re.search(r"cleave-hv", text) and re.search(r"RAM .*pages of", text), text


@test
def serial_socket():
    """--serial unix: is a socket that one can talk to"""
    with work_dir() as work:
        path = work / "serial"
        with Guest(guest_disk(work, "tick"), serial=f"unix:{path}") as guest:
            wait_for(path.exists, 10, "the serial port's socket")
            import socket  # pylint: disable=import-outside-toplevel
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(90 * PATIENCE)
                line.connect(str(path))
                text = b""
                while text.count(b"tick") < 3:
                    chunk = line.recv(4096)
                    assert chunk, "the socket was closed"
                    text += chunk
            assert guest.process.poll() is None


@test
def terminal():
    """Ctrl-A x leaves a guest on the terminal, and the terminal is as before"""
    import termios  # pylint: disable=import-outside-toplevel
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with work_dir() as work:
        with subprocess.Popen([CLEAVE, "run", "--name", f"tty-{os.getpid()}", "--serial", "stdio",
                               "--timeout", "200", guest_disk(work, "idle")], stdin=theirs,
                              stdout=theirs, stderr=theirs) as process:
            text, end = b"", time.monotonic() + 60 * PATIENCE
            while b"idle" not in text and time.monotonic() < end:
                if select.select([ours], [], [], 0.5)[0]:
                    text += os.read(ours, 4096)
            assert b"idle" in text, text
            os.write(ours, b"\x01x")
            try:
                process.wait(20 * PATIENCE)
            finally:
                if process.poll() is None:
                    process.kill()
    equal(termios.tcgetattr(theirs)[:4], before[:4], "terminal settings")
    os.close(ours)
    os.close(theirs)


if __name__ == "__main__":
    tests_main()
