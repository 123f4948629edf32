// SPDX-License-Identifier: MIT
//
// Parsing of the command line, in QEMU's spelling. Rows of options.def make the help and the list of names; each
// option's function gets its value.
#define _GNU_SOURCE
#include "options.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "backends/memory_backend.h"
#include "chardev/chardev.h"
#include "hw/char/debugcon.h"
#include "hw/char/serial16550.h"
#include "hw/display/vga_pci.h"
#include "hw/misc/debug_exit.h"
#include "hw/misc/pvpanic.h"
#include "hw/mem/memory_device.h"
#include "hw/mem/pc_dimm.h"
#include "monitor/monitor.h"
#include "target/i386/cpu.h"
#include "tcg/code_buffer.h"
#include "util/error.h"
#include "util/log.h"
#include "util/nearest.h"
#include "util/parse.h"
#include "util/version.h"

enum option_group { MACHINE, BOOT, DEVICES, CONSOLES, RUNNING, REPEATING, DEBUGGING, GROUPS };
enum option_id {
#define OPTION(name, argument, group, help) OPT_##name,
#include "options.def"
#undef OPTION
    OPT__COUNT
};
static const struct { const char *name, *argument, *help; enum option_group group; } rows[] = {
#define OPTION(name, argument, group, help) { #name, argument, help, group },
#include "options.def"
#undef OPTION
};

static void print(void *opaque, const char *text) { fputs(text, stdout); }

// ---- "key=value,key=value" lists; the first word may lack its key

struct pair { char *key, *value; };
#define MAX_PAIRS 32
struct pairs { struct pair items[MAX_PAIRS]; unsigned count; char *text; };

static bool split(struct pairs *p, const char *option, const char *text, const char *first, struct error **errp)
{
    p->count = 0;
    p->text = strdup(text);
    char *save = NULL;
    for (char *word = strtok_r(p->text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        char *value = strchr(word, '=');
        if (p->count == MAX_PAIRS)
            return error_set(errp, "-%s %s: too many values", option, text);
        if (!value && p->count == 0 && first) {
            p->items[p->count++] = (struct pair){ (char *)first, word };
            continue;
        }
        if (value)
            *value++ = 0;
        p->items[p->count++] = (struct pair){ word, value ? value : (char *)"on" };
    }
    return true;
}

static bool invalid(const char *option, const char *text, const char *key, const char *const *known, size_t count, struct error **errp)
{
    error_set(errp, "-%s %s: Invalid parameter '%s'", option, text, key);
    const char *nearest = nearest_name(key, known, count);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return false;
}

static bool on_off(const char *option, const struct pair *p, bool *out, struct error **errp)
{
    if (strcmp(p->value, "on") && strcmp(p->value, "off"))
        return error_set(errp, "-%s: Parameter '%s' expects 'on' or 'off', not '%s'", option, p->key, p->value);
    *out = !strcmp(p->value, "on");
    return true;
}

static bool number(const char *option, const struct pair *p, uint64_t max, uint64_t *out, struct error **errp)
{
    char *end;
    *out = strtoull(p->value, &end, 0);
    if (!*p->value || *end || *p->value == '-' || *out > max)
        return error_set(errp, "-%s: Parameter '%s' expects a number from 0 to %llu, not '%s'", option, p->key, (unsigned long long)max, p->value);
    return true;
}

// ---- machine

static bool parse_machine(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "type", "acpi", "unpack", "accel", "memory-backend" };
    struct pairs p;
    if (!strcmp(text, "help")) {
        puts("Supported machines are:\npc                   PC with i440FX and PIIX, memory hotplug (default)");
        return o->done = true;
    }
    bool ok = split(&p, "machine", text, "type", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        struct pair *k = &p.items[i];
        if (!strcmp(k->key, "type")) {
            if (strcmp(k->value, "pc")) {
                ok = error_set(errp, "-machine %s: unsupported machine type", k->value);
                error_hint(errp, "Use -machine help to list supported machines");
            }
        } else if (!strcmp(k->key, "acpi")) {
            ok = on_off("machine", k, &o->pc.acpi, errp);
        } else if (!strcmp(k->key, "unpack")) {
            o->run.unpack_given = true;
            if (!strcmp(k->value, "auto"))
                o->pc.unpack = BOOT_UNPACK_AUTO;
            else if (!strcmp(k->value, "host"))
                o->pc.unpack = BOOT_UNPACK_HOST;
            else if (!strcmp(k->value, "guest"))
                o->pc.unpack = BOOT_UNPACK_GUEST;
            else
                ok = error_set(errp, "-machine: Parameter 'unpack' expects auto, host or guest, not '%s'", k->value);
        } else if (!strcmp(k->key, "memory-backend")) {
            snprintf(o->memory_backend, sizeof o->memory_backend, "%s", k->value);
            o->pc.memory_backend = o->memory_backend;
        } else if (!strcmp(k->key, "accel")) {
            if (!strstr(k->value, "tcg"))
                ok = error_set(errp, "-machine accel=%s: only tcg is there", k->value);
        } else {
            ok = invalid("machine", text, k->key, known, sizeof known / sizeof *known, errp);
        }
    }
    free(p.text);
    return ok;
}

