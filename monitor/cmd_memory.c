// SPDX-License-Identifier: MIT
//
// Memory backends, DIMMs, and what the machine has of both. Formats as scripts know them from QEMU.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/mem/pc_dimm.h"
#include "hw/pc/dimm_watch.h"
#include "monitor/internal.h"
#include "monitor/object_tree.h"

#define MAX_PROPERTIES 32

bool cmd_object_add(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    if (!*arguments) {
        out_printf(out, "object_add: string expected\nTry \"help object_add\" for more information\n");
        return true;
    }
    return backend_help(arguments, out_text, (void *)out) || object_add_text(machine->backends, arguments, false, errp);
}

// The DIMM with this backend, when its removal was asked for.
static struct device *leaving_dimm(struct machine *machine, const char *backend)
{
    struct memory_device_state *state = machine->memory_devices;
    for (struct memory_device *m = state ? state->devices : NULL; m; m = m->next)
        if (m->device->deleting && m->device->id && !strcmp(pc_dimm_of(m->device)->memdev->id, backend))
            return m->device;
    return NULL;
}

bool cmd_object_del(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    char *id = next_word(&arguments);
    bool wait = id && !strcmp(id, "-w");
    if (wait)
        id = next_word(&arguments);
    if (!id) {
        out_printf(out, "object_del: string expected\nTry \"help object_del\" for more information\n");
        return true;
    }
    struct device *leaving = leaving_dimm(machine, id);
    if (wait && leaving) {
        if (!out->wait)
            return error_set(errp, "object_del -w: this connection cannot wait; DEVICE_DELETED tells when '%s' has gone", leaving->id);
        *out->wait = (struct monitor_wait){ .active = true };
        snprintf(out->wait->backend, sizeof out->wait->backend, "%s", id);
        snprintf(out->wait->device, sizeof out->wait->device, "%s", leaving->id);
        return true;
    }
    if (backend_delete(machine->backends, id, errp))
        return true;
    if (leaving)
        error_hint(errp, "Its DIMM '%s' is being removed, and the guest has not let go of it so far; 'object_del -w %s' waits for that.",
                   leaving->id, id);
    return false;
}

// "driver,key=value,..": values may have doubled commas.
bool device_add_list(struct machine *machine, char *text, struct error **errp)
{
    const char *properties[MAX_PROPERTIES][2], *driver = text, *id = NULL;
    unsigned count = 0;
    char *p = text, *write;
    while (*p) { // split in place
        char *start = write = p;
        while (*p && !(*p == ',' && p[1] != ',')) {
            if (*p == ',')
                p++;
            *write++ = *p++;
        }
        bool more = *p == ',';
        p += more;
        *write = 0;
        if (start == text) {
            driver = strncmp(start, "driver=", 7) ? start : start + 7;
            continue;
        }
        char *value = strchr(start, '=');
        if (value)
            *value++ = 0;
        if (!strcmp(start, "id") && value)
            id = value;
        else if (count < MAX_PROPERTIES) {
            properties[count][0] = start;
            properties[count++][1] = value ? value : "on";
        } else {
            return error_set(errp, "device %s: too many properties", driver);
        }
    }
    return pc_add_device(machine, driver, id, (const char *const (*)[2])properties, count, errp) != NULL;
}

// "help" or "DRIVER,...,help": the types, or the properties of one.
static bool device_help(const struct machine *machine, const char *text, const struct output *out)
{
    size_t n = strcspn(text, ","), length = strlen(text);
    bool list = !strcmp(text, "help") || !strcmp(text, "?"), found = list;
    if (!list && (length < 5 || strcmp(text + length - 5, ",help")))
        return false;
    for (size_t i = 0; i < machine->registry.count; i++) {
        const struct device_type *t = machine->registry.types[i];
        if (list) {
            out_printf(out, "name \"%s\", bus %s, desc \"%s\"\n", t->name, t->bus ? t->bus : "none", t->help);
        } else if (strlen(t->name) == n && !strncmp(t->name, text, n)) {
            found = true;
            out_printf(out, "%s options:\n", t->name);
            for (size_t k = 0; k < t->property_count; k++) {
                const struct property *p = &t->properties[k];
                out_printf(out, "  %s=<%s>%*s- %s%s\n", p->name, object_property_type((int)p->type), (int)(18 - strlen(p->name)), "",
                           p->help ? p->help : "", p->read_only ? " (read-only)" : "");
            }
        }
    }
    return found;
}

