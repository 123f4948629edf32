// SPDX-License-Identifier: MIT
//
// 8042, keyboard and mouse, as Linux talks to them; A20 and reset.
#include "hw/input/i8042.h"
#include "hwtest.h"

static void mouse(struct bench *b, uint8_t byte)
{
    outb(b, 0x64, 0xd4);
    outb(b, 0x60, byte);
}

static void test_controller(struct bench *b, struct wire *a20, struct wire *reset)
{
    outb(b, 0x64, 0xaa);
    check_eq(inb(b, 0x64) & 1, 1, "self test: a byte waits");
    check_eq(inb(b, 0x60), 0x55, "passed");
    check_eq(inb(b, 0x64) & 5, 4, "empty, system flag");
    outb(b, 0x64, 0x60); outb(b, 0x60, 0x47);
    outb(b, 0x64, 0x20);
    check_eq(inb(b, 0x60), 0x47, "mode byte");
    outb(b, 0x64, 0xa9);
    check_eq(inb(b, 0x60), 0, "mouse port test");
    outb(b, 0x64, 0xd3); outb(b, 0x60, 0x5a);
    check_eq(inb(b, 0x64) & 0x21, 0x21, "loop: as from the mouse");
    check_eq(inb(b, 0x60), 0x5a, "the byte");
    outb(b, 0x64, 0xa7); outb(b, 0x64, 0x20);
    check_eq(inb(b, 0x60) & 0x20, 0x20, "mouse port off");
    outb(b, 0x64, 0xa8);
    check_eq((uint64_t)a20->level, 1, "A20 open");
    outb(b, 0x64, 0xd1); outb(b, 0x60, 0xdd);
    check_eq((uint64_t)a20->level, 0, "shut by the output port");
    check_eq(inb(b, 0x92) & 2, 0, "port 92 agrees");
    outb(b, 0x92, 2);
    check_eq((uint64_t)a20->level, 1, "opened by port 92");
    outb(b, 0x64, 0xd0);
    check_eq(inb(b, 0x60) & 2, 2, "the output port agrees");
    outb(b, 0x64, 0xfe);
    check_eq((uint64_t)reset->rises, 1, "reset by pulse");
    outb(b, 0x92, 3);
    check_eq((uint64_t)reset->rises, 2, "reset by port 92");
}

static void test_keyboard(struct bench *b, struct i8042 *kbc, struct wire *irq)
{
    outb(b, 0x60, 0xf2);
    check_eq(inb(b, 0x60), 0xfa, "identify: acknowledged");
    check_eq(inb(b, 0x60), 0xab, "ab");
    check_eq(inb(b, 0x60), 0x41, "83, translated");
    outb(b, 0x60, 0xed); inb(b, 0x60); outb(b, 0x60, 4); inb(b, 0x60);
    check_eq(kbc->keyboard.leds, 4, "LEDs");
    irq->rises = 0;
    ps2_key(&kbc->keyboard, 0x1e, true);
    check_eq((uint64_t)irq->level, 1, "IRQ 1");
    check_eq(inb(b, 0x60), 0x1e, "A make");
    check_eq((uint64_t)irq->level, 0, "wire falls");
    ps2_key(&kbc->keyboard, 0x1e, false);
    check_eq(inb(b, 0x60), 0x9e, "A break");
    ps2_key(&kbc->keyboard, 0xe048, true);
    check_eq(inb(b, 0x60), 0xe0, "up: prefix");
    check_eq(inb(b, 0x60), 0x48, "up");
    ps2_key(&kbc->keyboard, 0xe11d, true);
    const uint8_t pause[] = { 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 };
    bool good = true;
    for (int i = 0; i < 6; i++)
        good &= inb(b, 0x60) == pause[i];
    check(good, "pause");
    outb(b, 0x64, 0x60); outb(b, 0x60, 0x07); // raw set 2
    ps2_key(&kbc->keyboard, 0x41, false);
    check_eq(inb(b, 0x60), 0xf0, "untranslated break");
    check_eq(inb(b, 0x60), 0x83, "F7 of set 2");
    outb(b, 0x64, 0xad);
    ps2_key(&kbc->keyboard, 0x1e, true);
    check_eq(inb(b, 0x64) & 1, 0, "port off: the byte waits");
    outb(b, 0x64, 0xae);
    check_eq(inb(b, 0x60), 0x1c, "and comes when it is on");
    outb(b, 0x60, 0xff);
    check_eq(inb(b, 0x60), 0xfa, "reset: acknowledged");
    check_eq(inb(b, 0x60), 0xaa, "test passed");
    for (int i = 0; i < 1000; i++)
        ps2_key(&kbc->keyboard, 0x1e, i & 1);
    int bytes = 0;
    for (; inb(b, 0x64) & 1; bytes++)
        inb(b, 0x60);
    check(bytes > 50 && bytes <= 256, "the queue is bounded");
}

static void test_mouse(struct bench *b, struct i8042 *kbc, struct wire *irq)
{
    mouse(b, 0xff);
    check_eq(inb(b, 0x64) & 0x21, 0x21, "from the mouse");
    check(inb(b, 0x60) == 0xfa && inb(b, 0x60) == 0xaa && inb(b, 0x60) == 0, "reset");
    ps2_mouse_event(&kbc->mouse, 5, 5, 0, 0);
    check_eq(inb(b, 0x64) & 1, 0, "silent until enabled");
    mouse(b, 0xf4); inb(b, 0x60);
    ps2_mouse_event(&kbc->mouse, 5, -3, 0, PS2_BUTTON_LEFT);
    check_eq((uint64_t)irq->level, 1, "IRQ 12");
    check_eq(inb(b, 0x60), 0x29, "left button, negative y");
    check_eq(inb(b, 0x60), 5, "x");
    check_eq(inb(b, 0x60), 0xfd, "y");
    const uint8_t knock[] = { 0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2 };
    for (int i = 0; i < 7; i++) {
        mouse(b, knock[i]);
        inb(b, 0x60);
    }
    check_eq(inb(b, 0x60), 3, "wheel mouse after the knock");
    mouse(b, 0xe9);
    check(inb(b, 0x60) == 0xfa && inb(b, 0x60) == 0x24 && inb(b, 0x60) == 2 && inb(b, 0x60) == 80, "status");
    ps2_mouse_event(&kbc->mouse, 1000, 0, 1, 0);
    int x = 0;
    for (int n = 0; inb(b, 0x64) & 1; n++) {
        uint8_t byte = inb(b, 0x60);
        x += n % 4 == 1 ? byte : 0;
    }
    check_eq((uint64_t)x, 1000, "a long way in several packets");
}

int main(void)
{
    struct bench b;
    struct i8042 kbc;
    struct wire irq1 = { 0 }, irq12 = { 0 }, a20 = { 0 }, reset = { 0 };
    bench_init(&b);
    i8042_init(&kbc, b.ports, wire_irq(&irq1), wire_irq(&irq12), wire_irq(&a20), wire_irq(&reset));
    test_controller(&b, &a20, &reset);
    test_keyboard(&b, &kbc, &irq1);
    test_mouse(&b, &kbc, &irq12);
    i8042_reset(&kbc);
    check_eq(inb(&b, 0x64) & 1, 0, "reset empties it");
    bench_release(&b);
    return test_end();
}
