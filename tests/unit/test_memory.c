// SPDX-License-Identifier: MIT
//
// softmmu/memory.c, physical.c, mtree.c: the flat view against a model that asks the tree byte by byte, transactions,
// sizes of device accesses, ports, and the text of info mtree.
#include <stdlib.h>
#include <string.h>
#include "softmmu/memory.h"
#include "tests/unit/tap.h"
#include "util/error.h"

enum { SPACE = 0x600, REGIONS = 28, ROOTS = 8 }; // the first ROOTS regions are containers and leaves outside the tree

static struct address_space space;
static struct region regions[REGIONS];
static struct ram_block *ram;
static uint64_t added[REGIONS], add_counter; // order of adding
static int changes;

static void on_change(void *opaque, const struct flat_view *old, const struct flat_view *now)
{
    changes++;
}

// ---- the model

struct found { struct region *leaf; uint64_t offset; bool readonly; };

static bool model_better(const struct region *a, const struct region *b)
{
    return a->priority != b->priority ? a->priority > b->priority : added[a - regions] > added[b - regions];
}

static bool model_find(struct region *r, int64_t at, bool readonly, struct found *out)
{
    if (!r->enabled || at < 0 || (uint64_t)at >= r->size)
        return false;
    readonly |= r->readonly;
    bool tried[REGIONS] = { 0 };
    for (;;) { // children, the best first
        struct region *best = NULL;
        for (int i = 0; i < REGIONS; i++)
            if (regions[i].parent == r && !tried[i] && (!best || model_better(&regions[i], best)))
                best = &regions[i];
        if (!best)
            break;
        tried[best - regions] = true;
        if (model_find(best, at - (int64_t)best->base, readonly, out))
            return true;
    }
    if (r->kind == REGION_ALIAS)
        return model_find(r->alias, at + (int64_t)r->alias_offset, readonly, out);
    if (r->kind == REGION_CONTAINER)
        return false;
    *out = (struct found){ r, (uint64_t)at, readonly };
    return true;
}

static bool view_matches(void)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < space.view->count; i++) {
        const struct section *s = &space.view->sections[i];
        if (s->last < s->start || (i && s->start <= last))
            return false;
        last = s->last;
    }
    for (uint64_t addr = 0; addr < SPACE + 16; addr++) {
        const struct section *s = address_space_find(&space, addr);
        struct found found;
        bool there = model_find(&space.root, (int64_t)addr, false, &found);
        if (there != (s != NULL))
            return false;
        if (!there)
            continue;
        if (s->region != found.leaf || s->region_offset + (addr - s->start) != found.offset || s->readonly != found.readonly)
            return false;
        if (found.leaf->kind == REGION_RAM && s->host + (addr - s->start) != ram->host + found.leaf->ram_offset + found.offset)
            return false;
    }
    return true;
}

static const struct region_ops no_ops;

static void region_make(struct tap_random *random, int i)
{
    uint64_t size = 1 + tap_below(random, SPACE / 2);
    struct region *r = &regions[i];
    switch (tap_below(random, i < ROOTS ? 3 : 4)) {
    case 0: region_init_container(r, "container", size); break;
    case 1: region_init_ram(r, "ram", ram, tap_below(random, 0x800), size); break;
    case 2: region_init_io(r, "io", &no_ops, NULL, size); break;
    default: region_init_alias(r, "alias", &regions[tap_below(random, ROOTS)], tap_below(random, SPACE / 2), size); break;
    }
}

static bool inside(const struct region *r, const struct region *ancestor)
{
    for (; r; r = r->parent)
        if (r == ancestor)
            return true;
    return false;
}

// Put region i somewhere: into the root, or into a region that cannot come back to it.
static void region_put(struct tap_random *random, int i)
{
    struct region *parent = &space.root;
    int p = (int)tap_below(random, REGIONS);
    if (tap_below(random, 2) && regions[p].kind != REGION_ALIAS && !inside(&regions[p], &regions[i])) {
        // Only leaves hang below what aliases show: no cycles.
        bool below_root = inside(&regions[p], &space.root);
        if (below_root || regions[i].kind == REGION_RAM || regions[i].kind == REGION_IO)
            parent = &regions[p];
    }
    added[i] = ++add_counter;
    region_add(parent, &regions[i], tap_below(random, SPACE), (int)tap_below(random, 5) - 2);
}

