#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The monitors of cleave-dm: QMP as QEMU's clients and test programs speak it, run states and
their events, media that change, errors that stop the guest. Usage: test-dm-monitor.py CLEAVE-DM
[PATTERN]"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from dm_driver import DM, Machine, Qmp, equal, test, tests_main  # noqa: E402

CD_NOT_READY, CD_ATTENTION = 2, 6
FLUSH_RULE = """
[inject-error]
event = "flush_to_disk"
errno = "5"
state = "1"
immediately = "off"
once = "on"

[set-state]
event = "flush_to_disk"
state = "1"
new_state = "2"
"""


def image(directory, name, size=1 << 20, fill=b""):
    path = os.path.join(directory, name)
    with open(path, "wb") as f:
        f.write(fill)
        f.truncate(size)
    return path


def fails(call, text):
    kind, desc = call
    assert text in desc, f"{desc!r} does not say {text!r}"
    return kind


# --- the protocol ---

@test
def framing():
    """greeting, negotiation, ids of every kind, errors, and input that is no command"""
    with Machine() as m:
        version = m.qmp.greeting["QMP"]["version"]
        equal(sorted(version["qemu"]), ["major", "micro", "minor"], "version")
        equal(m.qmp.raw({"execute": "query-kvm", "id": {"a": [1, None]}})["id"], {"a": [1, None]})
        equal(fails(m.qmp.error("no-such"), "no-such"), "CommandNotFound", "class")
        equal(fails(m.qmp.error("qmp_capabilities"), "already"), "CommandNotFound", "class")
        for bad in (b"[1]\n", b'{"execute": 5}\n', b'{"execute": "stop", "arguments": 3}\n',
                    b'{"exec": "stop"}\n', b"garbage\n"):
            assert "error" in m.qmp.raw(bad), bad
        for args in ({"path": 5}, {"path": None}, {}):
            assert "error" in m.qmp.raw({"execute": "qom-list", "arguments": args}), args
        m.qmp.sock.sendall(b'{"execute"')  # in pieces, without a line's end
        time.sleep(0.05)
        m.qmp.sock.sendall(b':"query-status"}')
        equal(m.qmp.message()["return"]["running"], True, "status")


@test
def every_command_bare():
    """every command answers a call without, and one with strange arguments"""
    with tempfile.TemporaryDirectory() as d, \
            Machine("-device", "pvpanic", "-cdrom", image(d, "cd")) as m:
        names = [c["name"] for c in m.qmp.command("query-commands")]
        for name in ("query-status", "cont", "qom-list", "eject", "human-monitor-command"):
            assert name in names, name
        for name in names:
            if name == "quit":
                continue
            for arguments in ({}, {"id": 1, "device": [], "path": {}, "events": [3], "keys": "x"}):
                reply = m.qmp.raw({"execute": name, "arguments": arguments})
                assert "return" in reply or "error" in reply, name


@test
def several_monitors():
    """monitors are independent; all get the events; a server takes one client after the other"""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "second")
        with Machine("-qmp", f"unix:{path},server=on,wait=off") as m:
            for _ in range(3):
                sock = socket.socket(socket.AF_UNIX)
                sock.connect(path)
                second = Qmp(sock)
                waiting = socket.socket(socket.AF_UNIX)
                waiting.connect(path)  # in the backlog: no greeting yet
                waiting.settimeout(0.1)
                try:
                    assert not waiting.recv(1), "two clients at once"
                except TimeoutError:
                    pass
                second.command("stop")
                equal([e["event"] for e in second.events], ["STOP"], "here")
                m.qmp.event("STOP")
                m.qmp.command("cont")
                m.qmp.event("RESUME")
                second.events.clear()
                second.event("RESUME")
                sock.close()
                waiting.settimeout(20)
                assert waiting.recv(1) == b"{", "the next one's greeting"
                waiting.close()


