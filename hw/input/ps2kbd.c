// SPDX-License-Identifier: MIT
//
// PS/2 keyboard: commands from the host and scan codes of sets 1 and 2 (set 3 is refused, as by many keyboards).
// [IBM PS/2 technical reference: keyboard commands] Machine thread only.
#include <string.h>
#include "hw/input/ps2.h"
#include "hw/input/ps2_queue.h"
#include "hw/input/scancodes.h"

enum { KBD_SET_LEDS = 0xed, KBD_ECHO = 0xee, KBD_SCAN_SET = 0xf0, KBD_IDENTIFY = 0xf2, KBD_RATE = 0xf3, KBD_ENABLE = 0xf4,
       KBD_DISABLE = 0xf5, KBD_DEFAULTS = 0xf6, KBD_RESEND = 0xfe, KBD_RESET = 0xff };

static void set_defaults(struct ps2_keyboard *kbd)
{
    kbd->rate = 0x2b; // 10.9 a second after 500 ms
    kbd->set = 2;
    kbd->command = 0;
}

static void reply(struct ps2_keyboard *kbd, uint8_t byte)
{
    kbd->last_byte = byte;
    ps2_queue_put(&kbd->queue, byte);
}

static void parameter(struct ps2_keyboard *kbd, uint8_t value)
{
    uint8_t command = kbd->command;
    kbd->command = 0;
    switch (command) {
    case KBD_SET_LEDS:
        kbd->leds = value & 7;
        break;
    case KBD_RATE:
        kbd->rate = value & 0x7f;
        break;
    case KBD_SCAN_SET:
        if (value > 2) {
            reply(kbd, PS2_RESEND);
            return;
        }
        reply(kbd, PS2_ACK);
        if (value)
            kbd->set = value;
        else
            reply(kbd, kbd->set);
        return;
    }
    reply(kbd, PS2_ACK);
}

static void command(struct ps2_keyboard *kbd, uint8_t value)
{
    switch (value) {
    case KBD_SET_LEDS:
    case KBD_SCAN_SET:
    case KBD_RATE:
        kbd->command = value;
        reply(kbd, PS2_ACK);
        break;
    case KBD_ECHO:
        reply(kbd, KBD_ECHO);
        break;
    case KBD_IDENTIFY:
        reply(kbd, PS2_ACK);
        reply(kbd, 0xab);
        reply(kbd, 0x83);
        break;
    case KBD_ENABLE:
    case KBD_DISABLE:
        ps2_queue_clear(&kbd->queue);
        if (value == KBD_DISABLE)
            set_defaults(kbd);
        kbd->enabled = value == KBD_ENABLE;
        reply(kbd, PS2_ACK);
        break;
    case KBD_DEFAULTS:
        set_defaults(kbd);
        reply(kbd, PS2_ACK);
        break;
    case KBD_RESEND:
        ps2_queue_put(&kbd->queue, kbd->last_byte);
        break;
    case KBD_RESET:
        ps2_keyboard_reset(kbd);
        reply(kbd, PS2_ACK);
        reply(kbd, PS2_TEST_PASSED);
        break;
    default:
        reply(kbd, value >= 0xf7 && value <= 0xfd ? PS2_ACK : PS2_RESEND); // f7..fd: key types of set 3
    }
}

void ps2_keyboard_write(struct ps2_keyboard *kbd, uint8_t value)
{
    if (kbd->command && value < 0x80)
        parameter(kbd, value);
    else {
        kbd->command = 0; // a command instead of a parameter ends the old one
        command(kbd, value);
    }
    ps2_queue_tell(&kbd->queue);
}

// One code with its prefix and break mark in the current set.
static void put_code(struct ps2_keyboard *kbd, bool extended, uint8_t code, bool down)
{
    if (extended)
        ps2_queue_put(&kbd->queue, 0xe0);
    if (kbd->set == 1) {
        ps2_queue_put(&kbd->queue, down ? code : code | 0x80);
        return;
    }
    if (!down)
        ps2_queue_put(&kbd->queue, 0xf0);
    ps2_queue_put(&kbd->queue, scancode_set2_of_set1(code));
}

// Pause has no break code: make and break go out when it is pressed.
static void put_pause(struct ps2_keyboard *kbd)
{
    const uint8_t set1[] = { 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 }, set2[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };
    const uint8_t *bytes = kbd->set == 1 ? set1 : set2;
    for (size_t i = 0; i < (kbd->set == 1 ? sizeof(set1) : sizeof(set2)); i++)
        ps2_queue_put(&kbd->queue, bytes[i]);
}

void ps2_key(struct ps2_keyboard *kbd, int scancode, bool down)
{
    if (!kbd->enabled || !ps2_queue_room(&kbd->queue, 8))
        return;
    uint8_t code = scancode & 0x7f;
    bool extended = (scancode & 0xff00) == 0xe000;
    if (scancode == 0xe11d) {
        if (down)
            put_pause(kbd);
    } else if (scancode == 0xe037) { // with its fake shift
        put_code(kbd, true, down ? 0x2a : 0x37, down);
        put_code(kbd, true, down ? 0x37 : 0x2a, down);
    } else if (code && (kbd->set == 1 || scancode_set2_of_set1(code))) {
        put_code(kbd, extended, code, down);
    }
    ps2_queue_tell(&kbd->queue);
}

void ps2_keyboard_reset(struct ps2_keyboard *kbd)
{
    ps2_queue_clear(&kbd->queue);
    set_defaults(kbd);
    kbd->leds = 0;
    kbd->enabled = true;
}

void ps2_keyboard_init(struct ps2_keyboard *kbd, void (*changed)(void *opaque), void *opaque)
{
    memset(kbd, 0, sizeof(*kbd));
    kbd->queue.changed = changed;
    kbd->queue.opaque = opaque;
    ps2_keyboard_reset(kbd);
}

// ---- state

static const struct state_field ps2_keyboard_state_fields[] = {
    STATE_STRUCT(ps2_keyboard, queue, ps2_queue_state), STATE_FIELD(ps2_keyboard, command), STATE_FIELD(ps2_keyboard, leds),
    STATE_FIELD(ps2_keyboard, rate), STATE_FIELD(ps2_keyboard, set), STATE_FIELD(ps2_keyboard, enabled),
    STATE_FIELD(ps2_keyboard, last_byte),
};
STATE_TABLE(ps2_keyboard_state);
