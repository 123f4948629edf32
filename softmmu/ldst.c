// SPDX-License-Identifier: MIT
//
// The one slow path of memory accesses: TLB misses, page-crossing accesses, devices, and stores to pages that hold
// translated code or page tables. Machine thread only.
//
// Runs below generated code with the guest's vector registers live: compiled for general registers only, calls no libc;
// device callbacks and the code hook run under a guard (softmmu/vectors.h). Order of effects of one access, defined
// here for all tiers: walks of the lower page, then of the upper page (A and D bits, faults); then the decision to leave
// exactly; then drops of what the bytes were used for; then the bytes, lowest first.
#pragma GCC optimize("no-tree-loop-distribute-patterns") // no loop may become a call of memset or memcpy
#include "softmmu/memory.h"
#include "softmmu/tlb.h"
#include "softmmu/vectors.h"
#include "softmmu/watch.h"
#include "util/log.h"

typedef uint16_t __attribute__((may_alias, aligned(1))) unaligned16;
typedef uint32_t __attribute__((may_alias, aligned(1))) unaligned32;
typedef uint64_t __attribute__((may_alias, aligned(1))) unaligned64;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest memory is little endian; a big-endian host needs swaps here");

// Where one piece of an access (inside one page) goes.
struct place {
    uint8_t *host;                // RAM: the piece's first byte; NULL: device or nothing
    struct ram_block *ram;        // RAM, and only where marks may matter (writes)
    uint64_t ram_offset;
    const struct section *section; // device, or NULL
    uint64_t physical;
    bool readonly;
};

static uint64_t host_load(const uint8_t *host, unsigned size)
{
    switch (size) {
    case 1: return *host;
    case 2: return *(const unaligned16 *)host;
    case 4: return *(const unaligned32 *)host;
    default: return *(const unaligned64 *)host;
    }
}

static void host_store(uint8_t *host, uint64_t value, unsigned size)
{
    switch (size) {
    case 1: *host = (uint8_t)value; break;
    case 2: *(unaligned16 *)host = (uint16_t)value; break;
    case 4: *(unaligned32 *)host = (uint32_t)value; break;
    default: *(unaligned64 *)host = value; break;
    }
}

// ---- filling

static void fill(struct vcpu_head *cpu, struct tlb_context *context, uint64_t va, enum access access,
                 const struct translation *t, const struct place *place)
{
    uint64_t page = va & ~PAGE_OFFSET_MASK;
    uint64_t host = (uintptr_t)place->host - (va & PAGE_OFFSET_MASK);
    unsigned slot = (unsigned)(va >> PAGE_BITS) & (TLB_SIZE - 1);
    unsigned watched = watch_any(cpu->tlb) ? watch_page(cpu->tlb, va) : 0;
    if (watched & WATCH_READ)
        return;
    context->empty = false;
    context->filled[slot / 64] |= 1ull << (slot & 63);
    context->read[slot] = (struct tlb_entry){ page, host };
    if (access != ACCESS_WRITE || !t->writable || place->readonly || watched)
        return;
    struct page_info *info = &place->ram->pages[place->ram_offset >> PAGE_BITS];
    info->dirty = 0xff;
    if (info->code_mask | info->table_mask)
        return;
    context->write[slot] = (struct tlb_entry){ page, host };
    tlb_note_writer(cpu->tlb, context, place->ram, place->ram_offset, va);
}

// -d mmu, under the guard: printf is C like any other.
static void __attribute__((noinline)) log_access(struct vcpu_head *cpu, const struct tlb_context *context, uint64_t va,
                                                 enum access access, const struct translation *t)
{
    struct vector_state state;
    vectors_save(&state, cpu->vectors_saved);
    log_printf(LOG_MMU, "%u: %s at %#llx, view %d: %s %#llx\n", cpu->index,
               access == ACCESS_READ ? "read" : access == ACCESS_WRITE ? "write" : "fetch", (unsigned long long)va,
               (int)context->view, t ? "physical" : "fault", t ? (unsigned long long)t->physical : 0);
    vectors_restore(&state);
}

