// SPDX-License-Identifier: MIT
//
// Keys and pointer movements on their way to the guest. The window's thread, the monitor (sendkey) and scripts put events in;
// the machine thread hands them to the device that registered (hw/input). Keys are Linux input event codes (KEY_A is 30),
// whatever the layout of the host's keyboard.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct input;
struct loop;
enum input_button { INPUT_LEFT = 1, INPUT_RIGHT = 2, INPUT_MIDDLE = 4, INPUT_SIDE = 8, INPUT_EXTRA = 16 };
// The device's side. Machine thread.
struct input_sink {
    void (*key)(void *opaque, unsigned code, bool down);
    // Relative movement in pixels (y grows downward), wheel steps (positive: away from the user), all buttons that are down.
    void (*pointer)(void *opaque, int dx, int dy, int wheel, unsigned buttons);
    void *opaque;
};
struct input *input_new(struct loop *loop);
void input_free(struct input *input);
void input_set_sink(struct input *input, const struct input_sink *sink);
struct input_sink input_get_sink(const struct input *input); // to put another one before it
// ---- any thread
void input_key(struct input *input, unsigned code, bool down);
void input_pointer(struct input *input, int dx, int dy, int wheel, unsigned buttons);
void input_release_all(struct input *input); // focus lost: no key stays down
// Press keys together, in that order, and let them go hold_ms milliseconds of host time later; one chord after the other. Machine
// thread.
#define INPUT_CHORD 16
void input_chord(struct input *input, const unsigned *codes, unsigned count, unsigned hold_ms);
// "ctrl-alt-delete", "ret", "a": QEMU's names of keys; 0: unknown.
unsigned input_key_code(const char *name);
const char *input_key_name(unsigned code); // NULL: it has none
char input_key_character(unsigned code, bool shift); // on a US keyboard; 0: it has none
