// SPDX-License-Identifier: MIT
//
// The run by counts: what is due at a boundary, and the queue of input. See control.h for the order.
//
// A replay is a script that came from -record (it has an `end`): its digests are compared on the way, no other input is let in,
// and the first difference ends it with EXIT_REPLAY_DIFFERS.
#include "snapshot/control.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "chardev/chardev.h"
#include "exec/engine.h"
#include "hw/core/machine.h"
#include "hw/pc/pc.h"
#include "replay/script.h"
#include "snapshot/digest.h"
#include "snapshot/internal.h"
#include "ui/input.h"
#include "util/error.h"

#define MAX_STOP_TEXT 256

// Live input on its way: takes effect at event.count.
struct pending {
    struct pending *next;
    struct script_event event;
    void (*run)(void *client, const char *line); // monitor
    void (*pause)(void *client);                 // a debugger wants to stop here: no event, but one's time
    void *client;
};

struct control {
    const struct run_options *options;
    const struct pc_options *pc;
    struct machine *machine;
    struct chardev_list *chardevs;
    struct chardev_gate gate;
    struct control_commands commands;
    struct script script;
    size_t next;                    // of script
    const struct script_event *end; // of a recording, else NULL
    struct pending *first, **last;
    unsigned digest_next;           // of digest_at
    uint64_t every_next, check_next, last_equal;
    uint64_t last_live;             // the count of the last live event
    struct run_files files;
    struct timer limit;
    struct input_sink sink;         // the guest's keyboard and mouse
    char seen[MAX_STOP_TEXT];
    size_t seen_count;
    bool differs;
    bool lost;                      // a file could not be written
    bool end_waits;                 // end_is_near has put the end off
    bool look;                      // an event asks for something that its owner does before the guest goes on
};

static uint64_t now(const struct control *c)
{
    return engine_instructions(pc_engine(c->machine));
}

static void quit(struct control *c, int status, const char *cause)
{
    c->look = true;
    c->machine->exit_code = status;
    c->machine->shutdown_cause = cause;
    machine_request(c->machine, REQUEST_QUIT);
}

// ---- the next stop

static void least(uint64_t *count, uint64_t other)
{
    if (other < *count)
        *count = other;
}

static void plan(struct control *c)
{
    uint64_t count = UINT64_MAX;
    if (c->digest_next < c->options->digest_at_count)
        least(&count, c->options->digest_at[c->digest_next]);
    if (c->options->digest_every)
        least(&count, c->every_next);
    if (c->files.record)
        least(&count, c->check_next);
    if (c->next < c->script.count)
        least(&count, c->end_waits ? now(c) + 1 : c->script.events[c->next].count);
    if (c->first)
        least(&count, c->first->event.count);
    if (c->options->limit_instructions)
        least(&count, c->options->limit_instructions);
    engine_set_stop(pc_engine(c->machine), count);
}

// ---- digests

struct digest_lines { FILE *out; uint64_t count; };

static void print_part(void *opaque, const char *part, const char *hex)
{
    const struct digest_lines *l = opaque;
    fprintf(l->out, "digest %llu %s %s\n", (unsigned long long)l->count, part, hex);
}

static void print_value(void *opaque, const char *line)
{
    const struct digest_lines *l = opaque;
    fprintf(l->out, "state %llu %s\n", (unsigned long long)l->count, line);
}

// What cannot be written down (a full disk) ends the run: a part of it is worth nothing.
static void flush(struct control *c, FILE *out)
{
    struct error *why = NULL;
    if (c->lost || run_file_flush(&c->files, out, c->options, &why))
        return;
    c->lost = true;
    error_report(why);
    error_free(why);
    quit(c, 1, "a file cannot be written");
}

static void print_digest(struct control *c, FILE *out, uint64_t count)
{
    struct digest_lines l = { out, count };
    digest_machine(c->machine, print_part, &l, NULL);
    if (c->options->digest_full)
        digest_describe(c->machine, print_value, &l);
    flush(c, out);
}

static void digests_due(struct control *c, uint64_t count)
{
    const struct run_options *o = c->options;
    while (c->digest_next < o->digest_at_count && o->digest_at[c->digest_next] <= count)
        print_digest(c, c->files.at, o->digest_at[c->digest_next++]);
    while (o->digest_every && c->every_next <= count) {
        print_digest(c, c->files.every, c->every_next);
        c->every_next += o->digest_every;
    }
}

