// SPDX-License-Identifier: MIT
//
// I/O APIC: 24 pins, index and data window at fec00000, EOI register. [82093AA datasheet; PCH datasheets for EOI]
// A pin's interrupt leaves as a message (like an MSI). Machine thread only.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "softmmu/memory.h"
#include "util/state.h"

#define IOAPIC_BASE 0xfec00000ull
#define IOAPIC_PINS 24

struct ioapic {
    struct region mmio;
    uint64_t entry[IOAPIC_PINS];    // redirection table
    uint32_t lines, irr;            // levels of the wires; requests not delivered yet
    uint8_t id, select;
    bool (*message)(void *opaque, uint64_t address, uint32_t data);
    void *message_opaque;
};

void ioapic_init(struct ioapic *ioapic, struct region *memory, uint64_t base, uint8_t id,
                 bool (*message)(void *opaque, uint64_t address, uint32_t data), void *opaque);
void ioapic_reset(struct ioapic *ioapic);
// The function of a struct irq: pins 0..23, active high (polarity is kept but not applied: wires are logical).
void ioapic_set_irq(void *opaque, int pin, int level);
// EOI broadcast by a local APIC (fits struct lapic_wires.eoi with the ioapic as opaque).
void ioapic_eoi(void *opaque, uint8_t vector);
extern const struct state_table ioapic_state;
