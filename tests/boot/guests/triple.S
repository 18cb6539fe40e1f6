/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A triple fault: an interrupt without a table. */
    .code16
    .globl _start
_start:
    cli
    lidt none
    movl $0x12345678, %eax
    int3
    jmp .
none: .word 0, 0, 0
    .org 510
    .word 0xaa55