// ---- recording

static void record_event(struct control *c, const struct script_event *e)
{
    if (!c->files.record)
        return;
    script_write(c->files.record, e);
    flush(c, c->files.record);
}

static void checkpoint_due(struct control *c, uint64_t count)
{
    char hex[DIGEST_TEXT];
    if (!c->files.record || c->check_next > count)
        return;
    digest_machine(c->machine, NULL, NULL, hex);
    record_event(c, &(struct script_event){ .count = c->check_next, .kind = SCRIPT_DIGEST, .text = hex, .length = DIGEST_TEXT - 1 });
    while (c->check_next <= count)
        c->check_next += c->options->record_every;
}

// ---- replaying

static void differs(struct control *c, uint64_t count, const char *what, const char *here, const char *recorded)
{
    if (c->differs)
        return;
    c->differs = true;
    fprintf(stderr, "ramjet: -script %s: the replay differs from the recording at count %llu: %s %s, recorded %s (equal up to %llu)\n",
            c->options->script, (unsigned long long)count, what, here, recorded, (unsigned long long)c->last_equal);
    quit(c, EXIT_REPLAY_DIFFERS, "replay differs");
}

static void check_digest(struct control *c, const struct script_event *e)
{
    char hex[DIGEST_TEXT];
    digest_machine(c->machine, NULL, NULL, hex);
    if (strcmp(hex, e->text))
        differs(c, e->count, "digest", hex, e->text);
    else
        c->last_equal = e->count;
}

static void check_contract(struct control *c, const struct script_event *e)
{
    char *line = contract_line(c->machine, c->pc);
    const char *ours = line, *theirs = e->text;
    for (bool warned = false; *ours && *theirs && !warned;) {
        size_t n = strcspn(ours, " "), m = strcspn(theirs, " ");
        warned = n != m || strncmp(ours, theirs, n);
        if (warned)
            warn_report("-script %s: recorded with %.*s, run with %.*s", c->options->script, (int)m, theirs, (int)n, ours);
        ours += n + (ours[n] == ' ');
        theirs += m + (theirs[m] == ' ');
    }
    free(line);
}

// ---- input

static void print_output(void *opaque, const char *text)
{
    fputs(text, stderr);
}

// A command of a script.
static void command(struct control *c, const struct script_event *e)
{
    struct error *why = NULL;
    bool ran = c->machine->state == RUN_STATE_RUNNING;
    if (e->kind == SCRIPT_QMP ? !c->commands.qmp(c->machine, e->text, &why) : !c->commands.monitor(c->machine, e->text, print_output, NULL))
        warn_report("-script %s:%u: '%s' has failed%s%s", c->options->script, e->line, e->text, why ? ": " : "", why ? why->message : "");
    error_free(why);
    bool more = c->next < c->script.count && c->script.events[c->next].count <= now(c);
    if (ran && c->machine->state != RUN_STATE_RUNNING && !more)
        warn_report("-script %s:%u: the guest stands still at count %llu, and the count with it: only another monitor's 'cont' can let it go on",
                    c->options->script, e->line, (unsigned long long)now(c));
}

static void flip(struct control *c, const struct script_event *e)
{
    struct error *why = NULL;
    if (!flip_bit(c->machine, e->text, &why))
        warn_report("-script %s:%u: flip %s: %s", c->options->script, e->line, e->text, error_message(why));
    error_free(why);
}

static void apply(struct control *c, const struct script_event *e, const struct pending *live)
{
    uint32_t before = atomic_load(&c->machine->requests);
    switch (e->kind) {
    case SCRIPT_SERIAL: chardev_gate_deliver(c->chardevs, e->port, e->text, e->length, live); break;
    case SCRIPT_BREAK: chardev_gate_break(c->chardevs, e->port); break;
    case SCRIPT_KEY: keys_press(&c->sink, e->text); break;
    case SCRIPT_POINTER: pointer_move(&c->sink, e->text); break;
    case SCRIPT_FLIP: flip(c, e); break;
    case SCRIPT_DIGEST: check_digest(c, e); return;
    case SCRIPT_CONTRACT: check_contract(c, e); return;
    case SCRIPT_END: quit(c, e->status, "end of the recording"); return;
    case SCRIPT_GDB: c->commands.gdb_write(c->machine, e->text); break;
    default:
        if (live && live->run)
            live->run(live->client, e->text);
        else
            command(c, e);
        c->look |= c->machine->state != RUN_STATE_RUNNING || (atomic_load(&c->machine->requests) & ~before);
    }
    record_event(c, e);
}

