// SPDX-License-Identifier: MIT
//
// -global, the value of a property for all devices of a type; -set, one more property for something that has an id.
#include <stdlib.h>
#include <string.h>
#include "options_internal.h"
#include "util/error.h"
#include "util/format.h"

bool option_global(struct options *o, const char *text, struct error **errp)
{
    if (strncmp(text, "driver=", 7)) {
        const char *dot = strchr(text, '.'), *equals = dot ? strchr(dot, '=') : NULL;
        if (!equals || dot == text || equals == dot + 1)
            return error_set(errp, "-global %s: expected driver.property=value", text);
        return option_list_add(&o->globals, "global", text, errp);
    }
    static const char *const names[] = { "driver", "property", "value" };
    const char *values[3] = { NULL };
    struct option_pairs p;
    bool ok = option_split(&p, "global", text, NULL, errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        unsigned k = 0;
        while (k < 3 && strcmp(names[k], p.items[i].key))
            k++;
        if (k == 3)
            ok = option_invalid("global", text, p.items[i].key, names, 3, errp);
        else
            values[k] = p.items[i].value;
    }
    for (unsigned k = 0; ok && k < 3; k++)
        ok = values[k] || error_set(errp, "-global %s: Parameter '%s' is missing", text, names[k]);
    char *whole = ok ? format_text("%s.%s=%s", values[0], values[1], values[2]) : NULL;
    ok = ok && option_list_add(&o->globals, "global", whole, errp);
    free(whole);
    free(p.text);
    return ok;
}

// Does one of the words say id=ID?
static bool has_id(const char *text, const char *id, size_t length)
{
    if (*text == '{')
        return false; // JSON: complete as it is
    for (const char *word = text; word; word = strchr(word, ',')) {
        word += *word == ',';
        if (!strncmp(word, "id=", 3) && !strncmp(word + 3, id, length) && (!word[3 + length] || word[3 + length] == ','))
            return true;
    }
    return false;
}

static char *doubled_commas(const char *value)
{
    char *text = malloc(2 * strlen(value) + 1), *to = text;
    if (!text)
        abort();
    for (; *value; *to++ = *value++)
        if (*value == ',')
            *to++ = ',';
    *to = 0;
    return text;
}

bool option_set(struct options *o, const char *text, struct error **errp)
{
    const struct { const char *name; struct text_list *list; } groups[] = {
        { "device", &o->devices }, { "object", &o->objects }, { "chardev", &o->chardevs },
    };
    size_t group = strcspn(text, "."), i = 0;
    const char *id = text[group] ? text + group + 1 : "";
    size_t id_length = strcspn(id, ".");
    const char *name = id[id_length] ? id + id_length + 1 : "", *value = strchr(name, '=');
    if (!group || !id_length || !value || value == name)
        return error_set(errp, "-set %s: expected group.id.property=value", text);
    while (i < sizeof groups / sizeof *groups && (strlen(groups[i].name) != group || strncmp(groups[i].name, text, group)))
        i++;
    if (i == sizeof groups / sizeof *groups)
        return error_set(errp, "-set %s: There is no option group '%.*s' (device, object and chardev are known)", text, (int)group, text);
    struct text_list *list = groups[i].list;
    for (size_t k = list->count; k-- > 0;) {
        if (!has_id(list->items[k], id, id_length))
            continue;
        char *safe = doubled_commas(value + 1);
        char *longer = format_text("%s,%.*s=%s", list->items[k], (int)(value - name), name, safe);
        free(safe);
        free(list->items[k]);
        list->items[k] = longer;
        return true;
    }
    return error_set(errp, "-set %s: there is no %s \"%.*s\" defined before it", text, groups[i].name, (int)id_length, id);
}
