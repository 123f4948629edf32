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
#define RECEIVE_MAX 1024
#define CTRL_C 3

struct monitor {
    struct machine *machine;
    struct chardev *chardev;
    struct readline *readline;
    struct event_sink sink;
    struct monitor_wait wait;
    char wait_why[256];        // with what it ends; empty: the DIMM has gone
    bool wait_ends;            // end_wait is on its way
    uint8_t held[RECEIVE_MAX]; // input that came behind a command that waits
    size_t held_count;
    bool greeted;
};

static bool has_terminal(const struct monitor *m) { return chardev_is_terminal(m->chardev); }

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

// Errors are red where there are colours.
static void print(void *opaque, const char *text)
{
    struct monitor *m = opaque;
    bool red = has_terminal(m) && (!strncmp(text, "Error: ", 7) || !strncmp(text, "unknown ", 8));
    if (red)
        put(m, "\x1b[31m");
    put(m, text);
    if (red)
        put(m, "\x1b[0m");
}

static void run_line(void *opaque, const char *text)
{
    struct monitor *m = opaque;
    monitor_run_with(m->machine, text, &(struct output){ .print = print, .opaque = m, .wait = m->machine->gate.command ? NULL : &m->wait });
    if (!m->wait.backend)
        readline_prompt(m->readline);
}

// Byte by byte: a command that waits holds back what follows it.
static void input(struct monitor *m, const uint8_t *data, size_t len)
{
    while (len && !m->wait.backend) {
        readline_input(m->readline, data++, 1);
        len--;
    }
    if (len > sizeof m->held - m->held_count)
        len = sizeof m->held - m->held_count; // cannot be: can_receive
    memcpy(m->held + m->held_count, data, len);
    m->held_count += len;
}

static void forget_wait(struct monitor *m)
{
    free(m->wait.backend);
    m->wait = (struct monitor_wait){ 0 };
    m->wait_ends = false;
}

// What the command does in the end.
static void finish_wait(struct monitor *m)
{
    struct output out = { .print = print, .opaque = m };
    struct error *err = NULL;
    if (*m->wait_why)
        error_set(&err, "object '%s' stays: %s", m->wait.backend, m->wait_why);
    else if (backend_find(m->machine->backends, m->wait.backend)) // else it went with its DIMM
        backend_delete(m->machine->backends, m->wait.backend, &err);
    if (err)
        out_error(&out, err);
    forget_wait(m);
    readline_prompt(m->readline);
}

// A turn of the loop later than the event, which may come from inside an access of the guest.
static void end_wait(void *opaque)
{
    struct monitor *m = opaque;
    uint8_t held[RECEIVE_MAX];
    size_t count = m->held_count;
    if (!m->wait_ends) // the client has gone meanwhile
        return;
    finish_wait(m);
    m->held_count = 0;
    memcpy(held, m->held, count);
    input(m, held, count);
    chardev_accept_input(m->chardev);
}

static void wait_is_over(struct monitor *m, const char *why)
{
    snprintf(m->wait_why, sizeof m->wait_why, "%s", why);
    m->wait_ends = true;
    loop_post(m->machine->loop, end_wait, m);
}

// An event while object_del -w waits. False: it is of something else.
static bool wait_event(struct monitor *m, enum machine_event what, const struct event_details *d)
{
    char text[200];
    bool ours = d->slot == m->wait.slot;
    if (m->wait_ends)
        return ours && what == EVENT_NOTICE; // the command's end says it
    if (what == EVENT_RESET) {
        wait_is_over(m, "the request to remove its DIMM ended with a reset");
    } else if (ours && what == EVENT_DEVICE_DELETED) {
        wait_is_over(m, "");
    } else if (ours && what == EVENT_UNPLUG_REFUSED) {
        snprintf(text, sizeof text, "the guest refuses to let go of its DIMM: %s", mem_hotplug_ost_text(d->source, d->status));
        wait_is_over(m, text);
    } else if (ours && what == EVENT_NOTICE) {
        put(m, d->text);
        put(m, has_terminal(m) ? " (Ctrl-C ends the wait)\n" : "\n");
    } else {
        return false;
    }
    return true;
}

