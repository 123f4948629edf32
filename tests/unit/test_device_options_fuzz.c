// SPDX-License-Identifier: MIT
// ramjet-test: timeout=240
//
// Random and mutated command lines of -device, -object, -set and -global, lists and JSON: each is refused with one message that
// names the option, or makes devices that can be asked and taken away; then the machine is as before.
// usage: test_device_options_fuzz [SEED [CASES]]
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backends/memory_backend.h"
#include "chardev/chardev.h"
#include "hw/mem/pc_dimm.h"
#include "hw/pc/internal.h"
#include "monitor/monitor.h"
#include "options.h"
#include "tests/unit/tap.h"
#include "ui/screen.h"
#include "util/error.h"
#include "util/loop.h"

#define MAX_TEXT 300
#define MAX_WORDS 8
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct tap_random dice;
static struct machine *machine;
static struct options options;
static FILE *report; // where the test's own words go while help texts go nowhere
static unsigned plugged, refused_early, refused_late, bad;

static const char *const devices[] = {
    "pc-dimm,id=d,memdev=m", "pc-dimm,id=d,memdev=m,slot=1,addr=0x140000000,node=0", "pc-dimm,memdev=n", "driver=pc-dimm,memdev=n,id=e", "VGA,id=v,vgamem_mb=16",
    "VGA,xres=800,yres=600,edid=on", "pvpanic,id=p,ioport=0x505,events=1", "isa-debug-exit,iobase=0x501,iosize=2", "isa-serial,chardev=c,iobase=0x2e8,irq=5,id=s",
    "isa-debugcon,chardev=c,iobase=0x402,readback=0xe9", "{\"driver\":\"pc-dimm\",\"id\":\"d\",\"memdev\":\"m\",\"slot\":1}", "{\"driver\":\"VGA\",\"edid\":false}",
    "{\"driver\":\"pvpanic\",\"ioport\":1285}", "pc-dimm", "nosuch,id=x", "",
};
static const char *const objects[] = {
    "memory-backend-ram,id=x,size=2M", "{\"qom-type\":\"memory-backend-ram\",\"id\":\"x\",\"size\":2097152,\"host-nodes\":[0],\"policy\":\"bind\"}",
    "{\"qom-type\":\"memory-backend-memfd\",\"id\":\"x\",\"size\":4096,\"share\":true}",
};
static const char *const sets[] = { "device.d.slot=1", "device.v.xres=640", "device.p.events=0", "object.x.share=on", "chardev.c.mux=on", "device.d.memdev=n", "device.e.id=f", "device.s.irq=4" };
static const char *const globals[] = {
    "pc-dimm.slot=1", "pc-dimm.node=0", "VGA.vgamem_mb=8", "pvpanic.ioport=0x506", "driver=pc-dimm,property=slot,value=0", "PIIX4_PM.disable_s3=1", "isa-debug-exit.iosize=4", "pc-dimm.memdev=n",
};
static const char *const parts[] = {
    ",", ",,", "=", ".", "{", "}", "[", "]", ":", "\"", "\\", "\\u0000", "id=", ",id=d", ",slot=", ",addr=0x180000000", "-1", "0", "255", "256", "4294967296", "18446744073709551616", "1.5", "on", "off",
    "0xffffffffffffffff", "null", "true", "[[[[[[", "help", ",help", "%s%n", "\xff", "\xc3\xa9", "memdev=m", "pc-dimm", "VGA", ",x=y", "nan", " ",
};

static const char *pick(const char *const *from, size_t count) { return from[tap_below(&dice, count)]; }

static void mutate(char *text)
{
    for (uint64_t n = tap_below(&dice, 3) ? tap_below(&dice, 3) : 0; n; n--) {
        size_t length = strlen(text), at = tap_below(&dice, length + 1);
        const char *part = pick(parts, COUNT(parts));
        size_t more = strlen(part), cut = tap_below(&dice, 4);
        switch (tap_below(&dice, 4)) {
        case 0:
            if (at < length)
                text[at] = (char)(1 + tap_below(&dice, 255));
            break;
        case 1:
            cut = cut > length - at ? length - at : cut;
            memmove(text + at, text + at + cut, length - at - cut + 1);
            break;
        default:
            if (length + more < MAX_TEXT) {
                memmove(text + at + more, text + at, length - at + 1);
                memcpy(text + at, part, more);
            }
        }
    }
}

// The machine in one number; what a refused command line must not change.
static size_t count_devices(void)
{
    size_t n = 0;
    for (struct device *d = machine->devices; d; d = d->next)
        n++;
    for (struct memory_device *m = machine->memory_devices->devices; m; m = m->next)
        n += 1000;
    return n;
}

static void ask(const struct device *d)
{
    for (size_t i = 0; i < d->type->property_count; i++)
        free(device_get(d, &d->type->properties[i]));
}

