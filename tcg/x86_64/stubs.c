// SPDX-License-Identifier: MIT
//
// The code that all blocks share: into and out of generated code, slow paths, helper calls. Emitted once.
//
// A stub called from a block sees the frame 8 bytes further away. Slow paths keep all registers (rax, rcx and rdx in the
// frame, homes that C may change come back from the CPU struct), and what they call is compiled for general registers
// only, so vector homes and MXCSR stay as they are. Whatever leaves from C has its integer homes in the struct.
#include "tcg/x86_64/emitter.h"

#define CALLED 8     // the return address
#define ALIGNED 16   // and 8 more, for the alignment of a call
#define MXCSR_MASKS 0x1f80

static const uint8_t *here(struct x86_state *e)
{
    while ((uintptr_t)e->a.p & 15)
        x_byte(&e->a, 0xcc);
    return e->a.p + e->rx_delta;
}

static void ret(struct x86_state *e) { x_byte(&e->a, 0xc3); }
static void adjust_rsp(struct x86_state *e, int32_t by) { x_alu_imm(&e->a, X_ADD, 3, opnd_reg(RSP), by); }

static void call_c(struct x86_state *e, uintptr_t function)
{
    x_mov_imm(&e->a, RAX, function);
    x_rm(&e->a, 0xff, 2, opnd_reg(RAX));
}

// Homes of `which` (a mask of registers) to or from the struct.
static void homes(struct x86_state *e, bool load, unsigned which)
{
    for (unsigned i = 0; i < e->target->global_count; i++) {
        const struct ir_global *g = &e->target->globals[i];
        if (g->vector || e->home[i] == NO_REG || !(which >> e->home[i] & 1))
            continue;
        if (load)
            x_load(&e->a, 3, e->home[i], cpu_mem(g->offset));
        else
            x_store(&e->a, 3, cpu_mem(g->offset), e->home[i]);
    }
}

static void vector_homes(struct x86_state *e, bool load)
{
    for (unsigned i = 0; i < e->target->global_count; i++) {
        const struct ir_global *g = &e->target->globals[i];
        if (!g->vector || e->home[i] == NO_REG)
            continue;
        if (load)
            x_vload(&e->a, 4, e->home[i], cpu_mem(g->offset));
        else
            x_vstore(&e->a, 4, cpu_mem(g->offset), e->home[i]);
    }
}

static void store_all(struct x86_state *e)
{
    homes(e, false, ~0u);
    x_store(&e->a, 2, HEAD(budget), BUDGET_REG);
}

static void load_all(struct x86_state *e)
{
    homes(e, true, ~0u);
    x_load(&e->a, 2, BUDGET_REG, HEAD(budget));
    x_load(&e->a, 3, CONTEXT_REG, HEAD(context));
}

static void ldmxcsr(struct x86_state *e, int32_t at) { x_rm(&e->a, 0xae | X_0F, 2, frame_mem(at)); }
static void stmxcsr(struct x86_state *e, int32_t at) { x_rm(&e->a, 0xae | X_0F, 3, frame_mem(at)); }

// The host's sticky flags into head.mxcsr; r10 and r11 are free.
static void mxcsr_save(struct x86_state *e, int32_t bias)
{
    stmxcsr(e, FRAME_MXCSR + bias);
    x_load(&e->a, 2, R10, frame_mem(FRAME_MXCSR + bias));
    x_alu_imm(&e->a, X_AND, 2, opnd_reg(R10), 0x3f);
    x_load(&e->a, 2, R11, HEAD(mxcsr));
    x_alu_imm(&e->a, X_AND, 2, opnd_reg(R11), ~0x3f);
    x_alu(&e->a, X_OR, 2, R11, opnd_reg(R10));
    x_store(&e->a, 2, HEAD(mxcsr), R11);
}