static void apply_live(struct control *c)
{
    struct pending *p = c->first;
    c->first = p->next;
    if (!c->first)
        c->last = &c->first;
    c->last_live = p->event.count;
    if (p->pause) {
        p->pause(p->client);
        c->look |= c->machine->state != RUN_STATE_RUNNING;
    } else {
        apply(c, &p->event, p);
    }
    script_event_free(&p->event);
    free(p);
}

static bool live_is_first(const struct control *c)
{
    return c->first && (c->next == c->script.count || c->first->event.count < c->script.events[c->next].count);
}

// The guest is about to end the run by itself at this count, as it was recorded: that is another state than an end from outside
// before the request is looked at. If it does not, the recording ends it an instruction later.
static bool end_is_near(struct control *c)
{
    bool end = c->next < c->script.count && c->script.events[c->next].kind == SCRIPT_END && !c->end_waits;
    c->end_waits = end && c->script.events[c->next].count <= now(c) && atomic_load(&c->machine->requests);
    return c->end_waits;
}

static void input_due(struct control *c, uint64_t count)
{
    for (;;) {
        if (live_is_first(c) && c->first->event.count <= count)
            apply_live(c);
        else if (end_is_near(c))
            return;
        else if (c->next < c->script.count && c->script.events[c->next].count <= count)
            apply(c, &c->script.events[c->next++], NULL);
        else
            return;
    }
}

static bool on_stop(void *opaque)
{
    struct control *c = opaque;
    uint64_t count = now(c);
    c->look = false;
    digests_due(c, count);
    checkpoint_due(c, count);
    input_due(c, count);
    if (c->options->limit_instructions && count >= c->options->limit_instructions) {
        fprintf(stderr, "ramjet: ended by -limit-instructions %llu\n", (unsigned long long)c->options->limit_instructions);
        quit(c, EXIT_LIMIT_INSTRUCTIONS, "-limit-instructions");
        engine_set_stop(pc_engine(c->machine), UINT64_MAX);
        return false;
    }
    plan(c);
    return !c->look;
}

// Nothing but input can wake the guest: the next event comes now, whatever its count.
static bool on_stuck(void *opaque)
{
    struct control *c = opaque;
    if (live_is_first(c))
        apply_live(c);
    else if (c->next < c->script.count)
        apply(c, &c->script.events[c->next++], NULL);
    else
        return false;
    plan(c);
    return true;
}

// The count of input that comes now. Where nothing but input can wake the guest events come before their count is reached: what
// follows them comes after them.
static uint64_t live_count(const struct control *c)
{
    uint64_t count = now(c) + (c->machine->state == RUN_STATE_RUNNING);
    return count < c->last_live ? c->last_live : count;
}

// While the machine stands still input takes effect at once.
static void schedule_pending(struct control *c, struct pending what)
{
    struct pending *p = calloc(1, sizeof *p);
    what.event.count = live_count(c);
    *p = what;
    *c->last = p;
    c->last = &p->next;
    if (c->machine->state == RUN_STATE_RUNNING)
        plan(c);
    else
        input_due(c, p->event.count);
}

static void schedule(struct control *c, struct script_event event, void (*run)(void *, const char *), void *client)
{
    schedule_pending(c, (struct pending){ .event = event, .run = run, .client = client });
}

static char *copy(const void *data, size_t len)
{
    char *text = malloc(len + 1);
    memcpy(text, data, len);
    text[len] = 0;
    return text;
}

static void serial_input(void *opaque, unsigned port, const uint8_t *data, size_t len)
{
    schedule(opaque, (struct script_event){ .kind = SCRIPT_SERIAL, .port = port, .text = copy(data, len), .length = len }, NULL, NULL);
}

