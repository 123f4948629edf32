// SPDX-License-Identifier: MIT
//
// Translated blocks: making, finding, linking, dropping them.
//
// Blocks are keyed by code page (virtual page and RAM page), offset and flags. They die when their bytes change
// (tb_code_written), when their RAM leaves the view, or when their part of the code buffer is used again. A dead block
// is unlinked at once; its memory is freed at the top of the loop, when no generated code runs, and its host code
// is overwritten only when its part comes round again, so a block may kill itself.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "exec/internal.h"
#include "util/error.h"
#include "util/log.h"

static uint32_t tb_bucket(uint32_t handle, uint64_t rip, uint32_t flags)
{
    uint64_t h = (handle * 0x9e3779b97f4a7c15ull) ^ (rip & PAGE_OFFSET_MASK) * 0xff51afd7ed558ccdull ^ flags * 0xc4ceb9fe1a85ec53ull;
    return (uint32_t)(h >> 44) & ((1u << TB_HASH_BITS) - 1);
}

bool tb_cache_init(struct engine *e, struct error **errp)
{
    e->tb_capacity = 4096;
    e->tbs = calloc(e->tb_capacity, sizeof *e->tbs);
    e->tb_count = 1;
    e->page_count = 1;
    size_t rows = (size_t)ENGINE_PARTS * ENGINE_SITES_PER_PART;
    e->sites = mmap(NULL, rows * sizeof *e->sites, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    e->pages = mmap(NULL, HANDLE_LIMIT * sizeof *e->pages, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (e->sites == MAP_FAILED || e->pages == MAP_FAILED)
        return error_set(errp, "cannot allocate the tables of the translation cache");
    uint8_t *start = e->buffer.rx + ((e->buffer.used + 63) & ~(size_t)63);
    size_t each = (size_t)(e->buffer.rx + e->buffer.size - start) / ENGINE_PARTS & ~(size_t)63;
    for (unsigned i = 0; i < ENGINE_PARTS; i++) {
        e->parts[i].start = start + i * each;
        e->parts[i].end = e->parts[i].start + each;
        e->parts[i].site_base = i * ENGINE_SITES_PER_PART;
        e->parts[i].site_used = 1; // row 0 means "no site"
    }
    e->part_cursor = e->parts[0].start;
    return true;
}

void tb_cache_release(struct engine *e)
{
    tb_free_dead(e);
    for (unsigned i = 0; i < ENGINE_PARTS; i++) { // nobody looks any more: no unlinking
        for (uint32_t t = e->parts[i].first_tb, next; t; t = next) {
            next = e->tbs[t]->part_next;
            e->options.backend->release(e->backend_state, &e->tbs[t]->code);
            free(e->tbs[t]);
        }
    }
    free(e->tbs);
    for (unsigned i = 0; i < ENGINE_PARTS; i++)
        free(e->parts[i].constants);
    munmap(e->sites, (size_t)ENGINE_PARTS * ENGINE_SITES_PER_PART * sizeof *e->sites);
    munmap(e->pages, HANDLE_LIMIT * sizeof *e->pages);
}

// ---- the blocks of a page

static struct page_info *page_of(const struct tb *tb, unsigned which)
{
    return &tb->ram[which]->pages[tb->offset[which] >> PAGE_BITS];
}

static uint64_t granules(uint64_t first, uint64_t bytes)
{
    if (!bytes)
        return 0;
    unsigned from = (unsigned)(first >> 6 & 63), to = (unsigned)((first + bytes - 1) >> 6 & 63);
    return (~0ull >> (63 - (to - from))) << from;
}

static uint64_t tb_granules(const struct tb *tb, unsigned which)
{
    return granules(tb->offset[which], which ? tb->bytes_second : tb->bytes_first);
}

static void page_insert(struct engine *e, struct tb *tb, unsigned which)
{
    struct page_info *page = page_of(tb, which);
    tb->page_next[which] = page->blocks;
    page->blocks = tb->index * 2 + which;
    uint64_t before = page->code_mask;
    page->code_mask |= tb_granules(tb, which);
    if (!before)
        tlb_protect_page(e->tlb, tb->ram[which], tb->offset[which] & ~PAGE_OFFSET_MASK);
}

static void page_remove(struct engine *e, struct tb *tb, unsigned which)
{
    struct page_info *page = page_of(tb, which);
    uint32_t *link = &page->blocks;
    uint64_t mask = 0;
    while (*link) {
        struct tb *other = e->tbs[*link >> 1];
        unsigned w = *link & 1;
        if (other == tb && w == which) {
            *link = tb->page_next[which];
            continue;
        }
        mask |= tb_granules(other, w);
        link = &other->page_next[w];
    }
    page->code_mask = mask;
}

// ---- life of a block

static struct tb *tb_new(struct engine *e)
{
    uint32_t index = e->tb_free;
    if (index) {
        e->tb_free = (uint32_t)(uintptr_t)e->tbs[index];
    } else {
        if (e->tb_count == e->tb_capacity) {
            e->tb_capacity *= 2;
            e->tbs = realloc(e->tbs, e->tb_capacity * sizeof *e->tbs);
        }
        index = e->tb_count++;
    }
    struct tb *tb = calloc(1, sizeof *tb);
    tb->index = index;
    e->tbs[index] = tb;
    return tb;
}

static void unlink_edge(struct engine *e, struct tcg_edge *edge)
{
    if (!edge->to)
        return;
    struct tcg_edge **link = &((struct tb *)edge->to)->incoming;
    while (*link != edge)
        link = &(*link)->next_incoming;
    *link = edge->next_incoming;
    e->options.backend->unlink(e->backend_state, edge);
    edge->to = NULL;
}

void tb_link(struct engine *e, struct tcg_edge *edge, struct tb *to)
{
    struct tb *from = (struct tb *)edge->from;
    if (edge->to || from->dead || to->dead || !to->linkable || e->options.no_chain || edge->flags_id != to->code.flags_id)
        return;
    edge->to = &to->code;
    edge->next_incoming = to->incoming;
    to->incoming = edge;
    // Another page: also when the source lies on two pages, or only its second part shares the target's.
    edge->cross_page = from->handle[0] != to->handle[0];
    e->options.backend->link(e->backend_state, edge, &to->code);
    e->stats.links++;
}

static struct recent_tb *recent_slot(struct engine *e, uint64_t rip, uint32_t handle)
{
    return &e->recent[(uint32_t)(rip ^ rip >> 13 ^ handle * 0x9e3779b1u >> 8) & (RECENT_SLOTS - 1)];
}

static void hash_remove(struct engine *e, struct tb *tb)
{
    uint32_t *link = &e->hash[tb_bucket(tb->handle[0], tb->code.rip, tb->flags)];
    while (*link && *link != tb->index)
        link = &e->tbs[*link]->hash_next;
    if (*link)
        *link = tb->hash_next;
}

// Blocks of a part are a doubly linked list by index.
static void part_insert(struct engine *e, struct tb *tb)
{
    uint32_t first = e->parts[tb->part].first_tb;
    tb->part_next = first;
    tb->part_previous = 0;
    if (first)
        e->tbs[first]->part_previous = tb->index;
    e->parts[tb->part].first_tb = tb->index;
}

static void part_remove(struct engine *e, struct tb *tb)
{
    if (tb->part_next)
        e->tbs[tb->part_next]->part_previous = tb->part_previous;
    if (tb->part_previous)
        e->tbs[tb->part_previous]->part_next = tb->part_next;
    else
        e->parts[tb->part].first_tb = tb->part_next;
}

static void kill(struct engine *e, struct tb *tb)
{
    if (tb->dead)
        return;
    tb->dead = true;
    while (tb->incoming)
        unlink_edge(e, tb->incoming);
    for (unsigned i = 0; i < IR_MAX_EDGES; i++)
        if (tb->code.edges[i].exists)
            unlink_edge(e, &tb->code.edges[i]);
    if (tb->linkable)
        tlb_drop_jump(e->tlb, jump_key(tb->code.rip, tb->code.flags_id), tb->code.rip);
    hash_remove(e, tb);
    struct recent_tb *recent = recent_slot(e, tb->code.rip, tb->handle[0]);
    if (recent->tb == tb)
        recent->tb = NULL;
    page_remove(e, tb, 0);
    if (tb->handle[1])
        page_remove(e, tb, 1);
    tb->hash_next = 0;
}

void tb_invalidate(struct engine *e, struct tb *tb)
{
    if (tb->dead)
        return;
    kill(e, tb);
    e->stats.invalidated++;
    tb->incoming = (struct tcg_edge *)e->graveyard; // list of the dead
    e->graveyard = tb;
}

void tb_free_dead(struct engine *e)
{
    while (e->graveyard) {
        struct tb *tb = e->graveyard;
        e->graveyard = (struct tb *)tb->incoming;
        part_remove(e, tb);
        e->options.backend->release(e->backend_state, &tb->code);
        e->tbs[tb->index] = (struct tb *)(uintptr_t)e->tb_free;
        e->tb_free = tb->index;
        e->freed++;
        free(tb);
    }
}

static void evict_part(struct engine *e, unsigned number)
{
    struct part *part = &e->parts[number];
    for (uint32_t i = part->first_tb; i;) {
        struct tb *tb = e->tbs[i];
        i = tb->part_next;
        tb_invalidate(e, tb);
    }
    tb_free_dead(e);
    part->first_tb = 0;
    part->site_used = 1;
    part->constant_count = 0;
}

void tb_flush_all(struct engine *e)
{
    for (unsigned i = 0; i < ENGINE_PARTS; i++)
        evict_part(e, i);
    e->part = 0;
    e->part_cursor = e->parts[0].start;
    memset(e->page_hash, 0, sizeof e->page_hash);
    e->page_count = 1;
    tlb_reset_all(e->tlb);
    e->stats.flushes++;
}

static void next_part(struct engine *e)
{
    e->part = (e->part + 1) % ENGINE_PARTS;
    e->stats.evicted_parts += e->parts[e->part].first_tb != 0;
    evict_part(e, e->part); // also when no block of it lives any more: its site rows and constants are free again
    e->part_cursor = e->parts[e->part].start;
}

// ---- dropping by address

static void drop_page_blocks(struct engine *e, struct page_info *page, uint64_t mask)
{
    for (uint32_t i = page->blocks; i;) {
        struct tb *tb = e->tbs[i >> 1];
        unsigned which = i & 1;
        i = tb->page_next[which];
        if (tb_granules(tb, which) & mask) {
            tb_invalidate(e, tb);
            i = page->blocks; // the list changed, perhaps twice for a block on both pages
        }
    }
}

void tb_code_written(void *engine, struct ram_block *ram, uint64_t offset, uint64_t len)
{
    struct engine *e = engine;
    while (len) {
        uint64_t piece = PAGE_SIZE - (offset & PAGE_OFFSET_MASK);
        if (piece > len)
            piece = len;
        struct page_info *page = &ram->pages[offset >> PAGE_BITS];
        if (page->blocks) {
            page->rewrites++;
            drop_page_blocks(e, page, granules(offset, piece));
        }
        offset += piece;
        len -= piece;
    }
}

void tb_drop_ram(struct engine *e, struct ram_block *ram)
{
    for (uint32_t i = 1; i < e->tb_count; i++) {
        struct tb *tb = e->tbs[i];
        bool live = (uintptr_t)tb > UINT32_MAX && !tb->dead; // free slots hold a small number
        if (live && (tb->ram[0] == ram || tb->ram[1] == ram))
            tb_invalidate(e, tb);
    }
}

// ---- finding and making

// Would a fetch from va succeed? The walk counts as the fetch (accessed bits).
static bool can_fetch(struct vcpu_head *cpu, uint64_t va)
{
    struct translation t;
    return cpu->tlb_ops->walk(cpu, cpu->context->view, va, ACCESS_FETCH, &t);
}

struct tb *tb_find(struct engine *e, struct vcpu_head *cpu, uint32_t handle, uint64_t rip, uint32_t flags)
{
    struct recent_tb *recent = recent_slot(e, rip, handle);
    if (recent->tb && recent->rip == rip && recent->handle == handle && recent->flags == flags)
        return recent->tb;
    for (uint32_t i = e->hash[tb_bucket(handle, rip, flags)]; i; i = e->tbs[i]->hash_next) {
        struct tb *tb = e->tbs[i];
        if (tb->handle[0] != handle || tb->code.rip != rip || tb->flags != flags)
            continue;
        if (!tb->handle[1]) {
            *recent = (struct recent_tb){ rip, handle, flags, tb };
            return tb;
        }
        // The second page may be mapped elsewhere now. A fault there is the instruction's own: let it come.
        uint64_t second = ((rip + cpu->code_base) | PAGE_OFFSET_MASK) + 1;
        if (can_fetch(cpu, second) && code_page_current(e, cpu, second) == tb->handle[1] && !tb->dead)
            return tb;
    }
    return NULL;
}

static int32_t site_operand(struct part *part, const struct ir_block *ir, ir_var var)
{
    if (var == IR_NONE)
        return -1;
    if (ir->vars[var].kind == IR_GLOBAL)
        return ir->vars[var].global;
    if (part->constant_count == part->constant_capacity) {
        part->constant_capacity = part->constant_capacity ? part->constant_capacity * 2 : 1024;
        part->constants = realloc(part->constants, part->constant_capacity * sizeof *part->constants);
    }
    part->constants[part->constant_count] = ir->vars[var].value;
    return -2 - (int32_t)part->constant_count++;
}

static void store_sites(struct engine *e, struct tb *tb, const struct ir_block *ir)
{
    struct part *part = &e->parts[tb->part];
    for (unsigned i = 0; i < ir->site_count; i++) {
        const struct ir_site *site = &ir->sites[i];
        e->sites[tb->code.site_base + i] = (struct site_row){
            .rip = site->rip, .insn = site->insn, .block_insns = ir->insn_count, .kind = site->kind, .size = site->size,
            .cc_slot = site->cc_slot, .a = site_operand(part, ir, site->a), .b = site_operand(part, ir, site->b),
            .c = site_operand(part, ir, site->c), .tb = tb->index,
        };
    }
    part->site_used += ir->site_count;
    tb->site_count = ir->site_count;
}

static void log_block(struct engine *e, const struct tb *tb, const uint8_t *bytes, unsigned size)
{
    FILE *out = log_stream();
    if (log_on(LOG_IN_ASM)) {
        fprintf(out, "IN: flags %08x\n", tb->flags);
        if (e->target->disassemble)
            e->target->disassemble(out, bytes, size, tb->code.rip, tb->flags, false);
    }
    if (log_on(LOG_OUT_ASM)) {
        fprintf(out, "OUT: rip %#llx, %u instructions, %u bytes\n", (unsigned long long)tb->code.rip, tb->code.insn_count,
                tb->code.code_size);
        if (e->target->disassemble)
            e->target->disassemble(out, tb->code.code, tb->code.code_size, (uintptr_t)tb->code.code, tb->flags, true);
    }
    log_flush();
}

// Generate host code; takes the next part of the buffer when this one is full.
static void emit(struct engine *e, struct tb *tb, struct ir_block *ir)
{
    for (int tries = 0;; tries++) {
        struct part *part = &e->parts[e->part];
        if (part->site_used + ir->site_count < ENGINE_SITES_PER_PART) {
            e->buffer.used = (size_t)(e->part_cursor - e->buffer.rx);
            e->buffer.limit = (size_t)(part->end - e->buffer.rx);
            tb->part = e->part;
            tb->code.site_base = part->site_base + part->site_used;
            if (e->options.backend->emit(e->backend_state, ir, &tb->code)) {
                e->part_cursor = e->buffer.rx + ((e->buffer.used + 15) & ~(size_t)15);
                return;
            }
        }
        if (tries == 2)
            abort(); // a block larger than a part: max_insns keeps that from happening
        next_part(e);
    }
}

// -accel tcg,verify=on: a broken rule of the IR is a bug of ours, so the run ends with the block that shows it.
static void verify(const struct ir_block *ir, const char *stage)
{
    char why[256];
    if (ir_verify(ir, why, sizeof why))
        return;
    fprintf(stderr, "ramjet: bug: block %#llx, %s: %s\n", (unsigned long long)ir->rip, stage, why);
    ir_dump(ir, stderr);
    abort();
}

struct tb *tb_translate(struct engine *e, struct vcpu_head *cpu, uint64_t rip, uint32_t flags)
{
    struct ram_block *ram, *ram2 = NULL;
    uint64_t offset, offset2 = 0;
    uint64_t pc = rip + cpu->code_base;
    const uint8_t *bytes = ldst_code_pointer(cpu, pc, true, &ram, &offset);
    if (!bytes)
        return NULL;
    uint64_t second = (pc | PAGE_OFFSET_MASK) + 1;
    unsigned available = (unsigned)(PAGE_SIZE - (pc & PAGE_OFFSET_MASK));
    const uint8_t *next = available < 15 ? ldst_code_pointer(cpu, second, false, &ram2, &offset2) : NULL;
    bool one = flags & (e->target->one_insn | e->target->shadow);
    bool kills = false;
    struct ir_block *ir = e->ir;
    unsigned max = one ? 1 : e->options.max_insns;
    unsigned used;
retry:
    do {
        used = e->target->translate(cpu, ir, bytes, available, next, next ? PAGE_SIZE : 0, rip, flags, max, &kills);
        max = max > 1 ? max / 2 : 1;
    } while (ir->overflow);
    if (e->debug && (max = debug_block_limit(e, ir, cpu->code_base)) < ir->insn_count)
        goto retry;
    if (used > available && next && !can_fetch(cpu, second)) { // mapped, but not for execution here
        next = NULL;
        goto retry;
    }

    uint32_t handle = code_page_handle(e, pc, ram, offset);
    uint32_t handle2 = used > available && next ? code_page_handle(e, second, ram2, offset2) : 0;
    struct tb *tb = tb_new(e);
    tb->flags = flags;
    tb->handle[0] = handle;
    tb->ram[0] = ram;
    tb->offset[0] = offset;
    tb->bytes_first = used < available ? used : available;
    if (handle2) {
        tb->handle[1] = handle2;
        tb->ram[1] = ram2;
        tb->offset[1] = offset2;
        tb->bytes_second = used - available;
    }
    tb->linkable = !(flags & e->target->one_insn) && !cpu->code_base;
    tb->code.rip = rip;
    tb->code.flags_id = engine_intern_flags(e, flags);
    tb->code.insn_count = ir->insn_count;
    tb->code.kills_flags = kills && !handle2; // the guard of the second page may leave before anything else
    tb->code.code_handle = handle;
    tb->code.second_handle = handle2;
    tb->code.second_slot = (uint16_t)code_slot(second);
    if (handle2)
        code_page_current(e, cpu, second); // the guard compares the context's entry

    if (log_on(LOG_OP)) {
        fprintf(log_stream(), "OP: rip %#llx\n", (unsigned long long)rip);
        ir_dump(ir, log_stream());
    }
    if (e->options.verify)
        verify(ir, "as translated");
    ir_optimize(ir);
    ir_liveness(ir);
    if (e->options.verify)
        verify(ir, "optimized");
    if (log_on(LOG_OP_OPT)) {
        fprintf(log_stream(), "OP_OPT: rip %#llx\n", (unsigned long long)rip);
        ir_dump(ir, log_stream());
    }
    emit(e, tb, ir);
    store_sites(e, tb, ir);
    for (unsigned i = 0; i < ir->edge_count; i++) {
        struct tcg_edge *edge = &tb->code.edges[i];
        edge->exists = true;
        edge->from = &tb->code;
        edge->rip = ir->edges[i].rip;
        edge->flags_id = ir->edges[i].flags_id;
    }
    part_insert(e, tb);
    uint32_t bucket = tb_bucket(handle, rip, flags);
    tb->hash_next = e->hash[bucket];
    e->hash[bucket] = tb->index;
    page_insert(e, tb, 0);
    if (handle2)
        page_insert(e, tb, 1);
    e->stats.blocks++;
    e->stats.translated_insns += ir->insn_count;
    e->stats.code_bytes += tb->code.code_size;
    e->stats.guest_bytes += used;
    e->stats.ir_ops += ir->op_count;
    if (available < 15 && !next && used >= available) {
        tb->linkable = false; // nor may a jump cache keep it: it is freed after its run
        tb_invalidate(e, tb); // raises the fault of a page that may be mapped the next time: for one use
    }
    if (log_on(LOG_IN_ASM) || log_on(LOG_OUT_ASM))
        log_block(e, tb, bytes, tb->bytes_first < used ? (unsigned)tb->bytes_first : used);
    return tb;
}
