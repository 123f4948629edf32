// SPDX-License-Identifier: MIT
//
// Near branches to addresses that are not canonical (SDM 1 3.3.7.1, 2 JMP CALL RET): #GP(0) of the branch itself, nothing committed.
// And a jump cache is fooled by no address: one that differs from a known target only in its upper bits, one that looks like an
// empty entry. Fails without the look at what the jump cache does not know, and with keys in which upper bits of rip and the flags
// of a block meet.
#include "traps.h"

void ap_main(void) {}

static struct regs seen;
static uint64_t faults;
static bool note(struct regs *r) // go on where r15 says
{
    if (r->vector != 13 && r->vector != 14)
        return false;
    seen = *r;
    faults++;
    r->rip = r->r15;
    return true;
}

#define BAD 0x8000000000001234ull
uint64_t bad_place = BAD; // named in assembly
static volatile uint64_t flags_end = 0x1000; // keeps the labels below single
extern uint8_t at_jmp[], at_jmp_memory[], at_call[], at_call_memory[], at_ret[], at_ret_imm[];

// before: how far RSP is moved before the branch. The flags are all set, or all clear.
#define BRANCH(label, setup, branch, before)                                                                                              \
    for (uint64_t flags = 2; flags < flags_end; flags += 0x8d5) {                                                                             \
        uint64_t rsp;                                                                                                                      \
        faults = 0;                                                                                                                        \
        asm volatile("push %2; popfq; lea 1f(%%rip), %%r15; mov %%rsp, %0;" setup "\n" #label ": " branch "; 1: mov %0, %%rsp"             \
                     : "=&r"(rsp) : "r"(BAD), "r"(flags) : "r15", "rbx", "memory", "cc");                                                  \
        check(#label ": one #GP", faults << 8 | seen.vector, 1 << 8 | 13);                                                                 \
        check(#label ": no error code", seen.error, 0);                                                                                    \
        check(#label ": the branch's own", seen.rip, (uint64_t)label);                                                                     \
        check(#label ": RSP", seen.rsp, rsp - (before));                                                                                   \
        check(#label ": flags", seen.rflags & F_ARITHMETIC, flags & F_ARITHMETIC);                                                         \
    }

static void each_branch(void)
{
    BRANCH(at_jmp, "", "jmp *%1", 0)
    BRANCH(at_jmp_memory, "", "jmp *bad_place(%%rip)", 0)
    BRANCH(at_call, "", "call *%1", 0)
    BRANCH(at_call_memory, "", "call *bad_place(%%rip)", 0)
    BRANCH(at_ret, "lea -128(%%rsp), %%rsp; push %1;", "ret", 136)
    BRANCH(at_ret_imm, "lea -128(%%rsp), %%rsp; push %1;", "ret $24", 136)
}

static uint64_t jump(uint64_t target) // the number of faults
{
    uint64_t before = faults;
    asm volatile("lea 1f(%%rip), %%r15; jmp *%0; 1:" : : "r"(target) : "r15", "memory");
    return faults - before;
}

extern uint8_t known[];
asm(".text\n.balign 64\nknown: jmp *%r15\n");

static void every_upper_half(void)
{
    uint64_t wrong = 0;
    for (unsigned i = 0; i < 8; i++)
        check("a good target", jump((uint64_t)known), 0);
    for (uint64_t upper = 1; upper < 0x10000; upper++)
        wrong += jump((uint64_t)known ^ upper << 48) != 1;
    check("a known target with other upper bits", wrong, 0);
    static const uint64_t lows[] = { 0xffffffffffff, 0xfffffffffffe, 0, 0x080808080808, 0x080808080809, 0x7fffffffffff };
    for (unsigned i = 0; i < sizeof lows / sizeof *lows; i++) {
        wrong = 0;
        for (uint64_t upper = 0; upper < 0x10000; upper++)
            wrong += (lows[i] || upper) && jump(lows[i] ^ upper << 48) != 1; // 0 is mapped
        check("what an empty entry may look like", wrong, 0);
    }
    wrong = 0;
    for (uint64_t low = 0; low < 0x1000; low++) { // the last page, and what has its bytes repeated
        wrong += jump(0xfffffffffffff000 | low) != 1;
        wrong += jump(0x0808080808080808 ^ low) != 1;
    }
    check("in each slot", wrong, 0);
}

int guest_main(void)
{
    traps_init();
    trap_hook = note;
    for (unsigned round = 0; round < 3; round++)
        each_branch();
    every_upper_half();
    return guest_failures ? 1 : 0;
}
