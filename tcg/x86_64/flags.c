// SPDX-License-Identifier: MIT
//
// Flag recipes on the host's flags: use what an instruction left there, else compute them again.
//
// e->hf says what the host's flags hold, in terms of variables that have not changed. A full computation
// (to_host, to_ax) uses rax and nothing else, so edges can do it with temps still in rcx and rdx. The form "ax" is that of
// the CPU struct: ah = LAHF's byte, al = OF. AF comes from the host only where the recipe defines it by
// arithmetic; it is cleared otherwise (the manual leaves it undefined there).
#include "tcg/x86_64/emitter.h"

#define COND_BIT(c) (1u << (c))
// Conditions on ZF, SF, PF alone, and those that look at CF.
#define CONDS_SZP (COND_BIT(C_E) | COND_BIT(C_NE) | COND_BIT(C_S) | COND_BIT(C_NS) | COND_BIT(C_P) | COND_BIT(C_NP))
#define CONDS_CARRY (COND_BIT(C_B) | COND_BIT(C_AE))
#define CONDS_USE_CARRY (CONDS_CARRY | COND_BIT(C_BE) | COND_BIT(C_A))
#define CONDS_OVERFLOW (COND_BIT(C_O) | COND_BIT(C_NO))
#define KIND_BIT(k) (1u << (k))
#define KINDS_RESULT (KIND_BIT(CC_ADD) | KIND_BIT(CC_SUBR) | KIND_BIT(CC_ADC) | KIND_BIT(CC_SBB) | KIND_BIT(CC_LOGIC) | \
                      KIND_BIT(CC_INC) | KIND_BIT(CC_DEC) | KIND_BIT(CC_SHL) | KIND_BIT(CC_SHR) | KIND_BIT(CC_MUL))
#define KINDS_NO_AF (KIND_BIT(CC_LOGIC) | KIND_BIT(CC_SHL) | KIND_BIT(CC_SHR) | KIND_BIT(CC_MUL))
#define LAHF_FLAGS 0xd5u // SF ZF AF PF CF

static void x_lahf(struct x86_asm *a) { x_byte(a, 0x9f); }
static void x_sahf(struct x86_asm *a) { x_byte(a, 0x9e); }
static unsigned size_bits(unsigned size) { return 8u << size; }

// ---- what the host's flags hold

void flags_written(struct x86_state *e, ir_var v)
{
    struct host_flags *hf = &e->hf;
    if (hf->r == v)
        hf->r = IR_NONE;
    if (hf->x == v)
        hf->x = IR_NONE;
    if (hf->y == v)
        hf->y = IR_NONE;
    if (hf->c == v)
        hf->c = IR_NONE;
    if (hf->carry == v)
        hf->carry = IR_NONE;
}

void flags_set(struct x86_state *e, enum flags_family family, unsigned size, ir_var r, ir_var x, ir_var y, ir_var c)
{
    e->hf = (struct host_flags){ .family = family, .size = (uint8_t)size, .r = r, .x = x, .y = y, .c = c, .carry = IR_NONE };
}

static bool is_const(const struct x86_state *e, ir_var v, int64_t *value)
{
    if (v == HF_ZERO) {
        *value = 0;
        return true;
    }
    if (v == IR_NONE || e->ir->vars[v].kind != IR_CONST)
        return false;
    *value = e->ir->vars[v].value;
    return true;
}

static bool same(const struct x86_state *e, ir_var held, ir_var wanted)
{
    int64_t a, b;
    if (held == IR_NONE || wanted == IR_NONE)
        return false;
    return held == wanted || (is_const(e, held, &a) && is_const(e, wanted, &b) && a == b);
}

static bool is_one(const struct x86_state *e, ir_var v)
{
    int64_t value;
    return is_const(e, v, &value) && value == 1;
}

