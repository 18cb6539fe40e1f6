/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz targets: pvpanic, the IB700 watchdog, the PC test device. */
#include "fuzz.h"

#include <string.h>

#include "misc/pc_testdev.h"
#include "misc/pvpanic.h"
#include "watchdog/ib700.h"

static struct pvpanic pvpanic;
static struct ib700 ib700;
static struct pc_testdev testdev;
static uint8_t iomem[TESTDEV_IOMEM];

static void panicked(void *opaque, uint8_t bits)
{
    fuzz_note(opaque, "pvpanic: %#x", bits);
    if (bits & ~(PVPANIC_PANICKED | PVPANIC_CRASHLOADED)) {
        fuzz_finding(opaque, "pvpanic told of bits %#x that it does not offer", bits);
    }
}

static void expired(void *opaque)
{
    fuzz_note(opaque, "the watchdog expired");
    fuzz_answer(opaque, 1);
}

/* Whether anybody is told when the watchdog expires. */
static void owner_changes(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    ib700.cfg.expired = val & 1 ? expired : NULL;
}

static void misc_rewind(struct fuzz_world *w)
{
    ib700.cfg.expired = expired;
}

static bool misc_setup(struct fuzz_world *w)
{
    struct pvpanic_config panic = {PVPANIC_PORT, PVPANIC_PANICKED | PVPANIC_CRASHLOADED, panicked,
                                   w};
    struct ib700_config dog = {expired, w};

    static struct pvpanic deaf; /* nobody listens to it */
    struct pvpanic_config nobody = {PVPANIC_PORT + 0x10, PVPANIC_PANICKED, NULL, NULL};

    fuzz_ports_add(w, "pvpanic", PVPANIC_PORT, 1);
    fuzz_ports_add(w, "pvpanic-deaf", PVPANIC_PORT + 0x10, 1);
    fuzz_ports_add(w, "ib700", 0x441, 4);
    fuzz_action_add(w, "owner of the watchdog", owner_changes);
    return pvpanic_init(&pvpanic, &w->hw, &panic) == 0 &&
           pvpanic_init(&deaf, &w->hw, &nobody) == 0 && ib700_init(&ib700, &w->hw, &dog) == 0;
}

FUZZ_TARGET(misc) = {
    .name = "misc",
    .about = "pvpanic and the IB700 watchdog",
    .setup = misc_setup,
    .reset = misc_rewind,
};

static bool testdev_setup(struct fuzz_world *w)
{
    struct pc_testdev_config cfg = {.iomem = iomem};

    for (unsigned i = 0; i < TESTDEV_LINES; i++) {
        cfg.irq[i] = fuzz_line(w, i);
    }
    fuzz_ports_add(w, "testdev", 0xe0, 12);
    fuzz_ports_add(w, "testdev-lines", 0x2000, TESTDEV_LINE_PORTS);
    fuzz_window_add(w, &(struct fuzz_window){"testdev-memory", FUZZ_MEM, 0xff000000, TESTDEV_IOMEM,
                                             NULL, NULL});
    return pc_testdev_init(&testdev, &w->hw, &cfg) == 0;
}

static void testdev_rewind(struct fuzz_world *w)
{
    memset(iomem, 0, sizeof(iomem));
}

FUZZ_TARGET(testdev) = {
    .name = "pc-testdev",
    .about = "the PC test device",
    .setup = testdev_setup,
    .reset = testdev_rewind,
};
