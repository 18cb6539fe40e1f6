/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keyboard.img: prints "ready", then scan code and character of each key that int 16h gives, as
 * "key SSCC". The letter q ends it, exit status 33.
 */
#include "guest.h"
#include "boot.S"
body:
    call serial_init
    PRINT "ready\r\n"
1:  xor %ah, %ah
    int $0x16
    PRINT "key "
    call puthex16
    call newline
    cmp $'q', %al
    jne 1b
    jmp pass
#include "lib.S"
