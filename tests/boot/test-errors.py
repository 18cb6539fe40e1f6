#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every bad input: one line that names the setting and the remedy, status 2, nothing left."""

import os
import pathlib
import re
import shutil
import subprocess

from harness import (CLEAVE, IN_LAB, SETTING, Guest, Skip, equal, guest_disk, kvm_reason,
                     run_base, shared_memory, test, test_each, tests_main, work_dir)

MARK = "CLEAVE_TEST_MARK"
NOBODY = 65534


def marked():
    """Processes that come from a command of this test."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                if f"{MARK}={os.getpid()}".encode() in \
                        pathlib.Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                    found.append(entry)
            except OSError:
                pass
    return found


def refused(pattern, *arguments, prefix=(), environment=None):
    """Runs `cleave run` with these arguments, which must be refused by a line like `pattern`."""
    name = f"bad-{os.getpid()}"
    before = shared_memory()
    env = dict(os.environ, **{MARK: str(os.getpid())}, **(environment or {}))
    done = subprocess.run([*prefix, CLEAVE, "run", "--name", name, "--timeout", "20",
                           *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, check=False, env=env)
    error = done.stderr.decode(errors="replace")
    equal(done.returncode, SETTING, f"exit status ({error!r})")
    lines = error.splitlines()
    equal(len(lines), 1, f"lines on standard error: {error!r}")
    assert re.search(pattern, lines[0]), f"{lines[0]!r} does not match {pattern!r}"
    assert not (run_base() / name).exists(), "the run directory was left"
    equal(shared_memory() - before, set(), "shared memory left")
    equal(marked(), [], "processes left")


CASES = {
    "missing image": (r"DISK \S+: no such file; .", "{dir}/none.img"),
    "missing image, by --disk": (r"--disk \S+: no such file; .", "--disk", "{dir}/none.img"),
    "missing CD": (r"--cdrom \S+: no such file; .", "--cdrom", "{dir}/none.iso"),
    "missing floppy": (r"--floppy \S+: no such file; .", "--floppy", "{dir}/none.img"),
    "directory as image": (r"DISK \S+: .*directory; .", "{dir}"),
    "zero-length image": (r"DISK \S+: .*empty; .", "{dir}/empty.img"),
    "image of 1000 bytes": (r"DISK \S+: .*1000 bytes.*multiple of 512; .", "{dir}/odd.img"),
    "qcow2 image": (r"DISK \S+: .*qcow2.*; .", "{dir}/qcow2.img"),
    "unknown option": (r"--frobnicate: unknown option; .*--help", "--frobnicate"),
    "option without argument": (r"--memory.*argument", "{dir}/disk.img", "--memory"),
    "no memory": (r"--memory 0: give ", "--memory", "0"),
    "memory that is no number": (r"-m lots: give ", "-m", "lots"),
    "more memory than the host has": (r"--memory \d+: the host has only .*; give less",
                                      "--memory", "900000", "{dir}/disk.img"),
    "0 vCPUs": (r"--vcpus 0: give ", "--vcpus", "0"),
    "33 vCPUs": (r"--vcpus 33: give .*32", "--vcpus", "33"),
    "bad boot order": (r"--boot xyz: use ", "--boot", "xyz"),
    "bad serial port": (r"--serial foo: use ", "--serial", "foo"),
    "bad firmware mode": (r"--firmware-mode efi: use ", "--firmware-mode", "efi"),
    "bad machine": (r"--machine q35: .*cleave-1", "--machine", "q35"),
    "bad clock": (r"--rtc mars: use ", "--rtc", "mars"),
    "bad timeout": (r"--timeout never: give ", "--timeout", "never"),
    "bad name": (r"--name a/b: use ", "--name", "a/b"),
    "five disks": (r"--disk \S+: at most .*four|--disk \S+: at most 4", *["--disk"], "{dir}/disk.img",
                   "--disk", "{dir}/disk.img", "--disk", "{dir}/disk.img", "--disk",
                   "{dir}/disk.img", "--disk", "{dir}/disk.img"),
    "one image twice": (r"--disk \S+: .*in use.*; .", "{dir}/disk.img", "--disk", "{dir}/disk.img"),
    "loader that is missing": (r"--loader \S+: .*; .", "--loader", "{dir}/none.elf"),
    "loader that is no ELF": (r"--loader \S+: .*ELF.*; .", "--loader", "{dir}/disk.img"),
    "loader cut short": (r"--loader \S+: .*; .", "--loader", "{dir}/short.elf"),
    "64-bit loader": (r"--loader \S+: .*32-bit.*; .", "--loader", "/bin/true"),
    "firmware that is missing": (r"--firmware \S+: .*; .", "--firmware", "{dir}/none.bin"),
    "firmware that is empty": (r"--firmware \S+: .*; .", "--firmware", "{dir}/empty.img"),
    "screenshot into a missing folder": (r"--screenshot \S+: .*; .", "--screenshot",
                                         "{dir}/none/x.png", "{dir}/disk.img"),
    "log into a missing folder": (r"--log \S+: .*; .", "--log", "{dir}/none/log",
                                  "{dir}/disk.img"),
    "serial file in a missing folder": (r"--serial \S+: .*; .", "--serial",
                                        "file:{dir}/none/serial", "{dir}/disk.img"),
}


class Case:
    """One row of CASES, with its name for the test's line."""

    def __init__(self, name):
        self.name, self.row = name, CASES[name]


