/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smp.img: wakes the other processors by INIT and SIPI to all but self. Each prints "apic ID up" on
 * COM1 under a lock and halts; the boot processor waits until the count of the BIOS's MP or ACPI tables
 * is reached (MADT through the RSDP) and prints "processors N". Hangs when one is missing.
 */
#include "guest.h"
#define AP_PAGE 0x9 /* SIPI vector: code at 9000h, behind the body */
#define ICR     0xfee00300
#include "boot.S"
body:
    call serial_init
    call flat_fs
    call madt_count
    mov %bp, expected
    mov $(AP_PAGE << 8), %ax
    mov %ax, %es
    xor %di, %di
    mov $ap_start, %si
    mov $(ap_end - ap_start), %cx
    rep movsb
    push $0
    pop %es
    mov $0xfee000f0, %edi
    mov %fs:(%edi), %eax
    or $0x100, %eax
    mov %eax, %fs:(%edi)
    mov $ICR, %edi
    movl $0x000c4500, %fs:(%edi) /* INIT */
    call delay
    movl $(0x000c4600 + AP_PAGE), %fs:(%edi)
    call delay
    movl $(0x000c4600 + AP_PAGE), %fs:(%edi)
1:  pause
    mov arrived, %ax
    inc %ax
    cmp expected, %ax
    jb 1b
2:  mov $1, %al
    xchg %al, lock_byte
    test %al, %al
    jnz 2b
    PRINT "processors "
    movzwl arrived, %eax
    inc %eax
    call putdec
    call newline
    jmp pass

delay:
    mov $2000, %cx
1:  in $0x80, %al
    loop 1b
    ret

/* Copied to AP_PAGE:0; the rest is reached through DS = CS of the boot processor, 0. */
ap_start:
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    ljmp $0, $ap_main
ap_end:

ap_main:
    cli
1:  pause
    cmpb $0, lock_byte
    jne 1b
    mov $1, %al
    xchg %al, lock_byte
    test %al, %al
    jnz 1b
    mov $0x7000, %sp
    PRINT "apic "
    mov $1, %eax
    cpuid
    shr $24, %ebx
    mov %bl, %al
    call puthex8
    PRINT " up\r\n"
    incw arrived
    movb $0, lock_byte
3:  cli
    hlt
    jmp 3b

/* BP: number of processors in the MADT. */
madt_count:
    mov $0xe000, %ax
1:  mov %ax, %es
    cmpl $0x20445352, %es:0 /* "RSD " */
    jne 2f
    cmpl $0x20525450, %es:4 /* "PTR " */
    je 3f
2:  inc %ax
    jnz 1b
    jmp fail
3:  mov %es:16, %edi /* RSDT */
    push $0
    pop %es
    mov %fs:4(%edi), %ecx
    sub $36, %ecx
    shr $2, %ecx
    add $36, %edi
4:  mov %fs:(%edi), %esi
    cmpl $0x43495041, %fs:(%esi) /* "APIC" */
    je 5f
    add $4, %edi
    dec %cx
    jnz 4b
    jmp fail
5:  xor %bp, %bp
    mov %fs:4(%esi), %ecx
    add %esi, %ecx
    add $44, %esi
6:  cmp %ecx, %esi
    jae 8f
    cmpb $0, %fs:(%esi)
    jne 7f
    inc %bp
7:  movzbl %fs:1(%esi), %eax
    add %eax, %esi
    jmp 6b
8:  ret

arrived:
    .word 0
expected:
    .word 0
lock_byte:
    .byte 0
#include "flat.S"
#include "lib.S"
