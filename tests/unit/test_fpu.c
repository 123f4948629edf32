// SPDX-License-Identifier: MIT
//
// fpu/ against the host processor: random and special operands through inline assembly and through
// soft float, results and flags compared, over all rounding modes, DAZ, FTZ and x87 precisions.
// Usage: test_fpu [thousands of cases per operation, default 100] [seed]. On hosts that
// are not x86-64 only the fixed vectors run. Transcendentals are compared within 1 ulp (their
// bits are defined by fpu/) and pinned by a digest that must be the same on every host.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fpu/softfloat.h"

static unsigned long cases = 100000;
static uint64_t random_state = 0x9e3779b97f4a7c15;
static int test_number, failures;

static uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1d;
}

static unsigned random_below(unsigned n) { return (unsigned)(random_u64() >> 33) % n; }

static void report(const char *name, unsigned long mismatches)
{
    printf("%sok %d - %s", mismatches ? "not " : "", ++test_number, name);
    if (mismatches)
        printf(" # %lu mismatches", mismatches);
    printf("\n");
    fflush(stdout);
    failures += mismatches != 0;
}

// --- operands ---

// A fraction of `bits` bits with the shapes that rounding goes wrong on.
static uint64_t random_fraction(int bits)
{
    uint64_t mask = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
    switch (random_below(6)) {
    case 0:
        return 0;
    case 1:
        return mask;
    case 2: // one bit, and one near the end
        return (1ull << random_below(bits)) | random_below(4);
    case 3: // a run of ones
        return (mask >> random_below(bits)) & (mask << random_below(bits)) & mask;
    case 4: // few bits on top
        return random_u64() & (mask << (bits - 1 - random_below(bits / 2))) & mask;
    default:
        return random_u64() & mask;
    }
}

static uint64_t random_exponent(int bits)
{
    unsigned max = (1u << bits) - 1, bias = max / 2;
    switch (random_below(8)) {
    case 0:
        return 0;
    case 1:
        return max;
    case 2:
        return random_below(4);
    case 3:
        return max - random_below(4);
    case 4:
        return random_below(max + 1);
    default: {
        int near = (int)bias + (int)random_below(140) - 70;
        return (unsigned)near & max;
    }
    }
}

static uint32_t random_f32(void)
{
    return (uint32_t)(random_u64() & 1u << 31) | (uint32_t)random_exponent(8) << 23 |
           (uint32_t)random_fraction(23);
}

static uint64_t random_f64(void)
{
    return (random_u64() & 1ull << 63) | random_exponent(11) << 52 | random_fraction(52);
}

static struct sf_f80 random_f80(void)
{
    struct sf_f80 a;
    a.se = (uint16_t)((random_u64() & 0x8000) | random_exponent(15));
    a.mant = random_fraction(63);
    bool integer = (a.se & 0x7fff) != 0;
    if (random_below(32) == 0) // unsupported encodings, pseudo-denormals
        integer = !integer;
    a.mant |= (uint64_t)integer << 63;
    return a;
}

// A second operand: often close to the first, so that sums cancel and products meet the limits.
static uint32_t random_near_f32(uint32_t a)
{
    switch (random_below(4)) {
    case 0:
        return (a ^ (uint32_t)random_u64() << 31) + random_below(8) - 4;
    case 1:
        return (a ^ (uint32_t)random_u64() << 31) + ((random_below(60) - 30) << 23);
    default:
        return random_f32();
    }
}

static uint64_t random_near_f64(uint64_t a)
{
    switch (random_below(4)) {
    case 0:
        return (a ^ random_u64() << 63) + random_below(8) - 4;
    case 1:
        return (a ^ random_u64() << 63) + ((uint64_t)(int64_t)((int)random_below(120) - 60) << 52);
    default:
        return random_f64();
    }
}

static struct sf_f80 random_near_f80(struct sf_f80 a)
{
    switch (random_below(4)) {
    case 0:
        a.mant += random_below(8) - 4;
        a.se ^= (uint16_t)(random_u64() & 0x8000);
        return a;
    case 1:
        a.se = (uint16_t)(a.se + random_below(140) - 70);
        a.se ^= (uint16_t)(random_u64() & 0x8000);
        return a;
    default:
        return random_f80();
    }
}

static uint32_t random_mxcsr(void)
{
    return 0x1f80 | random_below(4) << 13 | random_below(2) << 6 | random_below(2) << 15;
}

static uint16_t random_fcw(void)
{
    static const uint16_t precisions[] = {0x000, 0x200, 0x300};
    unsigned unmasked = random_below(4) ? 0 : random_below(64);
    return (uint16_t)((0x7f & ~unmasked) | precisions[random_below(3)] | random_below(4) << 10);
}

static int64_t random_int(void)
{
    int64_t value = (int64_t)(random_u64() >> random_below(64));
    return random_below(2) ? value : -value;
}

// --- fixed vectors, on every host ---

static uint64_t digest_add(uint64_t digest, uint64_t value)
{
    for (int i = 0; i < 8; i++, value >>= 8)
        digest = (digest ^ (value & 255)) * 0x100000001b3;
    return digest;
}

