/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domain builder: ELF loader, tables, first vCPU. */
#include <elf.h>

#include "hv-domain.h"

/* xen/hvm/hvm_info_table.h, xen/arch-x86/hvm/start_info.h */
#define SPEC_HVM_INFO    0x9f800
#define SPEC_START_MAGIC 0x336ec578u
#define SPEC_IDENT_PT    0xfeffe000u

#define MAX_PH 4

/* A file built from its parts, so that each test spoils one. */
struct elf_file {
    Elf32_Ehdr eh;
    Elf32_Phdr ph[MAX_PH];
    uint8_t data[0x2000];
};

struct fixture {
    struct domain *d;
    struct elf_file elf;
    size_t size;
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    char err[300];
};

static void set_up(struct fixture *f, gconstpointer data)
{
    memset(f, 0, sizeof(*f));
    f->d = domain_new();
    memcpy(f->elf.eh.e_ident, ELFMAG, SELFMAG);
    f->elf.eh.e_ident[EI_CLASS] = ELFCLASS32;
    f->elf.eh.e_ident[EI_DATA] = ELFDATA2LSB;
    f->elf.eh.e_ident[EI_VERSION] = EV_CURRENT;
    f->elf.eh.e_type = ET_EXEC;
    f->elf.eh.e_machine = EM_386;
    f->elf.eh.e_version = EV_CURRENT;
    f->elf.eh.e_entry = 0x100010;
    f->elf.eh.e_phoff = offsetof(struct elf_file, ph);
    f->elf.eh.e_ehsize = sizeof(Elf32_Ehdr);
    f->elf.eh.e_phentsize = sizeof(Elf32_Phdr);
    f->elf.eh.e_phnum = 1;
    f->elf.ph[0] = (Elf32_Phdr){.p_type = PT_LOAD,
                                .p_offset = offsetof(struct elf_file, data),
                                .p_vaddr = 0x100000,
                                .p_paddr = 0x100000,
                                .p_filesz = 0x1000,
                                .p_memsz = 0x3000,
                                .p_flags = PF_R | PF_W | PF_X};
    for (unsigned i = 0; i < sizeof(f->elf.data); i++) {
        f->elf.data[i] = (uint8_t)(i * 7 + 1);
    }
    f->size = sizeof(f->elf);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    domain_free(f->d);
}

static int build(struct fixture *f)
{
    int rc;

    f->d->hv.cfg.loader_fd = domain_file(&f->elf, f->size);
    rc = builder_build(&f->d->hv, &f->regs, &f->sregs, f->err, sizeof(f->err));
    close(f->d->hv.cfg.loader_fd);
    return rc;
}

/* Refused with a line that has `what` in it, and not a byte of the loader in guest memory. */
static void assert_refused(struct fixture *f, const char *what)
{
    g_assert_cmpint(build(f), ==, -EINVAL);
    g_assert_true(g_str_has_prefix(f->err, "--loader "));
    if (!strstr(f->err, what)) {
        g_test_message("got: %s", f->err);
        g_test_fail();
    }
    g_assert_null(strchr(f->err, '\n'));
    for (unsigned i = HV_VGA_END; i < DOMAIN_RAM; i++) {
        g_assert_cmphex(f->d->ram[i], ==, 0);
    }
}

static void test_good(struct fixture *f, gconstpointer data)
{
    memset(f->d->ram + 0x100000, 0xee, 0x4000);
    g_assert_cmpint(build(f), ==, 0);
    g_assert_cmpmem(f->d->ram + 0x100000, 0x1000, f->elf.data, 0x1000);
    for (unsigned i = 0x101000; i < 0x103000; i++) {
        g_assert_cmphex(f->d->ram[i], ==, 0);
    }
    g_assert_cmphex(f->regs.rip, ==, 0x100010);
    g_assert_cmphex(f->regs.rflags, ==, 2);
    g_assert_cmphex(f->sregs.cr0, ==, 0x11);
    g_assert_cmphex(f->sregs.cs.type, ==, 0xb);
    g_assert_cmphex(f->sregs.cs.limit, ==, 0xffffffff);
    g_assert_cmpuint(f->sregs.cs.db, ==, 1);
    g_assert_cmphex(f->sregs.ds.type, ==, 3);
    g_assert_cmphex(f->sregs.tr.type, ==, 0xb);
    g_assert_cmphex(f->sregs.tr.limit, ==, 0x67);
}

