// SPDX-License-Identifier: MIT
//
// PIIX3 function 0: routes PIRQA..D to ISA interrupt lines, and resets the machine by port cf9. Machine thread only.
#include "hw/pci/piix3.h"
#include <string.h>

#define PIRQ_ROUTE 0x60
#define ROUTE_OFF 0x80
#define ROUTABLE 0xdef8 // IRQs 3-7, 9-12, 14, 15

static void update(struct piix3 *piix)
{
    uint16_t now = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t route = piix->pci.config[PIRQ_ROUTE + i];
        if (piix->pirq_level[i] && !(route & ROUTE_OFF))
            now |= (uint16_t)(1 << (route & 15));
    }
    now &= ROUTABLE;
    uint16_t changed = now ^ piix->asserted;
    piix->asserted = now;
    for (int i = 0; i < 16; i++) {
        if (changed >> i & 1)
            irq_set(&piix->isa[i], now >> i & 1);
    }
}

static void set_pirq(void *opaque, int pirq, int level)
{
    struct piix3 *piix = opaque;
    piix->pirq_level[pirq & 3] = level;
    update(piix);
}

static void config_written(struct pci_device *device, unsigned offset, unsigned size)
{
    if (offset < PIRQ_ROUTE + 4 && offset + size > PIRQ_ROUTE)
        update(device->opaque);
}

static uint8_t cf9_read(void *opaque) { return ((struct piix3 *)opaque)->reset_control; }

static void cf9_write(void *opaque, uint8_t value)
{
    struct piix3 *piix = opaque;
    bool rises = (value & 4) && !(piix->reset_control & 4);
    piix->reset_control = value & 2; // RST_CPU goes back to 0 with the reset
    if (rises)
        irq_pulse(&piix->reset);
}

static void reset(struct pci_device *device) { piix3_reset(device->opaque); }

void piix3_reset(struct piix3 *piix)
{
    memset(&piix->pci.config[PIRQ_ROUTE], ROUTE_OFF, 4);
    piix->reset_control = 0;
    update(piix);
}

void piix3_init(struct piix3 *piix, struct pci_bus *bus, const struct irq *isa, struct irq reset_wire)
{
    memset(piix, 0, sizeof(*piix));
    memcpy(piix->isa, isa, sizeof(piix->isa));
    piix->reset = reset_wire;
    pci_device_add(bus, &piix->pci, "PIIX3", 1 << 3, 0x8086, 0x7000, 0x060100, 0);
    piix->pci.config[0x0e] = 0x80; // more functions follow
    piix->pci.opaque = piix;
    piix->pci.config_written = config_written;
    piix->pci.reset = reset;
    memset(&piix->pci.writable[PIRQ_ROUTE], 0x8f, 4);
    bus->set_pirq = set_pirq;
    bus->pirq_opaque = piix;
    bus->cf9_read = cf9_read;
    bus->cf9_write = cf9_write;
    bus->cf9_opaque = piix;
    piix3_reset(piix);
}

// ---- state

static const struct state_field piix3_state_fields[] = {
    STATE_STRUCT(piix3, pci, pci_device_state), STATE_ARRAY(piix3, pirq_level), STATE_FIELD(piix3, asserted),
    STATE_FIELD(piix3, reset_control),
};
STATE_TABLE(piix3_state);
