/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says "idle" on COM1 and halts; only the BIOS's timer tick goes on. */
#define SECTORS 2
#include "start.inc"
    movw $ready, %si
    call say
1:  hlt
    jmp 1b
ready: .asciz "idle\n"
    .org SECTORS * 512
