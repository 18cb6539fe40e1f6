#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual time and interrupt lines: RTC, PIT, HPET, PM timer, PIC, I/O APIC, PIRQ routing."""

import datetime
import time

from qtest import SECOND, Machine, equal, test, test_each, tests_main

PIT_HZ = 1193182
PM_HZ = 3579545
HPET = 0xfed00000
HPET_NS = 16
IOAPIC = 0xfec00000

# RTC: registers and bits of the MC146818A.
RTC_B_24H, RTC_B_DM, RTC_B_UIE, RTC_B_AIE, RTC_B_PIE, RTC_B_SET = 2, 4, 0x10, 0x20, 0x40, 0x80


def bcd(value):
    """77h is 77."""
    return (value >> 4) * 10 + (value & 15)


def rtc_set(m, mode, *values):
    """Stops the divider, writes hour, minute, second, and starts it."""
    m.cmos_put(0xb, mode)
    m.cmos_put(0xa, 0x76)
    for register, value in zip((4, 2, 0, 7, 8, 9), values):
        m.cmos_put(register, value)
    m.cmos_put(0xa, 0x26)


@test
def nothing_happens():
    """time stands still between clock_steps"""
    with Machine() as m:
        m.intercept()
        m.cmos_put(0xb, RTC_B_24H | RTC_B_PIE)
        m.outb(0x43, 0x34)
        m.outb(0x40, 2)
        m.outb(0x40, 0)
        before = m.cmos(0), m.inl(0xcfc), m.get(HPET + 0xf0, 8)
        m.irqs_taken()
        time.sleep(0.2)
        equal(m.now(), 0)
        equal((m.cmos(0), m.inl(0xcfc), m.get(HPET + 0xf0, 8)), before)
        equal(m.irqs_taken(), [])


@test
def steps():
    """clock_step and clock_set answer with the time; time never goes back"""
    with Machine() as m:
        equal(m.step(5), 5)
        equal(m.step(0), 5)
        equal(int(m.ok("clock_set 1000")), 1000)
        equal(int(m.ok("clock_set 10")), 1000)
        equal(int(m.ok("clock_set -1")), 1000)
        equal(m.step(-7), 1000)
        equal(m.step(), 1000, "no deadline")
        equal(m.step(2 ** 63 - 1), 1000, "past the end of time")


@test
def next_deadline():
    """clock_step without an argument goes exactly to the next deadline"""
    with Machine() as m:
        m.intercept()
        m.outb(0x43, 0x30)  # counter 0, mode 0
        m.outb(0x40, 100)
        m.outb(0x40, 0)
        at = m.step()
        equal(m.irqs_taken(), [(0, 1)])
        assert 101 * SECOND // PIT_HZ <= at <= 101 * SECOND // PIT_HZ + 1, at
        equal(m.step(), at, "nothing further")


@test
def stopped():
    """while the machine is stopped time passes, but nothing fires until it goes on"""
    with Machine("-S", qmp=True) as m:
        m.intercept()
        m.outb(0x43, 0x30)
        m.outb(0x40, 100)
        m.outb(0x40, 0)
        equal(m.step(SECOND), SECOND)
        equal(m.irqs_taken(), [])
        m.command("cont")
        equal(m.step(1), SECOND + 1)
        equal(m.irqs_taken(), [(0, 1)])


@test
def rtc_wall_clock():
    """the RTC starts with the host's time of day"""
    with Machine() as m:
        now = datetime.datetime.now(datetime.timezone.utc)
        got = [bcd(m.cmos(i)) for i in (9, 8, 7, 4, 2, 0)]
        then = datetime.datetime(2000 + got[0], *got[1:], tzinfo=datetime.timezone.utc)
        assert abs((now - then).total_seconds()) < 10, (now, then)
        equal(bcd(m.cmos(0x32)), 20, "century")


@test
def rtc_date():
    """-rtc base=DATE sets the time of day"""
    with Machine("-rtc", "base=2006-06-17T16:01:21") as m:
        equal([bcd(m.cmos(i)) for i in (9, 8, 7, 4, 2, 0)], [6, 6, 17, 16, 1, 21])
        m.step(40 * SECOND)
        equal([bcd(m.cmos(i)) for i in (4, 2, 0)], [16, 2, 1])


