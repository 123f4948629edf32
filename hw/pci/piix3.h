// SPDX-License-Identifier: MIT
//
// 82371SB south bridge, function 0: PIRQ route registers 60h..63h to ISA interrupts, reset control at port cf9.
// [82371SB datasheet 2.2, 2.5.5]
#pragma once
#include "hw/pci/pci.h"
#include "util/state.h"

struct piix3 {
    struct pci_device pci;
    struct irq isa[16];        // wires to the 8259 pair and the I/O APIC
    int pirq_level[4];
    uint16_t asserted;         // ISA lines held up by PIRQs
    struct irq reset;          // pulse: reset the machine
    uint8_t reset_control;
};
// devfn is 1.0. isa: 16 wires. Takes over the bus' PIRQs.
void piix3_init(struct piix3 *piix, struct pci_bus *bus, const struct irq *isa, struct irq reset);
void piix3_reset(struct piix3 *piix);
extern const struct state_table piix3_state;
