/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two cascaded 8259A interrupt controllers. Intel 8259A data sheet (231468-003); ELCR and its fixed
 * bits: 82371SB (PIIX3) data sheet, which also ignores ICW1's LTIM. An edge request whose input
 * falls before the acknowledge cycle is lost (a spurious interrupt 7), as on the chip.
 *
 * Not modelled: MCS-80/85 mode (ICW4 is taken as if its uPM bit were set), buffered mode.
 */
#include "i8259.h"

#include <errno.h>
#include <string.h>

#define MASTER 0u
#define SLAVE  1u

#define ICW1_INIT 0x10u
#define ICW1_SNGL 0x02u
#define ICW1_IC4  0x01u
#define ICW4_AEOI 0x02u
#define ICW4_SFNM 0x10u

#define OCW3_SELECT 0x08u
#define OCW3_ESMM   0x40u
#define OCW3_SMM    0x20u
#define OCW3_POLL   0x04u
#define OCW3_RR     0x02u
#define OCW3_RIS    0x01u

#define POLL_INTERRUPT 0x80u
#define SPURIOUS       7u
#define NOBODY         8u /* a rank below all inputs */

/* Inputs that the chipset fixes as edge triggered: 0, 1, 2 and 8, 13. */
static const uint8_t elcr_writable[I8259_UNITS] = {0xf8, 0xde};

STATE_TYPE(i8259_unit_state, I8259_UNIT_STATE);
STATE_TYPE(i8259_state, I8259_STATE);

/* --- priority --- */

/* Rank (0: highest) of the first input set in `bits`, or NOBODY. */
static unsigned unit_rank(const struct i8259_unit_state *u, uint8_t bits)
{
    for (unsigned rank = 0; rank < 8; rank++) {
        if (bits & (1u << ((u->lowest + 1 + rank) & 7))) {
            return rank;
        }
    }
    return NOBODY;
}

/* The input that asks for an interrupt now, or NOBODY. */
static unsigned unit_request(const struct i8259_unit_state *u, unsigned n)
{
    uint8_t serving = u->isr;
    unsigned rank = unit_rank(u, u->irr & (uint8_t)~u->imr);

    if (u->special_mask) {
        serving &= (uint8_t)~u->imr;
    }
    if (n == MASTER && (u->icw4 & ICW4_SFNM)) {
        serving &= (uint8_t) ~(1u << I8259_CASCADE);
    }
    if (rank == NOBODY || rank >= unit_rank(u, serving)) {
        return NOBODY;
    }
    return (u->lowest + 1 + rank) & 7;
}

/* --- lines --- */

static void unit_set(struct i8259_unit_state *u, unsigned input, int level)
{
    uint8_t bit = (uint8_t)(1u << input);
    bool was = u->lines & bit;

    if (level) {
        u->lines |= bit;
        u->irr |= !was || (u->elcr & bit) ? bit : 0;
    } else {
        u->lines &= (uint8_t)~bit;
        u->irr &= (uint8_t)~bit;
    }
}

/* INT of the slave into the master, INT of the master to the CPU. */
static void i8259_update(struct i8259 *p)
{
    struct i8259_unit_state *u = p->s->unit;

    unit_set(&u[MASTER], I8259_CASCADE, unit_request(&u[SLAVE], SLAVE) != NOBODY);
    irq_set(&p->intr, i8259_pending(p));
}

bool i8259_pending(const struct i8259 *p)
{
    return unit_request(&p->s->unit[MASTER], MASTER) != NOBODY;
}

void i8259_set(struct i8259 *p, unsigned input, int level)
{
    if (input == I8259_CASCADE || input >= I8259_INPUTS) {
        return;
    }
    unit_set(&p->s->unit[input >> 3], input & 7, level);
    i8259_update(p);
}

/* --- acknowledge and end of interrupt --- */

static void unit_acknowledge(struct i8259_unit_state *u, unsigned input)
{
    uint8_t bit = (uint8_t)(1u << input);

    if (!(u->elcr & bit)) {
        u->irr &= (uint8_t)~bit;
    }
    if (!(u->icw4 & ICW4_AEOI)) {
        u->isr |= bit;
    } else if (u->rotate_aeoi) {
        u->lowest = (uint8_t)input;
    }
}

