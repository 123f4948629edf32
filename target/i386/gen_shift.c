// SPDX-License-Identifier: MIT
//
// Shifts, rotates, bit tests and scans, multiplication and division.
#include <stddef.h>
#include "target/i386/gen_int.h"

static ir_var temp(struct translator *t) { return ir_temp(t->ir); }
static ir_var imm(struct translator *t, int64_t v) { return gen_const(t, v); }

static ir_var copy(struct translator *t, ir_var v)
{
    ir_var c = temp(t);
    ir_2(t->ir, IR_MOV, 3, c, v);
    return c;
}

// The first operand for reading and writing back.
struct place { struct gen_mem m; ir_var token, old; };

static struct place place_read(struct translator *t, const struct insn *in)
{
    struct place p = { .token = IR_NONE };
    if (in->op[0].kind == OPK_MEM) {
        p.m = gen_address(t, in);
        p.old = gen_rmw(t, &p.m, in->op[0].size, &p.token);
    } else {
        p.old = gen_read(t, in, 0);
    }
    return p;
}

static void place_write(struct translator *t, const struct insn *in, const struct place *p, ir_var value)
{
    if (in->op[0].kind == OPK_MEM)
        gen_rmw_store(t, &p->m, in->op[0].size, p->token, value);
    else
        gen_write(t, in, 0, value);
}

static bool constant_count(const struct insn *in, unsigned n, unsigned *count)
{
    if (in->op[n].kind != OPK_IMM)
        return false;
    *count = (unsigned)in->op[n].imm & (in->op[0].size == 3 ? 63 : 31);
    return true;
}

// New flags where count != 0, else the old ones: as EFLAGS bits.
static void merge_flags(struct translator *t, const struct recipe *now, ir_var count)
{
    ir_var flags = gen_get_eflags_arith(t);
    struct recipe before = t->cc;
    t->cc = *now;
    ir_var fresh = gen_get_eflags_arith(t);
    t->cc = before;
    struct recipe nonzero = { CC_LOGIC, 0, count, IR_NONE, IR_NONE };
    gen_move_if(t, &nonzero, 5, 3, flags, fresh);
    gen_set_cc(t, CC_EFLAGS, 3, flags, IR_NONE, IR_NONE);
}

// Widen v so that a shift at 32 or 64 bits gives the value before the last step right, also for counts beyond 8 and 16 bits.
static ir_var widened(struct translator *t, unsigned size, bool is_signed, ir_var v)
{
    static const uint8_t opcode[2][2] = { { IR_ZX8, IR_ZX16 }, { IR_SX8, IR_SX16 } };
    if (size >= 2)
        return v;
    ir_var w = temp(t);
    ir_2(t->ir, opcode[is_signed][size], 3, w, v);
    return w;
}

