// SPDX-License-Identifier: MIT
//
// The rules of the IR, checked (docs/ir.md lists them): operand kinds and counts, temps written before they are read on every
// path, sites where something can leave, labels and edges, and above all commit last: inside a guest instruction no
// global is written before the last op that can leave, on any path.
#include <stdlib.h>
#include <string.h>
#include "softmmu/tlb.h"
#include "tcg/internal.h"
#include "tcg/vec.h"

#define WORDS (IR_MAX_VARS / 64)

// What is known when control is at an op: along all paths that lead there.
struct path {
    uint64_t written[WORDS]; // temps, on each of the paths
    bool committed;          // a global was written in this instruction, on one of the paths
    bool reachable;
};
struct label { struct path at; bool defined, wanted; };
struct check {
    const struct ir_block *block;
    char *why;
    size_t size;
    unsigned at;
    struct path now;
    struct label *labels;
    unsigned edges;          // bit: an EXIT has it
};

static bool fail(struct check *c, const char *text)
{
    if (c->at < c->block->op_count && c->block->ops[c->at].opcode < IR__COUNT)
        snprintf(c->why, c->size, "op %u (%s): %s", c->at, ir_opcode_name(c->block->ops[c->at].opcode), text);
    else
        snprintf(c->why, c->size, "op %u: %s", c->at, text);
    return false;
}

static bool is_written(const struct check *c, ir_var v) { return c->now.written[v >> 6] >> (v & 63) & 1; }

static bool is_vector(const struct ir_block *b, ir_var v)
{
    return b->vars[v].kind == IR_VGLOBAL || b->vars[v].kind == IR_VTEMP;
}

// ---- operands

// Which operands are vectors: bit per argument; the rest are integers.
static unsigned vector_mask(const struct ir_op *op)
{
    switch (op->opcode) {
    case IR_GLDV: case IR_VLDENV: case IR_VSTENV: return 1;
    case IR_GSTV: return 4;
    case IR_VMOV: return 3;
    case IR_VOP: return 7;
    case IR_VFROMG: return 3;
    case IR_VTOG: return 2;
    case IR_VCMPG: return 6;
    default: return 0;
    }
}

// Recipe operands that each kind reads: bits a b c.
static unsigned recipe_mask(unsigned kind)
{
    static const uint8_t masks[CC__COUNT] = {
        [CC_ENV] = 0, [CC_EFLAGS] = 1, [CC_ADD] = 3, [CC_SUB] = 3, [CC_SUBR] = 3, [CC_ADC] = 7, [CC_SBB] = 7, [CC_LOGIC] = 1,
        [CC_INC] = 5, [CC_DEC] = 5, [CC_SHL] = 3, [CC_SHR] = 3, [CC_MUL] = 3,
    };
    return masks[kind];
}

// May operand k be IR_NONE? Recipe operands that the kind does not read, and the first source of vector rows that do
// not look at it.
static bool may_be_none(const struct ir_op *op, unsigned k)
{
    if (ir_has_recipe(op))
        return k >= op->defs && k < op->defs + 3u && !(recipe_mask(op->kind) >> (k - op->defs) & 1);
    return k == 1 && (op->opcode == IR_VOP || op->opcode == IR_VFROMG);
}

static bool check_operands(struct check *c, const struct ir_op *op)
{
    unsigned mask = vector_mask(op);
    for (unsigned k = 0; k < ir_arg_count(op); k++) {
        ir_var v = op->arg[k];
        if (v == IR_NONE) {
            if (!may_be_none(op, k))
                return fail(c, "operand missing");
            continue;
        }
        if (v >= c->block->var_count)
            return fail(c, "operand out of range");
        if (is_vector(c->block, v) != (mask >> k & 1))
            return fail(c, "vector and integer confused");
        if (k < op->defs && c->block->vars[v].kind == IR_CONST)
            return fail(c, "constant written");
        if (k >= op->defs && ir_is_temp(c->block, v) && !is_written(c, v))
            return fail(c, "temp read before it was written");
    }
    bool keeps = op->opcode == IR_PUTHI || op->opcode == IR_MOVCC;
    if (keeps && ir_is_temp(c->block, op->arg[0]) && !is_written(c, op->arg[0]))
        return fail(c, "temp kept in part before it was written");
    for (unsigned k = 0; k < op->defs; k++)
        c->now.written[op->arg[k] >> 6] |= 1ull << (op->arg[k] & 63);
    return true;
}

