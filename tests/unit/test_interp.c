// SPDX-License-Identifier: MIT
//
// The backends side by side: the entry protocol of tcg/backend.h (edges, budget, guards, jump cache, helpers, leaving, slow
// path) for each, and random programs run by the interpreter as they are, optimized, and (x86-64 hosts) by the x86_64
// backend: registers, vectors, flags, fields, memory and the way out must agree. TEST_SEED and TEST_PROGRAMS in the environment choose others.
//
// The slow path's functions are this file's own: general registers only, as the x86_64 backend wants it.
#include <stdlib.h>
#include <string.h>
#include "softmmu/tlb.h"
#include "tcg/backend.h"
#include "tcg/code_buffer.h"
#include "tcg/vec.h"
#include "tests/unit/tap.h"
#include "util/error.h"

#ifdef __x86_64__
#define GENERAL __attribute__((target("general-regs-only"), noinline))
#else
#define GENERAL __attribute__((noinline))
#endif
#define MEMORY_VA 0x7fffe000ull
#define MEMORY_SIZE 0x4000ull // pages 0 and 1 are in the TLB, 2 only for reads, 3 not at all
#define FAULT_VA 0x40000000ull
#define REGS 12
#define VECTORS 4
#define FIELDS 6

struct fake_cpu {
    struct vcpu_head head;
    uint64_t regs[REGS];
    union vec128 xmm[VECTORS];
    uint64_t env[FIELDS];
    uint8_t *memory;
};

#define R(n) { "r" #n, offsetof(struct fake_cpu, regs) + 8 * n, false }
#define V(n) { "x" #n, offsetof(struct fake_cpu, xmm) + 16 * n, true }
static const struct ir_global globals[REGS + VECTORS] = {
    R(0), R(1), R(2), R(3), R(4), R(5), R(6), R(7), R(8), R(9), R(10), R(11), V(0), V(1), V(2), V(3),
};

static unsigned slow_calls;

// ---- slow path

GENERAL static void fault(struct vcpu_head *cpu, enum tcg_exit_reason reason)
{
    cpu->exit_reason = reason;
    cpu->backend->leave(cpu->backend_state, cpu);
}

GENERAL static uint8_t *byte_at(struct vcpu_head *cpu, uint64_t va, unsigned size)
{
    slow_calls++;
    if (!cpu->site || va - MEMORY_VA > MEMORY_SIZE - size)
        fault(cpu, EXIT_FAULT);
    return ((struct fake_cpu *)cpu)->memory + (va - MEMORY_VA);
}

