// SPDX-License-Identifier: MIT
//
// Random numbers, and values that are more likely to find something than those: limits, floats of every class.
#include <string.h>
#include "tests/fuzz/fuzz.h"

uint8_t pool[POOL_SIZE] __attribute__((aligned(64)));
static const uint8_t zeros[DATA_SIZE];

uint64_t rng_next(struct rng *r) // splitmix64
{
    uint64_t z = r->s += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static uint32_t float32(struct rng *r)
{
    static const uint32_t special[] = { 0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001,
                                        0x7fa12345, 1, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x5f000000,
                                        0x40490fdb, 0x3f000000, 0x3fc00000, 0x4effffff, 0x33800000 };
    switch (rng_below(r, 4)) {
    case 0: return special[rng_below(r, sizeof special / sizeof *special)];
    case 1: return (uint32_t)rng_next(r);
    case 2: return ((uint32_t)rng_next(r) & 0x80ffffff) | (uint32_t)(110 + rng_below(r, 36)) << 23;
    default: return ((uint32_t)rng_next(r) & 0x80fff000) | (uint32_t)(120 + rng_below(r, 20)) << 23;
    }
}

static uint64_t float64(struct rng *r)
{
    static const uint64_t special[] = { 0, 1ull << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
                                        0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001, 1, 0x8000000000000001, 0x000fffffffffffff,
                                        0x0010000000000000, 0x7fefffffffffffff, 0x41e0000000000000, 0xc1e0000000000000, 0x43e0000000000000,
                                        0xc3e0000000000000, 0x3fe0000000000000, 0x3ff8000000000000, 0x41dfffffffc00000, 0x36a0000000000000,
                                        0x47efffffe0000000, 0x380fffffffffffff };
    switch (rng_below(r, 4)) {
    case 0: return special[rng_below(r, sizeof special / sizeof *special)];
    case 1: return rng_next(r);
    case 2: return (rng_next(r) & 0x800fffffffffffff) | (uint64_t)(990 + rng_below(r, 80)) << 52;
    default: return (rng_next(r) & 0x800fffff00000000) | (uint64_t)(860 + rng_below(r, 300)) << 52;
    }
}

static void float80(struct rng *r, uint8_t out[16])
{
    uint64_t mant = rng_next(r) | 1ull << 63;
    uint16_t se = (uint16_t)rng_next(r);
    switch (rng_below(r, 8)) {
    case 0: se = (uint16_t)((se & 0x8000) | 0x7fff); mant = rng_percent(r, 40) ? 1ull << 63 : rng_percent(r, 50) ? 3ull << 62 : mant; break;
    case 1: se &= 0x8000; mant = rng_percent(r, 50) ? 0 : rng_next(r) >> (1 + rng_below(r, 63)); break;
    case 2: mant = 1ull << 63; se = (uint16_t)((se & 0x8000) | 0x3fff); break;
    case 3: if (rng_percent(r, 10)) mant = rng_next(r); break; // unnormal, pseudo-infinity
    case 4: case 5: mant = (mant >> 40 << 40) | 1ull << 63; // fall through
    default: se = (uint16_t)((se & 0x8000) | (0x3fff - 40 + rng_below(r, 110))); break;
    }
    memcpy(out, &mant, 8);
    memcpy(out + 8, &se, 2);
    memset(out + 10, 0, 6);
}

uint64_t value_generate(struct rng *r)
{
    static const uint64_t special[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff,
                                        1ull << 63, ~0ull, 0x100000000, 0xfffffffffffffffe, 0xffffffff80000000, 0x1f, 0x20, 0x3f, 0x40 };
    switch (rng_below(r, 6)) {
    case 0: return special[rng_below(r, sizeof special / sizeof *special)];
    case 1: return rng_below(r, 70);
    case 2: return (uint64_t)-(int64_t)rng_below(r, 300);
    case 3: return rng_next(r) >> rng_below(r, 63);
    case 4: return (uint64_t)(uint32_t)rng_next(r);
    default: return rng_next(r);
    }
}

static void chunk(struct rng *r, uint8_t out[16])
{
    uint64_t v[2];
    uint32_t f[4];
    switch (rng_below(r, 6)) {
    case 0:
        for (int i = 0; i < 4; i++)
            f[i] = float32(r);
        memcpy(out, f, 16);
        return;
    case 1:
        v[0] = float64(r);
        v[1] = float64(r);
        break;
    case 2:
        float80(r, out);
        return;
    case 3:
        for (int i = 0; i < 4; i++)
            f[i] = (uint32_t)value_generate(r);
        memcpy(out, f, 16);
        return;
    case 4:
        v[0] = value_generate(r);
        v[1] = value_generate(r);
        break;
    default: // bytes, also as text with ends
        v[0] = rng_next(r);
        v[1] = rng_next(r);
        for (int i = 0; i < 2; i++)
            v[i] &= rng_percent(r, 50) ? 0x0303030303030303 : rng_percent(r, 50) ? ~0ull : 0xff7f00ffff80ff01;
        break;
    }
    memcpy(out, v, 16);
}

void pool_fill(uint64_t seed)
{
    struct rng r = { seed ^ 0x706f6f6c };
    for (unsigned i = 0; i < POOL_SIZE; i += 16)
        chunk(&r, pool + i);
}

const uint8_t *case_data(const struct fuzz_case *c)
{
    return c->pool_offset == UINT32_MAX ? zeros : pool + c->pool_offset;
}

const uint8_t *case_stack(const struct fuzz_case *c)
{
    return c->pool_offset == UINT32_MAX ? zeros : pool + (c->pool_offset ^ 0x8000) % (POOL_SIZE - STACK_SIZE);
}

static void put16(uint8_t *fx, unsigned at, uint16_t v) { memcpy(fx + at, &v, 2); }

static void fpu_generate(struct rng *r, uint8_t fx[512])
{
    memset(fx, 0, 512);
    uint16_t fcw = 0x37f, fsw = 0;
    uint8_t valid = 0;
    if (rng_percent(r, 40))
        fcw = (uint16_t)(0x7f | rng_below(r, 4) << 10 | rng_below(r, 4) << 8);
    if (rng_percent(r, 5))
        fcw &= (uint16_t)~rng_below(r, 64);
    fsw = (uint16_t)(rng_below(r, 8) << 11 | (rng_next(r) & 0x4700));
    if (rng_percent(r, 30))
        fsw |= rng_below(r, 64) & fcw & 0x3f;
    if (rng_percent(r, 60)) // some values at the top of the stack
        for (unsigned i = 0, n = rng_below(r, 9); i < n; i++)
            valid |= (uint8_t)(1u << ((fsw >> 11) + i) % 8);
    else if (rng_percent(r, 50))
        valid = (uint8_t)rng_next(r);
    put16(fx, 0, fcw);
    put16(fx, 2, fsw);
    fx[4] = valid;
    uint32_t mxcsr = 0x1f80, mask = 0xffff;
    if (rng_percent(r, 30))
        mxcsr |= rng_below(r, 4) << 13;
    if (rng_percent(r, 12))
        mxcsr |= rng_below(r, 2) << 15 | rng_below(r, 2) << 6;
    if (rng_percent(r, 5))
        mxcsr &= ~(rng_below(r, 64) << 7);
    if (rng_percent(r, 30))
        mxcsr |= rng_below(r, 64);
    memcpy(fx + 24, &mxcsr, 4);
    memcpy(fx + 28, &mask, 4);
    for (unsigned i = 0; i < 8; i++) {
        float80(r, fx + 32 + 16 * i);
        if (rng_percent(r, 25)) { // as MMX leaves it
            chunk(r, fx + 32 + 16 * i);
            memset(fx + 32 + 16 * i + 8, 0xff, 2);
            memset(fx + 32 + 16 * i + 10, 0, 6);
        }
    }
    for (unsigned i = 0; i < 16; i++)
        chunk(r, fx + 160 + 16 * i);
}

void state_generate(struct rng *r, struct fuzz_state *s)
{
    memset(s, 0, sizeof *s);
    for (unsigned i = 0; i < 16; i++)
        s->gpr[i] = value_generate(r);
    s->gpr[4] = STACK_BASE + 1536 + (rng_below(r, 64) << 3) + (rng_percent(r, 6) ? rng_below(r, 8) : 0);
    s->rflags = (rng_next(r) & ALL_FLAGS) | 0x202 | (rng_percent(r, 10) ? 0x400 : 0);
    s->fs_base = DATA_BASE - 0x4000 + rng_below(r, 0x4000);
    s->gs_base = DATA_BASE + (rng_below(r, 0x200) << 4);
    fpu_generate(r, s->fx);
}