static void mxcsr_load(struct x86_state *e, int32_t bias)
{
    x_load(&e->a, 2, R10, HEAD(mxcsr));
    x_alu_imm(&e->a, X_OR, 2, opnd_reg(R10), MXCSR_MASKS);
    x_store(&e->a, 2, frame_mem(FRAME_MXCSR + bias), R10);
    ldmxcsr(e, FRAME_MXCSR + bias);
}

// ---- in and out

static const uint8_t saved[6] = { RBX, RBP, R12, R13, R14, R15 };

static void emit_enter(struct x86_state *e) // (cpu, entry)
{
    e->stubs.enter = here(e);
    for (unsigned i = 0; i < 6; i++) {
        if (saved[i] >= 8)
            x_byte(&e->a, 0x41);
        x_byte(&e->a, 0x50 | (saved[i] & 7));
    }
    adjust_rsp(e, -FRAME_SIZE);
    stmxcsr(e, FRAME_MXCSR_HOST);
    x_mov_rr(&e->a, 3, RBP, RDI);
    x_mov_rr(&e->a, 3, RAX, RSI);
    x_store(&e->a, 3, HEAD(host_frame), RSP);
    x_store_imm(&e->a, 2, HEAD(exit_reason), 0);
    x_store_imm(&e->a, 3, HEAD(exit_edge), 0);
    x_store_imm(&e->a, 0, HEAD(vectors_saved), 0);
    if (e->has_avx) { // legacy SSE code must not drag dirty upper halves along
        x_byte(&e->a, 0xc5);
        x_byte(&e->a, 0xf8);
        x_byte(&e->a, 0x77); // vzeroupper
    }
    mxcsr_load(e, 0);
    vector_homes(e, true);
    load_all(e);
    x_rm(&e->a, 0xff, 4, opnd_reg(RAX));
}

// To the block at rip (rax) with the flags id in rdx, by the context's jump cache. Returns the jump taken on a miss.
static uint8_t *jump_through_cache(struct x86_state *e)
{
    int32_t table = (int32_t)offsetof(struct tlb_context, jump);
    x_mov_rr(&e->a, 2, RCX, RAX);
    x_shift_imm(&e->a, X_SHR, 2, opnd_reg(RCX), 7);
    x_alu(&e->a, X_XOR, 2, RCX, opnd_reg(RAX));
    x_alu_imm(&e->a, X_AND, 2, opnd_reg(RCX), JUMP_SIZE - 1);
    x_shift_imm(&e->a, X_SHL, 2, opnd_reg(RCX), 4);
    x_alu(&e->a, X_XOR, 3, RDX, opnd_reg(RAX));
    x_alu(&e->a, X_CMP, 3, RDX, opnd_index(CONTEXT_REG, RCX, 0, table + (int32_t)offsetof(struct jump_entry, key)));
    uint8_t *miss = x_jcc(&e->a, C_NE);
    x_rm(&e->a, 0xff, 4, opnd_index(CONTEXT_REG, RCX, 0, table + (int32_t)offsetof(struct jump_entry, code)));
    return miss;
}