void gen_shift(struct translator *t, const struct insn *in)
{
    static const uint8_t opcodes[8] = { [4] = IR_SHL, [5] = IR_SHR, [7] = IR_SAR };
    unsigned which = (unsigned)in->row->arg, size = in->op[0].size, count = 0;
    enum ir_opcode opcode = opcodes[which];
    bool fixed = constant_count(in, 1, &count), flags = t->needed & F_ARITH;
    struct place p = place_read(t, in);
    if (fixed && !count) {
        if (in->op[0].kind == OPK_MEM)
            place_write(t, in, &p, p.old);
        else if (size == 2) // a 32-bit register is cleared above even so
            gen_write(t, in, 0, p.old);
        return;
    }
    unsigned wide = size < 2 ? 2 : size;
    ir_var by = imm(t, count);
    if (!fixed) {
        by = temp(t);
        ir_3(t->ir, IR_AND, 3, by, gen_reg(R_RCX), imm(t, size == 3 ? 63 : 31));
    }
    ir_var source = widened(t, size, which == 7, p.old), last = IR_NONE, r = temp(t);
    if (flags) { // the value before the last one-bit step: with it CF and OF are known
        last = temp(t);
        ir_var less = imm(t, (int64_t)count - 1);
        if (!fixed) {
            less = temp(t);
            ir_3(t->ir, IR_SUB, 3, less, by, imm(t, 1));
        }
        ir_3(t->ir, opcode, wide, last, source, less);
        ir_3(t->ir, opcode, wide, r, last, imm(t, 1));
        if (!fixed) { // count 0: the old value (flags stay, see below)
            struct recipe zero = { CC_LOGIC, 0, by, IR_NONE, IR_NONE };
            gen_move_if(t, &zero, 4, 3, r, source);
        }
    } else {
        ir_3(t->ir, opcode, wide, r, source, by);
    }
    struct recipe now = { which == 4 ? CC_SHL : CC_SHR, (uint8_t)size, r, last, IR_NONE };
    if (!flags) {
        place_write(t, in, &p, r);
    } else if (fixed) {
        t->needed &= 0; // every flag is replaced: the old recipe needs no protection
        place_write(t, in, &p, r);
        t->needed = F_ARITH;
        gen_set_cc(t, now.kind, size, r, last, IR_NONE);
    } else {
        ir_var kept = copy(t, r);
        now.a = kept;
        merge_flags(t, &now, by);
        place_write(t, in, &p, r);
    }
}

void gen_rotate(struct translator *t, const struct insn *in)
{
    bool right = in->row->arg == 1, flags = t->needed & F_ARITH;
    unsigned size = in->op[0].size, count = 0;
    bool fixed = constant_count(in, 1, &count);
    struct place p = place_read(t, in);
    if (fixed && !count) {
        if (in->op[0].kind == OPK_MEM || size == 2)
            place_write(t, in, &p, p.old);
        return;
    }
    ir_var by = imm(t, count);
    if (!fixed) {
        by = temp(t);
        ir_3(t->ir, IR_AND, 3, by, gen_reg(R_RCX), imm(t, size == 3 ? 63 : 31));
    }
    ir_var r = copy(t, p.old);
    ir_3(t->ir, right ? IR_ROR : IR_ROL, size, r, r, by);
    if (!flags) {
        place_write(t, in, &p, r);
        return;
    }
    // CF: the bit that came around; OF: msb ^ CF (left), msb ^ next (right). The others stay.
    unsigned bits = 8u << size;
    ir_var old = gen_get_eflags_arith(t), cf = copy(t, r), of = copy(t, r);
    ir_3(t->ir, IR_SHR, 3, of, of, imm(t, bits - 1));
    if (right) {
        ir_2(t->ir, IR_MOV, 3, cf, r);
        ir_3(t->ir, IR_SHR, 3, cf, cf, imm(t, bits - 1));
        ir_3(t->ir, IR_AND, 3, cf, cf, imm(t, 1));
        ir_2(t->ir, IR_MOV, 3, of, r);
        ir_3(t->ir, IR_SHR, 3, of, of, imm(t, bits - 2));
    } else {
        ir_3(t->ir, IR_AND, 3, cf, cf, imm(t, 1));
    }
    ir_3(t->ir, IR_XOR, 3, of, of, cf);
    ir_3(t->ir, IR_AND, 3, of, of, imm(t, 1));
    ir_3(t->ir, IR_SHL, 3, of, of, imm(t, 11));
    ir_var fresh = copy(t, old);
    ir_3(t->ir, IR_AND, 3, fresh, fresh, imm(t, ~(int64_t)(F_CF | F_OF)));
    ir_3(t->ir, IR_OR, 3, fresh, fresh, cf);
    ir_3(t->ir, IR_OR, 3, fresh, fresh, of);
    if (!fixed) {
        struct recipe zero = { CC_LOGIC, 0, by, IR_NONE, IR_NONE };
        gen_move_if(t, &zero, 4, 3, fresh, old);
    }
    place_write(t, in, &p, r);
    gen_set_cc(t, CC_EFLAGS, 3, fresh, IR_NONE, IR_NONE);
}

