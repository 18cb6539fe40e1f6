#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of cleave-dm: every wrong word gives one line and status 2; what a right one
does is seen by monitor and ports. Usage: test-dm-options.py CLEAVE-DM [PATTERN]"""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from dm_driver import DM, Machine, equal, refused, test, tests_main  # noqa: E402

PC = ("-M", "pc", "-accel", "qtest")


def image(directory, name, size=1 << 20):
    path = os.path.join(directory, name)
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def output(*args):
    done = subprocess.run([DM, *args], capture_output=True, text=True, timeout=30, check=True)
    equal(done.stderr, "", "standard error")
    return done.stdout


def block(machine):
    return {b["device"]: b for b in machine.qmp.command("query-block")}


@test
def wrong_words():
    """wrong words are refused in one line that names them"""
    cases = [
        (("-foo",), "unknown option '-foo'"),
        (("--foo",), "unknown option '--foo'"),
        (("foo",), "unknown option 'foo'"),
        (("-m",), "-m needs an argument"),
        (("-machine", "q35"), "q35: unknown machine"),
        (("-accel", "kvm"), "unknown accelerator 'kvm'"),
        (("-machine", "pc,accel=qtest,bogus=on"), "unknown setting 'bogus'"),
        (("-machine", "pc,accel=qtest,firmware-mode=uefi"), "firmware-mode=uefi: use xen or qemu"),
        (("-machine", "pc,accel=qtest,usb=on"), "usb=on"),
        ((), "-machine"),
        (("-machine", "cleave-1,accel=cleave"), "core-fd"),
        (("-machine", "cleave-1,accel=cleave,core-fd=77"), "descriptor 77 is not open"),
        ((*PC, "-m", "0"), "-m 0"),
        ((*PC, "-m", "12q"), "'12q' is not a size"),
        ((*PC, "-m", "-5"), "'-5' is not a size"),
        ((*PC, "-smp", "0"), "'0' is not a number from 1 to "),
        ((*PC, "-smp", "4,maxcpus=2"), "maxcpus"),
        ((*PC, "-boot", "order=x"), "-boot order=x"),
        ((*PC, "-boot", "once=b"), "-boot once=b"),
        ((*PC, "-boot", "menu=maybe"), "menu=maybe: use on or off"),
        ((*PC, "-rtc", "base=yesterday"), "-rtc base=yesterday"),
        ((*PC, "-rtc", "drift=1"), "unknown setting 'drift'"),
        ((*PC, "-uuid", "1234"), "-uuid 1234"),
        ((*PC, "-vga", "cirrus"), "-vga cirrus"),
        ((*PC, "-display", "gtk"), "-display gtk"),
        ((*PC, "-net", "nic"), "-net nic"),
        ((*PC, "-watchdog-action", "bark"), "action=bark"),
        ((*PC, "-action", "panic=maybe"), "panic=maybe"),
        ((*PC, "-action", "moon=rise"), "unknown setting 'moon'"),
        ((*PC, "-bios", "/nonexistent"), "-bios /nonexistent"),
        ((*PC, "-device", "flux-nic"), "there is no device 'flux-nic'"),
        ((*PC, "-device", "ib700,speed=2"), "unknown setting 'speed'"),
        ((*PC, "-device", "ib700", "-device", "ib700"), "only one"),
        ((*PC, "-device", "pvpanic,ioport=70000"), "ioport"),
        ((*PC, "-device", "ide-hd,drive=x"), "no -drive with id=x"),
        ((*PC, "-device", "ide-hd"), "needs a medium"),
        ((*PC, "-device", "ide-cd,bus=ide.2"), "bus=ide.2"),
        ((*PC, "-device", "VGA"), None),
        ((*PC, "-global", "foo.bar=1"), "there is no device 'foo'"),
        ((*PC, "-global", "foo"), "give DEVICE.PROPERTY=VALUE"),
        ((*PC, "-serial", "carrier-pigeon"), "-serial carrier-pigeon"),
        ((*PC, "-serial", "chardev:x"), "no -chardev with id=x"),
        ((*PC, "-serial", "null", "-serial", "null", "-serial", "null"), "there are 2 ports"),
        ((*PC, "-chardev", "socket,path=/nonexistent/s,id=c"), "/nonexistent/s"),
        ((*PC, "-chardev", "socket,id=c"), "needs path=FILE or"),
        ((*PC, "-chardev", "null"), "needs id=ID"),
        ((*PC, "-chardev", "warp,id=c"), "unknown kind 'warp'"),
        ((*PC, "-chardev", "null,id=c", "-chardev", "null,id=c"), "given twice"),
        ((*PC, "-chardev", "fd,id=c,fd=99"), "descriptor 99 is not open"),
        ((*PC, "-chardev", "null,id=c", "-serial", "chardev:c", "-debugcon", "chardev:c"),
         "in use"),
        ((*PC, "-chardev", "null,id=c", "-mon", "chardev=c"), "mode=control"),
        ((*PC, "-mon", "chardev=c,mode=control"), "no -chardev with id=c"),
        ((*PC, "-drive", "file=/nonexistent"), "/nonexistent: No such file"),
        ((*PC, "-drive", "file=x,format=qcow2"), "format=qcow2"),
        ((*PC, "-drive", "file=x,if=virtio"), "if=virtio"),
        ((*PC, "-drive", "file=x,color=red"), "unknown setting 'color'"),
        ((*PC, "-drive", "file=x,index=4"), "index"),
        ((*PC, "-drive", "file=x,index=1,bus=0"), "index="),
        ((*PC, "-drive", "file=nbd:host:1"), "protocol 'nbd'"),
        ((*PC, "-drive", "file=x,size=5"), "size="),
        ((*PC, "-drive", "file=blkdebug:x"), "blkdebug:CONFIG:FILE"),
        ((*PC, "-drive", "if=ide"), "needs a medium"),
        ((*PC, "-drive", "file=x,werror=panic"), "werror=panic"),
        ((*PC, "-drive", "file=x,rerror=enospc"), "rerror=enospc"),
        ((*PC, "-drive", "file=x,snapshot=perhaps"), "snapshot=perhaps"),
        ((*PC, "-blockdev", "driver=qcow2,node-name=n"), "driver=qcow2"),
        ((*PC, "-blockdev", "driver=file,filename=x"), "node-name"),
    ]
    for args, wanted in cases:
        if wanted:
            line = refused(*args)
            assert wanted in line, f"{args}: {line!r} does not say {wanted!r}"


@test
def too_many():
    """lists and chardevs have bounds, too"""
    assert "too many settings" in refused(*PC, "-name", ",".join(f"a{i}=1" for i in range(40)))
    args = [a for i in range(17) for a in ("-chardev", f"null,id=c{i}")]
    assert "at most 16 chardevs" in refused(*PC, *args)


@test
def information():
    """-help, -version, -machine help and -device help print and exit 0"""
    assert output("-version").startswith("cleave-dm ")
    text = output("-help")
    for word in ("-machine", "-drive", "-device", "-watchdog-action", "-qtest", "ib700"):
        assert word in text, word
    assert "cleave-1" in output("-machine", "help")
    assert "pc-testdev" in output("-device", "help")


@test
def commas_and_order():
    """a doubled comma is a comma; words may name others that follow; the last setting counts"""
    with tempfile.TemporaryDirectory() as d:
        odd = image(d, "a,b=c.img")
        with Machine("-nodefaults", "-device", "ide-hd,drive=x,bus=ide.1,unit=1,id=disk",
                     "-drive", f"id=x,if=floppy,if=none,file={odd.replace(',', ',,')},format=raw") as m:
            drives = m.qmp.command("query-block")
            equal([(b["device"], b["qdev"]) for b in drives], [("x", "disk")], "drives")
            equal(drives[0]["inserted"]["file"], odd, "file")
            equal(m.qmp.command("qom-get", path="/machine/peripheral/disk", property="type"),
                  "ide-hd")
            m.outb(0x176, 0xb0)
            equal(m.inb(0x177) & 0x40, 0x40, "a drive answers on the secondary channel")


@test
def default_machine():
    """pc has QEMU's defaults, -nodefaults and cleave-1 have none"""
    for args, wanted in (
            ((), {"ide1-cd0", "floppy0"}),
            (("-M", "pc"), {"ide1-cd0", "floppy0"}),
            (("-nodefaults",), set()),
            (("-M", "cleave-1"), set()),
            (("-M", "none"), set()),
            (("-device", "ide-cd,bus=ide.0"), {"", "floppy0"}),
            (("-device", "floppy"), {"ide1-cd0", ""}),
            (("-drive", "if=ide,index=2,media=cdrom,id=mine"), {"mine", "floppy0"})):
        with Machine(*args) as m:
            equal(set(block(m)), wanted, args)
            m.ask("outl 0xcf8 0x80001000")
            vga = int(m.ask("inl 0xcfc"), 16) == 0x11111234
            equal(vga, args in ((), ("-M", "pc")) or "-device" in args or "-drive" in args
                  or args == ("-M", "cleave-1"), f"{args}: display")


