#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""IDE disks and CDs: PIO, bus-master DMA with all shapes of descriptor tables, flush, geometry."""

import itertools
import struct

from qtest import Machine, equal, pattern, test, test_each, tests_main, work_dir

SECTOR = 512
PRD_TABLE = 0x100000
BUFFER = 0x200000
BM = 0xc000  # where BMIBA is put

# ATA status and error bits, commands.
BSY, DRDY, DF, DRQ, ERR = 0x80, 0x40, 0x20, 0x08, 0x01
ABRT, IDNF = 0x04, 0x10
READ, READ_EXT, READ_MULTIPLE, WRITE, WRITE_MULTIPLE = 0x20, 0x24, 0xc4, 0x30, 0xc5
READ_DMA, READ_DMA_EXT, WRITE_DMA, WRITE_DMA_EXT = 0xc8, 0x25, 0xca, 0x35
FLUSH, FLUSH_EXT, IDENTIFY, IDENTIFY_PACKET, PACKET = 0xe7, 0xea, 0xec, 0xa1, 0xa0
SET_MULTIPLE, READ_VERIFY = 0xc6, 0x40
BM_START, BM_TO_MEMORY = 1, 8
BM_ACTIVE, BM_ERROR, BM_INTR = 1, 2, 4


class Ide(Machine):
    """A machine with disks, and the first channel's registers."""

    base, control, line = 0x1f0, 0x3f6, 14

    def command(self, op, lba=0, count=1, unit=0, ext=False):
        """Sets the task file and issues the command."""
        b = self.base
        if ext:
            self.outb(b + 6, 0x40 | unit << 4)
            for port, value in ((2, count >> 8), (3, lba >> 24), (4, lba >> 32), (5, lba >> 40)):
                self.outb(b + port, value & 255)
        else:
            self.outb(b + 6, 0xe0 | unit << 4 | lba >> 24)
        for port, value in ((2, count), (3, lba), (4, lba >> 8), (5, lba >> 16), (7, op)):
            self.outb(b + port, value & 255)

    def status(self):
        return self.inb(self.base + 7)

    def sector_in(self):
        """One DRQ block of 512 bytes by the data port."""
        return b"".join(struct.pack("<H", self.inw(self.base)) for _ in range(SECTOR // 2))

    def sector_out(self, data):
        for word in struct.unpack("<256H", data):
            self.outw(self.base, word)

    def bus_master_enable(self):
        self.config_put(1, 0x20, BM | 1, function=1)
        self.config_put(1, 4, 5, size=2, function=1)

    def dma(self, op, prds, to_memory, **task):
        """Runs a bus-master command over (address, length, last) rows; BMIS afterwards."""
        table = b"".join(struct.pack("<II", a, n & 0xffff | (0x80000000 if last else 0))
                         for a, n, last in prds)
        self.write(PRD_TABLE, table)
        self.outb(BM, 0)
        self.outb(BM + 2, BM_ERROR | BM_INTR)
        self.outl(BM + 4, PRD_TABLE)
        self.outb(BM, BM_TO_MEMORY if to_memory else 0)
        self.command(op, **task)
        self.outb(BM, BM_START | (BM_TO_MEMORY if to_memory else 0))
        return self.inb(BM + 2)


def disk(work, size=1 << 20, name="disk", data=None):
    """An image and its contents."""
    path = work / name
    data = pattern(size) if data is None else data
    path.write_bytes(data)
    return path, data


def drive(path, index=0, media="disk", more=""):
    return "-drive", f"file={path},if=ide,index={index},media={media},format=raw{more}"


def words(data):
    return struct.unpack(f"<{len(data) // 2}H", data)


@test
def identify():
    """IDENTIFY DEVICE: model, geometry, capacity; the packet command is refused"""
    with work_dir() as work:
        path, data = disk(work, 2 << 20)
        with Ide("-device", "ide-hd,drive=d,serial=SER123,model=Some Disk,bus=ide.0", "-drive",
                 f"file={path},if=none,id=d,format=raw", defaults=False) as m:
            m.intercept()
            m.command(IDENTIFY)
            equal(m.irq(14), True)
            equal(m.status() & ~DRDY & 0xff, DRQ | 0x10)
            w = words(m.sector_in())
            equal(m.status() & (BSY | DRQ | ERR), 0)
            text = b"".join(struct.pack(">H", x) for x in w)
            equal(text[20:40].strip(), b"SER123")
            equal(text[54:94].strip(), b"Some Disk")
            equal(w[60] | w[61] << 16, len(data) // SECTOR)
            equal(w[1] * w[3] * w[6] <= len(data) // SECTOR, True)
            equal(w[83] & 0x7400, 0x7400, "48 bit, flush and flush ext")
            m.command(IDENTIFY_PACKET)
            equal(m.status() & ERR, ERR)
            equal(m.inb(m.base + 1), ABRT)


@test_each(op=[READ, READ_EXT, READ_MULTIPLE])
def pio_read(op):
    """PIO reads give the medium's bytes, an interrupt per DRQ block"""
    with work_dir() as work:
        path, data = disk(work)
        with Ide(*drive(path)) as m:
            m.intercept()
            m.command(SET_MULTIPLE, count=16)
            m.status()
            for lba, count in ((0, 1), (1, 3), (100, 20), (2047, 1)):
                m.irqs_taken()
                m.command(op, lba, count, ext=op == READ_EXT)
                block = 16 if op == READ_MULTIPLE else 1
                rises = 0
                got = b""
                for i in range(count):
                    if i % block == 0:
                        rises += m.irq(14)
                        equal(m.status() & (BSY | DRQ | ERR), DRQ)
                    got += m.sector_in()
                equal(got, data[lba * SECTOR:(lba + count) * SECTOR], "data")
                equal(rises, -(-count // block), "interrupts")
                equal(m.status() & (BSY | DRQ | ERR), 0)


@test_each(op=[WRITE, WRITE_MULTIPLE])
def pio_write(op):
    """PIO writes reach the image, and nothing beside them changes"""
    with work_dir() as work:
        path, data = disk(work)
        new = pattern(20 * SECTOR, seed=7)
        with Ide(*drive(path)) as m:
            m.intercept()
            m.command(SET_MULTIPLE, count=8)
            m.status()
            m.command(op, 50, 20)
            equal(m.irq(14), False, "no interrupt for the first block")
            for i in range(20):
                equal(m.status() & (BSY | DRQ | ERR), DRQ)
                m.sector_out(new[i * SECTOR:(i + 1) * SECTOR])
            equal(m.irq(14), True)
            equal(m.status() & (BSY | DRQ | ERR), 0)
            m.command(FLUSH)
            equal(m.status() & (BSY | DRQ | ERR | DF), 0)
        want = data[:50 * SECTOR] + new + data[70 * SECTOR:]
        assert path.read_bytes() == want, "the image"


# How the bytes of a transfer are cut into descriptors, by their lengths; 0 stands for 64 KiB.
SHAPES = {
    "one": lambda n: [n],
    "halves": lambda n: [n // 2, n - n // 2],
    "small first": lambda n: [2, n - 2],
    "small last": lambda n: [n - 2, 2],
    "words": lambda n: [2] * (n // 2),
    "odd sectors": lambda n: [510] * (n // 510) + ([n % 510] if n % 510 else []),
}


@test_each(shape=list(SHAPES))
def dma_shapes(shape):
    """descriptor tables of any shape move the same bytes, both ways"""
    with work_dir() as work:
        path, data = disk(work)
        with Ide(*drive(path)) as m:
            m.intercept()
            m.bus_master_enable()
            for sectors, gap in itertools.product((1, 3, 16), (0, 6)):
                n = sectors * SECTOR
                at, prds = BUFFER, []
                for length in SHAPES[shape](n):
                    prds.append((at, length, False))
                    at += length + gap
                prds[-1] = (*prds[-1][:2], True)
                m.ok(f"memset {BUFFER:#x} 0x40000 0xee")
                equal(m.dma(READ_DMA, prds, True, lba=8, count=sectors), BM_INTR, "BMIS")
                equal(m.irq(14), True)
                equal(m.status() & (BSY | DRQ | ERR), 0)
                memory = m.read(BUFFER, 0x40000)
                got = b"".join(memory[a - BUFFER:a - BUFFER + k] for a, k, _ in prds)
                equal(got, data[8 * SECTOR:8 * SECTOR + n], "data")
                end = prds[-1][0] + prds[-1][1] - BUFFER
                equal(set(memory[end:]), {0xee}, "behind the last descriptor")
                equal(m.dma(WRITE_DMA, prds, False, lba=1000, count=sectors), BM_INTR, "BMIS")
                m.status()
                equal(m.dma(READ_DMA, [(BUFFER, n, True)], True, lba=1000, count=sectors), BM_INTR)
                m.status()
                equal(m.read(BUFFER, n), data[8 * SECTOR:8 * SECTOR + n], "written and read")


@test
def dma_full_descriptor():
    """length 0 is 64 KiB"""
    with work_dir() as work:
        path, data = disk(work)
        with Ide(*drive(path)) as m:
            m.bus_master_enable()
            equal(m.dma(READ_DMA, [(BUFFER, 0, False), (BUFFER + 0x10000, 0, True)], True,
                        lba=3, count=0), BM_INTR)
            equal(m.read(BUFFER, 0x20000), data[3 * SECTOR:3 * SECTOR + 0x20000])


@test
def dma_long_table():
    """descriptors that are too many leave the bus master active, with its interrupt"""
    with work_dir() as work:
        path, data = disk(work)
        with Ide(*drive(path)) as m:
            m.bus_master_enable()
            equal(m.dma(READ_DMA, [(BUFFER, 4096, False), (BUFFER + 4096, 4096, True)], True,
                        count=1), BM_INTR | BM_ACTIVE)
            equal(m.status() & (BSY | DRQ | ERR), 0)
            equal(m.read(BUFFER, SECTOR), data[:SECTOR])
            m.outb(BM, 0)
            equal(m.inb(BM + 2), BM_INTR)


@test
def dma_short_table():
    """descriptors that are too few: the drive waits, stopping the engine ends it"""
    with work_dir() as work:
        path, _ = disk(work)
        with Ide(*drive(path)) as m:
            m.intercept()
            m.bus_master_enable()
            equal(m.dma(READ_DMA, [(BUFFER, 512, True)], True, count=2) & BM_INTR, 0)
            equal(m.irq(14), False)
            m.outb(BM, 0)
            equal(m.inb(BM + 2) & BM_ACTIVE, 0)
            m.outb(m.control, 4)  # SRST
            m.outb(m.control, 0)
            equal(m.status() & (BSY | DRQ), 0)
            equal(m.dma(READ_DMA, [(BUFFER, 1024, True)], True, count=2), BM_INTR)


@test
def dma_outside_ram():
    """a transfer outside RAM is a bus-master error, not a crash"""
    with work_dir() as work:
        path, _ = disk(work)
        with Ide(*drive(path)) as m:
            m.bus_master_enable()
            for address in (0xa0000, 0xe0000000, 0xfec00000, 0xfffffffe):
                status = m.dma(READ_DMA, [(address, 512, True)], True, count=1)
                m.outb(BM, 0)
                equal(status & BM_ERROR, BM_ERROR, f"BMIS at {address:#x}")
                m.outb(m.control, 4)
                m.outb(m.control, 0)
            equal(m.dma(READ_DMA, [(BUFFER, 512, True)], True, count=1), BM_INTR)


@test
def dma_without_bus_master():
    """without the bus-master bit nothing is transferred, and a read ends"""
    with work_dir() as work:
        path, _ = disk(work)
        with Ide(*drive(path)) as m:
            m.bus_master_enable()
            m.config_put(1, 4, 1, size=2, function=1)
            m.ok(f"memset {BUFFER:#x} 512 0xee")
            status = m.dma(READ_DMA, [(BUFFER, 512, True)], True, count=1)
            equal(status, BM_INTR | BM_ACTIVE)
            equal(m.status() & (BSY | DRQ | ERR), 0)
            equal(m.read(BUFFER, 512), b"\xee" * 512)


@test_each(op=[READ, READ_DMA, WRITE_DMA, READ_VERIFY])
def beyond_the_end(op):
    """an address beyond the medium is IDNF"""
    with work_dir() as work:
        path, data = disk(work)
        last = len(data) // SECTOR
        with Ide(*drive(path)) as m:
            m.bus_master_enable()
            for lba, count in ((last, 1), (last - 1, 2), (0x0fffffff, 1)):
                m.dma(op, [(BUFFER, count * SECTOR, True)], op != WRITE_DMA, lba=lba, count=count)
                if op == READ and lba < last:
                    m.sector_in()  # the sector that exists
                equal(m.status() & (BSY | DRQ | ERR), ERR, f"status at {lba:#x}")
                equal(m.inb(m.base + 1) & IDNF, IDNF, "error register")
                m.outb(BM, 0)
        equal(path.read_bytes(), data, "the image")


@test
def trim():
    """TRIM of ranges by DMA; one beyond the end is refused, whatever the count's high byte was"""
    with work_dir() as work:
        path, _ = disk(work)
        with Ide(*drive(path)) as m:
            m.bus_master_enable()
            for first, count, error in ((8, 16, False), (2047, 2, True), (0, 0, False)):
                m.write(BUFFER, struct.pack("<QQ", first | count << 48, 0) + bytes(496))
                m.outb(m.base + 1, 1)
                m.outb(m.base + 2, 0xff)
                equal(m.dma(0x06, [(BUFFER, 512, True)], False, count=1), BM_INTR)
                equal(bool(m.status() & ERR), error, f"range of {count} at {first}")


@test_each(op=[FLUSH, FLUSH_EXT])
def flush(op):
    """FLUSH CACHE interrupts when all is written; on an empty place nothing answers"""
    with work_dir() as work:
        path, _ = disk(work)
        with Ide(*drive(path), defaults=False) as m:
            m.intercept()
            m.command(op)
            equal(m.irq(14), True)
            equal(m.status(), DRDY | 0x10)
            equal(m.irq(14), False)
            m.command(op, unit=1)
            equal(m.status() & (BSY | DRQ), 0)
            m.outb(0x1f6, 0xe0)
            equal(m.status(), DRDY | 0x10)


@test
def two_channels():
    """master and slave of both channels are different disks with different lines"""
    with work_dir() as work:
        images = [disk(work, name=f"d{i}", data=bytes([i + 1]) * (1 << 20))[0] for i in range(4)]
        with Ide(*(a for i, p in enumerate(images) for a in drive(p, i)), defaults=False) as m:
            m.intercept()
            for i in range(4):
                m.base, line = (0x1f0, 14) if i < 2 else (0x170, 15)
                m.command(READ, lba=i, unit=i % 2)
                equal(m.irqs_taken(), [(line, 1)])
                equal(m.status() & (BSY | DRQ | ERR), DRQ)
                equal(set(m.sector_in()), {i + 1}, f"drive {i}")
                m.irqs_taken()


@test
def read_only():
    """a write to a read-only image is refused and changes nothing"""
    with work_dir() as work:
        path, data = disk(work)
        with Ide(*drive(path, more=",readonly=on")) as m:
            m.command(WRITE)
            if m.status() & DRQ:
                m.sector_out(bytes(SECTOR))
            equal(m.status() & ERR, ERR)
        equal(path.read_bytes(), data, "the image")


@test
def snapshot():
    """snapshot=on: what is written can be read again, and the image stays as it is"""
    with work_dir() as work:
        path, data = disk(work)
        path.chmod(0o400)
        with Ide(*drive(path, more=",snapshot=on")) as m:
            m.command(READ, 5)
            equal(m.sector_in(), data[5 * SECTOR:6 * SECTOR])
            m.command(WRITE, 5)
            m.sector_out(pattern(SECTOR, seed=8))
            equal(m.status() & (BSY | DRQ | ERR), 0)
            m.command(READ, 5)
            equal(m.sector_in(), pattern(SECTOR, seed=8))
        equal(path.read_bytes(), data, "the image")


# --- CD ---

def packet(m, cdb, limit=0xfffe):
    """Sends a packet command by PIO and collects what it returns."""
    for port, value in ((6, 0x00), (1, 0), (4, limit & 255), (5, limit >> 8), (7, PACKET)):
        m.outb(m.base + port, value)
    equal(m.status() & (BSY | DRQ | ERR), DRQ, "packet phase")
    for word in words(cdb.ljust(12, b"\0")):
        m.outw(m.base, word)
    out = b""
    while m.status() & DRQ:
        n = m.inb(m.base + 4) | m.inb(m.base + 5) << 8
        assert 0 < n <= limit, n
        for _ in range(n // 2):
            out += struct.pack("<H", m.inw(m.base))
    return out


@test
def cd_read():
    """READ(10) of a CD by PIO, in pieces of the byte count limit"""
    with work_dir() as work:
        path, data = disk(work, 1 << 20)
        with Ide(*drive(path, 2, "cdrom"), defaults=False) as m:
            m.base = 0x170
            m.outb(0x176, 0)
            equal((m.inb(0x174), m.inb(0x175)), (0x14, 0xeb), "signature")
            packet(m, b"\0")  # TEST UNIT READY takes the unit attention
            packet(m, b"\0")
            for limit in (0xfffe, 2048, 2000, 512):
                got = packet(m, struct.pack(">BBIBH", 0x28, 0, 5, 0, 4), limit)
                assert got == data[5 * 2048:9 * 2048], f"limit {limit}"
            capacity = packet(m, b"\x25")
            equal(struct.unpack(">II", capacity), (511, 2048))
            packet(m, struct.pack(">BBIBH", 0x28, 0, 512, 0, 1))
            equal(m.status() & ERR, ERR)
            equal(m.inb(m.base + 1) >> 4, 5, "sense key: illegal request")


@test
def cd_dma():
    """READ(10) of a CD by bus master"""
    with work_dir() as work:
        path, data = disk(work, 1 << 20)
        with Ide(*drive(path, 0, "cdrom"), defaults=False) as m:
            m.bus_master_enable()
            packet(m, b"\0")
            packet(m, b"\0")
            m.write(PRD_TABLE, struct.pack("<II", BUFFER, 0x80000000 | 8192))
            m.outl(BM + 4, PRD_TABLE)
            m.outb(BM + 2, BM_ERROR | BM_INTR)
            m.outb(BM, BM_TO_MEMORY)
            for port, value in ((6, 0), (1, 1), (4, 0), (5, 0), (7, PACKET)):
                m.outb(0x1f0 + port, value)
            for word in words(struct.pack(">BBIBH", 0x28, 0, 7, 0, 4).ljust(12, b"\0")):
                m.outw(0x1f0, word)
            m.outb(BM, BM_TO_MEMORY | BM_START)
            equal(m.inb(BM + 2), BM_INTR)
            equal(m.status() & (BSY | DRQ | ERR), 0)
            equal(m.read(BUFFER, 8192), data[7 * 2048:11 * 2048])


# --- geometry ---

def mbr(head, sector):
    """A partition table whose first entry ends at that head and sector."""
    entry = struct.pack("<BBBBBBBBII", 0x80, 1, 1, 0, 6, head, sector, 0xff, 63, 1000)
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"


@test_each(kind=["blank", "partitioned", "given"])
def geometry(kind):
    """IDENTIFY and CMOS agree on the geometry: by size, by partition table, by -device"""
    with work_dir() as work:
        path = work / "disk"
        with open(path, "wb") as image:
            image.write(mbr(15, 63) if kind == "partitioned" else b"")
            image.truncate(504 << 20)
        args = ["-drive", f"file={path},if=none,id=d,format=raw", "-device", "ide-hd,drive=d" +
                (",cyls=4000,heads=5,secs=30" if kind == "given" else "")]
        with Ide(*args, defaults=False) as m:
            m.command(IDENTIFY)
            w = words(m.sector_in())
            want = (4000, 5, 30) if kind == "given" else (1024, 16, 63)
            equal((w[1], w[3], w[6]), want, "IDENTIFY")
            equal(m.cmos(0x12), 0xf0, "drive types")
            equal(m.cmos(0x19), 47)
            equal(m.cmos(0x1b) | m.cmos(0x1c) << 8, want[0], "CMOS cylinders")
            equal((m.cmos(0x1d), m.cmos(0x23)), want[1:], "CMOS heads and sectors")


tests_main()