GENERAL uint64_t ldst_load(struct vcpu_head *cpu, uint64_t va, unsigned size_log2)
{
    const uint8_t *p = byte_at(cpu, va, 1u << size_log2);
    uint64_t v = 0;
    for (unsigned i = 1u << size_log2; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

GENERAL void ldst_store(struct vcpu_head *cpu, uint64_t va, uint64_t value, unsigned size_log2)
{
    volatile uint8_t *p = byte_at(cpu, va, 1u << size_log2);
    for (unsigned i = 0; i < 1u << size_log2; i++, value >>= 8)
        p[i] = (uint8_t)value;
}

GENERAL void ldst_load128(struct vcpu_head *cpu, uint64_t va, uint64_t out[2])
{
    byte_at(cpu, va, 16);
    out[0] = ldst_load(cpu, va, 3);
    out[1] = ldst_load(cpu, va + 8, 3);
}

GENERAL void ldst_store128(struct vcpu_head *cpu, uint64_t va, const uint64_t in[2])
{
    byte_at(cpu, va, 16);
    ldst_store(cpu, va, in[0], 3);
    ldst_store(cpu, va + 8, in[1], 3);
}

GENERAL void *ldst_probe_rmw(struct vcpu_head *cpu, uint64_t va, unsigned size)
{
    uint8_t *p = byte_at(cpu, va, size);
    return va % 3 ? p : NULL;
}

GENERAL void ldst_probe(struct vcpu_head *cpu, uint64_t va, unsigned size, enum access access)
{
    byte_at(cpu, va, size);
}

__attribute__((noreturn)) GENERAL static void misaligned(struct vcpu_head *cpu)
{
    fault(cpu, EXIT_HALT);
    __builtin_unreachable();
}

static const struct tlb_target_ops tlb_ops = { .misaligned = misaligned };

// ---- helpers

static uint64_t helper_mix(struct vcpu_head *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    return (a ^ b << 7) * 0x9e3779b97f4a7c15ull + c;
}

static uint64_t helper_swap(struct vcpu_head *head, uint64_t a)
{
    struct fake_cpu *cpu = (struct fake_cpu *)head;
    uint64_t old = cpu->regs[1];
    cpu->regs[1] = a;
    cpu->env[1] += old;
    cpu->xmm[1].d[0] ^= a;
    return old;
}

static uint64_t helper_leave(struct vcpu_head *cpu, uint64_t condition)
{
    if (condition)
        fault(cpu, EXIT_IO);
    return cpu->site;
}

static const struct helper_row helpers[] = {
    { "mix", helper_mix, 0, 1, 3 },
    { "swap", helper_swap, HELPER_READS | HELPER_WRITES, 1, 1 },
    { "leave", helper_leave, HELPER_LEAVES, 1, 1 },
};
static const struct ir_target target = { globals, REGS + VECTORS, helpers, 3, sizeof(struct fake_cpu) };

// ---- a machine for one backend

struct machine {
    const struct tcg_backend *backend;
    struct code_buffer buffer;
    size_t start;
    void *state;
    struct tlb_context *context;
    struct fake_cpu cpu;
};

static void machine_init(struct machine *m, const struct tcg_backend *backend)
{
    struct error *err = NULL;
    memset(m, 0, sizeof *m);
    m->backend = backend;
    if (!code_buffer_init(&m->buffer, 1 << 20, CODE_BUFFER_AUTO, &err)) {
        error_report(err);
        abort();
    }
    m->state = backend->new(&target, &m->buffer, &err);
    m->start = m->buffer.used;
    m->context = calloc(1, sizeof *m->context);
    m->cpu.memory = malloc(MEMORY_SIZE);
    m->cpu.head.context = m->cpu.head.views[0] = m->cpu.head.views[2] = m->context;
    m->cpu.head.backend = backend;
    m->cpu.head.backend_state = m->state;
    m->cpu.head.tlb_ops = &tlb_ops;
    m->context->read[0].tag = m->context->write[0].tag = 4096;
    for (unsigned page = 0; page < 3; page++) {
        uint64_t va = MEMORY_VA + page * 4096;
        struct tlb_entry entry = { va, (uintptr_t)m->cpu.memory + page * 4096 };
        m->context->read[va >> 12 & (TLB_SIZE - 1)] = entry;
        if (page < 2)
            m->context->write[va >> 12 & (TLB_SIZE - 1)] = entry;
    }
    for (unsigned i = 0; i < JUMP_SIZE; i++)
        m->context->jump[i].key = jump_empty(i);
}

static void machine_release(struct machine *m)
{
    m->backend->free(m->state);
    code_buffer_release(&m->buffer);
    free(m->context);
    free(m->cpu.memory);
}

// The same starting state in each machine, from the seed.
static void machine_reset(struct machine *m, uint64_t seed)
{
    struct tap_random random = { seed };
    struct fake_cpu *cpu = &m->cpu;
    for (unsigned i = 0; i < REGS; i++)
        cpu->regs[i] = tap_next(&random) >> tap_below(&random, 64);
    for (unsigned i = 0; i < VECTORS * 2; i++)
        cpu->xmm[i / 2].d[i & 1] = tap_next(&random);
    for (unsigned i = 0; i < FIELDS; i++)
        cpu->env[i] = tap_next(&random);
    for (unsigned i = 0; i < MEMORY_SIZE; i += 8) {
        uint64_t v = tap_next(&random);
        memcpy(cpu->memory + i, &v, 8);
    }
    cpu->head.cc_lo = tap_next(&random) & 0xd5;
    cpu->head.cc_of = tap_next(&random) & 1;
    cpu->head.mxcsr = 0x1f80;
    cpu->head.rip = 0;
    cpu->head.resume_id = seed & 1 ? 9 : 0;
    cpu->head.budget = 1000;
    cpu->head.site = 0;
    m->buffer.used = m->start;
}

static struct ir_block *parse(const char *text)
{
    struct error *err = NULL;
    char why[200];
    struct ir_block *b = ir_parse(&target, text, &err);
    if (!b) {
        error_report(err);
        abort();
    }
    if (!ir_verify(b, why, sizeof why)) {
        printf("# %s\n%s", why, text);
        abort();
    }
    return b;
}

static void emit(struct machine *m, struct ir_block *ir, struct tcg_block *block)
{
    memset(block, 0, sizeof *block);
    block->rip = ir->rip;
    block->insn_count = ir->insn_count;
    block->site_base = 1;
    ir_liveness(ir);
    if (!m->backend->emit(m->state, ir, block))
        abort();
}

static void run(struct machine *m, const struct tcg_block *block)
{
    m->cpu.head.budget -= block->insn_count;
    m->backend->enter(m->state, &m->cpu.head, block);
}

// ---- the entry protocol

static void check(const struct machine *m, bool good, const char *what)
{
    tap_ok(good, "%s: %s", m->backend->name, what);
}

#define COUNT_BLOCK "block rip=0x1000 insns=3 labels=0\nedge rip=0x2000 flags=7 cross=0\ninsn.0{imm=0x1000}\n  add.3 %%r0, %%r0, $1\n" \
                    "  exit.3{kind=add,imm=0x2000} %%r0, $1, _\n"
#define TARGET_BLOCK "block rip=0x2000 insns=10 labels=0\ninsn.0{imm=0x2000}\n  add.3 %%r1, %%r1, $1\n  leave.0{edge=2,imm=0x3000}\n"

static void test_edges(struct machine *m)
{
    struct tcg_block a, b;
    struct vcpu_head *cpu = &m->cpu.head;
    char text[400];
    snprintf(text, sizeof text, COUNT_BLOCK);
    struct ir_block *ir_a = parse(text);
    snprintf(text, sizeof text, TARGET_BLOCK);
    struct ir_block *ir_b = parse(text);
    machine_reset(m, 1);
    emit(m, ir_a, &a);
    emit(m, ir_b, &b);
    struct tcg_edge *edge = &a.edges[0];

    m->cpu.regs[0] = ~0ull; // + 1: CF ZF PF AF
    m->cpu.regs[1] = 0;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_NONE && cpu->exit_edge == edge && cpu->rip == 0x2000 && cpu->budget == 997, "unlinked edge");
    check(m, (cpu->cc_lo & 0xd5) == 0x55 && cpu->cc_of == 0, "its flags are saved");

    edge->to = &b;
    m->backend->link(m->state, edge, &b);
    m->cpu.regs[0] = 0x7fffffffffffffff;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_LOOP && cpu->exit_edge == NULL && cpu->rip == 0x3000 && cpu->budget == 997 - 13, "linked edge");
    check(m, m->cpu.regs[1] == 1 && (cpu->cc_lo & 0xd5) == 0x94 && cpu->cc_of == 1, "the target ran, the flags are saved");
    cpu->budget = 13;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_LOOP && cpu->budget == 0, "a budget that is just enough");
    cpu->budget = 12;
    m->cpu.regs[0] = ~0ull;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_BUDGET && cpu->budget == 9 && cpu->rip == 0x2000 && (cpu->cc_lo & 0xd5) == 0x55, "one that is not: refund");

    m->backend->unlink(m->state, edge);
    edge->to = NULL;
    cpu->budget = 100;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_NONE && cpu->exit_edge == edge && cpu->budget == 97, "unlinked again");
    b.kills_flags = true;
    edge->to = &b;
    m->backend->link(m->state, edge, &b);
    cpu->cc_lo = 0x41;
    m->cpu.regs[0] = 5;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_LOOP && cpu->cc_lo == 0x41, "flags that the target kills are not saved");
    m->backend->release(m->state, &a);
    m->backend->release(m->state, &b);
    ir_block_free(ir_a);
    ir_block_free(ir_b);
}

