// SPDX-License-Identifier: MIT
//
// A monitor on a character device: collects lines, runs them, prints the prompt.
//
// On a terminal: echo, line editing, history, completion (readline.c), and notices above the prompt. Elsewhere plain: no
// echo, and a reply holds only its command's own output.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "chardev/chardev.h"
#include "hw/acpi/mem_hotplug.h"
#include "monitor/internal.h"
#include "monitor/readline.h"
#include "util/version.h"

#define PROMPT "(qemu) "
#define LINE_MAX_LENGTH 4096

struct monitor {
    struct machine *machine;
    struct chardev *chardev;
    struct readline *readline;
    struct event_sink sink;
    bool greeted;
};

static void put(struct monitor *m, const char *text)
{
    for (const char *p = text; *p;) { // \n goes out as \r\n
        size_t n = strcspn(p, "\n");
        chardev_write(m->chardev, p, n);
        p += n;
        if (*p == '\n') {
            chardev_write(m->chardev, "\r\n", 2);
            p++;
        }
    }
}

static void print(void *opaque, const char *text)
{
    put(opaque, text);
}

static void run_line(void *opaque, const char *text)
{
    struct monitor *m = opaque;
    monitor_run(m->machine, text, print, m);
    readline_prompt(m->readline);
}

// Where input has a count of its own, only commands that change nothing run at once.
static void line(void *opaque, const char *text)
{
    struct monitor *m = opaque;
    if (!m->machine->gate.command || monitor_only_looks(text)) {
        run_line(m, text);
    } else if (!m->machine->gate.command(m->machine->gate.opaque, text, run_line, m)) {
        put(m, "Error: this is a replay: its input comes from the recording\n");
        readline_prompt(m->readline);
    }
}

// IDs of what object_del and device_del can name. False: another command.
static bool complete_id(struct monitor *m, const char *text, void (*candidate)(void *, const char *), void *to)
{
    bool object = !strncmp(text, "object_del ", 11), device = !strncmp(text, "device_del ", 11);
    size_t n = object || device ? strlen(text + 11) : 0;
    for (struct memory_backend *b = object ? backend_first(m->machine->backends) : NULL; b; b = b->next)
        if (!strncmp(b->id, text + 11, n))
            candidate(to, b->id);
    for (struct device *d = device ? m->machine->devices : NULL; d; d = d->next)
        if (d->id && !strncmp(d->id, text + 11, n))
            candidate(to, d->id);
    return object || device;
}

static void complete(void *opaque, const char *text, void (*candidate)(void *, const char *), void *to)
{
    if (complete_id(opaque, text, candidate, to))
        return;
    bool info = !strncmp(text, "info ", 5);
    const struct command *table = info ? monitor_infos : monitor_commands;
    size_t count = info ? monitor_info_count : monitor_command_count, n = strlen(info ? text + 5 : text);
    for (size_t i = 0; i < count; i++)
        if (!strncmp(table[i].name, info ? text + 5 : text, n))
            candidate(to, table[i].name);
}

static void greet(struct monitor *m)
{
    put(m, "QEMU " RAMJET_QEMU_VERSION " monitor - type 'help' for more information\n");
    readline_prompt(m->readline);
    m->greeted = true;
}

static size_t can_receive(void *opaque) { return 1024; }

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct monitor *m = opaque;
    if (!m->greeted)
        greet(m);
    readline_input(m->readline, data, len);
}

static void event(void *opaque, enum chardev_event what)
{
    struct monitor *m = opaque;
    if (what == CHARDEV_OPENED) {
        readline_reset(m->readline);
        greet(m);
    } else if (what == CHARDEV_RESIZED) { // the multiplexer gave us the input
        if (!m->greeted)
            greet(m);
        else
            readline_prompt(m->readline);
    }
}

// Notices that nobody asked for: on terminals only, above the line being edited.
static void notice(void *opaque, enum machine_event what, const struct event_details *d)
{
    struct monitor *m = opaque;
    char text[256];
    if (!chardev_is_terminal(m->chardev) || !m->greeted)
        return;
    switch (what) {
    case EVENT_DEVICE_DELETED: snprintf(text, sizeof text, "device '%s' is removed\n", d->id ? d->id : ""); break;
    case EVENT_UNPLUG_REFUSED:
        snprintf(text, sizeof text, "the guest refuses to let go of device '%s': %s\n", d->id ? d->id : "", mem_hotplug_ost_text(d->source, d->status));
        break;
    case EVENT_RESET: snprintf(text, sizeof text, "the machine was reset\n"); break;
    default: return;
    }
    readline_above(m->readline, text);
}

struct monitor *monitor_new(struct machine *machine, struct chardev *chardev, struct error **errp)
{
    static const struct chardev_front front = { .can_receive = can_receive, .receive = receive, .event = event };
    struct monitor *m = calloc(1, sizeof *m);
    m->machine = machine;
    m->chardev = chardev;
    m->readline = readline_new(PROMPT, chardev_is_terminal(chardev), LINE_MAX_LENGTH, print, line, complete, m);
    m->sink = (struct event_sink){ .event = notice, .opaque = m, .next = machine->sinks };
    machine->sinks = &m->sink;
    if (!chardev_attach(chardev, &front, m, errp)) {
        machine->sinks = m->sink.next;
        readline_free(m->readline);
        free(m);
        return NULL;
    }
    return m;
}

void monitor_free_all(struct machine *machine, struct monitor **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        chardev_attach(list[i]->chardev, NULL, NULL, NULL);
        for (struct event_sink **s = &machine->sinks; *s; s = &(*s)->next) {
            if (*s == &list[i]->sink) {
                *s = (*s)->next;
                break;
            }
        }
        readline_free(list[i]->readline);
        free(list[i]);
    }
}
