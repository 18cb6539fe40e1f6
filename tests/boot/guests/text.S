/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fills the text screen: every character, every attribute; then says so on COM1 and halts. */
#define SECTORS 4
#include "start.inc"

    movw $3, %ax
    int $0x10
    movw $0x1003, %ax /* sixteen background colours instead of blinking */
    xorw %bx, %bx
    int $0x10
    movw $0xb800, %ax
    movw %ax, %es
    xorw %di, %di
    xorw %ax, %ax
1:  stosw
    incb %al
    jnz 2f
    addb $0x11, %ah
2:  addb $1, %ah
    cmpw $4000, %di
    jb 1b
    xorw %ax, %ax
    movw %ax, %es
    movb $2, %ah /* cursor to the lower right corner, where the tests mask it */
    xorw %bx, %bx
    movw $0x184f, %dx
    int $0x10
    movw $ready, %si
    call say
3:  hlt
    jmp 3b
ready: .asciz "screen ready\n"
    .org SECTORS * 512
