/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PIIX4 power management: PM1a_CNT, APM, GPE0, hot-plug registers, SMBus host. */
#include <errno.h>
#include "pc-rig.h"

#include "acpi/piix4_pm.h"

#define PM PCI_DEVFN(1, 3)

/* 82371AB data sheet, chapters 7 and 11. */
#define SPEC_PMBA      0x40
#define SPEC_PMREGMISC 0x80
#define SPEC_SMBBA     0x90
#define SPEC_SMBHSTCFG 0xd2
#define SPEC_CNT       0xb004
#define SPEC_SCI_EN    0x0001
#define SPEC_SLP_EN    0x2000
#define SPEC_SMB       0xb100
#define SPEC_DEV_ERR   0x04
#define SPEC_FAILED    0x10
#define GPE0           0xafe0
#define HOTPLUG        0xae00
#define CPUS           0xaf00

struct pm {
    struct rig r;
    struct piix4_pm d;
    unsigned base;
};

static void pm_base(void *opaque, uint16_t base)
{
    ((struct pm *)opaque)->base = base;
}

static void pm_init(struct pm *p)
{
    rig_init(&p->r);
    p->base = 0xffff;
    struct piix4_pm_config config = {pm_base, p, world_line(&p->r.w, 1), 5};

    g_assert_cmpint(piix4_pm_init(&p->d, &p->r.w.hw, &p->r.pci, &config), ==, 0);
    rig_reset(&p->r);
}

/* As hvmloader and SeaBIOS do. */
static void pm_enable(struct pm *p)
{
    rig_cfg_write(&p->r, PM, SPEC_PMBA, 4, 0xb001);
    rig_cfg_write(&p->r, PM, SPEC_PMREGMISC, 1, 1);
}

static int sci(const struct pm *p)
{
    return p->r.w.line[1].level;
}

static void test_ids(void)
{
    struct pm p;

    pm_init(&p);
    g_assert_cmphex(rig_cfg_read(&p.r, PM, 0, 4), ==, 0x71138086);
    g_assert_cmphex(rig_cfg_read(&p.r, PM, 0x0a, 2), ==, 0x0680);
    g_assert_cmphex(rig_cfg_read(&p.r, PM, 0x2c, 4), ==, 0x11001af4);
    g_assert_cmphex(rig_cfg_read(&p.r, PM, 0x5b, 1), ==, 0x02); /* SeaBIOS leaves SMM alone */
    rig_destroy(&p.r);
}

static void test_base(void)
{
    struct pm p;

    pm_init(&p);
    g_assert_cmphex(p.base, ==, 0);
    g_assert_cmphex(rig_in(&p.r, SPEC_CNT, 2), ==, 0xffff);
    rig_cfg_write(&p.r, PM, SPEC_PMBA, 4, 0xffffffff);
    g_assert_cmphex(rig_cfg_read(&p.r, PM, SPEC_PMBA, 4), ==, 0x0000ffc1);
    pm_enable(&p);
    g_assert_cmphex(p.base, ==, 0xb000);
    g_assert_cmphex(rig_in(&p.r, SPEC_CNT, 2), ==, 0);
    g_assert_cmphex(rig_in(&p.r, 0xb000, 4), ==, 0xffffffff); /* PM1a_EVT and PM_TMR: the core's */
    g_assert_cmphex(rig_in(&p.r, 0xb008, 4), ==, 0xffffffff);
    rig_cfg_write(&p.r, PM, SPEC_PMBA, 2, 0x0600);
    g_assert_cmphex(p.base, ==, 0x600);
    g_assert_cmphex(rig_in(&p.r, 0x604, 2), ==, 0);
    g_assert_cmphex(rig_in(&p.r, SPEC_CNT, 2), ==, 0xffff);
    p.base = 1;
    arena_resume(&p.r.w.arena);
    g_assert_cmphex(p.base, ==, 0x600);
    rig_reset(&p.r);
    g_assert_cmphex(p.base, ==, 0);
    rig_destroy(&p.r);
}

