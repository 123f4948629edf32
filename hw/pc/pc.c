// SPDX-License-Identifier: MIT
//
// The machine `pc`: pc_new reads top to bottom as the board, with every wire named; pc_run is its life.
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

#define GIB (1ull << 30)
#define LOW_RAM_LIMIT (3 * GIB + GIB / 2) // all RAM is below 4 GiB up to here, else 3 GiB are
#define APIC_TIMER_HZ 1000000000ull
#define TLB_CONTEXTS 48
_Static_assert(MAX_PC_CPUS <= NUMA_CPUS_MAX, "each CPU has a node");

static const struct device_type *const user_types[] = {
#define DEVICE(type) &type,
#include "hw/devices.def"
#undef DEVICE
};

// ---- wires

// An ISA interrupt goes to the 8259 pair and to the I/O APIC (IRQ 0 to its pin 2, as the MADT says).
static void isa_irq(void *opaque, int pin, int level)
{
    struct pc *pc = opaque;
    i8259_set_irq(&pc->pic, pin, level);
    ioapic_set_irq(&pc->ioapic, pin == 0 ? 2 : pin, level);
}

static void set_pending(struct pc_cpu *cpu, uint32_t bit, bool on)
{
    if (on)
        atomic_fetch_or(&cpu->cpu->head.pending, bit);
    else
        atomic_fetch_and(&cpu->cpu->head.pending, ~bit);
}

static void apic_intr(void *opaque, unsigned cpu, bool level)
{
    set_pending(&((struct pc *)opaque)->cpus[cpu], PENDING_INTR, level);
}

static void apic_nmi(void *opaque, unsigned cpu)
{
    set_pending(&((struct pc *)opaque)->cpus[cpu], PENDING_NMI, true);
}

static void apic_init(void *opaque, unsigned cpu)
{
    set_pending(&((struct pc *)opaque)->cpus[cpu], PENDING_INIT, true);
}

static void apic_sipi(void *opaque, unsigned cpu, uint8_t vector)
{
    struct pc_cpu *target = &((struct pc *)opaque)->cpus[cpu];
    target->cpu->sipi_vector = vector;
    set_pending(target, PENDING_SIPI, true);
}

static unsigned apic_current(void *opaque)
{
    return engine_current_cpu(((struct pc *)opaque)->engine)->index;
}

static int64_t apic_tsc_time(void *opaque, unsigned cpu, uint64_t tsc)
{
    const struct x86_cpu *c = ((struct pc *)opaque)->cpus[cpu].cpu;
    uint64_t ticks = tsc - c->tsc_adjust;
    if ((int64_t)ticks < 0)
        return 0;
    return (int64_t)muldiv64(ticks, 1000000, c->tsc_khz) + 1;
}

static int apic_pic(void *opaque)
{
    return i8259_acknowledge(&((struct pc *)opaque)->pic);
}

static void apic_eoi(void *opaque, uint8_t vector)
{
    ioapic_eoi(&((struct pc *)opaque)->ioapic, vector);
}

static bool ioapic_message(void *opaque, uint64_t address, uint32_t data)
{
    return lapic_message(&((struct pc *)opaque)->lapics, address, data);
}

static void a20_gate(void *opaque, int pin, int level)
{
    address_space_set_a20(&((struct pc *)opaque)->machine.memory, level);
}

static void reset_line(void *opaque, int pin, int level)
{
    if (level)
        machine_request(opaque, REQUEST_RESET);
}

// ---- what a vCPU asks of the board

static int cpu_acknowledge(void *opaque) { return lapic_acknowledge(((struct pc_cpu *)opaque)->lapic); }
static bool cpu_has_interrupt(void *opaque) { return lapic_has_interrupt(((struct pc_cpu *)opaque)->lapic); }
static uint64_t cpu_read_cr8(void *opaque) { return lapic_read_cr8(((struct pc_cpu *)opaque)->lapic); }
static void cpu_write_cr8(void *opaque, uint64_t v) { lapic_write_cr8(((struct pc_cpu *)opaque)->lapic, v); }
static bool cpu_read_apic_msr(void *opaque, uint32_t msr, uint64_t *v) { return lapic_read_msr(((struct pc_cpu *)opaque)->lapic, msr, v); }
static int cpu_write_apic_msr(void *opaque, uint32_t msr, uint64_t v) { return lapic_write_msr(((struct pc_cpu *)opaque)->lapic, msr, v); }
static int64_t cpu_time(void *opaque) { return clock_now(&((struct pc_cpu *)opaque)->pc->machine.clock); }

