// SPDX-License-Identifier: MIT
//
// Integer ops: one host instruction each, with what two-address form and memory operands ask for.
//
// Order in each function: resolve the sources, make the destination (often a copy of the first source), emit, note what
// the host's flags hold, end the write. Whoever changes the host's flags calls flags_set or flags_kill.
#include "tcg/x86_64/emitter.h"

static bool in_memory(struct x86_state *e, ir_var n)
{
    const struct ir_variable *v = &e->ir->vars[n];
    return v->kind == IR_GLOBAL && e->home[v->global] == NO_REG;
}

static bool is_const(const struct x86_state *e, ir_var n) { return e->ir->vars[n].kind == IR_CONST; }

static ir_var unless(ir_var v, ir_var written) { return v == written ? IR_NONE : v; }

// ---- moves

static void emit_mov(struct x86_state *e, const struct ir_op *op)
{
    ir_var d = op->arg[0], s = op->arg[1];
    if (in_memory(e, d) && op->size != 2) { // straight to memory
        struct operand to = alloc_where(e, d), from = alloc_use_rmi(e, s, op->size);
        if (from.kind == OPND_IMM)
            x_store_imm(&e->a, op->size, to, from.imm);
        else
            x_store(&e->a, op->size, to, from.kind == OPND_REG ? from.reg : alloc_use_reg(e, s, op->size));
        flags_written(e, d);
        return;
    }
    if (op->size == 2) {
        struct operand from = alloc_where(e, s);
        if (from.kind == OPND_REG)
            e->pinned |= 1u << from.reg;
        unsigned reg = alloc_def(e, d, false);
        alloc_move(e, 2, reg, from);
        alloc_def_done(e, d, 2, reg);
        return;
    }
    unsigned reg = alloc_def_copy(e, op, 0, 1, op->size);
    alloc_def_done(e, d, op->size, reg);
}

static void emit_extend(struct x86_state *e, const struct ir_op *op, unsigned from, bool sign)
{
    ir_var d = op->arg[0];
    struct operand s = alloc_use_rm(e, op->arg[1], 2);
    unsigned reg = alloc_def(e, d, op->size < 2);
    if (sign)
        x_movsx(&e->a, from, op->size, reg, s);
    else if (op->size >= 2)
        x_movzx(&e->a, from, reg, s);
    else if (from >= op->size)
        x_load(&e->a, op->size, reg, s);
    else
        x_rm(&e->a, 0xb6 | X_0F | X_MB | X_66, reg, s); // 8 to 16 bits
    alloc_def_done(e, d, op->size, reg);
}

static void emit_gethi(struct x86_state *e, const struct ir_op *op)
{
    ir_var d = op->arg[0];
    struct operand s = alloc_use_rm(e, op->arg[1], 2);
    unsigned reg = alloc_def(e, d, false);
    if (s.kind == OPND_MEM) {
        s.disp++;
        x_movzx(&e->a, 0, reg, s);
    } else if (s.reg <= RBX && reg < 8) { // ah, ch, dh, bh
        x_byte(&e->a, 0x0f);
        x_byte(&e->a, 0xb6);
        x_byte(&e->a, 0xc0 | reg << 3 | (s.reg + 4u));
    } else if (e->has_bmi2) { // rorx: the flags stay
        x_rorx(&e->a, reg, s, 8);
        x_movzx(&e->a, 0, reg, opnd_reg(reg));
    } else {
        x_movzx(&e->a, 1, reg, s);
        x_shift_imm(&e->a, X_SHR, 2, opnd_reg(reg), 8);
        flags_kill(e);
    }
    alloc_def_done(e, d, 3, reg);
}

