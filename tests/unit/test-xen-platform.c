/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Xen platform device through its buses; the values are Xen's unplug protocol's. */
#include <glib.h>
#include <string.h>

#include "core/bus.h"
#include "core/device.h"
#include "core/memmap.h"
#include "xen/platform.h"

#define SPEC_PORT    0x10
#define SPEC_MAGIC   0x49d2
#define SPEC_VERSION 1
#define SPEC_IDS     0x00015853u
#define SPEC_DEVFN   PCI_DEVFN(2, 0)

static struct {
    struct bus pio;
    struct bus mmio;
    struct memmap mem;
    struct arena arena;
    struct hw hw;
    struct pci_bus pci;
    struct xen_platform d;
    uint8_t *memory;
    unsigned unplugged;
    unsigned unplugs;
    int locked;
    unsigned locks;
    char line[256];
    unsigned lines;
} w;

static void on_unplug(void *opaque, unsigned what)
{
    w.unplugged |= what;
    w.unplugs++;
}

static void on_lock(void *opaque, bool locked)
{
    w.locked = locked;
    w.locks++;
}

static void on_log(void *opaque, const char *line)
{
    g_strlcpy(w.line, line, sizeof(w.line));
    w.lines++;
}

static void set_up(void)
{
    struct xen_platform_config cfg = {SPEC_DEVFN, on_unplug, on_lock, on_log, NULL};
    uint8_t *memory = w.memory ? w.memory : g_malloc(65536 + 4096);

    memset(&w, 0, sizeof(w));
    w.memory = memory;
    uint8_t *base = (uint8_t *)(((uintptr_t)memory + 4095) & ~(uintptr_t)4095);
    memset(base, 0, 65536);
    bus_init(&w.pio, 0xffff);
    bus_init(&w.mmio, UINT64_MAX);
    memmap_init(&w.mem);
    arena_init(&w.arena, base, 65536);
    w.hw = (struct hw){.pio = &w.pio, .mmio = &w.mmio, .mem = &w.mem, .arena = &w.arena};
    g_assert_cmpint(pci_bus_init(&w.pci, &w.hw), ==, 0);
    g_assert_cmpint(xen_platform_init(&w.d, &w.hw, &w.pci, &cfg), ==, 0);
    arena_seal(&w.arena);
    arena_reset(&w.arena, RESET_POWER_ON);
}

static uint32_t in(unsigned off, unsigned size)
{
    return (uint32_t)bus_read(&w.pio, SPEC_PORT + off, size);
}

static void out(unsigned off, unsigned size, uint32_t val)
{
    bus_write(&w.pio, SPEC_PORT + off, size, val);
}

static void test_ids(void)
{
    set_up();
    g_assert_cmphex(pci_config_read(&w.pci, SPEC_DEVFN, 0, 4), ==, SPEC_IDS);
    g_assert_cmphex(pci_config_read(&w.pci, SPEC_DEVFN, 0x2c, 4), ==, SPEC_IDS);
    g_assert_cmphex(pci_config_read(&w.pci, SPEC_DEVFN, 8, 4), ==, 0xff800001);
    pci_config_write(&w.pci, SPEC_DEVFN, 0x10, 4, UINT32_MAX);
    g_assert_cmphex(pci_config_read(&w.pci, SPEC_DEVFN, 0x10, 4), ==, 0xffffff01);
    pci_config_write(&w.pci, SPEC_DEVFN, 0x14, 4, UINT32_MAX);
    g_assert_cmphex(pci_config_read(&w.pci, SPEC_DEVFN, 0x14, 4), ==, 0xff000008);
}

static void test_magic(void)
{
    set_up();
    g_assert_cmphex(in(0, 2), ==, SPEC_MAGIC);
    g_assert_cmphex(in(2, 1), ==, SPEC_VERSION);
    g_assert_cmphex(in(0, 1), ==, 0);
    g_assert_cmphex(in(4, 1), ==, 0xff);
}

/* A word unplugs; bytes and double words mean something else. */
static void test_unplug(void)
{
    set_up();
    out(0, 4, 3);
    out(2, 2, 3);
    g_assert_cmpuint(w.unplugs, ==, 0);
    out(0, 2, XEN_UNPLUG_DISKS | XEN_UNPLUG_NICS | 0xfff0);
    g_assert_cmphex(w.unplugged, ==, 3);
    out(0, 2, 0);
    g_assert_cmpuint(w.unplugs, ==, 1);
}

/* After a load it is done again. */
static void test_unplug_resume(void)
{
    set_up();
    out(0, 2, XEN_UNPLUG_AUX_DISKS);
    out(0, 1, 1);
    w.unplugged = w.unplugs = w.locks = 0;
    arena_resume(&w.arena);
    g_assert_cmphex(w.unplugged, ==, XEN_UNPLUG_AUX_DISKS);
    g_assert_cmpuint(w.locks, ==, 1);
    w.d.s->unplugged = 0x100;
    g_assert_cmpint(arena_check(&w.arena), !=, 0);
}

static void test_lock(void)
{
    set_up();
    out(0, 1, 0xff);
    g_assert_cmpint(w.locked, ==, 1);
    g_assert_cmphex(in(0, 1), ==, 1);
    out(0, 1, 1); /* as it is */
    g_assert_cmpuint(w.locks, ==, 1);
    out(0, 1, 0);
    g_assert_cmpint(w.locked, ==, 0);
    out(0, 1, 1);
    arena_reset(&w.arena, RESET_HARD);
    g_assert_cmpint(w.locked, ==, 0);
}

static void test_log(void)
{
    set_up();
    for (const char *p = "hello\x1b\n\n"; *p; p++) {
        out(2, 1, (uint8_t)*p);
    }
    g_assert_cmpstr(w.line, ==, "hello");
    g_assert_cmpuint(w.lines, ==, 1);
    for (unsigned i = 0; i < XEN_PLATFORM_LINE; i++) {
        out(2, 1, 'x');
    }
    g_assert_cmpuint(strlen(w.line), ==, XEN_PLATFORM_LINE);
    g_assert_cmpuint(w.lines, ==, 2);
}

static void test_bars(void)
{
    set_up();
    pci_config_write(&w.pci, SPEC_DEVFN, 0x10, 4, 0xc000);
    pci_config_write(&w.pci, SPEC_DEVFN, 0x14, 4, 0xf2000000);
    pci_config_write(&w.pci, SPEC_DEVFN, 4, 2, 3);
    bus_write(&w.pio, 0xc000, 1, 1);
    g_assert_cmpint(w.locked, ==, 1);
    g_assert_cmphex(bus_read(&w.pio, 0xc000, 1), ==, 1);
    g_assert_cmphex(bus_read(&w.pio, 0xc001, 1), ==, 0xff);
    bus_write(&w.pio, 0xc004, 1, 'a');
    bus_write(&w.pio, 0xc004, 1, '\n');
    g_assert_cmpstr(w.line, ==, "a");
    g_assert_cmphex(bus_read(&w.mmio, 0xf2000000, 4), ==, 0);
    bus_write(&w.mmio, 0xf2fffff8, 8, 1);
    g_assert_cmphex(bus_read(&w.mmio, 0xf2fffff8, 8), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen-platform/ids", test_ids);
    g_test_add_func("/xen-platform/magic", test_magic);
    g_test_add_func("/xen-platform/unplug", test_unplug);
    g_test_add_func("/xen-platform/resume", test_unplug_resume);
    g_test_add_func("/xen-platform/lock", test_lock);
    g_test_add_func("/xen-platform/log", test_log);
    g_test_add_func("/xen-platform/bars", test_bars);
    return g_test_run();
}
