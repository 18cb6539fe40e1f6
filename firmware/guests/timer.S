/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timer.img: PIT ticks by IRQ0 (through the BIOS's count), RTC periodic interrupt at 1024 Hz, update
 * and alarm interrupts by IRQ8. On COM1: "irq0 ok", "periodic N" (interrupts in one second of the RTC, 1024
 * on an idle host), "update ok", "alarm ok", PASS. Ticks are no measure of time here: those lost
 * while the BIOS had interrupts off are made up for.
 */
#include "guest.h"
#define RTC_REG_A 0x0a
#define RTC_REG_B 0x0b
#define RTC_REG_C 0x0c
#include "boot.S"
body:
    call serial_init
    mov $5, %bx
    call wait_ticks
    PRINT "irq0 ok\r\n"

    cli
    movw $irq8, 0x70 * 4
    movw $0, 0x70 * 4 + 2
    in $0xa1, %al
    and $0xfe, %al
    out %al, $0xa1
    in $0x21, %al
    and $0xfb, %al
    out %al, $0x21
    mov $RTC_REG_A, %al
    mov $0x26, %ah
    call rtc_write
    sti
    call wait_second
    mov $0x40, %cl
    call rtc_enable
    call wait_second
    call rtc_disable
    movzwl count, %eax
    PRINT "periodic "
    call putdec
    call newline
    cmp $100, %eax
    jb fail
    cmp $1100, %eax
    ja fail
    mov $0x40, %al
    call check_seen

    mov $0x10, %cl
    call rtc_enable
    call wait_interrupt
    call rtc_disable
    mov $0x10, %al
    call check_seen
    PRINT "update ok\r\n"

    /* Alarm at every second: all three alarm bytes "don't care". */
    mov $0xff, %ah
    mov $1, %al
    call rtc_write
    mov $3, %al
    call rtc_write
    mov $5, %al
    call rtc_write
    mov $0x20, %cl
    call rtc_enable
    call wait_interrupt
    call rtc_disable
    mov $0x20, %al
    call check_seen
    PRINT "alarm ok\r\n"
    jmp pass

/* CL: bits of register B to set. */
rtc_enable:
    cli
    movw $0, count
    movb $0, seen
    mov $RTC_REG_C, %al
    call rtc_read
    mov $RTC_REG_B, %al
    call rtc_read
    and $0x8f, %al
    or %cl, %al
    mov %al, %ah
    mov $RTC_REG_B, %al
    call rtc_write
    sti
    ret

rtc_disable:
    mov $0, %cl
    push seen
    push count
    call rtc_enable
    pop count
    pop seen
    ret

check_seen: /* AL: the flag that must have come */
    and seen, %al
    jz fail
    ret

/* Until the RTC's seconds change. */
wait_second:
    call seconds
    mov %al, %bl
1:  hlt
    call seconds
    cmp %al, %bl
    je 1b
    ret

seconds:
    cli
    xor %al, %al
    call rtc_read
    sti
    ret

wait_interrupt: /* at most 3 seconds */
    mov $3, %cx
    call seconds
    mov %al, %bl
1:  cmpw $0, count
    jne 2f
    hlt
    call seconds
    cmp %al, %bl
    je 1b
    mov %al, %bl
    loop 1b
    cmpw $0, count
    je fail
2:  ret

wait_ticks: /* BX of them */
    mov BDA_TICKS, %ax
1:  hlt
    cmp %ax, BDA_TICKS
    je 1b
    dec %bx
    jnz wait_ticks
    ret

rtc_read:
    out %al, $0x70
    in $0x71, %al
    ret
rtc_write: /* AL index, AH value */
    out %al, $0x70
    xchg %al, %ah
    out %al, $0x71
    xchg %al, %ah
    ret

irq8:
    push %ax
    push %ds
    push $0
    pop %ds
    mov $RTC_REG_C, %al
    out %al, $0x70
    in $0x71, %al
    or %al, seen
    incw count
    mov $0x20, %al
    out %al, $0xa0
    out %al, $0x20
    pop %ds
    pop %ax
    iret
count:
    .word 0
seen:
    .word 0
#include "lib.S"