static void emit_puthi(struct x86_state *e, const struct ir_op *op)
{
    ir_var d = op->arg[0], s = op->arg[1];
    if (in_memory(e, d)) {
        struct operand to = alloc_where(e, d);
        to.disp++;
        x_store(&e->a, 0, to, alloc_use_reg(e, s, 0));
        flags_written(e, d);
        return;
    }
    struct operand from = alloc_use_rmi(e, s, 0);
    unsigned reg = alloc_def(e, d, true);
    if (reg <= RBX && (from.kind != OPND_REG || from.reg <= RBX)) {
        if (from.kind == OPND_IMM) { // mov ah.., imm8
            x_byte(&e->a, 0xb0 | (reg + 4));
            x_byte(&e->a, (unsigned)from.imm);
        } else {
            x_rm(&e->a, 0x8a, reg + 4, from); // memory is based on rbp or rsp: no REX
        }
    } else {
        if (opnd_is_reg(from, reg)) { // its own low byte, which the rotation takes to the top
            from = opnd_reg(alloc_scratch(e));
            x_mov_rr(&e->a, 3, from.reg, reg);
        }
        x_shift_imm(&e->a, X_ROR, 3, opnd_reg(reg), 8);
        if (from.kind == OPND_IMM)
            x_store_imm(&e->a, 0, opnd_reg(reg), from.imm);
        else
            x_load(&e->a, 0, reg, from);
        x_shift_imm(&e->a, X_ROL, 3, opnd_reg(reg), 8);
        flags_kill(e);
    }
    alloc_def_done(e, d, 3, reg);
}

static void emit_lea(struct x86_state *e, const struct ir_op *op)
{
    ir_var d = op->arg[0];
    struct operand m = memory_address(e, op->arg[1], op->arg[2], op->scale,
                                      op->size == 2 ? (int32_t)op->imm : op->imm);
    e->pinned = 0; // the destination may take a register of the address: that is read first
    unsigned reg = alloc_def(e, d, false);
    if (m.kind == OPND_IMM)
        x_mov_imm(&e->a, reg, op->size == 2 ? (uint32_t)m.imm : (uint64_t)m.imm);
    else if (op->size == 3 && m.index == NO_REG && m.disp == 0)
        alloc_move(e, 3, reg, opnd_reg(m.reg));
    else
        x_lea(&e->a, op->size, reg, m);
    alloc_def_done(e, d, op->size, reg);
}

// ---- two-address arithmetic

static void note_alu(struct x86_state *e, const struct ir_op *op, enum x_alu alu)
{
    ir_var d = op->arg[0], x = unless(op->arg[1], d), y = unless(op->arg[2], d);
    switch (alu) {
    case X_ADD:
        flags_set(e, HF_ADD, op->size, d, x, y, IR_NONE);
        break;
    case X_SUB:
        flags_set(e, HF_SUB, op->size, d, x, y, IR_NONE);
        break;
    case X_ADC:
        flags_set(e, HF_ADC, op->size, d, x, y, unless(op->arg[3], d));
        break;
    case X_SBB:
        flags_set(e, HF_SBB, op->size, d, x, y, unless(op->arg[3], d));
        break;
    default:
        flags_set(e, HF_LOGIC, op->size, d, IR_NONE, IR_NONE, IR_NONE);
        break;
    }
}

static void alu_operand(struct x86_state *e, enum x_alu alu, unsigned size, unsigned reg, struct operand b)
{
    if (b.kind == OPND_IMM)
        x_alu_imm(&e->a, alu, size, opnd_reg(reg), b.imm);
    else
        x_alu(&e->a, alu, size, reg, b);
}

