// SPDX-License-Identifier: MIT
//
// QMP: memory backends and devices come and go; DIMMs, backends and sums; the guest's word about each slot.
//
// Backends and devices take their properties as text: JSON values are checked against the property's type (as strictly as QEMU's
// clients know it) and then written down.
#if HAVE_JANSSON
#include "monitor/qmp.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/mem/memory_device.h"
#include "hw/mem/pc_dimm.h"
#include "hw/pc/internal.h"
#include "monitor/internal.h"
#include "util/format.h"

#define MAX_PROPERTIES 64

struct texts { const char *names[MAX_PROPERTIES], *values[MAX_PROPERTIES]; char *owned[MAX_PROPERTIES]; size_t count; };

static void texts_release(struct texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->owned[i]);
}

// Takes `value`, which is malloced.
static bool add(struct texts *t, const char *name, char *value, struct error **errp)
{
    if (!value)
        abort();
    if (t->count == MAX_PROPERTIES) {
        free(value);
        return error_set(errp, "more than %d properties", MAX_PROPERTIES);
    }
    t->names[t->count] = name;
    t->values[t->count] = t->owned[t->count] = value;
    t->count++;
    return true;
}

static char *number_text(json_int_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, (int64_t)value);
    return strdup(text);
}

static bool add_integer(struct texts *t, const char *name, const json_t *value, json_int_t min, json_int_t max, const char *type, struct error **errp)
{
    if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
        return error_set(errp, "Parameter '%s' expects %s", name, type);
    return add(t, name, number_text(json_integer_value(value)), errp);
}

static bool add_string(struct texts *t, const char *name, const json_t *value, struct error **errp)
{
    return json_is_string(value) ? add(t, name, strdup(json_string_value(value)), errp) : qmp_wrong_type(name, "string", errp);
}

static bool add_bool(struct texts *t, const char *name, const json_t *value, struct error **errp)
{
    return json_is_boolean(value) ? add(t, name, strdup(json_is_true(value) ? "on" : "off"), errp) : qmp_wrong_type(name, "boolean", errp);
}

static bool is_one_of(const char *name, const char *const *known)
{
    while (*known && strcmp(*known, name))
        known++;
    return *known;
}

// ---- backends

static bool add_nodes(struct texts *t, const char *name, const json_t *value, struct error **errp)
{
    size_t i;
    const json_t *node;
    if (!json_is_array(value))
        return qmp_wrong_type(name, "array", errp);
    json_array_foreach(value, i, node) {
        if (!json_is_integer(node) || json_integer_value(node) < 0)
            return error_set(errp, "Parameter '%s[%zu]' expects uint64", name, i);
        if (!add(t, name, number_text(json_integer_value(node)), errp))
            return false;
    }
    return true;
}

static bool add_backend_value(struct texts *t, const char *type, const char *name, const json_t *value, struct error **errp)
{
    const struct backend_property *p = backend_property_find(type, name);
    if (!p)
        return error_set(errp, "Parameter '%s' is unexpected", name);
    switch (p->kind) {
    case BACKEND_BOOL: case BACKEND_IGNORED: return add_bool(t, name, value, errp);
    case BACKEND_SIZE: return add_integer(t, name, value, 0, INT64_MAX, "uint64", errp);
    case BACKEND_UINT32: return add_integer(t, name, value, 0, UINT32_MAX, "uint32", errp);
    case BACKEND_NODES: return add_nodes(t, name, value, errp);
    case BACKEND_STRING: case BACKEND_POLICY: case BACKEND_ROM: case BACKEND_REFUSED: break;
    }
    return add_string(t, name, value, errp);
}

bool qmp_add_backend(struct backend_list *list, const json_t *arguments, struct error **errp)
{
    static const char *const done[] = { "qom-type", "id", NULL };
    const char *type = qmp_string(arguments, "qom-type"), *name;
    struct texts t = { 0 };
    json_t *value;
    bool ok = backend_type_known(type) || error_set(errp, "Parameter 'qom-type' does not accept value '%s'", type);
    ok = ok && add_string(&t, "id", json_object_get(arguments, "id"), errp);
    json_object_foreach((json_t *)arguments, name, value)
        ok = ok && (is_one_of(name, done) || add_backend_value(&t, type, name, value, errp));
    ok = ok && backend_new_from(list, type, t.names, t.values, t.count, errp);
    texts_release(&t);
    return ok;
}

json_t *qmp_object_add(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return qmp_add_backend(machine->backends, arguments, errp) ? json_object() : NULL;
}

json_t *qmp_object_del(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return backend_delete(machine->backends, qmp_string(arguments, "id"), errp) ? json_object() : NULL;
}

// ---- devices

static bool add_device_value(struct texts *t, const struct device_type *type, const char *name, const json_t *value, struct error **errp)
{
    const struct property *p = NULL;
    for (size_t i = 0; i < type->property_count; i++)
        if (!strcmp(type->properties[i].name, name))
            p = &type->properties[i];
    if (!p)
        return error_set(errp, "Property '%s.%s' not found", type->name, name);
    if (p->read_only)
        return error_set(errp, "Property '%s.%s' is not writable", type->name, name);
    switch (p->type) {
    case PROPERTY_BOOL: return add_bool(t, name, value, errp);
    case PROPERTY_UINT8: return add_integer(t, name, value, 0, UINT8_MAX, "uint8_t", errp);
    case PROPERTY_UINT16: return add_integer(t, name, value, 0, UINT16_MAX, "uint16_t", errp);
    case PROPERTY_UINT32: return add_integer(t, name, value, 0, UINT32_MAX, "uint32_t", errp);
    case PROPERTY_UINT64: case PROPERTY_SIZE: return add_integer(t, name, value, 0, INT64_MAX, "uint64", errp);
    case PROPERTY_INT32: case PROPERTY_INT64:
        if (!json_is_integer(value))
            return qmp_wrong_type(name, "integer", errp);
        if (p->type == PROPERTY_INT32)
            return add_integer(t, name, value, INT32_MIN, INT32_MAX, "int32_t", errp);
        return add_integer(t, name, value, INT64_MIN, INT64_MAX, "int64", errp);
    case PROPERTY_STRING: case PROPERTY_BACKEND: case PROPERTY_CHARDEV: break;
    }
    return add_string(t, name, value, errp);
}

