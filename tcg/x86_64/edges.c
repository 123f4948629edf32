// SPDX-License-Identifier: MIT
//
// Ways into and out of a block, and the patching of direct exits.
//
// Hot:   sub budget, COUNT; js A; [cmp [context.code + slot], HANDLE; jne D;] jmp B, C or the target
// Cold:  C: (only if there are flags to save) save flags; jmp the target
//        A: add budget, COUNT; exit_reason = EXIT_BUDGET; to S
//        D: (cross page only) add budget, COUNT; exit_reason = X86_EXIT_JUMP; to S      the stub goes on through the jump cache
//        B: exit_edge = the edge
//        S: save flags; store rip; jmp the edge stub
// tcg_edge: patch_count = imm32 of the sub; patch_jump = first byte after js; patch_guard = the same when the
// guard has room, else 0; stub = A; patch_saved = C, or 0 (its jump ends at A). Lengths of A and D are fixed.
#include "tcg/x86_64/emitter.h"

enum { LENGTH_A = 13, LENGTH_D = 24, LENGTH_GUARD = 17 };

static void store_rip(struct x86_state *e, uint64_t rip)
{
    if (fits32((int64_t)rip)) {
        x_store_imm(&e->a, 3, HEAD(rip), (int64_t)rip);
    } else {
        x_mov_imm(&e->a, RAX, rip);
        x_store(&e->a, 3, HEAD(rip), RAX);
    }
}

static void sub_budget(struct x86_state *e, bool back, uint32_t count) // 7 bytes, the count last
{
    x_rm(&e->a, 0x81, back ? X_ADD : X_SUB, opnd_reg(BUDGET_REG));
    x_u32(&e->a, count);
}

static void set_reason(struct x86_state *e, unsigned reason) // 4 bytes; the field is 0 in generated code
{
    x_store_imm(&e->a, 0, HEAD(exit_reason), (int)reason);
}

static uint8_t *jmp_short(struct x86_state *e)
{
    x_byte(&e->a, 0xeb);
    x_byte(&e->a, 0);
    return e->a.p - 1;
}

// ---- entry

void edges_emit_entry(struct x86_state *e)
{
    e->block->entry_checked = e->a.p + e->rx_delta;
    sub_budget(e, false, e->block->insn_count);
    struct cold *c = cold_add(e, COLD_BUDGET);
    c->patch = x_jcc(&e->a, C_S);
    e->block->entry = e->a.p + e->rx_delta;
    if (!e->block->second_handle)
        return;
    // Both pages of the instruction must be mapped as they were; whoever came here has proved the first.
    x_rm(&e->a, 0x81, X_CMP, opnd_mem(CONTEXT_REG, (int32_t)(offsetof(struct tlb_context, code) + 4u * e->block->second_slot)));
    x_u32(&e->a, e->block->second_handle);
    c = cold_add(e, COLD_SECOND_PAGE);
    c->patch = x_jcc(&e->a, C_NE);
}

// ---- exits

static void emit_exit(struct x86_state *e, const struct ir_op *op)
{
    struct tcg_edge *edge = &e->block->edges[op->edge];
    const struct ir_edge *info = &e->ir->edges[op->edge];
    *edge = (struct tcg_edge){ .from = e->block, .rip = info->rip, .flags_id = info->flags_id, .exists = true,
                               .cross_page = info->cross_page };
    struct cold *c = cold_add(e, COLD_EDGE);
    c->edge = op->edge;
    flags_recipe(e, op, &c->cc);
    sub_budget(e, false, 0);
    edge->patch_count = (uint32_t)(e->a.p - 4 - e->start);
    c->patch = x_jcc(&e->a, C_S);
    edge->patch_jump = (uint32_t)(e->a.p - e->start);
    if (info->cross_page)
        edge->patch_guard = edge->patch_jump;
    x_jmp(&e->a, e->a.p); // to B, when its place is known
    for (unsigned i = 0; info->cross_page && i < LENGTH_GUARD; i++)
        x_byte(&e->a, 0xcc);
    flags_kill(e);
}

static void emit_edge_cold(struct x86_state *e, struct cold *c)
{
    struct tcg_edge *edge = &e->block->edges[c->edge];
    if (c->cc.kind != CC_ENV) {
        edge->patch_saved = (uint32_t)(e->a.p - e->start);
        flags_save_cold(e, c->cc);
        x_jmp(&e->a, e->a.p);
    }
    uint8_t *a = e->a.p;
    edge->stub = (uint32_t)(a - e->start);
    x_patch_rel32(c->patch, a);
    sub_budget(e, true, 0);
    set_reason(e, EXIT_BUDGET);
    uint8_t *from_a = jmp_short(e), *from_d = NULL;
    if (edge->patch_guard) {
        sub_budget(e, true, 0); // who goes on through the jump cache pays there
        x_store_imm(&e->a, 2, frame_mem(FRAME_JUMP_ID), (int32_t)edge->flags_id);
        set_reason(e, X86_EXIT_JUMP);
        from_d = jmp_short(e);
    }
    x_patch_rel32(e->start + edge->patch_jump + 1, e->a.p);
    uint64_t address = (uint64_t)(uintptr_t)edge;
    x_store_imm(&e->a, 2, HEAD(exit_edge), (int32_t)address);
    struct operand high = HEAD(exit_edge);
    high.disp += 4;
    x_store_imm(&e->a, 2, high, (int32_t)(address >> 32));
    *from_a = (uint8_t)(e->a.p - (from_a + 1));
    if (from_d)
        *from_d = (uint8_t)(e->a.p - (from_d + 1));
    flags_save_cold(e, c->cc);
    store_rip(e, edge->rip);
    x_jmp(&e->a, x86_rw(e, e->stubs.edge_exit));
}

