// SPDX-License-Identifier: MIT
//
// Contexts, and their coherence with the guest's page tables (docs/contract.md 1). Machine thread only.
//
// What makes it work: a context never holds anything derived from a table entry without a mark on the entry's
// granule in page_info.table_mask, and no page with marks has a direct write entry anywhere; so each store to a marked
// granule comes to tlb_tables_written first. A record of a page names one virtual address and one address
// space where it can, which makes a drop a few probes; "several" costs scans, never correctness. Marks may outlive what was
// derived (after resets): then a drop finds nothing.
// A group is an address space: three contexts of one root, recycled together. In records a group is its number + 1,
// and GROUP_SEVERAL stands for all. This file is compiled for general registers only; what the slow path reaches calls no
// libc (only life does).
#pragma GCC optimize("no-tree-loop-distribute-patterns") // no loop may become a call of memset
#include "softmmu/tlb.h"
#include <stdlib.h>
#include <sys/mman.h>
#include "softmmu/memory.h"

#define GROUP_MIN 4u
#define GROUP_MAX 1024u
#define GROUP_SEVERAL 0xfffu
#define FEW_PAGES 16u // up to here single probes, above a scan of what is filled

struct tlb_group {
    uint64_t root, last_used;
    bool used;
};
struct tlb_machine {
    struct tlb_watches watches; // first (softmmu/watch.h)
    struct address_space *memory;
    struct tlb_group *groups;
    struct tlb_context *contexts; // VIEW_COUNT for each group
    unsigned group_count, last_group;
    uint64_t tick;
};

static void fill_words(void *to, uint64_t value, uint64_t words)
{
#ifdef __x86_64__
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(value) : "memory");
#else
    volatile uint64_t *p = to;
    while (words--)
        *p++ = value;
#endif
}

static uint64_t empty_tag(unsigned slot)
{
    return slot ? 0 : PAGE_SIZE; // see softmmu/tlb.h
}

static unsigned tlb_slot(uint64_t va)
{
    return (unsigned)(va >> PAGE_BITS) & (TLB_SIZE - 1);
}

// ---- one context

static void jump_clear(struct tlb_context *context)
{
    fill_words(context->jump, JUMP_EMPTY_LOW, sizeof(context->jump) / 16);
    fill_words(context->jump + JUMP_IDS, JUMP_EMPTY_HIGH, sizeof(context->jump) / 16);
}

static void code_clear(struct tlb_context *context)
{
    if (!context->code_halves)
        return;
    jump_clear(context);
    fill_words(context->code, 0, sizeof(context->code) / 8);
    fill_words(context->code_seen, 0, sizeof(context->code_seen) / 8);
    context->code_halves = 0;
}

void tlb_context_reset(struct tlb_context *context)
{
    if (context->empty)
        return;
    for (unsigned word = 0; word < TLB_SIZE / 64; word++) {
        for (uint64_t bits = context->filled[word]; bits; bits &= bits - 1) {
            unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);
            context->read[slot].tag = context->write[slot].tag = empty_tag(slot);
        }
        context->filled[word] = 0;
    }
    code_clear(context);
    context->empty = true;
}

void tlb_enter_code(struct tlb_context *context, uint64_t rip, uint32_t handle)
{
    unsigned bit = (unsigned)(rip >> PAGE_BITS) & (CODE_SEEN_BITS - 1);
    context->code[code_slot(rip)] = handle;
    context->code_seen[bit / 64] |= 1ull << (bit & 63);
    context->code_halves |= (uint8_t)(1u << (rip >> 63));
    context->empty = false;
}

// Forget that the code pages with bits in [from, from + count) of one word of code_seen were entered.
static bool code_drop_word(struct tlb_context *context, unsigned from, unsigned count)
{
    uint64_t mask = (count == 64 ? UINT64_MAX : (1ull << count) - 1) << (from & 63);
    uint64_t bits = context->code_seen[from / 64] & mask;
    if (!bits)
        return false;
    context->code_seen[from / 64] &= ~mask;
    for (; bits; bits &= bits - 1)
        context->code[((from & ~63u) + (unsigned)__builtin_ctzll(bits)) & (CODE_PAGES - 1)] = 0;
    return true;
}

