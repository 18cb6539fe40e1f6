/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What int 13h says about the boot disk, and sectors read by CHS and by LBA, on COM1. */
#define SECTORS 4
#include "start.inc"

    jmp main

    .macro report name
    pushal
    movw $8f, %si
    jmp 9f
8:  .asciz "\name "
9:  call say
    popal
    .endm

/* Registers that int 13h returns; AX only where the carry flag is set. */
show:
    pushfw
    popw %bp
    andl $1, %ebp
    pushal
    movzwl %bx, %eax
    call hex32
    movzwl %cx, %eax
    call hex32
    movzwl %dx, %eax
    call hex32
    movl %ebp, %eax
    call hex32
    movb $'\n', %al
    call putc
    popal
    ret

    .macro int13
    movb drive, %dl
    int $0x13
    call show
    .endm

main:
    report "geometry"
    xorw %bx, %bx
    xorw %cx, %cx
    movb $0x08, %ah
    xorw %di, %di
    int13
    xorw %ax, %ax
    movw %ax, %es
    report "type"
    xorw %bx, %bx
    xorw %cx, %cx
    xorb %dh, %dh
    movb $0x15, %ah
    int13
    report "extensions"
    xorw %cx, %cx
    movw $0x55aa, %bx
    xorb %dh, %dh
    movb $0x41, %ah
    int13
    report "parameters"
    xorw %bx, %bx
    xorw %cx, %cx
    xorb %dh, %dh
    movw $0x6000, %si
    movw $26, (%si)
    movb $0x48, %ah
    int13
    report "buffer"
    movw $0x6000, %si
    movw $6, %cx
1:  lodsl
    call hex32
    loop 1b
    movw 0x6018, %ax
    movzwl %ax, %eax
    call hex32
    movb $'\n', %al
    call putc

    /* Beyond the end: an error, not data. */
    report "beyond"
    xorw %bx, %bx
    xorw %cx, %cx
    xorb %dh, %dh
    movl $0x7fffffff, far_packet + 8
    movw $far_packet, %si
    movb $0x42, %ah
    int13

    /* Head 1, cylinder 1, sector 5, by CHS. */
    report "chs"
    movw $0x7000, %bx
    movw $0x0105, %cx
    movb $1, %dh
    movw $0x0201, %ax
    int13
    movl 0x7000, %eax
    call hex32
    movb $'\n', %al
    call putc
    report "done"
    movb $'\n', %al
    call putc
    movb $16, %al
    jmp leave

    .align 4
far_packet: .byte 16, 0
    .word 1, 0x7000, 0
    .quad 0
    .org SECTORS * 512
