/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mark-NAME.img: says on COM1 that it was booted, from which BIOS drive, in which video mode, and
 * which display adapter stands on PCI bus 0; then idles for ever (the timer goes on).
 *     mark NAME drive 80 mode 03 vga 12341111
 */
#include "guest.h"
#include "boot.S"
body:
    call serial_init
    PRINT "\r\nmark "
    PRINT NAME
    PRINT " drive "
    mov boot_drive, %al
    call puthex8
    PRINT " mode "
    mov 0x449, %al
    call puthex8
    PRINT " vga "

    /* The first function of class 03xxxx; configuration mechanism 1. */
    mov $0x80000008, %ebx
next:
    call config_read
    shr $24, %eax
    cmp $3, %al
    je found
    add $0x800, %ebx
    cmp $0x80010008, %ebx
    jb next
    PRINT "none"
    jmp idle
found:
    sub $8, %ebx
    call config_read
    ror $16, %eax
    call puthex32
idle:
    PRINT "\r\n"
1:  sti
    hlt
    jmp 1b

/* EAX = the configuration register EBX. */
config_read:
    mov $0xcf8, %dx
    mov %ebx, %eax
    out %eax, %dx
    mov $0xcfc, %dx
    in %dx, %eax
    ret
#include "lib.S"
