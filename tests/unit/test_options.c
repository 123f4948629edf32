// SPDX-License-Identifier: MIT
//
// options.c: argv to structs; defaults, sizes, merging, and that what is wrong is refused by name.
#include <stdlib.h>
#include <string.h>
#include "options.h"
#include "tests/unit/tap.h"
#include "util/error.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static bool parse(struct options *o, struct error **errp, const char *text)
{
    static char copy[512];
    char *argv[32] = { "ramjet" }, *save = NULL;
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &save); word && argc < 31; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    static struct options last; // what was parsed before is looked at no more
    options_release(&last);
    bool ok = options_parse(o, argc, argv, errp);
    last = *o;
    return ok;
}

static void test_memory(void)
{
    static const struct { const char *text; uint64_t ram, max; unsigned slots; } rows[] = {
        { "", 128 * MIB, 128 * MIB, 0 },
        { "-m 512", 512 * MIB, 512 * MIB, 0 },
        { "-m 0", 128 * MIB, 128 * MIB, 0 },
        { "-m size=1G", GIB, GIB, 0 },
        { "-m 1.5G", GIB + GIB / 2, GIB + GIB / 2, 0 },
        { "-m 6GB,slots=4,maxmem=10G", 6 * GIB, 10 * GIB, 4 },
        { "-m 1GiB,slots=3,maxmem=4GiB", GIB, 4 * GIB, 3 },
        { "-m 1024M,slots=256,maxmem=0.5T", GIB, 512 * GIB, 256 },
        { "-m 1G -m slots=1,slots=2 -m maxmem=2G", GIB, 2 * GIB, 2 },
        { "-m 1048576k,maxmem=1G", GIB, GIB, 0 },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        struct error *err = NULL;
        bool good = parse(&o, &err, rows[i].text);
        tap_ok(good && o.pc.ram_size == rows[i].ram && o.pc.max_ram_size == rows[i].max && o.pc.ram_slots == rows[i].slots, "'%s'%s%s",
               rows[i].text, err ? ": " : "", err ? error_message(err) : "");
        error_free(err);
    }
}

static void test_vga(void)
{
    static const struct { const char *text; bool there; } rows[] = {
        { "", true }, { "-vga none", false }, { "-nographic", true }, { "-nodefaults", false }, { "-nodefaults -vga std", true },
        { "-device VGA,vgamem_mb=8", false }, { "-device VGA -vga std", true }, { "-device isa-serial", true }, { "-display none", true },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        tap_ok(parse(&o, NULL, rows[i].text) && !!o.vga == rows[i].there, "'%s': the default VGA is %s", rows[i].text,
               rows[i].there ? "there" : "not there");
    }
}

static void test_refused(void)
{
    static const char *const rows[][2] = {
        { "-m 1X", "1X" }, { "-m 1G,slots=3", "slots specified but no max-size" }, { "-m 1G,slots=257,maxmem=2G", "257" },
        { "-m 1G,maxmem=512M", "at least the initial memory size (0x40000000)" }, { "-m 1G,bogus=1", "'bogus'" },
        { "-machine pc,acpi=perhaps", "perhaps" }, { "-machine q36", "q36" }, { "-machine pc,acpl=on", "'acpl'" }, { "-accel tgc", "tgc" },
        { "-accel tcg,backend=arm", "arm" }, { "-accel tcg,tb-size=x", "'x'" }, { "-smp 0", "0" }, { "-smp cpus=many", "many" },
        { "-rtc base=someday", "someday" }, { "-icount shift=99", "99" }, { "-kernle x", "-kernle" }, { "-kernel", "requires an argument" },
        { "-mon mode=control", "'chardev' is missing" },
        { "-mon x,mode=contrl", "'contrl'" }, { "-mon x,prety=on", "'prety'" }, { "-mon x,pretty=on", "mode=control" },
        { "-name x,gest=y", "'gest'" }, { "-vga cirrus", "cirrus" }, { "-display gtk", "gtk" }, { "disk.img", "disk.img" },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        struct error *err = NULL;
        bool good = parse(&o, &err, rows[i][0]);
        tap_ok(!good && err && strstr(error_message(err), rows[i][1]), "'%s': %s", rows[i][0], err ? error_message(err) : "accepted");
        error_free(err);
    }
}

static void test_rest(void)
{
    struct options o;
    bool good = parse(&o, NULL, "-kernel k -initrd i -append a -smp 2 -S -no-reboot -no-shutdown -nodefaults -machine pc,acpi=off "
                      "-icount shift=3 -rtc base=2026-01-31T12:00:00 -serial null -serial none -monitor none -object x -device y -chardev z");
    tap_ok(good && !strcmp(o.pc.kernel, "k") && !strcmp(o.pc.initrd, "i") && !strcmp(o.pc.append, "a"), "kernel, initrd, append");
    tap_ok(good && o.pc.cpu_count == 2 && o.pc.paused && o.pc.no_reboot && o.pc.no_shutdown && o.nodefaults && !o.pc.acpi, "flags");
    tap_ok(good && o.pc.engine.icount_shift == 3 && o.pc.rtc_base_ns == 1769860800ll * 1000000000, "-icount and -rtc");
    tap_ok(good && o.serials.count == 2 && o.monitors.count == 1 && o.objects.count == 1 && o.devices.count == 1 && o.chardevs.count == 1 &&
           !strcmp(o.serials.items[1], "none"), "lists keep their order");
    good = parse(&o, NULL, "-m 1G");
    tap_ok(good && o.pc.acpi && !o.pc.paused && o.pc.cpu_count == 1 && o.pc.engine.icount_shift == -1 && o.pc.engine.backend, "defaults");
    good = parse(&o, NULL, "--accel tcg,backend=interp,chain=off,max-insns=4,flush-every=100,tb-size=64");
    tap_ok(good && o.pc.engine.backend == &tcg_backend_interp && o.pc.engine.no_chain && o.pc.engine.max_insns == 4 &&
           o.pc.engine.flush_every == 100 && o.pc.engine.code_size == 64 * MIB, "-accel, with two dashes");
}

int main(void)
{
    test_memory();
    test_vga();
    test_refused();
    test_rest();
    return tap_done();
}
