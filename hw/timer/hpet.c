// SPDX-License-Identifier: MIT
//
// HPET. The counter is virtual time in units of 10 ns plus an offset, so that nothing runs between events; a comparator's
// timer is armed for the moment of equality. Registers are 64 bits wide; a 32-bit access works on one half.
// [IA-PC HPET 1.0a 2.3] Machine thread only.
#include "hw/timer/hpet.h"
#include <string.h>

#define TICK_NS 10
#define MIN_PERIOD_NS (HPET_MIN_TICKS * TICK_NS)
enum { REG_CAP = 0, REG_CONFIG = 0x10, REG_STATUS = 0x20, REG_COUNTER = 0xf0, REG_TIMERS = 0x100 };
enum { CONFIG_ENABLE = 1, CONFIG_LEGACY = 2 };
enum { T_LEVEL = 2, T_ENABLE = 4, T_PERIODIC = 8, T_CAN_PERIODIC = 0x10, T_64BIT = 0x20, T_SET = 0x40, T_32MODE = 0x100,
       T_ROUTE = 0x3e00, ROUTE_SHIFT = 9, T_FSB = 0x4000, T_CAN_FSB = 0x8000 };
#define ROUTES 0xf00104ull // GSIs 2, 8, 20-23
#define T_WRITABLE (T_LEVEL | T_ENABLE | T_PERIODIC | T_32MODE | T_ROUTE | T_FSB)

static uint64_t ticks_now(const struct hpet *h) { return (uint64_t)clock_now(h->clock) / TICK_NS; }

static uint64_t counter(const struct hpet *h)
{
    return h->config & CONFIG_ENABLE ? h->counter + ticks_now(h) : h->counter;
}

static uint64_t width_mask(const struct hpet_timer *t) { return t->config & T_32MODE ? UINT32_MAX : UINT64_MAX; }

// ---- interrupts

bool hpet_replaces_legacy(const struct hpet *h) { return h->config & CONFIG_LEGACY; }

static const struct irq *wire(const struct hpet_timer *t)
{
    const struct hpet *h = t->hpet;
    if ((h->config & CONFIG_LEGACY) && t->index < 2)
        return &h->irqs[t->index ? 8 : 0];
    unsigned pin = (t->config & T_ROUTE) >> ROUTE_SHIFT;
    return ROUTES >> pin & 1 ? &h->irqs[pin] : NULL;
}

static void deliver(struct hpet_timer *t)
{
    struct hpet *h = t->hpet;
    if (t->config & T_LEVEL)
        h->status |= 1ull << t->index;
    if (!(t->config & T_ENABLE))
        return;
    if (t->config & T_FSB) {
        if (h->message)
            h->message(h->message_opaque, t->fsb >> 32, (uint32_t)t->fsb);
    } else if (wire(t)) {
        irq_set(wire(t), 1);
        if (!(t->config & T_LEVEL))
            irq_set(wire(t), 0);
    }
}

static void lower(struct hpet_timer *t)
{
    if ((t->config & T_LEVEL) && !(t->config & T_FSB) && wire(t))
        irq_set(wire(t), 0);
}

// ---- comparators

static void arm(struct hpet_timer *t)
{
    struct hpet *h = t->hpet;
    if (!(h->config & CONFIG_ENABLE)) {
        timer_disarm(&t->timer);
        return;
    }
    uint64_t ahead = (t->comparator - counter(h)) & width_mask(t);
    if (!ahead)
        ahead = width_mask(t); // equality was just now
    int64_t now = clock_now(h->clock);
    if (ahead > (uint64_t)(INT64_MAX - now) / TICK_NS - 1) {
        timer_disarm(&t->timer); // not in this machine's life
        return;
    }
    int64_t at = (int64_t)(ticks_now(h) + ahead) * TICK_NS;
    if ((t->config & T_PERIODIC) && at < now + MIN_PERIOD_NS)
        at = now + MIN_PERIOD_NS;
    timer_arm(&t->timer, at);
}

static void matched(void *opaque)
{
    struct hpet_timer *t = opaque;
    if ((t->config & T_PERIODIC) && t->period) {
        uint64_t late = (counter(t->hpet) - t->comparator) & width_mask(t);
        t->comparator = (t->comparator + (late / t->period + 1) * t->period) & width_mask(t);
    }
    arm(t);
    deliver(t);
}

// ---- registers

static uint64_t timer_get(const struct hpet_timer *t, unsigned reg)
{
    switch (reg) {
    case 0x00: return t->config | ROUTES << 32 | T_CAN_PERIODIC | T_64BIT | T_CAN_FSB;
    case 0x08: return t->comparator & width_mask(t);
    case 0x10: return t->fsb;
    default: return 0;
    }
}

