// SPDX-License-Identifier: MIT
//
// QMP on a character device: greeting, negotiation, one command after the other, events.
//
// Output waits here and goes to the device in pieces that it takes without waiting, so a slow reader costs the machine nothing.
// While more than UNREAD_MAX bytes are unread no further command is taken: replies are never dropped. Events come
// whether or not somebody reads; those that find EVENTS_MAX bytes unread are dropped whole, and stderr says so once.
#include "monitor/monitor.h"
#if HAVE_JANSSON
#include "monitor/qmp.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "chardev/chardev.h"
#include "monitor/internal.h"
#include "monitor/qmp_scan.h"
#include "util/version.h"

#define INPUT_MAX 4096
#define UNREAD_MAX ((size_t)64 << 10)
#define EVENTS_MAX ((size_t)1 << 20)

struct qmp {
    struct machine *machine;
    struct chardev *chardev;
    struct event_sink sink;
    struct qmp_scan scan;
    bool pretty, negotiated, dropping, closing;
    json_t *late;                // reply that waits until the machine took the command's request
    bool late_posted;
    json_t *held;                // request that waits for its instruction count (machine.gate)
    unsigned orphans;            // such requests of clients that have gone
    bool handling;
    uint8_t input[INPUT_MAX];    // not yet looked at: input[taken..count)
    size_t taken, count;
    char *output;                // not yet given to the device: output[sent..sent + length)
    size_t sent, length, capacity;
};

// ---- output

static void pump(struct qmp *q)
{
    if (!chardev_connected(q->chardev))
        q->length = 0;
    while (q->length) {
        size_t queued = chardev_queued(q->chardev), room = queued < UNREAD_MAX ? UNREAD_MAX - queued : 0;
        size_t n = q->closing || q->length < room ? q->length : room;
        if (!n)
            return;
        chardev_write(q->chardev, q->output + q->sent, n);
        q->sent += n;
        q->length -= n;
    }
    q->sent = 0;
}

static size_t unread(const struct qmp *q) { return q->length + chardev_queued(q->chardev); }

static void put(struct qmp *q, const char *text, size_t len)
{
    if (q->sent && q->sent + q->length + len > q->capacity) {
        memmove(q->output, q->output + q->sent, q->length);
        q->sent = 0;
    }
    if (q->length + len > q->capacity) {
        q->capacity = (q->length + len) * 2;
        q->output = realloc(q->output, q->capacity);
        if (!q->output)
            abort();
    }
    memcpy(q->output + q->sent + q->length, text, len);
    q->length += len;
}

// Takes the reference.
static void send(struct qmp *q, json_t *message)
{
    char *text = json_dumps(message, JSON_ENSURE_ASCII | (q->pretty ? JSON_INDENT(4) : 0));
    for (const char *line = text; line; line++) { // a raw line break is one of ours
        size_t length = strcspn(line, "\n");
        put(q, line, length);
        put(q, "\r\n", 2);
        line += length;
        if (!*line)
            break;
    }
    free(text);
    json_decref(message);
    pump(q);
}

static json_t *version(void)
{
    int major = 0, minor = 0, micro = 0;
    sscanf(RAMJET_QEMU_VERSION, "%d.%d.%d", &major, &minor, &micro);
    return json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "micro", micro, "minor", minor, "major", major, "package", "Ramjet " RAMJET_VERSION);
}

json_t *qmp_query_version(struct machine *machine, const json_t *arguments, struct error **errp) { return version(); }

// ---- events

static void event(void *opaque, enum machine_event what, const struct event_details *details)
{
    struct qmp *q = opaque;
    json_t *data = NULL;
    const char *name = q->negotiated ? qmp_event(q->machine, what, details, &data) : NULL;
    if (!name)
        return;
    if (unread(q) > EVENTS_MAX) {
        if (!q->dropping)
            warn_report("QMP on '%s': the client does not read; events are dropped", chardev_id(q->chardev));
        q->dropping = true;
        json_decref(data);
        return;
    }
    q->dropping = false;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ns = now.tv_sec * NS_PER_SECOND + now.tv_nsec;
    if (q->machine->counted_time)
        ns = q->machine->clock.wall_base_ns + clock_now(&q->machine->clock);
    json_t *message = json_pack("{s:{s:I,s:I},s:s}", "timestamp", "seconds", (json_int_t)(ns / NS_PER_SECOND), "microseconds",
                                (json_int_t)(ns % NS_PER_SECOND / 1000), "event", name);
    if (data)
        json_object_set_new(message, "data", data);
    send(q, message);
}

