// SPDX-License-Identifier: MIT
//
// Code in video memory: what was translated from it must go when the bytes change, whichever way a display device has to change
// them: the linear window, the one at a0000 as RAM and through the graphics controller, another bank, a mode that clears.
// Fails when one of these forgets to tell that it writes.
#include "guest.h"

void ap_main(void) {}
#define LINEAR 0xfd000000ull // where the loader puts BAR0
#define WINDOW 0xa0000ull

static inline void outw(uint16_t port, uint16_t v) { asm volatile("outw %0, %1" ::"a"(v), "Nd"(port)); }
static inline uint16_t inw(uint16_t port) { uint16_t v; asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static void set(uint16_t port, unsigned index, unsigned value) { outw(port, (uint16_t)(value << 8 | index)); }
static void dispi(unsigned index, unsigned value)
{
    outw(0x1ce, (uint16_t)index);
    outw(0x1cf, (uint16_t)value);
}

static void move_eax(uint64_t to, uint32_t value) // mov $value, %eax; ret
{
    *(volatile uint8_t *)to = 0xb8;
    *(volatile uint32_t *)(to + 1) = value;
    *(volatile uint8_t *)(to + 5) = 0xc3;
}

static uint64_t call(uint64_t at, uint64_t rax)
{
    asm volatile("call *%1" : "+a"(rax) : "r"(at) : "rcx", "rdx", "rdi", "rsi", "memory", "cc");
    return rax;
}

static void chain4(void)
{
    outb(0x3c2, 0x67);
    set(0x3c4, 2, 15);
    set(0x3c4, 4, 0x0e);
    for (unsigned i = 0; i < 5; i++)
        set(0x3ce, i, 0);
    set(0x3ce, 5, 0x40);
    set(0x3ce, 6, 0x05);
    set(0x3ce, 8, 0xff);
}

int guest_main(void)
{
    static uint8_t scratch[64] __attribute__((aligned(64)));
    uint64_t at = (uint64_t)scratch + 1;
    chain4();
    for (unsigned i = 0; i < 30; i++) {
        move_eax(LINEAR + 0x100, i);
        check("code in video memory", call(LINEAR + 0x100, 0), i);
        move_eax(WINDOW + 0x100, i + 1000);
        check("rewritten through the window, as RAM", call(LINEAR + 0x100, 0), i + 1000);
        check("and run there", call(WINDOW + 0x100, 0), i + 1000);
        *(volatile uint8_t *)(WINDOW + 0x4000); // four zeros in the latches
        set(0x3ce, 3, 0x10);                    // OR them: not RAM any more
        move_eax(WINDOW + 0x100, i + 2000);
        check("rewritten through the graphics controller", call(LINEAR + 0x100, 0), i + 2000);
        set(0x3ce, 3, 0);
        check("the window is RAM again", call(WINDOW + 0x100, 0), i + 2000);
    }
    move_eax(LINEAR + 0x30200, 3);
    move_eax(LINEAR + 0x50200, 5);
    dispi(1, 640);
    dispi(2, 400);
    dispi(3, 8);
    dispi(4, 0xc1); // on, linear, memory is kept
    for (unsigned i = 0; i < 10; i++) {
        dispi(5, 3);
        check("bank 3", call(WINDOW + 0x200, 0), 3);
        dispi(5, 5);
        check("bank 5", call(WINDOW + 0x200, 0), 5);
    }
    dispi(4, 0);
    check("before the mode is set", call(LINEAR + 0x100, 0), 2029);
    dispi(4, 0x41); // clears what the mode shows
    check("the mode is on", (outw(0x1ce, 4), inw(0x1cf)), 0x41);
    *(volatile uint8_t *)(LINEAR + 0x140) = 0xc3;
    // 32 times add %al, (%rax)
    check("zeros where code was", call(LINEAR + 0x100, at), at);
    check("were executed", *(volatile uint8_t *)at, (uint8_t)(32 * at));
    return guest_failures ? 1 : 0;
}

void guest_exit(int status)
{
    put_text(status ? "GUEST-FAILED\n" : "GUEST-OK\n");
    outb(0x501, (uint8_t)status);
    for (;;)
        asm volatile("hlt");
}
