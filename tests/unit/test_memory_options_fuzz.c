// SPDX-License-Identifier: MIT
// ramjet-test: timeout=240
//
// Random and mutated texts of -m and -numa. Each is refused with a message, and then changes nothing, or gives values that hold
// together: sizes in whole pages, nodes without holes, each CPU on a node, distances from 10 on, and an SRAT that covers
// boot RAM exactly. usage: test_memory_options_fuzz [SEED [CASES]]
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/pc/acpi_buffer.h"
#include "hw/pc/numa.h"
#include "hw/pc/srat.h"
#include "options.h"
#include "tests/unit/tap.h"
#include "util/error.h"

#define MAX_TEXT 240
#define GIB (1ull << 30)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct tap_random dice;
static struct backend_list *list;
static struct numa numa, before;
static struct options options;
static unsigned accepted, refused, complete, bad;

static const char *const values[] = {
    "0", "1", "2", "3", "7", "8", "9", "10", "20", "127", "128", "255", "256", "512", "1G", "2G", "4G", "1.5G", "1GiB", "6GB", "0.1k", "1024M", "8192", "4096", "4095", "1e3",
    "-1", "+1", "0x3", "0x", "", "16E", "15.9E", "17179869183G", "18446744073709551615", "18446744073709551616", "99999999999999999999", "1X", "1.5", ".", "..", "1..2", "0-3",
    "0-7", "3-1", "2-", "-", "0-18446744073709551615", "a", "b", "c", "nosuch", "on", "%s%n", "\xff\xfe", "a b", "=", "1T", "100T", "0.000001P", "65536", "000000003",
};
static const char *const memory_keys[] = { "size", "slots", "maxmem", "slot", "", "memory" };
static const char *const memory_starts[] = { "1G,slots=3,maxmem=4G", "6GB,slots=4,maxmem=10G", "512", "size=1G", "", "0", "1G,maxmem=1G", "slots=2,maxmem=3G,size=2G", "1G,slots=256,maxmem=1T" };
static const char *const numa_keys[] = { "nodeid", "cpus", "memdev", "mem", "initiator", "src", "dst", "val", "node-id", "socket-id", "core-id", "thread-id", "die-id", "type", "cpu" };
static const char *const numa_starts[] = {
    "node", "node,memdev=a", "node,memdev=b,cpus=0-3", "node,nodeid=2,memdev=c,cpus=4,cpus=6-7", "node,cpus=5", "type=node,nodeid=1", "dist,src=0,dst=1,val=20", "dist,src=1,dst=0,val=30",
    "dist,src=1,dst=2,val=12", "dist,src=0,dst=2,val=255", "cpu,node-id=0,socket-id=0", "cpu,node-id=1,socket-id=1,core-id=2", "cpu,node-id=0,core-id=3,thread-id=0", "hmat-lb,initiator=0", "",
};

static const char *pick(const char *const *from, size_t count) { return from[tap_below(&dice, count)]; }

static void append(char *text, const char *more)
{
    size_t length = strlen(text);
    snprintf(text + length, MAX_TEXT - length, "%s", more);
}

static void generate(char *text, const char *const *starts, size_t start_count, const char *const *keys, size_t key_count)
{
    *text = 0;
    append(text, tap_below(&dice, 10) ? pick(starts, start_count) : pick(values, COUNT(values)));
    for (uint64_t n = tap_below(&dice, 2) * tap_below(&dice, 4); n; n--) {
        append(text, tap_below(&dice, 40) ? "," : ",,");
        append(text, pick(keys, key_count));
        append(text, tap_below(&dice, 30) ? "=" : "");
        append(text, pick(values, COUNT(values)));
    }
    for (uint64_t n = tap_below(&dice, 3) / 2 * (1 + tap_below(&dice, 4)); n; n--) { // single bytes
        size_t length = strlen(text), at = length ? tap_below(&dice, length) : 0;
        if (tap_below(&dice, 3) == 0 && length) {
            memmove(text + at, text + at + 1, length - at);
        } else if (tap_below(&dice, 2) && length) {
            text[at] = (char)(1 + tap_below(&dice, 255));
        } else if (length + 1 < MAX_TEXT) {
            memmove(text + at + 1, text + at, length - at + 1);
            text[at] = ",=-.0129GMx"[tap_below(&dice, 11)];
        }
    }
}

static void complain(const char *what, const char *text)
{
    bad++;
    printf("# %s: '%s'\n", what, text);
}

static void try_memory(void)
{
    char text[MAX_TEXT], second[MAX_TEXT];
    struct error *err = NULL;
    generate(text, memory_starts, COUNT(memory_starts), memory_keys, COUNT(memory_keys));
    generate(second, memory_starts, COUNT(memory_starts), memory_keys, COUNT(memory_keys));
    char *argv[] = { "ramjet", "-m", text, "-m", second };
    if (options_parse(&options, tap_below(&dice, 4) ? 3 : 5, argv, &err)) {
        const struct pc_options *o = &options.pc;
        accepted++;
        if (!o->ram_size || o->ram_size % 8192 || o->max_ram_size < o->ram_size || o->max_ram_size % 4096 || o->ram_slots > 256 ||
            (o->ram_slots && o->max_ram_size == o->ram_size))
            complain("-m", text);
    } else {
        refused++;
        if (!err || strncmp(error_message(err), "-m", 2))
            complain("refused without the option's name", text);
    }
    error_free(err);
}

