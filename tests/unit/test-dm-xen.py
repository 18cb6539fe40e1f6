#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What libxl says to cleave-dm, as far as it can be tried without Xen: the words of its command
lines, and the machine's state saved to a descriptor and loaded again.
Usage: test-dm-xen.py CLEAVE-DM [PATTERN]"""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from dm_driver import DM, Machine, equal, refused, test, tests_main  # noqa: E402

XL = ("-xen-domid", "5", "-no-shutdown", "-nodefaults", "-no-user-config", "-name", "guest")
XENFV = (*XL, "-machine", "xenfv,suppress-vmdesc=on", "-m", "64")


@test
def words_refused():
    """what is not offered is refused in one line that names the setting of xl.cfg"""
    cases = [
        (("-device", "cirrus-vga,vgamem_mb=8"), 'vga="stdvga"'),
        (("-device", "qxl-vga,vram_size_mb=64,ram_size_mb=64"), 'vga="stdvga"'),
        (("-device", "rtl8139,id=nic0,netdev=net0,mac=00:16:3e:00:00:01"), "vif="),
        (("-device", "e1000,id=nic0,netdev=net0,mac=00:16:3e:00:00:01"), "vif="),
        (("-netdev", "type=tap,id=net0,ifname=vif1.0-emu,br=xenbr0,script=no,downscript=no"),
         "vif="),
        (("-vnc", "127.0.0.1:0,to=99"), "vnc=0"),
        (("-display", "sdl"), "sdl=0"),
        (("-kernel", "/vmlinuz"), "kernel="),
        (("-append", "root=/dev/sda"), "cmdline="),
        (("-usb",), "usb=0"),
        (("-usbdevice", "tablet"), "usbdevice="),
        (("-device", "piix3-usb-uhci,id=usb"), "usbversion="),
        (("-device", "ahci,id=ahci0"), "hdtype="),
        (("-device", "lsi53c895a"), "disk="),
        (("-device", "intel-hda"), "soundhw="),
        (("-soundhw", "ac97"), "soundhw="),
        (("-spice", "port=5901"), "spice=0"),
        (("-device", "xen-pvdevice,device-id=0xc000"), "vendor_device="),
        (("-xen-attach",), "device_model_override"),
        (("-machine", "xenpv"), "device_model_override"),
        (("-machine", "xenfv,igd-passthru=on"), "gfx_passthru=0"),
        (("-drive", "file=/x.qcow2,if=ide,index=0,media=disk,format=qcow2,cache=writeback"),
         "disk"),
        (("-device", "VGA,vgamem_mb=24"), "videoram"),
    ]
    for words, remedy in cases:
        line = refused(*XENFV, *words)
        assert remedy in line, f"{words}: {line}"


@test
def words_wrong():
    """wrong words of libxl's kind"""
    cases = [
        (("-machine", "xenfv", "-m", "64"), "-xen-domid"),
        ((*XL, "-machine", "pc,accel=qtest"), "-xen-domid"),
        (("-xen-domid", "x"), "-xen-domid"),
        (("-xen-domid", "40000"), "-xen-domid"),
        ((*XENFV, "-incoming", "tcp:x"), "use fd:N"),
        ((*XENFV, "-incoming", "fd:99"), "99"),
        ((*XENFV, "-smp", "129"), "128"),
        ((*XENFV, "-machine", "xenfv,bogus=1"), "bogus"),
    ]
    for words, text in cases:
        line = refused(*words)
        assert text in line, f"{words}: {line}"


