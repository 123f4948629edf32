// SPDX-License-Identifier: MIT
//
// The debugger's part in the loop (exec/debug.h). The loop calls in only while somebody debugs.
#include "exec/debug.h"
#include <stdlib.h>
#include <string.h>
#include "exec/internal.h"
#include "softmmu/watch.h"

#define BREAKPOINTS_MAX 65536u
#define WATCHPOINTS_MAX 4096u

struct breakpoint { uint64_t va; bool software, hardware; };
struct watch_node { struct watchpoint watch; struct watch_node *next; };

struct engine_debug {
    struct debug_owner owner;
    struct breakpoint *breakpoints; // sorted by address
    uint32_t count, capacity;
    uint64_t *applied;              // addresses that the translated blocks know, sorted
    uint32_t applied_count;
    bool changed;
    struct watch_node *watches;
    unsigned watch_count;
    enum debug_mode modes[MAX_CPUS];
    bool any_step, hold;            // hold: time stands still during this step
    unsigned step_mask;
    bool stopped;
    struct debug_stop stop;
};

// ---- the set of breakpoints

// Index of the first breakpoint at or after va.
static uint32_t find(const struct engine_debug *d, uint64_t va)
{
    uint32_t low = 0, high = d->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (d->breakpoints[middle].va < va)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct breakpoint *breakpoint_at(const struct engine_debug *d, uint64_t va)
{
    uint32_t i = find(d, va);
    return i < d->count && d->breakpoints[i].va == va ? &d->breakpoints[i] : NULL;
}

bool debug_insert_breakpoint(struct engine *e, uint64_t va, bool hardware)
{
    struct engine_debug *d = e->debug;
    uint32_t i = find(d, va);
    if (i == d->count || d->breakpoints[i].va != va) {
        if (d->count == BREAKPOINTS_MAX)
            return false;
        if (d->count == d->capacity) {
            d->capacity = d->capacity ? d->capacity * 2 : 16;
            d->breakpoints = realloc(d->breakpoints, d->capacity * sizeof *d->breakpoints);
        }
        memmove(d->breakpoints + i + 1, d->breakpoints + i, (d->count - i) * sizeof *d->breakpoints);
        d->breakpoints[i] = (struct breakpoint){ .va = va };
        d->count++;
        d->changed = true;
    }
    if (hardware)
        d->breakpoints[i].hardware = true;
    else
        d->breakpoints[i].software = true;
    return true;
}

void debug_remove_breakpoint(struct engine *e, uint64_t va, bool hardware)
{
    struct engine_debug *d = e->debug;
    struct breakpoint *b = breakpoint_at(d, va);
    if (!b)
        return;
    if (hardware)
        b->hardware = false;
    else
        b->software = false;
    if (b->hardware || b->software)
        return;
    uint32_t i = (uint32_t)(b - d->breakpoints);
    memmove(b, b + 1, (d->count - i - 1) * sizeof *b);
    d->count--;
    d->changed = true;
}

// Addresses that are in only one of the old and new sets, sorted; to be freed.
static uint64_t *difference(const struct engine_debug *d, uint32_t *count)
{
    uint64_t *out = malloc(((size_t)d->count + d->applied_count + 1) * sizeof *out);
    uint32_t i = 0, k = 0, n = 0;
    while (i < d->count || k < d->applied_count) {
        if (k == d->applied_count || (i < d->count && d->breakpoints[i].va < d->applied[k])) {
            out[n++] = d->breakpoints[i++].va;
        } else if (i == d->count || d->applied[k] < d->breakpoints[i].va) {
            out[n++] = d->applied[k++];
        } else {
            i++;
            k++;
        }
    }
    *count = n;
    return out;
}

// Is one of the sorted addresses in [first, last]?
static bool any_in(const uint64_t *sorted, uint32_t count, uint64_t first, uint64_t last)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sorted[middle] < first)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && sorted[low] <= last;
}

