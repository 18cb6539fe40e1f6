/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvmloader's entry, its way between privilege levels and the jump to the BIOS.
 *
 * The domain builder starts us in 32-bit protected mode without paging, EBX = hvm_start_info. On a
 * KVM whose host has no virtualisation hardware such code is interpreted, about a microsecond per
 * instruction; only 64-bit code in ring 3 runs natively, but there each port access costs four
 * times as much. So: long mode at once with static identity page tables, the port work in ring 0,
 * and the work on memory in ring 3 through run_native(). IRET to ring 3 and an exception as the way
 * back are what every processor and every KVM does.
 */
#include "ap.h"

#define SEL_CODE64  0x08
#define SEL_DATA    0x10
#define SEL_CODE32  0x18
#define SEL_CODE16  0x20
#define SEL_DATA16  0x28
#define SEL_DATA3   0x33
#define SEL_CODE3   0x3b
#define SEL_TSS     0x40

#define CR0_PE      0x00000001
#define CR0_PG      0x80000000
#define CR4_PAE     0x00000020
#define MSR_EFER    0xc0000080
#define EFER_LME    0x00000100
#define FLAGS_IOPL3 0x00003002

#define TRAMPOLINE  0x7000 /* where 16-bit code can be reached from both sides */

    .section .text.entry, "ax"
    .code32
    .globl _start
_start:
    cld
    lgdt gdt_pointer
    mov $pml4, %eax
    mov %eax, %cr3
    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $MSR_EFER, %ecx
    mov $EFER_LME, %eax
    xor %edx, %edx
    wrmsr
    mov %cr0, %eax
    or $CR0_PG, %eax
    mov %eax, %cr0
    ljmp $SEL_CODE64, $start64

    .code64
start64:
    mov $SEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $stack_top, %esp
    /* The linker cannot split addresses: descriptors get theirs here. */
    mov $tss, %eax
    mov %ax, gdt_tss + 2
    shr $16, %eax
    mov %al, gdt_tss + 4
    mov %ah, gdt_tss + 7
    mov $native_done, %eax
    mov %ax, idt_ud
    shr $16, %eax
    mov %ax, idt_ud + 6
    lidt idt_pointer
    mov $SEL_TSS, %eax
    ltr %ax
    mov %ebx, %edi
    call loader_main
    /* Does not return. */
1:  hlt
    jmp 1b

/* void run_native(void (*function)(void)): calls it in ring 3, with all ports open. */
    .globl run_native
run_native:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, native_rsp
    mov %rdi, %rax
    push $SEL_DATA3
    push $stack3_top
    push $FLAGS_IOPL3
    push $SEL_CODE3
    mov $native_start, %ecx
    push %rcx
    iretq
native_start:
    call *%rax
    ud2
native_done:
    mov native_rsp, %rsp
    mov $SEL_DATA, %eax
    mov %eax, %ss
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* int64_t hypercall2(void *stub, uint64_t a, uint64_t b): Xen's 64-bit convention. */
    .globl hypercall2
hypercall2:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    jmp *%rax

/* Leaves long mode and protected mode, clears the registers, jumps to F000:FFF0. */
    .globl start_bios
start_bios:
    mov $trampoline, %esi
    mov $TRAMPOLINE, %edi
    mov $trampoline_end - trampoline, %ecx
    rep movsb
    pushq $SEL_CODE32
    mov $leave_long_mode, %eax
    push %rax
    lretq

    .code32
leave_long_mode:
    mov %cr0, %eax
    and $~CR0_PG, %eax
    mov %eax, %cr0
    mov $MSR_EFER, %ecx
    xor %eax, %eax
    xor %edx, %edx
    wrmsr
    mov %eax, %cr4
    mov %eax, %cr3
    lidt real_idt_pointer
    mov $SEL_DATA16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    ljmp $SEL_CODE16, $TRAMPOLINE

    .code16
trampoline:
    mov %cr0, %eax
    and $~CR0_PE, %eax
    mov %eax, %cr0
    ljmp $0, $TRAMPOLINE + real_mode - trampoline
real_mode:
    xor %eax, %eax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %fs
    mov %ax, %gs
    mov %ax, %ss
    xor %ebx, %ebx
    xor %ecx, %ecx
    xor %edx, %edx
    xor %esi, %esi
    xor %edi, %edi
    xor %ebp, %ebp
    xor %esp, %esp
    ljmp $0xf000, $0xfff0
trampoline_end:

/*
 * Where another processor begins: real mode at AP_PAGE, to which this is copied. Writes the MSRs
 * that the boot processor listed, calls in, and waits for an operating system's INIT.
 */
    .globl ap_code, ap_code_end
ap_code:
    mov %cs, %ax
    mov %ax, %ds
    mov AP_COUNT, %di
    mov $AP_MSRS, %si
1:  mov (%si), %ecx
    mov 4(%si), %eax
    mov 8(%si), %edx
    wrmsr
    add $12, %si
    dec %di
    jnz 1b
    lock incl AP_CALLED_IN
1:  hlt
    jmp 1b
ap_code_end:

    .section .data
    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 08: 64-bit code */
    .quad 0x00cf93000000ffff /* 10: data */
    .quad 0x00cf9b000000ffff /* 18: 32-bit code */
    .quad 0x00009b000000ffff /* 20: 16-bit code */
    .quad 0x000093000000ffff /* 28: data of real mode's limits */
    .quad 0x00cff3000000ffff /* 30: data, ring 3 */
    .quad 0x00affb000000ffff /* 38: 64-bit code, ring 3 */
gdt_tss:
    .quad 0x0000890000000067 /* 40: TSS, two entries long */
    .quad 0
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
    .balign 8
idt:
    .fill 6 * 2, 8, 0
idt_ud:
    .word 0, SEL_CODE64, 0x8e00, 0 /* vector 6: interrupt gate to native_done */
    .quad 0
idt_end:
idt_pointer:
    .word idt_end - idt - 1
    .quad idt
real_idt_pointer:
    .word 0x3ff
    .long 0
    .balign 16
tss:
    .long 0
    .quad trap_stack_top /* RSP0 */
    .fill 0x68 - 12, 1, 0
    .balign 8
native_rsp:
    .quad 0

    .section .bss
    .balign 16
    .space 0x200
trap_stack_top:
    .space 0x1e00
stack_top:
    .space 0x2000
stack3_top:

/* Identity map of the first 4 GiB, 2 MiB pages, open to ring 3. */
    .section .pagetables, "aw", @progbits
    .balign 4096
pml4:
    .quad pdpt + 7
    .fill 511, 8, 0
pdpt:
    .quad pd + 7, pd + 0x1007, pd + 0x2007, pd + 0x3007
    .fill 508, 8, 0
pd:
    .set address, 0
    .rept 2048
    .quad 0xe7 + address
    .set address, address + 0x200000
    .endr
    .section .note.GNU-stack, "", @progbits