static void set_jump(struct machine *m, uint64_t rip, uint64_t id, const struct tcg_block *to)
{
    m->context->jump[jump_slot(rip)] = (struct jump_entry){ jump_key(rip, id), to->entry_checked };
}

static void test_cross_page(struct machine *m)
{
    struct tcg_block a, b, c;
    struct vcpu_head *cpu = &m->cpu.head;
    struct ir_block *ir_a = parse("block rip=0x1000 insns=3 labels=0\nedge rip=0x2000 flags=7 cross=1\ninsn.0{imm=0x1000}\n"
                                  "  exit.3{kind=logic,imm=0x2000} $0, _, _\n");
    struct ir_block *ir_b = parse("block rip=0x2000 insns=10 labels=0\n  leave.0{edge=2,imm=0x3000}\n");
    struct ir_block *ir_c = parse("block rip=0x2000 insns=20 labels=0\n  leave.0{edge=2,imm=0x4000}\n");
    machine_reset(m, 2);
    emit(m, ir_a, &a);
    emit(m, ir_b, &b);
    emit(m, ir_c, &c);
    b.code_handle = 55;
    a.edges[0].to = &b;
    a.edges[0].cross_page = true;
    m->backend->link(m->state, &a.edges[0], &b);
    m->context->code[code_slot(0x2000)] = 55;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_LOOP && cpu->rip == 0x3000 && cpu->budget == 987, "a guard that holds");
    m->context->code[code_slot(0x2000)] = 56;
    cpu->budget = 1000;
    cpu->cc_lo = 1;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_NONE && !cpu->exit_edge && cpu->rip == 0x2000 && (cpu->cc_lo & 0xd5) == 0x44, "one that does not");
    check(m, cpu->budget == 997, "its refund");
    set_jump(m, 0x2000, 7, &c);
    cpu->budget = 1000;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_LOOP && cpu->rip == 0x4000 && cpu->budget == 977, "on through the jump cache");
    cpu->budget = 22;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_BUDGET && cpu->rip == 0x2000 && cpu->budget == 19, "where the budget may end");
    m->context->code[code_slot(0x2000)] = 0;
    m->context->jump[jump_slot(0x2000)].key = jump_empty(jump_slot(0x2000));
    m->backend->release(m->state, &a);
    m->backend->release(m->state, &b);
    m->backend->release(m->state, &c);
    ir_block_free(ir_a);
    ir_block_free(ir_b);
    ir_block_free(ir_c);
}

static void test_jump(struct machine *m)
{
    struct tcg_block a, b;
    struct vcpu_head *cpu = &m->cpu.head;
    struct ir_block *ir_a = parse("block rip=0x1000 insns=1 labels=0\n  jump.0{imm=9} %r3\n");
    struct ir_block *ir_b = parse("block rip=0x5000 insns=4 labels=0\n  leave.0{edge=5,scale=1}\n");
    machine_reset(m, 3);
    emit(m, ir_a, &a);
    emit(m, ir_b, &b);
    m->cpu.regs[3] = 0x5000;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_NONE && !cpu->exit_edge && cpu->rip == 0x5000 && cpu->budget == 999, "jump-cache miss");
    set_jump(m, 0x5000, 8, &b);
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_NONE && cpu->budget == 998, "other block flags miss");
    set_jump(m, 0x5000, 9, &b);
    cpu->rip = 0x77;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_HALT && cpu->budget == 993, "jump-cache hit");
    cpu->budget = 4;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_BUDGET && cpu->budget == 3 && cpu->rip == 0x5000, "a hit without budget");
    m->context->jump[jump_slot(0x5000)].key = jump_empty(jump_slot(0x5000));
    m->backend->release(m->state, &a);
    m->backend->release(m->state, &b);
    ir_block_free(ir_a);
    ir_block_free(ir_b);
}

