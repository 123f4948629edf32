// SPDX-License-Identifier: MIT
//
// x87 helpers against the host's own instructions: each case loads a random state with FRSTOR, runs the real
// instruction and saves with FNSAVE; the same state goes through the helper twice, as generated code calls
// it (host version) and as under the interpreter (soft float). Registers, tags, top, control and the defined
// status bits must agree, with all exceptions masked and with random ones unmasked. x86-64 hosts only.
// Usage: test_x87 [thousands of rounds per instruction, default 20] [seed].
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "target/i386/helpers_fp.h"
#include "target/i386/x87.h"

#ifndef __x86_64__
int main(void)
{
    printf("1..0 # SKIP needs an x86-64 host\n");
    return 0;
}
#else
#include <sys/mman.h>
#include "tests/unit/x87_host.h"

static unsigned long rounds = 20000; // of each test
static bool intel;                   // the host
#define OPERAND_VA 0x1040u // guest address of the memory operand

static uint64_t random_state = 0x9e3779b97f4a7c15;
static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1d;
}

enum form { REG, VALUE_F32, VALUE_F64, VALUE_I16, VALUE_I32, VALUE_I64, ADDRESS, MATH };
// status: the bits of the status word that are defined after the instruction, besides flags and C1.
struct test {
    const char *name;
    uint8_t code[3], length;
    enum form form;
    void *helper;
    int dst, src;          // ST numbers; -1: the new register
    int pop;               // -1 pushes
    bool check_dst, check_src, dst_valid, src_valid;
    unsigned cc;
    unsigned math;
    bool close;            // transcendental: an ulp of difference is allowed, UE, PE and C1 are not compared
};
#define R(name, b0, b1, helper, dst, src, pop, cc) \
    {name, {b0, b1}, 2, REG, (void *)helper, dst, src, pop, 1, 1, 1, 0, cc, 0, 0}
