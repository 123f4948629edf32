// SPDX-License-Identifier: MIT
//
// A bare machine for register-level tests: empty memory and port spaces, a clock that the test turns, wires that
// remember their level and count their edges, and TAP output.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/irq.h"
#include "hw/core/machine.h"

struct wire { int level, rises, falls; };
struct bench {
    struct machine machine;
    struct region *memory, *ports; // the roots
    struct ram_block *ram_block;
    struct region ram;             // when bench_add_ram was called
    int64_t now;                   // virtual ns
};
void bench_init(struct bench *bench);
void bench_add_ram(struct bench *bench, uint64_t size); // at 0
// Move time on; timers fire at their deadlines, in order.
void bench_advance(struct bench *bench, int64_t ns);
void bench_release(struct bench *bench);

uint8_t inb(struct bench *bench, uint16_t port);
uint16_t inw(struct bench *bench, uint16_t port);
uint32_t inl(struct bench *bench, uint16_t port);
void outb(struct bench *bench, uint16_t port, uint8_t value);
void outw(struct bench *bench, uint16_t port, uint16_t value);
void outl(struct bench *bench, uint16_t port, uint32_t value);
uint32_t mem_read32(struct bench *bench, uint64_t addr);
void mem_write32(struct bench *bench, uint64_t addr, uint32_t value);

struct irq wire_irq(struct wire *wire); // the wire as a receiving end

// TAP: one line a check. test_end prints the plan and gives the exit status.
void check(bool good, const char *name);
void check_eq(uint64_t got, uint64_t want, const char *name);
void check_text(const char *got, const char *part, const char *name); // part must occur in got
int test_end(void);
