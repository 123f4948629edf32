// SPDX-License-Identifier: MIT
//
// Where variables live while a block is emitted: homes are fixed, temps get rax, rcx, rdx (xmm14, xmm15) in turn
// and a slot of the frame when these run out.
//
// A temp is in a register (reg >= 0), with its slot up to date or not (next_use is that bit), or in its slot
// only. In blocks with labels slots are never given to another temp: a path that jumps over code still finds its
// values. Nothing here changes the host's flags.
#include "tcg/x86_64/emitter.h"

#define SLOT_VALID 1u

void alloc_start(struct x86_state *e)
{
    for (unsigned i = e->ir->target->global_count; i < e->ir->var_count; i++) {
        struct ir_variable *v = &e->ir->vars[i];
        v->reg = -1;
        v->slot = -1;
        v->next_use = 0;
    }
    for (unsigned i = 0; i < SCRATCH_COUNT; i++)
        e->owner[i] = IR_NONE;
    for (unsigned i = 0; i < VSCRATCH_COUNT; i++)
        e->vowner[i] = IR_NONE;
    e->pinned = e->vpinned = 0;
    e->slot_next = FRAME_SLOTS;
    e->free_slot_count = e->free_vslot_count = 0;
}

// ---- slots

static int32_t slot_of(struct x86_state *e, struct ir_variable *v)
{
    if (v->slot >= 0)
        return v->slot;
    bool vector = v->kind == IR_VTEMP;
    if (vector && e->free_vslot_count) {
        v->slot = e->free_vslots[--e->free_vslot_count];
    } else if (!vector && e->free_slot_count) {
        v->slot = e->free_slots[--e->free_slot_count];
    } else {
        if (vector)
            e->slot_next = (e->slot_next + 15) & ~15;
        v->slot = e->slot_next;
        e->slot_next += vector ? 16 : 8;
        if (e->slot_next > FRAME_SLOTS_END) {
            e->failed = true;
            e->slot_next = FRAME_SLOTS;
        }
    }
    return v->slot;
}

static void slot_release(struct x86_state *e, struct ir_variable *v)
{
    if (v->slot < 0 || e->ir->label_count)
        return;
    if (v->kind == IR_VTEMP) {
        if (e->free_vslot_count < sizeof e->free_vslots / sizeof *e->free_vslots)
            e->free_vslots[e->free_vslot_count++] = (uint16_t)v->slot;
    } else if (e->free_slot_count < sizeof e->free_slots / sizeof *e->free_slots) {
        e->free_slots[e->free_slot_count++] = (uint16_t)v->slot;
    }
    v->slot = -1;
}

// ---- integers

struct operand alloc_where(struct x86_state *e, ir_var n)
{
    if (n == IR_NONE)
        return opnd_imm(0);
    struct ir_variable *v = &e->ir->vars[n];
    switch (v->kind) {
    case IR_CONST:
        return opnd_imm(v->value);
    case IR_GLOBAL:
        if (e->home[v->global] != NO_REG)
            return opnd_reg(e->home[v->global]);
        return cpu_mem(e->target->globals[v->global].offset);
    case IR_VGLOBAL:
        return cpu_mem(e->target->globals[v->global].offset);
    case IR_TEMP:
        if (v->reg >= 0)
            return opnd_reg((unsigned)v->reg);
        break;
    default:
        break;
    }
    return frame_mem(slot_of(e, v));
}

static void spill(struct x86_state *e, unsigned reg) // the slot gets the value; the register keeps it
{
    struct ir_variable *v = &e->ir->vars[e->owner[reg]];
    if (!(v->next_use & SLOT_VALID)) {
        x_store(&e->a, 3, frame_mem(slot_of(e, v)), reg);
        v->next_use |= SLOT_VALID;
    }
}

static void evict(struct x86_state *e, unsigned reg)
{
    if (e->owner[reg] == IR_NONE)
        return;
    spill(e, reg);
    e->ir->vars[e->owner[reg]].reg = -1;
    e->owner[reg] = IR_NONE;
}

void alloc_drop(struct x86_state *e, ir_var n)
{
    struct ir_variable *v = &e->ir->vars[n];
    if (v->reg >= 0 && v->kind == IR_TEMP) {
        e->owner[v->reg] = IR_NONE;
        v->reg = -1;
    } else if (v->reg >= 0 && v->kind == IR_VTEMP) {
        e->vowner[(unsigned)v->reg - VSCRATCH_FIRST] = IR_NONE;
        v->reg = -1;
    }
}

