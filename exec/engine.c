// SPDX-License-Identifier: MIT
//
// The vCPU loop: which block runs next, for how long, and what to do when generated code is left.
//
// One iteration of engine_run: fire timers, let the owner look at host events, give each vCPU a slice. A slice
// ends at its budget (quantum or deadline), at HLT, or when a bit of head.pending cannot be served inside.
#include "exec/engine.h"
#include <stdlib.h>
#include <string.h>
#include "exec/debug.h"
#include "exec/internal.h"
#include "util/error.h"
#include "util/log.h"

#define DEFAULT_CODE_SIZE ((size_t)256 << 20)
#define DEFAULT_QUANTUM 32768
#define DEFAULT_MAX_INSNS 48

static void deadline_changed(void *engine);

// ---- flags keys

uint32_t engine_intern_flags(struct engine *e, uint32_t flags)
{
    uint32_t slot = flags * 0x9e3779b1u >> (32 - FLAGS_BITS);
    for (;; slot = (slot + 1) & (FLAGS_SLOTS - 1)) {
        uint32_t id = e->flag_hash[slot];
        if (!id)
            break;
        if (e->flag_keys[id] == flags)
            return id;
    }
    uint32_t id = ++e->flag_count; // tables_full keeps room for what one translation can ask for
    e->flag_keys[id] = flags;
    e->flag_hash[slot] = (uint16_t)id;
    return id;
}

// Ids and handles may only start over when no block exists: looked at between blocks.
static bool tables_full(const struct engine *e)
{
    return e->flag_count > FLAGS_LIMIT - 256 || e->page_count > HANDLE_LIMIT - 16;
}

static void restart_tables(struct engine *e)
{
    tb_flush_all(e);
    memset(e->flag_hash, 0, sizeof e->flag_hash);
    e->flag_count = 0;
}

// ---- changes of the memory view

static bool view_has_ram(const struct flat_view *view, const struct ram_block *ram)
{
    for (uint32_t i = 0; i < view->count; i++)
        if (view->sections[i].ram == ram)
            return true;
    return false;
}

static void view_changed(void *opaque, const struct flat_view *old, const struct flat_view *now)
{
    struct engine *e = opaque;
    tlb_reset_all(e->tlb);
    for (uint32_t i = 0; old && i < old->count; i++) {
        struct ram_block *ram = old->sections[i].ram;
        if (ram && !view_has_ram(now, ram)) {
            tlb_drop_ram(e->tlb, ram);
            tb_drop_ram(e, ram);
        }
    }
}

// ---- life

struct engine *engine_new(const struct engine_options *options, const struct engine_target *target, struct address_space *memory,
                          struct tlb_machine *tlb, struct clock *clock, struct error **errp)
{
    struct engine *e = calloc(1, sizeof *e);
    e->options = *options;
    if (!e->options.code_size)
        e->options.code_size = DEFAULT_CODE_SIZE;
    if (!e->options.quantum)
        e->options.quantum = DEFAULT_QUANTUM;
    if (!e->options.max_insns)
        e->options.max_insns = DEFAULT_MAX_INSNS;
    e->stop = UINT64_MAX;
    e->target = target;
    e->memory = memory;
    e->tlb = tlb;
    e->clock = clock;
    if (!code_buffer_init(&e->buffer, e->options.code_size, (enum code_buffer_mode)e->options.code_mode, errp)) {
        free(e);
        return NULL;
    }
    e->buffer.limit = e->buffer.size;
    e->ir = ir_block_new(target->ir);
    e->backend_state = options->backend->new(target->ir, &e->buffer, errp);
    if (!e->backend_state || !tb_cache_init(e, errp)) {
        code_buffer_release(&e->buffer);
        free(e);
        return NULL;
    }
    e->listener = (struct memory_listener){ .changed = view_changed, .opaque = e };
    address_space_add_listener(memory, &e->listener);
    clock_init(clock, engine_time, e);
    clock->deadline_changed = deadline_changed;
    clock->deadline_opaque = e;
    e->hooks = (struct store_hooks){ .code_written = tb_code_written, .opaque = e, .tlb = tlb };
    memory_set_store_hooks(memory, &e->hooks);
    return e;
}

