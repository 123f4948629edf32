// SPDX-License-Identifier: MIT
//
// Keys and pointer movements as words of a script, and to the device. A key without a name is its Linux code: #NUMBER.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "snapshot/internal.h"
#include "ui/input.h"
#include "util/error.h"

#define MAX_KEYS 8

struct combination { unsigned codes[MAX_KEYS], count; bool down, up; };

static unsigned code_of(const char *name)
{
    char *end;
    unsigned long code = *name == '#' ? strtoul(name + 1, &end, 10) : 0;
    if (code)
        return *end || code > 255 ? 0 : (unsigned)code;
    return input_key_code(name);
}

static bool read(const char *text, struct combination *c, struct error **errp)
{
    char words[256], *save = NULL;
    size_t length = strcspn(text, " ");
    const char *after = text + length + strspn(text + length, " ");
    *c = (struct combination){ .down = strcmp(after, "up"), .up = strcmp(after, "down") };
    if (*after && c->down && c->up)
        return error_set(errp, "key %s: 'down' or 'up' may follow a key, not '%s'", text, after);
    snprintf(words, sizeof words, "%.*s", (int)length, text);
    for (char *word = strtok_r(words, "-", &save); word; word = strtok_r(NULL, "-", &save)) {
        if (c->count == MAX_KEYS)
            return error_set(errp, "key %s: at most %d keys at once", text, MAX_KEYS);
        c->codes[c->count] = code_of(word);
        if (!c->codes[c->count++])
            return error_set(errp, "key %s: unknown key '%s'", text, word);
    }
    return c->count || error_set(errp, "key %s: no key is named", text);
}

bool keys_check(const char *text, struct error **errp)
{
    struct combination c;
    return read(text, &c, errp);
}

void keys_press(const struct input_sink *sink, const char *text)
{
    struct combination c;
    if (!read(text, &c, NULL) || !sink->key)
        return;
    for (unsigned i = 0; c.down && i < c.count; i++)
        sink->key(sink->opaque, c.codes[i], true);
    for (unsigned i = c.count; c.up && i-- > 0;)
        sink->key(sink->opaque, c.codes[i], false);
}

char *keys_text(unsigned code, bool down)
{
    char text[64];
    const char *name = input_key_name(code);
    if (name)
        snprintf(text, sizeof text, "%s %s", name, down ? "down" : "up");
    else
        snprintf(text, sizeof text, "#%u %s", code, down ? "down" : "up");
    return strdup(text);
}

static bool read_pointer(const char *text, int value[3], unsigned *buttons)
{
    int used = 0;
    return sscanf(text, "%d %d %d %u%n", &value[0], &value[1], &value[2], buttons, &used) == 4 && !text[used] && *buttons < 32;
}

bool pointer_check(const char *text, struct error **errp)
{
    int value[3];
    unsigned buttons;
    return read_pointer(text, value, &buttons) || error_set(errp, "pointer %s: expected DX DY WHEEL BUTTONS", text);
}

void pointer_move(const struct input_sink *sink, const char *text)
{
    int value[3];
    unsigned buttons;
    if (read_pointer(text, value, &buttons) && sink->pointer)
        sink->pointer(sink->opaque, value[0], value[1], value[2], buttons);
}
