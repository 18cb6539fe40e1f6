/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * halt-idle.img: prints "idle" on COM1 and halts for ever with interrupts on; only the 18.2 Hz timer
 * wakes it. For counting wake-ups of the host's threads. Does not end by itself.
 */
#include "guest.h"
#include "boot.S"
body:
    call serial_init
    PRINT "idle\r\n"
1:  sti
    hlt
    jmp 1b
#include "lib.S"
