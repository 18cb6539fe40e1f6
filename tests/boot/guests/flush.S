/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes sector 64, 65, ... of the first drive by PIO, each filled with its own number, flushes
 * the cache, and says "flushed NUMBER" on COM1. ATA/ATAPI-6: WRITE SECTORS 30h, FLUSH CACHE E7h.
 */
#define SECTORS 3
#include "start.inc"

    movl $64, %ebx
    movb $2, %al
    movw $0x3f6, %dx
    outb %al, %dx /* nIEN */
next:
    call ready
    movw $0x1f2, %dx
    movb $1, %al
    outb %al, %dx
    incw %dx
    movb %bl, %al
    outb %al, %dx
    incw %dx
    movb %bh, %al
    outb %al, %dx
    incw %dx
    movl %ebx, %eax
    shrl $16, %eax
    outb %al, %dx
    incw %dx
    movb $0xe0, %al
    outb %al, %dx
    incw %dx
    movb $0x30, %al
    outb %al, %dx
    call ready
    testb $8, %al
    jz error
    movw $256, %cx
    movw $0x1f0, %dx
    movw %bx, %ax
1:  outw %ax, %dx
    loop 1b
    call ready
    movw $0x1f7, %dx
    movb $0xe7, %al
    outb %al, %dx
    call ready
    testb $1, %al
    jnz error
    movw $flushed, %si
    call say
    movl %ebx, %eax
    call hex32
    movb $'\n', %al
    call putc
    incl %ebx
    jmp next
error:
    movw $bad, %si
    call say
    jmp .

/* Waits for BSY to fall; the status in AL. */
ready:
    movw $0x1f7, %dx
2:  inb %dx, %al
    testb $0x80, %al
    jnz 2b
    ret

flushed: .asciz "flushed "
bad: .asciz "drive error\n"
    .org SECTORS * 512