static void emit_exit(struct x86_state *e)
{
    e->stubs.resume = here(e);
    x_load(&e->a, 2, RDX, HEAD(resume_id));
    x_load(&e->a, 3, RAX, HEAD(rip));
    x_store_imm(&e->a, 0, HEAD(exit_reason), EXIT_LOOP);
    x_test_rr(&e->a, 2, opnd_reg(RDX), RDX);
    uint8_t *look = x_jcc(&e->a, C_E);
    x_store_imm(&e->a, 0, HEAD(exit_reason), EXIT_NONE);
    uint8_t *unknown = jump_through_cache(e);

    // A direct edge: to the loop, or (its guard failed) on through the jump cache.
    e->stubs.edge_exit = here(e);
    x_alu_imm(&e->a, X_CMP, 0, HEAD(exit_reason), X86_EXIT_JUMP);
    uint8_t *plain = x_jcc(&e->a, C_NE);
    x_store_imm(&e->a, 0, HEAD(exit_reason), EXIT_NONE);
    x_load(&e->a, 3, RAX, HEAD(rip));
    x_load(&e->a, 2, RDX, frame_mem(FRAME_JUMP_ID));
    uint8_t *miss = jump_through_cache(e);

    e->stubs.jump_miss = here(e); // rip in rax
    x_store(&e->a, 3, HEAD(rip), RAX);
    e->stubs.exit = e->a.p + e->rx_delta;
    x_patch_rel32(plain, e->a.p);
    x_patch_rel32(miss, e->a.p);
    x_patch_rel32(look, e->a.p);
    x_patch_rel32(unknown, e->a.p);
    store_all(e);
    uint8_t *tail = x_jmp_patch(&e->a);

    e->stubs.leave = here(e); // C: (cpu)
    x_mov_rr(&e->a, 3, RBP, RDI);
    x_load(&e->a, 3, RSP, HEAD(host_frame));
    x_patch_rel32(tail, e->a.p);
    x_alu_imm(&e->a, X_CMP, 0, HEAD(vectors_saved), 0);
    uint8_t *skip = x_jcc(&e->a, C_NE);
    vector_homes(e, false);
    mxcsr_save(e, 0);
    x_patch_rel32(skip, e->a.p);
    x_store_imm(&e->a, 0, HEAD(vectors_saved), 0);
    ldmxcsr(e, FRAME_MXCSR_HOST);
    adjust_rsp(e, FRAME_SIZE);
    for (unsigned i = 6; i-- > 0;) {
        if (saved[i] >= 8)
            x_byte(&e->a, 0x41);
        x_byte(&e->a, 0x58 | (saved[i] & 7));
    }
    ret(e);
}

// ---- slow paths of memory accesses

static const uint8_t *slow_start(struct x86_state *e)
{
    const uint8_t *start = here(e);
    for (unsigned r = 0; r < SCRATCH_COUNT; r++)
        x_store(&e->a, 3, frame_mem(CALLED + FRAME_SAVE + 8 * (int32_t)r), r);
    store_all(e);
    adjust_rsp(e, -8);
    x_mov_rr(&e->a, 3, RDI, CPU_REG);
    x_load(&e->a, 3, RSI, frame_mem(ALIGNED + FRAME_VA));
    return start;
}

static void slow_end(struct x86_state *e)
{
    adjust_rsp(e, 8);
    x_store_imm(&e->a, 2, HEAD(site), 0);
    homes(e, true, CALLER_SAVED);
    for (unsigned r = 0; r < SCRATCH_COUNT; r++)
        x_load(&e->a, 3, r, frame_mem(CALLED + FRAME_SAVE + 8 * (int32_t)r));
    ret(e);
}

static void emit_scalar(struct x86_state *e, unsigned size)
{
    e->stubs.load[size] = slow_start(e);
    x_mov_imm(&e->a, RDX, size);
    call_c(e, (uintptr_t)ldst_load);
    x_store(&e->a, 3, frame_mem(ALIGNED + FRAME_RESULT), RAX);
    slow_end(e);

    e->stubs.store[size] = slow_start(e);
    x_movzx(&e->a, size, RDX, frame_mem(ALIGNED + FRAME_VALUE));
    x_mov_imm(&e->a, RCX, size);
    call_c(e, (uintptr_t)ldst_store);
    slow_end(e);

    e->stubs.rmw[size] = slow_start(e);
    x_mov_imm(&e->a, RDX, 1u << size);
    call_c(e, (uintptr_t)ldst_probe_rmw);
    x_store(&e->a, 3, frame_mem(ALIGNED + FRAME_TOKEN), RAX);
    x_test_rr(&e->a, 3, opnd_reg(RAX), RAX);
    uint8_t *direct = x_jcc(&e->a, C_NE);
    x_mov_rr(&e->a, 3, RDI, CPU_REG);
    x_load(&e->a, 3, RSI, frame_mem(ALIGNED + FRAME_VA));
    x_mov_imm(&e->a, RDX, size);
    call_c(e, (uintptr_t)ldst_load);
    uint8_t *join = x_jmp_patch(&e->a);
    x_patch_rel32(direct, e->a.p);
    x_movzx(&e->a, size, RAX, opnd_mem(RAX, 0));
    x_patch_rel32(join, e->a.p);
    x_store(&e->a, 3, frame_mem(ALIGNED + FRAME_RESULT), RAX);
    slow_end(e);
}

