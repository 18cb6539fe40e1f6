#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The protocol itself: every request, lines of any length, the ways to connect, the end."""

import base64
import os
import signal
import socket
import subprocess

from qtest import (PROGRAM, WAIT, Lines, Machine, equal, listen, pattern, test, test_each,
                   tests_main, work_dir)

RAM = 0x100000
ARGUMENTS = ["-machine", "pc,accel=qtest", "-display", "none", "-nodefaults"]


@test
def widths():
    """single accesses of 1, 2, 4 and 8 bytes, little endian"""
    with Machine() as m:
        equal(m.ok("endianness"), "little")
        m.put(RAM, 8, 0x8877665544332211)
        for size in (1, 2, 4, 8):
            want = 0x8877665544332211 & ((1 << size * 8) - 1)
            equal(m.get(RAM, size), want, f"read of {size}")
            equal(m.ok(f"read{'bwlq'[size.bit_length() - 1]} {RAM}"), f"0x{want:016x}")
        m.put(RAM + 1, 1, 0x1ff)
        m.put(RAM + 3, 2, 0xabcd)
        m.put(RAM + 6, 4, 0x01020304)
        equal(m.read(RAM, 10), bytes.fromhex("11ff33cdab6604030201"), "bytes")


@test
def numbers():
    """numbers are decimal, octal, hexadecimal or negative, as strtoul takes them"""
    with Machine() as m:
        m.ok(f"writel {RAM} -1")
        equal(m.get(RAM, 8), 0xffffffff)
        m.ok(f"writel 0X{RAM:X} 010")
        equal(m.get(RAM, 4), 8)
        m.ok(f"writeq {RAM} 0xFFFFFFFFFFFFFFFF")
        equal(m.get(RAM, 8), 2 ** 64 - 1)


@test
def port_replies():
    """port reads answer with four digits at least"""
    with Machine() as m:
        m.outl(0xcf8, 0x80000000)
        equal(m.ok("inl 0xcfc"), "0x12378086")
        equal(m.ok("inw 0xcfc"), "0x8086")
        equal(m.ok("inb 0xcfc"), "0x0086")
        equal(m.ok("inl 0xcf8"), "0x80000000")
        equal(m.ok("inl 0x3100"), "0xffffffff", "a port that nobody has")
        equal(m.ok("inb 65535"), "0x00ff")


@test
def blocks():
    """blocks in hexadecimal and base64 agree; memset fills"""
    data = pattern(1000)
    with Machine() as m:
        m.ok(f"write {RAM:#x} {len(data)} 0x{data.hex()}")
        equal(m.read(RAM, len(data)), data, "base64 of what hex wrote")
        m.write(RAM + 5000, data[::-1])
        equal(m.ok(f"read {RAM + 5000} {len(data)}"), "0x" + data[::-1].hex())
        m.ok(f"memset {RAM + 10} 20 0x5a")
        equal(m.read(RAM, 40), data[:10] + b"\x5a" * 20 + data[30:40])
        m.ok(f"memset {RAM} 0 0xff")
        equal(m.get(RAM, 1), data[0])


@test
def short_and_long_data():
    """missing digits are zero, too many are dropped; base64 writes what there is"""
    with Machine() as m:
        m.ok(f"memset {RAM} 16 0xee")
        m.ok(f"write {RAM} 4 0x1122")
        equal(m.read(RAM, 5), bytes.fromhex("11220000ee"))
        m.ok(f"write {RAM} 2 0xaabbccdd")
        equal(m.read(RAM, 5), bytes.fromhex("aabb0000ee"))
        m.ok(f"b64write {RAM} 8 {base64.b64encode(b'xyz').decode()}")
        equal(m.read(RAM, 5), b"xyz\x00\xee")
        equal(m.ask(f"write {RAM} 4 0x"), "ERR invalid argument size")
        equal(m.ask(f"b64write {RAM} 4 ab"), "ERR invalid argument size")


@test_each(size=[128 << 10, 1 << 20, 8 << 20])
def long_lines(size):
    """lines as long as blocks make them"""
    data = pattern(size)
    with Machine("-m", "64") as m:
        m.ok(f"write {RAM:#x} {size} 0x{data.hex()}")
        assert m.read(RAM, size) == data, "base64 read differs"
        assert m.ok(f"read {RAM:#x} {size}") == "0x" + data.hex(), "hex read differs"
        m.write(RAM + size, data[::-1])
        assert m.read(RAM + size, size) == data[::-1], "base64 write differs"


@test
def bursts():
    """requests sent all at once are answered in order; a line may come in pieces"""
    with Machine() as m:
        m.qtest.send(b"".join(b"writel %d %d\nreadl %d\n" % (RAM + 4 * i, i, RAM + 4 * i)
                              for i in range(2000)))
        for i in range(2000):
            equal(m.reply(), "OK")
            equal(m.reply(), f"OK 0x{i:016x}")
        for byte in b"endianness\n":
            m.qtest.send(bytes([byte]))
        equal(m.reply(), "OK little")


