/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pins of PIC and IOAPIC each GSI drives.
 *
 * KVM finds the GSI to resample from (chip, pin), and the last route of a pin wins. So a link's
 * routes come last, and links that share both their pins share one GSI.
 */
#include "hv.h"

#define CHIP_IOAPIC KVM_IRQCHIP_IOAPIC

static void route_put(struct kvm_irq_routing_entry *e, unsigned *n, unsigned max, unsigned gsi,
                      unsigned chip, unsigned pin)
{
    if (*n == max) {
        return;
    }
    e[(*n)++] = (struct kvm_irq_routing_entry){
        .gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = {.irqchip = chip, .pin = pin}};
}

static void route_put_pic(struct kvm_irq_routing_entry *e, unsigned *n, unsigned max, unsigned gsi,
                          unsigned irq)
{
    unsigned chip = irq < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;

    route_put(e, n, max, gsi, chip, irq & 7);
}

/* ISA IRQ 0 is IOAPIC pin 2; PIC input 2 is the cascade. */
static void routes_isa(struct kvm_irq_routing_entry *e, unsigned *n, unsigned max)
{
    for (unsigned gsi = 0; gsi < 16; gsi++) {
        if (gsi == 2) {
            continue;
        }
        route_put_pic(e, n, max, gsi, gsi);
        route_put(e, n, max, gsi, CHIP_IOAPIC, gsi == 0 ? 2 : gsi);
    }
}

void irq_group_links(struct hv_irq *irq)
{
    for (unsigned link = 0; link < 4; link++) {
        unsigned first = link;

        if (irq->qemu && irq->link_route[link]) {
            for (first = 0; irq->link_route[first] != irq->link_route[link]; first++) {
            }
        }
        irq->link_gsi[link] = IRQ_GSI_LINK + first;
    }
}

unsigned irq_build_routes(const struct hv_irq *irq, struct kvm_irq_routing_entry *e, unsigned max)
{
    unsigned n = 0;

    routes_isa(e, &n, max);
    for (unsigned pin = irq->qemu ? 16 : 20; pin < IRQ_PINS; pin++) {
        route_put(e, &n, max, pin, CHIP_IOAPIC, pin);
    }
    for (unsigned link = 0; link < 4; link++) {
        unsigned gsi = IRQ_GSI_LINK + link;
        unsigned isa = irq->link_route[link];

        if (irq->link_gsi[link] != gsi) {
            continue;
        }
        if (isa) {
            route_put_pic(e, &n, max, gsi, isa);
        }
        if (!irq->qemu || isa) {
            route_put(e, &n, max, gsi, CHIP_IOAPIC, irq->qemu ? isa : 16 + link);
        }
    }
    return n;
}
