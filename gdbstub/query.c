// SPDX-License-Identifier: MIT
//
// General queries and settings: q... and Q... [GDB manual, E.4], and QEMU's own.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gdbstub/internal.h"
#include "target/i386/cpu.h"

#define STEP_ENABLE 1u

// The text behind prefix, or NULL.
static const char *behind(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) ? NULL : text + n;
}

static void supported(struct gdbstub *g, const char *theirs)
{
    g->break_reasons = strstr(theirs, "swbreak+") != NULL;
    reply(g, "PacketSize=%x;qXfer:features:read+;vContSupported+;QStartNoAckMode+;swbreak+;hwbreak+;binary-upload+", PACKET_MAX);
}

// qXfer:features:read:ANNEX:OFFSET,LENGTH
static void features(struct gdbstub *g, const char *text)
{
    uint64_t offset, len;
    const char *range = behind(text, "target.xml:");
    if (!range) {
        reply(g, "E00"); // the protocol's word for an annex that is not there
        return;
    }
    if (!take_number(&range, &offset) || !take_char(&range, ',') || !take_number(&range, &len) || *range) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    size_t size = strlen(g->features);
    char piece[PACKET_MAX];
    size_t from = offset < size ? (size_t)offset : size, n = size - from;
    if (n > len)
        n = (size_t)len;
    if (n > sizeof piece - 1)
        n = sizeof piece - 1;
    piece[0] = from + n < size ? 'm' : 'l';
    memcpy(piece + 1, g->features + from, n);
    reply_bytes(g, piece, n + 1);
}

static void thread_list(struct gdbstub *g)
{
    char text[512];
    size_t n = 0;
    for (unsigned i = 0; i < g->machine->cpu_count && n < sizeof text - 8; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%c%02x", i ? ',' : 'm', i + 1);
    reply_bytes(g, text, n);
}

static void thread_info(struct gdbstub *g, const char *text)
{
    int cpu;
    char info[64], hex[2 * sizeof info + 1];
    if (!take_thread(g, &text, &cpu) || *text || cpu < 0) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    snprintf(info, sizeof info, "CPU#%d [%s]", cpu, pc_cpu(g->machine, (unsigned)cpu)->halted ? "halted " : "running");
    hex_encode(hex, (const uint8_t *)info, strlen(info));
    reply(g, "%s", hex);
}

// ---- monitor commands

static void command_output(void *opaque, const char *text)
{
    char hex[PACKET_MAX + 1] = "O";
    for (size_t left = strlen(text); left;) {
        size_t n = left < PACKET_MAX / 2 - 1 ? left : PACKET_MAX / 2 - 1;
        hex_encode(hex + 1, (const uint8_t *)text, n);
        reply_bytes(opaque, hex, 1 + 2 * n);
        text += n;
        left -= n;
    }
}

static void command(struct gdbstub *g, const char *hex)
{
    char line[PACKET_MAX / 2 + 1];
    size_t len = strlen(hex) / 2;
    if (!hex_decode((uint8_t *)line, hex, len) || memchr(line, 0, len)) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    line[len] = 0;
    g->ops->command(g->machine, line, command_output, g);
    reply(g, "OK");
}

// ---- QEMU's own

static void set_step(struct gdbstub *g, const char *text)
{
    uint64_t bits;
    if (behind(text, "0x"))
        text += 2;
    if (!take_number(&text, &bits) || *text || bits & ~7ull || !(bits & STEP_ENABLE)) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    if (bits & ~STEP_ENABLE && g->machine->gate.may_write) {
        reply(g, "E.this run repeats: steps that hold interrupts or time back would change it");
        return;
    }
    g->step_mask = (unsigned)bits;
    debug_set_step_mask(pc_engine(g->machine), g->step_mask);
    reply(g, "OK");
}

static void set_physical(struct gdbstub *g, const char *text)
{
    if (strcmp(text, "0") && strcmp(text, "1")) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    g->physical = *text == '1';
    reply(g, "OK");
}

static bool qemu_query(struct gdbstub *g, const char *packet)
{
    const char *rest;
    if (!strcmp(packet, "qqemu.Supported"))
        reply(g, "sstepbits;sstep;PhyMemMode");
    else if (!strcmp(packet, "qqemu.sstepbits"))
        reply(g, "ENABLE=1,NOIRQ=%x,NOTIMER=%x", DEBUG_STEP_NOIRQ, DEBUG_STEP_NOTIMER);
    else if (!strcmp(packet, "qqemu.sstep"))
        reply(g, "0x%x", g->step_mask);
    else if (!strcmp(packet, "qqemu.PhyMemMode"))
        reply(g, "%d", g->physical);
    else if ((rest = behind(packet, "Qqemu.sstep=")))
        set_step(g, rest);
    else if ((rest = behind(packet, "Qqemu.PhyMemMode:")))
        set_physical(g, rest);
    else
        return false;
    return true;
}

void query_run(struct gdbstub *g, const char *packet, size_t len)
{
    const char *rest;
    if ((rest = behind(packet, "qSupported"))) {
        supported(g, rest);
    } else if (!strcmp(packet, "QStartNoAckMode")) {
        reply(g, "OK");
        g->no_ack = true;
    } else if ((rest = behind(packet, "qXfer:features:read:"))) {
        features(g, rest);
    } else if (!strcmp(packet, "qfThreadInfo")) {
        thread_list(g);
    } else if (!strcmp(packet, "qsThreadInfo")) {
        reply(g, "l");
    } else if ((rest = behind(packet, "qThreadExtraInfo,"))) {
        thread_info(g, rest);
    } else if (!strcmp(packet, "qC")) {
        reply(g, "QC%02x", g->current + 1);
    } else if (!strcmp(packet, "qAttached") || behind(packet, "qAttached:")) {
        reply(g, "1");
    } else if ((rest = behind(packet, "qRcmd,"))) {
        command(g, rest);
    } else if (!qemu_query(g, packet)) {
        reply(g, "%s", "");
    }
}