def files_make(work):
    """The files that the cases name."""
    guest_disk(work, "idle", 1).rename(work / "disk.img")
    (work / "empty.img").touch()
    (work / "odd.img").write_bytes(bytes(1000))
    (work / "qcow2.img").write_bytes(b"QFI\xfb\0\0\0\3".ljust(65536, b"\0"))
    # An ELF header of a 32-bit x86 program whose program headers lie beyond the file.
    (work / "short.elf").write_bytes(
        b"\x7fELF\1\1\1".ljust(16, b"\0") + bytes([2, 0, 3, 0, 1, 0, 0, 0]) +
        (0x100000).to_bytes(4, "little") + (0x5000).to_bytes(4, "little") + bytes(8) +
        bytes([52, 0, 32, 0, 1, 0, 0, 0, 0, 0, 0, 0]))


@test_each(case=[Case(name) for name in CASES])
def bad_input(case):
    """refused"""
    pattern, *arguments = case.row
    with work_dir() as work:
        files_make(work)
        refused(pattern, *(a.replace("{dir}", str(work)) for a in arguments))


@test
def busy_image():
    """refused: an image that another guest writes"""
    if kvm_reason():
        raise Skip(kvm_reason())
    with work_dir() as work:
        disk = guest_disk(work, "idle")
        with Guest(disk) as guest:
            guest.wait_serial("idle")
            refused(r"DISK \S+: .*in use.*; .", disk)
            refused(r"--disk \S+: .*in use.*; .", "--disk", f"{disk},readonly")


@test
def shared_image():
    """two guests may read one image"""
    if kvm_reason():
        raise Skip(kvm_reason())
    with work_dir() as work:
        disk = f"{guest_disk(work, 'idle')},readonly"
        with Guest("--disk", disk) as one, Guest("--disk", disk) as two:
            one.wait_serial("idle")
            two.wait_serial("idle")


@test
def name_in_use():
    """refused: a name in use"""
    if kvm_reason():
        raise Skip(kvm_reason())
    with work_dir() as work:
        with Guest(guest_disk(work, "idle"), name=f"twin-{os.getpid()}") as guest:
            guest.wait_serial("idle")
            done = subprocess.run([CLEAVE, "run", "--name", guest.name], capture_output=True,
                                  check=False, timeout=30)
            equal(done.returncode, SETTING, "exit status")
            assert re.fullmatch(r".*--name \S+: in use.*; .*\n", done.stderr.decode()), done.stderr
            assert guest.process.poll() is None, "the first guest ended"


# What runs before the command, in a mount namespace of its own: a small /dev.
SMALL_DEV = "mount -t tmpfs dev /dev && mknod -m 666 /dev/null c 1 3 && mkdir /dev/shm && "
AS_NOBODY = f"exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups "


def namespace(script):
    """The words that run a command after `script` in a mount namespace; skips where it cannot."""
    prefix = ["unshare", "-m", "sh", "-c", f'{SMALL_DEV}{script} "$@"', "sh"]
    if os.geteuid() != 0 or IN_LAB or not shutil.which("unshare") or \
            subprocess.run([*prefix, "test", "-x", CLEAVE], capture_output=True,
                           check=False).returncode:
        raise Skip("needs root, mount namespaces, and a build directory open to all")
    return prefix


def runtime_make(work):
    """A run directory of that user."""
    work.chmod(0o755)
    runtime = work / "run"
    runtime.mkdir()
    os.chown(runtime, NOBODY, NOBODY)
    return {"XDG_RUNTIME_DIR": str(runtime)}


@test
def unreadable_image():
    """refused: an image without permission to read it"""
    prefix = namespace(f"mknod -m 666 /dev/kvm c 10 232 && {AS_NOBODY}")
    with work_dir() as work:
        disk = guest_disk(work, "idle")
        disk.chmod(0)
        refused(r"DISK \S+: no permission.*; .", disk, prefix=prefix,
                environment=runtime_make(work))


@test
def no_permission_for_kvm():
    """refused: no permission to use /dev/kvm"""
    prefix = namespace(f"mknod -m 600 /dev/kvm c 10 232 && {AS_NOBODY}")
    with work_dir() as work:
        disk = guest_disk(work, "idle")
        os.chown(disk, NOBODY, NOBODY)
        refused(r"/dev/kvm: no permission; .*group kvm", disk, prefix=prefix,
                environment=runtime_make(work))


@test
def no_kvm():
    """refused: no /dev/kvm"""
    prefix = namespace("exec")
    with work_dir() as work:
        refused(r"/dev/kvm: .*; .", guest_disk(work, "idle"), prefix=prefix)


if __name__ == "__main__":
    tests_main(needs_kvm=False)
