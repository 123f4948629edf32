// SPDX-License-Identifier: MIT
//
// The tables of commands and events of QMP, and the checks of arguments against the rows.
#if HAVE_JANSSON
#include <stdlib.h>
#include <string.h>
#include "hw/mem/memory_device.h"
#include "monitor/internal.h"
#include "monitor/qmp.h"

const struct qmp_command qmp_commands[] = {
#define COMMAND(name_, alias_, effect_, arguments_, help_, ...) __VA_OPT__(ROW(help_, effect_, __VA_ARGS__))
#define INFO(name_, arguments_, help_, ...) __VA_OPT__(ROW(help_, LOOKS, __VA_ARGS__))
#define QMP(handler_, name_, effect_, arguments_, help_) ROW(help_, effect_, handler_, name_, arguments_)
#define ROW(...) ROW_(__VA_ARGS__)
#define ROW_(help_, effect_, handler_, name_, arguments_) \
    { .name = name_, .effect = EFFECT_##effect_, .arguments = arguments_, .help = help_, .run = qmp_##handler_ },
#include "monitor/commands.def"
#undef COMMAND
#undef INFO
#undef QMP
#undef ROW
#undef ROW_
};
const size_t qmp_command_count = sizeof qmp_commands / sizeof *qmp_commands;

json_t *qmp_text(const char *text, size_t len)
{
    json_t *string = json_stringn(text, len);
    if (string)
        return string;
    char *copy = malloc(len + 1);
    if (!copy)
        abort();
    for (size_t i = 0; i < len; i++)
        copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    string = json_stringn(copy, len);
    free(copy);
    return string;
}

const char *qmp_string(const json_t *arguments, const char *name)
{
    return json_string_value(json_object_get(arguments, name));
}

bool qmp_wrong_type(const char *name, const char *expected, struct error **errp)
{
    return error_set(errp, "Invalid parameter type for '%s', expected: %s", name, expected);
}

// ---- arguments

bool qmp_next_parameter(const char **spec, struct qmp_parameter *p)
{
    const char *word = *spec + strspn(*spec, " ");
    size_t length = strcspn(word, " "), name = strcspn(word, "?: ");
    if (!length || *word == '.')
        return false;
    p->optional = word[name] == '?';
    const char *type = word + name + p->optional + 1;
    size_t type_length = (size_t)(word + length - type);
    memcpy(p->name, word, name);
    p->name[name] = 0;
    memcpy(p->type, type, type_length);
    p->type[type_length] = 0;
    *spec = word + length;
    return true;
}

static bool check_type(const struct qmp_parameter *p, const json_t *value, struct error **errp)
{
    if (!strcmp(p->type, "str"))
        return json_is_string(value) || qmp_wrong_type(p->name, "string", errp);
    if (!strcmp(p->type, "int"))
        return json_is_integer(value) || qmp_wrong_type(p->name, "integer", errp);
    if (!strcmp(p->type, "bool"))
        return json_is_boolean(value) || qmp_wrong_type(p->name, "boolean", errp);
    if (!strcmp(p->type, "list"))
        return json_is_array(value) || qmp_wrong_type(p->name, "array", errp);
    return true; // any
}

static bool is_expected(const char *spec, const char *name)
{
    struct qmp_parameter p;
    while (qmp_next_parameter(&spec, &p))
        if (!strcmp(p.name, name))
            return true;
    return false;
}

bool qmp_check_arguments(const char *spec, const json_t *arguments, struct error **errp)
{
    struct qmp_parameter p;
    for (const char *rest = spec; qmp_next_parameter(&rest, &p);) {
        const json_t *value = json_object_get(arguments, p.name);
        if (!value && !p.optional)
            return error_set(errp, "Parameter '%s' is missing", p.name);
        if (value && !check_type(&p, value, errp))
            return false;
    }
    if (!arguments || strstr(spec, "..."))
        return true;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)arguments, name, value)
        if (!is_expected(spec, name))
            return error_set(errp, "Parameter '%s' is unexpected", name);
    return true;
}

// ---- events

char *qmp_device_path(const char *id, unsigned unnamed_number)
{
    size_t size = 64 + (id ? strlen(id) : 0);
    char *path = malloc(size);
    if (!path)
        abort();
    if (id)
        snprintf(path, size, "/machine/peripheral/%s", id);
    else
        snprintf(path, size, "/machine/peripheral-anon/device[%u]", unnamed_number);
    return path;
}

static json_t *device(const char *id, unsigned unnamed_number)
{
    char *path = qmp_device_path(id, unnamed_number);
    json_t *data = json_pack("{s:s}", "path", path);
    if (id)
        json_object_set_new(data, "device", json_string(id));
    free(path);
    return data;
}

static json_t *device_deleted(struct machine *machine, const struct event_details *d)
{
    return device(d->id, d->unnamed_number);
}

static json_t *unplug_refused(struct machine *machine, const struct event_details *d)
{
    const struct memory_device *m = machine->memory_devices ? machine->memory_devices->devices : NULL;
    while (m && m->slot != d->slot)
        m = m->next;
    return device(d->id, m ? m->device->unnamed_number : d->unnamed_number);
}

static json_t *acpi_ost(struct machine *machine, const struct event_details *d)
{
    char slot[16];
    snprintf(slot, sizeof slot, "%d", d->slot);
    json_t *info = json_pack("{s:I,s:I,s:s,s:s}", "source", (json_int_t)d->source, "status", (json_int_t)d->status, "slot", slot,
                             "slot-type", "DIMM");
    if (d->id)
        json_object_set_new(info, "device", json_string(d->id));
    return json_pack("{s:o}", "info", info);
}

static json_t *cause(struct machine *machine, const struct event_details *d)
{
    return json_pack("{s:b,s:s}", "guest", d->guest, "reason", d->reason ? d->reason : "none");
}

static json_t *panicked(struct machine *machine, const struct event_details *d)
{
    return json_pack("{s:s}", "action", machine->panic == PANIC_NONE ? "run" : machine->panic == PANIC_PAUSE ? "pause" : "poweroff");
}

static const struct { enum machine_event event; const char *name, *members; qmp_event_data *data; } events[] = {
#define EVENT(event_, name_, members_, data_) { EVENT_##event_, name_, members_, data_ },
#include "monitor/events.def"
#undef EVENT
};

const char *qmp_event_name(size_t i, const char **members)
{
    if (i >= sizeof events / sizeof *events)
        return NULL;
    *members = events[i].members;
    return events[i].name;
}

const char *qmp_event(struct machine *machine, enum machine_event event, const struct event_details *details, json_t **data)
{
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (events[i].event != event)
            continue;
        *data = events[i].data ? events[i].data(machine, details) : NULL;
        return events[i].name;
    }
    return NULL;
}
#endif
