/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest RAM, the device model's memory objects, and the KVM memory slots that show both. */
#include "hv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define MIB          (1ull << 20)
#define GIB          (1ull << 30)
#define MAX_OBJECT   GIB
#define HOST_RESERVE (64 * MIB) /* what the processes themselves may need */
#define DIRTY_MAX    (4096u * 8u)

/* RAM from 1 MiB up is seen whatever a guest programs into a BAR, as behind a real host bridge. */
enum { PRIO_LOW_RAM, PRIO_PIECE, PRIO_RAM };

/* Slots begin and end here whatever is mapped, so that a change below 1 MiB or of a shadow leaves
 * the large slots alone. */
static const uint64_t fixed_cuts[] = {HV_VGA_START, HV_VGA_END, MIB};

/* --- guest RAM --- */

static uint64_t meminfo_kib(const char *key)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/meminfo", "re");

    if (!f) {
        return UINT64_MAX / 1024;
    }
    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            sscanf(line + strlen(key), ": %llu", &kib);
            break;
        }
    }
    fclose(f);
    return kib;
}

/* Pages of 4 KiB are taken as the guest touches them: without this a guest that the host cannot
 * feed would be killed in the middle of its work. */
static void check_host_memory(uint64_t need)
{
    uint64_t have = meminfo_kib("MemAvailable") * 1024;

    if (need + HOST_RESERVE > have) {
        die("--memory %llu: the host has only %llu MiB free: give the guest less memory, or "
            "free some",
            need / MIB, have / MIB);
    }
}

/* A mapping whose address agrees with `align` (a power of two). */
static uint8_t *map_aligned(int fd, uint64_t len, uint64_t align)
{
    uint8_t *area =
        mmap(NULL, len + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (area == MAP_FAILED) {
        return NULL;
    }
    uint8_t *at = (uint8_t *)(((uintptr_t)area + align - 1) & ~(uintptr_t)(align - 1));
    void *p = mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);

    if (p == MAP_FAILED) {
        munmap(area, len + align);
        return NULL;
    }
    if (at > area) {
        munmap(area, (size_t)(at - area));
    }
    munmap(at + len, (size_t)(area + align - at));
    return at;
}

/* A memfd of pages of 1 << shift bytes. False when the host does not have them. */
static bool ram_allocate(struct mem_ram *r, uint64_t gpa, uint64_t len, uint32_t shift)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    uint64_t align = shift == 30 ? GIB : 2 * MIB;

    if (shift > 12) {
        flags |= MFD_HUGETLB | (shift << MFD_HUGE_SHIFT);
    }
    int fd = memfd_create("guest-ram", flags);

    if (fd < 0) {
        return false;
    }
    if (ftruncate(fd, (off_t)len) < 0) {
        close(fd);
        return false;
    }
    uint8_t *host = map_aligned(fd, len, align);

    if (!host) {
        close(fd);
        return false;
    }
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    madvise(host, len, MADV_DONTDUMP);
    if (shift == 12) {
        madvise(host, len, MADV_HUGEPAGE); /* a host that offers them to shared memory may */
    }
    *r = (struct mem_ram){.gpa = gpa, .len = len, .host = host, .fd = fd, .page_shift = shift};
    return true;
}

static void ram_add(struct hv_mem *m, uint64_t gpa, uint64_t len, uint32_t shift)
{
    if (!ram_allocate(&m->ram[m->nram], gpa, len, shift)) {
        die("--memory: cannot map %llu MiB of guest memory: %s", len / MIB, strerror(errno));
    }
    log_info("RAM %09" PRIx64 "-%09" PRIx64 ": pages of %u KiB", gpa, gpa + len - 1,
             1u << (shift - 10));
    m->nram++;
}

/* The largest pages first, each size for as much as is whole; what is left goes to the next. */
static uint64_t ram_add_range(struct hv_mem *m, uint64_t gpa, uint64_t len)
{
    static const uint32_t shifts[] = {30, 21};

    for (unsigned i = 0; i < 2; i++) {
        uint64_t page = 1ull << shifts[i];
        uint64_t part = len & ~(page - 1);

        if (part && !(gpa & (page - 1)) && ram_allocate(&m->ram[m->nram], gpa, part, shifts[i])) {
            log_info("RAM %09" PRIx64 "-%09" PRIx64 ": pages of %u MiB", gpa, gpa + part - 1,
                     1u << (shifts[i] - 20));
            m->nram++;
            gpa += part;
            len -= part;
        }
    }
    if (len) {
        ram_add(m, gpa, len, 12);
    }
    return len;
}

