// SPDX-License-Identifier: MIT
//
// Each row of tcg/vec.def: the interpreter's function against the host's own instruction, encoded from the row
// as the x86_64 backend does. Random and special operands, random immediates, MXCSR with every
// rounding mode, DAZ and FTZ; result bits, EFLAGS and MXCSR flags must agree. x86-64 hosts only.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tcg/vec.h"

#ifndef __x86_64__
int main(void)
{
    printf("1..0 # SKIP needs an x86-64 host\n");
    return 0;
}
#else
#include <sys/mman.h>

#define ROUNDS 20000

static uint64_t random_state = 0x243f6a8885a308d3;
static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1d;
}

static uint64_t special(unsigned bits)
{
    static const uint32_t s32[] = {0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x3f800000, 0xbf800000, 0x7f7fffff,
                                   0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7f800001, 0xff923456, 0x4effffff,
                                   0x4f000000, 0xcf000000, 0x3f000000, 0x3fc00000, 0x5f000000, 0xdf000000, 0x33800000};
    static const uint64_t s64[] = {0, 1ull << 63, 1, 0x800000000000001, 0x000fffffffffffff, 0x0010000000000000,
                                   0x3ff0000000000000, 0xbff0000000000000, 0x7fefffffffffffff, 0x7ff0000000000000,
                                   0xfff0000000000000, 0x7ff8000000000000, 0xfff8123456789abc, 0x7ff0000000000001,
                                   0xfff4000000000001, 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000,
                                   0x43e0000000000000, 0xc3e0000000000000, 0x3fe0000000000000, 0x380fffffffffffff,
                                   0x36a0000000000000, 0x47efffffffffffff};
    return bits == 32 ? s32[random64() % (sizeof s32 / 4)] : s64[random64() % (sizeof s64 / 8)];
}

static uint32_t random32f(void)
{
    uint64_t r = random64();
    switch (r >> 60 & 3) {
    case 0: return (uint32_t)r;
    case 1: return (uint32_t)special(32);
    case 2: return (uint32_t)((r & 0x807fffff) | (0x70 + (r >> 32 & 31)) << 23); // near 1
    default: return (uint32_t)((r & 0x807fffff) | (r >> 32 & 3) << 23);          // near the least normal
    }
}

static uint64_t random64f(void)
{
    uint64_t r = random64(), e = random64();
    switch (e >> 60 & 3) {
    case 0: return r;
    case 1: return special(64);
    case 2: return (r & 0x800fffffffffffff) | (0x3f0 + (e & 63)) << 52;
    default: return (r & 0x800fffffffffffff) | (e & 3) << 52;
    }
}

static void random_vector(union vec128 *v)
{
    unsigned kind = random64() & 7;
    for (unsigned i = 0; i < 2; i++)
        v->d[i] = random64f();
    if (kind & 1)
        for (unsigned i = 0; i < 4; i++)
            v->w[i] = random32f();
    if (kind == 2)
        for (unsigned i = 0; i < 16; i++)
            v->b[i] = (uint8_t)(random64() & 1 ? random64() & 31 : 0x80 - (random64() & 3));
}

// [rdi + 0] d, 16 s, 32 g, 44 mxcsr.
static void emit(uint8_t *p, const struct vec_row *row, uint8_t imm)
{
    static const uint8_t load[] = {0x0f, 0x10, 0x07, 0x0f, 0x10, 0x4f, 0x10, 0x48, 0x8b, 0x47, 0x20, 0x0f, 0xae, 0x57, 0x2c};
    static const uint8_t store[] = {0x0f, 0xae, 0x5f, 0x2c, 0x0f, 0x11, 0x07, 0x48, 0x89, 0x47, 0x20, 0xc3};
    memcpy(p, load, sizeof load), p += sizeof load;
    if (row->prefix)
        *p++ = row->prefix;
    if (row->rexw)
        *p++ = 0x48;
    *p++ = 0x0f;
    if (row->map == 2)
        *p++ = 0x38;
    if (row->map == 3)
        *p++ = 0x3a;
    *p++ = row->opcode;
    if (row->opext != 0xff)
        *p++ = (uint8_t)(0xc0 | row->opext << 3);
    else
        *p++ = row->form == VEC_VV || row->form == VEC_CMP ? 0xc1 : 0xc0;
    if (row->has_imm)
        *p++ = imm;
    if (row->form == VEC_CMP) // pushfq; pop rax
        *p++ = 0x9c, *p++ = 0x58;
    memcpy(p, store, sizeof store);
}

static void run_host(uint8_t *code, const struct vec_row *row, struct vec_args *a)
{
    uint32_t saved;
    emit(code, row, a->imm);
    __asm__ volatile("stmxcsr %0" : "=m"(saved));
    ((void (*)(struct vec_args *))(void *)code)(a);
    __asm__ volatile("ldmxcsr %0" : : "m"(saved));
    if (row->form == VEC_CMP)
        a->g &= 0x8d5;
}

static bool same(const struct vec_row *row, const struct vec_args *x, const struct vec_args *y)
{
    if (x->mxcsr != y->mxcsr)
        return false;
    if (row->form == VEC_TOG || row->form == VEC_CMP)
        return x->g == y->g;
    return x->d.d[0] == y->d.d[0] && x->d.d[1] == y->d.d[1];
}

static void show(const char *what, const struct vec_args *a)
{
    printf("#   %s d %016lx %016lx s %016lx %016lx g %lx imm %x mxcsr %x\n", what, a->d.d[1], a->d.d[0], a->s.d[1], a->s.d[0],
           a->g, a->imm, a->mxcsr);
}

static bool test_row(uint8_t *code, unsigned index)
{
    const struct vec_row *row = &vec_rows[index];
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct vec_args in = {.imm = (uint8_t)(random64() >> 40), .g = random64f()}, host, ours;
        random_vector(&in.d);
        random_vector(&in.s);
        if (round % 8 == 0)
            in.s = in.d;
        if (round % 4 == 0)
            in.s.d[0] = random64() % 70; // shift counts
        if (random64() & 1)
            in.g = (uint64_t)(int64_t)(int32_t)random64();
        in.mxcsr = 0x1f80;
        if (random64() & 1)
            in.mxcsr |= (uint32_t)random64() & 0xe040;
        host = ours = in;
        run_host(code, row, &host);
        vec_interp[index](&ours);
        if (!same(row, &host, &ours)) {
            show("in  ", &in);
            show("host", &host);
            show("ours", &ours);
            return false;
        }
    }
    return true;
}

int main(void)
{
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned failed = 0;
    if (code == MAP_FAILED) {
        printf("1..0 # SKIP no executable memory\n");
        return 0;
    }
    printf("1..%u\n", vec_row_count);
    for (unsigned i = 0; i < vec_row_count; i++) {
        bool ok = test_row(code, i);
        failed += !ok;
        printf("%s %u - %s\n", ok ? "ok" : "not ok", i + 1, vec_rows[i].name);
    }
    return failed != 0;
}
#endif