// RCL, RCR: the helper returns the result and leaves the flags in the struct; memory is written here.
void gen_rotate_carry(struct translator *t, const struct insn *in)
{
    unsigned size = in->op[0].size;
    struct place p = place_read(t, in);
    ir_var by = temp(t), old = copy(t, p.old), r = temp(t);
    if (in->op[1].kind == OPK_IMM)
        ir_2(t->ir, IR_MOV, 3, by, imm(t, in->op[1].imm));
    else
        ir_2(t->ir, IR_ZX8, 3, by, gen_reg(R_RCX));
    ir_var flags = gen_get_eflags_arith(t);
    gen_call(t, H_rotate_carry, r, 4, old, by, imm(t, size | (in->row->arg == 3 ? 4 : 0)), flags);
    ir_var fresh = gen_load_env(t, 3, offsetof(struct x86_cpu, second_result)); // the helper's second result
    place_write(t, in, &p, r);
    gen_set_cc(t, CC_EFLAGS, 3, fresh, IR_NONE, IR_NONE);
}

void gen_double_shift(struct translator *t, const struct insn *in)
{
    bool right = in->row->arg, flags = t->needed & F_ARITH;
    unsigned size = in->op[0].size, count = 0;
    bool fixed = constant_count(in, 2, &count);
    ir_var other = copy(t, gen_read(t, in, 1));
    struct place p = place_read(t, in);
    ir_var by = temp(t), r = temp(t), last = IR_NONE;
    if (fixed)
        ir_2(t->ir, IR_MOV, 3, by, imm(t, count));
    else
        ir_3(t->ir, IR_AND, 3, by, gen_reg(R_RCX), imm(t, size == 3 ? 63 : 31));
    if (size == 1) { // as hardware: the 48-bit value dst:src:dst (or its mirror) shifted at 64 bits
        ir_var a = temp(t), b = temp(t), w = temp(t);
        ir_2(t->ir, IR_ZX16, 3, a, p.old);
        ir_2(t->ir, IR_ZX16, 3, b, other);
        // left: dst:src:dst in bits 47:0; right: dst:src:dst from the top down is dst(47:32) src(31:16) dst(15:0)
        ir_2(t->ir, IR_MOV, 3, w, a);
        ir_3(t->ir, IR_SHL, 3, w, w, imm(t, 16));
        ir_3(t->ir, IR_OR, 3, w, w, b);
        ir_3(t->ir, IR_SHL, 3, w, w, imm(t, 16));
        ir_3(t->ir, IR_OR, 3, w, w, a);
        ir_var less = temp(t);
        ir_3(t->ir, IR_SUB, 3, less, by, imm(t, 1));
        last = temp(t);
        ir_3(t->ir, right ? IR_SHR : IR_SHL, 3, last, w, less);
        ir_3(t->ir, right ? IR_SHR : IR_SHL, 3, r, w, by);
        if (!right) {
            ir_3(t->ir, IR_SHR, 3, last, last, imm(t, 32));
            ir_3(t->ir, IR_SHR, 3, r, r, imm(t, 32));
        }
    } else {
        enum ir_opcode opcode = right ? IR_SHRD : IR_SHLD;
        if (flags) {
            ir_var less = temp(t);
            last = temp(t);
            ir_3(t->ir, IR_SUB, 3, less, by, imm(t, 1));
            ir_4(t->ir, opcode, size, last, p.old, other, less);
        }
        ir_4(t->ir, opcode, size, r, p.old, other, by);
    }
    if (flags) {
        ir_var kept = copy(t, r);
        struct recipe now = { right ? CC_SHR : CC_SHL, (uint8_t)size, kept, last, IR_NONE };
        merge_flags(t, &now, by);
    }
    place_write(t, in, &p, r);
}

// ---- bits