static void test_hvm_info(struct fixture *f, gconstpointer data)
{
    const uint8_t *t = f->d->ram + SPEC_HVM_INFO;
    uint8_t sum = 0;
    uint32_t v[4];

    g_assert_cmpint(build(f), ==, 0);
    g_assert_cmpmem(t, 8, "HVM INFO", 8);
    for (unsigned i = 0; i < 48; i++) {
        sum = (uint8_t)(sum + t[i]);
    }
    g_assert_cmphex(sum, ==, 0);
    memcpy(v, t + 8, 4);
    g_assert_cmpuint(v[0], ==, 48);
    g_assert_cmpuint(t[13], ==, 1);
    memcpy(v, t + 16, 16);
    g_assert_cmpuint(v[0], ==, 3);
    g_assert_cmphex(v[1], ==, DOMAIN_RAM >> 12);
    g_assert_cmphex(v[2], ==, 0xfeff0);
    g_assert_cmphex(v[3], ==, 0);
    g_assert_cmphex(t[32], ==, 7); /* three vCPUs online */
}

static uint64_t read64(const struct fixture *f, uint64_t gpa)
{
    uint64_t v;

    memcpy(&v, f->d->ram + gpa, sizeof(v));
    return v;
}

static void test_start_info(struct fixture *f, gconstpointer data)
{
    static const char bios[70000] = "the firmware";
    uint64_t info, mod;

    f->d->hv.cfg.bios_fd = domain_file(bios, sizeof(bios));
    g_assert_cmpint(build(f), ==, 0);
    close(f->d->hv.cfg.bios_fd);
    info = f->regs.rbx;
    g_assert_cmphex(info, >=, 0x103000);
    g_assert_cmphex((uint32_t)read64(f, info), ==, SPEC_START_MAGIC);
    g_assert_cmphex(read64(f, info + 8) >> 32, ==, 1);
    mod = read64(f, info + 16);
    g_assert_cmphex(read64(f, mod), >=, 0x103000);
    g_assert_cmphex(read64(f, mod) % 4096, ==, 0);
    g_assert_cmpuint(read64(f, mod + 8), ==, sizeof(bios));
    g_assert_cmpstr((char *)f->d->ram + read64(f, mod + 16), ==, "firmware");
    g_assert_cmpmem(f->d->ram + read64(f, mod), sizeof(bios), bios, sizeof(bios));
    g_assert_cmpuint((uint32_t)read64(f, info + 48), ==, 3); /* low, high half, special pages */
    g_assert_cmphex(read64(f, read64(f, info + 40) + 8), ==, 0xa0000);
}

static void test_special_pages(struct fixture *f, gconstpointer data)
{
    const uint32_t *pt = (const uint32_t *)(f->d->special + SPEC_IDENT_PT - HV_SPECIAL_START);

    memset(f->d->special, 0x11, DOMAIN_SPECIAL);
    g_assert_cmpint(build(f), ==, 0);
    for (uint32_t i = 0; i < 1024; i++) {
        g_assert_cmphex(pt[i], ==, i << 22 | 0xe7);
    }
    for (unsigned i = 0; i < 0xc000; i++) { /* all but the store's page, ident_pt, console */
        g_assert_cmphex(f->d->special[i], ==, 0);
    }
    g_assert_cmphex(f->d->hv.params[HVM_PARAM_IDENT_PT], ==, SPEC_IDENT_PT);
    g_assert_cmphex(f->d->hv.params[HVM_PARAM_IOREQ_PFN], ==, 0xfeffd);
    g_assert_cmphex(f->d->hv.params[HVM_PARAM_BUFIOREQ_PFN], ==, 0xfeffb);
}

