/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI bus, 440FX host bridge and PIIX3 ISA bridge, through ports CF8-CFF and the buses. */
#include "pc-rig.h"

#include "pci/i440fx.h"
#include "pci/piix3.h"

/* PCI 3.0, chapter 6. */
#define SPEC_COMMAND  0x04
#define SPEC_STATUS   0x06
#define SPEC_BAR(n)   (0x10 + 4 * (n))
#define SPEC_ROM      0x30
#define SPEC_PIN      0x3d
#define SPEC_CMD_IO   0x0001
#define SPEC_CMD_MEM  0x0002
#define SPEC_CMD_INTX 0x0400 /* disable */
#define SPEC_STS_INTX 0x0008
#define SPEC_ALL_ONES 0xffffffffu

/* A card in 05.0: 16 ports in BAR 0, 4 KiB of registers in BAR 1, 1 MiB memory in BAR 2, a ROM. */
#define CARD PCI_DEVFN(5, 0)

struct card {
    struct pci_function_state state;
    struct pci_function pci;
    struct region ports, regs;
    struct mem_area memory, rom;
    unsigned writes;
};

static uint64_t card_port_read(void *opaque, uint32_t off, unsigned size)
{
    return 0x40 + off;
}

static uint64_t card_reg_read(void *opaque, uint32_t off, unsigned size)
{
    return 0xcafe0000 + off;
}

static void card_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    ((struct card *)opaque)->writes++;
}

static const struct reg card_ports[] = {{0, 16, BUS_W1, card_port_read, card_write, "ports"}};
static const struct reg card_regs[] = {{0, 4096, BUS_W4, card_reg_read, card_write, "registers"}};

static void card_add(struct rig *r, struct card *c)
{
    memset(c, 0, sizeof(*c));
    memmap_set_object(&r->mem, 1, NULL, 0x100000);
    memmap_set_object(&r->mem, 2, NULL, 0x10000);
    c->ports = (struct region){.name = "p", .regs = card_ports, .nregs = 1, .opaque = c, .len = 16};
    c->regs = (struct region){.name = "r", .regs = card_regs, .nregs = 1, .opaque = c, .len = 4096};
    c->memory = (struct mem_area){.name = "m", .len = 0x100000, .object = 1, .kind = MEM_RAM};
    c->rom = (struct mem_area){.name = "rom", .len = 0x10000, .object = 2, .kind = MEM_ROM};
    c->pci.name = "card";
    c->pci.devfn = CARD;
    c->pci.s = &c->state;
    c->pci.bar[0] = (struct pci_bar){.kind = PCI_BAR_IO, .size = 16, .region = &c->ports};
    c->pci.bar[1] = (struct pci_bar){.kind = PCI_BAR_MMIO, .size = 4096, .region = &c->regs};
    c->pci.bar[2] = (struct pci_bar){
        .kind = PCI_BAR_MEMORY, .size = 0x100000, .prefetchable = true, .area = &c->memory};
    c->pci.bar[PCI_ROM_BAR] =
        (struct pci_bar){.kind = PCI_BAR_ROM, .size = 0x10000, .area = &c->rom};
    pci_set_ids(&c->pci, 0x1234, 0x5678, 0x9a, 0x020000);
    c->pci.reset_config[SPEC_PIN] = 1;
    g_assert_cmpint(pci_add(&r->pci, &c->pci), ==, 0);
    rig_reset(r);
    pci_function_reset(&c->pci);
}

static void test_ids(void)
{
    struct rig r;
    struct card c;

    rig_init(&r);
    card_add(&r, &c);
    g_assert_cmphex(rig_cfg_read(&r, CARD, 0, 4), ==, 0x56781234);
    g_assert_cmphex(rig_cfg_read(&r, CARD, 8, 4), ==, 0x0200009a);
    rig_cfg_write(&r, CARD, 0, 4, 0);
    g_assert_cmphex(rig_cfg_read(&r, CARD, 0, 2), ==, 0x1234);
    g_assert_cmpint(pci_add(&r.pci, &c.pci), ==, -EEXIST);
    rig_destroy(&r);
}