static void own(struct x86_state *e, ir_var n, unsigned reg)
{
    e->owner[reg] = n;
    e->ir->vars[n].reg = (int16_t)reg;
}

static int free_scratch(const struct x86_state *e)
{
    for (unsigned r = 0; r < SCRATCH_COUNT; r++)
        if (e->owner[r] == IR_NONE && !(e->pinned >> r & 1))
            return (int)r;
    return -1;
}

unsigned alloc_scratch(struct x86_state *e)
{
    int found = free_scratch(e);
    for (unsigned r = 0; found < 0 && r < SCRATCH_COUNT; r++)
        if (!(e->pinned >> r & 1) && (e->ir->vars[e->owner[r]].next_use & SLOT_VALID))
            found = (int)r;
    for (unsigned r = 0; found < 0 && r < SCRATCH_COUNT; r++)
        if (!(e->pinned >> r & 1))
            found = (int)r;
    if (found < 0) { // an op that wants more than three: a mistake of this backend
        e->failed = true;
        found = RAX;
    }
    evict(e, (unsigned)found);
    e->pinned |= 1u << found;
    return (unsigned)found;
}

void alloc_take(struct x86_state *e, unsigned reg)
{
    if (e->owner[reg] != IR_NONE) {
        unsigned pins = e->pinned;
        e->pinned |= 1u << reg;
        int other = free_scratch(e);
        e->pinned = pins;
        if (other >= 0) {
            ir_var n = e->owner[reg];
            x_mov_rr(&e->a, 3, (unsigned)other, reg);
            e->owner[reg] = IR_NONE;
            own(e, n, (unsigned)other);
        } else {
            evict(e, reg);
        }
    }
    e->pinned |= 1u << reg;
}

void alloc_move(struct x86_state *e, unsigned size, unsigned reg, struct operand from)
{
    if (from.kind == OPND_IMM) {
        if (size >= 2)
            x_mov_imm(&e->a, reg, size == 2 ? (uint32_t)from.imm : (uint64_t)from.imm);
        else
            x_store_imm(&e->a, size, opnd_reg(reg), from.imm);
    } else if (!opnd_is_reg(from, reg)) {
        x_load(&e->a, size, reg, from);
    } else if (size == 2) {
        x_mov_rr(&e->a, 2, reg, reg); // clears the upper half
    }
}

unsigned alloc_use_reg(struct x86_state *e, ir_var n, unsigned size)
{
    struct operand o = alloc_where(e, n);
    if (o.kind == OPND_REG) {
        e->pinned |= 1u << o.reg;
        return o.reg;
    }
    unsigned reg = alloc_scratch(e);
    if (o.kind == OPND_IMM) {
        x_mov_imm(&e->a, reg, size < 3 ? (uint32_t)o.imm : (uint64_t)o.imm);
        return reg;
    }
    x_load(&e->a, 3, reg, o);
    if (e->ir->vars[n].kind == IR_TEMP) {
        own(e, n, reg);
        e->ir->vars[n].next_use |= SLOT_VALID;
    }
    return reg;
}

struct operand alloc_use_rm(struct x86_state *e, ir_var n, unsigned size)
{
    struct operand o = alloc_where(e, n);
    if (o.kind == OPND_IMM)
        return opnd_reg(alloc_use_reg(e, n, size));
    if (o.kind == OPND_REG)
        e->pinned |= 1u << o.reg;
    return o;
}

struct operand alloc_use_rmi(struct x86_state *e, ir_var n, unsigned size)
{
    struct operand o = alloc_where(e, n);
    if (o.kind == OPND_IMM && size < 3)
        return opnd_imm((int32_t)o.imm);
    if (o.kind == OPND_IMM && fits32(o.imm))
        return o;
    return alloc_use_rm(e, n, size);
}

unsigned alloc_def(struct x86_state *e, ir_var n, bool keep)
{
    struct ir_variable *v = &e->ir->vars[n];
    if (v->kind != IR_TEMP) {
        if (e->home[v->global] != NO_REG)
            return e->home[v->global];
        unsigned reg = alloc_scratch(e);
        if (keep)
            x_load(&e->a, 3, reg, cpu_mem(e->target->globals[v->global].offset));
        return reg;
    }
    if (v->reg < 0) {
        unsigned reg = alloc_scratch(e);
        if (keep && v->slot >= 0)
            x_load(&e->a, 3, reg, frame_mem(v->slot));
        own(e, n, reg);
        v->next_use = v->slot >= 0 && keep ? SLOT_VALID : 0;
    }
    e->pinned |= 1u << v->reg;
    return (unsigned)v->reg;
}

