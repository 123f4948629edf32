// SPDX-License-Identifier: MIT
//
// The guest runs as if there were no TLB (contract 1): changed entries count from the next access on, without INVLPG;
// accessed and dirty bits are set by each access that finds them clear; NX, WP, SMEP, SMAP and the user bit give the manual's
// error codes. Fails when stores to noted page-table granules drop nothing, when a view is missing from the context's key,
// or when a fault sets bits.
#include "traps.h"

void ap_main(void) {}
static uint64_t page_a[512] __attribute__((aligned(4096))), page_b[512] __attribute__((aligned(4096)));
static uint64_t second_pml4[512] __attribute__((aligned(4096))), second_pdpt[512] __attribute__((aligned(4096)));
static uint64_t second_pd[512] __attribute__((aligned(4096))), second_pt[512] __attribute__((aligned(4096)));
#define PT(n) (*(volatile uint64_t *)&window_pt[n])
#define RW (P_PRESENT | P_WRITE)
#define BITS (P_ACCESSED | P_DIRTY)

CODE(load, "mov (%rdi), %rax"); CODE(store, "mov %rax, (%rdi)"); CODE(nothing, "nop"); CODE(ac_load, "stac\n mov (%rdi), %rax\n clac\n mov (%rdi), %rbx");

static uint64_t get(uint64_t va) { return *(volatile uint64_t *)va; }
static void put(uint64_t va, uint64_t v) { *(volatile uint64_t *)va = v; }
// vector << 32 | error; 3 << 32: it went through
static uint64_t attempt(void *code, uint64_t va, bool user)
{
    struct regs r = regs_for(code);
    r.rdi = va;
    r.rsp = PAGE(0x20) + 0x800;
    if (user) {
        r.cs = USER_CS;
        r.ss = USER_SS;
        r.rip = PAGE(0x10) + ((uint64_t)code & 0xfff);
    }
    run(r);
    return trap.vector << 32 | trap.error;
}
#define FINE (3ull << 32)
#define FAULT(e) (14ull << 32 | (e))

static void changes(void)
{
    page_a[0] = 0xaaaa;
    page_b[0] = 0xbbbb;
    for (unsigned i = 0; i < 50; i++) {
        PT(1) = (uint64_t)(i & 1 ? page_b : page_a) | RW;
        check("leaf changed without INVLPG", get(PAGE(1)), i & 1 ? 0xbbbb : 0xaaaa);
        PT(2) = (uint64_t)page_a | RW;
        check("alias", get(PAGE(2)), 0xaaaa);
        put(PAGE(2) + 8, i);
        check("a store through an alias", page_a[1], i);
        PT(1) = 0;
        check("unmapped", attempt(load, PAGE(1), false), FAULT(0));
        PT(1) = (uint64_t)page_a | P_PRESENT | BITS;
        check("read-only", attempt(store, PAGE(1), false), FAULT(3));
    }
    second_pt[1] = (uint64_t)page_b | RW;
    PT(1) = (uint64_t)page_a | RW;
    for (unsigned i = 0; i < 20; i++) {
        *(volatile uint64_t *)window_pd = (uint64_t)(i & 1 ? second_pt : window_pt) | RW | P_USER;
        check("page-directory entry changed", get(PAGE(1)), i & 1 ? 0xbbbb : 0xaaaa);
    }
    *(volatile uint64_t *)window_pd = (uint64_t)window_pt | RW | P_USER;
    for (unsigned i = 0; i < 20; i++) { // the entry's upper half by a 4-byte store, its low bytes by bytes
        ((volatile uint8_t *)&window_pt[1])[1] = (uint8_t)((uint64_t)(i & 1 ? page_b : page_a) >> 8);
        ((volatile uint8_t *)&window_pt[1])[2] = (uint8_t)((uint64_t)(i & 1 ? page_b : page_a) >> 16);
        check("entry changed by bytes", get(PAGE(1)), i & 1 ? 0xbbbb : 0xaaaa);
    }
    uint64_t entry = (uint64_t)page_b | RW, from = (uint64_t)&entry, to = (uint64_t)&window_pt[1], n = 8;
    asm volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n)::"memory");
    check("entry changed by rep movs", get(PAGE(1)), 0xbbbb);
}

static void accessed_dirty(void)
{
    for (unsigned i = 0; i < 20; i++) {
        PT(3) = (uint64_t)page_a | RW;
        check("nothing set before", PT(3) & BITS, 0);
        get(PAGE(3));
        check("a load sets A", PT(3) & BITS, P_ACCESSED);
        put(PAGE(3), 0xaaaa);
        check("a store sets D", PT(3) & BITS, BITS);
        PT(3) = PT(3) & ~P_DIRTY;
        put(PAGE(3), 0xaaaa);
        check("D cleared and set again", PT(3) & BITS, BITS);
        PT(3) = PT(3) & ~BITS;
        get(PAGE(3));
        check("A cleared and set again, no flush", PT(3) & BITS, P_ACCESSED);
        asm volatile("lock andb $0xdf, %0" : "+m"(window_pt[3]));
        get(PAGE(3));
        check("cleared by lock and", PT(3) & BITS, P_ACCESSED);
    }
    PT(3) = (uint64_t)page_a | P_PRESENT;
    attempt(store, PAGE(3), false);
    check("a faulting store sets neither A nor D", PT(3) & BITS, 0);
    PT(3) = (uint64_t)page_a | RW;
    *(volatile uint64_t *)&window_pd[0] &= ~P_ACCESSED;
    get(PAGE(3));
    check("A in the directory, too, no D", *(volatile uint64_t *)&window_pd[0] & BITS, P_ACCESSED);
}

