// SPDX-License-Identifier: MIT
//
// All chips on one bench, hammered with random port, memory and configuration accesses and random steps of time: nothing may
// crash, hang or trip a sanitizer. The seed is fixed; an argument gives another.
#include <stdlib.h>
#include <string.h>
#include "hw/acpi/mem_hotplug.h"
#include "hw/char/serial16550.h"
#include "hw/input/i8042.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/i440fx.h"
#include "hw/pci/piix3.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818.h"
#include "hwtest.h"

struct board {
    struct bench bench;
    struct lapic_set lapics;
    struct ioapic ioapic;
    struct i8259_pair pic;
    struct i8254 pit;
    struct mc146818 rtc;
    struct hpet hpet;
    struct serial16550 uart;
    struct i8042 kbc;
    struct fw_cfg fw;
    struct pci_bus bus;
    struct i440fx bridge;
    struct piix3 piix;
    struct pm pm;
    struct mem_hotplug mh;
    struct irq isa[24];
    unsigned cpu;
    uint64_t random;
};
static struct board b;

static void set_intr(void *o, unsigned cpu, bool level) { }
static void pulse(void *o, unsigned cpu) { }
static void sipi(void *o, unsigned cpu, uint8_t vector) { }
static unsigned current_cpu(void *o) { return b.cpu; }
static int64_t tsc_time(void *o, unsigned cpu, uint64_t tsc) { return (int64_t)(tsc >> 2); }
static int pic_acknowledge(void *o) { return i8259_acknowledge(&b.pic); }
static void eoi(void *o, uint8_t vector) { ioapic_eoi(&b.ioapic, vector); }
static bool message(void *o, uint64_t address, uint32_t data) { return lapic_message(&b.lapics, address, data); }
static void isa_irq(void *o, int pin, int level)
{
    if (pin < 16)
        i8259_set_irq(&b.pic, pin, level);
    ioapic_set_irq(&b.ioapic, pin == 0 ? 2 : pin, level);
}
static void a20(void *o, int pin, int level) { address_space_set_a20(&b.bench.machine.memory, level); }

static uint64_t next(void)
{
    b.random ^= b.random << 13;
    b.random ^= b.random >> 7;
    b.random ^= b.random << 17;
    return b.random;
}

static void build(void)
{
    const struct lapic_wires wires = { NULL, set_intr, pulse, pulse, sipi, current_cpu, tsc_time, pic_acknowledge, eoi };
    struct clock *clock = &b.bench.machine.clock;
    bench_init(&b.bench);
    bench_add_ram(&b.bench, 0x200000);
    struct region *ports = b.bench.ports, *memory = b.bench.memory;
    for (int i = 0; i < 24; i++)
        b.isa[i] = (struct irq){ isa_irq, NULL, i };
    lapic_set_init(&b.lapics, 2, NULL, 1000000000, clock, memory, &wires);
    ioapic_init(&b.ioapic, memory, IOAPIC_BASE, 0, message, NULL);
    i8259_init(&b.pic, ports, (struct irq){ lapic_set_extint, &b.lapics, 0 });
    pci_bus_init(&b.bus, memory, ports);
    i440fx_init(&b.bridge, &b.bus, &b.bench.machine.memory, &b.bench.ram);
    piix3_init(&b.piix, &b.bus, b.isa, (struct irq){ 0 });
    pm_init(&b.pm, &b.bench.machine, &b.bus, b.isa[9], false);
    mem_hotplug_init(&b.mh, &b.bench.machine, &b.pm, 4);
    i8254_init(&b.pit, ports, clock, b.isa[0]);
    mc146818_init(&b.rtc, ports, clock, b.isa[8]);
    hpet_init(&b.hpet, memory, HPET_BASE, clock, b.isa, message, NULL, NULL, NULL);
    serial16550_init(&b.uart, ports, 0x3f8, b.isa[4], clock, NULL, NULL);
    i8042_init(&b.kbc, ports, b.isa[1], b.isa[12], (struct irq){ a20, NULL, 0 }, (struct irq){ 0 });
    fw_cfg_init(&b.fw, ports, &b.bench.machine.memory);
}

