/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an attacker would run inside cleave-dm: the system calls that test-attacks.py has put into
 * the blob after this code, each result beside its call. Flat code for the backdoor's port: one
 * function, no data, no library.
 */
#include <stdint.h>

#define CALL_COPY (-1) /* not a system call: copies a2 bytes from a1 to a0 */

enum { ARG_VALUE, ARG_BLOB, ARG_RESULT }; /* as it is; an offset in the blob; added to a result */

struct call {
    int64_t nr;
    int64_t result;
    struct {
        uint64_t value;
        uint32_t kind;
        uint32_t index; /* of the call whose result it is */
    } arg[6];
};

struct blob {
    uint32_t size;
    uint32_t reserved;
    uint8_t code[1008];
    uint64_t calls;
    struct call call[];
};

void payload(struct blob *b)
{
    for (uint64_t i = 0; i < b->calls; i++) {
        struct call *c = &b->call[i];
        uint64_t a[6];

        for (int k = 0; k < 6; k++) {
            a[k] = c->arg[k].value;
            a[k] += c->arg[k].kind == ARG_BLOB     ? (uint64_t)b
                    : c->arg[k].kind == ARG_RESULT ? (uint64_t)b->call[c->arg[k].index].result
                                                   : 0;
        }
        if (c->nr == CALL_COPY) {
            void *to = (void *)a[0];
            const void *from = (const void *)a[1];

            __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(a[2]) : : "memory");
            continue;
        }
        register uint64_t r10 __asm__("r10") = a[3];
        register uint64_t r8 __asm__("r8") = a[4];
        register uint64_t r9 __asm__("r9") = a[5];

        __asm__ volatile("syscall"
                         : "=a"(c->result)
                         : "a"(c->nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                         : "rcx", "r11", "memory");
    }
}
