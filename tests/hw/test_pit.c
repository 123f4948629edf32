// SPDX-License-Identifier: MIT
//
// 8254: counting, modes 0 2 3 4, latches, read-back, gate and output of channel 2 at port 61h, the interrupt.
#include "hw/timer/i8254.h"
#include "hwtest.h"

#define TICKS(n) ((int64_t)(n) * NS_PER_SECOND / PIT_HZ + 1)

static unsigned latched(struct bench *b, int channel)
{
    outb(b, 0x43, (uint8_t)(channel << 6));
    unsigned low = inb(b, (uint16_t)(0x40 + channel));
    return low | (unsigned)inb(b, (uint16_t)(0x40 + channel)) << 8;
}

static void test_interrupts(struct bench *b, struct wire *irq)
{
    outb(b, 0x43, 0x34); // mode 2
    outb(b, 0x40, 11932 & 0xff); outb(b, 0x40, 11932 >> 8);
    irq->rises = 0;
    bench_advance(b, NS_PER_SECOND);
    check(irq->rises >= 99 && irq->rises <= 100, "mode 2: 100 Hz");
    unsigned count = latched(b, 0);
    check(count >= 1 && count <= 11932, "counts from the reload value to 1");
    outb(b, 0x43, 0x38); // mode 4
    outb(b, 0x40, 1000 & 0xff); outb(b, 0x40, 1000 >> 8);
    irq->rises = 0;
    bench_advance(b, TICKS(1000) - 1000);
    check_eq((uint64_t)irq->rises, 0, "mode 4: nothing before the count");
    bench_advance(b, 10000);
    check_eq((uint64_t)irq->rises, 1, "one strobe");
    bench_advance(b, NS_PER_SECOND);
    check_eq((uint64_t)irq->rises, 1, "and no more");
    outb(b, 0x43, 0x30); // mode 0
    check_eq((uint64_t)irq->level, 0, "mode 0: OUT falls with the control word");
    outb(b, 0x40, 100); outb(b, 0x40, 0);
    bench_advance(b, TICKS(101));
    check_eq((uint64_t)irq->level, 1, "and rises at terminal count");
    outb(b, 0x43, 0x36); // mode 3
    outb(b, 0x40, 0); outb(b, 0x40, 0);
    irq->rises = 0;
    bench_advance(b, NS_PER_SECOND);
    check_eq((uint64_t)irq->rises, 18, "mode 3 with 65536: 18.2 Hz");
}

static void test_channel_2(struct bench *b)
{
    outb(b, 0x61, 0);
    outb(b, 0x43, 0xb0); // mode 0, as Linux calibrates
    outb(b, 0x42, 0xff); outb(b, 0x42, 0xff);
    bench_advance(b, 1000000);
    check_eq(latched(b, 2), 0xffff, "gate closed: does not count");
    outb(b, 0x61, 1);
    bench_advance(b, TICKS(0x100));
    check_eq(latched(b, 2), 0xfeff, "gate open: counts");
    check_eq(inb(b, 0x61) & 0x21, 0x01, "OUT is low");
    bench_advance(b, TICKS(0xff00));
    check_eq(inb(b, 0x61) & 0x21, 0x21, "OUT is high after terminal count");
    unsigned seen = 0;
    for (int i = 0; i < 10; i++) {
        seen |= 1u << (inb(b, 0x61) >> 4 & 1);
        bench_advance(b, 10000);
    }
    check_eq(seen, 3, "refresh bit toggles");
}

static void test_latches(struct bench *b)
{
    outb(b, 0x43, 0x74); // channel 1, mode 2
    outb(b, 0x41, 0x00); outb(b, 0x41, 0x10);
    bench_advance(b, TICKS(0x10));
    outb(b, 0x43, 0x40);
    bench_advance(b, TICKS(0x100));
    unsigned low = inb(b, 0x41), high = inb(b, 0x41);
    check_eq(high << 8 | low, 0xff0, "latched count stands still");
    outb(b, 0x43, 0xc4); // read back count and status of channel 1
    check_eq(inb(b, 0x41) & 0x3f, 0x34, "status: access and mode");
    low = inb(b, 0x41);
    high = inb(b, 0x41);
    check_eq(high << 8 | low, 0xef0, "then the count");
    outb(b, 0x43, 0x75); // BCD
    outb(b, 0x41, 0x00); outb(b, 0x41, 0x10);
    bench_advance(b, TICKS(1));
    check_eq(latched(b, 1), 0x999, "BCD");
    outb(b, 0x43, 0x50); // low byte only, mode 0
    outb(b, 0x41, 0x20);
    check_eq(inb(b, 0x41), 0x20, "one-byte access");
}

int main(void)
{
    struct bench b;
    struct i8254 pit;
    struct wire irq = { 0 };
    bench_init(&b);
    i8254_init(&pit, b.ports, &b.machine.clock, wire_irq(&irq));
    test_interrupts(&b, &irq);
    test_channel_2(&b);
    test_latches(&b);
    irq.rises = 0;
    i8254_reset(&pit);
    bench_advance(&b, NS_PER_SECOND);
    check_eq((uint64_t)irq.rises, 18, "reset: 18.2 Hz");
    bench_release(&b);
    return test_end();
}
