// SPDX-License-Identifier: MIT
//
// Operands: addresses, loads, stores, registers; and calls of helpers. Segment limits of legacy modes are not
// checked; bases are always added.
#include <stdarg.h>
#include <stddef.h>
#include "target/i386/gen_int.h"

#define SEG_BASE(n) (int64_t)(offsetof(struct x86_cpu, seg) + (n) * sizeof(struct segment) + offsetof(struct segment, base))

ir_var gen_reg(unsigned reg) { return ir_global(G_RAX + reg); }
ir_var gen_xmm(unsigned reg) { return ir_global(G_XMM0 + reg); }

void gen_store_env(struct translator *t, unsigned size, int64_t offset, ir_var value)
{
    struct ir_op *op = ir_append(t->ir, IR_STENV, size);
    op->arg[0] = value;
    op->imm = offset;
}

ir_var gen_load_env(struct translator *t, unsigned size, int64_t offset)
{
    ir_var result = ir_temp(t->ir);
    struct ir_op *op = ir_append(t->ir, IR_LDENV, size);
    op->arg[0] = result;
    op->imm = offset;
    return result;
}

// ---- addresses

ir_var gen_lea_op(struct translator *t, unsigned size, ir_var base, ir_var index, unsigned scale, int64_t disp)
{
    ir_var result = ir_temp(t->ir);
    struct ir_op *op = ir_append(t->ir, IR_LEA, size);
    op->arg[0] = result;
    op->arg[1] = base;
    op->arg[2] = index;
    op->scale = (uint8_t)scale;
    op->imm = disp;
    return result;
}

static ir_var reg_or_zero(struct translator *t, int reg)
{
    return reg < 0 ? gen_const(t, 0) : gen_reg((unsigned)reg);
}

ir_var gen_ea(struct translator *t, const struct insn *in)
{
    ir_var base = reg_or_zero(t, in->base), index = reg_or_zero(t, in->index);
    ir_var ea = gen_lea_op(t, in->addrsize == 3 ? 3 : 2, base, index, in->scale, in->disp);
    if (in->addrsize > 1)
        return ea;
    ir_var low = ir_temp(t->ir);
    ir_2(t->ir, IR_ZX16, 3, low, ea);
    return low;
}

// Does segment seg add something to an address in this block?
static bool segment_adds(const struct translator *t, unsigned seg)
{
    return seg >= SEG_FS || (!long64(t) && t->flags & BF_SEG_BASES);
}

struct gen_mem gen_mem_at(struct translator *t, unsigned seg, ir_var offset)
{
    struct gen_mem m = { .base = offset, .index = gen_const(t, 0), .addr32 = !long64(t) };
    if (segment_adds(t, seg))
        m.index = gen_load_env(t, 3, SEG_BASE(seg));
    return m;
}

struct gen_mem gen_address(struct translator *t, const struct insn *in)
{
    unsigned seg = in->segment;
    if (!segment_adds(t, seg) && in->addrsize > 1) {
        ir_var base = reg_or_zero(t, in->base), index = reg_or_zero(t, in->index);
        return (struct gen_mem){ .base = base, .index = index, .scale = in->scale, .addr32 = in->addrsize == 2, .disp = in->disp };
    }
    if (in->addrsize == 3 && in->index < 0) { // fs:[base + disp]: one add
        struct gen_mem m = gen_mem_at(t, seg, reg_or_zero(t, in->base));
        m.disp = in->disp;
        return m;
    }
    return gen_mem_at(t, seg, gen_ea(t, in));
}

// ---- memory

// CR0.AM, EFLAGS.AC and CPL 3 together, which hardly anybody has: #AC for what is not aligned, up to 8 bytes.
static void check_alignment(struct translator *t, unsigned size, const struct gen_mem *m)
{
    ir_var va = gen_lea_op(t, m->addr32 ? 2 : 3, m->base, m->index, m->scale, m->disp);
    gen_call(t, H_check_alignment, IR_NONE, 2, va, gen_const(t, (1 << size) - 1));
}

static struct ir_op *memory_op(struct translator *t, enum ir_opcode opcode, unsigned size, const struct gen_mem *m)
{
    if (t->flags & BF_ALIGN_CHECK && opcode != IR_GRMWST && size >= 1 && size <= 3)
        check_alignment(t, size, m);
    uint16_t site = gen_site(t);
    struct ir_op *op = ir_append(t->ir, opcode, size);
    unsigned first = op->defs + (opcode == IR_GRMWST);
    op->arg[first] = m->base;
    op->arg[first + 1] = m->index;
    op->scale = m->scale;
    op->addr32 = m->addr32;
    op->imm = m->disp;
    op->site = site;
    return op;
}

