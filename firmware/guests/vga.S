/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A picture per image, chosen by -DPICTURE=; "ready" on COM1 when it is drawn, then halts for ever.
 *   vga-text.img (0x03): 80x25 text, every character and every attribute, cursor off; bit 7 of an
 *   attribute is a bright background (QEMU, which pictures are compared with, does not blink).
 *   vga-12h.img: 640x480 in 16 colours, 16 bars through the bit mask and map mask registers.
 *   vga-13h.img: 320x200 in 256 colours, pixel = (x + y) & FFh.
 *   vga-vbe.img (0x142): 640x480 in 32 bits in the linear frame buffer, red = x, green = y, blue = x ^ y
 *   (low 8 bits each).
 */
#include "guest.h"
#include "boot.S"
body:
    call serial_init
#if PICTURE == 0x142
    mov $info, %di
    mov $PICTURE, %cx
    mov $0x4f01, %ax
    int $0x10
    cmp $0x004f, %ax
    jne fail
    mov $(0x4000 + PICTURE), %bx
    mov $0x4f02, %ax
    int $0x10
    cmp $0x004f, %ax
    jne fail
    call flat_fs
    mov info + 40, %edi
    xor %edx, %edx
1:  xor %ecx, %ecx
2:  mov %cl, %al
    shl $8, %eax
    mov %dl, %al
    shl $8, %eax
    mov %cl, %al
    xor %dl, %al
    and $0xffffff, %eax
    mov %eax, %fs:(%edi)
    add $4, %edi
    inc %cx
    cmp $640, %cx
    jb 2b
    inc %dx
    cmp $480, %dx
    jb 1b
#else
    mov $PICTURE, %ax
    int $0x10
#endif
#if PICTURE == 0x03
    mov $0x01, %ah
    mov $0x2000, %cx
    int $0x10
    mov $0x1003, %ax
    xor %bx, %bx
    int $0x10
    push $0xb800
    pop %es
    xor %di, %di
    xor %ax, %ax
    mov $(80 * 25), %cx
1:  stosw
    inc %al
    jnz 2f
    add $0x11, %ah
2:  inc %ah
    loop 1b
#elif PICTURE == 0x13
    push $0xa000
    pop %es
    xor %di, %di
    xor %dx, %dx
1:  mov %dl, %al
    mov $320, %cx
2:  stosb
    inc %al
    loop 2b
    inc %dx
    cmp $200, %dx
    jb 1b
#elif PICTURE == 0x12
    push $0xa000
    pop %es
    xor %bl, %bl /* colour: bar of 30 lines */
    xor %di, %di
1:  mov $0x3c4, %dx
    mov $0x02, %al
    mov %bl, %ah
    out %ax, %dx
    mov $(30 * 80), %cx
    mov $0xff, %al
    rep stosb
    inc %bl
    cmp $16, %bl
    jb 1b
#endif
    push $0
    pop %es
    PRINT "ready\r\n"
3:  sti
    hlt
    jmp 3b

#if PICTURE == 0x142
info:
    .space 256
#include "flat.S"
#endif
#include "lib.S"