/* PCI-01: every width and offset at CF8-CFF; disabled address, other bus, absent function. */
static void test_config_ports(void)
{
    struct rig r;
    struct card c;

    rig_init(&r);
    card_add(&r, &c);
    for (unsigned port = 0xcf8; port < 0xd00; port++) {
        for (unsigned size = 1; size <= 4; size *= 2) {
            rig_out(&r, (uint16_t)port, size, 0x80002800);
            (void)rig_in(&r, (uint16_t)port, size);
        }
    }
    rig_select(&r, CARD, 0);
    g_assert_cmphex(rig_in(&r, 0xcfd, 1), ==, 0x12);
    g_assert_cmphex(rig_in(&r, 0xcfe, 2), ==, 0x5678);
    g_assert_cmphex(rig_in(&r, 0xcff, 4), ==, 0xffffff56);
    g_assert_cmphex(rig_in(&r, 0xcf8, 1), ==, 0xff); /* CONFIG_ADDRESS is a dword only */
    g_assert_cmphex(rig_in(&r, 0xcf8, 4), ==, 0x80002800);

    rig_out(&r, 0xcf8, 4, 0x80002802); /* the low bits read as 0 and still select */
    g_assert_cmphex(rig_in(&r, 0xcf8, 4), ==, 0x80002800);
    g_assert_cmphex(rig_in(&r, 0xcfc, 2), ==, 0x5678);
    g_assert_cmphex(rig_in(&r, 0xcfe, 2), ==, 0x5678);
    rig_out(&r, 0xcf8, 4, 0x800028ff);
    g_assert_cmphex(rig_in(&r, 0xcfc, 4) >> 8, ==, 0xffffff);
    rig_out(&r, 0xcfc, 4, SPEC_ALL_ONES);

    rig_out(&r, 0xcf8, 4, 0x00002800);
    g_assert_cmphex(rig_in(&r, 0xcfc, 4), ==, SPEC_ALL_ONES);
    rig_out(&r, 0xcf8, 4, 0x80012800);
    g_assert_cmphex(rig_in(&r, 0xcfc, 4), ==, SPEC_ALL_ONES);
    rig_out(&r, 0xcf8, 4, 0x80ff2800);
    g_assert_cmphex(rig_in(&r, 0xcfc, 2), ==, 0xffff);
    rig_cfg_write(&r, PCI_DEVFN(31, 7), 4, 4, 0);
    g_assert_cmphex(rig_cfg_read(&r, PCI_DEVFN(31, 7), 0, 4), ==, SPEC_ALL_ONES);
    g_assert_cmphex(pci_config_read(&r.pci, CARD, 256, 4), ==, SPEC_ALL_ONES);
    g_assert_cmphex(pci_config_read(&r.pci, CARD, 254, 4) >> 16, ==, 0xffff);
    pci_config_write(&r.pci, CARD, UINT32_MAX, 4, 0);
    pci_config_write(&r.pci, CARD, 254, 4, 0);
    rig_destroy(&r);
}

/* PCI-02: every byte of the function written with all values: read-only bits keep. */
static void test_write_everything(void)
{
    struct rig r;
    struct card c;

    rig_init(&r);
    card_add(&r, &c);
    for (unsigned off = 0; off < 256; off++) {
        for (unsigned val = 0; val < 256; val++) {
            rig_cfg_write(&r, CARD, off, 1, val);
        }
    }
    for (unsigned off = 0; off < 256; off++) {
        uint8_t fixed = (uint8_t) ~(c.pci.wmask[off] | c.pci.w1c[off]);

        g_assert_cmphex(c.state.config[off] & fixed, ==, c.pci.reset_config[off] & fixed);
    }
    rig_destroy(&r);
}

static uint32_t bar_size_of(struct rig *r, unsigned off)
{
    rig_cfg_write(r, CARD, off, 4, SPEC_ALL_ONES);
    return rig_cfg_read(r, CARD, off, 4);
}

