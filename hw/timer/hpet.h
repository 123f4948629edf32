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
#define HPET_IRQS 24
#define HPET_PERIOD_FS 10000000u // 10 ns
#define HPET_ID (0x8086u << 16 | 1 << 15 | 1 << 13 | (HPET_TIMERS - 1) << 8 | 1) // vendor, legacy replacement, 64 bits, timers, revision
#define HPET_MIN_TICKS 100 // between two interrupts of a comparator

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
    struct irq irqs[HPET_IRQS];
    bool (*message)(void *opaque, uint64_t address, uint32_t data);
    void *message_opaque;
    void (*legacy)(void *opaque, bool on);
    void *legacy_opaque;
};
// irqs: by GSI; 0 and 8 are what legacy replacement uses, else 2, 8 and 20 to 23 can be chosen. message: for FSB delivery (lapic_message), may be NULL. legacy: told when legacy replacement
// changes (the PIT and RTC lose IRQ 0 and 8), may be NULL.
void hpet_init(struct hpet *hpet, struct region *memory, uint64_t base, struct clock *clock, const struct irq *irqs,
               bool (*message)(void *opaque, uint64_t address, uint32_t data), void *message_opaque,
               void (*legacy)(void *opaque, bool on), void *legacy_opaque);
void hpet_reset(struct hpet *hpet);
// Are IRQ 0 and 8 the HPET's now?
bool hpet_replaces_legacy(const struct hpet *hpet);
extern const struct state_table hpet_state;