@test
def words_understood():
    """all that libxl says for a plain guest is understood: then Xen is missing"""
    with tempfile.TemporaryDirectory() as d:
        disk = os.path.join(d, "disk")
        with open(disk, "wb") as f:
            f.truncate(1 << 20)
        line = refused(
            "-xen-domid", "5", "-no-shutdown",
            "-chardev", f"socket,id=libxl-cmd,path={d}/qmp-libxl-5,server=on,wait=off",
            "-mon", "chardev=libxl-cmd,mode=control",
            "-chardev", f"socket,id=libxenstat-cmd,path={d}/qmp-libxenstat-5,server=on,wait=off",
            "-mon", "chardev=libxenstat-cmd,mode=control", "-nodefaults", "-no-user-config",
            "-name", "guest--incoming", "-vnc", "none", "-display", "none", "-k", "de",
            "-serial", "null", "-device", "VGA,vgamem_mb=32", "-boot", "order=cda",
            "-smp", "2,maxcpus=4", "-net", "none", "-no-acpi",
            "-machine", "xenfv,suppress-vmdesc=on,max-ram-below-4g=0xe0000000", "-m", "496",
            "-drive", f"file={disk},if=ide,index=0,media=disk,format=raw,cache=writeback",
            "-drive", "if=none,readonly=on,id=ide-5632",
            "-device", "ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0")
        assert "xen" in line.lower() and "unknown" not in line, line


@test
def probe():
    """Xen 4.20's question for words starts no machine of a domain"""
    with Machine("-S", "-no-user-config", "-nodefaults", "-nographic",
                 "-machine", "none,accel=xen") as m:
        options = {o["option"]: [p["name"] for p in o["parameters"]]
                   for o in m.qmp.command("query-command-line-options")}
        assert {"chroot", "user"} <= set(options["run-with"]), options
        m.qmp.command("quit")
        m.ended()


def save(machine, path):
    """Saves as libxl does: a descriptor for writing, and its name among those of add-fd."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        machine.qmp.command("stop")
        number = machine.qmp.command("add-fd", fds=[fd])["fdset-id"]
        machine.qmp.command("xen-save-devices-state", filename=f"/dev/fdset/{number}", live=True)
    finally:
        os.close(fd)


class Incoming(Machine):
    """A machine that goes on from a saved state."""

    def __init__(self, path, *args):
        with open(path, "rb") as f:
            os.set_inheritable(f.fileno(), True)
            popen = subprocess.Popen
            number = f.fileno()

            def with_fd(*a, **kw):
                return popen(*a, **kw, pass_fds=[number])

            subprocess.Popen = with_fd
            try:
                super().__init__(*args, "-incoming", f"fd:{number}")
            finally:
                subprocess.Popen = popen


DISK_WORDS = ("-machine", "pc", "-nodefaults", "-m", "16")


@test
def save_and_load():
    """registers of several devices are the same after saving and loading"""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "state")
        with Machine(*DISK_WORDS) as m:
            m.outb(0x3FF, 0x5A)    # COM1's scratch register
            m.outb(0x70, 0x40)
            m.outb(0x71, 0x77)     # CMOS
            m.outb(0x81, 0x12)     # DMA page
            m.ask("outl 0xcf8 0x80000960")
            m.outb(0xCFC, 0x0A)    # a configuration register
            save(m, path)
            save(m, path)          # and again: nothing is used up
            m.qmp.command("cont")
            equal(m.inb(0x3FF), 0x5A, "scratch register after saving")
        with Incoming(path, *DISK_WORDS) as m:
            equal(m.inb(0x3FF), 0x5A, "scratch register")
            equal(m.cmos(0x40), 0x77, "CMOS")
            equal(m.inb(0x81), 0x12, "DMA page")
            equal(m.ask("inl 0xcf8").split()[-1][-8:], "80000960", "CONFIG_ADDRESS")
            equal(m.qmp.command("query-fdsets"), [], "descriptor sets")


def pit_out(machine):
    """Channel 0's output pin, by a read-back of its status."""
    machine.outb(0x43, 0xE2)
    return machine.inb(0x40) >> 7


