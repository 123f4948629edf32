// SPDX-License-Identifier: MIT
//
// Relocations of a kernel: the lists of old and new kernels, and tables that must be refused.
#include "hw/pc/kaslr.h"
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/tap.h"
#include "util/error.h"

#define AT 0x1000000u // where the kernel's one part lies
#define VIRTUAL(offset) (0x80000000u + AT + (offset))

static uint8_t file[4096], part_bytes[256];
static size_t size;
static const struct kaslr_part part = { AT, part_bytes, sizeof part_bytes };

static void word(uint32_t v)
{
    memcpy(file + size, &v, 4);
    size += 4;
}

static void start(void)
{
    Elf64_Ehdr eh = { .e_shoff = sizeof eh, .e_shnum = 2, .e_shentsize = 64 };
    memset(file, 0xee, sizeof file);
    memcpy(file, &eh, sizeof eh);
    size = sizeof eh + 128;
    for (size_t i = 0; i < sizeof part_bytes; i++)
        part_bytes[i] = (uint8_t)i;
}

static uint64_t at(size_t offset, unsigned bytes)
{
    uint64_t v = 0;
    memcpy(&v, part_bytes + offset, bytes);
    return v;
}

static bool apply(uint64_t random, uint64_t *moved, const char *words)
{
    struct error *err = NULL;
    uint8_t before[sizeof part_bytes];
    memcpy(before, part_bytes, sizeof before);
    bool ok = kaslr_apply(file, size, &part, 1, 0x2000000, 2 << 20, random, moved, &err);
    if (words)
        tap_ok(!ok && err && strstr(error_message(err), words) && !memcmp(before, part_bytes, sizeof before), "refused: %s", words);
    error_free(err);
    return ok;
}

int main(void)
{
    uint64_t moved = 0, eight, four, negative;
    start();
    word(0);
    word(VIRTUAL(8));
    word(0);
    word(VIRTUAL(32));
    word(0);
    word(VIRTUAL(64));
    word(VIRTUAL(252));
    eight = at(8, 8), negative = at(32, 4), four = at(64, 4);
    bool ok = apply(5, &moved, NULL);
    tap_ok(ok && moved == 5 * (2 << 20), "moved by the fifth place: %#llx", (unsigned long long)moved);
    tap_ok(at(8, 8) == eight + moved, "64 bits");
    tap_ok(at(32, 4) == (uint32_t)(negative - moved), "relative to per-CPU data");
    tap_ok(at(64, 4) == (uint32_t)(four + moved) && at(68, 4) == 0x47464544, "32 bits, and no byte more");
    tap_ok(at(252, 4) == (uint32_t)(0xfffefdfc + moved), "the last ones of the part");
    bool below = true;
    for (uint64_t i = 0; i < 5000; i++) {
        start();
        word(0);
        word(VIRTUAL(8));
        word(0);
        word(VIRTUAL(64));
        below = below && apply(i * 0x9e3779b97f4a7c15, &moved, NULL) && moved % (2 << 20) == 0 && AT + 0x2000000 + moved <= 1u << 30;
    }
    tap_ok(below, "whatever is drawn, it stays below 1 GiB");
    tap_ok(at(8, 8) == 0x0f0e0d0c0b0a0908 + moved && at(64, 4) == (uint32_t)(0x43424140 + moved), "a kernel without the list in the middle");

    for (uint32_t bad = 250; bad < 260; bad++) {
        start();
        word(0);
        word(VIRTUAL(bad));
        word(0);
        word(VIRTUAL(0));
        apply(1, &moved, bad + 8 > 256 ? "lies outside the kernel" : NULL);
    }
    start();
    apply(1, &moved, "no relocations");
    start();
    word(1);
    word(0);
    word(0);
    word(VIRTUAL(0));
    apply(1, &moved, "no relocations");
    start();
    for (int i = 0; i < 8; i++)
        word(0);
    apply(1, &moved, "no relocations");
    start();
    word(0);
    word(0x12);
    word(0);
    word(VIRTUAL(0));
    apply(1, &moved, "lies outside the kernel");
    return tap_done();
}