static void one_change(struct tap_random *random)
{
    int i = ROOTS + (int)tap_below(random, REGIONS - ROOTS);
    struct region *r = &regions[i];
    switch (tap_below(random, 5)) {
    case 0: region_set_enabled(&regions[tap_below(random, REGIONS)], tap_below(random, 3)); break;
    case 1: region_set_readonly(&regions[tap_below(random, REGIONS)], tap_below(random, 3) == 0); break;
    case 2: region_move(r, tap_below(random, SPACE)); break;
    default:
        if (r->parent) {
            bool has_children = r->first_child;
            region_remove(r);
            if (!has_children && tap_below(random, 2))
                region_make(random, i);
        } else {
            region_put(random, i);
        }
    }
}

static void test_random(void)
{
    struct tap_random random = { 7 };
    int bad = 0;
    for (int i = 0; i < REGIONS; i++)
        region_make(&random, i);
    for (int step = 0; step < 3000; step++) {
        unsigned count = tap_below(&random, 4) ? 0 : 1 + (unsigned)tap_below(&random, 6);
        if (count)
            memory_transaction_begin(&space);
        for (unsigned k = 0; k < (count ? count : 1); k++)
            one_change(&random);
        if (count)
            memory_transaction_commit(&space);
        bad += !view_matches();
    }
    tap_ok(bad == 0, "random regions, priorities, aliases: flat view as in the model (%d of 3000 differ)", bad);
    address_space_release(&space);
}

// ---- fixed cases

static uint8_t registers[16];
static char trace[256];
static uint64_t dev_read(void *opaque, uint64_t offset, unsigned size)
{
    sprintf(trace + strlen(trace), "r%u@%u ", size, (unsigned)offset);
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)registers[(offset + i) & 15] << i * 8;
    return value;
}
static void dev_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    sprintf(trace + strlen(trace), "w%u@%u=%llx ", size, (unsigned)offset, (unsigned long long)value);
}
static const struct region_ops byte_ops = { dev_read, dev_write, 1, 1, false };
static const struct region_ops dword_ops = { dev_read, dev_write, 4, 4, false };
static const struct region_ops strict_ops = { dev_read, dev_write, 4, 4, true };
static const struct region_ops wide_ops = { dev_read, dev_write, 1, 8, false };

static bool traced(const char *expected)
{
    bool same = !strcmp(trace, expected);
    if (!same)
        printf("# got \"%s\", expected \"%s\"\n", trace, expected);
    trace[0] = 0;
    return same;
}

static void test_sizes(void)
{
    struct region bytes, dwords, strict, wide;
    address_space_init(&space, "memory", UINT64_MAX);
    region_init_io(&bytes, "bytes", &byte_ops, NULL, 16);
    region_init_io(&dwords, "dwords", &dword_ops, NULL, 16);
    region_init_io(&strict, "strict", &strict_ops, NULL, 16);
    region_init_io(&wide, "wide", &wide_ops, NULL, 16);
    region_add(&space.root, &bytes, 0x100, 0);
    region_add(&space.root, &dwords, 0x200, 0);
    region_add(&space.root, &strict, 0x300, 0);
    region_add(&space.root, &wide, 0x400, 0);
    for (int i = 0; i < 16; i++)
        registers[i] = (uint8_t)(0x10 + i);
    trace[0] = 0;
    tap_ok(physical_load(&space, 0x102, 4) == 0x15141312 && traced("r1@2 r1@3 r1@4 r1@5 "), "wide read of a byte device is split");
    physical_store(&space, 0x104, 0x1234, 2);
    tap_ok(traced("w1@4=34 w1@5=12 "), "wide write of a byte device is split");
    tap_ok(physical_load(&space, 0x205, 1) == 0x15 && traced("r4@4 "), "narrow read is widened");
    tap_ok(physical_load(&space, 0x203, 2) == 0x1413 && traced("r4@0 r4@4 "), "narrow read over an edge");
    physical_store(&space, 0x206, 0xabcd, 2);
    tap_ok(traced("w4@4=abcd0000 "), "narrow write is widened");
    tap_ok(physical_load(&space, 0x200, 8) == 0x1716151413121110ull && traced("r4@0 r4@4 "), "8 bytes of a dword device");
    tap_ok(physical_load(&space, 0x300, 2) == 0xffff && traced(""), "strict device refuses");
    tap_ok(physical_load(&space, 0x304, 4) == 0x17161514 && traced("r4@4 "), "strict device takes its size");
    tap_ok(physical_load(&space, 0x400, 8) == 0x1716151413121110ull && traced("r8@0 "), "8 bytes at once");
    tap_ok(physical_load(&space, 0x40e, 4) == 0xffff1f1e && traced("r1@14 r1@15 "), "past the region's end: all ones");
    tap_ok(physical_load(&space, 0x1000, 8) == UINT64_MAX, "unassigned reads all ones");
    uint8_t buffer[8];
    tap_ok(!physical_read(&space, 0x40c, buffer, 8) && buffer[3] == 0x1f && buffer[4] == 0xff && traced("r4@12 "),
           "buffer read says that bytes were unassigned");
    address_space_release(&space);
}

