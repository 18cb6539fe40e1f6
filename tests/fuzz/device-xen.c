/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: the Xen platform device. */
#include "fuzz.h"

#include <string.h>

#include "xen/platform.h"

static struct xen_platform platform;

static void unplugged(void *opaque, unsigned what)
{
    fuzz_answer(opaque, what);
    if (what & ~(XEN_UNPLUG_DISKS | XEN_UNPLUG_NICS | XEN_UNPLUG_AUX_DISKS | XEN_UNPLUG_NVME)) {
        fuzz_finding(opaque, "the guest unplugs %#x, which nobody knows", what);
    }
}

static void rom_locked(void *opaque, bool locked)
{
    fuzz_answer(opaque, locked);
}

static void logged(void *opaque, const char *line)
{
    if (strnlen(line, XEN_PLATFORM_LINE + 1) > XEN_PLATFORM_LINE) {
        fuzz_finding(opaque, "a line of more than %u characters", XEN_PLATFORM_LINE);
    }
    fuzz_note(opaque, "the guest's drivers say: %s", line);
}

static void function_added(void *opaque, uint8_t devfn)
{
    fuzz_note(opaque, "function %02x.%x appears", devfn >> 3, devfn & 7);
}

/* Whom on the host it tells what. */
static void listeners_set(unsigned which)
{
    platform.cfg.unplug = which & 1 ? unplugged : NULL;
    platform.cfg.rom_lock = which & 2 ? rom_locked : NULL;
    platform.cfg.log = which & 4 ? logged : NULL;
}

static void listeners_change(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    listeners_set(val & 7);
}

static bool xen_setup(struct fuzz_world *w)
{
    struct xen_platform_config cfg = {
        PCI_DEVFN(3, 0), unplugged, rom_locked, logged, w,
    };

    fuzz_ports_add(w, "platform", 0x10, 16);
    fuzz_window_add(
        w, &(struct fuzz_window){"platform-io", FUZZ_PIO, 0xc000, 256, &platform.ports, NULL});
    fuzz_window_add(w, &(struct fuzz_window){"platform-memory", FUZZ_MEM, 0xf2000000, 4096,
                                             &platform.memory, NULL});
    fuzz_action_add(w, "listeners", listeners_change);
    if (!fuzz_pci_new(w)) {
        return false;
    }
    w->pci->function_added = function_added;
    w->pci->opaque = w;
    return xen_platform_init(&platform, &w->hw, w->pci, &cfg) == 0;
}

/* The line that is being written is the host's. */
static void xen_rewind(struct fuzz_world *w)
{
    listeners_set(7);
    platform.line_used = 0;
}

/* The drivers' protocol: magic, then product, build, what to unplug; and lines for the log. */
static size_t xen_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    static const struct fuzz_op list[] = {
        {FUZZ_READ, 2, 0, 0, 0},
        {FUZZ_READ, 1, 0, 2, 0},
        {FUZZ_WRITE, 2, 0, 2, 3},
        {FUZZ_WRITE, 4, 0, 0, 0x1234},
        {FUZZ_WRITE, 2, 0, 0, 1},
        {FUZZ_WRITE, 2, 0, 0, 4},
        {FUZZ_WRITE, 1, 0, 2, 'A'},
        {FUZZ_WRITE, 1, 0, 2, '\n'},
        {FUZZ_WRITE, 1, 0, 0, 1},
        {FUZZ_WRITE_REP, 1, 0, 2, 0x42424242420020},
        {FUZZ_CFG_WRITE, 4, 0, 16, 0xc001},
        {FUZZ_CFG_WRITE, 2, 0, 4, 3},
    };
    size_t n = 1 + rnd() % 6;

    for (size_t i = 0; i < n; i++) {
        op[i] = list[(rnd() >> 20) % (sizeof(list) / sizeof(list[0]))];
    }
    return n;
}

FUZZ_TARGET(xen_platform) = {
    .name = "xen-platform",
    .about = "the Xen platform device",
    .setup = xen_setup,
    .reset = xen_rewind,
    .generate = xen_generate,
};