static void test_resume(struct machine *m)
{
    struct tcg_block a, b;
    struct vcpu_head *cpu = &m->cpu.head;
    struct ir_block *ir_a = parse("block rip=0x1000 insns=1 labels=0\n  resume.0\n");
    struct ir_block *ir_b = parse("block rip=0x5000 insns=4 labels=0\n  leave.0{edge=5,scale=1}\n");
    machine_reset(m, 3);
    emit(m, ir_a, &a);
    emit(m, ir_b, &b);
    set_jump(m, 0x5000, 9, &b);
    cpu->rip = 0x5000;
    cpu->resume_id = 0;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_LOOP && cpu->rip == 0x5000 && cpu->budget == 999, "resume: id 0 goes to the loop");
    cpu->resume_id = 8;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_NONE && !cpu->exit_edge && cpu->budget == 998, "resume: a miss");
    cpu->resume_id = 9;
    run(m, &a);
    check(m, cpu->exit_reason == EXIT_HALT && cpu->budget == 993, "resume: a hit");
    m->context->jump[jump_slot(0x5000)].key = jump_empty(jump_slot(0x5000));
    m->backend->release(m->state, &a);
    m->backend->release(m->state, &b);
    ir_block_free(ir_a);
    ir_block_free(ir_b);
}

static void run_text(struct machine *m, const char *text)
{
    struct tcg_block block;
    struct ir_block *ir = parse(text);
    emit(m, ir, &block);
    run(m, &block);
    m->backend->release(m->state, &block);
    ir_block_free(ir);
}

#define SITES "site rip=0x1000 insn=0 kind=env size=0 slot=0 _, _, _\nsite rip=0x1001 insn=1 kind=env size=0 slot=0 _, _, _\n"

static void test_leaving(struct machine *m)
{
    struct vcpu_head *cpu = &m->cpu.head;
    machine_reset(m, 4);
    m->cpu.regs[2] = FAULT_VA;
    run_text(m, "block rip=0 insns=1 labels=0\n" SITES "  mov.3 %r4, $44\ninsn.0\n  gld.3{site=1} t0, %r2, $0\n  mov.3 %r5, $55\n  leave.0{edge=2}\n");
    check(m, cpu->exit_reason == EXIT_FAULT && cpu->site == 2, "a load that faults leaves, with its site");
    check(m, m->cpu.regs[4] == 44 && m->cpu.regs[5] != 55, "what was before is in the struct, what comes after not");
    machine_reset(m, 4);
    run_text(m, "block rip=0 insns=1 labels=0\n" SITES "  call.0{helper=leave,site=1,defs=1,uses=1} %r6, $0\n  leave.0{edge=2}\n");
    check(m, cpu->exit_reason == EXIT_LOOP && m->cpu.regs[6] == 2 && cpu->site == 0, "a helper sees its site");
    run_text(m, "block rip=0 insns=1 labels=0\n" SITES "  call.0{helper=leave,site=1,defs=1,uses=1} %r6, $1\n  leave.0{edge=2}\n");
    check(m, cpu->exit_reason == EXIT_IO, "a helper leaves");
    m->cpu.regs[2] = MEMORY_VA + 1;
    run_text(m, "block rip=0 insns=1 labels=0\n" SITES "  gldv.4{align=1,site=1} %x0, %r2, $0\n  leave.0{edge=2}\n");
    check(m, cpu->exit_reason == EXIT_HALT && cpu->site == 2, "a misaligned vector");
    cpu->views[1] = m->context;
    cpu->context = NULL;
    run_text(m, "block rip=0 insns=1 labels=0\n  ctx.0{imm=1}\n  leave.0{edge=2}\n");
    check(m, cpu->context == m->context, "another view");
    cpu->context = m->context;
}

static void test_room(struct machine *m)
{
    struct tcg_block block = { 0 };
    struct ir_block *ir = parse("block rip=0 insns=1 labels=0\n  leave.0{edge=2}\n");
    size_t limit = m->buffer.limit;
    m->buffer.limit = m->buffer.used + 8;
    check(m, !m->backend->emit(m->state, ir, &block), "no room in the code buffer");
    m->buffer.limit = limit;
    ir_block_free(ir);
}

static void test_protocol(struct machine *m)
{
    test_edges(m);
    test_cross_page(m);
    test_jump(m);
    test_resume(m);
    test_leaving(m);
    test_room(m);
}

