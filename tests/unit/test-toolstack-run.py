#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The cleave command against stand-ins of its two halves: every bad input, every kind of end, the
control socket, consoles, kill -9 of each process. Usage: test-toolstack-run.py CLEAVE [PATTERN]"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import zlib

CLEAVE = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
POWEROFF = [["event", "SHUTDOWN", {"reason": "poweroff"}]]
BASE = "/run/cleave" if os.geteuid() == 0 else None
number = 0


def elf(machine=3, cls=1, phdr=True):
    head = b"\x7fELF" + bytes([cls, 1, 1]) + bytes(9) + struct.pack("<HH", 2, machine)
    head += struct.pack("<IIIIIHHHHHH", 1, 0x100000, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return head + bytes(32 if phdr else 0)


class World:
    """A directory with images, an environment with fakes, a name for a guest."""

    def __init__(self, tmp):
        global number
        number += 1
        self.dir = tmp
        self.name = "test-%d-%d" % (os.getpid(), number)
        self.base = BASE or os.path.join(tmp, "cleave")
        self.log = os.path.join(tmp, "fake.log")
        self.env = dict(os.environ, CLEAVE_LIBEXEC=os.path.join(HERE, "fakes"), FAKE_LOG=self.log,
                        XDG_RUNTIME_DIR=tmp, CLEAVE_KVM="/dev/null", PYTHONDONTWRITEBYTECODE="1")
        self.file("loader", elf())
        self.file("disk", bytes(1 << 20))

    def file(self, name, data):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def path(self, name):
        return os.path.join(self.dir, name)

    def argv(self, *args, plans=()):
        """A half that kills itself must not be the first of a process namespace: those cannot."""
        dies = any(word in json.dumps(plans) for word in ('"signal"', '"die"'))
        return [CLEAVE, "run", "--name", self.name, "--loader", self.path("loader"),
                *(["--no-sandbox"] if dies else []), *args]

    def environment(self, hv=None, dm=None):
        return dict(self.env, FAKE_HV=json.dumps(hv or {}), FAKE_DM=json.dumps(dm or {}))

    def start(self, *args, hv=None, dm=None, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.argv(*args, plans=(hv, dm)), env=self.environment(hv, dm),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def run(self, *args, hv=None, dm=None, status=0, **more):
        p = self.start(*args, hv=hv, dm=dm, **more)
        out, err = p.communicate(timeout=60)
        equal(p.returncode, status, err.decode())
        self.nothing_left()
        return out.decode(), err.decode()

    def refused(self, *args, says, **more):
        """One line that holds every word of `says`, status 2, nothing started, nothing left."""
        if os.path.exists(self.log):
            os.unlink(self.log)
        _, err = self.run(*args, status=2, **more)
        equal(err.count("\n"), 1, err)
        for word in [says] if isinstance(says, str) else says:
            true(word in err, "%r lacks %r" % (err, word))
        true(not os.path.exists(self.log), "a half was started")

    def command(self, *args, status=0):
        p = subprocess.run([CLEAVE, *args], env=self.env, capture_output=True, timeout=60,
                           check=False)
        equal(p.returncode, status, p.stderr.decode())
        return p.stdout.decode(), p.stderr.decode()

    def control(self):
        return os.path.join(self.base, self.name, "control")

    def wait_running(self):
        for _ in range(600):
            if "dm cont" in self.fake_log() and "hv cont" in self.fake_log():
                return
            time.sleep(0.02)
        raise AssertionError("the guest did not start")

    def fake_log(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="ascii") as f:
            return f.read()

    def commands(self):
        return [x for x in self.fake_log().splitlines() if " argv " not in x]

    def processes(self):
        """Those of this test: its name is on cleave's command line, its log in their environment."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/environ" % pid, "rb") as f:
                    if ("FAKE_LOG=" + self.log + "\0").encode() in f.read():
                        found.append(int(pid))
            except OSError:
                pass
        return found

    def half(self, name):
        for pid in self.processes():
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                if ("/cleave-" + name).encode() in f.read():
                    return pid
        raise AssertionError("no " + name)

    def nothing_left(self, seconds=5):
        end = time.monotonic() + seconds
        while self.processes() or os.path.exists(os.path.join(self.base, self.name)):
            true(time.monotonic() < end, "left: %s" % self.processes())
            time.sleep(0.02)


def true(value, text=""):
    if not value:
        raise AssertionError(text)


def equal(got, want, text=""):
    if got != want:
        raise AssertionError("got %r, want %r; %s" % (got, want, text))


def png_pixels(path):
    """Width, height and rows of an RGB file without interlace, filter by filter."""
    with open(path, "rb") as f:
        data = f.read()
    equal(data[:8], b"\x89PNG\r\n\x1a\n")
    at, body = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", data[at + 8:at + 18])
            equal((depth, color), (8, 2))
        elif kind == b"IDAT":
            body += data[at + 8:at + 8 + size]
        at += size + 12
    raw, rows, prior = zlib.decompress(body), [], bytes(width * 3)
    for y in range(height):
        kind, line = raw[y * (width * 3 + 1)], bytearray(raw[y * (width * 3 + 1) + 1:][:width * 3])
        for i in range(len(line)):
            left, up = line[i - 3] if i >= 3 else 0, prior[i]
            corner = prior[i - 3] if i >= 3 else 0
            p = left + up - corner
            paeth = min((left, up, corner), key=lambda v: abs(p - v))
            line[i] = (line[i] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
        rows.append(bytes(line))
        prior = bytes(line)
    return width, height, rows


# Bad input.

def test_bad_options(w):
    disk = w.path("disk")
    for args, says in [
            (["--nonsense"], ["--nonsense", "unknown option", "cleave run --help"]),
            (["-z"], ["-z", "unknown option"]),
            (["--memory"], ["--memory", "argument"]),
            (["--memory", "0"], ["--memory 0", "from 2 to"]),
            (["--memory", "1"], ["--memory 1", "from 2 to"]),
            (["--memory", "12x"], ["--memory 12x"]),
            (["-m", "-5"], ["-m -5"]),
            (["--memory", "99999999999999999999"], ["--memory"]),
            (["--memory", "1048576"], ["--memory 1048576", "the host has only"]),
            (["--vcpus", "33"], ["--vcpus 33", "from 1 to 32"]),
            (["--boot", "cx"], ["--boot cx"]),
            (["--boot", "cc"], ["--boot cc", "once"]),
            (["--boot", ""], ["--boot"]),
            (["--serial", "tcp:1"], ["--serial tcp:1", "stdio"]),
            (["--serial", "file:"], ["--serial file:"]),
            (["--serial", "none"] * 3, ["--serial", "2 serial ports"]),
            (["--serial", "stdio", "--debugcon", "stdio"], ["one port only"]),
            (["--serial", "file:/nonexistent/x"], ["--serial file:/nonexistent/x"]),
            (["--serial", "unix:/nonexistent/x"], ["--serial unix:/nonexistent/x"]),
            (["--serial", "unix:" + "x" * 200], ["too long"]),
            (["--timeout", "0"], ["--timeout 0"]),
            (["--timeout", "soon"], ["--timeout soon"]),
            (["--timeout", "nan"], ["--timeout nan"]),
            (["--rtc", "moon"], ["--rtc moon", "utc"]),
            (["--machine", "pc"], ["--machine pc", "cleave-1"]),
            (["--vga", "cirrus"], ["--vga cirrus"]),
            (["--firmware-mode", "uefi"], ["--firmware-mode uefi"]),
            (["--debug-exit=1"], ["takes no argument"]),
            (["--name", "../x"], ["--name ../x"]),
            (["--name", ""], ["--name"]),
            (["--name", ".."], ["--name"]),
            (["--screenshot", "/nonexistent/a.png"], ["--screenshot", "/nonexistent"]),
            (["--screenshot", w.dir], ["--screenshot", "not a file"]),
            (["--screenshot", w.path("a.png"), "--vga", "none"], ["--screenshot", "--vga none"]),
            (["--log", "/nonexistent/log"], ["--log /nonexistent/log"]),
            (["--trace", "/nonexistent/trace"], ["--trace /nonexistent/trace"]),
            ([disk, disk], ["DISK", "--disk"]),
            (["--disk", disk] * 5, ["--disk", "at most 4"]),
            (["--disk", disk] * 4 + ["--cdrom", disk], ["--cdrom", "four disks"]),
            (["--cdrom", disk] * 2, ["--cdrom", "one CD drive"]),
            (["--floppy", disk] * 3, ["--floppy", "at most 2"]),
            (["--disk", ",readonly"], ["--disk", "name is missing"])]:
        w.refused(*args, says=says)


def test_bad_images(w):
    empty, odd = w.file("empty", b""), w.file("odd", bytes(1000))
    os.mkfifo(w.path("fifo"))
    os.mkdir(w.path("dir"))
    half = w.file("half.iso", bytes(3072))
    big = w.path("big")
    with open(big, "wb") as f:
        f.truncate(3 << 20)
    for args, says in [
            ([w.path("none")], ["DISK", "none", "no such file"]),
            (["--disk", w.path("none")], ["--disk", "no such file"]),
            ([empty], ["empty", "truncate"]),
            ([odd], ["1000 bytes", "multiple of 512", "truncate -s %512"]),
            ([w.path("fifo")], ["neither a file nor a block device"]),
            ([w.path("dir")], ["is a directory"]),
            (["/dev/null"], ["neither a file nor a block device"]),
            (["--cdrom", half], ["--cdrom", "multiple of 2048"]),
            (["--floppy", big], ["--floppy", "2.88 MB", "--disk"]),
            ([w.path("disk"), "--disk", w.path("disk")], ["in use by another drive", "readonly"])]:
        w.refused(*args, says=says)
    for magic, name in [(b"QFI\xfb", "qcow2"), (b"KDMV", "VMDK"), (b"vhdxfile", "VHDX")]:
        w.refused(w.file("x", magic + bytes(1024 - len(magic))), says=[name, "qemu-img convert"])
    w.run(w.path("x") + ",format=raw", hv={"cont": POWEROFF})


def test_bad_permissions(w):
    if os.geteuid() != 0:
        return "only root can become another user"
    other = {"user": 65534, "group": 65534, "extra_groups": []}
    os.chmod(w.dir, 0o711)
    runtime = w.path("runtime")
    os.mkdir(runtime)
    os.chown(runtime, 65534, 65534)
    w.env["XDG_RUNTIME_DIR"] = runtime
    w.base = os.path.join(runtime, "cleave")
    true(os.path.exists(CLEAVE), "")
    if subprocess.run([CLEAVE, "version"], check=False, stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL, **other).returncode:
        return "the build folder is closed to others"
    os.chmod(w.path("disk"), 0o644)
    w.log = w.env["FAKE_LOG"] = os.path.join(runtime, "fake.log")
    w.refused(w.path("disk"), says=["no permission to read and write", ",readonly"], **other)
    os.chmod(w.path("disk"), 0o600)
    w.refused(w.path("disk") + ",readonly", says=["no permission to read it"], **other)
    kvm = w.file("kvm", b"")
    os.chmod(kvm, 0o600)
    w.env["CLEAVE_KVM"] = kvm
    w.refused(says=["kvm: no permission", "group kvm"], **other)
    del w.env["XDG_RUNTIME_DIR"]
    w.refused(says=["XDG_RUNTIME_DIR", "/run/user/65534"], **other)


def test_bad_host(w):
    w.env["CLEAVE_KVM"] = w.path("no-kvm")
    w.refused(says=["no-kvm", "kvm_intel"])
    w.env["CLEAVE_KVM"] = "/dev/null"
    w.env["CLEAVE_LIBEXEC"] = w.dir
    w.refused(says=["cleave-hv is not in", "CLEAVE_LIBEXEC"])


def test_bad_firmware(w):
    w.refused("--loader", w.path("none"), says=["--loader", "none"])
    w.refused("--loader", w.path("disk"), says=["--loader", "not an ELF"])
    w.refused("--loader", w.file("elf64", elf(62, 2)), says=["--loader", "32-bit"])
    w.refused("--loader", w.file("short", elf()[:40]), says=["--loader", "not an ELF"])
    w.refused("--loader", w.file("short", elf(phdr=False)), says=["--loader", "program headers"])
    w.refused("--firmware", w.path("none"), says=["--firmware", "none"])
    w.refused("--firmware", w.file("none", b""), says=["--firmware", "size"])
    w.refused("--firmware", w.dir, says=["--firmware", "not a file"])
    w.refused("--firmware-mode", "qemu", says=["--loader", "--firmware-mode xen"])
    small = subprocess.run([CLEAVE, "run", "--memory", "7"], env=w.environment(), check=False,
                           capture_output=True, timeout=60)
    equal((small.returncode, small.stderr),
          (2, b"cleave: --memory 7: the BIOS needs 8 MiB; give more\n"))


def test_name_in_use(w):
    p = w.start()
    w.wait_running()
    other = subprocess.run(w.argv(), env=w.environment(), capture_output=True, timeout=60,
                           check=False)
    equal(other.returncode, 2)
    true(b"in use by the guest of process %d" % p.pid in other.stderr, other.stderr)
    p.terminate()
    equal(p.wait(), 5)
    w.nothing_left()


def test_busy_image(w):
    p = w.start(w.path("disk"))
    w.wait_running()
    v = World(w.dir)
    v.log = v.env["FAKE_LOG"] = w.path("other.log")
    v.refused(w.path("disk"), says=["in use by another drive or guest"])
    v.refused(w.path("disk") + ",readonly", says=["in use"])
    p.terminate()
    p.wait()
    w.nothing_left()
    with open(w.path("disk"), "rb") as f:
        fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
        v.refused(w.path("disk"), says=["in use"])
        v.run(w.path("disk") + ",readonly", hv={"cont": POWEROFF})


def test_stale_directory(w):
    os.makedirs(os.path.join(w.base, w.name), mode=0o700)
    for name in ("lock", "control"):
        with open(os.path.join(w.base, w.name, name), "w", encoding="ascii") as f:
            f.write("1\n")
    w.run(hv={"cont": POWEROFF})


# Starting.

def test_half_fails(w):
    _, err = w.run(hv={"fail": "/dev/kvm: gone; load it"}, status=2)
    equal(err, "cleave-hv: /dev/kvm: gone; load it\n")
    _, err = w.run(dm={"fail": "-drive: bad"}, status=2)
    equal(err, "cleave-dm: -drive: bad\n")
    _, err = w.run(hv={"signal": 9}, status=4)
    true("cleave-hv was killed by signal 9 (Killed)" in err, err)
    _, err = w.run(dm={"signal": 11}, status=4)
    true("cleave-dm was killed by signal 11 (Segmentation fault)" in err, err)


def test_half_mute(w):
    _, err = w.run("--timeout", "0.7", dm={"mute": True}, status=124)
    true("did not start within 0.7 seconds" in err, err)


def test_command_lines(w):
    w.file("a.iso", bytes(4096))
    w.file("b", bytes(512))
    w.file("f", bytes(1474560))
    w.run("-m", "64", "--vcpus", "4", "--disk", w.path("b") + ",readonly", w.path("disk"),
          "--cdrom", w.path("a.iso"), "--floppy", w.path("f"), "--boot", "dc", "--boot-menu",
          "--serial", "none", "--serial", "file:" + w.path("com2"), "--debugcon",
          "file:" + w.path("debug"), "--rtc", "localtime", "--debug-exit", "--log", w.path("log"),
          "--trace", w.path("trace"), "-v", hv={"cont": POWEROFF})
    hv, dm = [x for x in w.fake_log().splitlines() if " argv " in x]
    if dm.startswith("hv"):
        hv, dm = dm, hv
    for part in ["--memory 64", "--vcpus 4", "--firmware-mode xen", "--boot-menu", "--trace-fd ",
                 "--rtc localtime", "--machine cleave-1", "--log-fd ", " -v"]:
        true(part in hv, "%s lacks %s" % (hv, part))
    for part in ["-machine cleave-1,accel=cleave,firmware-mode=xen,core-fd=", ",arena-fd=",
                 ",vram-fd=", "-m 64", "-smp 4", "-vga std", "order=dc,menu=on",
                 "-rtc base=localtime", "-serial none", "-serial chardev:serial1",
                 "-debugcon chardev:debugcon", "-device isa-debug-exit,iobase=0x501", "-log fd:"]:
        true(part in dm, "%s lacks %s" % (dm, part))
    drives = re.findall(r"-drive (\S+)", dm)
    drives = [re.sub(r"fd=\d+", "fd", d) for d in drives]
    equal(drives, ["if=ide,index=0,media=disk,format=raw,fd",
                   "if=ide,index=1,media=disk,format=raw,fd,readonly=on",
                   "if=ide,index=2,media=cdrom,format=raw,fd,readonly=on",
                   "if=floppy,index=0,format=raw,fd"])
    equal(w.commands(), ["dm cont", "hv cont", "dm quit", "hv quit"])


# Ends.

def test_ends(w):
    def event(reason, detail=""):
        return {"cont": [["event", "SHUTDOWN", {"reason": reason, "detail": detail}]]}
    for reason, status, says in [
            ("poweroff", 0, ""), ("suspend", 0, "suspended"), ("crash", 6, "crash: why"),
            ("triple-fault", 3, "triple fault: why"), ("internal-error", 4, "internal error: why"),
            ("nonsense", 4, "nonsense: why")]:
        _, err = w.run(hv=event(reason, "why"), status=status)
        equal(err.count("\n"), 1 if says else 0, err)
        true(says in err, err)


def test_debug_exit(w):
    for value, status in [(0, 1), (0x10, 33), (0x7f, 255), (0x80, 1)]:
        told = [["event", "DEBUG_EXIT", {"value": value}]]
        stopped = [["event", "SHUTDOWN", {"reason": "debug-exit"}]]
        w.run(dm={"cont": told}, hv={"cont": stopped}, status=status)
        w.run(dm={"cont": told}, status=status)
        w.run(dm={"cont": [["sleep", 0.3]] + told}, hv={"cont": stopped}, status=status)


def test_reset(w):
    w.run(hv={"cont": [["event", "SHUTDOWN", {"reason": "reset"}]], "again": POWEROFF})
    equal(w.commands(), ["dm cont", "hv cont", "dm system_reset", "hv system_reset", "dm cont",
                         "hv cont", "dm quit", "hv quit"])


def test_reset_while_paused(w):
    p = w.start(hv={"stop": [["event", "SHUTDOWN", {"reason": "reset"}]]})
    w.wait_running()
    w.command("pause", w.name)
    for _ in range(200):
        if "hv system_reset" in w.commands():
            break
        time.sleep(0.02)
    w.command("destroy", w.name)
    p.communicate(timeout=20)
    equal(w.commands(), ["dm cont", "hv cont", "hv stop", "dm stop", "dm system_reset",
                         "hv system_reset", "dm quit", "hv quit"])


def test_timeout(w):
    began = time.monotonic()
    _, err = w.run("--timeout", "4", status=124)
    true("timeout of 4 seconds" in err, err)
    true(3.9 < time.monotonic() - began < 30, "")
    equal(w.commands(), ["dm cont", "hv cont", "hv stop", "dm quit", "hv quit"])


def test_quit_fails(w):
    _, err = w.run(hv={"cont": POWEROFF}, dm={"quit": 1}, status=4)
    true("cleave-dm exited with status 1 while it flushed" in err, err)


def test_signals(w):
    for number_ in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        p = w.start()
        w.wait_running()
        time.sleep(0.1)
        p.send_signal(number_)
        _, err = p.communicate(timeout=30)
        equal(p.returncode, 5)
        true(b"ended by signal %d" % number_ in err, err)
        w.nothing_left()
        os.unlink(w.log)


def kill_nine(w, which):
    p = w.start(w.path("disk"), "--serial", "unix:" + w.path("com1"))
    w.wait_running()
    time.sleep(0.1)
    os.kill(p.pid if which == "cleave" else w.half(which), 9)
    _, err = p.communicate(timeout=30)
    w.nothing_left()
    true(not os.path.exists(w.path("com1")), "socket left")
    with open(w.path("disk"), "r+b") as f:
        fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    equal(err.count(b"\n"), 1, err)
    return p.returncode, err.decode()


def test_kill_hv(w):
    status, err = kill_nine(w, "hv")
    equal(status, 5)
    true("cleave-hv was killed by signal 9 (Killed); guest %s ended" % w.name in err, err)


def test_kill_dm(w):
    status, err = kill_nine(w, "dm")
    equal(status, 5)
    true("cleave-dm was killed by signal 9 (Killed); guest %s ended" % w.name in err, err)


def test_kill_monitor(w):
    status, err = kill_nine(w, "cleave")
    equal(status, -9)
    true("monitor of guest %s was killed" % w.name in err, err)


def test_half_crash(w):
    _, err = w.run(dm={"cont": [["sleep", 0.2], ["exit", 1]]}, status=5)
    true("cleave-dm exited with status 1" in err, err)
    _, err = w.run(hv={"cont": [["sleep", 0.2], ["die", 6]]}, status=5)
    true("cleave-hv was killed by signal 6" in err, err)


# Consoles.

def test_serial_stdio(w):
    p = w.start("--serial", "stdio", dm={"cont": [["serial", "ready\r\n"], ["echo"]]},
                stdin=subprocess.PIPE)
    equal(p.stdout.readline(), b"ready\r\n")
    p.stdin.write(b"a\x01x")
    p.stdin.flush()
    equal(p.stdout.read(5), b"<a\x01x>")
    p.terminate()
    p.communicate()
    w.nothing_left()


def test_serial_file(w):
    for i in range(3):
        w.run("--serial", "file:" + w.path("out"), dm={"cont": [["serial", "x" * 60000]]},
              hv={"cont": [["sleep", 0.3]] + POWEROFF})
        equal(os.path.getsize(w.path("out")), 60000, str(i))


def test_serial_unix(w):
    p = w.start("--serial", "unix:" + w.path("com1"), dm={"cont": [["echo"], ["echo"]]})
    w.wait_running()
    for data in (b"one", b"two"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(w.path("com1"))
        s.sendall(data)
        if data == b"two":
            s.shutdown(socket.SHUT_WR)
        equal(s.recv(100), b"<" + data + b">")
        s.close()
    v = World(w.dir)
    v.env["FAKE_LOG"] = v.log = w.path("other.log")
    v.refused("--serial", "unix:" + w.path("com1"), says=["com1: exists"])
    p.terminate()
    p.communicate()
    w.nothing_left()
    true(not os.path.exists(w.path("com1")), "socket left")


class Terminal:
    def __init__(self, w, *args, **plans):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            w.argv("--serial", "stdio", *args, plans=plans), env=w.environment(**plans),
            stdin=self.slave,
            stdout=self.slave, stderr=self.slave, start_new_session=True)

    def expect(self, text, seconds=10):
        got = b""
        end = time.monotonic() + seconds
        while text not in got:
            true(time.monotonic() < end, "no %r in %r" % (text, got))
            if select.select([self.master], [], [], 0.1)[0]:
                got += os.read(self.master, 4096)

    def raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def restored(self):
        equal(termios.tcgetattr(self.slave), self.before, "terminal not restored")

    def close(self):
        os.close(self.master)
        os.close(self.slave)


def test_terminal(w):
    t = Terminal(w, dm={"cont": [["serial", "ready"], ["echo"]]})
    t.expect(b"ready")
    true(t.raw(), "not raw")
    os.write(t.master, b"q\x03")
    t.expect(b"<q\x03>")
    os.write(t.master, b"\x01h")
    t.expect(b"Ctrl-A x ends")
    os.write(t.master, b"\x01x")
    equal(t.process.wait(20), 0)
    t.restored()
    t.close()
    w.nothing_left()


def test_terminal_guest_deaf(w):
    t = Terminal(w, dm={"cont": [["serial", "ready"]]})
    t.expect(b"ready")
    for _ in range(200):  # far more than any socket or buffer takes
        if not select.select([], [t.master], [], 5)[1]:
            raise AssertionError("the terminal is no longer read")
        os.write(t.master, b"x" * 4000)
    os.write(t.master, b"\x01x")
    equal(t.process.wait(20), 0)
    t.close()
    w.nothing_left()


def test_terminal_restored(w):
    for plans, act, status in [
            ({"hv": {"cont": [["sleep", 0.3]] + POWEROFF}}, None, 0),
            ({"hv": {"cont": [["sleep", 0.3], ["die", 9]]}}, None, 5),
            ({"dm": {"cont": [["sleep", 0.3], ["die", 9]]}}, None, 5),
            ({"dm": {"fail": "no"}}, None, 2),
            ({}, signal.SIGTERM, 5), ({}, signal.SIGKILL, -9)]:
        t = Terminal(w, **plans)
        if act:
            w.wait_running()
            for _ in range(100):
                if t.raw():
                    break
                time.sleep(0.02)
            true(t.raw(), "not raw")
            t.process.send_signal(act)
        equal(t.process.wait(20), status)
        w.nothing_left()
        t.restored()
        t.close()
        os.unlink(w.log)


# Other commands.

def test_commands(w):
    p = w.start()
    w.wait_running()
    out, _ = w.command("list")
    true(re.search(r"^%s +running +%d " % (re.escape(w.name), p.pid), out, re.M), out)
    w.command("pause", w.name)
    true(re.search(r"^%s +paused " % re.escape(w.name), w.command("list")[0], re.M), out)
    w.command("unpause", w.name)
    w.command("shutdown", w.name)
    w.command("reset", w.name)
    w.command("sendkey", w.name, "ctrl-alt-delete", "a", "-")
    w.command("destroy", w.name)
    _, err = p.communicate(timeout=20)
    equal(p.returncode, 5)
    true(b"was destroyed" in err, err)
    w.nothing_left()

    def key(*names):
        return "dm send-key " + json.dumps({"hold-time": 40, "keys": [
            {"data": n, "type": "qcode"} for n in names]}, sort_keys=True)
    equal(w.commands(), ["dm cont", "hv cont", "hv stop", "dm stop", "dm cont", "hv cont",
                         "hv system_powerdown", "hv stop", "dm stop", "dm system_reset",
                         "hv system_reset", "dm cont", "hv cont", key("ctrl", "alt", "delete"), key("a"), key("minus"),
                         "hv stop", "dm quit", "hv quit"])


def test_command_errors(w):
    for args, says in [
            (["nonsense"], "nonsense: unknown command"), ([], "a command is missing"),
            (["pause"], "usage: cleave pause NAME"), (["pause", "no-such-guest"], "no such guest"),
            (["destroy", "../x"], "is no guest's name"),
            (["stats", "--xml", "a"], "--xml"), (["screenshot", "a"], "usage"),
            (["sendkey", "a", "ctrl-nokey"], "no key 'nokey'"), (["sendkey", "a", ""], "no key"),
            (["sendkey", "a", "a-b-c-d-e-f-g-h-i"], "no key"), (["list", "x"], "usage")]:
        _, err = w.command(*args, status=2)
        equal(err.count("\n"), 1, err)
        true(says in err, err)
    for args in (["help"], ["--help"], ["version"], ["run", "--help"], ["stats", "--help"]):
        out, _ = w.command(*args)
        true("cleave" in out, out)


def test_screenshot(w):
    want = (8, 4, [b"".join(bytes([255 - x, 128, x * 16]) for x in range(8))] * 4)
    w.run("--screenshot", w.path("a.png"), hv={"cont": POWEROFF})
    equal(png_pixels(w.path("a.png")), want)
    w.run("--screenshot", w.path("b.png"), "--timeout", "4", status=124)
    equal(png_pixels(w.path("b.png")), want)
    os.unlink(w.log)
    p = w.start()
    w.wait_running()
    w.command("screenshot", w.name, w.path("c.png"))
    equal(png_pixels(w.path("c.png")), want)
    w.command("screenshot", w.name, "/nonexistent/c.png", status=1)
    p.terminate()
    p.communicate()
    _, err = w.run("--screenshot", w.path("d.png"), hv={"cont": POWEROFF}, dm={"bad_picture": 1})
    true("sent no picture" in err, err)
    true(not [f for f in os.listdir(w.dir) if f.startswith("d.png")], "a file was left")


def test_stats(w):
    p = w.start()
    w.wait_running()
    out, _ = w.command("stats", w.name)
    for want in [r"2 vCPUs", r"pio-in +300\n", r"pio-out +302\n", r"01f7 +3000\n", r"0060 +6\n",
                 r"from 2.05 us +40 #{40}\n", r"from 1.02 us +10 #{10}\n", r"50 answered while"]:
        true(re.search(want, out), "%s lacks %s" % (out, want))
    stats = json.loads(w.command("stats", w.name, "--json")[0])
    equal((stats["name"], stats["vcpus"], stats["exits"]["hlt"]), (w.name, 2, 308))
    equal(stats["ports"], [{"port": 0x1f7, "count": 3000}, {"port": 0x60, "count": 6}])
    equal(stats["latency"][1], {"from-ns": 2048, "count": 40})
    p.terminate()
    p.communicate()
    w.nothing_left()


def test_control_socket(w):
    """Clients that say nonsense, nothing or too much do not disturb the guest."""
    p = w.start()
    w.wait_running()
    equal(os.stat(w.control()).st_mode & 0o777, 0o600)
    clients = []
    for _ in range(24):
        s = socket.socket(socket.AF_UNIX)
        s.connect(w.control())
        clients.append(s)
    clients[0].sendall(b"\x00\xff{]nonsense\n" * 100)
    clients[1].sendall(b'{"execute": "qmp_capabilities"}{"execute":"query-status","id":9}')
    time.sleep(0.2)
    for s in clients:
        s.close()
    time.sleep(0.1)
    true("running" in w.command("list")[0], "")
    w.command("destroy", w.name)
    equal(p.wait(20), 5)
    p.communicate()


def test_log(w):
    noise = "cleave-dm: a warning"
    _, err = w.run("--log", w.path("log"), dm={"noise": noise},
                   hv={"cont": [["event", "SHUTDOWN", {"reason": "triple-fault", "detail": "x"}]]},
                   status=3)
    true(noise in err and "triple fault" in err, err)
    with open(w.path("log"), encoding="ascii") as f:
        true("cleave: guest %s: triple fault: x" % w.name in f.read(), "not in the log")


def main():
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    tests = [(n, f) for n, f in globals().items() if n.startswith("test_") and pattern in n]
    print("1..%d" % len(tests))
    failed = 0
    for i, (name, function) in enumerate(tests, 1):
        with tempfile.TemporaryDirectory() as tmp:
            try:
                skip = function(World(tmp))
                print("ok %d %s%s" % (i, name, " # SKIP " + skip if skip else ""), flush=True)
            except Exception as e:  # a test's failure is not the program's
                failed += 1
                line = e.__traceback__.tb_next.tb_lineno if e.__traceback__.tb_next else 0
                text = "%s (line %d): %s" % (type(e).__name__, line, e)
                print("not ok %d %s\n# %s" % (i, name, text.replace("\n", "\n# ")), flush=True)
    return 1 if failed else 0


sys.exit(main())
