/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serial output and the end of a guest. Every routine keeps all registers (and the flags). */

/* COM1 at 115200 baud, 8N1, polled. */
serial_init:
    pushf
    push %ax
    push %dx
    mov $(COM1 + 3), %dx
    mov $0x83, %al
    out %al, %dx
    mov $COM1, %dx
    mov $1, %al
    out %al, %dx
    inc %dx
    mov $0, %al
    out %al, %dx
    mov $(COM1 + 3), %dx
    mov $3, %al
    out %al, %dx
    inc %dx
    out %al, %dx
    pop %dx
    pop %ax
    popf
    ret

/* Prints AL. */
putc:
    pushf
    push %ax
    push %dx
    mov %al, %ah
    mov $(COM1 + 5), %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov $COM1, %dx
    mov %ah, %al
    out %al, %dx
    pop %dx
    pop %ax
    popf
    ret

/* Prints the text at CS:SI; SI is left behind its NUL. */
puts_si:
    pushf
    push %ax
1:  mov %cs:(%si), %al
    inc %si
    test %al, %al
    jz 2f
    call putc
    jmp 1b
2:  pop %ax
    popf
    ret

print_inline:
    xchg %si, print_saved_si
    pop %si
    call puts_si
    push %si
    xchg %si, print_saved_si
    ret
print_saved_si:
    .word 0

newline:
    PRINT "\r\n"
    ret

space:
    PRINT " "
    ret

/* Prints AL, AX, EAX in hexadecimal. */
puthex8:
    pushf
    push %ax
    push %ax
    shr $4, %al
    call puthex4
    pop %ax
    call puthex4
    pop %ax
    popf
    ret
puthex4:
    and $0xf, %al
    cmp $10, %al
    jb 1f
    add $('a' - '0' - 10), %al
1:  add $'0', %al
    jmp putc
puthex16:
    rol $8, %ax
    call puthex8
    rol $8, %ax
    jmp puthex8
puthex32:
    rol $16, %eax
    call puthex16
    rol $16, %eax
    jmp puthex16

/* Prints EAX in decimal. */
putdec:
    pushf
    pushal
    mov $10, %ebx
    xor %cx, %cx
1:  xor %edx, %edx
    div %ebx
    push %dx
    inc %cx
    test %eax, %eax
    jnz 1b
2:  pop %ax
    add $'0', %al
    call putc
    loop 2b
    popal
    popf
    ret

/* Ends the guest with AL; where nobody listens at the port, halts. */
guest_exit:
    mov $DEBUG_EXIT, %dx
    out %al, %dx
    cli
1:  hlt
    jmp 1b

fail:
    call newline
    PRINT "FAIL\r\n"
    EXIT FAIL
pass:
    PRINT "PASS\r\n"
    EXIT PASS