@test
def display():
    """-device VGA replaces the default adapter; two are too many"""
    with Machine("-vga", "none") as m:
        m.ask("outl 0xcf8 0x80001000")
        equal(int(m.ask("inl 0xcfc"), 16), 0xffffffff, "no adapter")
    for args in (("-vga", "none", "-device", "VGA"), ("-device", "VGA"),
                 ("-nodefaults", "-device", "VGA,vgamem_mb=16")):
        with Machine(*args) as m:
            m.ask("outl 0xcf8 0x80001000")
            equal(int(m.ask("inl 0xcfc"), 16), 0x11111234, f"{args}")
    assert "already" in refused(*PC, "-vga", "std", "-device", "VGA")


@test
def places():
    """drives get the places that index, bus and unit, or the order, give them"""
    with tempfile.TemporaryDirectory() as d:
        a, b, c = (image(d, n) for n in "abc")
        with Machine("-nodefaults", "-drive", f"file={a},if=ide,format=raw", "-hdc", b,
                     "-drive", f"file={c},if=ide,bus=1,unit=1") as m:
            equal({k: v["inserted"]["file"] for k, v in block(m).items()},
                  {"ide0-hd0": a, "ide1-hd0": b, "ide1-hd1": c}, "places")
        assert "given twice" in refused(*PC, "-hda", a, "-drive", f"file={b},index=0")
        assert "two drives for this place" in refused(
            *PC, "-hda", a, "-drive", f"file={b},if=none,id=x",
            "-device", "ide-hd,drive=x,bus=ide.0,unit=0")
        assert "in use" in refused(*PC, "-drive", f"file={b},if=none,id=x",
                                   "-device", "ide-hd,drive=x", "-device", "ide-cd,drive=x")
        assert "in use by another guest" in refused(*PC, "-hda", a, "-hdb", a)


