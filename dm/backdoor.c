/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port 5E0h: a 32-bit write of an address in guest RAM has cleave-dm copy SIZE bytes from there,
 * call them, and copy them back. They begin with a header; the code follows it.
 */
#include "backdoor.h"

#include <string.h>
#include <sys/mman.h>

#include "log.h"

#define BACKDOOR_PORT 0x5e0u
#define BACKDOOR_SIZE 65536u

struct backdoor_header {
    uint32_t size; /* of all, in bytes */
    uint32_t reserved;
};

struct backdoor {
    struct region port;
    struct dma *dma;
    uint8_t *area; /* readable, writable, executable */
};

static void backdoor_write(void *opaque, uint32_t off, unsigned size, uint64_t gpa)
{
    struct backdoor *b = opaque;
    struct backdoor_header head;
    void (*run)(void *blob);

    if (!dma_read(b->dma, gpa, &head, sizeof(head)) || head.size > BACKDOOR_SIZE ||
        !dma_read(b->dma, gpa, b->area, head.size)) {
        return;
    }
    uint8_t *code = b->area + sizeof(head);

    memcpy(&run, &code, sizeof(run));
    run(b->area);
    dma_write(b->dma, gpa, b->area, head.size);
}

static const struct reg backdoor_regs[] = {
    {0, 4, BUS_W4, NULL, backdoor_write, "backdoor"},
};

void backdoor_open(struct machine *m)
{
    static struct backdoor b;

    b.area = mmap(NULL, BACKDOOR_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    b.dma = m->pc.hw.dma;
    b.port = (struct region){
        .name = "backdoor", .regs = backdoor_regs, .nregs = 1, .opaque = &b, .len = 4};
    if (b.area == MAP_FAILED || bus_map(&m->pc.pio, &b.port, BACKDOOR_PORT)) {
        die("the test build's backdoor cannot be opened");
    }
    log_warn("this is a test build with a backdoor: never give it a guest that you do not trust");
}
