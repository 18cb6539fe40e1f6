/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * demo.img: the disk that ./run-demo starts. A banner and a prompt on the screen and on COM1; takes
 * one-letter commands from the keyboard and from COM1: h help, m memory map, d disk, r reboot,
 * o power off.
 */
#define BODY_SECTORS 8
#include "guest.h"
#include "boot.S"
body:
    call serial_init
    mov $0x0003, %ax
    int $0x10
    call paint
    call say
    .asciz "\r\n  Cleave: a guest started from its disk through the split.\r\n"
    call say
    .asciz "  vCPU in cleave-hv on /dev/kvm, devices in cleave-dm.\r\n\r\n"
    call help
prompt:
    call say
    .asciz "cleave> "
    call get_key
    cmp $13, %al
    je empty
    call emit
    call say
    .asciz "\r\n"
    or $0x20, %al
    mov $commands, %si
1:  cmpb $0, (%si)
    je unknown
    cmp (%si), %al
    je 2f
    add $3, %si
    jmp 1b
2:  call *1(%si)
    jmp prompt
empty:
    call say
    .asciz "\r\n"
    jmp prompt
unknown:
    call say
    .asciz "Unknown command.\r\n"
    call help
    jmp prompt

commands:
    .byte 'h'
    .word help
    .byte 'm'
    .word memory
    .byte 'd'
    .word disk
    .byte 'r'
    .word reboot
    .byte 'o'
    .word power_off
    .byte 0

help:
    call say
    .asciz "h help  m memory map  d disk  r reboot  o power off\r\n"
    ret

/* A coloured bar over the top line, straight into the text page. */
paint:
    push $0xb800
    pop %es
    xor %di, %di
    mov $80, %cx
    mov $0x1f20, %ax
    rep stosw
    mov $(2 * 2), %di
    mov $title, %si
    mov $0x1f, %ah
1:  lodsb
    test %al, %al
    jz 2f
    stosw
    jmp 1b
2:  push $0
    pop %es
    mov $0x02, %ah
    xor %bh, %bh
    mov $0x0100, %dx
    int $0x10
    ret
title:
    .asciz "Cleave demo disk"

/* Waits, halted, for a key or a byte on COM1; returns it in AL. */
get_key:
    mov $0x01, %ah
    int $0x16
    jz 1f
    xor %ah, %ah
    int $0x16
    test %al, %al
    jz get_key
    ret
1:  mov $(COM1 + 5), %dx
    in %dx, %al
    cmp $0xff, %al
    je 2f
    test $1, %al
    jz 2f
    mov $COM1, %dx
    in %dx, %al
    ret
2:  sti
    hlt
    jmp get_key

memory:
    xor %ebx, %ebx
1:  mov $0xe820, %eax
    mov $0x534d4150, %edx
    mov $20, %ecx
    mov $entry, %di
    int $0x15
    jc 2f
    call say
    .asciz "  "
    mov entry + 4, %eax
    call say_hex
    mov entry, %eax
    call say_hex
    call say
    .asciz "  length "
    mov entry + 12, %eax
    call say_hex
    mov entry + 8, %eax
    call say_hex
    call say
    .asciz "  type "
    mov entry + 16, %eax
    call say_dec
    call say
    .asciz "\r\n"
    test %ebx, %ebx
    jnz 1b
2:  ret

disk:
    mov $0x08, %ah
    mov boot_drive, %dl
    push %es
    int $0x13
    pop %es
    jc no_disk
    mov %dh, heads
    mov %cx, %bx
    call say
    .asciz "  cylinders "
    movzbl %bh, %eax
    mov %bl, %ah
    shr $6, %ah
    inc %eax
    call say_dec
    call say
    .asciz "  heads "
    movzbl heads, %eax
    inc %eax
    call say_dec
    call say
    .asciz "  sectors "
    movzbl %cl, %eax
    and $0x3f, %al
    call say_dec
    movw $30, buffer
    mov $0x48, %ah
    mov boot_drive, %dl
    mov $buffer, %si
    int $0x13
    jc 1f
    call say
    .asciz "  in all "
    mov buffer + 16, %eax
    call say_dec
1:  call say
    .asciz "\r\n"
    ret
no_disk:
    call say
    .asciz "  int 13h: error\r\n"
    ret

reboot:
    call say
    .asciz "Rebooting.\r\n"
    mov $0xcf9, %dx
    mov $0x06, %al
    out %al, %dx
1:  hlt
    jmp 1b

/* APM: connect, then all devices off. */
power_off:
    call say
    .asciz "Powering off.\r\n"
    mov $0x5301, %ax
    xor %bx, %bx
    int $0x15
    mov $0x530e, %ax
    xor %bx, %bx
    mov $0x0102, %cx
    int $0x15
    mov $0x5307, %ax
    mov $1, %bx
    mov $3, %cx
    int $0x15
    call say
    .asciz "The BIOS knows no power off.\r\n"
    ret

/* Prints the text behind the call on screen and COM1. */
say:
    xchg %si, say_saved_si
    pop %si
    push %ax
1:  lodsb
    test %al, %al
    jz 2f
    call emit
    jmp 1b
2:  pop %ax
    push %si
    xchg %si, say_saved_si
    ret
say_saved_si:
    .word 0

emit:
    call putc
    pushal
    mov $0x0e, %ah
    mov $0x0007, %bx
    int $0x10
    popal
    ret

say_hex:
    push %cx
    mov $8, %cx
1:  rol $4, %eax
    push %ax
    and $0xf, %al
    cmp $10, %al
    jb 2f
    add $('a' - '0' - 10), %al
2:  add $'0', %al
    call emit
    pop %ax
    loop 1b
    pop %cx
    ret

say_dec:
    pushal
    mov $10, %ebx
    xor %cx, %cx
1:  xor %edx, %edx
    div %ebx
    push %dx
    inc %cx
    test %eax, %eax
    jnz 1b
2:  pop %ax
    add $'0', %al
    call emit
    loop 2b
    popal
    ret

heads:
    .byte 0
    .balign 4
entry:
    .space 24
buffer:
    .space 32
#include "lib.S"