// All flags of the recipe (AF included where it is arithmetic) are in the host's flags; except CF for INC and DEC.
static bool holds(const struct x86_state *e, const struct ir_op *op, bool *no_carry)
{
    const struct host_flags *hf = &e->hf;
    const ir_var *arg = op->arg + op->defs;
    *no_carry = false;
    if (hf->family == HF_NONE || hf->family == HF_SZP || (hf->size != op->size && hf->family != HF_EFLAGS))
        return false;
    bool result = same(e, hf->r, arg[0]);
    bool addend = same(e, hf->x, arg[1]) || same(e, hf->y, arg[1]);
    switch (op->kind) {
    case CC_ADD:
        return hf->family == HF_ADD && result && addend;
    case CC_ADC:
        return hf->family == HF_ADC && result && addend && same(e, hf->c, arg[2]);
    case CC_SUB:
        return hf->family == HF_SUB && same(e, hf->x, arg[0]) && same(e, hf->y, arg[1]);
    case CC_SUBR:
        return hf->family == HF_SUB && result && same(e, hf->y, arg[1]);
    case CC_SBB:
        return hf->family == HF_SBB && result && same(e, hf->y, arg[1]) && same(e, hf->c, arg[2]);
    case CC_LOGIC:
        return hf->family == HF_LOGIC && result;
    case CC_INC:
        *no_carry = true;
        return hf->family == HF_ADD && result && (is_one(e, hf->x) || is_one(e, hf->y));
    case CC_DEC:
        *no_carry = true;
        return hf->family == HF_SUB && result && is_one(e, hf->y);
    case CC_SHL:
        return hf->family == HF_SHL && result && same(e, hf->x, arg[1]);
    case CC_SHR:
        return hf->family == HF_SHR && result && same(e, hf->x, arg[1]);
    case CC_EFLAGS:
        return hf->family == HF_EFLAGS && result;
    default:
        return false;
    }
}

static bool holds_condition(const struct x86_state *e, const struct ir_op *op)
{
    bool no_carry;
    if (holds(e, op, &no_carry) && !(no_carry && (CONDS_USE_CARRY & COND_BIT(op->cond))))
        return true;
    return (CONDS_SZP & COND_BIT(op->cond)) && (KINDS_RESULT & KIND_BIT(op->kind)) && e->hf.family != HF_NONE &&
           e->hf.family != HF_EFLAGS && e->hf.size == op->size && same(e, e->hf.r, op->arg[op->defs]);
}

// ---- operands

// op reg, operand of any kind (immediates fit)
static void alu(struct x86_state *e, enum x_alu op, unsigned size, unsigned reg, struct operand o)
{
    if (o.kind == OPND_IMM)
        x_alu_imm(&e->a, op, size, opnd_reg(reg), o.imm);
    else
        x_alu(&e->a, op, size, reg, o);
}

// test o, o for a register or memory operand
static void test_zero(struct x86_state *e, unsigned size, struct operand o)
{
    if (o.kind == OPND_REG)
        x_test_rr(&e->a, size, o, o.reg);
    else
        x_alu_imm(&e->a, X_CMP, size, o, 0);
}

static void load_rax(struct x86_state *e, struct operand o)
{
    if (o.kind == OPND_IMM)
        x_mov_imm(&e->a, RAX, (uint64_t)o.imm);
    else if (!opnd_is_reg(o, RAX))
        x_load(&e->a, 3, RAX, o);
}

// CF = bit `bit` of o
static void carry_from(struct x86_state *e, struct operand o, unsigned bit)
{
    if (o.kind == OPND_IMM)
        x_byte(&e->a, (uint64_t)o.imm >> bit & 1 ? 0xf9 : 0xf8); // stc, clc
    else
        x_bt_imm(&e->a, bit >= 32 ? 3 : 2, o, bit);
}

// An immediate that no instruction can hold goes to the frame through rax (free here).
static struct operand encodable(struct x86_state *e, struct operand o, unsigned size, unsigned place)
{
    if (o.kind != OPND_IMM)
        return o;
    if (size < 3 || fits32(o.imm))
        return opnd_imm((int32_t)o.imm);
    x_mov_imm(&e->a, RAX, (uint64_t)o.imm);
    x_store(&e->a, 3, frame_mem(FRAME_CC + 8 * (int32_t)place), RAX);
    return frame_mem(FRAME_CC + 8 * (int32_t)place);
}

// ---- full computation; rax is free, or holds a where that is said

static void add_back(struct x86_state *e, const struct cc_recipe *cc, enum x_alu undo, enum x_alu again)
{
    load_rax(e, cc->a); // a may be in rax
    bool carry = cc->kind == CC_ADC || cc->kind == CC_SBB;
    if (carry)
        carry_from(e, cc->c, 0);
    alu(e, undo, cc->size, RAX, cc->b);
    if (carry)
        carry_from(e, cc->c, 0);
    alu(e, again, cc->size, RAX, cc->b);
}

static void inc_back(struct x86_state *e, const struct cc_recipe *cc)
{
    bool dec = cc->kind == CC_DEC;
    load_rax(e, cc->a);
    x_incdec(&e->a, !dec, cc->size, RAX);
    carry_from(e, cc->c, 0);
    x_incdec(&e->a, dec, cc->size, RAX);
}

