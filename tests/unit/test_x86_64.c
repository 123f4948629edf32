// SPDX-License-Identifier: MIT
//
// The x86-64 backend alone: random IR on a made-up CPU struct, against a plain evaluator of the ops in this file
// (flags by cc_compute, vectors by the interpreter's functions); every recipe with every condition and size; edges,
// budget, jump cache, slow paths and leaving. The slow path's functions are this file's own: they use general
// registers only, spoil what C may spoil, and check that homes are in the struct.
#include <stdlib.h>
#include <string.h>
#include "tests/unit/tap.h"
#include "util/error.h"

#ifndef __x86_64__
int main(void)
{
    printf("1..0 # SKIP needs an x86-64 host\n");
    return 0;
}
#else
#include <math.h>
#include "softmmu/tlb.h"
#include "tcg/backend.h"
#include "tcg/code_buffer.h"
#include "tcg/vec.h"

#define GENERAL __attribute__((target("general-regs-only"), noinline))
#define MEMORY_VA 0x7ffff000ull // crosses 2 GiB
#define MEMORY_PAGES 5
#define MEMORY_SIZE (MEMORY_PAGES * 4096)
#define FAULT_VA 0x123456789000ull

struct fake_cpu {
    struct vcpu_head head;
    uint64_t regs[16];
    union vec128 xmm[16];
    uint64_t env[8];
    uint8_t *memory;
};

#define X(n) { "r" #n, offsetof(struct fake_cpu, regs) + 8 * n, false }
#define V(n) { "x" #n, offsetof(struct fake_cpu, xmm) + 16 * n, true }
static const struct ir_global globals[32] = {
    X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10), X(11), X(12), X(13), X(14), X(15),
    V(0), V(1), V(2), V(3), V(4), V(5), V(6), V(7), V(8), V(9), V(10), V(11), V(12), V(13), V(14), V(15),
};

static unsigned slow_calls, misaligned_calls;

// ---- what the backend calls

