// SPDX-License-Identifier: MIT
//
// See hwtest.h.
#include "hwtest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int checks, failures;

static int64_t bench_time(void *opaque) { return ((struct bench *)opaque)->now; }

void bench_init(struct bench *bench)
{
    memset(bench, 0, sizeof(*bench));
    address_space_init(&bench->machine.memory, "memory", UINT64_MAX);
    address_space_init(&bench->machine.ports, "ports", 0x10000);
    clock_init(&bench->machine.clock, bench_time, bench);
    bench->memory = &bench->machine.memory.root;
    bench->ports = &bench->machine.ports.root;
}

void bench_add_ram(struct bench *bench, uint64_t size)
{
    bench->ram_block = ram_block_new("test.ram", size, NULL);
    region_init_ram(&bench->ram, "test.ram", bench->ram_block, 0, size);
    region_add(bench->memory, &bench->ram, 0, 0);
}

void bench_advance(struct bench *bench, int64_t ns)
{
    int64_t end = bench->now + ns;
    while (clock_deadline(&bench->machine.clock) <= end) {
        int64_t next = clock_deadline(&bench->machine.clock);
        if (next > bench->now)
            bench->now = next;
        clock_run_timers(&bench->machine.clock, bench->now);
    }
    bench->now = end;
}

void bench_release(struct bench *bench)
{
    clock_release(&bench->machine.clock);
    address_space_release(&bench->machine.memory);
    address_space_release(&bench->machine.ports);
    ram_block_unref(bench->ram_block);
}

uint8_t inb(struct bench *bench, uint16_t port) { return (uint8_t)port_read(&bench->machine.ports, port, 1); }
uint16_t inw(struct bench *bench, uint16_t port) { return (uint16_t)port_read(&bench->machine.ports, port, 2); }
uint32_t inl(struct bench *bench, uint16_t port) { return (uint32_t)port_read(&bench->machine.ports, port, 4); }
void outb(struct bench *bench, uint16_t port, uint8_t value) { port_write(&bench->machine.ports, port, value, 1); }
void outw(struct bench *bench, uint16_t port, uint16_t value) { port_write(&bench->machine.ports, port, value, 2); }
void outl(struct bench *bench, uint16_t port, uint32_t value) { port_write(&bench->machine.ports, port, value, 4); }
uint32_t mem_read32(struct bench *bench, uint64_t addr) { return (uint32_t)physical_load(&bench->machine.memory, addr, 4); }
void mem_write32(struct bench *bench, uint64_t addr, uint32_t value) { physical_store(&bench->machine.memory, addr, value, 4); }

static void wire_set(void *opaque, int pin, int level)
{
    struct wire *wire = opaque;
    wire->rises += level && !wire->level;
    wire->falls += !level && wire->level;
    wire->level = level;
}

struct irq wire_irq(struct wire *wire) { return (struct irq){ .set = wire_set, .opaque = wire }; }

void check(bool good, const char *name)
{
    failures += !good;
    printf("%s %d - %s\n", good ? "ok" : "not ok", ++checks, name);
}

void check_eq(uint64_t got, uint64_t want, const char *name)
{
    if (got != want)
        printf("# got 0x%llx, want 0x%llx\n", (unsigned long long)got, (unsigned long long)want);
    check(got == want, name);
}

void check_text(const char *got, const char *part, const char *name)
{
    bool good = got && strstr(got, part);
    if (!good)
        printf("# got '%s', want '%s'\n", got ? got : "(none)", part);
    check(good, name);
}

int test_end(void)
{
    printf("1..%d\n", checks);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
