// SPDX-License-Identifier: MIT
//
// What a debugger is tried on: a chain of calls, data to watch, string instructions, a timer's interrupts, a second
// processor. Its results must be the same with a debugger stopping it anywhere.
#include "traps.h"

volatile uint64_t counter, watched[4], ticks, ap_counter, checksum;
uint8_t source[6000], copy[6000];
volatile uint32_t *const apic = (volatile uint32_t *)0xfee00000;

__attribute__((noinline)) uint64_t inner(uint64_t n)
{
    counter += n;
    asm volatile("" ::: "memory");
    return counter * 3;
}
__attribute__((noinline)) uint64_t middle(uint64_t n)
{
    uint64_t v = inner(n + 1);
    asm volatile("" : "+r"(v)::"memory");
    return v + 1;
}
__attribute__((noinline)) uint64_t outer(uint64_t n)
{
    uint64_t v = middle(n * 2);
    asm volatile("" : "+r"(v)::"memory");
    return v ^ 1;
}
__attribute__((noinline)) void touch(uint64_t n)
{
    watched[0] = n;
    watched[1] += watched[2];
    asm volatile("lock incq %0" : "+m"(watched[3]));
}
__attribute__((noinline)) void move_bytes(void)
{
    void *to = copy, *from = source;
    uint64_t count = sizeof copy;
    asm volatile(".global rep_insn\nrep_insn: rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}
__attribute__((noinline)) uint64_t find_byte(uint8_t c)
{
    const void *at = source;
    uint64_t left = sizeof source;
    asm volatile("repne scasb" : "+D"(at), "+c"(left) : "a"(c) : "memory");
    return sizeof source - left - 1;
}
__attribute__((noinline)) void wait_ticks(uint64_t n)
{
    asm volatile("sti");
    while (ticks < n)
        asm volatile(".global spin_insn\nspin_insn: incq %0" : "+m"(checksum));
    asm volatile("cli");
}
__attribute__((noinline)) void sleep_tick(void)
{
    uint64_t n = ticks;
    while (ticks == n)
        asm volatile("sti\n.global halt_insn\nhalt_insn: hlt\ncli" ::: "memory");
}
static bool on_trap(struct regs *r)
{
    if (r->vector != 0x40)
        return false;
    ticks++;
    apic[0xb0 / 4] = 0;
    return true;
}
void ap_main(void)
{
    for (;;) {
        ap_counter++;
        asm volatile("pause");
    }
}
int guest_main(void)
{
    uint64_t sum = 0, want = 0;
    traps_init();
    trap_hook = on_trap;
    apic[0xf0 / 4] = 0x1ff;
    for (unsigned i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)(i * 7);
    start_ap();
    watched[2] = 5;
    for (uint64_t i = 0; i < 10; i++) {
        sum += outer(i);
        want += (3 * (i + 1) * (i + 1) + 1) ^ 1;
        touch(i);
    }
    check("calls", sum, want);
    check("touched", watched[0] + watched[1] + watched[3], 9 + 50 + 10);
    move_bytes();
    for (unsigned i = 0; i < sizeof source; i++)
        checksum += copy[i] != source[i];
    check("moved", checksum, 0);
    check("found", find_byte(100 * 7 & 255), 100);
    apic[0x3e0 / 4] = 0xb;
    apic[0x320 / 4] = 0x20040;
    apic[0x380 / 4] = 100000;
    wait_ticks(5);
    sleep_tick();
    check("ticks", ticks >= 6, 1);
    put_text("# checksum ");
    put_hex(checksum);
    put_text("\n");
    return guest_failures ? 1 : 0;
}