GENERAL static void spoil(void)
{
    __asm__ volatile("mov $0x5a5a5a5a, %%eax\n mov %%rax, %%rcx\n mov %%rax, %%rdx\n mov %%rax, %%rsi\n mov %%rax, %%rdi\n"
                     "mov %%rax, %%r8\n mov %%rax, %%r9\n mov %%rax, %%r10\n mov %%rax, %%r11\n"
                     ::: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

GENERAL static void fault_at(struct vcpu_head *cpu, uint64_t va)
{
    cpu->fault.va = va;
    cpu->exit_reason = EXIT_FAULT;
    cpu->backend->leave(cpu->backend_state, cpu);
}

GENERAL static uint8_t *byte_at(struct vcpu_head *cpu, uint64_t va, unsigned size)
{
    slow_calls++;
    if (va - MEMORY_VA > MEMORY_SIZE - size)
        fault_at(cpu, va);
    return ((struct fake_cpu *)cpu)->memory + (va - MEMORY_VA);
}

GENERAL static uint64_t get_bytes(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

GENERAL static void put_bytes(uint8_t *p, uint64_t v, unsigned size)
{
    for (unsigned i = 0; i < size; i++, v >>= 8)
        ((volatile uint8_t *)p)[i] = (uint8_t)v;
}

GENERAL uint64_t ldst_load(struct vcpu_head *cpu, uint64_t va, unsigned size_log2)
{
    uint64_t v = get_bytes(byte_at(cpu, va, 1u << size_log2), 1u << size_log2);
    spoil();
    return v;
}

GENERAL void ldst_store(struct vcpu_head *cpu, uint64_t va, uint64_t value, unsigned size_log2)
{
    put_bytes(byte_at(cpu, va, 1u << size_log2), value, 1u << size_log2);
    spoil();
}

GENERAL void ldst_load128(struct vcpu_head *cpu, uint64_t va, uint64_t out[2])
{
    const uint8_t *p = byte_at(cpu, va, 16);
    out[0] = get_bytes(p, 8);
    out[1] = get_bytes(p + 8, 8);
    spoil();
}

GENERAL void ldst_store128(struct vcpu_head *cpu, uint64_t va, const uint64_t in[2])
{
    uint8_t *p = byte_at(cpu, va, 16);
    put_bytes(p, in[0], 8);
    put_bytes(p + 8, in[1], 8);
    spoil();
}

GENERAL void *ldst_probe_rmw(struct vcpu_head *cpu, uint64_t va, unsigned size)
{
    uint8_t *p = byte_at(cpu, va, size);
    bool direct = va % 3 != 0;
    spoil();
    return direct ? p : NULL;
}

GENERAL void ldst_probe(struct vcpu_head *cpu, uint64_t va, unsigned size, enum access access)
{
    byte_at(cpu, va, size);
    spoil();
}

__attribute__((noreturn)) GENERAL static void misaligned(struct vcpu_head *cpu)
{
    misaligned_calls++;
    cpu->exit_reason = EXIT_HALT;
    cpu->backend->leave(cpu->backend_state, cpu);
    __builtin_unreachable();
}

static const struct tlb_target_ops tlb_ops = { .misaligned = misaligned };

// ---- helpers

static uint64_t helper_mix(struct vcpu_head *cpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    volatile double x = (double)(int64_t)a;                         // uses vector registers, inexact
    volatile double y = x * 1.1 + sqrt(fabs(x));
    (void)y;
    return a + 3 * b + 5 * c + 7 * d + 11 * e;
}

GENERAL static uint64_t helper_general(struct vcpu_head *cpu, uint64_t a, uint64_t b)
{
    spoil();
    return a * 31 + b;
}

static void helper_write(struct vcpu_head *cpu, uint64_t a)
{
    struct fake_cpu *f = (struct fake_cpu *)cpu;
    for (unsigned i = 0; i < 16; i++)
        f->regs[i] += a + i;
    for (unsigned i = 0; i < 16; i++)
        f->xmm[i].w[i & 3] ^= (uint32_t)a;
    cpu->budget -= 1;
}

static uint64_t helper_read(struct vcpu_head *cpu)
{
    struct fake_cpu *f = (struct fake_cpu *)cpu;
    uint64_t sum = (uint64_t)cpu->budget;
    for (unsigned i = 0; i < 16; i++)
        sum = sum * 5 + f->regs[i] + f->xmm[i].d[1];
    return sum;
}

static void helper_leave(struct vcpu_head *cpu, uint64_t a)
{
    if ((a & 3) == 0) {
        cpu->exit_reason = EXIT_IO;
        cpu->backend->leave(cpu->backend_state, cpu);
    }
    double x = (double)a;
    __asm__ volatile("" : "+x"(x));
}

enum { H_MIX, H_GENERAL, H_WRITE, H_READ, H_LEAVE, H_COUNT };
static const struct helper_row helpers[H_COUNT] = {
    [H_MIX] = { "mix", helper_mix, 0, 1, 5 },
    [H_GENERAL] = { "general", helper_general, HELPER_GENERAL, 1, 2 },
    [H_WRITE] = { "write", helper_write, HELPER_READS | HELPER_WRITES, 0, 1 },
    [H_READ] = { "read", helper_read, HELPER_READS, 1, 0 },
    [H_LEAVE] = { "leave", helper_leave, HELPER_LEAVES, 0, 1 },
};
static const struct ir_target target = { globals, 32, helpers, H_COUNT, sizeof(struct fake_cpu) };

// ---- the reference

struct reference {
    struct fake_cpu *cpu;
    uint64_t v[IR_MAX_VARS];
    union vec128 x[IR_MAX_VARS];
};

static uint64_t low(uint64_t v, unsigned size) { return size >= 3 ? v : v & ((1ull << (8u << size)) - 1); }
static int64_t sign(uint64_t v, unsigned size) { return (int64_t)(v << (64 - (8u << size))) >> (64 - (8u << size)); }

static uint64_t value(const struct reference *r, const struct ir_block *b, ir_var n)
{
    if (n == IR_NONE)
        return 0;
    return b->vars[n].kind == IR_CONST ? (uint64_t)b->vars[n].value : r->v[n];
}

static void set(struct reference *r, ir_var n, unsigned size, uint64_t v)
{
    if (size >= 2)
        r->v[n] = low(v, size);
    else
        r->v[n] = (r->v[n] & ~low(~0ull, size)) | low(v, size);
}

static void sync_out(struct reference *r)
{
    for (unsigned i = 0; i < 16; i++) {
        r->cpu->regs[i] = r->v[i];
        r->cpu->xmm[i] = r->x[16 + i];
    }
}

static void sync_in(struct reference *r)
{
    for (unsigned i = 0; i < 16; i++) {
        r->v[i] = r->cpu->regs[i];
        r->x[16 + i] = r->cpu->xmm[i];
    }
}

static uint32_t recipe(const struct reference *r, const struct ir_block *b, const struct ir_op *op)
{
    const ir_var *arg = op->arg + op->defs;
    if (op->kind == CC_ENV)
        return (r->cpu->head.cc_lo & 0xd5u) | (uint32_t)r->cpu->head.cc_of << 11;
    return cc_compute(op->kind, op->size, value(r, b, arg[0]), value(r, b, arg[1]), value(r, b, arg[2]));
}

static uint64_t rotate(uint64_t v, unsigned count, unsigned size)
{
    unsigned bits = 8u << size;
    v = low(v, size);
    count &= bits - 1;
    return count ? v << count | v >> (bits - count) : v;
}

static uint32_t crc32c(uint32_t crc, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++, v >>= 8) {
        crc ^= (uint8_t)v;
        for (unsigned k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

static uint64_t address(const struct reference *r, const struct ir_block *b, const struct ir_op *op, unsigned first)
{
    uint64_t va = value(r, b, op->arg[first]) + (value(r, b, op->arg[first + 1]) << op->scale) + (uint64_t)op->imm;
    return op->addr32 ? (uint32_t)va : va;
}

static uint8_t *ref_memory(struct reference *r, uint64_t va) { return r->cpu->memory + (va - MEMORY_VA); }

static uint64_t extended(uint64_t v, const struct ir_op *op)
{
    return op->ext == 0 ? v : op->ext == 1 ? (uint64_t)sign(v, op->size) : (uint32_t)sign(v, op->size);
}

static void ref_pair(struct reference *r, const struct ir_op *op, uint64_t a, uint64_t b, uint64_t c)
{
    unsigned bits = 8u << op->size;
    uint64_t lo, hi;
    __extension__ typedef unsigned __int128 u128;
    __extension__ typedef __int128 s128;
    if (op->opcode == IR_MULU2 || op->opcode == IR_MULS2) {
        u128 p = op->opcode == IR_MULU2 ? (u128)low(a, op->size) * low(b, op->size)
                                        : (u128)((s128)sign(a, op->size) * sign(b, op->size));
        lo = (uint64_t)p;
        hi = (uint64_t)(p >> bits);
    } else {
        u128 n = (u128)low(b, op->size) << bits | low(a, op->size);
        if (op->opcode == IR_DIVU2) {
            lo = (uint64_t)(n / low(c, op->size));
            hi = (uint64_t)(n % low(c, op->size));
        } else {
            s128 m = op->size == 3 ? (s128)n : (s128)(int64_t)n;
            lo = (uint64_t)(m / sign(c, op->size));
            hi = (uint64_t)(m % sign(c, op->size));
        }
    }
    set(r, op->arg[0], op->size, lo);
    set(r, op->arg[1], op->size, hi);
}

static uint64_t ref_value(const struct ir_op *op, uint64_t d, uint64_t a, uint64_t b, uint64_t c)
{
    unsigned size = op->size, bits = 8u << size, count = (unsigned)b & (size == 3 ? 63 : 31), wide = (unsigned)c & (size == 3 ? 63 : 31);
    switch ((enum ir_opcode)op->opcode) {
    case IR_MOV: return a;
    case IR_ZX8: return (uint8_t)a;
    case IR_ZX16: return (uint16_t)a;
    case IR_ZX32: return (uint32_t)a;
    case IR_SX8: return (uint64_t)(int8_t)a;
    case IR_SX16: return (uint64_t)(int16_t)a;
    case IR_SX32: return (uint64_t)(int32_t)a;
    case IR_GETHI: return a >> 8 & 0xff;
    case IR_PUTHI: return (d & ~0xff00ull) | (a & 0xff) << 8;
    case IR_LEA: return a + (b << op->scale) + (uint64_t)op->imm;
    case IR_ADD: return a + b;
    case IR_SUB: return a - b;
    case IR_AND: return a & b;
    case IR_OR: return a | b;
    case IR_XOR: return a ^ b;
    case IR_ADC: return a + b + (c & 1);
    case IR_SBB: return a - b - (c & 1);
    case IR_NEG: return 0 - a;
    case IR_NOT: return ~a;
    case IR_MUL: return a * b;
    case IR_SHL: return count >= bits ? 0 : low(a, size) << count;
    case IR_SHR: return count >= bits ? 0 : low(a, size) >> count;
    case IR_SAR: return (uint64_t)(sign(a, size) >> count);
    case IR_ROL: return rotate(a, count, size);
    case IR_ROR: return rotate(a, bits - (count & (bits - 1)), size);
    case IR_SHLD: return wide ? low(a, size) << wide | low(b, size) >> (bits - wide) : a;
    case IR_SHRD: return wide ? low(a, size) >> wide | low(b, size) << (bits - wide) : a;
    case IR_BSWAP: return size == 3 ? __builtin_bswap64(a) : __builtin_bswap32((uint32_t)a);
    case IR_CTZ: return low(a, size) ? (unsigned)__builtin_ctzll(low(a, size)) : bits;
    case IR_CLZ: return low(a, size) ? (unsigned)__builtin_clzll(low(a, size)) - (64 - bits) : bits;
    case IR_POPCNT: return (unsigned)__builtin_popcountll(low(a, size));
    case IR_CRC32: return crc32c((uint32_t)a, b, 1u << size);
    default: abort();
    }
}

static void ref_vector(struct reference *r, const struct ir_block *b, const struct ir_op *op)
{
    struct vec_args args = { .imm = (uint8_t)op->imm, .mxcsr = r->cpu->head.mxcsr };
    args.d = r->x[op->arg[1]];
    if (op->opcode == IR_VFROMG)
        args.g = value(r, b, op->arg[2]);
    else if (op->opcode != IR_VTOG)
        args.s = r->x[op->arg[2]];
    vec_interp[op->helper](&args);
    r->cpu->head.mxcsr = args.mxcsr;
    if (op->opcode == IR_VTOG || op->opcode == IR_VCMPG)
        set(r, op->arg[0], 3, args.g);
    else
        r->x[op->arg[0]] = args.d;
}

// Runs until the block is left; returns the op that left. Accesses do not fault here.
static const struct ir_op *ref_run(struct reference *r, const struct ir_block *b)
{
    struct vcpu_head *head = &r->cpu->head;
    sync_in(r);
    for (unsigned i = 0; i < b->op_count; i++) {
        const struct ir_op *op = &b->ops[i];
        const ir_var *arg = op->arg;
        switch ((enum ir_opcode)op->opcode) {
        case IR_INSN: case IR_LABEL: case IR_CTX: break;
        case IR_MULU2: case IR_MULS2: case IR_DIVU2: case IR_DIVS2:
            ref_pair(r, op, value(r, b, arg[2]), value(r, b, arg[3]), op->uses > 2 ? value(r, b, arg[4]) : 0);
            break;
        case IR_SETCC: set(r, arg[0], 3, cc_condition(op->cond, recipe(r, b, op))); break;
        case IR_MOVCC:
            if (cc_condition(op->cond, recipe(r, b, op)))
                set(r, arg[0], op->size2, value(r, b, arg[4]));
            else if (op->size2 == 2)
                set(r, arg[0], 2, r->v[arg[0]]);
            break;
        case IR_GETCC: set(r, arg[0], 3, recipe(r, b, op)); break;
        case IR_SAVECC: {
            uint32_t flags = recipe(r, b, op);
            head->cc_lo = flags & 0xd5;
            head->cc_of = flags >> 11 & 1;
            break;
        }
        case IR_BR: case IR_BRCC:
            if (op->opcode == IR_BR || cc_condition(op->cond, recipe(r, b, op)))
                while (b->ops[i].opcode != IR_LABEL || b->ops[i].imm != op->imm)
                    i++;
            break;
        case IR_EXIT: {
            uint32_t flags = recipe(r, b, op);
            head->cc_lo = flags & 0xd5;
            head->cc_of = flags >> 11 & 1;
            head->rip = b->edges[op->edge].rip;
            sync_out(r);
            return op;
        }
        case IR_JUMP: case IR_LEAVE:
            head->rip = op->opcode == IR_JUMP ? value(r, b, arg[0]) : (uint64_t)op->imm;
            sync_out(r);
            return op;
        case IR_LDENV: set(r, arg[0], 3, get_bytes((uint8_t *)r->cpu + op->imm, 1u << op->size)); break;
        case IR_STENV: put_bytes((uint8_t *)r->cpu + op->imm, value(r, b, arg[0]), 1u << op->size); break;
        case IR_GLD: set(r, arg[0], 3, extended(get_bytes(ref_memory(r, address(r, b, op, 1)), 1u << op->size), op)); break;
        case IR_GST: put_bytes(ref_memory(r, address(r, b, op, 0)), value(r, b, arg[2]), 1u << op->size); break;
        case IR_GRMW: {
            uint8_t *p = ref_memory(r, address(r, b, op, 2));
            set(r, arg[0], 3, extended(get_bytes(p, 1u << op->size), op));
            r->v[arg[1]] = (uint64_t)(uintptr_t)p;
            break;
        }
        case IR_GRMWST: put_bytes((uint8_t *)(uintptr_t)r->v[arg[0]], value(r, b, arg[3]), 1u << op->size); break;
        case IR_GPROBE: break;
        case IR_GLDV: {
            union vec128 x = { .d = { 0, 0 } };
            memcpy(&x, ref_memory(r, address(r, b, op, 1)), 1u << op->size);
            r->x[arg[0]] = x;
            break;
        }
        case IR_GSTV: memcpy(ref_memory(r, address(r, b, op, 0)), &r->x[arg[2]], 1u << op->size); break;
        case IR_CALL: {
            uint64_t a[5], result;
            for (unsigned k = 0; k < op->uses; k++)
                a[k] = value(r, b, arg[op->defs + k]);
            sync_out(r);
            switch (op->helper) {
            case H_MIX: result = helper_mix(head, a[0], a[1], a[2], a[3], a[4]); break;
            case H_GENERAL: result = a[0] * 31 + a[1]; break;
            case H_WRITE: helper_write(head, a[0]); result = 0; break;
            case H_READ: result = helper_read(head); break;
            default:
                result = 0;
                if ((a[0] & 3) == 0) {
                    head->exit_reason = EXIT_IO;
                    return op;
                }
            }
            sync_in(r);
            if (op->defs)
                set(r, arg[0], 3, result);
            break;
        }
        case IR_VMOV: r->x[arg[0]] = r->x[arg[1]]; break;
        case IR_VLDENV: {
            union vec128 x = { .d = { 0, 0 } };
            memcpy(&x, (uint8_t *)r->cpu + op->imm, 1u << op->size);
            r->x[arg[0]] = x;
            break;
        }
        case IR_VSTENV: memcpy((uint8_t *)r->cpu + op->imm, &r->x[arg[0]], 1u << op->size); break;
        case IR_VOP: case IR_VFROMG: case IR_VTOG: case IR_VCMPG: ref_vector(r, b, op); break;
        case IR_GETMXCSR: set(r, arg[0], 3, head->mxcsr); break;
        case IR_SETMXCSR: head->mxcsr = (uint32_t)value(r, b, arg[0]); break;
        case IR_CRC32: set(r, arg[0], 2, ref_value(op, 0, value(r, b, arg[1]), value(r, b, arg[2]), 0)); break;
        default: {
            uint64_t d = r->v[arg[0]];
            uint64_t v = ref_value(op, d, value(r, b, arg[1]), op->uses > 1 ? value(r, b, arg[2]) : 0,
                                   op->uses > 2 ? value(r, b, arg[3]) : 0);
            set(r, arg[0], op->opcode == IR_GETHI || op->opcode == IR_PUTHI ? 3 : op->size, v);
            break;
        }
        }
    }
    abort();
}

// ---- the machine

struct fixture {
    struct code_buffer buffer;
    void *state;
    struct tlb_context *context;
    uint8_t *memory, *memory_before, *memory_ref;
    struct fake_cpu *cpu, *before, *ref;
    struct reference reference;
    struct tap_random random;
};

static void map_page(struct tlb_context *c, uint64_t va, uint8_t *host, bool write)
{
    struct tlb_entry entry = { va, (uint64_t)(uintptr_t)host };
    c->read[va >> 12 & (TLB_SIZE - 1)] = entry;
    if (write)
        c->write[va >> 12 & (TLB_SIZE - 1)] = entry;
}

static void fixture_open(struct fixture *f, const struct tcg_backend *backend)
{
    struct error *err = NULL;
    if (!code_buffer_init(&f->buffer, 8 << 20, CODE_BUFFER_AUTO, &err))
        abort();
    f->buffer.limit = f->buffer.size;
    f->state = backend->new(&target, &f->buffer, &err);
    if (!f->state)
        abort();
    f->context = calloc(1, sizeof *f->context);
    f->context->read[0].tag = f->context->write[0].tag = 4096;
    for (unsigned i = 0; i < JUMP_SIZE; i++)
        f->context->jump[i].key = jump_empty(i);
    f->memory = malloc(MEMORY_SIZE + 16);
    f->memory_before = malloc(MEMORY_SIZE);
    f->memory_ref = malloc(MEMORY_SIZE + 16);
    map_page(f->context, MEMORY_VA, f->memory, true);
    map_page(f->context, MEMORY_VA + 4096, f->memory + 4096, false); // stores are slow
    map_page(f->context, MEMORY_VA + 3 * 4096, f->memory + 3 * 4096, true);
    f->cpu = calloc(1, sizeof *f->cpu);
    f->before = calloc(1, sizeof *f->before);
    f->ref = calloc(1, sizeof *f->ref);
    f->cpu->memory = f->memory;
    struct vcpu_head *head = &f->cpu->head;
    head->context = head->views[0] = head->views[1] = head->views[2] = f->context;
    head->backend = backend;
    head->backend_state = f->state;
    head->tlb_ops = &tlb_ops;
    head->mxcsr = 0x1f80;
}

static void fixture_close(struct fixture *f)
{
    tcg_backend_x86_64.free(f->state);
    code_buffer_release(&f->buffer);
    free(f->context);
    free(f->memory);
    free(f->memory_before);
    free(f->memory_ref);
    free(f->cpu);
    free(f->before);
    free(f->ref);
}

static uint64_t interesting(struct tap_random *random)
{
    static const uint64_t values[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
                                       0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ull, ~0ull - 1, 0x1234567890abcdef };
    uint64_t r = tap_next(random);
    return r & 1 ? values[r / 2 % (sizeof values / 8)] : r & 2 ? tap_next(random) : tap_next(random) >> (r >> 8 & 63);
}

static void randomize(struct fixture *f)
{
    struct tap_random *random = &f->random;
    struct vcpu_head *head = &f->cpu->head;
    for (unsigned i = 0; i < 16; i++) {
        f->cpu->regs[i] = interesting(random);
        f->cpu->xmm[i].d[0] = interesting(random);
        f->cpu->xmm[i].d[1] = tap_next(random);
    }
    for (unsigned i = 0; i < 8; i++)
        f->cpu->env[i] = tap_next(random);
    for (unsigned i = 0; i < MEMORY_SIZE; i += 8)
        *(uint64_t *)(f->memory + i) = tap_next(random);
    head->cc_lo = tap_next(random) & 0xd5;
    head->cc_of = tap_next(random) & 1;
    head->mxcsr = 0x1f80 | (uint32_t)tap_below(random, 4) << 13;
    head->budget = 1000;
    head->site = 0;
    head->rip = 0;
}

static bool same_state(const struct fake_cpu *a, const struct fake_cpu *b, char *why, size_t size)
{
    for (unsigned i = 0; i < 16; i++) {
        if (a->regs[i] != b->regs[i])
            return snprintf(why, size, "r%u is %#llx, not %#llx", i, (unsigned long long)a->regs[i], (unsigned long long)b->regs[i]), false;
        if (memcmp(&a->xmm[i], &b->xmm[i], 16))
            return snprintf(why, size, "x%u is %#llx %#llx, not %#llx %#llx", i, (unsigned long long)a->xmm[i].d[0], (unsigned long long)a->xmm[i].d[1],
                            (unsigned long long)b->xmm[i].d[0], (unsigned long long)b->xmm[i].d[1]), false;
    }
    if (memcmp(a->env, b->env, sizeof a->env))
        return snprintf(why, size, "the struct's other fields differ"), false;
    if (a->head.rip != b->head.rip)
        return snprintf(why, size, "rip is %#llx, not %#llx", (unsigned long long)a->head.rip, (unsigned long long)b->head.rip), false;
    if ((a->head.cc_lo & 0xd5) != b->head.cc_lo || a->head.cc_of != b->head.cc_of)
        return snprintf(why, size, "flags are %02x %u, not %02x %u", a->head.cc_lo, a->head.cc_of, b->head.cc_lo, b->head.cc_of), false;
    if (a->head.mxcsr != b->head.mxcsr)
        return snprintf(why, size, "mxcsr is %#x, not %#x", a->head.mxcsr, b->head.mxcsr), false;
    if (a->head.budget != b->head.budget)
        return snprintf(why, size, "budget is %d, not %d", a->head.budget, b->head.budget), false;
    return true;
}

static bool emit(struct fixture *f, struct ir_block *ir, struct tcg_block *block)
{
    ir_liveness(ir);
    block->rip = ir->rip;
    block->insn_count = ir->insn_count;
    block->site_base = 1000;
    return tcg_backend_x86_64.emit(f->state, ir, block);
}

// Run ir in both ways from the same random state and compare.
static bool run_both(struct fixture *f, struct ir_block *ir, char *why, size_t size)
{
    struct tcg_block block = { 0 };
    size_t used = f->buffer.used;
    if (!emit(f, ir, &block))
        return snprintf(why, size, "not emitted"), false;
    memcpy(f->memory_before, f->memory, MEMORY_SIZE);
    memcpy(f->memory_ref, f->memory, MEMORY_SIZE);
    *f->ref = *f->cpu;
    f->ref->memory = f->memory_ref;
    f->reference.cpu = f->ref;
    tcg_backend_x86_64.enter(f->state, &f->cpu->head, &block);
    f->ref->head.exit_reason = EXIT_NONE;
    const struct ir_op *left = ref_run(&f->reference, ir);
    f->buffer.used = used;
    if (left->opcode == IR_LEAVE)
        f->ref->head.exit_reason = left->edge;
    if (!same_state(f->cpu, f->ref, why, size))
        return false;
    if (f->cpu->head.exit_reason != f->ref->head.exit_reason)
        return snprintf(why, size, "left with %u, not %u", f->cpu->head.exit_reason, f->ref->head.exit_reason), false;
    if (left->opcode == IR_EXIT && f->cpu->head.exit_edge != &block.edges[left->edge])
        return snprintf(why, size, "the wrong edge"), false;
    if (left->opcode == IR_CALL ? f->cpu->head.site != 1000u + left->site : f->cpu->head.site != 0)
        return snprintf(why, size, "site is %u", f->cpu->head.site), false;
    if (memcmp(f->memory, f->memory_ref, MEMORY_SIZE))
        return snprintf(why, size, "memory differs"), false;
    return true;
}

// ---- random blocks

struct generator {
    struct ir_block *ir;
    struct tap_random *random;
    ir_var temps[24], vtemps[6];
    unsigned temp_count, vtemp_count;
    unsigned reg_range; // globals used
    unsigned vector_weight;
};

static uint64_t below(struct generator *g, uint64_t n) { return tap_below(g->random, n); }

static ir_var any_global(struct generator *g)
{
    unsigned n = g->reg_range;
    return ir_global((unsigned)(below(g, 4) ? below(g, n) : 16 - 1 - below(g, n)));
}

static ir_var source(struct generator *g)
{
    unsigned r = (unsigned)below(g, 10);
    if (r < 4 && g->temp_count)
        return g->temps[below(g, g->temp_count)];
    if (r < 8)
        return any_global(g);
    return ir_const(g->ir, (int64_t)interesting(g->random));
}

static ir_var variable(struct generator *g)
{
    return below(g, 2) && g->temp_count ? g->temps[below(g, g->temp_count)] : any_global(g);
}

// Somewhere to write; at sizes below 32 bits a temp must have a value. The new temp counts as written by the caller.
static ir_var destination(struct generator *g, unsigned size, ir_var *fresh)
{
    *fresh = IR_NONE;
    if (size >= 2 && g->temp_count < 24 && below(g, 3) == 0)
        return *fresh = ir_temp(g->ir);
    return variable(g);
}

static void written(struct generator *g, ir_var fresh)
{
    if (fresh != IR_NONE)
        g->temps[g->temp_count++] = fresh;
}

static ir_var vsource(struct generator *g)
{
    if (g->vtemp_count && below(g, 2))
        return g->vtemps[below(g, g->vtemp_count)];
    return ir_global(16 + (unsigned)below(g, 16));
}

static ir_var vdestination(struct generator *g, ir_var *fresh)
{
    *fresh = IR_NONE;
    if (g->vtemp_count < 6 && below(g, 3) == 0)
        return *fresh = ir_vtemp(g->ir);
    return vsource(g);
}

static void vwritten(struct generator *g, ir_var fresh)
{
    if (fresh != IR_NONE)
        g->vtemps[g->vtemp_count++] = fresh;
}

// Fill kind, size, cond and three operands from `first`; often what the op before left in the host's flags.
static void fill_recipe(struct generator *g, struct ir_op *op, unsigned first, const struct ir_op *last)
{
    op->kind = (uint8_t)below(g, CC__COUNT);
    op->size = (uint8_t)below(g, 4);
    op->cond = (uint8_t)below(g, 16);
    ir_var a = source(g), b = source(g), c = source(g);
    if (last && below(g, 3)) {
        op->size = last->size;
        a = last->arg[0];
        b = last->uses > 1 ? last->arg[1 + below(g, 2)] : last->arg[1];
        switch (last->opcode) {
        case IR_ADD: op->kind = below(g, 3) ? CC_ADD : CC_INC; break;
        case IR_SUB: op->kind = below(g, 3) ? CC_SUBR : CC_DEC; break;
        case IR_ADC: op->kind = CC_ADC; c = last->arg[3]; break;
        case IR_SBB: op->kind = CC_SBB; c = last->arg[3]; break;
        case IR_SHL: op->kind = CC_SHL; break;
        case IR_SHR: case IR_SAR: op->kind = CC_SHR; break;
        case IR_NEG: op->kind = CC_SUB; a = ir_const(g->ir, 0); b = last->arg[1]; break;
        default: op->kind = CC_LOGIC; break;
        }
        if (op->kind == CC_SUBR)
            b = last->arg[2];
    }
    op->arg[first] = a;
    op->arg[first + 1] = b;
    op->arg[first + 2] = c;
}

// A random op must not be filled while other appends happen: ir_append's result moves.
static void append(struct generator *g, struct ir_op op) { *ir_append(g->ir, op.opcode, op.size) = op; }

static struct ir_op template(enum ir_opcode opcode, unsigned size, unsigned defs, unsigned uses)
{
    struct ir_op op = { .opcode = (uint8_t)opcode, .size = (uint8_t)size, .defs = (uint8_t)defs, .uses = (uint8_t)uses };
    for (unsigned i = 0; i < 6; i++)
        op.arg[i] = IR_NONE;
    return op;
}

static void gen_integer(struct generator *g)
{
    static const uint8_t binary[] = { IR_ADD, IR_SUB, IR_AND, IR_OR, IR_XOR, IR_ADC, IR_SBB, IR_MUL, IR_SHL, IR_SHR, IR_SAR,
                                      IR_ROL, IR_ROR, IR_LEA, IR_SHLD, IR_SHRD, IR_CRC32 };
    static const uint8_t unary[] = { IR_MOV, IR_ZX8, IR_ZX16, IR_ZX32, IR_SX8, IR_SX16, IR_SX32, IR_GETHI, IR_PUTHI, IR_NEG, IR_NOT,
                                     IR_BSWAP, IR_CTZ, IR_CLZ, IR_POPCNT };
    bool one = below(g, 3) == 0;
    enum ir_opcode opcode = one ? unary[below(g, sizeof unary)] : binary[below(g, sizeof binary)];
    unsigned size = (unsigned)below(g, 4);
    bool wide = opcode == IR_LEA || opcode == IR_SHLD || opcode == IR_SHRD || opcode == IR_BSWAP;
    if (wide && size < 2)
        size += 2;
    if ((opcode == IR_CTZ || opcode == IR_CLZ) && size == 0)
        size = 1;
    bool three = opcode == IR_ADC || opcode == IR_SBB || opcode == IR_SHLD || opcode == IR_SHRD;
    struct ir_op op = template(opcode, size, 1, one ? 1 : three ? 3 : 2);
    for (unsigned k = 1; k <= op.uses; k++)
        op.arg[k] = source(g);
    if (opcode == IR_LEA) {
        op.scale = (uint8_t)below(g, 4);
        op.imm = below(g, 4) ? (int32_t)tap_next(g->random) : (int64_t)tap_next(g->random);
    }
    unsigned wsize = opcode == IR_PUTHI ? 0 : opcode == IR_GETHI ? 3 : opcode == IR_CRC32 ? 2 : size;
    ir_var fresh;
    op.arg[0] = destination(g, wsize, &fresh);
    append(g, op);
    written(g, fresh);
    if (below(g, 3) == 0) { // a look at the flags it made
        struct ir_op look = template(below(g, 3) ? IR_SETCC : IR_GETCC, 0, 1, 3);
        fill_recipe(g, &look, 1, opcode >= IR_ADD && opcode <= IR_SAR && opcode != IR_MUL && opcode != IR_NOT &&
                                 (opcode < IR_MULU2) ? &op : NULL);
        if (opcode >= IR_SHL && opcode <= IR_SAR && below(g, 2) == 0 && op.arg[1] != op.arg[0]) { // by one, so that it is true
            g->ir->ops[g->ir->op_count - 1].arg[2] = ir_const(g->ir, 1);
            look.kind = opcode == IR_SHL ? CC_SHL : CC_SHR;
            look.size = (uint8_t)size;
            look.arg[1] = op.arg[0];
            look.arg[2] = op.arg[1];
        }
        look.arg[0] = destination(g, 3, &fresh);
        append(g, look);
        written(g, fresh);
    }
}

static void gen_pair(struct generator *g)
{
    unsigned size = 2 + (unsigned)below(g, 2);
    bool div = below(g, 2), sign_ = below(g, 2);
    struct ir_op op = template(div ? (sign_ ? IR_DIVS2 : IR_DIVU2) : (sign_ ? IR_MULS2 : IR_MULU2), size, 2, div ? 3 : 2);
    op.arg[2] = source(g);
    op.arg[3] = source(g);
    if (div) { // a dividend of half the width, a divisor of at least 2: the quotient fits
        ir_var d = ir_temp(g->ir), l = ir_temp(g->ir), h = ir_const(g->ir, 0);
        append(g, (struct ir_op){ .opcode = IR_SHR, .size = (uint8_t)size, .defs = 1, .uses = 2,
                                  .arg = { d, op.arg[2], ir_const(g->ir, 2) } });
        append(g, (struct ir_op){ .opcode = IR_OR, .size = (uint8_t)size, .defs = 1, .uses = 2, .arg = { d, d, ir_const(g->ir, 2) } });
        append(g, (struct ir_op){ .opcode = IR_SHR, .size = (uint8_t)size, .defs = 1, .uses = 2,
                                  .arg = { l, op.arg[3], ir_const(g->ir, 1) } });
        op.arg[2] = l;
        op.arg[3] = h;
        op.arg[4] = d;
    }
    ir_var f0, f1;
    op.arg[0] = destination(g, 3, &f0);
    written(g, f0);
    op.arg[1] = destination(g, 3, &f1);
    if (op.arg[1] == op.arg[0])
        op.arg[1] = ir_global(op.arg[0] == 3 ? 4 : 3);
    append(g, op);
    written(g, f1);
}

static void gen_flags(struct generator *g)
{
    unsigned what = (unsigned)below(g, 4);
    ir_var fresh = IR_NONE;
    struct ir_op op = template(what == 0 ? IR_SETCC : what == 1 ? IR_MOVCC : what == 2 ? IR_GETCC : IR_SAVECC, 0, what < 3, what == 1 ? 4 : 3);
    const struct ir_op *last = NULL;
    fill_recipe(g, &op, op.defs, last);
    if (what == 1) {
        op.arg[4] = source(g);
        op.size2 = (uint8_t)below(g, 4);
        op.arg[0] = variable(g);
    } else if (what < 3) {
        op.arg[0] = destination(g, 3, &fresh);
    }
    append(g, op);
    written(g, fresh);
}

// An address inside the fake memory: base and index of every sort.
static void gen_address(struct generator *g, struct ir_op *op, unsigned first, unsigned room)
{
    ir_var base = ir_temp(g->ir), index = ir_temp(g->ir);
    unsigned scale = (unsigned)below(g, 4);
    append(g, (struct ir_op){ .opcode = IR_AND, .size = 3, .defs = 1, .uses = 2, .arg = { base, source(g), ir_const(g->ir, 0x1fff) } });
    append(g, (struct ir_op){ .opcode = IR_AND, .size = 3, .defs = 1, .uses = 2, .arg = { index, source(g), ir_const(g->ir, 0x3ff) } });
    op->arg[first] = base;
    op->arg[first + 1] = index;
    op->scale = (uint8_t)scale;
    op->imm = (int64_t)MEMORY_VA + (int64_t)below(g, 16);
    op->addr32 = below(g, 4) == 0;
    if (below(g, 4) == 0) { // in a global, for once
        ir_var global = any_global(g);
        append(g, (struct ir_op){ .opcode = IR_MOV, .size = 3, .defs = 1, .uses = 1, .arg = { global, base } });
        op->arg[first] = global;
    }
    if (below(g, 6) == 0)
        op->arg[first] = ir_const(g->ir, (int64_t)below(g, 0x1000));
    if (below(g, 3) == 0)
        op->arg[first + 1] = ir_const(g->ir, (int64_t)below(g, 3));
    (void)room;
}

static void gen_memory(struct generator *g)
{
    unsigned what = (unsigned)below(g, 4), size = (unsigned)below(g, 4);
    ir_var fresh;
    if (what == 0) {
        struct ir_op op = template(IR_GLD, size, 1, 2);
        op.ext = (uint8_t)below(g, 3);
        gen_address(g, &op, 1, 8);
        op.arg[0] = destination(g, 3, &fresh);
        append(g, op);
        written(g, fresh);
    } else if (what == 1) {
        struct ir_op op = template(IR_GST, size, 0, 3);
        gen_address(g, &op, 0, 8);
        op.arg[2] = source(g);
        append(g, op);
    } else if (what == 2) {
        struct ir_op op = template(IR_GPROBE, (unsigned)below(g, 5), 0, 2);
        gen_address(g, &op, 0, 16);
        append(g, op);
    } else {
        struct ir_op op = template(IR_GRMW, size, 2, 2), st = template(IR_GRMWST, size, 0, 4);
        gen_address(g, &op, 2, 8);
        op.arg[0] = ir_temp(g->ir);
        op.arg[1] = ir_temp(g->ir);
        append(g, op);
        ir_var sum = ir_temp(g->ir);
        append(g, (struct ir_op){ .opcode = IR_ADD, .size = (uint8_t)(size < 2 ? 2 : size), .defs = 1, .uses = 2,
                                  .arg = { sum, op.arg[0], source(g) } });
        st.arg[0] = op.arg[1];
        st.arg[1] = op.arg[2];
        st.arg[2] = op.arg[3];
        st.arg[3] = below(g, 3) ? sum : source(g);
        st.scale = op.scale;
        st.imm = op.imm;
        st.addr32 = op.addr32;
        append(g, st);
    }
}

static void gen_env(struct generator *g)
{
    unsigned size = (unsigned)below(g, 4);
    bool load = below(g, 2);
    if (below(g, 8) == 0) {
        struct ir_op ctx = template(IR_CTX, 3, 0, 0);
        ctx.imm = (int64_t)below(g, VIEW_COUNT);
        append(g, ctx);
    }
    struct ir_op op = template(load ? IR_LDENV : IR_STENV, size, load, !load);
    op.imm = (int64_t)(offsetof(struct fake_cpu, env) + below(g, 56));
    ir_var fresh = IR_NONE;
    op.arg[0] = load ? destination(g, 3, &fresh) : source(g);
    append(g, op);
    written(g, fresh);
}

static void gen_call(struct generator *g)
{
    unsigned which = (unsigned)below(g, 8) ? (unsigned)below(g, H_LEAVE) : H_LEAVE;
    struct ir_op op = template(IR_CALL, 3, helpers[which].results, helpers[which].arguments);
    op.helper = (uint16_t)which;
    op.site = (uint16_t)below(g, 100);
    for (unsigned k = 0; k < op.uses; k++)
        op.arg[op.defs + k] = source(g);
    ir_var fresh = IR_NONE;
    if (op.defs)
        op.arg[0] = destination(g, 3, &fresh);
    append(g, op);
    written(g, fresh);
}

static void gen_vector(struct generator *g)
{
    ir_var fresh = IR_NONE;
    unsigned what = (unsigned)below(g, 9), size = 2 + (unsigned)below(g, 3);
    if (what == 8 && below(g, 2)) {
        struct ir_op op = template(IR_SETMXCSR, 2, 0, 1);
        op.arg[0] = ir_const(g->ir, (int64_t)((tap_next(g->random) & 0xffff) | 0x1f80));
        append(g, op);
    } else if (what == 8) {
        struct ir_op op = template(IR_GETMXCSR, 2, 1, 0);
        ir_var ifresh;
        op.arg[0] = destination(g, 3, &ifresh);
        append(g, op);
        written(g, ifresh);
    } else if (what == 0) {
        struct ir_op op = template(IR_VMOV, 4, 1, 1);
        op.arg[1] = vsource(g);
        op.arg[0] = vdestination(g, &fresh);
        append(g, op);
    } else if (what == 1) {
        bool load = below(g, 2);
        struct ir_op op = template(load ? IR_VLDENV : IR_VSTENV, size, load, !load);
        op.imm = (int64_t)(offsetof(struct fake_cpu, env) + below(g, 48));
        op.arg[0] = load ? vdestination(g, &fresh) : vsource(g);
        append(g, op);
    } else if (what == 2) {
        bool load = below(g, 2);
        struct ir_op op = template(load ? IR_GLDV : IR_GSTV, size, load, load ? 2 : 3);
        gen_address(g, &op, load, 16);
        if (load)
            op.arg[0] = vdestination(g, &fresh);
        else
            op.arg[2] = vsource(g);
        append(g, op);
    } else {
        unsigned row = (unsigned)below(g, vec_row_count);
        const struct vec_row *v = &vec_rows[row];
        static const uint8_t opcodes[] = { IR_VOP, IR_VFROMG, IR_VTOG, IR_VCMPG };
        struct ir_op op = template(opcodes[v->form], 4, 1, v->form == VEC_TOG ? 1 : 2);
        op.helper = (uint16_t)row;
        op.imm = (int64_t)(tap_next(g->random) & 0xff);
        op.arg[1] = vsource(g);
        if (v->form == VEC_VV || v->form == VEC_CMP)
            op.arg[2] = vsource(g);
        else if (v->form == VEC_FROMG)
            op.arg[2] = source(g);
        ir_var ifresh = IR_NONE;
        if (v->form == VEC_VV || v->form == VEC_FROMG)
            op.arg[0] = vdestination(g, &fresh);
        else
            op.arg[0] = destination(g, 3, &ifresh);
        append(g, op);
        written(g, ifresh);
        if (v->form == VEC_CMP && below(g, 2)) {
            struct ir_op look = template(IR_SETCC, 0, 1, 3);
            look.kind = CC_EFLAGS;
            look.cond = (uint8_t)below(g, 16);
            look.arg[1] = op.arg[0];
            look.arg[0] = destination(g, 3, &ifresh);
            append(g, look);
            written(g, ifresh);
        }
    }
    vwritten(g, fresh);
}

static void gen_op(struct generator *g)
{
    unsigned r = (unsigned)below(g, 100);
    if (r < g->vector_weight)
        gen_vector(g);
    else if (r < 60)
        gen_integer(g);
    else if (r < 66)
        gen_pair(g);
    else if (r < 80)
        gen_flags(g);
    else if (r < 92)
        gen_memory(g);
    else if (r < 96)
        gen_env(g);
    else
        gen_call(g);
}

static void gen_end(struct generator *g)
{
    struct ir_block *ir = g->ir;
    if (below(g, 3) == 0) {
        struct ir_op op = template(IR_LEAVE, 0, 0, 0);
        op.edge = EXIT_LOOP;
        op.imm = (int64_t)interesting(g->random);
        append(g, op);
    } else {
        struct ir_op op = template(IR_EXIT, 0, 0, 3);
        const struct ir_op *last = &ir->ops[ir->op_count - 1];
        bool alu = ir->op_count && last->opcode >= IR_ADD && last->opcode <= IR_NEG;
        struct ir_op copy = alu ? *last : op;
        fill_recipe(g, &op, 0, alu ? &copy : NULL);
        op.edge = (uint8_t)ir->edge_count;
        ir->edges[ir->edge_count++] = (struct ir_edge){ .rip = interesting(g->random), .flags_id = 7, .cross_page = below(g, 2) };
        op.imm = (int64_t)ir->edges[op.edge].rip;
        append(g, op);
    }
}

static void gen_block(struct generator *g, unsigned count)
{
    g->temp_count = g->vtemp_count = 0;
    for (unsigned i = 0; i < count; i++) {
        if (below(g, 12) == 0) { // a branch over some ops, or to another way out
            unsigned label = ir_label(g->ir), temps = g->temp_count, vtemps = g->vtemp_count;
            struct ir_op op = template(IR_BRCC, 0, 0, 3);
            fill_recipe(g, &op, 0, NULL);
            op.imm = label;
            append(g, op);
            unsigned skipped = (unsigned)below(g, 4);
            for (unsigned k = 0; k < skipped; k++)
                gen_op(g);
            if (g->ir->edge_count < 3 && below(g, 2))
                gen_end(g);
            g->temp_count = temps;
            g->vtemp_count = vtemps;
            struct ir_op mark = template(IR_LABEL, 0, 0, 0);
            mark.imm = label;
            append(g, mark);
        }
        gen_op(g);
    }
    gen_end(g);
}

static void random_blocks(struct fixture *f, unsigned rounds, unsigned length, unsigned vectors, const char *name)
{
    struct ir_block *ir = ir_block_new(&target);
    unsigned bad = 0;
    for (unsigned i = 0; i < rounds && bad < 3; i++) {
        uint64_t seed = f->random.state;
        ir_block_clear(ir);
        struct generator g = { .ir = ir, .random = &f->random, .reg_range = 1 + (unsigned)tap_below(&f->random, 15), .vector_weight = vectors };
        randomize(f);
        gen_block(&g, 1 + (unsigned)tap_below(&f->random, length));
        ir->insn_count = 5;
        char why[200];
        if (!run_both(f, ir, why, sizeof why)) {
            printf("# round %u, seed %#llx: %s\n", i, (unsigned long long)seed, why);
            ir_dump(ir, stdout);
            bad++;
        }
    }
    ir_block_free(ir);
    tap_ok(!bad, "%s", name);
}

// ---- every recipe, size and condition, operands everywhere

static void all_recipes(struct fixture *f)
{
    struct ir_block *ir = ir_block_new(&target);
    unsigned bad = 0;
    for (unsigned kind = 0; kind < CC__COUNT && bad < 3; kind++)
        for (unsigned size = 0; size < 4; size++)
            for (unsigned round = 0; round < 40 && bad < 3; round++) {
                ir_block_clear(ir);
                randomize(f);
                ir_var v[3];
                for (unsigned k = 0; k < 3; k++)
                    v[k] = round % 4 == 0 ? (ir_var)tap_below(&f->random, 9) : round % 4 == 1 ? (ir_var)(9 + tap_below(&f->random, 7)) :
                           round % 4 == 2 ? ir_temp(ir) : ir_const(ir, (int64_t)interesting(&f->random));
                if (round % 4 == 2)
                    for (unsigned k = 0; k < 3; k++)
                        ir_2(ir, IR_MOV, 3, v[k], ir_global(k));
                for (unsigned cond = 0; cond < 16; cond++) {
                    struct ir_op op = template(IR_SETCC, size, 1, 3);
                    op.kind = (uint8_t)kind;
                    op.cond = (uint8_t)cond;
                    op.arg[0] = ir_temp(ir);
                    memcpy(op.arg + 1, v, sizeof v);
                    *ir_append(ir, IR_SETCC, size) = op;
                    ir_append(ir, IR_STENV, 0)->imm = (int64_t)(offsetof(struct fake_cpu, env) + cond);
                    ir->ops[ir->op_count - 1].arg[0] = op.arg[0];
                    if (round & 16) // no help from the flags before
                        ir_3(ir, IR_SHL, 3, ir_temp(ir), ir_global(15), ir_global(14));
                }
                struct ir_op op = template(IR_EXIT, size, 0, 3);
                op.kind = (uint8_t)kind;
                memcpy(op.arg, v, sizeof v);
                *ir_append(ir, IR_EXIT, size) = op;
                ir->edges[0] = (struct ir_edge){ .rip = 0xffffffff81000000 };
                ir->edge_count = 1;
                char why[200];
                if (!run_both(f, ir, why, sizeof why)) {
                    printf("# kind %u size %u: %s\n", kind, size, why);
                    ir_dump(ir, stdout);
                    bad++;
                }
            }
    ir_block_free(ir);
    tap_ok(!bad, "every recipe, size and condition");
}

// ---- edges

// r0 += amount; test of r1; then edge 0 (r1 != 0) or 1.
static void loop_block(struct ir_block *ir, uint64_t rip, int64_t amount, uint64_t rip0, uint64_t rip1, bool cross)
{
    ir_block_clear(ir);
    ir->rip = rip;
    ir->insn_count = 3;
    ir_3(ir, IR_ADD, 3, ir_global(0), ir_global(0), ir_const(ir, amount));
    ir_3(ir, IR_SUB, 3, ir_global(1), ir_global(1), ir_const(ir, 1));
    unsigned label = ir_label(ir);
    for (unsigned pass = 0; pass < 3; pass++) {
        struct ir_op op = template(pass ? IR_EXIT : IR_BRCC, 3, 0, 3);
        op.kind = CC_SUBR;
        op.cond = 4;
        op.arg[0] = ir_global(1);
        op.arg[1] = ir_const(ir, 1);
        op.imm = label;
        op.edge = (uint8_t)(pass ? pass - 1 : 0);
        *ir_append(ir, (enum ir_opcode)op.opcode, 3) = op;
        if (pass == 1)
            ir_append(ir, IR_LABEL, 0)->imm = label;
    }
    ir->edges[0] = (struct ir_edge){ .rip = rip0, .flags_id = 3, .cross_page = cross };
    ir->edges[1] = (struct ir_edge){ .rip = rip1, .flags_id = 3 };
    ir->edge_count = 2;
}

static void edges(struct fixture *f)
{
    const struct tcg_backend *backend = &tcg_backend_x86_64;
    struct ir_block *ir = ir_block_new(&target);
    struct vcpu_head *head = &f->cpu->head;
    struct tcg_block a = { .code_handle = 11 }, b = { .code_handle = 22 };
    randomize(f);
    loop_block(ir, 0x401000, 1, 0x402000, 0x401100, true);
    emit(f, ir, &a);
    loop_block(ir, 0x402000, 100, 0x401000, 0x402100, true);
    emit(f, ir, &b);
    f->cpu->regs[0] = 0;
    f->cpu->regs[1] = 10;
    backend->enter(f->state, head, &a);
    tap_ok(head->exit_reason == EXIT_NONE && head->exit_edge == &a.edges[0] && head->rip == 0x402000 && f->cpu->regs[0] == 1 &&
           head->budget == 1000, "an unlinked edge leaves and names itself");

    a.edges[0].to = &b;
    b.edges[0].to = &a;
    backend->link(f->state, &a.edges[0], &b);
    backend->link(f->state, &b.edges[0], &a);
    f->context->code[code_slot(0x401000)] = 11;
    f->context->code[code_slot(0x402000)] = 22;
    backend->enter(f->state, head, &b);
    tap_ok(head->exit_edge == &b.edges[1] && head->rip == 0x402100 && f->cpu->regs[0] == 1 + 5 * 100 + 4 && f->cpu->regs[1] == 0 &&
           head->budget == 1000 - 8 * 3 && (head->cc_lo & 0xd5) == 0x44 && !head->cc_of,
           "linked blocks run in a loop and count");

    head->budget = 7;
    f->cpu->regs[1] = 100;
    backend->enter(f->state, head, &a);
    tap_ok(head->exit_reason == EXIT_BUDGET && !head->exit_edge && head->budget == 1 && head->rip == 0x402000 &&
           (head->cc_lo & 0xd5) == 0x04 * (__builtin_parity(97) == 0), "an empty budget refunds and leaves");

    b.kills_flags = true;
    backend->unlink(f->state, &a.edges[0]);
    backend->link(f->state, &a.edges[0], &b);
    head->budget = 1000;
    f->cpu->regs[1] = 3;
    backend->enter(f->state, head, &a);
    tap_ok(head->exit_edge == &a.edges[1] && head->rip == 0x401100 && head->budget == 994, "the bare form");

    f->context->code[code_slot(0x402000)] = 99; // the page is another one now
    f->cpu->regs[1] = 50;
    head->budget = 1000;
    backend->enter(f->state, head, &a);
    tap_ok(head->exit_reason == EXIT_NONE && !head->exit_edge && head->rip == 0x402000 && f->cpu->regs[1] == 49 && head->budget == 1000,
           "a guard that fails leaves for a lookup");
    f->context->jump[jump_slot(0x402000)] = (struct jump_entry){ jump_key(0x402000, 3), b.entry_checked };
    f->cpu->regs[1] = 2;
    head->budget = 1000;
    backend->enter(f->state, head, &a);
    bool through = head->exit_edge == &b.edges[1] && f->cpu->regs[1] == 0;
    tap_ok(through, "a guard that fails goes on through the jump cache");

    backend->unlink(f->state, &a.edges[0]);
    f->cpu->regs[1] = 50;
    head->budget = 1000;
    backend->enter(f->state, head, &a);
    tap_ok(head->exit_edge == &a.edges[0] && head->budget == 1000 && (head->cc_lo & 0xd5) == 0, "unlinked again");
    ir_block_free(ir);
}

static void jumps(struct fixture *f)
{
    const struct tcg_backend *backend = &tcg_backend_x86_64;
    struct ir_block *ir = ir_block_new(&target);
    struct vcpu_head *head = &f->cpu->head;
    struct tcg_block jump = { 0 }, end = { 0 };
    for (unsigned id = 0; id < 2; id++) {
        uint64_t rip = 0xffffffff81234567;
        randomize(f);
        ir_block_clear(ir);
        ir->rip = 0x1000;
        ir->insn_count = 1;
        ir_append(ir, IR_JUMP, 3)->arg[0] = ir_global(12);
        ir->ops[0].imm = id * 0x123;
        emit(f, ir, &jump);
        ir_block_clear(ir);
        ir->rip = rip;
        ir->insn_count = 4;
        ir_3(ir, IR_ADD, 3, ir_global(3), ir_global(3), ir_const(ir, 5));
        struct ir_op *op = ir_append(ir, IR_LEAVE, 0);
        op->imm = 0x77;
        op->edge = EXIT_HALT;
        emit(f, ir, &end);
        f->cpu->regs[12] = rip;
        f->cpu->regs[3] = 1;
        memset(f->context->jump, 0xff, sizeof f->context->jump);
        backend->enter(f->state, head, &jump);
        tap_ok(head->exit_reason == EXIT_NONE && !head->exit_edge && head->rip == rip && f->cpu->regs[3] == 1, "a miss of the jump cache");
        f->context->jump[jump_slot(rip)] = (struct jump_entry){ jump_key(rip, (uint64_t)id * 0x123), end.entry_checked };
        backend->enter(f->state, head, &jump);
        tap_ok(head->exit_reason == EXIT_HALT && head->rip == 0x77 && f->cpu->regs[3] == 6 && head->budget == 996, "a hit of the jump cache");
        head->budget = 3;
        backend->enter(f->state, head, &jump);
        tap_ok(head->exit_reason == EXIT_BUDGET && head->rip == rip && f->cpu->regs[3] == 6 && head->budget == 3,
               "a checked entry refunds and leaves");
    }
    ir_block_free(ir);
}

static void resumes(struct fixture *f)
{
    const struct tcg_backend *backend = &tcg_backend_x86_64;
    struct ir_block *ir = ir_block_new(&target);
    struct vcpu_head *head = &f->cpu->head;
    struct tcg_block resume = { 0 }, end = { 0 };
    uint64_t rip = 0xffffffff81234567;
    randomize(f);
    ir_block_clear(ir);
    ir->rip = 0x1000;
    ir->insn_count = 1;
    ir_append(ir, IR_RESUME, 3);
    emit(f, ir, &resume);
    ir_block_clear(ir);
    ir->rip = rip;
    ir->insn_count = 4;
    struct ir_op *op = ir_append(ir, IR_LEAVE, 0);
    op->imm = 0x77;
    op->edge = EXIT_HALT;
    emit(f, ir, &end);
    memset(f->context->jump, 0xff, sizeof f->context->jump);
    f->context->jump[jump_slot(rip)] = (struct jump_entry){ jump_key(rip, 0x123), end.entry_checked };
    head->rip = rip;
    head->resume_id = 0;
    head->budget = 100;
    backend->enter(f->state, head, &resume);
    tap_ok(head->exit_reason == EXIT_LOOP && !head->exit_edge && head->rip == rip && head->budget == 100, "id 0: to the loop");
    head->resume_id = 0x7122;
    backend->enter(f->state, head, &resume);
    tap_ok(head->exit_reason == EXIT_NONE && !head->exit_edge && head->rip == rip && head->budget == 100, "an id without a block: a miss");
    head->resume_id = 0x123;
    backend->enter(f->state, head, &resume);
    tap_ok(head->exit_reason == EXIT_HALT && head->rip == 0x77 && head->budget == 96, "goes on in the state that the id names");
    ir_block_free(ir);
}

static void faults(struct fixture *f)
{
    struct ir_block *ir = ir_block_new(&target);
    struct vcpu_head *head = &f->cpu->head;
    static const uint8_t opcodes[] = { IR_GLD, IR_GST, IR_GRMW, IR_GPROBE, IR_GLDV, IR_GSTV };
    bool good = true;
    for (unsigned i = 0; i < sizeof opcodes; i++) {
        randomize(f);
        ir_block_clear(ir);
        for (unsigned k = 0; k < 16; k++)
            ir_3(ir, IR_ADD, 3, ir_global(k), ir_global(k), ir_const(ir, 1));
        bool vector = opcodes[i] >= IR_GLDV;
        struct ir_op *op = ir_append(ir, opcodes[i], vector ? 4 : 3);
        unsigned first = op->defs;
        for (unsigned k = 0; k < op->defs; k++)
            op->arg[k] = vector ? ir_global(16) : ir_temp(ir);
        op = &ir->ops[ir->op_count - 1];
        op->arg[first] = ir_const(ir, (int64_t)FAULT_VA);
        op->arg[first + 1] = ir_const(ir, 0x40);
        if (op->uses > 2)
            op->arg[first + 2] = vector ? ir_global(31) : ir_global(2);
        op->site = 55;
        struct ir_op *end = ir_append(ir, IR_LEAVE, 0);
        end->edge = EXIT_LOOP;
        struct tcg_block block = { 0 };
        *f->before = *f->cpu;
        emit(f, ir, &block);
        tcg_backend_x86_64.enter(f->state, head, &block);
        good &= head->exit_reason == EXIT_FAULT && head->site == 1055 && head->fault.va == FAULT_VA + 0x40;
        for (unsigned k = 0; k < 16; k++)
            good &= f->cpu->regs[k] == f->before->regs[k] + 1 && !memcmp(&f->cpu->xmm[k], &f->before->xmm[k], 16);
    }
    tap_ok(good, "faults leave with everything in the struct");
    ir_block_clear(ir);
    struct ir_op *op = ir_append(ir, IR_GLDV, 4);
    op->arg[0] = ir_global(16);
    op->align = 1;
    op->arg[1] = ir_const(ir, (int64_t)MEMORY_VA + 8);
    op->arg[2] = ir_const(ir, 0);
    ir->ops[0].site = 56;
    ir_append(ir, IR_LEAVE, 0)->edge = EXIT_LOOP;
    for (unsigned aligned = 0; aligned < 2; aligned++) {
        ir->vars[ir->ops[0].arg[1]].value = (int64_t)MEMORY_VA + (aligned ? 16 : 8);
        struct tcg_block block = { 0 };
        randomize(f);
        emit(f, ir, &block);
        tcg_backend_x86_64.enter(f->state, head, &block);
        tap_ok(aligned ? head->exit_reason == EXIT_LOOP && misaligned_calls == 1 : head->exit_reason == EXIT_HALT && misaligned_calls == 1 &&
               head->site == 1056, "alignment %u", aligned);
    }
    ir_block_free(ir);
}

static void full_buffer(struct fixture *f)
{
    struct ir_block *ir = ir_block_new(&target);
    struct generator g = { .ir = ir, .random = &f->random, .reg_range = 15 };
    gen_block(&g, 200);
    ir_liveness(ir);
    struct tcg_block block = { 0 };
    size_t used = f->buffer.used, limit = f->buffer.limit;
    bool good = true;
    for (size_t room = 0; room < 6000; room += 500) {
        f->buffer.limit = used + room;
        bool done = tcg_backend_x86_64.emit(f->state, ir, &block);
        good &= f->buffer.used <= f->buffer.limit && (done || f->buffer.used == used);
        f->buffer.used = used;
    }
    f->buffer.limit = limit;
    tap_ok(good, "a full buffer is said, not overrun");
    ir_block_free(ir);
}

int main(int argc, char **argv)
{
    static struct fixture f;
    f.random.state = argc > 1 ? strtoull(argv[1], NULL, 0) : 20260101;
    unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 3000;
    fixture_open(&f, &tcg_backend_x86_64);
    all_recipes(&f);
    edges(&f);
    jumps(&f);
    resumes(&f);
    faults(&f);
    full_buffer(&f);
    random_blocks(&f, rounds, 6, 0, "short blocks of integer operations");
    random_blocks(&f, rounds, 6, 60, "short blocks of vector operations");
    random_blocks(&f, rounds, 60, 15, "long blocks");
    tap_ok(slow_calls > 100, "the slow path was taken (%u times)", slow_calls);
    fixture_close(&f);
    fixture_open(&f, &tcg_backend_x86_64_plain);
    all_recipes(&f);
    random_blocks(&f, rounds, 6, 0, "as for an older host: short blocks");
    random_blocks(&f, rounds, 60, 15, "as for an older host: long blocks");
    fixture_close(&f);
    return tap_done();
}
#endif
