#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody runs code of his own inside cleave-dm (a build with -Dtest_backdoor=true): what then?

Each attack is made twice: as it is, where the system call filter ends it, and once more without
that filter, to see what the namespaces, the empty root and the lost privileges would do alone.
"""

import contextlib
import ctypes
import errno
import functools
import os
import re
import socket
import struct

import loader
from harness import (BUILD, KILLED, Guest, descendants, equal, run_base, test, test_each,
                     tests_main, wait_for, work_dir)

PAYLOAD = BUILD / "tests" / "sandbox" / "payload.bin"
CALLS_AT, CALL_SIZE = 1024, 112
COPY = -1

# Numbers of x86-64 system calls.
NR = {"mmap": 9, "connect": 42, "socket": 41, "fork": 57, "clone": 56, "vfork": 58, "execve": 59,
      "kill": 62, "ptrace": 101, "setuid": 105, "setresuid": 117, "prctl": 157, "mount": 165,
      "chroot": 161, "openat": 257, "open": 2, "unshare": 272, "process_vm_readv": 310,
      "process_vm_writev": 311, "setns": 308, "bpf": 321, "execveat": 322, "keyctl": 250,
      "io_uring_setup": 425, "io_uring_register": 427, "io_uring_enter": 426, "clone3": 435,
      "mprotect": 10, "ioctl": 16, "memfd_create": 319, "getpid": 39, "tgkill": 234,
      "pidfd_open": 434, "perf_event_open": 298, "userfaultfd": 323, "accept4": 288, "bind": 49,
      "open_by_handle_at": 304, "init_module": 175, "capset": 126, "seccomp": 317, "chdir": 80,
      "personality": 135, "shmget": 29, "dup": 32}


class Blob:
    """What is sent through the backdoor: the payload, calls for it to make, their data."""

    def __init__(self):
        self.calls, self.data = [], b""

    def bytes(self, content):
        """An argument: the address of these bytes."""
        self.data += b"\0" * (-len(self.data) % 16)
        at = len(self.data)
        self.data += content
        return ("data", at)

    def text(self, content):
        """An argument: the address of a string."""
        return self.bytes(str(content).encode() + b"\0")

    def call(self, nr, *arguments):
        """One more system call (its name or COPY); an argument for later ones: its result."""
        self.calls.append((NR.get(nr, nr), arguments))
        return ("result", len(self.calls) - 1, 0)

    def binary(self):
        """All of it, as the backdoor takes it."""
        data_at = CALLS_AT + CALL_SIZE * len(self.calls)
        out = b""
        for nr, arguments in self.calls:
            out += struct.pack("<qq", nr, -12345)
            for argument in arguments + (0,) * (6 - len(arguments)):
                if isinstance(argument, int):
                    out += struct.pack("<QII", argument & (1 << 64) - 1, 0, 0)
                elif argument[0] == "address of":
                    out += struct.pack("<QII", CALLS_AT + CALL_SIZE * argument[1] + 8, 1, 0)
                elif argument[0] == "data":
                    out += struct.pack("<QII", data_at + argument[1], 1, 0)
                else:
                    out += struct.pack("<QII", argument[2], 2, argument[1])
        code = PAYLOAD.read_bytes()
        assert len(code) <= 1008, "the payload has grown beyond its place"
        size = data_at + len(self.data)
        return struct.pack("<II", size, 0) + code.ljust(1008, b"\0") + \
            struct.pack("<Q", len(self.calls)) + out + self.data


class Outcome:
    """How an attack ended."""

    def __init__(self, status, said, blob):
        self.status, self.said, self.blob = status, said, blob

    def results(self):
        """What the calls returned."""
        count = struct.unpack_from("<Q", self.blob, CALLS_AT - 8)[0]
        return [struct.unpack_from("<q", self.blob, CALLS_AT + CALL_SIZE * i + 8)[0]
                for i in range(count)]


def attack(work, blob, sealed=True, disk=None):
    """A guest that makes these calls from within its device model."""
    binary = blob.binary()
    program, shown = work / "attack.elf", work / "shown"
    program.write_bytes(loader.attacking(binary, 0, len(binary)))
    arguments = ["--loader", program, "--vga", "none", "--debug-exit",
                 "--debugcon", f"file:{shown}", *(["--disk", disk] if disk else [])]
    with without_filter(not sealed), Guest(*arguments, serial=None) as guest:
        status = guest.wait(30)
        return Outcome(status, guest.err.text, shown.read_bytes())


@contextlib.contextmanager
def without_filter(yes):
    """The test build leaves its filter out when it finds this variable."""
    if yes:
        os.environ["CLEAVE_TEST_NO_FILTER"] = "1"
    try:
        yield
    finally:
        os.environ.pop("CLEAVE_TEST_NO_FILTER", None)


@functools.cache
def victim():
    """Another guest, with an image of its own; it lives until the end of the tests."""
    work = at_end(work_dir())
    program, image = work / "halting.elf", work / "victim.img"
    program.write_bytes(loader.halting())
    image.write_bytes(b"the other guest's".ljust(65536, b"\0"))
    guest = Guest("--loader", program, "--vga", "none", "--disk", image, serial=None,
                  timeout=600)
    at_end(guest)
    wait_for(lambda: (run_base() / guest.name / "control").exists() and
             "cleave-dm" in descendants(guest.process.pid), 20, "other guest")
    guest.image = image
    guest.dm = descendants(guest.process.pid)["cleave-dm"]
    return guest


def killed(outcome, what):
    """Fails unless the sandbox ended the process and the monitor said so."""
    equal(outcome.status, KILLED, f"exit status after {what}")
    assert re.search(r"cleave-dm was killed by its sandbox", outcome.said), outcome.said


# --- the attacks: name -> (what is called, what it gets without the filter) ---

ADDRESS = struct.pack(">2H4B8x", 0x0200, 9, 127, 0, 0, 1)
INTS = lambda *v: struct.pack(f"<{len(v)}Q", *v)  # noqa: E731


def file_open(b, other):
    b.call("openat", -100, b.text("/etc/passwd"), os.O_RDONLY)


def file_open_old(b, other):
    b.call("open", b.text("/etc/hostname"), os.O_RDONLY)


def file_create(b, other):
    b.call("openat", -100, b.text("/file"), os.O_CREAT | os.O_WRONLY, 0o600)


def device_open(b, other):
    b.call("openat", -100, b.text("/dev/kvm"), os.O_RDWR)


def other_image(b, other):
    b.call("openat", -100, b.text(other.image), os.O_RDONLY)


def other_memory_file(b, other):
    b.call("openat", -100, b.text(f"/proc/{other.dm}/mem"), os.O_RDWR)


def other_control(b, other):
    path = str(run_base() / other.name / "control").encode()
    s = b.call("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0)
    b.call("connect", s, b.bytes(struct.pack("<H", socket.AF_UNIX) + path + b"\0"),
           len(path) + 3)


def network(b, other):
    address = struct.pack("<H", socket.AF_INET) + ADDRESS[2:]
    s = b.call("socket", socket.AF_INET, socket.SOCK_DGRAM, 0)
    b.call("connect", s, b.bytes(address), 16)


def fork(b, other):
    b.call("fork")


def clone3(b, other):
    b.call("clone3", b.bytes(bytes(88)), 88)


def thread(b, other):
    b.call("clone", 0x50f00, 0, 0, 0, 0)


def execute(b, other):
    b.call("execve", b.text("/bin/sh"), b.bytes(INTS(0)), b.bytes(INTS(0)))


def execute_memory(b, other):
    fd = b.call("memfd_create", b.text("x"), 3)
    b.call("execveat", fd, b.text(""), b.bytes(INTS(0)), b.bytes(INTS(0)), 0x1000)


def trace(b, other):
    b.call("ptrace", 16, other.dm, 0, 0)


def signal_other(b, other):
    b.call("kill", other.dm, 9)


def signal_monitor(b, other):
    b.call("kill", other.process.pid, 9)


def write_other(b, other):
    vector = b.bytes(INTS(0x400000, 8))
    b.call("process_vm_writev", other.dm, vector, 1, vector, 1, 0)


def read_other(b, other):
    vector = b.bytes(INTS(0x400000, 8))
    b.call("process_vm_readv", other.dm, vector, 1, vector, 1, 0)


def executable(b, other):
    b.call("mmap", 0, 4096, 7, 0x22, -1, 0)


def make_executable(b, other):
    m = b.call("mmap", 0, 4096, 3, 0x22, -1, 0)
    b.call("mprotect", m, 4096, 5)


def root(b, other):
    b.call("setuid", 0)


def capabilities(b, other):
    b.call("capset", b.bytes(struct.pack("<II", 0x20080522, 0)), b.bytes(b"\xff" * 24))


def mount(b, other):
    b.call("mount", b.text("none"), b.text("/"), b.text("tmpfs"), 0, 0)


def unshare(b, other):
    b.call("unshare", 0x00020000)


def change_root(b, other):
    b.call("chroot", b.text("/"))


def bpf(b, other):
    b.call("bpf", 5, b.bytes(bytes(128)), 128)


def keys(b, other):
    b.call("keyctl", 0, -3, 0)


def ring_new(b, other):
    b.call("io_uring_setup", 8, b.bytes(bytes(120)))


def modules(b, other):
    b.call("init_module", b.bytes(bytes(64)), 64, b.text(""))


def terminal(b, other):
    b.call("ioctl", 2, 0x5412, b.text("x"))


def perf(b, other):
    b.call("perf_event_open", b.bytes(struct.pack("<II", 1, 128).ljust(128, b"\0")), -1, 0, -1, 0)


def userfault(b, other):
    b.call("userfaultfd", 0)


NO_FILE, NO_PROCESS, NO_RIGHT = {errno.ENOENT}, {errno.ESRCH}, {errno.EPERM}
ANY = None  # would be harmless, or needs the filter: the next layer is not asked

ATTACKS = [
    ("open a file", file_open, NO_FILE),
    ("open a file in the old way", file_open_old, NO_FILE),
    ("create a file", file_create, {errno.EROFS, errno.EACCES}),
    ("open /dev/kvm", device_open, NO_FILE),
    ("read another guest's image", other_image, NO_FILE),
    ("open another guest's memory in /proc", other_memory_file, NO_FILE),
    ("connect to another guest's control socket", other_control, NO_FILE),
    ("connect to the network", network, {errno.ENETUNREACH, errno.EACCES, errno.ENETDOWN}),
    ("fork", fork, ANY),
    ("fork by clone3", clone3, ANY),
    ("start a thread", thread, ANY),
    ("execute a program", execute, NO_FILE),
    ("execute a program from memory", execute_memory, ANY),
    ("trace another guest's process", trace, NO_PROCESS),
    ("kill another guest's process", signal_other, NO_PROCESS),
    ("kill the other guest's monitor", signal_monitor, NO_PROCESS),
    ("write to another guest's memory", write_other, NO_PROCESS),
    ("read another guest's memory", read_other, NO_PROCESS),
    ("map executable memory", executable, ANY),
    ("make memory executable", make_executable, ANY),
    ("become root", root, {errno.EPERM, errno.EINVAL}),
    ("get capabilities", capabilities, {errno.EPERM}),
    ("mount", mount, NO_RIGHT),
    ("make namespaces", unshare, NO_RIGHT),
    ("change the root directory", change_root, NO_RIGHT),
    ("load a BPF program", bpf, NO_RIGHT),
    ("reach kernel keys", keys, ANY),
    ("make a ring", ring_new, ANY),
    ("load a kernel module", modules, {errno.EPERM, errno.ENOSYS}),
    ("push characters into a terminal", terminal, {errno.ENOTTY, errno.EIO, errno.EPERM}),
    ("watch the machine by perf events", perf, {errno.EACCES, errno.EPERM, errno.ENOENT,
                                                errno.EOPNOTSUPP, errno.ENOSYS}),
    ("catch page faults of the kernel", userfault, {errno.EPERM, errno.ENOSYS}),
]


def victim_end():
    """Ends the other guest, if there was one."""
    if victim.cache_info().currsize:
        victim().process.terminate()
        victim().wait()


class Attack:
    """One row of the table, with a name for the test's line."""

    def __init__(self, name, prepare, errors):
        self.name, self.prepare, self.errors = name, prepare, errors

    def blob(self, other):
        """The calls."""
        blob = Blob()
        self.prepare(blob, other)
        return blob


