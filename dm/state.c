/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/save.h"
#include "log.h"
#include "machine.h"

#define STREAM_MAX (4u << 20) /* many times what a machine has */
#define GFN_MAX    (1ull << 36)

/* What a machine takes along beside its devices. */
struct beside {
    uint64_t guest_ns; /* the guest clock */
    uint64_t vram_gfn; /* where the guest has its video memory; 0: elsewhere or nowhere */
};

/* What must be the same on both sides, beside what the devices' list says by itself. */
static void machine_name(const struct machine *m, char *name)
{
    const struct dm_options *o = m->o;

    snprintf(name, SAVE_MAX_NAME + 1, "cleave-1,m=%u,vcpus=%u,vga=%u,platform=%u,acpi=%u",
             o->memory_mib, o->max_vcpus, o->vga == DM_VGA_STD ? o->vgamem_mib : 0u,
             o->xen_platform, !o->no_acpi);
}

static struct save_image image(struct machine *m, const char *name, const struct save_blob *blobs)
{
    return (struct save_image){.arena = &m->pc.arena, .machine = name, .blobs = blobs, .nblobs = 1};
}

static bool write_all(int fd, const uint8_t *buf, uint64_t len, char *err, size_t size)
{
    while (len) {
        ssize_t n = write(fd, buf, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            snprintf(err, size, "cannot write the state: %s", strerror(n < 0 ? errno : EIO));
            return false;
        }
        buf += n;
        len -= (uint64_t)n;
    }
    return true;
}

bool state_save(struct machine *m, int fd, char *err, size_t size)
{
    struct beside beside = {.guest_ns = clock_now(&m->pc.clock)};
    const struct save_blob blob = {"beside", &beside, sizeof(beside)};
    char name[SAVE_MAX_NAME + 1];
    struct save_image img = image(m, name, &blob);

    machine_name(m, name);
    m->t->ops->flush_posted(m->t);
    beside.vram_gfn = m->world->vram_gfn ? m->world->vram_gfn(m) : 0;
    uint64_t len = save_size(&img);
    uint8_t *buf = malloc(len);
    int rc = buf ? save_write(&img, buf, len) : -ENOMEM;
    bool good = false;

    if (rc) {
        snprintf(err, size, "cannot write the state: %s", strerror(-rc));
    } else {
        good = write_all(fd, buf, len, err, size);
    }
    free(buf);
    return good;
}

/* To the end, and no further than STREAM_MAX. 0 in *len with a line in `err`. */
static uint8_t *read_all(int fd, uint64_t *len, char *err, size_t size)
{
    uint8_t *buf = malloc(STREAM_MAX);
    ssize_t n = buf ? 1 : -1;

    *len = 0;
    while (n > 0 && *len < STREAM_MAX) {
        do {
            n = read(fd, buf + *len, STREAM_MAX - *len);
        } while (n < 0 && errno == EINTR);
        *len += n > 0 ? (uint64_t)n : 0;
    }
    if (n == 0) {
        return buf;
    }
    snprintf(err, size, "cannot read the saved state: %s",
             n < 0 ? strerror(buf ? errno : ENOMEM) : "it is too large");
    free(buf);
    return NULL;
}

/* The devices' state is in the arena: what else there is, and then life for all of it. */
static bool state_resume(struct machine *m, const struct beside *b, char *err, size_t size)
{
    if (m->world->vram_attach && m->o->vga == DM_VGA_STD) {
        int rc = b->vram_gfn == 0 || b->vram_gfn >= GFN_MAX ? -EINVAL
                                                            : m->world->vram_attach(m, b->vram_gfn);

        if (rc) {
            snprintf(err, size, "the saved state's video memory at frame %#llx: %s",
                     (unsigned long long)b->vram_gfn, strerror(-rc));
            return false;
        }
    }
    loop_set_guest_time(m->loop, b->guest_ns); /* whichever of both clocks it is */
    m->alone.now = b->guest_ns;
    pc_resume(&m->pc);
    m->started = true; /* "paused", no longer "prelaunch" */
    return true;
}

bool state_load(struct machine *m, int fd, char *err, size_t size)
{
    struct beside beside = {0};
    const struct save_blob blob = {"beside", &beside, sizeof(beside)};
    char name[SAVE_MAX_NAME + 1];
    char why[192];
    struct save_image img = image(m, name, &blob);
    uint64_t len;
    uint8_t *buf = read_all(fd, &len, err, size);
    void *scratch = buf ? aligned_alloc(4096, (m->pc.arena.used + 4095) & ~(size_t)4095) : NULL;

    machine_name(m, name);
    if (!buf) {
        return false;
    }
    int rc = scratch ? save_read(&img, buf, len, scratch, why, sizeof(why)) : -ENOMEM;
    free(scratch);
    free(buf);
    if (rc) {
        snprintf(err, size, "-incoming: saved state refused: %s",
                 rc == -EINVAL ? why : strerror(-rc));
        return false;
    }
    return state_resume(m, &beside, err, size);
}

/* --- locks of images --- */

void state_locks_give(struct machine *m)
{
    struct drive *d;

    for (unsigned i = 0; (d = drives_nth(&m->drives, i)); i++) {
        if (d->cfg.fd >= 0) {
            block_image_unlock(d->cfg.fd);
        }
    }
    m->locks_given = true;
}

bool state_locks_take(struct machine *m)
{
    struct drive *d;

    for (unsigned i = 0; m->locks_given && (d = drives_nth(&m->drives, i)); i++) {
        if (d->cfg.fd >= 0 && block_image_lock(d->cfg.fd, d->cfg.readonly) < 0) {
            state_locks_give(m);
            return false;
        }
    }
    m->locks_given = false;
    return true;
}
