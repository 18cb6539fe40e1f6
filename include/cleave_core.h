/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire between the hypervisor core (cleave-hv) and a device model (cleave-dm): control
 * operations, and the shared pages beside Xen's ioreq pages.
 *
 * Control socket: SOCK_SEQPACKET. One datagram from the device model is one request, a struct
 * core_op; the core answers each with one datagram, a struct core_reply, and passes descriptors
 * along with it (SCM_RIGHTS). Operations with Xen numbers (XEN_DMOP_*, xen/hvm/dm_op.h) have Xen's
 * payload and meaning; the CORE_OP_* ones are what Xen gives by other calls (foreign mapping, event
 * channels, page moves). The device model asks, the core never does. The core validates everything.
 */
#ifndef CLEAVE_CORE_H
#define CLEAVE_CORE_H

#include <stdint.h>

#include <xen/xen.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/ioreq.h>
#include <xen/hvm/params.h>

/* Beside Xen's SHUTDOWN_* reasons in XEN_DMOP_remote_shutdown: the debug-exit port was written. */
#define CORE_SHUTDOWN_DEBUG_EXIT 0x100u

#define CORE_PAGE      4096u
#define CORE_MAX_VCPUS 32u
#define CORE_MAX_FDS   36u

/* Interrupt wires between device model and core: ISA IRQ 0-15, then PCI links A-D. */
#define CORE_WIRE_LINK 16u
#define CORE_WIRES     20u

enum {
    /*
     * Guest RAM: reply carries struct core_ram and one descriptor per distinct memfd.
     */
    CORE_OP_GET_RAM = 0x10000,
    /*
     * Pages and channels of a server, after it was enabled: descriptors are, in this order, the
     * memfd with the shared pages (struct core_pages tells the offsets), the eventfd that wakes the
     * device model (one for all vCPUs and the buffered ring), then one eventfd per vCPU that wakes
     * that vCPU's thread. The memfd is never part of guest memory.
     */
    CORE_OP_GET_PAGES,
    /*
     * Memory that is not guest RAM (video memory, ROM images): the request carries the memfd,
     * struct core_object its id and size. Must be sealed against shrinking (F_SEAL_SHRINK).
     */
    CORE_OP_ADD_OBJECT,
    /* Lays a piece over the guest's memory map, or takes exactly that piece away. struct core_map
     */
    CORE_OP_MAP,
    CORE_OP_UNMAP,
    /*
     * An eventfd that raises wire `wire` without the core's help (KVM irqfd). Wires 0-15 except 9
     * are edges: each write pulses the line. Wire 9 (SCI) and the PCI links are levels: the write
     * asserts the line until the guest's EOI, then the second descriptor of the reply (the resample
     * eventfd) fires and the device model writes again if the wire is still high. struct core_wire
     */
    CORE_OP_BIND_WIRE,
    /*
     * Lowers a level wire that was raised by its eventfd and has not been EOIed (masked or polled).
     * Within a synchronous request use the side slot instead. struct core_wire
     */
    CORE_OP_LOWER_WIRE,
    /*
     * Writes that may be completed without waking anybody. struct core_post: POST_BUFFER puts every
     * write to the range on the coalesced ring, in order, to be delivered before the next
     * synchronous request; POST_IGNORE completes writes of one exact value at one port in the
     * kernel, delivering nothing (the device says that they change nothing). `on` = 0 undoes it.
     */
    CORE_OP_POST,
    /* The ACPI PM base (PIIX4 PMBA): struct core_pm. The core's PM1a_EVT and PM_TMR answer there.
     */
    CORE_OP_SET_PM_BASE,
    /* struct core_vram_log: first clears, then the bitmap of pages of a mapped piece that the guest
     * wrote since the last call follows the reply header (at most 4096 bytes per call). */
    CORE_OP_GET_DIRTY,
    /* Delivers everything posted so far to the buffered ring before it answers. No payload. */
    CORE_OP_FLUSH_POSTED,
};

/* CORE_OP_GET_RAM */
#define CORE_MAX_RAM 16u
struct core_ram {
    uint32_t n;
    uint32_t reserved;
    struct {
        uint64_t gpa;
        uint64_t len;
        uint64_t offset;     /* in the memfd */
        uint32_t fd;         /* index of the descriptor in the reply */
        uint32_t page_shift; /* host page size: 12, 21 or 30 */
    } piece[CORE_MAX_RAM];
};

/* CORE_OP_GET_PAGES: offsets in bytes from the start of the memfd; request carries the server id.
 */
struct core_pages {
    uint16_t id;       /* IN */
    uint16_t nvcpus;   /* OUT */
    uint32_t size;     /* OUT: bytes to map */
    uint32_t ioreq;    /* OUT: struct ioreq per vCPU, one page */
    uint32_t bufioreq; /* OUT: struct buffered_iopage, 0 when the server has none */
    uint32_t side;     /* OUT: struct core_side */
    uint32_t bounce;   /* OUT: one page per vCPU, see CORE_BOUNCE_GPA */
};

