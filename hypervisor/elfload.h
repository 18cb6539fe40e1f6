/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places a 32-bit ELF program in guest memory. Knows neither KVM nor the rest of the core. */
#ifndef CLEAVE_HYPERVISOR_ELFLOAD_H
#define CLEAVE_HYPERVISOR_ELFLOAD_H

#include <stddef.h>
#include <stdint.h>

/* Guest RAM: a host pointer to [gpa, gpa+len), or NULL when any of it is not RAM. */
struct elf_memory {
    void *(*ptr)(void *opaque, uint64_t gpa, uint64_t len);
    void *opaque;
};

/* A range that no segment may touch, and what lies there. */
struct elf_keep_out {
    uint64_t start;
    uint64_t end;
    const char *what;
};

struct elf_image {
    uint32_t entry;
    uint64_t start; /* lowest byte of a segment */
    uint64_t end;   /* first byte after the highest */
};

/*
 * Checks the whole file first, then copies each PT_LOAD segment to its physical address and zeroes
 * the rest of its memory size. `file` is hostile. 0, or -EINVAL with one line (no prefix, no line
 * end) in err: then guest memory is untouched.
 */
int elf_load(const void *file, size_t size, const struct elf_memory *mem,
             const struct elf_keep_out *keep_out, unsigned nkeep_out, struct elf_image *image,
             char *err, size_t errlen);

#endif
