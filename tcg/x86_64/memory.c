// SPDX-License-Identifier: MIT
//
// Guest memory: the lookup in the TLB inline, what misses out of line after the block.
//
// Hot: A = address; B = 16 * TLB row; A -= tag; A > 4096 - size: cold; B = host page; access [B + A]. In the cold piece
// A + tag of the same row is the address again, so nothing has to be kept for it. The stubs keep all registers but put
// homes into the CPU struct, so C may leave from there. All sites are set only in cold code.
#include "tcg/x86_64/emitter.h"

#define PAGE_BYTES 4096
#define ROW_SHIFT 4 // log2 sizeof(struct tlb_entry)
_Static_assert(sizeof(struct tlb_entry) == 1 << ROW_SHIFT, "rows of 16 bytes");
#define READ_ARRAY ((int32_t)offsetof(struct tlb_context, read))
#define WRITE_ARRAY ((int32_t)offsetof(struct tlb_context, write))
#define TAG ((int32_t)offsetof(struct tlb_entry, tag))
#define HOST ((int32_t)offsetof(struct tlb_entry, host))

struct cold *cold_add(struct x86_state *e, enum cold_kind kind)
{
    if (e->cold_count >= sizeof e->cold / sizeof *e->cold) {
        e->failed = true;
        e->cold_count = 0;
    }
    struct cold *c = &e->cold[e->cold_count++];
    c->kind = (uint8_t)kind;
    return c;
}

// base + (index << scale) + disp as an operand of LEA: memory, or an immediate when nothing varies. Pins its registers.
struct operand memory_address(struct x86_state *e, ir_var base, ir_var index, unsigned scale, int64_t disp)
{
    struct operand b = alloc_where(e, base), i = alloc_where(e, index);
    if (b.kind == OPND_IMM) {
        disp = (int64_t)((uint64_t)disp + (uint64_t)b.imm);
        b.reg = NO_REG;
    }
    if (i.kind == OPND_IMM) {
        disp = (int64_t)((uint64_t)disp + ((uint64_t)i.imm << scale));
        i.reg = NO_REG;
    }
    if (b.kind == OPND_IMM && i.kind == OPND_IMM)
        return opnd_imm(disp);
    if (!fits32(disp)) {
        unsigned reg = alloc_scratch(e);
        x_mov_imm(&e->a, reg, (uint64_t)disp);
        if (b.kind != OPND_IMM) {
            x_alu(&e->a, X_ADD, 3, reg, alloc_where(e, base));
            flags_kill(e);
        }
        if (i.kind == OPND_IMM)
            return opnd_mem(reg, 0);
        return opnd_index(reg, alloc_use_reg(e, index, 3), scale, 0);
    }
    if (b.kind != OPND_IMM)
        b.reg = (uint8_t)alloc_use_reg(e, base, 3);
    if (i.kind != OPND_IMM)
        i.reg = (uint8_t)alloc_use_reg(e, index, 3);
    if (b.reg == NO_REG && scale == 0)
        return opnd_mem(i.reg, (int32_t)disp);
    return opnd_index(b.reg, i.reg, scale, (int32_t)disp);
}

// Registers of base and index temps that end here are free for the address (LEA reads before it writes).
static void release_dying(struct x86_state *e, const struct ir_op *op, unsigned first)
{
    for (unsigned k = first; k < first + 2; k++) {
        ir_var n = op->arg[k];
        bool other = false;
        for (unsigned i = first + 2; i < (unsigned)(op->defs + op->uses); i++)
            other |= op->arg[i] == n;
        if (!other && alloc_dies(e, op, k) && e->ir->vars[n].reg >= 0) {
            alloc_unpin(e, (unsigned)e->ir->vars[n].reg);
            alloc_drop(e, n);
        }
    }
}

// A scratch register for the address: one that dies with the op, a free one, or one of the address's own.
static unsigned address_register(struct x86_state *e, struct operand m)
{
    unsigned free_ones = 0;
    for (unsigned r = 0; r < SCRATCH_COUNT; r++)
        free_ones += !(e->pinned >> r & 1);
    if (m.kind == OPND_MEM && !free_ones) { // all three in hand: the address's registers are read before A is written
        unsigned reg = m.reg < SCRATCH_COUNT ? m.reg : m.index;
        alloc_unpin(e, reg);
    }
    return alloc_scratch(e);
}