// A page's bit may go with its code slot: all pages that share the bit share the slot, and are entered anew
// before anything of theirs comes back into the jump cache.
static void code_drop(struct tlb_context *context, uint64_t va, uint64_t pages)
{
    if (!(context->code_halves >> (va >> 63) & 1))
        return;
    uint64_t left = pages < CODE_SEEN_BITS ? pages : CODE_SEEN_BITS;
    unsigned bit = (unsigned)(va >> PAGE_BITS) & (CODE_SEEN_BITS - 1);
    bool found = false;
    while (left) {
        unsigned count = 64 - (bit & 63);
        if (count > left)
            count = (unsigned)left;
        found |= code_drop_word(context, bit, count);
        bit = (bit + count) & (CODE_SEEN_BITS - 1);
        left -= count;
    }
    if (found)
        jump_clear(context);
}

static void data_drop(struct tlb_context *context, uint64_t va, uint64_t pages)
{
    if (pages <= FEW_PAGES) {
        for (; pages--; va += PAGE_SIZE) {
            unsigned slot = tlb_slot(va);
            if (context->read[slot].tag == va)
                context->read[slot].tag = empty_tag(slot);
            if (context->write[slot].tag == va)
                context->write[slot].tag = empty_tag(slot);
        }
        return;
    }
    for (unsigned word = 0; word < TLB_SIZE / 64; word++) {
        for (uint64_t bits = context->filled[word]; bits; bits &= bits - 1) {
            unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);
            if ((context->read[slot].tag - va) >> PAGE_BITS < pages)
                context->read[slot].tag = empty_tag(slot);
            if ((context->write[slot].tag - va) >> PAGE_BITS < pages)
                context->write[slot].tag = empty_tag(slot);
        }
    }
}

static void context_drop(struct tlb_context *context, uint64_t va, uint64_t pages)
{
    if (!context->in_use || context->empty)
        return;
    data_drop(context, va, pages);
    code_drop(context, va, pages);
}

// ---- groups

static unsigned context_count(const struct tlb_machine *tlb)
{
    return tlb->group_count * VIEW_COUNT;
}

// The contexts that a record's group stands for: first and how many.
static struct tlb_context *group_contexts(struct tlb_machine *tlb, unsigned group, unsigned *count)
{
    if (group == GROUP_SEVERAL) {
        *count = context_count(tlb);
        return tlb->contexts;
    }
    *count = VIEW_COUNT;
    return tlb->contexts + (group - 1) * VIEW_COUNT;
}

// Number + 1 of the root's group, 0 when it has none.
static unsigned group_find(struct tlb_machine *tlb, uint64_t root)
{
    const struct tlb_group *last = &tlb->groups[tlb->last_group];
    if (last->used && last->root == root)
        return tlb->last_group + 1;
    for (unsigned i = 0; i < tlb->group_count; i++) {
        if (tlb->groups[i].used && tlb->groups[i].root == root) {
            tlb->last_group = i;
            return i + 1;
        }
    }
    return 0;
}

static unsigned group_oldest(const struct tlb_machine *tlb)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < tlb->group_count; i++) {
        if (!tlb->groups[i].used)
            return i;
        if (tlb->groups[i].last_used < tlb->groups[oldest].last_used)
            oldest = i;
    }
    return oldest;
}

static unsigned group_take(struct tlb_machine *tlb, uint64_t root)
{
    unsigned number = group_oldest(tlb);
    bool first_use = !tlb->groups[number].used;
    tlb->groups[number] = (struct tlb_group){ .root = root, .used = true };
    for (unsigned view = 0; view < VIEW_COUNT; view++) {
        struct tlb_context *context = &tlb->contexts[number * VIEW_COUNT + view];
        if (first_use) {
            jump_clear(context);
            context->read[0].tag = context->write[0].tag = empty_tag(0);
            context->empty = true;
        }
        tlb_context_reset(context);
        context->root = root;
        context->view = (enum tlb_view)view;
        context->group = number;
        context->in_use = true;
    }
    tlb->last_group = number;
    return number + 1;
}