static bool parse_backend(struct options *o, const char *value, struct error **errp)
{
    if (!strcmp(value, "interp"))
        o->pc.engine.backend = &tcg_backend_interp;
#if defined(__x86_64__)
    else if (!strcmp(value, "x86_64"))
        o->pc.engine.backend = &tcg_backend_x86_64;
#endif
    else
        return error_set(errp, "-accel: Parameter 'backend' expects x86_64 (on that host) or interp, not '%s'", value);
    return true;
}

static bool parse_split(struct options *o, const char *value, struct error **errp)
{
    static const char *const modes[] = { "auto", "memfd", "file", "toggle" };
    for (int i = 0; i < 4; i++) {
        if (!strcmp(modes[i], value)) {
            o->pc.engine.code_mode = i;
            return true;
        }
    }
    return error_set(errp, "-accel: Parameter 'split-wx' expects auto, memfd, file or toggle, not '%s'", value);
}

static bool parse_accel_pair(struct options *o, const struct pair *k, const char *text, struct error **errp)
{
    static const char *const known[] = { "backend", "tb-size", "max-insns", "one-insn", "chain", "flush-every", "split-wx", "thread", "verify" };
    struct engine_options *e = &o->pc.engine;
    uint64_t n;
    bool flag;
    if (!strcmp(k->key, "backend"))
        return parse_backend(o, k->value, errp);
    if (!strcmp(k->key, "split-wx"))
        return parse_split(o, k->value, errp);
    if (!strcmp(k->key, "thread"))
        return !strcmp(k->value, "single") || error_set(errp, "-accel: thread=%s: vCPUs take turns on one thread in this version", k->value);
    if (!strcmp(k->key, "verify"))
        return on_off("accel", k, &e->verify, errp);
    if (!strcmp(k->key, "chain") || !strcmp(k->key, "one-insn")) {
        if (!on_off("accel", k, &flag, errp))
            return false;
        if (*k->key == 'c')
            e->no_chain = !flag;
        else
            e->max_insns = flag ? 1 : 0;
        return true;
    }
    if (!strcmp(k->key, "tb-size")) {
        if (!number("accel", k, 2047, &n, errp))
            return false;
        if (n < 8)
            return error_set(errp, "-accel: tb-size=%s: at least 8 MiB are needed", k->value);
        e->code_size = (size_t)n << 20;
        return true;
    }
    if (!strcmp(k->key, "max-insns")) {
        if (!number("accel", k, 64, &n, errp))
            return false;
        e->max_insns = (unsigned)n;
        return true;
    }
    if (!strcmp(k->key, "flush-every")) {
        if (!number("accel", k, UINT32_MAX, &n, errp))
            return false;
        e->flush_every = (unsigned)n;
        return true;
    }
    return invalid("accel", text, k->key, known, sizeof known / sizeof *known, errp);
}