static void test_again(struct fixture *f, gconstpointer data)
{
    g_assert_cmpint(build(f), ==, 0);
    uint8_t *first = g_memdup2(f->d->ram, DOMAIN_RAM);

    memset(f->d->ram, 0, DOMAIN_RAM);
    f->d->hv.params[34] = 0x1234;
    g_assert_cmpint(build(f), ==, 0);
    g_assert_true(memcmp(first, f->d->ram, DOMAIN_RAM) == 0);
    g_assert_cmphex(f->d->hv.params[34], ==, 0);
    g_free(first);
}

static void test_low_segment(struct fixture *f, gconstpointer data)
{
    f->elf.ph[0].p_paddr = 0x7c00;
    f->elf.eh.e_entry = 0x7c00;
    g_assert_cmpint(build(f), ==, 0);
    g_assert_cmphex(f->regs.rbx, >=, 0x100000); /* start info stays clear of low memory */
}

static void test_truncated(struct fixture *f, gconstpointer data)
{
    f->size = offsetof(struct elf_file, data) + 0xfff;
    assert_refused(f, "truncated");
}

/* Cut anywhere before the end of the segment's bytes: never a crash, never accepted. */
static void test_every_length(struct fixture *f, gconstpointer data)
{
    for (size_t n = 1; n < offsetof(struct elf_file, data) + 0x1000; n += n < 200 ? 1 : 501) {
        f->size = n;
        g_assert_cmpint(build(f), ==, -EINVAL);
        g_assert_cmpuint(strlen(f->err), >, 20);
    }
}

static void test_empty(struct fixture *f, gconstpointer data)
{
    f->size = 0;
    assert_refused(f, "empty");
}

static void test_not_elf(struct fixture *f, gconstpointer data)
{
    memcpy(f->elf.eh.e_ident, "MZ\x90", 4);
    assert_refused(f, "not an ELF");
}

static void test_64_bit(struct fixture *f, gconstpointer data)
{
    Elf64_Ehdr eh = {.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT};

    memcpy(eh.e_ident, f->elf.eh.e_ident, EI_NIDENT);
    eh.e_ident[EI_CLASS] = ELFCLASS64;
    memcpy(&f->elf, &eh, sizeof(eh));
    assert_refused(f, "64-bit");
}

static void test_other_machine(struct fixture *f, gconstpointer data)
{
    f->elf.eh.e_machine = EM_ARM;
    assert_refused(f, "another processor");
}

static void test_not_executable(struct fixture *f, gconstpointer data)
{
    f->elf.eh.e_type = ET_REL;
    assert_refused(f, "not an executable");
}

static void test_overlap(struct fixture *f, gconstpointer data)
{
    f->elf.eh.e_phnum = 2;
    f->elf.ph[1] = f->elf.ph[0];
    f->elf.ph[1].p_paddr = 0x102fff;
    assert_refused(f, "overlap");
}

static void test_neighbours(struct fixture *f, gconstpointer data)
{
    f->elf.eh.e_phnum = 3;
    f->elf.ph[1] = f->elf.ph[0];
    f->elf.ph[1].p_paddr = 0x103000;
    f->elf.ph[2].p_type = PT_NOTE; /* of no interest */
    f->elf.ph[2].p_offset = 0xffffffff;
    g_assert_cmpint(build(f), ==, 0);
    g_assert_cmpmem(f->d->ram + 0x103000, 0x1000, f->elf.data, 0x1000);
}

static void test_outside_ram(struct fixture *f, gconstpointer data)
{
    f->elf.ph[0].p_paddr = DOMAIN_RAM - 0x1000;
    f->elf.eh.e_entry = f->elf.ph[0].p_paddr;
    assert_refused(f, "does not lie in guest memory");
}

static void test_vga_hole(struct fixture *f, gconstpointer data)
{
    f->elf.ph[0].p_paddr = 0x9e000;
    f->elf.ph[0].p_memsz = 0x40000;
    f->elf.eh.e_entry = 0x9e000;
    assert_refused(f, "overlaps the hvm_info table");
    f->elf.ph[0].p_paddr = 0xa0000;
    assert_refused(f, "does not lie in guest memory");
}

