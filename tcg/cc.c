// SPDX-License-Identifier: MIT
//
// Flag recipes, evaluated: the reference for all tiers and hosts. Called below generated code with the guest's
// vector registers live, so it is compiled for general registers only.
#ifdef __x86_64__
#pragma GCC target("general-regs-only")
#endif
#include "tcg/ir.h"

#define CF 1u
#define PF 4u
#define AF 0x10u
#define ZF 0x40u
#define SF 0x80u
#define OF 0x800u

static uint64_t truncate_to(uint64_t v, unsigned size)
{
    return size == 3 ? v : v & ((1ull << (8u << size)) - 1);
}

static uint32_t result_flags(uint64_t r, unsigned size)
{
    unsigned low = (unsigned)r & 0xff;
    low ^= low >> 4;
    low ^= low >> 2;
    low ^= low >> 1;
    return (r ? 0 : ZF) | (r >> ((8u << size) - 1) & 1 ? SF : 0) | (low & 1 ? 0 : PF);
}

// Flags of x + y + carry = r, and of x - y - borrow = r.
static uint32_t add_flags(uint64_t x, uint64_t y, uint64_t r, unsigned carry, unsigned size)
{
    unsigned top = (8u << size) - 1;
    bool cf = carry ? r <= x : r < x;
    return result_flags(r, size) | (cf ? CF : 0) | ((x ^ y ^ r) & 0x10 ? AF : 0) | ((x ^ r) & (y ^ r) & 1ull << top ? OF : 0);
}

static uint32_t sub_flags(uint64_t x, uint64_t y, uint64_t r, unsigned borrow, unsigned size)
{
    unsigned top = (8u << size) - 1;
    bool cf = borrow ? x <= y : x < y;
    return result_flags(r, size) | (cf ? CF : 0) | ((x ^ y ^ r) & 0x10 ? AF : 0) | ((x ^ y) & (x ^ r) & 1ull << top ? OF : 0);
}

uint32_t cc_compute(enum cc_kind kind, unsigned size, uint64_t a, uint64_t b, uint64_t c)
{
    if (kind == CC_EFLAGS)
        return (uint32_t)a & 0x8d5;
    uint64_t wide_b = b;
    unsigned top = (8u << size) - 1, carry = c & 1;
    a = truncate_to(a, size);
    b = truncate_to(b, size);
    switch (kind) {
    case CC_ADD: return add_flags(truncate_to(a - b, size), b, a, 0, size);
    case CC_SUB: return sub_flags(a, b, truncate_to(a - b, size), 0, size);
    case CC_SUBR: return sub_flags(truncate_to(a + b, size), b, a, 0, size);
    case CC_ADC: return add_flags(truncate_to(a - b - carry, size), b, a, carry, size);
    case CC_SBB: return sub_flags(truncate_to(a + b + carry, size), b, a, carry, size);
    case CC_LOGIC: return result_flags(a, size);
    case CC_INC: return (add_flags(truncate_to(a - 1, size), 1, a, 0, size) & ~CF) | carry;
    case CC_DEC: return (sub_flags(truncate_to(a + 1, size), 1, a, 0, size) & ~CF) | carry;
    case CC_SHL: return result_flags(a, size) | (b >> top & 1 ? CF : 0) | ((a ^ b) >> top & 1 ? OF : 0);
    case CC_SHR: return result_flags(a, size) | (b & 1 ? CF : 0) | ((a ^ b) >> top & 1 ? OF : 0);
    case CC_MUL: return result_flags(a, size) | (wide_b ? CF | OF : 0);
    default: return 0;
    }
}

bool cc_condition(unsigned cond, uint32_t f)
{
    bool cf = f & CF, zf = f & ZF, sf = f & SF, of = f & OF, r;
    switch (cond >> 1) {
    case 0: r = of; break;
    case 1: r = cf; break;
    case 2: r = zf; break;
    case 3: r = cf || zf; break;
    case 4: r = sf; break;
    case 5: r = f & PF; break;
    case 6: r = sf != of; break;
    default: r = zf || sf != of; break;
    }
    return r != (cond & 1);
}