bool cmd_device_add(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    if (device_help(machine, arguments, out))
        return true;
    if (!*arguments)
        return error_set(errp, "Parameter 'driver' is missing");
    return device_add_text(machine, arguments, errp);
}

bool cmd_device_del(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    char *id = next_word(&arguments);
    if (!id) {
        out_printf(out, "device_del: string expected\nTry \"help device_del\" for more information\n");
        return true;
    }
    return pc_remove_device(machine, id, errp);
}

bool info_memory_devices(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    struct memory_device_state *state = machine->memory_devices;
    for (struct memory_device *m = state ? state->devices : NULL; m; m = m->next) {
        struct pc_dimm *dimm = pc_dimm_of(m->device);
        struct dimm_state guest;
        dimm_state_get(machine, dimm, &guest);
        out_printf(out, "Memory device [dimm]: \"%s\"\n  addr: 0x%llx\n  slot: %d\n  node: %u\n  size: %llu\n  memdev: /objects/%s\n"
                        "  hotplugged: %s\n  hotpluggable: %s\n  state: %s\n%s%s%s",
                   m->device->id ? m->device->id : "", (unsigned long long)m->addr, m->slot, dimm->node, (unsigned long long)m->size,
                   dimm->memdev->id, m->device->hotplugged ? "true" : "false", m->device->type->hotpluggable ? "true" : "false",
                   guest.text, *guest.reason ? "  reason: " : "", guest.reason, *guest.reason ? "\n" : "");
    }
    return true;
}

static const char *yes(bool v) { return v ? "true" : "false"; }

bool info_memdev(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    for (struct memory_backend *b = backend_first(machine->backends); b; b = b->next) {
        char *nodes = backend_host_nodes(b);
        out_printf(out, "memory backend: %s\n  size:  %llu\n  merge: %s\n  dump: %s\n  prealloc: %s\n  share: %s\n  reserve: %s\n"
                        "  policy: %s\n  host nodes: %s\n",
                   b->id, (unsigned long long)b->size, yes(b->merge), yes(b->dump), yes(b->prealloc), yes(b->share), yes(b->reserve),
                   memory_policy_name(b->policy), nodes);
        free(nodes);
    }
    return true;
}

static uint64_t plugged(const struct machine *machine)
{
    return machine->memory_devices ? memory_device_plugged(machine->memory_devices) : 0;
}

bool info_memory_size_summary(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    out_printf(out, "base memory: %llu\nplugged memory: %llu\n", (unsigned long long)machine->ram_size, (unsigned long long)plugged(machine));
    return true;
}

bool info_mtree(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    char *option = next_word(&arguments);
    if (option && strcmp(option, "-f"))
        return error_set(errp, "info mtree: unknown option '%s' (-f shows the flat view)", option);
    if (option) {
        address_space_print_flat(&machine->memory, out_text, (void *)out);
        address_space_print_flat(&machine->ports, out_text, (void *)out);
    } else {
        address_space_print_tree(&machine->memory, out_text, (void *)out);
        address_space_print_tree(&machine->ports, out_text, (void *)out);
    }
    return true;
}

// There is no such device; clients ask all the same, and know this answer.
bool info_balloon(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    return error_set_class(errp, ERROR_DEVICE_NOT_ACTIVE, "No balloon device has been activated");
}