static void test_code_buffer(void)
{
    static const char *const names[] = { "auto", "memfd", "file", "toggle" };
    for (unsigned mode = CODE_BUFFER_AUTO; mode <= CODE_BUFFER_TOGGLE; mode++) {
        struct code_buffer b;
        struct error *err = NULL;
        if (!code_buffer_init(&b, 65536, (enum code_buffer_mode)mode, &err)) {
            tap_ok(false, "code buffer %s: %s", names[mode], error_message(err));
            error_free(err);
            continue;
        }
        code_buffer_begin_write(&b);
        b.rw[100] = 0xc3; // ret
        code_buffer_end_write(&b, b.rx + 100, 1);
        bool good = b.rx[100] == 0xc3 && b.size == 65536 && b.limit == 65536 && code_buffer_rw(&b, b.rx + 100) == b.rw + 100;
        good &= (b.rw == b.rx) == (b.mode == CODE_BUFFER_TOGGLE) && (mode == CODE_BUFFER_AUTO || b.mode == mode);
#ifdef __x86_64__
        ((void (*)(void))(uintptr_t)(b.rx + 100))();
        code_buffer_begin_write(&b);
        b.rw[99] = 0x90;
        code_buffer_end_write(&b, b.rx + 99, 1);
        ((void (*)(void))(uintptr_t)(b.rx + 99))();
#endif
        code_buffer_release(&b);
        tap_ok(good && !b.rw, "code buffer: %s", names[mode]);
    }
}

// ---- random programs

struct generator {
    struct tap_random random;
    struct ir_block *ir;
    ir_var temps[72], vtemps[16]; // written on every path
    unsigned temp_count, vtemp_count;
    bool commit;                  // globals may be written, nothing may leave
};

static unsigned below(struct generator *g, unsigned n) { return (unsigned)tap_below(&g->random, n); }

static ir_var any(struct generator *g)
{
    static const int64_t special[] = { 0, 1, -1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, INT64_MIN, 8, 31, 63 };
    switch (below(g, 4)) {
    case 0: return ir_global(below(g, REGS));
    case 1: return ir_const(g->ir, below(g, 2) ? special[below(g, 13)] : (int64_t)tap_next(&g->random) >> below(g, 64));
    default: return g->temp_count ? g->temps[below(g, g->temp_count)] : ir_global(below(g, REGS));
    }
}

static ir_var any_vector(struct generator *g)
{
    return g->vtemp_count && below(g, 2) ? g->vtemps[below(g, g->vtemp_count)] : ir_global(REGS + below(g, VECTORS));
}

// A destination; fresh ones only for whole writes.
static ir_var destination(struct generator *g, bool whole)
{
    if (g->commit && below(g, 3))
        return ir_global(below(g, REGS));
    if (g->temp_count && (!whole || below(g, 3) == 0))
        return g->temps[below(g, g->temp_count)];
    if (g->temp_count >= 64)
        return g->temps[below(g, 64)];
    ir_var t = ir_temp(g->ir);
    if (!whole)
        ir_2(g->ir, IR_MOV, 3, t, any(g));
    return t;
}

static void written(struct generator *g, ir_var t)
{
    if (g->ir->vars[t].kind != IR_TEMP)
        return;
    for (unsigned i = 0; i < g->temp_count; i++)
        if (g->temps[i] == t)
            return;
    g->temps[g->temp_count++] = t;
}

static ir_var vector_destination(struct generator *g)
{
    if (g->commit && below(g, 2))
        return ir_global(REGS + below(g, VECTORS));
    if (g->vtemp_count == 16 || (g->vtemp_count && below(g, 3) == 0))
        return g->vtemps[below(g, g->vtemp_count)];
    return g->vtemps[g->vtemp_count++] = ir_vtemp(g->ir);
}

static void recipe(struct generator *g, struct ir_op *op, const ir_var *v)
{
    op->size = (uint8_t)below(g, 4);
    op->kind = (uint8_t)below(g, CC__COUNT);
    op->cond = (uint8_t)below(g, 16);
    for (unsigned k = 0; k < 3; k++)
        op->arg[op->defs + k] = op->kind == CC_ENV ? IR_NONE : v[k];
}

static void gen_integer(struct generator *g)
{
    static const uint8_t small[] = { IR_MOV, IR_ZX8, IR_ZX16, IR_SX8, IR_SX16, IR_ADD, IR_SUB, IR_AND, IR_OR, IR_XOR, IR_ADC, IR_SBB, IR_NEG,
                                     IR_NOT, IR_MUL, IR_SHL, IR_SHR, IR_SAR, IR_ROL, IR_ROR, IR_ADD, IR_SUB, IR_XOR, IR_MOV };
    static const uint8_t large[] = { IR_ZX32, IR_SX32, IR_GETHI, IR_LEA, IR_LEA, IR_BSWAP, IR_CTZ, IR_CLZ, IR_POPCNT, IR_CRC32, IR_SHLD, IR_SHRD,
                                     IR_PUTHI };
    bool is_small = below(g, 3);
    enum ir_opcode opcode = is_small ? small[below(g, sizeof small)] : large[below(g, sizeof large)];
    unsigned size = is_small ? below(g, 4) : 2 + below(g, 2);
    ir_var d = destination(g, size >= 2 && opcode != IR_PUTHI), v[3] = { any(g), any(g), any(g) };
    struct ir_op *op = ir_append(g->ir, opcode, size);
    op->arg[0] = d;
    for (unsigned k = 0; k < op->uses; k++)
        op->arg[1 + k] = v[k];
    if (opcode == IR_LEA) {
        op->scale = (uint8_t)below(g, 4);
        op->imm = (int32_t)tap_next(&g->random) >> below(g, 32);
    }
    written(g, d);
}

