// SPDX-License-Identifier: MIT
// ramjet-test: timeout=120
//
// The hotplug registers of a whole board with DIMMs in it: random accesses of a guest of all widths, among DIMMs that come and go by the
// monitor, removal requests, resets and time. After each step every slot's registers are what a model of ours says: no request
// survives its DIMM or a reset, and nothing goes that was not ejected. usage: test_hotplug_fuzz [SEED [CASES]]
#include <stdlib.h>
#include <string.h>
#include "chardev/chardev.h"
#include "hw/pc/internal.h"
#include "monitor/monitor.h"
#include "options.h"
#include "tests/unit/tap.h"
#include "ui/input.h"
#include "ui/screen.h"
#include "util/error.h"
#include "util/loop.h"

#define PORTS 0xa00
#define SLOTS 5
#define SEEN_SLOTS (SLOTS + 2) // selectors that the guest uses
enum { ENABLED = 1, INSERT = 2, REMOVE = 4, EJECT = 8 };

static struct tap_random dice;
static struct machine *machine;
static struct options options;
static unsigned bad, ejected, refused, asked, plugs;

// What the guest must see.
static struct { bool there, insert, remove; uint64_t addr, size; uint32_t node; } model[SLOTS];
static uint32_t selector;
static int64_t now; // virtual

static void ignore(void *opaque, const char *text) { }

static struct pc_dimm *dimm_in(unsigned slot)
{
    for (struct memory_device *m = machine->memory_devices->devices; m; m = m->next)
        if (m->slot == (int)slot)
            return pc_dimm_of(m->device);
    return NULL;
}

static uint32_t in(unsigned offset, unsigned size) { return (uint32_t)port_read(&machine->ports, (uint16_t)(PORTS + offset), size); }
static void out(unsigned offset, uint32_t value, unsigned size) { port_write(&machine->ports, (uint16_t)(PORTS + offset), value, size); }

static uint32_t expected(unsigned offset)
{
    bool there = selector < SLOTS && model[selector].there;
    if (selector < SLOTS && offset == 0x14)
        return (model[selector].there ? ENABLED : 0) | (model[selector].insert ? INSERT : 0) | (model[selector].remove ? REMOVE : 0);
    switch (there ? offset : ~0u) {
    case 0: return (uint32_t)model[selector].addr;
    case 4: return (uint32_t)(model[selector].addr >> 32);
    case 8: return (uint32_t)model[selector].size;
    case 0xc: return (uint32_t)(model[selector].size >> 32);
    case 0x10: return model[selector].node;
    default: return 0;
    }
}

static void compare(const char *after)
{
    uint32_t before = selector;
    for (selector = 0; selector < SEEN_SLOTS; selector++) {
        out(0, selector, 4);
        for (unsigned offset = 0; offset < 0x18; offset += 4) {
            if (in(offset, 4) == expected(offset))
                continue;
            printf("# slot %u offset %x: %x, not %x, after %s\n", (unsigned)selector, offset, (unsigned)in(offset, 4), (unsigned)expected(offset), after);
            bad++;
        }
        if (selector < SLOTS && model[selector].there != (dimm_in(selector) != NULL)) {
            printf("# slot %u: the board does not agree, after %s\n", (unsigned)selector, after);
            bad++;
        }
    }
    selector = before;
    out(0, selector, 4);
}

// ---- the guest

static void write_flags(uint32_t value)
{
    if (selector >= SLOTS)
        return;
    if (value & INSERT) {
        model[selector].insert = false;
    } else if (value & REMOVE) {
        model[selector].remove = false;
    } else if (value & EJECT && model[selector].there) {
        memset(&model[selector], 0, sizeof model[selector]);
        ejected++;
    }
}

static void guest_writes(void)
{
    static const uint32_t odd[] = { 0, 1, 2, 3, 4, 8, 0x80, 0x82, 0x84, 0x103, 0xf, 0xffffffff };
    unsigned size = 1u << tap_below(&dice, 3), offset = (unsigned)tap_below(&dice, 0x19 - size);
    uint32_t value = tap_below(&dice, 4) ? odd[tap_below(&dice, sizeof odd / sizeof *odd)] : (uint32_t)tap_next(&dice);
    value = offset ? value : (uint32_t)tap_below(&dice, SEEN_SLOTS);
    uint32_t seen = size == 4 ? value : value & ((1u << 8 * size) - 1);
    out(offset, value, size);
    if (!offset)
        selector = seen;
    else if (offset == 0x14)
        write_flags(seen);
}

static void guest_reads(void)
{
    unsigned size = 1u << tap_below(&dice, 3), offset = (unsigned)tap_below(&dice, 0x19 - size);
    uint32_t mask = size == 4 ? UINT32_MAX : (1u << 8 * size) - 1, got = in(offset, size), want = offset % 4 ? mask : expected(offset) & mask;
    if (got == want)
        return;
    printf("# a read of %u bytes at %x of slot %u gives %x, not %x\n", size, offset, (unsigned)selector, (unsigned)got, (unsigned)want);
    bad++;
}