static bool check_count(struct check *c, const struct ir_op *op)
{
    if (op->opcode == IR_CALL) {
        if (op->helper >= c->block->target->helper_count)
            return fail(c, "unknown helper");
        const struct helper_row *row = &c->block->target->helpers[op->helper];
        return (op->defs <= row->results && op->uses == row->arguments) || fail(c, "helper has other operands");
    }
    return (op->defs == ir_opcode_defs(op->opcode) && op->uses == ir_opcode_uses(op->opcode)) || fail(c, "wrong number of operands");
}

// ---- fields

static bool check_size(struct check *c, const struct ir_op *op)
{
    unsigned low = 0, high = 3;
    switch (op->opcode) {
    case IR_LEA: case IR_MULU2: case IR_MULS2: case IR_DIVU2: case IR_DIVS2: case IR_SHLD: case IR_SHRD: case IR_BSWAP:
        low = 2;
        break;
    case IR_CTZ: case IR_CLZ:
        low = 1;
        break;
    case IR_GLDV: case IR_GSTV: case IR_VLDENV: case IR_VSTENV:
        low = 2;
        high = 4;
        break;
    case IR_GPROBE:
        high = 4;
        break;
    default:
        if (op->opcode > IR_CRC32 && !ir_has_recipe(op) && op->opcode != IR_LDENV && op->opcode != IR_STENV &&
            !(op->opcode >= IR_GLD && op->opcode <= IR_GRMWST))
            return true; // no size
        break;
    }
    return (op->size >= low && op->size <= high) || fail(c, "bad size");
}

static bool check_env(struct check *c, const struct ir_op *op)
{
    if (op->opcode != IR_LDENV && op->opcode != IR_STENV && op->opcode != IR_VLDENV && op->opcode != IR_VSTENV)
        return true;
    bool inside = op->imm >= 0 && op->imm + (1 << op->size) <= (int64_t)c->block->target->cpu_size;
    return inside || fail(c, "outside the CPU struct");
}

static bool check_row(struct check *c, const struct ir_op *op)
{
    static const uint8_t forms[4] = { VEC_VV, VEC_FROMG, VEC_TOG, VEC_CMP };
    if (!ir_is_vop(op))
        return true;
    if (op->helper >= vec_row_count)
        return fail(c, "unknown vector row");
    return vec_rows[op->helper].form == forms[op->opcode - IR_VOP] || fail(c, "vector row of another form");
}

static bool check_fields(struct check *c, const struct ir_op *op)
{
    if (ir_has_recipe(op) && (op->kind >= CC__COUNT || op->cond > 15))
        return fail(c, "bad flag recipe or condition");
    if (op->scale > 3 && op->opcode != IR_LEAVE)
        return fail(c, "bad scale");
    if (op->ext > 2)
        return fail(c, "bad extension");
    if (op->opcode == IR_MOVCC && op->size2 > 3)
        return fail(c, "bad size");
    if (op->opcode == IR_CTX && (op->imm < 0 || op->imm >= VIEW_COUNT))
        return fail(c, "no such view");
    if (op->opcode == IR_LEAVE && op->edge > EXIT_HALT)
        return fail(c, "no such exit reason");
    return check_size(c, op) && check_env(c, op) && check_row(c, op);
}

// ---- control

static void merge(struct path *into, const struct path *from)
{
    if (!into->reachable) {
        *into = *from;
        return;
    }
    for (unsigned i = 0; i < WORDS; i++)
        into->written[i] &= from->written[i];
    into->committed |= from->committed;
}

static bool check_label(struct check *c, const struct ir_op *op)
{
    if (op->imm < 0 || op->imm >= c->block->label_count)
        return fail(c, "no such label");
    struct label *label = &c->labels[op->imm];
    if (op->opcode == IR_LABEL) {
        if (label->defined)
            return fail(c, "label twice");
        label->defined = true;
        if (label->wanted) {
            if (c->now.reachable)
                merge(&label->at, &c->now);
            c->now = label->at;
        }
        return true;
    }
    if (label->defined)
        return fail(c, "a branch goes backward");
    label->wanted = true;
    merge(&label->at, &c->now);
    return true;
}

