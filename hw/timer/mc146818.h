// SPDX-License-Identifier: MIT
//
// MC146818A real time clock with 128 bytes of CMOS RAM, ports 70h 71h. [Motorola MC146818A datasheet]
// The date is clock.wall_base_ns plus virtual time plus what the guest set. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/irq.h"
#include "softmmu/memory.h"
#include "util/clock.h"
#include "util/state.h"

struct mc146818 {
    uint8_t cmos[128];        // date registers are kept here only while the clock is stopped (SET)
    uint8_t index;
    struct clock *clock;
    int64_t offset_ns;        // date = wall_base_ns + now + offset_ns
    int64_t periodic_next;    // ns of the next periodic tick
    int64_t update_second;    // the last second whose update was reported
    struct timer periodic, update;
    struct irq irq;           // IRQ 8
    struct region io;
};
void mc146818_init(struct mc146818 *rtc, struct region *ports, struct clock *clock, struct irq irq);
void mc146818_reset(struct mc146818 *rtc);
// CMOS bytes for firmware (addresses 0x0e..0x7f).
void mc146818_set_cmos(struct mc146818 *rtc, unsigned address, uint8_t value);
uint8_t mc146818_get_cmos(const struct mc146818 *rtc, unsigned address);
extern const struct state_table mc146818_state;
