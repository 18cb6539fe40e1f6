/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * int13-read.img: reads through int 13h in 1..127 sectors, by linear address (AH=42h) and by
 * cylinder, head and sector (AH=02h), and compares with the image's pattern: every dword of sector
 * N >= 64 is N. On COM1: "lba ok", "chs ok", PASS.
 */
#include "guest.h"
#define FIRST   64
#define SECTORS 4096
#include "boot.S"
body:
    call serial_init
    mov $0x08, %ah
    mov boot_drive, %dl
    push %es
    int $0x13
    pop %es
    jc fail
    and $0x3f, %cx
    mov %cx, per_track
    movzbw %dh, %ax
    inc %ax
    mov %ax, heads

    movw $1, count
1:  movzwl count, %eax
    imul $29, %eax, %eax /* another place for each length */
    add $FIRST, %eax
    mov %eax, lba
    call read_lba
    call check
    incw count
    cmpw $128, count
    jb 1b
    PRINT "lba ok\r\n"

    movw $1, count
2:  movzwl count, %eax
    imul $31, %eax, %eax
    add $FIRST, %eax
    mov %eax, lba
    call read_chs
    call check
    addw $6, count
    cmpw $128, count
    jb 2b
    PRINT "chs ok\r\n"
    jmp pass

read_lba:
    mov count, %ax
    mov %ax, packet + 2
    mov lba, %eax
    mov %eax, packet + 8
    mov $packet, %si
    mov $0x42, %ah
    mov boot_drive, %dl
    int $0x13
    jc failed
    ret

read_chs:
    mov lba, %eax
    xor %edx, %edx
    movzwl per_track, %ecx
    div %ecx
    inc %dx
    mov %dl, %cl /* sector */
    xor %edx, %edx
    movzwl heads, %ebx
    div %ebx
    mov %dl, %dh /* head */
    mov %al, %ch
    shl $6, %ah
    or %ah, %cl
    mov count, %ax
    mov $0x02, %ah
    mov boot_drive, %dl
    mov $BUFFER_SEG, %bx
    mov %bx, %es
    xor %bx, %bx
    int $0x13
    push $0
    pop %es
    jc failed
    ret

failed:
    PRINT "error "
    mov %ah, %al
    call puthex8
    jmp bad

/* Every dword of the first and the last sector, two of each other. */
check:
    mov $BUFFER_SEG, %ax
    mov %ax, %fs
    mov count, %cx
    mov lba, %eax
    call check_sector
1:  cmp %eax, %fs:0
    jne bad
    cmp %eax, %fs:SECTOR - 4
    jne bad
    mov %fs, %bx
    add $(SECTOR / 16), %bx
    mov %bx, %fs
    inc %eax
    loop 1b
    mov %fs, %bx
    sub $(SECTOR / 16), %bx
    mov %bx, %fs
    dec %eax
check_sector:
    xor %bx, %bx
1:  cmp %eax, %fs:(%bx)
    jne bad
    add $4, %bx
    cmp $SECTOR, %bx
    jb 1b
    ret

bad:
    PRINT " at lba "
    mov lba, %eax
    call putdec
    PRINT " count "
    movzwl count, %eax
    call putdec
    jmp fail

    .balign 4
lba:
    .long 0
count:
    .word 0
per_track:
    .word 0
heads:
    .word 0
packet:
    .byte 16, 0
    .word 0
    .word 0, BUFFER_SEG
    .quad 0
#include "lib.S"

    .org _start + FIRST * SECTOR
    .set sector, FIRST
    .rept SECTORS
    .fill SECTOR / 4, 4, sector
    .set sector, sector + 1
    .endr
