// SPDX-License-Identifier: MIT
//
// The string comparisons of SSE4.2 (helper_pcmpstr) against the host's instructions: all immediates, explicit and
// implicit lengths, index and mask forms, small alphabets so that matches happen. x86-64 hosts with SSE4.2 only.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "target/i386/cpu.h"
#include "target/i386/helpers_fp.h"

#ifndef __x86_64__
int main(void)
{
    printf("1..0 # SKIP needs an x86-64 host\n");
    return 0;
}
#else
#include <sys/mman.h>

#define ROUNDS 400

struct state { uint64_t a[2], b[2], rax, rdx, rcx, flags; };

static uint64_t random_state = 88172645463325252u;
static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

// xmm2 = a, xmm1 = b; result mask to a, index to rcx. opcode: 60 ESTRM, 61 ESTRI, 62 ISTRM, 63 ISTRI.
static void run_host(uint8_t *code, uint8_t opcode, uint8_t imm, bool wide, struct state *s)
{
    static const uint8_t load[] = {0x0f, 0x10, 0x17, 0x0f, 0x10, 0x4f, 0x10, 0x48, 0x8b, 0x47, 0x20, 0x48, 0x8b, 0x57, 0x28};
    static const uint8_t store[] = {0x9c, 0x58, 0x0f, 0x11, 0x07, 0x48, 0x89, 0x47, 0x38, 0x48, 0x89, 0x4f, 0x30, 0xc3};
    uint8_t *p = code;
    memcpy(p, load, sizeof load), p += sizeof load;
    *p++ = 0x66;
    if (wide)
        *p++ = 0x48;
    *p++ = 0x0f, *p++ = 0x3a, *p++ = opcode, *p++ = 0xd1, *p++ = imm;
    memcpy(p, store, sizeof store);
    ((void (*)(struct state *))(void *)code)(s);
    s->flags &= 0x8d5;
}

static void random_text(uint64_t v[2], unsigned letters)
{
    for (unsigned i = 0; i < 2; i++) {
        v[i] = 0;
        for (unsigned k = 0; k < 8; k++)
            v[i] |= (random64() >> 20) % letters << 8 * k;
        if ((random64() >> 30 & 7) == 0)
            v[i] ^= random64() & 0x8080808080808080;
    }
}

static bool test_imm(uint8_t *code, struct x86_cpu *cpu, uint8_t opcode, unsigned imm)
{
    bool explicit_lengths = opcode < 0x62, mask = !(opcode & 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        bool wide = explicit_lengths && random64() >> 40 & 1;
        unsigned letters = 2 + (unsigned)(random64() >> 33) % 5;
        struct state in = {.rax = (uint64_t)(int64_t)(int32_t)(random64() >> 25) % 40 - 20, .rdx = (random64() >> 22) % 40 - 20}, host;
        random_text(in.a, letters);
        random_text(in.b, letters);
        host = in;
        run_host(code, opcode, (uint8_t)imm, wide, &host);
        cpu->xmm[0].d[0] = cpu->xmm[0].d[1] = 0;
        memcpy(cpu->xmm[2].d, in.a, 16);
        cpu->regs[R_RAX] = in.rax;
        cpu->regs[R_RDX] = in.rdx;
        uint64_t r = helper_pcmpstr(&cpu->head, imm | (explicit_lengths ? PCMPSTR_EXPLICIT : 0) | (mask ? PCMPSTR_MASK : 0) |
                                    (wide ? PCMPSTR_WIDE : 0) | 2u << PCMPSTR_REG_SHIFT, in.b[0], in.b[1]);
        if ((uint32_t)r != host.flags ||
            (mask ? cpu->xmm[0].d[0] != host.a[0] || cpu->xmm[0].d[1] != host.a[1] : r >> 32 != host.rcx)) {
            printf("# imm %02x wide %d a %016lx%016lx b %016lx%016lx rax %lx rdx %lx: flags %lx rcx %lx mask %016lx%016lx, ours "
                   "flags %lx rcx %lx mask %016lx%016lx\n", imm, wide, in.a[1], in.a[0], in.b[1], in.b[0], in.rax, in.rdx,
                   host.flags, host.rcx, host.a[1], host.a[0], r & 0xffffffff, r >> 32, cpu->xmm[0].d[1], cpu->xmm[0].d[0]);
            return false;
        }
    }
    return true;
}

int main(void)
{
    static const char *const names[] = {"pcmpestrm", "pcmpestri", "pcmpistrm", "pcmpistri"};
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct x86_cpu *cpu = calloc(1, sizeof *cpu);
    unsigned failed = 0;
    if (code == MAP_FAILED || !cpu || !__builtin_cpu_supports("sse4.2")) {
        printf("1..0 # SKIP needs SSE4.2 and executable memory\n");
        return 0;
    }
    printf("1..4\n");
    for (unsigned i = 0; i < 4; i++) {
        bool ok = true;
        for (unsigned imm = 0; ok && imm < 128; imm++)
            ok = test_imm(code, cpu, (uint8_t)(0x60 + i), imm);
        failed += !ok;
        printf("%s %u - %s\n", ok ? "ok" : "not ok", i + 1, names[i]);
    }
    free(cpu);
    return failed != 0;
}
#endif