static void emit_alu(struct x86_state *e, const struct ir_op *source, enum x_alu alu)
{
    struct ir_op op = *source;
    bool commutes = alu != X_SUB && alu != X_SBB, carry = alu == X_ADC || alu == X_SBB;
    ir_var d = op.arg[0];
    if (commutes && op.arg[1] != d && (op.arg[2] == d || is_const(e, op.arg[1]))) {
        op.arg[1] = source->arg[2];
        op.arg[2] = source->arg[1];
        op.dead = (uint8_t)((op.dead & ~6) | (op.dead >> 1 & 2) | (op.dead << 1 & 4));
    }
    ir_var a = op.arg[1], b = op.arg[2];
    // The carry comes last: nothing between may change flags. It may be the destination itself.
    struct operand src = alloc_use_rmi(e, b, op.size);
    if (a == d && in_memory(e, d) && op.size != 2) {
        if (src.kind == OPND_MEM)
            src = opnd_reg(alloc_use_reg(e, b, op.size));
        if (carry)
            flags_load_carry(e, op.arg[3]);
        if (src.kind == OPND_IMM)
            x_alu_imm(&e->a, alu, op.size, alloc_where(e, d), src.imm);
        else
            x_alu_store(&e->a, alu, op.size, alloc_where(e, d), src.reg);
        note_alu(e, &op, alu);
        return;
    }
    bool aside = (b == d && a != d) || (carry && op.arg[3] == d && a != d);
    unsigned reg;
    if (aside) {
        reg = alloc_scratch(e);
        alloc_move(e, op.size < 2 ? 2 : op.size, reg, alloc_where(e, a));
    } else {
        reg = alloc_def_copy(e, &op, 0, 1, op.size);
    }
    if (carry)
        flags_load_carry(e, op.arg[3]);
    alu_operand(e, alu, op.size, reg, src);
    if (aside) {
        unsigned to = alloc_def(e, d, op.size < 2);
        x_mov_rr(&e->a, op.size, to, reg);
        reg = to;
    }
    alloc_def_done(e, d, op.size, reg);
    note_alu(e, &op, alu);
}

static void emit_unary(struct x86_state *e, const struct ir_op *op, unsigned digit)
{
    ir_var d = op->arg[0];
    if (op->arg[1] == d && in_memory(e, d) && op->size != 2) {
        x_group3(&e->a, digit, op->size, alloc_where(e, d));
        flags_written(e, d);
    } else {
        unsigned reg = alloc_def_copy(e, op, 0, 1, op->size);
        x_group3(&e->a, digit, op->size, opnd_reg(reg));
        alloc_def_done(e, d, op->size, reg);
    }
    if (digit == 3)
        flags_set(e, HF_SUB, op->size, d, HF_ZERO, unless(op->arg[1], d), IR_NONE);
}

static void emit_mul(struct x86_state *e, const struct ir_op *source)
{
    struct ir_op op = *source;
    unsigned size = op.size ? op.size : 2;
    if (is_const(e, op.arg[1]) || op.arg[2] == op.arg[0]) {
        op.arg[1] = source->arg[2];
        op.arg[2] = source->arg[1];
        op.dead = (uint8_t)((op.dead & ~6) | (op.dead >> 1 & 2) | (op.dead << 1 & 4));
    }
    ir_var d = op.arg[0];
    struct operand b = alloc_use_rmi(e, op.arg[2], size);
    if (b.kind == OPND_IMM && op.size) {
        struct operand a = alloc_use_rm(e, op.arg[1], size);
        unsigned reg = alloc_def(e, d, size < 2);
        x_rm(&e->a, x_wide(fits8(b.imm) ? 0x6b : 0x69, size), reg, a);
        fits8(b.imm) ? x_byte(&e->a, (unsigned)b.imm) : x_imm_sized(&e->a, size, b.imm);
        alloc_def_done(e, d, size, reg);
    } else if (op.size == 0) { // the low 8 bits of a 32-bit product
        unsigned reg = alloc_scratch(e);
        alloc_move(e, 2, reg, alloc_where(e, op.arg[1]));
        if (b.kind == OPND_IMM) {
            x_rm(&e->a, 0x69, reg, opnd_reg(reg));
            x_u32(&e->a, (uint32_t)b.imm);
        } else {
            x_rm(&e->a, 0xaf | X_0F, reg, b);
        }
        unsigned to = alloc_def(e, d, true);
        x_mov_rr(&e->a, 0, to, reg);
        alloc_def_done(e, d, 0, to);
    } else {
        unsigned reg = alloc_def_copy(e, &op, 0, 1, size);
        x_rm(&e->a, x_wide(0xaf | X_0F, size), reg, b);
        alloc_def_done(e, d, size, reg);
    }
    flags_kill(e);
}

