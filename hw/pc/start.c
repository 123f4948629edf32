// SPDX-License-Identifier: MIT
//
// Reset, and what firmware would have left in memory: tables, the kernel, the map of RAM.
#include "hw/display/vga_pci.h"
#include "hw/pc/internal.h"
#include "util/error.h"

static void put_firmware_data(struct pc *pc)
{
    struct machine *m = &pc->machine;
    uint8_t rsdp[RSDP_SIZE];
    i440fx_open_all(&pc->host_bridge); // as firmware leaves it
    if (m->acpi && acpi_tables_build(pc, rsdp, NULL)) {
        physical_write(&m->memory, pc->acpi_base, pc->acpi_tables, pc->acpi_size);
        physical_write(&m->memory, pc->rsdp, rsdp, sizeof rsdp);
    }
    if (vga_find(m))
        boot_screen_apply(&pc->boot_screen, vga_find(m));
    linux_boot_load(pc->boot, &m->memory);
    linux_boot_start_cpu(pc->boot, pc->cpus[0].cpu);
}

void pc_reset(struct pc *pc)
{
    struct machine *m = &pc->machine;
    address_space_set_a20(&m->memory, true);
    i8259_reset(&pc->pic);
    ioapic_reset(&pc->ioapic);
    lapic_set_reset(&pc->lapics);
    pci_bus_reset(&pc->pci);
    i440fx_reset(&pc->host_bridge);
    piix3_reset(&pc->piix3);
    i8254_reset(&pc->pit);
    mc146818_reset(&pc->rtc);
    if (pc->options.hpet)
        hpet_reset(&pc->hpet);
    i8042_reset(&pc->kbc);
    fw_cfg_reset(&pc->fw_cfg);
    for (unsigned i = 0; i < PC_MAX_SERIAL; i++)
        if (pc->serial_present[i])
            serial16550_reset(&pc->serial[i]);
    if (m->acpi) {
        pm_reset(&pc->pm);
        mem_hotplug_reset(&pc->mem_hotplug);
        dimm_watch_reset(&pc->dimm_watch);
    }
    machine_reset_devices(m);
    for (unsigned i = 0; i < m->cpu_count; i++)
        cpu_reset(pc->cpus[i].cpu);
    if (pc->boot)
        put_firmware_data(pc);
}

static void build_e820(struct pc *pc)
{
    struct boot_e820 *e = pc->e820;
    uint64_t acpi = pc->machine.acpi ? ACPI_AREA : 0;
    *e++ = (struct boot_e820){ 0, 0x9fc00, 1 };
    *e++ = (struct boot_e820){ 0x9fc00, 0x400, 2 };
    *e++ = (struct boot_e820){ 0xf0000, 0x10000, 2 };
    *e++ = (struct boot_e820){ 0x100000, pc->low_ram - 0x100000 - acpi, 1 };
    if (acpi)
        *e++ = (struct boot_e820){ pc->low_ram - acpi, acpi, 3 };
    if (pc->high_ram)
        *e++ = (struct boot_e820){ 4 * GIB, pc->high_ram, 1 };
    pc->e820_count = (unsigned)(e - pc->e820);
    pc->acpi_base = pc->low_ram - acpi;
    pc->rsdp = 0xf5000;
}

// The kernel, and what it finds in memory.
static bool load_kernel(struct pc *pc, struct error **errp)
{
    struct machine *m = &pc->machine;
    struct vga_device *vga = vga_find(m);
    uint8_t rsdp[RSDP_SIZE];
    if (m->ram_size < (16ull << 20))
        return error_set(errp, "-m: a kernel needs at least 16 MiB of RAM, not %llu bytes", (unsigned long long)m->ram_size);
    build_e820(pc);
    if (vga) {
        if (!boot_screen_parse(pc->options.append, &pc->boot_screen, errp) || !boot_screen_fits(&pc->boot_screen, vga, errp))
            return false;
        pc->boot_screen.base = vga_linear_base(vga);
        pc->boot_screen.size = (uint32_t)vga->vga.vram->size;
    }
    struct linux_boot_options o = { .kernel = pc->options.kernel, .initrd = pc->options.initrd, .append = pc->options.append,
                                    .unpack = pc->options.unpack, .kaslr = pc->options.kaslr,
                                    .random = pc->options.kaslr ? machine_random(m) : 0, .low_ram_end = pc->low_ram, .initrd_limit = pc->acpi_base,
                                    .rsdp = m->acpi ? pc->rsdp : 0, .e820 = pc->e820, .e820_count = pc->e820_count,
                                    .screen = vga ? &pc->boot_screen : NULL };
    pc->boot = linux_boot_prepare(&o, errp);
    return pc->boot && (!m->acpi || acpi_tables_build(pc, rsdp, errp));
}

bool pc_start(struct machine *m, struct error **errp)
{
    struct pc *pc = pc_of(m);
    if (!pc->options.kernel && !pc->options.paused) {
        error_set(errp, "nothing to boot: this version needs -kernel (firmware and disks are not there yet)");
        error_hint(errp, "With -S the machine starts paused, for its monitors only.");
        return false;
    }
    if (pc->options.kernel && !load_kernel(pc, errp))
        return false;
    pc_reset(pc);
    pc->started = true;
    m->state = pc->options.paused ? RUN_STATE_PRELAUNCH : RUN_STATE_RUNNING;
    return true;
}
