// SPDX-License-Identifier: MIT
//
// Key names of scripts to scan codes.
#include <string.h>
#include "hw/pc/pc.h"
#include "snapshot/internal.h"
#include "util/error.h"
#include "util/nearest.h"

#define MAX_KEYS 8

static const struct { const char *name; int scancode; } keys[] = {
#define KEY(name, scancode) { name, scancode },
#include "snapshot/keys.def"
#undef KEY
};
#define KEYS (sizeof keys / sizeof *keys)

struct combination { int codes[MAX_KEYS]; unsigned count; bool down, up; };

static int find(const char *name, size_t length)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strlen(keys[i].name) == length && !strncmp(keys[i].name, name, length))
            return keys[i].scancode;
    return 0;
}

static bool unknown(const char *name, size_t length, struct error **errp)
{
    char word[64];
    const char *names[KEYS];
    for (size_t i = 0; i < KEYS; i++)
        names[i] = keys[i].name;
    memcpy(word, name, length < sizeof word ? length : sizeof word - 1);
    word[length < sizeof word ? length : sizeof word - 1] = 0;
    error_set(errp, "unknown key '%s'", word);
    const char *nearest = nearest_name(word, names, KEYS);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return false;
}

static bool read(const char *text, struct combination *c, struct error **errp)
{
    size_t length = strcspn(text, " ");
    const char *after = text + length + strspn(text + length, " ");
    *c = (struct combination){ .down = true, .up = true };
    if (!strcmp(after, "down"))
        c->up = false;
    else if (!strcmp(after, "up"))
        c->down = false;
    else if (*after)
        return error_set(errp, "key %s: 'down' or 'up' may follow a key, not '%s'", text, after);
    for (size_t at = 0; at < length;) {
        size_t n = strcspn(text + at, "- ");
        if (c->count == MAX_KEYS)
            return error_set(errp, "key %s: at most %d keys at once", text, MAX_KEYS);
        c->codes[c->count] = find(text + at, n);
        if (!c->codes[c->count++])
            return unknown(text + at, n, errp);
        at += n + (text[at + n] == '-');
    }
    return c->count || error_set(errp, "no key is named");
}

bool keys_check(const char *text, struct error **errp)
{
    struct combination c;
    return read(text, &c, errp);
}

void keys_press(struct machine *machine, const char *text)
{
    struct combination c;
    if (!read(text, &c, NULL))
        return;
    for (unsigned i = 0; c.down && i < c.count; i++)
        pc_key(machine, c.codes[i], true);
    for (unsigned i = c.count; c.up && i-- > 0;)
        pc_key(machine, c.codes[i], false);
}