static void timer_set(struct hpet_timer *t, unsigned reg, uint64_t value, uint64_t mask)
{
    switch (reg) {
    case 0x00:
        lower(t);
        mask &= T_WRITABLE | T_SET;
        if (!(ROUTES >> ((value & T_ROUTE) >> ROUTE_SHIFT) & 1))
            mask &= ~(uint64_t)T_ROUTE; // not offered: reads back as before, which is how a driver finds out [2.3.8]
        t->config = (t->config & ~mask) | (value & mask);
        arm(t);
        break;
    case 0x08:
        if (t->config & T_PERIODIC)
            t->period = ((t->period & ~mask) | (value & mask)) & width_mask(t);
        if (!(t->config & T_PERIODIC) || (t->config & T_SET))
            t->comparator = (t->comparator & ~mask) | (value & mask);
        t->config &= ~(uint64_t)T_SET;
        arm(t);
        break;
    case 0x10:
        t->fsb = (t->fsb & ~mask) | (value & mask);
        break;
    }
}

static uint64_t get(const struct hpet *h, unsigned reg)
{
    switch (reg) {
    case REG_CAP: return (uint64_t)HPET_PERIOD_FS << 32 | HPET_ID;
    case REG_CONFIG: return h->config;
    case REG_STATUS: return h->status;
    case REG_COUNTER: return counter(h);
    }
    if (reg >= REG_TIMERS && (reg - REG_TIMERS) / 0x20 < HPET_TIMERS)
        return timer_get(&h->timers[(reg - REG_TIMERS) / 0x20], reg & 0x1f);
    return 0;
}

static void set_config(struct hpet *h, uint64_t value)
{
    uint64_t changed = (h->config ^ value) & (CONFIG_ENABLE | CONFIG_LEGACY);
    uint64_t shown = counter(h);
    h->config ^= changed;
    if (changed & CONFIG_ENABLE)
        h->counter = value & CONFIG_ENABLE ? shown - ticks_now(h) : shown;
    if ((changed & CONFIG_LEGACY) && h->legacy)
        h->legacy(h->legacy_opaque, value & CONFIG_LEGACY);
    for (unsigned i = 0; i < HPET_TIMERS; i++)
        arm(&h->timers[i]);
}

static void set(struct hpet *h, unsigned reg, uint64_t value, uint64_t mask)
{
    switch (reg) {
    case REG_CONFIG:
        set_config(h, (h->config & ~mask) | (value & mask));
        return;
    case REG_STATUS:
        for (unsigned i = 0; i < HPET_TIMERS; i++) {
            if (h->status & value & mask & 1ull << i)
                lower(&h->timers[i]);
        }
        h->status &= ~(value & mask);
        return;
    case REG_COUNTER: // only while it stands
        if (!(h->config & CONFIG_ENABLE))
            h->counter = (h->counter & ~mask) | (value & mask);
        return;
    }
    if (reg >= REG_TIMERS && (reg - REG_TIMERS) / 0x20 < HPET_TIMERS)
        timer_set(&h->timers[(reg - REG_TIMERS) / 0x20], reg & 0x1f, value, mask);
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    uint64_t value = get(opaque, (unsigned)offset & 0x3f8);
    return size == 4 && (offset & 4) ? value >> 32 : value;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    unsigned shift = size == 4 && (offset & 4) ? 32 : 0;
    uint64_t mask = size == 8 ? UINT64_MAX : (uint64_t)UINT32_MAX << shift;
    set(opaque, (unsigned)offset & 0x3f8, value << shift, mask);
}

static const struct region_ops mmio_ops = { mmio_read, mmio_write, 4, 8, false };

void hpet_reset(struct hpet *h)
{
    set_config(h, 0);
    h->counter = h->status = 0;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        struct hpet_timer *t = &h->timers[i];
        lower(t);
        timer_disarm(&t->timer);
        t->config = t->period = t->fsb = 0;
        t->comparator = UINT64_MAX;
    }
}

void hpet_init(struct hpet *h, struct region *memory, uint64_t base, struct clock *clock, const struct irq *irqs,
               bool (*message)(void *opaque, uint64_t address, uint32_t data), void *message_opaque,
               void (*legacy)(void *opaque, bool on), void *legacy_opaque)
{
    memset(h, 0, sizeof(*h));
    h->clock = clock;
    memcpy(h->irqs, irqs, sizeof(h->irqs));
    h->message = message;
    h->message_opaque = message_opaque;
    h->legacy = legacy;
    h->legacy_opaque = legacy_opaque;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        h->timers[i].hpet = h;
        h->timers[i].index = i;
        timer_init(&h->timers[i].timer, clock, matched, &h->timers[i]);
    }
    region_init_io(&h->mmio, "hpet", &mmio_ops, h, 0x400);
    region_add(memory, &h->mmio, base, 0);
    hpet_reset(h);
}

// ---- state

static const struct state_field hpet_timer_state_fields[] = {
    STATE_FIELD(hpet_timer, config), STATE_FIELD(hpet_timer, comparator), STATE_FIELD(hpet_timer, period),
    STATE_FIELD(hpet_timer, fsb), STATE_TIMER(hpet_timer, timer),
};
static STATE_TABLE(hpet_timer_state);

static const struct state_field hpet_state_fields[] = {
    STATE_FIELD(hpet, config), STATE_FIELD(hpet, status), STATE_FIELD(hpet, counter),
    STATE_STRUCTS(hpet, timers, hpet_timer_state),
};
STATE_TABLE(hpet_state);
