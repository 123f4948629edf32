// SPDX-License-Identifier: MIT
//
// Is all that a machine keeps in its digests? A whole `pc` is built with every device of hw/devices.def. Each part of the state, and
// each kind of register in it, is written as a guest would write it: then that part must have changed. A device type without an
// example here, or without a table (or state_none), fails, and so does a part that no row writes.
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "chardev/chardev.h"
#include "hw/pc/pc.h"
#include "snapshot/digest.h"
#include "softmmu/memory.h"
#include "target/i386/cpu.h"
#include "target/i386/state.h"
#include "tests/unit/tap.h"
#include "ui/input.h"
#include "ui/screen.h"
#include "util/error.h"
#include "util/loop.h"
#include "util/state.h"

#define MIB (1ull << 20)

// ---- the devices

struct example { const char *type, *id; const char *properties[4][2]; unsigned count; const char *part; };
static const struct example examples[] = {
    { "VGA", "vga", { { "vgamem_mb", "16" } }, 1, "device:vga" },
    { "pvpanic", "panic", { { NULL, NULL } }, 0, NULL },
    { "isa-debug-exit", "debug", { { "iobase", "0x501" } }, 1, NULL },
    { "isa-debugcon", "con", { { "chardev", "null0" } }, 1, NULL },
    { "isa-serial", "com3", { { "chardev", "null1" }, { "iobase", "0x3e8" }, { "irq", "5" } }, 3, "device:com3" },
    { "pc-dimm", "dimm", { { "memdev", "m1" } }, 1, "device:dimm" },
};

// ---- what a guest writes