void edges_emit_cold(struct x86_state *e, struct cold *c)
{
    if (c->kind == COLD_EDGE) {
        emit_edge_cold(e, c);
        return;
    }
    x_patch_rel32(c->patch, e->a.p);
    if (c->kind == COLD_JUMP) {
        x_store_imm(&e->a, 2, HEAD(site), (int32_t)c->site);
        x_jmp(&e->a, x86_rw(e, e->stubs.jump_miss));
        return;
    }
    sub_budget(e, true, e->block->insn_count);
    if (c->kind == COLD_BUDGET) // else the loop looks where the second page is now
        set_reason(e, EXIT_BUDGET);
    store_rip(e, e->block->rip);
    x_jmp(&e->a, x86_rw(e, e->stubs.exit));
}

// Indirect: the jump cache of the context. Key and slot as in softmmu/tlb.h.
static void emit_jump(struct x86_state *e, const struct ir_op *op)
{
    int32_t table = (int32_t)offsetof(struct tlb_context, jump);
    alloc_move(e, 3, RAX, alloc_where(e, op->arg[0])); // the last op: no other temp lives
    x86_shift_down(e, RCX, RAX, 7);
    x_alu(&e->a, X_XOR, 2, RCX, opnd_reg(RAX));
    x_alu_imm(&e->a, X_AND, 2, opnd_reg(RCX), JUMP_SIZE - 1);
    x_shift_imm(&e->a, X_SHL, 2, opnd_reg(RCX), 4);
    unsigned key = RAX;
    if (op->imm) {
        key = RDX;
        x_mov_rr(&e->a, 3, RDX, RAX);
        x_alu_imm(&e->a, X_XOR, 3, opnd_reg(RDX), (int32_t)op->imm);
    }
    x_alu(&e->a, X_CMP, 3, key, opnd_index(CONTEXT_REG, RCX, 0, table + (int32_t)offsetof(struct jump_entry, key)));
    struct cold *c = cold_add(e, COLD_JUMP);
    c->site = e->block->site_base + op->site;
    c->patch = x_jcc(&e->a, C_NE);
    x_rm(&e->a, 0xff, 4, opnd_index(CONTEXT_REG, RCX, 0, table + (int32_t)offsetof(struct jump_entry, code)));
}

static void emit_leave(struct x86_state *e, const struct ir_op *op)
{
    if (op->scale == 0)
        store_rip(e, (uint64_t)op->imm);
    set_reason(e, op->edge);
    x_jmp(&e->a, x86_rw(e, e->stubs.exit));
}

void edges_emit(struct x86_state *e, const struct ir_op *op)
{
    if (op->opcode == IR_EXIT)
        emit_exit(e, op);
    else if (op->opcode == IR_JUMP)
        emit_jump(e, op);
    else if (op->opcode == IR_RESUME)
        x_jmp(&e->a, x86_rw(e, e->stubs.resume));
    else
        emit_leave(e, op);
}

// ---- patching

static void write_count(uint8_t *code, const struct tcg_edge *edge, uint32_t count)
{
    memcpy(code + edge->patch_count, &count, 4);
    memcpy(code + edge->stub + 3, &count, 4);
    if (edge->patch_guard)
        memcpy(code + edge->stub + LENGTH_A + 3, &count, 4);
}

void edges_link(void *state, struct tcg_edge *edge, struct tcg_block *to)
{
    struct x86_state *e = state;
    struct tcg_block *from = edge->from;
    if (edge->cross_page && !edge->patch_guard)
        return; // no room for the guard: stays as it is, which is always right
    code_buffer_begin_write(e->buffer);
    uint8_t *code = code_buffer_rw(e->buffer, from->code);
    const uint8_t *target = code_buffer_rw(e->buffer, to->entry);
    write_count(code, edge, to->insn_count);
    if (edge->patch_saved && !to->kills_flags) {
        x_patch_rel32(code + edge->stub - 4, target);
        target = code + edge->patch_saved;
    }
    struct x86_asm a = { code + edge->patch_jump };
    if (edge->cross_page) {
        int32_t slot = (int32_t)(offsetof(struct tlb_context, code) + 4 * code_slot(edge->rip));
        x_rm(&a, 0x81, X_CMP, opnd_mem(CONTEXT_REG, slot));
        x_u32(&a, to->code_handle);
        x_patch_rel32(x_jcc(&a, C_NE), code + edge->stub + LENGTH_A);
    }
    x_jmp(&a, target);
    code_buffer_end_write(e->buffer, from->code, from->code_size);
}

void edges_unlink(void *state, struct tcg_edge *edge)
{
    struct x86_state *e = state;
    struct tcg_block *from = edge->from;
    code_buffer_begin_write(e->buffer);
    uint8_t *code = code_buffer_rw(e->buffer, from->code);
    write_count(code, edge, 0);
    struct x86_asm a = { code + edge->patch_jump };
    x_jmp(&a, code + edge->stub + LENGTH_A + (edge->patch_guard ? LENGTH_D : 0));
    code_buffer_end_write(e->buffer, from->code, from->code_size);
}
