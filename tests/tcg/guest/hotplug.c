// SPDX-License-Identifier: MIT
//
// The user's sentence: "plugging a DIMM flushes TLBs and inserts a new RAM region behind ACPI memory device
// objects". One linear address in the hotplug window is read before the plug, after it and after the eject, and this guest
// never flushes its TLB. The same with code run from the DIMM, page tables held in it, a rep movs across its border, and
// with a second processor that looks at the same address all the time.
// The script plugs DIMMs of 2 MiB when this prints WAIT-PLUG; the guest ejects by itself.
#include "guest.h"

#define WINDOW 0x100000000ull           // 4 GiB: -m 64M,slots=..,maxmem=..
#define DIMM_SIZE 0x200000ull
#define HP 0xa00                        // register block
#define ALIAS 0x200000000ull            // where page tables inside the DIMM map

static uint64_t window_pd[512] __attribute__((aligned(4096)));
static uint64_t alias_pd[512] __attribute__((aligned(4096)));
static uint64_t border_page[512] __attribute__((aligned(4096)));
static volatile uint64_t ap_seen, ap_rounds;
static volatile bool ap_go, ap_runs;

void ap_main(void)
{
    ap_runs = true;
    for (;;) {
        if (ap_go)
            ap_seen = *(volatile uint64_t *)WINDOW;
        ap_rounds++;
        asm volatile("pause");
    }
}

// Wait until the other processor has looked again (nothing without one).
static uint64_t other_cpu(uint64_t without)
{
    if (!ap_runs)
        return without;
    uint64_t start = ap_rounds;
    while (ap_rounds < start + 3)
        asm volatile("pause");
    return ap_seen;
}

static void wait_plug(void)
{
    put_text("WAIT-PLUG\n");
    outl(HP, 0);
    while (!(inb(HP + 0x14) & 2))
        asm volatile("pause");
    outb(HP + 0x14, 2); // clear the insert event
}

static void eject(void)
{
    outl(HP, 0);
    outb(HP + 0x14, 8);
}

static uint64_t read64(uint64_t va) { return *(volatile uint64_t *)va; }
static void write64(uint64_t va, uint64_t v) { *(volatile uint64_t *)va = v; }

static void plain_reads(void)
{
    check("before the plug: unassigned", read64(WINDOW), ~0ull);
    check("before the plug: other cpu", other_cpu(~0ull), ~0ull);
    write64(WINDOW, 0x1234);
    check("a store to nowhere changes nothing", read64(WINDOW), ~0ull);
    wait_plug();
    check("after the plug: the backend's bytes", read64(WINDOW), 0);
    check("after the plug: other cpu", other_cpu(0), 0);
    write64(WINDOW, 0x1122334455667788ull);
    write64(WINDOW + DIMM_SIZE - 8, 42);
    check("what was stored is there", read64(WINDOW), 0x1122334455667788ull);
    check("the last bytes, too", read64(WINDOW + DIMM_SIZE - 8), 42);
    check("stored: other cpu", other_cpu(0x1122334455667788ull), 0x1122334455667788ull);
    check("behind the DIMM: unassigned", read64(WINDOW + DIMM_SIZE), ~0ull);
    eject();
    check("after the eject: unassigned", read64(WINDOW), ~0ull);
    check("after the eject: other cpu", other_cpu(~0ull), ~0ull);
    outl(HP, 0);
    check("the slot is empty", inb(HP + 0x14) & 1, 0);
}

// mov $imm32, %eax; ret: written into the DIMM and called there.
static void put_code(uint64_t at, uint32_t value)
{
    volatile uint8_t *p = (volatile uint8_t *)at;
    p[0] = 0xb8;
    *(volatile uint32_t *)(p + 1) = value;
    p[5] = 0xc3;
}
static uint32_t call_code(uint64_t at)
{
    uint32_t v;
    asm volatile("call *%1" : "=a"(v) : "r"(at) : "memory");
    return v;
}

static void code_in_dimm(void)
{
    wait_plug();
    check("a new DIMM starts empty", read64(WINDOW), 0);
    put_code(WINDOW + 0x100, 11);
    check("code in the DIMM runs", call_code(WINDOW + 0x100), 11);
    put_code(WINDOW + 0x100, 22);
    check("rewritten code is seen", call_code(WINDOW + 0x100), 22);
    for (int i = 0; i < 100; i++)
        call_code(WINDOW + 0x100);
    eject();
    check("code went with the DIMM", read64(WINDOW + 0x100), ~0ull);
    wait_plug();
    check("another DIMM has other bytes", read64(WINDOW + 0x100), 0);
    put_code(WINDOW + 0x100, 33);
    check("no stale translation", call_code(WINDOW + 0x100), 33);
}