// Walk for va (raises the fault if there is one) and find what is there; fills the TLB when a whole page of RAM is.
static void resolve(struct vcpu_head *cpu, struct tlb_context *context, uint64_t va, unsigned size, enum access access,
                    struct place *place)
{
    struct translation t;
    bool found = cpu->tlb_ops->walk(cpu, context->view, va, access, &t);
    if (log_on(LOG_MMU))
        log_access(cpu, context, va, access, found ? &t : NULL);
    if (!found)
        cpu->tlb_ops->raise(cpu);
    uint64_t physical = t.physical & cpu->memory->address_mask;
    const struct section *section = address_space_find(cpu->memory, physical);
    *place = (struct place){ .section = section, .physical = physical, .readonly = section && section->readonly };
    if (!section || !section->host || section->last - physical < size - 1)
        return;
    uint64_t delta = physical - section->start, first = physical & ~PAGE_OFFSET_MASK;
    place->host = section->host + delta;
    place->ram = section->ram;
    place->ram_offset = section->ram_offset + delta;
    if (access != ACCESS_FETCH && first >= section->start && section->last - first >= PAGE_SIZE - 1 &&
        ((physical ^ place->ram_offset) & PAGE_OFFSET_MASK) == 0)
        fill(cpu, context, va, access, &t, place);
}

// The upper page of a crossing access. At 4 GiB a guest without long mode wraps, and its tables know that page as 0:
// nothing may stay under the other name.
static void resolve_upper(struct vcpu_head *cpu, struct tlb_context *context, uint64_t va, unsigned size,
                          enum access access, struct place *place)
{
    resolve(cpu, context, va, size, access, place);
    if (va == 1ull << 32)
        context->read[0].tag = context->write[0].tag = PAGE_SIZE;
}

static uint8_t *lookup(const struct tlb_entry *entries, uint64_t va, unsigned size)
{
    const struct tlb_entry *entry = &entries[va >> PAGE_BITS & (TLB_SIZE - 1)];
    uint64_t offset = va - entry->tag;
    return offset <= PAGE_SIZE - size ? (uint8_t *)(uintptr_t)entry->host + offset : NULL;
}

static bool crosses(uint64_t va, unsigned size)
{
    return (va & PAGE_OFFSET_MASK) + size > PAGE_SIZE;
}

// ---- leaving and devices

static void leave_unless_allowed(struct vcpu_head *cpu)
{
    if (!cpu->io_allowed && cpu->site)
        cpu->leave_exactly(cpu);
}

// After the walk, before the effect: does somebody want to know of this access?
static void watched(struct vcpu_head *cpu, uint64_t va, uint64_t len, enum access access)
{
    if (!watch_any(cpu->tlb) || !watch_match(cpu, va, len, access, false))
        return;
    leave_unless_allowed(cpu);
    watch_match(cpu, va, len, access, true);
}

// By physical address, through devices and RAM alike: what the pointer paths above do not take.
static uint64_t outside_load(struct vcpu_head *cpu, const struct place *place, unsigned size)
{
    struct vector_state state;
    vectors_save(&state, cpu->vectors_saved);
    uint64_t value = physical_load(cpu->memory, place->physical, size);
    vectors_restore(&state);
    return value;
}

static void outside_store(struct vcpu_head *cpu, const struct place *place, uint64_t value, unsigned size)
{
    struct vector_state state;
    vectors_save(&state, cpu->vectors_saved);
    physical_store(cpu->memory, place->physical, value, size);
    vectors_restore(&state);
}

// ---- stores and what the bytes were used for

// Marks of the granules of [offset, +len) inside one page.
static uint64_t granule_bits(uint64_t offset, uint64_t len)
{
    unsigned first = offset >> 6 & 63, last = (offset + len - 1) >> 6 & 63;
    return (UINT64_MAX >> (63 - (last - first))) << first;
}

static void drop_page_piece(struct address_space *space, struct ram_block *block, uint64_t offset, uint64_t len)
{
    struct page_info *info = &block->pages[offset >> PAGE_BITS];
    uint64_t bits = granule_bits(offset, len);
    info->dirty = 0xff;
    const struct store_hooks *hooks = space->hooks;
    if (!hooks)
        return;
    if (info->table_mask & bits && hooks->tlb)
        tlb_tables_written(hooks->tlb, block, offset, len);
    if (info->code_mask & bits && hooks->code_written) {
        struct vector_state state;
        vectors_save(&state, false);
        hooks->code_written(hooks->opaque, block, offset, len);
        vectors_restore(&state);
    }
}

