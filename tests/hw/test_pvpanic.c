// SPDX-License-Identifier: MIT
//
// pvpanic's port, and tables of state as digests read them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hw/misc/pvpanic.h"
#include "hw/timer/i8254.h"
#include "hwtest.h"
#include "util/error.h"
#include "util/state.h"

static uint32_t requests(struct bench *b)
{
    return atomic_exchange(&b->machine.requests, 0);
}

static struct device *create(struct bench *b, const char *events)
{
    struct device *d = device_new(&b->machine, &pvpanic_type);
    if ((!events || device_set(d, "events", events, NULL)) && device_realize(d, NULL))
        return d;
    device_delete(d);
    return NULL;
}

static void test_port(struct bench *b)
{
    struct device *d = create(b, NULL);
    check_eq(inb(b, 0x505), 3, "both events are offered");
    outb(b, 0x505, 2);
    check_eq(requests(b), 0, "a crash kernel that is loaded is no panic");
    outb(b, 0x505, 0xfc);
    check_eq(requests(b), 0, "unknown bits are nothing");
    outb(b, 0x505, 1);
    check_eq(requests(b), REQUEST_PANIC, "panicked");
    check(!create(b, NULL), "a second one is refused");
    device_delete(d);
    check_eq(inb(b, 0x505), 0xff, "gone with the device");
    d = create(b, "2");
    check_eq(inb(b, 0x505), 2, "events=2");
    outb(b, 0x505, 1);
    check_eq(requests(b), 0, "an event that is not offered is not acted on");
    device_delete(d);
    check(!create(b, "4"), "events=4 is refused");
}

struct text { char *data; size_t size; FILE *out; };

static void put(void *opaque, const char *path, uint64_t value, unsigned size)
{
    fprintf(((struct text *)opaque)->out, "%s=%llx/%u\n", path, (unsigned long long)value, size);
}

static char *describe(const struct state_table *table, const void *instance)
{
    struct text t = { 0 };
    t.out = open_memstream(&t.data, &t.size);
    struct state_writer w = { put, &t, true };
    state_write(&w, table, instance);
    fclose(t.out);
    return t.data;
}

struct leaf { uint16_t a[2]; bool b; };
struct tree { uint8_t first; int64_t second; struct leaf leaves[2]; struct leaf *more; unsigned count; struct timer timer; };
static const struct state_field leaf_table_fields[] = { STATE_ARRAY(leaf, a), STATE_FIELD(leaf, b) };
static STATE_TABLE(leaf_table);
static const struct state_field tree_table_fields[] = {
    STATE_FIELD(tree, first), STATE_FIELD(tree, second), STATE_STRUCTS(tree, leaves, leaf_table),
    STATE_POINTER(tree, more, count, leaf_table), STATE_TIMER(tree, timer),
};
static STATE_TABLE(tree_table);

static void test_tables(struct bench *b)
{
    struct leaf more = { { 5, 6 }, false };
    struct tree t = { .first = 0x80, .second = -2, .leaves = { { { 1, 2 }, true }, { { 3, 0xffff }, false } }, .more = &more, .count = 1 };
    t.timer.deadline = 77;
    char *text = describe(&tree_table, &t);
    check(!strcmp(text, "first=80/1\nsecond=fffffffffffffffe/8\nleaves[0].a[0]=1/2\nleaves[0].a[1]=2/2\nleaves[0].b=1/1\n"
                        "leaves[1].a[0]=3/2\nleaves[1].a[1]=ffff/2\nleaves[1].b=0/1\nmore.a[0]=5/2\nmore.a[1]=6/2\nmore.b=0/1\ntimer=4d/8\n"),
          "every kind of field");
    free(text);
    static struct i8254 pit; // its ports stay on the bench
    i8254_init(&pit, b->ports, &b->machine.clock, (struct irq){ 0 });
    char *before = describe(&i8254_state, &pit);
    outb(b, 0x43, 0x34);
    outb(b, 0x40, 0x12);
    char *after = describe(&i8254_state, &pit);
    check(strcmp(before, after) && strstr(after, "channel[0].write_low=12/1"), "a half-written count is state of the timer");
    free(before);
    free(after);
}

int main(void)
{
    struct bench b;
    bench_init(&b);
    test_port(&b);
    test_tables(&b);
    bench_release(&b);
    return test_end();
}