void engine_free(struct engine *e)
{
    debug_set_owner(e, NULL);
    tb_cache_release(e);
    e->options.backend->free(e->backend_state);
    ir_block_free(e->ir);
    code_buffer_release(&e->buffer);
    free(e);
}

void engine_add_cpu(struct engine *e, struct vcpu_head *cpu)
{
    cpu->index = e->cpu_count;
    cpu->engine = e;
    cpu->backend = e->options.backend;
    cpu->backend_state = e->backend_state;
    cpu->leave_exactly = engine_leave_exactly;
    e->cpus[e->cpu_count++] = cpu;
}

struct vcpu_head *engine_current_cpu(struct engine *e)
{
    return e->cpus[e->current];
}

void engine_kick(struct engine *e)
{
    e->kicked = true;
}

// A timer was armed or disarmed, perhaps before the end of the running slice.
static void deadline_changed(void *engine)
{
    struct engine *e = engine;
    if (e->options.icount_shift != ICOUNT_OFF)
        e->kicked = true;
}

uint32_t engine_resume_id(struct vcpu_head *cpu, uint32_t flags)
{
    struct engine *e = cpu->engine;
    return e->kicked || e->debug || e->options.flush_every || tables_full(e) ? 0 : engine_intern_flags(e, flags);
}

// ---- the loop

static struct tb *block_for(struct engine *e, struct vcpu_head *cpu, uint32_t flags)
{
    uint32_t handle = code_page_current(e, cpu, cpu->rip + cpu->code_base);
    e->stats.lookups++;
    if (handle) {
        struct tb *tb = tb_find(e, cpu, handle, cpu->rip, flags);
        if (tb)
            return tb;
    }
    return tb_translate(e, cpu, cpu->rip, flags);
}

// Finding a block may fault on the fetch; then the walk recorded it and control must come back here as if generated
// code had left. The backend's enter/leave pair is the only way out, so the fetch is probed first.
static bool fetch_faults(struct engine *e, struct vcpu_head *cpu)
{
    uint64_t pc = cpu->rip + cpu->code_base;
    uint32_t handle = cpu->context->code[code_slot(pc)];
    if (handle && e->pages[handle].va == (pc & ~PAGE_OFFSET_MASK))
        return false;
    struct translation t;
    return !cpu->tlb_ops->walk(cpu, cpu->context->view, pc, ACCESS_FETCH, &t);
}

static void enter_jump_cache(struct vcpu_head *cpu, const struct tb *tb)
{
    if (cpu->context->code[code_slot(tb->code.rip)] != tb->handle[0]) // a flush came in between
        tlb_enter_code(cpu->context, tb->code.rip, tb->handle[0]);
    struct jump_entry *entry = &cpu->context->jump[jump_slot(tb->code.rip)];
    entry->key = jump_key(tb->code.rip, tb->code.flags_id);
    entry->code = tb->code.entry_checked;
}

// The block was left by an indirect jump, whose instruction counts as completed unless it faults.
static void look_at_jump(struct engine *e, struct vcpu_head *cpu)
{
    const struct site_row *row = &e->sites[cpu->site];
    cpu->site = 0;
    if (cpu->exit_reason != EXIT_NONE || !e->target->undo_jump || !e->target->undo_jump(cpu, row->rip))
        return;
    cpu->budget += row->block_insns - row->insn;
    cpu->exit_reason = EXIT_IO; // to be run by itself
}