static void random_port(void)
{
    static const uint16_t bases[] = { 0x20, 0xa0, 0x40, 0x60, 0x70, 0x92, 0xb2, 0x3f8, 0x4d0, 0x510, 0x514, 0x600, 0xa00, 0xcf8, 0xafe0 };
    uint64_t r = next();
    uint16_t port = (uint16_t)(bases[r % 15] + (r >> 8) % 8 + ((r >> 16) % 4 ? 0 : (r >> 20) % 32));
    unsigned size = 1u << (r >> 32) % 3;
    if (r >> 40 & 1)
        port_read(&b.bench.machine.ports, port, size);
    else
        port_write(&b.bench.machine.ports, port, next() >> (r >> 48) % 64, size);
}

static void random_memory(void)
{
    static const uint64_t bases[] = { LAPIC_BASE, LAPIC_BASE + 0x300, IOAPIC_BASE, HPET_BASE, HPET_BASE + 0x100, 0xa0000, 0x1000 };
    uint64_t r = next(), addr = bases[r % 7] + ((r >> 8) % 64) * 4 * ((r >> 16) % 5);
    unsigned size = 1u << (r >> 32) % 4;
    b.cpu = r >> 60 & 1;
    if (r >> 40 & 1)
        physical_load(&b.bench.machine.memory, addr, size);
    else
        physical_store(&b.bench.machine.memory, addr, next() >> (r >> 48) % 64, size);
}

static void random_other(void)
{
    uint64_t r = next(), value;
    struct lapic *apic = lapic_of(&b.lapics, r & 1);
    static const uint8_t functions[] = { 0, 8, 11 };
    switch (r >> 8 & 7) {
    case 0: lapic_write_msr(apic, 0x800 + (r >> 16 & 0x3f), next() >> (r >> 32 & 63)); break;
    case 1: lapic_read_msr(apic, 0x800 + (r >> 16 & 0x3f), &value); break;
    case 2: lapic_write_msr(apic, r >> 16 & 1 ? 0x1b : 0x6e0, next() >> 30); break;
    case 3:
        if (lapic_has_interrupt(apic))
            lapic_acknowledge(apic);
        break;
    case 4: pci_config_write(&b.bus, functions[r % 3], r >> 16 & 0xff, (uint32_t)next(), 1u << (r >> 32) % 3); break;
    case 5: ps2_key(&b.kbc.keyboard, (int)(r >> 16 & 0xffff), r >> 40 & 1); break;
    case 6: ps2_mouse_event(&b.kbc.mouse, (int)next(), (int)next(), (int)next(), (unsigned)r); break;
    case 7: isa_irq(NULL, (int)(r >> 16) % 24 & 15, r >> 32 & 1); break;
    }
}

int main(int argc, char **argv)
{
    b.random = argc > 1 ? strtoull(argv[1], NULL, 0) | 1 : 0x9e3779b97f4a7c15ull;
    build();
    for (int i = 0; i < 200000; i++) {
        switch (next() % 8) {
        case 0: case 1: case 2: case 3: random_port(); break;
        case 4: case 5: random_memory(); break;
        case 6: random_other(); break;
        default:
            b.bench.now += (int64_t)(next() % 100000);
            clock_run_timers(&b.bench.machine.clock, b.bench.now);
        }
    }
    check(true, "200,000 random accesses");
    pci_bus_reset(&b.bus);
    lapic_set_reset(&b.lapics);
    check(b.lapics.apics[0].base_msr == (LAPIC_BASE | 0x900), "and a reset");
    mem_hotplug_release(&b.mh);
    fw_cfg_release(&b.fw);
    lapic_set_release(&b.lapics);
    bench_release(&b.bench);
    return test_end();
}