@test
def time_goes_on():
    """guest time is that of the saved machine: a deadline comes when it would have come there"""
    ns = 10000 * 10**9 // 1193182  # 10000 clocks of the PIT
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "state")
        with Machine(*DISK_WORDS) as m:
            m.step(5 * 10**9)
            for port, value in ((0x43, 0x30), (0x40, 10000 & 255), (0x40, 10000 >> 8)):
                m.outb(port, value)  # once, mode 0
            m.step(ns // 2)
            save(m, path)
            now = int(m.ask("clock_step 0"))
        with Incoming(path, *DISK_WORDS) as m:
            m.qmp.command("cont")
            equal(int(m.ask("clock_step 0")), now, "guest time")
            m.step(ns // 2 - 10**5)
            equal(pit_out(m), 0, "before")
            m.step(2 * 10**5)
            equal(pit_out(m), 1, "after")


@test
def load_refused():
    """an altered, cut, foreign or empty state is refused in one line; status 2"""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "state")
        with Machine(*DISK_WORDS) as m:
            save(m, path)
        with open(path, "rb") as f:
            good = f.read()
        assert 1000 < len(good) < 256 << 10, f"{len(good)} bytes: more than dm_restrict=1 allows"
        bad = {"empty": b"", "cut": good[:-1], "longer": good + b"\0", "foreign": b"QEVM" + good[4:],
               "first": bytes([good[0] ^ 1]) + good[1:], "last": good[:-1] + bytes([good[-1] ^ 1]),
               "middle": good[:9000] + bytes([good[9000] ^ 4]) + good[9001:]}
        for what, data in bad.items():
            with open(path, "wb") as f:
                f.write(data)
            with open(path, "rb") as f:
                done = subprocess.run([DM, *DISK_WORDS, "-accel", "qtest", "-incoming",
                                       f"fd:{f.fileno()}"], pass_fds=[f.fileno()], check=False,
                                      capture_output=True, text=True, timeout=30)
            equal(done.returncode, 2, f"{what}: exit status ({done.stderr!r})")
            lines = done.stderr.splitlines()
            assert len(lines) == 1 and "saved state refused" in lines[0], f"{what}: {lines}"


@test
def load_other_machine():
    """a state of another machine is refused"""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "state")
        with Machine(*DISK_WORDS) as m:
            save(m, path)
        with open(path, "rb") as f:
            done = subprocess.run([DM, "-machine", "pc", "-nodefaults", "-m", "32", "-accel",
                                   "qtest", "-incoming", f"fd:{f.fileno()}"],
                                  pass_fds=[f.fileno()], check=False, capture_output=True,
                                  text=True, timeout=30)
        equal(done.returncode, 2, "exit status")
        assert "m=16" in done.stderr, done.stderr


@test
def save_nowhere():
    """a name that no descriptor has is an error, and the machine goes on"""
    with Machine(*DISK_WORDS) as m:
        kind, text = m.qmp.error("xen-save-devices-state", filename="/tmp/x", live=False)
        equal(kind, "GenericError", text)
        m.qmp.error("xen-save-devices-state", filename="/dev/fdset/7", live=False)
        m.inb(0x3FF)


@test
def locks():
    """a live save gives the images' locks up, cont takes them again"""
    with tempfile.TemporaryDirectory() as d:
        disk = os.path.join(d, "disk")
        with open(disk, "wb") as f:
            f.truncate(1 << 20)
        words = (*DISK_WORDS, "-drive", f"file={disk},if=ide,index=0,media=disk,format=raw")
        with Machine(*words) as m:
            assert "in use" in refused(*words, "-accel", "qtest")
            save(m, os.path.join(d, "state"))
            with Machine(*words):
                _, text = m.qmp.error("cont")
                assert "locked" in text, text
                assert "locked" in m.qmp.human("cont"), "the monitor for people"
                equal(m.qmp.command("query-status")["status"], "paused", "status")
            m.qmp.command("cont")
            assert "in use" in refused(*words, "-accel", "qtest")


tests_main()
