// SPDX-License-Identifier: MIT
//
// PS/2 mouse: standard three-byte packets, the wheel (ID 3) after the sample rates 200 100 80, five buttons (ID 4) after
// 200 200 80. Movement is gathered while the queue is full. [IBM PS/2 technical reference: auxiliary device]
// Machine thread only.
#include <string.h>
#include "hw/input/ps2.h"
#include "hw/input/ps2_queue.h"

enum { MOUSE_SCALING_11 = 0xe6, MOUSE_SCALING_21 = 0xe7, MOUSE_RESOLUTION = 0xe8, MOUSE_STATUS = 0xe9, MOUSE_STREAM = 0xea,
       MOUSE_READ = 0xeb, MOUSE_UNWRAP = 0xec, MOUSE_WRAP = 0xee, MOUSE_REMOTE = 0xf0, MOUSE_IDENTIFY = 0xf2, MOUSE_RATE = 0xf3,
       MOUSE_ENABLE = 0xf4, MOUSE_DISABLE = 0xf5, MOUSE_DEFAULTS = 0xf6, MOUSE_RESET = 0xff };

static void set_defaults(struct ps2_mouse *mouse)
{
    mouse->rate = 100;
    mouse->resolution = 2;
    mouse->reporting = mouse->scaling = mouse->remote = mouse->wrap = false;
    mouse->command = 0;
    mouse->dx = mouse->dy = mouse->dz = 0;
}

static int take(int *value, int limit)
{
    int part = *value > limit ? limit : *value < -limit ? -limit : *value;
    *value -= part;
    return part;
}

// What nobody reads for long does not grow without end.
static int gather(int sum, int more)
{
    const int64_t far = 1 << 16;
    int64_t total = (int64_t)sum + more;
    return (int)(total > far ? far : total < -far ? -far : total);
}

static void put_packet(struct ps2_mouse *mouse)
{
    int dx = take(&mouse->dx, 255), dy = take(&mouse->dy, 255), dz = take(&mouse->dz, 7);
    ps2_queue_put(&mouse->queue, (uint8_t)(8 | (mouse->buttons & 7) | (dx < 0) << 4 | (dy < 0) << 5));
    ps2_queue_put(&mouse->queue, (uint8_t)dx);
    ps2_queue_put(&mouse->queue, (uint8_t)dy);
    if (mouse->type == 3)
        ps2_queue_put(&mouse->queue, (uint8_t)dz);
    else if (mouse->type == 4)
        ps2_queue_put(&mouse->queue, (uint8_t)((dz & 0x0f) | (mouse->buttons & 0x18) << 1));
    mouse->sent_buttons = mouse->buttons;
}

static void set_rate(struct ps2_mouse *mouse, uint8_t rate)
{
    mouse->rate = rate;
    mouse->knock[0] = mouse->knock[1];
    mouse->knock[1] = mouse->knock[2];
    mouse->knock[2] = rate;
    if (mouse->knock[0] == 200 && mouse->knock[1] == 100 && rate == 80)
        mouse->type = 3;
    else if (mouse->knock[0] == 200 && mouse->knock[1] == 200 && rate == 80 && mouse->type == 3)
        mouse->type = 4;
}

static void put_status(struct ps2_mouse *mouse)
{
    uint8_t b = mouse->buttons;
    ps2_queue_put(&mouse->queue, (uint8_t)(mouse->remote << 6 | mouse->reporting << 5 | mouse->scaling << 4 | (b & 1) << 2 |
                                           (b & 4) >> 1 | (b & 2) >> 1));
    ps2_queue_put(&mouse->queue, mouse->resolution);
    ps2_queue_put(&mouse->queue, mouse->rate);
}

