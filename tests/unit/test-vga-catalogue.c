/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The catalogue of known VGA bugs, one test each: bad input tried, nothing lost. Video memory is as
 * small as the device takes, between pages that cannot be touched.
 */
#include "test-vga.h"

#define SPEC_VRAM  (16u << 20)
#define SMALL_VRAM 0x40000u
#define WINDOW     0xa0000u
#define WINDOW_LEN 0x20000u

/* Seconds for random tests; CLEAVE_SOAK=600 makes a soak of them. */
static double soak_seconds(void)
{
    const char *env = g_getenv("CLEAVE_SOAK");

    return env ? g_ascii_strtod(env, NULL) : 0.2;
}

/* A known-good mode draws what it should: the device is alive. */
static void check_alive(struct fixture *f)
{
    dispi_out(f, 4, 0);
    mode_set(f, &mode_13h);
    out_reg(f, 0x3ce, 3, 0);
    bus_write(&f->mmio, WINDOW + 5 * 320 + 5, 1, 0x2a);
    render(f, 0);
    g_assert_cmpuint(f->surface.width, ==, 640);
    g_assert_cmphex(pixel(f, 10, 10), ==, spec_dac(0x2a));
    check_guards(f);
}

/* What is displayed lies in video memory, by the guest-visible registers. */
static void check_dispi_bounds(struct fixture *f)
{
    uint64_t x = dispi_in(f, 1), y = dispi_in(f, 2), bpp = dispi_in(f, 3);
    uint64_t width = dispi_in(f, 6), xoff = dispi_in(f, 8), yoff = dispi_in(f, 9);
    uint64_t bits = bpp == 15 ? 16 : bpp, pitch = width * bits / 8;

    if (!(dispi_in(f, 4) & 1)) {
        return;
    }
    g_assert_cmpuint(x, >=, 8);
    g_assert_cmpuint(x, <=, SURFACE_MAX_WIDTH);
    g_assert_cmpuint(y, >=, 1);
    g_assert_cmpuint(y, <=, SURFACE_MAX_HEIGHT);
    g_assert_cmpuint(width, >=, x);
    g_assert_cmpuint((yoff + y - 1) * pitch + (xoff + x) * bits / 8, <=, f->vram_size);
    g_assert_cmpuint((uint64_t)dispi_in(f, 7) * pitch, <=, f->vram_size);
}

static void window_touch_all(struct fixture *f)
{
    for (unsigned i = 0; i < WINDOW_LEN; i += 61) {
        bus_read(&f->mmio, WINDOW + i, 1);
        bus_write(&f->mmio, WINDOW + i, 1, i);
    }
    for (unsigned i = 0; i < WINDOW_LEN; i += 4096) { /* and what is shown as memory */
        const struct mem_flat *m = memmap_find(&f->mem, WINDOW + i);

        if (m) {
            g_assert_cmphex(m->offset + m->len, <=, f->vram_size);
        }
    }
    bus_write(&f->mmio, WINDOW + WINDOW_LEN - 8, 8, UINT64_MAX);
    bus_read(&f->mmio, WINDOW + WINDOW_LEN - 8, 8);
}

/* A bank valid in one access mode must stay harmless in every other that is chosen later. */
static void test_vga_01(void)
{
    static const uint8_t memory_mode[] = {0x02, 0x06, 0x0a, 0x0e};
    struct fixture *f = fixture_new(SMALL_VRAM);

    outb(f, 0x3c2, 0x67);
    out_reg(f, 0x3c4, 2, 0x0f);
    out_reg(f, 0x3ce, 8, 0xff);
    for (unsigned order = 0; order < 2; order++) {
        for (unsigned bank = 0; bank < 0x10000; bank = bank * 2 + 1) {
            for (unsigned n = 0; n < 4 * 4 * 4 * 3; n++) {
                static const unsigned bpp[] = {4, 8, 32};

                dispi_mode(f, 64, 64, order ? bpp[n % 3] : 8, 0x81);
                dispi_out(f, 5, bank);
                if (!order) {
                    dispi_out(f, 3, bpp[n % 3]);
                }
                out_reg(f, 0x3c4, 4, memory_mode[n / 3 % 4]);
                out_reg(f, 0x3ce, 5, (n / 12 % 4) | (n & 1 ? 0x10 : 0));
                out_reg(f, 0x3ce, 6, 1 | (n / 48 % 4) << 2);
                window_touch_all(f);
                dispi_out(f, 4, n & 2 ? 0 : 0x81);
                window_touch_all(f);
            }
        }
    }
    check_alive(f);
    fixture_free(f);
}