static bool parse_accel(struct options *o, const char *text, struct error **errp)
{
    struct pairs p;
    if (!strcmp(text, "help")) {
        puts("Accelerators supported:\ntcg\n\nProperties of tcg:\n  backend=x86_64|interp   host code, or the portable interpreter\n  tb-size=MiB             memory for generated code\n"
             "  split-wx=auto|memfd|file|toggle  how that memory is written\nFor tests (never visible to the guest):\n  max-insns=N             instructions a block\n"
             "  one-insn=on             blocks of one instruction\n  chain=off               blocks are never linked\n  flush-every=N           forget all cached mappings every N entries\n  verify=on               check the intermediate code of each block");
        return o->done = true;
    }
    bool ok = split(&p, "accel", text, "accel", errp);
    if (ok && p.count && strcmp(p.items[0].value, "tcg")) {
        static const char *const others[] = { "kvm", "xen", "hvf", "nvmm", "whpx", "qtest", "hax" };
        bool known = false;
        for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
            known |= !strcmp(others[i], p.items[0].value);
        if (!known)
            ok = error_set(errp, "-accel %s: invalid accelerator (tcg is there)", p.items[0].value);
        else
            warn_report("-accel %s is not there: skipped, tcg is used", p.items[0].value);
    } else {
        for (unsigned i = 1; ok && i < p.count; i++)
            ok = parse_accel_pair(o, &p.items[i], text, errp);
    }
    free(p.text);
    return ok;
}

static bool parse_smp(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "cpus", "maxcpus", "sockets", "cores", "threads" };
    struct pairs p;
    uint64_t n;
    bool ok = split(&p, "smp", text, "cpus", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        struct pair *k = &p.items[i];
        bool is_cpus = !strcmp(k->key, "cpus"), is_known = false;
        for (unsigned j = 0; j < sizeof known / sizeof *known; j++)
            is_known |= !strcmp(known[j], k->key);
        if (!is_known) {
            ok = invalid("smp", text, k->key, known, sizeof known / sizeof *known, errp);
        } else {
            ok = number("smp", k, 32, &n, errp);
            if (ok && !n)
                ok = error_set(errp, "-smp %s: at least one CPU is needed", text);
            if (ok && !strcmp(k->key, "sockets"))
                o->pc.cpu_sockets = (unsigned)n;
            if (ok && is_cpus)
                o->pc.cpu_count = (unsigned)n;
            else if (ok && n != 1)
                warn_report("-smp %s=%s: topology is not shown to guests in this version", k->key, k->value);
        }
    }
    free(p.text);
    return ok;
}

// A size of -m. As in QEMU, a plain number is MiB for the size and bytes for maxmem.
static bool memory_size(const struct pair *k, uint64_t *out, struct error **errp)
{
    const char *end = k->value + strspn(k->value, "0123456789");
    size_t length = strlen(k->value);
    bool plain_fraction = memchr(k->value, '.', length) && k->value[length - 1] >= '0' && k->value[length - 1] <= '9';
    if (length && !*end && *k->key == 's') {
        struct pair plain = *k;
        if (!number("m", &plain, UINT64_MAX >> 20, out, NULL))
            return error_set(errp, "-m: Value '%s' is out of range for parameter '%s'", k->value, k->key);
        *out <<= 20;
        return true;
    }
    struct error *why = NULL;
    if (!plain_fraction && parse_size(k->value, out, &why))
        return true;
    error_free(why);
    if (*k->value == '-' || strspn(k->value, "0123456789") > 18 || (length && strspn(k->value, "0123456789E") == length))
        return error_set(errp, "-m: Value '%s' is out of range for parameter '%s'", k->value, k->key);
    error_set(errp, "-m: Parameter '%s' expects a non-negative number below 2^64, not '%s'", k->key, k->value);
    error_hint(errp, "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively (also KiB, GB, ...).");
    return false;
}

#define RAM_UNIT 8192u // as in QEMU, sizes are rounded up to it
#define DEFAULT_RAM (128ull << 20)
struct memory_words { bool slots_given, max_given; uint64_t slots; };

