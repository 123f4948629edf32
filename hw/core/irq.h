// SPDX-License-Identifier: MIT
//
// One interrupt wire: a function at the receiving end, with a pin number. Copied by value; levels, not edges.
#pragma once

struct irq {
    void (*set)(void *opaque, int pin, int level);
    void *opaque;
    int pin;
};
static inline void irq_set(const struct irq *irq, int level)
{
    if (irq->set)
        irq->set(irq->opaque, irq->pin, level);
}
static inline void irq_pulse(const struct irq *irq)
{
    irq_set(irq, 1);
    irq_set(irq, 0);
}
