// SPDX-License-Identifier: MIT
//
// What became of a DIMM: what the guest answered by _OST, and what it really did with the memory. Linux acknowledges
// memory that it then refuses, so the guest's page tables are asked: its direct map covers an accepted DIMM to the last
// page and a refused one not at all. Whether vCPUs wrote to it comes from the TLB's fills. Looking changes nothing that the
// guest can see. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/machine.h"
#include "hw/mem/pc_dimm.h"

enum dimm_use {
    DIMM_UNKNOWN,    // no page tables that tell (paging off, legacy modes)
    DIMM_NOT_MAPPED, // refused, or not looked at so far
    DIMM_MAPPED,     // accepted; nothing written so far (perhaps offline)
    DIMM_IN_USE,
};
struct dimm_state {
    enum dimm_use use;
    uint64_t touched;  // bytes of pages that were written
    char text[64];     // "in use, 12 MiB touched"
    char reason[320];  // why it is so, or what stands in the way of a removal; "" when there is nothing to say
};
struct dimm_watch_slot {
    int64_t acknowledged_at, asked_at; // virtual ns
    int64_t mapping_due, answer_due;   // when to look whether it is mapped, and answered; CLOCK_NEVER: no more
    enum dimm_use last_known;
};
struct dimm_watch {
    struct machine *machine;
    struct timer timer;                // of the next thing to look at
    struct event_sink sink;
    struct dimm_watch_slot slots[MEMORY_SLOTS_MAX];
};

#define DIMM_PATIENCE_NS (5 * NS_PER_SECOND) // virtual time after which silence is worth a word
void dimm_watch_init(struct dimm_watch *watch, struct machine *machine);
void dimm_watch_release(struct dimm_watch *watch);
void dimm_watch_plugged(struct dimm_watch *watch, const struct pc_dimm *dimm); // warns of sizes that guests refuse
void dimm_watch_asked(struct dimm_watch *watch, const struct pc_dimm *dimm);   // the guest is to let go of it
void dimm_watch_reset(struct dimm_watch *watch);
void dimm_state_get(struct machine *machine, const struct pc_dimm *dimm, struct dimm_state *state);
