// SPDX-License-Identifier: MIT
//
// 8259A pair. A chip is requests (irr), mask (imr), in service (isr); the line of highest priority that is requested, not
// masked and above what is in service drives INTR. The slave's INTR is the master's line 2.
// Not modelled: ICW1.LTIM (the ELCR decides), MCS-80 mode, an edge request withdrawn before INTA.
// Machine thread only.
#include "hw/intc/i8259.h"
#include <string.h>
#include "util/log.h"

// Distance from the line of highest priority to the first set bit; 8: none.
static int priority_of(const struct i8259 *chip, uint8_t mask)
{
    int distance = 0;
    if (!mask)
        return 8;
    while (!(mask & 1 << ((distance + chip->priority_add) & 7)))
        distance++;
    return distance;
}

// The line that asks for service now, -1: none.
static int line_pending(const struct i8259 *chip)
{
    int priority = priority_of(chip, chip->irr & (uint8_t)~chip->imr);
    if (priority == 8)
        return -1;
    uint8_t busy = chip->isr;
    if (chip->special_mask)
        busy &= (uint8_t)~chip->imr;
    if (chip->special_fully_nested && chip->is_master)
        busy &= (uint8_t)~4; // the slave may interrupt itself
    return priority < priority_of(chip, busy) ? (priority + chip->priority_add) & 7 : -1;
}

static void set_line(struct i8259 *chip, int line, int level)
{
    uint8_t bit = (uint8_t)(1 << line);
    if (!level) {
        chip->lines &= (uint8_t)~bit;
        // The slave's request goes away with its reason, or INTA would find a spurious one there.
        if ((chip->elcr & bit) || (chip->is_master && line == 2))
            chip->irr &= (uint8_t)~bit;
        return;
    }
    if ((chip->elcr & bit) || !(chip->lines & bit))
        chip->irr |= bit;
    chip->lines |= bit;
}

static void update(struct i8259_pair *pic)
{
    set_line(&pic->chip[0], 2, line_pending(&pic->chip[1]) >= 0);
    int level = line_pending(&pic->chip[0]) >= 0;
    if (level != pic->output_level) {
        pic->output_level = level;
        irq_set(&pic->output, level);
    }
}

void i8259_set_irq(void *opaque, int pin, int level)
{
    struct i8259_pair *pic = opaque;
    if (pin < 0 || pin > 15 || pin == 2)
        return;
    set_line(&pic->chip[pin >> 3], pin & 7, level);
    update(pic);
}

static void accept(struct i8259 *chip, int line)
{
    uint8_t bit = (uint8_t)(1 << line);
    if (!chip->auto_eoi)
        chip->isr |= bit;
    else if (chip->rotate_on_auto_eoi)
        chip->priority_add = (uint8_t)((line + 1) & 7);
    if (!(chip->elcr & bit))
        chip->irr &= (uint8_t)~bit;
}

int i8259_acknowledge(struct i8259_pair *pic)
{
    struct i8259 *master = &pic->chip[0], *slave = &pic->chip[1];
    int line = line_pending(master), vector;
    if (line < 0) {
        vector = master->vector_base + 7; // spurious
    } else if (line == 2) {
        int second = line_pending(slave);
        accept(master, 2);
        if (second >= 0)
            accept(slave, second);
        vector = slave->vector_base + (second >= 0 ? second : 7);
    } else {
        accept(master, line);
        vector = master->vector_base + line;
    }
    update(pic);
    return vector;
}

static void initialize(struct i8259 *chip, uint8_t icw1)
{
    // Lines that are up stay known, so that only a new edge is a request [8259A: ICW1 resets the edge sense].
    chip->irr &= chip->elcr;
    chip->imr = chip->isr = chip->priority_add = 0;
    chip->read_isr = chip->poll = chip->special_mask = chip->auto_eoi = chip->rotate_on_auto_eoi = false;
    chip->special_fully_nested = false;
    chip->init_step = 1;
    chip->init_needs_icw4 = icw1 & 1;
    chip->single = icw1 & 2;
    if (icw1 & 8)
        log_printf(LOG_UNIMP, "i8259: level triggered mode by ICW1 is not modelled, the ELCR decides\n");
}

static void end_of_interrupt(struct i8259 *chip, uint8_t command)
{
    int line;
    switch (command >> 5) {
    case 0:
    case 4:
        chip->rotate_on_auto_eoi = command >> 7;
        break;
    case 1:
    case 5: // not specific
        line = priority_of(chip, chip->isr);
        if (line < 8) {
            line = (line + chip->priority_add) & 7;
            chip->isr &= (uint8_t)~(1 << line);
            if (command & 0x80)
                chip->priority_add = (uint8_t)((line + 1) & 7);
        }
        break;
    case 3:
    case 7: // specific
        chip->isr &= (uint8_t)~(1 << (command & 7));
        if (command & 0x80)
            chip->priority_add = (uint8_t)(((command & 7) + 1) & 7);
        break;
    case 6:
        chip->priority_add = (uint8_t)(((command & 7) + 1) & 7);
        break;
    }
}

