// SPDX-License-Identifier: MIT
//
// The pair of 8259A interrupt controllers of a PC, cascaded on IRQ 2, with the ELCR of the south bridge.
// Ports 20 21 a0 a1 4d0 4d1. [Intel 8259A datasheet; PIIX3 datasheet 2.5.6 for ELCR]
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/irq.h"
#include "softmmu/memory.h"
#include "util/state.h"

struct i8259 {
    uint8_t irr, imr, isr;      // request, mask, in service
    uint8_t lines;              // levels of the wires, for edges
    uint8_t elcr, elcr_mask;    // 1: level triggered; which bits are writable
    uint8_t priority_add;       // rotation: the line of highest priority
    uint8_t vector_base;
    uint8_t init_step;          // 0: ready; 1..3: waits for ICW2..4
    bool init_needs_icw4, single;
    bool read_isr, poll, special_mask, auto_eoi, rotate_on_auto_eoi, special_fully_nested;
    bool is_master;
};
struct i8259_pair {
    struct i8259 chip[2];       // master, slave
    struct irq output;          // INTR
    int output_level;
    struct region io[2], elcr_io;
};

// `ports`: the root of the port space. `output` follows INTR.
void i8259_init(struct i8259_pair *pic, struct region *ports, struct irq output);
void i8259_reset(struct i8259_pair *pic);
// The function of a struct irq: opaque is the pair, pins 0..15.
void i8259_set_irq(void *opaque, int pin, int level);
// INTA cycle: the vector (spurious: IRQ 7 of the chip).
int i8259_acknowledge(struct i8259_pair *pic);
extern const struct state_table i8259_pair_state;