/*
 * String I/O whose data lies in guest registers' reach only for KVM itself (REP INS) goes through a
 * page per vCPU. Such a request has data_is_ptr = 1 and data = CORE_BOUNCE_GPA + vcpu * CORE_PAGE,
 * an address that no guest memory has; df is then 0.
 */
#define CORE_BOUNCE_GPA (1ull << 60)

struct core_object {
    uint32_t object; /* 1..15; 0 is guest RAM */
    uint32_t reserved;
    uint64_t size;
};

/* kind is enum mem_kind of hw/core/memmap.h. For object 0, offset is a guest physical address. */
struct core_map {
    uint64_t gpa;
    uint64_t len;
    uint64_t offset;
    uint32_t object;
    uint8_t kind;
    uint8_t log_dirty;
    uint16_t reserved;
};

struct core_wire {
    uint32_t wire;
    uint32_t reserved;
};

#define CORE_POST_BUFFER 0u
#define CORE_POST_IGNORE 1u

struct core_post {
    uint64_t start;
    uint64_t end; /* inclusive */
    uint64_t value;
    uint8_t space; /* 0 port, 1 memory */
    uint8_t kind;  /* CORE_POST_* */
    uint8_t size;  /* access width for CORE_POST_IGNORE */
    uint8_t on;
    uint32_t reserved;
};

struct core_pm {
    uint16_t base; /* 0: not decoded */
    uint16_t reserved[3];
};

struct core_vram_log {
    uint64_t gpa;   /* of a piece mapped with log_dirty */
    uint64_t first; /* page within the piece */
    uint64_t pages; /* at most 32768 */
};

struct core_op {
    uint32_t op;
    uint32_t pad;
    union {
        struct xen_dm_op_create_ioreq_server create;
        struct xen_dm_op_get_ioreq_server_info info;
        struct xen_dm_op_ioreq_server_range range;
        struct xen_dm_op_set_ioreq_server_state state;
        struct xen_dm_op_destroy_ioreq_server destroy;
        struct xen_dm_op_set_pci_intx_level intx;
        struct xen_dm_op_set_isa_irq_level isa;
        struct xen_dm_op_set_pci_link_route link;
        struct xen_dm_op_inject_msi msi;
        struct xen_dm_op_remote_shutdown shutdown;
        struct core_pages pages;
        struct core_object object;
        struct core_map map;
        struct core_wire wire;
        struct core_post post;
        struct core_pm pm;
        struct core_vram_log dirty;
        uint8_t bytes[56];
    } u;
};

struct core_reply {
    int32_t result; /* 0 or a negative errno */
    uint32_t nfds;
    union {
        struct core_op op; /* the request with its OUT fields filled */
        struct core_ram ram;
    } u;
};

/*
 * The side page: what Xen's ABI has no place for. One cache line per vCPU, one for the server.
 *
 * Sleeping and waking. The device model sets `dm_sleeping`, executes a full barrier, looks at all
 * slots and rings once more, and only then waits on its eventfd; the core, after it stored
 * STATE_IOREQ_READY or advanced the ring's write pointer, executes a full barrier and writes the
 * eventfd only if dm_sleeping is set (clearing it). The same the other way round with a vCPU's
 * `core_sleeping` and its eventfd.
 *
 * Lines. While it serves vCPU n's synchronous request, the device model notes each level change in
 * side slot n instead of using irqfds: bit w of lines_changed says that wire w changed at least
 * once, bit w of lines_level is its level now, and bit w of lines_pulsed that an edge wire went
 * high and low again in between. The stores precede STATE_IORESP_READY. The vCPU thread applies and
 * clears them before it re-enters the guest: for a pulse first 1, then the final level.
 */
struct core_side_vcpu {
    uint32_t core_sleeping;
    uint32_t lines_changed;
    uint32_t lines_level;
    uint32_t lines_pulsed;
    uint32_t reserved[12];
};

struct core_side {
    uint32_t dm_sleeping;
    uint32_t dm_idle_cpus; /* 1 when the device model may spin (more CPUs than runnable threads) */
    uint32_t reserved[14];
    struct core_side_vcpu vcpu[CORE_MAX_VCPUS];
};

#define CORE_STATIC_ASSERT(e) _Static_assert(e, #e)
CORE_STATIC_ASSERT(sizeof(struct ioreq) == 32);
CORE_STATIC_ASSERT(sizeof(struct buffered_iopage) == 4096);
CORE_STATIC_ASSERT(sizeof(struct core_op) == 64);
CORE_STATIC_ASSERT(sizeof(struct core_side) <= CORE_PAGE);

#endif