@test
def blockdev():
    """-blockdev nodes stand behind -device"""
    with tempfile.TemporaryDirectory() as d:
        a, b = (image(d, n) for n in "ab")
        with Machine("-nodefaults", "-blockdev", f"driver=file,node-name=hda,filename={a}",
                     "-blockdev", f"driver=file,node-name=f,filename={b},read-only=on",
                     "-blockdev", "raw,node-name=hdb,file=f",
                     "-device", "ide-hd,drive=hda,bus=ide.0,unit=0",
                     "-device", "ide-hd,drive=hdb,bus=ide.0,unit=1") as m:
            nodes = [(b["inserted"]["node-name"], b["inserted"]["ro"])
                     for b in m.qmp.command("query-block")]
            equal(nodes, [("hda", False), ("hdb", True)], "nodes")


def identify(m, unit=0):
    m.outb(0x1f6, 0xa0 | unit << 4)
    m.outb(0x1f7, 0xec)
    return [m.inw(0x1f0) for _ in range(256)]


def ata_text(words, start, count):
    return b"".join(w.to_bytes(2, "big") for w in words[start:start + count]).decode().rstrip()


@test
def drive_properties():
    """-global and -device settings reach IDENTIFY and the BIOS's geometry"""
    with tempfile.TemporaryDirectory() as d:
        a = image(d, "a", 61440 * 512)
        with Machine("-drive", f"file={a},if=ide,cache=writeback,format=raw",
                     "-global", "ide-hd.serial=testdisk", "-global", "ide-hd.ver=version") as m:
            words = identify(m)
            equal(ata_text(words, 10, 10), "testdisk", "serial")
            equal(ata_text(words, 23, 4), "version", "version")
            equal((words[1], words[3], words[6]), (60, 16, 63), "geometry")
        for extra, translation in (("", 0), (",bios-chs-trans=lba", 1)):
            with Machine("-nodefaults", "-drive", f"id=x,if=none,format=raw,file={a}",
                         "-global", "ide-hd.serial=no", "-device",
                         "ide-hd,drive=x,serial=yes,model=My,,Disk,cyls=480,heads=4,secs=32"
                         + extra) as m:
                words = identify(m)
                equal(ata_text(words, 10, 10), "yes", "serial")
                equal(ata_text(words, 27, 20), "My,Disk", "model")
                equal((words[1], words[3], words[6]), (480, 4, 32), "geometry")
                equal(m.cmos(0x39), translation, "translation")
        assert "at most 20 characters" in refused(*PC, "-hda", a, "-global",
                                                  "ide-hd.serial=" + "x" * 21)
        assert "cyls, heads and secs" in refused(*PC, "-hda", a, "-global", "ide-hd.cyls=3")


