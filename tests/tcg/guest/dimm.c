// SPDX-License-Identifier: MIT
//
// A DIMM of 2 MiB of any backend: the first eight bytes, which the script puts into the backend's file, say what to do with it.
//   zero, COPYONCE  stores arrive and are read back; the last page keeps a pattern for the script
//   ROM-DIMM        every kind of store is dropped, and nothing breaks: data, code that is run, page tables that are walked
//   LOOP-RUN        prints LOOPING and uses the whole DIMM for ever (the script takes it away)
//   CODE-RUN        the same, running code in it
#include "guest.h"

#define WINDOW 0x100000000ull // 4 GiB: -m 64M,slots=..,maxmem=..
#define DIMM_SIZE 0x200000ull
#define PAGES (DIMM_SIZE / 4096)
#define HP 0xa00              // register block
#define ALIAS 0x200000000ull  // mapped by the page table in the DIMM
#define SPARE 0x2000000ull    // RAM that nobody uses, named by that table
#define CODE 0x2000           // mov $imm32, %eax; ret
#define TABLE 0x3000          // entry 0: the DIMM's page 4, entry 1: SPARE; neither accessed nor dirty
#define DATA 0x4000

static uint64_t window_pd[512] __attribute__((aligned(4096))), alias_pd[512] __attribute__((aligned(4096)));

void ap_main(void) {}

static uint64_t read64(uint64_t va) { return *(volatile uint64_t *)va; }
static void write64(uint64_t va, uint64_t v) { *(volatile uint64_t *)va = v; }

static uint64_t letters(const char *text)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)(uint8_t)text[i] << 8 * i;
    return v;
}

static uint32_t call_code(uint64_t at)
{
    uint32_t v;
    asm volatile("call *%1" : "=a"(v) : "r"(at) : "memory");
    return v;
}

static void plain_memory(void)
{
    uint64_t sum = 0;
    for (uint64_t i = 1; i < PAGES; i++)
        write64(WINDOW + i * 4096 + 8 * (i & 255), 0x5a5a0000 + i);
    for (uint64_t i = 1; i < PAGES; i++)
        sum += read64(WINDOW + i * 4096 + 8 * (i & 255)) - i;
    check("stores are read back", sum, (PAGES - 1) * 0x5a5a0000ull);
    uint64_t to = WINDOW + DIMM_SIZE - 4096, count = 4096;
    asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0x77) : "memory");
    check("rep stosb", read64(WINDOW + DIMM_SIZE - 8), 0x7777777777777777ull);
    write64(WINDOW + 16, 0x1122334455667788ull);
    check("the first page", read64(WINDOW + 16), 0x1122334455667788ull);
}

static uint64_t sum_all(void)
{
    uint64_t sum = 0;
    for (uint64_t at = WINDOW; at < WINDOW + DIMM_SIZE; at += 8)
        sum = sum * 31 + read64(at);
    return sum;
}

static void store_all_ways(uint64_t at)
{
    uint64_t to = at, count = 5000, from = SPARE;
    *(volatile uint8_t *)at = 1;
    *(volatile uint16_t *)(at + 1) = 2;
    *(volatile uint32_t *)(at + 4) = 3;
    write64(at + 8, 4);
    write64(at + 4093, 5); // across a page
    asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0x99) : "memory");
    to = at;
    count = 600;
    asm volatile("rep movsq" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
    asm volatile("lock addq $7, (%0)" ::"r"(at) : "memory");
    asm volatile("lock btsq $5, (%0)" ::"r"(at) : "memory");
    asm volatile("xchgq %0, (%1)" : "+r"(from) : "r"(at) : "memory");
    asm volatile("lock cmpxchgq %1, (%0)" ::"r"(at), "r"(9ull), "a"(read64(at)) : "memory");
    asm volatile("lock cmpxchg16b (%0)" ::"r"(at), "a"(read64(at)), "d"(read64(at + 8)), "b"(1ull), "c"(2ull) : "memory");
    asm volatile("incl (%0)\n shlq $3, 8(%0)" ::"r"(at) : "memory");
    asm volatile("fxsave64 (%0)" ::"r"(at) : "memory");
    asm volatile("mov %%rsp, %%rax\n lea 256(%0), %%rsp\n push %%rax\n mov %%rax, %%rsp" ::"r"(at) : "rax", "memory");
    asm volatile("fnstenv (%0)\n sidt 64(%0)\n sgdt 80(%0)" ::"r"(at) : "memory");
}

static void read_only_memory(void)
{
    uint64_t before = sum_all();
    store_all_ways(WINDOW);
    store_all_ways(WINDOW + 0x10000);
    store_all_ways(WINDOW + DIMM_SIZE - 5008);
    check("no store changes anything", sum_all(), before);
    uint32_t value = *(volatile uint32_t *)(WINDOW + CODE + 1);
    check("code runs", call_code(WINDOW + CODE), value);
    *(volatile uint32_t *)(WINDOW + CODE + 1) = ~value;
    store_all_ways(WINDOW + CODE);
    check("code is as before", call_code(WINDOW + CODE), value);
    alias_pd[0] = (WINDOW + TABLE) | 3;
    write64(SPARE, 0xaaaa);
    check("tables are walked: the DIMM", read64(ALIAS), read64(WINDOW + DATA));
    check("tables are walked: RAM", read64(ALIAS + 4096), 0xaaaa);
    write64(ALIAS, 1);
    write64(ALIAS + 4096, 0xbbbb);
    check("a store through them to RAM", read64(SPARE), 0xbbbb);
    asm volatile("invlpg (%0)\n invlpg 4096(%0)" ::"r"(ALIAS) : "memory");
    check("again", read64(ALIAS + 4096), 0xbbbb);
    check("accessed and dirty bits are not there", read64(WINDOW + TABLE) & 0x60, 0);
    check("nothing has changed", sum_all(), before);
}

static void for_ever(bool run_code)
{
    put_text("LOOPING\n");
    for (uint64_t round = 0;; round++) {
        for (uint64_t at = WINDOW + 0x1000; at < WINDOW + DIMM_SIZE; at += 4096) {
            if (run_code) {
                *(volatile uint8_t *)at = 0xc3;
                call_code(at);
            } else {
                write64(at, read64(at) + round);
            }
        }
    }
}

int guest_main(void)
{
    uint64_t *pml4 = (uint64_t *)read_cr3(), *pdpt = (uint64_t *)(pml4[0] & ~0xfffull);
    for (unsigned i = 0; i < 512; i++)
        window_pd[i] = (WINDOW + i * DIMM_SIZE) | 0x83;
    pdpt[4] = (uint64_t)window_pd | 3;
    pdpt[8] = (uint64_t)alias_pd | 3;
    put_text("WAIT-PLUG\n");
    outl(HP, 0);
    while (!(inb(HP + 0x14) & 1))
        asm volatile("pause");
    uint64_t mode = read64(WINDOW);
    if (mode == letters("LOOP-RUN") || mode == letters("CODE-RUN"))
        for_ever(mode == letters("CODE-RUN"));
    else if (mode == letters("ROM-DIMM"))
        read_only_memory();
    else
        plain_memory();
    return guest_failures ? 1 : 0;
}

void guest_exit(int status)
{
    put_text(status ? "GUEST-FAILED\n" : "GUEST-OK\n");
    outb(0x501, (uint8_t)status);
}