static void test_apm(void)
{
    struct pm p;

    pm_init(&p);
    pm_enable(&p);
    rig_outb(&p.r, 0xb2, 0xf1);
    g_assert_cmphex(rig_in(&p.r, SPEC_CNT, 2), ==, SPEC_SCI_EN);
    g_assert_cmphex(rig_inb(&p.r, 0xb2), ==, 0xf1);
    rig_outb(&p.r, 0xb2, 0x00);
    g_assert_cmphex(rig_in(&p.r, SPEC_CNT, 2), ==, SPEC_SCI_EN);
    rig_outb(&p.r, 0xb2, 0xf0);
    g_assert_cmphex(rig_in(&p.r, SPEC_CNT, 2), ==, 0);
    rig_outb(&p.r, 0xb3, 0x55);
    g_assert_cmphex(rig_inb(&p.r, 0xb3), ==, 0x55);
    rig_destroy(&p.r);
}

static void test_sleep(void)
{
    struct pm p;

    pm_init(&p);
    pm_enable(&p);
    rig_out(&p.r, SPEC_CNT, 2, 5 << 10);
    g_assert_cmpuint(p.r.power_requests, ==, 0);
    rig_out(&p.r, SPEC_CNT, 2, 5 << 10 | SPEC_SLP_EN); /* a state we do not have */
    g_assert_cmpuint(p.r.power_requests, ==, 0);
    rig_out(&p.r, SPEC_CNT, 2, SPEC_SLP_EN);
    g_assert_cmpuint(p.r.power_requests, ==, 1);
    g_assert_cmpint(p.r.power, ==, POWER_OFF);
    rig_out(&p.r, SPEC_CNT, 2, 1 << 10 | SPEC_SLP_EN);
    g_assert_cmpint(p.r.power, ==, POWER_SUSPEND);
    g_assert_cmphex(rig_in(&p.r, SPEC_CNT, 2), ==, 1 << 10); /* SLP_EN reads zero */
    rig_outb(&p.r, SPEC_CNT + 1, 0x20);
    g_assert_cmpint(p.r.power, ==, POWER_OFF);
    g_assert_cmpuint(p.r.power_requests, ==, 3);
    rig_destroy(&p.r);
}

/* PM-04: bytes, words and dwords at every offset mean the same registers. */
static void test_widths(void)
{
    struct pm p;

    pm_init(&p);
    pm_enable(&p);
    rig_out(&p.r, GPE0, 4, 0xbeef0000);
    g_assert_cmphex(rig_in(&p.r, GPE0 + 2, 2), ==, 0xbeef);
    g_assert_cmphex(rig_inb(&p.r, GPE0 + 3), ==, 0xbe);
    g_assert_cmphex(rig_in(&p.r, GPE0, 4), ==, 0xbeef0000);
    rig_outb(&p.r, GPE0 + 2, 0x01);
    g_assert_cmphex(rig_in(&p.r, GPE0 + 1, 2), ==, 0x0100);
    rig_out(&p.r, SPEC_CNT, 2, 0x1c01);
    g_assert_cmphex(rig_inb(&p.r, SPEC_CNT), ==, 0x01);
    g_assert_cmphex(rig_inb(&p.r, SPEC_CNT + 1), ==, 0x1c);
    g_assert_cmphex(rig_in(&p.r, SPEC_CNT, 4), ==, 0xffff1c01);
    rig_outb(&p.r, SPEC_CNT, 0);
    g_assert_cmphex(rig_in(&p.r, SPEC_CNT, 2), ==, 0x1c00);
    rig_destroy(&p.r);
}