void *mem_ram_ptr(struct hv *hv, uint64_t gpa, uint64_t len)
{
    for (unsigned i = 0; i < hv->mem.nram; i++) {
        const struct mem_ram *r = &hv->mem.ram[i];
        uint64_t off = gpa - r->gpa;

        if (gpa < r->gpa || off >= r->len || len > r->len - off) {
            continue;
        }
        if (r->gpa == 0 && gpa < HV_VGA_END && gpa + len > HV_VGA_START) {
            return NULL;
        }
        return r->host + off;
    }
    return NULL;
}

/* --- slots --- */

static uint8_t *object_host(struct hv *hv, uint32_t object, uint64_t offset, uint64_t len)
{
    if (object == MEM_OBJECT_RAM) {
        return mem_ram_ptr(hv, offset, len);
    }
    return hv->mem.object[object].host + offset;
}

static int slot_set(struct hv *hv, unsigned id, const struct mem_slot *s)
{
    struct kvm_userspace_memory_region r = {
        .slot = id, .flags = s->flags, .guest_phys_addr = s->gpa, .memory_size = s->len};

    if (s->len) {
        r.userspace_addr = (uintptr_t)object_host(hv, s->object, s->offset, s->len);
        if (!r.userspace_addr) {
            return -EINVAL;
        }
    }
    return ioctl(hv->vm_fd, KVM_SET_USER_MEMORY_REGION, &r) < 0 ? -errno : 0;
}

static void slot_delete(struct hv *hv, unsigned id)
{
    struct mem_slot *s = &hv->mem.slot[id];
    struct mem_slot none = {.gpa = s->gpa};

    slot_set(hv, id, &none);
    *s = (struct mem_slot){0};
    free(hv->mem.dirty[id]);
    hv->mem.dirty[id] = NULL;
}

static int slot_create(struct hv *hv, const struct mem_slot *s)
{
    for (unsigned id = 0; id < MEM_MAX_SLOTS; id++) {
        if (hv->mem.slot[id].len) {
            continue;
        }
        uint8_t *dirty = NULL;

        if (s->flags & KVM_MEM_LOG_DIRTY_PAGES) {
            dirty = calloc((size_t)(s->len / CORE_PAGE / 64 + 1), sizeof(uint64_t));
            if (!dirty) {
                return -ENOMEM;
            }
        }
        int err = slot_set(hv, id, s);

        if (err) {
            free(dirty);
        } else {
            hv->mem.slot[id] = *s;
            hv->mem.dirty[id] = dirty;
        }
        return err;
    }
    return -ENOSPC;
}

/* Makes KVM's slots show the map; called with the lock held. */
static int slots_commit(struct hv *hv)
{
    struct hv_mem *m = &hv->mem;
    struct mem_slot want[MEM_MAX_SLOTS];
    uint64_t cuts[3 + HV_MAX_RAM];
    unsigned ncuts = 3;
    int err = 0;

    memcpy(cuts, fixed_cuts, sizeof(fixed_cuts));
    for (unsigned i = 0; i < m->nram; i++) {
        cuts[ncuts++] = m->ram[i].gpa; /* mem_create adds them in rising order */
    }
    memmap_commit(&m->map);
    unsigned n = mem_slots_wanted(&m->map, cuts, ncuts, want, MEM_MAX_SLOTS);

    for (unsigned id = 0; id < MEM_MAX_SLOTS; id++) {
        if (m->slot[id].len && !mem_slot_listed(want, n, &m->slot[id])) {
            slot_delete(hv, id);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!mem_slot_listed(m->slot, MEM_MAX_SLOTS, &want[i])) {
            int e = slot_create(hv, &want[i]);
            err = err ? err : e;
        }
    }
    return err;
}

uint8_t *mem_seen(struct hv *hv, uint64_t gpa, bool write)
{
    uint8_t *host = NULL;

    pthread_mutex_lock(&hv->mem.lock);
    const struct mem_flat *f = memmap_find(&hv->mem.map, gpa);
    if (f && (!write || f->kind == MEM_RAM)) {
        host = object_host(hv, f->object, f->offset + (gpa - f->gpa), 1);
    }
    pthread_mutex_unlock(&hv->mem.lock);
    return host;
}

bool mem_is_ram(struct hv *hv, uint64_t gpa, uint64_t len)
{
    pthread_mutex_lock(&hv->mem.lock);
    const struct mem_flat *f = memmap_find(&hv->mem.map, gpa);
    bool ram = f && f->kind == MEM_RAM && f->object == MEM_OBJECT_RAM && f->offset == f->gpa &&
               len <= f->len - (gpa - f->gpa);
    pthread_mutex_unlock(&hv->mem.lock);
    return ram && mem_ram_ptr(hv, gpa, len);
}