static void test_special_overlap(struct fixture *f, gconstpointer data)
{
    f->elf.ph[0].p_paddr = 0xfeffc000;
    assert_refused(f, "overlaps the special pages");
}

static void test_huge_sizes(struct fixture *f, gconstpointer data)
{
    Elf32_Phdr good = f->elf.ph[0];

    f->elf.ph[0].p_filesz = 0xfffffff0;
    assert_refused(f, "more bytes in the file");
    f->elf.ph[0].p_memsz = 0xfffffff8;
    assert_refused(f, "truncated");
    f->elf.ph[0] = good;
    f->elf.ph[0].p_offset = 0xfffff000;
    assert_refused(f, "truncated");
    f->elf.ph[0] = good;
    f->elf.ph[0].p_memsz = 0xffffffff;
    assert_refused(f, "beyond 4 GiB");
    f->elf.ph[0].p_memsz = 0xefe00000;
    assert_refused(f, "does not lie in guest memory");
}

static void test_headers(struct fixture *f, gconstpointer data)
{
    f->elf.eh.e_phoff = 0xfffffff0;
    assert_refused(f, "program headers");
    f->elf.eh.e_phoff = offsetof(struct elf_file, ph);
    f->elf.eh.e_phnum = 0xffff;
    assert_refused(f, "program headers");
    f->elf.eh.e_phnum = 0;
    assert_refused(f, "program headers");
    f->elf.eh.e_phnum = 200; /* inside the file, nonsense */
    f->elf.eh.e_phentsize = 64;
    assert_refused(f, "program headers");
}

static void test_entry(struct fixture *f, gconstpointer data)
{
    f->elf.eh.e_entry = 0x103000;
    assert_refused(f, "entry point");
    f->elf.ph[0].p_type = PT_NULL;
    assert_refused(f, "entry point");
}

static void test_no_loader(struct fixture *f, gconstpointer data)
{
    f->d->hv.cfg.loader_fd = -1;
    g_assert_cmpint(builder_build(&f->d->hv, &f->regs, &f->sregs, f->err, sizeof(f->err)), ==,
                    -EINVAL);
    g_assert_nonnull(strstr(f->err, "--loader"));
    f->d->hv.cfg.firmware = HV_FIRMWARE_QEMU;
    f->regs.rip = 0xfff0;
    g_assert_cmpint(builder_build(&f->d->hv, &f->regs, &f->sregs, f->err, sizeof(f->err)), ==, 0);
    g_assert_cmphex(f->regs.rip, ==, 0xfff0); /* the reset vector is left alone */
}

static void test_flat(struct fixture *f, gconstpointer data)
{
    f->d->hv.cfg.raw_loader = true;
    g_assert_cmpint(build(f), ==, 0);
    g_assert_cmphex(f->regs.rip, ==, 0x100000);
    g_assert_cmpmem(f->d->ram + 0x100000, sizeof(f->elf), &f->elf, sizeof(f->elf));
}

#define ADD(name, func) g_test_add("/builder/" name, struct fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("good", test_good);
    ADD("hvm-info", test_hvm_info);
    ADD("start-info", test_start_info);
    ADD("special-pages", test_special_pages);
    ADD("again", test_again);
    ADD("low-segment", test_low_segment);
    ADD("truncated", test_truncated);
    ADD("every-length", test_every_length);
    ADD("empty", test_empty);
    ADD("not-elf", test_not_elf);
    ADD("64-bit", test_64_bit);
    ADD("other-machine", test_other_machine);
    ADD("not-executable", test_not_executable);
    ADD("overlap", test_overlap);
    ADD("neighbours", test_neighbours);
    ADD("outside-ram", test_outside_ram);
    ADD("vga-hole", test_vga_hole);
    ADD("special-overlap", test_special_overlap);
    ADD("huge-sizes", test_huge_sizes);
    ADD("headers", test_headers);
    ADD("entry", test_entry);
    ADD("no-loader", test_no_loader);
    ADD("flat", test_flat);
    return g_test_run();
}