static void legacy_write(struct fixture *f, unsigned reg, unsigned val)
{
    if (reg < 8) {
        out_reg(f, 0x3c4, reg, val);
    } else if (reg < 24) {
        out_reg(f, 0x3ce, reg - 8, val);
    } else if (reg < 56) {
        out_attr(f, reg - 24, val);
        outb(f, 0x3c0, 0x20);
    } else if (reg < 96) {
        out_reg(f, 0x3d4, reg - 56, val);
    } else {
        outb(f, 0x3c0 + (reg & 0x1f), val);
    }
}

#define LEGACY_REGS 128u

/* With a DISPI mode on, legacy registers must not turn drawing to another geometry. */
static void test_vga_02(void)
{
    struct fixture *f = fixture_new(SMALL_VRAM);

    dispi_mode(f, 65535, 65535, 32, 0x41);
    check_dispi_bounds(f);
    unsigned width = dispi_in(f, 1), height = dispi_in(f, 2);

    for (unsigned reg = 0; reg < LEGACY_REGS; reg++) {
        for (unsigned val = 0; val < 256; val += 5) {
            outb(f, 0x3c2, 0x67);
            legacy_write(f, reg, val);
            render(f, VGA_CURSOR);
            g_assert_cmpuint(f->surface.width, ==, width);
            g_assert_cmpuint(f->surface.height, ==, height);
        }
    }
    check_guards(f);
    fixture_free(f);
}

/* What a fix of that once broke: DISPI to text and back, as Windows does; each shows its picture.
 */
static void test_vga_02_and_back(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    for (unsigned n = 0; n < 3; n++) {
        dispi_mode(f, 1024, 768, 32, 0x41);
        memset(f->vram, 0xff, 4096);
        render(f, 0);
        g_assert_cmpuint(f->surface.width, ==, 1024);
        g_assert_cmphex(pixel(f, 0, 0), ==, 0xffffff);
        dispi_out(f, 4, 0);
        mode_set(f, &mode_03h);
        bus_write(&f->mmio, 0xb8000, 2, 0x1000);
        f->vram[2] = 0;
        render(f, 0);
        g_assert_cmpuint(f->surface.width, ==, 720);
    }
    fixture_free(f);
}

/* All DISPI registers in any order and with any value: what is shown is video memory. */
static void test_vga_03(void)
{
    static const unsigned edge[] = {0,    1,     7,     8,     15,    16,   24,
                                    32,   255,   256,   1023,  1600,  2559, 2560,
                                    2561, 32767, 32768, 65528, 65534, 65535};
    static const unsigned reg[] = {1, 2, 3, 5, 6, 8, 9};
    struct fixture *f = fixture_new(SMALL_VRAM);
    GRand *rand = g_rand_new_with_seed(3);

    for (unsigned a = 0; a < G_N_ELEMENTS(reg); a++) {
        for (unsigned b = 0; b < G_N_ELEMENTS(reg); b++) {
            for (unsigned n = 0; n < G_N_ELEMENTS(edge) * G_N_ELEMENTS(edge); n++) {
                dispi_mode(f, 320, 200, 8 * (1 + n % 4), 0x81);
                dispi_out(f, reg[a], edge[n % G_N_ELEMENTS(edge)]);
                check_dispi_bounds(f);
                dispi_out(f, reg[b], edge[n / G_N_ELEMENTS(edge)]);
                check_dispi_bounds(f);
                if (n % 37 == 0) {
                    render(f, 0);
                }
            }
        }
    }
    for (unsigned n = 0; n < 200000; n++) {
        unsigned index = (unsigned)g_rand_int_range(rand, 0, 12);
        unsigned val =
            g_rand_boolean(rand) ? edge[g_rand_int_range(rand, 0, 20)] : g_rand_int(rand) & 0xffff;

        dispi_out(f, index, index == 4 ? val & ~2u : val); /* no GETCAPS: it hides the registers */
        check_dispi_bounds(f);
        if (n % 500 == 0) {
            render(f, 0);
        }
    }
    g_rand_free(rand);
    check_alive(f);
    fixture_free(f);
}

