// SPDX-License-Identifier: MIT
//
// 82441FX host bridge (device 0): PAM registers shadow c0000-fffff, SMRAM register shows or hides a0000-bffff.
// [82441FX datasheet 3.2.18, 3.2.19]
#pragma once
#include "hw/pci/pci.h"
#include "util/state.h"

#define I440FX_PAM_COUNT 13

struct i440fx {
    struct pci_device pci;
    struct address_space *memory;
    struct region hole;        // nothing answers at a0000..fffff unless a window, a ROM or VGA covers it
    struct region pam[I440FX_PAM_COUNT]; // boot RAM, read-only or not, where its nibble says so
    struct region smram;       // RAM at a0000 when SMRAM is open
};
// Priorities that the board must keep to below 1 MiB, in the root of `memory`.
enum { I440FX_PRIORITY_RAM, I440FX_PRIORITY_HOLE, I440FX_PRIORITY_ROM, I440FX_PRIORITY_WINDOW };
// ram: the region of boot RAM whose offset 0 is guest physical 0 (the windows are aliases of it). After reset no window
// shows RAM: firmware opens them.
void i440fx_init(struct i440fx *bridge, struct pci_bus *bus, struct address_space *memory, struct region *ram);
void i440fx_reset(struct i440fx *bridge);
// All of c0000..fffff is RAM, as firmware leaves it: for kernels that are booted without firmware.
void i440fx_open_all(struct i440fx *bridge);
extern const struct state_table i440fx_state;
