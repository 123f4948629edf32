// SPDX-License-Identifier: MIT
//
// SRAT and SLIT byte by byte, for configurations that a boot test does not reach: node borders in holes, APIC ids from 255 on,
// padding; and what numa_option and numa_complete make of texts.
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/pc/acpi_buffer.h"
#include "hw/pc/numa.h"
#include "hw/pc/srat.h"
#include "tests/unit/tap.h"
#include "util/error.h"

#define KIB 1024ull
#define MIB (KIB << 10)
#define GIB (MIB << 10)

static struct numa numa;
struct range { uint64_t base, size; unsigned node, flags; };

static uint64_t little(const uint8_t *at, unsigned bytes)
{
    uint64_t v = 0;
    while (bytes--)
        v = v << 8 | at[bytes];
    return v;
}

// Header, sum, CPUs on their nodes, and exactly these memory entries.
static void check(const char *name, unsigned cpus, struct srat_memory memory, const struct range *want, unsigned count)
{
    struct buffer b = { 0 };
    put_srat(&b, &numa, cpus, &memory);
    uint8_t sum = 0;
    for (size_t i = 0; i < b.size; i++)
        sum = (uint8_t)(sum + b.data[i]);
    bool good = !memcmp(b.data, "SRAT", 4) && little(b.data + 4, 4) == b.size && b.data[8] == 1 && !sum && little(b.data + 36, 4) == 1;
    size_t at = 48;
    for (unsigned i = 0; i < cpus && good; i++) {
        const uint8_t *e = b.data + at;
        uint64_t node, id, flags;
        if (i < 255) {
            node = e[2] | little(e + 9, 3) << 8;
            id = e[3];
            flags = little(e + 4, 4);
            good = e[0] == 0 && e[1] == 16;
        } else {
            node = little(e + 4, 4);
            id = little(e + 8, 4);
            flags = little(e + 12, 4);
            good = e[0] == 2 && e[1] == 24;
        }
        good = good && id == i && node == (uint64_t)numa.cpu_node[i] && flags == 1;
        at += e[1];
    }
    for (unsigned i = 0; i < count && good; i++, at += 40) {
        const uint8_t *e = b.data + at;
        good = at + 40 <= b.size && e[0] == 1 && e[1] == 40 && little(e + 2, 4) == want[i].node && little(e + 8, 8) == want[i].base &&
               little(e + 16, 8) == want[i].size && little(e + 28, 4) == want[i].flags;
        if (!good)
            printf("# %s: entry %u: [%llx +%llx] node %llu flags %llu\n", name, i, (unsigned long long)little(e + 8, 8),
                   (unsigned long long)little(e + 16, 8), (unsigned long long)little(e + 2, 4), (unsigned long long)little(e + 28, 4));
    }
    tap_ok(good && at == b.size, "%s", name);
    free(b.data);
}

static void nodes(unsigned cpus, unsigned count, const uint64_t *sizes)
{
    uint64_t total = 0;
    numa_init(&numa, cpus, 1);
    numa.count = count;
    for (unsigned i = 0; i < count; i++) {
        numa.nodes[i] = (struct numa_node){ .present = true, .size = sizes[i] };
        total += sizes[i];
    }
    if (!numa_complete(&numa, total, false, NULL))
        abort();
}

#define CHECK(name, cpus, memory, ...) \
    check(name, cpus, (struct srat_memory)memory, (struct range[]){ __VA_ARGS__ }, sizeof((struct range[]){ __VA_ARGS__ }) / sizeof(struct range))
#define MEMORY(...) { __VA_ARGS__ }