/* One unit's part of the cycle: the input acknowledged; a request that went away gives 7. */
static unsigned unit_take(struct i8259_unit_state *u, unsigned n)
{
    unsigned input = unit_request(u, n);

    if (input == NOBODY) {
        return SPURIOUS;
    }
    unit_acknowledge(u, input);
    return input;
}

uint8_t i8259_acknowledge(struct i8259 *p)
{
    struct i8259_unit_state *u = p->s->unit;
    bool cascade = unit_request(&u[MASTER], MASTER) == I8259_CASCADE;
    unsigned input = unit_take(&u[MASTER], MASTER);
    uint8_t vector = (uint8_t)(u[MASTER].base + input);

    if (cascade) {
        vector = (uint8_t)(u[SLAVE].base + unit_take(&u[SLAVE], SLAVE));
    }
    i8259_update(p);
    return vector;
}

/* The in-service input of highest priority ends, or `input` where it is named. */
static void unit_end(struct i8259_unit_state *u, bool specific, unsigned input, bool rotate)
{
    unsigned rank = unit_rank(u, u->special_mask ? u->isr & (uint8_t)~u->imr : u->isr);

    if (!specific) {
        if (rank == NOBODY) {
            return;
        }
        input = (u->lowest + 1 + rank) & 7;
    }
    u->isr &= (uint8_t) ~(1u << input);
    if (rotate) {
        u->lowest = (uint8_t)input;
    }
}

/* --- command words --- */

static void unit_icw1(struct i8259_unit_state *u, uint8_t val)
{
    u->icw1 = val;
    u->step = 2;
    u->imr = 0;
    u->isr = 0;
    u->irr = u->lines & u->elcr; /* the edge sense circuit is reset: edges must come anew */
    u->lowest = 7;
    u->special_mask = 0;
    u->read_isr = 0;
    u->poll = 0;
    u->rotate_aeoi = 0;
    if (!(val & ICW1_IC4)) {
        u->icw4 = 0;
    }
}

/* ICW2 to ICW4. */
static void unit_icw(struct i8259_unit_state *u, uint8_t val)
{
    switch (u->step) {
    case 2:
        u->base = val & 0xf8;
        u->step = !(u->icw1 & ICW1_SNGL) ? 3 : u->icw1 & ICW1_IC4 ? 4 : 0;
        break;
    case 3:
        u->icw3 = val;
        u->step = u->icw1 & ICW1_IC4 ? 4 : 0;
        break;
    default:
        u->icw4 = val & 0x1f;
        u->step = 0;
        break;
    }
}

static void unit_ocw2(struct i8259_unit_state *u, uint8_t val)
{
    unsigned input = val & 7;

    switch (val >> 5) {
    case 0:
    case 4:
        u->rotate_aeoi = val >> 7;
        break;
    case 1:
    case 5:
        unit_end(u, false, 0, val >> 7);
        break;
    case 3:
    case 7:
        unit_end(u, true, input, val >> 7);
        break;
    case 6:
        u->lowest = (uint8_t)input;
        break;
    default:
        break;
    }
}

static void unit_ocw3(struct i8259_unit_state *u, uint8_t val)
{
    if (val & OCW3_ESMM) {
        u->special_mask = (val & OCW3_SMM) != 0;
    }
    if (val & OCW3_RR) {
        u->read_isr = val & OCW3_RIS;
    }
    u->poll = (val & OCW3_POLL) != 0;
}

/* --- ports --- */

static unsigned unit_of(const struct i8259 *p, const struct i8259_unit_state *u)
{
    return u == &p->s->unit[MASTER] ? MASTER : SLAVE;
}

/* A read after the poll command is an acknowledge cycle of this unit alone. */
static uint8_t unit_poll(struct i8259 *p, struct i8259_unit_state *u)
{
    unsigned input = unit_request(u, unit_of(p, u));

    u->poll = 0;
    if (input == NOBODY) {
        return 0;
    }
    unit_acknowledge(u, input);
    i8259_update(p);
    return (uint8_t)(POLL_INTERRUPT | input);
}

static uint8_t unit_read(struct i8259 *p, unsigned n, uint32_t off)
{
    struct i8259_unit_state *u = &p->s->unit[n];

    if (u->poll) {
        return unit_poll(p, u);
    }
    return off ? u->imr : u->read_isr ? u->isr : u->irr;
}

