/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines into KVM's PIC and IOAPIC: GSI routes, line levels from several sources, irqfds
 * of the device model. Included by hv.h.
 */
#ifndef CLEAVE_HYPERVISOR_IRQ_H
#define CLEAVE_HYPERVISOR_IRQ_H

#define IRQ_PINS     24u
#define IRQ_GSI_LINK 24u /* GSI of PCI link A; ISA IRQs and IOAPIC pins are GSIs 0..23 */
#define IRQ_GSIS     28u
#define IRQ_RTC      8u
#define IRQ_SCI      9u

/* Who holds an input; it is high while anybody holds it. INTX is XEN_DMOP_set_pci_intx_level. */
enum irq_source { IRQ_FROM_DM, IRQ_FROM_INTX, IRQ_FROM_RTC, IRQ_FROM_PM, IRQ_FROM_HPET };

/* Inputs are GSIs 0-23 and PCI links A-D; links that share all their pins share one GSI. */
struct hv_irq {
    pthread_mutex_t lock;
    bool qemu;              /* firmware mode qemu: links use the IOAPIC pins of their routes */
    uint8_t held[IRQ_GSIS]; /* per input: bit per source */
    uint8_t line[IRQ_GSIS]; /* per GSI: level that KVM was told */
    uint8_t link_route[4];  /* ISA IRQ of PCI link A-D, 0 when off */
    uint8_t intx[32];       /* bit per pin of each device of bus 0: set_pci_intx_level */
    bool rtc;               /* the RTC's own level: no part of the line in legacy replacement */
    bool hpet_legacy;
    unsigned link_gsi[4];
    int wire_fd[CORE_WIRES];     /* irqfd bound to a wire, -1 */
    int resample_fd[CORE_WIRES]; /* for level wires */
    struct kvm_irqchip chip_at_start[3];
    struct kvm_pit_state2 pit_at_start;
    struct kvm_pit_state2 pit_frozen; /* while the guest is stopped: what it will find */
    bool frozen;
};

struct hv;

/* In-kernel PIC, IOAPIC and PIT, routes. */
void irq_create(struct hv *hv);
/* All lines low, nothing asserted by an irqfd, routes and chips as at start. */
void irq_reset(struct hv *hv);

/* A source's level of an input: GSI 0..23, or IRQ_GSI_LINK + link. */
void irq_set_input(struct hv *hv, enum irq_source source, unsigned input, int level);

/* Line changes that came back beside a slot. Values are hostile. */
void irq_apply_side(struct hv *hv, uint32_t changed, uint32_t level, uint32_t pulsed);

/* Control operations: 0 or -errno. irq_bind_wire makes the descriptors for the device model
 * (*resample_fd is -1 for edges); the caller closes its copies after sending. */
int irq_set_isa(struct hv *hv, unsigned irq, int level);
int irq_set_intx(struct hv *hv, unsigned dev, unsigned intx, int level);
int irq_set_link_route(struct hv *hv, unsigned link, unsigned irq);
int irq_inject_msi(struct hv *hv, uint64_t addr, uint32_t data);
int irq_bind_wire(struct hv *hv, unsigned wire, int *fd, int *resample_fd);
int irq_lower_wire(struct hv *hv, unsigned wire);

/* HPET legacy replacement: PIT and RTC are disconnected from IRQ 0 and 8; levels come back. */
void irq_set_hpet_legacy(struct hv *hv, bool on);

/* The PIT stands still while the guest is stopped. `paused` is how long it was, in ns. */
void irq_freeze_pit(struct hv *hv);
void irq_thaw_pit(struct hv *hv, uint64_t paused);

/* GSI routes for the present link routes, no KVM in it. Returns the number of entries. */
unsigned irq_build_routes(const struct hv_irq *irq, struct kvm_irq_routing_entry *e, unsigned max);
/* Which GSI each link uses: link_gsi from link_route. */
void irq_group_links(struct hv_irq *irq);

#endif
