// SPDX-License-Identifier: MIT
//
// Comparison of two results, and its text. Not compared: flags that the manual leaves undefined at the place where the
// sequence ended, RF, the x87's pointers and opcode of its last instruction, the MXCSR mask.
#include <inttypes.h>
#include <string.h>
#include "target/i386/cpu.h"
#include "target/i386/disas.h"
#include "tests/fuzz/fuzz.h"

#define TASK_SIZE 0x7ffffffff000ull

static const char *const register_names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                                "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };

uint16_t case_undefined_at(const struct fuzz_case *c, uint64_t rip)
{
    uint64_t at = rip - CODE_BASE - c->start;
    for (unsigned i = 0; i < c->place_count; i++)
        if (c->places[i].at == at)
            return c->places[i].undefined;
    return ALL_FLAGS | FLAG_C1; // a jump went astray
}

bool case_insn_at(const struct fuzz_case *c, uint64_t rip, struct insn *in)
{
    uint64_t at = rip - CODE_BASE - c->start;
    return at < c->end && decode_insn(c->code + at, 15, rip, DECODE_FLAGS(c->compat), in) == DECODE_OK;
}

// A string instruction that faulted.
static bool faulted_string(const struct fuzz_case *c, const struct fuzz_result *native, struct insn *in)
{
    bool fault = native->vector == VEC_PF || native->vector == VEC_GP || native->vector == VEC_SS;
    return fault && case_insn_at(c, native->state.rip, in) && in->row->flags & ROW_STRING;
}

static bool compares(const struct insn *in) { return !strcmp(in->row->name, "cmps") || !strcmp(in->row->name, "scas"); }

static uint16_t undefined_after(const struct fuzz_case *c, const struct fuzz_result *native)
{
    struct insn in;
    // A fault leaves the flags as they were before REP CMPS [SDM 2B REP]; AMD's have those of the last iteration.
    if (!host_is_intel() && faulted_string(c, native, &in) && in.prefix_rep && compares(&in))
        return ALL_FLAGS;
    uint16_t undefined = case_undefined_at(c, native->state.rip);
    if (native->vector == VEC_BP || native->vector == VEC_DB) // a trap: the instruction before
        undefined = native->vector == VEC_BP ? case_undefined_at(c, native->state.rip - 1) : ALL_FLAGS | FLAG_C1;
    return undefined;
}

static uint64_t flags_mask(const struct fuzz_case *c, const struct fuzz_result *native)
{
    return 0x3fffff & ~(uint64_t)(F_RF | undefined_after(c, native));
}

// Of the status word's high byte.
static uint8_t status_mask(const struct fuzz_case *c, const struct fuzz_result *native)
{
    return undefined_after(c, native) & FLAG_C1 ? 0xfd : 0xff;
}

// Linux hides what it knows of addresses that are not the user's.
static uint64_t error_mask(const struct fuzz_result *native)
{
    return native->vector == VEC_PF && native->cr2 >= TASK_SIZE ? ~1ull : ~0ull;
}

static bool cr2_differs(const struct fuzz_result *native, const struct fuzz_result *other)
{
    return native->vector == VEC_PF && native->cr2 != other->cr2;
}

static bool fault_differs(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other)
{
    struct insn in;
    // CMPS with two operands that fault: Intel reports the destination's, AMD the source's.
    if (!host_is_intel() && faulted_string(c, native, &in) && faulted_string(c, other, &in) && !strcmp(in.row->name, "cmps"))
        return false;
    return native->vector != other->vector || (native->error ^ other->error) & error_mask(native) || cr2_differs(native, other);
}

static bool fx_differs(const uint8_t *a, const uint8_t *b, uint8_t status)
{
    if (memcmp(a, b, 3) || (a[3] ^ b[3]) & status || a[4] != b[4] || memcmp(a + 24, b + 24, 4) || memcmp(a + 160, b + 160, 256))
        return true;
    for (unsigned i = 0; i < 8; i++)
        if (memcmp(a + 32 + 16 * i, b + 32 + 16 * i, 10))
            return true;
    return false;
}

