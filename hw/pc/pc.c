// SPDX-License-Identifier: MIT
//
// The machine `pc`: pc_new reads top to bottom as the board. What its wires do: wires.c; how it comes to life: start.c, run.c.
//
// Guest physical memory: RAM to low_ram (at most 3.5 GiB), I/O APIC fec00000, local APICs fee00000, RAM above 4 GiB,
// then the hotplug window on a 1 GiB boundary. Machine thread only.
#include "hw/pc/pc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hw/char/debugcon.h"
#include "hw/display/vga_pci.h"
#include "hw/input/i8042_input.h"
#include "hw/misc/debug_exit.h"
#include "hw/misc/pvpanic.h"
#include "hw/pc/internal.h"
#include "target/i386/disas.h"
#include "target/i386/engine_target.h"
#include "ui/screen.h"
#include "util/error.h"

#define LOW_RAM_LIMIT (3 * GIB + GIB / 2) // smaller RAM is all below 4 GiB; from here on 3 GiB are
#define TLB_CONTEXTS 48
_Static_assert(MAX_PC_CPUS <= NUMA_CPUS_MAX, "each CPU has a node");

static const struct device_type *const user_types[] = {
#define DEVICE(type) &type,
#include "hw/devices.def"
#undef DEVICE
};
const struct device_registry pc_device_types = { .types = user_types, .count = sizeof user_types / sizeof *user_types };

// One vCPU thread, which is also the machine thread: nobody else can be inside generated code.
// The guest does not go on behind the write that ends it.
static void request_made(struct machine *m)
{
    if (pc_of(m)->engine)
        engine_kick(pc_of(m)->engine);
}

static void safe_point(struct machine *machine)
{
}

// phys_bits 64: the CPU is not known yet.
static bool check_sizes(struct pc *pc, unsigned phys_bits, struct error **errp)
{
    struct machine *m = &pc->machine;
    uint64_t max = m->max_ram_size;
    if (m->ram_size % PAGE_SIZE)
        return error_set(errp, "RAM size 0x%llx is not a multiple of %u bytes", (unsigned long long)m->ram_size, PAGE_SIZE);
    if (memory_device_check_options(m->ram_size, &max, m->ram_slots, m->ram_slots, pc->high_ram, phys_bits, errp))
        return true;
    error_prefix(errp, "-m: ");
    return false;
}

// Sizes, NUMA nodes, and the bytes of boot RAM.
static bool build_memory(struct pc *pc, struct error **errp)
{
    struct machine *m = &pc->machine;
    const struct pc_options *o = &pc->options;
    numa_init(&pc->numa, m->cpu_count, o->cpu_sockets);
    for (unsigned i = 0; i < o->numa_count; i++) {
        if (!numa_option(&pc->numa, o->numa[i], m->backends, errp)) {
            error_prefix(errp, "-numa %s: ", o->numa[i]);
            return false;
        }
    }
    boot_ram_choose_size(pc);
    if (!check_sizes(pc, 64, errp) || !numa_complete(&pc->numa, m->ram_size, m->max_ram_size > m->ram_size, errp) || !boot_ram_take(pc, errp))
        return false;
    boot_ram_map(pc);
    return true;
}

static bool build_engine(struct pc *pc, struct error **errp)
{
    struct machine *m = &pc->machine;
    const struct cpu_model *model = cpu_model_find(pc->options.cpu_model ? pc->options.cpu_model : "max", errp);
    if (!model)
        return false;
    pc->target = x86_engine_target;
    pc->target.disassemble = disas_block;
    pc->tlb = tlb_machine_new(&m->memory, TLB_CONTEXTS);
    pc->engine = engine_new(&pc->options.engine, &pc->target, &m->memory, pc->tlb, &m->clock, errp);
    if (!pc->engine)
        return false;
    m->clock.wall_base_ns = pc->options.rtc_base_ns;
    for (unsigned i = 0; i < m->cpu_count; i++) {
        struct pc_cpu *cpu = &pc->cpus[i];
        cpu->pc = pc;
        cpu->cpu = cpu_new(i, model, pc->tlb, &m->memory, &m->ports);
        cpu->cpu->host = &pc_cpu_host_ops;
        cpu->cpu->host_opaque = cpu;
        cpu->cpu->cpu_count = m->cpu_count;
        engine_add_cpu(pc->engine, &cpu->cpu->head);
    }
    return true;
}

