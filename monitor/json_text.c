// SPDX-License-Identifier: MIT
//
// -object, -device, object_add and device_add with JSON instead of a list: the arguments of QMP's object-add and device_add.
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "monitor/internal.h"
#include "util/error.h"

static bool is_json(const char *text) { return *text == '{'; }

#if HAVE_JANSSON
#include "monitor/qmp.h"

// The arguments of a command of QMP, checked against its row; NULL: *errp is set.
static json_t *parse(const char *text, const char *command, struct error **errp)
{
    json_error_t why;
    json_t *arguments = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (!arguments) {
        error_set(errp, "JSON parse error, %s", why.text);
        return NULL;
    }
    for (size_t i = 0; i < qmp_command_count; i++) {
        if (!strcmp(qmp_commands[i].name, command) && !qmp_check_arguments(qmp_commands[i].arguments, arguments, errp)) {
            json_decref(arguments);
            return NULL;
        }
    }
    return arguments;
}

static bool object_add_json(struct backend_list *list, const char *text, struct error **errp)
{
    json_t *arguments = parse(text, "object-add", errp);
    bool ok = arguments && qmp_add_backend(list, arguments, errp);
    json_decref(arguments);
    return ok;
}

static bool device_add_json(struct machine *machine, const char *text, struct error **errp)
{
    json_t *arguments = parse(text, "device_add", errp);
    bool ok = arguments && qmp_add_device(machine, arguments, errp);
    json_decref(arguments);
    return ok;
}

static char *json_driver(const char *text)
{
    json_t *arguments = json_loads(text, 0, NULL);
    const char *driver = qmp_string(arguments, "driver");
    char *copy = strdup(driver ? driver : "");
    json_decref(arguments);
    return copy;
}
#else
static bool no_json(struct error **errp)
{
    return error_set(errp, "JSON needs a build with libjansson; 'type,name=value' does without");
}
static bool object_add_json(struct backend_list *list, const char *text, struct error **errp) { return no_json(errp); }
static bool device_add_json(struct machine *machine, const char *text, struct error **errp) { return no_json(errp); }
static char *json_driver(const char *text) { return strdup(""); }
#endif

bool object_add_text(struct backend_list *list, const char *text, bool command_line, struct error **errp)
{
    if (is_json(text))
        return object_add_json(list, text, errp);
    return (command_line ? backend_new_option(list, text, errp) : backend_new(list, text, errp)) != NULL;
}

bool device_add_text(struct machine *machine, const char *text, struct error **errp)
{
    if (is_json(text))
        return device_add_json(machine, text, errp);
    char *copy = strdup(text);
    bool ok = device_add_list(machine, copy, errp);
    free(copy);
    return ok;
}

bool device_text_is(const char *text, const char *driver)
{
    if (!is_json(text)) {
        const char *behind = strstr(text, ",driver=");
        text = !strncmp(text, "driver=", 7) ? text + 7 : behind ? behind + 8 : text;
        return strcspn(text, ",") == strlen(driver) && !strncmp(text, driver, strlen(driver));
    }
    char *name = json_driver(text);
    bool same = !strcmp(name, driver);
    free(name);
    return same;
}
