// SPDX-License-Identifier: MIT
//
// Walks state tables.
#include "util/state.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "util/clock.h"

const struct state_table state_none = { NULL, 0 };

#define PATH_MAX_LENGTH 128

static uint64_t load(const void *p, size_t size)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (size) {
    case 1: return *(const uint8_t *)p;
    case 2: return memcpy(&v16, p, 2), v16;
    case 4: return memcpy(&v32, p, 4), v32;
    default:
        assert(size == 8);
        return memcpy(&v64, p, 8), v64;
    }
}

static void write_table(const struct state_writer *w, const struct state_table *table, const void *instance, const char *prefix);

static void write_element(const struct state_writer *w, const struct state_field *f, const uint8_t *p, const char *path)
{
    switch (f->kind) {
    case STATE_SCALARS: w->value(w->opaque, path, load(p, f->size), (unsigned)f->size); break;
    case STATE_TIMERS: w->value(w->opaque, path, (uint64_t)((const struct timer *)p)->deadline, 8); break;
    default: write_table(w, f->table, p, path); break;
    }
}

static void write_field(const struct state_writer *w, const struct state_field *f, const uint8_t *instance, const char *prefix)
{
    const uint8_t *p = instance + f->offset;
    size_t count = f->count;
    if (f->kind == STATE_POINTED) {
        count = (size_t)load(instance + f->count_offset, sizeof(unsigned));
        memcpy(&p, p, sizeof p);
    }
    for (size_t i = 0; i < count; i++, p += f->size) {
        char path[PATH_MAX_LENGTH];
        if (w->paths) {
            int n = snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", f->name);
            if (count > 1 && n > 0 && (size_t)n < sizeof path)
                snprintf(path + n, sizeof path - (size_t)n, "[%zu]", i);
        }
        write_element(w, f, p, w->paths ? path : NULL);
    }
}

static void write_table(const struct state_writer *w, const struct state_table *table, const void *instance, const char *prefix)
{
    for (size_t i = 0; i < table->count; i++)
        write_field(w, &table->fields[i], instance, prefix);
}

void state_write(const struct state_writer *w, const struct state_table *table, const void *instance)
{
    write_table(w, table, instance, "");
}