static void unit_write(struct i8259 *p, unsigned n, uint32_t off, uint8_t val)
{
    struct i8259_unit_state *u = &p->s->unit[n];

    if (off && u->step) {
        unit_icw(u, val);
    } else if (off) {
        u->imr = val;
    } else if (val & ICW1_INIT) {
        unit_icw1(u, val);
    } else if (val & OCW3_SELECT) {
        unit_ocw3(u, val);
    } else {
        unit_ocw2(u, val);
    }
    i8259_update(p);
}

static uint64_t master_read(void *dev, uint32_t off, unsigned size)
{
    return unit_read(dev, MASTER, off);
}

static void master_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    unit_write(dev, MASTER, off, (uint8_t)val);
}

static uint64_t slave_read(void *dev, uint32_t off, unsigned size)
{
    return unit_read(dev, SLAVE, off);
}

static void slave_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    unit_write(dev, SLAVE, off, (uint8_t)val);
}

static uint64_t elcr_read(void *dev, uint32_t off, unsigned size)
{
    return ((struct i8259 *)dev)->s->unit[off].elcr;
}

/* An input that becomes level triggered requests as long as it is high; one that becomes edge
 * triggered keeps what it had. */
static void elcr_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct i8259 *p = dev;
    struct i8259_unit_state *u = &p->s->unit[off];

    u->elcr = (uint8_t)val & elcr_writable[off];
    u->irr |= u->lines & u->elcr;
    i8259_update(p);
}

static const struct reg master_regs[] = {{0, 2, BUS_W1, master_read, master_write, "PIC1"}};
static const struct reg slave_regs[] = {{0, 2, BUS_W1, slave_read, slave_write, "PIC2"}};
static const struct reg elcr_regs[] = {{0, 2, BUS_W1, elcr_read, elcr_write, "ELCR"}};

/* --- life --- */

/* The chip has no reset pin and is undefined until ICW1; like this nothing is requested. */
static void i8259_reset(struct device *dev, enum reset_kind kind)
{
    struct i8259 *p = (struct i8259 *)dev;

    memset(p->s, 0, sizeof(*p->s));
    for (unsigned n = 0; n < I8259_UNITS; n++) {
        p->s->unit[n].lowest = 7;
    }
    irq_set(&p->intr, 0);
}

static bool unit_acceptable(const struct i8259_unit_state *u, unsigned n)
{
    return u->lowest <= 7 && (u->step == 0 || (u->step >= 2 && u->step <= 4)) && u->icw4 <= 0x1f &&
           u->rotate_aeoi <= 1 && u->special_mask <= 1 && u->poll <= 1 && u->read_isr <= 1 &&
           !(u->elcr & ~elcr_writable[n]) && !(u->irr & ~u->lines) && !(u->base & 7) &&
           !u->reserved;
}

static int i8259_check(const void *state)
{
    const struct i8259_state *s = state;
    bool good =
        unit_acceptable(&s->unit[MASTER], MASTER) && unit_acceptable(&s->unit[SLAVE], SLAVE);

    return good ? 0 : -EINVAL;
}

static void i8259_resume(struct device *dev)
{
    i8259_update((struct i8259 *)dev);
}

static const struct device_class i8259_class = {
    .name = "i8259",
    .state = &i8259_state_type,
    .reset = i8259_reset,
    .check = i8259_check,
    .resume = i8259_resume,
};

int i8259_init(struct i8259 *p, const struct hw *hw, struct irq_line intr)
{
    static const uint16_t base[I8259_UNITS] = {0x20, 0xa0};
    static const struct reg *const regs[I8259_UNITS] = {master_regs, slave_regs};
    int err;

    memset(p, 0, sizeof(*p));
    err = arena_add(hw->arena, &p->dev, &i8259_class, "i8259");
    if (err) {
        return err;
    }
    p->s = p->dev.state;
    p->intr = intr;
    for (unsigned n = 0; n < I8259_UNITS && !err; n++) {
        p->ports[n] = (struct region){
            .name = n ? "PIC2" : "PIC1", .regs = regs[n], .nregs = 1, .opaque = p, .len = 2};
        err = bus_map(hw->pio, &p->ports[n], base[n]);
    }
    p->elcr = (struct region){.name = "ELCR", .regs = elcr_regs, .nregs = 1, .opaque = p, .len = 2};
    return err ? err : bus_map(hw->pio, &p->elcr, 0x4d0);
}