// As the AML does it: one request of a slot, and an answer.
static void guest_scans(void)
{
    static const uint32_t answers[] = { 1, 0x80, 0x81, 0x82, 0x83, 0x84 };
    uint32_t answer = tap_below(&dice, 2) ? answers[tap_below(&dice, 6)] : 0;
    selector = (uint32_t)tap_below(&dice, SLOTS);
    out(0, selector, 4);
    uint32_t flags = in(0x14, 1), event = flags & INSERT ? 1 : flags & REMOVE ? 3 : 0x103;
    if (flags & (INSERT | REMOVE)) {
        out(0x14, flags & INSERT ? INSERT : REMOVE, 1);
        write_flags(flags & INSERT ? INSERT : REMOVE);
    }
    if (event == 3 && !answer) {
        out(0x14, EJECT, 1);
        write_flags(EJECT);
    }
    refused += event == 3 && answer && answer != 0x84;
    out(4, event, 4);
    out(8, answer, 4);
}

// ---- the user

static void run_line(const char *fmt, unsigned n)
{
    char line[160];
    snprintf(line, sizeof line, fmt, n, n, n);
    monitor_run(machine, line, ignore, NULL);
}

static void plug(void)
{
    bool was[SLOTS];
    unsigned slot = (unsigned)tap_below(&dice, SLOTS);
    for (unsigned i = 0; i < SLOTS; i++)
        was[i] = dimm_in(i);
    if (tap_below(&dice, 2)) {
        run_line("memory +128M", 0);
    } else {
        run_line("object_add memory-backend-ram,id=b%u,size=128M", slot);
        run_line(tap_below(&dice, 3) ? "device_add pc-dimm,id=d%u,memdev=b%u,slot=%u" : "device_add pc-dimm,memdev=b%u", slot);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        struct pc_dimm *d = dimm_in(i);
        if (!d || was[i])
            continue;
        model[i].there = model[i].insert = true;
        model[i].remove = false;
        model[i].addr = d->addr;
        model[i].size = d->size;
        model[i].node = d->node;
        plugs++;
    }
}

static void ask(void)
{
    unsigned slot = (unsigned)tap_below(&dice, SLOTS);
    struct pc_dimm *d = dimm_in(slot);
    char line[100];
    if (!d)
        return;
    if (d->device.id)
        snprintf(line, sizeof line, tap_below(&dice, 2) ? "device_del %.60s" : "memory -%.60s", d->device.id);
    else
        snprintf(line, sizeof line, "device_del /machine/peripheral-anon/device[%u]", d->device.unnamed_number);
    monitor_run(machine, line, ignore, NULL);
    model[slot].remove = true;
    asked++;
}

static void reset(void)
{
    pc_reset(pc_of(machine));
    selector = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        model[i].insert = model[i].remove = false;
}

static void look(void)
{
    static const char *const lines[] = { "info memory-devices", "memory", "info cmdline", "info numa", "info mtree", "info qom-tree", "object_del b%u", "info memdev" };
    run_line(lines[tap_below(&dice, sizeof lines / sizeof *lines)], (unsigned)tap_below(&dice, SLOTS));
}

static int64_t now_of_test(void *opaque) { return now; }

static void pass_time(void)
{
    now += (int64_t)tap_below(&dice, 3 * NS_PER_SECOND);
    clock_run_timers(&machine->clock, now);
}

static void step(void)
{
    switch (tap_below(&dice, 16)) {
    case 0: case 1: plug(); compare("a plug"); break;
    case 2: case 3: ask(); compare("a request"); break;
    case 4: look(); compare("a look"); break;
    case 5: pass_time(); break;
    case 6:
        if (!tap_below(&dice, 20)) {
            reset();
            compare("a reset");
        }
        break;
    case 7: case 8: case 9: guest_scans(); compare("a scan"); break;
    case 10: case 11: guest_reads(); break;
    default: guest_writes(); compare("a write");
    }
}

static bool build(struct loop *loop, struct chardev_list *chardevs, struct error **errp)
{
    char *argv[] = { "ramjet", "-nodefaults", "-S", "-m", "16M,slots=5,maxmem=1G" };
    if (!options_parse(&options, 5, argv, errp))
        return false;
    options.pc.input = input_new(loop);
    options.pc.screen = screen_new();
    machine = pc_new(&options.pc, loop, chardevs, errp);
    if (!machine || !pc_start(machine, errp))
        return false;
    machine->clock.source = now_of_test; // the engine's stands still
    return true;
}

int main(int argc, char **argv)
{
    unsigned long cases = argc > 2 ? strtoul(argv[2], NULL, 0) : 20000;
    struct error *err = NULL;
    struct loop *loop = loop_new();
    struct chardev_list *chardevs = chardev_list_new(loop);
    dice.state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    if (!tap_ok(build(loop, chardevs, &err), "a machine")) {
        error_report(err);
        return tap_done();
    }
    for (unsigned long i = 0; i < cases && bad < 10; i++)
        step();
    tap_ok(!bad, "%lu steps: %u plugged, %u asked for, %u refused, %u ejected", cases, plugs, asked, refused, ejected);
    tap_ok(plugs > cases / 100 && ejected > cases / 100 && refused > cases / 100, "none of them is rare");
    pc_free(machine);
    chardev_list_free(chardevs);
    input_free(options.pc.input);
    screen_free(options.pc.screen);
    loop_free(loop);
    options_release(&options);
    return tap_done();
}