static void test_srat(void)
{
    nodes(1, 1, (uint64_t[]){ GIB });
    CHECK("one node, as QEMU has it with slots=3,maxmem=4G", 1, MEMORY(GIB, 0, 4 * GIB, 6 * GIB), { 0, 0xa0000, 0, 1 },
          { MIB, GIB - MIB, 0, 1 }, { 0, 0, 0, 0 }, { 4 * GIB, 6 * GIB, 0, 3 });
    nodes(2, 1, (uint64_t[]){ 5 * GIB });
    CHECK("RAM above 4 GiB, no window", 2, MEMORY(3 * GIB, 2 * GIB, 0, 0), { 0, 0xa0000, 0, 1 }, { MIB, 3 * GIB - MIB, 0, 1 },
          { 4 * GIB, 2 * GIB, 0, 1 });
    nodes(2, 2, (uint64_t[]){ 4 * GIB, GIB });
    CHECK("a node on both sides of 4 GiB", 2, MEMORY(3 * GIB, 2 * GIB, 7 * GIB, GIB), { 0, 0xa0000, 0, 1 }, { MIB, 3 * GIB - MIB, 0, 1 },
          { 4 * GIB, GIB, 0, 1 }, { 5 * GIB, GIB, 1, 1 }, { 7 * GIB, GIB, 1, 3 });
    nodes(1, 3, (uint64_t[]){ 512 * KIB, 256 * KIB, 255 * MIB + 256 * KIB });
    CHECK("borders below and inside the hole at 640 KiB", 1, MEMORY(256 * MIB, 0, 0, 0), { 0, 512 * KIB, 0, 1 },
          { 512 * KIB, 128 * KIB, 1, 1 }, { MIB, 255 * MIB, 2, 1 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 });
    nodes(1, 3, (uint64_t[]){ 700 * KIB, 100 * KIB, 256 * MIB - 800 * KIB });
    CHECK("a node with nothing but the hole", 1, MEMORY(256 * MIB, 0, 4 * GIB, GIB), { 0, 0xa0000, 0, 1 }, { MIB, 255 * MIB, 2, 1 },
          { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 4 * GIB, GIB, 2, 3 });
    nodes(1, 3, (uint64_t[]){ 0, 3 * GIB, GIB });
    CHECK("an empty node, a border at 4 GiB", 1, MEMORY(3 * GIB, GIB, 5 * GIB, GIB), { 0, 0xa0000, 1, 1 }, { MIB, 3 * GIB - MIB, 1, 1 },
          { 4 * GIB, GIB, 2, 1 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 5 * GIB, GIB, 2, 3 });
    uint64_t many[NUMA_NODES_MAX] = { [0] = GIB };
    nodes(300, 128, many);
    for (unsigned i = 0; i < 300; i++)
        numa.cpu_node[i] = (int16_t)(i % 128);
    struct range padded[130] = { { 0, 0xa0000, 0, 1 }, { MIB, GIB - MIB, 0, 1 } };
    check("300 CPUs on 128 nodes", 300, (struct srat_memory){ GIB, 0, 0, 0 }, padded, 130);
}

static void test_slit(void)
{
    struct error *err = NULL;
    struct buffer b = { 0 };
    static const char *const texts[] = { "node", "node,cpus=2,cpus=0-1", "node", "dist,src=0,dst=1,val=20", "dist,src=2,dst=1,val=31",
                                         "dist,src=0,dst=2,val=255" };
    numa_init(&numa, 4, 2);
    bool good = true;
    for (unsigned i = 0; i < 6; i++)
        good = good && numa_option(&numa, texts[i], NULL, &err);
    tap_ok(good && numa_complete(&numa, 0, false, &err), "three nodes and distances%s%s", err ? ": " : "", err ? error_message(err) : "");
    tap_ok(numa.cpu_node[0] == 1 && numa.cpu_node[1] == 1 && numa.cpu_node[2] == 1 && numa.cpu_node[3] == 1, "the fourth CPU is on its socket's node");
    put_slit(&b, &numa);
    static const uint8_t want[9] = { 10, 20, 255, 20, 10, 31, 255, 31, 10 };
    uint8_t sum = 0;
    for (size_t i = 0; i < b.size; i++)
        sum = (uint8_t)(sum + b.data[i]);
    tap_ok(b.size == 44 + 9 && !memcmp(b.data, "SLIT", 4) && little(b.data + 36, 8) == 3 && !memcmp(b.data + 44, want, 9) && !sum,
           "SLIT: what was given one way counts both ways");
    free(b.data);
}

// A refused text leaves all as it was.
static void test_unchanged(void)
{
    static const char *const bad[] = { "node,cpus=0-3,nodeid=0", "node,cpus=0,cpus=9", "node,memdev=x,cpus=1", "dist,src=0,dst=1,val=9", "cpu,node-id=0,core-id=7",
                                       "node,nodeid=128", "node,cpus=18446744073709551615", "node,cpus=0-18446744073709551615", "node,,", "node,cpus", "" };
    numa_init(&numa, 4, 1);
    bool good = numa_option(&numa, "node", NULL, NULL) && numa_option(&numa, "type=node,cpus=1", NULL, NULL);
    struct numa *before = malloc(sizeof numa);
    *before = numa;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error *err = NULL;
        good = !numa_option(&numa, bad[i], NULL, &err) && err && !memcmp(&numa, before, sizeof numa);
        tap_ok(good, "refused and nothing changed: '%s': %s", bad[i], err ? error_message(err) : "");
        error_free(err);
    }
    free(before);
}

int main(void)
{
    test_srat();
    test_slit();
    test_unchanged();
    return tap_done();
}