// A single step between FNSTENV and the stores that clean what it left: its pointers would be compared.
static bool stopped_inside(const struct fuzz_case *c, uint64_t rip)
{
    uint64_t at = rip - CODE_BASE - c->start;
    for (unsigned i = 0; i < c->place_count; i++)
        if (c->places[i].at == at)
            return c->places[i].unit < c->unit_count && c->units[c->places[i].unit].cleans;
    return false;
}

// REP with 32-bit addresses that faults before its first iteration: Intel has cleared the upper halves of pointers already.
static bool gpr_differs(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other)
{
    struct insn in;
    bool narrow = faulted_string(c, native, &in) && in.prefix_rep && in.addrsize == 2;
    for (unsigned i = 0; i < 16; i++) {
        bool counts = i == R_RCX || i == R_RSI || i == R_RDI;
        if ((native->state.gpr[i] ^ other->state.gpr[i]) & (narrow && counts ? 0xffffffff : ~0ull))
            return true;
    }
    return false;
}

static bool memory_differs(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other)
{
    return memcmp(native->data, other->data, DATA_SIZE - x87_half_stored(c, native, DATA_BASE + DATA_SIZE)) ||
           memcmp(native->stack, other->stack, STACK_SIZE - x87_half_stored(c, native, STACK_BASE + STACK_SIZE));
}

bool results_differ(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other)
{
    if (native->status == FUZZ_TIMEOUT)
        return false;
    // An operand that begins in the last canonical page and crosses its end: a page fault there, if that page is not mapped.
    if ((native->vector == VEC_GP || native->vector == VEC_SS) && other->vector == VEC_PF &&
        other->cr2 >> 6 == (1ull << 47 >> 6) - 1)
        return false;
    // Nor does the emulator check segment limits: what crosses 4 GiB in 32-bit code is a page fault there.
    if (c->compat && (native->vector == VEC_GP || native->vector == VEC_SS) && other->vector == VEC_PF &&
        (uint32_t)(other->cr2 + 64) < 128)
        return false;
    if (native->vector == VEC_DB && stopped_inside(c, native->state.rip))
        return false;
    if (x87_differs_by_vendor(c, native, other))
        return false;
    const struct fuzz_state *a = &native->state, *b = &other->state;
    uint8_t fx[512];
    x87_of_host(c, native, other, fx);
    return native->status != other->status || fault_differs(c, native, other) || gpr_differs(c, native, other) || a->rip != b->rip ||
           (a->rflags ^ b->rflags) & flags_mask(c, native) || a->fs_base != b->fs_base || a->gs_base != b->gs_base ||
           fx_differs(fx, b->fx, status_mask(c, native)) || memory_differs(c, native, other);
}

// ---- text

