// SPDX-License-Identifier: MIT
//
// Numbers as text, typed properties, devices' life, and the small ISA devices that users create.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hw/char/serial16550.h"
#include "hw/misc/debug_exit.h"
#include "hwtest.h"
#include "util/error.h"
#include "util/parse.h"

struct sample {
    struct device device;
    bool flag;
    uint8_t u8;
    uint16_t u16;
    int32_t i32;
    uint64_t u64, size;
    char *text;
};
static const struct property sample_properties[] = {
    PROPERTY(BOOL, "flag", sample, flag, 1, "a flag"),
    PROPERTY(UINT8, "u8", sample, u8, 7, "a byte"),
    PROPERTY(UINT16, "u16", sample, u16, 0, "a word"),
    PROPERTY(INT32, "i32", sample, i32, -1, "signed"),
    PROPERTY(UINT64, "u64", sample, u64, 0, "long"),
    PROPERTY(SIZE, "size", sample, size, 4096, "bytes"),
    PROPERTY(STRING, "text", sample, text, 0, "a string"),
};
static const struct device_type sample_type = { .name = "sample", .size = sizeof(struct sample), .properties = sample_properties,
                                                .property_count = 7 };

static void test_parse(void)
{
    static const struct { const char *text; bool good; uint64_t value; } sizes[] = {
        { "0", true, 0 }, { "4096", true, 4096 }, { "1k", true, 1024 }, { "1K", true, 1024 }, { "512MiB", true, 512u << 20 },
        { "1.5G", true, 1610612736 }, { "6GB", true, 6ull << 30 }, { "0x1000", true, 4096 }, { "+1G", true, 1 << 30 },
        { "0.0001G", true, 107374 }, { "16E", false, 0 }, { "15.9E", true, 18331451923248866918ull }, { "1X", false, 0 },
        { "", false, 0 }, { "-1", false, 0 }, { "1.", false, 0 }, { "1e9", false, 0 }, { "1GiBx", false, 0 }, { "0x", false, 0 },
        { "99999999999999999999", false, 0 }, { "18446744073709551615", true, UINT64_MAX }, { "1 G", false, 0 }, { "2B", true, 2 },
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t v = 0;
        bool good = parse_size(sizes[i].text, &v, NULL);
        char name[64];
        snprintf(name, sizeof(name), "size '%s'", sizes[i].text);
        check(good == sizes[i].good && (!good || v == sizes[i].value), name);
    }
    uint64_t u = 0;
    int64_t s = 0;
    bool flag = false;
    check(parse_u64("0xff", &u, NULL) && u == 255, "hexadecimal");
    check(!parse_u64("-1", &u, NULL) && !parse_u64("1k", &u, NULL) && !parse_u64(" 1", &u, NULL), "no sign, unit or blank");
    check(parse_i64("-9223372036854775808", &s, NULL) && s == INT64_MIN, "least int64");
    check(!parse_i64("9223372036854775808", &s, NULL), "one too many");
    check(parse_bool("yes", &flag, NULL) && flag && parse_bool("off", &flag, NULL) && !flag && !parse_bool("maybe", &flag, NULL), "bools");
    check(identifier_valid("a-1.b_c") && !identifier_valid("1a") && !identifier_valid("") && !identifier_valid("a b"), "identifiers");
}

static void refused(struct device *d, const char *name, const char *value, const char *text)
{
    struct error *err = NULL;
    bool good = device_set(d, name, value, &err);
    check_text(good ? "(accepted)" : error_message(err), text, value);
    error_free(err);
}

