// SPDX-License-Identifier: MIT
//
// The guest's page tables [SDM 3A 4]: 4-level, PAE and 32-bit paging, with 4 KiB, 2/4 MiB and 1 GiB pages.
//
// Called from the one slow path with the guest's vector registers live in the host: compiled for general registers
// only, no libc. Order of effects, defined here for all tiers: nothing is written before the whole walk and all
// permission checks succeeded; then accessed bits from the root down, then the dirty bit.
#include "softmmu/memory.h"
#include "target/i386/cpu.h"

// Bits of the root key besides the table's address; a context is valid for one combination.
#define ROOT_OFF 1u
#define ROOT_PAE 2u
#define ROOT_LMA 4u
#define ROOT_WP 8u
#define ROOT_SMEP 16u
#define ROOT_SMAP 32u
#define ROOT_NXE 64u
#define ROOT_PSE 128u

// Page-table entry [SDM 3A 4.5.4]: P 0, W 1, U 2, A 5, D 6, PS 7, G 8, address 51:12, NX 63
#define PTE_P 1ull
#define PTE_W 2ull
#define PTE_U 4ull
#define PTE_A 0x20ull
#define PTE_D 0x40ull
#define PTE_PS 0x80ull
#define PTE_G 0x100ull
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_USER 4u
#define PF_RESERVED 8u
#define PF_FETCH 16u

static uint64_t root_key(const struct x86_cpu *cpu)
{
    if (!(cpu->cr0 & CR0_PG))
        return ROOT_OFF;
    uint64_t key = (cpu->cr4 & CR4_PAE ? ROOT_PAE : 0) | (cpu->efer & EFER_LMA ? ROOT_LMA : 0) | (cpu->cr0 & CR0_WP ? ROOT_WP : 0) |
                   (cpu->cr4 & CR4_SMEP ? ROOT_SMEP : 0) | (cpu->cr4 & CR4_SMAP ? ROOT_SMAP : 0) |
                   (cpu->efer & EFER_NXE ? ROOT_NXE : 0) | (cpu->cr4 & CR4_PSE ? ROOT_PSE : 0);
    if (cpu->efer & EFER_LMA)
        return (cpu->cr3 & PTE_ADDRESS) | key;
    return ((cpu->cr3 & 0xffffffe0u) << 8) | key; // PAE tables are 32-byte aligned
}

void cpu_update_context(struct x86_cpu *cpu)
{
    struct vcpu_head *head = &cpu->head;
    uint64_t key = root_key(cpu);
    if (key != cpu->root_key || !head->views[0] || head->views[0]->root != key || !head->views[0]->in_use) {
        cpu->root_key = key;
        for (unsigned v = 0; v < VIEW_COUNT; v++)
            head->views[v] = tlb_context_get(head->tlb, key, (enum tlb_view)v);
    }
    enum tlb_view view = cpu->cpl == 3 ? VIEW_USER : (cpu->eflags & F_AC) && (cpu->cr4 & CR4_SMAP) ? VIEW_SUPERVISOR_AC : VIEW_SUPERVISOR;
    head->context = head->views[view];
}

struct level { // one step of a walk
    struct ram_block *ram;
    uint64_t offset, entry;
    uint64_t *host;
    unsigned level;
    bool readonly; // in ROM: the bits are set nowhere
};
struct walk {
    struct level steps[4];
    unsigned count;
    uint64_t va_mask;    // offset within the mapping
    uint64_t address;    // of the mapping's first byte
    bool w, u, nx, global;
};
enum walk_result { WALK_OK, WALK_ABSENT, WALK_RESERVED, WALK_NONCANONICAL };

