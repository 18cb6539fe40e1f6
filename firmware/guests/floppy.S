/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floppy.img (1.44 MB): boots from drive 0 and reads tracks 0, 1, 40 and 79 on both heads by int 13h,
 * 18 sectors each, comparing with the pattern (every dword of sector N >= 18 is N). On COM1:
 * "floppy ok", PASS.
 */
#include "guest.h"
#include "boot.S"
body:
    call serial_init
    cmpb $0, boot_drive
    jne fail
    mov $tracks, %si
1:  lodsw
    cmp $0xffff, %ax
    je done
    mov %ax, track
    mov $3, %bp
2:  mov $BUFFER_SEG, %bx
    mov %bx, %es
    xor %bx, %bx
    mov track, %ax
    mov %al, %ch
    mov %ah, %dh
    mov $1, %cl
    xor %dl, %dl
    mov $0x0212, %ax
    int $0x13
    jnc 3f
    xor %ax, %ax
    xor %dl, %dl
    int $0x13
    dec %bp
    jnz 2b
    jmp bad
3:  movzbl track, %eax
    shl $1, %al
    add track + 1, %al
    imul $18, %eax, %eax
    xor %di, %di
    mov $18, %dx
4:  mov $(SECTOR / 4), %cx
    repe scasl
    jne bad
    inc %eax
    dec %dx
    jnz 4b
    push $0
    pop %es
    jmp 1b
done:
    PRINT "floppy ok\r\n"
    jmp pass
bad:
    PRINT "track "
    mov track, %ax
    call puthex16
    jmp fail
track:
    .word 0
tracks: /* cylinder, head */
    .byte 0, 1, 1, 0, 1, 1, 40, 0, 40, 1, 79, 0, 79, 1
    .word 0xffff
#include "lib.S"
    .org _start + 18 * SECTOR
    .set sector, 18
    .rept 2880 - 18
    .fill SECTOR / 4, 4, sector
    .set sector, sector + 1
    .endr