static void base_add(struct hv_mem *m, uint64_t gpa, uint64_t end)
{
    struct mem_area *a = &m->base[m->nbase++];

    *a = (struct mem_area){.name = "ram",
                           .gpa = gpa,
                           .len = end - gpa,
                           .offset = gpa,
                           .object = MEM_OBJECT_RAM,
                           .kind = MEM_RAM,
                           .priority = gpa < MIB ? PRIO_LOW_RAM : PRIO_RAM,
                           .enabled = true};
    memmap_add(&m->map, a);
}

static void base_add_ram(struct hv_mem *m, const struct mem_ram *r)
{
    uint64_t end = r->gpa + r->len;

    if (r->gpa != 0) {
        base_add(m, r->gpa, end);
        return;
    }
    base_add(m, 0, HV_VGA_START);
    base_add(m, HV_VGA_END, MIB);
    if (end > MIB) {
        base_add(m, MIB, end);
    }
}

void mem_create(struct hv *hv)
{
    struct hv_mem *m = &hv->mem;
    uint64_t size = hv->cfg.memory;
    uint64_t low = size < HV_HOLE_START ? size : HV_HOLE_START;
    uint64_t small;

    pthread_mutex_init(&m->lock, NULL);
    memmap_init(&m->map);
    m->low_end = low;
    m->high_end = size > low ? HV_HIGH_START + size - low : 0;
    small = ram_add_range(m, 0, low);
    if (hv->cfg.firmware == HV_FIRMWARE_XEN) {
        ram_add(m, HV_LOADER_START, HV_LOADER_END - HV_LOADER_START, 12);
        ram_add(m, HV_SPECIAL_START, HV_SPECIAL_END - HV_SPECIAL_START, 12);
    }
    if (m->high_end) {
        small += ram_add_range(m, HV_HIGH_START, m->high_end - HV_HIGH_START);
    }
    check_host_memory(small);
    for (unsigned i = 0; i < m->nram; i++) {
        base_add_ram(m, &m->ram[i]);
    }
    for (unsigned i = 0; i < MEM_MAX_PIECES; i++) {
        m->piece[i].priority = PRIO_PIECE;
        memmap_add(&m->map, &m->piece[i]);
    }
    int err = slots_commit(hv);
    if (err) {
        die("--memory %llu: the kernel refused the guest's memory slots: %s", size / MIB,
            strerror(-err));
    }
}

void mem_reset(struct hv *hv)
{
    struct hv_mem *m = &hv->mem;

    for (unsigned i = 0; i < m->nram; i++) {
        struct mem_ram *r = &m->ram[i];

        if (r->page_shift != 12 || madvise(r->host, r->len, MADV_REMOVE) < 0) {
            memset(r->host, 0, r->len);
        }
    }
}

/* --- the device model's requests --- */

int mem_add_object(struct hv *hv, const struct core_object *o, int fd)
{
    struct hv_mem *m = &hv->mem;
    struct stat st;
    bool writable = true;

    if (o->object == 0 || o->object >= MEM_MAX_OBJECTS || o->size == 0 || o->size > MAX_OBJECT ||
        (o->size & (CORE_PAGE - 1))) {
        return -EINVAL;
    }
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 ||
        (uint64_t)st.st_size < o->size) {
        return -EBADF;
    }
    void *host = mmap(NULL, o->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (host == MAP_FAILED) {
        writable = false;
        host = mmap(NULL, o->size, PROT_READ, MAP_SHARED, fd, 0);
    }
    if (host == MAP_FAILED) {
        return -errno;
    }
    pthread_mutex_lock(&m->lock);
    if (m->object[o->object].host) {
        pthread_mutex_unlock(&m->lock);
        munmap(host, o->size);
        return -EEXIST;
    }
    m->object[o->object].host = host;
    m->object[o->object].size = o->size;
    m->object[o->object].writable = writable;
    memmap_set_object(&m->map, o->object, host, o->size);
    pthread_mutex_unlock(&m->lock);
    close(fd);
    return 0;
}

static bool map_valid(struct hv *hv, const struct core_map *c)
{
    uint64_t mask = CORE_PAGE - 1;
    uint64_t limit = 1ull << 46;

    if (c->reserved || c->kind > MEM_HOLE || c->log_dirty > 1 || c->object >= MEM_MAX_OBJECTS) {
        return false;
    }
    if (c->len == 0 || ((c->gpa | c->len | c->offset) & mask) || c->gpa >= limit ||
        c->len > limit - c->gpa) {
        return false;
    }
    if (c->kind == MEM_HOLE) {
        return true;
    }
    if (c->object == MEM_OBJECT_RAM) {
        return mem_ram_ptr(hv, c->offset, c->len) != NULL;
    }
    uint64_t size = hv->mem.object[c->object].size;

    return c->offset <= size && c->len <= size - c->offset &&
           (c->kind == MEM_ROM || hv->mem.object[c->object].writable);
}