static void address_to(struct x86_state *e, const struct ir_op *op, unsigned reg, struct operand m)
{
    if (m.kind == OPND_IMM)
        x_mov_imm(&e->a, reg, op->addr32 ? (uint32_t)m.imm : (uint64_t)m.imm);
    else if (!op->addr32 && m.index == NO_REG && m.disp == 0)
        alloc_move(e, 3, reg, opnd_reg(m.reg));
    else
        x_lea(&e->a, op->addr32 ? 2 : 3, reg, m);
}

struct lookup { unsigned address, index; }; // A (offset into the page), B (host page after a hit, row before)

// Registers of the address that are not needed after it: whatever is pinned and not in `keep`.
static struct lookup lookup_emit(struct x86_state *e, const struct ir_op *op, unsigned first, bool write, unsigned keep,
                                 struct cold *c)
{
    int32_t array = write ? WRITE_ARRAY : READ_ARRAY;
    int64_t disp = op->addr32 ? (int32_t)op->imm : op->imm;
    struct operand m = memory_address(e, op->arg[first], op->arg[first + 1], op->scale, disp);
    struct lookup l;
    release_dying(e, op, first);
    l.address = address_register(e, m);
    address_to(e, op, l.address, m);
    e->pinned = (e->pinned & keep) | 1u << l.address;
    if (op->align) {
        struct cold *odd = cold_add(e, COLD_MISALIGNED);
        odd->site = c->site;
        x_test_imm(&e->a, 0, opnd_reg(l.address), 15);
        odd->patch = x_jcc(&e->a, C_NE);
        odd->back = NULL;
    }
    l.index = alloc_scratch(e);
    x86_shift_down(e, l.index, l.address, 12 - ROW_SHIFT);
    x_alu_imm(&e->a, X_AND, 2, opnd_reg(l.index), (TLB_SIZE - 1) << ROW_SHIFT);
    x_alu(&e->a, X_SUB, 3, l.address, opnd_index(CONTEXT_REG, l.index, 0, array + TAG));
    x_alu_imm(&e->a, X_CMP, 3, opnd_reg(l.address), PAGE_BYTES - (1 << op->size));
    c->patch = x_jcc(&e->a, C_A);
    flags_kill(e);
    c->address = (uint8_t)l.address;
    c->index = (uint8_t)l.index;
    c->size = op->size;
    c->ext = op->ext;
    return l;
}

static void lookup_host(struct x86_state *e, struct lookup l, bool write)
{
    x_load(&e->a, 3, l.index, opnd_index(CONTEXT_REG, l.index, 0, (write ? WRITE_ARRAY : READ_ARRAY) + HOST));
}

static void load_extended(struct x86_state *e, unsigned size, unsigned ext, unsigned reg, struct operand m)
{
    if (ext == 0)
        x_movzx(&e->a, size, reg, m);
    else
        x_movsx(&e->a, size, ext == 1 ? 3 : 2, reg, m);
}

static struct cold *cold_access(struct x86_state *e, const struct ir_op *op, enum cold_kind kind)
{
    struct cold *c = cold_add(e, kind);
    c->site = e->block->site_base + op->site;
    return c;
}

// The destination of a load: written from now on, so the registers of the lookup may be it.
static unsigned load_destination(struct x86_state *e, ir_var d, unsigned scratch)
{
    struct ir_variable *v = &e->ir->vars[d];
    if (v->kind == IR_GLOBAL)
        return e->home[v->global] != NO_REG ? e->home[v->global] : scratch;
    alloc_bind(e, d, scratch);
    return scratch;
}

static void emit_load(struct x86_state *e, const struct ir_op *op)
{
    struct cold *c = cold_access(e, op, COLD_LOAD);
    struct lookup l = lookup_emit(e, op, 1, false, 0, c);
    lookup_host(e, l, false);
    unsigned reg = load_destination(e, op->arg[0], l.address);
    load_extended(e, op->size, op->ext, reg, opnd_index(l.index, l.address, 0, 0));
    c->reg = (uint8_t)reg;
    c->back = e->a.p;
    alloc_def_done(e, op->arg[0], 3, reg);
}