// ---- commands

static const char *const class_names[] = {
    [ERROR_GENERIC] = "GenericError", [ERROR_COMMAND_NOT_FOUND] = "CommandNotFound", [ERROR_DEVICE_NOT_FOUND] = "DeviceNotFound",
    [ERROR_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
};

// Frees the error.
static json_t *error_reply(struct error *err)
{
    json_t *desc = qmp_text(err->message, strlen(err->message));
    json_t *reply = json_pack("{s:{s:s,s:o}}", "error", "class", class_names[err->class], "desc", desc);
    error_free(err);
    return reply;
}

static const struct qmp_command *find(const char *name)
{
    for (size_t i = 0; i < qmp_command_count; i++)
        if (!strcmp(qmp_commands[i].name, name))
            return &qmp_commands[i];
    return NULL;
}

static bool check_members(const json_t *request, struct error **errp)
{
    const char *key;
    json_t *value;
    if (!json_is_object(request))
        return error_set(errp, "QMP input must be a JSON object");
    json_object_foreach((json_t *)request, key, value) {
        if (!strcmp(key, "execute") ? !json_is_string(value) : false)
            return error_set(errp, "QMP input member 'execute' must be a string");
        if (!strcmp(key, "arguments") ? !json_is_object(value) : false)
            return error_set(errp, "QMP input member 'arguments' must be an object");
        if (strcmp(key, "execute") && strcmp(key, "arguments") && strcmp(key, "id"))
            return error_set(errp, "QMP input member '%s' is unexpected", key);
    }
    return json_object_get(request, "execute") || error_set(errp, "QMP input lacks member 'execute'");
}

// The command of a request that may be run now; NULL: *errp is set.
static const struct qmp_command *check(const struct qmp *q, const json_t *request, struct error **errp)
{
    if (!check_members(request, errp))
        return NULL;
    const char *name = qmp_string(request, "execute");
    const struct qmp_command *command = find(name);
    bool negotiation = command && command->run == qmp_capabilities;
    if (!q->negotiated && !negotiation)
        error_set_class(errp, ERROR_COMMAND_NOT_FOUND, "Expecting capabilities negotiation with 'qmp_capabilities'");
    else if (!command)
        error_set_class(errp, ERROR_COMMAND_NOT_FOUND, "The command %s has not been found", name);
    else if (q->negotiated && negotiation)
        error_set_class(errp, ERROR_COMMAND_NOT_FOUND, "Capabilities negotiation is already complete, command ignored");
    if (*errp || !qmp_check_arguments(command->arguments, json_object_get(request, "arguments"), errp))
        return NULL;
    return command;
}

static enum command_effect effect_of(const struct qmp_command *command, const json_t *request)
{
    if (command->effect != EFFECT_LINE)
        return command->effect;
    return monitor_effect(qmp_string(json_object_get(request, "arguments"), "command-line"));
}

// The command of a request whose arguments it takes, or NULL.
static const struct qmp_command *command_of(const json_t *request, struct error **errp)
{
    const char *name = qmp_string(request, "execute");
    const struct qmp_command *command = name ? find(name) : NULL;
    if (!command)
        error_set(errp, "not a command of QMP");
    else if (!qmp_check_arguments(command->arguments, json_object_get(request, "arguments"), errp))
        return NULL;
    return command;
}

enum command_effect qmp_effect(const char *line)
{
    json_t *request = json_loads(line, 0, NULL);
    const struct qmp_command *command = command_of(request, NULL);
    enum command_effect effect = command ? effect_of(command, request) : EFFECT_LOOKS;
    json_decref(request);
    return effect;
}

static void run_more(struct qmp *q);

// The machine looks at requests between two dispatches of the loop.
static void late_reply(void *opaque)
{
    struct qmp *q = opaque;
    uint32_t waiting = REQUEST_USER_RESET | REQUEST_RESET | REQUEST_POWERDOWN;
    if (q->late && atomic_load(&q->machine->requests) & waiting) {
        loop_post(q->machine->loop, late_reply, q);
        return;
    }
    q->late_posted = false;
    if (!q->late) // the client is gone
        return;
    json_t *reply = q->late;
    q->late = NULL;
    send(q, reply);
    run_more(q);
    chardev_accept_input(q->chardev);
}

// Events that a command causes come before its reply, also when the machine has to do it first.
static void reply_to(struct qmp *q, json_t *reply)
{
    if (!(atomic_load(&q->machine->requests) & (REQUEST_USER_RESET | REQUEST_POWERDOWN))) {
        send(q, reply);
        return;
    }
    q->late = reply;
    if (!q->late_posted)
        loop_post(q->machine->loop, late_reply, q);
    q->late_posted = true;
}

// Takes the result or the error.
static void answer(struct qmp *q, const json_t *request, json_t *result, struct error *err)
{
    json_t *reply = result ? json_pack("{s:o}", "return", result) : error_reply(err);
    json_t *id = json_is_object(request) ? json_object_get(request, "id") : NULL;
    if (id)
        json_object_set(reply, "id", id);
    reply_to(q, reply);
}

// A request that waited has come to its count.
static void run_held(void *client, const char *line)
{
    struct qmp *q = client;
    struct error *err = NULL;
    json_t *request = json_loads(line, 0, NULL);
    json_t *result = find(qmp_string(request, "execute"))->run(q->machine, json_object_get(request, "arguments"), &err);
    json_decref(request);
    if (q->orphans) {
        q->orphans--;
        json_decref(result);
        error_free(err);
        return;
    }
    json_t *held = q->held;
    q->held = NULL;
    answer(q, held, result, err);
    json_decref(held);
    if (q->handling)
        return;
    run_more(q);
    chardev_accept_input(q->chardev);
}

// Takes the request. False: refused.
static bool hold(struct qmp *q, json_t *request, struct error **errp)
{
    json_t *plain = json_copy(request);
    json_object_del(plain, "id");
    char *line = json_dumps(plain, JSON_ENSURE_ASCII | JSON_COMPACT);
    json_decref(plain);
    q->held = json_incref(request);
    bool taken = q->machine->gate.command(q->machine->gate.opaque, true, line, run_held, q);
    free(line);
    if (taken)
        return true;
    json_decref(q->held);
    q->held = NULL;
    return error_set(errp, "this is a replay: its input comes from the recording");
}

static void handle(struct qmp *q, const char *text, size_t len)
{
    json_error_t why;
    struct error *err = NULL;
    json_t *request = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why), *result = NULL;
    if (!request)
        error_set(&err, "JSON parse error, %s", why.text);
    const struct qmp_command *command = request ? check(q, request, &err) : NULL;
    if (command && q->machine->gate.command && effect_of(command, request) == EFFECT_CHANGES) {
        if (hold(q, request, &err)) {
            json_decref(request);
            return;
        }
    } else if (command) {
        result = command->run(q->machine, json_object_get(request, "arguments"), &err);
        q->negotiated |= command->run == qmp_capabilities && result;
    }
    answer(q, request, result, err);
    json_decref(request);
}

