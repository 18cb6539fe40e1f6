# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts guests with build/cleave and looks at them from outside; runs tests and speaks TAP.

A test is a function marked @test; it fails by an exception and skips by raising Skip(reason).
Everything a guest needs is looked for below $CLEAVE_BUILD.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import media

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CLEAVE_BUILD", SOURCE / "build")).resolve()
CLEAVE = BUILD / "cleave"
GUESTS = BUILD / "firmware" / "guests"
DEMO = GUESTS / "demo.img"
IN_LAB = bool(os.environ.get("CLEAVE_LAB"))
MODES = ("xen", "qemu")
QUICK = bool(os.environ.get("CLEAVE_QUICK"))  # a choice of the cases, for ./run-tests --quick
# How long anything may take: the lab's processor is emulated.
PATIENCE = 5.0 if IN_LAB else 1.0
# A wait ends before the lab's machine does, so that a guest that hangs is a test that failed.
PATIENCE_END = 250 if IN_LAB else float("inf")

# Exit statuses of `cleave run`.
SETTING, TRIPLE_FAULT, INTERNAL_ERROR, KILLED, CRASH, TIMEOUT = 2, 3, 4, 5, 6, 124


class Skip(Exception):
    """This test cannot run here, and why."""


TESTS = []


def test(function):
    """Marks a test; its docstring is its name."""
    TESTS.append((function, {}))
    return function


def test_each(**choices):
    """Marks a test that runs once for each value of one argument: test_each(mode=MODES)."""
    (name, values), = choices.items()

    def mark(function):
        for value in values:
            TESTS.append((function, {name: value}))
        return function
    return mark


def kvm_reason():
    """Why no guest can run here, or None."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"no usable /dev/kvm ({error.strerror})"
    return None


def kvm_needed():
    """Skips the test that calls it where no guest can run."""
    reason = kvm_reason()
    if reason:
        raise Skip(reason)


def kvm_interprets():
    """Whether this machine's KVM has to interpret what runs without paging (no VT-x, no SVM)."""
    flags = re.search(r"\nflags\s*:(.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii"))
    return not {"vmx", "svm"} & set(flags.group(1).split() if flags else ())


def tests_main(needs_kvm=True):
    """Runs the tests of this program (or those whose name holds an argument), speaking TAP."""
    chosen = [(f, kw) for f, kw in TESTS if not sys.argv[1:]
              or any(a in f"{f.__name__} {kw}" for a in sys.argv[1:])]
    reason = kvm_reason() if needs_kvm else None
    if reason:
        print(f"1..0 # SKIP {reason}")
        return
    print(f"1..{len(chosen)}", flush=True)
    failed = False
    for number, (function, arguments) in enumerate(chosen, 1):
        name = (function.__doc__ or function.__name__).splitlines()[0].rstrip(".").replace("#", "")
        name += "".join(f" ({k} {getattr(v, 'name', v)})" for k, v in arguments.items())
        start = time.monotonic()
        try:
            function(**arguments)
            print(f"ok {number} - {name}", flush=True)
        except Skip as skip:
            print(f"ok {number} - {name} # SKIP {skip}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed = True
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {name}", flush=True)
        print(f"# {time.monotonic() - start:.1f} s", flush=True)
    sys.exit(1 if failed else 0)


def wait_for(condition, seconds, what):
    """Calls condition() until it is true and returns its value; fails after `seconds`."""
    seconds = min(seconds * PATIENCE, PATIENCE_END)
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"no {what() if callable(what) else what} "
                                 f"within {seconds:.0f} s")
        time.sleep(0.05)


def equal(got, wanted, what):
    """Fails unless both are equal."""
    assert got == wanted, f"{what}: got {got!r}, want {wanted!r}"


def guest_image(name):
    """One of the tests' own boot sectors, composed by the build."""
    path = BUILD / "tests" / "boot" / "guests" / f"{name}.img"
    assert path.exists(), f"{path} was not built"
    return path


def guest_disk(directory, name, megabytes=20):
    """A disk of its own with that boot sector, which a test may write."""
    path = pathlib.Path(directory) / f"{name}.img"
    with open(path, "wb") as disk:
        disk.write(guest_image(name).read_bytes())
        disk.truncate(megabytes << 20)
    return path


