/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Switches itself off by PM1a_CNT of the PIIX4 (base B000): SLP_TYP of S5 is 0, SLP_EN is bit 13. */
#define SECTORS 2
#include "start.inc"
    movw $bye, %si
    call say
    movw $0xb004, %dx
    movw $0x2000, %ax
    outw %ax, %dx
    jmp .
bye: .asciz "off\n"
    .org SECTORS * 512
