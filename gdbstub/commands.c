// SPDX-License-Identifier: MIT
//
// Packets, by their first letter [GDB manual, E.2]. Unknown ones get the empty reply, malformed ones E22.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gdbstub/internal.h"
#include "softmmu/watch.h"
#include "target/i386/cpu.h"

static struct x86_cpu *current(struct gdbstub *g)
{
    return pc_cpu(g->machine, g->current);
}

static struct place place(const struct gdbstub *g)
{
    return (struct place){ .machine = g->machine, .cpu = g->current, .physical = g->physical };
}

// NULL: it worked.
static void write_result(struct gdbstub *g, const char *why, unsigned number)
{
    if (!why)
        reply(g, "OK");
    else if (*why)
        reply(g, "E.%s", why);
    else
        reply_error(g, number);
}

// ---- registers

static void read_all(struct gdbstub *g)
{
    char text[128 * 2 * REGISTER_MAX];
    uint8_t value[REGISTER_MAX];
    size_t n = 0;
    for (unsigned i = 0; i < register_count(); i++) {
        register_read(current(g), i, value);
        hex_encode(text + n, value, register_size(i));
        n += 2 * register_size(i);
    }
    reply_bytes(g, text, n);
}

// Only what differs is written: a client sends back what it has read. Fewer registers than there are is fine.
static void write_all(struct gdbstub *g, const char *text)
{
    uint8_t all[128 * REGISTER_MAX], value[REGISTER_MAX];
    size_t len = strlen(text) / 2, at = 0;
    const char *why = NULL;
    if (len > sizeof all || !hex_decode(all, text, len)) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    for (unsigned i = 0; i < register_count() && at + register_size(i) <= len; at += register_size(i++)) {
        register_read(current(g), i, value);
        const char *bad = memcmp(value, all + at, register_size(i)) ? client_writes_register(g, g->current, i, all + at) : NULL;
        why = why ? why : bad;
    }
    write_result(g, why, GDB_EINVAL);
}

static void read_one(struct gdbstub *g, const char *text)
{
    uint64_t number;
    uint8_t value[REGISTER_MAX];
    char hex[2 * REGISTER_MAX + 1];
    if (!take_number(&text, &number) || *text || number >= register_count()) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    register_read(current(g), (unsigned)number, value);
    hex_encode(hex, value, register_size((unsigned)number));
    reply(g, "%s", hex);
}

static void write_one(struct gdbstub *g, const char *text)
{
    uint64_t number;
    uint8_t value[REGISTER_MAX];
    if (take_number(&text, &number) && number < register_count() && take_char(&text, '=') &&
        hex_decode(value, text, register_size((unsigned)number)))
        write_result(g, client_writes_register(g, g->current, (unsigned)number, value), GDB_EINVAL);
    else
        reply_error(g, GDB_EINVAL);
}

// ---- memory

static bool take_range(const char **text, uint64_t *address, uint64_t *len)
{
    return take_number(text, address) && take_char(text, ',') && take_number(text, len);
}

static void read_memory(struct gdbstub *g, const char *text)
{
    uint64_t address, len;
    uint8_t data[PACKET_MAX / 2];
    char hex[PACKET_MAX + 1];
    if (!take_range(&text, &address, &len) || *text) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    struct place p = place(g);
    size_t done = memory_read(&p, address, data, len < sizeof data ? len : sizeof data);
    if (!done && len) {
        reply_error(g, GDB_EFAULT);
        return;
    }
    hex_encode(hex, data, done);
    reply_bytes(g, hex, 2 * done);
}

// x: the reply is b and the bytes, with } before those that the framing needs, which are sent xor 0x20.
static void read_binary(struct gdbstub *g, const char *text)
{
    uint64_t address, len;
    uint8_t data[PACKET_MAX / 2 - 1], out[PACKET_MAX];
    if (!take_range(&text, &address, &len) || *text) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    struct place p = place(g);
    size_t done = memory_read(&p, address, data, len < sizeof data ? len : sizeof data), n = 0;
    if (!done && len) {
        reply_error(g, GDB_EFAULT);
        return;
    }
    out[n++] = 'b';
    for (size_t i = 0; i < done; i++) {
        if (data[i] == '$' || data[i] == '#' || data[i] == '}' || data[i] == '*') {
            out[n++] = '}';
            out[n++] = data[i] ^ 0x20;
        } else {
            out[n++] = data[i];
        }
    }
    reply_bytes(g, out, n);
}

static void write_reply(struct gdbstub *g, uint64_t address, const uint8_t *data, uint64_t len)
{
    struct place p = place(g);
    write_result(g, client_writes_memory(g, &p, address, data, len), GDB_EFAULT);
}

