/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets the machine in each way that a PC knows, one after the other, counting in CMOS byte 60h:
 * 8042, port 92h, CF9h, triple fault; then says so and ends (--debug-exit).
 */
#define SECTORS 2
#include "start.inc"
    movb $0x60, %al
    outb %al, $0x70
    inb $0x71, %al
    cmpb $4, %al
    jbe 1f
    xorb %al, %al
1:  movb %al, %bl
    movw $start, %si
    call say
    movzbl %bl, %eax
    call hex32
    movb $'\n', %al
    call putc
    movb $0x60, %al
    outb %al, $0x70
    movb %bl, %al
    incb %al
    outb %al, $0x71
    cmpb $0, %bl
    je by_8042
    cmpb $1, %bl
    je by_port92
    cmpb $2, %bl
    je by_cf9
    movb $16, %al
    jmp leave
by_8042:
    movb $0xfe, %al
    outb %al, $0x64
    jmp .
by_port92:
    inb $0x92, %al
    andb $0xfe, %al
    outb %al, $0x92
    orb $1, %al
    outb %al, $0x92
    jmp .
by_cf9:
    movw $0xcf9, %dx
    movb $2, %al
    outb %al, %dx
    movb $6, %al
    outb %al, %dx
    jmp .
start: .asciz "start "
    .org SECTORS * 512
