// SPDX-License-Identifier: MIT
//
// Completion: commands, items of info, ids, types of objects and devices, their properties. A candidate is the whole last word.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/mem/pc_dimm.h"
#include "monitor/internal.h"
#include "util/format.h"

struct completion {
    struct machine *machine;
    const char *word; // the one to complete
    void (*candidate)(void *, const char *);
    void *to;
};

static bool starts_with(const char *name, const char *text)
{
    while (*text && (*name == *text || (*name == '_' && *text == '-')))
        name++, text++;
    return !*text;
}

// before + name + behind, if that goes on from the word.
static void offer(const struct completion *c, const char *before, const char *name, const char *behind, const char *help)
{
    char *text = format_text("%s%s%s", before, name, behind), *line = format_text("%s\t%s", text, help);
    if (starts_with(text, c->word))
        c->candidate(c->to, line);
    free(line);
    free(text);
}

static void offer_commands(const struct completion *c, const struct command *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[64];
        monitor_spelling(&table[i], name);
        if (!starts_with(table[i].name, c->word))
            continue;
        char *line = format_text("%s\t%s%s%s", name, table[i].arguments, *table[i].arguments ? ": " : "", table[i].help);
        c->candidate(c->to, line);
        free(line);
    }
}

static void offer_backends(const struct completion *c, const char *before, bool unused)
{
    for (const struct memory_backend *b = backend_first(c->machine->backends); b; b = b->next)
        if (!unused || !b->busy)
            offer(c, before, b->id, "", b->type);
}

static void offer_devices(const struct completion *c, const char *before, bool only_dimms)
{
    for (struct device *d = c->machine->devices; d; d = d->next)
        if (d->id && (!only_dimms || pc_dimm_of(d)))
            offer(c, before, d->id, "", d->type->name);
}

// "TYPE,name=value,na": before is what is not to change of the word.
static void offer_device_options(const struct completion *c, const char *before, size_t type_length)
{
    char *name = format_text("%.*s", (int)type_length, c->word);
    const struct device_type *type = device_type_find(&c->machine->registry, name);
    const char *last = c->word + strlen(before);
    for (size_t i = 0; type && i < type->property_count; i++) {
        const struct property *p = &type->properties[i];
        char *with_name = format_text("%s%s=", before, p->name);
        if (!strchr(last, '=') && !p->read_only)
            offer(c, with_name, "", "", p->help ? p->help : "");
        else if (p->type == PROPERTY_BACKEND && starts_with(c->word, with_name))
            offer_backends(c, with_name, true);
        free(with_name);
    }
    if (type)
        offer(c, before, "id", "=", "name");
    free(name);
}

static void offer_object_options(const struct completion *c, const char *before, size_t type_length)
{
    char *type = format_text("%.*s", (int)type_length, c->word);
    const struct backend_property *p;
    for (size_t i = 0; (p = backend_property(type, i)); i++)
        offer(c, before, p->name, "=", p->help);
    free(type);
}

static void offer_list(const struct completion *c, bool devices)
{
    const char *comma = strrchr(c->word, ',');
    char *before = format_text("%.*s", comma ? (int)(comma + 1 - c->word) : 0, c->word);
    if (comma)
        (devices ? offer_device_options : offer_object_options)(c, before, strcspn(c->word, ","));
    for (size_t i = 0; !comma && devices && i < c->machine->registry.count; i++)
        if (c->machine->registry.types[i]->hotpluggable)
            offer(c, "", c->machine->registry.types[i]->name, ",", c->machine->registry.types[i]->help);
    for (size_t i = 0; !comma && !devices && backend_type(i); i++)
        offer(c, "", backend_type(i), ",", "");
    free(before);
}

void monitor_complete(struct machine *machine, const char *text, void (*candidate)(void *, const char *), void *to)
{
    const char *space = strrchr(text, ' ');
    struct completion c = { .machine = machine, .word = space ? space + 1 : text, .candidate = candidate, .to = to };
    char *first = format_text("%.*s", space ? (int)(space - text) : 0, text);
    if (!space || !strcmp(first, "help"))
        offer_commands(&c, monitor_commands, monitor_command_count);
    else if (!strcmp(first, "info") || !strcmp(first, "help info"))
        offer_commands(&c, monitor_infos, monitor_info_count);
    else if (!strcmp(first, "object_del") || !strcmp(first, "object_del -w"))
        offer_backends(&c, "", false);
    else if (!strcmp(first, "device_del"))
        offer_devices(&c, "", false);
    else if (!strcmp(first, "memory") && *c.word == '-')
        offer_devices(&c, "-", true);
    else if (!strcmp(first, "object_add") || !strcmp(first, "device_add"))
        offer_list(&c, *first == 'd');
    free(first);
}
