/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Its first instructions end the guest: how long did the way to the MBR take? (--debug-exit) */
    .code16
    .globl _start
_start:
    movw $0x501, %dx
    outb %al, %dx
    jmp .
    .org 510
    .word 0xaa55
