// SPDX-License-Identifier: MIT
//
// tcg_backend_x86_64: one pass over the ops, then the cold pieces. Nothing is allocated for a block; code goes
// straight into the writable view of the code buffer.
#include <cpuid.h>
#include <stdlib.h>
#include "tcg/x86_64/emitter.h"
#include "util/error.h"

#define OP_ROOM 512       // no op and no cold piece is longer

// ---- life

// Vector ops and CRC32 are the host's own instructions: without these bits of CPUID 1, ECX there is no generated code.
static bool check_host(struct error **errp)
{
    static const struct { unsigned bit; const char *name; } needed[] = {
        { 0, "SSE3" }, { 1, "PCLMULQDQ" }, { 9, "SSSE3" }, { 19, "SSE4.1" }, { 20, "SSE4.2" }, { 25, "AES" },
    };
    unsigned a, b, c = 0, d;
    __get_cpuid(1, &a, &b, &c, &d);
    for (unsigned i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (c >> needed[i].bit & 1)
            continue;
        error_set(errp, "x86_64 backend: this host's processor has no %s", needed[i].name);
        error_hint(errp, "-accel tcg,backend=interp runs on any host");
        return false;
    }
    return true;
}

static void detect_host(struct x86_state *e)
{
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        e->has_popcnt = c >> 23 & 1;
        e->has_avx = (c >> 27 & 1) && (c >> 28 & 1); // enabled by the system, present
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        e->has_bmi1 = b >> 3 & 1;
        e->has_bmi2 = (b >> 8 & 1) && e->has_avx; // VEX-coded
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d))
        e->has_lzcnt = c >> 5 & 1;
}

static void assign_homes(struct x86_state *e)
{
    static const uint8_t registers[HOME_COUNT] = { RBX, RSI, RDI, R8, R9, R10, R11, R12, R13 };
    unsigned integers = 0, vectors = 0;
    memset(e->home, NO_REG, sizeof e->home);
    for (unsigned i = 0; i < e->target->global_count; i++) {
        if (e->target->globals[i].vector)
            e->home[i] = vectors < VHOME_COUNT ? (uint8_t)vectors++ : NO_REG;
        else if (integers < HOME_COUNT)
            e->home[i] = registers[integers++];
    }
}

static void *new_state(const struct ir_target *target, struct code_buffer *buffer, bool plain, struct error **errp)
{
    if (!check_host(errp))
        return NULL;
    if (target->global_count > X86_MAX_GLOBALS) {
        error_set(errp, "x86_64 backend: %u globals are too many", target->global_count);
        return NULL;
    }
    struct x86_state *e = calloc(1, sizeof *e);
    if (!e) {
        error_set(errp, "x86_64 backend: out of memory");
        return NULL;
    }
    e->target = target;
    e->buffer = buffer;
    if (!plain)
        detect_host(e);
    assign_homes(e);
    if (!stubs_emit(e)) {
        error_set(errp, "x86_64 backend: a code buffer of %zu bytes is too small", buffer->size);
        free(e);
        return NULL;
    }
    return e;
}

static void *x86_new(const struct ir_target *target, struct code_buffer *buffer, struct error **errp)
{
    return new_state(target, buffer, false, errp);
}

static void *plain_new(const struct ir_target *target, struct code_buffer *buffer, struct error **errp)
{
    return new_state(target, buffer, true, errp);
}

static void x86_free(void *state) { free(state); }
static void x86_release(void *state, struct tcg_block *block) {}

// ---- labels

// How often each label is the target of a jump, and whether anything falls into it.
static void count_labels(struct x86_state *e)
{
    const struct ir_block *ir = e->ir;
    for (unsigned i = 0; i < ir->label_count; i++)
        e->labels[i] = (struct label){ .uses = 0 };
    for (unsigned i = 0; i < ir->op_count; i++) {
        const struct ir_op *op = &ir->ops[i];
        if (op->opcode == IR_BR || op->opcode == IR_BRCC) {
            struct label *label = &e->labels[op->imm];
            label->uses++;
            label->position = (uint8_t *)op; // the last jump, for now
        }
    }
    for (unsigned i = 1; i < ir->op_count; i++) {
        const struct ir_op *op = &ir->ops[i], *before = op - 1;
        if (op->opcode != IR_LABEL)
            continue;
        struct label *label = &e->labels[op->imm];
        bool falls = before->opcode != IR_BR && !(ir_opcode_flags(before->opcode) & IRF_E);
        label->single = label->uses == 1 && !falls && label->position < (const uint8_t *)op;
    }
    for (unsigned i = 0; i < ir->label_count; i++)
        e->labels[i].position = NULL;
}

static void emit_label(struct x86_state *e, const struct ir_op *op)
{
    struct label *label = &e->labels[op->imm];
    if (label->single) {
        alloc_restore_state(e, &label->state);
    } else {
        alloc_spill_all(e);
        alloc_forget(e);
        flags_kill(e);
    }
    label->position = e->a.p;
}

static void jump_to(struct x86_state *e, unsigned label, uint8_t *patch)
{
    if (e->labels[label].position)
        x_patch_rel32(patch, e->labels[label].position);
    else
        e->fixups[e->fixup_count++] = (struct label_fixup){ patch, label };
}

