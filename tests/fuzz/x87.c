// SPDX-License-Identifier: MIT
//
// Where x87 and MMX differ between real processors: the guest's is Intel's.
#include <string.h>
#include "target/i386/cpu.h"
#include "target/i386/gen_fp.h"
#include "target/i386/x87.h"
#include "tests/fuzz/fuzz.h"

// The instruction that the host stopped at.
static bool stopped_at(const struct fuzz_case *c, const struct fuzz_result *native, struct insn *in)
{
    return case_insn_at(c, native->state.rip, in);
}

static bool memory_fault(const struct fuzz_result *r) { return r->vector == VEC_PF || r->vector == VEC_GP || r->vector == VEC_SS; }

static unsigned stack_top(const uint8_t *fx) { return fx[3] >> 3 & 7; }

static bool is_mmx_store(const struct insn *in) { return in->row->flags & ROW_MMX && in->op[0].kind == OPK_MEM; }

// Intel's processors make the top 0 before the store of an MMX register faults (loads leave it alone); the emulator changes
// nothing.
void x87_of_host(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other, uint8_t fx[512])
{
    const uint8_t *host = native->state.fx;
    unsigned top = stack_top(other->state.fx);
    struct insn in;
    memcpy(fx, host, 512);
    if (!memory_fault(native) || stack_top(host) || !stopped_at(c, native, &in) || !is_mmx_store(&in) || !host_is_intel())
        return;
    fx[3] |= (uint8_t)(top << 3);
    for (unsigned i = 0; i < 8; i++)
        memcpy(fx + 32 + 16 * i, host + 32 + 16 * ((i + top) & 7), 16);
}

// FSTP m80 and FBSTP store 8 bytes, then 2. When only the second part faults, Intel's processors have written the first
// [SDM 3A 9.1.1]; the emulator writes nothing.
unsigned x87_half_stored(const struct fuzz_case *c, const struct fuzz_result *native, uint64_t page)
{
    struct insn in;
    if (native->vector != VEC_PF || native->cr2 != page || !stopped_at(c, native, &in) || in.row->gen != gen_x87_store)
        return 0;
    return in.row->op[0] == O_M && host_is_intel() ? 9 : 0;
}

// An x87 store that an unmasked exception keeps from storing looks at its operand on other vendors' processors, and faults.
static bool store_looks(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other)
{
    struct insn in;
    bool unmasked = ~native->state.fx[0] & 0x3f, went_on = native->state.rip != other->state.rip;
    return memory_fault(native) && unmasked && went_on && stopped_at(c, native, &in) && in.row->gen == gen_x87_store && !host_is_intel();
}

static bool has_row(const struct fuzz_case *c, const char *name)
{
    for (unsigned i = 0; i < c->unit_count; i++)
        if (!strcmp(row_slot((unsigned)c->units[i].row)->row->name, name))
            return true;
    return false;
}

// A denormal that FSCALE by zero, FPREM and FPREM1 by infinity leave as it is: an unmasked underflow there, too.
static bool underflow_differs(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other)
{
    unsigned more = native->state.fx[2] & ~other->state.fx[2] & ~native->state.fx[0];
    return more & SF_UE && (has_row(c, "fscale") || has_row(c, "fprem") || has_row(c, "fprem1")) && !host_is_intel();
}

bool x87_differs_by_vendor(const struct fuzz_case *c, const struct fuzz_result *native, const struct fuzz_result *other)
{
    return store_looks(c, native, other) || underflow_differs(c, native, other);
}