/* I/O BARs answer ones in bits 31:16 too, or SeaBIOS runs out of I/O space. */
static void test_bar_sizing(void)
{
    struct rig r;
    struct card c;

    rig_init(&r);
    card_add(&r, &c);
    g_assert_cmphex(bar_size_of(&r, SPEC_BAR(0)), ==, 0xfffffff1);
    g_assert_cmphex(bar_size_of(&r, SPEC_BAR(1)), ==, 0xfffff000);
    g_assert_cmphex(bar_size_of(&r, SPEC_BAR(2)), ==, 0xfff00008);
    g_assert_cmphex(bar_size_of(&r, SPEC_ROM), ==, 0xffff0001);
    g_assert_cmphex(bar_size_of(&r, SPEC_BAR(3)), ==, 0);
    rig_destroy(&r);
}

static void test_bar_io(void)
{
    struct rig r;
    struct card c;

    rig_init(&r);
    card_add(&r, &c);
    rig_cfg_write(&r, CARD, SPEC_BAR(0), 4, 0xc000);
    g_assert_cmphex(rig_inb(&r, 0xc003), ==, 0xff);
    rig_cfg_write(&r, CARD, SPEC_COMMAND, 2, SPEC_CMD_IO);
    g_assert_cmphex(rig_inb(&r, 0xc003), ==, 0x43);
    rig_outb(&r, 0xc003, 1);
    g_assert_cmpuint(c.writes, ==, 1);
    rig_cfg_write(&r, CARD, SPEC_BAR(0) + 1, 1, 0xd0); /* by a byte */
    g_assert_cmphex(rig_inb(&r, 0xc003), ==, 0xff);
    g_assert_cmphex(rig_inb(&r, 0xd00f), ==, 0x4f);
    rig_cfg_write(&r, CARD, SPEC_COMMAND, 2, 0);
    g_assert_cmphex(rig_inb(&r, 0xd00f), ==, 0xff);
    rig_destroy(&r);
}

static void test_bar_memory(void)
{
    struct rig r;
    struct card c;

    rig_init(&r);
    card_add(&r, &c);
    rig_cfg_write(&r, CARD, SPEC_BAR(1), 4, 0xf2000000);
    rig_cfg_write(&r, CARD, SPEC_BAR(2), 4, 0xf0000000);
    rig_cfg_write(&r, CARD, SPEC_ROM, 4, 0xf1000000);
    g_assert_null(memmap_find(&r.mem, 0xf0000000));
    rig_cfg_write(&r, CARD, SPEC_COMMAND, 2, SPEC_CMD_MEM);
    g_assert_cmphex(bus_read(&r.w.mmio, 0xf2000010, 4), ==, 0xcafe0010);
    g_assert_nonnull(memmap_find(&r.mem, 0xf00fffff));
    g_assert_null(memmap_find(&r.mem, 0xf0100000));
    g_assert_null(memmap_find(&r.mem, 0xf1000000));
    rig_cfg_write(&r, CARD, SPEC_ROM, 4, 0xf1000001);
    g_assert_cmpint(memmap_find(&r.mem, 0xf100ffff)->kind, ==, MEM_ROM);
    rig_cfg_write(&r, CARD, SPEC_ROM, 1, 0);
    g_assert_null(memmap_find(&r.mem, 0xf1000000));
    rig_destroy(&r);
}

/* PCI-04: BARs at the edges, over each other, over CF8, sized while decoding; the old place is
 * free. */