static bool read_entry(struct vcpu_head *head, struct walk *walk, uint64_t physical, unsigned size, unsigned level)
{
    const struct section *section = address_space_find(head->memory, physical & head->memory->address_mask);
    struct level *step = &walk->steps[walk->count++];
    if (!section || !section->host) { // a table in a device or nowhere reads as all ones: reserved bits, or absent
        *step = (struct level){ .entry = 0, .level = level };
        return false;
    }
    uint64_t delta = (physical & head->memory->address_mask) - section->start;
    step->ram = section->ram;
    step->offset = section->ram_offset + delta;
    step->host = (uint64_t *)(section->host + delta);
    step->level = level;
    step->readonly = section->readonly;
    step->entry = size == 8 ? __atomic_load_n(step->host, __ATOMIC_RELAXED) : *(const uint32_t *)step->host;
    return true;
}

static enum walk_result walk_long(struct x86_cpu *cpu, uint64_t va, struct walk *walk)
{
    if ((uint64_t)((int64_t)(va << 16) >> 16) != va)
        return WALK_NONCANONICAL;
    uint64_t table = cpu->cr3 & PTE_ADDRESS;
    uint64_t reserved = cpu->efer & EFER_NXE ? 0 : PTE_NX;
    reserved |= PTE_ADDRESS & ~((1ull << cpu_model_phys_bits(cpu->model)) - 1);
    for (unsigned level = 4;; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        if (!read_entry(&cpu->head, walk, table + (va >> shift & 511) * 8, 8, level))
            return WALK_ABSENT;
        uint64_t entry = walk->steps[walk->count - 1].entry;
        if (!(entry & PTE_P))
            return WALK_ABSENT;
        if (entry & reserved || (level == 4 && entry & PTE_PS))
            return WALK_RESERVED;
        walk->w &= !!(entry & PTE_W);
        walk->u &= !!(entry & PTE_U);
        walk->nx |= !!(entry & PTE_NX);
        if (level == 1 || entry & PTE_PS) {
            walk->va_mask = (1ull << shift) - 1;
            walk->address = entry & PTE_ADDRESS & ~walk->va_mask;
            if (level > 1 && entry & PTE_ADDRESS & walk->va_mask & ~0x1000ull) // bit 12 is PAT
                return WALK_RESERVED;
            walk->global = entry & PTE_G;
            return WALK_OK;
        }
        table = entry & PTE_ADDRESS;
    }
}

static enum walk_result walk_pae(struct x86_cpu *cpu, uint64_t va, struct walk *walk)
{
    va &= 0xffffffff;
    if (!read_entry(&cpu->head, walk, (cpu->cr3 & 0xffffffe0u) + (va >> 30) * 8, 8, 3))
        return WALK_ABSENT;
    uint64_t entry = walk->steps[0].entry;
    if (!(entry & PTE_P))
        return WALK_ABSENT;
    uint64_t table = entry & PTE_ADDRESS;
    uint64_t reserved = cpu->efer & EFER_NXE ? 0 : PTE_NX;
    for (unsigned level = 2;; level--) {
        unsigned shift = level == 2 ? 21 : 12;
        if (!read_entry(&cpu->head, walk, table + (va >> shift & 511) * 8, 8, level))
            return WALK_ABSENT;
        entry = walk->steps[walk->count - 1].entry;
        if (!(entry & PTE_P))
            return WALK_ABSENT;
        if (entry & reserved)
            return WALK_RESERVED;
        walk->w &= !!(entry & PTE_W);
        walk->u &= !!(entry & PTE_U);
        walk->nx |= !!(entry & PTE_NX);
        if (level == 1 || entry & PTE_PS) {
            walk->va_mask = (1ull << shift) - 1;
            walk->address = entry & PTE_ADDRESS & ~walk->va_mask;
            walk->global = entry & PTE_G;
            return WALK_OK;
        }
        table = entry & PTE_ADDRESS;
    }
}