// Ports when address < 64 Ki, else memory. The last access of a row is the one that must change the part.
struct port_access { uint64_t address; uint64_t value; unsigned size; bool read; };
struct row { const char *part, *what; struct port_access steps[6]; };
#define OUT(port, value) { port, value, 1, false }
#define OUTW(port, value) { port, value, 2, false }
#define OUTL(port, value) { port, value, 4, false }
#define IN(port) { port, 0, 1, true }
#define PCI(slot, function, reg) OUTL(0xcf8, 0x80000000u | (slot) << 11 | (function) << 8 | ((reg) & ~3u))
#define LAPIC(reg, value) { 0xfee00000u + (reg), value, 4, false }
#define IOAPIC(reg, value) { 0xfec00000u, reg, 4, false }, { 0xfec00010u, value, 4, false }
#define HOTPLUG 0xa00
#define PM 0x600
static const struct row rows[] = {
    { "pic", "mask", { OUT(0x21, 0x5a) } }, { "pic", "mask of the slave", { OUT(0xa1, 0x5a) } },
    { "pic", "ICW1", { OUT(0x20, 0x11) } }, { "pic", "vector base", { OUT(0x20, 0x11), OUT(0x21, 0x68) } },
    { "pic", "what is read", { OUT(0x20, 0x0b) } }, { "pic", "special mask", { OUT(0x20, 0x68) } }, { "pic", "rotation", { OUT(0x20, 0xc3) } },
    { "pic", "rotation with EOI", { OUT(0x20, 0x80) } }, { "pic", "poll", { OUT(0x20, 0x0c) } }, { "pic", "ELCR", { OUT(0x4d0, 0x20) } },
    { "ioapic", "select", { { 0xfec00000u, 0x12, 4, false } } }, { "ioapic", "ID", { IOAPIC(0, 0x05000000) } },
    { "ioapic", "an entry", { IOAPIC(0x14, 0x10031) } }, { "ioapic", "its destination", { IOAPIC(0x15, 0x01000000) } },
    { "lapic", "task priority", { LAPIC(0x80, 0x20) } }, { "lapic", "logical ID", { LAPIC(0xd0, 0x02000000) } },
    { "lapic", "destination format", { LAPIC(0xe0, 0x0fffffff) } }, { "lapic", "spurious vector", { LAPIC(0xf0, 0x1fe) } },
    { "lapic", "LVT of the timer", { LAPIC(0xf0, 0x1ff), LAPIC(0x320, 0x30) } }, { "lapic", "initial count", { LAPIC(0x380, 1000) } },
    { "lapic", "divisor", { LAPIC(0x3e0, 3) } }, { "lapic", "ICR, high half", { LAPIC(0x310, 0x03000000) } },
    { "lapic", "an interrupt to itself", { LAPIC(0xf0, 0x1ff), LAPIC(0x300, 0x40041) } },
    { "pit", "mode", { OUT(0x43, 0x34) } }, { "pit", "half a count", { OUT(0x43, 0x34), OUT(0x40, 0x12) } }, { "pit", "latched count", { OUT(0x43, 0x00) } },
    { "pit", "latched status", { OUT(0x43, 0xe2) } }, { "pit", "count of the speaker", { OUT(0x43, 0xb6), OUT(0x42, 1), OUT(0x42, 2) } },
    { "pit", "gate of the speaker", { OUT(0x61, 0x01) } }, { "pit", "half of a count read", { OUT(0x43, 0x00), IN(0x40) } },
    { "rtc", "index", { OUT(0x70, 0x33) } }, { "rtc", "a byte of CMOS", { OUT(0x70, 0x44), OUT(0x71, 0x99) } },
    { "rtc", "rate", { OUT(0x70, 0x0a), OUT(0x71, 0x2c) } }, { "rtc", "periodic interrupt", { OUT(0x70, 0x0b), OUT(0x71, 0x42) } },
    { "rtc", "the date", { OUT(0x70, 0x09), OUT(0x71, 0x31) } },
    { "kbc", "a command that waits", { OUT(0x64, 0x60) } }, { "kbc", "its mode", { OUT(0x64, 0x60), OUT(0x60, 0x30) } },
    { "kbc", "output port", { OUT(0x64, 0xd1), OUT(0x60, 0xcf) } }, { "kbc", "a byte of its RAM", { OUT(0x64, 0x65), OUT(0x60, 0x77) } },
    { "kbc", "a command of the keyboard", { OUT(0x60, 0xed) } }, { "kbc", "LEDs", { OUT(0x60, 0xed), OUT(0x60, 0x05) } },
    { "kbc", "keyboard off", { OUT(0x60, 0xf5) } }, { "kbc", "rate of the mouse", { OUT(0x64, 0xd4), OUT(0x60, 0xf3), OUT(0x64, 0xd4), OUT(0x60, 40) } },
    { "kbc", "mouse on", { OUT(0x64, 0xd4), OUT(0x60, 0xf4) } }, { "kbc", "a reply is read", { OUT(0x60, 0xee), IN(0x60) } }, { "kbc", "port 92", { OUT(0x92, 0x00) } },
    { "fw_cfg", "selector", { OUTW(0x510, 0x19) } }, { "fw_cfg", "offset", { OUTW(0x510, 0x00), IN(0x511) } }, { "fw_cfg", "half of a DMA address", { OUTL(0x514, 0x01000000) } },
    { "pci", "address", { OUTL(0xcf8, 0x80001234) } },
    { "i440fx", "PAM", { PCI(0, 0, 0x58), OUT(0xcfc + 1, 0x11) } }, { "i440fx", "SMRAM", { PCI(0, 0, 0x72), OUT(0xcfc + 2, 0x4a) } },
    { "piix3", "PIRQ route", { PCI(1, 0, 0x60), OUT(0xcfc, 0x0b) } }, { "piix3", "reset control", { OUT(0xcf9, 0x02) } },
    { "pm", "configuration", { PCI(1, 3, 0x3c), OUT(0xcfc, 0x0b) } }, { "pm", "enable", { OUTW(PM + 2, 0x100) } }, { "pm", "control", { OUTW(PM + 4, 0x0401) } },
    { "pm", "GPE enable", { OUT(0xafe2, 0x0a) } }, { "pm", "SMI command", { OUT(0xb2, 0xf1) } }, { "pm", "SMI status", { OUT(0xb3, 0x5a) } },
    { "mem_hotplug", "slot", { OUTL(HOTPLUG, 1) } }, { "mem_hotplug", "_OST event", { OUTL(HOTPLUG, 0), OUTL(HOTPLUG + 4, 0x103) } },
    { "mem_hotplug", "_OST status", { OUTL(HOTPLUG, 0), OUTL(HOTPLUG + 8, 0x81) } }, { "mem_hotplug", "listened to", { OUTW(PM + 4, 0x0001), OUT(0xafe2, 0x08) } },
    { "serial0", "interrupt enable", { OUT(0x3f9, 0x05) } }, { "serial0", "line control", { OUT(0x3fb, 0x1b) } }, { "serial0", "modem control", { OUT(0x3fc, 0x0b) } },
    { "serial0", "scratch", { OUT(0x3ff, 0x42) } }, { "serial0", "FIFO", { OUT(0x3fa, 0xc1) } }, { "serial0", "divisor, low", { OUT(0x3fb, 0x80), OUT(0x3f8, 0x07) } },
    { "serial0", "divisor, high", { OUT(0x3fb, 0x80), OUT(0x3f9, 0x02) } }, { "serial0", "a byte in loopback", { OUT(0x3fc, 0x10), OUT(0x3f8, 0x55) } },
    { "device:com3", "scratch", { OUT(0x3ef, 0x42) } },
    { "device:vga", "miscellaneous output", { OUT(0x3c2, 0x63) } }, { "device:vga", "sequencer index", { OUT(0x3c4, 0x02) } },
    { "device:vga", "map mask", { OUT(0x3c4, 0x02), OUT(0x3c5, 0x05) } }, { "device:vga", "cursor", { OUT(0x3d4, 0x0e), OUT(0x3d5, 0x11) } },
    { "device:vga", "read map", { OUT(0x3ce, 0x04), OUT(0x3cf, 0x02) } }, { "device:vga", "palette", { IN(0x3da), OUT(0x3c0, 0x03), OUT(0x3c0, 0x15) } },
    { "device:vga", "address or data", { IN(0x3da), OUT(0x3c0, 0x03) } }, { "device:vga", "DAC mask", { OUT(0x3c6, 0x0f) } },
    { "device:vga", "a part of a colour", { OUT(0x3c8, 0x09), OUT(0x3c9, 0x21) } }, { "device:vga", "colour", { OUT(0x3c8, 0x09), OUT(0x3c9, 1), OUT(0x3c9, 2), OUT(0x3c9, 3) } },
    { "device:vga", "DAC read index", { OUT(0x3c7, 0x09) } }, { "device:vga", "DISPI index", { OUTW(0x1ce, 0x04) } },
    { "device:vga", "DISPI width", { OUTW(0x1ce, 0x01), OUTW(0x1cf, 720) } }, { "device:vga", "latches", { OUT(0x3ce, 0x06), OUT(0x3cf, 0x05), OUT(0x3c4, 0x02), OUT(0x3c5, 0x0f), { 0xa0000, 0xff, 1, false }, { 0xa0000, 0, 1, true } } },
    { "device:vga", "configuration", { PCI(2, 0, 0x3c), OUT(0xcfc, 0x0b) } },
    { "board", "A20", { OUT(0x92, 0x00) } },
    { "device:dimm", NULL, { OUT(0x80, 0) } }, // its place is written by the monitor only
};

