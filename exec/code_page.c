// SPDX-License-Identifier: MIT
//
// Code-page handles: one number for a pair (virtual page, RAM page). Links to another page and jump caches prove
// their mapping by comparing the handle that the current context has for the virtual page.
#include "exec/internal.h"

static uint32_t page_bucket(uint64_t va, uint32_t ram_id, uint64_t offset)
{
    uint64_t h = (va >> 12) * 0x9e3779b97f4a7c15ull ^ (offset >> 12) * 0xc2b2ae3d27d4eb4full ^ ram_id;
    return (uint32_t)(h >> 40) & ((1u << TB_HASH_BITS) - 1);
}

uint32_t code_page_handle(struct engine *e, uint64_t va, struct ram_block *ram, uint64_t offset)
{
    va &= ~PAGE_OFFSET_MASK;
    offset &= ~PAGE_OFFSET_MASK;
    uint32_t bucket = page_bucket(va, ram->id, offset);
    for (uint32_t i = e->page_hash[bucket]; i; i = e->pages[i].next) {
        struct code_page *page = &e->pages[i];
        if (page->va == va && page->ram_id == ram->id && page->offset == offset)
            return i;
    }
    uint32_t handle = e->page_count++;
    e->pages[handle] = (struct code_page){ .va = va, .ram = ram, .ram_id = ram->id, .offset = offset,
                                           .next = e->page_hash[bucket] };
    e->page_hash[bucket] = handle;
    return handle;
}

uint32_t code_page_current(struct engine *e, struct vcpu_head *cpu, uint64_t pc)
{
    uint32_t handle = cpu->context->code[code_slot(pc)];
    if (handle && e->pages[handle].va == (pc & ~PAGE_OFFSET_MASK))
        return handle;
    struct ram_block *ram;
    uint64_t offset;
    if (!ldst_code_pointer(cpu, pc, true, &ram, &offset))
        return 0;
    handle = code_page_handle(e, pc, ram, offset);
    tlb_enter_code(cpu->context, pc, handle);
    return handle;
}

