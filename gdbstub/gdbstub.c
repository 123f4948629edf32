// SPDX-License-Identifier: MIT
//
// Life of the stub and of its connection. A client that comes pauses the machine and turns the engine's debugger on; one
// that goes turns it off: no breakpoint stays, and the guest goes on if it ran before or the client had let it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exec/engine.h"
#include "gdbstub/internal.h"
#include "util/error.h"

static void client_came(struct gdbstub *g)
{
    static const char first_stop[] = "T05thread:01;";
    struct engine *e = pc_engine(g->machine);
    struct debug_owner owner = { .stopped = resume_engine_stopped, .opaque = g };
    packet_reset(g);
    g->connected = true;
    g->waiting = g->break_reasons = g->physical = false;
    g->current = g->resumed = 0;
    g->continue_at_loss = g->machine->state == RUN_STATE_RUNNING;
    strcpy(g->stop, first_stop);
    // Counted time is for runs that can be repeated: there a step hides nothing unless the client asks for it.
    g->step_mask = engine_counts_time(e) ? 1 : 1 | DEBUG_STEP_NOIRQ | DEBUG_STEP_NOTIMER;
    debug_set_owner(e, &owner);
    debug_set_step_mask(e, g->step_mask);
    resume_pause(g);
}

static void client_went(struct gdbstub *g)
{
    if (!g->connected)
        return;
    g->connected = g->waiting = false;
    debug_set_owner(pc_engine(g->machine), NULL);
    if (g->continue_at_loss && (g->machine->state == RUN_STATE_PAUSED || g->machine->state == RUN_STATE_PRELAUNCH))
        pc_continue(g->machine, NULL);
}

// ---- the character device

static size_t can_receive(void *opaque)
{
    const struct gdbstub *g = opaque;
    return g->pausing ? 0 : 4096;
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct gdbstub *g = opaque;
    g->receiving = true;
    packet_input(g, data, len);
    g->receiving = false;
}

static void chardev_changed(void *opaque, enum chardev_event event)
{
    if (event == CHARDEV_OPENED)
        client_came(opaque);
    else if (event == CHARDEV_CLOSED)
        client_went(opaque);
}

static void hang_up(struct gdbstub *g)
{
    if (!g->chardev)
        return;
    client_went(g);
    chardev_attach(g->chardev, NULL, NULL, NULL);
    if (g->own_chardev)
        chardev_delete(g->chardev);
    g->chardev = NULL;
}

// Commas in values of a chardev's options are doubled.
static void append_value(char *to, size_t size, const char *value, size_t len)
{
    size_t n = strlen(to);
    for (; len-- && n + 3 < size; value++) {
        to[n++] = *value;
        if (*value == ',')
            to[n++] = ',';
    }
    to[n] = 0;
}

// tcp:HOST:PORT, also with QEMU's words behind it, which are what happens anyway.
static struct chardev *open_tcp(struct gdbstub *g, const char *label, const char *place, struct error **errp)
{
    char options[512];
    size_t len = strcspn(place, ",");
    const char *colon = memchr(place, ':', len), *rest = place + len;
    for (const char *next; colon && (next = memchr(colon + 1, ':', (size_t)(rest - colon - 1))) != NULL;)
        colon = next; // the last one: HOST may be an IPv6 address
    bool known = !*rest || !strcmp(rest, ",server") || !strcmp(rest, ",server=on") || !strcmp(rest, ",server,nowait") ||
                 !strcmp(rest, ",server=on,wait=off");
    if (!colon || colon + 1 == rest || !known) {
        error_set(errp, "'tcp:%s' is not tcp:HOST:PORT", place);
        return NULL;
    }
    const char *host = place;
    size_t host_len = (size_t)(colon - place);
    if (host_len >= 2 && *host == '[' && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    }
    snprintf(options, sizeof options, "socket,id=%s,server=on,wait=off,host=", label);
    append_value(options, sizeof options, host, host_len);
    strcat(options, ",port=");
    append_value(options, sizeof options, colon + 1, (size_t)(rest - colon - 1));
    return chardev_new(g->machine->chardevs, options, errp);
}

static struct chardev *open_unix(struct gdbstub *g, const char *label, const char *place, struct error **errp)
{
    char options[512];
    size_t len = strcspn(place, ",");
    const char *rest = place + len;
    if (!len || (*rest && strcmp(rest, ",server") && strcmp(rest, ",server=on") && strcmp(rest, ",server=on,wait=off"))) {
        error_set(errp, "'unix:%s' is not unix:PATH", place);
        return NULL;
    }
    snprintf(options, sizeof options, "socket,id=%s,server=on,wait=off,path=", label);
    append_value(options, sizeof options, place, len);
    return chardev_new(g->machine->chardevs, options, errp);
}

bool gdbstub_open(struct gdbstub *g, const char *device, struct error **errp)
{
    static const struct chardev_front front = { .can_receive = can_receive, .receive = receive, .event = chardev_changed };
    char label[32];
    if (g->receiving)
        return error_set(errp, "gdbserver: not from the debugger's own 'monitor' command");
    hang_up(g);
    if (!strcmp(device, "none"))
        return true;
    snprintf(label, sizeof label, "gdb%u", g->serial++);
    bool shared = !strncmp(device, "chardev:", 8);
    struct chardev *c;
    if (!strncmp(device, "tcp:", 4))
        c = open_tcp(g, label, device + 4, errp);
    else if (!strncmp(device, "unix:", 5))
        c = open_unix(g, label, device + 5, errp);
    else
        c = chardev_from_legacy(g->machine->chardevs, label, device, errp);
    if (!c)
        return false;
    g->chardev = c;
    g->own_chardev = !shared;
    if (chardev_attach(c, &front, g, errp))
        return true;
    if (g->own_chardev)
        chardev_delete(c);
    g->chardev = NULL;
    return false;
}

// ---- the machine

static void machine_event(void *opaque, enum machine_event event, const struct event_details *details)
{
    struct gdbstub *g = opaque;
    if (event == EVENT_STOP)
        resume_machine_stopped(g, GDB_SIGNAL_INT);
    else if (event == EVENT_SHUTDOWN && g->machine->no_shutdown)
        resume_machine_stopped(g, GDB_SIGNAL_QUIT);
}

struct gdbstub *gdbstub_new(struct machine *machine, const struct gdbstub_ops *ops)
{
    struct gdbstub *g = calloc(1, sizeof *g);
    g->machine = machine;
    g->ops = ops;
    g->features = register_description();
    g->sink = (struct event_sink){ .event = machine_event, .opaque = g, .next = machine->sinks };
    machine->sinks = &g->sink;
    machine->gdbstub = g;
    return g;
}

void gdbstub_free(struct gdbstub *g, int status, int signal)
{
    if (!g)
        return;
    if (g->connected && g->waiting)
        reply(g, "%c%02x", signal ? 'X' : 'W', (unsigned)(signal ? signal : status) & 0xff);
    g->continue_at_loss = false;
    hang_up(g);
    for (struct event_sink **s = &g->machine->sinks; *s; s = &(*s)->next) {
        if (*s == &g->sink) {
            *s = g->sink.next;
            break;
        }
    }
    g->machine->gdbstub = NULL;
    free(g->features);
    free(g);
}
