/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load-NAME.img: writes 16 sectors at a time through int 13h AH=43h from sector 2048 on, every dword
 * of sector N being N ^ KEY, reads them back and compares; prints "NAME round R" after every
 * 256 sectors, and begins again behind sector 2048 + 4096. Ends with FAIL only.
 */
#include "guest.h"
#define FIRST 2048
#define END   (FIRST + 4096)
#define CHUNK 16
#include "boot.S"
body:
    call serial_init
restart:
    movl $FIRST, lba
again:
    call fill
    mov $0x4300, %ax
    call transfer
    call clear
    mov $0x4200, %ax
    call transfer
    call check
    addl $CHUNK, lba
    testl $0xff, lba
    jnz again
    incl round
    PRINT NAME
    PRINT " round "
    mov round, %eax
    call putdec
    PRINT "\r\n"
    cmpl $END, lba
    jb again
    jmp restart

/* AX: the function of int 13h. */
transfer:
    movw $CHUNK, packet + 2
    mov lba, %ecx
    mov %ecx, packet + 8
    mov $packet, %si
    mov boot_drive, %dl
    int $0x13
    jc fail
    ret

fill:
    call buffer
    mov lba, %edx
    mov $CHUNK, %bx
1:  mov %edx, %eax
    xor $KEY, %eax
    mov $(SECTOR / 4), %cx
    rep stosl
    inc %edx
    dec %bx
    jnz 1b
    jmp low

clear:
    call buffer
    xor %eax, %eax
    mov $(CHUNK * SECTOR / 4), %cx
    rep stosl
    jmp low

check:
    call buffer
    mov lba, %edx
    mov $CHUNK, %bx
1:  mov %edx, %eax
    xor $KEY, %eax
    mov $(SECTOR / 4), %cx
    repe scasl
    jne fail
    inc %edx
    dec %bx
    jnz 1b
low:
    push $0
    pop %es
    ret

/* ES:DI = the buffer. */
buffer:
    mov $BUFFER_SEG, %ax
    mov %ax, %es
    xor %di, %di
    ret

    .balign 4
lba:
    .long 0
round:
    .long 0
packet:
    .byte 16, 0
    .word 0
    .word 0, BUFFER_SEG
    .quad 0
#include "lib.S"
