// SPDX-License-Identifier: MIT
//
// I/O APIC and local APICs together: registers, delivery, priorities, EOI with remote IRR, IPIs, timers, x2APIC.
#include <string.h>
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"
#include "hwtest.h"

struct board {
    struct bench bench;
    struct lapic_set lapics;
    struct ioapic ioapic;
    struct i8259_pair pic;
    unsigned current;
    int intr[2], nmis[2], inits[2], sipis[2], sipi_vector;
};
static void set_intr(void *o, unsigned cpu, bool level) { ((struct board *)o)->intr[cpu] = level; }
static void nmi(void *o, unsigned cpu) { ((struct board *)o)->nmis[cpu]++; }
static void init(void *o, unsigned cpu) { ((struct board *)o)->inits[cpu]++; }
static void sipi(void *o, unsigned cpu, uint8_t vector)
{
    ((struct board *)o)->sipis[cpu]++;
    ((struct board *)o)->sipi_vector = vector;
}
static unsigned current_cpu(void *o) { return ((struct board *)o)->current; }
static int64_t tsc_time(void *o, unsigned cpu, uint64_t tsc) { return (int64_t)(tsc / 2); } // 2 GHz
static int pic_acknowledge(void *o) { return i8259_acknowledge(&((struct board *)o)->pic); }
static void eoi(void *o, uint8_t vector) { ioapic_eoi(&((struct board *)o)->ioapic, vector); }
static bool message(void *o, uint64_t address, uint32_t data) { return lapic_message(&((struct board *)o)->lapics, address, data); }

static struct board board;
static uint32_t reg(unsigned offset) { return mem_read32(&board.bench, LAPIC_BASE + offset); }
static void set_reg(unsigned offset, uint32_t value) { mem_write32(&board.bench, LAPIC_BASE + offset, value); }
static struct lapic *cpu(unsigned i) { return lapic_of(&board.lapics, i); }
static void set_pin(int pin, uint64_t entry)
{
    mem_write32(&board.bench, IOAPIC_BASE, 0x11 + 2 * (uint32_t)pin);
    mem_write32(&board.bench, IOAPIC_BASE + 0x10, (uint32_t)(entry >> 32));
    mem_write32(&board.bench, IOAPIC_BASE, 0x10 + 2 * (uint32_t)pin);
    mem_write32(&board.bench, IOAPIC_BASE + 0x10, (uint32_t)entry);
}
static uint32_t pin_low(int pin)
{
    mem_write32(&board.bench, IOAPIC_BASE, 0x10 + 2 * (uint32_t)pin);
    return mem_read32(&board.bench, IOAPIC_BASE + 0x10);
}

static void test_registers(void)
{
    check_eq(reg(0x20), 0, "ID of CPU 0");
    check_eq(reg(0x30), 0x50014, "version");
    check_eq(reg(0xf0), 0xff, "software disabled after reset");
    check_eq(reg(0x350), 0x700, "LINT0 is ExtINT on CPU 0");
    board.current = 1;
    check_eq(reg(0x20), 1u << 24, "ID of CPU 1: the register is the accessing CPU's");
    check_eq(reg(0x350), 0x10000, "LINT0 of CPU 1 is masked");
    board.current = 0;
    set_reg(0x320, 0x31);
    check_eq(reg(0x320), 0x10031, "LVT stays masked while software disabled");
    mem_write32(&board.bench, IOAPIC_BASE, 1);
    check_eq(mem_read32(&board.bench, IOAPIC_BASE + 0x10), 0x170020, "I/O APIC: version, 24 pins");
    check_eq(pin_low(0), 0x10000, "pins are masked after reset");
}

static void test_extint(void)
{
    outb(&board.bench, 0x20, 0x11); outb(&board.bench, 0x21, 0x30); outb(&board.bench, 0x21, 4); outb(&board.bench, 0x21, 1);
    outb(&board.bench, 0x21, 0);
    i8259_set_irq(&board.pic, 0, 1);
    check(board.intr[0] && !board.intr[1], "8259: virtual wire to CPU 0");
    check_eq((uint64_t)lapic_acknowledge(cpu(0)), 0x30, "its vector by INTA");
    check_eq(board.intr[0], 0, "the wire falls");
    outb(&board.bench, 0x20, 0x20);
    outb(&board.bench, 0x21, 0xff);
}

