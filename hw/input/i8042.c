// SPDX-License-Identifier: MIT
//
// 8042. One output buffer: a byte moves into it when it is empty, first the controller's own answer, then the keyboard's
// (translated from set 2 to set 1 when the mode says so), then the mouse's; reading it brings the next. IRQ 1 and 12 are
// levels of "buffer full from there". Port 92 and the output port drive one A20 gate: the last write counts.
// Machine thread only.
#include "hw/input/i8042.h"
#include <string.h>
#include "hw/input/scancodes.h"
#include "util/log.h"

enum { STATUS_FULL = 1, STATUS_SYSTEM = 4, STATUS_COMMAND = 8, STATUS_UNLOCKED = 0x10, STATUS_AUX = 0x20 };
enum { MODE_IRQ1 = 1, MODE_IRQ12 = 2, MODE_SYSTEM = 4, MODE_NO_KEYBOARD = 0x10, MODE_NO_AUX = 0x20, MODE_TRANSLATE = 0x40 };
enum { OUT_RESET = 1, OUT_A20 = 2, OUT_FULL = 0x10, OUT_AUX_FULL = 0x20 };
enum { CMD_READ_MODE = 0x20, CMD_WRITE_MODE = 0x60, CMD_AUX_OFF = 0xa7, CMD_AUX_ON = 0xa8, CMD_AUX_TEST = 0xa9,
       CMD_SELF_TEST = 0xaa, CMD_KEYBOARD_TEST = 0xab, CMD_KEYBOARD_OFF = 0xad, CMD_KEYBOARD_ON = 0xae, CMD_READ_INPUT = 0xc0,
       CMD_READ_OUTPUT = 0xd0, CMD_WRITE_OUTPUT = 0xd1, CMD_WRITE_KEYBOARD = 0xd2, CMD_WRITE_AUX = 0xd3, CMD_TO_AUX = 0xd4,
       CMD_A20_OFF = 0xdd, CMD_A20_ON = 0xdf };
enum { REPLY_NONE, REPLY_KEYBOARD, REPLY_AUX };

static void update_irqs(struct i8042 *kbc)
{
    irq_set(&kbc->keyboard_irq, kbc->full && !kbc->full_aux && (kbc->mode & MODE_IRQ1));
    irq_set(&kbc->mouse_irq, kbc->full && kbc->full_aux && (kbc->mode & MODE_IRQ12));
}

static void load(struct i8042 *kbc, uint8_t byte, bool aux)
{
    kbc->data = byte;
    kbc->full = true;
    kbc->full_aux = aux;
}

// The keyboard's next byte after translation; false: none.
static bool keyboard_byte(struct i8042 *kbc, uint8_t *byte)
{
    while (ps2_queue_get(&kbc->keyboard.queue, byte)) {
        if (!(kbc->mode & MODE_TRANSLATE) || kbc->keyboard.set == 1)
            return true;
        if (*byte == 0xf0) {
            kbc->translate_break = true;
            continue;
        }
        *byte = scancode_set1_of_set2(*byte);
        if (kbc->translate_break)
            *byte |= 0x80;
        kbc->translate_break = false;
        return true;
    }
    return false;
}

static void fill(struct i8042 *kbc)
{
    uint8_t byte;
    if (!kbc->full) {
        if (kbc->reply_kind) {
            load(kbc, kbc->reply, kbc->reply_kind == REPLY_AUX);
            kbc->reply_kind = REPLY_NONE;
        } else if (!(kbc->mode & MODE_NO_KEYBOARD) && keyboard_byte(kbc, &byte)) {
            load(kbc, byte, false);
        } else if (!(kbc->mode & MODE_NO_AUX) && ps2_queue_get(&kbc->mouse.queue, &byte)) {
            load(kbc, byte, true);
        }
    }
    update_irqs(kbc);
}

static void device_changed(void *opaque) { fill(opaque); }

static void answer(struct i8042 *kbc, uint8_t byte, uint8_t kind)
{
    kbc->reply = byte;
    kbc->reply_kind = kind;
    fill(kbc);
}