static uint64_t digest_f80(uint64_t digest, struct sf_f80 a)
{
    return digest_add(digest_add(digest, a.mant), a.se);
}

static void test_vectors(void)
{
    struct sf_env env = {.precision = 3, .masks = SF_ALL_FLAGS};
    unsigned long bad = 0;
    bad += sf_f32_add(0x3f800000, 0x33800000, &env) != 0x3f800000 || env.flags != SF_PE;
    bad += sf_f64_div(0x3ff0000000000000, 0x4008000000000000, &env) != 0x3fd5555555555555;
    bad += sf_f64_sqrt(0x4000000000000000, &env) != 0x3ff6a09e667f3bcd;
    bad += sf_f64_fma(0x3ff0000000000001, 0x3ff0000000000001, 0xbff0000000000002, 0, &env) !=
           0x3970000000000000;
    bad += sf_f80_constant(SF_PI, &env).mant != 0xc90fdaa22168c235;
    env.flags = 0;
    bad += sf_f32_sqrt(0xbf800000, &env) != 0xffc00000 || env.flags != SF_IE;
    report("vectors", bad);
}

// Relative error of the estimates, in units of 2^-40, from exact integer arithmetic.
static void test_estimates(void)
{
    unsigned long bad = 0;
    for (uint32_t m = 0; m < 1u << 23; m += 61) {
        uint32_t r = sf_rcp_f32(0x3f800000 | m);
        uint64_t product = (uint64_t)(0x800000 | m) * (0x800000 | (r & 0x7fffff));
        int64_t error = (int64_t)(product << (r >> 23 == 127 ? 1 : 0)) - (1ll << 47);
        bad += llabs(error) > (1ll << 47) * 3 / 8192;
        for (uint32_t odd = 0; odd < 2; odd++) { // x in [1, 4): r = s / 2^24, x r^2 = 1
            uint32_t q = sf_rsqrt_f32((0x3f800000 + (odd << 23)) | m);
            uint64_t s = (uint64_t)(0x800000 | (q & 0x7fffff)) << (q >> 23 == 127 ? 1 : 0);
            uint64_t square = s * s >> 8; // 40 bits
            int64_t one = 1ll << 40;
            int64_t value =
                (int64_t)((unsigned __int128)square * (0x800000 | m) << odd >> 23);
            bad += llabs(value - one) > one * 2 * 3 / 8192;
        }
    }
    bad += sf_rcp_f32(0) != 0x7f800000 || sf_rcp_f32(0x80000001) != 0xff800000;
    bad += sf_rcp_f32(0xff800000) != 0x80000000 || sf_rcp_f32(0x7f000000) != 0;
    bad += sf_rsqrt_f32(0xbf800000) != 0xffc00000 || sf_rsqrt_f32(0x80000000) != 0xff800000;
    bad += sf_rcp_f32(0x7f800001) != 0x7fc00001 || sf_rsqrt_f32(0x40800000) != 0x3f000000;
    report("rcp, rsqrt estimates", bad);
}

// One random number per statement: the digest must not depend on the order of evaluation.
static struct sf_f80 digest_operand(void)
{
    struct sf_f80 a = {.mant = random_u64() | 1ull << 63};
    unsigned spread = 1u << random_below(15);
    a.se = (uint16_t)(16383 + spread / 4 - random_below(spread));
    a.se ^= (uint16_t)(random_u64() & 0x8000);
    a.mant &= UINT64_MAX << random_below(64);
    return a;
}

// Bits of the transcendentals over a fixed sequence: the definition, pinned.
static void test_digest(void)
{
    const uint64_t expected = 0x34d81f61abcb2ed;
    uint64_t digest = 0xcbf29ce484222325, saved = random_state;
    random_state = 12345;
    for (int i = 0; i < 5000; i++) {
        struct sf_env env = {.precision = 3, .rounding = (uint8_t)(i & 3), .masks = SF_ALL_FLAGS};
        struct sf_f80 a = digest_operand(), b = digest_operand(), s, c;
        digest = digest_f80(digest, sf_f80_2xm1(a, &env));
        digest = digest_f80(digest, sf_f80_yl2x(a, b, &env));
        digest = digest_f80(digest, sf_f80_yl2xp1(a, b, &env));
        digest = digest_f80(digest, sf_f80_patan(a, b, &env));
        sf_f80_sincos(a, &s, &c, &env);
        digest = digest_f80(digest_f80(digest, s), c);
        sf_f80_tan(a, &s, &env);
        digest = digest_add(digest_f80(digest, s), env.flags);
    }
    random_state = saved;
    if (digest != expected)
        printf("# digest %#" PRIx64 "\n", digest);
    report("digest of transcendentals", digest != expected);
}

#ifdef __x86_64__
#include "tests/unit/test_fpu_x86.inc"
#endif

int main(int argc, char **argv)
{
    if (argc > 1)
        cases = strtoul(argv[1], NULL, 0) * 1000;
    if (argc > 2)
        random_state ^= strtoull(argv[2], NULL, 0) * 0x9e3779b97f4a7c15;
    test_vectors();
    test_estimates();
    test_digest();
#ifdef __x86_64__
    test_sse();
    test_x87();
#endif
    printf("1..%d\n", test_number);
    return failures != 0;
}