// Run from tb on with at most budget instructions; returns how many were completed.
static int64_t run_block(struct engine *e, struct vcpu_head *cpu, const struct tb *tb, int32_t budget)
{
    cpu->budget = budget - tb->code.insn_count;
    cpu->entry_budget = budget;
    cpu->exit_edge = NULL;
    cpu->exit_reason = EXIT_NONE;
    cpu->site = 0;
    if (log_on(LOG_EXEC))
        log_printf(LOG_EXEC, "%u: %#llx flags %08x budget %d\n", cpu->index, (unsigned long long)cpu->rip, tb->flags, budget);
    if (log_on(LOG_CPU) && e->target->dump)
        e->target->dump(cpu, log_stream());
    if (e->target->entering)
        e->target->entering(cpu);
    e->entries++;
    e->options.backend->enter(e->backend_state, cpu, &tb->code);
    if (cpu->site)
        look_at_jump(e, cpu);
    int64_t done = budget - cpu->budget;
    cpu->instructions += (uint64_t)done;
    cpu->entry_budget = cpu->budget = 0;
    e->stats.exits[cpu->exit_reason]++;
    return done;
}

void engine_deliver(struct vcpu_head *cpu)
{
    cpu->engine->target->deliver(cpu);
}

static void deliver(struct engine *e, struct vcpu_head *cpu, int64_t *budget)
{
    e->target->deliver(cpu);
    cpu->instructions++;
    --*budget;
}

// The block at rip for flags, or NULL with the exception of its fetch recorded.
static struct tb *fetch_block(struct engine *e, struct vcpu_head *cpu, uint32_t flags)
{
    if (fetch_faults(e, cpu)) {
        cpu->tlb_ops->record_fetch_fault(cpu);
        return NULL;
    }
    struct tb *tb = block_for(e, cpu, flags);
    if (!tb)
        cpu->tlb_ops->record_no_code(cpu);
    return tb;
}

// The instruction at rip as a block of its own that may reach devices.
static void run_exactly(struct engine *e, struct vcpu_head *cpu, int64_t *budget)
{
    uint32_t flags = e->target->block_flags(cpu) | e->target->one_insn;
    struct tb *tb = fetch_block(e, cpu, flags);
    if (!tb) {
        cpu->exit_reason = EXIT_FAULT;
        deliver(e, cpu, budget);
        return;
    }
    cpu->io_allowed = 1;
    *budget -= run_block(e, cpu, tb, 1);
    cpu->io_allowed = 0;
    if (cpu->exit_reason == EXIT_FAULT)
        deliver(e, cpu, budget);
}

static void forced_flush(struct engine *e)
{
    if (e->options.flush_every && e->entries % e->options.flush_every == 0)
        tlb_reset_all(e->tlb);
}

static bool serve(struct engine *e, struct vcpu_head *cpu, unsigned *counted)
{
    return e->debug ? debug_serve(e, cpu, counted) : e->target->service(cpu, counted);
}

// Is the slice over, whatever is left of it?
static bool slice_ends(const struct engine *e, const struct vcpu_head *cpu)
{
    return cpu->exit_reason == EXIT_HALT || e->kicked || (cpu->yield && e->cpu_count > 1);
}

// Must slices end at their exact counts? Only time and stops that are counted ask for it.
static bool counts_exactly(const struct engine *e)
{
    return e->options.icount_shift >= 0 || e->stop != UINT64_MAX || e->debug;
}

// Run from tb on, and what its leaving asks for. Returns the edge that was taken, if it may be linked.
static struct tcg_edge *run_from(struct engine *e, struct vcpu_head *cpu, const struct tb *tb, int64_t *budget)
{
    if (tb->code.insn_count > *budget || debug_stepping(e, cpu)) {
        run_exactly(e, cpu, budget);
        return NULL;
    }
    if (tb->linkable)
        enter_jump_cache(cpu, tb);
    *budget -= run_block(e, cpu, tb, (int32_t)*budget);
    switch (cpu->exit_reason) {
    case EXIT_NONE:
        return cpu->exit_edge;
    case EXIT_BUDGET: // the rest is too short for the next block
        if (!counts_exactly(e)) {
            *budget = 0;
            return NULL;
        }
        while (*budget > 0 && !cpu->pending && !cpu->trap && !slice_ends(e, cpu) && !e->debug)
            run_exactly(e, cpu, budget);
        return NULL;
    case EXIT_FAULT:
        deliver(e, cpu, budget);
        return NULL;
    case EXIT_IO:
        run_exactly(e, cpu, budget);
        return NULL;
    default:
        return NULL;
    }
}