// The two results in rax and rdx.
static void bind_pair(struct x86_state *e, const struct ir_op *op)
{
    flags_kill(e);
    if (op->arg[0] != op->arg[1])
        alloc_bind(e, op->arg[0], RAX);
    alloc_bind(e, op->arg[1], RDX);
}

static void emit_mul2(struct x86_state *e, const struct ir_op *op, bool sign)
{
    alloc_take(e, RAX);
    alloc_take(e, RDX);
    struct operand b = alloc_use_rm(e, op->arg[3], op->size);
    alloc_move(e, op->size, RAX, alloc_where(e, op->arg[2]));
    x_group3(&e->a, sign ? 5 : 4, op->size, b);
    bind_pair(e, op);
}

static void emit_div2(struct x86_state *e, const struct ir_op *op, bool sign)
{
    alloc_take(e, RAX);
    alloc_take(e, RDX);
    struct operand divisor = alloc_use_rm(e, op->arg[4], op->size);
    alloc_move(e, op->size, RAX, alloc_where(e, op->arg[2]));
    alloc_move(e, op->size, RDX, alloc_where(e, op->arg[3]));
    x_group3(&e->a, sign ? 7 : 6, op->size, divisor);
    bind_pair(e, op);
}

// ---- shifts

static void note_shift(struct x86_state *e, const struct ir_op *op, enum x_shift shift, unsigned count)
{
    ir_var d = op->arg[0], source = count == 1 ? unless(op->arg[1], d) : IR_NONE;
    if (count == 0 || shift < X_SHL)
        flags_kill(e);
    else
        flags_set(e, shift == X_SHL ? HF_SHL : HF_SHR, op->size, d, source, IR_NONE, IR_NONE);
}

static void emit_shift_const(struct x86_state *e, const struct ir_op *op, enum x_shift shift, unsigned count)
{
    ir_var d = op->arg[0];
    if (count == 0) {
        struct ir_op move = *op;
        move.uses = 1;
        emit_mov(e, &move);
        return;
    }
    if (op->arg[1] == d && in_memory(e, d) && op->size != 2) {
        x_shift_imm(&e->a, shift, op->size, alloc_where(e, d), count);
        flags_written(e, d);
    } else {
        unsigned reg = alloc_def_copy(e, op, 0, 1, op->size);
        x_shift_imm(&e->a, shift, op->size, opnd_reg(reg), count);
        alloc_def_done(e, d, op->size, reg);
    }
    note_shift(e, op, shift, count);
}

static void emit_shift(struct x86_state *e, const struct ir_op *op, enum x_shift shift)
{
    ir_var d = op->arg[0], a = op->arg[1], n = op->arg[2];
    if (is_const(e, n)) {
        emit_shift_const(e, op, shift, (unsigned)e->ir->vars[n].value & (op->size == 3 ? 63 : 31));
        return;
    }
    if (e->has_bmi2 && op->size >= 2 && shift >= X_SHL) { // shlx, shrx, sarx: the flags stay
        unsigned count = alloc_use_reg(e, n, 2);
        struct operand from = alloc_use_rm(e, a, op->size);
        unsigned reg = alloc_def(e, d, false);
        x_vex(&e->a, 2, shift == X_SHL ? 1 : shift == X_SHR ? 3 : 2, op->size == 3, 0xf7, reg, count, from);
        alloc_def_done(e, d, op->size, reg);
        return;
    }
    alloc_take(e, RCX);
    alloc_move(e, 2, RCX, alloc_where(e, n));
    if (n == d && a != d) {
        unsigned reg = alloc_scratch(e);
        alloc_move(e, op->size < 2 ? 2 : op->size, reg, alloc_where(e, a));
        x_shift_cl(&e->a, shift, op->size, opnd_reg(reg));
        unsigned to = alloc_def(e, d, op->size < 2);
        x_mov_rr(&e->a, op->size, to, reg);
        alloc_def_done(e, d, op->size, to);
    } else {
        unsigned reg = alloc_def_copy(e, op, 0, 1, op->size);
        x_shift_cl(&e->a, shift, op->size, opnd_reg(reg));
        if (op->size == 2) // a count of 0 leaves the upper half alone
            x_mov_rr(&e->a, 2, reg, reg);
        alloc_def_done(e, d, op->size, reg);
    }
    flags_kill(e);
}

