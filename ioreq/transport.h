/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a device model asks of the hypervisor that it runs under, whichever that is.
 */
#ifndef CLEAVE_IOREQ_TRANSPORT_H
#define CLEAVE_IOREQ_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/dma.h"
#include "core/memmap.h"

enum transport_space { SPACE_PIO, SPACE_MMIO, SPACE_PCI };

struct transport;

struct transport_ops {
    /* Claims or gives back [start, end]; for SPACE_PCI both are the SBDF. 0 or a negative errno. */
    int (*claim)(struct transport *t, enum transport_space space, uint64_t start, uint64_t end,
                 bool on);

    /* Interrupts. Repeating a level does nothing. */
    void (*set_isa_irq)(struct transport *t, unsigned irq, int level);
    void (*set_pci_intx)(struct transport *t, unsigned dev, unsigned pin, int level);
    void (*set_pci_link_route)(struct transport *t, unsigned link, unsigned irq);

    /* Memory other than RAM: `fd` must be sealed against shrinking. Pieces as the map resolves
     * them. 0 or a negative errno. */
    int (*add_object)(struct transport *t, uint32_t object, int fd, uint64_t size);
    int (*map)(struct transport *t, const struct mem_flat *piece, bool on);

    /* Writes that nobody needs to see at once, or that change nothing; see CORE_OP_POST. */
    void (*post)(struct transport *t, enum transport_space space, uint64_t start, uint64_t end,
                 bool on);
    void (*ignore)(struct transport *t, uint64_t port, uint8_t value, bool on);

    void (*set_pm_base)(struct transport *t, uint16_t base);

    /* The guest wants to stop: SHUTDOWN_* of xen/sched.h. Takes effect before the request being
     * served is completed. */
    void (*shutdown)(struct transport *t, unsigned reason);

    /* Everything claimed and mapped: requests may come. */
    int (*enable)(struct transport *t);

    /*
     * Serves what is ready: buffered writes first, then synchronous requests. Returns how many
     * requests were served. Never waits.
     */
    unsigned (*poll)(struct transport *t);

    /* Whether poll() would find work: a few loads, for spinning. */
    bool (*pending)(const struct transport *t);

    /* Whether there are CPUs enough for the caller to spin while it waits. */
    bool (*may_spin)(const struct transport *t);

    /* Announces that the caller is about to wait; false when there is work already. */
    bool (*prepare_sleep)(struct transport *t);
    void (*awake)(struct transport *t);

    /* Makes posted writes visible that the hypervisor still holds, then serves them. */
    void (*flush_posted)(struct transport *t);

    /* All lines low, as after a reset of the machine. */
    void (*reset_lines)(struct transport *t);
};

/*
 * The callbacks are the caller's, set before enable(). `watch` is the loop's: it calls
 * ready(opaque) when fd becomes readable; `edge` asks for one call per arrival, without reading the
 * descriptor.
 */
struct transport {
    const struct transport_ops *ops;
    struct dma *dma; /* guest RAM */
    int (*watch)(void *loop, int fd, bool edge, void (*ready)(void *opaque), void *opaque);
    void *loop;
    void (*gone)(void *opaque);               /* the hypervisor side hung up */
    void (*posted)(void *opaque, bool begin); /* around writes served while guest CPUs run */
    void (*settle)(void *opaque); /* a guest CPU waits for its response: deferred changes now */
    void *opaque;
};

#endif
