// SPDX-License-Identifier: MIT
//
// Devices: creation, typed properties as text, realize and delete. A property is a row {name, type, offset};
// setting writes straight into the instance. Strings are owned by the device. Machine thread only.
#include "hw/core/device.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "chardev/chardev.h"
#include "hw/core/machine.h"
#include "util/error.h"
#include "util/nearest.h"
#include "util/parse.h"

static void *field_of(const struct device *device, const struct property *property)
{
    return (char *)device + property->offset;
}

static void store_number(void *field, enum property_type type, uint64_t value)
{
    switch (type) {
    case PROPERTY_BOOL: *(bool *)field = value; break;
    case PROPERTY_UINT8: *(uint8_t *)field = (uint8_t)value; break;
    case PROPERTY_UINT16: *(uint16_t *)field = (uint16_t)value; break;
    case PROPERTY_UINT32:
    case PROPERTY_INT32: *(uint32_t *)field = (uint32_t)value; break;
    case PROPERTY_UINT64:
    case PROPERTY_INT64:
    case PROPERTY_SIZE: *(uint64_t *)field = value; break;
    default: break; // pointers start as NULL
    }
}

struct device *device_new(struct machine *machine, const struct device_type *type)
{
    assert(type->size >= sizeof(struct device));
    struct device *device = calloc(1, type->size);
    if (!device)
        abort();
    device->type = type;
    device->machine = machine;
    for (size_t i = 0; i < type->property_count; i++)
        store_number(field_of(device, &type->properties[i]), type->properties[i].type,
                     (uint64_t)type->properties[i].default_value);
    return device;
}

static bool unknown_property(const struct device_type *type, const char *name, struct error **errp)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < type->property_count && count < 64; i++)
        names[count++] = type->properties[i].name;
    error_set(errp, "Property '%s.%s' not found", type->name, name);
    const char *near = nearest_name(name, names, count);
    if (near)
        error_hint(errp, "Did you mean '%s'?", near);
    return false;
}

static bool set_unsigned(void *field, const struct property *p, const char *value, uint64_t max, struct error **errp)
{
    uint64_t v;
    if (!parse_u64(value, &v, NULL))
        return error_set(errp, "Parameter '%s' expects integer, not '%s'", p->name, value);
    if (v > max)
        return error_set(errp, "Parameter '%s' expects uint%d_t: an integer up to %" PRIu64 ", not '%s'", p->name,
                         max > UINT32_MAX ? 64 : max > UINT16_MAX ? 32 : max > UINT8_MAX ? 16 : 8, max, value);
    store_number(field, p->type, v);
    return true;
}

static bool set_signed(void *field, const struct property *p, const char *value, int64_t limit, struct error **errp)
{
    int64_t v;
    if (!parse_i64(value, &v, NULL))
        return error_set(errp, "Parameter '%s' expects integer, not '%s'", p->name, value);
    if (v > limit || v < -limit - 1)
        return error_set(errp, "Parameter '%s' expects int%d_t: '%s' is out of range", p->name, limit > INT32_MAX ? 64 : 32, value);
    store_number(field, p->type, (uint64_t)v);
    return true;
}

static bool set_size(void *field, const struct property *p, const char *value, struct error **errp)
{
    uint64_t v;
    if (!parse_size(value, &v, errp)) {
        error_prefix(errp, "Parameter '%s' expects size: ", p->name);
        return false;
    }
    store_number(field, p->type, v);
    return true;
}

static bool set_bool(void *field, const struct property *p, const char *value, struct error **errp)
{
    if (!parse_bool(value, field, NULL))
        return error_set(errp, "Parameter '%s' expects 'on' or 'off', not '%s'", p->name, value);
    return true;
}

static bool set_string(void *field, const char *value)
{
    char *copy = strdup(value);
    if (!copy)
        abort();
    free(*(char **)field);
    *(char **)field = copy;
    return true;
}

