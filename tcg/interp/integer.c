// SPDX-License-Identifier: MIT
//
// Integer ops. Sources are read whole and cut to the size where it matters; interp_put writes by the size's rule.
#include "tcg/interp/interp.h"

#define UNARY(id, expression) \
    void interp_##id(struct run *run, const struct iop *op) \
    { \
        uint64_t a = interp_get(run, op, 1); \
        interp_put(run, op, 0, op->size, (uint64_t)(expression)); \
    }
#define BINARY(id, expression) \
    void interp_##id(struct run *run, const struct iop *op) \
    { \
        uint64_t a = interp_get(run, op, 1), b = interp_get(run, op, 2); \
        interp_put(run, op, 0, op->size, (uint64_t)(expression)); \
    }
#define TERNARY(id, expression) \
    void interp_##id(struct run *run, const struct iop *op) \
    { \
        uint64_t a = interp_get(run, op, 1), b = interp_get(run, op, 2), c = interp_get(run, op, 3); \
        interp_put(run, op, 0, op->size, (uint64_t)(expression)); \
    }

// ---- moves

UNARY(MOV, a)
UNARY(ZX8, (uint8_t)a)
UNARY(ZX16, (uint16_t)a)
UNARY(ZX32, (uint32_t)a)
UNARY(SX8, (int8_t)a)
UNARY(SX16, (int16_t)a)
UNARY(SX32, (int32_t)a)

void interp_GETHI(struct run *run, const struct iop *op)
{
    interp_put(run, op, 0, 3, interp_get(run, op, 1) >> 8 & 0xff);
}

void interp_PUTHI(struct run *run, const struct iop *op)
{
    interp_put(run, op, 0, 3, (interp_get(run, op, 0) & ~0xff00ull) | (interp_get(run, op, 1) & 0xff) << 8);
}

BINARY(LEA, a + (b << op->scale) + (uint64_t)op->imm)

// ---- arithmetic

BINARY(ADD, a + b)
BINARY(SUB, a - b)
BINARY(AND, a & b)
BINARY(OR, a | b)
BINARY(XOR, a ^ b)
TERNARY(ADC, a + b + (c & 1))
TERNARY(SBB, a - b - (c & 1))
UNARY(NEG, -a)
UNARY(NOT, ~a)
BINARY(MUL, a * b)

static void put_pair(struct run *run, const struct iop *op, uint64_t first, uint64_t second)
{
    interp_put(run, op, 0, op->size, first);
    interp_put(run, op, 1, op->size, second);
}

void interp_MULU2(struct run *run, const struct iop *op)
{
    uint64_t a = interp_truncate(interp_get(run, op, 2), op->size), b = interp_truncate(interp_get(run, op, 3), op->size);
    unsigned __int128 product = (unsigned __int128)a * b;
    put_pair(run, op, (uint64_t)product, (uint64_t)(product >> (8u << op->size)));
}

void interp_MULS2(struct run *run, const struct iop *op)
{
    int64_t a = interp_signed(interp_get(run, op, 2), op->size), b = interp_signed(interp_get(run, op, 3), op->size);
    __int128 product = (__int128)a * b;
    put_pair(run, op, (uint64_t)product, (uint64_t)(product >> (8u << op->size)));
}

static unsigned __int128 dividend(struct run *run, const struct iop *op)
{
    uint64_t lo = interp_get(run, op, 2), hi = interp_get(run, op, 3);
    return op->size == 3 ? (unsigned __int128)hi << 64 | lo : hi << 32 | (uint32_t)lo;
}

void interp_DIVU2(struct run *run, const struct iop *op)
{
    unsigned __int128 n = dividend(run, op);
    uint64_t d = interp_truncate(interp_get(run, op, 4), op->size);
    put_pair(run, op, (uint64_t)(n / d), (uint64_t)(n % d));
}

void interp_DIVS2(struct run *run, const struct iop *op)
{
    __int128 n = op->size == 3 ? (__int128)dividend(run, op) : (__int128)(int64_t)(uint64_t)dividend(run, op);
    int64_t d = interp_signed(interp_get(run, op, 4), op->size);
    put_pair(run, op, (uint64_t)(n / d), (uint64_t)(n % d));
}

// ---- shifts

static unsigned count_of(const struct iop *op, uint64_t count) { return (unsigned)count & (op->size == 3 ? 63 : 31); }

BINARY(SHL, a << count_of(op, b))
BINARY(SHR, interp_truncate(a, op->size) >> count_of(op, b))
BINARY(SAR, interp_signed(a, op->size) >> count_of(op, b))

static uint64_t rotate_left(uint64_t value, unsigned count, unsigned size)
{
    unsigned bits = 8u << size;
    count &= bits - 1;
    value = interp_truncate(value, size);
    return count ? value << count | value >> (bits - count) : value;
}

BINARY(ROL, rotate_left(a, count_of(op, b), op->size))
BINARY(ROR, rotate_left(a, 0u - count_of(op, b), op->size))

static uint64_t shift_double(const struct iop *op, uint64_t a, uint64_t b, uint64_t c, bool right)
{
    unsigned n = count_of(op, c), bits = 8u << op->size;
    a = interp_truncate(a, op->size);
    b = interp_truncate(b, op->size);
    if (!n)
        return a;
    return right ? a >> n | b << (bits - n) : a << n | b >> (bits - n);
}

TERNARY(SHLD, shift_double(op, a, b, c, false))
TERNARY(SHRD, shift_double(op, a, b, c, true))

// ---- bits

UNARY(BSWAP, op->size == 3 ? __builtin_bswap64(a) : __builtin_bswap32((uint32_t)a))
UNARY(POPCNT, __builtin_popcountll(interp_truncate(a, op->size)))

static unsigned trailing_zeros(uint64_t value, unsigned size)
{
    value = interp_truncate(value, size);
    return value ? (unsigned)__builtin_ctzll(value) : 8u << size;
}

static unsigned leading_zeros(uint64_t value, unsigned size)
{
    value = interp_truncate(value, size);
    return value ? (unsigned)__builtin_clzll(value) - (64 - (8u << size)) : 8u << size;
}

UNARY(CTZ, trailing_zeros(a, op->size))
UNARY(CLZ, leading_zeros(a, op->size))

// CRC-32C, reflected polynomial 0x82f63b78 [SDM 2A CRC32]: no inversion at either end.
static uint32_t crc32c(uint32_t crc, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes * 8; i++) {
        uint32_t bit = (crc ^ (uint32_t)(value >> i)) & 1;
        crc = crc >> 1 ^ (bit ? 0x82f63b78u : 0);
    }
    return crc;
}

void interp_CRC32(struct run *run, const struct iop *op)
{
    interp_put(run, op, 0, 2, crc32c((uint32_t)interp_get(run, op, 1), interp_get(run, op, 2), 1u << op->size));
}
