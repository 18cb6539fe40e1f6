/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * int13-write.img: writes sectors 2048..2174 through int 13h AH=43h (127 sectors) and 2304..2319
 * through AH=03h (16 sectors), every dword of sector N being N ^ A5A5A5A5h, reads both back, then
 * issues FLUSH CACHE (E7h) at the primary channel and prints "flushed". Wait for that text, kill
 * what you like: the image must hold the data.
 */
#include "guest.h"
#define KEY 0xa5a5a5a5
#include "boot.S"
body:
    call serial_init
    movl $2048, lba
    movw $127, count
    call fill
    mov $0x4300, %ax
    call ext
    call clear
    mov $0x4200, %ax
    call ext
    call check

    movl $2304, lba
    movw $16, count
    call fill
    call write_chs
    call clear
    mov $0x4200, %ax
    call ext
    call check

    /* FLUSH CACHE to drive 0 of channel 0: not busy, command, not busy again. */
    mov $0x1f6, %dx
    mov $0xa0, %al
    out %al, %dx
    call wait
    mov $0xe7, %al
    out %al, %dx
    call wait
    test $0x21, %al /* ERR, DF */
    jnz fail
    PRINT "flushed\r\n"
    jmp pass

wait:
    mov $0x1f7, %dx
1:  in %dx, %al
    test $0x80, %al
    jnz 1b
    ret

/* AX: function. */
ext:
    mov count, %cx
    mov %cx, packet + 2
    mov lba, %ecx
    mov %ecx, packet + 8
    mov $packet, %si
    mov boot_drive, %dl
    int $0x13
    jc fail
    ret

write_chs:
    mov $0x08, %ah
    mov boot_drive, %dl
    push %es
    int $0x13
    pop %es
    jc fail
    and $0x3f, %cx
    movzwl %cx, %ecx
    movzbl %dh, %ebx
    inc %bx
    mov lba, %eax
    xor %edx, %edx
    div %ecx
    inc %dx
    mov %dl, %cl
    xor %edx, %edx
    div %ebx
    mov %dl, %dh
    mov %al, %ch
    shl $6, %ah
    or %ah, %cl
    mov count, %ax
    mov $0x03, %ah
    mov boot_drive, %dl
    mov $BUFFER_SEG, %bx
    mov %bx, %es
    xor %bx, %bx
    int $0x13
    push $0
    pop %es
    jc fail
    ret

fill:
    mov $BUFFER_SEG, %ax
    mov %ax, %es
    xor %di, %di
    mov lba, %edx
    mov count, %bx
1:  mov %edx, %eax
    xor $KEY, %eax
    mov $(SECTOR / 4), %cx
    rep stosl
    inc %edx
    dec %bx
    jnz 1b
    push $0
    pop %es
    ret

clear:
    mov $BUFFER_SEG, %ax
    mov %ax, %es
    xor %di, %di
    xor %eax, %eax
    mov $0x4000, %cx
    rep stosl
    push $0
    pop %es
    ret

check:
    mov $BUFFER_SEG, %ax
    mov %ax, %es
    xor %di, %di
    mov lba, %edx
    mov count, %bx
1:  mov %edx, %eax
    xor $KEY, %eax
    mov $(SECTOR / 4), %cx
    repe scasl
    jne fail
    inc %edx
    dec %bx
    jnz 1b
    push $0
    pop %es
    PRINT "written\r\n"
    ret

    .balign 4
lba:
    .long 0
count:
    .word 0
packet:
    .byte 16, 0
    .word 0
    .word 0, BUFFER_SEG
    .quad 0
#include "lib.S"
