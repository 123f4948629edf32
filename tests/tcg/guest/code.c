// SPDX-License-Identifier: MIT
//
// Code (contract 5): new bytes are seen by the next instruction, whoever wrote them and through whatever alias; a code page
// that maps elsewhere is other code, also behind direct links to it. Fails without the store to translated code leaving
// exactly (same block), without invalidation per RAM page (alias, rep stos), without the guard of cross-page links, without
// the check of both pages of an instruction on two.
#include "traps.h"

void ap_main(void) {}
static uint8_t page_a[4096] __attribute__((aligned(4096))), page_b[4096] __attribute__((aligned(4096))), page_c[4096] __attribute__((aligned(4096)));

static void map(unsigned n, void *page) { ((volatile uint64_t *)window_pt)[n] = page ? (uint64_t)page | P_WRITE | P_PRESENT : 0; }
static void bytes(uint8_t *to, const char *from, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        ((volatile uint8_t *)to)[i] = (uint8_t)from[i];
}
static void move_eax(uint8_t *to, uint32_t value) // mov $value, %eax; ret
{
    to[0] = 0xb8;
    *(volatile uint32_t *)(to + 1) = value;
    ((volatile uint8_t *)to)[5] = 0xc3;
}
static uint32_t call(uint64_t at)
{
    uint32_t v;
    asm volatile("call *%1" : "=a"(v) : "r"(at) : "rcx", "rdx", "rdi", "rsi", "memory", "cc");
    return v;
}

static void own_block(void)
{
    map(0, page_a);
    for (uint8_t i = 1; i < 20; i++) {
        // movb %cl, 1(%rip) over the immediate of the following mov $x, %eax: this very block
        bytes(page_a, "\x88\x0d\x01\x00\x00\x00\xb8\x00\x00\x00\x00\xc3", 12);
        uint32_t v;
        asm volatile("call *%1" : "=a"(v) : "r"(PAGE(0)), "c"(i) : "memory");
        check("the next instruction rewritten", v, i);
    }
    // inc %dl; movb $0xca (dec), at the inc behind; loop: a block that rewrites itself and jumps to itself
    bytes(page_a, "\x31\xc0\xff\xc0\xc6\x05\xf8\xff\xff\xff\xc8\x85\xc0\x75\xf3\xc3", 16);
    // xor eax,eax; 1: inc eax (ff c0); movb $0xc8 -> second byte of inc: dec eax; test; jnz 1b; ret
    bytes(page_a + 4, "\xc6\x05\xf8\xff\xff\xff\xc8\x85\xc0\x75\xf3\xc3", 12);
    check("a loop that rewrites its own first instruction", call(PAGE(0)), 0);
    check("the bytes are changed", page_a[3], 0xc8);
}

static void aliases(void)
{
    map(0, page_a);
    map(1, page_a);
    for (unsigned i = 0; i < 50; i++) {
        move_eax((uint8_t *)PAGE(1) + 0x40, i);
        check("written through another mapping", call(PAGE(0) + 0x40), i);
        move_eax(page_a + 0x40, i + 1000);
        check("written through the linear map", call(PAGE(0) + 0x40), i + 1000);
    }
    for (unsigned i = 0; i < 10; i++) {
        move_eax(page_a + 0x80, 7);
        check("before rep stos", call(PAGE(0) + 0x80), 7);
        uint64_t to = (uint64_t)page_a, count = 0x85, nop = 0x90;
        asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(nop) : "memory");
        bytes(page_a + 0x85, "\xb0\x2a\xc3", 3);
        bytes(page_a + 0x80, "\x31\xc0", 2);
        check("rep stos over code", call(PAGE(0) + 0x80), 0x2a);
        to = (uint64_t)page_a + 0x80;
        count = 6;
        static uint8_t other[8] = { 0xb8, 0x99, 0, 0, 0, 0xc3 };
        uint64_t from = (uint64_t)other;
        asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
        check("rep movs over code", call(PAGE(0) + 0x80), 0x99);
    }
}

