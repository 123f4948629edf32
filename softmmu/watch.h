// SPDX-License-Identifier: MIT
//
// Watchpoints: ranges of virtual addresses whose accesses somebody wants to know (a debugger, debug registers).
//
// A page with a watchpoint gets no entry in the first-level TLB for what is watched (for a read: none at all, as
// a read-modify-write goes by the write entry), so each such access comes to the slow path, which asks here. An access that
// hits leaves exactly, runs again as a block of its own, and only then sets `hit`; who placed the watchpoint looks at
// vcpu_head.watch_hit after the instruction. Guest accesses only: not page walks, not DMA. Without watchpoints the cost
// is one compare in the slow path. Machine thread only; the checks run with the guest's vector registers live.
#pragma once
#include "softmmu/tlb.h"

#define WATCH_READ (1u << ACCESS_READ)
#define WATCH_WRITE (1u << ACCESS_WRITE)

struct watchpoint {
    uint64_t va, len;        // bytes; len > 0, does not wrap
    uint8_t kinds;           // WATCH_*
    uint8_t hit;             // WATCH_* that happened since somebody cleared it
    struct vcpu_head *cpu;   // whose accesses count; NULL: all
    struct watchpoint *next;
};

// The node belongs to the caller and stays where it is until it is removed. Not from inside generated code.
void watch_add(struct tlb_machine *tlb, struct watchpoint *watch);
void watch_remove(struct tlb_machine *tlb, struct watchpoint *watch);
// WATCH_* bits watched anywhere on the page of va, on any vCPU.
unsigned watch_page(const struct tlb_machine *tlb, uint64_t va);
// Does the access touch a watchpoint of this vCPU? With note it is recorded there and in cpu->watch_hit.
bool watch_match(struct vcpu_head *cpu, uint64_t va, uint64_t len, enum access access, bool note);

static inline bool watch_any(const struct tlb_machine *tlb)
{
    return ((const struct tlb_watches *)(const void *)tlb)->first != NULL;
}