static void bit_flags(struct translator *t, ir_var shifted) // CF = bit 0; the others stay
{
    if (!(t->needed & F_ARITH))
        return;
    ir_var cf = copy(t, shifted);
    ir_3(t->ir, IR_AND, 3, cf, cf, imm(t, 1));
    if (t->needed & F_ARITH & ~F_CF) {
        ir_var flags = gen_get_eflags_arith(t);
        ir_3(t->ir, IR_AND, 3, flags, flags, imm(t, ~(int64_t)F_CF));
        ir_3(t->ir, IR_OR, 3, cf, cf, flags);
    }
    gen_set_cc(t, CC_EFLAGS, 3, cf, IR_NONE, IR_NONE);
}

void gen_bit_test(struct translator *t, const struct insn *in)
{
    unsigned how = (unsigned)in->row->arg, size = in->op[0].size; // 0 test 1 set 2 reset 3 complement
    bool memory = in->op[0].kind == OPK_MEM, fixed = in->op[1].kind == OPK_IMM;
    int64_t mask = (8 << size) - 1;
    ir_var bit = temp(t), value, token = IR_NONE;
    struct gen_mem m = { 0 };
    if (fixed)
        ir_2(t->ir, IR_MOV, 3, bit, imm(t, in->op[1].imm & mask));
    else
        ir_3(t->ir, IR_AND, 3, bit, gen_reg(in->op[1].reg), imm(t, mask));
    if (memory && !fixed) { // the bit string: signed offset in operands
        ir_var offset = temp(t), index = gen_reg(in->op[1].reg);
        ir_2(t->ir, size == 1 ? IR_SX16 : size == 2 ? IR_SX32 : IR_MOV, 3, offset, index);
        ir_3(t->ir, IR_SAR, 3, offset, offset, imm(t, 3 + size));
        ir_3(t->ir, IR_SHL, 3, offset, offset, imm(t, size));
        ir_3(t->ir, IR_ADD, 3, offset, offset, gen_ea(t, in));
        if (in->addrsize == 2)
            ir_2(t->ir, IR_ZX32, 3, offset, offset);
        else if (in->addrsize == 1)
            ir_2(t->ir, IR_ZX16, 3, offset, offset);
        m = gen_mem_at(t, in->segment, offset);
    } else if (memory) {
        m = gen_address(t, in);
    }
    if (!memory)
        value = gen_reg(in->op[0].reg);
    else
        value = how ? gen_rmw(t, &m, size, &token) : gen_load(t, &m, size, 0);
    ir_var shifted = temp(t);
    ir_3(t->ir, IR_SHR, size < 2 ? 3 : size, shifted, value, bit);
    if (!how) {
        bit_flags(t, shifted);
        return;
    }
    ir_var one = temp(t), r = copy(t, value);
    ir_2(t->ir, IR_MOV, 3, one, imm(t, 1));
    ir_3(t->ir, IR_SHL, 3, one, one, bit);
    if (how == 2)
        ir_2(t->ir, IR_NOT, 3, one, one);
    ir_3(t->ir, how == 1 ? IR_OR : how == 2 ? IR_AND : IR_XOR, size, r, r, one);
    bit_flags(t, shifted);
    if (memory)
        gen_rmw_store(t, &m, size, token, r);
    else
        gen_write(t, in, 0, r);
}

void gen_bit_scan(struct translator *t, const struct insn *in)
{
    unsigned size = in->op[0].size;
    ir_var source = copy(t, gen_read(t, in, 1)), r = temp(t), d = gen_reg(in->op[0].reg);
    ir_2(t->ir, IR_MOV, 3, r, imm(t, 0));
    if (in->row->arg) { // BSR: bits - 1 - leading zeros
        ir_2(t->ir, IR_CLZ, size, r, source);
        ir_3(t->ir, IR_XOR, 3, r, r, imm(t, (8 << size) - 1));
    } else {
        ir_2(t->ir, IR_CTZ, size, r, source);
    }
    struct recipe test = { CC_LOGIC, (uint8_t)size, source, IR_NONE, IR_NONE };
    // A source of 0 leaves the destination as it was, all 64 bits of it.
    ir_var value = copy(t, d);
    if (size == 1)
        ir_2(t->ir, IR_MOV, 1, value, r);
    else
        ir_2(t->ir, IR_MOV, 3, value, r);
    gen_protect(t, d);
    gen_move_if(t, &test, 5, 3, d, value);
    gen_set_cc(t, CC_LOGIC, size, source, IR_NONE, IR_NONE);
}

