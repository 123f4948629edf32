// SPDX-License-Identifier: MIT
//
// The text of `info mtree`: the tree of regions by address, then the targets of aliases; and the flat view
// (`info mtree -f`). Machine thread only; reads, never changes.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "softmmu/memory.h"

struct printer {
    void (*print)(void *, const char *);
    void *opaque;
    bool disabled;                 // those, too
    const struct region **targets; // of aliases, in the order met
    size_t target_count, target_capacity;
};

static const char *kind_name(const struct region *region, bool readonly)
{
    while (region->kind == REGION_ALIAS) {
        readonly |= region->readonly;
        region = region->alias;
    }
    if (region->kind != REGION_RAM)
        return "i/o";
    return readonly || region->readonly || region->ram->readonly ? "rom" : "ram";
}

static void note_target(struct printer *p, const struct region *target)
{
    while (target->parent)
        target = target->parent;
    for (size_t i = 0; i < p->target_count; i++)
        if (p->targets[i] == target)
            return;
    if (p->target_count == p->target_capacity) {
        p->target_capacity = p->target_capacity ? p->target_capacity * 2 : 8;
        p->targets = realloc(p->targets, p->target_capacity * sizeof(p->targets[0]));
        if (!p->targets)
            abort();
    }
    p->targets[p->target_count++] = target;
}

static uint64_t last_of(uint64_t first, uint64_t size)
{
    uint64_t last = first + (size == UINT64_MAX ? size : size ? size - 1 : 0); // "everything" has no 65th bit
    return last < first ? UINT64_MAX : last;
}

static void print_row(struct printer *p, const struct region *region, uint64_t base, unsigned depth)
{
    char line[512];
    const char *off = region->enabled ? "" : " [disabled]";
    if (region->kind == REGION_ALIAS) {
        snprintf(line, sizeof(line),
                 "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): alias %s @%s %016" PRIx64 "-%016" PRIx64 "%s\n",
                 (int)depth * 2, "", base, last_of(base, region->size), region->priority, kind_name(region, false),
                 region->name, region->alias->name, region->alias_offset, last_of(region->alias_offset, region->size), off);
        note_target(p, region->alias);
    } else {
        snprintf(line, sizeof(line), "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s%s\n", (int)depth * 2, "", base,
                 last_of(base, region->size), region->priority, kind_name(region, false), region->name, off);
    }
    p->print(p->opaque, line);
}

static int by_address(const void *a, const void *b)
{
    const struct region *x = *(const struct region *const *)a, *y = *(const struct region *const *)b;
    if (x->base != y->base)
        return x->base < y->base ? -1 : 1;
    return x->priority != y->priority ? (x->priority > y->priority ? -1 : 1) : 0;
}

static void print_region(struct printer *p, const struct region *region, uint64_t base, unsigned depth)
{
    if (!region->enabled && !p->disabled)
        return;
    print_row(p, region, base, depth);
    size_t count = 0, i = 0;
    for (const struct region *child = region->first_child; child; child = child->next_sibling)
        count++;
    if (!count)
        return;
    const struct region **children = calloc(count, sizeof(*children));
    if (!children)
        abort();
    for (const struct region *child = region->first_child; child; child = child->next_sibling)
        children[i++] = child;
    qsort(children, count, sizeof(children[0]), by_address);
    for (i = 0; i < count; i++)
        print_region(p, children[i], base + children[i]->base, depth + 1);
    free(children);
}

void address_space_print_tree(struct address_space *space, bool disabled, void (*print)(void *, const char *), void *opaque)
{
    struct printer p = { .print = print, .opaque = opaque, .disabled = disabled };
    char line[256];
    snprintf(line, sizeof(line), "address-space: %s\n", space->root.name);
    print(opaque, line);
    print_region(&p, &space->root, 0, 1);
    print(opaque, "\n");
    for (size_t i = 0; i < p.target_count; i++) { // grows while it is printed
        if (p.targets[i] == &space->root)
            continue;
        snprintf(line, sizeof(line), "memory-region: %s\n", p.targets[i]->name);
        print(opaque, line);
        print_region(&p, p.targets[i], p.targets[i]->base, 1);
        print(opaque, "\n");
    }
    free(p.targets);
}

void address_space_print_flat(struct address_space *space, void (*print)(void *, const char *), void *opaque)
{
    char line[512];
    snprintf(line, sizeof(line), "FlatView #0\n AS \"%s\", root: %s\n Root memory region: %s\n", space->root.name,
             space->root.name, space->root.name);
    print(opaque, line);
    for (uint32_t i = 0; i < space->view->count; i++) {
        const struct section *s = &space->view->sections[i];
        int n = snprintf(line, sizeof(line), "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", s->start, s->last,
                         s->region->priority, kind_name(s->region, s->readonly), s->region->name);
        if (s->region_offset && n > 0 && (size_t)n < sizeof(line))
            n += snprintf(line + n, sizeof(line) - (size_t)n, " @%016" PRIx64, s->region_offset);
        print(opaque, line);
        print(opaque, "\n");
    }
    if (!space->view->count)
        print(opaque, "  No rendered FlatView\n");
    print(opaque, "\n");
}
