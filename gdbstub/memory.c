// SPDX-License-Identifier: MIT
//
// The guest's memory as the client sees it: through the page tables of a vCPU (that Hg chose), or physical
// (Qqemu.PhyMemMode). Looking changes nothing, not even accessed bits. Writes go through the one store path, so that
// translated code and mappings follow; they reach ROM, too. Devices are not for looking at.
#include <string.h>
#include "gdbstub/internal.h"
#include "target/i386/cpu.h"

// The bytes at address, and how many of len lie behind them in one page; NULL: no RAM there.
static const struct section *find(const struct place *p, uint64_t address, uint64_t *physical)
{
    struct vcpu_head *head = &pc_cpu(p->machine, p->cpu)->head;
    struct translation t = { .physical = address };
    if (!p->physical && !head->tlb_ops->look(head, address, &t))
        return NULL;
    *physical = t.physical & p->machine->memory.address_mask;
    const struct section *section = address_space_find(&p->machine->memory, *physical);
    return section && section->host ? section : NULL;
}

static size_t piece_of(const struct section *section, uint64_t physical, size_t len)
{
    uint64_t piece = PAGE_SIZE - (physical & PAGE_OFFSET_MASK), left = section->last - physical + 1;
    if (piece > left)
        piece = left;
    return piece < len ? (size_t)piece : len;
}

size_t memory_read(const struct place *p, uint64_t address, uint8_t *to, size_t len)
{
    size_t done = 0;
    while (done < len) {
        uint64_t physical;
        const struct section *section = find(p, address + done, &physical);
        if (!section)
            break;
        size_t piece = piece_of(section, physical, len - done);
        memcpy(to + done, section->host + (physical - section->start), piece);
        done += piece;
    }
    return done;
}

// All or nothing: the second walk cannot fail where the first did not.
bool memory_write(const struct place *p, uint64_t address, const uint8_t *from, size_t len)
{
    for (int write = 0; write < 2; write++) {
        size_t piece;
        for (size_t done = 0; done < len; done += piece) {
            uint64_t physical;
            const struct section *section = find(p, address + done, &physical);
            if (!section)
                return false; // in the second round: what was written took the page tables away
            piece = piece_of(section, physical, len - done);
            if (!write)
                continue;
            uint64_t offset = physical - section->start;
            ram_about_to_change(&p->machine->memory, section->ram, section->ram_offset + offset, piece);
            memcpy(section->host + offset, from + done, piece);
        }
    }
    return true;
}
