// SPDX-License-Identifier: MIT
//
// Flags, branches, ways out of a block, helpers, and the CPU struct: the entry protocol of tcg/backend.h, word by word.
#include "tcg/interp/interp.h"

// ---- flags

uint32_t interp_flags(const struct run *run, const struct iop *op, unsigned first)
{
    if (op->kind == CC_ENV)
        return (run->cpu->cc_lo & 0xd5u) | (uint32_t)(run->cpu->cc_of & 1) << 11;
    return cc_compute(op->kind, op->size, interp_get(run, op, first), interp_get(run, op, first + 1),
                      interp_get(run, op, first + 2));
}

void interp_save_flags(struct vcpu_head *cpu, uint32_t flags)
{
    cpu->cc_lo = (uint8_t)(flags & 0xd5);
    cpu->cc_of = flags >> 11 & 1;
}

static bool holds(const struct run *run, const struct iop *op, unsigned first)
{
    return cc_condition(op->cond, interp_flags(run, op, first));
}

void interp_SETCC(struct run *run, const struct iop *op)
{
    interp_put(run, op, 0, 3, holds(run, op, 1));
}

void interp_MOVCC(struct run *run, const struct iop *op)
{
    interp_put(run, op, 0, op->size2, interp_get(run, op, holds(run, op, 1) ? 4 : 0));
}

void interp_GETCC(struct run *run, const struct iop *op)
{
    interp_put(run, op, 0, 3, interp_flags(run, op, 1));
}

void interp_SAVECC(struct run *run, const struct iop *op)
{
    if (op->kind != CC_ENV)
        interp_save_flags(run->cpu, interp_flags(run, op, 0));
}

// ---- inside a block

void interp_INSN(struct run *run, const struct iop *op) {}
void interp_LABEL(struct run *run, const struct iop *op) {}

void interp_BR(struct run *run, const struct iop *op)
{
    run->next = run->code->ops + op->imm;
}

void interp_BRCC(struct run *run, const struct iop *op)
{
    if (holds(run, op, 0))
        run->next = run->code->ops + op->imm;
}

// ---- leaving a block

static void leave(struct run *run, enum tcg_exit_reason reason)
{
    run->cpu->exit_reason = reason;
    run->next = NULL;
}

static void go_to(struct run *run, const struct tcg_block *to)
{
    if (to->second_handle && run->cpu->context->code[to->second_slot] != to->second_handle) { // not what it was made from
        run->cpu->budget += to->insn_count;
        run->cpu->rip = to->rip;
        leave(run, EXIT_NONE);
        return;
    }
    run->code = to->backend_data;
    run->base[BASE_CONSTANTS] = (char *)run->code->constants;
    run->next = run->code->ops;
}

// Through the jump cache, with flags saved: the target's checked entry, or the loop, which finds the site then.
static void jump(struct run *run, uint64_t rip, uint64_t flags_id, uint32_t site)
{
    struct vcpu_head *cpu = run->cpu;
    const struct jump_entry *entry = &cpu->context->jump[jump_slot(rip)];
    cpu->rip = rip;
    if (entry->key != jump_key(rip, flags_id)) {
        cpu->site = site;
        leave(run, EXIT_NONE);
        return;
    }
    const struct tcg_block *to = entry->code;
    cpu->budget -= to->insn_count;
    if (cpu->budget < 0) {
        cpu->budget += to->insn_count;
        leave(run, EXIT_BUDGET);
        return;
    }
    go_to(run, to);
}

