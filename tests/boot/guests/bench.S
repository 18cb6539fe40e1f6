/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measures in TSC cycles, on COM1: 20000 reads of port 1F7h, 20000 byte writes to B8000, and
 * 16 MiB from the boot disk by int 13h in requests of 64 KiB.
 */
#define SECTORS 4
#include "start.inc"
#define COUNT 20000

    .macro begin
    rdtsc
    movl %eax, since
    movl %edx, since + 4
    .endm

/* "NAME cycles(high low)" */
    .macro end name
    rdtsc
    subl since, %eax
    sbbl since + 4, %edx
    movl %eax, since
    movl %edx, since + 4
    movw $8f, %si
    jmp 9f
8:  .asciz "\name "
9:  call say
    movl since + 4, %eax
    call hex32
    movl since, %eax
    call hex32
    movb $'\n', %al
    call putc
    .endm

    cli
    movw $0x1f7, %dx
    movl $COUNT, %ecx
    begin
1:  inb %dx, %al
    decl %ecx
    jnz 1b
    end "status"

    movw $0xb800, %ax
    movw %ax, %es
    movl $COUNT, %ecx
    begin
2:  movb %cl, %es:0
    decl %ecx
    jnz 2b
    end "text"
    xorw %ax, %ax
    movw %ax, %es
    sti

    movw $256, %bp
    begin
3:  movb $0x42, %ah
    movb drive, %dl
    movw $big, %si
    int $0x13
    jc broken
    movw $128, big + 2
    decw %bp
    jnz 3b
    end "disk"
broken:
    movw $over, %si
    call say
    movb $16, %al
    jmp leave

over: .asciz "over\n"
    .align 8
since: .quad 0
big: .byte 16, 0
    .word 128, 0, 0x2000
    .quad 0
    .org SECTORS * 512
