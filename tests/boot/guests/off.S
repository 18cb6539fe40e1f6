/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Switches itself off by PM1a_CNT: at PMBA of the PIIX4 (00:01.3, register 40h) + 4, SLP_TYP of S5
 * is 0, SLP_EN is bit 13.
 */
#define SECTORS 2
#include "start.inc"
    movw $bye, %si
    call say
    movl $0x80000b40, %eax
    movw $0xcf8, %dx
    outl %eax, %dx
    movw $0xcfc, %dx
    inl %dx, %eax
    andw $0xffc0, %ax
    addw $4, %ax
    movw %ax, %dx
    movw $0x2000, %ax
    outw %ax, %dx
    jmp .
bye: .asciz "off\n"
    .org SECTORS * 512