static void compare(struct x86_state *e, const struct cc_recipe *cc)
{
    struct operand a = cc->a;
    if (a.kind == OPND_IMM || (a.kind == OPND_MEM && cc->b.kind == OPND_MEM)) {
        load_rax(e, a);
        a = opnd_reg(RAX);
    }
    if (cc->b.kind == OPND_IMM && (cc->size == 3 ? cc->b.imm : (int64_t)((uint64_t)cc->b.imm << (64 - size_bits(cc->size)))) == 0)
        test_zero(e, cc->size, a);
    else if (cc->b.kind == OPND_IMM)
        x_alu_imm(&e->a, X_CMP, cc->size, a, cc->b.imm);
    else if (a.kind == OPND_REG)
        x_alu(&e->a, X_CMP, cc->size, a.reg, cc->b);
    else
        x_alu_store(&e->a, X_CMP, cc->size, a, cc->b.reg);
}

// a in a form that can be tested: constants go to the frame.
static struct operand testable(struct x86_state *e, struct operand a)
{
    if (a.kind != OPND_IMM)
        return a;
    x_mov_imm(&e->a, RAX, (uint64_t)a.imm);
    x_store(&e->a, 3, frame_mem(FRAME_CC), RAX);
    return frame_mem(FRAME_CC);
}

// Kinds whose flags no single instruction gives: build the "ax" form. rax is not an operand.
static void shift_to_ax(struct x86_state *e, const struct cc_recipe *cc)
{
    unsigned top = size_bits(cc->size) - 1;
    struct operand a = testable(e, cc->a);
    load_rax(e, a);
    alu(e, X_XOR, cc->size == 3 ? 3 : 2, RAX, cc->b);
    x_shift_imm(&e->a, X_SHR, cc->size == 3 ? 3 : 2, opnd_reg(RAX), top);
    x_alu_imm(&e->a, X_AND, 2, opnd_reg(RAX), 1);
    test_zero(e, cc->size, a);
    x_lahf(&e->a);
    x_alu_high_imm(&e->a, X_AND, RAX, 0xc4);
    carry_from(e, cc->b, cc->kind == CC_SHL ? top : 0);
    x_alu_high_imm(&e->a, X_ADC, RAX, 0);
}

static void mul_to_ax(struct x86_state *e, const struct cc_recipe *cc)
{
    struct operand a = testable(e, cc->a), b = cc->b;
    test_zero(e, cc->size, a);
    x_lahf(&e->a);
    x_alu_high_imm(&e->a, X_AND, RAX, 0xc4);
    if (b.kind == OPND_IMM) {
        x_store_imm(&e->a, 0, opnd_reg(RAX), b.imm != 0);
    } else {
        test_zero(e, 3, b); // all of it, whatever the size
        x_setcc(&e->a, C_NE, opnd_reg(RAX));
    }
    x_byte(&e->a, 0x08); // or ah, al
    x_byte(&e->a, 0xc4);
}

static void eflags_to_ax(struct x86_state *e, const struct cc_recipe *cc)
{
    struct operand a = cc->a;
    if (a.kind == OPND_IMM) {
        x_mov_imm(&e->a, RAX, ((uint64_t)a.imm & LAHF_FLAGS) << 8 | ((uint64_t)a.imm >> 11 & 1));
        return;
    }
    x_load(&e->a, 2, RAX, a);
    x_alu_imm(&e->a, X_AND, 2, opnd_reg(RAX), LAHF_FLAGS);
    x_shift_imm(&e->a, X_SHL, 2, opnd_reg(RAX), 8);
    carry_from(e, a, 11);
    x_setcc(&e->a, C_B, opnd_reg(RAX));
}

static bool is_ax_kind(unsigned kind)
{
    return kind == CC_ENV || kind == CC_EFLAGS || kind == CC_SHL || kind == CC_SHR || kind == CC_MUL;
}

static void to_host(struct x86_state *e, const struct cc_recipe *cc);

// ah, al = the flags. rax must not be an operand of the ax kinds, nor b or c of any.
static void to_ax(struct x86_state *e, const struct cc_recipe *cc)
{
    switch (cc->kind) {
    case CC_ENV:
        x_movzx(&e->a, 1, RAX, HEAD(cc_of));
        break;
    case CC_EFLAGS:
        eflags_to_ax(e, cc);
        break;
    case CC_SHL: case CC_SHR:
        shift_to_ax(e, cc);
        break;
    case CC_MUL:
        mul_to_ax(e, cc);
        break;
    default:
        to_host(e, cc);
        x_lahf(&e->a);
        x_setcc(&e->a, C_O, opnd_reg(RAX));
        if (cc->kind == CC_LOGIC)
            x_alu_high_imm(&e->a, X_AND, RAX, 0xc4);
        break;
    }
}