void gen_load_to(struct translator *t, ir_var dst, const struct gen_mem *m, unsigned size, unsigned ext)
{
    struct ir_op *op = memory_op(t, IR_GLD, size, m);
    op->arg[0] = dst;
    op->ext = (uint8_t)ext;
}

ir_var gen_load(struct translator *t, const struct gen_mem *m, unsigned size, unsigned ext)
{
    ir_var result = ir_temp(t->ir);
    gen_load_to(t, result, m, size, ext);
    return result;
}

void gen_store(struct translator *t, const struct gen_mem *m, unsigned size, ir_var value)
{
    memory_op(t, IR_GST, size, m)->arg[2] = value;
}

ir_var gen_rmw(struct translator *t, const struct gen_mem *m, unsigned size, ir_var *token)
{
    ir_var result = ir_temp(t->ir);
    *token = ir_temp(t->ir);
    struct ir_op *op = memory_op(t, IR_GRMW, size, m);
    op->arg[0] = result;
    op->arg[1] = *token;
    return result;
}

void gen_rmw_store(struct translator *t, const struct gen_mem *m, unsigned size, ir_var token, ir_var value)
{
    struct ir_op *op = memory_op(t, IR_GRMWST, size, m);
    op->arg[0] = token;
    op->arg[3] = value;
}

ir_var gen_vload(struct translator *t, const struct gen_mem *m, unsigned size, bool aligned)
{
    ir_var result = ir_vtemp(t->ir);
    struct ir_op *op = memory_op(t, IR_GLDV, size, m);
    op->arg[0] = result;
    op->align = aligned;
    return result;
}

void gen_vstore(struct translator *t, const struct gen_mem *m, unsigned size, ir_var value, bool aligned)
{
    struct ir_op *op = memory_op(t, IR_GSTV, size, m);
    op->arg[2] = value;
    op->align = aligned;
}

// ---- registers and operands by the row

ir_var gen_dest(struct translator *t, unsigned reg)
{
    gen_protect(t, gen_reg(reg));
    return gen_reg(reg);
}

void gen_write_reg(struct translator *t, unsigned reg, unsigned size, ir_var value)
{
    ir_var global = gen_dest(t, reg);
    ir_2(t->ir, IR_MOV, size, global, value);
}

ir_var gen_read(struct translator *t, const struct insn *in, unsigned n)
{
    const struct operand *o = &in->op[n];
    ir_var high;
    switch (o->kind) {
    case OPK_REG: return gen_reg(o->reg);
    case OPK_REGH:
        high = ir_temp(t->ir);
        ir_2(t->ir, IR_GETHI, 3, high, gen_reg(o->reg));
        return high;
    case OPK_IMM: return gen_const(t, o->imm);
    case OPK_XMM: return gen_xmm(o->reg);
    default: {
        struct gen_mem m = gen_address(t, in);
        return gen_load(t, &m, o->size, 0);
    }
    }
}

void gen_write(struct translator *t, const struct insn *in, unsigned n, ir_var value)
{
    const struct operand *o = &in->op[n];
    if (o->kind == OPK_REG) {
        gen_write_reg(t, o->reg, o->size, value);
    } else if (o->kind == OPK_REGH) {
        ir_2(t->ir, IR_PUTHI, 3, gen_dest(t, o->reg), value);
    } else {
        struct gen_mem m = gen_address(t, in);
        gen_store(t, &m, o->size, value);
    }
}

// ---- helpers

void gen_call(struct translator *t, enum helper_id helper, ir_var result, unsigned count, ...)
{
    const struct helper_row *row = &x86_helpers[helper];
    if (row->flags & (HELPER_READS | HELPER_WRITES))
        gen_save_cc(t);
    uint16_t site = gen_site(t);
    struct ir_op *op = ir_append(t->ir, IR_CALL, 3);
    op->helper = (uint16_t)helper;
    op->site = site;
    op->defs = row->results && result != IR_NONE;
    op->uses = (uint8_t)count;
    unsigned k = 0;
    if (op->defs)
        op->arg[k++] = result;
    va_list args;
    va_start(args, count);
    for (unsigned i = 0; i < count; i++)
        op->arg[k++] = (ir_var)va_arg(args, int);
    va_end(args);
    if (row->flags & HELPER_WRITES)
        gen_cc_from_env(t);
}

void gen_raise(struct translator *t, enum vector vector, bool has_error, uint32_t error)
{
    gen_call(t, H_raise, IR_NONE, 1, gen_const(t, (int64_t)vector | (has_error ? 0x100 : 0) | (int64_t)error << 16));
    t->ended = true;
}
