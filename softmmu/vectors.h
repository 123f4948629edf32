// SPDX-License-Identifier: MIT
//
// Calls from the slow path to C that may use vector registers or libc, while the guest's vector registers are live in
// the host's (docs/contract.md 4). FXSAVE keeps XMM0-15 and MXCSR [SDM 1 10.5]; upper halves hold nothing of the
// guest's. On other hosts nothing is live, and these do nothing.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct vector_state {
    uint8_t bytes[512 + 16]; // aligned by hand: the stack of generated code is not trusted
    bool saved;
};

static inline void *vector_state_area(struct vector_state *state)
{
    return (void *)(((uintptr_t)state->bytes + 15) & ~(uintptr_t)15);
}

// Save unless a stub did already; then the host's own float control is set for C.
static inline void vectors_save(struct vector_state *state, bool saved_already)
{
    state->saved = !saved_already;
#ifdef __x86_64__
    if (state->saved) {
        uint32_t control = 0x1f80;
        __asm__ volatile("fxsave64 (%0)\n\tldmxcsr %1" : : "r"(vector_state_area(state)), "m"(control) : "memory");
    }
#endif
}

static inline void vectors_restore(struct vector_state *state)
{
#ifdef __x86_64__
    if (state->saved)
        __asm__ volatile("fxrstor64 (%0)" : : "r"(vector_state_area(state)) : "memory");
#endif
}
