// SPDX-License-Identifier: MIT
//
// What freestanding test guests have: ports, the serial line (COM1), checks that print TAP, page tables, a second
// processor. Everything is inline: a guest is one C file and head.S.
#pragma once
#include <stdbool.h>
#include <stdint.h>

int guest_main(void);
void guest_exit(int status);
void ap_main(void);
extern uint8_t ap_trampoline[], ap_trampoline_end[];

static inline void outb(uint16_t port, uint8_t v) { asm volatile("outb %0, %1" ::"a"(v), "Nd"(port)); }
static inline void outl(uint16_t port, uint32_t v) { asm volatile("outl %0, %1" ::"a"(v), "Nd"(port)); }
static inline uint8_t inb(uint16_t port) { uint8_t v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline uint32_t inl(uint16_t port) { uint32_t v; asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline uint64_t read_cr3(void) { uint64_t v; asm volatile("mov %%cr3, %0" : "=r"(v)); return v; }

static inline void put_char(char c)
{
    while (!(inb(0x3fd) & 0x20))
        ;
    outb(0x3f8, (uint8_t)c);
}
static inline void put_text(const char *s)
{
    for (; *s; s++)
        put_char(*s);
}
static inline void put_hex(uint64_t v)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        put_char("0123456789abcdef"[v >> shift & 15]);
}

static unsigned guest_tests, guest_failures;
// One TAP line; on failure with the value that was seen and the one wanted.
static inline void check(const char *name, uint64_t seen, uint64_t want)
{
    guest_tests++;
    if (seen != want) {
        guest_failures++;
        put_text("not ");
    }
    put_text("ok - ");
    put_text(name);
    if (seen != want) {
        put_text(" # seen ");
        put_hex(seen);
        put_text(" want ");
        put_hex(want);
    }
    put_char('\n');
}

static inline volatile uint64_t *table_entry(uint64_t *table, unsigned index) { return table + index; }

// Start processor 1 at ap_main (long mode, same CR3).
static inline void start_ap(void)
{
    volatile uint32_t *apic = (volatile uint32_t *)0xfee00000;
    uint8_t *to = (uint8_t *)0x8000;
    for (uint8_t *p = ap_trampoline; p < ap_trampoline_end; p++)
        *to++ = *p;
    *(uint32_t *)0x8ff0 = (uint32_t)read_cr3();
    apic[0xf0 / 4] = 0x1ff;
    apic[0x310 / 4] = 1u << 24;
    apic[0x300 / 4] = 0x4500;
    for (volatile int i = 0; i < 10000; i++)
        ;
    apic[0x310 / 4] = 1u << 24;
    apic[0x300 / 4] = 0x4608;
}
