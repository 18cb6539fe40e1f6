#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of cleave-dm in a Xen domain, as libxl starts it, linked with stand-ins for Xen's
libraries (fake-xen.c) and with the sandbox on. Usage: test-dm-domain.py CLEAVE-DM [PATTERN]"""
import fcntl
import mmap
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from random import Random

sys.dont_write_bytecode = True
from dm_driver import DM, Qmp, equal, test, tests_main  # noqa: E402

DOMID = 5
RAM_MIB = 16
PAGE = 4096
FRAMES = 1 << 20
WAIT = 30.0
READ, WRITE = 1, 0
PIO, COPY, PCI_CONFIG, INVALIDATE = 0, 1, 2, 8
VGA_BIOS = "/usr/share/seabios/vgabios-stdvga.bin"


def until(good, what):
    end = time.monotonic() + WAIT
    while not good():
        assert time.monotonic() < end, f"not within {WAIT} s: {what}"
        time.sleep(0.002)


class Domain:
    """What the hypervisor and xenstore hold: stays while device models come and go."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="cleave-domain-")
        self.dir = pathlib.Path(self.temporary.name)
        (self.dir / "store").mkdir()
        self.memory = self.file("memory", FRAMES * PAGE)
        self.p2m = self.file("p2m", FRAMES * 4)
        self.pages = self.file("pages", 2 * PAGE)
        self.p2m[:RAM_MIB * 1024] = struct.pack(f"<{RAM_MIB * 256}I", *range(1, RAM_MIB * 256 + 1))
        os.mkfifo(self.dir / "events")
        self.events = os.open(self.dir / "events", os.O_RDWR)
        self.store_put(f"backend/vkbd/{DOMID}/0/state", "1")

    def file(self, name, size):
        with open(self.dir / name, "w+b") as f:
            f.truncate(size)
            return mmap.mmap(f.fileno(), size)

    def store_put(self, path, value):
        (self.dir / "store" / path.replace("/", "%")).write_text(value)

    def store(self, path):
        file = self.dir / "store" / path.replace("/", "%")
        return file.read_text() if file.exists() else None

    def log(self):
        path = self.dir / "log"
        return path.read_text().splitlines() if path.exists() else []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.events)
        self.temporary.cleanup()

    # --- a vCPU ---

    def request(self, kind, addr, size, direction, data=0, vcpu=0, pointer=False, count=1):
        at = PAGE + vcpu * 32
        port = struct.unpack_from("<I", self.pages, at + 24)[0]
        struct.pack_into("<QQIIIH", self.pages, at, addr, data, count, size, port, 0)
        self.pages[at + 31] = kind
        self.pages[at + 30] = 1 | pointer << 4 | direction << 5
        os.write(self.events, struct.pack("<I", port))

    def answer(self, vcpu=0):
        at = PAGE + vcpu * 32
        until(lambda: self.pages[at + 30] & 15 == 3, "the answer to a request")
        self.pages[at + 30] = 0
        return struct.unpack_from("<Q", self.pages, at + 8)[0]

    def access(self, *args, **kw):
        self.request(*args, **kw)
        return self.answer(kw.get("vcpu", 0))

    def inb(self, port, vcpu=0):
        return self.access(PIO, port, 1, READ, vcpu=vcpu) & 0xFF

    def outb(self, port, value, vcpu=0):
        self.access(PIO, port, 1, WRITE, value, vcpu=vcpu)

    def config_get(self, dev, fn, reg, size=4):
        return self.access(PCI_CONFIG, (dev << 3 | fn) << 32 | reg, size, READ) & (1 << size * 8) - 1

    def config_put(self, dev, fn, reg, value, size=4):
        self.access(PCI_CONFIG, (dev << 3 | fn) << 32 | reg, size, WRITE, value)


