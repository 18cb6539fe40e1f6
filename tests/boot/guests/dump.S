/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The start of dump.c: collects the e820 map at 6000 (count at 5FFC), then goes to protected mode. */
#define SECTORS 32
#include "start.inc"
    movw $0x2401, %ax
    int $0x15
    inb $0x92, %al
    orb $2, %al
    andb $0xfe, %al
    outb %al, $0x92
    xorl %ebx, %ebx
    xorl %ebp, %ebp
    movw $0x6000, %di
1:  movl $0xe820, %eax
    movl $0x534d4150, %edx
    movl $20, %ecx
    int $0x15
    jc 2f
    addw $20, %di
    incl %ebp
    testl %ebx, %ebx
    jnz 1b
2:  movl %ebp, 0x5ffc
    cli
    lgdt gdt_pointer
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmp $8, $3f
    .code32
3:  movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x7c00, %esp
    call dump_main
    movb $16, %al
    movw $0x501, %dx
    outb %al, %dx
    hlt
    jmp .
    .align 8
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer: .word 23
    .long gdt
