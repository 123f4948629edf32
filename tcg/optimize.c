// SPDX-License-Identifier: MIT
//
// The optimizer: one forward walk (constants, copies, identities, unreachable ops, reloads of the CPU struct) and one
// backward walk (dead ops).
//
// Cheap on purpose: the translator already writes good code for hot patterns; this removes what it leaves between
// instructions. What is known is known about temps only and ends at labels. Globals are mutable variables, not SSA:
// a copy of one is forgotten when the global is written, or a helper may write it. A result of 8 or 16 bits is a
// write of its variable like any other, and never the start of a copy.
#include <string.h>
#include "softmmu/tlb.h"
#include "tcg/internal.h"

#define SPARE_VARS 4        // stop making constants before the builder overflows
#define ENV_ENTRIES 8
#define ENV_DISTANCE 12     // ops; a temp kept longer than that costs more than the load
#define BIT(opcode) (1ull << (opcode))
#define COMMUTATIVE (BIT(IR_ADD) | BIT(IR_AND) | BIT(IR_OR) | BIT(IR_XOR) | BIT(IR_MUL))
#define ZERO_IS_NEUTRAL (BIT(IR_ADD) | BIT(IR_SUB) | BIT(IR_OR) | BIT(IR_XOR))
#define SHIFTS (BIT(IR_SHL) | BIT(IR_SHR) | BIT(IR_SAR) | BIT(IR_ROL) | BIT(IR_ROR))
_Static_assert(IR_POPCNT < 64, "sets of opcodes are 64-bit words");

struct value { ir_var same; uint32_t stamp; }; // a temp holds what `same` holds, as of stamp
struct env { int64_t offset; uint8_t size; ir_var var; uint32_t stamp; }; // var holds the field, zero extended
struct state {
    struct ir_block *block;
    struct value known[IR_MAX_VARS];
    uint32_t written[IR_MAX_VARS]; // when a variable was written last
    struct env env[ENV_ENTRIES];
    unsigned env_next;
    uint32_t now, barrier, env_barrier;
};

static uint64_t truncate_to(uint64_t v, unsigned size) { return size >= 3 ? v : v & ((1ull << (8u << size)) - 1); }

static ir_var resolve(const struct state *s, ir_var v)
{
    if (!ir_is_temp(s->block, v))
        return v;
    const struct value *k = &s->known[v];
    if (k->same == IR_NONE || k->stamp <= s->barrier || k->stamp < s->written[v] || s->written[k->same] > k->stamp)
        return v;
    return k->same;
}

static bool constant(const struct state *s, ir_var v, uint64_t *value)
{
    if (v == IR_NONE || s->block->vars[v].kind != IR_CONST)
        return false;
    *value = (uint64_t)s->block->vars[v].value;
    return true;
}

static bool new_constant(struct state *s, uint64_t value, ir_var *out)
{
    if (s->block->var_count + SPARE_VARS > IR_MAX_VARS)
        return false;
    *out = ir_const(s->block, (int64_t)value);
    s->known[*out].same = IR_NONE;
    s->written[*out] = 0;
    return true;
}

// ---- folding: the value of op, of which its size's bits count

static bool fold_unary(const struct ir_op *op, uint64_t a, uint64_t *r)
{
    switch (op->opcode) {
    case IR_ZX8: *r = (uint8_t)a; return true;
    case IR_ZX16: *r = (uint16_t)a; return true;
    case IR_ZX32: *r = (uint32_t)a; return true;
    case IR_SX8: *r = (uint64_t)(int8_t)a; return true;
    case IR_SX16: *r = (uint64_t)(int16_t)a; return true;
    case IR_SX32: *r = (uint64_t)(int32_t)a; return true;
    case IR_GETHI: *r = a >> 8 & 0xff; return true;
    case IR_NEG: *r = -a; return true;
    case IR_NOT: *r = ~a; return true;
    case IR_BSWAP: *r = op->size == 3 ? __builtin_bswap64(a) : __builtin_bswap32((uint32_t)a); return true;
    default: return false;
    }
}

static bool fold_binary(const struct ir_op *op, uint64_t a, uint64_t b, uint64_t *r)
{
    unsigned count = b & (op->size == 3 ? 63 : 31), unused = 64 - (8u << op->size);
    switch (op->opcode) {
    case IR_ADD: *r = a + b; return true;
    case IR_SUB: *r = a - b; return true;
    case IR_AND: *r = a & b; return true;
    case IR_OR: *r = a | b; return true;
    case IR_XOR: *r = a ^ b; return true;
    case IR_MUL: *r = a * b; return true;
    case IR_SHL: *r = a << count; return true;
    case IR_SHR: *r = truncate_to(a, op->size) >> count; return true;
    case IR_SAR: *r = (uint64_t)((int64_t)(a << unused) >> unused >> count); return true;
    case IR_LEA: *r = a + (b << op->scale) + (uint64_t)op->imm; return true;
    default: return false;
    }
}

