/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt lines into KVM's in-kernel PIC and IOAPIC, and the PIT. */
#include "hv.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "log.h"

#define MAX_ROUTES 64u

static bool wire_is_level(unsigned wire)
{
    return wire == IRQ_SCI || wire >= CORE_WIRE_LINK;
}

static unsigned wire_input(unsigned wire)
{
    return wire < CORE_WIRE_LINK ? wire : IRQ_GSI_LINK + wire - CORE_WIRE_LINK;
}

static unsigned input_gsi(const struct hv_irq *irq, unsigned input)
{
    return input < IRQ_GSI_LINK ? input : irq->link_gsi[input - IRQ_GSI_LINK];
}

/* The PIC input that a GSI drives, 0 when none. */
static unsigned gsi_pic_pin(const struct hv_irq *irq, unsigned gsi)
{
    if (gsi < 16) {
        return gsi;
    }
    return gsi < IRQ_GSI_LINK ? 0 : irq->link_route[gsi - IRQ_GSI_LINK];
}

static unsigned gsi_ioapic_pin(const struct hv_irq *irq, unsigned gsi)
{
    if (gsi < IRQ_GSI_LINK) {
        return gsi == 0 ? 2 : gsi;
    }
    unsigned link = gsi - IRQ_GSI_LINK;

    return irq->qemu ? irq->link_route[link] : 16 + link;
}

/* --- lines --- */

static void kvm_line(struct hv *hv, unsigned gsi, int level)
{
    struct kvm_irq_level l = {.irq = gsi, .level = (uint32_t)level};

    ioctl(hv->vm_fd, KVM_IRQ_LINE, &l);
}

/* KVM keeps one level per PIC pin, not one per GSI: what else drives the pin must be told again. */
static void reraise_sharers(struct hv *hv, unsigned gsi)
{
    struct hv_irq *irq = &hv->irq;
    unsigned pin = gsi_pic_pin(irq, gsi);

    for (unsigned g = 0; pin && g < IRQ_GSIS; g++) {
        if (g != gsi && irq->line[g] && gsi_pic_pin(irq, g) == pin) {
            kvm_line(hv, g, 1);
        }
    }
}

static void gsi_update(struct hv *hv, unsigned gsi)
{
    struct hv_irq *irq = &hv->irq;
    uint8_t level = 0;

    for (unsigned i = 0; i < IRQ_GSIS; i++) {
        if (irq->held[i] && input_gsi(irq, i) == gsi) {
            level = 1;
        }
    }
    if (level == irq->line[gsi]) {
        return;
    }
    irq->line[gsi] = level;
    kvm_line(hv, gsi, level);
    if (!level) {
        reraise_sharers(hv, gsi);
    }
}

static void input_set(struct hv *hv, enum irq_source source, unsigned input, int level)
{
    uint8_t bit = (uint8_t)(1u << source);
    uint8_t *held = &hv->irq.held[input];

    *held = level ? *held | bit : *held & (uint8_t)~bit;
    gsi_update(hv, input_gsi(&hv->irq, input));
}

void irq_set_input(struct hv *hv, enum irq_source source, unsigned input, int level)
{
    struct hv_irq *irq = &hv->irq;

    pthread_mutex_lock(&irq->lock);
    if (source == IRQ_FROM_RTC) {
        irq->rtc = level != 0;
        level = level && !irq->hpet_legacy;
    }
    input_set(hv, source, input, level);
    pthread_mutex_unlock(&irq->lock);
}

void irq_apply_side(struct hv *hv, uint32_t changed, uint32_t level, uint32_t pulsed)
{
    pthread_mutex_lock(&hv->irq.lock);
    for (unsigned wire = 0; wire < CORE_WIRES; wire++) {
        uint32_t bit = 1u << wire;

        if (!(changed & bit)) {
            continue;
        }
        if (pulsed & bit) {
            input_set(hv, IRQ_FROM_DM, wire_input(wire), 0);
            input_set(hv, IRQ_FROM_DM, wire_input(wire), 1);
        }
        input_set(hv, IRQ_FROM_DM, wire_input(wire), (level & bit) != 0);
    }
    pthread_mutex_unlock(&hv->irq.lock);
}

int irq_set_isa(struct hv *hv, unsigned isa, int level)
{
    if (isa > 15) {
        return -EINVAL;
    }
    irq_set_input(hv, IRQ_FROM_DM, isa, level);
    return 0;
}

