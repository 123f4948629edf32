// SPDX-License-Identifier: MIT
//
// DIMMs from backend to registers: options and errors of backends, slots and placement, the register block (each row of
// its map), events, the life of requests, eject.
#include "hw/acpi/mem_hotplug.h"
#include <stdio.h>
#include <string.h>
#include "hwtest.h"
#include "util/error.h"

#define GIB (1ull << 30)
enum { MH = MEM_HOTPLUG_BASE };

static struct bench b;
static struct pci_bus bus;
static struct pm pm;
static struct wire sci;
static struct mem_hotplug mh;
static struct memory_device_state window;
static struct event_details last;
static char last_id[32];
static unsigned osts, deletions, refusals;

static bool board_check(struct machine *m, struct device *d, struct error **errp)
{
    return !pc_dimm_of(d) || pc_dimm_check(m, pc_dimm_of(d), 1, errp);
}
static void board_plug(struct machine *m, struct device *d)
{
    if (pc_dimm_of(d)) {
        pc_dimm_plug(m, pc_dimm_of(d));
        mem_hotplug_plug(&mh, pc_dimm_of(d), d->hotplugged);
    }
}
static bool board_request(struct machine *m, struct device *d, struct error **errp)
{
    return mem_hotplug_unplug_request(&mh, pc_dimm_of(d), errp);
}
static void board_unplug(struct machine *m, struct device *d)
{
    mem_hotplug_unplug(&mh, pc_dimm_of(d));
    pc_dimm_unplug(m, pc_dimm_of(d));
    struct event_details details = { .id = d->id };
    machine_send_event(m, EVENT_DEVICE_DELETED, &details);
    device_delete(d);
}
static const struct hotplug_ops board_ops = { board_check, board_plug, board_request, board_unplug };

static void sink_event(void *opaque, enum machine_event event, const struct event_details *details)
{
    if (event == EVENT_DEVICE_DELETED)
        deletions++;
    refusals += event == EVENT_UNPLUG_REFUSED;
    if (event == EVENT_ACPI_OST) {
        osts++;
        last = *details;
        strcpy(last_id, details->id ? details->id : "(none)");
    }
}
static struct event_sink sink = { sink_event, NULL, NULL };

// NULL: it worked. Else the message, until the next call.
static const char *device_add(const char *id, const char *const *pairs, bool hotplugged)
{
    static char text[256];
    struct error *err = NULL;
    struct device *d = device_new(&b.machine, &pc_dimm_type);
    d->hotplugged = hotplugged;
    bool good = !id || device_set(d, "id", id, &err);
    for (; good && *pairs; pairs += 2)
        good = device_set(d, pairs[0], pairs[1], &err);
    if (good && board_check(&b.machine, d, &err) && device_realize(d, &err)) {
        board_plug(&b.machine, d);
        return NULL;
    }
    snprintf(text, sizeof(text), "%s", error_message(err));
    error_free(err);
    device_delete(d);
    return text;
}
#define ADD(id, ...) device_add(id, (const char *const[]){ __VA_ARGS__, NULL }, true)

static const char *object_add(const char *options)
{
    static char text[256];
    struct error *err = NULL;
    if (backend_new(b.machine.backends, options, &err))
        return NULL;
    snprintf(text, sizeof(text), "%s", error_message(err));
    error_free(err);
    return text;
}

