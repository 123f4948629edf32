// SPDX-License-Identifier: MIT
//
// Parsing of the command line, in QEMU's spelling. Rows of options.def make the help and the list of names; each
// option's function gets its value. The families have files of their own, options_*.c.
#include "options.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "backends/memory_backend.h"
#include "chardev/chardev.h"
#include "monitor/monitor.h"
#include "options_internal.h"
#include "target/i386/cpu.h"
#include "util/error.h"
#include "util/format.h"
#include "util/log.h"
#include "util/nearest.h"
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
        if (device_text_is(o->devices.items[i], "VGA"))
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

// ---- the loop

static bool help_or_list(struct options *o, struct text_list *list, const char *option, const char *value, void (*help)(void (*)(void *, const char *), void *),
                         struct error **errp)
{
    if (strcmp(value, "help"))
        return option_list_add(list, option, value, errp);
    help(print, NULL);
    return o->done = true;
}

static bool apply(struct options *o, struct memory_words *words, enum option_id id, const char *value, struct error **errp)
{
    switch (id) {
    case OPT_machine: case OPT_M: return option_machine(o, value, errp);
    case OPT_accel: return option_accel(o, value, errp);
    case OPT_cpu:
        if (!strcmp(value, "help")) {
            cpu_model_print_help(print, NULL);
            return o->done = true;
        }
        o->pc.cpu_model = value;
        return true;
    case OPT_smp: return option_smp(o, value, errp);
    case OPT_m: return option_memory(o, words, value, errp);
    case OPT_mem_path: o->pc.mem_path = value; return true;
    case OPT_mem_prealloc: return o->pc.mem_prealloc = true;
    case OPT_numa: return option_list_add(&o->numas, "numa", value, errp);
    case OPT_rtc: return option_rtc(o, value, errp);
    case OPT_icount: return option_icount(o, value, errp);
    case OPT_name: return option_guest_name(o, value, errp);
    case OPT_kernel: o->pc.kernel = value; return true;
    case OPT_initrd: o->pc.initrd = value; return true;
    case OPT_append: o->pc.append = value; return true;
    case OPT_object:
        if (backend_help(value, print, NULL))
            return o->done = true;
        return option_list_add(&o->objects, "object", value, errp);
    case OPT_device:
        if (device_help(&pc_device_types, value, print, NULL))
            return o->done = true;
        return option_list_add(&o->devices, "device", value, errp);
    case OPT_global: return option_global(o, value, errp);
    case OPT_set: return option_set(o, value, errp);
    case OPT_vga: return parse_vga(o, value, errp);
    case OPT_nodefaults: o->nodefaults = true; return true;
    case OPT_chardev: return help_or_list(o, &o->chardevs, "chardev", value, chardev_print_help, errp);
    case OPT_serial: return option_list_add(&o->serials, "serial", value, errp);
    case OPT_monitor: return option_list_add(&o->monitors, "monitor", value, errp);
    case OPT_mon: return option_mon(o, value, errp);
    case OPT_nographic: o->nographic = true; return true;
    case OPT_display:
        o->display_given = true;
        return ui_options_parse(&o->ui, value, &o->window, errp);
    case OPT_full_screen: return o->ui.full_screen = true;
    case OPT_gdb: o->gdb = value; return true;
    case OPT_s: o->gdb = "tcp::1234"; return true;
    case OPT_qmp: return option_qmp(o, "qmp", value, false, errp);
    case OPT_qmp_pretty: return option_qmp(o, "qmp-pretty", value, true, errp);
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
    case OPT_action: return option_action(o, value, errp);
    case OPT_limit_instructions: return run_option_limit_instructions(&o->run, value, errp);
    case OPT_limit_time: return run_option_limit_time(&o->run, value, errp);
    case OPT_stop_text: o->run.stop_text = value; return true;
    case OPT_deterministic:
        o->run.deterministic = true;
        return !value || run_option_deterministic(&o->run, value, errp);
    case OPT_script: o->run.script = value; return true;
    case OPT_record: return run_option_record(&o->run, value, errp);
    case OPT_seed: return run_option_seed(&o->run, "-seed", value, errp);
    case OPT_digest_at: return run_option_digest_at(&o->run, value, errp);
    case OPT_digest_every: return run_option_digest_every(&o->run, value, errp);
    case OPT_daemonize: return o->daemonize = true;
    case OPT_pidfile: o->pidfile = value; return true;
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

// Who goes into the background has no terminal.
static bool check_daemon(const struct options *o, struct error **errp)
{
    const struct text_list *const lists[] = { &o->chardevs, &o->serials, &o->monitors, &o->qmps };
    if (o->nographic)
        return error_set(errp, "-nographic cannot be used with -daemonize");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (size_t k = 0; k < lists[i]->count; k++) {
            const char *text = lists[i]->items[k];
            if (!strncmp(text + (strncmp(text, "mon:", 4) ? 0 : 4), "stdio", 5))
                return error_set(errp, "cannot use stdio with -daemonize: %s", text);
        }
    }
    return true;
}

// Of a type that this machine does not have: passed over, as QEMU does.
static void check_globals(const struct options *o)
{
    for (size_t i = 0; i < o->globals.count; i++) {
        const char *text = o->globals.items[i];
        char *type = format_text("%.*s", (int)strcspn(text, "."), text);
        if (!device_type_find(&pc_device_types, type))
            warn_report("global %.*s has invalid class name: passed over", (int)strcspn(text, "="), text);
        free(type);
    }
}

void options_release(struct options *o)
{
    struct text_list *const lists[] = { &o->objects, &o->numas, &o->devices, &o->chardevs, &o->serials, &o->monitors, &o->qmps, &o->globals };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t k = 0; k < lists[i]->count; k++)
            free(lists[i]->items[k]);
    run_options_release(&o->run);
}

bool options_parse(struct options *o, int argc, char **argv, struct error **errp)
{
    struct memory_words words = { 0 };
    memset(o, 0, sizeof *o);
    o->pc.ram_size = DEFAULT_RAM;
    o->pc.cpu_count = 1;
    o->pc.acpi = true;
    o->pc.rtc_base_ns = (int64_t)time(NULL) * NS_PER_SECOND;
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
        if (id == OPT__COUNT) {
            enum absent_option absent = option_absent(arg, i + 1 < argc ? argv[i + 1] : NULL, errp);
            if (absent == ABSENT_UNKNOWN)
                return unknown_option(arg, errp);
            if (absent == ABSENT_REFUSED)
                return false;
            i += absent == ABSENT_WITH_ARGUMENT;
            continue;
        }
        if (rows[id].argument && i + 1 == argc)
            return error_set(errp, "-%s: requires an argument", arg);
        const char *switches = id == OPT_deterministic && arg[13] ? arg + 14 : NULL; // -deterministic,seed=N
        if (!apply(o, &words, id, rows[id].argument ? argv[++i] : switches, errp))
            return false;
    }
    if (!o->done && !o->pc.kernel && (o->pc.append || o->pc.initrd))
        return error_set(errp, "-%s only allowed with -kernel option", o->pc.append ? "append" : "initrd");
    if (o->daemonize && !check_daemon(o, errp))
        return false;
    default_vga(o);
    check_globals(o);
    o->pc.globals = (const char *const *)o->globals.items;
    o->pc.global_count = o->globals.count;
    o->pc.numa = (const char *const *)o->numas.items;
    o->pc.numa_count = (unsigned)o->numas.count;
    return o->done || (option_memory_finish(o, &words, errp) && run_options_finish(&o->run, &o->pc, errp));
}