static void to_host(struct x86_state *e, const struct cc_recipe *cc)
{
    switch (cc->kind) {
    case CC_ADD:
        add_back(e, cc, X_SUB, X_ADD);
        break;
    case CC_ADC: // r - b - c, then + b + c
        add_back(e, cc, X_SBB, X_ADC);
        break;
    case CC_SBB:
        add_back(e, cc, X_ADC, X_SBB);
        break;
    case CC_SUB:
        compare(e, cc);
        break;
    case CC_SUBR:
        add_back(e, cc, X_ADD, X_CMP);
        break;
    case CC_LOGIC: {
        struct operand a = testable(e, cc->a);
        test_zero(e, cc->size, a);
        break;
    }
    case CC_INC: case CC_DEC:
        inc_back(e, cc);
        break;
    default:
        to_ax(e, cc);
        x_byte(&e->a, 0x04); // add al, 0x7f: OF
        x_byte(&e->a, 0x7f);
        x_sahf(&e->a);
        break;
    }
}

void flags_recipe(struct x86_state *e, const struct ir_op *op, struct cc_recipe *out)
{
    const ir_var *arg = op->arg + op->defs;
    *out = (struct cc_recipe){ .kind = op->kind, .size = op->size, .a = alloc_where(e, arg[0]), .b = alloc_where(e, arg[1]),
                               .c = alloc_where(e, arg[2]) };
}

// The recipe with rax free.
static struct cc_recipe prepare(struct x86_state *e, const struct ir_op *op)
{
    struct cc_recipe cc;
    alloc_take(e, RAX);
    flags_recipe(e, op, &cc);
    cc.b = encodable(e, cc.b, cc.kind == CC_MUL ? 3 : cc.size, 1);
    return cc;
}

// What the host's flags hold after to_host.
static void note_recipe(struct x86_state *e, const struct ir_op *op)
{
    const ir_var *arg = op->arg + op->defs;
    flags_kill(e);
    switch (op->kind) {
    case CC_ADD:
        flags_set(e, HF_ADD, op->size, arg[0], arg[1], IR_NONE, IR_NONE);
        break;
    case CC_SUB:
        flags_set(e, HF_SUB, op->size, IR_NONE, arg[0], arg[1], IR_NONE);
        break;
    case CC_SUBR:
        flags_set(e, HF_SUB, op->size, arg[0], IR_NONE, arg[1], IR_NONE);
        break;
    case CC_LOGIC:
        flags_set(e, HF_LOGIC, op->size, arg[0], IR_NONE, IR_NONE, IR_NONE);
        break;
    case CC_ADC:
        flags_set(e, HF_ADC, op->size, arg[0], arg[1], IR_NONE, arg[2]);
        break;
    case CC_SBB:
        flags_set(e, HF_SBB, op->size, arg[0], IR_NONE, arg[1], arg[2]);
        break;
    case CC_SHL: case CC_SHR:
        flags_set(e, op->kind == CC_SHL ? HF_SHL : HF_SHR, op->size, arg[0], arg[1], IR_NONE, IR_NONE);
        break;
    case CC_INC: case CC_DEC:
        flags_set(e, HF_SZP, op->size, arg[0], IR_NONE, IR_NONE, IR_NONE);
        break;
    default:
        break;
    }
}

// ---- conditions

// Condition of one flag (or CF|ZF) from saved flags: mask in EFLAGS layout (OF: 0x800), 0: needs more than a test.
static unsigned condition_mask(unsigned cond)
{
    static const uint16_t masks[8] = { 0x800, 1, 0x40, 0x41, 0x80, 4, 0, 0 };
    return masks[cond >> 1];
}

