/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DSDT: soft-off and the interrupt mode, nothing else. SeaBIOS parses the DSDT, and only the DSDT,
 * for devices at every boot, instruction by instruction; the machine therefore stands in an SSDT
 * (machine.asl), which it does not read. A DSDT without devices means "unknown" to it: it still
 * looks for the keyboard.
 */
DefinitionBlock ("", "DSDT", 2, "CLEAVE", "CLVDSDT", 1)
{
    /* PIIX4: SLP_TYP 0 is soft-off. */
    Name (\_S5, Package (4) { 0, 0, 0, 0 })

    /* Interrupt mode that the system chose: 0 PIC, 1 APIC. */
    Name (\PICM, 0)
    Method (\_PIC, 1, NotSerialized)
    {
        PICM = Arg0
    }
}