void interp_EXIT(struct run *run, const struct iop *op)
{
    struct vcpu_head *cpu = run->cpu;
    struct tcg_edge *edge = &run->code->block->edges[op->edge];
    const struct tcg_block *to = edge->to;
    bool guarded = to && edge->cross_page && cpu->context->code[code_slot(edge->rip)] != to->code_handle;
    if (to && !guarded && cpu->budget >= to->insn_count) {
        cpu->budget -= to->insn_count;
        if (!to->kills_flags && op->kind != CC_ENV)
            interp_save_flags(cpu, interp_flags(run, op, 0));
        go_to(run, to);
        return;
    }
    if (op->kind != CC_ENV)
        interp_save_flags(cpu, interp_flags(run, op, 0));
    cpu->rip = edge->rip;
    if (to && cpu->budget < to->insn_count) {
        leave(run, EXIT_BUDGET);
    } else if (guarded) {
        jump(run, edge->rip, edge->flags_id, 0);
    } else {
        cpu->exit_edge = edge;
        leave(run, EXIT_NONE);
    }
}

void interp_JUMP(struct run *run, const struct iop *op)
{
    jump(run, interp_get(run, op, 0), (uint64_t)op->imm, op->site);
}

void interp_RESUME(struct run *run, const struct iop *op)
{
    (void)op;
    if (run->cpu->resume_id)
        jump(run, run->cpu->rip, run->cpu->resume_id, 0);
    else
        leave(run, EXIT_LOOP);
}

void interp_LEAVE(struct run *run, const struct iop *op)
{
    if (op->scale == 0)
        run->cpu->rip = (uint64_t)op->imm;
    leave(run, op->edge);
}

// ---- helpers

static uint64_t call(struct run *run, const struct iop *op, void *function)
{
    struct vcpu_head *cpu = run->cpu;
    uint64_t a[5] = { 0 };
    for (unsigned k = 0; k < op->uses; k++)
        a[k] = interp_get(run, op, op->defs + k);
    switch (op->uses) {
    case 0: return ((uint64_t (*)(struct vcpu_head *))function)(cpu);
    case 1: return ((uint64_t (*)(struct vcpu_head *, uint64_t))function)(cpu, a[0]);
    case 2: return ((uint64_t (*)(struct vcpu_head *, uint64_t, uint64_t))function)(cpu, a[0], a[1]);
    case 3: return ((uint64_t (*)(struct vcpu_head *, uint64_t, uint64_t, uint64_t))function)(cpu, a[0], a[1], a[2]);
    case 4:
        return ((uint64_t (*)(struct vcpu_head *, uint64_t, uint64_t, uint64_t, uint64_t))function)(cpu, a[0], a[1], a[2], a[3]);
    default:
        return ((uint64_t (*)(struct vcpu_head *, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t))function)(cpu, a[0], a[1], a[2],
                                                                                                              a[3], a[4]);
    }
}

void interp_CALL(struct run *run, const struct iop *op)
{
    const struct helper_row *row = &run->state->target->helpers[op->helper];
    if (row->flags & HELPER_LEAVES)
        run->cpu->site = op->site;
    uint64_t result = call(run, op, row->function);
    run->cpu->site = 0;
    if (op->defs)
        interp_put(run, op, 0, 3, result);
}

// ---- CPU struct: fields in the host's byte order, never parts of one

void interp_LDENV(struct run *run, const struct iop *op)
{
    const char *field = run->base[BASE_CPU] + op->imm;
    uint64_t value;
    switch (op->size) {
    case 0: value = *(const uint8_t *)field; break;
    case 1: value = *(const uint16_t *)field; break;
    case 2: value = *(const uint32_t *)field; break;
    default: value = *(const uint64_t *)field; break;
    }
    interp_put(run, op, 0, 3, value);
}

void interp_STENV(struct run *run, const struct iop *op)
{
    char *field = run->base[BASE_CPU] + op->imm;
    uint64_t value = interp_get(run, op, 0);
    switch (op->size) {
    case 0: *(uint8_t *)field = (uint8_t)value; break;
    case 1: *(uint16_t *)field = (uint16_t)value; break;
    case 2: *(uint32_t *)field = (uint32_t)value; break;
    default: *(uint64_t *)field = value; break;
    }
}

void interp_CTX(struct run *run, const struct iop *op)
{
    run->cpu->context = run->cpu->views[op->imm];
}
