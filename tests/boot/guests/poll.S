/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the drive's status for ever: nearly always a request is on its way. */
#define SECTORS 2
#include "start.inc"
    movw $text, %si
    call say
    movw $0x1f7, %dx
1:  inb %dx, %al
    jmp 1b
text: .asciz "poll\n"
    .org SECTORS * 512
