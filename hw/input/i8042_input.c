// SPDX-License-Identifier: MIT
//
// Linux input codes are set 1 codes up to F12 (88); the keys that came later have an e0 before theirs.
// [USB HID to PS/2 scan code translation table; Linux drivers/input uses the same pairs]
#include "hw/input/i8042_input.h"
#include <stddef.h>
#include <stdint.h>
#include "hw/input/i8042.h"
#include "ui/input.h"

int scancode_of_key(unsigned code)
{
    static const struct { uint8_t code; uint16_t scancode; } later[] = {
        { 89, 0x73 }, { 92, 0x79 }, { 93, 0x70 }, { 94, 0x7b }, { 96, 0xe01c }, { 97, 0xe01d }, { 98, 0xe035 }, { 99, 0xe037 },
        { 100, 0xe038 }, { 102, 0xe047 }, { 103, 0xe048 }, { 104, 0xe049 }, { 105, 0xe04b }, { 106, 0xe04d }, { 107, 0xe04f },
        { 108, 0xe050 }, { 109, 0xe051 }, { 110, 0xe052 }, { 111, 0xe053 }, { 113, 0xe020 }, { 114, 0xe02e }, { 115, 0xe030 },
        { 116, 0xe05e }, { 117, 0x59 }, { 119, 0xe11d }, { 121, 0x7e }, { 124, 0x7d }, { 125, 0xe05b }, { 126, 0xe05c },
        { 127, 0xe05d }, { 142, 0xe05f }, { 143, 0xe063 }, { 163, 0xe019 }, { 164, 0xe022 }, { 165, 0xe010 }, { 166, 0xe024 },
    };
    if (code <= 88 && code != 84 && code != 85)
        return (int)code;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (later[i].code == code)
            return later[i].scancode;
    return 0;
}

static void key(void *opaque, unsigned code, bool down)
{
    int scancode = scancode_of_key(code);
    if (scancode)
        ps2_key(&((struct i8042 *)opaque)->keyboard, scancode, down);
}

// The mouse counts upward and its wheel toward the user.
static void pointer(void *opaque, int dx, int dy, int wheel, unsigned buttons)
{
    ps2_mouse_event(&((struct i8042 *)opaque)->mouse, dx, -dy, -wheel, buttons);
}

void i8042_attach_input(struct i8042 *kbc, struct input *input)
{
    input_set_sink(input, &(struct input_sink){ .key = key, .pointer = pointer, .opaque = kbc });
}
