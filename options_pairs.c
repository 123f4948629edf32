// SPDX-License-Identifier: MIT
//
// "key=value,key=value" lists of the command line, and the values in them.
#include "options_internal.h"
#include <stdlib.h>
#include <string.h>
#include "util/error.h"
#include "util/nearest.h"

bool option_split(struct option_pairs *p, const char *option, const char *text, const char *first, struct error **errp)
{
    p->count = 0;
    p->text = strdup(text);
    char *save = NULL;
    for (char *word = strtok_r(p->text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        char *value = strchr(word, '=');
        if (p->count == MAX_OPTION_PAIRS)
            return error_set(errp, "-%s %s: too many values", option, text);
        if (!value && p->count == 0 && first) {
            p->items[p->count++] = (struct option_pair){ (char *)first, word };
            continue;
        }
        if (value)
            *value++ = 0;
        p->items[p->count++] = (struct option_pair){ word, value ? value : (char *)"on" };
    }
    return true;
}

bool option_invalid(const char *option, const char *text, const char *key, const char *const *known, size_t count, struct error **errp)
{
    error_set(errp, "-%s %s: Invalid parameter '%s'", option, text, key);
    const char *nearest = nearest_name(key, known, count);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return false;
}

bool option_on_off(const char *option, const struct option_pair *p, bool *out, struct error **errp)
{
    if (strcmp(p->value, "on") && strcmp(p->value, "off"))
        return error_set(errp, "-%s: Parameter '%s' expects 'on' or 'off', not '%s'", option, p->key, p->value);
    *out = !strcmp(p->value, "on");
    return true;
}

bool option_number(const char *option, const struct option_pair *p, uint64_t max, uint64_t *out, struct error **errp)
{
    char *end;
    *out = strtoull(p->value, &end, 0);
    if (!*p->value || *end || *p->value == '-' || *out > max)
        return error_set(errp, "-%s: Parameter '%s' expects a number from 0 to %llu, not '%s'", option, p->key, (unsigned long long)max, p->value);
    return true;
}

void text_list_add(struct text_list *list, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        abort();
    list->items[list->count++] = copy;
}

bool option_list_add(struct text_list *list, const char *option, const char *text, struct error **errp)
{
    if (list->count == MAX_LISTED)
        return error_set(errp, "-%s: given more than %d times", option, MAX_LISTED);
    text_list_add(list, text);
    return true;
}
