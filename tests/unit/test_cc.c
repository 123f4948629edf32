// SPDX-License-Identifier: MIT
//
// cc_compute against this host's own flags: every recipe kind at every size, special and random operands; flags
// that the manual leaves undefined are masked. cc_condition against SETcc on all values of the flags. x86-64 hosts only.
#include <string.h>
#include "tcg/ir.h"
#include "tests/unit/tap.h"

#ifndef __x86_64__
int main(void)
{
    printf("1..0 # SKIP needs an x86-64 host\n");
    return 0;
}
#else

#define ROUNDS 20000
#define ALL 0x8d5u
#define NO_AF (ALL & ~0x10u)
#define CF 1u
#define OF 0x800u

// The red zone is stepped over: PUSHF writes below the stack pointer.
#define FLAGS "\n\tlea -128(%%rsp), %%rsp\n\tpushfq\n\tpopq %[f]\n\tlea 128(%%rsp), %%rsp"
#define CARRY "btl $0, %k[c]\n\t"
#define BINARY(name, insn) \
    static uint64_t name(unsigned size, uint64_t x, uint64_t y, uint64_t c, uint64_t *f) \
    { \
        switch (size) { \
        case 0: __asm__ volatile(CARRY insn "b %b[y], %b[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : [y] "q"(y), [c] "r"(c) : "cc"); break; \
        case 1: __asm__ volatile(CARRY insn "w %w[y], %w[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : [y] "q"(y), [c] "r"(c) : "cc"); break; \
        case 2: __asm__ volatile(CARRY insn "l %k[y], %k[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : [y] "q"(y), [c] "r"(c) : "cc"); break; \
        default: __asm__ volatile(CARRY insn "q %q[y], %q[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : [y] "q"(y), [c] "r"(c) : "cc"); break; \
        } \
        return x; \
    }
#define UNARY(name, insn) \
    static uint64_t name(unsigned size, uint64_t x, uint64_t c, uint64_t *f) \
    { \
        switch (size) { \
        case 0: __asm__ volatile(CARRY insn "b %b[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : [c] "r"(c) : "cc"); break; \
        case 1: __asm__ volatile(CARRY insn "w %w[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : [c] "r"(c) : "cc"); break; \
        case 2: __asm__ volatile(CARRY insn "l %k[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : [c] "r"(c) : "cc"); break; \
        default: __asm__ volatile(CARRY insn "q %q[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : [c] "r"(c) : "cc"); break; \
        } \
        return x; \
    }
#define SHIFT(name, insn) \
    static uint64_t name(unsigned size, uint64_t x, unsigned n, uint64_t *f) \
    { \
        switch (size) { \
        case 0: __asm__ volatile(insn "b %%cl, %b[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : "c"(n) : "cc"); break; \
        case 1: __asm__ volatile(insn "w %%cl, %w[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : "c"(n) : "cc"); break; \
        case 2: __asm__ volatile(insn "l %%cl, %k[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : "c"(n) : "cc"); break; \
        default: __asm__ volatile(insn "q %%cl, %q[x]" FLAGS : [x] "+q"(x), [f] "=&r"(*f) : "c"(n) : "cc"); break; \
        } \
        return x; \
    }
// One-operand multiplication of rax; *high gets the upper half as rdx has it (size 0: ah).
#define MULTIPLY(name, insn) \
    static uint64_t name(unsigned size, uint64_t x, uint64_t y, uint64_t *high, uint64_t *f) \
    { \
        uint64_t d = 0; \
        switch (size) { \
        case 0: __asm__ volatile(insn "b %b[y]" FLAGS : "+a"(x), "+d"(d), [f] "=&r"(*f) : [y] "r"(y) : "cc"); break; \
        case 1: __asm__ volatile(insn "w %w[y]" FLAGS : "+a"(x), "+d"(d), [f] "=&r"(*f) : [y] "r"(y) : "cc"); break; \
        case 2: __asm__ volatile(insn "l %k[y]" FLAGS : "+a"(x), "+d"(d), [f] "=&r"(*f) : [y] "r"(y) : "cc"); break; \
        default: __asm__ volatile(insn "q %q[y]" FLAGS : "+a"(x), "+d"(d), [f] "=&r"(*f) : [y] "r"(y) : "cc"); break; \
        } \
        *high = size ? d : x >> 8 & 0xff; \
        return x; \
    }

BINARY(host_add, "add")
BINARY(host_sub, "sub")
BINARY(host_adc, "adc")
BINARY(host_sbb, "sbb")
BINARY(host_and, "and")
BINARY(host_or, "or")
BINARY(host_xor, "xor")
UNARY(host_inc, "inc")
UNARY(host_dec, "dec")
UNARY(host_neg, "neg")
SHIFT(host_shl, "shl")
SHIFT(host_shr, "shr")
SHIFT(host_sar, "sar")
MULTIPLY(host_mul, "mul")
MULTIPLY(host_imul, "imul")

struct point { const char *name; unsigned size; uint64_t x, y; unsigned wrong; };

static void expect(struct point *p, uint32_t got, uint64_t flags, uint32_t mask)
{
    if (((got ^ (uint32_t)flags) & mask) && !p->wrong++)
        printf("# %s size %u x %#llx y %#llx: got %#x, host %#x, mask %#x\n", p->name, p->size, (unsigned long long)p->x,
               (unsigned long long)p->y, got & mask, (uint32_t)flags & mask, mask);
    if (got & ~ALL)
        p->wrong++;
}

static uint64_t operand(struct tap_random *random)
{
    static const uint64_t special[] = { 0, 1, 2, 0xf, 0x10, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
                                        0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ull };
    if (tap_below(random, 3) == 0)
        return special[tap_below(random, sizeof special / 8)];
    return tap_next(random) >> tap_below(random, 64);
}

static void sums(struct point *p, uint64_t x, uint64_t y, uint64_t c)
{
    uint64_t f, r;
    unsigned s = p->size;
    r = host_add(s, x, y, 0, &f);
    expect(p, cc_compute(CC_ADD, s, r, y, 0), f, ALL);
    r = host_sub(s, x, y, 0, &f);
    expect(p, cc_compute(CC_SUB, s, x, y, 0), f, ALL);
    expect(p, cc_compute(CC_SUBR, s, r, y, 0), f, ALL);
    r = host_adc(s, x, y, c, &f);
    expect(p, cc_compute(CC_ADC, s, r, y, c), f, ALL);
    r = host_sbb(s, x, y, c, &f);
    expect(p, cc_compute(CC_SBB, s, r, y, c), f, ALL);
    host_neg(s, x, 0, &f);
    expect(p, cc_compute(CC_SUB, s, 0, x, 0), f, ALL);
    r = host_inc(s, x, c, &f);
    expect(p, cc_compute(CC_INC, s, r, 0, c), f, ALL);
    r = host_dec(s, x, c, &f);
    expect(p, cc_compute(CC_DEC, s, r, 0, c), f, ALL);
}

static void logic(struct point *p, uint64_t x, uint64_t y)
{
    uint64_t f, r = host_and(p->size, x, y, 1, &f);
    expect(p, cc_compute(CC_LOGIC, p->size, r, y, 0), f, NO_AF);
    r = host_or(p->size, x, y, 1, &f);
    expect(p, cc_compute(CC_LOGIC, p->size, r, y, 0), f, NO_AF);
    r = host_xor(p->size, x, y, 1, &f);
    expect(p, cc_compute(CC_LOGIC, p->size, r, y, 0), f, NO_AF);
    if (cc_compute(CC_LOGIC, p->size, r, y, 0) & 0x811)
        p->wrong++;
}

static void shifts(struct point *p, uint64_t x, unsigned n)
{
    uint64_t f, before, r;
    uint32_t mask = n == 1 ? NO_AF : NO_AF & ~OF;
    unsigned s = p->size;
    r = host_shl(s, x, n, &f);
    before = host_shl(s, x, n - 1, &(uint64_t){ 0 });
    expect(p, cc_compute(CC_SHL, s, r, before, 0), f, mask);
    r = host_shr(s, x, n, &f);
    before = host_shr(s, x, n - 1, &(uint64_t){ 0 });
    expect(p, cc_compute(CC_SHR, s, r, before, 0), f, mask);
    r = host_sar(s, x, n, &f);
    before = host_sar(s, x, n - 1, &(uint64_t){ 0 });
    expect(p, cc_compute(CC_SHR, s, r, before, 0), f, mask);
}

static void products(struct point *p, uint64_t x, uint64_t y)
{
    unsigned s = p->size, unused = 64 - (8u << s);
    uint64_t f, high, r = host_mul(s, x, y, &high, &f);
    expect(p, cc_compute(CC_MUL, s, r, high << unused >> unused, 0), f, CF | OF);
    r = host_imul(s, x, y, &high, &f);
    int64_t sign = (int64_t)(r << unused) >> 63;
    expect(p, cc_compute(CC_MUL, s, r, (high ^ (uint64_t)sign) << unused >> unused, 0), f, CF | OF);
    if (cc_compute(CC_MUL, s, r, 0, 0) & 0x811)
        p->wrong++;
}

static void test_conditions(void)
{
    static const uint32_t bits[6] = { 1, 4, 0x10, 0x40, 0x80, 0x800 };
    unsigned wrong = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint64_t f = 2;
        for (unsigned k = 0; k < 6; k++)
            f |= i >> k & 1 ? bits[k] : 0;
        uint8_t set[16];
        __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushq %1\n\tpopfq\n\tlea 128(%%rsp), %%rsp\n\t"
                         "seto 0(%0)\n\tsetno 1(%0)\n\tsetb 2(%0)\n\tsetae 3(%0)\n\tsete 4(%0)\n\tsetne 5(%0)\n\tsetbe 6(%0)\n\t"
                         "seta 7(%0)\n\tsets 8(%0)\n\tsetns 9(%0)\n\tsetp 10(%0)\n\tsetnp 11(%0)\n\tsetl 12(%0)\n\tsetge 13(%0)\n\t"
                         "setle 14(%0)\n\tsetg 15(%0)" : : "r"(set), "r"(f) : "cc", "memory");
        for (unsigned cond = 0; cond < 16; cond++)
            wrong += cc_condition(cond, (uint32_t)f) != set[cond];
    }
    tap_ok(!wrong, "sixteen conditions on all flags");
}

int main(void)
{
    struct tap_random random = { 20 };
    static const char *const names[4] = { "sums and differences", "logic", "shifts", "products" };
    for (unsigned group = 0; group < 4; group++) {
        for (unsigned size = 0; size < 4; size++) {
            struct point p = { .name = names[group], .size = size };
            for (unsigned i = 0; i < ROUNDS; i++) {
                uint64_t x = p.x = operand(&random), y = p.y = operand(&random);
                switch (group) {
                case 0: sums(&p, x, y, y >> 7 & 1); break;
                case 1: logic(&p, x, y); break;
                case 2:
                    p.y = 1 + tap_below(&random, size == 0 ? 8 : size == 1 ? 16 : size == 2 ? 31 : 63);
                    shifts(&p, x, (unsigned)p.y);
                    break;
                default: products(&p, x, y); break;
                }
            }
            tap_ok(!p.wrong, "%s, %u bits", p.name, 8u << size);
        }
    }
    unsigned wrong = 0;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t x = tap_next(&random);
        wrong += cc_compute(CC_EFLAGS, 3, x, 0, 0) != (x & ALL);
    }
    tap_ok(!wrong, "flags in EFLAGS layout");
    test_conditions();
    return tap_done();
}
#endif