static void set_a20(struct i8042 *kbc, bool open)
{
    kbc->output_port = (uint8_t)((kbc->output_port & ~OUT_A20) | (open ? OUT_A20 : 0));
    kbc->port92 = (uint8_t)((kbc->port92 & ~2) | (open ? 2 : 0));
    irq_set(&kbc->a20, open);
}

static void write_output_port(struct i8042 *kbc, uint8_t value)
{
    kbc->output_port = value | OUT_RESET;
    set_a20(kbc, value & OUT_A20);
    if (!(value & OUT_RESET))
        irq_pulse(&kbc->reset);
}

static void set_mode(struct i8042 *kbc, uint8_t mode)
{
    kbc->mode = mode;
    kbc->status = (uint8_t)((kbc->status & ~STATUS_SYSTEM) | (mode & MODE_SYSTEM ? STATUS_SYSTEM : 0));
    fill(kbc);
}

static uint8_t read_output_port(const struct i8042 *kbc)
{
    return (uint8_t)((kbc->output_port & ~(OUT_FULL | OUT_AUX_FULL)) | (kbc->full && !kbc->full_aux ? OUT_FULL : 0) |
                     (kbc->full && kbc->full_aux ? OUT_AUX_FULL : 0));
}

// ---- port 64h

static void write_command(struct i8042 *kbc, uint8_t value)
{
    kbc->command = 0;
    kbc->status |= STATUS_COMMAND;
    switch (value) {
    case CMD_READ_MODE: answer(kbc, kbc->mode, REPLY_KEYBOARD); break;
    case 0x21 ... 0x3f: answer(kbc, kbc->ram[value & 0x1f], REPLY_KEYBOARD); break;
    case CMD_WRITE_MODE ... 0x7f:
    case CMD_WRITE_OUTPUT ... CMD_TO_AUX: kbc->command = value; break;
    case CMD_AUX_OFF: set_mode(kbc, kbc->mode | MODE_NO_AUX); break;
    case CMD_AUX_ON: set_mode(kbc, kbc->mode & (uint8_t)~MODE_NO_AUX); break;
    case CMD_AUX_TEST:
    case CMD_KEYBOARD_TEST: answer(kbc, 0x00, REPLY_KEYBOARD); break;
    case CMD_SELF_TEST:
        set_mode(kbc, kbc->mode | MODE_SYSTEM);
        answer(kbc, 0x55, REPLY_KEYBOARD);
        break;
    case CMD_KEYBOARD_OFF: set_mode(kbc, kbc->mode | MODE_NO_KEYBOARD); break;
    case CMD_KEYBOARD_ON: set_mode(kbc, kbc->mode & (uint8_t)~MODE_NO_KEYBOARD); break;
    case CMD_READ_INPUT: answer(kbc, 0x80, REPLY_KEYBOARD); break; // not locked
    case CMD_READ_OUTPUT: answer(kbc, read_output_port(kbc), REPLY_KEYBOARD); break;
    case CMD_A20_OFF: set_a20(kbc, false); break;
    case CMD_A20_ON: set_a20(kbc, true); break;
    case 0xf0 ... 0xff: // pulses output bits that are 0; bit 0 is the CPU's reset
        if (!(value & 1))
            irq_pulse(&kbc->reset);
        break;
    default:
        log_printf(LOG_GUEST_ERRORS, "i8042: unknown command 0x%02x\n", value);
    }
}

static uint64_t read64(void *opaque, uint64_t offset, unsigned size)
{
    struct i8042 *kbc = opaque;
    return kbc->status | (kbc->full ? STATUS_FULL : 0u) | (kbc->full && kbc->full_aux ? STATUS_AUX : 0u);
}

static void write64(void *opaque, uint64_t offset, uint64_t value, unsigned size) { write_command(opaque, (uint8_t)value); }

// ---- port 60h

static uint64_t read60(void *opaque, uint64_t offset, unsigned size)
{
    struct i8042 *kbc = opaque;
    kbc->full = false;
    update_irqs(kbc); // falls, so that the next byte is an edge
    uint8_t value = kbc->data;
    fill(kbc);
    return value;
}

