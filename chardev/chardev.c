// SPDX-License-Identifier: MIT
//
// Character devices: list, options, input and output. Machine thread only.
//
// Drop rule: what the host does not take is queued, up to 4 MiB. When that is full the machine waits while the reader makes
// progress, at most a second without any; after that output is dropped until the reader moves again. A socket without a client
// drops output, as a serial line without a listener does.
#define _GNU_SOURCE
#include "chardev/internal.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "util/error.h"
#include "util/loop.h"
#include "util/nearest.h"

#define QUEUE_MAX ((size_t)4 << 20)

static const struct chardev_driver *const drivers[] = { &chardev_stdio, &chardev_file, &chardev_pty, &chardev_null, &chardev_socket,
                                                    &chardev_vc };
#define DRIVERS (sizeof drivers / sizeof *drivers)

const char *chardev_option(const struct chardev *c, const char *key)
{
    for (unsigned i = 0; i < c->option_count; i++)
        if (!strcmp(c->keys[i], key))
            return c->values[i];
    return NULL;
}

bool chardev_option_bool(const struct chardev *c, const char *key, bool absent)
{
    const char *v = chardev_option(c, key);
    return v ? !strcmp(v, "on") || !strcmp(v, "yes") || !*v : absent;
}

// ---- output

void chardev_queue(struct chardev *c, const uint8_t *data, size_t len)
{
    if (c->queued + len > c->queue_capacity) {
        c->queue_capacity = (c->queued + len) * 2;
        c->queue = realloc(c->queue, c->queue_capacity);
    }
    memcpy(c->queue + c->queued, data, len);
    c->queued += len;
}

#define STALL_MS 1000

// Write what the host takes; false: the other end is gone. wait: until all is out, or nothing moved for STALL_MS.
static bool queue_flush(struct chardev *c, bool wait)
{
    size_t done = 0;
    if (c->fd_out < 0)
        return false;
    while (done < c->queued) {
        ssize_t n = write(c->fd_out, c->queue + done, c->queued - done);
        if (n > 0) {
            done += (size_t)n;
            c->stalled = false;
        } else if (n < 0 && errno == EAGAIN) {
            if (!wait)
                break;
            struct pollfd p = { .fd = c->fd_out, .events = POLLOUT };
            if (poll(&p, 1, STALL_MS) == 0) {
                c->stalled = true;
                break;
            }
        } else if (!(n < 0 && errno == EINTR)) {
            c->queued = 0;
            return false;
        }
    }
    memmove(c->queue, c->queue + done, c->queued - done);
    c->queued -= done;
    return true;
}

void chardev_write(struct chardev *c, const void *data, size_t len)
{
    if (c->driver->write) {
        c->driver->write(c, data, len);
        return;
    }
    if (c->fd_out < 0)
        return;
    if (c->queued + len > QUEUE_MAX)
        queue_flush(c, !c->stalled);
    if (c->queued + len > QUEUE_MAX)
        return; // nobody reads: see the drop rule
    if (c->telnet)
        telnet_put(c, data, len);
    else
        chardev_queue(c, data, len);
    queue_flush(c, false);
    if (c->queued)
        chardev_update(c);
}

// ---- input

static void drain(struct chardev *c)
{
    bool some = c->queued;
    queue_flush(c, false);
    if (some && !c->queued)
        chardev_send_event(c, CHARDEV_DRAINED);
}

static void ready(void *opaque, int events)
{
    struct chardev *c = opaque;
    uint8_t buffer[4096];
    if (events & LOOP_WRITE && c->fd_out >= 0)
        drain(c);
    if (events & (LOOP_READ | LOOP_HANGUP) && c->front && c->fd_in >= 0) {
        size_t room = c->front->can_receive(c->opaque);
        if (room > sizeof buffer)
            room = sizeof buffer;
        ssize_t n = room ? read(c->fd_in, buffer, room) : -1;
        if (n > 0) {
            size_t len = c->telnet ? telnet_filter(c, buffer, (size_t)n) : (size_t)n;
            if (len)
                c->front->receive(c->opaque, buffer, len);
        } else if (room && (n == 0 || (errno != EAGAIN && errno != EINTR))) {
            c->at_end = true; // no more input; output goes on
            if (c->fd_listen >= 0) {
                close(c->fd_in);
                chardev_set_fds(c, -1, -1);
                chardev_send_event(c, CHARDEV_CLOSED);
                return;
            }
        }
    }
    chardev_update(c);
}