static bool parse_memory(struct options *o, struct memory_words *w, const char *text, struct error **errp)
{
    static const char *const known[] = { "size", "slots", "maxmem" };
    struct pairs p;
    if (strstr(text, ",,"))
        return error_set(errp, "-m %s: there is nothing between two commas", text);
    bool ok = split(&p, "m", text, "size", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        struct pair *k = &p.items[i];
        if (!strcmp(k->key, "size")) {
            ok = memory_size(k, &o->pc.ram_size, errp);
            o->pc.ram_size_given = true;
            if (ok && !o->pc.ram_size)
                o->pc.ram_size = DEFAULT_RAM;
        } else if (!strcmp(k->key, "maxmem")) {
            ok = memory_size(k, &o->pc.max_ram_size, errp);
            w->max_given = true;
        } else if (!strcmp(k->key, "slots")) {
            char *end;
            errno = 0;
            w->slots = strtoull(k->value, &end, 0);
            w->slots_given = true;
            if (errno == ERANGE)
                ok = error_set(errp, "-m: Value '%s' is too large for parameter 'slots'", k->value);
            else if (!*k->value || *end)
                ok = error_set(errp, "-m: Parameter 'slots' expects a number, not '%s'", k->value);
        } else {
            ok = invalid("m", text, k->key, known, 3, errp);
        }
    }
    free(p.text);
    return ok;
}

static bool finish_memory(struct options *o, const struct memory_words *w, struct error **errp)
{
    uint64_t ram = o->pc.ram_size, max = w->max_given ? o->pc.max_ram_size : 0;
    if (ram > UINT64_MAX - RAM_UNIT)
        return error_set(errp, "-m: Value '0x%llx' is out of range for parameter 'size'", (unsigned long long)ram);
    ram = (ram + RAM_UNIT - 1) / RAM_UNIT * RAM_UNIT;
    if (w->max_given && !max)
        return error_set(errp, "-m: invalid value of maxmem: maximum memory size (0x0) must be at least the initial memory size (0x%llx)",
                         (unsigned long long)ram);
    if (!memory_device_check_options(ram, &max, w->slots, w->slots_given, 0, 64, errp)) { // the machine knows phys_bits
        error_prefix(errp, "-m: ");
        if (w->max_given && max < 1 << 20)
            error_hint(errp, "A plain number of maxmem is bytes; maxmem=%lluM would be MiB.", (unsigned long long)max);
        return false;
    }
    o->pc.ram_size = ram;
    o->pc.max_ram_size = max;
    o->pc.ram_slots = (unsigned)w->slots;
    return true;
}

static bool parse_rtc(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "base", "clock", "driftfix" };
    struct pairs p;
    bool ok = split(&p, "rtc", text, "base", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        struct pair *k = &p.items[i];
        struct tm tm = { 0 };
        time_t now = time(NULL);
        if (!strcmp(k->key, "base")) {
            o->run.rtc_given = true;
            o->run.rtc_from_host = !strcmp(k->value, "utc") || !strcmp(k->value, "localtime");
        }
        if (!strcmp(k->key, "clock") || !strcmp(k->key, "driftfix")) {
            if (strcmp(k->value, "vm") && strcmp(k->value, "host") && strcmp(k->value, "rt") && strcmp(k->value, "none") && strcmp(k->value, "slew"))
                ok = error_set(errp, "-rtc: invalid value '%s' of '%s'", k->value, k->key);
            o->run.rtc_clock_host |= *k->key == 'c' && strcmp(k->value, "vm");
        } else if (strcmp(k->key, "base")) {
            ok = invalid("rtc", text, k->key, known, 3, errp);
        } else if (!strcmp(k->value, "utc")) {
            o->pc.rtc_base_ns = (int64_t)now * NS_PER_SECOND;
        } else if (!strcmp(k->value, "localtime")) {
            localtime_r(&now, &tm);
            o->pc.rtc_base_ns = (int64_t)timegm(&tm) * NS_PER_SECOND;
        } else if (strptime(k->value, "%Y-%m-%dT%H:%M:%S", &tm) || strptime(k->value, "%Y-%m-%d", &tm)) {
            o->pc.rtc_base_ns = (int64_t)timegm(&tm) * NS_PER_SECOND;
        } else {
            ok = error_set(errp, "-rtc: invalid date '%s' (2026-01-31T12:00:00, 2026-01-31, utc or localtime)", k->value);
        }
    }
    free(p.text);
    return ok;
}