static bool set_backend(struct device *device, void *field, const struct property *p, const char *value, struct error **errp)
{
    struct machine *m = device->machine;
    struct memory_backend *backend = device->type->backend_find ? device->type->backend_find(m, value) : NULL;
    if (!backend && machine_find_device(m, value))
        return error_set(errp, "Invalid parameter type for '%s', expected: memory-backend ('%s' is a device)", p->name, value);
    if (!backend && *value) {
        error_set_class(errp, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", value);
        error_hint(errp, "'%s' names a memory backend; create it first with object_add (or -object).", p->name);
        return false;
    }
    *(struct memory_backend **)field = backend;
    return true;
}

static bool set_chardev(struct device *device, void *field, const struct property *p, const char *value, struct error **errp)
{
    struct machine *m = device->machine;
    struct chardev *chardev = m->chardevs ? chardev_find(m->chardevs, value) : NULL;
    if (!chardev)
        return error_set(errp, "Property '%s.%s' can't find value '%s'", device->type->name, p->name, value);
    *(struct chardev **)field = chardev;
    return true;
}

static bool set_id(struct device *device, const char *value, struct error **errp)
{
    if (!identifier_valid(value)) {
        error_set(errp, "Parameter 'id' expects an identifier, not '%s'", value);
        error_hint(errp, "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.");
        return false;
    }
    return set_string(&device->id, value);
}

bool device_set(struct device *device, const char *property, const char *value, struct error **errp)
{
    const struct property *p = NULL;
    for (size_t i = 0; i < device->type->property_count && !p; i++) {
        if (!strcmp(device->type->properties[i].name, property))
            p = &device->type->properties[i];
    }
    if (!p && strcmp(property, "id"))
        return unknown_property(device->type, property, errp);
    if (device->realized)
        return error_set(errp, "Attempt to set %sproperty '%s' on device '%s' (type '%s') after it was realized",
                         p && p->type == PROPERTY_BACKEND ? "link " : "", property, device->id ? device->id : "", device->type->name);
    if (!p)
        return set_id(device, value, errp);
    if (p->read_only)
        return error_set(errp, "Property '%s.%s' is not writable", device->type->name, property);
    void *field = field_of(device, p);
    switch (p->type) {
    case PROPERTY_BOOL: return set_bool(field, p, value, errp);
    case PROPERTY_UINT8: return set_unsigned(field, p, value, UINT8_MAX, errp);
    case PROPERTY_UINT16: return set_unsigned(field, p, value, UINT16_MAX, errp);
    case PROPERTY_UINT32: return set_unsigned(field, p, value, UINT32_MAX, errp);
    case PROPERTY_UINT64: return set_unsigned(field, p, value, UINT64_MAX, errp);
    case PROPERTY_INT32: return set_signed(field, p, value, INT32_MAX, errp);
    case PROPERTY_INT64: return set_signed(field, p, value, INT64_MAX, errp);
    case PROPERTY_SIZE: return set_size(field, p, value, errp);
    case PROPERTY_STRING: return set_string(field, value);
    case PROPERTY_BACKEND: return set_backend(device, field, p, value, errp);
    case PROPERTY_CHARDEV: return set_chardev(device, field, p, value, errp);
    }
    return false;
}

char *device_get(const struct device *device, const struct property *property)
{
    const void *f = field_of(device, property);
    const char *text = NULL;
    char number[32];
    switch (property->type) {
    case PROPERTY_BOOL: text = *(const bool *)f ? "true" : "false"; break;
    case PROPERTY_UINT8: snprintf(number, sizeof(number), "%u", *(const uint8_t *)f); break;
    case PROPERTY_UINT16: snprintf(number, sizeof(number), "%u", *(const uint16_t *)f); break;
    case PROPERTY_UINT32: snprintf(number, sizeof(number), "%" PRIu32, *(const uint32_t *)f); break;
    case PROPERTY_UINT64:
    case PROPERTY_SIZE: snprintf(number, sizeof(number), "%" PRIu64, *(const uint64_t *)f); break;
    case PROPERTY_INT32: snprintf(number, sizeof(number), "%" PRId32, *(const int32_t *)f); break;
    case PROPERTY_INT64: snprintf(number, sizeof(number), "%" PRId64, *(const int64_t *)f); break;
    case PROPERTY_STRING: text = *(char *const *)f ? *(char *const *)f : ""; break;
    case PROPERTY_BACKEND: {
        const struct memory_backend *backend = *(struct memory_backend *const *)f;
        text = backend && device->type->backend_id ? device->type->backend_id(backend) : "";
        break;
    }
    case PROPERTY_CHARDEV: {
        const struct chardev *chardev = *(struct chardev *const *)f;
        text = chardev ? chardev_id(chardev) : "";
        break;
    }
    }
    char *copy = strdup(text ? text : number);
    if (!copy)
        abort();
    return copy;
}

bool device_realize(struct device *device, struct error **errp)
{
    struct machine *m = device->machine;
    if (device->id && machine_find_device(m, device->id))
        return error_set(errp, "Duplicate device ID '%s'", device->id);
    if (device->type->realize && !device->type->realize(device, errp))
        return false;
    device->realized = true;
    device->unnamed_number = device->id ? 0 : m->unnamed_devices++;
    struct device **end = &m->devices;
    while (*end)
        end = &(*end)->next;
    *end = device;
    return true;
}

void device_set_of_board(struct device *device)
{
    device->machine->unnamed_devices--;
    device->unnamed_number = DEVICE_OF_BOARD;
}

void device_delete(struct device *device)
{
    if (!device)
        return;
    if (device->realized) {
        if (device->type->unrealize)
            device->type->unrealize(device);
        for (struct device **p = &device->machine->devices; *p; p = &(*p)->next) {
            if (*p == device) {
                *p = device->next;
                break;
            }
        }
    }
    for (size_t i = 0; i < device->type->property_count; i++) {
        if (device->type->properties[i].type == PROPERTY_STRING)
            free(*(char **)field_of(device, &device->type->properties[i]));
    }
    free(device->id);
    free(device);
}

void device_reset(struct device *device)
{
    if (device->type->reset)
        device->type->reset(device);
}

const struct device_type *device_type_find(const struct device_registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->count; i++) {
        if (!strcmp(registry->types[i]->name, name))
            return registry->types[i];
    }
    return NULL;
}

