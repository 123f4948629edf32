// SPDX-License-Identifier: MIT
//
// HPET: capabilities, counter, one-shot and periodic comparators, level status, legacy replacement.
#include "hw/timer/hpet.h"
#include <string.h>
#include "hwtest.h"

static struct bench b;
static int legacy_on;
static void legacy(void *opaque, bool on) { legacy_on = on; }
static uint32_t get(unsigned reg) { return mem_read32(&b, HPET_BASE + reg); }
static void set(unsigned reg, uint32_t value) { mem_write32(&b, HPET_BASE + reg, value); }

int main(void)
{
    struct hpet hpet;
    struct wire wires[24];
    struct irq irqs[24];
    bench_init(&b);
    memset(wires, 0, sizeof(wires));
    for (int i = 0; i < 24; i++)
        irqs[i] = wire_irq(&wires[i]);
    hpet_init(&hpet, b.memory, HPET_BASE, &b.machine.clock, irqs, NULL, NULL, legacy, NULL);
    check_eq(get(0), 0x8086a201, "capabilities");
    check_eq(get(4), 10000000, "period in femtoseconds");
    check_eq(physical_load(&b.machine.memory, HPET_BASE, 8), 10000000ull << 32 | 0x8086a201, "by 64 bits");
    bench_advance(&b, 1000);
    check_eq(get(0xf0), 0, "stands until enabled");
    set(0x10, 1);
    bench_advance(&b, 1000);
    check_eq(get(0xf0), 100, "100 MHz");
    set(0x140, 0x2b04); // timer 2: edge, GSI 21
    set(0x140, 0x1504); // 32 bits, GSI 10, which is not offered
    check_eq(get(0x140) & 0x3f04, 0x2b04, "a route that is not offered: the old one stays");
    set(0x148, 200);
    bench_advance(&b, 999);
    check_eq((uint64_t)wires[21].rises, 0, "one-shot: not yet");
    bench_advance(&b, 1);
    check_eq((uint64_t)wires[21].rises, 1, "at equality");
    set(0x10, 3);
    check_eq((uint64_t)legacy_on, 1, "legacy replacement is announced");
    set(0x100, 0x14c); // timer 0: 32 bits, periodic, value set
    set(0x108, 1000);
    set(0x108, 500);
    bench_advance(&b, 8000);
    check_eq((uint64_t)wires[0].rises, 1, "periodic: first at the comparator, IRQ 0");
    bench_advance(&b, 50000);
    check_eq((uint64_t)wires[0].rises, 11, "then each period");
    set(0x100, 0);
    set(0x120, 0x106); // timer 1: level, legacy IRQ 8
    set(0x128, get(0xf0) + 10);
    bench_advance(&b, 1000);
    check(wires[8].level && get(0x20) == 2, "level: wire and status");
    set(0x20, 2);
    check(!wires[8].level && !get(0x20), "cleared together");
    hpet_reset(&hpet);
    check(get(0xf0) == 0 && !legacy_on, "reset");
    bench_release(&b);
    return test_end();
}