struct tlb_context *tlb_context_get(struct tlb_machine *tlb, uint64_t root, enum tlb_view view)
{
    unsigned group = group_find(tlb, root);
    if (!group)
        group = group_take(tlb, root);
    struct tlb_context *context = &tlb->contexts[(group - 1) * VIEW_COUNT + view];
    context->last_used = tlb->groups[group - 1].last_used = ++tlb->tick;
    return context;
}

struct tlb_machine *tlb_machine_new(struct address_space *memory, unsigned contexts)
{
    struct tlb_machine *tlb = calloc(1, sizeof(*tlb));
    if (!tlb)
        abort();
    tlb->memory = memory;
    tlb->group_count = contexts / VIEW_COUNT;
    if (tlb->group_count < GROUP_MIN)
        tlb->group_count = GROUP_MIN;
    if (tlb->group_count > GROUP_MAX)
        tlb->group_count = GROUP_MAX;
    tlb->groups = calloc(tlb->group_count, sizeof(tlb->groups[0]));
    // Contexts are large and most are never used: the host gives pages when they are touched.
    tlb->contexts = mmap(NULL, context_count(tlb) * sizeof(tlb->contexts[0]), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!tlb->groups || tlb->contexts == MAP_FAILED)
        abort();
    return tlb;
}

void tlb_machine_free(struct tlb_machine *tlb)
{
    if (!tlb)
        return;
    munmap(tlb->contexts, context_count(tlb) * sizeof(tlb->contexts[0]));
    free(tlb->groups);
    free(tlb);
}

// ---- drops

void tlb_reset_all(struct tlb_machine *tlb)
{
    for (unsigned i = 0; i < context_count(tlb); i++)
        if (tlb->groups[i / VIEW_COUNT].used)
            tlb_context_reset(&tlb->contexts[i]);
}

static void drop_in_group(struct tlb_machine *tlb, unsigned group, uint64_t va, uint64_t pages)
{
    unsigned count;
    struct tlb_context *context = group_contexts(tlb, group, &count);
    for (; count--; context++)
        if (tlb->groups[(context - tlb->contexts) / VIEW_COUNT].used)
            context_drop(context, va, pages);
}

void tlb_drop_range(struct tlb_machine *tlb, uint64_t root, uint64_t va, uint64_t size)
{
    unsigned group = root == UINT64_MAX ? GROUP_SEVERAL : group_find(tlb, root);
    if (!group || !size)
        return;
    uint64_t first = va & ~PAGE_OFFSET_MASK;
    drop_in_group(tlb, group, first, ((va + size - 1) >> PAGE_BITS) - (first >> PAGE_BITS) + 1);
}

static void context_drop_host(struct tlb_context *context, uint64_t host, uint64_t size, bool reads)
{
    if (context->empty)
        return;
    for (unsigned word = 0; word < TLB_SIZE / 64; word++) {
        for (uint64_t bits = context->filled[word]; bits; bits &= bits - 1) {
            unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);
            if (context->write[slot].host - host < size)
                context->write[slot].tag = empty_tag(slot);
            if (reads && context->read[slot].host - host < size)
                context->read[slot].tag = empty_tag(slot);
        }
    }
}

void tlb_drop_ram(struct tlb_machine *tlb, struct ram_block *block)
{
    for (unsigned i = 0; i < context_count(tlb); i++) {
        if (!tlb->groups[i / VIEW_COUNT].used)
            continue;
        context_drop_host(&tlb->contexts[i], (uintptr_t)block->host, block->size, true);
        code_clear(&tlb->contexts[i]); // handles do not tell their block here
    }
}

void tlb_drop_jump(struct tlb_machine *tlb, uint64_t key, uint64_t rip)
{
    for (unsigned i = 0; i < context_count(tlb); i++) {
        struct tlb_context *context = &tlb->contexts[i];
        if (!tlb->groups[i / VIEW_COUNT].used || !(context->code_halves >> (rip >> 63) & 1))
            continue;
        struct jump_entry *entry = &context->jump[jump_slot(rip)];
        if (entry->key == key)
            entry->key = jump_empty(jump_slot(rip));
    }
}

// ---- direct write entries of a page

