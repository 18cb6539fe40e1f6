/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * geometry.img: prints what int 13h says of drives 80h and 81h, for comparison with another machine:
 * "DRIVE 08 AX BX CX DX" (AH=08h), "DRIVE 15 AX CX DX" (AH=15h) and "DRIVE 48 ..." with the 30 bytes
 * of the extended parameters (AH=48h). A call that fails prints "error AH".
 */
#include "guest.h"
#include "boot.S"
body:
    call serial_init
    mov $0x80, %dl
drive:
    mov %dl, current
    call params
    call disk_type
    call extended
    mov 0x475, %al /* number of hard disks */
    add $0x80, %al
    mov current, %dl
    inc %dl
    cmp %al, %dl
    jb drive
    jmp pass

label: /* AL: function */
    push %ax
    mov current, %al
    call puthex8
    call space
    pop %ax
    call puthex8
    call space
    ret

error:
    PRINT "error "
    mov %ah, %al
    call puthex8
    jmp newline

params:
    mov $8, %al
    call label
    mov $0x08, %ah
    mov current, %dl
    xor %bx, %bx
    xor %cx, %cx
    xor %di, %di
    push %es
    int $0x13
    pop %es
    jc error
    call puthex16
    call space
    mov %bx, %ax
    call puthex16
    call space
    mov %cx, %ax
    call puthex16
    call space
    mov %dx, %ax
    call puthex16
    jmp newline

disk_type:
    mov $0x15, %al
    call label
    mov $0x15, %ah
    mov current, %dl
    int $0x13
    jc error
    call puthex16
    call space
    mov %cx, %ax
    call puthex16
    call space
    mov %dx, %ax
    call puthex16
    jmp newline

extended:
    mov $0x48, %al
    call label
    movw $30, buffer
    mov $0x48, %ah
    mov current, %dl
    mov $buffer, %si
    int $0x13
    jc error
    mov $30, %cx
    mov $buffer, %si
1:  lodsb
    call puthex8
    loop 1b
    jmp newline

current:
    .byte 0
    .balign 4
buffer:
    .space 64
#include "lib.S"