static bool check_edge(struct check *c, const struct ir_op *op)
{
    if (op->edge >= c->block->edge_count)
        return fail(c, "no such edge");
    if (c->edges >> op->edge & 1)
        return fail(c, "edge twice");
    c->edges |= 1u << op->edge;
    return c->block->edges[op->edge].rip == (uint64_t)op->imm || fail(c, "the edge goes elsewhere");
}

static bool check_control(struct check *c, const struct ir_op *op)
{
    switch (op->opcode) {
    case IR_INSN:
        c->now.committed = false;
        return true;
    case IR_LABEL: case IR_BR: case IR_BRCC:
        return check_label(c, op);
    case IR_EXIT:
        return check_edge(c, op);
    default:
        return true;
    }
}

// ---- commit last

static bool needs_site(const struct ir_block *b, const struct ir_op *op)
{
    if (op->opcode == IR_CALL)
        return b->target->helpers[op->helper].flags & HELPER_LEAVES;
    return ir_opcode_flags(op->opcode) & IRF_L;
}

static bool writes_global(const struct ir_block *b, const struct ir_op *op)
{
    for (unsigned k = 0; k < op->defs; k++)
        if (!ir_is_temp(b, op->arg[k]))
            return true;
    return false;
}

static bool check_commit(struct check *c, const struct ir_op *op)
{
    if (needs_site(c->block, op)) {
        if (op->site >= c->block->site_count)
            return fail(c, "no site");
        if (c->now.committed && c->now.reachable && op->opcode != IR_GRMWST)
            return fail(c, "a global was written before this op, which can leave");
    }
    c->now.committed |= writes_global(c->block, op);
    return true;
}

static bool check_sites(struct check *c)
{
    for (unsigned i = 0; i < c->block->site_count; i++) {
        const struct ir_site *site = &c->block->sites[i];
        const ir_var vars[3] = { site->a, site->b, site->c };
        for (unsigned k = 0; k < 3; k++) {
            if (vars[k] != IR_NONE && (vars[k] >= c->block->var_count || ir_is_temp(c->block, vars[k])))
                return fail(c, "a site names a temp");
            bool known = vars[k] != IR_NONE || site->cc_slot >> k & 1;
            if (site->kind >= CC__COUNT || (recipe_mask(site->kind) >> k & 1 && !known))
                return fail(c, "a site has half a recipe");
        }
    }
    return true;
}

// ---- all of it

static bool check_op(struct check *c, const struct ir_op *op)
{
    if (op->opcode >= IR__COUNT)
        return fail(c, "unknown operation");
    if (!check_count(c, op) || !check_fields(c, op) || !check_control(c, op))
        return false;
    if (!c->now.reachable) // after an end: operands make no sense there
        return true;
    if (!check_operands(c, op) || !check_commit(c, op))
        return false;
    if (ir_is_end(c->block, op))
        c->now.reachable = false;
    return true;
}

static bool check_block(struct check *c)
{
    const struct ir_block *block = c->block;
    if (block->overflow)
        return fail(c, "the builder ran out of room");
    if (!check_sites(c))
        return false;
    for (c->at = 0; c->at < block->op_count; c->at++)
        if (!check_op(c, &block->ops[c->at]))
            return false;
    c->at = block->op_count ? block->op_count - 1 : 0;
    for (unsigned i = 0; i < block->label_count; i++)
        if (c->labels[i].wanted && !c->labels[i].defined)
            return fail(c, "a branch goes nowhere");
    return (block->op_count && !c->now.reachable) || fail(c, "the block does not end");
}

bool ir_verify(const struct ir_block *block, char *why, size_t why_size)
{
    struct check c = { .block = block, .why = why, .size = why_size, .now = { .reachable = true } };
    c.labels = calloc(block->label_count + 1, sizeof *c.labels);
    if (!c.labels)
        return fail(&c, "out of memory");
    bool good = check_block(&c);
    free(c.labels);
    return good;
}