static void test_ram(void)
{
    struct region main_ram, rom;
    struct error *err = NULL;
    struct ram_block *a = ram_block_new("a", 64 << 10, &err), *b = ram_block_new("b", 4096, &err);
    tap_ok(a && b && a->id && b->id != a->id && !a->host[5] && !a->pages[3].code_mask, "blocks are zero and numbered");
    tap_ok(!ram_block_new("odd", 5, &err) && err, "a size that is no multiple of a page is refused");
    error_free(err);
    address_space_init(&space, "memory", UINT64_MAX);
    struct memory_listener listener = { .changed = on_change };
    address_space_add_listener(&space, &listener);
    region_init_ram(&main_ram, "ram", a, 0, 64 << 10);
    region_init_rom(&rom, "rom", b, 0, 4096);
    changes = 0;
    memory_transaction_begin(&space);
    memory_transaction_begin(&space);
    region_add(&space.root, &main_ram, 0x10000, 0);
    region_add(&space.root, &rom, 0x11000, 1);
    memory_transaction_commit(&space);
    tap_ok(changes == 0 && !address_space_find(&space, 0x10000), "nothing changes inside a transaction");
    memory_transaction_commit(&space);
    tap_ok(changes == 1 && space.view->count == 3, "one change at its end");
    uint8_t data[0x3000];
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + 1);
    tap_ok(physical_write(&space, 0x10000, data, sizeof(data)), "buffer write over ROM");
    tap_ok(!memcmp(a->host, data, 0x1000) && !memcmp(a->host + 0x2000, data + 0x2000, 0x1000) && !a->host[0x1000] && !b->host[0],
           "RAM is written, ROM and what it hides are not");
    physical_store(&space, 0x10ffe, 0x44332211, 4);
    tap_ok(physical_load(&space, 0x10ffe, 4) == 0x2211, "store across RAM and ROM");
    tap_ok(address_space_ram_pointer(&space, 0x10010, 16, true) == a->host + 16 &&
           !address_space_ram_pointer(&space, 0x11000, 4, true) && address_space_ram_pointer(&space, 0x11000, 4, false) == b->host &&
           !address_space_ram_pointer(&space, 0x10ff0, 32, false), "RAM pointers");
    ram_block_unref(b);
    tap_ok(b->references == 1, "the view holds a reference");
    region_remove(&rom);
    tap_ok(changes == 2 && space.view->count == 1 && physical_load(&space, 0x11000, 2) == 0, "removal uncovers");
    address_space_set_a20(&space, false);
    tap_ok(changes == 3 && space.address_mask == ~(1ull << 20), "A20 is a change");
    address_space_release(&space);
    ram_block_unref(a);
}

