/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: RAM in memfds, objects of the device model, the memory map and its KVM slots.
 * Included by hv.h.
 */
#ifndef CLEAVE_HYPERVISOR_MEM_H
#define CLEAVE_HYPERVISOR_MEM_H

#define MEM_MAX_SLOTS  MEMMAP_MAX_FLAT
#define MEM_MAX_PIECES 32u /* mappings of the device model */

/* Guest RAM at [gpa, gpa+len), in this process at host. */
struct mem_ram {
    uint64_t gpa;
    uint64_t len;
    uint64_t offset; /* in fd */
    uint8_t *host;
    int fd;
    uint32_t page_shift;
};

/* A KVM memory slot as the kernel knows it; len 0: free. */
struct mem_slot {
    uint64_t gpa;
    uint64_t len;
    uint64_t offset;
    uint32_t object;
    uint32_t flags; /* KVM_MEM_* */
};

struct hv_mem {
    pthread_mutex_t lock;
    unsigned nram;
    struct mem_ram ram[HV_MAX_RAM];
    uint64_t low_end;  /* end of RAM below 4 GiB */
    uint64_t high_end; /* end of RAM above 4 GiB, 0 when none */
    struct memmap map;
    unsigned nbase;
    struct mem_area base[HV_MAX_RAM * 2];
    struct mem_area piece[MEM_MAX_PIECES]; /* CORE_OP_MAP; enabled = in use */
    struct {
        uint8_t *host;
        uint64_t size;
        bool writable;
    } object[MEM_MAX_OBJECTS];
    struct mem_slot slot[MEM_MAX_SLOTS];
    uint8_t *dirty[MEM_MAX_SLOTS]; /* logged slots: pages not yet told to the device model */
};

struct hv;

/* RAM for the configured size; dies with one line when the host has too little. */
void mem_create(struct hv *hv);
/* RAM zeroed. The device model's pieces stay: its own reset moves them. */
void mem_reset(struct hv *hv);

/* A host pointer to guest RAM (never ROM, video memory or registers) at [gpa, gpa+len), wholly
 * inside one RAM piece; NULL otherwise. Valid for the guest's life. */
void *mem_ram_ptr(struct hv *hv, uint64_t gpa, uint64_t len);

/* What the guest sees at gpa, within one page: a host pointer, NULL for registers and, when it is
 * to be written, ROM. */
uint8_t *mem_seen(struct hv *hv, uint64_t gpa, bool write);
/* Whether the guest sees plain RAM there, at its own address: what a device model can reach. */
bool mem_is_ram(struct hv *hv, uint64_t gpa, uint64_t len);

/* Control operations; 0 or -errno. mem_add_object takes over fd on success. */
int mem_add_object(struct hv *hv, const struct core_object *o, int fd);
int mem_map(struct hv *hv, const struct core_map *m);
int mem_unmap(struct hv *hv, const struct core_map *m);
/* Dirty bits of a logged slot into `bitmap` (room for 4096 bytes); *len is what was filled. */
int mem_get_dirty(struct hv *hv, const struct core_vram_log *l, uint8_t *bitmap, size_t *len);

/*
 * Slot diffing (no KVM in it): `want` from the resolved map, each piece split at `cut` (sorted
 * guest physical addresses). Returns how many.
 */
unsigned mem_slots_wanted(const struct memmap *map, const uint64_t *cut, unsigned ncut,
                          struct mem_slot *want, unsigned max);
bool mem_slot_listed(const struct mem_slot *list, unsigned n, const struct mem_slot *s);

#endif