static void cpu_triple_fault(void *opaque)
{
    struct pc_cpu *cpu = opaque;
    fprintf(stderr, "ramjet: cpu %u: triple fault at rip 0x%llx: the machine %s\n", cpu->cpu->head.index,
            (unsigned long long)cpu->cpu->head.rip, cpu->pc->machine.no_reboot ? "ends (-no-reboot)" : "resets");
    cpu->pc->machine.shutdown_cause = "triple fault";
    machine_request(&cpu->pc->machine, REQUEST_RESET);
}

static void cpu_ferr(void *opaque)
{
    struct pc *pc = ((struct pc_cpu *)opaque)->pc;
    irq_set(&pc->isa[13], 1);
}

static const struct cpu_host_ops host_ops = {
    .acknowledge = cpu_acknowledge, .has_interrupt = cpu_has_interrupt, .read_cr8 = cpu_read_cr8, .write_cr8 = cpu_write_cr8,
    .read_msr = cpu_read_apic_msr, .write_msr = cpu_write_apic_msr, .triple_fault = cpu_triple_fault, .time_ns = cpu_time,
    .ferr = cpu_ferr,
};

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

// ---- building

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
        cpu->cpu->host = &host_ops;
        cpu->cpu->host_opaque = cpu;
        cpu->cpu->cpu_count = m->cpu_count;
        engine_add_cpu(pc->engine, &cpu->cpu->head);
    }
    return true;
}

static void build_interrupts(struct pc *pc)
{
    struct machine *m = &pc->machine;
    for (int i = 0; i < PC_ISA_IRQS; i++)
        pc->isa[i] = (struct irq){ .set = isa_irq, .opaque = pc, .pin = i };
    struct lapic_wires wires = { .opaque = pc, .set_intr = apic_intr, .nmi = apic_nmi, .init = apic_init, .sipi = apic_sipi,
                                 .current_cpu = apic_current, .tsc_time = apic_tsc_time, .pic_acknowledge = apic_pic, .eoi = apic_eoi };
    lapic_set_init(&pc->lapics, m->cpu_count, NULL, APIC_TIMER_HZ, &m->clock, &m->memory.root, &wires);
    for (unsigned i = 0; i < m->cpu_count; i++)
        pc->cpus[i].lapic = lapic_of(&pc->lapics, i);
    ioapic_init(&pc->ioapic, &m->memory.root, IOAPIC_BASE, 0, ioapic_message, pc);
    i8259_init(&pc->pic, &m->ports.root, (struct irq){ .set = lapic_set_extint, .opaque = &pc->lapics });
}