/* PM-07: the SCI follows status, enable and SCI_EN, and is low after a reset. */
static void test_gpe(void)
{
    struct pm p;

    pm_init(&p);
    pm_enable(&p);
    rig_outb(&p.r, 0xb2, 0xf1);
    piix4_pm_gpe(&p.d, 1);
    g_assert_cmpint(sci(&p), ==, 0);
    g_assert_cmphex(rig_in(&p.r, GPE0, 2), ==, 2);
    rig_out(&p.r, GPE0 + 2, 2, 2);
    g_assert_cmpint(sci(&p), ==, 1);
    rig_outb(&p.r, 0xb2, 0xf0);
    g_assert_cmpint(sci(&p), ==, 0);
    rig_outb(&p.r, 0xb2, 0xf1);
    g_assert_cmpint(sci(&p), ==, 1);
    rig_out(&p.r, GPE0, 2, 0xfffd);
    g_assert_cmpint(sci(&p), ==, 1);
    rig_out(&p.r, GPE0, 2, 0x0002);
    g_assert_cmpint(sci(&p), ==, 0);
    piix4_pm_gpe(&p.d, 1);
    g_assert_cmpint(sci(&p), ==, 1);
    p.r.w.line[1].level = 0;
    arena_resume(&p.r.w.arena);
    g_assert_cmpint(sci(&p), ==, 1);
    rig_reset(&p.r);
    g_assert_cmpint(sci(&p), ==, 0);
    rig_destroy(&p.r);
}

/* PM-01, PM-02: no slot can be ejected, whatever is selected; each register in each width. */
static void test_hotplug(void)
{
    struct pm p;
    static const uint32_t edges[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff};

    pm_init(&p);
    for (unsigned off = 0; off < 0x14; off++) {
        for (unsigned size = 1; size <= 4; size *= 2) {
            for (unsigned i = 0; i < G_N_ELEMENTS(edges); i++) {
                rig_out(&p.r, (uint16_t)(HOTPLUG + off), size, edges[i]);
            }
            if (off + size <= 0x14) {
                g_assert_cmphex(rig_in(&p.r, (uint16_t)(HOTPLUG + off), size), ==, 0);
            }
        }
    }
    g_assert_cmphex(rig_cfg_read(&p.r, PM, 0, 4), ==, 0x71138086);
    g_assert_cmpuint(p.r.power_requests, ==, 0);
    rig_destroy(&p.r);
}

static void test_cpus(void)
{
    struct pm p;

    pm_init(&p);
    g_assert_cmphex(rig_in(&p.r, CPUS, 4), ==, 0x1f);
    rig_out(&p.r, CPUS, 4, 0xffffffff);
    g_assert_cmphex(rig_inb(&p.r, CPUS), ==, 0x1f);
    g_assert_cmphex(rig_inb(&p.r, CPUS + 31), ==, 0);
    rig_destroy(&p.r);
}

/* A CPU that comes later: the map has it, and GPE0 bit 2 says so. */
static void test_cpu_add(void)
{
    struct pm p;

    pm_init(&p);
    pm_enable(&p);
    rig_outb(&p.r, 0xb2, 0xf1);
    rig_out(&p.r, GPE0 + 2, 2, 4);
    g_assert_cmpint(piix4_pm_cpu_add(&p.d, 4), ==, -EEXIST);
    g_assert_cmpint(piix4_pm_cpu_add(&p.d, 6), ==, -EINVAL);
    g_assert_cmpint(sci(&p), ==, 0);
    g_assert_cmpint(piix4_pm_cpu_add(&p.d, 5), ==, 0);
    g_assert_cmpint(sci(&p), ==, 1);
    g_assert_cmphex(rig_in(&p.r, GPE0, 2), ==, 4);
    g_assert_cmphex(rig_inb(&p.r, CPUS), ==, 0x3f);
    rig_destroy(&p.r);
}

static void smbus_enable(struct pm *p)
{
    rig_cfg_write(&p->r, PM, SPEC_SMBBA, 4, SPEC_SMB | 1);
    rig_cfg_write(&p->r, PM, SPEC_SMBHSTCFG, 1, 0x09);
}

