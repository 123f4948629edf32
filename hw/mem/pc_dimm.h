// SPDX-License-Identifier: MIT
//
// pc-dimm: a DIMM. Joins a memory backend, a slot and an address; what the guest sees of it is hw/acpi/mem_hotplug.c's.
// Machine thread only; the board's hotplug_ops call the functions below.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "backends/memory_backend.h"
#include "hw/core/device.h"
#include "hw/mem/memory_device.h"
#include "softmmu/memory.h"

struct pc_dimm {
    struct device device;
    struct memory_backend *memdev;
    int32_t slot;              // -1: any; set by check
    uint64_t addr;             // 0: any; set by check
    uint32_t node;
    bool autodel;              // the backend goes with the DIMM
    uint64_t size;             // read-only: of the backend
    struct memory_device place;
    struct region region;      // the backend's bytes in the window
    bool plugged;
};
extern const struct device_type pc_dimm_type;
static inline struct pc_dimm *pc_dimm_of(struct device *device) // NULL: not a pc-dimm
{
    return device->type == &pc_dimm_type ? (struct pc_dimm *)device : 0;
}
// May it be plugged? Fills in slot, addr and size; changes nothing else. node_count: NUMA nodes of the machine.
bool pc_dimm_check(struct machine *machine, struct pc_dimm *dimm, unsigned node_count, struct error **errp);
// Into the window's list, the backend busy, the bytes in the flat view. Cannot fail after check.
void pc_dimm_plug(struct machine *machine, struct pc_dimm *dimm);
// Out of all of them; the device itself stays for device_delete.
void pc_dimm_unplug(struct machine *machine, struct pc_dimm *dimm);
