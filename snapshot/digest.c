// SPDX-License-Identifier: MIT
//
// Digests of the machine's state. See digest.h for what is in them.
#include "snapshot/digest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "chardev/chardev.h"
#include "exec/engine.h"
#include "hw/core/machine.h"
#include "hw/pc/pc.h"
#include "snapshot/ram_digest.h"
#include "target/i386/cpu.h"
#include "target/i386/state.h"
#include "util/error.h"
#include "util/state.h"
#if HAVE_XXHASH
#include <xxhash.h>
#endif

// The distinct RAM objects of the guest's view, in order of address; then those that keep their bytes while they are not seen: backends
// (a DIMM may come back), memory of devices.
struct blocks { struct ram_block **items; size_t count, capacity; };

static void add_block(struct blocks *b, struct ram_block *ram)
{
    bool known = !ram;
    for (size_t k = 0; k < b->count && !known; k++)
        known = b->items[k] == ram;
    if (known)
        return;
    if (b->count == b->capacity) {
        b->capacity = b->capacity ? b->capacity * 2 : 16;
        b->items = realloc(b->items, b->capacity * sizeof *b->items);
        if (!b->items)
            abort();
    }
    b->items[b->count++] = ram;
}

static void find_blocks(struct machine *m, struct blocks *b)
{
    const struct flat_view *view = m->memory.view;
    *b = (struct blocks){ 0 };
    for (uint32_t i = 0; i < view->count; i++)
        add_block(b, view->sections[i].ram);
    for (struct memory_backend *k = backend_first(m->backends); k; k = k->next)
        add_block(b, k->ram);
    for (struct device *d = m->devices; d; d = d->next)
        if (d->type->ram)
            add_block(b, d->type->ram(d));
}

// Where the guest sees a page; ~0: nowhere.
static uint64_t guest_address(struct machine *m, const struct ram_block *ram, uint64_t offset)
{
    const struct flat_view *view = m->memory.view;
    for (uint32_t i = 0; i < view->count; i++) {
        const struct section *s = &view->sections[i];
        if (s->ram == ram && offset >= s->ram_offset && offset - s->ram_offset <= s->last - s->start)
            return s->start + offset - s->ram_offset;
    }
    return UINT64_MAX;
}

#if HAVE_XXHASH
bool digest_supported(struct error **errp) { return true; }

struct hash { XXH3_state_t *state; uint8_t buffer[4096]; size_t used; };
struct sum { struct machine *machine; struct hash part, all; void (*fn)(void *, const char *, const char *); void *opaque; };

static void to_hex(XXH128_hash_t hash, char hex[DIGEST_TEXT])
{
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, hash);
    for (size_t i = 0; i < sizeof bytes.digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes.digest[i]);
}

static void hash_begin(struct hash *h)
{
    XXH3_128bits_reset(h->state);
    h->used = 0;
}

static void hash_put(struct hash *h, const void *data, size_t size)
{
    if (h->used + size > sizeof h->buffer) {
        XXH3_128bits_update(h->state, h->buffer, h->used);
        h->used = 0;
    }
    if (size > sizeof h->buffer / 2) {
        XXH3_128bits_update(h->state, data, size);
        return;
    }
    memcpy(h->buffer + h->used, data, size);
    h->used += size;
}

static void hash_value(void *opaque, const char *path, uint64_t value, unsigned size)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    hash_put(opaque, bytes, size);
}

static void hash_end(struct hash *h, char hex[DIGEST_TEXT])
{
    XXH3_128bits_update(h->state, h->buffer, h->used);
    to_hex(XXH3_128bits_digest(h->state), hex);
}

static void finish_part(struct sum *s, const char *part)
{
    char hex[DIGEST_TEXT];
    hash_end(&s->part, hex);
    hash_put(&s->all, part, strlen(part) + 1);
    hash_put(&s->all, hex, sizeof hex);
    if (s->fn)
        s->fn(s->opaque, part, hex);
}

static void add_chunk(struct hash *h, const struct ram_block *ram, uint64_t offset)
{
    uint64_t end = ram->size - offset < RAM_CHUNK ? ram->size : offset + RAM_CHUNK;
    for (; offset < end; offset += PAGE_SIZE) {
        if (ram_page_zero(ram->host + offset))
            continue;
        hash_value(h, NULL, offset / PAGE_SIZE, 8);
        hash_put(h, ram->host + offset, PAGE_SIZE);
    }
}

static void add_ram(struct sum *s, const struct ram_pages *pages, const struct ram_block *ram)
{
    char name[160];
    hash_begin(&s->part);
    hash_value(&s->part, NULL, ram->size, 8);
    for (uint64_t offset = 0; offset < ram->size; offset += RAM_CHUNK)
        if (ram_chunk_touched(pages, ram, offset))
            add_chunk(&s->part, ram, offset);
    snprintf(name, sizeof name, "ram:%s", ram->name);
    finish_part(s, name);
}