static void serial_break(void *opaque, unsigned port)
{
    schedule(opaque, (struct script_event){ .kind = SCRIPT_BREAK, .port = port, .text = copy("", 0) }, NULL, NULL);
}

static void key_input(void *opaque, unsigned code, bool down)
{
    struct control *c = opaque;
    char *text = keys_text(code, down);
    if (c->gate.closed)
        free(text);
    else
        schedule(c, (struct script_event){ .kind = SCRIPT_KEY, .text = text, .length = strlen(text) }, NULL, NULL);
}

static void pointer_input(void *opaque, int dx, int dy, int wheel, unsigned buttons)
{
    struct control *c = opaque;
    char text[64];
    snprintf(text, sizeof text, "%d %d %d %u", dx, dy, wheel, buttons);
    if (!c->gate.closed)
        schedule(c, (struct script_event){ .kind = SCRIPT_POINTER, .text = copy(text, strlen(text)), .length = strlen(text) }, NULL, NULL);
}

static bool monitor_command(void *opaque, bool qmp, const char *line, void (*run)(void *, const char *), void *client)
{
    struct control *c = opaque;
    if (c->gate.closed)
        return false;
    schedule(c, (struct script_event){ .kind = qmp ? SCRIPT_QMP : SCRIPT_MONITOR, .text = copy(line, strlen(line)), .length = strlen(line) }, run, client);
    return true;
}

static void debugger_pause(void *opaque, void (*fn)(void *), void *client)
{
    schedule_pending(opaque, (struct pending){ .pause = fn, .client = client });
}

static bool debugger_may_write(void *opaque)
{
    const struct control *c = opaque;
    return !c->gate.closed && c->machine->state != RUN_STATE_RUNNING;
}

static void debugger_wrote(void *opaque, const char *text)
{
    struct control *c = opaque;
    c->last_live = live_count(c);
    record_event(c, &(struct script_event){ .count = c->last_live, .kind = SCRIPT_GDB, .text = (char *)text, .length = strlen(text) });
}

// ---- limits

static void time_is_up(void *opaque)
{
    fprintf(stderr, "ramjet: ended by -limit-time\n");
    quit(opaque, EXIT_LIMIT_TIME, "-limit-time");
}

static void watch_text(void *opaque, uint8_t byte)
{
    struct control *c = opaque;
    size_t length = strlen(c->options->stop_text);
    if (c->seen_count == length) {
        memmove(c->seen, c->seen + 1, length - 1);
        c->seen_count--;
    }
    c->seen[c->seen_count++] = (char)byte;
    if (c->seen_count == length && !memcmp(c->seen, c->options->stop_text, length)) {
        fprintf(stderr, "ramjet: ended by -stop-text\n");
        quit(c, EXIT_STOP_TEXT, "-stop-text");
        engine_kick(pc_engine(c->machine));
    }
}

// ---- life

struct control *control_new(const struct run_options *o, const struct pc_options *pc, struct chardev_list *chardevs, struct error **errp)
{
    struct control *c = calloc(1, sizeof *c);
    *c = (struct control){ .options = o, .pc = pc, .chardevs = chardevs, .every_next = o->digest_every,
                           .check_next = o->record_every };
    c->last = &c->first;
    c->gate = (struct chardev_gate){ .input = serial_input, .line_break = serial_break, .opaque = c };
    bool ok = !o->script || script_read(&c->script, o->script, errp);
    for (size_t i = 0; ok && i < c->script.count; i++)
        if (c->script.events[i].kind == SCRIPT_END)
            c->end = &c->script.events[i];
    c->gate.closed = c->end;
    if (!ok || !run_files_open(&c->files, o, errp)) {
        control_free(c);
        return NULL;
    }
    if (o->deterministic || o->script || o->record)
        chardev_list_set_gate(chardevs, &c->gate);
    return c;
}