// Drop the blocks that hold an address of the difference, or end before it (they are whole again without it).
static void apply(struct engine *e)
{
    struct engine_debug *d = e->debug;
    uint32_t count;
    uint64_t *changed = difference(d, &count);
    d->changed = false;
    for (uint32_t i = 1; count && i < e->tb_count; i++) {
        struct tb *tb = e->tbs[i];
        if ((uintptr_t)tb <= UINT32_MAX || tb->dead) // free slots hold a small number
            continue;
        uint64_t first = e->pages[tb->handle[0]].va | (tb->offset[0] & PAGE_OFFSET_MASK);
        if (any_in(changed, count, first, first + tb->bytes_first + tb->bytes_second))
            tb_invalidate(e, tb);
    }
    free(changed);
    d->applied = realloc(d->applied, ((size_t)d->count + 1) * sizeof *d->applied);
    for (uint32_t i = 0; i < d->count; i++)
        d->applied[i] = d->breakpoints[i].va;
    d->applied_count = d->count;
}

unsigned debug_block_limit(const struct engine *e, const struct ir_block *ir, uint64_t code_base)
{
    const struct engine_debug *d = e->debug;
    for (unsigned i = 0; d->count && i < ir->op_count; i++) {
        const struct ir_op *op = &ir->ops[i];
        if (op->opcode == IR_INSN && op->site && breakpoint_at(d, (uint64_t)op->imm + code_base))
            return op->site;
    }
    return ir->insn_count;
}

// ---- watchpoints

bool debug_insert_watchpoint(struct engine *e, uint64_t va, uint64_t len, unsigned kinds)
{
    struct engine_debug *d = e->debug;
    if (!len || va + (len - 1) < va || d->watch_count == WATCHPOINTS_MAX)
        return false;
    struct watch_node *node = calloc(1, sizeof *node);
    node->watch = (struct watchpoint){ .va = va, .len = len, .kinds = (uint8_t)kinds };
    node->next = d->watches;
    d->watches = node;
    d->watch_count++;
    watch_add(e->tlb, &node->watch);
    return true;
}

static void free_watch(struct engine *e, struct watch_node **link)
{
    struct watch_node *node = *link;
    *link = node->next;
    watch_remove(e->tlb, &node->watch);
    e->debug->watch_count--;
    free(node);
}

bool debug_remove_watchpoint(struct engine *e, uint64_t va, uint64_t len, unsigned kinds)
{
    for (struct watch_node **link = &e->debug->watches; *link; link = &(*link)->next) {
        const struct watchpoint *w = &(*link)->watch;
        if (w->va == va && w->len == len && w->kinds == kinds) {
            free_watch(e, link);
            return true;
        }
    }
    return false;
}

// ---- life and modes

void debug_remove_all(struct engine *e)
{
    struct engine_debug *d = e->debug;
    d->changed |= d->count != 0;
    d->count = 0;
    while (d->watches)
        free_watch(e, &d->watches);
}

static void all_run(struct engine_debug *d)
{
    memset(d->modes, 0, sizeof d->modes);
    d->any_step = false;
}

void debug_set_mode(struct engine *e, unsigned cpu, enum debug_mode mode)
{
    struct engine_debug *d = e->debug;
    d->modes[cpu] = mode;
    d->any_step = false;
    for (unsigned i = 0; i < e->cpu_count; i++) {
        d->any_step |= d->modes[i] == DEBUG_STEP;
    }
}

void debug_set_step_mask(struct engine *e, unsigned mask)
{
    e->debug->step_mask = mask;
}

void debug_set_owner(struct engine *e, const struct debug_owner *owner)
{
    struct engine_debug *d = e->debug;
    if (owner) {
        if (!d)
            d = e->debug = calloc(1, sizeof *d);
        d->owner = *owner;
        all_run(d);
        return;
    }
    if (!d)
        return;
    debug_remove_all(e);
    apply(e);
    free(d->breakpoints);
    free(d->applied);
    free(d);
    e->debug = NULL;
}

void debug_state_written(struct engine *e)
{
    e->round.served = false;
}

bool debug_in_turn(const struct engine *e, unsigned cpu)
{
    return e->cpu_count == 1 || (e->round.stopped && e->round.cpu == cpu && e->round.left > 0);
}

// ---- the loop's questions

bool debug_time_held(const struct engine *e)
{
    return e->debug && e->debug->hold;
}

void debug_begin(struct engine *e)
{
    struct engine_debug *d = e->debug;
    d->stopped = false;
    d->hold = d->any_step && d->step_mask & DEBUG_STEP_NOTIMER;
}

