#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The processes, seen from outside, against the catalogue in docs/security.md; speaks TAP.

    test-process-catalogue.py DEVICE-MODEL CORE      runs the tests
    test-process-catalogue.py -l                     lists their names
"""

import array
import contextlib
import json
import os
import random
import resource
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PAGE = 4096
# xen/hvm/dm_op.h and include/cleave_core.h, spelled out.
DMOPS = {"create": 1, "info": 2, "map_range": 3, "unmap_range": 4, "set_state": 5, "destroy": 6,
         "intx": 8, "isa": 9, "link": 10, "msi": 14, "shutdown": 16, "nr_vcpus": 20}
CORE_OPS = range(0x10000, 0x1000c)
OP_SIZE = 64
CAP_SETPCAP = 8
LIMITS = {"ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=0", "UBSAN_OPTIONS": "halt_on_error=1"}

TESTS = []


class Skip(Exception):
    """This test cannot run here, and why."""


def test(name):
    """Marks a test with its path."""
    def mark(function):
        TESTS.append((name, function))
        return function
    return mark


# --- the device model, alone ---

class Alone:
    """A cleave-dm without a guest, on two sockets of ours: qtest and QMP."""

    def __init__(self, *words):
        self.directory = tempfile.TemporaryDirectory()
        self.disk = os.path.join(self.directory.name, "disk.img")
        with open(self.disk, "wb") as disk:
            disk.truncate(1 << 20)
        self.qtest, theirs = socket.socketpair()
        self.qmp, monitor = socket.socketpair()
        self.errors = tempfile.TemporaryFile()
        command = [DM, "-machine", "pc,accel=qtest", "-display", "none", "-qtest", "stdio",
                   "-qtest-log", "/dev/null", "-drive", f"file={self.disk},if=ide,format=raw",
                   "-chardev", f"socket,id=mon,fd={monitor.fileno()}", "-mon",
                   "chardev=mon,mode=control", *words]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=self.errors,
                                        pass_fds=[monitor.fileno()], env=dict(os.environ, **LIMITS))
        theirs.close()
        monitor.close()
        self.qtest.settimeout(60)
        self.file = self.qtest.makefile("rb")
        self.ask("endianness")

    def ask(self, *lines):
        """Sends requests, returns the replies."""
        self.qtest.sendall("".join(f"{line}\n" for line in lines).encode())
        replies = []
        while len(replies) < len(lines):
            line = self.file.readline()
            assert line, f"cleave-dm ended: {self.end()}"
            if not line.startswith(b"IRQ"):
                replies.append(line.decode().strip())
        return replies

    def said(self):
        """What it wrote to standard error so far."""
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def end(self):
        """Ends it; status and messages."""
        self.process.kill()
        status = self.process.wait()
        text = self.said()
        self.file.close()
        self.qtest.close()
        self.qmp.close()
        self.directory.cleanup()
        return status, text

    def files(self):
        """What its descriptors are."""
        names = []
        base = f"/proc/{self.process.pid}/fd"
        for entry in os.listdir(base):
            with contextlib.suppress(OSError):
                names.append(os.readlink(os.path.join(base, entry)))
        return names

    def resident(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * PAGE


@contextlib.contextmanager
def alone(*words):
    """An Alone for a with statement; it must live to the end of it."""
    machine = Alone(*words)
    try:
        yield machine
        assert machine.process.poll() is None, machine.end()
        assert machine.ask("inb 0x3fd") == ["OK 0x0060"], "the serial port does not answer"
    finally:
        machine.end()


def refused(*words):
    """What cleave-dm says to words that it must not take; it must end with status 1 or 2."""
    done = subprocess.run([DM, "-machine", "pc,accel=qtest", "-display", "none", "-qtest", "stdio",
                           *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          env=dict(os.environ, **LIMITS), check=False)
    text = done.stderr.decode(errors="replace").strip()
    assert done.returncode in (1, 2), (words, done.returncode, text)
    assert text and "\n" not in text, (words, text)
    return text


@test("/catalogue/FW-04/no-direct-boot")
def no_direct_boot():
    """No kernel is read for the user, so no header of one is believed."""
    for word in ("-kernel", "-initrd", "-append", "-dtb"):
        assert word in refused(word, "/etc/hostname")
    assert refused("-device", "loader,file=/etc/hostname")
    assert refused("-fw_cfg", "name=opt/x,file=/etc/hostname")


@test("/catalogue/IMG-02/no-protocols")
def no_protocols():
    """Names are names of files: no json:, no network, no descriptor of somebody else's."""
    for name in ('json:{"driver":"file","filename":"/etc/hostname"}', "nbd:localhost:1",
                 "nbd://localhost/x", "http://localhost/x", "ssh://localhost/x", "fd:3", "rbd:x",
                 "vvfat:/etc", "fat:rw:/etc", "iscsi://localhost/x", "/proc/self/fd/0"):
        assert refused("-drive", "if=ide,format=raw,file=" + name.replace(",", ",,"))
    for form in ("qcow2", "vmdk", "vpc", "vdi", "nonsense"):
        with tempfile.NamedTemporaryFile() as image:
            image.truncate(1 << 20)
            assert refused("-drive", f"if=ide,format={form},file={image.name}")


