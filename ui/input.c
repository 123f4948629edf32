// SPDX-License-Identifier: MIT
//
// Events wait in a list under a lock; the first one of a batch posts a function to the loop that hands them over. Which keys are
// down is known here, so that all can be let go when the window loses the keyboard.
#include "ui/input.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "util/loop.h"

#define EVENTS_MAX 1024 // what is more gets lost, but the release of a key never is
#define CODES 256

struct event { bool is_key, down; unsigned code, buttons; int dx, dy, wheel; };
struct chord { unsigned codes[INPUT_CHORD], count, hold_ms; struct chord *next; };
struct input {
    struct loop *loop;
    struct input_sink sink;   // machine thread
    struct chord *chords;     // machine thread; the first one is down
    pthread_mutex_t lock;     // of all below
    struct event events[EVENTS_MAX + CODES];
    unsigned count;
    bool posted;
    bool down[CODES];
    unsigned buttons;
};

struct input *input_new(struct loop *loop)
{
    struct input *input = calloc(1, sizeof *input);
    input->loop = loop;
    pthread_mutex_init(&input->lock, NULL);
    return input;
}

void input_free(struct input *input)
{
    if (!input)
        return;
    while (input->chords) {
        struct chord *c = input->chords;
        input->chords = c->next;
        free(c);
    }
    pthread_mutex_destroy(&input->lock);
    free(input);
}

void input_set_sink(struct input *input, const struct input_sink *sink)
{
    input->sink = *sink;
}

struct input_sink input_get_sink(const struct input *input)
{
    return input->sink;
}

static void deliver(void *opaque)
{
    struct input *input = opaque;
    pthread_mutex_lock(&input->lock);
    unsigned count = input->count;
    struct event *events = malloc((count + 1) * sizeof *events);
    memcpy(events, input->events, count * sizeof *events);
    input->count = 0;
    input->posted = false;
    pthread_mutex_unlock(&input->lock);
    for (unsigned i = 0; i < count; i++) {
        const struct event *e = &events[i];
        if (e->is_key && input->sink.key)
            input->sink.key(input->sink.opaque, e->code, e->down);
        else if (!e->is_key && input->sink.pointer)
            input->sink.pointer(input->sink.opaque, e->dx, e->dy, e->wheel, e->buttons);
    }
    free(events);
}

// Lock held.
static void put(struct input *input, const struct event *event)
{
    struct event *last = input->count ? &input->events[input->count - 1] : NULL;
    if (last && !last->is_key && !event->is_key && last->buttons == event->buttons) { // one movement
        last->dx += event->dx;
        last->dy += event->dy;
        last->wheel += event->wheel;
        return;
    }
    if (input->count >= EVENTS_MAX + (event->is_key && !event->down ? CODES : 0))
        return;
    input->events[input->count++] = *event;
    if (!input->posted)
        loop_post(input->loop, deliver, input);
    input->posted = true;
}

void input_key(struct input *input, unsigned code, bool down)
{
    if (!code || code >= CODES)
        return;
    pthread_mutex_lock(&input->lock);
    if (down || input->down[code]) { // the release of a key that nobody pressed says nothing
        input->down[code] = down;
        put(input, &(struct event){ .is_key = true, .code = code, .down = down });
    }
    pthread_mutex_unlock(&input->lock);
}

void input_pointer(struct input *input, int dx, int dy, int wheel, unsigned buttons)
{
    pthread_mutex_lock(&input->lock);
    input->buttons = buttons;
    put(input, &(struct event){ .dx = dx, .dy = dy, .wheel = wheel, .buttons = buttons });
    pthread_mutex_unlock(&input->lock);
}

void input_release_all(struct input *input)
{
    pthread_mutex_lock(&input->lock);
    for (unsigned code = 0; code < CODES; code++) {
        if (input->down[code])
            put(input, &(struct event){ .is_key = true, .code = code });
        input->down[code] = false;
    }
    if (input->buttons)
        put(input, &(struct event){ .buttons = 0 });
    input->buttons = 0;
    pthread_mutex_unlock(&input->lock);
}

// ---- chords

static void chord_up(void *opaque);

static void chord_down(struct input *input)
{
    const struct chord *c = input->chords;
    for (unsigned i = 0; i < c->count; i++)
        input_key(input, c->codes[i], true);
    loop_after(input->loop, (int)c->hold_ms, chord_up, input);
}

static void chord_up(void *opaque)
{
    struct input *input = opaque;
    struct chord *c = input->chords;
    for (unsigned i = c->count; i-- > 0;)
        input_key(input, c->codes[i], false);
    input->chords = c->next;
    free(c);
    if (input->chords)
        chord_down(input);
}

void input_chord(struct input *input, const unsigned *codes, unsigned count, unsigned hold_ms)
{
    struct chord *c = calloc(1, sizeof *c), **end = &input->chords;
    c->count = count > INPUT_CHORD ? INPUT_CHORD : count;
    c->hold_ms = hold_ms;
    memcpy(c->codes, codes, c->count * sizeof *codes);
    while (*end)
        end = &(*end)->next;
    *end = c;
    if (c == input->chords)
        chord_down(input);
}

unsigned input_key_code(const char *name)
{
    static const struct { unsigned code; const char *name, *alias; } keys[] = {
#define KEY(code, scancode, name, alias, plain, shifted) { code, name, alias },
#include "ui/keymap.def"
#undef KEY
        { 12, "-", NULL }, { 13, "=", NULL }, { 55, "asterisk", NULL },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(keys[i].name, name) || (keys[i].alias && !strcmp(keys[i].alias, name)))
            return keys[i].code;
    return 0;
}

const char *input_key_name(unsigned code)
{
    static const char *const names[CODES] = {
#define KEY(code, scancode, name, alias, plain, shifted) [code] = name,
#include "ui/keymap.def"
#undef KEY
    };
    return code < CODES ? names[code] : NULL;
}

char input_key_character(unsigned code, bool shift)
{
    static const char characters[CODES][2] = {
#define KEY(code, scancode, name, alias, plain, shifted) [code] = { plain, shifted },
#include "ui/keymap.def"
#undef KEY
    };
    return code < CODES ? characters[code][shift && characters[code][1]] : 0;
}
