// SPDX-License-Identifier: MIT
//
// The list of watchpoints (softmmu/watch.h). Compiled for general registers only.
#include "softmmu/watch.h"
#include "softmmu/memory.h"

static struct watchpoint **first(struct tlb_machine *tlb)
{
    return &((struct tlb_watches *)(void *)tlb)->first;
}

void watch_add(struct tlb_machine *tlb, struct watchpoint *watch)
{
    watch->next = *first(tlb);
    *first(tlb) = watch;
    tlb_drop_range(tlb, UINT64_MAX, watch->va, watch->len);
}

void watch_remove(struct tlb_machine *tlb, struct watchpoint *watch)
{
    for (struct watchpoint **link = first(tlb); *link; link = &(*link)->next) {
        if (*link == watch) {
            *link = watch->next;
            return;
        }
    }
}

static bool overlap(const struct watchpoint *watch, uint64_t va, uint64_t len)
{
    return va - watch->va < watch->len || watch->va - va < len;
}

unsigned watch_page(const struct tlb_machine *tlb, uint64_t va)
{
    unsigned kinds = 0;
    for (const struct watchpoint *w = *first((struct tlb_machine *)tlb); w; w = w->next)
        if (overlap(w, va & ~PAGE_OFFSET_MASK, PAGE_SIZE))
            kinds |= w->kinds;
    return kinds;
}

bool watch_match(struct vcpu_head *cpu, uint64_t va, uint64_t len, enum access access, bool note)
{
    bool found = false;
    for (struct watchpoint *w = *first(cpu->tlb); w; w = w->next) {
        if (!(w->kinds & 1u << access) || (w->cpu && w->cpu != cpu) || !overlap(w, va, len))
            continue;
        found = true;
        if (note) {
            w->hit |= (uint8_t)(1u << access);
            cpu->watch_hit = 1;
        }
    }
    return found;
}