static void command(struct ps2_mouse *mouse, uint8_t value)
{
    ps2_queue_put(&mouse->queue, PS2_ACK);
    switch (value) {
    case MOUSE_SCALING_11:
    case MOUSE_SCALING_21: mouse->scaling = value == MOUSE_SCALING_21; break;
    case MOUSE_RESOLUTION:
    case MOUSE_RATE: mouse->command = value; break;
    case MOUSE_STATUS: put_status(mouse); break;
    case MOUSE_STREAM: mouse->remote = false; break;
    case MOUSE_REMOTE: mouse->remote = true; break;
    case MOUSE_READ: put_packet(mouse); break;
    case MOUSE_UNWRAP: mouse->wrap = false; break;
    case MOUSE_WRAP: mouse->wrap = true; break;
    case MOUSE_IDENTIFY: ps2_queue_put(&mouse->queue, mouse->type); break;
    case MOUSE_ENABLE:
    case MOUSE_DISABLE: mouse->reporting = value == MOUSE_ENABLE; break;
    case MOUSE_DEFAULTS: set_defaults(mouse); break;
    case MOUSE_RESET:
        ps2_mouse_reset(mouse);
        ps2_queue_put(&mouse->queue, PS2_ACK);
        ps2_queue_put(&mouse->queue, PS2_TEST_PASSED);
        ps2_queue_put(&mouse->queue, mouse->type);
        break;
    default: // refused: the answer is not the acknowledgement from above
        ps2_queue_clear(&mouse->queue);
        ps2_queue_put(&mouse->queue, PS2_RESEND);
    }
}

void ps2_mouse_write(struct ps2_mouse *mouse, uint8_t value)
{
    if (mouse->wrap && value != MOUSE_UNWRAP && value != MOUSE_RESET) {
        ps2_queue_put(&mouse->queue, value);
    } else if (mouse->command) {
        if (mouse->command == MOUSE_RATE)
            set_rate(mouse, value);
        else
            mouse->resolution = value & 3;
        mouse->command = 0;
        ps2_queue_put(&mouse->queue, PS2_ACK);
    } else {
        command(mouse, value);
    }
    ps2_queue_tell(&mouse->queue);
}

void ps2_mouse_event(struct ps2_mouse *mouse, int dx, int dy, int dz, unsigned buttons)
{
    mouse->buttons = buttons & 0x1f;
    if (!mouse->reporting || mouse->remote)
        return;
    mouse->dx = gather(mouse->dx, dx);
    mouse->dy = gather(mouse->dy, dy);
    mouse->dz = gather(mouse->dz, dz);
    if (mouse->type < 3)
        mouse->dz = 0;
    while ((mouse->dx || mouse->dy || mouse->dz || mouse->buttons != mouse->sent_buttons) && ps2_queue_room(&mouse->queue, 4))
        put_packet(mouse);
    ps2_queue_tell(&mouse->queue);
}

void ps2_mouse_reset(struct ps2_mouse *mouse)
{
    ps2_queue_clear(&mouse->queue);
    set_defaults(mouse);
    mouse->type = 0;
    memset(mouse->knock, 0, sizeof(mouse->knock));
}

void ps2_mouse_init(struct ps2_mouse *mouse, void (*changed)(void *opaque), void *opaque)
{
    memset(mouse, 0, sizeof(*mouse));
    mouse->queue.changed = changed;
    mouse->queue.opaque = opaque;
    ps2_mouse_reset(mouse);
}

// ---- state

static const struct state_field ps2_mouse_state_fields[] = {
    STATE_STRUCT(ps2_mouse, queue, ps2_queue_state), STATE_FIELD(ps2_mouse, command), STATE_FIELD(ps2_mouse, rate),
    STATE_FIELD(ps2_mouse, resolution), STATE_FIELD(ps2_mouse, type), STATE_ARRAY(ps2_mouse, knock),
    STATE_FIELD(ps2_mouse, reporting), STATE_FIELD(ps2_mouse, scaling), STATE_FIELD(ps2_mouse, remote),
    STATE_FIELD(ps2_mouse, wrap), STATE_FIELD(ps2_mouse, buttons), STATE_FIELD(ps2_mouse, sent_buttons),
    STATE_FIELD(ps2_mouse, dx), STATE_FIELD(ps2_mouse, dy), STATE_FIELD(ps2_mouse, dz),
};
STATE_TABLE(ps2_mouse_state);
