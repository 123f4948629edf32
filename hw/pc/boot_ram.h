// SPDX-License-Identifier: MIT
//
// Boot RAM: one memory backend, or one for each NUMA node that has memory, behind one another. The region "pc.ram" is all of it;
// two windows show it to the guest, from 0 and from 4 GiB on.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "softmmu/memory.h"

struct error;
struct pc;
struct boot_ram {
    struct region all;            // "pc.ram": RAM, or a container of `parts`
    struct region *parts;         // a node's memory each; NULL: one backend
    unsigned part_count;
    struct region low, high;      // "ram-below-4g", "ram-above-4g": aliases of `all`
};
// -machine memory-backend=ID without -m: the backend's size is the machine's.
void boot_ram_choose_size(struct pc *pc);
// Finds or makes the backends and claims them; pc->numa is complete then. False: *errp.
bool boot_ram_take(struct pc *pc, struct error **errp);
void boot_ram_map(struct pc *pc);
void boot_ram_release(struct boot_ram *ram);