def medium(name):
    """A medium that others made."""
    try:
        return media.media_get(BUILD / "tests" / "media", name)
    except (FileNotFoundError, RuntimeError) as error:
        raise Skip(f"{name}: {error}") from None


# --- processes ---

def process_parents():
    """pid -> (parent pid, name) of all processes."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{entry}/stat").read_text(encoding="latin1")
                name, _, rest = text.partition("(")[2].rpartition(")")
                if rest.split()[0] != "Z":
                    table[int(entry)] = (int(rest.split()[1]), name)
    return table


def descendants(pid):
    """name -> pid of what this process has started."""
    table = process_parents()
    found, todo = {}, [pid]
    while todo:
        parent = todo.pop()
        for child, (above, name) in table.items():
            if above == parent:
                found[name] = child
                todo.append(child)
    return found


def process_alive(pid):
    """Whether a process exists and is no zombie."""
    return pid in process_parents()


def shared_memory():
    """Names in /dev/shm."""
    return set(os.listdir("/dev/shm"))


# --- QMP framing ---

class Qmp:
    """A client of a control socket; events that pass by are kept."""

    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout * PATIENCE)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("r", encoding="utf-8")
        self.events = []
        greeting = json.loads(self.file.readline())
        assert "QMP" in greeting, greeting
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        """One command; its return value."""
        message = {"execute": command}
        if arguments:
            message["arguments"] = arguments
        self.socket.sendall(json.dumps(message).encode() + b"\r\n")
        while True:
            line = self.file.readline()
            if not line:
                raise ConnectionError(f"{command}: the peer has gone")
            answer = json.loads(line)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{command}: {answer['error'].get('desc')}")
            else:
                return answer["return"]

    def close(self):
        """Ends the conversation."""
        self.file.close()
        self.socket.close()


# --- guests ---

def run_base():
    """Where `cleave` keeps its run directories."""
    if os.geteuid() == 0:
        return pathlib.Path("/run/cleave")
    return pathlib.Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")) / "cleave"


def cleave(*arguments, timeout=30):
    """Runs a `cleave` command to its end: (status, standard output, standard error)."""
    done = subprocess.run([CLEAVE, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=timeout * PATIENCE, check=False)
    return done.returncode, done.stdout.decode(errors="replace"), \
        done.stderr.decode(errors="replace")


class Reader(threading.Thread):
    """Collects what comes out of a pipe."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe, self.data = pipe, b""
        self.start()

    def run(self):
        while True:
            chunk = os.read(self.pipe.fileno(), 65536)
            if not chunk:
                break
            self.data += chunk

    @property
    def text(self):
        """What has come so far."""
        return self.data.decode(errors="replace").replace("\r\n", "\n")