// Where input has a count of its own, only commands that change nothing run at once.
static void line(void *opaque, const char *text)
{
    struct monitor *m = opaque;
    if (!m->machine->gate.command || monitor_effect(text) != EFFECT_CHANGES) {
        run_line(m, text);
    } else if (!m->machine->gate.command(m->machine->gate.opaque, false, text, run_line, m)) {
        put(m, "Error: this is a replay: its input comes from the recording\n");
        readline_prompt(m->readline);
    }
}

static void complete(void *opaque, const char *text, void (*candidate)(void *, const char *), void *to)
{
    monitor_complete(((struct monitor *)opaque)->machine, text, candidate, to);
}

static struct text_size size(void *opaque)
{
    return chardev_size(((struct monitor *)opaque)->chardev);
}

static void greet(struct monitor *m)
{
    put(m, "QEMU " RAMJET_QEMU_VERSION " monitor - type 'help' for more information\n");
    readline_prompt(m->readline);
    m->greeted = true;
}

static size_t can_receive(void *opaque)
{
    const struct monitor *m = opaque;
    if (!m->wait.backend)
        return RECEIVE_MAX;
    return has_terminal(m) && m->held_count < RECEIVE_MAX ? 1 : 0; // Ctrl-C
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct monitor *m = opaque;
    if (!m->greeted)
        greet(m);
    if (m->wait.backend && len == 1 && *data == CTRL_C) {
        m->held_count = 0;
        snprintf(m->wait_why, sizeof m->wait_why, "no longer waited for");
        finish_wait(m);
        chardev_accept_input(m->chardev);
        return;
    }
    input(m, data, len);
}

static void event(void *opaque, enum chardev_event what)
{
    struct monitor *m = opaque;
    if (what == CHARDEV_OPENED) {
        forget_wait(m); // of a client that has gone
        m->held_count = 0;
        readline_reset(m->readline);
        greet(m);
        chardev_accept_input(m->chardev);
    } else if (what == CHARDEV_RESIZED) { // the multiplexer gave us the input
        if (!m->greeted)
            greet(m);
        else
            readline_prompt(m->readline);
    }
}

// What a person should know of an event; "": nothing.
static void describe(enum machine_event what, const struct event_details *d, char *to, size_t size)
{
    char name[100];
    if (d->id)
        snprintf(name, sizeof name, "device '%.80s'", d->id);
    else
        snprintf(name, sizeof name, "the DIMM in slot %d", d->slot);
    *to = 0;
    switch (what) {
    case EVENT_DEVICE_DELETED: snprintf(to, size, "%s is removed\n", name); break;
    case EVENT_UNPLUG_REFUSED: snprintf(to, size, "the guest refuses to let go of %s: %s\n", name, mem_hotplug_ost_text(d->source, d->status)); break;
    case EVENT_NOTICE: snprintf(to, size, "%s\n", d->text); break;
    case EVENT_RESET: snprintf(to, size, "the machine was reset\n"); break;
    default: break;
    }
}

// Notices that nobody asked for: on terminals only, above the line being edited.
static void notice(void *opaque, enum machine_event what, const struct event_details *d)
{
    struct monitor *m = opaque;
    char text[640];
    if ((m->wait.backend && wait_event(m, what, d)) || !has_terminal(m) || !m->greeted)
        return;
    describe(what, d, text, sizeof text);
    if (*text && m->wait.backend)
        put(m, text); // there is no prompt
    else if (*text)
        readline_above(m->readline, text);
}

struct monitor *monitor_new(struct machine *machine, struct chardev *chardev, struct error **errp)
{
    static const struct chardev_front front = { .can_receive = can_receive, .receive = receive, .event = event };
    struct monitor *m = calloc(1, sizeof *m);
    m->machine = machine;
    m->chardev = chardev;
    m->readline = readline_new(PROMPT, chardev_is_terminal(chardev), LINE_MAX_LENGTH, print, line, complete, size, m);
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
        forget_wait(list[i]);
        free(list[i]);
    }
}
