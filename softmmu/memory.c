// SPDX-License-Identifier: MIT
//
// Regions, transactions and the flat view. Machine thread only.
//
// The view is built by painting: regions are visited from the highest priority to the lowest, and each leaf fills
// the gaps that are left in its window. Addresses are computed in 128 bits, because an alias may show its
// target from an offset that puts the target's start below zero. The view holds a reference to each RAM block in it,
// so an old view stays readable while listeners compare.
#include "softmmu/memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
#define GENERAL_REGS_ONLY __attribute__((target("general-regs-only")))
#else
#define GENERAL_REGS_ONLY
#endif

typedef __int128 address;

// ---- regions

static void region_init(struct region *region, const char *name, enum region_kind kind, uint64_t size)
{
    *region = (struct region){ .name = name, .kind = kind, .size = size, .enabled = true };
}

void region_init_container(struct region *region, const char *name, uint64_t size)
{
    region_init(region, name, REGION_CONTAINER, size);
}

void region_init_ram(struct region *region, const char *name, struct ram_block *ram, uint64_t offset, uint64_t size)
{
    assert(offset <= ram->size && size <= ram->size - offset);
    region_init(region, name, REGION_RAM, size);
    region->ram = ram;
    region->ram_offset = offset;
}

void region_init_rom(struct region *region, const char *name, struct ram_block *ram, uint64_t offset, uint64_t size)
{
    region_init_ram(region, name, ram, offset, size);
    region->readonly = true;
}

void region_init_io(struct region *region, const char *name, const struct region_ops *ops, void *opaque, uint64_t size)
{
    region_init(region, name, REGION_IO, size);
    region->ops = ops;
    region->opaque = opaque;
}

void region_init_alias(struct region *region, const char *name, struct region *target, uint64_t offset, uint64_t size)
{
    region_init(region, name, REGION_ALIAS, size);
    region->alias = target;
    region->alias_offset = offset;
}

// ---- the view

struct painter {
    struct section *sections;
    uint32_t count, capacity;
};

static void painter_insert(struct painter *p, uint32_t at, const struct section *section)
{
    if (p->count == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 64;
        p->sections = realloc(p->sections, p->capacity * sizeof(p->sections[0]));
        if (!p->sections)
            abort();
    }
    memmove(p->sections + at + 1, p->sections + at, (p->count - at) * sizeof(p->sections[0]));
    p->sections[at] = *section;
    p->count++;
}

static struct section leaf_section(struct region *leaf, address leaf_base, uint64_t start, uint64_t last, bool readonly)
{
    struct section s = { .start = start, .last = last, .region = leaf, .readonly = readonly,
                         .region_offset = (uint64_t)((address)start - leaf_base) };
    if (leaf->kind == REGION_RAM) {
        s.ram = leaf->ram;
        s.ram_offset = leaf->ram_offset + s.region_offset;
        s.host = leaf->ram->host + s.ram_offset;
        s.readonly |= leaf->ram->readonly;
    }
    return s;
}

// Fill the gaps of [first, last] with the leaf whose byte 0 lies at leaf_base.
static void paint_leaf(struct painter *p, struct region *leaf, address leaf_base, uint64_t first, uint64_t last, bool readonly)
{
    uint32_t i = 0;
    while (i < p->count && p->sections[i].last < first)
        i++;
    for (;;) {
        uint64_t end = last;
        if (i < p->count && p->sections[i].start <= last) {
            if (p->sections[i].start <= first) { // taken: go on behind it
                if (p->sections[i].last >= last)
                    return;
                first = p->sections[i++].last + 1;
                continue;
            }
            end = p->sections[i].start - 1;
        }
        struct section s = leaf_section(leaf, leaf_base, first, end, readonly);
        painter_insert(p, i++, &s);
        if (end == last)
            return;
        first = end + 1;
    }
}

// base: where the region's byte 0 lies; [first, last]: what may be seen of it.
static void paint(struct painter *p, struct region *region, address base, address first, address last, bool readonly)
{
    if (!region->enabled || !region->size)
        return;
    if (first < base)
        first = base;
    if (last > base + region->size - 1)
        last = base + region->size - 1;
    if (first > last)
        return;
    readonly |= region->readonly;
    for (struct region *child = region->first_child; child; child = child->next_sibling)
        paint(p, child, base + child->base, first, last, readonly);
    if (region->kind == REGION_ALIAS) // the target's own place in its own parent does not count
        paint(p, region->alias, base - region->alias_offset, first, last, readonly);
    else if (region->kind != REGION_CONTAINER)
        paint_leaf(p, region, base, (uint64_t)first, (uint64_t)last, readonly);
}

static bool sections_join(const struct section *a, const struct section *b)
{
    return a->last + 1 == b->start && a->region == b->region && a->readonly == b->readonly &&
           a->region_offset + (b->start - a->start) == b->region_offset;
}

