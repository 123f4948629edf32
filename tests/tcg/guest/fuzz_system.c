// SPDX-License-Identifier: MIT
//
// Random instructions in ring 0 and 3, system instructions above all, with registers that point to RAM, code, devices and nowhere.
// Whatever becomes of this guest, the emulator must live: driven by tests/fuzz/test_fuzz_system.py. Its numbers are RDRAND's (-seed).
#include "traps.h"

void ap_main(void) {}

static uint8_t code_pages[8192] __attribute__((aligned(4096))), data_pages[16384] __attribute__((aligned(4096)));
static struct table_register gdt, idt;
static uint64_t good_gdt[9], cr0, cr3, cr4, efer;

static uint64_t draw(void) { uint64_t v; asm volatile("rdrand %0" : "=r"(v) : : "cc"); return v; }
static uint64_t below(uint64_t n) { return draw() % n; }

static bool recover(struct regs *r)
{
    for (unsigned i = 0; i < 9; i++)
        ((volatile uint64_t *)trap_gdt)[i] = good_gdt[i];
    asm volatile("lgdt %0; lidt %1" ::"m"(gdt), "m"(idt) : "memory");
    write_cr3(cr3);
    write_cr0(cr0);
    write_cr4(cr4);
    wrmsr(0xc0000080, efer);
    asm volatile("ltr %w0" ::"r"(0x38) : "memory");
    asm volatile("xor %%eax, %%eax; mov %%rax, %%dr7; cld" ::: "rax", "memory");
    *r = (struct regs){ .rip = (uint64_t)run_end, .cs = KERNEL_CS, .rflags = 2, .rsp = (uint64_t)trap_stack2 + 4096, .ss = KERNEL_SS };
    return true;
}

static uint64_t value(void)
{
    static const uint32_t msrs[] = { 0x10, 0x1b, 0x3a, 0x3b, 0x48, 0x8b, 0xfe, 0x10a, 0x174, 0x175, 0x176, 0x179, 0x1a0, 0x1d9, 0x200, 0x201, 0x250, 0x277, 0x2ff, 0x6e0, 0x802, 0x808,
                                     0x80b, 0x80f, 0x830, 0x832, 0x838, 0x83f, 0xda0, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103 };
    static const uint16_t ports[] = { 0, 0x20, 0x21, 0x40, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x80, 0x92, 0xa0, 0xa1, 0xb2, 0x1ce, 0x1cf, 0x2f8, 0x3b4, 0x3c0, 0x3c4, 0x3c5, 0x3ce, 0x3cf, 0x3d4,
                                      0x3d5, 0x3f8, 0x3fd, 0x402, 0x510, 0x511, 0x514, 0x600, 0x604, 0xa00, 0xa14, 0xa18, 0xaf00, 0xafe0, 0xcf8, 0xcf9, 0xcfc, 0xffff };
    static const uint64_t places[] = { 0xa0000, 0xb8000, 0xf0000, 0xfec00000, 0xfec00010, 0xfed00000, 0xfed000f0, 0xfee00000, 0xfee00300, 0xfee00380, 0xfd000000, 0x1000, 0x3fff000, 0x4000000,
                                       0x7ffffffff000, 0x800000000000, 0xffffffff80000000, 0xffffffffffffff00, PAGE(0), PAGE(1) - 8, PAGE(0x100), PAGE(0x80) };
    switch (below(12)) {
    case 0: return draw();
    case 1: return draw() & 0xff;
    case 2: return msrs[below(sizeof msrs / 4)];
    case 3: return ports[below(sizeof ports / 2)];
    case 4: case 5: return (uint64_t)data_pages + below(sizeof data_pages);
    case 6: return (uint64_t)code_pages + below(sizeof code_pages);
    case 7: case 8: return places[below(sizeof places / 8)] + below(64) * (below(2) ? 1 : 8);
    case 9: return 1ull << below(64);
    case 10: return 8 * below(12) + below(4);   // a selector
    default: return -below(4096);
    }
}