class Guest:
    """A running `cleave run`; its serial port is standard input and output."""

    count = 0

    def __init__(self, *arguments, mode=None, serial="stdio", timeout=120, name=None):
        Guest.count += 1
        self.name = name or f"test-{os.getpid()}-{Guest.count}"
        argv = [CLEAVE, "run", "--name", self.name, "--timeout",
                str(min(timeout * PATIENCE, PATIENCE_END - 10))]
        if serial:
            argv += ["--serial", serial]
        if mode:
            argv += ["--firmware-mode", mode]
        argv += map(str, arguments)
        self.argv = [str(a) for a in argv]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.out = Reader(self.process.stdout)
        self.err = Reader(self.process.stderr)
        self.control_socket = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
        if kind and not issubclass(kind, Skip):
            print(f"# command: {' '.join(self.argv)}")
            for name, text in (("serial", self.out.text), ("stderr", self.err.text)):
                for line in text.splitlines()[-25:]:
                    print(f"# {name}: {line!r}")
            for line in getattr(self, "last_screen", []):
                print(f"# screen: {line!r}")

    def close(self):
        """Ends the guest, whatever it is doing."""
        if self.control_socket:
            self.control_socket.close()
            self.control_socket = None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()

    def wait(self, seconds=60):
        """Waits for the end of `cleave run`; its exit status (negative: killed by a signal)."""
        seconds = min(seconds * PATIENCE, PATIENCE_END)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the guest did not end within {seconds:.0f} s") from None
        self.out.join(5)
        self.err.join(5)
        return status

    def _alive(self, text):
        if self.process.poll() is not None:
            self.out.join(2)
            self.err.join(2)
            raise AssertionError(f"cleave ended (status {self.process.returncode}) before {text}")

    def wait_serial(self, pattern, seconds=30):
        """Waits for a regular expression on the serial line; the match."""
        def look():
            found = re.search(pattern, self.out.text)
            if not found:
                self._alive(f"{pattern!r}")
                found = re.search(pattern, self.out.text)
            return found
        return wait_for(look, seconds, lambda: f"{pattern!r} on the serial line")

    def type_serial(self, text):
        """Sends bytes to the serial port."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def control(self):
        """A conversation with the monitor's control socket."""
        if self.control_socket is None:
            path = run_base() / self.name / "control"

            def connect():
                self._alive("it could be controlled")
                try:
                    return Qmp(path)
                except OSError:
                    return None
            self.control_socket = wait_for(connect, 15, f"control socket {path}")
        return self.control_socket

    def screen(self):
        """The text screen as a list of lines."""
        self.last_screen = [line.rstrip() for line in self.control().call("screen-text")]
        return self.last_screen

    def wait_screen(self, pattern, seconds=30):
        """Waits for a regular expression in the text screen; the match."""
        def look():
            self._alive(f"{pattern!r} was on the screen")
            return re.search(pattern, "\n".join(self.screen()))
        return wait_for(look, seconds, lambda: f"{pattern!r} on the screen")

    def keys(self, *keys):
        """Presses keys, as `cleave sendkey` takes them."""
        status, _, error = cleave("sendkey", self.name, *keys)
        equal(status, 0, f"cleave sendkey {keys}: {error}")

    def type_keys(self, text):
        """Types a text on the guest's keyboard."""
        names = {" ": "spc", "\n": "ret", "/": "slash", "-": "minus", ".": "dot", ",": "comma",
                 "=": "equal", "(": "shift-9", ")": "shift-0", ":": "shift-semicolon"}
        self.keys(*(names.get(char, char) for char in text))

    def screenshot(self, path):
        """Writes the screen into a PNG file."""
        status, _, error = cleave("screenshot", self.name, path)
        equal(status, 0, f"cleave screenshot: {error}")

    def halves(self):
        """pids of cleave-hv and cleave-dm."""
        def look():
            self._alive("its two halves ran")
            found = descendants(self.process.pid)
            return found if {"cleave-hv", "cleave-dm"} <= set(found) else None
        found = wait_for(look, 10, "cleave-hv and cleave-dm")
        return found["cleave-hv"], found["cleave-dm"]


def guest_run(*arguments, seconds=60, **options):
    """Runs a guest to its end: (status, serial text, standard error)."""
    with Guest(*arguments, timeout=seconds, **options) as guest:
        status = guest.wait(seconds + 10)
        return status, guest.out.text, guest.err.text


@contextlib.contextmanager
def work_dir():
    """A directory that goes away."""
    path = tempfile.mkdtemp(prefix="cleave-test-")
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


# --- QEMU, to compare with ---

class Qemu:
    """A guest of QEMU with the same devices."""

    def __init__(self, *arguments, memory=256):
        if not shutil.which("qemu-system-x86_64"):
            raise Skip("no qemu-system-x86_64 to compare with")
        self.dir = tempfile.mkdtemp(prefix="cleave-qemu-")
        path = os.path.join(self.dir, "qmp")
        argv = ["qemu-system-x86_64", "-accel", "kvm", "-machine", "pc", "-nodefaults", "-vga",
                "std", "-display", "none", "-m", str(memory), "-serial", "stdio", "-qmp",
                f"unix:{path},server=on,wait=off", *map(str, arguments)]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.out = Reader(self.process.stdout)
        self.err = Reader(self.process.stderr)

        def connect():
            assert self.process.poll() is None, f"QEMU ended: {self.err.text}"
            try:
                return Qmp(path)
            except OSError:
                return None
        self.qmp = wait_for(connect, 15, "QEMU's QMP socket")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.qmp.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def wait_serial(self, pattern, seconds=60):
        """Waits for a regular expression on the serial line; the match."""
        return wait_for(lambda: re.search(pattern, self.out.text), seconds,
                        f"{pattern!r} from QEMU's guest")

    def screenshot(self, path):
        """Writes the screen into a PPM file."""
        self.qmp.call("screendump", filename=str(path))


__all__ = [name for name in dir() if not name.startswith("_")]
