/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART. Source: National Semiconductor PC16550D data sheet (June 1995), chapter 8; register
 * names as there. OUT2 gates the interrupt pin, as PC serial cards wire it.
 * Not modelled: the time a character takes to be sent (a byte is gone when the back end took it),
 * parity and framing errors, break, DMA modes.
 */
#include "char/ns16550.h"

#include <errno.h>

enum {
    REG_DATA, /* RBR, THR; DLL when DLAB is set */
    REG_IER,  /* DLM when DLAB is set */
    REG_IIR,  /* FCR when written */
    REG_LCR,
    REG_MCR,
    REG_LSR,
    REG_MSR,
    REG_SCR,
    NREGS,
};

#define IER_RDA   0x01u
#define IER_THRE  0x02u
#define IER_LINE  0x04u
#define IER_MODEM 0x08u
#define IER_MASK  0x0fu

#define IIR_NONE         0x01u
#define IIR_MODEM        0x00u
#define IIR_THRE         0x02u
#define IIR_RDA          0x04u
#define IIR_LINE         0x06u
#define IIR_TIMEOUT      0x0cu
#define IIR_FIFO_ENABLED 0xc0u

#define FCR_ENABLE   0x01u
#define FCR_RX_RESET 0x02u
#define FCR_TX_RESET 0x04u
#define FCR_STORED   0xc9u /* trigger level, DMA mode, enable */

#define LCR_WORD   0x03u
#define LCR_STOP   0x04u
#define LCR_PARITY 0x08u
#define LCR_DLAB   0x80u

#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u
#define MCR_MASK 0x1fu

#define LSR_DR     0x01u
#define LSR_OE     0x02u
#define LSR_ERRORS 0x1eu
#define LSR_THRE   0x20u
#define LSR_TEMT   0x40u

#define MSR_DCTS   0x01u
#define MSR_DDSR   0x02u
#define MSR_TERI   0x04u
#define MSR_DDCD   0x08u
#define MSR_DELTAS 0x0fu
#define MSR_CTS    0x10u
#define MSR_DSR    0x20u
#define MSR_RI     0x40u
#define MSR_DCD    0x80u

#define XTAL_HZ        1843200u
#define RESET_DIVISOR  12u /* 9600 baud */
#define TIMEOUT_CHARS  4u  /* chapter 8.4.2 */
#define CLOCKS_PER_BIT 16u

STATE_TYPE(ns16550_state, NS16550_STATE);

/* --- FIFOs --- */

static bool fifo_enabled(const struct ns16550_state *s)
{
    return s->fcr & FCR_ENABLE;
}

static unsigned rx_capacity(const struct ns16550_state *s)
{
    return fifo_enabled(s) ? NS16550_FIFO : 1;
}

static unsigned rx_trigger(const struct ns16550_state *s)
{
    static const uint8_t level[4] = {1, 4, 8, 14};

    return fifo_enabled(s) ? level[s->fcr >> 6] : 1;
}

/* A byte too many: the FIFO drops it, a lone receiver buffer is overwritten (chapter 8.3, OE). */
static void rx_push(struct ns16550_state *s, uint8_t byte)
{
    if (s->rx_count < rx_capacity(s)) {
        s->rx[(s->rx_first + s->rx_count) % NS16550_FIFO] = byte;
        s->rx_count++;
        return;
    }
    s->lsr |= LSR_OE;
    if (!fifo_enabled(s)) {
        s->rx[s->rx_first] = byte;
    }
}

static uint8_t rx_pop(struct ns16550_state *s)
{
    uint8_t byte = s->rx[s->rx_first];

    if (s->rx_count) {
        s->rx_first = (s->rx_first + 1) % NS16550_FIFO;
        s->rx_count--;
    }
    return byte;
}

/* --- the interrupt pin --- */

/* What IIR identifies: the pending and enabled source of highest priority (table V). */
static unsigned interrupt_source(const struct ns16550_state *s)
{
    if ((s->ier & IER_LINE) && (s->lsr & LSR_ERRORS)) {
        return IIR_LINE;
    }
    if ((s->ier & IER_RDA) && s->rx_count >= rx_trigger(s)) {
        return IIR_RDA;
    }
    if ((s->ier & IER_RDA) && s->timeout) {
        return IIR_TIMEOUT;
    }
    if ((s->ier & IER_THRE) && s->thri) {
        return IIR_THRE;
    }
    if ((s->ier & IER_MODEM) && (s->msr & MSR_DELTAS)) {
        return IIR_MODEM;
    }
    return IIR_NONE;
}