int irq_set_intx(struct hv *hv, unsigned dev, unsigned intx, int level)
{
    struct hv_irq *irq = &hv->irq;
    unsigned swizzle = irq->qemu ? 3 : 0; /* SeaBIOS: (dev - 1 + pin) & 3 */

    if (dev > 31 || intx > 3) {
        return -EINVAL;
    }
    unsigned link = (dev + intx + swizzle) & 3;

    pthread_mutex_lock(&irq->lock);
    irq->intx[dev] =
        (uint8_t)(level ? irq->intx[dev] | 1u << intx : irq->intx[dev] & ~(1u << intx));
    bool high = false;
    for (unsigned d = 0; d < 32; d++) {
        unsigned pin = (link - d - swizzle) & 3;

        high |= (irq->intx[d] >> pin) & 1;
    }
    input_set(hv, IRQ_FROM_INTX, IRQ_GSI_LINK + link, high);
    pthread_mutex_unlock(&irq->lock);
    return 0;
}

int irq_inject_msi(struct hv *hv, uint64_t addr, uint32_t data)
{
    struct kvm_msi msi = {.address_lo = (uint32_t)addr, .data = data};

    if (addr >> 20 != 0xfee) {
        return -EINVAL;
    }
    return ioctl(hv->vm_fd, KVM_SIGNAL_MSI, &msi) < 0 ? -errno : 0;
}

/* --- irqfds --- */

static int wire_irqfd(struct hv *hv, unsigned wire, bool on)
{
    struct hv_irq *irq = &hv->irq;
    struct kvm_irqfd f = {.fd = (uint32_t)irq->wire_fd[wire],
                          .gsi = input_gsi(irq, wire_input(wire)),
                          .flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN};

    if (wire_is_level(wire) && on) {
        f.flags |= KVM_IRQFD_FLAG_RESAMPLE;
        f.resamplefd = (uint32_t)irq->resample_fd[wire];
    }
    return ioctl(hv->vm_fd, KVM_IRQFD, &f) < 0 ? -errno : 0;
}

/* Has the device model look at a level wire again, as after an EOI: what it had raised is gone. */
static void wire_ask_again(struct hv *hv, unsigned wire)
{
    uint64_t one = 1;

    if (hv->irq.wire_fd[wire] >= 0 && write(hv->irq.resample_fd[wire], &one, sizeof(one)) < 0) {
        log_debug("wire %u: resample event not delivered", wire);
    }
}

/* Taking the last irqfd off a GSI lowers what it had raised. */
static void wire_drop_assertion(struct hv *hv, unsigned wire)
{
    unsigned gsi = input_gsi(&hv->irq, wire_input(wire));
    bool off[CORE_WIRES] = {false};

    for (unsigned w = 0; w < CORE_WIRES; w++) {
        if (hv->irq.wire_fd[w] >= 0 && wire_is_level(w) &&
            input_gsi(&hv->irq, wire_input(w)) == gsi) {
            off[w] = wire_irqfd(hv, w, false) == 0;
        }
    }
    for (unsigned w = 0; w < CORE_WIRES; w++) {
        if (off[w]) {
            wire_irqfd(hv, w, true);
            wire_ask_again(hv, w);
        }
    }
}

int irq_bind_wire(struct hv *hv, unsigned wire, int *fd, int *resample_fd)
{
    struct hv_irq *irq = &hv->irq;

    if (wire >= CORE_WIRES) {
        return -EINVAL;
    }
    pthread_mutex_lock(&irq->lock);
    int err = 0;
    if (irq->wire_fd[wire] < 0) {
        irq->wire_fd[wire] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        irq->resample_fd[wire] = wire_is_level(wire) ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
        err = wire_irqfd(hv, wire, true);
        if (err) {
            close(irq->wire_fd[wire]);
            if (irq->resample_fd[wire] >= 0) {
                close(irq->resample_fd[wire]);
            }
            irq->wire_fd[wire] = irq->resample_fd[wire] = -1;
        }
    }
    *fd = irq->wire_fd[wire];
    *resample_fd = irq->resample_fd[wire];
    pthread_mutex_unlock(&irq->lock);
    return err;
}

static void chip_get(struct hv *hv, struct kvm_irqchip *c, unsigned id)
{
    memset(c, 0, sizeof(*c));
    c->chip_id = id;
    ioctl(hv->vm_fd, KVM_GET_IRQCHIP, c);
}

/*
 * Whether the line is up at a chip and no EOI will come to take it down. Where an EOI is due, KVM
 * lowers the line by itself; dropping the assertion then is needless and slow.
 */