bool qmp_add_device(struct machine *machine, const json_t *arguments, struct error **errp)
{
    static const char *const done[] = { "driver", "id", NULL };
    const char *driver = qmp_string(arguments, "driver"), *name, *properties[MAX_PROPERTIES][2];
    const struct device_type *type = device_type_find(&machine->registry, driver);
    struct texts t = { 0 };
    json_t *value;
    bool ok = true;
    json_object_foreach((json_t *)arguments, name, value)
        ok = ok && (!type || is_one_of(name, done) || add_device_value(&t, type, name, value, errp));
    for (size_t i = 0; i < t.count; i++) {
        properties[i][0] = t.names[i];
        properties[i][1] = t.values[i];
    }
    // An unknown driver is refused there, with what may have been meant.
    ok = ok && pc_add_device(machine, driver, qmp_string(arguments, "id"), (const char *const (*)[2])properties, (unsigned)t.count, errp);
    texts_release(&t);
    return ok;
}

json_t *qmp_device_add(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return qmp_add_device(machine, arguments, errp) ? json_object() : NULL;
}

json_t *qmp_device_del(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return pc_remove_device(machine, qmp_string(arguments, "id"), errp) ? json_object() : NULL;
}

// ---- what there is

json_t *qmp_query_memory_devices(struct machine *machine, const json_t *arguments, struct error **errp)
{
    json_t *list = json_array();
    for (struct memory_device *m = machine->memory_devices ? machine->memory_devices->devices : NULL; m; m = m->next) {
        const struct pc_dimm *dimm = pc_dimm_of(m->device);
        char *path = format_text("/objects/%s", dimm->memdev->id);
        json_t *data = json_pack("{s:I,s:i,s:I,s:I,s:s,s:b,s:b}", "addr", (json_int_t)m->addr, "slot", m->slot, "node", (json_int_t)dimm->node,
                                 "size", (json_int_t)m->size, "memdev", path, "hotplugged", m->device->hotplugged, "hotpluggable",
                                 m->device->type->hotpluggable);
        if (m->device->id)
            json_object_set_new(data, "id", json_string(m->device->id));
        json_array_append_new(list, json_pack("{s:s,s:o}", "type", "dimm", "data", data));
        free(path);
    }
    return list;
}

json_t *qmp_query_memdev(struct machine *machine, const json_t *arguments, struct error **errp)
{
    json_t *list = json_array();
    for (const struct memory_backend *b = backend_first(machine->backends); b; b = b->next) {
        json_t *nodes = json_array();
        for (unsigned n = 0; n < HOST_NODES_MAX; n++)
            if (b->host_nodes[n / 64] >> n % 64 & 1)
                json_array_append_new(nodes, json_integer(n));
        json_array_append_new(list, json_pack("{s:s,s:I,s:b,s:b,s:b,s:b,s:b,s:s,s:o}", "id", b->id, "size", (json_int_t)b->size, "merge", b->merge,
                                              "dump", b->dump, "prealloc", b->prealloc, "share", b->share, "reserve", b->reserve, "policy",
                                              memory_policy_name(b->policy), "host-nodes", nodes));
    }
    return list;
}

json_t *qmp_query_memory_size(struct machine *machine, const json_t *arguments, struct error **errp)
{
    uint64_t plugged = machine->memory_devices ? memory_device_plugged(machine->memory_devices) : 0;
    return json_pack("{s:I,s:I}", "base-memory", (json_int_t)machine->ram_size, "plugged-memory", (json_int_t)plugged);
}

json_t *qmp_query_balloon(struct machine *machine, const json_t *arguments, struct error **errp)
{
    info_balloon(machine, NULL, NULL, errp);
    return NULL;
}

json_t *qmp_balloon(struct machine *machine, const json_t *arguments, struct error **errp)
{
    cmd_balloon(machine, NULL, NULL, errp);
    return NULL;
}

json_t *qmp_query_ospm(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const struct mem_hotplug *hotplug = &pc_of(machine)->mem_hotplug;
    if (!machine->acpi) {
        error_set(errp, "command is not supported, missing ACPI device");
        return NULL;
    }
    json_t *list = json_array();
    for (unsigned i = 0; i < hotplug->slot_count; i++) {
        const struct mem_hotplug_slot *slot = &hotplug->slots[i];
        char number[16];
        snprintf(number, sizeof number, "%u", i);
        json_t *row = json_pack("{s:s,s:s,s:I,s:I}", "slot", number, "slot-type", "DIMM", "source", (json_int_t)slot->ost_event, "status",
                                (json_int_t)slot->ost_status);
        if (slot->dimm && slot->dimm->device.id)
            json_object_set_new(row, "device", json_string(slot->dimm->device.id));
        json_array_append_new(list, row);
    }
    return list;
}
#endif
