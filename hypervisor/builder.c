/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domain builder: loader, BIOS module, hvm_info, start info, identity page table, first vCPU.
 * Xen's public headers xen/hvm/hvm_info_table.h and xen/arch-x86/hvm/start_info.h.
 *
 * Not done: ACPI and SMBIOS modules, command lines for the loader, reserved device memory.
 */
#include "builder.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/hvm_info_table.h>

#include "elfload.h"
#include "hv.h"

#define PAGE_SHIFT     12u
#define LOADER_MAX     (256u << 20)
#define BIOS_MAX       (16u << 20)
#define LOW_MODULES    0x100000ull /* modules and start info never lie below 1 MiB */
#define IDENT_PT_FLAGS 0xe7u       /* present, write, user, accessed, dirty, 4 MiB page */
#define IDENT_PT_SHIFT 22u
#define MODULE_NAME    "firmware"

CORE_STATIC_ASSERT(sizeof(struct hvm_start_info) == 56);
CORE_STATIC_ASSERT(sizeof(struct hvm_modlist_entry) == 32);
CORE_STATIC_ASSERT(sizeof(struct hvm_memmap_table_entry) == 24);
CORE_STATIC_ASSERT(sizeof(struct hvm_info_table) == 48);

struct build {
    struct hv *hv;
    char *err;
    size_t errlen;
    struct elf_image image;
    uint64_t next; /* first free byte for modules and start info */
    uint64_t bios;
    uint64_t bios_size;
    uint64_t start_info;
};

/* One page: start info and everything it points to but the module itself. */
struct start_block {
    struct hvm_start_info info;
    struct hvm_modlist_entry module;
    struct hvm_memmap_table_entry map[4];
    char name[16];
};