static void test_edges(void)
{
    for (board.current = 0; board.current < 2; board.current++)
        set_reg(0xf0, 0x1ff);
    board.current = 0;
    set_pin(2, 0x31);
    ioapic_set_irq(&board.ioapic, 2, 1);
    check(board.intr[0], "edge pin interrupts CPU 0");
    check_eq(reg(0x210), 1u << 17, "IRR bit 31h");
    check_eq((uint64_t)lapic_acknowledge(cpu(0)), 0x31, "acknowledged");
    check_eq(reg(0x110), 1u << 17, "ISR bit");
    check_eq(reg(0xa0), 0x30, "PPR is the class in service");
    ioapic_set_irq(&board.ioapic, 2, 0);
    ioapic_set_irq(&board.ioapic, 2, 1);
    check(!board.intr[0], "the same class waits");
    set_reg(0xb0, 0);
    check(board.intr[0], "EOI lets it through");
    lapic_write_cr8(cpu(0), 3);
    check(!board.intr[0], "CR8 holds class 3 back");
    check_eq(reg(0x80), 0x30, "CR8 is TPR 7:4");
    lapic_write_cr8(cpu(0), 0);
    check_eq((uint64_t)lapic_acknowledge(cpu(0)), 0x31, "and lets it go");
    set_reg(0xb0, 0);
    ioapic_set_irq(&board.ioapic, 2, 0);
    set_pin(2, 0x10031);
    ioapic_set_irq(&board.ioapic, 2, 1);
    set_pin(2, 0x31);
    check(!board.intr[0], "an edge at a masked pin is lost");
    ioapic_set_irq(&board.ioapic, 2, 0);
}

static void test_levels(void)
{
    set_pin(9, 0x8000 | 0x49 | 1ull << 56); // level, physical, CPU 1
    ioapic_set_irq(&board.ioapic, 9, 1);
    check(board.intr[1] && !board.intr[0], "level pin to CPU 1");
    check(pin_low(9) & 0x4000, "remote IRR is set");
    check_eq((uint64_t)lapic_acknowledge(cpu(1)), 0x49, "vector 49h");
    board.current = 1;
    set_reg(0xb0, 0);
    check(board.intr[1], "still up: delivered again after EOI");
    lapic_acknowledge(cpu(1));
    ioapic_set_irq(&board.ioapic, 9, 0);
    set_reg(0xb0, 0);
    check(!board.intr[1] && !(pin_low(9) & 0x4000), "down: EOI clears remote IRR");
    board.current = 0;
    set_reg(0xd0, 1u << 24);
    set_pin(10, 0x8000 | 0x900 | 0x51 | 1ull << 56); // lowest priority, logical flat, set 1
    ioapic_set_irq(&board.ioapic, 10, 1);
    check_eq((uint64_t)lapic_acknowledge(cpu(0)), 0x51, "lowest priority, logical destination");
    ioapic_set_irq(&board.ioapic, 10, 0);
    set_reg(0xb0, 0);
}

static void test_ipis(void)
{
    set_reg(0x310, 1u << 24);
    set_reg(0x300, 0x4500);
    check_eq((uint64_t)board.inits[1], 1, "INIT IPI");
    set_reg(0x300, 0x8500);
    check_eq((uint64_t)board.inits[1], 1, "INIT de-assert does nothing");
    set_reg(0x300, 0x4610);
    check(board.sipis[1] == 1 && board.sipi_vector == 0x10, "SIPI with its vector");
    board.current = 1;
    check_eq(reg(0xf0), 0xff, "INIT reset the target's APIC");
    set_reg(0xf0, 0x1ff);
    board.current = 0;
    set_reg(0x300, 0x4400);
    check_eq((uint64_t)board.nmis[1], 1, "NMI IPI");
    set_reg(0x300, 0x40000 | 0x61);
    check_eq((uint64_t)lapic_acknowledge(cpu(0)), 0x61, "self shorthand");
    set_reg(0xb0, 0);
    set_reg(0x300, 0xc0000 | 0x62);
    check(board.intr[1] && !board.intr[0], "all but self");
    lapic_acknowledge(cpu(1));
    board.current = 1;
    set_reg(0xb0, 0);
    board.current = 0;
    set_reg(0x280, 0);
    set_reg(0x300, 0x40005);
    set_reg(0x280, 0);
    check_eq(reg(0x280), 0x20, "illegal vector shows in ESR");
    check(lapic_message(&board.lapics, LAPIC_BASE | 0 << 12, 0x4071), "MSI to CPU 0");
    check_eq((uint64_t)lapic_acknowledge(cpu(0)), 0x71, "its vector");
    set_reg(0xb0, 0);
    check(!lapic_message(&board.lapics, LAPIC_BASE | 9 << 12, 0x4071), "nobody has ID 9");
}

