/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cdrom.iso: an El Torito disc (specification 1.0) without emulation, laid out by hand: volume descriptors
 * in sectors 16 to 18, boot catalogue in 19, boot image in 20, pattern from 24 to 279 (every dword of
 * sector N is N). The boot image reads the pattern back by int 13h AH=42h and prints "cdrom ok".
 */
#include "guest.h"
#define CD_SECTOR 2048
    .code16
    .globl _start
_start: /* address 7C00h: the boot image is loaded here, and linked at the disc's sector 20 */
    .org _start + 16 * CD_SECTOR
    .byte 1
    .ascii "CD001"
    .byte 1, 0
    .ascii "                                "
    .ascii "CLEAVE_TEST                     "
    .quad 0
    .long 280, 0x18010000 /* size in sectors, both byte orders */
    .space 32
    .byte 1, 0, 0, 1, 1, 0, 0, 1 /* volume set, number in it */
    .byte 0, 8, 8, 0             /* logical block 2048 */
    .quad 0                      /* no path table */
    .space 16
    .byte 34, 0 /* root directory: sector 18 + 3, empty */
    .byte 22, 0, 0, 0, 0, 0, 0, 22
    .byte 0, 8, 0, 0, 0, 0, 8, 0
    .byte 126, 11, 21, 12, 0, 0, 0
    .byte 2, 0, 0, 1, 0, 0, 1, 1, 0

    .org _start + 17 * CD_SECTOR
    .byte 0
    .ascii "CD001"
    .byte 1
    .ascii "EL TORITO SPECIFICATION"
    .space 9 + 32
    .long 19

    .org _start + 18 * CD_SECTOR
    .byte 255
    .ascii "CD001"
    .byte 1

    .org _start + 19 * CD_SECTOR
    .byte 1, 0, 0, 0
    .space 24
    .word 0x55aa, 0xaa55 /* checksum: all words add up to 0 */
    .byte 0x88, 0        /* bootable, no emulation */
    .word 0
    .byte 0, 0
    .word 8 /* sectors of 512 */
    .long 20

    .org _start + 20 * CD_SECTOR
#define AT(label) (label - image + 0x7c00)
image:
    ljmp $0, $AT(start)
start:
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    sti
    cld
    mov %dl, AT(drive)
    call serial_init
    mov $24, %ebp
next:
    mov %ebp, AT(packet) + 8
    mov $AT(packet), %si
    mov AT(drive), %dl
    mov $0x42, %ah
    int $0x13
    jc cd_fail
    mov $BUFFER_SEG, %ax
    mov %ax, %es
    xor %di, %di
    mov %ebp, %eax
    mov $16, %dx
1:  mov $(CD_SECTOR / 4), %cx
    repe scasl
    jne cd_fail
    inc %eax
    dec %dx
    jnz 1b
    push $0
    pop %es
    add $16, %ebp
    cmp $280, %ebp
    jb next
    mov $AT(text_ok), %si
    call cd_puts
    mov $PASS, %al
    jmp guest_exit
cd_fail:
    push $0
    pop %es
    mov $AT(text_fail), %si
    call cd_puts
    mov $FAIL, %al
    jmp guest_exit
cd_puts:
    lodsb
    test %al, %al
    jz 1f
    call putc
    jmp cd_puts
1:  ret
text_ok:
    .asciz "cdrom ok\r\nPASS\r\n"
text_fail:
    .asciz "\r\nFAIL\r\n"
drive:
    .byte 0
    .balign 4
packet:
    .byte 16, 0
    .word 16
    .word 0, BUFFER_SEG
    .quad 0
#include "lib.S"
    .org _start + 24 * CD_SECTOR
    .set sector, 24
    .rept 256
    .fill CD_SECTOR / 4, 4, sector
    .set sector, sector + 1
    .endr
