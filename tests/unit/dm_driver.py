# SPDX-License-Identifier: GPL-2.0-or-later
"""cleave-dm without a guest: its monitors and its qtest socket, for tests of both."""
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

DM = os.path.abspath(sys.argv[1])
PATIENCE = 30.0
TESTS = []


def test(function):
    """Marks a test; its docstring is its name."""
    TESTS.append(function)
    return function


def equal(got, wanted, what=""):
    assert got == wanted, f"{what}: got {got!r}, want {wanted!r}"


class Qmp:
    """One monitor connection."""

    def __init__(self, sock, negotiate=True):
        self.sock = sock
        self.buffer = b""
        self.events = []
        self.greeting = self.message()
        if negotiate:
            equal(self.command("qmp_capabilities"), {}, "qmp_capabilities")

    def message(self):
        """The next message, or None at the end."""
        while b"\r\n" not in self.buffer:
            readable, _, _ = select.select([self.sock], [], [], PATIENCE)
            assert readable, f"no answer; so far {self.buffer!r}"
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return json.loads(line)

    def raw(self, message, fds=()):
        """Sends; the reply, events put aside."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        socket.send_fds(self.sock, [data], list(fds))
        while True:
            reply = self.message()
            if reply is None or "event" not in reply:
                return reply
            self.events.append(reply)

    def command(self, name, fds=(), **arguments):
        """The return value; an error fails the test."""
        message = {"execute": name, "id": 7}
        if arguments:
            message["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        reply = self.raw(message, fds)
        assert reply and "return" in reply, f"{message}: {reply}"
        equal(reply["id"], 7, "id")
        return reply["return"]

    def error(self, name, **arguments):
        """(class, text) of a command that must fail."""
        reply = self.raw({"execute": name,
                          "arguments": {k.replace("_", "-"): v for k, v in arguments.items()}})
        assert reply and "error" in reply, f"{name} {arguments}: {reply}"
        return reply["error"]["class"], reply["error"]["desc"]

    def human(self, line):
        return self.command("human-monitor-command", command_line=line)

    def event(self, name):
        """The data of the next event, which must be this one."""
        got = self.events.pop(0) if self.events else self.message()
        assert got and got.get("event") == name, f"want event {name}, got {got}"
        return got.get("data")

    def quiet(self):
        """No event has come."""
        self.command("query-status")
        equal(self.events, [], "events")


class Machine:
    """cleave-dm with one monitor and a qtest connection; a context manager."""

    def __init__(self, *args, accel="qtest"):
        self.dir = tempfile.TemporaryDirectory(prefix="cleave-dm-")
        qtest, self.qtest_listener = self.listen("qtest")
        mon, listener = self.listen("qmp")
        argv = [DM, "-qtest", f"unix:{qtest}", "-chardev", f"socket,id=mon,path={mon}",
                "-mon", "chardev=mon,mode=control", "-accel", accel, "-display", "none", *args]
        self.err = open(os.path.join(self.dir.name, "err"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(argv, stderr=self.err, stdin=subprocess.DEVNULL)
        self.lines = self.accept(self.qtest_listener).makefile("rwb", buffering=0)
        self.qmp = Qmp(self.accept(listener))

    def listen(self, name):
        path = os.path.join(self.dir.name, name)
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        sock.listen(1)
        return path, sock

    def accept(self, listener):
        deadline = time.monotonic() + PATIENCE
        while not select.select([listener], [], [], 0.1)[0]:
            assert self.process.poll() is None, self.errors()
            assert time.monotonic() < deadline, "cleave-dm does not connect"
        return listener.accept()[0]

    def errors(self):
        self.err.seek(0)
        return self.err.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.err.close()
        self.dir.cleanup()
        if kind is None:
            equal(status, 0, "exit status")

    def ended(self):
        """Waits for the end by itself; the exit status."""
        return self.process.wait(PATIENCE)

    def ask(self, line):
        """A qtest request's answer, without reports of lines."""
        self.lines.write(line.encode() + b"\n")
        while True:
            answer = self.lines.readline().decode().strip()
            if not answer.startswith("IRQ"):
                assert answer.startswith("OK"), f"{line}: {answer}"
                return answer[3:]

    def inb(self, port):
        return int(self.ask(f"inb {port:#x}"), 16)

    def outb(self, port, value):
        self.ask(f"outb {port:#x} {value:#x}")

    def inw(self, port):
        return int(self.ask(f"inw {port:#x}"), 16)

    def step(self, ns):
        self.ask(f"clock_step {ns}")

    def cmos(self, index):
        self.outb(0x70, index)
        return self.inb(0x71)

    def path(self, name):
        return os.path.join(self.dir.name, name)


def refused(*args):
    """The one line that says why; exit status 2."""
    done = subprocess.run([DM, *args], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, check=False)
    equal(done.returncode, 2, f"{args}: exit status ({done.stderr!r})")
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("cleave-dm: "), f"{args}: {done.stderr!r}"
    equal(done.stdout, "", "standard output")
    return lines[0][len("cleave-dm: "):]


def tests_main():
    """Runs the tests (or those whose name holds an argument), speaking TAP."""
    chosen = [f for f in TESTS if not sys.argv[2:] or any(a in f.__name__ for a in sys.argv[2:])]
    failed = False
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        name = (function.__doc__ or function.__name__).splitlines()[0]
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed = True
            print(f"not ok {number} - {name}")
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()),
                  end="", flush=True)
    sys.exit(failed)
