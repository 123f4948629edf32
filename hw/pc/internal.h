// SPDX-License-Identifier: MIT
//
// The board: every chip and wire of the machine `pc`, in one struct.
#pragma once
#include "hw/acpi/mem_hotplug.h"
#include "hw/acpi/pm.h"
#include "hw/input/i8042.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"
#include "hw/char/serial16550.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pc/boot_ram.h"
#include "hw/pc/dimm_watch.h"
#include "hw/pc/boot_screen.h"
#include "hw/pc/linux_boot.h"
#include "hw/pc/numa.h"
#include "hw/pc/pc.h"
#include "hw/pci/i440fx.h"
#include "hw/pci/piix3.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818.h"
#include "target/i386/cpu.h"

#define GIB (1ull << 30)
#define PC_ISA_IRQS 16
#define MAX_PC_CPUS 32
struct pc;
struct pc_cpu { struct pc *pc; struct x86_cpu *cpu; struct lapic *lapic; };
struct pc {
    struct machine machine;       // first
    struct pc_options options;
    struct engine *engine;
    struct engine_target target;  // x86's, with the disassembler filled in
    struct tlb_machine *tlb;
    struct pc_cpu cpus[MAX_PC_CPUS];
    uint64_t low_ram, high_ram;   // bytes below and above 4 GiB
    struct boot_ram boot_ram;
    struct numa numa;
    struct i8259_pair pic;
    struct ioapic ioapic;
    struct lapic_set lapics;
    struct i8254 pit;
    struct mc146818 rtc;
    struct hpet hpet;             // with options.hpet
    struct i8042 kbc;
    struct fw_cfg fw_cfg;
    struct pci_bus pci;
    struct i440fx host_bridge;
    struct piix3 piix3;
    struct pm pm;
    struct mem_hotplug mem_hotplug;
    struct dimm_watch dimm_watch;
    struct memory_device_state memory_devices;
    struct serial16550 serial[PC_MAX_SERIAL];
    bool serial_present[PC_MAX_SERIAL];
    struct irq isa[PC_ISA_IRQS];
    struct linux_boot *boot;
    uint8_t *acpi_tables;         // what goes to acpi_base
    size_t acpi_size;
    uint64_t acpi_base, rsdp;
    struct boot_e820 e820[8];
    unsigned e820_count;
    struct boot_screen boot_screen; // what a kernel without firmware finds
    bool started;
};
static inline struct pc *pc_of(struct machine *machine) { return (struct pc *)machine; }

extern const struct hotplug_ops pc_hotplug_ops; // hotplug.c
// acpi_tables.c: all tables, linked for loading at pc->acpi_base; the RSDP is a block of its own for the BIOS area.
#define RSDP_SIZE 36
bool acpi_tables_build(struct pc *pc, uint8_t rsdp[RSDP_SIZE], struct error **errp);
#define ACPI_AREA 0x40000u // bytes at the end of low RAM
// wires.c: the interrupt controllers with all their wires; needs cpus, memory and ports.
void pc_build_interrupts(struct pc *pc);
extern const struct cpu_host_ops pc_cpu_host_ops; // opaque: struct pc_cpu
void pc_build_timers(struct pc *pc); // needs them
void pc_a20_gate(void *pc, int pin, int level);
void pc_reset_line(void *machine, int pin, int level);
void pc_reset(struct pc *pc); // start.c: all chips and CPUs; after pc_start the kernel is loaded anew
