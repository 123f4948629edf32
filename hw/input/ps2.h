// SPDX-License-Identifier: MIT
//
// PS/2 keyboard and mouse: the devices behind the 8042. Each has a queue of bytes for the controller; `changed` is called
// when bytes were queued. [IBM PS/2 technical reference: keyboard, mouse; scan code set 2 by default]
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "util/state.h"

struct ps2_queue {
    uint8_t data[256];
    uint16_t head, count;
    void (*changed)(void *opaque);
    void *opaque;
};
bool ps2_queue_get(struct ps2_queue *queue, uint8_t *byte);

struct ps2_keyboard {
    struct ps2_queue queue;
    uint8_t command;          // waits for its parameter; 0: none
    uint8_t leds, rate, set;  // set 1, 2 or 3
    bool enabled;
    uint8_t last_byte;
};
void ps2_keyboard_init(struct ps2_keyboard *kbd, void (*changed)(void *opaque), void *opaque);
void ps2_keyboard_reset(struct ps2_keyboard *kbd);
// A byte from the host (port 60h).
void ps2_keyboard_write(struct ps2_keyboard *kbd, uint8_t value);
// A key by its set 1 make code; 0xe0 prefix as 0xe0xx; Pause is 0xe11d, Print Screen 0xe037.
void ps2_key(struct ps2_keyboard *kbd, int scancode_set1, bool down);

enum ps2_button { PS2_BUTTON_LEFT = 1, PS2_BUTTON_RIGHT = 2, PS2_BUTTON_MIDDLE = 4 };
struct ps2_mouse {
    struct ps2_queue queue;
    uint8_t command, rate, resolution, type; // type 0: standard, 3: wheel, 4: five buttons
    uint8_t knock[3];         // the last sample rates: the wheel's magic knock
    bool reporting, scaling, remote, wrap;
    uint8_t buttons, sent_buttons;
    int dx, dy, dz;
};
void ps2_mouse_init(struct ps2_mouse *mouse, void (*changed)(void *opaque), void *opaque);
void ps2_mouse_reset(struct ps2_mouse *mouse);
void ps2_mouse_write(struct ps2_mouse *mouse, uint8_t value);
// Movement (right and up positive; wheel down positive) and all buttons (enum ps2_button bits).
void ps2_mouse_event(struct ps2_mouse *mouse, int dx, int dy, int dz, unsigned buttons);
extern const struct state_table ps2_keyboard_state;
extern const struct state_table ps2_mouse_state;