@test
def bursts_of_io():
    """requests that wait behind one that reads a disk are not overtaken"""
    data = pattern(1 << 20)
    with work_dir() as work:
        (work / "disk").write_bytes(data)
        with Machine("-drive", f"file={work}/disk,if=ide,format=raw") as m:
            m.qtest.send(b"".join(
                b"outb 0x1f6 0xe0\noutb 0x1f2 1\noutb 0x1f3 %d\noutb 0x1f4 0\noutb 0x1f5 0\n"
                b"outb 0x1f7 0x20\ninb 0x3f6\n" % i + b"inw 0x1f0\n" * 256 for i in range(20)))
            for i in range(20):
                for _ in range(6):
                    equal(m.reply(), "OK")
                equal(m.reply(), "OK 0x0058", "DRDY, DSC and DRQ")
                for at in range(i * 512, (i + 1) * 512, 2):
                    word = int.from_bytes(data[at:at + 2], "little")
                    equal(m.reply(), f"OK 0x{word:04x}")


@test
def unread_replies():
    """a client that does not read is not served further, and loses nothing"""
    with Machine("-m", "64") as m:
        for turn in range(8):  # the client begins to read while the device model finds it does not
            for i in range(16):
                m.qtest.send(b"read %d %d\n" % (RAM, 1 << 20))
            for i in range(16):
                equal(len(m.reply()), 5 + (2 << 20), f"turn {turn}, reply {i}")


@test
def wrong_requests():
    """what cannot be understood is refused in one line, and nothing dies"""
    with Machine() as m:
        for line, want in ((b"frobnicate 1", "FAIL Unknown command 'frobnicate'"),
                           (b"rtas 1 2", "FAIL Unknown command 'rtas'"),
                           (b"", "FAIL Unknown command ''"),
                           (b"module_load a b", "FAIL"),
                           (b"irq_intercept_in nothing", "FAIL Unknown device"),
                           (b"set_irq_in nothing unnamed-gpio-in 1 1", "FAIL Unknown device")):
            m.qtest.send(line + b"\n")
            equal(m.reply(), want, line)
        for line in (b"inb", b"inb x", b"inb 0x", b"inb 65536", b"inb 0x1g", b"inb 08", b"inb -1",
                     b"outb 1", b"outb 1 x", b"readl", b"writel 1", b"read 0", b"read 0 0",
                     b"read 0 99999999999", b"b64read 0 -1", b"memset 0 -1 0", b"memset 0 1",
                     b"clock_step x", b"clock_set", b"write 0", b"readq 18446744073709551616",
                     b"set_irq_in ioapic unnamed-gpio-in 24 1", b"set_irq_in ioapic x 1 1",
                     b"set_irq_in ioapic", b"irq_intercept_in", b"  ", b"\0\xff\x01"):
            m.qtest.send(line + b"\n")
            reply = m.reply()
            assert reply.startswith(("FAIL", "ERR")), f"{line}: {reply}"
        equal(m.ok("endianness"), "little")
        equal(m.stop(), 0, "exit status")


@test
def edges_of_memory():
    """accesses at the end of RAM, across pieces and at the end of the address space"""
    with Machine("-m", "16") as m:
        end = 16 << 20
        m.put(end - 4, 8, 0x1122334455667788)
        equal(m.get(end - 4, 8), 0xffffffff55667788, "across the end of RAM")
        equal(m.read(end - 2, 4), b"\x66\x55\xff\xff")
        equal(m.get(0xffffffffffffffff, 8), 2 ** 64 - 1)
        m.put(0xfffffffffffffffc, 8, 0)
        m.ok("memset 0xffffffffffffff00 0x1000 0")
        m.put(0x9fffe, 4, 0x44332211)
        equal(m.get(0x9fffe, 2), 0x2211, "below the VGA window")


@test
def sigterm():
    """SIGTERM ends it with status 0, also in the middle of a line"""
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with Machine() as m:
            m.qtest.send(b"read")
            equal(m.stop(sig), 0, f"exit status after {sig.name}")


@test
def hang_up():
    """when the client goes, it ends with status 0"""
    with Machine() as m:
        m.qtest.sock.shutdown(socket.SHUT_RDWR)
        equal(m.process.wait(WAIT), 0, "exit status")


@test
def server():
    """server=on,wait=off: clients come and go; the machine stays as it was"""
    with work_dir() as work:
        path = work / "q"
        with subprocess.Popen([PROGRAM, *ARGUMENTS, "-qtest", f"unix:{path},server=on,wait=off",
                               "-qtest-log", "none"]) as process:
            for i in range(3):
                while True:
                    sock = socket.socket(socket.AF_UNIX)
                    try:
                        sock.connect(str(path))
                        break
                    except (FileNotFoundError, ConnectionRefusedError):
                        sock.close()
                        assert process.poll() is None, "it ended"
                lines = Lines(sock)
                lines.send(b"readl 0x1000\nwritel 0x1000 %d\n" % (i + 1))
                equal(lines.line(), f"OK 0x{i:016x}")
                equal(lines.line(), "OK")
                sock.close()
            process.terminate()
            equal(process.wait(WAIT), 0, "exit status")


