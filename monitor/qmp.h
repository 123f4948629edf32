// SPDX-License-Identifier: MIT
//
// What the commands of QMP get and give. Handlers are named in commands.def, events in events.def.
#pragma once
#include <jansson.h>
#include "hw/core/machine.h"
#include "monitor/internal.h"
#include "util/error.h"

// arguments: an object, checked against the row. Returns a new reference; NULL: *errp is set.
typedef json_t *qmp_handler(struct machine *machine, const json_t *arguments, struct error **errp);
struct qmp_command {
    const char *name;
    enum command_effect effect;
    const char *arguments, *help;
    qmp_handler *run;
};
extern const struct qmp_command qmp_commands[];
extern const size_t qmp_command_count;

// A backend, a device by arguments that were checked against the row.
bool qmp_add_backend(struct backend_list *list, const json_t *arguments, struct error **errp);
bool qmp_add_device(struct machine *machine, const json_t *arguments, struct error **errp);
// A string of any bytes: what is not UTF-8 becomes '?'.
json_t *qmp_text(const char *text, size_t len);
// The next word of a row's text, as commands.def has them; false at the end and at "...".
struct qmp_parameter { char name[32], type[8]; bool optional; };
bool qmp_next_parameter(const char **spec, struct qmp_parameter *p);
// Types and presence of the members; `spec` as in commands.def. arguments may be NULL (none given).
bool qmp_check_arguments(const char *spec, const json_t *arguments, struct error **errp);
bool qmp_wrong_type(const char *name, const char *expected, struct error **errp); // sets the error; returns false
const char *qmp_string(const json_t *arguments, const char *name); // NULL: not there
// /machine/peripheral/ID or /machine/peripheral-anon/device[N]; malloced.
char *qmp_device_path(const char *id, unsigned unnamed_number);
// Data of an event of events.def; NULL: it has none.
typedef json_t *qmp_event_data(struct machine *machine, const struct event_details *details);
// The event i and the members of its data; NULL behind the last.
const char *qmp_event_name(size_t i, const char **members);
// Name of an event, NULL when QMP has none; *data: a new reference, or NULL.
const char *qmp_event(struct machine *machine, enum machine_event event, const struct event_details *details, json_t **data);

#define COMMAND(name_, alias_, effect_, arguments_, help_, ...) __VA_OPT__(QMP_HANDLER(__VA_ARGS__))
#define INFO(name_, arguments_, help_, ...) __VA_OPT__(QMP_HANDLER(__VA_ARGS__))
#define QMP(handler_, name_, effect_, arguments_, help_) QMP_HANDLER(handler_, name_, arguments_)
#define QMP_HANDLER(handler_, name_, arguments_) qmp_handler qmp_##handler_;
#include "monitor/commands.def"
#undef COMMAND
#undef INFO
#undef QMP
#undef QMP_HANDLER