// Conditions that cost less than all the flags. Returns the host condition, or -1.
static int cheap_condition(struct x86_state *e, const struct ir_op *op)
{
    const ir_var *arg = op->arg + op->defs;
    unsigned bit = COND_BIT(op->cond), negate = op->cond & 1, mask = condition_mask(op->cond);
    struct operand a = alloc_where(e, arg[0]), b = alloc_where(e, arg[1]), c = alloc_where(e, arg[2]);
    if (op->kind == CC_ENV && mask) {
        if (mask == 0x800)
            x_test_imm(&e->a, 0, HEAD(cc_of), 1);
        else
            x_test_imm(&e->a, 0, HEAD(cc_lo), mask);
        flags_kill(e);
        return (int)(C_NE ^ negate);
    }
    if (op->kind == CC_EFLAGS && mask && a.kind != OPND_IMM) {
        if (mask < 0x100)
            x_test_imm(&e->a, 0, a, mask);
        else
            x_test_imm(&e->a, 2, a, mask);
        flags_kill(e);
        return (int)(C_NE ^ negate);
    }
    if ((CONDS_SZP & bit) && (KINDS_RESULT & KIND_BIT(op->kind)) && a.kind != OPND_IMM) {
        test_zero(e, op->size, a);
        flags_set(e, op->kind == CC_LOGIC ? HF_LOGIC : HF_SZP, op->size, arg[0], IR_NONE, IR_NONE, IR_NONE);
        return op->cond;
    }
    bool carry = CONDS_CARRY & bit, overflow = CONDS_OVERFLOW & bit;
    if (op->kind == CC_ADD && carry && a.kind == OPND_REG && (b.kind != OPND_IMM || op->size < 3 || fits32(b.imm))) {
        alu(e, X_CMP, op->size, a.reg, b); // the sum is below an addend
        flags_kill(e);
        return op->cond;
    }
    if (((op->kind == CC_INC || op->kind == CC_DEC) && carry && c.kind != OPND_IMM) ||
        (op->kind == CC_SHR && carry && b.kind != OPND_IMM)) {
        x_test_imm(&e->a, 0, op->kind == CC_SHR ? b : c, 1);
        flags_kill(e);
        return (int)(C_NE ^ negate);
    }
    if (op->kind == CC_SHL && carry && b.kind != OPND_IMM) {
        carry_from(e, b, size_bits(op->size) - 1);
        flags_kill(e);
        return op->cond;
    }
    if (op->kind == CC_MUL && (carry || overflow) && b.kind != OPND_IMM) {
        test_zero(e, 3, b);
        flags_kill(e);
        return (int)(C_NE ^ negate);
    }
    return -1;
}

unsigned flags_condition(struct x86_state *e, const struct ir_op *op)
{
    if (holds_condition(e, op))
        return op->cond;
    int cheap = cheap_condition(e, op);
    if (cheap >= 0)
        return (unsigned)cheap;
    const ir_var *arg = op->arg + op->defs;
    struct cc_recipe cc;
    flags_recipe(e, op, &cc);
    if (op->kind == CC_SUB && cc.a.kind == OPND_REG && (cc.b.kind != OPND_IMM || op->size < 3 || fits32(cc.b.imm))) {
        compare(e, &cc);
        note_recipe(e, op);
        return op->cond;
    }
    if (op->kind == CC_SUB && cc.a.kind == OPND_MEM && cc.b.kind != OPND_IMM) {
        cc.b = opnd_reg(alloc_use_reg(e, arg[1], op->size));
        cc.a = alloc_where(e, arg[0]);
        compare(e, &cc);
        note_recipe(e, op);
        return op->cond;
    }
    cc = prepare(e, op);
    if (op->kind == CC_SUBR && (CONDS_CARRY & COND_BIT(op->cond))) {
        load_rax(e, cc.a); // the sum carries where the difference borrowed
        alu(e, X_ADD, cc.size, RAX, cc.b);
        flags_kill(e);
    } else {
        to_host(e, &cc);
        note_recipe(e, op);
    }
    alloc_unpin(e, RAX);
    return op->cond;
}

void flags_load_carry(struct x86_state *e, ir_var c)
{
    if (e->hf.carry != IR_NONE && e->hf.carry == c)
        return;
    carry_from(e, alloc_where(e, c), 0);
    flags_kill(e);
}

// ---- ops

void flags_emit_setcc(struct x86_state *e, const struct ir_op *op)
{
    unsigned cond = flags_condition(e, op);
    ir_var d = op->arg[0];
    e->pinned = 0;
    unsigned reg = alloc_def(e, d, false);
    x_setcc(&e->a, cond, opnd_reg(reg));
    x_movzx(&e->a, 0, reg, opnd_reg(reg));
    alloc_def_done(e, d, 3, reg);
    if (cond == C_B)
        e->hf.carry = d;
}