static void run_more(struct qmp *q)
{
    q->handling = true;
    while (q->taken < q->count && !q->late && !q->held && unread(q) < UNREAD_MAX) {
        enum qmp_scan_result result;
        q->taken += qmp_scan(&q->scan, q->input + q->taken, q->count - q->taken, &result);
        if (result == QMP_SCAN_TEXT) {
            handle(q, q->scan.text, q->scan.length);
        } else if (result == QMP_SCAN_ERROR) {
            struct error *err = NULL;
            error_set(&err, "%s", q->scan.error);
            send(q, error_reply(err));
        }
    }
    q->handling = false;
    if (q->taken == q->count)
        q->taken = q->count = 0;
}

// ---- the front end

static size_t can_receive(void *opaque)
{
    const struct qmp *q = opaque;
    return q->count || q->late || q->held || unread(q) >= UNREAD_MAX ? 0 : INPUT_MAX;
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct qmp *q = opaque;
    if (len > INPUT_MAX - q->count)
        len = INPUT_MAX - q->count; // can_receive said how much
    memcpy(q->input + q->count, data, len);
    q->count += len;
    run_more(q);
}

static void forget_client(struct qmp *q)
{
    qmp_scan_reset(&q->scan);
    q->negotiated = q->dropping = false;
    q->taken = q->count = q->sent = q->length = 0;
    json_decref(q->late);
    q->late = NULL;
    q->orphans += q->held != NULL;
    json_decref(q->held);
    q->held = NULL;
}

