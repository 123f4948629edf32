// SPDX-License-Identifier: MIT
//
// The four forms of page tables [SDM 3A 4.3 to 4.5] as one walk: levels of 512 eight-byte or 1024 four-byte entries.
#include "target/i386/page_tables.h"
#include "softmmu/memory.h"
#include "target/i386/cpu.h"

#define TABLES_MAX (1u << 17) // 512 MiB of tables: beyond all that a real guest has
#define ENTRY_ADDRESS 0x000ffffffffff000ull

struct visitor {
    struct x86_cpu *cpu;
    bool (*fn)(void *opaque, const struct page_mapping *page);
    void *opaque;
    uint64_t first;
    unsigned wide, tables; // bytes of an entry; how many tables may still be read
    enum page_visit result;
};

static uint64_t entry_at(const struct visitor *v, const void *table, unsigned i)
{
    return v->wide == 8 ? ((const uint64_t *)table)[i] : ((const uint32_t *)table)[i];
}

static bool is_leaf(const struct visitor *v, uint64_t entry, unsigned level)
{
    if (level == 1)
        return true;
    return entry & 0x80 && (v->wide == 8 ? level < 4 : v->cpu->cr4 & CR4_PSE);
}

static uint64_t leaf_address(const struct visitor *v, uint64_t entry, uint64_t size)
{
    if (v->wide == 4 && size > PAGE_SIZE)
        return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32; // PSE-36
    return entry & ENTRY_ADDRESS & ~(size - 1);
}

// False: stop.
static bool visit_table(struct visitor *v, uint64_t physical, unsigned entries, unsigned level, uint64_t va, uint64_t rights)
{
    uint64_t size = 1ull << (12 + (v->wide == 8 ? 9 : 10) * (level - 1));
    const void *table = address_space_ram_pointer(v->cpu->head.memory, physical, (uint64_t)entries * v->wide, false);
    if (!table)
        return true;
    if (!v->tables--) {
        v->result = PAGES_TOO_MANY;
        return false;
    }
    for (unsigned i = 0; i < entries; i++) {
        uint64_t entry = entry_at(v, table, i), here = va + i * size;
        if (level == 4 && i >= 256)
            here |= 0xffffull << 48;
        if (!(entry & 1) || here + (size - 1) < v->first)
            continue;
        uint64_t all = level == 3 && entries == 4 ? rights : rights & entry; // PAE's top level has no rights
        if (!is_leaf(v, entry, level)) {
            if (!visit_table(v, entry & (v->wide == 8 ? ENTRY_ADDRESS : 0xfffff000), v->wide == 8 ? 512 : 1024, level - 1, here, all))
                return false;
            continue;
        }
        struct page_mapping page = { .va = here, .physical = leaf_address(v, entry, size), .size = size, .entry = entry, .rights = all };
        if (!v->fn(v->opaque, &page)) {
            v->result = PAGES_STOPPED;
            return false;
        }
    }
    return true;
}

enum page_visit cpu_visit_pages(struct x86_cpu *cpu, uint64_t first, bool (*fn)(void *opaque, const struct page_mapping *page),
                                void *opaque)
{
    struct visitor v = { .cpu = cpu, .fn = fn, .opaque = opaque, .first = first, .wide = 8, .tables = TABLES_MAX };
    if (!(cpu->cr0 & CR0_PG))
        return PAGES_OFF;
    if (cpu->efer & EFER_LMA) {
        visit_table(&v, cpu->cr3 & ENTRY_ADDRESS, 512, 4, 0, 6);
    } else if (cpu->cr4 & CR4_PAE) {
        visit_table(&v, cpu->cr3 & 0xffffffe0, 4, 3, 0, 6);
    } else {
        v.wide = 4;
        visit_table(&v, cpu->cr3 & 0xfffff000, 1024, 2, 0, 6);
    }
    return v.result;
}