class Model:
    """One cleave-dm for the domain, with libxl's words."""

    def __init__(self, domain, *words, machine="xenfv", incoming=None, paused=False, vcpus="1",
                 flush_fails=False):
        self.domain = domain
        self.sockets = [domain.dir / f"qmp-libxl-{DOMID}", domain.dir / f"qmp-libxenstat-{DOMID}"]
        self.mark = len(domain.log())
        (domain.dir / "store" / f"device-model%{DOMID}%state").unlink(missing_ok=True)
        argv = [DM, "-xen-domid", str(DOMID), "-no-shutdown"]
        for name, path in zip(("libxl-cmd", "libxenstat-cmd"), self.sockets):
            argv += ["-chardev", f"socket,id={name},path={path},server=on,wait=off",
                     "-mon", f"chardev={name},mode=control"]
        argv += ["-S"] * paused + ["-nodefaults", "-no-user-config", "-name", "guest", "-vnc",
                                   "none", "-display", "none", "-boot", "order=cda", "-smp", vcpus,
                                   "-net", "none", "-machine", f"{machine},suppress-vmdesc=on",
                                   "-m", str(RAM_MIB), *words]
        inherited = []
        if incoming:
            inherited = [os.open(incoming, os.O_RDONLY)]
            argv += ["-incoming", f"fd:{inherited[0]}"]
        env = dict(os.environ, FAKE_XEN=str(domain.dir))
        if flush_fails:
            env["FAKE_XEN_FLUSH_FAILS"] = "1"
        self.err = open(domain.dir / "stderr", "w+", encoding="utf-8")
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=self.err,
                                        pass_fds=inherited, env=env)
        for fd in inherited:
            os.close(fd)

    def errors(self):
        self.err.seek(0)
        return self.err.read()

    def running(self):
        """Waits as libxl does."""
        until(lambda: self.domain.store(f"device-model/{DOMID}/state") == "running"
              or self.process.poll() is not None, "state=running")
        assert self.process.poll() is None, f"ended: {self.errors()}"
        return self

    def log(self):
        return self.domain.log()[self.mark:]

    def qmp(self, number=0):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(WAIT)
        sock.connect(str(self.sockets[number]))
        return Qmp(sock)

    def end(self, sig=signal.SIGHUP):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        status = self.process.wait(WAIT)
        text = self.errors()
        self.err.close()
        return status, text

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status, text = self.end()
        if kind is None:
            equal(status, 0, f"exit status ({text!r})")


@test
def start():
    """the order of the start: server, pages, channels, state, keyboard; all vCPUs have theirs"""
    with Domain() as d, Model(d, vcpus="1,maxcpus=3") as m:
        m.running()
        until(lambda: "store closed" in m.log(), "the end of the start")
        log = m.log()
        order = [log.index(line) for line in (
            f"create {DOMID} 2", "pages", "info", "enable 1", "bind 100", "bind 101", "bind 102",
            "bind 200", f"store device-model/{DOMID}/backends/vkbd", f"store device-model/{DOMID}/state",
            f"store backend/vkbd/{DOMID}/0/state", "store closed")]
        equal(order, sorted(order), "order of the start")
        for line in ("+io cf8-cfb", "+io 1f0-1f7", "+io 70-71", "+io afe0-afe3", "+io ae00-ae13",
                     "+io af00-af1f", "+io b2-b3", "+io 10-1f", "+io 3f8-3ff", "+pci 00.0",
                     "+pci 01.0", "+pci 01.1", "+pci 01.3", "+pci 02.0"):
            assert line in log, f"{line} is missing in {log}"
        ranges = [re.fullmatch(r"\+io (\w+)-(\w+)", line) for line in log]
        spans = sorted((int(r[1], 16), int(r[2], 16)) for r in ranges if r)
        for one, two in zip(spans, spans[1:]):
            assert one[1] < two[0] or f"-io {one[0]:x}-{one[1]:x}" in log \
                or f"-io {two[0]:x}-{two[1]:x}" in log, f"{one} and {two} overlap"
        keyboard = f"backend/vkbd/{DOMID}/0"
        equal(d.store(f"{keyboard}/state"), "2", "vkbd's state")
        equal(d.store(f"{keyboard}/hotplug-status"), "connected", "vkbd")
        status = pathlib.Path(f"/proc/{m.process.pid}/status")
        until(lambda: re.search(r"^Seccomp:\s+2$", status.read_text(), re.M),
              "the filter of system calls")