static bool writer_live(struct tlb_machine *tlb, uint64_t writer, uint64_t host)
{
    uint64_t va = writer & ~PAGE_OFFSET_MASK;
    unsigned count, slot = tlb_slot(va);
    struct tlb_context *context = group_contexts(tlb, writer & PAGE_OFFSET_MASK, &count);
    for (; count--; context++)
        if (context->write[slot].tag == va && context->write[slot].host == host)
            return true;
    return false;
}

void tlb_note_writer(struct tlb_machine *tlb, struct tlb_context *context, struct ram_block *block, uint64_t offset,
                     uint64_t va)
{
    struct page_info *page = &block->pages[offset >> PAGE_BITS];
    if (page->used != block->use) {
        page->used = block->use;
        block->used_pages++;
    }
    if (page->writer_state == PAGE_USERS_SEVERAL)
        return;
    uint64_t writer = (va & ~PAGE_OFFSET_MASK) | (context->group + 1);
    page->writer_state = PAGE_USERS_ONE;
    for (unsigned i = 0; i < 2; i++) {
        if (page->writers[i] == writer)
            return;
        if (page->writers[i] && (page->writers[i] ^ writer) >> PAGE_BITS == 0) {
            page->writers[i] |= GROUP_SEVERAL;
            return;
        }
    }
    // A free place, or one whose entry is gone. The second first: the first is mostly the kernel's, and stays.
    uint64_t host = (uintptr_t)block->host + (offset & ~PAGE_OFFSET_MASK);
    for (unsigned i = 0; i < 2; i++) {
        unsigned place = page->writers[0] ? 1 - i : i;
        if (!page->writers[place] || !writer_live(tlb, page->writers[place], host)) {
            page->writers[place] = writer;
            return;
        }
    }
    page->writer_state = PAGE_USERS_SEVERAL;
}

static void writer_drop(struct tlb_machine *tlb, uint64_t writer)
{
    uint64_t va = writer & ~PAGE_OFFSET_MASK;
    unsigned count, slot = tlb_slot(va);
    struct tlb_context *context = group_contexts(tlb, writer & PAGE_OFFSET_MASK, &count);
    for (; count--; context++)
        if (context->write[slot].tag == va)
            context->write[slot].tag = empty_tag(slot);
}

void tlb_protect_page(struct tlb_machine *tlb, struct ram_block *block, uint64_t offset)
{
    struct page_info *page = &block->pages[offset >> PAGE_BITS];
    if (page->writer_state == PAGE_USERS_SEVERAL) {
        uint64_t host = (uintptr_t)block->host + (offset & ~PAGE_OFFSET_MASK);
        for (unsigned i = 0; i < context_count(tlb); i++)
            if (tlb->groups[i / VIEW_COUNT].used)
                context_drop_host(&tlb->contexts[i], host, PAGE_SIZE, false);
    } else {
        for (unsigned i = 0; i < 2; i++)
            if (page->writers[i])
                writer_drop(tlb, page->writers[i]);
    }
    page->writers[0] = page->writers[1] = 0;
    page->writer_state = PAGE_USERS_NONE;
}

// ---- page tables

void tlb_note_table_entry(struct tlb_machine *tlb, struct ram_block *block, uint64_t offset, uint64_t va_base,
                          unsigned level, uint64_t root)
{
    struct page_info *page = &block->pages[offset >> PAGE_BITS];
    uint64_t bit = 1ull << (offset >> 6 & 63);
    // The top table of 4-level paging maps both halves: one base, the sign comes back from the entry's number.
    if (level == 4 && (va_base >> 48 == 0xffff || va_base >> 48 == 0))
        va_base = 0;
    unsigned group = group_find(tlb, root);
    uint64_t user = va_base | (group ? group : GROUP_SEVERAL);
    if (!page->table_mask) {
        if (!page->code_mask)
            tlb_protect_page(tlb, block, offset);
        page->table_state = PAGE_USERS_ONE;
        page->table_va = user;
        page->table_level = (uint8_t)level;
    } else if (page->table_state == PAGE_USERS_ONE && (page->table_va != user || page->table_level != level)) {
        if ((page->table_va ^ user) >> PAGE_BITS || page->table_level != level)
            page->table_state = PAGE_USERS_SEVERAL;
        else
            page->table_va |= GROUP_SEVERAL;
    }
    page->table_mask |= bit;
}