// ---- help

const char *property_type_name(enum property_type type)
{
    static const char *const names[] = {
        [PROPERTY_BOOL] = "bool", [PROPERTY_UINT8] = "uint8", [PROPERTY_UINT16] = "uint16", [PROPERTY_UINT32] = "uint32",
        [PROPERTY_UINT64] = "uint64", [PROPERTY_INT32] = "int32", [PROPERTY_INT64] = "int64", [PROPERTY_SIZE] = "uint64",
        [PROPERTY_STRING] = "str", [PROPERTY_BACKEND] = "link<memory-backend>", [PROPERTY_CHARDEV] = "str",
    };
    return names[type];
}

static void print_type(const struct device_type *t, void (*print)(void *, const char *), void *opaque)
{
    char line[240];
    snprintf(line, sizeof line, "name \"%s\", bus %s, desc \"%s\"\n", t->name, t->bus ? t->bus : "none", t->help);
    print(opaque, line);
}

static void print_properties(const struct device_type *t, void (*print)(void *, const char *), void *opaque)
{
    char line[240], left[80];
    snprintf(line, sizeof line, "%s options:\n", t->name);
    print(opaque, line);
    for (size_t i = 0; i < t->property_count; i++) {
        const struct property *p = &t->properties[i];
        snprintf(left, sizeof left, "%s=<%s>", p->name, property_type_name(p->type));
        snprintf(line, sizeof line, "  %-29s - %s%s\n", left, p->help ? p->help : "", p->read_only ? " (read-only)" : "");
        print(opaque, line);
    }
}

bool device_help(const struct device_registry *registry, const char *text, void (*print)(void *, const char *), void *opaque)
{
    const char *comma = strrchr(text, ','), *last = comma ? comma + 1 : text;
    size_t length = strcspn(text, ",");
    bool found = !comma;
    if (strcmp(last, "help") && strcmp(last, "?"))
        return false;
    for (size_t i = 0; i < registry->count; i++) {
        const struct device_type *t = registry->types[i];
        if (!comma) {
            print_type(t, print, opaque);
        } else if (strlen(t->name) == length && !strncmp(t->name, text, length)) {
            print_properties(t, print, opaque);
            found = true;
        }
    }
    return found;
}
