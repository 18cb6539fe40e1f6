/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bmdma.img: PIIX3 bus master IDE programmed directly (Intel "Programming Interface for Bus Master IDE
 * Controller" 1.0): READ DMA of 8 sectors of the pattern at sector 64 into two memory regions,
 * WRITE DMA of the same data to sector 128, READ DMA back, each ended by IRQ14. On COM1: "read ok", "write ok",
 * "back ok", PASS.
 */
#include "guest.h"
#define FIRST  64
#define TARGET 128
#define COUNT  8
#define DATA1  0x20000
#define DATA2  0x30000 /* the second region takes the last two sectors */
#include "boot.S"
body:
    call serial_init
    mov $0x80000920, %eax
    call config
    in %dx, %eax
    test $1, %al
    jz fail
    and $0xfffc, %ax
    jz fail
    mov %ax, base
    mov $0x80000904, %eax
    call config
    in %dx, %ax
    or $5, %ax
    out %ax, %dx

    cli
    movw $irq14, 0x76 * 4
    movw $0, 0x76 * 4 + 2
    in $0xa1, %al
    and $0xbf, %al
    out %al, $0xa1
    in $0x21, %al
    and $0xfb, %al
    out %al, $0x21
    sti
    mov $0x3f6, %dx
    mov $0x08, %al
    out %al, %dx

    mov $FIRST, %al
    mov $0xc8, %ah
    mov $0x08, %bl
    call transfer
    mov $FIRST, %eax
    call check
    PRINT "read ok\r\n"
    mov $TARGET, %al
    mov $0xca, %ah
    mov $0x00, %bl
    call transfer
    PRINT "write ok\r\n"
    call wipe
    mov $TARGET, %al
    mov $0xc8, %ah
    mov $0x08, %bl
    call transfer
    mov $FIRST, %eax
    call check
    PRINT "back ok\r\n"
    jmp pass

config:
    mov $0xcf8, %dx
    out %eax, %dx
    mov $0xcfc, %dx
    ret

/* AL sector, AH command, BL direction bit of the bus master command register. */
transfer:
    movb $0, interrupts
    mov %ax, %cx
    mov base, %dx
    xor %al, %al
    out %al, %dx /* stop */
    add $4, %dx
    mov $prd, %eax
    out %eax, %dx
    sub $2, %dx
    in %dx, %al
    or $6, %al
    out %al, %dx /* clear interrupt and error */
    mov $0x1f6, %dx
    mov $0xe0, %al
    out %al, %dx
    call not_busy
    mov $0x1f2, %dx
    mov $COUNT, %al
    out %al, %dx
    inc %dx
    mov %cl, %al
    out %al, %dx
    inc %dx
    xor %al, %al
    out %al, %dx
    inc %dx
    out %al, %dx
    add $2, %dx
    mov %ch, %al
    out %al, %dx
    mov base, %dx
    mov %bl, %al
    or $1, %al
    out %al, %dx /* start */
1:  cmpb $0, interrupts /* without an interrupt it hangs here */
    jne 2f
    hlt
    jmp 1b
2:  mov base, %dx
    xor %al, %al
    out %al, %dx
    add $2, %dx
    in %dx, %al
    test $2, %al /* error */
    jnz fail
    test $1, %al /* still active */
    jnz fail
    test $4, %al /* interrupt */
    jz fail
    cmpb $0, ata_status
    je fail
    testb $0x29, ata_status /* DRQ, DF or ERR after the transfer */
    jnz fail
    ret
not_busy:
    mov $0x1f7, %dx
1:  in %dx, %al
    test $0x88, %al
    jnz 1b
    ret

/* EAX: what the first sector's dwords are. */
check:
    mov $(DATA1 >> 4), %bx
    mov $6, %dx
    call check_run
    mov $(DATA2 >> 4), %bx
    mov $2, %dx
check_run:
    mov %bx, %es
    xor %di, %di
1:  mov $(SECTOR / 4), %cx
    repe scasl
    jne fail
    inc %eax
    dec %dx
    jnz 1b
    push $0
    pop %es
    ret

wipe:
    xor %eax, %eax
    mov $(DATA1 >> 4), %bx
    call 1f
    mov $(DATA2 >> 4), %bx
1:  mov %bx, %es
    xor %di, %di
    mov $1024, %cx
    rep stosl
    push $0
    pop %es
    ret

irq14:
    push %ax
    push %dx
    push %ds
    push $0
    pop %ds
    mov $0x1f7, %dx
    in %dx, %al
    mov %al, ata_status
    incb interrupts
    mov $0x20, %al
    out %al, $0xa0
    out %al, $0x20
    pop %ds
    pop %dx
    pop %ax
    iret

base:
    .word 0
interrupts:
    .byte 0
ata_status:
    .byte 0
    .balign 4
prd:
    .long DATA1
    .word 6 * SECTOR, 0
    .long DATA2
    .word 2 * SECTOR, 0x8000
#include "lib.S"
    .org _start + FIRST * SECTOR
    .set sector, FIRST
    .rept COUNT
    .fill SECTOR / 4, 4, sector
    .set sector, sector + 1
    .endr