@test("/catalogue/PCI-05/files-it-has")
def files_it_has():
    """Its descriptors are those that were asked for: two sockets, one image, nothing else named."""
    with alone() as machine:
        names = machine.files()
        sockets = {name for name in names if name.startswith("socket:")}
        assert len(sockets) == 2, names
        strange = [name for name in names if name.startswith("/")
                   and name not in ("/dev/null", machine.disk)
                   and not name.endswith("(deleted)") # memory, and where its messages go
                   and not name.startswith(("/memfd:", "/usr/share/seabios/"))]
        assert not strange, strange


@test("/catalogue/SB-02/guest-bytes-are-data")
def guest_bytes():
    """Monitor commands that a guest writes to its ports reach nobody."""
    attack = b'{"execute":"qmp_capabilities"}\r\n{"execute":"quit"}\r\nquit\n\x01x\x01c quit\n'
    with alone("-serial", "null", "-debugcon", "null") as machine:
        greeting = machine.qmp.recv(65536)
        assert b"QMP" in greeting, greeting
        for port in (0x3f8, 0x2f8, 0x402, 0xe9, 0x80, 0x510):
            machine.ask(*(f"outb {port:#x} {byte}" for byte in attack * 5))
        ready, _, _ = select.select([machine.qmp], [], [], 0.2)
        assert not ready, machine.qmp.recv(65536)
        machine.qmp.sendall(b'{"execute":"qmp_capabilities"}\n')
        machine.qmp.settimeout(30)
        assert b'"return"' in machine.qmp.recv(65536)


@test("/catalogue/RES-03/standard-error")
def standard_error():
    """Two hundred thousand bad accesses: no flood of messages."""
    bad = ([f"outl {0x7000 + 4 * n:#x} 0xffffffff" for n in range(250)]
           + [f"inl {0x7000 + 4 * n:#x}" for n in range(250)]
           + [f"readl {0xd0000000 + 4096 * n:#x}" for n in range(250)]
           + [f"outl 0xcf8 {0x80ff0000 + 256 * n:#x}" for n in range(125)]
           + ["outl 0xcfc 0xffffffff"] * 125)
    with alone() as machine:
        for _ in range(40):
            machine.ask(*bad)
        text = machine.said()
        assert len(text) < 16384 and text.count("\n") < 100, text[:2000]


@test("/catalogue/RES-04/memory-stays")
def memory_stays():
    """The same work again and again takes no more memory and no more descriptors."""
    work = []
    for n in range(200):
        lba = n * 5 % 2000
        work += ["outb 0x1f6 0xe0", "outb 0x1f2 1", f"outb 0x1f3 {lba & 255}",
                 f"outb 0x1f4 {lba >> 8}", "outb 0x1f5 0", "outb 0x1f7 0x20", "clock_step 1000",
                 "inw 0x1f0", "outb 0x3f6 4", "outb 0x3f6 0", f"outb 0x3f5 {n}",
                 f"outb 0x3f2 {n & 0x1f}", f"outb 0x60 {n}", f"outb 0x64 {n}",
                 f"outl 0xcf8 {0x80001000 + 4 * (n & 63):#x}", f"outl 0xcfc {n * 0x1234567:#x}"]
    with alone() as machine:
        machine.qmp.settimeout(30)
        machine.qmp.recv(65536)
        machine.qmp.sendall(b'{"execute":"qmp_capabilities"}\n')
        machine.qmp.recv(65536)
        for turn in range(60):
            machine.ask(*work)
            for _ in range(50):
                machine.qmp.sendall(b'{"execute":"query-status"}\n{"execute":"nonsense"}\n')
                machine.qmp.recv(65536)
            if turn == 30:  # allocators, those of the sanitizers too, have all that they keep
                resident, files = machine.resident(), len(machine.files())
        assert len(machine.files()) == files, machine.files()
        # One leaked object of 64 bytes a command would be 5.8 MiB.
        grown = machine.resident() - resident
        assert grown < (1 << 20), f"{grown} bytes more"


def limits_tighten(machine):
    """What the process has is all that it gets: descriptors, processes, and address space."""
    pid = machine.process.pid
    highest = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest, highest))
    resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        if "libasan" in maps.read():
            return  # its own bookkeeping takes more all the time
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        size = int(statm.read().split()[0]) * PAGE
    resource.prlimit(pid, resource.RLIMIT_AS, (size, size))


