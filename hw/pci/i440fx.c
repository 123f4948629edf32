// SPDX-License-Identifier: MIT
//
// 82441FX: PAM nibbles (bit 0: reads go to RAM, bit 1: writes do) and SMRAM.D_OPEN as windows onto boot RAM. A range whose
// reads go to PCI and writes to RAM shows the PCI side only: firmware never runs so. Machine thread only.
#include "hw/pci/i440fx.h"
#include <string.h>

#define PAM0 0x59
#define SMRAM 0x72
enum { SMRAM_LOCK = 0x10, SMRAM_OPEN = 0x40 };

// Range i of the PAM registers: 0 is f0000-fffff (PAM0's high nibble), 1..12 are 16 KiB each from c0000.
static uint64_t pam_base(unsigned i) { return i ? 0xc0000 + (i - 1) * 0x4000ull : 0xf0000; }
static uint64_t pam_size(unsigned i) { return i ? 0x4000 : 0x10000; }

static unsigned pam_bits(const struct i440fx *bridge, unsigned i)
{
    if (i == 0)
        return bridge->pci.config[PAM0] >> 4 & 3;
    return bridge->pci.config[PAM0 + 1 + (i - 1) / 2] >> ((i - 1) & 1 ? 4 : 0) & 3;
}

static void show(struct i440fx *bridge)
{
    memory_transaction_begin(bridge->memory);
    for (unsigned i = 0; i < I440FX_PAM_COUNT; i++) {
        unsigned bits = pam_bits(bridge, i);
        region_set_readonly(&bridge->pam[i], bits == 1);
        region_set_enabled(&bridge->pam[i], bits & 1);
    }
    region_set_enabled(&bridge->smram, bridge->pci.config[SMRAM] & SMRAM_OPEN);
    memory_transaction_commit(bridge->memory);
}

static void config_written(struct pci_device *device, unsigned offset, unsigned size)
{
    struct i440fx *bridge = device->opaque;
    if (offset + size <= PAM0 || offset > SMRAM)
        return;
    if (device->config[SMRAM] & SMRAM_LOCK) { // D_OPEN falls and the register is read-only until reset
        device->config[SMRAM] &= (uint8_t)~SMRAM_OPEN;
        device->writable[SMRAM] = 0;
    }
    show(bridge);
}

static void reset(struct pci_device *device) { i440fx_reset(device->opaque); }

static uint64_t hole_read(void *opaque, uint64_t offset, unsigned size) { return UINT64_MAX; }
static void hole_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) { }
static const struct region_ops hole_ops = { hole_read, hole_write, 1, 8, false };

void i440fx_reset(struct i440fx *bridge)
{
    memset(&bridge->pci.config[PAM0], 0, 7);
    bridge->pci.config[SMRAM] = 0x02;
    bridge->pci.writable[SMRAM] = 0x78;
    show(bridge);
}

void i440fx_open_all(struct i440fx *bridge)
{
    bridge->pci.config[PAM0] = 0x30;
    memset(&bridge->pci.config[PAM0 + 1], 0x33, 6);
    show(bridge);
}

void i440fx_init(struct i440fx *bridge, struct pci_bus *bus, struct address_space *memory, struct region *ram)
{
    memset(bridge, 0, sizeof(*bridge));
    bridge->memory = memory;
    pci_device_add(bus, &bridge->pci, "i440FX", 0, 0x8086, 0x1237, 0x060000, 2);
    bridge->pci.opaque = bridge;
    bridge->pci.config_written = config_written;
    bridge->pci.reset = reset;
    bridge->pci.writable[PAM0] = 0x30;
    memset(&bridge->pci.writable[PAM0 + 1], 0x33, 6);
    memory_transaction_begin(memory);
    region_init_io(&bridge->hole, "isa-hole", &hole_ops, bridge, 0x60000);
    region_add(&memory->root, &bridge->hole, 0xa0000, I440FX_PRIORITY_HOLE);
    for (unsigned i = 0; i < I440FX_PAM_COUNT; i++) {
        region_init_alias(&bridge->pam[i], "pam", ram, pam_base(i), pam_size(i));
        region_add(&memory->root, &bridge->pam[i], pam_base(i), I440FX_PRIORITY_WINDOW);
    }
    region_init_alias(&bridge->smram, "smram", ram, 0xa0000, 0x20000);
    region_add(&memory->root, &bridge->smram, 0xa0000, I440FX_PRIORITY_WINDOW);
    i440fx_reset(bridge);
    memory_transaction_commit(memory);
}

// ---- state

static const struct state_field i440fx_state_fields[] = {
    STATE_STRUCT(i440fx, pci, pci_device_state),
};
STATE_TABLE(i440fx_state);
