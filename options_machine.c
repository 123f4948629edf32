// SPDX-License-Identifier: MIT
//
// The machine and how it runs: -machine, -accel, -smp, -name.
#include "options_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "util/error.h"

// Properties of QEMU's machine for what this one does not have.
static bool is_absent(const char *key)
{
    static const char *const names[] = { "usb", "nvdimm", "smm", "vmport", "hmat", "cxl" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], key))
            return true;
    return false;
}

bool option_machine(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "type", "acpi", "hpet", "kaslr", "unpack", "accel", "memory-backend", "mem-merge", "dump-guest-core" };
    bool flag = true;
    struct option_pairs p;
    if (!strcmp(text, "help")) {
        puts("Supported machines are:\npc                   PC with i440FX and PIIX, memory hotplug (default)");
        return o->done = true;
    }
    bool ok = option_split(&p, "machine", text, "type", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        struct option_pair *k = &p.items[i];
        if (!strcmp(k->key, "type")) {
            if (strcmp(k->value, "pc")) {
                ok = error_set(errp, "-machine %s: unsupported machine type", k->value);
                error_hint(errp, "Use -machine help to list supported machines");
            }
        } else if (!strcmp(k->key, "acpi")) {
            ok = option_on_off("machine", k, &o->pc.acpi, errp);
        } else if (!strcmp(k->key, "kaslr")) {
            ok = option_on_off("machine", k, &o->pc.kaslr, errp);
        } else if (!strcmp(k->key, "hpet")) {
            ok = option_on_off("machine", k, &o->pc.hpet, errp);
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
        } else if (is_absent(k->key)) { // what managers switch off in any case
            ok = option_on_off("machine", k, &flag, errp) && (!flag || error_set(errp, "-machine %s=on: not in this version", k->key));
        } else if (!strcmp(k->key, "mem-merge")) {
            ok = option_on_off("machine", k, &flag, errp);
            o->no_mem_merge = !flag;
        } else if (!strcmp(k->key, "dump-guest-core")) {
            ok = option_on_off("machine", k, &flag, errp);
            o->no_core_dump = !flag;
        } else if (!strcmp(k->key, "accel")) {
            if (!strstr(k->value, "tcg"))
                ok = error_set(errp, "-machine accel=%s: only tcg is there", k->value);
        } else {
            ok = option_invalid("machine", text, k->key, known, sizeof known / sizeof *known, errp);
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
    else if (!strcmp(value, "x86_64-plain"))
        o->pc.engine.backend = &tcg_backend_x86_64_plain;
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

static bool parse_accel_pair(struct options *o, const struct option_pair *k, const char *text, struct error **errp)
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
        return option_on_off("accel", k, &e->verify, errp);
    if (!strcmp(k->key, "chain") || !strcmp(k->key, "one-insn")) {
        if (!option_on_off("accel", k, &flag, errp))
            return false;
        if (*k->key == 'c')
            e->no_chain = !flag;
        else
            e->max_insns = flag ? 1 : 0;
        return true;
    }
    if (!strcmp(k->key, "tb-size")) {
        if (!option_number("accel", k, 2047, &n, errp))
            return false;
        if (n < 8)
            return error_set(errp, "-accel: tb-size=%s: at least 8 MiB are needed", k->value);
        e->code_size = (size_t)n << 20;
        return true;
    }
    if (!strcmp(k->key, "max-insns")) {
        if (!option_number("accel", k, 64, &n, errp))
            return false;
        e->max_insns = (unsigned)n;
        return true;
    }
    if (!strcmp(k->key, "flush-every")) {
        if (!option_number("accel", k, UINT32_MAX, &n, errp))
            return false;
        e->flush_every = (unsigned)n;
        return true;
    }
    return option_invalid("accel", text, k->key, known, sizeof known / sizeof *known, errp);
}

bool option_accel(struct options *o, const char *text, struct error **errp)
{
    struct option_pairs p;
    if (!strcmp(text, "help")) {
        puts("Accelerators supported:\ntcg\n\nProperties of tcg:\n  backend=x86_64|interp   host code, or the portable interpreter\n  tb-size=MiB             memory for generated code\n"
             "  split-wx=auto|memfd|file|toggle  how that memory is written\nFor tests (never visible to the guest):\n  backend=x86_64-plain    host code without AVX, BMI, LZCNT and POPCNT\n  max-insns=N             instructions a block\n"
             "  one-insn=on             blocks of one instruction\n  chain=off               blocks are never linked\n  flush-every=N           forget all cached mappings every N entries\n  verify=on               check the intermediate code of each block");
        return o->done = true;
    }
    bool ok = option_split(&p, "accel", text, "accel", errp);
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

bool option_smp(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "cpus", "maxcpus", "sockets", "cores", "threads" };
    struct option_pairs p;
    uint64_t n;
    bool ok = option_split(&p, "smp", text, "cpus", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        struct option_pair *k = &p.items[i];
        bool is_cpus = !strcmp(k->key, "cpus"), is_known = false;
        for (unsigned j = 0; j < sizeof known / sizeof *known; j++)
            is_known |= !strcmp(known[j], k->key);
        if (!is_known) {
            ok = option_invalid("smp", text, k->key, known, sizeof known / sizeof *known, errp);
        } else {
            ok = option_number("smp", k, 32, &n, errp);
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

// TEXT, or guest=TEXT with words about the host's process, which have no meaning here.
bool option_guest_name(struct options *o, const char *text, struct error **errp)
{
    static const char *const known[] = { "guest", "process", "debug-threads" };
    struct option_pairs p;
    bool ok = option_split(&p, "name", text, "guest", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        bool is_known = false;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            is_known |= !strcmp(known[k], p.items[i].key);
        if (!is_known) {
            ok = option_invalid("name", text, p.items[i].key, known, sizeof known / sizeof *known, errp);
        } else if (!strcmp(p.items[i].key, "guest")) {
            snprintf(o->guest_name, sizeof o->guest_name, "%s", p.items[i].value);
            o->name = o->guest_name;
        }
    }
    free(p.text);
    return ok;
}