@test("/catalogue/RES-04/tight-limits")
def tight_limits():
    """No further descriptor, process or byte of address space: what needs one is refused, and
    devices and monitor answer as before."""
    work = ["outb 0x1f6 0xe0", "outb 0x1f2 1", "outb 0x1f3 0", "outb 0x1f4 0", "outb 0x1f5 0",
            "outb 0x1f7 0x20", "clock_step 1000", "inb 0x1f7", "inw 0x1f0", "outb 0x3f6 4",
            "outb 0x3f6 0", "clock_step 3000000000"]
    with alone("-drive", "if=ide,index=2,media=cdrom") as machine:
        machine.qmp.settimeout(30)
        lines = machine.qmp.makefile("rb")

        def answer():
            return next(line for line in map(json.loads, lines)
                        if {"return", "error"} & line.keys())

        def command(name, **arguments):
            machine.qmp.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
            return answer()

        assert "return" in command("qmp_capabilities")

        def answers():
            replies = zip(work, machine.ask(*work))
            return ([reply for request, reply in replies if not request.startswith("clock")],
                    command("query-status"))

        def change():
            return command("blockdev-change-medium", device="ide1-cd0", filename=disc)

        def give():
            with open("/dev/null", "rb") as null:
                machine.qmp.sendmsg([b'{"execute":"add-fd"}'],
                                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                      array.array("i", [null.fileno()]).tobytes())])
            return answer()

        disc = os.path.join(machine.directory.name, "disc.iso")
        with open(disc, "wb") as image:
            image.truncate(1 << 20)
        before = answers()
        assert "return" in change()
        assert "return" in give()
        limits_tighten(machine)
        for _ in range(20):
            now = answers()
            assert now == before, (now, before)
            for refusal in (change(), give()):
                assert "error" in refusal, refusal
        assert answers() == before


# --- the core, with a device model that was taken over ---

def core_op(number, payload=b""):
    """One request as it goes over the socket."""
    return struct.pack("<II", number, 0) + payload.ljust(OP_SIZE - 8, b"\0")


def hostile_ops(rand):
    """Requests without end: known operations with edges for fields, unknown ones, all sizes."""
    edges = [0, 1, 2, 0xff, 0xfff, 0x1000, 0xffff, 0x10000, 0xa0000, 0xfed00000, 0xffffffff, 1 << 32,
             (1 << 60), (1 << 63), (1 << 64) - 1, (1 << 64) - 0x1000]
    numbers = [*DMOPS.values(), *CORE_OPS]
    numbers.remove(DMOPS["shutdown"])
    while True:
        kind = rand.random()
        number = rand.choice(numbers) if kind < 0.9 else rand.getrandbits(32)
        if number == DMOPS["shutdown"]:
            continue
        payload = bytearray()
        while len(payload) < OP_SIZE - 8:
            form = rand.choice("BHIQ")
            value = rand.choice(edges) if rand.random() < 0.8 else rand.getrandbits(64)
            payload += struct.pack("<" + form, value & (256 ** struct.calcsize(form) - 1))
        message = core_op(number, bytes(payload[:OP_SIZE - 8]))
        if kind > 0.95:
            message = message[:rand.randrange(1, OP_SIZE)] if kind < 0.975 else message * 3
        yield message


def core_start(theirs, monitor):
    """A core of 8 MiB whose BIOS is 128 KiB of zeros; nothing runs yet."""
    bios = os.memfd_create("bios")
    os.truncate(bios, 128 << 10)
    passed = [theirs.fileno(), monitor.fileno(), bios]
    core = subprocess.Popen(
        [CORE, "--memory", "8", "--vcpus", "1", "--firmware-mode", "qemu", "--loader", "-",
         "--bios", str(bios), "--core-fd", str(passed[0]), "--monitor-fd", str(passed[1])],
        pass_fds=passed, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=dict(os.environ, **LIMITS))
    os.close(bios)
    return core


def reply_to(ours, message, fds=()):
    """Sends one request; its result. Descriptors that come are closed."""
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    ours.sendmsg([message], control)
    data, ancillary, _, _ = ours.recvmsg(65536, socket.CMSG_SPACE(4 * 64))
    got = array.array("i")
    for level, kind, part in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            got.frombytes(part[:len(part) - len(part) % 4])
    for descriptor in got:
        os.close(descriptor)
    assert data, "the core hung up"
    return struct.unpack_from("<i", data)[0], len(got)


def files_of(pid):
    """How many descriptors a process has."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def kvm_wanted():
    """Skips where no core can run."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as error:
        raise Skip(f"no usable /dev/kvm ({error.strerror})") from None


