// SPDX-License-Identifier: MIT
//
// Results that are the same on every host (contract 4): what the manual leaves undefined, what processors of several vendors
// do differently, estimates, transcendentals. A family is many operations on the same random and special operands; the hash
// of all results and flags has one value. `make fuzz-cpu` compares those that the architecture defines with hardware.
#include "traps.h"

void ap_main(void) {}

static uint64_t random_state, hash;
static uint64_t next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1d;
}
static void mix(uint64_t v)
{
    hash = (hash ^ v) * 0x100000001b3;
    hash ^= hash >> 29;
}
static void begin(void)
{
    random_state = 0x243f6a8885a308d3;
    hash = 0xcbf29ce484222325;
}

static uint32_t single(void)
{
    static const uint32_t special[] = { 0, 0x80000000, 1, 0x807fffff, 0x00800000, 0x3f800000, 0xbf800000, 0x7f7fffff, 0x7f800000, 0xff800000,
                                        0x7fc00000, 0xffc12345, 0x7f800001, 0xff923456, 0x4effffff, 0xcf000000 };
    uint64_t r = next();
    return r >> 60 < 6 ? special[r & 15] : r >> 60 < 12 ? (uint32_t)((r & 0x807fffff) | (0x70 + (r >> 32 & 31)) << 23) : (uint32_t)r;
}
static uint64_t dual(void)
{
    static const uint64_t special[] = { 0, 1ull << 63, 1, 0x800fffffffffffff, 0x0010000000000000, 0x3ff0000000000000, 0xbff0000000000000,
                                        0x7fefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8123456789abc,
                                        0x7ff0000000000001, 0xfff4000000000001, 0x41dfffffffc00000, 0xc3e0000000000000 };
    uint64_t r = next();
    return r >> 60 < 6 ? special[r & 15] : r >> 60 < 12 ? (r & 0x800fffffffffffff) | (0x3f0 + (next() & 31)) << 52 : r;
}
static uint64_t pair(void) { return single() | (uint64_t)single() << 32; }

static uint64_t x[2], y[2];
static uint32_t mxcsr;
// All exceptions masked; rounding, DAZ and FTZ at random.
static void operands(bool wide)
{
    for (unsigned i = 0; i < 2; i++) {
        x[i] = wide ? dual() : pair();
        y[i] = wide ? dual() : pair();
    }
    mxcsr = 0x1f80 | ((uint32_t)next() & 0xe040);
}
#define SSE(insn)                                                                                                                     \
    do {                                                                                                                              \
        uint64_t r[2];                                                                                                                \
        uint32_t flags = mxcsr;                                                                                                       \
        asm volatile("ldmxcsr %1\n movups %2, %%xmm0\n movups %3, %%xmm1\n" insn " %%xmm1, %%xmm0\n movups %%xmm0, %0\n stmxcsr %1" \
                     : "=m"(r), "+m"(flags) : "m"(x), "m"(y));                                                                       \
        mix(r[0]);                                                                                                                    \
        mix(r[1]);                                                                                                                    \
        mix(flags);                                                                                                                   \
    } while (0)

static void dot_products(void)
{
    for (unsigned i = 0; i < 2000; i++) {
        operands(false);
        SSE("dpps $0xff,");
        SSE("dpps $0x7b,");
        SSE("dpps $0xe5,");
        SSE("dpps $0x31,");
        operands(true);
        SSE("dppd $0x33,");
        SSE("dppd $0x12,");
        SSE("dppd $0xef,");
    }
}

static void estimates(void)
{
    for (unsigned i = 0; i < 4000; i++) {
        operands(false);
        SSE("rcpps");
        SSE("rsqrtps");
        SSE("rcpss");
        SSE("rsqrtss");
    }
}

static void arithmetic(void)
{
    for (unsigned i = 0; i < 2000; i++) {
        operands(false);
        SSE("addps"); SSE("subps"); SSE("mulps"); SSE("divps"); SSE("sqrtps"); SSE("minps"); SSE("maxps"); SSE("haddps"); SSE("hsubps");
        SSE("addsubps"); SSE("cvtps2dq"); SSE("cvttps2dq"); SSE("cvtps2pd"); SSE("cmpps $5,"); SSE("roundps $4,"); SSE("cvtdq2ps");
        operands(true);
        SSE("addpd"); SSE("subpd"); SSE("mulpd"); SSE("divpd"); SSE("sqrtpd"); SSE("minpd"); SSE("maxpd"); SSE("haddpd"); SSE("hsubpd");
        SSE("addsubpd"); SSE("cvtpd2dq"); SSE("cvttpd2dq"); SSE("cvtpd2ps"); SSE("cmppd $2,"); SSE("roundpd $12,"); SSE("cvtdq2pd");
    }
}