static void large(void)
{
    volatile uint64_t *pd = window_pd, *pdpt = window_pdpt;
    uint64_t at = (uint64_t)page_b;
    pd[1] = (at & ~0x1fffffull) | P_LARGE | RW;
    check("2 MiB page", get(PAGES + 0x200000 + (at & 0x1fffff)), 0xbbbb);
    check("its A", pd[1] & BITS, P_ACCESSED);
    pd[1] = ((at & ~0x1fffffull) + 0x200000) | P_LARGE | RW;
    uint64_t other = get((at & ~0x1fffffull) + 0x200000 + 0x10);
    check("2 MiB page changed", get(PAGES + 0x200010), other);
    pd[1] = ((at & ~0x1fffffull) + 0x2000) | P_LARGE | RW;
    check("reserved bits of a 2 MiB entry", attempt(load, PAGES + 0x200000, false), FAULT(9));
    pdpt[1] = P_LARGE | RW;
    check("1 GiB page", get(PAGES + 0x40000000 + at), 0xbbbb);
    put(PAGES + 0x40000000 + at + 8, 5);
    check("1 GiB page: store, D", page_b[1] << 8 | (pdpt[1] & BITS), 5 << 8 | BITS);
    pdpt[1] = 0;
    check("1 GiB page gone", attempt(load, PAGES + 0x40000000 + at, false), FAULT(0));
}

// A large page becomes a table of small ones and a large one again, all without INVLPG.
static void splitting(void)
{
    volatile uint64_t *pd = window_pd, *split = second_pt;
    uint64_t base = (uint64_t)page_a & ~0x1fffffull, va = PAGES + 0x400000, offset = (uint64_t)page_a & 0x1fffff;
    unsigned slot = (unsigned)(offset >> 12);
    page_a[0] = 0xaaaa;
    page_b[0] = 0xbbbb;
    for (unsigned round = 0; round < 4; round++) {
        pd[2] = base | P_LARGE | RW;
        check("large", get(va + offset), 0xaaaa);
        put(va + offset + 8, round);
        for (unsigned i = 0; i < 512; i++)
            split[i] = (base + i * 0x1000ull) | RW;
        pd[2] = (uint64_t)split | RW;
        check("split: the same bytes", get(va + offset + 8), round);
        check("split: A in the small entry", split[slot] & BITS, P_ACCESSED);
        put(va + offset + 8, round + 1);
        check("split: D in the small entry", split[slot] & BITS, BITS);
        split[slot] = (uint64_t)page_b | RW;
        check("split: one page moved", get(va + offset), 0xbbbb);
        split[slot] = (base + slot * 0x1000ull) | P_PRESENT;
        check("split: one page read-only", attempt(store, va + offset, false), FAULT(3));
        split[slot] = 0;
        check("split: one page absent", attempt(load, va + offset, false), FAULT(0));
        pd[2] = base | P_LARGE | RW;
        check("large again", get(va + offset + 8), round + 1);
        pd[2] = base | P_LARGE | P_PRESENT;
        check("large, read-only", attempt(store, va + offset, false), FAULT(3));
        pd[2] = base | P_LARGE | RW | P_NX;
        check("large, NX", attempt((void *)(va + ((uint64_t)nothing & 0x1fffff)), 0, false), FAULT(17));
    }
    pd[2] = 0;
}

// Rights are those of all levels together, and each level may change.
static void levels(void)
{
    volatile uint64_t *entries[] = { own_pml4 + 1, window_pdpt, window_pd, window_pt + 5 };
    PT(0x10) = ((uint64_t)load & ~0xfffull) | P_PRESENT | P_USER;
    for (unsigned i = 0; i < 4; i++) {
        PT(5) = (uint64_t)page_a | RW | P_USER;
        check("all levels allow it", attempt(store, PAGE(5), true), FINE);
        *entries[i] &= ~P_WRITE;
        check("one level read-only", attempt(store, PAGE(5), false), FAULT(3));
        *entries[i] |= P_WRITE;
        check("writable again", attempt(store, PAGE(5), false), FINE);
        *entries[i] |= P_NX;
        check("one level NX", attempt((void *)PAGE(5), 0, false), FAULT(17));
        *entries[i] &= ~P_NX;
        *entries[i] &= ~P_ACCESSED;
        get(PAGE(5));
        check("A at that level", *entries[i] & P_ACCESSED, P_ACCESSED);
        if (i == 3) {
            *entries[i] &= ~P_USER;
            check("a supervisor's page", attempt(load, PAGE(5), true), FAULT(5));
        }
        *entries[i] &= ~P_PRESENT;
        check("one level absent", attempt(load, PAGE(5), false), FAULT(0));
        *entries[i] |= P_PRESENT;
    }
}