static bool build_chips(struct pc *pc, struct error **errp)
{
    struct machine *m = &pc->machine;
    struct region *ports = &m->ports.root;
    struct irq reset = { .set = reset_line, .opaque = m }, a20 = { .set = a20_gate, .opaque = pc };
    static const uint16_t serial_base[PC_MAX_SERIAL] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    static const uint8_t serial_irq[PC_MAX_SERIAL] = { 4, 3, 4, 3 };

    pci_bus_init(&pc->pci, &m->memory.root, ports);
    i440fx_init(&pc->host_bridge, &pc->pci, &m->memory, &pc->boot_ram.all);
    piix3_init(&pc->piix3, &pc->pci, pc->isa, reset);
    i8254_init(&pc->pit, ports, &m->clock, pc->isa[0]);
    mc146818_init(&pc->rtc, ports, &m->clock, pc->isa[8]);
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
    m->seed = m->random_state = options->seed;
    m->state = RUN_STATE_PRELAUNCH;
    m->registry = (struct device_registry){ .types = user_types, .count = sizeof user_types / sizeof *user_types };
    m->hotplug = &pc_hotplug_ops;
    m->backends = options->backends ? options->backends : backend_list_new();
    m->chardevs = chardevs;
    m->request_made = request_made;
    m->safe_point_begin = m->safe_point_end = safe_point;
    m->pc = pc;
    pc->low_ram = m->ram_size <= LOW_RAM_LIMIT ? m->ram_size : 3 * GIB;
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
    build_interrupts(pc);
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

// ---- reset and start

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

static void reset_machine(struct pc *pc)
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

bool pc_start(struct machine *m, struct error **errp)
{
    struct pc *pc = pc_of(m);
    if (!pc->options.kernel)
        return error_set(errp, "nothing to boot: this version needs -kernel (firmware and disks are not there yet)");
    if (m->ram_size < (16ull << 20))
        return error_set(errp, "-m: a kernel needs at least 16 MiB of RAM, not %llu bytes", (unsigned long long)m->ram_size);
    build_e820(pc);
    struct vga_device *vga = vga_find(m);
    if (vga) {
        if (!boot_screen_parse(pc->options.append, &pc->boot_screen, errp) || !boot_screen_fits(&pc->boot_screen, vga, errp))
            return false;
        pc->boot_screen.base = vga_linear_base(vga);
        pc->boot_screen.size = (uint32_t)vga->vga.vram->size;
    }
    struct linux_boot_options o = { .kernel = pc->options.kernel, .initrd = pc->options.initrd, .append = pc->options.append,
                                    .unpack = pc->options.unpack, .low_ram_end = pc->low_ram, .initrd_limit = pc->acpi_base,
                                    .rsdp = m->acpi ? pc->rsdp : 0, .e820 = pc->e820, .e820_count = pc->e820_count,
                                    .screen = vga ? &pc->boot_screen : NULL };
    pc->boot = linux_boot_prepare(&o, errp);
    if (!pc->boot)
        return false;
    uint8_t rsdp[RSDP_SIZE];
    if (m->acpi && !acpi_tables_build(pc, rsdp, errp))
        return false;
    reset_machine(pc);
    pc->started = true;
    m->state = pc->options.paused ? RUN_STATE_PRELAUNCH : RUN_STATE_RUNNING;
    return true;
}

// ---- running

void pc_stop(struct machine *m)
{
    if (m->state != RUN_STATE_RUNNING)
        return;
    m->state = RUN_STATE_PAUSED;
    machine_send_event(m, EVENT_STOP, &(struct event_details){ 0 });
}

void pc_continue(struct machine *m)
{
    if (m->state == RUN_STATE_RUNNING)
        return;
    m->state = RUN_STATE_RUNNING;
    machine_send_event(m, EVENT_RESUME, &(struct event_details){ 0 });
}

static void handle_shutdown(struct pc *pc, bool guest, const char *reason)
{
    struct machine *m = &pc->machine;
    machine_send_event(m, EVENT_SHUTDOWN, &(struct event_details){ .guest = guest, .reason = reason });
    if (!m->no_shutdown) {
        machine_request(m, REQUEST_QUIT);
        return;
    }
    bool was_running = m->state == RUN_STATE_RUNNING;
    m->state = RUN_STATE_SHUTDOWN;
    if (was_running)
        machine_send_event(m, EVENT_STOP, &(struct event_details){ 0 });
}

static void handle_reset(struct pc *pc, bool guest)
{
    struct machine *m = &pc->machine;
    const char *reason = guest ? "guest-reset" : "host-qmp-system-reset";
    if (m->no_reboot) {
        handle_shutdown(pc, guest, reason);
        return;
    }
    machine_send_event(m, EVENT_RESET, &(struct event_details){ .guest = guest, .reason = reason });
    reset_machine(pc);
    if (m->state != RUN_STATE_RUNNING)
        m->state = RUN_STATE_PRELAUNCH; // whatever stopped it is over; cont starts it
}

static void handle_panic(struct pc *pc)
{
    struct machine *m = &pc->machine;
    machine_send_event(m, EVENT_GUEST_PANICKED, &(struct event_details){ .guest = true });
    fprintf(stderr, "ramjet: the guest's kernel has panicked\n");
    m->shutdown_cause = "guest panic";
    switch (m->panic) {
    case PANIC_NONE: break;
    case PANIC_SHUTDOWN: handle_shutdown(pc, true, "guest-panic"); break;
    case PANIC_PAUSE:
        m->state = RUN_STATE_GUEST_PANICKED;
        machine_send_event(m, EVENT_STOP, &(struct event_details){ 0 });
        break;
    case PANIC_EXIT_FAILURE:
        m->exit_code = 1;
        machine_request(m, REQUEST_QUIT);
        break;
    }
}

// Requests made since the last look. False: leave for good.
static bool handle_requests(struct pc *pc)
{
    struct machine *m = &pc->machine;
    uint32_t requests = atomic_exchange(&m->requests, 0);
    if ((requests & (REQUEST_QUIT | REQUEST_SIGNAL)) == (REQUEST_QUIT | REQUEST_SIGNAL))
        machine_send_event(m, EVENT_SHUTDOWN, &(struct event_details){ .reason = "host-signal" });
    if (requests & REQUEST_QUIT) {
        atomic_fetch_or(&m->requests, REQUEST_QUIT);
        return false;
    }
    if (requests & REQUEST_PANIC)
        handle_panic(pc);
    if (requests & REQUEST_SHUTDOWN)
        handle_shutdown(pc, true, "guest-shutdown");
    if (requests & (REQUEST_RESET | REQUEST_USER_RESET))
        handle_reset(pc, !(requests & REQUEST_USER_RESET));
    if (requests & REQUEST_POWERDOWN) {
        machine_send_event(m, EVENT_POWERDOWN, &(struct event_details){ 0 });
        if (!m->acpi || !pm_power_button(&pc->pm))
            warn_report("the guest does not listen to the power button (no ACPI, or not booted yet)");
    }
    if (requests & REQUEST_STOP)
        pc_stop(m);
    return !(atomic_load(&m->requests) & REQUEST_QUIT);
}

static bool owner_look(void *opaque)
{
    struct pc *pc = opaque;
    struct machine *m = &pc->machine;
    if (atomic_load_explicit(loop_kick_word(m->loop), memory_order_relaxed))
        loop_dispatch(m->loop, 0);
    if (atomic_load_explicit(&m->requests, memory_order_relaxed) && !handle_requests(pc))
        return false;
    return m->state == RUN_STATE_RUNNING;
}

static void owner_idle(void *opaque, int64_t ns)
{
    struct pc *pc = opaque;
    loop_dispatch(pc->machine.loop, ns == CLOCK_NEVER ? -1 : ns);
}

static bool owner_stop(void *opaque)
{
    struct machine *m = &((struct pc *)opaque)->machine;
    return m->counts.stop(m->counts.opaque) && m->state == RUN_STATE_RUNNING;
}

static bool owner_stuck(void *opaque)
{
    struct machine *m = &((struct pc *)opaque)->machine;
    return m->counts.stuck(m->counts.opaque);
}

int pc_run(struct machine *m)
{
    struct pc *pc = pc_of(m);
    struct engine_owner owner = { .look = owner_look, .idle = owner_idle, .stop = owner_stop, .stuck = owner_stuck, .opaque = pc };
    for (;;) {
        if (m->state == RUN_STATE_RUNNING)
            engine_run(pc->engine, &owner);
        if (atomic_load(&m->requests) & REQUEST_QUIT)
            return m->exit_code;
        if (m->state != RUN_STATE_RUNNING) {
            engine_check_stop(pc->engine, &owner); // commands may be due here
            if (m->state != RUN_STATE_RUNNING && !atomic_load(&m->requests))
                loop_dispatch(m->loop, -1);
            if (atomic_load(&m->requests) && !handle_requests(pc))
                return m->exit_code;
        }
    }
}

const struct numa *pc_numa(struct machine *m) { return &pc_of(m)->numa; }
const struct pc_options *pc_options(struct machine *m) { return &pc_of(m)->options; }
struct engine *pc_engine(struct machine *m) { return pc_of(m)->engine; }
struct x86_cpu *pc_cpu(struct machine *m, unsigned index) { return index < m->cpu_count ? pc_of(m)->cpus[index].cpu : NULL; }
const char *pc_boot_description(struct machine *m) { return pc_of(m)->boot ? linux_boot_description(pc_of(m)->boot) : NULL; }


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

void pc_print_irq(struct machine *m, void (*print)(void *, const char *), void *opaque)
{
    struct pc *pc = pc_of(m);
    char line[160];
    for (int i = 1; i >= 0; i--) {
        const struct i8259 *c = &pc->pic.chip[i];
        snprintf(line, sizeof line, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x fnm=%d\n", i, c->irr, c->imr,
                 c->isr, c->priority_add, c->vector_base, c->read_isr, c->elcr, c->special_fully_nested);
        print(opaque, line);
    }
    snprintf(line, sizeof line, "ioapic0: ver=0x20 id=0x%02x sel=0x%02x irr=%06x\n", pc->ioapic.id, pc->ioapic.select, pc->ioapic.irr);
    print(opaque, line);
    for (int i = 0; i < IOAPIC_PINS; i++) {
        uint64_t e = pc->ioapic.entry[i];
        snprintf(line, sizeof line, "  pin %-2d 0x%016llx dest=%u vec=%-3u %s %s%s\n", i, (unsigned long long)e, (unsigned)(e >> 56),
                 (unsigned)(e & 0xff), e & 0x8000 ? "level" : "edge ", e & 0x10000 ? "masked" : "", pc->ioapic.lines >> i & 1 ? " up" : "");
        print(opaque, line);
    }
}