static bool assertion_is_stuck(struct hv *hv, unsigned gsi)
{
    struct kvm_irqchip c;
    unsigned pin = gsi_ioapic_pin(&hv->irq, gsi);
    unsigned isa = gsi_pic_pin(&hv->irq, gsi);
    bool high = false;

    chip_get(hv, &c, KVM_IRQCHIP_IOAPIC);
    if (pin < KVM_IOAPIC_NUM_PINS) {
        high = (c.chip.ioapic.irr >> pin) & 1;
        if (high && c.chip.ioapic.redirtbl[pin].fields.remote_irr) {
            return false;
        }
    }
    if (isa) {
        chip_get(hv, &c, isa < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE);
        if (c.chip.pic.isr & (1u << (isa & 7))) {
            return false;
        }
        high |= (c.chip.pic.irr >> (isa & 7)) & 1;
    }
    return high;
}

int irq_lower_wire(struct hv *hv, unsigned wire)
{
    struct hv_irq *irq = &hv->irq;

    if (wire >= CORE_WIRES) {
        return -EINVAL;
    }
    pthread_mutex_lock(&irq->lock);
    unsigned gsi = input_gsi(irq, wire_input(wire));

    input_set(hv, IRQ_FROM_DM, wire_input(wire), 0);
    if (wire_is_level(wire) && irq->wire_fd[wire] >= 0 && assertion_is_stuck(hv, gsi)) {
        wire_drop_assertion(hv, wire);
    }
    pthread_mutex_unlock(&irq->lock);
    return 0;
}

/* --- routes --- */

static int routes_load(struct hv *hv)
{
    struct {
        struct kvm_irq_routing head;
        struct kvm_irq_routing_entry e[MAX_ROUTES];
    } t;

    memset(&t, 0, sizeof(t));
    t.head.nr = irq_build_routes(&hv->irq, t.e, MAX_ROUTES);
    return ioctl(hv->vm_fd, KVM_SET_GSI_ROUTING, &t) < 0 ? -errno : 0;
}

/* All lines are taken down under the old routes and put up again under the new ones. */
static int routes_change(struct hv *hv, const uint8_t route[4])
{
    struct hv_irq *irq = &hv->irq;
    uint8_t line[IRQ_GSIS];

    memcpy(line, irq->line, sizeof(line));
    for (unsigned g = IRQ_GSI_LINK; g < IRQ_GSIS; g++) {
        if (line[g]) {
            kvm_line(hv, g, 0);
            irq->line[g] = 0;
        }
    }
    for (unsigned w = CORE_WIRE_LINK; w < CORE_WIRES; w++) {
        if (irq->wire_fd[w] >= 0) {
            wire_irqfd(hv, w, false);
        }
    }
    memcpy(irq->link_route, route, 4);
    irq_group_links(irq);
    int err = routes_load(hv);
    for (unsigned w = CORE_WIRE_LINK; w < CORE_WIRES; w++) {
        if (irq->wire_fd[w] >= 0) {
            wire_irqfd(hv, w, true);
            wire_ask_again(hv, w);
        }
    }
    for (unsigned g = 0; g < IRQ_GSIS; g++) {
        if (irq->line[g] && g < 16) {
            kvm_line(hv, g, 1); /* a pin that a link shared */
        }
        gsi_update(hv, g);
    }
    return err;
}

int irq_set_link_route(struct hv *hv, unsigned link, unsigned isa)
{
    uint8_t route[4];
    int err = 0;

    if (link > 3 || isa > 15) {
        return -EINVAL;
    }
    if (isa < 3 || isa == 8 || isa == 13) {
        isa = 0; /* the PIIX3 cannot route there */
    }
    pthread_mutex_lock(&hv->irq.lock);
    memcpy(route, hv->irq.link_route, 4);
    if (route[link] != isa) {
        route[link] = (uint8_t)isa;
        err = routes_change(hv, route);
    }
    pthread_mutex_unlock(&hv->irq.lock);
    return err;
}

/* --- PIT --- */

static void pit_get(struct hv *hv, struct kvm_pit_state2 *p)
{
    memset(p, 0, sizeof(*p));
    ioctl(hv->vm_fd, KVM_GET_PIT2, p);
}

static void pit_set_legacy(struct kvm_pit_state2 *p, bool on)
{
    p->flags = on ? p->flags | KVM_PIT_FLAGS_HPET_LEGACY : p->flags & ~KVM_PIT_FLAGS_HPET_LEGACY;
}

