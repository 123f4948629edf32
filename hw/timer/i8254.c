// SPDX-License-Identifier: MIT
//
// 8254. Counters are arithmetic on virtual time: ticks since `start`. OUT of channel 0 goes to IRQ 0; in modes 2 and 3 only
// its rising edges are made (one timer event a period, low and high at once): the interrupt controllers see edges only.
// Periods that were missed as a whole are skipped. A new count acts at once in every mode but 1 and 5.
// Machine thread only.
#include "hw/timer/i8254.h"
#include <string.h>
#include "util/log.h"

#define REFRESH_NS 15085 // bit 4 of port 61h toggles with each DRAM refresh

static uint64_t ticks_of(struct i8254 *pit, const struct i8254_channel *c)
{
    if (!c->gate && (c->mode == 0 || c->mode == 4))
        return c->ticks_paused;
    int64_t ns = clock_now(pit->clock) - c->start;
    return ns <= 0 ? 0 : muldiv64((uint64_t)ns, PIT_HZ, NS_PER_SECOND);
}

// Virtual time at which that many ticks have passed.
static int64_t time_of(const struct i8254_channel *c, uint64_t ticks)
{
    unsigned __int128 ns = (unsigned __int128)ticks * NS_PER_SECOND + PIT_HZ - 1;
    return c->start + (int64_t)(ns / PIT_HZ);
}

static bool out_of(struct i8254 *pit, const struct i8254_channel *c)
{
    if (!c->loaded)
        return c->mode != 0;
    uint64_t ticks = ticks_of(pit, c);
    switch (c->mode) {
    case 0:
    case 1: return ticks >= c->reload;
    case 2: return !c->gate || ticks % c->reload != c->reload - 1;
    case 3: return !c->gate || ticks % c->reload < (c->reload + 1) / 2;
    default: return ticks != c->reload;
    }
}

static uint16_t to_bcd(unsigned value)
{
    return (uint16_t)(value % 10 | value / 10 % 10 << 4 | value / 100 % 10 << 8 | value / 1000 % 10 << 12);
}

static uint16_t count_of(struct i8254 *pit, const struct i8254_channel *c)
{
    uint64_t ticks = ticks_of(pit, c);
    uint32_t count, wrap = c->bcd ? 10000 : 65536;
    switch (c->mode) {
    case 2:
        count = c->reload - (uint32_t)(ticks % c->reload);
        break;
    case 3: // counts by two, each half of the period
        count = c->reload - (uint32_t)(ticks * 2 % c->reload);
        break;
    default:
        count = (c->reload + wrap - (uint32_t)(ticks % wrap)) % wrap;
    }
    return c->bcd ? to_bcd(count % wrap) : (uint16_t)count;
}

// ---- channel 0's interrupt

// Arms the timer for the next rising edge of OUT (or sets a steady level).
static void plan(struct i8254 *pit)
{
    const struct i8254_channel *c = &pit->channel[0];
    uint64_t ticks = ticks_of(pit, c);
    if (!c->loaded) {
        timer_disarm(&pit->timer);
    } else if (c->mode == 2 || c->mode == 3) {
        timer_arm(&pit->timer, time_of(c, (ticks / c->reload + 1) * c->reload));
    } else if (ticks < c->reload) {
        timer_arm(&pit->timer, time_of(c, c->reload + (c->mode >= 4)));
    } else {
        timer_disarm(&pit->timer);
    }
}

static void edge(void *opaque)
{
    struct i8254 *pit = opaque;
    plan(pit);
    irq_set(&pit->irq, 0);
    irq_set(&pit->irq, 1);
}

static void start_counting(struct i8254 *pit, struct i8254_channel *c)
{
    c->start = clock_now(pit->clock);
    c->ticks_paused = 0;
    if (c == &pit->channel[0]) {
        if (c->mode == 0 || c->mode == 1)
            irq_set(&pit->irq, 0);
        plan(pit);
    }
}

static void load(struct i8254 *pit, struct i8254_channel *c, unsigned count)
{
    if (c->bcd)
        count = (count >> 12 & 15) * 1000 + (count >> 8 & 15) * 100 + (count >> 4 & 15) * 10 + (count & 15);
    c->reload = count ? count : c->bcd ? 10000 : 65536;
    c->loaded = true;
    if (c->mode != 1 && c->mode != 5)
        start_counting(pit, c);
}

// ---- gate

static void set_gate(struct i8254 *pit, struct i8254_channel *c, bool gate)
{
    if (gate == c->gate)
        return;
    uint64_t ticks = ticks_of(pit, c);
    c->gate = gate;
    if (c->mode == 0 || c->mode == 4) {
        c->ticks_paused = ticks;
        if (gate) // go on from there
            c->start = clock_now(pit->clock) - (time_of(c, ticks) - c->start);
    } else if (gate) {
        start_counting(pit, c); // trigger
    }
}

// ---- ports 40h..43h

static void latch_count(struct i8254 *pit, struct i8254_channel *c)
{
    if (c->latch_left)
        return; // the first latch holds until it is read
    c->latch = count_of(pit, c);
    c->latch_left = c->access == 3 ? 2 : 1;
    if (c->access == 2)
        c->latch >>= 8;
}

