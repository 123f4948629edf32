// SPDX-License-Identifier: MIT
//
// Framing of the remote protocol: $data#checksum, acknowledged by + or - until QStartNoAckMode; 0x03 outside a packet
// is an interrupt [GDB manual, E.1]. Whatever comes, the worst is a packet refused.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "gdbstub/internal.h"

static const char digits[] = "0123456789abcdef";

// ---- text

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool take_number(const char **text, uint64_t *value)
{
    const char *p = *text;
    uint64_t v = 0;
    for (; digit(*p) >= 0; p++) {
        if (p - *text == 16)
            return false;
        v = v << 4 | (unsigned)digit(*p);
    }
    if (p == *text)
        return false;
    *text = p;
    *value = v;
    return true;
}

bool take_char(const char **text, char c)
{
    if (**text != c)
        return false;
    ++*text;
    return true;
}

bool take_thread(const struct gdbstub *g, const char **text, int *cpu)
{
    uint64_t n;
    if (!strncmp(*text, "-1", 2)) {
        *text += 2;
        *cpu = THREAD_ALL;
        return true;
    }
    if (!take_number(text, &n) || n > g->machine->cpu_count)
        return false;
    *cpu = n ? (int)n - 1 : THREAD_ANY;
    return true;
}

void hex_encode(char *to, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        *to++ = digits[data[i] >> 4];
        *to++ = digits[data[i] & 15];
    }
    *to = 0;
}

bool hex_decode(uint8_t *to, const char *text, size_t len)
{
    if (strlen(text) != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

// ---- out

void reply_bytes(struct gdbstub *g, const void *data, size_t len)
{
    uint8_t sum = 0;
    if (len > PACKET_MAX)
        len = PACKET_MAX;
    g->out[0] = '$';
    memcpy(g->out + 1, data, len);
    for (size_t i = 1; i <= len; i++)
        sum = (uint8_t)(sum + g->out[i]);
    g->out[len + 1] = '#';
    g->out[len + 2] = (uint8_t)digits[sum >> 4];
    g->out[len + 3] = (uint8_t)digits[sum & 15];
    g->out_length = len + 4;
    if (g->connected)
        chardev_write(g->chardev, g->out, g->out_length);
}

void reply(struct gdbstub *g, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    reply_bytes(g, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

void reply_error(struct gdbstub *g, unsigned number)
{
    reply(g, "E%02u", number);
}

// ---- in

void packet_reset(struct gdbstub *g)
{
    g->framing = FRAMING_IDLE;
    g->no_ack = false;
    g->out_length = 0;
}

static void acknowledge(struct gdbstub *g, char sign)
{
    if (!g->no_ack)
        chardev_write(g->chardev, &sign, 1);
}

static void complete(struct gdbstub *g)
{
    g->framing = FRAMING_IDLE;
    if (g->sum != g->sum_sent) {
        acknowledge(g, '-');
        return;
    }
    acknowledge(g, '+');
    if (g->overflow) {
        reply_error(g, GDB_EINVAL);
        return;
    }
    g->in[g->length] = 0;
    command_run(g, (char *)g->in, g->length);
}

static void begin(struct gdbstub *g)
{
    g->framing = FRAMING_DATA;
    g->overflow = false;
    g->sum = 0;
    g->length = 0;
}

static void data_byte(struct gdbstub *g, uint8_t c)
{
    if (c == '#') {
        g->framing = FRAMING_SUM_HIGH;
        return;
    }
    if (c == '$') { // never part of the data: the packet before was cut off
        begin(g);
        return;
    }
    g->sum = (uint8_t)(g->sum + c);
    if (g->length == PACKET_MAX)
        g->overflow = true;
    else
        g->in[g->length++] = c;
}

static void sum_digit(struct gdbstub *g, uint8_t c)
{
    int d = digit((char)c);
    if (d < 0) { // no checksum: as a wrong one
        g->framing = FRAMING_IDLE;
        acknowledge(g, '-');
    } else if (g->framing == FRAMING_SUM_HIGH) {
        g->sum_sent = (uint8_t)(d << 4);
        g->framing = FRAMING_SUM_LOW;
    } else {
        g->sum_sent |= (uint8_t)d;
        complete(g);
    }
}

static void idle_byte(struct gdbstub *g, uint8_t c)
{
    if (c == '$')
        begin(g);
    else if (c == 3)
        resume_interrupt(g);
    else if (c == '-' && !g->no_ack && g->out_length)
        chardev_write(g->chardev, g->out, g->out_length);
}

void packet_input(struct gdbstub *g, const uint8_t *data, size_t len)
{
    for (; len && g->connected; len--, data++) {
        switch (g->framing) {
        case FRAMING_IDLE: idle_byte(g, *data); break;
        case FRAMING_DATA: data_byte(g, *data); break;
        default: sum_digit(g, *data); break;
        }
    }
}