static void test_properties(struct bench *b)
{
    struct sample *s = (struct sample *)device_new(&b->machine, &sample_type);
    struct device *d = &s->device;
    check(s->flag && s->u8 == 7 && s->i32 == -1 && s->size == 4096 && !s->text, "defaults");
    check(device_set(d, "flag", "off", NULL) && !s->flag, "bool");
    check(device_set(d, "i32", "-5", NULL) && s->i32 == -5, "signed");
    check(device_set(d, "size", "1.5k", NULL) && s->size == 1536, "size");
    check(device_set(d, "text", "x", NULL) && device_set(d, "text", "hello", NULL) && !strcmp(s->text, "hello"), "string");
    refused(d, "u8", "256", "Parameter 'u8' expects uint8_t: an integer up to 255, not '256'");
    refused(d, "u16", "abc", "Parameter 'u16' expects integer, not 'abc'");
    refused(d, "i32", "2147483648", "Parameter 'i32' expects int32_t: '2147483648' is out of range");
    refused(d, "flag", "maybe", "Parameter 'flag' expects 'on' or 'off', not 'maybe'");
    refused(d, "size", "1Q", "Parameter 'size' expects size");
    refused(d, "flga", "on", "Property 'sample.flga' not found");
    refused(d, "id", "1x", "Parameter 'id' expects an identifier");
    struct error *err = NULL;
    device_set(d, "flga", "on", &err);
    check_text(err->hint, "'flag'", "the nearest name is offered");
    error_free(err);
    char *text = device_get(d, &sample_properties[3]);
    check(!strcmp(text, "-5"), "value as text");
    free(text);
    check(device_set(d, "id", "s1", NULL) && device_realize(d, NULL), "realize");
    check(machine_find_device(&b->machine, "s1") == d, "found by its id");
    refused(d, "u8", "1", "after it was realized");
    device_delete(d);
    check(!machine_find_device(&b->machine, "s1") && !b->machine.devices, "deleted");
}

static struct device *create(struct bench *b, const struct device_type *type, const char *name, const char *value, const char **message)
{
    static char text[256];
    struct error *err = NULL;
    struct device *d = device_new(&b->machine, type);
    *message = "(none)";
    if ((!name || device_set(d, name, value, &err)) && device_realize(d, &err))
        return d;
    snprintf(text, sizeof(text), "%s", error_message(err));
    *message = text;
    error_free(err);
    device_delete(d);
    return NULL;
}

static void test_isa(struct bench *b)
{
    const char *message;
    struct device *e = create(b, &debug_exit_type, "iobase", "0xf4", &message);
    outb(b, 0xf4, 0x10);
    check(e && b->machine.exit_code == 0x21 && (b->machine.requests & REQUEST_QUIT), "isa-debug-exit: (value << 1) | 1");
    check(!create(b, &debug_exit_type, "iosize", "9", &message), "isa-debug-exit: refused");
    check_text(message, "iosize=9 must be 1 to 8", "and why");
    struct wire irq4 = { 0 }, irq3 = { 0 };
    struct irq wires[16] = { [3] = wire_irq(&irq3), [4] = wire_irq(&irq4) };
    b->machine.isa_irqs = wires;
    struct isa_serial *com1 = (struct isa_serial *)create(b, &isa_serial_type, NULL, NULL, &message);
    struct isa_serial *com2 = (struct isa_serial *)create(b, &isa_serial_type, NULL, NULL, &message);
    check(com1 && com2 && com1->iobase == 0x3f8 && com2->iobase == 0x2f8 && com2->irq == 3, "isa-serial: the next free port");
    outb(b, 0x2fc, 8); outb(b, 0x2f9, 2);
    check(irq3.level && !irq4.level, "its interrupt");
    check(!create(b, &isa_serial_type, "irq", "16", &message), "isa-serial: refused");
    check_text(message, "irq=16 is not an ISA interrupt", "and why");
    machine_reset_devices(&b->machine);
    check(!irq3.level, "reset reaches all devices");
    while (b->machine.devices)
        device_delete(b->machine.devices);
    check_eq(inb(b, 0x3fd), 0xff, "ports are gone");
}

int main(void)
{
    struct bench b;
    bench_init(&b);
    test_parse();
    test_properties(&b);
    test_isa(&b);
    b.machine.random_state = 42;
    uint64_t first = machine_random(&b.machine);
    b.machine.random_state = 42;
    check(first == machine_random(&b.machine) && first != machine_random(&b.machine), "seeded generator");
    bench_release(&b);
    return test_end();
}
