// SPDX-License-Identifier: MIT
//
// Several front ends on one character device (mon:stdio): Ctrl-A c switches who gets the input; all may write.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "chardev/internal.h"
#include "util/error.h"

#define FRONTS 4
#define ESCAPE 1 // Ctrl-A
#define WAITING_MAX 4096

struct chardev_mux {
    struct chardev *chardev;
    struct {
        const struct chardev_front *front;
        void *opaque;
        uint8_t waiting[WAITING_MAX]; // typed, and not yet taken
        size_t count;
    } fronts[FRONTS];
    unsigned count, focus;
    bool escaped;
};

// A guest that takes nothing must not keep Ctrl-A from being seen: input waits here.
static size_t mux_can_receive(void *opaque)
{
    struct chardev_mux *m = opaque;
    return m->count ? WAITING_MAX - m->fronts[m->focus].count : 0;
}

// Hand over what the front end takes.
static void deliver(struct chardev_mux *m, unsigned i)
{
    while (m->fronts[i].count) {
        size_t n = m->fronts[i].front->can_receive(m->fronts[i].opaque);
        if (!n)
            return;
        if (n > m->fronts[i].count)
            n = m->fronts[i].count;
        uint8_t part[WAITING_MAX];
        memcpy(part, m->fronts[i].waiting, n);
        m->fronts[i].count -= n;
        memmove(m->fronts[i].waiting, m->fronts[i].waiting + n, m->fronts[i].count);
        m->fronts[i].front->receive(m->fronts[i].opaque, part, n);
    }
}

void mux_accept_input(struct chardev_mux *m)
{
    for (unsigned i = 0; i < m->count; i++)
        deliver(m, i);
}

static void help(struct chardev_mux *m)
{
    static const char text[] = "\r\nCtrl-A h    this help\r\nCtrl-A x    quit\r\nCtrl-A c    switch between console and monitor\r\n"
                               "Ctrl-A b    send break\r\nCtrl-A Ctrl-A  send Ctrl-A\r\n";
    chardev_write(m->chardev, text, sizeof text - 1);
}

static void switch_focus(struct chardev_mux *m)
{
    m->focus = (m->focus + 1) % m->count;
    const struct chardev_front *front = m->fronts[m->focus].front;
    if (front->event)
        front->event(m->fronts[m->focus].opaque, CHARDEV_RESIZED); // shows its prompt again
}

static void mux_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct chardev_mux *m = opaque;
    for (; len; data++, len--) {
        if (!m->escaped && *data == ESCAPE) {
            m->escaped = true;
            continue;
        }
        if (m->escaped) {
            m->escaped = false;
            if (*data == 'c') {
                switch_focus(m);
                continue;
            }
            if (*data == 'x') {
                raise(15);
                continue;
            }
            if (*data == 'h' || *data == '?') {
                help(m);
                continue;
            }
            if (*data == 'b') {
                if (m->fronts[m->focus].front->event)
                    m->fronts[m->focus].front->event(m->fronts[m->focus].opaque, CHARDEV_BREAK);
                continue;
            }
        }
        if (m->fronts[m->focus].count < WAITING_MAX)
            m->fronts[m->focus].waiting[m->fronts[m->focus].count++] = *data;
        deliver(m, m->focus);
    }
}

static void mux_event(void *opaque, enum chardev_event event)
{
    struct chardev_mux *m = opaque;
    for (unsigned i = 0; i < m->count; i++)
        if (m->fronts[i].front->event)
            m->fronts[i].front->event(m->fronts[i].opaque, event);
}

const struct chardev_front mux_front = { .can_receive = mux_can_receive, .receive = mux_receive, .event = mux_event };

struct chardev_mux *mux_new(struct chardev *c)
{
    struct chardev_mux *m = calloc(1, sizeof *m);
    m->chardev = c;
    c->mux = m;
    chardev_attach(c, &mux_front, m, NULL);
    return m;
}

void mux_free(struct chardev_mux *m)
{
    free(m);
}

bool mux_attach(struct chardev_mux *m, const struct chardev_front *front, void *opaque, struct error **errp)
{
    if (!front)
        return true;
    if (m->count == FRONTS)
        return error_set(errp, "character device '%s': at most %u front ends can share it", chardev_id(m->chardev), FRONTS);
    m->fronts[m->count].front = front;
    m->fronts[m->count++].opaque = opaque;
    chardev_update(m->chardev);
    return true;
}