static void make_mov(struct ir_op *op, ir_var source)
{
    if (op->opcode == IR_GETHI || op->opcode == IR_SETCC || op->opcode == IR_LDENV)
        op->size = 3; // these write the whole variable whatever their size says
    op->opcode = IR_MOV;
    op->uses = 1;
    op->arg[1] = source;
    op->arg[2] = op->arg[3] = IR_NONE;
    op->imm = 0;
    op->scale = op->kind = op->cond = 0;
}

static void make_constant(struct state *s, struct ir_op *op, uint64_t value)
{
    ir_var c;
    bool whole = op->opcode == IR_GETHI || op->opcode == IR_SETCC;
    if (new_constant(s, whole ? value : truncate_to(value, op->size), &c))
        make_mov(op, c);
}

// ---- identities: two sources, the second a constant

static void simplify_by_constant(struct state *s, struct ir_op *op, uint64_t b)
{
    uint64_t all = truncate_to(~0ull, op->size), set = BIT(op->opcode);
    bool zero = truncate_to(b, op->size) == 0;
    if (zero && set & ZERO_IS_NEUTRAL)
        make_mov(op, op->arg[1]);
    else if (set & SHIFTS && (b & (op->size == 3 ? 63 : 31)) == 0)
        make_mov(op, op->arg[1]);
    else if (zero && set & (BIT(IR_AND) | BIT(IR_MUL)))
        make_constant(s, op, 0);
    else if (op->opcode == IR_AND && truncate_to(b, op->size) == all)
        make_mov(op, op->arg[1]);
    else if (op->opcode == IR_MUL && truncate_to(b, op->size) == 1)
        make_mov(op, op->arg[1]);
}

static void simplify_lea(struct state *s, struct ir_op *op)
{
    uint64_t v;
    ir_var zero;
    if (constant(s, op->arg[2], &v) && v && new_constant(s, 0, &zero)) {
        op->imm = (int64_t)((uint64_t)op->imm + (v << op->scale));
        op->arg[2] = zero;
        op->scale = 0;
    } else if (constant(s, op->arg[1], &v) && !constant(s, op->arg[2], &v) && op->scale == 0) {
        ir_var base = op->arg[2];
        op->arg[2] = op->arg[1];
        op->arg[1] = base;
        simplify_lea(s, op);
        return;
    }
    if (constant(s, op->arg[2], &v) && v == 0 && op->imm == 0)
        make_mov(op, op->arg[1]);
}

static void simplify_binary(struct state *s, struct ir_op *op)
{
    uint64_t a, b, r;
    bool first = constant(s, op->arg[1], &a), second = constant(s, op->arg[2], &b);
    if (first && second) {
        if (fold_binary(op, a, b, &r))
            make_constant(s, op, r);
        return;
    }
    if (op->opcode == IR_LEA) {
        simplify_lea(s, op);
        return;
    }
    if (first && BIT(op->opcode) & COMMUTATIVE) {
        ir_var swap = op->arg[1];
        op->arg[1] = op->arg[2];
        op->arg[2] = swap;
        second = true;
        b = a;
    }
    if (second)
        simplify_by_constant(s, op, b);
    else if (op->arg[1] == op->arg[2] && (op->opcode == IR_XOR || op->opcode == IR_SUB) && ir_is_temp(s->block, op->arg[0]))
        make_constant(s, op, 0);
}

// A condition whose recipe has only constants: 0, 1, or -1 (not known).
static int known_condition(const struct state *s, const struct ir_op *op, unsigned first)
{
    uint64_t v[3] = { 0, 0, 0 };
    if (op->kind == CC_ENV)
        return -1;
    for (unsigned k = 0; k < 3; k++)
        if (op->arg[first + k] != IR_NONE && !constant(s, op->arg[first + k], &v[k]))
            return -1;
    return cc_condition(op->cond, cc_compute(op->kind, op->size, v[0], v[1], v[2]));
}

static void simplify(struct state *s, struct ir_op *op)
{
    uint64_t a, r;
    int holds;
    if (op->opcode == IR_SETCC) {
        if ((holds = known_condition(s, op, 1)) >= 0)
            make_constant(s, op, (uint64_t)holds);
    } else if (op->opcode == IR_ADC || op->opcode == IR_SBB) {
        if (constant(s, op->arg[3], &a) && !(a & 1)) {
            op->opcode = op->opcode == IR_ADC ? IR_ADD : IR_SUB;
            op->uses = 2;
            op->arg[3] = IR_NONE;
            simplify_binary(s, op);
        }
    } else if (op->opcode > IR_POPCNT || op->defs != 1 || op->opcode == IR_PUTHI) {
        return;
    } else if (op->uses == 1) {
        if (constant(s, op->arg[1], &a) && fold_unary(op, a, &r))
            make_constant(s, op, r);
    } else if (op->uses == 2) {
        simplify_binary(s, op);
    }
}

// ---- fields of the CPU struct

// Words of the head that change by themselves, or by ops that are no STENV.
static bool volatile_field(int64_t offset)
{
    return offset < (int64_t)sizeof(struct vcpu_head) &&
           !(offset >= (int64_t)offsetof(struct vcpu_head, cc_a) && offset < (int64_t)offsetof(struct vcpu_head, cc_a) + 24);
}