@test
def without_platform():
    """pc,accel=xen has no platform device; the display takes its place"""
    with Domain() as d, Model(d, machine="pc,accel=xen") as m:
        m.running()
        assert "+io 10-1f" not in m.log() and "+pci 02.0" not in m.log()
        equal(d.config_get(2, 0, 0), 0xFFFFFFFF, "slot 2")


@test
def requests():
    """ports, configuration space, several vCPUs; CF8 reads back what was written"""
    with Domain() as d, Model(d, vcpus="2,maxcpus=2") as m:
        m.running()
        equal(d.config_get(0, 0, 0), 0x12378086, "host bridge")
        equal(d.config_get(1, 0, 0), 0x70008086, "PIIX3")
        equal(d.config_get(1, 3, 0), 0x71138086, "power management")
        equal(d.config_get(2, 0, 0), 0x00015853, "platform device")
        d.access(PIO, 0xCF8, 4, WRITE, 0x80000000)
        equal(d.access(PIO, 0xCF8, 4, READ) & 0xFFFFFFFF, 0x80000000, "CF8")
        d.outb(0x70, 0x3D)
        equal(d.inb(0x71), 0x32, "boot order: disk, then CD")
        d.outb(0x3FF, 0x5A, vcpu=1)
        equal(d.inb(0x3FF, vcpu=0), 0x5A, "scratch register")
        d.request(PIO, 0x3FF, 1, READ, vcpu=0)
        d.request(PIO, 0x3FF, 1, READ, vcpu=1)
        equal((d.answer(0) & 0xFF, d.answer(1) & 0xFF), (0x5A, 0x5A), "both at once")
        equal(d.access(INVALIDATE, 0, 4, WRITE, 0xFFFFFFFF) is not None, True, "invalidation")
        d.config_put(1, 0, 0x60, 0x0B, 1)
        assert "link 0 11" in m.log(), m.log()
        d.outb(0xB2, 0xF1)
        d.config_put(1, 3, 0x40, 0xB001)
        d.config_put(1, 3, 0x80, 1, 1)
        equal(d.access(PIO, 0xB004, 2, READ) & 1, 1, "SCI_EN")


@test
def shutdowns():
    """reset and power-off reach Xen before the access is answered; the process stays"""
    for program, reason in (([(PIO, 0xCF9, 1, WRITE, 6)], 1), ([(PIO, 0x64, 1, WRITE, 0xFE)], 1),
                            ([(PCI_CONFIG, 0x0B << 32 | 0x40, 4, WRITE, 0xB001),
                              (PCI_CONFIG, 0x0B << 32 | 0x80, 1, WRITE, 1),
                              (PIO, 0xB004, 2, WRITE, 0x2000)], 0)):
        with Domain() as d, Model(d) as m:
            m.running()
            for access in program:
                d.access(*access)
            assert f"shutdown {reason}" in m.log(), f"{program}: {m.log()}"
            equal(d.config_get(0, 0, 0), 0x12378086, "still there")


@test
def reset_by_monitor():
    """system_reset is the toolstack's, which makes a new domain; this one is served until then"""
    with Domain() as d, Model(d) as m:
        m.running()
        q = m.qmp()
        q.command("system_reset")
        q.command("system_reset")
        equal(m.log().count("shutdown 1"), 1, "shutdowns")
        equal(q.command("query-status")["running"], True, "running")
        equal(d.config_get(0, 0, 0), 0x12378086, "still there")


@test
def panic_and_watchdog():
    """a crash and a watchdog's power-off are the toolstack's, too"""
    with Domain() as d, Model(d, "-device", "pvpanic") as m:
        m.running()
        d.outb(0x505, 1)
        assert "shutdown 3" in m.log(), m.log()
        equal(d.config_get(0, 0, 0), 0x12378086, "still there")
    with Domain() as d, Model(d, "-device", "ib700", "-watchdog-action", "poweroff") as m:
        m.running()
        d.outb(0x443, 15)  # 0 s
        until(lambda: "shutdown 0" in m.log() or m.process.poll() is not None, "power-off")
        equal(d.config_get(0, 0, 0), 0x12378086, "still there")


def sector_disk(d):
    path = d.dir / "disk"
    path.write_bytes(b"".join(struct.pack("<I", n) * 128 for n in range(2048)))
    return path, ("-drive", f"file={path},if=ide,index=0,media=disk,format=raw,cache=writeback")