// ---- the machine

struct bytes { uint8_t data[1 << 16]; size_t size; };
struct look { const char *part; struct bytes *bytes; bool found; };

static void put(void *opaque, const char *path, uint64_t value, unsigned size)
{
    struct bytes *b = opaque;
    for (unsigned i = 0; i < size && b->size < sizeof b->data; i++)
        b->data[b->size++] = (uint8_t)(value >> 8 * i);
}

static void look_at(void *opaque, const char *part, const struct state_table *table, const void *instance)
{
    struct look *l = opaque;
    if (strcmp(part, l->part))
        return;
    l->found = true;
    l->bytes->size = 0;
    state_write(&(struct state_writer){ put, l->bytes, false }, table, instance);
}

static bool state_of(struct machine *m, const char *part, struct bytes *bytes)
{
    struct look l = { part, bytes, false };
    pc_each_state(m, look_at, &l);
    return l.found;
}

static void do_access(struct machine *m, const struct port_access *a)
{
    if (a->address >= 0x10000 && a->read)
        physical_load(&m->memory, a->address, a->size);
    else if (a->address >= 0x10000)
        physical_store(&m->memory, a->address, a->value, a->size);
    else if (a->read)
        port_read(&m->ports, (uint16_t)a->address, a->size);
    else
        port_write(&m->ports, (uint16_t)a->address, a->value, a->size);
}

