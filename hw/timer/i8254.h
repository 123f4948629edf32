// SPDX-License-Identifier: MIT
//
// 8254 programmable interval timer (ports 40h..43h) and port 61h: gate and output of channel 2, speaker, refresh toggle.
// [Intel 8254 datasheet; counters run at 1193182 Hz of virtual time]
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/irq.h"
#include "softmmu/memory.h"
#include "util/clock.h"
#include "util/state.h"

#define PIT_HZ 1193182

struct i8254_channel {
    uint32_t reload;          // 1..65536
    uint8_t mode, access;     // 0..5; 1 low, 2 high, 3 both
    bool bcd, gate, loaded;   // loaded: a count was written since the control word
    uint8_t write_step, write_low, read_step;
    bool count_latched, status_latched;
    uint8_t latch_left;       // bytes of the latched count still to be read
    uint16_t latch;
    uint8_t status;
    int64_t start;            // ns: when counting began
    uint64_t ticks_paused;    // ticks counted when the gate closed (modes 0, 4)
};
struct i8254 {
    struct i8254_channel channel[3];
    struct clock *clock;
    struct timer timer;       // next edge of channel 0
    struct irq irq;           // OUT of channel 0
    uint8_t port61;
    struct region io, speaker_io;
};
void i8254_init(struct i8254 *pit, struct region *ports, struct clock *clock, struct irq irq);
void i8254_reset(struct i8254 *pit);
extern const struct state_table i8254_state;
