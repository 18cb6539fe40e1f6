/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * internal-error.elf (for --loader): executes FWAIT without paging. A KVM that interprets such code
 * cannot do it and reports an internal error: the guest must end with one line, the instruction bytes
 * (9b d9 e8 ...) and the registers (EAX = C0FFEE01). Where FWAIT works, exit status 35.
 */
#include "guest.h"
    .code32
    .globl _start
_start:
    mov $0xc0ffee01, %eax
    fwait
    fld1
    mov $DEBUG_EXIT, %dx
    mov $FAIL, %al
    out %al, %dx
1:  hlt
    jmp 1b