static void write60(void *opaque, uint64_t offset, uint64_t value64, unsigned size)
{
    struct i8042 *kbc = opaque;
    uint8_t value = (uint8_t)value64, command = kbc->command;
    kbc->command = 0;
    kbc->status &= (uint8_t)~STATUS_COMMAND;
    switch (command) {
    case CMD_WRITE_MODE: set_mode(kbc, value); break;
    case 0x61 ... 0x7f: kbc->ram[command & 0x1f] = value; break;
    case CMD_WRITE_OUTPUT: write_output_port(kbc, value); break;
    case CMD_WRITE_KEYBOARD: answer(kbc, value, REPLY_KEYBOARD); break;
    case CMD_WRITE_AUX: answer(kbc, value, REPLY_AUX); break;
    case CMD_TO_AUX:
        kbc->mode &= (uint8_t)~MODE_NO_AUX; // talking to a device enables its port
        ps2_mouse_write(&kbc->mouse, value);
        break;
    default:
        kbc->mode &= (uint8_t)~MODE_NO_KEYBOARD;
        ps2_keyboard_write(&kbc->keyboard, value);
    }
}

// ---- port 92h

static uint64_t read92(void *opaque, uint64_t offset, unsigned size) { return ((struct i8042 *)opaque)->port92; }

static void write92(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8042 *kbc = opaque;
    bool reset = (value & 1) && !(kbc->port92 & 1);
    kbc->port92 = value & 3;
    set_a20(kbc, value & 2);
    if (reset)
        irq_pulse(&kbc->reset);
}

static const struct region_ops ops60 = { read60, write60, 1, 1, false };
static const struct region_ops ops64 = { read64, write64, 1, 1, false };
static const struct region_ops ops92 = { read92, write92, 1, 1, false };

void i8042_reset(struct i8042 *kbc)
{
    kbc->command = 0;
    // As firmware leaves it, for kernels that are booted without: set 1 codes, system flag.
    kbc->mode = MODE_IRQ1 | MODE_IRQ12 | MODE_SYSTEM | MODE_TRANSLATE;
    kbc->status = STATUS_UNLOCKED | STATUS_SYSTEM;
    kbc->output_port = OUT_RESET;
    kbc->port92 = 0;
    kbc->full = kbc->full_aux = kbc->translate_break = false;
    kbc->reply_kind = REPLY_NONE;
    ps2_keyboard_reset(&kbc->keyboard);
    ps2_mouse_reset(&kbc->mouse);
    set_a20(kbc, true); // open from the start: nothing since the 80286 needs it shut
    update_irqs(kbc);
}

void i8042_init(struct i8042 *kbc, struct region *ports, struct irq keyboard_irq, struct irq mouse_irq, struct irq a20,
                struct irq reset)
{
    memset(kbc, 0, sizeof(*kbc));
    kbc->keyboard_irq = keyboard_irq;
    kbc->mouse_irq = mouse_irq;
    kbc->a20 = a20;
    kbc->reset = reset;
    ps2_keyboard_init(&kbc->keyboard, device_changed, kbc);
    ps2_mouse_init(&kbc->mouse, device_changed, kbc);
    region_init_io(&kbc->io60, "i8042-data", &ops60, kbc, 1);
    region_init_io(&kbc->io64, "i8042-cmd", &ops64, kbc, 1);
    region_init_io(&kbc->io92, "port92", &ops92, kbc, 1);
    region_add(ports, &kbc->io60, 0x60, 0);
    region_add(ports, &kbc->io64, 0x64, 0);
    region_add(ports, &kbc->io92, 0x92, 0);
    i8042_reset(kbc);
}

// ---- state

static const struct state_field i8042_state_fields[] = {
    STATE_STRUCT(i8042, keyboard, ps2_keyboard_state), STATE_STRUCT(i8042, mouse, ps2_mouse_state), STATE_FIELD(i8042, command),
    STATE_FIELD(i8042, mode), STATE_FIELD(i8042, status), STATE_FIELD(i8042, output_port), STATE_FIELD(i8042, data),
    STATE_FIELD(i8042, full), STATE_FIELD(i8042, full_aux), STATE_FIELD(i8042, translate_break), STATE_FIELD(i8042, reply),
    STATE_FIELD(i8042, reply_kind), STATE_FIELD(i8042, port92), STATE_ARRAY(i8042, ram),
};
STATE_TABLE(i8042_state);