// Bytes [first, last] of the page at `at`: is any 8-byte unit that they touch not zero?
static bool any_nonzero(const uint8_t *at, unsigned first, unsigned last)
{
    const uint64_t *words = (const uint64_t *)(const void *)at;
    for (unsigned i = first / 8; i <= last / 8; i++)
        if (words[i])
            return true;
    return false;
}

// The last byte of [offset, end) that lies in offset's granule.
static uint64_t granule_last(uint64_t offset, uint64_t end)
{
    uint64_t last = offset | 63;
    return last < end ? last : end - 1;
}

static bool granule_marked(const struct ram_block *block, uint64_t offset)
{
    return block->pages[offset >> PAGE_BITS].table_mask >> (offset >> 6 & 63) & 1;
}

bool tlb_tables_used(const struct ram_block *block, uint64_t offset, uint64_t len)
{
    for (uint64_t at = offset, end = offset + len; at < end; at = (at | 63) + 1) {
        const uint8_t *host = block->host + (at & ~PAGE_OFFSET_MASK);
        if (granule_marked(block, at) &&
            any_nonzero(host, at & PAGE_OFFSET_MASK, granule_last(at, end) & PAGE_OFFSET_MASK))
            return true;
    }
    return false;
}

// What the entries of a granule may have given if the table is one of 4-byte entries, or the PAE top level (which
// begins anywhere in its page) [SDM 3A 4.3, 4.4]. Only tables below 4 GiB can be that.
static void drop_granule_32(struct tlb_machine *tlb, unsigned group, uint64_t base, unsigned level, unsigned first)
{
    if (level == 1 && !(base & 0x3fffff))
        drop_in_group(tlb, group, base + (uint64_t)(first / 4) * PAGE_SIZE, 16);
    else if (level == 2 && base == 0)
        drop_in_group(tlb, group, (uint64_t)(first / 4) << 22, 16 << 10);
    else if (level == 3 && base == 0)
        drop_in_group(tlb, group, 0, 1 << 20);
}

// Drop what the (at most 8, or 16) entries of a noted granule may have given.
static void drop_granule(struct tlb_machine *tlb, const struct page_info *page, uint64_t offset)
{
    if (page->table_state != PAGE_USERS_ONE) {
        tlb_reset_all(tlb);
        return;
    }
    uint64_t base = page->table_va & ~PAGE_OFFSET_MASK;
    unsigned group = page->table_va & PAGE_OFFSET_MASK, first = offset & 0xfc0;
    unsigned shift = 9 * (page->table_level - 1u); // pages an entry maps, log2
    uint64_t va = base + ((uint64_t)(first / 8) << (shift + PAGE_BITS));
    if (page->table_level == 4 && base == 0 && va >> 47 & 1)
        va |= 0xffffull << 48;
    drop_in_group(tlb, group, va, 8ull << shift);
    if (base < 1ull << 32)
        drop_granule_32(tlb, group, base, page->table_level, first);
}

void tlb_tables_written(struct tlb_machine *tlb, struct ram_block *block, uint64_t offset, uint64_t len)
{
    for (uint64_t at = offset, end = offset + len; at < end; at = (at | 63) + 1) {
        if (!granule_marked(block, at))
            continue;
        struct page_info *page = &block->pages[at >> PAGE_BITS];
        const uint8_t *host = block->host + (at & ~PAGE_OFFSET_MASK);
        unsigned first = at & PAGE_OFFSET_MASK, start = first & ~63u;
        // Entries that are zero gave nothing; a granule of them needs no mark.
        if (any_nonzero(host, first, granule_last(at, end) & PAGE_OFFSET_MASK))
            drop_granule(tlb, page, at);
        else if (any_nonzero(host, start, start + 63))
            continue;
        page->table_mask &= ~(1ull << (at >> 6 & 63));
        if (!page->table_mask)
            page->table_state = PAGE_USERS_NONE;
    }
}