/* LEAK: every pixel of the picture is drawn: what the surface held before never shows. */
static void test_vga_03_all_drawn(void)
{
    struct fixture *f = fixture_new(SMALL_VRAM);
    GRand *rand = g_rand_new_with_seed(33);

    for (unsigned n = 0; n < 60; n++) {
        uint32_t *first;
        size_t pixels;

        if (n & 1) {
            dispi_mode(f, g_rand_int(rand) & 0x3ff, g_rand_int(rand) & 0x1ff, 8 * (1 + n / 2 % 4),
                       0x81);
            dispi_out(f, 6, g_rand_int(rand) & 0xffff);
            dispi_out(f, 8, g_rand_int(rand) & 0xffff);
            dispi_out(f, 9, g_rand_int(rand) & 0xffff);
        } else {
            dispi_out(f, 4, 0);
            mode_set(f, n & 2 ? &mode_12h : &mode_03h);
            for (unsigned i = 0; i < 12; i++) {
                out_reg(f, 0x3d4, g_rand_int(rand) % 0x19, g_rand_int(rand) & 0xff);
            }
            out_reg(f, 0x3ce, 5, g_rand_int(rand) & 0x60);
        }
        memset(f->pixels, 0x00, SURFACE_MAX_WIDTH * SURFACE_MAX_HEIGHT * 4);
        render(f, VGA_CURSOR);
        pixels = (size_t)f->surface.width * f->surface.height;
        first = g_memdup2(f->surface.pixels, pixels * 4);
        memset(f->pixels, 0xff, SURFACE_MAX_WIDTH * SURFACE_MAX_HEIGHT * 4);
        render(f, VGA_CURSOR);
        g_assert_true(memcmp(first, f->surface.pixels, pixels * 4) == 0);
        g_free(first);
    }
    g_rand_free(rand);
    fixture_free(f);
}

/* Random OUTs to 3C0-3DF, redrawn: start address and line offset never leave video memory. */
static void test_vga_04(void)
{
    struct fixture *f = fixture_new(SMALL_VRAM);
    GRand *rand = g_rand_new_with_seed(4);
    gint64 end = g_get_monotonic_time() + (gint64)(soak_seconds() * 2e6);
    unsigned redraws = 0;

    while (g_get_monotonic_time() < end || redraws < 50) {
        char text[2000];

        for (unsigned n = 0; n < 300; n++) {
            uint32_t r = g_rand_int(rand);

            bus_write(&f->pio, 0x3c0 + (r & 31), r & 32 ? 1 : 2, r >> 8 & 0xffff);
        }
        window_touch_all(f);
        inb(f, 0x3da);
        inb(f, 0x3ba);
        outb(f, 0x3c0, 0x20);
        out_reg(f, 0x3c4, 1, g_rand_int(rand) & 0xdf);
        if (redraws & 1) {
            out_reg(f, 0x3ce, 6, g_rand_int(rand) & 0x0e); /* text half of the time */
        }
        render(f, g_rand_int(rand) & 3);
        vga_text(&f->vga, text, sizeof(text));
        redraws++;
    }
    g_rand_free(rand);
    check_alive(f);
    fixture_free(f);
}