static bool build_chips(struct pc *pc, struct error **errp)
{
    struct machine *m = &pc->machine;
    struct region *ports = &m->ports.root;
    struct irq reset = { .set = pc_reset_line, .opaque = m }, a20 = { .set = pc_a20_gate, .opaque = pc };
    static const uint16_t serial_base[PC_MAX_SERIAL] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    static const uint8_t serial_irq[PC_MAX_SERIAL] = { 4, 3, 4, 3 };

    pci_bus_init(&pc->pci, &m->memory.root, ports);
    i440fx_init(&pc->host_bridge, &pc->pci, &m->memory, &pc->boot_ram.all);
    piix3_init(&pc->piix3, &pc->pci, pc->isa, reset);
    pc_build_timers(pc);
    i8042_init(&pc->kbc, ports, pc->isa[1], pc->isa[12], a20, reset);
    if (m->input)
        i8042_attach_input(&pc->kbc, m->input);
    fw_cfg_init(&pc->fw_cfg, ports, &m->memory);
    for (unsigned i = 0; i < PC_MAX_SERIAL; i++) {
        if (!pc->options.serial[i])
            continue;
        if (!serial16550_init(&pc->serial[i], ports, serial_base[i], pc->isa[serial_irq[i]], &m->clock, pc->options.serial[i], errp))
            return false;
        pc->serial_present[i] = true;
    }
    if (m->acpi) {
        pm_init(&pc->pm, m, &pc->pci, pc->isa[PM_SCI_IRQ], false);
        mem_hotplug_init(&pc->mem_hotplug, m, &pc->pm, m->ram_slots);
        dimm_watch_init(&pc->dimm_watch, m);
    }
    uint64_t base = memory_device_window_base(pc->high_ram);
    if (m->max_ram_size > m->ram_size) {
        uint64_t size = memory_device_window_size(m->ram_size, m->max_ram_size, m->ram_slots);
        memory_device_init(&pc->memory_devices, &m->memory.root, base, size, m->ram_slots);
        m->memory_devices = &pc->memory_devices;
        uint64_t end = (base + size + GIB - 1) & ~(GIB - 1);
        fw_cfg_add_file(&pc->fw_cfg, "etc/reserved-memory-end", &end, sizeof end, NULL);
    }
    fw_cfg_add_u64(&pc->fw_cfg, FW_CFG_RAM_SIZE, m->ram_size);
    fw_cfg_add_u16(&pc->fw_cfg, FW_CFG_NB_CPUS, (uint16_t)m->cpu_count);
    fw_cfg_add_u16(&pc->fw_cfg, FW_CFG_MAX_CPUS, (uint16_t)m->cpu_count);
    return true;
}