void flags_emit_movcc(struct x86_state *e, const struct ir_op *op)
{
    ir_var d = op->arg[0], source = op->arg[4];
    unsigned size = op->size2;
    unsigned cond = flags_condition(e, op);
    e->pinned = 0;
    struct operand from = alloc_use_rm(e, source, size); // moves only: the flags stay
    unsigned reg = alloc_def(e, d, true);
    if (size == 0) { // no byte form; the bytes above must stay
        x_byte(&e->a, 0x70 | (cond ^ 1)); // jcc over the move
        uint8_t *skip = e->a.p;
        x_byte(&e->a, 0);
        x_load(&e->a, 0, reg, from);
        *skip = (uint8_t)(e->a.p - (skip + 1));
    } else {
        x_cmov(&e->a, cond, size, reg, from);
    }
    alloc_def_done(e, d, size, reg);
}

// ax = the flags of op's recipe; rax is pinned.
static void flags_to_ax(struct x86_state *e, const struct ir_op *op)
{
    bool no_carry;
    if (holds(e, op, &no_carry) && !no_carry && op->kind != CC_EFLAGS) {
        alloc_take(e, RAX);
        x_lahf(&e->a);
        x_setcc(&e->a, C_O, opnd_reg(RAX));
        if (KINDS_NO_AF & KIND_BIT(op->kind)) {
            x_alu_high_imm(&e->a, X_AND, RAX, 0xc4 | 1);
            flags_kill(e);
        }
        return;
    }
    struct cc_recipe cc = prepare(e, op);
    to_ax(e, &cc);
    flags_kill(e);
}

void flags_emit_getcc(struct x86_state *e, const struct ir_op *op)
{
    ir_var d = op->arg[0];
    if (op->kind == CC_EFLAGS) {
        struct operand a = alloc_use_rmi(e, op->arg[1], 2);
        unsigned reg = alloc_def(e, d, false);
        alloc_move(e, 2, reg, a);
        x_alu_imm(&e->a, X_AND, 2, opnd_reg(reg), 0x800 | LAHF_FLAGS);
        flags_kill(e);
        alloc_def_done(e, d, 3, reg);
        return;
    }
    flags_to_ax(e, op);
    unsigned high = alloc_scratch(e);
    x_byte(&e->a, 0x0f); // movzx high, ah (low registers only: no REX)
    x_byte(&e->a, 0xb6);
    x_byte(&e->a, 0xc0 | high << 3 | 4);
    x_alu_imm(&e->a, X_AND, 2, opnd_reg(high), LAHF_FLAGS);
    x_movzx(&e->a, 0, RAX, opnd_reg(RAX));
    x_shift_imm(&e->a, X_SHL, 2, opnd_reg(RAX), 11);
    x_alu(&e->a, X_OR, 2, RAX, opnd_reg(high));
    flags_kill(e);
    alloc_bind(e, d, RAX);
}

void flags_emit_savecc(struct x86_state *e, const struct ir_op *op)
{
    if (op->kind == CC_ENV)
        return;
    flags_to_ax(e, op);
    x_store(&e->a, 1, HEAD(cc_of), RAX);
}

// An operand in rax moves to a register that no other operand has, or to the frame.
static void dodge(struct x86_state *e, struct cc_recipe *cc, struct operand *o, unsigned place)
{
    if (!opnd_is_reg(*o, RAX))
        return;
    for (unsigned r = RCX; r <= RDX; r++)
        if (!opnd_is_reg(cc->a, r) && !opnd_is_reg(cc->b, r) && !opnd_is_reg(cc->c, r)) {
            x_mov_rr(&e->a, 3, r, RAX);
            *o = opnd_reg(r);
            return;
        }
    x_store(&e->a, 3, frame_mem(FRAME_CC + 8 * (int32_t)place), RAX);
    *o = frame_mem(FRAME_CC + 8 * (int32_t)place);
}

void flags_save_cold(struct x86_state *e, struct cc_recipe cc)
{
    if (cc.kind == CC_ENV)
        return;
    bool big = cc.b.kind == OPND_IMM && (cc.size == 3 || cc.kind == CC_MUL) && !fits32(cc.b.imm);
    if (is_ax_kind(cc.kind) || big || opnd_is_reg(cc.b, RAX) || opnd_is_reg(cc.c, RAX))
        dodge(e, &cc, &cc.a, 0);
    dodge(e, &cc, &cc.b, 1);
    dodge(e, &cc, &cc.c, 2);
    cc.b = encodable(e, cc.b, cc.kind == CC_MUL ? 3 : cc.size, 1);
    to_ax(e, &cc);
    x_store(&e->a, 1, HEAD(cc_of), RAX);
}