static struct flat_view *view_build(struct address_space *space)
{
    struct painter p = { 0 };
    paint(&p, &space->root, 0, 0, (address)UINT64_MAX, false);
    uint32_t count = 0;
    for (uint32_t i = 0; i < p.count; i++) {
        if (count && sections_join(&p.sections[count - 1], &p.sections[i]))
            p.sections[count - 1].last = p.sections[i].last;
        else
            p.sections[count++] = p.sections[i];
    }
    struct flat_view *view = malloc(sizeof(*view) + count * sizeof(view->sections[0]));
    if (!view)
        abort();
    view->count = count;
    view->generation = space->view ? space->view->generation + 1 : 1;
    for (uint32_t i = 0; i < count; i++) {
        view->sections[i] = p.sections[i];
        if (view->sections[i].ram)
            ram_block_ref(view->sections[i].ram);
    }
    free(p.sections);
    return view;
}

static void view_free(struct flat_view *view)
{
    for (uint32_t i = 0; i < view->count; i++)
        ram_block_unref(view->sections[i].ram);
    free(view);
}

static void view_replace(struct address_space *space)
{
    struct flat_view *old = space->view;
    space->changed = false;
    space->view = view_build(space);
    space->last_hit = NULL;
    for (struct memory_listener *l = space->listeners; l; l = l->next)
        l->changed(l->opaque, old, space->view);
    view_free(old);
}

static void space_changed(struct address_space *space)
{
    if (space->transaction_depth)
        space->changed = true;
    else
        view_replace(space);
}

// Whoever shows the region, directly or through aliases, must be built again.
static void region_changed(struct region *region)
{
    for (struct region *r = region; r; r = r->parent) {
        if (r->space)
            space_changed(r->space);
        for (struct region *alias = r->first_alias; alias; alias = alias->next_alias)
            region_changed(alias);
    }
}

void memory_transaction_begin(struct address_space *space)
{
    space->transaction_depth++;
}

void memory_transaction_commit(struct address_space *space)
{
    assert(space->transaction_depth);
    if (--space->transaction_depth == 0 && space->changed)
        view_replace(space);
}

// ---- the tree

void region_add(struct region *parent, struct region *child, uint64_t offset, int priority)
{
    assert(!child->parent && !child->space);
    child->parent = parent;
    child->base = offset;
    child->priority = priority;
    struct region **link = &parent->first_child;
    while (*link && (*link)->priority > priority)
        link = &(*link)->next_sibling;
    child->next_sibling = *link;
    *link = child;
    if (child->kind == REGION_ALIAS) {
        child->next_alias = child->alias->first_alias;
        child->alias->first_alias = child;
    }
    region_changed(parent);
}

void region_remove(struct region *child)
{
    struct region *parent = child->parent;
    if (!parent)
        return;
    struct region **link = &parent->first_child;
    while (*link != child)
        link = &(*link)->next_sibling;
    *link = child->next_sibling;
    child->parent = child->next_sibling = NULL;
    if (child->kind == REGION_ALIAS) {
        for (link = &child->alias->first_alias; *link != child; link = &(*link)->next_alias)
            ;
        *link = child->next_alias;
        child->next_alias = NULL;
    }
    region_changed(parent);
}

void region_set_enabled(struct region *region, bool enabled)
{
    if (region->enabled == enabled)
        return;
    region->enabled = enabled;
    region_changed(region);
}

void region_set_readonly(struct region *region, bool readonly)
{
    if (region->readonly == readonly)
        return;
    region->readonly = readonly;
    region_changed(region);
}

void region_move(struct region *region, uint64_t offset)
{
    if (region->base == offset)
        return;
    region->base = offset;
    region_changed(region);
}

// ---- address spaces

void address_space_init(struct address_space *space, const char *name, uint64_t size)
{
    *space = (struct address_space){ .address_mask = UINT64_MAX };
    region_init_container(&space->root, name, size);
    space->view = view_build(space);
    space->root.space = space;
}

void address_space_release(struct address_space *space)
{
    if (!space->view)
        return;
    view_free(space->view);
    space->view = NULL;
    space->last_hit = NULL;
    space->listeners = NULL;
    while (space->root.first_child) { // so that the children can be put elsewhere or freed
        struct region *child = space->root.first_child;
        space->root.first_child = child->next_sibling;
        child->parent = child->next_sibling = NULL;
    }
}

void address_space_add_listener(struct address_space *space, struct memory_listener *listener)
{
    struct memory_listener **link = &space->listeners;
    while (*link)
        link = &(*link)->next;
    listener->next = NULL;
    *link = listener;
}

void address_space_set_a20(struct address_space *space, bool open)
{
    uint64_t mask = open ? UINT64_MAX : ~(1ull << 20);
    if (space->address_mask == mask)
        return;
    space->address_mask = mask;
    space_changed(space); // the same sections, but listeners must forget what was derived with the other mask
}

void memory_set_store_hooks(struct address_space *space, const struct store_hooks *hooks)
{
    space->hooks = hooks;
}

GENERAL_REGS_ONLY const struct section *address_space_find(struct address_space *space, uint64_t addr)
{
    const struct section *hit = space->last_hit;
    if (__builtin_expect(hit && addr - hit->start <= hit->last - hit->start, 1))
        return hit;
    const struct flat_view *view = space->view;
    uint32_t low = 0, high = view->count; // the first section that ends at or behind addr
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (view->sections[middle].last < addr)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == view->count || view->sections[low].start > addr)
        return NULL;
    return space->last_hit = &view->sections[low];
}
