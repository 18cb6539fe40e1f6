/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reset, then the proof that the guest started anew: "reset by N" on COM1, and after the second
 * start "again" and exit status 33. N by -DRESET_BY: 1 8042 (FEh to port 64h), 2 port 92h bit 0,
 * 3 CF9h := 6, 4 triple fault (which ends cleave run, status 3). A reset that does nothing hangs.
 * The disk's sector 32 carries a mark across the reset; it is cleared before the end.
 */
#include "guest.h"
#include "boot.S"
body:
    call serial_init
    mov $0x0201, %ax
    call sector
    cmpl $0x5a5a1234, %es:0
    je again
    movl $0x5a5a1234, %es:0
    mov $0x0301, %ax
    call sector
    PRINT "reset by "
    mov $(RESET_BY + '0'), %al
    call putc
    call newline
#if RESET_BY == 1
    mov $0xfe, %al
    out %al, $0x64
#elif RESET_BY == 2
    in $0x92, %al
    and $0xfe, %al
    out %al, $0x92
    or $1, %al
    out %al, $0x92
#elif RESET_BY == 3
    mov $0xcf9, %dx
    mov $2, %al
    out %al, %dx
    mov $6, %al
    out %al, %dx
#else
    cli
    lgdt gdt_pointer
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmp $8, $protected
    .code32
protected:
    lidt idt_pointer
    ud2
    .code16
    .balign 8
gdt:
    .quad 0, 0x00cf9b000000ffff
gdt_pointer:
    .word 15
    .long gdt
idt_pointer:
    .word 0
    .long 0
#endif
1:  hlt
    jmp 1b
again:
    movl $0, %es:0
    mov $0x0301, %ax
    call sector
    PRINT "again\r\n"
    jmp pass

/* AX: int 13h function and count; cylinder 0, head 0, sector 33. */
sector:
    mov $BUFFER_SEG, %bx
    mov %bx, %es
    xor %bx, %bx
    mov $33, %cx
    mov boot_drive, %dl
    xor %dh, %dh
    int $0x13
    jc fail
    ret
#include "lib.S"
