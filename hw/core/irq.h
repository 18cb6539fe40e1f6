/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interrupt line as a device sees it: a level that somebody watches. */
#ifndef CLEAVE_HW_CORE_IRQ_H
#define CLEAVE_HW_CORE_IRQ_H

/*
 * `set` is told the level (0 or 1) each time the device computes it; repeating a level must have no
 * effect. A device calls it once at the end of every change and again in resume(). Unconnected
 * lines have set == NULL.
 */
struct irq_line {
    void (*set)(void *opaque, unsigned n, int level);
    void *opaque;
    unsigned n;
};

static inline void irq_set(const struct irq_line *l, int level)
{
    if (l->set) {
        l->set(l->opaque, l->n, level);
    }
}

#endif