struct bench { struct loop *loop; struct chardev_list *chardevs; struct pc_options options; struct machine *machine; };

static char kernel[4096]; // a small guest, never run

static bool build(struct bench *b)
{
    struct error *err = NULL;
    b->loop = loop_new();
    b->chardevs = chardev_list_new(b->loop);
    b->options = (struct pc_options){ .ram_size = 64 * MIB, .max_ram_size = 1024 * MIB, .ram_slots = 2, .cpu_count = 2, .acpi = true, .seed = 1, .kernel = kernel, .unpack = BOOT_UNPACK_GUEST,
                                      .backends = backend_list_new(), .input = input_new(b->loop), .screen = screen_new(),
                                      .engine = { .backend = &tcg_backend_interp, .code_size = 8 * MIB, .icount_shift = 0 } };
    b->options.serial[0] = chardev_new(b->chardevs, "null,id=s0", &err);
    chardev_new(b->chardevs, "null,id=null0", &err);
    chardev_new(b->chardevs, "null,id=null1", &err);
    backend_new(b->options.backends, "memory-backend-ram,id=m1,size=128M", &err);
    backend_new(b->options.backends, "memory-backend-ram,id=m2,size=128M", &err);
    b->machine = err ? NULL : pc_new(&b->options, b->loop, b->chardevs, &err);
    for (size_t i = 0; i < sizeof examples / sizeof *examples && !err; i++)
        pc_add_device(b->machine, examples[i].type, examples[i].id, examples[i].properties, examples[i].count, &err);
    if (!err)
        pc_start(b->machine, &err);
    if (err)
        printf("# %s\n", error_message(err));
    bool good = !err;
    error_free(err);
    return good;
}

static void release(struct bench *b)
{
    pc_free(b->machine);
    chardev_list_free(b->chardevs);
    input_free(b->options.input);
    screen_free(b->options.screen);
    loop_free(b->loop);
}

// ---- checks

static void each_type(struct machine *m)
{
    struct bytes *b = malloc(sizeof *b);
    for (size_t i = 0; i < m->registry.count; i++) {
        const struct device_type *type = m->registry.types[i];
        const struct example *e = NULL;
        for (size_t k = 0; k < sizeof examples / sizeof *examples; k++)
            if (!strcmp(examples[k].type, type->name))
                e = &examples[k];
        tap_ok(e && type->state, "%s has an example and a table", type->name);
        if (e)
            tap_ok(e->part ? state_of(m, e->part, b) : type->state == &state_none, "its state is %s", e->part ? e->part : "none, and it says so");
    }
    free(b);
}

static void each_part(void *opaque, const char *part, const struct state_table *table, const void *instance)
{
    bool written = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        written |= !strcmp(rows[i].part, part);
    tap_ok(written, "a row writes to %s", part);
}