static void emit_double_shift(struct x86_state *e, const struct ir_op *op, bool right)
{
    ir_var d = op->arg[0], a = op->arg[1], b = op->arg[2], n = op->arg[3];
    bool by_const = is_const(e, n);
    unsigned count = by_const ? (unsigned)e->ir->vars[n].value & (op->size == 3 ? 63 : 31) : 0;
    if (!by_const) {
        alloc_take(e, RCX);
        alloc_move(e, 2, RCX, alloc_where(e, n));
    }
    unsigned from = alloc_use_reg(e, b, op->size);
    bool aside = b == d && a != d;
    unsigned reg;
    if (aside || (n == d && a != d)) {
        reg = alloc_scratch(e);
        alloc_move(e, op->size, reg, alloc_where(e, a));
        aside = true;
    } else {
        reg = alloc_def_copy(e, op, 0, 1, op->size);
    }
    if (!by_const) {
        x_rm(&e->a, x_wide((right ? 0xad : 0xa5) | X_0F, op->size), from, opnd_reg(reg));
    } else if (count) {
        x_rm(&e->a, x_wide((right ? 0xac : 0xa4) | X_0F, op->size), from, opnd_reg(reg));
        x_byte(&e->a, count);
    }
    if (op->size == 2)
        x_mov_rr(&e->a, 2, reg, reg);
    flags_kill(e);
    if (aside)
        alloc_bind(e, d, reg);
    else
        alloc_def_done(e, d, op->size, reg);
}

// ---- bits

static void emit_bswap(struct x86_state *e, const struct ir_op *op)
{
    unsigned reg = alloc_def_copy(e, op, 0, 1, op->size);
    unsigned rex = (op->size == 3 ? 0x48u : 0) | (reg >= 8 ? 0x41u : 0);
    if (rex)
        x_byte(&e->a, rex);
    x_byte(&e->a, 0x0f);
    x_byte(&e->a, 0xc8 | (reg & 7));
    alloc_def_done(e, op->arg[0], op->size, reg);
}

// tzcnt, lzcnt, popcnt: F3 with an optional 66 before it.
static void f3_op(struct x86_state *e, unsigned opcode, unsigned size, unsigned reg, struct operand rm)
{
    if (size == 1)
        x_byte(&e->a, 0x66);
    x_rm(&e->a, opcode | X_0F | X_F3 | (size == 3 ? X_W : 0u), reg, rm);
}

// Without BMI: bsf / bsr of a source that is not 0, else the size in bits. In a scratch register, at 32 or 64 bits.
static void count_zeros_old(struct x86_state *e, const struct ir_op *op, bool leading)
{
    unsigned wide = op->size == 3 ? 3 : 2, bits = 8u << op->size;
    struct operand s = alloc_use_rm(e, op->arg[1], op->size);
    unsigned from = alloc_scratch(e), out = alloc_scratch(e);
    if (op->size == 1)
        x_movzx(&e->a, 1, from, s);
    else
        alloc_move(e, wide, from, s);
    x_mov_imm(&e->a, out, leading ? 2 * bits - 1 : bits);
    x_test_rr(&e->a, wide, opnd_reg(from), from);
    uint8_t *skip = x_jcc(&e->a, C_E);
    x_rm(&e->a, x_wide((leading ? 0xbd : 0xbc) | X_0F, wide), out, opnd_reg(from));
    x_patch_rel32(skip, e->a.p);
    if (leading)
        x_alu_imm(&e->a, X_XOR, 2, opnd_reg(out), (int)bits - 1);
    flags_kill(e);
    alloc_unpin(e, from);
    unsigned to = alloc_def(e, op->arg[0], op->size < 2);
    x_mov_rr(&e->a, op->size, to, out);
    alloc_def_done(e, op->arg[0], op->size, to);
}