static void store_operand(struct x86_state *e, unsigned size, struct operand m, struct operand value)
{
    if (value.kind == OPND_IMM)
        x_store_imm(&e->a, size, m, value.imm);
    else
        x_store(&e->a, size, m, value.reg);
}

static struct operand store_value(struct x86_state *e, ir_var v, unsigned size)
{
    struct operand value = alloc_use_rmi(e, v, size);
    return value.kind == OPND_MEM ? opnd_reg(alloc_use_reg(e, v, size)) : value;
}

static unsigned pin_of(struct operand value)
{
    return value.kind == OPND_REG ? 1u << value.reg : 0;
}

static void emit_store(struct x86_state *e, const struct ir_op *op)
{
    struct cold *c = cold_access(e, op, COLD_STORE);
    c->value = store_value(e, op->arg[2], op->size);
    struct lookup l = lookup_emit(e, op, 0, true, pin_of(c->value), c);
    lookup_host(e, l, true);
    store_operand(e, op->size, opnd_index(l.index, l.address, 0, 0), c->value);
    c->back = e->a.p;
}

// d, token: the value, and the host pointer for the store that follows.
static void emit_rmw(struct x86_state *e, const struct ir_op *op)
{
    struct cold *c = cold_access(e, op, COLD_RMW);
    struct lookup l = lookup_emit(e, op, 2, true, 0, c);
    lookup_host(e, l, true);
    x_alu(&e->a, X_ADD, 3, l.index, opnd_reg(l.address));
    load_extended(e, op->size, op->ext, l.address, opnd_mem(l.index, 0));
    c->reg = (uint8_t)l.address;
    c->token = (uint8_t)l.index;
    c->back = e->a.p;
    alloc_bind(e, op->arg[0], l.address);
    alloc_bind(e, op->arg[1], l.index);
}

static void emit_rmw_store(struct x86_state *e, const struct ir_op *op)
{
    struct cold *c = cold_access(e, op, COLD_RMW_STORE);
    unsigned token = alloc_use_reg(e, op->arg[0], 3);
    c->value = store_value(e, op->arg[3], op->size);
    x_test_rr(&e->a, 3, opnd_reg(token), token);
    c->patch = x_jcc(&e->a, C_E);
    store_operand(e, op->size, opnd_mem(token, 0), c->value);
    c->size = op->size;
    c->back = e->a.p;
    flags_kill(e);
}

static void emit_probe(struct x86_state *e, const struct ir_op *op)
{
    struct cold *c = cold_access(e, op, COLD_PROBE);
    lookup_emit(e, op, 0, true, 0, c);
    c->back = e->a.p;
}

static void emit_vload(struct x86_state *e, const struct ir_op *op)
{
    struct cold *c = cold_access(e, op, COLD_VLOAD);
    unsigned reg = valloc_def(e, op->arg[0], false); // may spill: not between the branch to the cold piece and its return
    struct lookup l = lookup_emit(e, op, 1, false, 0, c);
    lookup_host(e, l, false);
    x_vload(&e->a, op->size, reg, opnd_index(l.index, l.address, 0, 0));
    c->reg = (uint8_t)reg;
    c->back = e->a.p;
    valloc_def_done(e, op->arg[0], reg);
}

static void emit_vstore(struct x86_state *e, const struct ir_op *op)
{
    struct cold *c = cold_access(e, op, COLD_VSTORE);
    unsigned value = valloc_use(e, op->arg[2]);
    struct lookup l = lookup_emit(e, op, 0, true, 0, c);
    lookup_host(e, l, true);
    x_vstore(&e->a, op->size, opnd_index(l.index, l.address, 0, 0), value);
    c->reg = (uint8_t)value;
    c->back = e->a.p;
}