static void permissions(void)
{
    PT(0x10) = ((uint64_t)load & ~0xfffull) | P_PRESENT | P_USER;
    PT(4) = (uint64_t)page_a | RW;
    PT(5) = (uint64_t)page_a | RW | P_USER;
    PT(6) = (uint64_t)page_a | P_PRESENT | P_USER;
    check("user load of a supervisor page", attempt(load, PAGE(4), true), FAULT(5));
    check("user store to a supervisor page", attempt(store, PAGE(4), true), FAULT(7));
    check("user load", attempt(load, PAGE(5), true), FINE);
    check("user store", attempt(store, PAGE(5), true), FINE);
    check("user store, read-only", attempt(store, PAGE(6), true), FAULT(7));
    check("user load, absent", attempt(load, PAGE(7), true), FAULT(4));
    write_cr0(read_cr0() & ~(1ull << 16));
    check("WP clear: supervisor store, read-only", attempt(store, PAGE(6), false), FINE);
    write_cr0(read_cr0() | 1 << 16);
    check("WP set: supervisor store, read-only", attempt(store, PAGE(6), false), FAULT(3));
    page_b[2] = 0xcccccccccccccccc;
    PT(8) = (uint64_t)page_b | RW | P_NX;
    check("NX", attempt((void *)(PAGE(8) + 16), 0, false), FAULT(17));
    PT(8) = (uint64_t)page_b | RW;
    check("NX cleared", attempt((void *)(PAGE(8) + 16), 0, false), FINE);
    PT(8) = (uint64_t)page_b | RW | P_USER;
    check("supervisor fetch from a user page", attempt((void *)(PAGE(8) + 16), 0, false), FINE);
    write_cr4(read_cr4() | 1 << 20);
    check("SMEP", attempt((void *)(PAGE(8) + 16), 0, false), FAULT(17));
    write_cr4(read_cr4() & ~(1ull << 20));
    check("SMEP off", attempt((void *)(PAGE(8) + 16), 0, false), FINE);
    check("before SMAP", attempt(load, PAGE(5), false), FINE);
    write_cr4(read_cr4() | 1 << 21);
    check("SMAP load", attempt(load, PAGE(5), false), FAULT(1));
    check("SMAP store", attempt(store, PAGE(5), false), FAULT(3));
    check("STAC, load; CLAC, load", attempt(ac_load, PAGE(5), false), FAULT(1));
    check("only the second", trap.rax << 32 | (trap.rip - (uint64_t)ac_load), get(PAGE(4)) << 32 | 9);
    write_cr4(read_cr4() & ~(1ull << 21));
    PT(9) = (uint64_t)page_a | RW | 1ull << 50;
    check("reserved address bits", attempt(load, PAGE(9), false), FAULT(9));
}

static void roots(void)
{
    page_a[0] = 0xaaaa; // the stores above changed it
    page_b[0] = 0xbbbb;
    for (unsigned i = 0; i < 512; i++)
        second_pml4[i] = own_pml4[i];
    second_pd[0] = (uint64_t)second_pt | RW;
    second_pdpt[0] = (uint64_t)second_pd | RW;
    second_pml4[1] = (uint64_t)second_pdpt | RW;
    PT(1) = (uint64_t)page_a | RW;
    second_pt[1] = (uint64_t)page_b | RW;
    write_cr4(read_cr4() | 1 << 17); // PCIDE
    for (unsigned i = 0; i < 20; i++) {
        write_cr3((uint64_t)own_pml4 | 1 | 1ull << 63);
        check("first root", get(PAGE(1)), 0xaaaa);
        write_cr3((uint64_t)second_pml4 | 2 | 1ull << 63);
        check("second root", get(PAGE(1)), 0xbbbb);
        check("bit 63 is not kept", read_cr3(), (uint64_t)second_pml4 | 2);
    }
    struct { uint64_t pcid, va; } d = { 2, PAGE(1) };
    for (uint64_t type = 0; type < 4; type++) {
        asm volatile("invpcid %0, %1" ::"m"(d), "r"(type) : "memory");
        check("after INVPCID", get(PAGE(1)), 0xbbbb);
    }
    write_cr3((uint64_t)own_pml4);
    write_cr4(read_cr4() & ~(1ull << 17));
    PT(1) = (uint64_t)page_b | RW;
    asm volatile("invlpg (%0)" ::"r"(PAGE(1)) : "memory");
    check("after INVLPG", get(PAGE(1)), 0xbbbb);
}

int guest_main(void)
{
    traps_init();
    PT(0x20) = (uint64_t)page_b | RW;
    write_cr0(read_cr0() | 1 << 16);
    changes();
    accessed_dirty();
    large();
    splitting();
    levels();
    permissions();
    roots();
    return guest_failures ? 1 : 0;
}
