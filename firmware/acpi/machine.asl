/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSDT: the devices of machine cleave-1. Compiled twice: plainly for firmware mode xen, where link
 * and GSI of a PCI pin are (device + pin) & 3 and 16 + that, and with -D QEMU_MODE for mode qemu,
 * where SeaBIOS routes (device - 1 + pin) & 3 through the link devices in both interrupt modes.
 * The names PMBA, MWLO and MWHI come from the SSDT that tables/acpi.c builds.
 */
DefinitionBlock ("", "SSDT", 2, "CLEAVE", "CLVMACH", 1)
{
    External (\PICM, IntObj)
    External (\PMBA, IntObj) /* base of the ACPI register block */
    External (\MWLO, IntObj) /* memory window of the PCI bus, inclusive */
    External (\MWHI, IntObj)

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_BBN, 0)
            Name (_UID, 0)

            Name (RES0, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0, 0xFF, 0, 0x100)
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0000, 0x0CF7, 0, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0D00, 0xFFFF, 0, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable,
                    ReadWrite, 0, 0x000A0000, 0x000BFFFF, 0, 0x00020000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
                    ReadWrite, 0, 0xF0000000, 0xFBFFFFFF, 0, 0x0C000000,,, MW0)
            })
            CreateDWordField (RES0, MW0._MIN, MMIN)
            CreateDWordField (RES0, MW0._MAX, MMAX)
            CreateDWordField (RES0, MW0._LEN, MLEN)
            Method (_CRS, 0, Serialized)
            {
                MMIN = MWLO
                MMAX = MWHI
                MLEN = MWHI - MWLO + 1
                Return (RES0)
            }

            /* One entry per device and pin, in the form that the interrupt mode wants. */
            Method (_PRT, 0, Serialized)
            {
                Local0 = Package (128) {}
                Local1 = 0
                While (Local1 < 128)
                {
#ifdef QEMU_MODE
                    Local2 = ((Local1 >> 2) + Local1 + 3) & 3
#else
                    Local2 = ((Local1 >> 2) + Local1) & 3
#endif
                    If (Local2 == 0)
                    {
                        Local3 = Package (4) { 0, 0, LNKA, 0 }
                    }
                    ElseIf (Local2 == 1)
                    {
                        Local3 = Package (4) { 0, 0, LNKB, 0 }
                    }
                    ElseIf (Local2 == 2)
                    {
                        Local3 = Package (4) { 0, 0, LNKC, 0 }
                    }
                    Else
                    {
                        Local3 = Package (4) { 0, 0, LNKD, 0 }
                    }
#ifndef QEMU_MODE
                    If (PICM != 0)
                    {
                        Local3 = Package (4) { 0, 0, 0, 0 }
                        Local3[3] = 16 + Local2
                    }
#endif
                    Local3[0] = ((Local1 >> 2) << 16) | 0xFFFF
                    Local3[1] = Local1 & 3
                    Local0[Local1] = Local3
                    Local1++
                }
                Return (Local0)
            }

            Device (VGA0)
            {
                Name (_ADR, 0x00020000)
            }

            Device (ISA0)
            {
                Name (_ADR, 0x00010000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 4)
                Scope (\_SB)
                {
                    Field (PCI0.ISA0.PIRQ, ByteAcc, NoLock, Preserve)
                    {
                        PRQ0, 8,
                        PRQ1, 8,
                        PRQ2, 8,
                        PRQ3, 8
                    }
                }

                Device (RTC0)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 1, 2)
                        IRQNoFlags () { 8 }
                    })
                }

                Device (KBD0)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0060, 0x0060, 1, 1)
                        IO (Decode16, 0x0064, 0x0064, 1, 1)
                        IRQNoFlags () { 1 }
                    })
                }

                Device (MOU0)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IRQNoFlags () { 12 }
                    })
                }

                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 1)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03F8, 0x03F8, 1, 8)
                        IRQNoFlags () { 4 }
                    })
                }

                Device (COM2)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 2)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x02F8, 0x02F8, 1, 8)
                        IRQNoFlags () { 3 }
                    })
                }

                Device (FDC0)
                {
                    Name (_HID, EisaId ("PNP0700"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03F2, 0x03F2, 1, 4)
                        IO (Decode16, 0x03F7, 0x03F7, 1, 1)
                        IRQNoFlags () { 6 }
                        DMA (Compatibility, NotBusMaster, Transfer8) { 2 }
                    })
                }

                Device (TMR0)
                {
                    Name (_HID, EisaId ("PNP0100"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0040, 0x0040, 1, 4)
                        IRQNoFlags () { 0 }
                    })
                }

                Device (DMA0)
                {
                    Name (_HID, EisaId ("PNP0200"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0000, 0x0000, 1, 16)
                        IO (Decode16, 0x0081, 0x0081, 1, 3)
                        IO (Decode16, 0x0087, 0x0087, 1, 1)
                        IO (Decode16, 0x0089, 0x0089, 1, 3)
                        IO (Decode16, 0x008F, 0x008F, 1, 1)
                        IO (Decode16, 0x00C0, 0x00C0, 1, 32)
                        DMA (Compatibility, BusMaster, Transfer8) { 4 }
                    })
                }

                Device (PIC0)
                {
                    Name (_HID, EisaId ("PNP0000"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0020, 0x0020, 1, 2)
                        IO (Decode16, 0x00A0, 0x00A0, 1, 2)
                        IO (Decode16, 0x04D0, 0x04D0, 1, 2)
                        IRQNoFlags () { 2 }
                    })
                }

                Device (SPK0)
                {
                    Name (_HID, EisaId ("PNP0800"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0061, 0x0061, 1, 1)
                    })
                }

                /* Ports of the chip set that no other device claims. */
                Device (SYSR)
                {
                    Name (_HID, EisaId ("PNP0C02"))
                    Name (_UID, 1)
                    Name (RES1, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0092, 0x0092, 1, 1)
                        IO (Decode16, 0x00B2, 0x00B2, 1, 2)
                        IO (Decode16, 0xAFE0, 0xAFE0, 1, 4)
                        IO (Decode16, 0xB000, 0xB000, 1, 64, PMR)
                    })
                    CreateWordField (RES1, PMR._MIN, PMIN)
                    CreateWordField (RES1, PMR._MAX, PMAX)
                    Method (_CRS, 0, Serialized)
                    {
                        PMIN = PMBA
                        PMAX = PMBA
                        Return (RES1)
                    }
                }
            }
        }

        /*
         * PCI interrupt links: PIIX3 registers 60h to 63h, bit 7 set is off, else the low nibble is
         * the ISA interrupt.
         */
        Name (LPRS, ResourceTemplate ()
        {
            IRQ (Level, ActiveLow, Shared) { 5, 10, 11 }
        })
        Name (LCRS, ResourceTemplate ()
        {
            IRQ (Level, ActiveLow, Shared, LIRQ) { 0 }
        })
        CreateWordField (LCRS, LIRQ._INT, LMSK)
        Method (LSTA, 1, NotSerialized)
        {
            If (Arg0 & 0x80)
            {
                Return (0x09)
            }
            Return (0x0B)
        }
        Method (LGET, 1, Serialized)
        {
            If (Arg0 & 0x80)
            {
                LMSK = 0
            }
            Else
            {
                LMSK = 1 << (Arg0 & 0x0F)
            }
            Return (LCRS)
        }
        Method (LNUM, 1, Serialized)
        {
            CreateWordField (Arg0, 1, MASK)
            FindSetRightBit (MASK, Local0)
            Return (Local0 - 1)
        }

        Device (LNKA)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 1)
            Method (_STA, 0, NotSerialized) { Return (LSTA (PRQ0)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, Serialized) { Return (LGET (PRQ0)) }
            Method (_SRS, 1, NotSerialized) { PRQ0 = LNUM (Arg0) }
            Method (_DIS, 0, NotSerialized) { PRQ0 |= 0x80 }
        }

        Device (LNKB)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 2)
            Method (_STA, 0, NotSerialized) { Return (LSTA (PRQ1)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, Serialized) { Return (LGET (PRQ1)) }
            Method (_SRS, 1, NotSerialized) { PRQ1 = LNUM (Arg0) }
            Method (_DIS, 0, NotSerialized) { PRQ1 |= 0x80 }
        }

        Device (LNKC)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 3)
            Method (_STA, 0, NotSerialized) { Return (LSTA (PRQ2)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, Serialized) { Return (LGET (PRQ2)) }
            Method (_SRS, 1, NotSerialized) { PRQ2 = LNUM (Arg0) }
            Method (_DIS, 0, NotSerialized) { PRQ2 |= 0x80 }
        }

        Device (LNKD)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 4)
            Method (_STA, 0, NotSerialized) { Return (LSTA (PRQ3)) }
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_CRS, 0, Serialized) { Return (LGET (PRQ3)) }
            Method (_SRS, 1, NotSerialized) { PRQ3 = LNUM (Arg0) }
            Method (_DIS, 0, NotSerialized) { PRQ3 |= 0x80 }
        }

        Device (HPET)
        {
            Name (_HID, EisaId ("PNP0103"))
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadOnly, 0xFED00000, 0x00000400)
            })
        }
    }
}
