/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mbr-signal.img: the boot sector's first instructions write to the debug-exit port. The boot
 * benchmark takes the time and the exits up to here. Exit status 33.
 */
#include "guest.h"
    .code16
    .globl _start
_start:
    mov $DEBUG_EXIT, %dx
    mov $PASS, %al
    out %al, %dx
1:  hlt
    jmp 1b
    .org _start + 0x1fe
    .word 0xaa55
