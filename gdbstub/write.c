// SPDX-License-Identifier: MIT
//
// What a client writes is input: in a run that repeats it has a count, and is recorded as text that gdbstub_write does again.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exec/debug.h"
#include "gdbstub/internal.h"
#include "util/error.h"

static const char *refuses(const struct machine *m)
{
    if (!m->gate.may_write || m->gate.may_write(m->gate.opaque))
        return NULL;
    return m->state == RUN_STATE_RUNNING ? "the guest runs" : "this is a replay: its input comes from the recording";
}

// Takes the text.
static void wrote(struct machine *m, char *text)
{
    debug_state_written(pc_engine(m));
    if (m->gate.wrote)
        m->gate.wrote(m->gate.opaque, text);
    free(text);
}

// "WHERE BYTES"; malloced.
static char *line_of(const char *where, const uint8_t *data, size_t len)
{
    size_t n = strlen(where);
    char *text = malloc(n + 2 * len + 2);
    memcpy(text, where, n);
    text[n] = ' ';
    hex_encode(text + n + 1, data, len);
    return text;
}

const char *client_writes_register(struct gdbstub *g, unsigned cpu, unsigned number, const uint8_t *value)
{
    char where[64];
    const char *why = refuses(g->machine);
    if (why)
        return why;
    if (!register_write(pc_cpu(g->machine, cpu), number, value))
        return "";
    snprintf(where, sizeof where, "register %u %s", cpu, register_name(number));
    wrote(g->machine, line_of(where, value, register_size(number)));
    return NULL;
}

// A write that fails half-way (it took page tables away) has changed something: it is recorded like one that worked.
const char *client_writes_memory(struct gdbstub *g, const struct place *p, uint64_t address, const uint8_t *data, size_t len)
{
    char where[64];
    const char *why = refuses(g->machine);
    if (why || !len)
        return why;
    bool ok = memory_write(p, address, data, len);
    if (p->physical)
        snprintf(where, sizeof where, "physical 0x%" PRIx64, address);
    else
        snprintf(where, sizeof where, "memory %u 0x%" PRIx64, p->cpu, address);
    wrote(g->machine, line_of(where, data, len));
    return ok ? NULL : "";
}

// ---- again

struct write { bool memory; struct place place; unsigned number; uint64_t address; size_t len; uint8_t data[PACKET_MAX]; };

static bool take_cpu(struct write *w, char **rest)
{
    char *word = strtok_r(NULL, " ", rest), *end;
    unsigned long cpu = word ? strtoul(word, &end, 10) : 0;
    w->place.cpu = (unsigned)cpu;
    return word && end != word && !*end && cpu < w->place.machine->cpu_count;
}

static bool take_place(struct write *w, char **rest)
{
    char *word = strtok_r(NULL, " ", rest), *end;
    if (!word)
        return false;
    if (w->memory) {
        w->address = strtoull(word, &end, 0);
        return end != word && !*end;
    }
    int number = register_find(word);
    w->number = (unsigned)number;
    return number >= 0;
}

static bool parse(struct write *w, struct machine *m, const char *text)
{
    char *copy = strdup(text), *rest, *kind = strtok_r(copy, " ", &rest), *hex;
    *w = (struct write){ .place.machine = m };
    w->place.physical = kind && !strcmp(kind, "physical");
    w->memory = w->place.physical || (kind && !strcmp(kind, "memory"));
    bool ok = w->memory || (kind && !strcmp(kind, "register"));
    ok = ok && (w->place.physical || take_cpu(w, &rest)) && take_place(w, &rest) && (hex = strtok_r(NULL, " ", &rest)) != NULL;
    if (ok) {
        w->len = strlen(hex) / 2;
        ok = w->len && w->len <= sizeof w->data && (w->memory || w->len == register_size(w->number)) && hex_decode(w->data, hex, w->len) &&
             !strtok_r(NULL, " ", &rest);
    }
    free(copy);
    return ok;
}

bool gdbstub_check_write(struct machine *m, const char *text, struct error **errp)
{
    struct write w;
    return parse(&w, m, text) ||
           error_set(errp, "gdb %.60s: expected register CPU NAME BYTES, memory CPU ADDRESS BYTES or physical ADDRESS BYTES", text);
}

bool gdbstub_write(struct machine *m, const char *text)
{
    struct write w;
    if (!parse(&w, m, text))
        return false;
    bool ok = w.memory ? memory_write(&w.place, w.address, w.data, w.len) : register_write(pc_cpu(m, w.place.cpu), w.number, w.data);
    debug_state_written(pc_engine(m));
    return ok;
}