static void front_event(void *opaque, enum chardev_event what)
{
    struct qmp *q = opaque;
    if (what == CHARDEV_OPENED) {
        forget_client(q);
        send(q, json_pack("{s:{s:o,s:[]}}", "QMP", "version", version(), "capabilities"));
    } else if (what == CHARDEV_CLOSED) {
        forget_client(q);
    } else if (what == CHARDEV_DRAINED) {
        pump(q);
        run_more(q);
    }
}

struct qmp *qmp_new(struct machine *machine, struct chardev *chardev, bool pretty, struct error **errp)
{
    static const struct chardev_front front = { .can_receive = can_receive, .receive = receive, .event = front_event };
    struct qmp *q = calloc(1, sizeof *q);
    if (!q)
        abort();
    q->machine = machine;
    q->chardev = chardev;
    q->pretty = pretty;
    q->sink = (struct event_sink){ .event = event, .opaque = q, .next = machine->sinks };
    machine->sinks = &q->sink;
    if (!chardev_attach(chardev, &front, q, errp)) {
        machine->sinks = q->sink.next;
        free(q);
        return NULL;
    }
    return q;
}

bool qmp_available(struct error **errp) { return true; }

bool qmp_check(const char *line, struct error **errp)
{
    json_t *request = json_loads(line, 0, NULL);
    bool ok = command_of(request, errp) != NULL;
    json_decref(request);
    return ok;
}

bool qmp_run(struct machine *machine, const char *line, struct error **errp)
{
    struct error *err = NULL;
    json_t *request = json_loads(line, 0, NULL), *result = NULL;
    const struct qmp_command *command = command_of(request, &err);
    if (command)
        result = command->run(machine, json_object_get(request, "arguments"), &err);
    bool ok = !err;
    error_propagate(errp, err);
    json_decref(result);
    json_decref(request);
    return ok;
}

void qmp_free_all(struct machine *machine, struct qmp **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct qmp *q = list[i];
        q->closing = true;
        pump(q);
        chardev_attach(q->chardev, NULL, NULL, NULL);
        for (struct event_sink **s = &machine->sinks; *s; s = &(*s)->next) {
            if (*s == &q->sink) {
                *s = (*s)->next;
                break;
            }
        }
        json_decref(q->late);
        json_decref(q->held);
        qmp_scan_release(&q->scan);
        free(q->output);
        free(q);
    }
}

#else
#include "monitor/internal.h"
#include "util/error.h"

bool qmp_available(struct error **errp)
{
    return error_set(errp, "QMP is not in this build: libjansson was not there when it was made");
}

struct qmp *qmp_new(struct machine *machine, struct chardev *chardev, bool pretty, struct error **errp)
{
    qmp_available(errp);
    return NULL;
}

void qmp_free_all(struct machine *machine, struct qmp **list, size_t count)
{
}

bool qmp_run(struct machine *machine, const char *line, struct error **errp)
{
    return qmp_available(errp);
}

bool qmp_check(const char *line, struct error **errp)
{
    return qmp_available(errp);
}

enum command_effect qmp_effect(const char *line)
{
    return EFFECT_LOOKS;
}
#endif
