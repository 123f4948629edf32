// SPDX-License-Identifier: MIT
//
// "TYPE,name=value,..." to a backend.
#include <stdlib.h>
#include <string.h>
#include "backends/internal.h"
#include "util/error.h"

// Cuts one "name=value" off *text in place (",," stands for a comma); false at the end.
static bool cut_option(char **text, char **name, char **value)
{
    char *from = *text, *to = *text;
    if (!*from)
        return false;
    *name = to;
    *value = NULL;
    for (; *from; from++) {
        if (*from == ',' && *++from != ',')
            break;
        if (*from == '=' && !*value) {
            *to++ = 0;
            *value = to;
            continue;
        }
        *to++ = *from;
    }
    *text = from; // before the 0, which may overwrite what is there
    *to = 0;
    return true;
}

static bool is_node_range(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n && (!text[n] || (text[n] == '-' && text[n + 1] && !text[n + 1 + strspn(text + n + 1, "0123456789")]));
}

// One option after the type. `nodes`: the one before was host-nodes, whose list may go on.
static bool set_option(struct memory_backend *backend, const char *name, const char *value, bool *nodes, bool command_line,
                       struct error **errp)
{
    if (*nodes && !value && is_node_range(name)) {
        value = name;
        name = "host-nodes";
    }
    *nodes = !strcmp(name, "host-nodes");
    return backend_set_initial(backend, name, value ? value : "on", command_line, errp);
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        abort();
    return copy;
}

// The first word without a value, or qom-type= anywhere; malloced, "" when there is none.
static char *find_type(const char *options)
{
    char *copy = copy_text(options), *at = copy, *name, *value, *type = NULL;
    for (bool first = true; !type && cut_option(&at, &name, &value); first = false) {
        if ((first && !value) || (value && !strcmp(name, "qom-type")))
            type = copy_text(value ? value : name);
    }
    free(copy);
    return type ? type : copy_text("");
}

static bool set_options(struct memory_backend *backend, char *text, bool command_line, struct error **errp)
{
    char *name, *value;
    bool nodes = false;
    for (bool first = true; cut_option(&text, &name, &value); first = false) {
        bool is_type = (first && !value) || !strcmp(name, "qom-type"), empty = !*name && !value;
        if (!is_type && !empty && !set_option(backend, name, value, &nodes, command_line, errp))
            return false;
    }
    return true;
}

struct memory_backend *backend_parse(const char *options, bool command_line, struct error **errp)
{
    char *type = find_type(options), *copy = copy_text(options);
    struct memory_backend *backend = NULL;
    if (!*type)
        error_set(errp, "Parameter 'qom-type' is missing");
    else
        backend = backend_alloc(type, errp);
    if (backend && !set_options(backend, copy, command_line, errp)) {
        backend_free(backend);
        backend = NULL;
    }
    free(copy);
    free(type);
    return backend;
}