/* Split screen at the first, second and last line, every depth, odd line offsets. */
static void test_vga_05(void)
{
    static const struct vga_mode *mode[] = {&mode_03h, &mode_04h, &mode_12h, &mode_13h};
    static const unsigned depth[] = {0, 4, 8, 15, 16, 24, 32};
    static const unsigned split[] = {0, 1, 198, 199, 200, 398, 399, 400, 479, 480, 1023};
    struct fixture *f = fixture_new(SMALL_VRAM);

    for (unsigned m = 0; m < G_N_ELEMENTS(mode); m++) {
        for (unsigned n = 0; n < G_N_ELEMENTS(split); n++) {
            for (unsigned offset = 0; offset < 256; offset += 51) {
                mode_set(f, mode[m]);
                out_reg(f, 0x3d4, 0x11, 0);
                out_reg(f, 0x3d4, 0x18, split[n] & 0xff);
                out_reg(f, 0x3d4, 7, (mode[m]->crtc[7] & ~0x10) | (split[n] & 0x100) >> 4);
                out_reg(f, 0x3d4, 9, (mode[m]->crtc[9] & ~0x40) | (split[n] & 0x200) >> 3);
                out_reg(f, 0x3d4, 0x13, offset);
                out_reg(f, 0x3d4, 0x0c, 0xff);
                render(f, VGA_CURSOR);
            }
        }
    }
    for (unsigned d = 0; d < G_N_ELEMENTS(depth); d++) {
        for (unsigned width = 320; width < 2000; width += 331) {
            dispi_mode(f, 320, 200, depth[d], 0x81);
            dispi_out(f, 6, width);
            dispi_out(f, 9, 65535);
            render(f, 0);
            g_assert_cmpuint(f->surface.width, ==, 320);
            g_assert_cmpuint(f->surface.height, ==, 200);
        }
    }
    check_alive(f);
    fixture_free(f);
}

/* A picture belongs to the moment it was asked for; blanking touches no video memory. */
static void test_vga_06(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    dispi_mode(f, 1024, 768, 32, 0x41);
    for (unsigned i = 0; i < SPEC_VRAM; i += 3) {
        f->vram[i] = (uint8_t)(i * 7);
    }
    char *before = g_compute_checksum_for_data(G_CHECKSUM_SHA256, f->vram, SPEC_VRAM);

    render(f, 0);
    uint32_t seen = pixel(f, 500, 300);

    inb(f, 0x3da);
    outb(f, 0x3c0, 0x00); /* blank */
    render(f, 0);
    g_assert_cmphex(pixel(f, 500, 300), ==, 0);
    outb(f, 0x3c0, 0x00);
    outb(f, 0x3c0, 0x20); /* and back */
    render(f, 0);
    g_assert_cmphex(pixel(f, 500, 300), ==, seen);
    char *after = g_compute_checksum_for_data(G_CHECKSUM_SHA256, f->vram, SPEC_VRAM);

    g_assert_cmpstr(before, ==, after);
    for (unsigned n = 0; n < 20; n++) { /* another size each time, into the same surface */
        dispi_mode(f, 64 + 128 * n, 1600 - 79 * n, n & 1 ? 32 : 8, 0xc1);
        render(f, 0);
        g_assert_cmpuint(f->surface.width, ==, 64 + 128 * n);
        g_assert_cmpuint(f->surface.height, ==, 1600 - 79 * n);
        mode_set(f, &mode_12h);
        dispi_out(f, 4, 0);
        render(f, 0);
        g_assert_cmpuint(f->surface.width, ==, 640);
    }
    g_free(before);
    g_free(after);
    fixture_free(f);
}

/* Sizes at their limits are computed in 64 bits and cut to what a surface holds. */
static void test_vga_07(void)
{
    static const unsigned size[] = {0, 1, 8, 32767, 32768, 65528, 65535};
    static const unsigned depth[] = {4, 8, 15, 16, 24, 32};
    struct fixture *f = fixture_new(SPEC_VRAM);
    struct bus *pio = &f->pio;
    unsigned n = 0;

    for (unsigned x = 0; x < G_N_ELEMENTS(size); x++) {
        for (unsigned y = 0; y < G_N_ELEMENTS(size); y++) {
            for (unsigned d = 0; d < G_N_ELEMENTS(depth); d++) {
                dispi_mode(f, size[x], size[y], depth[d], 0x81);
                dispi_out(f, 6, size[y]);
                check_dispi_bounds(f);
                if (++n % 29 == 0) {
                    render(f, 0);
                }
            }
        }
    }
    dispi_out(f, 4, 0);
    outb(f, 0x3c2, 0x67);
    for (unsigned i = 0; i < 0x19; i++) { /* the greatest legacy screen: 256 columns, 1024 lines */
        out_reg(f, 0x3d4, i, i == 0x11 ? 0x7f : 0xff);
    }
    for (unsigned mode = 0; mode < 256; mode += 0x20) {
        for (unsigned clocking = 0; clocking < 0x10; clocking++) {
            for (unsigned graphics = 0; graphics < 2; graphics++) {
                out_reg(f, 0x3ce, 5, mode);
                out_reg(f, 0x3ce, 6, graphics);
                out_reg(f, 0x3c4, 1, clocking);
                bus_write(pio, 0x3d4, 2, (clocking * 0x11) << 8 | 9);
                render(f, VGA_CURSOR);
            }
        }
    }
    for (unsigned start = 0; start < 32; start += 31) { /* cursors of all sizes */
        for (unsigned end = 0; end < 256; end += 51) {
            out_reg(f, 0x3d4, 0x0a, start);
            out_reg(f, 0x3d4, 0x0b, end);
            out_reg(f, 0x3d4, 0x0e, 0xff);
            render(f, VGA_CURSOR);
        }
    }
    check_alive(f);
    fixture_free(f);
}