static bool icount_pair(struct options *o, const struct pair *k, const char *text, struct error **errp)
{
    static const char *const known[] = { "shift", "sleep", "align" };
    uint64_t n = 0;
    if (!strcmp(k->key, "sleep"))
        return o->run.sleep_given = on_off("icount", k, &o->run.sleep_on, errp);
    if (!strcmp(k->key, "align"))
        return on_off("icount", k, &o->pc.engine.icount_align, errp);
    if (!strncmp(k->key, "rr", 2)) { // QEMU's
        error_set(errp, "-icount %s: Invalid parameter '%s'", text, k->key);
        error_hint(errp, "-deterministic -record FILE records a run here, and -deterministic -script FILE replays it");
        return false;
    }
    if (strcmp(k->key, "shift"))
        return invalid("icount", text, k->key, known, 3, errp);
    bool automatic = !strcmp(k->value, "auto");
    if (!automatic && !number("icount", k, 10, &n, NULL))
        return error_set(errp, "-icount: Parameter 'shift' expects a number from 0 to 10, or auto, not '%s'", k->value);
    o->pc.engine.icount_shift = automatic ? ICOUNT_AUTO : (int)n;
    return true;
}

static bool parse_icount(struct options *o, const char *text, struct error **errp)
{
    struct pairs p;
    bool ok = split(&p, "icount", text, "shift", errp);
    o->run.icount_given = true;
    o->run.sleep_on = true;
    for (unsigned i = 0; ok && i < p.count; i++)
        ok = icount_pair(o, &p.items[i], text, errp);
    if (ok && o->pc.engine.icount_shift == ICOUNT_OFF)
        ok = error_set(errp, "-icount %s: shift=N or shift=auto is needed", text);
    if (ok && o->pc.engine.icount_align && !o->run.sleep_on)
        ok = error_set(errp, "-icount %s: align=on and sleep=off are incompatible", text);
    free(p.text);
    return ok;
}

// Row of the values that a key of -action takes; -1 when the value is none of them.
static int action_value(const struct pair *k, const char *const *values, size_t count, struct error **errp)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(values[i], k->value))
            return (int)i;
    error_set(errp, "-action: Parameter '%s' does not accept value '%s'", k->key, k->value);
    const char *nearest = nearest_name(k->value, values, count);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return -1;
}

static bool parse_action(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "reboot", "shutdown", "panic" }, *const reboot[] = { "reset", "shutdown" };
    static const char *const shutdown[] = { "poweroff", "pause" }, *const panic[] = { "shutdown", "pause", "exit-failure", "none" };
    struct pairs p;
    bool ok = split(&p, "action", text, NULL, errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        const struct pair *k = &p.items[i];
        int v = 0;
        if (!strcmp(k->key, "reboot"))
            o->pc.no_reboot = (v = action_value(k, reboot, 2, errp)) > 0;
        else if (!strcmp(k->key, "shutdown"))
            o->pc.no_shutdown = (v = action_value(k, shutdown, 2, errp)) > 0;
        else if (!strcmp(k->key, "panic"))
            o->pc.panic = (enum panic_action)(v = action_value(k, panic, 4, errp));
        else if (!strcmp(k->key, "watchdog"))
            ok = error_set(errp, "-action watchdog=%s: there is no watchdog in this version", k->value);
        else
            ok = invalid("action", text, k->key, known, 3, errp);
        ok = ok && v >= 0;
    }
    free(p.text);
    return ok;
}

// -vga wins over the default, which is std unless -nodefaults, or a VGA among the devices.
static bool parse_vga(struct options *o, const char *value, struct error **errp)
{
    if (!strcmp(value, "help")) {
        puts("none                 no graphic card\nstd                  standard VGA (default)");
        return o->done = true;
    }
    if (strcmp(value, "std") && strcmp(value, "none"))
        return error_set(errp, "-vga %s: unknown vga type (std, none)", value);
    o->vga_given = true;
    o->vga = *value == 's' ? "VGA" : NULL;
    return true;
}

