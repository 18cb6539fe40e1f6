/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power off, exit status 0. off-apm.img asks the BIOS (int 15h AX=5307h); off-acpi.img finds the PIIX4's
 * register block, switches to ACPI mode through port B2h, checks SCI_EN and writes SLP_EN with
 * SLP_TYP 0. Hangs when that has no effect.
 */
#include "guest.h"
#include "boot.S"
body:
    call serial_init
    PRINT "off\r\n"
#ifdef OFF_APM
    mov $0x5301, %ax
    xor %bx, %bx
    int $0x15
    jc fail
    mov $0x530e, %ax
    xor %bx, %bx
    mov $0x0102, %cx
    int $0x15
    mov $0x5307, %ax
    mov $1, %bx
    mov $3, %cx
    int $0x15
#else
    mov $0x80000b40, %eax
    mov $0xcf8, %dx
    out %eax, %dx
    mov $0xcfc, %dx
    in %dx, %eax
    and $0xffc0, %ax
    add $4, %ax
    mov %ax, %bx
    mov $0xf1, %al
    out %al, $0xb2
    mov %bx, %dx
    mov $1000, %cx
1:  in %dx, %ax
    test $1, %ax
    jnz 2f
    loop 1b
    jmp fail
2:  or $0x2000, %ax
    and $0xe3ff, %ax
    out %ax, %dx
#endif
3:  hlt
    jmp 3b
#include "lib.S"
