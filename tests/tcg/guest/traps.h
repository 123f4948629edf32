// SPDX-License-Identifier: MIT
//
// Exceptions and interrupts for freestanding guests. run() loads all registers (struct regs) by IRETQ, in supervisor
// or user mode, and comes back with the state in which the next exception found them: what a code snippet leaves in every
// register and flag at its fault can be compared. CODE snippets end in INT3. Own GDT, TSS and page tables:
// the first GiB and the APIC's one to one; PAGES is an empty 4 KiB-mapped window.
#pragma once
#include "guest.h"

// All vectors go through IST1: the guest's RSP may point anywhere.
struct regs {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};
#define KERNEL_CS 0x10
#define KERNEL_SS 0x18
#define USER_CS 0x33
#define USER_SS 0x2b
#define PAGES 0x8000000000ull   // what page table `window_pt` maps
#define PAGE(n) (PAGES + (n) * 0x1000ull)
#define P_PRESENT 1ull
#define P_WRITE 2ull
#define P_USER 4ull
#define P_ACCESSED 0x20ull
#define P_DIRTY 0x40ull
#define P_LARGE 0x80ull
#define P_NX (1ull << 63)
#define F_CARRY 1u
#define F_PARITY 4u
#define F_ADJUST 0x10u
#define F_ZERO 0x40u
#define F_SIGN 0x80u
#define F_TRAP 0x100u
#define F_INTERRUPT 0x200u
#define F_OVERFLOW 0x800u
#define F_ACCESS 0x40000u
#define F_ARITHMETIC (F_CARRY | F_PARITY | F_ADJUST | F_ZERO | F_SIGN | F_OVERFLOW)

struct gate { uint16_t low, selector; uint8_t ist, type; uint16_t middle; uint32_t high, zero; };
struct __attribute__((packed)) tss { uint32_t zero; uint64_t rsp[3], zero2, ist[7], zero3; uint16_t zero4, map; };
struct __attribute__((packed)) table_register { uint16_t limit; uint64_t base; };

static struct gate trap_idt[256] __attribute__((aligned(16)));
static uint64_t trap_gdt[9];
static struct tss trap_tss;
static uint8_t trap_stack[16384] __attribute__((aligned(16))), trap_stack2[8192] __attribute__((aligned(16)));
static uint64_t window_pt[512] __attribute__((aligned(4096)));
static uint64_t window_pd[512] __attribute__((aligned(4096)));
static uint64_t window_pdpt[512] __attribute__((aligned(4096)));
static uint64_t own_pd[512] __attribute__((aligned(4096)));
static uint64_t own_pdpt[512] __attribute__((aligned(4096)));
static uint64_t own_pml4[512] __attribute__((aligned(4096)));
static struct regs trap;                            // as the last exception found it
static volatile uint64_t trap_counts[256];
static bool (*trap_hook)(struct regs *);            // true: handled, go on at the (changed) registers
uint64_t run_rsp;                                   // asm
extern uint8_t trap_stubs[];
void trap_entry(struct regs *r);
void run_asm(struct regs *r);
void run_end(void);

asm(".text\n.balign 16\n"
    "trap_stubs:\n"
    ".set v, 0\n.rept 256\n"
    ".balign 16\n"
    ".if !(v == 8 || v == 10 || v == 11 || v == 12 || v == 13 || v == 14 || v == 17 || v == 21 || v == 29 || v == 30)\n push $0\n .endif\n"
    " pushq $v\n jmp trap_common\n"
    ".set v, v + 1\n.endr\n"
    "trap_common:\n"
    " push %rax\n push %rbx\n push %rcx\n push %rdx\n push %rsi\n push %rdi\n push %rbp\n push %r8\n push %r9\n push %r10\n push %r11\n"
    " push %r12\n push %r13\n push %r14\n push %r15\n"
    " cld\n mov %rsp, %rdi\n call trap_entry\n"
    "trap_return:\n"
    " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %r11\n pop %r10\n pop %r9\n pop %r8\n pop %rbp\n pop %rdi\n pop %rsi\n pop %rdx\n"
    " pop %rcx\n pop %rbx\n pop %rax\n add $16, %rsp\n iretq\n"
    "run_asm:\n"
    " push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n pushfq\n mov %rsp, run_rsp\n"
    " mov %rdi, %rsp\n jmp trap_return\n"
    "run_end:\n"
    " mov run_rsp, %rsp\n popfq\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");

