// SPDX-License-Identifier: MIT
//
// MC146818A: date from virtual time, BCD and binary, 12 and 24 hours, setting, interrupts, CMOS.
#include "hw/timer/mc146818.h"
#include "hwtest.h"

static uint8_t get(struct bench *b, uint8_t index)
{
    outb(b, 0x70, index);
    return inb(b, 0x71);
}
static void set(struct bench *b, uint8_t index, uint8_t value)
{
    outb(b, 0x70, index);
    outb(b, 0x71, value);
}

static void test_date(struct bench *b)
{
    check_eq(get(b, 0x0d), 0x80, "battery good");
    check_eq(get(b, 9), 0x24, "year 24");
    check_eq(get(b, 8), 0x02, "February");
    check_eq(get(b, 7), 0x29, "29");
    check_eq(get(b, 6), 5, "Thursday");
    check_eq(get(b, 4), 0x23, "23 hours");
    check_eq(get(b, 0x32), 0x20, "century");
    bench_advance(b, 60 * NS_PER_SECOND);
    check_eq(get(b, 7), 0x01, "a minute later: March 1");
    check_eq(get(b, 8), 0x03, "March");
    check_eq(get(b, 4), 0x00, "midnight");
    set(b, 0x0b, 0x00);
    check_eq(get(b, 4), 0x12, "12-hour format: 12 AM");
    set(b, 0x0b, 0x06);
    check_eq(get(b, 9), 24, "binary");
    set(b, 0x0b, 0x02);
    set(b, 0x0b, 0x82); // SET
    set(b, 0, 0x59); set(b, 2, 0x59); set(b, 4, 0x23); set(b, 7, 0x31); set(b, 8, 0x12); set(b, 9, 0x99); set(b, 0x32, 0x19);
    bench_advance(b, 5 * NS_PER_SECOND);
    check_eq(get(b, 0), 0x59, "the clock stands while it is set");
    set(b, 0x0b, 0x02);
    bench_advance(b, NS_PER_SECOND);
    check_eq(get(b, 9) | get(b, 0x32) << 8, 0x2000, "1999-12-31 23:59:59 goes on to 2000");
    check_eq(get(b, 6), 7, "a Saturday");
}

static void test_interrupts(struct bench *b, struct wire *irq)
{
    get(b, 0x0c);
    set(b, 0x0b, 0x42); // periodic, 1024 Hz
    int ticks = 0;
    for (int i = 0; i < 10000; i++) {
        bench_advance(b, 100000);
        if (irq->level) {
            check_eq(ticks ? 0xc0 : get(b, 0x0c), 0xc0, "periodic flag") ;
            get(b, 0x0c);
            ticks++;
            if (ticks == 1)
                i = 0;
        }
        if (ticks == 3)
            break;
    }
    check_eq((uint64_t)ticks, 3, "periodic interrupts");
    set(b, 0x0b, 0x12); // update
    get(b, 0x0c);
    irq->rises = 0;
    bench_advance(b, NS_PER_SECOND);
    check_eq((uint64_t)irq->rises, 1, "update-ended interrupt");
    check_eq(get(b, 0x0c) & 0x90, 0x90, "its flag");
    check_eq(irq->level, 0, "reading C lowers the wire");
    set(b, 0x0b, 0x22); // alarm in 3 s
    uint8_t second = get(b, 0);
    second = (uint8_t)((second >> 4) * 10 + (second & 15) + 3) % 60;
    set(b, 1, (uint8_t)(second / 10 << 4 | second % 10));
    set(b, 3, 0xff);
    set(b, 5, 0xff);
    irq->rises = 0;
    bench_advance(b, 2 * NS_PER_SECOND - 1000000);
    check_eq((uint64_t)irq->rises, 0, "alarm: not yet");
    bench_advance(b, NS_PER_SECOND + 1000000);
    check_eq((uint64_t)irq->rises, 1, "alarm with wildcards");
    check_eq(get(b, 0x0c) & 0xa0, 0xa0, "its flag");
    set(b, 0x0b, 0x02);
    bool busy = false;
    for (int i = 0; i < 10000 && !busy; i++) {
        bench_advance(b, 100000);
        busy = get(b, 0x0a) & 0x80;
    }
    check(busy, "update in progress shows before each second");
    check_eq(get(b, 0x0a) & 0x7f, 0x26, "register A");
}

int main(void)
{
    struct bench b;
    struct mc146818 rtc;
    struct wire irq = { 0 };
    bench_init(&b);
    b.machine.clock.wall_base_ns = 1709251150LL * NS_PER_SECOND; // 2024-02-29 23:59:10
    mc146818_init(&rtc, b.ports, &b.machine.clock, wire_irq(&irq));
    test_date(&b);
    test_interrupts(&b, &irq);
    mc146818_set_cmos(&rtc, 0x34, 0x77);
    check_eq(get(&b, 0x34), 0x77, "CMOS byte");
    set(&b, 0x7f, 0x55);
    check_eq(mc146818_get_cmos(&rtc, 0x7f), 0x55, "CMOS is writable");
    mc146818_reset(&rtc);
    check_eq(get(&b, 0x34), 0x77, "and survives a reset");
    bench_release(&b);
    return test_end();
}
