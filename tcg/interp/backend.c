// SPDX-License-Identifier: MIT
//
// tcg_backend_interp: copies a block into its compact form, and the loop that runs it.
//
// A compact block is one allocation (ops, then constants), hung on tcg_block.backend_data. It is charged to the code
// buffer, of which nothing is written, so that exec/ evicts translations as it does for host code. Jump caches
// and edges lead to struct tcg_block itself: entry = entry_checked = the block.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "tcg/code_buffer.h"
#include "tcg/interp/interp.h"
#include "util/error.h"

static const iop_fn functions[IR__COUNT] = {
#define OP(id, text, defs, uses, has_imm, flags) [IR_##id] = interp_##id,
#include "tcg/ops.def"
#undef OP
};

// ---- life

static void *interp_new(const struct ir_target *target, struct code_buffer *buffer, struct error **errp)
{
    struct interp_state *state = calloc(1, sizeof *state);
    if (state)
        state->frame = calloc(IR_MAX_VARS + 1, 16);
    if (!state || !state->frame) {
        free(state);
        error_set(errp, "interpreter: out of memory");
        return NULL;
    }
    state->target = target;
    state->buffer = buffer;
    return state;
}

static void interp_free(void *opaque)
{
    struct interp_state *state = opaque;
    free(state->frame);
    free(state);
}

// ---- from IR to the compact form

struct layout {
    uint32_t place[IR_MAX_VARS];
    uint32_t frame, constants;
};

// The frame starts with 16 bytes that nobody reads: results without a variable go there.
static void lay_out(const struct ir_block *ir, struct layout *l)
{
    l->frame = 16;
    l->constants = 8;
    for (unsigned i = 0; i < ir->var_count; i++) {
        const struct ir_variable *v = &ir->vars[i];
        switch ((enum ir_var_kind)v->kind) {
        case IR_GLOBAL: case IR_VGLOBAL:
            l->place[i] = ir->target->globals[v->global].offset << 2 | BASE_CPU;
            break;
        case IR_CONST:
            l->place[i] = l->constants << 2 | BASE_CONSTANTS;
            l->constants += 8;
            break;
        default:
            l->place[i] = l->frame << 2 | BASE_FRAME;
            l->frame += v->kind == IR_VTEMP ? 16 : 8;
            break;
        }
    }
}

static void compact_op(struct iop *to, const struct ir_op *op, const struct layout *l, const struct tcg_block *block)
{
    *to = (struct iop){ .run = functions[op->opcode], .imm = op->imm, .site = block->site_base + op->site, .helper = op->helper,
                        .size = op->size, .kind = op->kind, .cond = op->cond, .scale = op->scale, .ext = op->ext,
                        .size2 = op->size2, .edge = op->edge, .defs = op->defs, .uses = op->uses, .addr32 = op->addr32,
                        .align = op->align };
    for (unsigned k = 0; k < 6; k++) {
        if (k < (unsigned)op->defs + op->uses && op->arg[k] != IR_NONE)
            to->arg[k] = l->place[op->arg[k]];
        else
            to->arg[k] = k < op->defs ? BASE_FRAME : BASE_CONSTANTS;
    }
}

// INSN and LABEL take no time: they are left out, and branches get the number of the op after their label.
static bool takes_part(const struct ir_op *op) { return op->opcode != IR_INSN && op->opcode != IR_LABEL; }

static bool resolve_labels(const struct ir_block *ir, struct interp_block *code)
{
    uint32_t *labels = calloc(ir->label_count + 1, sizeof *labels);
    if (!labels)
        return false;
    unsigned n = 0;
    for (unsigned i = 0; i < ir->op_count; i++) {
        if (ir->ops[i].opcode == IR_LABEL)
            labels[ir->ops[i].imm] = n;
        n += takes_part(&ir->ops[i]);
    }
    n = 0;
    for (unsigned i = 0; i < ir->op_count; i++) {
        if (ir->ops[i].opcode == IR_BR || ir->ops[i].opcode == IR_BRCC)
            code->ops[n].imm = labels[ir->ops[i].imm];
        n += takes_part(&ir->ops[i]);
    }
    free(labels);
    return true;
}