@test
def standard_streams():
    """-qtest stdio: a pipe or a file of requests, replies on standard output"""
    script = b"writel 0x1000 5\nreadl 0x1000\nclock_step 7\n"
    want = b"OK\nOK 0x0000000000000005\nOK 7\n"
    argv = [PROGRAM, *ARGUMENTS, "-qtest", "stdio", "-qtest-log", "none"]
    done = subprocess.run(argv, input=script, stdout=subprocess.PIPE, timeout=WAIT, check=False)
    equal((done.returncode, done.stdout), (0, want), "by a pipe")
    with work_dir() as work:
        (work / "script").write_bytes(script)
        with open(work / "script", "rb") as file, open(work / "out", "wb") as out:
            done = subprocess.run(argv, stdin=file, stdout=out, timeout=WAIT, check=False)
        equal((done.returncode, (work / "out").read_bytes()), (0, want), "by files")


@test
def chardev():
    """-qtest chardev:ID takes a chardev that is defined elsewhere"""
    with work_dir() as work:
        sock = listen(work / "q")
        argv = [PROGRAM, *ARGUMENTS, "-qtest", "chardev:c", "-chardev",
                f"socket,id=c,path={work}/q", "-qtest-log", "none"]
        with subprocess.Popen(argv) as process:
            lines = Lines(sock.accept()[0])
            lines.send(b"endianness\n")
            equal(lines.line(), "OK little")
            process.terminate()
            equal(process.wait(WAIT), 0, "exit status")


@test
def log_file():
    """-qtest-log FILE holds requests and replies"""
    with work_dir() as work:
        subprocess.run([PROGRAM, *ARGUMENTS, "-qtest", "stdio", "-qtest-log", work / "log"],
                       input=b"inb 0x3100\nclock_step 5\n", stdout=subprocess.DEVNULL,
                       timeout=WAIT, check=True)
        log = (work / "log").read_text().splitlines()
        equal([line.split(" ", 2)[0] for line in log], ["[I", "[R", "[S", "[R", "[S", "[I"])
        equal([line.split("] ")[1] for line in log],
              ["OPENED", "inb 0x3100", "OK 0x00ff", "clock_step 5", "OK 5", "CLOSED"])


@test
def nobody_there():
    """a socket that nobody listens on is one line and a status that is not 0"""
    with work_dir() as work:
        done = subprocess.run([PROGRAM, *ARGUMENTS, "-qtest", f"unix:{work}/none"],
                              stderr=subprocess.PIPE, timeout=WAIT, check=False)
        assert done.returncode not in (0, -6, -11), done.returncode
        equal(done.stderr.count(b"\n"), 1, "lines")
        assert b"-qtest" in done.stderr, done.stderr


@test_each(name=["qemu-system-i386", "my-system-x86_64"])
def link_name(name):
    """started by a name that ends in -system-i386 or -system-x86_64 it behaves the same"""
    with work_dir() as work:
        os.symlink(PROGRAM, work / name)
        with Machine(program=work / name, qmp=True) as m:
            equal(m.ok("endianness"), "little")
            equal(m.command("query-status")["status"], "running")
            m.command("quit")
            equal(m.process.wait(WAIT), 0, "exit status after quit")


@test
def same_again():
    """the same requests give the same answers, block I/O and time included"""
    def run():
        with work_dir() as work:
            disk = work / "disk"
            disk.write_bytes(pattern(1 << 20))
            with Machine("-drive", f"file={disk},if=ide,format=raw") as m:
                m.intercept()
                out = []
                for lba in range(0, 2048, 64):
                    for port, value in ((0x1f6, 0xe0), (0x1f2, 1), (0x1f3, lba & 255),
                                        (0x1f4, lba >> 8), (0x1f5, 0), (0x1f7, 0x20)):
                        m.outb(port, value)
                    out.append((m.inb(0x3f6), m.irqs_taken(), m.inw(0x1f0), m.step()))
                return out
    equal(run(), run(), "two runs")


@test
def long_run():
    """a hundred thousand requests leave the process as large as a thousand did"""
    def resident(m):
        with open(f"/proc/{m.process.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * 4096

    with Machine() as m:
        burst = b"".join(b"inb 0x%x\noutb 0x80 1\nreadl 0x%x\nclock_step 1000\n" % (i * 7, i * 4096)
                         for i in range(250))

        def rounds(n):
            for _ in range(n):
                m.qtest.send(burst)
                for _ in range(1000):
                    assert m.reply().startswith("OK")
        rounds(2)
        before = resident(m)
        rounds(100)
        grown = resident(m) - before
        assert grown < 1 << 20, f"grew by {grown} bytes"


tests_main()