static void default_vga(struct options *o)
{
    if (o->vga_given || o->nodefaults)
        return;
    o->vga = "VGA";
    for (size_t i = 0; i < o->devices.count; i++)
        if (strcspn(o->devices.items[i], ",") == 3 && !strncmp(o->devices.items[i], "VGA", 3))
            o->vga = NULL;
}

// ---- help

static void print_version(void)
{
    puts("QEMU-compatible emulator version " RAMJET_QEMU_VERSION " (Ramjet " RAMJET_VERSION ")");
}

// no_reboot in the table is -no-reboot on the command line.
static void option_name(char *out, const char *name)
{
    for (; (*out = *name == '_' ? '-' : *name); out++, name++)
        ;
}

static void print_help(void)
{
    static const char *const titles[GROUPS] = { "The machine", "What it boots", "Devices", "Consoles", "Running", "Repeating a run", "Debugging" };
    print_version();
    puts("usage: ramjet [options]\n\nexample: ramjet -m 1G,slots=3,maxmem=4G -kernel vmlinuz -initrd initrd.gz -append console=ttyS0 -nographic");
    for (int g = 0; g < GROUPS; g++) {
        printf("\n%s:\n", titles[g]);
        for (unsigned i = 0; i < OPT__COUNT; i++) {
            char name[32], left[96];
            option_name(name, rows[i].name);
            if ((int)rows[i].group != g)
                continue;
            snprintf(left, sizeof left, "-%s%s%s", name, rows[i].argument ? " " : "", rows[i].argument ? rows[i].argument : "");
            printf(strlen(left) > 34 ? "  %s\n%38s%s\n" : "  %-34s%.0s  %s\n", left, "", rows[i].help);
        }
    }
}

static const struct device_type *const device_types[] = { &pc_dimm_type, &isa_serial_type, &debugcon_type, &debug_exit_type, &pvpanic_type, &vga_type };

static bool device_help(const char *text)
{
    size_t n = strcspn(text, ",");
    bool list = !strcmp(text, "help") || !strcmp(text, "?");
    if (!list && strcmp(text + n, ",help"))
        return false;
    for (unsigned i = 0; i < sizeof device_types / sizeof *device_types; i++) {
        const struct device_type *t = device_types[i];
        if (list) {
            printf("name \"%s\", bus %s, desc \"%s\"\n", t->name, t->bus ? t->bus : "none", t->help);
        } else if (strlen(t->name) == n && !strncmp(t->name, text, n)) {
            printf("%s options:\n", t->name);
            for (size_t k = 0; k < t->property_count; k++)
                printf("  %-12s %s%s\n", t->properties[k].name, t->properties[k].help ? t->properties[k].help : "", t->properties[k].read_only ? " (read-only)" : "");
            return true;
        }
    }
    return list;
}

// ---- the loop

static bool list_add(struct text_list *list, const char *option, const char *text, struct error **errp)
{
    if (list->count == MAX_LISTED)
        return error_set(errp, "-%s: given more than %d times", option, MAX_LISTED);
    list->items[list->count++] = text;
    return true;
}

static bool qmp_exists(const char *option, const char *text, struct error **errp)
{
    if (qmp_available(errp))
        return true;
    error_prefix(errp, "-%s %s: ", option, text);
    return false;
}

static bool add_qmp(struct options *o, const char *option, const char *text, bool pretty, struct error **errp)
{
    if (!qmp_exists(option, text, errp) || !list_add(&o->qmps, option, text, errp))
        return false;
    o->qmp_pretty[o->qmps.count - 1] = pretty;
    return true;
}