static void add_state(void *opaque, const char *part, const struct state_table *table, const void *instance)
{
    struct sum *s = opaque;
    struct state_writer w = { hash_value, &s->part, false };
    hash_begin(&s->part);
    state_write(&w, table, instance);
    finish_part(s, part);
}

// Input that was let through and waits for the guest's device.
static void add_waiting(void *opaque, unsigned port, const uint8_t *waiting, size_t len)
{
    if (!len)
        return;
    hash_value(opaque, NULL, port, 4);
    hash_value(opaque, NULL, len, 8);
    hash_put(opaque, waiting, len);
}

void digest_machine(struct machine *m, void (*fn)(void *, const char *, const char *), void *opaque, char all[DIGEST_TEXT])
{
    struct sum *s = calloc(1, sizeof *s);
    struct blocks b;
    struct ram_pages pages;
    char name[16], hex[DIGEST_TEXT];
    s->part.state = XXH3_createState();
    s->all.state = XXH3_createState();
    s->machine = m;
    s->fn = fn;
    s->opaque = opaque;
    hash_begin(&s->all);
    for (unsigned i = 0; i < m->cpu_count; i++) {
        struct state_writer w = { hash_value, &s->part, false };
        hash_begin(&s->part);
        cpu_write_state(pc_cpu(m, i), &w);
        snprintf(name, sizeof name, "cpu%u", i);
        finish_part(s, name);
    }
    find_blocks(m, &b);
    ram_pages_open(&pages);
    for (size_t i = 0; i < b.count; i++)
        add_ram(s, &pages, b.items[i]);
    ram_pages_close(&pages);
    pc_each_state(m, add_state, s);
    hash_begin(&s->part);
    chardev_gate_each(m->chardevs, add_waiting, &s->part);
    finish_part(s, "input");
    hash_end(&s->all, hex);
    if (fn)
        fn(opaque, "all", hex);
    if (all)
        memcpy(all, hex, DIGEST_TEXT);
    XXH3_freeState(s->part.state);
    XXH3_freeState(s->all.state);
    free(b.items);
    free(s);
}

void digest_bytes(const void *data, size_t size, char hex[DIGEST_TEXT])
{
    to_hex(XXH3_128bits(data, size), hex);
}
#else
bool digest_supported(struct error **errp)
{
    return error_set(errp, "digests need libxxhash, which this build was made without");
}

void digest_machine(struct machine *m, void (*fn)(void *, const char *, const char *), void *opaque, char all[DIGEST_TEXT])
{
    if (all)
        *all = 0;
}

void digest_bytes(const void *data, size_t size, char hex[DIGEST_TEXT])
{
    snprintf(hex, DIGEST_TEXT, "-");
}
#endif

// ---- in words

struct description { const char *part; void (*print)(void *, const char *); void *opaque; };

static void describe_value(void *opaque, const char *path, uint64_t value, unsigned size)
{
    const struct description *d = opaque;
    char line[320];
    snprintf(line, sizeof line, "%s %s 0x%0*llx", d->part, path, (int)size * 2, (unsigned long long)value);
    d->print(d->opaque, line);
}

static void describe_state(void *opaque, const char *part, const struct state_table *table, const void *instance)
{
    struct description *d = opaque;
    struct state_writer w = { describe_value, d, true };
    d->part = part;
    state_write(&w, table, instance);
}

static void describe_ram(struct machine *m, const struct ram_block *ram, const struct ram_pages *pages, const struct description *d)
{
    for (uint64_t offset = 0; offset < ram->size; offset += PAGE_SIZE) {
        char line[320], hex[DIGEST_TEXT];
        if (offset % RAM_CHUNK == 0 && !ram_chunk_touched(pages, ram, offset)) {
            offset += RAM_CHUNK - PAGE_SIZE;
            continue;
        }
        if (ram_page_zero(ram->host + offset))
            continue;
        digest_bytes(ram->host + offset, PAGE_SIZE, hex);
        snprintf(line, sizeof line, "ram:%s page 0x%llx at 0x%llx %s", ram->name, (unsigned long long)offset,
                 (unsigned long long)guest_address(m, ram, offset), hex);
        d->print(d->opaque, line);
    }
}

void digest_describe(struct machine *m, void (*print)(void *, const char *), void *opaque)
{
    struct description d = { .print = print, .opaque = opaque };
    struct blocks b;
    struct ram_pages pages;
    for (unsigned i = 0; i < m->cpu_count; i++) {
        struct state_writer w = { describe_value, &d, true };
        char name[16];
        snprintf(name, sizeof name, "cpu%u", i);
        d.part = name;
        cpu_write_state(pc_cpu(m, i), &w);
    }
    find_blocks(m, &b);
    ram_pages_open(&pages);
    for (size_t i = 0; i < b.count; i++)
        describe_ram(m, b.items[i], &pages, &d);
    ram_pages_close(&pages);
    pc_each_state(m, describe_state, &d);
    free(b.items);
}