void ram_about_to_change(struct address_space *space, struct ram_block *block, uint64_t offset, uint64_t len)
{
    while (len) {
        uint64_t piece = PAGE_SIZE - (offset & PAGE_OFFSET_MASK);
        if (piece > len)
            piece = len;
        drop_page_piece(space, block, offset, piece);
        offset += piece;
        len -= piece;
    }
}

// Must the store leave before it takes effect?
static bool store_is_exact(const struct place *place, unsigned size)
{
    if (!place->host)
        return true;
    if (place->readonly)
        return false;
    const struct page_info *info = &place->ram->pages[place->ram_offset >> PAGE_BITS];
    uint64_t bits = granule_bits(place->ram_offset, size);
    return info->code_mask & bits || (info->table_mask & bits && tlb_tables_used(place->ram, place->ram_offset, size));
}

// Everything before the bytes of a piece of RAM change; false when they must not.
static bool store_begin(struct vcpu_head *cpu, const struct place *place, unsigned size)
{
    if (place->readonly)
        return false;
    ram_about_to_change(cpu->memory, place->ram, place->ram_offset, size);
    return true;
}

// ---- loads

static uint64_t load_crossing(struct vcpu_head *cpu, struct tlb_context *context, uint64_t va, unsigned size)
{
    struct place place[2];
    unsigned lower = PAGE_SIZE - (va & PAGE_OFFSET_MASK);
    resolve(cpu, context, va, lower, ACCESS_READ, &place[0]);
    resolve_upper(cpu, context, va + lower, size - lower, ACCESS_READ, &place[1]);
    watched(cpu, va, size, ACCESS_READ);
    if (!place[0].host || !place[1].host)
        leave_unless_allowed(cpu);
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        struct place *p = &place[i >= lower];
        uint64_t byte = p->host ? *p->host++ : outside_load(cpu, p, 1);
        p->physical++;
        value |= byte << i * 8;
    }
    return value;
}

static uint64_t load(struct vcpu_head *cpu, struct tlb_context *context, uint64_t va, unsigned size)
{
    const uint8_t *host = lookup(context->read, va, size);
    if (host)
        return host_load(host, size);
    if (crosses(va, size))
        return load_crossing(cpu, context, va, size);
    struct place place;
    resolve(cpu, context, va, size, ACCESS_READ, &place);
    watched(cpu, va, size, ACCESS_READ);
    if (place.host)
        return host_load(place.host, size);
    leave_unless_allowed(cpu);
    return outside_load(cpu, &place, size);
}

uint64_t ldst_load(struct vcpu_head *cpu, uint64_t va, unsigned size_log2)
{
    return load(cpu, cpu->context, va, 1u << size_log2);
}

uint64_t ldst_load_view(struct vcpu_head *cpu, uint64_t va, unsigned size_log2, enum tlb_view view)
{
    return load(cpu, cpu->views[view], va, 1u << size_log2);
}

void ldst_load128(struct vcpu_head *cpu, uint64_t va, uint64_t out[2])
{
    struct place low, high;
    struct tlb_context *context = cpu->context;
    if (!crosses(va, 16) && !lookup(context->read, va, 16)) {
        resolve(cpu, context, va, 16, ACCESS_READ, &low);
        if (!low.host) {
            watched(cpu, va, 16, ACCESS_READ);
            leave_unless_allowed(cpu);
            high = low;
            high.physical += 8;
            out[0] = outside_load(cpu, &low, 8);
            out[1] = outside_load(cpu, &high, 8);
            return;
        }
    } else if (crosses(va, 16)) { // both pages first, and no device before the other half is sure
        unsigned lower = PAGE_SIZE - (va & PAGE_OFFSET_MASK);
        resolve(cpu, context, va, lower, ACCESS_READ, &low);
        resolve_upper(cpu, context, va + lower, 16 - lower, ACCESS_READ, &high);
        if (!low.host || !high.host)
            leave_unless_allowed(cpu);
    }
    uint64_t first = load(cpu, context, va, 8);
    out[1] = load(cpu, context, va + 8, 8);
    out[0] = first;
}

// ---- stores

