// SPDX-License-Identifier: MIT
//
// NUMA nodes, the host memory behind the guest's, and the options that make a machine with the same memory again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/mem/pc_dimm.h"
#include "hw/pc/numa.h"
#include "monitor/internal.h"

// ---- info numa

static uint64_t plugged_on(const struct machine *machine, unsigned node)
{
    uint64_t sum = 0;
    for (struct memory_device *m = machine->memory_devices ? machine->memory_devices->devices : NULL; m; m = m->next)
        sum += pc_dimm_of(m->device)->node == node ? m->size : 0;
    return sum;
}

bool info_numa(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    const struct numa *numa = pc_numa(machine);
    out_printf(out, "%u nodes\n", numa->count);
    for (unsigned node = 0; node < numa->count; node++) {
        uint64_t plugged = plugged_on(machine, node);
        out_printf(out, "node %u cpus:", node);
        for (unsigned i = 0; i < machine->cpu_count; i++)
            if (numa->cpu_node[i] == (int)node)
                out_printf(out, " %u", i);
        out_printf(out, "\nnode %u size: %llu MB\nnode %u plugged: %llu MB\n", node, (unsigned long long)(numa->nodes[node].size + plugged) >> 20,
                   node, (unsigned long long)plugged >> 20);
    }
    return true;
}

// ---- info ramblock

// offset: where the next block would lie if all were behind one another.
static void print_block(const struct output *out, const struct ram_block *block, uint64_t page_size, uint64_t *offset)
{
    char page[32];
    if (page_size >> 30)
        snprintf(page, sizeof page, "%llu GiB", (unsigned long long)page_size >> 30);
    else if (page_size >> 20)
        snprintf(page, sizeof page, "%llu MiB", (unsigned long long)page_size >> 20);
    else
        snprintf(page, sizeof page, "%llu KiB", (unsigned long long)page_size >> 10);
    out_printf(out, "%24s %8s  0x%016llx 0x%016llx 0x%016llx 0x%016llx %3s\n", block->name, page, (unsigned long long)*offset,
               (unsigned long long)block->size, (unsigned long long)block->size, (unsigned long long)(uintptr_t)block->host,
               block->readonly ? "ro" : "rw");
    *offset += block->size;
}

static bool shown_before(struct machine *machine, const struct flat_view *view, uint32_t at)
{
    const struct ram_block *block = view->sections[at].ram;
    for (struct memory_backend *b = backend_first(machine->backends); b; b = b->next)
        if (b->ram == block)
            return true;
    for (uint32_t i = 0; i < at; i++)
        if (view->sections[i].ram == block)
            return true;
    return false;
}

bool info_ramblock(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    const struct flat_view *view = machine->memory.view;
    uint64_t offset = 0;
    out_printf(out, "%24s %8s  %18s %18s %18s %18s %3s\n", "Block Name", "PSize", "Offset", "Used", "Total", "HVA", "RO");
    for (struct memory_backend *b = backend_first(machine->backends); b; b = b->next)
        print_block(out, b->ram, b->page_size, &offset);
    for (uint32_t i = 0; i < view->count; i++) // of devices: video memory, ROMs
        if (view->sections[i].ram && !shown_before(machine, view, i))
            print_block(out, view->sections[i].ram, PAGE_SIZE, &offset);
    return true;
}

// ---- info cmdline

// A word for a shell; commas doubled where they would separate.
static void print_quoted(const struct output *out, const char *text, bool in_list)
{
    char piece[8];
    for (; *text; text++) {
        bool plain = (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                     strchr(",.=_-/:+@%", *text) || (unsigned char)*text >= 0x80;
        if (*text == ',' && in_list)
            snprintf(piece, sizeof piece, ",,");
        else
            snprintf(piece, sizeof piece, plain ? "%c" : *text == '\'' ? "\\%c" : "'%c'", *text);
        out_text((void *)out, piece);
    }
}

static void print_size(const struct output *out, const char *name, uint64_t bytes)
{
    if (bytes % (1 << 20))
        out_printf(out, "%s%lluk", name, (unsigned long long)bytes >> 10);
    else
        out_printf(out, "%s%lluM", name, (unsigned long long)bytes >> 20);
}

// always: also merge and dump with their usual values.
static void print_backend(const struct output *out, const struct memory_backend *b, bool always)
{
    const struct backend_property *p;
    out_printf(out, "-object %s,id=", b->type);
    print_quoted(out, b->id, true);
    for (size_t i = 0; (p = backend_property(b->type, i)); i++) {
        char *value = strcmp(p->name, "id") && p->kind != BACKEND_IGNORED && p->kind != BACKEND_REFUSED ? backend_get(b, p) : NULL;
        bool told = always && (!strcmp(p->name, "merge") || !strcmp(p->name, "dump"));
        if (value && *value && (told || strcmp(value, p->initial))) {
            out_printf(out, ",%s=", p->name);
            print_quoted(out, value, true);
        }
        free(value);
    }
    out_printf(out, "\n");
}

static void print_dimm(const struct output *out, const struct pc_dimm *dimm)
{
    out_printf(out, "-device pc-dimm");
    if (dimm->device.id) {
        out_printf(out, ",id=");
        print_quoted(out, dimm->device.id, true);
    }
    out_printf(out, ",memdev=");
    print_quoted(out, dimm->memdev->id, true);
    out_printf(out, ",slot=%d,addr=0x%llx,node=%u%s\n", dimm->slot, (unsigned long long)dimm->addr, dimm->node, dimm->autodel ? ",autodel=on" : "");
}

static void print_boot_memory(const struct machine *machine, const struct pc_options *o, const struct output *out)
{
    print_size(out, "-m ", machine->ram_size);
    if (machine->ram_slots)
        out_printf(out, ",slots=%u", machine->ram_slots);
    if (machine->max_ram_size > machine->ram_size)
        print_size(out, ",maxmem=", machine->max_ram_size);
    out_printf(out, "\n");
    if (o->memory_backend) {
        out_printf(out, "-machine memory-backend=");
        print_quoted(out, o->memory_backend, true);
        out_printf(out, "\n");
    }
    if (o->mem_path) {
        out_printf(out, "-mem-path ");
        print_quoted(out, o->mem_path, false);
        out_printf(out, "\n");
    }
    if (o->mem_prealloc)
        out_printf(out, "-mem-prealloc\n");
    for (unsigned i = 0; i < o->numa_count; i++) {
        out_printf(out, "-numa ");
        print_quoted(out, o->numa[i], false);
        out_printf(out, "\n");
    }
}

bool info_cmdline(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    const struct pc_options *o = pc_options(machine);
    bool own_ram = !o->memory_backend && !numa_has_memory(pc_numa(machine)); // "pc.ram" comes by itself
    print_boot_memory(machine, o, out);
    bool merge, dump;
    backend_list_defaults(machine->backends, &merge, &dump);
    if (!merge || !dump)
        out_printf(out, "-machine mem-merge=%s,dump-guest-core=%s\n", merge ? "on" : "off", dump ? "on" : "off");
    for (struct memory_backend *b = backend_first(machine->backends); b; b = b->next)
        if (!own_ram || strcmp(b->id, "pc.ram"))
            print_backend(out, b, !merge || !dump);
    for (struct memory_device *m = machine->memory_devices ? machine->memory_devices->devices : NULL; m; m = m->next)
        print_dimm(out, pc_dimm_of(m->device));
    return true;
}