/* In loopback the OUT2 pin is inactive, so the card's interrupt driver is off. */
static void irq_update(struct ns16550 *u)
{
    const struct ns16550_state *s = u->s;
    bool driven = (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

    irq_set(&u->irq, driven && interrupt_source(s) != IIR_NONE);
}

/* --- character timeout --- */

/* Duration of one character with its start, parity and stop bits. A divisor of 0 counts as 1. */
static uint64_t character_ns(const struct ns16550_state *s)
{
    unsigned bits =
        1 + 5 + (s->lcr & LCR_WORD) + !!(s->lcr & LCR_PARITY) + 1 + !!(s->lcr & LCR_STOP);
    unsigned divisor = s->divisor ? s->divisor : 1;

    return clock_muldiv((uint64_t)bits * divisor * CLOCKS_PER_BIT, NS_PER_S, XTAL_HZ);
}

/* Restarts the wait; armed only while it can end in an interrupt that the guest wants. */
static void timeout_restart(struct ns16550 *u)
{
    const struct ns16550_state *s = u->s;
    bool waits = fifo_enabled(s) && (s->ier & IER_RDA) && s->rx_count && !s->timeout &&
                 s->rx_count < rx_trigger(s);

    if (waits) {
        clock_timer_set(u->clock, u->timer,
                        clock_add(clock_now(u->clock), TIMEOUT_CHARS * character_ns(s)));
    } else {
        clock_timer_cancel(u->clock, u->timer);
    }
}

static void timeout_fire(void *opaque)
{
    struct ns16550 *u = opaque;

    u->s->timeout = u->s->rx_count > 0;
    irq_update(u);
}

/* --- transmitter --- */

static void tx_drained(struct ns16550_state *s)
{
    s->tx_count = 0;
    s->tx_first = 0;
    s->thri = 1;
}

/* Gives the back end what it takes; what it does not stays, and THRE stays clear with it. */
static void tx_drain(struct ns16550 *u)
{
    struct ns16550_state *s = u->s;

    while (s->tx_count) {
        unsigned run = NS16550_FIFO - s->tx_first;
        unsigned len = s->tx_count < run ? s->tx_count : run;
        size_t n = u->chr ? u->chr->write(u->chr->opaque, &s->tx[s->tx_first], len) : len;

        s->tx_first = (uint8_t)((s->tx_first + n) % NS16550_FIFO);
        s->tx_count = (uint8_t)(s->tx_count - n);
        if (n < len) {
            return;
        }
        if (s->tx_count == 0) {
            tx_drained(s);
        }
    }
}

/*
 * The pin falls with the write and rises again when the byte is gone, so that an edge-triggered
 * interrupt controller sees the next one. Bytes sent while THRE is clear are kept while there is
 * room.
 */
static void thr_write(struct ns16550 *u, uint8_t byte)
{
    struct ns16550_state *s = u->s;

    s->thri = 0;
    irq_update(u);
    if (s->mcr & MCR_LOOP) {
        rx_push(s, byte);
        timeout_restart(u);
        s->thri = s->tx_count == 0;
        return;
    }
    if (s->tx_count < NS16550_FIFO) {
        s->tx[(s->tx_first + s->tx_count) % NS16550_FIFO] = byte;
        s->tx_count++;
    }
    tx_drain(u);
}

static void front_writable(void *opaque)
{
    struct ns16550 *u = opaque;

    tx_drain(u);
    irq_update(u);
}

/* --- receiver --- */

/* In loopback the receiver is cut off from the line: the other end waits. */
static size_t front_can_receive(void *opaque)
{
    const struct ns16550_state *s = ((struct ns16550 *)opaque)->s;

    return s->mcr & MCR_LOOP || s->rx_count >= rx_capacity(s) ? 0 : rx_capacity(s) - s->rx_count;
}

static void front_receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct ns16550 *u = opaque;

    for (size_t i = 0; i < len; i++) {
        rx_push(u->s, buf[i]);
    }
    timeout_restart(u);
    irq_update(u);
}

