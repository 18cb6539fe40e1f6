/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guests share: constants and macros of 16-bit code for GNU as. A guest is
 *
 *     #include "guest.h"
 *     #include "boot.S"      boot sector: loads BODY_SECTORS sectors to 7E00h and goes to `body`
 *     body: ...
 *     #include "lib.S"       serial output, numbers, exit
 *
 * It reports on COM1 and ends through the debug-exit port: PASS makes the exit status 33, FAIL 35,
 * and FAIL_BOOT 37 (V * 2 + 1).
 */
#ifndef CLEAVE_GUESTS_GUEST_H
#define CLEAVE_GUESTS_GUEST_H

#define COM1       0x3f8
#define DEBUG_EXIT 0x501
#define PASS       0x10
#define FAIL       0x11
#define FAIL_BOOT  0x12

#define SECTOR     512
#define BDA_TICKS  0x46c /* timer interrupts since the start, 18.2 Hz */
#define BUFFER_SEG 0x1000 /* scratch memory for disk data, to 9000h:0 */

#ifndef BODY_SECTORS
#define BODY_SECTORS 8
#endif

/* Prints a text that stands in the code. Keeps all registers. */
.macro PRINT text:vararg
    call print_inline
    .asciz \text
.endm

/* Ends the guest. */
.macro EXIT value
    mov $\value, %al
    jmp guest_exit
.endm

#endif