static bool piece_is(const struct mem_area *a, const struct core_map *c)
{
    return a->enabled && a->gpa == c->gpa && a->len == c->len && a->offset == c->offset &&
           a->object == c->object && a->kind == c->kind && a->log_dirty == c->log_dirty;
}

static struct mem_area *piece_find(struct hv_mem *m, const struct core_map *c)
{
    for (unsigned i = 0; i < MEM_MAX_PIECES; i++) {
        if (piece_is(&m->piece[i], c)) {
            return &m->piece[i];
        }
    }
    return NULL;
}

static struct mem_area *piece_free(struct hv_mem *m)
{
    for (unsigned i = 0; i < MEM_MAX_PIECES; i++) {
        if (!m->piece[i].enabled) {
            return &m->piece[i];
        }
    }
    return NULL;
}

static int piece_add(struct hv *hv, const struct core_map *c)
{
    struct mem_area *a = piece_free(&hv->mem);

    if (!map_valid(hv, c)) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < MEM_MAX_PIECES; i++) {
        const struct mem_area *b = &hv->mem.piece[i];

        if (b->enabled && c->gpa < b->gpa + b->len && b->gpa < c->gpa + c->len) {
            return -EEXIST;
        }
    }
    if (!a) {
        return -ENOSPC;
    }
    a->name = "piece";
    a->gpa = c->gpa;
    a->len = c->len;
    a->offset = c->offset;
    a->object = c->object;
    a->kind = c->kind;
    a->log_dirty = c->log_dirty;
    a->enabled = true;
    int err = slots_commit(hv);
    if (err) {
        a->enabled = false;
        slots_commit(hv);
    }
    return err;
}

int mem_map(struct hv *hv, const struct core_map *c)
{
    pthread_mutex_lock(&hv->mem.lock);
    int err = piece_add(hv, c);
    pthread_mutex_unlock(&hv->mem.lock);
    return err;
}

int mem_unmap(struct hv *hv, const struct core_map *c)
{
    int err = -ENOENT;

    pthread_mutex_lock(&hv->mem.lock);
    struct mem_area *a = piece_find(&hv->mem, c);
    if (a) {
        a->enabled = false;
        err = slots_commit(hv);
    }
    pthread_mutex_unlock(&hv->mem.lock);
    return err;
}

/* --- dirty pages --- */

static int slot_collect_dirty(struct hv *hv, unsigned id)
{
    struct mem_slot *s = &hv->mem.slot[id];
    size_t words = s->len / CORE_PAGE / 64 + 1;
    uint64_t *fresh = calloc(words, 8);
    struct kvm_dirty_log log = {.slot = id, .dirty_bitmap = fresh};
    int err = 0;

    if (!fresh) {
        return -ENOMEM;
    }
    if (ioctl(hv->vm_fd, KVM_GET_DIRTY_LOG, &log) < 0) {
        err = -errno;
    }
    for (size_t i = 0; !err && i < words; i++) {
        ((uint64_t *)hv->mem.dirty[id])[i] |= fresh[i];
    }
    free(fresh);
    return err;
}

static void dirty_take(uint8_t *from, uint64_t first, uint64_t pages, uint8_t *to)
{
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t p = first + i;

        if (from[p / 8] & (1u << (p % 8))) {
            to[i / 8] |= (uint8_t)(1u << (i % 8));
            from[p / 8] &= (uint8_t) ~(1u << (p % 8));
        }
    }
}

static int get_dirty_locked(struct hv *hv, const struct core_vram_log *l, uint8_t *bitmap)
{
    for (unsigned id = 0; id < MEM_MAX_SLOTS; id++) {
        const struct mem_slot *s = &hv->mem.slot[id];
        uint64_t pages = s->len / CORE_PAGE;

        if (s->gpa != l->gpa || !hv->mem.dirty[id]) {
            continue;
        }
        if (l->first > pages || l->pages > pages - l->first) {
            return -EINVAL;
        }
        int err = slot_collect_dirty(hv, id);

        if (!err) {
            dirty_take(hv->mem.dirty[id], l->first, l->pages, bitmap);
        }
        return err;
    }
    return -ENOENT;
}

int mem_get_dirty(struct hv *hv, const struct core_vram_log *l, uint8_t *bitmap, size_t *len)
{
    if (l->pages == 0 || l->pages > DIRTY_MAX) {
        return -EINVAL;
    }
    *len = (size_t)(l->pages + 7) / 8;
    memset(bitmap, 0, *len);
    pthread_mutex_lock(&hv->mem.lock);
    int err = get_dirty_locked(hv, l, bitmap);
    pthread_mutex_unlock(&hv->mem.lock);
    return err;
}
