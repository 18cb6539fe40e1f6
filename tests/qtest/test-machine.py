#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine around its disks: shadow memory and flash, fw_cfg, CMOS, floppy, VGA, PCI, extras."""

import struct

from qtest import (SECOND, Machine, equal, pattern, test, test_each, tests_main, work_dir)

FOUR_GIB = 1 << 32
FWCFG_FILES = 0x19

# PAM: the register and shift of each segment.
SEGMENTS = [(0xf0000, 0x10000, 0x59, 4)] + \
    [(0xc0000 + i * 0x4000, 0x4000, 0x5a + i // 2, i % 2 * 4) for i in range(12)]
PAM_READ, PAM_WRITE = 1, 2


def firmware(work, size):
    """A firmware image and its bytes."""
    data = pattern(size, seed=99)
    (work / "bios").write_bytes(data)
    return work / "bios", data


def pam_set(m, register, shift, attribute):
    old = m.config_get(0, register, 1)
    m.config_put(0, register, old & ~(3 << shift) | attribute << shift, size=1)


@test_each(option=["-bios", "-drive"])
def flash(option):
    """the firmware lies below 4 GiB and its end below 1 MiB, read-only"""
    with work_dir() as work:
        path, data = firmware(work, 256 << 10)
        value = path if option == "-bios" else f"if=pflash,format=raw,file={path}"
        with Machine(option, value) as m:
            equal(m.read(FOUR_GIB - len(data), len(data)), data, "below 4 GiB")
            equal(m.read(0xe0000, 0x20000), data[-0x20000:], "below 1 MiB")
            m.ok(f"memset {FOUR_GIB - 0x1000:#x} 0x1000 0xee")
            m.ok("memset 0xff000 0x1000 0xee")
            equal(m.read(0xff000, 0x1000), data[-0x1000:], "after writes")
            equal(m.read(FOUR_GIB - 0x1000, 0x1000), data[-0x1000:], "after writes")
        equal(path.read_bytes(), data, "the file")


@test
def shadow():
    """each PAM setting of each of the 13 segments"""
    with work_dir() as work:
        path, data = firmware(work, 128 << 10)
        with Machine("-bios", path) as m:
            for start, size, register, shift in SEGMENTS:
                pci = data[start - 0xe0000:][:size] if start >= 0xe0000 else b"\xff" * size
                ram = pattern(size, seed=start)
                equal(m.read(start, size), pci, f"PCI at {start:#x}")
                pam_set(m, register, shift, PAM_WRITE)
                m.write(start, ram)
                equal(m.read(start, size), pci, f"write only at {start:#x}")
                pam_set(m, register, shift, PAM_READ)
                equal(m.read(start, size), ram, f"read only at {start:#x}")
                m.ok(f"memset {start:#x} {size:#x} 0")
                equal(m.read(start, size), ram, f"read only, written at {start:#x}")
                pam_set(m, register, shift, PAM_READ | PAM_WRITE)
                m.ok(f"memset {start:#x} {size:#x} 0x5a")
                equal(m.read(start, size), b"\x5a" * size, f"RAM at {start:#x}")
                pam_set(m, register, shift, 0)
                equal(m.read(start, size), pci, f"PCI again at {start:#x}")


@test
def host_bridge():
    """440FX: ids, read-only bits of command, PAM's reset values"""
    with Machine() as m:
        equal(m.config_get(0, 0), 0x12378086)
        m.config_put(0, 4, 0, size=2)
        equal(m.config_get(0, 4, 2) & 6, 6)
        equal(m.config_get(0, 8), 0x06000002)
        for register in range(0x59, 0x60):
            equal(m.config_get(0, register, 1), 0, f"register {register:#x}")
        equal(m.config_get(31, 0), 0xffffffff, "an empty place")
        equal([m.config_get(d, 0, function=f) for d, f in ((1, 0), (1, 1), (1, 3), (2, 0))],
              [0x70008086, 0x70108086, 0x71138086, 0x11111234])


@test
def config_mechanism():
    """CF8h takes dwords only; CFCh any width"""
    with Machine() as m:
        m.outl(0xcf8, 0x80000000)
        m.outb(0xcf8, 0x55)
        equal(m.inl(0xcf8), 0x80000000)
        equal((m.inb(0xcfc), m.inb(0xcfd), m.inw(0xcfe)), (0x86, 0x80, 0x1237))
        m.outl(0xcf8, 0)
        equal(m.inl(0xcfc), 0xffffffff, "not enabled")


# --- fw_cfg ---

def fw_item(m, key, size):
    m.outw(0x510, key)
    return bytes(m.inb(0x511) for _ in range(size))


def fw_files(m):
    """The directory: name to (key, size)."""
    count, = struct.unpack(">I", fw_item(m, FWCFG_FILES, 4))
    rows = fw_item(m, FWCFG_FILES, 4 + 64 * count)[4:]
    files = {}
    for i in range(count):
        size, key, _, name = struct.unpack(">IHH56s", rows[i * 64:i * 64 + 64])
        files[name.rstrip(b"\0").decode()] = key, size
    return files


@test
def fw_cfg_items():
    """fw_cfg: signature, revision, RAM, vCPUs, boot menu, UUID"""
    uuid = "4600cb32-38ec-4b2f-8acb-81c6ea54f2d8"
    with Machine("-m", "77", "-smp", "3", "-boot", "menu=on", "-uuid", uuid) as m:
        equal(fw_item(m, 0, 4), b"QEMU")
        equal(fw_item(m, 1, 4), struct.pack("<I", 3), "traditional and DMA")
        equal(fw_item(m, 2, 16), bytes.fromhex(uuid.replace("-", "")))
        equal(fw_item(m, 3, 8), struct.pack("<Q", 77 << 20))
        equal(fw_item(m, 5, 2), struct.pack("<H", 3))
        equal(fw_item(m, 0x0e, 2), struct.pack("<H", 1))
        equal(fw_item(m, 0x3fff, 4), b"\0" * 4, "an item that is not there")


@test
def fw_cfg_files():
    """fw_cfg: the directory is sorted, e820 tells the RAM, reading past the end gives zeros"""
    with Machine("-m", "64") as m:
        files = fw_files(m)
        equal(list(files), sorted(files))
        key, size = files["etc/e820"]
        equal(fw_item(m, key, size + 4),
              struct.pack("<QQI", 0, 64 << 20, 1) + b"\0" * (size - 20 + 4))


@test
def fw_cfg_dma():
    """fw_cfg by DMA: select and read, skip, an unknown operation, a bad address"""
    with Machine() as m:
        def run(control, length, address, at=0x1000):
            m.write(at, struct.pack(">IIQ", control, length, address))
            m.outl(0x514, 0)
            m.outl(0x518, struct.unpack("<I", struct.pack(">I", at))[0])
            return m.get(at, 4)
        key, size = fw_files(m)["etc/e820"]
        want = fw_item(m, key, size)
        equal(run(key << 16 | 8 | 2, size, 0x2000), 0)
        equal(m.read(0x2000, size), want)
        equal(run(key << 16 | 8, 0, 0), 0)
        equal(run(4, 8, 0), 0)
        equal(run(2, 4, 0x3000), 0)
        equal(m.read(0x3000, 4), want[8:12], "after a skip")
        equal(run(2, 16, 0xfffffffffffffff0), 0x01000000, "error bit, big endian")


# --- CMOS ---

@test_each(order=["c", "a", "d", "n", "cad", "ndc"])
def boot_order(order):
    """-boot order= is in CMOS bytes 3Dh and 38h; -boot once= until a reset"""
    code = {"a": 1, "c": 2, "d": 3, "n": 4}
    want = [code[x] for x in order] + [0, 0]

    def nibbles(m):
        return [m.cmos(0x3d) & 15, m.cmos(0x3d) >> 4, m.cmos(0x38) >> 4]
    with Machine("-boot", f"order={order}", qmp=True) as m:
        equal(nibbles(m), want[:3])
        m.command("system_reset")
        equal(nibbles(m), want[:3])
    with Machine("-boot", f"order={order},once=d", qmp=True) as m:
        equal(nibbles(m), [3, 0, 0])
        m.command("system_reset")
        equal(nibbles(m), want[:3], "after a reset")


@test_each(mib=[2, 16, 64, 128, 3584, 5000])
def memory_size(mib):
    """CMOS tells the memory: 640 KiB, above 1 MiB, above 16 MiB, above 4 GiB"""
    with Machine("-m", mib) as m:
        low = min(mib, 3584)
        equal(m.cmos(0x15) | m.cmos(0x16) << 8, 640)
        equal(m.cmos(0x17) | m.cmos(0x18) << 8, min((low - 1) << 10, 0xffff))
        equal(m.cmos(0x34) | m.cmos(0x35) << 8, max(low - 16, 0) << 4)
        equal(m.cmos(0x5b) | m.cmos(0x5c) << 8 | m.cmos(0x5d) << 16, (mib - low) << 4)
        m.put((low << 20) - 8, 8, 0x1122)
        equal(m.get((low << 20) - 8, 8), 0x1122)
        if mib > low:
            m.put(FOUR_GIB + ((mib - low) << 20) - 8, 8, 0x3344)
            equal(m.get(FOUR_GIB + ((mib - low) << 20) - 8, 8), 0x3344)
            equal(m.get(FOUR_GIB + ((mib - low) << 20), 8), 2 ** 64 - 1)


@test
def cmos_ram():
    """bytes 14 to 127 keep what is written, also over a reset"""
    with Machine(qmp=True) as m:
        for i in range(0x40, 0x50):
            m.cmos_put(i, i ^ 0xff)
        m.command("system_reset")
        equal([m.cmos(i) for i in range(0x40, 0x50)], [i ^ 0xff for i in range(0x40, 0x50)])


# --- floppy ---

FDC_DOR, FDC_MSR, FDC_FIFO = 0x3f2, 0x3f4, 0x3f5


def fdc_send(m, *values):
    for value in values:
        equal(m.inb(FDC_MSR) & 0xc0, 0x80, "ready for a command byte")
        m.outb(FDC_FIFO, value)


def fdc_results(m):
    out = []
    while m.inb(FDC_MSR) & 0x50 == 0x50:
        out.append(m.inb(FDC_FIFO))
    return out


def fdc_start(m):
    """Out of reset, motor on, recalibrated."""
    m.outb(FDC_DOR, 0)
    m.outb(FDC_DOR, 0x1c)
    m.outb(0x3f7, 0)  # 500 kbit/s
    m.step(SECOND)
    for _ in range(4):
        fdc_send(m, 8)
        fdc_results(m)
    fdc_send(m, 7, 0)
    m.step(SECOND)
    fdc_send(m, 8)
    equal(fdc_results(m), [0x20, 0], "recalibrated")


def dma_set(m, mode, address, count):
    """Channel 2 of the 8237, and the cascade that it goes through."""
    m.outb(0xd6, 0xc0)
    m.outb(0xd4, 0)
    for port, value in ((0x0a, 6), (0x0c, 0), (0x04, address), (0x04, address >> 8),
                        (0x81, address >> 16), (0x05, count - 1), (0x05, count - 1 >> 8),
                        (0x0b, mode | 2), (0x0a, 2)):
        m.outb(port, value & 255)


@test
def floppy():
    """READ and WRITE DATA by DMA, an interrupt each; version, dump, a missing sector"""
    with work_dir() as work:
        data = pattern(1440 << 10)
        (work / "fd").write_bytes(data)
        with Machine("-drive", f"file={work}/fd,if=floppy,format=raw") as m:
            m.intercept()
            equal(m.cmos(0x10), 0x40, "1.44 MB in CMOS")
            fdc_start(m)
            fdc_send(m, 0x10)
            equal(fdc_results(m), [0x90], "82077AA")
            m.irqs_taken()
            dma_set(m, 0x44, 0x20000, 1024)
            fdc_send(m, 0xe6, 4, 0, 1, 17, 2, 18, 0x1b, 0xff)
            m.step(SECOND)
            equal(m.irqs_taken()[0], (6, 1))
            equal(fdc_results(m)[:3], [4, 0, 0], "ST0 to ST2")
            lba = 18 + 16
            equal(m.read(0x20000, 1024), data[lba * 512:lba * 512 + 1024])
            m.write(0x30000, pattern(512, seed=3))
            dma_set(m, 0x48, 0x30000, 512)
            fdc_send(m, 0xc5, 0, 0, 0, 5, 2, 18, 0x1b, 0xff)
            m.step(SECOND)
            equal(fdc_results(m)[:3], [0, 0, 0])
            dma_set(m, 0x44, 0x20000, 512)
            fdc_send(m, 0xe6, 0, 0, 0, 99, 2, 99, 0x1b, 0xff)
            m.step(SECOND)
            equal(fdc_results(m)[0] & 0xc0, 0x40, "abnormal end")
        equal((work / "fd").read_bytes()[4 * 512:5 * 512], pattern(512, seed=3), "the image")


@test
def floppy_without_dma():
    """READ DATA by the CPU: as many sectors as EOT says, twice with MT, over the end of a track"""
    with work_dir() as work:
        data = pattern(1440 << 10)
        (work / "fd").write_bytes(data)
        with Machine("-drive", f"file={work}/fd,if=floppy,format=raw") as m:
            m.intercept()
            equal(m.inb(FDC_MSR) & 0xc0, 0x80, "firmware has started it")
            m.outb(FDC_DOR, m.inb(FDC_DOR) & ~8)
            for eot, st0 in ((1, 0x04), (18, 0x04), (19, 0x20)):
                fdc_send(m, 7, 0, 8)
                fdc_results(m)
                fdc_send(m, 0xe6, 0, 0, 0, 1, 2, eot, 0x1b, 0xff)
                order = [(0, 0, r) for r in range(min(eot, 18))]
                order += [(0, 1, r) for r in range(min(eot, 18))] + \
                    [(1, 0, r) for r in range(2 * (eot - 18))]
                for cylinder, head, sector in order:
                    equal(m.inb(FDC_MSR), 0xf0, "not DMA, from the controller")
                    at = ((cylinder * 2 + head) * 18 + sector) * 512
                    m.qtest.send(b"inb 0x3f5\n" * 512)
                    got = bytes(int(m.reply()[3:], 16) for _ in range(512))
                    assert got == data[at:at + 512], (eot, cylinder, head, sector)
                equal(m.irq(6), True)
                results = fdc_results(m)
                equal((len(results), results[0]), (7, st0), f"ST0 after EOT {eot}")
                equal(m.irq(6), False)
        with Machine("-device", "floppy") as m:
            fdc_send(m, 0x0a, 4)
            equal(fdc_results(m)[:1], [4], "READ ID without a disk")


@test
def floppy_change():
    """a change of the medium sets the disk-change line until a seek"""
    with work_dir() as work:
        for name in "ab":
            (work / name).write_bytes(name.encode() * (1440 << 10))
        with Machine("-drive", f"file={work}/a,if=floppy,format=raw,id=fd", qmp=True) as m:
            fdc_start(m)
            fdc_send(m, 15, 0, 1)
            m.step(SECOND)
            fdc_send(m, 8)
            fdc_results(m)
            equal(m.inb(0x3f7) & 0x80, 0)
            m.command("blockdev-change-medium", device="fd", filename=str(work / "b"), format="raw")
            equal(m.inb(0x3f7) & 0x80, 0x80, "changed")
            fdc_send(m, 15, 0, 2)
            m.step(SECOND)
            fdc_send(m, 8)
            fdc_results(m)
            equal(m.inb(0x3f7) & 0x80, 0, "after a seek")
            dma_set(m, 0x44, 0x20000, 512)
            fdc_send(m, 0xe6, 0, 2, 0, 1, 2, 18, 0x1b, 0xff)
            m.step(SECOND)
            fdc_results(m)
            equal(m.read(0x20000, 4), b"bbbb")


# --- display ---

@test
def vga():
    """VGA: text window, DISPI mode, the linear frame buffer shows the same bytes"""
    with Machine() as m:
        m.config_put(2, 0x10, 0xe0000000)
        m.config_put(2, 4, 3, size=2)

        def dispi(index, value):
            m.outw(0x1ce, index)
            m.outw(0x1cf, value)
        m.outw(0x1ce, 0)
        equal(m.inw(0x1cf), 0xb0c5)
        for index, value in ((4, 0), (1, 640), (2, 480), (3, 32), (4, 0x41)):
            dispi(index, value)
        data = pattern(640 * 4)
        m.write(0xe0000000, data)
        equal(m.read(0xe0000000, len(data)), data)
        equal(m.read(0xa0000, len(data)), data, "bank 0 of the window")
        dispi(5, 1)
        m.put(0xa0004, 4, 0x12345678)
        equal(m.get(0xe0010004, 4), 0x12345678, "bank 1")
        dispi(4, 0)


@test
def no_vga():
    """-vga none: nobody answers at 02.0, 3C0h and A0000h"""
    with Machine("-vga", "none") as m:
        equal(m.config_get(2, 0), 0xffffffff)
        equal(m.inb(0x3cc), 0xff)
        equal(m.get(0xa0000, 4), 0xffffffff)


# --- extras ---

@test
def testdev_widths():
    """pc-testdev: registers of every width, read in every width"""
    with Machine("-device", "pc-testdev") as m:
        m.outl(0xe0, 0x87654321)
        equal(m.inl(0xe0), 0x87654321)
        equal((m.inw(0xe0), m.inw(0xe2)), (0x4321, 0x8765))
        equal([m.inb(0xe0 + i) for i in range(4)], [0x21, 0x43, 0x65, 0x87])
        m.outw(0xe2, 0x1234)
        m.outb(0xe0, 0xaa)
        equal(m.inl(0xe0), 0x123443aa)


@test
def pvpanic():
    """pvpanic: the events it knows, GUEST_PANICKED"""
    with Machine("-device", "pvpanic", "-action", "panic=pause", qmp=True) as m:
        equal(m.inb(0x505) & 1, 1)
        m.outb(0x505, 1)
        equal(m.event("GUEST_PANICKED")["data"]["action"], "pause")


@test
def ib700():
    """the IB700 watchdog runs out in virtual time unless it is fed or stopped"""
    with Machine("-device", "ib700", "-watchdog-action", "none", qmp=True) as m:
        m.outb(0x443, 14)  # two seconds
        m.step(SECOND)
        m.outb(0x443, 14)
        m.step(SECOND + SECOND // 2)
        equal([e["event"] for e in m.events if e["event"] == "WATCHDOG"], [])
        m.step(SECOND)
        equal(m.event("WATCHDOG")["data"]["action"], "none")
        m.outb(0x443, 14)
        m.outb(0x441, 0)
        m.step(10 * SECOND)
        m.command("query-status")
        equal([e["event"] for e in m.events if e["event"] == "WATCHDOG"], [])


@test
def debug_exit():
    """isa-debug-exit: the value written, times two plus one, is the exit status"""
    with Machine("-device", "isa-debug-exit,iobase=0x501") as m:
        m.outb(0x501, 0x10)
        equal(m.process.wait(10), 0x21)


@test
def power_off():
    """S5 ends the process with status 0 and tells why"""
    with Machine(qmp=True) as m:
        m.config_put(1, 0x40, 0xb001, function=3)
        m.config_put(1, 0x80, 1, size=1, function=3)
        m.outw(0xb004, 0x2000)
        data = m.event("SHUTDOWN")["data"]
        equal((data["guest"], data["reason"]), (True, "guest-shutdown"))
        equal(m.process.wait(10), 0)


tests_main()
