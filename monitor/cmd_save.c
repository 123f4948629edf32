// SPDX-License-Identifier: MIT
//
// memsave and pmemsave, for people and for QMP: the guest's memory into a file of the host.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hw/core/machine.h"
#include "monitor/internal.h"
#include "target/i386/cpu.h"
#if HAVE_JANSSON
#include "monitor/qmp.h"
#endif

#define PIECE 4096u

// Of physical memory: what is not RAM is all ones, no device is asked.
static bool read_piece(struct machine *machine, bool physical, unsigned cpu, uint64_t at, void *buffer, size_t size)
{
    if (!physical)
        return ldst_peek(&pc_cpu(machine, cpu)->head, at, buffer, size);
    const void *ram = address_space_ram_pointer(&machine->memory, at, size, false);
    if (ram)
        memcpy(buffer, ram, size);
    else
        memset(buffer, 0xff, size);
    return true;
}

// What cannot be read is an error, and no file is left then.
static bool save(struct machine *machine, bool physical, unsigned cpu, uint64_t at, uint64_t size, const char *name, struct error **errp)
{
    uint8_t buffer[PIECE];
    const struct flat_view *view = machine->memory.view;
    uint64_t last = physical && view->count ? view->sections[view->count - 1].last : UINT64_MAX;
    if (at > last || size > last - at + (last < UINT64_MAX))
        return error_set(errp, "Invalid addr 0x%016" PRIx64 "/size %" PRIu64 " specified: nothing is behind 0x%" PRIx64, at, size, last);
    for (uint64_t done = 0, n; !physical && done < size; done += n) { // before a file is made; most faults show here
        n = PIECE - (at + done) % PIECE < size - done ? PIECE - (at + done) % PIECE : size - done;
        if (!read_piece(machine, physical, cpu, at + done, buffer, 1))
            return error_set(errp, "Invalid addr 0x%016" PRIx64 "/size %" PRIu64 " specified: nothing is mapped at 0x%" PRIx64, at, size, at + done);
    }
    FILE *file = fopen(name, "wbe");
    if (!file)
        return error_set(errp, "Could not open '%s': %s", name, strerror(errno));
    bool good = true;
    for (uint64_t done = 0, n; good && done < size; done += n) {
        n = PIECE - (at + done) % PIECE < size - done ? PIECE - (at + done) % PIECE : size - done;
        good = read_piece(machine, physical, cpu, at + done, buffer, n) && fwrite(buffer, 1, n, file) == n;
    }
    int error = good ? 0 : errno;
    if (fclose(file) && good) {
        error = errno;
        good = false;
    }
    if (good)
        return true;
    remove(name);
    return error_set(errp, "writing to '%s' failed: %s", name, error ? strerror(error) : "the memory cannot be read");
}

static bool save_text(struct machine *machine, bool physical, char *arguments, const struct output *out, struct error **errp)
{
    const char *command = physical ? "pmemsave" : "memsave";
    char *words[3] = { NULL };
    for (unsigned i = 0; i < 3; i++)
        words[i] = i && !words[i - 1] ? NULL : next_word(&arguments);
    if (!words[2] || arguments[strspn(arguments, " \t")]) {
        out_printf(out, "%s: address, size and file expected\nTry \"help %s\" for more information\n", command, command);
        return true;
    }
    uint64_t numbers[2];
    for (unsigned i = 0; i < 2; i++) {
        char *end;
        errno = 0;
        numbers[i] = strtoull(words[i], &end, 0);
        if (errno || *end || *words[i] == '-' || end == words[i])
            return error_set(errp, "%s: '%s' is not a number", command, words[i]);
    }
    return save(machine, physical, 0, numbers[0], numbers[1], words[2], errp);
}

bool cmd_memsave(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    return save_text(machine, false, arguments, out, errp);
}

bool cmd_pmemsave(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    return save_text(machine, true, arguments, out, errp);
}

#if HAVE_JANSSON
static json_t *save_json(struct machine *machine, bool physical, const json_t *arguments, struct error **errp)
{
    json_int_t at = json_integer_value(json_object_get(arguments, "val")), size = json_integer_value(json_object_get(arguments, "size"));
    json_int_t cpu = json_integer_value(json_object_get(arguments, "cpu-index"));
    if (cpu < 0 || cpu >= machine->cpu_count)
        error_set(errp, "Parameter 'cpu-index' expects a CPU number");
    else if (size < 0)
        error_set(errp, "Parameter 'size' expects a size, not %" JSON_INTEGER_FORMAT, size);
    else if (save(machine, physical, (unsigned)cpu, (uint64_t)at, (uint64_t)size, qmp_string(arguments, "filename"), errp))
        return json_object();
    return NULL;
}

json_t *qmp_memsave(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return save_json(machine, false, arguments, errp);
}

json_t *qmp_pmemsave(struct machine *machine, const json_t *arguments, struct error **errp)
{
    return save_json(machine, true, arguments, errp);
}
#endif