enum slice_end { SLICE_USED, SLICE_OVER, SLICE_STOPPED };

// Run one vCPU for up to *left instructions (used up), until it halts or must be looked at (over), or a debugger's stop:
// then *left is what is left of its slice.
static enum slice_end run_slice(struct engine *e, struct vcpu_head *cpu, int64_t *left)
{
    struct tcg_edge *edge = NULL;
    while (*left > 0 && !e->kicked) {
        unsigned counted = 0;
        if (!serve(e, cpu, &counted))
            return SLICE_OVER;
        if (counted) {
            cpu->instructions += counted;
            *left -= counted;
            edge = NULL;
            if (*left <= 0)
                continue;
        }
        forced_flush(e);
        if (tables_full(e)) {
            restart_tables(e);
            edge = NULL;
        }
        if (e->graveyard) {
            if (edge && ((struct tb *)edge->from)->dead)
                edge = NULL;
            tb_free_dead(e);
        }
        uint32_t flags = e->target->block_flags(cpu);
        if (e->debug && debug_before(e, cpu))
            return SLICE_STOPPED;
        uint64_t freed = e->freed; // translating may evict the block that was left, and with it the edge
        struct tb *tb = fetch_block(e, cpu, flags);
        if (tb) {
            if (edge && e->freed == freed && !((struct tb *)edge->from)->dead)
                tb_link(e, edge, tb);
            edge = run_from(e, cpu, tb, left);
        } else {
            cpu->exit_reason = EXIT_FAULT;
            deliver(e, cpu, left);
            edge = NULL;
        }
        bool over = slice_ends(e, cpu); // PAUSE, too: another vCPU may have what this one waits for
        cpu->yield = 0;
        if (e->debug && debug_after(e, cpu))
            return over ? SLICE_OVER : SLICE_STOPPED;
        if (over)
            return SLICE_OVER;
    }
    return e->kicked ? SLICE_OVER : SLICE_USED;
}

// ---- stops at counts

void engine_set_stop(struct engine *e, uint64_t count)
{
    e->stop = count;
}

// False: the owner wants to look.
static bool reach_stop(struct engine *e, const struct engine_owner *owner)
{
    bool go_on = true;
    while (e->stop <= engine_instructions(e) && go_on)
        go_on = owner->stop(owner->opaque);
    return go_on;
}

void engine_check_stop(struct engine *e, const struct engine_owner *owner)
{
    reach_stop(e, owner);
}

// A vCPU's turn: its slice, cut in pieces where stops lie in it. Returns what is left of it, when something ended it early.
// What the owner does at a stop (a timer armed, an interrupt raised) does not end the turn, just as if it had been done while
// everything stood still.
static int64_t run_turn(struct engine *e, struct vcpu_head *cpu, int64_t budget, const struct engine_owner *owner, bool *go_on)
{
    enum slice_end end = SLICE_USED;
    while (*go_on && end == SLICE_USED && budget > 0) {
        uint64_t until = e->stop - engine_instructions(e);
        int64_t piece = e->stop != UINT64_MAX && until < (uint64_t)budget ? (int64_t)until : budget;
        int64_t rest = budget - piece;
        end = run_slice(e, cpu, &piece);
        budget = rest + piece;
        bool kicked = e->kicked;
        *go_on = reach_stop(e, owner);
        if (e->kicked && !kicked) {
            e->kicked = false;
            int64_t now = time_budget(e);
            budget = now < budget ? now : budget;
        }
    }
    return end == SLICE_STOPPED || (end == SLICE_USED && !*go_on) ? budget : 0;
}