static void emit_branch(struct x86_state *e, const struct ir_op *op)
{
    struct label *label = &e->labels[op->imm];
    if (!label->single)
        alloc_spill_all(e);
    if (op->opcode == IR_BR) {
        if (label->single)
            alloc_save_state(e, &label->state);
        jump_to(e, (unsigned)op->imm, x_jmp_patch(&e->a));
        return;
    }
    unsigned cond = flags_condition(e, op);
    alloc_op_end(e, op); // what dies here is not needed at the label either
    if (label->single)
        alloc_save_state(e, &label->state);
    jump_to(e, (unsigned)op->imm, x_jcc(&e->a, cond));
}

// ---- emit

static void emit_op(struct x86_state *e, const struct ir_op *op)
{
    switch ((enum ir_opcode)op->opcode) {
    case IR_INSN:
        break;
    case IR_SETCC: flags_emit_setcc(e, op); break;
    case IR_MOVCC: flags_emit_movcc(e, op); break;
    case IR_GETCC: flags_emit_getcc(e, op); break;
    case IR_SAVECC: flags_emit_savecc(e, op); break;
    case IR_LABEL: emit_label(e, op); break;
    case IR_BR: case IR_BRCC: emit_branch(e, op); break;
    case IR_EXIT: case IR_JUMP: case IR_RESUME: case IR_LEAVE: edges_emit(e, op); break;
    case IR_GLD: case IR_GST: case IR_GRMW: case IR_GRMWST: case IR_GPROBE: case IR_GLDV: case IR_GSTV:
        memory_emit(e, op);
        break;
    case IR_CALL: call_emit(e, op); break;
    case IR_VMOV: case IR_VLDENV: case IR_VSTENV: case IR_VOP: case IR_VFROMG: case IR_VTOG: case IR_VCMPG:
    case IR_GETMXCSR: case IR_SETMXCSR:
        vector_emit(e, op);
        break;
    default: integer_emit(e, op); break;
    }
    alloc_op_end(e, op);
}

static bool emit_cold_pieces(struct x86_state *e)
{
    for (unsigned i = 0; i < e->cold_count; i++) {
        struct cold *c = &e->cold[i];
        if (e->a.p + OP_ROOM > e->limit)
            return false;
        if (c->kind == COLD_EDGE || c->kind == COLD_BUDGET || c->kind == COLD_SECOND_PAGE || c->kind == COLD_JUMP) {
            edges_emit_cold(e, c);
        } else {
            x_patch_rel32(c->patch, e->a.p);
            memory_emit_cold(e, c);
        }
    }
    return true;
}

static bool emit_block(struct x86_state *e)
{
    const struct ir_block *ir = e->ir;
    if (e->a.p + OP_ROOM > e->limit)
        return false;
    edges_emit_entry(e);
    for (unsigned i = 0; i < ir->op_count; i++) {
        if (e->a.p + OP_ROOM > e->limit)
            return false;
        emit_op(e, &ir->ops[i]);
    }
    if (!emit_cold_pieces(e))
        return false;
    for (unsigned i = 0; i < e->fixup_count; i++)
        x_patch_rel32(e->fixups[i].patch, e->labels[e->fixups[i].label].position);
    return true;
}

static bool x86_emit(void *state, struct ir_block *ir, struct tcg_block *block)
{
    struct x86_state *e = state;
    struct code_buffer *buffer = e->buffer;
    size_t begin = (buffer->used + 15) & ~(size_t)15;
    if (begin + OP_ROOM > buffer->limit || ir->label_count > X86_MAX_LABELS)
        return false;
    code_buffer_begin_write(buffer);
    e->ir = ir;
    e->block = block;
    e->start = e->a.p = buffer->rw + begin;
    e->limit = buffer->rw + buffer->limit;
    e->rx_delta = buffer->rx - buffer->rw;
    e->failed = false;
    e->cold_count = e->fixup_count = 0;
    block->code = buffer->rx + begin;
    memset(block->edges, 0, sizeof block->edges);
    alloc_start(e);
    flags_kill(e);
    if (ir->label_count)
        count_labels(e);
    bool done = emit_block(e) && !e->failed;
    size_t size = (size_t)(e->a.p - e->start);
    code_buffer_end_write(buffer, block->code, size);
    if (!done)
        return false;
    block->code_size = (uint32_t)size;
    block->backend_data = NULL;
    buffer->used = begin + size;
    return true;
}

// ---- running

static void x86_enter(void *state, struct vcpu_head *cpu, const struct tcg_block *block)
{
    const struct x86_state *e = state;
    void (*enter)(struct vcpu_head *, const void *);
    memcpy(&enter, &e->stubs.enter, sizeof enter);
    enter(cpu, block->entry);
}

// Runs with the guest's vectors in the host's registers: nothing but a jump.
static void __attribute__((noreturn, target("general-regs-only"))) x86_leave(void *state, struct vcpu_head *cpu)
{
    const struct x86_state *e = state;
    __asm__ volatile("jmp *%0" : : "r"(e->stubs.leave), "D"(cpu) : "memory");
    __builtin_unreachable();
}

#define BACKEND(NAME, NEW) { .name = NAME, .new = NEW, .free = x86_free, .emit = x86_emit, .release = x86_release, .link = edges_link, \
                             .unlink = edges_unlink, .enter = x86_enter, .leave = x86_leave }
const struct tcg_backend tcg_backend_x86_64 = BACKEND("x86_64", x86_new), tcg_backend_x86_64_plain = BACKEND("x86_64-plain", plain_new);