static void pit_disconnect(struct hv *hv, bool on)
{
    struct kvm_pit_state2 p;

    if (hv->irq.frozen) {
        pit_set_legacy(&hv->irq.pit_frozen, on);
        return;
    }
    pit_get(hv, &p);
    pit_set_legacy(&p, on);
    ioctl(hv->vm_fd, KVM_SET_PIT2, &p);
}

/* The RTC's line may be high in this moment: left so, the HPET's edges would not be seen. */
void irq_set_hpet_legacy(struct hv *hv, bool on)
{
    struct hv_irq *irq = &hv->irq;

    pthread_mutex_lock(&irq->lock);
    if (irq->hpet_legacy != on) {
        irq->hpet_legacy = on;
        input_set(hv, IRQ_FROM_RTC, IRQ_RTC, irq->rtc && !on);
        pit_disconnect(hv, on);
    }
    pthread_mutex_unlock(&irq->lock);
}

/* With the HPET flag set, KVM stops the PIT's timer; loading the state again starts it anew and
 * forgets the ticks that were owed. */
void irq_freeze_pit(struct hv *hv)
{
    struct kvm_pit_state2 p;

    pit_get(hv, &hv->irq.pit_frozen);
    p = hv->irq.pit_frozen;
    pit_set_legacy(&p, true);
    ioctl(hv->vm_fd, KVM_SET_PIT2, &p);
    hv->irq.frozen = true;
}

void irq_thaw_pit(struct hv *hv, uint64_t paused)
{
    struct kvm_pit_state2 *p = &hv->irq.pit_frozen;

    for (unsigned i = 0; i < 3; i++) {
        p->channels[i].count_load_time += (int64_t)paused;
    }
    ioctl(hv->vm_fd, KVM_SET_PIT2, p);
    hv->irq.frozen = false;
}

/*
 * Ticks that the guest could not take in time are dropped, not delivered in a burst: a backlog of
 * IRQ0 keeps every lower interrupt from a BIOS that was slow (floppies time out by it).
 */
static void pit_set_ticks(struct hv *hv)
{
    struct kvm_reinject_control c = {.pit_reinject = 0};

    if (ioctl(hv->vm_fd, KVM_REINJECT_CONTROL, &c) < 0) {
        log_warn("/dev/kvm: missed timer ticks will come in bursts: %s", strerror(errno));
    }
}

/* --- set-up --- */

void irq_create(struct hv *hv)
{
    struct hv_irq *irq = &hv->irq;
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

    pthread_mutex_init(&irq->lock, NULL);
    irq->qemu = hv->cfg.firmware == HV_FIRMWARE_QEMU;
    irq_group_links(irq);
    for (unsigned w = 0; w < CORE_WIRES; w++) {
        irq->wire_fd[w] = irq->resample_fd[w] = -1;
    }
    if (ioctl(hv->vm_fd, KVM_CREATE_IRQCHIP) < 0 || ioctl(hv->vm_fd, KVM_CREATE_PIT2, &pit) < 0) {
        die("/dev/kvm: cannot create the interrupt controllers: %s", strerror(errno));
    }
    pit_set_ticks(hv);
    int err = routes_load(hv);
    if (err) {
        die("/dev/kvm: the kernel refused the interrupt routes: %s", strerror(-err));
    }
    for (unsigned i = 0; i < 3; i++) {
        chip_get(hv, &irq->chip_at_start[i], i);
    }
    pit_get(hv, &irq->pit_at_start);
    irq->pit_frozen = irq->pit_at_start;
    irq->frozen = true; /* until the first cont */
}

void irq_reset(struct hv *hv)
{
    static const uint8_t none[4];
    struct hv_irq *irq = &hv->irq;

    pthread_mutex_lock(&irq->lock);
    memset(irq->held, 0, sizeof(irq->held));
    memset(irq->intx, 0, sizeof(irq->intx));
    irq->rtc = irq->hpet_legacy = false;
    for (unsigned g = 0; g < IRQ_GSIS; g++) {
        irq->line[g] = 0;
        kvm_line(hv, g, 0);
    }
    for (unsigned w = 0; w < CORE_WIRES; w++) {
        if (irq->wire_fd[w] >= 0 && wire_is_level(w)) {
            wire_drop_assertion(hv, w);
        }
    }
    routes_change(hv, none);
    for (unsigned i = 0; i < 3; i++) {
        ioctl(hv->vm_fd, KVM_SET_IRQCHIP, &irq->chip_at_start[i]);
    }
    irq->pit_frozen = irq->pit_at_start; /* the guest is stopped: loaded when it goes on */
    pthread_mutex_unlock(&irq->lock);
}
