// SPDX-License-Identifier: MIT
//
// -m: sizes in QEMU's spelling, and whether they fit together.
#include "options_internal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hw/mem/memory_device.h"
#include "util/error.h"
#include "util/parse.h"

// A size of -m. As in QEMU, a plain number is MiB for the size and bytes for maxmem.
static bool memory_size(const struct option_pair *k, uint64_t *out, struct error **errp)
{
    const char *end = k->value + strspn(k->value, "0123456789");
    size_t length = strlen(k->value);
    bool plain_fraction = memchr(k->value, '.', length) && k->value[length - 1] >= '0' && k->value[length - 1] <= '9';
    if (length && !*end && *k->key == 's') {
        struct option_pair plain = *k;
        if (!option_number("m", &plain, UINT64_MAX >> 20, out, NULL))
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

bool option_memory(struct options *o, struct memory_words *w, const char *text, struct error **errp)
{
    static const char *const known[] = { "size", "slots", "maxmem" };
    struct option_pairs p;
    if (strstr(text, ",,"))
        return error_set(errp, "-m %s: there is nothing between two commas", text);
    bool ok = option_split(&p, "m", text, "size", errp);
    for (unsigned i = 0; ok && i < p.count; i++) {
        struct option_pair *k = &p.items[i];
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
            ok = option_invalid("m", text, k->key, known, 3, errp);
        }
    }
    free(p.text);
    return ok;
}

bool option_memory_finish(struct options *o, const struct memory_words *w, struct error **errp)
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