static void read_back(struct i8254 *pit, uint8_t command)
{
    for (int i = 0; i < 3; i++) {
        struct i8254_channel *c = &pit->channel[i];
        if (!(command & 2 << i))
            continue;
        if (!(command & 0x20))
            latch_count(pit, c);
        if (!(command & 0x10) && !c->status_latched) {
            c->status = (uint8_t)(out_of(pit, c) << 7 | !c->loaded << 6 | c->access << 4 | c->mode << 1 | c->bcd);
            c->status_latched = true;
        }
    }
}

static void write_control(struct i8254 *pit, uint8_t value)
{
    if (value >> 6 == 3) {
        read_back(pit, value);
        return;
    }
    struct i8254_channel *c = &pit->channel[value >> 6];
    if (!(value & 0x30)) {
        latch_count(pit, c);
        return;
    }
    c->access = value >> 4 & 3;
    c->mode = value >> 1 & 7;
    if (c->mode > 5)
        c->mode &= 3; // the top bit is ignored for modes 2 and 3
    c->bcd = value & 1;
    c->loaded = false;
    c->write_step = c->read_step = c->latch_left = 0;
    c->status_latched = false;
    if (c == &pit->channel[0]) {
        plan(pit);
        irq_set(&pit->irq, c->mode != 0);
    }
}

static void pit_write(void *opaque, uint64_t offset, uint64_t value64, unsigned size)
{
    struct i8254 *pit = opaque;
    uint8_t value = (uint8_t)value64;
    if (offset == 3) {
        write_control(pit, value);
        return;
    }
    struct i8254_channel *c = &pit->channel[offset];
    if (c->access == 1) {
        load(pit, c, value);
    } else if (c->access == 2) {
        load(pit, c, (unsigned)value << 8);
    } else if (!c->write_step) {
        c->write_low = value;
        c->write_step = 1;
    } else {
        c->write_step = 0;
        load(pit, c, (unsigned)value << 8 | c->write_low);
    }
}

static uint64_t pit_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8254 *pit = opaque;
    if (offset == 3)
        return 0;
    struct i8254_channel *c = &pit->channel[offset];
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (c->latch_left) {
        uint8_t value = (uint8_t)c->latch;
        c->latch >>= 8;
        c->latch_left--;
        return value;
    }
    uint16_t count = count_of(pit, c);
    if (c->access == 1)
        return count & 0xff;
    if (c->access == 2)
        return count >> 8;
    c->read_step ^= 1;
    return c->read_step ? count & 0xff : count >> 8;
}

// ---- port 61h

static uint64_t speaker_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8254 *pit = opaque;
    unsigned refresh = (unsigned)(clock_now(pit->clock) / REFRESH_NS & 1);
    return (pit->port61 & 0x0fu) | refresh << 4 | (unsigned)out_of(pit, &pit->channel[2]) << 5;
}

static void speaker_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8254 *pit = opaque;
    pit->port61 = value & 0x0f;
    set_gate(pit, &pit->channel[2], value & 1);
}

static const struct region_ops pit_ops = { pit_read, pit_write, 1, 1, false };
static const struct region_ops speaker_ops = { speaker_read, speaker_write, 1, 1, false };

void i8254_reset(struct i8254 *pit)
{
    pit->port61 = 0;
    for (int i = 0; i < 3; i++)
        pit->channel[i] = (struct i8254_channel){ .reload = 65536, .mode = 3, .access = 3, .gate = i != 2, .loaded = true,
                                                  .start = clock_now(pit->clock) };
    plan(pit);
}

void i8254_init(struct i8254 *pit, struct region *ports, struct clock *clock, struct irq irq)
{
    memset(pit, 0, sizeof(*pit));
    pit->clock = clock;
    pit->irq = irq;
    timer_init(&pit->timer, clock, edge, pit);
    region_init_io(&pit->io, "pit", &pit_ops, pit, 4);
    region_init_io(&pit->speaker_io, "pcspk", &speaker_ops, pit, 1);
    region_add(ports, &pit->io, 0x40, 0);
    region_add(ports, &pit->speaker_io, 0x61, 0);
    i8254_reset(pit);
}

// ---- state

static const struct state_field i8254_channel_state_fields[] = {
    STATE_FIELD(i8254_channel, reload), STATE_FIELD(i8254_channel, mode), STATE_FIELD(i8254_channel, access),
    STATE_FIELD(i8254_channel, bcd), STATE_FIELD(i8254_channel, gate), STATE_FIELD(i8254_channel, loaded),
    STATE_FIELD(i8254_channel, write_step), STATE_FIELD(i8254_channel, write_low), STATE_FIELD(i8254_channel, read_step),
    STATE_FIELD(i8254_channel, count_latched), STATE_FIELD(i8254_channel, status_latched),
    STATE_FIELD(i8254_channel, latch_left), STATE_FIELD(i8254_channel, latch), STATE_FIELD(i8254_channel, status),
    STATE_FIELD(i8254_channel, start), STATE_FIELD(i8254_channel, ticks_paused),
};
static STATE_TABLE(i8254_channel_state);

static const struct state_field i8254_state_fields[] = {
    STATE_STRUCTS(i8254, channel, i8254_channel_state), STATE_TIMER(i8254, timer), STATE_FIELD(i8254, port61),
};
STATE_TABLE(i8254_state);