static void test_timer(void)
{
    set_reg(0x3e0, 3); // divide by 16
    set_reg(0x320, 0xec);
    set_reg(0x380, 1000);
    bench_advance(&board.bench, 8000);
    check_eq(reg(0x390), 500, "counts at 1 GHz / 16");
    check(!board.intr[0], "not yet");
    bench_advance(&board.bench, 8000);
    check(board.intr[0] && reg(0x390) == 0, "one-shot fires at its count");
    check_eq((uint64_t)lapic_acknowledge(cpu(0)), 0xec, "vector");
    set_reg(0xb0, 0);
    bench_advance(&board.bench, 100000);
    check(!board.intr[0], "once");
    set_reg(0x320, 0x200ec);
    set_reg(0x380, 1000);
    int ticks = 0;
    for (int i = 0; i < 100; i++) {
        bench_advance(&board.bench, 1600);
        if (board.intr[0]) {
            lapic_acknowledge(cpu(0));
            set_reg(0xb0, 0);
            ticks++;
        }
    }
    check_eq((uint64_t)ticks, 10, "periodic: ten in 160 us");
    set_reg(0x320, 0x500ec);
    check_eq(reg(0x320), 0x500ec, "TSC deadline mode, masked");
    set_reg(0x320, 0x400ec);
    lapic_write_msr(cpu(0), 0x6e0, (uint64_t)(board.bench.now + 5000) * 2);
    bench_advance(&board.bench, 4999);
    check(!board.intr[0], "TSC deadline: not before");
    bench_advance(&board.bench, 1);
    uint64_t left = 1;
    lapic_read_msr(cpu(0), 0x6e0, &left);
    check(board.intr[0] && left == 0, "fires and clears the MSR");
    lapic_acknowledge(cpu(0));
    set_reg(0xb0, 0);
}

static void test_x2apic(void)
{
    struct lapic *one = cpu(1);
    uint64_t value = 0;
    check(!lapic_read_msr(one, 0x802, &value), "x2APIC MSRs are not there in xAPIC mode");
    check_eq((uint64_t)lapic_write_msr(one, 0x1b, LAPIC_BASE | 0xc00), 1, "to x2APIC mode");
    check_eq((uint64_t)(int64_t)lapic_write_msr(one, 0x1b, LAPIC_BASE | 0x800), (uint64_t)-1, "and not back to xAPIC");
    check(lapic_read_msr(one, 0x802, &value) && value == 1, "ID");
    check(lapic_read_msr(one, 0x80d, &value) && value == 2, "logical ID is derived");
    check_eq((uint64_t)lapic_write_msr(one, 0x80f, 0x1ff), 1, "SVR");
    check_eq((uint64_t)lapic_write_msr(one, 0x83f, 0x81), 1, "self IPI");
    check_eq((uint64_t)lapic_acknowledge(one), 0x81, "taken");
    check_eq((uint64_t)(int64_t)lapic_write_msr(one, 0x80b, 1), (uint64_t)-1, "EOI takes only 0");
    check_eq((uint64_t)lapic_write_msr(one, 0x80b, 0), 1, "EOI");
    check_eq((uint64_t)lapic_write_msr(one, 0x830, 0ull << 32 | 0x91), 1, "ICR in one write");
    check_eq((uint64_t)lapic_acknowledge(cpu(0)), 0x91, "arrives at CPU 0");
    set_reg(0xb0, 0);
    check_eq((uint64_t)lapic_write_msr(one, 0x830, 0xffffffffull << 32 | 0x92), 1, "broadcast");
    check(board.intr[0] && board.intr[1], "arrives everywhere");
    lapic_set_reset(&board.lapics);
    check(!board.intr[0] && !board.intr[1], "reset");
}

int main(void)
{
    const struct lapic_wires wires = { &board, set_intr, nmi, init, sipi, current_cpu, tsc_time, pic_acknowledge, eoi };
    bench_init(&board.bench);
    lapic_set_init(&board.lapics, 2, NULL, 1000000000, &board.bench.machine.clock, board.bench.memory, &wires);
    ioapic_init(&board.ioapic, board.bench.memory, IOAPIC_BASE, 2, message, &board);
    i8259_init(&board.pic, board.bench.ports, (struct irq){ .set = lapic_set_extint, .opaque = &board.lapics });
    test_registers();
    test_extint();
    test_edges();
    test_levels();
    test_ipis();
    test_timer();
    test_x2apic();
    lapic_set_release(&board.lapics);
    bench_release(&board.bench);
    return test_end();
}
