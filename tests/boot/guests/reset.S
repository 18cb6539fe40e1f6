/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets the machine in each way that a PC knows, one after the other, counting in CMOS byte 60h:
 * 8042, port 92h, CF9h, and CF9h in the midst of configuration accesses (when its write may be
 * posted) followed by a triple fault, as SeaBIOS does it; then ends (--debug-exit).
 */
#define SECTORS 2
#include "start.inc"
    movb $0x60, %al
    outb %al, $0x70
    inb $0x71, %al
    cmpb $5, %al
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
    cmpb $3, %bl
    je by_posted_cf9
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
by_posted_cf9:
    movw $8, %cx
1:  movw $0xcf8, %dx
    movl $0x80000000, %eax
    outl %eax, %dx
    movw $0xcfc, %dx
    inl %dx, %eax
    loop 1b
    lgdt gdt_pointer
    lidt no_idt
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmp $8, $1f
    .code32
1:  movw $0xcf9, %dx
    movb $2, %al
    outb %al, %dx
    movb $6, %al
    outb %al, %dx
    movw %dx, %ds /* beyond the GDT */
    jmp .
    .code16
    .align 8
gdt: .quad 0, 0x00cf9b000000ffff
gdt_pointer: .word 15
    .long gdt
no_idt: .word 0, 0, 0
start: .asciz "start "
    .org SECTORS * 512
