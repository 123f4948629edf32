// SPDX-License-Identifier: MIT
//
// PCI configuration ports, BARs, interrupt routing; i440FX windows; PIIX3 routing and reset control.
#include "hw/pci/i440fx.h"
#include "hw/pci/pci.h"
#include "hw/pci/piix3.h"
#include "hwtest.h"

static struct bench b;
static struct pci_bus bus;
static struct wire isa[16], reset_wire;

static uint32_t config(unsigned devfn, unsigned reg)
{
    outl(&b, 0xcf8, 0x80000000u | devfn << 8 | reg);
    return inl(&b, 0xcfc);
}
static void set_config(unsigned devfn, unsigned reg, uint32_t value)
{
    outl(&b, 0xcf8, 0x80000000u | devfn << 8 | reg);
    outl(&b, 0xcfc, value);
}
static void set_config8(unsigned devfn, unsigned reg, uint8_t value)
{
    outl(&b, 0xcf8, 0x80000000u | devfn << 8 | (reg & 0xfc));
    outb(&b, (uint16_t)(0xcfc + (reg & 3)), value);
}

static uint64_t dev_read(void *opaque, uint64_t offset, unsigned size) { return 0xab00 + offset; }
static void dev_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) { }
static const struct region_ops dev_ops = { dev_read, dev_write, 1, 4, false };

static void test_ports(void)
{
    outb(&b, 0xcf8, 0x12);
    outl(&b, 0xcf8, 0x80000000u);
    check_eq(inl(&b, 0xcf8), 0x80000000u, "CONFIG_ADDRESS (Linux' check)");
    check_eq(inl(&b, 0xcfc), 0x12378086, "host bridge");
    check_eq(inw(&b, 0xcfe), 0x1237, "by word");
    check_eq(inb(&b, 0xcff), 0x12, "by byte");
    check_eq(config(1 << 3, 0), 0x70008086, "south bridge");
    check_eq(config(1 << 3, 0xc) >> 16 & 0xff, 0x80, "has several functions");
    check_eq(config(0, 8), 0x06000002, "class of a host bridge");
    check_eq(config(5 << 3, 0), 0xffffffff, "nothing at 5.0");
    outl(&b, 0xcf8, 0x80010000u);
    check_eq(inl(&b, 0xcfc), 0xffffffff, "no bus 1");
    outl(&b, 0xcf8, 0);
    check_eq(inl(&b, 0xcfc), 0xffffffff, "disabled");
    set_config(0, 0, 0);
    check_eq(config(0, 0), 0x12378086, "IDs are read-only");
}

static void test_bars(struct pci_device *dev, struct region *mem, struct region *io)
{
    check(pci_device_add(&bus, dev, "test", -1, 0x1234, 0x5678, 0x020000, 1), "add to a free place");
    unsigned f = dev->devfn;
    check_eq(f, 2 << 3, "which is device 2");
    pci_device_set_bar(dev, 0, mem, false, false, false);
    pci_device_set_bar(dev, 1, io, true, false, false);
    set_config(f, 0x10, 0xffffffff);
    check_eq(config(f, 0x10), 0xffff0000, "memory BAR of 64 KiB");
    set_config(f, 0x14, 0xffffffff);
    check_eq(config(f, 0x14), 0xffffffe1, "I/O BAR of 32 ports");
    set_config(f, 0x10, 0xe0000000);
    set_config(f, 0x14, 0xc000);
    check_eq(mem_read32(&b, 0xe0000004), 0xffffffff, "off until the command register says so");
    set_config(f, 4, 3);
    check_eq(mem_read32(&b, 0xe0000004), 0xab04, "memory");
    check_eq(inl(&b, 0xc008), 0xab08, "ports");
    set_config(f, 0x10, 0xffffffff);
    check(!dev->bars[0].mapped, "sizing maps nowhere");
    set_config(f, 0x10, 0xe1000000);
    check_eq(mem_read32(&b, 0xe1000000), 0xab00, "moved");
    check_eq(mem_read32(&b, 0xe0000000), 0xffffffff, "gone from the old place");
    set_config(f, 0x14, 0xfffffff0);
    check(!dev->bars[1].mapped, "ports beyond 64 K: nowhere");
}

static void test_interrupts(struct pci_device *dev)
{
    pci_device_set_pin(dev, 1);
    set_config8(1 << 3, 0x61, 11); // device 2 INTA is PIRQB
    pci_set_irq(dev, 1);
    check_eq((uint64_t)isa[11].level, 1, "INTA to IRQ 11");
    check_eq(config(dev->devfn, 4) >> 19 & 1, 1, "status bit");
    set_config8(1 << 3, 0x61, 10);
    check(!isa[11].level && isa[10].level, "rerouted while up");
    set_config(dev->devfn, 4, 0x400 | 3);
    check_eq((uint64_t)isa[10].level, 0, "interrupt disable");
    set_config(dev->devfn, 4, 3);
    check_eq((uint64_t)isa[10].level, 1, "enabled again");
    set_config8(1 << 3, 0x61, 0x80);
    check_eq((uint64_t)isa[10].level, 0, "not routed");
    pci_set_irq(dev, 0);
    pci_device_remove(dev);
    check_eq(config(2 << 3, 0), 0xffffffff, "removed");
    check_eq(mem_read32(&b, 0xe1000000), 0xffffffff, "with its BARs");
}

static void test_windows(struct i440fx *bridge)
{
    mem_write32(&b, 0xf0000, 0x11111111);
    check_eq(mem_read32(&b, 0xf0000), 0xffffffff, "PAM shut: the hole");
    set_config8(0, 0x59, 0x30);
    mem_write32(&b, 0xf0000, 0x22222222);
    check_eq(mem_read32(&b, 0xf0000), 0x22222222, "PAM0 open: RAM");
    set_config8(0, 0x59, 0x10);
    mem_write32(&b, 0xf0000, 0x33333333);
    check_eq(mem_read32(&b, 0xf0000), 0x22222222, "read-only");
    set_config8(0, 0x5a, 0x03);
    mem_write32(&b, 0xc0000, 0x44444444);
    check_eq(mem_read32(&b, 0xc0000), 0x44444444, "PAM1 low: c0000");
    mem_write32(&b, 0xc4000, 0x44444444);
    check_eq(mem_read32(&b, 0xc4000), 0xffffffff, "but not c4000");
    set_config8(0, 0x5f, 0x30);
    mem_write32(&b, 0xec000, 0x55555555);
    check_eq(mem_read32(&b, 0xec000), 0x55555555, "PAM6 high: ec000");
    set_config8(0, 0x72, 0x42);
    mem_write32(&b, 0xa0000, 0x66666666);
    check_eq(mem_read32(&b, 0xa0000), 0x66666666, "SMRAM open");
    set_config8(0, 0x72, 0x12);
    check_eq(mem_read32(&b, 0xa0000), 0xffffffff, "locked: shut");
    set_config8(0, 0x72, 0x42);
    check_eq(mem_read32(&b, 0xa0000), 0xffffffff, "for good");
    i440fx_open_all(bridge);
    mem_write32(&b, 0xdfffc, 0x77777777);
    check_eq(mem_read32(&b, 0xdfffc), 0x77777777, "all open");
    pci_bus_reset(&bus);
    check_eq(mem_read32(&b, 0xf0000), 0xffffffff, "reset shuts them");
}

static void test_reset(void)
{
    outb(&b, 0xcf9, 2);
    check_eq((uint64_t)reset_wire.rises, 0, "cf9: type only");
    outb(&b, 0xcf9, 6);
    check_eq((uint64_t)reset_wire.rises, 1, "cf9: reset");
    outl(&b, 0xcf8, 0x80000000u);
    check_eq((uint64_t)reset_wire.rises, 1, "a dword at cf8 is not cf9");
}

int main(void)
{
    struct i440fx bridge;
    struct piix3 piix;
    struct pci_device dev = { 0 };
    struct region mem, io;
    struct irq wires[16];
    bench_init(&b);
    bench_add_ram(&b, 0x200000);
    for (int i = 0; i < 16; i++)
        wires[i] = wire_irq(&isa[i]);
    pci_bus_init(&bus, b.memory, b.ports);
    i440fx_init(&bridge, &bus, &b.machine.memory, &b.ram);
    piix3_init(&piix, &bus, wires, wire_irq(&reset_wire));
    region_init_io(&mem, "mem", &dev_ops, NULL, 0x10000);
    region_init_io(&io, "io", &dev_ops, NULL, 0x20);
    test_ports();
    test_bars(&dev, &mem, &io);
    test_interrupts(&dev);
    test_windows(&bridge);
    test_reset();
    bench_release(&b);
    return test_end();
}