static void remapped(void)
{
    move_eax(page_a + 0x100, 1);
    move_eax(page_b + 0x100, 2);
    for (unsigned i = 0; i < 50; i++) {
        map(0, i & 1 ? page_b : page_a);
        check("code page remapped", call(PAGE(0) + 0x100), 1 + (i & 1));
    }
    // a direct jump from page 4 to page 5, hot, then page 5 changes
    map(4, page_c);
    bytes(page_c, "\xe9\xfb\x10\x00\x00", 5); // jmp +0x10fb: page 5, offset 0x100
    bytes(page_c + 0x20, "\x85\xc9\x0f\x84\xd8\x10\x00\x00\xb8\x77\x00\x00\x00\xc3", 14); // test ecx; jz page 5 + 0x100
    bytes(page_c + 0x40, "\x50\xe8\xba\x10\x00\x00\x59\xc3", 8);                         // push; call page 5 + 0x100; pop
    for (unsigned i = 0; i < 60; i++) {
        map(5, i / 10 & 1 ? page_b : page_a);
        check("direct jump to a page that is remapped", call(PAGE(4)), 1 + (i / 10 & 1));
        uint32_t v;
        asm volatile("call *%1" : "=a"(v) : "r"(PAGE(4) + 0x20), "c"(0) : "memory");
        check("conditional jump to it", v, 1 + (i / 10 & 1));
        check("call to it", call(PAGE(4) + 0x40), 1 + (i / 10 & 1));
    }
    map(5, 0);
    struct regs r = regs_for((void *)PAGE(4));
    r.rsp = (uint64_t)page_b + 0x1000;
    run(r);
    check("direct jump to a page that went away: vector", trap.vector, 14);
    check("its rip", trap.rip, PAGE(5) + 0x100);
    check("its cr2", read_cr2(), PAGE(5) + 0x100);
    check("its error: no present bit, fetch", trap.error, 16);
    map(5, page_a);
    window_pt[5] |= P_NX;
    run(r);
    check("direct jump to a page without execution", trap.error << 8 | trap.vector, 17 << 8 | 14);
}

static void two_pages(void)
{
    // mov $imm32, %eax with the immediate's upper bytes on the second page, then ret
    bytes(page_c + 0xffd, "\xb8\x11\x22", 3);
    bytes(page_a, "\x33\x44\xc3", 3);
    bytes(page_b, "\x55\x66\xc3", 3);
    map(4, page_c);
    for (unsigned i = 0; i < 40; i++) {
        map(5, i & 1 ? page_b : page_a);
        check("an instruction on two pages, the second remapped", call(PAGE(4) + 0xffd), i & 1 ? 0x66552211 : 0x44332211);
    }
    for (unsigned i = 0; i < 20; i++) {
        page_b[0] = (uint8_t)i;
        check("its second half rewritten", call(PAGE(4) + 0xffd), 0x66002211 | i << 16);
    }
    map(5, 0);
    struct regs r = regs_for((void *)(PAGE(4) + 0xffd));
    run(r);
    check("second page absent: rip and cr2", trap.rip << 1 ^ read_cr2(), (PAGE(4) + 0xffd) << 1 ^ PAGE(5));
    check("second page absent: vector and registers", trap.vector << 32 | changed(&r), 14ull << 32);
    map(5, page_b);
    check("and back", call(PAGE(4) + 0xffd), 0x66132211);
    bytes(page_c + 0xffa, "\xb0\x05\xc3", 3);
    map(5, 0);
    check("code that ends before an absent page", call(PAGE(4) + 0xffa), 0x05 | (call(PAGE(4) + 0xffa) & ~0xffu));
}

int guest_main(void)
{
    traps_init();
    own_block();
    aliases();
    remapped();
    two_pages();
    return guest_failures ? 1 : 0;
}