static void print_code(FILE *out, const struct fuzz_case *c)
{
    for (unsigned at = 0; at < c->end;) {
        char text[128];
        unsigned length = disas_one(c->code + at, c->end + 2 - at, CODE_BASE + c->start + at, c->compat ? 32 : 64, text, sizeof text);
        fprintf(out, "  %08x  ", CODE_BASE + c->start + at);
        for (unsigned i = 0; i < 15; i++)
            if (i < length)
                fprintf(out, "%02x ", c->code[at + i]);
            else if (i < 11)
                fprintf(out, "   ");
        fprintf(out, " %s\n", text);
        at += length;
    }
    fprintf(out, "  %08x  (end)\n", CODE_BASE + c->start + c->end);
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static void print_fpu(FILE *out, const uint8_t *fx)
{
    fprintf(out, "  fcw %04x fsw %04x valid %02x mxcsr %08x\n", (unsigned)get64(fx) & 0xffff, (unsigned)(get64(fx) >> 16) & 0xffff, fx[4],
            (unsigned)get64(fx + 24));
    for (unsigned i = 0; i < 8; i++)
        fprintf(out, "  st%u  %04x %016" PRIx64 "%s", i, (unsigned)get64(fx + 40 + 16 * i) & 0xffff, get64(fx + 32 + 16 * i), i & 1 ? "\n" : "");
    for (unsigned i = 0; i < 16; i++)
        fprintf(out, "  xmm%-2u %016" PRIx64 " %016" PRIx64 "%s", i, get64(fx + 168 + 16 * i), get64(fx + 160 + 16 * i), i & 1 ? "\n" : "");
}

static void print_state(FILE *out, const struct fuzz_state *s)
{
    for (unsigned i = 0; i < 16; i++)
        fprintf(out, "  %-3s %016" PRIx64 "%s", register_names[i], s->gpr[i], (i & 3) == 3 ? "\n" : "");
    fprintf(out, "  rip %016" PRIx64 "  flags %08" PRIx64 "  fs %" PRIx64 "  gs %" PRIx64 "\n", s->rip, s->rflags, s->fs_base, s->gs_base);
    print_fpu(out, s->fx);
}

static void line(FILE *out, const char *what, uint64_t a, uint64_t b)
{
    if (a != b)
        fprintf(out, "  %-10s host %016" PRIx64 "   %016" PRIx64 "\n", what, a, b);
}

static void print_memory(FILE *out, uint64_t base, const uint8_t *a, const uint8_t *b, unsigned size)
{
    unsigned shown = 0;
    for (unsigned i = 0; i < size && shown < 6; i += 8) {
        char name[24];
        snprintf(name, sizeof name, "[%" PRIx64 "]", base + i);
        if (get64(a + i) != get64(b + i)) {
            line(out, name, get64(a + i), get64(b + i));
            shown++;
        }
    }
}

static void print_differences(FILE *out, const struct fuzz_case *c, const struct fuzz_result *n, const struct fuzz_result *o)
{
    const struct fuzz_state *a = &n->state, *b = &o->state;
    uint64_t mask = flags_mask(c, n);
    line(out, "status", n->status, o->status);
    line(out, "vector", n->vector, o->vector);
    line(out, "error", n->error & error_mask(n), o->error & error_mask(n));
    if (cr2_differs(n, o))
        line(out, "cr2", n->cr2, o->cr2);
    for (unsigned i = 0; i < 16; i++)
        line(out, register_names[i], a->gpr[i], b->gpr[i]);
    line(out, "rip", a->rip, b->rip);
    line(out, "flags", a->rflags & mask, b->rflags & mask);
    line(out, "fs", a->fs_base, b->fs_base);
    line(out, "gs", a->gs_base, b->gs_base);
    line(out, "fcw", get64(a->fx) & 0xffff, get64(b->fx) & 0xffff);
    unsigned status = status_mask(c, n) << 8 | 0xff;
    line(out, "fsw", get64(a->fx) >> 16 & status, get64(b->fx) >> 16 & status);
    line(out, "valid", a->fx[4], b->fx[4]);
    line(out, "mxcsr", get64(a->fx + 24) & 0xffffffff, get64(b->fx + 24) & 0xffffffff);
    for (unsigned i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof name, "st%u", i);
        line(out, name, get64(a->fx + 32 + 16 * i), get64(b->fx + 32 + 16 * i));
        snprintf(name, sizeof name, "st%u exp", i);
        line(out, name, get64(a->fx + 40 + 16 * i) & 0xffff, get64(b->fx + 40 + 16 * i) & 0xffff);
    }
    for (unsigned i = 0; i < 32; i++) {
        char name[16];
        snprintf(name, sizeof name, "xmm%u.%s", i / 2, i & 1 ? "high" : "low");
        line(out, name, get64(a->fx + 160 + 8 * i), get64(b->fx + 160 + 8 * i));
    }
    print_memory(out, DATA_BASE, n->data, o->data, DATA_SIZE);
    print_memory(out, STACK_BASE, n->stack, o->stack, STACK_SIZE);
}

void report(FILE *out, const struct fuzz_case *c, const char *name, const struct fuzz_result *native, const struct fuzz_result *other)
{
    fprintf(out, "difference: backend %s, --case %#" PRIx64 "; shrunk to %u unit%s, data %s\n", name, c->seed, c->unit_count,
            c->unit_count == 1 ? "" : "s", c->pool_offset == UINT32_MAX ? "zero" : "as generated");
    print_code(out, c);
    fprintf(out, " before:\n");
    print_state(out, &c->state);
    fprintf(out, " after, host and %s (host ended with vector %u at %08" PRIx64 "):\n", name, native->vector, native->state.rip);
    print_differences(out, c, native, other);
    fflush(out);
}