static void gen_wide(struct generator *g)
{
    ir_var v[2] = { any(g), any(g) }, d1 = destination(g, true), d2;
    unsigned size = 2 + below(g, 2);
    do
        d2 = destination(g, true);
    while (d2 == d1);
    if (below(g, 2)) {
        ir_4(g->ir, below(g, 2) ? IR_MULU2 : IR_MULS2, size, d1, d2, v[0], v[1]);
    } else { // positive, and fits
        ir_var lo = ir_temp(g->ir);
        ir_3(g->ir, IR_AND, 3, lo, v[0], ir_const(g->ir, 0x3fffffff));
        ir_var divisor = ir_const(g->ir, 1 + (int64_t)below(g, 1000000));
        struct ir_op *op = ir_append(g->ir, below(g, 2) ? IR_DIVU2 : IR_DIVS2, size);
        op->arg[0] = d1;
        op->arg[1] = d2;
        op->arg[2] = lo;
        op->arg[3] = ir_const(g->ir, 0);
        op->arg[4] = divisor;
    }
    written(g, d1);
    written(g, d2);
}

static void gen_flags(struct generator *g)
{
    ir_var v[4] = { any(g), any(g), any(g), any(g) };
    unsigned what = below(g, 7);
    struct ir_op *op;
    if (what < 3) {
        ir_var d = destination(g, what != 2);
        op = ir_append(g->ir, what == 0 ? IR_SETCC : what == 1 ? IR_GETCC : IR_MOVCC, 0);
        op->arg[0] = d;
        if (what == 2) {
            op->arg[4] = v[3];
            op->size2 = (uint8_t)below(g, 4);
        }
        recipe(g, op, v);
        if (what == 1)
            op->cond = 0;
        written(g, d);
    } else if (g->commit && what == 3) {
        op = ir_append(g->ir, IR_SAVECC, 0);
        recipe(g, op, v);
        op->cond = 0;
    } else { // an addition and a condition on it
        ir_var d = destination(g, true), e = destination(g, true);
        unsigned size = 2 + below(g, 2);
        ir_3(g->ir, what & 1 ? IR_ADD : IR_SUB, size, d, v[0], v[1]);
        written(g, d);
        if (v[1] == d || e == d)
            return;
        op = ir_append(g->ir, IR_SETCC, size);
        op->kind = what & 1 ? CC_ADD : CC_SUBR;
        op->cond = (uint8_t)below(g, 16);
        op->arg[0] = e;
        op->arg[1] = d;
        op->arg[2] = v[1];
        written(g, e);
    }
}

static void gen_field(struct generator *g)
{
    unsigned size = below(g, 4), offset = (unsigned)offsetof(struct fake_cpu, env) + 8 * below(g, FIELDS);
    offset += below(g, 3) ? 0 : below(g, 8 >> size) << size;
    if (below(g, 3) && g->commit) {
        ir_var v = any(g);
        struct ir_op *op = ir_append(g->ir, IR_STENV, size);
        op->arg[0] = v;
        op->imm = offset;
        return;
    }
    ir_var d = destination(g, true);
    struct ir_op *op = ir_append(g->ir, IR_LDENV, size);
    op->arg[0] = d;
    op->imm = offset;
    written(g, d);
}

static void gen_vector(struct generator *g)
{
    static const uint16_t rows[] = { V_addps, V_mulsd, V_pxor, V_paddd, V_cvtss2sd, V_divss, V_pmulld, V_psubb };
    ir_var d;
    struct ir_op *op;
    switch (below(g, 6)) {
    case 0:
        d = vector_destination(g);
        ir_2(g->ir, IR_VMOV, 4, d, ir_global(REGS + below(g, VECTORS)));
        break;
    case 1:
        d = destination(g, true);
        ir_2(g->ir, IR_GETMXCSR, 2, d, IR_NONE);
        written(g, d);
        break;
    case 2:
        d = destination(g, true);
        op = ir_append(g->ir, IR_VTOG, 3);
        op->arg[0] = d;
        op->arg[1] = ir_global(REGS + below(g, VECTORS));
        op->helper = V_movmskps;
        written(g, d);
        break;
    case 3:
        d = destination(g, true);
        op = ir_append(g->ir, IR_VCMPG, 3);
        op->arg[0] = d;
        op->arg[1] = ir_global(REGS + below(g, VECTORS));
        op->arg[2] = ir_global(REGS + below(g, VECTORS));
        op->helper = below(g, 2) ? V_ucomisd : V_comiss;
        written(g, d);
        break;
    default: {
        ir_var a = ir_global(REGS + below(g, VECTORS)), b = ir_global(REGS + below(g, VECTORS));
        d = vector_destination(g);
        op = ir_append(g->ir, IR_VOP, 4);
        op->arg[0] = d;
        op->arg[1] = a;
        op->arg[2] = b;
        op->helper = rows[below(g, sizeof rows / 2)];
        break;
    }
    }
}

static void address(struct generator *g, ir_var *base, ir_var *index, struct ir_op *op, unsigned span)
{
    *base = ir_const(g->ir, (int64_t)(MEMORY_VA - 0x100));
    *index = ir_temp(g->ir);
    ir_3(g->ir, IR_AND, 2, *index, any(g), ir_const(g->ir, 0x1ff8 >> 1));
    op->scale = (uint8_t)below(g, 2);
    op->imm = 0x100 + below(g, (unsigned)(MEMORY_SIZE - 0x1ff8 - span));
}