// a and d with b as the other operand and c as the count; all six flags as they are afterwards.
#define INTEGER(text)                                                                                                                  \
    do {                                                                                                                               \
        uint64_t a = x[0], d = x[1], flags = y[1] & F_ARITHMETIC;                                                                      \
        asm volatile("push %2\n popfq\n" text "\n pushfq\n pop %2" : "+a"(a), "+d"(d), "+&r"(flags) : "b"(y[0]), "c"(y[1]) : "cc", "memory"); \
        mix(a);                                                                                                                        \
        mix(d);                                                                                                                        \
        mix(flags & F_ARITHMETIC);                                                                                                     \
    } while (0)

static uint64_t integer(void)
{
    uint64_t r = next();
    return r >> 61 == 0 ? 0 : r >> 61 == 1 ? ~0ull : r >> 61 == 2 ? 1ull << (r & 63) : r;
}

static void undefined(void)
{
    for (unsigned i = 0; i < 3000; i++) {
        for (unsigned k = 0; k < 2; k++) {
            x[k] = integer();
            y[k] = integer();
        }
        INTEGER("and %%ebx, %%eax"); INTEGER("or %%rbx, %%rax"); INTEGER("xor %%bl, %%al"); INTEGER("test %%bx, %%ax");
        INTEGER("shl %%cl, %%al"); INTEGER("shr %%cl, %%ax"); INTEGER("sar %%cl, %%eax"); INTEGER("shl %%cl, %%rax"); INTEGER("shr $3, %%rax");
        INTEGER("rol %%cl, %%al"); INTEGER("ror %%cl, %%eax"); INTEGER("rcl %%cl, %%ax"); INTEGER("rcr %%cl, %%rax"); INTEGER("rol $5, %%ax");
        INTEGER("shld %%cl, %%bx, %%ax"); INTEGER("shrd %%cl, %%bx, %%ax"); INTEGER("shld %%cl, %%rbx, %%rax"); INTEGER("shrd $9, %%ebx, %%eax");
        INTEGER("mul %%rbx"); INTEGER("mul %%bl"); INTEGER("imul %%ebx"); INTEGER("imul %%rbx, %%rax"); INTEGER("imul $77, %%bx, %%ax");
        INTEGER("bsf %%rbx, %%rax"); INTEGER("bsr %%ebx, %%eax"); INTEGER("bsf %%bx, %%ax"); INTEGER("bt %%ecx, %%eax"); INTEGER("btc %%rcx, %%rax");
        y[0] |= 1ull << 63; // the divisor: no overflow
        x[1] >>= 1;
        INTEGER("div %%rbx");
        y[0] |= 0x80;
        x[0] &= 0x7fff;
        INTEGER("div %%bl");
        INTEGER("cqo\n idiv %%rbx");
    }
}

static uint8_t extended[10];
static void x87_result(void)
{
    uint16_t status;
    asm volatile("fnstsw %0\n fstpt %1\n fninit" : "=m"(status), "=m"(extended));
    uint64_t low = 0;
    for (unsigned i = 0; i < 8; i++)
        low |= (uint64_t)extended[i] << 8 * i;
    mix(low);
    mix(extended[8] | extended[9] << 8 | (uint64_t)status << 16);
}
#define X87(text) do { asm volatile("fninit\n fldl %1\n fldl %0\n" text ::"m"(x[0]), "m"(y[0])); x87_result(); } while (0)

static void transcendentals(void)
{
    for (unsigned i = 0; i < 1500; i++) {
        x[0] = dual();
        y[0] = dual();
        X87("fsin"); X87("fcos"); X87("fptan"); X87("fsincos"); X87("fpatan"); X87("fyl2x"); X87("fyl2xp1"); X87("f2xm1");
        X87("fprem"); X87("fprem1"); X87("fscale"); X87("fxtract"); X87("frndint"); X87("fsqrt"); X87("fdivp"); X87("fmulp");
    }
}

static const struct { const char *name; void (*run)(void); uint64_t hash; } families[] = {
    { "dot products", dot_products, 0x148b913f685fd902 },
    { "estimates", estimates, 0x0618a6cf9e939637 },
    { "vector arithmetic", arithmetic, 0xb45ef83f7e89e2c8 },
    { "undefined flags", undefined, 0xa7c33f570646b485 },
    { "x87", transcendentals, 0x7d3d1ffc42ac410b },
};

int guest_main(void)
{
    traps_init();
    write_cr0((read_cr0() & ~4ull) | 2);
    write_cr4(read_cr4() | 0x600);
    for (unsigned i = 0; i < sizeof families / sizeof *families; i++) {
        begin();
        families[i].run();
        check(families[i].name, hash, families[i].hash);
    }
    return guest_failures ? 1 : 0;
}