static void emit_others(struct x86_state *e)
{
    e->stubs.load128 = slow_start(e);
    x_lea(&e->a, 3, RDX, frame_mem(ALIGNED + FRAME_RESULT));
    call_c(e, (uintptr_t)ldst_load128);
    slow_end(e);

    e->stubs.store128 = slow_start(e);
    x_lea(&e->a, 3, RDX, frame_mem(ALIGNED + FRAME_VALUE));
    call_c(e, (uintptr_t)ldst_store128);
    slow_end(e);

    e->stubs.probe = slow_start(e);
    x_load(&e->a, 2, RDX, frame_mem(ALIGNED + FRAME_VALUE));
    x_mov_imm(&e->a, RCX, ACCESS_WRITE);
    call_c(e, (uintptr_t)ldst_probe);
    slow_end(e);

    e->stubs.misaligned = here(e); // jumped to; does not come back
    store_all(e);
    x_mov_rr(&e->a, 3, RDI, CPU_REG);
    x_load(&e->a, 3, RAX, HEAD(tlb_ops));
    x_rm(&e->a, 0xff, 2, opnd_mem(RAX, (int32_t)offsetof(struct tlb_target_ops, misaligned)));
    x_byte(&e->a, 0xcc);
}

// ---- helpers: function in rax, arguments in place, homes stored

static void emit_helper_call(struct x86_state *e, unsigned kind)
{
    bool vectors = kind & 1, reload_all = kind & 2;
    e->stubs.call[kind] = here(e);
    adjust_rsp(e, -8);
    x_mov_rr(&e->a, 3, RDI, CPU_REG);
    if (vectors) {
        mxcsr_save(e, ALIGNED);
        vector_homes(e, false);
        x_store_imm(&e->a, 0, HEAD(vectors_saved), 1);
        x_store_imm(&e->a, 2, frame_mem(ALIGNED + FRAME_MXCSR), MXCSR_MASKS);
        ldmxcsr(e, ALIGNED + FRAME_MXCSR);
    }
    x_rm(&e->a, 0xff, 2, opnd_reg(RAX));
    if (vectors) {
        if (e->has_avx) {
            x_byte(&e->a, 0xc5);
            x_byte(&e->a, 0xf8);
            x_byte(&e->a, 0x77);
        }
        mxcsr_load(e, ALIGNED);
        vector_homes(e, true);
        x_store_imm(&e->a, 0, HEAD(vectors_saved), 0);
    }
    x_store_imm(&e->a, 2, HEAD(site), 0);
    if (reload_all)
        load_all(e);
    else
        homes(e, true, CALLER_SAVED);
    adjust_rsp(e, 8);
    ret(e);
}

bool stubs_emit(struct x86_state *e)
{
    if (e->buffer->limit - e->buffer->used < 16384)
        return false;
    code_buffer_begin_write(e->buffer);
    uint8_t *start = e->buffer->rw + e->buffer->used;
    e->a.p = start;
    e->rx_delta = e->buffer->rx - e->buffer->rw;
    emit_enter(e);
    emit_exit(e);
    for (unsigned size = 0; size < 4; size++)
        emit_scalar(e, size);
    emit_others(e);
    e->stubs.store_all = here(e);
    store_all(e);
    ret(e);
    e->stubs.store_caller = here(e);
    homes(e, false, CALLER_SAVED);
    ret(e);
    for (unsigned kind = 0; kind < 4; kind++)
        emit_helper_call(e, kind);
    e->buffer->used = (size_t)(e->a.p - e->buffer->rw);
    code_buffer_end_write(e->buffer, start + e->rx_delta, (size_t)(e->a.p - start));
    return true;
}