static void gen_memory(struct generator *g)
{
    ir_var base, index, d, token, v = any(g), vector = any_vector(g);
    struct ir_op fields = { 0 }, *op;
    unsigned what = below(g, 7), size = below(g, 4), vsize = 2 + below(g, 3);
    address(g, &base, &index, &fields, 16);
    switch (what) {
    case 0: case 1:
        d = destination(g, true);
        op = ir_append(g->ir, IR_GLD, size);
        op->ext = (uint8_t)below(g, 3);
        op->arg[0] = d;
        op->arg[1] = base;
        op->arg[2] = index;
        written(g, d);
        break;
    case 2: case 3:
        ir_3(g->ir, IR_GST, size, base, index, v);
        op = &g->ir->ops[g->ir->op_count - 1];
        break;
    case 4:
        d = ir_temp(g->ir);
        token = ir_temp(g->ir);
        ir_4(g->ir, IR_GRMW, size, d, token, base, index);
        op = &g->ir->ops[g->ir->op_count - 1];
        op->scale = fields.scale;
        op->imm = fields.imm;
        ir_3(g->ir, IR_ADD, size, d, d, v);
        written(g, d);
        ir_4(g->ir, IR_GRMWST, size, token, base, index, d);
        op = &g->ir->ops[g->ir->op_count - 1];
        break;
    case 5:
        ir_3(g->ir, IR_GSTV, vsize, base, index, vector);
        op = &g->ir->ops[g->ir->op_count - 1];
        break;
    default:
        d = vector_destination(g);
        ir_3(g->ir, IR_GLDV, vsize, d, base, index);
        op = &g->ir->ops[g->ir->op_count - 1];
        break;
    }
    op->scale = fields.scale;
    op->imm = fields.imm;
    op->addr32 = below(g, 4) == 0;
    if (what == 4) // the pair has one address
        op->addr32 = 0;
}

static void gen_call(struct generator *g)
{
    bool writes = g->commit && below(g, 2);
    ir_var d = destination(g, true), v[3] = { any(g), any(g), any(g) };
    struct ir_op *op = ir_append(g->ir, IR_CALL, 0);
    op->helper = writes;
    op->defs = 1;
    op->uses = writes ? 1 : 3;
    op->arg[0] = d;
    for (unsigned k = 0; k < op->uses; k++)
        op->arg[1 + k] = v[k];
    written(g, d);
}

static void gen_op(struct generator *g, unsigned depth);

static void gen_branch(struct generator *g, unsigned depth)
{
    struct generator saved;
    unsigned label = ir_label(g->ir);
    ir_var v[3] = { any(g), any(g), any(g) };
    struct ir_op *op = ir_append(g->ir, IR_BRCC, 0);
    op->imm = label;
    recipe(g, op, v);
    saved = *g;
    for (unsigned n = below(g, 5); n-- > 0;)
        gen_op(g, depth + 1);
    g->temp_count = saved.temp_count; // only what was written before is written on both paths
    g->vtemp_count = saved.vtemp_count;
    memcpy(g->temps, saved.temps, sizeof g->temps);
    memcpy(g->vtemps, saved.vtemps, sizeof g->vtemps);
    ir_append(g->ir, IR_LABEL, 0)->imm = label;
}

static void gen_op(struct generator *g, unsigned depth)
{
    unsigned what = below(g, 24);
    if (what < 11)
        gen_integer(g);
    else if (what < 12)
        gen_wide(g);
    else if (what < 15)
        gen_flags(g);
    else if (what < 17)
        gen_field(g);
    else if (what < 19)
        gen_vector(g);
    else if (what < 22 && !g->commit)
        gen_memory(g);
    else if (what < 23)
        gen_call(g);
    else if (depth < 2)
        gen_branch(g, depth);
}

static void gen_end(struct generator *g)
{
    ir_var v[3] = { any(g), any(g), any(g) };
    struct ir_op *op;
    switch (below(g, 5)) {
    case 0:
        op = ir_append(g->ir, IR_JUMP, 0);
        op->arg[0] = v[0];
        op->imm = 9; // ids start at 1: then no rip looks like an empty slot
        break;
    case 1:
        ir_append(g->ir, IR_RESUME, 0);
        break;
    case 2:
        op = ir_append(g->ir, IR_LEAVE, 0);
        op->edge = EXIT_LOOP;
        op->imm = 0x123456;
        break;
    default:
        op = ir_append(g->ir, IR_EXIT, 0);
        recipe(g, op, v);
        op->cond = 0;
        op->imm = (int64_t)g->ir->edges[0].rip;
        break;
    }
}

static void generate(struct ir_block *ir, uint64_t seed)
{
    static const struct ir_site none = { .a = IR_NONE, .b = IR_NONE, .c = IR_NONE };
    struct generator g = { .random = { seed }, .ir = ir };
    ir_block_clear(ir);
    ir->edges[0] = (struct ir_edge){ 0xffffffff81234567, 3, false };
    ir->edge_count = 1;
    ir->insn_count = 5;
    unsigned insns = 1 + below(&g, 5);
    for (unsigned i = 0; i < insns; i++) {
        ir_site(ir, &none);
        ir_append(ir, IR_INSN, 0)->site = (uint16_t)i;
        for (unsigned phase = 0; phase < 2; phase++) {
            g.commit = phase;
            for (unsigned n = below(&g, 8); n-- > 0;)
                gen_op(&g, 0);
        }
    }
    gen_end(&g);
}