static bool all_halted(struct engine *e)
{
    for (unsigned i = 0; i < e->cpu_count; i++) {
        unsigned counted = 0;
        if (debug_cpu_runs(e, i) && serve(e, e->cpus[i], &counted)) {
            e->cpus[i]->instructions += counted;
            return false;
        }
    }
    return true;
}

// One turn of each vCPU; or, after a stop, what was left of the turns then. False: the owner wants to look.
static bool run_round(struct engine *e, const struct engine_owner *owner)
{
    bool go_on = true;
    struct round from = e->round;
    e->round.stopped = false;
    for (unsigned i = from.stopped ? from.cpu : 0; i < e->cpu_count && go_on; i++) {
        if (!debug_cpu_runs(e, i))
            continue;
        e->current = i;
        go_on = reach_stop(e, owner);
        e->kicked = false;
        int64_t budget = time_budget(e);
        bool resumed = from.stopped && i == from.cpu;
        if (resumed && from.left < budget)
            budget = from.left;
        e->round.served = resumed && from.served;
        int64_t left = run_turn(e, e->cpus[i], budget, owner, &go_on);
        if (!debug_stopped(e) && go_on)
            continue;
        e->round = (struct round){ .stopped = true, .served = e->round.served, .cpu = i, .left = left };
        if (debug_stopped(e) && from.stopped && !(resumed && from.left > 0) && debug_lone_step(e, i))
            e->round = from; // a step out of turn
        break;
    }
    e->current = 0;
    return go_on;
}

void engine_run(struct engine *e, const struct engine_owner *owner)
{
    if (e->debug)
        debug_begin(e);
    if (!debug_time_held(e))
        engine_start_time(e);
    for (;;) {
        if (!e->round.stopped && !debug_time_held(e))
            clock_run_timers(e->clock, engine_time(e));
        if (!owner->look(owner->opaque))
            break;
        if (e->debug)
            debug_prepare(e);
        bool go_on = run_round(e, owner);
        if (go_on && !debug_stopped(e) && !e->kicked && all_halted(e) && !debug_stopped(e))
            time_idle(e, owner);
        time_follow(e, owner);
        if (debug_stopped(e)) {
            engine_stop_time(e);
            debug_tell(e);
            break;
        }
    }
    engine_stop_time(e);
    tb_free_dead(e);
}

void engine_print_stats(struct engine *e, void (*print)(void *, const char *), void *opaque)
{
    static const char *const reasons[8] = { "unlinked edge or lookup", "budget", "loop", "fault", "device access", "halt", "", "" };
    const struct engine_stats *s = &e->stats;
    char line[160];
    uint64_t blocks = s->blocks ? s->blocks : 1;
    snprintf(line, sizeof line, "backend             %s\n", e->options.backend->name);
    print(opaque, line);
    snprintf(line, sizeof line, "translated blocks   %llu (%llu dropped by stores, %llu parts evicted, %llu flushes)\n",
             (unsigned long long)s->blocks, (unsigned long long)s->invalidated, (unsigned long long)s->evicted_parts,
             (unsigned long long)s->flushes);
    print(opaque, line);
    snprintf(line, sizeof line, "per block           %.1f instructions, %.1f guest bytes, %.1f ops, %.1f host bytes\n",
             (double)s->translated_insns / (double)blocks, (double)s->guest_bytes / (double)blocks,
             (double)s->ir_ops / (double)blocks, (double)s->code_bytes / (double)blocks);
    print(opaque, line);
    snprintf(line, sizeof line, "entries             %llu, links %llu, lookups %llu\n", (unsigned long long)e->entries,
             (unsigned long long)s->links, (unsigned long long)s->lookups);
    print(opaque, line);
    for (int i = 0; i < 6; i++) {
        snprintf(line, sizeof line, "left for            %-24s %llu\n", reasons[i], (unsigned long long)s->exits[i]);
        print(opaque, line);
    }
    snprintf(line, sizeof line, "instructions        %llu\n", (unsigned long long)engine_instructions(e));
    print(opaque, line);
    time_print(e, print, opaque);
}