static void test_ports(void)
{
    struct region bytes, conf, reset;
    struct address_space ports;
    address_space_init(&ports, "I/O", 0x10000);
    region_init_io(&bytes, "serial", &byte_ops, NULL, 8);
    region_init_io(&conf, "conf", &dword_ops, NULL, 4);
    region_init_io(&reset, "reset", &byte_ops, NULL, 1);
    region_add(&ports.root, &bytes, 0x3f8, 0);
    region_add(&ports.root, &conf, 0xcf8, 0);
    region_add(&ports.root, &reset, 0xcf9, 1);
    trace[0] = 0;
    tap_ok(port_read(&ports, 0x3f8, 1) == 0x10 && traced("r1@0 "), "port byte");
    tap_ok(port_read(&ports, 0x3ff, 2) == 0xff17 && traced("r1@7 "), "half unassigned");
    tap_ok(port_read(&ports, 0xffff, 2) == 0xffff && port_read(&ports, 0x80, 4) == 0xffffffff && traced(""), "nothing there");
    port_write(&ports, 0xcf8, 0x80000010, 4);
    tap_ok(traced("w4@0=80000010 "), "a dword goes to its region, past a byte register laid over it");
    port_write(&ports, 0xcf9, 6, 1);
    tap_ok(traced("w1@0=6 "), "the byte register on top");
    address_space_release(&ports);
}

static char text[4096];
static void collect(void *opaque, const char *s) { strcat(text, s); }

static void test_mtree(void)
{
    struct region pci, below, hot, dimm, io;
    address_space_init(&space, "system", UINT64_MAX);
    region_init_container(&pci, "pci", UINT64_MAX);
    region_init_ram(&dimm, "mem1", ram, 0, 0x1000);
    region_init_container(&hot, "device-memory", 0x10000);
    region_init_io(&io, "ioapic", &byte_ops, NULL, 0x1000);
    struct region pc_ram;
    region_init_ram(&pc_ram, "pc.ram", ram, 0, 0x1000);
    region_init_alias(&below, "ram-below-4g", &pc_ram, 0, 0x1000);
    region_add(&space.root, &pci, 0, -1);
    region_add(&space.root, &hot, 0x100000000, 0);
    region_add(&hot, &dimm, 0x2000, 0);
    region_add(&space.root, &below, 0, 0);
    region_add(&space.root, &io, 0xfec00000, 0);
    region_set_enabled(&io, false);
    text[0] = 0;
    address_space_print_tree(&space, true, collect, NULL);
    const char *expected =
        "address-space: system\n"
        "  0000000000000000-ffffffffffffffff (prio 0, i/o): system\n"
        "    0000000000000000-0000000000000fff (prio 0, ram): alias ram-below-4g @pc.ram 0000000000000000-0000000000000fff\n"
        "    0000000000000000-ffffffffffffffff (prio -1, i/o): pci\n"
        "    00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic [disabled]\n"
        "    0000000100000000-000000010000ffff (prio 0, i/o): device-memory\n"
        "      0000000100002000-0000000100002fff (prio 0, ram): mem1\n"
        "\n"
        "memory-region: pc.ram\n"
        "  0000000000000000-0000000000000fff (prio 0, ram): pc.ram\n"
        "\n";
    if (!tap_ok(!strcmp(text, expected), "info mtree -D"))
        printf("%s", text);
    text[0] = 0;
    address_space_print_tree(&space, false, collect, NULL);
    tap_ok(strstr(text, "device-memory") && !strstr(text, "ioapic"), "info mtree leaves out what is disabled");
    text[0] = 0;
    address_space_print_flat(&space, collect, NULL);
    expected = "FlatView #0\n AS \"system\", root: system\n Root memory region: system\n"
               "  0000000000000000-0000000000000fff (prio 0, ram): pc.ram\n"
               "  0000000100002000-0000000100002fff (prio 0, ram): mem1\n\n";
    if (!tap_ok(!strcmp(text, expected), "info mtree -f"))
        printf("%s", text);
    address_space_release(&space);
}

int main(void)
{
    ram = ram_block_new("ram", 0x1000, NULL);
    address_space_init(&space, "memory", SPACE);
    test_random();
    test_sizes();
    test_ram();
    test_ports();
    test_mtree();
    ram_block_unref(ram);
    return tap_done();
}