// [chardev=]ID[,mode=readline|control][,pretty=on|off]
static bool parse_mon(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "chardev", "mode", "pretty" };
    struct mon_option mon = { 0 };
    struct pairs p;
    bool ok = split(&p, "mon", text, "chardev", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        const struct pair *pair = &p.items[i];
        if (!strcmp(pair->key, "chardev"))
            snprintf(mon.chardev, sizeof mon.chardev, "%s", pair->value);
        else if (!strcmp(pair->key, "mode") && (!strcmp(pair->value, "readline") || !strcmp(pair->value, "control")))
            mon.control = *pair->value == 'c';
        else if (!strcmp(pair->key, "mode"))
            ok = error_set(errp, "-mon %s: Parameter 'mode' expects readline or control, not '%s'", text, pair->value);
        else if (!strcmp(pair->key, "pretty"))
            ok = on_off("mon", pair, &mon.pretty, errp);
        else
            ok = invalid("mon", text, pair->key, known, sizeof known / sizeof *known, errp);
    }
    free(p.text);
    if (ok && !*mon.chardev)
        ok = error_set(errp, "-mon %s: Parameter 'chardev' is missing", text);
    if (ok && mon.pretty && !mon.control)
        ok = error_set(errp, "-mon %s: 'pretty' is for mode=control", text);
    if (ok && o->mon_count == MAX_MON_OPTIONS)
        ok = error_set(errp, "-mon: given more than %d times", MAX_MON_OPTIONS);
    if (!ok || (mon.control && !qmp_exists("mon", text, errp)))
        return false;
    o->mons[o->mon_count++] = mon;
    return true;
}

// TEXT, or guest=TEXT with words about the host's process, which have no meaning here.
static bool parse_name(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "guest", "process", "debug-threads" };
    struct pairs p;
    bool ok = split(&p, "name", text, "guest", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        bool is_known = false;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            is_known |= !strcmp(known[k], p.items[i].key);
        if (!is_known) {
            ok = invalid("name", text, p.items[i].key, known, sizeof known / sizeof *known, errp);
        } else if (!strcmp(p.items[i].key, "guest")) {
            snprintf(o->guest_name, sizeof o->guest_name, "%s", p.items[i].value);
            o->name = o->guest_name;
        }
    }
    free(p.text);
    return ok;
}

static bool help_or_list(struct options *o, struct text_list *list, const char *option, const char *value, void (*help)(void (*)(void *, const char *), void *),
                         struct error **errp)
{
    if (strcmp(value, "help"))
        return list_add(list, option, value, errp);
    help(print, NULL);
    return o->done = true;
}

static bool apply(struct options *o, struct memory_words *words, enum option_id id, const char *value, struct error **errp)
{
    switch (id) {
    case OPT_machine: case OPT_M: return parse_machine(o, value, errp);
    case OPT_accel: return parse_accel(o, value, errp);
    case OPT_cpu:
        if (!strcmp(value, "help")) {
            cpu_model_print_help(print, NULL);
            return o->done = true;
        }
        o->pc.cpu_model = value;
        return true;
    case OPT_smp: return parse_smp(o, value, errp);
    case OPT_m: return parse_memory(o, words, value, errp);
    case OPT_mem_path: o->pc.mem_path = value; return true;
    case OPT_mem_prealloc: return o->pc.mem_prealloc = true;
    case OPT_numa: return list_add(&o->numas, "numa", value, errp);
    case OPT_rtc: return parse_rtc(o, value, errp);
    case OPT_icount: return parse_icount(o, value, errp);
    case OPT_name: return parse_name(o, value, errp);
    case OPT_kernel: o->pc.kernel = value; return true;
    case OPT_initrd: o->pc.initrd = value; return true;
    case OPT_append: o->pc.append = value; return true;
    case OPT_object:
        if (backend_help(value, print, NULL))
            return o->done = true;
        return list_add(&o->objects, "object", value, errp);
    case OPT_device:
        if (device_help(value))
            return o->done = true;
        return list_add(&o->devices, "device", value, errp);
    case OPT_vga: return parse_vga(o, value, errp);
    case OPT_nodefaults: o->nodefaults = true; return true;
    case OPT_chardev: return help_or_list(o, &o->chardevs, "chardev", value, chardev_print_help, errp);
    case OPT_serial: return list_add(&o->serials, "serial", value, errp);
    case OPT_monitor: return list_add(&o->monitors, "monitor", value, errp);
    case OPT_mon: return parse_mon(o, value, errp);
    case OPT_nographic: o->nographic = true; return true;
    case OPT_display:
        o->display_given = true;
        return ui_options_parse(&o->ui, value, &o->window, errp);
    case OPT_full_screen: return o->ui.full_screen = true;
    case OPT_gdb: o->gdb = value; return true;
    case OPT_s: o->gdb = "tcp::1234"; return true;
    case OPT_qmp: return add_qmp(o, "qmp", value, false, errp);
    case OPT_qmp_pretty: return add_qmp(o, "qmp-pretty", value, true, errp);
    case OPT_S: o->pc.paused = true; return true;
    case OPT_no_reboot: return o->pc.no_reboot = true;
    case OPT_no_shutdown: return o->pc.no_shutdown = true;
    case OPT_d:
        if (!strcmp(value, "help")) {
            log_print_help(stdout);
            return o->done = true;
        }
        o->log_items = value;
        return true;
    case OPT_D: o->log_file = value; return true;
    case OPT_action: return parse_action(o, value, errp);
    case OPT_limit_instructions: return run_option_limit_instructions(&o->run, value, errp);
    case OPT_limit_time: return run_option_limit_time(&o->run, value, errp);
    case OPT_stop_text: o->run.stop_text = value; return true;
    case OPT_deterministic:
        o->run.deterministic = true;
        return !value || run_option_deterministic(&o->run, value, errp);
    case OPT_script: o->run.script = value; return true;
    case OPT_record: return run_option_record(&o->run, value, errp);
    case OPT_digest_at: return run_option_digest_at(&o->run, value, errp);
    case OPT_digest_every: return run_option_digest_every(&o->run, value, errp);
    case OPT_version: print_version(); return o->done = true;
    default: print_help(); return o->done = true;
    }
}