static void fill_edges(const struct ir_block *ir, struct tcg_block *block)
{
    memset(block->edges, 0, sizeof block->edges);
    for (unsigned i = 0; i < ir->edge_count; i++)
        block->edges[i] = (struct tcg_edge){ .from = block, .rip = ir->edges[i].rip, .flags_id = ir->edges[i].flags_id,
                                             .exists = true, .cross_page = ir->edges[i].cross_page };
}

static bool interp_emit(void *opaque, struct ir_block *ir, struct tcg_block *block)
{
    struct interp_state *state = opaque;
    struct layout *l = malloc(sizeof *l);
    if (!l)
        return false;
    lay_out(ir, l);
    unsigned count = 0;
    for (unsigned i = 0; i < ir->op_count; i++)
        count += takes_part(&ir->ops[i]);
    size_t bytes = sizeof(struct interp_block) + count * sizeof(struct iop) + l->constants;
    bool room = !state->buffer || state->buffer->used + bytes <= state->buffer->limit;
    struct interp_block *code = room ? calloc(1, bytes) : NULL;
    if (!code) {
        free(l);
        return false;
    }
    code->block = block;
    code->bytes = bytes;
    code->constants = (uint64_t *)(code->ops + count);
    for (unsigned i = 0; i < ir->var_count; i++)
        if (ir->vars[i].kind == IR_CONST)
            code->constants[l->place[i] >> 5] = (uint64_t)ir->vars[i].value;
    for (unsigned i = 0, n = 0; i < ir->op_count; i++)
        if (takes_part(&ir->ops[i]))
            compact_op(&code->ops[n++], &ir->ops[i], l, block);
    free(l);
    if (!resolve_labels(ir, code)) {
        free(code);
        return false;
    }
    if (state->buffer)
        state->buffer->used += bytes;
    fill_edges(ir, block);
    block->entry = block->entry_checked = block;
    block->code = NULL;
    block->code_size = 0;
    block->backend_data = code;
    return true;
}

static void interp_release(void *opaque, struct tcg_block *block)
{
    free(block->backend_data);
    block->backend_data = NULL;
}

// exec/ sets edge->to, which is all that the interpreter looks at.
static void interp_link(void *opaque, struct tcg_edge *edge, struct tcg_block *to) {}
static void interp_unlink(void *opaque, struct tcg_edge *edge) {}

// ---- running

static void run_from(struct interp_state *state, struct vcpu_head *cpu, const struct tcg_block *block)
{
    struct run run = { .cpu = cpu, .state = state, .code = block->backend_data };
    run.base[BASE_FRAME] = (char *)state->frame;
    run.base[BASE_CPU] = (char *)cpu;
    run.base[BASE_CONSTANTS] = (char *)run.code->constants;
    run.next = run.code->ops;
    while (run.next) {
        const struct iop *op = run.next++;
        op->run(&run, op);
    }
}

static void interp_enter(void *opaque, struct vcpu_head *cpu, const struct tcg_block *block)
{
    jmp_buf frame;
    cpu->host_frame = &frame;
    cpu->exit_reason = EXIT_NONE;
    cpu->exit_edge = NULL;
    cpu->site = 0;
    cpu->vectors_saved = 1; // they are never anywhere but in the struct
    if (!_setjmp(frame))
        run_from(opaque, cpu, block);
    cpu->vectors_saved = 0;
    cpu->host_frame = NULL;
}

__attribute__((noreturn)) static void interp_leave(void *opaque, struct vcpu_head *cpu)
{
    _longjmp(*(jmp_buf *)cpu->host_frame, 1);
}

const struct tcg_backend tcg_backend_interp = {
    .name = "interp", .new = interp_new, .free = interp_free, .emit = interp_emit, .release = interp_release, .link = interp_link,
    .unlink = interp_unlink, .enter = interp_enter, .leave = interp_leave,
};
