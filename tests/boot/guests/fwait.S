/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FWAIT in real mode: a KVM that has to interpret it cannot. Any other one reaches the exit. */
    .code16
    .globl _start
_start:
    fwait
    movb $16, %al
    movw $0x501, %dx
    outb %al, %dx
    jmp .
    .org 510
    .word 0xaa55