struct machine *pc_new(const struct pc_options *options, struct loop *loop, struct chardev_list *chardevs, struct error **errp)
{
    if (options->cpu_count > MAX_PC_CPUS) {
        backend_list_free(options->backends);
        error_set(errp, "-smp %u: this machine has at most %u CPUs", options->cpu_count, MAX_PC_CPUS);
        return NULL;
    }
    struct pc *pc = calloc(1, sizeof *pc);
    struct machine *m = &pc->machine;
    pc->options = *options;
    m->type_name = "pc";
    m->loop = loop;
    m->ram_size = options->ram_size;
    m->max_ram_size = options->max_ram_size;
    m->ram_slots = options->ram_slots;
    m->cpu_count = options->cpu_count ? options->cpu_count : 1;
    m->acpi = options->acpi;
    m->input = options->input;
    m->screen = options->screen;
    m->no_reboot = options->no_reboot;
    m->no_shutdown = options->no_shutdown;
    m->panic = options->panic;
    m->counted_time = options->engine.icount_shift >= 0;
    m->random_state = options->seed;
    m->state = RUN_STATE_PRELAUNCH;
    m->registry = pc_device_types;
    m->hotplug = &pc_hotplug_ops;
    m->backends = options->backends ? options->backends : backend_list_new();
    m->chardevs = chardevs;
    m->request_made = request_made;
    m->safe_point_begin = m->safe_point_end = safe_point;
    m->pc = pc;
    pc->low_ram = m->ram_size < LOW_RAM_LIMIT ? m->ram_size : 3 * GIB;
    pc->high_ram = m->ram_size - pc->low_ram;
    address_space_init(&m->memory, "memory", UINT64_MAX);
    address_space_init(&m->ports, "I/O", 0x10000);
    if (!build_memory(pc, errp) || !build_engine(pc, errp) || !check_sizes(pc, cpu_model_phys_bits(pc->cpus[0].cpu->model), errp)) {
        address_space_release(&m->memory);
        address_space_release(&m->ports);
        boot_ram_release(&pc->boot_ram);
        backend_list_free(m->backends);
        free(pc);
        return NULL;
    }
    pc_build_interrupts(pc);
    m->isa_irqs = pc->isa;
    m->pci_bus = &pc->pci;
    if (!build_chips(pc, errp)) {
        pc_free(m);
        return NULL;
    }
    return m;
}

void pc_free(struct machine *m)
{
    struct pc *pc = pc_of(m);
    while (m->devices) {
        struct pc_dimm *dimm = pc_dimm_of(m->devices);
        if (dimm && dimm->plugged)
            pc_dimm_unplug(m, dimm);
        device_delete(m->devices);
    }
    for (unsigned i = 0; i < PC_MAX_SERIAL; i++)
        if (pc->serial_present[i])
            serial16550_release(&pc->serial[i]);
    if (m->acpi) {
        dimm_watch_release(&pc->dimm_watch);
        mem_hotplug_release(&pc->mem_hotplug);
    }
    if (m->memory_devices)
        memory_device_release(&pc->memory_devices);
    fw_cfg_release(&pc->fw_cfg);
    lapic_set_release(&pc->lapics);
    linux_boot_free(pc->boot);
    free(pc->acpi_tables);
    engine_free(pc->engine);
    cpu_model_free(pc->cpus[0].cpu->model);
    for (unsigned i = 0; i < m->cpu_count; i++)
        cpu_free(pc->cpus[i].cpu);
    tlb_machine_free(pc->tlb);
    address_space_release(&m->memory);
    address_space_release(&m->ports);
    boot_ram_release(&pc->boot_ram);
    backend_list_free(m->backends);
    clock_release(&m->clock);
    free(pc);
}

const struct numa *pc_numa(struct machine *m) { return &pc_of(m)->numa; }
const struct pc_options *pc_options(struct machine *m) { return &pc_of(m)->options; }
struct engine *pc_engine(struct machine *m) { return pc_of(m)->engine; }
struct x86_cpu *pc_cpu(struct machine *m, unsigned index) { return index < m->cpu_count ? pc_of(m)->cpus[index].cpu : NULL; }

bool pc_watch_serial(struct machine *m, void (*fn)(void *, uint8_t), void *opaque)
{
    struct pc *pc = pc_of(m);
    if (!pc->serial_present[0])
        return false;
    pc->serial[0].sent = fn;
    pc->serial[0].sent_opaque = opaque;
    return true;
}

const uint8_t *pc_acpi_tables(struct machine *m, size_t *size)
{
    *size = pc_of(m)->acpi_size;
    return pc_of(m)->acpi_tables;
}
