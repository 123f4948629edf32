// SPDX-License-Identifier: MIT
//
// PCI: one bus, type 0 configuration headers, BARs, interrupt pins. Configuration mechanism #1. [PCI 3.0 chapter 6, 3.2.2.3]
// A function owns a struct pci_device; the bus maps its BARs when command bits and addresses change. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/irq.h"
#include "softmmu/memory.h"
#include "util/state.h"

struct pci_bus;
struct pci_bar {
    struct region *region;    // NULL: no such BAR
    uint64_t size;            // power of two
    bool io, wide, mapped;    // wide: 64 bits (takes the next one, too)
    uint64_t address;         // where it is mapped
};
struct pci_device {
    const char *name;
    struct pci_bus *bus;
    uint8_t devfn;            // device << 3 | function
    uint8_t config[256];
    uint8_t writable[256];    // bits that the guest can write
    uint8_t clear[256];       // bits that a written 1 clears
    struct pci_bar bars[6];
    // After the guest wrote config[offset .. offset + size); may be NULL.
    void (*config_written)(struct pci_device *device, unsigned offset, unsigned size);
    // Before the guest reads there: refresh what changes by itself; may be NULL.
    void (*config_reading)(struct pci_device *device, unsigned offset, unsigned size);
    void (*reset)(struct pci_device *device);
    void *opaque;
    int intx_level;
};
struct pci_bus {
    struct pci_device *devices[256];  // by devfn
    struct region *memory, *ports;    // roots that BARs go to
    struct region io_address, io_data; // cf8, cfc
    uint32_t address;                 // CONFIG_ADDRESS
    int pirq_count[4];                // how many functions assert PIRQA..D
    void (*set_pirq)(void *opaque, int pirq, int level);
    void *pirq_opaque;
    // Port cf9 lies inside CONFIG_ADDRESS for byte accesses: the south bridge's reset control. May be NULL.
    uint8_t (*cf9_read)(void *opaque);
    void (*cf9_write)(void *opaque, uint8_t value);
    void *cf9_opaque;
};

// Puts the ports there.
void pci_bus_init(struct pci_bus *bus, struct region *memory, struct region *ports);
// Resets CONFIG_ADDRESS and every function on the bus (their own reset functions included).
void pci_bus_reset(struct pci_bus *bus);
// Fills the header (vendor.., class: 24 bits, as in the header: base, sub, interface) and puts it on the bus.
// devfn < 0: the first free device number from 2 on. False when the place is taken.
bool pci_device_add(struct pci_bus *bus, struct pci_device *device, const char *name, int devfn, uint16_t vendor,
                    uint16_t device_id, uint32_t class_code, uint8_t revision);
void pci_device_remove(struct pci_device *device);
// Only before the guest runs; size is a power of two, >= 4 (I/O) or >= 16 (memory).
void pci_device_set_bar(struct pci_device *device, unsigned index, struct region *region, bool io, bool prefetch, bool wide);
// Interrupt pin (config 3d): 1 = INTA.
void pci_device_set_pin(struct pci_device *device, uint8_t pin);
void pci_set_irq(struct pci_device *device, int level);
// Configuration accesses, as from the guest.
uint32_t pci_config_read(struct pci_bus *bus, uint8_t devfn, unsigned offset, unsigned size);
void pci_config_write(struct pci_bus *bus, uint8_t devfn, unsigned offset, uint32_t value, unsigned size);
static inline uint16_t pci_get16(const struct pci_device *d, unsigned o) { return (uint16_t)(d->config[o] | d->config[o + 1] << 8); }
static inline uint32_t pci_get32(const struct pci_device *d, unsigned o) { return pci_get16(d, o) | (uint32_t)pci_get16(d, o + 2) << 16; }
static inline void pci_set16(struct pci_device *d, unsigned o, uint16_t v) { d->config[o] = (uint8_t)v; d->config[o + 1] = (uint8_t)(v >> 8); }
static inline void pci_set32(struct pci_device *d, unsigned o, uint32_t v) { pci_set16(d, o, (uint16_t)v); pci_set16(d, o + 2, (uint16_t)(v >> 16)); }
extern const struct state_table pci_device_state;
extern const struct state_table pci_bus_state;