@test
def boot_order():
    """-boot: order, once until the first reset, merged over several words; CMOS shows it"""
    for args, first, later in (
            ((), 0x1230, 0x1230), (("-no-fd-bootchk",), 0x1231, 0x1231),
            (("-boot", "c"), 0x0200, 0x0200), (("-boot", "nda"), 0x3410, 0x3410),
            (("-boot", "order="), 0, 0), (("-boot", "order=", "-boot", "order=c"), 0x200, 0x200),
            (("-boot", "once=a"), 0x0100, 0x1230),
            (("-boot", "once=a", "-no-fd-bootchk"), 0x0101, 0x1231),
            (("-boot", "once=a,order=c"), 0x0100, 0x0200),
            (("-boot", "once=d", "-boot", "order=nda"), 0x0300, 0x3410),
            (("-boot", "once=a", "-boot", "once=c"), 0x0200, 0x1230)):
        with Machine("-nodefaults", "-M", "pc", *args) as m:
            equal(m.cmos(0x38) | m.cmos(0x3d) << 8, first, f"{args}")
            m.qmp.command("system_reset")
            m.qmp.event("RESET")
            equal(m.cmos(0x38) | m.cmos(0x3d) << 8, later, f"{args}, after a reset")


def fw_cfg(m, key, count):
    m.ask(f"outw 0x510 {key:#x}")
    return bytes(m.inb(0x511) for _ in range(count))


def fw_cfg_file(m, name):
    count = int.from_bytes(fw_cfg(m, 0x19, 4), "big")
    for _ in range(count):
        entry = bytes(m.inb(0x511) for _ in range(64))
        if entry[8:].rstrip(b"\0") == name.encode():
            return fw_cfg(m, int.from_bytes(entry[4:6], "big"),
                          int.from_bytes(entry[:4], "big"))
    return None


@test
def firmware_settings():
    """-uuid, -boot reboot-timeout and splash-time, -m and -smp reach the firmware"""
    with Machine("-uuid", "4600cb32-38ec-4b2f-8acb-81c6ea54f2d8",
                 "-boot", "reboot-timeout=-1,splash-time=12", "-m", "1G", "-smp", "2") as m:
        equal(fw_cfg(m, 2, 16).hex(), "4600cb3238ec4b2f8acb81c6ea54f2d8", "UUID")
        equal(fw_cfg_file(m, "etc/boot-fail-wait"), b"\xff\xff\xff\xff", "reboot-timeout")
        equal(fw_cfg_file(m, "etc/boot-menu-wait"), b"\x0c\0", "splash-time")
        equal(int.from_bytes(fw_cfg(m, 3, 8), "little"), 1 << 30, "memory")
        equal(int.from_bytes(fw_cfg(m, 5, 2), "little"), 2, "CPUs")
        equal(m.qmp.command("query-uuid")["UUID"], "4600cb32-38ec-4b2f-8acb-81c6ea54f2d8")
        equal(m.qmp.command("query-memory-size-summary")["base-memory"], 1 << 30)
        equal(len(m.qmp.command("query-cpus-fast")), 2, "CPUs")
    with Machine() as m:
        equal(fw_cfg_file(m, "etc/boot-fail-wait"), None, "reboot-timeout")
        equal(int.from_bytes(fw_cfg(m, 3, 8), "little"), 128 << 20, "memory")