static void env_note(struct state *s, int64_t offset, unsigned size, ir_var var)
{
    if (!volatile_field(offset))
        s->env[s->env_next++ % ENV_ENTRIES] = (struct env){ offset, (uint8_t)size, var, s->now };
}

static void env_store(struct state *s, int64_t offset, unsigned size)
{
    for (unsigned i = 0; i < ENV_ENTRIES; i++) {
        struct env *e = &s->env[i];
        if (e->offset < offset + (1 << size) && offset < e->offset + (1 << e->size))
            e->stamp = 0;
    }
}

static void env_load(struct state *s, struct ir_op *op)
{
    for (unsigned i = 0; i < ENV_ENTRIES; i++) {
        const struct env *e = &s->env[i];
        if (e->stamp > s->env_barrier && e->offset == op->imm && e->size == op->size && s->written[e->var] <= e->stamp &&
            s->now - e->stamp <= ENV_DISTANCE) {
            make_mov(op, e->var);
            return;
        }
    }
    if (s->block->vars[op->arg[0]].kind == IR_TEMP)
        env_note(s, op->imm, op->size, op->arg[0]);
}

// What op does to the fields. A stored value is known again when it fills the field: 64 bits, or a small constant.
static void env_effects(struct state *s, const struct ir_op *op)
{
    uint64_t v;
    if (op->opcode == IR_CALL || op->opcode == IR_LABEL) {
        s->env_barrier = s->now;
    } else if (op->opcode == IR_VSTENV) {
        env_store(s, op->imm, op->size);
    } else if (op->opcode == IR_STENV) {
        env_store(s, op->imm, op->size);
        bool is_constant = constant(s, op->arg[0], &v);
        if (is_constant ? truncate_to(v, op->size) == v : op->size == 3)
            env_note(s, op->imm, op->size, op->arg[0]);
    }
}

// ---- the forward walk

static void note_copy(struct state *s, const struct ir_op *op)
{
    uint64_t v;
    ir_var from = op->arg[1];
    if (!ir_is_temp(s->block, op->arg[0]) || op->arg[0] == from)
        return;
    if (op->opcode == IR_MOV && op->size == 2) { // the upper half is 0 now
        if (!constant(s, from, &v) || (v > UINT32_MAX && !new_constant(s, (uint32_t)v, &from)))
            return;
    } else if (op->opcode != IR_VMOV && (op->opcode != IR_MOV || op->size != 3)) {
        return;
    }
    s->known[op->arg[0]] = (struct value){ from, s->now };
}

static void note_writes(struct state *s, const struct ir_op *op)
{
    for (unsigned k = 0; k < op->defs; k++)
        if (op->arg[k] != IR_NONE)
            s->written[op->arg[k]] = s->now;
    if (op->opcode == IR_CALL && s->block->target->helpers[op->helper].flags & HELPER_WRITES)
        for (unsigned g = 0; g < s->block->target->global_count; g++)
            s->written[g] = s->now;
    if (op->opcode == IR_LABEL)
        s->barrier = s->now;
    env_effects(s, op);
    if (op->opcode == IR_MOV || op->opcode == IR_VMOV)
        note_copy(s, op);
}

// Does op do nothing, or (a branch) always the same? Then it goes, or becomes BR.
static bool vanishes(struct state *s, struct ir_op *op)
{
    if (op->opcode == IR_BRCC) {
        int holds = known_condition(s, op, 0);
        if (holds == 1) {
            op->opcode = IR_BR;
            op->uses = op->kind = op->cond = op->size = 0;
            op->arg[0] = op->arg[1] = op->arg[2] = IR_NONE;
        }
        return holds == 0;
    }
    return op->arg[0] == op->arg[1] && ((op->opcode == IR_MOV && op->size != 2) || op->opcode == IR_VMOV);
}

static void forward(struct ir_block *block)
{
    struct state s;
    s.block = block;
    s.now = 1;
    s.barrier = s.env_barrier = 0;
    s.env_next = 0;
    memset(s.env, 0, sizeof s.env);
    for (unsigned i = 0; i < block->var_count; i++) {
        s.known[i] = (struct value){ IR_NONE, 0 };
        s.written[i] = 0;
    }
    bool reachable = true;
    unsigned out = 0;
    for (unsigned i = 0; i < block->op_count; i++, s.now++) {
        struct ir_op op = block->ops[i];
        reachable |= op.opcode == IR_LABEL;
        if (!reachable)
            continue;
        for (unsigned k = op.defs; k < ir_arg_count(&op); k++)
            op.arg[k] = resolve(&s, op.arg[k]);
        simplify(&s, &op);
        if (op.opcode == IR_LDENV)
            env_load(&s, &op);
        if (vanishes(&s, &op))
            continue;
        note_writes(&s, &op);
        reachable = !ir_is_end(block, &op);
        block->ops[out++] = op;
    }
    block->op_count = out;
}

void ir_optimize(struct ir_block *block)
{
    forward(block);
    ir_drop_dead(block);
}
