# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives cleave-dm by the qtest protocol; runs tests and speaks TAP.

A test is a function marked @test; it fails by an exception. The program is looked for below
$CLEAVE_BUILD.
"""

import base64
import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CLEAVE_BUILD", SOURCE / "build")).resolve()
PROGRAM = BUILD / "cleave-dm"
WAIT = 30.0  # seconds that an answer may take

SECOND = 1_000_000_000

# A process that ends does not give back what it holds: that is no leak.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"

TESTS = []


def test(function):
    """Marks a test; its docstring is its name."""
    TESTS.append((function, {}))
    return function


def test_each(**choices):
    """Marks a test that runs once for each value of one argument."""
    (name, values), = choices.items()

    def mark(function):
        for value in values:
            TESTS.append((function, {name: value}))
        return function
    return mark


def tests_main():
    """Runs the tests of this program (or those whose name holds an argument), speaking TAP."""
    chosen = [(f, kw) for f, kw in TESTS if not sys.argv[1:]
              or any(a in f"{f.__name__} {kw}" for a in sys.argv[1:])]
    print(f"1..{len(chosen)}", flush=True)
    failed = False
    for number, (function, arguments) in enumerate(chosen, 1):
        name = (function.__doc__ or function.__name__).splitlines()[0].rstrip(".").replace("#", "")
        name += "".join(f" ({k} {v})" for k, v in arguments.items())
        try:
            function(**arguments)
            print(f"ok {number} - {name}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed = True
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {name}", flush=True)
    sys.exit(1 if failed else 0)


def equal(got, wanted, what="value"):
    """Fails unless both are equal; numbers are shown in hexadecimal."""
    def show(v):
        return hex(v) if isinstance(v, int) and not isinstance(v, bool) else repr(v)
    assert got == wanted, f"{what}: got {show(got)}, want {show(wanted)}"


def pattern(size, seed=1):
    """`size` bytes that differ from place to place."""
    out = bytearray()
    value = seed & 0xffffffff or 1
    while len(out) < size:
        value = (value * 1664525 + 1013904223) & 0xffffffff
        out += struct.pack("<I", value)
    return bytes(out[:size])


@contextlib.contextmanager
def work_dir():
    """A directory that vanishes with the test."""
    with tempfile.TemporaryDirectory(prefix="cleave-qtest-") as name:
        yield pathlib.Path(name)


def listen(path):
    """A listening stream socket."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen(1)
    sock.settimeout(WAIT)
    return sock


