// SPDX-License-Identifier: MIT
//
// Which backends are boot RAM, and where they lie. All are claimed by the machine, so object_del refuses them.
#include "hw/pc/boot_ram.h"
#include <stdlib.h>
#include <string.h>
#include "hw/pc/internal.h"
#include "hw/pci/i440fx.h"
#include "util/error.h"

#define DEFAULT_ID "pc.ram"

void boot_ram_choose_size(struct pc *pc)
{
    const struct pc_options *o = &pc->options;
    struct memory_backend *b = o->memory_backend ? backend_find(pc->machine.backends, o->memory_backend) : NULL;
    if (!b || o->ram_size_given)
        return;
    if (pc->machine.max_ram_size == pc->machine.ram_size)
        pc->machine.max_ram_size = b->size;
    pc->machine.ram_size = b->size;
}

static bool take_nodes(struct pc *pc, struct error **errp)
{
    for (unsigned i = 0; i < pc->numa.count; i++) {
        struct memory_backend *b = pc->numa.nodes[i].memdev;
        if (b && !backend_take_boot(pc->machine.backends, b->id, b->size, errp))
            return false;
    }
    return true;
}

static struct memory_backend *take_one(struct pc *pc, struct error **errp)
{
    const struct pc_options *o = &pc->options;
    struct machine *m = &pc->machine;
    if (o->memory_backend && o->mem_path) {
        error_set(errp, "-mem-path can't be used together with -machine memory-backend=%s, which says where RAM is", o->memory_backend);
        return NULL;
    }
    if (o->memory_backend) {
        if (o->mem_prealloc)
            warn_report("-mem-prealloc does nothing for memory backend '%s' (prealloc=on is its own way)", o->memory_backend);
        return backend_take_boot(m->backends, o->memory_backend, m->ram_size, errp);
    }
    if (backend_find(m->backends, DEFAULT_ID)) {
        error_set(errp, "object's id '" DEFAULT_ID "' is reserved for the default RAM backend, it can't be used for any other purposes");
        error_hint(errp, "Change the object's 'id' to something else or disable automatic creation of the default RAM backend by setting "
                   "'memory-backend=" DEFAULT_ID "' with '-machine'.");
        return NULL;
    }
    struct memory_backend *b = backend_new_boot(m->backends, DEFAULT_ID, m->ram_size, o->mem_path, o->mem_prealloc, errp);
    if (!b && o->mem_path)
        error_prefix(errp, "-mem-path %s: ", o->mem_path);
    else if (!b)
        error_prefix(errp, "-m %llu bytes: ", (unsigned long long)m->ram_size);
    return b;
}

bool boot_ram_take(struct pc *pc, struct error **errp)
{
    struct machine *m = &pc->machine;
    struct boot_ram *ram = &pc->boot_ram;
    if (!numa_has_memory(&pc->numa)) {
        struct memory_backend *b = take_one(pc, errp);
        if (!b)
            return false;
        ram_block_begin_use(b->ram);
        region_init_ram(&ram->all, b->id, b->ram, 0, m->ram_size);
        return true;
    }
    if (pc->options.memory_backend)
        return error_set(errp, "'-machine memory-backend' and '-numa memdev' properties are mutually exclusive");
    if (pc->options.mem_path || pc->options.mem_prealloc)
        warn_report("-mem-path and -mem-prealloc do nothing: RAM comes from the memory backends of -numa");
    if (!take_nodes(pc, errp))
        return false;
    region_init_container(&ram->all, "pc.ram", m->ram_size);
    ram->parts = calloc(pc->numa.count, sizeof *ram->parts);
    uint64_t at = 0;
    for (unsigned i = 0; i < pc->numa.count; i++) {
        struct memory_backend *b = pc->numa.nodes[i].memdev;
        if (!b)
            continue;
        struct region *part = &ram->parts[ram->part_count++];
        ram_block_begin_use(b->ram);
        region_init_ram(part, b->id, b->ram, 0, b->size);
        region_add(&ram->all, part, at, 0);
        at += b->size;
    }
    return true;
}

void boot_ram_map(struct pc *pc)
{
    struct region *root = &pc->machine.memory.root;
    struct boot_ram *ram = &pc->boot_ram;
    region_init_alias(&ram->low, "ram-below-4g", &ram->all, 0, pc->low_ram);
    region_add(root, &ram->low, 0, I440FX_PRIORITY_RAM);
    if (pc->high_ram) {
        region_init_alias(&ram->high, "ram-above-4g", &ram->all, pc->low_ram, pc->high_ram);
        region_add(root, &ram->high, 4ull << 30, I440FX_PRIORITY_RAM);
    }
}

void boot_ram_release(struct boot_ram *ram)
{
    free(ram->parts);
    ram->parts = NULL;
}