static void test_bar_moves(void)
{
    struct rig r;
    struct card c;

    rig_init(&r);
    card_add(&r, &c);
    rig_cfg_write(&r, CARD, SPEC_COMMAND, 2, SPEC_CMD_IO | SPEC_CMD_MEM);
    g_assert_cmphex(rig_inb(&r, 0x0000), ==, 0xff); /* base 0 decodes nothing */
    rig_cfg_write(&r, CARD, SPEC_BAR(0), 4, 0xfff0);
    g_assert_cmphex(rig_inb(&r, 0xffff), ==, 0x4f);
    rig_cfg_write(&r, CARD, SPEC_BAR(0), 4, SPEC_ALL_ONES); /* sizing: above the port space */
    g_assert_cmphex(rig_inb(&r, 0xffff), ==, 0xff);
    rig_cfg_write(&r, CARD, SPEC_BAR(0), 4, 0x0cf0);
    g_assert_cmphex(rig_inb(&r, 0xcf3), ==, 0x43);
    g_assert_cmphex(rig_cfg_read(&r, CARD, 0, 2), ==, 0x1234); /* CF8 still is CF8 */
    rig_cfg_write(&r, CARD, SPEC_BAR(0), 4, 0xc000);
    g_assert_cmphex(rig_inb(&r, 0xcf3), ==, 0xff);

    rig_cfg_write(&r, CARD, SPEC_BAR(1), 4, SPEC_ALL_ONES);
    g_assert_cmphex(bus_read(&r.w.mmio, 0xfffffffc, 4), ==, 0xcafe0ffc);
    g_assert_cmphex(bus_read(&r.w.mmio, 0x100000000ull, 4), ==, SPEC_ALL_ONES);
    rig_cfg_write(&r, CARD, SPEC_BAR(1), 4, 0xf0000000);
    g_assert_cmphex(bus_read(&r.w.mmio, 0xfffffffc, 4), ==, SPEC_ALL_ONES);
    for (unsigned i = 0; i < 1000; i++) {
        rig_cfg_write(&r, CARD, SPEC_BAR(g_test_rand_int_range(0, 6)), 4, g_test_rand_int());
    }
    rig_reset(&r);
    pci_function_reset(&c.pci);
    g_assert_false(c.ports.mapped || c.regs.mapped || c.memory.enabled || c.rom.enabled);
    rig_destroy(&r);
}

/* Two functions of a device share a wire; disable and status bits as in PCI 3.0, 6.2.2 and 6.2.3.
 */
static void test_intx(void)
{
    struct rig r;
    struct card c;
    static struct pci_function_state state;
    struct pci_function second = {.name = "second", .devfn = PCI_DEVFN(5, 1), .s = &state};
    unsigned wire = 5 * 4;

    rig_init(&r);
    card_add(&r, &c);
    second.reset_config[SPEC_PIN] = 1;
    g_assert_cmpint(pci_add(&r.pci, &second), ==, 0);
    pci_function_reset(&second);
    pci_set_intx(&c.pci, 0, 1);
    pci_set_intx(&second, 0, 1);
    g_assert_cmpint(r.wire[wire], ==, 1);
    pci_set_intx(&c.pci, 0, 0);
    g_assert_cmpint(r.wire[wire], ==, 1);
    g_assert_cmphex(rig_cfg_read(&r, PCI_DEVFN(5, 1), SPEC_STATUS, 2), ==, SPEC_STS_INTX);
    rig_cfg_write(&r, PCI_DEVFN(5, 1), SPEC_COMMAND, 2, SPEC_CMD_INTX);
    g_assert_cmpint(r.wire[wire], ==, 0);
    rig_cfg_write(&r, PCI_DEVFN(5, 1), SPEC_COMMAND, 2, 0);
    g_assert_cmpint(r.wire[wire], ==, 1);
    r.wire[wire] = 0;
    arena_resume(&r.w.arena); /* a successor process drives its wires anew */
    g_assert_cmpint(r.wire[wire], ==, 1);
    pci_function_reset(&second);
    g_assert_cmpint(r.wire[wire], ==, 0);
    rig_destroy(&r);
}