class Lines:
    """Text lines over a stream socket."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(WAIT)
        self.left = b""

    def send(self, data):
        """All of it."""
        self.sock.sendall(data)

    def line(self):
        """The next line without its end; raises EOFError when the other end has gone."""
        chunks = []
        while b"\n" not in self.left:
            chunks.append(self.left)
            self.left = self.sock.recv(1 << 20)
            if not self.left:
                raise EOFError("the other end hung up")
        head, _, self.left = self.left.partition(b"\n")
        chunks.append(head)
        return b"".join(chunks).decode()


class Machine:
    """A cleave-dm with a qtest connection and, on request, a QMP one."""

    def __init__(self, *args, qmp=False, defaults=True, program=PROGRAM, machine="pc"):
        self.directory = tempfile.TemporaryDirectory(prefix="cleave-qtest-")
        self.path = pathlib.Path(self.directory.name)
        self.irqs = []     # lines reported since the last look: (n, level)
        self.levels = {}
        self.events = []
        argv = [str(program), "-machine", machine, "-accel", "qtest", "-display", "none",
                "-qtest", f"unix:{self.path}/q", "-qtest-log", "/dev/null"]
        argv += [] if defaults else ["-nodefaults"]
        if qmp:
            argv += ["-chardev", f"socket,path={self.path}/m,id=char0",
                     "-mon", "chardev=char0,mode=control"]
        servers = [listen(self.path / "q")] + ([listen(self.path / "m")] if qmp else [])
        self.errors = open(self.path / "stderr", "w+b")
        self.process = subprocess.Popen(argv + [str(a) for a in args], stderr=self.errors,
                                        stdin=subprocess.DEVNULL)
        try:
            self.qtest = Lines(self.accept(servers[0]))
            self.qmp = Lines(self.accept(servers[1])) if qmp else None
        finally:
            for server in servers:
                server.close()
        if qmp:
            assert "QMP" in json.loads(self.qmp.line())
            self.command("qmp_capabilities")

    def accept(self, server):
        """The program's connection; its own words when it does not come."""
        server.settimeout(0.2)
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            try:
                return server.accept()[0]
            except socket.timeout:
                if self.process.poll() is not None:
                    break
        raise AssertionError(f"cleave-dm ended ({self.process.poll()}): {self.said()}")

    def said(self):
        """What it wrote to standard error."""
        self.errors.flush()
        return (self.path / "stderr").read_text(errors="replace").strip()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def stop(self, sig=signal.SIGTERM):
        """Ends it and returns its exit status."""
        if self.errors.closed:
            return self.process.returncode
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            status = self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.qtest.sock.close()
        if self.qmp:
            self.qmp.sock.close()
        said = self.said()
        self.errors.close()
        self.directory.cleanup()
        assert "Sanitizer" not in said and "runtime error" not in said, said
        return status

    # --- requests ---

    def reply(self):
        """The next reply; reports of lines before it are noted."""
        while True:
            line = self.qtest.line()
            if not line.startswith("IRQ "):
                return line
            _, what, n = line.split()
            self.irqs.append((int(n), int(what == "raise")))
            self.levels[int(n)] = what == "raise"

    def ask(self, request):
        """Sends one request; the reply whatever it is."""
        self.qtest.send(request.encode() + b"\n")
        return self.reply()

    def ok(self, request):
        """Sends one request that must succeed; what follows OK."""
        line = self.ask(request)
        assert line.split(" ")[0] == "OK", f"{request[:80]}: {line[:80]}"
        return line[3:]

    def inb(self, port):
        return int(self.ok(f"inb {port:#x}"), 16)

    def inw(self, port):
        return int(self.ok(f"inw {port:#x}"), 16)

    def inl(self, port):
        return int(self.ok(f"inl {port:#x}"), 16)

    def outb(self, port, value):
        self.ok(f"outb {port:#x} {value:#x}")

    def outw(self, port, value):
        self.ok(f"outw {port:#x} {value:#x}")

    def outl(self, port, value):
        self.ok(f"outl {port:#x} {value:#x}")

    def get(self, gpa, size):
        """One access of 1, 2, 4 or 8 bytes to memory."""
        return int(self.ok(f"read{'bwlq'[size.bit_length() - 1]} {gpa:#x}"), 16)

    def put(self, gpa, size, value):
        self.ok(f"write{'bwlq'[size.bit_length() - 1]} {gpa:#x} {value:#x}")

    def read(self, gpa, size):
        """A block of memory."""
        return base64.b64decode(self.ok(f"b64read {gpa:#x} {size:#x}"))

    def write(self, gpa, data):
        self.ok(f"b64write {gpa:#x} {len(data):#x} {base64.b64encode(data).decode()}")

    def step(self, ns=None):
        """Lets time pass; to the next deadline without an argument. The time then."""
        return int(self.ok("clock_step" if ns is None else f"clock_step {ns}"))

    def now(self):
        return self.step(0)

    def intercept(self, path="ioapic"):
        """Lines are reported from now on."""
        self.ok(f"irq_intercept_in {path}")

    def irq(self, n):
        """The level of an intercepted line as last reported."""
        return self.levels.get(n, False)

    def irqs_taken(self):
        """What was reported since the last call."""
        taken, self.irqs = self.irqs, []
        return taken

    # --- PCI ---

    def config_address(self, device, offset, function=0):
        self.outl(0xcf8, 0x80000000 | device << 11 | function << 8 | offset & 0xfc)

    def config_get(self, device, offset, size=4, function=0):
        self.config_address(device, offset, function)
        return {1: self.inb, 2: self.inw, 4: self.inl}[size](0xcfc + (offset & 3))

    def config_put(self, device, offset, value, size=4, function=0):
        self.config_address(device, offset, function)
        {1: self.outb, 2: self.outw, 4: self.outl}[size](0xcfc + (offset & 3), value)

    # --- CMOS ---

    def cmos(self, index):
        self.outb(0x70, index)
        return self.inb(0x71)

    def cmos_put(self, index, value):
        self.outb(0x70, index)
        self.outb(0x71, value)

    # --- QMP ---

    def command(self, name, **arguments):
        """A QMP command that must succeed; events on the way are noted."""
        request = {"execute": name}
        if arguments:
            request["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self.qmp.send(json.dumps(request).encode())
        while True:
            answer = json.loads(self.qmp.line())
            if "event" in answer:
                self.events.append(answer)
                continue
            assert "return" in answer, answer
            return answer["return"]

    def event(self, name):
        """Waits for an event and returns it."""
        while True:
            for i, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(i)
            self.events.append(json.loads(self.qmp.line()))