static void store_crossing(struct vcpu_head *cpu, struct tlb_context *context, uint64_t va, uint64_t value, unsigned size)
{
    struct place place[2];
    unsigned lower = PAGE_SIZE - (va & PAGE_OFFSET_MASK);
    resolve(cpu, context, va, lower, ACCESS_WRITE, &place[0]);
    resolve_upper(cpu, context, va + lower, size - lower, ACCESS_WRITE, &place[1]);
    watched(cpu, va, size, ACCESS_WRITE);
    if (store_is_exact(&place[0], lower) || store_is_exact(&place[1], size - lower))
        leave_unless_allowed(cpu);
    for (unsigned part = 0; part < 2; part++) {
        struct place *p = &place[part];
        unsigned count = part ? size - lower : lower;
        uint64_t bytes = part ? value >> lower * 8 : value;
        if (p->host && !store_begin(cpu, p, count))
            continue;
        for (unsigned i = 0; i < count; i++, p->physical++, bytes >>= 8) {
            if (p->host)
                p->host[i] = (uint8_t)bytes;
            else
                outside_store(cpu, p, bytes & 0xff, 1);
        }
    }
}

static void store(struct vcpu_head *cpu, struct tlb_context *context, uint64_t va, uint64_t value, unsigned size)
{
    uint8_t *host = lookup(context->write, va, size);
    if (host) {
        host_store(host, value, size);
        return;
    }
    if (crosses(va, size)) {
        store_crossing(cpu, context, va, value, size);
        return;
    }
    struct place place;
    resolve(cpu, context, va, size, ACCESS_WRITE, &place);
    watched(cpu, va, size, ACCESS_WRITE);
    if (store_is_exact(&place, size))
        leave_unless_allowed(cpu);
    if (!place.host)
        outside_store(cpu, &place, value, size);
    else if (store_begin(cpu, &place, size))
        host_store(place.host, value, size);
}

void ldst_store(struct vcpu_head *cpu, uint64_t va, uint64_t value, unsigned size_log2)
{
    store(cpu, cpu->context, va, value, 1u << size_log2);
}

void ldst_store_view(struct vcpu_head *cpu, uint64_t va, uint64_t value, unsigned size_log2, enum tlb_view view)
{
    store(cpu, cpu->views[view], va, value, 1u << size_log2);
}

// Both halves, or both pages, before either changes: then the two stores cannot fault or leave any more.
void ldst_store128(struct vcpu_head *cpu, uint64_t va, const uint64_t in[2])
{
    struct tlb_context *context = cpu->context;
    uint64_t first = in[0], second = in[1];
    uint8_t *host = lookup(context->write, va, 16);
    if (host) {
        host_store(host, first, 8);
        host_store(host + 8, second, 8);
        return;
    }
    struct place place[2];
    unsigned lower = crosses(va, 16) ? PAGE_SIZE - (va & PAGE_OFFSET_MASK) : 16;
    resolve(cpu, context, va, lower, ACCESS_WRITE, &place[0]);
    bool exact = store_is_exact(&place[0], lower);
    if (lower < 16) {
        resolve_upper(cpu, context, va + lower, 16 - lower, ACCESS_WRITE, &place[1]);
        exact |= store_is_exact(&place[1], 16 - lower);
    }
    watched(cpu, va, 16, ACCESS_WRITE);
    if (exact)
        leave_unless_allowed(cpu);
    if (lower == 16 && place[0].host) {
        if (store_begin(cpu, &place[0], 16)) {
            host_store(place[0].host, first, 8);
            host_store(place[0].host + 8, second, 8);
        }
        return;
    }
    if (lower == 16) {
        place[1] = place[0];
        place[1].physical += 8;
        outside_store(cpu, &place[0], first, 8);
        outside_store(cpu, &place[1], second, 8);
        return;
    }
    for (unsigned i = 0; i < 16; i++) { // by byte: the pages were walked, each store finds its own marks
        struct place p = place[i >= lower];
        unsigned within = i >= lower ? i - lower : i;
        uint64_t byte = (i < 8 ? first >> i * 8 : second >> (i - 8) * 8) & 0xff;
        p.physical += within;
        p.ram_offset += within;
        if (!p.host)
            outside_store(cpu, &p, byte, 1);
        else if (store_begin(cpu, &p, 1))
            p.host[within] = (uint8_t)byte;
    }
}

// ---- probes and pointers

