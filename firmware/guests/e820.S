/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * e820.img: prints the BIOS's memory map on COM1, a line "e820 BASE LENGTH TYPE" per entry in
 * hexadecimal. Fails when int 15h AX=E820h does, or has no usable entry that begins at 0.
 */
#include "guest.h"
#include "boot.S"
body:
    call serial_init
    xor %ebx, %ebx
next:
    mov $0xe820, %eax
    mov $0x534d4150, %edx
    mov $20, %ecx
    mov $entry, %di
    int $0x15
    jc done
    cmp $0x534d4150, %eax
    jne fail
    PRINT "e820 "
    mov entry + 4, %eax
    call puthex32
    mov entry, %eax
    call puthex32
    call space
    mov entry + 12, %eax
    call puthex32
    mov entry + 8, %eax
    call puthex32
    call space
    mov entry + 16, %eax
    call putdec
    call newline
    mov entry, %eax
    or entry + 4, %eax
    jnz 1f
    cmpl $1, entry + 16
    jne 1f
    movb $1, low_seen
1:  test %ebx, %ebx
    jnz next
done:
    cmpb $1, low_seen
    jne fail
    jmp pass
low_seen:
    .byte 0
    .balign 4
entry:
    .space 24
#include "lib.S"