static enum walk_result walk_32(struct x86_cpu *cpu, uint64_t va, struct walk *walk)
{
    va &= 0xffffffff;
    uint64_t table = cpu->cr3 & 0xfffff000;
    for (unsigned level = 2;; level--) {
        unsigned shift = level == 2 ? 22 : 12;
        if (!read_entry(&cpu->head, walk, table + (va >> shift & 1023) * 4, 4, level))
            return WALK_ABSENT;
        uint64_t entry = walk->steps[walk->count - 1].entry;
        if (!(entry & PTE_P))
            return WALK_ABSENT;
        walk->w &= !!(entry & PTE_W);
        walk->u &= !!(entry & PTE_U);
        bool large = level == 2 && entry & PTE_PS && cpu->cr4 & CR4_PSE;
        if (level == 1 || large) {
            walk->va_mask = (1ull << shift) - 1;
            walk->address = entry & 0xfffff000 & ~walk->va_mask;
            if (large)
                walk->address |= (entry >> 13 & 0xff) << 32; // PSE-36
            walk->global = entry & PTE_G;
            return WALK_OK;
        }
        table = entry & 0xfffff000;
    }
}

static enum walk_result walk_tables(struct x86_cpu *cpu, uint64_t va, struct walk *walk)
{
    walk->count = 0;
    walk->w = walk->u = true;
    walk->nx = false;
    if (cpu->efer & EFER_LMA)
        return walk_long(cpu, va, walk);
    return cpu->cr4 & CR4_PAE ? walk_pae(cpu, va, walk) : walk_32(cpu, va, walk);
}

static bool permitted(const struct x86_cpu *cpu, enum tlb_view view, enum access access, const struct walk *walk)
{
    if (access == ACCESS_FETCH && walk->nx)
        return false;
    if (view == VIEW_USER)
        return walk->u && (access != ACCESS_WRITE || walk->w);
    if (walk->u) {
        if (access == ACCESS_FETCH) {
            if (cpu->cr4 & CR4_SMEP)
                return false;
        } else if (cpu->cr4 & CR4_SMAP && view != VIEW_SUPERVISOR_AC) {
            return false;
        }
    }
    return access != ACCESS_WRITE || walk->w || !(cpu->cr0 & CR0_WP);
}

static bool fault(struct vcpu_head *head, enum tlb_view view, uint64_t va, enum access access, enum walk_result result)
{
    const struct x86_cpu *cpu = x86_of(head);
    head->fault.va = va;
    if (result == WALK_NONCANONICAL) {
        head->fault.vector = VEC_GP;
        head->fault.error = 0;
        return false;
    }
    bool fetch_bit = access == ACCESS_FETCH && (cpu->efer & EFER_NXE || cpu->cr4 & CR4_SMEP);
    head->fault.vector = VEC_PF;
    head->fault.error = (result == WALK_ABSENT ? 0 : PF_PRESENT) | (access == ACCESS_WRITE ? PF_WRITE : 0) |
                        (view == VIEW_USER ? PF_USER : 0) | (result == WALK_RESERVED ? PF_RESERVED : 0) |
                        (fetch_bit ? PF_FETCH : 0);
    return false;
}

static void set_bits(struct x86_cpu *cpu, struct level *step, uint64_t bits)
{
    if ((step->entry & bits) == bits)
        return;
    step->entry |= bits;
    if (step->readonly)
        return;
    struct page_info *page = &step->ram->pages[step->offset >> PAGE_BITS];
    if (page->code_mask)
        ram_about_to_change(cpu->head.memory, step->ram, step->offset, 8);
    page->dirty = 0xff;
    *(uint8_t *)step->host |= (uint8_t)bits; // A and D are in the low byte
}

// va of entry 0 of the table that the step's entry lies in.
static uint64_t table_base(const struct x86_cpu *cpu, uint64_t va, unsigned level)
{
    bool wide = cpu->efer & EFER_LMA || cpu->cr4 & CR4_PAE;
    unsigned bits = wide ? 12 + 9 * level : level == 2 ? 32 : 22;
    if (!(cpu->efer & EFER_LMA))
        va &= 0xffffffff;
    return bits >= 64 ? 0 : va >> bits << bits;
}