@test_each(mode=[0, RTC_B_DM, RTC_B_24H, RTC_B_24H | RTC_B_DM])
def rtc_hours(mode):
    """12 and 24 hours, BCD and binary: 11:59:59 in the morning and at night"""
    def code(hour):
        pm = 0x80 if hour >= 12 and not mode & RTC_B_24H else 0
        hour = hour if mode & RTC_B_24H else (hour - 1) % 12 + 1
        return pm | (hour if mode & RTC_B_DM else hour // 10 << 4 | hour % 10)

    def number(n):
        return n if mode & RTC_B_DM else n // 10 << 4 | n % 10

    with Machine() as m:
        for hour in (0, 9, 11, 12, 19, 23):
            rtc_set(m, mode, code(hour), number(59), number(58))
            m.step(SECOND)
            equal([m.cmos(i) for i in (4, 2, 0)], [code(hour), number(59), number(59)])
            m.step(SECOND)
            equal([m.cmos(i) for i in (4, 2, 0)], [code((hour + 1) % 24), 0, 0], f"after {hour}")


@test
def rtc_set_bit():
    """SET holds the time, and time goes on when it is cleared"""
    with Machine() as m:
        m.cmos_put(0xb, RTC_B_24H | RTC_B_SET)
        for register, value in ((4, 0x23), (2, 0x59), (0, 0x59), (7, 0x28), (8, 2), (9, 0x12)):
            m.cmos_put(register, value)
        m.step(10 * SECOND)
        equal([m.cmos(i) for i in (9, 8, 7, 4, 2, 0)], [0x12, 2, 0x28, 0x23, 0x59, 0x59])
        m.cmos_put(0xb, RTC_B_24H)
        m.step(SECOND)
        equal([m.cmos(i) for i in (9, 8, 7, 4, 2, 0)], [0x12, 2, 0x29, 0, 0, 0], "leap year")


@test
def rtc_interrupts():
    """update, alarm and periodic interrupts raise line 8 until register C is read"""
    with Machine() as m:
        m.intercept()
        rtc_set(m, RTC_B_24H | RTC_B_DM, 12, 0, 0)
        m.cmos(0xc)
        m.cmos_put(0xb, RTC_B_24H | RTC_B_DM | RTC_B_UIE)
        m.step(SECOND)
        equal(m.irqs_taken(), [(8, 1)])
        m.step(SECOND)
        equal(m.irqs_taken(), [(8, 0), (8, 1)], "a pulse: an edge that was missed is not the last")
        equal(m.cmos(0xc) & 0x90, 0x90)
        equal(m.irqs_taken(), [(8, 0)])
        for register, value in ((1, 10), (3, 0xff), (5, 0xff)):
            m.cmos_put(register, value)
        m.cmos_put(0xb, RTC_B_24H | RTC_B_DM | RTC_B_AIE)
        m.step(7 * SECOND)
        equal(m.irqs_taken(), [])
        m.step(SECOND)
        equal((m.cmos(0), m.irqs_taken()), (10, [(8, 1)]))
        equal(m.cmos(0xc) & 0xa0, 0xa0)
        m.irqs_taken()
        m.cmos_put(0xb, RTC_B_24H | RTC_B_DM | RTC_B_PIE)  # rate 6: 1024 Hz
        rises = 0
        for _ in range(1024):
            m.step(SECOND // 1024 + 1)
            rises += (8, 1) in m.irqs_taken()
            m.cmos(0xc)
        assert 1023 <= rises <= 1024, rises


@test
def rtc_rate_change():
    """a change of the periodic rate takes effect with the tick before it"""
    with Machine() as m:
        m.intercept()
        m.cmos_put(0xa, 0x2d)  # 8 Hz
        m.cmos_put(0xb, RTC_B_24H | RTC_B_PIE)
        m.cmos(0xc)
        m.step()
        m.cmos(0xc)
        last = m.now()
        for rate, ns in ((0x2f, SECOND // 2), (0x2d, SECOND // 8), (0x2e, SECOND // 4)) * 3:
            m.step(1000)
            m.cmos_put(0xa, rate)
            m.irqs_taken()
            while (8, 1) not in m.irqs_taken():
                m.step()
            equal(m.cmos(0xc) & 0xc0, 0xc0)
            assert abs(m.now() - last - ns) < 100_000, (m.now() - last, ns)
            last = m.now()


@test
def pit_periodic():
    """counter 0 in mode 2 raises line 0 HZ / N times a second"""
    with Machine() as m:
        m.intercept()
        m.outb(0x43, 0x34)
        m.outb(0x40, 11932 & 255)
        m.outb(0x40, 11932 >> 8)
        m.irqs_taken()
        m.step(SECOND)
        rises = [i for i in m.irqs_taken() if i == (0, 1)]
        equal(len(rises), PIT_HZ // 11932)
        m.outb(0x43, 0)
        count = m.inb(0x40) | m.inb(0x40) << 8
        m.step(1_000_000)
        m.outb(0x43, 0)
        later = m.inb(0x40) | m.inb(0x40) << 8
        assert abs((count - later) % 11932 - PIT_HZ // 1000) <= 1, (count, later)


@test
def pit_speaker_gate():
    """counter 2 counts while port 61h opens its gate; OUT is bit 5"""
    with Machine() as m:
        m.outb(0x43, 0xb0)
        m.outb(0x42, 0xff)
        m.outb(0x42, 0xff)
        m.step(SECOND)
        equal(m.inb(0x61) & 0x21, 0)
        m.outb(0x61, 1)
        m.step(65530 * SECOND // PIT_HZ)
        equal(m.inb(0x61) & 0x21, 0x01)
        m.step(10 * SECOND // PIT_HZ)
        equal(m.inb(0x61) & 0x21, 0x21)


@test
def pm_timer():
    """the PM timer counts 3.579545 MHz once firmware has placed it"""
    with Machine() as m:
        equal(m.inl(0xb008), 0xffffffff, "before")
        m.config_put(1, 0x40, 0xb001, function=3)
        m.config_put(1, 0x80, 1, size=1, function=3)
        start = m.inl(0xb008)
        m.step(SECOND)
        equal(m.inl(0xb008) - start, PM_HZ)
        m.intercept()
        m.outw(0xb002, 1)  # TMR_EN: SCI when bit 31 changes
        m.step(600 * SECOND)
        equal(m.irqs_taken(), [(9, 1)])
        m.outw(0xb000, 1)
        equal(m.irqs_taken(), [(9, 0)])


@test
def hpet():
    """HPET: the counter, a one-shot edge, a periodic level comparator, legacy replacement"""
    with Machine() as m:
        equal(m.get(HPET, 4), 0x8086a201)
        equal(m.get(HPET + 4, 4), HPET_NS * 1000000)
        m.intercept()
        m.put(HPET + 0x10, 8, 1)
        m.step(SECOND)
        equal(m.get(HPET + 0xf0, 8), SECOND // HPET_NS)
        m.put(HPET + 0x140, 8, 20 << 9 | 4)  # comparator 2: GSI 20, edge
        m.put(HPET + 0x148, 8, SECOND // HPET_NS + 1000)
        equal(m.step(), SECOND + 1000 * HPET_NS)
        equal(m.irqs_taken(), [(20, 1), (20, 0)])
        m.put(HPET + 0x120, 8, 21 << 9 | 0x4e)  # comparator 1: GSI 21, level, periodic, VAL_SET
        m.put(HPET + 0x128, 8, 2 * SECOND // HPET_NS)
        m.put(HPET + 0x128, 8, SECOND // HPET_NS)
        m.step(SECOND)
        equal(m.irqs_taken(), [(21, 1)])
        m.put(HPET + 0x20, 8, 2)
        equal(m.irqs_taken(), [(21, 0)])
        m.step(SECOND)
        equal(m.irqs_taken(), [(21, 1)])
        m.put(HPET + 0x20, 8, 2)
        m.put(HPET + 0x120, 8, 0)
        m.put(HPET + 0x10, 8, 3)  # legacy: comparator 0 is line 0, and the PIT is cut off
        m.outb(0x43, 0x34)
        m.outb(0x40, 100)
        m.outb(0x40, 0)
        m.irqs_taken()
        m.step(SECOND // 100)
        equal(m.irqs_taken(), [])
        m.put(HPET + 0x10, 8, 1)
        m.step(SECOND // 100)
        assert (0, 1) in m.irqs_taken()


# --- lines ---

@test
def intercept_once():
    """only one device's pins are reported; before that none are"""
    with Machine() as m:
        m.ok("set_irq_in ioapic unnamed-gpio-in 5 1")
        m.ok("set_irq_in ioapic unnamed-gpio-in 5 0")
        equal(m.irqs_taken(), [])
        m.intercept("/machine/i440fx/ioapic")
        m.intercept()
        equal(m.ask("irq_intercept_in isa-i8259"), "FAIL IRQ intercept already enabled")
        for n in range(24):
            m.ok(f"set_irq_in ioapic unnamed-gpio-in {n} 1")
            m.ok(f"set_irq_in ioapic unnamed-gpio-in {n} 1")
            m.ok(f"set_irq_in ioapic unnamed-gpio-in {n} 0")
            equal(m.irqs_taken(), [(n, 1), (n, 0)])


@test
def pic_inputs():
    """the PIC's inputs are those below 16"""
    with Machine() as m:
        m.intercept("isa-i8259")
        m.ok("set_irq_in isa-i8259 unnamed-gpio-in 4 1")
        m.ok("set_irq_in ioapic unnamed-gpio-in 20 1")
        equal(m.irqs_taken(), [(4, 1)])
        m.outb(0x20, 0x0a)
        equal(m.inb(0x20), 0x10, "IRR")


@test
def pic_output():
    """INTR follows mask, priority and end of interrupt"""
    with Machine() as m:
        m.ok("irq_intercept_out isa-i8259")
        for port, value in ((0x20, 0x11), (0x21, 8), (0x21, 4), (0x21, 1),
                            (0xa0, 0x11), (0xa1, 0x70), (0xa1, 2), (0xa1, 1), (0x21, 0xff)):
            m.outb(port, value)
        m.ok("set_irq_in isa-i8259 unnamed-gpio-in 14 1")
        equal(m.irqs_taken(), [])
        m.outb(0x21, 0xfb)
        equal(m.irqs_taken(), [(0, 1)])
        m.outb(0xa0, 0x0c)
        equal(m.inb(0xa0), 0x86, "poll of the slave")
        m.outb(0x20, 0x0c)
        equal(m.inb(0x20), 0x00, "the slave's request is taken")
        equal(m.irqs_taken(), [(0, 0)])


@test
def ioapic_registers():
    """the I/O APIC's registers by its window"""
    with Machine() as m:
        m.put(IOAPIC, 4, 1)
        equal(m.get(IOAPIC + 0x10, 4), 0x00170011)
        m.put(IOAPIC, 4, 0x10 + 2 * 4)
        m.put(IOAPIC + 0x10, 4, 0x0000a041)
        equal(m.get(IOAPIC + 0x10, 4) & 0xefff, 0xa041)


@test
def keyboard_line():
    """the 8042's self test answer raises line 1 when it is enabled"""
    with Machine() as m:
        m.intercept()
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x61)
        m.outb(0x64, 0xd2)
        m.outb(0x60, 0x1c)
        m.step(SECOND // 10)
        equal(m.irqs_taken(), [(1, 1)])
        equal(m.inb(0x60), 0x1c)
        equal(m.irqs_taken(), [(1, 0)])


@test
def serial_line():
    """COM1's transmitter-empty interrupt is line 4, gated by OUT2"""
    with Machine() as m:
        m.intercept()
        m.outb(0x3f9, 2)
        equal(m.irqs_taken(), [])
        m.outb(0x3fc, 8)
        equal(m.irqs_taken(), [(4, 1)])
        equal(m.inb(0x3fa) & 7, 2)
        equal(m.irqs_taken(), [(4, 0)])


@test
def reset_lowers():
    """a reset by CF9h lowers what is raised, and time goes on"""
    with Machine(qmp=True) as m:
        m.intercept()
        m.step(1000)
        m.outb(0x3f9, 2)
        m.outb(0x3fc, 8)
        equal(m.irqs_taken(), [(4, 1)])
        m.outb(0xcf9, 0x06)
        equal(m.event("RESET")["data"]["guest"], True)
        equal(m.now(), 1000)
        equal(m.irqs_taken(), [(4, 0)])
        equal(m.inb(0x3f9), 0)


tests_main()