@test
def bios():
    """-bios and -drive if=pflash are seen below 4 GiB and below 1 MiB"""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "fw")
        with open(path, "wb") as f:
            f.write(bytes(range(256)) * 256)
        for args in (("-bios", path), ("-drive", f"if=pflash,format=raw,file={path}"),
                     ("-pflash", path), ("-L", d, "-bios", "fw")):
            with Machine("-S", *args) as m:
                for at in (0xffff0000, 0xf0000):
                    equal(m.ask(f"read {at:#x} 0x10000")[2:], (bytes(range(256)) * 256).hex(),
                          f"{args} at {at:#x}")
        assert "one" in refused(*PC, "-bios", path, "-pflash", path)


@test
def rtc_base():
    """-rtc base= sets the clock"""
    with Machine("-rtc", "base=2003-04-05T06:07:08,clock=vm") as m:
        equal([m.cmos(i) for i in (9, 8, 7, 4, 2, 0)], [0x03, 0x04, 0x05, 0x06, 0x07, 0x08],
              "time")


@test
def serial_ports():
    """serial ports on sockets, files and both sides of stdio; a server takes one after the other"""
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "out")
        with Machine("-serial", f"file:{out}", "-serial", f"unix:{d}/s,server,nowait") as m:
            import socket
            for text in (b"first", b"second"):
                client = socket.socket(socket.AF_UNIX)
                client.connect(f"{d}/s")
                client.settimeout(20)
                client.sendall(b"x")
                while not m.inb(0x2fd) & 1:
                    pass
                equal(m.inb(0x2f8), ord("x"), "received")
                for c in text:
                    m.outb(0x2f8, c)
                    m.step(1000000)
                got = b""
                while len(got) < len(text):
                    got += client.recv(64)
                equal(got, text, "sent")
                client.close()
                while not m.qmp.command("query-status"):
                    pass
            for c in b"hello":
                m.outb(0x3f8, c)
                m.step(1000000)
        with open(out, "rb") as f:
            equal(f.read(), b"hello", "file")


@test
def pidfile():
    """-pidfile holds the process id"""
    with tempfile.TemporaryDirectory() as d:
        with Machine("-pidfile", f"{d}/pid") as m:
            with open(f"{d}/pid", encoding="ascii") as f:
                equal(int(f.read()), m.process.pid, "pid")


@test
def log_file():
    """-D takes the messages, -d and -v make more of them"""
    with tempfile.TemporaryDirectory() as d:
        disk = image(d, "disk")
        with Machine("-D", f"{d}/log", "-drive", f"if=none,id=unused,file={disk}", "-device",
                     "ib700", "-watchdog-action", "debug", "-cpu", "max") as m:
            m.outb(0x443, 15)
            m.step(1)
        with open(f"{d}/log", encoding="utf-8") as f:
            assert "watchdog" in f.read(), "message"


@test
def null_medium():
    """null-co:// is a medium of zeros, also on a floppy drive"""
    with Machine("-nodefaults", "-drive", "file=null-co://,if=none,format=raw,id=disk0,size=64M",
                 "-device", "ide-hd,drive=disk0", "-drive",
                 "if=floppy,file=null-co://,file.read-zeroes=on,format=raw,size=1440k") as m:
        words = identify(m)
        equal(words[60] | words[61] << 16, 131072, "sectors")
        equal(block(m)["floppy0"]["inserted"]["image"]["virtual-size"], 1474560, "floppy")


@test
def system_names():
    """started under QEMU's names it tells the architecture"""
    with tempfile.TemporaryDirectory() as d:
        import dm_driver
        for name, arch in (("qemu-system-i386", "i386"), ("qemu-system-x86_64", "x86_64")):
            os.symlink(DM, f"{d}/{name}")
            dm_driver.DM = f"{d}/{name}"
            try:
                with Machine() as m:
                    equal(m.qmp.command("query-target"), {"arch": arch}, name)
            finally:
                dm_driver.DM = DM


tests_main()