/* A loaded header that no guest can have made is ours again; what guests write stays. */
static void test_load_header(void)
{
    struct rig r;
    struct card c;

    rig_init(&r);
    card_add(&r, &c);
    rig_cfg_write(&r, CARD, SPEC_BAR(0), 4, 0xc000);
    rig_cfg_write(&r, CARD, SPEC_COMMAND, 2, SPEC_CMD_IO);
    pci_put32(c.state.config, 0x00, 0xdeadbeef);
    pci_put32(c.state.config, 0x08, 0xffffffff);
    c.state.config[SPEC_BAR(0)] = 0x0e;     /* address bits 3-1 below the size, no I/O bit */
    c.state.config[SPEC_STATUS] = 0xff;     /* capabilities, interrupt */
    c.state.config[SPEC_STATUS + 1] = 0x81; /* errors that a guest clears */
    r.pci.s->intx_level[5] = 0xe;           /* pins B to D */
    r.pci.s->intx_level[6] = UINT32_MAX;    /* nobody is there */
    arena_resume(&r.w.arena);
    pci_function_resume(&c.pci);
    g_assert_cmphex(rig_cfg_read(&r, CARD, 0x00, 4), ==, 0x56781234);
    g_assert_cmphex(rig_cfg_read(&r, CARD, 0x08, 4), ==, 0x0200009a);
    g_assert_cmphex(rig_cfg_read(&r, CARD, SPEC_BAR(0), 4), ==, 0xc001);
    g_assert_cmphex(rig_cfg_read(&r, CARD, SPEC_STATUS, 2), ==, 0x8100);
    g_assert_cmphex(rig_cfg_read(&r, CARD, SPEC_COMMAND, 2), ==, SPEC_CMD_IO);
    g_assert_cmphex(rig_inb(&r, 0xc003), ==, 0x43);
    for (unsigned wire = 0; wire < RIG_WIRES; wire++) {
        g_assert_cmpint(r.wire[wire], ==, 0);
    }
    g_assert_cmphex(r.pci.s->intx_level[5] | r.pci.s->intx_level[6], ==, 0);
    r.pci.s->intx_level[5] = 1;
    arena_resume(&r.w.arena);
    pci_function_resume(&c.pci);
    g_assert_cmpint(r.wire[5 * 4], ==, 1);
    g_assert_cmphex(rig_cfg_read(&r, CARD, SPEC_STATUS, 2), ==, 0x8100 | SPEC_STS_INTX);
    rig_destroy(&r);
}

static void test_bad_bars(void)
{
    struct rig r;
    struct card c;
    static const uint32_t bad[] = {0, 2, 24, 512, SPEC_ALL_ONES};

    rig_init(&r);
    card_add(&r, &c);
    c.pci.devfn = PCI_DEVFN(6, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        c.pci.bar[0].size = bad[i];
        g_assert_cmpint(pci_add(&r.pci, &c.pci), ==, -EINVAL);
    }
    rig_destroy(&r);
}

/* --- 440FX --- */

#define SPEC_PAM0  0x59
#define SPEC_SMRAM 0x72
#define BIOS       3u

struct host {
    struct rig r;
    struct i440fx d;
};

static void host_init(struct host *h, uint32_t bios_size)
{
    struct i440fx_config config = {BIOS, bios_size};

    rig_init(&h->r);
    memmap_set_object(&h->r.mem, BIOS, NULL, bios_size);
    g_assert_cmpint(i440fx_init(&h->d, &h->r.w.hw, &h->r.pci, &config), ==, 0);
    rig_reset(&h->r);
}

static void test_host_ids(void)
{
    struct host h;

    host_init(&h, 0x40000);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, 0, 4), ==, 0x12378086);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, 0x2c, 4), ==, 0x11001af4);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, 0x08, 4), ==, 0x06000002);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, 0x0e, 1), ==, 0x00);
    rig_cfg_write(&h.r, 0, SPEC_COMMAND, 2, 0);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, SPEC_COMMAND, 2), ==, 0x0006);
    rig_destroy(&h.r);
}

static void assert_piece(struct host *h, uint64_t gpa, enum mem_kind kind, uint32_t object,
                         uint64_t offset)
{
    const struct mem_flat *f = memmap_find(&h->r.mem, gpa);

    g_assert_nonnull(f);
    g_assert_cmpint(f->kind, ==, kind);
    g_assert_cmpuint(f->object, ==, object);
    g_assert_cmphex(f->offset + (gpa - f->gpa), ==, offset);
}

static void test_flash(void)
{
    struct host h;

    host_init(&h, 0x40000);
    assert_piece(&h, 0xfffc0000, MEM_ROM, BIOS, 0);
    assert_piece(&h, 0xfffffff0, MEM_ROM, BIOS, 0x3fff0);
    assert_piece(&h, 0xe0000, MEM_ROM, BIOS, 0x20000);
    assert_piece(&h, 0xffff0, MEM_ROM, BIOS, 0x3fff0);
    g_assert_null(memmap_find(&h.r.mem, 0xdffff));
    g_assert_null(memmap_find(&h.r.mem, 0xfffbffff));
    rig_destroy(&h.r);

    host_init(&h, 0x10000); /* of 64 KiB: less than what is shown below 1 MiB */
    assert_piece(&h, 0xffff0000, MEM_ROM, BIOS, 0);
    assert_piece(&h, 0xf0000, MEM_ROM, BIOS, 0);
    g_assert_null(memmap_find(&h.r.mem, 0xeffff));
    rig_destroy(&h.r);
}