@test_each(what=[Attack(*row) for row in ATTACKS])
def attempt(what):
    """code inside cleave-dm tries, fails and is reported:"""
    other = victim()
    with work_dir() as work:
        outcome = attack(work, what.blob(other))
        killed(outcome, what.name)
        if what.errors is not None:
            outcome = attack(work, what.blob(other), sealed=False)
            equal(outcome.status, loader.EXIT_STATUS, f"status without the filter "
                  f"({outcome.said!r})")
            result = outcome.results()[-1]
            print(f"# {what.name}: killed; without the filter: "
                  f"{errno.errorcode.get(-result, result)}")
            assert -result in what.errors, \
                f"{what.name} without the filter: {errno.errorcode.get(-result, result)}"
        equal(other.process.poll(), None, "the other guest's end")
        assert other.image.read_bytes().startswith(b"the other guest's"), "its image changed"


# --- through the ring, which the filter has to let pass ---

OP_READV, OP_CONNECT, OP_OPENAT, OP_READ, OP_OPENAT2, OP_SOCKET, OP_URING_CMD = \
    1, 16, 18, 22, 28, 45, 46
FIXED_FILE = 1
RING_OPS = {
    "OPENAT": (OP_OPENAT, 0, "/etc/passwd"), "OPENAT2": (OP_OPENAT2, 0, "/etc/passwd"),
    "SOCKET": (OP_SOCKET, 0, ""), "CONNECT": (OP_CONNECT, 0, ""), "URING_CMD": (OP_URING_CMD, 0, ""),
    "OPENAT of a registered file": (OP_OPENAT, FIXED_FILE, "/etc/passwd"),
    "READV of a file that is not registered": (OP_READV, 0, ""),
    "READ, which devices do not use": (OP_READ, FIXED_FILE, ""),
}