static void write_command(struct i8259 *chip, uint8_t value)
{
    if (value & 0x10) {
        initialize(chip, value);
    } else if (value & 8) { // OCW3
        chip->poll = value & 4;
        if (value & 2)
            chip->read_isr = value & 1;
        if (value & 0x40)
            chip->special_mask = value & 0x20;
    } else {
        end_of_interrupt(chip, value);
    }
}

static void write_data(struct i8259 *chip, uint8_t value)
{
    switch (chip->init_step) {
    case 0:
        chip->imr = value;
        break;
    case 1:
        chip->vector_base = value & 0xf8;
        chip->init_step = chip->single ? (chip->init_needs_icw4 ? 3 : 0) : 2;
        break;
    case 2: // ICW3: the cascade is wired
        chip->init_step = chip->init_needs_icw4 ? 3 : 0;
        break;
    case 3:
        chip->special_fully_nested = value & 0x10;
        chip->auto_eoi = value & 2;
        chip->init_step = 0;
        break;
    }
}

static uint8_t poll_read(struct i8259_pair *pic, struct i8259 *chip)
{
    int line = line_pending(chip);
    chip->poll = false;
    if (line < 0)
        return 0;
    accept(chip, line);
    update(pic);
    return (uint8_t)(0x80 | line);
}

static uint64_t chip_read(struct i8259_pair *pic, struct i8259 *chip, uint64_t offset)
{
    if (chip->poll)
        return poll_read(pic, chip);
    if (offset)
        return chip->imr;
    return chip->read_isr ? chip->isr : chip->irr;
}

static void chip_write(struct i8259_pair *pic, struct i8259 *chip, uint64_t offset, uint8_t value)
{
    if (offset)
        write_data(chip, value);
    else
        write_command(chip, value);
    update(pic);
}

static uint64_t master_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8259_pair *pic = opaque;
    return chip_read(pic, &pic->chip[0], offset);
}
static void master_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8259_pair *pic = opaque;
    chip_write(pic, &pic->chip[0], offset, (uint8_t)value);
}
static uint64_t slave_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8259_pair *pic = opaque;
    return chip_read(pic, &pic->chip[1], offset);
}
static void slave_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8259_pair *pic = opaque;
    chip_write(pic, &pic->chip[1], offset, (uint8_t)value);
}
static uint64_t elcr_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8259_pair *pic = opaque;
    return pic->chip[offset & 1].elcr;
}
static void elcr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8259_pair *pic = opaque;
    struct i8259 *chip = &pic->chip[offset & 1];
    uint8_t was = chip->elcr;
    chip->elcr = (uint8_t)value & chip->elcr_mask;
    uint8_t now_level = chip->elcr & (uint8_t)~was;
    chip->irr = (uint8_t)((chip->irr & ~now_level) | (chip->lines & now_level));
    update(pic);
}

static const struct region_ops master_ops = { master_read, master_write, 1, 1, false };
static const struct region_ops slave_ops = { slave_read, slave_write, 1, 1, false };
static const struct region_ops elcr_ops = { elcr_read, elcr_write, 1, 1, false };

void i8259_init(struct i8259_pair *pic, struct region *ports, struct irq output)
{
    memset(pic, 0, sizeof(*pic));
    pic->output = output;
    pic->chip[0].is_master = true;
    pic->chip[0].elcr_mask = 0xf8; // timer, keyboard and cascade are edges
    pic->chip[1].elcr_mask = 0xde; // so are clock and coprocessor
    region_init_io(&pic->io[0], "pic-master", &master_ops, pic, 2);
    region_init_io(&pic->io[1], "pic-slave", &slave_ops, pic, 2);
    region_init_io(&pic->elcr_io, "elcr", &elcr_ops, pic, 2);
    region_add(ports, &pic->io[0], 0x20, 0);
    region_add(ports, &pic->io[1], 0xa0, 0);
    region_add(ports, &pic->elcr_io, 0x4d0, 0);
}

void i8259_reset(struct i8259_pair *pic)
{
    for (int i = 0; i < 2; i++) {
        struct i8259 *chip = &pic->chip[i];
        *chip = (struct i8259){ .lines = chip->lines, .elcr_mask = chip->elcr_mask, .is_master = chip->is_master };
    }
    update(pic);
}

// ---- state

static const struct state_field i8259_state_fields[] = {
    STATE_FIELD(i8259, irr), STATE_FIELD(i8259, imr), STATE_FIELD(i8259, isr), STATE_FIELD(i8259, lines),
    STATE_FIELD(i8259, elcr), STATE_FIELD(i8259, priority_add), STATE_FIELD(i8259, vector_base), STATE_FIELD(i8259, init_step),
    STATE_FIELD(i8259, init_needs_icw4), STATE_FIELD(i8259, single), STATE_FIELD(i8259, read_isr), STATE_FIELD(i8259, poll),
    STATE_FIELD(i8259, special_mask), STATE_FIELD(i8259, auto_eoi), STATE_FIELD(i8259, rotate_on_auto_eoi),
    STATE_FIELD(i8259, special_fully_nested),
};
static STATE_TABLE(i8259_state);

static const struct state_field i8259_pair_state_fields[] = {
    STATE_STRUCTS(i8259_pair, chip, i8259_state), STATE_FIELD(i8259_pair, output_level),
};
STATE_TABLE(i8259_pair_state);
