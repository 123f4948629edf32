// SPDX-License-Identifier: MIT
//
// RDRAND, RDSEED: numbers of the machine's generator in each operand size, CF set and the other flags clear. RDPID: TSC_AUX.
// The line `# numbers` is compared between runs: the seed decides (contract 4).
#include "traps.h"

void ap_main(void) {}

#define ALL_FLAGS "pushfq; orl $0x8d5, (%%rsp); popfq; "
static uint64_t flags_of(uint64_t pushed) { return pushed & F_ARITHMETIC; }

static void sizes(void)
{
    uint64_t a, b, flags, seed;
    asm volatile(ALL_FLAGS "rdrand %0; pushfq; popq %1" : "=r"(a), "=r"(flags));
    check("rdrand: CF alone", flags_of(flags), F_CARRY);
    asm volatile(ALL_FLAGS "rdseed %0; pushfq; popq %1" : "=r"(seed), "=r"(flags));
    check("rdseed: CF alone", flags_of(flags), F_CARRY);
    asm volatile("rdrand %0" : "=r"(b) : : "cc");
    check("three numbers", a != b && b != seed && a != seed, 1);
    check("64 bits of them", a >> 48 != 0 || b >> 48 != 0 || seed >> 48 != 0, 1);
    b = ~0ull;
    asm volatile("rdrand %k0" : "+r"(b) : : "cc");
    check("32 bits: the upper half is zero", b >> 32, 0);
    b = 0x1122334455667788;
    asm volatile("rdrand %w0" : "+r"(b) : : "cc");
    check("16 bits: the rest stays", b >> 16, 0x112233445566);
    asm volatile("rdrand %%r13; mov %%r13, %0" : "=r"(b) : : "r13", "cc");
    check("a register of the upper eight", b != a && b != 0, 1);
}

static void processor_id(void)
{
    uint64_t id = ~0ull;
    asm volatile("wrmsr" : : "c"(0xc0000103), "a"(0x12345678), "d"(0));
    asm volatile("rdpid %0" : "=r"(id));
    check("rdpid", id, 0x12345678);
    asm volatile("wrmsr" : : "c"(0xc0000103), "a"(0), "d"(0));
}

int guest_main(void)
{
    traps_init();
    sizes();
    processor_id();
    put_text("# numbers");
    for (unsigned i = 0; i < 4; i++) {
        uint64_t v;
        asm volatile("rdrand %0" : "=r"(v) : : "cc");
        put_text(" ");
        put_hex(v);
    }
    put_text("\n");
    return guest_failures ? 1 : 0;
}