void alloc_def_done(struct x86_state *e, ir_var n, unsigned size, unsigned reg)
{
    struct ir_variable *v = &e->ir->vars[n];
    flags_written(e, n);
    if (v->kind == IR_TEMP)
        v->next_use &= ~SLOT_VALID;
    else if (e->home[v->global] == NO_REG)
        x_store(&e->a, size >= 2 ? 3 : size, cpu_mem(e->target->globals[v->global].offset), reg);
}

void alloc_bind(struct x86_state *e, ir_var n, unsigned reg)
{
    struct ir_variable *v = &e->ir->vars[n];
    flags_written(e, n);
    if (v->kind == IR_TEMP) {
        if (v->reg != (int)reg) {
            alloc_drop(e, n);
            own(e, n, reg);
        }
        v->next_use &= ~SLOT_VALID;
        e->pinned |= 1u << reg;
    } else if (e->home[v->global] != NO_REG) {
        x_mov_rr(&e->a, 3, e->home[v->global], reg);
    } else {
        x_store(&e->a, 3, cpu_mem(e->target->globals[v->global].offset), reg);
    }
}

bool alloc_dies(const struct x86_state *e, const struct ir_op *op, unsigned k)
{
    if (!(op->dead >> k & 1) || op->arg[k] == IR_NONE)
        return false;
    uint8_t kind = e->ir->vars[op->arg[k]].kind;
    if (kind != IR_TEMP && kind != IR_VTEMP)
        return false;
    for (unsigned i = 0; i < op->defs; i++)
        if (op->arg[i] == op->arg[k])
            return false;
    return true;
}

unsigned alloc_def_copy(struct x86_state *e, const struct ir_op *op, unsigned def, unsigned use, unsigned size)
{
    ir_var d = op->arg[def], s = op->arg[use];
    if (d == s)
        return alloc_def(e, d, true);
    struct ir_variable *v = &e->ir->vars[d];
    bool fresh = v->kind == IR_TEMP && v->reg < 0 && v->slot < 0; // never written: nothing of it to keep
    unsigned uses = 0;
    for (unsigned k = op->defs; k < (unsigned)(op->defs + op->uses); k++)
        uses += op->arg[k] == s;
    if (v->kind == IR_TEMP && (size >= 2 || fresh) && uses == 1 && alloc_dies(e, op, use) && e->ir->vars[s].reg >= 0) {
        unsigned reg = (unsigned)e->ir->vars[s].reg;
        alloc_drop(e, s);
        alloc_drop(e, d);
        own(e, d, reg);
        v->next_use = 0;
        e->pinned |= 1u << reg;
        return reg;
    }
    unsigned reg = alloc_def(e, d, size < 2);
    struct operand from = alloc_where(e, s); // only now: it may have had to leave its register
    if (fresh && size < 2 && from.kind != OPND_IMM)
        x_movzx(&e->a, size, reg, from); // no dependency on what the register held
    else if (fresh && size < 2)
        x_mov_imm(&e->a, reg, (uint32_t)from.imm);
    else
        alloc_move(e, size, reg, from);
    return reg;
}

// ---- vectors

static void vspill(struct x86_state *e, unsigned i)
{
    struct ir_variable *v = &e->ir->vars[e->vowner[i]];
    if (!(v->next_use & SLOT_VALID)) {
        x_vstore(&e->a, 4, frame_mem(slot_of(e, v)), VSCRATCH_FIRST + i);
        v->next_use |= SLOT_VALID;
    }
}

unsigned valloc_scratch(struct x86_state *e)
{
    int found = -1;
    for (unsigned i = 0; i < VSCRATCH_COUNT; i++)
        if (!(e->vpinned >> i & 1) && (found < 0 || e->vowner[i] == IR_NONE))
            found = (int)i;
    if (found < 0) {
        e->failed = true;
        found = 0;
    }
    if (e->vowner[found] != IR_NONE) {
        vspill(e, (unsigned)found);
        e->ir->vars[e->vowner[found]].reg = -1;
        e->vowner[found] = IR_NONE;
    }
    e->vpinned |= 1u << found;
    return VSCRATCH_FIRST + (unsigned)found;
}

static unsigned vhome(const struct x86_state *e, const struct ir_variable *v)
{
    return v->kind == IR_VGLOBAL ? e->home[v->global] : NO_REG;
}

static void vown(struct x86_state *e, ir_var n, unsigned reg)
{
    e->vowner[reg - VSCRATCH_FIRST] = n;
    e->ir->vars[n].reg = (int16_t)reg;
}