/* Accesses across the window's ends, upwards and downwards: each byte once, nothing beside it. */
static void test_vga_08(void)
{
    struct fixture *f = fixture_new(SMALL_VRAM);

    mode_set(f, &mode_12h);
    out_reg(f, 0x3ce, 6, 0x01); /* all 128 KiB */
    out_reg(f, 0x3ce, 3, 0x18); /* XOR: an access done twice shows */
    for (unsigned size = 2; size <= 8; size *= 2) {
        for (int df = 0; df < 2; df++) {
            memset(f->vram, 0, SMALL_VRAM);
            for (unsigned i = 0; i < 16; i++) { /* elements from below the window into it */
                unsigned element = df ? 15 - i : i;
                uint64_t addr = WINDOW - 8 * size + (uint64_t)element * size - size / 2;

                bus_read(&f->mmio, WINDOW, 1);
                out_reg(f, 0x3ce, 3, 0);
                bus_write(&f->mmio, addr, size, UINT64_MAX);
                out_reg(f, 0x3ce, 3, 0x18);
            }
            for (unsigned i = 0; i < 8 * size - size / 2; i++) {
                g_assert_cmphex(f->vram[4 * i], ==, 0xff);
            }
            g_assert_cmphex(f->vram[4 * (8 * size - size / 2)], ==, 0);
        }
        uint64_t val = bus_read(&f->mmio, WINDOW - size / 2, size);

        g_assert_cmphex(val & ((1ull << (4 * size)) - 1), ==, (1ull << (4 * size)) - 1);
        bus_write(&f->mmio, WINDOW + WINDOW_LEN - size / 2, size, UINT64_MAX);
        bus_read(&f->mmio, WINDOW + WINDOW_LEN - size / 2, size);
    }
    out_reg(f, 0x3ce, 3, 0x18);
    memset(f->vram, 0, 16);
    for (unsigned i = 0; i < 3; i++) { /* three single steps of XOR on one byte: set at the end */
        bus_read(&f->mmio, WINDOW + 1, 1);
        bus_write(&f->mmio, WINDOW + 1, 1, 0xff);
    }
    g_assert_cmphex(f->vram[4], ==, 0xff);
    uint8_t buf[7] = {1, 2, 3, 4, 5, 6, 7};

    out_reg(f, 0x3ce, 3, 0);
    bus_write_rep(&f->mmio, WINDOW + 2, 1, sizeof(buf), buf);
    g_assert_cmphex(f->vram[8], ==, 7);
    bus_read_rep(&f->mmio, WINDOW + 2, 1, sizeof(buf), buf);
    g_assert_cmphex(buf[0] & buf[6], ==, 7);
    check_alive(f);
    fixture_free(f);
}

/* Bits that the registers have (IBM VGA Technical Reference). */
static const uint8_t spec_seq[8] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const uint8_t spec_gfx[9] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
static const uint8_t spec_attr[21] = {0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                      0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                      0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f};
#define SPEC_MISC    0xefu
#define SPEC_FEATURE 0x0bu

static void bits_keep(uint8_t *reg, const uint8_t *mask, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        reg[i] &= mask[i];
    }
}