static void emit_popcnt_old(struct x86_state *e, const struct ir_op *op)
{
    static const uint64_t masks[3] = { 0x5555555555555555u, 0x3333333333333333u, 0x0f0f0f0f0f0f0f0fu };
    unsigned x = alloc_scratch(e), t = alloc_scratch(e), m = alloc_scratch(e);
    struct operand s = alloc_where(e, op->arg[1]);
    if (op->size < 2 && s.kind != OPND_IMM)
        x_movzx(&e->a, op->size, x, s);
    else if (op->size < 2)
        x_mov_imm(&e->a, x, (uint64_t)s.imm & (op->size ? 0xffff : 0xff));
    else
        alloc_move(e, op->size, x, s);
    for (unsigned i = 0; i < 3; i++) {
        x_mov_imm(&e->a, m, masks[i]);
        x_mov_rr(&e->a, 3, t, x);
        x_shift_imm(&e->a, X_SHR, 3, opnd_reg(t), 1u << i);
        if (i < 2)
            x_alu(&e->a, X_AND, 3, x, opnd_reg(m));
        if (i < 2)
            x_alu(&e->a, X_AND, 3, t, opnd_reg(m));
        x_alu(&e->a, X_ADD, 3, x, opnd_reg(t));
        if (i == 2)
            x_alu(&e->a, X_AND, 3, x, opnd_reg(m));
    }
    x_mov_imm(&e->a, m, 0x0101010101010101u);
    x_rm(&e->a, 0xaf | X_0F | X_W, x, opnd_reg(m));
    x_shift_imm(&e->a, X_SHR, 3, opnd_reg(x), 56);
    flags_kill(e);
    alloc_unpin(e, m);
    unsigned to = alloc_def(e, op->arg[0], op->size < 2);
    x_mov_rr(&e->a, op->size, to, x);
    alloc_def_done(e, op->arg[0], op->size, to);
}

static void emit_bit_count(struct x86_state *e, const struct ir_op *op)
{
    bool popcnt = op->opcode == IR_POPCNT, leading = op->opcode == IR_CLZ;
    if (popcnt && (!e->has_popcnt || op->size == 0)) {
        emit_popcnt_old(e, op);
        return;
    }
    if (!popcnt && !(leading ? e->has_lzcnt : e->has_bmi1)) {
        count_zeros_old(e, op, leading);
        return;
    }
    struct operand s = alloc_use_rm(e, op->arg[1], op->size);
    unsigned reg = alloc_def(e, op->arg[0], op->size < 2);
    f3_op(e, popcnt ? 0xb8 : leading ? 0xbd : 0xbc, op->size, reg, s);
    flags_kill(e);
    alloc_def_done(e, op->arg[0], op->size, reg);
}

static void emit_crc32(struct x86_state *e, const struct ir_op *op)
{
    ir_var d = op->arg[0];
    struct operand s = alloc_use_rm(e, op->arg[2], op->size);
    unsigned reg = alloc_scratch(e);
    alloc_move(e, 2, reg, alloc_where(e, op->arg[1]));
    if (op->size == 1)
        x_byte(&e->a, 0x66);
    x_rm(&e->a, (op->size ? 0xf1 : 0xf0 | X_MB) | X_0F38 | X_F2 | (op->size == 3 ? X_W : 0u), reg, s);
    alloc_bind(e, d, reg);
}