def ring_layout():
    """Where this kernel has a ring's tail, size, entries and completions."""
    libc = ctypes.CDLL(None, use_errno=True)
    parameters = (ctypes.c_uint32 * 30)()
    fd = libc.syscall(NR["io_uring_setup"], 32, parameters)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    os.close(fd)
    return {"tail": parameters[11], "size": parameters[13], "array": parameters[16],
            "completions": parameters[25]}


def ring_number(work, disk):
    """The descriptor of cleave-dm's ring, looked up in a guest with the same drives."""
    program = work / "halting.elf"
    program.write_bytes(loader.halting())
    arguments = ["--loader", program, "--vga", "none", "--debug-exit",
                 "--debugcon", f"file:{work / 'shown'}", "--disk", disk]

    def look():
        dm = descendants(guest.process.pid).get("cleave-dm")
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{dm}/fd") if dm else []:
                if "io_uring" in os.readlink(f"/proc/{dm}/fd/{fd}"):
                    return fd
        return None
    with Guest(*arguments, serial=None) as guest:
        number = int(wait_for(look, 20, "ring of cleave-dm"))
        guest.process.terminate()
        guest.wait()
        return number


@test
def ring():
    """the ring refuses every operation but the disks': OPENAT, SOCKET, CONNECT and others"""
    with work_dir() as work:
        disk = work / "disk.img"
        disk.write_bytes(bytes(1 << 20))
        fd = ring_number(work, disk)
        where = ring_layout()
        for name, (op, flags, path) in RING_OPS.items():
            blob = Blob()
            entry = struct.pack("<BBHiQQIIQHHIQQ", op, flags, 0, -100, 0, 0, 0, 0, 1 << 40,
                                0, 0, 0, 0, 0)
            entry = blob.bytes(entry)
            rings = blob.call("mmap", 0, 4096, 3, 1, fd, 0)
            entries = blob.call("mmap", 0, 4096, 3, 1, fd, 0x10000000)
            at = lambda ring, offset: (ring[0], ring[1], offset)  # noqa: E731
            page = blob.call("mmap", 0, 4096, 3, 0x22, -1, 0)
            blob.call(COPY, page, blob.text(path), len(path) + 1)
            blob.call(COPY, entries, entry, 64)
            blob.call(COPY, at(entries, 16), ("address of", page[1]), 8)
            blob.call(COPY, at(rings, where["array"]), blob.bytes(INTS(0)), 4)
            blob.call(COPY, at(rings, where["tail"]), blob.bytes(struct.pack("<I", 1)), 4)
            entered = blob.call("io_uring_enter", fd, 1, 1, 1, 0, 0)
            seen = blob.bytes(b"\xee" * 32)
            blob.call(COPY, seen, at(rings, where["completions"]), 16)
            blob.call(COPY, ("data", seen[1] + 16), at(rings, where["size"]), 4)
            outcome = attack(work, blob, disk=disk)
            equal(outcome.status, loader.EXIT_STATUS, f"status after {name} ({outcome.said!r})")
            data_at = CALLS_AT + CALL_SIZE * len(blob.calls)
            tag, result, _, size = struct.unpack_from("<QiIQ", outcome.blob, data_at + seen[1])
            equal(outcome.results()[entered[1]], 1, f"{name}: entries taken from the ring")
            equal(tag, 1 << 40, f"{name}: whose completion this is")
            assert size & 0xffffffff in range(1, 4097), f"the ring does not look like one: {size}"
            print(f"# through the ring, {name}: {errno.errorcode.get(-result, result)}")
            equal(result, -errno.EACCES, f"{name} through the ring")


