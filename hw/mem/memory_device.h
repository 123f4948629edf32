// SPDX-License-Identifier: MIT
//
// The hotplug window: slots and guest physical addresses of memory devices. The one owner of both facts.
// Placement is first fit from the window's base; from 128 MiB on, addresses chosen here are multiples of 128 MiB (Linux adds
// memory in such blocks), otherwise of the backend's alignment. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/device.h"
#include "softmmu/memory.h"

struct error;
struct machine;
#define MEMORY_SLOTS_MAX 256
#define MEMORY_BLOCK (128ull << 20) // what Linux adds at a time

struct memory_device {
    struct device *device;     // whose place this is
    uint64_t addr, size;
    int slot;                  // -1: uses none
    struct memory_device *next; // sorted by address
};
struct memory_device_state {
    uint64_t base, size;       // the window; size 0: none
    unsigned slots;
    uint64_t total;            // what devices may have together: maxmem - ram
    uint64_t used;             // bytes of devices
    struct memory_device *devices;
    struct region region;      // "device-memory", covers the window
};

// round_up(4 GiB + RAM above 4 GiB, 1 GiB).
uint64_t memory_device_window_base(uint64_t ram_above_4g);
// (max - ram) + 1 GiB for each slot.
uint64_t memory_device_window_size(uint64_t ram_size, uint64_t max_ram_size, unsigned slots);
// Checks -m's values with QEMU's messages (slots, maxmem, multiple of 4096, phys_bits). max = 0: not given (set to ram).
bool memory_device_check_options(uint64_t ram_size, uint64_t *max_ram_size, uint64_t slots, bool slots_given, uint64_t ram_above_4g,
                                 unsigned phys_bits, struct error **errp);
// size: of the window, with its 1 GiB of slack for each slot. Puts the container "device-memory" into memory.
void memory_device_init(struct memory_device_state *state, struct region *memory, uint64_t base, uint64_t size, unsigned slots);
void memory_device_release(struct memory_device_state *state);

// *slot -1: the lowest free one is put there. Texts of errors are as in QEMU.
bool memory_device_find_slot(const struct memory_device_state *state, int *slot, struct error **errp);
// Room for size bytes at all?
bool memory_device_check_space(const struct memory_device_state *state, uint64_t size, struct error **errp);
// *addr 0: a place is chosen and put there.
bool memory_device_find_address(const struct memory_device_state *state, uint64_t *addr, uint64_t size, uint64_t alignment,
                                struct error **errp);
// Enter and leave the list; the caller keeps `entry` and has checked slot and address.
void memory_device_insert(struct memory_device_state *state, struct memory_device *entry);
void memory_device_remove(struct memory_device_state *state, struct memory_device *entry);
uint64_t memory_device_plugged(const struct memory_device_state *state);
// The most that could be plugged as one DIMM now, in whole blocks of 128 MiB.
uint64_t memory_device_largest(const struct memory_device_state *state);
