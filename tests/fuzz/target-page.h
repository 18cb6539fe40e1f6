/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page of memory whose every access by the program is noted, and may be followed by a change of
 * its content: what the other side of a shared page can do at worst. The page is kept inaccessible;
 * an access faults, is let through for one instruction, and traps again. x86 only, one thread.
 */
#ifndef CLEAVE_TESTS_FUZZ_TARGET_PAGE_H
#define CLEAVE_TESTS_FUZZ_TARGET_PAGE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define TRAP_PAGE   4096u
#define TRAP_LOG    4096u
#define TRAP_FLAG   0x100 /* EFLAGS.TF */
#define TRAP_WRITES 2     /* of the page fault's error code */

struct trap_page {
    uint8_t *mem;
    bool armed;
    unsigned n; /* accesses since it was armed */
    struct {
        uint16_t offset;
        bool write;
    } log[TRAP_LOG];
    /* After access number n; may change mem. NULL: only noted. */
    void (*after)(void *opaque, unsigned n);
    void *opaque;
    struct sigaction before_segv;
    struct sigaction before_trap;
};

static struct trap_page trap_page;

static inline void trap_segv(int sig, siginfo_t *info, void *context)
{
    struct trap_page *p = &trap_page;
    ucontext_t *uc = context;
    uintptr_t at = (uintptr_t)info->si_addr - (uintptr_t)p->mem;

    if (!p->armed || at >= TRAP_PAGE) {
        sigaction(SIGSEGV, &p->before_segv, NULL); /* a real one: it faults again */
        return;
    }
    if (p->n < TRAP_LOG) {
        p->log[p->n].offset = (uint16_t)at;
        p->log[p->n].write = (uc->uc_mcontext.gregs[REG_ERR] & TRAP_WRITES) != 0;
    }
    mprotect(p->mem, TRAP_PAGE, PROT_READ | PROT_WRITE);
    uc->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static inline void trap_trap(int sig, siginfo_t *info, void *context)
{
    struct trap_page *p = &trap_page;
    ucontext_t *uc = context;

    uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
    if (p->after) {
        p->after(p->opaque, p->n);
    }
    p->n++;
    mprotect(p->mem, TRAP_PAGE, PROT_NONE);
}

/* Allocates the page. */
static inline bool trap_init(void)
{
    trap_page.mem =
        mmap(NULL, TRAP_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return trap_page.mem != MAP_FAILED;
}

/* From here to trap_disarm() accesses are noted, and `after` runs behind each. */
static inline void trap_arm(void (*after)(void *opaque, unsigned n), void *opaque)
{
    struct sigaction segv = {.sa_sigaction = trap_segv, .sa_flags = SA_SIGINFO};
    struct sigaction trap = {.sa_sigaction = trap_trap, .sa_flags = SA_SIGINFO};
    struct trap_page *p = &trap_page;

    p->n = 0;
    p->after = after;
    p->opaque = opaque;
    sigaction(SIGSEGV, &segv, &p->before_segv);
    sigaction(SIGTRAP, &trap, &p->before_trap);
    p->armed = true;
    mprotect(p->mem, TRAP_PAGE, PROT_NONE);
}

static inline void trap_disarm(void)
{
    struct trap_page *p = &trap_page;

    mprotect(p->mem, TRAP_PAGE, PROT_READ | PROT_WRITE);
    p->armed = false;
    sigaction(SIGSEGV, &p->before_segv, NULL);
    sigaction(SIGTRAP, &p->before_trap, NULL);
}

/* How often bytes at `offset` were read (or written). */
static inline unsigned trap_count(unsigned offset, bool write)
{
    unsigned count = 0;

    for (unsigned i = 0; i < trap_page.n && i < TRAP_LOG; i++) {
        count += trap_page.log[i].offset == offset && trap_page.log[i].write == write;
    }
    return count;
}

#endif
