// SPDX-License-Identifier: MIT
//
// 16550A: identification as Linux does it, THRE interrupts, FIFO and timeout through the loopback, modem lines.
#include "hw/char/serial16550.h"
#include "hwtest.h"

enum { COM = 0x3f8 };

static void test_probe(struct bench *b)
{
    outb(b, COM + 7, 0x5a);
    check_eq(inb(b, COM + 7), 0x5a, "scratch register");
    outb(b, COM + 4, 0x1a);
    check_eq(inb(b, COM + 6) & 0xf0, 0x90, "loopback: OUT2 and RTS at DCD and CTS");
    outb(b, COM + 4, 0);
    check_eq(inb(b, COM + 6) & 0xf0, 0xb0, "modem lines ready");
    outb(b, COM + 2, 1);
    check_eq(inb(b, COM + 2) >> 6, 3, "16550A");
    outb(b, COM + 3, 0x83);
    outb(b, COM, 1); outb(b, COM + 1, 0);
    check_eq(inb(b, COM), 1, "divisor latch");
    outb(b, COM + 3, 3);
    check_eq(inb(b, COM + 5), 0x60, "transmitter empty");
}

static void test_transmit(struct bench *b, struct wire *irq)
{
    outb(b, COM + 1, 2);
    check_eq((uint64_t)irq->level, 0, "OUT2 gates the interrupt");
    outb(b, COM + 4, 0x0b);
    check_eq((uint64_t)irq->level, 1, "THRE at once when enabled with an empty transmitter");
    check_eq(inb(b, COM + 2), 0xc2, "IIR names it");
    check_eq((uint64_t)irq->level, 0, "reading IIR acknowledges");
    check_eq(inb(b, COM + 2), 0xc1, "nothing more");
    irq->rises = 0;
    outb(b, COM, 'x');
    check_eq((uint64_t)irq->rises, 1, "a byte sent: the next THRE");
    check_eq(inb(b, COM + 5) & 0x60, 0x60, "empty again");
    outb(b, COM + 1, 0);
    check_eq((uint64_t)irq->level, 0, "disabled");
    outb(b, COM + 1, 2);
    check_eq((uint64_t)irq->level, 1, "enabling raises it again");
    outb(b, COM + 1, 0);
}

static void test_receive(struct bench *b, struct serial16550 *uart)
{
    outb(b, COM + 2, 0xc7 & ~0x40); // FIFO, trigger 8
    outb(b, COM + 4, 0x1b);
    for (int i = 0; i < 7; i++)
        outb(b, COM, (uint8_t)('a' + i));
    outb(b, COM + 1, 1);
    check_eq(inb(b, COM + 2), 0xc1, "7 bytes: below the trigger");
    outb(b, COM, 'h');
    check_eq(inb(b, COM + 2), 0xc4, "8: data available");
    check_eq(inb(b, COM), 'a', "in order");
    check_eq(inb(b, COM + 2), 0xc1, "below again");
    bench_advance(b, 4000000);
    check_eq(inb(b, COM + 2), 0xcc, "character timeout");
    check_eq(inb(b, COM), 'b', "the next");
    check_eq(inb(b, COM + 2), 0xc1, "reading ends the timeout");
    for (int i = 0; i < 30; i++)
        outb(b, COM, 'z');
    check_eq(uart->fifo_count, 16, "FIFO holds 16");
    check_eq(inb(b, COM + 5) & 3, 3, "overrun is reported");
    check_eq(inb(b, COM + 5) & 3, 1, "once");
    outb(b, COM + 2, 3);
    check_eq(inb(b, COM + 5) & 1, 0, "FIFO cleared");
    inb(b, COM + 6);
    outb(b, COM + 4, 0x10);
    check_eq(inb(b, COM + 6), 0x0b, "modem lines fall in the loopback: deltas");
    check_eq(inb(b, COM + 6), 0x00, "reading clears them");
}

int main(void)
{
    struct bench b;
    struct serial16550 uart;
    struct wire irq = { 0 };
    bench_init(&b);
    check(serial16550_init(&uart, b.ports, COM, wire_irq(&irq), &b.machine.clock, NULL, NULL), "init");
    test_probe(&b);
    test_transmit(&b, &irq);
    test_receive(&b, &uart);
    serial16550_release(&uart);
    check_eq(inb(&b, COM + 5), 0xff, "gone");
    bench_release(&b);
    return test_end();
}