// Bytes of opcodes, NUL at the end; MOD: a random ModRM byte, IMM: four random bytes.
enum { MOD = 0xd6, IMM = 0x06 };
static const uint8_t opcodes[][8] = {
    { 0x0f, 0x01, MOD }, { 0x0f, 0x01, MOD }, { 0x0f, 0x00, MOD }, { 0x0f, 0x20, MOD }, { 0x0f, 0x22, MOD }, { 0x0f, 0x21, MOD }, { 0x0f, 0x23, MOD }, { 0x0f, 0x30 }, { 0x0f, 0x32 }, { 0x0f, 0x30 },
    { 0xec }, { 0xed }, { 0xee }, { 0xef }, { 0x66, 0xef }, { 0xe4, MOD }, { 0xe7, MOD }, { 0xcf }, { 0x48, 0xcf }, { 0xcb }, { 0xca, MOD, MOD }, { 0xff, MOD }, { 0xff, MOD, IMM }, { 0x0f, 0x05 }, { 0x0f, 0x07 },
    { 0x48, 0x0f, 0x07 }, { 0x0f, 0x34 }, { 0x0f, 0x35 }, { 0xfa }, { 0xfb }, { 0x9c }, { 0x9d }, { 0x0f, 0x09 }, { 0x0f, 0x01, 0xf8 }, { 0x8e, MOD }, { 0x8c, MOD }, { 0x0f, 0xa1 }, { 0x0f, 0xa9 },
    { 0x0f, 0xb2, MOD }, { 0x0f, 0xb4, MOD }, { 0x0f, 0xb5, MOD }, { 0x66, 0x0f, 0x38, 0x82, MOD }, { 0x0f, 0xae, MOD }, { 0xf3, 0x0f, 0xae, MOD }, { 0x48, 0x0f, 0xae, MOD }, { 0x0f, 0xc7, MOD }, { 0xf0, 0x48, 0x0f, 0xc7, MOD },
    { 0xf3, 0xa4 }, { 0xf3, 0x48, 0xa5 }, { 0xf3, 0xaa }, { 0xf3, 0x48, 0xab }, { 0xf3, 0x6c }, { 0xf3, 0x6f }, { 0xf3, 0xa6 }, { 0xf2, 0xae }, { 0x0f, 0xa2 }, { 0x0f, 0x31 }, { 0x0f, 0x01, 0xf9 }, { 0x0f, 0x01, 0xd1 },
    { 0x0f, 0x01, 0xd0 }, { 0xc8, MOD, MOD, MOD }, { 0xc9 }, { 0xcd, MOD }, { 0xcc }, { 0xf1 }, { 0x0f, 0x0b }, { 0xd9, MOD }, { 0xdd, MOD }, { 0xdf, MOD }, { 0x9b }, { 0x0f, 0x77 }, { 0x0f, 0x6f, MOD },
    { 0x0f, 0x38, 0xf0, MOD }, { 0x66, 0x0f, 0x3a, 0x63, MOD, MOD }, { 0xf3, 0x90 }, { 0xc2, MOD, MOD }, { 0xe8, IMM }, { 0xeb, MOD }, { 0xe2, MOD }, { 0x88, MOD, IMM }, { 0x48, 0x89, MOD, IMM }, { 0x48, 0x8b, MOD, IMM },
    { 0xf0, 0x48, 0x0f, 0xb1, MOD }, { 0x0f, 0x02, MOD }, { 0x0f, 0x03, MOD }, { 0x62, MOD, MOD }, { 0xc5, MOD, MOD, MOD }, { 0xf4 }, { 0x0f, 0x18, MOD }, { 0x0f, 0x0d, MOD }, { 0x66, 0x0f, 0xae, MOD }, { 0xea, IMM, MOD, MOD },
};

static unsigned put_instruction(uint8_t *to)
{
    static const uint8_t prefixes[] = { 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x64, 0x65, 0x48, 0x4f, 0x41, 0x44 };
    unsigned n = 0;
    if (!below(3)) {
        for (uint64_t count = 1 + below(6); count; count--)
            to[n++] = (uint8_t)draw();
        return n;
    }
    for (uint64_t count = below(8) ? 0 : 1 + below(3); count; count--)
        to[n++] = prefixes[below(sizeof prefixes)];
    const uint8_t *o = opcodes[below(sizeof opcodes / sizeof *opcodes)];
    for (unsigned i = 0; i < 8 && (i == 0 || o[i]); i++) {
        if (o[i] == IMM) {
            for (unsigned k = 0; k < 4; k++)
                to[n++] = below(2) ? 0 : (uint8_t)draw();
        } else {
            to[n++] = o[i] == MOD ? (uint8_t)draw() : o[i];
        }
    }
    return n;
}

static void one(void)
{
    uint64_t registers[15];
    unsigned at = below(4) ? 64 : 4096 - (unsigned)below(24), n = 0;
    for (unsigned i = 0; i < 15; i++)
        registers[i] = value();
    for (uint64_t count = 1 + below(8); count; count--)
        n += put_instruction(code_pages + at + n);
    for (unsigned i = 0; i < 4; i++)
        code_pages[at + n + i] = 0xcc;
    for (unsigned i = 0; i < 8; i++)
        *(volatile uint64_t *)(data_pages + below(sizeof data_pages / 8) * 8) = value();
    bool user = !below(3);
    for (unsigned i = 0; i < 2; i++) // the same code for ring 3, writable
        window_pt[0x10 + i] = ((uint64_t)code_pages + 4096 * i) | P_PRESENT | P_WRITE | P_USER;
    window_pt[0] = (uint64_t)data_pages | P_PRESENT | P_WRITE | (below(2) ? P_USER : 0);
    window_pt[0xff] = window_pt[0x100] = (uint64_t)data_pages | P_PRESENT | P_WRITE | P_USER;
    window_pt[0x80] = below(2) ? draw() : draw() & 0x3ffffff; // any entry
    write_cr3(cr3);
    struct regs r = { .rip = user ? PAGE(0x10) + at : (uint64_t)code_pages + at, .cs = user ? USER_CS : KERNEL_CS, .ss = user ? USER_SS : KERNEL_SS,
                      .rflags = 2 | (below(2) ? 0 : draw() & 0x3f7fd5), .rsp = below(4) ? PAGE(0x100) + 8 * below(64) : value() };
    for (unsigned i = 0; i < 15; i++)
        ((uint64_t *)&r)[i] = registers[i];
    run_asm(&r);
}

int guest_main(void)
{
    traps_init();
    trap_hook = recover;
    gdt = (struct table_register){ sizeof trap_gdt - 1, (uint64_t)trap_gdt };
    idt = (struct table_register){ sizeof trap_idt - 1, (uint64_t)trap_idt };
    for (unsigned i = 0; i < 9; i++)
        good_gdt[i] = trap_gdt[i];
    good_gdt[7] &= ~(2ull << 40); // not busy
    write_cr4(read_cr4() | 0x600);
    cr0 = read_cr0();
    cr3 = read_cr3();
    cr4 = read_cr4();
    efer = rdmsr(0xc0000080);
    for (;;)
        one();
}