@test
def slow_reader():
    """a client that does not read stops nobody"""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "second")
        with Machine("-qmp", f"unix:{path},server=on,wait=off") as m:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            sock.sendall(b'{"execute":"qmp_capabilities"}')
            for _ in range(5000):
                m.qmp.command("stop")
                m.qmp.command("cont")
                m.qmp.events.clear()
            equal(m.qmp.command("query-status")["status"], "running", "status")


@test
def quit_and_signals():
    """quit tells and exits 0; so does SIGTERM"""
    with Machine() as m:
        equal(m.qmp.command("quit"), {}, "quit")
        equal(m.qmp.event("SHUTDOWN"), {"guest": False, "reason": "host-qmp-quit"}, "event")
        equal(m.ended(), 0, "status")
    with Machine():
        pass


@test
def standard_streams():
    """-qmp stdio: commands as they come, the end at the end of input"""
    with subprocess.Popen([DM, "-accel", "qtest", "-qmp", "stdio"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as p:
        assert b"QMP" in p.stdout.readline(), "greeting"
        for command, wanted in ((b"qmp_capabilities", b"return"), (b"query-status", b"running"),
                                (b"stop", b"STOP")):
            p.stdin.write(b"{'execute': '" + command + b"'}\n")
            p.stdin.flush()
            assert wanted in p.stdout.readline(), command
        p.stdin.close()
        equal(p.wait(20), 0, "status")


# --- what there is ---

@test
def queries():
    """query-* describe the machine"""
    with Machine("-name", "guest=fred,debug-threads=on", "-serial", "null") as m:
        q = m.qmp.command
        equal(q("query-name"), {"name": "fred"}, "name")
        equal(q("query-uuid"), {"UUID": "00000000-0000-0000-0000-000000000000"}, "uuid")
        equal(q("query-kvm"), {"enabled": False, "present": False}, "kvm")
        equal(q("query-vnc"), {"enabled": False}, "vnc")
        equal(q("query-version")["qemu"]["major"], 7, "version")
        labels = {c["label"]: c["filename"] for c in q("query-chardev")}
        equal(labels["serial0"], "null", "chardevs")
        assert labels["mon"].startswith("unix:"), labels
        machines = {x["name"]: x for x in q("query-machines")}
        equal(machines["cleave-1"]["alias"], "pc", "alias")
        assert "none" in machines
        options = q("query-command-line-options", option="boot-opts")
        assert {"name": "once", "type": "string"} in options[0]["parameters"], options
        fails(m.qmp.error("query-command-line-options", option="nonsense"), "nonsense")


@test
def types():
    """only types that are there are listed, with their parents"""
    with Machine("-M", "none") as m:
        listed = {t["name"]: t for t in m.qmp.command("qom-list-types", implements="device")}
        for name in ("VGA", "ide-hd", "ide-cd", "floppy", "pvpanic", "ib700", "pc-testdev",
                     "isa-debug-exit"):
            assert name in listed, name
        for name in ("device", "isa-device", "virtio-vga", "e1000", "i6300esb", "container"):
            assert name not in listed, name
        everything = {t["name"]: t for t in m.qmp.command("qom-list-types", abstract=True)}
        assert everything["device"]["abstract"], everything["device"]
        for name, t in everything.items():  # parents are listed, too
            assert name == "object" or t["parent"] in everything, t
        properties = m.qmp.command("device-list-properties", typename="pvpanic")
        equal([p["name"] for p in properties], ["ioport", "events"], "pvpanic")
        equal(fails(m.qmp.error("device-list-properties", typename="nope"), "nope"),
              "DeviceNotFound", "class")
        fails(m.qmp.error("device-list-properties", typename="isa-device"), "non-abstract")


@test
def object_tree():
    """qom-list and qom-get walk a tree that holds together"""
    with Machine("-device", "pvpanic,id=pp,ioport=0x700", "-device", "pc-testdev",
                 "-serial", "null") as m:
        seen = {}

        def walk(path):
            for p in m.qmp.command("qom-list", path=path):
                if p["type"].startswith("child<"):
                    child = path.rstrip("/") + "/" + p["name"]
                    seen[child] = m.qmp.command("qom-get", path=child, property="type")
                    equal(p["type"], f"child<{seen[child]}>", child)
                    walk(child)
                else:
                    m.qmp.command("qom-get", path=path, property=p["name"])

        walk("/")
        equal(seen["/machine"], "cleave-1-machine", "machine")
        equal(seen["/machine/peripheral/pp"], "pvpanic", "pvpanic")
        equal(seen["/machine/peripheral-anon/device[0]"], "pc-testdev", "test device")
        equal(seen["/chardevs/serial0"], "chardev", "chardev")
        assert "piix3-ide" in seen.values() and "isa-fdc" in seen.values(), seen
        equal(m.qmp.command("qom-get", path="/machine/peripheral/pp", property="ioport"), 0x700)
        equal(fails(m.qmp.error("qom-list", path="/nowhere"), "/nowhere"), "DeviceNotFound")
        fails(m.qmp.error("qom-get", path="/machine", property="colour"), "colour")


# --- run states ---

@test
def stop_and_cont():
    """stop, cont, -S: states and events"""
    with Machine("-S") as m:
        equal(m.qmp.command("query-status")["status"], "prelaunch", "status")
        m.qmp.command("cont")
        m.qmp.event("RESUME")
        equal(m.qmp.command("query-status")["status"], "running", "status")
        m.qmp.command("cont")
        m.qmp.quiet()
        m.qmp.command("stop")
        m.qmp.event("STOP")
        m.qmp.command("stop")
        m.qmp.quiet()
        equal(m.qmp.command("query-status"),
              {"status": "paused", "running": False, "singlestep": False}, "status")
        assert "paused" in m.qmp.human("info status")


@test
def reset():
    """system_reset: the event follows the reply, the machine is as new, and still runs"""
    with Machine() as m:
        m.outb(0x92, 2 | 0x40)
        m.qmp.command("system_reset")
        equal(m.qmp.events, [], "before the reply")
        equal(m.qmp.event("RESET"), {"guest": False, "reason": "host-qmp-system-reset"}, "event")
        equal(m.inb(0x92), 2, "port 92h")
        equal(m.qmp.command("query-status")["status"], "running", "status")
        m.outb(0xcf9, 2)
        m.outb(0xcf9, 6)
        equal(m.qmp.event("RESET"), {"guest": True, "reason": "guest-reset"}, "event")
    with Machine("-no-reboot") as m:
        m.outb(0x64, 0xfe)
        equal(m.qmp.event("SHUTDOWN"), {"guest": True, "reason": "guest-reset"}, "event")
        equal(m.ended(), 0, "status")
    with Machine("-action", "reboot=shutdown,shutdown=pause") as m:
        m.qmp.command("system_reset")
        equal([e["event"] for e in m.qmp.events], ["SHUTDOWN", "STOP"], "events")
        equal(m.qmp.command("query-status")["status"], "shutdown", "status")
        fails(m.qmp.error("cont"), "Resetting")


@test
def panic():
    """pvpanic: what -action panic= and -no-shutdown make of it"""
    for args, action, after, status in (
            ((), "poweroff", ["STOP", "SHUTDOWN"], 0),
            (("-action", "panic=exit-failure"), "poweroff", ["STOP", "SHUTDOWN"], 1),
            (("-no-shutdown",), "pause", ["STOP"], None),
            (("-action", "panic=pause"), "pause", ["STOP"], None),
            (("-action", "panic=none"), "run", [], None)):
        m = Machine("-device", "pvpanic", *args)
        equal(m.inb(0x505), 3, "events")
        m.outb(0x505, 1)
        equal(m.qmp.event("GUEST_PANICKED"), {"action": action}, f"{args}")
        for event in after:
            m.qmp.event(event)
        if status is None:
            equal(m.qmp.command("query-status")["status"],
                  "guest-panicked" if after else "running", f"{args}")
            m.qmp.quiet()
            m.outb(0x505, 2)
            equal(m.qmp.event("GUEST_CRASHLOADED"), {"action": "run"}, f"{args}")
            if after:
                fails(m.qmp.error("cont"), "Resetting")
                for word in ("cont", "c"):
                    assert "Resetting" in m.qmp.human(word), word
                equal(m.qmp.command("query-status")["running"], False, f"{args}")
            m.process.terminate()
        equal(m.ended(), status or 0, f"{args}: exit status")
        m.err.close()


@test
def watchdog():
    """ib700: each -watchdog-action, to the nanosecond, and not when it is fed"""
    for args, action, events, status in (
            (("-watchdog-action", "pause"), "pause", ["STOP"], "watchdog"),
            (("-watchdog-action", "reset"), "reset", ["RESET"], "running"),
            ((), "reset", ["RESET"], "running"),
            (("-watchdog-action", "reset", "-no-reboot"), "reset", ["SHUTDOWN"], None),
            (("-watchdog-action", "shutdown"), "shutdown", ["POWERDOWN"], "running"),
            (("-watchdog-action", "poweroff"), "poweroff", [], None),
            (("-watchdog-action", "inject-nmi"), "inject-nmi", [], "running"),
            (("-action", "watchdog=debug"), "debug", [], "running"),
            (("-watchdog-action", "none"), "none", [], "running")):
        with Machine("-device", "ib700", *args) as m:
            m.step(40 * 10**9)
            m.outb(0x443, 14)
            m.step(2 * 10**9 - 1)
            m.outb(0x443, 13)
            m.step(2 * 10**9)
            m.outb(0x441, 0)
            m.step(40 * 10**9)
            m.outb(0x443, 13)
            m.step(4 * 10**9 - 1)
            m.qmp.quiet()
            m.step(1)
            equal(m.qmp.event("WATCHDOG"), {"action": action}, f"{args}")
            for event in events:
                m.qmp.event(event)
            if status:
                equal(m.qmp.command("query-status")["status"], status, f"{args}")
                m.qmp.quiet()
            else:
                equal(m.ended(), 0, f"{args}")


# --- media ---

def packet(m, *cdb, unit=0):
    """Sends a packet to the CD drive on the secondary channel; (status, error) and data."""
    m.outb(0x176, 0xa0 | unit << 4)
    m.outb(0x171, 0)
    m.outb(0x174, 0xff)
    m.outb(0x175, 0xff)
    m.outb(0x177, 0xa0)
    data = bytes(cdb) + bytes(12 - len(cdb))
    for i in range(0, 12, 2):
        m.ask(f"outw 0x170 {data[i] | data[i + 1] << 8:#x}")
    got = b""
    while m.inb(0x177) & 0x08:
        count = m.inb(0x174) | m.inb(0x175) << 8
        for _ in range(count // 2):
            got += m.inw(0x170).to_bytes(2, "little")
    return m.inb(0x177), m.inb(0x171), got


def ready(m):
    """The sense key of TEST UNIT READY, 0 when ready."""
    status, error, _ = packet(m, 0)
    return error >> 4 if status & 1 else 0


def read_sector(m, lba):
    return packet(m, 0x28, 0, 0, 0, 0, lba, 0, 0, 1)[2]


def settled(m):
    """Takes a drive's news; then it must be ready."""
    for _ in range(3):
        if ready(m) == 0:
            return
    raise AssertionError("the drive stays not ready")


@test
def cd_change():
    """a CD goes out and another comes in: events, what the guest sees, query-block"""
    with tempfile.TemporaryDirectory() as d:
        one = image(d, "one", 1 << 20, b"first")
        two = image(d, "two", 2 << 20, b"second")
        with Machine("-cdrom", one) as m:
            settled(m)
            equal(read_sector(m, 0)[:5], b"first", "medium")
            m.qmp.command("eject", device="ide1-cd0")
            moved = m.qmp.event("DEVICE_TRAY_MOVED")
            equal((moved["device"], moved["tray-open"]), ("ide1-cd0", True), "event")
            equal(ready(m), CD_NOT_READY, "empty")
            drive = [b for b in m.qmp.command("query-block") if b["device"] == "ide1-cd0"][0]
            equal((drive["tray_open"], "inserted" in drive), (True, False), "drive")
            m.qmp.command("blockdev-change-medium", id=moved["id"], filename=two, format="raw")
            equal(m.qmp.event("DEVICE_TRAY_MOVED")["tray-open"], False, "event")
            equal(ready(m), CD_NOT_READY, "still as empty, once")
            equal(ready(m), CD_ATTENTION, "unit attention, once")
            equal(ready(m), 0, "ready")
            equal(read_sector(m, 0)[:6], b"second", "medium")
            assert two in m.qmp.human("info block")
            m.qmp.command("blockdev-change-medium", device="ide1-cd0", filename=one)
            equal([e["data"]["tray-open"] for e in m.qmp.events], [True, False], "out and in")
            m.qmp.events.clear()
            settled(m)
            equal(read_sector(m, 0)[:5], b"first", "medium")
            fails(m.qmp.error("blockdev-change-medium", device="ide1-cd0", filename=d + "/none"),
                  "No such file")
            equal(read_sector(m, 0)[:5], b"first", "nothing happened")
            m.qmp.quiet()


@test
def cd_tray():
    """open, remove, insert and close one by one; the guest's own eject; a locked tray"""
    with tempfile.TemporaryDirectory() as d:
        one = image(d, "one", 1 << 20, b"first")
        two = image(d, "two", 1 << 20, b"second")
        with Machine("-cdrom", one) as m:
            settled(m)
            dev = {"device": "ide1-cd0"}
            fails(m.qmp.error("blockdev-remove-medium", **dev), "not open")
            m.qmp.command("blockdev-open-tray", **dev)
            m.qmp.event("DEVICE_TRAY_MOVED")
            equal(ready(m), CD_NOT_READY, "open")
            m.qmp.command("blockdev-close-tray", **dev)
            m.qmp.event("DEVICE_TRAY_MOVED")
            settled(m)
            equal(read_sector(m, 0)[:5], b"first", "the same medium")
            m.qmp.command("blockdev-open-tray", **dev)
            m.qmp.command("blockdev-remove-medium", **dev)
            m.qmp.command("blockdev-add", driver="raw", node_name="n",
                          file={"driver": "file", "filename": two}, read_only=True)
            m.qmp.command("blockdev-insert-medium", node_name="n", **dev)
            fails(m.qmp.error("blockdev-insert-medium", node_name="n", **dev), "not found")
            m.qmp.command("blockdev-close-tray", **dev)
            settled(m)
            equal(read_sector(m, 0)[:6], b"second", "the other medium")
            m.qmp.events.clear()
            packet(m, 0x1b, 0, 0, 0, 2)  # the guest ejects
            equal(m.qmp.event("DEVICE_TRAY_MOVED")["tray-open"], True, "event")
            packet(m, 0x1b, 0, 0, 0, 3)
            equal(m.qmp.event("DEVICE_TRAY_MOVED")["tray-open"], False, "event")
            settled(m)
            packet(m, 0x1e, 0, 0, 0, 1)  # and locks
            fails(m.qmp.error("eject", **dev), "locked")
            m.qmp.quiet()
            m.qmp.command("eject", force=True, **dev)
            m.qmp.event("DEVICE_TRAY_MOVED")


@test
def descriptors():
    """media by descriptor: with the command, and by add-fd"""
    with tempfile.TemporaryDirectory() as d:
        one = image(d, "one", 1 << 20, b"first")
        with Machine() as m:
            for way in ("with the command", "by add-fd"):
                with open(one, "rb") as f:
                    if way == "by add-fd":
                        got = m.qmp.command("add-fd", fds=[f.fileno()], fdset_id=3)
                        equal(got["fdset-id"], 3, "set")
                        equal([s["fdset-id"] for s in m.qmp.command("query-fdsets")], [3], "sets")
                        m.qmp.command("blockdev-change-medium", device="ide1-cd0",
                                      filename="/dev/fdset/3")
                        m.qmp.command("remove-fd", fdset_id=3)
                        equal(m.qmp.command("query-fdsets"), [], "sets")
                    else:
                        m.qmp.command("blockdev-change-medium", fds=[f.fileno()],
                                      device="ide1-cd0", filename="handed-over")
                settled(m)
                equal(read_sector(m, 0)[:5], b"first", way)
                m.qmp.command("eject", device="ide1-cd0")
                settled_open = ready(m)
                equal(settled_open, CD_NOT_READY, way)
            fails(m.qmp.error("add-fd"), "SCM_RIGHTS")
            fails(m.qmp.error("remove-fd", fdset_id=9), "not found")
            fails(m.qmp.error("blockdev-change-medium", device="ide1-cd0",
                              filename="/dev/fdset/9"), "fdset/9")
            before = len(os.listdir(f"/proc/{m.process.pid}/fd"))
            for _ in range(50):  # nothing is left open
                with open(one, "rb") as f:
                    m.qmp.command("blockdev-change-medium", fds=[f.fileno()], device="ide1-cd0",
                                  filename="x")
                    m.qmp.command("eject", device="ide1-cd0")
                    m.qmp.events.clear()
            equal(len(os.listdir(f"/proc/{m.process.pid}/fd")), before, "descriptors")


@test
def floppy_change():
    """a floppy's disk-change line after insertion and removal, by the drive's id"""
    with tempfile.TemporaryDirectory() as d:
        disk = image(d, "disk", 1474560)

        def seek(cylinder):
            for byte in (0x0f, 0, cylinder):
                m.outb(0x3f5, byte)
            m.outb(0x3f5, 8)
            m.inb(0x3f5), m.inb(0x3f5)

        with Machine("-device", "floppy,id=floppy0") as m:
            m.outb(0x3f2, 0x1c)
            for _ in range(4):
                m.outb(0x3f5, 8)
                m.inb(0x3f5), m.inb(0x3f5)
            for _ in range(3):
                equal(m.inb(0x3f7) & 0x80, 0x80, "empty")
                seek(1)
                seek(0)
                m.qmp.command("blockdev-change-medium", id="floppy0", filename=disk, format="raw")
                m.qmp.quiet()  # a floppy drive has no tray
                equal(m.inb(0x3f7) & 0x80, 0x80, "changed")
                seek(1)
                equal(m.inb(0x3f7) & 0x80, 0, "seen")
                m.qmp.command("eject", id="floppy0")
                equal(m.inb(0x3f7) & 0x80, 0x80, "gone")
                seek(0)
                seek(1)
                equal(m.inb(0x3f7) & 0x80, 0x80, "stays gone")
            equal(fails(m.qmp.error("eject", id="nope"), "nope"), "DeviceNotFound", "class")
            fails(m.qmp.error("eject"), "exactly one")


# --- errors ---

def rules_file(directory):
    """Rules of blkdebug by which the first flush fails."""
    path = os.path.join(directory, "rules")
    with open(path, "w", encoding="utf-8") as f:
        f.write(FLUSH_RULE)
    return path


def flush(m):
    m.outb(0x1f6, 0)
    m.outb(0x1f7, 0xe7)


@test
def error_stops():
    """werror=stop: the guest waits, busy; cont repeats the request; it succeeds"""
    with tempfile.TemporaryDirectory() as d:
        disk = image(d, "disk")
        rules = rules_file(d)
        with Machine("-drive", f"file=blkdebug:{rules}:{disk},if=ide,cache=writeback,format=raw,"
                     "rerror=stop,werror=stop") as m:
            flush(m)
            equal(m.inb(0x1f7), 0xd0, "busy")
            data = m.qmp.event("BLOCK_IO_ERROR")
            equal((data["device"], data["operation"], data["action"], data["nospace"]),
                  ("ide0-hd0", "write", "stop", False), "event")
            m.qmp.event("STOP")
            equal(m.qmp.command("query-status")["status"], "io-error", "status")
            equal(m.qmp.command("query-block")[0]["io-status"], "failed", "io-status")
            m.qmp.command("cont")
            m.qmp.event("RESUME")
            equal(m.inb(0x1f7), 0x50, "done")
            flush(m)
            equal(m.inb(0x1f7), 0x50, "and well")
        with Machine("-drive", f"file=blkdebug:{rules}:{disk},if=ide,werror=stop") as m:
            flush(m)  # a reset takes the request back
            m.qmp.event("BLOCK_IO_ERROR")
            m.qmp.event("STOP")
            m.qmp.command("system_reset")
            m.qmp.command("cont")
            equal(m.inb(0x1f7) & 0x80, 0, "not busy")
        for policy, status, action in (("report", 0x71, "report"), ("ignore", 0x50, "ignore"),
                                       ("enospc", 0x71, "report")):
            with Machine("-drive", f"file=blkdebug:{rules}:{disk},if=ide,werror={policy}") as m:
                flush(m)
                equal(m.inb(0x1f7), status, policy)
                equal(m.qmp.event("BLOCK_IO_ERROR")["action"], action, policy)
                equal(m.qmp.command("query-status")["status"], "running", policy)


@test
def breakpoints():
    """qemu-io break and resume hold a request, for a drive by name"""
    with tempfile.TemporaryDirectory() as d:
        disk = image(d, "disk")
        plain = image(d, "plain")
        with Machine("-drive", f"file=blkdebug::{disk},if=ide,cache=writeback,format=raw",
                     "-hdb", plain) as m:
            equal(m.qmp.human('qemu-io ide0-hd0 "break flush_to_os A"'), "", "break")
            flush(m)
            for _ in range(10):
                equal(m.inb(0x1f7), 0xd0, "busy")
            assert "No such" in m.qmp.human('qemu-io ide0-hd0 "resume B"')
            equal(m.qmp.human('qemu-io ide0-hd0 "resume A"'), "", "resume")
            equal(m.inb(0x1f7), 0x50, "done")
            equal(m.qmp.human('qemu-io ide0-hd0 "break read_aio C"'), "", "break")
            equal(m.qmp.human('qemu-io ide0-hd0 "remove_break C"'), "", "remove")
            assert "not found" in m.qmp.human('qemu-io sda "resume A"')
            assert "not supported" in m.qmp.human('qemu-io ide0-hd1 "break flush_to_os A"')
            assert "quotes" in m.qmp.human('qemu-io ide0-hd0 "break')
            assert "Invalid" in m.qmp.human('qemu-io ide0-hd0 "break warp A"')
            assert "unknown command" in m.qmp.human("warp 9")
            m.qmp.human('qemu-io ide0-hd0 "break flush_to_disk D"')
            flush(m)  # held for ever: the end does not wait for it
            equal(m.inb(0x1f7), 0xd0, "busy")


@test
def stop_overtaken():
    """a request fails just before cont or a reset: that stops nothing any more"""
    with tempfile.TemporaryDirectory() as d:
        disk = image(d, "disk")
        rules = rules_file(d)
        resume = {"command-line": 'qemu-io ide0-hd0 "resume A"'}
        for command, news in (("cont", ["BLOCK_IO_ERROR"]),
                              ("system_reset", ["BLOCK_IO_ERROR", "RESET"])):
            with Machine("-drive", f"file=blkdebug:{rules}:{disk},if=ide,werror=stop") as m:
                m.qmp.human('qemu-io ide0-hd0 "break flush_to_os A"')
                flush(m)
                equal(m.inb(0x1f7), 0xd0, "busy")
                m.qmp.sock.sendall(b"".join(json.dumps(c).encode() + b"\n" for c in (
                    {"execute": "human-monitor-command", "arguments": resume},
                    {"execute": command, "id": "last"})))  # in one go
                while (reply := m.qmp.message()).get("id") != "last":
                    m.qmp.events += [reply] * ("event" in reply)
                equal(m.inb(0x1f7), 0x50, command)  # and what waits is settled
                equal(m.qmp.command("query-status")["status"], "running", command)
                equal([e["event"] for e in m.qmp.events], news, command)


tests_main()