static void take_away(void)
{
    while (machine->devices) {
        struct pc_dimm *dimm = pc_dimm_of(machine->devices);
        ask(machine->devices);
        if (dimm && dimm->plugged)
            pc_dimm_unplug(machine, dimm);
        device_delete(machine->devices);
    }
    if (backend_find(machine->backends, "x") && !backend_delete(machine->backends, "x", NULL))
        bad++;
}

static void make(char words[][MAX_TEXT + 1], unsigned count)
{
    struct error *err = NULL;
    bool ok = true;
    size_t before = 0;
    pc_of(machine)->options.globals = (const char *const *)options.globals.items;
    pc_of(machine)->options.global_count = options.globals.count;
    for (size_t i = 0; ok && i < options.objects.count; i++)
        ok = object_add_text(machine->backends, options.objects.items[i], true, &err);
    for (size_t i = 0; ok && i < options.devices.count; i++) {
        before = count_devices();
        ok = device_add_text(machine, options.devices.items[i], &err);
    }
    bool clean = ok || count_devices() == before || !options.devices.count;
    ok ? plugged++ : refused_late++;
    if (!clean || (!ok && (!err || !*error_message(err))) || (ok && err)) {
        bad++;
        fprintf(report, "# %s\n", !clean ? "refused, but not without a trace" : "no message, or one for nothing");
        for (unsigned i = 0; i < count; i++)
            fprintf(report, "#   %s\n", words[i]);
    }
    error_free(err);
    take_away();
}

static void one_case(void)
{
    static const char *const names[] = { "-device", "-object", "-set", "-global" };
    static const struct { const char *const *from; size_t count; } texts[] = {
        { devices, COUNT(devices) }, { objects, COUNT(objects) }, { sets, COUNT(sets) }, { globals, COUNT(globals) },
    };
    char words[MAX_WORDS][MAX_TEXT + 1];
    char *argv[2 * MAX_WORDS + 4] = { "ramjet", "-nodefaults" };
    int argc = 2;
    unsigned count = 1 + (unsigned)tap_below(&dice, 4);
    for (unsigned i = 0; i < count; i++) {
        unsigned kind = i == 0 ? 0 : (unsigned)tap_below(&dice, 4);
        snprintf(words[i], sizeof words[i], "%s", pick(texts[kind].from, texts[kind].count));
        mutate(words[i]);
        argv[argc++] = (char *)names[kind];
        argv[argc++] = words[i];
    }
    struct error *err = NULL;
    bool ok = options_parse(&options, argc, argv, &err);
    if (ok && !options.done)
        make(words, count);
    else if (!ok) {
        refused_early++;
        if (!err || *error_message(err) != '-')
            bad++, fprintf(report, "# '%s' does not name the option\n", err ? error_message(err) : "nothing");
    }
    error_free(err);
    options_release(&options);
}

int main(int argc, char **argv)
{
    dice.state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    unsigned long cases = argc > 2 ? strtoul(argv[2], NULL, 0) : 20000;
    struct error *err = NULL;
    char *base[] = { "ramjet", "-m", "32M,slots=3,maxmem=4G", "-nodefaults" };
    struct loop *loop = loop_new();
    struct chardev_list *chardevs = chardev_list_new(loop);
    if (!options_parse(&options, 4, base, &err) || !chardev_new(chardevs, "null,id=c", &err))
        return tap_ok(false, "set up: %s", error_message(err)), tap_done();
    struct screen *screen = options.pc.screen = screen_new();
    machine = pc_new(&options.pc, loop, chardevs, &err);
    tap_ok(machine != NULL, "a machine");
    options_release(&options);
    if (!machine || !backend_new(machine->backends, "memory-backend-ram,id=m,size=128M", &err) || !backend_new(machine->backends, "memory-backend-ram,id=n,size=2M", &err))
        return tap_done();
    fflush(stdout);
    int out = dup(1), complaints = dup(2), nowhere = open("/dev/null", O_WRONLY); // help texts and warnings
    report = fdopen(dup(out), "w");
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    for (unsigned long i = 0; i < cases; i++)
        one_case();
    fflush(stdout);
    fflush(report);
    dup2(out, 1);
    dup2(complaints, 2);
    printf("# %lu command lines: %u refused when read, %u by the machine, %u made devices\n", cases, refused_early, refused_late, plugged);
    tap_ok(!bad, "each is refused with a message that names the option, or taken");
    tap_ok(refused_early > cases / 50 && refused_late > cases / 50 && plugged > cases / 50, "of each kind enough");
    tap_ok(!machine->devices && !machine->memory_devices->devices && backend_delete(machine->backends, "m", NULL) && backend_delete(machine->backends, "n", NULL),
           "nothing stays behind");
    pc_free(machine);
    screen_free(screen);
    chardev_list_free(chardevs);
    loop_free(loop);
    return tap_done();
}
