// SPDX-License-Identifier: MIT
//
// QMP: run state, CPUs, character devices, and the way to the human monitor.
#if HAVE_JANSSON
#define _GNU_SOURCE // gettid
#include "monitor/qmp.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "chardev/chardev.h"
#include "hw/pc/internal.h"
#include "hw/pc/numa.h"
#include "monitor/internal.h"
#include "monitor/object_tree.h"

json_t *qmp_capabilities(struct machine *machine, const json_t *arguments, struct error **errp)
{
    size_t i;
    const json_t *capability;
    json_array_foreach(json_object_get(arguments, "enable"), i, capability) {
        const char *name = json_string_value(capability);
        error_set(errp, name ? "Capability '%s' is not available" : "Invalid parameter type for 'enable', expected: %s", name ? name : "array of strings");
        return NULL;
    }
    return json_object();
}

json_t *qmp_quit(struct machine *machine, const json_t *arguments, struct error **errp)
{
    monitor_quit(machine);
    return json_object();
}

json_t *qmp_stop(struct machine *machine, const json_t *arguments, struct error **errp)
{
    pc_stop(machine);
    return json_object();
}

json_t *qmp_cont(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return cmd_cont(machine, NULL, NULL, errp) ? json_object() : NULL;
}

json_t *qmp_system_reset(struct machine *machine, const json_t *arguments, struct error **errp)
{
    machine_request(machine, REQUEST_USER_RESET);
    return json_object();
}

json_t *qmp_system_powerdown(struct machine *machine, const json_t *arguments, struct error **errp)
{
    machine_request(machine, REQUEST_POWERDOWN);
    return json_object();
}

json_t *qmp_inject_nmi(struct machine *machine, const json_t *arguments, struct error **errp)
{
    pc_inject_nmi(machine);
    return json_object();
}

json_t *qmp_query_status(struct machine *machine, const json_t *arguments, struct error **errp)
{
    static const char *const names[] = { "prelaunch", "running", "paused", "shutdown", "internal-error", "guest-panicked" };
    return json_pack("{s:s,s:b}", "status", names[machine->state], "running", machine->state == RUN_STATE_RUNNING);
}

json_t *qmp_query_commands(struct machine *machine, const json_t *arguments, struct error **errp)
{
    json_t *list = json_array();
    for (size_t i = 0; i < qmp_command_count; i++)
        json_array_append_new(list, json_pack("{s:s}", "name", qmp_commands[i].name));
    return list;
}

json_t *qmp_query_name(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return machine->name ? json_pack("{s:o}", "name", qmp_text(machine->name, strlen(machine->name))) : json_object();
}

// Nobody can give the machine one yet: the UUID of nothing.
json_t *qmp_query_uuid(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return json_pack("{s:s}", "UUID", "00000000-0000-0000-0000-000000000000");
}

json_t *qmp_query_kvm(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return json_pack("{s:b,s:b}", "enabled", 0, "present", 0);
}

static json_t *cpu_place(struct machine *machine, unsigned i)
{
    const struct numa *numa = pc_numa(machine);
    unsigned cores = numa_cpus_per_socket(numa);
    json_t *place = json_pack("{s:i,s:i,s:i}", "socket-id", i / cores, "core-id", i % cores, "thread-id", 0);
    if (numa->count)
        json_object_set_new(place, "node-id", json_integer(numa->cpu_node[i]));
    return place;
}

// All vCPUs take turns on this thread.
json_t *qmp_query_cpus(struct machine *machine, const json_t *arguments, struct error **errp)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < machine->cpu_count; i++) {
        char path[64];
        snprintf(path, sizeof path, "/machine/unattached/device[%u]", i);
        json_array_append_new(list, json_pack("{s:i,s:s,s:i,s:s,s:o}", "cpu-index", i, "qom-path", path, "thread-id", (int)gettid(), "target",
                                              "x86_64", "props", cpu_place(machine, i)));
    }
    return list;
}

json_t *qmp_query_hotpluggable_cpus(struct machine *machine, const json_t *arguments, struct error **errp)
{
    char *type = object_cpu_type(machine), path[64];
    json_t *list = json_array();
    for (unsigned i = machine->cpu_count; i-- > 0;) {
        snprintf(path, sizeof path, "/machine/unattached/device[%u]", i);
        json_array_append_new(list, json_pack("{s:o,s:i,s:s,s:s}", "props", cpu_place(machine, i), "vcpus-count", 1, "qom-path", path, "type", type));
    }
    free(type);
    return list;
}

struct chardev_rows { json_t *list; struct machine *machine; };

static void add_chardev(void *opaque, const char *id, const char *what)
{
    struct chardev_rows *rows = opaque;
    const struct chardev *c = chardev_find(rows->machine->chardevs, id);
    json_array_append_new(rows->list, json_pack("{s:o,s:o,s:b}", "label", qmp_text(id, strlen(id)), "filename", qmp_text(what, strlen(what)),
                                                "frontend-open", chardev_has_front(c)));
}

json_t *qmp_query_chardev(struct machine *machine, const json_t *arguments, struct error **errp)
{
    struct chardev_rows rows = { json_array(), machine };
    chardev_each(machine->chardevs, add_chardev, &rows);
    return rows.list;
}

json_t *qmp_query_machines(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return json_pack("[{s:s,s:b,s:i,s:b,s:b,s:b,s:b,s:s}]", "name", machine->type_name, "is-default", 1, "cpu-max", MAX_PC_CPUS,
                     "hotpluggable-cpus", 0, "numa-mem-supported", 0, "deprecated", 0, "acpi", 1, "default-ram-id", "pc.ram");
}

json_t *qmp_query_current_machine(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return json_pack("{s:b}", "wakeup-suspend-support", 0);
}

json_t *qmp_query_target(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return json_pack("{s:s}", "arch", "x86_64");
}

// ---- human-monitor-command

static void plain(void *opaque, const char *text)
{
    fputs(text, opaque);
}

// Lines end with \r\n, as on a human monitor's device.
static void collect(void *opaque, const char *text)
{
    for (FILE *out = opaque; *text; text++) {
        if (*text == '\n')
            fputc('\r', out);
        fputc(*text, out);
    }
}

json_t *qmp_x_query_numa(struct machine *machine, const json_t *arguments, struct error **errp)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    info_numa(machine, NULL, &(struct output){ .print = plain, .opaque = out }, errp);
    fclose(out);
    json_t *result = json_pack("{s:o}", "human-readable-text", qmp_text(text, size));
    free(text);
    return result;
}

json_t *qmp_human_monitor_command(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const json_t *cpu = json_object_get(arguments, "cpu-index");
    if (cpu && (json_integer_value(cpu) < 0 || json_integer_value(cpu) >= machine->cpu_count)) {
        error_set(errp, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    monitor_run(machine, qmp_string(arguments, "command-line"), collect, out);
    fclose(out);
    json_t *result = qmp_text(text, size);
    free(text);
    return result;
}
#endif