// ---- CPU struct

static void emit_ldenv(struct x86_state *e, const struct ir_op *op)
{
    unsigned reg = alloc_def(e, op->arg[0], false);
    x_movzx(&e->a, op->size, reg, cpu_mem((size_t)op->imm));
    alloc_def_done(e, op->arg[0], 3, reg);
}

static void emit_stenv(struct x86_state *e, const struct ir_op *op)
{
    struct operand s = alloc_use_rmi(e, op->arg[0], op->size);
    if (s.kind == OPND_IMM)
        x_store_imm(&e->a, op->size, cpu_mem((size_t)op->imm), s.imm);
    else
        x_store(&e->a, op->size, cpu_mem((size_t)op->imm), alloc_use_reg(e, op->arg[0], op->size));
}

static void emit_ctx(struct x86_state *e, const struct ir_op *op)
{
    size_t view = offsetof(struct vcpu_head, views) + (size_t)op->imm * sizeof(void *);
    x_load(&e->a, 3, CONTEXT_REG, cpu_mem(view));
    x_store(&e->a, 3, HEAD(context), CONTEXT_REG);
}

void integer_emit(struct x86_state *e, const struct ir_op *op)
{
    switch ((enum ir_opcode)op->opcode) {
    case IR_MOV: emit_mov(e, op); break;
    case IR_ZX8: emit_extend(e, op, 0, false); break;
    case IR_ZX16: emit_extend(e, op, 1, false); break;
    case IR_ZX32: emit_extend(e, op, 2, false); break;
    case IR_SX8: emit_extend(e, op, 0, true); break;
    case IR_SX16: emit_extend(e, op, 1, true); break;
    case IR_SX32: emit_extend(e, op, 2, true); break;
    case IR_GETHI: emit_gethi(e, op); break;
    case IR_PUTHI: emit_puthi(e, op); break;
    case IR_LEA: emit_lea(e, op); break;
    case IR_ADD: emit_alu(e, op, X_ADD); break;
    case IR_SUB: emit_alu(e, op, X_SUB); break;
    case IR_AND: emit_alu(e, op, X_AND); break;
    case IR_OR: emit_alu(e, op, X_OR); break;
    case IR_XOR: emit_alu(e, op, X_XOR); break;
    case IR_ADC: emit_alu(e, op, X_ADC); break;
    case IR_SBB: emit_alu(e, op, X_SBB); break;
    case IR_NEG: emit_unary(e, op, 3); break;
    case IR_NOT: emit_unary(e, op, 2); break;
    case IR_MUL: emit_mul(e, op); break;
    case IR_MULU2: emit_mul2(e, op, false); break;
    case IR_MULS2: emit_mul2(e, op, true); break;
    case IR_DIVU2: emit_div2(e, op, false); break;
    case IR_DIVS2: emit_div2(e, op, true); break;
    case IR_SHL: emit_shift(e, op, X_SHL); break;
    case IR_SHR: emit_shift(e, op, X_SHR); break;
    case IR_SAR: emit_shift(e, op, X_SAR); break;
    case IR_ROL: emit_shift(e, op, X_ROL); break;
    case IR_ROR: emit_shift(e, op, X_ROR); break;
    case IR_SHLD: emit_double_shift(e, op, false); break;
    case IR_SHRD: emit_double_shift(e, op, true); break;
    case IR_BSWAP: emit_bswap(e, op); break;
    case IR_CTZ: case IR_CLZ: case IR_POPCNT: emit_bit_count(e, op); break;
    case IR_CRC32: emit_crc32(e, op); break;
    case IR_LDENV: emit_ldenv(e, op); break;
    case IR_STENV: emit_stenv(e, op); break;
    case IR_CTX: emit_ctx(e, op); break;
    default: e->failed = true; break;
    }
}