def dma_read(d, lba, prd, to, bm=0xC000):
    """READ DMA of one sector by bus master."""
    struct.pack_into("<IHH", d.memory, prd, to, 512, 0x8000)
    d.config_put(1, 1, 0x20, bm | 1)
    d.config_put(1, 1, 4, 5, 2)
    d.outb(bm, 0)
    d.outb(bm + 2, 6)
    d.access(PIO, bm + 4, 4, WRITE, prd)
    for port, value in ((0x1F6, 0xE0), (0x1F2, 1), (0x1F3, lba & 255), (0x1F4, lba >> 8),
                        (0x1F5, 0), (0x1F7, 0xC8)):
        d.outb(port, value)
    d.outb(bm, 9)
    until(lambda: not d.inb(0x1F7) & 0x80, "the end of READ DMA")
    return d.inb(bm + 2)


@test
def disk():
    """a sector by DMA into guest memory, with its interrupt; a page that is gone fails the transfer"""
    with Domain() as d:
        _, words = sector_disk(d)
        with Model(d, *words) as m:
            m.running()
            status = dma_read(d, 77, 0x1000, 0x5000)
            equal(status & 7, 4, "bus master status")
            equal(d.memory[0x5000:0x5200], struct.pack("<I", 77) * 128, "sector")
            assert "isa 14 1" in m.log(), m.log()
            d.p2m[0x9 * 4:0xA * 4] = bytes(4)
            d.access(INVALIDATE, 0, 4, WRITE, 0xFFFFFFFF)
            dma_read(d, 78, 0x1000, 0x9000)
            equal(d.memory[0x9000:0x9004], bytes(4), "a page that is not there")
            equal(dma_read(d, 79, 0x1000, 0x5000) & 7, 4, "and on")
            equal(d.memory[0x5000:0x5004], struct.pack("<I", 79), "sector")
            q = m.qmp(1)
            (one,) = [b for b in q.command("query-blockstats") if b["device"] == "ide0-hd0"]
            assert one["stats"]["rd_operations"] >= 2, one
            (block,) = [b for b in q.command("query-block") if b["device"] == "ide0-hd0"]
            equal(block["inserted"]["file"], str(d.dir / "disk"), "query-block")


@test
def unplug():
    """a guest with drivers of its own takes the disks away"""
    with Domain() as d:
        _, words = sector_disk(d)
        with Model(d, *words) as m:
            m.running()
            equal(d.access(PIO, 0x10, 2, READ) & 0xFFFF, 0x49D2, "magic")
            d.outb(0x1F6, 0xE0)
            assert d.inb(0x1F7) & 0x40, "no disk before"
            d.access(PIO, 0x10, 2, WRITE, 1)
            equal(d.inb(0x1F7) & 0xC0, 0, "status after")
            assert "fdatasync" in m.log(), "what was written is not on the disk yet"
            d.outb(0x10, 1)
            assert "type 1 c0 40" in m.log(), m.log()


def vbe_mode(d):
    """1024x768x32, video memory kept; A0000 shows its first 64 KiB."""
    for index, value in ((4, 0), (1, 1024), (2, 768), (3, 32), (4, 0xC1)):
        d.access(PIO, 0x1CE, 2, WRITE, index)
        d.access(PIO, 0x1CF, 2, WRITE, value)


@test
def video_memory():
    """populated behind RAM, moved to BAR 0, written by the device; the ROM is served"""
    with Domain() as d, Model(d, "-device", "VGA,vgamem_mb=16") as m:
        m.running()
        assert "populate 1000 1000" in m.log(), m.log()
        equal(d.config_get(3, 0, 0), 0x11111234, "display in slot 3")
        d.config_put(3, 0, 0x10, 0xF0000000)
        d.config_put(3, 0, 4, 3, 2)
        assert "move 1000 1000 f0000" in m.log(), m.log()
        vbe_mode(d)
        d.access(COPY, 0xA0010, 4, WRITE, 0x12345678)
        frame = struct.unpack_from("<I", d.p2m, 0xF0000 * 4)[0] - 1
        equal(struct.unpack_from("<I", d.memory, frame * PAGE + 0x10)[0], 0x12345678, "pixel")
        if os.path.exists(VGA_BIOS):
            d.config_put(3, 0, 0x30, 0xF1000001)
            equal(d.access(COPY, 0xF1000000, 2, READ) & 0xFFFF, 0xAA55, "ROM")