/* Write only: PCI is read, what is written lies in RAM. */
static void assert_shadowed(struct host *h, uint32_t gpa)
{
    uint8_t ram[3] = {0};

    if (gpa >= 0xe0000) {
        assert_piece(h, gpa, MEM_ROM, BIOS, 0x40000 - (0x100000 - gpa));
    } else {
        g_assert_null(memmap_find(&h->r.mem, gpa));
        g_assert_cmphex(bus_read(&h->r.w.mmio, gpa, 4), ==, 0xffffffff);
    }
    bus_write(&h->r.w.mmio, gpa + 0x3ffd, 2, 0xa55a);
    g_assert_true(dma_read(h->r.w.hw.dma, gpa + 0x3ffd, ram, sizeof(ram)));
    g_assert_cmphex(ram[0], ==, 0x5a);
    g_assert_cmphex(ram[1], ==, 0xa5);
    g_assert_cmphex(ram[2], ==, 0xa5); /* as the rig fills it */
}

/* Each of the 13 segments by its own nibble: 440FX data sheet, table 4. */
static void test_pam(void)
{
    struct host h;
    struct {
        uint32_t gpa;
        uint8_t reg, shift;
    } segment[13] = {{0xf0000, SPEC_PAM0, 4}};

    host_init(&h, 0x40000);
    for (unsigned i = 0; i < 12; i++) {
        segment[i + 1].gpa = 0xc0000 + i * 0x4000;
        segment[i + 1].reg = (uint8_t)(SPEC_PAM0 + 1 + i / 2);
        segment[i + 1].shift = i % 2 ? 4 : 0;
    }
    for (unsigned i = 0; i < 13; i++) {
        uint32_t gpa = segment[i].gpa;

        rig_cfg_write(&h.r, 0, segment[i].reg, 1, 3u << segment[i].shift);
        assert_piece(&h, gpa, MEM_RAM, MEM_OBJECT_RAM, gpa);
        rig_cfg_write(&h.r, 0, segment[i].reg, 1, 1u << segment[i].shift);
        assert_piece(&h, gpa, MEM_ROM, MEM_OBJECT_RAM, gpa);
        rig_cfg_write(&h.r, 0, segment[i].reg, 1, 2u << segment[i].shift);
        assert_shadowed(&h, gpa);
        rig_cfg_write(&h.r, 0, segment[i].reg, 1, 0);
        g_assert_null(bus_find(&h.r.w.mmio, gpa));
        if (gpa >= 0xe0000) {
            assert_piece(&h, gpa, MEM_ROM, BIOS, 0x40000 - (0x100000 - gpa));
        } else {
            g_assert_null(memmap_find(&h.r.mem, gpa));
        }
    }
    rig_cfg_write(&h.r, 0, SPEC_PAM0, 4, SPEC_ALL_ONES);
    rig_cfg_write(&h.r, 0, SPEC_PAM0 + 3, 4, SPEC_ALL_ONES);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, SPEC_PAM0, 1), ==, 0x30);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, 0x5f, 1), ==, 0x33);
    rig_reset(&h.r);
    assert_piece(&h, 0xf0000, MEM_ROM, BIOS, 0x30000);
    rig_destroy(&h.r);
}

/* A state that was replaced shows its own mapping. */
static void test_pam_resume(void)
{
    struct host h;

    host_init(&h, 0x20000);
    h.d.s->pci[0].config[SPEC_PAM0] = 0x30;
    arena_resume(&h.r.w.arena);
    assert_piece(&h, 0xf0000, MEM_RAM, MEM_OBJECT_RAM, 0xf0000);
    assert_piece(&h, 0xe0000, MEM_ROM, BIOS, 0);
    rig_destroy(&h.r);
}