__attribute__((format(printf, 2, 3))) static int fail(struct build *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(b->err, b->errlen, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* The file behind a descriptor, for messages; asked once, before the process locks itself down. */
static const char *fd_name(struct build *b, int fd)
{
    char *name = fd == b->hv->cfg.bios_fd ? b->hv->bios_name : b->hv->loader_name;
    char link[32];

    if (!name[0]) {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, name, HV_NAME_MAX - 1);

        if (n > 0) {
            name[n] = '\0';
        } else {
            strcpy(name, "file");
        }
    }
    return name;
}

/* Reads the whole file behind `fd`; the caller frees. NULL with a line in b->err. */
static void *file_read(struct build *b, const char *setting, int fd, size_t max, size_t *size)
{
    const char *name = fd_name(b, fd);
    struct stat st;
    uint8_t *buf;
    size_t done = 0;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        fail(b, "%s %s: not a regular file: name a readable image file", setting, name);
        return NULL;
    }
    if (st.st_size <= 0 || (uint64_t)st.st_size > max) {
        fail(b, "%s %s: %s: name another image file", setting, name,
             st.st_size <= 0 ? "the file is empty" : "the file is too large");
        return NULL;
    }
    buf = malloc((size_t)st.st_size);
    while (buf && done < (size_t)st.st_size) {
        ssize_t n = pread(fd, buf + done, (size_t)st.st_size - done, (off_t)done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            free(buf);
            buf = NULL;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    if (!buf) {
        fail(b, "%s %s: cannot be read: check the file", setting, name);
    }
    *size = done;
    return buf;
}

static void *build_ptr(void *opaque, uint64_t gpa, uint64_t len)
{
    return mem_ram_ptr(opaque, gpa, len);
}

/* A page-aligned place above all that was placed so far. */
static void *build_place(struct build *b, uint64_t len, uint64_t *gpa)
{
    uint64_t at = (b->next + CORE_PAGE - 1) & ~(uint64_t)(CORE_PAGE - 1);
    void *p = mem_ram_ptr(b->hv, at, len);

    if (!p) {
        fail(b, "--memory: too small for loader and firmware: give the guest more memory");
        return NULL;
    }
    *gpa = at;
    b->next = at + len;
    return p;
}

/* --- loader and firmware --- */

static int place_flat(struct build *b, const void *file, size_t size)
{
    void *p = mem_ram_ptr(b->hv, BUILDER_RAW_ADDRESS, size);

    if (!p) {
        return fail(b, "--memory: too small for the flat loader: give the guest more memory");
    }
    memcpy(p, file, size);
    b->image =
        (struct elf_image){BUILDER_RAW_ADDRESS, BUILDER_RAW_ADDRESS, BUILDER_RAW_ADDRESS + size};
    return 0;
}

static int place_elf(struct build *b, const void *file, size_t size)
{
    static const struct elf_keep_out keep_out[] = {
        {HVM_INFO_PADDR, HVM_INFO_PADDR + sizeof(struct hvm_info_table), "the hvm_info table"},
        {HV_SPECIAL_START, HV_SPECIAL_END, "the special pages"},
    };
    struct elf_memory mem = {build_ptr, b->hv};
    char why[256];

    if (!elf_load(file, size, &mem, keep_out, sizeof(keep_out) / sizeof(keep_out[0]), &b->image,
                  why, sizeof(why))) {
        return 0;
    }
    return fail(b, "--loader %s: %s", fd_name(b, b->hv->cfg.loader_fd), why);
}

static int place_loader(struct build *b)
{
    size_t size;
    void *file = file_read(b, "--loader", b->hv->cfg.loader_fd, LOADER_MAX, &size);
    int rc;

    if (!file) {
        return -EINVAL;
    }
    rc = b->hv->cfg.raw_loader ? place_flat(b, file, size) : place_elf(b, file, size);
    free(file);
    b->next = b->image.end > LOW_MODULES ? b->image.end : LOW_MODULES;
    return rc;
}

static int place_bios(struct build *b)
{
    size_t size;
    void *file, *p;

    if (b->hv->cfg.bios_fd < 0) {
        return 0;
    }
    file = file_read(b, "--firmware", b->hv->cfg.bios_fd, BIOS_MAX, &size);
    if (!file) {
        return -EINVAL;
    }
    p = build_place(b, size, &b->bios);
    if (p) {
        memcpy(p, file, size);
        b->bios_size = size;
    }
    free(file);
    return p ? 0 : -EINVAL;
}

/* --- tables --- */

static void map_add(struct start_block *s, uint64_t start, uint64_t end, uint32_t type)
{
    struct hvm_memmap_table_entry *e = &s->map[s->info.memmap_entries];

    if (end > start) {
        *e = (struct hvm_memmap_table_entry){.addr = start, .size = end - start, .type = type};
        s->info.memmap_entries++;
    }
}

static int place_start_info(struct build *b)
{
    const struct hv *hv = b->hv;
    struct start_block *s = build_place(b, sizeof(*s), &b->start_info);

    if (!s) {
        return -EINVAL;
    }
    memset(s, 0, sizeof(*s));
    s->info.magic = XEN_HVM_START_MAGIC_VALUE;
    s->info.version = 1;
    s->info.memmap_paddr = b->start_info + offsetof(struct start_block, map);
    if (b->bios_size) {
        s->info.nr_modules = 1;
        s->info.modlist_paddr = b->start_info + offsetof(struct start_block, module);
        s->module.paddr = b->bios;
        s->module.size = b->bios_size;
        s->module.cmdline_paddr = b->start_info + offsetof(struct start_block, name);
        memcpy(s->name, MODULE_NAME, sizeof(MODULE_NAME));
    }
    map_add(s, 0, HV_VGA_START, XEN_HVM_MEMMAP_TYPE_RAM);
    map_add(s, HV_VGA_END, hv->mem.low_end, XEN_HVM_MEMMAP_TYPE_RAM);
    map_add(s, HV_SPECIAL_START, HV_SPECIAL_END, XEN_HVM_MEMMAP_TYPE_RESERVED);
    map_add(s, HV_HIGH_START, hv->mem.high_end, XEN_HVM_MEMMAP_TYPE_RAM);
    return 0;
}

static int place_hvm_info(struct build *b)
{
    const struct hv *hv = b->hv;
    struct hvm_info_table *t = mem_ram_ptr(b->hv, HVM_INFO_PADDR, sizeof(*t));
    uint8_t sum = 0;

    if (!t) {
        return fail(b, "--memory: too small for a PC: give the guest more memory");
    }
    memset(t, 0, sizeof(*t));
    memcpy(t->signature, "HVM INFO", sizeof(t->signature));
    t->length = sizeof(*t);
    t->apic_mode = 1;
    t->nr_vcpus = hv->nvcpus;
    t->low_mem_pgend = (uint32_t)(hv->mem.low_end >> PAGE_SHIFT);
    t->reserved_mem_pgstart = BUILDER_PFN_SERVERS;
    t->high_mem_pgend = (uint32_t)(hv->mem.high_end >> PAGE_SHIFT);
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        t->vcpu_online[i / 8] |= (uint8_t)(1u << (i % 8));
    }
    for (unsigned i = 0; i < sizeof(*t); i++) {
        sum = (uint8_t)(sum + ((uint8_t *)t)[i]);
    }
    t->checksum = (uint8_t)-sum;
    return 0;
}

/* Frames that Xen populates; the identity page table is for processors that page in real mode. */
static int place_special(struct build *b)
{
    uint8_t *p = mem_ram_ptr(b->hv, HV_SPECIAL_START, HV_SPECIAL_END - HV_SPECIAL_START);
    uint32_t *pt;

    if (!p) {
        return fail(b, "the special pages at %#llx are not guest memory",
                    (unsigned long long)HV_SPECIAL_START);
    }
    memset(p, 0, HV_SPECIAL_END - HV_SPECIAL_START);
    pt = (uint32_t *)(p + ((uint64_t)BUILDER_PFN_IDENT_PT << PAGE_SHIFT) - HV_SPECIAL_START);
    for (uint32_t i = 0; i < CORE_PAGE / sizeof(*pt); i++) {
        pt[i] = i << IDENT_PT_SHIFT | IDENT_PT_FLAGS;
    }
    return 0;
}

/* --- the first vCPU --- */

static struct kvm_segment flat_segment(uint8_t type)
{
    return (struct kvm_segment){
        .limit = UINT32_MAX, .type = type, .present = 1, .db = 1, .s = 1, .g = 1};
}

/* 32-bit protected mode without paging, all registers but EIP and EBX zero. */
static void start_state(const struct build *b, struct kvm_regs *regs, struct kvm_sregs *sregs)
{
    memset(regs, 0, sizeof(*regs));
    regs->rip = b->image.entry;
    regs->rbx = b->start_info;
    regs->rflags = 2;

    sregs->cr0 = 0x11; /* PE, ET */
    sregs->cr3 = 0;
    sregs->cr4 = 0;
    sregs->efer = 0;
    sregs->cs = flat_segment(0xb);
    sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = flat_segment(0x3);
    sregs->tr = (struct kvm_segment){.limit = 0x67, .type = 0xb, .present = 1};
    memset(&sregs->gdt, 0, sizeof(sregs->gdt));
    memset(&sregs->idt, 0, sizeof(sregs->idt));
}

int builder_build(struct hv *hv, struct kvm_regs *regs, struct kvm_sregs *sregs, char *err,
                  size_t errlen)
{
    struct build b = {.hv = hv, .err = err, .errlen = errlen};
    int rc = 0;

    err[0] = '\0';
    hv->shared_info_gfn = 0;
    param_reset(hv);
    if (hv->cfg.firmware == HV_FIRMWARE_XEN) {
        rc = place_special(&b);
        if (!rc && hv->cfg.loader_fd < 0) {
            rc = fail(&b, "--firmware-mode xen: no loader: give --loader FILE");
        }
    }
    store_reset(hv); /* its page was just zeroed */
    if (rc || hv->cfg.loader_fd < 0) {
        return rc; /* mode qemu: the BIOS runs from the reset vector */
    }
    rc = place_loader(&b);
    rc = rc ? rc : place_hvm_info(&b);
    rc = rc ? rc : place_bios(&b);
    rc = rc ? rc : place_start_info(&b);
    if (!rc) {
        start_state(&b, regs, sregs);
    }
    return rc;
}