unsigned valloc_use(struct x86_state *e, ir_var n)
{
    struct ir_variable *v = &e->ir->vars[n];
    if (vhome(e, v) != NO_REG)
        return vhome(e, v);
    if (v->kind == IR_VTEMP && v->reg >= 0) {
        e->vpinned |= 1u << ((unsigned)v->reg - VSCRATCH_FIRST);
        return (unsigned)v->reg;
    }
    unsigned reg = valloc_scratch(e);
    x_vload(&e->a, 4, reg, alloc_where(e, n));
    if (v->kind == IR_VTEMP) {
        vown(e, n, reg);
        v->next_use |= SLOT_VALID;
    }
    return reg;
}

unsigned valloc_def(struct x86_state *e, ir_var n, bool keep)
{
    struct ir_variable *v = &e->ir->vars[n];
    if (vhome(e, v) != NO_REG)
        return vhome(e, v);
    if (keep)
        return valloc_use(e, n);
    if (v->kind == IR_VTEMP && v->reg >= 0) {
        e->vpinned |= 1u << ((unsigned)v->reg - VSCRATCH_FIRST);
        return (unsigned)v->reg;
    }
    unsigned reg = valloc_scratch(e);
    if (v->kind == IR_VTEMP)
        vown(e, n, reg);
    return reg;
}

void valloc_def_done(struct x86_state *e, ir_var n, unsigned reg)
{
    struct ir_variable *v = &e->ir->vars[n];
    if (v->kind == IR_VTEMP)
        v->next_use &= ~SLOT_VALID;
    else if (vhome(e, v) == NO_REG)
        x_vstore(&e->a, 4, cpu_mem(e->target->globals[v->global].offset), reg);
}

// ---- op and block boundaries

void alloc_op_end(struct x86_state *e, const struct ir_op *op)
{
    e->pinned = e->vpinned = 0;
    if (!op->dead)
        return;
    for (unsigned k = 0; k < (unsigned)(op->defs + op->uses); k++) {
        ir_var n = op->arg[k];
        if (!(op->dead >> k & 1) || n == IR_NONE)
            continue;
        struct ir_variable *v = &e->ir->vars[n];
        if (v->kind != IR_TEMP && v->kind != IR_VTEMP)
            continue;
        if (k >= op->defs && !alloc_dies(e, op, k))
            continue;
        alloc_drop(e, n);
        slot_release(e, v);
    }
}

void alloc_spill_all(struct x86_state *e)
{
    for (unsigned r = 0; r < SCRATCH_COUNT; r++)
        if (e->owner[r] != IR_NONE)
            spill(e, r);
    for (unsigned i = 0; i < VSCRATCH_COUNT; i++)
        if (e->vowner[i] != IR_NONE)
            vspill(e, i);
}

void alloc_forget(struct x86_state *e)
{
    for (unsigned r = 0; r < SCRATCH_COUNT; r++)
        if (e->owner[r] != IR_NONE)
            alloc_drop(e, e->owner[r]);
    for (unsigned i = 0; i < VSCRATCH_COUNT; i++)
        if (e->vowner[i] != IR_NONE)
            alloc_drop(e, e->vowner[i]);
}

void alloc_save_state(struct x86_state *e, struct label_state *out)
{
    for (unsigned r = 0; r < SCRATCH_COUNT; r++) {
        out->owner[r] = e->owner[r];
        out->valid[r] = e->owner[r] != IR_NONE && (e->ir->vars[e->owner[r]].next_use & SLOT_VALID);
    }
    for (unsigned i = 0; i < VSCRATCH_COUNT; i++) {
        out->vowner[i] = e->vowner[i];
        out->vvalid[i] = e->vowner[i] != IR_NONE && (e->ir->vars[e->vowner[i]].next_use & SLOT_VALID);
    }
    out->flags = e->hf;
}

void alloc_restore_state(struct x86_state *e, const struct label_state *in)
{
    alloc_forget(e);
    for (unsigned r = 0; r < SCRATCH_COUNT; r++)
        if (in->owner[r] != IR_NONE) {
            own(e, in->owner[r], r);
            e->ir->vars[in->owner[r]].next_use = in->valid[r] ? SLOT_VALID : 0;
        }
    for (unsigned i = 0; i < VSCRATCH_COUNT; i++)
        if (in->vowner[i] != IR_NONE) {
            vown(e, in->vowner[i], VSCRATCH_FIRST + i);
            e->ir->vars[in->vowner[i]].next_use = in->vvalid[i] ? SLOT_VALID : 0;
        }
    e->hf = in->flags;
}