void debug_prepare(struct engine *e)
{
    struct engine_debug *d = e->debug;
    bool any_run = false;
    for (unsigned i = 0; i < e->cpu_count; i++)
        any_run |= d->modes[i] == DEBUG_RUN;
    if (d->changed && any_run) // steps do not look at breakpoints
        apply(e);
}

bool debug_cpu_runs(const struct engine *e, unsigned cpu)
{
    return !e->debug || e->debug->modes[cpu] != DEBUG_HALT;
}

bool debug_stepping(const struct engine *e, const struct vcpu_head *cpu)
{
    return e->debug && e->debug->modes[cpu->index] == DEBUG_STEP;
}

bool debug_stopped(const struct engine *e)
{
    return e->debug && e->debug->stopped;
}

static bool stop(struct engine_debug *d, struct vcpu_head *cpu, enum debug_stop_kind kind)
{
    d->stopped = true;
    d->stop = (struct debug_stop){ .kind = kind, .cpu = cpu->index };
    return true;
}

static bool stop_for_watch(struct engine_debug *d, struct vcpu_head *cpu)
{
    struct watch_node *found = NULL;
    for (struct watch_node *n = d->watches; n; n = n->next) {
        if (n->watch.hit)
            found = n;
        n->watch.hit = 0;
    }
    cpu->watch_hit = 0;
    if (!found)
        return false;
    stop(d, cpu, DEBUG_STOP_WATCHPOINT);
    d->stop.address = found->watch.va;
    d->stop.watch = found->watch.kinds;
    return true;
}

// The target's service. After a stop that came behind it, it is not asked again: all it could deliver, it has.
bool debug_serve(struct engine *e, struct vcpu_head *cpu, unsigned *counted)
{
    struct engine_debug *d = e->debug;
    bool step = d->modes[cpu->index] == DEBUG_STEP, served = e->round.served;
    e->round.served = false;
    bool hold = served || (step && d->step_mask & DEBUG_STEP_NOIRQ), runs;
    uint32_t held = hold ? atomic_exchange(&cpu->pending, 0) : 0;
    runs = e->target->service(cpu, counted);
    if (hold)
        atomic_fetch_or(&cpu->pending, held);
    if (hold && !runs && !served && !*counted)
        runs = e->target->service(cpu, counted);
    if (*counted && step)
        stop(d, cpu, DEBUG_STOP_STEP);
    if (step && !runs && d->hold) { // halted: only time and interrupts can end the step
        d->hold = false;
        engine_start_time(e);
    }
    return runs;
}

bool debug_before(struct engine *e, struct vcpu_head *cpu)
{
    struct engine_debug *d = e->debug;
    if (cpu->watch_hit && stop_for_watch(d, cpu)) // by the delivery of an interrupt
        return e->round.served = true;
    if (!d->stopped && d->count && d->modes[cpu->index] != DEBUG_STEP) {
        const struct breakpoint *b = breakpoint_at(d, cpu->rip + cpu->code_base);
        if (b) {
            stop(d, cpu, DEBUG_STOP_BREAKPOINT);
            d->stop.hardware = !b->software;
        }
    }
    e->round.served = d->stopped;
    return d->stopped;
}

bool debug_after(struct engine *e, struct vcpu_head *cpu)
{
    struct engine_debug *d = e->debug;
    if (cpu->watch_hit && stop_for_watch(d, cpu))
        return true;
    return d->modes[cpu->index] == DEBUG_STEP ? stop(d, cpu, DEBUG_STOP_STEP) : false;
}

bool debug_lone_step(const struct engine *e, unsigned cpu)
{
    const struct engine_debug *d = e->debug;
    for (unsigned i = 0; i < e->cpu_count; i++)
        if (i != cpu && d->modes[i] != DEBUG_HALT)
            return false;
    return d->modes[cpu] == DEBUG_STEP;
}

void debug_tell(struct engine *e)
{
    struct engine_debug *d = e->debug;
    struct debug_stop stop = d->stop;
    d->stopped = false;
    d->hold = false;
    all_run(d);
    d->owner.stopped(d->owner.opaque, &stop);
}