#define CMP(name, b0, b1, helper, src, pop, cc) {name, {b0, b1}, 2, REG, (void *)helper, 0, src, pop, 1, 1, 0, 0, cc, 0, 0}
#define V(name, b0, b1, form, helper) {name, {b0, b1}, 2, form, (void *)helper, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0}
#define VC(name, b0, b1, form, helper, pop) {name, {b0, b1}, 2, form, (void *)helper, 0, 0, pop, 1, 0, 0, 0, X87_CC, 0, 0}
#define LD(name, b0, b1, form, helper) {name, {b0, b1}, 2, form, (void *)helper, -1, -1, -1, 1, 0, 1, 0, 0, 0, 0}
#define ST(name, b0, b1, helper, pop) {name, {b0, b1}, 2, ADDRESS, (void *)helper, 0, 0, pop, 0, 1, 0, 0, 0, 0, 0}
#define U(name, b1, helper, cc) {name, {0xd9, b1}, 2, REG, (void *)helper, 0, 0, 0, 1, 0, (cc) == 0, 0, cc, 0, 0}
#define ARITH(op, mem_reg, rr_d8, rr_dc, rr_de)                                 \
    R(#op " st0, st3", 0xd8, rr_d8 + 3, helper_##op##_reg, 0, 3, 0, 0),         \
    R(#op " st2, st0", 0xdc, rr_dc + 2, helper_##op##_reg, 2, 0, 0, 0),         \
    R(#op "p st1, st0", 0xde, rr_de + 1, helper_##op##_reg, 1, 0, 1, 0),        \
    V(#op " m32", 0xd8, 6 | mem_reg << 3, VALUE_F32, helper_##op##_f32),        \
    V(#op " m64", 0xdc, 6 | mem_reg << 3, VALUE_F64, helper_##op##_f64),        \
    V(#op " m16 int", 0xde, 6 | mem_reg << 3, VALUE_I16, helper_##op##_int),    \
    V(#op " m32 int", 0xda, 6 | mem_reg << 3, VALUE_I32, helper_##op##_int)
#define M1(name, b1, number, cc, close) {name, {0xd9, b1}, 2, MATH, (void *)helper_fmath, 0, 0, 0, 1, 0, 1, 0, cc, number, close}
#define M2(name, b1, number, cc, close) {name, {0xd9, b1}, 2, MATH, (void *)helper_fmath, 0, 1, 0, 1, 1, 1, 0, cc, number, close}
#define MP(name, b1, number, close) {name, {0xd9, b1}, 2, MATH, (void *)helper_fmath, 1, 0, 1, 1, 1, 1, 0, 0, number, close}
#define MM(name, b1, number, cc, close) {name, {0xd9, b1}, 2, MATH, (void *)helper_fmath, -1, 0, -1, 1, 1, 1, 1, cc, number, close}

static const struct test tests[] = {
    ARITH(fadd, 0, 0xc0, 0xc0, 0xc0),
    ARITH(fmul, 1, 0xc8, 0xc8, 0xc8),
    ARITH(fsub, 4, 0xe0, 0xe8, 0xe8),
    ARITH(fsubr, 5, 0xe8, 0xe0, 0xe0),
    ARITH(fdiv, 6, 0xf0, 0xf8, 0xf8),
    ARITH(fdivr, 7, 0xf8, 0xf0, 0xf0),
    CMP("fcom st2", 0xd8, 0xd2, helper_fcom_reg, 2, 0, X87_CC),
    CMP("fcomp st2", 0xd8, 0xda, helper_fcom_reg, 2, 1, X87_CC),
    CMP("fcompp", 0xde, 0xd9, helper_fcom_reg, 1, 2, X87_CC),
    CMP("fucom st2", 0xdd, 0xe2, helper_fucom_reg, 2, 0, X87_CC),
    CMP("fucompp", 0xda, 0xe9, helper_fucom_reg, 1, 2, X87_CC),
    CMP("fcomi st2", 0xdb, 0xf2, helper_fcomi_reg, 2, 0, 0),
    CMP("fucomip st2", 0xdf, 0xea, helper_fucomi_reg, 2, 1, 0),
    VC("fcom m32", 0xd8, 0x16, VALUE_F32, helper_fcom_f32, 0),
    VC("fcomp m64", 0xdc, 0x1e, VALUE_F64, helper_fcom_f64, 1),
    VC("ficom m16", 0xde, 0x16, VALUE_I16, helper_fcom_int, 0),
    VC("ficomp m32", 0xda, 0x1e, VALUE_I32, helper_fcom_int, 1),
    LD("fld m32", 0xd9, 0x06, VALUE_F32, helper_fld_f32),
    LD("fld m64", 0xdd, 0x06, VALUE_F64, helper_fld_f64),
    LD("fild m16", 0xdf, 0x06, VALUE_I16, helper_fild),
    LD("fild m32", 0xdb, 0x06, VALUE_I32, helper_fild),
    LD("fild m64", 0xdf, 0x2e, VALUE_I64, helper_fild),
    LD("fld m80", 0xdb, 0x2e, ADDRESS, helper_fld_f80),
    LD("fbld", 0xdf, 0x26, ADDRESS, helper_fbld),
    ST("fst m32", 0xd9, 0x16, helper_fst_f32, 0),
    ST("fstp m64", 0xdd, 0x1e, helper_fst_f64, 1),
    ST("fist m16", 0xdf, 0x16, helper_fist_16, 0),
    ST("fist m32", 0xdb, 0x16, helper_fist_32, 0),
    ST("fistp m64", 0xdf, 0x3e, helper_fist_64, 1),
    ST("fisttp m16", 0xdf, 0x0e, helper_fistt_16, 1),
    ST("fisttp m32", 0xdb, 0x0e, helper_fistt_32, 1),
    ST("fisttp m64", 0xdd, 0x0e, helper_fistt_64, 1),
    ST("fstp m80", 0xdb, 0x3e, helper_fstp_f80, 1),
    ST("fbstp", 0xdf, 0x36, helper_fbstp, 1),
    {"fld st2", {0xd9, 0xc2}, 2, REG, (void *)helper_fmov, -1, 2, -1, 1, 1, 1, 0, 0, 0, 0},
    {"fst st3", {0xdd, 0xd3}, 2, REG, (void *)helper_fmov, 3, 0, 0, 0, 1, 1, 0, 0, 0, 0},
    {"fstp st3", {0xdd, 0xdb}, 2, REG, (void *)helper_fmov, 3, 0, 1, 0, 1, 1, 0, 0, 0, 0},
    {"fxch st4", {0xd9, 0xcc}, 2, REG, (void *)helper_fxch, 0, 4, 0, 1, 1, 1, 1, 0, 0, 0},
    U("fsqrt", 0xfa, helper_fsqrt, 0),
    U("frndint", 0xfc, helper_frndint, 0),
    U("fchs", 0xe0, helper_fchs, 0),
    U("fabs", 0xe1, helper_fabs, 0),
    U("ftst", 0xe4, helper_ftst, X87_CC),
    {"fxam", {0xd9, 0xe5}, 2, REG, (void *)helper_fxam, 0, 0, 0, 0, 0, 0, 0, X87_CC, 0, 0},
    M2("fscale", 0xfd, X87_FSCALE, 0, 0),
    M2("fprem", 0xf8, X87_FPREM, X87_CC, 0),
    M2("fprem1", 0xf5, X87_FPREM1, X87_CC, 0),
    MM("fxtract", 0xf4, X87_FXTRACT, 0, 0),
    M1("f2xm1", 0xf0, X87_F2XM1, 0, 1),
    MP("fyl2x", 0xf1, X87_FYL2X, 1),
    MP("fpatan", 0xf3, X87_FPATAN, 1),
    M1("fsin", 0xfe, X87_FSIN, SF_C2, 1),
    M1("fcos", 0xff, X87_FCOS, SF_C2, 1),
    MM("fptan", 0xf2, X87_FPTAN, SF_C2, 1),
    MM("fsincos", 0xfb, X87_FSINCOS, SF_C2, 1),
    MP("fyl2xp1", 0xf9, X87_FYL2XP1, 1),
};

static struct x87_reg random_reg(void)
{
    static const struct { uint16_t se; uint64_t mant; } special[] = {
        {0, 0}, {0, 1}, {0, 1ull << 62}, {0, 1ull << 63}, {0, ~0ull}, {1, 1ull << 63}, {0x3fff, 1ull << 63},
        {0x3ffe, ~0ull}, {0x7ffe, ~0ull}, {0x7fff, 1ull << 63}, {0x7fff, 3ull << 62}, {0x7fff, 0xa000000000000001},
        {0x7fff, 0xe000000000000001}, {0x7fff, 0}, {0x7fff, 1}, {0x3fff, 1}, {0x403e, ~0ull}, {0x401e, 1ull << 63},
        {0x400e, 1ull << 63}, {0x43fe, ~0ull}, {0x3c00, 1ull << 63}, {0x407e, ~0ull}, {0x3f80, 1ull << 63},
    };
    uint64_t r = random64();
    struct x87_reg reg = {.mant = random64() | 1ull << 63, .se = (uint16_t)(r & 0x8000)};
    switch (r >> 20 & 3) {
    case 0: {
        unsigned i = (unsigned)(r >> 32) % (sizeof special / sizeof special[0]);
        reg.mant = special[i].mant;
        reg.se |= special[i].se;
        break;
    }
    case 1: // near 1, few bits
        reg.mant &= 0xfff0000000000000;
        reg.se |= (uint16_t)(0x3ff0 + (r >> 32 & 31));
        break;
    case 2:
        reg.se |= (uint16_t)(0x3fc0 + (r >> 32 & 127));
        break;
    default:
        reg.se |= (uint16_t)(r >> 32 & 0x7fff);
    }
    return reg;
}

struct __attribute__((packed)) image {
    uint32_t control, status, tags, ip, cs, dp, ds;
    uint8_t st[8][10];
};

static void to_image(const struct x86_cpu *cpu, struct image *image)
{
    memset(image, 0, sizeof *image);
    image->control = cpu->fpu_control;
    image->status = x87_status_word(cpu);
    image->tags = x87_tag_word(cpu);
    image->cs = (uint32_t)cpu->fpu_opcode << 16;
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_reg *r = &cpu->fpr[(cpu->fpu_top + i) & 7];
        memcpy(image->st[i], &r->mant, 8);
        memcpy(image->st[i] + 8, &r->se, 2);
    }
}

static void random_cpu(struct x86_cpu *cpu)
{
    uint64_t r = random64();
    unsigned masks = r & 3 ? 0x3f : r >> 8 & 0x3f;
    cpu->fpu_control = (uint16_t)(0x40 | masks | (r >> 16 & 1 ? (r >> 20 & 0xc00) | 0x300 : 0x300));
    if ((r >> 40 & 7) == 0)
        cpu->fpu_control = (uint16_t)((cpu->fpu_control & ~0x300) | (r >> 44 & 1 ? 0x200 : 0));
    cpu->fpu_status = (uint16_t)((r >> 50 & 1 ? r >> 32 & masks & 0x3f : 0) | (r >> 33 & X87_CC));
    cpu->fpu_top = r >> 56 & 7;
    cpu->fpu_empty = 0;
    for (unsigned i = 0; i < 8; i++)
        cpu->fpr[i] = random_reg();
}

static void run_host(uint8_t *code, const struct test *test, struct image *image, uint8_t *memory)
{
    memcpy(code, test->code, test->length);
    code[test->length] = 0xc3;
    struct image after;
    __asm__ volatile("frstor %1\n\tcall *%2\n\tfnsave %0\n\tfninit"
                     : "=m"(after) : "m"(*image), "r"(code), "S"(memory) : "memory", "cc");
    *image = after;
}

static uint64_t operand(const struct test *test, const uint8_t *memory)
{
    uint64_t v;
    memcpy(&v, memory, 8);
    switch (test->form) {
    case VALUE_F32: return (uint32_t)v;
    case VALUE_I16: return (uint64_t)(int64_t)(int16_t)v;
    case VALUE_I32: return (uint64_t)(int64_t)(int32_t)v;
    default: return v;
    }
}

static unsigned physical(const struct x86_cpu *cpu, int st) { return ((unsigned)cpu->fpu_top + (unsigned)st) & 7; }

static void run_ours(const struct test *test, struct x86_cpu *cpu, const uint8_t *memory)
{
    typedef uint64_t (*fn1)(struct vcpu_head *, uint64_t);
    typedef uint64_t (*fn2)(struct vcpu_head *, uint64_t, uint64_t);
    unsigned dst = physical(cpu, test->dst), src = physical(cpu, test->src), empty_after = 0;
    unsigned check = (test->check_dst ? 1u << dst : 0) | (test->check_src ? 1u << src : 0);
    unsigned valid = (test->dst_valid ? 1u << dst : 0) | (test->src_valid ? 1u << src : 0);
    for (int i = 0; i < test->pop; i++)
        empty_after |= 1u << physical(cpu, i);
    unsigned opcode = (test->code[0] & 7u) << 8 | test->code[1];
    uint64_t info = x87_info(dst, src, physical(cpu, test->pop), check, test->pop < 0 ? 1u << dst : 0, valid, empty_after, opcode);
    if (test->form == REG)
        ((fn1)test->helper)(&cpu->head, info);
    else if (test->form == MATH)
        ((fn2)test->helper)(&cpu->head, info, test->math);
    else if (test->form == ADDRESS)
        ((fn2)test->helper)(&cpu->head, info, OPERAND_VA);
    else
        ((fn2)test->helper)(&cpu->head, info, operand(test, memory));
}

static struct sf_f80 image_st(const struct image *image, unsigned i)
{
    struct sf_f80 value;
    memcpy(&value.mant, image->st[i], 8);
    memcpy(&value.se, image->st[i] + 8, 2);
    return value;
}

// Of a transcendental UE, PE and C1 say how a result was rounded that may differ; C1 says more after a stack fault.
static unsigned compared_status(const struct test *test, const struct image *host)
{
    unsigned status = 0x38ff | test->cc | X87_C1;
    if (test->close)
        status &= ~(SF_UE | SF_PE | (host->status & X87_SF ? 0 : X87_C1));
    if (test->helper == (void *)helper_fcomi_reg || test->helper == (void *)helper_fucomi_reg)
        status &= ~X87_C1; // 0 by the manual, kept by Intel's processors
    return status;
}

static bool same(const struct test *test, const struct image *host, const struct image *ours)
{
    if ((host->status ^ ours->status) & compared_status(test, host) || (host->control ^ ours->control) & 0xffff)
        return false;
    if (intel && (host->cs ^ ours->cs) >> 16 & 0x7ff) // FOP; others keep it while an exception is pending only
        return false;
    for (unsigned i = 0; i < 8; i++) {
        unsigned reg = ((host->status >> 11 & 7) + i) & 7;
        if (((host->tags >> 2 * reg & 3) == 3) != ((ours->tags >> 2 * reg & 3) == 3))
            return false;
        if (test->close ? !f80_close(image_st(host, i), image_st(ours, i), host_ulps(intel))
                        : memcmp(host->st[i], ours->st[i], 10) != 0)
            return false;
    }
    return true;
}

// Not on processors of other vendors (tests/unit/x87_host.h).
static bool intel_only(const struct test *test, const struct image *before)
{
    struct sf_f80 st1 = image_st(before, 1);
    if (test->form != MATH || !kept_denormal(image_st(before, 0), (uint16_t)before->control))
        return false;
    return test->math == X87_FSCALE ? is_zero(st1) : (test->math == X87_FPREM || test->math == X87_FPREM1) && is_infinite(st1);
}

static void show(const char *what, const struct image *image, const uint8_t *memory)
{
    printf("#  %s control %03x status %04x tags %04x opcode %03x:", what, image->control & 0xffff, image->status & 0xffff,
           image->tags & 0xffff, image->cs >> 16);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t mant;
        uint16_t se;
        memcpy(&mant, image->st[i], 8);
        memcpy(&se, image->st[i] + 8, 2);
        printf(" %04x:%016lx", se, mant);
    }
    printf(" memory");
    for (unsigned i = 0; i < 10; i++)
        printf(" %02x", memory[i]);
    printf("\n");
}

struct world {
    struct x86_cpu *cpu;
    uint8_t *page, *code; // guest page 1, and room for the instruction
};

static void random_operand(const struct test *test, uint8_t memory[10])
{
    uint64_t v = random64();
    if (test->form == VALUE_F32 && (v & 1)) {
        uint32_t f = (uint32_t)((v >> 8 & 0x807fffff) | (v >> 40 & 3 ? 0x70 + (v >> 42 & 31) : v >> 42 & 1 ? 255 : 0) << 23);
        memcpy(memory, &f, 4);
    } else if (test->form == VALUE_F64 && (v & 1)) {
        uint64_t f = (random64() & 0x800fffffffffffff) | (v >> 40 & 3 ? 0x3f0 + (v >> 42 & 31) : v >> 42 & 1 ? 0x7ff : 0) << 52;
        memcpy(memory, &f, 8);
    } else if (test->helper == (void *)helper_fbld) {
        for (unsigned i = 0; i < 9; i++)
            memory[i] = (uint8_t)(random64() % 10 | random64() % 10 << 4);
        memory[9] = (uint8_t)(v & 0x80);
    } else {
        struct x87_reg r = random_reg();
        memcpy(memory, &r.mant, 8);
        memcpy(memory + 8, &r.se, 2);
    }
}

// Transcendentals: exceptions that depend on how a result is rounded are masked (all, where another vendor's processor is the
// host), and operands are kept where the manual defines F2XM1 and FYL2XP1.
static void tame(const struct test *test, struct x86_cpu *cpu)
{
    struct x87_reg *st0 = &cpu->fpr[cpu->fpu_top];
    unsigned exponent = st0->se & 0x7fff, limit = test->math == X87_F2XM1 ? 0x3fff : test->math == X87_FYL2XP1 ? 0x3ffd : 0x7fff;
    if (!test->close)
        return;
    cpu->fpu_control |= intel ? SF_OE | SF_UE | SF_PE : SF_ALL_FLAGS;
    if (exponent >= limit && exponent != 0x7fff)
        st0->se = (uint16_t)((st0->se & 0x8000) | (limit - 1 - (random64() & 15)));
}

static bool run_round(const struct test *test, struct world *w)
{
    struct image before, host, ours;
    uint8_t memory[10], host_memory[16];
    static struct x86_cpu start;
    struct tlb_context *context = w->cpu->head.context;
    random_cpu(&start);
    tame(test, &start);
    for (unsigned i = 0; i < 8; i++)
        if ((random64() & 31) == 0)
            start.fpu_empty |= (uint8_t)(1u << i);
    if (test->pop < 0 && random64() & 15)
        start.fpu_empty |= (uint8_t)(1u << ((start.fpu_top + 7) & 7));
    random_operand(test, memory);
    to_image(&start, &before);
    if (!intel && intel_only(test, &before))
        return true;
    host = before;
    memcpy(host_memory, memory, 10);
    run_host(w->code, test, &host, host_memory);
    for (unsigned soft = 0; soft < 2; soft++) {
        *w->cpu = start;
        w->cpu->head.context = context;
        w->cpu->head.backend = soft ? &tcg_backend_interp : NULL;
        memcpy(w->page + (OPERAND_VA & 0xfff), memory, 10);
        run_ours(test, w->cpu, memory);
        to_image(w->cpu, &ours);
        if (!same(test, &host, &ours) || memcmp(host_memory, w->page + (OPERAND_VA & 0xfff), 10) != 0) {
            show("before", &before, memory);
            show("host  ", &host, host_memory);
            show(soft ? "soft  " : "helper", &ours, w->page + (OPERAND_VA & 0xfff));
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct world w = {.cpu = calloc(1, sizeof *w.cpu)};
    struct tlb_context *context = calloc(1, sizeof *context);
    unsigned count = sizeof tests / sizeof tests[0], failed = 0;
    if (argc > 1)
        rounds = strtoul(argv[1], NULL, 0) * 1000;
    if (argc > 2)
        random_state ^= strtoull(argv[2], NULL, 0) * 0x9e3779b97f4a7c15;
    intel = host_is_intel();
    w.code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    w.page = aligned_alloc(4096, 4096);
    if (!w.cpu || !context || w.code == MAP_FAILED || !w.page)
        return 1;
    memset(w.page, 0, 4096);
    context->read[1] = context->write[1] = (struct tlb_entry){.tag = 0x1000, .host = (uintptr_t)w.page};
    w.cpu->head.context = context;
    printf("1..%u\n", count);
    for (unsigned i = 0; i < count; i++) {
        bool ok = true;
        for (unsigned long round = 0; ok && round < rounds; round++)
            ok = run_round(&tests[i], &w);
        failed += !ok;
        printf("%s %u - %s\n", ok ? "ok" : "not ok", i + 1, tests[i].name);
    }
    free(context);
    free(w.cpu);
    free(w.page);
    return failed != 0;
}
#endif
