/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boot sector of a guest: see guest.h. */
    .code16
    .section .text
    .globl _start
_start:
    ljmp $0, $boot_start
boot_start:
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    sti
    cld
    mov %dl, boot_drive
    mov $(0x0200 + BODY_SECTORS), %ax
    mov $body, %bx
    mov $0x0002, %cx
    xor %dh, %dh
    int $0x13
    jnc body
    mov $FAIL_BOOT, %al
    mov $DEBUG_EXIT, %dx
    out %al, %dx
1:  hlt
    jmp 1b
boot_drive:
    .byte 0
    .org _start + 0x1fe
    .word 0xaa55