static bool x86_walk(struct vcpu_head *head, enum tlb_view view, uint64_t va, enum access access, struct translation *out)
{
    struct x86_cpu *cpu = x86_of(head);
    if (!(cpu->cr0 & CR0_PG)) {
        *out = (struct translation){ .physical = va & 0xffffffff, .page_size = PAGE_SIZE, .writable = true, .executable = true };
        return true;
    }
    struct walk walk;
    enum walk_result result = walk_tables(cpu, va, &walk);
    if (result != WALK_OK)
        return fault(head, view, va, access, result);
    if (!permitted(cpu, view, access, &walk))
        return fault(head, view, va, access, WALK_OK);
    bool has_accessed = !(!(cpu->efer & EFER_LMA) && cpu->cr4 & CR4_PAE); // PAE: the top level has no A bit
    for (unsigned i = 0; i < walk.count; i++) {
        struct level *step = &walk.steps[i];
        bool leaf = i == walk.count - 1;
        if (i > 0 || has_accessed)
            set_bits(cpu, step, PTE_A | (leaf && access == ACCESS_WRITE ? PTE_D : 0));
        tlb_note_table_entry(head->tlb, step->ram, step->offset, table_base(cpu, va, step->level), step->level, cpu->root_key);
    }
    out->physical = walk.address | (va & walk.va_mask);
    out->page_size = walk.va_mask + 1;
    out->writable = permitted(cpu, view, ACCESS_WRITE, &walk) && walk.steps[walk.count - 1].entry & PTE_D;
    out->executable = permitted(cpu, view, ACCESS_FETCH, &walk);
    out->global = walk.global;
    return true;
}

static bool x86_look(struct vcpu_head *head, uint64_t va, struct translation *out)
{
    struct x86_cpu *cpu = x86_of(head);
    if (!(cpu->cr0 & CR0_PG)) {
        *out = (struct translation){ .physical = va & 0xffffffff, .page_size = PAGE_SIZE, .writable = true, .executable = true };
        return true;
    }
    struct walk walk;
    if (walk_tables(cpu, va, &walk) != WALK_OK)
        return false;
    out->physical = walk.address | (va & walk.va_mask);
    out->page_size = walk.va_mask + 1;
    out->writable = walk.w;
    out->executable = !walk.nx;
    out->global = walk.global;
    return true;
}

bool cpu_look(struct x86_cpu *cpu, uint64_t va, uint64_t *physical)
{
    struct translation t;
    if (!x86_look(&cpu->head, va, &t))
        return false;
    *physical = t.physical;
    return true;
}

static void record(struct vcpu_head *head)
{
    struct x86_cpu *cpu = x86_of(head);
    cpu->exception.valid = true;
    cpu->exception.has_error = true;
    cpu->exception.software = false;
    cpu->exception.vector = head->fault.vector;
    cpu->exception.error = head->fault.error;
    cpu->exception.cr2 = head->fault.va;
}

// Code in a device or nowhere: unassigned memory reads as all ones, which is no instruction.
static void record_no_code(struct vcpu_head *head)
{
    struct x86_cpu *cpu = x86_of(head);
    cpu->exception.valid = true;
    cpu->exception.has_error = cpu->exception.software = false;
    cpu->exception.vector = VEC_UD;
}

static void __attribute__((noreturn)) x86_raise(struct vcpu_head *head)
{
    record(head);
    cpu_leave_with_exception(x86_of(head));
}

static void __attribute__((noreturn)) x86_misaligned(struct vcpu_head *head)
{
    head->fault.va = 0;
    head->fault.vector = VEC_GP;
    head->fault.error = 0;
    x86_raise(head);
}

const struct tlb_target_ops x86_tlb_ops = {
    .walk = x86_walk, .raise = x86_raise, .record_fetch_fault = record, .record_no_code = record_no_code, .look = x86_look, .misaligned = x86_misaligned,
};