void chardev_update(struct chardev *c)
{
    bool want_in = c->fd_in >= 0 && !c->at_end && c->front && c->front->can_receive(c->opaque);
    bool want_out = c->fd_out >= 0 && c->queued;
    struct loop *loop = c->list->loop;
    if (c->fd_in == c->fd_out) {
        if (c->fd_in >= 0)
            loop_watch(loop, c->fd_in, (want_in ? LOOP_READ : 0) | (want_out ? LOOP_WRITE : 0), ready, c);
        return;
    }
    if (c->fd_in >= 0)
        loop_watch(loop, c->fd_in, want_in ? LOOP_READ : 0, ready, c);
    if (c->fd_out >= 0)
        loop_watch(loop, c->fd_out, want_out ? LOOP_WRITE : 0, ready, c);
}

void chardev_set_fds(struct chardev *c, int in, int out)
{
    if (c->fd_in >= 0)
        loop_watch(c->list->loop, c->fd_in, 0, NULL, NULL);
    if (c->fd_out >= 0 && c->fd_out != c->fd_in)
        loop_watch(c->list->loop, c->fd_out, 0, NULL, NULL);
    c->fd_in = in;
    c->fd_out = out;
    c->connected = in >= 0 || out >= 0;
    c->at_end = false;
    c->queued = 0;
    chardev_update(c);
}

void chardev_accept_input(struct chardev *c)
{
    gate_accept_input(c);
    if (c->mux)
        mux_accept_input(c->mux);
    if (c->driver->accept)
        c->driver->accept(c);
    chardev_update(c);
}

void chardev_send_event(struct chardev *c, enum chardev_event event)
{
    if (c->front && c->front->event)
        c->front->event(c->opaque, event);
}

bool chardev_attach(struct chardev *c, const struct chardev_front *front, void *opaque, struct error **errp)
{
    if (!front)
        gate_detach(c);
    gate_wrap(c, &front, &opaque);
    if (c->mux && front != &mux_front)
        return mux_attach(c->mux, front, opaque, errp);
    if (front && c->front)
        return error_set(errp, "character device '%s' is in use already (mux=on lets several share it)", c->id);
    c->front = front;
    c->opaque = opaque;
    chardev_update(c);
    if (front && c->connected)
        chardev_send_event(c, CHARDEV_OPENED);
    if (front && c->driver->accept)
        c->driver->accept(c);
    return true;
}

const char *chardev_id(const struct chardev *c) { return c->id; }
bool chardev_is_terminal(const struct chardev *c) { return c->terminal; }

struct text_size chardev_size(const struct chardev *c)
{
    struct winsize size;
    if (c->terminal && c->driver->size)
        return c->driver->size(c);
    if (!c->terminal || c->fd_out < 0 || ioctl(c->fd_out, TIOCGWINSZ, &size))
        return (struct text_size){ 0 };
    return (struct text_size){ size.ws_col, size.ws_row };
}

bool chardev_has_front(const struct chardev *c) { return c->front; }
size_t chardev_queued(const struct chardev *c) { return c->queued; }
bool chardev_connected(const struct chardev *c) { return c->connected; }

// ---- the list

struct chardev_list *chardev_list_new(struct loop *loop)
{
    struct chardev_list *list = calloc(1, sizeof *list);
    list->loop = loop;
    return list;
}

static void chardev_free(struct chardev *c)
{
    if (c->fd_out >= 0 && c->queued && !c->stalled)
        queue_flush(c, true);
    if (c->driver->close)
        c->driver->close(c);
    chardev_set_fds(c, -1, -1);
    mux_free(c->mux);
    for (unsigned i = 0; i < c->option_count; i++) {
        free(c->keys[i]);
        free(c->values[i]);
    }
    free(c->telnet);
    free(c->queue);
    free(c->id);
    free(c);
}

void chardev_delete(struct chardev *c)
{
    struct chardev **link = &c->list->first;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    chardev_free(c);
}

void chardev_list_free(struct chardev_list *list)
{
    while (list->first) {
        struct chardev *c = list->first;
        list->first = c->next;
        chardev_free(c);
    }
    gate_free_all(list);
    free(list);
}

struct chardev *chardev_find(struct chardev_list *list, const char *id)
{
    for (struct chardev *c = list->first; c; c = c->next)
        if (!strcmp(c->id, id))
            return c;
    return NULL;
}

static const struct chardev_driver *find_driver(const char *name, struct error **errp)
{
    const char *names[DRIVERS + 1];
    for (unsigned i = 0; i < DRIVERS; i++) {
        names[i] = drivers[i]->name;
        if (!strcmp(names[i], name))
            return drivers[i];
    }
    error_set(errp, "-chardev: '%s' is not a valid character device", name);
    const char *nearest = nearest_name(name, names, DRIVERS);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return NULL;
}