// On a machine of its own: rows do not depend on each other.
static void try_row(const struct row *row)
{
    struct bench bench;
    struct bytes *before = malloc(sizeof *before), *after = malloc(sizeof *after);
    if (!build(&bench)) {
        tap_ok(false, "%s: the machine", row->part);
        exit(tap_done());
    }
    unsigned last = 0;
    while (last + 1 < sizeof row->steps / sizeof *row->steps && row->steps[last + 1].size)
        last++;
    for (unsigned i = 0; i < last; i++)
        do_access(bench.machine, &row->steps[i]);
    bool found = state_of(bench.machine, row->part, before);
    do_access(bench.machine, &row->steps[last]);
    found &= state_of(bench.machine, row->part, after);
    bool same = before->size == after->size && !memcmp(before->data, after->data, after->size);
    if (row->what)
        tap_ok(found && !same, "%s: %s", row->part, row->what);
    else
        tap_ok(found && same, "%s: nothing for a guest to write", row->part);
    free(before);
    free(after);
    release(&bench);
}

struct digests { char video[DIGEST_TEXT], spare[DIGEST_TEXT]; };

static void note(void *opaque, const char *part, const char *hex)
{
    struct digests *d = opaque;
    if (!strcmp(part, "ram:vga.vram"))
        memcpy(d->video, hex, DIGEST_TEXT);
    if (!strcmp(part, "ram:m2"))
        memcpy(d->spare, hex, DIGEST_TEXT);
}

// Memory that the guest does not see now, and may see again: video memory behind a closed BAR, a DIMM's backend without the DIMM.
static void unseen_memory(void)
{
    struct bench b;
    struct digests before = { "", "" }, after = { "", "" };
    struct error *err = NULL;
    if (!digest_supported(&err)) {
        tap_ok(true, "memory that is not seen # SKIP %s", error_message(err));
        error_free(err);
        return;
    }
    if (!build(&b)) {
        tap_ok(false, "the machine");
        return;
    }
    static const struct port_access close[] = { PCI(2, 0, 4), OUTW(0xcfc, 0) };
    static const struct port_access write[] = { OUT(0x3ce, 0x06), OUT(0x3cf, 0x05), OUT(0x3c4, 0x02), OUT(0x3c5, 0x0f), OUT(0x3c4, 0x04), OUT(0x3c5, 0x06),
                                                { 0xa0010, 0x5a, 1, false } };
    for (size_t i = 0; i < sizeof close / sizeof *close; i++)
        do_access(b.machine, &close[i]);
    digest_machine(b.machine, note, &before, NULL);
    for (size_t i = 0; i < sizeof write / sizeof *write; i++)
        do_access(b.machine, &write[i]);
    backend_find(b.machine->backends, "m2")->ram->host[12345] = 1;
    digest_machine(b.machine, note, &after, NULL);
    tap_ok(*before.video && strcmp(before.video, after.video), "video memory that no BAR shows");
    tap_ok(*before.spare && strcmp(before.spare, after.spare), "a backend without a DIMM");
    release(&b);
}

// The guest finds the tables in its RAM: what made them must not be in there.
static void each_table(struct machine *m)
{
    size_t size, found = 0;
    const uint8_t *tables = pc_acpi_tables(m, &size);
    bool good = tables != NULL;
    for (size_t at = 0; good && at + 36 <= size; at += 16) {
        uint32_t length;
        uint8_t sum = 0;
        if (memcmp(tables + at + 10, "RAMJET", 6))
            continue;
        memcpy(&length, tables + at + 4, 4);
        for (size_t i = 0; i < length && at + length <= size; i++)
            sum = (uint8_t)(sum + tables[at + i]);
        good = !sum && !memcmp(tables + at + 28, "RMJT\1\0\0\0", 8);
        found++;
    }
    tap_ok(good && found >= 6, "ACPI tables name no compiler and its version, and their sums are right (%zu tables)", found);
}

int main(int argc, char **argv)
{
    struct bench bench;
    const char *slash = strrchr(argv[0], '/');
    snprintf(kernel, sizeof kernel, "%.*s/../tcg/guest/debug.bin", slash ? (int)(slash - argv[0]) : 1, slash ? argv[0] : ".");
    if (!build(&bench)) {
        tap_ok(false, "the machine");
        return tap_done();
    }
    each_type(bench.machine);
    each_table(bench.machine);
    pc_each_state(bench.machine, each_part, NULL);
    release(&bench);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        try_row(&rows[i]);
    unseen_memory();
    return tap_done();
}