static void test_no_bios(void)
{
    struct host h;
    struct i440fx_config odd = {BIOS, 0x12345};
    struct i440fx other;

    host_init(&h, 0);
    rig_cfg_write(&h.r, 0, SPEC_PAM0, 1, 0x30);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, SPEC_PAM0, 1), ==, 0x30);
    g_assert_cmpuint(h.r.mem.nflat, ==, 0);
    g_assert_cmpint(i440fx_init(&other, &h.r.w.hw, &h.r.pci, &odd), ==, -EINVAL);
    rig_destroy(&h.r);
}

/* PCI-05: there is no SMM; the register opens nothing, and D_LCK locks it. */
static void test_smram(void)
{
    struct host h;
    unsigned changes;

    host_init(&h, 0x40000);
    changes = h.r.map_changes;
    rig_cfg_write(&h.r, 0, SPEC_SMRAM, 1, 0x4a);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, SPEC_SMRAM, 1), ==, 0x4a);
    g_assert_cmpuint(h.r.map_changes, ==, changes);
    g_assert_null(memmap_find(&h.r.mem, 0xa0000));
    rig_cfg_write(&h.r, 0, SPEC_SMRAM, 1, 0x5a);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, SPEC_SMRAM, 1), ==, 0x1a);
    rig_cfg_write(&h.r, 0, SPEC_SMRAM, 1, 0x40);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, SPEC_SMRAM, 1), ==, 0x1a);
    arena_resume(&h.r.w.arena); /* a successor has it locked, too */
    g_assert_cmphex(rig_cfg_read(&h.r, 0, SPEC_SMRAM, 1), ==, 0x1a);
    rig_cfg_write(&h.r, 0, SPEC_SMRAM, 1, 0x40);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, SPEC_SMRAM, 1), ==, 0x1a);
    rig_reset(&h.r);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, SPEC_SMRAM, 1), ==, 0x02);
    rig_cfg_write(&h.r, 0, SPEC_SMRAM, 1, 0x48);
    g_assert_cmphex(rig_cfg_read(&h.r, 0, SPEC_SMRAM, 1), ==, 0x4a);
    rig_destroy(&h.r);
}

/* --- PIIX3 --- */

#define ISA PCI_DEVFN(1, 0)

struct isa {
    struct rig r;
    struct piix3 d;
    unsigned irq[4];
    unsigned told;
};

static void isa_route(void *opaque, unsigned link, unsigned irq)
{
    struct isa *i = opaque;

    i->irq[link] = irq;
    i->told++;
}

static void isa_init(struct isa *i)
{
    struct piix3_config config = {isa_route, i};

    memset(i, 0xff, sizeof(*i));
    rig_init(&i->r);
    g_assert_cmpint(piix3_init(&i->d, &i->r.w.hw, &i->r.pci, &config), ==, 0);
    rig_reset(&i->r);
}

static void test_isa_ids(void)
{
    struct isa i;

    isa_init(&i);
    g_assert_cmphex(rig_cfg_read(&i.r, ISA, 0, 4), ==, 0x70008086);
    g_assert_cmphex(rig_cfg_read(&i.r, ISA, 0x0a, 2), ==, 0x0601);
    g_assert_cmphex(rig_cfg_read(&i.r, ISA, 0x0e, 1), ==, 0x80);
    g_assert_cmphex(rig_cfg_read(&i.r, ISA, 0x4e, 1), ==, 0x03);
    rig_destroy(&i.r);
}