#define CODE(name, text) \
    extern uint8_t name[]; \
    asm(".text\n.balign 64\n" #name ":\n" text "\nint3\n")

static bool trap_running;
void trap_entry(struct regs *r)
{
    trap_counts[r->vector & 255]++;
    if (trap_hook && trap_hook(r))
        return;
    trap = *r;
    if (!trap_running) {
        put_text("not ok - unexpected exception at ");
        put_hex(r->rip);
        put_text(" vector ");
        put_hex(r->vector);
        put_text(" error ");
        put_hex(r->error);
        put_text("\n");
        guest_exit(1);
    }
    trap_running = false;
    asm volatile("jmp run_end" ::: "memory");
    __builtin_unreachable();
}

static inline void set_gate(unsigned v, unsigned ist, unsigned dpl)
{
    uint64_t at = (uint64_t)trap_stubs + v * 16;
    trap_idt[v] = (struct gate){ (uint16_t)at, KERNEL_CS, (uint8_t)ist, (uint8_t)(0x8e | dpl << 5), (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0 };
}

static inline uint64_t read_cr4(void) { uint64_t v; asm volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static inline uint64_t read_cr0(void) { uint64_t v; asm volatile("mov %%cr0, %0" : "=r"(v)); return v; }
static inline uint64_t read_cr2(void) { uint64_t v; asm volatile("mov %%cr2, %0" : "=r"(v)); return v; }
static inline void write_cr4(uint64_t v) { asm volatile("mov %0, %%cr4" ::"r"(v) : "memory"); }
static inline void write_cr0(uint64_t v) { asm volatile("mov %0, %%cr0" ::"r"(v) : "memory"); }
static inline void write_cr3(uint64_t v) { asm volatile("mov %0, %%cr3" ::"r"(v) : "memory"); }
static inline uint64_t rdmsr(uint32_t m) { uint32_t a, d; asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(m)); return a | (uint64_t)d << 32; }
static inline void wrmsr(uint32_t m, uint64_t v) { asm volatile("wrmsr" ::"c"(m), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory"); }

// Tables, GDT, TSS, IDT; NX and SYSCALL on; the 8259s silent.
static inline void traps_init(void)
{
    for (unsigned i = 0; i < 512; i++)
        own_pd[i] = (uint64_t)i << 21 | P_LARGE | P_WRITE | P_PRESENT;
    own_pdpt[0] = (uint64_t)own_pd | P_WRITE | P_USER | P_PRESENT;
    own_pdpt[3] = 0xc0000000ull | P_LARGE | P_WRITE | P_PRESENT;
    window_pd[0] = (uint64_t)window_pt | P_WRITE | P_USER | P_PRESENT;
    window_pdpt[0] = (uint64_t)window_pd | P_WRITE | P_USER | P_PRESENT;
    own_pml4[0] = (uint64_t)own_pdpt | P_WRITE | P_USER | P_PRESENT;
    own_pml4[1] = (uint64_t)window_pdpt | P_WRITE | P_USER | P_PRESENT;
    wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x801);
    write_cr3((uint64_t)own_pml4);
    trap_tss.rsp[0] = (uint64_t)(trap_stack + sizeof trap_stack);
    trap_tss.ist[0] = (uint64_t)(trap_stack + sizeof trap_stack);
    trap_tss.ist[1] = (uint64_t)(trap_stack2 + sizeof trap_stack2);
    trap_tss.map = sizeof trap_tss;
    uint64_t tss = (uint64_t)&trap_tss;
    trap_gdt[2] = 0x00af9b000000ffffull;
    trap_gdt[3] = 0x00cf93000000ffffull;
    trap_gdt[4] = 0x00cffb000000ffffull;
    trap_gdt[5] = 0x00cff3000000ffffull;
    trap_gdt[6] = 0x00affb000000ffffull;
    trap_gdt[7] = (sizeof trap_tss - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
    trap_gdt[8] = tss >> 32;
    struct table_register g = { sizeof trap_gdt - 1, (uint64_t)trap_gdt }, i = { sizeof trap_idt - 1, (uint64_t)trap_idt };
    for (unsigned v = 0; v < 256; v++)
        set_gate(v, 1, v == 3 ? 3 : 0);
    asm volatile("lgdt %0; lidt %1; ltr %w2; mov %w3, %%ss; mov %w3, %%ds; mov %w3, %%es" ::"m"(g), "m"(i), "r"(0x38), "r"(KERNEL_SS) : "memory");
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

// Registers with a recognizable value each.
static inline struct regs regs_for(const void *code)
{
    struct regs r = { .r15 = 0xf0f1, .r14 = 0xe0e1, .r13 = 0xd0d1, .r12 = 0xc0c1, .r11 = 0xb0b1, .r10 = 0xa0a1, .r9 = 0x9091, .r8 = 0x8081,
                      .rbp = 0x7071, .rdi = 0x6061, .rsi = 0x5051, .rdx = 0x4041, .rcx = 0x3031, .rbx = 0x2021, .rax = 0x1011,
                      .rip = (uint64_t)code, .cs = KERNEL_CS, .rflags = 2, .rsp = PAGE(0x100), .ss = KERNEL_SS };
    return r;
}
// The same registers in user mode; the snippet is mapped at page 0x10, its stack page gets the user bit.
static inline void as_user(struct regs *r)
{
    window_pt[0x10] = (r->rip & ~0xfffull) | P_PRESENT | P_USER;
    window_pt[0x11] = window_pt[0x10] + 0x1000;
    window_pt[0xff] |= P_USER;
    r->cs = USER_CS;
    r->ss = USER_SS;
    r->rip = PAGE(0x10) + (r->rip & 0xfff);
}
// Returns the vector that ended it; state in `trap`.
static inline uint64_t run(struct regs r)
{
    trap_running = true;
    run_asm(&r);
    return trap.vector;
}
// Bit n: general register n (order of struct regs) differs; bit 16: RSP; 17: RFLAGS (without RF); 18: RIP.
static inline uint64_t changed(const struct regs *a)
{
    uint64_t mask = 0;
    const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)&trap;
    for (unsigned i = 0; i < 15; i++)
        mask |= (uint64_t)(x[i] != y[i]) << i;
    return mask | (uint64_t)(a->rsp != trap.rsp) << 16 | (uint64_t)(a->rflags != (trap.rflags & ~0x10000ull)) << 17 |
           (uint64_t)(a->rip != trap.rip) << 18;
}
void guest_exit(int status)
{
    put_text(status ? "GUEST-FAILED\n" : "GUEST-OK\n");
    outb(0x501, (uint8_t)status);
    for (;;)
        asm volatile("hlt");
}
