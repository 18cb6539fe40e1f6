/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Benchmarks, one per image, chosen by -DBENCH_...: time by the TSC, result on COM1 as
 * "NAME COUNT operations CYCLES cycles each" in decimal.
 *   bench-port.img: IN AL from 1F7h, COUNT times.
 *   bench-vga.img: word writes to B8000h, COUNT times.
 *   bench-disk.img: int 13h AH=42h reads of 64 KiB, COUNT times, from 8 MiB of the disk.
 *   bench-rep.img: REP STOSW of the whole text page of 32 KiB, COUNT times.
 */
#include "guest.h"
#include "boot.S"
body:
    call serial_init
    PRINT "start\r\n"
    rdtsc
    mov %eax, start
    mov %edx, start + 4
    mov $COUNT, %ebp
#if defined BENCH_PORT
    mov $0x1f7, %dx
1:  in %dx, %al
#elif defined BENCH_VGA
    mov $0xb800, %ax
    mov %ax, %es
    mov $0x0741, %ax
1:  mov %ax, %es:160
#elif defined BENCH_REP
    mov $0xb800, %ax
    mov %ax, %es
    mov $0x0720, %ax
1:  xor %di, %di
    mov $0x4000, %cx
    rep stosw
#else
1:  mov $packet, %si
    mov $0x42, %ah
    mov boot_drive, %dl
    int $0x13
    jc fail
    mov packet + 8, %eax
    add $128, %eax
    and $0x3f80, %eax
    mov %eax, packet + 8
#endif
    dec %ebp
    jnz 1b
    rdtsc
    sub start, %eax
    sbb start + 4, %edx
    mov $COUNT, %ecx
    div %ecx
    push $0
    pop %es
    PRINT NAME
    call space
    push %eax
    mov %ecx, %eax
    call putdec
    PRINT " operations "
    pop %eax
    call putdec
    PRINT " cycles each\r\n"
    jmp pass
    .balign 4
start:
    .quad 0
packet:
    .byte 16, 0
    .word 128
    .word 0, BUFFER_SEG
    .quad 0
#include "lib.S"