/* PM-07: all 256 values of a PIRQRC register; reserved IRQs route nowhere. */
static void test_pirq(void)
{
    struct isa i;

    isa_init(&i);
    for (unsigned link = 0; link < 4; link++) {
        g_assert_cmpuint(i.irq[link], ==, 0);
        for (unsigned val = 0; val < 256; val++) {
            unsigned irq = val & 15;
            bool reserved = irq < 3 || irq == 8 || irq == 13;

            rig_cfg_write(&i.r, ISA, 0x60 + link, 1, val);
            g_assert_cmpuint(i.irq[link], ==, val & 0x80 || reserved ? 0 : irq);
        }
    }
    rig_cfg_write(&i.r, ISA, 0x60, 4, 0x050b0a05);
    g_assert_cmpuint(i.irq[0], ==, 5);
    g_assert_cmpuint(i.irq[1], ==, 10);
    g_assert_cmpuint(i.irq[2], ==, 11);
    g_assert_cmpuint(i.irq[3], ==, 5);
    i.irq[1] = 99;
    arena_resume(&i.r.w.arena);
    g_assert_cmpuint(i.irq[1], ==, 10);
    rig_reset(&i.r);
    g_assert_cmpuint(i.irq[1], ==, 0);
    rig_destroy(&i.r);
}

static void test_cf9(void)
{
    struct isa i;

    isa_init(&i);
    rig_outb(&i.r, 0xcf9, 2);
    g_assert_cmpuint(i.r.power_requests, ==, 0);
    g_assert_cmphex(rig_inb(&i.r, 0xcf9), ==, 2);
    rig_outb(&i.r, 0xcf9, 6);
    g_assert_cmpuint(i.r.power_requests, ==, 1);
    g_assert_cmpint(i.r.power, ==, POWER_RESET);
    rig_outb(&i.r, 0xcf9, 0xe);
    g_assert_cmpuint(i.r.power_requests, ==, 2);
    rig_outb(&i.r, 0xcf9, 4);
    g_assert_cmpint(i.r.power, ==, POWER_CPU_INIT);
    rig_out(&i.r, 0xcf8, 4, 0x80000600); /* a dword at CF8 is no write to CF9 */
    g_assert_cmpuint(i.r.power_requests, ==, 3);
    g_assert_cmphex(rig_in(&i.r, 0xcf8, 4), ==, 0x80000600);
    rig_destroy(&i.r);
}

static void poke_host(struct rig *r)
{
    for (unsigned off = 0; off < 256; off += 4) {
        (void)rig_cfg_read(r, 0, off, 4);
        rig_cfg_write(r, 0, off, 4, g_test_rand_int());
    }
}

static void test_host_state(void)
{
    struct host h;

    host_init(&h, 0x40000);
    rig_hostile_state(&h.r, &h.d.dev, 500, poke_host);
    rig_destroy(&h.r);
}

static void poke_isa(struct rig *r)
{
    rig_outb(r, 0xcf9, 6);
    rig_cfg_write(r, ISA, 0x60, 4, g_test_rand_int());
}

static void test_isa_state(void)
{
    struct isa i;

    isa_init(&i);
    rig_hostile_state(&i.r, &i.d.dev, 500, poke_isa);
    rig_destroy(&i.r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci/ids", test_ids);
    g_test_add_func("/catalogue/PCI-01/config-ports", test_config_ports);
    g_test_add_func("/catalogue/PCI-02/write-everything", test_write_everything);
    g_test_add_func("/pci/bar/sizing", test_bar_sizing);
    g_test_add_func("/pci/bar/io", test_bar_io);
    g_test_add_func("/pci/bar/memory", test_bar_memory);
    g_test_add_func("/catalogue/PCI-04/moves", test_bar_moves);
    g_test_add_func("/pci/bar/bad-sizes", test_bad_bars);
    g_test_add_func("/pci/intx", test_intx);
    g_test_add_func("/pci/load-header", test_load_header);
    g_test_add_func("/i440fx/ids", test_host_ids);
    g_test_add_func("/i440fx/flash", test_flash);
    g_test_add_func("/i440fx/pam", test_pam);
    g_test_add_func("/i440fx/pam-resume", test_pam_resume);
    g_test_add_func("/i440fx/no-bios", test_no_bios);
    g_test_add_func("/catalogue/PCI-05/smram", test_smram);
    g_test_add_func("/catalogue/ST-01/i440fx", test_host_state);
    g_test_add_func("/piix3/ids", test_isa_ids);
    g_test_add_func("/catalogue/PM-07/pirq", test_pirq);
    g_test_add_func("/piix3/cf9", test_cf9);
    g_test_add_func("/catalogue/ST-01/piix3", test_isa_state);
    return g_test_run();
}