@test
def monitors():
    """what libxl asks: pty, VNC, CPUs, cont; two sockets at once; one client after another"""
    with Domain() as d, Model(d, "-serial", "pty", vcpus="1,maxcpus=4") as m:
        m.running()
        for _ in range(3):
            q = m.qmp()
            chardevs = {c["label"]: c["filename"] for c in q.command("query-chardev")}
            assert chardevs["serial0"].startswith("pty:/dev/pts/"), chardevs
            equal(q.command("query-vnc")["enabled"], False, "query-vnc")
            equal(q.command("cont"), {}, "cont")
            equal(q.error("change-vnc-password", password="x")[0], "CommandNotFound", "class")
            q.sock.close()
        q, other = m.qmp(), m.qmp(1)
        equal([c["cpu-index"] for c in q.command("query-cpus-fast")], [0], "CPUs")
        kind = q.command("query-hotpluggable-cpus")[0]["type"]
        for cpu in (1, 2):
            q.command("device_add", id=f"cpu-{cpu}", driver=kind, socket_id=cpu, core_id=0,
                      thread_id=0)
        equal(d.inb(0xAF00), 7, "CPU map")
        equal(d.inb(0xAFE0), 4, "GPE0 status")
        equal(len(other.command("query-cpus-fast")), 3, "CPUs")
        q.command("stop")
        equal(other.command("query-status")["status"], "paused", "status")
        d.request(PIO, 0x3FF, 1, READ)
        time.sleep(0.2)
        equal(d.pages[PAGE + 30] & 15, 1, "a request while stopped")
        q.command("cont")
        d.answer()
        equal((q.events, other.events), ([], []), "events")


def save(m, path):
    q = m.qmp()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    q.command("stop")
    number = q.command("add-fd", fds=[fd])["fdset-id"]
    os.close(fd)
    q.command("xen-save-devices-state", live=True, filename=f"/dev/fdset/{number}")
    q.sock.close()


@test
def save_and_restore():
    """xl save and restore: registers, video memory, interrupts, routes; pages written are told"""
    with Domain() as d:
        _, words = sector_disk(d)
        words = (*words, "-device", "VGA,vgamem_mb=16")
        state = d.dir / "state"
        with Model(d, *words) as m:
            m.running()
            d.config_put(3, 0, 0x10, 0xF0000000)
            d.config_put(3, 0, 4, 3, 2)
            d.config_put(1, 0, 0x61, 0x0A, 1)
            d.outb(0x3FF, 0x77)
            q = m.qmp()
            q.command("xen-set-global-dirty-log", enable=True)
            q.sock.close()
            dma_read(d, 5, 0x1000, 0x6000)
            assert "dirty 6 1" in m.log(), m.log()
            vbe_mode(d)
            d.access(COPY, 0xA1004, 4, WRITE, 0x00C0FFEE)
            assert "dirty f0001 1" in m.log(), m.log()
            save(m, state)
            q = m.qmp()
            q.command("xen-set-global-dirty-log", enable=False)
            q.command("cont")
            q.sock.close()
            equal(d.inb(0x3FF), 0x77, "the saved guest goes on")
            d.outb(0x1F7, 0xEC)  # IDENTIFY: its interrupt is not taken
            until(lambda: d.inb(0x3F6) & 8, "DRQ")
            save(m, state)
        assert state.stat().st_size < 256 << 10, "more than dm_restrict=1 allows"
        with Model(d, *words, incoming=state) as m:
            m.running()
            log = m.log()
            assert not any(line.startswith(("populate", "move")) for line in log), log
            assert "link 1 10" in log and "isa 14 1" in log, log
            equal(d.inb(0x3FF), 0x77, "scratch register")
            equal(d.access(COPY, 0xA1004, 4, READ) & 0xFFFFFFFF, 0x00C0FFEE, "pixel")
            words = [d.access(PIO, 0x1F0, 2, READ) & 0xFFFF for _ in range(256)]
            equal(words[60] | words[61] << 16, 2048, "sectors by IDENTIFY, begun before")
            dma_read(d, 6, 0x1000, 0x6000)
            equal(d.memory[0x6000:0x6004], struct.pack("<I", 6), "sector")


