/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * level.img: a level-triggered line through the IOAPIC, driven by HPET timer 0 on the highest pin that it
 * allows. An interrupt that is ended without serving its cause must come again; once the cause is
 * served it must not. On COM1: "pin N", "again ok", "quiet ok", PASS.
 */
#include "guest.h"
#define HPET   0xfed00000
#define IOAPIC 0xfec00000
#define EOI    0xfee000b0
#define SVR    0xfee000f0
#define VECTOR 0x60
#include "boot.S"
body:
    call serial_init
    call flat_fs
    movw $handler, VECTOR * 4
    movw $0, VECTOR * 4 + 2
    mov $SVR, %edi
    mov %fs:(%edi), %eax
    or $0x100, %eax
    mov %eax, %fs:(%edi)

    mov $HPET, %edi
    mov %fs:0x104(%edi), %eax /* pins that timer 0 may use */
    and $0x00ffffff, %eax
    jz fail
    bsr %eax, %ecx
    PRINT "pin "
    mov %ecx, %eax
    call putdec
    call newline

    /* Redirection entry: fixed delivery to APIC id 0, level, active high. */
    mov $IOAPIC, %esi
    lea 0x11(%ecx,%ecx), %eax
    mov %eax, %fs:(%esi)
    movl $0, %fs:0x10(%esi)
    dec %eax
    mov %eax, %fs:(%esi)
    movl $(0x8000 + VECTOR), %fs:0x10(%esi)

    /* One shot in 1/60 s, level, this pin. */
    movl $1, %fs:0x20(%edi)
    movl $1, %fs:0x10(%edi)
    mov %ecx, %eax
    shl $9, %eax
    or $0x106, %eax /* 32 bits, enabled, level */
    mov %eax, %fs:0x100(%edi)
    mov %fs:0xf0(%edi), %eax
    add $1000000, %eax
    mov %eax, %fs:0x108(%edi)
1:  hlt
    cmpw $5, count
    jb 1b
    PRINT "again ok\r\n"
    call delay /* one more may be on its way */
    mov count, %bx
    call delay
    cmp %bx, count
    jne fail
    PRINT "quiet ok\r\n"
    movl $0, %fs:0x100(%edi)
    jmp pass

delay:
    mov $20000, %cx
1:  in $0x80, %al
    loop 1b
    ret

/* The first four times the cause stays. */
handler:
    push %eax
    push %edi
    push %ds
    push $0
    pop %ds
    incw count
    mov $HPET, %edi
    cmpw $5, count
    jb 1f
    movl $1, %fs:0x20(%edi)
1:  mov $EOI, %edi
    movl $0, %fs:(%edi)
    pop %ds
    pop %edi
    pop %eax
    iret
count:
    .word 0
#include "flat.S"
#include "lib.S"
