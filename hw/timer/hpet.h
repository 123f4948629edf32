// SPDX-License-Identifier: MIT
//
// HPET: one block of three comparators at fed00000, 100 MHz of virtual time. [IA-PC HPET specification 1.0a]
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/irq.h"
#include "softmmu/memory.h"
#include "util/clock.h"
#include "util/state.h"

#define HPET_BASE 0xfed00000ull
#define HPET_TIMERS 3
#define HPET_PERIOD_FS 10000000u // 10 ns

struct hpet;
struct hpet_timer {
    struct hpet *hpet;
    uint64_t config, comparator, period, fsb;
    struct timer timer;
    unsigned index;
};
struct hpet {
    struct region mmio;
    struct clock *clock;
    uint64_t config, status, counter; // counter: value while stopped, or at virtual time 0 while it runs
    struct hpet_timer timers[HPET_TIMERS];
    struct irq irqs[24];
    bool (*message)(void *opaque, uint64_t address, uint32_t data);
    void *message_opaque;
    void (*legacy)(void *opaque, bool on);
    void *legacy_opaque;
};
// irqs: 24 wires (GSIs). message: for FSB delivery (lapic_message), may be NULL. legacy: told when legacy replacement
// changes (the PIT and RTC lose IRQ 0 and 8), may be NULL.
void hpet_init(struct hpet *hpet, struct region *memory, uint64_t base, struct clock *clock, const struct irq *irqs,
               bool (*message)(void *opaque, uint64_t address, uint32_t data), void *message_opaque,
               void (*legacy)(void *opaque, bool on), void *legacy_opaque);
void hpet_reset(struct hpet *hpet);
extern const struct state_table hpet_state;