@test
def flush_fails():
    """a disk that does not take what was written: no save, and an exit status that says so"""
    with Domain() as d:
        path, words = sector_disk(d)
        m = Model(d, *words, flush_fails=True)
        try:
            m.running()
            q = m.qmp()
            with open(d.dir / "state", "wb") as f:
                q.command("stop")
                number = q.command("add-fd", fds=[f.fileno()])["fdset-id"]
            _, text = q.error("xen-save-devices-state", filename=f"/dev/fdset/{number}", live=True)
            assert "flushed" in text, text
            equal(q.command("query-fdsets"), [], "descriptor sets")
            equal((d.dir / "state").stat().st_size, 0, "state")
            with open(path, "r+b") as f:
                lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                try:
                    fcntl.fcntl(f, fcntl.F_OFD_SETLK, lock)
                    raise AssertionError("the image's lock was given up")
                except BlockingIOError:
                    pass
            q.command("cont")
            equal(d.config_get(0, 0, 0), 0x12378086, "the guest goes on")
            q.command("quit")
            equal(m.process.wait(WAIT), 1, "exit status")
            assert "flush failed" in m.errors(), m.errors()
        finally:
            m.end()


@test
def restore_refused():
    """an altered state: one line, status 2, and the toolstack is not told that it runs"""
    with Domain() as d:
        state = d.dir / "state"
        with Model(d) as m:
            m.running()
            save(m, state)
        data = bytearray(state.read_bytes())
        data[len(data) // 2] ^= 8
        state.write_bytes(data)
        m = Model(d, incoming=state)
        status, text = m.process.wait(WAIT), m.errors()
        equal(status, 2, text)
        equal(len(text.splitlines()), 1, text)
        equal(d.store(f"device-model/{DOMID}/state"), None, "state")
        m.end()


@test
def restricted():
    """dm_restrict=1: starts paused, confined to the domain, without the key in xenstore"""
    with Domain() as d, Model(d, "-xen-domid-restrict", paused=True) as m:
        until(lambda: f"restrict {DOMID}" in m.log(), "restrict")
        q = m.qmp()
        equal(q.command("query-status")["status"], "prelaunch", "status")
        equal(d.store(f"device-model/{DOMID}/state"), None, "state")
        q.command("cont")
        equal(d.config_get(0, 0, 0), 0x12378086, "host bridge")


@test
def hostile():
    """requests of any kind, to any address, with pointers anywhere: each is answered"""
    random = Random(4)
    with Domain() as d:
        _, words = sector_disk(d)
        with Model(d, *words, "-device", "VGA,vgamem_mb=16") as m:
            m.running()
            for _ in range(3000):
                kind = random.choice((PIO, PIO, COPY, PCI_CONFIG, INVALIDATE, 7, 3, 200))
                addr = random.choice((random.randrange(1 << 16), random.randrange(1 << 32),
                                      0xA0000 + random.randrange(1 << 17), random.getrandbits(64),
                                      random.randrange(0x20) << 35 | random.randrange(256)))
                if kind == PIO and addr in (0x64, 0xCF9, 0x92, 0x501):
                    continue  # the end of the guest
                d.access(kind, addr, random.choice((1, 2, 4, 8, 3, 0, 1 << 31)),
                         random.choice((READ, WRITE)),
                         random.choice((random.getrandbits(64), 0x2000, (1 << 64) - 1, 0)),
                         pointer=random.random() < 0.3,
                         count=random.choice((1, 1, 1, 2, 64, 4096, 0, 1 << 32 - 1)))
            equal(d.config_get(0, 0, 0), 0x12378086, "host bridge")
            assert len(m.errors().splitlines()) < 100, m.errors()


@test
def signals():
    """SIGHUP, SIGTERM and SIGINT end it with status 0 and nothing said"""
    for sig in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        with Domain() as d:
            m = Model(d).running()
            status, text = m.end(sig)
            equal((status, text), (0, ""), f"signal {sig}")


tests_main()