// One "key=value" (or "key") of the list into c; commas in values are doubled.
static const char *take_option(struct chardev *c, const char *text)
{
    char buffer[1024];
    size_t n = 0;
    for (; *text && n < sizeof buffer - 1; text++) {
        if (*text == ',' && text[1] == ',')
            text++;
        else if (*text == ',')
            break;
        buffer[n++] = *text;
    }
    buffer[n] = 0;
    if (*text == ',')
        text++;
    char *value = strchr(buffer, '=');
    if (value)
        *value++ = 0;
    if (n && c->option_count < CHARDEV_OPTIONS) {
        bool negated = !value && !strncmp(buffer, "no", 2);
        c->keys[c->option_count] = strdup(negated ? buffer + 2 : buffer);
        c->values[c->option_count++] = strdup(value ? value : negated ? "off" : "on");
    }
    return text;
}

// Options that the driver does not know.
static bool check_keys(const struct chardev *c, struct error **errp)
{
    for (unsigned i = 0; i < c->option_count; i++) {
        const char *names[CHARDEV_OPTIONS] = { "id", "mux" };
        size_t count = 2;
        bool known = false;
        for (const char *const *k = c->driver->keys; k && *k; k++)
            names[count++] = *k;
        for (size_t k = 0; k < count; k++)
            known |= !strcmp(names[k], c->keys[i]);
        if (known)
            continue;
        error_set(errp, "-chardev: Invalid parameter '%s'", c->keys[i]);
        const char *nearest = nearest_name(c->keys[i], names, count);
        if (nearest)
            error_hint(errp, "did you mean '%s'?", nearest);
        return false;
    }
    return true;
}

struct chardev *chardev_new(struct chardev_list *list, const char *options, struct error **errp)
{
    char name[64];
    size_t n = strcspn(options, ",");
    snprintf(name, sizeof name, "%.*s", (int)n, options);
    const struct chardev_driver *driver = find_driver(name, errp);
    if (!driver)
        return NULL;
    struct chardev *c = calloc(1, sizeof *c);
    c->driver = driver;
    c->list = list;
    c->fd_in = c->fd_out = c->fd_listen = -1;
    const char *rest = options + n + (options[n] == ',');
    while (*rest)
        rest = take_option(c, rest);
    const char *id = chardev_option(c, "id");
    if (!id)
        error_set(errp, "-chardev %s: 'id' is missing", options);
    else if (chardev_find(list, id))
        error_set(errp, "-chardev: Duplicate ID '%s' for chardev", id);
    c->id = strdup(id ? id : "");
    if (!id || chardev_find(list, id) || !check_keys(c, errp) || !driver->open(c, errp)) {
        c->driver = &chardev_null;
        chardev_free(c);
        return NULL;
    }
    if (chardev_option_bool(c, "mux", false))
        c->mux = mux_new(c);
    c->next = list->first;
    list->first = c;
    return c;
}

// As QEMU's clients know it: unix:PATH,server=on, tcp:HOST:PORT, pty:/dev/pts/N (where they find a pty's name), file:PATH...
static void describe(const struct chardev *c, char *text, size_t size)
{
    const char *path = chardev_option(c, "path"), *host = chardev_option(c, "host"), *port = chardev_option(c, "port");
    char name[64];
    if (c->driver == &chardev_socket)
        snprintf(text, size, "%s%s:%s%s%s%s", c->connected ? "" : "disconnected:", path ? "unix" : c->telnet ? "telnet" : "tcp", path ? path : host ? host : "localhost",
                 path ? "" : ":", path || !port ? "" : port, chardev_option_bool(c, "server", false) ? ",server=on" : "");
    else if (c->driver == &chardev_pty && !ptsname_r(c->fd_in, name, sizeof name))
        snprintf(text, size, "pty:%s", name);
    else
        snprintf(text, size, "%s%s%s", c->driver->name, path ? ":" : "", path ? path : "");
}

void chardev_each(const struct chardev_list *list, void (*fn)(void *opaque, const char *id, const char *what), void *opaque)
{
    for (const struct chardev *c = list->first; c; c = c->next) {
        char what[512];
        describe(c, what, sizeof what);
        fn(opaque, c->id, what);
    }
}

void chardev_print_help(void (*print)(void *, const char *), void *opaque)
{
    print(opaque, "Available chardev backend types:\n");
    for (unsigned i = 0; i < DRIVERS; i++) {
        char line[160];
        snprintf(line, sizeof line, "  %-8s %s\n", drivers[i]->name, drivers[i]->help);
        print(opaque, line);
    }
}
