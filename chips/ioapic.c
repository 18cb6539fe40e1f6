/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O APIC. Intel 82093AA data sheet (290566-001). Requests become messages that a local APIC
 * accepts; where there is none they stay pending (delivery status).
 *
 * Not modelled: arbitration on the serial APIC bus (IOAPICARB shows the ID).
 */
#include "ioapic.h"

#include <errno.h>
#include <string.h>

#define REG_ID     0x00u
#define REG_VER    0x01u
#define REG_ARB    0x02u
#define REG_REDTBL 0x10u

#define VERSION     0x11u
#define ID_BITS     0x0f000000u
#define RT_VECTOR   0x00000000000000ffull
#define RT_STATUS   0x0000000000001000ull /* send pending */
#define RT_ACTLOW   0x0000000000002000ull
#define RT_RIRR     0x0000000000004000ull
#define RT_LEVEL    0x0000000000008000ull
#define RT_MASK     0x0000000000010000ull
#define RT_WRITABLE 0xff0000000001afffull

STATE_TYPE(ioapic_state, IOAPIC_STATE);

/* --- requests --- */

static bool input_active(const struct ioapic *a, unsigned n)
{
    bool level = a->s->lines >> n & 1;

    return level != ((a->s->redtbl[n] & RT_ACTLOW) != 0);
}

static void input_send(struct ioapic *a, unsigned n)
{
    uint64_t *e = &a->s->redtbl[n];
    bool taken = a->apic.message && a->apic.message(a->apic.opaque, n, *e);

    *e = taken ? *e & ~RT_STATUS : *e | RT_STATUS;
    if (taken && (*e & RT_LEVEL)) {
        *e |= RT_RIRR;
    }
}

/* A level request as long as the input is active and the last message is not ended. */
static void input_update(struct ioapic *a, unsigned n)
{
    uint64_t *e = &a->s->redtbl[n];

    if (!(*e & RT_LEVEL)) {
        return;
    }
    if (!input_active(a, n)) {
        *e &= ~RT_STATUS;
    } else if (!(*e & (RT_MASK | RT_RIRR | RT_STATUS))) {
        input_send(a, n);
    }
}

/* Edges on a masked input are lost: 3.2.4, interrupt mask. */
void ioapic_set(struct ioapic *a, unsigned input, int level)
{
    uint32_t bit = 1u << (input & 31);

    if (input >= IOAPIC_INPUTS || ((a->s->lines & bit) != 0) == (level != 0)) {
        return;
    }
    a->s->lines = level ? a->s->lines | bit : a->s->lines & ~bit;
    uint64_t e = a->s->redtbl[input];

    if (!(e & (RT_LEVEL | RT_MASK)) && input_active(a, input)) {
        input_send(a, input);
    }
    input_update(a, input);
}

void ioapic_eoi(struct ioapic *a, uint8_t vector)
{
    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
        uint64_t *e = &a->s->redtbl[n];

        if ((*e & RT_RIRR) && (*e & RT_VECTOR) == vector) {
            *e &= ~RT_RIRR;
            input_update(a, n);
        }
    }
}

/* --- registers --- */

static uint32_t register_read(const struct ioapic *a, unsigned reg)
{
    const struct ioapic_state *s = a->s;
    unsigned n = (reg - REG_REDTBL) / 2;

    switch (reg) {
    case REG_ID:
    case REG_ARB:
        return s->id;
    case REG_VER:
        return VERSION | (IOAPIC_INPUTS - 1) << 16;
    default:
        return reg < REG_REDTBL || n >= IOAPIC_INPUTS
                   ? 0
                   : (uint32_t)(s->redtbl[n] >> (reg & 1 ? 32 : 0));
    }
}

static void redtbl_write(struct ioapic *a, unsigned n, bool high, uint32_t val)
{
    uint64_t *e = &a->s->redtbl[n];
    uint64_t mask = RT_WRITABLE & (high ? 0xffffffff00000000ull : 0xffffffffull);
    uint64_t bits = high ? (uint64_t)val << 32 : val;

    *e = (*e & ~mask) | (bits & mask);
    if (!(*e & RT_LEVEL)) {
        *e &= ~RT_RIRR; /* undefined for edges: nobody would ever end it */
    }
    input_update(a, n);
}

static void register_write(struct ioapic *a, unsigned reg, uint32_t val)
{
    unsigned n = (reg - REG_REDTBL) / 2;

    if (reg == REG_ID) {
        a->s->id = val & ID_BITS;
    } else if (reg >= REG_REDTBL && n < IOAPIC_INPUTS) {
        redtbl_write(a, n, reg & 1, val);
    }
}

static uint64_t regsel_read(void *dev, uint32_t off, unsigned size)
{
    return off ? 0 : ((struct ioapic *)dev)->s->regsel;
}

static void regsel_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    if (off == 0) {
        ((struct ioapic *)dev)->s->regsel = (uint8_t)val;
    }
}

static uint64_t win_read(void *dev, uint32_t off, unsigned size)
{
    struct ioapic *a = dev;

    return register_read(a, a->s->regsel);
}

static void win_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct ioapic *a = dev;

    register_write(a, a->s->regsel, (uint32_t)val);
}

static const struct reg ioapic_regs[] = {
    {0x00, 4, BUS_W1 | BUS_W4, regsel_read, regsel_write, "IOREGSEL"},
    {0x10, 4, BUS_W4, win_read, win_write, "IOWIN"},
};

/* --- life --- */

static void ioapic_reset(struct device *dev, enum reset_kind kind)
{
    struct ioapic *a = (struct ioapic *)dev;

    memset(a->s, 0, sizeof(*a->s));
    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
        a->s->redtbl[n] = RT_MASK;
    }
}

static int ioapic_check(const void *state)
{
    const struct ioapic_state *s = state;

    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
        uint64_t e = s->redtbl[n];

        if ((e & ~(RT_WRITABLE | RT_RIRR | RT_STATUS)) || ((e & RT_RIRR) && !(e & RT_LEVEL))) {
            return -EINVAL;
        }
    }
    for (unsigned i = 0; i < sizeof(s->reserved); i++) {
        if (s->reserved[i]) {
            return -EINVAL;
        }
    }
    return (s->lines >> IOAPIC_INPUTS) || (s->id & ~ID_BITS) ? -EINVAL : 0;
}

static void ioapic_resume(struct device *dev)
{
}

static const struct device_class ioapic_class = {
    .name = "ioapic",
    .state = &ioapic_state_type,
    .reset = ioapic_reset,
    .check = ioapic_check,
    .resume = ioapic_resume,
};

int ioapic_init(struct ioapic *a, const struct hw *hw, struct ioapic_bus apic)
{
    int err;

    memset(a, 0, sizeof(*a));
    err = arena_add(hw->arena, &a->dev, &ioapic_class, "ioapic");
    if (err) {
        return err;
    }
    a->s = a->dev.state;
    a->apic = apic;
    a->region = (struct region){.name = "IOAPIC",
                                .regs = ioapic_regs,
                                .nregs = sizeof(ioapic_regs) / sizeof(ioapic_regs[0]),
                                .opaque = a,
                                .len = IOAPIC_LEN};
    return bus_map(hw->mmio, &a->region, IOAPIC_BASE);
}