@test
def ring_open_up():
    """the ring cannot be freed from its restrictions"""
    with work_dir() as work:
        disk = work / "disk.img"
        disk.write_bytes(bytes(1 << 20))
        fd = ring_number(work, disk)
        for name, op in (("registering a file", 2), ("another restriction", 11),
                         ("an event", 4)):
            blob = Blob()
            blob.call("io_uring_register", fd, op, blob.bytes(struct.pack("<i", 0)), 1)
            killed(attack(work, blob, disk=disk), name)
            outcome = attack(work, blob, sealed=False, disk=disk)
            assert -outcome.results()[0] in (errno.EACCES, errno.EBADFD, errno.EBUSY), \
                f"{name} without the filter: {outcome.results()}"


@test
def harmless():
    """the payload works: calls that are allowed come back with what they say"""
    with work_dir() as work:
        blob = Blob()
        data = blob.bytes(bytes(16))
        blob.call("mmap", 0, 4096, 3, 0x22, -1, 0)
        blob.call(COPY, data, blob.bytes(b"seen by the guest"), 16)
        outcome = attack(work, blob)
        equal(outcome.status, loader.EXIT_STATUS, f"status ({outcome.said!r})")
        assert outcome.results()[0] > 0, outcome.results()
        assert b"seen by the guest"[:16] in outcome.blob[CALLS_AT + 2 * CALL_SIZE:][:16], \
            "the blob did not come back"
        assert "backdoor" in outcome.said, "the test build does not say what it is"


if __name__ == "__main__":
    if not PAYLOAD.exists():
        print("1..0 # SKIP needs a build with -Dtest_backdoor=true")
    else:
        with contextlib.ExitStack() as stack:
            at_end = stack.enter_context
            try:
                tests_main()
            finally:
                victim_end()