bool control_attach(struct control *c, struct machine *m, const struct control_commands *commands, struct error **errp)
{
    const struct run_options *o = c->options;
    c->machine = m;
    if (m->input)
        c->sink = input_get_sink(m->input);
    c->commands = *commands;
    if (!script_check(&c->script, &(struct script_place){ m, c->chardevs, &c->commands }, o->script, errp))
        return false;
    if (!c->end && c->script.count && c->script.events[0].kind == SCRIPT_CONTRACT)
        warn_report("-script %s: this recording has no end (the run was killed): the replay goes on behind it, on its own", o->script);
    if (o->stop_text && (!*o->stop_text || strlen(o->stop_text) > MAX_STOP_TEXT))
        return error_set(errp, "-stop-text: a text of 1 to %d characters is needed", MAX_STOP_TEXT);
    if (o->stop_text && !pc_watch_serial(m, watch_text, c))
        return error_set(errp, "-stop-text %s: there is no serial port 0 (-serial)", o->stop_text);
    m->counts.stop = on_stop;
    m->counts.stuck = on_stuck;
    m->counts.opaque = c;
    if (o->deterministic || o->script || o->record) {
        m->gate.command = monitor_command;
        m->gate.pause = debugger_pause;
        m->gate.may_write = debugger_may_write;
        m->gate.wrote = debugger_wrote;
        m->gate.opaque = c;
        if (m->input)
            input_set_sink(m->input, &(struct input_sink){ .key = key_input, .pointer = pointer_input, .opaque = c });
    }
    char *contract = o->deterministic ? contract_line(m, c->pc) : NULL;
    if (contract) {
        char *script = o->script ? contract_file(o->script) : NULL; // input: a recording of this run does not depend on where it came from
        fprintf(stderr, "deterministic: %s%s%s\n", contract, script ? " script=" : "", script ? script : "");
        free(script);
        record_event(c, &(struct script_event){ .kind = SCRIPT_CONTRACT, .text = contract, .length = strlen(contract) });
    }
    free(contract);
    timer_init(&c->limit, &m->clock, time_is_up, c);
    if (o->limit_time_ns)
        timer_arm(&c->limit, o->limit_time_ns);
    plan(c);
    return true;
}

static void check_end(struct control *c, int status, uint64_t count, const char *hex)
{
    const struct script_event *e = c->end;
    char here[64], recorded[64];
    for (; c->next < c->script.count && c->script.events[c->next].kind == SCRIPT_DIGEST && c->script.events[c->next].count <= count; c->next++)
        ;
    if (count != e->count || status != e->status || c->next + 1 < c->script.count) {
        snprintf(here, sizeof here, "%d at count %llu", status, (unsigned long long)count);
        snprintf(recorded, sizeof recorded, "%d at count %llu", e->status, (unsigned long long)e->count);
        differs(c, count, "ended with status", here, recorded);
    } else if (*e->text && strcmp(hex, e->text)) {
        differs(c, count, "digest", hex, e->text);
    }
}

// What was asked for at counts that the run did not reach is not just left out.
static void tell_unreached(const struct control *c)
{
    unsigned long long count = now(c);
    if (c->digest_next < c->options->digest_at_count)
        warn_report("-digest-at %llu: not reached, the run ended at count %llu", (unsigned long long)c->options->digest_at[c->digest_next], count);
    if (!c->end && c->next < c->script.count)
        warn_report("-script %s: line %u and what follows was not reached, the run ended at count %llu", c->options->script,
                    c->script.events[c->next].line, count);
}

int control_end(struct control *c, int status, bool by_signal)
{
    char hex[DIGEST_TEXT] = "";
    if (c && c->machine)
        tell_unreached(c);
    if (!c || !c->machine || (!c->files.record && !c->end))
        return status;
    uint64_t count = now(c);
    digest_machine(c->machine, NULL, NULL, hex);
    if (c->end && !c->differs && !by_signal)
        check_end(c, status, count, hex);
    if (c->differs)
        status = EXIT_REPLAY_DIFFERS;
    // A signal may have come while the guest's clock stood still between two jumps: no boundary has that state.
    record_event(c, &(struct script_event){ .count = count, .kind = SCRIPT_END, .status = status, .text = hex,
                                            .length = by_signal ? 0 : strlen(hex) });
    return c->lost && !c->differs ? 1 : status;
}

void control_free(struct control *c)
{
    if (!c)
        return;
    for (struct pending *p = c->first, *next; p; p = next) {
        next = p->next;
        script_event_free(&p->event);
        free(p);
    }
    script_release(&c->script);
    run_files_close(&c->files);
    free(c);
}
