# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine in the machine: QEMU's TCG runs a Debian kernel with kvm_amd and our programs.

The emulated processor has SVM with nested paging, so Cleave finds there a /dev/kvm as on real
hardware, wherever the tests themselves may run. Everything comes from Debian packages; the kernel
is fetched once into the cache. Nothing is mounted, nothing needs root.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
# One processor: with several, nested guests stand still or fault, under QEMU's monitor as under ours.
# As far as QEMU's source and KVM's trace tell, an interrupt is then delivered twice: VMRUN leaves the
# injected vector in exception_index, and a processor that is asked to leave its loop for another's
# sake before the guest's next exit takes it again, whatever the guest's interrupt flag says.
CPUS = 1
KVM_MODULES = ["irqbypass", "ccp", "kvm", "kvm_amd"]
# TCG does not let the hypervisor know of a guest's XSETBV: a guest with XSAVE would lose its state.
CPU = "max,xsave=off,la57=off"
# Files that our programs open by name at run time, beside their shared libraries.
FIRMWARE = ["/usr/share/seabios/bios-256k.bin", "/usr/share/seabios/bios.bin",
            "/usr/share/seabios/vgabios-stdvga.bin"]


class LabError(Exception):
    """The emulated machine could not be built or did not run to its end."""


def cache_dir():
    """Where downloaded things are kept: $XDG_CACHE_HOME/cleave or ~/.cache/cleave."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = pathlib.Path(base) / "cleave"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def cache_lock():
    """One process at a time fills the cache."""
    with open(cache_dir() / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def kernel_package():
    """The package that linux-image-amd64 depends on, such as linux-image-6.1.0-40-amd64."""
    out = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True,
                         text=True, check=False).stdout
    found = re.search(r"Depends: (linux-image-\S+)", out)
    return found.group(1) if found else None


def kernel_fetch(target):
    """Downloads and unpacks Debian's kernel into the directory `target`."""
    package = kernel_package()
    if package is None:
        raise LabError("apt-cache knows no linux-image-amd64: run apt-get update")
    work = pathlib.Path(tempfile.mkdtemp(dir=cache_dir()))
    try:
        work.chmod(0o755)
        got = subprocess.run(["apt-get", "download", package], cwd=work, capture_output=True,
                             text=True, check=False)
        packages = list(work.glob("*.deb"))
        if got.returncode or not packages:
            raise LabError(f"apt-get download {package} failed: {got.stderr.strip()[-200:]}")
        subprocess.run(["dpkg", "-x", packages[0], work / "root"], check=True)
        (work / "root").rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


class Kernel:
    """Debian's kernel image and modules, from the cache."""

    def __init__(self):
        root = cache_dir() / "kernel"
        with cache_lock():
            if not root.exists():
                kernel_fetch(root)
        self.image = next((root / "boot").glob("vmlinuz-*"))
        modules = root / "lib" / "modules"
        self.modules = {p.stem.replace("-", "_"): p for p in modules.rglob("*.ko")}

    def closure(self, names):
        """The modules `names` and what they need, in an order in which insmod accepts them."""
        order = []

        def add(name):
            path = self.modules.get(name)
            if path is None or path in order:
                return
            found = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
            for needed in filter(None, found.group(1).decode().split(",") if found else []):
                add(needed.replace("-", "_"))
            order.append(path)

        for name in names:
            add(name.replace("-", "_"))
        return order


