// SPDX-License-Identifier: MIT
//
// ui/input and the 8042: keys by Linux code become scan codes, in order, once; nothing stays down; movement is gathered.
#include <string.h>
#include "hw/input/i8042.h"
#include "hw/input/i8042_input.h"
#include "tests/unit/tap.h"
#include "ui/input.h"
#include "util/loop.h"

struct seen { char text[4096]; size_t len; };

static void key(void *opaque, unsigned code, bool down)
{
    struct seen *s = opaque;
    s->len += (size_t)snprintf(s->text + s->len, sizeof s->text - s->len, "%c%u ", down ? '+' : '-', code);
}

static void pointer(void *opaque, int dx, int dy, int wheel, unsigned buttons)
{
    struct seen *s = opaque;
    s->len += (size_t)snprintf(s->text + s->len, sizeof s->text - s->len, "(%d,%d,%d,%u) ", dx, dy, wheel, buttons);
}

static void expect(struct loop *loop, struct seen *s, const char *wanted, const char *what)
{
    for (int i = 0; i < 3; i++)
        loop_dispatch(loop, 0);
    if (!tap_ok(!strcmp(s->text, wanted), "%s", what))
        printf("# '%s', not '%s'\n", s->text, wanted);
    s->len = 0;
    s->text[0] = 0;
}

static void test_queue(struct loop *loop, struct input *input)
{
    struct seen s = { .len = 0 };
    input_key(input, 30, true);
    expect(loop, &s, "", "no sink: dropped");
    input_release_all(input);
    expect(loop, &s, "", "its release, too");
    input_set_sink(input, &(struct input_sink){ .key = key, .pointer = pointer, .opaque = &s });
    input_key(input, 29, true);
    input_key(input, 30, true);
    input_key(input, 30, true);
    input_key(input, 30, false);
    input_key(input, 30, false);
    input_key(input, 0, true);
    input_key(input, 5000, true);
    expect(loop, &s, "+29 +30 +30 -30 ", "order, repeats, one release, no keys that do not exist");
    input_key(input, 56, true);
    input_pointer(input, 1, 2, 0, INPUT_LEFT);
    input_release_all(input);
    input_release_all(input);
    expect(loop, &s, "+56 (1,2,0,1) -29 -56 (0,0,0,0) ", "all keys and buttons go up, once");
    for (int i = 0; i < 500; i++)
        input_pointer(input, 1, -2, 0, 0);
    input_pointer(input, 0, 0, 1, INPUT_RIGHT);
    expect(loop, &s, "(500,-1000,0,0) (0,0,1,2) ", "movements are one until a button changes");
    input_chord(input, (const unsigned[]){ 29, 56, 60 }, 3, 1);
    input_chord(input, (const unsigned[]){ 30 }, 1, 1);
    for (int i = 0; i < 50; i++)
        loop_dispatch(loop, 2000000);
    expect(loop, &s, "+29 +56 +60 -60 -56 -29 +30 -30 ", "chords one after the other");
}

// What the guest reads at port 60h, translated to set 1.
static void test_codes(struct loop *loop, struct input *input)
{
    static const struct { unsigned code; const char *bytes, *what; } keys[] = {
        { 30, "1e 9e ", "A" }, { 86, "56 d6 ", "the ISO key" }, { 88, "58 d8 ", "F12" }, { 100, "e0 38 e0 b8 ", "AltGr" },
        { 97, "e0 1d e0 9d ", "right Ctrl" }, { 99, "e0 2a e0 37 e0 b7 e0 aa ", "Print" }, { 119, "e1 1d 45 e1 9d c5 ", "Pause" },
        { 104, "e0 49 e0 c9 ", "PgUp" }, { 96, "e0 1c e0 9c ", "Enter of the keypad" }, { 125, "e0 5b e0 db ", "the left GUI key" },
        { 127, "e0 5d e0 dd ", "Menu" }, { 89, "73 f3 ", "the Brazilian one" }, { 84, "", "84: no key" }, { 240, "", "240: no key" },
    };
    struct address_space ports;
    struct i8042 kbc;
    address_space_init(&ports, "I/O", 0x10000);
    struct irq none = { 0 };
    i8042_init(&kbc, &ports.root, none, none, none, none);
    i8042_reset(&kbc);
    port_write(&ports, 0x64, 0x60, 1);
    port_write(&ports, 0x60, 0x47, 1); // both interrupts, translation
    i8042_attach_input(&kbc, input);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char text[64] = "";
        size_t n = 0;
        input_key(input, keys[i].code, true);
        input_key(input, keys[i].code, false);
        for (int k = 0; k < 3; k++)
            loop_dispatch(loop, 0);
        while (port_read(&ports, 0x64, 1) & 1 && n < 50)
            n += (size_t)snprintf(text + n, sizeof text - n, "%02x ", (unsigned)port_read(&ports, 0x60, 1));
        if (!tap_ok(!strcmp(text, keys[i].bytes), "%s", keys[i].what))
            printf("# '%s', not '%s'\n", text, keys[i].bytes);
    }
    address_space_release(&ports);
}

static void test_names(void)
{
    static const struct { const char *name; unsigned code; } names[] = {
        { "a", 30 }, { "ret", 28 }, { "spc", 57 }, { "ctrl", 29 }, { "alt_r", 100 }, { "delete", 111 }, { "f12", 88 }, { "kp_enter", 96 },
        { "less", 86 }, { "pause", 119 }, { "sysrq", 99 }, { "print", 99 }, { "meta_l", 125 }, { "menu", 127 }, { "A", 0 }, { "", 0 }, { "nokey", 0 },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        tap_ok(input_key_code(names[i].name) == names[i].code, "'%s' is %u", names[i].name, names[i].code);
}

int main(void)
{
    struct loop *loop = loop_new();
    struct input *input = input_new(loop);
    test_queue(loop, input);
    test_codes(loop, input);
    test_names();
    input_free(input);
    loop_free(loop);
    return tap_done();
}