static void test_smbus(void)
{
    struct pm p;

    pm_init(&p);
    smbus_enable(&p);
    g_assert_cmphex(rig_inb(&p.r, SPEC_SMB), ==, 0);
    rig_outb(&p.r, SPEC_SMB + 4, 0xa1);
    g_assert_cmphex(rig_inb(&p.r, SPEC_SMB + 4), ==, 0xa1);
    for (unsigned protocol = 0; protocol < 8; protocol++) {
        rig_outb(&p.r, SPEC_SMB + 2, (uint8_t)(0x40 | protocol << 2));
        g_assert_cmphex(rig_inb(&p.r, SPEC_SMB), ==, SPEC_DEV_ERR);
        g_assert_cmphex(rig_inb(&p.r, SPEC_SMB + 2), ==, protocol << 2);
        rig_outb(&p.r, SPEC_SMB, SPEC_DEV_ERR);
        g_assert_cmphex(rig_inb(&p.r, SPEC_SMB), ==, 0);
    }
    rig_outb(&p.r, SPEC_SMB + 2, 0x02);
    g_assert_cmphex(rig_inb(&p.r, SPEC_SMB), ==, SPEC_FAILED);
    rig_outb(&p.r, SPEC_SMB, 0xff);
    rig_outb(&p.r, SPEC_SMB + 2, 0x41); /* with interrupt */
    g_assert_cmpint(sci(&p), ==, 1);
    rig_outb(&p.r, SPEC_SMB, 0xff);
    g_assert_cmpint(sci(&p), ==, 0);
    rig_cfg_write(&p.r, PM, SPEC_SMBHSTCFG, 1, 0);
    g_assert_cmphex(rig_inb(&p.r, SPEC_SMB), ==, 0xff);
    rig_destroy(&p.r);
}

/* PM-03: the block index wraps inside its 32 bytes and is reset by reading the control register. */
static void test_smbus_block(void)
{
    struct pm p;

    pm_init(&p);
    smbus_enable(&p);
    for (unsigned n = 0; n < 256; n++) {
        (void)rig_inb(&p.r, SPEC_SMB + 2);
        for (unsigned i = 0; i < n; i++) {
            rig_outb(&p.r, SPEC_SMB + 7, (uint8_t)i);
        }
    }
    (void)rig_inb(&p.r, SPEC_SMB + 2);
    for (unsigned i = 0; i < 64; i++) {
        g_assert_cmphex(rig_inb(&p.r, SPEC_SMB + 7) & 31, ==, i & 31);
    }
    rig_destroy(&p.r);
}

static void poke(struct rig *r)
{
    for (unsigned i = 0; i < 64; i++) {
        rig_outb(r, (uint16_t)(SPEC_SMB + i % 16), (uint8_t)g_test_rand_int());
        (void)rig_inb(r, (uint16_t)(SPEC_SMB + i % 16));
        rig_out(r, GPE0, 4, g_test_rand_int());
        rig_out(r, SPEC_CNT, 2, g_test_rand_int());
        rig_cfg_write(r, PM, 4 * (i % 64), 4, g_test_rand_int());
    }
}

static void test_state(void)
{
    struct pm p;

    pm_init(&p);
    rig_state_bits(&p.d.dev, &p.d.s->smbhststs, 0x1e); /* 290562: 11.3.1, 11.3.3 */
    rig_state_bits(&p.d.dev, &p.d.s->smbhstcnt, 0x1d);
    rig_state_bits(&p.d.dev, &p.d.s->reserved, 0);
    rig_hostile_state(&p.r, &p.d.dev, 500, poke);
    rig_destroy(&p.r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi/ids", test_ids);
    g_test_add_func("/acpi/base", test_base);
    g_test_add_func("/acpi/apm", test_apm);
    g_test_add_func("/acpi/sleep", test_sleep);
    g_test_add_func("/catalogue/PM-01/hotplug", test_hotplug);
    g_test_add_func("/catalogue/PM-03/smbus-block", test_smbus_block);
    g_test_add_func("/catalogue/PM-04/widths", test_widths);
    g_test_add_func("/catalogue/PM-07/gpe", test_gpe);
    g_test_add_func("/acpi/cpus", test_cpus);
    g_test_add_func("/acpi/cpu-add", test_cpu_add);
    g_test_add_func("/acpi/smbus", test_smbus);
    g_test_add_func("/catalogue/ST-01/acpi", test_state);
    return g_test_run();
}
