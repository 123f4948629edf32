// SPDX-License-Identifier: MIT
//
// Routing of plug and unplug on the board: which device goes to which part. Check may refuse, plug may not.
#include <stdlib.h>
#include <string.h>
#include "hw/pc/internal.h"
#include "util/error.h"
#include "util/format.h"
#include "util/nearest.h"

static bool check(struct machine *machine, struct device *device, struct error **errp)
{
    struct pc_dimm *dimm = pc_dimm_of(device);
    if (!dimm) {
        if (!device->type->hotpluggable && pc_of(machine)->started)
            return error_set(errp, "Device '%s' can not be hotplugged on this machine", device->type->name);
        return true;
    }
    if (!machine->acpi)
        return error_set(errp, "memory hotplug is not enabled: missing acpi device or acpi disabled");
    return pc_dimm_check(machine, dimm, pc_of(machine)->numa.count, errp);
}

static void plug(struct machine *machine, struct device *device)
{
    struct pc_dimm *dimm = pc_dimm_of(device);
    if (!dimm)
        return;
    machine->safe_point_begin(machine);
    pc_dimm_plug(machine, dimm);
    machine->safe_point_end(machine);
    mem_hotplug_plug(&pc_of(machine)->mem_hotplug, dimm, device->hotplugged);
    dimm_watch_plugged(&pc_of(machine)->dimm_watch, dimm);
}

static bool unplug_request(struct machine *machine, struct device *device, struct error **errp)
{
    struct pc_dimm *dimm = pc_dimm_of(device);
    if (!dimm)
        return error_set(errp, "Device '%s' does not support hotplugging", device->id ? device->id : device->type->name);
    if (!mem_hotplug_unplug_request(&pc_of(machine)->mem_hotplug, dimm, errp))
        return false;
    dimm_watch_asked(&pc_of(machine)->dimm_watch, dimm);
    return true;
}

static void unplug(struct machine *machine, struct device *device)
{
    struct pc_dimm *dimm = pc_dimm_of(device);
    struct event_details details = { .id = device->id, .slot = dimm->slot, .unnamed_number = device->unnamed_number };
    machine->safe_point_begin(machine);
    mem_hotplug_unplug(&pc_of(machine)->mem_hotplug, dimm);
    pc_dimm_unplug(machine, dimm);
    machine->safe_point_end(machine);
    char *id = device->id ? strdup(device->id) : NULL;
    char *backend = dimm->autodel ? strdup(dimm->memdev->id) : NULL;
    details.id = id;
    device_delete(device);
    if (backend)
        backend_delete(machine->backends, backend, NULL);
    free(backend);
    machine_send_event(machine, EVENT_DEVICE_DELETED, &details);
    free(id);
}

const struct hotplug_ops pc_hotplug_ops = { .check = check, .plug = plug, .unplug_request = unplug_request, .unplug = unplug };

static const struct device_type *find_type(struct machine *machine, const char *name, struct error **errp)
{
    const struct device_type *type = device_type_find(&machine->registry, name);
    if (type && type->user_creatable)
        return type;
    error_set(errp, "'%s' is not a valid device model name", name);
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < machine->registry.count && count < 64; i++)
        if (machine->registry.types[i]->user_creatable)
            names[count++] = machine->registry.types[i]->name;
    const char *nearest = nearest_name(name, names, count);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return NULL;
}

static bool valid_id(const char *id)
{
    if (!((*id | 32) >= 'a' && (*id | 32) <= 'z'))
        return false;
    return id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")] == 0;
}

// Properties that -global gives to all devices of the type.
static bool set_globals(struct device *device, struct error **errp)
{
    const struct pc_options *o = pc_options(device->machine);
    size_t length = strlen(device->type->name);
    bool ok = true;
    for (size_t i = 0; ok && i < o->global_count; i++) {
        const char *text = o->globals[i];
        if (strncmp(text, device->type->name, length) || text[length] != '.')
            continue;
        const char *value = strchr(text, '=');
        char *property = format_text("%.*s", (int)(value - text - (ptrdiff_t)length - 1), text + length + 1);
        ok = device_set(device, property, value + 1, errp);
        if (!ok)
            error_prefix(errp, "can't apply global %s: ", text);
        free(property);
    }
    return ok;
}

struct device *pc_add_device(struct machine *machine, const char *name, const char *id, const char *const (*properties)[2],
                             unsigned count, struct error **errp)
{
    const struct device_type *type = find_type(machine, name, errp);
    if (!type)
        return NULL;
    if (id && !valid_id(id)) {
        error_set(errp, "Parameter 'id' expects an identifier, got '%s'", id);
        error_hint(errp, "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.");
        return NULL;
    }
    if (id && machine_find_device(machine, id)) {
        error_set(errp, pc_of(machine)->started ? "Duplicate device ID '%s'" : "Duplicate ID '%s' for device", id);
        return NULL;
    }
    struct device *device = device_new(machine, type);
    device->id = id ? strdup(id) : NULL;
    device->hotplugged = pc_of(machine)->started;
    bool ok = set_globals(device, errp);
    for (unsigned i = 0; ok && i < count; i++)
        ok = device_set(device, properties[i][0], properties[i][1], errp);
    if (!ok || !check(machine, device, errp) || !device_realize(device, errp)) {
        device_delete(device);
        return NULL;
    }
    plug(machine, device);
    return device;
}

#define ANONYMOUS "/machine/peripheral-anon/device["

// text: "0]"
static struct device *find_unnamed(struct machine *machine, const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    struct device *d = *text >= '0' && *text <= '9' && !strcmp(end, "]") ? machine->devices : NULL;
    while (d && (d->id || d->unnamed_number != number || number == DEVICE_OF_BOARD))
        d = d->next;
    return d;
}

bool pc_remove_device(struct machine *machine, const char *id, struct error **errp)
{
    const char *name = strncmp(id, "/machine/peripheral/", 20) ? id : id + 20;
    struct device *device = machine_find_device(machine, name);
    if (!strncmp(id, ANONYMOUS, strlen(ANONYMOUS)))
        device = find_unnamed(machine, id + strlen(ANONYMOUS));
    if (!device)
        return error_set_class(errp, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", id);
    return unplug_request(machine, device, errp);
}
