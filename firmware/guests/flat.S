/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flat_fs: FS with base 0 and a limit of 4 GiB in real mode. Changes EAX and BX. */
flat_fs:
    cli
    lgdt flat_gdt_pointer
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    mov $8, %bx
    mov %bx, %fs
    and $0xfe, %al
    mov %eax, %cr0
    sti
    ret
    .balign 8
flat_gdt:
    .quad 0, 0x00cf93000000ffff
flat_gdt_pointer:
    .word 15
    .long flat_gdt