void gen_count(struct translator *t, const struct insn *in)
{
    unsigned size = in->op[0].size, which = (unsigned)in->row->arg; // 0 tzcnt 1 lzcnt 2 popcnt
    static const uint8_t opcode[3] = { IR_CTZ, IR_CLZ, IR_POPCNT };
    ir_var source = copy(t, gen_read(t, in, 1)), r = temp(t);
    ir_2(t->ir, IR_MOV, 3, r, imm(t, 0));
    ir_2(t->ir, opcode[which], size, r, source);
    if (t->needed & F_ARITH) {
        ir_var flags = temp(t);
        if (which == 2) { // ZF of the source, the others 0
            struct recipe test = { CC_LOGIC, (uint8_t)size, source, IR_NONE, IR_NONE };
            ir_2(t->ir, IR_MOV, 3, flags, imm(t, 0));
            gen_move_if(t, &test, 4, 3, flags, imm(t, F_ZF));
        } else { // CF: the source was 0; ZF: the result is 0
            struct recipe source_zero = { CC_LOGIC, (uint8_t)size, source, IR_NONE, IR_NONE }, result_zero = { CC_LOGIC, (uint8_t)size, r, IR_NONE, IR_NONE };
            ir_2(t->ir, IR_MOV, 3, flags, imm(t, 0));
            gen_move_if(t, &result_zero, 4, 3, flags, imm(t, F_ZF));
            gen_move_if(t, &source_zero, 4, 3, flags, imm(t, F_CF));
        }
        gen_set_cc(t, CC_EFLAGS, 3, flags, IR_NONE, IR_NONE);
    }
    uint16_t needed = t->needed;
    t->needed = 0;
    gen_write(t, in, 0, r);
    t->needed = needed;
}

// ---- multiplication

static ir_var extended(struct translator *t, unsigned size, bool is_signed, ir_var v)
{
    static const uint8_t opcode[2][4] = { { IR_ZX8, IR_ZX16, IR_ZX32, IR_MOV }, { IR_SX8, IR_SX16, IR_SX32, IR_MOV } };
    ir_var r = temp(t);
    ir_2(t->ir, opcode[is_signed][size], 3, r, v);
    return r;
}

// Is high significant? Unsigned: high != 0. Signed: high is not the sign of low.
static ir_var overflow(struct translator *t, unsigned size, bool is_signed, ir_var low, ir_var high)
{
    if (!is_signed)
        return high;
    ir_var sign = temp(t);
    ir_3(t->ir, IR_SAR, size, sign, low, imm(t, (8 << size) - 1));
    ir_3(t->ir, IR_XOR, size, sign, sign, high);
    return sign;
}

