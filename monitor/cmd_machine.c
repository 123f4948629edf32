// SPDX-License-Identifier: MIT
//
// Run state, CPUs, devices, statistics.
#include <stdlib.h>
#include <string.h>
#include "chardev/chardev.h"
#include "gdbstub/gdbstub.h"
#include "hw/mem/pc_dimm.h"
#include "hw/pc/numa.h"
#include "monitor/internal.h"
#include "monitor/object_tree.h"
#include "target/i386/cpu.h"
#include "target/i386/engine_target.h"
#include "util/version.h"

void monitor_quit(struct machine *machine)
{
    machine_send_event(machine, EVENT_SHUTDOWN, &(struct event_details){ .reason = "host-qmp-quit" });
    machine_request(machine, REQUEST_QUIT);
}

bool cmd_quit(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    monitor_quit(machine);
    return true;
}

bool cmd_stop(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    pc_stop(machine);
    return true;
}

bool cmd_cont(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    return pc_continue(machine, errp);
}

bool cmd_system_reset(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    machine_request(machine, REQUEST_USER_RESET);
    return true;
}

bool cmd_system_powerdown(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    machine_request(machine, REQUEST_POWERDOWN);
    return true;
}

bool cmd_nmi(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    pc_inject_nmi(machine);
    return true;
}

bool cmd_gdbserver(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    const char *device = next_word(&arguments);
    if (!device)
        device = "tcp::1234";
    if (!machine->gdbstub)
        return error_set(errp, "gdbserver: this machine has none");
    if (!gdbstub_open(machine->gdbstub, device, errp))
        return false;
    if (strcmp(device, "none"))
        out_printf(out, "Waiting for gdb connection on device '%s'\n", device);
    else
        out_printf(out, "Disabled gdbserver\n");
    return true;
}

bool info_version(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    out_printf(out, "%s (Ramjet %s)\n", RAMJET_QEMU_VERSION, RAMJET_VERSION);
    return true;
}

bool info_status(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    static const char *const names[] = { "paused (prelaunch)", "running", "paused", "paused (shutdown)", "paused (internal-error)",
                                         "paused (guest-panicked)" };
    out_printf(out, "VM status: %s\n", names[machine->state]);
    return true;
}

bool info_name(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    if (machine->name)
        out_printf(out, "%s\n", machine->name);
    return true;
}

bool info_uuid(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    out_printf(out, "00000000-0000-0000-0000-000000000000\n"); // nobody can give the machine another
    return true;
}

bool info_kvm(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    out_printf(out, "kvm support: not compiled\n");
    return true;
}

static void show_chardev(void *opaque, const char *id, const char *what)
{
    out_printf(opaque, "%s: filename=%s\n", id, what);
}

bool info_chardev(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    chardev_each(machine->chardevs, show_chardev, (void *)out);
    return true;
}

bool info_cpus(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    for (unsigned i = 0; i < machine->cpu_count; i++) {
        struct x86_cpu *cpu = pc_cpu(machine, i);
        out_printf(out, "%c CPU #%u: rip=0x%016llx%s\n", i ? ' ' : '*', i, (unsigned long long)cpu->head.rip, cpu->halted ? " (halted)" : "");
    }
    return true;
}

// All are there from the start; the last comes first, as in QEMU.
bool info_hotpluggable_cpus(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    const struct numa *numa = pc_numa(machine);
    unsigned cores = numa_cpus_per_socket(numa);
    char *type = object_cpu_type(machine);
    out_printf(out, "Hotpluggable CPUs:\n");
    for (unsigned i = machine->cpu_count; i-- > 0;) {
        out_printf(out, "  type: \"%s\"\n  vcpus_count: \"1\"\n  qom_path: \"/machine/unattached/device[%u]\"\n  CPUInstance Properties:\n", type, i);
        if (numa->count)
            out_printf(out, "    node-id: \"%d\"\n", numa->cpu_node[i]);
        out_printf(out, "    socket-id: \"%u\"\n    core-id: \"%u\"\n    thread-id: \"0\"\n", i / cores, i % cores);
    }
    free(type);
    return true;
}

bool info_registers(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    char *option = next_word(&arguments);
    bool all = option && !strcmp(option, "-a");
    if (option && !all)
        return error_set(errp, "info registers: unknown option '%s'", option);
    for (unsigned i = 0; i < (all ? machine->cpu_count : 1); i++) {
        char *text;
        size_t size;
        FILE *memory = open_memstream(&text, &size);
        fprintf(memory, "\nCPU#%u\n", i);
        cpu_dump_state(&pc_cpu(machine, i)->head, memory);
        fclose(memory);
        out->print(out->opaque, text);
        free(text);
    }
    return true;
}

bool info_qtree(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    out_printf(out, "bus: main-system-bus\n  type System\n");
    for (struct device *d = machine->devices; d; d = d->next) {
        if (pc_dimm_of(d)) // as in QEMU: DIMMs are not on a bus
            continue;
        out_printf(out, "  dev: %s, id \"%s\"\n", d->type->name, d->id ? d->id : "");
        for (size_t i = 0; i < d->type->property_count; i++) {
            char *value = device_get(d, &d->type->properties[i]);
            out_printf(out, "    %s = %s\n", d->type->properties[i].name, value);
            free(value);
        }
    }
    return true;
}

bool info_pic(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    pc_print_irq(machine, out_text, (void *)out);
    return true;
}

bool info_irq(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    return info_pic(machine, arguments, out, errp);
}

bool info_jit(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    engine_print_stats(pc_engine(machine), out_text, (void *)out);
    return true;
}