static void room_tell(struct ns16550 *u)
{
    if (u->chr && u->chr->accept_input && front_can_receive(u)) {
        u->chr->accept_input(u->chr->opaque);
    }
}

static uint8_t rbr_read(struct ns16550 *u)
{
    bool full = front_can_receive(u) == 0;
    uint8_t byte = rx_pop(u->s);

    u->s->timeout = 0;
    timeout_restart(u);
    if (full) {
        room_tell(u);
    }
    return byte;
}

/* --- modem control --- */

/* Level bits of MSR: a line that is always ready, or the control outputs in loopback. */
static uint8_t modem_levels(const struct ns16550_state *s)
{
    if (!(s->mcr & MCR_LOOP)) {
        return MSR_CTS | MSR_DSR | MSR_DCD;
    }
    return (uint8_t)((s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
                     (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

/* RI sets its delta at its trailing edge only. */
static uint8_t modem_deltas(uint8_t before, uint8_t after)
{
    uint8_t changed = before ^ after;

    return (uint8_t)((changed & MSR_CTS ? MSR_DCTS : 0) | (changed & MSR_DSR ? MSR_DDSR : 0) |
                     (changed & before & MSR_RI ? MSR_TERI : 0) |
                     (changed & MSR_DCD ? MSR_DDCD : 0));
}

static void mcr_write(struct ns16550 *u, uint8_t val)
{
    struct ns16550_state *s = u->s;
    uint8_t before = modem_levels(s);

    s->mcr = val & MCR_MASK;
    s->msr |= modem_deltas(before, modem_levels(s));
    room_tell(u);
}

/* --- other registers --- */

/* Bit 0 must be written as one for the others to be programmed; its change empties both FIFOs. */
static void fcr_write(struct ns16550 *u, uint8_t val)
{
    struct ns16550_state *s = u->s;
    bool toggled = (val ^ s->fcr) & FCR_ENABLE;

    if (toggled || (val & (FCR_RX_RESET | FCR_ENABLE)) == (FCR_RX_RESET | FCR_ENABLE)) {
        s->rx_count = 0;
        s->rx_first = 0;
        s->timeout = 0;
    }
    if (toggled || (val & (FCR_TX_RESET | FCR_ENABLE)) == (FCR_TX_RESET | FCR_ENABLE)) {
        s->thri |= s->tx_count > 0;
        s->tx_count = 0;
        s->tx_first = 0;
    }
    s->fcr = val & FCR_ENABLE ? val & FCR_STORED : 0;
    timeout_restart(u);
    room_tell(u);
}

/* Enabling the transmitter interrupt while THR is empty raises it (chapter 8.7). */
static void ier_write(struct ns16550 *u, uint8_t val)
{
    struct ns16550_state *s = u->s;

    if ((val & ~s->ier & IER_THRE) && s->tx_count == 0) {
        s->thri = 1;
    }
    s->ier = val & IER_MASK;
    timeout_restart(u);
}

/* Reading IIR acknowledges the transmitter interrupt if that is what it shows. */
static uint8_t iir_read(struct ns16550_state *s)
{
    unsigned source = interrupt_source(s);

    if (source == IIR_THRE) {
        s->thri = 0;
    }
    return (uint8_t)(source | (fifo_enabled(s) ? IIR_FIFO_ENABLED : 0));
}

static uint8_t lsr_read(struct ns16550_state *s)
{
    uint8_t val = s->lsr;

    s->lsr = 0;
    val |= s->rx_count ? LSR_DR : 0;
    return val | (s->tx_count ? 0 : LSR_THRE | LSR_TEMT);
}

static uint8_t msr_read(struct ns16550_state *s)
{
    uint8_t val = s->msr | modem_levels(s);

    s->msr = 0;
    return val;
}

static uint8_t register_read(struct ns16550 *u, uint32_t off)
{
    struct ns16550_state *s = u->s;
    bool dlab = s->lcr & LCR_DLAB;

    switch (off) {
    case REG_DATA:
        return dlab ? (uint8_t)s->divisor : rbr_read(u);
    case REG_IER:
        return dlab ? (uint8_t)(s->divisor >> 8) : s->ier;
    case REG_IIR:
        return iir_read(s);
    case REG_LCR:
        return s->lcr;
    case REG_MCR:
        return s->mcr;
    case REG_LSR:
        return lsr_read(s);
    case REG_MSR:
        return msr_read(s);
    default:
        return s->scr;
    }
}

static uint64_t ns16550_read(void *opaque, uint32_t off, unsigned size)
{
    struct ns16550 *u = opaque;
    uint8_t val = register_read(u, off);

    irq_update(u);
    return val;
}

static void divisor_write(struct ns16550_state *s, unsigned shift, uint8_t val)
{
    s->divisor = (uint16_t)((s->divisor & ~(0xffu << shift)) | (unsigned)val << shift);
}

static void register_write(struct ns16550 *u, uint32_t off, uint8_t val)
{
    struct ns16550_state *s = u->s;

    switch (off) {
    case REG_DATA:
        if (s->lcr & LCR_DLAB) {
            divisor_write(s, 0, val);
        } else {
            thr_write(u, val);
        }
        break;
    case REG_IER:
        if (s->lcr & LCR_DLAB) {
            divisor_write(s, 8, val);
        } else {
            ier_write(u, val);
        }
        break;
    case REG_IIR:
        fcr_write(u, val);
        break;
    case REG_LCR:
        s->lcr = val;
        break;
    case REG_MCR:
        mcr_write(u, val);
        break;
    case REG_SCR:
        s->scr = val;
        break;
    default:
        break; /* LSR and MSR are read-only */
    }
}

static void ns16550_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct ns16550 *u = opaque;

    register_write(u, off, (uint8_t)val);
    irq_update(u);
}

static const struct reg ns16550_regs[] = {
    {0, NREGS, BUS_W1, ns16550_read, ns16550_write, "16550A"},
};

/* --- life --- */

static void ns16550_reset(struct device *dev, enum reset_kind kind)
{
    struct ns16550 *u = (struct ns16550 *)dev;

    *u->s = (struct ns16550_state){.divisor = RESET_DIVISOR};
    clock_timer_cancel(u->clock, u->timer);
    irq_update(u);
    room_tell(u);
}

static int ns16550_check(const void *state)
{
    const struct ns16550_state *s = state;

    if (s->rx_count > NS16550_FIFO || s->rx_first >= NS16550_FIFO || s->tx_count > NS16550_FIFO ||
        s->tx_first >= NS16550_FIFO) {
        return -EINVAL;
    }
    if (s->rx_count > rx_capacity(s) || (s->fcr & ~FCR_STORED) || (s->msr & ~MSR_DELTAS) ||
        (s->ier & ~IER_MASK) || (s->mcr & ~MCR_MASK) || (s->lsr & ~LSR_OE)) {
        return -EINVAL;
    }
    return s->thri > 1 || s->timeout > 1 || (s->timeout && !s->rx_count) || s->reserved ? -EINVAL
                                                                                        : 0;
}

/* The back end may be another one now: offer it what waits, and ask for input. */
static void ns16550_resume(struct device *dev)
{
    struct ns16550 *u = (struct ns16550 *)dev;

    tx_drain(u);
    irq_update(u);
    room_tell(u);
}

static const struct device_class ns16550_class = {
    .name = "ns16550",
    .state = &ns16550_state_type,
    .reset = ns16550_reset,
    .check = ns16550_check,
    .resume = ns16550_resume,
};

int ns16550_init(struct ns16550 *u, const struct hw *hw, const struct ns16550_config *config)
{
    int err = arena_add(hw->arena, &u->dev, &ns16550_class, config->id);

    if (err) {
        return err;
    }
    u->s = u->dev.state;
    u->clock = hw->clock;
    u->irq = config->irq;
    u->chr = config->chr;
    u->front = (struct chr_front){front_can_receive, front_receive, front_writable, u};
    u->timer = clock_timer_new(hw->clock, timeout_fire, u);
    u->ports = (struct region){
        .name = config->id,
        .regs = ns16550_regs,
        .nregs = 1,
        .opaque = u,
        .len = NREGS,
    };
    return bus_map(hw->pio, &u->ports, config->base);
}