static void write_memory(struct gdbstub *g, const char *text)
{
    uint64_t address, len;
    uint8_t data[PACKET_MAX / 2];
    if (take_range(&text, &address, &len) && take_char(&text, ':') && len <= sizeof data && hex_decode(data, text, len))
        write_reply(g, address, data, len);
    else
        reply_error(g, GDB_EINVAL);
}

static void write_binary(struct gdbstub *g, const char *packet, size_t packet_len)
{
    const char *text = packet + 1, *end = packet + packet_len;
    uint64_t address, len, n = 0;
    uint8_t data[PACKET_MAX];
    bool ok = take_range(&text, &address, &len) && take_char(&text, ':');
    for (; ok && text < end; text++) {
        bool escaped = *text == '}';
        text += escaped;
        ok = text < end;
        data[n++] = (uint8_t)(*text ^ (escaped ? 0x20 : 0));
    }
    if (ok && n == len)
        write_reply(g, address, data, len);
    else
        reply_error(g, GDB_EINVAL);
}

// ---- breakpoints and watchpoints: Z type,address,kind[;conditions]

static void breakpoint(struct gdbstub *g, const char *packet)
{
    static const unsigned kinds[] = { 0, 0, WATCH_WRITE, WATCH_READ, WATCH_READ | WATCH_WRITE };
    struct engine *e = pc_engine(g->machine);
    const char *text = packet + 1;
    bool insert = *packet == 'Z', ok = true;
    uint64_t type, address, kind;
    if (!take_number(&text, &type) || !take_char(&text, ',') || !take_range(&text, &address, &kind) || (*text && *text != ';')) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    if (type > 4) {
        reply(g, "%s", "");
        return;
    }
    if (type < 2 && insert)
        ok = debug_insert_breakpoint(e, address, type == 1);
    else if (type < 2)
        debug_remove_breakpoint(e, address, type == 1);
    else
        ok = insert ? debug_insert_watchpoint(e, address, kind, kinds[type]) : debug_remove_watchpoint(e, address, kind, kinds[type]);
    if (ok)
        reply(g, "OK");
    else
        reply_error(g, GDB_EINVAL);
}

// ---- threads

static void choose_thread(struct gdbstub *g, const char *text)
{
    char what = *text;
    int cpu;
    if (what)
        text++;
    if ((what != 'g' && what != 'c') || !take_thread(g, &text, &cpu) || *text) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    if (cpu >= 0 && what == 'g')
        g->current = (unsigned)cpu;
    else if (cpu >= 0)
        g->resumed = (unsigned)cpu;
    reply(g, "OK");
}

static void thread_alive(struct gdbstub *g, const char *text)
{
    int cpu;
    if (take_thread(g, &text, &cpu) && !*text && cpu >= 0)
        reply(g, "OK");
    else
        reply_error(g, GDB_EINVAL);
}

// ---- v packets

static void kill_machine(struct gdbstub *g)
{
    machine_request(g->machine, REQUEST_QUIT);
}

static void v_packet(struct gdbstub *g, const char *packet)
{
    if (!strcmp(packet, "vCont?")) {
        reply(g, "vCont;c;C;s;S");
    } else if (!strncmp(packet, "vCont;", 6)) {
        resume_vcont(g, packet + 5);
    } else if (!strncmp(packet, "vKill;", 6)) {
        reply(g, "OK");
        kill_machine(g);
    } else {
        reply(g, "%s", "");
    }
}

void command_run(struct gdbstub *g, char *packet, size_t len)
{
    switch (*packet) {
    case '?': reply(g, "%s", g->stop); break;
    case 'g': read_all(g); break;
    case 'G': write_all(g, packet + 1); break;
    case 'p': read_one(g, packet + 1); break;
    case 'P': write_one(g, packet + 1); break;
    case 'm': read_memory(g, packet + 1); break;
    case 'M': write_memory(g, packet + 1); break;
    case 'x': read_binary(g, packet + 1); break;
    case 'X': write_binary(g, packet, len); break;
    case 'Z': case 'z': breakpoint(g, packet); break;
    case 'H': choose_thread(g, packet + 1); break;
    case 'T': thread_alive(g, packet + 1); break;
    case 'c': case 's': case 'C': case 'S': resume_command(g, *packet, packet + 1); break;
    case 'v': v_packet(g, packet); break;
    case 'q': case 'Q': query_run(g, packet, len); break;
    case 'D':
        reply(g, "OK");
        resume_detach(g);
        break;
    case 'k': kill_machine(g); break;
    default: reply(g, "%s", ""); break;
    }
}
