/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz targets: interrupt controllers and interval timer. */
#include "fuzz.h"

#include "i8254.h"
#include "i8259.h"
#include "ioapic.h"

/* --- i8259 --- */

static struct i8259 pic;

static void pic_input(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    i8259_set(&pic, addr & 31, val & 1); /* half of them do not exist */
}

static void pic_acknowledge(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    uint8_t vector = i8259_acknowledge(&pic);

    fuzz_note(w, "vector %#x, INTR %d", vector, i8259_pending(&pic));
    fuzz_answer(w, vector);
}

static bool pic_setup(struct fuzz_world *w)
{
    fuzz_ports_add(w, "master", 0x20, 2);
    fuzz_ports_add(w, "slave", 0xa0, 2);
    fuzz_ports_add(w, "elcr", 0x4d0, 2);
    fuzz_action_add(w, "input", pic_input);
    fuzz_action_add(w, "acknowledge", pic_acknowledge);
    return i8259_init(&pic, &w->hw, fuzz_line(w, 32)) == 0;
}

/* Initialization of one controller, with or without ICW3 and ICW4. */
static size_t pic_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    uint64_t r = rnd();
    uint8_t unit = r & 1;
    size_t n = 0;

    op[n++] = (struct fuzz_op){FUZZ_WRITE, 1, unit, 0, 0x10 | (r >> 8 & 0x0b)};
    op[n++] = (struct fuzz_op){FUZZ_WRITE, 1, unit, 1, unit ? 0x70 : 0x08};
    if (!(r >> 8 & 2)) {
        op[n++] = (struct fuzz_op){FUZZ_WRITE, 1, unit, 1, unit ? 2 : 4};
    }
    if (r >> 8 & 1) {
        op[n++] = (struct fuzz_op){FUZZ_WRITE, 1, unit, 1, r >> 16 & 0x1f};
    }
    op[n++] = (struct fuzz_op){FUZZ_WRITE, 1, unit, 1, r >> 24 & 0xff};
    op[n++] = (struct fuzz_op){FUZZ_ACTION, 1, 0, (uint32_t)(r >> 32 & 15), r >> 36 & 1};
    op[n++] = (struct fuzz_op){FUZZ_ACTION, 1, 1, 0, 0};
    op[n++] = (struct fuzz_op){FUZZ_WRITE, 1, unit, 0, r >> 40 & 0xef};
    return n;
}

FUZZ_TARGET(i8259) = {
    .name = "i8259",
    .about = "8259A interrupt controllers",
    .setup = pic_setup,
    .generate = pic_generate,
};

/* --- i8254 --- */

static struct i8254 pit;

static bool pit_setup(struct fuzz_world *w)
{
    fuzz_ports_add(w, "pit", 0x40, 4);
    fuzz_ports_add(w, "port61", 0x61, 1);
    return i8254_init(&pit, &w->hw, fuzz_line(w, 0)) == 0;
}

/* Mode and count of a counter, then a latch or read-back and a look. */
static size_t pit_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    uint64_t r = rnd();
    uint32_t counter = (uint32_t)(r % 3);
    uint64_t select = (uint64_t)counter << 6;

    op[0] = (struct fuzz_op){FUZZ_WRITE, 1, 0, 3, select | 0x30 | (r >> 8 & 0x0f)};
    op[1] = (struct fuzz_op){FUZZ_WRITE, 1, 0, counter, r >> 16 & 0xff};
    op[2] = (struct fuzz_op){FUZZ_WRITE, 1, 0, counter, r >> 24 & 0x0f};
    op[3] = (struct fuzz_op){FUZZ_STEP, 1, 0, 0, r >> 32 & 0xfffff};
    op[4] = (struct fuzz_op){FUZZ_WRITE, 1, 0, 3, r & 0x8000 ? 0xc0 | (r >> 52 & 0x3e) : select};
    op[5] = (struct fuzz_op){FUZZ_READ, 1, 0, counter, 0};
    op[6] = (struct fuzz_op){FUZZ_WRITE, 1, 1, 0, r >> 58 & 3};
    return 7;
}

FUZZ_TARGET(i8254) = {
    .name = "i8254",
    .about = "8254 interval timer and port 61h",
    .setup = pit_setup,
    .generate = pit_generate,
};

/* --- ioapic --- */

static struct ioapic ioapic;
static bool accepts;

static bool apic_message(void *opaque, unsigned input, uint64_t entry)
{
    fuzz_note(opaque, "message of input %u: %#llx", input, (unsigned long long)entry);
    fuzz_answer(opaque, entry);
    return accepts;
}

static void ioapic_input(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    ioapic_set(&ioapic, addr & 31, val & 1); /* some of them do not exist */
}

static void ioapic_end(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    ioapic_eoi(&ioapic, (uint8_t)val);
}

static void apic_accepts(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    accepts = val & 1;
    ioapic.apic.message = val & 2 ? NULL : apic_message; /* NULL: no APIC is there */
}

static bool ioapic_setup(struct fuzz_world *w)
{
    struct ioapic_bus bus = {apic_message, w};

    fuzz_window_add(w, &(struct fuzz_window){"ioapic", FUZZ_MEM, IOAPIC_BASE, 0x50, NULL, NULL});
    fuzz_action_add(w, "input", ioapic_input);
    fuzz_action_add(w, "EOI", ioapic_end);
    fuzz_action_add(w, "APIC accepts", apic_accepts);
    return ioapic_init(&ioapic, &w->hw, bus) == 0;
}

static void ioapic_rewind(struct fuzz_world *w)
{
    accepts = true;
    ioapic.apic.message = apic_message;
}

static size_t ioapic_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    uint64_t r = rnd();
    uint32_t input = (uint32_t)(r % IOAPIC_INPUTS);

    op[0] = (struct fuzz_op){FUZZ_WRITE, 4, 0, 0, 0x10 + 2 * input + (r >> 60 & 1)};
    op[1] = (struct fuzz_op){FUZZ_WRITE, 4, 0, 0x10, (r >> 8 & 0xafff) | (r & 0x40 ? 0x10000 : 0)};
    op[2] = (struct fuzz_op){FUZZ_ACTION, 1, 0, input, r >> 32 & 1};
    op[3] = (struct fuzz_op){FUZZ_ACTION, 1, 1, 0, r >> 8 & 0xff};
    op[4] = (struct fuzz_op){FUZZ_READ, 4, 0, 0x10, 0};
    return 5;
}

FUZZ_TARGET(ioapic) = {
    .name = "ioapic",
    .about = "82093AA I/O APIC",
    .setup = ioapic_setup,
    .reset = ioapic_rewind,
    .generate = ioapic_generate,
};
