// SPDX-License-Identifier: MIT
//
// The pair of 8259A: initialization, priorities, EOI, masks, cascade, levels, spurious, poll.
#include "hw/intc/i8259.h"
#include "hwtest.h"

static void init_pic(struct bench *b)
{
    outb(b, 0x20, 0x11); outb(b, 0x21, 0x30); outb(b, 0x21, 4); outb(b, 0x21, 1);
    outb(b, 0xa0, 0x11); outb(b, 0xa1, 0x38); outb(b, 0xa1, 2); outb(b, 0xa1, 1);
    outb(b, 0x21, 0); outb(b, 0xa1, 0);
}

int main(void)
{
    struct bench b;
    struct i8259_pair pic;
    struct wire out = { 0 };
    bench_init(&b);
    i8259_init(&pic, b.ports, wire_irq(&out));
    init_pic(&b);
    check_eq(inb(&b, 0x21), 0, "mask reads back");
    outb(&b, 0xa1, 0xfb);
    check_eq(inb(&b, 0xa1), 0xfb, "mask of the slave (Linux' probe)");
    outb(&b, 0xa1, 0);

    i8259_set_irq(&pic, 4, 1);
    check_eq(out.level, 1, "an edge raises INTR");
    check_eq(inb(&b, 0x20), 0x10, "IRR shows it");
    check_eq(i8259_acknowledge(&pic), 0x34, "vector of IRQ 4");
    check_eq(out.level, 0, "INTR falls with the acknowledgement");
    outb(&b, 0x20, 0x0b);
    check_eq(inb(&b, 0x20), 0x10, "ISR by OCW3");
    i8259_set_irq(&pic, 5, 1);
    check_eq(out.level, 0, "a lower priority waits");
    i8259_set_irq(&pic, 1, 1);
    check_eq(i8259_acknowledge(&pic), 0x31, "a higher one nests");
    outb(&b, 0x20, 0x20);
    outb(&b, 0x20, 0x64);
    check_eq(i8259_acknowledge(&pic), 0x35, "after a plain and a specific EOI");
    outb(&b, 0x20, 0x65);
    i8259_set_irq(&pic, 4, 1);
    check_eq(out.level, 0, "no second edge without a fall");
    i8259_set_irq(&pic, 4, 0);
    outb(&b, 0x21, 0x10);
    i8259_set_irq(&pic, 4, 1);
    check_eq(out.level, 0, "masked");
    outb(&b, 0x21, 0);
    check_eq(i8259_acknowledge(&pic), 0x34, "remembered until unmasked");
    outb(&b, 0x20, 0x20);

    i8259_set_irq(&pic, 8, 1);
    check_eq(i8259_acknowledge(&pic), 0x38, "slave: IRQ 8");
    outb(&b, 0xa0, 0x20); outb(&b, 0x20, 0x20);
    outb(&b, 0x4d1, 0xff);
    check_eq(inb(&b, 0x4d1), 0xde, "ELCR: only some lines can be levels");
    i8259_set_irq(&pic, 9, 1);
    check_eq(i8259_acknowledge(&pic), 0x39, "level IRQ 9");
    outb(&b, 0xa0, 0x20); outb(&b, 0x20, 0x20);
    check_eq(out.level, 1, "a level that stays up asks again");
    i8259_set_irq(&pic, 9, 0);
    check_eq(out.level, 0, "and stops with the wire");
    check_eq(i8259_acknowledge(&pic), 0x37, "spurious");

    outb(&b, 0x20, 0x0c);
    check_eq(inb(&b, 0x20), 0, "poll with nothing pending");
    i8259_set_irq(&pic, 3, 1);
    outb(&b, 0x20, 0x0c);
    check_eq(inb(&b, 0x20), 0x83, "poll answers the line");
    outb(&b, 0x20, 0xe3); // specific EOI and rotate: 4 is highest now
    i8259_set_irq(&pic, 3, 0); i8259_set_irq(&pic, 3, 1);
    i8259_set_irq(&pic, 6, 1);
    check_eq(i8259_acknowledge(&pic), 0x36, "rotated priority");
    i8259_reset(&pic);
    check_eq(out.level, 0, "reset");
    bench_release(&b);
    return test_end();
}