void gen_mul(struct translator *t, const struct insn *in)
{
    bool is_signed = in->row->arg, flags = t->needed & F_ARITH;
    unsigned size = in->op[0].size;
    ir_var source = gen_read(t, in, 0), low = temp(t), high = temp(t), o = IR_NONE;
    uint16_t needed = t->needed;
    if (size >= 2) {
        ir_4(t->ir, is_signed ? IR_MULS2 : IR_MULU2, size, low, high, gen_reg(R_RAX), source);
        if (flags)
            o = overflow(t, size, is_signed, low, high);
        t->needed = 0;
        gen_write_reg(t, R_RAX, size, low);
        gen_write_reg(t, R_RDX, size, high);
    } else {
        ir_var a = extended(t, size, is_signed, gen_reg(R_RAX)), b = extended(t, size, is_signed, source);
        ir_3(t->ir, IR_MUL, 3, low, a, b);
        ir_3(t->ir, IR_SAR, 3, high, low, imm(t, 8 << size));
        if (flags) {
            ir_var narrow = extended(t, size, is_signed, low);
            o = temp(t);
            ir_3(t->ir, IR_XOR, 3, o, narrow, low);
        }
        t->needed = 0;
        gen_write_reg(t, R_RAX, 1, low);
        if (size == 1)
            gen_write_reg(t, R_RDX, 1, high);
    }
    t->needed = needed;
    if (flags && size == 2) { // CC_MUL looks at all 64 bits of b
        ir_var wide = temp(t);
        ir_2(t->ir, IR_ZX32, 3, wide, o);
        o = wide;
    }
    gen_set_cc(t, CC_MUL, size, low, o, IR_NONE);
}

void gen_imul(struct translator *t, const struct insn *in)
{
    unsigned size = in->op[0].size, second = in->row->op[2] == O_NONE ? 0 : 2;
    bool flags = t->needed & F_ARITH;
    ir_var a = gen_read(t, in, 1), b = gen_read(t, in, second), low = temp(t), o = IR_NONE, d = gen_reg(in->op[0].reg);
    uint16_t needed = t->needed;
    if (!flags && size >= 2) {
        gen_protect(t, d);
        ir_3(t->ir, IR_MUL, size, d, a, b);
        return;
    }
    if (size == 3) {
        ir_var high = temp(t);
        ir_4(t->ir, IR_MULS2, 3, low, high, a, b);
        o = overflow(t, 3, true, low, high);
    } else {
        ir_var wide_a = extended(t, size, true, a), wide_b = extended(t, size, true, b);
        ir_3(t->ir, IR_MUL, 3, low, wide_a, wide_b);
        ir_var narrow = extended(t, size, true, low);
        o = temp(t);
        ir_3(t->ir, IR_XOR, 3, o, narrow, low);
    }
    t->needed = 0;
    gen_write(t, in, 0, low);
    t->needed = needed;
    gen_set_cc(t, CC_MUL, size, low, o, IR_NONE);
}

// ---- division. DIV and IDIV leave the flags alone here.

static void divide_narrow(struct translator *t, const struct insn *in, bool is_signed, unsigned size, ir_var divisor)
{
    // 8 and 16 bits: at 64 bits there is no overflow but the result's width.
    ir_var dividend = temp(t), d = extended(t, size, is_signed, divisor), q = temp(t), r = temp(t), high = temp(t);
    unsigned fault = ir_label(t->ir), done = ir_label(t->ir);
    if (size == 0) {
        ir_2(t->ir, is_signed ? IR_SX16 : IR_ZX16, 3, dividend, gen_reg(R_RAX));
    } else {
        ir_var low = extended(t, 1, false, gen_reg(R_RAX));
        ir_var top = extended(t, 1, is_signed, gen_reg(R_RDX));
        ir_3(t->ir, IR_SHL, 3, top, top, imm(t, 16));
        ir_3(t->ir, IR_OR, 3, dividend, top, low);
    }
    gen_branch(t, &(struct recipe){ CC_LOGIC, 3, d, IR_NONE, IR_NONE }, 4, fault);
    ir_3(t->ir, IR_SAR, 3, high, dividend, imm(t, 63));
    struct ir_op *op = ir_append(t->ir, is_signed ? IR_DIVS2 : IR_DIVU2, 3);
    op->arg[0] = q;
    op->arg[1] = r;
    op->arg[2] = dividend;
    op->arg[3] = high;
    op->arg[4] = d;
    ir_var narrow = extended(t, size, is_signed, q);
    gen_branch(t, &(struct recipe){ CC_SUB, 3, narrow, q, IR_NONE }, 5, fault);
    ir_append(t->ir, IR_BR, 0)->imm = done;
    gen_label(t, fault);
    bool ended = t->ended;
    gen_raise(t, VEC_DE, false, 0);
    t->ended = ended;
    gen_label(t, done);
    if (size == 0) {
        gen_write_reg(t, R_RAX, 0, q);
        gen_protect(t, gen_reg(R_RAX));
        ir_2(t->ir, IR_PUTHI, 3, gen_reg(R_RAX), r);
    } else {
        gen_write_reg(t, R_RAX, 1, q);
        gen_write_reg(t, R_RDX, 1, r);
    }
}

