// SPDX-License-Identifier: MIT
//
// Calls of helpers. Homes go to the CPU struct first (all of them when the helper may look, write or leave; else
// those that C may change), so that arguments can be taken from there once their registers are overwritten.
//
// The stub then saves the vector homes when the helper's row asks for it, calls, and loads what must come back.
#include "tcg/x86_64/emitter.h"

// Where argument v is when the registers in `gone` are overwritten.
static struct operand argument(struct x86_state *e, ir_var n, unsigned gone)
{
    struct operand o = alloc_where(e, n);
    if (o.kind != OPND_REG || !(gone >> o.reg & 1))
        return o;
    struct ir_variable *v = &e->ir->vars[n];
    return v->kind == IR_GLOBAL ? cpu_mem(e->target->globals[v->global].offset) : frame_mem(v->slot);
}

void call_emit(struct x86_state *e, const struct ir_op *op)
{
    static const uint8_t registers[5] = { RSI, RDX, RCX, R8, R9 };
    const struct helper_row *row = &e->target->helpers[op->helper];
    bool all = row->flags & (HELPER_LEAVES | HELPER_READS | HELPER_WRITES);
    alloc_spill_all(e);
    if (row->flags & HELPER_LEAVES)
        x_store_imm(&e->a, 2, HEAD(site), (int32_t)(e->block->site_base + op->site));
    x_call(&e->a, x86_rw(e, all ? e->stubs.store_all : e->stubs.store_caller));
    unsigned gone = 0;
    for (unsigned k = 0; k < op->uses; k++) {
        alloc_move(e, 3, registers[k], argument(e, op->arg[op->defs + k], gone));
        gone |= 1u << registers[k];
    }
    x_mov_imm(&e->a, RAX, (uint64_t)(uintptr_t)row->function);
    unsigned stub = (row->flags & HELPER_GENERAL ? 0 : 1) | (row->flags & HELPER_WRITES ? 2 : 0);
    x_call(&e->a, x86_rw(e, e->stubs.call[stub]));
    alloc_forget(e);
    flags_kill(e);
    if (op->defs) {
        e->pinned |= 1u << RAX;
        alloc_bind(e, op->arg[0], RAX);
    }
}
