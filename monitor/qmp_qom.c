// SPDX-License-Identifier: MIT
//
// QMP: the tree of objects (object_tree.h), and the types that there are.
#if HAVE_JANSSON
#include "monitor/qmp.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/core/device.h"
#include "monitor/object_tree.h"
#include "util/format.h"

static bool add_property(void *opaque, const char *name, const char *type, const struct object *child)
{
    char *text = format_text(child ? "child<%s>" : "%s", type);
    json_array_append_new(opaque, json_pack("{s:o,s:o}", "name", qmp_text(name, strlen(name)), "type", qmp_text(text, strlen(text))));
    free(text);
    return true;
}

json_t *qmp_qom_list(struct machine *machine, const json_t *arguments, struct error **errp)
{
    struct object object;
    if (!object_find(machine, qmp_string(arguments, "path"), &object, errp))
        return NULL;
    json_t *list = json_array();
    object_each(machine, &object, add_property, list);
    return list;
}

json_t *qmp_qom_get(struct machine *machine, const json_t *arguments, struct error **errp)
{
    struct object object;
    if (!object_find(machine, qmp_string(arguments, "path"), &object, errp))
        return NULL;
    char *text = object_get(machine, &object, qmp_string(arguments, "property"), errp);
    if (!text)
        return NULL;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    for (char *p = text; !value && *p; p++) // a path that is not UTF-8
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    if (!value)
        value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!value)
        error_set(errp, "the value of '%s' is not a number of JSON: %s", qmp_string(arguments, "property"), text);
    free(text);
    return value;
}

struct wanted_type { const char *name; char type[32]; };

static bool note_type(void *opaque, const char *name, const char *type, const struct object *child)
{
    struct wanted_type *w = opaque;
    if (strcmp(name, w->name))
        return true;
    snprintf(w->type, sizeof w->type, "%s", child ? "child" : type);
    return false;
}

// Does the JSON value fit a property of the object tree? Types that are not listed are left to whoever sets them.
static bool check_type(const char *name, const char *type, const json_t *value, struct error **errp)
{
    if (!strcmp(type, "bool"))
        return json_is_boolean(value) || qmp_wrong_type(name, "boolean", errp);
    if (strstr(type, "int"))
        return json_is_integer(value) || qmp_wrong_type(name, "integer", errp);
    return json_is_string(value) || qmp_wrong_type(name, "string", errp);
}

json_t *qmp_qom_set(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const json_t *value = json_object_get(arguments, "value");
    struct wanted_type wanted = { .name = qmp_string(arguments, "property") };
    struct object object;
    char number[32];
    if (!object_find(machine, qmp_string(arguments, "path"), &object, errp))
        return NULL;
    object_each(machine, &object, note_type, &wanted);
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    const char *text = json_is_boolean(value) ? json_is_true(value) ? "on" : "off" : json_is_integer(value) ? number : json_string_value(value);
    if (object.kind == OBJECT_BACKEND && *wanted.type && strcmp(wanted.name, "type") && !check_type(wanted.name, wanted.type, value, errp))
        return NULL;
    return object_set(machine, &object, wanted.name, text ? text : "", errp) ? json_object() : NULL;
}

// ---- types

json_t *qmp_qom_list_types(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const char *wanted = qmp_string(arguments, "implements"), *type;
    json_t *list = json_array();
    for (size_t i = 0; (type = backend_type(i)); i++)
        if (!wanted || !strcmp(wanted, type) || !strcmp(wanted, "memory-backend") || !strcmp(wanted, "object"))
            json_array_append_new(list, json_pack("{s:s,s:s}", "name", type, "parent", "memory-backend"));
    for (size_t i = 0; i < machine->registry.count; i++) {
        const struct device_type *t = machine->registry.types[i];
        bool memory = !strcmp(t->name, "pc-dimm") && wanted && !strcmp(wanted, "memory-device");
        if (!wanted || memory || !strcmp(wanted, t->name) || !strcmp(wanted, "device") || !strcmp(wanted, "object"))
            json_array_append_new(list, json_pack("{s:s,s:s}", "name", t->name, "parent", "device"));
    }
    return list;
}

static json_t *device_properties(const struct device_type *type)
{
    json_t *list = json_array();
    for (size_t i = 0; i < type->property_count; i++) {
        const struct property *p = &type->properties[i];
        json_t *row = json_pack("{s:s,s:s}", "name", p->name, "type", property_type_name(p->type));
        bool text = p->type == PROPERTY_STRING || p->type == PROPERTY_BACKEND || p->type == PROPERTY_CHARDEV;
        if (!text && !p->read_only)
            json_object_set_new(row, "default-value", p->type == PROPERTY_BOOL ? json_boolean(p->default_value) : json_integer(p->default_value));
        if (p->help)
            json_object_set_new(row, "description", json_string(p->help));
        json_array_append_new(list, row);
    }
    return list;
}

json_t *qmp_device_list_properties(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const char *name = qmp_string(arguments, "typename");
    const struct device_type *type = device_type_find(&machine->registry, name);
    if (type)
        return device_properties(type);
    error_set_class(errp, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", name);
    return NULL;
}

json_t *qmp_qom_list_properties(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const char *name = qmp_string(arguments, "typename");
    const struct device_type *type = device_type_find(&machine->registry, name);
    const struct backend_property *p;
    if (type)
        return device_properties(type);
    if (!backend_type_known(name)) {
        error_set_class(errp, ERROR_DEVICE_NOT_FOUND, "Class '%s' not found", name);
        return NULL;
    }
    json_t *list = json_array();
    json_array_append_new(list, json_pack("{s:s,s:s}", "name", "type", "type", "string"));
    for (size_t i = 0; (p = backend_property(name, i)); i++)
        if (p->kind != BACKEND_REFUSED && strcmp(p->name, "id"))
            json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "name", p->name, "type", object_backend_type(p->kind), "description", p->help));
    return list;
}
#endif