static bool unknown_option(const char *name, struct error **errp)
{
    char spelled[OPT__COUNT][32];
    const char *names[OPT__COUNT];
    for (unsigned i = 0; i < OPT__COUNT; i++) {
        option_name(spelled[i], rows[i].name);
        names[i] = spelled[i];
    }
    error_set(errp, "-%s: invalid option", name);
    const char *nearest = nearest_name(name, names, OPT__COUNT);
    if (nearest)
        error_hint(errp, "did you mean '-%s'? (-help lists all)", nearest);
    return false;
}

bool options_parse(struct options *o, int argc, char **argv, struct error **errp)
{
    struct memory_words words = { 0 };
    memset(o, 0, sizeof *o);
    o->pc.ram_size = DEFAULT_RAM;
    o->pc.cpu_count = 1;
    o->pc.acpi = true;
    o->pc.rtc_base_ns = (int64_t)time(NULL) * NS_PER_SECOND;
    o->pc.seed = 1;
    o->pc.engine.icount_shift = ICOUNT_OFF;
#if defined(__x86_64__)
    o->pc.engine.backend = &tcg_backend_x86_64;
#else
    o->pc.engine.backend = &tcg_backend_interp;
#endif
    for (int i = 1; i < argc && !o->done; i++) {
        const char *arg = argv[i];
        if (*arg != '-' || !arg[1])
            return error_set(errp, "%s: this version has no disks to give an image to; options start with '-'", arg);
        arg += 1 + (arg[1] == '-');
        unsigned id;
        for (id = 0; id < OPT__COUNT; id++) {
            char name[32];
            option_name(name, rows[id].name);
            if (!strcmp(name, arg) || (id == OPT_deterministic && !strncmp(arg, "deterministic,", 14)))
                break;
        }
        if (id == OPT__COUNT)
            return unknown_option(arg, errp);
        if (rows[id].argument && i + 1 == argc)
            return error_set(errp, "-%s: requires an argument", arg);
        const char *switches = id == OPT_deterministic && arg[13] ? arg + 14 : NULL; // -deterministic,seed=N
        if (!apply(o, &words, id, rows[id].argument ? argv[++i] : switches, errp))
            return false;
    }
    default_vga(o);
    o->pc.numa = o->numas.items;
    o->pc.numa_count = (unsigned)o->numas.count;
    return o->done || (finish_memory(o, &words, errp) && run_options_finish(&o->run, &o->pc, errp));
}
