/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hello.elf (for --loader): runs without any BIOS where the domain builder starts it, in 32-bit
 * protected mode without paging. Prints "hello from EIP" and "start_info MAGIC" on COM1; exit status
 * 33, or 35 when EBX does not point at an hvm_start_info.
 */
#include "guest.h"
    .code32
    .globl _start
_start:
    mov $stack_top, %esp
    mov $text, %esi
    call puts
    call 1f
1:  pop %eax
    call hex
    mov $text_info, %esi
    call puts
    mov (%ebx), %eax
    call hex
    mov $text_end, %esi
    call puts
    mov $DEBUG_EXIT, %dx
    mov $PASS, %al
    cmpl $0x336ec578, (%ebx)
    je 2f
    mov $FAIL, %al
2:  out %al, %dx
3:  hlt
    jmp 3b

puts:
    lodsb
    test %al, %al
    jz 1f
    call putc
    jmp puts
1:  ret

hex:
    mov $8, %ecx
1:  rol $4, %eax
    push %eax
    and $0xf, %al
    cmp $10, %al
    jb 2f
    add $('a' - '0' - 10), %al
2:  add $'0', %al
    call putc
    pop %eax
    loop 1b
    ret

putc:
    mov %al, %ah
    mov $(COM1 + 5), %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov $COM1, %dx
    mov %ah, %al
    out %al, %dx
    ret

text:
    .asciz "hello from "
text_info:
    .asciz "\r\nstart_info "
text_end:
    .asciz "\r\n"
    .bss
    .space 0x1000
stack_top:
