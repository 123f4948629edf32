// SPDX-License-Identifier: MIT
//
// PIIX4 power management: ACPI enable, SCI, GPE block, PM timer, power button, soft off, PMBASE.
#include "hw/acpi/pm.h"
#include "hwtest.h"

static struct bench b;
static struct pci_bus bus;
static struct pm pm;
static struct wire sci;
static unsigned told, told_gpes;
static bool told_acpi;

static void guest_enabled(void *opaque, uint16_t gpes, bool acpi)
{
    told++;
    told_gpes = gpes;
    told_acpi = acpi;
}

static void test_enable(void)
{
    check_eq(inw(&b, PM_CNT_BLOCK), 0, "SCI_EN is clear");
    outw(&b, PM_CNT_BLOCK, 1);
    check_eq(inw(&b, PM_CNT_BLOCK), 0, "and not the guest's to set there");
    outb(&b, PM_SMI_PORT, PM_ACPI_ENABLE);
    check_eq(inw(&b, PM_CNT_BLOCK), 1, "set by the SMI command");
    check(told == 1 && told_acpi, "listeners are told");
    outb(&b, PM_SMI_PORT, PM_ACPI_DISABLE);
    check_eq(inw(&b, PM_CNT_BLOCK), 0, "cleared by the other");
    outb(&b, PM_SMI_PORT, PM_ACPI_ENABLE);
}

static void test_gpe(void)
{
    pm_gpe_raise(&pm, 3);
    check_eq(inw(&b, PM_GPE0_BLOCK), 8, "status");
    check_eq((uint64_t)sci.level, 0, "not enabled: no SCI");
    check(!pm_gpe_listened(&pm, 3), "nobody listens");
    told = 0;
    outb(&b, PM_GPE0_BLOCK + 2, 8);
    check(told == 1 && told_gpes == 8, "enabling tells which");
    check_eq((uint64_t)sci.level, 1, "SCI");
    check(pm_gpe_listened(&pm, 3), "listened");
    outb(&b, PM_GPE0_BLOCK, 4);
    check_eq(inb(&b, PM_GPE0_BLOCK), 8, "a written 1 clears only its bit");
    outb(&b, PM_GPE0_BLOCK, 8);
    check(inb(&b, PM_GPE0_BLOCK) == 0 && !sci.level, "cleared: SCI falls");
    outb(&b, PM_GPE0_BLOCK + 2, 8);
    check_eq(told, 1, "no news: not told again");
    check_eq(inl(&b, PM_GPE0_BLOCK), 0x00080000, "the block as a dword");
    outl(&b, PM_GPE0_BLOCK, 0x00100000);
    check_eq(inw(&b, PM_GPE0_BLOCK + 2), 0x10, "written as a dword");
}

static void test_timer(void)
{
    uint32_t first = inl(&b, PM_TIMER_BLOCK);
    bench_advance(&b, 1000000);
    check_eq((inl(&b, PM_TIMER_BLOCK) - first) & 0xffffff, 3579, "3.579545 MHz");
    bench_advance(&b, 5 * NS_PER_SECOND);
    check_eq(inl(&b, PM_TIMER_BLOCK) >> 24, 0, "24 bits");
    check_eq(inw(&b, PM_EVT_BLOCK) & 1, 1, "overflow status");
    outw(&b, PM_EVT_BLOCK, 1);
    check_eq(inw(&b, PM_EVT_BLOCK) & 1, 0, "cleared");
    outw(&b, PM_EVT_BLOCK + 2, 1);
    sci.rises = 0;
    bench_advance(&b, 2343750000);
    check_eq((uint64_t)sci.rises, 1, "bit 23 changed: SCI");
    outw(&b, PM_EVT_BLOCK, 1);
    check_eq((uint64_t)sci.level, 0, "acknowledged");
    outw(&b, PM_EVT_BLOCK + 2, 0);
}

static void test_buttons(void)
{
    check(!pm_power_button(&pm), "power button: nobody listens");
    outw(&b, PM_EVT_BLOCK, 0x100);
    outw(&b, PM_EVT_BLOCK + 2, 0x100);
    check(pm_power_button(&pm) && sci.level, "power button: SCI");
    check_eq(inw(&b, PM_EVT_BLOCK) & 0x100, 0x100, "its status");
    outb(&b, PM_EVT_BLOCK + 1, 1);
    check_eq((uint64_t)sci.level, 0, "cleared by byte");
    outw(&b, PM_CNT_BLOCK, PM_SLEEP_TYPE_S3 << 10 | 0x2000);
    check_eq(b.machine.requests, 0, "S3 is not offered");
    outw(&b, PM_CNT_BLOCK, PM_SLEEP_TYPE_S5 << 10 | 0x2000);
    check_eq(b.machine.requests, REQUEST_SHUTDOWN, "S5: shut down");
}

int main(void)
{
    bench_init(&b);
    pci_bus_init(&bus, b.memory, b.ports);
    pm_init(&pm, &b.machine, &bus, wire_irq(&sci), false);
    pm.guest_enabled = guest_enabled;
    test_enable();
    test_gpe();
    test_timer();
    test_buttons();
    check_eq(pci_config_read(&bus, 11, 0, 4), 0x71138086, "PCI function 1.3");
    check_eq(pci_config_read(&bus, 11, 0x40, 4), PM_IO_BASE | 1, "PMBASE (Linux' quirk reads it)");
    pci_config_write(&bus, 11, 0x40, 0xb001, 4);
    check(inw(&b, 0xb004) == 1 && inw(&b, PM_CNT_BLOCK) == 0xffff, "PMBASE moves the block");
    pci_config_write(&bus, 11, 0x80, 0, 1);
    check_eq(inw(&b, 0xb004), 0xffff, "and PMREGMISC hides it");
    pci_bus_reset(&bus);
    check_eq(inw(&b, PM_CNT_BLOCK), 0, "reset: at its place, ACPI off");
    bench_release(&b);
    return test_end();
}