static void state_make_right(struct vga_state *t)
{
    t->dac_component %= 3;
    t->dac_state = t->dac_state & 1 ? 3 : 0;
    t->attr_data &= 1;
    t->seq_index &= 7;
    t->gfx_index &= 15;
    t->attr_index &= 0x3f;
    t->enable &= 1;
    t->big_endian &= 1;
    t->misc &= SPEC_MISC;
    t->feature &= SPEC_FEATURE;
    bits_keep(t->seq, spec_seq, sizeof(spec_seq));
    bits_keep(t->gfx, spec_gfx, sizeof(spec_gfx));
    bits_keep(t->attr, spec_attr, sizeof(spec_attr));
}

/* ST-01: a bit that no register has cannot have been written. */
static void test_state_bits(void)
{
    struct fixture *f = fixture_new(SMALL_VRAM);
    const struct {
        uint8_t *reg;
        uint8_t mask;
    } bad[] = {{&f->vga.s->seq[0], 0x03}, {&f->vga.s->seq[7], 0x00},   {&f->vga.s->gfx[5], 0x7b},
               {&f->vga.s->gfx[6], 0x0f}, {&f->vga.s->attr[16], 0xef}, {&f->vga.s->attr[20], 0x0f},
               {&f->vga.s->misc, 0xef},   {&f->vga.s->feature, 0x0b}};

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        *bad[i].reg = bad[i].mask;
        g_assert_cmpint(f->vga.dev.cls->check(f->vga.s), ==, 0);
        *bad[i].reg = 0xff;
        g_assert_cmpint(f->vga.dev.cls->check(f->vga.s), !=, 0);
        *bad[i].reg = 0;
    }
    fixture_free(f);
}

/* Saved state is hostile: what check() accepts is harmless, whatever it holds. */
static void test_hostile_state(void)
{
    struct fixture *f = fixture_new(SMALL_VRAM);
    GRand *rand = g_rand_new_with_seed(9);
    struct vga_state *s = f->vga.s;
    unsigned accepted = 0;

    for (unsigned n = 0; n < 60000; n++) {
        struct vga_state t;

        for (unsigned i = 0; i < sizeof(t); i++) {
            ((uint8_t *)&t)[i] = (uint8_t)g_rand_int(rand);
        }
        if (n & 1) { /* the few fields with limits made right, one of them perhaps not */
            state_make_right(&t);
        }
        t.dispi[4] &= ~2;
        if (f->vga.dev.cls->check(&t)) {
            continue;
        }
        g_assert_cmpuint(t.dac_component, <, 3);
        accepted++;
        if (accepted > 300) {
            continue;
        }
        *s = t;
        f->vga.dev.cls->resume(&f->vga.dev);
        check_dispi_bounds(f);
        window_touch_all(f);
        render(f, VGA_CURSOR);
        for (unsigned port = 0x3b0; port < 0x3e0; port++) {
            inb(f, port);
        }
    }
    g_assert_cmpuint(accepted, >, 20000);
    g_rand_free(rand);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/VGA-01/bank-then-mode", test_vga_01);
    g_test_add_func("/catalogue/VGA-02/legacy-registers-under-vbe", test_vga_02);
    g_test_add_func("/catalogue/VGA-02/and-back-to-text", test_vga_02_and_back);
    g_test_add_func("/catalogue/VGA-03/dispi-any-order", test_vga_03);
    g_test_add_func("/catalogue/VGA-03/picture-is-all-drawn", test_vga_03_all_drawn);
    g_test_add_func("/catalogue/VGA-04/random-outs-redrawn", test_vga_04);
    g_test_add_func("/catalogue/VGA-05/split-screen-and-depths", test_vga_05);
    g_test_add_func("/catalogue/VGA-06/picture-of-the-moment", test_vga_06);
    g_test_add_func("/catalogue/VGA-07/sizes", test_vga_07);
    g_test_add_func("/catalogue/VGA-08/window-edges", test_vga_08);
    g_test_add_func("/vga/state-bits", test_state_bits);
    g_test_add_func("/catalogue/ST-01/vga", test_hostile_state);
    return g_test_run();
}