static bool same_state(const struct machine *a, const struct machine *b, const struct tcg_block *block_a, const struct tcg_block *block_b)
{
    const struct fake_cpu *x = &a->cpu, *y = &b->cpu;
    const struct vcpu_head *p = &x->head, *q = &y->head;
    bool edge_a = p->exit_edge == &block_a->edges[0], edge_b = q->exit_edge == &block_b->edges[0];
    return !memcmp(x->regs, y->regs, sizeof x->regs) && !memcmp(x->xmm, y->xmm, sizeof x->xmm) && !memcmp(x->env, y->env, sizeof x->env) &&
           !memcmp(x->memory, y->memory, MEMORY_SIZE) && !((p->cc_lo ^ q->cc_lo) & 0xd5) && p->cc_of == q->cc_of && p->mxcsr == q->mxcsr &&
           p->rip == q->rip && p->budget == q->budget && p->exit_reason == q->exit_reason && edge_a == edge_b && p->site == q->site;
}

static void show_difference(const struct machine *a, const struct machine *b)
{
    for (unsigned i = 0; i < REGS; i++)
        if (a->cpu.regs[i] != b->cpu.regs[i])
            printf("# r%u: %#llx, %#llx\n", i, (unsigned long long)a->cpu.regs[i], (unsigned long long)b->cpu.regs[i]);
    for (unsigned i = 0; i < FIELDS; i++)
        if (a->cpu.env[i] != b->cpu.env[i])
            printf("# field %u: %#llx, %#llx\n", i, (unsigned long long)a->cpu.env[i], (unsigned long long)b->cpu.env[i]);
    for (unsigned i = 0; i < VECTORS; i++)
        if (memcmp(&a->cpu.xmm[i], &b->cpu.xmm[i], 16))
            printf("# x%u\n", i);
    const struct vcpu_head *p = &a->cpu.head, *q = &b->cpu.head;
    printf("# flags %02x %u, %02x %u; mxcsr %x, %x; rip %llx, %llx; reason %u, %u; site %u, %u\n", p->cc_lo, p->cc_of, q->cc_lo, q->cc_of,
           p->mxcsr, q->mxcsr, (unsigned long long)p->rip, (unsigned long long)q->rip, p->exit_reason, q->exit_reason, p->site, q->site);
}

static void test_random(struct machine *plain, struct machine *other, bool optimize, const char *name, unsigned programs, uint64_t seed)
{
    struct ir_block *first = ir_block_new(&target), *second = ir_block_new(&target);
    unsigned wrong = 0, before = 0, after = 0;
    char why[200] = "";
    for (unsigned i = 0; i < programs && !wrong; i++) {
        struct tcg_block a, b;
        generate(first, seed + i);
        generate(second, seed + i);
        if (first->overflow)
            continue;
        bool good = ir_verify(first, why, sizeof why);
        if (optimize)
            ir_optimize(second);
        good &= good && ir_verify(second, why, sizeof why);
        before += first->op_count;
        after += second->op_count;
        if (good) {
            machine_reset(plain, seed + i);
            machine_reset(other, seed + i);
            emit(plain, first, &a);
            emit(other, second, &b);
            run(plain, &a);
            run(other, &b);
            good = same_state(plain, other, &a, &b);
            plain->backend->release(plain->state, &a);
            other->backend->release(other->state, &b);
        }
        if (!good) {
            wrong++;
            printf("# TEST_SEED=%llu TEST_PROGRAMS=1: %s\n", (unsigned long long)(seed + i), why);
            show_difference(plain, other);
            printf("# before:\n");
            ir_dump(first, stdout);
            printf("# after:\n");
            ir_dump(second, stdout);
        }
    }
    tap_ok(!wrong, "%u random programs: as they are, and %s (%u ops, %u)", programs, name, before, after);
    ir_block_free(first);
    ir_block_free(second);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 0) : otherwise;
}

int main(void)
{
    struct machine *plain = malloc(sizeof *plain), *other = malloc(sizeof *other);
    uint64_t seed = setting("TEST_SEED", 1);
    unsigned programs = (unsigned)setting("TEST_PROGRAMS", 4000);
    machine_init(plain, &tcg_backend_interp);
    test_protocol(plain);
    test_code_buffer();
    machine_init(other, &tcg_backend_interp);
    test_random(plain, other, true, "optimized", programs, seed);
    machine_release(other);
#ifdef __x86_64__
    machine_init(other, &tcg_backend_x86_64);
    test_protocol(other);
    test_random(plain, other, false, "by the x86_64 backend", programs, seed);
    test_random(plain, other, true, "optimized, by the x86_64 backend", programs, seed);
    machine_release(other);
#endif
    tap_ok(slow_calls > 0, "the slow path was taken %u times", slow_calls);
    machine_release(plain);
    free(plain);
    free(other);
    return tap_done();
}