void memory_emit(struct x86_state *e, const struct ir_op *op)
{
    switch ((enum ir_opcode)op->opcode) {
    case IR_GLD: emit_load(e, op); break;
    case IR_GST: emit_store(e, op); break;
    case IR_GRMW: emit_rmw(e, op); break;
    case IR_GRMWST: emit_rmw_store(e, op); break;
    case IR_GPROBE: emit_probe(e, op); break;
    case IR_GLDV: emit_vload(e, op); break;
    case IR_GSTV: emit_vstore(e, op); break;
    default: e->failed = true; break;
    }
}

// ---- cold pieces

// The address, recovered from offset and row, into the frame; the site.
static void cold_address(struct x86_state *e, const struct cold *c, bool write)
{
    x_alu(&e->a, X_ADD, 3, c->address, opnd_index(CONTEXT_REG, c->index, 0, (write ? WRITE_ARRAY : READ_ARRAY) + TAG));
    x_store(&e->a, 3, frame_mem(FRAME_VA), c->address);
    x_store_imm(&e->a, 2, HEAD(site), (int32_t)c->site);
}

static void cold_call(struct x86_state *e, const uint8_t *stub)
{
    x_call(&e->a, x86_rw(e, stub));
}

static void cold_store(struct x86_state *e, const struct cold *c)
{
    if (c->value.kind == OPND_IMM)
        x_store_imm(&e->a, 3, frame_mem(FRAME_VALUE), c->value.imm);
    else
        x_store(&e->a, 3, frame_mem(FRAME_VALUE), c->value.reg);
    cold_call(e, e->stubs.store[c->size]);
}

static void cold_rmw(struct x86_state *e, const struct cold *c)
{
    cold_address(e, c, true);
    x_store(&e->a, 3, frame_mem(FRAME_RMW_VA), c->address);
    cold_call(e, e->stubs.rmw[c->size]);
    load_extended(e, c->size, c->ext, c->reg, frame_mem(FRAME_RESULT));
    x_load(&e->a, 3, c->token, frame_mem(FRAME_TOKEN));
}

static void cold_rmw_store(struct x86_state *e, const struct cold *c)
{
    unsigned t = c->value.kind == OPND_REG && c->value.reg == RAX ? RCX : RAX; // any other register, kept
    x_store(&e->a, 3, frame_mem(FRAME_RESULT), t);
    x_load(&e->a, 3, t, frame_mem(FRAME_RMW_VA));
    x_store(&e->a, 3, frame_mem(FRAME_VA), t);
    x_load(&e->a, 3, t, frame_mem(FRAME_RESULT));
    x_store_imm(&e->a, 2, HEAD(site), (int32_t)c->site);
    cold_store(e, c);
}

void memory_emit_cold(struct x86_state *e, struct cold *c)
{
    switch ((enum cold_kind)c->kind) {
    case COLD_LOAD:
        cold_address(e, c, false);
        cold_call(e, e->stubs.load[c->size]);
        load_extended(e, c->size, c->ext, c->reg, frame_mem(FRAME_RESULT));
        break;
    case COLD_STORE:
        cold_address(e, c, true);
        cold_store(e, c);
        break;
    case COLD_RMW:
        cold_rmw(e, c);
        break;
    case COLD_RMW_STORE:
        cold_rmw_store(e, c);
        break;
    case COLD_PROBE:
        cold_address(e, c, true);
        x_store_imm(&e->a, 2, frame_mem(FRAME_VALUE), 1 << c->size);
        cold_call(e, e->stubs.probe);
        break;
    case COLD_VLOAD:
        cold_address(e, c, false);
        cold_call(e, c->size == 4 ? e->stubs.load128 : e->stubs.load[c->size]);
        x_vload(&e->a, c->size, c->reg, frame_mem(FRAME_RESULT));
        break;
    case COLD_VSTORE:
        cold_address(e, c, true);
        x_vstore(&e->a, c->size, frame_mem(FRAME_VALUE), c->reg);
        cold_call(e, c->size == 4 ? e->stubs.store128 : e->stubs.store[c->size]);
        break;
    case COLD_MISALIGNED:
        x_store_imm(&e->a, 2, HEAD(site), (int32_t)c->site);
        x_jmp(&e->a, x86_rw(e, e->stubs.misaligned));
        return;
    default:
        break;
    }
    x_jmp(&e->a, c->back);
}