class Initramfs:
    """Writes a cpio archive in the format "newc" (Documentation/driver-api/early-userspace)."""

    def __init__(self, path):
        self.out = open(path, "wb")  # pylint: disable=consider-using-with
        self.seen = set()
        self.inode = 0
        for name in ("dev", "proc", "sys", "tmp", "run", "bin", "sbin", "root", "etc"):
            self.directory(name)

    def _entry(self, name, mode, data=b"", major=0, minor=0):
        self.inode += 1
        raw = name.encode() + b"\0"
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(raw), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields)
        self.out.write(head + raw + b"\0" * (-(len(head) + len(raw)) % 4))
        self.out.write(data)
        self.out.write(b"\0" * (-len(data) % 4))

    def _claim(self, name):
        if name in self.seen:
            return False
        parent = os.path.dirname(name)
        if parent:
            self.directory(parent)
        self.seen.add(name)
        return True

    def directory(self, name):
        """Adds a directory and its parents."""
        name = name.strip("/")
        if name and self._claim(name):
            self._entry(name, stat.S_IFDIR | 0o755)

    def data(self, name, data, mode=0o644):
        """Adds a regular file with these bytes."""
        if self._claim(name.strip("/")):
            self._entry(name.strip("/"), stat.S_IFREG | mode, data)

    def symlink(self, name, target):
        """Adds a symbolic link."""
        if self._claim(name.strip("/")):
            self._entry(name.strip("/"), stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        """Adds a character device."""
        if self._claim(name.strip("/")):
            self._entry(name.strip("/"), stat.S_IFCHR | 0o600, b"", major, minor)

    def file(self, source, name=None):
        """Adds a file of this machine (links followed), under its own path or `name`."""
        source = pathlib.Path(source)
        self.data(str(name or source), source.read_bytes(), source.stat().st_mode & 0o777)

    def tree(self, source, name=None, skip=()):
        """Adds a directory with all that is in it; `skip` names entries to leave out."""
        source = pathlib.Path(source)
        for entry in sorted(source.iterdir()):
            target = f"{name or source}/{entry.name}"
            if entry.name in skip:
                continue
            if entry.is_dir():
                self.tree(entry, target, skip)
            elif entry.is_file():
                self.file(entry, target)

    def program(self, source, name=None):
        """Adds a program with its shared libraries, as ldd names them."""
        self.file(source, name)
        out = subprocess.run(["ldd", source], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", out):
            self.file(library)

    def close(self):
        """Ends the archive."""
        self._entry("TRAILER!!!", 0)
        self.out.close()


INIT = """#!/bin/busybox sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin:/cleave/build HOME=/root TERM=vt102 CLEAVE_LAB=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
ln -s /proc/self/fd /dev/fd
ip link set lo up
while read module; do
    insmod $module || echo "lab: insmod $module failed"
done < /modules/order
[ -e /dev/kvm ] || echo "lab: no /dev/kvm in the emulated machine"
stty -onlcr -echo
stty -F /dev/ttyS1 -onlcr -echo
# That the machine lives; its terminal is the command's alone.
(while sleep 5; do printf . >/dev/ttyS1; done) &
pulse=$!
cd /cleave
setsid cttyhack sh /command
status=$?
kill $pulse
sleep 0.3
echo " $status" >/dev/ttyS1
sleep 1000
"""


class Lab:
    """One emulated machine: what goes into it, then run()."""

    def __init__(self, build, memory=3072, cpus=CPUS):
        self.build = pathlib.Path(build).resolve()
        self.memory = memory
        self.cpus = cpus
        self.kernel = Kernel()
        self.dir = tempfile.TemporaryDirectory(prefix="cleave-lab-")
        self.initrd = pathlib.Path(self.dir.name) / "initrd"
        # The machine's second serial port: a dot every 5 s, at the end the command's status.
        self.status = pathlib.Path(self.dir.name) / "status"
        self.quiet = 0  # for how many seconds no dot had come when it ended
        self.archive = Initramfs(self.initrd)
        self._base()

    def _base(self):
        archive = self.archive
        archive.device("dev/console", 5, 1)
        archive.device("dev/ttyS0", 4, 64)
        archive.file("/bin/busybox")
        applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True,
                                 check=True).stdout.split()
        for applet in applets:
            archive.symlink(f"bin/{applet}", "busybox")
        order = self.kernel.closure(KVM_MODULES)
        for module in order:
            archive.file(module, f"modules/{module.name}")
        archive.data("modules/order", "".join(f"/modules/{m.name}\n" for m in order).encode())
        archive.data("init", INIT.encode(), 0o755)
        archive.data("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        archive.data("etc/group", b"root:x:0:\n")
        archive.directory("cleave/build")

    def add_cleave(self):
        """Our programs and firmware, laid out as in the build directory."""
        for name in ("cleave", "cleave-hv", "cleave-dm"):
            self.archive.program(self.build / name, f"cleave/build/{name}")
        for name in FIRMWARE:
            if os.path.exists(name):
                self.archive.file(name)
        firmware = self.build / "firmware"
        for path in sorted(firmware.rglob("*")) if firmware.is_dir() else []:
            if path.is_file() and not path.match("*.p/*"):
                self.archive.file(path, f"cleave/build/firmware/{path.relative_to(firmware)}")

    def add_python(self):
        """Python with its standard library, for the boot tests."""
        python = pathlib.Path("/usr/bin/python3").resolve()
        self.archive.program(python)
        self.archive.symlink("usr/bin/python3", python.name)
        library = pathlib.Path("/usr/lib") / python.name
        self.archive.tree(library, skip=("test", "idlelib", "ensurepip", "lib2to3", "pydoc_data",
                                         "__pycache__", "tkinter", "distutils", "dist-packages"))
        for extension in (library / "lib-dynload").glob("*.so"):
            self.archive.program(extension)

    def add_tests(self):
        """The boot tests and the media that were composed for them in the build directory."""
        for folder in ("boot", "bench", "lab"):
            self.archive.tree(SOURCE / "tests" / folder, f"cleave/tests/{folder}",
                              skip=("__pycache__", "meson.build"))
        for folder in ("media", "boot/guests"):
            if (self.build / "tests" / folder).is_dir():
                self.archive.tree(self.build / "tests" / folder, f"cleave/build/tests/{folder}")

    def add_qemu(self):
        """QEMU and its firmware, to be measured beside Cleave."""
        self.archive.program("/usr/bin/qemu-system-x86_64")
        for folder in ("/usr/share/qemu", "/usr/share/seabios"):
            for path in pathlib.Path(folder).glob("*.bin"):
                self.archive.file(path)

    def add_program(self, name):
        """A program of this machine, with its shared libraries."""
        path = shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
        self.archive.program(path, f"usr/bin/{name}")

    def add(self, source, name):
        """Any other file, under the path `name`."""
        self.archive.file(source, name)

    def _argv(self):
        threads = "multi" if self.cpus > 1 else "single"
        return ["qemu-system-x86_64", "-machine", "pc", "-accel", f"tcg,thread={threads}",
                "-cpu", CPU, "-smp", str(self.cpus), "-m", str(self.memory), "-nodefaults",
                "-display", "none", "-no-reboot",
                "-chardev", "stdio,id=terminal,signal=off", "-serial", "chardev:terminal",
                "-chardev", f"file,id=status,path={self.status}", "-serial", "chardev:status",
                "-kernel", str(self.kernel.image), "-initrd", str(self.initrd),
                "-append", "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off tsc=reliable "
                "softlockup_panic=1 watchdog_thresh=30 no_timer_check"]

    def run(self, command, stdin=subprocess.DEVNULL, stdout=None, timeout=None, silence=None,
            extra=()):
        """Boots the machine and runs the shell command in it, in /cleave.

        Its terminal is this one's (or `stdin` and `stdout`, a file that can be cut). Returns its
        exit status; raises LabError where the machine ended without one. With a file as `stdout`
        all of it is done once more where the machine came to a stop: its kernel noticed, or
        it gave no sign of life for `silence` seconds.
        """
        self.archive.data("command", command.encode() + b"\n", 0o755)
        self.archive.close()
        end = time.monotonic() + timeout if timeout else float("inf")
        try:
            status = self._boot(stdin, stdout, end, silence, extra)
            if status is None and stdout and time.monotonic() < end:
                stdout.seek(0)
                said = stdout.read().decode(errors="replace").splitlines()
                print(*(f"# {line}" for line in said[-60:]), sep="\n")
                print("# the emulated machine came to a stop; once more", flush=True)
                stdout.seek(0)
                stdout.truncate()
                status = self._boot(stdin, stdout, end, silence, extra)
        finally:
            self.dir.cleanup()
        if status is None:
            raise LabError(f"the emulated machine did not end within {timeout} s"
                           if time.monotonic() >= end else "the emulated machine did not get to its end")
        return status

    def _boot(self, stdin, stdout, end, silence, extra):
        """One start of the machine, until time `end`: the command's status, or None."""
        self.status.write_text("", encoding="ascii")
        started = time.time()
        with subprocess.Popen([*self._argv(), *extra], stdin=stdin, stdout=stdout) as process:
            try:
                while process.poll() is None and time.monotonic() < end:
                    if self._status_read() is not None:
                        break  # it has nothing that could be lost
                    # QEMU opens the file anew, which counts as a sign of life.
                    self.quiet = time.time() - max(started, self.status.stat().st_mtime)
                    if silence and self.quiet > silence:
                        break
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.2)
            finally:
                process.kill()
        return self._status_read()

    def _status_read(self):
        """The command's exit status; None before its end."""
        found = re.search(r" (\d+)\n", self.status.read_text(encoding="ascii"))
        return int(found.group(1)) if found else None


def programs_missing():
    """Which program of this machine is missing, as one line; None if all are there."""
    if not shutil.which("qemu-system-x86_64"):
        return "no qemu-system-x86_64: run ./setup (Debian package qemu-system-x86)"
    if not os.path.exists("/bin/busybox"):
        return "no /bin/busybox: run ./setup (Debian package busybox-static)"
    return None


def missing():
    """Why the lab cannot run here, as one line; None if it can."""
    reason = programs_missing()
    if reason:
        return reason
    try:
        Kernel()
    except (LabError, OSError, subprocess.SubprocessError) as error:
        return f"no kernel for the lab: {error}"
    return None


def kvm_usable():
    """Whether this machine's own /dev/kvm can be opened."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit("use tests/lab/lab")
