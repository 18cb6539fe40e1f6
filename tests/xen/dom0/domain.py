# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest as an administrator has it: an xl.cfg file, xl's commands, a serial line."""

import os
import pathlib
import re
import subprocess
import threading
import time
import tty

CLEAVE = "/usr/libexec/cleave-dm"
WORK = pathlib.Path("/lab/work")
LOGS = pathlib.Path("/var/log/xen")
# Times are those of an emulated processor on a quiet machine; so many times that on a busy one.
PATIENCE = 3


class Failure(Exception):
    """A scenario went wrong; the text says what."""


def sh(*argv, timeout=120, check=True):
    """Runs a command; what it printed. Failure when it ends badly or not in time."""
    try:
        done = subprocess.run(list(map(str, argv)), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout * PATIENCE, check=False)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{' '.join(map(str, argv))}: did not end within {late.timeout:.0f} s: "
                      f"{(late.stdout or b'').decode(errors='replace')[-300:]}") from late
    text = done.stdout.decode(errors="replace")
    if check and done.returncode:
        raise Failure(f"{' '.join(map(str, argv))}: status {done.returncode}: {text[-600:]}")
    return text


def wait_until(what, good, timeout, step=0.2):
    """Waits until good() is true and returns its value; Failure with `what` otherwise."""
    end = time.monotonic() + timeout * PATIENCE
    while True:
        value = good()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {timeout * PATIENCE:.0f} s: {what}")
        time.sleep(step)


def xenstore(path):
    """A value of xenstore, None where there is none."""
    done = subprocess.run(["xenstore-read", path], capture_output=True, text=True, check=False)
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


class Serial:
    """What a guest says on its serial line: a pty, or a file that grows."""

    def __init__(self, path):
        self.text = ""
        self.closed = False
        self.pty = str(path).startswith("/dev/")
        self.fd = os.open(path, (os.O_RDWR if self.pty else os.O_RDONLY) | os.O_NOCTTY)
        if self.pty:
            tty.setraw(self.fd)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while not self.closed:
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                break
            if data:
                self.text += data.decode(errors="replace").replace("\r", "")
            elif self.pty:
                break
            else:
                time.sleep(0.1)
        os.close(self.fd)

    def send(self, line):
        """Types a line."""
        os.write(self.fd, line.encode() + b"\n")

    def close(self):
        """No longer listens; a pty whose other end is silent stays open until it is gone."""
        self.closed = True


class Domain:
    """One guest. `dm` is "cleave" or "qemu"; settings become lines of its xl.cfg file."""

    def __init__(self, name, dm, **settings):
        self.name = name
        self.dm = dm
        self.serial = None
        self.past = ""
        self.settings = {"type": "hvm", "name": name, "memory": 64, "vcpus": 1, "vga": "none",
                         "vnc": 0, "serial": "pty", "on_crash": "destroy",
                         "device_model_version": "qemu-xen"}
        if dm == "cleave":
            self.settings["device_model_override"] = CLEAVE
        self.settings.update(settings)
        self.config = WORK / f"{name}.cfg"

    @property
    def text(self):
        """All that was heard from this guest's serial lines."""
        return self.past + (self.serial.text if self.serial else "")

    @property
    def domid(self):
        """Its number now, None where it does not exist."""
        done = subprocess.run(["xl", "domid", self.name], capture_output=True, text=True,
                              check=False)
        return int(done.stdout) if done.returncode == 0 else None

    @property
    def pid(self):
        """The process of its device model."""
        domid = self.domid
        value = xenstore(f"/local/domain/{domid}/image/device-model-pid") if domid else None
        return int(value) if value else None

    @property
    def log(self):
        """The device model's log."""
        path = LOGS / f"qemu-dm-{self.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _written(self):
        def value_text(value):
            if isinstance(value, (list, tuple)):
                return "[" + ", ".join(f"'{item}'" for item in value) + "]"
            return f'"{value}"' if isinstance(value, str) else str(value)

        self.config.write_text("".join(f"{key} = {value_text(value)}\n"
                                       for key, value in self.settings.items()))

    def create(self, listen=True):
        """Makes the guest, listens on its serial line, lets it run."""
        WORK.mkdir(exist_ok=True)
        self._written()
        sh("xl", "create", "-p", self.config, timeout=90)
        if listen:
            self.listen()
        sh("xl", "unpause", self.name)
        return self

    def listen(self):
        """Opens the serial line that the guest has now."""
        if self.serial:
            self.past += self.serial.text
            self.serial.close()
        spec = self.settings["serial"]
        if spec == "pty":
            domid = self.domid
            path = wait_until("serial/0/tty in xenstore",
                              lambda: xenstore(f"/local/domain/{domid}/serial/0/tty"), 10)
        else:
            path = spec.removeprefix("file:")
        self.serial = Serial(path)

    def say(self, line):
        """Types a line on the guest's serial line."""
        self.serial.send(line)

    def expect(self, pattern, timeout=60, after=0):
        """Waits until the guest's text matches `pattern` behind `after`; the match."""
        wanted = re.compile(pattern)
        end = time.monotonic() + timeout * PATIENCE
        look = time.monotonic() + 3
        gone = False
        while True:
            match = wanted.search(self.text, after)
            if match:
                return match
            if gone or time.monotonic() > end:
                what = "it is gone" if gone else f"not within {timeout * PATIENCE:.0f} s"
                raise Failure(f"{self.name}: {what}: {pattern!r}; it said: {self.text[-500:]!r}; "
                              f"its device model: {self.log[-300:]!r}")
            if time.monotonic() > look:
                look = time.monotonic() + 3
                gone = self.domid is None
            time.sleep(0.2)

    def ask(self, line, pattern, timeout=60):
        """Types a line and waits for an answer."""
        mark = len(self.text)
        self.say(line)
        return self.expect(pattern, timeout, mark)

    def destroy(self):
        """Ends it; its device model must be gone soon."""
        pid = self.pid
        if self.domid is not None:
            sh("xl", "destroy", self.name)
        wait_until(f"{self.name} out of xl list", lambda: self.domid is None, 10)
        if pid:
            wait_until(f"end of {self.name}'s device model {pid}",
                       lambda: not process_alive(pid), 10)

    def clean(self):
        """Whatever is left of it is ended; never fails."""
        if self.serial:
            self.past = self.text
            self.serial.close()
            self.serial = None
        pid = self.pid
        subprocess.run(["xl", "destroy", self.name], capture_output=True, check=False)
        if pid and process_alive(pid):
            time.sleep(2 * PATIENCE)
            if process_alive(pid):
                os.kill(pid, 9)


def process_alive(pid):
    """Whether the process exists and is no zombie."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def disk(name, vdev="hda", kind=""):
    """A fresh copy of an image, as an entry of disk=[...]; also its path."""
    WORK.mkdir(exist_ok=True)
    source = pathlib.Path("/lab/guests") / name
    if kind == "cdrom":
        return f"{source},raw,{vdev},ro,cdrom", source
    path = WORK / f"{vdev}-{os.urandom(3).hex()}-{name}"
    sh("cp", "--sparse=always", source, path)
    return f"{path},raw,{vdev},rw", path
