/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A triple fault: in protected mode, an exception without a table. (In real mode a KVM that
 * interprets does not look at the table's limit.)
 */
    .code16
    .globl _start
_start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdt gdt_pointer
    lidt none
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmp $8, $1f
    .code32
1:  movl $0x12345678, %eax
    movw $0x58, %cx
    movw %cx, %ds /* beyond the GDT */
    jmp .
    .align 8
gdt: .quad 0, 0x00cf9b000000ffff
gdt_pointer: .word 15
    .long gdt
none: .word 0, 0, 0
    .org 510
    .word 0xaa55
