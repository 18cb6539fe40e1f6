/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the BIOS's tick counter to COM1 each time it has changed. */
#define SECTORS 2
#include "start.inc"
    xorl %ebx, %ebx
1:  hlt
    movl 0x46c, %eax
    cmpl %eax, %ebx
    je 1b
    movl %eax, %ebx
    movw $tick, %si
    call say
    movl %ebx, %eax
    call hex32
    movb $'\n', %al
    call putc
    jmp 1b
tick: .asciz "tick "
    .org SECTORS * 512
