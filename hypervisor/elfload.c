/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF reader of the domain builder. System V ABI, i386 supplement; headers by libelf.
 *
 * Not done: relocation, section headers, notes. A file with a doubtful header is refused, never
 * loaded in part.
 */
#include "elfload.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_SEGMENTS 64u
#define PHYS_LIMIT   0x100000000ull

struct segment {
    uint64_t offset;
    uint64_t filesz;
    uint64_t paddr;
    uint64_t memsz;
    void *host;
};

struct loader {
    const uint8_t *file;
    size_t size;
    const struct elf_memory *mem;
    const struct elf_keep_out *keep_out;
    unsigned nkeep_out;
    unsigned n;
    struct segment seg[MAX_SEGMENTS];
    char *err;
    size_t errlen;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct loader *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(l->err, l->errlen, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

static bool ranges_overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    return a < b + blen && b < a + alen;
}

static int segment_check(struct loader *l, const struct segment *s)
{
    if (s->filesz > s->memsz) {
        return refuse(l, "segment at %#llx has more bytes in the file than in memory",
                      (unsigned long long)s->paddr);
    }
    if (s->offset > l->size || s->filesz > l->size - s->offset) {
        return refuse(l, "segment at %#llx reaches beyond the end of the file: it is truncated",
                      (unsigned long long)s->paddr);
    }
    if (s->paddr + s->memsz > PHYS_LIMIT) {
        return refuse(l, "segment at %#llx reaches beyond 4 GiB", (unsigned long long)s->paddr);
    }
    for (unsigned i = 0; i < l->n; i++) {
        if (ranges_overlap(s->paddr, s->memsz, l->seg[i].paddr, l->seg[i].memsz)) {
            return refuse(l, "segments at %#llx and %#llx overlap",
                          (unsigned long long)l->seg[i].paddr, (unsigned long long)s->paddr);
        }
    }
    for (unsigned i = 0; i < l->nkeep_out; i++) {
        const struct elf_keep_out *k = &l->keep_out[i];

        if (ranges_overlap(s->paddr, s->memsz, k->start, k->end - k->start)) {
            return refuse(l, "segment at %#llx overlaps %s at %#llx", (unsigned long long)s->paddr,
                          k->what, (unsigned long long)k->start);
        }
    }
    return 0;
}

static int segment_add(struct loader *l, const Elf32_Phdr *ph)
{
    struct segment s = {ph->p_offset, ph->p_filesz, ph->p_paddr, ph->p_memsz, NULL};
    int rc;

    if (ph->p_type != PT_LOAD || ph->p_memsz == 0) {
        return 0;
    }
    if (l->n == MAX_SEGMENTS) {
        return refuse(l, "more than %u segments", MAX_SEGMENTS);
    }
    rc = segment_check(l, &s);
    if (rc) {
        return rc;
    }
    s.host = l->mem->ptr(l->mem->opaque, s.paddr, s.memsz);
    if (!s.host) {
        return refuse(l,
                      "segment at %#llx, %llu bytes, does not lie in guest memory: link it for "
                      "another address or raise --memory",
                      (unsigned long long)s.paddr, (unsigned long long)s.memsz);
    }
    l->seg[l->n++] = s;
    return 0;
}

static int header_check(struct loader *l, Elf *elf, const Elf32_Ehdr *eh)
{
    if (elf_kind(elf) != ELF_K_ELF) {
        return refuse(l, "not an ELF file: give a 32-bit x86 ELF program");
    }
    if (gelf_getclass(elf) != ELFCLASS32) {
        return refuse(l, "a 64-bit ELF file: build the program for 32 bits (gcc -m32)");
    }
    if (!eh || eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_386) {
        return refuse(l, "an ELF file for another processor: build the program for i386");
    }
    if (eh->e_type != ET_EXEC) {
        return refuse(l, "not an executable ELF file: link it (static, not position independent)");
    }
    if (eh->e_phnum == 0 || eh->e_phnum == PN_XNUM || eh->e_phentsize != sizeof(Elf32_Phdr) ||
        eh->e_phoff > l->size ||
        (uint64_t)eh->e_phnum * sizeof(Elf32_Phdr) > l->size - eh->e_phoff) {
        return refuse(l, "program headers are missing or beyond the end of the file");
    }
    return 0;
}

static int segments_read(struct loader *l, Elf *elf, uint32_t entry)
{
    Elf32_Ehdr *eh = elf32_getehdr(elf);
    Elf32_Phdr *ph = elf32_getphdr(elf);

    if (!ph) {
        return refuse(l, "program headers are unreadable: %s", elf_errmsg(-1));
    }
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        int rc = segment_add(l, &ph[i]);

        if (rc) {
            return rc;
        }
    }
    for (unsigned i = 0; i < l->n; i++) {
        if (entry >= l->seg[i].paddr && entry - l->seg[i].paddr < l->seg[i].memsz) {
            return 0;
        }
    }
    return refuse(l, "entry point %#x lies in no segment (it must be a physical address)", entry);
}

static void segments_copy(const struct loader *l, struct elf_image *image)
{
    image->start = PHYS_LIMIT;
    image->end = 0;
    for (unsigned i = 0; i < l->n; i++) {
        const struct segment *s = &l->seg[i];

        memcpy(s->host, l->file + s->offset, s->filesz);
        memset((uint8_t *)s->host + s->filesz, 0, s->memsz - s->filesz);
        image->start = s->paddr < image->start ? s->paddr : image->start;
        image->end = s->paddr + s->memsz > image->end ? s->paddr + s->memsz : image->end;
    }
}

int elf_load(const void *file, size_t size, const struct elf_memory *mem,
             const struct elf_keep_out *keep_out, unsigned nkeep_out, struct elf_image *image,
             char *err, size_t errlen)
{
    struct loader l = {.file = file,
                       .size = size,
                       .mem = mem,
                       .keep_out = keep_out,
                       .nkeep_out = nkeep_out,
                       .err = err,
                       .errlen = errlen};
    Elf *elf;
    Elf32_Ehdr *eh;
    int rc;

    elf_version(EV_CURRENT);
    elf = elf_memory((char *)(uintptr_t)file, size); /* read only: libelf does not write to it */
    if (!elf) {
        return refuse(&l, "not an ELF file: give a 32-bit x86 ELF program");
    }
    eh = elf32_getehdr(elf);
    rc = header_check(&l, elf, eh);
    if (!rc) {
        image->entry = eh->e_entry;
        rc = segments_read(&l, elf, eh->e_entry);
    }
    if (!rc) {
        segments_copy(&l, image);
    }
    elf_end(elf);
    return rc;
}