void gen_div(struct translator *t, const struct insn *in)
{
    bool is_signed = in->row->arg;
    unsigned size = in->op[0].size;
    ir_var divisor = copy(t, gen_read(t, in, 0)), q = temp(t), r = temp(t), rax = gen_reg(R_RAX), rdx = gen_reg(R_RDX);
    gen_site(t); // before the branches: both sides raise with it
    if (size < 2) {
        divide_narrow(t, in, is_signed, size, divisor);
        return;
    }
    unsigned fault = ir_label(t->ir), done = ir_label(t->ir);
    if (is_signed && size == 3) {
        gen_call(t, H_idiv64, q, 3, copy(t, rax), copy(t, rdx), divisor); // raises by itself
        r = gen_load_env(t, 3, offsetof(struct x86_cpu, second_result)); // the remainder
    } else if (is_signed) { // 64 by 32 bits at 64 bits
        ir_var dividend = extended(t, 2, false, rax), top = extended(t, 2, false, rdx), d = extended(t, 2, true, divisor), high = temp(t), minus = temp(t);
        ir_3(t->ir, IR_SHL, 3, top, top, imm(t, 32));
        ir_3(t->ir, IR_OR, 3, dividend, dividend, top);
        gen_branch(t, &(struct recipe){ CC_LOGIC, 3, d, IR_NONE, IR_NONE }, 4, fault);
        // INT64_MIN / -1 would overflow even at 64 bits; it does not fit anyway
        ir_3(t->ir, IR_XOR, 3, minus, dividend, imm(t, INT64_MIN));
        ir_var not_d = temp(t);
        ir_2(t->ir, IR_NOT, 3, not_d, d);
        ir_3(t->ir, IR_OR, 3, not_d, not_d, minus);
        gen_branch(t, &(struct recipe){ CC_LOGIC, 3, not_d, IR_NONE, IR_NONE }, 4, fault);
        ir_3(t->ir, IR_SAR, 3, high, dividend, imm(t, 63));
        struct ir_op *op = ir_append(t->ir, IR_DIVS2, 3);
        op->arg[0] = q;
        op->arg[1] = r;
        op->arg[2] = dividend;
        op->arg[3] = high;
        op->arg[4] = d;
        ir_var narrow = extended(t, 2, true, q);
        gen_branch(t, &(struct recipe){ CC_SUB, 3, narrow, q, IR_NONE }, 5, fault);
    } else {
        // fits exactly when high < divisor (which also excludes a divisor of 0)
        gen_branch(t, &(struct recipe){ CC_SUB, (uint8_t)size, rdx, divisor, IR_NONE }, 3, fault);
        struct ir_op *op = ir_append(t->ir, IR_DIVU2, size);
        op->arg[0] = q;
        op->arg[1] = r;
        op->arg[2] = rax;
        op->arg[3] = rdx;
        op->arg[4] = divisor;
    }
    if (!(is_signed && size == 3)) {
        ir_append(t->ir, IR_BR, 0)->imm = done;
        gen_label(t, fault);
        bool ended = t->ended;
        gen_raise(t, VEC_DE, false, 0);
        t->ended = ended;
        gen_label(t, done);
    }
    gen_write_reg(t, R_RAX, size, q);
    gen_write_reg(t, R_RDX, size, r);
}