void *ldst_probe_rmw(struct vcpu_head *cpu, uint64_t va, unsigned size)
{
    void *host = lookup(cpu->context->write, va, size);
    if (host)
        return host;
    struct place place;
    unsigned lower = crosses(va, size) ? PAGE_SIZE - (va & PAGE_OFFSET_MASK) : size;
    resolve(cpu, cpu->context, va, lower, ACCESS_WRITE, &place);
    bool exact = store_is_exact(&place, lower), plain = place.host && !place.readonly;
    host = place.host;
    if (lower < size) {
        resolve_upper(cpu, cpu->context, va + lower, size - lower, ACCESS_WRITE, &place);
        exact |= store_is_exact(&place, size - lower);
        plain = false;
    }
    watched(cpu, va, size, ACCESS_READ);
    watched(cpu, va, size, ACCESS_WRITE);
    if (exact)
        leave_unless_allowed(cpu);
    if (!plain || exact)
        return NULL;
    const struct page_info *info = &place.ram->pages[place.ram_offset >> PAGE_BITS];
    if ((info->code_mask | info->table_mask) & granule_bits(place.ram_offset, size))
        return NULL;
    return host;
}

void ldst_probe(struct vcpu_head *cpu, uint64_t va, unsigned size, enum access access)
{
    struct place place;
    const struct tlb_entry *entries = access == ACCESS_WRITE ? cpu->context->write : cpu->context->read;
    while (size) {
        unsigned piece = PAGE_SIZE - (va & PAGE_OFFSET_MASK);
        if (piece > size)
            piece = size;
        if (access == ACCESS_FETCH || !lookup(entries, va, piece))
            resolve(cpu, cpu->context, va, piece, access, &place);
        va += piece;
        size -= piece;
    }
}

void *ldst_page_pointer(struct vcpu_head *cpu, uint64_t va, uint64_t len, enum access access)
{
    uint8_t *host = lookup(access == ACCESS_WRITE ? cpu->context->write : cpu->context->read, va, 1);
    if (host)
        return host;
    struct place place;
    resolve(cpu, cpu->context, va, 1, access, &place);
    if (!place.host || place.section->last - place.physical < len - 1)
        return NULL;
    if (access != ACCESS_WRITE) {
        if (watch_any(cpu->tlb) && watch_match(cpu, va, len, access, false))
            leave_unless_allowed(cpu);
        return place.host;
    }
    watched(cpu, va, len, access);
    // Whether code was translated here must not be visible: the same bulk, after what was derived is dropped.
    if (place.readonly || ((place.physical ^ place.ram_offset) & PAGE_OFFSET_MASK))
        return NULL;
    struct page_info *info = &place.ram->pages[place.ram_offset >> PAGE_BITS];
    if (store_is_exact(&place, (unsigned)len)) {
        if (cpu->site && !cpu->io_allowed)
            cpu->leave_exactly(cpu);
        ram_about_to_change(cpu->memory, place.ram, place.ram_offset, len);
    }
    info->dirty = 0xff;
    return place.host;
}

void ldst_bulk_read(struct vcpu_head *cpu, uint64_t va, uint64_t len)
{
    if (watch_any(cpu->tlb))
        watch_match(cpu, va, len, ACCESS_READ, true);
}

bool ldst_peek(struct vcpu_head *cpu, uint64_t va, void *buffer, uint64_t len)
{
    uint8_t *to = buffer;
    for (; len; len--, va++, to++) {
        struct translation t;
        if (!cpu->tlb_ops->look(cpu, va, &t))
            return false;
        uint64_t physical = t.physical & cpu->memory->address_mask;
        const struct section *section = address_space_find(cpu->memory, physical);
        if (!section || !section->host) // a device's registers are not for looking at
            return false;
        *to = section->host[physical - section->start];
    }
    return true;
}

const uint8_t *ldst_code_pointer(struct vcpu_head *cpu, uint64_t va, bool may_fault, struct ram_block **block,
                                 uint64_t *offset)
{
    struct translation t;
    if (may_fault) {
        if (!cpu->tlb_ops->walk(cpu, cpu->context->view, va, ACCESS_FETCH, &t))
            cpu->tlb_ops->raise(cpu);
    } else if (!cpu->tlb_ops->look(cpu, va, &t)) {
        return NULL;
    }
    uint64_t physical = t.physical & cpu->memory->address_mask;
    const struct section *section = address_space_find(cpu->memory, physical);
    if (!section || !section->host || section->last < (physical | PAGE_OFFSET_MASK))
        return NULL;
    *block = section->ram;
    *offset = section->ram_offset + (physical - section->start);
    return section->host + (physical - section->start);
}
