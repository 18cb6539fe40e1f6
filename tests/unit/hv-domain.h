/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain without KVM: guest RAM in plain memory, and what the core offers to the builder's side.
 */
#ifndef CLEAVE_TESTS_HV_DOMAIN_H
#define CLEAVE_TESTS_HV_DOMAIN_H

#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv.h"
#include "vcpu.h"

#define DOMAIN_RAM     (16u << 20)
#define DOMAIN_SPECIAL (HV_SPECIAL_END - HV_SPECIAL_START)

struct domain {
    struct hv hv;
    uint8_t *ram;
    uint8_t *special;
    unsigned lvt0_fixed;
    uint16_t pm_base;
    enum hv_reason reason;
};

static struct domain *the_domain; /* for the core's functions below */

void *mem_ram_ptr(struct hv *hv, uint64_t gpa, uint64_t len)
{
    struct domain *d = the_domain;

    if (gpa >= HV_SPECIAL_START && gpa <= HV_SPECIAL_END && len <= HV_SPECIAL_END - gpa) {
        return d->special + (gpa - HV_SPECIAL_START);
    }
    if (gpa <= HV_VGA_START && len <= HV_VGA_START - gpa) {
        return d->ram + gpa;
    }
    if (gpa >= HV_VGA_END && gpa <= DOMAIN_RAM && len <= DOMAIN_RAM - gpa) {
        return d->ram + gpa;
    }
    return NULL;
}

bool vcpu_read(struct vcpu *vcpu, uint64_t addr, void *buf, size_t len)
{
    void *p = mem_ram_ptr(vcpu->hv, addr, len);

    if (p) {
        memcpy(buf, p, len);
    }
    return p;
}

bool vcpu_write(struct vcpu *vcpu, uint64_t addr, const void *buf, size_t len)
{
    void *p = mem_ram_ptr(vcpu->hv, addr, len);

    if (p) {
        memcpy(p, buf, len);
    }
    return p;
}

const struct kvm_sregs *vcpu_sregs(struct vcpu *vcpu)
{
    return &vcpu->sregs;
}

void vcpu_fix_lvt0(struct vcpu *vcpu)
{
    the_domain->lvt0_fixed++;
}

int chips_set_pm_base(struct hv *hv, uint16_t base)
{
    the_domain->pm_base = base;
    return 0;
}

void hv_shutdown(struct hv *hv, enum hv_reason reason, const char *fmt, ...)
{
    the_domain->reason = reason;
}

static inline struct domain *domain_new(void)
{
    struct domain *d = g_new0(struct domain, 1);

    the_domain = d;
    d->ram = mmap(NULL, DOMAIN_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    d->special =
        mmap(NULL, DOMAIN_SPECIAL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(d->ram != MAP_FAILED && d->special != MAP_FAILED);
    pthread_mutex_init(&d->hv.params_lock, NULL);
    d->hv.cfg.firmware = HV_FIRMWARE_XEN;
    d->hv.cfg.loader_fd = -1;
    d->hv.cfg.bios_fd = -1;
    d->hv.cfg.domid = 7;
    d->hv.nvcpus = 3;
    d->hv.vcpu[0].hv = &d->hv;
    d->hv.vcpu[0].fd = -1;
    d->hv.mem.low_end = DOMAIN_RAM;
    return d;
}

static inline void domain_free(struct domain *d)
{
    munmap(d->ram, DOMAIN_RAM);
    munmap(d->special, DOMAIN_SPECIAL);
    g_free(d);
    the_domain = NULL;
}

/* A descriptor with these bytes behind it. */
static inline int domain_file(const void *bytes, size_t len)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, len), ==, (ssize_t)len);
    return fd;
}

#endif
