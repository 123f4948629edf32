// SPDX-License-Identifier: MIT
//
// vc: a text console in the emulator's window. The window is above this layer: it gives the list its functions before
// character devices are made, and hands over what was typed. Input that the front end does not take yet waits here.
#include <stdlib.h>
#include <string.h>
#include "chardev/internal.h"
#include "util/error.h"

#define WAITING_MAX ((size_t)1 << 20) // a large paste; what is more is dropped

struct vc { void *console; uint8_t *waiting; size_t count, capacity; };

void chardev_set_console(struct chardev_list *list, const struct chardev_console *console)
{
    list->console = console;
}

static bool vc_open(struct chardev *c, struct error **errp)
{
    const struct chardev_console *console = c->list->console;
    if (!console)
        return error_set(errp, "chardev '%s': vc needs a window (-display sdl)", c->id);
    void *opened = console->open(console->opaque, c, errp);
    if (!opened)
        return false;
    struct vc *vc = calloc(1, sizeof *vc);
    vc->console = opened;
    c->data = vc;
    c->terminal = c->connected = true;
    return true;
}

static void vc_close(struct chardev *c)
{
    struct vc *vc = c->data;
    c->list->console->close(vc->console);
    free(vc->waiting);
    free(vc);
}

static void vc_write(struct chardev *c, const uint8_t *data, size_t len)
{
    c->list->console->write(((struct vc *)c->data)->console, data, len);
}

// Hand over what the front end takes.
static void vc_accept(struct chardev *c)
{
    struct vc *vc = c->data;
    uint8_t part[4096];
    while (vc && vc->count && c->front) {
        size_t n = c->front->can_receive(c->opaque);
        if (n > vc->count)
            n = vc->count;
        if (n > sizeof part)
            n = sizeof part;
        if (!n)
            return;
        memcpy(part, vc->waiting, n);
        vc->count -= n;
        memmove(vc->waiting, vc->waiting + n, vc->count);
        c->front->receive(c->opaque, part, n);
    }
}

void chardev_console_input(struct chardev *c, const void *data, size_t len)
{
    struct vc *vc = c->data;
    if (vc->count + len > WAITING_MAX)
        return;
    if (vc->count + len > vc->capacity) {
        vc->capacity = (vc->count + len) * 2;
        vc->waiting = realloc(vc->waiting, vc->capacity);
    }
    memcpy(vc->waiting + vc->count, data, len);
    vc->count += len;
    vc_accept(c);
}

static struct text_size vc_size(const struct chardev *c)
{
    const struct vc *vc = c->data;
    return c->list->console->size ? c->list->console->size(vc->console) : (struct text_size){ 0 };
}

const struct chardev_driver chardev_vc = {
    .name = "vc", .help = "a text console in the window", .open = vc_open, .close = vc_close, .write = vc_write, .accept = vc_accept,
    .size = vc_size,
};