// Bytes that enabled memory entries of the SRAT cover, hot-pluggable ones left out; UINT64_MAX: not well formed.
static uint64_t srat_bytes(uint64_t low, uint64_t high, unsigned cpus)
{
    struct buffer b = { 0 };
    uint64_t sum = 0, end = 0;
    put_srat(&b, &numa, cpus, &(struct srat_memory){ low, high, (high + 7 * GIB) / GIB * GIB, GIB });
    for (size_t at = 48; at < b.size && sum != UINT64_MAX; at += b.data[at + 1]) {
        uint64_t base, size;
        uint32_t flags;
        if (b.data[at] != 1)
            continue;
        memcpy(&base, b.data + at + 8, 8);
        memcpy(&size, b.data + at + 16, 8);
        memcpy(&flags, b.data + at + 28, 4);
        if (flags == 1 && base < end)
            sum = UINT64_MAX;
        else if (flags == 1)
            sum += size;
        end = flags == 1 ? base + size : end;
    }
    free(b.data);
    return sum;
}

static void check_complete(unsigned cpus, uint64_t ram, const char *text)
{
    uint64_t sum = 0, low = ram > 7 * GIB / 2 ? 3 * GIB : ram;
    bool good = numa.count <= NUMA_NODES_MAX;
    for (unsigned i = 0; i < numa.count; i++) {
        good = good && numa.nodes[i].present;
        sum += numa.nodes[i].size;
        for (unsigned j = 0; j < numa.count; j++)
            good = good && (numa.has_distance ? numa.distance[i][j] >= 10 && (i != j || numa.distance[i][j] == 10) : !numa.distance[i][j]);
    }
    for (unsigned i = 0; i < cpus && numa.count; i++)
        good = good && numa.cpu_node[i] >= 0 && numa.cpu_node[i] < (int)numa.count;
    if (!good || (numa.count && (sum != ram || srat_bytes(low, ram - low, cpus) != ram - 384 * 1024)))
        complain("-numa, taken together, ends with", text);
    complete++;
}

static void try_numa(void)
{
    char text[MAX_TEXT] = "";
    unsigned cpus = 1 + (unsigned)tap_below(&dice, 32);
    uint64_t ram = 0;
    numa_init(&numa, cpus, 1 + (unsigned)tap_below(&dice, 4));
    for (uint64_t n = 1 + tap_below(&dice, 10); n; n--) {
        struct error *err = NULL;
        generate(text, numa_starts, COUNT(numa_starts), numa_keys, COUNT(numa_keys));
        before = numa;
        if (numa_option(&numa, text, list, &err)) {
            accepted++;
        } else {
            refused++;
            if (!err || memcmp(&before, &numa, sizeof numa))
                complain("refused, but something changed", text);
        }
        error_free(err);
    }
    for (unsigned i = 0; i < numa.count; i++)
        ram += numa.nodes[i].size;
    if (tap_below(&dice, 10) == 0)
        ram += 4096;
    struct error *err = NULL;
    if (ram < 1 << 20)
        ram = 1 << 20;
    if (numa_complete(&numa, ram, tap_below(&dice, 2), &err))
        check_complete(cpus, ram, text);
    else if (!err)
        complain("refused without a message", text);
    error_free(err);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, cases = argc > 2 ? strtoull(argv[2], NULL, 0) : 100000;
    static const char *const backends[] = { "memory-backend-ram,id=a,size=1G,reserve=off", "memory-backend-ram,id=b,size=4G,reserve=off", "memory-backend-ram,id=c,size=8K,reserve=off" };
    dice.state = seed;
    list = backend_list_new();
    for (unsigned i = 0; i < COUNT(backends); i++)
        if (!backend_new(list, backends[i], NULL))
            return 1;
    FILE *quiet = fopen("/dev/null", "w"), *loud = stderr; // warnings about CPUs without a node; a sanitizer writes to descriptor 2
    if (quiet)
        stderr = quiet;
    for (uint64_t i = 0; i < cases; i++)
        tap_below(&dice, 2) ? try_memory() : try_numa();
    backend_list_free(list);
    stderr = loud;
    if (quiet)
        fclose(quiet);
    printf("# seed %llu: %llu cases, %u texts accepted, %u refused, %u sets of nodes complete\n", (unsigned long long)seed, (unsigned long long)cases, accepted, refused,
           complete);
    tap_ok(!bad && accepted > cases / 10 && refused > cases / 10 && complete > cases / 100, "%llu random -m and -numa", (unsigned long long)cases);
    return tap_done();
}