// The last DIMM is still in: page tables held in it.
static void tables_in_dimm(void)
{
    uint64_t pt = WINDOW + 0x10000;
    static uint64_t data_a[512] __attribute__((aligned(4096))), data_b[512] __attribute__((aligned(4096)));
    data_a[0] = 0xaaaa;
    data_b[0] = 0xbbbb;
    alias_pd[0] = pt | 3;
    write64(pt, (uint64_t)data_a | 3);
    check("a page table in the DIMM maps", read64(ALIAS), 0xaaaa);
    write64(pt, (uint64_t)data_b | 3);
    asm volatile("invlpg (%0)" ::"r"(ALIAS) : "memory");
    check("changed entry after invlpg", read64(ALIAS), 0xbbbb);
    alias_pd[0] = 0; // unmapped while the tables leave
    asm volatile("invlpg (%0)" ::"r"(ALIAS) : "memory");
    eject();
    wait_plug();
    write64(pt, (uint64_t)data_a | 3);
    alias_pd[0] = pt | 3;
    check("tables in the next DIMM: no stale walk", read64(ALIAS), 0xaaaa);
    alias_pd[0] = 0;
    asm volatile("invlpg (%0)" ::"r"(ALIAS) : "memory");
}

static void border(void)
{
    uint64_t last = WINDOW + DIMM_SIZE - 0x800, from = (uint64_t)border_page, count = 0x1000;
    for (int i = 0; i < 512; i++)
        border_page[i] = 0x0101010101010101ull * (uint64_t)(i & 0xff);
    asm volatile("rep movsb" : "+S"(from), "+c"(count), "+D"(last) : : "memory");
    check("rep movs across the border: all bytes counted", count, 0);
    check("rep movs: destination", last, WINDOW + DIMM_SIZE + 0x800);
    check("inside the DIMM", read64(WINDOW + DIMM_SIZE - 8), border_page[255]);
    check("outside nothing", read64(WINDOW + DIMM_SIZE), ~0ull);
    uint64_t source = WINDOW + DIMM_SIZE - 0x800, to = (uint64_t)border_page;
    count = 0x1000;
    asm volatile("rep movsb" : "+S"(source), "+c"(count), "+D"(to) : : "memory");
    check("read back: first", border_page[1], 0x0101010101010101ull);
    check("read back: last inside", border_page[255], 0x0101010101010101ull * 255);
    check("read back: first outside", border_page[256], ~0ull);
    eject();
    check("empty in the end", read64(WINDOW), ~0ull);
}

static inline void outw(uint16_t port, uint16_t v) { asm volatile("outw %0, %1" ::"a"(v), "Nd"(port)); }

// Firmware starts its 64-bit PCI window behind the hotplug window: fw_cfg's etc/reserved-memory-end, for -m 64M,slots=2,maxmem=1G.
static void window_end(void)
{
    static const char wanted[] = "etc/reserved-memory-end";
    uint64_t end = 0;
    uint32_t count = 0, select = 0, size = 0;
    outw(0x510, 0x19); // the directory
    for (unsigned i = 0; i < 4; i++)
        count = count << 8 | inb(0x511);
    for (uint32_t n = 0; n < count; n++) {
        uint8_t row[64];
        bool same = true;
        for (unsigned i = 0; i < sizeof row; i++)
            row[i] = inb(0x511);
        for (unsigned i = 0; i < sizeof wanted; i++)
            same = same && row[8 + i] == (uint8_t)wanted[i];
        if (same) {
            size = (uint32_t)row[2] << 8 | row[3];
            select = (uint32_t)row[4] << 8 | row[5];
        }
    }
    check("etc/reserved-memory-end: size", size, 8);
    outw(0x510, (uint16_t)select);
    for (unsigned i = 0; i < 8; i++)
        end |= (uint64_t)inb(0x511) << 8 * i;
    check("etc/reserved-memory-end", end, 0x1c0000000);
}

int guest_main(void)
{
    uint64_t *pml4 = (uint64_t *)read_cr3(), *pdpt = (uint64_t *)(pml4[0] & ~0xfffull);
    for (unsigned i = 0; i < 512; i++)
        window_pd[i] = (WINDOW + i * DIMM_SIZE) | 0x83;
    pdpt[4] = (uint64_t)window_pd | 3;
    pdpt[8] = (uint64_t)alias_pd | 3;
    volatile uint32_t *apic_id = (volatile uint32_t *)0xfee00020;
    (void)*apic_id;
    window_end();
    start_ap();
    for (volatile int i = 0; i < 2000000 && !ap_runs; i++)
        ;
    put_text(ap_runs ? "# two processors\n" : "# one processor\n");
    ap_go = true;
    plain_reads();
    ap_go = false;
    code_in_dimm();
    tables_in_dimm();
    border();
    return guest_failures ? 1 : 0;
}

void guest_exit(int status)
{
    put_text(status ? "GUEST-FAILED\n" : "GUEST-OK\n");
    outb(0x501, (uint8_t)status);
}