static void test_backends(void)
{
    static const struct { const char *options, *text; } bad[] = {
        { "memory-backend-ram,id=x", "Parameter 'size' is missing" },
        { "memory-backend-ram,size=1G", "Parameter 'id' is missing" },
        { "memory-backend-ram,id=x,size=0", "property 'size' of memory-backend-ram doesn't take value '0'" },
        { "memory-backend-ram,id=x,size=1Q", "Parameter 'size' expects size" },
        { "memory-backend-ram,id=x,size=1G,bogus=1", "Parameter 'bogus' is unexpected" },
        { "memory-backend-bogus,id=x,size=1G", "Parameter 'qom-type' does not accept value 'memory-backend-bogus'" },
        { "memory-backend-ram,id=1x,size=1G", "Parameter 'id' expects an identifier" },
        { "memory-backend-ram,id=x,size=1G,share=maybe", "Parameter 'share' expects 'on' or 'off'" },
        { "memory-backend-ram,id=x,size=1G,policy=foo", "Parameter 'policy' does not accept value 'foo'" },
        { "memory-backend-ram,id=x,size=1G,policy=bind", "host-nodes must be set for policy bind" },
        { "memory-backend-ram,id=x,size=1G,host-nodes=0", "host-nodes must be empty for policy default" },
        { "memory-backend-ram,id=x,size=1G,policy=bind,host-nodes=1000", "Invalid host-nodes value: 1000" },
        { "memory-backend-ram,id=x,size=1G,prealloc=on,reserve=off", "'prealloc=on' and 'reserve=off' are incompatible" },
        { "memory-backend-ram,id=x,size=1G,prealloc-threads=0", "doesn't take value '0'" },
        { "memory-backend-ram,id=x,size=7E", "cannot set up guest memory 'x': Cannot allocate memory" },
        { "id=x,size=1G", "Parameter 'qom-type' is missing" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_text(object_add(bad[i].options), bad[i].text, bad[i].options);
    check(!object_add("memory-backend-ram,id=m1,size=128M"), "a backend");
    check_text(object_add("memory-backend-ram,id=m1,size=128M"), "attempt to add duplicate property 'm1'", "twice");
    check(!object_add("memory-backend-ram,id=pre,size=4MiB,prealloc=on,prealloc-threads=3,share=on,merge=off,dump=off"), "all wishes");
    check(!object_add("memory-backend-ram,id=odd,size=4095"), "an odd size");
    check(!object_add("qom-type=memory-backend-ram,id=m2,size=256M"), "type by name");
    check(!object_add("memory-backend-ram,id=big,size=2G,reserve=off"), "2 GiB");
    check(!object_add("memory-backend-ram,id=big2,size=2G,reserve=off"), "and again");
    check(!object_add("memory-backend-ram,id=small,size=2M"), "2 MiB");
    struct memory_backend *m1 = backend_find(b.machine.backends, "m1");
    check(m1->merge && m1->dump && m1->reserve && !m1->share && m1->ram->size == m1->size, "defaults");
    struct error *err = NULL;
    check(!backend_delete(b.machine.backends, "nosuch", &err), "object_del of an unknown one");
    check_text(error_message(err), "object 'nosuch' not found", "says so");
    error_free(err);
}

static void test_errors(void)
{
    check_text(ADD("d", "slot", "0"), "'memdev' property must be set", "no memdev");
    check_text(ADD("d", "memdev", "nosuch"), "Device 'nosuch' not found", "unknown memdev");
    check_text(ADD("d", "memdev", "m1", "slot", "3"), "invalid slot number 3, valid range is [0-2]", "slot out of range");
    check_text(ADD("d", "memdev", "m1", "slot", "-2"), "invalid slot number -2", "negative slot");
    check_text(ADD("d", "memdev", "odd"), "backend memory size must be multiple of 0x200000", "odd size");
    check_text(ADD("d", "memdev", "m1", "addr", "0x100000001"), "address must be aligned to 0x200000 bytes", "misaligned");
    check_text(ADD("d", "memdev", "m1", "addr", "0x40000000"),
               "can't add memory device [0x40000000:0x8000000], usable range for memory devices [0x100000000:0x180000000]", "outside");
    check_text(ADD("d", "memdev", "m1", "node", "1"), "'DIMM property node has value 1' which exceeds the number of numa nodes: 1",
               "node");
    check_text(ADD("d", "memdev", "m1", "size", "1G"), "Property 'pc-dimm.size' is not writable", "size");
    check_text(ADD("d", "memdev", "m1", "foo", "1"), "Property 'pc-dimm.foo' not found", "unknown property");
    check_text(ADD("d", "memdev", "m1", "addr", "x"), "Parameter 'addr' expects", "addr that is no number");
    check(!b.machine.devices && !window.devices && !window.used, "failures left nothing behind");
}

static void test_registers(void)
{
    check_eq(inl(&b, MH), 0, "empty slot: address 0");
    check(!ADD("d1", "memdev", "m1"), "plug");
    check_eq((uint64_t)sci.level, 0, "nobody listens yet");
    outb(&b, PM_SMI_PORT, PM_ACPI_ENABLE);
    outw(&b, PM_GPE0_BLOCK, 0xffff); // Linux clears before it enables
    outw(&b, PM_GPE0_BLOCK + 2, 8);
    check_eq((uint64_t)sci.level, 1, "GPE 3 is raised again when the guest enables it");
    outw(&b, PM_GPE0_BLOCK, 8);
    outl(&b, MH, 0);
    check_eq(inl(&b, MH), 0, "address, low");
    check_eq(inl(&b, MH + 4), 1, "address, high");
    check_eq(inl(&b, MH + 8), 0x8000000, "size, low");
    check_eq(inl(&b, MH + 0xc), 0, "size, high");
    check_eq(inl(&b, MH + 0x10), 0, "proximity");
    check_eq(inb(&b, MH + 0x14), 3, "enabled, insert");
    check_eq(inl(&b, MH + 0x14), 3, "as a dword");
    check_eq(inb(&b, MH + 1), 0xff, "a byte between registers");
    check_eq(inw(&b, MH + 0x16), 0xffff, "a word there");
    check_eq(inb(&b, MH + 0x0b), 0xff, "only exact offsets");
    for (unsigned i = 1; i < 0x18; i++)
        if (i % 4 || i > 0x14)
            check_eq(inb(&b, (uint16_t)(MH + i)), 0xff, "a byte at any other offset");
    outb(&b, MH + 0x14, 1);
    check_eq(inb(&b, MH + 0x14), 3, "bit 0 cannot be written");
    outb(&b, MH + 0x14, 0x0f);
    check(inb(&b, MH + 0x14) == 1 && !deletions, "one action a write: insert is cleared, nothing is ejected");
    outl(&b, MH + 4, 1);
    check_eq(osts, 0, "the event alone is only stored");
    outl(&b, MH + 8, 0);
    check(osts == 1 && last.source == 1 && last.status == 0 && last.slot == 0 && !strcmp(last_id, "d1"), "status sends _OST");
    outl(&b, MH + 0xc, 1);
    outl(&b, MH + 0x10, 1);
    check(osts == 1 && inl(&b, MH + 8) == 0x8000000, "other writes are ignored");
    outl(&b, MH, 1);
    check_eq(inb(&b, MH + 0x14), 0, "slot 1 is empty");
    outb(&b, MH + 0x14, 8);
    check_eq(deletions, 0, "eject of an empty slot");
    outl(&b, MH, 77);
    check(inl(&b, MH) == 0 && inb(&b, MH + 0x14) == 0, "no such slot: zeros");
    outl(&b, MH + 8, 5);
    outb(&b, MH + 0x14, 8);
    check(osts == 1 && !deletions, "and nothing to write");
    outl(&b, MH, 0xffffffff);
    check_eq(inl(&b, MH + 4), 0, "the largest selector");
    outl(&b, MH, 0);
}

static void test_requests(void)
{
    struct device *d1 = machine_find_device(&b.machine, "d1");
    struct error *err = NULL;
    physical_store(&b.machine.memory, 4 * GIB, 0x12345678, 4);
    check_eq(mem_read32(&b, 4 * GIB), 0x12345678, "the bytes are there");
    check_text(ADD("d1", "memdev", "m2"), "Duplicate device ID 'd1'", "duplicate id");
    check_text(ADD("d2", "memdev", "m2", "slot", "0"), "slot 0 is busy", "slot taken");
    check_text(ADD("d2", "memdev", "m2", "addr", "0x100000000"), "address range conflicts with memory device id='d1'", "overlap");
    check_text(ADD("d2", "memdev", "m1"), "can't use already busy memdev: m1", "memdev in use");
    check(!backend_delete(b.machine.backends, "m1", &err), "object_del of a used one");
    check_text(error_message(err), "object 'm1' is in use, can not be deleted", "says so");
    error_free(err);
    err = NULL;
    check(!device_set(d1, "slot", "2", &err), "no changes after plug");
    error_free(err);
    sci.rises = 0;
    check(b.machine.hotplug->unplug_request(&b.machine, d1, NULL) && sci.rises == 1, "unplug request: GPE");
    check_eq(inb(&b, MH + 0x14), 5, "remove bit");
    outb(&b, MH + 0x14, 0x0c);
    check(!deletions, "remove cleared, not ejected");
    check_eq(inb(&b, MH + 0x14), 1, "cleared by the guest");
    outl(&b, MH + 4, 3); outl(&b, MH + 8, 0x84);
    check(refusals == 0 && d1->deleting, "_OST: in progress");
    outl(&b, MH + 8, 0x82);
    check(refusals == 1 && !d1->deleting, "_OST: busy, the guest refuses");
    outw(&b, PM_GPE0_BLOCK, 8);
    b.machine.hotplug->unplug_request(&b.machine, d1, NULL);
    mem_hotplug_reset(&mh);
    check_eq(inb(&b, MH + 0x14), 1, "a reset drops the request");
    outw(&b, PM_GPE0_BLOCK, 8);
    b.machine.hotplug->unplug_request(&b.machine, d1, NULL);
    outl(&b, MH, 0);
    outb(&b, MH + 0x14, 8);
    check_eq(deletions, 1, "eject: device gone before the write ends");
    check_eq(inb(&b, MH + 0x14), 0, "all flags clear, remove as well");
    check_eq(mem_read32(&b, 4 * GIB), 0xffffffff, "so are the bytes");
    check(!machine_find_device(&b.machine, "d1") && window.used == 0, "and the place");
    outl(&b, MH + 4, 3); outl(&b, MH + 8, 0);
    check_text(last_id, "(none)", "the last _OST has no device");
    check(!ADD("d3", "memdev", "m1"), "plug into the slot again");
    check_eq(inb(&b, MH + 0x14), 3, "no old remove request");
    b.machine.hotplug->unplug_request(&b.machine, machine_find_device(&b.machine, "d3"), NULL);
    outw(&b, PM_GPE0_BLOCK, 8);
    outb(&b, MH + 0x14, 2);
    check(inb(&b, MH + 0x14) == 5 && (inb(&b, PM_GPE0_BLOCK) & 8), "insert handled, remove waits: GPE again");
    outb(&b, MH + 0x14, 4);
    outb(&b, MH + 0x14, 8);
    check_eq(deletions, 2, "ejected");
}

static uint64_t addr_of(const char *id) { return ((struct pc_dimm *)machine_find_device(&b.machine, id))->addr; }

static void test_placement(void)
{
    check(!ADD("a", "memdev", "small"), "2 MiB first");
    check_eq(addr_of("a"), 4 * GIB, "at the base");
    check(!ADD("c", "memdev", "m2", "slot", "2"), "256 MiB");
    check_eq(addr_of("c"), 4 * GIB + (128 << 20), "starts at a Linux memory block");
    check_text(ADD("e", "memdev", "big2", "slot", "2"), "slot 2 is busy", "slot before space");
    check(!ADD("e", "memdev", "big"), "2 GiB");
    struct pc_dimm *e = (struct pc_dimm *)machine_find_device(&b.machine, "e");
    check(e->slot == 1 && e->addr == 4 * GIB + (384 << 20), "lowest free slot, next gap");
    check_text(ADD("f", "memdev", "big2"), "no free slots available", "all slots");
    board_unplug(&b.machine, machine_find_device(&b.machine, "a"));
    check_text(ADD("f", "memdev", "big2"), "not enough space, currently 0x90000000 in use of total space for memory devices 0xc0000000",
               "too big");
    check(!ADD("g", "memdev", "m1", "addr", "4G"), "an address with a unit");
    check_eq(addr_of("g"), 4 * GIB, "the hole at the base");
    check_eq(memory_device_plugged(&window), (128ull + 256 + 2048) << 20, "bytes plugged");
    while (b.machine.devices)
        board_unplug(&b.machine, b.machine.devices);
    check(!device_add("cold", (const char *const[]){ "memdev", "m1", NULL }, false), "cold plug");
    outl(&b, MH, 0);
    check_eq(inb(&b, MH + 0x14), 1, "enabled, no event");
    board_unplug(&b.machine, b.machine.devices);
}

static const char *options_error(uint64_t ram, uint64_t max, uint64_t slots)
{
    static char text[256];
    struct error *err = NULL;
    if (memory_device_check_options(ram, &max, slots, true, 0, 40, &err))
        return NULL;
    snprintf(text, sizeof(text), "%s", error_message(err));
    error_free(err);
    return text;
}

static void test_window(void)
{
    check_eq(memory_device_window_base(0), 4 * GIB, "base, no RAM above");
    check_eq(memory_device_window_base(GIB / 2), 5 * GIB, "base is rounded to 1 GiB");
    check_eq(memory_device_window_size(GIB, 4 * GIB, 3), 6 * GIB, "size: room and 1 GiB a slot");
    check_text(options_error(GIB, 0, 3), "slots specified but no max-size", "slots alone");
    check_text(options_error(GIB, GIB / 2, 3), "maximum memory size (0x20000000) must be at least the initial memory size (0x40000000)",
               "maxmem too small");
    check_text(options_error(GIB, GIB, 3), "memory slots were specified but maximum memory size (0x40000000) is equal to the initial",
               "maxmem = RAM");
    check_text(options_error(GIB, 4 * GIB, 257), "unsupported amount of memory slots: 257", "257 slots");
    check_text(options_error(GIB, 5000000001, 3), "aligned to multiple of 4096 bytes", "odd maxmem");
    check_text(options_error(GIB, 100ull << 40, 3), "Address space limit 0xffffffffff < 0x", "beyond the CPU's address bits");
    check(!options_error(GIB, 4 * GIB, 3) && !options_error(GIB, 4 * GIB, 0), "accepted");
    check_text(mem_hotplug_ost_text(3, 0x82), "busy", "_OST in words");
}

int main(void)
{
    bench_init(&b);
    pci_bus_init(&bus, b.memory, b.ports);
    pm_init(&pm, &b.machine, &bus, wire_irq(&sci), false);
    mem_hotplug_init(&mh, &b.machine, &pm, 3);
    memory_device_init(&window, b.memory, 4 * GIB, 6 * GIB, 3);
    b.machine.memory_devices = &window;
    b.machine.backends = backend_list_new();
    b.machine.hotplug = &board_ops;
    b.machine.sinks = &sink;
    test_window();
    test_backends();
    test_errors();
    test_registers();
    test_requests();
    test_placement();
    mem_hotplug_release(&mh);
    memory_device_release(&window);
    backend_list_free(b.machine.backends);
    bench_release(&b);
    return test_end();
}