@test("/catalogue/XEN-10/hostile-device-model")
def hostile_device_model():
    """Whatever the device model asks, the core refuses or does; it lives and keeps its descriptors."""
    kvm_wanted()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monitor, their_monitor = socket.socketpair()
    core = core_start(theirs, their_monitor)
    theirs.close()
    their_monitor.close()
    ours.settimeout(60)
    rand = random.Random(20240607)
    try:
        result, _ = reply_to(ours, core_op(DMOPS["nr_vcpus"]))
        assert result == 0, result
        refusals = 0
        ops = hostile_ops(rand)
        files = None
        for n in range(4000):
            with contextlib.ExitStack() as stack:
                fds = []
                if n % 5 == 0: # nothing, a pipe, a memfd of any size, a directory: none it can use
                    read, write = os.pipe()
                    stack.callback(os.close, read)
                    stack.callback(os.close, write)
                    memory = os.memfd_create("test")
                    stack.callback(os.close, memory)
                    os.truncate(memory, rand.choice([0, 1, 4096, 1 << 40]))
                    fds = rand.choice([[read], [memory], [read, write, memory, 0, 1, 2]])
                result, _ = reply_to(ours, next(ops), fds)
                refusals += result != 0
            if n == 500:
                files = files_of(core.pid)
        assert refusals > 2000, refusals
        assert core.poll() is None, core.stderr.read()
        assert files_of(core.pid) <= files + 40, (files, files_of(core.pid)) # wires, objects, servers
        # And a device model in its right mind is served: a server of its own, and its pages.
        for identity in range(8):
            reply_to(ours, core_op(DMOPS["destroy"], struct.pack("<H", identity)))
        result, _ = reply_to(ours, core_op(DMOPS["create"], b"\2"))
        assert result == 0, result
        result, _ = reply_to(ours, core_op(DMOPS["set_state"], struct.pack("<HB", 0, 1)))
        assert result == 0, result
        result, channels = reply_to(ours, core_op(0x10001, struct.pack("<H", 0)))
        assert result == 0 and channels == 3, (result, channels)
    finally:
        core.kill()
        text = core.stderr.read().decode(errors="replace")
        core.wait()
        monitor.close()
        ours.close()
    assert len(text) < 16384, text[:2000]


# --- the sandbox, from outside ---

def sanitized(program):
    """Whether a program brings a sanitizer, which needs more than the sandbox gives."""
    with open(program, "rb") as image:
        return b"__asan_init" in image.read()


def status_fields(path):
    """A status file of /proc."""
    with open(path, encoding="ascii") as status:
        return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)


def confined(pid):
    """Fails unless every thread of a process is: filter, no new privileges, no capability."""
    tasks = os.listdir(f"/proc/{pid}/task")
    # Only who may change the bounding set can have left it empty.
    bounded = int(status_fields("/proc/self/status")["CapEff"], 16) >> CAP_SETPCAP & 1
    for task in tasks:
        fields = status_fields(f"/proc/{pid}/task/{task}/status")
        assert fields["Seccomp"] == "2", (task, fields["Name"], "no filter")
        assert fields["NoNewPrivs"] == "1", (task, fields["Name"], "may gain privileges")
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb") + ("CapBnd",) * bounded:
            assert int(fields[name], 16) == 0, (task, fields["Name"], name, fields[name])
    return len(tasks)


@test("/catalogue/SB-01/every-thread")
def every_thread():
    """The filter holds for every thread of both halves, not for the one that asked for it."""
    if sanitized(DM):
        raise Skip("the sanitizer needs more than the sandbox gives")
    with alone("-sandbox", "on") as machine:
        confined(machine.process.pid)
    kvm_wanted()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monitor, their_monitor = socket.socketpair()
    core = core_start(theirs, their_monitor)
    theirs.close()
    their_monitor.close()
    ours.settimeout(60)
    monitor.settimeout(60)
    try:
        assert reply_to(ours, core_op(DMOPS["nr_vcpus"]))[0] == 0
        assert b"QMP" in monitor.recv(65536)
        assert confined(core.pid) >= 3 # monitor, control, timers, a vCPU
    finally:
        core.kill()
        core.wait()
        core.stderr.close()
        monitor.close()
        ours.close()


def main():
    """Runs the tests."""
    print(f"1..{len(TESTS)}", flush=True)
    failed = False
    for number, (name, function) in enumerate(TESTS, 1):
        start = time.monotonic()
        try:
            function()
            print(f"ok {number} {name}", flush=True)
        except Skip as skip:
            print(f"ok {number} {name} # SKIP {skip}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed = True
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            print(f"not ok {number} {name}", flush=True)
        print(f"# {time.monotonic() - start:.1f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["-l"]:
        print("\n".join(name for name, _ in TESTS))
        sys.exit(0)
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    DM, CORE = sys.argv[1:]
    sys.exit(main())
